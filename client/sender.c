/* sender.c: the loop's side of a producer: which batches are due, requests out, answers in, retries.
 *
 *   lc_sender_turn   metadata -> close due batches -> pick those that may go -> one Produce request per leader -> broker_conn
 *   on_answer        per partition: delivered, or back to the head of its queue with a pause, or failed
 *
 * Locks: a batch in flight belongs to the loop alone; everything else is looked at under producer->lock. Failed and delivered batches are collected
 * in a list and told about after the lock is released. Source: Kafka Sender, RecordAccumulator; KIP-91 (delivery timeout). */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "client/delivery.h"
#include "client/producer_impl.h"
#include "proto/errors.h"

#define NS_PER_MS 1000000
#define TARGETS_MAX 16 /* leaders served in one turn; others follow in the next */
#define REQUEST_BATCHES_MAX 4096
#define VERSION_NEWEST 12 /* 13 names topics by id */
#define TIMEOUT_LEAST_MS 1000
#define ZSTD_VERSION 7 /* oldest Produce that may carry zstd */

/* Batches for one leader. */
struct target {
    struct lc_broker *broker;
    struct lc_batch **batches;
    size_t count;
    size_t capacity;
    size_t size; /* bytes before compression */
};

/* One Produce request on its way. */
struct sent {
    struct leat_producer *p;
    size_t count;
    struct lc_batch *batches[];
};

static int64_t update_topics(struct leat_producer *p, int64_t now);
static int64_t collect(struct leat_producer *p,
                       int64_t now,
                       struct target *targets,
                       size_t *ret_count,
                       struct lc_batch_list *failed);
static void send_target(struct leat_producer *p, struct target *target);
static void on_answer(struct leat_client *client, const struct lc_answer *answer, void *arg);
static void settle(struct leat_producer *p,
                   struct lc_batch *const *batches,
                   size_t count,
                   int err,
                   const char *message,
                   struct lc_batch_list *done);
static void deliver_all(struct leat_producer *p, struct lc_batch_list *done);

int64_t lc_sender_turn(struct leat_producer *p, int64_t now)
{
    struct target targets[TARGETS_MAX];
    struct lc_batch_list failed = STAILQ_HEAD_INITIALIZER(failed);
    size_t count = 0;
    int64_t next;
    int64_t at;

    memset(targets, 0, sizeof(targets));
    (void)pthread_mutex_lock(&p->lock);
    at = update_topics(p, now);
    next = collect(p, now, targets, &count, &failed);
    next = at < next ? at : next;
    (void)pthread_mutex_unlock(&p->lock);
    deliver_all(p, &failed);
    for (size_t i = 0; i < count; i++) {
        send_target(p, &targets[i]);
        lt_free(targets[i].batches);
    }
    return next;
}

/* Take what the metadata says; ask for topics that are new. Returns when to look again, for want of memory. */
static int64_t update_topics(struct leat_producer *p, int64_t now)
{
    int64_t pause_ms = lc_conf_number(p->client->conf, LC_CONF_RETRY_BACKOFF_MS);
    struct lc_send_topic *topic;
    int64_t next = LC_NEVER;
    bool changed = false;

    if (p->new_topics) {
        p->new_topics = false;
        lc_metadata_refresh(p->client);
    }
    TAILQ_FOREACH (topic, &p->topics, in_topics) {
        struct lc_topic *known = topic->metadata;

        if (known == NULL) {
            known = lc_metadata_topic(p->client, topic->name, true);
            topic->metadata = known;
            next = known == NULL ? now + pause_ms * NS_PER_MS : next;
        }
        if (known == NULL || !known->known || known->answers == topic->answers) {
            continue;
        }
        topic->answers = known->answers;
        topic->code = known->code;
        changed = true;
        if (known->code == 0 && known->partition_count > topic->partition_count) {
            (void)lc_topic_grow(topic, known->partition_count); /* without memory: next time */
        }
    }
    if (changed) {
        (void)pthread_cond_broadcast(&p->cond);
    }
    return next;
}

