/* producer_fixture.c: see producer_fixture.h. */
#include "tests/support/client/producer_fixture.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "proto/record_batch.h"

struct producer_fixture fix;

void fix_set(const char *key, const char *value)
{
    ck_assert_int_eq(leat_conf_set(fix.conf, key, value, NULL), 0);
}

void fix_setup(void)
{
    fix.broker = fake_broker_new(3);
    fix.conf = leat_conf_new();
    fix_set("bootstrap.servers", fake_broker_address(fix.broker));
    fix_set("retry.backoff.ms", "10");
    fix_set("reconnect.backoff.ms", "10");
    fix_set("reconnect.backoff.max.ms", "50");
    fix.client = NULL;
    fix.producer = NULL;
    fix.delivered = 0;
    fix.failed = 0;
    fix.last_code = 0;
}

void fix_teardown(void)
{
    leat_producer_free(fix.producer);
    leat_client_unref(fix.client);
    leat_conf_free(fix.conf);
    fake_broker_free(fix.broker);
}

void fix_start(void)
{
    ck_assert_int_eq(leat_client_new(fix.conf, &fix.client, NULL), 0);
    ck_assert_int_eq(leat_producer_new(fix.client, NULL, &fix.producer, NULL), 0);
}

/* On the I/O thread, where check's assertions must not be used. */
void fix_on_delivery(const struct leat_delivery *d, void *arg)
{
    (void)arg;
    fix.last_code = leat_delivery_code(d);
    fix.callback_thread = (long)gettid();
    if (fix.last_code == 0) {
        fix.delivered++;
        LT_ASSERT(strcmp(leat_delivery_message(d), "") == 0);
    } else {
        fix.failed++;
        LT_ASSERT(strlen(leat_delivery_message(d)) > 0);
    }
}

int fix_send_number(int number, int32_t partition)
{
    struct leat_record *rec = leat_record_new();
    char text[16];
    int err;

    snprintf(text, sizeof(text), "%d", number);
    ck_assert_int_eq(leat_record_set_topic(rec, "t", partition), 0);
    ck_assert_int_eq(leat_record_set_value(rec, text, strlen(text)), 0);
    err = leat_send(fix.producer, rec, fix_on_delivery, NULL);
    leat_record_free(rec);
    return err;
}

void fix_send_all(void)
{
    for (int i = 0; i < FIX_RECORDS; i++) {
        ck_assert_int_eq(fix_send_number(i, i % 3), 0);
    }
}

/* Numbers that a partition has stored, in order; how many. */
int fix_stored(int32_t partition, int *numbers, int max)
{
    struct lt_buf log = {0};
    struct lt_buf scratch = {0};
    struct lt_slice rest;
    struct proto_batch_header header;
    int count = 0;

    (void)fake_broker_log(fix.broker, partition, &log);
    rest = lt_buf_slice(&log);
    while (proto_batch_header_read(rest.data, rest.size, &header) == 0) {
        size_t size = proto_batch_header_total(&header);
        struct proto_record_iter iter;
        struct proto_record rec;

        ck_assert_int_eq(proto_batch_records_open(lt_slice(rest.data, size), 0, &scratch, &iter),
                         0);
        while (proto_record_next(&iter, &rec) == 1) {
            char text[16] = {0};

            ck_assert_int_lt(count, max);
            memcpy(text, rec.value.data, rec.value.size);
            numbers[count++] = (int)strtol(text, NULL, 10);
        }
        rest.data += size;
        rest.size -= size;
    }
    lt_buf_release(&scratch);
    lt_buf_release(&log);
    return count;
}

/* Everything is there, in order; with `twice` a run may be stored again behind itself. */
void fix_check_stored(bool twice)
{
    static int numbers[4 * FIX_RECORDS];

    for (int32_t part = 0; part < 3; part++) {
        int count = fix_stored(part, numbers, 4 * FIX_RECORDS);
        int next = part;

        for (int i = 0; i < count; i++) {
            if (numbers[i] == next) {
                next += 3;
            } else {
                ck_assert_msg(twice && numbers[i] < next, "partition %d: %d came before %d", part,
                              numbers[i], next);
                next = numbers[i] + 3;
            }
        }
        ck_assert_int_ge(next, FIX_RECORDS);
    }
}

void fix_await(int callbacks)
{
    while (fix.delivered + fix.failed < callbacks) {
        (void)poll(NULL, 0, 1);
    }
}
