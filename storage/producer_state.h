/* producer_state.h: what a partition remembers of its idempotent producers, so that a batch that is sent twice is stored once.
 *
 * Per producer id: its epoch and its last five batches (a client has at most five requests under way). A batch with producer id
 * P, epoch e and sequences f to l is judged by the first row that fits:
 *
 *   same epoch, and exactly f to l among the five     a duplicate: answered with the offsets of the first time
 *   e < epoch of P                                    LEAT_EPRODUCER
 *   e > epoch of P                                    f must be 0, else LEAT_ESEQUENCE
 *   P is not known (any more)                         any f is fine: its state was lost to retention or expired
 *   f follows the last sequence (0 after 2147483647)  fine
 *   anything else                                     LEAT_ESEQUENCE
 *
 * A producer that was not heard of for a while is forgotten; so is, above a limit, the one that was silent longest.
 * Not here: the file (producer_file.h), transactions.
 * Threads: the caller's lock (the partition's mutex). Source: KIP-98, KIP-360, Kafka ProducerAppendInfo.checkSequence,
 * ProducerStateEntry.NUM_BATCHES_TO_RETAIN. */
#ifndef LOG_PRODUCER_STATE_H
#define LOG_PRODUCER_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/hash.h"
#include "proto/record_batch.h"

#define LOG_PRODUCER_BATCHES 5
#define LOG_PRODUCERS_MAX 1000000 /* the largest limit of a table: its file is read as a whole */

struct log_producer_batch {
    int32_t first_sequence;
    int32_t last_sequence;
    int64_t first_offset; /* stays what the client was told, also when the segment is gone */
    int64_t last_offset;
    int64_t timestamp_ms; /* max timestamp of the batch */
};

struct log_producer {
    int64_t id;
    int16_t epoch;        /* -1 with batch_count 0: was reserved, has written nothing */
    uint16_t batch_count; /* of `batches` */
    int64_t last_used_ms; /* wall clock of the server */
    struct log_producer_batch batches[LOG_PRODUCER_BATCHES]; /* oldest first */
    TAILQ_ENTRY(log_producer) link;                          /* by last use, longest ago first */
    UT_hash_handle hh;
};

TAILQ_HEAD(log_producer_list, log_producer);

/* All zeros but for `list` and `count_max`; an empty table has no memory. */
struct log_producers {
    struct log_producer *table; /* by id */
    struct log_producer_list list;
    size_t count;
    size_t count_max;
};

void log_producers_init(struct log_producers *producers, size_t count_max);
void log_producers_release(struct log_producers *producers); /* forgets all; may be used again */

/* Judge a batch. Returns 0, LEAT_EPRODUCER, LEAT_ESEQUENCE, or LEAT_EEXISTS for a duplicate, with *ret_batch what was stored the
 * first time (a copy). A header without producer id is fine. `now_ms` and `expiration_ms`: a state that is older counts as
 * unknown. Changes nothing. */
int log_producers_check(const struct log_producers *producers,
                        const struct proto_batch_header *header,
                        int64_t now_ms,
                        int64_t expiration_ms,
                        struct log_producer_batch *ret_batch);

/* Memory for a producer whose batch is about to be written, so that nothing can fail after the write. Over the limit the one
 * that was silent longest goes. LEAT_ENOMEM. */
int log_producers_reserve(struct log_producers *producers, int64_t id);

/* The batch was written at these offsets; reserved before. */
void log_producers_note(struct log_producers *producers,
                        const struct proto_batch_header *header,
                        int64_t last_offset,
                        int64_t now_ms);

/* Forget those that were silent for longer. Returns how many. */
size_t log_producers_expire(struct log_producers *producers, int64_t now_ms, int64_t expiration_ms);

/* NULL: not known. */
struct log_producer *log_producers_find(const struct log_producers *producers, int64_t id);

/* Sequence numbers wrap at 2147483647. */
int32_t log_sequence_add(int32_t sequence, int32_t count);

#endif
