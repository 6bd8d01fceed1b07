/* handle_topic_changes.c: DeleteTopics and CreatePartitions.
 *
 * Source: KIP-4, KIP-195, KIP-516, Kafka ControllerApis.deleteTopics, ReplicationControlManager.createPartitions. */
#include <string.h>

#include "base/error.h"
#include "proto/errors.h"
#include "server/config.h"
#include "server/gather.h"
#include "server/handle_topics.h"
#include "server/handlers.h"
#include "server/server.h"
#include "server/topic_change.h"
#include "server/topics.h"

#define deletable struct proto_delete_topics_response_deletable_topic_result
#define grown struct proto_create_partitions_response_topic_result

/* State of both: which results come from the gather. */
struct changing {
    struct srv_gather *gather;
    bool *started;
    enum srv_repeat *repeated;
};

static int changing_new(struct srv_request *req, size_t count, struct changing **ret)
{
    struct changing *changing = lt_arena_calloc(&req->arena, 1, sizeof(*changing));
    if (changing == NULL) {
        return LEAT_ENOMEM;
    }
    changing->started = lt_arena_calloc(&req->arena, count + 1, sizeof(*changing->started));
    int err =
        changing->started == NULL ? LEAT_ENOMEM : srv_gather_new(req, count, &changing->gather);
    if (err == 0) {
        req->state = changing;
        *ret = changing;
    }
    return err;
}

/* ---- DeleteTopics ---- */

/* Names and ids of all versions in one list. */
static int list_deletions(struct srv_request *req,
                          const struct proto_delete_topics_request *in,
                          struct proto_delete_topics_response *ret)
{
    bool by_state = req->header.api_version >= 6;
    int32_t count = by_state ? in->topics_count : in->topic_names_count;
    count = count < 0 ? 0 : count;
    ret->responses = lt_arena_calloc(&req->arena, (size_t)count + 1, sizeof(*ret->responses));
    if (ret->responses == NULL) {
        return LEAT_ENOMEM;
    }
    for (int32_t i = 0; i < count; i++) {
        proto_delete_topics_response_deletable_topic_result_init(&ret->responses[i]);
        ret->responses[i].name = by_state ? in->topics[i].name : in->topic_names[i];
        ret->responses[i].topic_id = by_state ? in->topics[i].topic_id : PROTO_UUID_ZERO;
    }
    ret->responses_count = count;
    return 0;
}

static int
refuse_deletion(struct srv_request *req, deletable *result, int16_t code, const char *text)
{
    return srv_refuse(&req->arena, &result->error_code, &result->error_message, code, text);
}

/* What is wrong with the entry itself. */
static int check_deletion(struct srv_request *req, bool repeated, deletable *result)
{
    bool named = result->name.data != NULL;
    bool identified = !proto_uuid_is_zero(result->topic_id);
    if (!srv_config_settings(req->server->config)->delete_topic_enable) {
        bool knows = req->header.api_version >= 3;
        int16_t code = knows ? PROTO_ERROR_TOPIC_DELETION_DISABLED : PROTO_ERROR_INVALID_REQUEST;
        return refuse_deletion(req, result, code, proto_error_text(code));
    }
    if (named && identified) {
        return refuse_deletion(req, result, PROTO_ERROR_INVALID_REQUEST,
                               "You may not specify both topic name and topic id.");
    }
    if (!named && !identified) {
        return refuse_deletion(req, result, PROTO_ERROR_INVALID_REQUEST,
                               "Neither topic name nor id were specified.");
    }
    if (repeated) {
        return refuse_deletion(req, result, PROTO_ERROR_INVALID_REQUEST,
                               named ? "Duplicate topic name." : "Duplicate topic id.");
    }
    return 0;
}

static int
start_deletion(struct srv_request *req, struct changing *changing, int32_t i, deletable *result)
{
    bool named = result->name.data != NULL;
    struct srv_topic *topic = named ? srv_topics_by_name(req->server->topics, result->name)
                                    : srv_topics_by_id(req->server->topics, &result->topic_id);
    if (topic == NULL) {
        int16_t code =
            named ? PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION : PROTO_ERROR_UNKNOWN_TOPIC_ID;
        return refuse_deletion(req, result, code, proto_error_text(code));
    }
    result->name = lt_slice_text(lt_arena_strdup(&req->arena, topic->name));
    result->topic_id = topic->id;
    void *slot = srv_gather_slot(changing->gather, (size_t)i);
    int err = result->name.data == NULL
                  ? LEAT_ENOMEM
                  : srv_topic_delete(req->server, topic, srv_gather_done, slot);
    if (err != 0) {
        srv_gather_drop(slot, err);
    }
    changing->started[i] = true;
    srv_topic_unref(topic);
    return err == LEAT_ENOMEM ? err : 0;
}

