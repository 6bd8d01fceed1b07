/* What an application sees of a producer when brokers err, lag, answer wrongly, lead in turns or lose their topic: the outcome that leat.h documents. */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "proto/api.h"
#include "proto/errors.h"
#include "tests/support/client/producer_fixture.h"
#include "tests/support/test_main.h"

#define MS 1000000

static const int16_t codes[] = {
#define XX(name, code, ...) code,
    PROTO_ERROR_MAP(XX)
#undef XX
};

#define CODES ((int)(sizeof(codes) / sizeof(codes[0])))

static void rule(int16_t api_key, int skip, int count, enum fake_action action, int16_t code)
{
    const struct fake_rule fresh = {api_key, skip, count, action, code};

    fake_broker_rule(fix.broker, &fresh);
}

static void hurry(void)
{
    fix_set("retry.backoff.ms", "1");
    fix_set("retry.backoff.max.ms", "2");
    fix_set("linger.ms", "0");
}

/* "What does library_error -2 mean?": each code of a broker that comes once in a Produce answer is either ridden out (the retriable ones, with a look
 * at the metadata where the leader may have moved) or told at once, under its own name. */
START_TEST(each_code_of_produce_has_its_outcome)
{
    hurry();
    fix_start();
    ck_assert_int_eq(fix_send_number(0, 0), 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 10000), 0);
    for (int i = 0; i < CODES; i++) {
        int16_t code = codes[i];
        int before = fake_broker_count(fix.broker, PROTO_API_PRODUCE);
        int asked = fake_broker_count(fix.broker, PROTO_API_METADATA);
        bool retried = code != 0 && proto_error_is_retriable(code);

        fix.delivered = 0;
        fix.failed = 0;
        rule(PROTO_API_PRODUCE, 0, 1, FAKE_ERROR, code);
        ck_assert_int_eq(fix_send_number(i, 0), 0);
        ck_assert_int_eq(leat_producer_flush(fix.producer, 10000), 0);
        ck_assert_msg(fix.delivered == (code == 0 || retried), "%d: %d delivered", code,
                      fix.delivered);
        ck_assert_int_eq(fix.failed, 1 - fix.delivered);
        ck_assert_int_eq(fix.last_code, fix.delivered ? 0 : LEAT_BROKER_ERROR(code));
        ck_assert_int_eq(fake_broker_count(fix.broker, PROTO_API_PRODUCE) - before, 1 + retried);
        /* Two of one kind in a row share a question, which waits its pause. */
        while (proto_error_needs_metadata(code) &&
               fake_broker_count(fix.broker, PROTO_API_METADATA) == asked) {
            (void)poll(NULL, 0, 1);
        }
    }
}
END_TEST

static const int16_t lasting[] = {2, 3, 5, 6, 7, 13, 19, 20, 56, 74, 89};

/* A retriable code that never ends is told, itself, when delivery.timeout.ms is over, and not much later. */
START_TEST(lasting_code_is_told_in_time)
{
    int64_t begin = lt_clock_mono_ns(lt_clock_real());

    hurry();
    fix_set("delivery.timeout.ms", "100");
    rule(PROTO_API_PRODUCE, 0, -1, FAKE_ERROR, lasting[_i]);
    fix_start();
    ck_assert_int_eq(fix_send_number(0, 0), 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 10000), 0);
    ck_assert_int_eq(fix.last_code, LEAT_BROKER_ERROR(lasting[_i]));
    ck_assert_int_ge(lt_clock_mono_ns(lt_clock_real()) - begin, 100 * MS);
    ck_assert_int_lt(lt_clock_mono_ns(lt_clock_real()) - begin, (int64_t)5000 * MS);
    ck_assert_int_gt(fake_broker_count(fix.broker, PROTO_API_PRODUCE), 2);
}
END_TEST

