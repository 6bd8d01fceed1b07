/* report.c: see report.h. */
#include "bench/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "bench/process.h"
#include "leat/leat.h"

static void print_producer_line(const struct bench_result *r);
static void print_consumer_line(const struct bench_result *r);
static void print_latency(const struct bench_options *o, const struct bench_result *r);
static void print_samples(const struct bench_options *o, const struct bench_result *r);
static void print_batches(const struct bench_result *r);
static void print_server(const struct bench_result *r);
static void print_disk(const struct bench_result *r);
static void print_damage(const struct bench_result *r);

void bench_report_run(const struct bench_options *options,
                      const struct bench_result *r,
                      const char *target,
                      int number)
{
    if (options->json) {
        return;
    }
    if (r->errors > 0) {
        printf("INCOMPLETE %s against %s, run %d of %d: %" PRId64 " records, %" PRId64
               " bytes in %.3f s, then %" PRId64 " errors, first %s\n",
               r->what, target, number, options->repeat, r->records, r->bytes, r->seconds,
               r->errors, r->error_text);
    } else {
        if (r->reads) {
            print_consumer_line(r);
        } else {
            print_producer_line(r);
        }
        printf("   run        %s against %s, %d of %d, %.2f s\n", r->what, target, number,
               options->repeat, r->seconds);
        print_latency(options, r);
        print_batches(r);
        print_server(r);
        print_disk(r);
    }
    print_samples(options, r);
    print_damage(r);
    printf("   errors     %" PRId64 ", retries %" PRId64 "\n", r->errors, r->retries);
    printf("   machine    1 ms sleeps late by p99.9 %.2f ms, max %.2f ms; stolen %.2f s\n",
           (double)r->hiccup_p999_ns / 1e6, (double)r->hiccup_max_ns / 1e6, r->stolen_seconds);
    (void)fflush(
        stdout); /* a reader of the pipe sees each run when it ends; the exit code tells of a broken pipe */
}

/* The words and their order are those of kafka-producer-perf-test.sh, so that scripts that read it work. */
static void print_producer_line(const struct bench_result *r)
{
    const struct bench_histogram *h = &r->latency;
    printf(
        "%" PRId64
        " records sent, %.6f records/sec (%.2f MB/sec), %.2f ms avg latency, %.2f ms max latency, "
        "%.0f ms 50th, %.0f ms 95th, %.0f ms 99th, %.0f ms 99.9th.\n",
        r->records, bench_result_per_second((double)r->records, r),
        bench_result_per_second((double)r->bytes, r) / 1048576.0, bench_histogram_mean(h) / 1e6,
        (double)h->max / 1e6, (double)bench_histogram_percentile(h, 50) / 1e6,
        (double)bench_histogram_percentile(h, 95) / 1e6,
        (double)bench_histogram_percentile(h, 99) / 1e6,
        (double)bench_histogram_percentile(h, 99.9) / 1e6);
}

static void format_wall(int64_t wall_ms, char *buf, size_t size)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    size_t used =
        localtime_r(&seconds, &tm) == NULL ? 0 : strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm);
    (void)snprintf(buf + used, size - used, ":%03d", (int)(wall_ms % 1000));
}

/* Columns of kafka-consumer-perf-test.sh; there is no group and so no rebalance. */
static void print_consumer_line(const struct bench_result *r)
{
    char start[40];
    char end[40];
    format_wall(r->start_wall_ms, start, sizeof(start));
    format_wall(r->end_wall_ms, end, sizeof(end));
    double megabytes = (double)r->bytes / 1048576.0;
    printf("start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, "
           "rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n");
    printf("%s, %s, %.4f, %.4f, %" PRId64 ", %.4f, 0, %.0f, %.4f, %.4f\n", start, end, megabytes,
           bench_result_per_second(megabytes, r), r->records,
           bench_result_per_second((double)r->records, r), r->seconds * 1000.0,
           bench_result_per_second(megabytes, r), bench_result_per_second((double)r->records, r));
}

static void print_latency(const struct bench_options *o, const struct bench_result *r)
{
    const struct bench_histogram *h = &r->latency;
    bool end_to_end = o->command == BENCH_E2E;
    if (end_to_end) { /* the two lines of kafka-e2e-latency.sh */
        printf("Avg latency: %.4f ms\n", bench_histogram_mean(h) / 1e6);
        printf("Percentiles: 50th = %.0f, 99th = %.0f, 99.9th = %.0f\n",
               (double)bench_histogram_percentile(h, 50) / 1e6,
               (double)bench_histogram_percentile(h, 99) / 1e6,
               (double)bench_histogram_percentile(h, 99.9) / 1e6);
    }
    if (h->count > 0) {
        printf("   latency us p50 %.1f  p95 %.1f  p99 %.1f  p99.9 %.1f  p99.99 %.1f  max %.1f  "
               "(%s%s)\n",
               (double)bench_histogram_percentile(h, 50) / 1e3,
               (double)bench_histogram_percentile(h, 95) / 1e3,
               (double)bench_histogram_percentile(h, 99) / 1e3,
               (double)bench_histogram_percentile(h, 99.9) / 1e3,
               (double)bench_histogram_percentile(h, 99.99) / 1e3, (double)h->max / 1e3,
               end_to_end ? "end to end, " : "",
               o->throughput > 0 ? "open loop, from the due time"
                                 : "closed loop: what a stall held up is not in it");
    }
}

