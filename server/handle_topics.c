/* handle_topics.c: CreateTopics: everything about the request is checked first, then what is fine is created, and the
 * request waits until all of it exists. (DeleteTopics and CreatePartitions: handle_topic_changes.c.)
 *
 * Errors and their sentences are Kafka's, since command-line tools print them.
 * Source: KIP-4, KIP-464, KIP-525, Kafka ReplicationControlManager.createTopics. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "proto/errors.h"
#include "server/config.h"
#include "server/config_table.h"
#include "server/error_map.h"
#include "server/gather.h"
#include "server/handle_topics.h"
#include "server/handlers.h"
#include "server/server.h"
#include "server/topic_change.h"
#include "server/topics.h"

#define creatable struct proto_create_topics_request_creatable_topic
#define created struct proto_create_topics_response_creatable_topic_result

struct creation {
    struct srv_topic_plan plan;
    struct srv_config_pair *configs;
    enum srv_repeat repeated;
    bool started; /* result i of the gather is this one's */
};

struct creating {
    struct creation *creations;
    struct srv_gather *gather;
};

static int check(struct srv_request *req,
                 const struct proto_create_topics_request *in,
                 int32_t i,
                 struct creation *creation,
                 created *ret);
static int start(struct srv_request *req,
                 const struct proto_create_topics_request *in,
                 struct creating *creating,
                 struct proto_create_topics_response *ret);
static int finish(struct srv_request *req,
                  struct creating *creating,
                  struct proto_create_topics_response *ret);

int srv_handle_create_topics(struct srv_request *req,
                             const struct proto_create_topics_request *in,
                             struct proto_create_topics_response *ret)
{
    struct creating *creating = req->state;
    if (req->canceled) {
        return 0;
    }
    if (creating == NULL) {
        size_t count = in->topics_count < 0 ? 0 : (size_t)in->topics_count;
        creating = lt_arena_calloc(&req->arena, 1, sizeof(*creating));
        ret->topics = lt_arena_calloc(&req->arena, count + 1, sizeof(*ret->topics));
        if (creating == NULL || ret->topics == NULL) {
            return LEAT_ENOMEM;
        }
        creating->creations = lt_arena_calloc(&req->arena, count + 1, sizeof(*creating->creations));
        int err = creating->creations == NULL ? LEAT_ENOMEM
                                              : srv_gather_new(req, count, &creating->gather);
        if (err != 0) {
            return err;
        }
        req->state = creating;
        ret->topics_count = (int32_t)count;
        err = start(req, in, creating, ret);
        if (err != 0) {
            return err;
        }
    } else if (!req->timed_out && !srv_gather_complete(creating->gather)) {
        return srv_park(req, in->timeout_ms);
    }
    return finish(req, creating, ret);
}

int srv_refuse(struct lt_arena *arena,
               int16_t *ret_code,
               struct lt_slice *ret_message,
               int16_t code,
               const char *text)
{
    const char *copy = lt_arena_strdup(arena, text);
    *ret_code = code;
    *ret_message = lt_slice_text(copy);
    return copy == NULL ? LEAT_ENOMEM : 0;
}

int16_t srv_change_error(int err)
{
    switch (err) {
    case LEAT_ELIMIT:
        return PROTO_ERROR_INVALID_PARTITIONS;
    case LEAT_EPENDING:
        return PROTO_ERROR_REQUEST_TIMED_OUT;
    case LEAT_EUNAVAIL:
    case LEAT_EUNKNOWN:
        return PROTO_ERROR_KAFKA_STORAGE_ERROR;
    default:
        return srv_wire_error(err);
    }
}

/* ---- checks ---- */

/* Stop checking with this answer. */
#define refuse(code, ...) \
    return refuse_text(req, ret, (code), lt_arena_printf(&req->arena, __VA_ARGS__))