/* A broker that never answers is told within delivery.timeout.ms and a second, however long request.timeout.ms is. */
START_TEST(silence_is_told_in_time)
{
    int64_t begin = lt_clock_mono_ns(lt_clock_real());

    hurry();
    fix_set("delivery.timeout.ms", "200"); /* request.timeout.ms is 30 s */
    rule(PROTO_API_PRODUCE, 0, -1, FAKE_SILENCE, 0);
    fix_start();
    ck_assert_int_eq(fix_send_number(0, 0), 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    ck_assert_int_eq(fix.last_code, LEAT_ETIMEDOUT);
    ck_assert_int_lt(lt_clock_mono_ns(lt_clock_real()) - begin, (int64_t)10000 * MS);
}
END_TEST

/* retries=2: a retriable code is told after the third request. */
START_TEST(retries_are_counted)
{
    hurry();
    fix_set("retries", "2");
    rule(PROTO_API_PRODUCE, 0, -1, FAKE_ERROR, PROTO_ERROR_NOT_ENOUGH_REPLICAS);
    fix_start();
    ck_assert_int_eq(fix_send_number(0, 0), 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 10000), 0);
    ck_assert_int_eq(fix.last_code, LEAT_BROKER_ERROR(PROTO_ERROR_NOT_ENOUGH_REPLICAS));
    ck_assert_int_eq(fake_broker_count(fix.broker, PROTO_API_PRODUCE), 3);
}
END_TEST

/* Each code that Metadata gives a topic: leat_send waits where it may pass, and says the others at once, with their code; when it has passed,
 * the next leat_send works, without waiting for metadata.max.age.ms. */
START_TEST(each_code_of_metadata_has_its_outcome)
{
    for (int i = 0; i < CODES; i++) {
        int16_t code = codes[i];
        int expect = code == 0 || proto_error_is_retriable(code) ? 0 : LEAT_BROKER_ERROR(code);

        hurry();
        rule(PROTO_API_METADATA, 0, 1, FAKE_ERROR, code);
        fix_start();
        ck_assert_int_eq(fix_send_number(0, 0), expect);
        ck_assert_int_eq(fix_send_number(1, 0), 0);
        ck_assert_int_eq(leat_producer_flush(fix.producer, 10000), 0);
        ck_assert_int_eq(fix.delivered, expect == 0 ? 2 : 1);
        /* A broker of its own for each: the last question of a client may come after its end. */
        fix_teardown();
        fix_setup();
    }
}
END_TEST

static const struct {
    const char *what;
    int16_t api_key;
    enum fake_action action;
    int16_t code;
    bool twice; /* may a batch be stored again? */
} wrongs[] = {
    {"slow", PROTO_API_PRODUCE, FAKE_DELAY, 30, false},
    {"slower than request.timeout.ms", PROTO_API_PRODUCE, FAKE_DELAY, 600, true},
    {"out of order", PROTO_API_PRODUCE, FAKE_REORDER, 0, true},
    {"another correlation id", PROTO_API_PRODUCE, FAKE_WRONG_ID, 0, true},
    {"another topic", PROTO_API_PRODUCE, FAKE_WRONG_TOPIC, 0, true},
    {"another partition", PROTO_API_PRODUCE, FAKE_WRONG_PARTITION, 0, true},
    {"a partition left out", PROTO_API_PRODUCE, FAKE_LACKING, 0, true},
    {"cut", PROTO_API_PRODUCE, FAKE_HALF, 0, true},
    {"no message", PROTO_API_PRODUCE, FAKE_GARBAGE, 0, true},
    {"slow", PROTO_API_METADATA, FAKE_DELAY, 30, false},
    {"out of order", PROTO_API_METADATA, FAKE_REORDER, 0, false},
    {"another correlation id", PROTO_API_METADATA, FAKE_WRONG_ID, 0, false},
    {"another topic", PROTO_API_METADATA, FAKE_WRONG_TOPIC, 0, false},
    {"another partition", PROTO_API_METADATA, FAKE_WRONG_PARTITION, 0, false},
    {"a topic left out", PROTO_API_METADATA, FAKE_LACKING, 0, false},
    {"cut", PROTO_API_METADATA, FAKE_HALF, 0, false},
    {"another correlation id", PROTO_API_API_VERSIONS, FAKE_WRONG_ID, 0, false},
    {"cut", PROTO_API_API_VERSIONS, FAKE_HALF, 0, false},
};

