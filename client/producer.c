/* producer.c: the calls of applications on a producer, and its life. Sending is sender.c, gathering accumulator.c. */
#include "client/producer.h"

#include <string.h>

#include "base/alloc.h"
#include "client/delivery.h"
#include "client/producer_impl.h"

#define NS_PER_MS 1000000
#define BORROWED_MIN 4096 /* bytes of a value below which a copy is cheaper; leat.h names it */
#define REQUEST_OVERHEAD \
    512 /* of max.request.size: header, topic's name and numbers around the batch */

static void on_start(struct leat_client *client, struct lc_command *command);
static void on_stop(struct leat_client *client, struct lc_command *command);

static void read_settings(struct leat_producer *p)
{
    const struct leat_conf *conf = p->conf;
    size_t request_max = (size_t)lc_conf_number(conf, LC_CONF_MAX_REQUEST_SIZE);
    int64_t acks = lc_conf_number(conf, LC_CONF_ACKS);

    p->batch_size_max =
        request_max > 2 * (size_t)REQUEST_OVERHEAD ? request_max - REQUEST_OVERHEAD : request_max;
    p->batch_size = (size_t)lc_conf_number(conf, LC_CONF_BATCH_SIZE);
    p->batch_size = p->batch_size > p->batch_size_max ? p->batch_size_max : p->batch_size;
    p->memory_max = (size_t)lc_conf_number(conf, LC_CONF_BUFFER_MEMORY);
    p->linger_ns = lc_conf_number(conf, LC_CONF_LINGER_MS) * NS_PER_MS;
    p->delivery_timeout_ns = lc_conf_number(conf, LC_CONF_DELIVERY_TIMEOUT_MS) * NS_PER_MS;
    p->max_block_ms = lc_conf_number(conf, LC_CONF_MAX_BLOCK_MS);
    p->codec = (int)lc_conf_number(conf, LC_CONF_COMPRESSION);
    p->partitioner = lc_conf_number(conf, LC_CONF_PARTITIONER);
    p->acks = acks == LC_ACKS_NONE ? 0 : acks == LC_ACKS_ONE ? 1 : -1;
}

int leat_producer_new(struct leat_client *client,
                      const struct leat_conf *conf,
                      struct leat_producer **ret_producer,
                      struct leat_error **reterr)
{
    struct leat_producer *p;

    if (client == NULL || ret_producer == NULL || (conf != NULL && conf->is_topic)) {
        return lt_error_set(reterr, LEAT_EINVAL, "leat_producer_new: bad argument");
    }
    if (lc_client_forked(client)) {
        return lt_error_set(reterr, LEAT_EFORKED, "%s", leat_strerror(LEAT_EFORKED));
    }
    p = lt_calloc(1, sizeof(*p));
    if (p == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "producer: out of memory");
    }
    p->conf = leat_conf_copy(conf == NULL ? client->conf : conf);
    if (p->conf == NULL) {
        lt_free(p);
        return lt_error_set(reterr, LEAT_ENOMEM, "producer: out of memory");
    }
    atomic_init(&p->refs, 2); /* the handle and the loop */
    p->client = client;
    p->random = (uint64_t)lt_clock_mono_ns(client->clock) * 2654435761u | 1;
    (void)pthread_mutex_init(&p->lock, NULL);
    lc_cond_init(&p->cond);
    TAILQ_INIT(&p->topics);
    TAILQ_INIT(&p->active);
    TAILQ_INIT(&p->all);
    STAILQ_INIT(&p->pool);
    read_settings(p);
    p->start.run = on_start;
    p->stop.run = on_stop;
    p->start.owner = p;
    p->stop.owner = p;
    lc_client_hold(client);
    lc_client_submit(client, &p->start);
    *ret_producer = p;
    return 0;
}

static void on_start(struct leat_client *client, struct lc_command *command)
{
    struct leat_producer *p = command->owner;

    TAILQ_INSERT_TAIL(&client->producers, p, link);
}