static int refuse_text(struct srv_request *req, created *ret, int16_t code, const char *text)
{
    (void)req;
    ret->error_code = code;
    ret->error_message = lt_slice_text(text);
    return text == NULL ? LEAT_ENOMEM : 0;
}

/* A name and its place in the request. */
struct place {
    struct lt_slice name;
    size_t i;
};

static int compare_places(const void *a, const void *b)
{
    const struct lt_slice *left = &((const struct place *)a)->name;
    const struct lt_slice *right = &((const struct place *)b)->name;
    size_t size = left->size < right->size ? left->size : right->size;
    int order = size == 0 ? 0 : memcmp(left->data, right->data, size);
    return order != 0 ? order : (left->size > right->size) - (left->size < right->size);
}

/* By name, then by place. */
static int compare_in_order(const void *a, const void *b)
{
    int order = compare_places(a, b);
    size_t left = ((const struct place *)a)->i;
    size_t right = ((const struct place *)b)->i;
    return order != 0 ? order : (left > right) - (left < right);
}

enum srv_repeat *srv_repeated(struct lt_arena *arena, const struct lt_slice *names, size_t count)
{
    enum srv_repeat *repeated = lt_arena_calloc(arena, count + 1, sizeof(*repeated));
    struct place *places = lt_arena_calloc(arena, count + 1, sizeof(*places));
    if (repeated == NULL || places == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        places[i] = (struct place){names[i], i};
    }
    qsort(places, count, sizeof(*places), compare_in_order);
    for (size_t i = 1; i < count; i++) {
        if (compare_places(&places[i - 1], &places[i]) == 0) {
            size_t first = places[i - 1].i;
            repeated[first] = repeated[first] == SRV_ONCE ? SRV_REPEATED : repeated[first];
            repeated[places[i].i] = SRV_REPEATED_AGAIN;
        }
    }
    return repeated;
}

/* The replicas of one partition that the client chose: there is one place they can be. */
static int check_replicas(struct srv_request *req, const creatable *topic, int32_t k, created *ret)
{
    int32_t node = srv_config_settings(req->server->config)->node_id;
    int32_t count = topic->assignments[k].broker_ids_count;
    if (count <= 0) {
        refuse(PROTO_ERROR_INVALID_REPLICA_ASSIGNMENT,
               "The manual partition assignment includes an empty replica list.");
    }
    for (int32_t b = 0; b < count; b++) {
        int32_t broker = topic->assignments[k].broker_ids[b];
        if (broker != node) {
            refuse(PROTO_ERROR_INVALID_REPLICA_ASSIGNMENT,
                   "The manual partition assignment includes broker %d, but no such broker is "
                   "registered.",
                   broker);
        }
    }
    if (count > 1) {
        refuse(PROTO_ERROR_INVALID_REPLICA_ASSIGNMENT,
               "The manual partition assignment includes the broker %d more than once.", node);
    }
    return 0;
}

static int check_assignments(struct srv_request *req,
                             const creatable *topic,
                             struct creation *creation,
                             created *ret)
{
    if (topic->replication_factor != -1) {
        refuse(PROTO_ERROR_INVALID_REQUEST, "A manual partition assignment was specified, but "
                                            "replication factor was not set to -1.");
    }
    if (topic->num_partitions != -1) {
        refuse(PROTO_ERROR_INVALID_REQUEST,
               "A manual partition assignment was specified, but numPartitions was not set to -1.");
    }
    bool *seen = lt_arena_calloc(&req->arena, (size_t)topic->assignments_count, sizeof(*seen));
    if (seen == NULL) {
        return LEAT_ENOMEM;
    }
    bool consecutive = true;
    for (int32_t k = 0; k < topic->assignments_count; k++) {
        int32_t number = topic->assignments[k].partition_index;
        if (number < 0 || number >= topic->assignments_count) {
            consecutive = false;
        } else if (seen[number]) {
            refuse(PROTO_ERROR_INVALID_REPLICA_ASSIGNMENT,
                   "Found multiple manual partition assignments for partition %d", number);
        } else {
            seen[number] = true;
        }
        int err = check_replicas(req, topic, k, ret);
        if (err != 0 || ret->error_code != 0) {
            return err;
        }
    }
    if (!consecutive) {
        refuse(PROTO_ERROR_INVALID_REPLICA_ASSIGNMENT,
               "partitions should be a consecutive 0-based integer sequence");
    }
    creation->plan.partition_count = topic->assignments_count;
    return 0;
}

