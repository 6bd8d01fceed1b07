/* producer_ids.h: ids for producers, unique for ever: blocks of 1000 out of the metadata store.
 *
 * The end of a block is on the disk before its first id is handed out. The next block is asked for when half of the
 * present one is used, so that in general an id comes from memory; what is left of a block is lost at a restart.
 * Threads: ids may be taken on any loop; blocks arrive on the metadata thread. */
#ifndef SRV_PRODUCER_IDS_H
#define SRV_PRODUCER_IDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct srv_producer_ids;
struct srv_request;
struct srv_server;

#define SRV_PRODUCER_ID_BLOCK 1000

/* A request that waits for a block: in its arena. */
struct srv_id_waiter {
    TAILQ_ENTRY(srv_id_waiter) link;
    struct srv_request *req;
    bool waiting; /* in the list */
};

/* LEAT_ENOMEM. Freed when the metadata store is closed; NULL is accepted. */
int srv_producer_ids_new(struct srv_server *server, struct srv_producer_ids **ret_ids);
void srv_producer_ids_free(struct srv_producer_ids *ids);

/* The next id. LEAT_EAGAIN: there is none yet; srv_wake(waiter->req) tells when to ask again, or that none will come:
 * LEAT_EUNAVAIL, the metadata store has just failed. */
int srv_producer_ids_take(struct srv_producer_ids *ids,
                          struct srv_id_waiter *waiter,
                          int64_t *ret_id);

/* The request does not wait any more; it may not have waited. */
void srv_producer_ids_leave(struct srv_producer_ids *ids, struct srv_id_waiter *waiter);

#endif
