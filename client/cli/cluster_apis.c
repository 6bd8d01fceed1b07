/* cluster_apis.c: leat cluster api-versions. */
#include "client/cli/command.h"
#include "client/cli/output.h"

static int run(struct cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {">KEY", "NAME", ">MIN", ">MAX", ">USED", NULL};
    cli_parse(cli, argc, argv, NULL);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct leat_error *err = NULL;
    struct leat_result *rows = NULL;
    int code = leat_describe_apis(cli->client, cli->timeout_ms, &rows, &err);
    if (code != 0) {
        return cli_fail(cli, code, err, "cluster api-versions");
    }
    struct cli_table *table = cli_table_new(cli, "apis", columns);
    for (size_t i = 0; table != NULL && i < leat_result_count(rows); i++) {
        cli_table_row(table);
        cli_table_number(table, leat_result_int(rows, i, "key"));
        cli_table_text(table, leat_result_str(rows, i, "name"));
        cli_table_number(table, leat_result_int(rows, i, "min"));
        cli_table_number(table, leat_result_int(rows, i, "max"));
        cli_table_count(table, leat_result_int(rows, i, "used"));
    }
    leat_result_free(rows);
    return cli_table_end(table, cli, CLI_DONE);
}

const struct cli_command cli_cluster_api_versions = {
    .name = "cluster api-versions",
    .summary = "requests that the broker serves, with versions",
    .doc = "Show the requests that the broker serves: lowest and highest version, and the one that "
           "leat would use (- for requests that it does not make).",
    .examples = "leat cluster api-versions\n"
                "leat cluster api-versions --format csv -b broker:9092\n",
    .run = run,
};
