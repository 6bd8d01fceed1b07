/* record.h: one record, either built by the application or a view into a fetched or sent batch.
 *
 * The public calls are in leat.h; here is the struct, shared by producer and consumer. A view borrows everything from its
 * batch and is never changed; a built record owns its memory and keeps it over leat_record_clear.
 * Threads: a built record belongs to one thread at a time; views may be read by any. */
#ifndef LC_RECORD_H
#define LC_RECORD_H

#include <leat/leat.h>

#include "base/buf.h"
#include "proto/record_batch.h"

#define LC_TOPIC_SIZE_MAX 249 /* characters of a topic's name: Kafka's limit */

/* What a batch says of all its records; lives as long as the batch. */
struct lc_batch_info {
    struct proto_batch_header header;
    int64_t log_start;
    int64_t last_stable;
    int64_t high_watermark;
};

struct leat_record {
    const char *topic; /* NUL-terminated; NULL = not set */
    int64_t offset;    /* -1 = not stored */
    int64_t timestamp; /* ms; -1 = none */
    struct lt_slice key;
    struct lt_slice value;
    const struct proto_record_header *headers; /* names NUL-terminated behind their size */
    size_t header_count;
    const struct lc_batch_info *info; /* NULL: not from a log */
    int32_t partition;                /* -1 = by key */
    int32_t offset_delta;             /* place in its batch */
};

/* A record without topic, key, value: what leat_record_new returns. */
void lc_record_reset(struct leat_record *rec);

/* Is `topic` usable as a topic's name here: not NULL, 1 to 249 characters? What else a broker refuses, it says itself. */
bool lc_topic_ok(const char *topic);

#endif
