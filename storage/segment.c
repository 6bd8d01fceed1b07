/* One segment: open, map, indexes. What is done with the bytes stands in append.c, read.c, lookup.c and recovery.c. */
#include "storage/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/os.h"
#include "storage/map_guard.h"

static int load_indexes(struct log_segment *seg, struct log_indexes **ret_indexes);
static int rebuild_indexes(struct log_segment *seg, struct log_indexes **ret_indexes);

static size_t region_count(uint64_t trusted_from)
{
    return (size_t)((trusted_from + (1u << LOG_REGION_BITS) - 1) >> LOG_REGION_BITS);
}

int log_segment_new(const struct log_segment_options *options, struct log_segment **ret_seg)
{
    struct log_segment *seg = lt_calloc(1, sizeof(*seg));
    if (seg == NULL) {
        return LEAT_ENOMEM;
    }
    seg->prefix = lt_asprintf("%s/%020" PRId64, options->dir, options->base_offset);
    size_t regions = region_count(options->trusted_from);
    if (regions > 0) {
        seg->checked = lt_calloc(regions, sizeof(*seg->checked));
    }
    if (seg->prefix == NULL || (regions > 0 && seg->checked == NULL)) {
        lt_free(seg->prefix);
        lt_free(seg);
        return LEAT_ENOMEM;
    }
    atomic_init(&seg->refs, 1);
    seg->ops = options->ops;
    seg->base_offset = options->base_offset;
    seg->sealed = options->sealed;
    seg->map_limit = options->map_limit;
    seg->index_interval = options->index_interval;
    atomic_init(&seg->size, options->size);
    atomic_init(&seg->next_offset, options->next_offset);
    atomic_init(&seg->max_timestamp, options->sealed ? -2 : -1);
    (void)pthread_mutex_init(&seg->open_lock, NULL); /* a default mutex cannot fail here */
    atomic_init(&seg->fd, -1);
    atomic_init(&seg->map, NULL);
    atomic_init(&seg->indexes, NULL);
    seg->trusted_from = options->trusted_from;
    atomic_init(&seg->bad_position, LOG_NO_POSITION);
    atomic_init(&seg->bad_offset, INT64_MAX);
    seg->allocated = options->size;
    seg->first_timestamp = -2;
    *ret_seg = seg;
    return 0;
}

struct log_segment *log_segment_ref(struct log_segment *seg)
{
    atomic_fetch_add_explicit(&seg->refs, 1, memory_order_relaxed);
    return seg;
}

