/* What producers may send, and what the broker writes into it. */
#include "proto/batch_check.h"

#include "base/alloc.h"
#include "base/error.h"
#include "proto/batch_builder.h"
#include "proto/varint.h"
#include "tests/support/hex.h"
#include "tests/support/test_main.h"
#include "tests/unit/proto/golden.h"

#define NOW GOLDEN_TIME

static struct lt_buf batch;
static struct lt_buf before;
static struct proto_batch_rules rules;
static struct proto_batch_verdict verdict;
static struct proto_batch_builder builder;
static struct proto_batch_options options;

static void setup(void)
{
    lt_buf_init(&batch);
    lt_buf_init(&before);
    proto_batch_rules_init(&rules);
    rules.partition = "orders-3";
    proto_batch_verdict_init(&verdict);
    proto_batch_builder_init(&builder);
    proto_batch_options_init(&options);
}

static void teardown(void)
{
    lt_alloc_fail_never();
    lt_buf_release(&batch);
    lt_buf_release(&before);
    proto_batch_verdict_release(&verdict);
    proto_batch_builder_release(&builder);
    proto_compress_thread_release();
}

static void add(int64_t timestamp, const char *key, const char *value)
{
    struct proto_new_record record = {
        .timestamp = timestamp, .key = lt_slice_text(key), .value = lt_slice_text(value)};
    ck_assert_int_eq(proto_batch_builder_add(&builder, &record), 0);
}

/* Put what the builder holds into `batch`. */
static void finish(void)
{
    uint8_t *data = NULL;
    size_t size = 0;
    ck_assert_int_eq(proto_batch_builder_finish(&builder, &options, &data, &size), 0);
    batch.size = 0;
    ck_assert_int_eq(lt_buf_append(&batch, data, size), 0);
}

static void load(const char *hex)
{
    batch.size = 0;
    test_hex_append(&batch, hex);
}

static void seal(void)
{
    proto_batch_seal(batch.data, batch.size);
}

/* Prepare, and see that a refusal leaves the bytes alone and a success gives a sound batch. */
static int prepare(void)
{
    before.size = 0;
    ck_assert_int_eq(lt_buf_append(&before, batch.data, batch.size), 0);
    int err = proto_batch_prepare(batch.data, batch.size, &rules, NOW, &verdict);
    if (err != 0) {
        test_hex_assert_equal(lt_buf_slice(&batch), lt_buf_slice(&before));
        ck_assert_ptr_nonnull(verdict.message);
        return err;
    }
    ck_assert_ptr_null(verdict.message);
    ck_assert(proto_batch_crc_ok(verdict.batch, verdict.size));
    struct proto_batch_header header;
    ck_assert_int_eq(proto_batch_header_read(verdict.batch, verdict.size, &header), 0);
    ck_assert_int_eq(header.max_timestamp, verdict.header.max_timestamp);
    ck_assert_int_eq(header.attributes, verdict.header.attributes);
    ck_assert_uint_eq(header.crc, verdict.header.crc);
    return 0;
}

/* A sound batch passes and is not touched. */
START_TEST(a_sound_batch_passes_unchanged)
{
    load(GOLDEN_TWO_RECORDS);
    ck_assert_int_eq(prepare(), 0);
    test_hex_assert_equal(lt_slice(verdict.batch, verdict.size), lt_buf_slice(&before));
    ck_assert_ptr_eq(verdict.batch, batch.data);
    ck_assert_int_eq(verdict.append_time, -1);
    ck_assert(verdict.walked);
    load(GOLDEN_TRANSACTIONAL);
    ck_assert_int_eq(prepare(), 0);
}
END_TEST

/* Bytes behind the batch that make no whole batch are ignored; a second batch is not. */
START_TEST(exactly_one_batch_is_taken)
{
    load(GOLDEN_TWO_RECORDS "00 00 00");
    ck_assert_int_eq(prepare(), 0);
    ck_assert_uint_eq(verdict.size, 88);
    load(GOLDEN_TWO_RECORDS GOLDEN_TWO_RECORDS);
    ck_assert_int_eq(prepare(), LEAT_ERECORD);
    batch.size--;
    ck_assert_int_eq(prepare(), 0);
    ck_assert_uint_eq(verdict.size, 88);
}
END_TEST

