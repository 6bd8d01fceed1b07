/* health.h: is the server alive, is it ready?
 *
 * Alive: every I/O thread has taken up a small job within five seconds. Ready: alive, not stopping, every data directory
 * works and has room.
 * Threads: the HTTP thread; srv_health_free after it has ended, while the loops still turn. */
#ifndef SRV_HEALTH_H
#define SRV_HEALTH_H

#include <stdbool.h>

#include "base/buf.h"

struct srv_health;
struct srv_server;

int srv_health_new(struct srv_server *server, struct srv_health **ret_health);
void srv_health_free(struct srv_health *health); /* NULL is accepted */

/* Look again, and append the outcome as JSON: {"ok":bool,"failing":[{"check":..,"text":..}]}; with `verbose` also
 * "passing":[names]. *ret_ok tells the outcome. LEAT_ENOMEM. */
int srv_health_live(struct srv_health *health, bool verbose, struct lt_buf *buf, bool *ret_ok);
int srv_health_ready(struct srv_health *health, bool verbose, struct lt_buf *buf, bool *ret_ok);

#endif
