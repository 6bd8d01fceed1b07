/* loop.h: one I/O thread: an event_base, its connections, its timers, and what other threads want from it.
 *
 * A turn: wait for sockets, run their callbacks, then in this order: what was posted (wake-ups of parked requests, new
 * connections), timers that are due, and one send per connection that has something to say. So an append and the fetches
 * that it completes leave in the same turn, and many answers to one connection leave in one send.
 *
 * Other threads reach a loop only by srv_loop_post. The eventfd is written at most once per turn: while the poster is
 * itself a loop, at the end of the poster's turn (srv_wakes_open, _close); and only if the loop sleeps.
 * Not here: sockets (conn.h, listener.h).
 * Threads: each function says it. One thread-local list (loop.c) remembers which loops a thread still has to wake. */
#ifndef SRV_LOOP_H
#define SRV_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/error.h"
#include "server/timer_heap.h"

struct event;
struct event_base;
struct srv_conn;
struct srv_server;

/* Bytes that one recv can bring: several batches of usual size, and still in the core's own cache. */
#define SRV_RECEIVE_BYTES (256U * 1024)

/* Something that a loop shall do soon. A member of its owner, who must not go away while `queued`. */
struct srv_post {
    struct srv_post *next;
    void (*run)(struct srv_post *post); /* on the loop's thread */
    _Atomic bool queued;
};

TAILQ_HEAD(srv_conn_list, srv_conn);

struct srv_loop {
    struct srv_server *server;
    size_t index;
    struct event_base *base;
    struct event *wake_event;
    struct event *timer_event;
    int wake_fd; /* eventfd */
    pthread_t thread;
    bool started; /* the thread exists */

    /* The loop's own thread. */
    struct srv_timer_heap timers;
    int64_t timer_armed_ns;       /* when timer_event will fire; INT64_MAX = it will not */
    int64_t now_ns;               /* monotonic, as of the last wake-up or later */
    uint8_t *receive;             /* SRV_RECEIVE_BYTES */
    struct srv_conn_list conns;   /* all connections of this loop */
    struct srv_conn_list unsent;  /* have output that this turn shall send */
    struct srv_conn_list closed;  /* freed at the end of the turn, once their requests are gone */
    struct srv_conn_list starved; /* do not read until the byte budget has room */
    size_t request_count;         /* requests that exist */
    bool awake;                   /* now_ns was read in this turn */
    bool draining;                /* no new frames; connections end when they are answered */
    bool stopping;                /* leave at the end of this turn */

    /* Any thread. */
    _Atomic(struct srv_post *) posts; /* newest first */
    _Atomic bool sleeping;            /* a post must write the eventfd */
    _Atomic size_t conn_count;        /* connections given to this loop */
    struct srv_post budget_post;      /* the byte budget has room again */
    struct srv_post drain_post;
    struct srv_post stop_post;
};

/* Make a loop; its thread is started by srv_loop_start. LEAT_ENOMEM, LEAT_EIO (no eventfd or event_base). Main thread. */
int srv_loop_new(struct srv_server *server,
                 size_t index,
                 struct srv_loop **ret_loop,
                 struct leat_error **reterr);
int srv_loop_start(struct srv_loop *loop, struct leat_error **reterr);

/* End the thread: connections that are left are closed, their requests canceled. Blocks until jobs of the loop's requests on
 * reader threads have ended. The struct stays valid for late posts of other threads until it is freed, when those have
 * ended. Both accept NULL. Main thread. */
void srv_loop_stop(struct srv_loop *loop);
void srv_loop_free(struct srv_loop *loop);

/* Take no more frames, answer what is in flight, then close each connection. Any thread; the end shows in conn_count. */
void srv_loop_drain(struct srv_loop *loop);

/* Run post->run(post) on the loop, soon; a post that is queued already stays as it is. Any thread. */
void srv_loop_post(struct srv_loop *loop, struct srv_post *post);

/* Between open and close, posts of this thread wake sleeping loops only at close: once for many. False from open: it was open
 * already (a loop's turn is), and whoever opened it closes it. */
bool srv_wakes_open(void);
void srv_wakes_close(void);

/* For callbacks of sockets, before anything else: a loop that has slept reads its clock. The loop's thread. */
void srv_loop_awake(struct srv_loop *loop);

/* Set or move a timer, take one out. The loop's thread. srv_loop_timer_set: 0 or LEAT_ENOMEM. */
int srv_loop_timer_set(struct srv_loop *loop, struct srv_timer *timer, int64_t deadline_ns);
void srv_loop_timer_unset(struct srv_loop *loop, struct srv_timer *timer);

#endif
