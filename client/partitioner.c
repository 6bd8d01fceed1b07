/* partitioner.c: see partitioner.h. */
#include "client/partitioner.h"

#include "base/assert.h"
#include "proto/partition_hash.h"

_Static_assert(
    PROTO_PARTITION_MURMUR2 == 0 && PROTO_PARTITION_CRC32 == 1 && PROTO_PARTITION_XXHASH == 2 &&
        LC_PARTITIONER_RANDOM == 3,
    "the words of the partitioner setting stand in the order of enum proto_partition_kind");

/* xorshift64: enough to spread load, and no system call. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x;
}

int32_t lc_partition_for(int64_t kind,
                         struct lt_slice key,
                         int32_t partition_count,
                         size_t size,
                         size_t batch_size,
                         struct lc_sticky *sticky,
                         uint64_t *random)
{
    LT_ASSERT(partition_count > 0);
    if (key.data != NULL && kind != LC_PARTITIONER_RANDOM) {
        return proto_partition_for_key((enum proto_partition_kind)kind, key, partition_count);
    }
    if (sticky->partition < 0 || sticky->size >= batch_size ||
        sticky->partition >= partition_count) {
        sticky->partition = (int32_t)(next_random(random) % (uint64_t)partition_count);
        sticky->size = 0;
    }
    sticky->size += size;
    return sticky->partition;
}
