/* conn_output.c: emit encodes, srv_conns_send calls send once per turn for each connection that emit has marked.
 *
 * libevent sends a run of memory with one writev and each file segment with one sendfile; the socket is corked around an
 * output that has file segments, so that the few bytes in front of them do not leave as a packet of their own. */
#include "server/conn_output.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/diag.h"
#include "proto/frame.h"
#include "server/config.h"
#include "server/conn.h"
#include "server/dispatch.h"
#include "server/server.h"
#include "storage/partition.h"

/* One connection does not keep its loop from the others for longer than this many bytes. */
#define SEND_BYTES_PER_TURN (4 * 1024 * 1024)
/* The share of leat.fetch.staged.max.bytes that one connection may have. */
#define STAGED_SHARE 16

static int encode(struct srv_conn *conn, struct srv_request *req, size_t *ret_size);
static int encode_plain(struct srv_conn *conn, struct srv_request *req, size_t size);
static int
encode_with_files(struct srv_conn *conn, struct srv_request *req, size_t size, size_t *ret_size);
static void write_response(struct srv_request *req, struct proto_writer *w);
static int add_bytes(struct evbuffer *output, const uint8_t *bytes, size_t size);
static int add_extent(struct evbuffer *output, struct log_extent *extent);
static void release_extent(const struct evbuffer_file_segment *segment, int flags, void *arg);
static void stage(struct srv_conn *conn, size_t size);
static void cork(const struct srv_conn *conn, int on);
static void sent_all(struct srv_conn *conn);
static void on_writable(int fd, short what, void *arg);

int srv_conn_output_init(struct srv_conn *conn)
{
    conn->output = evbuffer_new();
    conn->write_event =
        event_new(conn->loop->base, conn->fd, EV_WRITE | EV_PERSIST, on_writable, conn);
    if (conn->output == NULL || conn->write_event == NULL) {
        return LEAT_ENOMEM;
    }
    /* Without this flag libevent copies file segments instead of sending them. */
    return evbuffer_set_flags(conn->output, EVBUFFER_FLAG_DRAINS_TO_FD) == 0 ? 0 : LEAT_ENOMEM;
}

void srv_conn_output_release(struct srv_conn *conn)
{
    if (conn->write_event != NULL) {
        event_free(conn->write_event);
        conn->write_event = NULL;
    }
    if (conn->output != NULL) {
        evbuffer_free(
            conn->output); /* extents that were not sent are released by their callbacks */
        conn->output = NULL;
    }
    if (conn->unsent) {
        TAILQ_REMOVE(&conn->loop->unsent, conn, in_unsent);
        conn->unsent = false;
    }
    stage(conn, 0);
}

void srv_conn_output_emit(struct srv_conn *conn)
{
    struct srv_request *req;

    while (!conn->is_closed && (req = TAILQ_FIRST(&conn->requests)) != NULL &&
           req->internal.state == SRV_ANSWERED) {
        size_t size = 0;
        srv_conn_output_mark(conn);
        if (!req->no_response && encode(conn, req, &size) != 0) {
            lt_diag(LT_ERROR, "conn", "response_failed",
                    "no memory for a response; connection closed",
                    LT_FIELD_TEXT("api", req->api->name));
            srv_conn_close(conn);
            return;
        }
        srv_dispatch_done(req, size);
        TAILQ_REMOVE(&conn->requests, req, in_conn);
        conn->waiting_bytes -= (size_t)req->internal.charged;
        bool last = req->close_after;
        req->conn = NULL;
        srv_request_cancel(
            req); /* an answered request is freed, now or when its last wake-up has come */
        if (last) {
            srv_conn_end(conn);
            return;
        }
    }
}

static int encode(struct srv_conn *conn, struct srv_request *req, size_t *ret_size)
{
    int16_t version = req->header.api_version;
    size_t head = proto_response_header_size(req->api, version);
    size_t size = PROTO_FRAME_PREFIX + head + req->api->response.size(req->response, version);
    int err;

    if (size > INT32_MAX) {
        return LEAT_E2BIG;
    }
    stage(conn, conn->staged_bytes + size);
    if (req->internal.has_extents) {
        return encode_with_files(conn, req, size, ret_size);
    }
    err = encode_plain(conn, req, size);
    *ret_size = size;
    return err;
}

