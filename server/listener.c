/* listener.c: accept4 in a loop while the door is open; while it is shut a timer looks whether it may open again.
 *
 * Descriptors: the kernel gives out the lowest free number, so the number of a new socket tells how many are in use. At
 * 90 % of the limit the door shuts; the rest is for the server's own files. */
#include "server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "base/os.h"
#include "server/config.h"
#include "server/conn.h"
#include "server/metrics.h"
#include "server/server.h"

#define BACKLOG 1024
#define ACCEPTS_PER_TURN 64
#define SHUT_NS 100000000LL /* how long the door stays shut before it looks again */

struct srv_listener {
    struct srv_server *server;
    struct event *event; /* on the first loop; NULL before start and after stop */
    struct srv_post start_post;
    struct srv_post stop_post;
    struct srv_timer reopen;
    bool has_advertised;
    bool full; /* the door is shut, and that was said */
    int fd;
    struct srv_endpoint endpoint;
    struct srv_endpoint advertised;
    char address[320]; /* as bound */
    _Atomic int64_t connections;
};

static int bind_to(struct srv_listener *listener,
                   const char *host,
                   const char *port,
                   struct leat_error **reterr);
static int bind_one(const struct addrinfo *info, int *ret_fd);
static void on_start(struct srv_post *post);
static void on_stop(struct srv_post *post);
static void on_acceptable(int fd, short what, void *arg);
static void welcome(struct srv_listener *listener, int fd, const struct sockaddr_storage *peer);
static bool is_full(struct srv_listener *listener, int fd);
static void shut(struct srv_listener *listener, const char *event, const char *why);
static void on_reopen(struct srv_timer *timer);
static struct srv_loop *emptiest(const struct srv_server *server);
static void
describe(const struct sockaddr_storage *address, char *host, size_t size, int32_t *ret_port);

int srv_listener_open(struct srv_server *server,
                      const struct srv_endpoint *endpoint,
                      const struct srv_endpoint *advertised,
                      struct srv_listener **ret_listener,
                      struct leat_error **reterr)
{
    struct srv_listener *listener = lt_calloc(1, sizeof(*listener));
    char port[16];
    int err;

    if (listener == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "no memory for a listener");
    }
    listener->server = server;
    listener->fd = -1;
    listener->endpoint = *endpoint;
    listener->start_post.run = on_start;
    listener->stop_post.run = on_stop;
    srv_timer_init(&listener->reopen, on_reopen);
    if (advertised != NULL) {
        listener->advertised = *advertised;
        listener->has_advertised = true;
    }
    (void)snprintf(port, sizeof(port), "%d", endpoint->port);
    if (endpoint->host[0] != '\0') {
        err = bind_to(listener, endpoint->host, port, reterr);
    } else {
        err = bind_to(listener, "::", port, NULL);
        if (err != 0) { /* no IPv6 on this machine */
            err = bind_to(listener, "0.0.0.0", port, reterr);
        }
    }
    if (err != 0) {
        srv_listener_free(listener);
        return err;
    }
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof(bound);
    char host[INET6_ADDRSTRLEN];
    int32_t number = 0;
    if (getsockname(listener->fd, (struct sockaddr *)&bound, &size) != 0) {
        err = lt_error_set_errno(reterr, LEAT_EIO, errno, "getsockname");
        srv_listener_free(listener);
        return err;
    }
    describe(&bound, host, sizeof(host), &number);
    (void)snprintf(listener->address, sizeof(listener->address),
                   strchr(host, ':') == NULL ? "%s:%d" : "[%s]:%d", host, number);
    *ret_listener = listener;
    return 0;
}

static int bind_to(struct srv_listener *listener,
                   const char *host,
                   const char *port,
                   struct leat_error **reterr)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int problem = getaddrinfo(host, port, &hints, &found);

    if (problem != 0) {
        return lt_error_set(reterr, LEAT_EIO, "listeners: %s://%s:%s: %s", listener->endpoint.name,
                            host, port, gai_strerror(problem));
    }
    int err = LEAT_EIO;
    for (const struct addrinfo *info = found; info != NULL && err != 0; info = info->ai_next) {
        err = bind_one(info, &listener->fd);
    }
    int saved = errno;
    freeaddrinfo(found);
    if (err != 0) {
        (void)lt_error_set_errno(reterr, err, saved, "listeners: cannot listen on %s://%s:%s",
                                 listener->endpoint.name, host, port); /* err is what counts */
        return saved != EADDRINUSE
                   ? err
                   : lt_error_set(
                         reterr, err,
                         "listeners: cannot listen on %s://%s:%s: the port is in "
                         "use; stop the other program, or name another port in 'listeners'",
                         listener->endpoint.name, host, port);
    }
    return 0;
}

