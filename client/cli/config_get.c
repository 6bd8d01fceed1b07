/* config_get.c: leat config list and get. */
#include <stdio.h>
#include <string.h>

#include "base/properties.h"
#include "client/cli/config_target.h"
#include "client/cli/outcome.h"
#include "client/cli/resource.h"

enum { OPT_OVERRIDES = 1 };

struct get_input {
    struct cli_target_choice choice;
    struct cli_words keys;
    bool overrides;
};

static error_t parse_list(int key, char *arg, struct argp_state *state)
{
    struct get_input *input = state->input;
    switch (key) {
    case OPT_OVERRIDES:
        input->overrides = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s': no keys here; 'leat config get' shows single settings", arg);
        return 0;
    default:
        return cli_targets_parse(&input->choice, key, arg, state);
    }
}

static error_t parse_get(int key, char *arg, struct argp_state *state)
{
    struct get_input *input = state->input;
    if (key == ARGP_KEY_ARG) {
        cli_words_add(&input->keys, state, arg);
        return 0;
    }
    return parse_list(key, arg, state);
}

static void add_row(struct cli_table *table,
                    const struct cli_target *target,
                    const struct leat_result *rows,
                    size_t i)
{
    cli_table_row(table);
    cli_table_text(table, leat_result_str(rows, i, "name"));
    cli_table_text(table, leat_result_str(rows, i, "value"));
    cli_table_text(table, leat_result_str(rows, i, "source"));
    cli_table_text(table, leat_result_str(rows, i, "type"));
    cli_table_bool(table, leat_result_int(rows, i, "read_only") == 1);
    cli_table_bool(table, leat_result_int(rows, i, "sensitive") == 1);
    cli_table_text(table, leat_result_str(rows, i, "default_value"));
    cli_table_text(table, target->label);
    cli_table_text(table, "OK");
    cli_table_text(table, NULL);
}

/* A row that says what went wrong. */
static void add_failure(struct cli_table *table,
                        const struct cli_target *target,
                        const char *key,
                        int code,
                        const char *message)
{
    cli_table_row(table);
    cli_table_text(table, key);
    for (int i = 0; i < 6; i++) {
        cli_table_text(table, NULL);
    }
    cli_table_text(table, target->label);
    cli_target_cells(table, target, code, message, NULL);
}

/* The key that is not there, with the nearest one that is. */
static int add_unknown(struct cli *cli,
                       struct cli_table *table,
                       const struct cli_target *target,
                       const struct leat_result *rows,
                       const char *key)
{
    char message[512];
    const char *nearest = NULL;
    size_t least = 1 + strlen(key) / 3;
    for (size_t i = 0; i < leat_result_count(rows); i++) {
        size_t distance = lt_text_distance(key, leat_result_str(rows, i, "name"));
        if (distance <= least) {
            least = distance;
            nearest = leat_result_str(rows, i, "name");
        }
    }
    (void)snprintf(message, sizeof(message), "%s has no setting '%s'%s%s%s", target->label, key,
                   nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest,
                   nearest == NULL ? "" : "'?");
    add_failure(table, target, key, LEAT_ENOENT, message);
    return cli_fail_sentence(cli, LEAT_ENOENT, message);
}

static int get_one(struct cli *cli,
                   const struct get_input *input,
                   const struct cli_target *target,
                   struct cli_table *table)
{
    struct leat_error *err = NULL;
    struct leat_result *rows = NULL;
    int status = CLI_DONE;
    int code = target->code;
    if (code == 0) {
        code = cli_resource_get(cli, target->kind, target->name, &rows, &err);
    }
    if (code != 0) {
        const char *message = target->code == 0 ? leat_error_message(err) : target->message;
        add_failure(table, target, NULL, code, message);
        status = cli_target_tell(cli, target, code, message);
    }
    bool found[CLI_WORDS_MAX] = {false};
    for (size_t i = 0; i < leat_result_count(rows); i++) {
        bool wanted = input->keys.count == 0;
        for (size_t k = 0; k < input->keys.count; k++) {
            bool is = strcmp(input->keys.words[k], leat_result_str(rows, i, "name")) == 0;
            wanted = wanted || is;
            found[k] = found[k] || is;
        }
        if (wanted && !(input->overrides && leat_result_int(rows, i, "is_default") == 1)) {
            add_row(table, target, rows, i);
        }
    }
    for (size_t k = 0; code == 0 && k < input->keys.count; k++) {
        if (!found[k]) {
            status = cli_outcome_worse(status,
                                       add_unknown(cli, table, target, rows, input->keys.words[k]));
        }
    }
    leat_error_free(err);
    leat_result_free(rows);
    return status;
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const char *const one[] = {"KEY",        "VALUE",      "SOURCE",   "+TYPE",
                                      "+READ-ONLY", "+SENSITIVE", "+DEFAULT", "+RESOURCE",
                                      "?STATUS",    "?MESSAGE",   NULL};
    static const char *const many[] = {"KEY",        "VALUE",      "SOURCE",   "+TYPE",
                                       "+READ-ONLY", "+SENSITIVE", "+DEFAULT", "RESOURCE",
                                       "?STATUS",    "?MESSAGE",   NULL};
    static struct get_input input;
    cli_parse(cli, cli_targets_join(argc, argv), argv, &input);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct leat_error *err = NULL;
    struct cli_targets targets;
    int code = cli_targets_open(cli, &input.choice, &targets, &err);
    if (code != 0) {
        return cli_fail(cli, code, err, "%s", cli->command);
    }
    struct cli_table *table = cli_table_new(cli, "configs", targets.count > 1 ? many : one);
    for (size_t i = 0; table != NULL && i < targets.count; i++) {
        status = cli_outcome_worse(status, get_one(cli, &input, &targets.items[i], table));
    }
    size_t items = targets.count > 1 ? targets.count : input.keys.count;
    cli_targets_release(&targets);
    return cli_outcome_end(table, cli, items == 0 ? 1 : items, status);
}

static const struct argp_option options[] = {
    CLI_TARGET_OPTIONS,
    {"overrides", OPT_OVERRIDES, NULL, 0, "Only what is not a default", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

const struct cli_command cli_config_list = {
    .name = "config list",
    .summary = "all settings of a topic or broker",
    .doc = "Show all settings with their sources.",
    .examples = "leat config list --topic orders --overrides\n"
                "leat config list --broker 1 --format wide\n",
    .options = options,
    .parse = parse_list,
    .run = run,
};

const struct cli_command cli_config_get = {
    .name = "config get",
    .summary = "settings of a topic or broker",
    .args = "[KEY..]",
    .doc = "Show settings; without KEY all of them.",
    .examples = "leat config get --topic orders retention.ms cleanup.policy\n"
                "leat config get --broker 1 log.retention.hours\n",
    .options = options,
    .parse = parse_get,
    .run = run,
};
