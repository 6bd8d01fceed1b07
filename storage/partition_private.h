/* partition_private.h: the inside of struct log_partition, for partition.c, load.c, recovery.c, append.c, read.c,
 * lookup.c, roll.c, sync.c, trim.c and retention.c only.
 *
 * Threads: locks, outermost first (docs/locking.md has the reasons):
 *   load_lock    the first load
 *   io_lock      flush, checkpoint, retention, close: one at a time
 *   mutex        the writer: appends, rolls, every move of an offset
 *   list_lock    only while a reference of the segment list is taken or the list is swapped
 *   config_lock  only while the config is copied
 *   owner_lock   while the owner hears of a move; with none of those above, which it may take
 * Readers take list_lock for a few instructions and nothing else. */
#ifndef LOG_PARTITION_PRIVATE_H
#define LOG_PARTITION_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/epoch_cache.h"
#include "storage/partition_impl.h"
#include "storage/producer_state.h"
#include "storage/segment.h"

/* An immutable array of segments, oldest first; the last one is active. Whoever changes the set makes a new list. */
struct log_segment_list {
    _Atomic uint32_t refs;
    size_t count;
    struct log_segment *segs[]; /* one reference each */
};

enum log_partition_state { LOG_NEW = 0, LOG_READY = 1, LOG_OFFLINE = 2 /* could not be loaded */ };

/* A segment that left the list and waits to be unlinked. */
struct log_doomed {
    struct log_doomed *next;
    struct log_segment *seg; /* one reference */
    int64_t due_ms;          /* monotonic */
};

struct log_partition {
    _Atomic uint32_t refs;
    struct log_env *env;
    char *root;  /* entry of log.dirs; owned */
    char *topic; /* owned */
    char *dir;   /* <root>/<topic>-<partition>; owned */
    int32_t number;
    uint8_t topic_id[16];
    bool create; /* as in log_open_options, the next five too */
    bool clean;
    int64_t open_recovery_point;
    _Atomic int64_t open_log_start; /* read by writers of checkpoints before the load is over */

    pthread_mutex_t owner_lock;
    void *owner; /* guarded by owner_lock */

    pthread_mutex_t config_lock;
    struct log_config config; /* guarded by config_lock */

    pthread_mutex_t load_lock;
    _Atomic int state;        /* enum log_partition_state */
    _Atomic int offline_code; /* of LOG_OFFLINE */
    _Atomic bool failed;      /* a write or flush failed: no more of them */
    _Atomic bool deleted;
    char *_Atomic failure; /* why; set once; owned */
    char *_Atomic damage;  /* a batch that a reader found bad; set once; owned */
    bool was_cut;          /* set by load */

    /* Written by log_partition_move_offsets alone, under the mutex; each only grows once loaded. */
    _Atomic int64_t log_start;
    _Atomic int64_t last_stable;
    _Atomic int64_t high_watermark;
    _Atomic int64_t log_end;
    _Atomic int64_t
        durable_end; /* below it everything is on disk; = high watermark with durability disk */
    _Atomic int64_t recovery_point; /* below it the indexes are on disk too */
    _Atomic int32_t leader_epoch;
    _Atomic int64_t
        bad_offset; /* lowest offset that failed a check while reading; INT64_MAX = none */

    pthread_mutex_t list_lock;
    struct log_segment_list *list; /* guarded by list_lock; one reference */

    pthread_mutex_t mutex;
    struct log_segment *active;  /* last of the list, borrowed; NULL until the first append */
    struct log_doomed *unsynced; /* sealed since the last flush, newest first; guarded by mutex */
    bool new_file; /* a segment was made since the last fsync of the directory; guarded by mutex */
    bool dirty_told; /* of a flush that is due, since the last one began; guarded by mutex */
    int64_t
        dirty_since_ms; /* monotonic time of the first append since then, -1 none; guarded by mutex */
    struct log_producers producers;  /* guarded by mutex */
    uint64_t appended_bytes;         /* written by this process; guarded by mutex */
    _Atomic uint64_t reserved_bytes; /* appended, or about to be */
    _Atomic uint64_t flushed_bytes;  /* of those, on disk */
    _Atomic bool starved;            /* an append was told to wait for a flush */

    pthread_mutex_t io_lock;
    struct log_doomed *doomed; /* guarded by io_lock */
    int64_t producers_saved; /* offset of the newest .producers file, -1 none; guarded by io_lock */
    int64_t producers_before; /* of the one before it; guarded by io_lock */

