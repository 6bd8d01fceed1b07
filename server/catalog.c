/* catalog.c: from the metadata store's feed to settings and topics. See catalog.h.
 *
 * Keys arrive in order (config, deleted, epoch, topic), so that a topic's settings and epochs are known when it comes.
 * A later snapshot (a driver that lost its place) is compared with what is here: what it does not name goes.
 *
 * Deletion: topic/<name> goes and deleted/<id> comes in one transaction. Here the topic leaves the registry, its
 * directories are renamed, and when the last one has left the disk deleted/<id> and the epochs are erased. */
#include "server/catalog_impl.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/hash.h"
#include "server/config.h"
#include "server/meta_records.h"
#include "server/topics.h"
#include "storage/store.h"

static void feed_reset(int64_t snapshot_rev, int why, void *arg);
static void feed_entry(const struct meta_kv *kv, void *arg);
static void feed_ready(int64_t snapshot_rev, void *arg);
static void feed_change(int64_t rev,
                        const struct meta_kv *puts,
                        size_t put_count,
                        const struct lt_slice *deletes,
                        size_t delete_count,
                        void *arg);
static void feed_down(int err, void *arg);

const struct meta_feed_ops srv_catalog_feed_ops = {
    .reset = feed_reset,
    .entry = feed_entry,
    .ready = feed_ready,
    .change = feed_change,
    .down = feed_down,
};

static void directory_gone(void *arg);
static struct deletion *deletion_add(struct srv_catalog *catalog, const struct proto_uuid *id);
static void hold(struct deletion *deletion);

/* ---- small parts ---- */

/* The part of a key behind `prefix`, as text in the arena; NULL: another key. */
static const char *behind(struct lt_slice key, const char *prefix, struct lt_arena *arena)
{
    size_t size = strlen(prefix);
    if (key.size < size || memcmp(key.data, prefix, size) != 0) {
        return NULL;
    }
    return lt_arena_strndup(arena, (const char *)key.data + size, key.size - size);
}

/* The first problem while opening is the one to report. */
static void fail_open(struct srv_catalog *catalog, int err, struct leat_error *why)
{
    if (catalog->err == 0) {
        catalog->err = err;
        catalog->why = why;
    } else {
        lt_error_free(why);
    }
}

static void bad_value(struct srv_catalog *catalog, struct lt_slice key, int err)
{
    struct leat_error *why = NULL;
    (void)lt_error_set(&why, err, "metadata store: %.*s: %s", (int)key.size, (const char *)key.data,
                       lt_err_text(err));
    if (catalog->loading) {
        fail_open(catalog, err, why);
        return;
    }
    lt_diag(LT_ERROR, "meta", "bad_value", lt_error_message(why));
    lt_error_free(why);
}

/* ---- settings ---- */

/* New settings of a topic reach its partitions. */
static void push_topic_config(struct srv_catalog *catalog, struct srv_topic *topic)
{
    struct log_config config;
    (void)pthread_mutex_lock(&catalog->push_mutex);
    (void)srv_config_topic(catalog->server->config, topic->name, &config);
    for (int32_t i = 0; i < srv_topic_partition_count(topic); i++) {
        struct srv_partition *part = srv_topic_partition(topic, i);
        if (log_partition_set_config(part->log, &config) != 0) {
            lt_diag(LT_WARN, "meta", "config_not_applied",
                    "a partition did not take its new settings",
                    LT_FIELD_TEXT("topic", topic->name));
        }
    }
    (void)pthread_mutex_unlock(&catalog->push_mutex);
}

void srv_topics_settings_changed(struct srv_server *server)
{
    struct srv_catalog *catalog = srv_topics_catalog(server->topics);
    struct lt_arena arena;
    struct srv_topic **topics;
    size_t count;
    lt_arena_init(&arena, 0);
    if (srv_topics_list(catalog->server->topics, &arena, &topics, &count) == 0) {
        for (size_t i = 0; i < count; i++) {
            push_topic_config(catalog, topics[i]);
            srv_topic_unref(topics[i]);
        }
    }
    lt_arena_release(&arena);
    const struct srv_settings *settings = srv_config_settings(catalog->server->config);
    lt_diag_setup((enum lt_diag_level)settings->log_level,
                  (enum lt_diag_format)settings->log_format, 2);
}

