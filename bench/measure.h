/* measure.h: one counted stretch of time, with what the server and the machine did meanwhile.
 *
 *   bench_measure_open(&m, options, pid, workers, drains, &err)
 *   start workers; bench_measure_warm(&m)          warm-up: nothing is counted
 *   bench_measure_begin(&m, &err)                  counting begins
 *   bench_measure_wait(&m, records, bytes, ret)    until the amount or the time is reached; progress, series
 *   join workers; bench_measure_end(&m, ret)       figures into ret
 *
 * Workers ask bench_measure_over, tell amounts to counters of their own and leave when they end. What is still under way
 * when the time is over belongs to it if `drains`: workers then go on until all is answered, and the time ends with the
 * last of them. Else the stretch ends at once and later answers are not counted.
 *
 * Threads: workers may call over, fail, claim, enter and leave, and use their counter; the rest is the run's thread. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "bench/options.h"
#include "bench/process.h"
#include "bench/result.h"

/* One writer each, so that counting costs no locked instruction; a cache line apart. */
struct bench_counter {
    _Atomic int64_t records;
    _Atomic int64_t bytes;
    char apart[48];
};

struct bench_measure {
    const struct bench_options *options;
    struct bench_counter *counters;
    int counter_count;
    int server_pid; /* 0 = not asked for */
    bool drains;
    atomic_bool counting;
    atomic_bool stop;
    atomic_bool failed;
    atomic_int running;    /* workers that have not ended */
    _Atomic int64_t claim; /* records that may still be counted; only with a bound */
    int64_t begin_ns;      /* monotonic, when this stretch began */
    _Atomic int64_t end_ns;
    pthread_mutex_t mutex; /* guards the next three */
    int64_t errors;
    int error_code;
    char error_text[BENCH_ERROR_SIZE];
    struct bench_process before; /* of the server */
    double stolen_before;
    struct bench_hiccup *hiccup;
};

/* LEAT_ENOMEM, LEAT_ENOENT (server_pid: no such process). Close it also after an error. */
int bench_measure_open(struct bench_measure *m,
                       const struct bench_options *options,
                       int server_pid,
                       int counters,
                       bool drains,
                       struct leat_error **reterr);
void bench_measure_close(struct bench_measure *m);

void bench_measure_warm(struct bench_measure *m);
/* Ready for workers that were joined to be started again. */
void bench_measure_reset(struct bench_measure *m);
void bench_measure_begin(struct bench_measure *m, struct bench_result *ret);
/* records_max, bytes_max: 0 = no bound. */
void bench_measure_wait(struct bench_measure *m,
                        int64_t records_max,
                        int64_t bytes_max,
                        struct bench_result *ret);
void bench_measure_end(struct bench_measure *m, struct bench_result *ret);

/* ---- for workers ---- */

void bench_measure_enter(struct bench_measure *m);
/* Now, or at last_ns, if what was counted last came earlier than the worker ends. */
void bench_measure_leave(struct bench_measure *m);
void bench_measure_leave_at(struct bench_measure *m, int64_t last_ns);

/* The first failure is kept and ends the stretch. */
void bench_measure_fail(struct bench_measure *m, int code, const char *message);

static inline bool bench_measure_over(struct bench_measure *m)
{
    return atomic_load_explicit(&m->stop, memory_order_relaxed) ||
           atomic_load_explicit(&m->failed, memory_order_relaxed);
}

static inline bool bench_measure_counts(struct bench_measure *m)
{
    return atomic_load_explicit(&m->counting, memory_order_relaxed);
}

/* How many of `count` records still belong to the amount asked for; all without a bound. */
int64_t bench_measure_claim(struct bench_measure *m, int64_t count);

static inline void bench_count(struct bench_counter *counter, int64_t records, int64_t bytes)
{
    atomic_store_explicit(&counter->records,
                          atomic_load_explicit(&counter->records, memory_order_relaxed) + records,
                          memory_order_relaxed);
    atomic_store_explicit(&counter->bytes,
                          atomic_load_explicit(&counter->bytes, memory_order_relaxed) + bytes,
                          memory_order_relaxed);
}

#endif
