/* Read: the bytes at an offset, as a run of whole batches inside one segment.
 *
 *   1. the offsets, then the list of segments: in this order the list reaches at least as far as the bound
 *   2. the segment, the index entry at or below the offset, the headers from there to the batch that has the offset
 *   3. the end: the last index entry below the bound and within size_max, the headers from there
 *   4. CRCs of what an earlier process wrote, once per region: here if the bytes are in memory, else in log_extent_load
 *
 * An index is never believed: an entry that does not lead to the batch it names makes the index new from the log. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "storage/map_guard.h"
#include "storage/partition_private.h"

#define CHECK_INLINE_MAX ((uint64_t)2 << 20) /* CRCs of at most this much on the caller's thread */
#define HOT_TAIL ((uint64_t)4 << 20)         /* the end of an active segment is taken as resident */

/* A question to one segment, answered inside a guard. */
struct run {
    struct log_segment *seg;
    const uint8_t *map;
    struct log_indexes *indexes;
    uint64_t limit; /* bytes that may be looked at */
    int64_t offset; /* wanted */
    int64_t bound;  /* the run ends before this offset */
    uint64_t size_max;
    bool first_always;
    bool found;                /* out: there is a batch at or behind `offset` */
    struct log_batch_at first; /* out */
    uint64_t end;              /* out: position behind the run; = first.position: no batch fits */
    int64_t next_offset;       /* out: one past the last record of the run */
    uint64_t bad_position;     /* out with LEAT_ECORRUPT */
    int64_t bad_offset;
};

static int find_run(struct run *run);
static int find_first(void *arg);
static int find_end(struct run *run);

/* ---- the run in one segment ---- */

static int guarded_find(void *arg)
{
    struct run *run = arg;
    int err = find_first(run);
    if (err == 0 && run->found && run->first.header.base_offset < run->bound) {
        err = find_end(run);
    }
    return err;
}

static int corrupt_at(struct run *run, uint64_t position, int64_t offset)
{
    run->bad_position = position;
    run->bad_offset = offset;
    return LT_CORRUPT();
}

/* LEAT_ECONFLICT: the index is wrong. */
static int find_first(void *arg)
{
    struct run *run = arg;
    int64_t base_offset = run->seg->base_offset;
    struct log_offset_entry entry = {base_offset, 0};
    run->found = false;
    if (log_offset_index_find(&run->indexes->offsets, base_offset, run->offset, run->limit,
                              &entry) &&
        !log_offset_entry_fits(run->map, run->limit, base_offset, &entry)) {
        return LEAT_ECONFLICT;
    }
    uint64_t position = entry.position;
    int64_t expected = base_offset;
    while (position < run->limit) {
        if (log_batch_peek(run->map, run->limit, position, expected, &run->first) != 0) {
            return corrupt_at(run, position, expected);
        }
        if (run->first.last_offset >= run->offset) {
            run->found = true;
            return 0;
        }
        position += run->first.size;
        expected = run->first.last_offset + 1;
    }
    return 0;
}

static int find_end(struct run *run)
{
    const struct log_index *offsets = &run->indexes->offsets;
    int64_t base_offset = run->seg->base_offset;
    uint64_t begin = run->first.position;
    uint64_t want = run->size_max > run->limit - begin ? run->limit : begin + run->size_max;
    /* Jump as far as both bounds allow; the entry's batch is judged by the walk that begins at it. */
    struct log_offset_entry by_offset = {base_offset, 0};
    struct log_offset_entry by_size = {base_offset, 0};
    uint64_t position = begin;
    int64_t expected = run->first.header.base_offset;
    if (log_offset_index_find(offsets, base_offset, run->bound - 1, run->limit, &by_offset) &&
        log_offset_index_find_position(offsets, base_offset, want, &by_size)) {
        const struct log_offset_entry *entry =
            by_offset.position < by_size.position ? &by_offset : &by_size;
        if (entry->position > begin) {
            if (entry->position >= run->limit ||
                !log_offset_entry_fits(run->map, run->limit, base_offset, entry)) {
                return LEAT_ECONFLICT;
            }
            position = entry->position;
            expected = run->first.last_offset + 1;
        }
    }
    run->end = begin;
    run->next_offset = run->first.header.base_offset;
    while (position < run->limit) {
        struct log_batch_at batch;
        if (log_batch_peek(run->map, run->limit, position, expected, &batch) != 0) {
            /* What lies before is sound: hand it out, the next read meets the bad one first. */
            return run->end > begin ? 0 : corrupt_at(run, position, expected);
        }
        bool fits = position + batch.size <= want || (position == begin && run->first_always);
        if (batch.header.base_offset >= run->bound || !fits) {
            run->next_offset = position == begin ? batch.header.base_offset : run->next_offset;
            if (position > begin && run->end == begin) {
                run->end = position; /* jumped here: the batches before are in the run */
                run->next_offset = batch.header.base_offset;
            }
            return 0;
        }
        position += batch.size;
        expected = batch.last_offset + 1;
        run->end = position;
        run->next_offset = expected;
    }
    return 0;
}