static void apply_config(struct srv_catalog *catalog,
                         enum srv_resource resource,
                         const char *name,
                         const struct meta_kv *kv,
                         struct lt_arena *arena)
{
    struct srv_config_pair *pairs = NULL;
    size_t count = 0;
    int err = kv->created_rev == 0 ? 0 : meta_read_config(kv->value, arena, &pairs, &count);
    if (err == 0) {
        err = srv_config_set_overrides(catalog->server->config, resource, name, pairs, count,
                                       kv->modified_rev);
    }
    if (err != 0) {
        bad_value(catalog, kv->key, err);
        return;
    }
    if (catalog->loading) {
        return;
    }
    if (resource == SRV_RESOURCE_BROKER) {
        srv_topics_settings_changed(catalog->server);
        return;
    }
    struct srv_topic *topic = srv_topics_by_name(catalog->server->topics, lt_slice_text(name));
    if (topic != NULL) {
        push_topic_config(catalog, topic);
        srv_topic_unref(topic);
    }
}

/* ---- epochs ---- */

struct epoch *
srv_catalog_epoch(struct srv_catalog *catalog, const struct proto_uuid *id, int32_t partition)
{
    struct epoch want;
    memset(&want, 0, sizeof(want));
    want.key.id = *id;
    want.key.partition = partition;
    struct epoch *found;
    HASH_FIND(hh, catalog->epochs, &want.key, sizeof(want.key), found);
    return found;
}

static bool epoch_key(const char *text, struct proto_uuid *ret_id, int32_t *ret_partition)
{
    const char *slash = strchr(text, '/');
    char *end;
    if (slash == NULL || proto_uuid_parse(lt_slice(text, (size_t)(slash - text)), ret_id) != 0) {
        return false;
    }
    *ret_partition = (int32_t)strtol(slash + 1, &end, 10);
    return end != slash + 1 && *end == '\0';
}

/* Under the mutex. */
static void drop_epoch(struct srv_catalog *catalog, const struct proto_uuid *id, int32_t partition)
{
    struct epoch *epoch = srv_catalog_epoch(catalog, id, partition);
    if (epoch != NULL) {
        HASH_DEL(catalog->epochs, epoch);
        lt_free(epoch);
    }
}

/* Under the mutex. */
static int set_epoch(struct srv_catalog *catalog,
                     const struct proto_uuid *id,
                     int32_t partition,
                     int32_t leader_epoch,
                     int64_t rev)
{
    struct epoch *epoch = srv_catalog_epoch(catalog, id, partition);
    if (epoch == NULL) {
        epoch = lt_calloc(1, sizeof(*epoch));
        if (epoch == NULL) {
            return LEAT_ENOMEM;
        }
        epoch->key.id = *id;
        epoch->key.partition = partition;
        HASH_ADD(hh, catalog->epochs, key, sizeof(epoch->key), epoch);
        if (!lt_hash_added(epoch)) {
            lt_free(epoch);
            return LEAT_ENOMEM;
        }
    }
    epoch->leader_epoch = leader_epoch;
    epoch->rev = rev;
    return 0;
}

static void apply_epoch(struct srv_catalog *catalog,
                        const char *rest,
                        const struct meta_kv *kv,
                        struct lt_arena *arena)
{
    struct proto_uuid id;
    int32_t partition;
    int32_t leader_epoch = 0;
    int err = epoch_key(rest, &id, &partition) ? 0 : LEAT_ECORRUPT;
    if (err == 0 && kv->created_rev != 0) {
        err = meta_read_epoch(kv->value, arena, &leader_epoch);
    }
    if (err == 0) {
        (void)pthread_mutex_lock(&catalog->mutex);
        if (kv->created_rev == 0) {
            drop_epoch(catalog, &id, partition);
        } else {
            err = set_epoch(catalog, &id, partition, leader_epoch, kv->modified_rev);
        }
        (void)pthread_mutex_unlock(&catalog->mutex);
    }
    if (err != 0) {
        bad_value(catalog, kv->key, err);
    }
}

