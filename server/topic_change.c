/* topic_change.c: changes to topics and settings. See topic_change.h.
 *
 *   reserve name and room -> commit -> (feed: directories, registry) -> done
 *
 * A topic whose directories could not be made is taken back with a second transaction before `done` hears of it. */
#include "server/topic_change.h"

#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/error.h"
#include "server/catalog.h"
#include "server/meta_records.h"
#include "server/server.h"

#define COMMIT_TIMEOUT_MS 30000

enum change_kind { CHANGE_CREATE, CHANGE_GROW, CHANGE_DELETE, CHANGE_CONFIG };

struct change {
    struct srv_catalog_wait wait; /* first */
    enum change_kind kind;
    struct srv_server *server;
    struct lt_arena arena;
    const char *name;
    struct proto_uuid id;
    int32_t count;    /* partitions in the end */
    int32_t reserved; /* partitions reserved */
    bool internal;
    int err; /* what `done` will hear after an undo */
    struct leat_error *why;
    srv_change_cb done;
    void *arg;
};

static void committed(int err, int64_t rev, const struct meta_kv *current, size_t count, void *arg);
static int again(struct change *change, const struct meta_kv *current);
static void visible(struct srv_catalog_wait *wait);
static void undo(struct change *change);

static struct change *change_new(struct srv_server *server,
                                 enum change_kind kind,
                                 const char *name,
                                 srv_change_cb done,
                                 void *arg)
{
    struct change *change = lt_calloc(1, sizeof(*change));
    if (change == NULL) {
        return NULL;
    }
    change->kind = kind;
    change->server = server;
    change->done = done;
    change->arg = arg;
    lt_arena_init(&change->arena, 0);
    change->name = lt_arena_strdup(&change->arena, name);
    if (change->name == NULL) {
        lt_arena_release(&change->arena);
        lt_free(change);
        return NULL;
    }
    return change;
}

static void change_free(struct change *change)
{
    if (change->kind == CHANGE_CREATE) {
        srv_topics_unreserve(change->server->topics, change->reserved > 0 ? change->name : NULL,
                             change->reserved);
    } else if (change->kind == CHANGE_GROW) {
        srv_topics_unreserve(change->server->topics, NULL, change->reserved);
    }
    lt_error_free(change->why);
    lt_arena_release(&change->arena);
    lt_free(change);
}

static void finish(struct change *change, int err)
{
    srv_change_cb done = change->done;
    void *arg = change->arg;
    struct leat_error *why = change->why;
    change->why = NULL;
    change_free(change); /* the name is free again before anybody hears of it */
    done(err, why, arg);
    lt_error_free(why);
}

static bool is_complete(const struct meta_txn *txn)
{
    for (size_t i = 0; i < txn->write_count; i++) {
        bool lacks_value = txn->writes[i].kind == META_PUT && txn->writes[i].value.data == NULL;
        if (txn->writes[i].key.data == NULL || lacks_value) {
            return false;
        }
    }
    return true;
}

/* Commit, if making the transaction went well (`err`), and go on in committed(). Frees the change when it returns an
 * error. */
static int start(struct change *change, int err, const struct meta_txn *txn)
{
    if (err == 0) {
        err = is_complete(txn) ? 0 : LEAT_ENOMEM;
    }
    if (err == 0) {
        err = meta_store_commit(change->server->meta, txn, COMMIT_TIMEOUT_MS, committed, change);
    }
    if (err != 0) {
        change_free(change);
    }
    return err;
}

/* ---- create ---- */

static int reserve(struct change *change, struct leat_error **reterr)
{
    char other[SRV_TOPIC_NAME_MAX + 1];
    int err = srv_topics_reserve(change->server->topics, change->name, change->count, other);
    if (err == 0) {
        change->reserved = change->count;
    }
    if (err == LEAT_ENAME) {
        return lt_error_set(reterr, err, "Topic '%s' collides with existing topic: %s",
                            change->name, other);
    }
    return err;
}

int srv_topic_create(struct srv_server *server,
                     const struct srv_topic_plan *plan,
                     srv_change_cb done,
                     void *arg,
                     struct leat_error **reterr)
{
    struct change *change = change_new(server, CHANGE_CREATE, plan->name, done, arg);
    if (change == NULL) {
        return LEAT_ENOMEM;
    }
    change->id = plan->id;
    change->count = plan->partition_count;
    change->internal = plan->internal;
    int err = reserve(change, reterr);
    if (err != 0) {
        change_free(change);
        return err;
    }
    struct proto_topic_meta meta = {
        .topic_id = plan->id, .partition_count = plan->partition_count, .internal = plan->internal};
    struct lt_slice topic_key = meta_key_topic(&change->arena, plan->name);
    /* Settings come first: the feed makes the topic with them. */
    struct meta_write writes[2];
    size_t count = 0;
    if (plan->config_count > 0) {
        writes[count++] = (struct meta_write){
            .kind = META_PUT,
            .key = meta_key_config(&change->arena, SRV_RESOURCE_TOPIC, plan->name),
            .value = meta_value_config(&change->arena, plan->configs, plan->config_count),
        };
    }
    writes[count++] = (struct meta_write){
        .kind = META_PUT,
        .key = topic_key,
        .value = meta_value_topic(&change->arena, &meta),
    };
    struct meta_compare compare = {.kind = META_CREATED_AT, .key = topic_key, .rev = 0};
    struct meta_txn txn = {&compare, 1, writes, count};
    return start(change, 0, &txn);
}

