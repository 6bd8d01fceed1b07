#include "storage/index_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/os.h"
#include "storage/map_guard.h"

static uint32_t used_entries(const uint8_t *map, uint32_t count, uint32_t entry_size);
static int reserve_chunk(struct log_index *index, uint32_t reserved);
static int copy_guarded(void *arg);

struct copy_args {
    const struct log_index *from;
    struct log_index *to;
};

struct used_args {
    const uint8_t *map;
    uint32_t count;
    uint32_t entry_size;
    uint32_t used;
};

static int used_guarded(void *arg)
{
    struct used_args *args = arg;
    args->used = used_entries(args->map, args->count, args->entry_size);
    return 0;
}

void log_index_init(struct log_index *index, uint32_t entry_size)
{
    memset(index, 0, sizeof(*index));
    index->entry_size = entry_size;
}

void log_index_release(struct log_index *index)
{
    if (index->map != NULL) {
        lt_os_munmap(index->map, index->map_size);
    }
    for (unsigned i = 0; i < LOG_INDEX_CHUNKS; i++) {
        lt_free(index->chunks[i]);
    }
    log_index_init(index, index->entry_size);
}

int log_index_open(struct log_index *index, const struct lt_file_ops *ops, const char *path)
{
    int fd;
    int err = ops->open(ops, path, O_RDONLY, 0, &fd);
    if (err != 0) {
        return err == LEAT_ENOENT ? LEAT_ENOENT : LEAT_EIO;
    }
    uint64_t size = 0;
    err = ops->file_size(ops, fd, &size);
    uint64_t entries = size / index->entry_size;
    if (err == 0 && entries > 0 && entries < UINT32_MAX / 2) {
        size_t map_size = (size_t)(entries * index->entry_size);
        err = ops->mmap(ops, fd, map_size, &index->map);
        if (err == 0) {
            struct used_args args = {index->map, (uint32_t)entries, index->entry_size, 0};
            index->map_size = map_size;
            struct log_guard_range range = {index->map, map_size};
            err = log_map_guard(&range, 1, used_guarded, &args);
            index->mapped = args.used;
        }
    }
    (void)ops->close(ops, fd); /* only read from */
    if (err != 0) {
        log_index_release(index);
        return LEAT_EIO;
    }
    index->persisted = index->mapped;
    index->reserved = index->mapped;
    index->in_file = true;
    index->exact = size == (uint64_t)index->mapped * index->entry_size;
    atomic_store_explicit(&index->count, index->mapped, memory_order_release);
    return 0;
}

int log_index_read(struct log_index *index, const struct lt_file_ops *ops, const char *path)
{
    struct log_index file;
    log_index_init(&file, index->entry_size);
    int err = log_index_open(&file, ops, path);
    if (err != 0) {
        return err;
    }
    struct copy_args args = {&file, index};
    /* Room first: nothing may be allocated under the guard. */
    while (err == 0 && index->reserved < file.mapped) {
        err = reserve_chunk(index, index->reserved);
    }
    if (err == 0) {
        struct log_guard_range range = {file.map, file.map_size};
        err = log_map_guard(&range, 1, copy_guarded, &args);
    }
    bool exact = file.exact;
    log_index_release(&file);
    if (err != 0) {
        log_index_release(index);
        return err;
    }
    index->persisted = log_index_count(index);
    index->in_file = true;
    index->exact = exact;
    return 0;
}

static int copy_guarded(void *arg)
{
    struct copy_args *args = arg;
    for (uint32_t i = 0; i < args->from->mapped; i++) {
        log_index_push(args->to, log_index_entry(args->from, i));
    }
    return 0;
}

