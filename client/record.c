/* record.c: see record.h and the records part of leat.h.
 *
 * A built record is a struct leat_record with its memory behind it. Setting copies into buffers that only grow; headers are stored as places in one
 * buffer and the pointers that leat_record has are renewed whenever that buffer moves. */
#include "client/record.h"

#include <string.h>

#include "base/alloc.h"

#define HEADERS_FIRST 4

struct built_record {
    struct leat_record rec; /* first: the public pointer */
    char topic[LC_TOPIC_SIZE_MAX + 1];
    struct lt_buf key;
    struct lt_buf value;
    struct lt_buf header_bytes;          /* name, NUL, value of each header */
    struct proto_record_header *headers; /* rec.headers, writable */
    size_t header_capacity;
};

void lc_record_reset(struct leat_record *rec)
{
    *rec = (struct leat_record){.offset = -1, .timestamp = PROTO_NO_TIMESTAMP, .partition = -1};
}

bool lc_topic_ok(const char *topic)
{
    return topic != NULL && topic[0] != '\0' &&
           strnlen(topic, LC_TOPIC_SIZE_MAX + 1) <= LC_TOPIC_SIZE_MAX;
}

static struct built_record *built(struct leat_record *rec)
{
    return (struct built_record *)rec;
}

struct leat_record *leat_record_new(void)
{
    struct built_record *own = lt_calloc(1, sizeof(*own));

    if (own == NULL) {
        return NULL;
    }
    lc_record_reset(&own->rec);
    return &own->rec;
}

void leat_record_clear(struct leat_record *rec)
{
    struct built_record *own = built(rec);

    if (rec == NULL) {
        return;
    }
    lc_record_reset(rec);
    own->header_bytes.size = 0;
}

void leat_record_free(struct leat_record *rec)
{
    struct built_record *own = built(rec);

    if (rec == NULL) {
        return;
    }
    lt_buf_release(&own->key);
    lt_buf_release(&own->value);
    lt_buf_release(&own->header_bytes);
    lt_free(own->headers);
    lt_free(own);
}

struct leat_record *leat_record_copy(const struct leat_record *rec)
{
    struct leat_record *copy = rec == NULL ? NULL : leat_record_new();
    int err = 0;

    if (copy == NULL) {
        return NULL;
    }
    if (rec->topic != NULL) {
        err = leat_record_set_topic(copy, rec->topic, rec->partition);
    }
    if (err == 0) {
        err = leat_record_set_key(copy, rec->key.data, rec->key.size);
    }
    if (err == 0) {
        err = leat_record_set_value(copy, rec->value.data, rec->value.size);
    }
    for (size_t i = 0; i < rec->header_count && err == 0; i++) {
        err = leat_record_add_header(copy, (const char *)rec->headers[i].key.data,
                                     rec->headers[i].value.data, rec->headers[i].value.size);
    }
    if (err < 0) {
        leat_record_free(copy);
        return NULL;
    }
    copy->offset = rec->offset;
    copy->timestamp = rec->timestamp;
    return copy;
}

int leat_record_set_topic(struct leat_record *rec, const char *topic, int32_t partition)
{
    struct built_record *own = built(rec);

    if (rec == NULL || !lc_topic_ok(topic) || partition < -1) {
        return LEAT_EINVAL;
    }
    memmove(own->topic, topic, strlen(topic) + 1);
    rec->topic = own->topic;
    rec->partition = partition;
    return 0;
}

/* Bytes that a caller can have: no NULL with a size, and nothing that no address space holds. */
static bool are_bytes(const void *data, size_t size)
{
    return data == NULL ? size == 0 : size <= PTRDIFF_MAX;
}