    struct log_epoch_cache epochs; /* own lock */
};

/* ---- partition.c ---- */

/* Load at first use. 0, or the code that keeps the partition offline, or LEAT_EDELETED. */
int log_partition_ready(struct log_partition *part);

/* The same, and then io_lock is held, with the directory still in its place: once it was renamed, the paths of this
 * partition may be those of a new topic of the same name. On an error the lock is not held. */
int log_partition_lock_io(struct log_partition *part);

struct log_offset_move {
    int64_t log_start; /* -1: stays */
    int64_t high_watermark;
    int64_t log_end;
};
/* The one setter. Mutex held (or nobody else knows the partition yet). */
void log_partition_move_offsets(struct log_partition *part, const struct log_offset_move *move);

/* The offsets in an order that keeps the invariant although they are read one by one. */
void log_partition_snapshot(struct log_partition *part, struct log_offsets *ret);
int64_t log_isolation_bound(const struct log_offsets *offsets, enum log_isolation isolation);

struct log_segment_list *log_partition_list(struct log_partition *part); /* a reference */
void log_segment_list_unref(struct log_segment_list *list);
/* A list with room for `count` segments and none in it. */
struct log_segment_list *log_segment_list_new(size_t count);
void log_partition_swap_list(struct log_partition *part,
                             struct log_segment_list *list); /* takes the reference */
/* Index of the segment that may have the offset: the last one with base <= offset; 0 if there is none. */
size_t log_segment_list_find(const struct log_segment_list *list, int64_t offset);

/* Final for the partition: no more writes. The first text stays. Does not call env->moved. */
void log_partition_poison(struct log_partition *part, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The failure text of a partition that cannot be loaded. */
void log_partition_note_failure(struct log_partition *part, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A reader met a batch that failed its check. Returns LEAT_ECORRUPT. */
int log_partition_note_bad(struct log_partition *part, struct log_segment *seg);

/* ---- read.c ---- */

/* The offsets, and a list that has all segments from log start up to every bound of them. Returns a reference. */
struct log_segment_list *log_partition_view(struct log_partition *part,
                                            struct log_offsets *ret_offsets);

/* Find a run in this list, which reaches to `bound`: as log_partition_read, and also while the partition is loaded. */
int log_read_list(struct log_partition *part,
                  const struct log_segment_list *list,
                  const struct log_read_options *options,
                  int64_t bound,
                  struct log_extent *ret);

/* ---- partition_producers.c ---- */

/* While loading, when all offsets are known: the newest of the `count` files with these offsets that fits the log, and then the
 * batches behind it. Files that do not fit are removed. LEAT_ENOMEM. Blocks for the disk. */
int log_partition_load_producers(struct log_partition *part, const int64_t *saved, size_t count);

/* For a checkpoint at offset `end`: `content` is the state as of then. A failure is no harm: the next load begins at an older
 * file. io_lock held. */
void log_partition_save_producers(struct log_partition *part, int64_t end, struct lt_slice content);

/* ---- trim.c ---- */

/* After a sealed segment was opened by a reader: close those that were not read lately if there are too many. Never waits. */
void log_partition_bound_open(struct log_partition *part);

/* ---- roll.c: mutex held ---- */

int log_partition_first_segment(struct log_partition *part, const struct log_config *config);
/* Seal the active segment and begin one at log end. LEAT_ENOSPACE, LEAT_ENOMEM: unchanged; LEAT_EIO: poisoned. */
int log_partition_roll(struct log_partition *part, const struct log_config *config);
void log_doomed_free(struct log_doomed *list);

/* ---- recovery.c ---- */

struct log_recovery {
    struct log_segment *
        *segs;    /* all segments, oldest first; replaced by sealed ones as they are done */
    size_t count; /* out: less when the log was cut */
    size_t first; /* the first one to be walked */
    int64_t recovery_point; /* a bad batch below it is damage, never a torn tail */
    int64_t resume_below;   /* index entries below this offset are trusted */
    bool ignore_indexes;    /* walk from position 0 */
    bool sync;              /* fdatasync what was read */
    bool compacted;         /* gaps between batches are allowed */
    bool any_amount;        /* durability memory: out-of-order pages of any amount */
    bool cut;               /* out: bytes were cut off */
    int64_t log_end;        /* out */
};
int log_recovery_run(struct log_partition *part,
                     struct log_recovery *recovery,
                     struct leat_error **reterr);

#endif
