/* Lookups by time, exact to the record.
 *
 * Per segment the largest timestamp decides whether to look at all; the time index skips the part whose records are all
 * older; from there the batches' headers are walked (max timestamp), and only a batch that can have the record is copied,
 * checked and opened. A header may promise more than its records keep (compressed batches are taken by their header):
 * then the walk goes on. */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "proto/compress.h"
#include "storage/partition_private.h"

/* One walk over the headers of a segment. */
struct walk {
    struct log_segment *seg;
    const uint8_t *map;
    struct log_indexes *indexes;
    uint64_t limit;            /* bytes that may be looked at */
    uint64_t position;         /* next batch */
    int64_t expected;          /* lowest base offset allowed there */
    int64_t from;              /* batches that end below are passed over */
    int64_t bound;             /* the walk ends at the first batch at or behind it */
    int64_t timestamp;         /* stop at a batch with at least this max timestamp */
    struct log_batch_at batch; /* out */
    bool found;                /* out */
};

static int walk_open(struct log_segment *seg, int64_t from, int64_t timestamp, struct walk *ret);
static int walk_next(struct walk *walk);
static int copy_batch(const struct walk *walk, struct lt_buf *buf);

static int conflict_free(struct walk *walk, int (*fn)(void *arg))
{
    int err = log_segment_guard(walk->seg, walk->indexes, fn, walk);
    while (err == LEAT_ECONFLICT) {
        err = log_segment_reindex(walk->seg, walk->indexes, &walk->indexes);
        if (err == 0) {
            err = log_segment_guard(walk->seg, walk->indexes, fn, walk);
        }
    }
    return err;
}

/* Where to begin: behind all records that are older, at the batch that has `from`. */
static int place(void *arg)
{
    struct walk *walk = arg;
    int64_t base_offset = walk->seg->base_offset;
    int64_t offset = walk->from;
    struct log_time_entry older;
    if (log_time_index_find_below(&walk->indexes->times, base_offset, walk->timestamp, &older) &&
        older.offset >= offset) {
        offset = older.offset + 1;
    }
    struct log_offset_entry entry = {base_offset, 0};
    if (log_offset_index_find(&walk->indexes->offsets, base_offset, offset, walk->limit, &entry) &&
        !log_offset_entry_fits(walk->map, walk->limit, base_offset, &entry)) {
        return LEAT_ECONFLICT;
    }
    walk->position = entry.position;
    walk->expected = base_offset;
    return 0;
}

static int step(void *arg)
{
    struct walk *walk = arg;
    walk->found = false;
    while (walk->position < walk->limit) {
        if (log_batch_peek(walk->map, walk->limit, walk->position, walk->expected, &walk->batch) !=
            0) {
            return LT_CORRUPT();
        }
        if (walk->batch.header.base_offset >= walk->bound) {
            return 0;
        }
        walk->position += walk->batch.size;
        walk->expected = walk->batch.last_offset + 1;
        if (walk->batch.last_offset >= walk->from &&
            walk->batch.header.max_timestamp >= walk->timestamp) {
            walk->found = true;
            return 0;
        }
    }
    return 0;
}

static int walk_open(struct log_segment *seg, int64_t from, int64_t timestamp, struct walk *ret)
{
    ret->seg = seg;
    ret->from = from;
    ret->timestamp = timestamp;
    uint64_t size = atomic_load_explicit(&seg->size, memory_order_acquire);
    uint64_t bad = atomic_load_explicit(&seg->bad_position, memory_order_acquire);
    ret->limit = bad < size ? bad : size;
    ret->position = 0;
    ret->expected = seg->base_offset;
    if (ret->limit == 0) {
        return 0;
    }
    int err = log_segment_map(seg, &ret->map);
    if (err == 0) {
        err = log_segment_indexes(seg, &ret->indexes);
    }
    return err == 0 ? conflict_free(ret, place) : err;
}

static int walk_next(struct walk *walk)
{
    walk->found = false;
    if (walk->position >= walk->limit) {
        return 0;
    }
    int err = log_segment_guard(walk->seg, walk->indexes, step, walk);
    if (err == LEAT_ECORRUPT) {
        log_segment_set_bad(walk->seg, walk->position, walk->expected);
    }
    return err;
}

struct copy_args {
    const uint8_t *from;
    uint8_t *to;
    size_t size;
};

static int copy_guarded(void *arg)
{
    const struct copy_args *args = arg;
    memcpy(args->to, args->from, args->size);
    return 0;
}

/* The batch that the walk stands at, checked. */
static int copy_batch(const struct walk *walk, struct lt_buf *buf)
{
    size_t size = (size_t)walk->batch.size;
    buf->size = 0;
    int err = lt_buf_reserve(buf, size);
    if (err != 0) {
        return err;
    }
    struct copy_args args = {walk->map + walk->batch.position, buf->data, size};
    err = log_segment_guard(walk->seg, walk->indexes, copy_guarded, &args);
    if (err == 0) {
        buf->size = size;
        err = proto_batch_crc_ok(buf->data, size) ? 0 : LT_CORRUPT();
    }
    if (err == LEAT_ECORRUPT) {
        log_segment_set_bad(walk->seg, walk->batch.position, walk->batch.header.base_offset);
    }
    return err;
}