static int bind_one(const struct addrinfo *info, int *ret_fd)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, off = 0;

    if (fd < 0) {
        return LEAT_EIO;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
                     sizeof(on)); /* a restart then has to wait */
    if (info->ai_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
                         sizeof(off)); /* the system's default holds */
    }
    if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int saved = errno;
        (void)lt_os_close(fd); /* the first error counts */
        errno = saved;
        return LEAT_EIO;
    }
    *ret_fd = fd;
    return 0;
}

void srv_listener_start(struct srv_listener *listener)
{
    srv_loop_post(listener->server->loops[0], &listener->start_post);
}

void srv_listener_stop(struct srv_listener *listener)
{
    srv_loop_post(listener->server->loops[0], &listener->stop_post);
}

void srv_listener_free(struct srv_listener *listener)
{
    if (listener == NULL) {
        return;
    }
    if (listener->event != NULL) {
        event_free(listener->event);
    }
    if (listener->fd >= 0) {
        (void)lt_os_close(listener->fd); /* nothing was written to it */
    }
    lt_free(listener);
}

const char *srv_listener_address(const struct srv_listener *listener)
{
    return listener->address;
}

const char *srv_listener_local_host(const struct srv_listener *listener,
                                    int fd,
                                    struct lt_arena *arena,
                                    int32_t *ret_port)
{
    struct sockaddr_storage local = {0};
    socklen_t size = sizeof(local);
    char host[INET6_ADDRSTRLEN] = "127.0.0.1";

    if (listener->has_advertised) {
        *ret_port = listener->advertised.port;
        return listener->advertised.host;
    }
    /* A connected socket has a name; if not, the loopback address is a last resort. */
    (void)getsockname(fd, (struct sockaddr *)&local, &size);
    *ret_port = listener->endpoint.port;
    describe(&local, host, sizeof(host), ret_port);
    return lt_arena_strdup(arena, host);
}

static void on_start(struct srv_post *post)
{
    struct srv_listener *listener = SRV_CONTAINER(struct srv_listener, start_post, post);
    struct srv_loop *loop = listener->server->loops[0];

    listener->event =
        event_new(loop->base, listener->fd, EV_READ | EV_PERSIST, on_acceptable, listener);
    if (listener->event == NULL || event_add(listener->event, NULL) != 0) {
        lt_diag(LT_ERROR, "listener", "listener_failed", "no memory; nobody can connect here",
                LT_FIELD_TEXT("address", listener->address));
    }
}

static void on_stop(struct srv_post *post)
{
    struct srv_listener *listener = SRV_CONTAINER(struct srv_listener, stop_post, post);

    srv_loop_timer_unset(listener->server->loops[0], &listener->reopen);
    if (listener->event != NULL) {
        event_free(listener->event);
        listener->event = NULL;
    }
    (void)lt_os_close(
        listener->fd); /* refuses who comes now, instead of letting them wait in the backlog */
    listener->fd = -1;
}

static void on_acceptable(int fd, short what, void *arg)
{
    struct srv_listener *listener = arg;

    (void)what;
    srv_loop_awake(listener->server->loops[0]);
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage peer;
        socklen_t size = sizeof(peer);
        memset(&peer, 0, sizeof(peer));
        int accepted = accept4(fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                shut(listener, "accept_failed",
                     "no descriptors or memory left; nobody is accepted for now");
            }
            return;
        }
        welcome(listener, accepted, &peer);
        srv_rate_count(&listener->server->arrivals);
        if (is_full(listener, accepted)) {
            return;
        }
        listener->full = false;
    }
}

static void welcome(struct srv_listener *listener, int fd, const struct sockaddr_storage *peer)
{
    struct srv_server *server = listener->server;
    const struct srv_settings *settings = srv_config_settings(server->config);
    int on = 1;
    int err = srv_addresses_add(&server->addresses, peer, settings->max_connections_per_ip);

    srv_metrics_accepted(server->metrics);
    if (err != 0) {
        char host[INET6_ADDRSTRLEN];
        int32_t port = 0;
        describe(peer, host, sizeof(host), &port);
        lt_diag(LT_WARN, "listener", "too_many_connections_of_address",
                "max.connections.per.ip is reached; connection closed",
                LT_FIELD_TEXT("peer", host));
        (void)lt_os_close(fd);
        return;
    }
    /* Without these options the connection is slower, and works. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    if (settings->socket_send_buffer_bytes > 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &settings->socket_send_buffer_bytes,
                         sizeof(int));
    }
    if (settings->socket_receive_buffer_bytes > 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &settings->socket_receive_buffer_bytes,
                         sizeof(int));
    }
    if (srv_conn_new(emptiest(server), listener, fd, peer) != 0) {
        srv_addresses_remove(&server->addresses, peer);
        (void)lt_os_close(fd); /* the client will try again */
    }
}

