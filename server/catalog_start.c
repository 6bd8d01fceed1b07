/* catalog_start.c: the catalog's life: the store is read, epochs are raised, in the end everything is returned. */
#include "server/catalog_impl.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/diag.h"
#include "server/meta_records.h"
#include "storage/store.h"

struct sync_commit {
    pthread_mutex_t mutex;
    pthread_cond_t done_cond;
    bool done;
    int err;
    struct lt_buf *current; /* value of the first compared key after a conflict; NULL: not wanted */
};

static void sync_done(int err, int64_t rev, const struct meta_kv *current, size_t count, void *arg)
{
    (void)rev;
    struct sync_commit *sync = arg;
    (void)pthread_mutex_lock(&sync->mutex);
    sync->err = err;
    if (err == LEAT_ECONFLICT && sync->current != NULL && count > 0 &&
        lt_buf_append(sync->current, current[0].value.data, current[0].value.size) != 0) {
        sync->err = LEAT_ENOMEM;
    }
    sync->done = true;
    (void)pthread_cond_signal(&sync->done_cond);
    (void)pthread_mutex_unlock(&sync->mutex);
}

static int
commit_and_wait(struct srv_server *server, const struct meta_txn *txn, struct lt_buf *current)
{
    struct sync_commit sync = {.current = current};
    (void)pthread_mutex_init(&sync.mutex, NULL); /* default attributes: cannot fail */
    (void)pthread_cond_init(&sync.done_cond, NULL);
    int err = meta_store_commit(server->meta, txn, CATALOG_COMMIT_TIMEOUT_MS, sync_done, &sync);
    if (err == 0) {
        (void)pthread_mutex_lock(&sync.mutex);
        while (!sync.done) {
            (void)pthread_cond_wait(&sync.done_cond, &sync.mutex);
        }
        err = sync.err;
        (void)pthread_mutex_unlock(&sync.mutex);
    }
    (void)pthread_cond_destroy(&sync.done_cond);
    (void)pthread_mutex_destroy(&sync.mutex);
    return err;
}

/* Does the value of "cluster" name this cluster? */
static int same_cluster(struct srv_server *server,
                        const struct lt_buf *value,
                        struct lt_arena *arena,
                        struct leat_error **reterr)
{
    struct proto_cluster_meta cluster;
    const char *ours = log_store_cluster_id(server->store);
    int err = meta_read_cluster(lt_buf_slice(value), arena, &cluster);
    if (err != 0) {
        return lt_error_set(reterr, err, "metadata store: cluster: %s", lt_err_text(err));
    }
    if (!lt_slice_is(cluster.cluster_id, ours)) {
        return lt_error_set(reterr, LEAT_EMISMATCH,
                            "metadata store: belongs to cluster %.*s, the data directory to %s",
                            (int)cluster.cluster_id.size, (const char *)cluster.cluster_id.data,
                            ours);
    }
    return 0;
}

/* The store belongs to this cluster; a new store is told so. */
static int check_cluster(struct srv_server *server, struct leat_error **reterr)
{
    struct lt_arena arena;
    struct lt_buf current = {0};
    lt_arena_init(&arena, 0);
    struct proto_cluster_meta cluster = {
        .cluster_id = lt_slice_text(log_store_cluster_id(server->store)),
        .format_version = 1,
        .created_ms = lt_clock_wall_ms(server->options.clock),
    };
    struct lt_slice key = lt_slice_text("cluster");
    struct meta_compare compare = {.kind = META_CREATED_AT, .key = key, .rev = 0};
    struct meta_write write = {
        .kind = META_PUT, .key = key, .value = meta_value_cluster(&arena, &cluster)};
    struct meta_txn txn = {&compare, 1, &write, 1};
    int err = write.value.data == NULL ? LEAT_ENOMEM : commit_and_wait(server, &txn, &current);
    if (err == LEAT_ECONFLICT) {
        err = same_cluster(server, &current, &arena, reterr);
    } else if (err != 0) {
        err = lt_error_set(reterr, err, "metadata store: %s", lt_err_text(err));
    }
    lt_buf_release(&current);
    lt_arena_release(&arena);
    return err;
}