/* Also of a run that failed: nothing is dropped. */
static void print_samples(const struct bench_options *o, const struct bench_result *r)
{
    const struct bench_histogram *h = &r->latency;
    if (o->command == BENCH_E2E || h->negative > 0) {
        printf("   samples    %" PRId64 ", beside them %" PRId64 " negative, %" PRId64
               " unreadable: not part of the distribution\n",
               h->count, h->negative, r->unreadable);
    }
}

static void print_batches(const struct bench_result *r)
{
    if (r->batches > 0) {
        printf("   batches    %.1f/s, %.0f bytes each, %.2f in a request\n",
               bench_result_per_second((double)r->batches, r),
               (double)r->batch_bytes / (double)r->batches,
               r->requests > 0 ? (double)r->batches / (double)r->requests : 0.0);
    } else if (r->requests > 0) {
        printf("   requests   %.1f/s, %.0f bytes each\n",
               bench_result_per_second((double)r->requests, r),
               (double)r->bytes / (double)r->requests);
    }
}

static void print_server(const struct bench_result *r)
{
    if (r->cpu_seconds < 0.0) {
        return;
    }
    double gigabytes = (double)r->bytes / 1e9;
    printf("   server     %.3f CPU s, %.3f s/GB", r->cpu_seconds,
           gigabytes > 0.0 ? r->cpu_seconds / gigabytes : 0.0);
    if (r->requests > 0) {
        printf(", %.2f us/request", r->cpu_seconds * 1e6 / (double)r->requests);
    }
    printf(", resident %.1f MiB, %" PRId64 " context switches", (double)r->rss_bytes / 1048576.0,
           r->switches);
    if (r->written_bytes >= 0) {
        printf(", %.1f MiB to the device\n", (double)r->written_bytes / 1048576.0);
    } else {
        printf(", bytes to the device not readable\n");
    }
}

static void print_disk(const struct bench_result *r)
{
    int64_t limit = bench_dirty_limit();
    if (!r->reads) {
        printf("   disk       %s: sustained is more than 3 x the dirty limit of %.0f MiB\n",
               bench_result_sustained(r, limit) ? "sustained" : "burst", (double)limit / 1048576.0);
    }
    if (r->cold_percent >= 0) {
        printf("   disk       %s: %d %% of the topic's pages were dropped from the page cache\n",
               r->cold_percent >= 99 ? "cold" : "not cold", r->cold_percent);
    }
}

static void print_damage(const struct bench_result *r)
{
    const struct bench_damage *d = &r->damage;
    if (r->verified) {
        printf("   verified   %" PRId64 " records: %" PRId64 " lost, %" PRId64 " doubled, %" PRId64
               " reordered, %" PRId64 " changed, %" PRId64 " not of verify; %" PRId64
               " not acknowledged and not there\n",
               d->records, d->lost, d->doubled, d->reordered, d->changed, d->foreign,
               d->unacknowledged);
        if (d->trimmed > 0) {
            printf("   not seen   %" PRId64
                   " records before the log start: deleted by retention or "
                   "by hand, or lost\n",
                   d->trimmed);
        }
    }
}

void bench_report_summary(const struct bench_options *options, const struct bench_load *load)
{
    if (options->json || load->runs == 0) {
        return;
    }
    printf("== %s: median [range] of %zu runs\n", load->what, load->runs);
    for (size_t i = 0; i < BENCH_FIGURES; i++) {
        const struct bench_figure *figure = &bench_figures[i];
        struct bench_spread a;
        struct bench_spread b;
        struct bench_spread ratio;
        if (!bench_spread(figure, load->own, NULL, load->runs, &a)) {
            continue;
        }
        printf("   %-22s %12.3f [%.3f .. %.3f]", figure->name, a.median, a.min, a.max);
        if (load->peer != NULL && bench_spread(figure, load->peer, NULL, load->runs, &b) &&
            bench_spread(figure, load->own, load->peer, load->runs, &ratio)) {
            printf("   peer %12.3f [%.3f .. %.3f]   ratio %.3f [%.3f .. %.3f]", b.median, b.min,
                   b.max, ratio.median, ratio.min, ratio.max);
        }
        printf("\n");
    }
    (void)fflush(stdout); /* as above */
}