static int encode_plain(struct srv_conn *conn, struct srv_request *req, size_t size)
{
    struct evbuffer_iovec room;
    struct proto_writer w;

    if (evbuffer_reserve_space(conn->output, (ev_ssize_t)size, &room, 1) != 1) {
        return LEAT_ENOMEM;
    }
    proto_writer_init(&w, room.iov_base, size, NULL);
    proto_write_int32(&w, (int32_t)(size - PROTO_FRAME_PREFIX));
    write_response(req, &w);
    LT_ASSERT(proto_writer_size(&w) == size && w.hole_count == 0);
    room.iov_len = size;
    return evbuffer_commit_space(conn->output, &room, 1) == 0 ? 0 : LEAT_ENOMEM;
}

static int
encode_with_files(struct srv_conn *conn, struct srv_request *req, size_t size, size_t *ret_size)
{
    struct proto_writer w;
    uint8_t *memory = lt_arena_alloc(&req->arena, size);
    size_t position = 0;

    if (memory == NULL) {
        return LEAT_ENOMEM;
    }
    proto_writer_init(&w, memory, size, &req->arena);
    proto_write_int32(&w, 0); /* known when the holes are */
    write_response(req, &w);
    if (w.err != 0) {
        return w.err;
    }
    LT_ASSERT(proto_writer_size(&w) == size);
    if (size + w.hole_size > INT32_MAX) {
        return LEAT_E2BIG;
    }
    stage(conn, conn->staged_bytes + w.hole_count * SRV_EXTENT_COST);
    proto_store_u32(memory, (uint32_t)(size + w.hole_size - PROTO_FRAME_PREFIX));
    for (size_t i = 0; i < w.hole_count; i++) {
        const struct proto_hole *hole = &w.holes[i];
        struct log_extent *extent = hole->external;
        if (add_bytes(conn->output, memory + position, hole->position - position) != 0 ||
            add_extent(conn->output, extent) != 0) {
            return LEAT_ENOMEM;
        }
        position = hole->position;
    }
    if (add_bytes(conn->output, memory + position, size - position) != 0) {
        return LEAT_ENOMEM;
    }
    conn->has_files = true;
    *ret_size = size + w.hole_size;
    return 0;
}

static void write_response(struct srv_request *req, struct proto_writer *w)
{
    proto_response_header_encode(req->api, req->header.api_version, req->header.correlation_id, w);
    req->api->response.encode(req->response, req->header.api_version, w);
}

/* Copy a few bytes into the output. evbuffer_add will not do: behind a file segment it makes a buffer as large as the
 * segment's end lies deep in its file, be it for one byte. */
static int add_bytes(struct evbuffer *output, const uint8_t *bytes, size_t size)
{
    struct evbuffer_iovec room;

    if (evbuffer_reserve_space(output, (ev_ssize_t)size, &room, 1) != 1) {
        return LEAT_ENOMEM;
    }
    memcpy(room.iov_base, bytes, size);
    room.iov_len = size;
    return evbuffer_commit_space(output, &room, 1) == 0 ? 0 : LEAT_ENOMEM;
}

/* Append the extent's bytes to the output as a file segment, which takes the extent over. */
static int add_extent(struct evbuffer *output, struct log_extent *extent)
{
    struct log_extent *held = lt_malloc(sizeof(*held));
    struct evbuffer_file_segment *segment;

    if (held == NULL) {
        return LEAT_ENOMEM;
    }
    segment =
        evbuffer_file_segment_new(extent->fd, (ev_off_t)extent->position, (ev_off_t)extent->size,
                                  EVBUF_FS_DISABLE_MMAP | EVBUF_FS_DISABLE_LOCKING);
    if (segment == NULL) {
        lt_free(held);
        return LEAT_ENOMEM;
    }
    *held = *extent;
    memset(extent, 0, sizeof(*extent)); /* an empty extent: its owner releases nothing */
    evbuffer_file_segment_add_cleanup_cb(segment, release_extent, held);
    if (evbuffer_add_file_segment(output, segment, 0, -1) != 0) {
        return LEAT_ENOMEM; /* libevent 2.1 has returned our reference then */
    }
    evbuffer_file_segment_free(segment); /* the output has a reference of its own */
    return 0;
}

