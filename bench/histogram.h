/* histogram.h: how long things took: counts in log-linear buckets, as HdrHistogram lays them out.
 *
 * Each power of two is cut into 2^BENCH_SUB_BITS equal buckets, so a value is known to 1 part in
 * 1024 or better from 1 ns to 1 h; larger values count into the last bucket and are told as the
 * maximum that they were. Merging adds counts. Threads: one writer each; merge after the writers
 * have ended. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

#define BENCH_SUB_BITS 10
#define BENCH_VALUE_MAX (3600LL * 1000000000LL) /* one hour in ns */
#define BENCH_BUCKETS ((size_t)(42 - BENCH_SUB_BITS + 1) << BENCH_SUB_BITS)

struct bench_histogram {
    int64_t *counts;  /* BENCH_BUCKETS of them */
    int64_t count;    /* values recorded */
    int64_t negative; /* values below zero: counted, told, never part of the distribution */
    int64_t min, max; /* exact, ns */
    double sum;       /* ns */
};

int bench_histogram_init(struct bench_histogram *h); /* LEAT_ENOMEM */
void bench_histogram_release(struct bench_histogram *h);

void bench_histogram_add(struct bench_histogram *h, int64_t value_ns);
void bench_histogram_add_many(struct bench_histogram *h, int64_t value_ns, int64_t count);
void bench_histogram_merge(struct bench_histogram *into, const struct bench_histogram *from);

/* The value that `percent` of all values do not exceed: the upper edge of its bucket, never more
 * than the maximum. 0 for an empty histogram. */
int64_t bench_histogram_percentile(const struct bench_histogram *h, double percent);
double bench_histogram_mean(const struct bench_histogram *h);

/* The whole distribution as HdrHistogram's percentile text (values in microseconds). */
void bench_histogram_print_hgrm(const struct bench_histogram *h, FILE *out);

#endif