static bool is_in_flight(const struct lc_send_partition *part)
{
    const struct lc_batch *head = STAILQ_FIRST(&part->queue);

    return head != NULL && head->in_flight;
}

/* Move a batch that will not be sent to the list of those that are done. */
static void fail_batch(struct lc_batch *batch, int err, struct lc_batch_list *failed)
{
    if (batch->err == 0 || err == LEAT_ECANCELED) {
        batch->err = err;
    }
    STAILQ_INSERT_TAIL(failed, batch, link);
}

/* The time of a batch is over: the last error counts, or else that nobody could be reached. */
static void fail_late(struct leat_producer *p, struct lc_batch *batch, struct lc_batch_list *failed)
{
    struct lt_buf text = {0};

    if (batch->err == 0 && lc_metadata_reasons(p->client, &text)) {
        const char *message = lt_buf_text(&text);

        batch->err = LEAT_EUNREACHABLE;
        batch->message = message == NULL ? NULL : lt_strdup(message);
    }
    lt_buf_release(&text);
    fail_batch(batch, LEAT_ETIMEDOUT, failed);
}

/* Batches whose time is over, oldest first. In flight: their request decides. Returns when the next one is over. */
static int64_t expire(struct leat_producer *p, int64_t now, struct lc_batch_list *failed)
{
    struct lc_batch *batch = TAILQ_FIRST(&p->all);

    while (batch != NULL && batch->created + p->delivery_timeout_ns <= now) {
        struct lc_batch *following = TAILQ_NEXT(batch, in_all);
        struct lc_send_partition *part = batch->partition;

        if (batch == part->open) {
            part->open = NULL;
            fail_late(p, batch, failed);
        } else if (!batch->in_flight && batch == STAILQ_FIRST(&part->queue)) {
            STAILQ_REMOVE_HEAD(&part->queue, link);
            fail_late(p, batch, failed);
        }
        lc_partition_update(p, part);
        batch = following;
    }
    while (batch != NULL && batch->in_flight) {
        batch = TAILQ_NEXT(batch, in_all);
    }
    return batch == NULL ? LC_NEVER : batch->created + p->delivery_timeout_ns;
}

/* Must the open batch go now? Else *ret_at says when it must. */
static bool
is_due(const struct leat_producer *p, const struct lc_batch *open, int64_t now, int64_t *ret_at)
{
    *ret_at = open->created + p->linger_ns;
    return open->urgent || open->flush < p->flushes || p->waiting > 0 ||
           open->builder.size >= p->batch_size || *ret_at <= now;
}

static struct target *find_target(struct target *targets, size_t *count, struct lc_broker *broker)
{
    for (size_t i = 0; i < *count; i++) {
        if (targets[i].broker == broker) {
            return &targets[i];
        }
    }
    if (*count == TARGETS_MAX) {
        return NULL;
    }
    targets[*count].broker = broker;
    return &targets[(*count)++];
}

/* Add the head of a partition's queue to the request for its leader. Returns false if it has to wait for a later turn. */
static bool
pick(struct leat_producer *p, struct lc_send_partition *part, struct target *targets, size_t *count)
{
    struct lc_batch *batch = STAILQ_FIRST(&part->queue);
    struct lc_broker *broker =
        lc_metadata_leader(p->client, part->topic->metadata, part->index, NULL);
    struct target *target;

    if (broker == NULL || !lc_broker_connect(broker) ||
        broker->in_flight >= lc_conf_number(p->conf, LC_CONF_MAX_IN_FLIGHT)) {
        return true; /* an answer or a connection makes a turn of its own */
    }
    target = find_target(targets, count, broker);
    if (target == NULL || target->count == REQUEST_BATCHES_MAX ||
        (target->count > 0 && target->size + batch->builder.size > p->batch_size_max)) {
        return false;
    }
    if (target->count == target->capacity) {
        size_t capacity = target->capacity == 0 ? 16 : target->capacity * 2;
        void *batches = lt_reallocarray(target->batches, capacity, sizeof(target->batches[0]));

        if (batches == NULL) {
            return false;
        }
        target->batches = batches;
        target->capacity = capacity;
    }
    target->batches[target->count++] = batch;
    target->size += batch->builder.size;
    batch->in_flight = true;
    return true;
}

