#include "proto/batch_builder.h"

#include <limits.h>

#include "base/assert.h"
#include "base/error.h"
#include "proto/varint.h"

/* Lengths in a record are int32, and so is the batch's own. */
#define PART_SIZE_MAX ((size_t)INT32_MAX)
#define BATCH_SIZE_MAX ((size_t)INT32_MAX)

static size_t body_size(const struct proto_batch_builder *builder,
                        const struct proto_new_record *record,
                        int64_t timestamp_delta);
static uint8_t *put_bytes(uint8_t *at, struct lt_slice bytes);
static void write_header(uint8_t *batch, const struct proto_batch_header *header);

void proto_batch_options_init(struct proto_batch_options *options)
{
    *options = (struct proto_batch_options){
        .codec = PROTO_CODEC_NONE,
        .level = PROTO_LEVEL_DEFAULT,
        .producer_id = -1,
        .producer_epoch = -1,
        .base_sequence = -1,
        .leader_epoch = -1,
        .append_time = PROTO_NO_TIMESTAMP,
    };
}

void proto_batch_builder_init(struct proto_batch_builder *builder)
{
    *builder = (struct proto_batch_builder){.size = PROTO_BATCH_HEADER_SIZE};
}

void proto_batch_builder_release(struct proto_batch_builder *builder)
{
    lt_buf_release(&builder->bytes);
    lt_buf_release(&builder->packed);
    proto_batch_builder_init(builder);
}

void proto_batch_builder_reset(struct proto_batch_builder *builder)
{
    builder->bytes.size = 0;
    builder->packed.size = 0;
    builder->size = PROTO_BATCH_HEADER_SIZE;
    builder->record_count = 0;
    builder->base_timestamp = 0;
    builder->max_timestamp = 0;
}

size_t proto_batch_builder_record_size(const struct proto_batch_builder *builder,
                                       const struct proto_new_record *record)
{
    int64_t delta = 0;
    if (builder->record_count > 0) {
        delta = (int64_t)((uint64_t)record->timestamp - (uint64_t)builder->base_timestamp);
    }
    size_t body = body_size(builder, record, delta);
    if (body > PART_SIZE_MAX) {
        return SIZE_MAX;
    }
    return proto_varint_size((int32_t)body) + body;
}

int proto_batch_builder_add(struct proto_batch_builder *builder,
                            const struct proto_new_record *record)
{
    struct lt_buf *bytes = &builder->bytes;
    int64_t base = builder->record_count > 0 ? builder->base_timestamp : record->timestamp;
    int64_t delta = (int64_t)((uint64_t)record->timestamp - (uint64_t)base);
    size_t body = body_size(builder, record, delta);
    size_t used = bytes->size == 0 ? PROTO_BATCH_HEADER_SIZE : bytes->size;
    if (body > PART_SIZE_MAX || used + body > BATCH_SIZE_MAX - PROTO_VARINT_MAX ||
        builder->record_count == INT32_MAX) {
        return LEAT_E2BIG;
    }
    size_t need = used - bytes->size + PROTO_VARINT_MAX + body;
    if (bytes->capacity - bytes->size < need) {
        int err = lt_buf_reserve(bytes, need);
        if (err != 0) {
            return err;
        }
    }
    uint8_t *at = proto_varint_put(bytes->data + used, (int32_t)body);
    uint8_t *begin = at;
    *at++ = 0; /* attributes: none are defined */
    at = proto_varlong_put(at, delta);
    at = proto_varint_put(at, builder->record_count);
    at = put_bytes(at, record->key);
    at = put_bytes(at, record->value);
    at = proto_varint_put(at, (int32_t)record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        struct lt_slice key = record->headers[i].key;
        at = put_bytes(at, key.data == NULL ? lt_slice("", 0) : key);
        at = put_bytes(at, record->headers[i].value);
    }
    LT_ASSERT((size_t)(at - begin) == body);
    bytes->size = (size_t)(at - bytes->data);
    builder->size = bytes->size;
    builder->base_timestamp = base;
    if (builder->record_count == 0 || record->timestamp > builder->max_timestamp) {
        builder->max_timestamp = record->timestamp;
    }
    builder->record_count++;
    return 0;
}

