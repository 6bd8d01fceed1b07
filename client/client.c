/* client.c: see client.h: the loop, its turns, and the end of it. */
#include "client/client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/dns.h>
#include <event2/event.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "client/broker_conn.h"
#include "client/bytes.h"
#include "client/call.h"
#include "client/consumer.h"
#include "client/delivery.h"
#include "client/metadata.h"
#include "client/producer.h"

#define NS_PER_MS 1000000
#define NS_PER_S 1000000000
#define ROUNDS_MAX 8 /* of one turn, before other events of the loop get their chance */
#define LINE_MAX_SIZE 512
#define BASE_DESCRIPTORS 4 /* of a base: epoll, timer, and two for signals */

static _Atomic unsigned lc_fork_generation;

static void *run_loop(void *arg);
static void on_wake(evutil_socket_t fd, short what, void *arg);
static void on_timer(evutil_socket_t fd, short what, void *arg);
static void end_client(struct leat_client *client);
static void free_client(struct leat_client *client);

/* ---- making ---- */

static void after_fork(void)
{
    (void)atomic_fetch_add(&lc_fork_generation, 1);
}

static void ignore_line(int is_warning, const char *line)
{
    (void)is_warning;
    (void)line;
}

static void set_up_process(void)
{
    (void)pthread_atfork(NULL, NULL, after_fork); /* without memory forks go unnoticed */
    evdns_set_log_fn(ignore_line); /* else name servers that fail are told on stderr */
}

void lc_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(cond, &attr);
    (void)pthread_condattr_destroy(&attr);
}

static int make_events(struct leat_client *client, bool on_base, struct leat_error **reterr)
{
    client->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (client->wake_fd < 0) {
        return lt_error_set_errno(reterr, LEAT_EIO, errno, "no descriptor for the client");
    }
    if (client->dispatch || on_base) {
        client->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (client->event_fd < 0) {
            return lt_error_set_errno(reterr, LEAT_EIO, errno, "no descriptor for the client");
        }
    }
    client->wake_event =
        event_new(client->base, client->wake_fd, EV_READ | EV_PERSIST, on_wake, client);
    client->timer = event_new(client->base, -1, 0, on_timer, client);
    if (client->wake_event == NULL || client->timer == NULL ||
        event_add(client->wake_event, NULL) < 0) {
        return lt_error_set(reterr, LEAT_ENOMEM, "client: out of memory");
    }
    return 0;
}

/* libevent ends the process where a base lacks a descriptor, so they are looked for before. Returns 0 or an errno value. */
static int check_descriptors(void)
{
    int fds[BASE_DESCRIPTORS];
    int count = 0;
    int errnum = 0;

    while (count < BASE_DESCRIPTORS && errnum == 0) {
        fds[count] = eventfd(0, EFD_CLOEXEC);
        if (fds[count] < 0) {
            errnum = errno;
        } else {
            count++;
        }
    }
    while (count > 0) {
        (void)close(fds[--count]); /* nothing was written */
    }
    return errnum;
}

static int make_base(struct leat_client *client, struct leat_error **reterr)
{
    int errnum = check_descriptors();
    struct event_config *config;

    if (errnum != 0) {
        return lt_error_set_errno(reterr, LEAT_EIO, errnum, "no descriptor for the client");
    }
    config = event_config_new();
    if (config == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "client: out of memory");
    }
    /* One thread runs it, the others write to an eventfd: no locks of libevent's own. */
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_PRECISE_TIMER);
    client->base = event_base_new_with_config(config);
    event_config_free(config);
    return client->base == NULL ? lt_error_set(reterr, LEAT_ENOMEM, "client: out of memory") : 0;
}

