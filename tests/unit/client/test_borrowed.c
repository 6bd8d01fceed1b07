/* leat_send_borrowed. The complaint: "impossible for the caller to know whether or not it needs to free the payload itself". Here `release` comes exactly
 * once whatever happens, and what is sent are the caller's own bytes. */
#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "proto/api.h"
#include "proto/record_batch.h"
#include "tests/support/client/producer_fixture.h"
#include "tests/support/test_main.h"

#define LOANS 24
#define LAST 23 /* a large one */

static struct loan {
    uint8_t *bytes;
    size_t size;
    _Atomic int released;
    _Atomic int told; /* delivery callbacks */
} loans[LOANS];

static _Atomic int released_all;

static void make_loans(void)
{
    for (int i = 0; i < LOANS; i++) {
        loans[i].size = i % 5 == 0 ? (size_t)i : (size_t)4000 + (size_t)i * 400;
        loans[i].bytes = malloc(loans[i].size + 1);
        loans[i].released = 0;
        loans[i].told = 0;
        memset(loans[i].bytes, i, loans[i].size);
    }
    released_all = 0;
}

static void setup(void)
{
    fix_setup();
    make_loans();
}

static void teardown(void)
{
    fix_teardown();
    for (int i = 0; i < LOANS; i++) {
        free(loans[i].bytes);
    }
}

/* Any thread: where check's assertions must not be used. */
static void on_release(const void *value, size_t size, void *arg)
{
    struct loan *loan = arg;

    LT_ASSERT(value == loan->bytes && size == loan->size);
    memset(loan->bytes, 0xee, loan->size); /* it is ours again */
    loan->released++;
    released_all++;
}

static void on_delivery(const struct leat_delivery *d, void *arg)
{
    struct loan *loan = arg;
    const struct leat_record *rec = leat_delivery_record(d);
    size_t size;
    const uint8_t *value = leat_record_value(rec, &size);
    const uint8_t *header = leat_record_header(rec, "name", NULL);

    LT_ASSERT(size == loan->size && header != NULL);
    LT_ASSERT(size == 0 || value[size - 1] == (uint8_t)(loan - loans));
    loan->told++;
    fix_on_delivery(d, NULL);
}

static int lend(int i, const char *topic)
{
    struct leat_record *rec = leat_record_new();
    int err;

    ck_assert_int_eq(leat_record_set_topic(rec, topic, 0), 0);
    ck_assert_int_eq(leat_record_set_key(rec, "key", 3), 0);
    ck_assert_int_eq(leat_record_add_header(rec, "name", "text", 4), 0);
    ck_assert_int_eq(leat_record_borrow_value(rec, loans[i].bytes, loans[i].size), 0);
    err = leat_send_borrowed(fix.producer, rec, on_release, on_delivery, &loans[i]);
    leat_record_free(rec); /* the rest of it was copied */
    return err;
}

static void lend_all(void)
{
    for (int i = 0; i < LOANS; i++) {
        ck_assert_int_eq(lend(i, "t"), 0);
    }
}

static void check_released(int told)
{
    while (released_all < LOANS) {
        (void)poll(NULL, 0, 1);
    }
    for (int i = 0; i < LOANS; i++) {
        ck_assert_int_eq(loans[i].released, 1);
        ck_assert_int_eq(loans[i].told, told);
    }
}

/* Everything is stored as it was lent, in order. */
static void check_log(void)
{
    struct lt_buf log = {0};
    struct lt_buf scratch = {0};
    struct lt_slice rest;
    struct proto_batch_header header;
    int next = 0;

    (void)fake_broker_log(fix.broker, 0, &log);
    rest = lt_buf_slice(&log);
    while (proto_batch_header_read(rest.data, rest.size, &header) == 0) {
        struct proto_record_iter iter;
        struct proto_record rec;
        size_t size = proto_batch_header_total(&header);

        ck_assert_int_eq(proto_batch_records_open(lt_slice(rest.data, size), 0, &scratch, &iter),
                         0);
        for (; proto_record_next(&iter, &rec) == 1; next++) {
            ck_assert_int_lt(next, LOANS);
            ck_assert_uint_eq(rec.value.size, loans[next].size);
            for (size_t k = 0; k < rec.value.size; k++) {
                ck_assert_uint_eq(rec.value.data[k], (uint8_t)next);
            }
        }
        rest.data += size;
        rest.size -= size;
    }
    ck_assert_int_eq(next, LOANS);
    lt_buf_release(&scratch);
    lt_buf_release(&log);
}

static const char *const settings[][2] = {
    {"linger.ms", "5"},          {"batch.size", "1"},          {"batch.size", "1MiB"},
    {"compression.type", "lz4"}, {"compression.type", "zstd"}, {"acks", "0"},
};

/* Delivered: released once, behind the callback, which still sees the value. */
START_TEST(released_after_delivery)
{
    fix_set(settings[_i][0], settings[_i][1]);
    fix_start();
    lend_all();
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    ck_assert_int_eq(released_all, LOANS); /* flush waits for that too */
    check_released(1);
    if (strcmp(settings[_i][0], "acks") != 0) {
        check_log();
    }
}
END_TEST

/* What is sent are the caller's bytes: a change before they go out (which the contract forbids) shows. */
START_TEST(value_is_not_copied)
{
    struct lt_buf log = {0};

    fix_set("linger.ms", "1h");
    fix_set("batch.size", "100000"); /* it is not full by this value */
    fix_start();
    ck_assert_int_eq(lend(LAST, "t"), 0);
    ck_assert_int_eq(loans[LAST].released, 0);
    loans[LAST].bytes[loans[LAST].size / 2] = 'X';
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    (void)fake_broker_log(fix.broker, 0, &log);
    ck_assert_ptr_nonnull(
        memchr(log.data + PROTO_BATCH_HEADER_SIZE, 'X', log.size - PROTO_BATCH_HEADER_SIZE));
    lt_buf_release(&log);
}
END_TEST

