/* series.h: amounts over time, in steps of equal length that grow with the run: a bounded number of points however long it takes.
 *
 * Threads: the run's own. */
#ifndef BENCH_SERIES_H
#define BENCH_SERIES_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_SERIES_POINTS 512 /* even: full, pairs are merged into half of them */
#define BENCH_SERIES_STEP_NS 100000000LL

struct bench_series {
    int64_t step_ns;
    size_t count; /* whole steps */
    int64_t records[BENCH_SERIES_POINTS];
    int64_t bytes[BENCH_SERIES_POINTS];
    int64_t records_before, bytes_before; /* sums up to the last whole step */
};

void bench_series_init(struct bench_series *series);

/* Tell what was reached `elapsed_ns` after the begin: sums, not differences. Called at least once per step, or the steps
 * that were missed share what came in them. */
void bench_series_add(struct bench_series *series,
                      int64_t elapsed_ns,
                      int64_t records,
                      int64_t bytes);

#endif
