/* config_set.c: leat config set and unset. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "client/cli/config_target.h"
#include "client/cli/outcome.h"
#include "client/cli/resource.h"

struct set_input {
    struct cli_target_choice choice;
    struct cli_words words; /* key=value, or keys to unset */
};

static error_t parse_set(int key, char *arg, struct argp_state *state)
{
    struct set_input *input = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (strchr(arg, '=') == NULL || arg[0] == '=') {
            argp_error(state, "'%s': want key=value", arg);
        }
        cli_words_add(&input->words, state, arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "say what to set: key=value");
        return 0;
    default:
        return cli_targets_parse(&input->choice, key, arg, state);
    }
}

static error_t parse_unset(int key, char *arg, struct argp_state *state)
{
    struct set_input *input = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (strchr(arg, '=') != NULL) {
            argp_error(state, "'%s': want the key alone", arg);
        }
        cli_words_add(&input->words, state, arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "say which keys");
        return 0;
    default:
        return cli_targets_parse(&input->choice, key, arg, state);
    }
}

/* A row for each key: a resource takes all of its changes or none. */
static void add_rows(struct cli_table *table,
                     const struct set_input *input,
                     const struct cli_target *target,
                     int code,
                     const char *message,
                     const char *done)
{
    for (size_t i = 0; i < input->words.count; i++) {
        const char *word = input->words.words[i];
        const char *equals = strchr(word, '=');
        cli_table_row(table);
        cli_table_text(table, target->label);
        if (equals == NULL) {
            cli_table_text(table, word);
            cli_table_text(table, NULL);
        } else {
            cli_table_printf(table, "%.*s", (int)(equals - word), word);
            cli_table_text(table, equals + 1);
        }
        cli_target_cells(table, target, code, message, done);
    }
}

static int change_all(struct cli *cli,
                      const struct set_input *input,
                      const struct cli_targets *targets,
                      const struct leat_conf *changes,
                      const char *done)
{
    static const char *const columns[] = {"RESOURCE", "KEY", "VALUE", "STATUS", "?MESSAGE", NULL};
    struct cli_table *table = cli_table_new(cli, "changes", columns);
    int status = CLI_DONE;
    for (size_t i = 0; table != NULL && i < targets->count; i++) {
        const struct cli_target *target = &targets->items[i];
        struct leat_error *err = NULL;
        int code = target->code;
        if (code == 0) {
            code = cli_resource_alter(cli, target->kind, target->name, changes, &err);
        }
        const char *message = target->code == 0 ? leat_error_message(err) : target->message;
        add_rows(table, input, target, code, message, done);
        if (code != 0) {
            status = cli_outcome_worse(status, cli_target_tell(cli, target, code, message));
        }
        leat_error_free(err);
    }
    return cli_outcome_end(table, cli, targets->count, status);
}

static int change(struct cli *cli, int argc, char **argv, bool unset)
{
    static struct set_input input;
    cli_parse(cli, cli_targets_join(argc, argv), argv, &input);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct leat_error *err = NULL;
    struct leat_conf *changes = NULL;
    struct cli_targets targets = {0};
    const char *const *words = input.words.words;
    int code = cli_resource_changes(cli, words, unset ? 0 : input.words.count, words,
                                    unset ? input.words.count : 0, &changes, &err);
    if (code == 0) {
        code = cli_targets_open(cli, &input.choice, &targets, &err);
    }
    if (code != 0) {
        leat_conf_free(changes);
        return cli_fail(cli, code, err, "%s", cli->command);
    }
    const char *done = !cli->dry_run ? "OK" : unset ? "WOULD UNSET" : "WOULD SET";
    bool many = input.choice.topics.regex || input.choice.topics.all;
    const char *first = targets.count == 0 ? "nothing" : targets.items[0].label;
    const char *others = targets.count > 1 ? " and others" : "";
    bool go_on = many ? cli_confirm(cli, "change settings of %s%s", first, others)
                      : cli_change(cli, "change settings of %s%s", first, others);
    status = go_on ? change_all(cli, &input, &targets, changes, done) : CLI_FAILED;
    cli_targets_release(&targets);
    leat_conf_free(changes);
    return status;
}

static int run_set(struct cli *cli, int argc, char **argv)
{
    return change(cli, argc, argv, false);
}

static int run_unset(struct cli *cli, int argc, char **argv)
{
    return change(cli, argc, argv, true);
}

static const struct argp_option options[] = {CLI_TARGET_OPTIONS, {NULL, 0, NULL, 0, NULL, 0}};

const struct cli_command cli_config_set = {
    .name = "config set",
    .summary = "change settings of a topic or broker",
    .args = "KEY=VALUE..",
    .doc = "Change settings; what is not named stays.",
    .examples = "leat config set --topic orders retention.ms=3600000\n"
                "leat config set --topic orders retention.ms=86400000 --dry-run\n",
    .more = "One topic or broker takes all of the changes or none of them.",
    .options = options,
    .parse = parse_set,
    .run = run_set,
};

const struct cli_command cli_config_unset = {
    .name = "config unset",
    .summary = "settings of a topic or broker back to their defaults",
    .args = "KEY..",
    .doc = "Take settings back to their defaults.",
    .examples = "leat config unset --topic orders retention.ms\n"
                "leat config unset --broker log.retention.ms --dry-run\n",
    .options = options,
    .parse = parse_unset,
    .run = run_unset,
};
