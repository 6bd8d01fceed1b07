/* Paused partitions: not fetched, not asked about, what was fetched before is kept, and all of it comes once and in order after resume. */
#include <check.h>

#include "client/consumer_impl.h"
#include "proto/api.h"
#include "tests/support/client/consumer_fixture.h"
#include "tests/support/test_main.h"

/* Two more fetches: the second was made after the call before this one. */
static struct fake_fetch after_two(void)
{
    struct fake_fetch fetch;

    fake_broker_await(con.broker, PROTO_API_FETCH,
                      fake_broker_count(con.broker, PROTO_API_FETCH) + 2);
    fake_broker_last_fetch(con.broker, &fetch);
    return fetch;
}

static void expect_nothing(int timeout_ms)
{
    struct leat_batch *batch = NULL;

    ck_assert_int_eq(leat_consumer_poll(con.consumer, timeout_ms, &batch, NULL), 0);
}

/* "A paused partition is still fetched, and what comes is thrown away": here it leaves the session, its records stay at the broker, and the
 * others go on. */
START_TEST(paused_partition_is_not_asked_about)
{
    struct leat_offsets *one = con_list(1, 0);
    struct fake_fetch fetch;

    con_start(LEAT_OFFSET_START);
    (void)after_two();
    ck_assert_int_eq(leat_consumer_pause(con.consumer, one), 0);
    do {
        fetch = after_two();
    } while (fetch.named > 0 || fetch.forgotten > 0);
    con_append(1, 0, 5, NULL);
    con_append(0, 0, 5, NULL);
    con_read_part(0, 0, 5);
    expect_nothing(60);
    ck_assert_int_eq(leat_consumer_position(con.consumer, "t", 1), 0);
    ck_assert_int_eq(leat_consumer_resume(con.consumer, one), 0);
    con_read_part(1, 0, 5);
    leat_offsets_free(one);
}
END_TEST

/* With all of them paused there is no fetch at all. */
START_TEST(all_paused_is_silence)
{
    int count;

    con_start(LEAT_OFFSET_START);
    (void)after_two();
    ck_assert_int_eq(leat_consumer_pause(con.consumer, NULL), 0);
    expect_nothing(120); /* the fetch that was out ends within fetch.max.wait.ms, 50 */
    count = fake_broker_count(con.broker, PROTO_API_FETCH);
    expect_nothing(200);
    ck_assert_int_eq(fake_broker_count(con.broker, PROTO_API_FETCH), count);
    con_append_all(0);
    ck_assert_int_eq(leat_consumer_resume(con.consumer, NULL), 0);
    con_read_up_to(0, CON_RECORDS);
}
END_TEST

/* What was fetched before is not returned, and comes after resume without being fetched again: the broker no longer has it. */
START_TEST(fetched_records_are_kept)
{
    struct leat_offsets *two = con_list(0, 0);
    struct leat_batch *batch = NULL;

    ck_assert_int_eq(leat_offsets_add(two, "t", 2, 0), 0);
    con_set("auto.offset.reset", "none");
    con_set("max.poll.records", "7");
    con_append_all(_i);
    con_start(LEAT_OFFSET_START);
    ck_assert_int_eq(leat_consumer_poll(con.consumer, 10000, &batch, NULL), 7);
    leat_batch_unref(batch);
    ck_assert_int_eq(leat_consumer_seek(con.consumer, con.parts, NULL), 0);
    (void)after_two();
    (void)after_two();
    ck_assert_int_eq(leat_consumer_pause(con.consumer, two), 0);
    con_read_part(1, 0, CON_RECORDS);
    for (int32_t i = 0; i < 3; i += 2) {
        fake_broker_trim(con.broker, i, CON_RECORDS);
        ck_assert_int_eq(leat_consumer_position(con.consumer, "t", i), 0);
    }
    expect_nothing(10);
    for (int32_t i = 0; i < 3; i += 2) {
        struct leat_offsets *one = con_list(i, 0);

        ck_assert_int_eq(leat_consumer_resume(con.consumer, one), 0);
        con_read_part(i, 0, CON_RECORDS);
        leat_offsets_free(one);
    }
    leat_offsets_free(two);
}
END_TEST

