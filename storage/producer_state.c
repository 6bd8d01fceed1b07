/* producer_state.c: see producer_state.h. A hash table by id, and a list by last use for expiry and the limit. */
#include "storage/producer_state.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "leat/err.h"

static int32_t last_sequence(const struct proto_batch_header *header)
{
    return log_sequence_add(header->base_sequence, header->last_offset_delta);
}

int32_t log_sequence_add(int32_t sequence, int32_t count)
{
    int64_t sum = (int64_t)sequence + count;
    return (int32_t)(sum > INT32_MAX ? sum - INT32_MAX - 1 : sum);
}

void log_producers_init(struct log_producers *producers, size_t count_max)
{
    LT_ASSERT(count_max > 0 && count_max <= LOG_PRODUCERS_MAX);
    producers->table = NULL;
    TAILQ_INIT(&producers->list);
    producers->count = 0;
    producers->count_max = count_max;
}

static void forget(struct log_producers *producers, struct log_producer *producer)
{
    LT_ASSERT(producers->table != NULL && producer->hh.tbl != NULL); /* it is in both */
    HASH_DEL(producers->table, producer);
    TAILQ_REMOVE(&producers->list, producer, link);
    producers->count--;
    lt_free(producer);
}

void log_producers_release(struct log_producers *producers)
{
    struct log_producer *producer;
    while ((producer = TAILQ_FIRST(&producers->list)) != NULL) {
        forget(producers, producer);
    }
    LT_ASSERT(producers->table == NULL && producers->count == 0);
}

struct log_producer *log_producers_find(const struct log_producers *producers, int64_t id)
{
    struct log_producer *producer = NULL;
    HASH_FIND(hh, producers->table, &id, sizeof(id), producer);
    return producer;
}

static bool is_expired(const struct log_producer *producer, int64_t now_ms, int64_t expiration_ms)
{
    return now_ms - producer->last_used_ms >= expiration_ms;
}

int log_producers_check(const struct log_producers *producers,
                        const struct proto_batch_header *header,
                        int64_t now_ms,
                        int64_t expiration_ms,
                        struct log_producer_batch *ret_batch)
{
    const struct log_producer *producer =
        header->producer_id < 0 ? NULL : log_producers_find(producers, header->producer_id);
    if (producer == NULL || producer->batch_count == 0 ||
        is_expired(producer, now_ms, expiration_ms)) {
        return 0;
    }
    int32_t first = header->base_sequence;
    int32_t last = last_sequence(header);
    for (size_t i = 0; header->producer_epoch == producer->epoch && i < producer->batch_count;
         i++) {
        const struct log_producer_batch *batch = &producer->batches[i];
        if (batch->first_sequence == first && batch->last_sequence == last) {
            *ret_batch = *batch;
            return LEAT_EEXISTS;
        }
    }
    if (header->producer_epoch < producer->epoch) {
        return LEAT_EPRODUCER;
    }
    int32_t known = producer->batches[producer->batch_count - 1].last_sequence;
    int32_t expected = header->producer_epoch > producer->epoch ? 0 : log_sequence_add(known, 1);
    return first == expected ? 0 : LEAT_ESEQUENCE;
}

int log_producers_reserve(struct log_producers *producers, int64_t id)
{
    LT_ASSERT(id >= 0);
    if (log_producers_find(producers, id) != NULL) {
        return 0;
    }
    struct log_producer *producer = lt_calloc(1, sizeof(*producer));
    if (producer == NULL) {
        return LEAT_ENOMEM;
    }
    producer->id = id;
    producer->epoch = -1;
    HASH_ADD(hh, producers->table, id, sizeof(producer->id), producer);
    if (!lt_hash_added(producer)) {
        lt_free(producer);
        return LEAT_ENOMEM;
    }
    TAILQ_INSERT_TAIL(&producers->list, producer, link);
    producers->count++;
    if (producers->count > producers->count_max) {
        forget(producers, TAILQ_FIRST(&producers->list));
    }
    return 0;
}

void log_producers_note(struct log_producers *producers,
                        const struct proto_batch_header *header,
                        int64_t last_offset,
                        int64_t now_ms)
{
    struct log_producer *producer = log_producers_find(producers, header->producer_id);
    LT_ASSERT(producer != NULL);
    if (producer->epoch != header->producer_epoch) {
        producer->batch_count = 0;
        producer->epoch = header->producer_epoch;
    }
    if (producer->batch_count == LOG_PRODUCER_BATCHES) {
        producer->batch_count--;
        memmove(&producer->batches[0], &producer->batches[1],
                producer->batch_count * sizeof(producer->batches[0]));
    }
    producer->batches[producer->batch_count++] =
        (struct log_producer_batch){.first_sequence = header->base_sequence,
                                    .last_sequence = last_sequence(header),
                                    .first_offset = header->base_offset,
                                    .last_offset = last_offset,
                                    .timestamp_ms = header->max_timestamp};
    producer->last_used_ms = now_ms;
    TAILQ_REMOVE(&producers->list, producer, link);
    TAILQ_INSERT_TAIL(&producers->list, producer, link);
}

size_t log_producers_expire(struct log_producers *producers, int64_t now_ms, int64_t expiration_ms)
{
    size_t count = 0;
    struct log_producer *producer;
    while ((producer = TAILQ_FIRST(&producers->list)) != NULL &&
           is_expired(producer, now_ms, expiration_ms)) {
        forget(producers, producer);
        count++;
    }
    return count;
}
