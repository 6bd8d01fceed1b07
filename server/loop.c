/* loop.c: a turn is event_base_loop once, then end_turn.
 *
 * Waking: a poster pushes on `posts`, then takes `sleeping`; who takes it as true writes the eventfd. The loop sets
 * `sleeping` before it looks at `posts` for the last time, so a post is either seen or signalled (both sides
 * sequentially consistent). The eventfd is edge-triggered and never read: every write is an edge. */
#include "server/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/os.h"
#include "server/conn.h"
#include "server/server.h"

#define LOOPS_TO_WAKE_MAX 64
/* Posts that arise while posts run are run in the same turn, this many times over. */
#define POST_ROUNDS_MAX 8

static void *run(void *arg);
static void turn(struct srv_loop *loop);
static void end_turn(struct srv_loop *loop);
static bool run_posts(struct srv_loop *loop);
static void fire_timers(struct srv_loop *loop);
static void arm_timer(struct srv_loop *loop);
static void read_clock(struct srv_loop *loop);
static void wake(struct srv_loop *loop);
static void on_wake(int fd, short what, void *arg);
static void on_timer(int fd, short what, void *arg);
static void on_drain(struct srv_post *post);
static void on_stop(struct srv_post *post);
static void on_budget(struct srv_post *post);

/* Loops that this thread has posted to and not yet woken. */
static _Thread_local struct {
    bool open;
    size_t count;
    struct srv_loop *loops[LOOPS_TO_WAKE_MAX];
} wakes;

int srv_loop_new(struct srv_server *server,
                 size_t index,
                 struct srv_loop **ret_loop,
                 struct leat_error **reterr)
{
    struct srv_loop *loop = lt_calloc(1, sizeof(*loop));

    if (loop == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "no memory for an I/O loop");
    }
    loop->server = server;
    loop->index = index;
    loop->timer_armed_ns = INT64_MAX;
    srv_timer_heap_init(&loop->timers);
    TAILQ_INIT(&loop->conns);
    TAILQ_INIT(&loop->unsent);
    TAILQ_INIT(&loop->closed);
    TAILQ_INIT(&loop->starved);
    loop->budget_post.run = on_budget;
    loop->drain_post.run = on_drain;
    loop->stop_post.run = on_stop;
    read_clock(loop);

    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->base = event_base_new();
    loop->receive = lt_malloc(SRV_RECEIVE_BYTES);
    if (loop->wake_fd < 0 || loop->base == NULL || loop->receive == NULL) {
        goto fail;
    }
    loop->wake_event =
        event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST | EV_ET, on_wake, loop);
    loop->timer_event = evtimer_new(loop->base, on_timer, loop);
    if (loop->wake_event == NULL || loop->timer_event == NULL ||
        event_add(loop->wake_event, NULL) != 0) {
        goto fail;
    }
    *ret_loop = loop;
    return 0;
fail:
    lt_error_set_errno(reterr, LEAT_EIO, errno, "cannot make I/O loop %zu", index);
    srv_loop_free(loop);
    return LEAT_EIO;
}

int srv_loop_start(struct srv_loop *loop, struct leat_error **reterr)
{
    sigset_t all, before;

    /* Signals belong to the main thread. */
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int err = pthread_create(&loop->thread, NULL, run, loop);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err != 0) {
        return lt_error_set_errno(reterr, LEAT_EIO, err, "cannot start I/O loop %zu", loop->index);
    }
    loop->started = true;
    return 0;
}

void srv_loop_stop(struct srv_loop *loop)
{
    if (loop == NULL || !loop->started) {
        return;
    }
    srv_loop_post(loop, &loop->stop_post);
    (void)pthread_join(loop->thread, NULL); /* cannot fail: the thread is ours and joined once */
    loop->started = false;
}

void srv_loop_free(struct srv_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    srv_loop_stop(loop);
    if (loop->wake_event != NULL) {
        event_free(loop->wake_event);
    }
    if (loop->timer_event != NULL) {
        event_free(loop->timer_event);
    }
    if (loop->base != NULL) {
        event_base_free(loop->base);
    }
    if (loop->wake_fd >= 0) {
        (void)lt_os_close(loop->wake_fd); /* nothing was written that could be lost */
    }
    srv_timer_heap_release(&loop->timers);
    lt_free(loop->receive);
    lt_free(loop);
}

void srv_loop_drain(struct srv_loop *loop)
{
    srv_loop_post(loop, &loop->drain_post);
}

void srv_loop_post(struct srv_loop *loop, struct srv_post *post)
{
    if (atomic_exchange(&post->queued, true)) {
        return;
    }
    post->next = atomic_load_explicit(&loop->posts, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&loop->posts, &post->next, post)) {
    }
    if (!wakes.open) {
        wake(loop);
        return;
    }
    for (size_t i = 0; i < wakes.count; i++) {
        if (wakes.loops[i] == loop) {
            return;
        }
    }
    if (wakes.count == LOOPS_TO_WAKE_MAX) {
        wake(loop);
        return;
    }
    wakes.loops[wakes.count++] = loop;
}

