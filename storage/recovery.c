/* Recovery: walk what lies above the recovery point, decide what a bad place is, make the log end at a whole batch.
 *
 * At the first position p where no sound batch with the expected offset stands:
 *
 *   what follows p                                                it is                   action
 *   ------------------------------------------------------------  ----------------------  -----------------------------
 *   p is below the recovery point                                 damage                  offline, bytes kept
 *   no valid batch anywhere, later segments included              torn tail               cut at p
 *   a valid batch, but at least one whole 512-byte block of       pages that the kernel   move what follows to
 *   zeros lies before it, and less follows than may ever be       wrote out of order      <segment>.<p>.cut, cut at p
 *   unsynced (any amount with durability memory)
 *   a valid batch otherwise                                       a rotten middle         offline, bytes kept
 *
 * One more case is not a bad place: only zeros up to the end of a file whose successor begins at the expected offset. The
 * file was sealed and its cut to the used size was lost.
 *
 * Later segments are removed from the last one down and the file is cut last, so that recovery may be killed at any
 * point and started again. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/os.h"
#include "storage/map_guard.h"
#include "storage/partition_private.h"
#include "storage/scan.h"

#define ZERO_BLOCK ((uint64_t)512)

/* The place where a walk failed, and what was found behind it. */
struct bad_place {
    size_t seg;         /* index of the segment */
    uint64_t position;  /* p */
    int64_t expected;   /* offset expected there */
    uint64_t used_end;  /* end of the last byte of that file that is not zero; p if there is none */
    uint64_t following; /* bytes behind p up to the last non-zero one, later segments included */
    bool zero_block;    /* a whole block of zeros lies between p and the valid batch */
    bool valid;         /* there is a valid batch */
    size_t valid_seg;   /* where */
    uint64_t valid_position;
    int64_t valid_offset;
};

static int walk_segment(struct log_partition *part,
                        struct log_recovery *recovery,
                        size_t i,
                        int64_t *expected,
                        struct bad_place *bad,
                        bool *ret_failed);
static int examine(struct log_recovery *recovery, struct bad_place *bad);
static int decide(struct log_partition *part,
                  struct log_recovery *recovery,
                  const struct bad_place *bad,
                  struct leat_error **reterr);
static int finish_sealed(struct log_recovery *recovery, size_t i);

static int io_error(struct log_partition *part,
                    const struct log_segment *seg,
                    int err,
                    struct leat_error **reterr)
{
    return lt_error_set(reterr, err, "%s-%" PRId32 ": %020" PRId64 ".log: %s", part->topic,
                        part->number, seg->base_offset, lt_err_text(err));
}

/* Does the successor of segment i begin where it must? */
static bool successor_fits(const struct log_recovery *recovery, size_t i, int64_t expected)
{
    if (i + 1 >= recovery->count) {
        return true;
    }
    int64_t base_offset = recovery->segs[i + 1]->base_offset;
    return base_offset == expected || (base_offset > expected && recovery->compacted);
}

static int recover_segment(struct log_partition *part,
                           struct log_recovery *recovery,
                           size_t i,
                           int64_t *expected,
                           struct leat_error **reterr)
{
    struct log_segment *seg = recovery->segs[i];
    struct bad_place bad = {.seg = i};
    bool failed = false;
    int err = walk_segment(part, recovery, i, expected, &bad, &failed);
    if (err == 0 && (failed || !successor_fits(recovery, i, *expected))) {
        err = examine(recovery, &bad);
        failed = true;
    }
    if (err != 0) {
        return io_error(part, seg, err, reterr);
    }
    bool lost_trim = bad.used_end == bad.position && i + 1 < recovery->count &&
                     successor_fits(recovery, i, *expected);
    if (failed && !lost_trim) {
        err = decide(part, recovery, &bad, reterr);
        if (err != 0) {
            return err;
        }
    }
    if (i + 1 < recovery->count) {
        err = finish_sealed(recovery, i);
        if (err != 0) {
            return io_error(part, seg, err, reterr);
        }
    }
    return 0;
}

