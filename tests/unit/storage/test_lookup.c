/* Lookups by time against a model: every record's timestamp is remembered, and each answer must be the model's. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "proto/compress.h"
#include "tests/support/test_main.h"
#include "tests/unit/storage/log_fixture.h"

#define RECORDS_MAX 20000

static struct log_fixture fx;
static int64_t *times; /* of record n */
static int64_t end;

static void setup(void)
{
    log_fixture_init(&fx);
    fx.config.durability = LOG_DURABILITY_MEMORY;
    fx.config.segment_bytes = 32768;
    fx.config.index_interval_bytes = 512;
    fx.value_size = 20;
    times = lt_calloc(RECORDS_MAX, sizeof(*times));
    ck_assert_ptr_nonnull(times);
    end = 0;
}

static void teardown(void)
{
    lt_free(times);
    log_fixture_release(&fx);
}

static uint32_t random_state;

static uint32_t next_random(uint32_t bound)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % bound;
}

/* Batches of all codecs whose timestamps jump back and forth, also inside a batch. */
static void fill(int batches)
{
    for (int i = 0; i < batches; i++) {
        int codec = (int)next_random(5);
        fx.codec = proto_codec_available(codec) ? codec : 0;
        struct fixture_batch what = {.count = 1 + (int)next_random(12),
                                     .timestamp = 1000 + i * 10 + (int64_t)next_random(3000) - 1500,
                                     .timestamp_step = (int64_t)next_random(41) - 20};
        if (next_random(20) == 0) {
            what.timestamp = -1;
            what.timestamp_step = 0;
        }
        what.timestamp = what.timestamp < -1 ? 0 : what.timestamp;
        if (what.timestamp + what.timestamp_step * what.count < 0 && what.timestamp >= 0) {
            what.timestamp_step = 1;
        }
        ck_assert_int_eq(log_fixture_try_append(&fx, end, &what), 0);
        for (int j = 0; j < what.count; j++) {
            times[end++] = what.timestamp + j * what.timestamp_step;
        }
    }
}

static void check_time(int64_t timestamp, int64_t log_start, int64_t bound)
{
    struct log_time_hit hit;
    ck_assert_int_eq(log_partition_find_time(fx.part, timestamp, LOG_READ_UNCOMMITTED, &hit), 0);
    int64_t want = log_start;
    while (want < bound && times[want] < timestamp) {
        want++;
    }
    want = want < bound ? want : -1;
    ck_assert_msg(hit.offset == want, "time %d: offset %d, not %d", (int)timestamp, (int)hit.offset,
                  (int)want);
    if (want >= 0) {
        ck_assert_int_eq(hit.timestamp_ms, times[want]);
        ck_assert_int_eq(hit.leader_epoch, 0);
    }
}

static void check_max(int64_t log_start, int64_t bound)
{
    int64_t want = -1;
    for (int64_t i = log_start; i < bound; i++) {
        if (times[i] >= 0 && (want < 0 || times[i] > times[want])) {
            want = i;
        }
    }
    struct log_time_hit hit;
    ck_assert_int_eq(log_partition_find_max_time(fx.part, LOG_READ_UNCOMMITTED, &hit), 0);
    ck_assert_int_eq(hit.offset, want);
    ck_assert_int_eq(hit.timestamp_ms, want < 0 ? -1 : times[want]);
}

static void check_all(int64_t log_start, int64_t bound)
{
    for (int64_t timestamp = 0; timestamp < 12000; timestamp += 1 + (int64_t)next_random(60)) {
        check_time(timestamp, log_start, bound);
    }
    check_time(INT64_MAX, log_start, bound);
    check_max(log_start, bound);
}

/* Exact to the record over many segments, before and after restarts of both kinds, and after log start moved. */
START_TEST(answers_are_the_models)
{
    random_state = (uint32_t)_i + 1;
    log_fixture_open(&fx, true, 0);
    fill(600);
    check_all(0, end);
    log_fixture_close(&fx, true);
    log_fixture_open(&fx, true, end);
    check_all(0, end);
    fill(200);
    log_fixture_close(&fx, false);
    log_fixture_open(&fx, false, 0);
    check_all(0, end);
    int64_t log_start;
    int64_t starts[] = {1, end / 3, end / 2, end - 3, end};
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        ck_assert_int_eq(log_partition_raise_log_start(fx.part, starts[i], &log_start), 0);
        check_all(starts[i], end);
    }
}
END_TEST

/* Records that are not visible are not found: neither by time nor as the largest. */
START_TEST(isolation_bounds_the_answer)
{
    random_state = 7;
    fx.config.durability = LOG_DURABILITY_DISK;
    log_fixture_open(&fx, true, 0);
    fill(300);
    log_fixture_flush(&fx);
    int64_t visible = end;
    fill(300);
    struct fixture_batch latest = {1, 1000000, 0};
    ck_assert_int_eq(log_fixture_try_append(&fx, end, &latest), 0);
    times[end++] = 1000000;
    check_all(0, visible);
    struct log_time_hit hit;
    ck_assert_int_eq(log_partition_find_max_time(fx.part, LOG_READ_LOG_END, &hit), 0);
    ck_assert_int_eq(hit.offset, end - 1);
    log_fixture_flush(&fx);
    check_all(0, end);
}
END_TEST

