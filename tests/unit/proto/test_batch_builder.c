/* Batches as leat writes them. */
#include "proto/batch_builder.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "proto/varint.h"
#include "tests/support/hex.h"
#include "tests/support/test_main.h"
#include "tests/unit/proto/golden.h"

static struct proto_batch_builder builder;
static struct proto_batch_options options;
static struct lt_buf want;
static struct lt_buf scratch;

static void setup(void)
{
    proto_batch_builder_init(&builder);
    proto_batch_options_init(&options);
    lt_buf_init(&want);
    lt_buf_init(&scratch);
}

static void teardown(void)
{
    lt_alloc_fail_never();
    proto_batch_builder_release(&builder);
    lt_buf_release(&want);
    lt_buf_release(&scratch);
    proto_compress_thread_release();
}

static const struct proto_record_header two_headers[] = {
    {{(const uint8_t *)"h", 1}, {(const uint8_t *)"x", 1}},
    {{(const uint8_t *)"n", 1}, {NULL, 0}},
};

static int add(int64_t timestamp, const char *key, const char *value, size_t header_count)
{
    struct proto_new_record record = {
        .timestamp = timestamp,
        .key = lt_slice_text(key),
        .value = lt_slice_text(value),
        .headers = two_headers,
        .header_count = header_count,
    };
    size_t size = builder.size + proto_batch_builder_record_size(&builder, &record);
    int err = proto_batch_builder_add(&builder, &record);
    if (err == 0) {
        ck_assert_uint_eq(builder.size, size); /* the estimate is exact */
    }
    return err;
}

static void assert_finished(const char *hex)
{
    uint8_t *batch = NULL;
    size_t size = 0;
    ck_assert_int_eq(proto_batch_builder_finish(&builder, &options, &batch, &size), 0);
    want.size = 0;
    test_hex_append(&want, hex);
    test_hex_assert_equal(lt_slice(batch, size), lt_buf_slice(&want));
}

/* Two records with headers and nulls: byte for byte what Kafka's classes write. */
START_TEST(plain_records_match_kafkas_bytes)
{
    ck_assert_int_eq(add(GOLDEN_TIME, "k1", "v1", 0), 0);
    ck_assert_int_eq(add(GOLDEN_TIME + 5, NULL, "v2", 2), 0);
    assert_finished(GOLDEN_TWO_RECORDS);
}
END_TEST

/* Transactional data carries producer, epoch and sequence. */
START_TEST(transactional_records_match_kafkas_bytes)
{
    ck_assert_int_eq(add(GOLDEN_TIME, NULL, "hello", 0), 0);
    options.attributes = PROTO_BATCH_TRANSACTIONAL;
    options.producer_id = 42;
    options.producer_epoch = 1;
    options.base_sequence = 0;
    assert_finished(GOLDEN_TRANSACTIONAL);
}
END_TEST

/* Transaction markers are control batches of one record. */
START_TEST(markers_match_kafkas_bytes)
{
    struct proto_new_record marker = {
        .timestamp = GOLDEN_TIME + 100,
        .key = lt_slice("\0\0\0\1", 4),
        .value = lt_slice("\0\0\0\0\0\3", 6),
    };
    options.attributes = PROTO_BATCH_TRANSACTIONAL | PROTO_BATCH_CONTROL;
    options.producer_id = 42;
    options.producer_epoch = 2;
    options.leader_epoch = 0;
    options.base_offset = 7;
    ck_assert_int_eq(proto_batch_builder_add(&builder, &marker), 0);
    assert_finished(GOLDEN_COMMIT);
    proto_batch_builder_reset(&builder);
    marker.key = lt_slice("\0\0\0\0", 4);
    options.base_offset = 8;
    ck_assert_int_eq(proto_batch_builder_add(&builder, &marker), 0);
    assert_finished(GOLDEN_ABORT);
}
END_TEST

