/* positions.h: a topic's partitions with their first and next offsets, and points turned into offsets.
 *
 * Threads: the main thread. Blocks for answers, up to --timeout each. */
#ifndef CLI_POSITIONS_H
#define CLI_POSITIONS_H

#include "client/cli/context.h"
#include "client/cli/offset_expr.h"

struct cli_positions {
    const char *topic;
    int32_t count;
    int64_t *starts; /* log start of each partition */
    int64_t *ends;   /* end that consumers see */
};

/* Errors of the topic (unknown, not allowed) and of the first partition that could not be asked. */
int cli_positions_open(struct cli *cli,
                       const char *topic,
                       struct cli_positions *ret,
                       struct leat_error **reterr);
void cli_positions_release(struct cli_positions *positions);

/* The offset of a point in each partition, inside [start, end]; a time after the last record gives the end.
 * *ret_offsets has `count` entries; free it with lt_free. */
int cli_positions_resolve(struct cli *cli,
                          const struct cli_positions *positions,
                          const struct cli_point *point,
                          int64_t **ret_offsets,
                          struct leat_error **reterr);

/* leat_list_offsets with the same `at` for partitions 0 to count - 1. */
int cli_positions_ask(struct cli *cli,
                      const char *topic,
                      int32_t count,
                      int64_t at,
                      struct leat_offsets **ret_offsets,
                      struct leat_error **reterr);

/* "key=value" into a conf. */
int cli_set_pair(struct leat_conf *conf, const char *pair, struct leat_error **reterr);

#endif