int srv_topics_open(struct srv_server *server, struct leat_error **reterr)
{
    struct srv_catalog *catalog = lt_calloc(1, sizeof(*catalog));
    int err = catalog == NULL ? LEAT_ENOMEM : srv_topics_new(server, &server->topics);
    if (err != 0) {
        lt_free(catalog);
        return lt_error_set(reterr, err, "topics: %s", lt_err_text(err));
    }
    catalog->server = server;
    (void)pthread_mutex_init(&catalog->mutex, NULL); /* default attributes: cannot fail */
    (void)pthread_cond_init(&catalog->changed, NULL);
    (void)pthread_mutex_init(&catalog->push_mutex, NULL);
    srv_topics_set_catalog(server->topics, catalog);
    err = check_cluster(server, reterr);
    if (err != 0) {
        return err;
    }
    err = meta_feed_start(server->meta, lt_slice_text(""), 0, &srv_catalog_feed_ops, catalog);
    if (err != 0) {
        return lt_error_set(reterr, err, "metadata store: %s", lt_err_text(err));
    }
    (void)pthread_mutex_lock(&catalog->mutex);
    while (!catalog->ready) {
        (void)pthread_cond_wait(&catalog->changed, &catalog->mutex);
    }
    err = catalog->err;
    (void)pthread_mutex_unlock(&catalog->mutex);
    if (err != 0 && reterr != NULL) {
        *reterr = catalog->why;
        catalog->why = NULL;
    }
    if (err != 0 && reterr != NULL && *reterr == NULL) {
        (void)lt_error_set(reterr, err, "metadata store: %s", lt_err_text(err));
    }
    return err;
}

/* ---- epochs at start ---- */

struct raise {
    struct srv_partition *part;
    int32_t leader_epoch;
    int64_t rev; /* of the old value; 0: none */
};

/* Write up to META_TXN_WRITES_MAX new epochs, then hand them to the logs. */
static int raise_batch(struct srv_server *server, const struct raise *raises, size_t count)
{
    struct lt_arena arena;
    struct meta_compare compares[META_TXN_WRITES_MAX];
    struct meta_write writes[META_TXN_WRITES_MAX];
    int err = 0;
    lt_arena_init(&arena, 0);
    for (size_t i = 0; i < count; i++) {
        struct lt_slice key =
            meta_key_epoch(&arena, &raises[i].part->topic->id, raises[i].part->number);
        struct lt_slice value = meta_value_epoch(&arena, raises[i].leader_epoch);
        if (key.data == NULL || value.data == NULL) {
            err = LEAT_ENOMEM;
        }
        compares[i] =
            (struct meta_compare){.kind = META_MODIFIED_AT, .key = key, .rev = raises[i].rev};
        writes[i] = (struct meta_write){.kind = META_PUT, .key = key, .value = value};
    }
    struct meta_txn txn = {compares, count, writes, count};
    if (err == 0) {
        err = commit_and_wait(server, &txn, NULL);
    }
    lt_arena_release(&arena);
    struct log_epoch_raise logs[META_TXN_WRITES_MAX];
    for (size_t i = 0; i < count; i++) {
        logs[i] = (struct log_epoch_raise){raises[i].part->log, raises[i].leader_epoch, 0};
    }
    if (err == 0) {
        log_store_raise_epochs(logs, count);
    }
    for (size_t i = 0; err == 0 && i < count; i++) {
        atomic_store_explicit(&raises[i].part->leader_epoch, raises[i].leader_epoch,
                              memory_order_relaxed);
        if (logs[i].err != 0) { /* that partition is offline; the others serve */
            lt_diag(LT_ERROR, "topics", "epoch_not_raised", lt_err_text(logs[i].err),
                    LT_FIELD_TEXT("topic", raises[i].part->topic->name),
                    LT_FIELD_INT("partition", raises[i].part->number));
        }
    }
    return err;
}

