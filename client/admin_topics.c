/* admin_topics.c: topics and the cluster: create, delete, grow, list, describe. See admin.h for how they run. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "client/admin.h"
#include "client/metadata.h"
#include "client/record.h"
#include "proto/errors.h"

#define METADATA_VERSION_NEWEST 12
#define METADATA_VERSION_LEAST 4 /* the first that can ask without creating */

static int bad_argument(struct leat_error **reterr, const char *what)
{
    return lt_error_set(reterr, LEAT_EINVAL, "%s: bad argument (a topic has 1 to 249 characters)",
                        what);
}

/* The outcome that stands in an answer's row. */
static int
row_outcome(int16_t code, struct lt_slice words, struct lt_arena *arena, const char **ret_words)
{
    if (code == 0) {
        return 0;
    }
    if (words.size > 0) {
        *ret_words = lt_arena_text(arena, words);
    }
    return LEAT_BROKER_ERROR(code);
}

/* ---- create ---- */

static bool is_own_key(const char *key)
{
    return strcmp(key, "replication.factor") == 0 || strcmp(key, "validate.only") == 0;
}

static int add_topic_configs(const struct leat_conf *conf,
                             struct proto_create_topics_request_creatable_topic *topic,
                             struct lt_arena *arena)
{
    if (conf == NULL) {
        return 0;
    }
    topic->configs = lt_arena_calloc(arena, conf->pair_count + 1, sizeof(topic->configs[0]));
    if (topic->configs == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < conf->pair_count; i++) {
        if (!is_own_key(conf->pairs[i].key)) {
            topic->configs[topic->configs_count].name = lt_slice_text(conf->pairs[i].key);
            topic->configs[topic->configs_count++].value = lt_slice_text(conf->pairs[i].value);
        }
    }
    return 0;
}

static int
build_create(struct lc_admin *admin, int16_t version, struct lt_arena *arena, void *request)
{
    struct proto_create_topics_request *create = request;
    const char *text = NULL;

    (void)version;
    create->topics = lt_arena_alloc(arena, sizeof(create->topics[0]));
    if (create->topics == NULL) {
        return LEAT_ENOMEM;
    }
    proto_create_topics_request_creatable_topic_init(&create->topics[0]);
    create->topics_count = 1;
    create->topics[0].name = lt_slice_text(admin->text);
    create->topics[0].num_partitions = admin->number;
    create->topics[0].replication_factor = -1;
    if (lc_conf_pair(admin->conf, "replication.factor", &text) && text != NULL) {
        create->topics[0].replication_factor = (int16_t)strtol(text, NULL, 10); /* checked */
    }
    if (lc_conf_pair(admin->conf, "validate.only", &text) && text != NULL) {
        create->validate_only = strcmp(text, "true") == 0;
    }
    create->timeout_ms = lc_call_remaining_ms(&admin->call);
    return add_topic_configs(admin->conf, &create->topics[0], arena);
}

static int
take_create(struct lc_admin *admin, void *response, struct lt_arena *arena, const char **ret_words)
{
    const struct proto_create_topics_response *answer = response;

    (void)admin;
    if (answer->topics_count != 1) {
        return LEAT_EPROTOCOL;
    }
    return row_outcome(answer->topics[0].error_code, answer->topics[0].error_message, arena,
                       ret_words);
}

/* Are the keys that this library reads itself what they must be? */
static int check_own_keys(const struct leat_conf *conf, struct leat_error **reterr)
{
    const char *text = NULL;
    char *end;
    long number;

    if (conf != NULL && !conf->is_topic) {
        return lt_error_set(reterr, LEAT_EINVAL,
                            "settings of topics and brokers are made by leat_conf_new_topic");
    }
    if (lc_conf_pair(conf, "replication.factor", &text) && text != NULL) {
        number = strtol(text, &end, 10);
        if (end == text || *end != '\0' || (number != -1 && (number < 1 || number > INT16_MAX))) {
            return lt_error_set(reterr, LEAT_ECONFIG,
                                "replication.factor: '%s' is not a number from 1", text);
        }
    }
    if (lc_conf_pair(conf, "validate.only", &text) && text != NULL && strcmp(text, "true") != 0 &&
        strcmp(text, "false") != 0) {
        return lt_error_set(reterr, LEAT_ECONFIG, "validate.only: '%s' is not true or false", text);
    }
    return 0;
}

