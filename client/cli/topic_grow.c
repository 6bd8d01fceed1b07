/* topic_grow.c: leat topic add-partitions. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "client/cli/outcome.h"
#include "client/cli/topic_set.h"
#include "proto/errors.h"

struct grow_input {
    struct cli_choice choice;
    int32_t total; /* -p; 0 = not given */
    int32_t more;  /* -n; 0 = not given */
};

static int32_t number(struct argp_state *state, const char *flag, const char *arg)
{
    char *end;
    long value = strtol(arg, &end, 10);
    if (*end != '\0' || end == arg || value < 1 || value > INT32_MAX) {
        argp_error(state, "%s %s: want a number of partitions", flag, arg);
    }
    return (int32_t)value;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct grow_input *input = state->input;
    switch (key) {
    case 'p':
        input->total = number(state, "-p", arg);
        return 0;
    case 'n':
        input->more = number(state, "-n", arg);
        return 0;
    case ARGP_KEY_END:
        if ((input->total == 0) == (input->more == 0)) {
            argp_error(state, "say how many: -p TOTAL or -n MORE");
        }
        return cli_choice_parse(&input->choice, key, arg, state);
    default:
        return cli_choice_parse(&input->choice, key, arg, state);
    }
}

/* A dry run asks the broker for nothing more than is known already. */
static int
grow(struct cli *cli, const struct cli_topic *topic, int32_t total, struct leat_error **reterr)
{
    if (total <= topic->partition_count) {
        return lt_error_set(reterr, LEAT_BROKER_ERROR(PROTO_ERROR_INVALID_PARTITIONS),
                            "topic '%s' has %d partitions already, it cannot get %d", topic->name,
                            (int)topic->partition_count, (int)total);
    }
    return cli->dry_run
               ? 0
               : leat_add_partitions(cli->client, topic->name, total, cli->timeout_ms, reterr);
}

static int
grow_all(struct cli *cli, const struct grow_input *input, const struct cli_topics *topics)
{
    static const char *const columns[] = {"TOPIC", ">PARTITIONS", "STATUS", "?MESSAGE", NULL};
    struct cli_table *table = cli_table_new(cli, "topics", columns);
    int status = CLI_DONE;
    for (size_t i = 0; table != NULL && i < topics->count; i++) {
        const struct cli_topic *topic = &topics->items[i];
        struct leat_error *err = NULL;
        int32_t total = input->total > 0 ? input->total : topic->partition_count + input->more;
        int code = topic->code != 0 ? topic->code : grow(cli, topic, total, &err);
        const char *message = topic->code == 0 ? leat_error_message(err) : topic->message;
        cli_table_row(table);
        cli_table_text(table, topic->name);
        cli_table_count(table, code == 0 ? total : topic->code == 0 ? topic->partition_count : -1);
        cli_outcome_cells(table, topic->name, code, message, cli->dry_run ? "WOULD ADD" : "OK");
        if (code != 0) {
            status = cli_outcome_worse(status, cli_outcome_tell(cli, topic->name, code, message));
        }
        leat_error_free(err);
    }
    return cli_outcome_end(table, cli, topics->count, status);
}

static const struct argp_option options[] = {
    {"partitions", 'p', "TOTAL", 0, "How many there shall be", 0},
    {"num", 'n', "MORE", 0, "How many to add", 0},
    CLI_CHOICE_OPTIONS,
    {NULL, 0, NULL, 0, NULL, 0},
};

static int run(struct cli *cli, int argc, char **argv)
{
    static struct grow_input input;
    cli_parse(cli, argc, argv, &input);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct leat_error *err = NULL;
    struct cli_topics topics;
    int code = cli_topics_open(cli, &input.choice, &topics, &err);
    if (code != 0) {
        return cli_fail(cli, code, err, "topic add-partitions");
    }
    const char *some = cli_topics_some(&topics);
    bool many = input.choice.regex || input.choice.all;
    bool go_on = some == NULL || (many ? cli_confirm(cli, "add partitions to %s", some)
                                       : cli_change(cli, "add partitions to %s", some));
    status = go_on ? grow_all(cli, &input, &topics) : CLI_FAILED;
    cli_topics_release(&topics);
    return status;
}

const struct cli_command cli_topic_add_partitions = {
    .name = "topic add-partitions",
    .summary = "give topics more partitions",
    .args = "TOPIC..",
    .doc = "Give topics more partitions.",
    .examples = "leat topic add-partitions orders -p 6\n"
                "leat topic add-partitions orders -n 2 --dry-run\n",
    .more = "Partitions cannot be taken away again, and keys may move to other partitions: records "
            "of one key from before and after are then not in one order.",
    .options = options,
    .parse = parse,
    .run = run,
};
