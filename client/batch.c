/* batch.c: fetched bytes -> records. Runs on the polling thread, so that checksums and codecs do not cost the loop's time.
 *
 * Records point into the fetched bytes, or into the decompressed copy of a compressed batch; the leat_batch holds references to both. Batches of
 * aborted transactions and control batches are stepped over; their offsets still count for the position. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "client/consumer_impl.h"

#define HELD_FIRST 8
#define RECORD_SIZE_MIN 7 /* bytes of a record without key, value and headers */

struct leat_batch *lc_leat_batch_new(size_t count_max)
{
    struct leat_batch *batch = lt_calloc(1, sizeof(*batch));

    if (batch == NULL) {
        return NULL;
    }
    atomic_init(&batch->refs, 1);
    lt_arena_init(&batch->arena, 0);
    batch->count_max = count_max;
    return batch;
}

/* Room for `more` records, as far as the batch may have them: at once, since what a batch holds is known. */
static int reserve_records(struct leat_batch *batch, size_t more)
{
    size_t room = batch->count_max - batch->count;
    size_t capacity = batch->count + (more < room ? more : room);
    void *records;

    if (capacity <= batch->capacity) {
        return 0;
    }
    records = lt_reallocarray(batch->records, capacity, sizeof(batch->records[0]));
    if (records == NULL) {
        return LEAT_ENOMEM;
    }
    batch->records = records;
    batch->capacity = capacity;
    return 0;
}

size_t leat_batch_count(const struct leat_batch *batch)
{
    return batch == NULL ? 0 : batch->count;
}

const struct leat_record *leat_batch_at(const struct leat_batch *batch, size_t i)
{
    return i < leat_batch_count(batch) ? &batch->records[i] : NULL;
}

struct leat_batch *leat_batch_ref(struct leat_batch *batch)
{
    if (batch != NULL) {
        (void)atomic_fetch_add_explicit(&batch->refs, 1, memory_order_relaxed);
    }
    return batch;
}

