#include "proto/batch_check.h"

#include <inttypes.h>
#include <limits.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "proto/batch_builder.h"
#include "proto/varint.h"

/* length, attributes, timestamp delta, offset delta, key length, value length, header count: one
 * byte each */
#define RECORD_SIZE_MIN 7
#define LEGACY_LENGTH_MIN 14 /* crc, magic, attributes, key length, value length of format 0 */

static int refuse(struct proto_batch_verdict *verdict, int code, const char *message);
static int check_frame(struct lt_slice bytes, struct proto_batch_verdict *verdict);
static bool whole_batch_follows(struct lt_slice rest);
static int check_codec(const struct proto_batch_rules *rules, struct proto_batch_verdict *verdict);
static int check_counts(const struct proto_batch_rules *rules, struct proto_batch_verdict *verdict);
static int check_time_type(const struct proto_batch_rules *rules,
                           struct proto_batch_verdict *verdict);
static int judge_record(const struct proto_record *record,
                        int32_t index,
                        const struct proto_batch_rules *rules,
                        struct proto_batch_verdict *verdict);
static void add_bad(struct proto_batch_verdict *verdict,
                    int32_t index,
                    enum proto_record_fault fault,
                    int64_t timestamp);
static bool in_window(int64_t timestamp, int64_t time_min, int64_t time_max);
static void
window(const struct proto_batch_rules *rules, int64_t now_ms, int64_t *ret_min, int64_t *ret_max);
static int decode_records(const struct proto_batch_header *header,
                          struct lt_slice packed,
                          struct lt_buf *scratch,
                          struct proto_batch_verdict *verdict,
                          struct lt_slice *ret_records);
static int finish_batch(uint8_t *bytes,
                        struct lt_slice records,
                        int64_t max_timestamp,
                        const struct proto_batch_rules *rules,
                        int64_t now_ms,
                        struct proto_batch_verdict *verdict);
static bool changes_codec(const struct proto_batch_header *header,
                          const struct proto_batch_rules *rules);

void proto_batch_rules_init(struct proto_batch_rules *rules)
{
    *rules = (struct proto_batch_rules){
        .batch_bytes_max = 1048588,
        .segment_bytes_max = (size_t)1 << 30,
        .before_max_ms = INT64_MAX,
        .after_max_ms = 3600000,
        .validation = PROTO_VALIDATE_WALK,
        .codec = PROTO_CODEC_PRODUCER,
        .level = PROTO_LEVEL_DEFAULT,
        .produce_version = INT16_MAX,
    };
}

void proto_batch_verdict_init(struct proto_batch_verdict *verdict)
{
    *verdict = (struct proto_batch_verdict){.append_time = PROTO_NO_TIMESTAMP};
}

void proto_batch_verdict_release(struct proto_batch_verdict *verdict)
{
    lt_buf_release(&verdict->rebuilt);
    lt_free(verdict->bad);
    proto_batch_verdict_init(verdict);
}

int proto_batch_prepare(uint8_t *bytes,
                        size_t size,
                        const struct proto_batch_rules *rules,
                        int64_t now_ms,
                        struct proto_batch_verdict *verdict)
{
    int err = proto_batch_check_header(lt_slice(bytes, size), rules, verdict);
    if (err != 0) {
        return err;
    }
    const struct proto_batch_header *header = &verdict->header;
    int64_t max_timestamp = header->max_timestamp;
    struct lt_slice records = LT_SLICE_NULL;
    struct lt_buf scratch;
    lt_buf_init(&scratch);
    if (proto_batch_needs_records(header, rules, now_ms)) {
        struct lt_slice packed =
            lt_slice(bytes + PROTO_BATCH_HEADER_SIZE, verdict->size - PROTO_BATCH_HEADER_SIZE);
        err = decode_records(header, packed, &scratch, verdict, &records);
        if (err == 0) {
            err =
                proto_batch_check_records(header, records, rules, now_ms, verdict, &max_timestamp);
        }
    }
    if (err == 0) {
        err = finish_batch(bytes, records, max_timestamp, rules, now_ms, verdict);
    }
    lt_buf_release(&scratch);
    return err;
}

