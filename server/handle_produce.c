/* handle_produce.c: Produce: batches into partitions, and the answer when it may be given.
 *
 *   first call   look every partition up, append each batch, each for itself
 *   then         wait for what is not decided: the high watermark (acks=all), or room among the unsynced bytes
 *   re-entry     look again; when nothing is open any more, or the time is up, answer
 *
 * The batches are patched where they stand in the frame. While only the disk is waited for, the frame is given back and
 * the connection may go on with its next request (req->appended); so nothing of the answer points into the frame.
 * A batch that has to wait for room is copied, since it will be appended later.
 * Source: KIP-98, KIP-467, Kafka KafkaApis.handleProduceRequest, ReplicaManager.appendRecords. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "proto/batch_check.h"
#include "proto/errors.h"
#include "server/error_map.h"
#include "server/handlers.h"
#include "server/server.h"
#include "server/topics.h"
#include "storage/partition.h"

#define ADMIN_CLIENT "__admin_client"

enum item_state {
    ITEM_DECIDED = 0,    /* its part of the response is final */
    ITEM_WAITS_DISK = 1, /* appended; the high watermark has not passed it */
    ITEM_WAITS_ROOM = 2, /* not appended: too much of its partition is unsynced */
};

/* One partition of the request. */
struct item {
    enum item_state state;
    struct srv_partition *part; /* NULL: unknown */
    struct proto_produce_response_partition_produce_response *ret;
    uint8_t *batch; /* in the frame; a copy while it waits for room */
    size_t size;
    int64_t last_offset; /* once appended */
    struct srv_waiter waiter;
};

struct produce {
    struct item *items;
    size_t count;
    bool failed; /* some partition was refused */
};

static int begin(struct srv_request *req,
                 const struct proto_produce_request *in,
                 struct proto_produce_response *ret,
                 struct produce **ret_state);
static int fill_topic(struct srv_request *req,
                      const struct proto_produce_request_topic_produce_data *from,
                      const bool *wanted,
                      struct produce *state,
                      struct proto_produce_response_topic_produce_response *to);
static struct srv_topic *find_topic(struct srv_request *req,
                                    const struct proto_produce_request_topic_produce_data *from,
                                    int16_t *ret_error);
static int16_t request_error(const struct proto_produce_request *in);
static bool has_transactional(const struct proto_produce_request *in);
static int
choose_last(struct srv_request *req, const struct proto_produce_request *in, bool **ret_wanted);
static void append(struct srv_request *req, struct produce *state, struct item *item, int16_t acks);
static void explain(struct srv_request *req,
                    const struct proto_batch_verdict *verdict,
                    int err,
                    struct item *item);
static int wait_or_answer(struct srv_request *req,
                          struct produce *state,
                          const struct proto_produce_request *in);
static void look(struct srv_request *req, struct produce *state, struct item *item, int16_t acks);
static void decide(struct produce *state, struct item *item, int16_t error);
static int keep_batch(struct srv_request *req, struct item *item);
static void release_waiters(void *arg);
static void release_topic(void *arg);

int srv_handle_produce(struct srv_request *req,
                       const struct proto_produce_request *in,
                       struct proto_produce_response *ret)
{
    struct produce *state = req->state;
    int err;

    if (req->canceled) {
        return 0; /* what was appended stays; the waiters go with the arena */
    }
    if (state == NULL) {
        req->no_response = in->acks == 0;
        err = begin(req, in, ret, &state);
        if (err != 0) {
            return err;
        }
        req->state = state;
        for (size_t i = 0; i < state->count; i++) {
            if (state->items[i].part != NULL && state->items[i].ret->error_code == 0) {
                append(req, state, &state->items[i], in->acks);
            }
        }
    } else {
        for (size_t i = 0; i < state->count; i++) {
            look(req, state, &state->items[i], in->acks);
        }
    }
    return wait_or_answer(req, state, in);
}

/* ---- the request ---- */

