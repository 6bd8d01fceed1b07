/* fetcher.c: the loop's side of a consumer: offsets looked up, fetches out, chunks in.
 *
 *   lc_fetcher_turn   for each partition: lookup due -> ListOffsets to its leader; fetch due -> one Fetch per leader
 *   on_fetch          per partition: a chunk for poll, or an error that is retried, told, or answered with a new lookup
 *
 * Fetches are full ones without session, one in flight per leader, on a connection of the consumer's own. They run ahead of the application until
 * queued.max.messages.kbytes wait for it. Source: Kafka Fetcher, KIP-74, KIP-320 (leader epochs). */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "client/consumer_impl.h"
#include "proto/errors.h"

#define NS_PER_MS 1000000
#define TARGETS_MAX 16
#define FETCH_VERSION_NEWEST 12       /* 13 names topics by id */
#define LIST_OFFSETS_VERSION_NEWEST 8 /* nothing newer is asked for */
#define TELL_AGAIN_NS ((int64_t)5000 * NS_PER_MS)
#define ANSWERS_BEFORE_TELL 3 /* a topic that was just made may be unknown for a moment */

struct entry {
    struct lc_part *part; /* a reference */
    uint64_t seq;
    int64_t offset; /* fetch offset, or the special one of a lookup */
    int32_t epoch;
};

/* Partitions for one request to one leader; becomes the request's context. */
struct target {
    struct leat_consumer *c; /* a reference while in flight */
    struct lc_broker *broker;
    bool lookup;
    size_t count;
    size_t capacity;
    struct entry *entries;
};

static void update_metadata(struct leat_consumer *c, int64_t now);
static int64_t
collect(struct leat_consumer *c, int64_t now, struct target **targets, size_t *count);
static void send_target(struct leat_consumer *c, struct target *target);
static int send_fetch(struct leat_consumer *c, struct target *target, struct lt_arena *arena);
static int send_lookup(struct leat_consumer *c, struct target *target, struct lt_arena *arena);

int64_t lc_fetcher_turn(struct leat_consumer *c, int64_t now)
{
    struct target *targets[TARGETS_MAX];
    size_t count = 0;
    int64_t next;

    (void)pthread_mutex_lock(&c->lock);
    update_metadata(c, now);
    next = c->closed ? LC_NEVER : collect(c, now, targets, &count);
    (void)pthread_mutex_unlock(&c->lock);
    for (size_t i = 0; i < count; i++) {
        send_target(c, targets[i]);
    }
    return next;
}

/* ---- errors ---- */

void lc_fetcher_tell(struct leat_consumer *c, struct lc_part *part, int code, const char *message)
{
    int64_t now = lt_clock_mono_ns(c->client->clock);
    struct lc_part_error *error;

    if (part->tell_at > now) {
        return;
    }
    error = lt_calloc(1, sizeof(*error));
    if (error == NULL) {
        return; /* it lasts: told later */
    }
    part->tell_at = now + TELL_AGAIN_NS;
    (void)atomic_fetch_add_explicit(&part->refs, 1, memory_order_relaxed);
    error->part = part;
    error->seq = part->seq;
    error->code = code;
    error->message = message == NULL ? NULL : lt_strdup(message);
    STAILQ_INSERT_TAIL(&c->errors, error, link);
    lc_consumer_notify(c);
}

static void pause_part(struct leat_consumer *c, struct lc_part *part)
{
    int64_t most = lc_conf_number(c->client->conf, LC_CONF_RETRY_BACKOFF_MAX_MS);

    part->retry_at = lt_clock_mono_ns(c->client->clock) + part->backoff_ms * NS_PER_MS;
    part->backoff_ms = part->backoff_ms * 2 > most ? most : part->backoff_ms * 2;
}

