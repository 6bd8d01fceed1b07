/* handle_topics.h: what the handlers of topics and of settings share.
 *
 * Threads: the request's loop. */
#ifndef SRV_HANDLE_TOPICS_H
#define SRV_HANDLE_TOPICS_H

#include "base/arena.h"
#include "server/config.h"

struct srv_request;

/* Fill the error fields of an answer; the text is copied. LEAT_ENOMEM. */
int srv_refuse(struct lt_arena *arena,
               int16_t *ret_code,
               struct lt_slice *ret_message,
               int16_t code,
               const char *text);

/* The wire code for the outcome of a change (topic_change.h). */
int16_t srv_change_error(int err);

/* Check one topic setting and put it into pairs (room for one more), replacing an earlier value of the same name.
 * LEAT_ECONFIG with Kafka's sentence; LEAT_ENOMEM. */
int srv_set_topic_pair(struct lt_arena *arena,
                       struct srv_config_pair *pairs,
                       size_t *count,
                       const char *name,
                       const char *value,
                       struct leat_error **reterr);

/* NULL when `name` is "" or this broker's number; else what is wrong, in the request's arena. `altering` picks
 * between Kafka's two ways to say it. */
const char *srv_broker_name_wrong(struct srv_request *req, const char *name, bool altering);

/* Names that stand in a list more than once are refused, and answered once. */
enum srv_repeat {
    SRV_ONCE = 0,
    SRV_REPEATED = 1,
    SRV_REPEATED_AGAIN = 2 /* leave it out of the answer */
};

/* For each of the names: does it stand there more than once, and before? In the arena; NULL: no memory. */
enum srv_repeat *srv_repeated(struct lt_arena *arena, const struct lt_slice *names, size_t count);

#endif