/* Make response and items: one for each partition that is named, the last time it is named. */
static int begin(struct srv_request *req,
                 const struct proto_produce_request *in,
                 struct proto_produce_response *ret,
                 struct produce **ret_state)
{
    size_t topic_count = in->topic_data_count < 0 ? 0 : (size_t)in->topic_data_count;
    struct produce *state = lt_arena_calloc(&req->arena, 1, sizeof(*state));
    size_t partitions = 0;
    bool *wanted = NULL;

    for (size_t i = 0; i < topic_count; i++) {
        int32_t count = in->topic_data[i].partition_data_count;
        partitions += count < 0 ? 0 : (size_t)count;
    }
    ret->responses = lt_arena_calloc(&req->arena, topic_count, sizeof(ret->responses[0]));
    int err = choose_last(req, in, &wanted);
    if (state == NULL || ret->responses == NULL || err != 0) {
        return LEAT_ENOMEM;
    }
    state->items = lt_arena_calloc(&req->arena, partitions, sizeof(state->items[0]));
    if (state->items == NULL) {
        return LEAT_ENOMEM;
    }
    int16_t error = request_error(in);
    for (size_t i = 0; i < topic_count; i++) {
        size_t first = state->count;
        struct proto_produce_response_topic_produce_response *to =
            &ret->responses[ret->responses_count];
        err = fill_topic(req, &in->topic_data[i], wanted, state, to);
        if (err != 0) {
            return err;
        }
        wanted +=
            in->topic_data[i].partition_data_count < 0 ? 0 : in->topic_data[i].partition_data_count;
        ret->responses_count += to->partition_responses_count > 0 ? 1 : 0;
        for (size_t k = first; k < state->count && error != 0; k++) {
            decide(state, &state->items[k], error);
        }
    }
    *ret_state = state;
    /* Attached last, so run first: waiters leave their partitions before the topics may go. */
    return lt_arena_hook(&req->arena, release_waiters, state);
}

/* Answer and items for one topic entry of the request. */
static int fill_topic(struct srv_request *req,
                      const struct proto_produce_request_topic_produce_data *from,
                      const bool *wanted,
                      struct produce *state,
                      struct proto_produce_response_topic_produce_response *to)
{
    size_t count = from->partition_data_count < 0 ? 0 : (size_t)from->partition_data_count;
    int16_t error = 0;