static int check_counts(struct srv_request *req,
                        const creatable *topic,
                        struct creation *creation,
                        created *ret)
{
    if (topic->replication_factor < -1 || topic->replication_factor == 0) {
        refuse(PROTO_ERROR_INVALID_REPLICATION_FACTOR,
               "Replication factor must be larger than 0, or -1 to use the default value.");
    }
    if (topic->num_partitions < -1 || topic->num_partitions == 0) {
        refuse(PROTO_ERROR_INVALID_PARTITIONS,
               "Number of partitions was set to an invalid non-positive value.");
    }
    if (topic->replication_factor > 1) {
        refuse(PROTO_ERROR_INVALID_REPLICATION_FACTOR,
               "Unable to replicate the partition %d time(s): The target replication factor of %d "
               "cannot be reached because "
               "only 1 broker(s) are registered or some brokers have all their log directories "
               "cordoned.",
               topic->replication_factor, topic->replication_factor);
    }
    creation->plan.partition_count = topic->num_partitions == -1
                                         ? srv_config_settings(req->server->config)->num_partitions
                                         : topic->num_partitions;
    return 0;
}

static int check_config(struct srv_request *req,
                        const creatable *topic,
                        struct creation *creation,
                        created *ret)
{
    size_t count = topic->configs_count < 0 ? 0 : (size_t)topic->configs_count;
    creation->configs = lt_arena_calloc(&req->arena, count + 1, sizeof(*creation->configs));
    if (creation->configs == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t k = 0; k < count; k++) {
        const char *name = lt_arena_text(&req->arena, topic->configs[k].name);
        const char *value = lt_arena_text(&req->arena, topic->configs[k].value);
        if (name == NULL || (value == NULL && topic->configs[k].value.data != NULL)) {
            return LEAT_ENOMEM;
        }
        if (value == NULL) {
            refuse(PROTO_ERROR_INVALID_CONFIG, "Null value not supported for topic configs: %s",
                   name);
        }
        struct leat_error *why = NULL;
        int err = srv_set_topic_pair(&req->arena, creation->configs, &creation->plan.config_count,
                                     name, value, &why);
        if (err == LEAT_ECONFIG) {
            err = refuse_text(req, ret, PROTO_ERROR_INVALID_CONFIG,
                              lt_arena_strdup(&req->arena, lt_error_message(why)));
        }
        lt_error_free(why);
        if (err != 0 || ret->error_code != 0) {
            return err;
        }
    }
    creation->plan.configs = creation->configs;
    struct leat_error *why = NULL;
    if (srv_config_check_topic(creation->configs, creation->plan.config_count, &why) != 0) {
        int err = refuse_text(req, ret, PROTO_ERROR_INVALID_CONFIG,
                              lt_arena_strdup(&req->arena, lt_error_message(why)));
        lt_error_free(why);
        return err;
    }
    return 0;
}

int srv_set_topic_pair(struct lt_arena *arena,
                       struct srv_config_pair *pairs,
                       size_t *count,
                       const char *name,
                       const char *value,
                       struct leat_error **reterr)
{
    const struct srv_config_row *row = srv_topic_row(name);
    if (row == NULL) {
        return lt_error_set(reterr, LEAT_ECONFIG, "Unknown topic config name: %s", name);
    }
    const char *canonical;
    int err = srv_config_parse(row, value, false, arena, &canonical, reterr);
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(pairs[i].name, row->name) == 0) {
            pairs[i].value = canonical;
            return 0;
        }
    }
    pairs[(*count)++] = (struct srv_config_pair){row->name, canonical};
    return 0;
}