/* Under the lock: close what is due, fail what is too old, choose what goes out. Returns when to look again. */
static int64_t collect(struct leat_producer *p,
                       int64_t now,
                       struct target *targets,
                       size_t *ret_count,
                       struct lc_batch_list *failed)
{
    int64_t next = expire(p, now, failed);
    struct lc_send_partition *part = TAILQ_FIRST(&p->active);
    struct lc_send_partition *last = TAILQ_LAST(&p->active, lc_active_list);

    while (part != NULL) {
        struct lc_send_partition *following = part == last ? NULL : TAILQ_NEXT(part, in_active);
        int64_t at = LC_NEVER;

        if (is_in_flight(part) || part->topic->metadata == NULL) {
            part = following;
            continue;
        }
        if (part->open != NULL && STAILQ_EMPTY(&part->queue) && is_due(p, part->open, now, &at)) {
            lc_partition_close_open(part);
            at = LC_NEVER;
        }
        if (!STAILQ_EMPTY(&part->queue)) {
            at = part->retry_at > now ? part->retry_at : LC_NEVER;
            if (part->retry_at <= now && !pick(p, part, targets, ret_count)) {
                lc_client_again(p->client);
            }
        }
        next = at < next ? at : next;
        /* Served partitions go to the end, so that none is always first in line. */
        if (is_in_flight(part)) {
            TAILQ_REMOVE(&p->active, part, in_active);
            TAILQ_INSERT_TAIL(&p->active, part, in_active);
        }
        part = following;
    }
    return next;
}

/* ---- requests ---- */

/* List the bytes of a finished batch: its own memory, and between it what is borrowed. */
static int list_pieces(struct lc_batch *batch, uint8_t *bytes, size_t size)
{
    const struct proto_batch_builder *builder = &batch->builder;
    size_t count = 2 * builder->hole_count + 1;
    size_t from = 0;

    if (count > batch->iov_capacity) {
        void *iov = lt_reallocarray(batch->iov, count, sizeof(batch->iov[0]));

        if (iov == NULL) {
            return LEAT_ENOMEM;
        }
        batch->iov = iov;
        batch->iov_capacity = count;
    }
    for (size_t i = 0; i < builder->hole_count; i++) {
        const struct proto_batch_hole *hole = &builder->holes[i];

        batch->iov[2 * i] = (struct iovec){bytes + from, hole->position - from};
        memcpy(&batch->iov[2 * i + 1].iov_base, &hole->bytes.data,
               sizeof(void *)); /* it is read only */
        batch->iov[2 * i + 1].iov_len = hole->bytes.size;
        from = hole->position;
    }
    batch->iov[count - 1] = (struct iovec){bytes + from, size - builder->hole_size - from};
    batch->pieces = (struct lc_pieces){batch->iov, count};
    batch->size = size;
    return 0;
}

/* Header, codec and CRC, once per batch; a retry sends the same bytes. */
static int finish_batch(const struct leat_producer *p, struct lc_batch *batch)
{
    struct proto_batch_options options;
    uint8_t *bytes = NULL;
    size_t size = 0;
    int err;

    if (batch->size > 0) {
        return 0;
    }
    proto_batch_options_init(&options);
    options.codec = p->codec;
    options.level =
        options.codec == PROTO_CODEC_GZIP   ? (int)lc_conf_number(p->conf, LC_CONF_GZIP_LEVEL)
        : options.codec == PROTO_CODEC_LZ4  ? (int)lc_conf_number(p->conf, LC_CONF_LZ4_LEVEL)
        : options.codec == PROTO_CODEC_ZSTD ? (int)lc_conf_number(p->conf, LC_CONF_ZSTD_LEVEL)
                                            : PROTO_LEVEL_DEFAULT;
    err = proto_batch_builder_finish(&batch->builder, &options, &bytes, &size);
    return err < 0 ? err : list_pieces(batch, bytes, size);
}