bool srv_wakes_open(void)
{
    bool was_open = wakes.open;

    wakes.open = true;
    return !was_open;
}

void srv_wakes_close(void)
{
    for (size_t i = 0; i < wakes.count; i++) {
        wake(wakes.loops[i]);
    }
    wakes.count = 0;
    wakes.open = false;
}

void srv_loop_awake(struct srv_loop *loop)
{
    if (!loop->awake) {
        read_clock(loop);
        loop->awake = true;
    }
}

int srv_loop_timer_set(struct srv_loop *loop, struct srv_timer *timer, int64_t deadline_ns)
{
    return srv_timer_set(&loop->timers, timer, deadline_ns);
}

void srv_loop_timer_unset(struct srv_loop *loop, struct srv_timer *timer)
{
    srv_timer_unset(&loop->timers, timer);
}

static void *run(void *arg)
{
    struct srv_loop *loop = arg;
    char name[16];

    (void)snprintf(name, sizeof(name), "leat-io-%zu", loop->index);
    (void)pthread_setname_np(pthread_self(), name); /* for top and gdb only */
    while (!loop->stopping) {
        turn(loop);
    }
    (void)srv_wakes_open(); /* never open between turns */
    srv_conns_abandon(loop);
    srv_wakes_close();
    /* What a reader thread still works on comes back by a post. */
    while (loop->request_count > 0 || atomic_load(&loop->posts) != NULL) {
        turn(loop);
    }
    return NULL;
}

static void turn(struct srv_loop *loop)
{
    int flags = EVLOOP_ONCE;

    (void)srv_wakes_open(); /* never open between turns */
    loop->awake = false;
    atomic_store(&loop->sleeping, true);
    if (atomic_load(&loop->posts) != NULL || !TAILQ_EMPTY(&loop->unsent)) {
        flags |= EVLOOP_NONBLOCK;
    }
    (void)event_base_loop(loop->base,
                          flags); /* 1 only without any event, and there is always one */
    atomic_store(&loop->sleeping, false);
    end_turn(loop);
    srv_wakes_close();
}

static void end_turn(struct srv_loop *loop)
{
    read_clock(loop);
    for (int round = 0; round < POST_ROUNDS_MAX && run_posts(loop); round++) {
    }
    fire_timers(loop);
    srv_conns_send(loop);
    srv_conns_reap(loop);
    arm_timer(loop);
}

/* Oldest first. True if there were any. */
static bool run_posts(struct srv_loop *loop)
{
    struct srv_post *newest = atomic_exchange(&loop->posts, NULL);
    struct srv_post *oldest = NULL;

    if (newest == NULL) {
        return false;
    }
    while (newest != NULL) {
        struct srv_post *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct srv_post *post = oldest;
        oldest = post->next;
        atomic_store(&post->queued, false); /* from here on it may be posted again */
        post->run(post);
    }
    return true;
}

static void fire_timers(struct srv_loop *loop)
{
    struct srv_timer *timer;

    while ((timer = srv_timer_heap_pop(&loop->timers, loop->now_ns)) != NULL) {
        timer->fire(timer);
    }
}

/* A timer event that fires too early does no harm, so it is moved only to an earlier time. */
static void arm_timer(struct srv_loop *loop)
{
    int64_t next = srv_timer_heap_next(&loop->timers);

    if (next >= loop->timer_armed_ns) {
        return;
    }
    int64_t wait_us = next > loop->now_ns ? (next - loop->now_ns + 999) / 1000 : 0;
    struct timeval wait = {.tv_sec = wait_us / 1000000, .tv_usec = wait_us % 1000000};
    if (evtimer_add(loop->timer_event, &wait) == 0) {
        loop->timer_armed_ns = next;
    }
}

static void read_clock(struct srv_loop *loop)
{
    loop->now_ns = lt_clock_mono_ns(loop->server->options.clock);
}

static void wake(struct srv_loop *loop)
{
    uint64_t one = 1;

    if (atomic_exchange(&loop->sleeping, false)) {
        /* Fails only when the counter is full, and then the loop has been told often enough. */
        ssize_t written = write(loop->wake_fd, &one, sizeof(one));
        (void)written;
    }
}

static void on_wake(int fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg; /* the turn itself does the work */
}

static void on_timer(int fd, short what, void *arg)
{
    struct srv_loop *loop = arg;

    (void)fd;
    (void)what;
    loop->timer_armed_ns = INT64_MAX;
}

static void on_drain(struct srv_post *post)
{
    struct srv_loop *loop = SRV_CONTAINER(struct srv_loop, drain_post, post);

    loop->draining = true;
    srv_conns_drain(loop);
}

static void on_stop(struct srv_post *post)
{
    struct srv_loop *loop = SRV_CONTAINER(struct srv_loop, stop_post, post);

    loop->stopping = true;
}

static void on_budget(struct srv_post *post)
{
    struct srv_loop *loop = SRV_CONTAINER(struct srv_loop, budget_post, post);

    srv_conns_feed(loop);
}
