/* Reading record batches, sound and broken. */
#include "proto/record_batch.h"

#include "base/error.h"
#include "proto/varint.h"
#include "tests/support/hex.h"
#include "tests/support/test_main.h"
#include "tests/unit/proto/golden.h"

static struct lt_buf batch;
static struct lt_buf scratch;
static struct proto_record_iter iter;
static struct proto_record record;

static void setup(void)
{
    lt_buf_init(&batch);
    lt_buf_init(&scratch);
}

static void teardown(void)
{
    lt_buf_release(&batch);
    lt_buf_release(&scratch);
}

static void load(const char *hex)
{
    batch.size = 0;
    test_hex_append(&batch, hex);
}

/* Each field of the header is where Kafka puts it. */
START_TEST(header_fields_are_read)
{
    load(GOLDEN_COMMIT);
    struct proto_batch_header header;
    size_t total = 0;
    ck_assert_int_eq(proto_batch_size_read(batch.data, 12, &total), 0);
    ck_assert_uint_eq(total, 78);
    ck_assert_int_eq(proto_batch_header_read(batch.data, 61, &header), 0);
    ck_assert_uint_eq(proto_batch_header_total(&header), 78);
    ck_assert_int_eq(header.base_offset, 7);
    ck_assert_int_eq(proto_batch_header_last_offset(&header), 7);
    ck_assert_int_eq(header.length, 66);
    ck_assert_int_eq(header.leader_epoch, 0);
    ck_assert_int_eq(header.magic, 2);
    ck_assert_uint_eq(header.crc, 0x1842b904);
    ck_assert_int_eq(header.attributes, PROTO_BATCH_TRANSACTIONAL | PROTO_BATCH_CONTROL);
    ck_assert_int_eq(header.last_offset_delta, 0);
    ck_assert_int_eq(header.base_timestamp, GOLDEN_TIME + 100);
    ck_assert_int_eq(header.max_timestamp, GOLDEN_TIME + 100);
    ck_assert_int_eq(header.producer_id, 42);
    ck_assert_int_eq(header.producer_epoch, 2);
    ck_assert_int_eq(header.base_sequence, -1);
    ck_assert_int_eq(header.record_count, 1);
}
END_TEST

/* Too few bytes ask for more; an impossible length does not. */
START_TEST(short_input_asks_for_more)
{
    load(GOLDEN_TWO_RECORDS);
    struct proto_batch_header header;
    size_t total = 0;
    for (size_t size = 0; size < batch.size; size++) {
        ck_assert_int_eq(proto_batch_size_read(batch.data, size, &total),
                         size < 12 ? LEAT_EAGAIN : 0);
        ck_assert_int_eq(proto_batch_header_read(batch.data, size, &header),
                         size < 61 ? LEAT_EAGAIN : 0);
        ck_assert_int_eq(proto_batch_read(batch.data, size, &header), LEAT_EAGAIN);
    }
    ck_assert_int_eq(proto_batch_read(batch.data, batch.size, &header), 0);
    proto_store_i32(batch.data + PROTO_BATCH_LENGTH_AT, 48);
    ck_assert_int_eq(proto_batch_size_read(batch.data, batch.size, &total), LEAT_ECORRUPT);
    proto_store_i32(batch.data + PROTO_BATCH_LENGTH_AT, -1);
    ck_assert_int_eq(proto_batch_size_read(batch.data, batch.size, &total), LEAT_ECORRUPT);
}
END_TEST

/* Every flipped bit under the CRC is seen; base offset and leader epoch are outside it. */
START_TEST(crc_covers_all_but_offset_length_and_epoch)
{
    load(GOLDEN_TWO_RECORDS);
    ck_assert(proto_batch_crc_ok(batch.data, batch.size));
    for (size_t i = 0; i < batch.size; i++) {
        batch.data[i] ^= 0x10;
        bool ok = proto_batch_crc_ok(batch.data, batch.size);
        ck_assert_int_eq(ok, i < PROTO_BATCH_CRC_AT);
        batch.data[i] ^= 0x10;
    }
    ck_assert(!proto_batch_crc_ok(batch.data, 60));
}
END_TEST