/* ---- the header rows ---- */

int proto_batch_check_header(struct lt_slice bytes,
                             const struct proto_batch_rules *rules,
                             struct proto_batch_verdict *verdict)
{
    verdict->message = NULL;
    verdict->bad_count = 0;
    verdict->bad_total = 0;
    verdict->walked = false;
    verdict->batch = NULL;
    verdict->append_time = PROTO_NO_TIMESTAMP;
    int err = check_frame(bytes, verdict);
    if (err != 0) {
        return err;
    }
    err = check_codec(rules, verdict);
    if (err != 0) {
        return err;
    }
    if (whole_batch_follows(lt_slice(bytes.data + verdict->size, bytes.size - verdict->size))) {
        return refuse(verdict, LEAT_ERECORD, "more than one record batch for a partition");
    }
    const struct proto_batch_header *header = &verdict->header;
    if (!rules->internal && header->base_offset != 0) {
        return refuse(verdict, LEAT_ERECORD, "the base offset of a record batch must be 0");
    }
    if (verdict->size > rules->batch_bytes_max) {
        return refuse(verdict, LEAT_E2BIG, "the record batch is larger than max.message.bytes");
    }
    if (!proto_batch_crc_ok(bytes.data, verdict->size)) {
        return refuse(verdict, LEAT_ECORRUPT, "the CRC of the record batch is wrong");
    }
    err = check_counts(rules, verdict);
    if (err != 0) {
        return err;
    }
    err = check_time_type(rules, verdict);
    if (err != 0) {
        return err;
    }
    if (verdict->size > rules->segment_bytes_max) {
        return refuse(verdict, LEAT_EFULL, "the record batch is larger than segment.bytes");
    }
    return 0;
}

static int refuse(struct proto_batch_verdict *verdict, int code, const char *message)
{
    verdict->message = message;
    return code;
}

/* Is there one whole v2 batch? The order of the checks is Kafka's (ByteBufferLogInputStream), since
 * each has its code. */
static int check_frame(struct lt_slice bytes, struct proto_batch_verdict *verdict)
{
    if (bytes.size < PROTO_BATCH_OVERHEAD_SIZE) {
        return refuse(verdict, LEAT_ERECORD, "no record batch");
    }
    int32_t length = proto_load_i32(bytes.data + PROTO_BATCH_LENGTH_AT);
    if (length < LEGACY_LENGTH_MIN) {
        return refuse(verdict, LEAT_ECORRUPT, "the length of the record batch is too small");
    }
    if (bytes.size <= PROTO_BATCH_MAGIC_AT) {
        return refuse(verdict, LEAT_ERECORD, "the record batch is cut short");
    }
    int8_t magic = (int8_t)bytes.data[PROTO_BATCH_MAGIC_AT];
    if (magic < 0 || magic > PROTO_MAGIC_V2) {
        return refuse(verdict, LEAT_ECORRUPT, "the magic of the record batch is unknown");
    }
    if ((size_t)length > bytes.size - PROTO_BATCH_OVERHEAD_SIZE) {
        return refuse(verdict, LEAT_ERECORD, "the record batch is cut short");
    }
    if (magic != PROTO_MAGIC_V2) {
        return refuse(verdict, LEAT_ERECORD, "message formats 0 and 1 are not accepted");
    }
    verdict->size = (size_t)length + PROTO_BATCH_OVERHEAD_SIZE;
    if (proto_batch_header_read(bytes.data, verdict->size, &verdict->header) != 0) {
        return refuse(verdict, LEAT_ECORRUPT, "the length of the record batch is too small");
    }
    return 0;
}

/* Kafka reads on and refuses a second whole batch of any format; other bytes behind the first are
 * ignored. */
static bool whole_batch_follows(struct lt_slice rest)
{
    if (rest.size <= PROTO_BATCH_MAGIC_AT) {
        return false;
    }
    int32_t length = proto_load_i32(rest.data + PROTO_BATCH_LENGTH_AT);
    return length >= LEGACY_LENGTH_MIN && rest.data[PROTO_BATCH_MAGIC_AT] <= PROTO_MAGIC_V2 &&
           (size_t)length <= rest.size - PROTO_BATCH_OVERHEAD_SIZE;
}

