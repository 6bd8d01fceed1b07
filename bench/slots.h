/* slots.h: where the due time of a record waits for its delivery callback.
 *
 * The sending thread takes slots, the client's I/O thread gives them back: one taker, one giver, so a ring of free slots
 * with two counters is enough.
 * Threads: one takes, one gives. */
#ifndef BENCH_SLOTS_H
#define BENCH_SLOTS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct bench_slot {
    void *owner; /* whoever the callback is for */
    int64_t due_ns;
    int64_t size; /* bytes of key and value */
};

struct bench_slots {
    struct bench_slot *slots;
    struct bench_slot **free_ring;
    size_t mask;
    _Atomic size_t given; /* counts up; the ring holds [taken, given) */
    _Atomic size_t taken;
};

/* `count` is a power of two. LEAT_ENOMEM. */
int bench_slots_init(struct bench_slots *slots, size_t count, void *owner);
void bench_slots_release(struct bench_slots *slots);

/* NULL: all are under way. */
struct bench_slot *bench_slots_take(struct bench_slots *slots);
void bench_slots_give(struct bench_slots *slots, struct bench_slot *slot);

#endif
