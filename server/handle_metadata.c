/* handle_metadata.c: Metadata, DescribeCluster, DescribeTopicPartitions: what there is and where.
 *
 * Metadata creates topics on demand: the request parks until they exist, and is answered with them in it.
 * One machine: this node is controller, leader and only replica of everything.
 * Source: KIP-516, KIP-700, KIP-966, Kafka KafkaApis.handleTopicMetadataRequest. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "proto/errors.h"
#include "server/config.h"
#include "server/error_map.h"
#include "server/gather.h"
#include "server/handlers.h"
#include "server/server.h"
#include "server/topic_change.h"
#include "server/topics.h"
#include "storage/store.h"

#define TOPIC_OPERATIONS \
    3576 /* READ WRITE CREATE DELETE ALTER DESCRIBE DESCRIBE_CONFIGS ALTER_CONFIGS */
#define CLUSTER_OPERATIONS 8096 /* what fits a cluster */
#define AUTO_CREATE_TIMEOUT_MS 30000
#define NOTHING_ASKED INT32_MIN

/* One topic of the answer. */
struct wanted {
    struct lt_slice name;
    struct proto_uuid id;
    struct srv_topic *topic; /* referenced; NULL: not there */
    bool by_id;
    bool creating; /* result i of the gather is its creation's */
    int16_t error;
};

/* What Metadata keeps while it waits. */
struct asking {
    struct wanted *wanted;
    size_t count;
    struct srv_gather *gather; /* NULL: nothing to wait for */
};

static int find_wanted(struct srv_request *req,
                       const struct proto_metadata_request *in,
                       struct asking *asking);
static int create_missing(struct srv_request *req, struct asking *asking);
static void take_created(struct srv_request *req, struct asking *asking);
static int answer(struct srv_request *req,
                  const struct proto_metadata_request *in,
                  struct asking *asking,
                  struct proto_metadata_response *ret);

/* ---- Metadata ---- */

/* Versions 10 and 11 carry ids, but only ours. */
static bool asks_by_early_id(const struct srv_request *req, const struct proto_metadata_request *in)
{
    for (int32_t i = 0; req->header.api_version < 12 && i < in->topics_count; i++) {
        if (!proto_uuid_is_zero(in->topics[i].topic_id)) {
            return true;
        }
    }
    return false;
}

/* The whole request is refused: every topic says so, and there is nothing else in the answer. */
static int refuse_early_ids(struct srv_request *req,
                            const struct proto_metadata_request *in,
                            struct proto_metadata_response *ret)
{
    ret->topics = lt_arena_calloc(&req->arena, (size_t)in->topics_count + 1, sizeof(*ret->topics));
    if (ret->topics == NULL) {
        return LEAT_ENOMEM;
    }
    for (int32_t i = 0; i < in->topics_count; i++) {
        proto_metadata_response_topic_init(&ret->topics[i]);
        ret->topics[i].error_code = PROTO_ERROR_INVALID_REQUEST;
        ret->topics[i].name = in->topics[i].name;
        ret->topics[i].topic_id = in->topics[i].topic_id;
    }
    ret->topics_count = in->topics_count;
    ret->error_code = PROTO_ERROR_INVALID_REQUEST;
    return 0;
}

static void unref_wanted(void *arg)
{
    struct asking *asking = arg;
    for (size_t i = 0; i < asking->count; i++) {
        srv_topic_unref(asking->wanted[i].topic);
    }
}

int srv_handle_metadata(struct srv_request *req,
                        const struct proto_metadata_request *in,
                        struct proto_metadata_response *ret)
{
    struct asking *asking = req->state;
    if (req->canceled) {
        return 0;
    }
    if (asks_by_early_id(req, in)) {
        return refuse_early_ids(req, in, ret);
    }
    if (asking == NULL) {
        asking = lt_arena_calloc(&req->arena, 1, sizeof(*asking));
        if (asking == NULL || lt_arena_hook(&req->arena, unref_wanted, asking) != 0) {
            return LEAT_ENOMEM;
        }
        req->state = asking;
        int err = find_wanted(req, in, asking);
        if (err == 0 && in->allow_auto_topic_creation &&
            srv_config_settings(req->server->config)->auto_create_topics) {
            err = create_missing(req, asking);
        }
        if (err != 0) {
            return err;
        }
    } else if (!req->timed_out && !srv_gather_complete(asking->gather)) {
        return srv_park(req, AUTO_CREATE_TIMEOUT_MS);
    }
    take_created(req, asking);
    return answer(req, in, asking, ret);
}

