/* partitioner.h: which partition a record goes to.
 *
 * With a key: its hash (proto/partition_hash.h), so that one key stays in one partition in the order of sending. Without a key, or with partitioner=random:
 * all records stick to one partition until a batch's worth of bytes went there, then to another at random, so that batches are large
 * (KIP-794).
 * Threads: the producer's lock. */
#ifndef LC_PARTITIONER_H
#define LC_PARTITIONER_H

#include "base/buf.h"
#include "client/conf_table.h"

struct lc_sticky {
    int32_t partition; /* -1 = choose */
    size_t size;       /* bytes sent to it */
};

/* `kind`: number of the partitioner setting; `random`: state of a small generator, not 0; `size`: bytes that the record takes. partition_count > 0. */
int32_t lc_partition_for(int64_t kind,
                         struct lt_slice key,
                         int32_t partition_count,
                         size_t size,
                         size_t batch_size,
                         struct lc_sticky *sticky,
                         uint64_t *random);

#endif
