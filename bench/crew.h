/* crew.h: the threads that make the load, each with a worker of its own out of an array.
 *
 * Threads: started and joined by the run's thread. */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

#include <pthread.h>
#include <stddef.h>

#include "bench/measure.h"

struct bench_crew {
    pthread_t *threads;
    int count;
};

/* As many threads as clients, one per core at most. */
int bench_crew_size(int clients);

/* Start `count` threads; each counts as running in `measure` and must end with bench_measure_leave.
 *
 *   run      a thread's function; its argument is the worker
 *   workers  array of `count` workers of `size` bytes
 *
 * A thread that cannot be started fails the measurement; those that could are joined as always. */
void bench_crew_start(struct bench_crew *crew,
                      struct bench_measure *measure,
                      void *(*run)(void *worker),
                      void *workers,
                      size_t size,
                      int count);
void bench_crew_join(struct bench_crew *crew);

#endif