int log_recovery_run(struct log_partition *part,
                     struct log_recovery *recovery,
                     struct leat_error **reterr)
{
    int64_t expected = 0;
    for (size_t i = recovery->first; i < recovery->count; i++) {
        expected = recovery->segs[i]->base_offset;
        int err = recover_segment(part, recovery, i, &expected, reterr);
        if (err != 0) {
            return err;
        }
    }
    recovery->log_end = expected;
    if (expected < recovery->recovery_point) {
        return lt_error_set(reterr, LT_CORRUPT(),
                            "%s-%" PRId32 ": the log ends at offset %" PRId64
                            " but was on disk up to %" PRId64 ": offsets %" PRId64 " to %" PRId64
                            " are missing",
                            part->topic, part->number, expected, recovery->recovery_point, expected,
                            recovery->recovery_point - 1);
    }
    struct log_segment *last = recovery->segs[recovery->count - 1];
    if (recovery->sync && last->ops->fdatasync(last->ops, atomic_load(&last->fd)) != 0) {
        return io_error(part, last, LEAT_EIO, reterr);
    }
    return 0;
}

/* ---- walking ---- */

/* Begin behind the last batch below `resume_below` that the indexes know; `scan` stands there then. */
static int resume(struct log_recovery *recovery,
                  struct log_segment *seg,
                  struct log_indexes *indexes,
                  struct log_scan *scan,
                  int64_t *expected)
{
    char path[LOG_PATH_MAX];
    log_segment_path(seg, ".index", path, sizeof(path));
    int err = log_index_read(&indexes->offsets, seg->ops, path);
    if (err == 0) {
        log_segment_path(seg, ".timeindex", path, sizeof(path));
        err = log_index_read(&indexes->times, seg->ops, path);
    }
    uint32_t count = err != 0
                         ? 0
                         : log_offset_index_count_below(&indexes->offsets, seg->base_offset,
                                                        recovery->resume_below, scan->file_size);
    struct log_batch_at batch;
    struct log_offset_entry entry = {0, 0};
    if (count > 0) {
        entry = log_offset_index_get(&indexes->offsets, seg->base_offset, count - 1);
        scan->position = entry.position;
        err = log_scan_next(scan, &batch, NULL);
        if (err == LEAT_EIO || err == LEAT_ENOMEM) {
            return err;
        }
    }
    uint32_t times = count == 0 ? 0
                                : log_time_index_count_below(&indexes->times, seg->base_offset,
                                                             entry.offset + 1);
    if (count == 0 || err != 1 || batch.last_offset != entry.offset ||
        batch.header.base_offset < seg->base_offset || times == 0) {
        /* No index, or one that does not fit the log: from the beginning, and the files anew. */
        log_index_release(&indexes->offsets);
        log_index_release(&indexes->times);
        scan->position = 0;
        return err == LEAT_ENOMEM ? err : 0;
    }
    log_index_truncate(&indexes->offsets, count);
    log_index_truncate(&indexes->times, times);
    struct log_time_entry time = log_time_index_get(&indexes->times, seg->base_offset, times - 1);
    indexes->max_timestamp = time.timestamp;
    indexes->max_timestamp_offset = time.offset;
    indexes->bytes_since_entry = batch.size;
    *expected = batch.last_offset + 1;
    return 0;
}

static int walk_batches(struct log_partition *part,
                        const struct log_recovery *recovery,
                        struct log_segment *seg,
                        struct log_indexes *indexes,
                        struct log_scan *scan,
                        int64_t *expected,
                        bool *ret_failed)
{
    for (;;) {
        uint64_t position = scan->position;
        struct log_batch_at batch;
        int err = log_scan_next(scan, &batch, NULL);
        if (err == 0 || err == LEAT_EIO || err == LEAT_ENOMEM) {
            return err;
        }
        if (err != 1 || batch.header.base_offset < *expected ||
            (batch.header.base_offset > *expected && !recovery->compacted) ||
            batch.last_offset - seg->base_offset > INT32_MAX || position > INT32_MAX) {
            scan->position = position;
            *ret_failed = true;
            return 0;
        }
        err = log_indexes_reserve(indexes);
        if (err == 0) {
            err = log_epoch_cache_assign(&part->epochs, batch.header.leader_epoch,
                                         batch.header.base_offset);
        }
        if (err != 0) {
            return err;
        }
        log_indexes_note(indexes, seg->base_offset, seg->index_interval, &batch);
        if (position == 0) {
            seg->first_timestamp = batch.header.max_timestamp;
        }
        *expected = batch.last_offset + 1;
    }
}