    proto_produce_response_topic_produce_response_init(to);
    to->topic_id = from->topic_id;
    if (from->name.size > 0) {
        void *name = lt_arena_memdup(&req->arena, from->name.data, from->name.size);
        if (name == NULL) {
            return LEAT_ENOMEM;
        }
        to->name = lt_slice(name, from->name.size);
    }
    to->partition_responses =
        lt_arena_calloc(&req->arena, count, sizeof(to->partition_responses[0]));
    if (to->partition_responses == NULL) {
        return LEAT_ENOMEM;
    }
    struct srv_topic *topic = find_topic(req, from, &error);
    if (topic != NULL && lt_arena_hook(&req->arena, release_topic, topic) != 0) {
        srv_topic_unref(topic);
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct proto_produce_request_partition_produce_data *data = &from->partition_data[i];
        if (!wanted[i]) {
            continue;
        }
        struct item *item = &state->items[state->count++];
        item->ret = &to->partition_responses[to->partition_responses_count++];
        proto_produce_response_partition_produce_response_init(item->ret);
        item->ret->index = data->index;
        item->ret->base_offset = -1;
        item->waiter.req = req;
        item->size = data->records.size;
        /* The decoder's slices are const; the frame is ours to write. */
        item->batch =
            data->records.data == NULL ? NULL : req->frame + (data->records.data - req->frame);
        item->part = topic == NULL || error != 0 ? NULL : srv_topic_partition(topic, data->index);
        if (item->part == NULL) {
            decide(state, item, error != 0 ? error : PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
        }
    }
    return 0;
}

static struct srv_topic *find_topic(struct srv_request *req,
                                    const struct proto_produce_request_topic_produce_data *from,
                                    int16_t *ret_error)
{
    struct srv_topic *topic;

    if (req->header.api_version >= 13) {
        topic = srv_topics_by_id(req->server->topics, &from->topic_id);
        *ret_error = topic == NULL ? PROTO_ERROR_UNKNOWN_TOPIC_ID : 0;
    } else {
        topic = srv_topics_by_name(req->server->topics, from->name);
        *ret_error = topic == NULL ? PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION : 0;
    }
    if (topic != NULL && topic->internal && !lt_slice_is(req->header.client_id, ADMIN_CLIENT)) {
        *ret_error = PROTO_ERROR_INVALID_TOPIC_EXCEPTION;
    }
    return topic;
}

/* What is wrong with the whole request; every partition then says so. */
static int16_t request_error(const struct proto_produce_request *in)
{
    if (in->acks < -1 || in->acks > 1) {
        return PROTO_ERROR_INVALID_REQUIRED_ACKS;
    }
    /* No transaction was ever begun here, since nobody hands out transactional producer ids. Both codes are final for a
     * client: it stops instead of trying again. Without an id Kafka says the first one too. */
    if (has_transactional(in)) {
        return in->transactional_id.data == NULL ? PROTO_ERROR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED
                                                 : PROTO_ERROR_INVALID_PRODUCER_ID_MAPPING;
    }
    return 0;
}

static bool has_transactional(const struct proto_produce_request *in)
{
    for (int32_t i = 0; i < in->topic_data_count; i++) {
        const struct proto_produce_request_topic_produce_data *topic = &in->topic_data[i];
        for (int32_t k = 0; k < topic->partition_data_count; k++) {
            const struct proto_records *records = &topic->partition_data[k].records;
            if (records->size >= PROTO_BATCH_HEADER_SIZE &&
                records->data[PROTO_BATCH_MAGIC_AT] == PROTO_MAGIC_V2 &&
                (proto_load_u16(records->data + PROTO_BATCH_ATTRIBUTES_AT) &
                 PROTO_BATCH_TRANSACTIONAL) != 0) {
                return true;
            }
        }
    }
    return false;
}

/* A partition that is named twice: the last entry counts, as in Kafka. One flag per partition entry, in order. */
static int
choose_last(struct srv_request *req, const struct proto_produce_request *in, bool **ret_wanted)
{
    size_t count = 0;
    for (int32_t i = 0; i < in->topic_data_count; i++) {
        count += in->topic_data[i].partition_data_count < 0
                     ? 0
                     : (size_t)in->topic_data[i].partition_data_count;
    }
    bool *wanted = lt_arena_alloc(&req->arena, count * sizeof(bool));
    if (wanted == NULL) {
        return LEAT_ENOMEM;
    }
    memset(wanted, true, count * sizeof(bool));
    *ret_wanted = wanted;
    if (count <= 1) {
        return 0;
    }
    /* An open table of (topic entry, partition entry), at most half full, filled from the end: who finds himself there
     * already was not the last. */
    size_t slots = 4;
    while (slots < 2 * count) {
        slots *= 2;
    }
    struct {
        const struct proto_produce_request_topic_produce_data *topic;
        int32_t index;
    } *table = lt_arena_calloc(&req->arena, slots, sizeof(*table));
    if (table == NULL) {
        return LEAT_ENOMEM;
    }
    size_t at = count;
    for (int32_t i = in->topic_data_count - 1; i >= 0; i--) {
        const struct proto_produce_request_topic_produce_data *topic = &in->topic_data[i];
        uint64_t seed = XXH3_64bits(topic->name.data, topic->name.size) ^
                        XXH3_64bits(&topic->topic_id, sizeof(topic->topic_id));
        for (int32_t k = topic->partition_data_count - 1; k >= 0; k--) {
            int32_t index = topic->partition_data[k].index;
            size_t slot = XXH3_64bits_withSeed(&index, sizeof(index), seed) & (slots - 1);
            at--;
            while (table[slot].topic != NULL) {
                const struct proto_produce_request_topic_produce_data *other = table[slot].topic;
                if (table[slot].index == index && lt_slice_equal(other->name, topic->name) &&
                    memcmp(&other->topic_id, &topic->topic_id, sizeof(topic->topic_id)) == 0) {
                    wanted[at] = false;
                    break;
                }
                slot = (slot + 1) & (slots - 1);
            }
            if (wanted[at]) {
                table[slot].topic = topic;
                table[slot].index = index;
            }
        }
    }
    return 0;
}

/* ---- one partition ---- */

static void append(struct srv_request *req, struct produce *state, struct item *item, int16_t acks)
{
    struct log_append_options options = {.produce_version = req->header.api_version,
                                         .from_client = true};
    struct log_append_result result;
    struct proto_batch_verdict verdict;
    struct log_partition *log = item->part->log;

    item->state = ITEM_DECIDED;
    if (acks == -1) {
        struct log_config config;
        log_partition_config(log, &config);
        if (config.min_insync_replicas > 1) { /* there is one replica, ever */
            decide(state, item, PROTO_ERROR_NOT_ENOUGH_REPLICAS);
            return;
        }
    }
    proto_batch_verdict_init(&verdict);
    int err = log_partition_append(log, item->batch, item->size, &options, &result, &verdict);
    if (err == LEAT_EAGAIN) {
        item->state = ITEM_WAITS_ROOM;
    } else if (err != 0) {
        explain(req, &verdict, err, item);
        decide(state, item, srv_wire_error(err));
    } else {
        struct srv_topic *topic = item->part->topic;
        int64_t records = result.last_offset - result.base_offset + 1;
        if (!result.duplicate) {
            atomic_fetch_add_explicit(&topic->records_in, (uint64_t)records, memory_order_relaxed);
            atomic_fetch_add_explicit(&topic->bytes_in, verdict.size, memory_order_relaxed);
        }
        item->ret->base_offset = result.base_offset;
        item->ret->log_append_time_ms = result.log_append_time_ms;
        item->ret->log_start_offset = result.log_start_offset;
        item->last_offset = result.last_offset;
        if (result.visible) {
            srv_partition_moved(
                item->part); /* fetches that wait for this are answered in the same turn */
        }
        if (acks == -1 && !result.visible && !req->server->options.ack_before_flush) {
            item->state = ITEM_WAITS_DISK;
        }
    }
    proto_batch_verdict_release(&verdict);
}

/* Say which records were refused, and why, as clients show it (version 8 on). */
static void explain(struct srv_request *req,
                    const struct proto_batch_verdict *verdict,
                    int err,
                    struct item *item)
{
    struct log_offsets offsets;
    struct lt_buf text = {0};

