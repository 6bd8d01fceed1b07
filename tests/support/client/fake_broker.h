/* fake_broker.h: a broker in this process that does what a test tells it: answers, errs, stalls, hangs up.
 *
 * One node, one topic "t", records in memory, on 127.0.0.1 and a port of the kernel's choice. It serves ApiVersions, Metadata, Produce, Fetch
 * (sessionless) and ListOffsets through the project's own codec. Rules change the answer to chosen requests; without rules
 * everything works.
 * Threads: one per connection; all calls from any thread. Failures end the test. */
#ifndef TEST_FAKE_BROKER_H
#define TEST_FAKE_BROKER_H

#include <stdint.h>

#include "base/buf.h"

struct fake_broker;

enum fake_action {
    FAKE_ERROR = 0,      /* answer `code` for every partition; nothing is done */
    FAKE_HANG_UP = 1,    /* close the connection; nothing is done */
    FAKE_DO_HANG_UP = 2, /* do it, then close without an answer */
    FAKE_SILENCE = 3, /* do nothing, and answer nothing more on this connection, which stays open */
    FAKE_GARBAGE = 4, /* answer bytes that are no message */
    FAKE_DAMAGE = 5,  /* Fetch: one bit of the last record batch is wrong */
    FAKE_HALF = 6,    /* write half of the answer, then close */
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

/* Rules are looked at in order; the first that is not used up and has skipped enough decides. */
void fake_broker_rule(struct fake_broker *broker, const struct fake_rule *rule);

/* Stop listening and close all connections; start listening again at the same port. */
void fake_broker_down(struct fake_broker *broker);
void fake_broker_up(struct fake_broker *broker);

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

/* Requests of an API that have come so far, and produce batches of the most crowded partition in flight at a time. */
int fake_broker_count(struct fake_broker *broker, int16_t api_key);

#endif