/* Put a batch into the request, under its topic. */
static int add_to_request(struct proto_produce_request *request,
                          struct lc_batch *batch,
                          size_t batch_count,
                          struct lt_arena *arena)
{
    struct proto_produce_request_topic_produce_data *topic = NULL;
    struct proto_produce_request_partition_produce_data *data;

    for (int32_t i = request->topic_data_count; i > 0 && topic == NULL; i--) {
        if (lt_slice_is(request->topic_data[i - 1].name, batch->partition->topic->name)) {
            topic = &request->topic_data[i - 1];
        }
    }
    if (topic == NULL) {
        topic = &request->topic_data[request->topic_data_count];
        proto_produce_request_topic_produce_data_init(topic);
        topic->name = lt_slice_text(batch->partition->topic->name);
        topic->partition_data =
            lt_arena_calloc(arena, batch_count, sizeof(topic->partition_data[0]));
        if (topic->partition_data == NULL) {
            return LEAT_ENOMEM;
        }
        request->topic_data_count++;
    }
    data = &topic->partition_data[topic->partition_data_count++];
    proto_produce_request_partition_produce_data_init(data);
    data->index = batch->partition->index;
    data->records.size = batch->size;
    data->records.external = &batch->pieces;
    return 0;
}

/* How long a request may take: request.timeout.ms, or what is left of delivery.timeout.ms to its oldest batch. A broker that is only slow gets a
 * second at least, since a request that is late costs the connection. */
static int64_t request_timeout_ms(const struct leat_producer *p, const struct sent *sent)
{
    int64_t most = lc_conf_number(p->client->conf, LC_CONF_REQUEST_TIMEOUT_MS);
    int64_t created = INT64_MAX;
    int64_t left;

    for (size_t i = 0; i < sent->count; i++) {
        created = sent->batches[i]->created < created ? sent->batches[i]->created : created;
    }
    left = (created + p->delivery_timeout_ns - lt_clock_mono_ns(p->client->clock)) / NS_PER_MS;
    left = left < TIMEOUT_LEAST_MS ? TIMEOUT_LEAST_MS : left;
    return left < most ? left : most;
}

static int send_request(struct leat_producer *p,
                        struct lc_broker *broker,
                        struct sent *sent,
                        struct lt_arena *arena)
{
    struct proto_produce_request request;
    int16_t version = lc_broker_version(broker, PROTO_API_PRODUCE, VERSION_NEWEST);
    int64_t timeout_ms = request_timeout_ms(p, sent);

    if (p->codec == PROTO_CODEC_ZSTD && version < ZSTD_VERSION) {
        return LEAT_BROKER_ERROR(PROTO_ERROR_UNSUPPORTED_COMPRESSION_TYPE);
    }
    proto_produce_request_init(&request);
    request.transactional_id = LT_SLICE_NULL;
    request.acks = p->acks;
    request.timeout_ms = (int32_t)timeout_ms;
    request.topic_data = lt_arena_calloc(arena, sent->count, sizeof(request.topic_data[0]));
    if (request.topic_data == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < sent->count; i++) {
        int err = finish_batch(p, sent->batches[i]);

        if (err == 0) {
            err = add_to_request(&request, sent->batches[i], sent->count, arena);
        }
        if (err < 0) {
            return err;
        }
        sent->batches[i]->attempts++;
    }
    return lc_broker_send(broker, PROTO_API_PRODUCE, version, &request, timeout_ms,
                          p->acks == 0 ? LC_SEND_NO_ANSWER : 0, on_answer, sent);
}

