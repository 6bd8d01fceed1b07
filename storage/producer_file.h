/* producer_file.h: %020d.producers, the state of a partition's producers up to an offset, on disk.
 *
 *   0  2  version            1
 *   2  4  CRC-32C            over all that follows
 *   6  8  offset             all batches below it are in the state; the name says it too
 *  14  4  count              producers that follow
 *
 * and for each of them, the one that was silent longest first:
 *
 *   0  8  producer id
 *   8  2  epoch
 *  10  8  last use           ms, wall clock of the server
 *  18  4  coordinator epoch  -1: no transaction was ever ended
 *  22  8  first offset of the open transaction, -1: none
 *  30  1  count              batches that follow, 1 to 5, oldest first
 *  31     first sequence 4, last sequence 4, first offset 8, last offset 8, max timestamp 8
 *
 * Kafka's own .snapshot keeps one batch of each producer: a retry of an older one that arrives after a restart would be taken
 * for a gap there. The file is a hint: without it the log rebuilds the state of all batches that it still has.
 * Threads: any; no state. */
#ifndef LOG_PRODUCER_FILE_H
#define LOG_PRODUCER_FILE_H

#include "base/buf.h"
#include "base/file_ops.h"
#include "storage/producer_state.h"

#define LOG_PRODUCER_FILE_HEAD 18
#define LOG_PRODUCER_FILE_ENTRY 31 /* without its batches */
#define LOG_PRODUCER_FILE_BATCH 32

/* Append the content of a file to `buf`. LEAT_ENOMEM. */
int log_producers_encode(const struct log_producers *producers, int64_t offset, struct lt_buf *buf);

/* Read a content into an empty table; `offset` is what the name says. LEAT_ECORRUPT, LEAT_ENOMEM: the table is empty. */
int log_producers_decode(struct log_producers *producers, int64_t offset, struct lt_slice content);

/* "<dir>/%020d.producers" in a buffer of `size` bytes. */
void log_producers_path(const char *dir, int64_t offset, char *ret_path, size_t size);

/* Write the file of an offset, not synced: after a crash it may be a part of it, which its CRC tells. LEAT_ENOSPACE, LEAT_EIO. */
int log_producers_write(const struct lt_file_ops *ops,
                        const char *dir,
                        int64_t offset,
                        struct lt_slice content);

/* Read the file of an offset into an empty table. LEAT_ENOENT, LEAT_ECORRUPT, LEAT_EIO, LEAT_ENOMEM. Blocks for the disk. */
int log_producers_read(const struct lt_file_ops *ops,
                       const char *dir,
                       int64_t offset,
                       struct log_producers *producers);

#endif
