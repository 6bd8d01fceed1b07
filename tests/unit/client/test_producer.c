/* The producer against a broker that errs, stalls and hangs up: nothing lost, order kept, every callback exactly once. */
#include <check.h>
#include <dirent.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include <leat/leat.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "proto/api.h"
#include "proto/compress.h"
#include "proto/record_batch.h"
#include "tests/support/client/fake_broker.h"
#include "tests/support/client/producer_fixture.h"
#include "tests/support/test_main.h"

/* Without trouble every record is stored once, in the order of sending. */
START_TEST(records_are_stored_in_order)
{
    fix_start();
    fix_send_all();
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    ck_assert_int_eq(fix.delivered, FIX_RECORDS);
    ck_assert_uint_eq(leat_producer_pending(fix.producer), 0);
    fix_check_stored(false);
}
END_TEST

static const struct {
    struct fake_rule rule;
    bool twice;
} troubles[] = {
    {{PROTO_API_PRODUCE, 1, 3, FAKE_ERROR, 6}, false},  /* not the leader */
    {{PROTO_API_PRODUCE, 0, 2, FAKE_ERROR, 3}, false},  /* unknown partition, for now */
    {{PROTO_API_PRODUCE, 0, 3, FAKE_ERROR, 7}, false},  /* timed out */
    {{PROTO_API_PRODUCE, 2, 2, FAKE_ERROR, 19}, false}, /* not enough replicas */
    {{PROTO_API_PRODUCE, 1, 3, FAKE_HANG_UP, 0}, false},
    {{PROTO_API_PRODUCE, 1, 2, FAKE_DO_HANG_UP, 0}, true},
    {{PROTO_API_PRODUCE, 1, 1, FAKE_HALF, 0}, true},
    {{PROTO_API_PRODUCE, 1, 1, FAKE_SILENCE, 0}, false},
    {{PROTO_API_METADATA, 1, 2, FAKE_HANG_UP, 0}, false},
    {{PROTO_API_METADATA, 0, 1, FAKE_GARBAGE, 0}, false},
    {{PROTO_API_API_VERSIONS, 0, 2, FAKE_HANG_UP, 0}, false},
    {{PROTO_API_API_VERSIONS, 0, 1, FAKE_ERROR, 35}, false}, /* a version too new */
};

/* Whatever passes is ridden out: all records stored, in order, each callback once. */
START_TEST(trouble_that_passes_loses_nothing)
{
    fix_set("request.timeout.ms", "300");
    fix_set("batch.size", "500");
    fix_set("linger.ms", "0");
    fake_broker_rule(fix.broker, &troubles[_i].rule);
    fix_start();
    fix_send_all();
    ck_assert_int_eq(leat_producer_flush(fix.producer, 30000), 0);
    ck_assert_int_eq(fix.delivered, FIX_RECORDS);
    ck_assert_int_eq(fix.failed, 0);
    fix_check_stored(troubles[_i].twice);
}
END_TEST

/* A broker that goes away and comes back: what was accepted meanwhile arrives. */
START_TEST(broker_may_go_and_come_back)
{
    fix_start();
    for (int i = 0; i < FIX_RECORDS; i++) {
        if (i == FIX_RECORDS / 3) {
            fake_broker_down(fix.broker);
        }
        if (i == 2 * FIX_RECORDS / 3) {
            fake_broker_up(fix.broker);
        }
        ck_assert_int_eq(fix_send_number(i, i % 3), 0);
    }
    ck_assert_int_eq(leat_producer_flush(fix.producer, 30000), 0);
    ck_assert_int_eq(fix.delivered, FIX_RECORDS);
    fix_check_stored(true);
}
END_TEST

/* An error that does not pass goes to the callback with its code, and nothing is sent again. */
START_TEST(lasting_error_is_told)
{
    const struct fake_rule rule = {PROTO_API_PRODUCE, 0, 1, FAKE_ERROR, 87};
    int numbers[4];

    fake_broker_rule(fix.broker, &rule);
    fix_start();
    ck_assert_int_eq(fix_send_number(0, 0), 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 10000), 0);
    ck_assert_int_eq(fix.failed, 1);
    ck_assert_int_eq(fix.last_code, LEAT_BROKER_ERROR(87));
    ck_assert_int_eq(fix_stored(0, numbers, 4), 0);
    ck_assert_int_eq(fake_broker_count(fix.broker, PROTO_API_PRODUCE), 1);
}
END_TEST

