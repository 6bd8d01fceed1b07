/* accumulator.h: records of a producer, gathered into one batch per partition until the loop sends them.
 *
 *   open batch      takes records; at most one per partition
 *   queue           closed batches in order, to be sent one after the other
 *   in flight       the head of the queue while its request is out; there is never more than one per partition, which keeps the
 *                   order through retries without sequence numbers
 *
 * While a batch is in flight the open one may grow beyond batch.size, up to max.request.size: waiting time turns into larger
 * batches instead of a longer queue.
 *
 * Memory: a batch charges batch.size (more for a larger record, and in steps as it grows) to buffer.memory until it is answered and its callbacks
 * have returned; afterwards its buffers are kept for the next one, so that in steady state a record costs no allocation.
 *
 * Threads: everything here under producer->lock, unless said otherwise. The lock is never held while a callback runs. */
#ifndef LC_ACCUMULATOR_H
#define LC_ACCUMULATOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "client/broker_conn.h"
#include "client/client.h"
#include "client/metadata.h"
#include "client/partitioner.h"
#include "client/record.h"
#include "proto/batch_builder.h"

#define LC_TOPIC_BUCKETS 64

/* Who is told about one record. */
struct lc_sink {
    leat_delivery_cb cb; /* NULL = nobody */
    void *arg;
};

/* What becomes of a record that is sent. */
struct lc_send {
    struct lc_sink sink;
    leat_release_cb release; /* not NULL: the value is borrowed; called with sink.arg */
    bool urgent;             /* no linger */
    int64_t deadline;        /* ns; until when to wait for memory and topic. 0 = max.block.ms */
};

/* Who gets a borrowed value back. */
struct lc_loan {
    leat_release_cb release;
    void *arg;
};

struct lc_batch {
    STAILQ_ENTRY(lc_batch) link;  /* queue of the partition; client->due; pool */
    TAILQ_ENTRY(lc_batch) in_all; /* producer->all */
    struct lc_send_partition *partition;
    struct leat_producer *producer;
    struct proto_batch_builder builder;
    struct lc_sink *sinks; /* one per record; only while has_sinks */
    size_t sink_capacity;
    bool has_sinks;
    struct lc_loan *loans; /* one per hole of the builder */
    size_t loan_capacity;

    bool urgent; /* somebody waits: no linger */
    bool in_flight;
    size_t charged;          /* bytes of buffer.memory */
    int64_t created;         /* ns */
    uint64_t flush;          /* value of producer->flushes when it was opened */
    int64_t attempts;        /* requests that carried it */
    size_t size;             /* of the finished batch; 0 = to be made */
    struct lc_pieces pieces; /* its bytes */
    struct iovec *iov;       /* pieces.iov, writable */
    size_t iov_capacity;
    /* outcome */
    int err;
    char *message;       /* the broker's words; NULL = text of err */
    int64_t base_offset; /* -1 = not known */
    int64_t append_time; /* ms; -1 = the records' own times count */
};

STAILQ_HEAD(lc_batch_list, lc_batch);
TAILQ_HEAD(lc_all_list, lc_batch);

struct lc_send_partition {
    TAILQ_ENTRY(lc_send_partition)
    in_active; /* producer->active while there is something to send */
    struct lc_send_topic *topic;
    int32_t index;
    bool active;
    struct lc_batch *open;
    struct lc_batch_list queue; /* the head may be in flight */
    int64_t retry_at;           /* ns */
    int64_t backoff_ms;
};

struct lc_send_topic {
    struct lc_send_topic *next; /* of its bucket */
    TAILQ_ENTRY(lc_send_topic) in_topics;
    char *name;
    int code;                /* the broker's error for the topic, 0 = none */
    int32_t partition_count; /* 0 = not known */
    struct lc_send_partition **partitions;
    struct lc_sticky sticky;
    struct lc_topic *metadata; /* loop */
    unsigned answers;          /* metadata->answers last seen */
};

TAILQ_HEAD(lc_active_list, lc_send_partition);
TAILQ_HEAD(lc_send_topic_list, lc_send_topic);

struct leat_producer {
    TAILQ_ENTRY(leat_producer) link; /* client->producers, loop */
    struct lc_command start;
    struct lc_command stop;
    _Atomic int refs; /* handle, loop, each batch in client->due */
    struct leat_client *client;
    struct leat_conf *conf;

    /* settings, constant */
    size_t batch_size;
    size_t batch_size_max;
    size_t memory_max;
    int64_t linger_ns;
    int64_t delivery_timeout_ns;
    int64_t max_block_ms;
    int64_t partitioner;
    int codec; /* enum proto_codec */
    int16_t acks;

    pthread_mutex_t lock;
    pthread_cond_t cond; /* memory, metadata, answers */
    struct lc_send_topic *buckets[LC_TOPIC_BUCKETS];
    struct lc_send_topic_list topics;
    struct lc_send_topic *last_topic; /* of the last record: most go to the same */
    struct lc_active_list active;
    struct lc_all_list all; /* batches that are not done, oldest first */
    struct lc_batch_list pool;
    size_t pool_size;   /* bytes that the pool's buffers take */
    size_t memory_used; /* charged */
    size_t pending;     /* records not done */
    uint64_t flushes;   /* raised by each flush: older batches are due */
    int waiting;        /* threads that wait for memory: everything is due */
    uint64_t random;
    bool new_topics; /* the loop has to ask for some */
    bool closed;
    bool stopped; /* loop: the stop command has run; only then may the producer leave */
};

/* Add a record; waits as leat_send says. *ret_wake tells whether the loop should look. */
int lc_accumulator_append(struct leat_producer *p,
                          const struct leat_record *rec,
                          const struct lc_send *how,
                          bool *ret_wake);

/* Close the open batch and put it at the end of the queue. */
void lc_partition_close_open(struct lc_send_partition *part);

/* Put a partition on the active list, or take it off when it has nothing. */
void lc_partition_update(struct leat_producer *p, struct lc_send_partition *part);

/* A batch that is done and in no queue: give its memory back, wake who waits for it. */
void lc_batch_recycle(struct leat_producer *p, struct lc_batch *batch);

/* A batch with `batch`'s place, age and partition, for a part of its records; charges nothing. NULL when memory is short. */
struct lc_batch *lc_batch_like(struct leat_producer *p, const struct lc_batch *batch);

/* Free a batch that is in no list; NULL is accepted. Callbacks are not called. */
void lc_batch_discard(struct lc_batch *batch);

/* Add a record to a batch, with whom to tell. LEAT_ENOMEM leaves it unchanged. */
int lc_batch_add(struct lc_batch *batch,
                 const struct proto_new_record *rec,
                 const struct lc_send *how);

/* The topic has this many partitions now. LEAT_ENOMEM: as before. */
int lc_topic_grow(struct lc_send_topic *topic, int32_t partition_count);

/* Free topics and pool; no batch is left. */
void lc_accumulator_release(struct leat_producer *p);

#endif
