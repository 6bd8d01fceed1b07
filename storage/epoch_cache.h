/* epoch_cache.h: at which offset each leader epoch began (file leader-epoch-checkpoint).
 *
 *   0            version
 *   2            entries that follow
 *   0 0          epoch, first offset that it may have
 *   3 4711
 *
 * Both columns grow. An epoch that never got a record has an entry too, if it is the newest.
 * Threads: any; a small lock of its own. Source: Kafka LeaderEpochFileCache, KIP-101. */
#ifndef LOG_EPOCH_CACHE_H
#define LOG_EPOCH_CACHE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file_ops.h"

struct log_epoch_entry {
    int64_t start_offset;
    int32_t epoch;
};

struct log_epoch_cache {
    pthread_mutex_t lock;            /* guards all below */
    struct log_epoch_entry *entries; /* ascending; owned */
    size_t count;
    size_t capacity;
};

void log_epoch_cache_init(struct log_epoch_cache *cache);
void log_epoch_cache_release(struct log_epoch_cache *cache);

/* Read the file of a partition directory. Returns 0, LEAT_ENOENT, LEAT_ECORRUPT (not as above; the cache stays empty:
 * rebuild from the log), LEAT_EIO, LEAT_ENOMEM. Blocks. */
int log_epoch_cache_load(struct log_epoch_cache *cache,
                         const struct lt_file_ops *ops,
                         const char *dir);

/* Replace the file. Blocks for the disk; call without the partition's mutex. */
int log_epoch_cache_save(struct log_epoch_cache *cache,
                         const struct lt_file_ops *ops,
                         const char *dir);

/* Epoch begins at start_offset. An epoch not above the newest one changes nothing; entries at or behind start_offset had no
 * records and go. LEAT_ENOMEM. */
int log_epoch_cache_assign(struct log_epoch_cache *cache, int32_t epoch, int64_t start_offset);

/* The log was cut at its end / trimmed at its start. */
void log_epoch_cache_cut_end(struct log_epoch_cache *cache, int64_t end_offset);
void log_epoch_cache_cut_start(struct log_epoch_cache *cache, int64_t log_start);

int32_t log_epoch_cache_latest(struct log_epoch_cache *cache);             /* -1: none */
int32_t log_epoch_cache_at(struct log_epoch_cache *cache, int64_t offset); /* -1: unknown */

/* Where an epoch ended, as OffsetForLeaderEpoch answers: the largest known epoch <= the one asked for, and the start offset of
 * the next one; log_end for the latest. An epoch above the latest, or nothing known: -1 and -1. An epoch older than all that
 * are known answers with itself and the start of the oldest.
 * Source: KIP-101, KIP-279, Kafka LeaderEpochFileCache.endOffsetFor. */
void log_epoch_cache_end(struct log_epoch_cache *cache,
                         int32_t epoch,
                         int64_t log_end,
                         int32_t *ret_epoch,
                         int64_t *ret_end_offset);

#endif
