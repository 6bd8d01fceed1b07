/* config_diff.c: leat config diff: what differs from the defaults, or between two topics or two brokers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "client/cli/config_target.h"
#include "client/cli/outcome.h"
#include "client/cli/resource.h"

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct cli_target_choice *choice = state->input;
    if (key == ARGP_KEY_ARG) {
        argp_error(state, "'%s': no names here; --topic NAME or --broker ID", arg);
    }
    if (key == ARGP_KEY_END) {
        size_t count = choice->topics.names.count + choice->broker_count;
        if (count > 2 || (count == 2 && choice->broker_count == 1) || choice->topics.regex ||
            choice->topics.all) {
            argp_error(state, "one topic or broker, or two of a kind");
        }
    }
    return cli_targets_parse(choice, key, arg, state);
}

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Topic settings whose default the broker has under another name and, some, in another unit: there the broker tells no
 * default with the topic's setting. Strongest first. */
static const struct {
    const char *topic_key, *broker_key;
    int64_t factor;
} elsewhere[] = {
    {"retention.ms", "log.retention.ms", 1},
    {"retention.ms", "log.retention.minutes", 60000},
    {"retention.ms", "log.retention.hours", 3600000},
    {"segment.ms", "log.roll.ms", 1},
    {"segment.ms", "log.roll.hours", 3600000},
    {"segment.jitter.ms", "log.roll.jitter.ms", 1},
    {"segment.jitter.ms", "log.roll.jitter.hours", 3600000},
};
#define ELSEWHERE_COUNT (sizeof(elsewhere) / sizeof(elsewhere[0]))

static const char *find(const struct leat_result *rows, const char *name, const char *field)
{
    for (size_t i = 0; i < leat_result_count(rows); i++) {
        if (strcmp(leat_result_str(rows, i, "name"), name) == 0) {
            return leat_result_str(rows, i, field);
        }
    }
    return NULL;
}

/* The default that a row tells, or that the broker's own settings tell (`broker` may be NULL); NULL: not known. */
static const char *default_of(const struct leat_result *rows,
                              size_t i,
                              const struct leat_result *broker,
                              char *buf,
                              size_t size)
{
    const char *told = leat_result_str(rows, i, "default_value");
    for (size_t k = 0; told == NULL && k < ELSEWHERE_COUNT; k++) {
        if (strcmp(elsewhere[k].topic_key, leat_result_str(rows, i, "name")) == 0) {
            const char *value = find(broker, elsewhere[k].broker_key, "default_value");
            if (value != NULL) {
                (void)snprintf(buf, size, "%lld",
                               (long long)(strtoll(value, NULL, 10) * elsewhere[k].factor));
                told = buf;
            }
        }
    }
    return told;
}

/* The settings of the broker that answers for the defaults of topics; NULL where they are not to be had. */
static struct leat_result *broker_settings(struct cli *cli)
{
    struct leat_result *cluster = NULL;
    struct leat_result *rows = NULL;
    if (leat_describe_cluster(cli->client, cli->timeout_ms, &cluster, NULL) == 0 &&
        leat_result_count(cluster) > 0 &&
        cli_resource_get(cli, "broker", leat_result_str(cluster, 0, "id"), &rows, NULL) != 0) {
        rows = NULL; /* defaults are not known then, and shown so */
    }
    leat_result_free(cluster);
    return rows;
}

static int
print_defaults(struct cli *cli, const struct cli_target *target, const struct leat_result *rows)
{
    static const char *const columns[] = {"KEY", "VALUE", "DEFAULT", "SOURCE", NULL};
    bool topic = strcmp(target->kind, "topic") == 0;
    struct leat_result *broker = topic ? broker_settings(cli) : NULL;
    struct cli_table *table = cli_table_new(cli, "configs", columns);
    if (table != NULL) {
        cli_table_field(table, "resource", target->label);
    }
    for (size_t i = 0; table != NULL && i < leat_result_count(rows); i++) {
        char buf[32];
        const char *value = leat_result_str(rows, i, "value");
        const char *usual = default_of(rows, i, broker, buf, sizeof(buf));
        if (leat_result_int(rows, i, "is_default") == 1 || (usual != NULL && same(value, usual))) {
            continue;
        }
        cli_table_row(table);
        cli_table_text(table, leat_result_str(rows, i, "name"));
        cli_table_text(table, value);
        cli_table_text(table, usual);
        cli_table_text(table, leat_result_str(rows, i, "source"));
    }
    leat_result_free(broker);
    return cli_table_end(table, cli, CLI_DONE);
}

