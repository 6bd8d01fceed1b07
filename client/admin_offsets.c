/* admin_offsets.c: calls that ask the leaders of many partitions: ListOffsets and DeleteRecords.
 *
 * Each entry of the list goes its own way: wait for its topic's metadata, for the connection to its leader, be asked together with others of
 * the same leader, and again after a pause when the answer says so. Entries that are not answered in time get LEAT_ETIMEDOUT as their code; the call itself
 * fails only if none was answered. Source: Kafka ListOffsetsHandler, DeleteRecordsHandler. */
#include <string.h>

#include "base/alloc.h"
#include "client/call.h"
#include "client/metadata.h"
#include "client/offsets.h"
#include "proto/errors.h"
#include "proto/messages.h"

#define NS_PER_MS 1000000
#define LIST_VERSION_NEWEST 8
#define LIST_VERSION_MAX_TIMESTAMP 7 /* oldest that knows LEAT_OFFSET_MAX_TIMESTAMP */
#define DELETE_VERSION_NEWEST 2
#define UNKNOWN_ANSWERS 2 /* "no such topic" counts when it was said so often */

struct item {
    struct lc_topic *topic; /* loop; held until the call ends */
    int64_t retry_at;       /* ns */
    int64_t backoff_ms;
    int last_err;
    bool asked; /* in a request */
    bool done;
};

struct offsets_call {
    struct lc_call call; /* first */
    bool delete_records; /* else list offsets */
    bool committed;
    bool started;
    struct leat_offsets *list; /* what is asked; offsets become answers */
    struct item *items;        /* beside list->entries */
};

/* One request: entries by number. */
struct asked {
    struct offsets_call *own; /* a reference of the call */
    size_t count;
    size_t next; /* where the answer's next row is looked for first */
    size_t items[];
};

static void step(struct lc_call *call, int64_t now);
static void late(struct lc_call *call);
static void release(struct lc_call *call);
static void on_answer(struct leat_client *client, const struct lc_answer *answer, void *arg);

static const struct lc_call_ops ops = {.step = step, .late = late, .release = release};

static void release(struct lc_call *call)
{
    struct offsets_call *own = (struct offsets_call *)call;

    leat_offsets_free(own->list);
    lt_free(own->items);
}

/* loop: let go of the metadata and hand the result over. */
static void finish(struct offsets_call *own, int err, const char *message)
{
    if (!own->call.listed) {
        return;
    }
    for (size_t i = 0; own->started && i < own->list->count; i++) {
        lc_metadata_drop(own->call.client, own->items[i].topic);
        own->items[i].topic = NULL;
    }
    lc_call_finish(&own->call, err, message);
}

static void settle(struct offsets_call *own, size_t i, int code, int64_t offset)
{
    own->items[i].done = true;
    own->list->entries[i].code = code;
    own->list->entries[i].offset = code < 0 ? -1 : offset;
}

static void pause_item(struct offsets_call *own, size_t i, int err)
{
    struct leat_client *client = own->call.client;
    struct item *item = &own->items[i];
    int64_t most = lc_conf_number(client->conf, LC_CONF_RETRY_BACKOFF_MAX_MS);

    if (item->backoff_ms == 0) {
        item->backoff_ms = lc_conf_number(client->conf, LC_CONF_RETRY_BACKOFF_MS);
    }
    item->last_err = err;
    item->retry_at = lt_clock_mono_ns(client->clock) + item->backoff_ms * NS_PER_MS;
    item->backoff_ms = item->backoff_ms * 2 > most ? most : item->backoff_ms * 2;
    lc_metadata_refresh(client);
}

/* The outcome of one entry, or another attempt. */
static void take_outcome(struct offsets_call *own, size_t i, int err, int64_t offset)
{
    own->items[i].asked = false;
    if (err < 0 && lc_call_is_passing(err)) {
        pause_item(own, i, err);
    } else {
        settle(own, i, err, offset);
    }
}

static bool all_done(const struct offsets_call *own)
{
    for (size_t i = 0; i < own->list->count; i++) {
        if (!own->items[i].done) {
            return false;
        }
    }
    return true;
}

static void late(struct lc_call *call)
{
    struct offsets_call *own = (struct offsets_call *)call;
    bool any = false;

    for (size_t i = 0; i < own->list->count; i++) {
        any = any || own->items[i].done;
    }
    if (!any) {
        for (size_t i = 0; i < own->list->count && call->last_err == 0; i++) {
            call->last_err = own->items[i].last_err;
        }
        for (size_t i = 0; own->started && i < own->list->count; i++) {
            lc_metadata_drop(call->client, own->items[i].topic);
            own->items[i].topic = NULL;
        }
        lc_call_time_out(call);
        return;
    }
    for (size_t i = 0; i < own->list->count; i++) {
        if (!own->items[i].done) {
            settle(own, i, own->items[i].last_err < 0 ? own->items[i].last_err : LEAT_ETIMEDOUT,
                   -1);
        }
    }
    finish(own, 0, NULL);
}

