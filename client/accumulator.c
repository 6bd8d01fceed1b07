/* accumulator.c: see accumulator.h. */
#include "client/accumulator.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

#define SINKS_FIRST 64
#define LOANS_FIRST 16
#define RECORD_OVERHEAD_MAX 32 /* bytes of a record without headers beside key and value, at most */

static struct lc_send_topic *find_topic(struct leat_producer *p, const char *name);
static int wait_more(struct leat_producer *p, int64_t *deadline);
static int wait_topic(struct leat_producer *p, struct lc_send_topic *topic, int64_t *deadline);
static bool
has_room(struct leat_producer *p, struct lc_batch *batch, const struct proto_new_record *rec);
static int open_batch(struct leat_producer *p,
                      struct lc_send_partition *part,
                      size_t record_size,
                      size_t outside,
                      int64_t *deadline);

/* Choose the partition; waits until the topic is known. */
static int choose_partition(struct leat_producer *p,
                            const struct leat_record *rec,
                            int64_t *deadline,
                            struct lc_send_partition **ret_part)
{
    struct lc_send_topic *topic = find_topic(p, rec->topic);
    int32_t partition = rec->partition;

    if (topic == NULL) {
        return LEAT_ENOMEM;
    }
    if (topic->partition_count == 0) {
        int err = wait_topic(p, topic, deadline);

        if (err < 0) {
            return err;
        }
    }
    if (partition < 0) {
        partition = lc_partition_for(p->partitioner, rec->key, topic->partition_count,
                                     rec->key.size + rec->value.size + RECORD_OVERHEAD_MAX,
                                     p->batch_size, &topic->sticky, &p->random);
    } else if (partition >= topic->partition_count) {
        p->new_topics = true; /* it may have grown: look again */
        return LEAT_BROKER_ERROR(3);
    }
    *ret_part = topic->partitions[partition];
    return 0;
}

int lc_accumulator_append(struct leat_producer *p,
                          const struct leat_record *rec,
                          const struct lc_send *how,
                          bool *ret_wake)
{
    const struct proto_new_record fresh = {
        .timestamp = rec->timestamp < 0 ? lt_clock_wall_ms(p->client->clock) : rec->timestamp,
        .key = rec->key,
        .value = rec->value,
        .headers = rec->headers,
        .header_count = rec->header_count};
    struct proto_batch_builder empty = {.size = PROTO_BATCH_HEADER_SIZE};
    struct lc_send_partition *part = NULL;
    int64_t deadline = how->deadline;
    size_t record_size = 0;
    int err = choose_partition(p, rec, &deadline, &part);

    while (err == 0 && (part->open == NULL || !has_room(p, part->open, &fresh))) {
        if (part->open != NULL) {
            lc_partition_close_open(part);
            *ret_wake = true;
        }
        if (record_size == 0) {
            record_size = proto_batch_builder_record_size(&empty, &fresh);
            if (record_size > p->batch_size_max - PROTO_BATCH_HEADER_SIZE) {
                err = LEAT_E2BIG;
                break;
            }
        }
        err =
            open_batch(p, part, record_size, how->release == NULL ? 0 : rec->value.size, &deadline);
        if (err == 0) {
            break;
        }
        err = err == LEAT_EPENDING ? 0 : err; /* has waited: the partition may look different */
    }
    if (err == 0) {
        err = lc_batch_add(part->open, &fresh, how);
    }
    lc_partition_update(p, part);
    if (err < 0) {
        return err;
    }
    p->pending++;
    part->open->urgent = part->open->urgent || how->urgent;
    /* With an earlier batch queued or in flight its answer makes the turn; waking the loop for every record would only
     * cost. */
    if (STAILQ_EMPTY(&part->queue)) {
        *ret_wake = *ret_wake || how->urgent || part->open->builder.size >= p->batch_size ||
                    part->open->created + p->linger_ns <
                        atomic_load_explicit(&p->client->timer_at, memory_order_relaxed);
    }
    return 0;
}

/* ---- topics ---- */

