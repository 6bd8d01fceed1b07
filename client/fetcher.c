/* fetcher.c: the loop's side of a consumer: what each partition needs now, and what becomes of errors.
 *
 *   lc_fetcher_turn   for each partition: offset to be looked up or checked -> offset_lookup.c; to be fetched -> fetch_session.c
 *
 *   LOOKUP --offset known--> FETCH --leader epoch rises--> CHECK --log is the same--> FETCH
 *      ^------- out of range, cut, by auto.offset.reset -----'  `-- the same with "none", or bytes that cannot be read --> STOPPED
 *
 * Fetches go on a connection of the consumer's own, one in flight per leader. Source: Kafka Fetcher, KIP-74, KIP-320 (leader epochs). */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "client/consumer_impl.h"
#include "client/fetch_session.h"
#include "client/offset_lookup.h"
#include "proto/errors.h"

#define NS_PER_MS 1000000
#define TELL_AGAIN_NS ((int64_t)5000 * NS_PER_MS)
#define ANSWERS_BEFORE_TELL 3 /* a topic that was just made may be unknown for a moment */

/* What a turn has found so far. */
struct plan {
    int64_t now;
    int64_t next;             /* ns; when to look again */
    struct lc_broker *broker; /* that of the partition before, ready, since most have the same */
    const struct lc_topic_partition *leads;
    bool lookup;
    struct lc_questions questions;
};

static void update_metadata(struct leat_consumer *c, struct plan *plan);
static void collect(struct leat_consumer *c, struct plan *plan);
static void send_sessions(struct leat_consumer *c);

int64_t lc_fetcher_turn(struct leat_consumer *c, int64_t now)
{
    struct plan plan = {.now = now, .next = LC_NEVER};

    (void)pthread_mutex_lock(&c->lock);
    update_metadata(c, &plan);
    if (!c->closed) {
        collect(c, &plan);
    }
    (void)pthread_mutex_unlock(&c->lock);
    lc_questions_send(c, &plan.questions);
    send_sessions(c);
    return plan.next;
}

/* ---- errors ---- */

void lc_fetcher_tell(struct leat_consumer *c, struct lc_part *part, int code, const char *message)
{
    int64_t now = lt_clock_mono_ns(c->client->clock);
    struct lc_part_error *error;

    if (part->told_code == code && part->tell_at > now) {
        return;
    }
    error = lt_calloc(1, sizeof(*error));
    if (error == NULL) {
        return; /* it lasts: told later */
    }
    part->told_code = code;
    part->tell_at = now + TELL_AGAIN_NS;
    (void)atomic_fetch_add_explicit(&part->refs, 1, memory_order_relaxed);
    error->part = part;
    error->seq = part->seq;
    error->code = code;
    error->message = message == NULL ? NULL : lt_strdup(message);
    STAILQ_INSERT_TAIL(&c->errors, error, link);
    lc_consumer_notify(c);
}

void lc_fetcher_succeeded(struct leat_consumer *c, struct lc_part *part)
{
    if (part->metadata == NULL || part->metadata->code == 0) {
        part->told_code = 0; /* else the error stands there: an older leader still answers */
    }
    part->backoff_ms = lc_conf_number(c->client->conf, LC_CONF_RETRY_BACKOFF_MS);
}

void lc_fetcher_pause(struct leat_consumer *c, struct lc_part *part)
{
    int64_t most = lc_conf_number(c->client->conf, LC_CONF_RETRY_BACKOFF_MAX_MS);

    part->retry_at = lt_clock_mono_ns(c->client->clock) + part->backoff_ms * NS_PER_MS;
    part->backoff_ms = part->backoff_ms * 2 > most ? most : part->backoff_ms * 2;
}

/* Nobody may decide for the application where to go on. */
static void stop_part(struct leat_consumer *c, struct lc_part *part, const char *what)
{
    char text[160];

    (void)snprintf(text, sizeof(text), "%s, and auto.offset.reset is none", what);
    part->state = LC_PART_STOPPED;
    part->told_code = 0;
    lc_fetcher_tell(c, part, LEAT_ERANGE, text);
}

