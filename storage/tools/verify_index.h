/* verify_index.h: compares a segment's indexes with its batches, entry by entry, while the batches go by. Used by verify.c.
 *
 *   open, then log_index_check_batch for each batch in order, then log_index_check_end
 *
 * Threads: one at a time. Blocks: for the disk. */
#ifndef LOG_TOOLS_VERIFY_INDEX_H
#define LOG_TOOLS_VERIFY_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/tools/batch_walk.h"
#include "storage/tools/segment_files.h"

/* Called for each finding: `position` is that of the entry in the index file. */
typedef void (*log_index_report)(void *arg, const char *path, uint64_t position, const char *text);

struct log_index_check {
    struct log_view view;
    char *path; /* owned; NULL: not open */
    enum log_file_kind kind;
    bool present;
    uint64_t at; /* the next entry */
    int64_t base_offset;
    int64_t last_offset;    /* of the entry before; -1 none */
    int64_t last_timestamp; /* of the entry before, ms; -1 none */
    int64_t max_timestamp;  /* of the batches so far, ms; -1 none */
    log_index_report report;
    void *report_arg;
};

/* Open the index beside a .log file. Absent is no error: `present` tells. */
int log_index_check_open(struct log_index_check *check,
                         const struct log_file *log,
                         enum log_file_kind kind,
                         const struct lt_file_ops *ops,
                         struct leat_error **reterr);
void log_index_check_close(struct log_index_check *check);

/* Compare the entries that belong to this batch or lie before it. LEAT_EIO, LEAT_ENOMEM, LEAT_ERANGE. */
int log_index_check_batch(struct log_index_check *check, const struct log_walk_item *item);

/* After the last batch: what is left points nowhere. next_offset: one past the segment's last record. */
int log_index_check_end(struct log_index_check *check, int64_t next_offset);

#endif
