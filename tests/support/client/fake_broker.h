/* fake_broker.h: a broker in this process that does what a test tells it: answers, errs, stalls, hangs up.
 *
 * One node (or more: fake_broker_add_node), one topic "t", records in memory, on 127.0.0.1 and ports of the kernel's choice. It serves ApiVersions,
 * Metadata, Produce, Fetch (with sessions, topics by name or id), ListOffsets and OffsetForLeaderEpoch through the project's own codec. Rules change the answer to chosen requests; without
 * rules everything works.
 * Threads: one per connection; all calls from any thread. Failures end the test. */
#ifndef TEST_FAKE_BROKER_H
#define TEST_FAKE_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "proto/uuid.h"

struct fake_broker;

enum fake_action {
    FAKE_ERROR = 0,      /* answer `code` for every partition; nothing is done */
    FAKE_HANG_UP = 1,    /* close the connection; nothing is done */
    FAKE_DO_HANG_UP = 2, /* do it, then close without an answer */
    FAKE_SILENCE = 3, /* do nothing, and answer nothing more on this connection, which stays open */
    FAKE_GARBAGE = 4, /* answer bytes that are no message */
    FAKE_DAMAGE = 5,  /* Fetch: one bit of the last record batch is wrong */
    FAKE_HALF = 6,    /* write half of the answer, then close */
    FAKE_DELAY = 7,   /* do it, and answer `code` ms later */
    FAKE_REORDER = 8, /* do it, and answer behind the next answer of this connection */
    FAKE_WRONG_ID = 9, /* do it, and answer with another correlation id */
    /* Produce and Metadata: do it, and answer for another topic, for another partition, or leave the last partition (topic) out. */
    FAKE_WRONG_TOPIC = 10,
    FAKE_WRONG_PARTITION = 11,
    FAKE_LACKING = 12,
    FAKE_ERROR_TOP = 13, /* Fetch: answer `code` for the whole request */
};

struct fake_rule {
    int16_t api_key;
    int skip;  /* requests that pass before */
    int count; /* requests that it is for; -1 = all later */
    enum fake_action action;
    int16_t code;
};

struct fake_broker *fake_broker_new(int32_t partition_count);
void fake_broker_free(struct fake_broker *broker);
const char *fake_broker_address(const struct fake_broker *broker); /* "127.0.0.1:port" */

/* One more node, in Metadata at once; leads nothing yet. Returns its id; the first node's is 1. */
int32_t fake_broker_add_node(struct fake_broker *broker);

/* Another node leads a partition, with the next epoch; the others answer NOT_LEADER_OR_FOLLOWER. */
void fake_broker_move(struct fake_broker *broker, int32_t partition, int32_t node);

/* The topic goes (its records are kept) or comes back. */
void fake_broker_topic(struct fake_broker *broker, bool exists);

/* Rules are looked at in order; the first that is not used up and has skipped enough decides. */
void fake_broker_rule(struct fake_broker *broker, const struct fake_rule *rule);

/* All nodes stop listening and close all connections; listen again at the same ports. */
void fake_broker_down(struct fake_broker *broker);
void fake_broker_up(struct fake_broker *broker);

/* The same for one node. */
void fake_broker_node_down(struct fake_broker *broker, int32_t node);
void fake_broker_node_up(struct fake_broker *broker, int32_t node);

/* Largest batch that Produce takes; MESSAGE_TOO_LARGE above it. 0 = no limit. */
void fake_broker_batch_max(struct fake_broker *broker, size_t size);

/* What is stored: batches with their offsets, copied into buf. Returns the end offset. */
int64_t fake_broker_log(struct fake_broker *broker, int32_t partition, struct lt_buf *buf);

/* Append bytes of whole batches, offsets as they stand (raw) or given by the broker. */
void fake_broker_append(struct fake_broker *broker,
                        int32_t partition,
                        const void *batches,
                        size_t size);

/* Drop everything below this offset. */
void fake_broker_trim(struct fake_broker *broker, int32_t partition, int64_t start);

/* Drop everything from the batch with this offset on, as a new leader does that had not got it. */
void fake_broker_cut(struct fake_broker *broker, int32_t partition, int64_t end);

/* The topic was deleted and is made again, empty and with a new id. */
void fake_broker_recreate(struct fake_broker *broker);

/* Newest version that is advertised: before the client connects. -1 = the API is not served. */
void fake_broker_version(struct fake_broker *broker, int16_t api_key, int16_t version_max);

/* Does it keep fetch sessions? Forgets those that there are. */
void fake_broker_sessions(struct fake_broker *broker, bool kept);

/* What the last Fetch request said. */
struct fake_fetch {
    int32_t session_id;
    int32_t session_epoch;
    int32_t named;     /* partitions */
    int32_t forgotten; /* partitions */
    int32_t max_bytes;
    int16_t version;
    struct proto_uuid topic_id; /* named last */
    size_t size;                /* bytes of the request without its length */
};
void fake_broker_last_fetch(struct fake_broker *broker, struct fake_fetch *ret);

/* Wait until so many requests of an API have come. */
void fake_broker_await(struct fake_broker *broker, int16_t api_key, int count);

/* Requests of an API that have come so far. */
int fake_broker_count(struct fake_broker *broker, int16_t api_key);

#endif
