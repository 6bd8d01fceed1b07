/* server.c: parts in order up, in reverse order down.
 *
 *   start  data directories, metadata store, topics, recovery, storage threads, I/O loops, listeners
 *   stop   listeners, drain the loops, end them, topics, data directories
 * Whoever may still be called back by a part lives until that part has ended: loops until the store is closed. */
#include "server/server.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/diag.h"
#include "server/config.h"
#include "server/fetch_session.h"
#include "server/http.h"
#include "server/listener.h"
#include "server/loop.h"
#include "server/meta_local.h"
#include "server/metrics.h"
#include "server/producer_ids.h"
#include "server/topics.h"
#include "storage/store.h"

#define LISTENERS_MAX 16
#define DIRS_MAX 64

static int open_data(struct srv_server *server, struct leat_error **reterr);
static int open_store(struct srv_server *server, struct leat_error **reterr);
static int open_meta(struct srv_server *server, struct leat_error **reterr);
static int open_network(struct srv_server *server, struct leat_error **reterr);
static int open_listeners(struct srv_server *server, struct leat_error **reterr);
static bool
find_advertised(const struct srv_settings *settings, const char *name, struct srv_endpoint *ret);
static void wait_until_idle(struct srv_server *server);
static int tear_down(struct srv_server *server, bool clean, struct leat_error **reterr);
static void on_moved(struct log_partition *part, void *arg);
static void on_round(void *arg);
static void on_event(enum lt_diag_level level, const char *event, const char *text, void *arg);

int srv_server_start(const struct srv_server_options *options,
                     struct srv_server **ret_server,
                     struct leat_error **reterr)
{
    struct srv_server *server = lt_calloc(1, sizeof(*server));
    pthread_condattr_t attr;
    int err;

    if (server == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "no memory for a server");
    }
    /* libevent's own memory goes the same way as ours; the same call again changes nothing. */
    event_set_mem_functions(lt_malloc, lt_realloc, lt_free);
    server->options = *options;
    server->config = options->config;
    int64_t queued_max = srv_config_settings(server->config)->queued_max_request_bytes;
    srv_budget_init(&server->request_budget, queued_max < 0 ? INT64_MAX : queued_max);
    srv_addresses_init(&server->addresses);
    LT_ASSERT(pthread_condattr_init(&attr) == 0);
    LT_ASSERT(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    LT_ASSERT(pthread_cond_init(&server->idle_cond, &attr) == 0);
    (void)pthread_condattr_destroy(&attr); /* nothing to lose */
    LT_ASSERT(pthread_mutex_init(&server->idle_mutex, NULL) == 0);

    err = srv_fetch_sessions_new(options->clock, &server->fetch_sessions);
    if (err == 0) {
        err = open_data(server, reterr);
    }
    if (err == 0) {
        err = open_network(server, reterr);
    }
    if (err != 0) {
        (void)tear_down(server, true, NULL); /* the first error is the one to report */
        return err;
    }
    *ret_server = server;
    return 0;
}

int srv_server_stop(struct srv_server *server, struct leat_error **reterr)
{
    atomic_store(&server->stopping, true);
    for (size_t i = 0; i < server->listener_count; i++) {
        srv_listener_stop(server->listeners[i]);
    }
    for (size_t i = 0; i < server->loop_count; i++) {
        srv_loop_drain(server->loops[i]);
    }
    wait_until_idle(server);
    return tear_down(server, true, reterr);
}

size_t
srv_server_addresses(const struct srv_server *server, const char **ret_addresses, size_t count_max)
{
    for (size_t i = 0; i < server->listener_count && i < count_max; i++) {
        ret_addresses[i] = srv_listener_address(server->listeners[i]);
    }
    return server->listener_count;
}

void srv_server_conn_gone(struct srv_server *server)
{
    if (atomic_fetch_sub(&server->connections, 1) == 1 && atomic_load(&server->stopping)) {
        (void)pthread_mutex_lock(&server->idle_mutex);
        (void)pthread_cond_broadcast(&server->idle_cond);
        (void)pthread_mutex_unlock(&server->idle_mutex);
    }
}

/* ---- up ---- */

