/* buf.h: borrowed bytes (slice) and owned, growing bytes (buf).
 *
 * Threads: one at a time. */
#ifndef LT_BUF_H
#define LT_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes. data == NULL is null (size 0); an empty value has a non-NULL data. */
struct lt_slice {
    const uint8_t *data;
    size_t size;
};

#define LT_SLICE_NULL ((struct lt_slice){NULL, 0})

static inline struct lt_slice lt_slice(const void *data, size_t size)
{
    return (struct lt_slice){(const uint8_t *)data, size};
}

static inline struct lt_slice lt_slice_text(const char *text)
{
    return text == NULL ? LT_SLICE_NULL : lt_slice(text, strlen(text));
}

static inline bool lt_slice_equal(struct lt_slice a, struct lt_slice b)
{
    if (a.data == NULL || b.data == NULL) {
        return a.data == b.data;
    }
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static inline bool lt_slice_is(struct lt_slice a, const char *text)
{
    return lt_slice_equal(a, lt_slice_text(text));
}

/* Owned bytes that grow by doubling. All zero is a valid empty buffer. */
struct lt_buf {
    uint8_t *data;
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
};

void lt_buf_init(struct lt_buf *buf);
void lt_buf_release(struct lt_buf *buf);

/* Room for `more` bytes behind size; LEAT_ENOMEM leaves the buffer as it is. */
int lt_buf_reserve(struct lt_buf *buf, size_t more);
int lt_buf_append(struct lt_buf *buf, const void *data, size_t size);
int lt_buf_append_text(struct lt_buf *buf, const char *text);
int lt_buf_printf(struct lt_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void lt_buf_consume(struct lt_buf *buf, size_t size); /* drop the first `size` bytes */

static inline struct lt_slice lt_buf_slice(const struct lt_buf *buf)
{
    return lt_slice(buf->data, buf->size);
}

/* NUL-terminate (the NUL is not counted) and return the text; NULL when memory is short. */
const char *lt_buf_text(struct lt_buf *buf);

#endif
