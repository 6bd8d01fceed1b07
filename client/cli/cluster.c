/* cluster.c: leat cluster info and leat ping. */
#include <stdio.h>

#include "base/clock.h"
#include "client/cli/command.h"
#include "client/cli/output.h"

static int run_info(struct cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {">ID", "HOST", ">PORT", "RACK", "CONTROLLER", NULL};
    cli_parse(cli, argc, argv, NULL);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct leat_error *err = NULL;
    struct leat_result *rows = NULL;
    int code = leat_describe_cluster(cli->client, cli->timeout_ms, &rows, &err);
    if (code != 0) {
        return cli_fail(cli, code, err, "cluster info");
    }
    const char *cluster = leat_result_str(rows, 0, "cluster");
    int64_t controller = -1;
    struct cli_table *table = cli_table_new(cli, "brokers", columns);
    for (size_t i = 0; table != NULL && i < leat_result_count(rows); i++) {
        cli_table_row(table);
        cli_table_number(table, leat_result_int(rows, i, "id"));
        cli_table_text(table, leat_result_str(rows, i, "host"));
        cli_table_number(table, leat_result_int(rows, i, "port"));
        cli_table_text(table, leat_result_str(rows, i, "rack"));
        cli_table_bool(table, leat_result_int(rows, i, "controller") == 1);
        if (leat_result_int(rows, i, "controller") == 1) {
            controller = leat_result_int(rows, i, "id");
        }
    }
    if (table != NULL) {
        cli_table_field(table, "cluster", cluster);
        cli_table_field_number(table, "controller", controller);
    }
    if (cli->format == CLI_TEXT || cli->format == CLI_WIDE) {
        printf("CLUSTER  %s\n\n", cluster == NULL ? "-" : cluster);
    }
    code = table == NULL ? LEAT_ENOMEM : cli_table_print(table);
    cli_table_free(table);
    leat_result_free(rows);
    return code == 0 ? CLI_DONE : cli_fail(cli, code, NULL, "cluster info");
}

const struct cli_command cli_cluster_info = {
    .name = "cluster info",
    .summary = "cluster id and brokers",
    .doc = "Show the cluster's id and brokers.",
    .examples = "leat cluster info\n"
                "leat cluster info --json -b broker:9092\n",
    .run = run_info,
};

static int run_ping(struct cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {"ADDRESS", ">MS", NULL};
    cli_parse(cli, argc, argv, NULL);
    int64_t begin_ns = lt_clock_mono_ns(lt_clock_real());
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    double elapsed_ms = (double)(lt_clock_mono_ns(lt_clock_real()) - begin_ns) / 1e6;
    char address[512];
    if (leat_conf_get(cli->conf, "bootstrap.servers", address, sizeof(address)) < 0) {
        address[0] = '\0';
    }
    struct cli_table *table = cli_table_new(cli, "brokers", columns);
    if (table != NULL) {
        cli_table_row(table);
        cli_table_text(table, address);
        cli_table_printf(table, "%.3f", elapsed_ms);
    }
    int code = table == NULL ? LEAT_ENOMEM : cli_table_print(table);
    cli_table_free(table);
    return code == 0 ? CLI_DONE : cli_fail(cli, code, NULL, "ping");
}

const struct cli_command cli_ping = {
    .name = "ping",
    .summary = "one round trip to a broker: exit 0, or 3 if there is none",
    .doc = "Reach a broker: exit 0, or 3 if there is none.",
    .examples = "leat ping\n"
                "until leat ping -q -b broker:9092 --timeout 1s; do :; done\n",
    .run = run_ping,
};