static void release_extent(const struct evbuffer_file_segment *segment, int flags, void *arg)
{
    struct log_extent *held = arg;

    (void)segment;
    (void)flags;
    log_extent_release(held);
    lt_free(held);
}

/* The connection has this many copied bytes in its output now. */
static void stage(struct srv_conn *conn, size_t size)
{
    atomic_fetch_add(&conn->loop->server->staged_bytes,
                     (int64_t)size - (int64_t)conn->staged_bytes);
    conn->staged_bytes = size;
}

bool srv_conn_output_has_room(const struct srv_conn *conn)
{
    const struct srv_settings *settings = srv_config_settings(conn->loop->server->config);

    /* When all have too much, each gets its next answer when its last one has left: nobody has to be woken for that. */
    return evbuffer_get_length(conn->output) <= SRV_OUTPUT_BYTES_MAX &&
           (conn->staged_bytes == 0 ||
            ((int64_t)conn->staged_bytes <= settings->fetch_staged_max_bytes / STAGED_SHARE &&
             atomic_load_explicit(&conn->loop->server->staged_bytes, memory_order_relaxed) <=
                 settings->fetch_staged_max_bytes));
}

void srv_conn_output_mark(struct srv_conn *conn)
{
    if (!conn->unsent && !conn->is_closed) {
        TAILQ_INSERT_TAIL(&conn->loop->unsent, conn, in_unsent);
        conn->unsent = true;
    }
}

void srv_conns_send(struct srv_loop *loop)
{
    struct srv_conn_list now;
    struct srv_conn *conn;

    TAILQ_INIT(&now);
    TAILQ_CONCAT(&now, &loop->unsent, in_unsent);
    while ((conn = TAILQ_FIRST(&now)) != NULL) {
        TAILQ_REMOVE(&now, conn, in_unsent);
        conn->unsent = false;
        srv_conn_output_send(conn);
        if (conn->next_start != NULL) {
            srv_conn_advance(conn); /* it may have waited for room in the output */
        }
    }
}

void srv_conn_output_send(struct srv_conn *conn)
{
    int64_t left = SEND_BYTES_PER_TURN;

    if (conn->is_closed) {
        return;
    }
    if (conn->has_files) {
        cork(conn, 1);
    }
    while (evbuffer_get_length(conn->output) > 0 && left > 0) {
        errno = 0; /* 0 bytes by sendfile: the socket is full, or the file is shorter than it was */
        int sent = evbuffer_write_atmost(conn->output, conn->fd, (ev_ssize_t)left);
        if (sent <= 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        }
        if (sent <= 0) {
            srv_conn_close(conn); /* the peer is gone, or less than was promised could be sent */
            return;
        }
        left -= sent;
        conn->active_ns = conn->loop->now_ns;
    }
    if (conn->has_files) {
        cork(conn, 0);
    }
    if (evbuffer_get_length(conn->output) == 0) {
        sent_all(conn);
    } else if (!conn->writing) {
        if (event_add(conn->write_event, NULL) != 0) {
            srv_conn_close(conn);
            return;
        }
        conn->writing = true;
    }
}

static void sent_all(struct srv_conn *conn)
{
    conn->has_files = false;
    stage(conn, 0);
    if (conn->writing) {
        (void)event_del(conn->write_event); /* it was added */
        conn->writing = false;
    }
    if ((conn->paused & SRV_PAUSE_ENDING) != 0 ||
        ((conn->paused & SRV_PAUSE_DRAIN) != 0 && TAILQ_EMPTY(&conn->requests))) {
        srv_conn_close(conn);
    }
}

static void cork(const struct srv_conn *conn, int on)
{
    /* Without it the same bytes leave in more packets. */
    (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
}

static void on_writable(int fd, short what, void *arg)
{
    struct srv_conn *conn = arg;

    (void)fd;
    (void)what;
    srv_loop_awake(conn->loop);
    srv_conn_output_send(conn);
    srv_conn_advance(conn); /* there is room again for what waited to be started */
}
