/* broker_conn.c: requests out, answers in. See broker_conn.h; how a connection comes up is broker_setup.c. */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "client/broker_conn_impl.h"
#include "client/metadata.h"
#include "proto/frame.h"
#include "proto/varint.h"

#define IOV_MAX_USED 64
#define READ_ROUNDS_MAX 16 /* receives per event, so that one broker does not starve the others */
#define FRAME_SIZE_MAX ((size_t)1 << 30)
#define IN_SIZE ((size_t)64 << 10)
#define IN_SIZE_FETCH ((size_t)4 << 10)  /* the rest of an answer goes to its place */
#define WAKE_SIZE_MIN ((size_t)64 << 10) /* less is not worth the call: it has come already */
#define WAKE_SIZE_MAX ((size_t)1 << 20)  /* the kernel makes its buffer as large */
#define NS_PER_MS 1000000

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void write_requests(struct lc_broker *broker);
static void take_frames(struct lc_broker *broker);

struct lc_broker *lc_broker_get(
    struct leat_client *client, int32_t id, const char *host, int32_t port, const void *owner)
{
    struct lc_broker *broker;

    TAILQ_FOREACH (broker, &client->brokers, link) {
        if (broker->id == id && broker->owner == owner && broker->port == port &&
            strcmp(broker->host, host) == 0) {
            broker->forgotten = false;
            return broker;
        }
    }
    broker = lt_calloc(1, sizeof(*broker));
    if (broker == NULL) {
        return NULL;
    }
    broker->host = lt_strdup(host);
    broker->in_room = owner == NULL ? IN_SIZE : IN_SIZE_FETCH;
    broker->in = lt_malloc(broker->in_room);
    if (broker->host == NULL || broker->in == NULL) {
        lt_free(broker->host);
        lt_free(broker->in);
        lt_free(broker);
        return NULL;
    }
    broker->client = client;
    broker->owner = owner;
    broker->id = id;
    broker->port = port;
    broker->fd = -1;
    broker->backoff_ms = lc_conf_number(client->conf, LC_CONF_RECONNECT_BACKOFF_MS);
    TAILQ_INIT(&broker->sending);
    TAILQ_INIT(&broker->waiting);
    TAILQ_INSERT_TAIL(&client->brokers, broker, link);
    return broker;
}

void lc_broker_free(struct lc_broker *broker)
{
    lc_broker_close(broker, LEAT_ECANCELED, "the client ends");
    TAILQ_REMOVE(&broker->client->brokers, broker, link);
    lt_buf_release(&broker->tried);
    lt_free(broker->last_message);
    lt_free(broker->in);
    lt_free(broker->host);
    lt_free(broker);
}

int lc_broker_watch(struct lc_broker *broker, int fd)
{
    struct event_base *base = broker->client->base;

    broker->read_event = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, broker);
    broker->write_event = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, broker);
    if (broker->read_event == NULL || broker->write_event == NULL ||
        event_add(broker->write_event, NULL) < 0) {
        if (broker->read_event != NULL) {
            event_free(broker->read_event);
        }
        if (broker->write_event != NULL) {
            event_free(broker->write_event);
        }
        broker->read_event = NULL;
        broker->write_event = NULL;
        return LEAT_ENOMEM;
    }
    broker->fd = fd;
    broker->wake_size = 1;
    broker->write_wanted = true;
    return 0;
}

int16_t lc_broker_version(const struct lc_broker *broker, int16_t api_key, int16_t version_max)
{
    const struct proto_api *api = proto_api_find(api_key);
    struct lc_version_range range;
    int16_t version = version_max;

    if (api == NULL || api_key < 0 || api_key > LC_API_KEY_MAX) {
        return -1;
    }
    range = broker->versions[api_key];
    version = version > range.max ? range.max : version;
    version = version > api->served_max ? api->served_max : version;
    return version < range.min || version < api->served_min ? -1 : version;
}

