/* histogram.c: see histogram.h. Values below 2^BENCH_SUB_BITS have a bucket each; above, the
 * highest BENCH_SUB_BITS + 1 bits choose. */
#include "bench/histogram.h"

#include <math.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "leat/err.h"

_Static_assert(BENCH_VALUE_MAX < 1LL << 42, "the largest value has a bucket");

int bench_histogram_init(struct bench_histogram *h)
{
    *h = (struct bench_histogram){.counts = lt_calloc(BENCH_BUCKETS, sizeof(int64_t))};
    if (h->counts == NULL) {
        return LEAT_ENOMEM;
    }
    h->min = INT64_MAX;
    return 0;
}

void bench_histogram_release(struct bench_histogram *h)
{
    lt_free(h->counts);
    *h = (struct bench_histogram){0};
}

static size_t bucket_of(int64_t value)
{
    uint64_t v = (uint64_t)(value > BENCH_VALUE_MAX ? BENCH_VALUE_MAX : value);
    if (v < (1U << BENCH_SUB_BITS)) {
        return (size_t)v;
    }
    unsigned shift = 63U - (unsigned)__builtin_clzll(v) - BENCH_SUB_BITS;
    return ((size_t)(shift + 1) << BENCH_SUB_BITS) +
           (size_t)((v >> shift) - (1U << BENCH_SUB_BITS));
}

/* The largest value that falls into the bucket. */
static int64_t bucket_edge(size_t bucket)
{
    if (bucket < (1U << BENCH_SUB_BITS)) {
        return (int64_t)bucket;
    }
    unsigned shift = (unsigned)(bucket >> BENCH_SUB_BITS) - 1;
    uint64_t low = ((bucket & ((1U << BENCH_SUB_BITS) - 1)) + (1U << BENCH_SUB_BITS)) << shift;
    return (int64_t)(low + (1ULL << shift) - 1);
}

void bench_histogram_add_many(struct bench_histogram *h, int64_t value_ns, int64_t count)
{
    if (value_ns < 0) {
        h->negative += count;
        return;
    }
    h->counts[bucket_of(value_ns)] += count;
    h->count += count;
    h->sum += (double)value_ns * (double)count;
    if (value_ns < h->min) {
        h->min = value_ns;
    }
    if (value_ns > h->max) {
        h->max = value_ns;
    }
}

void bench_histogram_add(struct bench_histogram *h, int64_t value_ns)
{
    bench_histogram_add_many(h, value_ns, 1);
}

void bench_histogram_merge(struct bench_histogram *into, const struct bench_histogram *from)
{
    for (size_t i = 0; i < BENCH_BUCKETS; i++) {
        into->counts[i] += from->counts[i];
    }
    into->count += from->count;
    into->negative += from->negative;
    into->sum += from->sum;
    into->min = from->min < into->min ? from->min : into->min;
    into->max = from->max > into->max ? from->max : into->max;
}

int64_t bench_histogram_percentile(const struct bench_histogram *h, double percent)
{
    if (h->count == 0) {
        return 0;
    }
    int64_t rank = (int64_t)(percent / 100.0 * (double)h->count + 0.5);
    rank = rank < 1 ? 1 : rank > h->count ? h->count : rank;
    int64_t seen = 0;
    for (size_t i = 0; i < BENCH_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen >= rank) {
            int64_t edge = bucket_edge(i);
            return edge > h->max ? h->max : edge;
        }
    }
    return h->max;
}

double bench_histogram_mean(const struct bench_histogram *h)
{
    return h->count == 0 ? 0.0 : h->sum / (double)h->count;
}

/* From the buckets' edges, as good as they are. */
static double deviation(const struct bench_histogram *h)
{
    double mean = bench_histogram_mean(h);
    double squares = 0.0;
    for (size_t i = 0; i < BENCH_BUCKETS; i++) {
        if (h->counts[i] > 0) {
            double off = (double)bucket_edge(i) - mean;
            squares += off * off * (double)h->counts[i];
        }
    }
    return h->count == 0 ? 0.0 : sqrt(squares / (double)h->count);
}

void bench_histogram_print_hgrm(const struct bench_histogram *h, FILE *out)
{
    fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
            "1/(1-Percentile)");
    int64_t seen = 0;
    for (size_t i = 0; i < BENCH_BUCKETS && seen < h->count; i++) {
        if (h->counts[i] == 0) {
            continue;
        }
        seen += h->counts[i];
        double part = (double)seen / (double)h->count;
        int64_t edge = bucket_edge(i) > h->max ? h->max : bucket_edge(i);
        fprintf(out, "%12.3f %2.12f %10lld", (double)edge / 1000.0, part, (long long)seen);
        if (seen < h->count) {
            fprintf(out, " %14.2f\n", 1.0 / (1.0 - part));
        } else {
            fprintf(out, " %14s\n", "inf");
        }
    }
    fprintf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", bench_histogram_mean(h) / 1000.0,
            deviation(h) / 1000.0);
    fprintf(out, "#[Max     = %12.3f, Total count    = %12lld]\n", (double)h->max / 1000.0,
            (long long)h->count);
    fprintf(out, "#[Buckets = %12d, SubBuckets     = %12d]\n",
            (int)(BENCH_BUCKETS >> BENCH_SUB_BITS), 1 << BENCH_SUB_BITS);
}
