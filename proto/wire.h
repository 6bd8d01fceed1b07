/* wire.h: cursors that read and write the protocol's primitive types.
 *
 * Fixed-width integers are big-endian. Every variable type has two forms: the old one (int16 or
 * int32 length, -1 = null) and the compact one of flexible versions (uvarint of length + 1, 0 =
 * null); `flexible` selects it.
 *
 * The reader trusts nothing: each length and count is checked against the bytes that remain before
 * it is used, and the first failure sticks in `err`: later reads return zeros and do not move, so
 * that a decoder may look once at the end. As Kafka does (checked against 4.3.1), any negative
 * length is null where null is allowed, any non-zero bool is true, text is not checked to be UTF-8,
 * compact strings are at most 32767 bytes.
 *
 * The writer fills memory whose size a _size function computed before; it checks nothing in release
 * builds. Null where the version does not allow it is written as empty, text beyond 32767 bytes is
 * cut there: whatever a caller forgot, lengths on the wire are true.
 *
 * Not here: the frame (frame.h), headers (header.h), records and their zig-zag varints
 * (record_batch.h, varint.h).
 * Threads: one at a time per cursor. Source: KIP-482, Kafka clients
 * org.apache.kafka.common.protocol. */
#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/buf.h"
#include "leat/err.h"
#include "proto/uuid.h"
#include "proto/varint.h"

#define PROTO_STRING_SIZE_MAX 32767

/* A field of record batches. Decoded: borrowed bytes, external NULL; data NULL = null.
 * Encoded with external != NULL: only the length is written, and the writer remembers a hole that
 * the sender fills with `size` bytes of its own (sendfile, another buffer). */
struct proto_records {
    const uint8_t *data;
    size_t size;
    void *external;
};

/* ------------------------------------------------------------------ reader */

struct proto_reader {
    const uint8_t *next; /* first byte not yet read */
    const uint8_t *end;  /* one past the last */
    int err;             /* 0, LEAT_EPROTOCOL or LEAT_ENOMEM; the first failure stays */
};

/* Read `bytes`, which must outlive everything decoded from them. */
static inline void proto_reader_init(struct proto_reader *r, struct lt_slice bytes)
{
    static const uint8_t nothing[1];
    r->next = bytes.data == NULL ? nothing : bytes.data;
    r->end = r->next + (bytes.data == NULL ? 0 : bytes.size);
    r->err = 0;
}

static inline size_t proto_reader_remaining(const struct proto_reader *r)
{
    return (size_t)(r->end - r->next);
}

/* Remember the first failure and make every later read fail. */
void proto_reader_fail(struct proto_reader *r, int err);

/* The next `size` bytes and step over them; NULL after a failure. */
static inline const uint8_t *proto_read_raw(struct proto_reader *r, size_t size)
{
    const uint8_t *bytes = r->next;

    if (__builtin_expect(size > proto_reader_remaining(r), 0)) {
        proto_reader_fail(r, LEAT_EPROTOCOL);
        return NULL;
    }
    r->next += size;
    return bytes;
}

static inline int8_t proto_read_int8(struct proto_reader *r)
{
    const uint8_t *bytes = proto_read_raw(r, 1);
    return bytes == NULL ? 0 : (int8_t)bytes[0];
}

static inline bool proto_read_bool(struct proto_reader *r)
{
    return proto_read_int8(r) != 0;
}

static inline uint16_t proto_read_uint16(struct proto_reader *r)
{
    const uint8_t *bytes = proto_read_raw(r, 2);
    return bytes == NULL ? 0 : proto_load_u16(bytes);
}

static inline int16_t proto_read_int16(struct proto_reader *r)
{
    return (int16_t)proto_read_uint16(r);
}

static inline uint32_t proto_read_uint32(struct proto_reader *r)
{
    const uint8_t *bytes = proto_read_raw(r, 4);
    return bytes == NULL ? 0 : proto_load_u32(bytes);
}

static inline int32_t proto_read_int32(struct proto_reader *r)
{
    return (int32_t)proto_read_uint32(r);
}

static inline int64_t proto_read_int64(struct proto_reader *r)
{
    const uint8_t *bytes = proto_read_raw(r, 8);
    return bytes == NULL ? 0 : (int64_t)proto_load_u64(bytes);
}

