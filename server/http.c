/* http.c: evhttp on its own thread: routes, and nothing else. See http.h. */
#include "server/http.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/os.h"
#include "server/config.h"
#include "server/health.h"
#include "server/metrics.h"
#include "server/server.h"

#define LISTENERS_MAX 16
#define HEADERS_SIZE_MAX 16384
#define BODY_SIZE_MAX 4096
#define TIMEOUT_S 10
#define NAMES_MAX 64 /* ?name[]= in one scrape */

struct srv_http {
    struct srv_server *server;
    struct srv_health *health;
    struct event_base *base;
    struct evhttp *evhttp;
    struct event *stop_event;
    int stop_fd;
    pthread_t thread;
    char addresses[LISTENERS_MAX][300];
    size_t address_count;
};

static int listen_all(struct srv_http *http, const char *list, struct leat_error **reterr);
static void serve(struct evhttp_request *request, void *arg);
static void *http_main(void *arg);

/* ---- start and stop ---- */

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    struct srv_http *http = arg;
    (void)fd;
    (void)what;
    (void)event_base_loopbreak(http->base); /* on its own thread: cannot fail */
}

static void http_free(struct srv_http *http)
{
    if (http->evhttp != NULL) {
        evhttp_free(http->evhttp);
    }
    if (http->stop_event != NULL) {
        event_free(http->stop_event);
    }
    if (http->base != NULL) {
        event_base_free(http->base);
    }
    if (http->stop_fd >= 0) {
        (void)lt_os_close(http->stop_fd); /* nothing is written to it */
    }
    srv_health_free(http->health);
    lt_free(http);
}

static int set_up(struct srv_http *http, struct leat_error **reterr)
{
    int err = srv_health_new(http->server, &http->health);
    http->base = err == 0 ? event_base_new() : NULL;
    http->evhttp = http->base == NULL ? NULL : evhttp_new(http->base);
    http->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (http->evhttp == NULL || http->stop_fd < 0) {
        return lt_error_set(reterr, LEAT_ENOMEM, "HTTP: cannot set up an event base");
    }
    http->stop_event = event_new(http->base, http->stop_fd, EV_READ, on_stop, http);
    if (http->stop_event == NULL || event_add(http->stop_event, NULL) != 0) {
        return lt_error_set(reterr, LEAT_ENOMEM, "HTTP: %s", lt_err_text(LEAT_ENOMEM));
    }
    evhttp_set_max_headers_size(http->evhttp, HEADERS_SIZE_MAX);
    evhttp_set_max_body_size(http->evhttp, BODY_SIZE_MAX);
    evhttp_set_timeout(http->evhttp, TIMEOUT_S);
    evhttp_set_allowed_methods(http->evhttp, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_gencb(http->evhttp, serve, http);
    return 0;
}

int srv_http_start(struct srv_server *server,
                   struct srv_http **ret_http,
                   struct leat_error **reterr)
{
    const char *list = srv_config_settings(server->config)->http_listeners;
    *ret_http = NULL;
    if (*list == '\0') {
        return 0;
    }
    struct srv_http *http = lt_calloc(1, sizeof(*http));
    if (http == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "HTTP: %s", lt_err_text(LEAT_ENOMEM));
    }
    http->server = server;
    http->stop_fd = -1;
    int err = set_up(http, reterr);
    if (err == 0) {
        err = listen_all(http, list, reterr);
    }
    int rc = err == 0 ? pthread_create(&http->thread, NULL, http_main, http) : 0;
    if (rc != 0) {
        err = lt_error_set_errno(reterr, lt_err_from_errno(rc), rc, "HTTP thread");
    }
    if (err != 0) {
        http_free(http);
        return err;
    }
    *ret_http = http;
    return 0;
}

void srv_http_stop(struct srv_http *http)
{
    if (http == NULL) {
        return;
    }
    uint64_t one = 1;
    (void)lt_os_write(http->stop_fd, &one, sizeof(one)); /* an eventfd with room takes it */
    (void)pthread_join(http->thread, NULL);
    http_free(http);
}