int proto_batch_builder_finish(struct proto_batch_builder *builder,
                               const struct proto_batch_options *options,
                               uint8_t **ret_batch,
                               size_t *ret_size)
{
    struct proto_batch_header header = {
        .base_offset = options->base_offset,
        .leader_epoch = options->leader_epoch,
        .attributes = (int16_t)(options->attributes & ~PROTO_BATCH_CODEC_MASK),
        .last_offset_delta = builder->record_count - 1,
        .base_timestamp = builder->record_count > 0 ? builder->base_timestamp : PROTO_NO_TIMESTAMP,
        .max_timestamp = builder->record_count > 0 ? builder->max_timestamp : PROTO_NO_TIMESTAMP,
        .producer_id = options->producer_id,
        .producer_epoch = options->producer_epoch,
        .base_sequence = options->base_sequence,
        .record_count = builder->record_count,
    };
    if ((options->attributes & PROTO_BATCH_LOG_APPEND_TIME) != 0) {
        header.max_timestamp = options->append_time;
    }
    struct lt_buf *bytes = &builder->bytes;
    if (bytes->size == 0) {
        int err = lt_buf_reserve(bytes, PROTO_BATCH_HEADER_SIZE);
        if (err != 0) {
            return err;
        }
        bytes->size = PROTO_BATCH_HEADER_SIZE;
    }
    if (options->codec == PROTO_CODEC_NONE) {
        header.length = (int32_t)(bytes->size - PROTO_BATCH_OVERHEAD_SIZE);
        write_header(bytes->data, &header);
        proto_batch_seal(bytes->data, bytes->size);
        *ret_batch = bytes->data;
        *ret_size = bytes->size;
        return 0;
    }
    struct lt_slice records =
        lt_slice(bytes->data + PROTO_BATCH_HEADER_SIZE, bytes->size - PROTO_BATCH_HEADER_SIZE);
    builder->packed.size = 0;
    int err =
        proto_batch_repack(&header, options->codec, options->level, records, &builder->packed);
    if (err != 0) {
        return err;
    }
    *ret_batch = builder->packed.data;
    *ret_size = builder->packed.size;
    return 0;
}

int proto_batch_repack(const struct proto_batch_header *like,
                       int codec,
                       int level,
                       struct lt_slice records,
                       struct lt_buf *out)
{
    size_t start = out->size;
    int err = lt_buf_reserve(out, PROTO_BATCH_HEADER_SIZE);
    if (err != 0) {
        return err;
    }
    out->size += PROTO_BATCH_HEADER_SIZE;
    err = proto_compress(codec, level, records, out);
    if (err != 0) {
        goto fail;
    }
    size_t size = out->size - start;
    if (size > BATCH_SIZE_MAX) {
        err = LEAT_E2BIG;
        goto fail;
    }
    struct proto_batch_header header = *like;
    header.attributes = (int16_t)((like->attributes & ~PROTO_BATCH_CODEC_MASK) | codec);
    header.length = (int32_t)(size - PROTO_BATCH_OVERHEAD_SIZE);
    write_header(out->data + start, &header);
    proto_batch_seal(out->data + start, size);
    return 0;
fail:
    out->size = start;
    return err;
}

/* Bytes behind the length field; more than PART_SIZE_MAX when a part or the sum is too large. */
static inline size_t body_size(const struct proto_batch_builder *builder,
                               const struct proto_new_record *record,
                               int64_t timestamp_delta)
{
    /* Null is -1, which is as long as 0. */
    if (record->key.size > PART_SIZE_MAX || record->value.size > PART_SIZE_MAX ||
        record->header_count > PART_SIZE_MAX) {
        return SIZE_MAX;
    }
    size_t size = 1 + proto_varlong_size(timestamp_delta) +
                  proto_varint_size(builder->record_count) +
                  proto_varint_size((int32_t)record->key.size) + record->key.size +
                  proto_varint_size((int32_t)record->value.size) + record->value.size +
                  proto_varint_size((int32_t)record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct proto_record_header *header = &record->headers[i];
        if (header->key.size > PART_SIZE_MAX || header->value.size > PART_SIZE_MAX ||
            size > PART_SIZE_MAX) {
            return SIZE_MAX;
        }
        size += proto_varint_size((int32_t)header->key.size) + header->key.size +
                proto_varint_size((int32_t)header->value.size) + header->value.size;
    }
    return size;
}

static inline uint8_t *put_bytes(uint8_t *at, struct lt_slice bytes)
{
    if (bytes.data == NULL) {
        return proto_varint_put(at, -1);
    }
    at = proto_varint_put(at, (int32_t)bytes.size);
    memcpy(at, bytes.data, bytes.size);
    return at + bytes.size;
}

/* All but the CRC. */
static void write_header(uint8_t *batch, const struct proto_batch_header *header)
{
    proto_store_i64(batch + PROTO_BATCH_BASE_OFFSET_AT, header->base_offset);
    proto_store_i32(batch + PROTO_BATCH_LENGTH_AT, header->length);
    proto_store_i32(batch + PROTO_BATCH_LEADER_EPOCH_AT, header->leader_epoch);
    batch[PROTO_BATCH_MAGIC_AT] = PROTO_MAGIC_V2;
    proto_store_i16(batch + PROTO_BATCH_ATTRIBUTES_AT, header->attributes);
    proto_store_i32(batch + PROTO_BATCH_LAST_OFFSET_DELTA_AT, header->last_offset_delta);
    proto_store_i64(batch + PROTO_BATCH_BASE_TIMESTAMP_AT, header->base_timestamp);
    proto_store_i64(batch + PROTO_BATCH_MAX_TIMESTAMP_AT, header->max_timestamp);
    proto_store_i64(batch + PROTO_BATCH_PRODUCER_ID_AT, header->producer_id);
    proto_store_i16(batch + PROTO_BATCH_PRODUCER_EPOCH_AT, header->producer_epoch);
    proto_store_i32(batch + PROTO_BATCH_BASE_SEQUENCE_AT, header->base_sequence);
    proto_store_i32(batch + PROTO_BATCH_RECORD_COUNT_AT, header->record_count);
}
