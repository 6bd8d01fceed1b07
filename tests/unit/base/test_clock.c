/* Real and fake time. */
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/test_main.h"

/* The wall clock is after this was written, the other one does not go back. */
START_TEST(real_clock_runs_forward)
{
    const struct lt_clock *clock = lt_clock_real();
    ck_assert_int_gt(lt_clock_wall_ms(clock), 1700000000000);
    int64_t before = lt_clock_mono_ns(clock);
    ck_assert_int_ge(lt_clock_mono_ns(clock), before);
    ck_assert_int_ge(lt_clock_mono_ms(clock), before / 1000000);
}
END_TEST

/* A fake clock stands until it is told to move. */
START_TEST(fake_clock_moves_when_told)
{
    struct lt_clock_fake fake;
    lt_clock_fake_init(&fake, 1000);
    int64_t mono = lt_clock_mono_ms(&fake.clock);
    ck_assert_int_ne(mono, 0);
    lt_clock_fake_advance(&fake, 250);
    ck_assert_int_eq(lt_clock_wall_ms(&fake.clock), 1250);
    ck_assert_int_eq(lt_clock_mono_ms(&fake.clock), mono + 250);
}
END_TEST

/* A step of the wall clock, back or forth, leaves timers alone. */
START_TEST(wall_step_leaves_the_other_clock)
{
    struct lt_clock_fake fake;
    lt_clock_fake_init(&fake, 1000);
    int64_t mono = lt_clock_mono_ns(&fake.clock);
    lt_clock_fake_step_wall(&fake, -5000);
    ck_assert_int_eq(lt_clock_wall_ms(&fake.clock), -4000);
    ck_assert_int_eq(lt_clock_mono_ns(&fake.clock), mono);
}
END_TEST

/* Processor time of a process and of a thread rises while they work; of a process that is not there it is 0. */
START_TEST(work_costs_processor_time)
{
    int64_t process = lt_clock_process_ns(getpid());
    int64_t thread = lt_clock_thread_ns(pthread_self());
    ck_assert_int_gt(process, 0);
    while (lt_clock_thread_ns(pthread_self()) < thread + 1000000) {
    }
    ck_assert_int_ge(lt_clock_process_ns(getpid()), process + 1000000);
    ck_assert_int_eq(lt_clock_process_ns(1 << 23), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock");
    TCase *tcase = tcase_create("clock");
    tcase_add_test(tcase, real_clock_runs_forward);
    tcase_add_test(tcase, fake_clock_moves_when_told);
    tcase_add_test(tcase, work_costs_processor_time);
    tcase_add_test(tcase, wall_step_leaves_the_other_clock);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
