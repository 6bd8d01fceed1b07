/* wait.c: condition variables on CLOCK_MONOTONIC; a wall clock that jumps moves no deadline. */
#include "storage/wait.h"

#include <errno.h>
#include <time.h>

#include "base/assert.h"
#include "base/error.h"

int log_wait_init(struct log_wait *wait)
{
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0) {
        return LEAT_ENOMEM;
    }
    int failed = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    LT_ASSERT(failed == 0);
    failed = pthread_cond_init(&wait->changed, &attr);
    (void)pthread_condattr_destroy(&attr); /* cannot fail for an attribute that was made */
    if (failed != 0) {
        return LEAT_ENOMEM;
    }
    if (pthread_mutex_init(&wait->mutex, NULL) != 0) {
        (void)pthread_cond_destroy(&wait->changed); /* nobody waits */
        return LEAT_ENOMEM;
    }
    return 0;
}

void log_wait_release(struct log_wait *wait)
{
    int failed = pthread_cond_destroy(&wait->changed);
    LT_ASSERT(failed == 0);
    failed = pthread_mutex_destroy(&wait->mutex);
    LT_ASSERT(failed == 0);
}

void log_wait_lock(struct log_wait *wait)
{
    int failed = pthread_mutex_lock(&wait->mutex);
    LT_ASSERT(failed == 0);
}

void log_wait_unlock(struct log_wait *wait)
{
    int failed = pthread_mutex_unlock(&wait->mutex);
    LT_ASSERT(failed == 0);
}

void log_wait_signal(struct log_wait *wait)
{
    int failed = pthread_cond_broadcast(&wait->changed);
    LT_ASSERT(failed == 0);
}

void log_wait_until(struct log_wait *wait, const struct lt_clock *clock, int64_t mono_ms)
{
    if (mono_ms == INT64_MAX || clock != lt_clock_real()) {
        int failed = pthread_cond_wait(&wait->changed, &wait->mutex);
        LT_ASSERT(failed == 0);
        return;
    }
    int64_t at = mono_ms < 0 ? 0 : mono_ms;
    struct timespec deadline = {.tv_sec = (time_t)(at / 1000),
                                .tv_nsec = (long)(at % 1000) * 1000000};
    int failed = pthread_cond_timedwait(&wait->changed, &wait->mutex, &deadline);
    LT_ASSERT(failed == 0 || failed == ETIMEDOUT);
}