/* A partition's request has failed with this code: what now? Lock held. */
static void take_error(struct leat_consumer *c, struct lc_part *part, int err)
{
    int64_t reset = lc_conf_number(c->conf, LC_CONF_OFFSET_RESET);

    if (err == LEAT_BROKER_ERROR(PROTO_ERROR_OFFSET_OUT_OF_RANGE) && part->state == LC_PART_FETCH) {
        if (reset == LC_RESET_NONE) {
            char text[96];

            (void)snprintf(text, sizeof(text),
                           "offset %lld does not exist (any more), and auto.offset.reset is none",
                           (long long)part->fetch_offset);
            part->state = LC_PART_STOPPED;
            part->tell_at = 0;
            lc_fetcher_tell(c, part, LEAT_ERANGE, text);
            return;
        }
        part->state = LC_PART_LOOKUP;
        part->lookup = reset == LC_RESET_EARLIEST ? LEAT_OFFSET_START : LEAT_OFFSET_END;
        return;
    }
    if (!LEAT_IS_BROKER_ERROR(err) || proto_error_needs_metadata((int16_t)LEAT_WIRE_CODE(err)) ||
        err == LEAT_BROKER_ERROR(PROTO_ERROR_FENCED_LEADER_EPOCH) ||
        err == LEAT_BROKER_ERROR(PROTO_ERROR_UNKNOWN_LEADER_EPOCH)) {
        lc_metadata_refresh(c->client);
    } else if (!leat_error_is_retriable(err) ||
               err == LEAT_BROKER_ERROR(PROTO_ERROR_CORRUPT_MESSAGE)) {
        lc_fetcher_tell(c, part, err, NULL);
    }
    pause_part(c, part);
}

/* ---- what is to be asked ---- */

static void check_topic(struct leat_consumer *c, struct lc_part *part)
{
    const struct lc_topic *topic = part->metadata;

    if (!topic->known || topic->answers < ANSWERS_BEFORE_TELL) {
        if (topic->known && topic->code < 0 && !leat_error_is_retriable(topic->code)) {
            lc_fetcher_tell(c, part, topic->code, NULL);
        }
        return;
    }
    if (topic->code < 0) {
        lc_fetcher_tell(c, part, topic->code, NULL);
    } else if (part->partition >= topic->partition_count) {
        lc_fetcher_tell(c, part, LEAT_BROKER_ERROR(PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION), NULL);
    }
}

static void update_metadata(struct leat_consumer *c, int64_t now)
{
    (void)now;
    for (size_t i = 0; i < c->dropped_count; i++) {
        lc_metadata_drop(c->client, c->dropped[i]);
    }
    c->dropped_count = 0;
    for (size_t i = 0; i < c->part_count; i++) {
        struct lc_part *part = c->parts[i];

        if (part->metadata == NULL) {
            part->metadata = lc_metadata_topic(c->client, part->topic, false);
        }
        if (part->metadata != NULL) {
            check_topic(c, part);
        }
    }
}

static struct target *
find_target(struct target **targets, size_t *count, struct lc_broker *broker, bool lookup)
{
    struct target *target;

    for (size_t i = 0; i < *count; i++) {
        if (targets[i]->broker == broker && targets[i]->lookup == lookup) {
            return targets[i];
        }
    }
    target = *count == TARGETS_MAX ? NULL : lt_calloc(1, sizeof(*target));
    if (target != NULL) {
        target->broker = broker;
        target->lookup = lookup;
        targets[(*count)++] = target;
    }
    return target;
}

static void
add_entry(struct leat_consumer *c, struct target *target, struct lc_part *part, int64_t offset)
{
    if (target->count == target->capacity) {
        size_t capacity = target->capacity == 0 ? 16 : target->capacity * 2;
        void *entries = lt_reallocarray(target->entries, capacity, sizeof(target->entries[0]));

        if (entries == NULL) {
            pause_part(c, part);
            return;
        }
        target->entries = entries;
        target->capacity = capacity;
    }
    (void)atomic_fetch_add_explicit(&part->refs, 1, memory_order_relaxed);
    target->entries[target->count++] =
        (struct entry){.part = part,
                       .seq = part->seq,
                       .offset = offset,
                       .epoch = part->metadata->partitions[part->partition].epoch};
    part->in_request = true;
}

