/* dump_producers.c: prints a .producers file, leat's state of idempotent producers. The format: docs/formats.md. */
#include <inttypes.h>

#include "base/crc32c.h"
#include "base/error.h"
#include "proto/varint.h"
#include "storage/tools/dump_files.h"
#include "storage/tools/text_out.h"

#define HEAD_SIZE 18
#define ENTRY_SIZE 31
#define BATCH_SIZE 32
#define FILE_SIZE_MAX ((uint64_t)256 << 20)

static void print_batch(const uint8_t *batch, struct log_out *out)
{
    if (out->json) {
        log_out_begin(out, "producer_batch");
        log_out_int(out, "first_sequence", proto_load_i32(batch));
        log_out_int(out, "last_sequence", proto_load_i32(batch + 4));
        log_out_int(out, "first_offset", proto_load_i64(batch + 8));
        log_out_int(out, "last_offset", proto_load_i64(batch + 16));
        log_out_int(out, "timestamp", proto_load_i64(batch + 24));
        log_out_end(out);
        return;
    }
    log_out_print(out,
                  "  firstSequence: %" PRId32 " lastSequence: %" PRId32 " firstOffset: %" PRId64
                  " lastOffset: %" PRId64 " timestamp: %" PRId64 "\n",
                  proto_load_i32(batch), proto_load_i32(batch + 4), proto_load_i64(batch + 8),
                  proto_load_i64(batch + 16), proto_load_i64(batch + 24));
}

static void print_producer(const uint8_t *entry, struct log_out *out)
{
    if (out->json) {
        log_out_begin(out, "producer");
        log_out_int(out, "producer_id", proto_load_i64(entry));
        log_out_int(out, "producer_epoch", proto_load_i16(entry + 8));
        log_out_int(out, "last_used", proto_load_i64(entry + 10));
        log_out_int(out, "coordinator_epoch", proto_load_i32(entry + 18));
        log_out_int(out, "transaction_first_offset", proto_load_i64(entry + 22));
        log_out_int(out, "batches", entry[30]);
        log_out_end(out);
    } else {
        log_out_print(out, "producerId: %" PRId64 " producerEpoch: %d lastUsed: %" PRId64 "\n",
                      proto_load_i64(entry), proto_load_i16(entry + 8), proto_load_i64(entry + 10));
    }
    for (size_t i = 0; i < entry[30]; i++) {
        print_batch(entry + ENTRY_SIZE + i * BATCH_SIZE, out);
    }
}

int log_dump_producers(const struct log_file *file,
                       struct log_view *view,
                       struct log_out *out,
                       struct leat_error **reterr)
{
    const uint8_t *data = NULL;
    if (view->size < HEAD_SIZE || view->size > FILE_SIZE_MAX) {
        return lt_error_set(reterr, LEAT_ECORRUPT, "%s: not the size of a file of producers",
                            file->path);
    }
    int err = log_view_get(view, 0, (size_t)view->size, &data);
    if (err != 0) {
        return lt_error_set(reterr, err, "%s: cannot be read", file->path);
    }
    if (proto_load_i16(data) != 1) {
        return lt_error_set(reterr, LEAT_ECORRUPT,
                            "%s: version %d of a file of producers is not known", file->path,
                            proto_load_i16(data));
    }
    if (lt_crc32c(data + 6, (size_t)view->size - 6) != proto_load_u32(data + 2) ||
        proto_load_i64(data + 6) != file->base_offset) {
        return lt_error_set(reterr, LEAT_ECORRUPT, "%s: the CRC or the offset is wrong",
                            file->path);
    }
    const uint8_t *end = data + view->size;
    const uint8_t *at = data + HEAD_SIZE;
    for (uint32_t left = proto_load_u32(data + 14); left > 0; left--) {
        if (end - at < ENTRY_SIZE ||
            (size_t)(end - at) < ENTRY_SIZE + at[30] * (size_t)BATCH_SIZE) {
            return lt_error_set(reterr, LEAT_ECORRUPT, "%s: the number of entries is wrong",
                                file->path);
        }
        print_producer(at, out);
        at += ENTRY_SIZE + at[30] * (size_t)BATCH_SIZE;
    }
    return at == end
               ? 0
               : lt_error_set(reterr, LEAT_ECORRUPT, "%s: bytes behind the last entry", file->path);
}