static void count_request(struct leat_client *client, int16_t api_key)
{
    lc_stat_add(&client->stats, LC_STAT_REQUESTS_SENT, 1);
    lc_stat_add(&client->stats, LC_STAT_REQUESTS_OPEN, 1);
    if (api_key == PROTO_API_PRODUCE) {
        lc_stat_add(&client->stats, LC_STAT_PRODUCE_REQUESTS, 1);
    } else if (api_key == PROTO_API_FETCH) {
        lc_stat_add(&client->stats, LC_STAT_FETCH_REQUESTS, 1);
    } else if (api_key == PROTO_API_METADATA) {
        lc_stat_add(&client->stats, LC_STAT_METADATA_REQUESTS, 1);
    }
}

int lc_broker_send(struct lc_broker *broker,
                   int16_t api_key,
                   int16_t version,
                   const void *message,
                   int64_t timeout_ms,
                   unsigned flags,
                   lc_answer_cb done,
                   void *arg)
{
    int err;

    LT_ASSERT(broker->state == LC_BROKER_UP);
    err = lc_broker_queue(broker, api_key, version, message, timeout_ms, flags | LC_SEND_COUNTED,
                          done, arg);
    if (err == 0) {
        count_request(broker->client, api_key);
        broker->in_flight++;
        lc_client_again(broker->client);
    }
    return err;
}

/* Encode size, header and message into the request's own memory. */
static int
encode(struct lc_request *req, struct lt_slice client_id, const void *message, int16_t version)
{
    const struct proto_request_header header = {.api_key = req->api->key,
                                                .api_version = version,
                                                .correlation_id = req->correlation_id,
                                                .client_id = client_id};
    size_t size = 4 + proto_request_header_size(&header) + req->api->request.size(message, version);
    struct proto_writer writer;

    req->head = lt_arena_alloc(&req->arena, size);
    if (req->head == NULL) {
        return LEAT_ENOMEM;
    }
    proto_writer_init(&writer, req->head, size, &req->arena);
    proto_write_int32(&writer, 0);
    proto_request_header_encode(&header, &writer);
    req->api->request.encode(message, version, &writer);
    if (writer.err < 0) {
        return writer.err;
    }
    req->head_size = proto_writer_size(&writer);
    req->holes = writer.holes;
    req->hole_count = writer.hole_count;
    req->total = req->head_size + writer.hole_size;
    if (req->total - 4 > INT32_MAX) {
        return LEAT_ENOMEM;
    }
    proto_store_i32(req->head, (int32_t)(req->total - 4));
    return 0;
}

int lc_broker_queue(struct lc_broker *broker,
                    int16_t api_key,
                    int16_t version,
                    const void *message,
                    int64_t timeout_ms,
                    unsigned flags,
                    lc_answer_cb done,
                    void *arg)
{
    struct leat_client *client = broker->client;
    struct lt_arena arena;
    struct lc_request *req;
    int err;

    lt_arena_init(&arena, 0);
    req = lt_arena_calloc(&arena, 1, sizeof(*req));
    if (req == NULL) {
        lt_arena_release(&arena);
        return LEAT_ENOMEM;
    }
    req->api = proto_api_find(api_key);
    req->version = version;
    req->correlation_id = broker->correlation_id;
    req->flags = flags;
    req->deadline = lc_deadline(client->clock, timeout_ms);
    req->done = done;
    req->arg = arg;
    req->arena = arena;
    err =
        encode(req, lt_slice_text(lc_conf_text(client->conf, LC_CONF_CLIENT_ID)), message, version);
    if (err < 0) {
        arena = req->arena;
        lt_arena_release(&arena);
        return err;
    }
    broker->correlation_id = broker->correlation_id == INT32_MAX ? 0 : broker->correlation_id + 1;
    TAILQ_INSERT_TAIL(&broker->sending, req, link);
    lc_log(client, LEAT_LOG_DEBUG, "%s:%d: -> %s v%d #%d, %zu bytes", broker->host,
           (int)broker->port, req->api->name, (int)version, (int)req->correlation_id, req->total);
    return 0;
}

/* Hand the outcome to whoever asked; the request is in no list any more. */
static void finish(struct lc_broker *broker,
                   struct lc_request *req,
                   int err,
                   const char *message,
                   struct proto_reader *reader,
                   struct lc_bytes *frame)
{
    const struct lc_answer answer = {.err = err,
                                     .message = message,
                                     .reader = reader,
                                     .frame = frame,
                                     .version = req->version,
                                     .broker = broker};
    struct lt_arena arena = req->arena;