static int check_name(struct srv_request *req, struct lt_slice name, bool repeated, created *ret)
{
    char text[512];
    if (repeated) {
        refuse(PROTO_ERROR_INVALID_REQUEST, "Duplicate topic name.");
    }
    const char *wrong = srv_topic_name_wrong(name, text, sizeof(text));
    if (wrong != NULL) {
        refuse(PROTO_ERROR_INVALID_TOPIC_EXCEPTION, "Topic name is invalid: %s", wrong);
    }
    struct srv_topic *topic = srv_topics_by_name(req->server->topics, name);
    if (topic != NULL) {
        srv_topic_unref(topic);
        refuse(PROTO_ERROR_TOPIC_ALREADY_EXISTS, "Topic '%.*s' already exists.", (int)name.size,
               (const char *)name.data);
    }
    if (srv_topic_name_internal(name)) {
        refuse(PROTO_ERROR_INVALID_TOPIC_EXCEPTION,
               "Topic '%.*s' is internal: the server makes it when it is needed.", (int)name.size,
               (const char *)name.data);
    }
    return 0;
}

/* Everything that can be said before anything is done; ret->error_code stays 0 when the topic may be created. */
static int check(struct srv_request *req,
                 const struct proto_create_topics_request *in,
                 int32_t i,
                 struct creation *creation,
                 created *ret)
{
    const creatable *topic = &in->topics[i];
    int err = check_name(req, topic->name, creation->repeated != SRV_ONCE, ret);
    if (err == 0 && ret->error_code == 0) {
        err = check_config(req, topic, creation, ret);
    }
    if (err == 0 && ret->error_code == 0) {
        err = topic->assignments_count > 0 ? check_assignments(req, topic, creation, ret)
                                           : check_counts(req, topic, creation, ret);
    }
    if (err == 0 && ret->error_code == 0) {
        creation->plan.name = lt_arena_text(&req->arena, topic->name);
        err = creation->plan.name == NULL ? LEAT_ENOMEM : proto_uuid_random(&creation->plan.id);
    }
    return err;
}

/* ---- doing it ---- */

/* Partitions that may still be made, for validate_only. */
static bool has_room(struct srv_request *req, int32_t count)
{
    return srv_topics_partition_count(req->server->topics) + count <=
           srv_config_settings(req->server->config)->partitions_max;
}

static int refuse_room(struct srv_request *req, created *ret)
{
    refuse(PROTO_ERROR_INVALID_PARTITIONS,
           "This server has %lld partitions and takes at most %d (leat.partitions.max).",
           (long long)srv_topics_partition_count(req->server->topics),
           srv_config_settings(req->server->config)->partitions_max);
}

static int start_one(struct srv_request *req, struct creating *creating, int32_t i, created *ret)
{
    struct creation *creation = &creating->creations[i];
    struct leat_error *why = NULL;
    void *slot = srv_gather_slot(creating->gather, (size_t)i);
    int err = srv_topic_create(req->server, &creation->plan, srv_gather_done, slot, &why);
    creation->started = err == 0;
    if (err == 0) {
        return 0;
    }
    srv_gather_drop(slot, err);
    if (err == LEAT_ELIMIT) {
        err = refuse_room(req, ret);
    } else if (err == LEAT_EEXISTS) {
        err = refuse_text(
            req, ret, PROTO_ERROR_TOPIC_ALREADY_EXISTS,
            lt_arena_printf(&req->arena, "Topic '%s' already exists.", creation->plan.name));
    } else if (err != LEAT_ENOMEM) {
        const char *text = why == NULL ? lt_err_text(err) : lt_error_message(why);
        err = refuse_text(req, ret, srv_change_error(err), lt_arena_strdup(&req->arena, text));
    }
    lt_error_free(why);
    return err;
}

