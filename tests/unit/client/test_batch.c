/* Records out of fetched bytes: aborted transactions, markers, cut batches, and every allocation failing. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "client/consumer_impl.h"
#include "proto/batch_builder.h"
#include "proto/varint.h"
#include "tests/support/test_main.h"

static struct leat_consumer consumer; /* only what batch.c looks at */
static struct lt_buf bytes;
static int64_t end;

static void setup(void)
{
    memset(&consumer, 0, sizeof(consumer));
    consumer.check_crcs = true;
    consumer.committed = true;
    end = 0;
}

static void teardown(void)
{
    lt_buf_release(&bytes);
}

/* A batch of `count` records of a producer; producer < 0: none, not transactional. */
static void add(int64_t producer, int count, int codec)
{
    struct proto_batch_builder builder;
    struct proto_batch_options options;
    uint8_t *batch;
    size_t size;

    proto_batch_builder_init(&builder);
    proto_batch_options_init(&options);
    options.base_offset = end;
    options.codec = codec;
    options.producer_id = producer;
    options.attributes = producer < 0 ? 0 : PROTO_BATCH_TRANSACTIONAL;
    for (int i = 0; i < count; i++) {
        const struct proto_new_record rec = {.timestamp = 1, .value = lt_slice("v", 1)};

        ck_assert_int_eq(proto_batch_builder_add(&builder, &rec), 0);
    }
    ck_assert_int_eq(proto_batch_builder_finish(&builder, &options, &batch, &size), 0);
    ck_assert_int_eq(lt_buf_append(&bytes, batch, size), 0);
    proto_batch_builder_release(&builder);
    end += count;
}

/* The marker that ends a producer's transaction. */
static void add_marker(int64_t producer, int16_t type)
{
    struct proto_batch_builder builder;
    struct proto_batch_options options;
    uint8_t key[4] = {0};
    uint8_t value[6] = {0};
    const struct proto_new_record rec = {
        .timestamp = 1, .key = lt_slice(key, 4), .value = lt_slice(value, 6)};
    uint8_t *batch;
    size_t size;

    proto_store_i16(key + 2, type);
    proto_batch_builder_init(&builder);
    proto_batch_options_init(&options);
    options.base_offset = end++;
    options.producer_id = producer;
    options.attributes = PROTO_BATCH_TRANSACTIONAL | PROTO_BATCH_CONTROL;
    ck_assert_int_eq(proto_batch_builder_add(&builder, &rec), 0);
    ck_assert_int_eq(proto_batch_builder_finish(&builder, &options, &batch, &size), 0);
    ck_assert_int_eq(lt_buf_append(&bytes, batch, size), 0);
    proto_batch_builder_release(&builder);
}

/* What a fetch would have made of `bytes`; aborted in ascending order. */
static struct lc_chunk *chunk_of(const struct lc_aborted *aborted, size_t count)
{
    struct lc_chunk *chunk = lt_calloc(1, sizeof(*chunk));

    chunk->part = lt_calloc(1, sizeof(*chunk->part));
    atomic_init(&chunk->part->refs, 1);
    chunk->part->topic = lt_strdup("t");
    chunk->frame = lc_bytes_new(bytes.size);
    ck_assert_int_eq(lt_buf_append(&chunk->frame->buf, bytes.data, bytes.size), 0);
    chunk->rest = lt_buf_slice(&chunk->frame->buf);
    chunk->aborted = count == 0 ? NULL : lt_memdup(aborted, count * sizeof(*aborted));
    chunk->bad_producers = lt_calloc(count + 1, sizeof(chunk->bad_producers[0]));
    chunk->aborted_count = count;
    return chunk;
}

/* Offsets that come out, `per_poll` at a time, as text "0 1 2 ". */
static const char *offsets_of(struct lc_chunk *chunk, size_t per_poll, int64_t *ret_position)
{
    static char text[256];
    size_t size = 0;

    text[0] = '\0';
    while (chunk->open || chunk->rest.size > 0) {
        struct leat_batch *batch = lc_leat_batch_new(per_poll);

        ck_assert_int_eq(lc_batch_fill(batch, &consumer, chunk, ret_position), 0);
        for (size_t i = 0; i < leat_batch_count(batch); i++) {
            size += (size_t)snprintf(text + size, sizeof(text) - size, "%lld ",
                                     (long long)leat_record_offset(leat_batch_at(batch, i)));
        }
        leat_batch_unref(batch);
    }
    return text;
}

/* Two producers interleaved: 1 aborts its first transaction and commits its second, 2 commits. */
static struct lc_chunk *interleaved(void)
{
    static const struct lc_aborted aborted[] = {{.producer_id = 1, .first_offset = 2}};

