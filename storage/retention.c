/* Taking away the oldest segments, in steps that survive a crash in between:
 *
 *   plan    decide by time, size and log start; raise log start in memory
 *   (the store writes log-start-offset-checkpoint)
 *   apply   a list without the segments; their files get the suffix .deleted, the .log last
 *   reap    unlink, after file.delete.delay.ms and when no reader holds them
 *
 * A crash before the checkpoint was written: the files are all there, nothing happened. After it: log start lies above
 * them, the next round removes them. Half renamed: a .log without indexes, which are rebuilt or go with it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "storage/data_dir.h"
#include "storage/partition_private.h"

static const char *const suffixes[] = {".index", ".timeindex", ".txnindex", ".log"};

/* ---- plan ---- */

/* Largest timestamp of a segment, the file's time if it has none; false: unknown now. */
static bool segment_age_from(struct log_segment *seg, int64_t *ret_timestamp)
{
    int64_t timestamp = atomic_load_explicit(&seg->max_timestamp, memory_order_acquire);
    if (timestamp == -2) {
        struct log_indexes *indexes;
        if (log_segment_indexes(seg, &indexes) != 0) {
            return false;
        }
        timestamp = indexes->max_timestamp;
    }
    if (timestamp < 0) {
        char path[LOG_PATH_MAX];
        struct stat st;
        log_segment_path(seg, ".log", path, sizeof(path));
        if (stat(path, &st) != 0) {
            return false;
        }
        timestamp = (int64_t)st.st_mtim.tv_sec * 1000;
    }
    *ret_timestamp = timestamp;
    return true;
}

/* How many segments from the oldest on are expired; all of them: the active one too. */
static size_t count_expired(struct log_partition *part,
                            const struct log_segment_list *list,
                            const struct log_config *config,
                            int64_t bound)
{
    size_t count = 0;
    int64_t now = lt_clock_wall_ms(part->env->clock);
    while (config->cleanup_delete && config->retention_ms >= 0 && count < list->count) {
        struct log_segment *seg = list->segs[count];
        int64_t timestamp;
        if (atomic_load_explicit(&seg->size, memory_order_acquire) == 0 ||
            atomic_load_explicit(&seg->next_offset, memory_order_acquire) > bound ||
            !segment_age_from(seg, &timestamp) || timestamp > now ||
            now - timestamp <= config->retention_ms) {
            break;
        }
        count++;
    }
    return count;
}

static size_t
count_oversize(const struct log_segment_list *list, const struct log_config *config, int64_t bound)
{
    uint64_t total = 0;
    for (size_t i = 0; i < list->count; i++) {
        total += atomic_load_explicit(&list->segs[i]->size, memory_order_acquire);
    }
    size_t count = 0;
    while (config->cleanup_delete && config->retention_bytes >= 0 && count < list->count) {
        uint64_t size = atomic_load_explicit(&list->segs[count]->size, memory_order_acquire);
        if (size == 0 ||
            atomic_load_explicit(&list->segs[count]->next_offset, memory_order_acquire) > bound ||
            total < size || total - size < (uint64_t)config->retention_bytes) {
            break;
        }
        total -= size;
        count++;
    }
    return count;
}

/* Begin a new segment so that the active one can go, if nothing was appended to it meanwhile. */
static bool roll_expired(struct log_partition *part,
                         const struct log_segment *last,
                         const struct log_config *config)
{
    (void)pthread_mutex_lock(&part->mutex);
    bool rolled = false;
    if (part->active == last && !atomic_load_explicit(&part->failed, memory_order_relaxed) &&
        atomic_load_explicit(&part->log_end, memory_order_relaxed) ==
            atomic_load_explicit(&part->durable_end, memory_order_relaxed)) {
        int err = atomic_load_explicit(&part->active->fd, memory_order_relaxed) < 0
                      ? log_segment_open(part->active, false)
                      : 0;
        rolled = err == 0 && log_partition_roll(part, config) == 0;
    }
    (void)pthread_mutex_unlock(&part->mutex);
    return rolled;
}