/* A batch that is cut is an invalid record, wherever it is cut; so are no bytes at all. */
START_TEST(a_cut_batch_is_an_invalid_record)
{
    load(GOLDEN_TWO_RECORDS);
    while (batch.size > 0) {
        batch.size--;
        ck_assert_int_eq(prepare(), LEAT_ERECORD);
    }
    ck_assert_int_eq(proto_batch_prepare(NULL, 0, &rules, NOW, &verdict), LEAT_ERECORD);
}
END_TEST

struct change {
    size_t at;
    size_t size; /* bytes to write */
    int64_t value;
    bool seal;
    int code;
};

/* One change each to a sound batch. */
static const struct change changes[] = {
    {PROTO_BATCH_CRC_AT, 4, 1, false, LEAT_ECORRUPT},
    {PROTO_BATCH_RECORD_COUNT_AT + 4, 1, 1, false, LEAT_ECORRUPT},
    {PROTO_BATCH_MAGIC_AT, 1, 3, false, LEAT_ECORRUPT},
    {PROTO_BATCH_MAGIC_AT, 1, -1, false, LEAT_ECORRUPT},
    {PROTO_BATCH_MAGIC_AT, 1, 1, false, LEAT_ERECORD},
    {PROTO_BATCH_MAGIC_AT, 1, 0, false, LEAT_ERECORD},
    {PROTO_BATCH_LENGTH_AT, 4, 48, false, LEAT_ECORRUPT},
    {PROTO_BATCH_LENGTH_AT, 4, 13, false, LEAT_ECORRUPT},
    {PROTO_BATCH_LENGTH_AT, 4, 0, false, LEAT_ECORRUPT},
    {PROTO_BATCH_LENGTH_AT, 4, -1, false, LEAT_ECORRUPT},
    {PROTO_BATCH_LENGTH_AT, 4, INT32_MAX, false, LEAT_ERECORD},
    {PROTO_BATCH_BASE_OFFSET_AT, 8, 1, false, LEAT_ERECORD},
    {PROTO_BATCH_RECORD_COUNT_AT, 4, 0, true, LEAT_ERECORD},
    {PROTO_BATCH_RECORD_COUNT_AT, 4, -1, true, LEAT_ERECORD},
    {PROTO_BATCH_RECORD_COUNT_AT, 4, 3, true, LEAT_ERECORD},
    {PROTO_BATCH_LAST_OFFSET_DELTA_AT, 4, 0, true, LEAT_ERECORD},
    {PROTO_BATCH_LAST_OFFSET_DELTA_AT, 4, -1, true, LEAT_ERECORD},
    {PROTO_BATCH_LAST_OFFSET_DELTA_AT, 4, INT32_MIN, true, LEAT_ERECORD},
    {PROTO_BATCH_ATTRIBUTES_AT, 2, PROTO_BATCH_CONTROL, true, LEAT_ERECORD},
    {PROTO_BATCH_ATTRIBUTES_AT, 2, 5, true, LEAT_ECODEC},
    {PROTO_BATCH_ATTRIBUTES_AT, 2, 7, true, LEAT_ECODEC},
    {PROTO_BATCH_PRODUCER_ID_AT, 8, 7, true, LEAT_ERECORD},
    {PROTO_BATCH_HEADER_SIZE, 1, 0x16, true, LEAT_ERECORD},     /* first record one byte longer */
    {PROTO_BATCH_HEADER_SIZE, 1, 0x12, true, LEAT_ERECORD},     /* ... shorter */
    {PROTO_BATCH_HEADER_SIZE + 3, 1, 0x02, true, LEAT_ERECORD}, /* offset delta 1 */
    {PROTO_BATCH_HEADER_SIZE + 1, 1, 0x55, true, 0},            /* record attributes */
    {PROTO_BATCH_ATTRIBUTES_AT, 2, PROTO_BATCH_DELETE_HORIZON, true, 0},
    {PROTO_BATCH_ATTRIBUTES_AT, 2, 0x7f00, true, 0}, /* bits without a meaning are kept */
    {PROTO_BATCH_LEADER_EPOCH_AT, 4, 12345, false, 0},
};

/* Each row of the header checks has its code. */
START_TEST(each_fault_has_its_code)
{
    const struct change *change = &changes[_i];
    load(GOLDEN_TWO_RECORDS);
    for (size_t i = 0; i < change->size; i++) {
        size_t shift = 8 * (change->size - 1 - i);
        batch.data[change->at + i] = (uint8_t)((uint64_t)change->value >> shift);
    }
    if (change->seal) {
        seal();
    }
    ck_assert_int_eq(prepare(), change->code);
}
END_TEST

