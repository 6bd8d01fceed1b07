/* What an append refuses, when it rolls, what it tells the flusher. */
#include <string.h>

#include "proto/batch_check.h"
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

static size_t segments(void)
{
    size_t count;
    size_t maps;
    log_partition_count(fx.part, &count, &maps);
    return count;
}

/* A refused batch leaves the log as it is, says why, and the next one is taken. */
START_TEST(refused_batch_changes_nothing)
{
    fx.config.max_message_bytes = 2000;
    fx.config.segment_bytes = 4000;
    log_fixture_open(&fx, true, 0);
    fx.value_size = 3000;
    struct fixture_batch what = {1, FIXTURE_NOW, 0};
    ck_assert_int_eq(log_fixture_try_append(&fx, 0, &what), LEAT_E2BIG);
    fx.config.max_message_bytes = 10000;
    ck_assert_int_eq(log_partition_set_config(fx.part, &fx.config), 0);
    fx.value_size = 5000;
    ck_assert_int_eq(log_fixture_try_append(&fx, 0, &what), LEAT_EFULL);
    fx.config.timestamp_after_max_ms = 1000;
    fx.config.timestamp_before_max_ms = 1000;
    ck_assert_int_eq(log_partition_set_config(fx.part, &fx.config), 0);
    fx.value_size = 100;
    what.timestamp = FIXTURE_NOW + 1001;
    ck_assert_int_eq(log_fixture_try_append(&fx, 0, &what), LEAT_ETIMESTAMP);
    what.timestamp = FIXTURE_NOW - 1001;
    ck_assert_int_eq(log_fixture_try_append(&fx, 0, &what), LEAT_ETIMESTAMP);
    uint8_t garbage[200];
    memset(garbage, 0x55, sizeof(garbage));
    struct log_append_options options = {9, true};
    struct log_append_result result;
    for (size_t size = 0; size < sizeof(garbage); size += 7) {
        ck_assert_int_lt(log_partition_append(fx.part, garbage, size, &options, &result, NULL), 0);
    }
    ck_assert_int_eq(log_fixture_offsets(&fx).log_end, 0);
    ck_assert_int_eq(fx.dirty_count, 0);
    ck_assert_uint_eq(segments(), 0);
    ck_assert_int_eq(log_fixture_append(&fx, 2, FIXTURE_NOW), 0);
}
END_TEST

/* The verdict is the caller's to read when records are refused. */
START_TEST(verdict_names_the_records)
{
    fx.config.timestamp_after_max_ms = 1000;
    log_fixture_open(&fx, true, 0);
    struct proto_batch_builder builder;
    proto_batch_builder_init(&builder);
    for (int i = 0; i < 4; i++) {
        struct proto_new_record record = {.timestamp = FIXTURE_NOW + (i == 2 ? 5000 : 0),
                                          .value = lt_slice("v", 1)};
        ck_assert_int_eq(proto_batch_builder_add(&builder, &record), 0);
    }
    struct proto_batch_options how;
    proto_batch_options_init(&how);
    uint8_t *bytes;
    size_t size;
    ck_assert_int_eq(proto_batch_builder_finish(&builder, &how, &bytes, &size), 0);
    struct proto_batch_verdict verdict;
    proto_batch_verdict_init(&verdict);
    struct log_append_options options = {9, true};
    struct log_append_result result;
    ck_assert_int_eq(log_partition_append(fx.part, bytes, size, &options, &result, &verdict),
                     LEAT_ETIMESTAMP);
    ck_assert_uint_eq(verdict.bad_count, 1);
    ck_assert_int_eq(verdict.bad[0].index, 2);
    proto_batch_verdict_release(&verdict);
    proto_batch_builder_release(&builder);
}
END_TEST

