/* conn.c: the way in. on_readable is a flat list: fill, split into frames, make requests, advance. The way out is
 * conn_output.c, the ends (timers, closing) are at the bottom of this file.
 *
 * What goes wrong: no memory, a refused frame, an error of the socket all close the connection, and only it. */
#include "server/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/os.h"
#include "proto/frame.h"
#include "proto/messages.h"
#include "server/config.h"
#include "server/conn_output.h"
#include "server/listener.h"
#include "server/metrics.h"
#include "server/server.h"

#define READS_PER_TURN 4
#define SLOW_FRAME_NS (30LL * 1000000000)
#define SLOW_MIB_NS 1000000000LL

static void on_arrival(struct srv_post *post);
static void on_readable(int fd, short what, void *arg);
static bool fill(struct srv_conn *conn, size_t *ret_rest, bool *ret_drained);
static void split(struct srv_conn *conn, uint8_t *bytes, size_t size);
static size_t continue_prefix(struct srv_conn *conn, const uint8_t *bytes, size_t size);
static void
begin_frame(struct srv_conn *conn, size_t frame_size, const uint8_t *bytes, size_t size);
static void end_frame(struct srv_conn *conn);
static void take_frame(struct srv_conn *conn, uint8_t *frame, size_t size);
static void add_request(struct srv_conn *conn, struct srv_request *req);
static void refuse(struct srv_conn *conn, int err, const uint8_t *bytes, size_t size);
static void limit_waiting(struct srv_conn *conn);
static void pause_reading(struct srv_conn *conn, unsigned why);
static void unpause(struct srv_conn *conn, unsigned why);
static void on_timer(struct srv_timer *timer);
static int64_t deadline(const struct srv_conn *conn, const char **ret_why);
static void arm(struct srv_conn *conn);

static const struct srv_settings *settings(const struct srv_conn *conn)
{
    return srv_config_settings(conn->loop->server->config);
}

int srv_conn_new(struct srv_loop *loop,
                 struct srv_listener *listener,
                 int fd,
                 const struct sockaddr_storage *peer)
{
    struct srv_conn *conn = lt_calloc(1, sizeof(*conn));

    if (conn == NULL) {
        return LEAT_ENOMEM;
    }
    conn->loop = loop;
    conn->listener = listener;
    conn->fd = fd;
    conn->peer = *peer;
    conn->arrival.run = on_arrival;
    TAILQ_INIT(&conn->requests);
    srv_timer_init(&conn->timer, on_timer);
    atomic_fetch_add(&loop->server->connections, 1);
    atomic_fetch_add(&loop->conn_count, 1);
    srv_listener_count(listener, 1);
    srv_loop_post(loop, &conn->arrival);
    return 0;
}

static void on_arrival(struct srv_post *post)
{
    struct srv_conn *conn = SRV_CONTAINER(struct srv_conn, arrival, post);
    struct srv_loop *loop = conn->loop;

    conn->active_ns = loop->now_ns;
    TAILQ_INSERT_TAIL(&loop->conns, conn, in_loop);
    conn->read_event = event_new(loop->base, conn->fd, EV_READ | EV_PERSIST, on_readable, conn);
    if (conn->read_event == NULL || srv_conn_output_init(conn) != 0 || loop->draining ||
        loop->stopping) {
        srv_conn_close(conn);
        return;
    }
    unpause(conn, 0); /* begins to read */
    arm(conn);
}

static void on_readable(int fd, short what, void *arg)
{
    struct srv_conn *conn = arg;

    (void)fd;
    (void)what;
    srv_loop_awake(conn->loop);
    for (int i = 0; i < READS_PER_TURN && !conn->is_closed && conn->paused == 0; i++) {
        size_t rest = 0;
        bool drained = true;
        /* A frame that was let in is read to its end whatever the budget says: it may be larger than all of it. */
        if (conn->frame == NULL && !srv_budget_has_room(&conn->loop->server->request_budget)) {
            pause_reading(conn, SRV_PAUSE_BUDGET);
            return;
        }
        if (!fill(conn, &rest, &drained)) {
            return;
        }
        if (rest > 0) {
            split(conn, conn->loop->receive, rest);
        }
        if (drained) {
            return;
        }
    }
}

/* One recv: first what the incomplete frame still needs, straight into its own memory, then into the loop's buffer.
 *
 *   ret_rest     bytes in the loop's buffer
 *   ret_drained  the socket had no more
 *
 * False: nothing came, or the connection is closed. */