/* Errors of the call: released before it returns, no callback. */
START_TEST(released_on_errors)
{
    struct leat_record *rec = leat_record_new();
    int before;

    fix_set("max.block.ms", "500");
    fix_set("max.request.size", "9000");
    fix_start();
    ck_assert_int_eq(lend(1, "other"), LEAT_BROKER_ERROR(3));
    ck_assert_int_eq(loans[1].released, 1);
    ck_assert_int_eq(lend(LAST, "t"), LEAT_E2BIG);
    ck_assert_int_eq(loans[LAST].released, 1);
    ck_assert_int_eq(leat_record_borrow_value(rec, loans[2].bytes, loans[2].size), 0);
    ck_assert_int_eq(leat_send_borrowed(fix.producer, rec, on_release, NULL, &loans[2]),
                     LEAT_EINVAL); /* no topic */
    ck_assert_int_eq(leat_send_borrowed(NULL, rec, on_release, NULL, &loans[2]), LEAT_EINVAL);
    ck_assert_int_eq(loans[2].released, 2);
    before = released_all;
    ck_assert_int_eq(leat_send_borrowed(fix.producer, rec, NULL, NULL, NULL), LEAT_EINVAL);
    ck_assert_int_eq(released_all, before);
    ck_assert_int_eq(fix.delivered + fix.failed, 0);
    leat_record_free(rec);
}
END_TEST

static const struct fake_rule troubles[] = {
    {PROTO_API_PRODUCE, 0, 2, FAKE_ERROR, 6},     {PROTO_API_PRODUCE, 0, 2, FAKE_ERROR, 19},
    {PROTO_API_PRODUCE, 1, 1, FAKE_HANG_UP, 0},   {PROTO_API_PRODUCE, 0, 1, FAKE_SILENCE, 0},
    {PROTO_API_PRODUCE, 0, 1, FAKE_LACKING, 0},   {PROTO_API_PRODUCE, 0, 1, FAKE_DO_HANG_UP, 0},
    {PROTO_API_PRODUCE, 0, -1, FAKE_ERROR, 87},   {PROTO_API_PRODUCE, 0, -1, FAKE_ERROR, 7},
    {PROTO_API_PRODUCE, 0, -1, FAKE_SILENCE, 0},  {PROTO_API_PRODUCE, 0, -1, FAKE_GARBAGE, 0},
    {PROTO_API_METADATA, 1, -1, FAKE_HANG_UP, 0},
};

/* Retried, refused, given up: released once, with one callback. */
START_TEST(released_once_in_trouble)
{
    fix_set("request.timeout.ms", "150");
    fix_set("delivery.timeout.ms", "400");
    fix_set("linger.ms", "0");
    fake_broker_rule(fix.broker, &troubles[_i]);
    fix_start();
    lend_all();
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    check_released(1);
}
END_TEST

/* A batch that is cut in halves keeps what was lent to it. */
START_TEST(released_once_after_a_split)
{
    fix_set("linger.ms", "1h");
    fix_set("batch.size", "900000");
    fake_broker_batch_max(fix.broker, 25000);
    fix_start();
    lend_all();
    ck_assert_int_eq(leat_producer_flush(fix.producer, 20000), 0);
    check_released(1);
    check_log();
}
END_TEST

/* Producer and client freed with everything unsent. */
START_TEST(released_when_all_is_freed)
{
    fix_set("linger.ms", "1h");
    fix_start();
    lend_all();
    if (_i == 0) {
        leat_producer_free(fix.producer);
        leat_client_unref(fix.client);
    } else {
        leat_client_unref(fix.client);
        leat_producer_free(fix.producer);
    }
    fix.producer = NULL;
    fix.client = NULL;
    check_released(1);
}
END_TEST

/* leat.dispatch: release runs where callbacks run, also without a callback. */
START_TEST(released_in_dispatch)
{
    struct leat_record *rec = leat_record_new();
    int ran = 0;

    fix_set("leat.dispatch", "true");
    fix_start();
    ck_assert_int_eq(leat_record_set_topic(rec, "t", 0), 0);
    ck_assert_int_eq(leat_record_borrow_value(rec, loans[LAST].bytes, loans[LAST].size), 0);
    ck_assert_int_eq(leat_send_borrowed(fix.producer, rec, on_release, NULL, &loans[LAST]), 0);
    while (fake_broker_count(fix.broker, PROTO_API_PRODUCE) == 0) {
        (void)poll(NULL, 0, 1);
    }
    ck_assert_int_eq(loans[LAST].released, 0);
    while (ran == 0) {
        ran = leat_client_dispatch(fix.client, 1000);
        ck_assert_int_ge(ran, 0);
    }
    ck_assert_int_eq(loans[LAST].released, 1);
    leat_record_free(rec);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("borrowed");
    TCase *tc = tcase_create("release");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, released_after_delivery, 0,
                        (int)(sizeof(settings) / sizeof(settings[0])));
    tcase_add_test(tc, value_is_not_copied);
    tcase_add_test(tc, released_on_errors);
    tcase_add_loop_test(tc, released_once_in_trouble, 0,
                        (int)(sizeof(troubles) / sizeof(troubles[0])));
    tcase_add_test(tc, released_once_after_a_split);
    tcase_add_loop_test(tc, released_when_all_is_freed, 0, 2);
    tcase_add_test(tc, released_in_dispatch);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