/* Find the run, with another index if the first one was wrong. */
static int find_run(struct run *run)
{
    int err = log_segment_map(run->seg, &run->map);
    if (err == 0) {
        err = log_segment_indexes(run->seg, &run->indexes);
    }
    while (err == 0) {
        err = log_segment_guard(run->seg, run->indexes, guarded_find, run);
        if (err == LEAT_ECORRUPT) {
            log_segment_set_bad(run->seg, run->bad_position, run->bad_offset);
        }
        if (err != LEAT_ECONFLICT) {
            break;
        }
        err = log_segment_reindex(run->seg, run->indexes, &run->indexes);
    }
    return err;
}

/* Bytes of a segment that may be looked at; below a known bad batch. */
static uint64_t readable_limit(const struct log_segment *seg)
{
    uint64_t size = atomic_load_explicit(&seg->size, memory_order_acquire);
    uint64_t bad = atomic_load_explicit(&seg->bad_position, memory_order_acquire);
    return bad < size ? bad : size;
}

/* ---- residency and CRCs ---- */

/* One page in each 256 KiB is asked for, and the last one: asking for all costs half as much as sending them, and the kernel
 * reads ahead in large pieces. */
static bool range_resident(const uint8_t *map, uint64_t position, uint64_t end)
{
    static const uint64_t page = 4096;
    static const uint64_t stride = 262144;
    uint64_t last = (end - 1) / page * page;
    for (uint64_t at = position / page * page;; at = at + stride < last ? at + stride : last) {
        unsigned char state = 0;
        /* mincore writes nothing to the page that it asks about. */
        if (mincore((void *)(uintptr_t)(map + at), (size_t)page, &state) != 0 || (state & 1) == 0) {
            return false;
        }
        if (at >= last) {
            return true;
        }
    }
}

/* Check CRCs now if that is cheap; what is left unchecked makes log_extent_resident say no. */
static int
check_if_cheap(struct log_segment *seg, const uint8_t *map, uint64_t position, uint64_t end)
{
    if (log_segment_checked(seg, position, end)) {
        return 0;
    }
    uint64_t from = position >> LOG_REGION_BITS << LOG_REGION_BITS;
    uint64_t to = ((end - 1) >> LOG_REGION_BITS) + 1;
    uint64_t limit = atomic_load_explicit(&seg->size, memory_order_acquire);
    to = to << LOG_REGION_BITS > limit ? limit : to << LOG_REGION_BITS;
    if (to - from > CHECK_INLINE_MAX || !range_resident(map, from, to)) {
        return 0;
    }
    return log_segment_check(seg, position, end);
}

bool log_extent_resident(const struct log_extent *extent)
{
    if (extent->size == 0) {
        return true;
    }
    const struct log_segment *seg = extent->seg;
    uint64_t end = extent->position + extent->size;
    if (!log_segment_checked(seg, extent->position, end)) {
        return false;
    }
    uint64_t written = atomic_load_explicit(&seg->size, memory_order_relaxed);
    if (!seg->sealed && extent->position >= seg->trusted_from &&
        written - extent->position <= HOT_TAIL) {
        return true;
    }
    return range_resident(extent->data - extent->position, extent->position, end);
}

struct touch_args {
    const uint8_t *data;
    size_t size;
    unsigned sum;
};

static int touch(void *arg)
{
    struct touch_args *args = arg;
    for (size_t at = 0; at < args->size; at += 4096) {
        args->sum += *(const volatile uint8_t *)(args->data + at);
    }
    args->sum += *(const volatile uint8_t *)(args->data + args->size - 1);
    return 0;
}

