/* meta_local.c: the embedded driver from outside: open, close, and the calls. See meta_local.h.
 *
 * A call copies its arguments into a job and queues it; the metadata thread runs jobs in order:
 *   commit   write transaction: compare, write, bump "rev", mdb_txn_commit (syncs), feeds, callback
 *   read     read transaction, callback
 *   session  open: a new revision is its number; close: delete its keys at one revision
 *   feed     snapshot from a read transaction, then every later commit */
#include "server/meta_local.h"

#include "server/meta_local_check.h"
#include "server/meta_local_impl.h"

#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/os.h"

#define LOCAL_MAP_SIZE ((size_t)1 << 30) /* sparse: space is used as the store grows */

static int local_commit(struct meta_store *store,
                        const struct meta_txn *txn,
                        int timeout_ms,
                        meta_txn_cb cb,
                        void *arg);
static int local_read(struct meta_store *store,
                      const struct lt_slice *keys,
                      size_t key_count,
                      int timeout_ms,
                      meta_txn_cb cb,
                      void *arg);
static int local_session_open(struct meta_store *store,
                              int ttl_ms,
                              void (*opened)(int err, uint64_t session, void *arg),
                              void (*lost)(uint64_t session, void *arg),
                              void *arg);
static int local_session_close(struct meta_store *store, uint64_t session);
static int64_t local_session_age_ms(struct meta_store *store, uint64_t session);
static int local_feed_start(struct meta_store *store,
                            struct lt_slice prefix,
                            int64_t resume_rev,
                            const struct meta_feed_ops *ops,
                            void *arg);
static int local_identity(struct meta_store *store, struct meta_identity *ret_identity);
static void local_close(struct meta_store *store);

static const struct meta_store_ops local_ops = {
    .commit = local_commit,
    .read = local_read,
    .session_open = local_session_open,
    .session_close = local_session_close,
    .session_age_ms = local_session_age_ms,
    .feed_start = local_feed_start,
    .identity = local_identity,
    .close = local_close,
};

static struct meta_local *local_of(struct meta_store *store)
{
    return (struct meta_local *)store;
}

/* ---- open ---- */

/* Read "rev" and "id", or make them in a new store. */
static int load_state(struct meta_local *local, MDB_txn *txn)
{
    MDB_val k = meta_local_val(lt_slice_text("rev"));
    MDB_val v;
    int rc = mdb_get(txn, local->state, &k, &v);
    if (rc == 0) {
        if (v.mv_size != 8) {
            return MDB_CORRUPTED;
        }
        local->rev = (int64_t)meta_local_load_u64(v.mv_data);
        k = meta_local_val(lt_slice_text("id"));
        rc = mdb_get(txn, local->state, &k, &v);
        if (rc != 0 || v.mv_size != 32) {
            return MDB_CORRUPTED;
        }
        memcpy(local->store_id, v.mv_data, 32);
        return 0;
    }
    if (rc != MDB_NOTFOUND) {
        return rc;
    }
    uint8_t random[16];
    if (lt_os_random(random, sizeof(random)) != 0) {
        return EIO;
    }
    for (size_t i = 0; i < sizeof(random); i++) {
        (void)snprintf(local->store_id + 2 * i, 3, "%02x", random[i]);
    }
    k = meta_local_val(lt_slice_text("id"));
    v = meta_local_val(lt_slice(local->store_id, 32));
    rc = mdb_put(txn, local->state, &k, &v, 0);
    if (rc == 0) {
        k = meta_local_val(lt_slice_text("format"));
        v = meta_local_val(lt_slice_text("1"));
        rc = mdb_put(txn, local->state, &k, &v, 0);
    }
    return rc != 0 ? rc : meta_local_rev_put(local, txn, 0);
}

/* Make the databases, read the state, drop what earlier runs' sessions left. */
static int load(struct meta_local *local)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(local->env, NULL, 0, &txn);
    if (rc != 0) {
        return rc;
    }
    struct lt_arena arena;
    lt_arena_init(&arena, 0);
    struct lt_slice *keys;
    size_t deleted = 0;
    rc = mdb_dbi_open(txn, "kv", MDB_CREATE, &local->kv);
    if (rc == 0) {
        rc = mdb_dbi_open(txn, "state", MDB_CREATE, &local->state);
    }
    if (rc == 0) {
        rc = load_state(local, txn);
    }
    if (rc == 0) {
        rc = meta_local_delete_keys(local, txn, 0, &arena, &keys, &deleted);
    }
    if (rc == 0 && deleted > 0) {
        local->rev++;
        rc = meta_local_rev_put(local, txn, local->rev);
    }
    lt_arena_release(&arena);
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

