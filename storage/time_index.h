/* time_index.h: sparse index from timestamps to offsets in one segment.
 *
 *   0  8  largest timestamp of the segment so far, ms
 *   8  4  last offset of the batch that has it - base offset of the segment
 *
 * An entry is made together with an offset index entry, and when the segment is sealed, if the timestamp grew. So
 * all records at or below an entry's offset have at most its timestamp; nothing is said about later ones.
 * Threads and faults: as index_file.h. Source: Kafka TimeIndex. */
#ifndef LOG_TIME_INDEX_H
#define LOG_TIME_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/index_file.h"

#define LOG_TIME_ENTRY_SIZE 12u

struct log_time_entry {
    int64_t timestamp; /* ms */
    int64_t offset;    /* last offset of the batch */
};

/* Would log_time_index_push add this one? */
bool log_time_index_grows(const struct log_index *index, int64_t timestamp);
void log_time_index_push(struct log_index *index, int64_t base_offset, struct log_time_entry entry);

struct log_time_entry
log_time_index_get(const struct log_index *index, int64_t base_offset, uint32_t i);
bool log_time_index_last(const struct log_index *index,
                         int64_t base_offset,
                         struct log_time_entry *ret);

/* The last entry with a timestamp < `timestamp`: the first record that reaches `timestamp` lies behind its offset. */
bool log_time_index_find_below(const struct log_index *index,
                               int64_t base_offset,
                               int64_t timestamp,
                               struct log_time_entry *ret);

/* How many entries have an offset below `offset`. */
uint32_t
log_time_index_count_below(const struct log_index *index, int64_t base_offset, int64_t offset);

#endif
