/* The consumer against a broker that errs, damages and hangs up: every record once, in order, and errors that name their partition. */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <leat/leat.h>

#include "proto/api.h"
#include "proto/varint.h"
#include "tests/support/client/consumer_fixture.h"
#include "tests/support/test_main.h"

#define LARGE_COUNT 8000 /* records, in one batch: 130 KiB */

/* Every record of every partition comes once, in order, with each codec. */
START_TEST(records_come_in_order)
{
    con_append_all(_i);
    con_start(LEAT_OFFSET_START);
    con_read_up_to(0, CON_RECORDS);
    con_append(0, CON_RECORDS, 1, NULL);
    con_append(1, CON_RECORDS, 1, NULL);
    con_append(2, CON_RECORDS, 1, NULL);
    con_read_up_to(CON_RECORDS, CON_RECORDS + 1);
}
END_TEST

static const struct fake_rule troubles[] = {
    {PROTO_API_FETCH, 1, 3, FAKE_ERROR, 6},        {PROTO_API_FETCH, 0, 2, FAKE_ERROR, 74},
    {PROTO_API_FETCH, 1, 2, FAKE_ERROR, 3},        {PROTO_API_FETCH, 1, 2, FAKE_HANG_UP, 0},
    {PROTO_API_FETCH, 1, 2, FAKE_DO_HANG_UP, 0},   {PROTO_API_FETCH, 1, 1, FAKE_SILENCE, 0},
    {PROTO_API_FETCH, 1, 1, FAKE_HALF, 0},         {PROTO_API_FETCH, 1, 1, FAKE_GARBAGE, 0},
    {PROTO_API_LIST_OFFSETS, 0, 2, FAKE_ERROR, 6}, {PROTO_API_LIST_OFFSETS, 0, 2, FAKE_HANG_UP, 0},
    {PROTO_API_METADATA, 0, 2, FAKE_ERROR, 5},     {PROTO_API_METADATA, 0, 2, FAKE_HANG_UP, 0},
};

/* Whatever passes is ridden out: no record is missing, none comes twice. */
START_TEST(trouble_that_passes_loses_nothing)
{
    con_set("request.timeout.ms", "200");
    con_set("max.partition.fetch.bytes", "2000");
    fake_broker_rule(con.broker, &troubles[_i]);
    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    con_read_up_to(0, CON_RECORDS);
}
END_TEST

/* Answers of more than 64 KiB, one of which ends in its middle, and small ones behind them, none of which waits for more bytes. */
START_TEST(large_and_small_answers_take_turns)
{
    const struct fake_rule half = {PROTO_API_FETCH, 0, 1, FAKE_HALF, 0};
    int64_t next = 0;

    if (_i == 1) {
        fake_broker_rule(con.broker, &half);
    }
    con_append(0, 0, LARGE_COUNT, NULL);
    con_start(LEAT_OFFSET_START);
    for (int i = 0; i < 2; i++) {
        con_read_part(0, next, LARGE_COUNT);
        next += LARGE_COUNT;
        con_append(0, next, 1, NULL);
        con_read_part(0, next, 1);
        next++;
        con_append(0, next, LARGE_COUNT, NULL);
    }
    con_read_part(0, next, LARGE_COUNT);
}
END_TEST

/* Small polls and a small queue change nothing but the pace. */
START_TEST(limits_bound_what_is_taken)
{
    struct leat_batch *batch = NULL;

    con_set("max.poll.records", "7");
    con_set("queued.max.messages.kbytes", "1");
    con_set("max.partition.fetch.bytes", "1000");
    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    ck_assert_int_eq(leat_consumer_poll(con.consumer, 10000, &batch, NULL), 7);
    leat_batch_unref(batch);
    ck_assert_int_eq(leat_consumer_seek(con.consumer, con.parts, NULL), 0);
    con_read_up_to(0, CON_RECORDS);
}
END_TEST

/* Seek goes anywhere, also into the middle of a batch; what was fetched before is not seen again. */
START_TEST(seek_starts_in_the_middle_of_a_batch)
{
    con_append_all(1);
    con_start(LEAT_OFFSET_START);
    con_read_up_to(0, CON_RECORDS);
    for (int64_t offset = 3; offset < 100; offset += 31) {
        struct leat_offsets *to = leat_offsets_new();

        for (int32_t i = 0; i < 3; i++) {
            ck_assert_int_eq(leat_offsets_add(to, "t", i, offset), 0);
        }
        ck_assert_int_eq(leat_consumer_seek(con.consumer, to, NULL), 0);
        ck_assert_int_eq(leat_consumer_position(con.consumer, "t", 1), offset);
        con_read_up_to(offset, CON_RECORDS);
        leat_offsets_free(to);
    }
}
END_TEST

