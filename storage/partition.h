/* partition.h: the log of one partition: append at the end, read anywhere, keep four offsets in order.
 *
 *   log start <= last stable <= high watermark <= log end
 *
 * log end        offset of the next record
 * high watermark first offset that consumers do not see: the durable end (durability disk), or log end (memory)
 * last stable    first offset that read_committed consumers do not see; = high watermark without open transactions
 * log start      first offset that may be read; raised by retention and DeleteRecords
 *
 * It is not a topic (server/topics.h) and knows no sockets. The directory, its threads and its files stand in store.h.
 *
 * Threads: every function may be called from any thread. One writer at a time under the partition's mutex; readers take
 * no lock but for the few instructions that count a reference (docs/locking.md). A partition is counted: whoever keeps a pointer holds a reference (log_partition_ref).
 * A failed write or flush is final for the partition until it is reopened: appends answer LEAT_EFAILED, reads below
 * the durable end go on. */
#ifndef LOG_PARTITION_H
#define LOG_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "storage/log_config.h"

struct log_partition;
struct log_segment;
struct proto_batch_verdict;

struct log_partition *log_partition_ref(struct log_partition *part);
void log_partition_unref(struct log_partition *part); /* NULL is accepted */

const char *log_partition_topic(const struct log_partition *part);
int32_t log_partition_number(const struct log_partition *part);

/* The server's own object beside this partition; storage only hands it back. Set before the partition serves, and to NULL
 * before the object is freed: that waits for a visit under way, after it there is none. */
void log_partition_set_owner(struct log_partition *part, void *owner);

/* Call visit(owner), unless there is none. The visit must not set the owner. */
void log_partition_visit_owner(struct log_partition *part, void (*visit)(void *owner));

/* ---- offsets ---- */

struct log_offsets {
    int64_t log_start;
    int64_t last_stable;
    int64_t high_watermark;
    int64_t log_end;
    int32_t leader_epoch;
};

/* A consistent view; no lock. Loads the partition first if it was opened lazily (may then block for a few reads);
 * LEAT_ECORRUPT or LEAT_EIO: the partition is offline, *ret is not written. */
int log_partition_offsets(struct log_partition *part, struct log_offsets *ret);

/* Why the partition is offline, with the offsets concerned; NULL while it is well. Lives as long as the partition. */
const char *log_partition_failure(const struct log_partition *part);

/* Which batch a reader found bad, NULL if none: reads from its offset on answer LEAT_ECORRUPT until the log is repaired,
 * lower offsets are served and appends go on, so the partition is not offline. Lives as long as the partition. */
const char *log_partition_damage(const struct log_partition *part);

/* ---- append ---- */

struct log_append_options {
    int16_t produce_version; /* zstd is refused below 7 */
    bool
        from_client; /* false: records of the server itself, taken as they are (control batches allowed) */
};

struct log_append_result {
    int64_t base_offset;        /* first offset assigned */
    int64_t last_offset;        /* last offset assigned */
    int64_t log_append_time_ms; /* -1 with CreateTime */
    int64_t log_start_offset;
    bool
        visible; /* the high watermark moved with this append (durability memory): wake readers now */
    bool duplicate; /* nothing was written: the offsets and the time are those of the first time */
};

/* Validate one record batch, give it offsets, write it, publish it.
 *
 *   batch    one whole v2 batch of `size` bytes, as it came from the producer; patched in place (offset, epoch, and
 *            timestamps, attributes and CRC where the topic wants another timestamp type or codec)
 *   verdict  which records were refused and why, filled on LEAT_ERECORD and LEAT_ETIMESTAMP; may be NULL
 *
 * The records are in the page cache when this returns 0. They are on disk when the high watermark (disk) has passed
 * ret->last_offset. CRC and header checks run before the lock is taken.
 *
 * Returns 0, or LEAT_ECORRUPT, LEAT_E2BIG (larger than max.message.bytes), LEAT_EFULL (larger than segment.bytes), LEAT_ERECORD,
 * LEAT_ETIMESTAMP, LEAT_ECODEC: the batch is refused, the log unchanged;
 * LEAT_ESEQUENCE, LEAT_EPRODUCER: an idempotent producer's batch that may not stand here (producer_state.h), the log unchanged;
 * LEAT_ENOSPACE: the disk is full, the log unchanged, try again later;
 * LEAT_EAGAIN: leat.flush.unsynced.max.bytes are waiting for the disk: try again when the listener says `moved`;
 * LEAT_EFAILED, LEAT_EIO: the partition is offline until reopened; LEAT_EDELETED: it is being deleted.
 * Blocks: for the partition's mutex and a write into the page cache, never for the disk. */
int log_partition_append(struct log_partition *part,
                         uint8_t *batch,
                         size_t size,
                         const struct log_append_options *options,
                         struct log_append_result *ret,
                         struct proto_batch_verdict *verdict);

/* What is known of the idempotent producers, newest last; *ret_infos is the caller's (lt_free), NULL when there are none.
 * LEAT_ENOMEM, or why the partition is offline. */
struct log_producer_info {
    int64_t id;
    int64_t last_timestamp_ms; /* of its last batch */
    int32_t last_sequence;
    int16_t epoch;
};
int log_partition_producers(struct log_partition *part,
                            struct log_producer_info **ret_infos,
                            size_t *ret_count);

/* ---- read ---- */

enum log_isolation {
    LOG_READ_UNCOMMITTED = 0,
    LOG_READ_COMMITTED = 1,
    LOG_READ_LOG_END = 2 /* offline tools, tests */
};