/* The limits are on the whole batch. */
START_TEST(sizes_have_limits)
{
    load(GOLDEN_TWO_RECORDS);
    rules.batch_bytes_max = 88;
    rules.segment_bytes_max = 88;
    ck_assert_int_eq(prepare(), 0);
    rules.batch_bytes_max = 87;
    ck_assert_int_eq(prepare(), LEAT_E2BIG);
    rules.batch_bytes_max = 88;
    rules.segment_bytes_max = 87;
    ck_assert_int_eq(prepare(), LEAT_EFULL);
}
END_TEST

/* zstd is for Produce 7 and later. */
START_TEST(zstd_needs_produce_7)
{
    add(NOW, "k", "v");
    options.codec = PROTO_CODEC_ZSTD;
    finish();
    rules.produce_version = 6;
    ck_assert_int_eq(prepare(), LEAT_ECODEC);
    rules.produce_version = 7;
    ck_assert_int_eq(prepare(), 0);
    ck_assert(!verdict.walked);
}
END_TEST

/* In a batch with a codec nobody looks at, a count that its bytes cannot hold is still refused. */
START_TEST(counts_beyond_the_bytes_are_refused)
{
    add(NOW, "k", "v");
    options.codec = PROTO_CODEC_GZIP;
    finish();
    proto_store_i32(batch.data + PROTO_BATCH_RECORD_COUNT_AT, INT32_MAX);
    proto_store_i32(batch.data + PROTO_BATCH_LAST_OFFSET_DELTA_AT, INT32_MAX - 1);
    seal();
    ck_assert_int_eq(prepare(), LEAT_ERECORD);
}
END_TEST

/* LogAppendTime: bit and time are the broker's, the base timestamp stays. */
START_TEST(log_append_time_is_written)
{
    load(GOLDEN_TWO_RECORDS);
    rules.append_time = true;
    ck_assert_int_eq(proto_batch_prepare(batch.data, batch.size, &rules, NOW + 5000, &verdict), 0);
    ck_assert_int_eq(verdict.append_time, NOW + 5000);
    ck_assert_int_eq(verdict.header.max_timestamp, NOW + 5000);
    ck_assert_int_eq(verdict.header.base_timestamp, GOLDEN_TIME);
    ck_assert_int_eq(verdict.header.attributes, PROTO_BATCH_LOG_APPEND_TIME);
    ck_assert(proto_batch_crc_ok(verdict.batch, verdict.size));
}
END_TEST

/* With LogAppendTime the producer's own times are not judged. */
START_TEST(log_append_time_ignores_the_producers_times)
{
    add(1, "k", "v");
    finish();
    rules.append_time = true;
    rules.before_max_ms = 10;
    rules.after_max_ms = 10;
    ck_assert_int_eq(prepare(), 0);
}
END_TEST

/* A producer that sets the bit itself is refused on a LogAppendTime topic, with every record listed ... */
START_TEST(a_producers_log_append_bit_is_refused)
{
    load(GOLDEN_TWO_RECORDS);
    proto_batch_set_times(batch.data, batch.size, PROTO_BATCH_LOG_APPEND_TIME, NOW);
    rules.append_time = true;
    ck_assert_int_eq(prepare(), LEAT_ETIMESTAMP);
    ck_assert_uint_eq(verdict.bad_count, 2);
    ck_assert_int_eq(verdict.bad[1].index, 1);
    ck_assert_int_eq(verdict.bad[1].fault, PROTO_RECORD_TIME_TYPE);
    rules.append_time = false;
    proto_batch_set_times(batch.data, batch.size, PROTO_BATCH_LOG_APPEND_TIME, -1);
    ck_assert_int_eq(prepare(), LEAT_ETIMESTAMP);
}
END_TEST

/* ... and on a CreateTime topic the bit is cleared. */
START_TEST(a_producers_log_append_bit_is_cleared)
{
    load(GOLDEN_TWO_RECORDS);
    proto_batch_set_times(batch.data, batch.size, PROTO_BATCH_LOG_APPEND_TIME, GOLDEN_TIME + 5);
    ck_assert_int_eq(prepare(), 0);
    struct lt_buf want = {0};
    test_hex_append(&want, GOLDEN_TWO_RECORDS);
    test_hex_assert_equal(lt_slice(verdict.batch, verdict.size), lt_buf_slice(&want));
    lt_buf_release(&want);
}
END_TEST

