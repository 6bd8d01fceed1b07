/* producer_ids.c: see producer_ids.h.
 *
 *   take     from the present block, else from the spare one, else wait
 *   ask      one transaction at a time: next_id += 1000, if nobody changed it meanwhile
 *   arrived  the block is ours: it becomes the spare, whoever waits is woken
 *
 * A transaction whose outcome is not known is followed by another with the same comparison: if the first was applied, the second
 * says so and tells the value of now, and the ids in between are never used. */
#include "server/producer_ids.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "server/meta_records.h"
#include "server/request.h"
#include "server/server.h"

#define COMMIT_TIMEOUT_MS 30000

struct block {
    int64_t next; /* id to hand out */
    int64_t end;
};

struct srv_producer_ids {
    struct srv_server *server;
    pthread_mutex_t mutex; /* guards all below */
    struct block present;
    struct block spare;
    bool asking;        /* a transaction is under way */
    int err;            /* why the last one brought no block; told to the one who asks next */
    int64_t known_next; /* value in the store, as of known_rev */
    int64_t known_rev;  /* 0: absent, or not read yet */
    TAILQ_HEAD(, srv_id_waiter) waiters;
};

static void ask(struct srv_producer_ids *ids);
static void on_commit(int err, int64_t rev, const struct meta_kv *current, size_t count, void *arg);

int srv_producer_ids_new(struct srv_server *server, struct srv_producer_ids **ret_ids)
{
    struct srv_producer_ids *ids = lt_calloc(1, sizeof(*ids));
    if (ids == NULL) {
        return LEAT_ENOMEM;
    }
    ids->server = server;
    (void)pthread_mutex_init(&ids->mutex, NULL); /* default attributes: cannot fail */
    TAILQ_INIT(&ids->waiters);
    *ret_ids = ids;
    return 0;
}

void srv_producer_ids_free(struct srv_producer_ids *ids)
{
    if (ids != NULL) {
        (void)pthread_mutex_destroy(&ids->mutex);
        lt_free(ids);
    }
}

int srv_producer_ids_take(struct srv_producer_ids *ids,
                          struct srv_id_waiter *waiter,
                          int64_t *ret_id)
{
    int err = 0;
    (void)pthread_mutex_lock(&ids->mutex);
    if (ids->present.next == ids->present.end) {
        ids->present = ids->spare;
        ids->spare = (struct block){0, 0};
    }
    bool none = ids->present.next == ids->present.end;
    if (!none) {
        *ret_id = ids->present.next++;
    } else if (!ids->asking && ids->err != 0) {
        err = ids->err;
        ids->err = 0; /* the next one tries again */
    } else if (!waiter->waiting) {
        waiter->waiting = true;
        TAILQ_INSERT_TAIL(&ids->waiters, waiter, link);
        err = LEAT_EAGAIN;
    } else {
        err = LEAT_EAGAIN;
    }
    bool half = ids->present.end - ids->present.next <= SRV_PRODUCER_ID_BLOCK / 2;
    if (err != LEAT_EUNAVAIL && half && ids->spare.next == ids->spare.end && !ids->asking) {
        ask(ids);
        if (!ids->asking && err == LEAT_EAGAIN) {
            TAILQ_REMOVE(&ids->waiters, waiter, link);
            waiter->waiting = false;
            err = LEAT_EUNAVAIL;
        }
    }
    (void)pthread_mutex_unlock(&ids->mutex);
    return err;
}

void srv_producer_ids_leave(struct srv_producer_ids *ids, struct srv_id_waiter *waiter)
{
    (void)pthread_mutex_lock(&ids->mutex);
    if (waiter->waiting) {
        TAILQ_REMOVE(&ids->waiters, waiter, link);
        waiter->waiting = false;
    }
    (void)pthread_mutex_unlock(&ids->mutex);
}

/* ---- blocks; mutex held ---- */

static void ask(struct srv_producer_ids *ids)
{
    struct lt_arena arena;
    lt_arena_init(&arena, 0);
    struct lt_slice key = lt_slice_text(META_KEY_PRODUCER_IDS);
    struct meta_compare compare = {.kind = META_MODIFIED_AT, .key = key, .rev = ids->known_rev};
    struct meta_write write = {
        .kind = META_PUT,
        .key = key,
        .value = meta_value_producer_ids(&arena, ids->known_next + SRV_PRODUCER_ID_BLOCK)};
    struct meta_txn txn = {&compare, 1, &write, 1};
    ids->asking =
        write.value.data != NULL &&
        meta_store_commit(ids->server->meta, &txn, COMMIT_TIMEOUT_MS, on_commit, ids) == 0;
    lt_arena_release(&arena);
}

static void wake_all(struct srv_producer_ids *ids)
{
    struct srv_id_waiter *waiter;
    while ((waiter = TAILQ_FIRST(&ids->waiters)) != NULL) {
        TAILQ_REMOVE(&ids->waiters, waiter, link);
        waiter->waiting = false;
        srv_wake(waiter->req);
    }
}

/* Somebody else's value, or ours of before a restart. */
static int take_current(struct srv_producer_ids *ids, const struct meta_kv *current)
{
    if (current->created_rev == 0) {
        ids->known_next = 0;
        ids->known_rev = 0;
        return 0;
    }
    int64_t next = 0;
    int err = meta_read_producer_ids(current->value, &next);
    if (err == 0) {
        ids->known_next = next;
        ids->known_rev = current->modified_rev;
    }
    return err;
}

static void on_commit(int err, int64_t rev, const struct meta_kv *current, size_t count, void *arg)
{
    struct srv_producer_ids *ids = arg;
    (void)pthread_mutex_lock(&ids->mutex);
    ids->asking = false;
    if (err == LEAT_ECONFLICT && count == 1) {
        err = take_current(ids, &current[0]);
        if (err == 0) {
            ask(ids);
            err = ids->asking ? LEAT_EAGAIN : LEAT_EUNAVAIL;
        }
    } else if (err == 0) {
        ids->spare = (struct block){ids->known_next, ids->known_next + SRV_PRODUCER_ID_BLOCK};
        ids->known_next = ids->spare.end;
        ids->known_rev = rev;
    }
    if (err != LEAT_EAGAIN) {
        ids->err = err == 0 ? 0 : LEAT_EUNAVAIL;
        if (err != 0) {
            lt_diag(LT_ERROR, "meta", "no_producer_ids", lt_err_text(err));
        }
        wake_all(ids);
    }
    (void)pthread_mutex_unlock(&ids->mutex);
}
