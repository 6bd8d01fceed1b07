/* result.c: see result.h. */
#include "bench/result.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "leat/err.h"

static void print_producer_line(const struct bench_result *r);
static void print_consumer_line(const struct bench_result *r);
static void print_latency(const struct bench_options *o, const struct bench_result *r);
static void print_cost(const struct bench_result *r);

int bench_result_init(struct bench_result *result, const char *what)
{
    *result = (struct bench_result){.what = what, .cpu_seconds = -1.0, .written_bytes = -1};
    return bench_histogram_init(&result->latency);
}

void bench_result_release(struct bench_result *result)
{
    bench_histogram_release(&result->latency);
}

static double per_second(double amount, const struct bench_result *r)
{
    return r->seconds > 0.0 ? amount / r->seconds : 0.0;
}

static double gigabytes(const struct bench_result *r)
{
    return (double)r->bytes / 1e9;
}

void bench_report_run(const struct bench_options *options,
                      const struct bench_result *r,
                      const char *target)
{
    if (options->json) {
        return;
    }
    printf("-- %s %s\n", r->what, target);
    if (strcmp(r->what, "produce") == 0) {
        print_producer_line(r);
    } else {
        print_consumer_line(r);
    }
    print_latency(options, r);
    print_cost(r);
    if (r->errors > 0) {
        printf("   errors     %" PRId64 ", first: %s\n", r->errors, r->error_text);
    }
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
        r->records, per_second((double)r->records, r), per_second((double)r->bytes, r) / 1048576.0,
        bench_histogram_mean(h) / 1e6, (double)h->max / 1e6,
        (double)bench_histogram_percentile(h, 50) / 1e6,
        (double)bench_histogram_percentile(h, 95) / 1e6,
        (double)bench_histogram_percentile(h, 99) / 1e6,
        (double)bench_histogram_percentile(h, 99.9) / 1e6);
}

static void format_wall(int64_t wall_ms, char *buf, size_t size)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    size_t used =
        gmtime_r(&seconds, &tm) == NULL ? 0 : strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm);
    (void)snprintf(buf + used, size - used, ":%03d", (int)(wall_ms % 1000));
}

/* Columns of kafka-consumer-perf-test.sh; there is no group and so no rebalance. */
static void print_consumer_line(const struct bench_result *r)
{
    char start[32];
    char end[32];
    format_wall(r->start_wall_ms, start, sizeof(start));
    format_wall(r->end_wall_ms, end, sizeof(end));
    double megabytes = (double)r->bytes / 1048576.0;
    printf("start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, "
           "rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n");
    printf("%s, %s, %.4f, %.4f, %" PRId64 ", %.4f, 0, %.0f, %.4f, %.4f\n", start, end, megabytes,
           per_second(megabytes, r), r->records, per_second((double)r->records, r),
           r->seconds * 1000.0, per_second(megabytes, r), per_second((double)r->records, r));
}

static void print_latency(const struct bench_options *o, const struct bench_result *r)
{
    const struct bench_histogram *h = &r->latency;
    if (h->count == 0) {
        return;
    }
    printf("   latency us p50 %.1f  p95 %.1f  p99 %.1f  p99.9 %.1f  p99.99 %.1f  max %.1f  (%s)\n",
           (double)bench_histogram_percentile(h, 50) / 1e3,
           (double)bench_histogram_percentile(h, 95) / 1e3,
           (double)bench_histogram_percentile(h, 99) / 1e3,
           (double)bench_histogram_percentile(h, 99.9) / 1e3,
           (double)bench_histogram_percentile(h, 99.99) / 1e3, (double)h->max / 1e3,
           o->throughput > 0 ? "open loop, from the due time" : "closed loop");
    if (h->negative > 0) {
        printf("   negative   %" PRId64 " samples, not part of the distribution\n", h->negative);
    }
}