static int set_bytes(struct lt_buf *buf, struct lt_slice *field, const void *data, size_t size)
{
    if (data == NULL) {
        *field = LT_SLICE_NULL;
        return size == 0 ? 0 : LEAT_EINVAL;
    }
    /* At least a byte, so that an empty field has memory and is not null. */
    if (size >= buf->capacity) {
        struct lt_buf grown = {0};

        /* Into new memory: `data` may be a part of the old. */
        if (lt_buf_reserve(&grown, size + 1) < 0) {
            return LEAT_ENOMEM;
        }
        memcpy(grown.data, data, size);
        lt_buf_release(buf);
        *buf = grown;
    } else {
        memmove(buf->data, data, size);
    }
    *field = lt_slice(buf->data, size);
    return 0;
}

int leat_record_set_key(struct leat_record *rec, const void *key, size_t size)
{
    if (rec == NULL || !are_bytes(key, size)) {
        return LEAT_EINVAL;
    }
    return set_bytes(&built(rec)->key, &rec->key, key, size);
}

int leat_record_set_value(struct leat_record *rec, const void *value, size_t size)
{
    if (rec == NULL || !are_bytes(value, size)) {
        return LEAT_EINVAL;
    }
    return set_bytes(&built(rec)->value, &rec->value, value, size);
}

int leat_record_borrow_value(struct leat_record *rec, const void *value, size_t size)
{
    if (rec == NULL || !are_bytes(value, size)) {
        return LEAT_EINVAL;
    }
    rec->value = value == NULL ? LT_SLICE_NULL : lt_slice(value, size);
    return 0;
}

void leat_record_set_timestamp(struct leat_record *rec, int64_t timestamp_ms)
{
    if (rec != NULL) {
        rec->timestamp = timestamp_ms < 0 ? PROTO_NO_TIMESTAMP : timestamp_ms;
    }
}

/* Room for one more header; pointers into header_bytes follow it when it moves. */
static int reserve_header(struct built_record *own, size_t size)
{
    uintptr_t before = (uintptr_t)own->header_bytes.data;
    size_t count = own->rec.header_count;

    if (count == own->header_capacity) {
        size_t capacity = count == 0 ? HEADERS_FIRST : count * 2;
        void *headers = lt_reallocarray(own->headers, capacity, sizeof(own->headers[0]));

        if (headers == NULL) {
            return LEAT_ENOMEM;
        }
        own->headers = headers;
        own->header_capacity = capacity;
        own->rec.headers = own->headers;
    }
    if (lt_buf_reserve(&own->header_bytes, size) < 0) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < count && (uintptr_t)own->header_bytes.data != before; i++) {
        struct proto_record_header *header = &own->headers[i];

        header->key.data = own->header_bytes.data + ((uintptr_t)header->key.data - before);
        if (header->value.data != NULL) {
            header->value.data = own->header_bytes.data + ((uintptr_t)header->value.data - before);
        }
    }
    return 0;
}

int leat_record_add_header(struct leat_record *rec,
                           const char *name,
                           const void *value,
                           size_t size)
{
    struct built_record *own = built(rec);
    struct proto_record_header header;
    size_t name_size;
    int err;

    if (rec == NULL || name == NULL || !are_bytes(value, size)) {
        return LEAT_EINVAL;
    }
    name_size = strlen(name);
    if (name_size > INT32_MAX || size > INT32_MAX) {
        return LEAT_EINVAL;
    }
    err = reserve_header(own, name_size + 1 + size + 1);
    if (err < 0) {
        return err;
    }
    header.key = lt_slice(own->header_bytes.data + own->header_bytes.size, name_size);
    (void)lt_buf_append(&own->header_bytes, name, name_size + 1); /* reserved above */
    header.value = LT_SLICE_NULL;
    if (value != NULL) {
        header.value = lt_slice(own->header_bytes.data + own->header_bytes.size, size);
        (void)lt_buf_append(&own->header_bytes, value, size);
    }
    own->headers[rec->header_count++] = header;
    rec->headers = own->headers;
    return 0;
}

const char *leat_record_topic(const struct leat_record *rec, int32_t *ret_partition)
{
    if (ret_partition != NULL) {
        *ret_partition = rec == NULL ? -1 : rec->partition;
    }
    return rec == NULL ? NULL : rec->topic;
}