/* ---- partitions of a topic ---- */

/* A partition that was made for a topic that cannot be served whole. */
static void
take_back(struct srv_catalog *catalog, const struct proto_uuid *id, struct log_partition *log)
{
    if (!catalog->loading) {
        struct deletion *deletion = deletion_add(catalog, id);
        hold(deletion);
        (void)log_store_remove(catalog->server->store, log,
                               deletion == NULL ? NULL : directory_gone, deletion);
        /* A failure there leaves the directory for the next start; the first error is the one to report. */
    }
    log_partition_unref(log);
}

/* What the store must know of each of them; in the arena. */
static struct log_partition_options *log_options(struct srv_catalog *catalog,
                                                 struct lt_arena *arena,
                                                 const char *topic,
                                                 const struct proto_uuid *id,
                                                 int32_t first,
                                                 size_t count,
                                                 const struct log_config *config)
{
    struct log_partition_options *options = lt_arena_calloc(arena, count + 1, sizeof(*options));
    for (size_t i = 0; options != NULL && i < count; i++) {
        struct epoch *epoch = srv_catalog_epoch(catalog, id, first + (int32_t)i);
        options[i].topic = topic;
        options[i].partition = first + (int32_t)i;
        options[i].leader_epoch = epoch == NULL ? 0 : epoch->leader_epoch;
        options[i].config = config;
        memcpy(options[i].topic_id, id->bytes, sizeof(options[i].topic_id));
    }
    return options;
}

/* Attach or make partitions first..end-1. On failure those made are taken back and *ret_logs is not written. */
static int add_logs(struct srv_catalog *catalog,
                    const char *topic,
                    const struct proto_uuid *id,
                    int32_t first,
                    int32_t end,
                    struct srv_new_log **ret_logs,
                    struct leat_error **reterr)
{
    size_t count = (size_t)(end - first);
    struct log_config config;
    (void)srv_config_topic(catalog->server->config, topic, &config);
    struct lt_arena arena;
    lt_arena_init(&arena, 0);
    struct log_partition_options *options =
        log_options(catalog, &arena, topic, id, first, count, &config);
    struct log_partition **parts =
        lt_arena_calloc(&arena, count + 1, sizeof(struct log_partition *));
    struct srv_new_log *logs = lt_calloc(count + 1, sizeof(*logs));
    int err;
    if (options == NULL || parts == NULL || logs == NULL) {
        err = lt_error_set(reterr, LEAT_ENOMEM, "%s: %s", topic, lt_err_text(LEAT_ENOMEM));
    } else {
        err = log_store_add_all(catalog->server->store, options, count, parts, reterr);
    }
    for (size_t i = 0; parts != NULL && i < count; i++) {
        if (err == 0) {
            logs[i] =
                (struct srv_new_log){.log = parts[i], .leader_epoch = options[i].leader_epoch};
        } else if (parts[i] != NULL) {
            take_back(catalog, id, parts[i]);
        }
    }
    lt_arena_release(&arena);
    if (err != 0) {
        lt_free(logs);
        return err;
    }
    *ret_logs = logs;
    return 0;
}

static void remember_failure(struct srv_catalog *catalog, const char *topic, struct leat_error *why)
{
    struct failure *failure = lt_calloc(1, sizeof(*failure));
    char *copy = lt_strdup(topic);
    lt_diag(LT_ERROR, "topics", "partition_not_made", lt_error_message(why),
            LT_FIELD_TEXT("topic", topic));
    if (failure == NULL || copy == NULL) {
        lt_free(failure);
        lt_free(copy);
        lt_error_free(why);
        return;
    }
    *failure = (struct failure){copy, why, catalog->failures};
    catalog->failures = failure;
}