static void print_cost(const struct bench_result *r)
{
    if (r->requests > 0) {
        printf("   requests   %.1f/s, %.0f bytes each\n", per_second((double)r->requests, r),
               (double)r->bytes / (double)r->requests);
    }
    if (r->cpu_seconds >= 0.0) {
        printf("   server     %.3f CPU s, %.3f s/GB, %.2f us/request, resident %.1f MiB",
               r->cpu_seconds, gigabytes(r) > 0.0 ? r->cpu_seconds / gigabytes(r) : 0.0,
               r->requests > 0 ? r->cpu_seconds * 1e6 / (double)r->requests : 0.0,
               (double)r->rss_bytes / 1048576.0);
        if (r->written_bytes >= 0) {
            printf(", %.1f MiB to the device", (double)r->written_bytes / 1048576.0);
        }
        printf("\n");
    }
    printf("   machine    1 ms sleeps late by p99.9 %.2f ms, max %.2f ms; stolen %.2f s\n",
           (double)r->hiccup_p999_ns / 1e6, (double)r->hiccup_max_ns / 1e6, r->stolen_seconds);
}

/* ---- summary over runs ---- */

struct spread {
    double median, min, max;
};

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static struct spread spread_of(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare_double);
    double median =
        count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2.0;
    return (struct spread){median, values[0], values[count - 1]};
}

static double figure_rate(const struct bench_result *r)
{
    return per_second((double)r->bytes, r) / 1e6;
}

static double figure_records(const struct bench_result *r)
{
    return per_second((double)r->records, r);
}

static double figure_cpu(const struct bench_result *r)
{
    return r->cpu_seconds < 0.0 || r->bytes == 0 ? -1.0 : r->cpu_seconds / gigabytes(r);
}

static double figure_cpu_request(const struct bench_result *r)
{
    return r->cpu_seconds < 0.0 || r->requests == 0 ? -1.0
                                                    : r->cpu_seconds * 1e6 / (double)r->requests;
}

static double figure_p50(const struct bench_result *r)
{
    return r->latency.count == 0 ? -1.0 : (double)bench_histogram_percentile(&r->latency, 50) / 1e3;
}

static double figure_p99(const struct bench_result *r)
{
    return r->latency.count == 0 ? -1.0 : (double)bench_histogram_percentile(&r->latency, 99) / 1e3;
}

static double figure_rss(const struct bench_result *r)
{
    return r->cpu_seconds < 0.0 ? -1.0 : (double)r->rss_bytes / 1048576.0;
}

static const struct {
    const char *name;
    const char *json_name;
    double (*get)(const struct bench_result *r); /* negative: not measured */
} figures[] = {
    {"MB/s", "megabytesPerSecond", figure_rate},
    {"records/s", "recordsPerSecond", figure_records},
    {"p50 us", "latencyP50Us", figure_p50},
    {"p99 us", "latencyP99Us", figure_p99},
    {"server CPU s/GB", "serverCpuSecondsPerGb", figure_cpu},
    {"server CPU us/request", "serverCpuUsPerRequest", figure_cpu_request},
    {"server resident MiB", "serverResidentMib", figure_rss},
};

#define FIGURE_COUNT (sizeof(figures) / sizeof(figures[0]))

/* Values of one figure over all runs, `other` given: ratios run by run. False where a run did not measure it. */
static bool spread_of_runs(size_t figure,
                           const struct bench_result *own,
                           const struct bench_result *other,
                           size_t count,
                           struct spread *ret)
{
    double *values = lt_calloc(count, sizeof(double));
    bool known = values != NULL;
    for (size_t i = 0; known && i < count; i++) {
        values[i] = figures[figure].get(&own[i]);
        known = values[i] >= 0.0;
        if (known && other != NULL) {
            double base = figures[figure].get(&other[i]);
            known = base > 0.0;
            values[i] = known ? values[i] / base : 0.0;
        }
    }
    if (known) {
        *ret = spread_of(values, count);
    }
    lt_free(values);
    return known;
}

