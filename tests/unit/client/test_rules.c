/* Rules that a client library is judged by, each with the complaint about others that it answers. */
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "proto/api.h"
#include "tests/support/client/producer_fixture.h"
#include "tests/support/test_main.h"

#define NS_PER_S INT64_C(1000000000)
#define MANY 100000
#define THREADS 4
#define PER_THREAD 3000

static void rule(int16_t api_key, int skip, int count, enum fake_action action, int16_t code)
{
    const struct fake_rule fresh = {api_key, skip, count, action, code};

    fake_broker_rule(fix.broker, &fresh);
}

/* "Create succeeds though the broker is unreachable; errors only as log lines": connect names each address with its own reason. */
START_TEST(connect_says_why_for_each_address)
{
    char list[128];
    struct leat_error *err = NULL;
    const char *text;
    struct fake_broker *other = fake_broker_new(1);
    const struct fake_rule hang_up = {PROTO_API_API_VERSIONS, 0, -1, FAKE_HANG_UP, 0};

    fake_broker_rule(other, &hang_up);
    fake_broker_down(fix.broker);
    (void)snprintf(list, sizeof(list), "%s,no-such-host.invalid:9,%s",
                   fake_broker_address(fix.broker), fake_broker_address(other));
    fix_set("bootstrap.servers", list);
    fix_start();
    ck_assert_int_eq(leat_client_connect(fix.client, 10000, &err), LEAT_EUNREACHABLE);
    text = leat_error_message(err);
    ck_assert_ptr_nonnull(strstr(text, fake_broker_address(fix.broker)));
    ck_assert_ptr_nonnull(strstr(text, "Connection refused"));
    ck_assert_ptr_nonnull(strstr(text, "no-such-host.invalid:9 (name not resolved"));
    ck_assert_ptr_nonnull(strstr(text, fake_broker_address(other)));
    ck_assert_ptr_nonnull(strstr(text, "closed the connection"));
    leat_error_free(err);
    fake_broker_free(other);
}
END_TEST

static struct leat_consumer *consumer;

/* One of the six orders to free client, producer and consumer in. */
static void free_in_order(int order)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    for (int i = 0; i < 3; i++) {
        switch (orders[order][i]) {
        case 0:
            leat_client_unref(fix.client);
            break;
        case 1:
            leat_producer_free(fix.producer);
            break;
        default:
            leat_consumer_free(consumer);
            break;
        }
    }
}

static void start_all(void)
{
    struct leat_offsets *parts = leat_offsets_new();

    fix_start();
    ck_assert_int_eq(leat_offsets_add(parts, "t", 0, LEAT_OFFSET_START), 0);
    ck_assert_int_eq(leat_consumer_new(fix.client, NULL, &consumer, NULL), 0);
    ck_assert_int_eq(leat_consumer_assign(consumer, parts, NULL), 0);
    leat_offsets_free(parts);
}

static void forget_all(void)
{
    fix.client = NULL;
    fix.producer = NULL;
    consumer = NULL;
}

/* "Destroy hangs because some object is still referenced": with requests that are never answered, records unsent and a fetch parked, in every order. */
START_TEST(free_never_waits_in_any_order)
{
    int64_t begin;

    rule(PROTO_API_PRODUCE, 0, -1, FAKE_SILENCE, 0);
    fix_set("batch.size", "100");
    start_all();
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(fix_send_number(i, i % 3), 0);
    }
    while (fake_broker_count(fix.broker, PROTO_API_PRODUCE) == 0 ||
           fake_broker_count(fix.broker, PROTO_API_FETCH) == 0) {
        (void)poll(NULL, 0, 1);
    }
    begin = lt_clock_mono_ns(lt_clock_real());
    free_in_order(_i);
    ck_assert_int_lt(lt_clock_mono_ns(lt_clock_real()) - begin, 5 * NS_PER_S);
    fix_await(100); /* each callback still comes, once */
    ck_assert_int_eq(fix.failed, 100);
    ck_assert_int_eq(fix.last_code, LEAT_ECANCELED);
    forget_all();
}
END_TEST