/* segment.ms counts from the first batch's timestamp; without timestamps from the file's age. */
START_TEST(segments_roll_by_time)
{
    fx.config.segment_ms = 1000;
    log_fixture_open(&fx, true, 0);
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW);
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW + 1000);
    ck_assert_uint_eq(segments(), 1);
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW + 1001);
    ck_assert_uint_eq(segments(), 2);
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW);
    ck_assert_uint_eq(segments(), 2);
    log_fixture_close(&fx, true);
    log_fixture_open(&fx, true, 4);
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW + 2001);
    ck_assert_uint_eq(segments(), 2);
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW + 2002);
    ck_assert_uint_eq(segments(), 3);
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW + 9000);
    ck_assert_uint_eq(segments(), 4);
    log_fixture_check(&fx, 0, 7, 10000);
}
END_TEST

START_TEST(segments_without_times_roll_by_age)
{
    fx.config.segment_ms = 1000;
    log_fixture_open(&fx, true, 0);
    struct fixture_batch what = {1, -1, 0};
    ck_assert_int_eq(log_fixture_try_append(&fx, 0, &what), 0);
    lt_clock_fake_advance(&fx.clock, 1000);
    ck_assert_int_eq(log_fixture_try_append(&fx, 1, &what), 0);
    ck_assert_uint_eq(segments(), 1);
    lt_clock_fake_advance(&fx.clock, 1);
    ck_assert_int_eq(log_fixture_try_append(&fx, 2, &what), 0);
    ck_assert_uint_eq(segments(), 2);
}
END_TEST

/* A full index rolls. */
START_TEST(segments_roll_when_an_index_is_full)
{
    fx.config.segment_index_bytes = 120; /* 15 offset entries, 10 time entries */
    fx.config.index_interval_bytes = 1;
    log_fixture_open(&fx, true, 0);
    log_fixture_append_many(&fx, 100, 1);
    ck_assert_uint_ge(segments(), 9);
    ck_assert_int_le(test_file_size(log_fixture_file(&fx, 0, ".timeindex")), 120);
    log_fixture_check(&fx, 0, 100, 1000);
}
END_TEST

/* Space grows by doubling, never beyond segment.bytes, and sealing gives back what was not used. */
START_TEST(space_is_reserved_in_steps)
{
    fx.config.segment_bytes = 300000;
    fx.value_size = 10000;
    log_fixture_open(&fx, true, 0);
    static const int64_t steps[] = {65536, 131072, 262144, 300000};
    size_t at = 0;
    while (segments() < 2) {
        (void)log_fixture_append(&fx, 1, FIXTURE_NOW);
        int64_t size = test_file_size(log_fixture_file(&fx, 0, ".log"));
        if (segments() < 2 && size != steps[at]) {
            at++;
            ck_assert_uint_lt(at, 4);
            ck_assert_int_eq(size, steps[at]);
        }
    }
    ck_assert_uint_eq(at, 3);
    ck_assert_int_lt(test_file_size(log_fixture_file(&fx, 0, ".log")), 300000);
}
END_TEST

/* An empty segment made for a small segment.bytes takes a larger batch after the setting grew. */
START_TEST(larger_segments_take_effect)
{
    fx.config.segment_bytes = 4096;
    fx.config.retention_ms = 0;
    fx.config.durability = LOG_DURABILITY_MEMORY;
    log_fixture_open(&fx, true, 0);
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW - 1000);
    log_fixture_flush(&fx);
    ck_assert(log_partition_retention_plan(fx.part, true));
    ck_assert_int_eq(log_partition_retention_apply(fx.part), 0);
    ck_assert_uint_eq(segments(), 1);
    fx.config.segment_bytes = 1 << 20;
    ck_assert_int_eq(log_partition_set_config(fx.part, &fx.config), 0);
    fx.value_size = 100000;
    ck_assert_int_eq(log_fixture_append(&fx, 1, FIXTURE_NOW), 1);
    ck_assert_int_eq(log_fixture_append(&fx, 1, FIXTURE_NOW), 2);
    log_fixture_check(&fx, 1, 3, 1000);
}
END_TEST