int log_extent_load(const struct log_extent *extent)
{
    if (extent->size == 0) {
        return 0;
    }
    (void)readahead(extent->fd, (off_t)extent->position, extent->size); /* advice */
    struct touch_args args = {extent->data, extent->size, 0};
    struct log_guard_range range = {extent->data, extent->size};
    int err = log_map_guard(&range, 1, touch, &args);
    if (err == 0) {
        err = log_segment_check(extent->seg, extent->position, extent->position + extent->size);
    }
    /* A bad batch behind the extent, in its last region, does not concern it. */
    uint64_t bad = atomic_load_explicit(&extent->seg->bad_position, memory_order_acquire);
    if (err == LEAT_ECORRUPT && bad >= extent->position + extent->size) {
        err = 0;
    }
    return err;
}

struct copy_args {
    const uint8_t *from;
    void *to;
    size_t size;
};

static int copy_guarded(void *arg)
{
    const struct copy_args *args = arg;
    memcpy(args->to, args->from, args->size);
    return 0;
}

int log_extent_copy(const struct log_extent *extent, size_t at, void *ret_bytes, size_t size)
{
    LT_ASSERT(at <= extent->size && size <= extent->size - at);
    struct copy_args args = {extent->data + at, ret_bytes, size};
    struct log_guard_range range = {extent->data, extent->size};
    return log_map_guard(&range, 1, copy_guarded, &args);
}

/* ---- over segments ---- */

static void fill_extent(struct run *run, struct log_extent *ret)
{
    ret->seg = log_segment_ref(run->seg);
    ret->data = run->map + run->first.position;
    ret->fd = atomic_load_explicit(&run->seg->fd, memory_order_acquire);
    ret->position = run->first.position;
    ret->size = (size_t)(run->end - run->first.position);
    ret->base_offset = run->first.header.base_offset;
    ret->next_offset = run->next_offset;
}

/* Is a run one that the disk must be asked for? Only its first page is looked at; for the metrics. */
static bool is_cold(const struct run *run)
{
    uint64_t written = atomic_load_explicit(&run->seg->size, memory_order_relaxed);
    uint64_t position = run->first.position;
    bool hot =
        !run->seg->sealed && position >= run->seg->trusted_from && written - position <= HOT_TAIL;
    return !hot && !range_resident(run->map, position, position + 1);
}

/* A CRC check may have found a bad batch inside the run: what lies before it may go. */
static int checked_run(struct log_partition *part, struct run *run)
{
    int64_t now_ms = lt_clock_mono_ms(part->env->clock);
    bool first = atomic_exchange_explicit(&run->seg->used_ms, now_ms, memory_order_relaxed) == 0;
    if (first && run->seg->sealed) {
        log_partition_bound_open(part);
    }
    if (is_cold(run)) {
        atomic_fetch_add_explicit(&part->env->cold_reads, 1, memory_order_relaxed);
    }
    int err = check_if_cheap(run->seg, run->map, run->first.position, run->end);
    if (err != LEAT_ECORRUPT) {
        return err;
    }
    run->limit = readable_limit(run->seg);
    if (run->first.position >= run->limit) {
        return LEAT_ECORRUPT;
    }
    return run->end <= run->limit ? 0 : find_run(run);
}

int log_read_list(struct log_partition *part,
                  const struct log_segment_list *list,
                  const struct log_read_options *options,
                  int64_t bound,
                  struct log_extent *ret)
{
    for (size_t i = log_segment_list_find(list, options->offset); i < list->count; i++) {
        struct log_segment *seg = list->segs[i];
        struct run run = {.seg = seg,
                          .limit = readable_limit(seg),
                          .offset = options->offset,
                          .bound = bound,
                          .size_max = options->size_max,
                          .first_always = options->first_batch_always};
        int err = run.limit == 0 ? 0 : find_run(&run);
        if (err == 0 && run.found && run.first.header.base_offset < bound &&
            run.end > run.first.position) {
            err = checked_run(part, &run);
        }
        bool bad =
            run.limit < atomic_load_explicit(&seg->size, memory_order_acquire) &&
            atomic_load_explicit(&seg->bad_position, memory_order_acquire) != LOG_NO_POSITION;
        if (err == LEAT_ECORRUPT || (err == 0 && !run.found && bad)) {
            return log_partition_note_bad(part, seg);
        }
        if (err != 0) {
            return err;
        }
        if (run.found) {
            if (run.first.header.base_offset < bound && run.end > run.first.position) {
                fill_extent(&run, ret);
            }
            return 0;
        }
    }
    return 0;
}