int meta_local_open(const char *path,
                    const struct lt_clock *clock,
                    struct meta_store **ret_store,
                    struct leat_error **reterr)
{
    struct meta_local *local = lt_calloc(1, sizeof(*local));
    if (local == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "%s: out of memory", path);
    }
    local->store.ops = &local_ops;
    local->clock = clock;
    STAILQ_INIT(&local->jobs);
    LIST_INIT(&local->sessions);
    LIST_INIT(&local->feeds);

    int err = lt_os_mkdir(path, 0755);
    if (err != 0 && err != LEAT_EEXISTS) {
        (void)lt_error_set_errno(reterr, err, errno, "%s: cannot make the metadata directory",
                                 path);
        goto fail_dir;
    }
    char *file = lt_asprintf("%s/data.mdb", path);
    err = file == NULL ? lt_error_set(reterr, LEAT_ENOMEM, "%s: out of memory", path)
                       : meta_local_check(file, reterr);
    lt_free(file);
    if (err != 0) {
        (void)lt_error_prefix(reterr, "metadata store");
        goto fail_dir;
    }
    int rc = mdb_env_create(&local->env);
    if (rc != 0) {
        err = lt_error_set(reterr, LEAT_ENOMEM, "%s: %s", path, mdb_strerror(rc));
        goto fail_dir;
    }
    (void)mdb_env_set_maxdbs(local->env, 2); /* cannot fail before the environment is opened */
    (void)mdb_env_set_mapsize(local->env, LOCAL_MAP_SIZE);
    rc = mdb_env_open(local->env, path, 0, 0644);
    if (rc == 0) {
        rc = load(local);
    }
    if (rc != 0) {
        err = lt_error_set(reterr, meta_local_error(rc), "%s: metadata store: %s", path,
                           mdb_strerror(rc));
        goto fail_env;
    }
    (void)pthread_mutex_init(&local->mutex, NULL); /* default attributes: cannot fail */
    (void)pthread_cond_init(&local->wake, NULL);
    rc = pthread_create(&local->thread, NULL, meta_local_main, local);
    if (rc != 0) {
        err = lt_error_set_errno(reterr, lt_err_from_errno(rc), rc, "%s: metadata thread", path);
        goto fail_thread;
    }
    *ret_store = &local->store;
    return 0;

fail_thread:
    (void)pthread_cond_destroy(&local->wake);
    (void)pthread_mutex_destroy(&local->mutex);
fail_env:
    mdb_env_close(local->env);
fail_dir:
    lt_free(local);
    return err;
}

/* ---- queueing ---- */

static struct job *job_new(struct meta_local *local, enum job_kind kind, int timeout_ms)
{
    struct job *job = lt_calloc(1, sizeof(*job));
    if (job == NULL) {
        return NULL;
    }
    job->kind = kind;
    job->expires_ms = timeout_ms < 0 ? INT64_MAX : lt_clock_mono_ms(local->clock) + timeout_ms;
    lt_arena_init(&job->arena, 0);
    return job;
}

/* Takes the job, also when it fails. */
static int job_queue(struct meta_local *local, struct job *job)
{
    (void)pthread_mutex_lock(&local->mutex);
    bool closing = local->closing;
    if (!closing) {
        STAILQ_INSERT_TAIL(&local->jobs, job, next);
        (void)pthread_cond_signal(&local->wake);
    }
    (void)pthread_mutex_unlock(&local->mutex);
    if (closing) {
        meta_local_job_free(job);
        return LEAT_ECLOSED;
    }
    return 0;
}

static bool copy_slice(struct job *job, struct lt_slice from, struct lt_slice *ret)
{
    if (from.data == NULL) {
        *ret = LT_SLICE_NULL;
        return true;
    }
    const void *data = lt_arena_memdup(&job->arena, from.data, from.size);
    *ret = lt_slice(data, from.size);
    return data != NULL;
}

static bool copy_txn(struct job *job, const struct meta_txn *txn)
{
    struct meta_compare *compares =
        lt_arena_calloc(&job->arena, txn->compare_count + 1, sizeof(*compares));
    struct meta_write *writes = lt_arena_calloc(&job->arena, txn->write_count + 1, sizeof(*writes));
    if (compares == NULL || writes == NULL) {
        return false;
    }
    for (size_t i = 0; i < txn->compare_count; i++) {
        compares[i] = txn->compares[i];
        if (!copy_slice(job, txn->compares[i].key, &compares[i].key) ||
            !copy_slice(job, txn->compares[i].value, &compares[i].value)) {
            return false;
        }
    }
    for (size_t i = 0; i < txn->write_count; i++) {
        writes[i] = txn->writes[i];
        if (!copy_slice(job, txn->writes[i].key, &writes[i].key) ||
            !copy_slice(job, txn->writes[i].value, &writes[i].value)) {
            return false;
        }
    }
    job->txn = (struct meta_txn){compares, txn->compare_count, writes, txn->write_count};
    return true;
}

