/* delivery.c: see delivery.h. */
#include "client/delivery.h"

#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/assert.h"
#include "client/producer_impl.h"

/* Made for the run over one batch; records are decoded only when a callback asks. */
struct leat_delivery {
    struct lc_batch *batch;
    int32_t index; /* of the record that is told about */
    struct walk *walk;
};

struct walk {
    struct proto_builder_walk raw;
    struct leat_record rec;
    struct lt_arena arena; /* its headers */
    int32_t decoded;       /* index of rec; -1 = none yet */
    int32_t lacking;       /* index of the last record that memory was missing for; -1 = none */
};

int leat_delivery_code(const struct leat_delivery *d)
{
    return d == NULL ? LEAT_EINVAL : d->batch->err;
}

const char *leat_delivery_message(const struct leat_delivery *d)
{
    if (d == NULL || d->batch->err == 0) {
        return "";
    }
    return d->batch->message != NULL ? d->batch->message : leat_strerror(d->batch->err);
}

/* Headers with names that end in NUL. */
static int copy_headers(struct walk *walk, const struct proto_record *raw)
{
    struct proto_record_header_iter iter;
    struct proto_record_header *headers;

    if (raw->header_count == 0) {
        return 0;
    }
    headers = lt_arena_calloc(&walk->arena, (size_t)raw->header_count, sizeof(*headers));
    if (headers == NULL) {
        return LEAT_ENOMEM;
    }
    proto_record_headers_open(raw, &iter);
    for (int32_t i = 0; i < raw->header_count; i++) {
        int got = proto_record_header_next(&iter, &headers[i]);

        LT_ASSERT(got == 1);
        headers[i].key.data = (uint8_t *)lt_arena_text(&walk->arena, headers[i].key);
        if (headers[i].key.data == NULL) {
            return LEAT_ENOMEM;
        }
    }
    walk->rec.headers = headers;
    walk->rec.header_count = (size_t)raw->header_count;
    return 0;
}

static int decode_next(struct walk *walk, const struct lc_batch *batch)
{
    struct proto_record raw;
    bool got = proto_builder_walk_next(&walk->raw, &raw);

    LT_ASSERT(got); /* as many as there are callbacks */
    walk->decoded++;
    lc_record_reset(&walk->rec);
    walk->rec.topic = batch->partition->topic->name;
    walk->rec.partition = batch->partition->index;
    walk->rec.offset = batch->base_offset < 0 ? -1 : batch->base_offset + walk->decoded;
    walk->rec.offset_delta = walk->decoded;
    walk->rec.timestamp = batch->append_time < 0 ? raw.timestamp : batch->append_time;
    walk->rec.key = raw.key;
    walk->rec.value = raw.value;
    return copy_headers(walk, &raw);
}

const struct leat_record *leat_delivery_record(const struct leat_delivery *d)
{
    struct walk *walk;

    if (d == NULL) {
        return NULL;
    }
    walk = d->walk;
    while (walk->decoded < d->index) {
        if (decode_next(walk, d->batch) < 0) {
            walk->lacking = walk->decoded;
        }
    }
    return walk->lacking == d->index ? NULL : &walk->rec;
}

static void start_walk(struct walk *walk, const struct lc_batch *batch)
{
    proto_builder_walk_init(&walk->raw, &batch->builder);
    lt_arena_init(&walk->arena, 0);
    walk->decoded = -1;
    walk->lacking = -1;
}

/* Callbacks of leat_send_sync (`sync`) or those of applications; returns how many ran. */
static int run_sinks(struct lc_batch *batch, bool sync)
{
    struct walk walk;
    struct leat_delivery delivery = {.batch = batch, .walk = &walk};
    int count = 0;

    if (!batch->has_sinks) {
        return 0;
    }
    start_walk(&walk, batch);
    for (int32_t i = 0; i < batch->builder.record_count; i++) {
        const struct lc_sink *sink = &batch->sinks[i];

        if (sink->cb != NULL && (sink->cb == lc_sync_delivery) == sync) {
            delivery.index = i;
            sink->cb(&delivery, sink->arg);
            count++;
        }
    }
    lt_arena_release(&walk.arena);
    return count;
}