/* Trouble that lasts longer than delivery.timeout.ms ends with the last error. */
START_TEST(delivery_has_a_deadline)
{
    const struct fake_rule rule = {PROTO_API_PRODUCE, 0, -1, FAKE_ERROR, 19};

    fix_set("delivery.timeout.ms", "300");
    fake_broker_rule(fix.broker, &rule);
    fix_start();
    ck_assert_int_eq(fix_send_number(0, 0), 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 10000), 0);
    ck_assert_int_eq(fix.last_code, LEAT_BROKER_ERROR(19));
    ck_assert_int_gt(fake_broker_count(fix.broker, PROTO_API_PRODUCE), 1);
}
END_TEST

/* Nobody there: leat_send says so after max.block.ms, leat_client_connect at once with the reason. */
START_TEST(unreachable_broker_is_told)
{
    struct leat_error *err = NULL;

    fake_broker_down(fix.broker);
    fix_set("max.block.ms", "100");
    fix_start();
    ck_assert_int_eq(fix_send_number(0, 0), LEAT_ETIMEDOUT);
    ck_assert_int_eq(leat_client_connect(fix.client, 5000, &err), LEAT_EUNREACHABLE);
    ck_assert_ptr_nonnull(strstr(leat_error_message(err), fake_broker_address(fix.broker)));
    ck_assert_ptr_nonnull(strstr(leat_error_message(err), "Connection refused"));
    leat_error_free(err);
    ck_assert_int_eq(fix.delivered + fix.failed, 0);
}
END_TEST

/* A topic or partition that does not exist is an error of leat_send, with the broker's code. */
START_TEST(unknown_topic_is_told)
{
    struct leat_record *rec = leat_record_new();

    fix_set("max.block.ms", "200");
    fix_start();
    ck_assert_int_eq(leat_record_set_topic(rec, "other", -1), 0);
    ck_assert_int_eq(leat_send(fix.producer, rec, fix_on_delivery, NULL), LEAT_BROKER_ERROR(3));
    ck_assert_int_eq(fix_send_number(0, 3), LEAT_BROKER_ERROR(3));
    leat_record_free(rec);
    ck_assert_int_eq(fix.delivered + fix.failed, 0);
}
END_TEST

/* A batch that the broker finds too large is cut until its parts fit; a record that is too large alone fails. */
START_TEST(large_batches_are_split)
{
    fix_set("linger.ms", "10s");
    fix_set("batch.size", "1MiB");
    fake_broker_batch_max(fix.broker, 2000);
    fix_start();
    fix_send_all();
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    ck_assert_int_eq(fix.delivered, FIX_RECORDS);
    fix_check_stored(false);
    fake_broker_batch_max(fix.broker, 65);
    ck_assert_int_eq(fix_send_number(0, 0), 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    ck_assert_int_eq(fix.last_code, LEAT_BROKER_ERROR(10));
}
END_TEST

/* A record above max.request.size is refused before it is queued. */
START_TEST(large_record_is_refused)
{
    static char big[2 << 20];
    struct leat_record *rec = leat_record_new();

    fix_start();
    ck_assert_int_eq(leat_record_set_topic(rec, "t", 0), 0);
    ck_assert_int_eq(leat_record_set_value(rec, big, sizeof(big)), 0);
    ck_assert_int_eq(leat_send(fix.producer, rec, fix_on_delivery, NULL), LEAT_E2BIG);
    ck_assert_int_eq(leat_record_set_value(rec, big, 100000), 0);
    ck_assert_int_eq(leat_send_sync(fix.producer, rec, 5000, NULL), 0);
    leat_record_free(rec);
}
END_TEST

static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};

/* Each codec is written so that the broker's side reads it. */
START_TEST(codecs_are_written)
{
    if (!proto_codec_available(_i)) {
        return; /* snappy is optional */
    }
    fix_set("compression.type", codecs[_i]);
    fix_start();
    fix_send_all();
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    fix_check_stored(false);
}
END_TEST

/* acks=0: delivered when sent, without an offset. */
START_TEST(no_acks_needs_no_answer)
{
    fix_set("acks", "0");
    fix_start();
    fix_send_all();
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    ck_assert_int_eq(fix.delivered, FIX_RECORDS);
}
END_TEST

