/* repair.h: makes a damaged partition log whole again, offline, by taking the least out of it.
 *
 *   truncate  the log ends before the batch that holds an offset: that batch and all behind it go
 *   skip      the damaged bytes at an offset go; an empty batch takes their place, so that offsets have no gap and
 *             everything behind stays what it was
 *
 * What is taken out stays beside the log: <segment>.<position>.cut, or <segment>.0.cut for a whole segment. The recovery
 * point, the leader epochs and the clean marker of the data directory are set so that the next start takes the log as it
 * then is. Each step leaves a log that a start or a second repair can go on from.
 *
 * No server may use the data directory: its lock is taken meanwhile.
 * Threads: one at a time. Blocks: for the disk and the output. */
#ifndef LOG_TOOLS_REPAIR_H
#define LOG_TOOLS_REPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file_ops.h"
#include "storage/tools/text_out.h"

enum log_repair_kind { LOG_REPAIR_TRUNCATE = 1, LOG_REPAIR_SKIP = 2 };

struct log_repair_options {
    const struct lt_file_ops *ops;
    enum log_repair_kind kind;
    int64_t offset; /* --truncate-at, --skip-batch */
    bool dry_run;   /* say what would be done, change nothing */
};

/* Repair the partition directory `dir`; what is (or would be) done is printed.
 *
 * LEAT_ENAME: not a partition directory; LEAT_ELOCKED: a server uses it; LEAT_ERANGE: nothing can be done at that offset, and
 * why; LEAT_ECORRUPT: the damage is not of that kind; LEAT_EIO, LEAT_ENOSPACE, LEAT_ENOMEM. The message says what to do. */
int log_repair(const char *dir,
               const struct log_repair_options *options,
               struct log_out *out,
               struct leat_error **reterr);

#endif