/* Where the records are walked, a wrong max timestamp is mended; by header only it is believed. */
START_TEST(a_wrong_max_timestamp_is_mended)
{
    load(GOLDEN_TWO_RECORDS);
    proto_batch_set_times(batch.data, batch.size, 0, GOLDEN_TIME + 999);
    rules.validation = PROTO_VALIDATE_HEADER;
    ck_assert_int_eq(prepare(), 0);
    ck_assert_int_eq(verdict.header.max_timestamp, GOLDEN_TIME + 999);
    rules.validation = PROTO_VALIDATE_WALK;
    ck_assert_int_eq(prepare(), 0);
    ck_assert_int_eq(verdict.header.max_timestamp, GOLDEN_TIME + 5);
}
END_TEST

/* A header that contradicts itself is not believed, even in a compressed batch. */
START_TEST(a_header_that_contradicts_itself_is_recomputed)
{
    add(NOW, "k", "v");
    add(NOW + 7, "k", "v");
    options.codec = PROTO_CODEC_LZ4;
    finish();
    rules.validation = PROTO_VALIDATE_HEADER;
    proto_batch_set_times(batch.data, batch.size, PROTO_CODEC_LZ4, -1);
    ck_assert_int_eq(prepare(), 0);
    ck_assert(verdict.walked);
    ck_assert_int_eq(verdict.header.max_timestamp, NOW + 7);
    proto_batch_set_times(batch.data, batch.size, PROTO_CODEC_LZ4, NOW - 1);
    ck_assert_int_eq(prepare(), 0);
    ck_assert_int_eq(verdict.header.max_timestamp, NOW + 7);
}
END_TEST

/* Records without a timestamp pass, whatever the window. */
START_TEST(records_without_a_timestamp_pass)
{
    add(-1, "k", "v");
    add(-1, "k", "v");
    finish();
    rules.before_max_ms = 0;
    rules.after_max_ms = 0;
    ck_assert_int_eq(prepare(), 0);
    ck_assert_int_eq(verdict.header.max_timestamp, -1);
}
END_TEST

/* Records outside the window are named, in a compressed batch too. */
START_TEST(records_outside_the_window_are_named)
{
    add(NOW, "k", "v");
    add(NOW - 101, "k", "v");
    add(NOW - 100, "k", "v");
    add(NOW + 51, "k", "v");
    add(NOW + 50, "k", "v");
    options.codec = _i;
    finish();
    rules.before_max_ms = 100;
    rules.after_max_ms = 50;
    ck_assert_int_eq(prepare(), LEAT_ETIMESTAMP);
    ck_assert_uint_eq(verdict.bad_count, 2);
    ck_assert_uint_eq(verdict.bad_total, 2);
    ck_assert_int_eq(verdict.bad[0].index, 1);
    ck_assert_int_eq(verdict.bad[1].index, 3);
    struct lt_buf text = {0};
    ck_assert_int_eq(proto_bad_record_text(&verdict, 0, rules.partition, &text), 0);
    ck_assert(lt_slice_is(lt_buf_slice(&text),
                          "Timestamp 1699999999899 of message with offset 1 is out of range. The "
                          "timestamp should be within [1699999999900, 1700000000050]"));
    lt_buf_release(&text);
}
END_TEST

/* A compacted topic wants keys, in every codec and validation mode. */
START_TEST(compacted_topics_want_keys)
{
    add(NOW, "k", "v");
    add(NOW, NULL, "v");
    add(NOW, "", "v");
    add(NOW, NULL, NULL);
    options.codec = _i;
    finish();
    ck_assert_int_eq(prepare(), 0);
    rules.compacted = true;
    rules.validation = PROTO_VALIDATE_HEADER;
    ck_assert_int_eq(prepare(), LEAT_ERECORD);
    ck_assert_uint_eq(verdict.bad_count, 2);
    ck_assert_int_eq(verdict.bad[0].index, 1);
    ck_assert_int_eq(verdict.bad[1].index, 3);
    struct lt_buf text = {0};
    ck_assert_int_eq(proto_bad_record_text(&verdict, 1, rules.partition, &text), 0);
    ck_assert(lt_slice_is(
        lt_buf_slice(&text),
        "Compacted topic cannot accept message without key in topic partition orders-3."));
    lt_buf_release(&text);
}
END_TEST

