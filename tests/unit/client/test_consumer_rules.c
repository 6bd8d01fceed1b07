/* The rules of leat.h on the reading side, each with the complaint about other clients that it answers. */
#include <check.h>
#include <dirent.h>
#include <event2/event.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "client/consumer_impl.h"
#include "proto/api.h"
#include "tests/support/client/consumer_fixture.h"
#include "tests/support/test_main.h"

#define MS 1000000

static struct leat_batch *poll_some(void)
{
    struct leat_batch *batch = NULL;

    ck_assert_int_gt(leat_consumer_poll(con.consumer, 10000, &batch, NULL), 0);
    return batch;
}

/* Which of the bytes that the batch holds does this pointer point into? count if none. */
static size_t place_of(const struct leat_batch *batch, const void *pointer)
{
    const uint8_t *at = pointer;

    for (size_t i = 0; i < batch->held_count; i++) {
        const struct lt_buf *buf = &batch->held[i]->buf;

        if (at >= buf->data && at < buf->data + buf->size) {
            return i;
        }
    }
    return batch->held_count;
}

/* "Every message is copied twice on its way": records are views, uncompressed ones into the very bytes that were received, others into what was unpacked
 * of them; with each codec. */
START_TEST(records_are_views)
{
    struct leat_batch *batch;

    con_append_all(_i);
    con_start(LEAT_OFFSET_START);
    batch = poll_some();
    ck_assert_uint_gt(leat_batch_count(batch), 0);
    for (size_t i = 0; i < leat_batch_count(batch); i++) {
        size_t size;
        size_t place = place_of(batch, leat_record_value(leat_batch_at(batch, i), &size));

        ck_assert_uint_lt(place, batch->held_count);
        if (_i ==
            0) { /* the answer itself: it names the topic or its id, and all batches lie in it */
            ck_assert_uint_eq(batch->held_count, 1);
            ck_assert_uint_gt(batch->held[0]->buf.size, (size_t)CON_RECORDS * 7);
        }
    }
    leat_batch_unref(batch);
}
END_TEST

/* "Weird bugs because of insufficient use of maybe_release_buffers": a record lives exactly as long as its batch, whatever the consumer does meanwhile:
 * other polls, seeks, pauses, its end and the client's. */
START_TEST(record_lives_as_long_as_its_batch)
{
    struct leat_batch *batch;
    const struct leat_record *rec;
    char text[32];
    size_t size;
    size_t count;

    con_append_all(_i);
    con_start(LEAT_OFFSET_START);
    batch = poll_some();
    count = leat_batch_count(batch);
    for (int i = 0; i < 5; i++) {
        leat_batch_unref(poll_some());
        ck_assert_int_eq(leat_consumer_pause(con.consumer, NULL), 0);
        ck_assert_int_eq(leat_consumer_resume(con.consumer, NULL), 0);
        ck_assert_int_eq(leat_consumer_seek(con.consumer, con.parts, NULL), 0);
    }
    leat_consumer_free(con.consumer);
    leat_client_unref(con.client);
    con.consumer = NULL;
    con.client = NULL;
    for (size_t i = 0; i < count; i++) {
        rec = leat_batch_at(batch, i);
        ck_assert_str_eq(leat_record_topic(rec, NULL), "t");
        snprintf(text, sizeof(text), "%lld", (long long)leat_record_offset(rec));
        ck_assert_mem_eq(leat_record_value(rec, &size), text, strlen(text));
        ck_assert_uint_eq(size, strlen(text));
    }
    leat_batch_unref(batch);
}
END_TEST

static void *wake_later(void *arg)
{
    fake_broker_await(con.broker, PROTO_API_FETCH, *(int *)arg);
    leat_consumer_wakeup(con.consumer);
    return NULL;
}

/* "The consumer cannot be stopped from another thread": wakeup ends a poll that waits for ever, again and again. */
START_TEST(wakeup_from_another_thread)
{
    struct leat_batch *batch = NULL;
    pthread_t thread;

    con_start(LEAT_OFFSET_END);
    for (int i = 0; i < 10; i++) {
        int seen = fake_broker_count(con.broker, PROTO_API_FETCH) + 1;

        ck_assert_int_eq(pthread_create(&thread, NULL, wake_later, &seen), 0);
        ck_assert_int_eq(leat_consumer_poll(con.consumer, -1, &batch, NULL), 0);
        ck_assert_ptr_null(batch);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
    }
}
END_TEST

/* "close hangs": with a fetch parked that is never answered, and records waiting, close and free return at once. */
START_TEST(close_and_free_never_wait)
{
    const struct lt_clock *clock = lt_clock_real();
    int64_t begin;

    con_append_all(0);
    con_rule(PROTO_API_FETCH, 1, -1, FAKE_SILENCE, 0);
    con_start(LEAT_OFFSET_START);
    leat_batch_unref(poll_some());
    fake_broker_await(con.broker, PROTO_API_FETCH, 2);
    begin = lt_clock_mono_ns(clock);
    if (_i != 0) {
        ck_assert_int_eq(leat_consumer_close(con.consumer, -1, NULL), 0);
    }
    leat_client_unref(con.client);
    leat_consumer_free(con.consumer);
    con.client = NULL;
    con.consumer = NULL;
    ck_assert_int_lt(lt_clock_mono_ns(clock) - begin, 1000 * (int64_t)MS);
}
END_TEST

