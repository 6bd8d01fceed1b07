/* topic_offsets.c: leat topic offsets. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client/cli/outcome.h"
#include "client/cli/topic_set.h"

struct offsets_input {
    struct cli_choice choice;
    struct cli_numbers partitions;
    const char *at;
    bool local;
};

enum { OPT_AT = 1, OPT_LOCAL };

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct offsets_input *input = state->input;
    switch (key) {
    case OPT_AT:
        input->at = arg;
        return 0;
    case OPT_LOCAL:
        input->local = true;
        return 0;
    case 'p':
        cli_numbers_parse(&input->partitions, arg, state);
        return 0;
    default:
        return cli_choice_parse(&input->choice, key, arg, state);
    }
}

/* The offset of the record with the largest timestamp: Kafka's name for it, no point of the common grammar. */
static bool is_max(const char *at)
{
    return at != NULL && strcmp(at, "max-timestamp") == 0;
}

/* A topic that is not there: one row without a partition. Returns the exit code. */
static int
add_missing(struct cli *cli, struct cli_table *table, const struct cli_topic *topic, int cells)
{
    cli_table_row(table);
    cli_table_text(table, topic->name);
    for (int i = 0; i < cells; i++) {
        cli_table_text(table, NULL);
    }
    cli_outcome_cells(table, topic->name, topic->code, topic->message, NULL);
    return cli_outcome_tell(cli, topic->name, topic->code, topic->message);
}

static int
add_part(struct cli *cli, struct cli_table *table, const struct cli_part *part, bool only_at)
{
    cli_table_row(table);
    cli_table_text(table, part->topic->name);
    cli_table_number(table, part->partition);
    if (only_at) {
        cli_table_count(table, part->at);
    } else {
        cli_table_count(table, part->start);
        cli_table_count(table, part->end);
        cli_table_count(table, part->code == 0 ? part->end - part->start : -1);
    }
    return cli_part_outcome(cli, table, part, "OK");
}

static int
print(struct cli *cli, const struct cli_topics *topics, const struct cli_parts *parts, bool only_at)
{
    static const char *const columns[] = {"TOPIC",    ">PARTITION", ">START",   ">END",
                                          ">RECORDS", "?STATUS",    "?MESSAGE", NULL};
    static const char *const columns_at[] = {"TOPIC",   ">PARTITION", ">OFFSET",
                                             "?STATUS", "?MESSAGE",   NULL};
    struct cli_table *table = cli_table_new(cli, "offsets", only_at ? columns_at : columns);
    int status = CLI_DONE;
    size_t at = 0;
    for (size_t i = 0; table != NULL && i < topics->count; i++) {
        const struct cli_topic *topic = &topics->items[i];
        if (topic->code != 0) {
            status = cli_outcome_worse(status, add_missing(cli, table, topic, only_at ? 2 : 4));
        }
        for (; at < parts->count && parts->items[at].topic == topic; at++) {
            status = cli_outcome_worse(status, add_part(cli, table, &parts->items[at], only_at));
        }
    }
    return cli_outcome_end(table, cli, parts->count == 0 ? topics->count : parts->count, status);
}

static const struct argp_option options[] = {
    {"at", OPT_AT, "POINT", 0,
     "The offset of this point: @TIME, start, end, -10, max-timestamp ('leat help offsets')", 0},
    {"local", OPT_LOCAL, NULL, 0, "Dates without a zone are local time, not UTC", 0},
    {"partitions", 'p', "N,..", 0, "Only these partitions", 0},
    CLI_CHOICE_OPTIONS,
    {NULL, 0, NULL, 0, NULL, 0},
};

static int run(struct cli *cli, int argc, char **argv)
{
    static struct offsets_input input;
    cli_parse(cli, argc, argv, &input);
    struct leat_error *err = NULL;
    struct cli_point at = {CLI_POINT_NONE, 0};
    if (input.at != NULL && !is_max(input.at) &&
        cli_point_parse(input.at, lt_clock_wall_ms(lt_clock_real()), input.local, &at, &err) != 0) {
        (void)cli_fail(cli, LEAT_EINVAL, err, "--at");
        return CLI_USAGE;
    }
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct cli_topics topics = {0};
    struct cli_parts parts = {0};
    int code = cli_topics_open(cli, &input.choice, &topics, &err);
    if (code == 0) {
        code = cli_parts_open(cli, &topics, &input.partitions, &parts, &err);
    }
    if (code == 0 && input.at != NULL) {
        code = is_max(input.at) ? cli_parts_ask(cli, &parts, LEAT_OFFSET_MAX_TIMESTAMP, &err)
                                : cli_parts_resolve(cli, &parts, &at, &err);
    }
    status = code == 0 ? print(cli, &topics, &parts, input.at != NULL)
                       : cli_fail(cli, code, err, "topic offsets");
    cli_parts_release(&parts);
    cli_topics_release(&topics);
    return status;
}

const struct cli_command cli_topic_offsets = {
    .name = "topic offsets",
    .summary = "first and next offset of each partition, or the offset at a time",
    .args = "TOPIC..",
    .doc = "Show the offsets of topics.",
    .examples = "leat topic offsets orders\n"
                "leat topic offsets orders --at @-1h\n",
    .more = "A time after the last record gives the end.",
    .options = options,
    .parse = parse,
    .run = run,
};