    if ((req->flags & LC_SEND_COUNTED) != 0) {
        lc_stat_add(&broker->client->stats, LC_STAT_REQUESTS_OPEN, -1);
        lc_stat_add(&broker->client->stats, LC_STAT_REQUESTS_FAILED, err < 0);
    }
    req->done(broker->client, &answer, req->arg);
    lt_arena_release(&arena);
}

static void finish_all(struct lc_broker *broker, int err, const char *message)
{
    struct lc_request_list failed = TAILQ_HEAD_INITIALIZER(failed);
    struct lc_request *req;

    /* First out of the broker's lists: callbacks may look at it. */
    TAILQ_CONCAT(&failed, &broker->waiting, link);
    TAILQ_CONCAT(&failed, &broker->sending, link);
    broker->in_flight = 0;
    while ((req = TAILQ_FIRST(&failed)) != NULL) {
        TAILQ_REMOVE(&failed, req, link);
        finish(broker, req, err, message, NULL, NULL);
    }
}

static void remember_failure(struct lc_broker *broker, int err, const char *message)
{
    struct leat_client *client = broker->client;
    int64_t backoff_max = lc_conf_number(client->conf, LC_CONF_RECONNECT_BACKOFF_MAX_MS);
    char *copy = lt_strdup(message);
    int64_t now = lt_clock_mono_ns(client->clock);

    if (copy != NULL) {
        lt_free(broker->last_message);
        broker->last_message = copy;
    }
    broker->last_err = err;
    broker->failed_at = now;
    /* Up to a fifth more, so that many clients do not come back in step. */
    broker->retry_at = now + broker->backoff_ms * NS_PER_MS +
                       (broker->backoff_ms * NS_PER_MS / 5) * (now / 1000 % 64) / 64;
    broker->backoff_ms *= 2;
    if (broker->backoff_ms > backoff_max) {
        broker->backoff_ms = backoff_max;
    }
    lc_log(client, LEAT_LOG_WARN, "%s:%d: %s", broker->host, (int)broker->port, message);
}

void lc_broker_close(struct lc_broker *broker, int err, const char *message)
{
    bool was_open = broker->state != LC_BROKER_IDLE;
    bool was_up = broker->state == LC_BROKER_UP;

    lc_broker_stop_setup(broker);
    if (broker->read_event != NULL) {
        event_free(broker->read_event);
        event_free(broker->write_event);
        broker->read_event = NULL;
        broker->write_event = NULL;
    }
    if (broker->fd >= 0) {
        (void)close(broker->fd); /* nothing is owed to a socket that is given up */
        broker->fd = -1;
    }
    lc_bytes_unref(broker->frame);
    broker->frame = NULL;
    broker->in_size = 0;
    broker->got_bytes = false;
    broker->write_wanted = false;
    broker->state = LC_BROKER_IDLE;
    lc_stat_add(&broker->client->stats, LC_STAT_CONNECTIONS_OPEN, was_up ? -1 : 0);
    if (was_open && err != LEAT_ECANCELED) {
        lc_stat_add(&broker->client->stats, LC_STAT_CONNECTIONS_FAILED, 1);
        remember_failure(broker, err, message);
        if (!was_up && broker->id >= 0) {
            lc_metadata_refresh(broker->client); /* others may lead what it led */
        }
    }
    finish_all(broker, err, message);
    lc_client_again(broker->client);
}

static void close_errno(struct lc_broker *broker, const char *what, int errnum)
{
    char text[160];
    char reason[96];

    (void)snprintf(text, sizeof(text), "%s: %s", what, strerror_r(errnum, reason, sizeof(reason)));
    lc_broker_close(broker, LEAT_EUNREACHABLE, text);
}

/* ---- writing ---- */

/* iov being filled with what is not sent yet. */
struct gathering {
    struct iovec *iov;
    size_t room;
    size_t used;
    size_t skip; /* bytes that are sent already */
};