/* ---- requests ---- */

static int send_list(struct offsets_call *own,
                     struct lc_broker *broker,
                     struct asked *asked,
                     struct lt_arena *arena)
{
    struct proto_list_offsets_request request;
    struct proto_list_offsets_request_partition *rows =
        lt_arena_calloc(arena, asked->count, sizeof(rows[0]));
    int16_t version = lc_broker_version(broker, PROTO_API_LIST_OFFSETS, LIST_VERSION_NEWEST);
    int32_t timeout_ms = lc_call_remaining_ms(&own->call);

    proto_list_offsets_request_init(&request);
    request.replica_id = -1;
    request.isolation_level = own->committed;
    request.timeout_ms = timeout_ms;
    request.topics = lt_arena_calloc(arena, asked->count, sizeof(request.topics[0]));
    if (rows == NULL || request.topics == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < asked->count; i++) {
        const struct lc_offset *entry = &own->list->entries[asked->items[i]];
        struct proto_list_offsets_request_topic *topic =
            request.topics_count == 0 ? NULL : &request.topics[request.topics_count - 1];

        if (entry->offset == LEAT_OFFSET_MAX_TIMESTAMP && version < LIST_VERSION_MAX_TIMESTAMP) {
            return LEAT_EUNSUPPORTED;
        }
        if (topic == NULL || !lt_slice_is(topic->name, entry->topic)) {
            topic = &request.topics[request.topics_count++];
            proto_list_offsets_request_topic_init(topic);
            topic->name = lt_slice_text(entry->topic);
            topic->partitions = &rows[i];
        }
        topic->partitions_count++;
        proto_list_offsets_request_partition_init(&rows[i]);
        rows[i].partition_index = entry->partition;
        rows[i].current_leader_epoch =
            own->items[asked->items[i]].topic->partitions[entry->partition].epoch;
        rows[i].timestamp = entry->offset;
    }
    return lc_broker_send(broker, PROTO_API_LIST_OFFSETS, version, &request,
                          lc_conf_number(own->call.client->conf, LC_CONF_REQUEST_TIMEOUT_MS), 0,
                          on_answer, asked);
}

static int send_delete(struct offsets_call *own,
                       struct lc_broker *broker,
                       struct asked *asked,
                       struct lt_arena *arena)
{
    struct proto_delete_records_request request;
    struct proto_delete_records_request_partition *rows =
        lt_arena_calloc(arena, asked->count, sizeof(rows[0]));
    int16_t version = lc_broker_version(broker, PROTO_API_DELETE_RECORDS, DELETE_VERSION_NEWEST);

    if (version < 0) {
        return LEAT_EUNSUPPORTED;
    }
    proto_delete_records_request_init(&request);
    request.timeout_ms = lc_call_remaining_ms(&own->call);
    request.topics = lt_arena_calloc(arena, asked->count, sizeof(request.topics[0]));
    if (rows == NULL || request.topics == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < asked->count; i++) {
        const struct lc_offset *entry = &own->list->entries[asked->items[i]];
        struct proto_delete_records_request_topic *topic =
            request.topics_count == 0 ? NULL : &request.topics[request.topics_count - 1];

        if (topic == NULL || !lt_slice_is(topic->name, entry->topic)) {
            topic = &request.topics[request.topics_count++];
            proto_delete_records_request_topic_init(topic);
            topic->name = lt_slice_text(entry->topic);
            topic->partitions = &rows[i];
        }
        topic->partitions_count++;
        rows[i] = (struct proto_delete_records_request_partition){
            .partition_index = entry->partition, .offset = entry->offset};
    }
    return lc_broker_send(broker, PROTO_API_DELETE_RECORDS, version, &request,
                          lc_conf_number(own->call.client->conf, LC_CONF_REQUEST_TIMEOUT_MS), 0,
                          on_answer, asked);
}