/* With LogAppendTime every record has its batch's time. */
START_TEST(append_time_is_the_batchs)
{
    fx.config.timestamp_type = LOG_APPEND_TIME;
    log_fixture_open(&fx, true, 0);
    for (int i = 0; i < 50; i++) {
        struct fixture_batch what = {4, 5, 1};
        fx.codec = i % 2 == 0 ? PROTO_CODEC_NONE : PROTO_CODEC_LZ4;
        ck_assert_int_eq(log_fixture_try_append(&fx, end, &what), 0);
        for (int j = 0; j < 4; j++) {
            times[end++] = FIXTURE_NOW + i * 1000;
        }
        lt_clock_fake_advance(&fx.clock, 1000);
    }
    for (int64_t timestamp = FIXTURE_NOW - 500; timestamp < FIXTURE_NOW + 51000; timestamp += 250) {
        check_time(timestamp, 0, end);
    }
    check_max(0, end);
    int64_t log_start;
    ck_assert_int_eq(log_partition_raise_log_start(fx.part, 198, &log_start), 0);
    check_max(198, end);
    log_fixture_check(&fx, 0 + 198, end, 1000);
}
END_TEST

/* The largest timestamp that there can be. */
START_TEST(last_of_all_times_is_found)
{
    random_state = 5;
    log_fixture_open(&fx, true, 0);
    fill(600);
    static const int64_t order[] = {5, INT64_MAX, 7, INT64_MAX, 9};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        struct fixture_batch what = {1, order[i], 0};
        ck_assert_int_eq(log_fixture_try_append(&fx, end, &what), 0);
        times[end++] = order[i];
    }
    check_all(0, end);
    int64_t log_start;
    ck_assert_int_eq(log_partition_raise_log_start(fx.part, end - 3, &log_start), 0);
    check_all(end - 3, end);
}
END_TEST

/* A batch that its codec makes ten thousand times smaller is opened too. */
START_TEST(dense_batches_are_searched)
{
    fx.codec = PROTO_CODEC_ZSTD;
    fx.value_size = (size_t)3 << 20;
    log_fixture_open(&fx, true, 0);
    for (int i = 0; i < 3; i++) {
        struct fixture_batch what = {2, 1000 + i * 10, 5};
        ck_assert_int_eq(log_fixture_try_append(&fx, end, &what), 0);
        times[end++] = what.timestamp;
        times[end++] = what.timestamp + 5;
    }
    check_all(0, end);
}
END_TEST

/* An empty log has no times. */
START_TEST(empty_log_has_no_times)
{
    log_fixture_open(&fx, true, 0);
    check_time(0, 0, 0);
    check_max(0, 0);
    int64_t offsets[4];
    size_t count;
    ck_assert_int_eq(log_partition_segments_before(fx.part, INT64_MAX, offsets, 4, &count), 0);
    ck_assert_uint_eq(count, 0);
}
END_TEST

/* The sum that long polls wait for agrees with what reads hand out. */
START_TEST(readable_is_what_reads_give)
{
    random_state = 3;
    log_fixture_open(&fx, true, 0);
    fill(400);
    uint64_t sum = 0;
    int64_t offset = 0;
    uint64_t all = log_partition_readable(fx.part, 0, LOG_READ_UNCOMMITTED);
    ck_assert_uint_eq(all, log_partition_size(fx.part));
    while (offset < end) {
        ck_assert_uint_eq(log_partition_readable(fx.part, offset, LOG_READ_UNCOMMITTED), all - sum);
        struct log_read_options options = {offset, 1, true, LOG_READ_UNCOMMITTED};
        struct log_extent extent;
        struct log_offsets offsets;
        ck_assert_int_eq(log_partition_read(fx.part, &options, &extent, &offsets), 0);
        sum += extent.size;
        offset = extent.next_offset;
        log_extent_release(&extent);
    }
    ck_assert_uint_eq(sum, all);
    ck_assert_uint_eq(log_partition_readable(fx.part, end, LOG_READ_UNCOMMITTED), 0);
    ck_assert_uint_eq(log_partition_readable(fx.part, end + 1, LOG_READ_UNCOMMITTED), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lookup");
    TCase *tc = tcase_create("times");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, answers_are_the_models, 0, 3);
    tcase_add_test(tc, isolation_bounds_the_answer);
    tcase_add_test(tc, append_time_is_the_batchs);
    tcase_add_test(tc, last_of_all_times_is_found);
    tcase_add_test(tc, dense_batches_are_searched);
    tcase_add_test(tc, empty_log_has_no_times);
    tcase_add_test(tc, readable_is_what_reads_give);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
