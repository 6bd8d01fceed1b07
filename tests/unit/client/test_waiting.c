/* Calls that wait: they end when they said, and waiting costs nothing. */
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "proto/api.h"
#include "tests/support/client/producer_fixture.h"
#include "tests/support/test_main.h"

#define NS_PER_MS INT64_C(1000000)
#define FLUSHES 3000
#define TURNS_MAX 300 /* of the loop, while METADATA_COUNT answers come and nothing else */
#define METADATA_COUNT 8

static _Atomic int turns; /* how often a loop of this process looked for events */
static struct leat_consumer *consumer;

/* Instead of libc's, for libevent. */
LEAT_API int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)
{
    turns++;
    return epoll_pwait(epfd, events, maxevents, timeout, NULL);
}

static void rule(int16_t api_key, int skip, int count, enum fake_action action, int16_t code)
{
    const struct fake_rule fresh = {api_key, skip, count, action, code};

    fake_broker_rule(fix.broker, &fresh);
}

static int64_t now_ms(void)
{
    return lt_clock_mono_ns(lt_clock_real()) / NS_PER_MS;
}

static void assign(const char *topic, int32_t partition)
{
    struct leat_offsets *parts = leat_offsets_new();

    ck_assert_int_eq(leat_offsets_add(parts, topic, partition, 0), 0);
    ck_assert_int_eq(leat_consumer_new(fix.client, NULL, &consumer, NULL), 0);
    ck_assert_int_eq(leat_consumer_assign(consumer, parts, NULL), 0);
    leat_offsets_free(parts);
}

/* A topic or partition that is not there is asked for with pauses between, and the loop sleeps in them. */
START_TEST(unknown_partition_costs_nothing)
{
    fix_start();
    assign(_i == 0 ? "unknown" : "t", 99);
    fake_broker_await(fix.broker, PROTO_API_METADATA, METADATA_COUNT);
    ck_assert_int_gt(turns, 0);
    ck_assert_int_lt(turns, TURNS_MAX);
    leat_consumer_free(consumer);
}
END_TEST

/* A broker that says hello and nothing more. */
START_TEST(silent_broker_costs_nothing)
{
    rule(PROTO_API_METADATA, 0, -1, FAKE_SILENCE, 0);
    fix_start();
    ck_assert_int_eq(leat_client_connect(fix.client, 300, NULL), LEAT_ETIMEDOUT);
    ck_assert_int_lt(turns, TURNS_MAX);
}
END_TEST

/* The timeout of leat_send_sync counts from the call, not from the moment when the topic is known (0) or memory is free (1), and max.block.ms, which is
 * longer, does not matter. */
START_TEST(sync_timeout_bounds_the_whole_call)
{
    struct leat_record *rec = leat_record_new();
    struct leat_error *err = NULL;
    int64_t begin;

    fix_set("buffer.memory", "64KiB");
    fix_set("max.block.ms", "20s");
    rule(_i == 0 ? PROTO_API_METADATA : PROTO_API_PRODUCE, 0, -1, FAKE_SILENCE, 0);
    fix_start();
    ck_assert_int_eq(leat_record_set_topic(rec, "t", 0), 0);
    if (_i == 1) {
        static char value[60000];

        ck_assert_int_eq(leat_record_set_value(rec, value, sizeof(value)), 0);
        ck_assert_int_eq(leat_send(fix.producer, rec, NULL, NULL), 0);
    }
    begin = now_ms();
    ck_assert_int_eq(leat_send_sync(fix.producer, rec, 100, &err), LEAT_ETIMEDOUT);
    ck_assert_int_ge(now_ms() - begin, 100);
    ck_assert_int_lt(now_ms() - begin, 10000);
    leat_error_free(err);
    leat_record_free(rec);
}
END_TEST

/* With leat.dispatch the callbacks run in the flush, also those that become due while it is about to sleep. */
START_TEST(flush_sees_every_callback)
{
    fix_set("leat.dispatch", "true");
    fix_start();
    for (int i = 0; i < FLUSHES; i++) {
        ck_assert_int_eq(fix_send_number(i, i % 3), 0);
        ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
        ck_assert_int_eq(fix.delivered, i + 1);
    }
}
END_TEST

