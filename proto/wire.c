#include "proto/wire.h"

static int32_t read_length16(struct proto_reader *r, bool flexible, bool nullable);
static int32_t read_length32(struct proto_reader *r, bool flexible, bool nullable);
static void
write_length32(struct proto_writer *w, bool null, size_t size, bool flexible, bool nullable);
static struct lt_slice outgoing_text(struct lt_slice text, bool nullable);

/* ------------------------------------------------------------------ reader */

void proto_reader_fail(struct proto_reader *r, int err)
{
    if (r->err == 0) {
        r->err = err;
    }
    r->next = r->end;
}

double proto_read_float64(struct proto_reader *r)
{
    int64_t bits = proto_read_int64(r);
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

uint32_t proto_read_uvarint(struct proto_reader *r)
{
    uint32_t value = 0;
    const uint8_t *behind = proto_uvarint_get(r->next, r->end, &value);

    if (behind == NULL) {
        proto_reader_fail(r, LEAT_EPROTOCOL);
        return 0;
    }
    r->next = behind;
    return value;
}

/* -1 for null (only where allowed), otherwise a length that Kafka accepts; not yet checked against
 * what remains. */
static int32_t checked_length(struct proto_reader *r, int32_t length, bool nullable)
{
    if (length >= 0) {
        return length;
    }
    if (!nullable) {
        proto_reader_fail(r, LEAT_EPROTOCOL);
    }
    return -1;
}

static int32_t read_length16(struct proto_reader *r, bool flexible, bool nullable)
{
    if (!flexible) {
        return checked_length(r, proto_read_int16(r), nullable);
    }
    int32_t length = checked_length(r, (int32_t)(proto_read_uvarint(r) - 1U), nullable);
    if (length > PROTO_STRING_SIZE_MAX) {
        proto_reader_fail(r, LEAT_EPROTOCOL);
    }
    return length;
}

static int32_t read_length32(struct proto_reader *r, bool flexible, bool nullable)
{
    int32_t length = flexible ? (int32_t)(proto_read_uvarint(r) - 1U) : proto_read_int32(r);
    return checked_length(r, length, nullable);
}

struct lt_slice proto_read_string(struct proto_reader *r, bool flexible, bool nullable)
{
    int32_t length = read_length16(r, flexible, nullable);
    if (length < 0) {
        return LT_SLICE_NULL;
    }
    const uint8_t *bytes = proto_read_raw(r, (size_t)length);
    return lt_slice(bytes, bytes == NULL ? 0 : (size_t)length);
}

struct lt_slice proto_read_bytes(struct proto_reader *r, bool flexible, bool nullable)
{
    int32_t length = read_length32(r, flexible, nullable);
    if (length < 0) {
        return LT_SLICE_NULL;
    }
    const uint8_t *bytes = proto_read_raw(r, (size_t)length);
    return lt_slice(bytes, bytes == NULL ? 0 : (size_t)length);
}

struct proto_records proto_read_records(struct proto_reader *r, bool flexible, bool nullable)
{
    struct lt_slice bytes = proto_read_bytes(r, flexible, nullable);
    return (struct proto_records){bytes.data, bytes.size, NULL};
}

void *proto_read_array(struct proto_reader *r,
                       struct lt_arena *arena,
                       bool flexible,
                       bool nullable,
                       size_t wire_size_min,
                       size_t element_size,
                       int32_t *ret_count)
{
    int32_t count = read_length32(r, flexible, nullable);

    LT_DASSERT(wire_size_min > 0);
    if (count > 0 && (size_t)count > proto_reader_remaining(r) / wire_size_min) {
        proto_reader_fail(r, LEAT_EPROTOCOL);
    }
    if (r->err != 0) {
        *ret_count = 0;
        return NULL;
    }
    *ret_count = count;
    if (count <= 0) {
        return NULL;
    }
    void *elements = lt_arena_alloc(arena, (size_t)count * element_size);
    if (elements == NULL) {
        proto_reader_fail(r, LEAT_ENOMEM);
        *ret_count = 0;
    }
    return elements;
}

int8_t *proto_read_int8s(struct proto_reader *r,
                         struct lt_arena *arena,
                         bool flexible,
                         bool nullable,
                         int32_t *ret_count)
{
    int8_t *values = proto_read_array(r, arena, flexible, nullable, 1, sizeof(*values), ret_count);
    for (int32_t i = 0; i < *ret_count; i++) {
        values[i] = proto_read_int8(r);
    }
    return values;
}

int16_t *proto_read_int16s(struct proto_reader *r,
                           struct lt_arena *arena,
                           bool flexible,
                           bool nullable,
                           int32_t *ret_count)
{
    int16_t *values = proto_read_array(r, arena, flexible, nullable, 2, sizeof(*values), ret_count);
    for (int32_t i = 0; i < *ret_count; i++) {
        values[i] = proto_read_int16(r);
    }
    return values;
}

int32_t *proto_read_int32s(struct proto_reader *r,
                           struct lt_arena *arena,
                           bool flexible,
                           bool nullable,
                           int32_t *ret_count)
{
    int32_t *values = proto_read_array(r, arena, flexible, nullable, 4, sizeof(*values), ret_count);
    for (int32_t i = 0; i < *ret_count; i++) {
        values[i] = proto_read_int32(r);
    }
    return values;
}

int64_t *proto_read_int64s(struct proto_reader *r,
                           struct lt_arena *arena,
                           bool flexible,
                           bool nullable,
                           int32_t *ret_count)
{
    int64_t *values = proto_read_array(r, arena, flexible, nullable, 8, sizeof(*values), ret_count);
    for (int32_t i = 0; i < *ret_count; i++) {
        values[i] = proto_read_int64(r);
    }
    return values;
}

struct lt_slice *proto_read_strings(struct proto_reader *r,
                                    struct lt_arena *arena,
                                    bool flexible,
                                    bool nullable,
                                    int32_t *ret_count)
{
    struct lt_slice *values = proto_read_array(r, arena, flexible, nullable, flexible ? 1 : 2,
                                               sizeof(*values), ret_count);
    for (int32_t i = 0; i < *ret_count; i++) {
        values[i] = proto_read_string(r, flexible, false);
    }
    return values;
}

static void *alloc_struct(struct proto_reader *r, struct lt_arena *arena, bool present, size_t size)
{
    if (!present || r->err != 0) {
        return NULL;
    }
    void *value = lt_arena_alloc(arena, size);
    if (value == NULL) {
        proto_reader_fail(r, LEAT_ENOMEM);
    }
    return value;
}

void *proto_read_struct(struct proto_reader *r, struct lt_arena *arena, size_t size)
{
    bool present = proto_read_int8(r) >= 0;
    return alloc_struct(r, arena, present, size);
}

void *proto_read_tagged_struct(struct proto_reader *r, struct lt_arena *arena, size_t size)
{
    bool present = (int32_t)proto_read_uvarint(r) > 0;
    return alloc_struct(r, arena, present, size);
}

int32_t proto_read_tag_count(struct proto_reader *r)
{
    return (int32_t)proto_read_uvarint(r);
}

uint32_t proto_read_tag(struct proto_reader *r, size_t *ret_size)
{
    uint32_t tag = proto_read_uvarint(r);

    *ret_size = proto_read_uvarint(r);
    return tag;
}

void proto_read_tags_skip(struct proto_reader *r)
{
    int32_t count = proto_read_tag_count(r);

    for (int32_t i = 0; i < count && r->err == 0; i++) {
        size_t size;
        (void)proto_read_tag(r, &size); /* unknown, whatever its number */
        proto_read_skip(r, size);
    }
}

/* ------------------------------------------------------------------ writer */

void proto_write_float64(struct proto_writer *w, double value)
{
    int64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    proto_write_int64(w, bits);
}

void proto_write_uvarint(struct proto_writer *w, uint32_t value)
{
    (void)proto_uvarint_put(proto_write_room(w, proto_uvarint_size(value)), value);
}

/* What is written of `text`: see the head of wire.h. */
static struct lt_slice outgoing_text(struct lt_slice text, bool nullable)
{
    if (text.data == NULL) {
        return nullable ? LT_SLICE_NULL : lt_slice("", 0);
    }
    return lt_slice(text.data,
                    text.size > PROTO_STRING_SIZE_MAX ? PROTO_STRING_SIZE_MAX : text.size);
}

void proto_write_string(struct proto_writer *w, struct lt_slice text, bool flexible, bool nullable)
{
    struct lt_slice out = outgoing_text(text, nullable);

    if (flexible) {
        proto_write_uvarint(w, out.data == NULL ? 0 : (uint32_t)out.size + 1);
    } else {
        proto_write_int16(w, out.data == NULL ? -1 : (int16_t)out.size);
    }
    proto_write_raw(w, out.data, out.size);
}

static void
write_length32(struct proto_writer *w, bool null, size_t size, bool flexible, bool nullable)
{
    bool write_null = null && nullable;

    LT_DASSERT(size < INT32_MAX);
    if (flexible) {
        proto_write_uvarint(w, write_null ? 0 : (uint32_t)size + 1);
    } else {
        proto_write_int32(w, write_null ? -1 : (int32_t)size);
    }
}

void proto_write_bytes(struct proto_writer *w, struct lt_slice bytes, bool flexible, bool nullable)
{
    write_length32(w, bytes.data == NULL, bytes.size, flexible, nullable);
    proto_write_raw(w, bytes.data, bytes.size);
}

/* Room for one more hole: the array doubles in the arena, the old one goes with the request. */
static struct proto_hole *add_hole(struct proto_writer *w)
{
    LT_DASSERT(w->arena != NULL);
    if (w->hole_count == w->hole_count_max) {
        size_t count_max = w->hole_count_max == 0 ? 8 : w->hole_count_max * 2;
        struct proto_hole *holes = lt_arena_alloc(w->arena, count_max * sizeof(*holes));
        if (holes == NULL) {
            w->err = LEAT_ENOMEM;
            return NULL;
        }
        if (w->hole_count > 0) {
            memcpy(holes, w->holes, w->hole_count * sizeof(*holes));
        }
        w->holes = holes;
        w->hole_count_max = count_max;
    }
    return &w->holes[w->hole_count++];
}

void proto_write_records(struct proto_writer *w,
                         struct proto_records records,
                         bool flexible,
                         bool nullable)
{
    if (records.external == NULL) {
        proto_write_bytes(w, lt_slice(records.data, records.size), flexible, nullable);
        return;
    }
    write_length32(w, false, records.size, flexible, nullable);
    struct proto_hole *hole = add_hole(w);
    if (hole == NULL) {
        return;
    }
    *hole = (struct proto_hole){proto_writer_size(w), records.size, records.external};
    w->hole_size += records.size;
}

int32_t proto_write_count(struct proto_writer *w, int32_t count, bool flexible, bool nullable)
{
    int32_t written = count < 0 ? 0 : count;

    write_length32(w, count < 0, (size_t)written, flexible, nullable);
    return written;
}

void proto_write_int8s(
    struct proto_writer *w, const int8_t *values, int32_t count, bool flexible, bool nullable)
{
    count = proto_write_count(w, count, flexible, nullable);
    for (int32_t i = 0; i < count; i++) {
        proto_write_int8(w, values[i]);
    }
}

void proto_write_int16s(
    struct proto_writer *w, const int16_t *values, int32_t count, bool flexible, bool nullable)
{
    count = proto_write_count(w, count, flexible, nullable);
    for (int32_t i = 0; i < count; i++) {
        proto_write_int16(w, values[i]);
    }
}

void proto_write_int32s(
    struct proto_writer *w, const int32_t *values, int32_t count, bool flexible, bool nullable)
{
    count = proto_write_count(w, count, flexible, nullable);
    for (int32_t i = 0; i < count; i++) {
        proto_write_int32(w, values[i]);
    }
}

void proto_write_int64s(
    struct proto_writer *w, const int64_t *values, int32_t count, bool flexible, bool nullable)
{
    count = proto_write_count(w, count, flexible, nullable);
    for (int32_t i = 0; i < count; i++) {
        proto_write_int64(w, values[i]);
    }
}

void proto_write_strings(struct proto_writer *w,
                         const struct lt_slice *values,
                         int32_t count,
                         bool flexible,
                         bool nullable)
{
    count = proto_write_count(w, count, flexible, nullable);
    for (int32_t i = 0; i < count; i++) {
        proto_write_string(w, values[i], flexible, false);
    }
}

/* ------------------------------------------------------------------ sizes */

static size_t size_length32(bool null, size_t size, bool flexible, bool nullable)
{
    if (!flexible) {
        return 4;
    }
    return proto_uvarint_size(null && nullable ? 0 : (uint32_t)size + 1);
}

size_t proto_size_string(struct lt_slice text, bool flexible, bool nullable)
{
    struct lt_slice out = outgoing_text(text, nullable);

    if (!flexible) {
        return 2 + out.size;
    }
    return proto_uvarint_size(out.data == NULL ? 0 : (uint32_t)out.size + 1) + out.size;
}

size_t proto_size_bytes(struct lt_slice bytes, bool flexible, bool nullable)
{
    return size_length32(bytes.data == NULL, bytes.size, flexible, nullable) + bytes.size;
}

size_t proto_size_records(struct proto_records records, bool flexible, bool nullable)
{
    if (records.external == NULL) {
        return proto_size_bytes(lt_slice(records.data, records.size), flexible, nullable);
    }
    return size_length32(false, records.size, flexible, nullable);
}

size_t proto_size_count(int32_t count, bool flexible, bool nullable)
{
    return size_length32(count < 0, count < 0 ? 0 : (size_t)count, flexible, nullable);
}

size_t proto_size_fixed(int32_t count, size_t element_size, bool flexible, bool nullable)
{
    return proto_size_count(count, flexible, nullable) +
           (count < 0 ? 0 : (size_t)count) * element_size;
}

size_t
proto_size_strings(const struct lt_slice *values, int32_t count, bool flexible, bool nullable)
{
    size_t size = proto_size_count(count, flexible, nullable);

    for (int32_t i = 0; i < count; i++) {
        size += proto_size_string(values[i], flexible, false);
    }
    return size;
}
