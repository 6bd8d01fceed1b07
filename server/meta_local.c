/* meta_local.c: the metadata store on LMDB. See meta_local.h.
 *
 * A call copies its arguments into a job and queues it; the metadata thread runs jobs in order:
 *   commit   write transaction: compare, write, bump "rev", mdb_txn_commit (syncs), feeds, callback
 *   read     read transaction, callback
 *   session  open: a new revision is its number; close: delete its keys at one revision
 *   feed     snapshot from a read transaction, then every later commit */
#include "server/meta_local.h"

#include <endian.h>
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
#define LOCAL_VALUE_HEAD 24              /* created_rev, modified_rev, session */

enum job_kind { JOB_COMMIT, JOB_READ, JOB_SESSION_OPEN, JOB_SESSION_CLOSE, JOB_FEED };

struct job {
    STAILQ_ENTRY(job) next;
    enum job_kind kind;
    struct lt_arena arena; /* the copies */
    int64_t expires_ms;    /* monotonic; INT64_MAX = never */
    meta_txn_cb cb;
    void *arg;
    struct meta_txn txn;         /* COMMIT */
    const struct lt_slice *keys; /* READ */
    size_t key_count;
    void (*opened)(int err, uint64_t session, void *arg); /* SESSION_OPEN */
    uint64_t session;                                     /* SESSION_CLOSE */
    struct lt_slice prefix;                               /* FEED */
    const struct meta_feed_ops *feed_ops;
};

struct feed {
    LIST_ENTRY(feed) link;
    const struct meta_feed_ops *ops;
    void *arg;
    struct lt_slice prefix; /* owned */
};

struct session {
    LIST_ENTRY(session) link;
    uint64_t number;
};

struct meta_local {
    struct meta_store store; /* first: the seam's view */
    const struct lt_clock *clock;
    MDB_env *env;
    MDB_dbi kv, state;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards jobs, closing, sessions, rev */
    pthread_cond_t wake;
    STAILQ_HEAD(, job) jobs;
    bool closing;
    bool failed; /* metadata thread only: no more writes */
    int64_t rev;
    char store_id[33];
    LIST_HEAD(, session) sessions;
    LIST_HEAD(, feed) feeds; /* metadata thread only */
};

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
static void *metadata_main(void *arg);

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

/* ---- bytes in LMDB ---- */

static MDB_val val_of(struct lt_slice slice)
{
    /* LMDB takes void * for what it only reads. */
    return (MDB_val){slice.size, (void *)(uintptr_t)slice.data};
}

static uint64_t load_u64(const uint8_t *data)
{
    uint64_t number;
    memcpy(&number, data, sizeof(number));
    return be64toh(number);
}

static void store_u64(uint8_t *data, uint64_t number)
{
    number = htobe64(number);
    memcpy(data, &number, sizeof(number));
}

/* False: the value is shorter than its head, so not one of ours. */
static bool kv_from_vals(const MDB_val *key, const MDB_val *value, struct meta_kv *ret)
{
    if (value->mv_size < LOCAL_VALUE_HEAD) {
        return false;
    }
    const uint8_t *data = value->mv_data;
    ret->key = lt_slice(key->mv_data, key->mv_size);
    ret->created_rev = (int64_t)load_u64(data);
    ret->modified_rev = (int64_t)load_u64(data + 8);
    ret->session = load_u64(data + 16);
    ret->value = lt_slice(data + LOCAL_VALUE_HEAD, value->mv_size - LOCAL_VALUE_HEAD);
    return true;
}

/* The key as of the transaction; absent: created_rev 0. Returns 0 or an LMDB error. */
static int kv_get(struct meta_local *local, MDB_txn *txn, struct lt_slice key, struct meta_kv *ret)
{
    MDB_val k = val_of(key);
    MDB_val v;
    *ret = (struct meta_kv){.key = key};
    if (key.size == 0) {
        return 0;
    }
    int rc = mdb_get(txn, local->kv, &k, &v);
    if (rc == MDB_NOTFOUND) {
        return 0;
    }
    if (rc != 0) {
        return rc;
    }
    if (!kv_from_vals(&k, &v, ret)) {
        return MDB_CORRUPTED;
    }
    ret->key = key;
    return 0;
}