/* Shut the door behind the one who just came in? */
static bool is_full(struct srv_listener *listener, int fd)
{
    struct srv_server *server = listener->server;
    const struct srv_settings *settings = srv_config_settings(server->config);
    struct rlimit limit;

    if (atomic_load(&server->connections) >= settings->max_connections) {
        shut(listener, "too_many_connections",
             "max.connections is reached; others wait until somebody leaves");
        return true;
    }
    if (!srv_rate_has_room(&server->arrivals, settings->max_connection_rate,
                           server->loops[0]->now_ns)) {
        shut(listener, "connections_too_fast",
             "max.connection.creation.rate is reached; others wait for their turn");
        return true;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        (rlim_t)fd >= limit.rlim_cur / 10 * 9) {
        shut(listener, "too_many_descriptors",
             "90 % of RLIMIT_NOFILE are in use; others wait until somebody leaves");
        return true;
    }
    return false;
}

static void shut(struct srv_listener *listener, const char *event, const char *why)
{
    struct srv_loop *loop = listener->server->loops[0];

    if (!listener->full) {
        lt_diag(LT_WARN, "listener", event, why, LT_FIELD_TEXT("address", listener->address));
        listener->full = true;
    }
    /* Without a timer the door would stay shut for good: then leave it open. */
    if (srv_loop_timer_set(loop, &listener->reopen, loop->now_ns + SHUT_NS) == 0) {
        (void)event_del(listener->event); /* it was added */
    }
}

static void on_reopen(struct srv_timer *timer)
{
    struct srv_listener *listener = SRV_CONTAINER(struct srv_listener, reopen, timer);
    struct srv_server *server = listener->server;
    struct srv_loop *loop = server->loops[0];
    const struct srv_settings *settings = srv_config_settings(server->config);
    struct rlimit limit;
    int probe = dup(loop->wake_fd); /* the lowest free number */
    bool room = probe >= 0 && atomic_load(&server->connections) < settings->max_connections &&
                srv_rate_has_room(&server->arrivals, settings->max_connection_rate, loop->now_ns);

    if (probe >= 0) {
        room = room && (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
                        (rlim_t)probe < limit.rlim_cur / 10 * 9);
        (void)lt_os_close(probe); /* another name of the same eventfd */
    }
    if (!room) {
        if (srv_loop_timer_set(loop, timer, loop->now_ns + SHUT_NS) == 0) {
            return;
        }
    }
    (void)event_add(listener->event, NULL); /* it was added before, so its memory is there */
}

static struct srv_loop *emptiest(const struct srv_server *server)
{
    struct srv_loop *best = server->loops[0];

    for (size_t i = 1; i < server->loop_count; i++) {
        if (atomic_load(&server->loops[i]->conn_count) < atomic_load(&best->conn_count)) {
            best = server->loops[i];
        }
    }
    return best;
}

/* Numeric host and port; IPv4 in IPv6 form as IPv4. Other families leave the arguments as they are. */
static void
describe(const struct sockaddr_storage *address, char *host, size_t size, int32_t *ret_port)
{
    if (address->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        (void)inet_ntop(AF_INET, &in.sin_addr, host, (socklen_t)size); /* room for every address */
        *ret_port = ntohs(in.sin_port);
    } else if (address->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof(in6));
        if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
            (void)inet_ntop(AF_INET, &in6.sin6_addr.s6_addr[12], host, (socklen_t)size);
        } else {
            (void)inet_ntop(AF_INET6, &in6.sin6_addr, host, (socklen_t)size);
        }
        *ret_port = ntohs(in6.sin6_port);
    }
}

const char *srv_listener_name(const struct srv_listener *listener)
{
    return listener->endpoint.name;
}

void srv_listener_count(struct srv_listener *listener, int change)
{
    (void)atomic_fetch_add_explicit(&listener->connections, change, memory_order_relaxed);
}

int64_t srv_listener_connections(const struct srv_listener *listener)
{
    return atomic_load_explicit(&listener->connections, memory_order_relaxed);
}