static int make_client(const struct leat_conf *conf,
                       struct event_base *base,
                       struct leat_client **ret_client,
                       struct leat_error **reterr)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct leat_client *client = lt_calloc(1, sizeof(*client));
    int err = LEAT_ENOMEM;

    (void)pthread_once(&once, set_up_process);
    if (client == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "client: out of memory");
    }
    atomic_init(&client->refs, 1);
    atomic_init(&client->timer_at, LC_NEVER);
    client->fork_generation = atomic_load(&lc_fork_generation);
    client->clock = lt_clock_real();
    client->base = base;
    client->wake_fd = -1;
    client->event_fd = -1;
    (void)pthread_mutex_init(&client->lock, NULL);
    lc_cond_init(&client->cond);
    STAILQ_INIT(&client->commands);
    STAILQ_INIT(&client->due);
    TAILQ_INIT(&client->brokers);
    TAILQ_INIT(&client->calls);
    TAILQ_INIT(&client->producers);
    TAILQ_INIT(&client->consumers);
    client->conf = conf == NULL ? leat_conf_new() : leat_conf_copy(conf);
    client->pool = lc_pool_new();
    if (client->conf != NULL && client->pool != NULL) {
        client->dispatch = base == NULL && lc_conf_number(client->conf, LC_CONF_DISPATCH) != 0;
        err = lc_metadata_new(client, &client->metadata);
    }
    if (err == LEAT_ECONFIG) {
        err = lt_error_set(reterr, err, "bootstrap.servers: '%s' is not a list of HOST:PORT",
                           lc_conf_text(client->conf, LC_CONF_BOOTSTRAP_SERVERS));
    } else if (err < 0) {
        err = lt_error_set(reterr, err, "client: out of memory");
    } else {
        err = base == NULL ? make_base(client, reterr) : 0;
        err = err < 0 ? err : make_events(client, base != NULL, reterr);
    }
    if (err < 0) {
        client->has_thread = base == NULL; /* the base is ours to free */
        free_client(client);
        return err;
    }
    *ret_client = client;
    return 0;
}

int leat_client_new(const struct leat_conf *conf,
                    struct leat_client **ret_client,
                    struct leat_error **reterr)
{
    struct leat_client *client = NULL;
    pthread_attr_t attr;
    int errnum;
    int err;

    if (ret_client == NULL || (conf != NULL && conf->is_topic)) {
        return lt_error_set(reterr, LEAT_EINVAL, "leat_client_new: bad argument");
    }
    err = make_client(conf, NULL, &client, reterr);
    if (err < 0) {
        return err;
    }
    client->has_thread = true;
    (void)pthread_attr_init(&attr);
    /* Nobody joins it: leat_client_unref must not wait for a callback that is running. */
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void)pthread_mutex_lock(&client->lock);
    errnum = pthread_create(&client->thread, &attr, run_loop, client);
    (void)pthread_mutex_unlock(&client->lock);
    (void)pthread_attr_destroy(&attr);
    if (errnum != 0) {
        free_client(client);
        return lt_error_set_errno(reterr, LEAT_EIO, errnum, "no thread for the client");
    }
    *ret_client = client;
    return 0;
}

int leat_client_new_on_base(const struct leat_conf *conf,
                            struct event_base *base,
                            struct leat_client **ret_client,
                            struct leat_error **reterr)
{
    if (ret_client == NULL || base == NULL || (conf != NULL && conf->is_topic)) {
        return lt_error_set(reterr, LEAT_EINVAL, "leat_client_new_on_base: bad argument");
    }
    return make_client(conf, base, ret_client, reterr);
}

/* ---- references ---- */

bool lc_client_forked(const struct leat_client *client)
{
    return client->fork_generation !=
           atomic_load_explicit(&lc_fork_generation, memory_order_relaxed);
}

void lc_client_hold(struct leat_client *client)
{
    (void)atomic_fetch_add_explicit(&client->refs, 1, memory_order_relaxed);
}