/* ---- grow ---- */

/* The transaction of a growth, in the change's arena. */
static int make_growth(struct change *change, int64_t rev, struct meta_txn *ret_txn)
{
    struct proto_topic_meta meta = {
        .topic_id = change->id, .partition_count = change->count, .internal = change->internal};
    struct meta_compare *compare = lt_arena_alloc(&change->arena, sizeof(*compare));
    struct meta_write *write = lt_arena_alloc(&change->arena, sizeof(*write));
    if (compare == NULL || write == NULL) {
        return LEAT_ENOMEM;
    }
    struct lt_slice key = meta_key_topic(&change->arena, change->name);
    *compare = (struct meta_compare){.kind = META_MODIFIED_AT, .key = key, .rev = rev};
    *write = (struct meta_write){
        .kind = META_PUT, .key = key, .value = meta_value_topic(&change->arena, &meta)};
    *ret_txn = (struct meta_txn){compare, 1, write, 1};
    return is_complete(ret_txn) ? 0 : LEAT_ENOMEM;
}

int srv_topic_add_partitions(struct srv_server *server,
                             struct srv_topic *topic,
                             int32_t count,
                             srv_change_cb done,
                             void *arg)
{
    struct change *change = change_new(server, CHANGE_GROW, topic->name, done, arg);
    if (change == NULL) {
        return LEAT_ENOMEM;
    }
    change->id = topic->id;
    change->count = count;
    change->internal = topic->internal;
    int32_t more = count - srv_topic_partition_count(topic);
    int err = srv_topics_reserve_room(server->topics, more);
    if (err != 0) {
        change_free(change);
        return err;
    }
    change->reserved = more;
    struct meta_txn txn = {0};
    err = make_growth(change, srv_topic_rev(server->topics, topic), &txn);
    return start(change, err, &txn);
}

/* ---- delete ---- */

/* The transaction of a deletion, in the change's arena. */
static int
make_deletion(struct change *change, int64_t rev, int32_t partition_count, struct meta_txn *ret_txn)
{
    struct proto_deleted_topic_meta meta = {.name = lt_slice_text(change->name),
                                            .partition_count = partition_count};
    struct meta_compare *compare = lt_arena_alloc(&change->arena, sizeof(*compare));
    struct meta_write *writes = lt_arena_alloc(&change->arena, 3 * sizeof(*writes));
    if (compare == NULL || writes == NULL) {
        return LEAT_ENOMEM;
    }
    struct lt_slice key = meta_key_topic(&change->arena, change->name);
    *compare = (struct meta_compare){.kind = META_MODIFIED_AT, .key = key, .rev = rev};
    writes[0] = (struct meta_write){.kind = META_PUT,
                                    .key = meta_key_deleted(&change->arena, &change->id),
                                    .value = meta_value_deleted(&change->arena, &meta)};
    writes[1] = (struct meta_write){.kind = META_DELETE, .key = key};
    writes[2] = (struct meta_write){
        .kind = META_DELETE,
        .key = meta_key_config(&change->arena, SRV_RESOURCE_TOPIC, change->name)};
    *ret_txn = (struct meta_txn){compare, 1, writes, 3};
    return is_complete(ret_txn) ? 0 : LEAT_ENOMEM;
}

int srv_topic_delete(struct srv_server *server,
                     struct srv_topic *topic,
                     srv_change_cb done,
                     void *arg)
{
    struct change *change = change_new(server, CHANGE_DELETE, topic->name, done, arg);
    if (change == NULL) {
        return LEAT_ENOMEM;
    }
    change->id = topic->id;
    struct meta_txn txn = {0};
    int err = make_deletion(change, srv_topic_rev(server->topics, topic),
                            srv_topic_partition_count(topic), &txn);
    return start(change, err, &txn);
}

/* ---- settings ---- */

int srv_config_replace(struct srv_server *server,
                       enum srv_resource resource,
                       const char *name,
                       const struct srv_config_pair *pairs,
                       size_t count,
                       int64_t rev,
                       srv_change_cb done,
                       void *arg)
{
    struct change *change = change_new(server, CHANGE_CONFIG, name, done, arg);
    if (change == NULL) {
        return LEAT_ENOMEM;
    }
    struct lt_slice key = meta_key_config(&change->arena, resource, name);
    struct meta_compare compare = {.kind = META_MODIFIED_AT, .key = key, .rev = rev};
    struct meta_write write = {.kind = count == 0 ? META_DELETE : META_PUT, .key = key};
    if (count > 0) {
        write.value = meta_value_config(&change->arena, pairs, count);
    }
    struct meta_txn txn = {&compare, 1, &write, 1};
    return start(change, 0, &txn);
}

