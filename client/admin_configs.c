/* admin_configs.c: settings of topics and brokers, read and changed. See admin.h for how the calls run. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "client/admin.h"

#define TYPE_TOPIC 2
#define TYPE_BROKER 4
#define TYPE_GROUP 32
#define SOURCE_DEFAULT 5
#define FIELD_DEFAULT 8 /* of the rows */
#define OPERATION_SET 0
#define OPERATION_DELETE 1

/* "topic:orders" into type and name; "broker:1" also tells which broker has to be asked. */
static struct lc_admin *new_for_resource(struct leat_client *client,
                                         const struct lc_admin_kind *kind,
                                         const char *resource,
                                         const struct leat_conf *conf,
                                         int *ret_err)
{
    static const struct {
        const char *word;
        int8_t type;
    } types[] = {{"topic:", TYPE_TOPIC}, {"broker:", TYPE_BROKER}, {"group:", TYPE_GROUP}};
    const char *name = NULL;
    struct lc_admin *admin;
    int8_t type = 0;
    long id = -1;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strncmp(resource, types[i].word, strlen(types[i].word)) == 0) {
            name = resource + strlen(types[i].word);
            type = types[i].type;
        }
    }
    *ret_err = LEAT_EINVAL;
    if (name == NULL || (type != TYPE_BROKER && name[0] == '\0')) {
        return NULL;
    }
    if (type == TYPE_BROKER && name[0] != '\0') {
        char *end;

        id = strtol(name, &end, 10);
        if (*end != '\0' || id < 0 || id > INT32_MAX) {
            return NULL;
        }
    }
    admin = lc_admin_new(client, kind, name, conf);
    *ret_err = admin == NULL ? LEAT_ENOMEM : 0;
    if (admin != NULL) {
        admin->resource_type = type;
        admin->broker_id = (int32_t)id;
        admin->target = id >= 0 ? LC_TO_BROKER : kind->target;
    }
    return admin;
}

static int bad_resource(int err, const char *resource, struct leat_error **reterr)
{
    if (err == LEAT_ENOMEM) {
        return lt_error_set(reterr, err, "configs: out of memory");
    }
    return lt_error_set(reterr, err, "'%s' is not topic:NAME, broker:ID, broker: or group:NAME",
                        resource);
}

/* ---- read ---- */

static int build_get(struct lc_admin *admin, int16_t version, struct lt_arena *arena, void *request)
{
    struct proto_describe_configs_request *get = request;

    (void)version;
    get->resources = lt_arena_alloc(arena, sizeof(get->resources[0]));
    if (get->resources == NULL) {
        return LEAT_ENOMEM;
    }
    proto_describe_configs_request_resource_init(&get->resources[0]);
    get->resources_count = 1;
    get->resources[0].resource_type = admin->resource_type;
    get->resources[0].resource_name = lt_slice_text(admin->text);
    get->resources[0].configuration_keys_count = -1;
    get->include_documentation = true;
    get->include_synonyms = true;
    return 0;
}

static const char *word(const char *const *words, size_t count, int8_t number)
{
    return number >= 0 && (size_t)number < count ? words[number] : "unknown";
}

static bool ends_with(struct lt_slice text, const char *end)
{
    size_t size = strlen(end);

    return text.size >= size && memcmp(text.data + text.size - size, end, size) == 0;
}

/* How much larger the unit of a synonym is: "log.retention.hours" stands behind "retention.ms". */
static int64_t unit_factor(struct lt_slice name, struct lt_slice synonym)
{
    if (!ends_with(name, ".ms")) {
        return 1;
    }
    return ends_with(synonym, ".hours") ? 3600000 : ends_with(synonym, ".minutes") ? 60000 : 1;
}

/* The value that the broker itself brings: among the synonyms the one from nowhere else. Where a setting has no other
 * source, what it is is its default. */
static void add_default(struct leat_result *rows,
                        const struct proto_describe_configs_response_resource_result *config)
{
    for (int32_t i = 0; i < config->synonyms_count; i++) {
        struct lt_slice value = config->synonyms[i].value;
        int64_t factor = unit_factor(config->name, config->synonyms[i].name);
        char text[16] = "";

        if (config->synonyms[i].source != SOURCE_DEFAULT) {
            continue;
        }
        if (factor == 1) {
            lc_result_slice(rows, FIELD_DEFAULT, value);
        } else if (value.size > 0 && value.size < sizeof(text)) {
            memcpy(text, value.data, value.size); /* the rest is zeros */
            lc_result_number(rows, FIELD_DEFAULT, strtoll(text, NULL, 10) * factor);
        }
        return;
    }
    if (config->config_source == SOURCE_DEFAULT) {
        lc_result_slice(rows, FIELD_DEFAULT, config->value);
    }
}

static void add_config(struct leat_result *rows,
                       const struct proto_describe_configs_response_resource_result *config)
{
    static const char *const sources[] = {"unknown", "topic",          "broker",
                                          "cluster", "static",         "default",
                                          "logger",  "client-metrics", "group"};
    static const char *const types[] = {"unknown", "boolean", "string", "int",   "short",
                                        "long",    "double",  "list",   "class", "password"};

    lc_result_row(rows);
    lc_result_slice(rows, 0, config->name);
    lc_result_slice(rows, 1, config->value);
    lc_result_text(rows, 2,
                   word(sources, sizeof(sources) / sizeof(sources[0]), config->config_source));
    lc_result_text(rows, 3, word(types, sizeof(types) / sizeof(types[0]), config->config_type));
    lc_result_number(rows, 4, config->read_only);
    lc_result_number(rows, 5, config->is_sensitive);
    lc_result_number(rows, 6, config->config_source == SOURCE_DEFAULT);
    lc_result_slice(rows, 7, config->documentation);
    add_default(rows, config);
}