static int kv_put(struct meta_local *local,
                  MDB_txn *txn,
                  const struct meta_write *write,
                  int64_t created_rev,
                  int64_t rev)
{
    MDB_val k = val_of(write->key);
    MDB_val v = {LOCAL_VALUE_HEAD + write->value.size, NULL};
    int rc = mdb_put(txn, local->kv, &k, &v, MDB_RESERVE);
    if (rc != 0) {
        return rc;
    }
    uint8_t *data = v.mv_data;
    store_u64(data, (uint64_t)created_rev);
    store_u64(data + 8, (uint64_t)rev);
    store_u64(data + 16, write->session);
    if (write->value.size > 0) {
        memcpy(data + LOCAL_VALUE_HEAD, write->value.data, write->value.size);
    }
    return 0;
}

static int rev_put(struct meta_local *local, MDB_txn *txn, int64_t rev)
{
    uint8_t bytes[8];
    store_u64(bytes, (uint64_t)rev);
    MDB_val k = val_of(lt_slice_text("rev"));
    MDB_val v = val_of(lt_slice(bytes, sizeof(bytes)));
    return mdb_put(txn, local->state, &k, &v, 0);
}

/* ---- open ---- */

static int error_of_lmdb(int rc)
{
    switch (rc) {
    case MDB_CORRUPTED:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_PAGE_NOTFOUND:
    case MDB_INCOMPATIBLE:
        return LEAT_ECORRUPT;
    case MDB_MAP_FULL:
        return LEAT_ENOSPACE;
    default:
        return rc > 0 ? lt_err_from_errno(rc) : LEAT_EIO;
    }
}

/* Read "rev" and "id", or make them in a new store. */
static int load_state(struct meta_local *local, MDB_txn *txn)
{
    MDB_val k = val_of(lt_slice_text("rev"));
    MDB_val v;
    int rc = mdb_get(txn, local->state, &k, &v);
    if (rc == 0) {
        if (v.mv_size != 8) {
            return MDB_CORRUPTED;
        }
        local->rev = (int64_t)load_u64(v.mv_data);
        k = val_of(lt_slice_text("id"));
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
    k = val_of(lt_slice_text("id"));
    v = val_of(lt_slice(local->store_id, 32));
    rc = mdb_put(txn, local->state, &k, &v, 0);
    if (rc == 0) {
        k = val_of(lt_slice_text("format"));
        v = val_of(lt_slice_text("1"));
        rc = mdb_put(txn, local->state, &k, &v, 0);
    }
    return rc != 0 ? rc : rev_put(local, txn, 0);
}

/* Delete the keys of one session (0: of every session). *ret_deleted counts them; their names go to `arena` when asked. */
static int delete_session_keys(struct meta_local *local,
                               MDB_txn *txn,
                               uint64_t session,
                               struct lt_arena *arena,
                               struct lt_slice **ret_keys,
                               size_t *ret_deleted)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, local->kv, &cursor);
    if (rc != 0) {
        return rc;
    }
    MDB_val k;
    MDB_val v;
    size_t count = 0;
    size_t capacity = 0;
    struct lt_slice *keys = NULL;
    for (rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST); rc == 0;
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        struct meta_kv kv;
        if (!kv_from_vals(&k, &v, &kv)) {
            rc = MDB_CORRUPTED;
            break;
        }
        if (kv.session == 0 || (session != 0 && kv.session != session)) {
            continue;
        }
        if (count == capacity) {
            capacity = capacity == 0 ? 16 : capacity * 2;
            struct lt_slice *more = lt_arena_calloc(arena, capacity, sizeof(*more));
            if (more == NULL) {
                rc = ENOMEM;
                break;
            }
            if (count > 0) {
                memcpy(more, keys, count * sizeof(*keys));
            }
            keys = more;
        }
        const void *name = lt_arena_memdup(arena, k.mv_data, k.mv_size);
        if (name == NULL) {
            rc = ENOMEM;
            break;
        }
        keys[count++] = lt_slice(name, k.mv_size);
        rc = mdb_cursor_del(cursor, 0);
        if (rc != 0) {
            break;
        }
    }
    mdb_cursor_close(cursor);
    *ret_keys = keys;
    *ret_deleted = count;
    return rc == MDB_NOTFOUND ? 0 : rc;
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
        rc = delete_session_keys(local, txn, 0, &arena, &keys, &deleted);
    }
    if (rc == 0 && deleted > 0) {
        local->rev++;
        rc = rev_put(local, txn, local->rev);
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
        err = lt_error_set(reterr, error_of_lmdb(rc), "%s: metadata store: %s", path,
                           mdb_strerror(rc));
        goto fail_env;
    }
    (void)pthread_mutex_init(&local->mutex, NULL); /* default attributes: cannot fail */
    (void)pthread_cond_init(&local->wake, NULL);
    rc = pthread_create(&local->thread, NULL, metadata_main, local);
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

