/* fetch_session.h: fetches from one leader, as a session: the broker remembers the partitions, and a request names only what changed.
 *
 *   full, epoch 0     names all partitions; the answer gives the session's id (0: this broker keeps none, so that the next is full too)
 *   incremental, 1..  names partitions that are new or whose offset, leader epoch or topic has moved, and those to forget;
 *                     the answer names only partitions that have something to say
 *
 * A partition that is paused, waits after an error or has moved leaves the session with the next request; with 1,000 partitions at rest, a request
 * is as large as with one. Whatever goes wrong with a request ends the session: the next is full and closes the old one. So do a new assignment, and a
 * partition whose leader comes back, since a request cannot both forget and name a partition. Topics go by id from version 13 on if all ids are known, else by name.
 * One request is in flight at a time; members change only between requests.
 * Threads: loop. Source: KIP-227, KIP-516, Kafka FetchSessionHandler. */
#ifndef LC_FETCH_SESSION_H
#define LC_FETCH_SESSION_H

#include "client/consumer_impl.h"

/* A partition in a session, as it was asked for last. */
struct lc_member {
    struct lc_part *part; /* a reference */
    uint64_t seq;
    int64_t offset;
    int32_t epoch; /* of the leader */
    struct proto_uuid topic_id;
    bool asked;  /* the broker knows it with these values */
    bool wanted; /* belongs to the next request */
};

struct lc_session {
    LIST_ENTRY(lc_session) link; /* consumer->sessions */
    struct leat_consumer *c;
    struct lc_broker *broker; /* of the request that is being made */
    int32_t node_id;
    int32_t id;             /* the broker's; 0 = none */
    int32_t epoch;          /* of the next request; 0 = full */
    unsigned assignments;   /* of the consumer, when it began */
    bool by_id;             /* topics go by id */
    bool in_flight;         /* members stay as they are */
    bool due;               /* the request is to be sent in this turn */
    size_t left_count;      /* members that another session has now, not yet forgotten */
    unsigned refused_count; /* session errors in a row */
    struct lc_member *members;
    size_t count;
    size_t capacity;
    size_t rotor;      /* member that comes first in the next full request */
    size_t size_asked; /* max_bytes of the request */
};

/* The consumer's session with the broker of this connection, made if it is not there; NULL when memory is short. */
struct lc_session *lc_session_of(struct leat_consumer *c, const struct lc_broker *broker);

/* Lock held, not in flight: the partition belongs to the next request, with its fetch_offset. Returns 0 or LEAT_ENOMEM. */
int lc_session_want(struct lc_session *session, struct lc_part *part);

/* Send what is wanted; members that are not leave. On an error the partitions pause. Lock not held. */
void lc_session_send(struct lc_session *session, struct lc_broker *broker);

/* The consumer leaves the loop; nothing is in flight. */
void lc_sessions_free(struct leat_consumer *c);

#endif
