/* parallel.c: helpers that take the next item until there is none. */
#include "storage/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/assert.h"

struct work {
    size_t count;
    int (*each)(size_t i, void *arg);
    void *arg;
    atomic_size_t next;
    atomic_size_t failures;
};

static void *take_some(void *arg)
{
    struct work *work = arg;
    for (;;) {
        size_t i = atomic_fetch_add(&work->next, 1);
        if (i >= work->count) {
            return NULL;
        }
        if (work->each(i, work->arg) < 0) {
            atomic_fetch_add(&work->failures, 1);
        }
    }
}

size_t log_parallel(size_t count, int threads, int (*each)(size_t i, void *arg), void *arg)
{
    struct work work = {.count = count, .each = each, .arg = arg};
    pthread_t helpers[LOG_PARALLEL_MAX];
    int helper_count = 0;
    int wanted = threads < LOG_PARALLEL_MAX ? threads : LOG_PARALLEL_MAX;
    while (helper_count < wanted - 1 && (size_t)helper_count + 1 < count) {
        if (pthread_create(&helpers[helper_count], NULL, take_some, &work) != 0) {
            break; /* this thread works too */
        }
        helper_count++;
    }
    (void)take_some(&work); /* always NULL */
    for (int i = 0; i < helper_count; i++) {
        int failed = pthread_join(helpers[i], NULL);
        LT_ASSERT(failed == 0);
    }
    return atomic_load(&work.failures);
}
