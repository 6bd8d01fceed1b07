/* topic_list.c: leat topic list. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "client/cli/outcome.h"
#include "client/cli/sizes.h"
#include "client/cli/topic_set.h"

static error_t parse(int key, char *arg, struct argp_state *state)
{
    return cli_choice_parse(state->input, key, arg, state);
}

/* Records between start and end over the topic's partitions from *at on; -1 when one of them could not be asked. Moves *at
 * behind them. */
static int64_t
count_records(const struct cli_parts *parts, const struct cli_topic *topic, size_t *at)
{
    int64_t total = 0;
    for (; *at < parts->count && parts->items[*at].topic == topic; (*at)++) {
        const struct cli_part *part = &parts->items[*at];
        total = total < 0 || part->code != 0 ? -1 : total + part->end - part->start;
    }
    return total;
}

static const struct argp_option options[] = {
    CLI_CHOICE_OPTIONS,
    {NULL, 0, NULL, 0, NULL, 0},
};

static int run(struct cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {"NAME",     ">PARTITIONS", ">REPLICAS", ">RECORDS",
                                          "#BYTES",   "INTERNAL",    "+ID",       "?STATUS",
                                          "?MESSAGE", NULL};
    static struct cli_choice choice = {.may_be_empty = true};
    cli_parse(cli, argc, argv, &choice);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct leat_error *err = NULL;
    struct cli_topics topics = {0};
    struct cli_parts parts = {0};
    struct cli_sizes sizes = {0};
    int code = cli_topics_open(cli, &choice, &topics, &err);
    if (code == 0) {
        code = cli_parts_open(cli, &topics, NULL, &parts, &err);
    }
    if (code != 0) {
        cli_parts_release(&parts);
        cli_topics_release(&topics);
        return cli_fail(cli, code, err, "topic list");
    }
    cli_sizes_open(cli, &sizes);
    struct cli_table *table = cli_table_new(cli, "topics", columns);
    size_t at = 0;
    for (size_t i = 0; table != NULL && i < topics.count; i++) {
        const struct cli_topic *topic = &topics.items[i];
        bool found = topic->code == 0;
        cli_table_row(table);
        cli_table_text(table, topic->name);
        cli_table_count(table, found ? topic->partition_count : -1);
        cli_table_count(table, found ? topic->replica_count : -1);
        cli_table_count(table, found ? count_records(&parts, topic, &at) : -1);
        cli_table_count(table, found ? cli_sizes_of(&sizes, topic->name) : -1);
        cli_table_bool(table, topic->internal);
        cli_table_text(table, topic->id[0] == '\0' ? NULL : topic->id);
        cli_outcome_cells(table, topic->name, topic->code, topic->message, "OK");
        if (!found) {
            status = cli_outcome_worse(
                status, cli_outcome_tell(cli, topic->name, topic->code, topic->message));
        }
    }
    cli_sizes_release(&sizes);
    cli_parts_release(&parts);
    status = cli_outcome_end(table, cli, topics.count, status);
    cli_topics_release(&topics);
    return status;
}

const struct cli_command cli_topic_list = {
    .name = "topic list",
    .alias = "topic ls",
    .summary = "topics with their partitions, records and bytes",
    .args = "[TOPIC..]",
    .doc = "List topics: all but internal ones, or those that are named.",
    .examples = "leat topic list\n"
                "leat topic list -r 'orders.*' --json\n",
    .more = "BYTES is what all replicas take on disk. BYTES and RECORDS are - where the brokers do "
            "not tell.",
    .options = options,
    .parse = parse,
    .run = run,
};
