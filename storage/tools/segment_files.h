/* segment_files.h: which files stand in a log directory, told by their names.
 *
 * A path may be one file, a partition directory (its files, segment by segment), or a data directory (the partition
 * directories in it, and its own files).
 * Threads: one at a time. Blocks: for the disk. Source: Kafka LogFileUtils, Kafka UnifiedLog. */
#ifndef LOG_TOOLS_SEGMENT_FILES_H
#define LOG_TOOLS_SEGMENT_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* In the order in which a directory's files are shown. */
enum log_file_kind {
    LOG_FILE_UNKNOWN = 0,
    LOG_FILE_PROPERTIES = 1, /* meta.properties */
    LOG_FILE_OFFSET_CHECKPOINT =
        2, /* recovery-point-, log-start-, replication-, cleaner-offset-checkpoint */
    LOG_FILE_PARTITION = 3,  /* partition.metadata */
    LOG_FILE_EPOCHS = 4,     /* leader-epoch-checkpoint */
    LOG_FILE_LOG = 5,        /* %020d.log */
    LOG_FILE_INDEX = 6,      /* .index */
    LOG_FILE_TIME_INDEX = 7, /* .timeindex */
    LOG_FILE_TXN_INDEX = 8,  /* .txnindex */
    LOG_FILE_SNAPSHOT = 9,   /* .snapshot, Kafka's producer state */
    LOG_FILE_PRODUCERS = 10, /* .producers, leat's */
};

struct log_file {
    char *path;
    int64_t base_offset; /* of a segment's file; -1 for others */
    enum log_file_kind kind;
};

struct log_files {
    struct log_file *items;
    size_t count;
    size_t capacity;
};

/* What the last part of the path says. Names with .deleted, .swap or .cleaned behind them count as what they were.
 * ret_base_offset may be NULL. */
enum log_file_kind log_file_classify(const char *path, int64_t *ret_base_offset);

/* Append the file, or the files that a directory holds; unknown names in a directory are passed over, a single file of an
 * unknown name is LEAT_ENAME. LEAT_ENOENT: no such path, or nothing known in the directory. LEAT_EIO, LEAT_ENOMEM. */
int log_files_add(struct log_files *files, const char *path, struct leat_error **reterr);
void log_files_release(struct log_files *files);

/* The path of another file of the same segment: suffix ".index" for "x/000.log" gives "x/000.index". NULL: no memory.
 * The caller frees it with lt_free. */
char *log_file_beside(const char *path, const char *suffix);

/* How much of the path is its directory, without the last slash; 0 when there is none. */
size_t log_file_dir_size(const char *path);

#endif