static int check_codec(const struct proto_batch_rules *rules, struct proto_batch_verdict *verdict)
{
    int codec = proto_batch_header_codec(&verdict->header);
    if (codec >= PROTO_CODEC_COUNT) {
        return refuse(verdict, LEAT_ECODEC, "the compression codec is unknown");
    }
    if (codec == PROTO_CODEC_ZSTD && rules->produce_version < 7) {
        return refuse(verdict, LEAT_ECODEC, "zstd needs Produce version 7 or later");
    }
    return 0;
}

static int check_counts(const struct proto_batch_rules *rules, struct proto_batch_verdict *verdict)
{
    const struct proto_batch_header *header = &verdict->header;
    if (header->record_count <= 0) {
        return refuse(verdict, LEAT_ERECORD, "the record batch has no records");
    }
    if (header->last_offset_delta != header->record_count - 1) {
        return refuse(verdict, LEAT_ERECORD, "last offset delta and record count do not agree");
    }
    /* A count that the bytes cannot hold would use up offsets for nothing, and nobody looks into a
     * compressed batch. */
    size_t payload = verdict->size - PROTO_BATCH_HEADER_SIZE;
    size_t records_max = proto_batch_header_codec(header) == PROTO_CODEC_NONE
                             ? payload
                             : proto_decompress_max(payload);
    if ((size_t)header->record_count > records_max / RECORD_SIZE_MIN) {
        return refuse(verdict, LEAT_ERECORD, "the record batch cannot hold its record count");
    }
    if (rules->internal) {
        return 0;
    }
    if (proto_batch_header_is(header, PROTO_BATCH_CONTROL)) {
        return refuse(verdict, LEAT_ERECORD, "clients may not write control batches");
    }
    if (header->producer_id >= 0 && header->base_sequence < 0) {
        return refuse(verdict, LEAT_ERECORD, "a producer id needs a base sequence");
    }
    return 0;
}

static int check_time_type(const struct proto_batch_rules *rules,
                           struct proto_batch_verdict *verdict)
{
    const struct proto_batch_header *header = &verdict->header;
    if (rules->internal || !proto_batch_header_is(header, PROTO_BATCH_LOG_APPEND_TIME)) {
        return 0;
    }
    if (!rules->append_time && header->max_timestamp != PROTO_NO_TIMESTAMP) {
        return 0; /* the bit is cleared */
    }
    for (int32_t i = 0; i < header->record_count; i++) {
        add_bad(verdict, i, PROTO_RECORD_TIME_TYPE, header->max_timestamp);
        if (i + 1 >= PROTO_BAD_RECORDS_MAX) {
            break;
        }
    }
    verdict->bad_total = (uint32_t)header->record_count;
    return refuse(verdict, LEAT_ETIMESTAMP,
                  "One or more records have been rejected due to invalid timestamp");
}

/* ---- the record rows ---- */

bool proto_batch_needs_records(const struct proto_batch_header *header,
                               const struct proto_batch_rules *rules,
                               int64_t now_ms)
{
    if (changes_codec(header, rules)) {
        return true;
    }
    if (rules->internal) {
        return false;
    }
    if (rules->compacted || rules->validation == PROTO_VALIDATE_FULL) {
        return true;
    }
    if (rules->validation == PROTO_VALIDATE_WALK &&
        proto_batch_header_codec(header) == PROTO_CODEC_NONE) {
        return true;
    }
    if (rules->append_time) {
        return false; /* the producer's times do not count */
    }
    if (header->max_timestamp < header->base_timestamp) {
        return true; /* also -1 while the base is not */
    }
    int64_t time_min = 0;
    int64_t time_max = 0;
    window(rules, now_ms, &time_min, &time_max);
    return !in_window(header->base_timestamp, time_min, time_max) ||
           !in_window(header->max_timestamp, time_min, time_max);
}

