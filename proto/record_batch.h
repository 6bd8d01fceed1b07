/* record_batch.h: record batch v2: its header, its CRC, its records.
 *
 * All integers are big-endian; position and size in bytes, from the start of the batch:
 *
 *    0  8  base offset             0 from producers. Not under the CRC
 *    8  4  length                  bytes behind this field, at least 49: the batch has 12 + length
 *   12  4  partition leader epoch  -1 from producers. Not under the CRC
 *   16  1  magic                   2
 *   17  4  CRC-32C                 over all bytes from 21 on
 *   21  2  attributes              bits 0-2 codec, 3 log append time, 4 transactional, 5 control, 6 delete horizon
 *   23  4  last offset delta       last offset = base offset + this
 *   27  8  base timestamp          ms; record timestamps are relative to it (bit 6: the delete horizon)
 *   35  8  max timestamp           ms; with bit 3 the time of every record
 *   43  8  producer id             -1 none
 *   51  2  producer epoch          -1 none
 *   53  4  base sequence           -1 none
 *   57  4  record count
 *   61     records                 one after the other; one compressed blob of them if a codec is set
 *
 * A record: length, attributes i8, timestamp delta, offset delta, key length (-1 null), key, value length (-1 null), value,
 * header count, headers {key length, key, value length (-1 null), value}; lengths and deltas are zig-zag varints.
 *
 * This is the reader's side, for bytes that nobody has checked yet: nothing is asserted of them. Building batches is
 * batch_builder.h, the rules for what producers may send batch_check.h.
 * Threads: any; the functions keep no state. Blocks: no.
 * Source: KIP-98, KIP-82, Kafka DefaultRecordBatch, DefaultRecord. */
#ifndef PROTO_RECORD_BATCH_H
#define PROTO_RECORD_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "proto/compress.h"

#define PROTO_BATCH_BASE_OFFSET_AT 0
#define PROTO_BATCH_LENGTH_AT 8
#define PROTO_BATCH_LEADER_EPOCH_AT 12
#define PROTO_BATCH_MAGIC_AT 16
#define PROTO_BATCH_CRC_AT 17
#define PROTO_BATCH_ATTRIBUTES_AT 21
#define PROTO_BATCH_LAST_OFFSET_DELTA_AT 23
#define PROTO_BATCH_BASE_TIMESTAMP_AT 27
#define PROTO_BATCH_MAX_TIMESTAMP_AT 35
#define PROTO_BATCH_PRODUCER_ID_AT 43
#define PROTO_BATCH_PRODUCER_EPOCH_AT 51
#define PROTO_BATCH_BASE_SEQUENCE_AT 53
#define PROTO_BATCH_RECORD_COUNT_AT 57
#define PROTO_BATCH_HEADER_SIZE 61   /* all of the above */
#define PROTO_BATCH_OVERHEAD_SIZE 12 /* base offset and length: "log overhead" */
#define PROTO_BATCH_CRC_FROM PROTO_BATCH_ATTRIBUTES_AT

#define PROTO_BATCH_CODEC_MASK 0x07
#define PROTO_BATCH_LOG_APPEND_TIME 0x08
#define PROTO_BATCH_TRANSACTIONAL 0x10
#define PROTO_BATCH_CONTROL 0x20
#define PROTO_BATCH_DELETE_HORIZON 0x40

#define PROTO_MAGIC_V2 2
#define PROTO_NO_TIMESTAMP (-1)

struct proto_batch_header {
    int64_t base_offset;
    int64_t base_timestamp; /* ms */
    int64_t max_timestamp;  /* ms */
    int64_t producer_id;    /* -1 none */
    int32_t length;         /* bytes behind the length field */
    int32_t leader_epoch;
    uint32_t crc; /* as stored */
    int32_t last_offset_delta;
    int32_t base_sequence; /* -1 none */
    int32_t record_count;
    int16_t attributes;
    int16_t producer_epoch; /* -1 none */
    int8_t magic;
};

/* Total size of the batch that begins at `bytes`, told by its first 12.
 * Returns 0, LEAT_EAGAIN (fewer than 12 bytes) or LEAT_ECORRUPT (length below 49). *ret_size may be
 * more than `size`. */
int proto_batch_size_read(const uint8_t *bytes, size_t size, size_t *ret_size);

/* The 61 header bytes in host order. Nothing is judged, neither magic nor length.
 * Returns 0 or LEAT_EAGAIN (fewer than 61 bytes). */
int proto_batch_header_read(const uint8_t *bytes, size_t size, struct proto_batch_header *ret);

static inline size_t proto_batch_header_total(const struct proto_batch_header *header)
{
    return header->length < 0 ? 0 : (size_t)header->length + PROTO_BATCH_OVERHEAD_SIZE;
}

static inline int64_t proto_batch_header_last_offset(const struct proto_batch_header *header)
{
    return (int64_t)((uint64_t)header->base_offset + (uint64_t)(int64_t)header->last_offset_delta);
}

