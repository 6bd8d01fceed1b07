/* timer_heap.c: a binary heap of pointers; each timer keeps its own index. */
#include "server/timer_heap.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "leat/err.h"

static void put(struct srv_timer_heap *heap, size_t index, struct srv_timer *timer);
static void sift_up(struct srv_timer_heap *heap, size_t index);
static void sift_down(struct srv_timer_heap *heap, size_t index);

void srv_timer_heap_init(struct srv_timer_heap *heap)
{
    *heap = (struct srv_timer_heap){0};
}

void srv_timer_heap_release(struct srv_timer_heap *heap)
{
    lt_free(heap->timers);
    srv_timer_heap_init(heap);
}

void srv_timer_init(struct srv_timer *timer, void (*fire)(struct srv_timer *timer))
{
    *timer = (struct srv_timer){.fire = fire};
}

int srv_timer_set(struct srv_timer_heap *heap, struct srv_timer *timer, int64_t deadline_ns)
{
    if (srv_timer_is_set(timer)) {
        timer->deadline_ns = deadline_ns;
        sift_up(heap, timer->place - 1);
        sift_down(heap, timer->place - 1);
        return 0;
    }
    if (heap->count == heap->capacity) {
        size_t capacity = heap->capacity == 0 ? 64 : heap->capacity * 2;
        struct srv_timer **timers =
            lt_reallocarray(heap->timers, capacity, sizeof(struct srv_timer *));
        if (timers == NULL) {
            return LEAT_ENOMEM;
        }
        heap->timers = timers;
        heap->capacity = capacity;
    }
    timer->deadline_ns = deadline_ns;
    put(heap, heap->count, timer);
    heap->count++;
    sift_up(heap, heap->count - 1);
    return 0;
}

void srv_timer_unset(struct srv_timer_heap *heap, struct srv_timer *timer)
{
    if (!srv_timer_is_set(timer)) {
        return;
    }
    size_t index = timer->place - 1;
    LT_ASSERT(index < heap->count && heap->timers[index] == timer);
    timer->place = 0;
    heap->count--;
    if (index < heap->count) {
        put(heap, index, heap->timers[heap->count]);
        sift_up(heap, index);
        sift_down(heap, index);
    }
}

int64_t srv_timer_heap_next(const struct srv_timer_heap *heap)
{
    return heap->count == 0 ? INT64_MAX : heap->timers[0]->deadline_ns;
}

struct srv_timer *srv_timer_heap_pop(struct srv_timer_heap *heap, int64_t now_ns)
{
    if (srv_timer_heap_next(heap) > now_ns) {
        return NULL;
    }
    if (heap->count == 0) {
        return NULL; /* now_ns is INT64_MAX */
    }
    struct srv_timer *timer = heap->timers[0];
    srv_timer_unset(heap, timer);
    return timer;
}

static void put(struct srv_timer_heap *heap, size_t index, struct srv_timer *timer)
{
    heap->timers[index] = timer;
    timer->place = index + 1;
}

static void sift_up(struct srv_timer_heap *heap, size_t index)
{
    struct srv_timer *timer = heap->timers[index];

    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (heap->timers[parent]->deadline_ns <= timer->deadline_ns) {
            break;
        }
        put(heap, index, heap->timers[parent]);
        index = parent;
    }
    put(heap, index, timer);
}

static void sift_down(struct srv_timer_heap *heap, size_t index)
{
    struct srv_timer *timer = heap->timers[index];

    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count &&
            heap->timers[child + 1]->deadline_ns < heap->timers[child]->deadline_ns) {
            child++;
        }
        if (timer->deadline_ns <= heap->timers[child]->deadline_ns) {
            break;
        }
        put(heap, index, heap->timers[child]);
        index = child;
    }
    put(heap, index, timer);
}