/* Ask one broker for all entries that it leads and that can be asked now. */
static void ask_broker(struct offsets_call *own, struct lc_broker *broker, int64_t now)
{
    size_t count = own->list->count;
    struct asked *asked = lt_malloc(sizeof(*asked) + count * sizeof(asked->items[0]));
    struct lt_arena arena;
    int err = LEAT_ENOMEM;

    if (asked == NULL) {
        lc_call_retry(&own->call, LEAT_ENOMEM, NULL);
        return;
    }
    asked->own = own;
    asked->count = 0;
    asked->next = 0;
    for (size_t i = 0; i < count; i++) {
        const struct item *item = &own->items[i];

        if (!item->done && !item->asked && item->retry_at <= now && item->topic->known &&
            item->topic->code == 0 &&
            own->list->entries[i].partition < item->topic->partition_count &&
            lc_metadata_leader(own->call.client, item->topic, own->list->entries[i].partition,
                               NULL) == broker) {
            asked->items[asked->count++] = i;
        }
    }
    lt_arena_init(&arena, 0);
    err = own->delete_records ? send_delete(own, broker, asked, &arena)
                              : send_list(own, broker, asked, &arena);
    lt_arena_release(&arena);
    for (size_t i = 0; i < asked->count; i++) {
        own->items[asked->items[i]].asked = err == 0;
        if (err < 0) {
            take_outcome(own, asked->items[i], err, -1);
        }
    }
    if (err == 0) {
        lc_call_ref(&own->call);
    } else {
        lt_free(asked);
    }
}

/* Can this entry be asked, and whom? NULL: it waits, or is settled. */
static struct lc_broker *broker_for(struct offsets_call *own, size_t i, int64_t now)
{
    const struct lc_offset *entry = &own->list->entries[i];
    struct item *item = &own->items[i];
    struct lc_topic *topic = item->topic;
    struct lc_broker *broker;

    if (item->done || item->asked || !topic->known) {
        return NULL;
    }
    if (item->retry_at > now) {
        own->call.retry_at = own->call.retry_at <= now || item->retry_at < own->call.retry_at
                                 ? item->retry_at
                                 : own->call.retry_at;
        return NULL;
    }
    if (topic->code < 0 || entry->partition >= topic->partition_count) {
        int code = topic->code < 0 ? topic->code
                                   : LEAT_BROKER_ERROR(PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION);

        if (lc_call_is_passing(code) || topic->answers < UNKNOWN_ANSWERS) {
            pause_item(own, i, code);
        } else {
            settle(own, i, code, -1);
        }
        return NULL;
    }
    broker = lc_metadata_leader(own->call.client, topic, entry->partition, NULL);
    return broker != NULL && lc_broker_connect(broker) ? broker : NULL;
}

static int start(struct offsets_call *own)
{
    for (size_t i = 0; i < own->list->count; i++) {
        own->items[i].topic =
            lc_metadata_topic(own->call.client, own->list->entries[i].topic, false);
        if (own->items[i].topic == NULL) {
            own->started = true; /* what was taken goes back */
            return LEAT_ENOMEM;
        }
    }
    own->started = true;
    return 0;
}

static void step(struct lc_call *call, int64_t now)
{
    struct offsets_call *own = (struct offsets_call *)call;

    call->retry_at = 0;
    if (!own->started && start(own) < 0) {
        finish(own, LEAT_ENOMEM, NULL);
        return;
    }
    for (size_t i = 0; i < own->list->count; i++) {
        struct lc_broker *broker = broker_for(own, i, now);

        if (broker != NULL) {
            ask_broker(own, broker, now);
        }
    }
    if (all_done(own)) {
        finish(own, 0, NULL);
    }
}

/* ---- answers ---- */

static size_t
find_asked(const struct asked *asked, struct lt_slice topic, int32_t partition, size_t hint)
{
    for (size_t i = 0; i < asked->count; i++) {
        size_t at = (hint + i) % asked->count;
        const struct lc_offset *entry = &asked->own->list->entries[asked->items[at]];

        if (entry->partition == partition && lt_slice_is(topic, entry->topic)) {
            return at;
        }
    }
    return asked->count;
}

/* Answers come in the order of the questions: the next one is looked for where the last one ended. */
static void take_row(
    struct asked *asked, struct lt_slice topic, int32_t partition, int16_t code, int64_t offset)
{
    size_t at = find_asked(asked, topic, partition, asked->next);

    asked->next = at + 1;
    if (at < asked->count && asked->own->items[asked->items[at]].asked) {
        take_outcome(asked->own, asked->items[at], code == 0 ? 0 : LEAT_BROKER_ERROR(code), offset);
    }
}