static int open_data(struct srv_server *server, struct leat_error **reterr)
{
    int err = open_store(server, reterr);

    if (err == 0) {
        err = open_meta(server, reterr);
    }
    if (err == 0) {
        err = srv_topics_open(server, reterr);
    }
    if (err == 0 && srv_producer_ids_new(server, &server->producer_ids) != 0) {
        err = lt_error_set(reterr, LEAT_ENOMEM, "no memory for producer ids");
    }
    if (err == 0) {
        err = log_store_load(server->store, reterr);
    }
    if (err == 0) {
        err = srv_topics_start(server, reterr);
    }
    if (err == 0) {
        err = log_store_start(server->store, reterr);
    }
    return err;
}

static int open_store(struct srv_server *server, struct leat_error **reterr)
{
    const struct srv_settings *settings = srv_config_settings(server->config);
    struct log_store_options options;
    const char *dirs[DIRS_MAX];
    size_t count = 0;
    char *list = lt_strdup(settings->log_dirs);
    char *rest = NULL;

    if (list == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "no memory for log.dirs");
    }
    for (char *dir = strtok_r(list, ",", &rest); dir != NULL; dir = strtok_r(NULL, ",", &rest)) {
        dir += strspn(dir, " ");
        for (size_t size = strlen(dir); size > 0 && dir[size - 1] == ' '; size--) {
            dir[size - 1] = '\0';
        }
        if (count == DIRS_MAX) {
            lt_free(list);
            return lt_error_set(reterr, LEAT_ELIMIT, "log.dirs: more than %d", DIRS_MAX);
        }
        dirs[count++] = dir;
    }
    log_store_options_init(&options);
    options.dirs = dirs;
    options.dir_count = count;
    options.node_id = settings->node_id;
    options.ops = server->options.ops;
    options.clock = server->options.clock;
    options.flush_threads = settings->flush_threads;
    options.reader_threads = settings->reader_threads;
    options.unsynced_bytes_max = (uint64_t)settings->unsynced_max_bytes;
    options.producers_max = (size_t)settings->producers_max;
    options.reserve_bytes = (uint64_t)settings->disk_reserve_bytes;
    options.maps_max = settings->maps_max < 0 ? 0 : (size_t)settings->maps_max;
    options.checkpoint_interval_ms = settings->checkpoint_interval_ms;
    options.retention_check_interval_ms = settings->retention_check_interval_ms;
    options.listener = (struct log_listener){on_moved, on_round, server};
    options.event = on_event;
    options.event_arg = server;
    int err = log_store_open(&options, &server->store, reterr);
    lt_free(list);
    return err;
}

static int open_meta(struct srv_server *server, struct leat_error **reterr)
{
    struct log_dir_info first;

    log_store_dir_info(server->store, 0, &first);
    char *path = lt_asprintf("%s/meta", first.path);
    if (path == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "no memory for the path of the metadata store");
    }
    int err = meta_local_open(path, server->options.clock, &server->meta, reterr);
    lt_free(path);
    return err;
}

static int open_network(struct srv_server *server, struct leat_error **reterr)
{
    size_t count = (size_t)srv_config_settings(server->config)->io_threads;
    int err = srv_metrics_new(count, &server->metrics);

    if (err != 0) {
        return lt_error_set(reterr, err, "no memory for counters");
    }

    server->loops = lt_calloc(count, sizeof(struct srv_loop *));
    if (server->loops == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "no memory for I/O loops");
    }
    for (size_t i = 0; i < count && err == 0; i++) {
        err = srv_loop_new(server, i, &server->loops[i], reterr);
        server->loop_count += err == 0 ? 1 : 0;
    }
    for (size_t i = 0; i < count && err == 0; i++) {
        err = srv_loop_start(server->loops[i], reterr);
    }
    if (err == 0) {
        err = open_listeners(server, reterr);
    }
    for (size_t i = 0; i < server->listener_count && err == 0; i++) {
        srv_listener_start(server->listeners[i]);
    }
    return err != 0 ? err : srv_http_start(server, &server->http, reterr);
}

/* All are bound before one accepts: a client never meets half a server. */
static int open_listeners(struct srv_server *server, struct leat_error **reterr)
{
    const struct srv_settings *settings = srv_config_settings(server->config);
    const char *at = settings->listeners;
    struct srv_endpoint endpoint, advertised;
    int found;

    server->listeners = lt_calloc(LISTENERS_MAX, sizeof(struct srv_listener *));
    if (server->listeners == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "no memory for listeners");
    }
    while ((found = srv_endpoint_next(&at, &endpoint)) > 0) {
        if (server->listener_count == LISTENERS_MAX) {
            return lt_error_set(reterr, LEAT_ELIMIT, "listeners: more than %d", LISTENERS_MAX);
        }
        bool told = find_advertised(settings, endpoint.name, &advertised);
        bool any_port = srv_config_any_port(server->config, "listeners");
        struct srv_listener **next = &server->listeners[server->listener_count];
        int err = srv_listener_open(server, &endpoint, told ? &advertised : NULL, next,
                                    any_port ? NULL : reterr);
        if (err != 0 && any_port) {
            endpoint.port = 0;
            err = srv_listener_open(server, &endpoint, told ? &advertised : NULL, next, reterr);
        }
        if (err != 0) {
            return err;
        }
        server->listener_count++;
    }
    return found == 0 ? 0 : lt_error_set(reterr, LEAT_ECONFIG, "listeners: not NAME://HOST:PORT");
}

