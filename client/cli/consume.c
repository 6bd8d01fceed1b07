/* consume.c: leat consume, leat cat and leat tail: assigned partitions from a point, filtered, printed, until a point.
 *
 * The way of a record: poll -> inside the assignment? -> filter -> printer. A partition is done when the consumer's position
 * has reached its end; without an end it is never done. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "client/cli/assignment.h"
#include "client/cli/command.h"
#include "client/cli/interrupt.h"
#include "client/cli/outcome.h"
#include "client/cli/printer.h"
#include "client/cli/record_filter.h"
#include "client/cli/trouble.h"

#define POLL_MS 1000
#define POLL_PIPE_MS 100 /* a pipe's reader may go while nothing is written */

enum {
    OPT_PRETTY = 1,
    OPT_KEY,
    OPT_GREP,
    OPT_HEADER,
    OPT_META_ONLY,
    OPT_UNCOMMITTED,
    OPT_CONTROL,
    OPT_LOCAL,
    OPT_INSTANCE,
};

struct consume_input {
    struct cli_words topics;
    const char *offsets;
    const char *partitions; /* "0,3" */
    const char *format;
    struct cli_record_filter filter;
    int64_t count_max; /* -1 = no bound */
    enum cli_print_form form;
    bool exit_at_end, regex, pretty, meta_only, uncommitted, control, unbuffered, local;
};

struct consume {
    struct cli *cli;
    struct consume_input *input;
    struct cli_assignment assignment;
    struct cli_printer printer;
    struct leat_consumer *consumer;
    int64_t progress_ns; /* when something came last */
    int64_t progress_at; /* position of the first partition that is not done */
    bool checks_reader;  /* stdout is a pipe */
    int told;            /* the last error that was told and passed over */
};

