/* produce.c: leat produce: records from --value, files, or stdin.
 *
 * The way of a record: bytes of the input -> record_input -> leat_send -> deliveries, counted on the library's thread. At the
 * end all that was sent is waited for, and what was not acknowledged is told with its place in the input. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/units.h"
#include "client/cli/command.h"
#include "client/cli/deliveries.h"
#include "client/cli/encode.h"
#include "client/cli/interrupt.h"
#include "client/cli/outcome.h"
#include "client/cli/record_input.h"
#include "client/cli/record_json.h"
#include "client/cli/trouble.h"

#define READ_BYTES (1 << 18)
#define RECORD_BYTES_MAX ((size_t)1 << 28) /* docs/limits.md */
#define SEND_STEP_MS 200                   /* leat_send is left so often, to see Ctrl-C */
#define FLUSH_STEP_MS 100
#define INTERRUPTED_MS 500 /* what was sent before Ctrl-C may still be answered */
#define CANCEL_MS 2000
#define UNKNOWN_TOPIC_MS 3000 /* a topic that the broker creates is there long before */
#define PROGRESS_MASK 1023
#define SETTING_COUNT 3
#define SETTING_SIZE 64

enum { OPT_VALUE = 1, OPT_ACKS, OPT_PARTITIONER, OPT_PROGRESS, OPT_TXN };

struct produce_input {
    const char *topic;
    struct cli_words files, values, headers;
    const char *key, *format;
    struct lt_slice key_delimiter, delimiter; /* null: not given */
    const char *codec, *acks, *partitioner;
    int32_t partition; /* CLI_PARTITION_OF_RECORD: not given */
    bool tombstone;    /* -Z */
    bool progress;
    char settings[SETTING_COUNT][SETTING_SIZE]; /* flags that are settings, as KEY=VALUE */
};

struct produce {
    struct cli *cli;
    struct produce_input *input;
    struct cli_record_input records;
    struct leat_producer *producer;
    struct leat_record *record;
    int64_t sent, bytes;
    int64_t block_ms; /* max.block.ms as it was set */
    int64_t begin_ns, progress_ns;
};

