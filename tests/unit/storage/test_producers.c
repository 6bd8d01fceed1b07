/* What a partition remembers of its idempotent producers: the rules, and that a restart forgets none of it. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "storage/partition_private.h"
#include "storage/producer_file.h"
#include "tests/support/test_main.h"
#include "tests/unit/storage/log_fixture.h"

#define DAY_MS INT64_C(86400000)

static struct log_fixture fx;
static struct lt_file_faults *faults;

static void setup(void)
{
    log_fixture_init(&fx);
}

static void teardown(void)
{
    log_fixture_release(&fx);
    if (faults != NULL) {
        lt_file_faults_free(faults);
        faults = NULL;
    }
}

/* One batch of `count` records of a producer, at log end. */
static int
send_batch(int64_t id, int16_t epoch, int32_t sequence, int count, struct log_append_result *ret)
{
    struct proto_batch_builder builder;
    struct proto_batch_options options;
    uint8_t *bytes;
    size_t size;
    proto_batch_builder_init(&builder);
    proto_batch_options_init(&options);
    options.producer_id = id;
    options.producer_epoch = epoch;
    options.base_sequence = sequence;
    for (int i = 0; i < count; i++) {
        struct proto_new_record record = {.timestamp = FIXTURE_NOW + sequence,
                                          .value = lt_slice_text("value")};
        ck_assert_int_eq(proto_batch_builder_add(&builder, &record), 0);
    }
    ck_assert_int_eq(proto_batch_builder_finish(&builder, &options, &bytes, &size), 0);
    struct log_append_options append = {.produce_version = 9, .from_client = true};
    int err = log_partition_append(fx.part, bytes, size, &append, ret, NULL);
    proto_batch_builder_release(&builder);
    return err;
}

static void stored(int64_t id, int16_t epoch, int32_t sequence, int count, int64_t base_offset)
{
    struct log_append_result result;
    ck_assert_int_eq(send_batch(id, epoch, sequence, count, &result), 0);
    ck_assert(!result.duplicate);
    ck_assert_int_eq(result.base_offset, base_offset);
}

static void duplicate(int64_t id, int16_t epoch, int32_t sequence, int count, int64_t base_offset)
{
    int64_t log_end = log_fixture_offsets(&fx).log_end;
    struct log_append_result result;
    ck_assert_int_eq(send_batch(id, epoch, sequence, count, &result), 0);
    ck_assert(result.duplicate);
    ck_assert_int_eq(result.base_offset, base_offset);
    ck_assert_int_eq(result.last_offset, base_offset + count - 1);
    ck_assert_int_eq(result.log_append_time_ms, FIXTURE_NOW + sequence);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_end, log_end);
}

static void refused(int64_t id, int16_t epoch, int32_t sequence, int count, int code)
{
    int64_t log_end = log_fixture_offsets(&fx).log_end;
    struct log_append_result result;
    ck_assert_int_eq(send_batch(id, epoch, sequence, count, &result), code);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_end, log_end);
}

/* ---- the rules ---- */

/* Each of the last five batches is known again, with its own offsets; the sixth is a gap. */
START_TEST(five_batches_are_remembered)
{
    log_fixture_open(&fx, true, 0);
    for (int i = 0; i < 6; i++) {
        stored(7, 0, 2 * i, 2, 2 * i);
    }
    for (int i = 1; i < 6; i++) {
        duplicate(7, 0, 2 * i, 2, 2 * i);
    }
    refused(7, 0, 0, 2, LEAT_ESEQUENCE);
    stored(7, 0, 12, 1, 12);
}
END_TEST

/* A gap, an overlap and a batch of another length are refused; the batch that is due is taken afterwards. */
START_TEST(gaps_and_overlaps_are_refused)
{
    log_fixture_open(&fx, true, 0);
    stored(7, 3, 0, 4, 0);
    refused(7, 3, 5, 1, LEAT_ESEQUENCE);
    refused(7, 3, 3, 2, LEAT_ESEQUENCE);
    refused(7, 3, 0, 3, LEAT_ESEQUENCE);
    refused(7, 3, 0, 5, LEAT_ESEQUENCE);
    stored(7, 3, 4, 1, 4);
}
END_TEST

/* An older epoch is fenced off; a newer one begins at 0 and forgets the batches of the older. */
START_TEST(epochs_only_rise)
{
    log_fixture_open(&fx, true, 0);
    stored(7, 3, 0, 1, 0);
    refused(7, 2, 1, 1, LEAT_EPRODUCER);
    refused(7, 4, 1, 1, LEAT_ESEQUENCE);
    stored(7, 4, 0, 1, 1);
    refused(7, 3, 0, 1, LEAT_EPRODUCER);
    duplicate(7, 4, 0, 1, 1);
}
END_TEST

