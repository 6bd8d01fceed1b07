/* segment.h: one segment of a partition: its .log file, its two indexes, and what is known of its bytes.
 *
 *   <prefix>.log        record batches one after the other; the prefix ends in the base offset with 20 digits
 *   <prefix>.index      offset_index.h
 *   <prefix>.timeindex  time_index.h
 *
 * A segment is active (appended to; its newest index entries are in memory) or sealed. Sealing makes a new struct for the
 * same files, which opens them when somebody reads; the old struct lives on while readers or the flusher hold it. In
 * the same way an idle segment gives up its map and descriptor: what a struct has opened stays open until it is freed.
 * It is not a partition: it knows no offsets but its own, no locks but the one that guards its opening.
 *
 * Readers see `size` bytes: all batches below are whole. The file may be longer (space reserved ahead).
 *
 * Threads: the writer (who appends, seals) is alone, under the partition's mutex; readers hold a counted reference and
 * take no lock, but for the first use of a file. */
#ifndef LOG_SEGMENT_H
#define LOG_SEGMENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file_ops.h"
#include "proto/record_batch.h"
#include "storage/index_file.h"
#include "storage/offset_index.h"
#include "storage/time_index.h"

#define LOG_REGION_BITS \
    20 /* CRCs of what an earlier process wrote are checked once per 1 MiB region */
#define LOG_NO_POSITION UINT64_MAX
#define LOG_FALLOCATE_FIRST ((uint64_t)64 << 10)
#define LOG_FALLOCATE_STEP_MAX ((uint64_t)32 << 20)

struct log_indexes {
    struct log_index offsets;
    struct log_index times;
    int64_t max_timestamp;        /* of all batches noted, ms; -1 none */
    int64_t max_timestamp_offset; /* last offset of the batch that has it; -1 none */
    uint64_t bytes_since_entry;   /* appended since the last entry */
};

struct log_segment {
    _Atomic uint32_t
        refs; /* one for each list that has it, each extent, each flush that waits for it */
    const struct lt_file_ops *ops; /* borrowed */
    char *prefix;                  /* path without suffix; owned */
    int64_t base_offset;
    bool sealed;
    uint64_t map_limit; /* bytes of the file that a map spans; the segment never grows beyond */
    uint64_t index_interval;     /* index.interval.bytes */
    _Atomic uint64_t size;       /* published bytes of batches */
    _Atomic int64_t next_offset; /* one past the last record */
    _Atomic int64_t
        max_timestamp; /* active: of all batches; sealed: -2 until the indexes are loaded */

    pthread_mutex_t open_lock;           /* guards the first use of the next three, and `retired` */
    _Atomic int fd;                      /* -1 = not open */
    const uint8_t *_Atomic map;          /* NULL = not mapped */
    struct log_indexes *_Atomic indexes; /* NULL = not loaded */
    struct log_indexes
        *retired; /* indexes that were found wrong, kept for readers that still look */

    uint64_t trusted_from; /* bytes from here on were checked or written by this process */
    _Atomic uint8_t
        *checked; /* one per region below trusted_from: what a check of its CRCs said; owned */
    _Atomic uint64_t
        bad_position;           /* first batch that failed a check; LOG_NO_POSITION = none known */
    _Atomic int64_t bad_offset; /* offset expected there */
    _Atomic int64_t used_ms;    /* monotonic time of the last read, for giving up maps */

    uint64_t allocated; /* writer: bytes the file has */
    int64_t
        first_timestamp;    /* writer: max timestamp of the first batch; -1 none, -2 not read yet */
    int64_t created_ms;     /* writer: wall clock */
    int64_t roll_jitter_ms; /* writer: this segment's random part of segment.jitter.ms */
};

/* A batch as its header says, found sane: whole, magic 2, offsets not below what was expected. */
struct log_batch_at {
    uint64_t position;
    uint64_t size;
    int64_t last_offset;
    struct proto_batch_header header;
};

struct log_segment_options {
    const struct lt_file_ops *ops;
    const char *dir;
    int64_t base_offset;
    uint64_t size; /* bytes that the file has, or 0 */
    int64_t next_offset;
    uint64_t map_limit;
    uint64_t index_interval;
    uint64_t trusted_from;
    bool sealed;
};

/* The struct only; no file is touched. The caller holds the first reference. LEAT_ENOMEM. */
int log_segment_new(const struct log_segment_options *options, struct log_segment **ret_seg);
struct log_segment *log_segment_ref(struct log_segment *seg);
void log_segment_unref(
    struct log_segment *seg); /* NULL is accepted; the last one closes and unmaps */

