/* Figures made of results: medians, ranges and ratios by pairs; throughput over time; sustained or burst. */
#include <check.h>

#include "bench/result.h"
#include "bench/series.h"
#include "tests/support/test_main.h"

static const struct bench_figure *records_per_second = &bench_figures[1];

static void fill(struct bench_result *results, const int64_t *records, int count)
{
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(bench_result_init(&results[i], "produce"), 0);
        results[i].records = records[i];
        results[i].seconds = 2.0;
    }
}

static void release(struct bench_result *results, int count)
{
    for (int i = 0; i < count; i++) {
        bench_result_release(&results[i]);
    }
}

/* Odd and even numbers of runs. */
START_TEST(median_and_range)
{
    struct bench_result runs[4];
    struct bench_spread s;
    fill(runs, (const int64_t[]){600, 200, 1000, 400}, 4);
    ck_assert(bench_spread(records_per_second, runs, NULL, 3, &s));
    ck_assert_double_eq_tol(s.median, 300.0, 1e-9);
    ck_assert_double_eq_tol(s.min, 100.0, 1e-9);
    ck_assert_double_eq_tol(s.max, 500.0, 1e-9);
    ck_assert(bench_spread(records_per_second, runs, NULL, 4, &s));
    ck_assert_double_eq_tol(s.median, 250.0, 1e-9);
    release(runs, 4);
}
END_TEST

/* A ratio is taken pair by pair: where both slow down together it stays what it is. */
START_TEST(ratios_are_paired)
{
    struct bench_result own[3];
    struct bench_result peer[3];
    struct bench_spread s;
    fill(own, (const int64_t[]){200, 2000, 20}, 3);
    fill(peer, (const int64_t[]){100, 1000, 10}, 3);
    ck_assert(bench_spread(records_per_second, own, peer, 3, &s));
    ck_assert_double_eq_tol(s.min, 2.0, 1e-9);
    ck_assert_double_eq_tol(s.max, 2.0, 1e-9);
    release(own, 3);
    release(peer, 3);
}
END_TEST

/* What one run did not measure is no figure. */
START_TEST(unmeasured_is_absent)
{
    struct bench_result runs[2];
    struct bench_spread s;
    fill(runs, (const int64_t[]){1, 1}, 2);
    runs[0].written_bytes = 1 << 20;
    ck_assert(!bench_spread(&bench_figures[8], runs, NULL, 2, &s));
    runs[1].written_bytes = 3 << 20;
    ck_assert(bench_spread(&bench_figures[8], runs, NULL, 2, &s));
    ck_assert_double_eq_tol(s.median, 2.0, 1e-9);
    ck_assert(!bench_spread(&bench_figures[8], runs, NULL, 0, &s));
    release(runs, 2);
}
END_TEST

/* Sustained needs more than three times the dirty limit, as the server wrote it; of compressed bytes nothing is assumed. */
START_TEST(sustained_beyond_three_limits)
{
    struct bench_result r;
    ck_assert_int_eq(bench_result_init(&r, "produce"), 0);
    r.bytes = 300;
    ck_assert(!bench_result_sustained(&r, 100));
    r.bytes = 303;
    ck_assert(bench_result_sustained(&r, 100));
    ck_assert(!bench_result_sustained(&r, 0));
    r.packed = true;
    ck_assert(!bench_result_sustained(&r, 100));
    r.written_bytes = 400;
    ck_assert(bench_result_sustained(&r, 100));
    r.packed = false;
    r.written_bytes = 10;
    ck_assert(!bench_result_sustained(&r, 100));
    bench_result_release(&r);
}
END_TEST

/* The points of a series add up to what was told, also when steps were missed and when pairs were merged. */
START_TEST(series_keeps_the_sum)
{
    struct bench_series series;
    int64_t told = 0;
    bench_series_init(&series);
    for (int64_t ms = 7; ms < 200000; ms += 7 + ms % 300) {
        told += ms % 11;
        bench_series_add(&series, ms * 1000000, told, told * 10);
    }
    int64_t records = 0;
    int64_t bytes = 0;
    for (size_t i = 0; i < series.count; i++) {
        records += series.records[i];
        bytes += series.bytes[i];
    }
    ck_assert_uint_gt(series.count, BENCH_SERIES_POINTS / 4);
    ck_assert_uint_lt(series.count, BENCH_SERIES_POINTS);
    ck_assert_int_gt(series.step_ns, BENCH_SERIES_STEP_NS);
    ck_assert_int_eq(records, series.records_before);
    ck_assert_int_eq(bytes, series.bytes_before);
    ck_assert_int_le(told - records, 11);
}
END_TEST

/* Steps that nobody looked at share what came in them. */
START_TEST(series_spreads_what_was_missed)
{
    struct bench_series series;
    bench_series_init(&series);
    bench_series_add(&series, 4 * BENCH_SERIES_STEP_NS, 400, 4000);
    ck_assert_uint_eq(series.count, 4);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(series.records[i], 100);
        ck_assert_int_eq(series.bytes[i], 1000);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("result");
    TCase *tc = tcase_create("figures");
    tcase_add_test(tc, median_and_range);
    tcase_add_test(tc, ratios_are_paired);
    tcase_add_test(tc, unmeasured_is_absent);
    tcase_add_test(tc, sustained_beyond_three_limits);
    tcase_add_test(tc, series_keeps_the_sum);
    tcase_add_test(tc, series_spreads_what_was_missed);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
