/* The partition: its struct, its offsets, its list of segments, its failures. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "storage/partition_private.h"

static void partition_free(struct log_partition *part);

static bool copy_names(struct log_partition *part, const struct log_open_options *options)
{
    part->root = lt_strdup(options->root);
    part->topic = lt_strdup(options->topic);
    part->dir = lt_asprintf("%s/%s-%" PRId32, options->root, options->topic, options->partition);
    return part->root != NULL && part->topic != NULL && part->dir != NULL;
}

int log_partition_new(const struct log_open_options *options, struct log_partition **ret_part)
{
    struct log_partition *part = lt_calloc(1, sizeof(*part));
    struct log_segment_list *list = log_segment_list_new(0);
    if (part == NULL || list == NULL || !copy_names(part, options)) {
        if (part != NULL) {
            lt_free(part->root);
            lt_free(part->topic);
            lt_free(part->dir);
            lt_free(part);
        }
        lt_free(list);
        return LEAT_ENOMEM;
    }
    atomic_init(&part->refs, 1);
    part->env = options->env;
    part->number = options->partition;
    memcpy(part->topic_id, options->topic_id, sizeof(part->topic_id));
    part->create = options->create;
    part->clean = options->clean;
    /* Of a new partition checkpoints can only say what an older one of that name was. */
    part->open_recovery_point = options->create ? 0 : options->recovery_point;
    part->open_log_start = options->create ? -1 : options->log_start;
    part->config = *options->config;
    part->list = list;
    atomic_init(&part->leader_epoch, options->leader_epoch);
    atomic_init(&part->recovery_point, part->open_recovery_point);
    atomic_init(&part->bad_offset, INT64_MAX);
    part->dirty_since_ms = -1;
    part->producers_saved = -1;
    part->producers_before = -1;
    log_producers_init(&part->producers, part->env->producers_max);
    /* Default mutexes cannot fail here. */
    (void)pthread_mutex_init(&part->owner_lock, NULL);
    (void)pthread_mutex_init(&part->config_lock, NULL);
    (void)pthread_mutex_init(&part->load_lock, NULL);
    (void)pthread_mutex_init(&part->list_lock, NULL);
    (void)pthread_mutex_init(&part->mutex, NULL);
    (void)pthread_mutex_init(&part->io_lock, NULL);
    log_epoch_cache_init(&part->epochs);
    *ret_part = part;
    return 0;
}

struct log_partition *log_partition_ref(struct log_partition *part)
{
    atomic_fetch_add_explicit(&part->refs, 1, memory_order_relaxed);
    return part;
}

void log_partition_unref(struct log_partition *part)
{
    if (part != NULL && atomic_fetch_sub_explicit(&part->refs, 1, memory_order_acq_rel) == 1) {
        partition_free(part);
    }
}

static void partition_free(struct log_partition *part)
{
    struct log_env *env = part->env;
    log_doomed_free(part->unsynced);
    log_doomed_free(part->doomed);
    log_segment_list_unref(part->list);
    log_epoch_cache_release(&part->epochs);
    log_producers_release(&part->producers);
    (void)pthread_mutex_destroy(&part->owner_lock);
    (void)pthread_mutex_destroy(&part->config_lock);
    (void)pthread_mutex_destroy(&part->load_lock);
    (void)pthread_mutex_destroy(&part->list_lock);
    (void)pthread_mutex_destroy(&part->mutex);
    (void)pthread_mutex_destroy(&part->io_lock);
    lt_free(atomic_load_explicit(&part->failure, memory_order_relaxed));
    lt_free(atomic_load_explicit(&part->damage, memory_order_relaxed));
    lt_free(part->root);
    lt_free(part->topic);
    lt_free(part->dir);
    lt_free(part);
    if (env->freed != NULL) {
        env->freed(env);
    }
}

const char *log_partition_topic(const struct log_partition *part)
{
    return part->topic;
}

int32_t log_partition_number(const struct log_partition *part)
{
    return part->number;
}

void log_partition_set_owner(struct log_partition *part, void *owner)
{
    (void)pthread_mutex_lock(&part->owner_lock);
    part->owner = owner;
    (void)pthread_mutex_unlock(&part->owner_lock);
}

void log_partition_visit_owner(struct log_partition *part, void (*visit)(void *owner))
{
    (void)pthread_mutex_lock(&part->owner_lock);
    if (part->owner != NULL) {
        visit(part->owner);
    }
    (void)pthread_mutex_unlock(&part->owner_lock);
}

