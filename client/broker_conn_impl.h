/* broker_conn_impl.h: shared by broker_conn.c (requests and bytes) and broker_setup.c (names, connect, handshake) alone.
 *
 * Threads: loop. */
#ifndef LC_BROKER_CONN_IMPL_H
#define LC_BROKER_CONN_IMPL_H

#include <sys/socket.h>

#include "client/broker_conn.h"
#include "proto/header.h"
#include "proto/messages.h"

#define LC_SEND_COUNTED 0x100 /* flag of requests that stats.h counts: all but the handshake */

struct lc_request {
    TAILQ_ENTRY(lc_request) link;
    const struct proto_api *api;
    int16_t version;
    int32_t correlation_id;
    unsigned flags;
    int64_t deadline; /* ns */
    lc_answer_cb done;
    void *arg;
    struct lt_arena arena; /* holds everything below and the request itself */
    uint8_t *head;         /* encoded bytes, from the frame's size on */
    size_t head_size;
    struct proto_hole *holes; /* external bytes between them */
    size_t hole_count;
    size_t sent; /* bytes of head and holes already written */
    size_t total;
};

/* The socket is connected: say hello. */
void lc_broker_handshake(struct lc_broker *broker);

/* Make the events of a new socket; LEAT_ENOMEM. */
int lc_broker_watch(struct lc_broker *broker, int fd);

/* As lc_broker_send, in any state with a socket. */
int lc_broker_queue(struct lc_broker *broker,
                    int16_t api_key,
                    int16_t version,
                    const void *message,
                    int64_t timeout_ms,
                    unsigned flags,
                    lc_answer_cb done,
                    void *arg);

/* Drop resolving and address lists. */
void lc_broker_stop_setup(struct lc_broker *broker);

/* broker_setup.c: the write event of a socket that is being connected. */
void lc_broker_on_connect(struct lc_broker *broker);

#endif
