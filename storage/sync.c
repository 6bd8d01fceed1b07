/* Bringing a partition to the disk: flush, checkpoint, close.
 *
 * Flush: note the end and the segments that have bytes, without the mutex fdatasync each of them (sealed ones first, then
 * the active one, then the directory if there are new names in it), then move the durable end. What is appended meanwhile
 * belongs to the next flush. A failed fdatasync is never tried again: the kernel may have dropped the pages. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "storage/partition_private.h"
#include "storage/producer_file.h"

/* What one flush covers. */
struct round {
    struct log_doomed *sealed;  /* owned */
    struct log_segment *active; /* a reference; NULL: nothing was ever appended */
    int64_t log_end;
    uint64_t appended_bytes;
    bool new_file;
    struct lt_buf *producers; /* their state at log_end is wanted here; NULL: it is not */
    int err;                  /* out: LEAT_ENOMEM where their state could not be copied */
};

static int flush_locked(struct log_partition *part, struct round *round, uint64_t *ret_bytes);

static void begin_round(struct log_partition *part, struct round *round)
{
    (void)pthread_mutex_lock(&part->mutex);
    round->sealed = part->unsynced;
    part->unsynced = NULL;
    round->active = part->active == NULL ? NULL : log_segment_ref(part->active);
    round->log_end = atomic_load_explicit(&part->log_end, memory_order_relaxed);
    round->appended_bytes = part->appended_bytes;
    round->new_file = part->new_file;
    part->new_file = false;
    part->dirty_told = false;
    part->dirty_since_ms = -1;
    if (round->producers != NULL) {
        round->err = log_producers_encode(&part->producers, round->log_end, round->producers);
    }
    (void)pthread_mutex_unlock(&part->mutex);
}

static int sync_segment(struct log_partition *part, struct log_segment *seg)
{
    int fd = atomic_load_explicit(&seg->fd, memory_order_acquire);
    if (fd < 0) {
        return 0; /* not written by this process */
    }
    int err = part->env->ops->fdatasync(part->env->ops, fd);
    if (err != 0) {
        log_partition_poison(part,
                             "%s-%" PRId32 ": flushing %020" PRId64
                             ".log failed; offsets from %" PRId64 " on may not be on disk",
                             part->topic, part->number, seg->base_offset,
                             atomic_load_explicit(&part->durable_end, memory_order_relaxed));
    }
    return err;
}

static int sync_round(struct log_partition *part, const struct round *round)
{
    for (const struct log_doomed *waiting = round->sealed; waiting != NULL;
         waiting = waiting->next) {
        if (sync_segment(part, waiting->seg) != 0) {
            return LEAT_EIO;
        }
    }
    if (round->active != NULL && sync_segment(part, round->active) != 0) {
        return LEAT_EIO;
    }
    if (round->new_file && part->env->ops->fsync_dir(part->env->ops, part->dir) != 0) {
        log_partition_poison(part, "%s-%" PRId32 ": flushing the directory failed", part->topic,
                             part->number);
        return LEAT_EIO;
    }
    return 0;
}

static void end_round(struct log_partition *part, const struct round *round, uint64_t *ret_bytes)
{
    (void)pthread_mutex_lock(&part->mutex);
    int64_t high_watermark = atomic_load_explicit(&part->high_watermark, memory_order_relaxed);
    struct log_offset_move move = {
        -1, round->log_end > high_watermark ? round->log_end : high_watermark,
        atomic_load_explicit(&part->log_end, memory_order_relaxed)};
    log_partition_move_offsets(part, &move);
    atomic_store_explicit(&part->durable_end, round->log_end, memory_order_release);
    *ret_bytes =
        round->appended_bytes - atomic_load_explicit(&part->flushed_bytes, memory_order_relaxed);
    atomic_store(&part->flushed_bytes, round->appended_bytes);
    atomic_store(&part->starved, false); /* the caller tells everybody */
    (void)pthread_mutex_unlock(&part->mutex);
}

/* io_lock held. */
static int flush_locked(struct log_partition *part, struct round *round, uint64_t *ret_bytes)
{
    if (atomic_load_explicit(&part->failed, memory_order_acquire)) {
        return LEAT_EFAILED;
    }
    begin_round(part, round);
    int64_t durable_end = atomic_load_explicit(&part->durable_end, memory_order_relaxed);
    int err = 0;
    *ret_bytes = 0;
    if (round->log_end != durable_end || round->sealed != NULL || round->new_file) {
        err = sync_round(part, round);
    }
    if (err == 0) {
        end_round(part, round, ret_bytes);
    }
    log_doomed_free(round->sealed);
    log_segment_unref(round->active);
    return err;
}

int log_partition_flush(struct log_partition *part, uint64_t *ret_bytes)
{
    uint64_t bytes = 0;
    struct round round = {.producers = NULL};
    int err = log_partition_lock_io(part);
    if (err != 0) {
        return err;
    }
    err = flush_locked(part, &round, &bytes);
    (void)pthread_mutex_unlock(&part->io_lock);
    if (err == 0) {
        *ret_bytes = bytes;
    }
    return err;
}

/* Mutex held. */
static bool is_due(const struct log_partition *part,
                   const struct log_config *config,
                   int64_t now_mono_ms,
                   int64_t *ret_due_ms)
{
    int64_t since = part->dirty_since_ms;
    int64_t waiting = atomic_load_explicit(&part->log_end, memory_order_relaxed) -
                      atomic_load_explicit(&part->durable_end, memory_order_relaxed);
    if (waiting == 0) {
        return false;
    }
    if (config->durability == LOG_DURABILITY_DISK || waiting >= config->flush_messages) {
        return true;
    }
    if (config->flush_ms == INT64_MAX || since < 0) {
        return false;
    }
    int64_t due = since > INT64_MAX - config->flush_ms ? INT64_MAX : since + config->flush_ms;
    if (now_mono_ms >= due) {
        return true;
    }
    *ret_due_ms = due;
    return false;
}