int leat_create_topic(struct leat_client *client,
                      const char *topic,
                      int32_t partition_count,
                      const struct leat_conf *topic_conf,
                      int timeout_ms,
                      struct leat_error **reterr)
{
    /* 4 is the first that takes -1 for the broker's defaults; 2.1 ends at 3. */
    static const struct lc_admin_kind kind = {.api_key = PROTO_API_CREATE_TOPICS,
                                              .version_min = 2,
                                              .version_max = 7,
                                              .target = LC_TO_CONTROLLER,
                                              .build = build_create,
                                              .take = take_create};
    struct lc_admin *admin;
    int err;

    if (client == NULL || !lc_topic_ok(topic) || partition_count < -1 || partition_count == 0) {
        return bad_argument(reterr, "create topic");
    }
    err = check_own_keys(topic_conf, reterr);
    if (err < 0) {
        return err;
    }
    admin = lc_admin_new(client, &kind, topic, topic_conf);
    if (admin != NULL) {
        admin->number = partition_count;
    }
    return lc_admin_run(admin, "create topic", timeout_ms, NULL, reterr);
}

/* ---- delete ---- */

static int
build_delete(struct lc_admin *admin, int16_t version, struct lt_arena *arena, void *request)
{
    struct proto_delete_topics_request *delete = request;

    (void)version;
    delete->topics = lt_arena_alloc(arena, sizeof(delete->topics[0]));
    delete->topic_names = lt_arena_alloc(arena, sizeof(delete->topic_names[0]));
    if (delete->topics == NULL || delete->topic_names == NULL) {
        return LEAT_ENOMEM;
    }
    proto_delete_topics_request_delete_topic_state_init(&delete->topics[0]);
    delete->topics[0].name = lt_slice_text(admin->text);
    delete->topics_count = 1;
    delete->topic_names[0] = lt_slice_text(admin->text);
    delete->topic_names_count = 1;
    delete->timeout_ms = lc_call_remaining_ms(&admin->call);
    return 0;
}

static int
take_delete(struct lc_admin *admin, void *response, struct lt_arena *arena, const char **ret_words)
{
    const struct proto_delete_topics_response *answer = response;

    (void)admin;
    if (answer->responses_count != 1) {
        return LEAT_EPROTOCOL;
    }
    return row_outcome(answer->responses[0].error_code, answer->responses[0].error_message, arena,
                       ret_words);
}

int leat_delete_topic(struct leat_client *client,
                      const char *topic,
                      int timeout_ms,
                      struct leat_error **reterr)
{
    static const struct lc_admin_kind kind = {.api_key = PROTO_API_DELETE_TOPICS,
                                              .version_min = 1,
                                              .version_max = 6,
                                              .target = LC_TO_CONTROLLER,
                                              .build = build_delete,
                                              .take = take_delete};

    if (client == NULL || !lc_topic_ok(topic)) {
        return bad_argument(reterr, "delete topic");
    }
    return lc_admin_run(lc_admin_new(client, &kind, topic, NULL), "delete topic", timeout_ms, NULL,
                        reterr);
}

/* ---- add partitions ---- */

static int
build_grow(struct lc_admin *admin, int16_t version, struct lt_arena *arena, void *request)
{
    struct proto_create_partitions_request *grow = request;

    (void)version;
    grow->topics = lt_arena_alloc(arena, sizeof(grow->topics[0]));
    if (grow->topics == NULL) {
        return LEAT_ENOMEM;
    }
    proto_create_partitions_request_topic_init(&grow->topics[0]);
    grow->topics_count = 1;
    grow->topics[0].name = lt_slice_text(admin->text);
    grow->topics[0].count = admin->number;
    grow->topics[0].assignments_count = -1;
    grow->timeout_ms = lc_call_remaining_ms(&admin->call);
    return 0;
}

static int
take_grow(struct lc_admin *admin, void *response, struct lt_arena *arena, const char **ret_words)
{
    const struct proto_create_partitions_response *answer = response;

    (void)admin;
    if (answer->results_count != 1) {
        return LEAT_EPROTOCOL;
    }
    return row_outcome(answer->results[0].error_code, answer->results[0].error_message, arena,
                       ret_words);
}

int leat_add_partitions(struct leat_client *client,
                        const char *topic,
                        int32_t partition_count,
                        int timeout_ms,
                        struct leat_error **reterr)
{
    static const struct lc_admin_kind kind = {.api_key = PROTO_API_CREATE_PARTITIONS,
                                              .version_min = 0,
                                              .version_max = 3,
                                              .target = LC_TO_CONTROLLER,
                                              .build = build_grow,
                                              .take = take_grow};
    struct lc_admin *admin;

