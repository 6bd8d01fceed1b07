/* slots.c: see slots.h. */
#include "bench/slots.h"

#include "base/alloc.h"
#include "leat/err.h"

int bench_slots_init(struct bench_slots *slots, size_t count, void *owner)
{
    *slots = (struct bench_slots){.mask = count - 1};
    slots->slots = lt_calloc(count, sizeof(*slots->slots));
    slots->free_ring = lt_calloc(count, sizeof(*slots->free_ring));
    if (slots->slots == NULL || slots->free_ring == NULL) {
        bench_slots_release(slots);
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        slots->slots[i].owner = owner;
        slots->free_ring[i] = &slots->slots[i];
    }
    atomic_store(&slots->given, count);
    return 0;
}

void bench_slots_release(struct bench_slots *slots)
{
    lt_free(slots->slots);
    lt_free(slots->free_ring);
    *slots = (struct bench_slots){0};
}

struct bench_slot *bench_slots_take(struct bench_slots *slots)
{
    size_t taken = atomic_load_explicit(&slots->taken, memory_order_relaxed);
    if (taken == atomic_load_explicit(&slots->given, memory_order_acquire)) {
        return NULL;
    }
    struct bench_slot *slot = slots->free_ring[taken & slots->mask];
    atomic_store_explicit(&slots->taken, taken + 1, memory_order_relaxed);
    return slot;
}

void bench_slots_give(struct bench_slots *slots, struct bench_slot *slot)
{
    /* There are never more free slots than the ring has places, so the place at `given` was taken long ago. */
    size_t given = atomic_load_explicit(&slots->given, memory_order_relaxed);
    slots->free_ring[given & slots->mask] = slot;
    atomic_store_explicit(&slots->given, given + 1, memory_order_release);
}
