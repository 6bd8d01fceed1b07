/* consumer.h: what the rest of the client sees of consumers. The calls for applications are in leat.h.
 *
 * Threads: loop. */
#ifndef LC_CONSUMER_H
#define LC_CONSUMER_H

#include "client/client.h"

/* Turn of all consumers: look up offsets, fetch. Returns when it wants to be called again, ns. */
int64_t lc_consumers_turn(struct leat_client *client, int64_t now);

/* The client ends; and then, when the connections are gone, the consumers leave the loop. */
void lc_consumers_end(struct leat_client *client);
void lc_consumers_release(struct leat_client *client);

#endif
