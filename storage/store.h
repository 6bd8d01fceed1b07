/* store.h: the data directories: their lock, their partitions, their threads.
 *
 * Start:  log_store_open    lock, identity, clean marker, checkpoints, list of partition directories
 *         log_store_add     once for each partition that the metadata store knows
 *         log_store_load    recover them in parallel (after a clean stop: nothing is opened)
 *         log_store_start   flushers, readers, background thread per directory
 * Run:    log_store_add for new partitions, log_store_remove for deleted topics
 * Stop:   log_store_close   flush, seal, checkpoints, clean marker
 *
 * It knows no sockets and prints nothing: what an operator should hear arrives at log_store_options.event.
 * Threads: open, load, start and close belong to the main thread; the rest may be called from any. */
#ifndef LOG_STORE_H
#define LOG_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/file_ops.h"
#include "storage/partition.h"

struct log_store;

/* Called by storage threads (and by appends, DeleteRecords, deletion) when something parked requests may wait for has
 * changed: high watermark, log start, failure, deletion. Runs without any lock that a call to storage needs, but not twice at a time for a
 * partition; must not call log_store_remove. Must not block. */
struct log_listener {
    void (*moved)(struct log_partition *part, void *arg);
    /* After a flush round has called `moved` for all its partitions: wake the loops once. */
    void (*round)(void *arg);
    void *arg;
};

struct log_store_options {
    const char *const *dirs; /* log.dirs, made if missing; the first one also has meta/ */
    size_t dir_count;
    int32_t node_id;
    const struct lt_file_ops *ops;
    const struct lt_clock *clock;
    int flush_threads;                   /* leat.flush.threads, per directory */
    int reader_threads;                  /* leat.reader.threads */
    int recovery_threads;                /* partitions recovered at a time */
    uint64_t unsynced_bytes_max;         /* leat.flush.unsynced.max.bytes, per partition */
    size_t producers_max;                /* leat.producers.max, per partition */
    uint64_t reserve_bytes;              /* leat.disk.reserve.bytes */
    size_t maps_max;                     /* leat.maps.max, 0 = half of vm.max_map_count */
    int64_t checkpoint_interval_ms;      /* log.flush.offset.checkpoint.interval.ms */
    int64_t retention_check_interval_ms; /* log.retention.check.interval.ms */
    struct log_listener listener;
    /* One line for the operator; text borrowed for the call. `event` is a stable identifier. */
    void (*event)(enum lt_diag_level level, const char *event, const char *text, void *arg);
    void *event_arg;
};

/* Defaults for all but dirs, node_id, listener and event. */
void log_store_options_init(struct log_store_options *options);

/* Lock and look. LEAT_ELOCKED names the owner's pid; LEAT_EMISMATCH: the directory belongs to another node or cluster, or
 * is not empty and has no meta.properties; LEAT_EREADONLY, LEAT_EIO: says which path. Removes the clean markers. */
int log_store_open(const struct log_store_options *options,
                   struct log_store **ret_store,
                   struct leat_error **reterr);

/* 22 characters, made on the first start; they live as long as the store. */
const char *log_store_cluster_id(const struct log_store *store);
const char *log_store_directory_id(const struct log_store *store, size_t dir);
bool log_store_clean(const struct log_store *store); /* every directory had its clean marker */

struct log_partition_options {
    const char *topic;
    int32_t partition;
    uint8_t topic_id[16];
    int32_t leader_epoch; /* as the metadata store knows it */
    const struct log_config *config;
};

/* Attach the partition to its directory, or make one in the entry with the fewest partitions. After log_store_load it is
 * made, synced and ready when this returns; before, log_store_load does that. LEAT_EMISMATCH: a directory of that name
 * has another topic id. The caller holds the reference that it gets. Blocks for the disk. */
int log_store_add(struct log_store *store,
                  const struct log_partition_options *options,
                  struct log_partition **ret_part,
                  struct leat_error **reterr);

/* The same for several, side by side: they wait for the disk together.
 *
 *   ret_parts  count entries; NULL for those that could not be added
 *
 * Returns 0, or the first error; the others are there all the same, and are the caller's to keep or to remove. */
int log_store_add_all(struct log_store *store,
                      const struct log_partition_options *options,
                      size_t count,
                      struct log_partition **ret_parts,
                      struct leat_error **reterr);

/* Recover what was added. A partition that cannot be recovered is offline (log_partition_failure) and the others serve:
 * only failures of a whole directory are returned. */
