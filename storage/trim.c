/* Maps and descriptors of sealed segments: opened by whoever reads, given up when nobody has read for a while.
 *
 * What a segment struct has opened stays open until it is freed, so that readers need no lock. To close a segment, a
 * closed struct for the same files takes its place in a new list; the old one goes with its last reader. */
#include "storage/partition_private.h"

#define OPEN_SEALED_MAX 64u /* per partition */
#define OPEN_IDLE_MS 50     /* above it, those not read for this long go */

static bool is_idle(const struct log_segment *seg, int64_t now_ms, int64_t idle_ms)
{
    bool opened = atomic_load_explicit(&seg->fd, memory_order_relaxed) >= 0 ||
                  atomic_load_explicit(&seg->indexes, memory_order_relaxed) != NULL;
    /* One reference is the list's. A reader that takes another one now keeps the old struct, which does no harm. */
    return seg->sealed && opened && atomic_load_explicit(&seg->refs, memory_order_relaxed) == 1 &&
           now_ms - atomic_load_explicit(&seg->used_ms, memory_order_relaxed) >= idle_ms;
}

/* The list with closed structs in the places of idle ones; NULL: nothing is idle, or no memory. Mutex held. */
static struct log_segment_list *
closed_list(struct log_partition *part, int64_t idle_ms, size_t *ret_closed)
{
    int64_t now_ms = lt_clock_mono_ms(part->env->clock);
    const struct log_segment_list *old = part->list; /* only swapped under the mutex */
    size_t idle = 0;
    for (size_t i = 0; i < old->count; i++) {
        idle += is_idle(old->segs[i], now_ms, idle_ms) ? 1u : 0u;
    }
    struct log_segment_list *list = idle == 0 ? NULL : log_segment_list_new(old->count);
    for (size_t i = 0; list != NULL && i < old->count; i++) {
        struct log_segment *closed;
        if (is_idle(old->segs[i], now_ms, idle_ms) &&
            log_segment_clone_sealed(old->segs[i], &closed) == 0) {
            list->segs[list->count++] = closed;
            *ret_closed += 1;
        } else {
            list->segs[list->count++] = log_segment_ref(old->segs[i]);
        }
    }
    return list;
}

/* Mutex held. */
static size_t trim_locked(struct log_partition *part, int64_t idle_ms)
{
    size_t closed = 0;
    struct log_segment_list *list = closed_list(part, idle_ms, &closed);
    if (list != NULL) {
        log_partition_swap_list(part, list);
    }
    return closed;
}

size_t log_partition_trim(struct log_partition *part, int64_t idle_ms)
{
    if (atomic_load_explicit(&part->state, memory_order_acquire) != LOG_READY) {
        return 0;
    }
    (void)pthread_mutex_lock(
        &part->io_lock); /* retention keeps the list's front to itself meanwhile */
    (void)pthread_mutex_lock(&part->mutex);
    size_t closed = trim_locked(part, idle_ms);
    (void)pthread_mutex_unlock(&part->mutex);
    (void)pthread_mutex_unlock(&part->io_lock);
    return closed;
}

void log_partition_bound_open(struct log_partition *part)
{
    size_t open = 0;
    struct log_segment_list *list = log_partition_list(part);
    for (size_t i = 0; i < list->count; i++) {
        const struct log_segment *seg = list->segs[i];
        open += seg->sealed && atomic_load_explicit(&seg->fd, memory_order_relaxed) >= 0 ? 1u : 0u;
    }
    log_segment_list_unref(list);
    if (open <= OPEN_SEALED_MAX || pthread_mutex_trylock(&part->io_lock) != 0) {
        return;
    }
    if (pthread_mutex_trylock(&part->mutex) == 0) {
        (void)trim_locked(part, OPEN_IDLE_MS);
        (void)pthread_mutex_unlock(&part->mutex);
    }
    (void)pthread_mutex_unlock(&part->io_lock);
}