/* After reset the same memory makes the same batch. */
START_TEST(reset_keeps_memory_and_forgets_records)
{
    ck_assert_int_eq(add(5, "other", "content", 2), 0);
    proto_batch_builder_reset(&builder);
    const uint8_t *memory = builder.bytes.data;
    ck_assert_uint_eq(builder.size, PROTO_BATCH_HEADER_SIZE);
    lt_alloc_fail_after(0);
    ck_assert_int_eq(add(GOLDEN_TIME, "k1", "v1", 0), 0);
    lt_alloc_fail_never();
    ck_assert_ptr_eq(builder.bytes.data, memory);
    ck_assert_int_eq(add(GOLDEN_TIME + 5, NULL, "v2", 2), 0);
    assert_finished(GOLDEN_TWO_RECORDS);
}
END_TEST

/* Timestamps may go back, be absent, or be extreme: they come out as they went in. */
START_TEST(timestamps_of_any_order_round_trip)
{
    static const int64_t times[] = {1000, -1, 0, 5000, INT64_MAX, INT64_MIN, 1000};
    enum { COUNT = sizeof(times) / sizeof(times[0]) };
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(add(times[i], "k", NULL, 0), 0);
    }
    uint8_t *batch = NULL;
    size_t size = 0;
    ck_assert_int_eq(proto_batch_builder_finish(&builder, &options, &batch, &size), 0);
    struct proto_batch_header header;
    ck_assert_int_eq(proto_batch_read(batch, size, &header), 0);
    ck_assert_int_eq(header.base_timestamp, 1000);
    ck_assert_int_eq(header.max_timestamp, INT64_MAX);
    struct proto_record_iter iter;
    struct proto_record record;
    ck_assert_int_eq(proto_batch_records_open(lt_slice(batch, size), 0, &scratch, &iter), 0);
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(proto_record_next(&iter, &record), 1);
        ck_assert_int_eq(record.timestamp, times[i]);
        ck_assert_int_eq(record.offset_delta, i);
    }
    ck_assert_int_eq(proto_record_next(&iter, &record), 0);
}
END_TEST

/* Many records in every codec come back the same, and the builder can finish more than once. */
START_TEST(every_codec_round_trips)
{
    if (!proto_codec_available(_i)) {
        return;
    }
    char value[200];
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(value, sizeof(value), "value %d of a record with some text that repeats", i);
        ck_assert_int_eq(add(GOLDEN_TIME + i, "key", value, i % 3 == 0 ? 2 : 0), 0);
    }
    options.codec = _i;
    for (int round = 0; round < 2; round++) {
        uint8_t *batch = NULL;
        size_t size = 0;
        ck_assert_int_eq(proto_batch_builder_finish(&builder, &options, &batch, &size), 0);
        struct proto_batch_header header;
        ck_assert_int_eq(proto_batch_read(batch, size, &header), 0);
        ck_assert_int_eq(proto_batch_header_codec(&header), _i);
        ck_assert_int_eq(header.record_count, 3000);
        ck_assert_int_eq(header.last_offset_delta, 2999);
        ck_assert_int_eq(header.max_timestamp, GOLDEN_TIME + 2999);
        ck_assert(_i == PROTO_CODEC_NONE || size < builder.size / 2);
        struct proto_record_iter iter;
        struct proto_record record;
        ck_assert_int_eq(proto_batch_records_open(lt_slice(batch, size), 0, &scratch, &iter), 0);
        for (int i = 0; i < 3000; i++) {
            (void)snprintf(value, sizeof(value), "value %d of a record with some text that repeats",
                           i);
            ck_assert_int_eq(proto_record_next(&iter, &record), 1);
            ck_assert(lt_slice_is(record.key, "key"));
            ck_assert(lt_slice_is(record.value, value));
            ck_assert_int_eq(record.header_count, i % 3 == 0 ? 2 : 0);
        }
        ck_assert_int_eq(proto_record_next(&iter, &record), 0);
    }
}
END_TEST

/* A batch without records has its header and no last offset. */
START_TEST(an_empty_builder_makes_an_empty_batch)
{
    uint8_t *batch = NULL;
    size_t size = 0;
    ck_assert_int_eq(proto_batch_builder_finish(&builder, &options, &batch, &size), 0);
    ck_assert_uint_eq(size, PROTO_BATCH_HEADER_SIZE);
    struct proto_batch_header header;
    ck_assert_int_eq(proto_batch_read(batch, size, &header), 0);
    ck_assert_int_eq(header.record_count, 0);
    ck_assert_int_eq(header.last_offset_delta, -1);
}
END_TEST

