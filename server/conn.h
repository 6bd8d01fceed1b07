/* conn.h: one client connection: bytes to requests, responses to bytes.
 *
 *   readable -> fill (recv) -> frames -> requests -> advance: start what may start, emit what is answered -> send
 *
 * Received bytes stand in the loop's receive buffer; a connection owns memory only for a frame that is incomplete or
 * waits. Responses leave in request order. What comes next waits while something of this list holds:
 *   reading      the byte budget is used up; this connection's own limit is; it is about to be closed
 *   starting     an earlier request is neither answered nor `appended`; the peer does not read its answers
 * Garbage (a frame size that cannot be) ends the connection with one line that says what came.
 * Not here: TLS, the meaning of requests (dispatch.h).
 * Threads: all on the connection's loop, but srv_conn_new. */
#ifndef SRV_CONN_H
#define SRV_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "server/loop.h"
#include "server/request.h"

struct event;
struct evbuffer;
struct srv_listener;

TAILQ_HEAD(srv_request_list, srv_request);

/* Why a connection is not read. */
#define SRV_PAUSE_BUDGET 0x01 /* queued.max.request.bytes */
#define SRV_PAUSE_OWN 0x02    /* leat.connection.max.bytes */
#define SRV_PAUSE_ENDING 0x04 /* closes once what is answered is sent; nothing more is started */
#define SRV_PAUSE_DRAIN 0x08  /* the server stops: closes once everything is answered and sent */

struct srv_conn {
    struct srv_loop *loop;
    struct srv_listener *listener;
    struct event *read_event;
    struct event *write_event;
    struct evbuffer *output;          /* answers not yet sent */
    struct srv_request_list requests; /* in order of arrival, answered ones leave at the head */
    struct srv_request *next_start;   /* first that has not been started; NULL = all have */
    struct srv_timer timer;           /* slow frame, idle, stuck output: whatever is earliest */
    struct srv_post arrival;          /* brings the connection to its loop */
    struct sockaddr_storage peer;
    uint8_t *frame;        /* the incomplete frame's bytes; NULL while its size is not known */
    size_t frame_size;     /* what the frame will have */
    size_t frame_have;     /* what it has */
    size_t frame_room;     /* allocated: frame_size, or less while the budget has not let it in */
    int64_t frame_charged; /* bytes taken from the budget for it */
    int64_t frame_started_ns; /* when its first byte came */
    int64_t active_ns;        /* last byte in or out */
    size_t waiting_bytes;     /* charged to requests of this connection that are not answered */
    size_t staged_bytes;      /* copied into output since it was last empty */
    uint64_t bytes_in;
    int blockers; /* requests that are started, not answered and not appended */
    int fd;
    unsigned paused;   /* SRV_PAUSE_* */
    uint8_t prefix[4]; /* of the frame's size */
    uint8_t prefix_have;
    bool seen_frame; /* a whole frame has come: garbage is then not another protocol */
    bool reading;    /* read_event is added */
    bool writing;    /* write_event is added */
    bool unsent;     /* in loop->unsent */
    bool starved;    /* in loop->starved */
    bool advancing;  /* srv_conn_advance is on the stack */
    bool has_files;  /* output has bytes that sendfile sends */
    bool is_closed;  /* in loop->closed */
    TAILQ_ENTRY(srv_conn) in_loop; /* conns, or closed */
    TAILQ_ENTRY(srv_conn) in_unsent;
    TAILQ_ENTRY(srv_conn) in_starved;
};

/* Take over an accepted socket and give it to `loop`. On LEAT_ENOMEM the socket still belongs to the caller. The
 * listener's thread. */
int srv_conn_new(struct srv_loop *loop,
                 struct srv_listener *listener,
                 int fd,
                 const struct sockaddr_storage *peer);

/* A request was answered, or got further: start and emit what this allows. */
void srv_conn_advance(struct srv_conn *conn);

/* May the next request start now? */
bool srv_conn_may_start(const struct srv_conn *conn);

/* Close as soon as the answers are sent that are in the output now; start nothing more. */
void srv_conn_end(struct srv_conn *conn);

/* Close now; unsent answers are lost. Idempotent. The struct lives until the end of the turn. */
void srv_conn_close(struct srv_conn *conn);

/* "127.0.0.1:51234" into buf; returns buf. */
const char *srv_conn_peer(const struct srv_conn *conn, char *buf, size_t size);
#define SRV_PEER_TEXT 64

/* ---- called by loop.c ---- */

void srv_conns_send(struct srv_loop *loop);  /* one send for each connection with new output */
void srv_conns_reap(struct srv_loop *loop);  /* free what was closed */
void srv_conns_feed(struct srv_loop *loop);  /* the byte budget has room: read again */
void srv_conns_drain(struct srv_loop *loop); /* stop reading, answer, close */
void srv_conns_abandon(
    struct srv_loop *loop); /* close all, wait for reader threads to give requests back, free */

#endif