static const struct argp_option options[] = {
    {"key", 'k', "KEY", 0, "Key of every record", 0},
    {"value", OPT_VALUE, "VALUE", 0, "A record with this value; may be repeated; stdin is not read",
     0},
    {"header", 'H', "NAME=VALUE", 0, "Header of every record; may be repeated", 0},
    {"partition", 'p', "N", 0, "This partition, whatever the key; -1: as the key says", 0},
    {"key-delimiter", 'K', "DELIM", 0, "A line is KEY DELIM VALUE", 0},
    {"delimiter", 'D', "DELIM", 0, "What ends a record (newline)", 0},
    {"input", 'f', "FORMAT", 0, "Form of a record in the input ('leat help format')", 0},
    {"tombstone", 'Z', NULL, 0, "An empty value is null", 0},
    {"compression", 'z', "none|gzip|snappy|lz4|zstd", 0, "Codec of the batches (none)", 0},
    {"acks", OPT_ACKS, "all|1|0", 0, "When a record counts as stored (all)", 0},
    {"partitioner", OPT_PARTITIONER, "murmur2|crc32|xxhash|random", 0,
     "How a key finds its partition: as Java (murmur2), as librdkafka (crc32)", 0},
    {"progress", OPT_PROGRESS, NULL, 0, "Say every second how far it is", 0},
    {"txn", OPT_TXN, "ID", OPTION_HIDDEN, NULL, 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static int send_input(struct produce *p, struct leat_error **reterr);
static int finish(struct produce *p, int code, struct leat_error *err);

static void add_pair(struct cli_words *words, struct argp_state *state, char *arg)
{
    if (strchr(arg, '=') == NULL || arg[0] == '=') {
        argp_error(state, "-H %s: want NAME=VALUE", arg);
    }
    cli_words_add(words, state, arg);
}

/* A delimiter as typed in a shell, "\t" or "\xNN" included; any bytes, zeros too, so it has a size. */
static struct lt_slice delimiter_or_die(struct argp_state *state, int key, char *arg)
{
    char *out = arg;
    const char *in = arg;
    while (*in != '\0') {
        char byte = *in++;
        if (byte == '\\' && !cli_decode_escape(&in, &byte)) {
            argp_error(state, "-%c: '\\%.3s' is none of the escapes \\t \\n \\r \\\\ \\xNN", key,
                       in);
        }
        *out++ = byte;
    }
    if (out == arg) {
        argp_error(state, "-%c: the delimiter is empty", key);
    }
    return lt_slice(arg, (size_t)(out - arg));
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

static int32_t partition_or_die(struct argp_state *state, const char *arg)
{
    char *end;
    long number = strtol(arg, &end, 10);
    if (*end != '\0' || end == arg || number < -1 || number > INT32_MAX) {
        argp_error(state, "-p %s: want a partition number", arg);
    }
    return (int32_t)number;
}

static error_t parse_more(int key, char *arg, struct argp_state *state)
{
    struct produce_input *input = state->input;
    switch (key) {
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
    case OPT_PROGRESS:
        input->progress = true;
        return 0;
    case OPT_TXN:
        argp_error(state,
                   "--txn: transactions are not built yet; without it every record counts as "
                   "soon as it is acknowledged");
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

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct produce_input *input = state->input;
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
        input->partition = partition_or_die(state, arg);
        return 0;
    case 'f':
        input->format = arg;
        return 0;
    case 'K':
    case 'D':
        *(key == 'K' ? &input->key_delimiter : &input->delimiter) =
            delimiter_or_die(state, key, arg);
        return 0;
    default:
        return parse_more(key, arg, state);
    }
}

/* The forms of the input exclude each other. */
static int set_input(struct produce *p, struct leat_error **reterr)
{
    const struct produce_input *input = p->input;
    bool json = p->cli->format == CLI_JSON;
    p->records = (struct cli_record_input){
        .topic = input->topic,
        .partition = input->partition,
        .key = input->key,
        .delimiter = input->delimiter.data == NULL ? lt_slice("\n", 1) : input->delimiter,
        .key_delimiter = input->key_delimiter,
        .headers = &input->headers,
        .json = json,
        .tombstone = input->tombstone};
    if ((json || input->format != NULL) &&
        (input->key_delimiter.data != NULL || input->delimiter.data != NULL || input->key != NULL ||
         input->tombstone)) {
        return lt_error_set(reterr, LEAT_EINVAL,
                            "%s says where key and value are; -k, -K, -D and -Z are for lines",
                            json ? "--json" : "-f");
    }
    if (json && input->format != NULL) {
        return lt_error_set(reterr, LEAT_EINVAL, "-f and --json are two forms; choose one");
    }
    if (input->key != NULL && input->key_delimiter.data != NULL) {
        return lt_error_set(
            reterr, LEAT_EINVAL,
            "-k gives one key to all records, -K takes it from the line; choose one");
    }
    return input->format == NULL
               ? 0
               : cli_record_format_parse_input(input->format, &p->records.format, reterr);
}

/* The flags that are settings, behind those of -X: they are stronger. */
static void add_properties(struct produce_input *input, struct cli *cli)
{
    const struct {
        const char *key, *value;
    } settings[SETTING_COUNT] = {{"compression.type", input->codec},
                                 {"acks", input->acks},
                                 {"partitioner", input->partitioner}};
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (settings[i].value != NULL && cli->property_count < CLI_PROPERTIES_MAX) {
            (void)snprintf(input->settings[i], SETTING_SIZE, "%s=%s", settings[i].key,
                           settings[i].value); /* what is cut is no value that is known */
            cli->properties[cli->property_count++] = input->settings[i];
        }
    }
}

/* leat_send is to come back often; how long a record may wait in all is kept. */
static int take_block_time(struct produce *p, struct leat_error **reterr)
{
    char text[32];
    if (leat_conf_get(p->cli->conf, "max.block.ms", text, sizeof(text)) <= 0 ||
        lt_parse_duration_ms(text, 1, &p->block_ms) != 0) { /* as it was written: 2s or 2000 */
        return 0;
    }
    (void)snprintf(text, sizeof(text), "%" PRId64,
                   p->block_ms < SEND_STEP_MS ? p->block_ms : SEND_STEP_MS);
    return leat_conf_set(p->cli->conf, "max.block.ms", text, reterr);
}

static int run_produce(struct cli *cli, int argc, char **argv)
{
    static struct produce_input input = {.partition = CLI_PARTITION_OF_RECORD};
    cli_parse(cli, argc, argv, &input);
    struct produce p = {.cli = cli, .input = &input};
    struct leat_error *err = NULL;
    int code = set_input(&p, &err);
    add_properties(&input, cli);
    int status = code == 0 ? cli_connect(cli) : 0;
    if (code == 0 && status == 0) {
        p.begin_ns = lt_clock_mono_ns(lt_clock_real());
        p.progress_ns = p.begin_ns;
        code = take_block_time(&p, &err);
    }
    if (code != 0) {
        (void)cli_fail(cli, code, err, "produce"); /* the command line was wrong */
        status = CLI_USAGE;
    }
    if (status == 0) {
        p.record = leat_record_new();
        code = p.record == NULL ? LEAT_ENOMEM
                                : leat_producer_new(cli->client, cli->conf, &p.producer, &err);
        if (code == 0) {
            cli_interrupt_catch(NULL);
            cli_trouble_begin(cli);
            code = send_input(&p, &err);
        }
        status = finish(&p, code, err);
    }
    leat_producer_free(p.producer);
    leat_record_free(p.record);
    cli_record_input_release(&p.records);
    return status;
}

const struct cli_command cli_produce = {
    .name = "produce",
    .alias = "pub",
    .summary = "send records from stdin, files or --value literals",
    .args = "TOPIC [FILE..]",
    .doc = "Send records: one per line of stdin or of the files. With --json each line is an "
           "object as leat\n"
           "consume --json prints it, its partition included; with -f the input has the form of "
           "the format.",
    .examples = "echo '{\"id\":42}' | leat produce orders -k ord-42 -H source=web\n"
                "leat consume old --json -e | leat produce new --json\n"
                "leat produce orders -f '%k\\t%v\\n' FILE\n",
    .options = options,
    .parse = parse,
    .run = run_produce,
};

/* ---- sending ---- */

static const char *unit(const struct produce *p)
{
    return p->records.format == NULL && p->input->delimiter.data == NULL &&
                   p->input->values.count == 0
               ? "line"
               : "record";
}

static void tell_progress(struct produce *p, bool end)
{
    int64_t now_ns = lt_clock_mono_ns(lt_clock_real());
    if (!p->input->progress || (!end && now_ns - p->progress_ns < INT64_C(1000000000))) {
        return;
    }
    double seconds = (double)(now_ns - p->begin_ns) / 1e9;
    p->progress_ns = now_ns;
    bool tty = isatty(STDERR_FILENO) == 1;
    int64_t stored = cli_deliveries_stored();
    fprintf(stderr, "%s  %" PRId64 " of %" PRId64 " records acknowledged, %.0f rec/s, %.1f MB/s%s",
            tty ? "\r" : "", stored, p->sent, (double)stored / seconds,
            (double)p->bytes / seconds / 1e6, tty && !end ? "" : "\n");
}

static int too_large(const struct produce *p, struct leat_error **reterr)
{
    size_t key_size;
    size_t value_size;
    (void)leat_record_key(p->record, &key_size);
    (void)leat_record_value(p->record, &value_size);
    return lt_error_set(
        reterr, LEAT_E2BIG,
        "%zu bytes, more than max.request.size allows (MESSAGE_TOO_LARGE, 10); raise it with -X "
        "max.request.size=SIZE, and the topic's max.message.bytes",
        key_size + value_size);
}

/* The topic is there, and the partition that was named is not: that is another mistake than a wrong topic. */
static int no_partition(const struct produce *p, int code, struct leat_error **reterr)
{
    int32_t partition;
    (void)leat_record_topic(p->record, &partition);
    int count = partition < 0 ? 0
                              : leat_client_partition_count(p->cli->client, p->input->topic,
                                                            p->cli->timeout_ms);
    return count > 0 && partition >= count
               ? lt_error_set(reterr, LEAT_ENOENT, "no partition %d; there are %d, from 0 on",
                              partition, count)
               : code;
}

/* leat_send in steps, so that Ctrl-C ends it; as long as max.block.ms says, less where the topic is not there. */
static int send_one(struct produce *p, struct leat_error **reterr)
{
    int64_t begin_ns = 0;
    int code;
    for (;;) {
        code = leat_send(p->producer, p->record, cli_deliveries_delivery,
                         cli_deliveries_number(p->records.number));
        if (code == 0 || code == LEAT_E2BIG || !leat_error_is_retriable(code)) {
            break;
        }
        int64_t now_ns = lt_clock_mono_ns(lt_clock_real());
        begin_ns = begin_ns == 0 ? now_ns - SEND_STEP_MS * 1000000 : begin_ns;
        int64_t waited_ms = (now_ns - begin_ns) / 1000000;
        bool topic = LEAT_IS_BROKER_ERROR(code) && waited_ms >= UNKNOWN_TOPIC_MS;
        if (cli_interrupted() || topic || waited_ms >= p->block_ms) {
            break;
        }
        tell_progress(p, false);
    }
    if (code == LEAT_E2BIG) {
        return too_large(p, reterr);
    }
    if (code == LEAT_ETIMEDOUT && !cli_interrupted()) {
        return lt_error_set(reterr, code,
                            "the queue is full and nothing was acknowledged for %" PRId64
                            " ms; is the broker still there?",
                            p->block_ms);
    }
    return LEAT_IS_BROKER_ERROR(code) && !cli_interrupted() ? no_partition(p, code, reterr) : code;
}

static int send_record(struct produce *p, struct leat_error **reterr)
{
    size_t key_size;
    size_t value_size;
    (void)leat_record_key(p->record, &key_size);
    (void)leat_record_value(p->record, &value_size);
    int code = p->cli->dry_run ? 0 : send_one(p, reterr);
    if (code != 0) {
        return code;
    }
    p->sent++;
    p->bytes += (int64_t)(key_size + value_size);
    if ((p->sent & PROGRESS_MASK) == 0) {
        tell_progress(p, false);
    }
    return 0;
}

/* All whole records at the front of `buf`. */
static int send_buffer(struct produce *p, struct lt_buf *buf, bool last, struct leat_error **reterr)
{
    size_t at = 0;
    int code = 0;
    while (code == 0 && at < buf->size && !cli_interrupted()) {
        size_t used;
        bool empty;
        code = cli_record_input_next(&p->records, lt_slice(buf->data + at, buf->size - at), last,
                                     p->record, &used, &empty, reterr);
        if (code != 0 || used == 0) {
            break;
        }
        code = empty ? 0 : send_record(p, reterr);
        at += used;
    }
    lt_buf_consume(buf, at);
    return code;
}

/* Wait until there is input or Ctrl-C; progress is told meanwhile. */
static void wait_input(struct produce *p, int fd)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
                           {.fd = cli_interrupt_fd(), .events = POLLIN}};
    while (poll(fds, 2, p->input->progress ? 1000 : -1) == 0) {
        tell_progress(p, false);
    }
}

