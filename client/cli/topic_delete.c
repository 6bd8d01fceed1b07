/* topic_delete.c: leat topic delete. */
#include <stdio.h>
#include <string.h>

#include "client/cli/outcome.h"
#include "client/cli/topic_set.h"

static error_t parse(int key, char *arg, struct argp_state *state)
{
    return cli_choice_parse(state->input, key, arg, state);
}

static const struct argp_option options[] = {
    CLI_CHOICE_OPTIONS,
    {NULL, 0, NULL, 0, NULL, 0},
};

static int run(struct cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {"TOPIC", ">PARTITIONS", "STATUS", "?MESSAGE", NULL};
    static struct cli_choice choice;
    cli_parse(cli, argc, argv, &choice);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct cli_topics topics;
    struct leat_error *err = NULL;
    int code = cli_topics_open(cli, &choice, &topics, &err);
    if (code != 0) {
        return cli_fail(cli, code, err, "topic delete");
    }
    if (cli_topics_some(&topics) != NULL &&
        !cli_confirm(cli, "delete %s and all records", cli_topics_some(&topics))) {
        cli_topics_release(&topics);
        return CLI_FAILED;
    }
    struct cli_table *table = cli_table_new(cli, "topics", columns);
    for (size_t i = 0; table != NULL && i < topics.count; i++) {
        const struct cli_topic *topic = &topics.items[i];
        const char *message = topic->message;
        code = topic->code;
        if (code == 0 && !cli->dry_run) {
            code = leat_delete_topic(cli->client, topic->name, cli->timeout_ms, &err);
            message = leat_error_message(err);
        }
        cli_table_row(table);
        cli_table_text(table, topic->name);
        cli_table_count(table, topic->code == 0 ? topic->partition_count : -1);
        cli_outcome_cells(table, topic->name, code, message, cli->dry_run ? "WOULD DELETE" : "OK");
        if (code != 0) {
            status = cli_outcome_worse(status, cli_outcome_tell(cli, topic->name, code, message));
        }
        leat_error_free(err);
        err = NULL;
    }
    status = cli_outcome_end(table, cli, topics.count, status);
    cli_topics_release(&topics);
    return status;
}

const struct cli_command cli_topic_delete = {
    .name = "topic delete",
    .alias = "topic rm",
    .summary = "delete topics and all their records",
    .args = "TOPIC..",
    .doc = "Delete topics and all their records.",
    .examples = "leat topic delete orders\n"
                "leat topic delete -r 'test-.*' --dry-run\n",
    .options = options,
    .parse = parse,
    .run = run,
};