/* The first batch's time, for rolling by time, when the walk did not begin at it. */
static void read_first_timestamp(struct log_segment *seg, int fd)
{
    uint8_t bytes[PROTO_BATCH_HEADER_SIZE];
    struct proto_batch_header header;
    size_t got = 0;
    seg->first_timestamp = -1;
    if (seg->ops->pread(seg->ops, fd, bytes, sizeof(bytes), 0, &got) == 0 &&
        proto_batch_header_read(bytes, got, &header) == 0) {
        seg->first_timestamp = header.max_timestamp;
    }
}

static int walk_segment(struct log_partition *part,
                        struct log_recovery *recovery,
                        size_t i,
                        int64_t *expected,
                        struct bad_place *bad,
                        bool *ret_failed)
{
    struct log_segment *seg = recovery->segs[i];
    LT_ASSERT(!seg->sealed);
    struct log_indexes *indexes = lt_calloc(1, sizeof(*indexes));
    if (indexes == NULL) {
        return LEAT_ENOMEM;
    }
    log_indexes_init(indexes);
    uint64_t file_size = 0;
    int err = log_segment_open(seg, false);
    int fd = atomic_load_explicit(&seg->fd, memory_order_relaxed);
    if (err == 0) {
        err = seg->ops->file_size(seg->ops, fd, &file_size);
    }
    struct log_scan scan;
    log_scan_init(&scan, seg->ops, fd, file_size, 0);
    if (err == 0 && i == recovery->first && !recovery->ignore_indexes) {
        err = resume(recovery, seg, indexes, &scan, expected);
    }
    seg->trusted_from = scan.position < seg->trusted_from ? scan.position : seg->trusted_from;
    seg->first_timestamp = -2;
    if (err == 0) {
        err = walk_batches(part, recovery, seg, indexes, &scan, expected, ret_failed);
    }
    if (err == 0 && seg->first_timestamp == -2) {
        read_first_timestamp(seg, fd);
    }
    bad->position = scan.position;
    bad->expected = *expected;
    log_scan_release(&scan);
    if (err != 0) {
        log_indexes_free(indexes);
        return err;
    }
    atomic_store_explicit(&seg->size, bad->position, memory_order_release);
    atomic_store_explicit(&seg->next_offset, *expected, memory_order_release);
    atomic_store_explicit(&seg->max_timestamp, indexes->max_timestamp, memory_order_release);
    seg->allocated = file_size;
    seg->map_limit = file_size > seg->map_limit ? file_size : seg->map_limit;
    atomic_store_explicit(&seg->indexes, indexes, memory_order_release);
    return 0;
}

/* A segment that has a successor: indexes to their files, file to its used size, a sealed struct in its place. */
static int finish_sealed(struct log_recovery *recovery, size_t i)
{
    struct log_segment *seg = recovery->segs[i];
    struct log_segment *sealed;
    int err = log_indexes_finish(atomic_load(&seg->indexes), seg->base_offset);
    if (err == 0) {
        err = log_segment_sync_indexes(seg);
    }
    if (err == 0) {
        err = log_segment_trim(seg);
    }
    if (err == 0 && recovery->sync) {
        err = seg->ops->fdatasync(seg->ops, atomic_load(&seg->fd));
    }
    if (err == 0) {
        err = log_segment_clone_sealed(seg, &sealed);
    }
    if (err == 0) {
        recovery->segs[i] = sealed;
        log_segment_unref(seg);
    }
    return err;
}

