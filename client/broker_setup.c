/* broker_setup.c: how a connection comes up: resolve the name, try each address, ask for the versions. See broker_conn.h.
 *
 * Names are resolved by evdns on the same loop, hosts file included, so that no thread and no wait is needed. All addresses are tried
 * in turn; the reasons of all are collected, so that the error tells the whole story. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>

#include "base/alloc.h"
#include "client/broker_conn_impl.h"
#include "proto/errors.h"
#include "proto/varint.h"

#define NS_PER_MS 1000000
#define API_VERSIONS_NEWEST 4

/* A question to evdns; outlives the broker when that goes first. */
struct lc_resolving {
    struct lc_broker *broker; /* NULL = nobody waits any more */
    struct evdns_getaddrinfo_request *request;
    bool asking; /* inside evdns_getaddrinfo */
};

struct lc_address_list {
    struct evutil_addrinfo *all;
    struct evutil_addrinfo *next; /* not yet tried */
    char current[80];             /* the one being tried, as text */
};

static void resolve(struct lc_broker *broker);
static void try_next_address(struct lc_broker *broker);
static void send_api_versions(struct lc_broker *broker, int16_t version);

bool lc_broker_connect(struct lc_broker *broker)
{
    struct leat_client *client = broker->client;
    int64_t now = lt_clock_mono_ns(client->clock);

    if (broker->state == LC_BROKER_IDLE && broker->retry_at <= now) {
        broker->setup_deadline =
            now + lc_conf_number(client->conf, LC_CONF_SETUP_TIMEOUT_MS) * NS_PER_MS;
        broker->tried.size = 0;
        broker->state = LC_BROKER_RESOLVING;
        lc_log(client, LEAT_LOG_INFO, "%s:%d: connecting", broker->host, (int)broker->port);
        resolve(broker);
        lc_client_again(client);
    }
    return broker->state == LC_BROKER_UP;
}

void lc_broker_stop_setup(struct lc_broker *broker)
{
    if (broker->resolving != NULL) {
        struct lc_resolving *resolving = broker->resolving;

        broker->resolving = NULL;
        resolving->broker = NULL;
        if (!resolving->asking && resolving->request != NULL) {
            evdns_getaddrinfo_cancel(resolving->request);
        }
    }
    if (broker->addresses != NULL) {
        evutil_freeaddrinfo(broker->addresses->all);
        lt_free(broker->addresses);
        broker->addresses = NULL;
    }
}

/* One more reason why an attempt has not worked. */
static void add_reason(struct lc_broker *broker, const char *what, const char *reason)
{
    /* A reason that memory has no room for is left out; the error itself stays. */
    (void)lt_buf_printf(&broker->tried, "%s%s: %s", broker->tried.size == 0 ? "" : "; ", what,
                        reason);
}

static void give_up(struct lc_broker *broker)
{
    struct lt_buf text = broker->tried;
    const char *message = lt_buf_text(&text);

    broker->tried = (struct lt_buf){0};
    lc_broker_close(broker, LEAT_EUNREACHABLE,
                    message == NULL || *message == '\0' ? "no address" : message);
    lt_buf_release(&text);
}

static void on_resolved(int result, struct evutil_addrinfo *found, void *arg)
{
    struct lc_resolving *resolving = arg;
    struct lc_broker *broker = resolving->broker;
    struct leat_client *client;

    resolving->request = NULL;
    if (broker == NULL) {
        if (found != NULL) {
            evutil_freeaddrinfo(found);
        }
        if (!resolving->asking) {
            lt_free(resolving);
        }
        return;
    }
    client = broker->client;
    lc_client_enter(client);
    broker->resolving = NULL;
    resolving->broker = NULL;
    if (!resolving->asking) {
        lt_free(resolving);
    }
    if (result == 0 && found != NULL) {
        broker->addresses = lt_calloc(1, sizeof(*broker->addresses));
    }
    if (result != 0 || found == NULL) {
        add_reason(broker, "name not resolved",
                   result == 0 ? "no address" : evutil_gai_strerror(result));
        give_up(broker);
    } else if (broker->addresses == NULL) {
        evutil_freeaddrinfo(found);
        lc_broker_close(broker, LEAT_ENOMEM, "out of memory");
    } else {
        broker->addresses->all = found;
        broker->addresses->next = found;
        try_next_address(broker);
    }
    lc_client_turn(client);
    lc_client_leave(client);
}

