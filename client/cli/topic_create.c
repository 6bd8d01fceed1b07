/* topic_create.c: leat topic create. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/command.h"
#include "client/cli/outcome.h"
#include "client/cli/positions.h"
#include "proto/errors.h"

#define VISIBLE_TRIES 100
#define VISIBLE_PAUSE_MS 20

struct create_input {
    struct cli_words names;
    struct cli_words configs;
    int32_t partitions;
    const char *replicas;
    bool if_not_exists;
};

enum { OPT_IF_NOT_EXISTS = 1 };

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct create_input *input = state->input;
    char *end;
    switch (key) {
    case 'p':
        input->partitions = (int32_t)strtol(arg, &end, 10);
        if (*end != '\0' || end == arg || (input->partitions < 1 && input->partitions != -1)) {
            argp_error(state, "-p %s: want a number of partitions", arg);
        }
        return 0;
    case 'r':
        input->replicas = arg;
        return 0;
    case 'c':
        if (strchr(arg, '=') == NULL) {
            argp_error(state, "-c %s: want key=value", arg);
        }
        cli_words_add(&input->configs, state, arg);
        return 0;
    case OPT_IF_NOT_EXISTS:
        input->if_not_exists = true;
        return 0;
    case ARGP_KEY_ARG:
        cli_words_add(&input->names, state, arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "say which topic to make");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int create_conf(const struct cli *cli,
                       const struct create_input *input,
                       struct leat_conf **ret,
                       struct leat_error **reterr)
{
    struct leat_conf *conf = leat_conf_new_topic();
    int code = conf == NULL ? LEAT_ENOMEM : 0;
    if (code == 0 && input->replicas != NULL) {
        code = leat_conf_set(conf, "replication.factor", input->replicas, reterr);
    }
    if (code == 0 && cli->dry_run) {
        code = leat_conf_set(conf, "validate.only", "true", reterr);
    }
    for (size_t i = 0; code == 0 && i < input->configs.count; i++) {
        code = cli_set_pair(conf, input->configs.words[i], reterr);
    }
    if (code != 0) {
        leat_conf_free(conf);
        return code;
    }
    *ret = conf;
    return 0;
}

/* The number of its partitions, once the broker that was asked shows the topic: the others of a cluster, and even the one
 * that made it, may learn of it a moment later, and the next command shall find it. -1: not within two seconds. */
static int wait_for(struct cli *cli, const char *name)
{
    int count = leat_client_partition_count(cli->client, name, cli->timeout_ms);
    for (int i = 0; count < 0 && i < VISIBLE_TRIES; i++) {
        (void)poll(NULL, 0, VISIBLE_PAUSE_MS); /* a pause */
        count = leat_client_partition_count(cli->client, name, cli->timeout_ms);
    }
    return count < 0 ? -1 : count;
}

/* One topic: made, and a row about it. Returns the exit code. */
static int create_one(struct cli *cli,
                      const struct create_input *input,
                      const struct leat_conf *conf,
                      const char *name,
                      struct cli_table *table)
{
    struct leat_error *err = NULL;
    int code = leat_create_topic(cli->client, name, input->partitions, conf, cli->timeout_ms, &err);
    bool exists = code == LEAT_BROKER_ERROR(PROTO_ERROR_TOPIC_ALREADY_EXISTS);
    const char *done = exists ? "EXISTS" : cli->dry_run ? "WOULD CREATE" : "OK";
    code = exists && input->if_not_exists ? 0 : code;
    int partitions = code == 0 ? input->partitions : -1;
    if (code == 0 && (exists || !cli->dry_run)) {
        partitions = wait_for(cli, name);
    }
    cli_table_row(table);
    cli_table_text(table, name);
    cli_table_count(table, partitions);
    cli_outcome_cells(table, name, code, leat_error_message(err), done);
    int status = code == 0 ? CLI_DONE : cli_outcome_tell(cli, name, code, leat_error_message(err));
    leat_error_free(err);
    return status;
}

static const struct argp_option options[] = {
    {"partitions", 'p', "N", 0, "Partitions (the broker's default)", 0},
    {"replicas", 'r', "N", 0, "Replicas (the broker's default)", 0},
    {"config", 'c', "KEY=VALUE", 0, "Topic setting; may be repeated", 0},
    {"if-not-exists", OPT_IF_NOT_EXISTS, NULL, 0, "A topic that is there is no error", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static int run(struct cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {"TOPIC", ">PARTITIONS", "STATUS", "?MESSAGE", NULL};
    static struct create_input input = {.partitions = -1};
    cli_parse(cli, argc, argv, &input);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct leat_error *err = NULL;
    struct leat_conf *conf = NULL;
    int code = create_conf(cli, &input, &conf, &err);
    if (code != 0) {
        (void)cli_fail(cli, code, err, "topic create"); /* a setting was refused */
        return CLI_USAGE;
    }
    if (!cli_change(cli, "create %s%s", input.names.words[0],
                    input.names.count > 1 ? " and others" : "")) {
        leat_conf_free(conf);
        return CLI_FAILED;
    }
    struct cli_table *table = cli_table_new(cli, "topics", columns);
    for (size_t i = 0; table != NULL && i < input.names.count; i++) {
        status =
            cli_outcome_worse(status, create_one(cli, &input, conf, input.names.words[i], table));
    }
    leat_conf_free(conf);
    return cli_outcome_end(table, cli, input.names.count, status);
}

const struct cli_command cli_topic_create = {
    .name = "topic create",
    .summary = "make topics",
    .args = "TOPIC..",
    .doc = "Make topics.",
    .examples = "leat topic create orders -p 3\n"
                "leat topic create events -p 8 -c retention.ms=3600000 --if-not-exists\n",
    .options = options,
    .parse = parse,
    .run = run,
};