/* Entries grow, so the zeros of preallocated space are one run at the end: find where it begins by halving. */
static uint32_t used_entries(const uint8_t *map, uint32_t count, uint32_t entry_size)
{
    uint32_t low = 0;
    uint32_t high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const uint8_t *entry = map + (size_t)middle * entry_size;
        bool zero = true;
        for (uint32_t i = 0; i < entry_size; i++) {
            zero = zero && entry[i] == 0;
        }
        if (zero) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

/* Chunk of the n-th entry behind the map, and the entry's place in it. Chunk k begins at entry 64 * (2^k - 1). */
static unsigned chunk_of(uint32_t n, uint32_t *ret_at)
{
    uint32_t unit = n / LOG_INDEX_CHUNK_FIRST + 1;
    unsigned chunk = 31u - (unsigned)__builtin_clz(unit);
    *ret_at = n - LOG_INDEX_CHUNK_FIRST * ((1u << chunk) - 1u);
    return chunk;
}

const uint8_t *log_index_entry(const struct log_index *index, uint32_t i)
{
    if (i < index->mapped) {
        return index->map + (size_t)i * index->entry_size;
    }
    uint32_t at;
    unsigned chunk = chunk_of(i - index->mapped, &at);
    return index->chunks[chunk] + (size_t)at * index->entry_size;
}

/* Make room for entries from `reserved` on: one chunk more. */
static int reserve_chunk(struct log_index *index, uint32_t reserved)
{
    uint32_t at;
    unsigned chunk = chunk_of(reserved - index->mapped, &at);
    if (chunk >= LOG_INDEX_CHUNKS) {
        return LEAT_ENOMEM;
    }
    uint32_t entries = LOG_INDEX_CHUNK_FIRST << chunk;
    if (index->chunks[chunk] == NULL) {
        index->chunks[chunk] = lt_calloc(entries, index->entry_size);
        if (index->chunks[chunk] == NULL) {
            return LEAT_ENOMEM;
        }
    }
    index->reserved = reserved + entries - at;
    return 0;
}

int log_index_reserve(struct log_index *index)
{
    uint32_t count = atomic_load_explicit(&index->count, memory_order_relaxed);
    return count < index->reserved ? 0 : reserve_chunk(index, count);
}

void log_index_push(struct log_index *index, const uint8_t *entry)
{
    uint32_t count = atomic_load_explicit(&index->count, memory_order_relaxed);
    LT_ASSERT(count < index->reserved);
    uint32_t at;
    unsigned chunk = chunk_of(count - index->mapped, &at);
    memcpy(index->chunks[chunk] + (size_t)at * index->entry_size, entry, index->entry_size);
    atomic_store_explicit(&index->count, count + 1, memory_order_release);
}

void log_index_truncate(struct log_index *index, uint32_t count)
{
    LT_ASSERT(index->mapped == 0 && count <= log_index_count(index));
    if (index->persisted > count) {
        index->persisted = count;
        index->exact = false;
    }
    atomic_store_explicit(&index->count, count, memory_order_release);
}

static int
write_entries(struct log_index *index, const struct lt_file_ops *ops, int fd, uint32_t count)
{
    uint8_t bytes[4096];
    uint32_t per_write = (uint32_t)sizeof(bytes) / index->entry_size;
    uint32_t i = index->persisted;
    while (i < count) {
        uint32_t n = count - i < per_write ? count - i : per_write;
        for (uint32_t j = 0; j < n; j++) {
            memcpy(bytes + (size_t)j * index->entry_size, log_index_entry(index, i + j),
                   index->entry_size);
        }
        int err = ops->pwrite(ops, fd, bytes, (size_t)n * index->entry_size,
                              (uint64_t)i * index->entry_size);
        if (err != 0) {
            return err;
        }
        i += n;
    }
    return 0;
}

int log_index_persist(struct log_index *index, const struct lt_file_ops *ops, const char *path)
{
    uint32_t count = log_index_count(index);
    if (index->in_file && index->exact && index->persisted == count) {
        return 0;
    }
    int fd;
    int err = ops->open(ops, path, O_WRONLY | O_CREAT | (index->in_file ? 0 : O_TRUNC), 0644, &fd);
    if (err != 0) {
        return err == LEAT_ENOSPACE ? LEAT_ENOSPACE : LEAT_EIO;
    }
    err = write_entries(index, ops, fd, count);
    if (err == 0 && index->in_file && !index->exact) {
        err = ops->ftruncate(ops, fd, (uint64_t)count * index->entry_size);
    }
    (void)ops->close(ops, fd); /* what counts was told by the calls above */
    if (err != 0) {
        index->exact = false;
        return err == LEAT_ENOSPACE ? LEAT_ENOSPACE : LEAT_EIO;
    }
    index->in_file = true;
    index->exact = true;
    index->persisted = count;
    return 0;
}
