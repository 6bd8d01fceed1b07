/* partition_hash.h: which partition a key goes to.
 *
 * The client decides this, never the broker; producers that shall agree must use the same hash:
 *   murmur2  Java's and most other clients' default: hash & 0x7fffffff, modulo the partition count
 *   crc32    librdkafka's default (IEEE, unsigned, modulo)
 *   xxhash   XXH3, 64 bits, seed 0, modulo: fastest, no other client knows it
 * Records without a key are not placed by these.
 * Threads: any. Blocks: no. Source: Kafka Utils.murmur2, librdkafka
 * rd_kafka_msg_partitioner_consistent. */
#ifndef PROTO_PARTITION_HASH_H
#define PROTO_PARTITION_HASH_H

#include <stdint.h>

#include "base/buf.h"

enum proto_partition_kind {
    PROTO_PARTITION_MURMUR2 = 0,
    PROTO_PARTITION_CRC32 = 1,
    PROTO_PARTITION_XXHASH = 2,
};

uint32_t proto_murmur2(struct lt_slice key); /* seed 0x9747b28c; Java's int as unsigned */
uint32_t proto_crc32(struct lt_slice key);   /* IEEE 802.3, as zlib */
uint64_t proto_xxh3(struct lt_slice key);    /* XXH3_64bits */

/* Partition 0 .. partition_count - 1 for a key; a null key is hashed as an empty one.
 * partition_count must be > 0. */
int32_t proto_partition_for_key(enum proto_partition_kind kind,
                                struct lt_slice key,
                                int32_t partition_count);

#endif
