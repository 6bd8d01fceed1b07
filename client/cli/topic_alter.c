/* topic_alter.c: leat topic alter: settings of topics. */
#include <stdio.h>
#include <string.h>

#include "client/cli/outcome.h"
#include "client/cli/resource.h"
#include "client/cli/topic_set.h"

struct alter_input {
    struct cli_choice choice;
    struct cli_words configs; /* key=value */
    struct cli_words unset;   /* keys */
};

enum { OPT_UNSET = 1 };

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct alter_input *input = state->input;
    switch (key) {
    case 'c':
        if (strchr(arg, '=') == NULL || arg[0] == '=') {
            argp_error(state, "-c %s: want key=value", arg);
        }
        cli_words_add(&input->configs, state, arg);
        return 0;
    case 'p':
        argp_error(state, "partitions: 'leat topic add-partitions TOPIC -p %s'", arg);
        return 0;
    case OPT_UNSET:
        cli_words_add(&input->unset, state, arg);
        return 0;
    case ARGP_KEY_END:
        if (input->configs.count + input->unset.count == 0) {
            argp_error(state, "say what to change: -c key=value or --unset key");
        }
        return cli_choice_parse(&input->choice, key, arg, state);
    default:
        return cli_choice_parse(&input->choice, key, arg, state);
    }
}

static int alter_all(struct cli *cli,
                     const struct cli_topics *topics,
                     const struct leat_conf *changes,
                     size_t change_count,
                     int status)
{
    static const char *const columns[] = {"TOPIC", ">CHANGES", "STATUS", "?MESSAGE", NULL};
    struct cli_table *table = cli_table_new(cli, "topics", columns);
    for (size_t i = 0; table != NULL && i < topics->count; i++) {
        const struct cli_topic *topic = &topics->items[i];
        struct leat_error *err = NULL;
        int code = topic->code;
        if (code == 0) {
            code = cli_resource_alter(cli, "topic", topic->name, changes, &err);
        }
        const char *message = topic->code == 0 ? leat_error_message(err) : topic->message;
        cli_table_row(table);
        cli_table_text(table, topic->name);
        cli_table_number(table, code == 0 ? (int64_t)change_count : 0);
        cli_outcome_cells(table, topic->name, code, message, cli->dry_run ? "WOULD CHANGE" : "OK");
        if (code != 0) {
            status = cli_outcome_worse(status, cli_outcome_tell(cli, topic->name, code, message));
        }
        leat_error_free(err);
    }
    return cli_outcome_end(table, cli, topics->count, status);
}

static const struct argp_option options[] = {
    {"config", 'c', "KEY=VALUE", 0, "Set this; may be repeated", 0},
    {"unset", OPT_UNSET, "KEY", 0, "Back to its default; may be repeated", 0},
    {"partitions", 'p', "N", OPTION_HIDDEN, NULL, 0},
    CLI_CHOICE_OPTIONS,
    {NULL, 0, NULL, 0, NULL, 0},
};

static int run(struct cli *cli, int argc, char **argv)
{
    static struct alter_input input;
    cli_parse(cli, argc, argv, &input);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct leat_error *err = NULL;
    struct leat_conf *changes = NULL;
    struct cli_topics topics = {0};
    int code = cli_resource_changes(cli, input.configs.words, input.configs.count,
                                    input.unset.words, input.unset.count, &changes, &err);
    if (code != 0) {
        (void)cli_fail(cli, code, err, "topic alter"); /* a setting was refused */
        return CLI_USAGE;
    }
    code = cli_topics_open(cli, &input.choice, &topics, &err);
    if (code != 0) {
        leat_conf_free(changes);
        return cli_fail(cli, code, err, "topic alter");
    }
    const char *some = cli_topics_some(&topics);
    bool many = input.choice.regex || input.choice.all;
    bool go_on = some == NULL || (many ? cli_confirm(cli, "change settings of %s", some)
                                       : cli_change(cli, "change settings of %s", some));
    status = go_on ? alter_all(cli, &topics, changes, input.configs.count + input.unset.count, 0)
                   : CLI_FAILED;
    cli_topics_release(&topics);
    leat_conf_free(changes);
    return status;
}

const struct cli_command cli_topic_alter = {
    .name = "topic alter",
    .summary = "change settings of topics",
    .args = "TOPIC..",
    .doc = "Change settings of topics; what is not named stays.",
    .examples = "leat topic alter orders -c retention.ms=3600000\n"
                "leat topic alter -r 'test-.*' --unset retention.ms --dry-run\n",
    .options = options,
    .parse = parse,
    .run = run,
};