struct leat_error *srv_catalog_take_failure(struct srv_catalog *catalog, const char *topic)
{
    for (struct failure **at = &catalog->failures; *at != NULL; at = &(*at)->next) {
        struct failure *failure = *at;
        if (strcmp(failure->topic, topic) == 0) {
            struct leat_error *why = failure->why;
            *at = failure->next;
            lt_free(failure->topic);
            lt_free(failure);
            return why;
        }
    }
    return NULL;
}

static void bring_topic(struct srv_catalog *catalog,
                        const char *name,
                        const struct proto_topic_meta *meta,
                        int64_t rev)
{
    struct srv_topics *topics = catalog->server->topics;
    struct srv_topic *topic = srv_topics_by_name(topics, lt_slice_text(name));
    int32_t first = topic == NULL ? 0 : srv_topic_partition_count(topic);
    struct srv_new_log *logs = NULL;
    struct leat_error *why = NULL;
    int err = 0;
    if (first < meta->partition_count) {
        err = add_logs(catalog, name, &meta->topic_id, first, meta->partition_count, &logs, &why);
        if (err == 0) {
            err = topic == NULL
                      ? srv_topics_insert(topics, lt_slice_text(name), &meta->topic_id,
                                          meta->internal, logs, meta->partition_count, rev)
                      : srv_topic_grow(topics, topic, logs, meta->partition_count - first);
            for (int32_t i = 0; err != 0 && i < meta->partition_count - first; i++) {
                take_back(catalog, &meta->topic_id, logs[i].log);
            }
            lt_free(logs);
        }
    }
    if (err == 0 && topic != NULL) {
        srv_topic_set_rev(topics, topic, rev);
    }
    srv_topic_unref(topic);
    if (err == 0) {
        return;
    }
    if (why == NULL) {
        (void)lt_error_set(&why, err, "%s: %s", name, lt_err_text(err));
    }
    if (catalog->loading) {
        fail_open(catalog, err, why);
    } else {
        remember_failure(catalog, name, why);
    }
}

/* ---- deletion ---- */

/* storage: one directory has left the disk. Any thread. */
static void directory_gone(void *arg)
{
    struct deletion *deletion = arg;
    struct srv_catalog *catalog = deletion->catalog;
    (void)pthread_mutex_lock(&catalog->mutex);
    bool last = --deletion->left == 0;
    if (last && !catalog->closing) {
        srv_catalog_erase(catalog, deletion);
    }
    (void)pthread_mutex_unlock(&catalog->mutex);
}

static struct deletion *deletion_find(struct srv_catalog *catalog, const struct proto_uuid *id)
{
    struct deletion *deletion = catalog->deletions;
    while (deletion != NULL && !proto_uuid_equal(deletion->id, *id)) {
        deletion = deletion->next;
    }
    return deletion;
}

static struct deletion *deletion_add(struct srv_catalog *catalog, const struct proto_uuid *id)
{
    (void)pthread_mutex_lock(&catalog->mutex);
    struct deletion *deletion = deletion_find(catalog, id);
    if (deletion == NULL) {
        deletion = lt_calloc(1, sizeof(*deletion));
        if (deletion != NULL) {
            *deletion =
                (struct deletion){.catalog = catalog, .id = *id, .next = catalog->deletions};
            catalog->deletions = deletion;
        }
    }
    (void)pthread_mutex_unlock(&catalog->mutex);
    return deletion;
}

/* One more thing that must go before the deletion is over; NULL is accepted. */
static void hold(struct deletion *deletion)
{
    if (deletion != NULL) {
        (void)pthread_mutex_lock(&deletion->catalog->mutex);
        deletion->left++;
        (void)pthread_mutex_unlock(&deletion->catalog->mutex);
    }
}