/* A producer that is not known may begin anywhere, and each has a state of its own. */
START_TEST(unknown_producers_begin_anywhere)
{
    log_fixture_open(&fx, true, 0);
    stored(7, 0, 41, 1, 0);
    stored(8, 0, 0, 1, 1);
    stored(7, 0, 42, 1, 2);
    stored(8, 0, 1, 1, 3);
    refused(8, 0, 43, 1, LEAT_ESEQUENCE);
}
END_TEST

/* 2147483647 is followed by 0, between batches and inside one. */
START_TEST(sequences_wrap)
{
    log_fixture_open(&fx, true, 0);
    stored(7, 0, INT32_MAX - 1, 2, 0);
    stored(7, 0, 0, 1, 2);
    stored(8, 0, INT32_MAX - 1, 4, 3);
    duplicate(8, 0, INT32_MAX - 1, 4, 3);
    stored(8, 0, 2, 1, 7);
    ck_assert_int_eq(log_sequence_add(INT32_MAX, INT32_MAX), INT32_MAX - 1);
}
END_TEST

/* Silent for the whole of producer.id.expiration.ms: forgotten; a moment less: not. */
START_TEST(silent_producers_expire)
{
    log_fixture_open(&fx, true, 0);
    stored(7, 0, 0, 1, 0);
    lt_clock_fake_advance(&fx.clock, DAY_MS - 1);
    refused(7, 0, 5, 1, LEAT_ESEQUENCE);
    lt_clock_fake_advance(&fx.clock, 1);
    stored(7, 0, 5, 1, 1);
}
END_TEST

/* Above the limit the one that was silent longest is forgotten, and nobody else. */
START_TEST(the_longest_silent_makes_room)
{
    fx.env.producers_max = 3;
    log_fixture_open(&fx, true, 0);
    for (int id = 1; id <= 3; id++) {
        stored(id, 0, 0, 1, id - 1);
    }
    stored(1, 0, 1, 1, 3);
    stored(4, 0, 0, 1, 4);
    duplicate(1, 0, 1, 1, 3);
    duplicate(3, 0, 0, 1, 2);
    stored(2, 0, 9, 1, 5); /* forgotten, so any sequence is fine; 3 goes for it */
    stored(3, 0, 9, 1, 6);
}
END_TEST

/* A batch that the disk had no room for has not happened. */
START_TEST(a_refused_write_leaves_no_trace)
{
    ck_assert_int_eq(lt_file_faults_new(&faults), 0);
    fx.env.ops = lt_file_faults_ops(faults);
    log_fixture_open(&fx, true, 0);
    stored(7, 0, 0, 1, 0);
    struct log_append_result result;
    struct proto_batch_header header = {
        .producer_id = 7, .producer_epoch = 0, .base_sequence = 1, .last_offset_delta = 0};
    struct log_producer_batch first;
    fx.config.segment_bytes = 80; /* the next batch rolls, and the new file cannot be made */
    ck_assert_int_eq(log_partition_set_config(fx.part, &fx.config), 0);
    struct lt_fault_plan full = {.kind = LT_FAULT_FAIL, .errnum = ENOSPC, .sticky = true};
    lt_file_faults_plan(faults, &full);
    ck_assert_int_eq(send_batch(7, 0, 1, 1, &result), LEAT_ENOSPACE);
    ck_assert_int_eq(log_producers_check(&fx.part->producers, &header, FIXTURE_NOW, DAY_MS, &first),
                     0);
    lt_file_faults_plan(faults, &(struct lt_fault_plan){.at = -1});
    stored(7, 0, 1, 1, 1);
}
END_TEST

/* ---- restarts ---- */

static int64_t checkpoint(void)
{
    int64_t point;
    ck_assert_int_eq(log_partition_checkpoint(fx.part, &point), 0);
    return point;
}

static void remove_files(void)
{
    for (int64_t offset = 0; offset < 50; offset++) {
        (void)unlink(log_fixture_file(&fx, offset, ".producers"));
    }
}

enum restart {
    CLEAN,
    CLEAN_WITHOUT_FILE,
    KILLED,
    KILLED_BEFORE_CHECKPOINT,
    KILLED_WITHOUT_FILE,
    RESTARTS
};

