#include "proto/record_batch.h"

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "proto/varint.h"

static const uint8_t *record_head(struct proto_record_iter *iter, const uint8_t **ret_end);
static const uint8_t *get_bytes(const uint8_t *at, const uint8_t *end, struct lt_slice *ret);
static bool headers_ok(const uint8_t *at, const uint8_t *end, int32_t count);

int proto_batch_size_read(const uint8_t *bytes, size_t size, size_t *ret_size)
{
    if (size < PROTO_BATCH_OVERHEAD_SIZE) {
        return LEAT_EAGAIN;
    }
    int32_t length = proto_load_i32(bytes + PROTO_BATCH_LENGTH_AT);
    if (length < PROTO_BATCH_HEADER_SIZE - PROTO_BATCH_OVERHEAD_SIZE) {
        return LT_CORRUPT();
    }
    *ret_size = (size_t)length + PROTO_BATCH_OVERHEAD_SIZE;
    return 0;
}

int proto_batch_header_read(const uint8_t *bytes, size_t size, struct proto_batch_header *ret)
{
    if (size < PROTO_BATCH_HEADER_SIZE) {
        return LEAT_EAGAIN;
    }
    ret->base_offset = proto_load_i64(bytes + PROTO_BATCH_BASE_OFFSET_AT);
    ret->length = proto_load_i32(bytes + PROTO_BATCH_LENGTH_AT);
    ret->leader_epoch = proto_load_i32(bytes + PROTO_BATCH_LEADER_EPOCH_AT);
    ret->magic = (int8_t)bytes[PROTO_BATCH_MAGIC_AT];
    ret->crc = proto_load_u32(bytes + PROTO_BATCH_CRC_AT);
    ret->attributes = proto_load_i16(bytes + PROTO_BATCH_ATTRIBUTES_AT);
    ret->last_offset_delta = proto_load_i32(bytes + PROTO_BATCH_LAST_OFFSET_DELTA_AT);
    ret->base_timestamp = proto_load_i64(bytes + PROTO_BATCH_BASE_TIMESTAMP_AT);
    ret->max_timestamp = proto_load_i64(bytes + PROTO_BATCH_MAX_TIMESTAMP_AT);
    ret->producer_id = proto_load_i64(bytes + PROTO_BATCH_PRODUCER_ID_AT);
    ret->producer_epoch = proto_load_i16(bytes + PROTO_BATCH_PRODUCER_EPOCH_AT);
    ret->base_sequence = proto_load_i32(bytes + PROTO_BATCH_BASE_SEQUENCE_AT);
    ret->record_count = proto_load_i32(bytes + PROTO_BATCH_RECORD_COUNT_AT);
    return 0;
}

bool proto_batch_crc_ok(const uint8_t *batch, size_t size)
{
    if (size < PROTO_BATCH_HEADER_SIZE) {
        return false;
    }
    return lt_crc32c(batch + PROTO_BATCH_CRC_FROM, size - PROTO_BATCH_CRC_FROM) ==
           proto_load_u32(batch + PROTO_BATCH_CRC_AT);
}

int proto_batch_read(const uint8_t *bytes, size_t size, struct proto_batch_header *ret)
{
    size_t total = 0;
    int err = proto_batch_size_read(bytes, size, &total);
    if (err != 0) {
        return err;
    }
    /* Magic first: where it is wrong, the length is not to be trusted either. */
    if (size > PROTO_BATCH_MAGIC_AT && bytes[PROTO_BATCH_MAGIC_AT] != PROTO_MAGIC_V2) {
        return LT_CORRUPT();
    }
    if (size < total) {
        return LEAT_EAGAIN;
    }
    if (!proto_batch_crc_ok(bytes, total)) {
        return LT_CORRUPT();
    }
    if (ret != NULL) {
        (void)proto_batch_header_read(bytes, size, ret); /* the size was just checked */
    }
    return 0;
}

void proto_batch_set_base_offset(uint8_t *batch, int64_t base_offset)
{
    proto_store_i64(batch + PROTO_BATCH_BASE_OFFSET_AT, base_offset);
}