/* The same with nothing begun: no broker there, nothing resolved. */
START_TEST(free_never_waits_without_broker)
{
    int64_t begin;

    fake_broker_down(fix.broker);
    fix_set("bootstrap.servers", "192.0.2.1:9092"); /* never answers */
    start_all();
    begin = lt_clock_mono_ns(lt_clock_real());
    free_in_order(_i);
    ck_assert_int_lt(lt_clock_mono_ns(lt_clock_real()) - begin, 5 * NS_PER_S);
    forget_all();
}
END_TEST

static int order_inside;

static void free_inside(const struct leat_delivery *d, void *arg)
{
    (void)arg;
    if (fix.delivered + fix.failed == 0) {
        free_in_order(order_inside);
    }
    fix_on_delivery(d, NULL);
}

/* "Context freed inside a callback": all three objects, in every order, inside the first of several callbacks. The others come all the same. The
 * callback may run while the leat_send that filled its batch has not returned yet. */
START_TEST(free_inside_callbacks_in_any_order)
{
    struct leat_record *rec = leat_record_new();
    char value[100] = "";

    order_inside = _i;
    fix_set("linger.ms", "1h");
    fix_set("batch.size", "1000"); /* eight records fit: the ninth sends them */
    start_all();
    ck_assert_int_eq(leat_record_set_topic(rec, "t", 0), 0);
    ck_assert_int_eq(leat_record_set_value(rec, value, sizeof(value)), 0);
    for (int i = 0; i < 9; i++) {
        ck_assert_int_eq(leat_send(fix.producer, rec, free_inside, NULL), 0);
    }
    leat_record_free(rec);
    fix_await(9);
    forget_all();
}
END_TEST

static long size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

/* "Library prints": nothing on stdout and stderr through refused connections, garbage, lost answers, errors, timeouts and cancelled records. */
START_TEST(library_prints_nothing)
{
    char path[] = "/tmp/leat-quiet-XXXXXX";
    int file = mkstemp(path);
    int saved[2] = {dup(1), dup(2)};
    struct leat_error *err = NULL;

    ck_assert_int_ge(file, 0);
    (void)fflush(stdout);
    (void)fflush(stderr);
    ck_assert_int_eq(dup2(file, 1), 1);
    ck_assert_int_eq(dup2(file, 2), 2);
    fix_set("request.timeout.ms", "200");
    fix_set("delivery.timeout.ms", "1000");
    rule(PROTO_API_API_VERSIONS, 0, 1, FAKE_GARBAGE, 0);
    rule(PROTO_API_METADATA, 0, 1, FAKE_HALF, 0);
    rule(PROTO_API_PRODUCE, 0, 1, FAKE_SILENCE, 0);
    rule(PROTO_API_PRODUCE, 0, 1, FAKE_GARBAGE, 0);
    rule(PROTO_API_PRODUCE, 0, 1, FAKE_WRONG_ID, 0);
    rule(PROTO_API_PRODUCE, 0, 2, FAKE_ERROR, 87);
    fake_broker_down(fix.broker);
    start_all();
    (void)leat_client_connect(fix.client, 300, &err); /* refused: that is the trouble */
    leat_error_free(err);
    fake_broker_up(fix.broker);
    for (int i = 0; i < 30; i++) {
        (void)fix_send_number(i, i % 3); /* some may fail: that is the trouble */
        (void)leat_producer_flush(fix.producer, i % 2 == 0 ? 0 : 10);
    }
    (void)leat_producer_flush(fix.producer, 5000);
    (void)fix_send_number(1, 1);
    free_in_order(2);
    forget_all();
    (void)fflush(stdout);
    (void)fflush(stderr);
    (void)dup2(saved[0], 1);
    (void)dup2(saved[1], 2);
    ck_assert_int_eq((int)size_of(path), 0);
    (void)close(file);
    (void)unlink(path);
}
END_TEST

