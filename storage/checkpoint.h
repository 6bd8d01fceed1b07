/* checkpoint.h: Kafka's text files of offsets per partition (recovery-point-offset-checkpoint, log-start-offset-checkpoint).
 *
 *   0                      version
 *   2                      entries that follow
 *   orders 0 4711          topic partition offset
 *   orders 1 12
 *
 * A hint, never a truth: whoever cannot read one recovers from the log. Written as a whole (<name>.tmp, fsync, rename,
 * fsync of the directory).
 * Threads: one at a time per struct. Source: Kafka CheckpointFile, OffsetCheckpointFile. */
#ifndef LOG_CHECKPOINT_H
#define LOG_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file_ops.h"

struct log_checkpoint_entry {
    char *topic;       /* owned */
    int32_t partition; /* >= 0 */
    int64_t offset;    /* >= 0 */
};

/* All zero is an empty one. */
struct log_checkpoint {
    struct log_checkpoint_entry
        *entries; /* sorted by topic and partition once read; in order of arrival while added */
    size_t count;
    size_t capacity;
};

void log_checkpoint_init(struct log_checkpoint *checkpoint);
void log_checkpoint_release(struct log_checkpoint *checkpoint);

/* Append one entry; `topic` is copied. LEAT_ENOMEM leaves the checkpoint as it is. */
int log_checkpoint_add(struct log_checkpoint *checkpoint,
                       const char *topic,
                       int32_t partition,
                       int64_t offset);

/* Read a file into *ret (initialised by the caller, empty). Any line that is not as above, a count that differs, a
 * partition twice: LEAT_ECORRUPT naming path and line. LEAT_ENOENT: no such file. LEAT_EIO, LEAT_ENOMEM. Blocks. */
int log_checkpoint_read(const struct lt_file_ops *ops,
                        const char *path,
                        struct log_checkpoint *ret,
                        struct leat_error **reterr);

/* Parse the content of a file; `name` is for the messages. */
int log_checkpoint_parse(const char *text,
                         size_t size,
                         const char *name,
                         struct log_checkpoint *ret,
                         struct leat_error **reterr);

/* The offset of a partition in a checkpoint that was read; `missing` where it has none. */
int64_t log_checkpoint_find(const struct log_checkpoint *checkpoint,
                            const char *topic,
                            int32_t partition,
                            int64_t missing);

/* Replace the file. On an error the old file or the new one stands there, whole. Blocks for the disk. */
int log_checkpoint_write(const struct lt_file_ops *ops,
                         const char *path,
                         const struct log_checkpoint *checkpoint,
                         struct leat_error **reterr);

#endif
