/* crew.c: see crew.h. */
#include "bench/crew.h"

#include <unistd.h>

#include "base/alloc.h"
#include "leat/err.h"

int bench_crew_size(int clients)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return clients < cores ? clients : (int)cores;
}

void bench_crew_start(struct bench_crew *crew,
                      struct bench_measure *measure,
                      void *(*run)(void *worker),
                      void *workers,
                      size_t size,
                      int count)
{
    *crew = (struct bench_crew){.threads = lt_calloc((size_t)count, sizeof(pthread_t))};
    while (crew->threads != NULL && crew->count < count) {
        bench_measure_enter(measure);
        if (pthread_create(&crew->threads[crew->count], NULL, run,
                           (char *)workers + (size_t)crew->count * size) != 0) {
            bench_measure_leave(measure);
            break;
        }
        crew->count++;
    }
    if (crew->count < count) {
        bench_measure_fail(measure, LEAT_ENOMEM, "no thread for the load");
    }
}

void bench_crew_join(struct bench_crew *crew)
{
    for (int i = 0; i < crew->count; i++) {
        (void)pthread_join(crew->threads[i], NULL); /* cannot fail for a thread that we made */
    }
    lt_free(crew->threads);
    *crew = (struct bench_crew){NULL, 0};
}