static inline int proto_batch_header_codec(const struct proto_batch_header *header)
{
    return header->attributes & PROTO_BATCH_CODEC_MASK;
}

static inline bool proto_batch_header_is(const struct proto_batch_header *header, int attribute)
{
    return (header->attributes & attribute) != 0;
}

/* Is the stored CRC right? `size` is the batch's exact size, at least 61; below it the answer is
 * false. */
bool proto_batch_crc_ok(const uint8_t *batch, size_t size);

/* Is this a whole, sound v2 batch: size as its length says, magic 2, CRC right? What recovery and
 * scrubbing ask. Returns 0, LEAT_EAGAIN (fewer bytes than the length says) or LEAT_ECORRUPT. ret
 * may be NULL. */
int proto_batch_read(const uint8_t *bytes, size_t size, struct proto_batch_header *ret);

/* Patch a header in place. Base offset and leader epoch are outside the CRC; the others write a new
 * CRC over the `size` bytes of the batch (exact, at least 61). */
void proto_batch_set_base_offset(uint8_t *batch, int64_t base_offset);
void proto_batch_set_leader_epoch(uint8_t *batch, int32_t leader_epoch);
void proto_batch_set_times(uint8_t *batch, size_t size, int16_t attributes, int64_t max_timestamp);
void proto_batch_set_producer(uint8_t *batch,
                              size_t size,
                              int64_t producer_id,
                              int16_t producer_epoch,
                              int32_t base_sequence);
void proto_batch_seal(uint8_t *batch, size_t size); /* the CRC alone */

/* ---- records ---- */

struct proto_record {
    int64_t timestamp; /* ms; the batch's max timestamp with log append time */
    int64_t offset;
    struct lt_slice key;         /* null or bytes, borrowed from what the iterator walks */
    struct lt_slice value;       /* as key */
    struct lt_slice headers_raw; /* the encoded headers, checked */
    int32_t offset_delta;
    int32_t header_count;
    int8_t attributes;
};

struct proto_record_iter {
    const uint8_t *next;    /* the next record */
    const uint8_t *end;     /* one past the records */
    int64_t base_offset;    /* of the batch */
    int64_t base_timestamp; /* of the batch, ms */
    int64_t append_time;    /* ms; counts for all records if has_append_time */
    int32_t left;           /* records that the header still promises */
    bool has_append_time;
};

/* Begin to read the records of a whole batch.
 *
 *   batch       the batch; its size and magic are checked here, its CRC is not
 *   output_max  bound on the decompressed records in bytes; 0 = proto_decompress_max of the
 * compressed size scratch     receives the decompressed records (what it held is dropped);
 * untouched for an uncompressed batch, which is read where it stands ret         valid while batch
 * and scratch are
 *
 * Returns 0, LEAT_ECORRUPT (not a v2 batch, payload does not decompress), LEAT_E2BIG (bound),
 * LEAT_ECODEC, LEAT_ENOMEM. */
int proto_batch_records_open(struct lt_slice batch,
                             size_t output_max,
                             struct lt_buf *scratch,
                             struct proto_record_iter *ret);

/* The same on records that the caller has decompressed himself. */
void proto_record_iter_init(struct proto_record_iter *iter,
                            const struct proto_batch_header *header,
                            struct lt_slice records);

/* The next record, headers checked too. Returns 1, 0 at the end, or LEAT_ERECORD: a length does not
 * fit, fewer records than the header says, or bytes behind the last one. After an error the
 * iterator stays where it was. */
int proto_record_next(struct proto_record_iter *iter, struct proto_record *ret);

struct proto_record_header {
    struct lt_slice key;   /* UTF-8, never null */
    struct lt_slice value; /* may be null */
};

struct proto_record_header_iter {
    const uint8_t *next;
    const uint8_t *end;
    int32_t left;
};

/* Walk the headers of a record. Next returns 1, 0 at the end, LEAT_ERECORD (cannot happen for a
 * record that proto_record_next returned). */
void proto_record_headers_open(const struct proto_record *record,
                               struct proto_record_header_iter *ret);
int proto_record_header_next(struct proto_record_header_iter *iter,
                             struct proto_record_header *ret);

/* ---- control records ---- */

enum proto_control_type {
    PROTO_CONTROL_ABORT = 0,
    PROTO_CONTROL_COMMIT = 1,
    PROTO_CONTROL_LEADER_CHANGE = 2,
    PROTO_CONTROL_SNAPSHOT_HEADER = 3,
    PROTO_CONTROL_SNAPSHOT_FOOTER = 4,
    PROTO_CONTROL_KRAFT_VERSION = 5,
    PROTO_CONTROL_KRAFT_VOTERS = 6,
};

/* What a record of a control batch says: the type from its key (unknown types are returned as they
 * are and must be ignored by the caller), for ABORT and COMMIT the coordinator epoch from its
 * value, else -1. Returns 0 or LEAT_ERECORD (key or value too short, negative key version). */
int proto_control_read(const struct proto_record *record,
                       int *ret_type,
                       int32_t *ret_coordinator_epoch);

#endif