/* The first record in [from, bound) of a batch whose timestamp is >= timestamp; *ret_found false: none. */
static int find_record(struct lt_slice batch,
                       const struct walk *walk,
                       struct lt_buf *scratch,
                       struct log_time_hit *ret,
                       bool *ret_found)
{
    struct proto_record_iter iter;
    struct proto_record record;
    int err = proto_batch_records_open(batch, PROTO_DECOMPRESS_MAX, scratch, &iter);
    *ret_found = false;
    if (err != 0) {
        /* A payload that no consumer can open either: a batch taken by its header. It has no records to offer. */
        return err == LEAT_ENOMEM ? err : 0;
    }
    while (proto_record_next(&iter, &record) == 1) {
        if (record.offset >= walk->from && record.offset < walk->bound &&
            record.timestamp >= walk->timestamp) {
            ret->offset = record.offset;
            ret->timestamp_ms = record.timestamp;
            ret->leader_epoch = walk->batch.header.leader_epoch;
            *ret_found = true;
            return 0;
        }
    }
    return 0;
}

static int search_segment(struct log_segment *seg,
                          int64_t from,
                          int64_t bound,
                          int64_t timestamp,
                          struct log_time_hit *ret,
                          bool *ret_found)
{
    *ret_found = false;
    struct walk walk = {.bound = bound};
    int err = walk_open(seg, from, timestamp, &walk);
    struct lt_buf bytes;
    struct lt_buf scratch;
    lt_buf_init(&bytes);
    lt_buf_init(&scratch);
    while (err == 0 && !*ret_found) {
        err = walk_next(&walk);
        if (err != 0 || !walk.found) {
            break;
        }
        err = copy_batch(&walk, &bytes);
        if (err == 0) {
            err = find_record(lt_buf_slice(&bytes), &walk, &scratch, ret, ret_found);
        }
    }
    lt_buf_release(&bytes);
    lt_buf_release(&scratch);
    return err;
}

/* Largest timestamp of a segment; loads the indexes of one that nobody has read yet. */
static int segment_max(struct log_segment *seg, int64_t *ret_timestamp)
{
    int64_t timestamp = atomic_load_explicit(&seg->max_timestamp, memory_order_acquire);
    if (timestamp == -2) {
        struct log_indexes *indexes;
        int err = log_segment_indexes(seg, &indexes);
        if (err != 0) {
            return err;
        }
        timestamp = indexes->max_timestamp;
    }
    *ret_timestamp = timestamp;
    return 0;
}

int log_partition_find_time(struct log_partition *part,
                            int64_t timestamp_ms,
                            enum log_isolation isolation,
                            struct log_time_hit *ret)
{
    int err = log_partition_ready(part);
    if (err != 0) {
        return err;
    }
    struct log_offsets offsets;
    struct log_segment_list *list = log_partition_view(part, &offsets);
    int64_t bound = log_isolation_bound(&offsets, isolation);
    struct log_time_hit hit = {-1, -1, -1};
    bool found = false;
    size_t i = log_segment_list_find(list, offsets.log_start);
    for (; err == 0 && !found && i < list->count && list->segs[i]->base_offset < bound; i++) {
        int64_t largest;
        err = segment_max(list->segs[i], &largest);
        if (err == 0 && largest >= timestamp_ms) {
            err =
                search_segment(list->segs[i], offsets.log_start, bound, timestamp_ms, &hit, &found);
        }
        if (err == LEAT_ECORRUPT) {
            err = log_partition_note_bad(part, list->segs[i]);
        }
    }
    log_segment_list_unref(list);
    log_partition_bound_open(part);
    if (err == 0) {
        *ret = hit;
    }
    return err;
}

/* ---- the largest timestamp ---- */

/* Largest max timestamp of the batches in [from, bound) of a segment. */
static int largest_in(struct log_segment *seg, int64_t from, int64_t bound, int64_t *ret_timestamp)
{
    bool whole = seg->sealed && from <= seg->base_offset &&
                 bound >= atomic_load_explicit(&seg->next_offset, memory_order_acquire);
    if (whole) {
        return segment_max(seg, ret_timestamp);
    }
    struct walk walk = {.bound = bound};
    int64_t largest = -1;
    int err = walk_open(seg, from, -1, &walk);
    while (err == 0 && largest < INT64_MAX) {
        walk.timestamp = largest + 1; /* stop only where it grows */
        err = walk_next(&walk);
        if (err != 0 || !walk.found) {
            break;
        }
        largest = walk.batch.header.max_timestamp;
    }
    if (err == 0) {
        *ret_timestamp = largest;
    }
    return err;
}

