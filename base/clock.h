/* clock.h: the only reader of time, so that tests can own it.
 *
 * Threads: any. A fake clock is moved by the test and read by any thread. */
#ifndef LT_CLOCK_H
#define LT_CLOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

struct lt_clock {
    int64_t (*wall_ms)(const struct lt_clock *clock); /* milliseconds since 1970, UTC; may jump */
    int64_t (*mono_ns)(
        const struct lt_clock *clock); /* nanoseconds; never goes back; for timers and deadlines */
};

const struct lt_clock *lt_clock_real(void);

static inline int64_t lt_clock_wall_ms(const struct lt_clock *clock)
{
    return clock->wall_ms(clock);
}

static inline int64_t lt_clock_mono_ns(const struct lt_clock *clock)
{
    return clock->mono_ns(clock);
}

static inline int64_t lt_clock_mono_ms(const struct lt_clock *clock)
{
    return clock->mono_ns(clock) / 1000000;
}

/* Processor time that a thread of this process has used, in nanoseconds; 0 if the system cannot tell. */
int64_t lt_clock_thread_ns(pthread_t thread);

/* The same of a whole process, its ended threads included; 0 also if there is no such process. */
int64_t lt_clock_process_ns(pid_t pid);

/* Tests: a clock that moves only when told. */
struct lt_clock_fake {
    struct lt_clock clock; /* first member: pass &fake.clock */
    _Atomic int64_t wall;  /* ms */
    _Atomic int64_t mono;  /* ns */
};

void lt_clock_fake_init(struct lt_clock_fake *fake, int64_t wall_ms);
void lt_clock_fake_advance(struct lt_clock_fake *fake, int64_t ms); /* both clocks */
void lt_clock_fake_step_wall(struct lt_clock_fake *fake,
                             int64_t ms); /* the wall clock alone, either way */

#endif