/* The client's resolver; NULL when memory is short. */
static struct evdns_base *resolver(struct leat_client *client)
{
    if (client->dns == NULL) {
        client->dns = evdns_base_new(client->base, EVDNS_BASE_INITIALIZE_NAMESERVERS |
                                                       EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    }
    if (client->dns == NULL) {
        /* No usable resolv.conf: the hosts file and numbers still work. */
        client->dns = evdns_base_new(client->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
        if (client->dns != NULL) {
            (void)evdns_base_load_hosts(client->dns, "/etc/hosts"); /* "localhost" is built in */
        }
    }
    return client->dns;
}

/* Without one libevent complains on stderr, and nothing could be connected either. */
static bool has_descriptor(struct lc_broker *broker)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    char reason[96];

    if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
        add_reason(broker, "no descriptor", strerror_r(errno, reason, sizeof(reason)));
        return false;
    }
    if (fd >= 0) {
        (void)close(fd); /* nothing was connected */
    }
    return true;
}

static void resolve(struct lc_broker *broker)
{
    const struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC,
                                          .ai_socktype = SOCK_STREAM,
                                          .ai_protocol = IPPROTO_TCP,
                                          .ai_flags = EVUTIL_AI_ADDRCONFIG};
    struct evdns_base *dns = resolver(broker->client);
    struct lc_resolving *resolving = lt_calloc(1, sizeof(*resolving));
    struct evdns_getaddrinfo_request *request;
    char port[8];

    if (dns == NULL || resolving == NULL) {
        lt_free(resolving);
        lc_broker_close(broker, LEAT_ENOMEM, "out of memory");
        return;
    }
    if (!has_descriptor(broker)) {
        lt_free(resolving);
        give_up(broker);
        return;
    }
    (void)snprintf(port, sizeof(port), "%d", (int)broker->port);
    broker->resolving = resolving;
    resolving->broker = broker;
    resolving->asking = true;
    request = evdns_getaddrinfo(dns, broker->host, port, &hints, on_resolved, resolving);
    resolving->asking = false;
    if (request != NULL) {
        resolving->request = request;
    } else {
        lt_free(resolving); /* answered already, from inside the call */
    }
}

static void describe_address(const struct evutil_addrinfo *address, char *text, size_t size)
{
    char number[64] = "?";
    uint16_t port = 0;

    if (address->ai_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, address->ai_addr, sizeof(in));
        (void)evutil_inet_ntop(AF_INET, &in.sin_addr, number, sizeof(number));
        port = ntohs(in.sin_port);
    } else if (address->ai_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, address->ai_addr, sizeof(in6));
        (void)evutil_inet_ntop(AF_INET6, &in6.sin6_addr, number, sizeof(number));
        port = ntohs(in6.sin6_port);
    }
    (void)snprintf(text, size, address->ai_family == AF_INET6 ? "[%s]:%u" : "%s:%u", number, port);
}

