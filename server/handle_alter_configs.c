/* handle_alter_configs.c: AlterConfigs and IncrementalAlterConfigs.
 *
 * Both come down to a new set of overrides per resource: AlterConfigs gives it whole, IncrementalAlterConfigs changes the
 * present one. The new set is checked as a whole, then replaces the old one in the metadata store if that is still what
 * it was; otherwise the request starts again for that resource.
 * Source: KIP-133, KIP-339, Kafka ConfigurationControlManager. */
#include <string.h>

#include "base/error.h"
#include "proto/errors.h"
#include "server/config.h"
#include "server/config_table.h"
#include "server/gather.h"
#include "server/handle_topics.h"
#include "server/handlers.h"
#include "server/server.h"
#include "server/topic_change.h"
#include "server/topics.h"

#define TIMEOUT_MS 30000
#define ATTEMPTS_MAX 10

enum alter_op { ALTER_SET = 0, ALTER_DELETE = 1, ALTER_APPEND = 2, ALTER_SUBTRACT = 3 };

/* One entry of either request. */
struct entry {
    const char *name;
    const char *value; /* NULL: null */
    int8_t op;
};

/* One resource of either request, and what came of it. */
struct target {
    int8_t type;
    const char *name;
    struct lt_slice raw_name;
    struct entry *entries;
    size_t entry_count;
    bool incremental;
    bool repeated; /* stands in the request more than once */
    bool started;
    int attempts;
    int16_t error;
    struct lt_slice message;
    struct srv_config_pair *pairs; /* the new overrides */
    size_t pair_count;
    int64_t rev; /* of the old ones */
};

struct altering {
    struct target *targets;
    size_t count;
    bool validate_only;
    struct srv_gather *gather;
};

static int run(struct srv_request *req, struct altering *altering);

static int refuse(struct srv_request *req, struct target *target, int16_t code, const char *text)
{
    return text == NULL ? LEAT_ENOMEM
                        : srv_refuse(&req->arena, &target->error, &target->message, code, text);
}

/* ---- one entry into the set ---- */

static size_t find_pair(const struct target *target, const char *name)
{
    size_t i = 0;
    while (i < target->pair_count && strcmp(target->pairs[i].name, name) != 0) {
        i++;
    }
    return i;
}

static void set_pair(struct target *target, const char *name, const char *value)
{
    size_t i = find_pair(target, name);
    target->pairs[i] = (struct srv_config_pair){name, value};
    target->pair_count += i == target->pair_count;
}

static void delete_pair(struct target *target, const char *name)
{
    size_t i = find_pair(target, name);
    if (i < target->pair_count) {
        target->pairs[i] = target->pairs[--target->pair_count];
    }
}

static bool list_has(const char *list, const char *item, size_t size)
{
    for (const char *at = list; *at != '\0';) {
        size_t item_size = strcspn(at, ",");
        if (item_size == size && memcmp(at, item, size) == 0) {
            return true;
        }
        at += item_size + (at[item_size] == ',');
    }
    return false;
}

/* `list` with the items of `more` added at the end, those already there left out. NULL without memory. */
static const char *list_append(struct lt_arena *arena, const char *list, const char *more)
{
    for (const char *at = more; *at != '\0' && list != NULL;) {
        size_t size = strcspn(at, ",");
        if (!list_has(list, at, size)) {
            list =
                lt_arena_printf(arena, "%s%s%.*s", list, *list == '\0' ? "" : ",", (int)size, at);
        }
        at += size + (at[size] == ',');
    }
    return list;
}

/* `list` without the items of `less`. */
static const char *list_subtract(struct lt_arena *arena, const char *list, const char *less)
{
    const char *left = "";
    for (const char *at = list; *at != '\0' && left != NULL;) {
        size_t size = strcspn(at, ",");
        if (!list_has(less, at, size)) {
            left =
                lt_arena_printf(arena, "%s%s%.*s", left, *left == '\0' ? "" : ",", (int)size, at);
        }
        at += size + (at[size] == ',');
    }
    return left;
}

static const char *
current_list(struct srv_request *req, const struct target *target, const struct srv_config_row *row)
{
    size_t i = find_pair(target, row->name);
    if (i < target->pair_count) {
        return target->pairs[i].value;
    }
    struct srv_config_value value;
    enum srv_resource resource =
        target->type == SRV_RESOURCE_TOPIC ? SRV_RESOURCE_TOPIC : SRV_RESOURCE_BROKER;
    if (srv_config_describe(req->server->config, resource, target->name, row, &req->arena,
                            &value) != 0 ||
        value.value == NULL) {
        return row->value_default == NULL ? "" : row->value_default;
    }
    return value.value;
}