void lc_client_drop(struct leat_client *client)
{
    if (atomic_fetch_sub_explicit(&client->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    if (!client->has_thread) {
        client->dead = true;
        if (client->depth == 0) {
            end_client(client);
        }
        return;
    }
    /* The loop frees the client once it has the lock: the write must be over by then. */
    (void)pthread_mutex_lock(&client->lock);
    client->stopping = true;
    lc_client_wake(client);
    (void)pthread_mutex_unlock(&client->lock);
}

struct leat_client *leat_client_ref(struct leat_client *client)
{
    if (client != NULL) {
        lc_client_hold(client);
    }
    return client;
}

void leat_client_unref(struct leat_client *client)
{
    if (client != NULL && !lc_client_forked(client)) {
        lc_client_drop(client);
    }
}

/* ---- reaching the loop ---- */

void lc_client_wake(struct leat_client *client)
{
    const uint64_t one = 1;

    if (!atomic_exchange_explicit(&client->wake_pending, true, memory_order_acq_rel)) {
        (void)!write(client->wake_fd, &one, sizeof(one)); /* full = it is readable anyway */
    }
}

void lc_client_submit(struct leat_client *client, struct lc_command *command)
{
    (void)pthread_mutex_lock(&client->lock);
    STAILQ_INSERT_TAIL(&client->commands, command, link);
    (void)pthread_mutex_unlock(&client->lock);
    lc_client_wake(client);
}

void lc_client_signal(struct leat_client *client)
{
    const uint64_t one = 1;

    if (client->event_fd >= 0 && (client->has_thread || !client->signaled)) {
        client->signaled = !client->has_thread;
        (void)!write(client->event_fd, &one, sizeof(one)); /* full = it is readable anyway */
    }
}

void lc_client_unsignal(struct leat_client *client)
{
    uint64_t count;

    if (!client->has_thread && client->signaled) {
        client->signaled = false;
        (void)!read(client->event_fd, &count, sizeof(count)); /* it holds one */
    }
}

bool lc_client_on_loop(const struct leat_client *client)
{
    return !client->has_thread || pthread_equal(pthread_self(), client->thread) != 0;
}

bool lc_client_may_wait(const struct leat_client *client)
{
    if (!client->has_thread) {
        return client->depth == 0;
    }
    return !lc_client_on_loop(client) && !lc_due_running(client);
}

/* ---- time ---- */

int64_t lc_deadline(const struct lt_clock *clock, int64_t timeout_ms)
{
    return timeout_ms < 0 ? LC_NEVER : lt_clock_mono_ns(clock) + timeout_ms * NS_PER_MS;
}

static struct timeval until(int64_t deadline, int64_t now)
{
    int64_t us = deadline <= now ? 0 : (deadline - now + 999) / 1000;

    return (struct timeval){.tv_sec = us / 1000000, .tv_usec = us % 1000000};
}

/* On a base the caller's thread is the loop: turn it once, until something happens or the deadline. */
static bool wait_by_turning(struct leat_client *client, int64_t deadline_ns)
{
    int64_t now = lt_clock_mono_ns(client->clock);
    struct timeval tv = until(deadline_ns, now);
    struct event *bound;
    int err;

    if (deadline_ns <= now) {
        return false;
    }
    bound = event_new(client->base, -1, 0, on_timer, client);
    if (bound == NULL || (deadline_ns != LC_NEVER && event_add(bound, &tv) < 0)) {
        if (bound != NULL) {
            event_free(bound);
        }
        return false;
    }
    err = event_base_loop(client->base, EVLOOP_ONCE);
    event_free(bound);
    return err >= 0;
}

bool lc_client_wait(struct leat_client *client,
                    pthread_cond_t *cond,
                    pthread_mutex_t *lock,
                    int64_t deadline_ns)
{
    bool in_time;

    if (!client->has_thread) {
        (void)pthread_mutex_unlock(lock);
        in_time = wait_by_turning(client, deadline_ns);
        (void)pthread_mutex_lock(lock);
        return in_time;
    }
    if (deadline_ns == LC_NEVER) {
        return pthread_cond_wait(cond, lock) == 0;
    }
    {
        const struct timespec at = {.tv_sec = deadline_ns / NS_PER_S,
                                    .tv_nsec = deadline_ns % NS_PER_S};

        return pthread_cond_timedwait(cond, lock, &at) == 0;
    }
}

/* ---- turns ---- */

static void run_commands(struct leat_client *client)
{
    struct lc_command_list list = STAILQ_HEAD_INITIALIZER(list);
    struct lc_command *command;

    (void)pthread_mutex_lock(&client->lock);
    STAILQ_CONCAT(&list, &client->commands);
    (void)pthread_mutex_unlock(&client->lock);
    while ((command = STAILQ_FIRST(&list)) != NULL) {
        STAILQ_REMOVE_HEAD(&list, link);
        command->run(client, command);
    }
}

static int64_t turn_brokers(struct leat_client *client, int64_t now)
{
    struct lc_broker *broker = TAILQ_FIRST(&client->brokers);
    int64_t next = LC_NEVER;

    while (broker != NULL) {
        struct lc_broker *following;
        int64_t at = lc_broker_turn(broker, now);

        /* A callback may have made brokers, but only here they go. */
        following = TAILQ_NEXT(broker, link);
        next = at < next ? at : next;
        if (broker->forgotten && broker->in_flight == 0) {
            lc_broker_free(broker);
        }
        broker = following;
    }
    return next;
}

static int64_t turn_once(struct leat_client *client, int64_t now)
{
    int64_t next = lc_metadata_turn(client, now);
    int64_t at = lc_calls_turn(client, now);

    next = at < next ? at : next;
    at = lc_producers_turn(client, now);
    next = at < next ? at : next;
    at = lc_consumers_turn(client, now);
    next = at < next ? at : next;
    at = turn_brokers(client, now);
    return at < next ? at : next;
}

void lc_client_again(struct leat_client *client)
{
    client->turn_again = true;
}

void lc_client_turn(struct leat_client *client)
{
    int64_t next = LC_NEVER;
    int64_t now;
    int rounds = 0;

    client->turn_again = true;
    if (client->turning || client->ending) {
        return;
    }
    client->turning = true;
    do {
        client->turn_again = false;
        /* Who adds work from here on wakes the loop: this turn may have looked at his part already. */
        atomic_store_explicit(&client->timer_at, LC_NEVER, memory_order_relaxed);
        now = lt_clock_mono_ns(client->clock);
        run_commands(client);
        next = turn_once(client, now);
    } while (client->turn_again && ++rounds < ROUNDS_MAX);
    client->turning = false;
    if (client->turn_again) {
        next = now;
    }
    atomic_store_explicit(&client->timer_at, next, memory_order_relaxed);
    if (next == LC_NEVER) {
        (void)event_del(client->timer); /* it may not be pending */
    } else {
        struct timeval tv = until(next, lt_clock_mono_ns(client->clock));

        if (event_add(client->timer, &tv) < 0) {
            lc_client_wake(client); /* no memory: look again at once rather than never */
        }
    }
}

void lc_client_enter(struct leat_client *client)
{
    client->depth++;
}

void lc_client_leave(struct leat_client *client)
{
    LT_ASSERT(client->depth > 0);
    client->depth--;
    if (client->depth == 0 && client->dead && !client->ending) {
        end_client(client);
    }
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct leat_client *client = arg;
    uint64_t count;

    (void)what;
    lc_client_enter(client);
    (void)!read(fd, &count, sizeof(count)); /* empty = somebody was faster */
    atomic_store_explicit(&client->wake_pending, false, memory_order_seq_cst);
    lc_client_turn(client);
    lc_client_leave(client);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct leat_client *client = arg;

    (void)fd;
    (void)what;
    lc_client_enter(client);
    lc_client_turn(client);
    lc_client_leave(client);
}

static bool is_stopping(struct leat_client *client)
{
    bool stopping;

    (void)pthread_mutex_lock(&client->lock);
    stopping = client->stopping;
    (void)pthread_mutex_unlock(&client->lock);
    return stopping;
}

static void *run_loop(void *arg)
{
    struct leat_client *client = arg;
    sigset_t all;

    /* Signals are the application's. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
    (void)pthread_setname_np(pthread_self(), "leat-io");
    while (!is_stopping(client)) {
        if (event_base_loop(client->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY) < 0) {
            break; /* the kernel's poll failed: nothing can be served any more */
        }
    }
    end_client(client);
    return NULL;
}