/* The list of bad records has an end, their number has not; without memory for the list the code is the same. */
START_TEST(the_list_of_bad_records_is_bounded)
{
    for (int i = 0; i < PROTO_BAD_RECORDS_MAX + 5; i++) {
        add(NOW, NULL, "v");
    }
    finish();
    rules.compacted = true;
    ck_assert_int_eq(prepare(), LEAT_ERECORD);
    ck_assert_uint_eq(verdict.bad_count, PROTO_BAD_RECORDS_MAX);
    ck_assert_uint_eq(verdict.bad_total, PROTO_BAD_RECORDS_MAX + 5);
    proto_batch_verdict_release(&verdict);
    lt_alloc_fail_after(0);
    int err = proto_batch_prepare(batch.data, batch.size, &rules, NOW, &verdict);
    lt_alloc_fail_never();
    ck_assert_int_eq(err, LEAT_ERECORD);
    ck_assert_uint_eq(verdict.bad_count, 0);
    ck_assert_uint_eq(verdict.bad_total, PROTO_BAD_RECORDS_MAX + 5);
}
END_TEST

/* compression.type: the batch is rebuilt in the codec that the topic wants, all else kept. */
START_TEST(another_codec_is_written_when_the_topic_wants_it)
{
    for (int target = 0; target < PROTO_CODEC_COUNT; target++) {
        if (!proto_codec_available(target) || !proto_codec_available(_i)) {
            continue;
        }
        proto_batch_builder_reset(&builder);
        for (int i = 0; i < 100; i++) {
            add(NOW + i, "key", "value value value value value");
        }
        options.codec = _i;
        options.producer_id = 11;
        options.producer_epoch = 3;
        options.base_sequence = 40;
        options.attributes = PROTO_BATCH_TRANSACTIONAL;
        finish();
        rules.codec = target;
        rules.level = PROTO_LEVEL_DEFAULT;
        rules.validation = PROTO_VALIDATE_HEADER;
        ck_assert_int_eq(prepare(), 0);
        const struct proto_batch_header *header = &verdict.header;
        ck_assert_int_eq(proto_batch_header_codec(header), target);
        ck_assert_int_eq(verdict.batch == batch.data, target == _i);
        ck_assert(proto_batch_header_is(header, PROTO_BATCH_TRANSACTIONAL));
        ck_assert_int_eq(header->producer_id, 11);
        ck_assert_int_eq(header->producer_epoch, 3);
        ck_assert_int_eq(header->base_sequence, 40);
        ck_assert_int_eq(header->record_count, 100);
        struct lt_buf scratch = {0};
        struct proto_record_iter iter;
        struct proto_record record;
        ck_assert_int_eq(
            proto_batch_records_open(lt_slice(verdict.batch, verdict.size), 0, &scratch, &iter), 0);
        for (int i = 0; i < 100; i++) {
            ck_assert_int_eq(proto_record_next(&iter, &record), 1);
            ck_assert_int_eq(record.timestamp, NOW + i);
            ck_assert(lt_slice_is(record.value, "value value value value value"));
        }
        ck_assert_int_eq(proto_record_next(&iter, &record), 0);
        lt_buf_release(&scratch);
    }
}
END_TEST

/* The size limit counts again after recompression. */
START_TEST(a_recompressed_batch_has_the_same_limit)
{
    char value[4001];
    memset(value, 'a', 4000);
    value[4000] = '\0';
    add(NOW, "k", value);
    options.codec = PROTO_CODEC_ZSTD;
    finish();
    rules.codec = PROTO_CODEC_NONE;
    rules.batch_bytes_max = 1000;
    ck_assert_int_eq(prepare(), LEAT_E2BIG);
    rules.batch_bytes_max = 1000000;
    rules.segment_bytes_max = 1000;
    ck_assert_int_eq(prepare(), LEAT_EFULL);
    rules.segment_bytes_max = 1000000;
    ck_assert_int_eq(prepare(), 0);
}
END_TEST