static inline struct proto_uuid proto_read_uuid(struct proto_reader *r)
{
    struct proto_uuid id = {{0}};
    const uint8_t *bytes = proto_read_raw(r, sizeof(id));

    if (bytes != NULL) {
        memcpy(&id, bytes, sizeof(id));
    }
    return id;
}

double proto_read_float64(struct proto_reader *r);

/* At most 5 bytes, else malformed; bits beyond 32 are dropped, as Kafka's ByteUtils does. */
uint32_t proto_read_uvarint(struct proto_reader *r);

/* Borrowed from the reader's bytes. Null (data NULL) only where `nullable`, otherwise malformed.
 * Empty is not null. */
struct lt_slice proto_read_string(struct proto_reader *r, bool flexible, bool nullable);
struct lt_slice proto_read_bytes(struct proto_reader *r, bool flexible, bool nullable);
struct proto_records proto_read_records(struct proto_reader *r, bool flexible, bool nullable);

/* Read an array's count and allocate it: `element_size` bytes of memory for each of the elements,
 * which take at least `wire_size_min` bytes each on the wire; a count that the remaining bytes
 * cannot hold is malformed and nothing is allocated. *ret_count is -1 for null and 0 after a
 * failure; the elements are not initialised. NULL unless count > 0. */
void *proto_read_array(struct proto_reader *r,
                       struct lt_arena *arena,
                       bool flexible,
                       bool nullable,
                       size_t wire_size_min,
                       size_t element_size,
                       int32_t *ret_count);

/* Whole arrays of primitives, in the arena. */
int8_t *proto_read_int8s(struct proto_reader *r,
                         struct lt_arena *arena,
                         bool flexible,
                         bool nullable,
                         int32_t *ret_count);
int16_t *proto_read_int16s(struct proto_reader *r,
                           struct lt_arena *arena,
                           bool flexible,
                           bool nullable,
                           int32_t *ret_count);
int32_t *proto_read_int32s(struct proto_reader *r,
                           struct lt_arena *arena,
                           bool flexible,
                           bool nullable,
                           int32_t *ret_count);
int64_t *proto_read_int64s(struct proto_reader *r,
                           struct lt_arena *arena,
                           bool flexible,
                           bool nullable,
                           int32_t *ret_count);
struct lt_slice *proto_read_strings(struct proto_reader *r,
                                    struct lt_arena *arena,
                                    bool flexible,
                                    bool nullable,
                                    int32_t *ret_count);

/* The marker in front of a nullable struct: int8, negative = null; inside a tagged field a uvarint,
 * 0 = null. Memory for the struct when it is present, else NULL. */
void *proto_read_struct(struct proto_reader *r, struct lt_arena *arena, size_t size);
void *proto_read_tagged_struct(struct proto_reader *r, struct lt_arena *arena, size_t size);

/* Tagged fields: the count, then for each its number and size, then its value or proto_read_skip. The size counts for
 * tags that nobody knows; a known one is as long as its type says, whatever the size claims (Kafka does the same). */
int32_t proto_read_tag_count(struct proto_reader *r);
uint32_t proto_read_tag(struct proto_reader *r, size_t *ret_size);
void proto_read_tags_skip(struct proto_reader *r); /* a whole section of unknown ones */

static inline void proto_read_skip(struct proto_reader *r, size_t size)
{
    (void)proto_read_raw(r, size); /* too short: the failure sticks in r */
}

/* ------------------------------------------------------------------ writer */

/* Bytes that the sender adds itself, at `position` of what was written. Frame length = written +
 * the sum of sizes. */
struct proto_hole {
    size_t position;
    size_t size;
    void *external;
};

struct proto_writer {
    uint8_t *start;
    uint8_t *next;
    uint8_t *end;
    struct lt_arena *arena;   /* for the holes; NULL where no records are external */
    struct proto_hole *holes; /* ascending position */
    size_t hole_count;
    size_t hole_count_max;
    size_t hole_size; /* sum of sizes */
    int err;          /* LEAT_ENOMEM when a hole could not be remembered: drop the output */
};

