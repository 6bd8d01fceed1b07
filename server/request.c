/* request.c: making and ending requests, and the way into the handler. */
#include "server/request.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/diag.h"
#include "server/config.h"
#include "server/conn.h"
#include "server/dispatch.h"
#include "server/listener.h"
#include "server/server.h"

/* What one frame may make its arena take: hostile counts of small elements must not multiply without end. */
#define ARENA_BYTES_MAX(frame_size) ((size_t)64 * 1024 * 1024 + 2 * (frame_size))

static void on_post(struct srv_post *post);
static void on_deadline(struct srv_timer *timer);
static bool blocks(const struct srv_request *req);
static void call(struct srv_request *req);
static void end_canceled(struct srv_request *req);

struct srv_request *
srv_request_new(struct srv_conn *conn, uint8_t *frame, size_t size, bool copy, bool owned)
{
    struct srv_request *req = lt_calloc(1, sizeof(*req));

    if (req == NULL) {
        return NULL;
    }
    lt_arena_init(&req->arena, ARENA_BYTES_MAX(size));
    req->frame = frame;
    if (copy) {
        req->frame = lt_arena_memdup(&req->arena, frame, size);
        if (req->frame == NULL) {
            lt_free(req);
            return NULL;
        }
    }
    req->server = conn->loop->server;
    req->conn = conn;
    req->loop = conn->loop;
    req->frame_size = size;
    req->internal.bytes_in = size;
    req->received_ns = lt_clock_mono_ns(req->server->options.clock);
    req->internal.owned = owned ? frame : NULL;
    req->internal.in_place = !copy && !owned;
    req->internal.post.run = on_post;
    srv_timer_init(&req->internal.timer, on_deadline);
    req->loop->request_count++;
    return req;
}

void srv_request_free(struct srv_request *req)
{
    LT_DASSERT(!atomic_load(&req->internal.post.queued));
    srv_loop_timer_unset(req->loop, &req->internal.timer);
    lt_arena_release(&req->arena);
    lt_free(req->internal.owned);
    if (req->internal.charged > 0) {
        srv_budget_give(&req->server->request_budget, req->internal.charged, req->server);
    }
    req->loop->request_count--;
    lt_free(req);
}

void srv_request_charge(struct srv_request *req)
{
    int64_t cost = (int64_t)req->frame_size + SRV_REQUEST_COST;

    if (cost <= req->internal.charged) {
        return;
    }
    srv_budget_force(&req->server->request_budget, cost - req->internal.charged);
    if (req->conn != NULL) {
        req->conn->waiting_bytes += (size_t)(cost - req->internal.charged);
    }
    req->internal.charged = cost;
}

void srv_request_drop_frame(struct srv_request *req)
{
    int64_t freed = req->internal.charged - SRV_REQUEST_COST;

    if (req->frame == NULL) {
        return; /* dropped before */
    }
    if (req->header.client_id.size > 0) {
        struct lt_slice id = req->header.client_id; /* it stands in the frame */
        void *copy = lt_arena_memdup(&req->arena, id.data, id.size);
        req->header.client_id = lt_slice(copy, copy == NULL ? 0 : id.size);
    }
    lt_free(req->internal.owned);
    req->internal.owned = NULL;
    req->internal.in_place = false;
    req->frame = NULL;
    req->frame_size = 0;
    if (freed > 0) {
        if (req->conn != NULL) {
            req->conn->waiting_bytes -= (size_t)freed;
        }
        req->internal.charged -= freed;
        srv_budget_give(&req->server->request_budget, freed, req->server);
    }
}

void srv_request_start(struct srv_request *req)
{
    req->internal.state = SRV_RUNNING;
    req->conn->blockers++;
    if (srv_dispatch_decode(req) != 0) {
        srv_conn_close(req->conn);
        end_canceled(req);
        return;
    }
    call(req);
}

