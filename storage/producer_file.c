/* producer_file.c: see producer_file.h. */
#include "storage/producer_file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "leat/err.h"
#include "proto/varint.h"

#define VERSION 1
#define CRC_FROM 6
#define PATH_SIZE 4352
#define FILE_SIZE_MAX         \
    (LOG_PRODUCER_FILE_HEAD + \
     LOG_PRODUCERS_MAX *      \
         (size_t)(LOG_PRODUCER_FILE_ENTRY + LOG_PRODUCER_BATCHES * LOG_PRODUCER_FILE_BATCH))

static uint8_t *encode_batch(uint8_t *at, const struct log_producer_batch *batch)
{
    proto_store_i32(at, batch->first_sequence);
    proto_store_i32(at + 4, batch->last_sequence);
    proto_store_u64(at + 8, (uint64_t)batch->first_offset);
    proto_store_u64(at + 16, (uint64_t)batch->last_offset);
    proto_store_u64(at + 24, (uint64_t)batch->timestamp_ms);
    return at + LOG_PRODUCER_FILE_BATCH;
}

static uint8_t *encode_producer(uint8_t *at, const struct log_producer *producer)
{
    proto_store_u64(at, (uint64_t)producer->id);
    proto_store_i16(at + 8, producer->epoch);
    proto_store_u64(at + 10, (uint64_t)producer->last_used_ms);
    proto_store_i32(at + 18, -1);
    proto_store_u64(at + 22, (uint64_t)INT64_C(-1));
    at[30] = (uint8_t)producer->batch_count;
    at += LOG_PRODUCER_FILE_ENTRY;
    for (size_t i = 0; i < producer->batch_count; i++) {
        at = encode_batch(at, &producer->batches[i]);
    }
    return at;
}

int log_producers_encode(const struct log_producers *producers, int64_t offset, struct lt_buf *buf)
{
    size_t begin = buf->size;
    size_t most = LOG_PRODUCER_FILE_HEAD +
                  producers->count * (LOG_PRODUCER_FILE_ENTRY +
                                      LOG_PRODUCER_BATCHES * (size_t)LOG_PRODUCER_FILE_BATCH);
    int err = lt_buf_reserve(buf, most);
    if (err != 0) {
        return err;
    }
    uint8_t *head = buf->data + begin;
    uint8_t *at = head + LOG_PRODUCER_FILE_HEAD;
    int32_t count = 0;
    const struct log_producer *producer;
    TAILQ_FOREACH (producer, &producers->list, link) {
        if (producer->batch_count > 0) {
            at = encode_producer(at, producer);
            count++;
        }
    }
    buf->size = begin + (size_t)(at - head);
    LT_ASSERT(buf->size - begin <= most);
    proto_store_i16(head, VERSION);
    proto_store_u64(head + 6, (uint64_t)offset);
    proto_store_i32(head + 14, count);
    proto_store_u32(head + 2, lt_crc32c(head + CRC_FROM, (size_t)(at - head) - CRC_FROM));
    return 0;
}

/* One producer from `*at` on; LEAT_ECORRUPT where the bytes end too early or make no sense. */
static int decode_producer(struct log_producers *producers, const uint8_t **at, const uint8_t *end)
{
    if ((size_t)(end - *at) < LOG_PRODUCER_FILE_ENTRY) {
        return LT_CORRUPT();
    }
    const uint8_t *entry = *at;
    int64_t id = proto_load_i64(entry);
    size_t count = entry[30];
    const uint8_t *batch = entry + LOG_PRODUCER_FILE_ENTRY;
    if (id < 0 || count < 1 || count > LOG_PRODUCER_BATCHES ||
        (size_t)(end - batch) < count * LOG_PRODUCER_FILE_BATCH ||
        log_producers_find(producers, id) != NULL) {
        return LT_CORRUPT();
    }
    int err = log_producers_reserve(producers, id);
    if (err != 0) {
        return err;
    }
    struct log_producer *producer = log_producers_find(producers, id);
    producer->epoch = proto_load_i16(entry + 8);
    producer->last_used_ms = proto_load_i64(entry + 10);
    producer->batch_count = (uint16_t)count;
    for (size_t i = 0; i < count; i++, batch += LOG_PRODUCER_FILE_BATCH) {
        producer->batches[i] =
            (struct log_producer_batch){.first_sequence = proto_load_i32(batch),
                                        .last_sequence = proto_load_i32(batch + 4),
                                        .first_offset = proto_load_i64(batch + 8),
                                        .last_offset = proto_load_i64(batch + 16),
                                        .timestamp_ms = proto_load_i64(batch + 24)};
    }
    *at = batch;
    return 0;
}

int log_producers_decode(struct log_producers *producers, int64_t offset, struct lt_slice content)
{
    LT_ASSERT(producers->count == 0);
    const uint8_t *data = content.data;
    if (content.size < LOG_PRODUCER_FILE_HEAD || proto_load_i16(data) != VERSION ||
        lt_crc32c(data + CRC_FROM, content.size - CRC_FROM) != proto_load_u32(data + 2) ||
        proto_load_i64(data + 6) != offset) {
        return LT_CORRUPT();
    }
    const uint8_t *at = data + LOG_PRODUCER_FILE_HEAD;
    const uint8_t *end = data + content.size;
    int err = 0;
    for (uint32_t i = proto_load_u32(data + 14); err == 0 && i > 0; i--) {
        err = decode_producer(producers, &at, end);
    }
    if (err == 0 && at != end) {
        err = LT_CORRUPT();
    }
    if (err != 0) {
        log_producers_release(producers);
    }
    return err;
}

void log_producers_path(const char *dir, int64_t offset, char *ret_path, size_t size)
{
    int written = snprintf(ret_path, size, "%s/%020" PRId64 ".producers", dir, offset);
    LT_ASSERT(written > 0 && (size_t)written < size);
}

int log_producers_write(const struct lt_file_ops *ops,
                        const char *dir,
                        int64_t offset,
                        struct lt_slice content)
{
    char path[PATH_SIZE];
    int fd;
    log_producers_path(dir, offset, path, sizeof(path));
    int err = ops->open(ops, path, O_WRONLY | O_CREAT | O_TRUNC, 0644, &fd);
    if (err != 0) {
        return err;
    }
    err = ops->pwrite(ops, fd, content.data, content.size, 0);
    int closed = ops->close(ops, fd);
    err = err == 0 ? closed : err;
    if (err != 0) {
        (void)ops->unlink(ops, path); /* a part of a file is no file: its CRC tells */
    }
    return err;
}

int log_producers_read(const struct lt_file_ops *ops,
                       const char *dir,
                       int64_t offset,
                       struct log_producers *producers)
{
    char path[PATH_SIZE];
    struct lt_buf buf;
    lt_buf_init(&buf);
    log_producers_path(dir, offset, path, sizeof(path));
    int err = lt_file_read(ops, path, FILE_SIZE_MAX, &buf);
    if (err == 0) {
        err = log_producers_decode(producers, offset, lt_buf_slice(&buf));
    }
    lt_buf_release(&buf);
    return err;
}