/* ---- what follows a bad place ---- */

struct examine_args {
    const uint8_t *map;
    uint64_t size;    /* bytes of the file */
    uint64_t from;    /* begin here */
    int64_t expected; /* valid batches have at least this offset */
    bool
        first; /* the segment of the bad place: a sound batch right at `from` counts whatever its offset is */
    bool find;         /* false: a valid batch was found already, only used_end is wanted */
    uint64_t used_end; /* out */
    bool valid;        /* out */
    uint64_t valid_position;
    int64_t valid_offset;
    bool zero_block; /* out: before the valid batch, or before the end */
};

static bool valid_at(const struct examine_args *args, uint64_t position, int64_t *ret_offset)
{
    struct proto_batch_header header;
    const uint8_t *bytes = args->map + position;
    if (proto_batch_header_read(bytes, PROTO_BATCH_HEADER_SIZE, &header) != 0 ||
        proto_batch_header_codec(&header) >= PROTO_CODEC_COUNT || header.last_offset_delta < 0 ||
        header.record_count < 0 || header.record_count - 1 > header.last_offset_delta ||
        header.base_offset < 0 ||
        (header.base_offset < args->expected && !(args->first && position == args->from))) {
        return false;
    }
    size_t size = proto_batch_header_total(&header);
    if (size < PROTO_BATCH_HEADER_SIZE || size > args->size - position ||
        proto_batch_read(bytes, size, NULL) != 0) {
        return false;
    }
    *ret_offset = header.base_offset;
    return true;
}

/* The first valid batch, every byte position tried; the magic byte leads the search. */
static void find_valid(struct examine_args *args)
{
    uint64_t position = args->from;
    while (args->size >= PROTO_BATCH_HEADER_SIZE &&
           position <= args->size - PROTO_BATCH_HEADER_SIZE) {
        size_t range = (size_t)(args->size - PROTO_BATCH_HEADER_SIZE - position + 1);
        const uint8_t *magic =
            memchr(args->map + position + PROTO_BATCH_MAGIC_AT, PROTO_MAGIC_V2, range);
        if (magic == NULL) {
            return;
        }
        position = (uint64_t)(magic - args->map) - PROTO_BATCH_MAGIC_AT;
        if (valid_at(args, position, &args->valid_offset)) {
            args->valid = true;
            args->valid_position = position;
            return;
        }
        position++;
    }
}

static bool has_zero_block(const uint8_t *map, uint64_t from, uint64_t end)
{
    static const uint8_t zeros[ZERO_BLOCK];
    for (uint64_t at = (from + ZERO_BLOCK - 1) / ZERO_BLOCK * ZERO_BLOCK; at + ZERO_BLOCK <= end;
         at += ZERO_BLOCK) {
        if (memcmp(map + at, zeros, ZERO_BLOCK) == 0) {
            return true;
        }
    }
    return false;
}

static int examine_guarded(void *arg)
{
    struct examine_args *args = arg;
    args->used_end = args->size;
    while (args->used_end > args->from && args->map[args->used_end - 1] == 0) {
        args->used_end--;
    }
    if (args->find) {
        find_valid(args);
        args->zero_block =
            has_zero_block(args->map, args->from, args->valid ? args->valid_position : args->size);
    }
    return 0;
}

static int examine_file(struct log_segment *seg, struct examine_args *args)
{
    int err = log_segment_open(seg, false);
    int fd = atomic_load_explicit(&seg->fd, memory_order_relaxed);
    if (err == 0) {
        err = seg->ops->file_size(seg->ops, fd, &args->size);
    }
    args->used_end = args->from;
    if (err != 0 || args->size <= args->from) {
        return err;
    }
    err = seg->ops->mmap(seg->ops, fd, (size_t)args->size, &args->map);
    if (err == 0) {
        struct log_guard_range range = {args->map, (size_t)args->size};
        err = log_map_guard(&range, 1, examine_guarded, args);
        lt_os_munmap(args->map, (size_t)args->size);
    }
    return err;
}

