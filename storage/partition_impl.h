/* partition_impl.h: what the store and its threads need of a partition, and nobody outside storage/.
 *
 * The store (store.c, flush.c, checkpoint.c, background work) opens, loads, flushes, checkpoints, trims and closes
 * partitions through these calls; partition.c and its neighbours (segment.c, append.c, read.c, recovery.c, retention.c)
 * implement them and never call the store, but for the hooks in struct log_env. Two functions of the public headers
 * need files of the directory and stand in store.c: log_partition_delete_records, log_partition_needs_epoch.
 *
 * Threads: per function. Lock order: partition mutex, then the store's own locks inside the hooks. */
#ifndef LOG_PARTITION_IMPL_H
#define LOG_PARTITION_IMPL_H

#include "base/clock.h"
#include "base/diag.h"
#include "base/file_ops.h"
#include "storage/partition.h"
#include "storage/store.h"

/* What a partition borrows from its store. One per partition (the store embeds it in its record of the partition), so a
 * hook knows its partition from `env` alone. Lives until `freed` was called. */
struct log_env {
    const struct lt_file_ops *ops;
    const struct lt_clock *clock;
    uint64_t unsynced_bytes_max;
    size_t producers_max;
    /* Counted by the partition (relaxed), summed up by log_store_stats. */
    _Atomic uint64_t appends, append_bytes, cold_reads;
    /* The partition has bytes for the flusher (called with the partition mutex held; only queues). Durability disk:
     * with the first append since the last flush began (more often does no harm). Durability memory: only when
     * flush.messages is reached, and with the first append since the last flush while flush.ms is set; the flusher then
     * asks log_partition_flush_due. */
    void (*dirty)(struct log_env *env, struct log_partition *part);
    /* The last reference was returned and the struct is freed: nothing of the partition uses env any more. */
    void (*freed)(struct log_env *env);
    /* Listener's `moved`, without locks held. */
    void (*moved)(struct log_env *env, struct log_partition *part);
    void (*event)(struct log_env *env,
                  enum lt_diag_level level,
                  const char *event,
                  const char *text);
};

struct log_open_options {
    struct log_env *env;
    const char *root; /* entry of log.dirs */
    const char *topic;
    int32_t partition;
    uint8_t topic_id[16];
    int32_t leader_epoch;
    bool create;            /* no directory yet: made with partition.metadata at first need */
    bool clean;             /* the clean marker was there: sizes can be trusted, load lazily */
    int64_t recovery_point; /* from the checkpoint file; 0 when there is none */
    int64_t log_start;      /* from log-start-offset-checkpoint; -1 when there is none */
    const struct log_config *config;
};

/* The struct only; touches no file. The caller holds the first reference. */
int log_partition_new(const struct log_open_options *options, struct log_partition **ret_part);
struct log_env *log_partition_env(const struct log_partition *part);

/* Offline for good, as after a failed write: the files of the whole directory failed. `why` is copied. Wakes waiters by
 * env->moved; call without locks. The first failure of a partition stays. */
void log_partition_fail(struct log_partition *part, const char *why);

/* Make the directory and partition.metadata, synced (idempotent). */
int log_partition_make_dir(struct log_partition *part, struct leat_error **reterr);

/* Read the directory: list segments, recover from the recovery point when not clean (recovery.c), set the offsets.
 * Idempotent; also called by the first use of a lazily opened partition. An error leaves the partition offline with its
 * failure text set. Blocks for the disk. */
int log_partition_load(struct log_partition *part, struct leat_error **reterr);
bool log_partition_loaded(const struct log_partition *part);
bool log_partition_was_cut(
    const struct log_partition *part); /* tail cut or opened without marker: needs a new epoch */

/* ---- flush (flusher threads; one flusher per partition at a time) ---- */

/* fdatasync what is dirty (segments rolled since, the active one, new directory entries) and then set the durable end =
 * high watermark. *ret_bytes = bytes covered. On an error the partition is failed for good. The flusher calls `moved`. */
int log_partition_flush(struct log_partition *part, uint64_t *ret_bytes);

/* Is a flush due? Durability disk: whenever something is not flushed. Memory: by flush.messages / flush.ms; when false,
 * *ret_due_ms = monotonic time at which the next one is due, INT64_MAX = none. When false, the next append that wants one
 * calls env->dirty again. */
bool log_partition_flush_due(struct log_partition *part, int64_t now_mono_ms, int64_t *ret_due_ms);

/* ---- checkpoint, retention, close (background thread) ---- */

/* Bring the partition's files up to a recovery point: append index entries, flush, return the point (all below is on
 * disk and in the indexes). LEAT_EFAILED: offline, keep the old point. Calls env->moved where it flushed something or
 * failed. */
int log_partition_checkpoint(struct log_partition *part, int64_t *ret_recovery_point);
/* As they must stand in the checkpoint files: before a load what log_open_options said. Any thread, at any time; no lock
 * of the partition is held while they run. */
int64_t log_partition_recovery_point(const struct log_partition *part);
int64_t log_partition_log_start(const struct log_partition *part);

/* Forget the producers that were silent for producer.id.expiration.ms. The partition is loaded. Any thread. */
void log_partition_expire_producers(struct log_partition *part);

/* One retention round by time, size and log start. `wall_trusted` false: nothing goes by time. Two steps, so that the new
 * log start is on disk before files go: plan raises log start and returns true when there is something to remove;
 * the store writes log-start-offset-checkpoint; apply renames to .deleted (unlinked by log_partition_reap later). */
bool log_partition_retention_plan(struct log_partition *part, bool wall_trusted);
int log_partition_retention_apply(struct log_partition *part);

/* Unlink `.deleted` segments that are due and that no reader holds. Returns how many wait still. */
size_t log_partition_reap(struct log_partition *part, bool now);

/* Give up the maps and descriptors of sealed segments that nobody has read for idle_ms and that no reader holds; they are
 * opened again when somebody reads. Returns how many segments were closed. Background thread. */
size_t log_partition_trim(struct log_partition *part, int64_t idle_ms);

/* Raise log start in memory (DeleteRecords; offset and errors as log_partition_delete_records); the store makes it
 * durable and calls `moved`, then removes segments in its own time. */
int log_partition_raise_log_start(struct log_partition *part,
                                  int64_t offset,
                                  int64_t *ret_log_start);

/* Clean stop: flush, write indexes, cut files to their used size, close. `clean` false: close descriptors only. */
int log_partition_close(struct log_partition *part, bool clean);

/* Deletion: refuse all use from now on, wake whoever waits; rename the directory (log_dir_delete_path; not synced).
 * *ret_path: where it is now, to be freed with lt_free; NULL: it was never made. Waits for a flush of this partition that
 * is under way. */
int log_partition_mark_deleted(struct log_partition *part, char **ret_path);

void log_partition_count(const struct log_partition *part, size_t *ret_segments, size_t *ret_maps);

#endif