/* APPEND or SUBTRACT where there is no list; Kafka has two sentences for it. */
static int refuse_list(struct srv_request *req, struct target *target, const struct entry *entry)
{
    bool append = entry->op == ALTER_APPEND;
    const char *text =
        target->type == SRV_RESOURCE_TOPIC
            ? lt_arena_printf(&req->arena, "Can't %s to key %s because its type is not LIST.",
                              append ? "APPEND" : "SUBTRACT", entry->name)
            : lt_arena_printf(&req->arena, "Config value %s is not allowed for config key: %s",
                              append ? "append" : "subtract", entry->name);
    return refuse(req, target, PROTO_ERROR_INVALID_CONFIG, text);
}

/* SET, APPEND or SUBTRACT with a value. */
static int put_value(struct srv_request *req,
                     struct target *target,
                     const struct srv_config_row *row,
                     const struct entry *entry)
{
    const char *text = entry->value;
    if (entry->op == ALTER_APPEND || entry->op == ALTER_SUBTRACT) {
        if (row->type != SRV_LIST) {
            return refuse_list(req, target, entry);
        }
        const char *list = current_list(req, target, row);
        text = entry->op == ALTER_APPEND ? list_append(&req->arena, list, text)
                                         : list_subtract(&req->arena, list, text);
        if (text == NULL) {
            return LEAT_ENOMEM;
        }
    }
    const char *canonical;
    struct leat_error *why = NULL;
    int err = srv_config_parse(row, text, false, &req->arena, &canonical, &why);
    if (err == LEAT_ECONFIG) {
        bool topic = target->type == SRV_RESOURCE_TOPIC; /* Kafka has two codes for it */
        err = refuse(req, target, topic ? PROTO_ERROR_INVALID_CONFIG : PROTO_ERROR_INVALID_REQUEST,
                     lt_arena_strdup(&req->arena, lt_error_message(why)));
    } else if (err == 0) {
        set_pair(target, row->name, canonical);
    }
    lt_error_free(why);
    return err;
}

/* May this broker key be changed, for this node or cluster-wide? */
static int
check_broker_key(struct srv_request *req, struct target *target, const struct srv_config_row *row)
{
    if (row->mode == SRV_READ_ONLY) {
        return refuse(req, target, PROTO_ERROR_INVALID_REQUEST,
                      lt_arena_printf(&req->arena, "Cannot update these configs dynamically: [%s]",
                                      row->name));
    }
    if (*target->name == '\0' && row->mode == SRV_PER_BROKER) {
        return refuse(req, target, PROTO_ERROR_INVALID_REQUEST,
                      lt_arena_printf(&req->arena,
                                      "Cannot update these configs at default cluster level: [%s]",
                                      row->name));
    }
    if (srv_config_pinned(req->server->config, row)) {
        return refuse(req, target, PROTO_ERROR_INVALID_CONFIG,
                      lt_arena_printf(&req->arena, "%s is pinned by environment or command line.",
                                      row->name));
    }
    return 0;
}

static int apply_entry(struct srv_request *req, struct target *target, const struct entry *entry)
{
    bool topic = target->type == SRV_RESOURCE_TOPIC;
    const struct srv_config_row *row =
        topic ? srv_topic_row(entry->name) : srv_broker_row(entry->name);
    if (entry->op < ALTER_SET || entry->op > ALTER_SUBTRACT) {
        return refuse(req, target, PROTO_ERROR_INVALID_REQUEST,
                      lt_arena_printf(&req->arena, "Unknown operation type %d", entry->op));
    }
    if (row == NULL && entry->op == ALTER_DELETE) {
        return 0; /* it is not set */
    }
    if (row == NULL) {
        return refuse(req, target, PROTO_ERROR_INVALID_CONFIG,
                      lt_arena_printf(&req->arena, "Unknown %s config name: %s",
                                      topic ? "topic" : "broker", entry->name));
    }
    int err = topic ? 0 : check_broker_key(req, target, row);
    if (err != 0 || target->error != 0) {
        return err;
    }
    if (entry->op == ALTER_DELETE) {
        delete_pair(target, row->name);
        return 0;
    }
    return put_value(req, target, row, entry);
}

/* ---- one resource ---- */