/* The end of what may be read; a failed partition does not serve what may never reach the disk. */
static int read_bound(struct log_partition *part,
                      const struct log_offsets *offsets,
                      const struct log_read_options *options,
                      int64_t *ret_bound)
{
    int64_t bound = log_isolation_bound(offsets, options->isolation);
    if (atomic_load_explicit(&part->failed, memory_order_acquire)) {
        int64_t durable = atomic_load_explicit(&part->durable_end, memory_order_acquire);
        if (bound > durable) {
            bound = durable;
            if (options->offset >= bound) {
                return LEAT_EFAILED;
            }
        }
    }
    *ret_bound = bound;
    return 0;
}

struct log_segment_list *log_partition_view(struct log_partition *part,
                                            struct log_offsets *ret_offsets)
{
    for (;;) {
        log_partition_snapshot(part, ret_offsets);
        struct log_segment_list *list = log_partition_list(part);
        if (atomic_load_explicit(&part->log_start, memory_order_acquire) ==
            ret_offsets->log_start) {
            return list;
        }
        log_segment_list_unref(
            list); /* retention came in between: segments of that start may be missing */
    }
}

int log_partition_read(struct log_partition *part,
                       const struct log_read_options *options,
                       struct log_extent *ret,
                       struct log_offsets *ret_offsets)
{
    int err = log_partition_ready(part);
    if (err != 0) {
        return err;
    }
    struct log_offsets offsets;
    struct log_segment_list *list = log_partition_view(part, &offsets);
    struct log_extent extent = {
        .fd = -1, .base_offset = options->offset, .next_offset = options->offset};
    int64_t bound = 0;
    if (options->offset < offsets.log_start || options->offset > offsets.log_end) {
        err = LEAT_ERANGE;
        *ret_offsets = offsets;
    } else if (options->offset >= atomic_load_explicit(&part->bad_offset, memory_order_acquire)) {
        err = LT_CORRUPT();
    } else {
        err = read_bound(part, &offsets, options, &bound);
    }
    if (err == 0 && options->offset < bound) {
        err = log_read_list(part, list, options, bound, &extent);
    }
    log_segment_list_unref(list);
    if (err == 0) {
        *ret = extent;
        *ret_offsets = offsets;
    }
    return err;
}

void log_extent_release(struct log_extent *extent)
{
    log_segment_unref(extent->seg);
    memset(extent, 0, sizeof(*extent));
    extent->fd = -1;
}

void log_extent_share(const struct log_extent *extent, struct log_extent *ret)
{
    *ret = *extent;
    if (ret->seg != NULL) {
        (void)log_segment_ref(ret->seg);
    }
}

/* ---- how much there is ---- */

/* Position of the batch that has the offset, or of the end; good enough is at most one index interval off. */
static uint64_t position_of(struct log_segment *seg, int64_t offset)
{
    struct run run = {
        .seg = seg, .limit = readable_limit(seg), .offset = offset, .bound = INT64_MIN};
    if (run.limit == 0 || offset >= atomic_load_explicit(&seg->next_offset, memory_order_acquire) ||
        find_run(&run) != 0 || !run.found) {
        return offset <= seg->base_offset ? 0 : run.limit;
    }
    return run.first.position;
}

uint64_t
log_partition_readable(struct log_partition *part, int64_t offset, enum log_isolation isolation)
{
    if (log_partition_ready(part) != 0) {
        return 0;
    }
    struct log_offsets offsets;
    struct log_segment_list *list = log_partition_view(part, &offsets);
    int64_t bound = log_isolation_bound(&offsets, isolation);
    uint64_t size = 0;
    bool outside = offset < offsets.log_start || offset >= bound;
    for (size_t i = outside ? list->count : log_segment_list_find(list, offset); i < list->count;
         i++) {
        struct log_segment *seg = list->segs[i];
        if (seg->base_offset >= bound) {
            break;
        }
        uint64_t from = seg->base_offset >= offset ? 0 : position_of(seg, offset);
        int64_t next_offset = atomic_load_explicit(&seg->next_offset, memory_order_acquire);
        uint64_t to = next_offset <= bound ? readable_limit(seg) : position_of(seg, bound);
        size += to > from ? to - from : 0;
    }
    log_segment_list_unref(list);
    return size;
}
