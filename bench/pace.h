/* pace.h: when each record is due. Open loop: record i at begin + i / rate, whatever happened before, so that a stall shows in
 * the latency of every record that it held up. Closed loop: as soon as the one before has been taken.
 *
 * Several threads share one schedule: each takes every n-th record.
 * Threads: one pace per thread. */
#ifndef BENCH_PACE_H
#define BENCH_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/measure.h"

struct bench_pace {
    struct bench_measure *measure;
    double interval_ns; /* between two records of all threads together; 0 = closed loop */
    int64_t next;       /* number of this thread's next record */
    int64_t stride;     /* threads */
    int64_t limit;      /* numbers stay below; 0 = no bound */
};

/* The calling thread becomes number `thread` of `threads`. Its sleeps end on time: the slack that the kernel gives them is
 * taken away. */
void bench_pace_init(
    struct bench_pace *pace, struct bench_measure *measure, int64_t limit, int thread, int threads);

/* Wait until the next record is due. False: all were, or the run is over. */
bool bench_pace_next(struct bench_pace *pace, int64_t *ret_number, int64_t *ret_due_ns);

#endif
