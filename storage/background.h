/* background.h: one thread per data directory for what nobody waits for: checkpoints, retention, removal of deleted
 * segments and directories, the disk reserve.
 *
 * It sleeps until the next of them is due or somebody wakes it. With a fake clock only log_background_tick wakes it.
 * Threads: any, but for new, start, stop and free. */
#ifndef LOG_BACKGROUND_H
#define LOG_BACKGROUND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct log_dir;
struct log_background;

int log_background_new(struct log_dir *dir, struct log_background **ret_background);
int log_background_start(struct log_background *background); /* LEAT_ENOMEM: no thread */
void log_background_stop(
    struct log_background *background); /* after the round it is in; idempotent */
void log_background_free(struct log_background *background); /* stopped; NULL is accepted */

enum log_background_work {
    LOG_WORK_CHECKPOINT = 1, /* enough was flushed since the last one */
    LOG_WORK_RETENTION = 2,  /* log start was raised */
    LOG_WORK_SPACE = 4,      /* the disk is full */
};

/* Have the thread do `work` soon. Never waits; may be called with locks held. */
void log_background_wake(struct log_background *background, int work);

/* Every kind of work once, with the clock as it is now; returns when it is done. At once when there is no thread. */
void log_background_tick(struct log_background *background);

/* Remove `path` (taken over; NULL: nothing to remove) after delay_ms, then call gone(arg) on the thread; gone may be NULL.
 * What is still queued at a stop is left for log_store_remove_topic_id of the next start. LEAT_ENOMEM: not queued, path
 * still the caller's. */
int log_background_delete(struct log_background *background,
                          char *path,
                          int64_t delay_ms,
                          void (*gone)(void *arg),
                          void *arg);

#endif
