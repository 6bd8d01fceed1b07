/* What an application sees of a consumer when brokers err, leaders change, logs are cut and topics vanish: the outcome that leat.h documents. */
#include <check.h>
#include <string.h>

#include "client/consumer_impl.h"
#include "proto/api.h"
#include "proto/errors.h"
#include "tests/support/client/consumer_fixture.h"
#include "tests/support/test_main.h"

static const int16_t codes[] = {
#define XX(name, code, ...) code,
    PROTO_ERROR_MAP(XX)
#undef XX
};

#define CODES (sizeof(codes) / sizeof(codes[0]))

static void setup_one(void)
{
    con_setup_many(1);
    con_set("fetch.max.wait.ms", "1");
    con_set("retry.backoff.ms", "1");
    con_set("retry.backoff.max.ms", "2");
}

/* Is the error told? The others pass: the leader is looked for, or the same is asked again. */
static bool is_told(int16_t code)
{
    return code != 0 && !proto_error_needs_metadata(code) &&
           code != PROTO_ERROR_FENCED_LEADER_EPOCH && code != PROTO_ERROR_UNKNOWN_LEADER_EPOCH &&
           (!proto_error_is_retriable(code) || code == PROTO_ERROR_CORRUPT_MESSAGE);
}

static void expect_told(int16_t code)
{
    struct leat_error *err = NULL;
    int got = con_poll_error(&err);

    ck_assert_msg(got == LEAT_BROKER_ERROR(code), "code %d: %s", code, leat_error_message(err));
    ck_assert_ptr_nonnull(strstr(leat_error_message(err), "t-0: "));
    leat_error_free(err);
}

/* "Errors arrive at the wrong call", "what does library_error -2 mean?": each code that comes once in a Fetch answer, for the partition or for the
 * whole, is either ridden out or told by poll under its own name; either way reading goes on and no record is lost. */
START_TEST(each_code_of_fetch_has_its_outcome)
{
    const enum fake_action action = _i == 0 ? FAKE_ERROR : FAKE_ERROR_TOP;
    int64_t end = 0;

    con_start(LEAT_OFFSET_START);
    for (size_t i = 0; i < CODES; i++) {
        int before = fake_broker_count(con.broker, PROTO_API_FETCH);

        if (codes[i] == PROTO_ERROR_OFFSET_OUT_OF_RANGE) {
            continue; /* auto.offset.reset decides: a test of its own */
        }
        con_rule(PROTO_API_FETCH, 0, 1, action, codes[i]);
        if (is_told(codes[i])) {
            expect_told(codes[i]);
        } else {
            fake_broker_await(con.broker, PROTO_API_FETCH, before + 2);
        }
        con_append(0, end, 1, NULL);
        con_read_part(0, end, 1);
        end++;
    }
}
END_TEST

/* The same for the lookup of an offset. */
START_TEST(each_code_of_list_offsets_has_its_outcome)
{
    con_append(0, 0, 10, NULL);
    con_start(0);
    for (size_t i = 0; i < CODES; i++) {
        struct leat_offsets *start = con_list(0, LEAT_OFFSET_START);

        con_rule(PROTO_API_LIST_OFFSETS, 0, 1, FAKE_ERROR, codes[i]);
        ck_assert_int_eq(leat_consumer_seek(con.consumer, start, NULL), 0);
        if (is_told(codes[i])) {
            expect_told(codes[i]);
        }
        con_read_part(0, 0, 10);
        leat_offsets_free(start);
    }
}
END_TEST

/* The same for the question whether the log was cut, with a new leader epoch each time. */
START_TEST(each_code_of_leader_epochs_has_its_outcome)
{
    int64_t end = 10;

    con_append(0, 0, 10, NULL);
    con_start(LEAT_OFFSET_START);
    con_read_part(0, 0, 10);
    for (size_t i = 0; i < CODES; i++) {
        con_rule(PROTO_API_OFFSET_FOR_LEADER_EPOCH, 0, 1, FAKE_ERROR, codes[i]);
        fake_broker_move(con.broker, 0, 1);
        if (is_told(codes[i])) {
            expect_told(codes[i]);
        } else {
            fake_broker_await(con.broker, PROTO_API_OFFSET_FOR_LEADER_EPOCH, (int)i + 1);
        }
        con_append(0, end, 1, NULL);
        con_read_part(0, end, 1);
        end++;
    }
}
END_TEST