static int check_entries(struct srv_request *req, struct target *target)
{
    struct lt_slice *names = lt_arena_calloc(&req->arena, target->entry_count + 1, sizeof(*names));
    for (size_t i = 0; names != NULL && i < target->entry_count; i++) {
        names[i] = lt_slice_text(target->entries[i].name);
    }
    enum srv_repeat *repeated =
        names == NULL ? NULL : srv_repeated(&req->arena, names, target->entry_count);
    if (repeated == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < target->entry_count; i++) {
        if (repeated[i] != SRV_ONCE) {
            return refuse(req, target, PROTO_ERROR_INVALID_REQUEST,
                          "Error due to duplicate config keys");
        }
        if (target->entries[i].value == NULL && target->entries[i].op != ALTER_DELETE) {
            return refuse(req, target, PROTO_ERROR_INVALID_REQUEST,
                          lt_arena_printf(&req->arena, "Null value not supported for : %s",
                                          target->entries[i].name));
        }
    }
    return 0;
}

static int check_target(struct srv_request *req, struct target *target)
{
    char text[512];
    if (target->repeated) {
        return refuse(req, target, PROTO_ERROR_INVALID_REQUEST,
                      "Each resource must appear at most once.");
    }
    if (target->type == SRV_RESOURCE_BROKER) {
        const char *wrong = srv_broker_name_wrong(req, target->name, true);
        return wrong == NULL ? 0 : refuse(req, target, PROTO_ERROR_INVALID_REQUEST, wrong);
    }
    if (target->type != SRV_RESOURCE_TOPIC) {
        return refuse(req, target, PROTO_ERROR_INVALID_REQUEST,
                      lt_arena_printf(&req->arena, "Unknown resource type %d", target->type));
    }
    const char *wrong = srv_topic_name_wrong(target->raw_name, text, sizeof(text));
    if (wrong != NULL) {
        return refuse(req, target, PROTO_ERROR_INVALID_TOPIC_EXCEPTION,
                      lt_arena_printf(&req->arena, "Topic name is invalid: %s", wrong));
    }
    struct srv_topic *topic = srv_topics_by_name(req->server->topics, target->raw_name);
    if (topic == NULL) {
        return refuse(req, target, PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                      lt_arena_printf(&req->arena, "The topic '%s' does not exist.", target->name));
    }
    srv_topic_unref(topic);
    return 0;
}

/* The new overrides of the resource, from what it has now. */
static int make_pairs(struct srv_request *req, struct target *target)
{
    enum srv_resource resource =
        target->type == SRV_RESOURCE_TOPIC ? SRV_RESOURCE_TOPIC : SRV_RESOURCE_BROKER;
    struct srv_config_pair *old;
    size_t old_count;
    int err = srv_config_get_overrides(req->server->config, resource, target->name, &req->arena,
                                       &old, &old_count, &target->rev);
    if (err != 0) {
        return err;
    }
    target->pairs =
        lt_arena_calloc(&req->arena, old_count + target->entry_count + 1, sizeof(*target->pairs));
    if (target->pairs == NULL) {
        return LEAT_ENOMEM;
    }
    target->pair_count = target->incremental ? old_count : 0;
    memcpy(target->pairs, old, target->pair_count * sizeof(*old));
    for (size_t i = 0; err == 0 && target->error == 0 && i < target->entry_count; i++) {
        err = apply_entry(req, target, &target->entries[i]);
    }
    struct leat_error *why = NULL;
    if (err == 0 && target->error == 0 && resource == SRV_RESOURCE_TOPIC &&
        srv_config_check_topic(target->pairs, target->pair_count, &why) != 0) {
        err = refuse(req, target, PROTO_ERROR_INVALID_CONFIG,
                     lt_arena_strdup(&req->arena, lt_error_message(why)));
        lt_error_free(why);
    }
    return err;
}

static int start_target(struct srv_request *req, struct altering *altering, size_t i)
{
    struct target *target = &altering->targets[i];
    target->started = false;
    int err = make_pairs(req, target);
    bool changes = target->pair_count > 0 || target->rev > 0;
    if (err != 0 || target->error != 0 || altering->validate_only || !changes) {
        return err;
    }
    enum srv_resource resource =
        target->type == SRV_RESOURCE_TOPIC ? SRV_RESOURCE_TOPIC : SRV_RESOURCE_BROKER;
    void *slot = srv_gather_slot(altering->gather, i);
    err = srv_config_replace(req->server, resource, target->name, target->pairs, target->pair_count,
                             target->rev, srv_gather_done, slot);
    if (err != 0) {
        srv_gather_drop(slot, err);
    }
    target->started = true;
    target->attempts++;
    return err == LEAT_ENOMEM ? err : 0;
}

