/* bytes.c: see bytes.h. */
#include "client/bytes.h"

#include <pthread.h>

#include "base/alloc.h"

#define POOL_BYTES_MIN ((size_t)16 << 10) /* smaller ones are cheap to make */
#define POOL_SIZE_MAX ((size_t)16 << 20)  /* of what is kept */
#define WASTE_MAX 4                       /* capacity kept for a request, as a multiple of it */

/* With the address sanitizer nothing is kept, so that it sees the use of records whose batch is gone. */
#if defined(__SANITIZE_ADDRESS__)
#define POOL_COUNT_MAX 0
#else
#define POOL_COUNT_MAX 16
#endif

struct lc_pool {
    pthread_mutex_t lock;
    SLIST_HEAD(, lc_bytes) kept; /* last come, first gone: still in the caches */
    size_t kept_count;
    size_t kept_size; /* sum of capacities */
    size_t lent_count;
    bool closed;
};

static void free_bytes(struct lc_bytes *bytes)
{
    lt_buf_release(&bytes->buf);
    lt_free(bytes);
}

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

/* ---- the pool ---- */

struct lc_pool *lc_pool_new(void)
{
    struct lc_pool *pool = lt_calloc(1, sizeof(*pool));

    if (pool != NULL) {
        (void)pthread_mutex_init(&pool->lock, NULL);
        SLIST_INIT(&pool->kept);
    }
    return pool;
}

static void free_pool(struct lc_pool *pool)
{
    (void)pthread_mutex_destroy(&pool->lock);
    lt_free(pool);
}

/* Is it what a request for `capacity` bytes can use without much waste? */
static bool fits(const struct lc_bytes *bytes, size_t capacity)
{
    return bytes->buf.capacity >= capacity &&
           bytes->buf.capacity <= WASTE_MAX * (capacity + POOL_BYTES_MIN);
}

/* Lock held. */
static struct lc_bytes *take_kept(struct lc_pool *pool, size_t capacity)
{
    struct lc_bytes *bytes;

    SLIST_FOREACH (bytes, &pool->kept, link) {
        if (fits(bytes, capacity)) {
            SLIST_REMOVE(&pool->kept, bytes, lc_bytes, link);
            pool->kept_count--;
            pool->kept_size -= bytes->buf.capacity;
            return bytes;
        }
    }
    return NULL;
}

struct lc_bytes *lc_pool_bytes(struct lc_pool *pool, size_t capacity)
{
    struct lc_bytes *bytes = NULL;

    if (pool == NULL || capacity < POOL_BYTES_MIN) {
        return lc_bytes_new(capacity);
    }
    /* Frames differ by a few bytes: what one was received into is to fit the next. */
    capacity = (capacity + POOL_BYTES_MIN - 1) / POOL_BYTES_MIN * POOL_BYTES_MIN;
    (void)pthread_mutex_lock(&pool->lock);
    bytes = take_kept(pool, capacity);
    (void)pthread_mutex_unlock(&pool->lock);
    if (bytes == NULL) {
        bytes = lc_bytes_new(capacity);
    }
    if (bytes != NULL) {
        bytes->pool = pool;
        bytes->buf.size = 0;
        atomic_store_explicit(&bytes->refs, 1, memory_order_relaxed);
        (void)pthread_mutex_lock(&pool->lock);
        pool->lent_count++;
        (void)pthread_mutex_unlock(&pool->lock);
    }
    return bytes;
}

static void give_back(struct lc_pool *pool, struct lc_bytes *bytes)
{
    bool keep;
    bool last;

    (void)pthread_mutex_lock(&pool->lock);
    pool->lent_count--;
    keep = !pool->closed && pool->kept_count < POOL_COUNT_MAX &&
           pool->kept_size + bytes->buf.capacity <= POOL_SIZE_MAX;
    if (keep) {
        SLIST_INSERT_HEAD(&pool->kept, bytes, link);
        pool->kept_count++;
        pool->kept_size += bytes->buf.capacity;
    }
    last = pool->closed && pool->lent_count == 0;
    (void)pthread_mutex_unlock(&pool->lock);
    if (!keep) {
        free_bytes(bytes);
    }
    if (last) {
        free_pool(pool);
    }
}

void lc_pool_close(struct lc_pool *pool)
{
    struct lc_bytes *bytes;
    bool last;

    if (pool == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&pool->lock);
    pool->closed = true;
    while ((bytes = SLIST_FIRST(&pool->kept)) != NULL) {
        SLIST_REMOVE_HEAD(&pool->kept, link);
        free_bytes(bytes);
    }
    last = pool->lent_count == 0;
    (void)pthread_mutex_unlock(&pool->lock);
    if (last) {
        free_pool(pool);
    }
}

void lc_bytes_unref(struct lc_bytes *bytes)
{
    if (bytes == NULL || atomic_fetch_sub_explicit(&bytes->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    if (bytes->pool != NULL) {
        give_back(bytes->pool, bytes);
    } else {
        free_bytes(bytes);
    }
}
