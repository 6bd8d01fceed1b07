/* What goes when: by time, by size, below log start; what readers hold; idle maps. */
#include <dirent.h>
#include <string.h>

#include "base/alloc.h"
#include "tests/support/test_main.h"
#include "tests/unit/storage/log_fixture.h"

#define HOUR INT64_C(3600000)

static struct log_fixture fx;

static void setup(void)
{
    log_fixture_init(&fx);
    fx.config.durability = LOG_DURABILITY_MEMORY;
    fx.config.segment_bytes = 8192;
    fx.config.retention_ms = -1;
    fx.config.retention_bytes = -1;
    fx.config.file_delete_delay_ms = 60000;
    log_fixture_open(&fx, true, 0);
}

static void teardown(void)
{
    log_fixture_release(&fx);
}

static size_t segments(void)
{
    size_t count;
    size_t maps;
    log_partition_count(fx.part, &count, &maps);
    return count;
}

static size_t files_with(const char *suffix)
{
    DIR *dir = opendir(test_dir_path(&fx.dir, "orders-0"));
    ck_assert_ptr_nonnull(dir);
    size_t count = 0;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        size_t size = strlen(entry->d_name);
        count += size > strlen(suffix) && strcmp(entry->d_name + size - strlen(suffix), suffix) == 0
                     ? 1u
                     : 0u;
    }
    (void)closedir(dir);
    return count;
}

/* One segment per hour of timestamps: each batch fills more than half a segment. */
static void hourly_unflushed(int count)
{
    fx.value_size = 5000;
    for (int i = 0; i < count; i++) {
        (void)log_fixture_append(&fx, 1, FIXTURE_NOW - (count - i) * HOUR);
    }
}

static void hourly(int count)
{
    hourly_unflushed(count);
    log_fixture_flush(&fx); /* only what is on disk may go */
}

static bool round_(void)
{
    bool some = log_partition_retention_plan(fx.part, true);
    if (some) {
        ck_assert_int_eq(log_partition_retention_apply(fx.part), 0);
    }
    return some;
}

/* Segments whose largest timestamp is too old go, oldest first; log start follows. */
START_TEST(old_segments_go_by_time)
{
    hourly(10);
    ck_assert_uint_eq(segments(), 10);
    ck_assert(!round_());
    fx.config.retention_ms = 5 * HOUR + 1;
    ck_assert_int_eq(log_partition_set_config(fx.part, &fx.config), 0);
    ck_assert(!log_partition_retention_plan(fx.part, false));
    ck_assert(round_());
    ck_assert_int_eq(log_fixture_offsets(&fx).log_start, 5);
    ck_assert_uint_eq(segments(), 5);
    ck_assert_uint_eq(files_with(".log"), 5);
    ck_assert_uint_eq(files_with(".log.deleted"), 5);
    ck_assert(!round_());
    log_fixture_check(&fx, 5, 10, 100000);
}
END_TEST

/* A segment with one young record stays, and so do all behind it. */
START_TEST(young_segment_keeps_later_ones)
{
    fx.value_size = 5000;
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW - 10 * HOUR);
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW);
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW - 10 * HOUR);
    log_fixture_flush(&fx);
    fx.config.retention_ms = HOUR;
    ck_assert_int_eq(log_partition_set_config(fx.part, &fx.config), 0);
    ck_assert(round_());
    ck_assert_int_eq(log_fixture_offsets(&fx).log_start, 1);
    ck_assert_uint_eq(segments(), 2);
}
END_TEST

/* When all is old the active segment is rolled and goes too: the log is empty and its offsets go on, over a restart. */
START_TEST(expired_topic_empties_completely)
{
    hourly(4);
    fx.config.retention_ms = 1;
    ck_assert_int_eq(log_partition_set_config(fx.part, &fx.config), 0);
    ck_assert(round_());
    struct log_offsets offsets = log_fixture_offsets(&fx);
    ck_assert_int_eq(offsets.log_start, 4);
    ck_assert_int_eq(offsets.log_end, 4);
    ck_assert_uint_eq(log_partition_size(fx.part), 0);
    ck_assert(!round_());
    fx.open_log_start = 4;
    log_fixture_close(&fx, _i == 0);
    log_fixture_open(&fx, _i == 0, 4);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_start, 4);
    ck_assert_int_eq(log_fixture_append(&fx, 1, FIXTURE_NOW), 4);
    log_fixture_check(&fx, 4, 5, 100000);
}
END_TEST