static int want_all(struct srv_request *req, struct asking *asking)
{
    struct srv_topic **topics;
    size_t count;
    int err = srv_topics_list(req->server->topics, &req->arena, &topics, &count);
    if (err != 0) {
        return err;
    }
    asking->wanted = lt_arena_calloc(&req->arena, count + 1, sizeof(*asking->wanted));
    if (asking->wanted == NULL) {
        for (size_t i = 0; i < count; i++) {
            srv_topic_unref(topics[i]);
        }
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        asking->wanted[i] = (struct wanted){
            .name = lt_slice_text(topics[i]->name), .id = topics[i]->id, .topic = topics[i]};
    }
    asking->count = count;
    return 0;
}

static int compare_wanted(const void *a, const void *b)
{
    const struct wanted *left = a;
    const struct wanted *right = b;
    if (left->by_id != right->by_id) {
        return left->by_id ? -1 : 1;
    }
    if (left->by_id) {
        return memcmp(&left->id, &right->id, sizeof(left->id));
    }
    size_t size = left->name.size < right->name.size ? left->name.size : right->name.size;
    int order = size == 0 ? 0 : memcmp(left->name.data, right->name.data, size);
    return order != 0 ? order
                      : (left->name.size > right->name.size) - (left->name.size < right->name.size);
}

/* A topic named twice is answered once. */
static void drop_repeated(struct asking *asking)
{
    if (asking->count < 2) {
        return;
    }
    qsort(asking->wanted, asking->count, sizeof(*asking->wanted), compare_wanted);
    size_t kept = 1;
    for (size_t i = 1; i < asking->count; i++) {
        if (compare_wanted(&asking->wanted[kept - 1], &asking->wanted[i]) != 0) {
            asking->wanted[kept++] = asking->wanted[i];
        }
    }
    asking->count = kept;
}

static int16_t error_of_missing(const struct wanted *wanted)
{
    char text[512];
    if (wanted->by_id) {
        return PROTO_ERROR_UNKNOWN_TOPIC_ID;
    }
    return srv_topic_name_wrong(wanted->name, text, sizeof(text)) != NULL
               ? PROTO_ERROR_INVALID_TOPIC_EXCEPTION
               : PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
}

static int
find_wanted(struct srv_request *req, const struct proto_metadata_request *in, struct asking *asking)
{
    /* Version 0 has no null: its empty list asks for all. */
    if (in->topics_count < 0 || (in->topics_count == 0 && req->header.api_version == 0)) {
        return want_all(req, asking);
    }
    asking->wanted =
        lt_arena_calloc(&req->arena, (size_t)in->topics_count + 1, sizeof(*asking->wanted));
    if (asking->wanted == NULL) {
        return LEAT_ENOMEM;
    }
    for (int32_t i = 0; i < in->topics_count; i++) {
        bool by_id = in->topics[i].name.data == NULL;
        asking->wanted[i] = (struct wanted){
            .name = in->topics[i].name, .id = in->topics[i].topic_id, .by_id = by_id};
    }
    asking->count = (size_t)in->topics_count;
    drop_repeated(asking);
    for (size_t i = 0; i < asking->count; i++) {
        struct wanted *wanted = &asking->wanted[i];
        wanted->topic = wanted->by_id ? srv_topics_by_id(req->server->topics, &wanted->id)
                                      : srv_topics_by_name(req->server->topics, wanted->name);
        wanted->error = wanted->topic == NULL ? error_of_missing(wanted) : PROTO_ERROR_NONE;
    }
    return 0;
}

static int start_creation(struct srv_request *req, struct asking *asking, size_t i)
{
    struct wanted *wanted = &asking->wanted[i];
    struct srv_topic_plan plan = {
        .name = lt_arena_text(&req->arena, wanted->name),
        .partition_count = srv_config_settings(req->server->config)->num_partitions,
    };
    int err = plan.name == NULL ? LEAT_ENOMEM : proto_uuid_random(&plan.id);
    if (err != 0) {
        return err;
    }
    void *slot = srv_gather_slot(asking->gather, i);
    err = srv_topic_create(req->server, &plan, srv_gather_done, slot, NULL);
    if (err != 0) {
        srv_gather_drop(slot, err);
    }
    wanted->creating = true;
    return 0;
}