/* Records, keys, values and headers come out as they went in, nulls too. */
START_TEST(records_and_headers_are_read)
{
    load(GOLDEN_TWO_RECORDS);
    ck_assert_int_eq(proto_batch_records_open(lt_buf_slice(&batch), 0, &scratch, &iter), 0);
    ck_assert_int_eq(proto_record_next(&iter, &record), 1);
    ck_assert_int_eq(record.offset, 0);
    ck_assert_int_eq(record.timestamp, GOLDEN_TIME);
    ck_assert(lt_slice_is(record.key, "k1"));
    ck_assert(lt_slice_is(record.value, "v1"));
    ck_assert_int_eq(record.header_count, 0);
    ck_assert_int_eq(proto_record_next(&iter, &record), 1);
    ck_assert_int_eq(record.offset, 1);
    ck_assert_int_eq(record.offset_delta, 1);
    ck_assert_int_eq(record.timestamp, GOLDEN_TIME + 5);
    ck_assert_ptr_null(record.key.data);
    ck_assert(lt_slice_is(record.value, "v2"));
    ck_assert_int_eq(record.header_count, 2);
    struct proto_record_header_iter headers;
    struct proto_record_header header;
    proto_record_headers_open(&record, &headers);
    ck_assert_int_eq(proto_record_header_next(&headers, &header), 1);
    ck_assert(lt_slice_is(header.key, "h"));
    ck_assert(lt_slice_is(header.value, "x"));
    ck_assert_int_eq(proto_record_header_next(&headers, &header), 1);
    ck_assert(lt_slice_is(header.key, "n"));
    ck_assert_ptr_null(header.value.data);
    ck_assert_int_eq(proto_record_header_next(&headers, &header), 0);
    ck_assert_int_eq(proto_record_next(&iter, &record), 0);
    ck_assert_int_eq(proto_record_next(&iter, &record), 0);
    ck_assert_ptr_null(scratch.data); /* nothing was copied */
}
END_TEST

/* With log append time every record has the batch's max timestamp. */
START_TEST(log_append_time_is_the_time_of_every_record)
{
    load(GOLDEN_TWO_RECORDS);
    proto_batch_set_times(batch.data, batch.size, PROTO_BATCH_LOG_APPEND_TIME, 77);
    ck_assert(proto_batch_crc_ok(batch.data, batch.size));
    ck_assert_int_eq(proto_batch_records_open(lt_buf_slice(&batch), 0, &scratch, &iter), 0);
    ck_assert_int_eq(proto_record_next(&iter, &record), 1);
    ck_assert_int_eq(record.timestamp, 77);
    ck_assert_int_eq(proto_record_next(&iter, &record), 1);
    ck_assert_int_eq(record.timestamp, 77);
}
END_TEST

/* Offset and epoch can be set without touching the CRC; the producer's fields bring a new one. */
START_TEST(patches_keep_the_batch_sound)
{
    load(GOLDEN_TWO_RECORDS);
    proto_batch_set_base_offset(batch.data, 1000);
    proto_batch_set_leader_epoch(batch.data, 9);
    struct proto_batch_header header;
    ck_assert_int_eq(proto_batch_read(batch.data, batch.size, &header), 0);
    ck_assert_int_eq(header.base_offset, 1000);
    ck_assert_int_eq(header.leader_epoch, 9);
    ck_assert_uint_eq(header.crc, 0x83bddbbf);
    proto_batch_set_producer(batch.data, batch.size, 5, 6, 7);
    ck_assert_int_eq(proto_batch_read(batch.data, batch.size, &header), 0);
    ck_assert_int_eq(header.producer_id, 5);
    ck_assert_int_eq(header.producer_epoch, 6);
    ck_assert_int_eq(header.base_sequence, 7);
    ck_assert_int_eq(proto_batch_records_open(lt_buf_slice(&batch), 0, &scratch, &iter), 0);
    ck_assert_int_eq(proto_record_next(&iter, &record), 1);
    ck_assert_int_eq(record.offset, 1000);
}
END_TEST

