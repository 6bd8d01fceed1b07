/* bytes.c: see bytes.h. */
#include "client/bytes.h"

#include "base/alloc.h"

struct lc_bytes *lc_bytes_new(size_t capacity)
{
    struct lc_bytes *bytes = lt_calloc(1, sizeof(*bytes));

    if (bytes == NULL) {
        return NULL;
    }
    atomic_init(&bytes->refs, 1);
    /* Exact, not doubled: the size of a frame is known. */
    bytes->buf.data = lt_malloc(capacity == 0 ? 1 : capacity);
    if (bytes->buf.data == NULL) {
        lt_free(bytes);
        return NULL;
    }
    bytes->buf.capacity = capacity;
    return bytes;
}

struct lc_bytes *lc_bytes_ref(struct lc_bytes *bytes)
{
    (void)atomic_fetch_add_explicit(&bytes->refs, 1, memory_order_relaxed);
    return bytes;
}

void lc_bytes_unref(struct lc_bytes *bytes)
{
    if (bytes != NULL && atomic_fetch_sub_explicit(&bytes->refs, 1, memory_order_acq_rel) == 1) {
        lt_buf_release(&bytes->buf);
        lt_free(bytes);
    }
}
