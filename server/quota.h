/* quota.h: budgets of bytes that all loops share, connections per second and per address.
 *
 * The budget of requests (queued.max.request.bytes) is asked before memory is taken, from the size that a frame claims. One frame is
 * always let in, however large, so that a small budget slows down and never stops. Who was refused is told when there
 * is room again: each loop gets its budget_post.
 * Threads: any. Blocks: a mutex held for a table look-up (addresses), otherwise no. */
#ifndef SRV_QUOTA_H
#define SRV_QUOTA_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct srv_server;

struct srv_budget {
    _Atomic int64_t used;     /* bytes */
    _Atomic int64_t limit;    /* bytes */
    _Atomic int32_t starved;  /* somebody was refused since the last time that loops were told */
    _Atomic uint64_t refused; /* times, for the metrics */
};

void srv_budget_init(struct srv_budget *budget, int64_t limit);

/* Take `bytes` if they fit, or if nothing is in use. A caller that gets false waits for its loop's budget_post. */
bool srv_budget_take(struct srv_budget *budget, int64_t bytes);

/* Take without asking: for what has been let in before and only now shows its cost. */
void srv_budget_force(struct srv_budget *budget, int64_t bytes);

/* Is there room for anything at all? False counts as a refusal: budget_post follows. */
bool srv_budget_has_room(struct srv_budget *budget);

/* Give back, and tell the loops of `server` if that made room for somebody who was refused. */
void srv_budget_give(struct srv_budget *budget, int64_t bytes, struct srv_server *server);

/* New connections per second: what a second brings may come at once, the rest waits. One thread; starts as zeros. */
struct srv_rate {
    int64_t counted_ns; /* monotonic time up to which `left` is right; 0: nobody came yet */
    double left;        /* that may come now */
};

/* May one more come at `now_ns`, where `limit` may come per second? */
bool srv_rate_has_room(struct srv_rate *rate, int64_t limit, int64_t now_ns);

/* One has come. */
void srv_rate_count(struct srv_rate *rate);

/* How many connections each peer address has. */
struct srv_addresses {
    pthread_mutex_t mutex; /* guards the table */
    struct srv_address *table;
};

void srv_addresses_init(struct srv_addresses *addresses);
void srv_addresses_release(struct srv_addresses *addresses);

/* Count one more connection of this peer: 0, LEAT_ELIMIT (it has `limit` already; not counted) or LEAT_ENOMEM. An address
 * that is not an IP address is not counted. IPv4 in IPv6 form is the IPv4 address. */
int srv_addresses_add(struct srv_addresses *addresses,
                      const struct sockaddr_storage *peer,
                      int64_t limit);
void srv_addresses_remove(struct srv_addresses *addresses, const struct sockaddr_storage *peer);

#endif