static unsigned bucket_of(const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (; *name != '\0'; name++) {
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    }
    return hash % LC_TOPIC_BUCKETS;
}

static struct lc_send_topic *find_topic(struct leat_producer *p, const char *name)
{
    struct lc_send_topic *topic = p->last_topic;
    struct lc_send_topic **bucket;

    if (topic != NULL && strcmp(topic->name, name) == 0) {
        return topic;
    }
    bucket = &p->buckets[bucket_of(name)];
    for (topic = *bucket; topic != NULL && strcmp(topic->name, name) != 0; topic = topic->next) {
    }
    if (topic == NULL) {
        topic = lt_calloc(1, sizeof(*topic));
        if (topic == NULL) {
            return NULL;
        }
        topic->name = lt_strdup(name);
        if (topic->name == NULL) {
            lt_free(topic);
            return NULL;
        }
        topic->sticky.partition = -1;
        topic->next = *bucket;
        *bucket = topic;
        TAILQ_INSERT_TAIL(&p->topics, topic, in_topics);
    }
    p->last_topic = topic;
    return topic;
}

int lc_topic_grow(struct lc_send_topic *topic, int32_t partition_count)
{
    void *grown =
        lt_reallocarray(topic->partitions, (size_t)partition_count, sizeof(topic->partitions[0]));

    if (grown == NULL) {
        return LEAT_ENOMEM;
    }
    topic->partitions = grown;
    while (topic->partition_count < partition_count) {
        struct lc_send_partition *part = lt_calloc(1, sizeof(*part));

        if (part == NULL) {
            return LEAT_ENOMEM;
        }
        part->topic = topic;
        part->index = topic->partition_count;
        STAILQ_INIT(&part->queue);
        topic->partitions[topic->partition_count++] = part;
    }
    return 0;
}

/* ---- waiting ---- */

/* Wait until something of the producer changes. LEAT_EAGAIN: this thread must not; LEAT_ETIMEDOUT: max.block.ms is over. */
static int wait_more(struct leat_producer *p, int64_t *deadline)
{
    if (!p->client->has_thread || !lc_client_may_wait(p->client)) {
        lc_client_wake(p->client);
        return LEAT_EAGAIN;
    }
    if (*deadline == 0) {
        *deadline = lc_deadline(p->client->clock, p->max_block_ms);
    }
    lc_client_wake(p->client);
    return lc_client_wait(p->client, &p->cond, &p->lock, *deadline) ? 0 : LEAT_ETIMEDOUT;
}

/* An error that the broker gave the topic before this call may be over: it is asked again, and only a fresh answer counts. */
static int wait_topic(struct leat_producer *p, struct lc_send_topic *topic, int64_t *deadline)
{
    unsigned before = topic->answers;

    while (topic->partition_count == 0) {
        bool lasting = topic->code < 0 && !leat_error_is_retriable(topic->code);
        int err;

        if (lasting && topic->answers != before) {
            return topic->code;
        }
        p->new_topics = true;
        err = wait_more(p, deadline);
        if (p->closed) {
            return LEAT_ECLOSED;
        }
        if (err == LEAT_ETIMEDOUT && topic->partition_count == 0) {
            return topic->code < 0 ? topic->code : err;
        }
        if (err == LEAT_EAGAIN) {
            return lasting ? topic->code : err;
        }
    }
    return 0;
}

/* ---- batches ---- */

/* Does the record fit into the open batch? While an earlier batch waits or is in flight it may grow. */
static bool
has_room(struct leat_producer *p, struct lc_batch *batch, const struct proto_new_record *rec)
{
    size_t limit = STAILQ_EMPTY(&batch->partition->queue) ? p->batch_size : p->batch_size_max;
    size_t after = batch->builder.size + rec->key.size + rec->value.size + RECORD_OVERHEAD_MAX;

    if (after > limit || rec->header_count > 0) {
        size_t more = proto_batch_builder_record_size(&batch->builder, rec);

        if (more > limit || batch->builder.size + more > limit) {
            return false;
        }
        after = batch->builder.size + more;
    }
    if (after > batch->charged) {
        /* The batch grows by steps that are paid for; where memory is short it is closed instead. */
        size_t step =
            after - batch->charged > p->batch_size ? after - batch->charged : p->batch_size;

        if (p->memory_used + step > p->memory_max) {
            return false;
        }
        p->memory_used += step;
        lc_stat_add(&p->client->stats, LC_STAT_PRODUCE_MEMORY, (int64_t)step);
        batch->charged += step;
    }
    return true;
}