/* Returns false when there is no room for more. */
static bool gather_piece(struct gathering *g, void *data, size_t size)
{
    if (g->skip >= size) {
        g->skip -= size;
        return true;
    }
    if (g->used == g->room) {
        return false;
    }
    g->iov[g->used].iov_base = (uint8_t *)data + g->skip;
    g->iov[g->used++].iov_len = size - g->skip;
    g->skip = 0;
    return true;
}

/* The pieces of a request behind its first `sent` bytes. Returns how many of iov are used. */
static size_t gather(const struct lc_request *req, struct iovec *iov, size_t room)
{
    struct gathering g = {.iov = iov, .room = room, .skip = req->sent};
    size_t head_at = 0;
    bool more = true;

    for (size_t i = 0; i < req->hole_count && more; i++) {
        const struct proto_hole *hole = &req->holes[i];
        const struct lc_pieces *pieces = hole->external;

        more = gather_piece(&g, req->head + head_at, hole->position - head_at);
        for (size_t k = 0; k < pieces->count && more; k++) {
            more = gather_piece(&g, pieces->iov[k].iov_base, pieces->iov[k].iov_len);
        }
        head_at = hole->position;
    }
    if (more) {
        (void)gather_piece(&g, req->head + head_at, req->head_size - head_at); /* the last */
    }
    return g.used;
}

/* `size` more bytes are with the kernel. */
static void advance(struct lc_broker *broker, size_t size)
{
    struct lc_request_list done = TAILQ_HEAD_INITIALIZER(done);
    struct lc_request *req;

    while (size > 0 && (req = TAILQ_FIRST(&broker->sending)) != NULL) {
        size_t part = req->total - req->sent;

        part = part < size ? part : size;
        req->sent += part;
        size -= part;
        if (req->sent < req->total) {
            break;
        }
        TAILQ_REMOVE(&broker->sending, req, link);
        if ((req->flags & LC_SEND_NO_ANSWER) != 0) {
            TAILQ_INSERT_TAIL(&done, req, link);
        } else {
            TAILQ_INSERT_TAIL(&broker->waiting, req, link);
        }
    }
    while ((req = TAILQ_FIRST(&done)) != NULL) {
        TAILQ_REMOVE(&done, req, link);
        broker->in_flight--;
        finish(broker, req, 0, "", NULL, NULL);
    }
}

static void want_write(struct lc_broker *broker, bool wanted)
{
    if (wanted == broker->write_wanted || broker->write_event == NULL) {
        return;
    }
    if ((wanted ? event_add(broker->write_event, NULL) : event_del(broker->write_event)) == 0) {
        broker->write_wanted = wanted;
    } else {
        lc_client_again(broker->client); /* no memory: the next turn tries */
    }
}

static void write_requests(struct lc_broker *broker)
{
    while (!TAILQ_EMPTY(&broker->sending)) {
        struct iovec iov[IOV_MAX_USED];
        struct msghdr message = {.msg_iov = iov};
        struct lc_request *req;
        ssize_t sent;

        TAILQ_FOREACH (req, &broker->sending, link) {
            message.msg_iovlen +=
                gather(req, iov + message.msg_iovlen, IOV_MAX_USED - message.msg_iovlen);
            if (message.msg_iovlen == IOV_MAX_USED) {
                break;
            }
        }
        sent = sendmsg(broker->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0 && errno == EAGAIN) {
            break;
        }
        if (sent < 0) {
            close_errno(broker, "connection lost", errno);
            return;
        }
        lc_stat_add(&broker->client->stats, LC_STAT_BYTES_SENT, sent);
        advance(broker, (size_t)sent);
        if (broker->fd < 0) {
            return; /* a callback has closed the connection */
        }
    }
    want_write(broker, !TAILQ_EMPTY(&broker->sending));
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct lc_broker *broker = arg;
    struct leat_client *client = broker->client;

    (void)fd;
    (void)what;
    lc_client_enter(client);
    if (broker->state == LC_BROKER_CONNECTING) {
        lc_broker_on_connect(broker);
    } else {
        write_requests(broker);
    }
    lc_client_turn(client);
    lc_client_leave(client);
}

/* ---- reading ---- */

