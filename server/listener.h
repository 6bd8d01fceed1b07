/* listener.h: a bound address and the door behind it.
 *
 * Accepts on the first loop and gives each connection to the loop that has the fewest. The door closes for a while when
 * max.connections or the share of descriptors that sockets may have is reached, and when connections come faster than
 * max.connection.creation.rate; who comes from an address that has max.connections.per.ip already is closed at once.
 * Threads: open, free: main; accepting: the first loop. */
#ifndef SRV_LISTENER_H
#define SRV_LISTENER_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct srv_endpoint;
struct srv_listener;
struct srv_server;

/* Resolve, bind and listen; nothing is accepted yet. An empty host is all addresses, IPv4 and IPv6. `advertised` is what
 * clients are told, NULL = the address that they dialled. Both are copied. LEAT_EIO: the message says which address and
 * why. Blocks: name resolution. */
int srv_listener_open(struct srv_server *server,
                      const struct srv_endpoint *endpoint,
                      const struct srv_endpoint *advertised,
                      struct srv_listener **ret_listener,
                      struct leat_error **reterr);

/* Begin, and stop for good: posted to the first loop. */
void srv_listener_start(struct srv_listener *listener);
void srv_listener_stop(struct srv_listener *listener);

/* When the first loop's thread has ended. NULL is accepted. */
void srv_listener_free(struct srv_listener *listener);

/* "127.0.0.1:9092" or "[::1]:9092", as bound. Borrowed. */
const char *srv_listener_address(const struct srv_listener *listener);

/* Its name in `listeners`, "PLAINTEXT"; borrowed. */
const char *srv_listener_name(const struct srv_listener *listener);

/* Count a connection in (+1) or out (-1), and how many there are. Any thread. */
void srv_listener_count(struct srv_listener *listener, int change);
int64_t srv_listener_connections(const struct srv_listener *listener);

/* Where the peer of the connected socket `fd` reached us: the advertised address, else the local one. Text in the arena
 * or the listener's; NULL: no memory. */
const char *srv_listener_local_host(const struct srv_listener *listener,
                                    int fd,
                                    struct lt_arena *arena,
                                    int32_t *ret_port);

#endif