/* The same for Metadata, where a topic may be unknown for a moment. */
START_TEST(each_code_of_metadata_has_its_outcome)
{
    for (size_t i = 0; i < CODES; i++) {
        con_append(0, 0, 10, NULL);
        con_rule(PROTO_API_METADATA, 0, 1, FAKE_ERROR, codes[i]);
        con_start(0);
        if (codes[i] != 0 && !leat_error_is_retriable(LEAT_BROKER_ERROR(codes[i]))) {
            expect_told(codes[i]);
        }
        con_read_part(0, 0, 10);
        con_teardown(); /* a client that goes may still ask: it has a broker of its own */
        setup_one();
    }
}
END_TEST

/* An error that lasts is told again after a while, another one at once. */
START_TEST(lasting_errors_are_told_sparsely)
{
    struct leat_batch *batch = NULL;

    con_rule(PROTO_API_FETCH, 0, 20, FAKE_ERROR, PROTO_ERROR_TOPIC_AUTHORIZATION_FAILED);
    con_rule(PROTO_API_FETCH, 0, -1, FAKE_ERROR, PROTO_ERROR_INVALID_FETCH_SIZE);
    con_start(LEAT_OFFSET_START);
    expect_told(PROTO_ERROR_TOPIC_AUTHORIZATION_FAILED);
    expect_told(PROTO_ERROR_INVALID_FETCH_SIZE);
    fake_broker_await(con.broker, PROTO_API_FETCH, 40);
    ck_assert_int_eq(leat_consumer_poll(con.consumer, 0, &batch, NULL), 0);
}
END_TEST

/* ---- changes of leader ---- */

/* The log is the same behind a new leader: nothing is seen of it, though it was asked. A broker that cannot be asked is believed. */
START_TEST(new_leader_with_the_same_log)
{
    if (_i == 1) {
        fake_broker_version(con.broker, PROTO_API_OFFSET_FOR_LEADER_EPOCH, -1);
    }
    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    con_read_up_to(0, CON_RECORDS);
    fake_broker_move(con.broker, 0, fake_broker_add_node(con.broker));
    con_append(0, CON_RECORDS, 5, NULL);
    con_read_part(0, CON_RECORDS, 5);
    fake_broker_move(con.broker, 0, 1);
    con_append(0, CON_RECORDS + 5, 5, NULL);
    con_read_part(0, CON_RECORDS + 5, 5);
    ck_assert_int_eq(fake_broker_count(con.broker, PROTO_API_OFFSET_FOR_LEADER_EPOCH),
                     _i == 1 ? 0 : 2);
}
END_TEST

/* Partitions wander between two nodes while they are read: every record once and in order. */
START_TEST(leaders_move_while_reading)
{
    int32_t other = fake_broker_add_node(con.broker);

    con_set("max.partition.fetch.bytes", "1000");
    con_set("max.poll.records", "25"); /* a batch */
    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    for (int32_t i = 0; i < 12; i++) {
        con_read_part(0, i * 50, 50);
        fake_broker_move(con.broker, 0, i % 2 == 0 ? other : 1);
    }
    con_read_part(0, 600, CON_RECORDS - 600);
}
END_TEST

/* Records 0 to 999 were read; then a leader comes that has only 0 to 499, and writes others. */
static void cut_behind_the_reader(void)
{
    fake_broker_cut(con.broker, 0, 500);
    fake_broker_move(con.broker, 0, 1);
    con_append(0, 500, 25, NULL);
}

/* "After a failover the consumer waits for an offset that never comes, and then skips": a cut log is noticed by its leader epoch; reading goes on at
 * the cut. */
START_TEST(cut_log_is_read_from_the_cut)
{
    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    con_read_up_to(0, CON_RECORDS);
    cut_behind_the_reader();
    con_read_part(0, 500, 25);
    ck_assert_int_eq(leat_consumer_position(con.consumer, "t", 0), 525);
}
END_TEST

/* With auto.offset.reset=none it is the application's decision; seek goes on. */
START_TEST(cut_log_is_told)
{
    struct leat_offsets *to = con_list(0, 500);
    struct leat_error *err = NULL;

    con_set("auto.offset.reset", "none");
    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    con_read_up_to(0, CON_RECORDS);
    cut_behind_the_reader();
    ck_assert_int_eq(con_poll_error(&err), LEAT_ERANGE);
    ck_assert_ptr_nonnull(strstr(leat_error_message(err), "records that were read are gone"));
    leat_error_free(err);
    ck_assert_int_eq(leat_consumer_seek(con.consumer, to, NULL), 0);
    con_read_part(0, 500, 25);
    leat_offsets_free(to);
}
END_TEST