bool log_partition_flush_due(struct log_partition *part, int64_t now_mono_ms, int64_t *ret_due_ms)
{
    *ret_due_ms = INT64_MAX;
    if (atomic_load_explicit(&part->state, memory_order_acquire) != LOG_READY ||
        atomic_load_explicit(&part->failed, memory_order_acquire)) {
        return false;
    }
    struct log_config config;
    log_partition_config(part, &config);
    (void)pthread_mutex_lock(&part->mutex);
    bool due = is_due(part, &config, now_mono_ms, ret_due_ms);
    if (!due) {
        /* An append that was refused while a flush ran may have asked for one that is not needed; the next one asks again. */
        part->dirty_told = false;
    }
    (void)pthread_mutex_unlock(&part->mutex);
    return due;
}

/* ---- checkpoint ---- */

/* The newest segments whose index files may lag: sealed ones since the last checkpoint, and the active one. */
static int checkpoint_indexes(struct log_partition *part, int64_t from)
{
    struct log_segment_list *list = log_partition_list(part);
    int err = 0;
    for (size_t i = list->count; err == 0 && i > 0; i--) {
        struct log_segment *seg = list->segs[i - 1];
        if (atomic_load_explicit(&seg->next_offset, memory_order_acquire) <= from) {
            break;
        }
        err = log_segment_sync_indexes(seg);
    }
    log_segment_list_unref(list);
    return err;
}

/* Is all of it in the files already? A log that never had a record needs no file of producers. */
static bool is_checkpointed(const struct log_partition *part, int64_t recovery_point)
{
    return atomic_load_explicit(&part->log_end, memory_order_acquire) == recovery_point &&
           (part->producers_saved >= 0 || part->active == NULL);
}

/* io_lock held. *ret_bytes: flushed on the way, also with an error. */
static int
checkpoint_locked(struct log_partition *part, int64_t *ret_recovery_point, uint64_t *ret_bytes)
{
    int64_t before = atomic_load_explicit(&part->recovery_point, memory_order_relaxed);
    if (is_checkpointed(part, before)) {
        *ret_recovery_point = before;
        return atomic_load_explicit(&part->failed, memory_order_acquire) ? LEAT_EFAILED : 0;
    }
    struct lt_buf producers;
    lt_buf_init(&producers);
    struct round round = {.producers = &producers};
    int err = flush_locked(part, &round, ret_bytes);
    err = err == 0 ? round.err : err;
    if (err == 0) {
        /* Entries above `end` may go along: recovery drops what is above its point. */
        err = checkpoint_indexes(part, before);
    }
    if (err == 0) {
        log_partition_save_producers(part, round.log_end, lt_buf_slice(&producers));
    }
    lt_buf_release(&producers);
    if (err == 0) {
        atomic_store_explicit(&part->recovery_point, round.log_end, memory_order_release);
        *ret_recovery_point = round.log_end;
    }
    return err;
}

int log_partition_checkpoint(struct log_partition *part, int64_t *ret_recovery_point)
{
    if (!log_partition_loaded(part)) {
        *ret_recovery_point = log_partition_recovery_point(part);
        return 0;
    }
    int err = log_partition_lock_io(part);
    if (err != 0) {
        return err;
    }
    uint64_t bytes = 0;
    err = checkpoint_locked(part, ret_recovery_point, &bytes);
    (void)pthread_mutex_unlock(&part->io_lock);
    if (err != 0 || bytes > 0) {
        part->env->moved(part->env,
                         part); /* the flusher may find nothing left to flush and to tell */
    }
    return err;
}

/* ---- close ---- */

/* As sealing, but the segment stays active: last time entry, index files, used size, all of it synced. */
static int seal_active(struct log_partition *part)
{
    struct log_segment *seg = part->active;
    struct log_indexes *indexes = atomic_load_explicit(&seg->indexes, memory_order_acquire);
    int err = log_indexes_finish(indexes, seg->base_offset);
    if (err == 0) {
        err = log_segment_sync_indexes(seg);
    }
    if (err == 0 && atomic_load_explicit(&seg->fd, memory_order_acquire) >= 0) {
        err = log_segment_trim(seg);
        if (err == 0) {
            err = part->env->ops->fdatasync(part->env->ops,
                                            atomic_load_explicit(&seg->fd, memory_order_relaxed));
        }
    }
    return err;
}

int log_partition_close(struct log_partition *part, bool clean)
{
    if (!clean || atomic_load_explicit(&part->deleted, memory_order_relaxed)) {
        return 0; /* descriptors go with the last references */
    }
    int state = atomic_load_explicit(&part->state, memory_order_acquire);
    if (state == LOG_OFFLINE || atomic_load_explicit(&part->failed, memory_order_acquire)) {
        return LEAT_EFAILED; /* a clean marker would make the next start believe what is in its files */
    }
    if (state == LOG_NEW) {
        return 0; /* as the last clean stop left it */
    }
    int64_t point;
    uint64_t bytes;
    (void)pthread_mutex_lock(&part->io_lock);
    int err = checkpoint_locked(part, &point, &bytes);
    if (err == 0) {
        (void)pthread_mutex_lock(&part->mutex);
        if (part->active != NULL) {
            err = seal_active(part);
        }
        /* Nothing is written behind the clean marker. */
        log_partition_poison(part, "%s-%" PRId32 ": closed", part->topic, part->number);
        (void)pthread_mutex_unlock(&part->mutex);
    }
    (void)pthread_mutex_unlock(&part->io_lock);
    return err;
}
