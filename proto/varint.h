/* varint.h: numbers as they stand in record batches: big-endian integers and zig-zag varints.
 *
 * For code that works on raw batch bytes (record_batch.c, the log files); the messages of the
 * protocol are read and written through wire.h. The loads and stores take any alignment and check
 * nothing: the caller has checked the size. A varint is base-128, little-endian groups, high bit =
 * more follow; signed values are zig-zag coded first. Threads: any. */
#ifndef PROTO_VARINT_H
#define PROTO_VARINT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Longest encodings of an int32 and an int64. */
#define PROTO_VARINT_MAX 5
#define PROTO_VARLONG_MAX 10

static inline uint16_t proto_load_u16(const uint8_t *at)
{
    uint16_t v;
    memcpy(&v, at, sizeof(v));
    return __builtin_bswap16(v);
}

static inline uint32_t proto_load_u32(const uint8_t *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof(v));
    return __builtin_bswap32(v);
}

static inline uint64_t proto_load_u64(const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof(v));
    return __builtin_bswap64(v);
}

static inline int16_t proto_load_i16(const uint8_t *at)
{
    return (int16_t)proto_load_u16(at);
}

static inline int32_t proto_load_i32(const uint8_t *at)
{
    return (int32_t)proto_load_u32(at);
}

static inline int64_t proto_load_i64(const uint8_t *at)
{
    return (int64_t)proto_load_u64(at);
}

static inline void proto_store_u16(uint8_t *at, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(at, &value, sizeof(value));
}

static inline void proto_store_u32(uint8_t *at, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(at, &value, sizeof(value));
}

static inline void proto_store_u64(uint8_t *at, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(at, &value, sizeof(value));
}

static inline void proto_store_i16(uint8_t *at, int16_t value)
{
    proto_store_u16(at, (uint16_t)value);
}

static inline void proto_store_i32(uint8_t *at, int32_t value)
{
    proto_store_u32(at, (uint32_t)value);
}

static inline void proto_store_i64(uint8_t *at, int64_t value)
{
    proto_store_u64(at, (uint64_t)value);
}

static inline uint32_t proto_zigzag32(int32_t value)
{
    return ((uint32_t)value << 1) ^ (value < 0 ? UINT32_MAX : 0);
}

static inline uint64_t proto_zigzag64(int64_t value)
{
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int32_t proto_unzigzag32(uint32_t value)
{
    return (int32_t)((value >> 1) ^ (0 - (value & 1)));
}

static inline int64_t proto_unzigzag64(uint64_t value)
{
    return (int64_t)((value >> 1) ^ (0 - (value & 1)));
}

/* Bytes of the encoding: 1 to 5, 1 to 10. */
static inline size_t proto_uvarint_size(uint32_t value)
{
    /* 7 bits per byte: (significant bits + 6) / 7, with 0 counted as one bit. */
    return ((size_t)(32 - __builtin_clz(value | 1)) + 6) / 7;
}

static inline size_t proto_uvarlong_size(uint64_t value)
{
    return ((size_t)(64 - __builtin_clzll(value | 1)) + 6) / 7;
}

static inline size_t proto_varint_size(int32_t value)
{
    return proto_uvarint_size(proto_zigzag32(value));
}

static inline size_t proto_varlong_size(int64_t value)
{
    return proto_uvarlong_size(proto_zigzag64(value));
}

/* Write without a check: the caller reserved PROTO_VARINT_MAX or PROTO_VARLONG_MAX bytes. Return
 * the place behind. */
static inline uint8_t *proto_uvarlong_put(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static inline uint8_t *proto_uvarint_put(uint8_t *at, uint32_t value)
{
    return proto_uvarlong_put(at, value);
}

static inline uint8_t *proto_varint_put(uint8_t *at, int32_t value)
{
    return proto_uvarlong_put(at, proto_zigzag32(value));
}

static inline uint8_t *proto_varlong_put(uint8_t *at, int64_t value)
{
    return proto_uvarlong_put(at, proto_zigzag64(value));
}

/* Read one; returns the place behind, or NULL when the bytes end first or the number is longer than
 * 5 or 10 bytes. Bits of the last byte beyond the type are dropped, as Java does (Kafka
 * ByteUtils.readUnsignedVarint). */
static inline const uint8_t *
proto_uvarlong_get(const uint8_t *at, const uint8_t *end, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (at == end) {
            return NULL;
        }
        uint8_t byte = *at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return at;
        }
    }
    return NULL;
}

static inline const uint8_t *
proto_uvarint_get(const uint8_t *at, const uint8_t *end, uint32_t *ret_value)
{
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        if (at == end) {
            return NULL;
        }
        uint8_t byte = *at++;
        value |= (uint32_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return at;
        }
    }
    return NULL;
}

static inline const uint8_t *
proto_varint_get(const uint8_t *at, const uint8_t *end, int32_t *ret_value)
{
    /* Nearly all lengths and deltas fit one byte. */
    if (__builtin_expect(at < end && *at < 0x80, 1)) {
        *ret_value = proto_unzigzag32(*at);
        return at + 1;
    }
    uint32_t value = 0;
    at = proto_uvarint_get(at, end, &value);
    if (at != NULL) {
        *ret_value = proto_unzigzag32(value);
    }
    return at;
}

static inline const uint8_t *
proto_varlong_get(const uint8_t *at, const uint8_t *end, int64_t *ret_value)
{
    if (__builtin_expect(at < end && *at < 0x80, 1)) {
        *ret_value = proto_unzigzag64(*at);
        return at + 1;
    }
    uint64_t value = 0;
    at = proto_uvarlong_get(at, end, &value);
    if (at != NULL) {
        *ret_value = proto_unzigzag64(value);
    }
    return at;
}

#endif