static struct lc_batch *take_batch(struct leat_producer *p, size_t size)
{
    struct lc_batch *batch = STAILQ_FIRST(&p->pool);

    if (batch != NULL) {
        STAILQ_REMOVE_HEAD(&p->pool, link);
        p->pool_size -= batch->builder.bytes.capacity;
    } else {
        batch = lt_calloc(1, sizeof(*batch));
        if (batch == NULL) {
            return NULL;
        }
        proto_batch_builder_init(&batch->builder);
    }
    if (lt_buf_reserve(&batch->builder.bytes, size) < 0) {
        lc_batch_discard(batch);
        return NULL;
    }
    batch->producer = p;
    return batch;
}

/* Give the partition an open batch, for a record of which `outside` bytes are not copied. LEAT_EPENDING: has waited for memory, look again. */
static int open_batch(struct leat_producer *p,
                      struct lc_send_partition *part,
                      size_t record_size,
                      size_t outside,
                      int64_t *deadline)
{
    size_t charge = PROTO_BATCH_HEADER_SIZE + record_size;
    size_t reserve = charge - outside;
    struct lc_batch *batch;

    charge = charge < p->batch_size ? p->batch_size : charge;
    reserve = reserve < p->batch_size ? p->batch_size : reserve;
    if (p->memory_used > 0 && p->memory_used + charge > p->memory_max) {
        int err;

        lc_partition_update(p, part);
        p->waiting++;
        err = wait_more(p, deadline);
        p->waiting--;
        return p->closed ? LEAT_ECLOSED : err == 0 ? LEAT_EPENDING : err;
    }
    batch = take_batch(p, reserve);
    if (batch == NULL) {
        return LEAT_ENOMEM;
    }
    batch->partition = part;
    batch->charged = charge;
    batch->created = lt_clock_mono_ns(p->client->clock);
    batch->flush = p->flushes;
    batch->base_offset = -1;
    batch->append_time = -1;
    p->memory_used += charge;
    lc_stat_add(&p->client->stats, LC_STAT_PRODUCE_MEMORY, (int64_t)charge);
    TAILQ_INSERT_TAIL(&p->all, batch, in_all);
    part->open = batch;
    return 0;
}

struct lc_batch *lc_batch_like(struct leat_producer *p, const struct lc_batch *batch)
{
    struct lc_batch *fresh = take_batch(p, p->batch_size);

    if (fresh == NULL) {
        return NULL;
    }
    fresh->partition = batch->partition;
    fresh->created = batch->created;
    fresh->flush = batch->flush;
    fresh->urgent = true;
    fresh->base_offset = -1;
    fresh->append_time = -1;
    return fresh;
}

static int add_sink(struct lc_batch *batch, size_t index, struct lc_sink sink)
{
    if (sink.cb == NULL && !batch->has_sinks) {
        return 0;
    }
    if (index >= batch->sink_capacity) {
        size_t capacity = batch->sink_capacity == 0 ? SINKS_FIRST : batch->sink_capacity * 2;
        void *sinks;

        capacity = capacity <= index ? index + SINKS_FIRST : capacity;
        sinks = lt_reallocarray(batch->sinks, capacity, sizeof(batch->sinks[0]));
        if (sinks == NULL) {
            return LEAT_ENOMEM;
        }
        batch->sinks = sinks;
        batch->sink_capacity = capacity;
    }
    if (!batch->has_sinks) {
        memset(batch->sinks, 0, index * sizeof(batch->sinks[0]));
        batch->has_sinks = true;
    }
    batch->sinks[index] = sink;
    return 0;
}