static int raise_epochs(struct srv_server *server, struct srv_topic *const *topics, size_t count)
{
    struct srv_catalog *catalog = srv_topics_catalog(server->topics);
    struct raise raises[META_TXN_WRITES_MAX];
    size_t waiting = 0;
    int err = 0;
    for (size_t i = 0; err == 0 && i < count; i++) {
        for (int32_t k = 0; err == 0 && k < srv_topic_partition_count(topics[i]); k++) {
            struct srv_partition *part = srv_topic_partition(topics[i], k);
            if (!log_partition_needs_epoch(part->log)) {
                continue;
            }
            (void)pthread_mutex_lock(&catalog->mutex);
            const struct epoch *epoch = srv_catalog_epoch(catalog, &topics[i]->id, k);
            raises[waiting++] = (struct raise){part, epoch == NULL ? 1 : epoch->leader_epoch + 1,
                                               epoch == NULL ? 0 : epoch->rev};
            (void)pthread_mutex_unlock(&catalog->mutex);
            if (waiting == META_TXN_WRITES_MAX) {
                err = raise_batch(server, raises, waiting);
                waiting = 0;
            }
        }
    }
    return err == 0 && waiting > 0 ? raise_batch(server, raises, waiting) : err;
}

int srv_topics_start(struct srv_server *server, struct leat_error **reterr)
{
    struct srv_catalog *catalog = srv_topics_catalog(server->topics);
    struct lt_arena arena;
    struct srv_topic **topics;
    size_t count = 0;
    lt_arena_init(&arena, 0);
    int err = srv_topics_list(server->topics, &arena, &topics, &count);
    if (err == 0) {
        err = raise_epochs(server, topics, count);
        for (size_t i = 0; i < count; i++) {
            srv_topic_unref(topics[i]);
        }
    }
    lt_arena_release(&arena);
    if (err != 0) {
        return lt_error_set(reterr, err, "raising leader epochs: %s", lt_err_text(err));
    }
    (void)pthread_mutex_lock(&catalog->mutex);
    for (struct deletion *deletion = catalog->deletions; deletion != NULL;
         deletion = deletion->next) {
        if (deletion->left == 0) {
            srv_catalog_erase(catalog, deletion);
        }
    }
    (void)pthread_mutex_unlock(&catalog->mutex);
    return 0;
}

void srv_topics_close(struct srv_server *server)
{
    if (server->topics != NULL) {
        struct srv_catalog *catalog = srv_topics_catalog(server->topics);
        (void)pthread_mutex_lock(&catalog->mutex);
        catalog->closing = true;
        (void)pthread_mutex_unlock(&catalog->mutex);
    }
    meta_store_close(server->meta);
    server->meta = NULL;
    if (server->topics != NULL) {
        srv_topics_release_all(server->topics);
    }
}

void srv_topics_free(struct srv_server *server)
{
    if (server->topics == NULL) {
        return;
    }
    struct srv_catalog *catalog = srv_topics_catalog(server->topics);
    struct epoch *epoch;
    struct epoch *next_epoch;
    HASH_ITER (hh, catalog->epochs, epoch, next_epoch) {
        HASH_DEL(catalog->epochs, epoch);
        lt_free(epoch);
    }
    while (catalog->deletions != NULL) {
        struct deletion *next = catalog->deletions->next;
        lt_free(catalog->deletions);
        catalog->deletions = next;
    }
    while (catalog->failures != NULL) {
        struct failure *next = catalog->failures->next;
        lt_error_free(catalog->failures->why);
        lt_free(catalog->failures->topic);
        lt_free(catalog->failures);
        catalog->failures = next;
    }
    lt_error_free(catalog->why);
    lt_free(catalog->seen);
    (void)pthread_mutex_destroy(&catalog->push_mutex);
    (void)pthread_cond_destroy(&catalog->changed);
    (void)pthread_mutex_destroy(&catalog->mutex);
    lt_free(catalog);
    srv_topics_delete(server->topics);
    server->topics = NULL;
}
