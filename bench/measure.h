/* measure.h: one counted stretch of time: warm-up, then counting, then the end; with the server's cost in between.
 *
 * Workers look at `counting` and `stop`, add to their own results and tell `bytes` and `records` here, so that the
 * stretch can end by amount as well as by time.
 * Threads: begin, wait and end belong to the run's thread; the flags and sums are shared with its workers. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/options.h"
#include "bench/process.h"
#include "bench/result.h"

struct bench_measure {
    atomic_bool counting;
    atomic_bool stop;
    atomic_bool failed;      /* a worker gave up: its result says why */
    atomic_int running;      /* workers that have not ended */
    _Atomic int64_t records; /* counted so far */
    _Atomic int64_t bytes;
    int server_pid;
    int64_t begin_ns;            /* monotonic, when counting began */
    struct bench_process before; /* of the server */
    double stolen_before;
    struct bench_hiccup *hiccup;
};

void bench_measure_init(struct bench_measure *m, int server_pid);

/* Warm up, count, stop: returns when `records_max` or `bytes_max` (0 = no bound) is reached, the time is over, or no worker
 * runs any more. Progress goes to stderr once a second when that is a terminal. */
void bench_measure_run(struct bench_measure *m,
                       const struct bench_options *options,
                       int64_t records_max,
                       int64_t bytes_max,
                       struct bench_result *ret);

#endif