/* Start the creation of what is missing. Returns 0 when there is nothing to wait for, LEAT_EPENDING, or an error. */
static int create_missing(struct srv_request *req, struct asking *asking)
{
    size_t missing = 0;
    for (size_t i = 0; i < asking->count; i++) {
        struct wanted *wanted = &asking->wanted[i];
        if (wanted->error != PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION ||
            srv_topic_name_internal(wanted->name)) {
            continue;
        }
        int err = missing++ > 0 ? 0 : srv_gather_new(req, asking->count, &asking->gather);
        if (err == 0) {
            err = start_creation(req, asking, i);
        }
        if (err != 0) {
            return err;
        }
    }
    return missing == 0 ? 0 : srv_gather_wait(asking->gather, AUTO_CREATE_TIMEOUT_MS);
}

static void take_created(struct srv_request *req, struct asking *asking)
{
    for (size_t i = 0; i < asking->count; i++) {
        struct wanted *wanted = &asking->wanted[i];
        const char *why;
        if (!wanted->creating) {
            continue;
        }
        wanted->topic = srv_topics_by_name(req->server->topics, wanted->name);
        int err = srv_gather_result(asking->gather, i, &why);
        if (wanted->topic != NULL) {
            wanted->error = PROTO_ERROR_NONE;
        } else if (err == LEAT_ELIMIT) {
            wanted->error = PROTO_ERROR_INVALID_PARTITIONS;
        } else if (err == LEAT_EIO || err == LEAT_ENOSPACE) {
            wanted->error = PROTO_ERROR_KAFKA_STORAGE_ERROR;
        } /* else: collides, being made by another, or too late; unknown stays true, and the client asks again */
    }
}

/* [node], in the arena: replicas and those in sync. */
static int32_t *this_node(struct srv_request *req)
{
    int32_t *node = lt_arena_alloc(&req->arena, sizeof(*node));
    if (node != NULL) {
        *node = srv_config_settings(req->server->config)->node_id;
    }
    return node;
}

static int answer_topic(struct srv_request *req,
                        const struct wanted *wanted,
                        int32_t *node,
                        struct proto_metadata_response_topic *ret)
{
    proto_metadata_response_topic_init(ret);
    ret->error_code = wanted->error;
    ret->name = wanted->name;
    ret->topic_id = wanted->by_id ? wanted->id : PROTO_UUID_ZERO;
    struct srv_topic *topic = wanted->topic;
    if (topic == NULL) {
        ret->is_internal = !wanted->by_id && srv_topic_name_internal(wanted->name);
        return 0;
    }
    ret->name = lt_slice_text(topic->name);
    ret->topic_id = topic->id;
    ret->is_internal = topic->internal;
    ret->partitions_count = srv_topic_partition_count(topic);
    ret->partitions =
        lt_arena_calloc(&req->arena, (size_t)ret->partitions_count + 1, sizeof(*ret->partitions));
    if (ret->partitions == NULL) {
        return LEAT_ENOMEM;
    }
    for (int32_t i = 0; i < ret->partitions_count; i++) {
        struct proto_metadata_response_partition *part = &ret->partitions[i];
        proto_metadata_response_partition_init(part);
        part->partition_index = i;
        part->leader_id = *node;
        part->leader_epoch = atomic_load_explicit(&srv_topic_partition(topic, i)->leader_epoch,
                                                  memory_order_relaxed);
        part->replica_nodes = part->isr_nodes = node;
        part->replica_nodes_count = part->isr_nodes_count = 1;
    }
    return 0;
}

