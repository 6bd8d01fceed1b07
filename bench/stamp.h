/* stamp.h: what e2e and verify write at the start of a value: when the record was due, and its number.
 *
 *   0  8  due time, ns of CLOCK_MONOTONIC, big-endian
 *   8  8  sequence, big-endian
 *
 * Threads: any; no state. */
#ifndef BENCH_STAMP_H
#define BENCH_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "proto/varint.h"

#define BENCH_STAMP_SIZE 16

struct bench_stamp {
    int64_t due_ns;
    int64_t sequence;
};

/* `value` has room for BENCH_STAMP_SIZE bytes. */
static inline void bench_stamp_write(uint8_t *value, struct bench_stamp stamp)
{
    proto_store_u64(value, (uint64_t)stamp.due_ns);
    proto_store_u64(value + 8, (uint64_t)stamp.sequence);
}

/* False: too short to carry a stamp. */
static inline bool bench_stamp_read(struct lt_slice value, struct bench_stamp *ret)
{
    if (value.data == NULL || value.size < BENCH_STAMP_SIZE) {
        return false;
    }
    ret->due_ns = (int64_t)proto_load_u64(value.data);
    ret->sequence = (int64_t)proto_load_u64(value.data + 8);
    return true;
}

#endif