/* Nothing of the loop looks at it any more. */
static void leave_loop(struct leat_client *client, struct leat_producer *p)
{
    struct lc_send_topic *topic;

    TAILQ_FOREACH (topic, &p->topics, in_topics) {
        lc_metadata_drop(client, topic->metadata);
        topic->metadata = NULL;
    }
    TAILQ_REMOVE(&client->producers, p, link);
    lc_producer_unref(p);
}

static void on_stop(struct leat_client *client, struct lc_command *command)
{
    struct leat_producer *p = command->owner;

    (void)client;
    p->stopped = true;
    lc_sender_cancel(p, LEAT_ECANCELED); /* the turn drops it when nothing is in flight */
}

void leat_producer_free(struct leat_producer *p)
{
    struct leat_client *client;

    if (p == NULL || lc_client_forked(p->client)) {
        return;
    }
    client = p->client;
    (void)pthread_mutex_lock(&p->lock);
    p->closed = true;
    (void)pthread_cond_broadcast(&p->cond);
    (void)pthread_mutex_unlock(&p->lock);
    lc_client_submit(client, &p->stop);
    if (!client->has_thread && client->depth == 0) {
        lc_client_enter(client);
        lc_client_turn(client);
        lc_client_leave(client);
    }
    lc_producer_unref(p);
    lc_client_drop(client);
}