/* What can never be encoded is refused before anything is touched. */
START_TEST(parts_above_two_gigabytes_are_refused)
{
    struct proto_new_record record = {.value = lt_slice("", 0)};
    record.value.size = (size_t)INT32_MAX + 1;
    ck_assert_uint_eq(proto_batch_builder_record_size(&builder, &record), SIZE_MAX);
    ck_assert_int_eq(proto_batch_builder_add(&builder, &record), LEAT_E2BIG);
    record.value.size = (size_t)INT32_MAX - 20;
    ck_assert_int_eq(proto_batch_builder_add(&builder, &record), LEAT_E2BIG);
    record.value.size = SIZE_MAX;
    ck_assert_int_eq(proto_batch_builder_add(&builder, &record), LEAT_E2BIG);
    ck_assert_ptr_null(builder.bytes.data);
    ck_assert_int_eq(builder.record_count, 0);
}
END_TEST

/* Whichever allocation fails, the builder says so, keeps what it has, and works again afterwards. */
START_TEST(a_failed_allocation_changes_nothing)
{
    options.codec = _i;
    if (!proto_codec_available(_i)) {
        return;
    }
    char value[4000];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (int64_t allowed = 0;; allowed++) {
        ck_assert_int_lt(allowed, 100);
        proto_batch_builder_release(&builder);
        proto_compress_thread_release();
        lt_alloc_fail_after(allowed);
        uint8_t *batch = NULL;
        size_t size = 0;
        int err = add(1, "k", value, 2);
        if (err == 0) {
            err = add(2, "k", value, 2);
        }
        int32_t count = builder.record_count;
        if (err == 0) {
            err = proto_batch_builder_finish(&builder, &options, &batch, &size);
        }
        bool failed = lt_alloc_failed();
        lt_alloc_fail_never();
        if (!failed) {
            ck_assert_int_eq(err, 0);
            break;
        }
        ck_assert_int_eq(err, LEAT_ENOMEM);
        while (count < 2) {
            ck_assert_int_eq(add(2, "k", value, 2), 0);
            count++;
        }
        ck_assert_int_eq(proto_batch_builder_finish(&builder, &options, &batch, &size), 0);
        struct proto_batch_header header;
        ck_assert_int_eq(proto_batch_read(batch, size, &header), 0);
        ck_assert_int_eq(header.record_count, 2);
    }
}
END_TEST

/* Recompression keeps all of the header but length, codec and CRC. */
START_TEST(repack_keeps_the_header)
{
    want.size = 0;
    test_hex_append(&want, GOLDEN_TRANSACTIONAL);
    struct proto_batch_header before;
    struct proto_batch_header after;
    memset(&before, 0, sizeof(before)); /* padding is compared below */
    memset(&after, 0, sizeof(after));
    ck_assert_int_eq(proto_batch_read(want.data, want.size, &before), 0);
    struct lt_buf out = {0};
    ck_assert_int_eq(lt_buf_append_text(&out, "in front"), 0);
    ck_assert_int_eq(proto_batch_repack(&before, PROTO_CODEC_GZIP, PROTO_LEVEL_DEFAULT,
                                        lt_slice(want.data + 61, want.size - 61), &out),
                     0);
    ck_assert_int_eq(proto_batch_read(out.data + 8, out.size - 8, &after), 0);
    ck_assert_int_eq(after.attributes, PROTO_BATCH_TRANSACTIONAL | PROTO_CODEC_GZIP);
    after.attributes = before.attributes;
    after.length = before.length;
    after.crc = before.crc;
    ck_assert_mem_eq(&after, &before, sizeof(after));
    lt_buf_release(&out);
}
END_TEST