static void send_target(struct leat_producer *p, struct target *target)
{
    struct lt_arena arena;
    struct sent *sent;
    int err = LEAT_ENOMEM;

    if (target->count == 0) {
        return;
    }
    lt_arena_init(&arena, 0);
    sent = lt_malloc(sizeof(*sent) + target->count * sizeof(sent->batches[0]));
    if (sent != NULL) {
        sent->p = p;
        sent->count = target->count;
        memcpy(sent->batches, target->batches, target->count * sizeof(sent->batches[0]));
        err = send_request(p, target->broker, sent, &arena);
    }
    lt_arena_release(&arena);
    if (err < 0) {
        struct lc_batch_list done = STAILQ_HEAD_INITIALIZER(done);

        lt_free(sent);
        settle(p, target->batches, target->count, err, NULL, &done);
        deliver_all(p, &done);
    }
}

/* ---- outcomes ---- */

/* An answer that makes no sense says nothing about the records: as good as none. */
static bool
can_retry(const struct leat_producer *p, const struct lc_batch *batch, int err, int64_t now)
{
    return !p->closed && (leat_error_is_retriable(err) || err == LEAT_EPROTOCOL) &&
           batch->attempts <= lc_conf_number(p->conf, LC_CONF_RETRIES) &&
           batch->created + p->delivery_timeout_ns > now;
}

/* Back to the head of the queue, after a pause. */
static void put_back(struct leat_producer *p, struct lc_batch *batch, int err, int64_t now)
{
    struct lc_send_partition *part = batch->partition;
    int64_t first = lc_conf_number(p->client->conf, LC_CONF_RETRY_BACKOFF_MS);
    int64_t most = lc_conf_number(p->client->conf, LC_CONF_RETRY_BACKOFF_MAX_MS);

    batch->err = err; /* what is told if the time runs out */
    lc_stat_add(&p->client->stats, LC_STAT_PRODUCE_RETRIES, 1);
    part->backoff_ms = batch->attempts <= 1 ? first : part->backoff_ms * 2;
    part->backoff_ms = part->backoff_ms > most ? most : part->backoff_ms;
    part->retry_at = now + part->backoff_ms * NS_PER_MS;
    lc_log(p->client, LEAT_LOG_INFO, "%s-%d: batch of %d records goes again in %lld ms: %s",
           part->topic->name, (int)part->index, (int)batch->builder.record_count,
           (long long)part->backoff_ms, leat_errname(err));
}

/* The records of a batch, the first `half` of them into made[0], the others into made[1]; their sinks and loans too. */
static int divide(const struct lc_batch *batch, int32_t half, struct lc_batch *const made[2])
{
    struct proto_builder_walk walk;
    struct proto_record raw;
    struct lt_arena arena;
    size_t loan = 0;
    int err = 0;

    proto_builder_walk_init(&walk, &batch->builder);
    lt_arena_init(&arena, 0);
    for (int32_t i = 0; err == 0 && proto_builder_walk_next(&walk, &raw); i++) {
        struct proto_record_header *headers =
            lt_arena_calloc(&arena, (size_t)raw.header_count + 1, sizeof(*headers));
        struct proto_new_record rec = {.timestamp = raw.timestamp,
                                       .key = raw.key,
                                       .value = raw.value,
                                       .headers = headers,
                                       .header_count = (size_t)raw.header_count};
        struct lc_send how = {.sink = {NULL, NULL}};
        struct proto_record_header_iter iter;

        if (headers == NULL) {
            err = LEAT_ENOMEM;
            break;
        }
        proto_record_headers_open(&raw, &iter);
        for (int32_t k = 0; k < raw.header_count; k++) {
            (void)proto_record_header_next(&iter, &headers[k]); /* we built it */
        }
        if (batch->has_sinks) {
            how.sink = batch->sinks[i];
        }
        if (walk.hole > loan) {
            how.release = batch->loans[loan].release;
            how.sink.arg = batch->loans[loan++].arg;
        }
        err = lc_batch_add(made[i < half ? 0 : 1], &rec, &how);
    }
    lt_arena_release(&arena);
    return err;
}

