/* meta_local_run.c: the embedded driver's metadata thread: takes jobs in order, one LMDB transaction each, tells feeds, then
 * the caller. See meta_local.h for what is in the database. */
#include "server/meta_local_impl.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

/* ---- bytes in LMDB ---- */

MDB_val meta_local_val(struct lt_slice slice)
{
    /* LMDB takes void * for what it only reads. */
    return (MDB_val){slice.size, (void *)(uintptr_t)slice.data};
}

uint64_t meta_local_load_u64(const uint8_t *data)
{
    uint64_t number;
    memcpy(&number, data, sizeof(number));
    return be64toh(number);
}

static void meta_local_store_u64(uint8_t *data, uint64_t number)
{
    number = htobe64(number);
    memcpy(data, &number, sizeof(number));
}

/* False: the value is shorter than its head, so not one of ours. */
bool meta_local_kv(const MDB_val *key, const MDB_val *value, struct meta_kv *ret)
{
    if (value->mv_size < META_LOCAL_VALUE_HEAD) {
        return false;
    }
    const uint8_t *data = value->mv_data;
    ret->key = lt_slice(key->mv_data, key->mv_size);
    ret->created_rev = (int64_t)meta_local_load_u64(data);
    ret->modified_rev = (int64_t)meta_local_load_u64(data + 8);
    ret->session = meta_local_load_u64(data + 16);
    ret->value = lt_slice(data + META_LOCAL_VALUE_HEAD, value->mv_size - META_LOCAL_VALUE_HEAD);
    return true;
}

/* The key as of the transaction; absent: created_rev 0. Returns 0 or an LMDB error. */
static int kv_get(struct meta_local *local, MDB_txn *txn, struct lt_slice key, struct meta_kv *ret)
{
    MDB_val k = meta_local_val(key);
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
    if (!meta_local_kv(&k, &v, ret)) {
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
    MDB_val k = meta_local_val(write->key);
    MDB_val v = {META_LOCAL_VALUE_HEAD + write->value.size, NULL};
    int rc = mdb_put(txn, local->kv, &k, &v, MDB_RESERVE);
    if (rc != 0) {
        return rc;
    }
    uint8_t *data = v.mv_data;
    meta_local_store_u64(data, (uint64_t)created_rev);
    meta_local_store_u64(data + 8, (uint64_t)rev);
    meta_local_store_u64(data + 16, write->session);
    if (write->value.size > 0) {
        memcpy(data + META_LOCAL_VALUE_HEAD, write->value.data, write->value.size);
    }
    return 0;
}

int meta_local_rev_put(struct meta_local *local, MDB_txn *txn, int64_t rev)
{
    uint8_t bytes[8];
    meta_local_store_u64(bytes, (uint64_t)rev);
    MDB_val k = meta_local_val(lt_slice_text("rev"));
    MDB_val v = meta_local_val(lt_slice(bytes, sizeof(bytes)));
    return mdb_put(txn, local->state, &k, &v, 0);
}

/* Delete the keys of one session (0: of every session). *ret_deleted counts them; their names go to `arena` when asked. */
int meta_local_delete_keys(struct meta_local *local,
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
        if (!meta_local_kv(&k, &v, &kv)) {
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

int meta_local_error(int rc)
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

/* ---- sessions and jobs ---- */

struct session *meta_local_session_find(struct meta_local *local, uint64_t number)
{
    struct session *session;
    LIST_FOREACH (session, &local->sessions, link) {
        if (session->number == number) {
            return session;
        }
    }
    return NULL;
}

bool meta_local_session_alive(struct meta_local *local, uint64_t number)
{
    (void)pthread_mutex_lock(&local->mutex);
    bool alive = meta_local_session_find(local, number) != NULL;
    (void)pthread_mutex_unlock(&local->mutex);
    return alive;
}

void meta_local_job_free(struct job *job)
{
    lt_arena_release(&job->arena);
    lt_free(job);
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
    LIST_FOREACH (feed, &local->feeds, link) {
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
            MDB_val k = meta_local_val(write->key);
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
    return meta_local_rev_put(local, txn, rev);
}

static bool sessions_alive(struct meta_local *local, const struct meta_txn *txn)
{
    for (size_t i = 0; i < txn->write_count; i++) {
        if (txn->writes[i].session != 0 &&
            !meta_local_session_alive(local, txn->writes[i].session)) {
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
    int rc = meta_local_rev_put(local, txn, rev);
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
    struct session *session = meta_local_session_find(local, job->session);
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
    int rc = meta_local_delete_keys(local, txn, job->session, &job->arena, &keys, &deleted);
    if (rc == 0 && deleted > 0) {
        rc = meta_local_rev_put(local, txn, rev);
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
    *k = meta_local_val(prefix);
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
        if (!meta_local_kv(&k, &v, &kv)) {
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
            feed->ops->down(meta_local_error(rc), feed->arg);
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
    meta_local_job_free(job);
}

void *meta_local_main(void *arg)
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
