/* Append: one batch from the caller's buffer into the log.
 *
 *   1. space in the budget of unsynced bytes is taken       LEAT_EAGAIN: the batch was not touched
 *   2. header, CRC and records are judged, without a lock   proto_batch_prepare
 *   3. the mutex
 *   4. an idempotent producer's sequence                    a duplicate is answered from memory, nothing is written
 *   5. the segment: first one, roll, space on the disk      LEAT_ENOSPACE: nothing written
 *   6. base offset and leader epoch go into the header
 *   7. pwrite                                               the last step that can fail; a failure is final
 *   8. producer state, index entries, then the new end by one release store
 *   9. the flusher is told (disk), or the high watermark follows (memory) */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "proto/batch_check.h"
#include "storage/partition_private.h"

static bool reserve_bytes(struct log_partition *part, const struct log_config *config, size_t size);
static void give_back_bytes(struct log_partition *part, uint64_t size);
static int append_locked(struct log_partition *part,
                         const struct log_config *config,
                         const struct proto_batch_verdict *verdict,
                         struct log_append_result *ret);

static void fill_rules(const struct log_config *config,
                       const struct log_append_options *options,
                       struct proto_batch_rules *rules)
{
    proto_batch_rules_init(rules);
    rules->batch_bytes_max = (size_t)config->max_message_bytes;
    rules->segment_bytes_max = (size_t)config->segment_bytes;
    rules->before_max_ms = config->timestamp_before_max_ms;
    rules->after_max_ms = config->timestamp_after_max_ms;
    rules->validation = (enum proto_batch_validation)config->validation;
    rules->codec = options->from_client ? config->compression : PROTO_CODEC_PRODUCER;
    rules->level = config->compression_level;
    rules->produce_version = options->produce_version;
    rules->append_time = config->timestamp_type == LOG_APPEND_TIME;
    rules->compacted = config->cleanup_compact;
    rules->internal = !options->from_client;
}

static int judge_and_append(struct log_partition *part,
                            const struct log_config *config,
                            uint8_t *batch,
                            size_t size,
                            const struct log_append_options *options,
                            struct log_append_result *ret,
                            struct proto_batch_verdict *verdict)
{
    struct proto_batch_rules rules;
    fill_rules(config, options, &rules);
    int err = proto_batch_prepare(batch, size, &rules, lt_clock_wall_ms(part->env->clock), verdict);
    if (err != 0) {
        give_back_bytes(part, size);
        return err;
    }
    if (verdict->size > size) { /* recompressed into something larger */
        atomic_fetch_add_explicit(&part->reserved_bytes, verdict->size - size,
                                  memory_order_relaxed);
    }
    (void)pthread_mutex_lock(&part->mutex);
    err = append_locked(part, config, verdict, ret);
    (void)pthread_mutex_unlock(&part->mutex);
    uint64_t reserved = verdict->size > size ? verdict->size : size;
    bool written = err == 0 && !ret->duplicate;
    uint64_t used = written ? verdict->size : 0;
    if (reserved > used) {
        give_back_bytes(part, reserved - used);
    }
    if (written) {
        ret->log_append_time_ms = verdict->append_time;
        atomic_fetch_add_explicit(&part->env->appends, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&part->env->append_bytes, verdict->size, memory_order_relaxed);
    } else if (err == LEAT_EIO) {
        part->env->moved(part->env, part); /* whoever waits for an ack must hear of the failure */
    }
    return err;
}

int log_partition_append(struct log_partition *part,
                         uint8_t *batch,
                         size_t size,
                         const struct log_append_options *options,
                         struct log_append_result *ret,
                         struct proto_batch_verdict *verdict)
{
    int err = log_partition_ready(part);
    if (err != 0) {
        return err;
    }
    if (atomic_load_explicit(&part->failed, memory_order_acquire)) {
        return LEAT_EFAILED;
    }
    struct log_config config;
    log_partition_config(part, &config);
    if (!reserve_bytes(part, &config, size)) {
        return LEAT_EAGAIN;
    }
    struct proto_batch_verdict own;
    if (verdict == NULL) {
        proto_batch_verdict_init(&own);
    }
    struct proto_batch_verdict *used = verdict == NULL ? &own : verdict;
    err = judge_and_append(part, &config, batch, size, options, ret, used);
    if (verdict == NULL) {
        proto_batch_verdict_release(&own);
    }
    return err;
}

/* ---- the budget of bytes that are not on disk ---- */

/* `before` bytes were reserved when `size` more were added. It may be old by now: what others appended and flushed since
 * then may make `flushed` the larger number. One batch alone always fits. */
static bool
fits_budget(const struct log_partition *part, uint64_t before, uint64_t flushed, size_t size)
{
    return before <= flushed || before + size <= flushed ||
           before + size - flushed <= part->env->unsynced_bytes_max;
}