static int examine(struct log_recovery *recovery, struct bad_place *bad)
{
    bad->following = 0;
    for (size_t j = bad->seg; j < recovery->count; j++) {
        struct examine_args args = {.from = j == bad->seg ? bad->position : 0,
                                    .expected = bad->expected,
                                    .first = j == bad->seg,
                                    .find = !bad->valid};
        int err = examine_file(recovery->segs[j], &args);
        if (err != 0) {
            return err;
        }
        if (j == bad->seg) {
            bad->used_end = args.used_end;
        }
        bad->following += args.used_end - args.from;
        if (args.find) {
            bad->zero_block = bad->zero_block || args.zero_block;
            bad->valid = args.valid;
            bad->valid_seg = j;
            bad->valid_position = args.valid_position;
            bad->valid_offset = args.valid_offset;
        }
    }
    return 0;
}

/* ---- cutting ---- */

static int unlink_if_there(struct log_segment *seg, const char *suffix)
{
    char path[LOG_PATH_MAX];
    log_segment_path(seg, suffix, path, sizeof(path));
    int err = seg->ops->unlink(seg->ops, path);
    return err == LEAT_ENOENT ? 0 : err;
}

/* Take a whole later segment away; its bytes stay as <segment>.0.cut if they may be worth something. */
static int drop_segment(struct log_segment *seg, bool keep)
{
    int err = unlink_if_there(seg, ".index");
    if (err == 0) {
        err = unlink_if_there(seg, ".timeindex");
    }
    if (err == 0) {
        err = unlink_if_there(seg, ".txnindex");
    }
    if (err == 0 && keep) {
        char from[LOG_PATH_MAX];
        char to[LOG_PATH_MAX];
        log_segment_path(seg, ".log", from, sizeof(from));
        log_segment_path(seg, ".0.cut", to, sizeof(to));
        err = seg->ops->rename(seg->ops, from, to);
    } else if (err == 0) {
        err = unlink_if_there(seg, ".log");
    }
    return err;
}

/* Copy [position, end) of the segment to <segment>.<position>.cut, on disk when this returns. */
static int keep_bytes(struct log_segment *seg, uint64_t position, uint64_t end)
{
    char suffix[40];
    char path[LOG_PATH_MAX];
    (void)snprintf(suffix, sizeof(suffix), ".%" PRIu64 ".cut", position);
    log_segment_path(seg, suffix, path, sizeof(path));
    int to;
    int err = seg->ops->open(seg->ops, path, O_WRONLY | O_CREAT | O_TRUNC, 0644, &to);
    if (err != 0) {
        return err;
    }
    int from = atomic_load_explicit(&seg->fd, memory_order_relaxed);
    uint8_t bytes[16384];
    for (uint64_t at = position; err == 0 && at < end; at += sizeof(bytes)) {
        size_t want = end - at < sizeof(bytes) ? (size_t)(end - at) : sizeof(bytes);
        size_t got = 0;
        err = seg->ops->pread(seg->ops, from, bytes, want, at, &got);
        if (err == 0) {
            err =
                got < want ? LEAT_EIO : seg->ops->pwrite(seg->ops, to, bytes, want, at - position);
        }
    }
    if (err == 0) {
        err = seg->ops->fsync(seg->ops, to);
    }
    (void)seg->ops->close(seg->ops, to); /* fsync told */
    return err;
}