/* What the disk does not have yet does not go, by time or size, even where consumers see it. */
START_TEST(unflushed_records_stay)
{
    fx.config.durability = _i < 2 ? LOG_DURABILITY_DISK : LOG_DURABILITY_MEMORY;
    fx.config.retention_ms = _i % 2 == 0 ? 1 : -1;
    fx.config.retention_bytes = _i % 2 == 0 ? -1 : 0;
    ck_assert_int_eq(log_partition_set_config(fx.part, &fx.config), 0);
    hourly_unflushed(3);
    ck_assert(!round_());
    log_fixture_flush(&fx);
    ck_assert(round_());
    ck_assert_int_eq(log_fixture_offsets(&fx).log_start, 3);
}
END_TEST

/* By size: the oldest goes while the rest is still at least retention.bytes. */
START_TEST(large_log_loses_its_oldest)
{
    hourly(10);
    uint64_t size = log_partition_size(fx.part);
    fx.config.retention_bytes = (int64_t)(size / 2 + size / 20);
    ck_assert_int_eq(log_partition_set_config(fx.part, &fx.config), 0);
    ck_assert(round_());
    ck_assert_uint_ge(log_partition_size(fx.part), (uint64_t)fx.config.retention_bytes);
    ck_assert_uint_eq(segments(), 6);
    ck_assert(!round_());
}
END_TEST

/* Neither time nor size touches a topic that is only compacted; DeleteRecords does. */
START_TEST(only_log_start_counts_without_delete_policy)
{
    fx.config.cleanup_delete = false;
    fx.config.retention_bytes = 1;
    fx.config.retention_ms = 1;
    ck_assert_int_eq(log_partition_set_config(fx.part, &fx.config), 0);
    hourly(5);
    ck_assert(!round_());
    int64_t log_start;
    ck_assert_int_eq(log_partition_raise_log_start(fx.part, 3, &log_start), 0);
    ck_assert_int_eq(log_start, 3);
    ck_assert(round_());
    ck_assert_uint_eq(segments(), 2);
}
END_TEST

/* DeleteRecords: up to the high watermark, never beyond it, never back. */
START_TEST(log_start_moves_forward_only)
{
    hourly(5);
    int64_t log_start = -7;
    ck_assert_int_eq(log_partition_raise_log_start(fx.part, 6, &log_start), LEAT_ERANGE);
    ck_assert_int_eq(log_partition_raise_log_start(fx.part, -2, &log_start), LEAT_ERANGE);
    ck_assert_int_eq(log_start, -7);
    ck_assert_int_eq(log_partition_raise_log_start(fx.part, 2, &log_start), 0);
    ck_assert_int_eq(log_partition_raise_log_start(fx.part, 1, &log_start), 0);
    ck_assert_int_eq(log_start, 2);
    struct log_read_options options = {1, 1000, true, LOG_READ_UNCOMMITTED};
    struct log_extent extent;
    struct log_offsets offsets;
    ck_assert_int_eq(log_partition_read(fx.part, &options, &extent, &offsets), LEAT_ERANGE);
    ck_assert_int_eq(offsets.log_start, 2);
    ck_assert_int_eq(log_partition_raise_log_start(fx.part, -1, &log_start), 0);
    ck_assert_int_eq(log_start, 5);
}
END_TEST

/* The files stay for the delay and as long as somebody reads; what he reads stays whole. */
START_TEST(reader_keeps_a_removed_segment)
{
    hourly(3);
    struct log_read_options options = {0, 1000, true, LOG_READ_UNCOMMITTED};
    struct log_extent extent;
    struct log_extent shared;
    struct log_offsets offsets;
    ck_assert_int_eq(log_partition_read(fx.part, &options, &extent, &offsets), 0);
    log_extent_share(&extent, &shared);
    int64_t log_start;
    ck_assert_int_eq(log_partition_raise_log_start(fx.part, 2, &log_start), 0);
    ck_assert(round_());
    ck_assert_uint_eq(log_partition_reap(fx.part, false), 2);
    lt_clock_fake_advance(&fx.clock, 60000);
    ck_assert_uint_eq(log_partition_reap(fx.part, false), 1);
    log_fixture_check_extent(&extent);
    log_extent_release(&extent);
    ck_assert_uint_eq(log_partition_reap(fx.part, false), 1);
    log_fixture_check_extent(&shared);
    log_extent_release(&shared);
    ck_assert_uint_eq(log_partition_reap(fx.part, false), 0);
    ck_assert_uint_eq(files_with(".deleted"), 0);
}
END_TEST