size_t srv_http_addresses(const struct srv_http *http, const char **ret_addresses, size_t count_max)
{
    size_t count = http == NULL ? 0 : http->address_count;
    for (size_t i = 0; i < count && i < count_max; i++) {
        ret_addresses[i] = http->addresses[i];
    }
    return count;
}

static void *http_main(void *arg)
{
    struct srv_http *http = arg;
    (void)pthread_setname_np(pthread_self(), "leat-http"); /* only a name */
    (void)event_base_dispatch(http->base);                 /* ends by on_stop */
    return NULL;
}

/* ---- listening ---- */

/* A socket bound to the endpoint and listening, or -1 with errno set. */
static int bind_one(const struct addrinfo *at)
{
    int one = 1;
    int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol);
    if (fd < 0) {
        return -1;
    }
    bool fine = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0;
    if (fine && at->ai_family == AF_INET6) {
        int only = 0; /* "" as host: IPv4 too */
        fine = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) == 0;
    }
    if (!fine || bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, 128) != 0) {
        int errnum = errno;
        (void)close(fd); /* the first error is the one to report */
        errno = errnum;
        return -1;
    }
    return fd;
}

static void note_address(struct srv_http *http, int fd)
{
    struct sockaddr_storage bound;
    socklen_t size = sizeof(bound);
    char host[64] = "?";
    char port[16] = "?";
    if (getsockname(fd, (struct sockaddr *)&bound, &size) == 0) {
        (void)getnameinfo((struct sockaddr *)&bound, size, host, sizeof(host), port, sizeof(port),
                          NI_NUMERICHOST | NI_NUMERICSERV);
    }
    bool six = strchr(host, ':') != NULL;
    (void)snprintf(http->addresses[http->address_count++], sizeof(http->addresses[0]), "%s%s%s:%s",
                   six ? "[" : "", host, six ? "]" : "", port);
}

static int
listen_one(struct srv_http *http, const struct srv_endpoint *endpoint, struct leat_error **reterr)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    char port[16];
    (void)snprintf(port, sizeof(port), "%d", endpoint->port);
    int rc = getaddrinfo(endpoint->host[0] == '\0' ? NULL : endpoint->host, port, &hints, &found);
    if (rc != 0) {
        return lt_error_set(reterr, LEAT_EIO, "http.listeners: %s: %s", endpoint->host,
                            gai_strerror(rc));
    }
    int fd = -1;
    /* All addresses: the IPv6 one takes IPv4 too, so it is tried first. */
    for (int pass = endpoint->host[0] == '\0' ? 0 : 1; fd < 0 && pass < 2; pass++) {
        for (const struct addrinfo *at = found; fd < 0 && at != NULL; at = at->ai_next) {
            fd = pass == 1 || at->ai_family == AF_INET6 ? bind_one(at) : -1;
        }
    }
    int errnum = errno;
    freeaddrinfo(found);
    if (fd < 0) {
        return lt_error_set_errno(reterr, LEAT_EIO, errnum,
                                  "http.listeners: cannot listen on %s:%d", endpoint->host,
                                  endpoint->port);
    }
    if (evhttp_accept_socket_with_handle(http->evhttp, fd) == NULL) {
        (void)close(fd); /* not evhttp's */
        return lt_error_set(reterr, LEAT_ENOMEM, "HTTP: %s", lt_err_text(LEAT_ENOMEM));
    }
    note_address(http, fd);
    return 0;
}

