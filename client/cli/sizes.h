/* sizes.h: bytes that topics take on disk, all replicas together.
 *
 * Threads: the main thread. Blocks for answers, up to --timeout. */
#ifndef CLI_SIZES_H
#define CLI_SIZES_H

#include "client/cli/context.h"

struct cli_size {
    const char *topic; /* borrowed from rows */
    int64_t bytes;
};

struct cli_sizes {
    struct leat_result *rows;
    struct cli_size *items; /* by topic */
    size_t count;
    bool known; /* false: brokers that cannot or may not tell */
};

/* Ask all brokers. That sizes are not to be had is no error: then nothing is known. */
void cli_sizes_open(struct cli *cli, struct cli_sizes *ret);
void cli_sizes_release(struct cli_sizes *sizes);

/* -1: not known. */
int64_t cli_sizes_of(const struct cli_sizes *sizes, const char *topic);

#endif
