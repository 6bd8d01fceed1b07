/* cluster_logdirs.c: leat cluster logdirs. */
#include <stdlib.h>
#include <string.h>

#include "client/cli/command.h"
#include "client/cli/outcome.h"

struct logdirs_input {
    struct cli_words topics;
    bool partitions;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct logdirs_input *input = state->input;
    switch (key) {
    case 'p':
        input->partitions = true;
        return 0;
    case ARGP_KEY_ARG:
        cli_words_add(&input->topics, state, arg);
        input->partitions = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void add_code(struct cli_table *table, int code)
{
    cli_table_text(table, code == 0 ? "OK" : leat_errname(code));
    cli_table_text(table, code == 0 ? NULL : leat_strerror(code));
}

/* A row per partition; brokers and directories that failed have a row too. Returns the exit code. */
static int add_partitions(struct cli_table *table, const struct leat_result *rows, bool only_parts)
{
    int status = CLI_DONE;
    for (size_t i = 0; i < leat_result_count(rows); i++) {
        const char *topic = leat_result_str(rows, i, "topic");
        int code = (int)leat_result_int(rows, i, "code");
        if (topic == NULL && code == 0 && only_parts) {
            continue; /* a directory that holds nothing of it */
        }
        status = code == 0 ? status : CLI_FAILED;
        cli_table_row(table);
        cli_table_number(table, leat_result_int(rows, i, "broker"));
        cli_table_text(table, leat_result_str(rows, i, "dir"));
        cli_table_text(table, topic);
        cli_table_count(table, leat_result_int(rows, i, "partition"));
        cli_table_count(table, leat_result_int(rows, i, "size"));
        cli_table_count(table, leat_result_int(rows, i, "lag"));
        cli_table_bool(table, leat_result_int(rows, i, "future") == 1);
        add_code(table, code);
    }
    return status;
}

static bool same_dir(const struct leat_result *rows, size_t a, size_t b)
{
    const char *left = leat_result_str(rows, a, "dir");
    const char *right = leat_result_str(rows, b, "dir");
    return leat_result_int(rows, a, "broker") == leat_result_int(rows, b, "broker") &&
           left != NULL && right != NULL && strcmp(left, right) == 0;
}

/* A row per directory. Rows of one directory follow each other. */
static int add_dirs(struct cli_table *table, const struct leat_result *rows)
{
    int status = CLI_DONE;
    size_t next;
    for (size_t i = 0; i < leat_result_count(rows); i = next) {
        int64_t partitions = 0;
        int64_t bytes = 0;
        int code = (int)leat_result_int(rows, i, "code");
        for (next = i; next < leat_result_count(rows) && (next == i || same_dir(rows, i, next));
             next++) {
            bool any = leat_result_str(rows, next, "topic") != NULL;
            partitions += any;
            bytes += any ? leat_result_int(rows, next, "size") : 0;
        }
        status = code == 0 ? status : CLI_FAILED;
        cli_table_row(table);
        cli_table_number(table, leat_result_int(rows, i, "broker"));
        cli_table_text(table, leat_result_str(rows, i, "dir"));
        cli_table_count(table, code == 0 ? partitions : -1);
        cli_table_count(table, code == 0 ? bytes : -1);
        cli_table_count(table, leat_result_int(rows, i, "total"));
        cli_table_count(table, leat_result_int(rows, i, "usable"));
        add_code(table, code);
    }
    return status;
}

/* A topic that is not there: a row without a place. */
static void add_missing(struct cli_table *table, const char *topic, int code, const char *message)
{
    cli_table_row(table);
    cli_table_text(table, NULL);
    cli_table_text(table, NULL);
    cli_table_text(table, topic);
    for (int i = 0; i < 4; i++) {
        cli_table_text(table, NULL);
    }
    cli_outcome_cells(table, topic, code, message, NULL);
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const char *const dirs[] = {">BROKER", "DIR",     ">PARTITIONS", "#BYTES", "#TOTAL",
                                       "#FREE",   "?STATUS", "?MESSAGE",    NULL};
    static const char *const partitions[] = {">BROKER",  "DIR",   "TOPIC",   ">PARTITION",
                                             "#BYTES",   "+>LAG", "+FUTURE", "?STATUS",
                                             "?MESSAGE", NULL};
    static struct logdirs_input input;
    cli_parse(cli, argc, argv, &input);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct cli_table *table = cli_table_new(cli, input.partitions ? "partitions" : "dirs",
                                            input.partitions ? partitions : dirs);
    size_t count = input.topics.count == 0 ? 1 : input.topics.count;
    for (size_t i = 0; table != NULL && i < count; i++) {
        const char *topic = input.topics.count == 0 ? NULL : input.topics.words[i];
        struct leat_error *err = NULL;
        struct leat_result *rows = NULL;
        int code = leat_describe_log_dirs(cli->client, topic, cli->timeout_ms, &rows, &err);
        if (code != 0 && topic != NULL) {
            add_missing(table, topic, code, leat_error_message(err));
            status = cli_outcome_tell(cli, topic, code, leat_error_message(err));
        } else if (code != 0) {
            status = cli_fail(cli, code, err, "cluster logdirs");
            err = NULL;
        } else {
            int other = input.partitions ? add_partitions(table, rows, topic != NULL)
                                         : add_dirs(table, rows);
            status = cli_outcome_worse(status, other);
        }
        leat_error_free(err);
        leat_result_free(rows);
    }
    return cli_outcome_end(table, cli, count, status);
}

static const struct argp_option options[] = {
    {"partitions", 'p', NULL, 0, "A row for each partition", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

const struct cli_command cli_cluster_logdirs = {
    .name = "cluster logdirs",
    .summary = "data directories of the brokers and what they hold",
    .args = "[TOPIC..]",
    .doc = "Show the data directories of all brokers with their sizes; with topics, where their "
           "partitions lie.",
    .examples = "leat cluster logdirs\n"
                "leat cluster logdirs orders\n",
    .options = options,
    .parse = parse,
    .run = run,
};