/* Take the topic out of the registry and its directories off the disk. */
static void remove_topic(struct srv_catalog *catalog, const char *name)
{
    struct srv_topic *topic = srv_topics_remove(catalog->server->topics, lt_slice_text(name));
    if (topic == NULL) {
        return;
    }
    struct deletion *deletion = deletion_add(catalog, &topic->id);
    int32_t count = srv_topic_partition_count(topic);
    hold(deletion); /* so that a directory that goes at once does not end the deletion early */
    for (int32_t i = 0; i < count; i++) {
        hold(deletion);
        int err = log_store_remove(catalog->server->store, srv_topic_partition(topic, i)->log,
                                   deletion == NULL ? NULL : directory_gone, deletion);
        if (err != 0 && deletion != NULL) {
            /* Its directory stays, so deleted/<id> must stay: `left` never comes down to 0. The next start tries again. */
            lt_diag(LT_WARN, "topics", "directory_stays", lt_err_text(err),
                    LT_FIELD_TEXT("topic", name), LT_FIELD_INT("partition", i));
        }
    }
    if (deletion != NULL) {
        directory_gone(deletion);
    }
    srv_topic_unref(topic);
}

/* deleted/<id> of the store: at start its directories may still be there. */
static void apply_deleted(struct srv_catalog *catalog,
                          const char *rest,
                          const struct meta_kv *kv,
                          struct lt_arena *arena)
{
    struct proto_uuid id;
    struct proto_deleted_topic_meta meta;
    if (proto_uuid_parse(lt_slice_text(rest), &id) != 0) {
        bad_value(catalog, kv->key, LEAT_ECORRUPT);
        return;
    }
    if (kv->created_rev == 0) {
        return; /* our own erasing */
    }
    int err = meta_read_deleted(kv->value, arena, &meta);
    struct deletion *deletion = err == 0 ? deletion_add(catalog, &id) : NULL;
    const char *name = err == 0 ? lt_arena_text(arena, meta.name) : NULL;
    if (deletion == NULL || name == NULL) {
        bad_value(catalog, kv->key, err != 0 ? err : LEAT_ENOMEM);
        return;
    }
    deletion->rev = kv->modified_rev;
    if (!catalog->loading) {
        /* Either remove_topic comes with the same transaction, or a creation is undone. */
        struct srv_topic *topic = srv_topics_by_id(catalog->server->topics, &id);
        (void)pthread_mutex_lock(&catalog->mutex);
        if (topic == NULL && deletion->left == 0) {
            srv_catalog_erase(catalog, deletion);
        }
        (void)pthread_mutex_unlock(&catalog->mutex);
        srv_topic_unref(topic);
        return;
    }
    int left =
        log_store_remove_topic_id(catalog->server->store, id.bytes, name, directory_gone, deletion);
    (void)pthread_mutex_lock(&catalog->mutex);
    deletion->left += left < 0 ? 1 : left; /* an error: it stays for the next start */
    (void)pthread_mutex_unlock(&catalog->mutex);
}

static void erased(int err, int64_t rev, const struct meta_kv *current, size_t count, void *arg)
{
    (void)rev;
    (void)current;
    (void)count;
    (void)arg;
    if (err != 0 && err != LEAT_ECONFLICT) { /* conflict: somebody else erased it */
        lt_diag(LT_WARN, "meta", "deletion_not_erased", lt_err_text(err));
    }
}

/* Delete some keys in one transaction that compares the first one's revision. */
static int erase_keys(struct srv_catalog *catalog,
                      const struct lt_slice *keys,
                      size_t count,
                      int64_t first_rev)
{
    struct meta_write writes[META_TXN_WRITES_MAX];
    for (size_t i = 0; i < count; i++) {
        if (keys[i].data == NULL) {
            return LEAT_ENOMEM;
        }
        writes[i] = (struct meta_write){.kind = META_DELETE, .key = keys[i]};
    }
    struct meta_compare compare = {.kind = META_MODIFIED_AT, .key = keys[0], .rev = first_rev};
    struct meta_txn txn = {&compare, 1, writes, count};
    return meta_store_commit(catalog->server->meta, &txn, CATALOG_COMMIT_TIMEOUT_MS, erased, NULL);
}