void bench_report_summary(const struct bench_options *options,
                          const struct bench_result *own,
                          const struct bench_result *peer,
                          size_t count)
{
    if (options->json || count == 0) {
        return;
    }
    printf("== %s: median [range] of %zu runs\n", own[0].what, count);
    for (size_t i = 0; i < FIGURE_COUNT; i++) {
        struct spread a;
        struct spread b;
        struct spread ratio;
        if (!spread_of_runs(i, own, NULL, count, &a)) {
            continue;
        }
        printf("   %-22s %12.3f [%.3f .. %.3f]", figures[i].name, a.median, a.min, a.max);
        if (peer != NULL && spread_of_runs(i, peer, NULL, count, &b) &&
            spread_of_runs(i, own, peer, count, &ratio)) {
            printf("   peer %12.3f [%.3f .. %.3f]   ratio %.3f [%.3f .. %.3f]", b.median, b.min,
                   b.max, ratio.median, ratio.min, ratio.max);
        }
        printf("\n");
    }
    (void)fflush(stdout); /* as above */
}

/* ---- JSON ---- */

static json_t *run_json(const struct bench_result *r)
{
    const struct bench_histogram *h = &r->latency;
    return json_pack(
        "{s:I,s:I,s:I,s:I,s:s,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:I,s:I,s:f,s:f,s:f}",
        "records", (json_int_t)r->records, "bytes", (json_int_t)r->bytes, "requests",
        (json_int_t)r->requests, "errors", (json_int_t)r->errors, "firstError", r->error_text,
        "seconds", r->seconds, "publishRate", figure_records(r), "megabytesPerSecond",
        figure_rate(r), "publishLatencyAvg", bench_histogram_mean(h) / 1e6, "publishLatency50pct",
        (double)bench_histogram_percentile(h, 50) / 1e6, "publishLatency95pct",
        (double)bench_histogram_percentile(h, 95) / 1e6, "publishLatency99pct",
        (double)bench_histogram_percentile(h, 99) / 1e6, "publishLatency999pct",
        (double)bench_histogram_percentile(h, 99.9) / 1e6, "publishLatency9999pct",
        (double)bench_histogram_percentile(h, 99.99) / 1e6, "publishLatencyMax",
        (double)h->max / 1e6, "serverCpuSeconds", r->cpu_seconds, "serverResidentBytes",
        (json_int_t)r->rss_bytes, "serverWrittenBytes", (json_int_t)r->written_bytes,
        "hiccupP999Ms", (double)r->hiccup_p999_ns / 1e6, "hiccupMaxMs",
        (double)r->hiccup_max_ns / 1e6, "stolenSeconds", r->stolen_seconds);
}

static json_t *runs_json(const struct bench_result *runs, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(array, run_json(&runs[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *
summary_json(const struct bench_result *own, const struct bench_result *peer, size_t count)
{
    json_t *object = json_object();
    for (size_t i = 0; i < FIGURE_COUNT; i++) {
        struct spread s;
        if (spread_of_runs(i, own, peer, count, &s)) {
            (void)json_object_set_new(
                object, figures[i].json_name, /* a missing figure is seen by its absence */
                json_pack("{s:f,s:f,s:f}", "median", s.median, "min", s.min, "max", s.max));
        }
    }
    return object;
}

int bench_report_json(const struct bench_options *options,
                      const struct bench_result *own,
                      const struct bench_result *peer,
                      size_t count)
{
    json_t *root =
        json_pack("{s:i,s:s,s:s,s:s,s:o*,s:o*}", "_version", 1, "workload", own[0].what, "topic",
                  options->topic, "loop", options->throughput > 0 ? "open" : "closed", "runs",
                  runs_json(own, count), "summary", summary_json(own, NULL, count));
    if (root != NULL && peer != NULL) {
        (void)json_object_set_new(root, "peerRuns",
                                  runs_json(peer, count)); /* jansson refuses NULL itself */
        (void)json_object_set_new(root, "ratios", summary_json(own, peer, count));
    }
    int err = root == NULL || json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9)) != 0
                  ? LEAT_ENOMEM
                  : 0;
    printf("\n");
    json_decref(root);
    return err;
}