static bool fill(struct srv_conn *conn, size_t *ret_rest, bool *ret_drained)
{
    size_t wanted = conn->frame == NULL ? 0 : conn->frame_size - conn->frame_have;
    struct iovec parts[2] = {
        {.iov_base = wanted == 0 ? NULL : conn->frame + conn->frame_have, .iov_len = wanted},
        {.iov_base = conn->loop->receive, .iov_len = SRV_RECEIVE_BYTES},
    };
    ssize_t got = readv(conn->fd, wanted == 0 ? &parts[1] : parts, wanted == 0 ? 1 : 2);

    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (got <= 0) {
        /* The peer has left, or half of it: as in Kafka that ends the connection, what has been answered is sent. */
        srv_conn_output_send(conn);
        srv_conn_close(conn);
        return false;
    }
    size_t size = (size_t)got;
    conn->active_ns = conn->loop->now_ns;
    conn->bytes_in += size;
    *ret_drained = size < wanted + SRV_RECEIVE_BYTES;
    size_t direct = size < wanted ? size : wanted;
    *ret_rest = size - direct;
    conn->frame_have += direct;
    if (wanted > 0 && direct == wanted) {
        end_frame(conn);
    }
    return !conn->is_closed;
}

/* Cut what was received into frames. The bytes are the loop's and last for this call. */
static void split(struct srv_conn *conn, uint8_t *bytes, size_t size)
{
    size_t frame_max = (size_t)settings(conn)->socket_request_max_bytes;

    while (size > 0 && !conn->is_closed && (conn->paused & SRV_PAUSE_ENDING) == 0) {
        struct lt_slice frame = LT_SLICE_NULL;
        size_t need = 0;
        if (conn->prefix_have > 0) {
            size_t used = continue_prefix(conn, bytes, size);
            bytes += used;
            size -= used;
            continue;
        }
        int err = proto_frame_next(lt_slice(bytes, size), frame_max, &frame, &need);
        if (err == 0) {
            take_frame(conn, bytes + PROTO_FRAME_PREFIX, frame.size);
            bytes += need;
            size -= need;
            continue;
        }
        if (err != LEAT_EAGAIN) {
            refuse(conn, err, bytes, size);
            return;
        }
        conn->frame_started_ns = conn->loop->now_ns;
        if (size < PROTO_FRAME_PREFIX) {
            memcpy(conn->prefix, bytes, size);
            conn->prefix_have = (uint8_t)size;
            arm(conn);
            return;
        }
        begin_frame(conn, need - PROTO_FRAME_PREFIX, bytes + PROTO_FRAME_PREFIX,
                    size - PROTO_FRAME_PREFIX);
        return;
    }
}

/* The size itself came in pieces. Returns how many bytes were used. */
static size_t continue_prefix(struct srv_conn *conn, const uint8_t *bytes, size_t size)
{
    size_t missing = (size_t)PROTO_FRAME_PREFIX - conn->prefix_have;
    size_t used = size < missing ? size : missing;

    memcpy(conn->prefix + conn->prefix_have, bytes, used);
    conn->prefix_have = (uint8_t)(conn->prefix_have + used);
    if (conn->prefix_have < PROTO_FRAME_PREFIX) {
        return used;
    }
    struct lt_slice frame;
    size_t need = 0;
    int err = proto_frame_next(lt_slice(conn->prefix, sizeof(conn->prefix)),
                               (size_t)settings(conn)->socket_request_max_bytes, &frame, &need);
    if (err != LEAT_EAGAIN) {
        refuse(conn, err, conn->prefix, sizeof(conn->prefix));
        return used;
    }
    conn->prefix_have = 0;
    size_t frame_size = need - PROTO_FRAME_PREFIX;
    size_t here = size - used < frame_size ? size - used : frame_size;
    begin_frame(conn, frame_size, bytes + used, here);
    if (!conn->is_closed && conn->frame_have == conn->frame_size) {
        end_frame(conn);
    }
    return used + here;
}

/* A frame of which `size` bytes are here (perhaps all). Memory for it is asked of the budget; while that is used up, the
 * frame keeps what it has and the connection waits. */