/* Erase the epochs of the topic, then deleted/<id>. Under the mutex; the store copies. */
void srv_catalog_erase(struct srv_catalog *catalog, const struct deletion *deletion)
{
    struct lt_arena arena;
    struct lt_slice keys[META_TXN_WRITES_MAX];
    size_t count = 0;
    int64_t first_rev = 0;
    int err = 0;
    lt_arena_init(&arena, 0);
    for (struct epoch *epoch = catalog->epochs; err == 0 && epoch != NULL; epoch = epoch->hh.next) {
        if (!proto_uuid_equal(epoch->key.id, deletion->id)) {
            continue;
        }
        first_rev = count == 0 ? epoch->rev : first_rev;
        keys[count++] = meta_key_epoch(&arena, &epoch->key.id, epoch->key.partition);
        if (count == META_TXN_WRITES_MAX) {
            err = erase_keys(catalog, keys, count, first_rev);
            count = 0;
        }
    }
    if (err == 0 && count > 0) {
        err = erase_keys(catalog, keys, count, first_rev);
    }
    keys[0] = meta_key_deleted(&arena, &deletion->id);
    if (err == 0) {
        err = erase_keys(catalog, keys, 1, deletion->rev);
    }
    if (err != 0) {
        lt_diag(LT_WARN, "meta", "deletion_not_erased", lt_err_text(err));
    }
    lt_arena_release(&arena);
}

/* ---- keys ---- */

/* `kv->created_rev` 0: the key went. */
static void apply(struct srv_catalog *catalog, const struct meta_kv *kv)
{
    struct lt_arena arena;
    lt_arena_init(&arena, 0);
    const char *rest;
    if ((rest = behind(kv->key, "config/topic/", &arena)) != NULL) {
        apply_config(catalog, SRV_RESOURCE_TOPIC, rest, kv, &arena);
    } else if ((rest = behind(kv->key, "config/broker/", &arena)) != NULL) {
        apply_config(catalog, SRV_RESOURCE_BROKER, rest, kv, &arena);
    } else if ((rest = behind(kv->key, "deleted/", &arena)) != NULL) {
        apply_deleted(catalog, rest, kv, &arena);
    } else if ((rest = behind(kv->key, "epoch/", &arena)) != NULL) {
        apply_epoch(catalog, rest, kv, &arena);
    } else if ((rest = behind(kv->key, "topic/", &arena)) != NULL && kv->created_rev == 0) {
        remove_topic(catalog, rest);
    } else if (rest != NULL) {
        struct proto_topic_meta meta;
        int err = meta_read_topic(kv->value, &arena, &meta);
        if (err != 0) {
            bad_value(catalog, kv->key, err);
        } else {
            bring_topic(catalog, rest, &meta, kv->modified_rev);
        }
    }
    lt_arena_release(&arena);
}

static void run_waits(struct srv_catalog *catalog)
{
    for (struct srv_catalog_wait **at = &catalog->waits; *at != NULL;) {
        struct srv_catalog_wait *wait = *at;
        if (wait->rev <= catalog->rev) {
            *at = wait->next;
            wait->fn(wait);
            at = &catalog->waits; /* fn may have added to the list */
        } else {
            at = &wait->next;
        }
    }
}

void srv_catalog_wait(struct srv_catalog *catalog, struct srv_catalog_wait *wait)
{
    if (wait->rev <= catalog->rev) {
        wait->fn(wait);
        return;
    }
    wait->next = catalog->waits;
    catalog->waits = wait;
}

/* ---- the feed ---- */

