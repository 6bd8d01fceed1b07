/* admin_log_dirs.c: what each broker's data directories hold: DescribeLogDirs, asked of all brokers of the cluster at once.
 *
 * Every broker goes its own way, as partitions do in admin_offsets.c; one that fails or does not answer in time gets a row with its code, and the call
 * itself fails only if none answered. Rows are made at the end, out of the answers that were kept, so that their order is always the same.
 * Source: KIP-113, KIP-827 (sizes of the directory), Kafka KafkaAdminClient.describeLogDirs. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "client/call.h"
#include "client/metadata.h"
#include "client/record.h"
#include "client/result.h"
#include "proto/messages.h"

#define NS_PER_MS 1000000
#define LOG_DIRS_VERSION_NEWEST 4 /* 5 adds nothing that is used here */

enum field {
    FIELD_BROKER = 0,
    FIELD_DIR = 1,
    FIELD_CODE = 2,
    FIELD_TOPIC = 3,
    FIELD_PARTITION = 4,
    FIELD_SIZE = 5,
    FIELD_LAG = 6,
    FIELD_FUTURE = 7,
    FIELD_TOTAL = 8,
    FIELD_USABLE = 9,
};

static const char *const fields[] = {"broker", "dir",    "code",  "topic",  "partition", "size",
                                     "lag",    "future", "total", "usable", NULL};

/* One broker. */
struct place {
    int32_t id;
    bool asked; /* in a request */
    bool done;
    int err;          /* of the last attempt */
    int64_t retry_at; /* ns */
    struct lt_arena arena;
    struct lc_bytes *frame; /* what response points into; NULL = no answer */
    struct proto_describe_log_dirs_response response;
};

struct log_dirs_call {
    struct lc_call call; /* first */
    char *topic;         /* NULL = all; owned */
    int32_t partition_count;
    struct place *places; /* NULL until the brokers are known */
    size_t place_count;
    struct leat_result *rows;
};

/* One request. */
struct asked {
    struct log_dirs_call *own; /* a reference of the call */
    struct place *place;
};

static void step(struct lc_call *call, int64_t now);
static void late(struct lc_call *call);
static void release(struct lc_call *call);
static void on_answer(struct leat_client *client, const struct lc_answer *answer, void *arg);

static const struct lc_call_ops ops = {.step = step, .late = late, .release = release};

static void release(struct lc_call *call)
{
    struct log_dirs_call *own = (struct log_dirs_call *)call;

    for (size_t i = 0; i < own->place_count; i++) {
        lt_arena_release(&own->places[i].arena);
        lc_bytes_unref(own->places[i].frame);
    }
    leat_result_free(own->rows);
    lt_free(own->places);
    lt_free(own->topic);
}

/* ---- rows ---- */

static int compare_slices(struct lt_slice a, struct lt_slice b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.data, b.data, size);

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_dirs(const void *a, const void *b)
{
    return compare_slices(((const struct proto_describe_log_dirs_response_result *)a)->log_dir,
                          ((const struct proto_describe_log_dirs_response_result *)b)->log_dir);
}

static int compare_topics(const void *a, const void *b)
{
    return compare_slices(((const struct proto_describe_log_dirs_response_topic *)a)->name,
                          ((const struct proto_describe_log_dirs_response_topic *)b)->name);
}

static int compare_partitions(const void *a, const void *b)
{
    int32_t left = ((const struct proto_describe_log_dirs_response_partition *)a)->partition_index;
    int32_t right = ((const struct proto_describe_log_dirs_response_partition *)b)->partition_index;

    return (left > right) - (left < right);
}

static void begin_row(struct leat_result *rows,
                      int32_t id,
                      const struct proto_describe_log_dirs_response_result *dir,
                      int code)
{
    lc_result_row(rows);
    lc_result_number(rows, FIELD_BROKER, id);
    lc_result_number(rows, FIELD_CODE, code);
    if (dir != NULL) {
        lc_result_slice(rows, FIELD_DIR, dir->log_dir);
        lc_result_number(rows, FIELD_TOTAL, dir->total_bytes);
        lc_result_number(rows, FIELD_USABLE, dir->usable_bytes);
    }
}

static void
add_dir(struct leat_result *rows, int32_t id, struct proto_describe_log_dirs_response_result *dir)
{
    int code = dir->error_code == 0 ? 0 : LEAT_BROKER_ERROR(dir->error_code);
    bool any = false;

    if (dir->topics_count > 1) {
        qsort(dir->topics, (size_t)dir->topics_count, sizeof(dir->topics[0]), compare_topics);
    }
    for (int32_t i = 0; i < dir->topics_count; i++) {
        struct proto_describe_log_dirs_response_topic *topic = &dir->topics[i];

        if (topic->partitions_count > 1) {
            qsort(topic->partitions, (size_t)topic->partitions_count, sizeof(topic->partitions[0]),
                  compare_partitions);
        }
        for (int32_t k = 0; k < topic->partitions_count; k++) {
            const struct proto_describe_log_dirs_response_partition *part = &topic->partitions[k];

            begin_row(rows, id, dir, code);
            lc_result_slice(rows, FIELD_TOPIC, topic->name);
            lc_result_number(rows, FIELD_PARTITION, part->partition_index);
            lc_result_number(rows, FIELD_SIZE, part->partition_size);
            lc_result_number(rows, FIELD_LAG, part->offset_lag);
            lc_result_number(rows, FIELD_FUTURE, part->is_future_key);
            any = true;
        }
    }
    if (!any) {
        begin_row(rows, id, dir, code);
    }
}