/* Lock held. Returns when to look again. */
static int64_t collect(struct leat_consumer *c, int64_t now, struct target **targets, size_t *count)
{
    int64_t next = LC_NEVER;
    bool full = c->queued >= c->queue_size_max;

    c->throttled = full;
    for (size_t i = 0; i < c->part_count; i++) {
        struct lc_part *part = c->parts[(c->rotor + i) % c->part_count];
        bool lookup = part->state == LC_PART_LOOKUP;
        struct lc_broker *broker;
        struct target *target;

        if (part->in_request || part->state == LC_PART_STOPPED || part->metadata == NULL ||
            (full && !lookup)) {
            continue;
        }
        if (part->retry_at > now) {
            next = part->retry_at < next ? part->retry_at : next;
            continue;
        }
        broker = lc_metadata_leader(c->client, part->metadata, part->partition,
                                    lookup ? NULL : (const void *)c);
        if (broker == NULL || !lc_broker_connect(broker) || (!lookup && broker->in_flight > 0)) {
            continue; /* connections and answers make turns of their own */
        }
        target = find_target(targets, count, broker, lookup);
        if (target != NULL) {
            add_entry(c, target, part, lookup ? part->lookup : part->fetch_offset);
        }
    }
    if (c->part_count > 0) {
        c->rotor = (c->rotor + 1) % c->part_count;
    }
    return next;
}

/* ---- requests ---- */

static void free_target(struct target *target)
{
    for (size_t i = 0; i < target->count; i++) {
        lc_part_unref(target->entries[i].part);
    }
    lt_free(target->entries);
    lt_free(target);
}