static const void *get_bytes(struct lt_slice field, size_t *ret_size)
{
    if (ret_size != NULL) {
        *ret_size = field.size;
    }
    return field.data;
}

const void *leat_record_key(const struct leat_record *rec, size_t *ret_size)
{
    return get_bytes(rec == NULL ? LT_SLICE_NULL : rec->key, ret_size);
}

const void *leat_record_value(const struct leat_record *rec, size_t *ret_size)
{
    return get_bytes(rec == NULL ? LT_SLICE_NULL : rec->value, ret_size);
}

int64_t leat_record_offset(const struct leat_record *rec)
{
    return rec == NULL ? -1 : rec->offset;
}

int64_t leat_record_timestamp(const struct leat_record *rec)
{
    return rec == NULL ? -1 : rec->timestamp;
}

size_t leat_record_header_count(const struct leat_record *rec)
{
    return rec == NULL ? 0 : rec->header_count;
}

const void *leat_record_header_at(const struct leat_record *rec,
                                  size_t i,
                                  const char **ret_name,
                                  size_t *ret_size)
{
    bool found = rec != NULL && i < rec->header_count;

    if (ret_name != NULL) {
        *ret_name = found ? (const char *)rec->headers[i].key.data : NULL;
    }
    return get_bytes(found ? rec->headers[i].value : LT_SLICE_NULL, ret_size);
}

const void *leat_record_header(const struct leat_record *rec, const char *name, size_t *ret_size)
{
    for (size_t i = leat_record_header_count(rec); i > 0 && name != NULL; i--) {
        if (strcmp((const char *)rec->headers[i - 1].key.data, name) == 0) {
            return get_bytes(rec->headers[i - 1].value, ret_size);
        }
    }
    return get_bytes(LT_SLICE_NULL, ret_size);
}

/* The type of a marker: the second of the two 16-bit numbers that are its key. */
static int64_t control_type(const struct leat_record *rec)
{
    const struct proto_record raw = {.key = rec->key, .value = rec->value};
    int type;
    int32_t epoch;

    return proto_batch_header_is(&rec->info->header, PROTO_BATCH_CONTROL) &&
                   proto_control_read(&raw, &type, &epoch) == 0
               ? type
               : -1;
}

int64_t leat_record_info(const struct leat_record *rec, enum leat_record_info what)
{
    const struct lc_batch_info *info = rec == NULL ? NULL : rec->info;

    if (info == NULL) {
        return -1;
    }
    switch (what) {
    case LEAT_RECORD_LEADER_EPOCH:
        return info->header.leader_epoch;
    case LEAT_RECORD_PRODUCER_ID:
        return info->header.producer_id;
    case LEAT_RECORD_PRODUCER_EPOCH:
        return info->header.producer_epoch;
    case LEAT_RECORD_SEQUENCE:
        /* Sequences wrap to 0 behind INT32_MAX. */
        return info->header.base_sequence < 0
                   ? -1
                   : ((int64_t)info->header.base_sequence + rec->offset_delta) & INT32_MAX;
    case LEAT_RECORD_CODEC:
        return proto_batch_header_codec(&info->header);
    case LEAT_RECORD_TIMESTAMP_TYPE:
        return proto_batch_header_is(&info->header, PROTO_BATCH_LOG_APPEND_TIME);
    case LEAT_RECORD_TRANSACTIONAL:
        return proto_batch_header_is(&info->header, PROTO_BATCH_TRANSACTIONAL);
    case LEAT_RECORD_CONTROL:
        return control_type(rec);
    case LEAT_RECORD_LOG_START:
        return info->log_start;
    case LEAT_RECORD_LAST_STABLE:
        return info->last_stable;
    case LEAT_RECORD_HIGH_WATERMARK:
        return info->high_watermark;
    default:
        return -1;
    }
}
