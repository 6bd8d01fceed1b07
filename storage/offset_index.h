/* offset_index.h: sparse index from offsets to byte positions in one segment.
 *
 *   0  4  last offset of a batch - base offset of the segment
 *   4  4  position of the batch's first byte in the .log file
 *
 * An entry is made for a batch that comes after more than index.interval.bytes without one; a segment's first batch has
 * none. Both columns grow.
 * Threads and faults: as index_file.h. Source: Kafka OffsetIndex. */
#ifndef LOG_OFFSET_INDEX_H
#define LOG_OFFSET_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/index_file.h"

#define LOG_OFFSET_ENTRY_SIZE 8u

struct log_offset_entry {
    int64_t offset;    /* last offset of the batch */
    uint64_t position; /* of its first byte */
};

/* Add an entry; room was reserved. `offset` is at most 2^31 - 1 above the base. */
void log_offset_index_push(struct log_index *index,
                           int64_t base_offset,
                           struct log_offset_entry entry);

struct log_offset_entry
log_offset_index_get(const struct log_index *index, int64_t base_offset, uint32_t i);

/* The last entry with offset <= `offset` / position <= `position`; false: there is none, begin at position 0.
 * `limit`: bytes of the log that the caller knows. An active segment's entry is made before its batch is published, so
 * there may be entries at or behind it: they are passed over. */
bool log_offset_index_find(const struct log_index *index,
                           int64_t base_offset,
                           int64_t offset,
                           uint64_t limit,
                           struct log_offset_entry *ret);
bool log_offset_index_find_position(const struct log_index *index,
                                    int64_t base_offset,
                                    uint64_t position,
                                    struct log_offset_entry *ret);

/* How many entries have an offset below `offset` and a position below `position`. */
uint32_t log_offset_index_count_below(const struct log_index *index,
                                      int64_t base_offset,
                                      int64_t offset,
                                      uint64_t position);

#endif
