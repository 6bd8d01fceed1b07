/* meta_local.h: the embedded driver of the metadata seam, on LMDB.
 *
 * One environment in its own directory (data.mdb, lock.mdb), synchronous commits: what a commit callback reported is on
 * disk. One write transaction per commit, with the revision counter in it. Everything runs on one thread of its own.
 *
 * Database "kv":     key -> created_rev i64, modified_rev i64, session u64 (all big-endian), value bytes
 * Database "state":  "rev" -> i64 big-endian; "id" -> 32 hexadecimal digits; "format" -> "1"
 *
 * Sessions never expire: they end when closed, when the store closes, or at the next open, which deletes the session
 * keys of earlier runs in one transaction.
 *
 * A failed commit is final until the store is opened again: that transaction is LEAT_EUNKNOWN, all later ones
 * LEAT_EUNAVAIL; reads go on.
 * Threads: as meta_store.h. One process: the data directory's lock is the caller's business. */
#ifndef META_LOCAL_H
#define META_LOCAL_H

#include "base/clock.h"
#include "server/meta_store.h"

/* Open or make the store in directory `path` (made if missing). LEAT_ECORRUPT: not a store of ours, or damaged;
 * LEAT_EREADONLY, LEAT_EIO, LEAT_ENOMEM. Close with meta_store_close. Blocks for the disk. */
int meta_local_open(const char *path,
                    const struct lt_clock *clock,
                    struct meta_store **ret_store,
                    struct leat_error **reterr);

#endif
