/* produce.c: leat produce: records from --value, files, or stdin; text lines or JSON lines.
 *
 * The way of a record: piece of input up to the delimiter -> key split off, or JSON decoded -> leat_send. Deliveries are
 * counted by the library's thread; the outcome is told once, at the end. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "client/cli/command.h"
#include "client/cli/interrupt.h"
#include "client/cli/positions.h"
#include "client/cli/record_json.h"

#define FLUSH_STEP_MS 200

enum { OPT_VALUE = 1, OPT_ACKS, OPT_PARTITIONER, OPT_KEEP_PARTITION };

struct produce_input {
    const char *topic;
    struct cli_words files, values, headers;
    const char *key;
    const char *key_delimiter, *delimiter;
    const char *codec, *acks, *partitioner;
    int32_t partition;
    bool tombstone; /* -Z */
    bool keep_partition;
};

/* Filled by the delivery callback on the library's thread. */
struct outcome {
    pthread_mutex_t mutex; /* guards all below */
    int64_t stored, failed, bytes;
    int code; /* of the first failure */
    char message[256];
    int32_t partition; /* of the last record */
    int64_t offset;
};

struct produce {
    struct cli *cli;
    struct produce_input *input;
    struct leat_producer *producer;
    struct leat_record *record;
    struct outcome outcome;
    int64_t line;
};

