/* config.c: the settings in force: layers of values, their order, and the structs that the code reads.
 *
 * A value lives in one of seven layers; the first layer that has one wins:
 *   --set > environment > dynamic, this broker > dynamic, cluster-wide > file > --dev > default
 * (as Kafka's, with the first two on top). Loading fills the static layers (config_load.c); the metadata store's feed
 * fills the dynamic ones. After every change struct srv_settings is made anew and published with one release store;
 * old ones stay until srv_config_free. */
#include "server/config_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/diag.h"

const struct srv_settings *srv_config_settings(const struct srv_config *config)
{
    return atomic_load_explicit(&config->settings, memory_order_acquire);
}

const char *
srv_config_layered(const struct srv_config *config, size_t row, enum srv_layer *ret_layer)
{
    for (int layer = 0; layer < SRV_LAYER_COUNT; layer++) {
        if (config->layers[layer][row].text != NULL) {
            *ret_layer = (enum srv_layer)layer;
            return config->layers[layer][row].text;
        }
    }
    *ret_layer = SRV_LAYER_DEFAULT;
    return config->layers[SRV_LAYER_DEFAULT][row].text;
}

bool srv_config_is_given(const struct srv_config *config, const char *key)
{
    enum srv_layer layer = SRV_LAYER_DEFAULT;

    (void)pthread_rwlock_rdlock(srv_config_lock(config));
    (void)srv_config_layered(config, (size_t)(srv_broker_row(key) - srv_broker_rows), &layer);
    (void)pthread_rwlock_unlock(srv_config_lock(config));
    return layer < SRV_LAYER_DEV;
}

bool srv_config_any_port(const struct srv_config *config, const char *key)
{
    return config->options.dev && !srv_config_is_given(config, key);
}

const char *srv_config_broker_text(const struct srv_config *config, const char *name)
{
    const struct srv_config_row *row = srv_broker_row(name);
    enum srv_layer layer;
    return row == NULL ? NULL : srv_config_layered(config, (size_t)(row - srv_broker_rows), &layer);
}

int srv_config_publish(struct srv_config *config)
{
    struct settings_version *version = lt_calloc(1, sizeof(*version));
    if (version == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < srv_broker_row_count; i++) {
        enum srv_layer layer;
        const char *text = srv_config_layered(config, i, &layer);
        if (text != NULL) {
            srv_config_store(&srv_broker_rows[i], text, &version->settings);
        }
    }
    version->older = config->versions;
    config->versions = version;
    atomic_store_explicit(&config->settings, &version->settings, memory_order_release);
    return 0;
}

bool srv_config_pinned(const struct srv_config *config, const struct srv_config_row *row)
{
    size_t i = (size_t)(row - srv_broker_rows);
    return config->layers[SRV_LAYER_SET][i].text != NULL ||
           config->layers[SRV_LAYER_ENVIRONMENT][i].text != NULL;
}

/* ---- overrides ---- */

static struct overrides *
overrides_find(const struct srv_config *config, enum srv_resource resource, const char *name)
{
    struct overrides *found = NULL;
    if (resource == SRV_RESOURCE_TOPIC) {
        HASH_FIND_STR(config->topics, name, found);
    } else {
        HASH_FIND_STR(config->brokers, name, found);
    }
    return found;
}

static void overrides_free(struct overrides *overrides)
{
    if (overrides != NULL) {
        lt_arena_release(&overrides->arena);
        lt_free(overrides);
    }
}

static const struct srv_config_row *row_of(enum srv_resource resource, const char *name)
{
    return resource == SRV_RESOURCE_TOPIC ? srv_topic_row(name) : srv_broker_row(name);
}

static struct overrides *overrides_new(enum srv_resource resource,
                                       const char *name,
                                       const struct srv_config_pair *pairs,
                                       size_t count,
                                       int64_t rev)
{
    struct overrides *made = lt_calloc(1, sizeof(*made));
    if (made == NULL) {
        return NULL;
    }
    lt_arena_init(&made->arena, 0);
    made->rev = rev;
    made->name = lt_arena_strdup(&made->arena, name);
    made->pairs = lt_arena_calloc(&made->arena, count + 1, sizeof(*made->pairs));
    bool complete = made->name != NULL && made->pairs != NULL;
    for (size_t i = 0; complete && i < count; i++) {
        const struct srv_config_row *row = row_of(resource, pairs[i].name);
        const char *value;
        if (row == NULL) {
            continue;
        }
        int err = srv_config_parse(row, pairs[i].value, false, &made->arena, &value, NULL);
        if (err == 0) {
            made->pairs[made->count++] = (struct srv_config_pair){row->name, value};
        }
        complete = err != LEAT_ENOMEM;
    }
    if (!complete) {
        overrides_free(made);
        return NULL;
    }
    return made;
}