/* At most unsynced_bytes_max wait for the disk; who has to wait can send the same bytes again after the flush. */
START_TEST(unsynced_bytes_are_bounded)
{
    fx.env.unsynced_bytes_max = 10000;
    fx.config.timestamp_type =
        LOG_APPEND_TIME; /* patches the batch: a second attempt must not see that */
    fx.value_size = 3000;
    log_fixture_open(&fx, true, 0);
    struct proto_batch_builder builder;
    proto_batch_builder_init(&builder);
    char value[4000];
    memset(value, 'x', sizeof(value));
    struct proto_new_record record = {.timestamp = 1, .value = lt_slice(value, sizeof(value))};
    ck_assert_int_eq(proto_batch_builder_add(&builder, &record), 0);
    struct proto_batch_options how;
    proto_batch_options_init(&how);
    uint8_t *bytes;
    size_t size;
    struct log_append_options options = {9, true};
    struct log_append_result result;
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(proto_batch_builder_finish(&builder, &how, &bytes, &size), 0);
        ck_assert_int_eq(log_partition_append(fx.part, bytes, size, &options, &result, NULL), 0);
    }
    ck_assert_int_eq(proto_batch_builder_finish(&builder, &how, &bytes, &size), 0);
    ck_assert_int_eq(log_partition_append(fx.part, bytes, size, &options, &result, NULL),
                     LEAT_EAGAIN);
    ck_assert_int_eq(log_partition_append(fx.part, bytes, size, &options, &result, NULL),
                     LEAT_EAGAIN);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_end, 2);
    log_fixture_flush(&fx);
    ck_assert_int_eq(log_partition_append(fx.part, bytes, size, &options, &result, NULL), 0);
    ck_assert_int_eq(result.base_offset, 2);
    /* A batch larger than the whole budget is taken when nothing else waits. */
    log_fixture_flush(&fx);
    fx.env.unsynced_bytes_max = 100;
    ck_assert_int_eq(proto_batch_builder_finish(&builder, &how, &bytes, &size), 0);
    ck_assert_int_eq(log_partition_append(fx.part, bytes, size, &options, &result, NULL), 0);
    proto_batch_builder_release(&builder);
}
END_TEST

/* Refused batches give their part of the budget back. */
START_TEST(refused_batches_use_no_budget)
{
    fx.env.unsynced_bytes_max = 10000;
    log_fixture_open(&fx, true, 0);
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW);
    uint8_t garbage[4000] = {0};
    struct log_append_options options = {9, true};
    struct log_append_result result;
    for (int i = 0; i < 10; i++) {
        ck_assert_int_lt(
            log_partition_append(fx.part, garbage, sizeof(garbage), &options, &result, NULL), 0);
    }
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW);
}
END_TEST

/* flush.messages and flush.ms of a memory partition. */
START_TEST(memory_partitions_flush_as_configured)
{
    fx.config.durability = LOG_DURABILITY_MEMORY;
    fx.config.flush_messages = 5;
    log_fixture_open(&fx, true, 0);
    (void)log_fixture_append(&fx, 4, FIXTURE_NOW);
    ck_assert_int_eq(fx.dirty_count, 0);
    int64_t due;
    int64_t now = lt_clock_mono_ms(&fx.clock.clock);
    ck_assert(!log_partition_flush_due(fx.part, now, &due));
    ck_assert_int_eq(due, INT64_MAX);
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW);
    ck_assert_int_eq(fx.dirty_count, 1);
    ck_assert(log_partition_flush_due(fx.part, now, &due));
    log_fixture_flush(&fx);
    ck_assert(!log_partition_flush_due(fx.part, now, &due));
    fx.config.flush_messages = INT64_MAX;
    fx.config.flush_ms = 500;
    ck_assert_int_eq(log_partition_set_config(fx.part, &fx.config), 0);
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW);
    ck_assert_int_eq(fx.dirty_count, 2);
    ck_assert(!log_partition_flush_due(fx.part, now, &due));
    ck_assert_int_eq(due, now + 500);
    ck_assert(log_partition_flush_due(fx.part, now + 500, &due));
    /* Both: whichever comes first, although the flusher was told of the first append already. */
    fx.config.flush_messages = 3;
    ck_assert_int_eq(log_partition_set_config(fx.part, &fx.config), 0);
    ck_assert_int_eq(fx.dirty_count, 3); /* it may be due now */
    (void)log_fixture_append(&fx, 2, FIXTURE_NOW);
    ck_assert_int_eq(fx.dirty_count, 4);
    ck_assert(log_partition_flush_due(fx.part, now, &due));
    (void)log_fixture_append(&fx, 2, FIXTURE_NOW);
    ck_assert_int_eq(fx.dirty_count, 4);
}
END_TEST