/* ---- outcomes, on the metadata thread ---- */

static void committed(int err, int64_t rev, const struct meta_kv *current, size_t count, void *arg)
{
    struct change *change = arg;
    bool gone = err == LEAT_ECONFLICT && count > 0 && current[0].created_rev == 0;
    if (err == LEAT_ECONFLICT && change->kind == CHANGE_CREATE) {
        err = LEAT_EEXISTS;
    } else if (gone && change->kind != CHANGE_CONFIG) {
        err = LEAT_ENOENT;
    } else if (err == LEAT_ECONFLICT && count > 0 && change->kind != CHANGE_CONFIG &&
               change->err == 0) {
        err = again(change, &current[0]);
        if (err == LEAT_EPENDING) {
            return;
        }
    }
    if (change->err !=
        0) { /* the undo is through, or failed: the first error is the one to report */
        finish(change, change->err);
        return;
    }
    if (err != 0) {
        finish(change, err);
        return;
    }
    change->wait.rev = rev;
    change->wait.fn = visible;
    srv_catalog_wait(srv_topics_catalog(change->server->topics), &change->wait);
}

/* Somebody else was faster: do as if the change had been asked for after that. LEAT_EPENDING: it is under way again. */
static int again(struct change *change, const struct meta_kv *current)
{
    struct proto_topic_meta meta;
    struct meta_txn txn;
    int err = meta_read_topic(current->value, &change->arena, &meta);

    if (err != 0) {
        return err;
    }
    if (memcmp(&meta.topic_id, &change->id, sizeof(change->id)) != 0) {
        return LEAT_ENOENT; /* the one that was meant is gone; this is another of its name */
    }
    if (change->kind == CHANGE_GROW && meta.partition_count >= change->count) {
        return lt_error_set(&change->why, LEAT_ELIMIT, "Topic already has %d partition(s).",
                            meta.partition_count);
    }
    err = change->kind == CHANGE_DELETE
              ? make_deletion(change, current->modified_rev, meta.partition_count, &txn)
              : make_growth(change, current->modified_rev, &txn);
    if (err == 0) {
        err = meta_store_commit(change->server->meta, &txn, COMMIT_TIMEOUT_MS, committed, change);
    }
    return err == 0 ? LEAT_EPENDING : err;
}

/* The feed has passed the change: is it so? */
static void visible(struct srv_catalog_wait *wait)
{
    struct change *change = (struct change *)wait;
    if (change->kind == CHANGE_DELETE || change->kind == CHANGE_CONFIG) {
        finish(change, 0);
        return;
    }
    struct srv_topic *topic =
        srv_topics_by_name(change->server->topics, lt_slice_text(change->name));
    bool there = topic != NULL && srv_topic_partition_count(topic) >= change->count;
    srv_topic_unref(topic);
    if (there) {
        finish(change, 0);
        return;
    }
    change->why =
        srv_catalog_take_failure(srv_topics_catalog(change->server->topics), change->name);
    change->err = change->why == NULL ? LEAT_EIO : lt_error_code(change->why);
    undo(change);
}

/* Take back in the metadata store what the disk refused. */
static void undo(struct change *change)
{
    struct lt_slice key = meta_key_topic(&change->arena, change->name);
    struct srv_topic *topic =
        srv_topics_by_name(change->server->topics, lt_slice_text(change->name));
    struct proto_topic_meta meta = {
        .topic_id = change->id,
        .partition_count = topic == NULL ? 0 : srv_topic_partition_count(topic),
        .internal = change->internal,
    };
    struct meta_compare compare = {.kind = META_MODIFIED_AT, .key = key, .rev = change->wait.rev};
    struct proto_deleted_topic_meta deleted = {.name = lt_slice_text(change->name),
                                               .partition_count = change->count};
    struct meta_write writes[3] = {
        {.kind = META_DELETE, .key = key},
        {.kind = META_DELETE,
         .key = meta_key_config(&change->arena, SRV_RESOURCE_TOPIC, change->name)},
        {.kind = META_PUT,
         .key = meta_key_deleted(&change->arena, &change->id),
         .value = meta_value_deleted(&change->arena, &deleted)},
    };
    struct meta_txn txn = {&compare, 1, writes, 3};
    if (topic != NULL) { /* growth: back to the old count */
        writes[0] = (struct meta_write){
            .kind = META_PUT, .key = key, .value = meta_value_topic(&change->arena, &meta)};
        txn.write_count = 1;
    }
    srv_topic_unref(topic);
    int err = meta_store_commit(change->server->meta, &txn, COMMIT_TIMEOUT_MS, committed, change);
    if (err != 0) {
        finish(change, change->err);
    }
}
