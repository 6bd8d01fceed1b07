/* server.h: one running server and its parts; made by srv_server_start, ended by srv_server_stop.
 *
 * A plain struct, because the parts are few and each has its own header. main.c (or a test) fills the options; nothing in
 * the server is global.
 * Threads: started and stopped by the main thread; the parts are constant in between. */
#ifndef SRV_SERVER_H
#define SRV_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file_ops.h"
#include "server/quota.h"

struct log_store;
struct meta_store;
struct srv_config;
struct srv_fetch_sessions;
struct srv_http;
struct srv_listener;
struct srv_loop;
struct srv_metrics;
struct srv_producer_ids;
struct srv_topics;

struct srv_server_options {
    struct srv_config *config;     /* loaded and checked; borrowed for the server's life */
    const struct lt_file_ops *ops; /* tests: faults; otherwise lt_file_ops_real() */
    const struct lt_clock *clock;
    void (*data_gone)(
        void);             /* the last data directory went offline: stop; any thread; may be NULL */
    bool ack_before_flush; /* tests only: the broken order that the power-cut check must catch */
};

struct srv_server {
    struct srv_server_options options;
    struct srv_config *config;
    struct meta_store *meta;
    struct log_store *store;
    struct srv_topics *topics;
    struct srv_producer_ids *producer_ids;
    struct srv_metrics *metrics;
    struct srv_http *http; /* NULL: http.listeners is empty */
    struct srv_fetch_sessions *fetch_sessions;
    struct srv_budget request_budget; /* bytes of frames that are read or worked on */
    struct srv_addresses addresses;   /* connections per peer */
    struct srv_rate arrivals;         /* new connections, all listeners; the first loop's */
    _Atomic int64_t connections;      /* open ones, all loops */
    _Atomic int64_t staged_bytes; /* answers not yet sent: copied bytes, runs at SRV_EXTENT_COST */
    _Atomic bool stopping;        /* long polls end at once */
    pthread_mutex_t idle_mutex;   /* for idle_cond only */
    pthread_cond_t idle_cond;     /* while stopping: the last connection has gone */
    struct srv_loop **loops;
    size_t loop_count;
    struct srv_listener **listeners;
    size_t listener_count;
};

/* Open the data, recover, listen. On return 0 the server answers on all its listeners. */
int srv_server_start(const struct srv_server_options *options,
                     struct srv_server **ret_server,
                     struct leat_error **reterr);

/* Stop accepting, answer what is in flight (at most shutdown.timeout.ms), flush, write the clean marker, free. */
int srv_server_stop(struct srv_server *server, struct leat_error **reterr);

/* A connection has ended: counts it, and tells srv_server_stop about the last one. Any thread. */
void srv_server_conn_gone(struct srv_server *server);

/* Addresses that answer, "127.0.0.1:9092", as bound (port 0 resolved). Borrowed. */
size_t
srv_server_addresses(const struct srv_server *server, const char **ret_addresses, size_t count_max);

#endif