/* compression.type asks for another codec; control batches are never recompressed. */
static bool changes_codec(const struct proto_batch_header *header,
                          const struct proto_batch_rules *rules)
{
    return rules->codec != PROTO_CODEC_PRODUCER &&
           rules->codec != proto_batch_header_codec(header) &&
           !proto_batch_header_is(header, PROTO_BATCH_CONTROL);
}

static int decode_records(const struct proto_batch_header *header,
                          struct lt_slice packed,
                          struct lt_buf *scratch,
                          struct proto_batch_verdict *verdict,
                          struct lt_slice *ret_records)
{
    int codec = proto_batch_header_codec(header);
    if (codec == PROTO_CODEC_NONE) {
        *ret_records = packed;
        return 0;
    }
    int err = proto_decompress(codec, packed, proto_decompress_max(packed.size), scratch);
    switch (err) {
    case 0:
        *ret_records = lt_buf_slice(scratch);
        return 0;
    case LEAT_E2BIG:
        return refuse(verdict, LEAT_ECORRUPT, "the records decompress to more than is allowed");
    case LEAT_ECORRUPT:
        return refuse(verdict, LEAT_ECORRUPT, "the records do not decompress");
    case LEAT_ECODEC:
        return refuse(verdict, LEAT_ECODEC, "this build lacks the compression codec");
    default:
        return err;
    }
}

int proto_batch_check_records(const struct proto_batch_header *header,
                              struct lt_slice records,
                              const struct proto_batch_rules *rules,
                              int64_t now_ms,
                              struct proto_batch_verdict *verdict,
                              int64_t *ret_max_timestamp)
{
    window(rules, now_ms, &verdict->time_min, &verdict->time_max);
    verdict->walked = true;
    verdict->bad_count = 0;
    verdict->bad_total = 0;
    struct proto_record_iter iter;
    struct proto_record record;
    proto_record_iter_init(&iter, header, records);
    /* The bit is cleared (or was refused): what counts are the records' own times. */
    iter.has_append_time = false;
    int64_t max_timestamp = PROTO_NO_TIMESTAMP;
    int result = 0;
    int got = 0;
    for (int32_t i = 0; (got = proto_record_next(&iter, &record)) == 1; i++) {
        if (record.offset_delta != i) {
            return refuse(verdict, LEAT_ERECORD,
                          "the offsets of the records do not count up by one");
        }
        if (record.timestamp > max_timestamp) {
            max_timestamp = record.timestamp;
        }
        int err = judge_record(&record, i, rules, verdict);
        if (err == LEAT_ETIMESTAMP || result == 0) {
            result = err;
        }
    }
    if (got != 0) {
        return refuse(verdict, LEAT_ERECORD, "a record does not fit its batch");
    }
    if (result == LEAT_ETIMESTAMP) {
        return refuse(verdict, LEAT_ETIMESTAMP,
                      "One or more records have been rejected due to invalid timestamp");
    }
    if (result != 0) {
        return refuse(verdict, result, "One or more records have been rejected");
    }
    *ret_max_timestamp = max_timestamp;
    return 0;
}

/* What a single record may do wrong without breaking the batch. Key before time, one fault per
 * record, as in Kafka. */
static inline int judge_record(const struct proto_record *record,
                               int32_t index,
                               const struct proto_batch_rules *rules,
                               struct proto_batch_verdict *verdict)
{
    if (rules->internal) {
        return 0;
    }
    if (rules->compacted && record->key.data == NULL) {
        add_bad(verdict, index, PROTO_RECORD_NO_KEY, record->timestamp);
        return LEAT_ERECORD;
    }
    if (!rules->append_time &&
        !in_window(record->timestamp, verdict->time_min, verdict->time_max)) {
        add_bad(verdict, index, PROTO_RECORD_TIME_RANGE, record->timestamp);
        return LEAT_ETIMESTAMP;
    }
    return 0;
}

/* Remember a bad record. Where memory is short or the list is full only the count grows. */
static void add_bad(struct proto_batch_verdict *verdict,
                    int32_t index,
                    enum proto_record_fault fault,
                    int64_t timestamp)
{
    verdict->bad_total++;
    if (verdict->bad == NULL) {
        verdict->bad = lt_reallocarray(NULL, PROTO_BAD_RECORDS_MAX, sizeof(*verdict->bad));
    }
    if (verdict->bad == NULL || verdict->bad_count == PROTO_BAD_RECORDS_MAX) {
        return;
    }
    verdict->bad[verdict->bad_count++] = (struct proto_bad_record){index, fault, timestamp};
}