/* The largest timestamp that records of a batch really have within [from, bound), where its header promises more. */
static int largest_record(struct lt_slice batch,
                          const struct walk *walk,
                          struct lt_buf *scratch,
                          struct log_time_hit *best)
{
    struct proto_record_iter iter;
    struct proto_record record;
    int err = proto_batch_records_open(batch, PROTO_DECOMPRESS_MAX, scratch, &iter);
    if (err != 0) {
        return err == LEAT_ENOMEM ? err : 0;
    }
    while (proto_record_next(&iter, &record) == 1) {
        if (record.offset >= walk->from && record.offset < walk->bound &&
            record.timestamp > best->timestamp_ms) {
            *best = (struct log_time_hit){record.offset, record.timestamp,
                                          walk->batch.header.leader_epoch};
        }
    }
    return 0;
}

/* Slow and sure: all batches whose header promises more than the best record so far. */
static int best_in(struct log_segment *seg, int64_t from, int64_t bound, struct log_time_hit *best)
{
    struct walk walk = {.bound = bound};
    if (best->timestamp_ms == INT64_MAX) {
        return 0;
    }
    int err = walk_open(seg, from, best->timestamp_ms + 1, &walk);
    struct lt_buf bytes;
    struct lt_buf scratch;
    lt_buf_init(&bytes);
    lt_buf_init(&scratch);
    while (err == 0 && best->timestamp_ms < INT64_MAX) {
        walk.timestamp = best->timestamp_ms + 1;
        err = walk_next(&walk);
        if (err != 0 || !walk.found) {
            break;
        }
        err = copy_batch(&walk, &bytes);
        if (err == 0) {
            err = largest_record(lt_buf_slice(&bytes), &walk, &scratch, best);
        }
    }
    lt_buf_release(&bytes);
    lt_buf_release(&scratch);
    return err;
}

int log_partition_find_max_time(struct log_partition *part,
                                enum log_isolation isolation,
                                struct log_time_hit *ret)
{
    int err = log_partition_ready(part);
    if (err != 0) {
        return err;
    }
    struct log_offsets offsets;
    struct log_segment_list *list = log_partition_view(part, &offsets);
    int64_t bound = log_isolation_bound(&offsets, isolation);
    int64_t from = offsets.log_start;
    struct log_time_hit best = {-1, -1, -1};
    int64_t largest = -1;
    size_t at = list->count;
    size_t first = log_segment_list_find(list, from);
    size_t bad = 0;
    for (size_t i = first; err == 0 && i < list->count && list->segs[i]->base_offset < bound; i++) {
        int64_t timestamp;
        bad = i;
        err = largest_in(list->segs[i], from, bound, &timestamp);
        if (err == 0 && timestamp > largest) {
            largest = timestamp;
            at = i;
        }
    }
    bool found = false;
    if (err == 0 && at < list->count) {
        bad = at;
        err = search_segment(list->segs[at], from, bound, largest, &best, &found);
    }
    /* Some header promised more than any record has, or the record lies below log start in its batch. */
    for (size_t i = first; err == 0 && !found && largest >= 0 && i < list->count; i++) {
        bad = i;
        err = best_in(list->segs[i], from, bound, &best);
    }
    if (err == LEAT_ECORRUPT) {
        err = log_partition_note_bad(part, list->segs[bad]);
    }
    log_segment_list_unref(list);
    log_partition_bound_open(part);
    if (err == 0) {
        *ret = best;
    }
    return err;
}

/* ---- starts of segments ---- */

int log_partition_segments_before(struct log_partition *part,
                                  int64_t timestamp_ms,
                                  int64_t *ret_offsets,
                                  size_t count_max,
                                  size_t *ret_count)
{
    int err = log_partition_ready(part);
    if (err != 0) {
        return err;
    }
    struct log_offsets offsets;
    struct log_segment_list *list = log_partition_view(part, &offsets);
    size_t count = 0;
    if (offsets.high_watermark > offsets.log_start &&
        lt_clock_wall_ms(part->env->clock) <= timestamp_ms && count < count_max) {
        ret_offsets[count++] = offsets.high_watermark;
    }
    for (size_t i = list->count; err == 0 && i > 0 && count < count_max; i--) {
        struct log_segment *seg = list->segs[i - 1];
        int64_t largest;
        err = segment_max(seg, &largest);
        bool visible =
            seg->base_offset < offsets.high_watermark || seg->base_offset == offsets.log_start;
        if (err == 0 && visible && largest <= timestamp_ms) {
            ret_offsets[count++] =
                seg->base_offset > offsets.log_start ? seg->base_offset : offsets.log_start;
        }
    }
    log_segment_list_unref(list);
    if (err == 0) {
        *ret_count = count;
    }
    return err;
}