static void begin_frame(struct srv_conn *conn, size_t frame_size, const uint8_t *bytes, size_t size)
{
    bool let_in = srv_budget_take(&conn->loop->server->request_budget, (int64_t)frame_size);

    conn->frame_size = frame_size;
    conn->frame_charged = let_in ? (int64_t)frame_size : 0;
    conn->frame_room = let_in ? frame_size : size;
    conn->frame = lt_malloc(conn->frame_room == 0 ? 1 : conn->frame_room);
    if (conn->frame == NULL) {
        srv_conn_close(conn);
        return;
    }
    memcpy(conn->frame, bytes, size);
    conn->frame_have = size;
    if (!let_in) {
        pause_reading(conn, SRV_PAUSE_BUDGET);
    }
    arm(conn);
}

/* The frame in the connection's own memory is whole: it goes to the request with its charge. */
static void end_frame(struct srv_conn *conn)
{
    struct srv_request *req = srv_request_new(conn, conn->frame, conn->frame_size, false, true);

    if (req == NULL) {
        srv_conn_close(conn);
        return;
    }
    req->internal.charged = conn->frame_charged;
    conn->waiting_bytes += (size_t)conn->frame_charged;
    conn->frame = NULL;
    conn->frame_charged = 0;
    conn->frame_size = 0;
    conn->frame_have = 0;
    add_request(conn, req);
}

/* A whole frame in the loop's buffer. A Produce that can start now works on the bytes where they stand, hot in cache: it
 * copies what it needs before it waits. Everything else is small, or has to wait, and gets a copy. */
static void take_frame(struct srv_conn *conn, uint8_t *frame, size_t size)
{
    bool starts_now = conn->next_start == NULL && srv_conn_may_start(conn);
    bool in_place = starts_now && size >= 2 && proto_load_u16(frame) == PROTO_API_PRODUCE;
    struct srv_request *req = srv_request_new(conn, frame, size, !in_place, false);

    if (req == NULL) {
        srv_conn_close(conn);
        return;
    }
    add_request(conn, req);
}

static void add_request(struct srv_conn *conn, struct srv_request *req)
{
    conn->seen_frame = true;
    TAILQ_INSERT_TAIL(&conn->requests, req, in_conn);
    if (conn->next_start == NULL) {
        conn->next_start = req;
    }
    srv_conn_advance(conn);
    if (conn->next_start != NULL) {
        srv_request_charge(
            TAILQ_LAST(&conn->requests, srv_request_list)); /* it is the one that has to wait */
        limit_waiting(conn);
    }
}

bool srv_conn_may_start(const struct srv_conn *conn)
{
    return conn->blockers == 0 && !conn->is_closed && (conn->paused & SRV_PAUSE_ENDING) == 0 &&
           srv_conn_output_has_room(conn);
}

void srv_conn_advance(struct srv_conn *conn)
{
    if (conn->advancing || conn->is_closed) {
        return;
    }
    conn->advancing = true;
    for (;;) {
        srv_conn_output_emit(conn);
        struct srv_request *req = conn->next_start;
        if (req == NULL || !srv_conn_may_start(conn)) {
            break;
        }
        conn->next_start = TAILQ_NEXT(req, in_conn);
        bool at_head = TAILQ_FIRST(&conn->requests) == req;
        srv_request_start(req);
        if (!at_head && !conn->is_closed) {
            srv_request_charge(req); /* its answer has to wait for others */
            if (req->internal.in_place) {
                srv_request_drop_frame(req); /* longer than the buffer lasts */
            }
        }
    }
    conn->advancing = false;
    if (conn->is_closed) {
        return;
    }
    limit_waiting(conn);
}

/* One frame, and leat.connection.max.bytes of further ones. */
static void limit_waiting(struct srv_conn *conn)
{
    struct srv_request *first = TAILQ_FIRST(&conn->requests);
    size_t further = conn->waiting_bytes - (first == NULL ? 0 : (size_t)first->internal.charged);

    if (further > (size_t)settings(conn)->connection_max_bytes) {
        pause_reading(conn, SRV_PAUSE_OWN);
    } else {
        unpause(conn, SRV_PAUSE_OWN);
    }
}

