/* http.h: the HTTP side: its own listeners (http.listeners), its own thread, evhttp.
 *
 *   GET /metrics            Prometheus text 0.0.4; ?topic=NAME, ?name[]=FAMILY
 *   GET /livez, /healthy    200 while the I/O threads turn
 *   GET /readyz, /ready, /status/ready   200 when clients are served; else 503 and a JSON list of what fails; ?verbose
 *
 * Nothing here can slow a client of the protocol down: it only reads.
 * Threads: start and stop belong to the main thread. */
#ifndef SRV_HTTP_H
#define SRV_HTTP_H

#include <stddef.h>

#include "base/error.h"

struct srv_http;
struct srv_server;

/* Bind http.listeners and serve. *ret_http is NULL when there are none. LEAT_EIO: an address cannot be bound. */
int srv_http_start(struct srv_server *server,
                   struct srv_http **ret_http,
                   struct leat_error **reterr);

/* NULL is accepted. Blocks until the thread has ended. Before the loops end (draining ones still turn). */
void srv_http_stop(struct srv_http *http);

/* Addresses as bound, "127.0.0.1:9640". Borrowed. Returns how many there are. */
size_t
srv_http_addresses(const struct srv_http *http, const char **ret_addresses, size_t count_max);

#endif
