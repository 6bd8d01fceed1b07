/* consume.c: leat consume and leat cat: assigned partitions from a point, filtered, printed, until a point.
 *
 * The way of a record: poll -> inside the range? -> filters -> format or JSON -> stdout. A partition is done when the
 * consumer's position has reached its end; without an end it is never done. */
#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "client/cli/command.h"
#include "client/cli/interrupt.h"
#include "client/cli/offset_expr.h"
#include "client/cli/positions.h"
#include "client/cli/record_format.h"
#include "client/cli/record_json.h"

#define POLL_MS 1000
#define FLUSH_BYTES (1 << 16)

enum {
    OPT_PRETTY = 1,
    OPT_KEY,
    OPT_GREP,
    OPT_HEADER,
    OPT_META_ONLY,
    OPT_UNCOMMITTED,
    OPT_LOCAL,
};

struct consume_input {
    struct cli_words topics;
    const char *offsets;
    const char *partitions; /* "0,3" */
    const char *format;
    const char *key, *grep, *header;
    int64_t count_max; /* -1 = no bound */
    bool exit_at_end, pretty, meta_only, uncommitted, unbuffered, local;
};

/* One assigned partition with its end. */
struct stretch {
    const char *topic;
    int32_t partition;
    int64_t from, to; /* to: INT64_MAX = none */
};

struct consume {
    struct cli *cli;
    const struct consume_input *input;
    struct cli_range range;
    struct cli_record_format *format;
    regex_t grep;
    bool has_grep;
    struct stretch *stretches;
    size_t stretch_count;
    struct leat_consumer *consumer;
    struct lt_buf out;
    int64_t seen; /* records printed */
};