/* Point a dynamic layer at the values of its resource. The texts live as long as the overrides. */
static void
fill_dynamic(struct srv_config *config, enum srv_layer layer, const struct overrides *from)
{
    memset(config->layers[layer], 0, srv_broker_row_count * sizeof(config->layers[layer][0]));
    for (size_t i = 0; from != NULL && i < from->count; i++) {
        const struct srv_config_row *row = srv_broker_row(from->pairs[i].name);
        config->layers[layer][row - srv_broker_rows].text = from->pairs[i].value;
    }
}

static void refill_dynamic(struct srv_config *config)
{
    fill_dynamic(config, SRV_LAYER_DYNAMIC_BROKER,
                 overrides_find(config, SRV_RESOURCE_BROKER, config->node_name));
    fill_dynamic(config, SRV_LAYER_DYNAMIC_DEFAULT,
                 overrides_find(config, SRV_RESOURCE_BROKER, ""));
}

int srv_config_set_overrides(struct srv_config *config,
                             enum srv_resource resource,
                             const char *name,
                             const struct srv_config_pair *pairs,
                             size_t count,
                             int64_t rev)
{
    struct overrides *made = NULL;
    if (count > 0) {
        made = overrides_new(resource, name, pairs, count, rev);
        if (made == NULL) {
            return LEAT_ENOMEM;
        }
    }
    int err = 0;
    (void)pthread_rwlock_wrlock(&config->lock);
    struct overrides *old = overrides_find(config, resource, name);
    struct overrides **table = resource == SRV_RESOURCE_TOPIC ? &config->topics : &config->brokers;
    if (old != NULL) {
        HASH_DEL(*table, old);
    }
    if (made != NULL) {
        HASH_ADD_KEYPTR(hh, *table, made->name, strlen(made->name), made);
    }
    if (resource == SRV_RESOURCE_BROKER) {
        refill_dynamic(config);
        err = srv_config_publish(config);
    }
    (void)pthread_rwlock_unlock(&config->lock);
    overrides_free(old);
    return err;
}

void srv_config_clear_overrides(struct srv_config *config)
{
    (void)pthread_rwlock_wrlock(&config->lock);
    struct overrides *overrides;
    struct overrides *next;
    HASH_ITER (hh, config->topics, overrides, next) {
        HASH_DEL(config->topics, overrides);
        overrides_free(overrides);
    }
    memset(config->layers[SRV_LAYER_DYNAMIC_BROKER], 0,
           srv_broker_row_count * sizeof(struct layer_value));
    memset(config->layers[SRV_LAYER_DYNAMIC_DEFAULT], 0,
           srv_broker_row_count * sizeof(struct layer_value));
    HASH_ITER (hh, config->brokers, overrides, next) {
        HASH_DEL(config->brokers, overrides);
        overrides_free(overrides);
    }
    (void)srv_config_publish(
        config); /* without memory the settings stay as they were until the feed is through */
    (void)pthread_rwlock_unlock(&config->lock);
}

static int copy_pairs(const struct overrides *from,
                      struct lt_arena *arena,
                      struct srv_config_pair **ret_pairs,
                      size_t *ret_count,
                      int64_t *ret_rev)
{
    size_t count = from == NULL ? 0 : from->count;
    struct srv_config_pair *pairs = lt_arena_calloc(arena, count + 1, sizeof(*pairs));
    if (pairs == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        pairs[i].name = from->pairs[i].name; /* the table's */
        pairs[i].value = lt_arena_strdup(arena, from->pairs[i].value);
        if (pairs[i].value == NULL) {
            return LEAT_ENOMEM;
        }
    }
    *ret_pairs = pairs;
    *ret_count = count;
    *ret_rev = from == NULL ? 0 : from->rev;
    return 0;
}

int srv_config_get_overrides(const struct srv_config *config,
                             enum srv_resource resource,
                             const char *name,
                             struct lt_arena *arena,
                             struct srv_config_pair **ret_pairs,
                             size_t *ret_count,
                             int64_t *ret_rev)
{
    pthread_rwlock_t *lock = srv_config_lock(config);
    (void)pthread_rwlock_rdlock(lock);
    int err =
        copy_pairs(overrides_find(config, resource, name), arena, ret_pairs, ret_count, ret_rev);
    (void)pthread_rwlock_unlock(lock);
    return err;
}

/* ---- topics ---- */