/* Nobody looks at the borrowed values any more. Returns how many were given back. */
static int give_back(struct lc_batch *batch)
{
    const struct proto_batch_builder *builder = &batch->builder;

    for (size_t i = 0; i < builder->hole_count; i++) {
        batch->loans[i].release(builder->holes[i].bytes.data, builder->holes[i].bytes.size,
                                batch->loans[i].arg);
    }
    return (int)builder->hole_count;
}

/* What of a batch runs in the application; returns how many callbacks that were. */
static int run_application(struct lc_batch *batch)
{
    int count = run_sinks(batch, false);

    return count + give_back(batch);
}

static void count_batch(struct lc_stats *stats, const struct lc_batch *batch)
{
    int64_t records = batch->builder.record_count;

    if (batch->err < 0) {
        lc_stat_add(stats, LC_STAT_PRODUCE_FAILED, records);
        return;
    }
    lc_stat_add(stats, LC_STAT_PRODUCE_BATCHES, 1);
    lc_stat_add(stats, LC_STAT_PRODUCE_RECORDS, records);
    lc_stat_add(stats, LC_STAT_PRODUCE_BYTES, (int64_t)batch->builder.size);
    lc_stat_add(stats, LC_STAT_PRODUCE_BYTES_SENT, (int64_t)batch->size);
}

static void recycle(struct leat_producer *p, struct lc_batch *batch)
{
    (void)pthread_mutex_lock(&p->lock);
    lc_batch_recycle(p, batch);
    (void)pthread_mutex_unlock(&p->lock);
}

void lc_batch_deliver(struct leat_producer *p, struct lc_batch *batch)
{
    struct leat_client *client = p->client;

    count_batch(&client->stats, batch);
    (void)run_sinks(batch, true); /* they are not the application's */
    if ((batch->has_sinks || batch->builder.hole_count > 0) && client->dispatch) {
        (void)atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
        (void)pthread_mutex_lock(&client->lock);
        STAILQ_INSERT_TAIL(&client->due, batch, link);
        (void)pthread_mutex_unlock(&client->lock);
        (void)pthread_mutex_lock(&p->lock);
        (void)pthread_cond_broadcast(&p->cond); /* leat_producer_flush runs them itself */
        (void)pthread_mutex_unlock(&p->lock);
        lc_client_signal(client);
        return;
    }
    client->callbacks += run_application(batch);
    recycle(p, batch);
}

bool lc_due_any(struct leat_client *client)
{
    bool any;

    (void)pthread_mutex_lock(&client->lock);
    any = !STAILQ_EMPTY(&client->due);
    (void)pthread_mutex_unlock(&client->lock);
    return any;
}

/* What this thread is inside of: a callback may dispatch another client. */
struct running {
    const struct leat_client *client;
    const struct running *outer;
};

static _Thread_local const struct running *innermost;

bool lc_due_running(const struct leat_client *client)
{
    const struct running *running = innermost;

    while (running != NULL && running->client != client) {
        running = running->outer;
    }
    return running != NULL;
}

int lc_due_run(struct leat_client *client)
{
    const struct running running = {client, innermost};
    struct lc_due_list due = STAILQ_HEAD_INITIALIZER(due);
    struct lc_batch *batch;
    int count = 0;

    (void)pthread_mutex_lock(&client->lock);
    STAILQ_CONCAT(&due, &client->due);
    (void)pthread_mutex_unlock(&client->lock);
    innermost = &running;
    while ((batch = STAILQ_FIRST(&due)) != NULL) {
        struct leat_producer *p = batch->producer;

        STAILQ_REMOVE_HEAD(&due, link);
        count += run_application(batch);
        recycle(p, batch);
        lc_producer_unref(p);
    }
    innermost = running.outer;
    return count;
}