static int cut(struct log_partition *part,
               struct log_recovery *recovery,
               const struct bad_place *bad,
               bool keep)
{
    struct log_segment *seg = recovery->segs[bad->seg];
    int err = 0;
    while (err == 0 && recovery->count > bad->seg + 1) {
        struct log_segment *later = recovery->segs[recovery->count - 1];
        err = drop_segment(later, keep);
        if (err == 0) {
            log_segment_unref(later);
            recovery->count--;
        }
    }
    if (err == 0 && keep && bad->used_end > bad->position) {
        /* A batch may end in zeros: the rest of the block goes along. */
        uint64_t end = (bad->used_end + ZERO_BLOCK - 1) / ZERO_BLOCK * ZERO_BLOCK;
        err = keep_bytes(seg, bad->position, end > seg->allocated ? seg->allocated : end);
    }
    part->env->ops->crash_point(part->env->ops, "recovery_before_cut");
    if (err == 0) {
        err = log_segment_trim(seg);
    }
    if (err == 0) {
        err = seg->ops->fdatasync(seg->ops, atomic_load(&seg->fd));
    }
    if (err == 0) {
        err = part->env->ops->fsync_dir(part->env->ops, part->dir);
    }
    log_epoch_cache_cut_end(&part->epochs, bad->expected);
    return err;
}

static void tell_cut(struct log_partition *part,
                     const struct log_segment *seg,
                     const struct bad_place *bad,
                     bool kept)
{
    char text[512];
    (void)snprintf(
        text, sizeof(text),
        "%s-%" PRId32 ": %020" PRId64 ".log cut at byte %" PRIu64 ", log end %" PRId64 ": %" PRIu64
        " bytes %s",
        part->topic, part->number, seg->base_offset, bad->position, bad->expected, bad->following,
        kept
            ? "written out of order by the kernel, nothing of them was promised; kept in .cut files"
            : "of a torn tail, no whole batch among them");
    if (part->env->event != NULL) {
        part->env->event(part->env, LT_WARN, kept ? "log_tail_moved" : "log_tail_cut", text);
    }
}

static int refuse(struct log_partition *part,
                  const struct log_recovery *recovery,
                  const struct bad_place *bad,
                  struct leat_error **reterr)
{
    const struct log_segment *seg = recovery->segs[bad->seg];
    int code = LT_CORRUPT();
    if (bad->valid && bad->valid_seg == bad->seg && bad->valid_position == bad->position) {
        return lt_error_set(reterr, code,
                            "%s-%" PRId32 ": %020" PRId64 ".log: the batch at byte %" PRIu64
                            " has offset %" PRId64 " where %" PRId64
                            " must come; repair it with leat segment repair",
                            part->topic, part->number, seg->base_offset, bad->position,
                            bad->valid_offset, bad->expected);
    }
    if (!bad->valid) {
        return lt_error_set(reterr, code,
                            "%s-%" PRId32 ": %020" PRId64 ".log: damaged at byte %" PRIu64
                            ": offsets from %" PRId64 " on cannot be read, and those below %" PRId64
                            " were on disk; repair it with leat segment repair",
                            part->topic, part->number, seg->base_offset, bad->position,
                            bad->expected, recovery->recovery_point);
    }
    return lt_error_set(
        reterr, code,
        "%s-%" PRId32 ": %020" PRId64 ".log: damaged at byte %" PRIu64 ": offsets %" PRId64
        " to %" PRId64 " cannot be read, valid again at byte %" PRIu64 " of %020" PRId64
        ".log; repair it with leat segment repair",
        part->topic, part->number, seg->base_offset, bad->position, bad->expected,
        bad->valid_offset - 1, bad->valid_position, recovery->segs[bad->valid_seg]->base_offset);
}

static int decide(struct log_partition *part,
                  struct log_recovery *recovery,
                  const struct bad_place *bad,
                  struct leat_error **reterr)
{
    struct log_segment *seg = recovery->segs[bad->seg];
    bool within = recovery->any_amount || bad->following < part->env->unsynced_bytes_max;
    if (bad->expected < recovery->recovery_point || (bad->valid && !(bad->zero_block && within))) {
        return refuse(part, recovery, bad, reterr);
    }
    int err = cut(part, recovery, bad, bad->valid);
    if (err != 0) {
        return io_error(part, seg, err, reterr);
    }
    if (bad->following > 0) { /* zeros alone were space reserved ahead */
        recovery->cut = true;
        tell_cut(part, seg, bad, bad->valid);
    }
    return 0;
}
