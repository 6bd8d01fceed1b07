/* plot.h: a picture of the loads, drawn by gnuplot: latency by percentile, throughput over time.
 *
 * Threads: the main thread. */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "bench/result.h"

/* Is there a gnuplot on the PATH? To be asked before an hour is measured for it. */
bool bench_plot_possible(void);

/* All runs of a load make one latency curve, each run makes a throughput curve; peers get theirs. LEAT_EIO: gnuplot failed. */
int bench_plot(const char *path,
               const struct bench_load *loads,
               size_t count,
               struct leat_error **reterr);

#endif