void proto_batch_set_leader_epoch(uint8_t *batch, int32_t leader_epoch)
{
    proto_store_i32(batch + PROTO_BATCH_LEADER_EPOCH_AT, leader_epoch);
}

void proto_batch_set_times(uint8_t *batch, size_t size, int16_t attributes, int64_t max_timestamp)
{
    proto_store_i16(batch + PROTO_BATCH_ATTRIBUTES_AT, attributes);
    proto_store_i64(batch + PROTO_BATCH_MAX_TIMESTAMP_AT, max_timestamp);
    proto_batch_seal(batch, size);
}

void proto_batch_set_producer(
    uint8_t *batch, size_t size, int64_t producer_id, int16_t producer_epoch, int32_t base_sequence)
{
    proto_store_i64(batch + PROTO_BATCH_PRODUCER_ID_AT, producer_id);
    proto_store_i16(batch + PROTO_BATCH_PRODUCER_EPOCH_AT, producer_epoch);
    proto_store_i32(batch + PROTO_BATCH_BASE_SEQUENCE_AT, base_sequence);
    proto_batch_seal(batch, size);
}

void proto_batch_seal(uint8_t *batch, size_t size)
{
    LT_ASSERT(size >= PROTO_BATCH_HEADER_SIZE);
    uint32_t crc = lt_crc32c(batch + PROTO_BATCH_CRC_FROM, size - PROTO_BATCH_CRC_FROM);
    proto_store_u32(batch + PROTO_BATCH_CRC_AT, crc);
}

int proto_batch_records_open(struct lt_slice batch,
                             size_t output_max,
                             struct lt_buf *scratch,
                             struct proto_record_iter *ret)
{
    struct proto_batch_header header;
    size_t total = 0;
    if (proto_batch_size_read(batch.data, batch.size, &total) != 0 || total > batch.size) {
        return LT_CORRUPT();
    }
    int err = proto_batch_header_read(batch.data, total, &header);
    LT_ASSERT(err == 0); /* total >= 61 */
    if (header.magic != PROTO_MAGIC_V2 || header.record_count < 0) {
        return LT_CORRUPT();
    }
    struct lt_slice records =
        lt_slice(batch.data + PROTO_BATCH_HEADER_SIZE, total - PROTO_BATCH_HEADER_SIZE);
    int codec = proto_batch_header_codec(&header);
    /* A batch that compaction emptied keeps its codec bits and has no payload. */
    bool emptied = header.record_count == 0 && records.size == 0;
    if (codec != PROTO_CODEC_NONE && !emptied) {
        scratch->size = 0;
        size_t size_max = output_max != 0 ? output_max : proto_decompress_max(records.size);
        err = proto_decompress(codec, records, size_max, scratch);
        if (err != 0) {
            return err;
        }
        records = lt_buf_slice(scratch);
    }
    proto_record_iter_init(ret, &header, records);
    return 0;
}

void proto_record_iter_init(struct proto_record_iter *iter,
                            const struct proto_batch_header *header,
                            struct lt_slice records)
{
    iter->next = records.data;
    iter->end = records.size == 0 ? records.data : records.data + records.size;
    iter->base_offset = header->base_offset;
    iter->base_timestamp = header->base_timestamp;
    iter->append_time = header->max_timestamp;
    iter->has_append_time = proto_batch_header_is(header, PROTO_BATCH_LOG_APPEND_TIME);
    iter->left = header->record_count;
}