/* "<prefix><suffix>" in a buffer of `size` bytes. */
void log_segment_path(const struct log_segment *seg,
                      const char *suffix,
                      char *ret_path,
                      size_t size);
#define LOG_PATH_MAX 4352

/* A struct for the same files that has nothing open, with what is known of the bytes. Writer only. */
int log_segment_clone_sealed(const struct log_segment *seg, struct log_segment **ret_seg);

/* Open the .log file if it is not. `create`: make it; what exists must be empty. Returns 0, LEAT_ENOSPACE, LEAT_ENOMEM (no memory, no
 * descriptors), LEAT_ENOENT, LEAT_EIO. Blocks for the disk. */
int log_segment_open(struct log_segment *seg, bool create);

/* Map the .log file if it is not; *ret_map is valid as long as the reference. Errors as log_segment_open, but
 * LEAT_EIO where the file is gone. */
int log_segment_map(struct log_segment *seg, const uint8_t **ret_map);

/* The indexes; a sealed segment's are loaded at first use, and rebuilt from the log when missing or wrong.
 * Returns 0, LEAT_ENOMEM, LEAT_EIO. Blocks for the disk. */
int log_segment_indexes(struct log_segment *seg, struct log_indexes **ret_indexes);

/* A reader found `wrong` to lead to the wrong place: rebuild from the log, unless that was done meanwhile. */
int log_segment_reindex(struct log_segment *seg,
                        struct log_indexes *wrong,
                        struct log_indexes **ret_indexes);

void log_indexes_init(struct log_indexes *indexes);
void log_indexes_free(struct log_indexes *indexes); /* NULL is accepted */

/* Room for the entries of one batch, then the entries themselves, by Kafka's rules. Writer only. */
int log_indexes_reserve(struct log_indexes *indexes);
void log_indexes_note(struct log_indexes *indexes,
                      int64_t base_offset,
                      uint64_t interval,
                      const struct log_batch_at *batch);
/* The last time entry, as sealing asks for. */
int log_indexes_finish(struct log_indexes *indexes, int64_t base_offset);

/* Write both index files up to date, without syncing them. Any thread. LEAT_ENOSPACE, LEAT_EIO. */
int log_segment_persist_indexes(struct log_segment *seg);

/* For a checkpoint: the index files of this segment are up to date and on disk. */
int log_segment_sync_indexes(struct log_segment *seg);

/* The header at a position of the map, judged; `limit` = published bytes, `expected` = lowest base offset allowed.
 * Returns 0 or LEAT_ECORRUPT. To be called inside log_map_guard; log_segment_peek does that itself and may return LEAT_EIO. */
int log_batch_peek(const uint8_t *map,
                   uint64_t limit,
                   uint64_t position,
                   int64_t expected,
                   struct log_batch_at *ret);
int log_segment_peek(struct log_segment *seg,
                     const uint8_t *map,
                     uint64_t position,
                     int64_t expected,
                     struct log_batch_at *ret);

/* Does an index entry lead to the batch that it names? Inside a guard. */
bool log_offset_entry_fits(const uint8_t *map,
                           uint64_t limit,
                           int64_t base_offset,
                           const struct log_offset_entry *entry);

/* log_map_guard over the segment's map and those of its indexes. */
int log_segment_guard(struct log_segment *seg,
                      const struct log_indexes *indexes,
                      int (*fn)(void *arg),
                      void *arg);

/* Remember that the batch at a position failed a check; the lowest one stays. */
void log_segment_set_bad(struct log_segment *seg, uint64_t position, int64_t offset);

/* Space for bytes up to `end` (at most map_limit): the file grows by doubling steps. LEAT_ENOSPACE, LEAT_EIO. Writer. */
int log_segment_allocate(struct log_segment *seg, uint64_t end);

/* Raise map_limit of an empty segment, which nobody has mapped. LEAT_EFULL: somebody has. Writer only. */
int log_segment_widen(struct log_segment *seg, uint64_t map_limit);

/* Cut the file to its published size. Writer only. */
int log_segment_trim(struct log_segment *seg);

/* Have all CRCs in [position, end) been checked by this process? */
bool log_segment_checked(const struct log_segment *seg, uint64_t position, uint64_t end);

/* Check what is unchecked there. Returns 0, LEAT_ECORRUPT (bad_position is set), LEAT_EIO, LEAT_ENOMEM.
 * Blocks for page faults. */
int log_segment_check(struct log_segment *seg, uint64_t position, uint64_t end);

#endif