/* The call is over: rows of those that answered and of those that did not, or the error of the first if none did. */
static void finish(struct log_dirs_call *own)
{
    struct leat_result *rows = lc_result_new(fields);
    bool any = false;

    for (size_t i = 0; i < own->place_count && rows != NULL; i++) {
        struct place *place = &own->places[i];

        if (place->frame == NULL) {
            begin_row(rows, place->id, NULL, place->err < 0 ? place->err : LEAT_ETIMEDOUT);
            continue;
        }
        any = true;
        if (place->response.results_count > 1) {
            qsort(place->response.results, (size_t)place->response.results_count,
                  sizeof(place->response.results[0]), compare_dirs);
        }
        for (int32_t k = 0; k < place->response.results_count; k++) {
            add_dir(rows, place->id, &place->response.results[k]);
        }
    }
    if (!any) {
        leat_result_free(rows);
        lc_call_finish(&own->call, own->places[0].err < 0 ? own->places[0].err : LEAT_ETIMEDOUT,
                       NULL);
        return;
    }
    lc_call_finish(&own->call, rows == NULL ? LEAT_ENOMEM : lc_result_finish(rows, &own->rows),
                   NULL);
}

static void late(struct lc_call *call)
{
    struct log_dirs_call *own = (struct log_dirs_call *)call;

    for (size_t i = 0; i < own->place_count; i++) {
        if (own->places[i].frame != NULL || own->places[i].err < 0) {
            finish(own);
            return;
        }
    }
    lc_call_time_out(call);
}

/* ---- requests ---- */

static int compare_places(const void *a, const void *b)
{
    int32_t left = ((const struct place *)a)->id;
    int32_t right = ((const struct place *)b)->id;

    return (left > right) - (left < right);
}

/* The brokers of the cluster, by id. Returns false while they are not known, or when memory was short and the call is finished. */
static bool find_places(struct log_dirs_call *own)
{
    struct leat_client *client = own->call.client;
    size_t count = lc_metadata_node_count(client);

    if (own->places != NULL) {
        return true;
    }
    if (!lc_metadata_ready(client) || count == 0) {
        lc_metadata_refresh(client);
        return false;
    }
    own->places = lt_calloc(count, sizeof(own->places[0]));
    if (own->places == NULL) {
        lc_call_finish(&own->call, LEAT_ENOMEM, NULL);
        return false;
    }
    own->place_count = count;
    for (size_t i = 0; i < count; i++) {
        own->places[i].id = lc_metadata_node_at(client, i)->id;
        lt_arena_init(&own->places[i].arena, 0);
    }
    qsort(own->places, count, sizeof(own->places[0]), compare_places);
    return true;
}

static int send_place(struct log_dirs_call *own, struct lc_broker *broker, struct asked *asked)
{
    struct proto_describe_log_dirs_request request;
    struct proto_describe_log_dirs_request_describable_log_dir_topic topic;
    int32_t *numbers = NULL;
    int16_t version =
        lc_broker_version(broker, PROTO_API_DESCRIBE_LOG_DIRS, LOG_DIRS_VERSION_NEWEST);
    int err;

    if (version < 0) {
        return LEAT_EUNSUPPORTED;
    }
    proto_describe_log_dirs_request_init(&request);
    request.topics_count = -1;
    if (own->topic != NULL) {
        numbers = lt_calloc((size_t)own->partition_count + 1, sizeof(numbers[0]));
        if (numbers == NULL) {
            return LEAT_ENOMEM;
        }
        for (int32_t i = 0; i < own->partition_count; i++) {
            numbers[i] = i;
        }
        proto_describe_log_dirs_request_describable_log_dir_topic_init(&topic);
        topic.topic = lt_slice_text(own->topic);
        topic.partitions = numbers;
        topic.partitions_count = own->partition_count;
        request.topics = &topic;
        request.topics_count = 1;
    }
    err = lc_broker_send(broker, PROTO_API_DESCRIBE_LOG_DIRS, version, &request,
                         lc_conf_number(own->call.client->conf, LC_CONF_REQUEST_TIMEOUT_MS), 0,
                         on_answer, asked);
    lt_free(numbers);
    return err;
}

