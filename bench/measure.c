/* measure.c: see measure.h. */
#include "bench/measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define LOOK_NS 2000000 /* how often the amounts are looked at */

void bench_measure_init(struct bench_measure *m, int server_pid)
{
    *m = (struct bench_measure){.server_pid = server_pid};
}

static void doze(void)
{
    (void)nanosleep(&(struct timespec){0, LOOK_NS}, NULL); /* cut short: one look more */
}

static bool workers_run(struct bench_measure *m)
{
    return atomic_load(&m->running) > 0 && !atomic_load(&m->failed);
}

static void begin(struct bench_measure *m, struct bench_result *ret)
{
    (void)bench_hiccup_start(&m->hiccup); /* without it the machine line shows zeros */
    m->stolen_before = bench_stolen_seconds();
    if (m->server_pid > 0 && bench_process_read(m->server_pid, &m->before) != 0) {
        m->server_pid = 0;
    }
    ret->start_wall_ms = lt_clock_wall_ms(lt_clock_real());
    m->begin_ns = lt_clock_mono_ns(lt_clock_real());
    atomic_store(&m->counting, true);
}

static void end(struct bench_measure *m, struct bench_result *ret)
{
    atomic_store(&m->counting, false);
    ret->seconds = (double)(lt_clock_mono_ns(lt_clock_real()) - m->begin_ns) / 1e9;
    ret->end_wall_ms = lt_clock_wall_ms(lt_clock_real());
    struct bench_process after;
    if (m->server_pid > 0 && bench_process_read(m->server_pid, &after) == 0) {
        ret->cpu_seconds = after.cpu_seconds - m->before.cpu_seconds;
        ret->rss_bytes = after.rss_bytes;
        if (after.written_bytes >= 0 && m->before.written_bytes >= 0) {
            ret->written_bytes = after.written_bytes - m->before.written_bytes;
        }
    }
    ret->stolen_seconds = bench_stolen_seconds() - m->stolen_before;
    if (m->hiccup != NULL) {
        bench_hiccup_stop(m->hiccup, &ret->hiccup_p999_ns, &ret->hiccup_max_ns);
        m->hiccup = NULL;
    }
    atomic_store(&m->stop, true);
}

static void progress(struct bench_measure *m, int64_t elapsed_ns, int64_t *next_ns)
{
    if (elapsed_ns < *next_ns || !isatty(STDERR_FILENO)) {
        return;
    }
    *next_ns += 1000000000;
    double seconds = (double)elapsed_ns / 1e9;
    int64_t records = atomic_load(&m->records);
    fprintf(stderr, "\r  %" PRId64 " records  %.0f rec/s  %.1f MB/s  %.0f s ", records,
            (double)records / seconds, (double)atomic_load(&m->bytes) / seconds / 1e6, seconds);
}

void bench_measure_run(struct bench_measure *m,
                       const struct bench_options *options,
                       int64_t records_max,
                       int64_t bytes_max,
                       struct bench_result *ret)
{
    const struct lt_clock *clock = lt_clock_real();
    int64_t warm_until = lt_clock_mono_ns(clock) + options->warmup_ms * 1000000;
    while (workers_run(m) && lt_clock_mono_ns(clock) < warm_until) {
        doze();
    }
    begin(m, ret);
    int64_t next_ns = 1000000000;
    while (workers_run(m)) {
        int64_t elapsed_ns = lt_clock_mono_ns(clock) - m->begin_ns;
        bool enough = (records_max > 0 && atomic_load(&m->records) >= records_max) ||
                      (bytes_max > 0 && atomic_load(&m->bytes) >= bytes_max) ||
                      (options->duration_ms > 0 && elapsed_ns >= options->duration_ms * 1000000);
        if (enough) {
            break;
        }
        progress(m, elapsed_ns, &next_ns);
        doze();
    }
    end(m, ret);
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%60s\r", "");
    }
}