static int send_stream(struct produce *p, int fd, const char *name, struct leat_error **reterr)
{
    struct lt_buf buf = {0};
    int code = 0;
    bool last = false;
    p->records.scanned = 0;
    while (code == 0 && !last && !cli_interrupted()) {
        if (buf.size > RECORD_BYTES_MAX) {
            code = lt_error_set(reterr, LEAT_E2BIG,
                                "%s: no end of a record in %zu MiB; -D names what ends one", name,
                                RECORD_BYTES_MAX >> 20);
            break;
        }
        code = lt_buf_reserve(&buf, READ_BYTES);
        wait_input(p, fd);
        if (code != 0 || cli_interrupted()) {
            break;
        }
        ssize_t got = read(fd, buf.data + buf.size, READ_BYTES);
        if (got < 0 && errno != EINTR) {
            code = lt_error_set_errno(reterr, LEAT_EIO, errno, "cannot read %s", name);
            break;
        }
        last = got == 0;
        buf.size += got > 0 ? (size_t)got : 0;
        code = got < 0 ? 0 : send_buffer(p, &buf, last, reterr);
    }
    lt_buf_release(&buf);
    return code;
}

static int send_values(struct produce *p, struct leat_error **reterr)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < p->input->values.count; i++) {
        p->records.number++;
        code = cli_record_input_text(&p->records, lt_slice_text(p->input->values.words[i]),
                                     p->record, reterr);
        code = code == 0 ? send_record(p, reterr) : code;
    }
    return code;
}

