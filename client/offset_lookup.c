/* offset_lookup.c: see offset_lookup.h. */
#include "client/offset_lookup.h"

#include "base/alloc.h"
#include "proto/errors.h"
#include "proto/messages.h"

#define LIST_OFFSETS_VERSION_NEWEST 8 /* nothing newer is asked for */
#define EPOCH_VERSION_NEWEST 4

struct entry {
    struct lc_part *part; /* a reference */
    uint64_t seq;
    int64_t offset; /* the special one of a lookup */
    int32_t epoch;  /* of the leader, as the metadata has it */
    int32_t fetched_epoch;
    bool answered;
};

/* Partitions for one request to one leader; becomes the request's context. */
struct lc_question {
    struct leat_consumer *c; /* a reference while in flight */
    struct lc_broker *broker;
    bool check; /* OffsetForLeaderEpoch, else ListOffsets */
    size_t count;
    size_t capacity;
    struct entry *entries;
};

static int
send_lookup(struct leat_consumer *c, struct lc_question *question, struct lt_arena *arena);
static int
send_check(struct leat_consumer *c, struct lc_question *question, struct lt_arena *arena);
static void on_lookup(struct leat_client *client, const struct lc_answer *answer, void *arg);
static void on_check(struct leat_client *client, const struct lc_answer *answer, void *arg);

/* ---- collecting ---- */

static struct lc_question *
find_question(struct lc_questions *questions, struct lc_broker *broker, bool check)
{
    struct lc_question *question;

    for (size_t i = 0; i < questions->count; i++) {
        if (questions->list[i]->broker == broker && questions->list[i]->check == check) {
            return questions->list[i];
        }
    }
    question = questions->count == LC_QUESTIONS_MAX ? NULL : lt_calloc(1, sizeof(*question));
    if (question != NULL) {
        question->broker = broker;
        question->check = check;
        questions->list[questions->count++] = question;
    }
    return question;
}

void lc_questions_add(struct leat_consumer *c,
                      struct lc_questions *questions,
                      struct lc_broker *broker,
                      struct lc_part *part)
{
    struct lc_question *question = find_question(questions, broker, part->state == LC_PART_CHECK);

    if (question == NULL) {
        return; /* the next turn has room */
    }
    if (question->count == question->capacity) {
        size_t capacity = question->capacity == 0 ? 16 : question->capacity * 2;
        void *entries = lt_reallocarray(question->entries, capacity, sizeof(question->entries[0]));

        if (entries == NULL) {
            lc_fetcher_pause(c, part);
            return;
        }
        question->entries = entries;
        question->capacity = capacity;
    }
    (void)atomic_fetch_add_explicit(&part->refs, 1, memory_order_relaxed);
    question->entries[question->count++] =
        (struct entry){.part = part,
                       .seq = part->seq,
                       .offset = part->lookup,
                       .epoch = part->metadata->partitions[part->partition].epoch,
                       .fetched_epoch = part->fetched_epoch};
    part->in_request = true;
}

/* ---- requests ---- */

