/* handle_admin.c: DeleteRecords and DescribeLogDirs. Both wait for the disk, so they run on a reader thread.
 *
 * Source: KIP-107, KIP-113, KIP-827, Kafka ReplicaManager.deleteRecords, describeLogDirs. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "proto/errors.h"
#include "server/error_map.h"
#include "server/handlers.h"
#include "server/server.h"
#include "server/topics.h"
#include "storage/store.h"

/* The handler's state while and after a reader thread works. */
struct offloaded {
    int err; /* 0 or LEAT_ENOMEM */
};

/* First call: go to a reader thread. Later: its outcome. */
static int offload(struct srv_request *req, void (*fn)(struct srv_request *req))
{
    struct offloaded *state = req->state;
    if (state != NULL) {
        return state->err;
    }
    req->state = lt_arena_calloc(&req->arena, 1, sizeof(*state));
    return req->state == NULL ? LEAT_ENOMEM : srv_offload(req, fn);
}

static int16_t log_error(int err)
{
    bool damaged = err == LEAT_ECORRUPT || err == LEAT_EIO || err == LEAT_EFAILED;
    return damaged ? (int16_t)PROTO_ERROR_KAFKA_STORAGE_ERROR : srv_wire_error(err);
}

/* ---- DeleteRecords ---- */

/* What is done for the request as a whole, on the reader thread. */
struct deleting {
    struct log_deletion *list;
    struct proto_delete_records_response_partition_result **results; /* of each in the list */
    size_t count;
};

/* Answer an entry that cannot be done, put the others on the list. */
static void plan_deletion(struct srv_topic *topic,
                          const struct proto_delete_records_request_partition *in,
                          struct proto_delete_records_response_partition_result *ret,
                          struct deleting *deleting)
{
    struct srv_partition *part =
        topic == NULL ? NULL : srv_topic_partition(topic, in->partition_index);
    ret->partition_index = in->partition_index;
    ret->low_watermark = -1;
    if (part == NULL) {
        ret->error_code = PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        return;
    }
    struct log_config config;
    log_partition_config(part->log, &config);
    if (topic->internal) {
        ret->error_code = PROTO_ERROR_INVALID_TOPIC_EXCEPTION;
    } else if (!config.cleanup_delete) {
        ret->error_code = PROTO_ERROR_POLICY_VIOLATION;
    } else if (in->offset < -1) {
        ret->error_code = PROTO_ERROR_OFFSET_OUT_OF_RANGE;
    } else {
        deleting->results[deleting->count] = ret;
        deleting->list[deleting->count++] =
            (struct log_deletion){.part = part->log, .offset = in->offset};
    }
}

static void unref_topic(void *topic)
{
    srv_topic_unref(topic);
}

static int plan_topic(struct srv_request *req,
                      const struct proto_delete_records_request_topic *in,
                      struct proto_delete_records_response_topic_result *ret,
                      struct deleting *deleting)
{
    proto_delete_records_response_topic_result_init(ret);
    ret->name = in->name;
    ret->partitions_count = in->partitions_count < 0 ? 0 : in->partitions_count;
    ret->partitions =
        lt_arena_calloc(&req->arena, (size_t)ret->partitions_count + 1, sizeof(*ret->partitions));
    if (ret->partitions == NULL) {
        return LEAT_ENOMEM;
    }
    struct srv_topic *topic = srv_topics_by_name(req->server->topics, in->name);
    if (topic != NULL && lt_arena_hook(&req->arena, unref_topic, topic) != 0) {
        srv_topic_unref(topic);
        return LEAT_ENOMEM;
    }
    for (int32_t i = 0; i < ret->partitions_count; i++) {
        plan_deletion(topic, &in->partitions[i], &ret->partitions[i], deleting);
    }
    return 0;
}

static int plan_deletions(struct srv_request *req,
                          const struct proto_delete_records_request *in,
                          struct proto_delete_records_response *ret,
                          struct deleting *deleting)
{
    size_t partitions = 0;
    int32_t count = in->topics_count < 0 ? 0 : in->topics_count;
    for (int32_t i = 0; i < count; i++) {
        partitions +=
            in->topics[i].partitions_count < 0 ? 0 : (size_t)in->topics[i].partitions_count;
    }
    ret->topics = lt_arena_calloc(&req->arena, (size_t)count + 1, sizeof(*ret->topics));
    deleting->list = lt_arena_calloc(&req->arena, partitions + 1, sizeof(*deleting->list));
    deleting->results =
        lt_arena_calloc(&req->arena, partitions + 1,
                        sizeof(struct proto_delete_records_response_partition_result *));
    if (ret->topics == NULL || deleting->list == NULL || deleting->results == NULL) {
        return LEAT_ENOMEM;
    }
    for (int32_t i = 0; i < count; i++) {
        int err = plan_topic(req, &in->topics[i], &ret->topics[i], deleting);
        if (err != 0) {
            return err;
        }
    }
    ret->topics_count = count;
    return 0;
}

static void delete_records(struct srv_request *req)
{
    struct offloaded *state = req->state;
    struct deleting deleting = {0};
    state->err = plan_deletions(req, req->body, req->response, &deleting);
    if (state->err != 0) {
        return;
    }
    log_store_delete_records(req->server->store, deleting.list, deleting.count);
    for (size_t i = 0; i < deleting.count; i++) {
        const struct log_deletion *done = &deleting.list[i];
        deleting.results[i]->error_code = log_error(done->err);
        deleting.results[i]->low_watermark = done->err == 0 ? done->log_start : -1;
    }
}