static int send_input(struct produce *p, struct leat_error **reterr)
{
    const struct produce_input *input = p->input;
    const char *place = "stdin";
    int code = send_values(p, reterr);
    for (size_t i = 0; code == 0 && i < input->files.count; i++) {
        place = input->files.words[i];
        int fd = open(place, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            return lt_error_set_errno(reterr, LEAT_ENOENT, errno, "cannot open %s", place);
        }
        p->records.number = input->files.count > 1 ? 0 : p->records.number;
        code = send_stream(p, fd, place, reterr);
        (void)close(fd); /* only read */
    }
    if (code == 0 && input->values.count == 0 && input->files.count == 0) {
        if (isatty(STDIN_FILENO)) {
            cli_hint(p->cli, "one record per line, Ctrl-D ends");
        }
        code = send_stream(p, STDIN_FILENO, place, reterr);
    }
    if (code != 0 && !LEAT_IS_BROKER_ERROR(code) && p->records.number > 0 && !cli_interrupted()) {
        if (leat_error_message(*reterr)[0] == '\0') {
            (void)lt_error_set(reterr, code, "%s", leat_strerror(code)); /* the code stays */
        }
        (void)lt_error_prefix(reterr, "%s%s%s %" PRId64, input->values.count > 0 ? "" : place,
                              input->values.count > 0 ? "" : ", ", unit(p), p->records.number);
    }
    return code;
}

