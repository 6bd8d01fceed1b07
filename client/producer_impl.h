/* producer_impl.h: shared by producer.c (calls of applications), sender.c (the loop's side) and delivery.c alone.
 *
 * Threads: as each says. */
#ifndef LC_PRODUCER_IMPL_H
#define LC_PRODUCER_IMPL_H

#include "client/accumulator.h"
#include "client/producer.h"

/* Any thread: drop a reference; the last frees the producer, all of whose batches are done. */
void lc_producer_unref(struct leat_producer *p);

/* loop: one turn of one producer; returns when it wants to be called again, ns. */
int64_t lc_sender_turn(struct leat_producer *p, int64_t now);

/* loop: fail everything that is not in flight, with this code. Batches in flight are done when their request ends. */
void lc_sender_cancel(struct leat_producer *p, int err);

#endif
