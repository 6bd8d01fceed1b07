/* request.h: the life of one request.
 *
 *   frame -> srv_request_new -> srv_dispatch (decode, handle) -> response queued on its connection -> sent in order -> freed
 *
 * A handler returns 0 (the response is ready), a negative code (the whole request fails with it, see error_map.h), or
 * LEAT_EPENDING after srv_park: then it is called again with the same request, decoded struct and response when somebody
 * calls srv_wake, when the deadline passes (req->timed_out) or when the connection is gone (req->canceled; clean up and
 * return anything). There is one re-entry point: the handler itself, which keeps its state in req->state.
 *
 * Threads: a request belongs to its connection's loop; only srv_wake may be called from others. */
#ifndef SRV_REQUEST_H
#define SRV_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/buf.h"
#include "proto/header.h"

struct proto_api;
struct srv_conn;
struct srv_loop;
struct srv_server;

struct srv_request {
    struct srv_server *server;
    struct srv_conn *conn;   /* NULL once the peer is gone */
    struct srv_loop *loop;   /* the only thread that runs this request */
    const struct proto_api *api;
    struct lt_arena arena;   /* everything that lives as long as this request; hooks release references */
    struct proto_request_header header;
    uint8_t *frame;          /* the request's bytes: owned, writable (batches are patched in place) */
    size_t frame_size;
    void *body;              /* struct proto_x_request in the arena */
    void *response;          /* struct proto_x_response in the arena, initialised to defaults */
    void *state;             /* the handler's own; NULL at its first call */
    int64_t received_ns;     /* monotonic */
    int64_t deadline_ns;     /* monotonic; INT64_MAX = none; set by srv_park */
    bool timed_out;          /* re-entered because the deadline passed */
    bool canceled;           /* re-entered because the connection is gone */
    bool no_response;        /* Produce with acks=0: send nothing */
    bool close_after;        /* close the connection once everything before is sent */
    TAILQ_ENTRY(srv_request) in_conn; /* requests of the connection, in order of arrival */
    /* owned by request.c, parked.c and conn.c */
    struct srv_request_internal *internal;
};

/* Wait for srv_wake or the timeout (-1 = no deadline). Returns LEAT_EPENDING, for `return srv_park(req, ms)`. */
int srv_park(struct srv_request *req, int64_t timeout_ms);

/* Run the handler again on its own loop, soon. Any thread; several wakes before the turn count as one. The caller must
 * know that the request still lives (it is registered in a list that cancellation removes it from, under that list's
 * lock). */
void srv_wake(struct srv_request *req);

/* Park, run fn(req) on a storage reader thread, then re-enter. fn may use the request's arena and struct: the loop does
 * not touch them meanwhile, and a lost connection is reported only after fn has ended. For whatever waits for a disk.
 * Returns LEAT_EPENDING, or LEAT_ENOMEM. */
int srv_offload(struct srv_request *req, void (*fn)(struct srv_request *req));

#endif