void lc_fetcher_truncated(struct leat_consumer *c,
                          struct lc_part *part,
                          int64_t end,
                          const char *what)
{
    int64_t reset = lc_conf_number(c->conf, LC_CONF_OFFSET_RESET);

    lc_part_renew(part); /* what waits may be of the old log */
    lc_consumer_drop_stale(c);
    part->fetched_epoch = -1;
    if (end >= 0 && part->position >= 0 && part->position <= end) {
        part->fetch_offset = part->position; /* the application has seen nothing that is gone */
    } else if (reset == LC_RESET_NONE) {
        stop_part(c, part, what);
    } else if (end >= 0) {
        part->fetch_offset = end;
        part->position = end;
    } else {
        part->state = LC_PART_LOOKUP;
        part->lookup = reset == LC_RESET_EARLIEST ? LEAT_OFFSET_START : LEAT_OFFSET_END;
    }
}

void lc_fetcher_take_error(struct leat_consumer *c, struct lc_part *part, int err)
{
    int64_t reset = lc_conf_number(c->conf, LC_CONF_OFFSET_RESET);

    if (err == LEAT_BROKER_ERROR(PROTO_ERROR_OFFSET_OUT_OF_RANGE) && part->state == LC_PART_FETCH) {
        if (reset == LC_RESET_NONE) {
            char text[64];

            (void)snprintf(text, sizeof(text), "offset %lld does not exist (any more)",
                           (long long)part->fetch_offset);
            stop_part(c, part, text);
            return;
        }
        part->state = LC_PART_LOOKUP;
        part->lookup = reset == LC_RESET_EARLIEST ? LEAT_OFFSET_START : LEAT_OFFSET_END;
        return;
    }
    if (!LEAT_IS_BROKER_ERROR(err) || proto_error_needs_metadata((int16_t)LEAT_WIRE_CODE(err)) ||
        err == LEAT_BROKER_ERROR(PROTO_ERROR_FENCED_LEADER_EPOCH) ||
        err == LEAT_BROKER_ERROR(PROTO_ERROR_UNKNOWN_LEADER_EPOCH)) {
        lc_metadata_refresh(c->client);
    } else if (!leat_error_is_retriable(err) ||
               err == LEAT_BROKER_ERROR(PROTO_ERROR_CORRUPT_MESSAGE)) {
        lc_fetcher_tell(c, part, err, NULL);
    }
    lc_fetcher_pause(c, part);
}

/* ---- what is to be asked ---- */

static void check_topic(struct leat_consumer *c, struct lc_part *part)
{
    const struct lc_topic *topic = part->metadata;

    if (!topic->known || topic->answers < ANSWERS_BEFORE_TELL) {
        if (topic->known && topic->code < 0 && !leat_error_is_retriable(topic->code)) {
            lc_fetcher_tell(c, part, topic->code, NULL);
        }
        return;
    }
    if (topic->code < 0) {
        lc_fetcher_tell(c, part, topic->code, NULL);
    } else if (part->partition >= topic->partition_count) {
        lc_fetcher_tell(c, part, LEAT_BROKER_ERROR(PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION), NULL);
    }
}

/* The topic is another one than the position was made for: all that is stored is unseen. Lock held. */
static void meet_new_topic(struct leat_consumer *c, struct lc_part *part)
{
    bool moved = part->state == LC_PART_FETCH || part->state == LC_PART_CHECK;

    part->topic_id = part->metadata->id;
    part->fetched_epoch = -1;
    part->leader_epoch = -1;
    if (!moved) {
        return;
    }
    lc_part_renew(part);
    lc_consumer_drop_stale(c);
    if (lc_conf_number(c->conf, LC_CONF_OFFSET_RESET) == LC_RESET_NONE) {
        stop_part(c, part, "the topic was deleted and created again");
        return;
    }
    part->state = LC_PART_LOOKUP;
    part->lookup = LEAT_OFFSET_START;
}

/* Is the topic known, and the one that it was? Lock held. */
static void check_id(struct leat_consumer *c, struct lc_part *part)
{
    const struct lc_topic *topic = part->metadata;

    if (!topic->known || topic->code < 0 || proto_uuid_is_zero(topic->id) ||
        proto_uuid_equal(topic->id, part->topic_id)) {
        return;
    }
    if (proto_uuid_is_zero(part->topic_id)) {
        part->topic_id = topic->id;
    } else {
        meet_new_topic(c, part);
    }
}