/* A chunk that is half read is paused like the others. */
START_TEST(pause_in_the_middle_of_a_batch)
{
    struct leat_batch *batch = NULL;
    int64_t position;

    con_set("max.poll.records", "7");
    con_append_all(_i);
    con_start(LEAT_OFFSET_START);
    for (int round = 0; round < 20; round++) {
        ck_assert_int_eq(leat_consumer_poll(con.consumer, 10000, &batch, NULL), 7);
        leat_batch_unref(batch);
        ck_assert_int_eq(leat_consumer_pause(con.consumer, NULL), 0);
        expect_nothing(0);
        ck_assert_int_eq(leat_consumer_resume(con.consumer, NULL), 0);
    }
    ck_assert_int_eq(leat_consumer_pause(con.consumer, NULL), 0);
    ck_assert_int_eq(leat_consumer_resume(con.consumer, NULL), 0);
    for (int32_t i = 0; i < 3; i++) {
        position = leat_consumer_position(con.consumer, "t", i);
        if (position > 0 && position < CON_RECORDS) {
            struct leat_offsets *others = con_list((i + 1) % 3, 0);

            ck_assert_int_eq(leat_offsets_add(others, "t", (i + 2) % 3, 0), 0);
            ck_assert_int_eq(leat_consumer_pause(con.consumer, others), 0);
            con_read_part(i, position, CON_RECORDS - position);
            ck_assert_int_eq(leat_consumer_resume(con.consumer, others), 0);
            leat_offsets_free(others);
        }
    }
}
END_TEST

/* "Pausing one partition after the other fills the memory": what is kept has a bound; what has no room is fetched again. */
START_TEST(kept_bytes_have_a_bound)
{
    con_set("queued.max.messages.kbytes", "8");
    con_set("max.poll.records", "5");
    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    for (int round = 0; round < 50; round++) {
        struct leat_offsets *one = con_list(round % 3, 0);
        struct leat_batch *batch = NULL;

        ck_assert_int_ge(leat_consumer_poll(con.consumer, 100, &batch, NULL), 0);
        leat_batch_unref(batch);
        ck_assert_int_eq(leat_consumer_pause(con.consumer, one), 0);
        (void)pthread_mutex_lock(&con.consumer->lock);
        ck_assert_uint_le(con.consumer->parked_size, 4096);
        ck_assert_uint_le(con.consumer->queued, 8192 + 1024); /* a batch may be larger */
        (void)pthread_mutex_unlock(&con.consumer->lock);
        leat_offsets_free(one);
        one = con_list((round + 1) % 3, 0);
        ck_assert_int_eq(leat_consumer_resume(con.consumer, one), 0);
        leat_offsets_free(one);
    }
    ck_assert_int_eq(leat_consumer_resume(con.consumer, NULL), 0);
    ck_assert_int_eq(leat_consumer_seek(con.consumer, con.parts, NULL), 0);
    con_read_up_to(0, CON_RECORDS);
}
END_TEST

/* Seek works while paused and leaves it paused; assign begins with nothing paused; what is not assigned is refused, and nothing has changed. */
START_TEST(seek_keeps_and_assign_ends_the_pause)
{
    struct leat_offsets *one = con_list(1, 40);
    struct leat_offsets *wrong = con_list(1, 0);
    struct leat_offsets *paused = NULL;
    int32_t partition;
    int64_t offset;

    ck_assert_int_eq(leat_offsets_add(wrong, "t", 9, 0), 0);
    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    ck_assert_int_eq(leat_consumer_pause(con.consumer, wrong), LEAT_ENOENT);
    ck_assert_int_eq(leat_consumer_paused(con.consumer, &paused), 0);
    ck_assert_uint_eq(leat_offsets_count(paused), 0);
    leat_offsets_free(paused);
    ck_assert_int_eq(leat_consumer_pause(con.consumer, one), 0);
    ck_assert_int_eq(leat_consumer_seek(con.consumer, one, NULL), 0);
    ck_assert_int_eq(leat_consumer_paused(con.consumer, &paused), 0);
    ck_assert_str_eq(leat_offsets_at(paused, 0, &partition, &offset, NULL), "t");
    ck_assert_int_eq(partition, 1);
    ck_assert_int_eq(offset, 40);
    leat_offsets_free(paused);
    con_append(2, CON_RECORDS, 1, NULL);
    ck_assert_int_eq(leat_consumer_resume(con.consumer, one), 0);
    ck_assert_int_eq(leat_consumer_pause(con.consumer, one), 0);
    ck_assert_int_eq(leat_consumer_assign(con.consumer, one, NULL), 0);
    con_read_part(1, 40, CON_RECORDS - 40);
    ck_assert_int_eq(leat_consumer_pause(NULL, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_consumer_paused(con.consumer, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_consumer_close(con.consumer, 0, NULL), 0);
    ck_assert_int_eq(leat_consumer_resume(con.consumer, NULL), LEAT_ECLOSED);
    leat_offsets_free(wrong);
    leat_offsets_free(one);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pause");
    TCase *tc = tcase_create("pause");

    tcase_add_checked_fixture(tc, con_setup, con_teardown);
    tcase_add_test(tc, paused_partition_is_not_asked_about);
    tcase_add_test(tc, all_paused_is_silence);
    tcase_add_loop_test(tc, fetched_records_are_kept, 0, 2);
    tcase_add_loop_test(tc, pause_in_the_middle_of_a_batch, 0, 2);
    tcase_add_test(tc, kept_bytes_have_a_bound);
    tcase_add_test(tc, seek_keeps_and_assign_ends_the_pause);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
