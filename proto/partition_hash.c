#include "proto/partition_hash.h"

#include <string.h>
#include <xxhash.h>
#include <zlib.h>

#include "base/assert.h"

uint32_t proto_murmur2(struct lt_slice key)
{
    const uint32_t m = 0x5bd1e995;
    const uint8_t *at = key.data;
    size_t left = key.size;
    uint32_t h = 0x9747b28cU ^ (uint32_t)key.size;
    while (left >= 4) {
        uint32_t k =
            (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        k *= m;
        k ^= k >> 24;
        k *= m;
        h *= m;
        h ^= k;
        at += 4;
        left -= 4;
    }
    if (left == 3) {
        h ^= (uint32_t)at[2] << 16;
    }
    if (left >= 2) {
        h ^= (uint32_t)at[1] << 8;
    }
    if (left >= 1) {
        h ^= (uint32_t)at[0];
        h *= m;
    }
    h ^= h >> 13;
    h *= m;
    h ^= h >> 15;
    return h;
}

uint32_t proto_crc32(struct lt_slice key)
{
    if (key.size == 0) {
        return 0;
    }
    return (uint32_t)crc32_z(0, key.data, key.size);
}

uint64_t proto_xxh3(struct lt_slice key)
{
    return XXH3_64bits(key.data == NULL ? (const uint8_t *)"" : key.data, key.size);
}

int32_t proto_partition_for_key(enum proto_partition_kind kind,
                                struct lt_slice key,
                                int32_t partition_count)
{
    LT_ASSERT(partition_count > 0);
    uint32_t count = (uint32_t)partition_count;
    switch (kind) {
    case PROTO_PARTITION_CRC32:
        return (int32_t)(proto_crc32(key) % count);
    case PROTO_PARTITION_XXHASH:
        return (int32_t)(proto_xxh3(key) % count);
    case PROTO_PARTITION_MURMUR2:
    default:
        /* A mask, not an absolute value: Kafka Utils.toPositive. */
        return (int32_t)((proto_murmur2(key) & 0x7fffffffU) % count);
    }
}