static int start(struct srv_request *req,
                 const struct proto_create_topics_request *in,
                 struct creating *creating,
                 struct proto_create_topics_response *ret)
{
    size_t count = (size_t)ret->topics_count;
    struct lt_slice *names = lt_arena_calloc(&req->arena, count + 1, sizeof(*names));
    for (size_t i = 0; names != NULL && i < count; i++) {
        names[i] = in->topics[i].name;
    }
    enum srv_repeat *repeated = names == NULL ? NULL : srv_repeated(&req->arena, names, count);
    if (repeated == NULL) {
        return LEAT_ENOMEM;
    }
    for (int32_t i = 0; i < ret->topics_count; i++) {
        created *result = &ret->topics[i];
        proto_create_topics_response_creatable_topic_result_init(result);
        result->name = in->topics[i].name;
        creating->creations[i].repeated = repeated[i];
        int err = check(req, in, i, &creating->creations[i], result);
        if (err == 0 && result->error_code == 0) {
            if (!in->validate_only) {
                err = start_one(req, creating, i, result);
            } else if (!has_room(req, creating->creations[i].plan.partition_count)) {
                err = refuse_room(req, result);
            }
        }
        if (err != 0) {
            return err;
        }
    }
    return srv_gather_wait(creating->gather, in->timeout_ms > 0 ? in->timeout_ms : -1);
}

/* ---- the answer ---- */

static int describe(struct srv_request *req, const struct creation *creation, created *ret)
{
    ret->configs = lt_arena_calloc(&req->arena, srv_topic_row_count, sizeof(*ret->configs));
    if (ret->configs == NULL) {
        return LEAT_ENOMEM;
    }
    int32_t count = 0;
    for (size_t i = 0; i < srv_topic_row_count; i++) {
        const struct srv_config_row *row = &srv_topic_rows[i];
        if (row->hidden) {
            continue;
        }
        struct srv_config_value value;
        int err = srv_config_describe(req->server->config, SRV_RESOURCE_TOPIC, "", row, &req->arena,
                                      &value);
        if (err != 0) {
            return err;
        }
        for (size_t k = 0; k < creation->plan.config_count; k++) {
            if (strcmp(creation->configs[k].name, row->name) == 0) {
                value.value = creation->configs[k].value;
                value.source = SRV_SOURCE_TOPIC;
            }
        }
        proto_create_topics_response_creatable_topic_configs_init(&ret->configs[count]);
        ret->configs[count].name = lt_slice_text(row->name);
        ret->configs[count].value = lt_slice_text(value.value);
        ret->configs[count].config_source = (int8_t)value.source;
        count++;
    }
    ret->configs_count = count;
    ret->num_partitions = creation->plan.partition_count;
    ret->replication_factor = 1;
    return 0;
}

static int
finish(struct srv_request *req, struct creating *creating, struct proto_create_topics_response *ret)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < ret->topics_count; i++) {
        struct creation *creation = &creating->creations[i];
        created *result = &ret->topics[i];
        const char *why = NULL;
        int outcome = creation->started ? srv_gather_result(creating->gather, (size_t)i, &why) : 0;
        int err = 0;
        if (outcome != 0) {
            const char *text = why != NULL ? why : proto_error_text(srv_change_error(outcome));
            err = refuse_text(req, result, srv_change_error(outcome), text);
        } else if (result->error_code == 0) {
            err = describe(req, creation, result);
            result->topic_id =
                creation->plan.id; /* with validate_only one that will not be used, as Kafka */
        }
        if (err != 0) {
            return err;
        }
        if (creation->repeated != SRV_REPEATED_AGAIN) {
            ret->topics[kept++] = *result;
        }
    }
    ret->topics_count = kept;
    return 0;
}