/* A payload that does not decompress is found where it is decompressed. */
START_TEST(a_broken_payload_is_corrupt)
{
    if (!proto_codec_available(_i) || _i == PROTO_CODEC_NONE) {
        return;
    }
    add(NOW, "k", "v");
    options.codec = _i;
    finish();
    batch.data[PROTO_BATCH_HEADER_SIZE] ^= 0xff;
    seal();
    ck_assert_int_eq(prepare(), 0);
    rules.validation = PROTO_VALIDATE_FULL;
    ck_assert_int_eq(prepare(), LEAT_ECORRUPT);
}
END_TEST

/* A bomb is refused as corrupt, with bounded work. */
START_TEST(a_bomb_is_corrupt)
{
    struct lt_buf zeros = {0};
    ck_assert_int_eq(lt_buf_reserve(&zeros, (size_t)4 << 20), 0);
    memset(zeros.data, 0, (size_t)4 << 20);
    zeros.size = (size_t)4 << 20;
    struct proto_batch_header like = {.record_count = 1, .producer_id = -1};
    ck_assert_int_eq(proto_batch_repack(&like, PROTO_CODEC_ZSTD, 3, lt_buf_slice(&zeros), &batch),
                     0);
    ck_assert_uint_lt(batch.size, 1000);
    rules.validation = PROTO_VALIDATE_FULL;
    ck_assert_int_eq(prepare(), LEAT_ECORRUPT);
    lt_buf_release(&zeros);
}
END_TEST

/* Odd offsets inside a compressed batch are found in full validation. */
START_TEST(odd_offsets_in_a_compressed_batch_are_refused)
{
    load(GOLDEN_TWO_RECORDS);
    batch.data[PROTO_BATCH_HEADER_SIZE + 3] = 4;
    struct proto_batch_header like;
    ck_assert_int_eq(proto_batch_header_read(batch.data, batch.size, &like), 0);
    struct lt_buf packed = {0};
    ck_assert_int_eq(proto_batch_repack(&like, PROTO_CODEC_GZIP, 6,
                                        lt_slice(batch.data + PROTO_BATCH_HEADER_SIZE,
                                                 batch.size - PROTO_BATCH_HEADER_SIZE),
                                        &packed),
                     0);
    batch.size = 0;
    ck_assert_int_eq(lt_buf_append(&batch, packed.data, packed.size), 0);
    ck_assert_int_eq(prepare(), 0);
    rules.validation = PROTO_VALIDATE_FULL;
    ck_assert_int_eq(prepare(), LEAT_ERECORD);
    lt_buf_release(&packed);
}
END_TEST

/* The server's own records: markers and offsets are taken as they are. */
START_TEST(internal_batches_are_taken)
{
    load(GOLDEN_COMMIT);
    ck_assert_int_eq(prepare(), LEAT_ERECORD);
    rules.internal = true;
    rules.compacted = true;
    rules.append_time = true;
    rules.codec = PROTO_CODEC_ZSTD;
    ck_assert_int_eq(prepare(), 0);
    test_hex_assert_equal(lt_slice(verdict.batch, verdict.size), lt_buf_slice(&before));
}
END_TEST

/* Windows that reach beyond all time do not overflow. */
START_TEST(windows_without_bounds_do_not_overflow)
{
    add(INT64_MAX, "k", "v");
    add(0, "k", "v");
    finish();
    rules.before_max_ms = INT64_MAX;
    rules.after_max_ms = INT64_MAX;
    ck_assert_int_eq(prepare(), 0);
}
END_TEST

/* Random damage, with a CRC made right again: refused or stored sound, never a crash; what is stored can be read. */
START_TEST(mutations_never_crash)
{
    uint32_t state = 4711;
    rules.validation = PROTO_VALIDATE_FULL;
    for (int round = 0; round < 5000; round++) {
        load(round % 2 == 0 ? GOLDEN_TWO_RECORDS : GOLDEN_TRANSACTIONAL);
        for (int change = 0; change < 1 + round % 3; change++) {
            state = state * 1664525 + 1013904223;
            size_t at = PROTO_BATCH_CRC_FROM + (state >> 4) % (batch.size - PROTO_BATCH_CRC_FROM);
            batch.data[at] ^= (uint8_t)(1U << (state >> 28 & 7));
        }
        seal();
        rules.compacted = round % 5 == 0;
        rules.codec = round % 7 == 0 ? PROTO_CODEC_LZ4 : PROTO_CODEC_PRODUCER;
        if (prepare() != 0) {
            continue;
        }
        struct lt_buf scratch = {0};
        struct proto_record_iter iter;
        struct proto_record record;
        ck_assert_int_eq(
            proto_batch_records_open(lt_slice(verdict.batch, verdict.size), 0, &scratch, &iter), 0);
        int got = 0;
        int32_t count = 0;
        while ((got = proto_record_next(&iter, &record)) == 1) {
            ck_assert_int_eq(record.offset_delta, count);
            count++;
        }
        ck_assert_int_eq(got, 0);
        ck_assert_int_eq(count, verdict.header.record_count);
        lt_buf_release(&scratch);
    }
}
END_TEST