/* ---- the end ---- */

/* Until everything is answered, or nothing was for --timeout (after Ctrl-C: a moment). What then is open is given up, which
 * makes the library name it. */
static void flush(struct produce *p)
{
    int64_t since_ns = lt_clock_mono_ns(lt_clock_real());
    int64_t answered = -1;
    while (leat_producer_flush(p->producer, FLUSH_STEP_MS) > 0) {
        int64_t now_ns = lt_clock_mono_ns(lt_clock_real());
        int64_t limit_ms = cli_interrupted() ? INTERRUPTED_MS : p->cli->timeout_ms;
        int64_t count = cli_deliveries_stored() + cli_deliveries_failed();
        tell_progress(p, false);
        since_ns = count != answered && !cli_interrupted() ? now_ns : since_ns;
        answered = count;
        if (now_ns - since_ns >= limit_ms * 1000000) {
            break;
        }
    }
    leat_producer_free(p->producer);
    p->producer = NULL;
    if (cli_deliveries_stored() + cli_deliveries_failed() < p->sent) {
        cli_release(p->cli);
        cli_deliveries_wait(p->sent, CANCEL_MS);
    }
}

static void tell(const struct produce *p)
{
    int64_t stored = cli_deliveries_stored();
    double elapsed_ms = (double)(lt_clock_mono_ns(lt_clock_real()) - p->begin_ns) / 1e6;
    int32_t partition;
    int64_t offset;
    cli_deliveries_first(&partition, &offset);
    if (p->cli->quiet) {
        return;
    }
    if (p->cli->dry_run) {
        fprintf(stderr, "%" PRId64 " records would be sent\n", p->sent);
    } else if (p->sent == 1 && stored == 1 && offset >= 0) {
        fprintf(stderr, "%s/%d@%" PRId64 "  %" PRId64 " B  %.1f ms\n", p->input->topic, partition,
                offset, p->bytes, elapsed_ms);
    } else if (stored < p->sent) { /* the bytes are those of all that was sent */
        fprintf(stderr, "%s  %" PRId64 " records  %.1f ms\n", p->input->topic, stored, elapsed_ms);
    } else {
        fprintf(stderr, "%s  %" PRId64 " records  %" PRId64 " B  %.1f ms\n", p->input->topic,
                stored, p->bytes, elapsed_ms);
    }
}

/* Why the input was not read to its end. */
static int tell_end(const struct produce *p, int code, struct leat_error *err)
{
    const char *message = leat_error_message(err);
    int status;
    if (LEAT_IS_BROKER_ERROR(code)) {
        status = cli_outcome_tell(p->cli, p->input->topic, code, message);
    } else {
        fprintf(stderr, "leat: produce %s: %s\n", p->input->topic,
                *message == '\0' ? leat_strerror(code) : message);
        status = CLI_FAILED;
    }
    if (p->records.number > 1) {
        fprintf(stderr,
                "leat: produce %s: nothing behind it was sent; %" PRId64
                " records before it were\n",
                p->input->topic, p->sent);
    }
    return status;
}

static int finish(struct produce *p, int code, struct leat_error *err)
{
    int status = CLI_DONE;
    if (p->producer != NULL && !p->cli->dry_run) {
        flush(p);
    }
    if (p->sent > 0) {
        tell_progress(p, true);
    }
    if (code != 0 && !cli_interrupted()) {
        status = tell_end(p, code, err);
    }
    leat_error_free(err);
    if (!p->cli->dry_run && cli_deliveries_stored() < p->sent) {
        cli_deliveries_tell(p->input->topic, unit(p), p->sent);
        cli_outcome_hint(p->cli, p->input->topic, cli_deliveries_code());
        status = CLI_FAILED;
    }
    if (p->sent > 0 || status == CLI_DONE) {
        tell(p);
    }
    return cli_interrupted() ? CLI_INTERRUPTED : status;
}