/* Which entries repeat: by name, or by id. An id is never taken for a name that differs from it. */
static int mark_deletions(struct srv_request *req,
                          const struct proto_delete_topics_response *ret,
                          struct changing *changing)
{
    size_t count = (size_t)ret->responses_count;
    struct lt_slice *keys = lt_arena_calloc(&req->arena, count + 1, sizeof(*keys));
    for (size_t i = 0; keys != NULL && i < count; i++) {
        bool named = ret->responses[i].name.data != NULL;
        keys[i] = named ? ret->responses[i].name
                        : lt_slice(&ret->responses[i].topic_id, sizeof(struct proto_uuid));
    }
    changing->repeated = keys == NULL ? NULL : srv_repeated(&req->arena, keys, count);
    return changing->repeated == NULL ? LEAT_ENOMEM : 0;
}

static int start_deletions(struct srv_request *req,
                           const struct proto_delete_topics_request *in,
                           struct proto_delete_topics_response *ret)
{
    struct changing *changing = NULL;
    int err = list_deletions(req, in, ret);
    if (err == 0) {
        err = changing_new(req, (size_t)ret->responses_count, &changing);
    }
    err = err != 0 ? err : mark_deletions(req, ret, changing);
    for (int32_t i = 0; err == 0 && i < ret->responses_count; i++) {
        err = check_deletion(req, changing->repeated[i] != SRV_ONCE, &ret->responses[i]);
    }
    for (int32_t i = 0; err == 0 && i < ret->responses_count; i++) {
        if (ret->responses[i].error_code == 0) {
            err = start_deletion(req, changing, i, &ret->responses[i]);
        }
    }
    return err != 0 ? err
                    : srv_gather_wait(changing->gather, in->timeout_ms > 0 ? in->timeout_ms : -1);
}

int srv_handle_delete_topics(struct srv_request *req,
                             const struct proto_delete_topics_request *in,
                             struct proto_delete_topics_response *ret)
{
    if (req->canceled) {
        return 0;
    }
    if (req->state == NULL) {
        int err = start_deletions(req, in, ret);
        if (err != 0) {
            return err;
        }
    }
    struct changing *changing = req->state;
    if (!req->timed_out && !srv_gather_complete(changing->gather)) {
        return srv_park(req, in->timeout_ms);
    }
    int32_t kept = 0;
    for (int32_t i = 0; i < ret->responses_count; i++) {
        const char *why;
        int outcome =
            changing->started[i] ? srv_gather_result(changing->gather, (size_t)i, &why) : 0;
        if (outcome != 0) {
            int16_t code = srv_change_error(outcome);
            int err = refuse_deletion(req, &ret->responses[i], code,
                                      why != NULL ? why : proto_error_text(code));
            if (err != 0) {
                return err;
            }
        }
        if (changing->repeated[i] != SRV_REPEATED_AGAIN) {
            ret->responses[kept++] = ret->responses[i];
        }
    }
    ret->responses_count = kept;
    return 0;
}

/* ---- CreatePartitions ---- */

static int refuse_growth(struct srv_request *req, grown *result, int16_t code, const char *text)
{
    if (text == NULL) {
        return LEAT_ENOMEM;
    }
    return srv_refuse(&req->arena, &result->error_code, &result->error_message, code, text);
}

/* New partitions can only be on this node. */
static int check_growth_assignments(struct srv_request *req,
                                    const struct proto_create_partitions_request_topic *topic,
                                    int32_t more,
                                    grown *result)
{
    int32_t node = srv_config_settings(req->server->config)->node_id;
    if (topic->assignments_count != more) {
        return refuse_growth(req, result, PROTO_ERROR_INVALID_REPLICA_ASSIGNMENT,
                             lt_arena_printf(&req->arena,
                                             "Attempted to add %d additional partition(s), but "
                                             "only %d assignment(s) were specified.",
                                             more, topic->assignments_count));
    }
    for (int32_t k = 0; k < topic->assignments_count; k++) {
        const struct proto_create_partitions_request_assignment *assignment =
            &topic->assignments[k];
        if (assignment->broker_ids_count == 1 && assignment->broker_ids[0] == node) {
            continue;
        }
        const char *text = "The manual partition assignment includes an empty replica list.";
        if (assignment->broker_ids_count > 0) {
            text = lt_arena_printf(
                &req->arena,
                assignment->broker_ids[0] == node && assignment->broker_ids_count > 1
                    ? "The manual partition assignment includes more replicas than broker %d."
                    : "The manual partition assignment includes broker %d, but no such broker is "
                      "registered.",
                assignment->broker_ids[0]);
        }
        return refuse_growth(req, result, PROTO_ERROR_INVALID_REPLICA_ASSIGNMENT, text);
    }
    return 0;
}

static int check_growth(struct srv_request *req,
                        const struct proto_create_partitions_request_topic *want,
                        const struct srv_topic *topic,
                        grown *result)
{
    int32_t count = srv_topic_partition_count(topic);
    if (want->count == count) {
        return refuse_growth(
            req, result, PROTO_ERROR_INVALID_PARTITIONS,
            lt_arena_printf(&req->arena, "Topic already has %d partition(s).", count));
    }
    if (want->count < count) {
        return refuse_growth(
            req, result, PROTO_ERROR_INVALID_PARTITIONS,
            lt_arena_printf(
                &req->arena,
                "The topic %s currently has %d partition(s); %d would not be an increase.",
                topic->name, count, want->count));
    }
    if (want->assignments_count >= 0) {
        return check_growth_assignments(req, want, want->count - count, result);
    }
    return 0;
}