struct log_env *log_partition_env(const struct log_partition *part)
{
    return part->env;
}

const char *log_partition_dir(const struct log_partition *part)
{
    return part->root;
}

/* ---- state ---- */

bool log_partition_loaded(const struct log_partition *part)
{
    return atomic_load_explicit(&part->state, memory_order_acquire) != LOG_NEW;
}

bool log_partition_was_cut(const struct log_partition *part)
{
    return part->was_cut;
}

int log_partition_ready(struct log_partition *part)
{
    if (atomic_load_explicit(&part->deleted, memory_order_relaxed)) {
        return LEAT_EDELETED;
    }
    int state = atomic_load_explicit(&part->state, memory_order_acquire);
    if (state == LOG_READY) {
        return 0;
    }
    if (state == LOG_OFFLINE) {
        return atomic_load_explicit(&part->offline_code, memory_order_relaxed);
    }
    return log_partition_load(part, NULL);
}

int log_partition_lock_io(struct log_partition *part)
{
    int err = log_partition_ready(part);
    if (err != 0) {
        return err;
    }
    (void)pthread_mutex_lock(&part->io_lock);
    if (atomic_load_explicit(&part->deleted, memory_order_relaxed)) {
        (void)pthread_mutex_unlock(&part->io_lock);
        return LEAT_EDELETED;
    }
    return 0;
}

const char *log_partition_failure(const struct log_partition *part)
{
    return atomic_load_explicit(&part->failure, memory_order_acquire);
}

const char *log_partition_damage(const struct log_partition *part)
{
    return atomic_load_explicit(&part->damage, memory_order_acquire);
}

__attribute__((format(printf, 2, 0))) static void
set_text(char *_Atomic *text_once, const char *fmt, va_list args)
{
    char text[512];
    (void)vsnprintf(text, sizeof(text), fmt, args); /* cut short is good enough */
    char *copy = lt_strdup(text);
    char *expected = NULL;
    if (copy != NULL &&
        !atomic_compare_exchange_strong_explicit(text_once, &expected, copy, memory_order_acq_rel,
                                                 memory_order_acquire)) {
        lt_free(copy);
    }
}

__attribute__((format(printf, 2, 3))) static void
note_damage(struct log_partition *part, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    set_text(&part->damage, fmt, args);
    va_end(args);
}

void log_partition_note_failure(struct log_partition *part, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    set_text(&part->failure, fmt, args);
    va_end(args);
}

void log_partition_poison(struct log_partition *part, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    set_text(&part->failure, fmt, args);
    va_end(args);
    atomic_store_explicit(&part->failed, true, memory_order_release);
}

void log_partition_fail(struct log_partition *part, const char *why)
{
    log_partition_poison(part, "%s", why);
    part->env->moved(part->env, part);
}

int log_partition_note_bad(struct log_partition *part, struct log_segment *seg)
{
    int64_t offset = atomic_load_explicit(&seg->bad_offset, memory_order_acquire);
    uint64_t position = atomic_load_explicit(&seg->bad_position, memory_order_acquire);
    int64_t known = atomic_load_explicit(&part->bad_offset, memory_order_relaxed);
    bool first = known == INT64_MAX;
    while (offset < known &&
           !atomic_compare_exchange_weak_explicit(&part->bad_offset, &known, offset,
                                                  memory_order_release, memory_order_relaxed)) {
    }
    if (first) {
        note_damage(part,
                    "%s-%" PRId32 ": %020" PRId64 ".log: the batch at byte %" PRIu64
                    " failed its check: offsets from %" PRId64 " on are not served",
                    part->topic, part->number, seg->base_offset, position, offset);
        const char *text = log_partition_damage(part);
        if (text != NULL && part->env->event != NULL) {
            part->env->event(part->env, LT_ERROR, "partition_corrupt", text);
        }
    }
    return LT_CORRUPT();
}

/* ---- offsets ---- */

