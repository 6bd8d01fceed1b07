/* store_fixture.h: a store in a fresh directory, with everything around it that a test wants to own: file faults, a clock, a
 * listener that tests can wait for, the events that were told.
 *
 *   static struct test_store ts;
 *   test_store_init(&ts);
 *   test_store_up(&ts, 2);                      open, add topic "t" with two partitions, load, start
 *   test_append(ts.parts[0], "a", 3, NULL);     three records with values "a0" "a1" "a2"
 *   test_store_wait_durable(&ts, ts.parts[0], 3);
 *   test_store_down(&ts, true);                 return references, close
 *   test_store_release(&ts);
 *
 * Threads: one test thread; the listener runs on any. Failures end the test. */
#ifndef TEST_STORE_FIXTURE_H
#define TEST_STORE_FIXTURE_H

#include <pthread.h>

#include "base/buf.h"
#include "base/file_faults.h"
#include "storage/store.h"
#include "tests/support/temp_dir.h"

#define TEST_PARTITIONS_MAX 1024

struct test_store {
    struct test_dir dir;
    char data[600];      /* the first entry of log.dirs */
    const char *dirs[4]; /* dirs[0] = data */
    struct lt_file_faults *faults;
    struct lt_clock_fake
        clock; /* stands at the real time of init; used when options.clock points to it */
    struct log_store_options options;
    struct log_config config; /* of the partitions that test_store_up makes */
    uint8_t topic_id[16];     /* of "t" */
    struct log_store *store;
    struct log_partition *parts[TEST_PARTITIONS_MAX];
    int part_count;
    struct leat_error *error; /* of the last call that failed */
    pthread_mutex_t mutex;    /* guards the rest */
    pthread_cond_t changed;
    int moved;
    int rounds;
    struct lt_buf events; /* "event: text\n" for each */
};

/* Options: fault ops that do nothing yet, the real clock, no reserve file. */
void test_store_init(struct test_store *ts);
void test_store_release(struct test_store *ts);

int test_store_open(struct test_store *ts);
int test_store_add(struct test_store *ts,
                   const char *topic,
                   int32_t partition,
                   struct log_partition **ret_part);
void test_store_up(struct test_store *ts, int partitions);

/* Return the references and close; `clean` as log_store_close. Returns its result. */
int test_store_down(struct test_store *ts, bool clean);

/* Wait, by the listener, until the high watermark is at least `offset`, or the partition failed (then false). */
bool test_store_wait_durable(struct test_store *ts, struct log_partition *part, int64_t offset);

bool test_store_told(struct test_store *ts,
                     const char *text); /* was there an event line with this text? */

void test_store_plan(struct test_store *ts, struct lt_fault_plan plan);

/* Append one batch of `count` records with the values "<value>0", "<value>1" ... Returns the result of the append. */
int test_append(struct log_partition *part, const char *value, int count, int64_t *ret_base_offset);

/* Values of all records in [log start, bound of the isolation), joined by ' ', appended to buf; also checks that offsets
 * have no gap. Returns the first error of a read, or 0. */
int test_read_all(struct log_partition *part, enum log_isolation isolation, struct lt_buf *buf);

/* The same, compared. */
void test_assert_values(struct log_partition *part,
                        enum log_isolation isolation,
                        const char *values);

#endif
