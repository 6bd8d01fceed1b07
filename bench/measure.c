/* measure.c: see measure.h. */
#include "bench/measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "bench/interrupt.h"
#include "leat/leat.h"

#define LOOK_NS 2000000 /* how often the amounts are looked at */

static void progress(struct bench_measure *m, int64_t elapsed_ns, int64_t *next_ns);

int bench_measure_open(struct bench_measure *m,
                       const struct bench_options *options,
                       int server_pid,
                       int counters,
                       bool drains,
                       struct leat_error **reterr)
{
    *m = (struct bench_measure){
        .options = options,
        .counters = lt_calloc((size_t)counters, sizeof(struct bench_counter)),
        .counter_count = counters,
        .server_pid = server_pid,
        .drains = drains,
    };
    (void)pthread_mutex_init(&m->mutex, NULL); /* cannot fail with default attributes */
    atomic_store(&m->claim, options->record_count);
    if (m->counters == NULL) {
        return LEAT_ENOMEM;
    }
    struct bench_process process;
    if (server_pid > 0 && bench_process_read(server_pid, &process) != 0) {
        return lt_error_set(reterr, LEAT_ENOENT, "no process %d to measure", server_pid);
    }
    return 0;
}

void bench_measure_close(struct bench_measure *m)
{
    (void)pthread_mutex_destroy(&m->mutex); /* nobody holds it */
    lt_free(m->counters);
}

/* ---- workers ---- */

void bench_measure_enter(struct bench_measure *m)
{
    atomic_fetch_add(&m->running, 1);
}

void bench_measure_leave(struct bench_measure *m)
{
    bench_measure_leave_at(m, lt_clock_mono_ns(lt_clock_real()));
}

void bench_measure_leave_at(struct bench_measure *m, int64_t last_ns)
{
    int64_t end_ns = atomic_load(&m->end_ns);
    while (last_ns > end_ns && !atomic_compare_exchange_weak(&m->end_ns, &end_ns, last_ns)) {
    }
    atomic_fetch_sub(&m->running, 1);
}

void bench_measure_fail(struct bench_measure *m, int code, const char *message)
{
    (void)pthread_mutex_lock(&m->mutex); /* neither fails on a mutex of our own */
    if (m->errors++ == 0) {
        m->error_code = code;
        (void)snprintf(m->error_text, sizeof(m->error_text), "%s: %s", leat_errname(code), message);
    }
    (void)pthread_mutex_unlock(&m->mutex);
    atomic_store(&m->failed, true);
}

int64_t bench_measure_claim(struct bench_measure *m, int64_t count)
{
    if (m->options->record_count == 0) {
        return count;
    }
    int64_t left = atomic_fetch_sub(&m->claim, count);
    return left >= count ? count : left > 0 ? left : 0;
}

/* ---- the stretch ---- */

static void doze(void)
{
    (void)nanosleep(&(struct timespec){0, LOOK_NS}, NULL); /* cut short: one look more */
}

/* Ends also where nobody works any more. */
static bool goes_on(struct bench_measure *m)
{
    return atomic_load(&m->running) > 0 && !atomic_load(&m->failed) && !bench_interrupted();
}

static void sum(const struct bench_measure *m, int64_t *ret_records, int64_t *ret_bytes)
{
    *ret_records = 0;
    *ret_bytes = 0;
    for (int i = 0; i < m->counter_count; i++) {
        *ret_records += atomic_load_explicit(&m->counters[i].records, memory_order_relaxed);
        *ret_bytes += atomic_load_explicit(&m->counters[i].bytes, memory_order_relaxed);
    }
}

void bench_measure_warm(struct bench_measure *m)
{
    const struct lt_clock *clock = lt_clock_real();
    int64_t until_ns = lt_clock_mono_ns(clock) + m->options->warmup_ms * 1000000;
    while (goes_on(m) && lt_clock_mono_ns(clock) < until_ns) {
        doze();
    }
}

void bench_measure_reset(struct bench_measure *m)
{
    atomic_store(&m->stop, false);
    atomic_store(&m->end_ns, 0);
    m->begin_ns = lt_clock_mono_ns(lt_clock_real());
}

