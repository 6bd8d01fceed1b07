/* disk_space.h: what one data directory does when its disk is full.
 *
 * A reserve file (.leat_reserve, fallocated) is given back at the first ENOSPC, so that checkpoints, group offsets and
 * deletions still work, and taken again when there is room. Meanwhile producers do not eat that room: fallocate by
 * partitions of clients answers LEAT_ENOSPACE as long as not more than the reserve is free, and works again with the
 * first append after space came back. The store's own files and internal topics (names with "__" in front) are not held
 * back.
 *
 * It is a lt_file_ops in front of the store's ops: whoever calls through it needs to know nothing of this.
 * Threads: any. */
#ifndef LOG_DISK_SPACE_H
#define LOG_DISK_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file_ops.h"

struct log_disk_space;

/* `low` is called once per episode, by the thread that saw ENOSPC, perhaps with locks held: it only wakes somebody who
 * calls log_disk_space_tend. `ops` and `dir` are borrowed for its life. */
int log_disk_space_new(const struct lt_file_ops *ops,
                       const char *dir,
                       uint64_t reserve_bytes,
                       void (*low)(void *arg),
                       void *arg,
                       struct log_disk_space **ret_space);
void log_disk_space_free(struct log_disk_space *space); /* the file stays; NULL is accepted */

const struct lt_file_ops *log_disk_space_ops(struct log_disk_space *space, bool internal);

/* Take the reserve (or find it there). LEAT_ENOSPACE: there is no room, the directory is in the low state; other errors:
 * the directory's own files fail. Blocks for the disk. */
int log_disk_space_reserve(struct log_disk_space *space, struct leat_error **reterr);

bool log_disk_space_low(const struct log_disk_space *space);

/* Somebody who calls around this table saw ENOSPC. */
void log_disk_space_note_low(struct log_disk_space *space);

/* In the low state: give the reserve back, or take it again when there is room for it twice.
 * *ret_changed: the low state began (reserve given back) or ended with this call. Blocks for the disk. */
int log_disk_space_tend(struct log_disk_space *space,
                        bool *ret_changed,
                        struct leat_error **reterr);

#endif
