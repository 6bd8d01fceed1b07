/* timer_heap.h: the deadlines of one loop, the earliest first.
 *
 * An intrusive binary heap: a timer is a member of what it belongs to (a request, a connection) and knows its place, so
 * that taking one out costs no search. It does not know time: the loop asks for the earliest and fires what is due.
 * Threads: one loop's. Blocks: no. */
#ifndef SRV_TIMER_HEAP_H
#define SRV_TIMER_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The struct of which *ptr is the member. */
#define SRV_CONTAINER(type, member, ptr) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

struct srv_timer {
    int64_t deadline_ns; /* monotonic */
    size_t place;        /* 1 + index in the heap; 0 = not in it */
    void (*fire)(struct srv_timer *timer);
};

struct srv_timer_heap {
    struct srv_timer **timers;
    size_t count;
    size_t capacity;
};

void srv_timer_heap_init(struct srv_timer_heap *heap);
void srv_timer_heap_release(
    struct srv_timer_heap *heap); /* the timers themselves belong to others */

void srv_timer_init(struct srv_timer *timer, void (*fire)(struct srv_timer *timer));

static inline bool srv_timer_is_set(const struct srv_timer *timer)
{
    return timer->place != 0;
}

/* Set, or move, a timer. LEAT_ENOMEM: it is not set (one that was set before stays as it was). */
int srv_timer_set(struct srv_timer_heap *heap, struct srv_timer *timer, int64_t deadline_ns);

/* Take it out; one that is not set is accepted. */
void srv_timer_unset(struct srv_timer_heap *heap, struct srv_timer *timer);

/* Earliest deadline, INT64_MAX when there is none. */
int64_t srv_timer_heap_next(const struct srv_timer_heap *heap);

/* Take out the earliest timer that is due at now_ns; NULL when there is none. The caller fires it. */
struct srv_timer *srv_timer_heap_pop(struct srv_timer_heap *heap, int64_t now_ns);

#endif