/* The request is over: every partition is free again; those that still count get the error, if there is one. */
static void end_question(struct leat_consumer *c, struct lc_question *question, int err)
{
    (void)pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < question->count; i++) {
        struct lc_part *part = question->entries[i].part;

        part->in_request = false;
        if (part->seq == question->entries[i].seq && (err < 0 || !question->entries[i].answered)) {
            /* What the answer does not mention is as good as not answered. */
            lc_fetcher_take_error(c, part, err < 0 ? err : LEAT_EUNAVAIL);
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
    for (size_t i = 0; i < question->count; i++) {
        lc_part_unref(question->entries[i].part);
    }
    lt_free(question->entries);
    lt_free(question);
}

void lc_questions_send(struct leat_consumer *c, struct lc_questions *questions)
{
    for (size_t i = 0; i < questions->count; i++) {
        struct lc_question *question = questions->list[i];
        struct lt_arena arena;
        int err;

        lt_arena_init(&arena, 0);
        question->c = c;
        (void)atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
        err = question->check ? send_check(c, question, &arena) : send_lookup(c, question, &arena);
        lt_arena_release(&arena);
        if (err < 0) {
            end_question(c, question, err);
            lc_consumer_unref(c);
        }
    }
    questions->count = 0;
}

static void finish_answer(struct lc_question *question, int err)
{
    struct leat_consumer *c = question->c;
    struct leat_client *client = c->client;

    end_question(c, question, err);
    lc_client_again(client);
    lc_consumer_unref(c);
}

/* The answered partition among the entries; count if it is not there. Answers usually keep the order. */
static size_t find_entry(const struct lc_question *question,
                         struct lt_slice topic,
                         int32_t partition,
                         size_t hint)
{
    for (size_t i = 0; i < question->count; i++) {
        size_t at = (hint + i) % question->count;

        if (question->entries[at].part->partition == partition &&
            lt_slice_is(topic, question->entries[at].part->topic)) {
            return at;
        }
    }
    return question->count;
}

/* ---- lookups ---- */

static int
send_lookup(struct leat_consumer *c, struct lc_question *question, struct lt_arena *arena)
{
    struct proto_list_offsets_request request;
    struct proto_list_offsets_request_partition *rows =
        lt_arena_calloc(arena, question->count, sizeof(rows[0]));
    struct proto_list_offsets_request_topic *topic = NULL;
    int64_t timeout_ms = lc_conf_number(c->client->conf, LC_CONF_REQUEST_TIMEOUT_MS);
    int16_t version =
        lc_broker_version(question->broker, PROTO_API_LIST_OFFSETS, LIST_OFFSETS_VERSION_NEWEST);

    proto_list_offsets_request_init(&request);
    request.replica_id = -1;
    request.isolation_level = c->committed;
    request.timeout_ms = (int32_t)timeout_ms;
    request.topics = lt_arena_calloc(arena, question->count, sizeof(request.topics[0]));
    if (rows == NULL || request.topics == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < question->count; i++) {
        const struct entry *entry = &question->entries[i];

        if (topic == NULL || !lt_slice_is(topic->name, entry->part->topic)) {
            topic = &request.topics[request.topics_count++];
            proto_list_offsets_request_topic_init(topic);
            topic->name = lt_slice_text(entry->part->topic);
            topic->partitions = &rows[i];
        }
        topic->partitions_count++;
        proto_list_offsets_request_partition_init(&rows[i]);
        rows[i].partition_index = entry->part->partition;
        rows[i].current_leader_epoch = entry->epoch;
        rows[i].timestamp = entry->offset;
        rows[i].max_num_offsets = 1;
    }
    return lc_broker_send(question->broker, PROTO_API_LIST_OFFSETS, version, &request, timeout_ms,
                          0, on_lookup, question);
}

/* Lock held. */
static void take_lookup(struct leat_consumer *c,
                        const struct entry *entry,
                        const struct proto_list_offsets_response_partition_response *from)
{
    struct lc_part *part = entry->part;

    if (part->seq != entry->seq || part->state != LC_PART_LOOKUP) {
        return;
    }
    if (from->error_code != 0) {
        lc_fetcher_take_error(c, part, LEAT_BROKER_ERROR(from->error_code));
        return;
    }
    if (from->offset < 0) {
        lc_fetcher_take_error(c, part, LEAT_EPROTOCOL);
        return;
    }
    part->state = LC_PART_FETCH;
    part->fetch_offset = from->offset;
    part->fetched_epoch = -1;
    part->leader_epoch = -1;
    if (part->chunk_count == 0) {
        part->position = from->offset; /* else when poll has read what came before */
    }
    lc_fetcher_succeeded(c, part);
}

static void on_lookup(struct leat_client *client, const struct lc_answer *answer, void *arg)
{
    struct lc_question *question = arg;
    struct leat_consumer *c = question->c;
    struct proto_list_offsets_response response;
    struct lt_arena arena;
    int err = answer->err;
    size_t hint = 0;

    (void)client;
    lt_arena_init(&arena, 0);
    if (err == 0) {
        err =
            proto_list_offsets_response_decode(answer->reader, answer->version, &arena, &response);
    }
    (void)pthread_mutex_lock(&c->lock);
    for (int32_t i = 0; err == 0 && i < response.topics_count; i++) {
        const struct proto_list_offsets_response_topic_response *topic = &response.topics[i];

        for (int32_t k = 0; k < topic->partitions_count; k++) {
            size_t at =
                find_entry(question, topic->name, topic->partitions[k].partition_index, hint);

            if (at < question->count) {
                question->entries[at].answered = true;
                take_lookup(c, &question->entries[at], &topic->partitions[k]);
                hint = at + 1;
            }
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
    lt_arena_release(&arena);
    finish_answer(question, err);
}

/* ---- checks ---- */

/* A broker that does not know the request (Kafka before 2.1) cannot be asked: what was read stands. */
static void skip_check(struct leat_consumer *c, struct lc_question *question)
{
    (void)pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < question->count; i++) {
        struct lc_part *part = question->entries[i].part;

        question->entries[i].answered = true;
        if (part->seq == question->entries[i].seq && part->state == LC_PART_CHECK) {
            part->state = LC_PART_FETCH;
            part->leader_epoch = question->entries[i].epoch;
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
    finish_answer(question, 0);
}

static int send_check(struct leat_consumer *c, struct lc_question *question, struct lt_arena *arena)
{
    struct proto_offset_for_leader_epoch_request request;
    struct proto_offset_for_leader_epoch_request_offset_for_leader_partition *rows =
        lt_arena_calloc(arena, question->count, sizeof(rows[0]));
    struct proto_offset_for_leader_epoch_request_offset_for_leader_topic *topic = NULL;
    int16_t version = lc_broker_version(question->broker, PROTO_API_OFFSET_FOR_LEADER_EPOCH,
                                        EPOCH_VERSION_NEWEST);

    if (version < 0) {
        skip_check(c, question);
        return 0;
    }
    proto_offset_for_leader_epoch_request_init(&request);
    request.replica_id = -1;
    request.topics = lt_arena_calloc(arena, question->count, sizeof(request.topics[0]));
    if (rows == NULL || request.topics == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < question->count; i++) {
        const struct entry *entry = &question->entries[i];

        if (topic == NULL || !lt_slice_is(topic->topic, entry->part->topic)) {
            topic = &request.topics[request.topics_count++];
            proto_offset_for_leader_epoch_request_offset_for_leader_topic_init(topic);
            topic->topic = lt_slice_text(entry->part->topic);
            topic->partitions = &rows[i];
        }
        topic->partitions_count++;
        proto_offset_for_leader_epoch_request_offset_for_leader_partition_init(&rows[i]);
        rows[i].partition = entry->part->partition;
        rows[i].current_leader_epoch = entry->epoch;
        rows[i].leader_epoch = entry->fetched_epoch;
    }
    return lc_broker_send(question->broker, PROTO_API_OFFSET_FOR_LEADER_EPOCH, version, &request,
                          lc_conf_number(c->client->conf, LC_CONF_REQUEST_TIMEOUT_MS), 0, on_check,
                          question);
}

/* Lock held. */
static void take_check(struct leat_consumer *c,
                       const struct entry *entry,
                       const struct proto_offset_for_leader_epoch_response_epoch_end_offset *from)
{
    struct lc_part *part = entry->part;

    if (part->seq != entry->seq || part->state != LC_PART_CHECK) {
        return;
    }
    if (from->error_code != 0) {
        lc_fetcher_take_error(c, part, LEAT_BROKER_ERROR(from->error_code));
        return;
    }
    part->leader_epoch = entry->epoch;
    lc_fetcher_succeeded(c, part);
    part->state = LC_PART_FETCH;
    if (from->end_offset < 0 || from->leader_epoch < 0) {
        lc_fetcher_truncated(c, part, -1, "the new leader knows nothing of what was read");
    } else if (from->end_offset < part->fetch_offset) {
        lc_fetcher_truncated(c, part, from->end_offset,
                             "records that were read are gone since the leader changed");
    }
}

static void on_check(struct leat_client *client, const struct lc_answer *answer, void *arg)
{
    struct lc_question *question = arg;
    struct leat_consumer *c = question->c;
    struct proto_offset_for_leader_epoch_response response;
    struct lt_arena arena;
    int err = answer->err;
    size_t hint = 0;

    (void)client;
    lt_arena_init(&arena, 0);
    if (err == 0) {
        err = proto_offset_for_leader_epoch_response_decode(answer->reader, answer->version, &arena,
                                                            &response);
    }
    (void)pthread_mutex_lock(&c->lock);
    for (int32_t i = 0; err == 0 && i < response.topics_count; i++) {
        const struct proto_offset_for_leader_epoch_response_offset_for_leader_topic_result *topic =
            &response.topics[i];

        for (int32_t k = 0; k < topic->partitions_count; k++) {
            size_t at = find_entry(question, topic->topic, topic->partitions[k].partition, hint);

            if (at < question->count) {
                question->entries[at].answered = true;
                take_check(c, &question->entries[at], &topic->partitions[k]);
                hint = at + 1;
            }
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
    lt_arena_release(&arena);
    finish_answer(question, err);
}