static int listen_all(struct srv_http *http, const char *list, struct leat_error **reterr)
{
    bool any_port = srv_config_any_port(http->server->config, "http.listeners");
    struct srv_endpoint endpoint;
    int found;
    while ((found = srv_endpoint_next(&list, &endpoint)) != 0) {
        if (found < 0 || http->address_count == LISTENERS_MAX) {
            return lt_error_set(reterr, LEAT_ECONFIG,
                                "http.listeners: not a list of at most %d http://HOST:PORT",
                                LISTENERS_MAX);
        }
        int err = listen_one(http, &endpoint, any_port ? NULL : reterr);
        if (err != 0 && any_port) {
            endpoint.port = 0;
            err = listen_one(http, &endpoint, reterr);
        }
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

/* ---- answers ---- */

static void answer(struct evhttp_request *request, int status, const char *type, struct lt_buf *buf)
{
    struct evbuffer *body = evbuffer_new();
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    bool made = body != NULL && evbuffer_add(body, buf->data, buf->size) == 0 &&
                evhttp_add_header(headers, "Content-Type", type) == 0 &&
                evhttp_add_header(headers, "Cache-Control", "no-store") == 0;
    if (made) {
        evhttp_send_reply(request, status, NULL, body);
    } else {
        evhttp_send_error(request, HTTP_INTERNAL, NULL);
    }
    if (body != NULL) {
        evbuffer_free(body);
    }
}

static void
serve_metrics(struct srv_http *http, struct evhttp_request *request, struct evkeyvalq *query)
{
    const char *names[NAMES_MAX + 1] = {NULL};
    size_t count = 0;
    struct srv_metrics_filter filter = {.topic = evhttp_find_header(query, "topic")};
    for (const struct evkeyval *pair = query->tqh_first; pair != NULL; pair = pair->next.tqe_next) {
        if (strcmp(pair->key, "name[]") == 0 && count < NAMES_MAX) {
            names[count++] = pair->value;
        }
    }
    filter.names = count == 0 ? NULL : names;
    struct lt_buf buf = {0};
    if (srv_metrics_text(http->server, &filter, &buf) == 0) {
        answer(request, HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &buf);
    } else {
        evhttp_send_error(request, HTTP_SERVUNAVAIL, NULL);
    }
    lt_buf_release(&buf);
}

static void
serve_health(struct srv_http *http, struct evhttp_request *request, bool verbose, bool ready)
{
    bool ok = false;
    struct lt_buf buf = {0};
    int err = ready ? srv_health_ready(http->health, verbose, &buf, &ok)
                    : srv_health_live(http->health, verbose, &buf, &ok);
    if (err == 0) {
        answer(request, ok ? HTTP_OK : HTTP_SERVUNAVAIL, "application/json", &buf);
    } else {
        evhttp_send_error(request, HTTP_SERVUNAVAIL, NULL);
    }
    lt_buf_release(&buf);
}

static bool is_one_of(const char *path, const char *const *paths)
{
    while (*paths != NULL && strcmp(path, *paths) != 0) {
        paths++;
    }
    return *paths != NULL;
}

static void serve(struct evhttp_request *request, void *arg)
{
    static const char *const live[] = {"/livez", "/healthy", NULL};
    static const char *const ready[] = {"/readyz", "/ready", "/status/ready", NULL};
    struct srv_http *http = arg;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);
    const char *query_text = uri == NULL ? NULL : evhttp_uri_get_query(uri);
    struct evkeyvalq query = {0};
    TAILQ_INIT(&query);
    bool parsed = query_text == NULL || evhttp_parse_query_str(query_text, &query) == 0;
    bool verbose = query_text != NULL &&
                   strncmp(query_text, "verbose", 7) == 0; /* may stand without a value */
    if (path == NULL || (!parsed && !verbose)) {
        evhttp_send_error(request, HTTP_BADREQUEST, NULL);
    } else if (strcmp(path, "/metrics") == 0) {
        serve_metrics(http, request, &query);
    } else if (is_one_of(path, live)) {
        serve_health(http, request, verbose, false);
    } else if (is_one_of(path, ready)) {
        serve_health(http, request, verbose, true);
    } else {
        evhttp_send_error(request, HTTP_NOTFOUND, NULL);
    }
    evhttp_clear_headers(&query);
}
