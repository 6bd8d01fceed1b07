/* topic_trim.c: leat topic trim: records before an offset are deleted. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client/cli/outcome.h"
#include "client/cli/topic_set.h"
#include "proto/errors.h"

struct trim_input {
    struct cli_choice choice;
    struct cli_numbers partitions;
    const char *before;
    bool local;
};

enum { OPT_LOCAL = 1 };

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct trim_input *input = state->input;
    switch (key) {
    case 'o':
        input->before = arg;
        return 0;
    case 'p':
        cli_numbers_parse(&input->partitions, arg, state);
        return 0;
    case OPT_LOCAL:
        input->local = true;
        return 0;
    case ARGP_KEY_END:
        if (input->before == NULL) {
            argp_error(state, "say what to keep: -o OFFSET, and all records before it go");
        }
        return cli_choice_parse(&input->choice, key, arg, state);
    default:
        return cli_choice_parse(&input->choice, key, arg, state);
    }
}

/* What the broker would answer to an offset behind the end, said before anything is asked for. */
static void check(struct cli_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        struct cli_part *part = &parts->items[i];
        if (part->code == 0 && part->at > part->end) {
            part->code = LEAT_BROKER_ERROR(PROTO_ERROR_OFFSET_OUT_OF_RANGE);
        } else if (part->code == 0 && part->at < part->start) {
            part->at = part->start;
        }
    }
}

static int64_t count_records(const struct cli_parts *parts)
{
    int64_t total = 0;
    for (size_t i = 0; i < parts->count; i++) {
        total += parts->items[i].code == 0 ? parts->items[i].at - parts->items[i].start : 0;
    }
    return total;
}

/* Delete; afterwards `at` is the new start. */
static int trim(struct cli *cli, struct cli_parts *parts, struct leat_error **reterr)
{
    struct leat_offsets *before = leat_offsets_new();
    struct leat_offsets *answer = NULL;
    int code = before == NULL ? LEAT_ENOMEM : 0;
    for (size_t i = 0; code == 0 && i < parts->count; i++) {
        const struct cli_part *part = &parts->items[i];
        code = part->code != 0
                   ? 0
                   : leat_offsets_add(before, part->topic->name, part->partition, part->at);
    }
    if (code == 0 && leat_offsets_count(before) > 0) {
        code = leat_delete_records(cli->client, before, cli->timeout_ms, &answer, reterr);
    }
    size_t next = 0;
    for (size_t i = 0; code == 0 && i < parts->count; i++) {
        struct cli_part *part = &parts->items[i];
        if (part->code == 0) { /* one entry each, in order */
            (void)leat_offsets_at(answer, next++, NULL, &part->at, &part->code);
        }
    }
    leat_offsets_free(before);
    leat_offsets_free(answer);
    return code;
}

static int add_part(struct cli *cli, struct cli_table *table, const struct cli_part *part)
{
    cli_table_row(table);
    cli_table_text(table, part->topic->name);
    cli_table_number(table, part->partition);
    cli_table_count(table, part->code == 0 ? part->at : part->start);
    cli_table_count(table, part->end);
    cli_table_number(table, part->code == 0 ? part->at - part->start : 0);
    return cli_part_outcome(cli, table, part, cli->dry_run ? "WOULD TRIM" : "OK");
}

static int print(struct cli *cli, const struct cli_topics *topics, const struct cli_parts *parts)
{
    static const char *const columns[] = {"TOPIC",    ">PARTITION", ">START",   ">END",
                                          ">DELETED", "STATUS",     "?MESSAGE", NULL};
    struct cli_table *table = cli_table_new(cli, "partitions", columns);
    int status = CLI_DONE;
    size_t at = 0;
    for (size_t i = 0; table != NULL && i < topics->count; i++) {
        const struct cli_topic *topic = &topics->items[i];
        if (topic->code != 0) {
            cli_table_row(table);
            cli_table_text(table, topic->name);
            for (int k = 0; k < 4; k++) {
                cli_table_text(table, NULL);
            }
            cli_outcome_cells(table, topic->name, topic->code, topic->message, NULL);
            status = cli_outcome_worse(
                status, cli_outcome_tell(cli, topic->name, topic->code, topic->message));
        }
        for (; at < parts->count && parts->items[at].topic == topic; at++) {
            status = cli_outcome_worse(status, add_part(cli, table, &parts->items[at]));
        }
    }
    return cli_outcome_end(table, cli, parts->count == 0 ? topics->count : parts->count, status);
}

static int trim_all(struct cli *cli, const struct trim_input *input, const struct cli_point *before)
{
    struct leat_error *err = NULL;
    struct cli_topics topics = {0};
    struct cli_parts parts = {0};
    int code = cli_topics_open(cli, &input->choice, &topics, &err);
    if (code == 0) {
        code = cli_parts_open(cli, &topics, &input->partitions, &parts, &err);
    }
    if (code == 0) {
        code = cli_parts_resolve(cli, &parts, before, &err);
    }
    int status = CLI_DONE;
    if (code == 0) {
        check(&parts);
        const char *some = cli_topics_some(&topics);
        int64_t records = count_records(&parts);
        if (some != NULL && records > 0 &&
            !cli_confirm(cli, "delete %lld record%s of %s", (long long)records,
                         records == 1 ? "" : "s", some)) {
            status = CLI_FAILED;
        } else if (!cli->dry_run) {
            code = trim(cli, &parts, &err);
        }
    }
    if (code != 0) {
        status = cli_fail(cli, code, err, "topic trim");
    } else if (status == CLI_DONE) {
        status = print(cli, &topics, &parts);
    }
    cli_parts_release(&parts);
    cli_topics_release(&topics);
    return status;
}

static const struct argp_option options[] = {
    {"before", 'o', "POINT", 0,
     "Delete what is before: 1000, @TIME, end, -100 to keep the last 100 ('leat help offsets')", 0},
    {"partitions", 'p', "N,..", 0, "Only these partitions", 0},
    {"local", OPT_LOCAL, NULL, 0, "Dates without a zone are local time, not UTC", 0},
    CLI_CHOICE_OPTIONS,
    {NULL, 0, NULL, 0, NULL, 0},
};

static int run(struct cli *cli, int argc, char **argv)
{
    static struct trim_input input;
    cli_parse(cli, argc, argv, &input);
    struct leat_error *err = NULL;
    struct cli_point before;
    if (cli_point_parse(input.before, lt_clock_wall_ms(lt_clock_real()), input.local, &before,
                        &err) != 0) {
        (void)cli_fail(cli, LEAT_EINVAL, err, "-o");
        return CLI_USAGE;
    }
    int status = cli_connect(cli);
    return status != 0 ? status : trim_all(cli, &input, &before);
}

const struct cli_command cli_topic_trim = {
    .name = "topic trim",
    .summary = "delete the oldest records of topics",
    .args = "TOPIC..",
    .doc = "Delete the oldest records of topics, up to an offset that stays.",
    .examples = "leat topic trim orders -o 1000\n"
                "leat topic trim orders -o @-7d --dry-run\n",
    .more =
        "In partitions that end before a plain number nothing is deleted, and that is an error.",
    .options = options,
    .parse = parse,
    .run = run,
};