/* What came is not the protocol, or more than may come. */
static void refuse(struct srv_conn *conn, int err, const uint8_t *bytes, size_t size)
{
    char peer[SRV_PEER_TEXT];
    const char *guess = conn->seen_frame ? NULL : proto_frame_guess(lt_slice(bytes, size));
    int32_t claimed = size >= 4 ? (int32_t)proto_load_u32(bytes) : 0;

    srv_metrics_malformed(conn->loop->server->metrics);
    srv_conn_peer(conn, peer, sizeof(peer));
    if (guess != NULL) {
        char text[128];
        (void)snprintf(text, sizeof(text), "%s on a Kafka port; connection closed", guess);
        lt_diag(LT_WARN, "conn", "not_kafka", text, LT_FIELD_TEXT("peer", peer));
    } else if (err == LEAT_E2BIG) {
        lt_diag(LT_WARN, "conn", "frame_too_large",
                "request larger than socket.request.max.bytes; connection closed",
                LT_FIELD_TEXT("peer", peer), LT_FIELD_INT("size", claimed),
                LT_FIELD_INT("limit", settings(conn)->socket_request_max_bytes));
    } else {
        lt_diag(LT_WARN, "conn", "frame_malformed",
                "bytes that are no Kafka request; connection closed", LT_FIELD_TEXT("peer", peer),
                LT_FIELD_INT("size", claimed));
    }
    srv_conn_output_send(conn);
    srv_conn_close(conn);
}

/* ---- pausing ---- */

static void pause_reading(struct srv_conn *conn, unsigned why)
{
    conn->paused |= why;
    if (conn->reading) {
        (void)event_del(conn->read_event); /* fails only for an event that was never made */
        conn->reading = false;
    }
    if ((why & SRV_PAUSE_BUDGET) != 0 && !conn->starved) {
        TAILQ_INSERT_TAIL(&conn->loop->starved, conn, in_starved);
        conn->starved = true;
    }
}

void srv_conn_end(struct srv_conn *conn)
{
    pause_reading(conn, SRV_PAUSE_ENDING);
}

static void unpause(struct srv_conn *conn, unsigned why)
{
    conn->paused &= ~why;
    if (conn->paused != 0 || conn->reading || conn->is_closed) {
        return;
    }
    if (event_add(conn->read_event, NULL) != 0) {
        srv_conn_close(conn);
        return;
    }
    conn->reading = true;
    conn->frame_started_ns = conn->loop->now_ns; /* what we did not read was not slow */
}

void srv_conns_feed(struct srv_loop *loop)
{
    struct srv_conn_list hungry;
    struct srv_conn *conn;

    TAILQ_INIT(&hungry);
    TAILQ_CONCAT(&hungry, &loop->starved, in_starved);
    while ((conn = TAILQ_FIRST(&hungry)) != NULL) {
        TAILQ_REMOVE(&hungry, conn, in_starved);
        conn->starved = false;
        if (conn->frame != NULL && conn->frame_room < conn->frame_size) {
            if (!srv_budget_take(&loop->server->request_budget, (int64_t)conn->frame_size)) {
                pause_reading(conn, SRV_PAUSE_BUDGET);
                continue;
            }
            conn->frame_charged = (int64_t)conn->frame_size;
            uint8_t *whole = lt_realloc(conn->frame, conn->frame_size);
            if (whole == NULL) {
                srv_conn_close(conn);
                continue;
            }
            conn->frame = whole;
            conn->frame_room = conn->frame_size;
        }
        unpause(conn, SRV_PAUSE_BUDGET);
    }
}

/* ---- time ---- */

static void on_timer(struct srv_timer *timer)
{
    struct srv_conn *conn = SRV_CONTAINER(struct srv_conn, timer, timer);
    const char *why = NULL;
    char peer[SRV_PEER_TEXT];

    if (deadline(conn, &why) > conn->loop->now_ns) {
        arm(conn);
        return;
    }
    lt_diag(conn->frame != NULL || conn->prefix_have > 0 ? LT_WARN : LT_DEBUG_LINE, "conn",
            "conn_expired", why, LT_FIELD_TEXT("peer", srv_conn_peer(conn, peer, sizeof(peer))));
    srv_conn_close(conn);
}

/* When this connection has waited too long as things stand, and for what. */
static int64_t deadline(const struct srv_conn *conn, const char **ret_why)
{
    int64_t idle_ms = settings(conn)->connections_max_idle_ms;
    bool never = idle_ms < 0 || idle_ms >= INT64_MAX / 2000000;
    int64_t idle_ns = never ? INT64_MAX / 2 : idle_ms * 1000000;
    bool working = !TAILQ_EMPTY(&conn->requests) && evbuffer_get_length(conn->output) == 0;
    /* While it waits for us it is not idle; look again later. */
    int64_t due = (working ? conn->loop->now_ns : conn->active_ns) + idle_ns;

    *ret_why = "connection idle for connections.max.idle.ms; closed";
    if ((conn->frame != NULL || conn->prefix_have > 0) && conn->paused == 0) {
        int64_t slow = conn->frame_started_ns + SLOW_FRAME_NS +
                       (int64_t)(conn->frame_size >> 20) * SLOW_MIB_NS;
        if (slow < due) {
            due = slow;
            *ret_why = "a request took too long to arrive; connection closed";
        }
    }
    return due;
}

