/* consumer_fixture.h: a consumer against a scripted broker whose records say where they belong.
 *
 * con_setup makes the broker (three partitions; con_setup_many another number) and a conf with short pauses; the test sets what it wants, appends, and calls
 * con_start. Record n of a partition has the value "n", the timestamp 1000 + n and one header. Failures end the test.
 * Threads: the test's own. */
#ifndef TEST_CONSUMER_FIXTURE_H
#define TEST_CONSUMER_FIXTURE_H

#include <leat/leat.h>

#include "proto/batch_builder.h"
#include "tests/support/client/fake_broker.h"

#define CON_BATCHES 40
#define CON_PER_BATCH 25
#define CON_RECORDS (CON_BATCHES * CON_PER_BATCH) /* what con_append_all gives a partition */

struct consumer_fixture {
    struct fake_broker *broker;
    struct leat_conf *conf;
    struct leat_client *client;
    struct leat_consumer *consumer;
    struct leat_offsets *parts; /* of con_start */
    int32_t part_count;
};

extern struct consumer_fixture con;

void con_setup(void);
void con_setup_many(int32_t part_count);
void con_teardown(void); /* accepts objects that are freed and NULL */
void con_set(const char *key, const char *value);

/* One batch of `count` records from offset `base` on. like NULL = defaults. */
void con_append(int32_t partition, int64_t base, int count, const struct proto_batch_options *like);

/* CON_BATCHES batches for each partition. */
void con_append_all(int codec);

/* A rule of the broker. */
void con_rule(int16_t api_key, int skip, int count, enum fake_action action, int16_t code);

/* Client and consumer; all partitions assigned at this offset. */
void con_start(int64_t offset);

/* A list with one entry of topic "t"; the caller frees it. */
struct leat_offsets *con_list(int32_t partition, int64_t offset);

/* Poll until `count` records of one partition have come: they have the offsets from `begin` on, whole and without gap. */
void con_read_part(int32_t partition, int64_t begin, int64_t count);

/* Poll until every partition is at `end`; offsets have no gap from `begin` on. */
void con_read_up_to(int64_t begin, int64_t end);

/* Poll until there is an error: its code. Records before it are dropped. */
int con_poll_error(struct leat_error **reterr);

#endif