/* ---- the end ---- */

/* Everything that is open gets LEAT_ECANCELED; then the memory goes. */
static void end_client(struct leat_client *client)
{
    struct lc_call *call;
    struct lc_broker *broker;

    client->ending = true;
    client->depth++;
    run_commands(client);
    while ((call = TAILQ_FIRST(&client->calls)) != NULL) {
        lc_call_finish(call, LEAT_ECANCELED, NULL);
    }
    lc_producers_end(client);
    lc_consumers_end(client);
    while ((broker = TAILQ_FIRST(&client->brokers)) != NULL) {
        lc_broker_free(broker);
    }
    lc_producers_release(client);
    lc_consumers_release(client);
    run_commands(client);
    client->depth--;
    free_client(client);
}

static void free_client(struct leat_client *client)
{
    lc_metadata_free(client->metadata);
    if (client->dns != NULL) {
        evdns_base_free(client->dns, 1);
    }
    if (client->wake_event != NULL) {
        event_free(client->wake_event);
    }
    if (client->timer != NULL) {
        event_free(client->timer);
    }
    if (client->has_thread && client->base != NULL) {
        /* Questions that were canceled are told so by deferred events; let them come. */
        (void)event_base_loop(client->base, EVLOOP_NONBLOCK);
        event_base_free(client->base);
    }
    if (client->wake_fd >= 0) {
        (void)close(client->wake_fd);
    }
    if (client->event_fd >= 0) {
        (void)close(client->event_fd);
    }
    leat_conf_free(client->conf);
    lc_pool_close(client->pool);
    (void)pthread_cond_destroy(&client->cond);
    (void)pthread_mutex_destroy(&client->lock);
    lt_free(client);
}