static void raise_start(struct log_partition *part, int64_t offset)
{
    (void)pthread_mutex_lock(&part->mutex);
    struct log_offsets offsets;
    log_partition_snapshot(part, &offsets);
    if (offset > offsets.log_start && offset <= offsets.high_watermark) {
        struct log_offset_move move = {offset, offsets.high_watermark, offsets.log_end};
        log_partition_move_offsets(part, &move);
        log_epoch_cache_cut_start(&part->epochs, offset);
    }
    (void)pthread_mutex_unlock(&part->mutex);
}

/* Segments wholly below log start; the active one never goes. */
static size_t count_below_start(const struct log_segment_list *list, int64_t log_start)
{
    size_t count = 0;
    while (count + 1 < list->count && list->segs[count + 1]->base_offset <= log_start) {
        count++;
    }
    return count;
}

bool log_partition_retention_plan(struct log_partition *part, bool wall_trusted)
{
    if (!log_partition_loaded(part) || log_partition_lock_io(part) != 0) {
        return false;
    }
    struct log_config config;
    log_partition_config(part, &config);
    struct log_offsets offsets;
    struct log_segment_list *list = log_partition_view(part, &offsets);
    /* Only what is on disk goes (durability memory: the next checkpoint brings it there), so that log start is never
     * ahead of a log that a power cut leaves. */
    int64_t durable = atomic_load_explicit(&part->durable_end, memory_order_acquire);
    int64_t bound = durable < offsets.high_watermark ? durable : offsets.high_watermark;
    size_t expired = wall_trusted ? count_expired(part, list, &config, bound) : 0;
    size_t oversize = count_oversize(list, &config, bound);
    size_t gone = expired > oversize ? expired : oversize;
    if (gone > 0 && gone == list->count && !roll_expired(part, list->segs[gone - 1], &config)) {
        gone--;
    }
    if (gone > 0) {
        raise_start(part,
                    atomic_load_explicit(&list->segs[gone - 1]->next_offset, memory_order_acquire));
    }
    log_segment_list_unref(list);
    list = log_partition_view(part, &offsets);
    bool some = count_below_start(list, offsets.log_start) > 0;
    log_segment_list_unref(list);
    (void)pthread_mutex_unlock(&part->io_lock);
    return some;
}

/* ---- apply ---- */

static int rename_files(struct log_segment *seg)
{
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char from[LOG_PATH_MAX];
        char to[LOG_PATH_MAX + 16];
        log_segment_path(seg, suffixes[i], from, sizeof(from));
        (void)snprintf(to, sizeof(to), "%s.deleted", from);
        int err = seg->ops->rename(seg->ops, from, to);
        if (err != 0 && err != LEAT_ENOENT) {
            return err;
        }
    }
    return 0;
}

/* The list without its first `gone` segments. */
static int shorten_list(struct log_partition *part, size_t gone)
{
    (void)pthread_mutex_lock(&part->mutex);
    struct log_segment_list *old = part->list; /* only swapped under the mutex */
    struct log_segment_list *list = log_segment_list_new(old->count - gone);
    for (size_t i = gone; list != NULL && i < old->count; i++) {
        list->segs[list->count++] = log_segment_ref(old->segs[i]);
    }
    if (list != NULL) {
        log_partition_swap_list(part, list);
    }
    (void)pthread_mutex_unlock(&part->mutex);
    return list == NULL ? LEAT_ENOMEM : 0;
}

static int doom(struct log_partition *part, struct log_segment *seg, int64_t due_ms)
{
    struct log_doomed *doomed = lt_calloc(1, sizeof(*doomed));
    if (doomed == NULL) {
        return LEAT_ENOMEM;
    }
    doomed->seg = log_segment_ref(seg);
    doomed->due_ms = due_ms;
    doomed->next = part->doomed;
    part->doomed = doomed;
    return 0;
}