static int local_commit(
    struct meta_store *store, const struct meta_txn *txn, int timeout_ms, meta_txn_cb cb, void *arg)
{
    struct meta_local *local = local_of(store);
    struct job *job = job_new(local, JOB_COMMIT, timeout_ms);
    if (job == NULL) {
        return LEAT_ENOMEM;
    }
    job->cb = cb;
    job->arg = arg;
    if (!copy_txn(job, txn)) {
        meta_local_job_free(job);
        return LEAT_ENOMEM;
    }
    return job_queue(local, job);
}

static int local_read(struct meta_store *store,
                      const struct lt_slice *keys,
                      size_t key_count,
                      int timeout_ms,
                      meta_txn_cb cb,
                      void *arg)
{
    struct meta_local *local = local_of(store);
    struct job *job = job_new(local, JOB_READ, timeout_ms);
    if (job == NULL) {
        return LEAT_ENOMEM;
    }
    struct lt_slice *copies = lt_arena_calloc(&job->arena, key_count + 1, sizeof(*copies));
    bool copied = copies != NULL;
    for (size_t i = 0; copied && i < key_count; i++) {
        copied = copy_slice(job, keys[i], &copies[i]);
    }
    if (!copied) {
        meta_local_job_free(job);
        return LEAT_ENOMEM;
    }
    job->keys = copies;
    job->key_count = key_count;
    job->cb = cb;
    job->arg = arg;
    return job_queue(local, job);
}

static int local_session_open(struct meta_store *store,
                              int ttl_ms,
                              void (*opened)(int err, uint64_t session, void *arg),
                              void (*lost)(uint64_t session, void *arg),
                              void *arg)
{
    (void)ttl_ms; /* sessions of the embedded driver never expire, */
    (void)lost;   /* so they are never lost */
    struct meta_local *local = local_of(store);
    struct job *job = job_new(local, JOB_SESSION_OPEN, -1);
    if (job == NULL) {
        return LEAT_ENOMEM;
    }
    job->opened = opened;
    job->arg = arg;
    return job_queue(local, job);
}

static int local_session_close(struct meta_store *store, uint64_t session)
{
    struct meta_local *local = local_of(store);
    struct job *job = job_new(local, JOB_SESSION_CLOSE, -1);
    if (job == NULL) {
        return LEAT_ENOMEM;
    }
    job->session = session;
    return job_queue(local, job);
}

static int64_t local_session_age_ms(struct meta_store *store, uint64_t session)
{
    return meta_local_session_alive(local_of(store), session) ? 0 : -1;
}

static int local_feed_start(struct meta_store *store,
                            struct lt_slice prefix,
                            int64_t resume_rev,
                            const struct meta_feed_ops *ops,
                            void *arg)
{
    (void)resume_rev; /* no history is kept: every feed begins with a snapshot */
    struct meta_local *local = local_of(store);
    struct job *job = job_new(local, JOB_FEED, -1);
    if (job == NULL) {
        return LEAT_ENOMEM;
    }
    if (!copy_slice(job, prefix, &job->prefix)) {
        meta_local_job_free(job);
        return LEAT_ENOMEM;
    }
    job->feed_ops = ops;
    job->arg = arg;
    return job_queue(local, job);
}

static int local_identity(struct meta_store *store, struct meta_identity *ret_identity)
{
    struct meta_local *local = local_of(store);
    *ret_identity = (struct meta_identity){.driver = "local"};
    memcpy(ret_identity->store_id, local->store_id, sizeof(local->store_id));
    (void)pthread_mutex_lock(&local->mutex);
    ret_identity->rev = local->rev;
    (void)pthread_mutex_unlock(&local->mutex);
    return 0;
}

static void local_close(struct meta_store *store)
{
    struct meta_local *local = local_of(store);
    (void)pthread_mutex_lock(&local->mutex);
    struct session *session;
    LIST_FOREACH (session, &local->sessions, link) {
        struct job *job = job_new(local, JOB_SESSION_CLOSE, -1);
        if (job != NULL) { /* without memory its keys go at the next open */
            job->session = session->number;
            STAILQ_INSERT_TAIL(&local->jobs, job, next);
        }
    }
    local->closing = true;
    (void)pthread_cond_signal(&local->wake);
    (void)pthread_mutex_unlock(&local->mutex);
    (void)pthread_join(local->thread, NULL); /* the thread exists: nothing to report */

    while ((session = LIST_FIRST(&local->sessions)) != NULL) {
        LIST_REMOVE(session, link);
        lt_free(session);
    }
    struct feed *feed;
    while ((feed = LIST_FIRST(&local->feeds)) != NULL) {
        LIST_REMOVE(feed, link);
        lt_free((void *)(uintptr_t)feed->prefix.data);
        lt_free(feed);
    }
    mdb_env_close(local->env);
    (void)pthread_cond_destroy(&local->wake);
    (void)pthread_mutex_destroy(&local->mutex);
    lt_free(local);
}