static int answer(struct srv_request *req,
                  const struct proto_metadata_request *in,
                  struct asking *asking,
                  struct proto_metadata_response *ret)
{
    int32_t *node = this_node(req);
    ret->brokers = lt_arena_calloc(&req->arena, 1, sizeof(*ret->brokers));
    ret->topics = lt_arena_calloc(&req->arena, asking->count + 1, sizeof(*ret->topics));
    if (node == NULL || ret->brokers == NULL || ret->topics == NULL) {
        return LEAT_ENOMEM;
    }
    proto_metadata_response_broker_init(&ret->brokers[0]);
    const char *host = srv_request_local_host(req, &ret->brokers[0].port);
    if (host == NULL) {
        return LEAT_ENOMEM;
    }
    ret->brokers[0].node_id = *node;
    ret->brokers[0].host = lt_slice_text(host);
    ret->brokers_count = 1;
    ret->cluster_id = lt_slice_text(log_store_cluster_id(req->server->store));
    ret->controller_id = *node;
    if (in->include_cluster_authorized_operations) {
        ret->cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    for (size_t i = 0; i < asking->count; i++) {
        int err = answer_topic(req, &asking->wanted[i], node, &ret->topics[i]);
        if (err != 0) {
            return err;
        }
        ret->topics[i].topic_authorized_operations =
            in->include_topic_authorized_operations ? TOPIC_OPERATIONS : NOTHING_ASKED;
    }
    ret->topics_count = (int32_t)asking->count;
    return 0;
}

/* ---- DescribeCluster ---- */

#define ENDPOINT_BROKERS 1

int srv_handle_describe_cluster(struct srv_request *req,
                                const struct proto_describe_cluster_request *in,
                                struct proto_describe_cluster_response *ret)
{
    const struct srv_settings *settings = srv_config_settings(req->server->config);
    if (in->endpoint_type != ENDPOINT_BROKERS) {
        bool controllers = in->endpoint_type == 2;
        const char *unknown =
            lt_arena_printf(&req->arena, "Unsupported endpoint type %d", in->endpoint_type);
        if (unknown == NULL) {
            return LEAT_ENOMEM;
        }
        ret->error_code = controllers ? PROTO_ERROR_MISMATCHED_ENDPOINT_TYPE
                                      : PROTO_ERROR_UNSUPPORTED_ENDPOINT_TYPE;
        ret->error_message = lt_slice_text(
            controllers ? "The request was sent to an endpoint of type BROKER, but we wanted an "
                          "endpoint of type CONTROLLER"
                        : unknown);
        return 0;
    }
    ret->brokers = lt_arena_calloc(&req->arena, 1, sizeof(*ret->brokers));
    if (ret->brokers == NULL) {
        return LEAT_ENOMEM;
    }
    proto_describe_cluster_response_broker_init(&ret->brokers[0]);
    const char *host = srv_request_local_host(req, &ret->brokers[0].port);
    if (host == NULL) {
        return LEAT_ENOMEM;
    }
    ret->brokers[0].broker_id = settings->node_id;
    ret->brokers[0].host = lt_slice_text(host);
    ret->brokers_count = 1;
    ret->cluster_id = lt_slice_text(log_store_cluster_id(req->server->store));
    ret->controller_id = settings->node_id;
    if (in->include_cluster_authorized_operations) {
        ret->cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    return 0;
}

/* ---- DescribeTopicPartitions ---- */

#define PARTITION_LIMIT 2000 /* max.request.partition.size.limit of Kafka */

struct page {
    struct srv_topic **topics; /* referenced; NULL: not there */
    struct lt_slice *names;
    size_t count;
};

static void unref_page(void *arg)
{
    struct page *page = arg;
    for (size_t i = 0; i < page->count; i++) {
        srv_topic_unref(page->topics[i]);
    }
}

static int compare_names(const void *a, const void *b)
{
    const struct lt_slice *left = a;
    const struct lt_slice *right = b;
    size_t size = left->size < right->size ? left->size : right->size;
    int order = size == 0 ? 0 : memcmp(left->data, right->data, size);
    return order != 0 ? order : (left->size > right->size) - (left->size < right->size);
}

/* The topics asked for (none named: all), in order of names, from the cursor's on. */
static int page_open(struct srv_request *req,
                     const struct proto_describe_topic_partitions_request *in,
                     struct page *page)
{
    struct srv_topic **all = NULL;
    size_t count = in->topics_count < 0 ? 0 : (size_t)in->topics_count;
    bool list_all = count == 0;
    int err = list_all ? srv_topics_list(req->server->topics, &req->arena, &all, &count) : 0;
    if (err != 0) {
        return err;
    }
    page->topics = lt_arena_calloc(&req->arena, count + 1, sizeof(struct srv_topic *));
    page->names = lt_arena_calloc(&req->arena, count + 1, sizeof(*page->names));
    if (page->topics == NULL || page->names == NULL ||
        lt_arena_hook(&req->arena, unref_page, page) != 0) {
        for (size_t i = 0; list_all && i < count; i++) {
            srv_topic_unref(all[i]);
        }
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        page->names[i] = list_all ? lt_slice_text(all[i]->name) : in->topics[i].name;
    }
    if (!list_all && count > 1) {
        qsort(page->names, count, sizeof(*page->names), compare_names);
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool before =
            in->cursor != NULL && compare_names(&page->names[i], &in->cursor->topic_name) < 0;
        bool repeated = kept > 0 && compare_names(&page->names[i], &page->names[kept - 1]) == 0;
        if (before || repeated) {
            srv_topic_unref(list_all ? all[i] : NULL);
            continue;
        }
        page->names[kept] = page->names[i];
        page->topics[kept] =
            list_all ? all[i] : srv_topics_by_name(req->server->topics, page->names[i]);
        page->count = ++kept;
    }
    return 0;
}

static int page_topic(struct srv_request *req,
                      struct srv_topic *topic,
                      int32_t first,
                      int32_t count,
                      int32_t *node,
                      struct proto_describe_topic_partitions_response_topic *ret)
{
    ret->topic_id = topic->id;
    ret->is_internal = topic->internal;
    ret->partitions = lt_arena_calloc(&req->arena, (size_t)count + 1, sizeof(*ret->partitions));
    if (ret->partitions == NULL) {
        return LEAT_ENOMEM;
    }
    for (int32_t i = 0; i < count; i++) {
        struct proto_describe_topic_partitions_response_partition *part = &ret->partitions[i];
        proto_describe_topic_partitions_response_partition_init(part);
        part->partition_index = first + i;
        part->leader_id = *node;
        part->leader_epoch = atomic_load_explicit(
            &srv_topic_partition(topic, first + i)->leader_epoch, memory_order_relaxed);
        part->replica_nodes = part->isr_nodes = node;
        part->replica_nodes_count = part->isr_nodes_count = 1;
        part->eligible_leader_replicas_count = part->last_known_elr_count = 0;
    }
    ret->partitions_count = count;
    return 0;
}

static int set_cursor(struct srv_request *req,
                      struct proto_describe_topic_partitions_response *ret,
                      struct lt_slice name,
                      int32_t partition)
{
    ret->next_cursor = lt_arena_calloc(&req->arena, 1, sizeof(*ret->next_cursor));
    if (ret->next_cursor == NULL) {
        return LEAT_ENOMEM;
    }
    ret->next_cursor->topic_name = name;
    ret->next_cursor->partition_index = partition;
    return 0;
}

int srv_handle_describe_topic_partitions(struct srv_request *req,
                                         const struct proto_describe_topic_partitions_request *in,
                                         struct proto_describe_topic_partitions_response *ret)
{
    struct page *page = lt_arena_calloc(&req->arena, 1, sizeof(*page));
    int32_t *node = this_node(req);
    int err = page == NULL || node == NULL ? LEAT_ENOMEM : page_open(req, in, page);
    ret->topics =
        err != 0 ? NULL : lt_arena_calloc(&req->arena, page->count + 1, sizeof(*ret->topics));
    if (ret->topics == NULL) {
        return LEAT_ENOMEM;
    }
    int32_t limit = in->response_partition_limit < PARTITION_LIMIT ? in->response_partition_limit
                                                                   : PARTITION_LIMIT;
    int32_t room = limit < 1 ? 1 : limit;
    for (size_t i = 0; i < page->count && room > 0; i++) {
        struct proto_describe_topic_partitions_response_topic *topic =
            &ret->topics[ret->topics_count];
        proto_describe_topic_partitions_response_topic_init(topic);
        topic->name = page->names[i];
        topic->topic_authorized_operations = TOPIC_OPERATIONS;
        ret->topics_count++;
        if (page->topics[i] == NULL) {
            struct wanted missing = {.name = page->names[i]};
            topic->error_code = error_of_missing(&missing);
            continue;
        }
        bool at_cursor =
            in->cursor != NULL && compare_names(&page->names[i], &in->cursor->topic_name) == 0;
        int32_t count = srv_topic_partition_count(page->topics[i]);
        int32_t first =
            at_cursor && in->cursor->partition_index > 0 ? in->cursor->partition_index : 0;
        first = first < count ? first : count;
        int32_t taken = count - first < room ? count - first : room;
        err = page_topic(req, page->topics[i], first, taken, node, topic);
        room -= taken;
        if (err == 0 && first + taken < count) {
            err = set_cursor(req, ret, page->names[i], first + taken);
        } else if (err == 0 && room == 0 && i + 1 < page->count) {
            err = set_cursor(req, ret, page->names[i + 1], 0);
        }
        if (err != 0) {
            return err;
        }
    }
    return 0;
}