/* ---- the request ---- */

static int mark_repeated(struct srv_request *req, struct altering *altering)
{
    struct lt_slice *names = lt_arena_calloc(&req->arena, altering->count + 1, sizeof(*names));
    for (size_t i = 0; names != NULL && i < altering->count; i++) {
        const char *text = lt_arena_printf(&req->arena, "%d/%s", altering->targets[i].type,
                                           altering->targets[i].name);
        names[i] = lt_slice_text(text);
        if (text == NULL) {
            return LEAT_ENOMEM;
        }
    }
    enum srv_repeat *repeated =
        names == NULL ? NULL : srv_repeated(&req->arena, names, altering->count);
    for (size_t i = 0; repeated != NULL && i < altering->count; i++) {
        altering->targets[i].repeated = repeated[i] != SRV_ONCE;
    }
    return repeated == NULL ? LEAT_ENOMEM : 0;
}

/* Check every resource, then begin to change those that are fine. */
static int begin(struct srv_request *req, struct altering *altering)
{
    int err = mark_repeated(req, altering);
    if (err == 0) {
        err = srv_gather_new(req, altering->count, &altering->gather);
    }
    for (size_t i = 0; err == 0 && i < altering->count; i++) {
        struct target *target = &altering->targets[i];
        err = check_target(req, target);
        if (err == 0 && target->error == 0) {
            err = check_entries(req, target);
        }
        if (err == 0 && target->error == 0) {
            err = start_target(req, altering, i);
        }
    }
    return err != 0 ? err : srv_gather_wait(altering->gather, TIMEOUT_MS);
}

/* Outcomes; a resource that somebody else changed meanwhile is begun again. LEAT_EPENDING: parked again. */
static int collect(struct srv_request *req, struct altering *altering)
{
    struct srv_gather *old = altering->gather;
    struct srv_gather *again = NULL;
    for (size_t i = 0; i < altering->count; i++) {
        struct target *target = &altering->targets[i];
        const char *why;
        int outcome = target->started ? srv_gather_result(old, i, &why) : 0;
        int err = 0;
        if (outcome == LEAT_ECONFLICT && target->attempts < ATTEMPTS_MAX && !req->timed_out) {
            if (again == NULL) {
                err = srv_gather_new(req, altering->count, &again);
                altering->gather = err == 0 ? again : old;
            }
            err = err != 0 ? err : start_target(req, altering, i);
        } else if (outcome != 0) {
            int16_t code = outcome == LEAT_ECONFLICT ? (int16_t)PROTO_ERROR_REQUEST_TIMED_OUT
                                                     : srv_change_error(outcome);
            err = refuse(req, target, code, why != NULL ? why : proto_error_text(code));
            target->started = false;
        } else {
            target->started = false;
        }
        if (err != 0) {
            return err;
        }
    }
    return again == NULL ? 0 : srv_gather_wait(again, TIMEOUT_MS);
}

static int run(struct srv_request *req, struct altering *altering)
{
    int err = 0;
    if (altering->gather == NULL) {
        err = begin(req, altering);
    } else if (!req->timed_out && !srv_gather_complete(altering->gather)) {
        return srv_park(req, TIMEOUT_MS);
    }
    for (int round = 0; err == 0 && round < ATTEMPTS_MAX; round++) {
        struct srv_gather *before = altering->gather;
        err = collect(req, altering);
        if (altering->gather == before) {
            break; /* nothing was begun again */
        }
    }
    return err;
}

static struct altering *altering_new(struct srv_request *req, size_t count, bool validate_only)
{
    struct altering *altering = lt_arena_calloc(&req->arena, 1, sizeof(*altering));
    if (altering != NULL) {
        altering->targets = lt_arena_calloc(&req->arena, count + 1, sizeof(*altering->targets));
        altering->count = count;
        altering->validate_only = validate_only;
    }
    if (altering == NULL || altering->targets == NULL) {
        return NULL;
    }
    req->state = altering;
    return altering;
}

static int target_init(struct srv_request *req,
                       struct target *target,
                       int8_t type,
                       struct lt_slice name,
                       int32_t entry_count,
                       bool incremental)
{
    target->type = type;
    target->raw_name = name;
    target->name = lt_arena_text(&req->arena, name);
    target->entry_count = entry_count < 0 ? 0 : (size_t)entry_count;
    target->entries =
        lt_arena_calloc(&req->arena, target->entry_count + 1, sizeof(*target->entries));
    target->incremental = incremental;
    return target->name == NULL || target->entries == NULL ? LEAT_ENOMEM : 0;
}