    if (client == NULL || !lc_topic_ok(topic) || partition_count < 1) {
        return bad_argument(reterr, "add partitions");
    }
    admin = lc_admin_new(client, &kind, topic, NULL);
    if (admin != NULL) {
        admin->number = partition_count;
    }
    return lc_admin_run(admin, "add partitions to", timeout_ms, NULL, reterr);
}

/* ---- what metadata tells ---- */

/* A question to any broker; what is wanted of the answer is `taker`'s. */
#define METADATA_KIND(taker)                                                                  \
    {                                                                                         \
        .api_key = PROTO_API_METADATA, .version_min = METADATA_VERSION_LEAST,                 \
        .version_max = METADATA_VERSION_NEWEST, .target = LC_TO_ANY, .build = build_metadata, \
        .take = (taker)                                                                       \
    }

/* text NULL: all topics; "": none. */
static int
build_metadata(struct lc_admin *admin, int16_t version, struct lt_arena *arena, void *request)
{
    struct proto_metadata_request *ask = request;

    (void)version;
    ask->allow_auto_topic_creation = false;
    ask->topics_count = admin->text == NULL ? -1 : 0;
    if (admin->text != NULL && admin->number > 0) {
        ask->topics = lt_arena_alloc(arena, sizeof(ask->topics[0]));
        if (ask->topics == NULL) {
            return LEAT_ENOMEM;
        }
        proto_metadata_request_topic_init(&ask->topics[0]);
        ask->topics[0].name = lt_slice_text(admin->text);
        ask->topics_count = 1;
    }
    return 0;
}

static const char *id_text(struct proto_uuid id, char text[PROTO_UUID_TEXT_SIZE])
{
    return proto_uuid_is_zero(id) ? "" : proto_uuid_format(id, text);
}

static int
take_list(struct lc_admin *admin, void *response, struct lt_arena *arena, const char **ret_words)
{
    static const char *const fields[] = {"name", "id", "partitions", "replicas", "internal", NULL};
    const struct proto_metadata_response *answer = response;
    struct leat_result *rows = lc_result_new(fields);
    char id[PROTO_UUID_TEXT_SIZE];

    (void)arena;
    (void)ret_words;
    lc_metadata_learn(admin->call.client, answer);
    if (rows == NULL) {
        return LEAT_ENOMEM;
    }
    for (int32_t i = 0; i < answer->topics_count; i++) {
        const struct proto_metadata_response_topic *topic = &answer->topics[i];

        lc_result_row(rows);
        lc_result_slice(rows, 0, topic->name);
        lc_result_text(rows, 1, id_text(topic->topic_id, id));
        lc_result_number(rows, 2, topic->partitions_count);
        lc_result_number(
            rows, 3, topic->partitions_count > 0 ? topic->partitions[0].replica_nodes_count : 0);
        lc_result_number(rows, 4, topic->is_internal);
    }
    lc_result_sort(rows, 0);
    return lc_result_finish(rows, &admin->rows);
}

int leat_list_topics(struct leat_client *client,
                     int timeout_ms,
                     struct leat_result **ret_rows,
                     struct leat_error **reterr)
{
    static const struct lc_admin_kind kind = METADATA_KIND(take_list);

    if (client == NULL || ret_rows == NULL) {
        return bad_argument(reterr, "list topics");
    }
    return lc_admin_run(lc_admin_new(client, &kind, NULL, NULL), "list topics", timeout_ms,
                        ret_rows, reterr);
}

static int compare_partitions(const void *a, const void *b)
{
    const struct proto_metadata_response_partition *left = a;
    const struct proto_metadata_response_partition *right = b;

    return left->partition_index < right->partition_index
               ? -1
               : left->partition_index > right->partition_index;
}

static const char *const partition_fields[] = {"topic",   "id",    "internal", "partition",
                                               "leader",  "epoch", "replicas", "isr",
                                               "offline", "code",  NULL};

static void begin_row(struct leat_result *rows,
                      const struct proto_metadata_response_topic *topic,
                      int32_t partition,
                      int16_t code)
{
    char id[PROTO_UUID_TEXT_SIZE];

    lc_result_row(rows);
    lc_result_slice(rows, 0, topic->name);
    lc_result_text(rows, 1, id_text(topic->topic_id, id));
    lc_result_number(rows, 2, topic->is_internal);
    lc_result_number(rows, 3, partition);
    lc_result_number(rows, 9, code == 0 ? 0 : LEAT_BROKER_ERROR(code));
}