/* Take the oldest segment away. io_lock held, so that the list only grows at its end meanwhile. */
static int remove_oldest(struct log_partition *part, struct log_segment *seg, int64_t due_ms)
{
    /* A reader that opens the file for the first time after the rename must find it open. */
    int err = log_segment_open(seg, false);
    if (err != 0 && err != LEAT_ENOENT) {
        return err;
    }
    err = doom(part, seg, due_ms);
    if (err == 0) {
        err = shorten_list(part, 1);
        if (err != 0) {
            struct log_doomed *doomed = part->doomed;
            part->doomed = doomed->next;
            doomed->next = NULL;
            log_doomed_free(doomed);
        }
    }
    return err == 0 ? rename_files(seg) : err;
}

int log_partition_retention_apply(struct log_partition *part)
{
    int err = log_partition_lock_io(part);
    if (err != 0) {
        return err;
    }
    struct log_config config;
    log_partition_config(part, &config);
    struct log_offsets offsets;
    struct log_segment_list *list = log_partition_view(part, &offsets);
    size_t gone = count_below_start(list, offsets.log_start);
    int64_t due_ms = lt_clock_mono_ms(part->env->clock) + config.file_delete_delay_ms;
    for (size_t i = 0; err == 0 && i < gone; i++) {
        err = remove_oldest(part, list->segs[i], due_ms);
        part->env->ops->crash_point(part->env->ops, "retention_renamed");
    }
    log_segment_list_unref(list);
    (void)pthread_mutex_unlock(&part->io_lock);
    return err;
}

/* ---- reap ---- */

static int unlink_files(struct log_segment *seg)
{
    int first = 0;
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char path[LOG_PATH_MAX];
        char deleted[LOG_PATH_MAX + 16];
        log_segment_path(seg, suffixes[i], path, sizeof(path));
        (void)snprintf(deleted, sizeof(deleted), "%s.deleted", path);
        int err = seg->ops->unlink(seg->ops, deleted);
        if (err != 0 && err != LEAT_ENOENT && first == 0) {
            first = err;
        }
    }
    return first;
}

size_t log_partition_reap(struct log_partition *part, bool now)
{
    size_t waiting = 0;
    int64_t now_ms = lt_clock_mono_ms(part->env->clock);
    if (!log_partition_loaded(part) || log_partition_lock_io(part) != 0) {
        return 0; /* a deleted partition's files go with its directory */
    }
    struct log_doomed **link = &part->doomed;
    while (*link != NULL) {
        struct log_doomed *doomed = *link;
        bool due = now || now_ms >= doomed->due_ms;
        bool held = atomic_load_explicit(&doomed->seg->refs, memory_order_acquire) > 1;
        if (!due || held || unlink_files(doomed->seg) != 0) {
            waiting++;
            link = &doomed->next;
            continue;
        }
        *link = doomed->next;
        doomed->next = NULL;
        log_doomed_free(doomed);
    }
    (void)pthread_mutex_unlock(&part->io_lock);
    return waiting;
}

/* ---- deletion of the whole partition ---- */

int log_partition_mark_deleted(struct log_partition *part, char **ret_path)
{
    char *path;
    int err = log_dir_delete_path(part->root, strrchr(part->dir, '/') + 1, &path);
    if (err != 0) {
        return err;
    }
    (void)pthread_mutex_lock(&part->io_lock);
    (void)pthread_mutex_lock(&part->mutex);
    atomic_store_explicit(&part->deleted, true, memory_order_release);
    (void)pthread_mutex_unlock(&part->mutex);
    err = part->env->ops->rename(part->env->ops, part->dir, path);
    (void)pthread_mutex_unlock(&part->io_lock);
    if (err != 0) {
        lt_free(path);
        path = NULL;
    }
    if (err == 0 || err == LEAT_ENOENT) {
        *ret_path = path;
        err = 0;
    }
    part->env->moved(part->env, part);
    return err;
}