void log_segment_unref(struct log_segment *seg)
{
    if (seg == NULL || atomic_fetch_sub_explicit(&seg->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    const uint8_t *map = atomic_load_explicit(&seg->map, memory_order_relaxed);
    if (map != NULL) {
        lt_os_munmap(map, seg->map_limit);
    }
    int fd = atomic_load_explicit(&seg->fd, memory_order_relaxed);
    if (fd >= 0) {
        (void)seg->ops->close(
            seg->ops, fd); /* writes were judged when they were made and when they were synced */
    }
    log_indexes_free(atomic_load_explicit(&seg->indexes, memory_order_relaxed));
    log_indexes_free(seg->retired);
    (void)pthread_mutex_destroy(&seg->open_lock);
    lt_free(seg->checked);
    lt_free(seg->prefix);
    lt_free(seg);
}

void log_segment_path(const struct log_segment *seg,
                      const char *suffix,
                      char *ret_path,
                      size_t size)
{
    int written = snprintf(ret_path, size, "%s%s", seg->prefix, suffix);
    LT_ASSERT(written > 0 && (size_t)written < size);
}

int log_segment_clone_sealed(const struct log_segment *seg, struct log_segment **ret_seg)
{
    uint64_t size = atomic_load_explicit(&seg->size, memory_order_relaxed);
    struct log_segment *clone = lt_calloc(1, sizeof(*clone));
    if (clone == NULL) {
        return LEAT_ENOMEM;
    }
    size_t regions = region_count(seg->trusted_from);
    clone->prefix = lt_strdup(seg->prefix);
    if (regions > 0) {
        clone->checked = lt_calloc(regions, sizeof(*clone->checked));
    }
    if (clone->prefix == NULL || (regions > 0 && clone->checked == NULL)) {
        lt_free(clone->prefix);
        lt_free(clone->checked);
        lt_free(clone);
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < regions; i++) {
        atomic_init(&clone->checked[i],
                    atomic_load_explicit(&seg->checked[i], memory_order_relaxed));
    }
    atomic_init(&clone->refs, 1);
    clone->ops = seg->ops;
    clone->base_offset = seg->base_offset;
    clone->sealed = true;
    clone->map_limit = size;
    clone->index_interval = seg->index_interval;
    atomic_init(&clone->size, size);
    atomic_init(&clone->next_offset, atomic_load_explicit(&seg->next_offset, memory_order_relaxed));
    atomic_init(&clone->max_timestamp,
                atomic_load_explicit(&seg->max_timestamp, memory_order_relaxed));
    (void)pthread_mutex_init(&clone->open_lock, NULL); /* a default mutex cannot fail here */
    atomic_init(&clone->fd, -1);
    atomic_init(&clone->map, NULL);
    atomic_init(&clone->indexes, NULL);
    clone->trusted_from = seg->trusted_from;
    atomic_init(&clone->bad_position,
                atomic_load_explicit(&seg->bad_position, memory_order_relaxed));
    atomic_init(&clone->bad_offset, atomic_load_explicit(&seg->bad_offset, memory_order_relaxed));
    clone->allocated = size;
    clone->first_timestamp = seg->first_timestamp;
    clone->created_ms = seg->created_ms;
    *ret_seg = clone;
    return 0;
}

/* ---- files ---- */

static int open_code(int err)
{
    int errnum = errno;
    if (err == LEAT_ENOSPACE || err == LEAT_ENOENT) {
        return err;
    }
    return errnum == EMFILE || errnum == ENFILE || errnum == ENOMEM ? LEAT_ENOMEM : LEAT_EIO;
}

/* With open_lock held. */
static int open_locked(struct log_segment *seg, bool create)
{
    if (atomic_load_explicit(&seg->fd, memory_order_relaxed) >= 0) {
        return 0;
    }
    char path[LOG_PATH_MAX];
    log_segment_path(seg, ".log", path, sizeof(path));
    int flags = seg->sealed ? O_RDONLY : O_RDWR;
    int fd;
    int err = seg->ops->open(seg->ops, path, flags | (create ? O_CREAT : 0), 0644, &fd);
    if (err != 0) {
        return open_code(err);
    }
    uint64_t size = 0;
    if (create && (seg->ops->file_size(seg->ops, fd, &size) != 0 || size != 0)) {
        /* An empty one may be left from an attempt that found the disk full; bytes are somebody's. */
        (void)seg->ops->close(seg->ops, fd);
        return LEAT_EIO;
    }
    atomic_store_explicit(&seg->fd, fd, memory_order_release);
    return 0;
}

int log_segment_open(struct log_segment *seg, bool create)
{
    if (atomic_load_explicit(&seg->fd, memory_order_acquire) >= 0) {
        return 0;
    }
    (void)pthread_mutex_lock(&seg->open_lock);
    int err = open_locked(seg, create);
    (void)pthread_mutex_unlock(&seg->open_lock);
    return err;
}

int log_segment_map(struct log_segment *seg, const uint8_t **ret_map)
{
    const uint8_t *map = atomic_load_explicit(&seg->map, memory_order_acquire);
    if (map != NULL) {
        *ret_map = map;
        return 0;
    }
    (void)pthread_mutex_lock(&seg->open_lock);
    map = atomic_load_explicit(&seg->map, memory_order_relaxed);
    int err = map != NULL ? 0 : open_locked(seg, false);
    if (err == 0 && map == NULL) {
        int fd = atomic_load_explicit(&seg->fd, memory_order_relaxed);
        err = seg->ops->mmap(seg->ops, fd, (size_t)seg->map_limit, &map);
        if (err == 0) {
            atomic_store_explicit(&seg->map, map, memory_order_release);
        } else {
            err = open_code(err);
        }
    }
    (void)pthread_mutex_unlock(&seg->open_lock);
    if (err == 0) {
        *ret_map = map;
    }
    return err == LEAT_ENOENT ? LEAT_EIO : err; /* a file that we know is gone */
}

/* 64 KiB first, then as much again as there is, at most 32 MiB at a time. */
int log_segment_allocate(struct log_segment *seg, uint64_t end)
{
    if (end <= seg->allocated) {
        return 0;
    }
    uint64_t step = seg->allocated;
    step = step < LOG_FALLOCATE_FIRST ? LOG_FALLOCATE_FIRST : step;
    step = step > LOG_FALLOCATE_STEP_MAX ? LOG_FALLOCATE_STEP_MAX : step;
    uint64_t target = seg->allocated + step;
    while (target < end) {
        target += step;
    }
    target = target > seg->map_limit ? seg->map_limit : target;
    LT_ASSERT(target >= end);
    int fd = atomic_load_explicit(&seg->fd, memory_order_relaxed);
    int err = seg->ops->fallocate(seg->ops, fd, seg->allocated, target - seg->allocated);
    if (err == LEAT_ENOSPACE && target > end) {
        /* The last of the disk: take just what is needed. */
        target = end;
        err = seg->ops->fallocate(seg->ops, fd, seg->allocated, target - seg->allocated);
    }
    /* A file system that cannot reserve: the file grows with each write, and a full disk shows there. */
    if (err != 0 && errno != EOPNOTSUPP) {
        return err == LEAT_ENOSPACE ? LEAT_ENOSPACE : LEAT_EIO;
    }
    seg->allocated = target;
    return 0;
}

int log_segment_widen(struct log_segment *seg, uint64_t map_limit)
{
    LT_ASSERT(atomic_load_explicit(&seg->size, memory_order_relaxed) == 0);
    (void)pthread_mutex_lock(&seg->open_lock);
    bool mapped = atomic_load_explicit(&seg->map, memory_order_relaxed) != NULL;
    if (!mapped && map_limit > seg->map_limit) {
        seg->map_limit = map_limit;
    }
    (void)pthread_mutex_unlock(&seg->open_lock);
    return mapped ? LEAT_EFULL : 0;
}

int log_segment_trim(struct log_segment *seg)
{
    uint64_t size = atomic_load_explicit(&seg->size, memory_order_relaxed);
    if (seg->allocated == size) {
        return 0;
    }
    int err =
        seg->ops->ftruncate(seg->ops, atomic_load_explicit(&seg->fd, memory_order_relaxed), size);
    if (err != 0) {
        return LEAT_EIO;
    }
    seg->allocated = size;
    return 0;
}

/* ---- headers ---- */

int log_batch_peek(const uint8_t *map,
                   uint64_t limit,
                   uint64_t position,
                   int64_t expected,
                   struct log_batch_at *ret)
{
    if (position > limit || limit - position < PROTO_BATCH_HEADER_SIZE ||
        proto_batch_header_read(map + position, PROTO_BATCH_HEADER_SIZE, &ret->header) != 0) {
        return LT_CORRUPT();
    }
    ret->position = position;
    ret->size = proto_batch_header_total(&ret->header);
    if (ret->size < PROTO_BATCH_HEADER_SIZE || ret->size > limit - position ||
        ret->header.magic != PROTO_MAGIC_V2 || ret->header.last_offset_delta < 0 ||
        ret->header.base_offset < expected || ret->header.base_offset > INT64_MAX - INT32_MAX - 1) {
        return LT_CORRUPT();
    }
    ret->last_offset = ret->header.base_offset + ret->header.last_offset_delta;
    return 0;
}

bool log_offset_entry_fits(const uint8_t *map,
                           uint64_t limit,
                           int64_t base_offset,
                           const struct log_offset_entry *entry)
{
    struct log_batch_at batch;
    return log_batch_peek(map, limit, entry->position, base_offset, &batch) == 0 &&
           batch.last_offset == entry->offset;
}

struct peek_args {
    const uint8_t *map;
    uint64_t limit;
    uint64_t position;
    int64_t expected;
    struct log_batch_at *ret;
};

static int peek_guarded(void *arg)
{
    struct peek_args *args = arg;
    return log_batch_peek(args->map, args->limit, args->position, args->expected, args->ret);
}

int log_segment_peek(struct log_segment *seg,
                     const uint8_t *map,
                     uint64_t position,
                     int64_t expected,
                     struct log_batch_at *ret)
{
    uint64_t limit = atomic_load_explicit(&seg->size, memory_order_acquire);
    struct peek_args args = {map, limit, position, expected, ret};
    struct log_guard_range range = {map, (size_t)seg->map_limit};
    return log_map_guard(&range, 1, peek_guarded, &args);
}

int log_segment_guard(struct log_segment *seg,
                      const struct log_indexes *indexes,
                      int (*fn)(void *arg),
                      void *arg)
{
    const uint8_t *map = atomic_load_explicit(&seg->map, memory_order_acquire);
    struct log_guard_range ranges[] = {{map, map == NULL ? 0 : (size_t)seg->map_limit},
                                       {indexes->offsets.map, indexes->offsets.map_size},
                                       {indexes->times.map, indexes->times.map_size}};
    return log_map_guard(ranges, 3, fn, arg);
}

void log_segment_set_bad(struct log_segment *seg, uint64_t position, int64_t offset)
{
    uint64_t known = atomic_load_explicit(&seg->bad_position, memory_order_relaxed);
    while (position < known &&
           !atomic_compare_exchange_weak_explicit(&seg->bad_position, &known, position,
                                                  memory_order_release, memory_order_relaxed)) {
    }
    int64_t known_offset = atomic_load_explicit(&seg->bad_offset, memory_order_relaxed);
    while (offset < known_offset &&
           !atomic_compare_exchange_weak_explicit(&seg->bad_offset, &known_offset, offset,
                                                  memory_order_release, memory_order_relaxed)) {
    }
}

/* ---- indexes ---- */

void log_indexes_init(struct log_indexes *indexes)
{
    log_index_init(&indexes->offsets, LOG_OFFSET_ENTRY_SIZE);
    log_index_init(&indexes->times, LOG_TIME_ENTRY_SIZE);
    indexes->max_timestamp = -1;
    indexes->max_timestamp_offset = -1;
    indexes->bytes_since_entry = 0;
}

void log_indexes_free(struct log_indexes *indexes)
{
    if (indexes != NULL) {
        log_index_release(&indexes->offsets);
        log_index_release(&indexes->times);
        lt_free(indexes);
    }
}

int log_indexes_reserve(struct log_indexes *indexes)
{
    int err = log_index_reserve(&indexes->offsets);
    return err != 0 ? err : log_index_reserve(&indexes->times);
}

static void note_time(struct log_indexes *indexes, int64_t base_offset)
{
    if (log_time_index_grows(&indexes->times, indexes->max_timestamp)) {
        struct log_time_entry entry = {indexes->max_timestamp, indexes->max_timestamp_offset};
        log_time_index_push(&indexes->times, base_offset, entry);
    }
}

void log_indexes_note(struct log_indexes *indexes,
                      int64_t base_offset,
                      uint64_t interval,
                      const struct log_batch_at *batch)
{
    if (batch->header.max_timestamp > indexes->max_timestamp) {
        indexes->max_timestamp = batch->header.max_timestamp;
        indexes->max_timestamp_offset = batch->last_offset;
    }
    if (indexes->bytes_since_entry > interval && batch->position <= INT32_MAX) {
        struct log_offset_entry entry = {batch->last_offset, batch->position};
        log_offset_index_push(&indexes->offsets, base_offset, entry);
        note_time(indexes, base_offset);
        indexes->bytes_since_entry = 0;
    }
    indexes->bytes_since_entry += batch->size;
}

int log_indexes_finish(struct log_indexes *indexes, int64_t base_offset)
{
    int err = log_index_reserve(&indexes->times);
    if (err == 0) {
        note_time(indexes, base_offset);
    }
    return err;
}

int log_segment_persist_indexes(struct log_segment *seg)
{
    struct log_indexes *indexes = atomic_load_explicit(&seg->indexes, memory_order_acquire);
    if (indexes == NULL) {
        return 0; /* never loaded, so never changed */
    }
    char path[LOG_PATH_MAX];
    (void)pthread_mutex_lock(
        &seg->open_lock); /* a checkpoint and the sealing writer may come together */
    log_segment_path(seg, ".index", path, sizeof(path));
    int err = log_index_persist(&indexes->offsets, seg->ops, path);
    if (err == 0) {
        log_segment_path(seg, ".timeindex", path, sizeof(path));
        err = log_index_persist(&indexes->times, seg->ops, path);
    }
    (void)pthread_mutex_unlock(&seg->open_lock);
    return err;
}

static int sync_file(struct log_segment *seg, const char *suffix)
{
    char path[LOG_PATH_MAX];
    log_segment_path(seg, suffix, path, sizeof(path));
    int fd;
    int err = seg->ops->open(seg->ops, path, O_RDONLY, 0, &fd);
    if (err == 0) {
        err = seg->ops->fdatasync(seg->ops, fd);
        (void)seg->ops->close(seg->ops, fd); /* only synced */
    }
    return err;
}

int log_segment_sync_indexes(struct log_segment *seg)
{
    int err = seg->sealed ? 0 : log_segment_persist_indexes(seg);
    if (err == 0) {
        err = sync_file(seg, ".index");
    }
    if (err == 0) {
        err = sync_file(seg, ".timeindex");
    }
    return err == LEAT_ENOENT ? 0 : err; /* a missing index is rebuilt from the log */
}

int log_segment_indexes(struct log_segment *seg, struct log_indexes **ret_indexes)
{
    struct log_indexes *indexes = atomic_load_explicit(&seg->indexes, memory_order_acquire);
    if (indexes != NULL) {
        *ret_indexes = indexes;
        return 0;
    }
    LT_ASSERT(seg->sealed); /* an active segment gets its indexes before it is listed */
    const uint8_t *map = NULL;
    int err = atomic_load_explicit(&seg->size, memory_order_relaxed) == 0
                  ? 0
                  : log_segment_map(seg, &map);
    if (err != 0) {
        return err;
    }
    (void)pthread_mutex_lock(&seg->open_lock);
    indexes = atomic_load_explicit(&seg->indexes, memory_order_relaxed);
    if (indexes == NULL) {
        err = load_indexes(seg, &indexes);
        if (err == LEAT_ENOENT || err == LEAT_ECORRUPT) {
            err = rebuild_indexes(seg, &indexes);
        }
        if (err == 0) {
            atomic_store_explicit(&seg->max_timestamp, indexes->max_timestamp,
                                  memory_order_relaxed);
            atomic_store_explicit(&seg->indexes, indexes, memory_order_release);
        }
    }
    (void)pthread_mutex_unlock(&seg->open_lock);
    if (err == 0) {
        *ret_indexes = indexes;
    }
    return err;
}

int log_segment_reindex(struct log_segment *seg,
                        struct log_indexes *wrong,
                        struct log_indexes **ret_indexes)
{
    (void)pthread_mutex_lock(&seg->open_lock);
    struct log_indexes *indexes = atomic_load_explicit(&seg->indexes, memory_order_relaxed);
    int err = 0;
    if (indexes == wrong) {
        /* A rebuilt index that leads astray means that the log is bad, and an active one is right by construction. */
        err = seg->retired != NULL || !seg->sealed ? LT_CORRUPT() : rebuild_indexes(seg, &indexes);
        if (err == 0) {
            seg->retired = wrong;
            atomic_store_explicit(&seg->max_timestamp, indexes->max_timestamp,
                                  memory_order_relaxed);
            atomic_store_explicit(&seg->indexes, indexes, memory_order_release);
        }
    }
    (void)pthread_mutex_unlock(&seg->open_lock);
    if (err == 0) {
        *ret_indexes = indexes;
    }
    return err;
}

struct judge_args {
    struct log_segment *seg;
    struct log_indexes *indexes;
};

/* Do the last entries fit the log? The others are judged when a lookup uses them. */
static int judge_offsets(void *arg)
{
    struct judge_args *args = arg;
    struct log_segment *seg = args->seg;
    uint32_t count = log_index_count(&args->indexes->offsets);
    uint64_t size = atomic_load_explicit(&seg->size, memory_order_relaxed);
    if (count == 0 || size == 0) {
        return count == 0 ? 0 : LEAT_ECORRUPT;
    }
    struct log_offset_entry last =
        log_offset_index_get(&args->indexes->offsets, seg->base_offset, count - 1);
    const uint8_t *map = atomic_load_explicit(&seg->map, memory_order_relaxed);
    return log_offset_entry_fits(map, size, seg->base_offset, &last) ? 0 : LEAT_ECORRUPT;
}

static int judge_times(void *arg)
{
    struct judge_args *args = arg;
    struct log_segment *seg = args->seg;
    struct log_time_entry last;
    if (!log_time_index_last(&args->indexes->times, seg->base_offset, &last)) {
        /* Without a time index the largest timestamp is not known. */
        return atomic_load_explicit(&seg->size, memory_order_relaxed) == 0 ? 0 : LEAT_ECORRUPT;
    }
    if (last.offset >= atomic_load_explicit(&seg->next_offset, memory_order_relaxed) ||
        last.timestamp < 0) {
        return LEAT_ECORRUPT;
    }
    args->indexes->max_timestamp = last.timestamp;
    args->indexes->max_timestamp_offset = last.offset;
    return 0;
}

static int judge_guarded(void *arg)
{
    int err = judge_offsets(arg);
    return err != 0 ? err : judge_times(arg);
}

/* With open_lock held and the log mapped (if it has bytes). LEAT_ENOENT, LEAT_ECORRUPT: rebuild them. */
static int load_indexes(struct log_segment *seg, struct log_indexes **ret_indexes)
{
    struct log_indexes *indexes = lt_calloc(1, sizeof(*indexes));
    if (indexes == NULL) {
        return LEAT_ENOMEM;
    }
    log_indexes_init(indexes);
    struct judge_args args = {seg, indexes};
    char path[LOG_PATH_MAX];
    log_segment_path(seg, ".index", path, sizeof(path));
    int err = log_index_open(&indexes->offsets, seg->ops, path);
    if (err == 0) {
        log_segment_path(seg, ".timeindex", path, sizeof(path));
        err = log_index_open(&indexes->times, seg->ops, path);
    }
    if (err == 0) {
        err = log_segment_guard(seg, indexes, judge_guarded, &args);
    }
    if (err != 0) {
        log_indexes_free(indexes);
        return err == LEAT_EIO ? LEAT_ECORRUPT
                               : err; /* an index that cannot be read is made again */
    }
    *ret_indexes = indexes;
    return 0;
}

/* Walk all headers. With open_lock held and the log mapped. A header that fails ends the walk and is remembered. */
static int rebuild_indexes(struct log_segment *seg, struct log_indexes **ret_indexes)
{
    struct log_indexes *indexes = lt_calloc(1, sizeof(*indexes));
    if (indexes == NULL) {
        return LEAT_ENOMEM;
    }
    log_indexes_init(indexes);
    const uint8_t *map = atomic_load_explicit(&seg->map, memory_order_relaxed);
    uint64_t size = atomic_load_explicit(&seg->size, memory_order_relaxed);
    uint64_t position = 0;
    int64_t expected = seg->base_offset;
    int err = 0;
    while (err == 0 && position < size) {
        struct log_batch_at batch;
        err = log_segment_peek(seg, map, position, expected, &batch);
        if (err == LEAT_ECORRUPT ||
            (err == 0 &&
             (batch.last_offset - seg->base_offset > INT32_MAX || position > INT32_MAX))) {
            log_segment_set_bad(seg, position, expected);
            err = 0;
            break;
        }
        if (err == 0) {
            err = log_indexes_reserve(indexes);
        }
        if (err == 0) {
            log_indexes_note(indexes, seg->base_offset, seg->index_interval, &batch);
            position += batch.size;
            expected = batch.last_offset + 1;
        }
    }
    if (err == 0) {
        err = log_indexes_finish(indexes, seg->base_offset);
    }
    if (err != 0) {
        log_indexes_free(indexes);
        return err;
    }
    *ret_indexes = indexes;
    return 0;
}

/* ---- CRC checks of what an earlier process wrote ---- */

enum { REGION_UNKNOWN = 0, REGION_SOUND = 1, REGION_BAD = 2 /* sound below bad_position */ };

bool log_segment_checked(const struct log_segment *seg, uint64_t position, uint64_t end)
{
    end = end > seg->trusted_from ? seg->trusted_from : end;
    for (uint64_t at = position; at < end; at = ((at >> LOG_REGION_BITS) + 1) << LOG_REGION_BITS) {
        uint8_t state =
            atomic_load_explicit(&seg->checked[at >> LOG_REGION_BITS], memory_order_acquire);
        if (state == REGION_UNKNOWN ||
            (state == REGION_BAD &&
             end > atomic_load_explicit(&seg->bad_position, memory_order_acquire))) {
            return false;
        }
    }
    return true;
}

struct check_args {
    struct log_segment *seg;
    const uint8_t *map;
    const struct log_index *offsets;
    uint64_t begin;    /* of the region */
    uint64_t end;      /* of the region */
    uint64_t limit;    /* published bytes */
    uint64_t position; /* out: where a check failed */
    int64_t expected;  /* out: offset expected there */
};

/* All batches that begin in [begin, end). LEAT_ECONFLICT: the index is wrong. */
static int check_region(void *arg)
{
    struct check_args *args = arg;
    struct log_offset_entry entry = {args->seg->base_offset, 0};
    if (log_offset_index_find_position(args->offsets, args->seg->base_offset, args->begin,
                                       &entry) &&
        !log_offset_entry_fits(args->map, args->limit, args->seg->base_offset, &entry)) {
        return LEAT_ECONFLICT;
    }
    args->position = entry.position;
    args->expected =
        args->seg->base_offset; /* an entry tells the last offset of its batch, not the first */
    while (args->position < args->end) {
        struct log_batch_at batch;
        int err = log_batch_peek(args->map, args->limit, args->position, args->expected, &batch);
        if (err != 0) {
            return err;
        }
        if (args->position >= args->begin &&
            !proto_batch_crc_ok(args->map + args->position, (size_t)batch.size)) {
            return LT_CORRUPT();
        }
        args->position += batch.size;
        args->expected = batch.last_offset + 1;
    }
    return 0;
}

static int check_one(struct log_segment *seg, const uint8_t *map, uint64_t begin, uint64_t trusted)
{
    struct log_indexes *indexes;
    int err = log_segment_indexes(seg, &indexes);
    uint64_t end = begin + (1u << LOG_REGION_BITS);
    uint64_t limit = atomic_load_explicit(&seg->size, memory_order_acquire);
    struct check_args args = {seg, map, NULL, begin, end < trusted ? end : trusted, limit, 0, 0};
    while (err == 0) {
        args.offsets = &indexes->offsets;
        err = log_segment_guard(seg, indexes, check_region, &args);
        if (err != LEAT_ECONFLICT) {
            break;
        }
        err = log_segment_reindex(seg, indexes, &indexes);
    }
    if (err == LEAT_ECORRUPT) {
        log_segment_set_bad(seg, args.position, args.expected);
    }
    return err;
}

int log_segment_check(struct log_segment *seg, uint64_t position, uint64_t end)
{
    if (log_segment_checked(seg, position, end)) {
        return 0;
    }
    const uint8_t *map;
    int err = log_segment_map(seg, &map);
    uint64_t size = atomic_load_explicit(&seg->size, memory_order_acquire);
    uint64_t trusted = seg->trusted_from < size ? seg->trusted_from : size;
    end = end > trusted ? trusted : end;
    uint64_t region = position >> LOG_REGION_BITS;
    for (; err == 0 && region << LOG_REGION_BITS < end; region++) {
        uint64_t begin = region << LOG_REGION_BITS;
        if (atomic_load_explicit(&seg->checked[region], memory_order_acquire) == REGION_SOUND) {
            continue;
        }
        err = check_one(seg, map, begin, trusted);
        if (err == 0 || err == LEAT_ECORRUPT) {
            uint8_t state = err == 0 ? REGION_SOUND : REGION_BAD;
            atomic_store_explicit(&seg->checked[region], state, memory_order_release);
        }
    }
    return err;
}