void leat_batch_unref(struct leat_batch *batch)
{
    if (batch == NULL || atomic_fetch_sub_explicit(&batch->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (size_t i = 0; i < batch->held_count; i++) {
        lc_bytes_unref(batch->held[i]);
    }
    lt_free(batch->held);
    lt_free(batch->records);
    lt_arena_release(&batch->arena);
    lt_free(batch);
}

static int hold(struct leat_batch *batch, struct lc_bytes *bytes)
{
    if (batch->held_count > 0 && batch->held[batch->held_count - 1] == bytes) {
        return 0;
    }
    if (batch->held_count == batch->held_capacity) {
        size_t capacity = batch->held_capacity == 0 ? HELD_FIRST : batch->held_capacity * 2;
        void *held = lt_reallocarray(batch->held, capacity, sizeof(batch->held[0]));

        if (held == NULL) {
            return LEAT_ENOMEM;
        }
        batch->held = held;
        batch->held_capacity = capacity;
    }
    batch->held[batch->held_count++] = lc_bytes_ref(bytes);
    return 0;
}

/* ---- transactions ---- */

static bool is_bad(const struct lc_chunk *chunk, int64_t producer_id)
{
    for (size_t i = 0; i < chunk->bad_count; i++) {
        if (chunk->bad_producers[i] == producer_id) {
            return true;
        }
    }
    return false;
}

/* Aborted transactions that begin at or before this batch count from here on. */
static void begin_aborted(struct lc_chunk *chunk, int64_t last_offset)
{
    while (chunk->aborted_next < chunk->aborted_count &&
           chunk->aborted[chunk->aborted_next].first_offset <= last_offset) {
        int64_t id = chunk->aborted[chunk->aborted_next++].producer_id;

        if (!is_bad(chunk, id)) {
            chunk->bad_producers[chunk->bad_count++] = id; /* room for all was made */
        }
    }
}

/* A control batch: an ABORT marker ends the producer's aborted transaction. */
static void take_marker(struct lc_chunk *chunk)
{
    struct proto_record_iter iter;
    struct proto_record record;
    struct lt_buf scratch = {0};
    int32_t epoch;
    int type;

    if (proto_batch_records_open(
            lt_slice(chunk->rest.data, proto_batch_header_total(&chunk->header)), 0, &scratch,
            &iter) == 0 &&
        proto_record_next(&iter, &record) == 1 && proto_control_read(&record, &type, &epoch) == 0 &&
        type == PROTO_CONTROL_ABORT) {
        for (size_t i = 0; i < chunk->bad_count; i++) {
            if (chunk->bad_producers[i] == chunk->header.producer_id) {
                chunk->bad_producers[i] = chunk->bad_producers[--chunk->bad_count];
                break;
            }
        }
    }
    lt_buf_release(&scratch);
}

static bool is_skipped(const struct leat_consumer *c, struct lc_chunk *chunk)
{
    const struct proto_batch_header *header = &chunk->header;

    if (c->committed) {
        begin_aborted(chunk, proto_batch_header_last_offset(header));
    }
    if (proto_batch_header_is(header, PROTO_BATCH_CONTROL)) {
        if (c->committed) {
            take_marker(chunk);
        }
        return !c->control_records;
    }
    return c->committed && proto_batch_header_is(header, PROTO_BATCH_TRANSACTIONAL) &&
           is_bad(chunk, header->producer_id);
}

/* ---- batches ---- */

/* Look at the next batch: whole, sound, wanted? Returns 1 (chunk->open), 0 (nothing left) or an error. */
static int open_next(struct leat_consumer *c, struct lc_chunk *chunk)
{
    size_t size;
    int err = proto_batch_header_read(chunk->rest.data, chunk->rest.size, &chunk->header);

    if (err == LEAT_EAGAIN) {
        return 0; /* the broker cuts the last batch where its limit is */
    }
    if (err < 0 || chunk->header.magic != PROTO_MAGIC_V2 ||
        chunk->header.length < PROTO_BATCH_HEADER_SIZE - PROTO_BATCH_OVERHEAD_SIZE) {
        return LEAT_ECORRUPT;
    }
    size = proto_batch_header_total(&chunk->header);
    if (size > chunk->rest.size) {
        return 0;
    }
    if (c->check_crcs && !proto_batch_crc_ok(chunk->rest.data, size)) {
        return LEAT_ECORRUPT;
    }
    chunk->skip_batch = is_skipped(c, chunk);
    if (!chunk->skip_batch && proto_batch_header_codec(&chunk->header) != PROTO_CODEC_NONE) {
        chunk->unpacked = lc_pool_bytes(c->pool, c->unpacked_size);
        if (chunk->unpacked == NULL) {
            return LEAT_ENOMEM;
        }
    }
    if (!chunk->skip_batch) {
        struct lt_buf none = {0};

        err = proto_batch_records_open(lt_slice(chunk->rest.data, size), 0,
                                       chunk->unpacked == NULL ? &none : &chunk->unpacked->buf,
                                       &chunk->iter);
        lt_buf_release(&none);
        if (err < 0) {
            lc_bytes_unref(chunk->unpacked);
            chunk->unpacked = NULL;
            return err == LEAT_E2BIG ? LEAT_ECORRUPT : err;
        }
        if (chunk->unpacked != NULL) {
            c->unpacked_size = chunk->unpacked->buf.capacity;
        }
    }
    chunk->open = true;
    chunk->info = NULL;
    return 1;
}

static void close_open(struct lc_chunk *chunk)
{
    size_t size = proto_batch_header_total(&chunk->header);

    chunk->rest.data += size;
    chunk->rest.size -= size;
    lc_bytes_unref(chunk->unpacked);
    chunk->unpacked = NULL;
    chunk->info = NULL;
    chunk->open = false;
}

/* What the records of the open batch share, in the leat_batch. */
static int prepare_info(struct leat_batch *batch, struct lc_chunk *chunk)
{
    int err = hold(batch, chunk->unpacked != NULL ? chunk->unpacked : chunk->frame);

    if (err < 0) {
        return err;
    }
    chunk->info = lt_arena_alloc(&batch->arena, sizeof(*chunk->info));
    if (chunk->info == NULL) {
        return LEAT_ENOMEM;
    }
    *chunk->info = (struct lc_batch_info){.header = chunk->header,
                                          .log_start = chunk->log_start,
                                          .last_stable = chunk->last_stable,
                                          .high_watermark = chunk->high_watermark};
    return 0;
}

static int
take_headers(struct leat_batch *batch, struct leat_record *rec, const struct proto_record *raw)
{
    struct proto_record_header_iter iter;
    struct proto_record_header *headers =
        lt_arena_calloc(&batch->arena, (size_t)raw->header_count, sizeof(*headers));

    if (headers == NULL) {
        return LEAT_ENOMEM;
    }
    proto_record_headers_open(raw, &iter);
    for (int32_t i = 0; i < raw->header_count; i++) {
        int got = proto_record_header_next(&iter, &headers[i]);

        if (got != 1) {
            return LEAT_ECORRUPT;
        }
        headers[i].key.data = (uint8_t *)lt_arena_text(&batch->arena, headers[i].key);
        if (headers[i].key.data == NULL) {
            return LEAT_ENOMEM;
        }
    }
    rec->headers = headers;
    rec->header_count = (size_t)raw->header_count;
    return 0;
}

/* Records of the open batch. Returns 1 when it is finished, 0 when the leat_batch is full, or an error. */
static int
take_records(struct leat_batch *batch, struct lc_chunk *chunk, const char *topic, int64_t *position)
{
    size_t most = (size_t)(chunk->iter.end - chunk->iter.next) / RECORD_SIZE_MIN + 1;
    size_t left = chunk->iter.left < 0 ? 0 : (size_t)chunk->iter.left;

    if (reserve_records(batch, left < most ? left : most) < 0) {
        return LEAT_ENOMEM;
    }
    while (batch->count < batch->count_max) {
        struct leat_record *rec;
        struct proto_record raw;
        int got = proto_record_next(&chunk->iter, &raw);

        if (got <= 0) {
            return got == 0 ? 1 : LEAT_ECORRUPT;
        }
        if (raw.offset < chunk->from) {
            continue;
        }
        LT_ASSERT(batch->count < batch->capacity); /* as many as the header says fit the bytes */
        rec = &batch->records[batch->count];
        *rec = (struct leat_record){.topic = topic,
                                    .offset = raw.offset,
                                    .timestamp = raw.timestamp,
                                    .key = raw.key,
                                    .value = raw.value,
                                    .info = chunk->info,
                                    .partition = chunk->part->partition,
                                    .offset_delta = raw.offset_delta};
        if (raw.header_count > 0) {
            int err = take_headers(batch, rec, &raw);

            if (err < 0) {
                return err;
            }
        }
        batch->count++;
        *position = raw.offset + 1;
    }
    return 0;
}

int lc_batch_fill(struct leat_batch *batch,
                  struct leat_consumer *c,
                  struct lc_chunk *chunk,
                  int64_t *ret_position)
{
    const char *topic = lt_arena_strdup(&batch->arena, chunk->part->topic);
    int got = topic == NULL ? LEAT_ENOMEM : 1;

    chunk->info = NULL; /* that of another leat_batch */
    while (got == 1 && batch->count < batch->count_max) {
        if (!chunk->open) {
            got = open_next(c, chunk);
            if (got <= 0) {
                chunk->rest.size = got == 0 ? 0 : chunk->rest.size;
                break;
            }
        }
        if (!chunk->skip_batch) {
            got = chunk->info == NULL ? prepare_info(batch, chunk) : 0;
            got = got < 0 ? got : take_records(batch, chunk, topic, ret_position);
        }
        if (got == 1) {
            int64_t behind = proto_batch_header_last_offset(&chunk->header) + 1;

            *ret_position = behind > *ret_position ? behind : *ret_position;
            close_open(chunk);
        }
    }
    return got < 0 ? got : 0;
}

void lc_chunk_free(struct lc_chunk *chunk)
{
    if (chunk == NULL) {
        return;
    }
    lc_bytes_unref(chunk->unpacked);
    lc_bytes_unref(chunk->frame);
    lc_part_unref(chunk->part);
    lt_free(chunk->aborted);
    lt_free(chunk->bad_producers);
    lt_free(chunk);
}