static bool
find_advertised(const struct srv_settings *settings, const char *name, struct srv_endpoint *ret)
{
    const char *at = settings->advertised_listeners;

    while (srv_endpoint_next(&at, ret) > 0) {
        if (strcasecmp(ret->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- down ---- */

/* Connections close themselves when they are answered; wait for the last one, not for ever. */
static void wait_until_idle(struct srv_server *server)
{
    int64_t timeout_ms = srv_config_settings(server->config)->shutdown_timeout_ms;
    int64_t until_ms = lt_clock_mono_ms(lt_clock_real()) + timeout_ms;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    int err = 0;

    (void)pthread_mutex_lock(&server->idle_mutex);
    while (atomic_load(&server->connections) > 0 && err == 0) {
        err = pthread_cond_timedwait(&server->idle_cond, &server->idle_mutex, &until);
    }
    (void)pthread_mutex_unlock(&server->idle_mutex);
    if (err == ETIMEDOUT) {
        lt_diag(LT_WARN, "server", "shutdown_timeout",
                "shutdown.timeout.ms has passed; closing connections that are not answered yet",
                LT_FIELD_INT("connections", atomic_load(&server->connections)));
    }
}

static int tear_down(struct srv_server *server, bool clean, struct leat_error **reterr)
{
    int err = 0;

    srv_http_stop(server->http);
    for (size_t i = 0; i < server->loop_count; i++) {
        srv_loop_stop(server->loops[i]);
    }
    if (server->store != NULL) {
        log_store_halt(
            server->store); /* its threads look at the partitions' owners, which go now */
    }
    srv_topics_close(server);
    if (server->store != NULL) {
        err = log_store_close(server->store, clean, reterr);
    }
    srv_topics_free(server);
    srv_producer_ids_free(server->producer_ids);
    for (size_t i = 0; i < server->listener_count; i++) {
        srv_listener_free(server->listeners[i]);
    }
    for (size_t i = 0; i < server->loop_count; i++) {
        srv_loop_free(server->loops[i]);
    }
    srv_metrics_free(server->metrics);
    srv_fetch_sessions_free(server->fetch_sessions);
    srv_addresses_release(&server->addresses);
    (void)pthread_cond_destroy(&server->idle_cond); /* nobody waits any more */
    (void)pthread_mutex_destroy(&server->idle_mutex);
    lt_free(server->listeners);
    lt_free(server->loops);
    lt_free(server);
    return err;
}

/* ---- from storage ---- */

static void visit_moved(void *owner)
{
    srv_partition_moved(owner);
}

/* A flusher may tell of a move while the topic is being freed: the visit keeps the partition until it has ended.
 * All requests that this wakes are on their way before the first loop is: one turn answers many. */
static void on_moved(struct log_partition *part, void *arg)
{
    bool opened = srv_wakes_open();

    (void)arg;
    log_partition_visit_owner(part, visit_moved);
    if (opened) {
        srv_wakes_close();
    }
}

static void on_round(void *arg)
{
    (void)
        arg; /* each move has woken its loops already: who waits for the first file need not wait for the last */
}

static bool all_offline(struct srv_server *server)
{
    for (size_t i = 0; i < log_store_dir_count(server->store); i++) {
        struct log_dir_info info;
        log_store_dir_info(server->store, i, &info);
        if (!info.offline) {
            return false;
        }
    }
    return true;
}

static void on_event(enum lt_diag_level level, const char *event, const char *text, void *arg)
{
    struct srv_server *server = arg;
    lt_diag(level, "store", event, text);
    if (strcmp(event, "directory_offline") == 0 && server->options.data_gone != NULL &&
        all_offline(server)) {
        lt_diag(LT_ERROR, "server", "data_gone", "no data directory is left; the server stops");
        server->options.data_gone();
    }
}