/* What was only fetched ahead and is gone was never seen: it is dropped, and nobody is told. */
START_TEST(cut_ahead_of_the_reader_is_silent)
{
    struct leat_batch *batch = NULL;

    con_set("auto.offset.reset", "none");
    con_set("max.poll.records", "7");
    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    ck_assert_int_eq(leat_consumer_poll(con.consumer, 10000, &batch, NULL), 7);
    leat_batch_unref(batch);
    fake_broker_await(con.broker, PROTO_API_FETCH, 3); /* all is fetched */
    cut_behind_the_reader();
    fake_broker_await(con.broker, PROTO_API_OFFSET_FOR_LEADER_EPOCH, 1);
    fake_broker_await(con.broker, PROTO_API_FETCH,
                      fake_broker_count(con.broker, PROTO_API_FETCH) + 2);
    con_read_part(0, 7, 518);
    ck_assert_int_eq(leat_consumer_position(con.consumer, "t", 0), 525);
}
END_TEST

/* A leader that knows nothing of the epoch that was read: as an offset that does not exist. */
START_TEST(unknown_epoch_follows_the_policy)
{
    static const char *const policies[] = {"earliest", "latest", "none"};
    struct leat_error *err = NULL;

    con_set("auto.offset.reset", policies[_i]);
    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    con_read_up_to(0, CON_RECORDS);
    fake_broker_cut(con.broker, 0, 0);
    fake_broker_move(con.broker, 0, 1);
    if (_i == 2) {
        ck_assert_int_eq(con_poll_error(&err), LEAT_ERANGE);
        leat_error_free(err);
        return;
    }
    fake_broker_await(con.broker, PROTO_API_LIST_OFFSETS, 2);
    fake_broker_await(con.broker, PROTO_API_FETCH,
                      fake_broker_count(con.broker, PROTO_API_FETCH) + 2);
    con_append(0, 0, 10, NULL);
    con_read_part(0, 0, 10);
}
END_TEST

/* ---- topics that go and come ---- */

/* "The consumer goes on at offset 1000 of a topic that is another one": deleted and made again it is read from its start, or with
 * auto.offset.reset=none told. By id, and by name where the broker has no ids in Fetch. */
START_TEST(new_topic_of_the_same_name)
{
    struct leat_error *err = NULL;
    bool none = _i >= 2;

    if (_i % 2 == 1) {
        fake_broker_version(con.broker, PROTO_API_FETCH, 12);
    }
    if (none) {
        con_set("auto.offset.reset", "none");
    }
    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    con_read_up_to(0, CON_RECORDS);
    fake_broker_recreate(con.broker);
    con_append(0, 0, 10, NULL);
    if (none) {
        ck_assert_int_eq(con_poll_error(&err), LEAT_ERANGE);
        ck_assert_ptr_nonnull(strstr(leat_error_message(err), "created again"));
        leat_error_free(err);
        leat_consumer_free(con.consumer);
        con.consumer = NULL;
        return;
    }
    con_read_part(0, 0, 10);
}
END_TEST