/* Every partition of the request is free again; those that still count get the error, if there is one. */
static void release_parts(struct leat_consumer *c, struct target *target, int err)
{
    (void)pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < target->count; i++) {
        struct lc_part *part = target->entries[i].part;

        part->in_request = false;
        if (err < 0 && part->seq == target->entries[i].seq) {
            take_error(c, part, err);
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
}

static void send_target(struct leat_consumer *c, struct target *target)
{
    struct lt_arena arena;
    int err;

    lt_arena_init(&arena, 0);
    target->c = c;
    (void)atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    err = target->lookup ? send_lookup(c, target, &arena) : send_fetch(c, target, &arena);
    lt_arena_release(&arena);
    if (err < 0) {
        release_parts(c, target, err);
        free_target(target);
        lc_consumer_unref(c);
    }
}

static void finish_target(struct target *target, int err)
{
    struct leat_consumer *c = target->c;

    release_parts(c, target, err);
    lc_client_again(c->client);
    free_target(target);
    lc_consumer_unref(c);
}

/* The answered partition among the entries; count if it is not there. Answers usually keep the order. */
static size_t
find_entry(const struct target *target, struct lt_slice topic, int32_t partition, size_t hint)
{
    for (size_t i = 0; i < target->count; i++) {
        size_t at = (hint + i) % target->count;

        if (target->entries[at].part->partition == partition &&
            lt_slice_is(topic, target->entries[at].part->topic)) {
            return at;
        }
    }
    return target->count;
}

/* ---- lookups ---- */

static void on_lookup(struct leat_client *client, const struct lc_answer *answer, void *arg);

static int send_lookup(struct leat_consumer *c, struct target *target, struct lt_arena *arena)
{
    struct proto_list_offsets_request request;
    struct proto_list_offsets_request_topic *topic = NULL;
    int64_t timeout_ms = lc_conf_number(c->client->conf, LC_CONF_REQUEST_TIMEOUT_MS);
    int16_t version =
        lc_broker_version(target->broker, PROTO_API_LIST_OFFSETS, LIST_OFFSETS_VERSION_NEWEST);

    proto_list_offsets_request_init(&request);
    request.replica_id = -1;
    request.isolation_level = c->committed;
    request.timeout_ms = (int32_t)timeout_ms;
    request.topics = lt_arena_calloc(arena, target->count, sizeof(request.topics[0]));
    for (size_t i = 0; i < target->count && request.topics != NULL; i++) {
        const struct entry *entry = &target->entries[i];
        struct proto_list_offsets_request_partition *part;

        if (topic == NULL || !lt_slice_is(topic->name, entry->part->topic)) {
            topic = &request.topics[request.topics_count++];
            proto_list_offsets_request_topic_init(topic);
            topic->name = lt_slice_text(entry->part->topic);
            topic->partitions =
                lt_arena_calloc(arena, target->count - i, sizeof(topic->partitions[0]));
            if (topic->partitions == NULL) {
                return LEAT_ENOMEM;
            }
        }
        part = &topic->partitions[topic->partitions_count++];
        proto_list_offsets_request_partition_init(part);
        part->partition_index = entry->part->partition;
        part->current_leader_epoch = entry->epoch;
        part->timestamp = entry->offset;
        part->max_num_offsets = 1;
    }
    if (request.topics == NULL) {
        return LEAT_ENOMEM;
    }
    return lc_broker_send(target->broker, PROTO_API_LIST_OFFSETS, version, &request, timeout_ms, 0,
                          on_lookup, target);
}

static void take_lookup(struct leat_consumer *c,
                        const struct entry *entry,
                        const struct proto_list_offsets_response_partition_response *from)
{
    struct lc_part *part = entry->part;

    if (part->seq != entry->seq || part->state != LC_PART_LOOKUP) {
        return;
    }
    if (from->error_code != 0) {
        take_error(c, part, LEAT_BROKER_ERROR(from->error_code));
        return;
    }
    if (from->offset < 0) {
        take_error(c, part, LEAT_EPROTOCOL);
        return;
    }
    part->state = LC_PART_FETCH;
    part->fetch_offset = from->offset;
    part->position = from->offset;
    part->backoff_ms = lc_conf_number(c->client->conf, LC_CONF_RETRY_BACKOFF_MS);
}

static void on_lookup(struct leat_client *client, const struct lc_answer *answer, void *arg)
{
    struct target *target = arg;
    struct leat_consumer *c = target->c;
    struct proto_list_offsets_response response;
    struct lt_arena arena;
    int err = answer->err;
    size_t hint = 0;

    (void)client;
    lt_arena_init(&arena, 0);
    if (err == 0) {
        err =
            proto_list_offsets_response_decode(answer->reader, answer->version, &arena, &response);
    }
    (void)pthread_mutex_lock(&c->lock);
    for (int32_t i = 0; err == 0 && i < response.topics_count; i++) {
        const struct proto_list_offsets_response_topic_response *topic = &response.topics[i];

        for (int32_t k = 0; k < topic->partitions_count; k++) {
            size_t at = find_entry(target, topic->name, topic->partitions[k].partition_index, hint);

            if (at < target->count) {
                take_lookup(c, &target->entries[at], &topic->partitions[k]);
                hint = at + 1;
            }
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
    lt_arena_release(&arena);
    finish_target(target, err);
}

/* ---- fetches ---- */

static void on_fetch(struct leat_client *client, const struct lc_answer *answer, void *arg);

static int add_fetch_partitions(struct leat_consumer *c,
                                struct target *target,
                                struct proto_fetch_request *request,
                                struct lt_arena *arena)
{
    struct proto_fetch_request_topic *topic = NULL;

    request->topics = lt_arena_calloc(arena, target->count, sizeof(request->topics[0]));
    if (request->topics == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < target->count; i++) {
        const struct entry *entry = &target->entries[i];
        struct proto_fetch_request_partition *part;

        if (topic == NULL || !lt_slice_is(topic->topic, entry->part->topic)) {
            topic = &request->topics[request->topics_count++];
            proto_fetch_request_topic_init(topic);
            topic->topic = lt_slice_text(entry->part->topic);
            topic->partitions =
                lt_arena_calloc(arena, target->count - i, sizeof(topic->partitions[0]));
            if (topic->partitions == NULL) {
                return LEAT_ENOMEM;
            }
        }
        part = &topic->partitions[topic->partitions_count++];
        proto_fetch_request_partition_init(part);
        part->partition = entry->part->partition;
        part->current_leader_epoch = entry->epoch;
        part->fetch_offset = entry->offset;
        part->last_fetched_epoch = -1;
        part->log_start_offset = -1;
        part->partition_max_bytes = (int32_t)lc_conf_number(c->conf, LC_CONF_PARTITION_FETCH_BYTES);
    }
    return 0;
}

static int send_fetch(struct leat_consumer *c, struct target *target, struct lt_arena *arena)
{
    struct proto_fetch_request request;
    int64_t timeout_ms = lc_conf_number(c->client->conf, LC_CONF_REQUEST_TIMEOUT_MS);
    int64_t wait_ms = lc_conf_number(c->conf, LC_CONF_FETCH_MAX_WAIT_MS);
    int16_t version = lc_broker_version(target->broker, PROTO_API_FETCH, FETCH_VERSION_NEWEST);
    int err;

    proto_fetch_request_init(&request);
    request.replica_id = -1;
    request.max_wait_ms = (int32_t)wait_ms;
    request.min_bytes = (int32_t)lc_conf_number(c->conf, LC_CONF_FETCH_MIN_BYTES);
    request.max_bytes = (int32_t)lc_conf_number(c->conf, LC_CONF_FETCH_MAX_BYTES);
    request.isolation_level = c->committed;
    request.session_id = 0;
    request.session_epoch = -1;
    err = add_fetch_partitions(c, target, &request, arena);
    if (err < 0) {
        return err;
    }
    return lc_broker_send(target->broker, PROTO_API_FETCH, version, &request, timeout_ms + wait_ms,
                          0, on_fetch, target);
}

/* Offset behind the whole batches in `records`, -1 if there is none. Only headers are looked at. */
static int64_t next_offset(struct lt_slice records)
{
    struct proto_batch_header header;
    int64_t next = -1;

    while (proto_batch_header_read(records.data, records.size, &header) == 0) {
        size_t size = proto_batch_header_total(&header);

        if (size < PROTO_BATCH_HEADER_SIZE || size > records.size) {
            break;
        }
        next = proto_batch_header_last_offset(&header) + 1;
        records.data += size;
        records.size -= size;
    }
    return next;
}

static int copy_aborted(struct lc_chunk *chunk,
                        const struct proto_fetch_response_partition_data *from)
{
    size_t count =
        from->aborted_transactions_count > 0 ? (size_t)from->aborted_transactions_count : 0;

    if (count == 0) {
        return 0;
    }
    chunk->aborted = lt_calloc(count, sizeof(chunk->aborted[0]));
    chunk->bad_producers = lt_calloc(count, sizeof(chunk->bad_producers[0]));
    if (chunk->aborted == NULL || chunk->bad_producers == NULL) {
        return LEAT_ENOMEM;
    }
    /* Few, and nearly always sorted: insertion. */
    for (size_t i = 0; i < count; i++) {
        struct lc_aborted fresh = {.producer_id = from->aborted_transactions[i].producer_id,
                                   .first_offset = from->aborted_transactions[i].first_offset};
        size_t at = i;

        while (at > 0 && chunk->aborted[at - 1].first_offset > fresh.first_offset) {
            chunk->aborted[at] = chunk->aborted[at - 1];
            at--;
        }
        chunk->aborted[at] = fresh;
    }
    chunk->aborted_count = count;
    return 0;
}

static struct lc_chunk *make_chunk(const struct entry *entry,
                                   const struct proto_fetch_response_partition_data *from,
                                   struct lc_bytes *frame)
{
    struct lc_chunk *chunk = lt_calloc(1, sizeof(*chunk));

    if (chunk == NULL) {
        return NULL;
    }
    (void)atomic_fetch_add_explicit(&entry->part->refs, 1, memory_order_relaxed);
    chunk->part = entry->part;
    chunk->seq = entry->seq;
    chunk->frame = lc_bytes_ref(frame);
    chunk->rest = lt_slice(from->records.data, from->records.size);
    chunk->from = entry->offset;
    chunk->high_watermark = from->high_watermark;
    chunk->last_stable = from->last_stable_offset;
    chunk->log_start = from->log_start_offset;
    chunk->size = from->records.size;
    if (copy_aborted(chunk, from) < 0) {
        lc_chunk_free(chunk);
        return NULL;
    }
    return chunk;
}

/* Records of one partition: a chunk for poll. Lock held. */
static void take_records(struct leat_consumer *c,
                         const struct entry *entry,
                         const struct proto_fetch_response_partition_data *from,
                         struct lc_bytes *frame)
{
    struct lc_part *part = entry->part;
    int64_t next = next_offset(lt_slice(from->records.data, from->records.size));
    struct lc_chunk *chunk;

    if (next <= entry->offset) {
        /* Nothing whole, or nothing new: asking again would bring the same. */
        part->state = LC_PART_STOPPED;
        part->tell_at = 0;
        lc_fetcher_tell(c, part, LEAT_ECORRUPT,
                        "the broker's answer holds no batch that can be read");
        return;
    }
    chunk = make_chunk(entry, from, frame);
    if (chunk == NULL) {
        take_error(c, part, LEAT_ENOMEM);
        return;
    }
    part->fetch_offset = next;
    part->backoff_ms = lc_conf_number(c->client->conf, LC_CONF_RETRY_BACKOFF_MS);
    c->queued += chunk->size;
    STAILQ_INSERT_TAIL(&c->queue, chunk, link);
    lc_consumer_notify(c);
}

static void take_partition(struct leat_consumer *c,
                           const struct entry *entry,
                           const struct proto_fetch_response_partition_data *from,
                           struct lc_bytes *frame)
{
    struct lc_part *part = entry->part;

    if (part->seq != entry->seq || part->state != LC_PART_FETCH) {
        return;
    }
    if (from->error_code != 0) {
        take_error(c, part, LEAT_BROKER_ERROR(from->error_code));
        return;
    }
    part->high_watermark = from->high_watermark;
    part->last_stable = from->last_stable_offset;
    part->log_start = from->log_start_offset;
    if (from->records.size > 0) {
        take_records(c, entry, from, frame);
    }
}

static void on_fetch(struct leat_client *client, const struct lc_answer *answer, void *arg)
{
    struct target *target = arg;
    struct leat_consumer *c = target->c;
    struct proto_fetch_response response;
    struct lt_arena arena;
    int err = answer->err;
    size_t hint = 0;

    (void)client;
    lt_arena_init(&arena, 0);
    if (err == 0) {
        err = proto_fetch_response_decode(answer->reader, answer->version, &arena, &response);
    }
    if (err == 0 && response.error_code != 0) {
        err = LEAT_BROKER_ERROR(response.error_code);
    }
    (void)pthread_mutex_lock(&c->lock);
    for (int32_t i = 0; err == 0 && i < response.responses_count; i++) {
        const struct proto_fetch_response_fetchable_topic_response *topic = &response.responses[i];

        for (int32_t k = 0; k < topic->partitions_count; k++) {
            size_t at =
                find_entry(target, topic->topic, topic->partitions[k].partition_index, hint);

            if (at < target->count) {
                take_partition(c, &target->entries[at], &topic->partitions[k], answer->frame);
                hint = at + 1;
            }
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
    lt_arena_release(&arena);
    finish_target(target, err);
}