static void add_number(struct proto_batch_builder *to, int number, bool outside)
{
    static const uint8_t bytes[300];
    const struct proto_new_record record = {.timestamp = 1000 + number,
                                            .key = number % 3 == 0 ? LT_SLICE_NULL
                                                                   : lt_slice_text("key"),
                                            .value = lt_slice(bytes, (size_t)number * 7),
                                            .headers = two_headers,
                                            .header_count = number % 2 == 0 ? 2 : 0};

    ck_assert_int_eq(outside ? proto_batch_builder_add_hole(to, &record)
                             : proto_batch_builder_add(to, &record),
                     0);
}

static void assert_same_records(const struct proto_batch_builder *a,
                                const struct proto_batch_builder *b)
{
    struct proto_builder_walk walks[2];
    struct proto_record got[2];
    int32_t count = 0;

    proto_builder_walk_init(&walks[0], a);
    proto_builder_walk_init(&walks[1], b);
    while (proto_builder_walk_next(&walks[0], &got[0])) {
        ck_assert(proto_builder_walk_next(&walks[1], &got[1]));
        ck_assert_int_eq(got[0].timestamp, 1000 + count);
        ck_assert_int_eq(got[1].timestamp, 1000 + count);
        ck_assert_int_eq(got[0].offset_delta, count);
        ck_assert(lt_slice_equal(got[0].key, got[1].key));
        ck_assert(lt_slice_equal(got[0].value, got[1].value));
        ck_assert_uint_eq(got[0].value.size, (size_t)count * 7);
        ck_assert_int_eq(got[0].header_count, got[1].header_count);
        ck_assert(lt_slice_equal(got[0].headers_raw, got[1].headers_raw));
        count++;
    }
    ck_assert(!proto_builder_walk_next(&walks[1], &got[1]));
    ck_assert_int_eq(count, 40);
}

/* Values left outside: the pieces together are the batch that copying gives, CRC included, and the walk finds the same records. */
START_TEST(holes_give_the_same_batch)
{
    struct proto_batch_builder plain;
    uint8_t *batch = NULL;
    uint8_t *other = NULL;
    size_t size = 0;
    size_t other_size = 0;
    size_t from = 0;

    proto_batch_builder_init(&plain);
    for (int i = 0; i < 40; i++) {
        add_number(&plain, i, false);
        add_number(&builder, i, i % 4 != 1);
    }
    ck_assert_uint_eq(builder.size, plain.size);
    assert_same_records(&plain, &builder);
    ck_assert_int_eq(proto_batch_builder_finish(&plain, &options, &batch, &size), 0);
    ck_assert_int_eq(proto_batch_builder_finish(&builder, &options, &other, &other_size), 0);
    ck_assert_uint_eq(size, other_size);
    for (size_t i = 0; i < builder.hole_count; i++) {
        const struct proto_batch_hole *hole = &builder.holes[i];

        ck_assert_int_eq(lt_buf_append(&want, other + from, hole->position - from), 0);
        ck_assert_int_eq(lt_buf_append(&want, hole->bytes.data, hole->bytes.size), 0);
        from = hole->position;
    }
    ck_assert_int_eq(lt_buf_append(&want, other + from, builder.bytes.size - from), 0);
    ck_assert_uint_eq(want.size, size);
    ck_assert_mem_eq(want.data, batch, size);
    proto_batch_builder_release(&plain);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("batch_builder");
    TCase *tc = tcase_create("build");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, plain_records_match_kafkas_bytes);
    tcase_add_test(tc, transactional_records_match_kafkas_bytes);
    tcase_add_test(tc, markers_match_kafkas_bytes);
    tcase_add_test(tc, reset_keeps_memory_and_forgets_records);
    tcase_add_test(tc, timestamps_of_any_order_round_trip);
    tcase_add_loop_test(tc, every_codec_round_trips, 0, PROTO_CODEC_COUNT);
    tcase_add_test(tc, an_empty_builder_makes_an_empty_batch);
    tcase_add_test(tc, parts_above_two_gigabytes_are_refused);
    tcase_add_loop_test(tc, a_failed_allocation_changes_nothing, 0, PROTO_CODEC_COUNT);
    tcase_add_test(tc, repack_keeps_the_header);
    tcase_add_test(tc, holes_give_the_same_batch);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
