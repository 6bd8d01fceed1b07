/* client.h: struct leat_client: the loop, what lives on it, and how other threads reach it.
 *
 * Everything marked "loop" is touched by the loop alone: the I/O thread, or the caller's thread for a client on a base. Other threads
 * hand work over in two ways: a command in the queue, or a flag of their object; then lc_client_wake. All work of the loop happens in
 * turns: after every event, lc_client_turn lets each part (metadata, calls, producers, consumers, connections) do what it can and say when it wants
 * to be called again.
 *
 * Lifetime: `refs` counts what applications hold (client, producer and consumer handles). At zero the loop ends itself: it completes what is
 * open with LEAT_ECANCELED and frees the client. Objects that the loop knows are freed by the loop alone.
 *
 * Locks: client->lock guards the command queue, finished calls and the dispatch queue. A producer's or consumer's lock is taken before it, never after.
 * No lock is held while an application's callback runs.
 *
 * Threads: as marked: loop, or any. Global state: lc_fork_generation, raised in the child of a fork; the log function of evdns. */
#ifndef LC_CLIENT_H
#define LC_CLIENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include <leat/leat.h>

#include "base/clock.h"
#include "base/error.h"
#include "client/conf.h"
#include "client/stats.h"

struct event;
struct event_base;
struct evdns_base;
struct lc_broker;
struct lc_call;
struct lc_delivery_item;
struct lc_metadata;
struct lc_pool;

#define LC_NEVER INT64_MAX /* "no deadline", in ns of the monotonic clock */

/* Work for the loop; the memory is the submitter's and may be freed by `run`. */
struct lc_command {
    STAILQ_ENTRY(lc_command) link;
    void (*run)(struct leat_client *client, struct lc_command *command);
    void *owner; /* what it is about */
};

TAILQ_HEAD(lc_broker_list, lc_broker);
TAILQ_HEAD(lc_call_list, lc_call);
TAILQ_HEAD(lc_producer_list, leat_producer);
TAILQ_HEAD(lc_consumer_list, leat_consumer);
STAILQ_HEAD(lc_command_list, lc_command);
STAILQ_HEAD(lc_due_list, lc_batch);

struct leat_client {
    _Atomic int refs;         /* handles that applications hold */
    unsigned fork_generation; /* lc_fork_generation when it was made */
    struct leat_conf *conf;   /* never changes */
    struct lc_stats stats;
    struct lc_pool *pool; /* of received and unpacked bytes */
    const struct lt_clock *clock;
    struct event_base *base;
    bool has_thread; /* the base is ours and a thread of ours runs it */
    bool dispatch;   /* callbacks run in leat_client_dispatch */
    pthread_t thread;

    int wake_fd; /* eventfd: other threads -> loop */
    _Atomic bool wake_pending;
    _Atomic int64_t
        timer_at;  /* when the loop looks again by itself, ns; what ends later needs no wake */
    int event_fd;  /* eventfd: loop -> application's loop; -1 without dispatch or base */
    bool signaled; /* event_fd is readable; on a base alone, where one thread sees it */

    pthread_mutex_t lock;
    pthread_cond_t cond;             /* a call has finished; monotonic */
    struct lc_command_list commands; /* lock */
    struct lc_due_list due; /* lock: batches whose callbacks wait for leat_client_dispatch */
    bool stopping;          /* lock */

    /* loop */
    struct event *wake_event;
    struct event *timer;
    struct evdns_base *dns; /* made when the first name is resolved */
    struct lc_broker_list brokers;
    struct lc_metadata *metadata;
    struct lc_call_list calls;
    struct lc_producer_list producers;
    struct lc_consumer_list consumers;
    int depth;         /* > 0 while an event of ours is handled */
    bool turning;      /* inside lc_client_turn */
    bool turn_again;   /* something changed during the turn */
    bool dead;         /* free when depth is 0 again */
    bool ending;       /* being torn down: no more turns */
    int64_t callbacks; /* applications' callbacks run so far, on a base */
};

/* Is this process a fork that inherited the client? */
bool lc_client_forked(const struct leat_client *client);

/* May the calling thread wait for the loop? Not inside callbacks. */
bool lc_client_may_wait(const struct leat_client *client);

/* Is this the thread that runs the loop? */
bool lc_client_on_loop(const struct leat_client *client);

/* Take or drop a reference for a handle; dropping the last ends the client. */
void lc_client_hold(struct leat_client *client);
void lc_client_drop(struct leat_client *client);

/* Let the loop make a turn soon. Any thread; cheap when one is due anyway. */
void lc_client_wake(struct leat_client *client);

/* Queue a command and wake the loop. Any thread. Commands run in order, at the latest when the client ends. */
void lc_client_submit(struct leat_client *client, struct lc_command *command);

/* loop: let every part do what it can now; the last thing in handling an event. Inside a turn it is lc_client_again. */
void lc_client_turn(struct leat_client *client);

/* loop: something changed that the turn of this event shall see. */
void lc_client_again(struct leat_client *client);

/* loop: around the handling of an event, so that the client is not freed under it. */
void lc_client_enter(struct leat_client *client);
void lc_client_leave(struct leat_client *client);

/* Make the descriptor of leat_client_event_fd readable. Any thread; nothing where there is none. */
void lc_client_signal(struct leat_client *client);

/* On a base: it is readable no longer. */
void lc_client_unsignal(struct leat_client *client);

/* Wait on `cond` with `lock` held until deadline_ns; on a base: turn the loop instead (lock released meanwhile). Returns false when the time is over. */
bool lc_client_wait(struct leat_client *client,
                    pthread_cond_t *cond,
                    pthread_mutex_t *lock,
                    int64_t deadline_ns);

/* Deadline for timeout_ms from now; -1 = LC_NEVER. */
int64_t lc_deadline(const struct lt_clock *clock, int64_t timeout_ms);

/* A condition that lc_client_wait can wait for. */
void lc_cond_init(pthread_cond_t *cond);

/* A line for leat_conf_set_log, if somebody listens to this level. */
void lc_log(const struct leat_client *client, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