/* Write into `memory`, which must hold what the _size functions of all that follows add up to.
 * Holes live in `arena`. */
static inline void
proto_writer_init(struct proto_writer *w, void *memory, size_t size, struct lt_arena *arena)
{
    *w = (struct proto_writer){
        .start = memory, .next = memory, .end = (uint8_t *)memory + size, .arena = arena};
}

static inline size_t proto_writer_size(const struct proto_writer *w)
{
    return (size_t)(w->next - w->start);
}

static inline uint8_t *proto_write_room(struct proto_writer *w, size_t size)
{
    uint8_t *bytes = w->next;

    LT_DASSERT(size <= (size_t)(w->end - w->next));
    w->next += size;
    return bytes;
}

static inline void proto_write_int8(struct proto_writer *w, int8_t value)
{
    *proto_write_room(w, 1) = (uint8_t)value;
}

static inline void proto_write_bool(struct proto_writer *w, bool value)
{
    *proto_write_room(w, 1) = value ? 1 : 0;
}

static inline void proto_write_uint16(struct proto_writer *w, uint16_t value)
{
    proto_store_u16(proto_write_room(w, 2), value);
}

static inline void proto_write_int16(struct proto_writer *w, int16_t value)
{
    proto_write_uint16(w, (uint16_t)value);
}

static inline void proto_write_uint32(struct proto_writer *w, uint32_t value)
{
    proto_store_u32(proto_write_room(w, 4), value);
}

static inline void proto_write_int32(struct proto_writer *w, int32_t value)
{
    proto_write_uint32(w, (uint32_t)value);
}

static inline void proto_write_int64(struct proto_writer *w, int64_t value)
{
    proto_store_u64(proto_write_room(w, 8), (uint64_t)value);
}

static inline void proto_write_uuid(struct proto_writer *w, struct proto_uuid id)
{
    memcpy(proto_write_room(w, sizeof(id)), &id, sizeof(id));
}

static inline void proto_write_raw(struct proto_writer *w, const void *data, size_t size)
{
    if (size > 0) {
        LT_DASSERT(data != NULL);
        memcpy(proto_write_room(w, size), data, size);
    }
}

void proto_write_float64(struct proto_writer *w, double value);
void proto_write_uvarint(struct proto_writer *w, uint32_t value);
void proto_write_string(struct proto_writer *w, struct lt_slice text, bool flexible, bool nullable);
void proto_write_bytes(struct proto_writer *w, struct lt_slice bytes, bool flexible, bool nullable);
void proto_write_records(struct proto_writer *w,
                         struct proto_records records,
                         bool flexible,
                         bool nullable);

/* Write an array's count; returns how many elements follow (0 for null). */
int32_t proto_write_count(struct proto_writer *w, int32_t count, bool flexible, bool nullable);
void proto_write_int8s(
    struct proto_writer *w, const int8_t *values, int32_t count, bool flexible, bool nullable);
void proto_write_int16s(
    struct proto_writer *w, const int16_t *values, int32_t count, bool flexible, bool nullable);
void proto_write_int32s(
    struct proto_writer *w, const int32_t *values, int32_t count, bool flexible, bool nullable);
void proto_write_int64s(
    struct proto_writer *w, const int64_t *values, int32_t count, bool flexible, bool nullable);
void proto_write_strings(struct proto_writer *w,
                         const struct lt_slice *values,
                         int32_t count,
                         bool flexible,
                         bool nullable);

/* ------------------------------------------------------------------ sizes: exactly what the writer
 * writes (those of varints: proto_uvarint_size and the others of varint.h) */

size_t proto_size_string(struct lt_slice text, bool flexible, bool nullable);
size_t proto_size_bytes(struct lt_slice bytes, bool flexible, bool nullable);
size_t proto_size_records(struct proto_records records,
                          bool flexible,
                          bool nullable); /* without external bytes */
size_t proto_size_count(int32_t count, bool flexible, bool nullable);
size_t proto_size_fixed(int32_t count,
                        size_t element_size,
                        bool flexible,
                        bool nullable); /* array of fixed-size elements */
size_t
proto_size_strings(const struct lt_slice *values, int32_t count, bool flexible, bool nullable);

#endif
