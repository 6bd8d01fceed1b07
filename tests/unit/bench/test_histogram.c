/* The histogram told against the samples themselves: exact percentiles of a sorted array are the model. */
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "bench/histogram.h"
#include "leat/err.h"
#include "tests/support/test_main.h"

#define SAMPLES 20000

static struct bench_histogram histogram;

static void setup(void)
{
    ck_assert_int_eq(bench_histogram_init(&histogram), 0);
}

static void teardown(void)
{
    bench_histogram_release(&histogram);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Values spread over nine decades, as latencies of a mixed run are; a fixed generator, so a failure repeats. */
static void make_samples(int64_t *samples)
{
    uint64_t state = 88172645463325252U;
    for (int i = 0; i < SAMPLES; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        samples[i] = (int64_t)(state >> (24 + state % 30));
    }
}

/* Each percentile is at least the exact one and at most one part in 1024 above it. */
START_TEST(percentiles_agree_with_sorted_samples)
{
    static const double percents[] = {0.1, 1, 10, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100};
    static int64_t samples[SAMPLES];
    make_samples(samples);
    for (int i = 0; i < SAMPLES; i++) {
        bench_histogram_add(&histogram, samples[i]);
    }
    qsort(samples, SAMPLES, sizeof(samples[0]), compare);
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        int64_t rank = (int64_t)(percents[i] / 100.0 * SAMPLES + 0.5);
        int64_t exact = samples[rank < 1 ? 0 : rank - 1];
        int64_t got = bench_histogram_percentile(&histogram, percents[i]);
        ck_assert_msg(got >= exact && got <= exact + exact / 1024 + 1, "p%g: %lld, exact %lld",
                      percents[i], (long long)got, (long long)exact);
    }
    ck_assert_int_eq(histogram.min, samples[0]);
    ck_assert_int_eq(histogram.max, samples[SAMPLES - 1]);
}
END_TEST

/* Two histograms merged are the histogram of all their values. */
START_TEST(merge_adds_up)
{
    struct bench_histogram other;
    ck_assert_int_eq(bench_histogram_init(&other), 0);
    for (int64_t i = 1; i <= 1000; i++) {
        bench_histogram_add(i % 2 == 0 ? &histogram : &other, i * 1000);
    }
    bench_histogram_merge(&histogram, &other);
    ck_assert_int_eq(histogram.count, 1000);
    ck_assert_int_eq(histogram.min, 1000);
    ck_assert_int_eq(histogram.max, 1000000);
    ck_assert_double_eq_tol(bench_histogram_mean(&histogram), 500500.0, 0.001);
    int64_t p50 = bench_histogram_percentile(&histogram, 50);
    ck_assert_int_ge(p50, 500000);
    ck_assert_int_le(p50, 500500);
    bench_histogram_release(&other);
}
END_TEST

/* A negative sample is counted and told, but moves neither count nor percentiles. */
START_TEST(negative_values_stand_apart)
{
    bench_histogram_add(&histogram, 5);
    bench_histogram_add(&histogram, -1);
    ck_assert_int_eq(histogram.count, 1);
    ck_assert_int_eq(histogram.negative, 1);
    ck_assert_int_eq(bench_histogram_percentile(&histogram, 50), 5);
}
END_TEST

/* Beyond an hour the bucket is the last one, and the maximum is still exact. */
START_TEST(very_long_values_keep_their_maximum)
{
    bench_histogram_add(&histogram, BENCH_VALUE_MAX * 3);
    ck_assert_int_eq(histogram.max, BENCH_VALUE_MAX * 3);
    ck_assert_int_ge(bench_histogram_percentile(&histogram, 50), BENCH_VALUE_MAX);
}
END_TEST

/* An empty histogram answers zeros. */
START_TEST(empty_is_zero)
{
    ck_assert_int_eq(bench_histogram_percentile(&histogram, 99), 0);
    ck_assert_double_eq(bench_histogram_mean(&histogram), 0.0);
}
END_TEST

/* HdrHistogram's text: four columns whose totals rise to the count, and the three lines at its end. */
START_TEST(hgrm_is_whole)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    for (int64_t i = 1; i <= 1000; i++) {
        bench_histogram_add(&histogram, i * 1000);
    }
    bench_histogram_print_hgrm(&histogram, out);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_int_eq(
        strncmp(text, "       Value     Percentile TotalCount 1/(1-Percentile)\n\n", 57), 0);
    ck_assert_ptr_nonnull(strstr(text, "1.000000000000       1000"));
    ck_assert_ptr_nonnull(strstr(text, "#[Max     =     1000.000, Total count    =         1000]"));
    ck_assert_ptr_nonnull(strstr(text, "#[Buckets = "));
    double mean = 0.0;
    double deviation = 0.0;
    ck_assert_int_eq(
        sscanf(strstr(text, "#[Mean"), "#[Mean    = %lf, StdDeviation   = %lf]", &mean, &deviation),
        2);
    ck_assert_double_eq_tol(mean, 500.5, 0.001);
    ck_assert_double_eq_tol(deviation, 288.675, 0.5);
    free(text);
}
END_TEST

/* No memory is an error, not a crash. */
START_TEST(init_reports_short_memory)
{
    struct bench_histogram other;
    lt_alloc_fail_after(0);
    int err = bench_histogram_init(&other);
    lt_alloc_fail_never();
    ck_assert_int_eq(err, LEAT_ENOMEM);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("histogram");
    TCase *tc = tcase_create("distribution");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, percentiles_agree_with_sorted_samples);
    tcase_add_test(tc, merge_adds_up);
    tcase_add_test(tc, negative_values_stand_apart);
    tcase_add_test(tc, very_long_values_keep_their_maximum);
    tcase_add_test(tc, empty_is_zero);
    tcase_add_test(tc, hgrm_is_whole);
    tcase_add_test(tc, init_reports_short_memory);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
