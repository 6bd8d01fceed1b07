/* partition_producers.c: a partition's producer state between the log and its file.
 *
 *   load  the newest .producers file that fits the log, then every batch behind its offset
 *   save  at each checkpoint, for the offset that it brings the log to; the file before it stays, older ones go
 *
 * So after a crash only the tail that recovery walks is looked at again. Nothing waits for the disk here: should a power cut
 * leave the newest file damaged, the one before it, a checkpoint older, has long been written, and without both the log is read
 * from its start. A log without idempotent producers has these files too, empty ones, which spare its next start that walk.
 * A file that ends below log start is not used: batches behind it are gone, and a state that misses them would take the
 * next ones for gaps. State of batches that retention took can be lost so, or with the files: their producers may then go
 * on at any sequence, as in Kafka. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "storage/partition_private.h"
#include "storage/producer_file.h"

#define REPLAY_BYTES ((size_t)1 << 20)

static int replay(struct log_partition *part, int64_t from, int64_t log_end);

static void remove_file(struct log_partition *part, int64_t offset)
{
    char path[LOG_PATH_MAX];
    log_producers_path(part->dir, offset, path, sizeof(path));
    (void)part->env->ops->unlink(part->env->ops,
                                 path); /* left over, it is looked at and passed by */
}

/* ---- load ---- */

/* The file with the largest offset from `least` to `most` that can be read; *ret_offset -1: none. Those that cannot are
 * removed. */
static int read_newest(struct log_partition *part,
                       const int64_t *saved,
                       size_t count,
                       int64_t least,
                       int64_t most,
                       int64_t *ret_offset)
{
    for (;;) {
        int64_t best = -1;
        for (size_t i = 0; i < count; i++) {
            best = saved[i] > best && saved[i] <= most ? saved[i] : best;
        }
        if (best < least) {
            *ret_offset = -1;
            return 0;
        }
        *ret_offset = best;
        int err = log_producers_read(part->env->ops, part->dir, best, &part->producers);
        if (err == 0 || err == LEAT_ENOMEM) {
            return err;
        }
        remove_file(part, best);
        most = best - 1;
    }
}

int log_partition_load_producers(struct log_partition *part, const int64_t *saved, size_t count)
{
    int64_t log_start = atomic_load_explicit(&part->log_start, memory_order_relaxed);
    int64_t log_end = atomic_load_explicit(&part->log_end, memory_order_relaxed);
    int64_t from;
    int err = read_newest(part, saved, count, log_start, log_end, &from);
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        if (saved[i] != from) {
            remove_file(part, saved[i]); /* of a tail that was cut, below log start, or older */
        }
    }
    part->producers_saved = from;
    err = replay(part, from > log_start ? from : log_start, log_end);
    if (err == LEAT_ECORRUPT || err == LEAT_EIO) {
        /* A reader meets the bad batch too. Half a state would take good batches for gaps. */
        log_producers_release(&part->producers);
        part->producers_saved = -1;
        err = 0;
    }
    return err;
}

static int note_batch(struct log_partition *part, const struct log_batch_at *batch, int64_t from)
{
    const struct proto_batch_header *header = &batch->header;
    if (header->producer_id < 0 || (header->attributes & PROTO_BATCH_CONTROL) != 0 ||
        header->base_sequence < 0 || batch->last_offset < from) {
        return 0;
    }
    int err = log_producers_reserve(&part->producers, header->producer_id);
    if (err == 0) {
        log_producers_note(&part->producers, header, batch->last_offset,
                           lt_clock_wall_ms(part->env->clock));
    }
    return err;
}

/* The batches of one run. */
static int replay_run(struct log_partition *part, const struct log_extent *extent, int64_t from)
{
    const uint8_t *map = extent->data - extent->position;
    uint64_t position = extent->position;
    int64_t expected = extent->base_offset;
    while (position < extent->position + extent->size) {
        struct log_batch_at batch;
        int err = log_segment_peek(extent->seg, map, position, expected, &batch);
        if (err == 0) {
            err = note_batch(part, &batch, from);
        }
        if (err != 0) {
            return err;
        }
        position += batch.size;
        expected = batch.last_offset + 1;
    }
    return 0;
}

static int replay(struct log_partition *part, int64_t from, int64_t log_end)
{
    struct log_segment_list *list = log_partition_list(part);
    struct log_read_options options = {
        .offset = from, .size_max = REPLAY_BYTES, .first_batch_always = true};
    int err = 0;
    while (err == 0 && options.offset < log_end) {
        struct log_extent extent = {.fd = -1};
        err = log_read_list(part, list, &options, log_end, &extent);
        if (err != 0 || extent.size == 0) {
            break;
        }
        err = replay_run(part, &extent, from);
        options.offset = extent.next_offset;
        log_extent_release(&extent);
    }
    log_segment_list_unref(list);
    return err;
}

/* ---- save ---- */

void log_partition_save_producers(struct log_partition *part, int64_t end, struct lt_slice content)
{
    if (part->producers_saved == end ||
        log_producers_write(part->env->ops, part->dir, end, content) != 0) {
        return;
    }
    part->env->ops->crash_point(part->env->ops, "producers_written");
    if (part->producers_before >= 0) {
        remove_file(part, part->producers_before);
    }
    part->producers_before = part->producers_saved;
    part->producers_saved = end;
}

/* ---- what is known ---- */

void log_partition_expire_producers(struct log_partition *part)
{
    struct log_config config;
    log_partition_config(part, &config);
    (void)pthread_mutex_lock(&part->mutex);
    (void)log_producers_expire(&part->producers, lt_clock_wall_ms(part->env->clock),
                               config.producer_expiration_ms); /* how many does not matter */
    (void)pthread_mutex_unlock(&part->mutex);
}

int log_partition_producers(struct log_partition *part,
                            struct log_producer_info **ret_infos,
                            size_t *ret_count)
{
    int err = log_partition_ready(part);
    if (err != 0) {
        return err;
    }
    size_t count = 0;
    log_partition_expire_producers(part);
    (void)pthread_mutex_lock(&part->mutex);
    struct log_producer_info *infos =
        part->producers.count == 0 ? NULL : lt_calloc(part->producers.count, sizeof(*infos));
    bool short_memory = part->producers.count > 0 && infos == NULL;
    const struct log_producer *producer;
    TAILQ_FOREACH (producer, &part->producers.list, link) {
        if (infos != NULL && producer->batch_count > 0) {
            const struct log_producer_batch *last = &producer->batches[producer->batch_count - 1];
            infos[count++] = (struct log_producer_info){.id = producer->id,
                                                        .last_timestamp_ms = last->timestamp_ms,
                                                        .last_sequence = last->last_sequence,
                                                        .epoch = producer->epoch};
        }
    }
    (void)pthread_mutex_unlock(&part->mutex);
    if (short_memory) {
        return LEAT_ENOMEM;
    }
    *ret_infos = infos;
    *ret_count = count;
    return 0;
}