/* "Statistics as a JSON string": values by name, that agree with what happened. */
START_TEST(statistics_have_names)
{
    struct leat_stats *stats = NULL;
    size_t count = 0;

    rule(PROTO_API_PRODUCE, 0, 1, FAKE_ERROR, 19);
    fix_set("compression.type", "lz4");
    fix_start();
    ck_assert_int_eq(leat_client_stats(NULL, &stats), LEAT_EINVAL);
    ck_assert_int_eq(leat_client_stats(fix.client, NULL), LEAT_EINVAL);
    fix_send_all();
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    ck_assert_int_eq(leat_client_stats(fix.client, &stats), 0);
    ck_assert_int_eq(leat_stats_get(stats, "produce.records"), FIX_RECORDS);
    ck_assert_int_eq(leat_stats_get(stats, "produce.failed"), 0);
    ck_assert_int_gt(leat_stats_get(stats, "produce.retries"), 0);
    ck_assert_int_eq(leat_stats_get(stats, "produce.memory"), 0);
    ck_assert_int_gt(leat_stats_get(stats, "produce.bytes"), FIX_RECORDS * 10);
    ck_assert_int_lt(leat_stats_get(stats, "produce.bytes.sent"),
                     leat_stats_get(stats, "produce.bytes"));
    ck_assert_int_gt(leat_stats_get(stats, "bytes.sent"),
                     leat_stats_get(stats, "produce.bytes.sent"));
    ck_assert_int_gt(leat_stats_get(stats, "bytes.received"), 0);
    ck_assert_int_eq(leat_stats_get(stats, "produce.requests"),
                     fake_broker_count(fix.broker, PROTO_API_PRODUCE));
    ck_assert_int_eq(leat_stats_get(stats, "metadata.requests"),
                     fake_broker_count(fix.broker, PROTO_API_METADATA));
    ck_assert_int_eq(leat_stats_get(stats, "connections.open"), 1);
    ck_assert_int_eq(leat_stats_get(stats, "connections.made"), 1);
    ck_assert_int_eq(leat_stats_get(stats, "requests.open"), 0);
    ck_assert_int_eq(leat_stats_get(stats, "no.such"), LEAT_ENOENT);
    ck_assert_int_eq(leat_stats_get(NULL, "bytes.sent"), LEAT_ENOENT);
    while (leat_stats_name(stats, count) != NULL) {
        ck_assert_int_ge(leat_stats_get(stats, leat_stats_name(stats, count)), 0);
        count++;
    }
    ck_assert_uint_gt(count, 15);
    leat_stats_free(stats);
    leat_stats_free(NULL);
}
END_TEST

/* Without a thread to wait for, a full buffer is LEAT_EAGAIN at once; turning the loop makes room. Nothing accepted is lost. */
START_TEST(full_memory_on_a_base_is_eagain)
{
    struct event_base *base = event_base_new();
    int sent = 0;
    int full = 0;

    fix_set("buffer.memory", "64KiB");
    fix_set("batch.size", "4KiB");
    ck_assert_int_eq(leat_client_new_on_base(fix.conf, base, &fix.client, NULL), 0);
    ck_assert_int_eq(leat_producer_new(fix.client, NULL, &fix.producer, NULL), 0);
    while (sent < 20000) {
        int err = fix_send_number(sent, sent % 3);

        if (err == 0) {
            sent++;
            continue;
        }
        ck_assert_int_eq(err, LEAT_EAGAIN);
        full += sent > 0; /* before, the topic is not known yet */
        ck_assert_int_ge(leat_client_dispatch(fix.client, 100), 0);
    }
    ck_assert_int_gt(full, 5);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    ck_assert_int_eq(fix.delivered, sent);
    leat_producer_free(fix.producer);
    leat_client_unref(fix.client);
    event_base_free(base);
    fix.producer = NULL;
    fix.client = NULL;
}
END_TEST

static _Atomic int sent_inside;

static void fill_memory(const struct leat_delivery *d, void *arg)
{
    int err;

    (void)arg;
    do {
        err = leat_send(fix.producer, leat_delivery_record(d), fix_on_delivery, NULL);
        sent_inside += err == 0;
    } while (err == 0);
    LT_ASSERT(err == LEAT_EAGAIN);
}