/* However the server ended, all five batches of each producer are known again. */
START_TEST(restarts_forget_nothing)
{
    bool clean = _i == CLEAN || _i == CLEAN_WITHOUT_FILE;
    int64_t point = 0;
    fx.config.segment_bytes = 400;
    log_fixture_open(&fx, true, 0);
    for (int i = 0; i < 7; i++) {
        stored(7, 1, i, 1, 2 * i);
        stored(8, 0, i, 1, 2 * i + 1);
        if (i == 4 && _i != KILLED_BEFORE_CHECKPOINT) {
            point = checkpoint();
            ck_assert_int_eq(point, 10);
            ck_assert_int_gt(test_file_size(log_fixture_file(&fx, 10, ".producers")), 0);
        }
    }
    log_fixture_flush(&fx);
    log_fixture_close(&fx, clean);
    if (_i == CLEAN_WITHOUT_FILE || _i == KILLED_WITHOUT_FILE) {
        remove_files();
    }
    log_fixture_open(&fx, clean, clean ? 14 : point);
    for (int i = 2; i < 7; i++) {
        duplicate(7, 1, i, 1, 2 * i);
        duplicate(8, 0, i, 1, 2 * i + 1);
    }
    refused(7, 1, 1, 1, LEAT_ESEQUENCE);
    stored(7, 1, 7, 1, 14);
    stored(8, 0, 7, 1, 15);
}
END_TEST

/* A damaged file is passed by; the log has it all. */
START_TEST(a_damaged_file_is_passed_by)
{
    log_fixture_open(&fx, true, 0);
    stored(7, 1, 0, 1, 0);
    stored(7, 1, 1, 1, 1);
    log_fixture_close(&fx, true);
    log_fixture_flip(log_fixture_file(&fx, 2, ".producers"), (uint64_t)_i);
    log_fixture_open(&fx, true, 2);
    duplicate(7, 1, 0, 1, 0);
    duplicate(7, 1, 1, 1, 1);
    stored(7, 1, 2, 1, 2);
}
END_TEST

/* What was cut off the log is not remembered, although a file of it may stand there. */
START_TEST(a_cut_tail_is_not_remembered)
{
    log_fixture_open(&fx, true, 0);
    stored(7, 1, 0, 1, 0);
    int64_t size = test_file_size(log_fixture_file(&fx, 0, ".log"));
    ck_assert_int_gt(size, 0);
    struct log_offsets offsets = log_fixture_offsets(&fx);
    (void)checkpoint();
    struct log_append_result result;
    ck_assert_int_eq(send_batch(7, 1, 1, 1, &result), 0);
    (void)checkpoint();
    log_fixture_close(&fx, false);
    ck_assert_int_eq(truncate(log_fixture_file(&fx, 0, ".log"), 61 + 12), 0);
    log_fixture_open(&fx, false, offsets.log_end);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_end, 1);
    ck_assert_int_eq(test_file_size(log_fixture_file(&fx, 2, ".producers")), -1);
    duplicate(7, 1, 0, 1, 0);
    stored(7, 1, 1, 1, 1);
}
END_TEST

/* Retention takes the segments; the producers stay known, also after a restart. */
START_TEST(retention_forgets_no_producer)
{
    fx.config.segment_bytes = 200;
    log_fixture_open(&fx, true, 0);
    for (int i = 0; i < 6; i++) {
        stored(7, 0, i, 1, i);
    }
    (void)checkpoint();
    int64_t start;
    ck_assert_int_eq(log_partition_raise_log_start(fx.part, 6, &start), 0);
    ck_assert(log_partition_retention_plan(fx.part, true));
    ck_assert_int_eq(log_partition_retention_apply(fx.part), 0);
    duplicate(7, 0, 4, 1, 4);
    fx.open_log_start = 6;
    log_fixture_close(&fx, true);
    log_fixture_open(&fx, true, 6);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_start, 6);
    duplicate(7, 0, 4, 1, 4);
    stored(7, 0, 6, 1, 6);
}
END_TEST

/* Log start passed the newest file, and the server was killed before the next one. A state that ends there would take what
 * comes next for a gap; so only those count whose batches are still in the log. */
START_TEST(a_file_below_log_start_is_not_used)
{
    bool gone = _i == 1;
    int64_t start;
    fx.config.segment_bytes = 200; /* two batches */
    log_fixture_open(&fx, true, 0);
    stored(7, 0, 0, 1, 0);
    stored(8, 0, 0, 1, 1);
    int64_t point = checkpoint();
    for (int i = 1; i < 5; i++) {
        stored(7, 0, i, 1, i + 1);
    }
    stored(9, 0, 0, 1, 6);
    log_fixture_flush(&fx);
    ck_assert_int_eq(log_partition_raise_log_start(fx.part, 6, &start), 0);
    if (gone) {
        ck_assert(log_partition_retention_plan(fx.part, true));
        ck_assert_int_eq(log_partition_retention_apply(fx.part), 0);
    }
    fx.open_log_start = start;
    log_fixture_close(&fx, false);
    log_fixture_open(&fx, false, point);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_start, 6);
    ck_assert_int_eq(test_file_size(log_fixture_file(&fx, 2, ".producers")), -1);
    duplicate(9, 0, 0, 1, 6);
    stored(7, 0, 5, 1, 7);
    stored(8, 0, 1, 1, 8);
}
END_TEST

