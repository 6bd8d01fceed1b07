/* alloc.c: malloc and its family behind one switch that tests can turn off.
 *
 * The fast path of every allocation is one relaxed load of `failing`. */
#include "base/alloc.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Atomic bool failing;    /* a test has armed the counter */
static _Atomic int64_t allowed; /* allocations that still pass while armed */
static _Atomic int64_t armed;   /* what `allowed` began with */
static _Atomic bool failed;     /* one was refused since armed */

static bool refuse(void)
{
    if (!atomic_load_explicit(&failing, memory_order_relaxed)) {
        return false;
    }
    if (atomic_fetch_sub(&allowed, 1) > 0) {
        return false;
    }
    atomic_store(&failed, true);
    return true;
}

/* A size of 0 gives a valid pointer on every C library. */
static size_t at_least_one(size_t size)
{
    return size == 0 ? 1 : size;
}

void *lt_malloc(size_t size)
{
    return refuse() ? NULL : malloc(at_least_one(size));
}

void *lt_calloc(size_t count, size_t size)
{
    return refuse() ? NULL : calloc(at_least_one(count), at_least_one(size));
}

void *lt_realloc(void *ptr, size_t size)
{
    return refuse() ? NULL : realloc(ptr, at_least_one(size));
}

void *lt_reallocarray(void *ptr, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    return lt_realloc(ptr, bytes);
}

void lt_free(void *ptr)
{
    free(ptr);
}

char *lt_strdup(const char *text)
{
    return lt_strndup(text, strlen(text));
}

char *lt_strndup(const char *text, size_t size)
{
    size_t used = strnlen(text, size);
    char *copy = lt_malloc(used + 1);
    if (copy == NULL) {
        return NULL;
    }
    memcpy(copy, text, used);
    copy[used] = '\0';
    return copy;
}

void *lt_memdup(const void *data, size_t size)
{
    void *copy = lt_malloc(size);
    if (copy != NULL && size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

char *lt_asprintf(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int size = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (size < 0) {
        return NULL;
    }
    char *text = lt_malloc((size_t)size + 1);
    if (text == NULL) {
        return NULL;
    }
    va_start(args, fmt);
    (void)vsnprintf(text, (size_t)size + 1, fmt, args); /* measured above with the same arguments */
    va_end(args);
    return text;
}

void lt_alloc_fail_after(int64_t count)
{
    atomic_store(&failed, false);
    atomic_store(&armed, count);
    atomic_store(&allowed, count);
    atomic_store(&failing, true);
}

void lt_alloc_fail_never(void)
{
    atomic_store(&failing, false);
}

int64_t lt_alloc_count(void)
{
    return atomic_load(&armed) - atomic_load(&allowed);
}

bool lt_alloc_failed(void)
{
    return atomic_load(&failed);
}
