/* index_file.h: an array of fixed-size entries that grows in memory and is appended to a file now and then.
 *
 * The entries of a sealed segment's file are read through a map; those of an active one lie in chunks that double in size
 * and never move. An entry therefore has one address for life, and readers need no lock: they see `count` entries.
 * Entries are kept as the bytes of the file (big-endian), so that both parts are searched alike. What an entry means
 * stands in offset_index.h and time_index.h. An index is a hint: whoever finds it wrong rebuilds it from the log.
 *
 * Threads: one writer (the partition's mutex); readers any, on entries below a count that they have loaded. Reading a
 * mapped entry can fault: do it inside log_map_guard. */
#ifndef LOG_INDEX_FILE_H
#define LOG_INDEX_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file_ops.h"

#define LOG_INDEX_CHUNK_FIRST 64u /* entries in chunk 0; chunk k has 64 << k */
#define LOG_INDEX_CHUNKS 24u

struct log_index {
    const uint8_t *map;     /* entries that the file had at open; NULL if none */
    size_t map_size;        /* bytes mapped */
    uint32_t mapped;        /* entries in the map that count */
    uint32_t entry_size;    /* bytes */
    _Atomic uint32_t count; /* entries, mapped ones included; published with release */
    uint32_t reserved;      /* entries there is room for; writer only */
    uint32_t persisted;     /* entries that stand in the file; writer only */
    bool in_file; /* the file is ours: append to it instead of starting it anew; writer only */
    bool exact;   /* the file has the persisted entries and nothing behind; writer only */
    uint8_t *chunks[LOG_INDEX_CHUNKS]; /* entries from `mapped` on; owned */
};

void log_index_init(struct log_index *index, uint32_t entry_size);
void log_index_release(struct log_index *index); /* readers must have left */

/* Take the entries of a file: open maps them (sealed segments), read copies them into memory (active ones, so that the
 * writer never touches a map). A torn last entry and entries of zeros at the end (space that Kafka preallocates) do not
 * count. Returns 0, LEAT_ENOENT, LEAT_ENOMEM or LEAT_EIO; on error the index stays empty. Blocks for the disk. */
int log_index_open(struct log_index *index, const struct lt_file_ops *ops, const char *path);
int log_index_read(struct log_index *index, const struct lt_file_ops *ops, const char *path);

static inline uint32_t log_index_count(const struct log_index *index)
{
    return atomic_load_explicit(&index->count, memory_order_acquire);
}

/* Entry i < count; valid as long as the index. */
const uint8_t *log_index_entry(const struct log_index *index, uint32_t i);

/* Room for one more entry, so that the next push cannot fail. LEAT_ENOMEM. Writer only. */
int log_index_reserve(struct log_index *index);
void log_index_push(struct log_index *index, const uint8_t *entry);

/* Keep the first `count` entries of an index that is not mapped. Only before readers know it. */
void log_index_truncate(struct log_index *index, uint32_t count);

/* Bring the file up to what was published and cut it there; touches nothing if it is so. One caller at a time.
 * Returns 0, LEAT_ENOSPACE, LEAT_EIO. Does not sync. */
int log_index_persist(struct log_index *index, const struct lt_file_ops *ops, const char *path);

#endif