int log_store_load(struct log_store *store, struct leat_error **reterr);

/* After load: true when the partition was opened without the clean marker or its tail was cut. The caller raises the
 * epoch in the metadata store, then calls log_partition_set_leader_epoch. */
bool log_partition_needs_epoch(const struct log_partition *part);

struct log_epoch_raise {
    struct log_partition *part;
    int32_t leader_epoch;
    int err; /* out: of log_partition_set_leader_epoch */
};

/* log_partition_set_leader_epoch for many, side by side. Blocks for the disk. */
void log_store_raise_epochs(struct log_epoch_raise *raises, size_t count);

/* Directories that no log_store_add claimed, after load; each was reported as an event. They are left alone. */
size_t log_store_stray_count(const struct log_store *store);

int log_store_start(struct log_store *store, struct leat_error **reterr);

/* Second step of a deletion: the directory is renamed to <name>.<uuid>-delete at once and removed after
 * file.delete.delay.ms. Later appends and reads answer LEAT_EDELETED. `gone` (may be NULL) runs on the background thread
 * when the directory has left the disk, and so can be forgotten. On an error the partition is gone all the same, its
 * directory stays for the next start. After it returned the listener does not hear of the partition any more.
 * Blocks for the rename and for a flush under way. */
int log_store_remove(struct log_store *store,
                     struct log_partition *part,
                     void (*gone)(void *arg),
                     void *arg);

/* At start, between log_store_open and log_store_load: finish the deletion of a topic id that was deleted before the
 * crash or stop. Its directories are renamed at once and removed on the background thread; `gone` (may be NULL) runs there
 * once for each. Returns how many there are (0: nothing is left, the id can be forgotten), or LEAT_EIO, LEAT_ENOMEM.
 * Blocks for the renames. */
int log_store_remove_topic_id(struct log_store *store,
                              const uint8_t topic_id[16],
                              const char *topic,
                              void (*gone)(void *arg),
                              void *arg);

/* One partition's records to delete. */
struct log_deletion {
    struct log_partition *part;
    int64_t offset;    /* as in log_partition_delete_records */
    int64_t log_start; /* result, where err is 0 */
    int err;           /* result */
};

/* log_partition_delete_records of many partitions, with one write of each directory's checkpoint; also several times of
 * the same one, in this order. Blocks for the disk: run it with log_store_run. */
void log_store_delete_records(struct log_store *store,
                              struct log_deletion *deletions,
                              size_t count);

/* Run fn(arg) on a reader thread: whatever may wait for a disk and must not do so on an I/O loop.
 * LEAT_ENOMEM: fn will not be called. Never waits; jobs run in order of arrival, reader_threads at a time. */
int log_store_run(struct log_store *store, void (*fn)(void *arg), void *arg);

/* Run flush, checkpoint, retention and deletion rounds, as far as the clock says that they are due (checkpoint and retention
 * always), and wait for them. Tests with a fake clock call it after moving the clock: the threads do not see it move. */
void log_store_tick(struct log_store *store);

struct log_dir_info {
    const char *path;
    uint64_t total_bytes, usable_bytes; /* of the file system */
    size_t partition_count;
    bool offline;     /* its own files failed */
    bool full;        /* appends are refused until there is space */
    bool time_paused; /* nothing is deleted by time: the wall clock jumped */
};
size_t log_store_dir_count(const struct log_store *store);
void log_store_dir_info(struct log_store *store, size_t dir, struct log_dir_info *ret);

struct log_store_stats {
    uint64_t flushes, flush_bytes,
        flush_ns; /* fdatasync calls, bytes they covered, time they took */
    uint64_t flush_failures, appends, append_bytes, cold_reads;
    uint64_t segments, maps, partitions, partitions_offline;
    uint64_t flush_bucket[32]; /* flushes that took < 2^i microseconds */
};
void log_store_stats(struct log_store *store, struct log_store_stats *ret);

/* End the storage threads: queued jobs run, then nothing is flushed, checkpointed or removed any more and no thread calls
 * the listener. Idempotent; log_store_close does it too. For whoever has to free what the listener looks at. Blocks. */
void log_store_halt(struct log_store *store);

/* clean: flush everything, seal active segments, write checkpoints and the marker. Otherwise only threads end and memory
 * is freed (tests of a crash). All references to partitions must have been returned. NULL is accepted. */
int log_store_close(struct log_store *store, bool clean, struct leat_error **reterr);

#endif
