/* producer.h: what the rest of the client sees of producers. The calls for applications are in leat.h.
 *
 * Threads: loop, unless said otherwise. */
#ifndef LC_PRODUCER_H
#define LC_PRODUCER_H

#include "client/client.h"

/* Turn of all producers: close batches that are due, send, expire. Returns when it wants to be called again, ns. */
int64_t lc_producers_turn(struct leat_client *client, int64_t now);

/* The client ends: records that are not in flight get LEAT_ECANCELED; then, when the connections are gone and with them all that was in
 * flight, the producers leave the loop. */
void lc_producers_end(struct leat_client *client);
void lc_producers_release(struct leat_client *client);

/* Run the callbacks that wait for leat_client_dispatch; returns how many ran. Any thread, one at a time. */
int lc_producers_dispatch(struct leat_client *client);

#endif
