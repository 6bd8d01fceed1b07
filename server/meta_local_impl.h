/* meta_local_impl.h: what the two halves of the embedded driver share: meta_local.c (open, close, calls that queue jobs)
 * and meta_local_run.c (the metadata thread, which runs them).
 *
 * Threads: as struct meta_local says, field by field. */
#ifndef META_LOCAL_IMPL_H
#define META_LOCAL_IMPL_H

#include <lmdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/clock.h"
#include "server/meta_store.h"

#define META_LOCAL_VALUE_HEAD 24 /* created_rev, modified_rev, session */

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

/* The metadata thread; `arg` is the struct meta_local. */
void *meta_local_main(void *arg);

void meta_local_job_free(struct job *job);

/* Under the mutex; NULL: no such session. */
struct session *meta_local_session_find(struct meta_local *local, uint64_t number);
bool meta_local_session_alive(struct meta_local *local, uint64_t number); /* takes the mutex */

/* ---- bytes in LMDB; the int functions return 0 or an LMDB error ---- */

MDB_val meta_local_val(struct lt_slice slice); /* LMDB takes void * for what it only reads */
uint64_t meta_local_load_u64(const uint8_t *data);

/* False: the value is shorter than its head, so not one of ours. */
bool meta_local_kv(const MDB_val *key, const MDB_val *value, struct meta_kv *ret);
int meta_local_rev_put(struct meta_local *local, MDB_txn *txn, int64_t rev);

/* Delete the keys of one session (0: of every session), noting their names in the arena. */
int meta_local_delete_keys(struct meta_local *local,
                           MDB_txn *txn,
                           uint64_t session,
                           struct lt_arena *arena,
                           struct lt_slice **ret_keys,
                           size_t *ret_deleted);

/* The LEAT_E code for an LMDB error. */
int meta_local_error(int rc);

#endif