    add(-1, 2, 0);                       /* 0, 1 */
    add(1, 2, PROTO_CODEC_LZ4);          /* 2, 3: aborted */
    add(2, 2, 0);                        /* 4, 5 */
    add(1, 1, 0);                        /* 6: aborted */
    add_marker(1, PROTO_CONTROL_ABORT);  /* 7 */
    add_marker(2, PROTO_CONTROL_COMMIT); /* 8 */
    add(1, 2, PROTO_CODEC_LZ4);          /* 9, 10: committed */
    add_marker(1, PROTO_CONTROL_COMMIT); /* 11 */
    return chunk_of(aborted, 1);
}

/* read_committed leaves out exactly what was aborted; the position passes everything. */
START_TEST(aborted_records_are_left_out)
{
    struct lc_chunk *chunk = interleaved();
    int64_t position = 0;

    ck_assert_str_eq(offsets_of(chunk, (size_t)_i, &position), "0 1 4 5 9 10 ");
    ck_assert_int_eq(position, 12);
    lc_chunk_free(chunk);
}
END_TEST

/* read_uncommitted shows them, but never a marker. */
START_TEST(uncommitted_shows_all_but_markers)
{
    struct lc_chunk *chunk = interleaved();
    int64_t position = 0;

    consumer.committed = false;
    ck_assert_str_eq(offsets_of(chunk, 3, &position), "0 1 2 3 4 5 6 9 10 ");
    ck_assert_int_eq(position, 12);
    lc_chunk_free(chunk);
}
END_TEST

/* The last batch may be cut anywhere: what is whole counts, the rest comes with the next fetch. */
START_TEST(cut_batch_is_left_for_later)
{
    struct lc_chunk *chunk;
    int64_t position = 0;
    size_t whole;

    add(-1, 3, 0);
    whole = bytes.size;
    add(-1, 3, 0);
    for (size_t size = whole; size < bytes.size; size += 7) {
        chunk = chunk_of(NULL, 0);
        chunk->rest.size = size;
        position = 0;
        ck_assert_str_eq(offsets_of(chunk, 100, &position), "0 1 2 ");
        ck_assert_int_eq(position, 3);
        lc_chunk_free(chunk);
    }
}
END_TEST

/* Any byte may be wrong: with check.crcs it is found (but for offset, length and epoch, which the checksum does not cover). */
START_TEST(any_wrong_byte_is_found)
{
    add(-1, 3, 0);
    for (size_t at = 16; at < bytes.size; at++) {
        struct lc_chunk *chunk;
        struct leat_batch *batch = lc_leat_batch_new(100);
        int64_t position = 0;

        bytes.data[at] ^= 0x40;
        chunk = chunk_of(NULL, 0);
        ck_assert_int_eq(lc_batch_fill(batch, &consumer, chunk, &position), LEAT_ECORRUPT);
        ck_assert_uint_eq(leat_batch_count(batch), 0);
        bytes.data[at] ^= 0x40;
        leat_batch_unref(batch);
        lc_chunk_free(chunk);
    }
}
END_TEST

/* Without check.crcs wrong bytes give wrong records or an error, never a read outside. */
START_TEST(unchecked_bytes_do_no_harm)
{
    consumer.check_crcs = false;
    add(-1, 3, _i);
    for (size_t at = 0; at < bytes.size; at++) {
        struct lc_chunk *chunk;
        struct leat_batch *batch = lc_leat_batch_new(100);
        int64_t position = 0;

        bytes.data[at] ^= 0x81;
        chunk = chunk_of(NULL, 0);
        (void)lc_batch_fill(batch, &consumer, chunk, &position); /* any outcome */
        bytes.data[at] ^= 0x81;
        leat_batch_unref(batch);
        lc_chunk_free(chunk);
    }
}
END_TEST

/* Wherever memory ends, what was taken stays taken once and the rest comes later. */
START_TEST(every_allocation_may_fail)
{
    for (int64_t n = 0; n < 40; n++) {
        struct lc_chunk *chunk = interleaved();
        struct leat_batch *batch = lc_leat_batch_new(100);
        int64_t position = 0;
        size_t first;
        int err;

        lt_alloc_fail_after(n);
        err = lc_batch_fill(batch, &consumer, chunk, &position);
        lt_alloc_fail_never();
        ck_assert(err == 0 || err == LEAT_ENOMEM);
        first = leat_batch_count(batch);
        leat_batch_unref(batch);
        batch = lc_leat_batch_new(100);
        ck_assert_int_eq(lc_batch_fill(batch, &consumer, chunk, &position), 0);
        ck_assert_uint_eq(first + leat_batch_count(batch), 6);
        ck_assert_int_eq(position, 12);
        leat_batch_unref(batch);
        lc_chunk_free(chunk);
        bytes.size = 0;
        end = 0;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("batch");
    TCase *tc = tcase_create("decoding");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, aborted_records_are_left_out, 1, 8);
    tcase_add_test(tc, uncommitted_shows_all_but_markers);
    tcase_add_test(tc, cut_batch_is_left_for_later);
    tcase_add_test(tc, any_wrong_byte_is_found);
    tcase_add_loop_test(tc, unchecked_bytes_do_no_harm, 0, 2);
    tcase_add_test(tc, every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
