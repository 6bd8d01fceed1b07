/* delivery.h: telling applications what became of their records.
 *
 * A batch that is done calls the callback of each of its records, then its memory is used again. With leat.dispatch the callbacks of
 * leat_send run later, in leat_client_dispatch; those of leat_send_sync always at once.
 * Threads: loop, or the dispatching thread. */
#ifndef LC_DELIVERY_H
#define LC_DELIVERY_H

#include "client/accumulator.h"

/* A batch is done with the outcome that stands in it, and in no queue. Takes it. Must be called without the producer's lock. */
void lc_batch_deliver(struct leat_producer *p, struct lc_batch *batch);

/* Does something wait in client->due? A producer's lock may be held. */
bool lc_due_any(struct leat_client *client);

/* Run what waits in client->due; returns how many callbacks ran. Several threads may do so. */
int lc_due_run(struct leat_client *client);

/* Is the calling thread inside lc_due_run of this client? */
bool lc_due_running(const struct leat_client *client);

/* The callback behind leat_send_sync. */
void lc_sync_delivery(const struct leat_delivery *d, void *arg);

#endif
