#include "proto/batch_builder.h"

#include <limits.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "proto/varint.h"

/* Lengths in a record are int32, and so is the batch's own. */
#define PART_SIZE_MAX ((size_t)INT32_MAX)
#define BATCH_SIZE_MAX ((size_t)INT32_MAX)
#define HOLES_FIRST 16

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
    lt_free(builder->holes);
    proto_batch_builder_init(builder);
}

void proto_batch_builder_reset(struct proto_batch_builder *builder)
{
    builder->bytes.size = 0;
    builder->packed.size = 0;
    builder->hole_count = 0;
    builder->hole_size = 0;
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

/* `outside`: bytes of the value that are not copied; 0 or all. */
static inline int add_record(struct proto_batch_builder *builder,
                             const struct proto_new_record *record,
                             size_t outside)
{
    struct lt_buf *bytes = &builder->bytes;
    int64_t base = builder->record_count > 0 ? builder->base_timestamp : record->timestamp;
    int64_t delta = (int64_t)((uint64_t)record->timestamp - (uint64_t)base);
    size_t body = body_size(builder, record, delta);
    size_t used = bytes->size == 0 ? PROTO_BATCH_HEADER_SIZE : bytes->size;
    if (body > PART_SIZE_MAX ||
        used + builder->hole_size + body > BATCH_SIZE_MAX - PROTO_VARINT_MAX ||
        builder->record_count == INT32_MAX) {
        return LEAT_E2BIG;
    }
    size_t need = used - bytes->size + PROTO_VARINT_MAX + body - outside;
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
    if (outside > 0) {
        at = proto_varint_put(at, (int32_t)outside);
        builder->holes[builder->hole_count++] =
            (struct proto_batch_hole){(size_t)(at - bytes->data), record->value};
        builder->hole_size += outside;
    } else {
        at = put_bytes(at, record->value);
    }
    at = proto_varint_put(at, (int32_t)record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        struct lt_slice key = record->headers[i].key;
        at = put_bytes(at, key.data == NULL ? lt_slice("", 0) : key);
        at = put_bytes(at, record->headers[i].value);
    }
    LT_ASSERT((size_t)(at - begin) + outside == body);
    bytes->size = (size_t)(at - bytes->data);
    builder->size = bytes->size + builder->hole_size;
    builder->base_timestamp = base;
    if (builder->record_count == 0 || record->timestamp > builder->max_timestamp) {
        builder->max_timestamp = record->timestamp;
    }
    builder->record_count++;
    return 0;
}

int proto_batch_builder_add(struct proto_batch_builder *builder,
                            const struct proto_new_record *record)
{
    return add_record(builder, record, 0);
}

int proto_batch_builder_add_hole(struct proto_batch_builder *builder,
                                 const struct proto_new_record *record)
{
    LT_ASSERT(record->value.data != NULL);
    if (builder->hole_count == builder->hole_capacity) {
        size_t capacity = builder->hole_capacity == 0 ? HOLES_FIRST : builder->hole_capacity * 2;
        void *holes = lt_reallocarray(builder->holes, capacity, sizeof(builder->holes[0]));

        if (holes == NULL) {
            return LEAT_ENOMEM;
        }
        builder->holes = holes;
        builder->hole_capacity = capacity;
    }
    return add_record(builder, record, record->value.size);
}

void proto_builder_walk_init(struct proto_builder_walk *walk,
                             const struct proto_batch_builder *builder)
{
    *walk = (struct proto_builder_walk){.builder = builder, .position = PROTO_BATCH_HEADER_SIZE};
}

/* Bytes with their length before them. The builder wrote them, so that they are whole. */
static const uint8_t *take_bytes(struct proto_builder_walk *walk,
                                 const uint8_t *at,
                                 const uint8_t *end,
                                 struct lt_slice *ret)
{
    const struct proto_batch_builder *builder = walk->builder;
    int32_t size = 0;

    at = proto_varint_get(at, end, &size);
    LT_ASSERT(at != NULL);
    if (size > 0 && walk->hole < builder->hole_count &&
        builder->holes[walk->hole].position == (size_t)(at - builder->bytes.data)) {
        *ret = builder->holes[walk->hole++].bytes;
        return at;
    }
    *ret = size < 0 ? LT_SLICE_NULL : lt_slice(at, (size_t)size);
    return at + ret->size;
}

bool proto_builder_walk_next(struct proto_builder_walk *walk, struct proto_record *ret)
{
    const struct proto_batch_builder *builder = walk->builder;
    const uint8_t *end = builder->bytes.data + builder->bytes.size;
    const uint8_t *at = builder->bytes.data + walk->position;
    const uint8_t *begin;
    size_t hole = walk->hole;
    int64_t delta = 0;
    int32_t body = 0;

    if (walk->index == builder->record_count) {
        return false;
    }
    *ret = (struct proto_record){.offset = walk->index};
    walk->index++;
    at = proto_varint_get(at, end, &body);
    LT_ASSERT(at != NULL);
    begin = at;
    at = proto_varlong_get(at + 1, end, &delta); /* behind the attributes */
    LT_ASSERT(at != NULL);
    at = proto_varint_get(at, end, &ret->offset_delta);
    LT_ASSERT(at != NULL);
    ret->timestamp = (int64_t)((uint64_t)builder->base_timestamp + (uint64_t)delta);
    at = take_bytes(walk, at, end, &ret->key);
    at = take_bytes(walk, at, end, &ret->value);
    at = proto_varint_get(at, end, &ret->header_count);
    LT_ASSERT(at != NULL);
    end = begin + ((size_t)body - (walk->hole > hole ? ret->value.size : 0));
    ret->headers_raw = lt_slice(at, (size_t)(end - at));
    walk->position = (size_t)(end - builder->bytes.data);
    return true;
}

/* The CRC of a batch whose bytes lie in pieces. */
static void seal_pieces(struct proto_batch_builder *builder)
{
    uint8_t *data = builder->bytes.data;
    size_t from = PROTO_BATCH_CRC_FROM;
    uint32_t crc = 0;

    for (size_t i = 0; i < builder->hole_count; i++) {
        const struct proto_batch_hole *hole = &builder->holes[i];

        crc = lt_crc32c_extend(crc, data + from, hole->position - from);
        crc = lt_crc32c_extend(crc, hole->bytes.data, hole->bytes.size);
        from = hole->position;
    }
    crc = lt_crc32c_extend(crc, data + from, builder->bytes.size - from);
    proto_store_u32(data + PROTO_BATCH_CRC_AT, crc);
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
        *ret_size = bytes->size + builder->hole_size;
        header.length = (int32_t)(*ret_size - PROTO_BATCH_OVERHEAD_SIZE);
        write_header(bytes->data, &header);
        seal_pieces(builder);
        *ret_batch = bytes->data;
        return 0;
    }
    LT_ASSERT(builder->hole_count == 0); /* documented: compression needs the bytes in one piece */
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