/* A topic that becomes durable is flushed at once, not when flush.ms would have been due. */
START_TEST(change_to_durable_is_flushed)
{
    fx.config.durability = LOG_DURABILITY_MEMORY;
    fx.config.flush_ms = 500;
    log_fixture_open(&fx, true, 0);
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW);
    ck_assert_int_eq(fx.dirty_count, 1);
    fx.config.durability = LOG_DURABILITY_DISK;
    ck_assert_int_eq(log_partition_set_config(fx.part, &fx.config), 0);
    ck_assert_int_eq(fx.dirty_count, 2);
    int64_t due;
    ck_assert(log_partition_flush_due(fx.part, lt_clock_mono_ms(&fx.clock.clock), &due));
    log_fixture_flush(&fx);
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW);
    ck_assert_int_eq(fx.dirty_count, 3);
}
END_TEST

/* Batches carry the leader epoch of their time; it never goes back. */
START_TEST(batches_carry_the_leader_epoch)
{
    log_fixture_open(&fx, true, 0);
    (void)log_fixture_append(&fx, 2, FIXTURE_NOW);
    ck_assert_int_eq(log_partition_set_leader_epoch(fx.part, 3), 0);
    ck_assert_int_eq(log_partition_set_leader_epoch(fx.part, 2), LEAT_EFENCED);
    (void)log_fixture_append(&fx, 2, FIXTURE_NOW);
    struct log_read_options options = {0, 1 << 20, true, LOG_READ_LOG_END};
    struct log_extent extent;
    struct log_offsets offsets;
    ck_assert_int_eq(log_partition_read(fx.part, &options, &extent, &offsets), 0);
    struct proto_batch_header header;
    ck_assert_int_eq(proto_batch_read(extent.data, extent.size, &header), 0);
    ck_assert_int_eq(header.leader_epoch, 0);
    size_t first = proto_batch_header_total(&header);
    ck_assert_int_eq(proto_batch_read(extent.data + first, extent.size - first, &header), 0);
    ck_assert_int_eq(header.leader_epoch, 3);
    ck_assert_int_eq(offsets.leader_epoch, 3);
    log_extent_release(&extent);
    int32_t epoch;
    int64_t end;
    log_partition_epoch_end(fx.part, 0, &epoch, &end);
    ck_assert_int_eq(end, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("append");
    TCase *tc = tcase_create("append");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, refused_batch_changes_nothing);
    tcase_add_test(tc, verdict_names_the_records);
    tcase_add_test(tc, segments_roll_by_time);
    tcase_add_test(tc, segments_without_times_roll_by_age);
    tcase_add_test(tc, segments_roll_when_an_index_is_full);
    tcase_add_test(tc, space_is_reserved_in_steps);
    tcase_add_test(tc, larger_segments_take_effect);
    tcase_add_test(tc, unsynced_bytes_are_bounded);
    tcase_add_test(tc, refused_batches_use_no_budget);
    tcase_add_test(tc, memory_partitions_flush_as_configured);
    tcase_add_test(tc, change_to_durable_is_flushed);
    tcase_add_test(tc, batches_carry_the_leader_epoch);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
