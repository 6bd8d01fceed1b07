/* cluster_brokers.c: leat cluster brokers. */
#include <stdlib.h>

#include "client/cli/cluster_state.h"
#include "client/cli/command.h"
#include "client/cli/output.h"

struct load {
    int64_t leaders;
    int64_t replicas;
};

static struct load load_of(const struct cli_cluster *cluster, int64_t broker)
{
    struct load load = {0, 0};
    for (size_t i = 0; i < leat_result_count(cluster->parts); i++) {
        load.leaders += leat_result_int(cluster->parts, i, "leader") == broker;
        load.replicas += cli_list_has(leat_result_str(cluster->parts, i, "replicas"), broker);
    }
    return load;
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {">ID",        "HOST",     ">PORT",     "RACK",
                                          "CONTROLLER", ">LEADERS", ">REPLICAS", "STATUS",
                                          "?MESSAGE",   NULL};
    cli_parse(cli, argc, argv, NULL);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct leat_error *err = NULL;
    struct cli_cluster cluster;
    int code = cli_cluster_open(cli, &cluster, &err);
    if (code != 0) {
        return cli_fail(cli, code, err, "cluster brokers");
    }
    struct cli_table *table = cli_table_new(cli, "brokers", columns);
    for (size_t i = 0; table != NULL && i < leat_result_count(cluster.brokers); i++) {
        int64_t id = leat_result_int(cluster.brokers, i, "id");
        struct load load = load_of(&cluster, id);
        int reach = cli_cluster_reach(&cluster, id);
        cli_table_row(table);
        cli_table_number(table, id);
        cli_table_text(table, leat_result_str(cluster.brokers, i, "host"));
        cli_table_number(table, leat_result_int(cluster.brokers, i, "port"));
        cli_table_text(table, leat_result_str(cluster.brokers, i, "rack"));
        cli_table_bool(table, leat_result_int(cluster.brokers, i, "controller") == 1);
        cli_table_number(table, load.leaders);
        cli_table_number(table, load.replicas);
        cli_table_text(table, reach == 0 ? "OK" : leat_errname(reach));
        cli_table_text(table, reach == 0 ? NULL : leat_strerror(reach));
        if (reach != 0) {
            (void)cli_fail(cli, reach, NULL, "broker %lld (%s:%lld)", (long long)id,
                           leat_result_str(cluster.brokers, i, "host"),
                           (long long)leat_result_int(cluster.brokers, i, "port"));
            status = CLI_FAILED; /* others did answer */
        }
    }
    cli_cluster_release(&cluster);
    return cli_table_end(table, cli, status);
}

const struct cli_command cli_cluster_brokers = {
    .name = "cluster brokers",
    .summary = "brokers with what they lead, and whether they answer",
    .doc = "Show the brokers: address, partitions they lead and hold, and whether each of them "
           "answers from here. Exit 1 when one does not.",
    .examples = "leat cluster brokers\n"
                "leat cluster brokers --json | jq -r '.brokers[].host'\n",
    .run = run,
};