/* The descriptor still tells of a consumer's records after a flush has run the callbacks. */
START_TEST(flush_leaves_the_descriptor)
{
    struct pollfd wait = {.events = POLLIN};
    struct leat_batch *batch = NULL;

    fix_set("leat.dispatch", "true");
    fix_start();
    wait.fd = leat_client_event_fd(fix.client);
    ck_assert_int_eq(fix_send_number(0, 0), 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    assign("t", 0);
    while (leat_consumer_lag(consumer, "t", 0) < 0) { /* until the record is there */
        (void)poll(NULL, 0, 1);
    }
    ck_assert_int_eq(fix_send_number(1, 1), 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    ck_assert_int_eq(poll(&wait, 1, 0), 1);
    ck_assert_int_eq(leat_consumer_poll(consumer, 0, &batch, NULL), 1);
    leat_batch_unref(batch);
    leat_consumer_free(consumer);
}
END_TEST

static _Atomic int other_dispatched; /* 1: asked for, 2: done */
static _Atomic int code_inside;

static void wait_inside(const struct leat_delivery *d, void *arg)
{
    (void)d;
    (void)arg;
    other_dispatched = 1;
    while (other_dispatched != 2) {
        (void)poll(NULL, 0, 1);
    }
    code_inside = leat_producer_flush(fix.producer, 20000);
}

static void *dispatch_beside(void *arg)
{
    (void)arg;
    while (other_dispatched != 1) {
        (void)poll(NULL, 0, 1);
    }
    LT_ASSERT(leat_client_dispatch(fix.client, 0) == 0);
    other_dispatched = 2;
    return NULL;
}

/* Inside a callback nothing waits, also when another thread dispatches meanwhile. */
START_TEST(dispatching_threads_are_known)
{
    struct leat_record *rec = leat_record_new();
    pthread_t thread;

    code_inside = 1;
    other_dispatched = 0;
    fix_set("leat.dispatch", "true");
    fix_start();
    ck_assert_int_eq(pthread_create(&thread, NULL, dispatch_beside, NULL), 0);
    ck_assert_int_eq(leat_record_set_topic(rec, "t", 0), 0);
    ck_assert_int_eq(leat_send(fix.producer, rec, wait_inside, NULL), 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    ck_assert_int_eq(code_inside, LEAT_EAGAIN);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    leat_record_free(rec);
}
END_TEST

/* A topic that memory was missing for is asked for once there is some, though nothing else happens: for a consumer (0) and a producer (1). */
START_TEST(missing_memory_is_no_end)
{
    struct event_base *base = event_base_new();
    int64_t begin = now_ms();
    int before;

    ck_assert_int_eq(leat_client_new_on_base(fix.conf, base, &fix.client, NULL), 0);
    ck_assert_int_eq(leat_producer_new(fix.client, NULL, &fix.producer, NULL), 0);
    ck_assert_int_eq(leat_client_connect(fix.client, 20000, NULL), 0);
    while (now_ms() - begin < 200) { /* whatever the connect has still to ask */
        (void)leat_client_dispatch(fix.client, 20);
    }
    if (_i == 0) {
        assign("t", 0);
    } else {
        ck_assert_int_eq(fix_send_number(0, 0), LEAT_EAGAIN);
    }
    before = fake_broker_count(fix.broker, PROTO_API_METADATA);
    lt_alloc_fail_after(0);
    ck_assert_int_eq(event_base_loop(base, EVLOOP_NONBLOCK), 0);
    lt_alloc_fail_never();
    while (fake_broker_count(fix.broker, PROTO_API_METADATA) == before) {
        ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
        ck_assert_int_lt(now_ms() - begin, 20000);
    }
    if (_i == 0) {
        leat_consumer_free(consumer);
    }
    leat_producer_free(fix.producer);
    leat_client_unref(fix.client);
    fix.producer = NULL;
    fix.client = NULL;
    event_base_free(base);
}
END_TEST

static void on_signal(int number)
{
    (void)number;
    leat_consumer_wakeup(consumer);
}

static void *wake(void *arg)
{
    (void)arg;
    leat_consumer_wakeup(consumer);
    return NULL;
}

/* On a base too the poll that waits ends at once, woken by another thread (0) or from a signal handler (1), though no event of a broker comes. */
START_TEST(wakeup_ends_a_poll_on_a_base)
{
    struct event_base *base = event_base_new();
    struct leat_batch *batch = NULL;
    struct sigaction action = {.sa_handler = on_signal};
    int64_t begin = now_ms();
    pthread_t thread;

    fake_broker_down(fix.broker);
    fix_set("reconnect.backoff.ms", "1m");
    fix_set("reconnect.backoff.max.ms", "1m");
    ck_assert_int_eq(leat_client_new_on_base(fix.conf, base, &fix.client, NULL), 0);
    assign("t", 0);
    while (leat_client_dispatch(fix.client, 20) > 0 || now_ms() - begin < 100) {
    }
    begin = now_ms();
    if (_i == 0) {
        ck_assert_int_eq(pthread_create(&thread, NULL, wake, NULL), 0);
    } else {
        const struct itimerval soon = {.it_value = {.tv_usec = 50000}};

        ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
        ck_assert_int_eq(setitimer(ITIMER_REAL, &soon, NULL), 0);
    }
    ck_assert_int_eq(leat_consumer_poll(consumer, 20000, &batch, NULL), 0);
    ck_assert_int_lt(now_ms() - begin, 10000);
    if (_i == 0) {
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
    }
    leat_consumer_free(consumer);
    leat_client_unref(fix.client);
    fix.client = NULL;
    event_base_free(base);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("waiting");
    TCase *tc = tcase_create("waiting");

    tcase_add_checked_fixture(tc, fix_setup, fix_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, unknown_partition_costs_nothing, 0, 2);
    tcase_add_test(tc, silent_broker_costs_nothing);
    tcase_add_loop_test(tc, sync_timeout_bounds_the_whole_call, 0, 2);
    tcase_add_test(tc, flush_sees_every_callback);
    tcase_add_test(tc, flush_leaves_the_descriptor);
    tcase_add_test(tc, dispatching_threads_are_known);
    tcase_add_loop_test(tc, missing_memory_is_no_end, 0, 2);
    tcase_add_loop_test(tc, wakeup_ends_a_poll_on_a_base, 0, 2);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