/* Taken before the batch is touched, so that a batch that has to wait can be tried again as it came. */
static bool reserve_bytes(struct log_partition *part, const struct log_config *config, size_t size)
{
    uint64_t before = atomic_fetch_add_explicit(&part->reserved_bytes, size, memory_order_acq_rel);
    if (config->durability == LOG_DURABILITY_MEMORY ||
        fits_budget(part, before, atomic_load_explicit(&part->flushed_bytes, memory_order_acquire),
                    size)) {
        return true;
    }
    atomic_store(&part->starved, true);
    /* A flush that ended before the line above has told nobody: look again. */
    if (fits_budget(part, before, atomic_load(&part->flushed_bytes), size)) {
        return true;
    }
    atomic_fetch_sub_explicit(&part->reserved_bytes, size, memory_order_acq_rel);
    /* The bytes may be those of a time when the partition was a memory one: nobody flushes them but for this. */
    (void)pthread_mutex_lock(&part->mutex);
    if (!part->dirty_told && !atomic_load_explicit(&part->failed, memory_order_relaxed) &&
        !atomic_load_explicit(&part->deleted, memory_order_relaxed)) {
        part->dirty_told = true;
        part->env->dirty(part->env, part);
    }
    (void)pthread_mutex_unlock(&part->mutex);
    return false;
}

static void give_back_bytes(struct log_partition *part, uint64_t size)
{
    atomic_fetch_sub(&part->reserved_bytes, size);
    if (atomic_exchange(&part->starved, false)) {
        part->env->moved(part->env, part);
    }
}

/* ---- under the mutex ---- */

/* Kafka's rule: the first batch's own time counts; without timestamps the age of the file does. */
static bool roll_is_due(const struct log_partition *part,
                        const struct log_config *config,
                        const struct log_segment *seg,
                        int64_t timestamp)
{
    int64_t from = seg->first_timestamp >= 0 ? seg->first_timestamp : seg->created_ms;
    int64_t to = seg->first_timestamp >= 0 ? timestamp : lt_clock_wall_ms(part->env->clock);
    return to > from && to - from > config->segment_ms - seg->roll_jitter_ms;
}

static bool must_roll(const struct log_partition *part,
                      const struct log_config *config,
                      const struct proto_batch_verdict *verdict)
{
    const struct log_segment *seg = part->active;
    uint64_t used = atomic_load_explicit(&seg->size, memory_order_relaxed);
    if (used == 0) {
        return false;
    }
    uint64_t limit = (uint64_t)config->segment_bytes < seg->map_limit
                         ? (uint64_t)config->segment_bytes
                         : seg->map_limit;
    const struct log_indexes *indexes = atomic_load_explicit(&seg->indexes, memory_order_relaxed);
    uint64_t entries_max = (uint64_t)config->segment_index_bytes / LOG_OFFSET_ENTRY_SIZE;
    uint64_t times_max = (uint64_t)config->segment_index_bytes / LOG_TIME_ENTRY_SIZE;
    int64_t last_offset = atomic_load_explicit(&part->log_end, memory_order_relaxed) +
                          verdict->header.last_offset_delta;
    return verdict->size > limit || used > limit - verdict->size ||
           log_index_count(&indexes->offsets) >= entries_max ||
           log_index_count(&indexes->times) + 1 >= times_max ||
           last_offset - seg->base_offset > INT32_MAX ||
           roll_is_due(part, config, seg, verdict->header.max_timestamp);
}

/* The active segment, with space for the batch and for its index entries. */
static int make_room(struct log_partition *part,
                     const struct log_config *config,
                     const struct proto_batch_verdict *verdict)
{
    int err = 0;
    if (part->active == NULL) {
        err = log_partition_first_segment(part, config);
    } else if (must_roll(part, config, verdict)) {
        err = log_partition_roll(part, config);
    } else if (atomic_load_explicit(&part->active->fd, memory_order_relaxed) < 0) {
        err = log_segment_open(part->active, false);
    }
    struct log_segment *seg = part->active;
    if (err == 0 && verdict->size > seg->map_limit) {
        /* Empty, and made for a smaller segment.bytes. */
        err = log_segment_widen(seg, (uint64_t)config->segment_bytes);
    }
    if (err == 0) {
        err = log_indexes_reserve(atomic_load_explicit(&seg->indexes, memory_order_relaxed));
    }
    if (err == 0) {
        err = log_segment_allocate(seg, atomic_load_explicit(&seg->size, memory_order_relaxed) +
                                            verdict->size);
    }
    return err;
}

/* Everything that could fail is done: let readers see the batch. */
static void publish(struct log_partition *part,
                    const struct log_config *config,
                    const struct log_batch_at *batch,
                    struct log_append_result *ret)
{
    struct log_segment *seg = part->active;
    struct log_indexes *indexes = atomic_load_explicit(&seg->indexes, memory_order_relaxed);
    log_indexes_note(indexes, seg->base_offset, seg->index_interval, batch);
    atomic_store_explicit(&seg->max_timestamp, indexes->max_timestamp, memory_order_release);
    if (batch->position == 0) {
        seg->first_timestamp = batch->header.max_timestamp;
    }
    int64_t log_end = batch->last_offset + 1;
    atomic_store_explicit(&seg->next_offset, log_end, memory_order_release);
    atomic_store_explicit(&seg->size, batch->position + batch->size, memory_order_release);
    bool memory = config->durability == LOG_DURABILITY_MEMORY;
    int64_t high_watermark =
        memory ? log_end : atomic_load_explicit(&part->high_watermark, memory_order_relaxed);
    struct log_offset_move move = {-1, high_watermark, log_end};
    log_partition_move_offsets(part, &move);
    part->appended_bytes += batch->size;
    ret->base_offset = batch->header.base_offset;
    ret->last_offset = batch->last_offset;
    ret->log_start_offset = atomic_load_explicit(&part->log_start, memory_order_relaxed);
    ret->visible = memory;
    ret->duplicate = false;
}