void lc_producer_unref(struct leat_producer *p)
{
    if (atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    lc_accumulator_release(p);
    leat_conf_free(p->conf);
    (void)pthread_cond_destroy(&p->cond);
    (void)pthread_mutex_destroy(&p->lock);
    lt_free(p);
}

/* ---- sending ---- */

static int
send_record(struct leat_producer *p, const struct leat_record *rec, const struct lc_send *how)
{
    bool wake = false;
    int err;

    (void)pthread_mutex_lock(&p->lock);
    err = p->closed ? LEAT_ECLOSED : lc_accumulator_append(p, rec, how, &wake);
    if (wake) {
        /* Under the lock: without it a callback for this record may have freed the producer already. */
        lc_client_wake(p->client);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return err;
}

static int
send_checked(struct leat_producer *p, const struct leat_record *rec, const struct lc_send *how)
{
    if (p == NULL || rec == NULL || rec->topic == NULL) {
        return LEAT_EINVAL;
    }
    if (lc_client_forked(p->client)) {
        return LEAT_EFORKED;
    }
    return send_record(p, rec, how);
}

int leat_send(struct leat_producer *p,
              const struct leat_record *rec,
              leat_delivery_cb cb,
              void *arg)
{
    const struct lc_send how = {.sink = {cb, arg}};

    return send_checked(p, rec, &how);
}

int leat_send_borrowed(struct leat_producer *p,
                       const struct leat_record *rec,
                       leat_release_cb release,
                       leat_delivery_cb cb,
                       void *arg)
{
    struct lt_slice value = rec == NULL ? LT_SLICE_NULL : rec->value;
    bool borrows = p != NULL && p->codec == PROTO_CODEC_NONE && value.size >= BORROWED_MIN;
    const struct lc_send how = {.sink = {cb, arg}, .release = borrows ? release : NULL};
    int err;

    if (release == NULL) {
        return LEAT_EINVAL;
    }
    err = send_checked(p, rec, &how);
    if (err < 0 || !borrows) {
        release(value.data, value.size, arg);
    }
    return err;
}

/* Shared by the waiting caller and the delivery; whoever leaves last frees it. */
struct sync_wait {
    struct leat_producer *p;
    int refs; /* p->lock */
    bool done;
    int code;
    char *message;
    int32_t partition;
    int64_t offset;
    int64_t timestamp;
};

/* p->lock is held; returns true if it is gone. */
static void drop_wait(struct sync_wait *wait)
{
    if (--wait->refs == 0) {
        lt_free(wait->message);
        lt_free(wait);
    }
}

void lc_sync_delivery(const struct leat_delivery *d, void *arg)
{
    struct sync_wait *wait = arg;
    struct leat_producer *p = wait->p;
    const struct leat_record *rec = leat_delivery_record(d);

    (void)pthread_mutex_lock(&p->lock);
    wait->code = leat_delivery_code(d);
    wait->message = wait->code == 0 ? NULL : lt_strdup(leat_delivery_message(d));
    if (rec != NULL) {
        wait->partition = rec->partition;
        wait->offset = rec->offset;
        wait->timestamp = rec->timestamp;
    }
    wait->done = true;
    (void)pthread_cond_broadcast(&p->cond);
    drop_wait(wait);
    (void)pthread_mutex_unlock(&p->lock);
}

/* Queue and wait, with p->lock held by nobody. */
static int wait_for_record(struct leat_producer *p,
                           struct sync_wait *wait,
                           int64_t deadline,
                           struct leat_record *rec)
{
    bool in_time = true;
    int err = LEAT_ETIMEDOUT;

    (void)pthread_mutex_lock(&p->lock);
    while (!wait->done && in_time) {
        in_time = lc_client_wait(p->client, &p->cond, &p->lock, deadline);
    }
    if (wait->done) {
        err = wait->code;
        if (err == 0) {
            rec->partition = wait->partition;
            rec->offset = wait->offset;
            rec->timestamp = wait->timestamp;
        }
    }
    (void)pthread_mutex_unlock(&p->lock);
    return err;
}

/* leat_send that ends at the deadline, if max.block.ms does not end it before; a client on a base turns the loop while the topic is not known yet. */
static int queue_record(struct leat_producer *p,
                        const struct leat_record *rec,
                        struct sync_wait *wait,
                        int64_t deadline)
{
    int64_t block = lc_deadline(p->client->clock, p->max_block_ms);
    const struct lc_send how = {.sink = {lc_sync_delivery, wait},
                                .urgent = true,
                                .deadline = block < deadline ? block : deadline};
    int err = send_record(p, rec, &how);
    bool in_time = true;

    while (err == LEAT_EAGAIN && !p->client->has_thread && in_time) {
        (void)pthread_mutex_lock(&p->lock);
        in_time = lc_client_wait(p->client, &p->cond, &p->lock, how.deadline);
        (void)pthread_mutex_unlock(&p->lock);
        err = in_time ? send_record(p, rec, &how) : LEAT_ETIMEDOUT;
    }
    return err;
}

int leat_send_sync(struct leat_producer *p,
                   struct leat_record *rec,
                   int timeout_ms,
                   struct leat_error **reterr)
{
    struct sync_wait *wait;
    int64_t deadline;
    int err;

    if (p == NULL || rec == NULL || rec->topic == NULL) {
        return lt_error_set(reterr, LEAT_EINVAL,
                            "leat_send_sync: producer, record or topic missing");
    }
    if (lc_client_forked(p->client)) {
        return lt_error_set(reterr, LEAT_EFORKED, "%s", leat_strerror(LEAT_EFORKED));
    }
    if (!lc_client_may_wait(p->client)) {
        return lt_error_set(reterr, LEAT_EAGAIN,
                            "this call waits, which is not possible inside a callback");
    }
    wait = lt_calloc(1, sizeof(*wait));
    if (wait == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "leat_send_sync: out of memory");
    }
    deadline = lc_deadline(p->client->clock, timeout_ms);
    wait->p = p;
    wait->refs = 2;
    err = queue_record(p, rec, wait, deadline);
    if (err < 0) {
        lt_free(wait);
        return lt_error_set(reterr, err, "%s: %s", rec->topic, leat_strerror(err));
    }
    err = wait_for_record(p, wait, deadline, rec);
    if (err < 0) {
        (void)lt_error_set(reterr, err, "%s: %s", rec->topic,
                           wait->message == NULL ? leat_strerror(err) : wait->message);
    }
    (void)pthread_mutex_lock(&p->lock);
    drop_wait(wait);
    (void)pthread_mutex_unlock(&p->lock);
    return err;
}

/* ---- flush ---- */

/* Records in batches that were opened before this flush. p->lock is held. */
static size_t records_before(const struct leat_producer *p, uint64_t flush)
{
    const struct lc_batch *batch;
    size_t count = 0;

    TAILQ_FOREACH (batch, &p->all, in_all) {
        if (batch->flush >= flush) {
            break;
        }
        count += (size_t)batch->builder.record_count;
    }
    return count;
}

static bool batches_before(const struct leat_producer *p, uint64_t flush)
{
    const struct lc_batch *oldest = TAILQ_FIRST(&p->all);

    return oldest != NULL && oldest->flush < flush;
}

int leat_producer_flush(struct leat_producer *p, int timeout_ms)
{
    struct leat_client *client;
    int64_t deadline;
    uint64_t flush;
    bool in_time = true;
    size_t left;

    if (p == NULL) {
        return LEAT_EINVAL;
    }
    client = p->client;
    if (lc_client_forked(client)) {
        return LEAT_EFORKED;
    }
    if (!lc_client_may_wait(client)) {
        return LEAT_EAGAIN;
    }
    deadline = lc_deadline(client->clock, timeout_ms);
    (void)pthread_mutex_lock(&p->lock);
    flush = ++p->flushes;
    lc_client_wake(client);
    while (batches_before(p, flush) && in_time) {
        if (client->dispatch && lc_due_any(client)) {
            /* Not leat_client_dispatch: the descriptor may also tell of records for a consumer. */
            (void)pthread_mutex_unlock(&p->lock);
            (void)lc_due_run(client); /* how many ran does not matter */
            (void)pthread_mutex_lock(&p->lock);
            continue;
        }
        in_time = lc_client_wait(client, &p->cond, &p->lock, deadline);
    }
    left = records_before(p, flush);
    (void)pthread_mutex_unlock(&p->lock);
    return left > INT32_MAX ? INT32_MAX : (int)left;
}

size_t leat_producer_pending(const struct leat_producer *p)
{
    struct leat_producer *own;
    size_t pending;

    if (p == NULL || lc_client_forked(p->client)) {
        return 0;
    }
    memcpy(&own, &p, sizeof(own)); /* the lock is not part of what const promises */
    (void)pthread_mutex_lock(&own->lock);
    pending = own->pending;
    (void)pthread_mutex_unlock(&own->lock);
    return pending;
}

/* ---- the loop's side ---- */

static bool is_done(struct leat_producer *p)
{
    bool done;

    (void)pthread_mutex_lock(&p->lock);
    done = p->stopped && TAILQ_EMPTY(&p->active);
    (void)pthread_mutex_unlock(&p->lock);
    return done;
}

int64_t lc_producers_turn(struct leat_client *client, int64_t now)
{
    struct leat_producer *p = TAILQ_FIRST(&client->producers);
    int64_t next = LC_NEVER;

    while (p != NULL) {
        struct leat_producer *following = TAILQ_NEXT(p, link);
        int64_t at = lc_sender_turn(p, now);

        next = at < next ? at : next;
        if (is_done(p)) {
            leave_loop(client, p);
        }
        p = following;
    }
    return next;
}

void lc_producers_end(struct leat_client *client)
{
    struct leat_producer *p;

    TAILQ_FOREACH (p, &client->producers, link) {
        lc_sender_cancel(p, LEAT_ECANCELED);
    }
}

void lc_producers_release(struct leat_client *client)
{
    struct leat_producer *p;

    (void)lc_due_run(client); /* how many ran does not matter */
    while ((p = TAILQ_FIRST(&client->producers)) != NULL) {
        leave_loop(client, p);
    }
}

int lc_producers_dispatch(struct leat_client *client)
{
    return lc_due_run(client);
}