/* "One field, two meanings", "payload is an error string": an error comes alone, belongs to its partition, and the others' records come in other polls. */
START_TEST(errors_carry_no_records)
{
    struct leat_offsets *parts = con_list(0, LEAT_OFFSET_START);
    struct leat_error *err = NULL;
    struct leat_batch *none = (struct leat_batch *)&parts;
    struct leat_batch *batch = none;

    ck_assert_int_eq(leat_offsets_add(parts, "t", 1, 5000), 0); /* beyond the end */
    con_set("auto.offset.reset", "none");
    con_append_all(0);
    con_start(LEAT_OFFSET_END);
    ck_assert_int_eq(leat_consumer_assign(con.consumer, parts, NULL), 0);
    for (int64_t read = 0; read < CON_RECORDS || err == NULL;) {
        int count = leat_consumer_poll(con.consumer, 10000, &batch, &err);

        ck_assert_int_ne(count, 0);
        if (count > 0) {
            read += count;
            leat_batch_unref(batch);
            batch = none;
        } else {
            ck_assert_int_eq(count, LEAT_ERANGE);
            ck_assert_ptr_eq(batch, none); /* not touched */
            ck_assert_ptr_nonnull(strstr(leat_error_message(err), "t-1"));
        }
    }
    leat_error_free(err);
    leat_offsets_free(parts);
}
END_TEST

static int thread_count(void)
{
    DIR *dir = opendir("/proc/self/task");
    int count = 0;

    ck_assert_ptr_nonnull(dir);
    while (readdir(dir) != NULL) {
        count++;
    }
    (void)closedir(dir);
    return count - 2; /* . and .. */
}

/* "4 threads opened, I think 1 should be enough": a consumer on the caller's event_base has none. The scripted broker's threads are one per
 * connection: here two. */
START_TEST(consumer_on_a_base_has_no_thread)
{
    struct event_base *base = event_base_new();
    int before = thread_count();

    con_append_all(0);
    ck_assert_int_eq(leat_client_new_on_base(con.conf, base, &con.client, NULL), 0);
    ck_assert_int_eq(leat_consumer_new(con.client, NULL, &con.consumer, NULL), 0);
    for (int32_t i = 0; i < 3; i++) {
        ck_assert_int_eq(leat_offsets_add(con.parts, "t", i, 0), 0);
    }
    ck_assert_int_eq(thread_count(), before);
    ck_assert_int_eq(leat_consumer_assign(con.consumer, con.parts, NULL), 0);
    con_read_up_to(0, CON_RECORDS);
    ck_assert_int_eq(thread_count(), before + 2);
    leat_consumer_free(con.consumer);
    leat_client_unref(con.client);
    con.consumer = NULL;
    con.client = NULL;
    event_base_free(base);
}
END_TEST

/* "Event-loop users need a thread and a pipe": with leat.dispatch the client's descriptor is readable when there are records, and polls that do not wait
 * find them all. */
START_TEST(descriptor_tells_of_records)
{
    struct pollfd wait = {.events = POLLIN};
    int64_t read = 0;

    con_set("leat.dispatch", "true");
    con_start(LEAT_OFFSET_START);
    wait.fd = leat_client_event_fd(con.client);
    ck_assert_int_ge(wait.fd, 0);
    for (int64_t end = 100; end <= 500; end += 100) {
        con_append(1, end - 100, 100, NULL);
        while (read < end) {
            struct leat_batch *batch = NULL;
            int count;

            ck_assert_int_eq(poll(&wait, 1, 10000), 1);
            ck_assert_int_ge(leat_client_dispatch(con.client, 0), 0);
            while ((count = leat_consumer_poll(con.consumer, 0, &batch, NULL)) > 0) {
                read += count;
                leat_batch_unref(batch);
            }
            ck_assert_int_eq(count, 0);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("consumer_rules");
    TCase *tc = tcase_create("rules");

    tcase_add_checked_fixture(tc, con_setup, con_teardown);
    tcase_add_loop_test(tc, records_are_views, 0, 5);
    tcase_add_loop_test(tc, record_lives_as_long_as_its_batch, 0, 5);
    tcase_add_test(tc, wakeup_from_another_thread);
    tcase_add_loop_test(tc, close_and_free_never_wait, 0, 2);
    tcase_add_test(tc, errors_carry_no_records);
    tcase_add_test(tc, consumer_on_a_base_has_no_thread);
    tcase_add_test(tc, descriptor_tells_of_records);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
