/* offsets.h: the list of (topic, partition, offset, code) behind struct leat_offsets.
 *
 * The public calls are in leat.h. Threads: one at a time per list. */
#ifndef LC_OFFSETS_H
#define LC_OFFSETS_H

#include <leat/leat.h>

struct lc_offset_place; /* finds an entry by topic and partition */

struct lc_offset {
    const char *topic; /* in the entry's place */
    int64_t offset;
    int32_t partition;
    int code; /* 0, or why this partition has no answer */
};

struct leat_offsets {
    struct lc_offset *entries;
    size_t count;
    size_t capacity;
    struct lc_offset_place *places; /* one per entry */
};

/* Entry of a partition, NULL if it is not there; a NULL list has none. Cheap in large lists too. */
struct lc_offset *
lc_offsets_find(const struct leat_offsets *list, const char *topic, int32_t partition);

/* A copy of its own; NULL when memory is short. NULL gives an empty list. */
struct leat_offsets *lc_offsets_copy(const struct leat_offsets *list);

#endif