static const struct argp_option options[] = {
    {"offset", 'o', "OFFSETS", 0,
     "Where to begin and end: start, end, 100, 100:200, -10, @-1h, @2026-02-14:@now", 0},
    {"count", 'n', "N", 0, "Stop after N records", 0},
    {"exit", 'e', NULL, 0, "Stop at the end as it is now", 0},
    {"partitions", 'p', "0,3", 0, "Only these partitions", 0},
    {"output", 'f', "FORMAT", 0, "Form of a record, default '%v\\n' ('leat help format')", 0},
    {"pretty", OPT_PRETTY, NULL, 0, "With --json: over several lines", 0},
    {"key", OPT_KEY, "KEY", 0, "Only records with this key", 0},
    {"grep", OPT_GREP, "REGEX", 0, "Only records whose value matches", 0},
    {"header", OPT_HEADER, "NAME=VALUE", 0, "Only records with this header", 0},
    {"meta-only", OPT_META_ONLY, NULL, 0, "With --json: sizes in place of key, value and headers",
     0},
    {"read-uncommitted", OPT_UNCOMMITTED, NULL, 0, "Records of open and aborted transactions too",
     0},
    {"local", OPT_LOCAL, NULL, 0, "Dates without a zone are local time, not UTC", 0},
    {"unbuffered", 'u', NULL, 0, "Write each record at once", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static int run(struct cli *cli, struct consume_input *input);

static int64_t count_or_die(struct argp_state *state, const char *arg)
{
    char *end;
    long long count = strtoll(arg, &end, 10);
    if (*end != '\0' || end == arg || count < 0) {
        argp_error(state, "-n %s: want a number of records", arg);
    }
    return count;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct consume_input *input = state->input;
    switch (key) {
    case 'o':
        input->offsets = arg;
        return 0;
    case 'n':
        input->count_max = count_or_die(state, arg);
        return 0;
    case 'e':
        input->exit_at_end = true;
        return 0;
    case 'p':
        input->partitions = arg;
        return 0;
    case 'f':
        input->format = arg;
        return 0;
    case 'u':
        input->unbuffered = true;
        return 0;
    case OPT_PRETTY:
        input->pretty = true;
        return 0;
    case OPT_KEY:
        input->key = arg;
        return 0;
    case OPT_GREP:
        input->grep = arg;
        return 0;
    case OPT_HEADER:
        if (strchr(arg, '=') == NULL) {
            argp_error(state, "--header %s: want NAME=VALUE", arg);
        }
        input->header = arg;
        return 0;
    case OPT_META_ONLY:
        input->meta_only = true;
        return 0;
    case OPT_UNCOMMITTED:
        input->uncommitted = true;
        return 0;
    case OPT_LOCAL:
        input->local = true;
        return 0;
    case ARGP_KEY_ARG:
        cli_words_add(&input->topics, state, arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "say which topic");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int run_consume(struct cli *cli, int argc, char **argv)
{
    static struct consume_input input = {.count_max = -1};
    cli_parse(cli, argc, argv, &input);
    return run(cli, &input);
}

const struct cli_command cli_consume = {
    .name = "consume",
    .alias = "sub",
    .summary = "records from the start, then follow",
    .args = "TOPIC..",
    .doc = "Read records from the start and follow.",
    .examples = "leat consume orders -o -10 -f '%p %o %k %v\\n'\n"
                "leat consume orders -o @-1h --json\n",
    .options = options,
    .parse = parse,
    .run = run_consume,
};

static int run_cat(struct cli *cli, int argc, char **argv)
{
    static struct consume_input input = {.count_max = -1, .exit_at_end = true};
    cli_parse(cli, argc, argv, &input);
    return run(cli, &input);
}

const struct cli_command cli_cat = {
    .name = "cat",
    .summary = "everything up to the current end, then exit",
    .args = "TOPIC..",
    .doc = "Read records up to the current end, then exit.",
    .examples = "leat cat orders\n"
                "leat cat orders -o 100:200 -p 0\n",
    .options = options,
    .parse = parse,
    .run = run_cat,
};

/* ---- what to read ---- */

static bool wanted(const struct consume_input *input, int32_t partition)
{
    const char *list = input->partitions;
    if (list == NULL) {
        return true;
    }
    while (*list != '\0') {
        char *end;
        long number = strtol(list, &end, 10);
        if (end != list && number == partition) {
            return true;
        }
        list = *end == ',' ? end + 1 : end + strlen(end);
    }
    return false;
}

static int add_stretches(struct consume *c, const char *topic, struct leat_error **reterr)
{
    struct cli_positions positions = {0};
    int64_t *from = NULL;
    int64_t *to = NULL;
    int code = cli_positions_open(c->cli, topic, &positions, reterr);
    if (code == 0) {
        code = cli_positions_resolve(c->cli, &positions, &c->range.from, &from, reterr);
    }
    struct cli_point end = c->range.to;
    if (end.kind == CLI_POINT_NONE && c->input->exit_at_end) {
        end = (struct cli_point){CLI_POINT_END, 0};
    }
    if (code == 0 && end.kind != CLI_POINT_NONE) {
        code = cli_positions_resolve(c->cli, &positions, &end, &to, reterr);
    }
    struct stretch *grown =
        code != 0 ? NULL
                  : lt_reallocarray(c->stretches, c->stretch_count + (size_t)positions.count,
                                    sizeof(*grown));
    if (grown != NULL) {
        c->stretches = grown;
    }
    for (int32_t i = 0; grown != NULL && i < positions.count; i++) {
        if (wanted(c->input, i)) {
            grown[c->stretch_count++] =
                (struct stretch){topic, i, from[i], to == NULL ? INT64_MAX : to[i]};
        }
    }
    lt_free(from);
    lt_free(to);
    cli_positions_release(&positions);
    return code == 0 && grown == NULL ? LEAT_ENOMEM : code;
}

static int assign(struct consume *c, struct leat_error **reterr)
{
    struct leat_offsets *parts = leat_offsets_new();
    int code = parts == NULL ? LEAT_ENOMEM : 0;
    for (size_t i = 0; code == 0 && i < c->stretch_count; i++) {
        if (c->stretches[i].from < c->stretches[i].to) {
            code = leat_offsets_add(parts, c->stretches[i].topic, c->stretches[i].partition,
                                    c->stretches[i].from);
        }
    }
    if (code == 0) {
        code = leat_consumer_assign(c->consumer, parts, reterr);
    }
    leat_offsets_free(parts);
    return code;
}

static bool all_done(const struct consume *c)
{
    for (size_t i = 0; i < c->stretch_count; i++) {
        const struct stretch *s = &c->stretches[i];
        if (s->from < s->to &&
            leat_consumer_position(c->consumer, s->topic, s->partition) < s->to) {
            return false;
        }
    }
    return true;
}

/* ---- one record ---- */

static bool inside(const struct consume *c, const char *topic, int32_t partition, int64_t offset)
{
    for (size_t i = 0; i < c->stretch_count; i++) {
        const struct stretch *s = &c->stretches[i];
        if (s->partition == partition && strcmp(s->topic, topic) == 0) {
            return offset < s->to;
        }
    }
    return false;
}

static bool header_matches(const struct leat_record *rec, const char *header)
{
    const char *equals = strchr(header, '=');
    for (size_t i = 0; i < leat_record_header_count(rec); i++) {
        const char *name;
        size_t size;
        const void *value = leat_record_header_at(rec, i, &name, &size);
        if (strlen(name) == (size_t)(equals - header) && strncmp(name, header, strlen(name)) == 0 &&
            lt_slice_equal(lt_slice(value, size), lt_slice_text(equals + 1))) {
            return true;
        }
    }
    return false;
}

static bool matches(const struct consume *c, const struct leat_record *rec)
{
    size_t size;
    if (c->input->key != NULL) {
        const void *key = leat_record_key(rec, &size);
        if (!lt_slice_equal(lt_slice(key, size), lt_slice_text(c->input->key))) {
            return false;
        }
    }
    if (c->has_grep) {
        const char *value = leat_record_value(rec, &size);
        regmatch_t bounds = {.rm_so = 0, .rm_eo = (regoff_t)size};
        if (value == NULL || regexec(&c->grep, value, 1, &bounds, REG_STARTEND) != 0) {
            return false;
        }
    }
    return c->input->header == NULL || header_matches(rec, c->input->header);
}

static int flush(struct consume *c)
{
    bool written =
        fwrite(c->out.data, 1, c->out.size, stdout) == c->out.size && fflush(stdout) == 0;
    c->out.size = 0;
    return written ? 0 : LEAT_EIO;
}

static int take(struct consume *c, const struct leat_record *rec)
{
    int32_t partition;
    const char *topic = leat_record_topic(rec, &partition);
    if (!inside(c, topic, partition, leat_record_offset(rec)) || !matches(c, rec)) {
        return 0;
    }
    int code;
    if (c->cli->format == CLI_JSON) {
        code = cli_record_json_write(rec, c->input->meta_only, c->input->pretty, &c->out);
        code = code == 0 ? lt_buf_append_text(&c->out, "\n") : code;
    } else {
        code = cli_record_format_write(c->format, rec, c->seen, &c->out);
    }
    c->seen++;
    if (code == 0 && (c->input->unbuffered || c->out.size >= FLUSH_BYTES)) {
        code = flush(c);
    }
    return code;
}

static bool enough(const struct consume *c)
{
    return c->input->count_max >= 0 && c->seen >= c->input->count_max;
}

/* ---- the loop ---- */

static int read_all(struct consume *c, struct leat_error **reterr)
{
    int code = 0;
    while (code == 0 && !cli_interrupted() && !enough(c) && !all_done(c)) {
        struct leat_batch *batch = NULL;
        int got = leat_consumer_poll(c->consumer, POLL_MS, &batch, reterr);
        code = got < 0 ? got : 0;
        for (size_t i = 0; code == 0 && i < leat_batch_count(batch) && !enough(c); i++) {
            code = take(c, leat_batch_at(batch, i));
        }
        leat_batch_unref(batch);
        if (code == 0 && c->out.size > 0) {
            code = flush(c);
        }
    }
    return code;
}

static int prepare(struct consume *c)
{
    struct leat_error *err = NULL;
    const struct consume_input *input = c->input;
    int code = 0;
    if (input->offsets != NULL) {
        code = cli_range_parse(input->offsets, lt_clock_wall_ms(lt_clock_real()), input->local,
                               &c->range, &err);
    }
    if (code == 0) {
        code = cli_record_format_parse(input->format == NULL ? "%v\\n" : input->format, &c->format,
                                       &err);
    }
    if (code == 0 && input->grep != NULL) {
        char text[256];
        int status = regcomp(&c->grep, input->grep, REG_EXTENDED);
        c->has_grep = status == 0;
        if (status != 0) {
            (void)regerror(status, &c->grep, text, sizeof(text)); /* cut is fine */
            code = lt_error_set(&err, LEAT_EINVAL, "--grep '%s': %s", input->grep, text);
        }
    }
    if (code != 0) {
        (void)cli_fail(c->cli, code, err, "%s", c->cli->command); /* the command line was wrong */
        return CLI_USAGE;
    }
    return 0;
}

static int consume_topics(struct consume *c)
{
    struct leat_error *err = NULL;
    const char *subject = c->cli->command;
    int code = leat_conf_set(c->cli->conf, "isolation.level",
                             c->input->uncommitted ? "read_uncommitted" : "read_committed", &err);
    for (size_t i = 0; code == 0 && i < c->input->topics.count; i++) {
        subject = c->input->topics.words[i];
        code = add_stretches(c, subject, &err);
    }
    if (code == 0 && c->stretch_count == 0) {
        code = lt_error_set(&err, LEAT_ENOENT, "no partition '%s'", c->input->partitions);
    }
    if (code == 0) {
        subject = c->cli->command;
        code = leat_consumer_new(c->cli->client, c->cli->conf, &c->consumer, &err);
    }
    if (code == 0) {
        cli_interrupt_catch(c->consumer);
        code = assign(c, &err);
    }
    if (code == 0) {
        code = read_all(c, &err);
    }
    return code == 0 ? CLI_DONE : cli_fail(c->cli, code, err, "%s", subject);
}

static int run(struct cli *cli, struct consume_input *input)
{
    struct consume c = {.cli = cli, .input = input};
    int status = prepare(&c);
    if (status == 0) {
        status = cli_connect(cli);
    }
    if (status == 0) {
        status = consume_topics(&c);
    }
    if (cli_interrupted()) {
        cli_interrupt_catch(NULL);
        if (!cli->quiet) {
            fprintf(stderr, "\n%" PRId64 " records\n", c.seen);
        }
        status = CLI_INTERRUPTED;
    }
    leat_consumer_free(c.consumer);
    cli_record_format_free(c.format);
    if (c.has_grep) {
        regfree(&c.grep);
    }
    lt_buf_release(&c.out);
    lt_free(c.stretches);
    return status;
}