/* A batch whose checksum is wrong is an error that names place and partition; check.crcs=false takes it as it is. */
START_TEST(damage_is_told)
{
    const struct fake_rule rule = {PROTO_API_FETCH, 0, -1, FAKE_DAMAGE, 0};
    struct leat_batch *batch = NULL;
    struct leat_error *err = NULL;

    fake_broker_rule(con.broker, &rule);
    con_append(0, 0, 5, NULL);
    con_start(LEAT_OFFSET_START);
    ck_assert_int_eq(leat_consumer_poll(con.consumer, 10000, &batch, &err), LEAT_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(leat_error_message(err), "t-0 at offset 0"));
    leat_error_free(err);
    ck_assert_int_eq(leat_consumer_poll(con.consumer, 100, &batch, NULL), 0); /* told once */
    ck_assert_ptr_null(batch);
}
END_TEST

/* An offset that is gone: auto.offset.reset decides. */
START_TEST(offset_out_of_range_follows_the_policy)
{
    static const char *const policies[] = {"earliest", "latest", "none"};
    struct leat_batch *batch = NULL;
    struct leat_error *err = NULL;
    int count;

    con_set("auto.offset.reset", policies[_i]);
    con_append_all(0);
    for (int32_t i = 0; i < 3; i++) {
        fake_broker_trim(con.broker, i, 100);
    }
    con_start(50);
    if (_i == 1) {
        ck_assert_int_eq(leat_consumer_poll(con.consumer, 300, &batch, NULL), 0);
        ck_assert_int_eq(leat_consumer_position(con.consumer, "t", 0), CON_RECORDS);
        return;
    }
    count = leat_consumer_poll(con.consumer, 10000, &batch, &err);
    if (_i == 0) {
        ck_assert_int_gt(count, 0);
        ck_assert_int_eq(leat_record_offset(leat_batch_at(batch, 0)), 100);
        leat_batch_unref(batch);
    } else {
        ck_assert_int_eq(count, LEAT_ERANGE);
        ck_assert_ptr_nonnull(strstr(leat_error_message(err), "offset 50 does not exist"));
        leat_error_free(err);
    }
}
END_TEST

/* A topic that is not there is told, and told again while it lasts. */
START_TEST(unknown_topic_is_told)
{
    struct leat_offsets *other = leat_offsets_new();
    struct leat_batch *batch = NULL;
    struct leat_error *err = NULL;

    con_start(LEAT_OFFSET_START);
    ck_assert_int_eq(leat_offsets_add(other, "other", 0, 0), 0);
    ck_assert_int_eq(leat_consumer_assign(con.consumer, other, NULL), 0);
    ck_assert_int_eq(leat_consumer_poll(con.consumer, 10000, &batch, &err), LEAT_BROKER_ERROR(3));
    ck_assert_ptr_nonnull(strstr(leat_error_message(err), "other-0"));
    leat_error_free(err);
    leat_offsets_free(other);
}
END_TEST

/* Gaps that compaction left and empty batches are stepped over; the position passes them. */
START_TEST(gaps_are_stepped_over)
{
    struct leat_batch *batch = NULL;
    struct proto_batch_builder builder;
    struct proto_batch_options options;
    uint8_t *bytes;
    size_t size;

    con_append(0, 0, 5, NULL);
    proto_batch_builder_init(&builder);
    proto_batch_options_init(&options);
    options.base_offset = 10;
    ck_assert_int_eq(proto_batch_builder_finish(&builder, &options, &bytes, &size), 0);
    proto_store_i32(bytes + PROTO_BATCH_LAST_OFFSET_DELTA_AT, 9); /* offsets 10 to 19, no record */
    proto_batch_seal(bytes, size);
    fake_broker_append(con.broker, 0, bytes, size);
    proto_batch_builder_release(&builder);
    con_start(LEAT_OFFSET_START);
    ck_assert_int_eq(leat_consumer_poll(con.consumer, 10000, &batch, NULL), 5);
    leat_batch_unref(batch);
    ck_assert_int_eq(leat_consumer_poll(con.consumer, 200, &batch, NULL), 0);
    ck_assert_int_eq(leat_consumer_position(con.consumer, "t", 0), 20);
}
END_TEST

/* Control batches are never shown. */
START_TEST(control_batches_are_not_shown)
{
    struct proto_batch_options options;
    struct leat_batch *batch = NULL;

    proto_batch_options_init(&options);
    options.attributes = PROTO_BATCH_CONTROL | PROTO_BATCH_TRANSACTIONAL;
    con_append(0, 0, 5, NULL);
    con_append(0, 5, 1, &options);
    con_start(LEAT_OFFSET_START);
    ck_assert_int_eq(leat_consumer_poll(con.consumer, 10000, &batch, NULL), 5);
    leat_batch_unref(batch);
    ck_assert_int_eq(leat_consumer_poll(con.consumer, 200, &batch, NULL), 0);
    ck_assert_int_eq(leat_consumer_position(con.consumer, "t", 0), 6);
}
END_TEST