/* A callback that sends until the buffer is full is told LEAT_EAGAIN instead of standing still for ever. */
START_TEST(full_memory_in_a_callback_is_eagain)
{
    struct leat_record *rec = leat_record_new();
    char value[500] = "";

    fix_set("buffer.memory", "64KiB");
    fix_set("batch.size", "4KiB");
    fix_start();
    ck_assert_int_eq(leat_record_set_topic(rec, "t", 0), 0);
    ck_assert_int_eq(leat_record_set_value(rec, value, sizeof(value)), 0);
    ck_assert_int_eq(leat_send(fix.producer, rec, fill_memory, NULL), 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0); /* fill_memory has run */
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    ck_assert_int_gt(sent_inside, 10);
    ck_assert_int_eq(fix.delivered, sent_inside);
    leat_record_free(rec);
}
END_TEST

static void *send_from_thread(void *arg)
{
    const int *first = arg;
    struct leat_record *rec = leat_record_new();

    LT_ASSERT(rec != NULL && leat_record_set_topic(rec, "t", 0) == 0);
    for (int i = 0; i < PER_THREAD; i++) {
        char text[16];

        (void)snprintf(text, sizeof(text), "%d", *first + i);
        LT_ASSERT(leat_record_set_value(rec, text, strlen(text)) == 0);
        LT_ASSERT(leat_send(fix.producer, rec, fix_on_delivery, NULL) == 0);
    }
    leat_record_free(rec);
    return NULL;
}

/* One producer, many threads, little memory, and a broker that errs: everything arrives, each thread's records in its order. */
START_TEST(threads_share_a_producer)
{
    static int numbers[THREADS * PER_THREAD];
    int next[THREADS] = {0};
    pthread_t threads[THREADS];

    fix_set("buffer.memory", "64KiB");
    fix_set("batch.size", "4KiB");
    rule(PROTO_API_PRODUCE, 3, 3, FAKE_ERROR, 19);
    fix_start();
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i * PER_THREAD;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, send_from_thread, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    ck_assert_int_eq(fix.delivered, THREADS * PER_THREAD);
    ck_assert_int_eq(fix_stored(0, numbers, THREADS * PER_THREAD), THREADS * PER_THREAD);
    for (int i = 0; i < THREADS * PER_THREAD; i++) {
        int thread = numbers[i] / PER_THREAD;

        ck_assert_int_eq(numbers[i] % PER_THREAD, next[thread]++);
    }
}
END_TEST

/* In steady state a record costs no allocation: 100000 of them take fewer than one in twenty, the broker of this process and each request counted. */
START_TEST(records_cost_no_allocation)
{
    struct leat_record *rec = leat_record_new();
    char value[100] = "";
    int requests = 0;
    int64_t count;

    fix_set("batch.size", "64KiB");
    fix_start();
    ck_assert_int_eq(leat_record_set_topic(rec, "t", -1), 0);
    ck_assert_int_eq(leat_record_set_value(rec, value, sizeof(value)), 0);
    for (int i = 0; i < 2 * MANY; i++) {
        if (i == MANY) { /* the first half has filled the pools */
            ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
            requests = fake_broker_count(fix.broker, PROTO_API_PRODUCE);
            lt_alloc_fail_after(INT32_MAX);
        }
        ck_assert_int_eq(leat_send(fix.producer, rec, fix_on_delivery, NULL), 0);
    }
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    count = lt_alloc_count();
    lt_alloc_fail_never();
    requests = fake_broker_count(fix.broker, PROTO_API_PRODUCE) - requests;
    ck_assert_int_eq(fix.delivered, 2 * MANY);
    ck_assert_msg(count < MANY / 20, "%lld allocations for %d requests", (long long)count,
                  requests);
    leat_record_free(rec);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rules");
    TCase *tc = tcase_create("rules");

    tcase_add_checked_fixture(tc, fix_setup, fix_teardown);
    tcase_add_test(tc, connect_says_why_for_each_address);
    tcase_add_loop_test(tc, free_never_waits_in_any_order, 0, 6);
    tcase_add_loop_test(tc, free_never_waits_without_broker, 0, 6);
    tcase_add_loop_test(tc, free_inside_callbacks_in_any_order, 0, 6);
    tcase_add_test(tc, library_prints_nothing);
    tcase_add_test(tc, statistics_have_names);
    tcase_add_test(tc, full_memory_on_a_base_is_eagain);
    tcase_add_test(tc, full_memory_in_a_callback_is_eagain);
    tcase_add_test(tc, threads_share_a_producer);
    tcase_add_test(tc, records_cost_no_allocation);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