static int entry_init(struct srv_request *req,
                      struct entry *entry,
                      struct lt_slice name,
                      struct lt_slice value,
                      int8_t op)
{
    entry->name = lt_arena_text(&req->arena, name);
    entry->value = lt_arena_text(&req->arena, value);
    entry->op = op;
    return entry->name == NULL || (entry->value == NULL && value.data != NULL) ? LEAT_ENOMEM : 0;
}

static int take_alter(struct srv_request *req, const struct proto_alter_configs_request *in)
{
    size_t count = in->resources_count < 0 ? 0 : (size_t)in->resources_count;
    struct altering *altering = altering_new(req, count, in->validate_only);
    int err = altering == NULL ? LEAT_ENOMEM : 0;
    for (size_t i = 0; err == 0 && i < count; i++) {
        const struct proto_alter_configs_request_resource *resource = &in->resources[i];
        struct target *target = &altering->targets[i];
        err = target_init(req, target, resource->resource_type, resource->resource_name,
                          resource->configs_count, false);
        for (size_t k = 0; err == 0 && k < target->entry_count; k++) {
            err = entry_init(req, &target->entries[k], resource->configs[k].name,
                             resource->configs[k].value, ALTER_SET);
        }
    }
    return err;
}

int srv_handle_alter_configs(struct srv_request *req,
                             const struct proto_alter_configs_request *in,
                             struct proto_alter_configs_response *ret)
{
    int err = req->canceled ? 0 : req->state != NULL ? 0 : take_alter(req, in);
    if (err == 0 && !req->canceled) {
        err = run(req, req->state);
    }
    if (err != 0 || req->canceled) {
        return err;
    }
    struct altering *altering = req->state;
    ret->responses = lt_arena_calloc(&req->arena, altering->count + 1, sizeof(*ret->responses));
    if (ret->responses == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < altering->count; i++) {
        proto_alter_configs_response_resource_response_init(&ret->responses[i]);
        ret->responses[i].error_code = altering->targets[i].error;
        ret->responses[i].error_message = altering->targets[i].message;
        ret->responses[i].resource_type = altering->targets[i].type;
        ret->responses[i].resource_name = altering->targets[i].raw_name;
    }
    ret->responses_count = (int32_t)altering->count;
    return 0;
}

static int take_incremental(struct srv_request *req,
                            const struct proto_incremental_alter_configs_request *in)
{
    size_t count = in->resources_count < 0 ? 0 : (size_t)in->resources_count;
    struct altering *altering = altering_new(req, count, in->validate_only);
    int err = altering == NULL ? LEAT_ENOMEM : 0;
    for (size_t i = 0; err == 0 && i < count; i++) {
        const struct proto_incremental_alter_configs_request_alter_configs_resource *resource =
            &in->resources[i];
        struct target *target = &altering->targets[i];
        err = target_init(req, target, resource->resource_type, resource->resource_name,
                          resource->configs_count, true);
        for (size_t k = 0; err == 0 && k < target->entry_count; k++) {
            err = entry_init(req, &target->entries[k], resource->configs[k].name,
                             resource->configs[k].value, resource->configs[k].config_operation);
        }
    }
    return err;
}

int srv_handle_incremental_alter_configs(struct srv_request *req,
                                         const struct proto_incremental_alter_configs_request *in,
                                         struct proto_incremental_alter_configs_response *ret)
{
    int err = req->canceled ? 0 : req->state != NULL ? 0 : take_incremental(req, in);
    if (err == 0 && !req->canceled) {
        err = run(req, req->state);
    }
    if (err != 0 || req->canceled) {
        return err;
    }
    struct altering *altering = req->state;
    ret->responses = lt_arena_calloc(&req->arena, altering->count + 1, sizeof(*ret->responses));
    if (ret->responses == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < altering->count; i++) {
        proto_incremental_alter_configs_response_alter_configs_resource_response_init(
            &ret->responses[i]);
        ret->responses[i].error_code = altering->targets[i].error;
        ret->responses[i].error_message = altering->targets[i].message;
        ret->responses[i].resource_type = altering->targets[i].type;
        ret->responses[i].resource_name = altering->targets[i].raw_name;
    }
    ret->responses_count = (int32_t)altering->count;
    return 0;
}
