#include "storage/offset_index.h"

#include "base/assert.h"
#include "proto/varint.h"

_Static_assert(LOG_OFFSET_ENTRY_SIZE == sizeof(uint32_t) + sizeof(uint32_t), "format of .index");

void log_offset_index_push(struct log_index *index,
                           int64_t base_offset,
                           struct log_offset_entry entry)
{
    LT_ASSERT(entry.offset >= base_offset && entry.offset - base_offset <= INT32_MAX);
    LT_ASSERT(entry.position <= INT32_MAX);
    uint8_t bytes[LOG_OFFSET_ENTRY_SIZE];
    proto_store_u32(bytes, (uint32_t)(entry.offset - base_offset));
    proto_store_u32(bytes + 4, (uint32_t)entry.position);
    log_index_push(index, bytes);
}

struct log_offset_entry
log_offset_index_get(const struct log_index *index, int64_t base_offset, uint32_t i)
{
    const uint8_t *bytes = log_index_entry(index, i);
    return (struct log_offset_entry){base_offset + proto_load_u32(bytes),
                                     proto_load_u32(bytes + 4)};
}

/* Entries from the front that are within both bounds. */
static uint32_t
count_within(const struct log_index *index, int64_t base_offset, int64_t offset, uint64_t position)
{
    uint32_t low = 0;
    uint32_t high = log_index_count(index);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct log_offset_entry entry = log_offset_index_get(index, base_offset, middle);
        if (entry.offset <= offset && entry.position <= position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool log_offset_index_find(const struct log_index *index,
                           int64_t base_offset,
                           int64_t offset,
                           uint64_t limit,
                           struct log_offset_entry *ret)
{
    uint32_t count = limit == 0 ? 0 : count_within(index, base_offset, offset, limit - 1);
    if (count > 0) {
        *ret = log_offset_index_get(index, base_offset, count - 1);
    }
    return count > 0;
}

bool log_offset_index_find_position(const struct log_index *index,
                                    int64_t base_offset,
                                    uint64_t position,
                                    struct log_offset_entry *ret)
{
    uint32_t count = count_within(index, base_offset, INT64_MAX, position);
    if (count > 0) {
        *ret = log_offset_index_get(index, base_offset, count - 1);
    }
    return count > 0;
}

uint32_t log_offset_index_count_below(const struct log_index *index,
                                      int64_t base_offset,
                                      int64_t offset,
                                      uint64_t position)
{
    if (position == 0) {
        return 0;
    }
    return count_within(index, base_offset, offset - 1, position - 1);
}