/* Does the flusher have to hear of this append? */
static bool flush_wanted(struct log_partition *part, const struct log_config *config)
{
    bool first = part->dirty_since_ms < 0;
    if (first) {
        part->dirty_since_ms = lt_clock_mono_ms(part->env->clock);
    }
    if (part->dirty_told) {
        return false;
    }
    int64_t waiting = atomic_load_explicit(&part->log_end, memory_order_relaxed) -
                      atomic_load_explicit(&part->durable_end, memory_order_relaxed);
    if (config->durability == LOG_DURABILITY_DISK || waiting >= config->flush_messages) {
        part->dirty_told = true;
        return true;
    }
    return first && config->flush_ms != INT64_MAX; /* due later: flush.messages may come before */
}

/* LEAT_EEXISTS: the batch stands in the log already; ret says where. */
static int judge_sequence(struct log_partition *part,
                          const struct log_config *config,
                          const struct proto_batch_header *header,
                          struct log_append_result *ret)
{
    struct log_producer_batch first;
    int err = log_producers_check(&part->producers, header, lt_clock_wall_ms(part->env->clock),
                                  config->producer_expiration_ms, &first);
    if (err == LEAT_EEXISTS) {
        ret->base_offset = first.first_offset;
        ret->last_offset = first.last_offset;
        ret->log_append_time_ms = first.timestamp_ms;
        ret->log_start_offset = atomic_load_explicit(&part->log_start, memory_order_relaxed);
        ret->visible =
            first.last_offset < atomic_load_explicit(&part->high_watermark, memory_order_relaxed);
        ret->duplicate = true;
    }
    return err;
}

static int append_locked(struct log_partition *part,
                         const struct log_config *config,
                         const struct proto_batch_verdict *verdict,
                         struct log_append_result *ret)
{
    bool idempotent =
        verdict->header.producer_id >= 0 && (verdict->header.attributes & PROTO_BATCH_CONTROL) == 0;
    if (atomic_load_explicit(&part->deleted, memory_order_relaxed)) {
        return LEAT_EDELETED;
    }
    if (atomic_load_explicit(&part->failed, memory_order_relaxed)) {
        return LEAT_EFAILED;
    }
    int err = idempotent ? judge_sequence(part, config, &verdict->header, ret) : 0;
    if (err != 0) {
        return err == LEAT_EEXISTS ? 0 : err;
    }
    int64_t log_end = atomic_load_explicit(&part->log_end, memory_order_relaxed);
    if (log_end > INT64_MAX - INT32_MAX - 1) {
        return LEAT_EFULL; /* the end of all offsets */
    }
    err = make_room(part, config, verdict);
    if (err == 0 && idempotent) {
        err = log_producers_reserve(&part->producers, verdict->header.producer_id);
    }
    if (err != 0) {
        if (err == LEAT_EIO || err == LEAT_ENOENT) {
            log_partition_poison(part, "%s-%" PRId32 ": no space could be reserved in the log",
                                 part->topic, part->number);
            return LEAT_EIO;
        }
        return err;
    }
    struct log_segment *seg = part->active;
    struct log_batch_at batch = {.position = atomic_load_explicit(&seg->size, memory_order_relaxed),
                                 .size = verdict->size,
                                 .last_offset = log_end + verdict->header.last_offset_delta,
                                 .header = verdict->header};
    batch.header.base_offset = log_end;
    proto_batch_set_base_offset(verdict->batch, log_end);
    proto_batch_set_leader_epoch(verdict->batch,
                                 atomic_load_explicit(&part->leader_epoch, memory_order_relaxed));
    int fd = atomic_load_explicit(&seg->fd, memory_order_relaxed);
    err = part->env->ops->pwrite(part->env->ops, fd, verdict->batch, verdict->size, batch.position);
    if (err != 0) {
        log_partition_poison(
            part,
            "%s-%" PRId32 ": writing %zu bytes at byte %" PRIu64 " of %020" PRId64 ".log failed",
            part->topic, part->number, verdict->size, batch.position, seg->base_offset);
        return LEAT_EIO;
    }
    if (idempotent) {
        log_producers_note(&part->producers, &batch.header, batch.last_offset,
                           lt_clock_wall_ms(part->env->clock));
    }
    publish(part, config, &batch, ret);
    if (flush_wanted(part, config)) {
        part->env->dirty(part->env, part);
    }
    return 0;
}