int proto_record_next(struct proto_record_iter *iter, struct proto_record *ret)
{
    if (iter->left <= 0) {
        return iter->next == iter->end ? 0 : LEAT_ERECORD;
    }
    const uint8_t *end = NULL;
    const uint8_t *at = record_head(iter, &end);
    if (at == NULL) {
        return LEAT_ERECORD;
    }
    int64_t timestamp_delta = 0;
    ret->attributes = (int8_t)*at++;
    at = proto_varlong_get(at, end, &timestamp_delta);
    if (at == NULL) {
        return LEAT_ERECORD;
    }
    at = proto_varint_get(at, end, &ret->offset_delta);
    if (at == NULL) {
        return LEAT_ERECORD;
    }
    at = get_bytes(at, end, &ret->key);
    if (at == NULL) {
        return LEAT_ERECORD;
    }
    at = get_bytes(at, end, &ret->value);
    if (at == NULL) {
        return LEAT_ERECORD;
    }
    at = proto_varint_get(at, end, &ret->header_count);
    if (at == NULL || !headers_ok(at, end, ret->header_count)) {
        return LEAT_ERECORD;
    }
    ret->headers_raw = lt_slice(at, (size_t)(end - at));
    /* Deltas are the producer's word: let sums wrap instead of overflow. */
    ret->offset = (int64_t)((uint64_t)iter->base_offset + (uint64_t)(int64_t)ret->offset_delta);
    ret->timestamp = iter->has_append_time
                         ? iter->append_time
                         : (int64_t)((uint64_t)iter->base_timestamp + (uint64_t)timestamp_delta);
    iter->next = end;
    iter->left--;
    return 1;
}

/* The record's length field: returns the first byte of its body (at least one is there), or NULL.
 */
static inline const uint8_t *record_head(struct proto_record_iter *iter, const uint8_t **ret_end)
{
    int32_t length = 0;
    const uint8_t *at = proto_varint_get(iter->next, iter->end, &length);
    if (at == NULL || length <= 0 || length > iter->end - at) {
        return NULL;
    }
    *ret_end = at + length;
    return at;
}

/* A length and that many bytes; any negative length is null. Returns the place behind, or NULL. */
static inline const uint8_t *get_bytes(const uint8_t *at, const uint8_t *end, struct lt_slice *ret)
{
    int32_t size = 0;
    at = proto_varint_get(at, end, &size);
    if (at == NULL) {
        return NULL;
    }
    if (size < 0) {
        *ret = LT_SLICE_NULL;
        return at;
    }
    if (size > end - at) {
        return NULL;
    }
    *ret = lt_slice(at, (size_t)size);
    return at + size;
}

/* Exactly `count` headers between at and end? */
static inline bool headers_ok(const uint8_t *at, const uint8_t *end, int32_t count)
{
    if (count <= 0) {
        return count == 0 && at == end;
    }
    struct proto_record_header_iter iter = {at, end, count};
    struct proto_record_header header;
    int got = 1;
    while (got == 1) {
        got = proto_record_header_next(&iter, &header);
    }
    return got == 0;
}

void proto_record_headers_open(const struct proto_record *record,
                               struct proto_record_header_iter *ret)
{
    ret->next = record->headers_raw.data;
    ret->end = record->headers_raw.size == 0 ? ret->next : ret->next + record->headers_raw.size;
    ret->left = record->header_count;
}

int proto_record_header_next(struct proto_record_header_iter *iter, struct proto_record_header *ret)
{
    if (iter->left <= 0) {
        return iter->next == iter->end ? 0 : LEAT_ERECORD;
    }
    const uint8_t *at = get_bytes(iter->next, iter->end, &ret->key);
    if (at == NULL || ret->key.data == NULL) {
        return LEAT_ERECORD;
    }
    at = get_bytes(at, iter->end, &ret->value);
    if (at == NULL) {
        return LEAT_ERECORD;
    }
    iter->next = at;
    iter->left--;
    return 1;
}

int proto_control_read(const struct proto_record *record,
                       int *ret_type,
                       int32_t *ret_coordinator_epoch)
{
    /* key: version i16, type i16; value of a transaction marker: version i16, coordinator epoch
     * i32. Later versions may be longer, never shorter. */
    if (record->key.size < 4 || proto_load_i16(record->key.data) < 0) {
        return LEAT_ERECORD;
    }
    int type = proto_load_i16(record->key.data + 2);
    int32_t coordinator_epoch = -1;
    if (type == PROTO_CONTROL_ABORT || type == PROTO_CONTROL_COMMIT) {
        if (record->value.size < 6 || proto_load_i16(record->value.data) < 0) {
            return LEAT_ERECORD;
        }
        coordinator_epoch = proto_load_i32(record->value.data + 2);
    }
    *ret_type = type;
    *ret_coordinator_epoch = coordinator_epoch;
    return 0;
}