struct log_read_options {
    int64_t offset;          /* first offset wanted */
    size_t size_max;         /* whole batches up to this many bytes */
    bool first_batch_always; /* return the first batch even if it alone is larger (KIP-74) */
    enum log_isolation isolation;
};

/* A run of whole batches inside one segment. Holds a reference on the segment: release it. */
struct log_extent {
    struct log_segment *seg;
    const uint8_t *data; /* the bytes in the shared read-only map; valid until release */
    int fd;              /* the .log file, for sendfile; valid until release */
    uint64_t position;   /* of the first byte in the file */
    size_t size;         /* 0: nothing to read at this offset now */
    int64_t base_offset; /* of the first batch: <= the offset asked for */
    int64_t next_offset; /* one past the last record of the run */
};

/* Find the bytes at an offset. A run ends at a segment's end, at the isolation bound or at size_max; it begins with the
 * batch that contains the offset (or the next one after it, where compaction left a gap).
 *
 *   ret_offsets  the offsets as of this read (the run ends at or before the bound that they show)
 *
 * Returns 0 (ret->size may be 0), LEAT_ERANGE (offset < log start or > log end; ret_offsets is written),
 * LEAT_ECORRUPT or LEAT_EIO when a batch there failed its check: it is never handed out; LEAT_EFAILED when the partition
 * failed and the offset lies where the disk may have nothing.
 * The CRC of what an earlier process wrote is checked at its first read: here if that is cheap, else log_extent_resident
 * says no and log_extent_load checks it.
 * Blocks: page faults for index and batch headers that are not resident. */
int log_partition_read(struct log_partition *part,
                       const struct log_read_options *options,
                       struct log_extent *ret,
                       struct log_offsets *ret_offsets);
void log_extent_release(struct log_extent *extent); /* empty is accepted */

/* Another holder of the same bytes: fills *ret with its own reference. */
void log_extent_share(const struct log_extent *extent, struct log_extent *ret);

/* Are the bytes in the page cache (a sample is asked for), and known to be sound? If not, hand the request to
 * log_store_run first (log_extent_load there). */
bool log_extent_resident(const struct log_extent *extent);

/* Read the bytes in (readahead and touch), and check CRCs that nobody has checked since the log was opened. Blocks for
 * the disk. LEAT_EIO: they cannot be read; LEAT_ECORRUPT: a batch among them is bad, a new read ends before it. */
int log_extent_load(const struct log_extent *extent);

/* Copy `size` bytes from place `at` of the extent (both within its size). LEAT_EIO instead of SIGBUS where the disk cannot
 * deliver a page: whoever reads `data` directly takes that risk. Blocks for page faults. */
int log_extent_copy(const struct log_extent *extent, size_t at, void *ret_bytes, size_t size);

/* Bytes that a read at this offset could return now, over all segments; 0 when the offset is out of range.
 * Cheap: no more than an index lookup. */
uint64_t
log_partition_readable(struct log_partition *part, int64_t offset, enum log_isolation isolation);

/* ---- lookups ---- */

struct log_time_hit {
    int64_t offset; /* -1: not found */
    int64_t timestamp_ms;
    int32_t leader_epoch; /* of the batch */
};

/* The first record (lowest offset >= log start) whose timestamp is >= timestamp_ms and that the isolation lets a consumer
 * see; exact to the record, also inside compressed batches and when timestamps are out of order. With LogAppendTime a
 * record's time is its batch's max timestamp. Blocks for reads and decompression: run it with log_store_run. */
int log_partition_find_time(struct log_partition *part,
                            int64_t timestamp_ms,
                            enum log_isolation isolation,
                            struct log_time_hit *ret);

/* The first record that has the largest timestamp of the log (KIP-734); offset -1 for an empty log. Blocks as above. */
int log_partition_find_max_time(struct log_partition *part,
                                enum log_isolation isolation,
                                struct log_time_hit *ret);

/* End of a leader epoch (OffsetForLeaderEpoch): as log_epoch_cache_end. */
void log_partition_epoch_end(struct log_partition *part,
                             int32_t epoch,
                             int32_t *ret_epoch,
                             int64_t *ret_end_offset);
int32_t log_partition_epoch_at(struct log_partition *part, int64_t offset); /* -1: unknown */

/* ListOffsets v0: offsets of segment starts (and the end) whose segments are older than the timestamp, newest first. */
int log_partition_segments_before(struct log_partition *part,
                                  int64_t timestamp_ms,
                                  int64_t *ret_offsets,
                                  size_t count_max,
                                  size_t *ret_count);

uint64_t
log_partition_size(struct log_partition *part); /* bytes of all .log files, as readers see them */
const char *
log_partition_dir(const struct log_partition *part); /* entry of log.dirs that holds it */

/* ---- change ---- */

/* Takes effect with the next append, roll and retention round. */
int log_partition_set_config(struct log_partition *part, const struct log_config *config);
void log_partition_config(struct log_partition *part, struct log_config *ret);

/* Raise log start (DeleteRecords). offset -1 = up to the high watermark; below log start changes nothing.
 * The new start is on disk (log-start-offset-checkpoint) when this returns 0. LEAT_ERANGE above the high watermark;
 * LEAT_EFAILED, LEAT_EIO: records of a memory partition had to be flushed first and could not be.
 * Blocks for the disk: run it with log_store_run. */
int log_partition_delete_records(struct log_partition *part,
                                 int64_t offset,
                                 int64_t *ret_log_start);

/* Begin a new leader epoch at log end: the next batches carry it. Never lower. Written to leader-epoch-checkpoint and
 * synced before it returns. Blocks for the disk. */
int log_partition_set_leader_epoch(struct log_partition *part, int32_t epoch);

#endif
