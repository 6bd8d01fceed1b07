/* handlers.h: the handlers of dispatch.h's list, declared: srv_handle_<name> for each row of SRV_HANDLERS.
 *
 *   req  the request; what a handler may do with it and what it returns: request.h
 *   in   the decoded request, good for all versions; lives as long as req
 *   ret  the response to fill, set to defaults before the first call; what its slices and arrays point to must live as
 *        long as req (the arena, constants)
 *
 * Threads: the request's loop. A handler never blocks: what waits for a disk goes through srv_offload or is asked for and
 * parked. */
#ifndef SRV_HANDLERS_H
#define SRV_HANDLERS_H

#include "proto/messages.h"
#include "server/dispatch.h"
#include "server/request.h"

#define XX(NAME, name)                                                                      \
    int srv_handle_##name(struct srv_request *req, const struct proto_##name##_request *in, \
                          struct proto_##name##_response *ret);
SRV_HANDLERS(XX)
#undef XX

#endif