/* The reader of a cut batch never sees a record that is not wholly there, and never reads beyond the end. */
START_TEST(truncation_at_every_byte_is_seen)
{
    load(GOLDEN_TWO_RECORDS);
    for (size_t size = 0; size < batch.size; size++) {
        struct lt_buf cut = {0};
        ck_assert_int_eq(lt_buf_append(&cut, batch.data, size), 0);
        ck_assert_int_eq(proto_batch_records_open(lt_buf_slice(&cut), 0, &scratch, &iter),
                         LEAT_ECORRUPT);
        if (size >= PROTO_BATCH_HEADER_SIZE) {
            /* A length that fits the cut bytes: now the records break off. */
            proto_store_i32(cut.data + PROTO_BATCH_LENGTH_AT, (int32_t)size - 12);
            ck_assert_int_eq(proto_batch_records_open(lt_buf_slice(&cut), 0, &scratch, &iter), 0);
            int got = proto_record_next(&iter, &record);
            ck_assert_int_eq(got, size >= 72 ? 1 : LEAT_ERECORD);
            if (got == 1) {
                ck_assert_int_eq(proto_record_next(&iter, &record), LEAT_ERECORD);
                ck_assert_int_eq(proto_record_next(&iter, &record), LEAT_ERECORD);
            }
        }
        lt_buf_release(&cut);
    }
}
END_TEST

#define RECORD_HEAD                                                \
    "0000000000000000 00000000 ffffffff 02 00000000 0000 00000000" \
    "0000018bcfe56800 0000018bcfe56805 ffffffffffffffff ffff ffffffff 00000001"

/* One record each, broken in one way. */
static const struct {
    const char *hex;
    int result;
} odd_records[] = {
    {RECORD_HEAD "0c 00 00 00 01 01 00", 1},                    /* sound: null key and value */
    {RECORD_HEAD "0c 7f 00 00 01 01 00", 1},                    /* any attributes byte */
    {RECORD_HEAD "0c 00 00 00 03 05 00", 1},                    /* any negative length is null */
    {RECORD_HEAD "0c 00 00 00 01 01 00 00", LEAT_ERECORD},      /* one byte behind (second call) */
    {RECORD_HEAD "0a 00 00 00 01 01", LEAT_ERECORD},            /* no header count */
    {RECORD_HEAD "0e 00 00 00 01 01 00 00", LEAT_ERECORD},      /* record longer than its fields */
    {RECORD_HEAD "0c 00 00 00 01 01 01", LEAT_ERECORD},         /* header count -1 */
    {RECORD_HEAD "0c 00 00 00 01 01 02", LEAT_ERECORD},         /* a header that is not there */
    {RECORD_HEAD "14 00 00 00 01 01 feffffff0f", LEAT_ERECORD}, /* two billion headers */
    {RECORD_HEAD "10 00 00 00 01 01 02 01 01", LEAT_ERECORD},   /* null header key */
    {RECORD_HEAD "10 00 00 00 01 01 02 00 01", 1},              /* empty header key */
    {RECORD_HEAD "10 00 00 00 01 01 02 00 02", LEAT_ERECORD},   /* header value over the end */
    {RECORD_HEAD "0c 00 00 00 04 01 00", LEAT_ERECORD},         /* key over the end */
    {RECORD_HEAD "0c 00 00 00 01 08 00", LEAT_ERECORD},         /* value over the end */
    {RECORD_HEAD "14 00 00 00 feffffff0f 01 00", LEAT_ERECORD}, /* key of 2 GiB */
    {RECORD_HEAD "00", LEAT_ERECORD},                           /* empty record */
    {RECORD_HEAD "01", LEAT_ERECORD},                           /* negative length */
    {RECORD_HEAD "feffffff0f", LEAT_ERECORD},                   /* length of 2 GiB */
    {RECORD_HEAD "8080808080 00", LEAT_ERECORD},                /* length of six bytes */
    {RECORD_HEAD "0e 00 80808080808080808080 00 00", LEAT_ERECORD}, /* delta of eleven bytes */
    {RECORD_HEAD "", LEAT_ERECORD},                                 /* nothing */
};

/* A record whose lengths do not fit together is refused, whatever else it holds. */
START_TEST(records_that_do_not_fit_are_refused)
{
    load(odd_records[_i].hex);
    proto_store_i32(batch.data + PROTO_BATCH_LENGTH_AT, (int32_t)batch.size - 12);
    ck_assert_int_eq(proto_batch_records_open(lt_buf_slice(&batch), 0, &scratch, &iter), 0);
    int got = proto_record_next(&iter, &record);
    if (got == 1) {
        got = proto_record_next(&iter, &record);
        got = got == 0 ? 1 : got;
    }
    ck_assert_int_eq(got, odd_records[_i].result);
}
END_TEST

