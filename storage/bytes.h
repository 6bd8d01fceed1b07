/* bytes.h: big-endian integers in the storage files. Threads: any. */
#ifndef LOG_BYTES_H
#define LOG_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t log_get_u32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return be32toh(value);
}

static inline int64_t log_get_i64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    return (int64_t)be64toh(value);
}

static inline void log_put_u32(uint8_t *bytes, uint32_t value)
{
    value = htobe32(value);
    memcpy(bytes, &value, sizeof(value));
}

static inline void log_put_i64(uint8_t *bytes, int64_t signed_value)
{
    uint64_t value = htobe64((uint64_t)signed_value);
    memcpy(bytes, &value, sizeof(value));
}

#endif