static int refuse_room(struct srv_request *req, grown *result)
{
    return refuse_growth(
        req, result, PROTO_ERROR_INVALID_PARTITIONS,
        lt_arena_printf(
            &req->arena,
            "This server has %lld partitions and takes at most %d (leat.partitions.max).",
            (long long)srv_topics_partition_count(req->server->topics),
            srv_config_settings(req->server->config)->partitions_max));
}

static int grow(struct srv_request *req,
                struct changing *changing,
                int32_t i,
                struct srv_topic *topic,
                int32_t count,
                grown *result)
{
    void *slot = srv_gather_slot(changing->gather, (size_t)i);
    int err = srv_topic_add_partitions(req->server, topic, count, srv_gather_done, slot);
    if (err == 0) {
        changing->started[i] = true;
        return 0;
    }
    srv_gather_drop(slot, err);
    if (err == LEAT_ELIMIT) {
        return refuse_room(req, result);
    }
    return err == LEAT_ENOMEM ? err
                              : refuse_growth(req, result, srv_change_error(err), lt_err_text(err));
}

static int start_growth(struct srv_request *req,
                        const struct proto_create_partitions_request *in,
                        struct changing *changing,
                        int32_t i,
                        grown *result)
{
    if (changing->repeated[i] != SRV_ONCE) {
        return refuse_growth(req, result, PROTO_ERROR_INVALID_REQUEST, "Duplicate topic name.");
    }
    struct srv_topic *topic = srv_topics_by_name(req->server->topics, in->topics[i].name);
    if (topic == NULL) {
        result->error_code = PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION; /* Kafka says nothing more */
        return 0;
    }
    int err = check_growth(req, &in->topics[i], topic, result);
    if (err == 0 && result->error_code == 0) {
        int64_t max = srv_config_settings(req->server->config)->partitions_max;
        int64_t more = in->topics[i].count - srv_topic_partition_count(topic);
        if (!in->validate_only) {
            err = grow(req, changing, i, topic, in->topics[i].count, result);
        } else if (srv_topics_partition_count(req->server->topics) + more > max) {
            err = refuse_room(req, result);
        }
    }
    srv_topic_unref(topic);
    return err;
}

static int start_all_growth(struct srv_request *req,
                            const struct proto_create_partitions_request *in,
                            struct proto_create_partitions_response *ret)
{
    struct changing *changing;
    size_t count = in->topics_count < 0 ? 0 : (size_t)in->topics_count;
    ret->results = lt_arena_calloc(&req->arena, count + 1, sizeof(*ret->results));
    struct lt_slice *names = lt_arena_calloc(&req->arena, count + 1, sizeof(*names));
    if (ret->results == NULL || names == NULL) {
        return LEAT_ENOMEM;
    }
    ret->results_count = (int32_t)count;
    int err = changing_new(req, count, &changing);
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = in->topics[i].name;
    }
    changing->repeated = srv_repeated(&req->arena, names, count);
    err = changing->repeated == NULL ? LEAT_ENOMEM : 0;
    for (int32_t i = 0; err == 0 && i < ret->results_count; i++) {
        proto_create_partitions_response_topic_result_init(&ret->results[i]);
        ret->results[i].name = in->topics[i].name;
        err = start_growth(req, in, changing, i, &ret->results[i]);
    }
    return err != 0 ? err
                    : srv_gather_wait(changing->gather, in->timeout_ms > 0 ? in->timeout_ms : -1);
}

int srv_handle_create_partitions(struct srv_request *req,
                                 const struct proto_create_partitions_request *in,
                                 struct proto_create_partitions_response *ret)
{
    int err = 0;
    if (req->canceled) {
        return 0;
    }
    if (req->state == NULL) {
        err = start_all_growth(req, in, ret);
        if (err != 0) {
            return err;
        }
    }
    struct changing *changing = req->state;
    if (!req->timed_out && !srv_gather_complete(changing->gather)) {
        return srv_park(req, in->timeout_ms);
    }
    int32_t kept = 0;
    for (int32_t i = 0; err == 0 && i < ret->results_count; i++) {
        const char *why;
        int outcome =
            changing->started[i] ? srv_gather_result(changing->gather, (size_t)i, &why) : 0;
        if (outcome != 0) {
            int16_t code = srv_change_error(outcome);
            err = refuse_growth(req, &ret->results[i], code,
                                why != NULL ? why : proto_error_text(code));
        }
        if (changing->repeated[i] != SRV_REPEATED_AGAIN) {
            ret->results[kept++] = ret->results[i];
        }
    }
    ret->results_count = kept;
    return err;
}
