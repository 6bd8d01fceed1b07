/* store_impl.h: what store.c and background.c share: the store, its directories, its records of partitions.
 *
 * Locks (the order stands in docs/locking.md):
 *   log_store.mutex           the table of partitions, partition counts, retired counters
 *   log_dir.checkpoint_mutex  one writer of the directory's checkpoint files at a time
 *   log_slot.listener_mutex   the listener hears of a partition, or it has been removed
 *
 * Threads: per field. */
#ifndef LOG_STORE_IMPL_H
#define LOG_STORE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "storage/checkpoint.h"
#include "storage/data_dir.h"
#include "storage/disk_space.h"
#include "storage/flush.h"
#include "storage/partition_impl.h"
#include "storage/reader.h"
#include "storage/store.h"

struct log_background;

/* The store's record of one partition. In the table from log_store_add to log_store_remove; freed with the partition. */
struct log_slot {
    struct log_env env; /* first: hooks find the slot by it */
    struct log_flush_item flush;
    struct log_store *store;
    struct log_dir *dir;
    struct log_partition
        *part;         /* the store's reference, while in the table; NULL while it is being made */
    bool make_dir;     /* no directory, or none with a partition.metadata */
    atomic_bool ready; /* background work may touch it */
    pthread_mutex_t listener_mutex; /* held while the listener's `moved` runs for this partition */
    bool removed;                   /* listener_mutex: the listener does not hear of it any more */
    atomic_bool failure_told;       /* the operator has heard why it is offline */
    size_t reap_waiting;            /* background thread: deleted segments that wait */
    UT_hash_handle hh;              /* by name */
    char name[];                    /* "<topic>-<partition>" */
};

struct log_dir {
    struct log_store *store;
    struct log_data_dir disk; /* constant after load, but for entries[].claimed */
    struct log_disk_space *space;
    struct log_flusher *flusher;
    struct log_background *background;
    struct log_checkpoint recovery_points; /* as read at start; constant */
    struct log_checkpoint log_starts;      /* the same */
    size_t partition_count;                /* store mutex */
    pthread_mutex_t checkpoint_mutex;
    atomic_bool stale; /* the checkpoint files name a partition that is gone */
    atomic_bool offline;
    atomic_bool wall_doubted;       /* nothing is deleted by time */
    atomic_bool close_failed;       /* a partition could not be closed: no clean marker */
    size_t stray_count;             /* main thread */
    _Atomic uint64_t flushed_bytes; /* since the last checkpoint */
    _Atomic int64_t
        checkpoint_wall_ms; /* wall time of the last checkpoint, also of an earlier run; 0 = none */
};

struct log_store {
    struct log_store_options options; /* dirs: not to be used after open */
    struct log_dir *dirs;
    size_t dir_count;
    struct log_reader *reader;
    bool loaded;
    bool started;
    size_t stray_count;
    pthread_mutex_t mutex;
    struct log_slot *slots; /* store mutex: uthash by name */
    size_t slot_count; /* store mutex: also those that left the table and are still referenced */
    uint64_t retired_appends, retired_append_bytes,
        retired_cold_reads; /* store mutex: of freed partitions */
};

/* One line for the operator. No store lock may be held. */
void log_store_event(struct log_store *store,
                     enum lt_diag_level level,
                     const char *event,
                     const char *fmt,
                     ...) __attribute__((format(printf, 4, 5)));

/* The partitions of a directory, each with a reference; freed with log_slots_release. `ready_only`: without those that are
 * still being made or recovered. LEAT_ENOMEM. */
int log_dir_slots(struct log_dir *dir,
                  bool ready_only,
                  struct log_slot ***ret_slots,
                  size_t *ret_count);
void log_slots_release(struct log_slot **slots, size_t count);

/* Tell the listener, unless the partition was removed; and the operator, the first time, when it has failed. No lock may
 * be held. */
void log_slot_moved(struct log_slot *slot);
struct log_slot *log_slot_of(const struct log_partition *part);

/* The directory's own files failed: it and its partitions are offline for good. No lock may be held. Idempotent. */
void log_dir_fail(struct log_dir *dir, const char *why);

/* Write recovery-point-offset-checkpoint / log-start-offset-checkpoint from the partitions as they are now. A failure
 * other than a full disk takes the directory offline. Blocks for the disk. */
int log_dir_write_recovery_points(struct log_dir *dir, struct leat_error **reterr);
int log_dir_write_log_starts(struct log_dir *dir, struct leat_error **reterr);

#endif
