#include "storage/tools/batch_walk.h"

#define CHUNK_SIZE ((size_t)256 << 10)

static int count_zeros(struct log_walk *walk, uint64_t position, uint64_t *ret_size);
static int
look(struct log_walk *walk, uint64_t position, struct log_walk_item *ret, const char **ret_why);
static int
find_batch(struct log_walk *walk, uint64_t from, uint64_t *ret_end, uint64_t *ret_nonzero_end);

void log_walk_init(struct log_walk *walk, struct log_view *view)
{
    walk->view = view;
    walk->position = 0;
}

int log_walk_next(struct log_walk *walk, struct log_walk_item *ret)
{
    struct log_walk_item item = {.position = walk->position};
    uint64_t left = walk->view->size - walk->position;
    if (left == 0) {
        *ret = item;
        return 0;
    }
    uint64_t zeros = 0;
    int err = count_zeros(walk, item.position, &zeros);
    if (err != 0) {
        return err;
    }
    if (zeros == left) {
        item.kind = LOG_WALK_ZEROS;
        item.size = left;
        goto out;
    }
    err = look(walk, item.position, &item, &item.why);
    if (err != 0) {
        return err;
    }
    if (item.why == NULL) {
        item.kind = LOG_WALK_BATCH;
        goto out;
    }
    uint64_t end = 0;
    uint64_t nonzero_end = 0;
    err = find_batch(walk, item.position + 1, &end, &nonzero_end);
    if (err != 0) {
        return err;
    }
    item.kind = LOG_WALK_DAMAGE;
    /* Without a batch behind it, damage ends where the reserved space begins. */
    item.size = (end == walk->view->size ? nonzero_end : end) - item.position;
out:
    walk->position = item.position + item.size;
    *ret = item;
    return 0;
}

/* How many zeros stand at `position`? Counting stops where it is clear that they do not reach the end. */
static int count_zeros(struct log_walk *walk, uint64_t position, uint64_t *ret_size)
{
    uint64_t end = walk->view->size;
    uint64_t at = position;
    while (at < end) {
        size_t size = end - at < CHUNK_SIZE ? (size_t)(end - at) : CHUNK_SIZE;
        const uint8_t *data = NULL;
        /* A sound batch is not zero in its first 17 bytes: look at few bytes before looking at many. */
        if (at == position && size > PROTO_BATCH_CRC_AT) {
            size = PROTO_BATCH_CRC_AT;
        }
        int err = log_view_get(walk->view, at, size, &data);
        if (err != 0) {
            return err;
        }
        for (size_t i = 0; i < size; i++) {
            if (data[i] != 0) {
                *ret_size = at + i - position;
                return 0;
            }
        }
        at += size;
    }
    *ret_size = end - position;
    return 0;
}

/* Is there a batch? *ret_why says why not. */
static int
look(struct log_walk *walk, uint64_t position, struct log_walk_item *ret, const char **ret_why)
{
    uint64_t left = walk->view->size - position;
    const uint8_t *data = NULL;
    size_t head = left < PROTO_BATCH_HEADER_SIZE ? (size_t)left : PROTO_BATCH_HEADER_SIZE;
    int err = log_view_get(walk->view, position, head, &data);
    if (err != 0) {
        return err;
    }
    size_t total = 0;
    if (head > PROTO_BATCH_MAGIC_AT && data[PROTO_BATCH_MAGIC_AT] != PROTO_MAGIC_V2) {
        *ret_why = data[PROTO_BATCH_MAGIC_AT] < PROTO_MAGIC_V2
                       ? "message format 0 or 1, or no batch at all"
                       : "the magic byte is not that of a batch";
        return 0;
    }
    if (head < PROTO_BATCH_HEADER_SIZE) {
        *ret_why = "the file ends inside a batch header";
        return 0;
    }
    if (proto_batch_size_read(data, head, &total) != 0) {
        *ret_why = "the batch length is too small";
        return 0;
    }
    if (total > left) {
        *ret_why = "the file ends inside a batch, or the batch length is wrong";
        return 0;
    }
    err = log_view_get(walk->view, position, total, &data);
    if (err != 0) {
        return err;
    }
    (void)proto_batch_header_read(data, total, &ret->header); /* the size was just checked */
    ret->batch = data;
    ret->size = total;
    ret->crc_ok = proto_batch_crc_ok(data, total);
    *ret_why = NULL;
    return 0;
}

/* The first position from `from` on where a whole, sound batch stands, else the end of the file. *ret_nonzero_end is
 * one past the last byte before it that is not zero. */
static int
find_batch(struct log_walk *walk, uint64_t from, uint64_t *ret_end, uint64_t *ret_nonzero_end)
{
    uint64_t nonzero_end = from;
    uint64_t at = from;
    for (; at < walk->view->size; at++) {
        const uint8_t *data = NULL;
        int err = log_view_get(walk->view, at, 1, &data);
        if (err != 0) {
            return err;
        }
        uint64_t left = walk->view->size - at;
        if (left >= PROTO_BATCH_HEADER_SIZE) {
            err = log_view_get(walk->view, at, PROTO_BATCH_HEADER_SIZE, &data);
            if (err != 0) {
                return err;
            }
        }
        bool nonzero = data[0] != 0;
        if (left >= PROTO_BATCH_HEADER_SIZE && data[PROTO_BATCH_MAGIC_AT] == PROTO_MAGIC_V2) {
            struct log_walk_item item = {0};
            const char *why = NULL;
            err = look(walk, at, &item, &why);
            if (err != 0) {
                return err;
            }
            if (why == NULL && item.crc_ok) {
                break;
            }
        }
        if (nonzero) {
            nonzero_end = at + 1;
        }
    }
    *ret_end = at;
    *ret_nonzero_end = nonzero_end;
    return 0;
}