/* A partition without producers has files too: its next start reads no old batches. */
START_TEST(a_log_without_producers_has_a_file)
{
    log_fixture_open(&fx, true, 0);
    for (int i = 1; i <= 3; i++) {
        (void)log_fixture_append(&fx, 2, FIXTURE_NOW);
        ck_assert_int_eq(checkpoint(), 2 * i);
        ck_assert_int_eq(test_file_size(log_fixture_file(&fx, 2 * i, ".producers")),
                         LOG_PRODUCER_FILE_HEAD);
    }
    ck_assert_int_eq(test_file_size(log_fixture_file(&fx, 2, ".producers")), -1);
    log_fixture_close(&fx, true);
    log_fixture_open(&fx, true, 6);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_end, 6);
    ck_assert_int_eq(fx.part->producers_saved, 6);
    ck_assert_int_eq(test_file_size(log_fixture_file(&fx, 4, ".producers")), -1);
}
END_TEST

/* A newest file that is damaged is passed by for the one before it, and that one for the log. */
START_TEST(the_file_before_it_is_enough)
{
    log_fixture_open(&fx, true, 0);
    for (int i = 0; i < 3; i++) {
        stored(7, 1, i, 1, i);
        ck_assert_int_eq(checkpoint(), i + 1);
    }
    log_fixture_close(&fx, false);
    log_fixture_flip(log_fixture_file(&fx, 3, ".producers"), 20);
    if (_i == 1) {
        log_fixture_flip(log_fixture_file(&fx, 2, ".producers"), 20);
    }
    log_fixture_open(&fx, false, 3);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_end, 3);
    ck_assert_int_eq(fx.part->producers_saved, _i == 1 ? -1 : 2);
    for (int i = 0; i < 3; i++) {
        duplicate(7, 1, i, 1, i);
    }
    stored(7, 1, 3, 1, 3);
}
END_TEST

/* ---- the file ---- */

/* Any wrong byte, any missing byte: refused, and nothing is left in the table. */
START_TEST(any_damage_is_seen)
{
    struct log_producers producers;
    struct log_producers other;
    struct lt_buf content = {0};
    log_producers_init(&producers, 10);
    log_producers_init(&other, 10);
    for (int id = 1; id <= 2; id++) {
        for (int i = 0; i < 5; i++) {
            struct proto_batch_header header = {
                .producer_id = id, .base_sequence = i, .base_offset = i};
            ck_assert_int_eq(log_producers_reserve(&producers, id), 0);
            log_producers_note(&producers, &header, i, FIXTURE_NOW);
        }
    }
    ck_assert_int_eq(log_producers_encode(&producers, 42, &content), 0);
    ck_assert_int_eq(log_producers_decode(&other, 42, lt_buf_slice(&content)), 0);
    ck_assert_uint_eq(other.count, 2);
    log_producers_release(&other);
    ck_assert_int_eq(log_producers_decode(&other, 43, lt_buf_slice(&content)), LEAT_ECORRUPT);
    for (size_t i = 0; i < content.size; i++) {
        content.data[i] ^= 0x10;
        ck_assert_int_eq(log_producers_decode(&other, 42, lt_buf_slice(&content)), LEAT_ECORRUPT);
        content.data[i] ^= 0x10;
        ck_assert_int_eq(log_producers_decode(&other, 42, lt_slice(content.data, i)),
                         LEAT_ECORRUPT);
        ck_assert_uint_eq(other.count, 0);
    }
    log_producers_release(&producers);
    lt_buf_release(&content);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("producers");
    TCase *tc = tcase_create("rules");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, five_batches_are_remembered);
    tcase_add_test(tc, gaps_and_overlaps_are_refused);
    tcase_add_test(tc, epochs_only_rise);
    tcase_add_test(tc, unknown_producers_begin_anywhere);
    tcase_add_test(tc, sequences_wrap);
    tcase_add_test(tc, silent_producers_expire);
    tcase_add_test(tc, the_longest_silent_makes_room);
    tcase_add_test(tc, a_refused_write_leaves_no_trace);
    suite_add_tcase(suite, tc);
    tc = tcase_create("restarts");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, restarts_forget_nothing, 0, RESTARTS);
    tcase_add_loop_test(tc, a_damaged_file_is_passed_by, 0, LOG_PRODUCER_FILE_HEAD);
    tcase_add_test(tc, a_cut_tail_is_not_remembered);
    tcase_add_test(tc, retention_forgets_no_producer);
    tcase_add_loop_test(tc, a_file_below_log_start_is_not_used, 0, 2);
    tcase_add_test(tc, a_log_without_producers_has_a_file);
    tcase_add_loop_test(tc, the_file_before_it_is_enough, 0, 2);
    suite_add_tcase(suite, tc);
    tc = tcase_create("file");
    tcase_add_test(tc, any_damage_is_seen);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
