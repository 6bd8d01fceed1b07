/* batch_builder.h: puts records into a new v2 batch.
 *
 *   proto_batch_builder_init(&b);
 *   while (...) {
 *       if (b.size + proto_batch_builder_record_size(&b, &rec) > batch_size_max) { finish, send,
 * reset } proto_batch_builder_add(&b, &rec);
 *   }
 *   proto_batch_builder_finish(&b, &options, &batch);   batch: complete bytes with CRC
 *   proto_batch_builder_reset(&b);                      memory is kept for the next one
 *
 * Values may stay outside (proto_batch_builder_add_hole): the batch is then finished in pieces, and only its CRC has walked over
 * their bytes.
 *
 * The buffer grows by doubling and is kept over reset, so that in steady state a record costs no
 * allocation. Base timestamp is that of the first record, offset deltas count from 0. Threads: one
 * at a time per builder. Blocks: no. Source: KIP-98, Kafka MemoryRecordsBuilder. */
#ifndef PROTO_BATCH_BUILDER_H
#define PROTO_BATCH_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "proto/record_batch.h"

struct proto_new_record {
    int64_t timestamp; /* ms, or PROTO_NO_TIMESTAMP */
    struct lt_slice key;
    struct lt_slice value;
    const struct proto_record_header
        *headers; /* NULL when header_count is 0; a null key is written as empty */
    size_t header_count;
};

/* Bytes that are part of the batch but not of its buffer. */
struct proto_batch_hole {
    size_t position;       /* in builder->bytes, where they belong */
    struct lt_slice bytes; /* not null; the caller's until reset */
};

/* All zero is a valid empty builder. */
struct proto_batch_builder {
    struct lt_buf bytes;            /* room for the header, then records; owned */
    struct proto_batch_hole *holes; /* ascending position; owned */
    size_t hole_count;
    size_t hole_capacity;
    size_t hole_size;     /* sum of their bytes */
    struct lt_buf packed; /* the compressed batch after finish; owned */
    size_t
        size; /* bytes of the batch so far, uncompressed, header and holes included; 61 when empty */
    int64_t base_timestamp; /* ms, of the first record */
    int64_t max_timestamp;  /* ms, largest so far */
    int32_t record_count;
};

/* What the header says beside the records. proto_batch_options_init sets "none" everywhere: no
 * codec, no producer, base offset 0, leader epoch -1. */
struct proto_batch_options {
    int codec;      /* enum proto_codec */
    int level;      /* of the codec, or PROTO_LEVEL_DEFAULT */
    int attributes; /* further bits: PROTO_BATCH_TRANSACTIONAL, _CONTROL, _LOG_APPEND_TIME,
                       _DELETE_HORIZON */
    int64_t base_offset;
    int64_t producer_id;
    int64_t append_time; /* ms; max timestamp if attributes have PROTO_BATCH_LOG_APPEND_TIME */
    int32_t leader_epoch;
    int32_t base_sequence;
    int16_t producer_epoch;
};

void proto_batch_options_init(struct proto_batch_options *options);

void proto_batch_builder_init(struct proto_batch_builder *builder);
void proto_batch_builder_release(struct proto_batch_builder *builder);
void proto_batch_builder_reset(
    struct proto_batch_builder *builder); /* empty again; memory is kept */

/* Bytes that this record would add before compression: exact for a valid record that comes next.
 * SIZE_MAX if it can never be encoded (a part above 2 GiB). */
size_t proto_batch_builder_record_size(const struct proto_batch_builder *builder,
                                       const struct proto_new_record *record);

/* Add one record; its bytes are copied. Returns 0, LEAT_ENOMEM, or LEAT_E2BIG (the batch would not
 * fit an int32 length). On error the builder is unchanged. Must not be called between finish and
 * reset. */
int proto_batch_builder_add(struct proto_batch_builder *builder,
                            const struct proto_new_record *record);

/* The same, but the value (not null) is not copied: its bytes must stay as they are until reset. */
int proto_batch_builder_add_hole(struct proto_batch_builder *builder,
                                 const struct proto_new_record *record);

/* Walk the records that were added, holes included; what it gives is borrowed from the builder and from the holes. Offsets count from 0. Returns
 * false behind the last. */
struct proto_builder_walk {
    const struct proto_batch_builder *builder;
    size_t position; /* of the next record */
    size_t hole;     /* the next one */
    int32_t index;   /* of the next record */
};
void proto_builder_walk_init(struct proto_builder_walk *walk,
                             const struct proto_batch_builder *builder);
bool proto_builder_walk_next(struct proto_builder_walk *walk, struct proto_record *ret);

/* Write the header, compress if asked, compute the CRC. A batch with holes cannot be compressed; its pieces are then those of *ret_batch up to each
 * hole's position, and the hole.
 *
 *   ret_batch  the complete batch, in memory of the builder that may be patched (proto_batch_set_...); valid until reset or
 *              release. An empty builder gives a batch with record count 0 and last offset delta -1
 *   ret_size   its size, holes included
 *
 * Can be called again with other options. Returns 0, LEAT_ENOMEM, LEAT_ECODEC, LEAT_E2BIG. */
int proto_batch_builder_finish(struct proto_batch_builder *builder,
                               const struct proto_batch_options *options,
                               uint8_t **ret_batch,
                               size_t *ret_size);

/* Write a whole batch around records that are already encoded (deltas and all): the header of
 * `like` with another codec. Length, codec bits and CRC are made new, everything else is copied.
 * What recompression needs.
 *
 *   records  uncompressed, encoded records
 *   out      appended to
 *
 * Returns 0, LEAT_ENOMEM, LEAT_ECODEC, LEAT_E2BIG; on error out->size is unchanged. */
int proto_batch_repack(const struct proto_batch_header *like,
                       int codec,
                       int level,
                       struct lt_slice records,
                       struct lt_buf *out);

#endif