void log_partition_move_offsets(struct log_partition *part, const struct log_offset_move *move)
{
    int64_t log_start = move->log_start < 0
                            ? atomic_load_explicit(&part->log_start, memory_order_relaxed)
                            : move->log_start;
    /* Without open transactions the last stable offset is the high watermark. */
    LT_ASSERT(0 <= log_start && log_start <= move->high_watermark &&
              move->high_watermark <= move->log_end);
    LT_ASSERT(log_start >= atomic_load_explicit(&part->log_start, memory_order_relaxed));
    LT_ASSERT(move->high_watermark >=
              atomic_load_explicit(&part->high_watermark, memory_order_relaxed));
    LT_ASSERT(move->log_end >= atomic_load_explicit(&part->log_end, memory_order_relaxed));
    /* From the largest down: readers that load them from the smallest up never see the order broken. */
    atomic_store_explicit(&part->log_end, move->log_end, memory_order_release);
    atomic_store_explicit(&part->high_watermark, move->high_watermark, memory_order_release);
    atomic_store_explicit(&part->last_stable, move->high_watermark, memory_order_release);
    atomic_store_explicit(&part->log_start, log_start, memory_order_release);
}

void log_partition_snapshot(struct log_partition *part, struct log_offsets *ret)
{
    ret->log_start = atomic_load_explicit(&part->log_start, memory_order_acquire);
    ret->last_stable = atomic_load_explicit(&part->last_stable, memory_order_acquire);
    ret->high_watermark = atomic_load_explicit(&part->high_watermark, memory_order_acquire);
    ret->log_end = atomic_load_explicit(&part->log_end, memory_order_acquire);
    ret->leader_epoch = atomic_load_explicit(&part->leader_epoch, memory_order_acquire);
}

int64_t log_isolation_bound(const struct log_offsets *offsets, enum log_isolation isolation)
{
    if (isolation == LOG_READ_LOG_END) {
        return offsets->log_end;
    }
    return isolation == LOG_READ_COMMITTED ? offsets->last_stable : offsets->high_watermark;
}

int log_partition_offsets(struct log_partition *part, struct log_offsets *ret)
{
    int err = log_partition_ready(part);
    if (err == 0) {
        log_partition_snapshot(part, ret);
    }
    return err;
}

int64_t log_partition_recovery_point(const struct log_partition *part)
{
    return atomic_load_explicit(&part->recovery_point, memory_order_acquire);
}

int64_t log_partition_log_start(const struct log_partition *part)
{
    if (atomic_load_explicit(&part->state, memory_order_acquire) != LOG_READY) {
        int64_t log_start = atomic_load_explicit(&part->open_log_start, memory_order_relaxed);
        return log_start < 0 ? 0 : log_start;
    }
    return atomic_load_explicit(&part->log_start, memory_order_acquire);
}

int log_partition_raise_log_start(struct log_partition *part,
                                  int64_t offset,
                                  int64_t *ret_log_start)
{
    int err = log_partition_ready(part);
    if (err != 0) {
        return err;
    }
    struct log_offsets offsets;
    log_partition_snapshot(part, &offsets);
    offset = offset == -1 ? offsets.high_watermark : offset;
    if (offset < 0 || offset > offsets.high_watermark) {
        return LEAT_ERANGE;
    }
    if (offset > atomic_load_explicit(&part->durable_end, memory_order_acquire)) {
        /* Durability memory. A log that ends below its start after a power cut would look like damage. */
        uint64_t bytes;
        err = log_partition_flush(part, &bytes);
        if (err != 0) {
            return err;
        }
    }
    (void)pthread_mutex_lock(&part->mutex);
    log_partition_snapshot(part, &offsets);
    if (offset > offsets.log_start) {
        struct log_offset_move move = {offset, offsets.high_watermark, offsets.log_end};
        log_partition_move_offsets(part, &move);
        log_epoch_cache_cut_start(&part->epochs, offset);
        offsets.log_start = offset;
    }
    (void)pthread_mutex_unlock(&part->mutex);
    *ret_log_start = offsets.log_start;
    return 0;
}

/* ---- config ---- */

int log_partition_set_config(struct log_partition *part, const struct log_config *config)
{
    (void)pthread_mutex_lock(&part->config_lock);
    part->config = *config;
    (void)pthread_mutex_unlock(&part->config_lock);
    (void)pthread_mutex_lock(&part->mutex);
    if (part->dirty_since_ms >= 0 && !atomic_load_explicit(&part->failed, memory_order_relaxed) &&
        !atomic_load_explicit(&part->deleted, memory_order_relaxed)) {
        part->env->dirty(part->env, part); /* when it is due may have changed: the flusher asks */
    }
    (void)pthread_mutex_unlock(&part->mutex);
    return 0;
}

