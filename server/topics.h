/* topics.h: the topics and partitions that this server serves, in memory.
 *
 * Made from the metadata store at start; every change goes to the metadata store first, then here, then to storage's
 * directories (spec: metadata store first). Lookups are by name and by topic id.
 *
 * Threads: lookups from any thread (a read lock, no waiting for a disk); changes on the metadata thread, asked for with
 * the asynchronous calls below: they park the request and wake it. A srv_topic and a srv_partition are counted. */
#ifndef SRV_TOPICS_H
#define SRV_TOPICS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "proto/wire.h"
#include "storage/partition.h"

struct srv_server;
struct srv_topics;
struct srv_topic;
struct srv_request;

/* A parked request's place at one partition. Lives in the request's arena; linked while it waits. */
struct srv_waiter {
    struct srv_request *req;
    int64_t offset;         /* produce: wake when the high watermark is >= offset; fetch: wake at any move beyond offset */
    LIST_ENTRY(srv_waiter) link;
    struct srv_partition *at; /* NULL while not linked */
};

struct srv_partition {
    struct srv_topic *topic; /* borrowed: the topic owns its partitions */
    struct log_partition *log;
    int32_t number;
    pthread_mutex_t waiters_mutex;        /* guards `waiters` and each waiter's link */
    LIST_HEAD(, srv_waiter) waiters;
};

struct srv_topic {
    char *name;
    struct proto_uuid id;
    bool internal;            /* __consumer_offsets, __transaction_state */
    int32_t partition_count;  /* grows only: read with acquire, published after the partition is ready */
    struct srv_partition **partitions; /* capacity is fixed for the life of the struct: leat.partitions.max, reserved lazily */
    _Atomic int32_t refs;
};

/* Borrowed until srv_topic_unref. NULL: no such topic. */
struct srv_topic *srv_topics_by_name(struct srv_topics *topics, struct lt_slice name);
struct srv_topic *srv_topics_by_id(struct srv_topics *topics, const struct proto_uuid *id);
void srv_topic_unref(struct srv_topic *topic); /* NULL is accepted */

/* NULL when there is no such partition. Valid while the topic is referenced. */
struct srv_partition *srv_topic_partition(struct srv_topic *topic, int32_t number);

/* Waiting. Register first, then look at the offsets again, then park: no wake-up is lost. Unlink is idempotent and must
 * happen before the request ends (an arena hook does it). */
void srv_partition_wait(struct srv_partition *part, struct srv_waiter *waiter);
void srv_waiter_unlink(struct srv_waiter *waiter);

/* log_listener.moved ends here: wakes the waiters that the new offsets satisfy. Any thread. */
void srv_partition_moved(struct srv_partition *part);

#endif
