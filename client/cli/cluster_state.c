/* cluster_state.c: see cluster_state.h. */
#include "client/cli/cluster_state.h"

#include <stdlib.h>

int cli_cluster_open(struct cli *cli, struct cli_cluster *ret, struct leat_error **reterr)
{
    struct cli_cluster cluster = {0};
    int code = leat_describe_cluster(cli->client, cli->timeout_ms, &cluster.brokers, reterr);
    if (code == 0) {
        code = leat_describe_topics(cli->client, cli->timeout_ms, &cluster.parts, reterr);
    }
    if (code != 0) {
        cli_cluster_release(&cluster);
        return code;
    }
    /* All brokers are asked at once, so that one that is gone costs no more time than ten. */
    cluster.dirs_code =
        leat_describe_log_dirs(cli->client, NULL, cli->timeout_ms, &cluster.dirs, NULL);
    *ret = cluster;
    return 0;
}

void cli_cluster_release(struct cli_cluster *cluster)
{
    leat_result_free(cluster->brokers);
    leat_result_free(cluster->parts);
    leat_result_free(cluster->dirs);
    *cluster = (struct cli_cluster){0};
}

int cli_cluster_reach(const struct cli_cluster *cluster, int64_t broker)
{
    int code = cluster->dirs == NULL ? cluster->dirs_code : 0;
    for (size_t i = 0; i < leat_result_count(cluster->dirs); i++) {
        if (leat_result_int(cluster->dirs, i, "broker") == broker &&
            leat_result_str(cluster->dirs, i, "dir") == NULL) {
            code = (int)leat_result_int(cluster->dirs, i, "code");
        }
    }
    /* What it says no to, or does not know, it has read. */
    return LEAT_IS_BROKER_ERROR(code) || code == LEAT_EUNSUPPORTED ? 0 : code;
}

int32_t cli_list_count(const char *list)
{
    int32_t count = list == NULL || *list == '\0' ? 0 : 1;
    for (; list != NULL && *list != '\0'; list++) {
        count += *list == ',';
    }
    return count;
}

bool cli_list_has(const char *list, int64_t number)
{
    while (list != NULL && *list != '\0') {
        char *end;
        if (strtoll(list, &end, 10) == number) {
            return true;
        }
        list = *end == ',' ? end + 1 : NULL;
    }
    return false;
}