void log_partition_config(struct log_partition *part, struct log_config *ret)
{
    (void)pthread_mutex_lock(&part->config_lock);
    *ret = part->config;
    (void)pthread_mutex_unlock(&part->config_lock);
}

/* ---- leader epoch ---- */

int log_partition_set_leader_epoch(struct log_partition *part, int32_t epoch)
{
    int err = log_partition_ready(part);
    if (err != 0) {
        return err;
    }
    (void)pthread_mutex_lock(&part->mutex);
    if (epoch < atomic_load_explicit(&part->leader_epoch, memory_order_relaxed)) {
        err = LEAT_EFENCED;
    } else {
        err = log_epoch_cache_assign(&part->epochs, epoch,
                                     atomic_load_explicit(&part->log_end, memory_order_relaxed));
        if (err == 0) {
            atomic_store_explicit(&part->leader_epoch, epoch, memory_order_release);
        }
    }
    (void)pthread_mutex_unlock(&part->mutex);
    return err != 0 ? err : log_epoch_cache_save(&part->epochs, part->env->ops, part->dir);
}

void log_partition_epoch_end(struct log_partition *part,
                             int32_t epoch,
                             int32_t *ret_epoch,
                             int64_t *ret_end_offset)
{
    *ret_epoch = -1;
    *ret_end_offset = -1;
    if (log_partition_ready(part) == 0) {
        int64_t log_end = atomic_load_explicit(&part->log_end, memory_order_acquire);
        log_epoch_cache_end(&part->epochs, epoch, log_end, ret_epoch, ret_end_offset);
    }
}

int32_t log_partition_epoch_at(struct log_partition *part, int64_t offset)
{
    return log_partition_ready(part) == 0 ? log_epoch_cache_at(&part->epochs, offset) : -1;
}

/* ---- segments ---- */

struct log_segment_list *log_segment_list_new(size_t count)
{
    struct log_segment_list *list =
        lt_calloc(1, sizeof(*list) + count * sizeof(struct log_segment *));
    if (list != NULL) {
        atomic_init(&list->refs, 1);
    }
    return list;
}

void log_segment_list_unref(struct log_segment_list *list)
{
    if (list == NULL || atomic_fetch_sub_explicit(&list->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        log_segment_unref(list->segs[i]);
    }
    lt_free(list);
}

struct log_segment_list *log_partition_list(struct log_partition *part)
{
    (void)pthread_mutex_lock(&part->list_lock);
    struct log_segment_list *list = part->list;
    atomic_fetch_add_explicit(&list->refs, 1, memory_order_relaxed);
    (void)pthread_mutex_unlock(&part->list_lock);
    return list;
}

void log_partition_swap_list(struct log_partition *part, struct log_segment_list *list)
{
    (void)pthread_mutex_lock(&part->list_lock);
    struct log_segment_list *old = part->list;
    part->list = list;
    (void)pthread_mutex_unlock(&part->list_lock);
    log_segment_list_unref(old);
}

size_t log_segment_list_find(const struct log_segment_list *list, int64_t offset)
{
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->segs[middle]->base_offset <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? 0 : low - 1;
}

uint64_t log_partition_size(struct log_partition *part)
{
    if (log_partition_ready(part) != 0) {
        return 0;
    }
    struct log_segment_list *list = log_partition_list(part);
    uint64_t size = 0;
    for (size_t i = 0; i < list->count; i++) {
        size += atomic_load_explicit(&list->segs[i]->size, memory_order_acquire);
    }
    log_segment_list_unref(list);
    return size;
}

void log_partition_count(const struct log_partition *const_part,
                         size_t *ret_segments,
                         size_t *ret_maps)
{
    /* Only the reference count of the list changes. */
    struct log_partition *part = (struct log_partition *)(uintptr_t)const_part;
    struct log_segment_list *list = log_partition_list(part);
    size_t maps = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct log_segment *seg = list->segs[i];
        maps += atomic_load_explicit(&seg->map, memory_order_relaxed) != NULL ? 1u : 0u;
        const struct log_indexes *indexes =
            atomic_load_explicit(&seg->indexes, memory_order_acquire);
        if (indexes != NULL) {
            maps +=
                (indexes->offsets.map != NULL ? 1u : 0u) + (indexes->times.map != NULL ? 1u : 0u);
        }
    }
    *ret_segments = list->count;
    *ret_maps = maps;
    log_segment_list_unref(list);
}
