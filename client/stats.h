/* stats.h: what a client counts, by name. leat_client_stats takes a copy of all.
 *
 * Counters only grow; gauges go up and down. One row each: XX(ID, name). They are counted per request and per batch, never per record.
 * Threads: any; each value is an atomic of its own, so that a copy is no picture of one moment. */
#ifndef LC_STATS_H
#define LC_STATS_H

#include <stdatomic.h>
#include <stdint.h>

/* clang-format off */
#define LC_STAT_MAP(XX) \
    XX(CONNECTIONS_OPEN, "connections.open")     /* gauge: brokers that are connected */ \
    XX(CONNECTIONS_MADE, "connections.made") \
    XX(CONNECTIONS_FAILED, "connections.failed") /* attempts and connections that ended with an error */ \
    XX(REQUESTS_SENT, "requests.sent")           /* of every kind */ \
    XX(REQUESTS_OPEN, "requests.open")           /* gauge: not answered yet */ \
    XX(REQUESTS_FAILED, "requests.failed")       /* without an answer */ \
    XX(BYTES_SENT, "bytes.sent") \
    XX(BYTES_RECEIVED, "bytes.received") \
    XX(METADATA_REQUESTS, "metadata.requests") \
    XX(PRODUCE_REQUESTS, "produce.requests") \
    XX(PRODUCE_BATCHES, "produce.batches")       /* delivered */ \
    XX(PRODUCE_RECORDS, "produce.records")       /* delivered */ \
    XX(PRODUCE_BYTES, "produce.bytes")           /* of delivered batches before compression */ \
    XX(PRODUCE_BYTES_SENT, "produce.bytes.sent") /* the same after it */ \
    XX(PRODUCE_RETRIES, "produce.retries")       /* batches that were sent again */ \
    XX(PRODUCE_FAILED, "produce.failed")         /* records that were told an error */ \
    XX(PRODUCE_MEMORY, "produce.memory")         /* gauge: bytes of buffer.memory in use */ \
    XX(FETCH_REQUESTS, "fetch.requests") \
    XX(FETCH_BYTES, "fetch.bytes")               /* of fetch answers */
/* clang-format on */

enum lc_stat {
#define XX(id, name) LC_STAT_##id,
    LC_STAT_MAP(XX)
#undef XX
        LC_STAT_COUNT
};

struct lc_stats {
    _Atomic int64_t values[LC_STAT_COUNT];
};

static inline void lc_stat_add(struct lc_stats *stats, enum lc_stat stat, int64_t more)
{
    (void)atomic_fetch_add_explicit(&stats->values[stat], more, memory_order_relaxed);
}

#endif
