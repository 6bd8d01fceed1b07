/* handle_configs.c: DescribeConfigs. (Changing settings: handle_alter_configs.c.)
 *
 * Source: KIP-133, KIP-226, KIP-569, Kafka ConfigHelper. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "proto/errors.h"
#include "server/config.h"
#include "server/config_table.h"
#include "server/handle_topics.h"
#include "server/handlers.h"
#include "server/server.h"
#include "server/topics.h"

#define asked struct proto_describe_configs_request_resource
#define told struct proto_describe_configs_response_result
#define told_value struct proto_describe_configs_response_resource_result

static int refuse(struct srv_request *req, told *ret, int16_t code, const char *text)
{
    return text == NULL
               ? LEAT_ENOMEM
               : srv_refuse(&req->arena, &ret->error_code, &ret->error_message, code, text);
}

static bool is_asked(const asked *in, const char *name)
{
    for (int32_t i = 0; i < in->configuration_keys_count; i++) {
        if (lt_slice_is(in->configuration_keys[i], name)) {
            return true;
        }
    }
    return in->configuration_keys_count <= 0; /* none named: all */
}

static int fill_value(struct srv_request *req,
                      const struct proto_describe_configs_request *in,
                      const struct srv_config_value *value,
                      told_value *ret)
{
    proto_describe_configs_response_resource_result_init(ret);
    ret->name = lt_slice_text(value->row->name);
    ret->value = lt_slice_text(value->value);
    ret->read_only = value->read_only;
    ret->config_source = (int8_t)value->source;
    ret->config_type = (int8_t)value->row->type;
    ret->documentation = in->include_documentation ? lt_slice_text(value->row->doc) : LT_SLICE_NULL;
    if (!in->include_synonyms || value->synonym_count == 0) {
        return 0;
    }
    ret->synonyms = lt_arena_calloc(&req->arena, value->synonym_count, sizeof(*ret->synonyms));
    if (ret->synonyms == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < value->synonym_count; i++) {
        ret->synonyms[i].name = lt_slice_text(value->synonyms[i].name);
        ret->synonyms[i].value = lt_slice_text(value->synonyms[i].value);
        ret->synonyms[i].source = (int8_t)value->synonyms[i].source;
    }
    ret->synonyms_count = (int32_t)value->synonym_count;
    return 0;
}

static int describe_rows(struct srv_request *req,
                         const struct proto_describe_configs_request *in,
                         const asked *resource,
                         const char *name,
                         told *ret)
{
    bool topic = resource->resource_type == SRV_RESOURCE_TOPIC;
    const struct srv_config_row *rows = topic ? srv_topic_rows : srv_broker_rows;
    size_t count = topic ? srv_topic_row_count : srv_broker_row_count;
    ret->configs = lt_arena_calloc(&req->arena, count, sizeof(*ret->configs));
    if (ret->configs == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct srv_config_value value;
        if (rows[i].hidden || !is_asked(resource, rows[i].name)) {
            continue;
        }
        int err = srv_config_describe(req->server->config,
                                      topic ? SRV_RESOURCE_TOPIC : SRV_RESOURCE_BROKER, name,
                                      &rows[i], &req->arena, &value);
        if (err == 0) {
            err = fill_value(req, in, &value, &ret->configs[ret->configs_count++]);
        }
        if (err != 0 && err != LEAT_ENOENT) { /* no such cluster-wide default */
            return err;
        }
    }
    return 0;
}

static int check_topic(struct srv_request *req, struct lt_slice name, told *ret)
{
    char text[512];
    const char *wrong = srv_topic_name_wrong(name, text, sizeof(text));
    if (wrong != NULL) {
        return refuse(req, ret, PROTO_ERROR_INVALID_TOPIC_EXCEPTION,
                      lt_arena_printf(&req->arena, "Topic name is invalid: %s", wrong));
    }
    struct srv_topic *topic = srv_topics_by_name(req->server->topics, name);
    if (topic == NULL) {
        ret->error_code = PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION; /* Kafka says nothing more */
        return 0;
    }
    srv_topic_unref(topic);
    return 0;
}

const char *srv_broker_name_wrong(struct srv_request *req, const char *name, bool altering)
{
    char *end;
    int32_t node = srv_config_settings(req->server->config)->node_id;
    if (*name == '\0') {
        return NULL;
    }
    long number = strtol(name, &end, 10);
    if (*end != '\0') {
        return lt_arena_printf(&req->arena, "%s id must be an integer, but it is: %s",
                               altering ? "Node" : "Broker", name);
    }
    if (number != node) {
        return lt_arena_printf(&req->arena, "Unexpected broker id, expected %d%s, but received %s",
                               node, altering ? "" : " or empty string", name);
    }
    return NULL;
}

static int describe_resource(struct srv_request *req,
                             const struct proto_describe_configs_request *in,
                             const asked *resource,
                             told *ret)
{
    proto_describe_configs_response_result_init(ret);
    ret->error_message = lt_slice_text(""); /* as Kafka; not null */
    ret->resource_type = resource->resource_type;
    ret->resource_name = resource->resource_name;
    const char *name = lt_arena_text(&req->arena, resource->resource_name);
    const char *wrong = NULL;
    int err = name == NULL ? LEAT_ENOMEM : 0;
    if (err == 0 && resource->resource_type == SRV_RESOURCE_TOPIC) {
        err = check_topic(req, resource->resource_name, ret);
    } else if (err == 0 && resource->resource_type == SRV_RESOURCE_BROKER) {
        wrong = srv_broker_name_wrong(req, name, false);
    } else if (err == 0) {
        wrong = proto_error_text(PROTO_ERROR_INVALID_REQUEST);
    }
    if (err == 0 && wrong != NULL) {
        err = refuse(req, ret, PROTO_ERROR_INVALID_REQUEST, wrong);
    }
    return err != 0 || ret->error_code != 0 ? err : describe_rows(req, in, resource, name, ret);
}

int srv_handle_describe_configs(struct srv_request *req,
                                const struct proto_describe_configs_request *in,
                                struct proto_describe_configs_response *ret)
{
    size_t count = in->resources_count < 0 ? 0 : (size_t)in->resources_count;
    ret->results = lt_arena_calloc(&req->arena, count + 1, sizeof(*ret->results));
    if (ret->results == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        int err = describe_resource(req, in, &in->resources[i], &ret->results[i]);
        if (err != 0) {
            return err;
        }
    }
    ret->results_count = (int32_t)count;
    return 0;
}