/* A whole frame has come: it answers the oldest request. */
static void take_answer(struct lc_broker *broker, struct lc_bytes *frame)
{
    struct lc_request *req = TAILQ_FIRST(&broker->waiting);
    struct proto_reader reader;
    int32_t correlation_id = 0;

    if (req == NULL) {
        lc_broker_close(broker, LEAT_EPROTOCOL, "an answer came that nobody asked for");
        return;
    }
    proto_reader_init(&reader, lt_buf_slice(&frame->buf));
    if (proto_response_header_decode(&reader, req->api, req->version, &correlation_id) < 0 ||
        correlation_id != req->correlation_id) {
        lc_broker_close(broker, LEAT_EPROTOCOL, "the answer belongs to another request");
        return;
    }
    lc_log(broker->client, LEAT_LOG_DEBUG, "%s:%d: <- %s v%d #%d, %zu bytes", broker->host,
           (int)broker->port, req->api->name, (int)req->version, (int)req->correlation_id,
           frame->buf.size);
    if (req->api->key == PROTO_API_FETCH) {
        lc_stat_add(&broker->client->stats, LC_STAT_FETCH_BYTES, (int64_t)frame->buf.size);
    }
    TAILQ_REMOVE(&broker->waiting, req, link);
    if (broker->in_flight > 0) {
        broker->in_flight--;
    }
    finish(broker, req, 0, "", &reader, frame);
}

static void refuse_frame(struct lc_broker *broker, int err)
{
    const char *guess = proto_frame_guess_answer(lt_slice(broker->in, broker->in_size));
    char text[128];

    if (err == LEAT_E2BIG && guess == NULL) {
        lc_broker_close(broker, LEAT_EPROTOCOL, "the answer is larger than 1 GiB, or no answer");
        return;
    }
    (void)snprintf(text, sizeof(text), "the peer does not speak the Kafka protocol%s%s%s",
                   guess == NULL ? "" : " (", guess == NULL ? "" : guess, guess == NULL ? "" : ")");
    lc_broker_close(broker, LEAT_EPROTOCOL, text);
}

/* Whole frames out of `in`; the begin of one that is larger than the rest moves to memory of its own. */
static void take_frames(struct lc_broker *broker)
{
    size_t at = 0;

    if (broker->state == LC_BROKER_HANDSHAKE &&
        proto_frame_guess_answer(lt_slice(broker->in, broker->in_size)) != NULL) {
        refuse_frame(broker, LEAT_EPROTOCOL);
        return;
    }
    while (broker->fd >= 0 && at < broker->in_size) {
        struct lt_slice whole = LT_SLICE_NULL;
        struct lt_slice rest = lt_slice(broker->in + at, broker->in_size - at);
        struct lc_bytes *frame;
        size_t need = 0;
        int err = proto_frame_next(rest, FRAME_SIZE_MAX, &whole, &need);

        if (err < 0 && err != LEAT_EAGAIN) {
            refuse_frame(broker, err);
            return;
        }
        if (err == LEAT_EAGAIN && (rest.size < 4 || need <= broker->in_room - at)) {
            break; /* it fits into `in` when the rest has come */
        }
        frame = lc_pool_bytes(broker->client->pool, need - 4);
        if (frame == NULL) {
            lc_broker_close(broker, LEAT_ENOMEM, "out of memory for an answer");
            return;
        }
        if (err == LEAT_EAGAIN) {
            memcpy(frame->buf.data, rest.data + 4, rest.size - 4);
            frame->buf.size = rest.size - 4;
            broker->frame = frame;
            broker->frame_left = need - rest.size;
            at = broker->in_size;
            break;
        }
        memcpy(frame->buf.data, whole.data, whole.size);
        frame->buf.size = whole.size;
        at += need;
        take_answer(broker, frame);
        lc_bytes_unref(frame);
    }
    if (broker->fd >= 0) {
        memmove(broker->in, broker->in + at, broker->in_size - at);
        broker->in_size -= at;
    }
}

/* Sleep until this many more bytes are there, not at each segment: that is a wake-up and a receive per 64 KiB. Only a hint: the
 * socket is also readable at the end of the stream, and when the kernel's buffer is full. */
