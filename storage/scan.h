/* scan.h: reads the batches of a .log file one after the other with pread, checking each: what recovery and offline tools do.
 *
 * It trusts nothing but the file's size. Threads: one at a time. */
#ifndef LOG_SCAN_H
#define LOG_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/file_ops.h"
#include "storage/segment.h"

struct log_scan {
    const struct lt_file_ops *ops; /* borrowed */
    int fd;                        /* borrowed */
    uint64_t file_size;            /* bytes */
    uint64_t position;             /* of the next batch */
    struct lt_buf window;          /* bytes of the file from window_at on; owned */
    uint64_t window_at;
};

void log_scan_init(struct log_scan *scan,
                   const struct lt_file_ops *ops,
                   int fd,
                   uint64_t file_size,
                   uint64_t position);
void log_scan_release(struct log_scan *scan);

/* The next batch. Returns 1 (ret is filled and *ret_bytes, if wanted, points at the batch until the next call), 0 at the
 * exact end of the file, LEAT_ECORRUPT (no whole, sound v2 batch at scan->position, which stays), LEAT_EIO, LEAT_ENOMEM.
 * Offsets are not judged. Blocks for the disk. */
int log_scan_next(struct log_scan *scan, struct log_batch_at *ret, const uint8_t **ret_bytes);

#endif