void srv_request_resume(struct srv_request *req)
{
    struct srv_conn *conn = req->conn;

    LT_ASSERT(req->internal.state == SRV_PARKED);
    srv_loop_timer_unset(req->loop, &req->internal.timer);
    req->internal.waited_ns += req->loop->now_ns - req->internal.parked_ns;
    if (!blocks(req)) {
        conn->blockers++; /* call() takes it off again */
    }
    req->internal.state = SRV_RUNNING;
    call(req);
    srv_conn_advance(conn);
}

void srv_request_cancel(struct srv_request *req)
{
    req->conn = NULL;
    switch (req->internal.state) {
    case SRV_RUNNING: /* call() looks at conn when the handler is back */
        return;
    case SRV_PARKED:
        if (req->internal.offloaded != NULL) {
            return; /* on_post */
        }
        break;
    case SRV_QUEUED:
    case SRV_ANSWERED:
    case SRV_DEAD:
        break;
    }
    end_canceled(req);
}

const char *srv_request_local_host(struct srv_request *req, int32_t *ret_port)
{
    return srv_listener_local_host(req->conn->listener, req->conn->fd, &req->arena, ret_port);
}

/* Run the handler and note what came of it. */
static void call(struct srv_request *req)
{
    struct srv_conn *conn = req->conn;
    int err = srv_dispatch_call(req);

    if (req->conn == NULL) {
        end_canceled(req);
        return;
    }
    if (err != LEAT_EPENDING) {
        req->internal.state = SRV_ANSWERED;
    }
    LT_ASSERT(req->internal.state != SRV_RUNNING);
    if (!blocks(req)) {
        conn->blockers--;
    }
    if (err != 0 && err != LEAT_EPENDING) {
        lt_diag(LT_ERROR, "request", "request_failed", "no answer is possible; connection closed",
                LT_FIELD_TEXT("api", req->api->name), LT_FIELD_TEXT("error", lt_err_name(err)));
        srv_conn_close(conn);
    }
}

static bool blocks(const struct srv_request *req)
{
    return req->internal.state == SRV_RUNNING ||
           (req->internal.state == SRV_PARKED && !req->appended);
}

/* The connection is gone and nothing works on the request: let the handler undo what it registered, then free, or leave
 * that to the post that is under way. */
static void end_canceled(struct srv_request *req)
{
    if (req->internal.state == SRV_PARKED) {
        req->canceled = true;
        req->internal.state = SRV_RUNNING;
        (void)srv_dispatch_call(req); /* nobody waits for what it says */
    }
    if (req->internal.state == SRV_PARKED && req->internal.offloaded != NULL) {
        return; /* it needed a reader thread to clean up */
    }
    req->internal.state = SRV_DEAD;
    lt_arena_release(&req->arena); /* unlinks it from wherever it could be woken */
    if (!atomic_load(&req->internal.post.queued)) {
        srv_request_free(req);
    }
}

static void on_post(struct srv_post *post)
{
    struct srv_request *req = SRV_CONTAINER(struct srv_request, internal.post, post);

    if (req->internal.state == SRV_DEAD) {
        srv_request_free(req);
        return;
    }
    if (req->internal.offloaded != NULL) {
        if (!atomic_load(&req->internal.offload_done)) {
            return; /* a wake-up that the reader thread's own will follow */
        }
        req->internal.offloaded = NULL;
        atomic_store(&req->internal.offload_done, false);
        if (req->conn == NULL) {
            end_canceled(req);
            return;
        }
    }
    if (req->internal.state == SRV_PARKED) {
        srv_request_resume(req);
    }
}

static void on_deadline(struct srv_timer *timer)
{
    struct srv_request *req = SRV_CONTAINER(struct srv_request, internal.timer, timer);

    req->timed_out = true;
    if (req->internal.state == SRV_PARKED && req->internal.offloaded == NULL) {
        srv_request_resume(req);
    }
}
