/* cold.h: a topic's files out of the page cache, so that reading it means reading the disk.
 *
 * Threads: the main thread. Blocks: writes back what is dirty. */
#ifndef BENCH_COLD_H
#define BENCH_COLD_H

#include "base/error.h"
#include "bench/options.h"

/* Find the log files of `partitions` partitions in the broker's log.dirs, which must be on this machine, and drop their pages.
 *
 *   ret_percent  how many of them are gone, as mincore tells; pages that a process has mapped and touched stay
 *
 * LEAT_ENOENT: no such files here; and what reaching the broker returns. */
int bench_cold(const struct bench_options *options,
               const char *address,
               int partitions,
               int *ret_percent,
               struct leat_error **reterr);

#endif