/* Three answers in a row that are late, in the wrong order, of somebody else or incomplete: nothing is lost, the order stays, no callback is called
 * twice. What the answer did not confirm is sent again, which may store it twice. */
START_TEST(wrong_answers_lose_nothing)
{
    hurry();
    fix_set("request.timeout.ms", "300");
    fix_set("batch.size", "500");
    rule(wrongs[_i].api_key, wrongs[_i].api_key == PROTO_API_PRODUCE, 3, wrongs[_i].action,
         wrongs[_i].code);
    fix_start();
    fix_send_all();
    ck_assert_int_eq(leat_producer_flush(fix.producer, 30000), 0);
    ck_assert_msg(fix.delivered == FIX_RECORDS && fix.failed == 0, "%s: %d delivered, %d failed",
                  wrongs[_i].what, fix.delivered, fix.failed);
    fix_check_stored(wrongs[_i].twice);
}
END_TEST

/* Malformed answers that never end are told as what they are. */
START_TEST(lasting_garbage_is_told)
{
    hurry();
    fix_set("delivery.timeout.ms", "150");
    rule(PROTO_API_PRODUCE, 0, -1, FAKE_GARBAGE, 0);
    fix_start();
    ck_assert_int_eq(fix_send_number(0, 0), 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 10000), 0);
    ck_assert_int_eq(fix.last_code, LEAT_EPROTOCOL);
}
END_TEST

/* Partitions change their leaders all the time, while records are sent: each is stored once, in order, whoever leads. */
START_TEST(leaders_may_move)
{
    int32_t second = fake_broker_add_node(fix.broker);

    hurry();
    fix_set("batch.size", "300");
    fix_start();
    for (int i = 0; i < FIX_RECORDS; i++) {
        if (i % 200 == 199) {
            fake_broker_move(fix.broker, i / 200 % 3, i / 600 % 2 == 0 ? second : 1);
        }
        ck_assert_int_eq(fix_send_number(i, i % 3), 0);
    }
    ck_assert_int_eq(leat_producer_flush(fix.producer, 30000), 0);
    ck_assert_int_eq(fix.delivered, FIX_RECORDS);
    fix_check_stored(false);
}
END_TEST

/* A leader dies, and another node takes its partitions only after the client has asked once: it asks again as long as it cannot connect. */
START_TEST(leader_may_die)
{
    int32_t second = fake_broker_add_node(fix.broker);
    int asked = 0;

    hurry();
    fix_set("batch.size", "300");
    for (int32_t part = 0; part < 3; part++) {
        fake_broker_move(fix.broker, part, second);
    }
    fix_start();
    for (int i = 0; i < FIX_RECORDS; i++) {
        if (i == FIX_RECORDS / 2) {
            asked = fake_broker_count(fix.broker, PROTO_API_METADATA);
            fake_broker_node_down(fix.broker, second);
        }
        ck_assert_int_eq(fix_send_number(i, i % 3), 0);
    }
    while (fake_broker_count(fix.broker, PROTO_API_METADATA) < asked + 2) {
        (void)poll(NULL, 0, 1);
    }
    for (int32_t part = 0; part < 3; part++) {
        fake_broker_move(fix.broker, part, 1);
    }
    ck_assert_int_eq(leat_producer_flush(fix.producer, 30000), 0);
    ck_assert_int_eq(fix.delivered, FIX_RECORDS);
    fix_check_stored(true);
    fake_broker_node_up(fix.broker, second);
}
END_TEST

