/* producer_fixture.h: a producer against a scripted broker, and what became of its records.
 *
 * fix_setup makes the broker (three partitions) and a conf with short pauses; the test sets what it wants and calls fix_start. Records carry numbers,
 * so that loss and order can be checked in what the broker has stored. Failures end the test.
 * Threads: the test's own; on_delivery runs where callbacks run. */
#ifndef TEST_PRODUCER_FIXTURE_H
#define TEST_PRODUCER_FIXTURE_H

#include <stdatomic.h>
#include <stdbool.h>

#include <leat/leat.h>

#include "tests/support/client/fake_broker.h"

#define FIX_RECORDS 2000

struct producer_fixture {
    struct fake_broker *broker;
    struct leat_conf *conf;
    struct leat_client *client;
    struct leat_producer *producer;
    _Atomic int delivered; /* callbacks with code 0 */
    _Atomic int failed;    /* the others */
    _Atomic int last_code;
    _Atomic long callback_thread; /* of the last callback */
};

extern struct producer_fixture fix;

void fix_setup(void);
void fix_teardown(void); /* accepts objects that are freed and NULL */
void fix_set(const char *key, const char *value);
void fix_start(void);

void fix_on_delivery(const struct leat_delivery *d, void *arg);

/* Send a record whose value is the number; returns what leat_send does. */
int fix_send_number(int number, int32_t partition);
void fix_send_all(void); /* 0 to FIX_RECORDS - 1, number i to partition i % 3 */

/* Numbers that a partition has stored, in order; how many. */
int fix_stored(int32_t partition, int *numbers, int max);

/* What fix_send_all sent is there, in order; with `twice` a run may be stored again behind itself. */
void fix_check_stored(bool twice);

/* Wait until so many callbacks came, whatever they said. */
void fix_await(int callbacks);

#endif
