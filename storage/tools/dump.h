/* dump.h: prints what a file of a log directory holds, in the words of Kafka's own dump tool, or as JSON lines.
 *
 * Only reads. What is damaged is shown as such and the rest goes on; the caller learns of it by LEAT_ECORRUPT.
 * Threads: one at a time. Blocks: for the disk and the output. Source: Kafka DumpLogSegments. */
#ifndef LOG_TOOLS_DUMP_H
#define LOG_TOOLS_DUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file_ops.h"
#include "storage/tools/segment_files.h"
#include "storage/tools/text_out.h"

struct log_dump_options {
    const struct lt_file_ops *ops;
    int64_t offset_from; /* batches, records and index entries below are left out */
    int64_t offset_end;  /* and from this one on */
    bool records;        /* each record with its key and value, not only the batches */
};

/* Print one file. LEAT_ECORRUPT: printed, but something in it is damaged (said in the output and in *reterr);
 * LEAT_EIO, LEAT_ENOENT, LEAT_EREADONLY, LEAT_EINVAL, LEAT_ENOMEM: could not be read. */
int log_dump_file(const struct log_file *file,
                  const struct log_dump_options *options,
                  struct log_out *out,
                  struct leat_error **reterr);

#endif