/* ---- public: connect and dispatch ---- */

struct connect_call {
    struct lc_call call;
    int64_t since; /* ns; failures before do not count */
};

static void step_connect(struct lc_call *call, int64_t now)
{
    struct connect_call *connect = (struct connect_call *)call;
    struct leat_client *client = call->client;

    if (lc_metadata_any(client) != NULL) {
        if (lc_metadata_ready(client)) {
            lc_call_finish(call, 0, NULL);
        } else {
            lc_metadata_refresh(client);
        }
        return;
    }
    if (connect->since == 0) {
        connect->since = now;
    }
    if (lc_metadata_all_failed(client, connect->since)) {
        struct lt_buf text = {0};

        (void)lc_metadata_reasons(client, &text); /* without memory: the text of the code */
        lc_call_finish(call, LEAT_EUNREACHABLE, lt_buf_text(&text));
        lt_buf_release(&text);
    }
}

int leat_client_connect(struct leat_client *client, int timeout_ms, struct leat_error **reterr)
{
    static const struct lc_call_ops ops = {.step = step_connect};
    struct lc_call *call;
    int err;

    if (client == NULL) {
        return lt_error_set(reterr, LEAT_EINVAL, "leat_client_connect: no client");
    }
    call = lc_call_new(client, sizeof(struct connect_call), &ops);
    if (call == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "connect: out of memory");
    }
    err = lc_call_run(call, timeout_ms, reterr);
    lc_call_unref(call);
    return err;
}

int leat_client_event_fd(const struct leat_client *client)
{
    if (client == NULL) {
        return LEAT_EINVAL;
    }
    return client->event_fd >= 0 ? client->event_fd : LEAT_EUNSUPPORTED;
}

static int dispatch_on_base(struct leat_client *client, int timeout_ms)
{
    int64_t before = client->callbacks;

    if (timeout_ms == 0) {
        if (event_base_loop(client->base, EVLOOP_NONBLOCK) < 0) {
            return LEAT_EAGAIN;
        }
    } else {
        (void)wait_by_turning(client, lc_deadline(client->clock, timeout_ms));
    }
    return (int)(client->callbacks - before);
}

int leat_client_dispatch(struct leat_client *client, int timeout_ms)
{
    struct pollfd wait = {.events = POLLIN};
    uint64_t count;

    if (client == NULL) {
        return LEAT_EINVAL;
    }
    if (lc_client_forked(client)) {
        return LEAT_EFORKED;
    }
    if (!lc_client_may_wait(client)) {
        return LEAT_EAGAIN;
    }
    if (!client->has_thread) {
        return dispatch_on_base(client, timeout_ms);
    }
    if (!client->dispatch) {
        return LEAT_EUNSUPPORTED;
    }
    wait.fd = client->event_fd;
    if (timeout_ms != 0) {
        (void)poll(&wait, 1, timeout_ms); /* woken early = a shorter wait */
    }
    (void)!read(client->event_fd, &count, sizeof(count)); /* empty = nothing was due */
    return lc_producers_dispatch(client);
}

/* ---- lines for the application ---- */

void lc_log(const struct leat_client *client, int level, const char *fmt, ...)
{
    char line[LINE_MAX_SIZE];
    va_list args;

    if (client->conf->log_cb == NULL || level > client->conf->log_level) {
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, args); /* longer lines are cut */
    va_end(args);
    client->conf->log_cb(level, line, client->conf->log_arg);
}