static void wake_at(struct lc_broker *broker, size_t size)
{
    int wake_size = size < WAKE_SIZE_MIN ? 1 : (int)(size < WAKE_SIZE_MAX ? size : WAKE_SIZE_MAX);

    if (wake_size != broker->wake_size &&
        setsockopt(broker->fd, SOL_SOCKET, SO_RCVLOWAT, &wake_size, sizeof(wake_size)) == 0) {
        broker->wake_size = wake_size;
    }
}

/* `size` more bytes of the large frame are there. Returns whether more may be. */
static bool take_part(struct lc_broker *broker, size_t size)
{
    struct lc_bytes *frame = broker->frame;

    frame->buf.size += size;
    broker->frame_left -= size;
    wake_at(broker, broker->frame_left);
    if (broker->frame_left > 0) {
        return false;
    }
    broker->frame = NULL;
    take_answer(broker, frame);
    lc_bytes_unref(frame);
    return broker->fd >= 0 && !TAILQ_EMPTY(&broker->waiting);
}

/* Receive once. Returns false when there is nothing more for now, or the connection is gone. */
static bool receive(struct lc_broker *broker)
{
    bool large = broker->frame != NULL;
    uint8_t *to =
        large ? broker->frame->buf.data + broker->frame->buf.size : broker->in + broker->in_size;
    size_t room = large ? broker->frame_left : broker->in_room - broker->in_size;
    ssize_t got = recv(broker->fd, to, room, MSG_DONTWAIT);

    if (got < 0 && errno == EINTR) {
        return true;
    }
    if (got < 0 && errno == EAGAIN) {
        return false;
    }
    if (got < 0) {
        close_errno(broker, "connection lost", errno);
        return false;
    }
    if (got == 0) {
        lc_broker_close(broker, LEAT_EUNREACHABLE,
                        broker->state == LC_BROKER_HANDSHAKE && !broker->got_bytes
                            ? "the peer closed the connection at once (is it a TLS port?)"
                            : "the broker closed the connection");
        return false;
    }
    broker->got_bytes = true;
    lc_stat_add(&broker->client->stats, LC_STAT_BYTES_RECEIVED, got);
    if (large) {
        return take_part(broker, (size_t)got);
    }
    broker->in_size += (size_t)got;
    take_frames(broker);
    if (broker->fd >= 0 && broker->frame != NULL) {
        wake_at(broker, broker->frame_left);
        return broker->wake_size == 1; /* else the loop tells when the rest is there */
    }
    return broker->fd >= 0 && (size_t)got == room;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct lc_broker *broker = arg;
    struct leat_client *client = broker->client;

    (void)fd;
    (void)what;
    lc_client_enter(client);
    for (int i = 0; i < READ_ROUNDS_MAX && receive(broker); i++) {
    }
    lc_client_turn(client);
    lc_client_leave(client);
}

/* ---- turns ---- */

/* Earliest deadline of what waits. Deadlines differ by kind, so all are looked at; they are few. */
static int64_t earliest_deadline(const struct lc_broker *broker)
{
    const struct lc_request *req;
    int64_t earliest = LC_NEVER;

    TAILQ_FOREACH (req, &broker->waiting, link) {
        earliest = req->deadline < earliest ? req->deadline : earliest;
    }
    TAILQ_FOREACH (req, &broker->sending, link) {
        earliest = req->deadline < earliest ? req->deadline : earliest;
    }
    return earliest;
}

int64_t lc_broker_turn(struct lc_broker *broker, int64_t now)
{
    int64_t earliest;

    if (broker->state >= LC_BROKER_HANDSHAKE && !broker->write_wanted) {
        write_requests(broker);
    }
    if (broker->state == LC_BROKER_IDLE) {
        return broker->retry_at > now ? broker->retry_at : LC_NEVER;
    }
    earliest = earliest_deadline(broker);
    if (earliest <= now) {
        lc_broker_close(broker, LEAT_ETIMEDOUT, "no answer in time");
        return now;
    }
    if (broker->state != LC_BROKER_UP) {
        if (broker->setup_deadline <= now) {
            lc_broker_close(broker, LEAT_ETIMEDOUT,
                            "no connection within socket.connection.setup.timeout.ms");
            return now;
        }
        earliest = broker->setup_deadline < earliest ? broker->setup_deadline : earliest;
    }
    return earliest;
}