/* leat_send_sync fills in where the record is. */
START_TEST(sync_tells_partition_and_offset)
{
    struct leat_record *rec = leat_record_new();
    int32_t partition = -1;

    fix_set("linger.ms", "10s"); /* it does not wait for that */
    fix_start();
    ck_assert_int_eq(leat_record_set_topic(rec, "t", -1), 0);
    ck_assert_int_eq(leat_record_set_key(rec, "key", 3), 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(leat_send_sync(fix.producer, rec, 5000, NULL), 0);
        (void)leat_record_topic(rec, &partition);
        ck_assert_int_eq(partition, 1); /* murmur2 of "key" */
        ck_assert_int_eq(leat_record_offset(rec), i);
    }
    leat_record_free(rec);
}
END_TEST

/* leat_send_sync that runs out of time says so; what comes later harms nobody. */
START_TEST(sync_has_a_timeout)
{
    const struct fake_rule rule = {PROTO_API_PRODUCE, 0, 1, FAKE_SILENCE, 0};
    struct leat_record *rec = leat_record_new();
    struct leat_error *err = NULL;

    fix_set("request.timeout.ms", "300");
    fake_broker_rule(fix.broker, &rule);
    fix_start();
    ck_assert_int_eq(leat_record_set_topic(rec, "t", 0), 0);
    ck_assert_int_eq(leat_send_sync(fix.producer, rec, 100, &err), LEAT_ETIMEDOUT);
    ck_assert_ptr_nonnull(strstr(leat_error_message(err), "t: "));
    ck_assert_int_eq(leat_producer_flush(fix.producer, 10000), 0);
    leat_error_free(err);
    leat_record_free(rec);
}
END_TEST

/* buffer.memory bounds what waits; a full buffer is LEAT_ETIMEDOUT after max.block.ms. */
START_TEST(memory_is_bounded)
{
    const struct fake_rule rule = {PROTO_API_PRODUCE, 0, -1, FAKE_SILENCE, 0};
    int sent = 0;
    int err;

    fix_set("buffer.memory", "64KiB");
    fix_set("max.block.ms", "50");
    fake_broker_rule(fix.broker, &rule);
    fix_start();
    while ((err = fix_send_number(sent, 0)) == 0) {
        sent++;
        ck_assert_int_lt(sent, 100000);
    }
    ck_assert_int_eq(err, LEAT_ETIMEDOUT);
    ck_assert_int_gt(sent, 1000);
}
END_TEST

/* Freed with records unsent: each callback comes once, with LEAT_ECANCELED, and nothing hangs. */
START_TEST(free_cancels_what_is_unsent)
{
    fix_set("linger.ms", "60s");
    fix_start();
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(fix_send_number(i, 0), 0);
    }
    leat_producer_free(fix.producer);
    leat_client_unref(fix.client);
    fix.producer = NULL;
    fix.client = NULL;
    fix_await(10);
    ck_assert_int_eq(fix.failed, 10);
    ck_assert_int_eq(fix.last_code, LEAT_ECANCELED);
}
END_TEST

static void free_inside(const struct leat_delivery *d, void *arg)
{
    struct leat_error *err = NULL;

    (void)arg;
    LT_ASSERT(leat_delivery_code(d) == 0);
    LT_ASSERT(leat_producer_flush(fix.producer, 1000) == LEAT_EAGAIN);
    LT_ASSERT(leat_client_connect(fix.client, 1000, &err) == LEAT_EAGAIN);
    leat_error_free(err);
    leat_producer_free(fix.producer);
    leat_client_unref(fix.client);
    fix.delivered++;
}

/* Freeing producer and client inside a callback is allowed; calls that wait are refused there. */
START_TEST(free_inside_a_callback)
{
    struct leat_record *rec = leat_record_new();

    fix_start();
    ck_assert_int_eq(leat_record_set_topic(rec, "t", 0), 0);
    ck_assert_int_eq(leat_send(fix.producer, rec, free_inside, NULL), 0);
    while (fix.delivered == 0) {
        (void)poll(NULL, 0, 1);
    }
    fix.producer = NULL;
    fix.client = NULL;
    leat_record_free(rec);
}
END_TEST

