/* libFuzzer target: record batches of a hostile producer, through checks, codecs and iterator.
 *
 * The first bytes choose what is done:
 *   byte 0  bits 0-1: 0 the rest is the bytes of a batch, 1 the same with length and CRC made right,
 *                     2 the rest is the records of a batch with a right header, 3 the rest is a compressed stream
 *           bits 2-4: codec (cases 2 and 3)   bit 5: compacted   bit 6: LogAppendTime   bit 7: internal
 *   byte 1  bits 0-1: validation   bits 2-4: codec that the topic wants, 5 and above: the producer's
 * What prepare accepts after walking the records must be readable to the last byte; anything else is a crash here. */
#include <stdint.h>
#include <stdlib.h>

#include "base/assert.h"
#include "proto/batch_builder.h"
#include "proto/batch_check.h"
#include "proto/varint.h"

#define NOW 1700000000000
#define OUTPUT_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_headers(const struct proto_record *record)
{
    struct proto_record_header header;
    struct proto_record_header_iter headers;
    int got = 0;
    proto_record_headers_open(record, &headers);
    do {
        got = proto_record_header_next(&headers, &header);
    } while (got == 1);
    LT_ASSERT(got == 0);
}

static void read_all(struct lt_slice batch, size_t output_max, bool must_be_sound)
{
    struct lt_buf scratch = {0};
    struct proto_record_iter iter;
    struct proto_record record;
    int got = proto_batch_records_open(batch, output_max, &scratch, &iter);
    if (got == 0) {
        while ((got = proto_record_next(&iter, &record)) == 1) {
            int type;
            int32_t epoch;
            read_headers(&record);
            (void)proto_control_read(&record, &type, &epoch); /* any answer is fine */
        }
    }
    LT_ASSERT(got == 0 || !must_be_sound);
    lt_buf_release(&scratch);
}

static void check(struct lt_buf *batch, const struct proto_batch_rules *rules)
{
    struct proto_batch_verdict verdict;
    struct lt_buf text = {0};
    proto_batch_verdict_init(&verdict);
    int err = proto_batch_prepare(batch->data, batch->size, rules, NOW, &verdict);
    if (err == 0) {
        LT_ASSERT(proto_batch_crc_ok(verdict.batch, verdict.size));
        read_all(lt_slice(verdict.batch, verdict.size), PROTO_DECOMPRESS_MAX, verdict.walked);
    } else {
        LT_ASSERT(verdict.message != NULL);
        for (uint32_t i = 0; i < verdict.bad_count && i < 3; i++) {
            LT_ASSERT(proto_bad_record_text(&verdict, i, "t-0", &text) == 0);
        }
    }
    lt_buf_release(&text);
    proto_batch_verdict_release(&verdict);
}

/* The records in `data` under a header that is right but for what they hold. */
static void wrap(struct lt_slice records, int codec, struct lt_buf *out)
{
    struct proto_batch_header like = {
        .record_count = records.size > 0 ? 1 + records.data[0] % 4 : 1,
        .base_timestamp = NOW,
        .max_timestamp = NOW,
        .producer_id = -1,
        .producer_epoch = -1,
        .base_sequence = -1,
    };
    like.last_offset_delta = like.record_count - 1;
    if (proto_batch_repack(&like, codec, PROTO_LEVEL_DEFAULT, records, out) != 0) {
        out->size = 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct proto_batch_rules rules;
    proto_batch_rules_init(&rules);
    rules.compacted = (data[0] & 0x20) != 0;
    rules.append_time = (data[0] & 0x40) != 0;
    rules.internal = (data[0] & 0x80) != 0;
    rules.validation = (enum proto_batch_validation)((data[1] & 3) % 3);
    int wanted = data[1] >> 2 & 7;
    rules.codec = wanted < PROTO_CODEC_COUNT ? wanted : PROTO_CODEC_PRODUCER;
    int codec = (data[0] >> 2 & 7) % PROTO_CODEC_COUNT;
    struct lt_slice rest = lt_slice(data + 2, size - 2);
    struct lt_buf batch = {0};
    LT_ASSERT(lt_buf_reserve(&batch, rest.size + 1) == 0);
    switch (data[0] & 3) {
    case 2:
        wrap(rest, codec, &batch);
        break;
    case 3:
        (void)proto_decompress(codec, rest, OUTPUT_MAX, &batch); /* any answer is fine */
        LT_ASSERT(batch.size <= OUTPUT_MAX);
        batch.size = 0;
        break;
    default:
        LT_ASSERT(lt_buf_append(&batch, rest.data, rest.size) == 0);
        if ((data[0] & 3) == 1 && batch.size >= PROTO_BATCH_HEADER_SIZE) {
            proto_store_i32(batch.data + PROTO_BATCH_LENGTH_AT,
                            (int32_t)(batch.size - PROTO_BATCH_OVERHEAD_SIZE));
            proto_batch_seal(batch.data, batch.size);
        }
        break;
    }
    if (batch.size > 0) {
        read_all(lt_buf_slice(&batch), OUTPUT_MAX, false);
        check(&batch, &rules);
    }
    lt_buf_release(&batch);
    return 0;
}