static void job_free(struct job *job)
{
    lt_arena_release(&job->arena);
    lt_free(job);
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
        job_free(job);
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
        job_free(job);
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
        job_free(job);
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

/* Under the mutex. */
static struct session *session_find(struct meta_local *local, uint64_t number)
{
    struct session *session;
    LIST_FOREACH(session, &local->sessions, link)
    {
        if (session->number == number) {
            return session;
        }
    }
    return NULL;
}

static bool session_alive(struct meta_local *local, uint64_t number)
{
    (void)pthread_mutex_lock(&local->mutex);
    bool alive = session_find(local, number) != NULL;
    (void)pthread_mutex_unlock(&local->mutex);
    return alive;
}

static int64_t local_session_age_ms(struct meta_store *store, uint64_t session)
{
    return session_alive(local_of(store), session) ? 0 : -1;
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
        job_free(job);
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

/* ---- the metadata thread ---- */

static bool has_prefix(struct lt_slice key, struct lt_slice prefix)
{
    return key.size >= prefix.size &&
           (prefix.size == 0 || memcmp(key.data, prefix.data, prefix.size) == 0);
}

/* Tell every feed of one revision. `puts` and `deletes` are filtered into scratch memory of the same size. */
static void feeds_change(struct meta_local *local,
                         int64_t rev,
                         const struct meta_kv *puts,
                         size_t put_count,
                         const struct lt_slice *deletes,
                         size_t delete_count,
                         struct lt_arena *arena)
{
    struct feed *feed;
    LIST_FOREACH(feed, &local->feeds, link)
    {
        struct meta_kv *some_puts = lt_arena_calloc(arena, put_count + 1, sizeof(*some_puts));
        struct lt_slice *some_deletes =
            lt_arena_calloc(arena, delete_count + 1, sizeof(*some_deletes));
        /* A feed must not skip a revision: without memory for the lists there is no honest way to go on. */
        LT_ASSERT(some_puts != NULL && some_deletes != NULL);
        size_t some_put_count = 0;
        size_t some_delete_count = 0;
        for (size_t i = 0; i < put_count; i++) {
            if (has_prefix(puts[i].key, feed->prefix)) {
                some_puts[some_put_count++] = puts[i];
            }
        }
        for (size_t i = 0; i < delete_count; i++) {
            if (has_prefix(deletes[i], feed->prefix)) {
                some_deletes[some_delete_count++] = deletes[i];
            }
        }
        feed->ops->change(rev, some_puts, some_put_count, some_deletes, some_delete_count,
                          feed->arg);
    }
}

static void rev_set(struct meta_local *local, int64_t rev)
{
    (void)pthread_mutex_lock(&local->mutex);
    local->rev = rev;
    (void)pthread_mutex_unlock(&local->mutex);
}

static bool compare_holds(const struct meta_compare *compare, const struct meta_kv *kv)
{
    switch (compare->kind) {
    case META_CREATED_AT:
        return kv->created_rev == compare->rev;
    case META_MODIFIED_AT:
        return kv->modified_rev == compare->rev;
    case META_VALUE_IS:
        return kv->created_rev != 0 && lt_slice_equal(kv->value, compare->value);
    }
    return false;
}

/* Fill current[] for the compared keys; *ret_holds = all compares are true. */
static int check_compares(struct meta_local *local,
                          MDB_txn *txn,
                          const struct meta_txn *want,
                          struct meta_kv *current,
                          bool *ret_holds)
{
    *ret_holds = true;
    for (size_t i = 0; i < want->compare_count; i++) {
        int rc = kv_get(local, txn, want->compares[i].key, &current[i]);
        if (rc != 0) {
            return rc;
        }
        if (!compare_holds(&want->compares[i], &current[i])) {
            *ret_holds = false;
        }
    }
    return 0;
}

struct applied {
    struct meta_kv *puts;
    size_t put_count;
    struct lt_slice *deletes;
    size_t delete_count;
};

/* Write everything at revision `rev`, noting what feeds must hear. */
static int apply_writes(struct meta_local *local,
                        MDB_txn *txn,
                        const struct meta_txn *want,
                        int64_t rev,
                        struct applied *applied)
{
    for (size_t i = 0; i < want->write_count; i++) {
        const struct meta_write *write = &want->writes[i];
        struct meta_kv old;
        int rc = kv_get(local, txn, write->key, &old);
        if (rc != 0) {
            return rc;
        }
        if (write->kind == META_DELETE) {
            if (old.created_rev == 0) {
                continue;
            }
            MDB_val k = val_of(write->key);
            rc = mdb_del(txn, local->kv, &k, NULL);
            applied->deletes[applied->delete_count++] = write->key;
        } else {
            int64_t created_rev = old.created_rev != 0 ? old.created_rev : rev;
            rc = kv_put(local, txn, write, created_rev, rev);
            applied->puts[applied->put_count++] =
                (struct meta_kv){write->key, write->value, created_rev, rev, write->session};
        }
        if (rc != 0) {
            return rc;
        }
    }
    return rev_put(local, txn, rev);
}

static bool sessions_alive(struct meta_local *local, const struct meta_txn *txn)
{
    for (size_t i = 0; i < txn->write_count; i++) {
        if (txn->writes[i].session != 0 && !session_alive(local, txn->writes[i].session)) {
            return false;
        }
    }
    return true;
}

static void
answer_current(struct job *job, int err, int64_t rev, const struct meta_kv *current, size_t count)
{
    if (job->cb != NULL) {
        job->cb(err, rev, current, count, job->arg);
    }
}

static void run_commit(struct meta_local *local, struct job *job)
{
    const struct meta_txn *want = &job->txn;
    struct meta_kv *current =
        lt_arena_calloc(&job->arena, want->compare_count + 1, sizeof(*current));
    struct applied applied = {
        .puts = lt_arena_calloc(&job->arena, want->write_count + 1, sizeof(*applied.puts)),
        .deletes = lt_arena_calloc(&job->arena, want->write_count + 1, sizeof(*applied.deletes)),
    };
    MDB_txn *txn;
    if (local->failed || current == NULL || applied.puts == NULL || applied.deletes == NULL ||
        lt_clock_mono_ms(local->clock) > job->expires_ms ||
        mdb_txn_begin(local->env, NULL, 0, &txn) != 0) {
        answer_current(job, LEAT_EUNAVAIL, local->rev, NULL, 0);
        return;
    }
    bool holds = false;
    int rc = check_compares(local, txn, want, current, &holds);
    if (rc == 0 && !holds) {
        answer_current(job, LEAT_ECONFLICT, local->rev, current, want->compare_count);
        mdb_txn_abort(txn);
        return;
    }
    if (rc == 0 && !sessions_alive(local, want)) {
        mdb_txn_abort(txn);
        answer_current(job, LEAT_ESESSION, local->rev, NULL, 0);
        return;
    }
    int64_t rev = local->rev + 1;
    if (rc == 0) {
        rc = apply_writes(local, txn, want, rev, &applied);
    }
    if (rc != 0) {
        mdb_txn_abort(txn);
        answer_current(job, LEAT_EUNAVAIL, local->rev, NULL, 0);
        return;
    }
    if (mdb_txn_commit(txn) != 0) {
        local->failed = true;
        answer_current(job, LEAT_EUNKNOWN, local->rev, NULL, 0);
        return;
    }
    rev_set(local, rev);
    feeds_change(local, rev, applied.puts, applied.put_count, applied.deletes, applied.delete_count,
                 &job->arena);
    answer_current(job, 0, rev, NULL, 0);
}

static void run_read(struct meta_local *local, struct job *job)
{
    struct meta_kv *current = lt_arena_calloc(&job->arena, job->key_count + 1, sizeof(*current));
    MDB_txn *txn;
    if (current == NULL || lt_clock_mono_ms(local->clock) > job->expires_ms ||
        mdb_txn_begin(local->env, NULL, MDB_RDONLY, &txn) != 0) {
        answer_current(job, LEAT_EUNAVAIL, local->rev, NULL, 0);
        return;
    }
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < job->key_count; i++) {
        rc = kv_get(local, txn, job->keys[i], &current[i]);
    }
    if (rc == 0) {
        answer_current(job, 0, local->rev, current, job->key_count);
    } else {
        answer_current(job, LEAT_EUNAVAIL, local->rev, NULL, 0);
    }
    mdb_txn_abort(txn);
}

static void run_session_open(struct meta_local *local, struct job *job)
{
    struct session *session = lt_calloc(1, sizeof(*session));
    MDB_txn *txn;
    if (session == NULL || local->failed || mdb_txn_begin(local->env, NULL, 0, &txn) != 0) {
        lt_free(session);
        job->opened(LEAT_EUNAVAIL, 0, job->arg);
        return;
    }
    /* The number is a revision of its own, so that no session of any run shares it. */
    int64_t rev = local->rev + 1;
    int rc = rev_put(local, txn, rev);
    if (rc != 0) {
        mdb_txn_abort(txn);
    } else {
        rc = mdb_txn_commit(txn);
        local->failed = rc != 0;
    }
    if (rc != 0) {
        lt_free(session);
        job->opened(LEAT_EUNAVAIL, 0, job->arg);
        return;
    }
    session->number = (uint64_t)rev;
    (void)pthread_mutex_lock(&local->mutex);
    local->rev = rev;
    LIST_INSERT_HEAD(&local->sessions, session, link);
    (void)pthread_mutex_unlock(&local->mutex);
    feeds_change(local, rev, NULL, 0, NULL, 0, &job->arena);
    job->opened(0, session->number, job->arg);
}

static void run_session_close(struct meta_local *local, struct job *job)
{
    (void)pthread_mutex_lock(&local->mutex);
    struct session *session = session_find(local, job->session);
    if (session != NULL) {
        LIST_REMOVE(session, link);
    }
    (void)pthread_mutex_unlock(&local->mutex);
    lt_free(session);
    MDB_txn *txn;
    if (session == NULL || local->failed || mdb_txn_begin(local->env, NULL, 0, &txn) != 0) {
        return; /* what it leaves goes at the next open */
    }
    struct lt_slice *keys = NULL;
    size_t deleted = 0;
    int64_t rev = local->rev + 1;
    int rc = delete_session_keys(local, txn, job->session, &job->arena, &keys, &deleted);
    if (rc == 0 && deleted > 0) {
        rc = rev_put(local, txn, rev);
    }
    if (rc != 0 || deleted == 0) {
        mdb_txn_abort(txn);
        return;
    }
    if (mdb_txn_commit(txn) != 0) {
        local->failed = true;
        return;
    }
    rev_set(local, rev);
    feeds_change(local, rev, NULL, 0, keys, deleted, &job->arena);
}

/* Position the cursor at the first key that is not before the prefix. */
static int cursor_first(MDB_cursor *cursor, struct lt_slice prefix, MDB_val *k, MDB_val *v)
{
    if (prefix.size == 0) {
        return mdb_cursor_get(cursor, k, v, MDB_FIRST);
    }
    *k = val_of(prefix);
    return mdb_cursor_get(cursor, k, v, MDB_SET_RANGE);
}

static int send_snapshot(struct meta_local *local, MDB_txn *txn, const struct feed *feed)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, local->kv, &cursor);
    if (rc != 0) {
        return rc;
    }
    MDB_val k;
    MDB_val v;
    for (rc = cursor_first(cursor, feed->prefix, &k, &v); rc == 0;
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        struct meta_kv kv;
        if (!kv_from_vals(&k, &v, &kv)) {
            rc = MDB_CORRUPTED;
            break;
        }
        if (!has_prefix(kv.key, feed->prefix)) {
            break;
        }
        feed->ops->entry(&kv, feed->arg);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static void run_feed(struct meta_local *local, struct job *job)
{
    struct feed *feed = lt_calloc(1, sizeof(*feed));
    void *prefix = lt_memdup(job->prefix.data == NULL ? (const uint8_t *)"" : job->prefix.data,
                             job->prefix.size);
    MDB_txn *txn;
    if (feed == NULL || prefix == NULL || mdb_txn_begin(local->env, NULL, MDB_RDONLY, &txn) != 0) {
        lt_free(feed);
        lt_free(prefix);
        if (job->feed_ops->down != NULL) {
            job->feed_ops->down(LEAT_EUNAVAIL, job->arg);
        }
        return;
    }
    *feed = (struct feed){
        .ops = job->feed_ops, .arg = job->arg, .prefix = lt_slice(prefix, job->prefix.size)};
    feed->ops->reset(local->rev, META_FEED_START, feed->arg);
    int rc = send_snapshot(local, txn, feed);
    mdb_txn_abort(txn);
    if (rc != 0) {
        if (feed->ops->down != NULL) {
            feed->ops->down(error_of_lmdb(rc), feed->arg);
        }
        lt_free(prefix);
        lt_free(feed);
        return;
    }
    LIST_INSERT_HEAD(&local->feeds, feed, link);
    feed->ops->ready(local->rev, feed->arg);
}

static void run_job(struct meta_local *local, struct job *job)
{
    switch (job->kind) {
    case JOB_COMMIT:
        run_commit(local, job);
        break;
    case JOB_READ:
        run_read(local, job);
        break;
    case JOB_SESSION_OPEN:
        run_session_open(local, job);
        break;
    case JOB_SESSION_CLOSE:
        run_session_close(local, job);
        break;
    case JOB_FEED:
        run_feed(local, job);
        break;
    }
    job_free(job);
}

static void *metadata_main(void *arg)
{
    struct meta_local *local = arg;
    for (;;) {
        (void)pthread_mutex_lock(&local->mutex);
        while (STAILQ_EMPTY(&local->jobs) && !local->closing) {
            (void)pthread_cond_wait(&local->wake, &local->mutex);
        }
        struct job *job = STAILQ_FIRST(&local->jobs);
        if (job != NULL) {
            STAILQ_REMOVE_HEAD(&local->jobs, next);
        }
        (void)pthread_mutex_unlock(&local->mutex);
        if (job == NULL) {
            return NULL;
        }
        run_job(local, job);
    }
}

static void local_close(struct meta_store *store)
{
    struct meta_local *local = local_of(store);
    (void)pthread_mutex_lock(&local->mutex);
    struct session *session;
    LIST_FOREACH(session, &local->sessions, link)
    {
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