/* A row per partition in order. */
static void add_partitions(struct leat_result *rows,
                           const struct proto_metadata_response_topic *topic)
{
    if (topic->partitions_count > 1) {
        qsort(topic->partitions, (size_t)topic->partitions_count, sizeof(topic->partitions[0]),
              compare_partitions);
    }
    for (int32_t i = 0; i < topic->partitions_count; i++) {
        const struct proto_metadata_response_partition *part = &topic->partitions[i];

        begin_row(rows, topic, part->partition_index, part->error_code);
        lc_result_number(rows, 4, part->leader_id);
        lc_result_number(rows, 5, part->leader_epoch);
        lc_result_list(rows, 6, part->replica_nodes, part->replica_nodes_count);
        lc_result_list(rows, 7, part->isr_nodes, part->isr_nodes_count);
        lc_result_list(rows, 8, part->offline_replicas, part->offline_replicas_count);
    }
}

static int
take_topic(struct lc_admin *admin, void *response, struct lt_arena *arena, const char **ret_words)
{
    const struct proto_metadata_response *answer = response;
    struct leat_result *rows;

    (void)arena;
    (void)ret_words;
    lc_metadata_learn(admin->call.client, answer);
    if (answer->topics_count != 1) {
        return LEAT_EPROTOCOL;
    }
    if (answer->topics[0].error_code != 0) {
        return LEAT_BROKER_ERROR(answer->topics[0].error_code);
    }
    rows = lc_result_new(partition_fields);
    if (rows == NULL) {
        return LEAT_ENOMEM;
    }
    add_partitions(rows, &answer->topics[0]);
    return lc_result_finish(rows, &admin->rows);
}

int leat_describe_topic(struct leat_client *client,
                        const char *topic,
                        int timeout_ms,
                        struct leat_result **ret_rows,
                        struct leat_error **reterr)
{
    static const struct lc_admin_kind kind = METADATA_KIND(take_topic);
    struct lc_admin *admin;

    if (client == NULL || ret_rows == NULL || !lc_topic_ok(topic)) {
        return bad_argument(reterr, "describe topic");
    }
    admin = lc_admin_new(client, &kind, topic, NULL);
    if (admin != NULL) {
        admin->number = 1;
    }
    return lc_admin_run(admin, "topic", timeout_ms, ret_rows, reterr);
}

static int compare_topics(const void *a, const void *b)
{
    struct lt_slice left = ((const struct proto_metadata_response_topic *)a)->name;
    struct lt_slice right = ((const struct proto_metadata_response_topic *)b)->name;
    size_t size = left.size < right.size ? left.size : right.size;
    int order = size == 0 ? 0 : memcmp(left.data, right.data, size);

    return order != 0 ? order : (left.size > right.size) - (left.size < right.size);
}

static int
take_topics(struct lc_admin *admin, void *response, struct lt_arena *arena, const char **ret_words)
{
    const struct proto_metadata_response *answer = response;
    struct leat_result *rows = lc_result_new(partition_fields);

    (void)arena;
    (void)ret_words;
    lc_metadata_learn(admin->call.client, answer);
    if (rows == NULL) {
        return LEAT_ENOMEM;
    }
    if (answer->topics_count > 1) {
        qsort(answer->topics, (size_t)answer->topics_count, sizeof(answer->topics[0]),
              compare_topics);
    }
    for (int32_t i = 0; i < answer->topics_count; i++) {
        const struct proto_metadata_response_topic *topic = &answer->topics[i];

        if (topic->partitions_count == 0) {
            begin_row(rows, topic, -1, topic->error_code);
        }
        add_partitions(rows, topic);
    }
    return lc_result_finish(rows, &admin->rows);
}

int leat_describe_topics(struct leat_client *client,
                         int timeout_ms,
                         struct leat_result **ret_rows,
                         struct leat_error **reterr)
{
    static const struct lc_admin_kind kind = METADATA_KIND(take_topics);

    if (client == NULL || ret_rows == NULL) {
        return bad_argument(reterr, "describe topics");
    }
    return lc_admin_run(lc_admin_new(client, &kind, NULL, NULL), "describe topics", timeout_ms,
                        ret_rows, reterr);
}

int leat_client_partition_count(struct leat_client *client, const char *topic, int timeout_ms)
{
    struct leat_result *rows = NULL;
    int err = leat_describe_topic(client, topic, timeout_ms, &rows, NULL);
    size_t count = leat_result_count(rows);

    leat_result_free(rows);
    return err < 0 ? err : count > INT32_MAX ? LEAT_E2BIG : (int)count;
}