/* The timer is moved only to an earlier time: on_timer looks what holds by then. */
static void arm(struct srv_conn *conn)
{
    const char *why;
    int64_t due;

    if (conn->is_closed) {
        return;
    }
    due = deadline(conn, &why);
    if (srv_timer_is_set(&conn->timer) && conn->timer.deadline_ns <= due) {
        return;
    }
    if (srv_loop_timer_set(conn->loop, &conn->timer, due) != 0) {
        srv_conn_close(conn);
    }
}

/* ---- the end ---- */

void srv_conn_close(struct srv_conn *conn)
{
    struct srv_loop *loop = conn->loop;
    struct srv_request *req;

    if (conn->is_closed) {
        return;
    }
    conn->is_closed = true;
    TAILQ_REMOVE(&loop->conns, conn, in_loop);
    TAILQ_INSERT_TAIL(&loop->closed, conn, in_loop);
    if (conn->starved) {
        TAILQ_REMOVE(&loop->starved, conn, in_starved);
        conn->starved = false;
    }
    srv_loop_timer_unset(loop, &conn->timer);
    if (conn->read_event != NULL) {
        event_free(conn->read_event);
    }
    srv_conn_output_release(conn);
    (void)lt_os_close(conn->fd); /* whatever was not sent is lost anyway */
    lt_free(conn->frame);
    if (conn->frame_charged > 0) {
        srv_budget_give(&loop->server->request_budget, conn->frame_charged, loop->server);
    }
    conn->next_start = NULL;
    while ((req = TAILQ_FIRST(&conn->requests)) != NULL) {
        TAILQ_REMOVE(&conn->requests, req, in_conn);
        srv_request_cancel(req);
    }
    srv_addresses_remove(&loop->server->addresses, &conn->peer);
    atomic_fetch_sub(&loop->conn_count, 1);
    srv_listener_count(conn->listener, -1);
    srv_server_conn_gone(loop->server);
}

void srv_conns_reap(struct srv_loop *loop)
{
    struct srv_conn *conn;

    while ((conn = TAILQ_FIRST(&loop->closed)) != NULL) {
        TAILQ_REMOVE(&loop->closed, conn, in_loop);
        lt_free(conn);
    }
}

void srv_conns_drain(struct srv_loop *loop)
{
    struct srv_conn *conn, *next;

    for (conn = TAILQ_FIRST(&loop->conns); conn != NULL; conn = next) {
        struct srv_request *req, *after;
        next = TAILQ_NEXT(conn, in_loop);
        for (req = TAILQ_FIRST(&conn->requests); req != NULL && !conn->is_closed; req = after) {
            after = TAILQ_NEXT(req, in_conn);
            if (req->internal.state == SRV_PARKED && req->interruptible &&
                req->internal.offloaded == NULL) {
                req->timed_out = true;
                srv_wake(req);
            }
        }
        pause_reading(conn, SRV_PAUSE_DRAIN);
        srv_conn_output_mark(conn); /* closes it when nothing is left to say */
    }
}

void srv_conns_abandon(struct srv_loop *loop)
{
    struct srv_conn *conn;

    while ((conn = TAILQ_FIRST(&loop->conns)) != NULL) {
        srv_conn_close(conn);
    }
    srv_conns_reap(loop);
}

const char *srv_conn_peer(const struct srv_conn *conn, char *buf, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";
    unsigned port = 0;

    if (conn->peer.ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, &conn->peer, sizeof(in));
        (void)inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host)); /* room enough */
        port = ntohs(in.sin_port);
        (void)snprintf(buf, size, "%s:%u", host, port);
    } else if (conn->peer.ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, &conn->peer, sizeof(in6));
        (void)inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host)); /* room enough */
        port = ntohs(in6.sin6_port);
        (void)snprintf(buf, size, "[%s]:%u", host, port);
    } else {
        (void)snprintf(buf, size, "%s", host);
    }
    return buf;
}
