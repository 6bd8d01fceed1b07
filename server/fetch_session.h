/* fetch_session.h: incremental fetches (KIP-227): what a client asked for last time, remembered.
 *
 * A session is a list of partitions in the order in which they are served, with what the client was told last. With many
 * partitions a fetch then names only what changed, and the answer too. Whoever gets no session (all slots taken) is told
 * session id 0 and asks in full each time: that is always right.
 * Slots: max.incremental.fetch.session.cache.slots. A new session takes the place of one that was idle for two minutes, or of a smaller
 * one that is older than that.
 * Threads: any; the table has a mutex, each session one of its own. Blocks: for these mutexes only. Source: KIP-227, Kafka
 * FetchSession. */
#ifndef SRV_FETCH_SESSION_H
#define SRV_FETCH_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "proto/messages.h"

struct srv_fetch_session;
struct srv_fetch_sessions;

#define SRV_FETCH_SESSION_IDLE_MS 120000
#define SRV_FETCH_SESSION_PARTITIONS_MAX 100000 /* with more there is no session */

/* One partition that a fetch is about. */
struct srv_fetch_partition {
    struct lt_slice name; /* up to version 12; else empty */
    struct proto_uuid id; /* from version 13 on */
    int64_t offset;
    int64_t
        sent_high_watermark; /* as told last in this session; -1: nothing was told, or an error */
    int64_t sent_log_start;
    int32_t number;
    int32_t max_bytes;
    int32_t leader_epoch;       /* as the client believes; -1 = not checked */
    int32_t last_fetched_epoch; /* -1 = not checked */
};

/* What a request means. */
struct srv_fetch_view {
    struct srv_fetch_partition *partitions; /* in the order in which they are served; arena */
    size_t count;
    struct srv_fetch_session *session; /* of an incremental fetch, referenced; otherwise NULL */
    int32_t session_id;                /* of that session; otherwise 0 */
    int16_t error;                     /* wire code for the whole request; 0 = none */
    bool wants_session;                /* full fetch that asks for one */
    bool by_id;
};

/* LEAT_ENOMEM. */
int srv_fetch_sessions_new(const struct lt_clock *clock, struct srv_fetch_sessions **ret_sessions);
void srv_fetch_sessions_free(struct srv_fetch_sessions *sessions); /* NULL is accepted */
size_t srv_fetch_sessions_count(struct srv_fetch_sessions *sessions);

/* Work out what a request is about: a full list, or its session with the changes that it brings. Closes, advances and
 * checks sessions on the way. Protocol errors go into ret->error. Slices are in the arena or borrowed from the request.
 * LEAT_ENOMEM. */
int srv_fetch_sessions_resolve(struct srv_fetch_sessions *sessions,
                               const struct proto_fetch_request *in,
                               int16_t version,
                               struct lt_arena *arena,
                               struct srv_fetch_view *ret);

/* Begin a session for a full fetch that wants one, with what its answer tells (the sent_ members of the view). Returns its id, 0
 * when there is no slot or no memory. */
int32_t srv_fetch_sessions_begin(struct srv_fetch_sessions *sessions,
                                 size_t slots,
                                 const struct srv_fetch_view *view);

/* Remember what the answer to an incremental fetch told about a partition (its sent_ members); `to_end`: it had records, so others
 * come first next time. A partition that has left the session meanwhile is ignored. */
void srv_fetch_session_told(struct srv_fetch_session *session,
                            const struct srv_fetch_partition *partition,
                            bool to_end);

void srv_fetch_session_unref(struct srv_fetch_session *session); /* NULL is accepted */

#endif