static int add_loan(struct lc_batch *batch, const struct lc_send *how)
{
    size_t index = batch->builder.hole_count;

    if (index == batch->loan_capacity) {
        size_t capacity = index == 0 ? LOANS_FIRST : index * 2;
        void *loans = lt_reallocarray(batch->loans, capacity, sizeof(batch->loans[0]));

        if (loans == NULL) {
            return LEAT_ENOMEM;
        }
        batch->loans = loans;
        batch->loan_capacity = capacity;
    }
    batch->loans[index] = (struct lc_loan){how->release, how->sink.arg};
    return 0;
}

int lc_batch_add(struct lc_batch *batch,
                 const struct proto_new_record *rec,
                 const struct lc_send *how)
{
    int err = add_sink(batch, (size_t)batch->builder.record_count, how->sink);

    if (err == 0 && how->release != NULL) {
        err = add_loan(batch, how);
        return err < 0 ? err : proto_batch_builder_add_hole(&batch->builder, rec);
    }
    return err < 0 ? err : proto_batch_builder_add(&batch->builder, rec);
}

void lc_partition_close_open(struct lc_send_partition *part)
{
    struct lc_batch *batch = part->open;

    part->open = NULL;
    STAILQ_INSERT_TAIL(&part->queue, batch, link);
}

void lc_partition_update(struct leat_producer *p, struct lc_send_partition *part)
{
    bool active;

    if (part == NULL) {
        return;
    }
    active = part->open != NULL || !STAILQ_EMPTY(&part->queue);
    if (active && !part->active) {
        TAILQ_INSERT_TAIL(&p->active, part, in_active);
    } else if (!active && part->active) {
        TAILQ_REMOVE(&p->active, part, in_active);
    }
    part->active = active;
}

void lc_batch_discard(struct lc_batch *batch)
{
    if (batch == NULL) {
        return;
    }
    proto_batch_builder_release(&batch->builder);
    lt_free(batch->message);
    lt_free(batch->sinks);
    lt_free(batch->loans);
    lt_free(batch->iov);
    lt_free(batch);
}

void lc_batch_recycle(struct leat_producer *p, struct lc_batch *batch)
{
    TAILQ_REMOVE(&p->all, batch, in_all);
    p->memory_used -= batch->charged;
    lc_stat_add(&p->client->stats, LC_STAT_PRODUCE_MEMORY, -(int64_t)batch->charged);
    p->pending -= (size_t)batch->builder.record_count;
    (void)pthread_cond_broadcast(&p->cond);
    if (p->closed ||
        p->pool_size + batch->builder.bytes.capacity > p->memory_max - p->memory_used) {
        lc_batch_discard(batch);
        return;
    }
    proto_batch_builder_reset(&batch->builder);
    lt_free(batch->message);
    {
        struct lc_batch kept = {.builder = batch->builder,
                                .sinks = batch->sinks,
                                .sink_capacity = batch->sink_capacity,
                                .loans = batch->loans,
                                .loan_capacity = batch->loan_capacity,
                                .iov = batch->iov,
                                .iov_capacity = batch->iov_capacity};

        *batch = kept;
    }
    p->pool_size += batch->builder.bytes.capacity;
    STAILQ_INSERT_HEAD(&p->pool, batch, link);
}

void lc_accumulator_release(struct leat_producer *p)
{
    struct lc_batch *batch;
    struct lc_send_topic *topic;

    LT_ASSERT(TAILQ_EMPTY(&p->all));
    while ((batch = STAILQ_FIRST(&p->pool)) != NULL) {
        STAILQ_REMOVE_HEAD(&p->pool, link);
        lc_batch_discard(batch);
    }
    while ((topic = TAILQ_FIRST(&p->topics)) != NULL) {
        TAILQ_REMOVE(&p->topics, topic, in_topics);
        for (int32_t i = 0; i < topic->partition_count; i++) {
            lt_free(topic->partitions[i]);
        }
        lt_free(topic->partitions);
        lt_free(topic->name);
        lt_free(topic);
    }
}
