/* bytes.h: bytes that several holders share, such as a fetch answer that stays until its last record is gone.
 *
 * Every holder has one reference. The contents do not change once a second holder exists.
 * Threads: the count is atomic. */
#ifndef LC_BYTES_H
#define LC_BYTES_H

#include <stdatomic.h>

#include "base/buf.h"

struct lc_bytes {
    _Atomic int refs;
    struct lt_buf buf;
};

struct lc_bytes *
lc_bytes_new(size_t capacity); /* empty, one reference; NULL when memory is short */
struct lc_bytes *lc_bytes_ref(struct lc_bytes *bytes);
void lc_bytes_unref(struct lc_bytes *bytes); /* NULL is accepted */

#endif
