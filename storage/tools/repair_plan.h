/* repair_plan.h: where a repair has to cut, found by walking the log. Used by repair.c only.
 *
 * Threads: one at a time. Blocks: for the disk. */
#ifndef LOG_TOOLS_REPAIR_PLAN_H
#define LOG_TOOLS_REPAIR_PLAN_H

#include "storage/tools/repair.h"
#include "storage/tools/segment_files.h"

struct log_repair_plan {
    const struct log_file
        *logs; /* the .log files from the one that is cut on; borrowed from the files */
    size_t log_count;
    uint64_t position;    /* first byte that goes */
    uint64_t end;         /* one past the last one, in the same file */
    uint64_t file_size;   /* of that file */
    int64_t first_offset; /* that goes; with truncate the new log end */
    int64_t last_offset;  /* that goes, as far as known; with skip: exactly */
    int32_t leader_epoch; /* skip: for the empty batch */
};

/* `files`: the .log files of one partition, in order. Errors as log_repair. */
int log_repair_find(const struct log_files *files,
                    const struct log_repair_options *options,
                    struct log_repair_plan *ret,
                    struct leat_error **reterr);

#endif
