/* offset_lookup.h: questions of a consumer to leaders besides fetches: where does the log begin or end (ListOffsets), and is it still the one that
 * was read (OffsetForLeaderEpoch)?
 *
 * Partitions of one leader are asked about together, on the client's main connection.
 * Threads: loop. Source: KIP-320. */
#ifndef LC_OFFSET_LOOKUP_H
#define LC_OFFSET_LOOKUP_H

#include "client/consumer_impl.h"

#define LC_QUESTIONS_MAX 16 /* requests per turn; what is left waits for the next */

struct lc_question;

/* What a turn has to ask. */
struct lc_questions {
    struct lc_question *list[LC_QUESTIONS_MAX];
    size_t count;
};

/* Lock held: add a partition in state LOOKUP or CHECK; its leader's connection is UP. It is in_request then. */
void lc_questions_add(struct leat_consumer *c,
                      struct lc_questions *questions,
                      struct lc_broker *broker,
                      struct lc_part *part);

/* Send all of them. Lock not held. */
void lc_questions_send(struct leat_consumer *c, struct lc_questions *questions);

#endif