/* leat.control.records=true hands them out, told apart from records. */
START_TEST(control_batches_are_shown_when_asked)
{
    struct proto_batch_options options;
    struct leat_batch *batch = NULL;
    size_t seen = 0;

    proto_batch_options_init(&options);
    options.attributes = PROTO_BATCH_CONTROL | PROTO_BATCH_TRANSACTIONAL;
    con_set("leat.control.records", "true");
    con_append(0, 0, 5, NULL);
    con_append(0, 5, 1, &options);
    con_start(LEAT_OFFSET_START);
    while (seen < 6) {
        int got = leat_consumer_poll(con.consumer, 10000, &batch, NULL);

        ck_assert_int_gt(got, 0);
        for (size_t i = 0; i < leat_batch_count(batch); i++, seen++) {
            const struct leat_record *rec = leat_batch_at(batch, i);

            ck_assert_int_eq(leat_record_offset(rec), (int64_t)seen);
            ck_assert_int_eq(leat_record_info(rec, LEAT_RECORD_TRANSACTIONAL), seen == 5);
            if (seen < 5) {
                ck_assert_int_eq(leat_record_info(rec, LEAT_RECORD_CONTROL), -1);
            }
        }
        leat_batch_unref(batch);
    }
}
END_TEST

/* A batch outlives consumer and client; a copy outlives the batch. */
START_TEST(batch_outlives_the_consumer)
{
    struct leat_batch *batch = NULL;
    struct leat_record *copy;
    size_t size;

    con_append_all(1);
    con_start(LEAT_OFFSET_START);
    ck_assert_int_gt(leat_consumer_poll(con.consumer, 10000, &batch, NULL), 0);
    leat_consumer_free(con.consumer);
    leat_client_unref(con.client);
    con.consumer = NULL;
    con.client = NULL;
    copy = leat_record_copy(leat_batch_at(batch, 0));
    ck_assert_ptr_eq(leat_batch_ref(batch), batch);
    leat_batch_unref(batch);
    ck_assert_int_eq(leat_record_info(leat_batch_at(batch, 0), LEAT_RECORD_CODEC), 1);
    ck_assert_int_eq(leat_record_info(leat_batch_at(batch, 0), LEAT_RECORD_HIGH_WATERMARK),
                     CON_RECORDS);
    leat_batch_unref(batch);
    ck_assert_mem_eq(leat_record_value(copy, &size), "0", 1);
    leat_record_free(copy);
}
END_TEST

static void on_alarm(int number)
{
    (void)number;
    leat_consumer_wakeup(con.consumer);
}

/* A wake-up from a signal handler ends the poll that waits; one that came before ends the next. */
START_TEST(wakeup_ends_the_poll)
{
    struct leat_batch *batch = NULL;
    struct sigaction action = {.sa_handler = on_alarm};

    con_start(LEAT_OFFSET_END);
    ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
    ck_assert_int_eq((int)ualarm(20000, 0), 0);
    ck_assert_int_eq(leat_consumer_poll(con.consumer, -1, &batch, NULL), 0);
    leat_consumer_wakeup(con.consumer);
    ck_assert_int_eq(leat_consumer_poll(con.consumer, -1, &batch, NULL), 0);
}
END_TEST

/* Closed: no more records, and no hanging. */
START_TEST(closed_consumer_says_so)
{
    struct leat_batch *batch = NULL;

    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    ck_assert_int_eq(leat_consumer_close(con.consumer, 1000, NULL), 0);
    ck_assert_int_eq(leat_consumer_poll(con.consumer, 1000, &batch, NULL), LEAT_ECLOSED);
    ck_assert_int_eq(leat_consumer_assign(con.consumer, con.parts, NULL), LEAT_ECLOSED);
}
END_TEST

/* Nothing assigned is nothing to read. */
START_TEST(empty_assignment_reads_nothing)
{
    struct leat_batch *batch = NULL;

    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    ck_assert_int_eq(leat_consumer_assign(con.consumer, NULL, NULL), 0);
    ck_assert_int_eq(leat_consumer_poll(con.consumer, 50, &batch, NULL), 0);
    ck_assert_int_eq(leat_consumer_seek(con.consumer, con.parts, NULL), LEAT_ENOENT);
    ck_assert_int_eq(leat_consumer_position(con.consumer, "t", 0), LEAT_ENOENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("consumer");
    TCase *tc = tcase_create("reading");

    tcase_add_checked_fixture(tc, con_setup, con_teardown);
    tcase_add_loop_test(tc, records_come_in_order, 0, 2);
    tcase_add_loop_test(tc, trouble_that_passes_loses_nothing, 0,
                        (int)(sizeof(troubles) / sizeof(troubles[0])));
    tcase_add_loop_test(tc, large_and_small_answers_take_turns, 0, 2);
    tcase_add_test(tc, limits_bound_what_is_taken);
    tcase_add_test(tc, seek_starts_in_the_middle_of_a_batch);
    tcase_add_test(tc, damage_is_told);
    tcase_add_loop_test(tc, offset_out_of_range_follows_the_policy, 0, 3);
    tcase_add_test(tc, unknown_topic_is_told);
    tcase_add_test(tc, gaps_are_stepped_over);
    tcase_add_test(tc, control_batches_are_not_shown);
    tcase_add_test(tc, control_batches_are_shown_when_asked);
    tcase_add_test(tc, batch_outlives_the_consumer);
    tcase_add_test(tc, wakeup_ends_the_poll);
    tcase_add_test(tc, closed_consumer_says_so);
    tcase_add_test(tc, empty_assignment_reads_nothing);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
