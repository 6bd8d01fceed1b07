/* sender.h: a producer of libleat with a connection of its own, and the book of what it still owes.
 *
 * A delivery callback ends with bench_sender_answer, which may be the last that is heard of its record: until all have come
 * the memory that callbacks use must stay, and bench_sender_close waits for them.
 * Threads: one sends; callbacks run on the client's I/O thread. */
#ifndef BENCH_SENDER_H
#define BENCH_SENDER_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"
#include "bench/measure.h"
#include "leat/leat.h"

struct bench_sender {
    struct bench_measure *measure;
    struct leat_client *client;
    struct leat_producer *producer;
    int64_t accepted;         /* records whose callback will come or came */
    _Atomic int64_t answered; /* whose came */
};

/* Connect. On an error the sender is to be closed all the same. */
int bench_sender_open(struct bench_sender *sender,
                      struct bench_measure *measure,
                      const char *address,
                      struct leat_error **reterr);
void bench_sender_close(struct bench_sender *sender);

/* leat_send that keeps the book. An error fails the measurement and is returned: no callback then. */
int bench_sender_send(struct bench_sender *sender,
                      const struct leat_record *rec,
                      leat_delivery_cb cb,
                      void *arg);

/* In each callback, as its last act. An error of the record fails the measurement. */
void bench_sender_answer(struct bench_sender *sender, const struct leat_delivery *d);

/* Wait until all is answered or the measurement has failed. */
void bench_sender_drain(struct bench_sender *sender);

#endif
