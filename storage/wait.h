/* wait.h: a mutex with one condition on the monotonic clock: how storage threads wait.
 *
 * With a fake clock a timed wait has no end of its own: whoever moves the clock wakes the waiters (log_store_tick), so a
 * test waits for nothing but events.
 * Threads: any. */
#ifndef LOG_WAIT_H
#define LOG_WAIT_H

#include <pthread.h>
#include <stdint.h>

#include "base/clock.h"

struct log_wait {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

/* Caller's memory. LEAT_ENOMEM when the system has no room for them. */
int log_wait_init(struct log_wait *wait);
void log_wait_release(struct log_wait *wait);

void log_wait_lock(struct log_wait *wait);
void log_wait_unlock(struct log_wait *wait);
void log_wait_signal(struct log_wait *wait); /* wakes all waiters; the lock is held */

/* With the lock held: give it up until signalled or, on the real clock, until the monotonic time (INT64_MAX = no end).
 * May return early: check the condition again. */
void log_wait_until(struct log_wait *wait, const struct lt_clock *clock, int64_t mono_ms);

#endif
