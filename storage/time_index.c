#include "storage/time_index.h"

#include "base/assert.h"
#include "proto/varint.h"

_Static_assert(LOG_TIME_ENTRY_SIZE == sizeof(int64_t) + sizeof(uint32_t), "format of .timeindex");

bool log_time_index_grows(const struct log_index *index, int64_t timestamp)
{
    uint32_t count = log_index_count(index);
    int64_t last = count == 0 ? -1 : proto_load_i64(log_index_entry(index, count - 1));
    return timestamp > last;
}

void log_time_index_push(struct log_index *index, int64_t base_offset, struct log_time_entry entry)
{
    LT_ASSERT(entry.offset >= base_offset && entry.offset - base_offset <= INT32_MAX);
    uint8_t bytes[LOG_TIME_ENTRY_SIZE];
    proto_store_i64(bytes, entry.timestamp);
    proto_store_u32(bytes + 8, (uint32_t)(entry.offset - base_offset));
    log_index_push(index, bytes);
}

struct log_time_entry
log_time_index_get(const struct log_index *index, int64_t base_offset, uint32_t i)
{
    const uint8_t *bytes = log_index_entry(index, i);
    return (struct log_time_entry){proto_load_i64(bytes), base_offset + proto_load_u32(bytes + 8)};
}

bool log_time_index_last(const struct log_index *index,
                         int64_t base_offset,
                         struct log_time_entry *ret)
{
    uint32_t count = log_index_count(index);
    if (count > 0) {
        *ret = log_time_index_get(index, base_offset, count - 1);
    }
    return count > 0;
}

bool log_time_index_find_below(const struct log_index *index,
                               int64_t base_offset,
                               int64_t timestamp,
                               struct log_time_entry *ret)
{
    uint32_t low = 0;
    uint32_t high = log_index_count(index);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (log_time_index_get(index, base_offset, middle).timestamp < timestamp) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low > 0) {
        *ret = log_time_index_get(index, base_offset, low - 1);
    }
    return low > 0;
}

uint32_t
log_time_index_count_below(const struct log_index *index, int64_t base_offset, int64_t offset)
{
    uint32_t low = 0;
    uint32_t high = log_index_count(index);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (log_time_index_get(index, base_offset, middle).offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}
