/* request.h: the life of one request.
 *
 *   frame -> srv_request_new -> srv_dispatch (decode, handle) -> response queued on its connection -> sent in order -> freed
 *
 * A handler returns 0 (the response is ready), LEAT_EPENDING after srv_park or srv_offload, or a negative code when nothing can be
 * answered (LEAT_ENOMEM): then the connection is closed, so that the client tries again. Errors of the protocol are fields
 * of the response (error_map.h), not return values.
 *
 * A parked request is called again with the same request, decoded struct and response when somebody calls srv_wake, when
 * the deadline passes (req->timed_out) or when the connection is gone (req->canceled; clean up and return anything).
 * There is one re-entry point: the handler itself, which keeps its state in req->state. A wake-up may be spurious.
 *
 * The bytes of the frame: all slices of the decoded struct point into them. They live as long as the request, but for
 * Produce, whose frame may be the loop's receive buffer: what Produce still needs when it parks it has copied.
 *
 * Order (spec: the life of a request): a request starts when all earlier ones of its connection are answered, or have
 * said `appended`. conn.h does that.
 *
 * Threads: a request belongs to its connection's loop; only srv_wake may be called from others. */
#ifndef SRV_REQUEST_H
#define SRV_REQUEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/buf.h"
#include "proto/header.h"
#include "server/loop.h"
#include "server/timer_heap.h"

struct proto_api;
struct srv_conn;
struct srv_request;
struct srv_server;

enum srv_request_state {
    SRV_QUEUED = 0,   /* waits for earlier requests */
    SRV_RUNNING = 1,  /* its handler is on the stack */
    SRV_PARKED = 2,   /* waits for srv_wake, the deadline, or a reader thread */
    SRV_ANSWERED = 3, /* the response is complete, or there will be none */
    SRV_DEAD = 4,     /* canceled and cleaned up; freed when no post and no thread holds it */
};

/* What request.c, parked.c and conn.c need; handlers leave it alone. */
struct srv_request_internal {
    enum srv_request_state state;
    struct srv_post post;                       /* queued by srv_wake */
    struct srv_timer timer;                     /* deadline_ns */
    void (*offloaded)(struct srv_request *req); /* runs on a reader thread; NULL = none under way */
    _Atomic bool offload_done;
    bool unlinked;     /* no longer in its connection's list */
    size_t bytes_in;   /* of the frame, also when it has been dropped */
    int64_t charged;   /* bytes taken from the budget for frame and struct */
    int64_t parked_ns; /* when it parked last */
    int64_t waited_ns; /* parked in all */
    uint8_t *owned; /* memory of `frame`, freed with the request; NULL: borrowed or in the arena */
    bool in_place;  /* the frame stands in the loop's receive buffer: gone after this turn */
    bool has_extents; /* the response has records that are sent from files */
};

struct srv_request {
    struct srv_server *server;
    struct srv_conn *conn; /* NULL once the peer is gone */
    struct srv_loop *loop; /* the only thread that runs this request */
    const struct proto_api *api;
    struct lt_arena
        arena; /* everything that lives as long as this request; hooks release references */
    struct proto_request_header header;
    uint8_t *frame; /* the request's bytes, writable (batches are patched in place) */
    size_t frame_size;
    void *body;          /* struct proto_x_request in the arena */
    void *response;      /* struct proto_x_response in the arena, initialised to defaults */
    void *state;         /* the handler's own; NULL at its first call */
    int64_t received_ns; /* monotonic */
    int64_t deadline_ns; /* monotonic; INT64_MAX = none; set by srv_park */
    bool timed_out;      /* re-entered because the deadline passed */
    bool canceled;       /* re-entered because the connection is gone */
    bool appended;       /* Produce: only the disk is waited for; the next request may start */
    bool
        interruptible; /* a long poll: a stopping server lets the deadline pass at once; no slow request either */
    bool no_response;                 /* Produce with acks=0: send nothing */
    bool close_after;                 /* close the connection once everything before is sent */
    TAILQ_ENTRY(srv_request) in_conn; /* requests of the connection, in order of arrival */
    struct srv_request_internal internal;
};

/* What a request that waits costs beside its frame, for the budgets. */
#define SRV_REQUEST_COST 2048

/* Wait for srv_wake or the timeout (-1 = no deadline). A request that parks again keeps the deadline of the first time.
 * Returns LEAT_EPENDING, for `return srv_park(req, ms)`. */
int srv_park(struct srv_request *req, int64_t timeout_ms);

/* Run the handler again on its own loop, soon. Any thread; several wakes before the turn count as one. The caller must
 * know that the request still lives (it is registered in a list that cancellation removes it from, under that list's
 * lock). */
void srv_wake(struct srv_request *req);

/* Park, run fn(req) on a storage reader thread, then re-enter. fn may use the request's arena and struct: the loop does
 * not touch them meanwhile, and a lost connection is reported only after fn has ended. For whatever waits for a disk.
 * Returns LEAT_EPENDING, or LEAT_ENOMEM. */
int srv_offload(struct srv_request *req, void (*fn)(struct srv_request *req));

/* Where the client reached this server: advertised.listeners of the request's listener, else the local address of the
 * connection. Text in the request's arena or constant; NULL: no memory. The loop's thread. */
const char *srv_request_local_host(struct srv_request *req, int32_t *ret_port);

/* ---- for conn.c and parked.c ---- */

/* A request of `conn` for one frame. `copy`: the bytes are copied into the arena; otherwise they are used where they
 * stand, and freed with the request when `owned`. Returns NULL without memory (the frame is not freed). */
struct srv_request *
srv_request_new(struct srv_conn *conn, uint8_t *frame, size_t size, bool copy, bool owned);

/* Return everything. The request is in no list; no post or thread holds it. */
void srv_request_free(struct srv_request *req);

/* Count frame and struct against the budgets, once, since the request is going to wait. */
void srv_request_charge(struct srv_request *req);

/* Decode the frame and call the handler, for the first time. Whatever comes of it, the state afterwards is SRV_PARKED or
 * SRV_ANSWERED, or the connection is closed (and the request gone with it). */
void srv_request_start(struct srv_request *req);

/* Produce: the frame is not needed any more; its memory goes back at once if the request owns it. The client id is kept. */
void srv_request_drop_frame(struct srv_request *req);

/* Call the handler again after a wait. */
void srv_request_resume(struct srv_request *req);

/* The connection is gone: let the handler clean up (later, if a reader thread has the request), then free. */
void srv_request_cancel(struct srv_request *req);

#endif
