/* cluster_state.h: one look at a cluster: its brokers, all partitions, and what each broker says of its directories.
 *
 * Threads: the main thread. Blocks for answers, up to --timeout each. */
#ifndef CLI_CLUSTER_STATE_H
#define CLI_CLUSTER_STATE_H

#include "client/cli/context.h"

struct cli_cluster {
    struct leat_result *brokers; /* of leat_describe_cluster */
    struct leat_result *parts;   /* of leat_describe_topics */
    struct leat_result *dirs;    /* of leat_describe_log_dirs; NULL: no broker has answered */
    int dirs_code;               /* why dirs is NULL */
};

/* Returns 0 or the error of what nothing can be said without. */
int cli_cluster_open(struct cli *cli, struct cli_cluster *ret, struct leat_error **reterr);
void cli_cluster_release(struct cli_cluster *cluster);

/* 0 when the broker has answered, also with a refusal; else why it did not. */
int cli_cluster_reach(const struct cli_cluster *cluster, int64_t broker);

/* Entries of a list such as "1,2"; 0 for NULL and "". And: is the number in it? */
int32_t cli_list_count(const char *list);
bool cli_list_has(const char *list, int64_t number);

#endif
