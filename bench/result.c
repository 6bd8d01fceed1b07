/* result.c: see result.h. */
#include "bench/result.h"

#include <stdlib.h>

#include "base/alloc.h"

#define SUSTAINED_TIMES 3 /* the dirty limit */

int bench_result_init(struct bench_result *result, const char *what)
{
    *result = (struct bench_result){
        .what = what, .cpu_seconds = -1.0, .written_bytes = -1, .cold_percent = -1};
    bench_series_init(&result->series);
    return bench_histogram_init(&result->latency);
}

void bench_result_release(struct bench_result *result)
{
    bench_histogram_release(&result->latency);
}

double bench_result_per_second(double amount, const struct bench_result *r)
{
    return r->seconds > 0.0 ? amount / r->seconds : 0.0;
}

bool bench_result_sustained(const struct bench_result *r, int64_t dirty_limit)
{
    int64_t written = r->written_bytes >= 0 ? r->written_bytes : r->packed ? 0 : r->bytes;
    return dirty_limit > 0 && written / SUSTAINED_TIMES > dirty_limit;
}

static double gigabytes(const struct bench_result *r)
{
    return (double)r->bytes / 1e9;
}

static double figure_rate(const struct bench_result *r)
{
    return bench_result_per_second((double)r->bytes, r) / 1e6;
}

static double figure_records(const struct bench_result *r)
{
    return bench_result_per_second((double)r->records, r);
}

static double percentile_us(const struct bench_result *r, double percent)
{
    return r->latency.count == 0 ? -1.0
                                 : (double)bench_histogram_percentile(&r->latency, percent) / 1e3;
}

static double figure_p50(const struct bench_result *r)
{
    return percentile_us(r, 50);
}

static double figure_p99(const struct bench_result *r)
{
    return percentile_us(r, 99);
}

static double figure_p999(const struct bench_result *r)
{
    return percentile_us(r, 99.9);
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

static double figure_rss(const struct bench_result *r)
{
    return r->cpu_seconds < 0.0 ? -1.0 : (double)r->rss_bytes / 1048576.0;
}

static double figure_device(const struct bench_result *r)
{
    return r->written_bytes < 0 ? -1.0 : (double)r->written_bytes / 1048576.0;
}

const struct bench_figure bench_figures[BENCH_FIGURES] = {
    {"MB/s", "megabytesPerSecond", figure_rate},
    {"records/s", "recordsPerSecond", figure_records},
    {"p50 us", "latencyP50Us", figure_p50},
    {"p99 us", "latencyP99Us", figure_p99},
    {"p99.9 us", "latencyP999Us", figure_p999},
    {"server CPU s/GB", "serverCpuSecondsPerGb", figure_cpu},
    {"server CPU us/request", "serverCpuUsPerRequest", figure_cpu_request},
    {"server resident MiB", "serverResidentMib", figure_rss},
    {"MiB to the device", "serverWrittenMib", figure_device},
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

bool bench_spread(const struct bench_figure *figure,
                  const struct bench_result *own,
                  const struct bench_result *other,
                  size_t count,
                  struct bench_spread *ret)
{
    double *values = lt_calloc(count, sizeof(double));
    bool known = values != NULL && count > 0;
    for (size_t i = 0; known && i < count; i++) {
        values[i] = figure->get(&own[i]);
        known = values[i] >= 0.0;
        if (known && other != NULL) {
            double base = figure->get(&other[i]);
            known = base > 0.0;
            values[i] = known ? values[i] / base : 0.0;
        }
    }
    if (known) {
        qsort(values, count, sizeof(*values), compare);
        double median =
            count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2.0;
        *ret = (struct bench_spread){median, values[0], values[count - 1]};
    }
    lt_free(values);
    return known;
}
