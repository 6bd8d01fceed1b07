#include "storage/scan.h"

#include "base/assert.h"
#include "base/error.h"

#define WINDOW_SIZE ((size_t)256 << 10)
#define WINDOW_KEEP ((size_t)1 << 20)

static int fill(struct log_scan *scan, size_t need);

void log_scan_init(struct log_scan *scan,
                   const struct lt_file_ops *ops,
                   int fd,
                   uint64_t file_size,
                   uint64_t position)
{
    scan->ops = ops;
    scan->fd = fd;
    scan->file_size = file_size;
    scan->position = position;
    lt_buf_init(&scan->window);
    scan->window_at = position;
}

void log_scan_release(struct log_scan *scan)
{
    lt_buf_release(&scan->window);
}

int log_scan_next(struct log_scan *scan, struct log_batch_at *ret, const uint8_t **ret_bytes)
{
    uint64_t left = scan->file_size - scan->position;
    if (left == 0) {
        return 0;
    }
    if (left < PROTO_BATCH_HEADER_SIZE) {
        return LT_CORRUPT();
    }
    int err = fill(scan, PROTO_BATCH_HEADER_SIZE);
    if (err != 0) {
        return err;
    }
    const uint8_t *bytes = scan->window.data + (scan->position - scan->window_at);
    size_t size;
    if (proto_batch_size_read(bytes, PROTO_BATCH_HEADER_SIZE, &size) != 0 || size > left ||
        bytes[PROTO_BATCH_MAGIC_AT] != PROTO_MAGIC_V2) {
        return LT_CORRUPT();
    }
    err = fill(scan, size);
    if (err != 0) {
        return err;
    }
    bytes = scan->window.data + (scan->position - scan->window_at);
    if (proto_batch_read(bytes, size, &ret->header) != 0 || ret->header.last_offset_delta < 0 ||
        ret->header.base_offset < 0 || ret->header.base_offset > INT64_MAX - INT32_MAX - 1) {
        return LT_CORRUPT();
    }
    ret->position = scan->position;
    ret->size = size;
    ret->last_offset = proto_batch_header_last_offset(&ret->header);
    if (ret_bytes != NULL) {
        *ret_bytes = bytes;
    }
    scan->position += size;
    return 1;
}

/* Have `need` bytes from position on in the window. */
static int fill(struct log_scan *scan, size_t need)
{
    uint64_t have_to = scan->window_at + scan->window.size;
    if (scan->position >= scan->window_at && have_to >= scan->position + need) {
        return 0;
    }
    size_t want = need > WINDOW_SIZE ? need : WINDOW_SIZE;
    uint64_t left = scan->file_size - scan->position;
    want = want > left ? (size_t)left : want;
    scan->window.size = 0;
    if (scan->window.capacity > WINDOW_KEEP && want <= WINDOW_KEEP) {
        lt_buf_release(&scan->window); /* one huge batch must not hold its memory for the rest */
    }
    int err = lt_buf_reserve(&scan->window, want);
    if (err != 0) {
        return err;
    }
    size_t got = 0;
    err = scan->ops->pread(scan->ops, scan->fd, scan->window.data, want, scan->position, &got);
    if (err != 0 || got < need) {
        return LEAT_EIO;
    }
    scan->window.size = got;
    scan->window_at = scan->position;
    return 0;
}