/* The outcome of one broker, or another attempt after a pause. */
static void take_outcome(struct log_dirs_call *own, struct place *place, int err)
{
    const struct leat_client *client = own->call.client;

    place->asked = false;
    place->err = err;
    if (err < 0 && lc_call_is_passing(err)) {
        place->retry_at = lt_clock_mono_ns(client->clock) +
                          lc_conf_number(client->conf, LC_CONF_RETRY_BACKOFF_MS) * NS_PER_MS;
    } else {
        place->done = true;
    }
}

static void ask(struct log_dirs_call *own, struct place *place)
{
    int err = 0;
    struct lc_broker *broker = lc_metadata_broker(own->call.client, place->id, &err);
    struct asked *asked;

    if (broker == NULL) {
        if (err == LEAT_ENOENT) { /* it left the cluster meanwhile */
            take_outcome(own, place, LEAT_ENOENT);
        }
        return;
    }
    asked = lt_malloc(sizeof(*asked));
    if (asked == NULL) {
        take_outcome(own, place, LEAT_ENOMEM);
        return;
    }
    *asked = (struct asked){.own = own, .place = place};
    err = send_place(own, broker, asked);
    if (err < 0) {
        lt_free(asked);
        take_outcome(own, place, err);
        return;
    }
    lc_call_ref(&own->call);
    place->asked = true;
}

static void step(struct lc_call *call, int64_t now)
{
    struct log_dirs_call *own = (struct log_dirs_call *)call;
    bool all_done = true;

    call->retry_at = 0;
    if (!find_places(own)) {
        return;
    }
    for (size_t i = 0; i < own->place_count; i++) {
        struct place *place = &own->places[i];

        if (!place->done && !place->asked) {
            if (place->retry_at <= now) {
                ask(own, place);
            }
            if (place->retry_at > now &&
                (call->retry_at == 0 || place->retry_at < call->retry_at)) {
                call->retry_at = place->retry_at;
            }
        }
        all_done = all_done && place->done;
    }
    if (all_done) {
        finish(own);
    }
}

static void on_answer(struct leat_client *client, const struct lc_answer *answer, void *arg)
{
    struct asked *asked = arg;
    struct log_dirs_call *own = asked->own;
    struct place *place = asked->place;
    int err = answer->err;

    if (own->call.listed) {
        if (err == 0) {
            err = proto_describe_log_dirs_response_decode(answer->reader, answer->version,
                                                          &place->arena, &place->response);
        }
        if (err == 0 && place->response.error_code != 0) {
            err = LEAT_BROKER_ERROR(place->response.error_code);
        }
        if (err == 0) {
            place->frame = lc_bytes_ref(answer->frame);
        }
        take_outcome(own, place, err);
        lc_client_again(client);
    }
    lc_call_unref(&own->call);
    lt_free(asked);
}

/* ---- public ---- */

static int run(struct leat_client *client,
               const char *topic,
               int partition_count,
               int timeout_ms,
               struct leat_result **ret_rows,
               struct leat_error **reterr)
{
    struct log_dirs_call *own = lc_call_new(client, sizeof(*own), &ops);
    int err;

    if (own != NULL && topic != NULL) {
        own->topic = lt_strdup(topic);
        own->partition_count = partition_count;
    }
    if (own == NULL || (topic != NULL && own->topic == NULL)) {
        if (own != NULL) {
            lc_call_unref(&own->call);
        }
        return lt_error_set(reterr, LEAT_ENOMEM, "describe log dirs: out of memory");
    }
    err = lc_call_run(&own->call, timeout_ms, reterr);
    if (err == 0) {
        *ret_rows = own->rows;
        own->rows = NULL;
    } else {
        (void)lt_error_prefix(reterr, "describe log dirs"); /* err is returned */
    }
    lc_call_unref(&own->call);
    return err;
}

int leat_describe_log_dirs(struct leat_client *client,
                           const char *topic,
                           int timeout_ms,
                           struct leat_result **ret_rows,
                           struct leat_error **reterr)
{
    struct leat_result *parts = NULL;
    int64_t deadline;
    int count = 0;

    if (client == NULL || ret_rows == NULL || (topic != NULL && !lc_topic_ok(topic))) {
        return lt_error_set(reterr, LEAT_EINVAL, "describe log dirs: bad argument");
    }
    deadline = lc_deadline(client->clock, timeout_ms);
    if (topic != NULL) { /* the request names partitions one by one */
        int err = leat_describe_topic(client, topic, timeout_ms, &parts, reterr);

        if (err < 0) {
            return err;
        }
        count = (int)leat_result_count(parts);
        leat_result_free(parts);
    }
    if (deadline != LC_NEVER && topic != NULL) {
        int64_t left_ms = (deadline - lt_clock_mono_ns(client->clock)) / NS_PER_MS;

        timeout_ms = left_ms < 0 ? 0 : (int)left_ms;
    }
    return run(client, topic, count, timeout_ms, ret_rows, reterr);
}
