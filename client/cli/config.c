/* config.c: leat config get and set. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "client/cli/command.h"
#include "client/cli/output.h"
#include "client/cli/positions.h"

enum { OPT_TOPIC = 1, OPT_BROKER, OPT_OVERRIDES };

struct config_input {
    const char *kind, *name; /* "topic" and its name, "broker" and its id or "" */
    struct cli_words words;  /* keys, or key=value */
    bool overrides;
    bool set;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct config_input *input = state->input;
    switch (key) {
    case OPT_TOPIC:
    case OPT_BROKER:
        if (input->kind != NULL) {
            argp_error(state, "one --topic or one --broker");
        }
        input->kind = key == OPT_TOPIC ? "topic" : "broker";
        input->name = arg == NULL ? "" : arg;
        return 0;
    case OPT_OVERRIDES:
        input->overrides = true;
        return 0;
    case ARGP_KEY_ARG:
        if (input->set && strchr(arg, '=') == NULL) {
            argp_error(state, "'%s': want key=value", arg);
        }
        cli_words_add(&input->words, state, arg);
        return 0;
    case ARGP_KEY_END:
        if (input->kind == NULL) {
            argp_error(state, "say whose settings: --topic NAME or --broker[=ID]");
        }
        if (input->set && input->words.count == 0) {
            argp_error(state, "say what to set: key=value");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option resource_options[] = {
    {"topic", OPT_TOPIC, "TOPIC", 0, "Settings of this topic", 0},
    {"broker", OPT_BROKER, "ID", OPTION_ARG_OPTIONAL,
     "Settings of this broker; without ID the cluster-wide ones", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static const struct argp_option get_options[] = {
    {"topic", OPT_TOPIC, "TOPIC", 0, "Settings of this topic", 0},
    {"broker", OPT_BROKER, "ID", OPTION_ARG_OPTIONAL,
     "Settings of this broker; without ID the cluster-wide ones", 0},
    {"overrides", OPT_OVERRIDES, NULL, 0, "Only what is not a default", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static bool wanted(const struct config_input *input, const char *name, bool is_default)
{
    if (input->overrides && is_default) {
        return false;
    }
    for (size_t i = 0; i < input->words.count; i++) {
        if (strcmp(input->words.words[i], name) == 0) {
            return true;
        }
    }
    return input->words.count == 0;
}

static int run_get(struct cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {"KEY",        "VALUE",      "SOURCE", "+TYPE",
                                          "+READ-ONLY", "+SENSITIVE", NULL};
    static struct config_input input;
    cli_parse(cli, argc, argv, &input);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct leat_error *err = NULL;
    struct leat_result *rows = NULL;
    char *resource = lt_asprintf("%s:%s", input.kind, input.name);
    int code = resource == NULL
                   ? LEAT_ENOMEM
                   : leat_get_configs(cli->client, resource, cli->timeout_ms, &rows, &err);
    lt_free(resource);
    if (code != 0) {
        return cli_fail(cli, code, err, "config get --%s %s", input.kind, input.name);
    }
    struct cli_table *table = cli_table_new(cli, "configs", columns);
    size_t shown = 0;
    for (size_t i = 0; table != NULL && i < leat_result_count(rows); i++) {
        const char *name = leat_result_str(rows, i, "name");
        if (!wanted(&input, name, leat_result_int(rows, i, "is_default") == 1)) {
            continue;
        }
        shown++;
        cli_table_row(table);
        cli_table_text(table, name);
        cli_table_text(table, leat_result_str(rows, i, "value"));
        cli_table_text(table, leat_result_str(rows, i, "source"));
        cli_table_text(table, leat_result_str(rows, i, "type"));
        cli_table_bool(table, leat_result_int(rows, i, "read_only") == 1);
        cli_table_bool(table, leat_result_int(rows, i, "sensitive") == 1);
    }
    code = table == NULL ? LEAT_ENOMEM : cli_table_print(table);
    cli_table_free(table);
    leat_result_free(rows);
    if (code == 0 && shown < input.words.count) {
        fprintf(stderr, "leat: config get: %zu of the keys do not exist there\n",
                input.words.count - shown);
        return CLI_FAILED;
    }
    return code == 0 ? CLI_DONE : cli_fail(cli, code, NULL, "config get");
}

const struct cli_command cli_config_get = {
    .name = "config get",
    .alias = "config list",
    .summary = "settings of a topic or broker",
    .args = "[KEY..]",
    .doc = "Show settings.",
    .examples = "leat config get --topic orders\n"
                "leat config get --broker log.retention.ms\n",
    .options = get_options,
    .parse = parse,
    .run = run_get,
};

static int run_set(struct cli *cli, int argc, char **argv)
{
    static struct config_input input = {.set = true};
    cli_parse(cli, argc, argv, &input);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct leat_error *err = NULL;
    struct leat_conf *changes = leat_conf_new_topic();
    int code = changes == NULL ? LEAT_ENOMEM : 0;
    for (size_t i = 0; code == 0 && i < input.words.count; i++) {
        code = cli_set_pair(changes, input.words.words[i], &err);
    }
    if (code == 0 && cli->dry_run) {
        code = leat_conf_set(changes, "validate.only", "true", &err);
    }
    char *resource = lt_asprintf("%s:%s", input.kind, input.name);
    if (code == 0) {
        code = resource == NULL
                   ? LEAT_ENOMEM
                   : leat_alter_configs(cli->client, resource, changes, cli->timeout_ms, &err);
    }
    lt_free(resource);
    leat_conf_free(changes);
    if (code != 0) {
        return cli_fail(cli, code, err, "config set --%s %s", input.kind, input.name);
    }
    if (cli->format == CLI_JSON) {
        static const char *const columns[] = {"CHANGE", NULL};
        struct cli_table *table = cli_table_new(cli, "changes", columns);
        for (size_t i = 0; table != NULL && i < input.words.count; i++) {
            cli_table_row(table);
            cli_table_text(table, input.words.words[i]);
        }
        code = table == NULL ? LEAT_ENOMEM : cli_table_print(table);
        cli_table_free(table);
    } else if (!cli->quiet) {
        fprintf(stderr, "%s %s: %zu setting%s %s\n", input.kind, input.name, input.words.count,
                input.words.count == 1 ? "" : "s", cli->dry_run ? "would be changed" : "changed");
    }
    return code == 0 ? CLI_DONE : cli_fail(cli, code, NULL, "config set");
}

const struct cli_command cli_config_set = {
    .name = "config set",
    .summary = "change settings of a topic or broker",
    .args = "KEY=VALUE..",
    .doc = "Change settings; what is not named stays.",
    .examples = "leat config set --topic orders retention.ms=3600000\n"
                "leat config set --topic orders retention.ms=1d --dry-run\n",
    .options = resource_options,
    .parse = parse,
    .run = run_set,
};