static void update_metadata(struct leat_consumer *c, struct plan *plan)
{
    int64_t pause_ms = lc_conf_number(c->client->conf, LC_CONF_RETRY_BACKOFF_MS);

    for (size_t i = 0; i < c->dropped_count; i++) {
        lc_metadata_drop(c->client, c->dropped[i]);
    }
    c->dropped_count = 0;
    for (size_t i = 0; i < c->part_count; i++) {
        struct lc_part *part = c->parts[i];

        if (part->metadata == NULL) {
            part->metadata = lc_metadata_topic(c->client, part->topic, false);
        }
        if (part->metadata != NULL) {
            check_topic(c, part);
            check_id(c, part);
        } else {
            plan->next = plan->now + pause_ms * NS_PER_MS; /* no memory: look again */
        }
    }
}

/* A connection to the partition's leader that is UP; NULL: not yet, and its events make turns of their own. */
static struct lc_broker *
find_leader(struct leat_consumer *c, struct plan *plan, const struct lc_part *part, bool lookup)
{
    const struct lc_topic *topic = part->metadata;
    struct lc_broker *broker;

    if (plan->leads != NULL && plan->lookup == lookup && topic->known &&
        part->partition < topic->partition_count &&
        topic->partitions[part->partition].leader == plan->leads->leader) {
        return plan->broker;
    }
    broker = lc_metadata_leader(c->client, topic, part->partition, lookup ? NULL : (const void *)c);
    if (broker != NULL) {
        plan->leads = &topic->partitions[part->partition];
        plan->lookup = lookup;
        plan->broker = lc_broker_connect(broker) ? broker : NULL;
        broker = plan->broker;
    }
    return broker;
}

/* A new leader epoch since the last fetch: was the log cut behind what was read? Lock held. */
static void check_epoch(struct lc_part *part)
{
    int32_t epoch = -1;

    if (part->metadata->known && part->partition < part->metadata->partition_count) {
        epoch = part->metadata->partitions[part->partition].epoch;
    }
    if (epoch <= part->leader_epoch) {
        return;
    }
    if (part->leader_epoch >= 0 && part->fetched_epoch >= 0) {
        part->state = LC_PART_CHECK;
    } else {
        part->leader_epoch = epoch;
    }
}

static void want_fetch(struct leat_consumer *c, struct lc_part *part, struct lc_broker *broker)
{
    struct lc_session *session = lc_session_of(c, broker);

    if (session != NULL && session->in_flight) {
        return; /* the answer makes a turn of its own */
    }
    if (session == NULL || lc_session_want(session, part) < 0) {
        lc_fetcher_pause(c, part);
        return;
    }
    session->broker = broker;
}

/* Is there nothing to do for this partition now? Lock held. */
static bool rests(const struct lc_part *part, bool full, struct plan *plan)
{
    if (part->state == LC_PART_STOPPED || part->metadata == NULL || part->in_request ||
        (part->session != NULL && part->session->in_flight) ||
        (part->state != LC_PART_LOOKUP && (full || part->paused))) {
        return true;
    }
    if (part->retry_at > plan->now) {
        plan->next = part->retry_at < plan->next ? part->retry_at : plan->next;
        return true;
    }
    return false;
}

/* Lock held. */
static void collect(struct leat_consumer *c, struct plan *plan)
{
    bool full = lc_consumer_full(c);
    struct lc_session *session;

    c->throttled = full;
    for (size_t i = 0; i < c->part_count; i++) {
        struct lc_part *part = c->parts[i];
        struct lc_broker *broker;

        if (rests(part, full, plan)) {
            continue;
        }
        if (part->state == LC_PART_FETCH) {
            check_epoch(part);
        }
        broker = find_leader(c, plan, part, part->state != LC_PART_FETCH);
        if (broker == NULL) {
            continue;
        }
        if (part->state == LC_PART_FETCH) {
            want_fetch(c, part, broker);
        } else {
            lc_questions_add(c, &plan->questions, broker, part);
        }
    }
    LIST_FOREACH (session, &c->sessions, link) {
        session->size_asked = lc_consumer_room(c) / 2 / c->session_count + 1;
    }
}

static void send_sessions(struct leat_consumer *c)
{
    struct lc_session *session;

    LIST_FOREACH (session, &c->sessions, link) {
        if (session->due) {
            lc_session_send(session, session->broker);
        }
    }
}
