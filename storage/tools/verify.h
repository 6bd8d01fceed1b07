/* verify.h: is a partition's log what it should be?
 *
 * Checked: every byte of every segment is part of a batch with a right CRC (or of reserved zeros at the end of the last
 * segment); offsets and leader epochs rise, also from segment to segment; counts fit offsets; every offset index entry
 * points at the batch that holds its offset; every time index entry tells the largest timestamp up to its offset; aborted
 * transactions lie in their segment; checkpoints, metadata and snapshots can be read. Gaps between offsets are what
 * compaction leaves: they are told, not counted as problems. A missing index is a note: it is rebuilt at the next start.
 *
 * Only reads. A server that writes to the partition meanwhile makes findings meaningless.
 * Threads: one at a time. Blocks: for the disk and the output. */
#ifndef LOG_TOOLS_VERIFY_H
#define LOG_TOOLS_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file_ops.h"
#include "storage/tools/segment_files.h"
#include "storage/tools/text_out.h"

struct log_verify_options {
    const struct lt_file_ops *ops;
    bool deep; /* decode the records of every batch too */
};

/* Verify files of log_files_add, partition by partition; prints findings and one line per partition.
 *
 *   ret_problems  number of problems found (also when something could not be read)
 *
 * Returns 0, or LEAT_EIO and its like when a file could not be read, LEAT_ENOMEM. */
int log_verify(const struct log_files *files,
               const struct log_verify_options *options,
               struct log_out *out,
               uint64_t *ret_problems,
               struct leat_error **reterr);

#endif
