/* gather.c: one counted struct between a request and the changes it waits for. See gather.h. */
#include "server/gather.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/error.h"

struct slot {
    struct srv_gather *gather;
    int err;
    char *why;
};

struct srv_gather {
    pthread_mutex_t mutex;   /* guards all below */
    struct srv_request *req; /* NULL once the request has ended */
    size_t holders;          /* the request, and each change under way */
    size_t pending;          /* changes under way, and one for the handler until srv_gather_wait */
    size_t count;
    struct slot slots[];
};

/* Under the mutex, which it unlocks. */
static void release(struct srv_gather *gather)
{
    bool last = --gather->holders == 0;
    (void)pthread_mutex_unlock(&gather->mutex);
    if (!last) {
        return;
    }
    for (size_t i = 0; i < gather->count; i++) {
        lt_free(gather->slots[i].why);
    }
    (void)pthread_mutex_destroy(&gather->mutex);
    lt_free(gather);
}

static void request_ended(void *arg)
{
    struct srv_gather *gather = arg;
    (void)pthread_mutex_lock(&gather->mutex);
    gather->req = NULL;
    release(gather);
}

int srv_gather_new(struct srv_request *req, size_t count, struct srv_gather **ret_gather)
{
    struct srv_gather *gather = lt_calloc(1, sizeof(*gather) + count * sizeof(gather->slots[0]));
    if (gather == NULL) {
        return LEAT_ENOMEM;
    }
    (void)pthread_mutex_init(&gather->mutex, NULL); /* default attributes: cannot fail */
    gather->req = req;
    gather->holders = 1;
    gather->pending = 1;
    gather->count = count;
    for (size_t i = 0; i < count; i++) {
        gather->slots[i] = (struct slot){gather, LEAT_EPENDING, NULL};
    }
    if (lt_arena_hook(&req->arena, request_ended, gather) != 0) {
        (void)pthread_mutex_destroy(&gather->mutex);
        lt_free(gather);
        return LEAT_ENOMEM;
    }
    *ret_gather = gather;
    return 0;
}

void *srv_gather_slot(struct srv_gather *gather, size_t i)
{
    (void)pthread_mutex_lock(&gather->mutex);
    gather->holders++;
    gather->pending++;
    (void)pthread_mutex_unlock(&gather->mutex);
    return &gather->slots[i];
}

static void fill(struct slot *slot, int err, const char *why)
{
    struct srv_gather *gather = slot->gather;
    char *copy = why == NULL || *why == '\0' ? NULL : lt_strdup(why);
    (void)pthread_mutex_lock(&gather->mutex);
    slot->err = err;
    slot->why = copy;
    if (--gather->pending == 0 && gather->req != NULL) {
        srv_wake(gather->req);
    }
    release(gather);
}

void srv_gather_done(int err, const struct leat_error *why, void *slot)
{
    fill(slot, err, why == NULL ? NULL : lt_error_message(why));
}

void srv_gather_drop(void *slot, int err)
{
    fill(slot, err, NULL);
}

int srv_gather_wait(struct srv_gather *gather, int64_t timeout_ms)
{
    (void)pthread_mutex_lock(&gather->mutex);
    bool done = --gather->pending == 0;
    (void)pthread_mutex_unlock(&gather->mutex);
    return done ? 0 : srv_park(gather->req, timeout_ms);
}

bool srv_gather_complete(struct srv_gather *gather)
{
    (void)pthread_mutex_lock(&gather->mutex);
    bool done = gather->pending == 0;
    (void)pthread_mutex_unlock(&gather->mutex);
    return done;
}

int srv_gather_result(struct srv_gather *gather, size_t i, const char **ret_why)
{
    (void)pthread_mutex_lock(&gather->mutex);
    int err = gather->slots[i].err;
    *ret_why = gather->slots[i].why;
    (void)pthread_mutex_unlock(&gather->mutex);
    return err;
}