static const char *override_of(const struct overrides *overrides, const char *name)
{
    for (size_t i = 0; overrides != NULL && i < overrides->count; i++) {
        if (strcmp(overrides->pairs[i].name, name) == 0) {
            return overrides->pairs[i].value;
        }
    }
    return NULL;
}

/* A broker value in the unit of the topic row: hours and minutes become milliseconds. */
static const char *in_topic_unit(const struct srv_config_row *topic_row,
                                 const struct srv_config_row *broker_row,
                                 const char *text,
                                 char *scratch,
                                 size_t scratch_size)
{
    if (topic_row->unit != SRV_MS || broker_row->unit == SRV_MS) {
        return text;
    }
    (void)snprintf(scratch, scratch_size, "%lld", (long long)srv_config_row_ms(broker_row, text));
    return scratch;
}

const char *srv_config_inherited(const struct srv_config *config,
                                 const struct srv_config_row *row,
                                 char *scratch,
                                 size_t scratch_size)
{
    for (size_t i = 0; i < SRV_SYNONYMS_MAX && row->synonyms[i] != NULL; i++) {
        const struct srv_config_row *broker_row = srv_broker_row(row->synonyms[i]);
        const char *text = srv_config_broker_text(config, row->synonyms[i]);
        if (text != NULL) {
            return in_topic_unit(row, broker_row, text, scratch, scratch_size);
        }
    }
    return row->value_default;
}

static const char *topic_text(const struct srv_config *config,
                              const struct overrides *overrides,
                              const struct srv_config_row *row,
                              char *scratch,
                              size_t scratch_size)
{
    const char *text = override_of(overrides, row->name);
    return text != NULL ? text : srv_config_inherited(config, row, scratch, scratch_size);
}

int srv_config_topic(const struct srv_config *config, const char *topic, struct log_config *ret)
{
    pthread_rwlock_t *lock = srv_config_lock(config);
    (void)pthread_rwlock_rdlock(lock);
    const struct overrides *overrides = overrides_find(config, SRV_RESOURCE_TOPIC, topic);
    char scratch[32];
    log_config_init(ret);
    for (size_t i = 0; i < srv_topic_row_count; i++) {
        const char *text =
            topic_text(config, overrides, &srv_topic_rows[i], scratch, sizeof(scratch));
        if (text != NULL) {
            srv_config_store(&srv_topic_rows[i], text, ret);
        }
    }
    ret->producer_expiration_ms = srv_config_settings(config)->producer_expiration_ms;
    const char *segment = override_of(overrides, "internal.segment.bytes");
    if (segment != NULL) {
        ret->segment_bytes = strtoll(segment, NULL, 10);
    }
    static const char *const levels[] = {NULL, "compression.gzip.level", NULL,
                                         "compression.lz4.level", "compression.zstd.level"};
    const char *level = ret->compression < 0 ? NULL : levels[ret->compression];
    if (level != NULL) {
        ret->compression_level = (int)strtol(
            topic_text(config, overrides, srv_topic_row(level), scratch, sizeof(scratch)), NULL,
            10);
    }
    (void)pthread_rwlock_unlock(lock);
    return 0;
}

static int64_t
pair_number(const struct srv_config_pair *pairs, size_t count, const char *name, int64_t otherwise)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pairs[i].name, name) == 0) {
            return strtoll(pairs[i].value, NULL, 10);
        }
    }
    return otherwise;
}

int srv_config_check_topic(const struct srv_config_pair *pairs,
                           size_t count,
                           struct leat_error **reterr)
{
    int64_t least = pair_number(pairs, count, "min.compaction.lag.ms", 0);
    int64_t most = pair_number(pairs, count, "max.compaction.lag.ms", INT64_MAX);
    if (least > most) {
        return lt_error_set(reterr, LEAT_ECONFIG,
                            "conflict topic config setting min.compaction.lag.ms (%lld) > "
                            "max.compaction.lag.ms (%lld)",
                            (long long)least, (long long)most);
    }
    return 0;
}

void srv_config_free(struct srv_config *config)
{
    if (config == NULL) {
        return;
    }
    struct overrides *overrides;
    struct overrides *next;
    HASH_ITER (hh, config->topics, overrides, next) {
        HASH_DEL(config->topics, overrides);
        overrides_free(overrides);
    }
    HASH_ITER (hh, config->brokers, overrides, next) {
        HASH_DEL(config->brokers, overrides);
        overrides_free(overrides);
    }
    while (config->versions != NULL) {
        struct settings_version *older = config->versions->older;
        lt_free(config->versions);
        config->versions = older;
    }
    (void)pthread_rwlock_destroy(&config->lock);
    lt_arena_release(&config->arena);
    lt_free(config);
}