static void send_again(const struct leat_delivery *d, void *arg)
{
    (void)arg;
    LT_ASSERT(leat_delivery_code(d) == 0);
    if (++fix.delivered < 50) {
        LT_ASSERT(leat_send(fix.producer, leat_delivery_record(d), send_again, NULL) == 0);
    }
}

/* A callback may send the record it was told about. */
START_TEST(callback_may_send)
{
    struct leat_record *rec = leat_record_new();

    fix_set("linger.ms", "0");
    fix_start();
    ck_assert_int_eq(leat_record_set_topic(rec, "t", 0), 0);
    ck_assert_int_eq(leat_record_add_header(rec, "h", "v", 1), 0);
    ck_assert_int_eq(leat_send(fix.producer, rec, send_again, NULL), 0);
    while (fix.delivered < 50) {
        (void)poll(NULL, 0, 1);
    }
    leat_record_free(rec);
}
END_TEST

/* leat.dispatch: callbacks run in leat_client_dispatch alone, and the descriptor says when. */
START_TEST(dispatch_runs_callbacks_where_it_is_called)
{
    struct pollfd wait = {.events = POLLIN};
    int ran = 0;

    fix_set("leat.dispatch", "true");
    fix_start();
    ck_assert_int_eq(fix_send_number(1, 0), 0);
    wait.fd = leat_client_event_fd(fix.client);
    ck_assert_int_ge(wait.fd, 0);
    ck_assert_int_eq(poll(&wait, 1, 10000), 1);
    ck_assert_int_eq(fix.delivered, 0);
    while (ran == 0) {
        ran = leat_client_dispatch(fix.client, 1000);
        ck_assert_int_ge(ran, 0);
    }
    ck_assert_int_eq(fix.delivered, 1);
    ck_assert_int_eq(fix.callback_thread, (long)gettid());
    ck_assert_int_eq(fix_send_number(2, 0), 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 10000), 0); /* runs them itself */
    ck_assert_int_eq(fix.delivered, 2);
}
END_TEST

static int threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *entry;
    int count = 0;

    ck_assert_ptr_nonnull(tasks);
    while ((entry = readdir(tasks)) != NULL) {
        char path[320];
        char name[32] = "";
        FILE *file;

        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
        file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (file != NULL) {
            count += fgets(name, sizeof(name), file) != NULL && strcmp(name, "leat-io\n") == 0;
            fclose(file);
        }
    }
    closedir(tasks);
    return count;
}

/* A client has one thread; on a base it has none, and everything runs while the caller turns the loop. */
START_TEST(client_on_a_base_has_no_thread)
{
    struct event_base *base = event_base_new();

    fix_start();
    ck_assert_int_eq(leat_client_connect(fix.client, 5000, NULL), 0);
    ck_assert_int_eq(threads(), 1);
    leat_producer_free(fix.producer);
    leat_client_unref(fix.client);
    while (threads() > 0) {
        (void)poll(NULL, 0, 1);
    }
    ck_assert_int_eq(leat_client_new_on_base(fix.conf, base, &fix.client, NULL), 0);
    ck_assert_int_eq(leat_producer_new(fix.client, NULL, &fix.producer, NULL), 0);
    ck_assert_int_eq(fix_send_number(0, 0), LEAT_EAGAIN); /* the topic is not known yet */
    ck_assert_int_eq(leat_client_connect(fix.client, 5000, NULL), 0);
    while (fix_send_number(0, 0) == LEAT_EAGAIN) {
        ck_assert_int_ge(leat_client_dispatch(fix.client, 100), 0);
    }
    while (fix.delivered == 0) {
        ck_assert_int_ge(leat_client_dispatch(fix.client, 100), 0);
    }
    ck_assert_int_eq(fix.callback_thread, (long)gettid());
    ck_assert_int_eq(fix_send_number(1, 0), 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 5000), 0);
    ck_assert_int_eq(fix.delivered, 2);
    ck_assert_int_eq(threads(), 0);
    leat_producer_free(fix.producer);
    leat_client_unref(fix.client);
    ck_assert_int_eq(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
    event_base_free(base);
    fix.producer = NULL;
    fix.client = NULL;
}
END_TEST

