/* Beginning segments and sealing them, by the writer under the partition's mutex.
 *
 * Rolling: the index entries of the old segment are written and the new file is made first, since both can fail for lack
 * of space and nothing has happened then (the entries are true of an active segment too); after that the old file is cut to
 * its used size. A failure there is final. The flusher
 * syncs the sealed file, the new one and the directory before the high watermark passes the new base offset. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/os.h"
#include "storage/partition_private.h"

static int64_t random_part(int64_t bound)
{
    uint64_t bits = 0;
    if (bound <= 0 || lt_os_random(&bits, sizeof(bits)) != 0) {
        return 0;
    }
    return (int64_t)(bits % (uint64_t)bound);
}

/* A new segment with its file and its first space. On an error no file is left behind. */
static int make_segment(struct log_partition *part,
                        const struct log_config *config,
                        int64_t base_offset,
                        bool reserve,
                        struct log_segment **ret_seg)
{
    struct log_segment_options options = {.ops = part->env->ops,
                                          .dir = part->dir,
                                          .base_offset = base_offset,
                                          .next_offset = base_offset,
                                          .map_limit = (uint64_t)config->segment_bytes,
                                          .index_interval = (uint64_t)config->index_interval_bytes};
    struct log_segment *seg;
    int err = log_segment_new(&options, &seg);
    if (err != 0) {
        return err;
    }
    struct log_indexes *indexes = lt_calloc(1, sizeof(*indexes));
    if (indexes == NULL) {
        log_segment_unref(seg);
        return LEAT_ENOMEM;
    }
    log_indexes_init(indexes);
    atomic_store_explicit(&seg->indexes, indexes, memory_order_release);
    seg->created_ms = lt_clock_wall_ms(part->env->clock);
    seg->first_timestamp = -1;
    seg->roll_jitter_ms = random_part(config->segment_jitter_ms);
    err = log_segment_open(seg, true);
    if (err == 0 && reserve) {
        err = log_segment_allocate(seg, 1);
        if (err != 0) {
            char path[LOG_PATH_MAX];
            log_segment_path(seg, ".log", path, sizeof(path));
            (void)part->env->ops->unlink(part->env->ops,
                                         path); /* an empty file of that name is harmless at load */
        }
    }
    if (err != 0) {
        log_segment_unref(seg);
        return err;
    }
    *ret_seg = seg;
    return 0;
}

/* The list of now with `seg` behind it; `sealed` (may be NULL) takes the place of the last one. Takes no reference of its own
 * on either: they are given. */
static struct log_segment_list *
extended_list(struct log_partition *part, struct log_segment *sealed, struct log_segment *seg)
{
    struct log_segment_list *old = part->list; /* only swapped under the mutex, which we hold */
    struct log_segment_list *list = log_segment_list_new(old->count + 1);
    if (list == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < old->count; i++) {
        bool replaced = sealed != NULL && i + 1 == old->count;
        list->segs[i] = replaced ? sealed : log_segment_ref(old->segs[i]);
    }
    list->segs[old->count] = seg;
    list->count = old->count + 1;
    return list;
}

int log_partition_first_segment(struct log_partition *part, const struct log_config *config)
{
    LT_ASSERT(part->active == NULL);
    struct log_segment *seg;
    int64_t base_offset = atomic_load_explicit(&part->log_end, memory_order_relaxed);
    int err = make_segment(part, config, base_offset, true, &seg);
    if (err == LEAT_ENOENT && part->create) {
        err = log_partition_make_dir(part, NULL);
        if (err == 0) {
            err = make_segment(part, config, base_offset, true, &seg);
        }
    }
    if (err != 0) {
        return err;
    }
    struct log_segment_list *list = extended_list(part, NULL, seg);
    if (list == NULL) {
        char path[LOG_PATH_MAX];
        log_segment_path(seg, ".log", path, sizeof(path));
        (void)part->env->ops->unlink(part->env->ops, path); /* as in make_segment */
        log_segment_unref(seg);
        return LEAT_ENOMEM;
    }
    log_partition_swap_list(part, list);
    part->active = seg;
    part->new_file = true;
    return 0;
}

static int finish_indexes(struct log_segment *seg)
{
    struct log_indexes *indexes = atomic_load_explicit(&seg->indexes, memory_order_relaxed);
    int err = log_indexes_finish(indexes, seg->base_offset);
    return err == 0 ? log_segment_persist_indexes(seg) : err;
}

int log_partition_roll(struct log_partition *part, const struct log_config *config)
{
    struct log_segment *old = part->active;
    int64_t base_offset = atomic_load_explicit(&part->log_end, memory_order_relaxed);
    LT_ASSERT(old != NULL && base_offset > old->base_offset);
    struct log_doomed *waiting = lt_calloc(1, sizeof(*waiting));
    struct log_segment *sealed = NULL;
    struct log_segment *seg = NULL;
    struct log_segment_list *list = NULL;
    int err = waiting == NULL ? LEAT_ENOMEM : finish_indexes(old);
    if (err == 0) {
        err = log_segment_clone_sealed(old, &sealed);
    }
    if (err == 0) {
        err = make_segment(part, config, base_offset, false, &seg);
    }
    if (err == 0) {
        list = extended_list(part, sealed, seg);
        err = list == NULL ? LEAT_ENOMEM : 0;
    }
    if (err != 0) {
        if (seg != NULL) {
            char path[LOG_PATH_MAX];
            log_segment_path(seg, ".log", path, sizeof(path));
            (void)part->env->ops->unlink(part->env->ops, path); /* as in make_segment */
        }
        log_segment_unref(seg);
        log_segment_unref(sealed);
        lt_free(waiting);
        if (err == LEAT_EIO) {
            log_partition_poison(part,
                                 "%s-%" PRId32 ": cannot begin segment %020" PRId64
                                 " behind segment %020" PRId64,
                                 part->topic, part->number, base_offset, old->base_offset);
        }
        return err;
    }
    err = log_segment_trim(old);
    waiting->seg = log_segment_ref(old);
    waiting->next = part->unsynced;
    part->unsynced = waiting;
    log_partition_swap_list(part, list);
    part->active = seg;
    part->new_file = true;
    if (err != 0) {
        log_partition_poison(part, "%s-%" PRId32 ": cannot seal segment %020" PRId64, part->topic,
                             part->number, old->base_offset);
        return LEAT_EIO;
    }
    return 0;
}

void log_doomed_free(struct log_doomed *list)
{
    while (list != NULL) {
        struct log_doomed *next = list->next;
        log_segment_unref(list->seg);
        lt_free(list);
        list = next;
    }
}