/* Sealed segments that nobody reads give up their maps, and open again for the next reader. */
START_TEST(idle_segments_give_up_their_maps)
{
    hourly(10);
    log_fixture_check(&fx, 0, 10, 1000);
    size_t count;
    size_t before;
    size_t after;
    log_partition_count(fx.part, &count, &before);
    ck_assert_uint_ge(before, 10);
    ck_assert_uint_eq(log_partition_trim(fx.part, 1000), 0);
    lt_clock_fake_advance(&fx.clock, 1000);
    struct log_read_options options = {4, 1000, true, LOG_READ_UNCOMMITTED};
    struct log_extent extent;
    struct log_offsets offsets;
    ck_assert_int_eq(log_partition_read(fx.part, &options, &extent, &offsets), 0);
    ck_assert_uint_eq(log_partition_trim(fx.part, 1000), 8);
    log_fixture_check_extent(&extent);
    log_extent_release(&extent);
    log_partition_count(fx.part, &count, &after);
    ck_assert_uint_lt(after, 6);
    log_fixture_check(&fx, 0, 10, 1000);
    ck_assert_uint_eq(segments(), 10);
}
END_TEST

/* A reader that goes through hundreds of sealed segments does not leave them all open. */
START_TEST(open_segments_are_bounded)
{
    fx.config.segment_bytes = 4096;
    ck_assert_int_eq(log_partition_set_config(fx.part, &fx.config), 0);
    fx.value_size = 2500;
    for (int i = 0; i < 300; i++) {
        (void)log_fixture_append(&fx, 1, FIXTURE_NOW);
    }
    size_t count;
    size_t maps;
    for (int64_t offset = 0; offset < 300; offset++) {
        log_fixture_check(&fx, offset, offset + 1, 1000);
        lt_clock_fake_advance(&fx.clock, 1);
        log_partition_count(fx.part, &count, &maps);
        ck_assert_uint_lt(maps, 400);
    }
    ck_assert_uint_eq(count, 300);
}
END_TEST

/* A deleted partition refuses everything, and its directory has another name. */
START_TEST(deleted_partition_refuses)
{
    hourly(2);
    char *path;
    ck_assert_int_eq(log_partition_mark_deleted(fx.part, &path), 0);
    ck_assert_ptr_nonnull(strstr(path, "orders-0."));
    ck_assert_str_eq(path + strlen(path) - 7, "-delete");
    lt_free(path);
    struct fixture_batch what = {1, FIXTURE_NOW, 0};
    ck_assert_int_eq(log_fixture_try_append(&fx, 2, &what), LEAT_EDELETED);
    struct log_offsets offsets;
    ck_assert_int_eq(log_partition_offsets(fx.part, &offsets), LEAT_EDELETED);
    ck_assert_int_eq(fx.moved_count, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log_retention");
    TCase *tc = tcase_create("retention");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, old_segments_go_by_time);
    tcase_add_test(tc, young_segment_keeps_later_ones);
    tcase_add_loop_test(tc, expired_topic_empties_completely, 0, 2);
    tcase_add_loop_test(tc, unflushed_records_stay, 0, 4);
    tcase_add_test(tc, large_log_loses_its_oldest);
    tcase_add_test(tc, only_log_start_counts_without_delete_policy);
    tcase_add_test(tc, log_start_moves_forward_only);
    tcase_add_test(tc, reader_keeps_a_removed_segment);
    tcase_add_test(tc, idle_segments_give_up_their_maps);
    tcase_add_test(tc, open_segments_are_bounded);
    tcase_add_test(tc, deleted_partition_refuses);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