static void
add_difference(struct cli_table *table, const char *key, const char *left, const char *right)
{
    cli_table_row(table);
    cli_table_text(table, key);
    cli_table_text(table, left);
    cli_table_text(table, right);
}

/* Both are sorted by name. */
static int print_both(struct cli *cli,
                      const struct cli_targets *targets,
                      const struct leat_result *left,
                      const struct leat_result *right)
{
    static const char *const columns[] = {"KEY", "LEFT", "RIGHT", NULL};
    struct cli_table *table = cli_table_new(cli, "configs", columns);
    if (table != NULL) {
        cli_table_field(table, "left", targets->items[0].label);
        cli_table_field(table, "right", targets->items[1].label);
    }
    size_t i = 0;
    size_t k = 0;
    while (table != NULL && (i < leat_result_count(left) || k < leat_result_count(right))) {
        const char *a = leat_result_str(left, i, "name"); /* NULL behind the last */
        const char *b = leat_result_str(right, k, "name");
        int order = a == NULL ? 1 : b == NULL ? -1 : strcmp(a, b);
        const char *value_a = order <= 0 ? leat_result_str(left, i, "value") : NULL;
        const char *value_b = order >= 0 ? leat_result_str(right, k, "value") : NULL;
        if (!same(value_a, value_b)) {
            add_difference(table, order <= 0 ? a : b, value_a, value_b);
        }
        i += order <= 0;
        k += order >= 0;
    }
    if (cli->format == CLI_TEXT || cli->format == CLI_WIDE) {
        printf("LEFT   %s\nRIGHT  %s\n\n", targets->items[0].label, targets->items[1].label);
    }
    return cli_table_end(table, cli, CLI_DONE);
}

static int run(struct cli *cli, int argc, char **argv)
{
    static struct cli_target_choice choice;
    cli_parse(cli, cli_targets_join(argc, argv), argv, &choice);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct leat_error *err = NULL;
    struct cli_targets targets;
    struct leat_result *rows[2] = {NULL, NULL};
    int code = cli_targets_open(cli, &choice, &targets, &err);
    if (code != 0) {
        return cli_fail(cli, code, err, "config diff");
    }
    for (size_t i = 0; i < targets.count && i < 2; i++) {
        const struct cli_target *target = &targets.items[i];
        code = target->code;
        if (code == 0) {
            code = cli_resource_get(cli, target->kind, target->name, &rows[i], &err);
        }
        if (code != 0) {
            const char *message = target->code == 0 ? leat_error_message(err) : target->message;
            status = cli_outcome_worse(status, cli_target_tell(cli, target, code, message));
            leat_error_free(err);
            err = NULL;
        }
    }
    if (status == CLI_DONE) {
        status = targets.count < 2 ? print_defaults(cli, &targets.items[0], rows[0])
                                   : print_both(cli, &targets, rows[0], rows[1]);
    }
    leat_result_free(rows[0]);
    leat_result_free(rows[1]);
    cli_targets_release(&targets);
    return status;
}

static const struct argp_option options[] = {
    {"topic", CLI_OPT_TOPIC, "TOPIC", 0, "A topic; twice: both are compared", 0},
    {"broker", CLI_OPT_BROKER, "ID", OPTION_ARG_OPTIONAL,
     "A broker, without ID the cluster-wide settings; twice: both are compared", 0},
    {"group", CLI_OPT_GROUP, "GROUP", OPTION_HIDDEN, NULL, 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

const struct cli_command cli_config_diff = {
    .name = "config diff",
    .summary = "settings that differ from the defaults, or between two",
    .doc = "Show what differs from the defaults built into the broker, or between two topics or "
           "two brokers.",
    .examples = "leat config diff --topic orders\n"
                "leat config diff --broker 1 --broker 2\n",
    .more = "Differences are no failure: the exit code is 0 with and without them. A secret is "
            "never shown and never differs.",
    .options = options,
    .parse = parse,
    .run = run,
};