int srv_handle_delete_records(struct srv_request *req,
                              const struct proto_delete_records_request *in,
                              struct proto_delete_records_response *ret)
{
    (void)in; /* the reader thread takes both from the request */
    (void)ret;
    return req->canceled ? 0 : offload(req, delete_records);
}

/* ---- DescribeLogDirs ---- */

/* The topics that are asked about, referenced. */
struct described {
    struct srv_topic **topics;
    const struct proto_describe_log_dirs_request_describable_log_dir_topic *
        *asked; /* NULL entry: all partitions */
    size_t count;
};

static void unref_described(void *arg)
{
    struct described *described = arg;
    LT_ASSERT(described->count == 0 || described->topics != NULL);
    for (size_t i = 0; i < described->count; i++) {
        srv_topic_unref(described->topics[i]);
    }
}

static int find_described(struct srv_request *req,
                          const struct proto_describe_log_dirs_request *in,
                          struct described *described)
{
    size_t count = in->topics_count < 0 ? 0 : (size_t)in->topics_count;
    if (in->topics_count < 0) {
        int err = srv_topics_list(req->server->topics, &req->arena, &described->topics,
                                  &described->count);
        if (err != 0) {
            return err;
        }
    } else {
        described->topics = lt_arena_calloc(&req->arena, count + 1, sizeof(struct srv_topic *));
    }
    size_t room = described->count > count ? described->count : count;
    described->asked = lt_arena_calloc(&req->arena, room + 1, sizeof(*described->asked));
    if (described->topics == NULL || described->asked == NULL ||
        lt_arena_hook(&req->arena, unref_described, described) != 0) {
        unref_described(described);
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct srv_topic *topic = srv_topics_by_name(req->server->topics, in->topics[i].topic);
        if (topic != NULL) { /* what is not there is not in the answer */
            described->topics[described->count] = topic;
            described->asked[described->count++] = &in->topics[i];
        }
    }
    return 0;
}

static bool asked_for(const struct proto_describe_log_dirs_request_describable_log_dir_topic *asked,
                      int32_t number)
{
    for (int32_t i = 0; asked != NULL && i < asked->partitions_count; i++) {
        if (asked->partitions[i] == number) {
            return true;
        }
    }
    return asked == NULL;
}

/* The partitions of one topic that lie in this directory. */
static int describe_topic(struct srv_request *req,
                          const struct described *described,
                          size_t i,
                          const char *dir,
                          struct proto_describe_log_dirs_response_topic *ret)
{
    struct srv_topic *topic = described->topics[i];
    int32_t count = srv_topic_partition_count(topic);
    proto_describe_log_dirs_response_topic_init(ret);
    ret->name = lt_slice_text(topic->name);
    ret->partitions = lt_arena_calloc(&req->arena, (size_t)count + 1, sizeof(*ret->partitions));
    if (ret->partitions == NULL) {
        return LEAT_ENOMEM;
    }
    for (int32_t k = 0; k < count; k++) {
        struct log_partition *log = srv_topic_partition(topic, k)->log;
        if (!asked_for(described->asked[i], k) || strcmp(log_partition_dir(log), dir) != 0) {
            continue;
        }
        struct proto_describe_log_dirs_response_partition *part =
            &ret->partitions[ret->partitions_count++];
        proto_describe_log_dirs_response_partition_init(part);
        part->partition_index = k;
        part->partition_size = (int64_t)log_partition_size(log);
    }
    return 0;
}

static int describe_dir(struct srv_request *req,
                        const struct described *described,
                        size_t dir,
                        struct proto_describe_log_dirs_response_result *ret)
{
    struct log_dir_info info;
    log_store_dir_info(req->server->store, dir, &info);
    proto_describe_log_dirs_response_result_init(ret);
    char path[PATH_MAX];
    const char *absolute = realpath(info.path, path); /* as Kafka answers */
    ret->log_dir =
        lt_slice_text(lt_arena_strdup(&req->arena, absolute == NULL ? info.path : absolute));
    ret->error_code = info.offline ? PROTO_ERROR_KAFKA_STORAGE_ERROR : PROTO_ERROR_NONE;
    ret->total_bytes = (int64_t)info.total_bytes;
    ret->usable_bytes = (int64_t)info.usable_bytes;
    ret->topics = lt_arena_calloc(&req->arena, described->count + 1, sizeof(*ret->topics));
    if (ret->topics == NULL || ret->log_dir.data == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < described->count; i++) {
        struct proto_describe_log_dirs_response_topic *topic = &ret->topics[ret->topics_count];
        int err = describe_topic(req, described, i, info.path, topic);
        if (err != 0) {
            return err;
        }
        ret->topics_count += topic->partitions_count > 0;
    }
    return 0;
}

static void describe_log_dirs(struct srv_request *req)
{
    struct proto_describe_log_dirs_response *ret = req->response;
    struct offloaded *state = req->state;
    size_t count = log_store_dir_count(req->server->store);
    struct described *described = lt_arena_calloc(&req->arena, 1, sizeof(*described));
    ret->results = lt_arena_calloc(&req->arena, count + 1, sizeof(*ret->results));
    int err = described == NULL || ret->results == NULL ? LEAT_ENOMEM
                                                        : find_described(req, req->body, described);
    for (size_t i = 0; err == 0 && i < count; i++) {
        err = describe_dir(req, described, i, &ret->results[i]);
    }
    ret->results_count = err == 0 ? (int32_t)count : 0;
    state->err = err;
}

int srv_handle_describe_log_dirs(struct srv_request *req,
                                 const struct proto_describe_log_dirs_request *in,
                                 struct proto_describe_log_dirs_response *ret)
{
    (void)in; /* the reader thread takes both from the request */
    (void)ret;
    return req->canceled ? 0 : offload(req, describe_log_dirs);
}
