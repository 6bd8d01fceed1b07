/* One partition: append, read, close, open again. */
#include <string.h>

#include "tests/support/test_main.h"
#include "tests/unit/storage/log_fixture.h"

static struct log_fixture fx;

static void setup(void)
{
    log_fixture_init(&fx);
}

static void teardown(void)
{
    log_fixture_release(&fx);
}

/* An empty partition has no files but its directory's, and all its offsets are 0. */
START_TEST(empty_partition_starts_at_zero)
{
    log_fixture_open(&fx, true, 0);
    struct log_offsets offsets = log_fixture_offsets(&fx);
    ck_assert_int_eq(offsets.log_start, 0);
    ck_assert_int_eq(offsets.log_end, 0);
    ck_assert_int_eq(test_file_size(log_fixture_file(&fx, 0, ".log")), -1);
    ck_assert_int_gt(test_file_size(test_dir_path(&fx.dir, "orders-0/partition.metadata")), 0);
}
END_TEST

/* Offsets have no gap, and with durability disk only a flush makes records visible. */
START_TEST(high_watermark_follows_the_flush)
{
    log_fixture_open(&fx, true, 0);
    ck_assert_int_eq(log_fixture_append(&fx, 3, FIXTURE_NOW), 0);
    ck_assert_int_eq(log_fixture_append(&fx, 2, FIXTURE_NOW), 3);
    struct log_offsets offsets = log_fixture_offsets(&fx);
    ck_assert_int_eq(offsets.log_end, 5);
    ck_assert_int_eq(offsets.high_watermark, 0);
    ck_assert_int_eq(fx.dirty_count, 1);
    log_fixture_flush(&fx);
    offsets = log_fixture_offsets(&fx);
    ck_assert_int_eq(offsets.high_watermark, 5);
    ck_assert_int_eq(offsets.last_stable, 5);
}
END_TEST

/* With durability memory they are visible at once. */
START_TEST(memory_is_visible_at_once)
{
    fx.config.durability = LOG_DURABILITY_MEMORY;
    log_fixture_open(&fx, true, 0);
    (void)log_fixture_append(&fx, 3, FIXTURE_NOW);
    ck_assert_int_eq(log_fixture_offsets(&fx).high_watermark, 3);
    ck_assert_int_eq(fx.dirty_count, 0);
}
END_TEST

/* What was appended over many segments is read back with any size of read. */
START_TEST(reads_cross_segments)
{
    fx.config.segment_bytes = 65536;
    log_fixture_open(&fx, true, 0);
    log_fixture_append_many(&fx, 300, 10);
    size_t segments;
    size_t maps;
    log_partition_count(fx.part, &segments, &maps);
    ck_assert_uint_gt(segments, 4);
    log_fixture_check(&fx, 0, 3000, 1);
    log_fixture_check(&fx, 0, 3000, 10000);
    log_fixture_check(&fx, 1234, 3000, SIZE_MAX / 2);
}
END_TEST

static const bool stops[] = {true, false};

/* After a clean stop and after a kill the log is the same. */
START_TEST(log_survives_a_restart)
{
    fx.config.segment_bytes = 65536;
    log_fixture_open(&fx, true, 0);
    log_fixture_append_many(&fx, 300, 10);
    log_fixture_close(&fx, stops[_i]);
    log_fixture_open(&fx, stops[_i], 0);
    struct log_offsets offsets = log_fixture_offsets(&fx);
    ck_assert_int_eq(offsets.log_end, 3000);
    ck_assert_int_eq(offsets.high_watermark, 3000);
    log_fixture_check(&fx, 0, 3000, 10000);
    log_fixture_append_many(&fx, 100, 10);
    log_fixture_check(&fx, 0, 4000, 50000);
    ck_assert_int_eq(log_partition_was_cut(fx.part), !stops[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("partition");
    TCase *tc = tcase_create("basics");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, empty_partition_starts_at_zero);
    tcase_add_test(tc, high_watermark_follows_the_flush);
    tcase_add_test(tc, memory_is_visible_at_once);
    tcase_add_test(tc, reads_cross_segments);
    tcase_add_loop_test(tc, log_survives_a_restart, 0, 2);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
