/* pace.c: see pace.h. */
#include "bench/pace.h"

#include <stddef.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/clock.h"

#define NAP_NS 50000000 /* longest sleep between two looks at the flags */

void bench_pace_init(
    struct bench_pace *pace, struct bench_measure *measure, int64_t limit, int thread, int threads)
{
    int64_t rate = measure->options->throughput;
    *pace = (struct bench_pace){
        .measure = measure,
        .interval_ns = rate > 0 ? 1e9 / (double)rate : 0.0,
        .next = thread,
        .stride = threads,
        .limit = limit,
    };
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* with 50 us of slack as it is by default
                                                           the figures are a little worse */
}

bool bench_pace_next(struct bench_pace *pace, int64_t *ret_number, int64_t *ret_due_ns)
{
    const struct lt_clock *clock = lt_clock_real();
    if (bench_measure_over(pace->measure) || (pace->limit > 0 && pace->next >= pace->limit)) {
        return false;
    }
    int64_t now_ns = lt_clock_mono_ns(clock);
    int64_t due_ns = now_ns;
    if (pace->interval_ns > 0.0) {
        due_ns = pace->measure->begin_ns + (int64_t)((double)pace->next * pace->interval_ns);
        while (due_ns > now_ns) {
            int64_t nap_ns = due_ns - now_ns < NAP_NS ? due_ns - now_ns : NAP_NS;
            (void)nanosleep(&(struct timespec){0, nap_ns}, NULL); /* early: the loop comes again */
            if (bench_measure_over(pace->measure)) {
                return false;
            }
            now_ns = lt_clock_mono_ns(clock);
        }
    }
    *ret_number = pace->next;
    *ret_due_ns = due_ns;
    pace->next += pace->stride;
    return true;
}