/* A topic that goes while it is read is told; when it comes back reading goes on. */
START_TEST(vanished_topic_is_told)
{
    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    con_read_up_to(0, CON_RECORDS);
    fake_broker_topic(con.broker, false);
    expect_told(PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    con_append(0, CON_RECORDS, 5, NULL);
    fake_broker_topic(con.broker, true);
    con_read_part(0, CON_RECORDS, 5);
}
END_TEST

/* Is the partition's error over? */
static bool is_over(int32_t partition)
{
    bool over;

    (void)pthread_mutex_lock(&con.consumer->lock);
    over = con.consumer->parts[partition]->told_code == 0;
    (void)pthread_mutex_unlock(&con.consumer->lock);
    return over;
}

/* "Errors arrive at the wrong call": of many partitions that were gone together only those are told that still are. */
START_TEST(errors_that_are_over_are_not_told)
{
    con_teardown();
    con_setup();
    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    con_read_up_to(0, CON_RECORDS);
    fake_broker_topic(con.broker, false);
    expect_told(PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION); /* of partition 0; two more wait */
    fake_broker_topic(con.broker, true);
    for (int32_t i = 0; i < 3; i++) {
        while (!is_over(i)) {
            fake_broker_await(con.broker, PROTO_API_FETCH,
                              fake_broker_count(con.broker, PROTO_API_FETCH) + 1);
        }
        con_append(i, CON_RECORDS, 5, NULL);
    }
    con_read_up_to(CON_RECORDS, CON_RECORDS + 5);
}
END_TEST

/* A partition that the topic does not have is told by its number; the others are read meanwhile. */
START_TEST(unknown_partition_is_told)
{
    struct leat_offsets *parts = con_list(0, 0);
    bool told = false;
    int read = 0;

    ck_assert_int_eq(leat_offsets_add(parts, "t", 77, 0), 0);
    con_append(0, 0, 5, NULL);
    con_start(0);
    ck_assert_int_eq(leat_consumer_assign(con.consumer, parts, NULL), 0);
    while (read < 5 || !told) { /* whichever comes first */
        struct leat_error *err = NULL;
        struct leat_batch *batch = NULL;
        int count = leat_consumer_poll(con.consumer, 10000, &batch, &err);

        if (count < 0) {
            ck_assert_int_eq(count, LEAT_BROKER_ERROR(PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION));
            ck_assert_ptr_nonnull(strstr(leat_error_message(err), "t-77"));
            told = true;
        }
        read += count > 0 ? count : 0;
        leat_batch_unref(batch);
        leat_error_free(err);
    }
    ck_assert_int_eq(read, 5);
    leat_offsets_free(parts);
}
END_TEST

/* ---- memory ---- */

/* "A slow consumer of a large topic is killed for its memory": what waits stays below queued.max.messages.kbytes, however large the fetches may be. */
START_TEST(slow_reader_of_a_large_topic_is_bounded)
{
    const size_t bound = 256 * 1024;
    struct fake_fetch fetch;
    int64_t end = 0;

    con_set("queued.max.messages.kbytes", "256");
    con_set("max.poll.records", "100");
    for (; end < 100000; end += 1000) {
        con_append(0, end, 1000, NULL);
    }
    con_start(LEAT_OFFSET_START);
    for (int64_t at = 0; at < end; at += 100) {
        size_t queued;

        con_read_part(0, at, 100);
        (void)pthread_mutex_lock(&con.consumer->lock);
        queued = con.consumer->queued;
        (void)pthread_mutex_unlock(&con.consumer->lock);
        ck_assert_uint_le(queued, bound);
        if (at % 10000 == 0) {
            fake_broker_last_fetch(con.broker, &fetch);
            ck_assert_int_le(fetch.max_bytes, (int32_t)bound / 2 + 1);
        }
    }
}
END_TEST

static void add_tests_of_codes(Suite *suite)
{
    TCase *tc = tcase_create("codes");

    tcase_add_checked_fixture(tc, setup_one, con_teardown);
    tcase_add_loop_test(tc, each_code_of_fetch_has_its_outcome, 0, 2);
    tcase_add_test(tc, each_code_of_list_offsets_has_its_outcome);
    tcase_add_test(tc, each_code_of_leader_epochs_has_its_outcome);
    tcase_add_test(tc, each_code_of_metadata_has_its_outcome);
    tcase_add_test(tc, lasting_errors_are_told_sparsely);
    suite_add_tcase(suite, tc);
}

int main(void)
{
    Suite *suite = suite_create("consumer_faults");
    TCase *tc = tcase_create("changes");

    add_tests_of_codes(suite);
    tcase_add_checked_fixture(tc, setup_one, con_teardown);
    tcase_add_loop_test(tc, new_leader_with_the_same_log, 0, 2);
    tcase_add_test(tc, leaders_move_while_reading);
    tcase_add_test(tc, cut_log_is_read_from_the_cut);
    tcase_add_test(tc, cut_log_is_told);
    tcase_add_test(tc, cut_ahead_of_the_reader_is_silent);
    tcase_add_loop_test(tc, unknown_epoch_follows_the_policy, 0, 3);
    tcase_add_loop_test(tc, new_topic_of_the_same_name, 0, 4);
    tcase_add_test(tc, vanished_topic_is_told);
    tcase_add_test(tc, errors_that_are_over_are_not_told);
    tcase_add_test(tc, unknown_partition_is_told);
    tcase_add_test(tc, slow_reader_of_a_large_topic_is_bounded);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
