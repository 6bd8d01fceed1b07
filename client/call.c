/* call.c: see call.h. */
#include "client/call.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "client/metadata.h"
#include "proto/errors.h"

#define NS_PER_MS 1000000
#define LATE_MS 200 /* how long a caller waits for a loop that is busy in somebody's callback */

static void start(struct leat_client *client, struct lc_command *command);

void *lc_call_new(struct leat_client *client, size_t size, const struct lc_call_ops *ops)
{
    struct lc_call *call = lt_calloc(1, size);

    LT_ASSERT(size >= sizeof(*call));
    if (call == NULL) {
        return NULL;
    }
    atomic_init(&call->refs, 1);
    call->client = client;
    call->ops = ops;
    call->command.run = start;
    call->command.owner = call;
    call->backoff_ms = lc_conf_number(client->conf, LC_CONF_RETRY_BACKOFF_MS);
    return call;
}

void lc_call_ref(struct lc_call *call)
{
    (void)atomic_fetch_add_explicit(&call->refs, 1, memory_order_relaxed);
}

void lc_call_unref(struct lc_call *call)
{
    if (atomic_fetch_sub_explicit(&call->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    if (call->ops->release != NULL) {
        call->ops->release(call);
    }
    lt_free(call->last_message);
    lt_free(call->message);
    lt_free(call);
}

int lc_call_run(struct lc_call *call, int timeout_ms, struct leat_error **reterr)
{
    struct leat_client *client = call->client;
    int64_t until;
    bool in_time = true;

    if (lc_client_forked(client)) {
        return lt_error_set(reterr, LEAT_EFORKED, "%s", leat_strerror(LEAT_EFORKED));
    }
    if (!lc_client_may_wait(client)) {
        return lt_error_set(reterr, LEAT_EAGAIN,
                            "this call waits, which is not possible inside a callback");
    }
    call->deadline = lc_deadline(client->clock, timeout_ms);
    until = call->deadline == LC_NEVER ? LC_NEVER : call->deadline + (int64_t)LATE_MS * NS_PER_MS;
    lc_call_ref(call); /* the loop's */
    lc_client_submit(client, &call->command);
    (void)pthread_mutex_lock(&client->lock);
    while (!call->finished && in_time) {
        in_time = lc_client_wait(client, &client->cond, &client->lock, until);
    }
    in_time = call->finished;
    (void)pthread_mutex_unlock(&client->lock);
    if (!in_time) {
        return lt_error_set(reterr, LEAT_ETIMEDOUT, "no answer within %d ms", timeout_ms);
    }
    if (call->err < 0) {
        return lt_error_set(reterr, call->err, "%s",
                            call->message == NULL ? leat_strerror(call->err) : call->message);
    }
    return 0;
}

static void start(struct leat_client *client, struct lc_command *command)
{
    struct lc_call *call = command->owner;

    TAILQ_INSERT_TAIL(&client->calls, call, link);
    call->listed = true;
    if (client->ending) {
        lc_call_finish(call, LEAT_ECANCELED, NULL);
    }
}

void lc_call_finish(struct lc_call *call, int err, const char *message)
{
    struct leat_client *client = call->client;

    if (!call->listed) {
        return;
    }
    TAILQ_REMOVE(&client->calls, call, link);
    call->listed = false;
    if (err < 0 && message != NULL && message[0] != '\0') {
        call->message = lt_strdup(message); /* without memory: the text of the code */
    }
    (void)pthread_mutex_lock(&client->lock);
    call->err = err;
    call->finished = true;
    (void)pthread_cond_broadcast(&client->cond);
    (void)pthread_mutex_unlock(&client->lock);
    lc_call_unref(call);
}

void lc_call_retry(struct lc_call *call, int err, const char *message)
{
    struct leat_client *client = call->client;
    int64_t backoff_max = lc_conf_number(client->conf, LC_CONF_RETRY_BACKOFF_MAX_MS);
    char *copy = message == NULL ? NULL : lt_strdup(message);

    lt_free(call->last_message);
    call->last_message = copy;
    call->last_err = err;
    call->retry_at = lt_clock_mono_ns(client->clock) + call->backoff_ms * NS_PER_MS;
    call->backoff_ms = call->backoff_ms * 2 > backoff_max ? backoff_max : call->backoff_ms * 2;
    lc_client_again(client);
}

struct sent_call {
    struct lc_call *call;
    lc_call_cb done;
};

static void on_answer(struct leat_client *client, const struct lc_answer *answer, void *arg)
{
    struct sent_call *sent = arg;
    struct lc_call *call = sent->call;

    (void)client;
    call->busy = false;
    if (call->listed) {
        sent->done(call, answer);
    }
    lt_free(sent);
    lc_call_unref(call);
}

void lc_call_send(struct lc_call *call,
                  struct lc_broker *broker,
                  int16_t api_key,
                  int16_t version,
                  const void *message,
                  lc_call_cb done)
{
    struct sent_call *sent = lt_malloc(sizeof(*sent));
    int64_t timeout_ms = lc_conf_number(call->client->conf, LC_CONF_REQUEST_TIMEOUT_MS);
    int err = LEAT_ENOMEM;

    if (sent != NULL) {
        *sent = (struct sent_call){.call = call, .done = done};
        /* The broker may take as long as the call has; the connection's own limit comes on top. */
        err = lc_broker_send(broker, api_key, version, message, timeout_ms, 0, on_answer, sent);
    }
    if (err < 0) {
        lt_free(sent);
        lc_call_retry(call, err, NULL);
        return;
    }
    lc_call_ref(call);
    call->busy = true;
}

int32_t lc_call_remaining_ms(const struct lc_call *call)
{
    int64_t request_ms = lc_conf_number(call->client->conf, LC_CONF_REQUEST_TIMEOUT_MS);
    int64_t left_ms = (call->deadline - lt_clock_mono_ns(call->client->clock)) / NS_PER_MS;

    if (call->deadline == LC_NEVER || left_ms > request_ms) {
        left_ms = request_ms;
    }
    return left_ms < 1 ? 1 : (int32_t)left_ms;
}

void lc_call_time_out(struct lc_call *call)
{
    if (call->last_err < 0) {
        lc_call_finish(call, call->last_err,
                       call->last_message == NULL ? leat_strerror(call->last_err)
                                                  : call->last_message);
    } else {
        struct lt_buf text = {0};
        bool unreachable = lc_metadata_reasons(call->client, &text);

        lc_call_finish(call, unreachable ? LEAT_EUNREACHABLE : LEAT_ETIMEDOUT,
                       unreachable ? lt_buf_text(&text) : "no answer in time");
        lt_buf_release(&text);
    }
}

bool lc_call_is_passing(int err)
{
    if (!LEAT_IS_BROKER_ERROR(err)) {
        return leat_error_is_retriable(err);
    }
    switch (LEAT_WIRE_CODE(err)) {
    case PROTO_ERROR_LEADER_NOT_AVAILABLE:
    case PROTO_ERROR_NOT_LEADER_OR_FOLLOWER:
    case PROTO_ERROR_REPLICA_NOT_AVAILABLE:
    case PROTO_ERROR_NETWORK_EXCEPTION:
    case PROTO_ERROR_NOT_CONTROLLER:
    case PROTO_ERROR_FENCED_LEADER_EPOCH:
    case PROTO_ERROR_UNKNOWN_LEADER_EPOCH:
    case PROTO_ERROR_OFFSET_NOT_AVAILABLE:
    case PROTO_ERROR_THROTTLING_QUOTA_EXCEEDED:
        return true;
    default:
        return false;
    }
}

int64_t lc_calls_turn(struct leat_client *client, int64_t now)
{
    struct lc_call *call = TAILQ_FIRST(&client->calls);
    int64_t next = LC_NEVER;

    while (call != NULL) {
        struct lc_call *following = TAILQ_NEXT(call, link);

        if (call->deadline <= now) {
            (call->ops->late != NULL ? call->ops->late : lc_call_time_out)(call);
        } else {
            if (!call->busy && call->retry_at <= now) {
                lc_call_ref(call);
                call->ops->step(call, now);
                if (call->listed && !call->busy && call->retry_at > now) {
                    next = call->retry_at < next ? call->retry_at : next;
                }
                if (call->listed) {
                    next = call->deadline < next ? call->deadline : next;
                }
                /* A step may finish other calls only by ending the client, which waits for the turn. */
                following = call->listed ? TAILQ_NEXT(call, link) : following;
                lc_call_unref(call);
            } else {
                next = call->deadline < next ? call->deadline : next;
                next = !call->busy && call->retry_at < next ? call->retry_at : next;
            }
        }
        call = following;
    }
    return next;
}