static int take_list(struct asked *asked, const struct lc_answer *answer, struct lt_arena *arena)
{
    struct proto_list_offsets_response response;
    int err = proto_list_offsets_response_decode(answer->reader, answer->version, arena, &response);

    for (int32_t i = 0; err == 0 && i < response.topics_count; i++) {
        for (int32_t k = 0; k < response.topics[i].partitions_count; k++) {
            const struct proto_list_offsets_response_partition_response *part =
                &response.topics[i].partitions[k];

            take_row(asked, response.topics[i].name, part->partition_index, part->error_code,
                     part->offset);
        }
    }
    return err;
}

static int take_delete(struct asked *asked, const struct lc_answer *answer, struct lt_arena *arena)
{
    struct proto_delete_records_response response;
    int err =
        proto_delete_records_response_decode(answer->reader, answer->version, arena, &response);

    for (int32_t i = 0; err == 0 && i < response.topics_count; i++) {
        for (int32_t k = 0; k < response.topics[i].partitions_count; k++) {
            const struct proto_delete_records_response_partition_result *part =
                &response.topics[i].partitions[k];

            take_row(asked, response.topics[i].name, part->partition_index, part->error_code,
                     part->low_watermark);
        }
    }
    return err;
}

static void on_answer(struct leat_client *client, const struct lc_answer *answer, void *arg)
{
    struct asked *asked = arg;
    struct offsets_call *own = asked->own;
    struct lt_arena arena;
    int err = answer->err;

    if (own->call.listed) {
        lt_arena_init(&arena, 0);
        if (err == 0) {
            err = own->delete_records ? take_delete(asked, answer, &arena)
                                      : take_list(asked, answer, &arena);
        }
        /* What the answer does not mention is as good as not answered. */
        err = err == 0 ? LEAT_EUNAVAIL : err;
        for (size_t i = 0; i < asked->count; i++) {
            if (own->items[asked->items[i]].asked) {
                take_outcome(own, asked->items[i], err, -1);
            }
        }
        lt_arena_release(&arena);
        lc_client_again(client);
    }
    lc_call_unref(&own->call);
    lt_free(asked);
}

/* ---- public ---- */

static int run(struct leat_client *client,
               const struct leat_offsets *list,
               bool delete_records,
               int timeout_ms,
               struct leat_offsets **ret_offsets,
               struct leat_error **reterr)
{
    struct offsets_call *own = lc_call_new(client, sizeof(*own), &ops);
    int err;

    if (own == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "offsets: out of memory");
    }
    own->delete_records = delete_records;
    own->committed = lc_conf_number(client->conf, LC_CONF_ISOLATION) != 0;
    own->list = lc_offsets_copy(list);
    own->items = lt_calloc(list->count + 1, sizeof(own->items[0]));
    if (own->list == NULL || own->items == NULL) {
        lc_call_unref(&own->call);
        return lt_error_set(reterr, LEAT_ENOMEM, "offsets: out of memory");
    }
    err = lc_call_run(&own->call, timeout_ms, reterr);
    if (err == 0) {
        *ret_offsets = own->list;
        own->list = NULL;
    }
    lc_call_unref(&own->call);
    return err;
}

int leat_list_offsets(struct leat_client *client,
                      const struct leat_offsets *at,
                      int timeout_ms,
                      struct leat_offsets **ret_offsets,
                      struct leat_error **reterr)
{
    if (client == NULL || at == NULL || ret_offsets == NULL) {
        return lt_error_set(reterr, LEAT_EINVAL, "list offsets: bad argument");
    }
    for (size_t i = 0; i < at->count; i++) {
        if (at->entries[i].offset < LEAT_OFFSET_MAX_TIMESTAMP) {
            return lt_error_set(reterr, LEAT_EINVAL,
                                "%s-%d: %lld is neither a time nor a special offset",
                                at->entries[i].topic, (int)at->entries[i].partition,
                                (long long)at->entries[i].offset);
        }
    }
    return run(client, at, false, timeout_ms, ret_offsets, reterr);
}

int leat_delete_records(struct leat_client *client,
                        const struct leat_offsets *before,
                        int timeout_ms,
                        struct leat_offsets **ret_offsets,
                        struct leat_error **reterr)
{
    if (client == NULL || before == NULL || ret_offsets == NULL) {
        return lt_error_set(reterr, LEAT_EINVAL, "delete records: bad argument");
    }
    for (size_t i = 0; i < before->count; i++) {
        if (before->entries[i].offset < LEAT_OFFSET_END) {
            return lt_error_set(reterr, LEAT_EINVAL, "%s-%d: %lld is no offset",
                                before->entries[i].topic, (int)before->entries[i].partition,
                                (long long)before->entries[i].offset);
        }
    }
    return run(client, before, true, timeout_ms, ret_offsets, reterr);
}
