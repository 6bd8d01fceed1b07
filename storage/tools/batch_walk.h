/* batch_walk.h: what stands in a .log file, from its first byte to its last, sound or not.
 *
 * Every byte of the file belongs to exactly one item: a batch, zeros (space that was reserved and not yet written), or
 * damage (all else). Behind damage the walk goes on with the next place where a whole batch with a right CRC stands:
 * that tells a torn tail (nothing follows) from a rotten middle.
 * Threads: one at a time. Blocks: for the disk. */
#ifndef LOG_TOOLS_BATCH_WALK_H
#define LOG_TOOLS_BATCH_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/record_batch.h"
#include "storage/tools/file_view.h"

enum log_walk_kind {
    LOG_WALK_END = 0,
    LOG_WALK_BATCH = 1,  /* a v2 batch whose length fits; its CRC may be wrong */
    LOG_WALK_ZEROS = 2,  /* zeros up to the end of the file */
    LOG_WALK_DAMAGE = 3, /* bytes that are no batch */
};

struct log_walk_item {
    enum log_walk_kind kind;
    uint64_t position;
    uint64_t size;
    struct proto_batch_header header; /* of a batch */
    const uint8_t *batch;             /* its bytes, valid until the next call */
    bool crc_ok;                      /* of a batch */
    const char *why;                  /* of damage: constant text */
};

struct log_walk {
    struct log_view *view; /* borrowed */
    uint64_t position;     /* of the next item */
};

void log_walk_init(struct log_walk *walk, struct log_view *view);

/* The next item; LOG_WALK_END again and again at the end. LEAT_EIO, LEAT_ENOMEM, LEAT_ERANGE (the file shrank). */
int log_walk_next(struct log_walk *walk, struct log_walk_item *ret);

#endif
