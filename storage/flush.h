/* flush.h: group commit: one dirty list per data directory, flusher threads that go round while it is not empty.
 *
 *   append -> log_env.dirty -> log_flusher_queue (list, wake)
 *   flusher: take the list, log_partition_flush for each, `moved` for each, `round` once, again
 *
 * Whatever is appended while a round runs is covered by the next one: one fdatasync answers every append before it.
 * A partition is flushed by one thread at a time. A failed flush is final for its partition and touches no other.
 * Partitions of durability memory stand on the list too when flush.messages or flush.ms asks for it; they wait on a
 * second list until they are due.
 *
 * It owns no partitions: an item is embedded in the store's record of one, and leaves with log_flusher_forget.
 * Threads: any; locks: docs/locking.md. */
#ifndef LOG_FLUSH_H
#define LOG_FLUSH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/error.h"

struct log_partition;
struct log_flusher;

enum log_flush_state {
    LOG_FLUSH_IDLE = 0,    /* in no list */
    LOG_FLUSH_QUEUED = 1,  /* in the dirty list */
    LOG_FLUSH_TIMED = 2,   /* in the list of those that are due later */
    LOG_FLUSH_RUNNING = 3, /* a flusher has it */
    LOG_FLUSH_AGAIN = 4,   /* a flusher has it, and something was appended since */
};

/* All zero is a valid idle item but for `part`. Its fields belong to flush.c. */
struct log_flush_item {
    TAILQ_ENTRY(log_flush_item) link;
    struct log_partition
        *part; /* set by the owner; stays valid until log_flusher_forget returned */
    enum log_flush_state state;
    int64_t due_ms; /* TIMED: monotonic */
};

#define LOG_FLUSH_BUCKETS 32

struct log_flush_stats {
    uint64_t flushes;  /* partitions flushed */
    uint64_t failures; /* of them failed */
    uint64_t bytes;    /* that the flushes covered */
    uint64_t ns;       /* that they took */
    uint64_t rounds;
    uint64_t bucket
        [LOG_FLUSH_BUCKETS]; /* flushes that took < 2^i microseconds (the last: all longer ones too) */
};

struct log_flusher_options {
    const struct lt_clock *clock;
    int threads;                                          /* at least 1 */
    void (*moved)(struct log_partition *part, void *arg); /* after each partition; no lock held */
    void (*round)(uint64_t bytes, void *arg);             /* after all of a round; no lock held */
    void *arg;
};

/* The struct only: items may be queued from now on; nothing is flushed before log_flusher_start. */
int log_flusher_new(const struct log_flusher_options *options, struct log_flusher **ret_flusher);
int log_flusher_start(
    struct log_flusher *flusher); /* LEAT_ENOMEM: no thread could be made; none runs */

/* End the threads after the round they are in. What is queued stays so. Idempotent. Blocks for a flush. */
void log_flusher_stop(struct log_flusher *flusher);
void log_flusher_free(struct log_flusher *flusher); /* stopped; NULL is accepted */

/* Put the item on the dirty list. Called with the partition's mutex held: takes the flusher's lock and nothing else. */
void log_flusher_queue(struct log_flusher *flusher, struct log_flush_item *item);

/* Take the item from all lists, waiting for a flush of it that is under way. The caller has seen to it that nobody
 * queues it again. Not from a flusher callback. */
void log_flusher_forget(struct log_flusher *flusher, struct log_flush_item *item);

/* Look at the clock again, then wait until what was queued or due when this was called has been flushed. */
void log_flusher_settle(struct log_flusher *flusher);

void log_flusher_stats(struct log_flusher *flusher, struct log_flush_stats *ret);

#endif
