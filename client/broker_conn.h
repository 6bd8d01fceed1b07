/* broker_conn.h: one connection to one broker: name resolution, connect, ApiVersions, requests in flight.
 *
 *   IDLE -> RESOLVING -> CONNECTING -> HANDSHAKE -> UP
 *     ^__________________________________________|   any failure: closed, pause of reconnect.backoff.ms doubling up to its maximum, then IDLE
 *
 * Requests are answered in order; each has a deadline, and the first that passes it takes the connection down, since nothing behind it can be
 * told apart any more. Every request's callback is called exactly once, with the answer or with the error.
 *
 * A broker has a main connection, and one more per consumer (`owner`), since a parked fetch holds back what follows it.
 * Not here: what requests mean, retries, which broker to ask.
 * Threads: loop. Source: KIP-35, KIP-511. */
#ifndef LC_BROKER_CONN_H
#define LC_BROKER_CONN_H

#include <sys/uio.h>

#include "base/arena.h"
#include "client/bytes.h"
#include "client/client.h"
#include "proto/api.h"

enum lc_broker_state {
    LC_BROKER_IDLE = 0,
    LC_BROKER_RESOLVING = 1,
    LC_BROKER_CONNECTING = 2,
    LC_BROKER_HANDSHAKE = 3,
    LC_BROKER_UP = 4,
};

#define LC_API_KEY_MAX 127 /* keys above are not asked for by this library */

/* What an answer's callback gets; borrowed for the call. */
struct lc_answer {
    int err;                     /* 0, or why there is no answer */
    const char *message;         /* words for err; "" if 0 */
    struct proto_reader *reader; /* at the message; NULL on error and for requests without answer */
    struct lc_bytes *frame;      /* what reader reads; take a reference to keep slices of it */
    int16_t version;
    struct lc_broker *broker;
};

typedef void (*lc_answer_cb)(struct leat_client *client, const struct lc_answer *answer, void *arg);

struct lc_request;
TAILQ_HEAD(lc_request_list, lc_request);

struct lc_version_range {
    int16_t min;
    int16_t max; /* min > max: not served */
};

struct lc_address_list; /* addresses of a name, being tried */
struct lc_resolving;

struct lc_broker {
    TAILQ_ENTRY(lc_broker) link;
    struct leat_client *client;
    const void *owner; /* NULL = main connection */
    char *host;
    int32_t port;
    int32_t id;     /* -1 = of bootstrap.servers, id not known */
    bool forgotten; /* no longer in the metadata: freed when nothing uses it */
    enum lc_broker_state state;

    struct lc_resolving *resolving;
    struct lc_address_list *addresses;
    int fd;
    struct event *read_event;
    struct event *write_event;
    bool write_wanted;      /* write_event is pending */
    bool got_bytes;         /* something has been received on this connection */
    uint8_t *in;            /* begins of frames */
    size_t in_room;         /* bytes of it */
    size_t in_size;         /* bytes in it */
    struct lc_bytes *frame; /* the large frame that is being received */
    size_t frame_left;      /* bytes it still lacks */
    int wake_size;          /* bytes that make the socket readable */

    struct lc_request_list sending; /* not or not wholly written */
    struct lc_request_list waiting; /* written, answer due; oldest first */
    int in_flight;                  /* both lists, the handshake not counted */
    int32_t correlation_id;         /* of the next request */
    struct lc_version_range versions[LC_API_KEY_MAX + 1];

    int64_t setup_deadline; /* ns; while RESOLVING to HANDSHAKE */
    int64_t retry_at;       /* ns; not before, after a failure */
    int64_t backoff_ms;     /* of the next failure */
    int64_t failed_at;      /* ns; when last_err was set */
    int last_err;           /* 0 = never failed */
    char *last_message;     /* why the last attempt failed; NULL = never */
    struct lt_buf tried;    /* reasons of the addresses tried in this attempt */
};

/* What `external` of records in a message points to: their bytes, in pieces. */
struct lc_pieces {
    const struct iovec *iov;
    size_t count;
};

#define LC_SEND_NO_ANSWER 0x01 /* the broker will not answer: done when written */

/* The connection to a host and port for an owner, made if it is not there (not yet connected). NULL when memory is short. */
struct lc_broker *lc_broker_get(
    struct leat_client *client, int32_t id, const char *host, int32_t port, const void *owner);
void lc_broker_free(struct lc_broker *broker); /* requests fail with LEAT_ECANCELED */

/* Begin to connect if it is IDLE and the pause is over. Returns true if it is UP. */
bool lc_broker_connect(struct lc_broker *broker);

/* Highest version of an API that both sides know and that is not above version_max; -1 if none. Only while UP. */
int16_t lc_broker_version(const struct lc_broker *broker, int16_t api_key, int16_t version_max);

/* Send a request; only while UP.
 *
 *   message     the struct of that request (proto/messages.h); copied, but for external records, whose `external` points to a struct lc_pieces;
 *               that and the bytes must stay until done is called
 *   timeout_ms  for the answer, from now
 *
 * Returns 0, then `done` will be called (never from inside this call), or LEAT_ENOMEM, and it never will. */
int lc_broker_send(struct lc_broker *broker,
                   int16_t api_key,
                   int16_t version,
                   const void *message,
                   int64_t timeout_ms,
                   unsigned flags,
                   lc_answer_cb done,
                   void *arg);

/* Close with a reason; requests in flight fail with it. */
void lc_broker_close(struct lc_broker *broker, int err, const char *message);

/* Turn of the loop: deadlines, pauses, unsent bytes. Returns when it wants to be called again, ns. */
int64_t lc_broker_turn(struct lc_broker *broker, int64_t now);

#endif