/* A batch the broker finds too large, cut in halves that take its place. Returns false if that cannot be done. */
static bool split(struct leat_producer *p, struct lc_batch *batch)
{
    struct lc_send_partition *part = batch->partition;
    struct lc_batch_list halves = STAILQ_HEAD_INITIALIZER(halves);
    int32_t half = batch->builder.record_count / 2;
    struct lc_batch *made[2] = {lc_batch_like(p, batch), lc_batch_like(p, batch)};
    int err = made[0] == NULL || made[1] == NULL ? LEAT_ENOMEM : 0;

    if (err == 0) {
        err = divide(batch, half, made);
    }
    if (err < 0) {
        lc_batch_discard(made[0]);
        lc_batch_discard(made[1]);
        return false;
    }
    for (int i = 0; i < 2; i++) {
        TAILQ_INSERT_BEFORE(batch, made[i], in_all);
        STAILQ_INSERT_TAIL(&halves, made[i], link);
    }
    made[0]->charged = batch->charged; /* paid for until the first half is done */
    batch->charged = 0;
    TAILQ_REMOVE(&p->all, batch, in_all);
    lc_batch_discard(batch);
    STAILQ_CONCAT(&halves, &part->queue);
    STAILQ_CONCAT(&part->queue, &halves);
    return true;
}

/* Batches come back from a request with this outcome: queued again, or into the list of those that are done. */
static void settle(struct leat_producer *p,
                   struct lc_batch *const *batches,
                   size_t count,
                   int err,
                   const char *message,
                   struct lc_batch_list *done)
{
    int64_t now = lt_clock_mono_ns(p->client->clock);

    (void)pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < count; i++) {
        struct lc_batch *batch = batches[i];
        struct lc_send_partition *part = batch->partition;

        LT_ASSERT(batch == STAILQ_FIRST(&part->queue));
        batch->in_flight = false;
        if (err < 0 && can_retry(p, batch, err, now)) {
            put_back(p, batch, err, now);
            continue;
        }
        STAILQ_REMOVE_HEAD(&part->queue, link);
        if (err == LEAT_BROKER_ERROR(PROTO_ERROR_MESSAGE_TOO_LARGE) &&
            batch->builder.record_count > 1 && !p->closed && split(p, batch)) {
            continue;
        }
        batch->err = err;
        if (err < 0 && message != NULL) {
            lt_free(batch->message);
            batch->message = lt_strdup(message); /* without memory: the text of the code */
        }
        lc_partition_update(p, part);
        STAILQ_INSERT_TAIL(done, batch, link);
    }
    (void)pthread_mutex_unlock(&p->lock);
    lc_client_again(p->client);
}

static void deliver_all(struct leat_producer *p, struct lc_batch_list *done)
{
    struct lc_batch *batch;

    while ((batch = STAILQ_FIRST(done)) != NULL) {
        STAILQ_REMOVE_HEAD(done, link);
        lc_batch_deliver(p, batch);
    }
}

static size_t find_batch(const struct sent *sent, struct lt_slice topic, int32_t index, size_t hint)
{
    /* Answers usually keep the order of the request. */
    for (size_t i = 0; i < sent->count; i++) {
        size_t at = (hint + i) % sent->count;

        if (sent->batches[at] != NULL && sent->batches[at]->partition->index == index &&
            lt_slice_is(topic, sent->batches[at]->partition->topic->name)) {
            return at;
        }
    }
    return sent->count;
}

/* The broker's words on a failed partition; NULL = none. */
static char *error_words(const struct proto_produce_response_partition_produce_response *part,
                         struct lt_arena *arena)
{
    if (part->error_message.size > 0) {
        return lt_arena_text(arena, part->error_message);
    }
    if (part->record_errors_count > 0) {
        return lt_arena_text(arena, part->record_errors[0].batch_index_error_message);
    }
    return NULL;
}