static const struct argp_option options[] = {
    {"offset", 'o', "OFFSETS", 0,
     "Where to begin and end: start, end, 100, 100:200, -10, @-1h, @2026-02-14:@now", 0},
    {"count", 'n', "N", 0, "Stop after N records", 0},
    {"exit", 'e', NULL, 0, "Stop at the end as it is now", 0},
    {"partitions", 'p', "0,3", 0, "Only these partitions", 0},
    {"regex", 'r', NULL, 0, "The topics are patterns; topics that come later are taken in", 0},
    {"output", 'f', "FORMAT", 0, "Form of a record ('leat help format')", 0},
    {"pretty", OPT_PRETTY, NULL, 0, "--json over several lines", 0},
    {"key", OPT_KEY, "KEY", 0, "Only records with this key", 0},
    {"grep", OPT_GREP, "REGEX", 0, "Only records whose value matches", 0},
    {"header", OPT_HEADER, "NAME=VALUE", 0, "Only records with this header", 0},
    {"meta-only", OPT_META_ONLY, NULL, 0, "Sizes in place of key, value and headers", 0},
    {"read-uncommitted", OPT_UNCOMMITTED, NULL, 0, "Records of open and aborted transactions too",
     0},
    {"print-control", OPT_CONTROL, NULL, 0, "The markers that end transactions too", 0},
    {"local", OPT_LOCAL, NULL, 0, "Dates without a zone are local time, not UTC", 0},
    {"unbuffered", 'u', NULL, 0, "Write each record at once", 0},
    {"group", 'g', "GROUP", OPTION_HIDDEN, NULL, 0},
    {"group-instance-id", OPT_INSTANCE, "ID", OPTION_HIDDEN, NULL, 0},
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

static error_t parse_more(int key, char *arg, struct argp_state *state)
{
    struct consume_input *input = state->input;
    switch (key) {
    case OPT_PRETTY:
        input->pretty = true;
        return 0;
    case OPT_KEY:
        input->filter.key = arg;
        return 0;
    case OPT_GREP:
        input->filter.grep = arg;
        return 0;
    case OPT_HEADER:
        if (strchr(arg, '=') == NULL) {
            argp_error(state, "--header %s: want NAME=VALUE", arg);
        }
        input->filter.header = arg;
        return 0;
    case OPT_META_ONLY:
        input->meta_only = true;
        return 0;
    case OPT_UNCOMMITTED:
        input->uncommitted = true;
        return 0;
    case OPT_CONTROL:
        input->control = true;
        return 0;
    case OPT_LOCAL:
        input->local = true;
        return 0;
    case 'g':
    case OPT_INSTANCE:
        argp_error(state,
                   "%s: consumer groups are not built yet; without a group every partition "
                   "is read, from where -o says",
                   key == 'g' ? "-g" : "--group-instance-id");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
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
        if (!cli_partitions_check(arg)) {
            argp_error(state, "-p %s: want partition numbers, 0,3 or 0-3", arg);
        }
        input->partitions = arg;
        return 0;
    case 'r':
        input->regex = true;
        return 0;
    case 'f':
        input->format = arg;
        input->form = CLI_PRINT_FORMAT;
        return 0;
    case 'u':
        input->unbuffered = true;
        return 0;
    case ARGP_KEY_ARG:
        if (*arg == '\0') {
            argp_error(state, "the name of a topic is empty");
        }
        cli_words_add(&input->topics, state, arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "say which topic");
        return 0;
    default:
        return parse_more(key, arg, state);
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

static int run_tail(struct cli *cli, int argc, char **argv)
{
    static struct consume_input input = {.count_max = -1, .offsets = "-10", .form = CLI_PRINT_LINE};
    cli_parse(cli, argc, argv, &input);
    return run(cli, &input);
}

const struct cli_command cli_tail = {
    .name = "tail",
    .summary = "the last records with time and place, then follow",
    .args = "TOPIC..",
    .doc = "Show the last ten records of each partition with their time, place, key, value and "
           "headers, then\n"
           "follow. A key or value that is null is shown as -.",
    .examples = "leat tail orders\n"
                "leat tail -r '^orders' -o -100 --grep error\n",
    .options = options,
    .parse = parse,
    .run = run_tail,
};

/* ---- before the first record ---- */

/* Defaults of these commands that are not those of a program: they count below -X and all that stands above it. */
static void add_defaults(const struct consume_input *input, struct cli *cli)
{
    const char *const defaults[] = {
        "auto.offset.reset=earliest", /* what was deleted while it was read is passed over, not all the rest */
        "isolation.level=read_committed"};
    size_t count = sizeof(defaults) / sizeof(defaults[0]);
    if (cli->property_count + count + 2 > CLI_PROPERTIES_MAX) {
        return;
    }
    memmove(cli->properties + count, cli->properties,
            cli->property_count * sizeof(cli->properties[0]));
    memcpy(cli->properties, defaults, sizeof(defaults));
    cli->property_count += count;
    if (input->uncommitted) {
        cli->properties[cli->property_count++] = "isolation.level=read_uncommitted";
    }
    if (input->control) {
        cli->properties[cli->property_count++] = "leat.control.records=true";
    }
}

static int prepare_printer(struct consume *c, struct leat_error **reterr)
{
    const struct consume_input *input = c->input;
    bool json = c->cli->format == CLI_JSON || input->pretty;
    struct stat to;
    if (json && input->format != NULL) {
        return lt_error_set(reterr, LEAT_EINVAL, "-f and --json are two forms; choose one");
    }
    if (c->cli->format == CLI_CSV || c->cli->format == CLI_WIDE) {
        return lt_error_set(
            reterr, LEAT_EINVAL,
            "--format csv and wide are for tables; records take -f FORMAT or --json");
    }
    c->printer = (struct cli_printer){.form = json ? CLI_PRINT_JSON : input->form,
                                      .pretty = input->pretty,
                                      .meta_only = input->meta_only,
                                      .unbuffered = input->unbuffered};
    if (input->meta_only && !json && input->format == NULL) {
        c->printer.form = CLI_PRINT_LINE;
    }
    c->checks_reader = fstat(STDOUT_FILENO, &to) == 0 && S_ISFIFO(to.st_mode);
    return cli_record_format_parse(input->format == NULL ? "%v\\n" : input->format,
                                   &c->printer.format, reterr);
}

static int prepare(struct consume *c)
{
    struct leat_error *err = NULL;
    struct consume_input *input = c->input;
    int code = 0;
    c->assignment = (struct cli_assignment){.cli = c->cli,
                                            .words = &input->topics,
                                            .regex = input->regex,
                                            .partitions = input->partitions,
                                            .to_end = input->exit_at_end};
    if (input->offsets != NULL) {
        code = cli_range_parse(input->offsets, lt_clock_wall_ms(lt_clock_real()), input->local,
                               &c->assignment.range, &err);
    }
    if (code == 0) {
        code = prepare_printer(c, &err);
    }
    if (code == 0) {
        code = cli_record_filter_open(&input->filter, &err);
    }
    if (code == 0) {
        code = cli_assignment_patterns(&c->assignment, &err);
    }
    if (code != 0) {
        (void)cli_fail(c->cli, code, err, "%s", c->cli->command); /* the command line was wrong */
        return CLI_USAGE;
    }
    add_defaults(input, c->cli);
    return 0;
}

/* ---- the loop ---- */

static bool enough(const struct consume *c)
{
    return c->input->count_max >= 0 && c->printer.count >= c->input->count_max;
}

static int take(struct consume *c, const struct leat_batch *batch)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < leat_batch_count(batch) && !enough(c); i++) {
        const struct leat_record *rec = leat_batch_at(batch, i);
        int32_t partition;
        const char *topic = leat_record_topic(rec, &partition);
        if (cli_assignment_has(&c->assignment, topic, partition, leat_record_offset(rec)) &&
            cli_record_filter_matches(&c->input->filter, rec)) {
            code = cli_printer_add(&c->printer, rec);
        }
    }
    return code == 0 && c->printer.out.size > 0 ? cli_printer_flush(&c->printer) : code;
}

/* Reading up to an end must end: after --timeout without anything new it is an error. */
static int check_progress(struct consume *c, bool came, struct leat_error **reterr)
{
    const struct cli_assignment *a = &c->assignment;
    int64_t now_ns = lt_clock_mono_ns(lt_clock_real());
    if (a->done >= a->count || !a->to_end) {
        return 0;
    }
    const struct cli_stretch *s = &a->stretches[a->done];
    int64_t position = leat_consumer_position(c->consumer, s->topic, s->partition);
    if (came || c->progress_ns == 0 || position != c->progress_at) {
        c->progress_ns = now_ns;
        c->progress_at = position;
        return 0;
    }
    if (now_ns - c->progress_ns < (int64_t)c->cli->timeout_ms * 1000000) {
        return 0;
    }
    return lt_error_set(reterr, LEAT_EUNREACHABLE,
                        "nothing came for %d s; %s/%d is read up to offset %" PRId64 " of %" PRId64
                        "; is the broker still there?",
                        c->cli->timeout_ms / 1000, s->topic, s->partition, position, s->to);
}

/* While following, what may pass (a leader that moves, a broker that restarts) is told once and waited for. */
static int pass_over(struct consume *c, int code, struct leat_error **reterr)
{
    if (c->input->exit_at_end || !leat_error_is_retriable(code)) {
        return code;
    }
    if (c->told != code && !c->cli->quiet) {
        fprintf(stderr, "leat: %s: %s; waiting\n", c->cli->command, leat_error_message(*reterr));
    }
    c->told = code;
    leat_error_free(*reterr);
    *reterr = NULL;
    return 0;
}

static int read_all(struct consume *c, struct leat_error **reterr)
{
    int code = 0;
    int wait_ms = c->checks_reader ? POLL_PIPE_MS : POLL_MS;
    while (code == 0 && !cli_interrupted() && !enough(c) &&
           !cli_assignment_done(&c->assignment, c->consumer)) {
        struct leat_batch *batch = NULL;
        int got = leat_consumer_poll(c->consumer, wait_ms, &batch, reterr);
        if (got > 0) {
            c->told = 0;
            cli_trouble_over();
            code = take(c, batch);
        } else if (c->checks_reader) {
            cli_printer_check_reader();
        }
        leat_batch_unref(batch);
        code = got < 0 ? pass_over(c, got, reterr) : code;
        code = code == 0 ? check_progress(c, got > 0, reterr) : code;
        code = code == 0 ? cli_assignment_refresh(&c->assignment, c->consumer, reterr) : code;
    }
    return code;
}

static int consume_topics(struct consume *c)
{
    struct leat_error *err = NULL;
    const char *subject = NULL;
    int code = cli_assignment_open(&c->assignment, &subject, &err);
    if (code == 0) {
        subject = NULL;
        code = leat_consumer_new(c->cli->client, c->cli->conf, &c->consumer, &err);
    }
    if (code == 0) {
        cli_interrupt_catch(c->consumer);
        cli_trouble_begin(c->cli);
        code = cli_assignment_apply(&c->assignment, c->consumer, &err);
    }
    if (code == 0) {
        code = read_all(c, &err);
    }
    if (code == LEAT_EIO && err == NULL) {
        code = lt_error_set_errno(&err, code, errno, "cannot write to stdout");
    }
    if (LEAT_IS_BROKER_ERROR(code) && subject != NULL && !cli_interrupted()) {
        int status = cli_outcome_tell(c->cli, subject, code, leat_error_message(err));
        leat_error_free(err);
        return status;
    }
    return code == 0 || cli_interrupted()
               ? CLI_DONE
               : cli_fail(c->cli, code, err, "%s%s%s", c->cli->command, subject == NULL ? "" : " ",
                          subject == NULL ? "" : subject);
}

static int run(struct cli *cli, struct consume_input *input)
{
    static struct consume c; /* large */
    c.cli = cli;
    c.input = input;
    int status = prepare(&c);
    if (status == 0) {
        status = cli_connect(cli);
    }
    if (status == 0) {
        status = consume_topics(&c);
    }
    cli_interrupt_catch(NULL); /* a signal must not find a consumer that is gone */
    if (cli_interrupted()) {
        if (!cli->quiet) {
            fprintf(stderr, "\n%" PRId64 " records\n", c.printer.count);
        }
        status = CLI_INTERRUPTED;
    }
    leat_consumer_free(c.consumer);
    cli_printer_release(&c.printer);
    cli_record_filter_release(&input->filter);
    cli_assignment_release(&c.assignment);
    return status;
}
