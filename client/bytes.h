/* bytes.h: bytes that several holders share, such as a fetch answer that stays until its last record is gone; and a pool of them.
 *
 * Every holder has one reference. The contents do not change once a second holder exists.
 * A pool keeps large ones that nobody holds any more (16, together 16 MiB), since new memory of the system costs more than receiving into it. It lives until it
 * is closed and the last of its bytes is gone, which may be long after the client.
 * Threads: any; the count is atomic, a pool has a lock of its own, taken last. */
#ifndef LC_BYTES_H
#define LC_BYTES_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "base/buf.h"

struct lc_pool;

struct lc_bytes {
    _Atomic int refs;
    struct lt_buf buf;
    struct lc_pool *pool; /* where it goes in the end; NULL = it is freed */
    SLIST_ENTRY(lc_bytes) link;
};

struct lc_bytes *
lc_bytes_new(size_t capacity); /* empty, one reference; NULL when memory is short */
struct lc_bytes *lc_bytes_ref(struct lc_bytes *bytes);
void lc_bytes_unref(struct lc_bytes *bytes); /* NULL is accepted */

struct lc_pool *lc_pool_new(void);        /* NULL when memory is short */
void lc_pool_close(struct lc_pool *pool); /* NULL is accepted */

/* As lc_bytes_new, with at least this capacity, if possible out of the pool. pool NULL = lc_bytes_new. */
struct lc_bytes *lc_pool_bytes(struct lc_pool *pool, size_t capacity);

#endif
