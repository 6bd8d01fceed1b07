/* meta_store.h: the metadata seam: an ordered, transactional key-value store with sessions and one change feed.
 *
 * The line between one machine and a cluster. Nothing above it may know which driver is below; nothing below it knows
 * what a topic is. Not a database: total size < 1 GB, values < 256 KiB, hundreds of writes per second.
 *
 * Drivers: meta_local.h (LMDB, the default), tests/support/meta_fake.h.
 *
 * Every call is asynchronous and completes on the driver's metadata thread; callbacks never run inside the call that
 * started them. If a call returns an error, its callback is never called. Arguments are copied before a call returns.
 * Threads: every function may be called from any thread, also from a callback. */
#ifndef META_STORE_H
#define META_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

#define META_TXN_WRITES_MAX 100
#define META_READ_KEYS_MAX 100
#define META_KEY_SIZE_MAX 500           /* bytes; LMDB takes 511 */
#define META_VALUE_SIZE_MAX (256 << 10) /* bytes */

struct meta_store;

struct meta_kv {
    struct lt_slice key, value; /* borrowed until the callback returns */
    int64_t
        created_rev; /* revision that created the key, 0 = absent; identity of a session key = epoch */
    int64_t modified_rev; /* revision of the last change; the token to compare with */
    uint64_t session;     /* 0 = durable */
};

enum meta_compare_kind { META_CREATED_AT = 1, META_MODIFIED_AT = 2, META_VALUE_IS = 3 };

struct meta_compare {
    enum meta_compare_kind kind;
    struct lt_slice key;
    int64_t rev;           /* CREATED_AT, MODIFIED_AT; 0 = the key is absent */
    struct lt_slice value; /* VALUE_IS */
};

enum meta_write_kind { META_PUT = 1, META_DELETE = 2 };

struct meta_write {
    enum meta_write_kind kind;
    struct lt_slice key, value; /* value: PUT only */
    uint64_t session;           /* PUT: the session the key dies with, 0 = none */
};

struct meta_txn {
    const struct meta_compare *compares;
    size_t compare_count;
    const struct meta_write *writes; /* a key at most once; at most META_TXN_WRITES_MAX */
    size_t write_count;
};

/* Outcome of a transaction.
 *   0              applied atomically at rev
 *   LEAT_ECONFLICT a compare was false; current[] holds every compared key as of rev (absent keys: created_rev 0)
 *   LEAT_ESESSION  a session named in the writes is dead; nothing applied
 *   LEAT_EUNKNOWN  may or may not have been applied, and may still be applied later: never assume either before a
 *                  later transaction on the same compared key has succeeded (supersede rule)
 *   LEAT_EUNAVAIL  certainly not applied
 * Of a read: 0 and every key asked for in current[], or LEAT_EUNAVAIL. */
typedef void (*meta_txn_cb)(
    int err, int64_t rev, const struct meta_kv *current, size_t count, void *arg);

/* Every transaction must write at least one key whose revision it compares (asserted), so that a lost one can be
 * superseded. LEAT_E2BIG: over a limit, certainly not applied; LEAT_ENOMEM; LEAT_ECLOSED. */
int meta_store_commit(struct meta_store *store,
                      const struct meta_txn *txn,
                      int timeout_ms,
                      meta_txn_cb cb,
                      void *arg);

/* Linearizable read of up to META_READ_KEYS_MAX keys at one revision. Errors as above. */
int meta_store_read(struct meta_store *store,
                    const struct lt_slice *keys,
                    size_t key_count,
                    int timeout_ms,
                    meta_txn_cb cb,
                    void *arg);

/* Sessions: keys that vanish when their owner stops. lost() comes at most once, and never because of mere
 * unreachability. `opened` reports the session's number, never 0. */
int meta_session_open(struct meta_store *store,
                      int ttl_ms,
                      void (*opened)(int err, uint64_t session, void *arg),
                      void (*lost)(uint64_t session, void *arg),
                      void *arg);
int meta_session_close(struct meta_store *store,
                       uint64_t session); /* its keys go now, at one revision */
/* Milliseconds since the last confirmed renewal, monotonic; -1: no such session. */
int64_t meta_session_age_ms(struct meta_store *store, uint64_t session);

enum meta_feed_why { META_FEED_START = 1, META_FEED_COMPACTED = 2, META_FEED_MISMATCH = 3 };

/* The feed: a consistent snapshot, then every later change exactly once, in revision order, whole transactions at a
 * time. Between `ready` and the next `reset` nothing is skipped, repeated, reordered or split. */
struct meta_feed_ops {
    void (*reset)(int64_t snapshot_rev, int why, void *arg); /* a full snapshot follows */
    void (*entry)(const struct meta_kv *kv, void *arg);      /* snapshot contents, in key order */
    void (*ready)(int64_t snapshot_rev, void *arg); /* the snapshot is complete; live from here */
    void (*change)(int64_t rev,
                   const struct meta_kv *puts,
                   size_t put_count,
                   const struct lt_slice *deletes,
                   size_t delete_count,
                   void *arg);
    void (*down)(int err, void *arg); /* liveness of the feed only; may be NULL */
    void (*up)(void *arg);            /* may be NULL */
};

/* Watch the keys that begin with `prefix` (empty: all). A revision that touches none of them arrives as an empty change,
 * so that a reader can wait for its own write. `ops` must outlive the store. */
int meta_feed_start(struct meta_store *store,
                    struct lt_slice prefix,
                    int64_t resume_rev,
                    const struct meta_feed_ops *ops,
                    void *arg);

struct meta_identity {
    char driver[16];
    char store_id[33]; /* 32 hexadecimal digits, made with the store */
    int64_t rev;       /* the newest revision */
};

int meta_store_identity(struct meta_store *store, struct meta_identity *ret_identity);

/* Finish what was asked for (callbacks run), end the sessions, free. NULL is accepted. Not from a callback. Blocks. */
void meta_store_close(struct meta_store *store);

/* ---- for drivers ---- */

struct meta_store_ops {
    int (*commit)(struct meta_store *store,
                  const struct meta_txn *txn,
                  int timeout_ms,
                  meta_txn_cb cb,
                  void *arg);
    int (*read)(struct meta_store *store,
                const struct lt_slice *keys,
                size_t key_count,
                int timeout_ms,
                meta_txn_cb cb,
                void *arg);
    int (*session_open)(struct meta_store *store,
                        int ttl_ms,
                        void (*opened)(int err, uint64_t session, void *arg),
                        void (*lost)(uint64_t session, void *arg),
                        void *arg);
    int (*session_close)(struct meta_store *store, uint64_t session);
    int64_t (*session_age_ms)(struct meta_store *store, uint64_t session);
    int (*feed_start)(struct meta_store *store,
                      struct lt_slice prefix,
                      int64_t resume_rev,
                      const struct meta_feed_ops *ops,
                      void *arg);
    int (*identity)(struct meta_store *store, struct meta_identity *ret_identity);
    void (*close)(struct meta_store *store);
};

struct meta_store {
    const struct meta_store_ops *ops; /* first member of every driver's struct */
};

#endif