/* A topic that is deleted under a producer: told by its name after delivery.timeout.ms; and when it is back, sending works again. */
START_TEST(topic_may_vanish)
{
    hurry();
    fix_set("delivery.timeout.ms", "200");
    fix_start();
    ck_assert_int_eq(fix_send_number(0, 0), 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 10000), 0);
    fake_broker_topic(fix.broker, false);
    ck_assert_int_eq(fix_send_number(1, 0), 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 10000), 0);
    ck_assert_int_eq(fix.last_code, LEAT_BROKER_ERROR(PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION));
    fake_broker_topic(fix.broker, true);
    ck_assert_int_eq(fix_send_number(2, 0), 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 10000), 0);
    ck_assert_int_eq(fix.delivered, 2);
    ck_assert_int_eq(fix.failed, 1);
}
END_TEST

/* A slow broker makes batches larger instead of the queue longer: few requests carry all records. */
START_TEST(slow_broker_makes_large_batches)
{
    fix_set("batch.size", "200");
    rule(PROTO_API_PRODUCE, 0, -1, FAKE_DELAY, 20);
    fix_start();
    fix_send_all();
    ck_assert_int_eq(leat_producer_flush(fix.producer, 30000), 0);
    ck_assert_int_eq(fix.delivered, FIX_RECORDS);
    ck_assert_int_lt(fake_broker_count(fix.broker, PROTO_API_PRODUCE), 40); /* else over 200 */
    fix_check_stored(false);
}
END_TEST

/* Full memory while the broker stands still: leat_send waits max.block.ms, says LEAT_ETIMEDOUT, and what was accepted is delivered when the
 * broker goes on ("Queue full, goto retry"). */
START_TEST(full_memory_is_ridden_out)
{
    int sent = 0;
    int err;

    fix_set("buffer.memory", "64KiB");
    fix_set("batch.size", "4KiB");
    fix_set("max.block.ms", "500");
    fix_set("request.timeout.ms", "1000");
    rule(PROTO_API_PRODUCE, 0, 1, FAKE_SILENCE, 0);
    fix_start();
    while ((err = fix_send_number(sent, 0)) == 0) {
        sent++;
        ck_assert_int_lt(sent, 100000);
    }
    ck_assert_int_eq(err, LEAT_ETIMEDOUT);
    ck_assert_int_gt(sent, 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 30000), 0);
    ck_assert_int_eq(fix.delivered, sent);
    ck_assert_int_eq(fix_send_number(sent, 0), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("producer_faults");
    TCase *errors = tcase_create("codes");
    TCase *answers = tcase_create("answers");
    TCase *cluster = tcase_create("cluster");

    tcase_add_checked_fixture(errors, fix_setup, fix_teardown);
    tcase_add_test(errors, each_code_of_produce_has_its_outcome);
    tcase_add_loop_test(errors, lasting_code_is_told_in_time, 0,
                        (int)(sizeof(lasting) / sizeof(lasting[0])));
    tcase_add_test(errors, silence_is_told_in_time);
    tcase_add_test(errors, retries_are_counted);
    tcase_add_test(errors, each_code_of_metadata_has_its_outcome);
    suite_add_tcase(suite, errors);
    tcase_add_checked_fixture(answers, fix_setup, fix_teardown);
    tcase_add_loop_test(answers, wrong_answers_lose_nothing, 0,
                        (int)(sizeof(wrongs) / sizeof(wrongs[0])));
    tcase_add_test(answers, lasting_garbage_is_told);
    suite_add_tcase(suite, answers);
    tcase_add_checked_fixture(cluster, fix_setup, fix_teardown);
    tcase_add_test(cluster, leaders_may_move);
    tcase_add_test(cluster, leader_may_die);
    tcase_add_test(cluster, topic_may_vanish);
    tcase_add_test(cluster, slow_broker_makes_large_batches);
    tcase_add_test(cluster, full_memory_is_ridden_out);
    suite_add_tcase(suite, cluster);
    return test_main(suite);
}