/* An emptied batch of compaction has no records and no payload, in any codec. */
START_TEST(an_emptied_batch_has_no_records)
{
    load(GOLDEN_TWO_RECORDS);
    batch.size = PROTO_BATCH_HEADER_SIZE;
    proto_store_i32(batch.data + PROTO_BATCH_LENGTH_AT, 49);
    proto_store_i32(batch.data + PROTO_BATCH_RECORD_COUNT_AT, 0);
    for (int16_t codec = 0; codec < PROTO_CODEC_COUNT; codec++) {
        proto_store_i16(batch.data + PROTO_BATCH_ATTRIBUTES_AT, codec);
        ck_assert_int_eq(proto_batch_records_open(lt_buf_slice(&batch), 0, &scratch, &iter), 0);
        ck_assert_int_eq(proto_record_next(&iter, &record), 0);
    }
}
END_TEST

/* What is not format 2 is not read. */
START_TEST(other_formats_and_counts_are_not_read)
{
    load(GOLDEN_TWO_RECORDS);
    batch.data[PROTO_BATCH_MAGIC_AT] = 1;
    ck_assert_int_eq(proto_batch_records_open(lt_buf_slice(&batch), 0, &scratch, &iter),
                     LEAT_ECORRUPT);
    ck_assert_int_eq(proto_batch_read(batch.data, batch.size, NULL), LEAT_ECORRUPT);
    load(GOLDEN_TWO_RECORDS);
    proto_store_i32(batch.data + PROTO_BATCH_RECORD_COUNT_AT, -1);
    ck_assert_int_eq(proto_batch_records_open(lt_buf_slice(&batch), 0, &scratch, &iter),
                     LEAT_ECORRUPT);
    load(GOLDEN_TWO_RECORDS);
    proto_store_i16(batch.data + PROTO_BATCH_ATTRIBUTES_AT, 5);
    ck_assert_int_eq(proto_batch_records_open(lt_buf_slice(&batch), 0, &scratch, &iter),
                     LEAT_ECODEC);
}
END_TEST

/* A marker tells its kind and its coordinator's epoch; what is too short is refused, what is unknown is passed on. */
START_TEST(control_records_are_read)
{
    int type = -1;
    int32_t epoch = -1;
    load(GOLDEN_COMMIT);
    ck_assert_int_eq(proto_batch_records_open(lt_buf_slice(&batch), 0, &scratch, &iter), 0);
    ck_assert_int_eq(proto_record_next(&iter, &record), 1);
    ck_assert_int_eq(proto_control_read(&record, &type, &epoch), 0);
    ck_assert_int_eq(type, PROTO_CONTROL_COMMIT);
    ck_assert_int_eq(epoch, 3);
    load(GOLDEN_ABORT);
    ck_assert_int_eq(proto_batch_records_open(lt_buf_slice(&batch), 0, &scratch, &iter), 0);
    ck_assert_int_eq(proto_record_next(&iter, &record), 1);
    ck_assert_int_eq(proto_control_read(&record, &type, &epoch), 0);
    ck_assert_int_eq(type, PROTO_CONTROL_ABORT);
    record.value.size = 5;
    ck_assert_int_eq(proto_control_read(&record, &type, &epoch), LEAT_ERECORD);
    record.key = lt_slice("\0\0\0\x63", 4);
    ck_assert_int_eq(proto_control_read(&record, &type, &epoch), 0);
    ck_assert_int_eq(type, 0x63);
    record.key.size = 3;
    ck_assert_int_eq(proto_control_read(&record, &type, &epoch), LEAT_ERECORD);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("record_batch");
    TCase *tc = tcase_create("read");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, header_fields_are_read);
    tcase_add_test(tc, short_input_asks_for_more);
    tcase_add_test(tc, crc_covers_all_but_offset_length_and_epoch);
    tcase_add_test(tc, records_and_headers_are_read);
    tcase_add_test(tc, log_append_time_is_the_time_of_every_record);
    tcase_add_test(tc, patches_keep_the_batch_sound);
    tcase_add_test(tc, truncation_at_every_byte_is_seen);
    tcase_add_loop_test(tc, records_that_do_not_fit_are_refused, 0,
                        (int)(sizeof(odd_records) / sizeof(odd_records[0])));
    tcase_add_test(tc, an_emptied_batch_has_no_records);
    tcase_add_test(tc, other_formats_and_counts_are_not_read);
    tcase_add_test(tc, control_records_are_read);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
