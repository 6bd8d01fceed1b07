/* consumer_fixture.c: see consumer_fixture.h. */
#include "tests/support/client/consumer_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct consumer_fixture con;

void con_set(const char *key, const char *value)
{
    ck_assert_int_eq(leat_conf_set(con.conf, key, value, NULL), 0);
}

void con_setup(void)
{
    con_setup_many(3);
}

void con_setup_many(int32_t part_count)
{
    con = (struct consumer_fixture){.part_count = part_count};
    con.broker = fake_broker_new(part_count);
    con.conf = leat_conf_new();
    con.parts = leat_offsets_new();
    con_set("bootstrap.servers", fake_broker_address(con.broker));
    con_set("retry.backoff.ms", "10");
    con_set("reconnect.backoff.ms", "10");
    con_set("fetch.max.wait.ms", "50");
}

void con_teardown(void)
{
    leat_offsets_free(con.parts);
    leat_consumer_free(con.consumer);
    leat_client_unref(con.client);
    leat_conf_free(con.conf);
    fake_broker_free(con.broker);
}

void con_append(int32_t partition, int64_t base, int count, const struct proto_batch_options *like)
{
    struct proto_batch_builder builder;
    struct proto_batch_options options;
    uint8_t *bytes;
    size_t size;

    proto_batch_builder_init(&builder);
    proto_batch_options_init(&options);
    if (like != NULL) {
        options = *like;
    }
    options.base_offset = base;
    for (int i = 0; i < count; i++) {
        const struct proto_record_header header = {lt_slice_text("h"), LT_SLICE_NULL};
        struct proto_new_record rec = {
            .timestamp = 1000 + base + i, .headers = &header, .header_count = 1};
        char text[32];

        snprintf(text, sizeof(text), "%lld", (long long)base + i);
        rec.value = lt_slice_text(text);
        ck_assert_int_eq(proto_batch_builder_add(&builder, &rec), 0);
    }
    ck_assert_int_eq(proto_batch_builder_finish(&builder, &options, &bytes, &size), 0);
    fake_broker_append(con.broker, partition, bytes, size);
    proto_batch_builder_release(&builder);
}

void con_append_all(int codec)
{
    struct proto_batch_options options;

    proto_batch_options_init(&options);
    options.codec = codec;
    for (int64_t i = 0; i < CON_BATCHES; i++) {
        for (int32_t part = 0; part < con.part_count; part++) {
            con_append(part, i * CON_PER_BATCH, CON_PER_BATCH, &options);
        }
    }
}

void con_rule(int16_t api_key, int skip, int count, enum fake_action action, int16_t code)
{
    const struct fake_rule rule = {api_key, skip, count, action, code};

    fake_broker_rule(con.broker, &rule);
}

void con_start(int64_t offset)
{
    ck_assert_int_eq(leat_client_new(con.conf, &con.client, NULL), 0);
    ck_assert_int_eq(leat_consumer_new(con.client, NULL, &con.consumer, NULL), 0);
    for (int32_t i = 0; i < con.part_count; i++) {
        ck_assert_int_eq(leat_offsets_add(con.parts, "t", i, offset), 0);
    }
    ck_assert_int_eq(leat_consumer_assign(con.consumer, con.parts, NULL), 0);
}

struct leat_offsets *con_list(int32_t partition, int64_t offset)
{
    struct leat_offsets *list = leat_offsets_new();

    ck_assert_int_eq(leat_offsets_add(list, "t", partition, offset), 0);
    return list;
}

/* Is the record what its place says? Returns its partition. */
static int32_t check_record(const struct leat_record *rec, int64_t offset_of(int32_t partition))
{
    char text[32] = {0};
    const void *value;
    const char *name;
    int32_t part;
    size_t size;

    ck_assert_str_eq(leat_record_topic(rec, &part), "t");
    ck_assert_int_eq(leat_record_offset(rec), offset_of(part));
    value = leat_record_value(rec, &size);
    memcpy(text, value, size < 31 ? size : 31);
    ck_assert_int_eq(strtoll(text, NULL, 10), leat_record_offset(rec));
    ck_assert_int_eq(leat_record_timestamp(rec), 1000 + leat_record_offset(rec));
    ck_assert_ptr_null(leat_record_header_at(rec, 0, &name, &size));
    ck_assert_str_eq(name, "h");
    return part;
}

static int64_t next[1024]; /* offset that is due, by partition */

static int64_t next_of(int32_t partition)
{
    return next[partition];
}

static void poll_once(void)
{
    struct leat_batch *batch = NULL;
    struct leat_error *err = NULL;
    int count = leat_consumer_poll(con.consumer, 10000, &batch, &err);

    ck_assert_msg(count > 0, "poll: %d %s", count, leat_error_message(err));
    for (size_t i = 0; i < leat_batch_count(batch); i++) {
        next[check_record(leat_batch_at(batch, i), next_of)]++;
    }
    leat_batch_unref(batch);
}

void con_read_part(int32_t partition, int64_t begin, int64_t count)
{
    for (int32_t i = 0; i < con.part_count; i++) {
        next[i] = -1; /* none is due of others */
    }
    next[partition] = begin;
    while (next[partition] < begin + count) {
        poll_once();
    }
}

void con_read_up_to(int64_t begin, int64_t end)
{
    int32_t behind = con.part_count;

    for (int32_t i = 0; i < con.part_count; i++) {
        next[i] = begin;
    }
    while (behind > 0) {
        poll_once();
        behind = 0;
        for (int32_t i = 0; i < con.part_count; i++) {
            behind += next[i] < end;
        }
    }
    for (int32_t i = 0; i < con.part_count; i++) {
        ck_assert_int_eq(leat_consumer_position(con.consumer, "t", i), end);
        ck_assert_int_eq(leat_consumer_lag(con.consumer, "t", i), 0);
    }
}

int con_poll_error(struct leat_error **reterr)
{
    for (;;) {
        struct leat_batch *batch = NULL;
        int count = leat_consumer_poll(con.consumer, 10000, &batch, reterr);

        ck_assert_int_ne(count, 0);
        if (count < 0) {
            return count;
        }
        leat_batch_unref(batch);
    }
}