void bench_measure_begin(struct bench_measure *m, struct bench_result *ret)
{
    (void)bench_hiccup_start(&m->hiccup); /* without it the machine line shows zeros */
    m->stolen_before = bench_stolen_seconds();
    if (m->server_pid > 0 && bench_process_read(m->server_pid, &m->before) != 0) {
        m->server_pid =
            0; /* it was there when the measurement was opened: what ails it shows in the load */
    }
    ret->start_wall_ms = lt_clock_wall_ms(lt_clock_real());
    bench_measure_reset(m);
    atomic_store(&m->counting, true);
}

void bench_measure_wait(struct bench_measure *m,
                        int64_t records_max,
                        int64_t bytes_max,
                        struct bench_result *ret)
{
    const struct lt_clock *clock = lt_clock_real();
    int64_t duration_ns = m->options->duration_ms * 1000000;
    int64_t next_ns = 1000000000;
    while (goes_on(m)) {
        int64_t elapsed_ns = lt_clock_mono_ns(clock) - m->begin_ns;
        int64_t records;
        int64_t bytes;
        sum(m, &records, &bytes);
        bench_series_add(&ret->series, elapsed_ns, records, bytes);
        progress(m, elapsed_ns, &next_ns);
        bool enough = (records_max > 0 && records >= records_max) ||
                      (bytes_max > 0 && bytes >= bytes_max) ||
                      (duration_ns > 0 && elapsed_ns >= duration_ns);
        if (enough && !m->drains) {
            break;
        }
        if (enough) {
            atomic_store(&m->stop, true); /* and wait for what is under way */
        }
        doze();
    }
    if (bench_interrupted()) {
        bench_measure_fail(m, LEAT_ECANCELED, "interrupted");
    }
    if (!m->drains || atomic_load(&m->end_ns) == 0) {
        atomic_store(&m->end_ns, lt_clock_mono_ns(clock));
    }
    atomic_store(&m->counting, false);
    atomic_store(&m->stop, true);
    if (!m->options->quiet && isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%70s\r", "");
    }
}

void bench_measure_end(struct bench_measure *m, struct bench_result *ret)
{
    int64_t end_ns = atomic_load(&m->end_ns);
    ret->seconds = end_ns > m->begin_ns ? (double)(end_ns - m->begin_ns) / 1e9 : 0.0;
    ret->end_wall_ms = ret->start_wall_ms + (int64_t)(ret->seconds * 1000.0 + 0.5);
    struct bench_process after;
    if (m->server_pid > 0 && bench_process_read(m->server_pid, &after) == 0) {
        ret->cpu_seconds = after.cpu_seconds - m->before.cpu_seconds;
        ret->rss_bytes = after.rss_bytes;
        ret->switches = after.switches - m->before.switches;
        if (after.written_bytes >= 0 && m->before.written_bytes >= 0) {
            ret->written_bytes = after.written_bytes - m->before.written_bytes;
        }
    }
    ret->stolen_seconds = bench_stolen_seconds() - m->stolen_before;
    if (m->hiccup != NULL) {
        bench_hiccup_stop(m->hiccup, &ret->hiccup_p999_ns, &ret->hiccup_max_ns);
        m->hiccup = NULL;
    }
    sum(m, &ret->records, &ret->bytes);
    (void)pthread_mutex_lock(&m->mutex); /* callbacks of a failed run may still come */
    ret->errors = m->errors;
    ret->error_code = m->error_code;
    memcpy(ret->error_text, m->error_text, sizeof(ret->error_text));
    (void)pthread_mutex_unlock(&m->mutex);
}

/* On a terminal one line that is drawn anew, else a line per second. */
static void progress(struct bench_measure *m, int64_t elapsed_ns, int64_t *next_ns)
{
    if (elapsed_ns < *next_ns || m->options->quiet) {
        return;
    }
    *next_ns += 1000000000;
    double seconds = (double)elapsed_ns / 1e9;
    bool terminal = isatty(STDERR_FILENO) != 0;
    int64_t records;
    int64_t bytes;
    sum(m, &records, &bytes);
    fprintf(stderr, "%s  %.0f s  %" PRId64 " records  %.0f records/s  %.1f MB/s %s",
            terminal ? "\r" : "", seconds, records, (double)records / seconds,
            (double)bytes / seconds / 1e6, terminal ? "  " : "\n");
}