static int
take_cluster(struct lc_admin *admin, void *response, struct lt_arena *arena, const char **ret_words)
{
    static const char *const fields[] = {"cluster", "controller", "id", "host",
                                         "port",    "rack",       NULL};
    const struct proto_metadata_response *answer = response;
    struct leat_result *rows = lc_result_new(fields);

    (void)arena;
    (void)ret_words;
    lc_metadata_learn(admin->call.client, answer);
    if (rows == NULL) {
        return LEAT_ENOMEM;
    }
    for (int32_t i = 0; i < answer->brokers_count; i++) {
        const struct proto_metadata_response_broker *broker = &answer->brokers[i];

        lc_result_row(rows);
        lc_result_slice(rows, 0, answer->cluster_id);
        lc_result_number(rows, 1, broker->node_id == answer->controller_id);
        lc_result_number(rows, 2, broker->node_id);
        lc_result_slice(rows, 3, broker->host);
        lc_result_number(rows, 4, broker->port);
        lc_result_slice(rows, 5, broker->rack);
    }
    return lc_result_finish(rows, &admin->rows);
}

int leat_describe_cluster(struct leat_client *client,
                          int timeout_ms,
                          struct leat_result **ret_rows,
                          struct leat_error **reterr)
{
    static const struct lc_admin_kind kind = METADATA_KIND(take_cluster);
    struct lc_admin *admin;

    if (client == NULL || ret_rows == NULL) {
        return bad_argument(reterr, "describe cluster");
    }
    admin = lc_admin_new(client, &kind, "", NULL);
    return lc_admin_run(admin, "describe cluster", timeout_ms, ret_rows, reterr);
}

/* ---- what a broker serves ---- */

/* Highest version that this library would send; -1 for requests it does not make. */
static int16_t version_used(const struct lc_broker *broker, int16_t key)
{
    static const struct {
        int16_t key;
        int16_t max;
    } used[] = {{PROTO_API_PRODUCE, 12},
                {PROTO_API_FETCH, 18},
                {PROTO_API_LIST_OFFSETS, 8},
                {PROTO_API_METADATA, METADATA_VERSION_NEWEST},
                {PROTO_API_API_VERSIONS, 4},
                {PROTO_API_CREATE_TOPICS, 7},
                {PROTO_API_DELETE_TOPICS, 6},
                {PROTO_API_DELETE_RECORDS, 2},
                {PROTO_API_CREATE_PARTITIONS, 3},
                {PROTO_API_DESCRIBE_CONFIGS, 4},
                {PROTO_API_DESCRIBE_LOG_DIRS, 4},
                {PROTO_API_INCREMENTAL_ALTER_CONFIGS, 1},
                {PROTO_API_OFFSET_FOR_LEADER_EPOCH, 4}};

    for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++) {
        if (used[i].key == key) {
            return lc_broker_version(broker, key, used[i].max);
        }
    }
    return -1;
}

static void step_apis(struct lc_call *call, int64_t now)
{
    static const char *const fields[] = {"key", "name", "min", "max", "used", NULL};
    struct lc_admin *admin = (struct lc_admin *)call;
    struct lc_broker *broker = lc_metadata_any(call->client);
    struct leat_result *rows;

    (void)now;
    if (broker == NULL) {
        return;
    }
    rows = lc_result_new(fields);
    for (int16_t key = 0; rows != NULL && key <= LC_API_KEY_MAX; key++) {
        const struct lc_version_range *range = &broker->versions[key];
        const struct proto_api *api = proto_api_find(key);

        if (range->min > range->max) {
            continue;
        }
        lc_result_row(rows);
        lc_result_number(rows, 0, key);
        lc_result_text(rows, 1, api == NULL ? "?" : api->name);
        lc_result_number(rows, 2, range->min);
        lc_result_number(rows, 3, range->max);
        lc_result_number(rows, 4, version_used(broker, key));
    }
    lc_call_finish(call, rows == NULL ? LEAT_ENOMEM : lc_result_finish(rows, &admin->rows), NULL);
}

int leat_describe_apis(struct leat_client *client,
                       int timeout_ms,
                       struct leat_result **ret_rows,
                       struct leat_error **reterr)
{
    static const struct lc_call_ops ops = {.step = step_apis};
    struct lc_admin *admin;

    if (client == NULL || ret_rows == NULL) {
        return bad_argument(reterr, "describe apis");
    }
    admin = lc_call_new(client, sizeof(*admin), &ops);
    return lc_admin_run(admin, "describe apis", timeout_ms, ret_rows, reterr);
}
