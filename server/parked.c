/* parked.c: waiting and waking.
 *
 * A parked request is in one timer heap at most, and wherever its handler registered it. It is in no list of the loop:
 * a wake-up brings it back by its own post. */
#include "base/assert.h"
#include "base/clock.h"
#include "leat/err.h"
#include "server/conn.h"
#include "server/request.h"
#include "server/server.h"
#include "storage/store.h"

static void run_offloaded(void *arg);

int srv_park(struct srv_request *req, int64_t timeout_ms)
{
    LT_ASSERT(req->internal.state == SRV_RUNNING);
    if (req->deadline_ns == 0) {
        req->deadline_ns = INT64_MAX;
        if (timeout_ms >= 0 && timeout_ms < INT64_MAX / 2000000) {
            req->deadline_ns = req->loop->now_ns + timeout_ms * 1000000;
        }
    }
    if (req->deadline_ns != INT64_MAX && !req->timed_out) {
        int err = srv_loop_timer_set(req->loop, &req->internal.timer, req->deadline_ns);
        if (err != 0) {
            return err;
        }
    }
    srv_request_charge(req);
    req->internal.state = SRV_PARKED;
    req->internal.parked_ns = req->loop->now_ns;
    return LEAT_EPENDING;
}

void srv_wake(struct srv_request *req)
{
    srv_loop_post(req->loop, &req->internal.post);
}

int srv_offload(struct srv_request *req, void (*fn)(struct srv_request *req))
{
    LT_ASSERT(req->internal.state == SRV_RUNNING && req->internal.offloaded == NULL);
    req->internal.offloaded = fn;
    if (log_store_run(req->server->store, run_offloaded, req) != 0) {
        req->internal.offloaded = NULL;
        return LEAT_ENOMEM;
    }
    srv_request_charge(req);
    req->internal.state = SRV_PARKED;
    req->internal.parked_ns = req->loop->now_ns;
    return LEAT_EPENDING;
}

static void run_offloaded(void *arg)
{
    struct srv_request *req = arg;

    req->internal.offloaded(req);
    atomic_store(&req->internal.offload_done, true);
    srv_wake(req); /* the last touch: from here on the loop may free it */
}