static void take_partition(struct sent *sent,
                           size_t at,
                           const struct proto_produce_response_partition_produce_response *part,
                           struct lt_arena *arena,
                           struct lc_batch_list *done)
{
    struct lc_batch *batch = sent->batches[at];
    LT_ASSERT(batch != NULL); /* the caller answers each partition once */
    int err = part->error_code == 0 ? 0 : LEAT_BROKER_ERROR(part->error_code);

    sent->batches[at] = NULL;
    if (err == 0) {
        batch->base_offset = part->base_offset;
        batch->append_time = part->log_append_time_ms;
    } else if (proto_error_needs_metadata(part->error_code)) {
        lc_metadata_refresh(sent->p->client);
    }
    settle(sent->p, &batch, 1, err, error_words(part, arena), done);
}

static int
take_answer(struct sent *sent, const struct lc_answer *answer, struct lc_batch_list *done)
{
    struct proto_produce_response response;
    struct lt_arena arena;
    size_t hint = 0;
    int err;

    lt_arena_init(&arena, 0);
    err = proto_produce_response_decode(answer->reader, answer->version, &arena, &response);
    for (int32_t i = 0; err == 0 && i < response.responses_count; i++) {
        const struct proto_produce_response_topic_produce_response *topic = &response.responses[i];

        for (int32_t k = 0; k < topic->partition_responses_count; k++) {
            size_t at = find_batch(sent, topic->name, topic->partition_responses[k].index, hint);

            if (at < sent->count) {
                take_partition(sent, at, &topic->partition_responses[k], &arena, done);
                hint = at + 1;
            }
        }
    }
    lt_arena_release(&arena);
    return err;
}

static void on_answer(struct leat_client *client, const struct lc_answer *answer, void *arg)
{
    struct sent *sent = arg;
    struct leat_producer *p = sent->p;
    struct lc_batch_list done = STAILQ_HEAD_INITIALIZER(done);
    int err = answer->err;
    bool malformed = false;

    if (err < 0) {
        lc_metadata_refresh(client);
    } else if (answer->reader != NULL) {
        err = take_answer(sent, answer, &done);
        malformed = err == LEAT_EPROTOCOL;
        /* What the answer does not mention is as good as not answered. */
        err = err == 0 ? LEAT_EUNAVAIL : err;
    }
    for (size_t i = 0; i < sent->count; i++) {
        if (sent->batches[i] != NULL) {
            settle(p, &sent->batches[i], 1, malformed ? LEAT_EPROTOCOL : err,
                   answer->err < 0 ? answer->message : NULL, &done);
        }
    }
    lt_free(sent);
    deliver_all(p, &done);
    if (malformed) {
        lc_broker_close(answer->broker, LEAT_EPROTOCOL, "the answer to Produce is malformed");
    }
}

void lc_sender_cancel(struct leat_producer *p, int err)
{
    struct lc_batch_list failed = STAILQ_HEAD_INITIALIZER(failed);
    struct lc_send_partition *part;
    struct lc_send_partition *following;

    (void)pthread_mutex_lock(&p->lock);
    p->closed = true;
    (void)pthread_cond_broadcast(&p->cond);
    for (part = TAILQ_FIRST(&p->active); part != NULL; part = following) {
        struct lc_batch *head = STAILQ_FIRST(&part->queue);
        struct lc_batch *batch = head != NULL && head->in_flight ? STAILQ_NEXT(head, link) : head;

        following = TAILQ_NEXT(part, in_active);
        STAILQ_INIT(&part->queue);
        if (head != NULL && head->in_flight) {
            STAILQ_INSERT_TAIL(&part->queue, head, link);
        }
        while (batch != NULL) {
            struct lc_batch *later = STAILQ_NEXT(batch, link);

            fail_batch(batch, err, &failed);
            batch = later;
        }
        if (part->open != NULL) {
            fail_batch(part->open, err, &failed);
            part->open = NULL;
        }
        lc_partition_update(p, part);
    }
    (void)pthread_mutex_unlock(&p->lock);
    deliver_all(p, &failed);
}