static int
take_get(struct lc_admin *admin, void *response, struct lt_arena *arena, const char **ret_words)
{
    static const char *const fields[] = {
        "name",      "value",      "source",        "type",          "read_only",
        "sensitive", "is_default", "documentation", "default_value", NULL};
    const struct proto_describe_configs_response *answer = response;
    struct leat_result *rows;

    if (answer->results_count != 1) {
        return LEAT_EPROTOCOL;
    }
    if (answer->results[0].error_code != 0) {
        if (answer->results[0].error_message.size > 0) {
            *ret_words = lt_arena_text(arena, answer->results[0].error_message);
        }
        return LEAT_BROKER_ERROR(answer->results[0].error_code);
    }
    rows = lc_result_new(fields);
    if (rows == NULL) {
        return LEAT_ENOMEM;
    }
    for (int32_t i = 0; i < answer->results[0].configs_count; i++) {
        add_config(rows, &answer->results[0].configs[i]);
    }
    lc_result_sort(rows, 0);
    return lc_result_finish(rows, &admin->rows);
}

int leat_get_configs(struct leat_client *client,
                     const char *resource,
                     int timeout_ms,
                     struct leat_result **ret_rows,
                     struct leat_error **reterr)
{
    static const struct lc_admin_kind kind = {.api_key = PROTO_API_DESCRIBE_CONFIGS,
                                              .version_min = 1,
                                              .version_max = 4,
                                              .target = LC_TO_ANY,
                                              .build = build_get,
                                              .take = take_get};
    struct lc_admin *admin;
    int err;

    if (client == NULL || resource == NULL || ret_rows == NULL) {
        return lt_error_set(reterr, LEAT_EINVAL, "get configs: bad argument");
    }
    admin = new_for_resource(client, &kind, resource, NULL, &err);
    if (admin == NULL) {
        return bad_resource(err, resource, reterr);
    }
    return lc_admin_run(admin, "configs of", timeout_ms, ret_rows, reterr);
}

/* ---- change ---- */

static int
build_alter(struct lc_admin *admin, int16_t version, struct lt_arena *arena, void *request)
{
    struct proto_incremental_alter_configs_request *alter = request;
    struct proto_incremental_alter_configs_request_alter_configs_resource *resource;
    const char *text = NULL;

    (void)version;
    resource = lt_arena_alloc(arena, sizeof(*resource));
    if (resource == NULL) {
        return LEAT_ENOMEM;
    }
    proto_incremental_alter_configs_request_alter_configs_resource_init(resource);
    alter->resources = resource;
    alter->resources_count = 1;
    alter->validate_only = lc_conf_pair(admin->conf, "validate.only", &text) && text != NULL &&
                           strcmp(text, "true") == 0;
    resource->resource_type = admin->resource_type;
    resource->resource_name = lt_slice_text(admin->text);
    resource->configs =
        lt_arena_calloc(arena, admin->conf->pair_count + 1, sizeof(resource->configs[0]));
    if (resource->configs == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < admin->conf->pair_count; i++) {
        const struct lc_conf_pair *pair = &admin->conf->pairs[i];

        if (strcmp(pair->key, "validate.only") != 0) {
            resource->configs[resource->configs_count++] =
                (struct proto_incremental_alter_configs_request_alterable_config){
                    .name = lt_slice_text(pair->key),
                    .config_operation = pair->value == NULL ? OPERATION_DELETE : OPERATION_SET,
                    .value = lt_slice_text(pair->value)};
        }
    }
    return 0;
}

static int
take_alter(struct lc_admin *admin, void *response, struct lt_arena *arena, const char **ret_words)
{
    const struct proto_incremental_alter_configs_response *answer = response;

    (void)admin;
    if (answer->responses_count != 1) {
        return LEAT_EPROTOCOL;
    }
    if (answer->responses[0].error_code == 0) {
        return 0;
    }
    if (answer->responses[0].error_message.size > 0) {
        *ret_words = lt_arena_text(arena, answer->responses[0].error_message);
    }
    return LEAT_BROKER_ERROR(answer->responses[0].error_code);
}

int leat_alter_configs(struct leat_client *client,
                       const char *resource,
                       const struct leat_conf *changes,
                       int timeout_ms,
                       struct leat_error **reterr)
{
    static const struct lc_admin_kind kind = {.api_key = PROTO_API_INCREMENTAL_ALTER_CONFIGS,
                                              .version_min = 0,
                                              .version_max = 1,
                                              .target = LC_TO_CONTROLLER,
                                              .build = build_alter,
                                              .take = take_alter};
    struct lc_admin *admin;
    int err;

    if (client == NULL || resource == NULL || changes == NULL || !changes->is_topic) {
        return lt_error_set(reterr, LEAT_EINVAL,
                            "alter configs: bad argument (changes: leat_conf_new_topic)");
    }
    admin = new_for_resource(client, &kind, resource, changes, &err);
    if (admin == NULL) {
        return bad_resource(err, resource, reterr);
    }
    return lc_admin_run(admin, "change configs of", timeout_ms, NULL, reterr);
}