/* Whichever allocation fails, the answer is "out of memory" and the producer's bytes are as they were. */
START_TEST(a_failed_allocation_is_no_verdict)
{
    add(NOW, "k", "some value");
    options.codec = PROTO_CODEC_GZIP;
    finish();
    rules.codec = PROTO_CODEC_LZ4;
    for (int64_t allowed = 0;; allowed++) {
        ck_assert_int_lt(allowed, 100);
        proto_batch_verdict_release(&verdict);
        proto_compress_thread_release();
        before.size = 0;
        ck_assert_int_eq(lt_buf_append(&before, batch.data, batch.size), 0);
        lt_alloc_fail_after(allowed);
        int err = proto_batch_prepare(batch.data, batch.size, &rules, NOW, &verdict);
        bool failed = lt_alloc_failed();
        lt_alloc_fail_never();
        test_hex_assert_equal(lt_buf_slice(&batch), lt_buf_slice(&before));
        ck_assert_int_eq(err, failed ? LEAT_ENOMEM : 0);
        if (!failed) {
            break;
        }
    }
}
END_TEST

static void add_header_tests(TCase *tc)
{
    tcase_add_test(tc, a_sound_batch_passes_unchanged);
    tcase_add_test(tc, exactly_one_batch_is_taken);
    tcase_add_test(tc, a_cut_batch_is_an_invalid_record);
    tcase_add_loop_test(tc, each_fault_has_its_code, 0,
                        (int)(sizeof(changes) / sizeof(changes[0])));
    tcase_add_test(tc, sizes_have_limits);
    tcase_add_test(tc, zstd_needs_produce_7);
    tcase_add_test(tc, counts_beyond_the_bytes_are_refused);
    tcase_add_test(tc, internal_batches_are_taken);
}

static void add_time_tests(TCase *tc)
{
    tcase_add_test(tc, log_append_time_is_written);
    tcase_add_test(tc, log_append_time_ignores_the_producers_times);
    tcase_add_test(tc, a_producers_log_append_bit_is_refused);
    tcase_add_test(tc, a_producers_log_append_bit_is_cleared);
    tcase_add_test(tc, a_wrong_max_timestamp_is_mended);
    tcase_add_test(tc, a_header_that_contradicts_itself_is_recomputed);
    tcase_add_test(tc, records_without_a_timestamp_pass);
    tcase_add_loop_test(tc, records_outside_the_window_are_named, 0, 2);
    tcase_add_test(tc, windows_without_bounds_do_not_overflow);
}

static void add_record_tests(TCase *tc)
{
    tcase_add_loop_test(tc, compacted_topics_want_keys, 0, 2);
    tcase_add_test(tc, the_list_of_bad_records_is_bounded);
    tcase_add_loop_test(tc, another_codec_is_written_when_the_topic_wants_it, 0, PROTO_CODEC_COUNT);
    tcase_add_test(tc, a_recompressed_batch_has_the_same_limit);
    tcase_add_loop_test(tc, a_broken_payload_is_corrupt, 0, PROTO_CODEC_COUNT);
    tcase_add_test(tc, a_bomb_is_corrupt);
    tcase_add_test(tc, odd_offsets_in_a_compressed_batch_are_refused);
    tcase_add_test(tc, mutations_never_crash);
    tcase_add_test(tc, a_failed_allocation_is_no_verdict);
}

int main(void)
{
    Suite *suite = suite_create("batch_check");
    static const struct {
        const char *name;
        void (*add)(TCase *tc);
    } parts[] = {
        {"header", add_header_tests}, {"times", add_time_tests}, {"records", add_record_tests}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        TCase *tc = tcase_create(parts[i].name);
        tcase_add_checked_fixture(tc, setup, teardown);
        parts[i].add(tc);
        suite_add_tcase(suite, tc);
    }
    return test_main(suite);
}