/* A forked child cannot use the client, and may free it. */
START_TEST(fork_is_noticed)
{
    struct leat_record *rec = leat_record_new();
    pid_t child;
    int status;

    fix_start();
    ck_assert_int_eq(leat_client_connect(fix.client, 5000, NULL), 0);
    ck_assert_int_eq(leat_record_set_topic(rec, "t", 0), 0);
    child = fork();
    if (child == 0) { /* no assertions of check in here: it shares its file with the parent */
        bool right = leat_send(fix.producer, rec, NULL, NULL) == LEAT_EFORKED &&
                     leat_client_connect(fix.client, 100, NULL) == LEAT_EFORKED &&
                     leat_producer_flush(fix.producer, 100) == LEAT_EFORKED;

        leat_producer_free(fix.producer);
        leat_client_unref(fix.client);
        _exit(right ? 0 : 1);
    }
    ck_assert_int_ge(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(leat_send(fix.producer, rec, NULL, NULL), 0);
    ck_assert_int_eq(leat_producer_flush(fix.producer, 10000), 0);
    leat_record_free(rec);
}
END_TEST

static int whole; /* records that were told with their header */
static int lacking;

static void look_without_memory(const struct leat_delivery *d, void *arg)
{
    bool first = whole + lacking == 0;

    (void)arg;
    if (first) {
        lt_alloc_fail_after(0);
    }
    for (int i = 0; i < 2; i++) {
        const struct leat_record *rec = leat_delivery_record(d);

        LT_ASSERT((rec == NULL) == first);
        LT_ASSERT(rec == NULL || leat_record_header_count(rec) == 1);
        lt_alloc_fail_never();
    }
    lacking += first;
    whole += !first;
}

/* A record that memory is missing for is not told in part, also not when it is asked for again; those behind it are whole. */
START_TEST(record_is_told_whole_or_not)
{
    struct event_base *base = event_base_new();
    struct leat_record *rec = leat_record_new();

    ck_assert_int_eq(leat_client_new_on_base(fix.conf, base, &fix.client, NULL), 0);
    ck_assert_int_eq(leat_producer_new(fix.client, NULL, &fix.producer, NULL), 0);
    ck_assert_int_eq(leat_record_set_topic(rec, "t", 0), 0);
    ck_assert_int_eq(leat_send_sync(fix.producer, rec, 20000, NULL), 0);
    ck_assert_int_eq(leat_record_add_header(rec, "name", "value", 5), 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(leat_send(fix.producer, rec, look_without_memory, NULL), 0);
    }
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    ck_assert_int_eq(lacking, 1);
    ck_assert_int_eq(whole, 2);
    leat_record_free(rec);
    leat_producer_free(fix.producer);
    leat_client_unref(fix.client);
    fix.producer = NULL;
    fix.client = NULL;
    event_base_free(base);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("producer");
    TCase *tc = tcase_create("sending");
    TCase *life = tcase_create("life");

    tcase_add_checked_fixture(tc, fix_setup, fix_teardown);
    tcase_add_test(tc, records_are_stored_in_order);
    tcase_add_loop_test(tc, trouble_that_passes_loses_nothing, 0,
                        (int)(sizeof(troubles) / sizeof(troubles[0])));
    tcase_add_test(tc, broker_may_go_and_come_back);
    tcase_add_test(tc, lasting_error_is_told);
    tcase_add_test(tc, delivery_has_a_deadline);
    tcase_add_test(tc, unreachable_broker_is_told);
    tcase_add_test(tc, unknown_topic_is_told);
    tcase_add_test(tc, large_batches_are_split);
    tcase_add_test(tc, large_record_is_refused);
    tcase_add_loop_test(tc, codecs_are_written, 0, (int)(sizeof(codecs) / sizeof(codecs[0])));
    tcase_add_test(tc, no_acks_needs_no_answer);
    tcase_add_test(tc, sync_tells_partition_and_offset);
    tcase_add_test(tc, sync_has_a_timeout);
    tcase_add_test(tc, memory_is_bounded);
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(life, fix_setup, fix_teardown);
    tcase_add_test(life, free_cancels_what_is_unsent);
    tcase_add_test(life, free_inside_a_callback);
    tcase_add_test(life, callback_may_send);
    tcase_add_test(life, dispatch_runs_callbacks_where_it_is_called);
    tcase_add_test(life, client_on_a_base_has_no_thread);
    tcase_add_test(life, fork_is_noticed);
    tcase_add_test(life, record_is_told_whole_or_not);
    suite_add_tcase(suite, life);
    return test_main(suite);
}