static void feed_reset(int64_t snapshot_rev, int why, void *arg)
{
    (void)snapshot_rev;
    struct srv_catalog *catalog = arg;
    catalog->loading = why == META_FEED_START;
    catalog->seen_count = 0;
    srv_config_clear_overrides(catalog->server->config);
}

/* Remember which topics the snapshot names. */
static void see_topic(struct srv_catalog *catalog, struct lt_slice name)
{
    if (catalog->seen_count == catalog->seen_capacity) {
        size_t capacity = catalog->seen_capacity == 0 ? 64 : catalog->seen_capacity * 2;
        char **more = lt_reallocarray(catalog->seen, capacity, sizeof(*more));
        if (more == NULL) {
            fail_open(catalog, LEAT_ENOMEM, NULL);
            return;
        }
        catalog->seen = more;
        catalog->seen_capacity = capacity;
    }
    char *copy = lt_strndup((const char *)name.data, name.size);
    if (copy == NULL) {
        fail_open(catalog, LEAT_ENOMEM, NULL);
        return;
    }
    catalog->seen[catalog->seen_count++] = copy;
}

static void feed_entry(const struct meta_kv *kv, void *arg)
{
    struct srv_catalog *catalog = arg;
    if (kv->key.size > 6 && memcmp(kv->key.data, "topic/", 6) == 0) {
        see_topic(catalog, lt_slice(kv->key.data + 6, kv->key.size - 6));
    }
    apply(catalog, kv);
}

static bool was_seen(const struct srv_catalog *catalog, const char *name)
{
    for (size_t i = 0; i < catalog->seen_count; i++) {
        if (strcmp(catalog->seen[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* After a later snapshot: topics that it does not name were deleted meanwhile. */
static void drop_unseen(struct srv_catalog *catalog)
{
    struct lt_arena arena;
    struct srv_topic **topics;
    size_t count;
    lt_arena_init(&arena, 0);
    if (srv_topics_list(catalog->server->topics, &arena, &topics, &count) == 0) {
        for (size_t i = 0; i < count; i++) {
            if (!was_seen(catalog, topics[i]->name)) {
                remove_topic(catalog, topics[i]->name);
            }
            srv_topic_unref(topics[i]);
        }
    }
    lt_arena_release(&arena);
}

static void feed_ready(int64_t snapshot_rev, void *arg)
{
    struct srv_catalog *catalog = arg;
    if (!catalog->loading) {
        drop_unseen(catalog);
        srv_topics_settings_changed(catalog->server);
    }
    for (size_t i = 0; i < catalog->seen_count; i++) {
        lt_free(catalog->seen[i]);
    }
    catalog->seen_count = 0;
    catalog->loading = false;
    catalog->rev = snapshot_rev;
    (void)pthread_mutex_lock(&catalog->mutex);
    catalog->ready = true;
    (void)pthread_cond_broadcast(&catalog->changed);
    (void)pthread_mutex_unlock(&catalog->mutex);
    run_waits(catalog);
}

static void feed_change(int64_t rev,
                        const struct meta_kv *puts,
                        size_t put_count,
                        const struct lt_slice *deletes,
                        size_t delete_count,
                        void *arg)
{
    struct srv_catalog *catalog = arg;
    for (size_t i = 0; i < put_count; i++) {
        apply(catalog, &puts[i]);
    }
    for (size_t i = 0; i < delete_count; i++) {
        struct meta_kv gone = {.key = deletes[i]};
        apply(catalog, &gone);
    }
    catalog->rev = rev;
    run_waits(catalog);
}

static void feed_down(int err, void *arg)
{
    struct srv_catalog *catalog = arg;
    (void)pthread_mutex_lock(&catalog->mutex);
    if (!catalog->ready) { /* it will not come */
        fail_open(catalog, err, NULL);
        catalog->ready = true;
        (void)pthread_cond_broadcast(&catalog->changed);
    }
    (void)pthread_mutex_unlock(&catalog->mutex);
    lt_diag(LT_ERROR, "meta", "feed_down", lt_err_text(err));
}