    if (verdict->message != NULL) {
        item->ret->error_message = lt_slice_text(verdict->message);
    }
    if (err != LEAT_ERECORD && err != LEAT_ETIMESTAMP) {
        return;
    }
    if (log_partition_offsets(item->part->log, &offsets) == 0) {
        item->ret->log_start_offset =
            offsets.log_start; /* Kafka's record check knows it; earlier checks do not */
    }
    if (verdict->bad_count == 0) {
        return;
    }
    item->ret->record_errors =
        lt_arena_calloc(&req->arena, verdict->bad_count, sizeof(item->ret->record_errors[0]));
    if (item->ret->record_errors == NULL) {
        return; /* the error code stands without its details */
    }
    char partition[SRV_TOPIC_NAME_MAX + 16];
    (void)snprintf(partition, sizeof(partition), "%s-%" PRId32, item->part->topic->name,
                   item->part->number);
    for (uint32_t i = 0; i < verdict->bad_count; i++) {
        struct proto_produce_response_batch_index_and_error_message *row =
            &item->ret->record_errors[item->ret->record_errors_count++];
        row->batch_index = verdict->bad[i].index;
        text.size = 0;
        if (proto_bad_record_text(verdict, i, partition, &text) == 0) {
            void *copy = lt_arena_memdup(&req->arena, text.data, text.size);
            row->batch_index_error_message = lt_slice(copy, copy == NULL ? 0 : text.size);
        }
    }
    lt_buf_release(&text);
}

/* ---- waiting ---- */

static int wait_or_answer(struct srv_request *req,
                          struct produce *state,
                          const struct proto_produce_request *in)
{
    size_t disk = 0, room = 0;

    for (size_t i = 0; i < state->count; i++) {
        struct item *item = &state->items[i];
        while (item->state != ITEM_DECIDED && item->waiter.at == NULL) {
            item->waiter.offset = item->state == ITEM_WAITS_DISK ? item->last_offset + 1 : 0;
            srv_partition_wait(item->part, &item->waiter);
            look(req, state, item, in->acks); /* it may have moved before we were registered */
        }
        if (item->state == ITEM_WAITS_ROOM && keep_batch(req, item) != 0) {
            return LEAT_ENOMEM;
        }
        disk += item->state == ITEM_WAITS_DISK ? 1 : 0;
        room += item->state == ITEM_WAITS_ROOM ? 1 : 0;
    }
    if (disk + room == 0) {
        req->close_after =
            req->no_response && state->failed; /* the only way to tell an acks=0 producer */
        return 0;
    }
    if (!req->appended) {
        req->appended = room == 0;
        srv_request_drop_frame(req);
    }
    return srv_park(req, in->timeout_ms < 0 ? 0 : in->timeout_ms);
}

/* What has become of an item that waits? */
static void look(struct srv_request *req, struct produce *state, struct item *item, int16_t acks)
{
    struct log_offsets offsets;

    if (item->state == ITEM_DECIDED) {
        return;
    }
    int err = log_partition_offsets(item->part->log, &offsets);
    if (err != 0) {
        decide(state, item, srv_wire_error(err));
        return;
    }
    if (item->state == ITEM_WAITS_ROOM) {
        append(req, state, item, acks);
        if (item->state == ITEM_WAITS_DISK) {
            srv_waiter_unlink(&item->waiter); /* it waits for something else now */
        }
    }
    if (item->state == ITEM_WAITS_DISK) {
        if (offsets.high_watermark > item->last_offset) {
            item->ret->log_start_offset = offsets.log_start;
            decide(state, item, 0);
        } else if (log_partition_failure(item->part->log) != NULL) {
            decide(state, item, PROTO_ERROR_KAFKA_STORAGE_ERROR);
        }
    }
    if (item->state != ITEM_DECIDED && req->timed_out) {
        decide(state, item, PROTO_ERROR_REQUEST_TIMED_OUT);
    }
}

static void decide(struct produce *state, struct item *item, int16_t error)
{
    srv_waiter_unlink(&item->waiter);
    item->state = ITEM_DECIDED;
    item->ret->error_code = error;
    if (error == 0) {
        return;
    }
    state->failed = true;
    item->ret->base_offset = -1;
    item->ret->log_append_time_ms = -1;
    if (error != PROTO_ERROR_INVALID_RECORD && error != PROTO_ERROR_INVALID_TIMESTAMP) {
        item->ret->log_start_offset = -1;
    }
}

/* The frame goes; a batch that is still to be appended gets memory of its own. */
static int keep_batch(struct srv_request *req, struct item *item)
{
    if (req->frame == NULL || item->batch < req->frame ||
        item->batch >= req->frame + req->frame_size) {
        return 0;
    }
    item->batch = lt_arena_memdup(&req->arena, item->batch, item->size);
    return item->batch == NULL ? LEAT_ENOMEM : 0;
}

static void release_waiters(void *arg)
{
    struct produce *state = arg;

    for (size_t i = 0; i < state->count; i++) {
        srv_waiter_unlink(&state->items[i].waiter);
    }
}

static void release_topic(void *arg)
{
    srv_topic_unref(arg);
}