/* Begin to connect to one address. Returns 0 or an errno value. */
static int start_connect(struct lc_broker *broker, const struct evutil_addrinfo *address)
{
    int on = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

    if (fd < 0) {
        return errno;
    }
    /* Small requests go at once; a socket that refuses the option still works. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    if (connect(fd, address->ai_addr, address->ai_addrlen) < 0 && errno != EINPROGRESS) {
        int errnum = errno;

        (void)close(fd);
        return errnum;
    }
    if (lc_broker_watch(broker, fd) < 0) {
        (void)close(fd);
        return ENOMEM;
    }
    return 0;
}

static void try_next_address(struct lc_broker *broker)
{
    struct lc_address_list *list = broker->addresses;
    char reason[96];

    while (list->next != NULL) {
        const struct evutil_addrinfo *address = list->next;
        int errnum;

        list->next = address->ai_next;
        describe_address(address, list->current, sizeof(list->current));
        errnum = start_connect(broker, address);
        if (errnum == 0) {
            broker->state = LC_BROKER_CONNECTING;
            return;
        }
        add_reason(broker, list->current, strerror_r(errnum, reason, sizeof(reason)));
    }
    give_up(broker);
}

void lc_broker_on_connect(struct lc_broker *broker)
{
    int errnum = 0;
    socklen_t size = sizeof(errnum);
    char reason[96];

    if (getsockopt(broker->fd, SOL_SOCKET, SO_ERROR, &errnum, &size) < 0) {
        errnum = errno;
    }
    if (errnum == 0) {
        lc_broker_handshake(broker);
        return;
    }
    add_reason(broker, broker->addresses->current, strerror_r(errnum, reason, sizeof(reason)));
    event_free(broker->read_event);
    event_free(broker->write_event);
    broker->read_event = NULL;
    broker->write_event = NULL;
    (void)close(broker->fd);
    broker->fd = -1;
    try_next_address(broker);
}

/* ---- ApiVersions ---- */

void lc_broker_handshake(struct lc_broker *broker)
{
    lc_broker_stop_setup(broker);
    broker->state = LC_BROKER_HANDSHAKE;
    if (event_add(broker->read_event, NULL) < 0) {
        lc_broker_close(broker, LEAT_ENOMEM, "out of memory");
        return;
    }
    send_api_versions(broker, API_VERSIONS_NEWEST);
}

/* Is the set of versions enough to work with? */
static bool can_work(const struct lc_broker *broker)
{
    return lc_broker_version(broker, PROTO_API_METADATA, INT16_MAX) >= 1 &&
           lc_broker_version(broker, PROTO_API_PRODUCE, INT16_MAX) >= 3 &&
           lc_broker_version(broker, PROTO_API_FETCH, INT16_MAX) >= 4 &&
           lc_broker_version(broker, PROTO_API_LIST_OFFSETS, INT16_MAX) >= 1;
}

static void take_versions(struct lc_broker *broker,
                          const struct proto_api_versions_response *answer)
{
    for (int i = 0; i <= LC_API_KEY_MAX; i++) {
        broker->versions[i] = (struct lc_version_range){.min = 1, .max = 0};
    }
    for (int32_t i = 0; i < answer->api_keys_count; i++) {
        const struct proto_api_versions_response_api_version *row = &answer->api_keys[i];

        if (row->api_key >= 0 && row->api_key <= LC_API_KEY_MAX) {
            broker->versions[row->api_key] =
                (struct lc_version_range){.min = row->min_version, .max = row->max_version};
        }
    }
    if (!can_work(broker)) {
        lc_broker_close(
            broker, LEAT_EUNSUPPORTED,
            "the broker's protocol versions and this library's do not overlap (leat, or "
            "Kafka 2.1 and later, is needed)");
        return;
    }
    broker->state = LC_BROKER_UP;
    lc_stat_add(&broker->client->stats, LC_STAT_CONNECTIONS_MADE, 1);
    lc_stat_add(&broker->client->stats, LC_STAT_CONNECTIONS_OPEN, 1);
    broker->backoff_ms = lc_conf_number(broker->client->conf, LC_CONF_RECONNECT_BACKOFF_MS);
    lc_log(broker->client, LEAT_LOG_INFO, "%s:%d: connected", broker->host, (int)broker->port);
}

/* The version to try next after "unsupported version"; -1 if there is none. */
static int16_t older_version(const struct proto_api_versions_response *answer, int16_t tried)
{
    for (int32_t i = 0; i < answer->api_keys_count; i++) {
        if (answer->api_keys[i].api_key == PROTO_API_API_VERSIONS &&
            answer->api_keys[i].max_version < tried && answer->api_keys[i].max_version >= 0) {
            return answer->api_keys[i].max_version;
        }
    }
    return tried > 0 ? 0 : -1;
}

static void on_versions(struct leat_client *client, const struct lc_answer *answer, void *arg)
{
    struct lc_broker *broker = arg;
    struct proto_api_versions_response response;
    struct proto_reader reader;
    struct lt_arena arena;
    int16_t version = answer->version;
    int err;

    (void)client;
    if (answer->err < 0) {
        return; /* the connection is closed already */
    }
    lt_arena_init(&arena, 0);
    reader = *answer->reader;
    /* The error stands in the first two bytes of every version; with it the rest is version 0. */
    if (proto_reader_remaining(&reader) >= 2 &&
        proto_load_i16(reader.next) == PROTO_ERROR_UNSUPPORTED_VERSION) {
        version = 0;
    }
    err = proto_api_versions_response_decode(&reader, version, &arena, &response);
    if (err < 0) {
        lc_broker_close(broker, LEAT_EPROTOCOL, "the answer to ApiVersions is malformed");
    } else if (response.error_code == PROTO_ERROR_NONE) {
        take_versions(broker, &response);
    } else if (response.error_code == PROTO_ERROR_UNSUPPORTED_VERSION &&
               older_version(&response, answer->version) >= 0) {
        send_api_versions(broker, older_version(&response, answer->version));
    } else {
        lc_broker_close(broker, LEAT_BROKER_ERROR(response.error_code),
                        leat_strerror(LEAT_BROKER_ERROR(response.error_code)));
    }
    lt_arena_release(&arena);
}

static void send_api_versions(struct lc_broker *broker, int16_t version)
{
    struct proto_api_versions_request request;
    int64_t timeout_ms = lc_conf_number(broker->client->conf, LC_CONF_REQUEST_TIMEOUT_MS);

    proto_api_versions_request_init(&request);
    request.client_software_name = lt_slice_text("libleat");
    request.client_software_version = lt_slice_text(leat_version());
    if (lc_broker_queue(broker, PROTO_API_API_VERSIONS, version, &request, timeout_ms, 0,
                        on_versions, broker) < 0) {
        lc_broker_close(broker, LEAT_ENOMEM, "out of memory");
    }
    /* The write event is on since the connect: it sends. */
}
