/* buf.c: the growing buffer. Capacity doubles, so n appends cost O(n) copies. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "leat/err.h"

#define BUF_CAPACITY_MIN 64U

void lt_buf_init(struct lt_buf *buf)
{
    *buf = (struct lt_buf){NULL, 0, 0};
}

void lt_buf_release(struct lt_buf *buf)
{
    lt_free(buf->data);
    lt_buf_init(buf);
}

int lt_buf_reserve(struct lt_buf *buf, size_t more)
{
    LT_ASSERT(buf->size <= buf->capacity);
    if (more <= buf->capacity - buf->size) {
        return 0;
    }
    size_t need;
    if (__builtin_add_overflow(buf->size, more, &need)) {
        return LEAT_ENOMEM;
    }
    size_t capacity = buf->capacity < BUF_CAPACITY_MIN ? BUF_CAPACITY_MIN : buf->capacity;
    while (capacity < need) {
        if (__builtin_mul_overflow(capacity, (size_t)2, &capacity)) {
            capacity = need;
        }
    }
    uint8_t *data = lt_realloc(buf->data, capacity);
    if (data == NULL) {
        return LEAT_ENOMEM;
    }
    buf->data = data;
    buf->capacity = capacity;
    return 0;
}

int lt_buf_append(struct lt_buf *buf, const void *data, size_t size)
{
    int err = lt_buf_reserve(buf, size);
    if (err < 0) {
        return err;
    }
    if (size > 0) {
        memcpy(buf->data + buf->size, data, size);
        buf->size += size;
    }
    return 0;
}

int lt_buf_append_text(struct lt_buf *buf, const char *text)
{
    return lt_buf_append(buf, text, strlen(text));
}

int lt_buf_printf(struct lt_buf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int size = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (size < 0) {
        return LEAT_EINVAL;
    }
    int err = lt_buf_reserve(buf, (size_t)size + 1); /* vsnprintf writes a NUL too */
    if (err < 0) {
        return err;
    }
    va_start(args, fmt);
    (void)vsnprintf((char *)buf->data + buf->size, (size_t)size + 1, fmt, args);
    va_end(args);
    buf->size += (size_t)size;
    return 0;
}

void lt_buf_consume(struct lt_buf *buf, size_t size)
{
    LT_ASSERT(size <= buf->size);
    buf->size -= size;
    if (buf->size > 0 && size > 0) {
        memmove(buf->data, buf->data + size, buf->size);
    }
}

const char *lt_buf_text(struct lt_buf *buf)
{
    if (lt_buf_reserve(buf, 1) < 0) {
        return NULL;
    }
    buf->data[buf->size] = '\0';
    return (const char *)buf->data;
}