static const struct argp_option options[] = {
    {"key", 'k', "KEY", 0, "Key of every record", 0},
    {"value", OPT_VALUE, "VALUE", 0, "A record with this value; may be repeated; stdin is not read",
     0},
    {"header", 'H', "NAME=VALUE", 0, "Header of every record; may be repeated", 0},
    {"partition", 'p', "N", 0, "This partition, whatever the key", 0},
    {"key-delimiter", 'K', "DELIM", 0, "A line is KEY DELIM VALUE", 0},
    {"delimiter", 'D', "DELIM", 0, "What ends a record (newline)", 0},
    {"tombstone", 'Z', NULL, 0, "An empty value is null", 0},
    {"compression", 'z', "none|gzip|snappy|lz4|zstd", 0, "Codec of the batches (none)", 0},
    {"acks", OPT_ACKS, "all|1|0", 0, "When a record counts as stored (all)", 0},
    {"partitioner", OPT_PARTITIONER, "murmur2|crc32|xxhash|random", 0,
     "How a key finds its partition: as Java (murmur2), as librdkafka (crc32)", 0},
    {"keep-partition", OPT_KEEP_PARTITION, NULL, 0, "With --json: the partition of the line counts",
     0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static int send_input(struct produce *p, struct leat_error **reterr);
static int finish(struct produce *p, int code, struct leat_error *err, int64_t begin_ns);

static void add_pair(struct cli_words *words, struct argp_state *state, char *arg)
{
    if (strchr(arg, '=') == NULL) {
        argp_error(state, "-H %s: want NAME=VALUE", arg);
    }
    cli_words_add(words, state, arg);
}

/* "\t", "\n" and "\xNN" as typed in a shell. */
static void unescape(char *text)
{
    char *out = text;
    for (char *in = text; *in != '\0'; in++) {
        unsigned value;
        if (in[0] == '\\' && in[1] == 'x' && sscanf(in + 2, "%2x", &value) == 1) {
            *out++ = (char)(unsigned char)value;
            in += 3;
        } else if (in[0] == '\\' && in[1] != '\0') {
            in++;
            *out++ = *in == 't' ? '\t' : *in == 'n' ? '\n' : *in == 'r' ? '\r' : *in;
        } else {
            *out++ = *in;
        }
    }
    *out = '\0';
}

static error_t parse_word(char *arg, struct argp_state *state)
{
    struct produce_input *input = state->input;
    if (input->topic == NULL) {
        input->topic = arg;
    } else {
        cli_words_add(&input->files, state, arg);
    }
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct produce_input *input = state->input;
    char *end;
    switch (key) {
    case 'k':
        input->key = arg;
        return 0;
    case OPT_VALUE:
        cli_words_add(&input->values, state, arg);
        return 0;
    case 'H':
        add_pair(&input->headers, state, arg);
        return 0;
    case 'p':
        input->partition = (int32_t)strtol(arg, &end, 10);
        if (*end != '\0' || end == arg || input->partition < -1) {
            argp_error(state, "-p %s: want a partition number", arg);
        }
        return 0;
    case 'K':
    case 'D':
        unescape(arg);
        if (*arg == '\0') {
            argp_error(state, "-%c: the delimiter is empty", key);
        }
        *(key == 'K' ? &input->key_delimiter : &input->delimiter) = arg;
        return 0;
    case 'Z':
        input->tombstone = true;
        return 0;
    case 'z':
        input->codec = arg;
        return 0;
    case OPT_ACKS:
        input->acks = arg;
        return 0;
    case OPT_PARTITIONER:
        input->partitioner = arg;
        return 0;
    case OPT_KEEP_PARTITION:
        input->keep_partition = true;
        return 0;
    case ARGP_KEY_ARG:
        return parse_word(arg, state);
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "say which topic");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int set_properties(struct produce *p, struct leat_error **reterr)
{
    const struct {
        const char *key, *value;
    } settings[] = {{"compression.type", p->input->codec},
                    {"acks", p->input->acks},
                    {"partitioner", p->input->partitioner}};
    int code = 0;
    for (size_t i = 0; code == 0 && i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (settings[i].value != NULL) {
            code = leat_conf_set(p->cli->conf, settings[i].key, settings[i].value, reterr);
        }
    }
    return code;
}

static int run_produce(struct cli *cli, int argc, char **argv)
{
    static struct produce_input input = {.partition = -1, .delimiter = "\n"};
    cli_parse(cli, argc, argv, &input);
    /* Static: callbacks of records that are given up may come after this function has returned. */
    static struct produce p = {.outcome = {.mutex = PTHREAD_MUTEX_INITIALIZER, .offset = -1}};
    p.cli = cli;
    p.input = &input;
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct leat_error *err = NULL;
    int64_t begin_ns = lt_clock_mono_ns(lt_clock_real());
    int code = set_properties(&p, &err);
    if (code != 0) {
        (void)cli_fail(cli, code, err, "produce"); /* a setting was refused */
        return CLI_USAGE;
    }
    p.record = leat_record_new();
    code = p.record == NULL ? LEAT_ENOMEM
                            : leat_producer_new(cli->client, cli->conf, &p.producer, &err);
    if (code == 0) {
        cli_interrupt_catch(NULL);
        code = send_input(&p, &err);
    }
    status = finish(&p, code, err, begin_ns);
    leat_producer_free(p.producer);
    leat_record_free(p.record);
    return status;
}

const struct cli_command cli_produce = {
    .name = "produce",
    .alias = "pub",
    .summary = "send records from stdin, files or --value literals",
    .args = "TOPIC [FILE..]",
    .doc = "Send records: one per line of stdin or of the files.",
    .examples = "echo '{\"id\":42}' | leat produce orders -k ord-42 -H source=web\n"
                "leat consume old --json -e | leat produce new --json\n",
    .options = options,
    .parse = parse,
    .run = run_produce,
};

/* ---- sending ---- */

static void on_delivery(const struct leat_delivery *d, void *arg)
{
    struct outcome *o = arg;
    int code = leat_delivery_code(d);
    const struct leat_record *rec = leat_delivery_record(d);
    pthread_mutex_lock(&o->mutex);
    if (code != 0) {
        o->failed++;
        if (o->code == 0) {
            o->code = code;
            (void)snprintf(o->message, sizeof(o->message), "%s",
                           leat_delivery_message(d)); /* cut is fine */
        }
    } else {
        size_t key_size = 0;
        size_t value_size = 0;
        o->stored++;
        if (rec != NULL) {
            (void)leat_record_topic(rec, &o->partition);
            (void)leat_record_key(rec, &key_size);
            (void)leat_record_value(rec, &value_size);
            o->offset = leat_record_offset(rec);
        }
        o->bytes += (int64_t)(key_size + value_size);
    }
    pthread_mutex_unlock(&o->mutex);
}

static int add_headers(struct produce *p)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < p->input->headers.count; i++) {
        const char *pair = p->input->headers.words[i];
        const char *equals = strchr(pair, '=');
        char *name = lt_strndup(pair, (size_t)(equals - pair));
        code = name == NULL
                   ? LEAT_ENOMEM
                   : leat_record_add_header(p->record, name, equals + 1, strlen(equals + 1));
        lt_free(name);
    }
    return code;
}

static int fill_text(struct produce *p, struct lt_slice text, struct leat_error **reterr)
{
    struct lt_slice key = lt_slice_text(p->input->key);
    if (p->input->key_delimiter != NULL) {
        size_t size = strlen(p->input->key_delimiter);
        const uint8_t *at =
            text.size == 0 ? NULL : memmem(text.data, text.size, p->input->key_delimiter, size);
        if (at == NULL) {
            return lt_error_set(reterr, LEAT_EINVAL,
                                "record %" PRId64 ": no key delimiter '%s' in it", p->line,
                                p->input->key_delimiter);
        }
        key = lt_slice(text.data, (size_t)(at - text.data));
        text = lt_slice(at + size, text.size - key.size - size);
    }
    leat_record_clear(p->record);
    int code = leat_record_set_topic(p->record, p->input->topic, p->input->partition);
    if (code == LEAT_EINVAL) {
        return lt_error_set(reterr, code, "'%s' is no topic name", p->input->topic);
    }
    if (code == 0 && key.data != NULL) {
        code = leat_record_set_key(p->record, key.data, key.size);
    }
    if (code == 0 && !(p->input->tombstone && text.size == 0)) {
        code = leat_record_set_value(p->record, text.data, text.size);
    }
    return code;
}

static int
send_record(struct produce *p, struct lt_slice text, bool json, struct leat_error **reterr)
{
    p->line++;
    int code;
    if (json) {
        if (text.size == 0) {
            return 0; /* an empty line between objects */
        }
        code = cli_record_json_read((const char *)text.data, text.size, p->input->topic,
                                    p->input->keep_partition, p->record, reterr);
        if (code != 0) {
            (void)lt_error_prefix(reterr, "line %" PRId64, p->line); /* the code stays */
        }
    } else {
        code = fill_text(p, text, reterr);
    }
    if (code == 0) {
        code = add_headers(p);
    }
    if (code == 0 && !p->cli->dry_run) {
        code = leat_send(p->producer, p->record, on_delivery, &p->outcome);
        if (code == LEAT_E2BIG) {
            size_t size;
            (void)leat_record_value(p->record, &size);
            (void)lt_error_set(reterr, code, /* the code stays */
                               "record %" PRId64
                               ": %zu bytes, more than max.request.size allows; raise it with -X "
                               "max.request.size=SIZE (and the topic's max.message.bytes)",
                               p->line, size);
        }
    }
    return code;
}

/* Everything up to each delimiter is a record; what follows the last one too, if there is anything. */
static int send_stream(struct produce *p, FILE *in, const char *name, struct leat_error **reterr)
{
    bool json = p->cli->format == CLI_JSON;
    const char *delimiter = json ? "\n" : p->input->delimiter;
    size_t size = strlen(delimiter);
    struct lt_buf piece = {0};
    int code = lt_buf_reserve(&piece, 1); /* so that an empty record is not null */
    int byte = 0;
    while (code == 0 && !cli_interrupted() && (byte = getc_unlocked(in)) != EOF) {
        uint8_t c = (uint8_t)byte;
        code = lt_buf_append(&piece, &c, 1);
        if (code == 0 && piece.size >= size &&
            memcmp(piece.data + piece.size - size, delimiter, size) == 0) {
            code = send_record(p, lt_slice(piece.data, piece.size - size), json, reterr);
            piece.size = 0;
        }
    }
    if (code == 0 && piece.size > 0 && !cli_interrupted()) {
        code = send_record(p, lt_buf_slice(&piece), json, reterr);
    }
    if (code == 0 && ferror(in) != 0 && !cli_interrupted()) {
        code = lt_error_set_errno(reterr, LEAT_EIO, errno, "%s", name);
    }
    lt_buf_release(&piece);
    return code;
}

static int send_input(struct produce *p, struct leat_error **reterr)
{
    struct produce_input *input = p->input;
    int code = 0;
    for (size_t i = 0; code == 0 && i < input->values.count; i++) {
        code = send_record(p, lt_slice_text(input->values.words[i]), false, reterr);
    }
    for (size_t i = 0; code == 0 && i < input->files.count; i++) {
        FILE *in = fopen(input->files.words[i], "re");
        if (in == NULL) {
            return lt_error_set_errno(reterr, LEAT_ENOENT, errno, "%s", input->files.words[i]);
        }
        code = send_stream(p, in, input->files.words[i], reterr);
        (void)fclose(in); /* only read */
    }
    if (code == 0 && input->values.count == 0 && input->files.count == 0) {
        if (isatty(STDIN_FILENO)) {
            cli_hint(p->cli, "one record per line, Ctrl-D ends");
        }
        code = send_stream(p, stdin, "stdin", reterr);
    }
    return code;
}

/* ---- the end ---- */

static void flush(struct produce *p)
{
    /* After an error of ours what was sent still counts; only a second Ctrl-C cuts this short, and that kills. */
    int64_t until_ns = lt_clock_mono_ns(lt_clock_real()) + (int64_t)p->cli->timeout_ms * 1000000;
    while (leat_producer_flush(p->producer, FLUSH_STEP_MS) > 0 &&
           lt_clock_mono_ns(lt_clock_real()) < until_ns) {
    }
}

static void tell(const struct produce *p, double elapsed_ms)
{
    const struct outcome *o = &p->outcome;
    if (p->cli->quiet) {
        return;
    }
    if (p->cli->dry_run) {
        fprintf(stderr, "%" PRId64 " records would be sent\n", p->line);
    } else if (o->stored == 1 && o->failed == 0) {
        fprintf(stderr, "%s/%d@%" PRId64 "  %" PRId64 " B  %.1f ms\n", p->input->topic,
                o->partition, o->offset, o->bytes, elapsed_ms);
    } else {
        fprintf(stderr, "%s  %" PRId64 " records  %" PRId64 " B  %.1f ms\n", p->input->topic,
                o->stored, o->bytes, elapsed_ms);
    }
}

static int finish(struct produce *p, int code, struct leat_error *err, int64_t begin_ns)
{
    int status = CLI_DONE;
    if (p->producer != NULL) {
        flush(p);
    }
    pthread_mutex_lock(&p->outcome.mutex);
    size_t pending = leat_producer_pending(p->producer);
    if (code != 0) {
        status = cli_fail(p->cli, code, err, "produce %s", p->input->topic);
    }
    if (p->outcome.failed > 0) {
        fprintf(stderr,
                "leat: produce %s: %" PRId64 " of %" PRId64 " records were not stored: %s (%s)\n",
                p->input->topic, p->outcome.failed, p->outcome.failed + p->outcome.stored,
                p->outcome.message, leat_errname(p->outcome.code));
        status = CLI_FAILED;
    }
    if (pending > 0) {
        fprintf(stderr,
                "leat: produce %s: %zu records were not answered in time; whether they are stored "
                "is not known\n",
                p->input->topic, pending);
        status = CLI_FAILED;
    }
    tell(p, (double)(lt_clock_mono_ns(lt_clock_real()) - begin_ns) / 1e6);
    pthread_mutex_unlock(&p->outcome.mutex);
    return cli_interrupted() ? CLI_INTERRUPTED : status;
}