static inline bool in_window(int64_t timestamp, int64_t time_min, int64_t time_max)
{
    return timestamp == PROTO_NO_TIMESTAMP || (timestamp >= time_min && timestamp <= time_max);
}

static void
window(const struct proto_batch_rules *rules, int64_t now_ms, int64_t *ret_min, int64_t *ret_max)
{
    if (__builtin_sub_overflow(now_ms, rules->before_max_ms, ret_min)) {
        *ret_min = INT64_MIN;
    }
    if (__builtin_add_overflow(now_ms, rules->after_max_ms, ret_max)) {
        *ret_max = INT64_MAX;
    }
}

int proto_bad_record_text(const struct proto_batch_verdict *verdict,
                          uint32_t i,
                          const char *partition,
                          struct lt_buf *out)
{
    LT_ASSERT(i < verdict->bad_count);
    const struct proto_bad_record *bad = &verdict->bad[i];
    switch (bad->fault) {
    case PROTO_RECORD_NO_KEY:
        return lt_buf_printf(
            out, "Compacted topic cannot accept message without key in topic partition %s.",
            partition != NULL ? partition : "?");
    case PROTO_RECORD_TIME_RANGE:
        return lt_buf_printf(out,
                             "Timestamp %" PRId64 " of message with offset %" PRId32
                             " is out of range. The timestamp should be within [%" PRId64
                             ", %" PRId64 "]",
                             bad->timestamp, bad->index, verdict->time_min, verdict->time_max);
    case PROTO_RECORD_TIME_TYPE:
    default:
        return lt_buf_printf(out,
                             "Invalid timestamp type in message with offset %" PRId32
                             ". Producer should not set timestamp type to LogAppendTime.",
                             bad->index);
    }
}

/* ---- what the broker writes ---- */

/* Timestamp type, max timestamp, codec. `records` is null unless they were decoded. */
static int finish_batch(uint8_t *bytes,
                        struct lt_slice records,
                        int64_t max_timestamp,
                        const struct proto_batch_rules *rules,
                        int64_t now_ms,
                        struct proto_batch_verdict *verdict)
{
    struct proto_batch_header header = verdict->header;
    if (!rules->internal) {
        int attributes = header.attributes & ~PROTO_BATCH_LOG_APPEND_TIME;
        header.max_timestamp = max_timestamp;
        if (rules->append_time) {
            attributes |= PROTO_BATCH_LOG_APPEND_TIME;
            header.max_timestamp = now_ms;
            verdict->append_time = now_ms;
        }
        header.attributes = (int16_t)attributes;
    }
    if (changes_codec(&header, rules)) {
        struct lt_buf *rebuilt = &verdict->rebuilt;
        rebuilt->size = 0;
        int err = proto_batch_repack(&header, rules->codec, rules->level, records, rebuilt);
        if (err != 0) {
            return err;
        }
        if (rebuilt->size > rules->batch_bytes_max) {
            return refuse(verdict, LEAT_E2BIG,
                          "the recompressed record batch is larger than max.message.bytes");
        }
        if (rebuilt->size > rules->segment_bytes_max) {
            return refuse(verdict, LEAT_EFULL,
                          "the recompressed record batch is larger than segment.bytes");
        }
        verdict->batch = rebuilt->data;
        verdict->size = rebuilt->size;
        (void)proto_batch_header_read(rebuilt->data, rebuilt->size, &verdict->header);
        return 0;
    }
    if (header.attributes != verdict->header.attributes ||
        header.max_timestamp != verdict->header.max_timestamp) {
        proto_batch_set_times(bytes, verdict->size, header.attributes, header.max_timestamp);
        header.crc = proto_load_u32(bytes + PROTO_BATCH_CRC_AT);
    }
    verdict->batch = bytes;
    verdict->header = header;
    return 0;
}
