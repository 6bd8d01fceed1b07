/* clock.c: the system's clocks, and one that a test moves. */
#include "base/clock.h"

#include <time.h>

#include "base/assert.h"

static int64_t real_wall_ms(const struct lt_clock *clock);
static int64_t real_mono_ns(const struct lt_clock *clock);
static int64_t fake_wall_ms(const struct lt_clock *clock);
static int64_t fake_mono_ns(const struct lt_clock *clock);

static const struct lt_clock real_clock = {real_wall_ms, real_mono_ns};

const struct lt_clock *lt_clock_real(void)
{
    return &real_clock;
}

static int64_t real_wall_ms(const struct lt_clock *clock)
{
    (void)clock;
    struct timespec now;
    int failed = clock_gettime(CLOCK_REALTIME, &now);
    LT_ASSERT(failed == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t real_mono_ns(const struct lt_clock *clock)
{
    (void)clock;
    struct timespec now;
    int failed = clock_gettime(CLOCK_MONOTONIC, &now);
    LT_ASSERT(failed == 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void lt_clock_fake_init(struct lt_clock_fake *fake, int64_t wall_ms)
{
    fake->clock = (struct lt_clock){fake_wall_ms, fake_mono_ns};
    atomic_init(&fake->wall, wall_ms);
    atomic_init(&fake->mono,
                1000000000); /* not 0: code that takes 0 for "never" must show in tests */
}

void lt_clock_fake_advance(struct lt_clock_fake *fake, int64_t ms)
{
    LT_ASSERT(ms >= 0);
    atomic_fetch_add(&fake->wall, ms);
    atomic_fetch_add(&fake->mono, ms * 1000000);
}

void lt_clock_fake_step_wall(struct lt_clock_fake *fake, int64_t ms)
{
    atomic_fetch_add(&fake->wall, ms);
}

static int64_t fake_wall_ms(const struct lt_clock *clock)
{
    const struct lt_clock_fake *fake = (const struct lt_clock_fake *)(const void *)clock;
    return atomic_load(&fake->wall);
}

static int64_t fake_mono_ns(const struct lt_clock *clock)
{
    const struct lt_clock_fake *fake = (const struct lt_clock_fake *)(const void *)clock;
    return atomic_load(&fake->mono);
}

static int64_t used_ns(clockid_t id)
{
    struct timespec used;

    return clock_gettime(id, &used) == 0 ? (int64_t)used.tv_sec * 1000000000 + used.tv_nsec : 0;
}

int64_t lt_clock_thread_ns(pthread_t thread)
{
    clockid_t id;

    return pthread_getcpuclockid(thread, &id) == 0 ? used_ns(id) : 0;
}

int64_t lt_clock_process_ns(pid_t pid)
{
    clockid_t id;

    return clock_getcpuclockid(pid, &id) == 0 ? used_ns(id) : 0;
}
