/* fetch_session.c: see fetch_session.h. */
#include "client/fetch_session.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "proto/errors.h"
#include "proto/messages.h"

#define FETCH_VERSION_NEWEST 18
#define FETCH_VERSION_NAMES 12 /* newest that names topics; later ones have ids */
#define MEMBERS_FIRST 16
#define REFUSED_MAX 1 /* session errors in a row that are answered at once */

/* A request that is being made. */
struct making {
    struct proto_fetch_request request;
    struct lt_arena arena;
    int16_t version;
    int32_t *forgotten; /* room for all numbers */
    size_t forgotten_count;
    struct proto_fetch_request_partition *rows; /* room for all */
    size_t row_count;
};

static void on_fetch(struct leat_client *client, const struct lc_answer *answer, void *arg);

/* ---- members ---- */

struct lc_session *lc_session_of(struct leat_consumer *c, const struct lc_broker *broker)
{
    struct lc_session *session;

    LIST_FOREACH (session, &c->sessions, link) {
        if (session->node_id == broker->id) {
            return session;
        }
    }
    session = lt_calloc(1, sizeof(*session));
    if (session != NULL) {
        session->c = c;
        session->node_id = broker->id;
        LIST_INSERT_HEAD(&c->sessions, session, link);
        c->session_count++;
    }
    return session;
}

/* The next request is full; the broker drops what it has. */
static void begin_anew(struct lc_session *session)
{
    session->epoch = 0;
    for (size_t i = 0; i < session->count; i++) {
        session->members[i].asked = false;
    }
}

static int add_member(struct lc_session *session, struct lc_part *part)
{
    if (session->count == session->capacity) {
        size_t capacity = session->capacity == 0 ? MEMBERS_FIRST : session->capacity * 2;
        void *members = lt_reallocarray(session->members, capacity, sizeof(session->members[0]));

        if (members == NULL) {
            return LEAT_ENOMEM;
        }
        session->members = members;
        session->capacity = capacity;
    }
    if (session->left_count > 0) {
        begin_anew(
            session); /* it may be the one that left: it cannot be forgotten and named at once */
        session->left_count = 0;
    }
    if (part->session != NULL) {
        part->session->left_count++; /* where its next request forgets it */
    }
    (void)atomic_fetch_add_explicit(&part->refs, 1, memory_order_relaxed);
    part->session = session;
    part->slot = session->count;
    session->members[session->count++] = (struct lc_member){.part = part};
    return 0;
}

int lc_session_want(struct lc_session *session, struct lc_part *part)
{
    int32_t epoch = part->metadata->partitions[part->partition].epoch;
    struct lc_member *member;

    LT_ASSERT(!session->in_flight);
    if (part->session != session && add_member(session, part) < 0) {
        return LEAT_ENOMEM;
    }
    member = &session->members[part->slot];
    if (member->asked && !proto_uuid_equal(member->topic_id, part->metadata->id)) {
        begin_anew(session); /* the topic is another one: rare enough to name all anew */
    }
    member->asked = member->asked && member->offset == part->fetch_offset && member->epoch == epoch;
    member->seq = part->seq;
    member->offset = part->fetch_offset;
    member->epoch = epoch;
    member->topic_id = part->metadata->id;
    member->wanted = true;
    session->due = true;
    return 0;
}

static void drop_member(struct lc_session *session, size_t i)
{
    struct lc_part *part = session->members[i].part;

    if (part->session == session && part->slot == i) {
        part->session = NULL;
    }
    lc_part_unref(part);
}

void lc_sessions_free(struct leat_consumer *c)
{
    struct lc_session *session;

    while ((session = LIST_FIRST(&c->sessions)) != NULL) {
        LT_ASSERT(!session->in_flight);
        LIST_REMOVE(session, link);
        for (size_t i = 0; i < session->count; i++) {
            drop_member(session, i);
        }
        lt_free(session->members);
        lt_free(session);
    }
    c->session_count = 0;
}

/* ---- requests ---- */

/* By ids where the broker takes them and all are known. A session keeps to one way. */
static void choose_version(struct lc_session *session, struct lc_broker *broker, int16_t *ret)
{
    int16_t version = lc_broker_version(broker, PROTO_API_FETCH, FETCH_VERSION_NEWEST);
    bool by_id = version > FETCH_VERSION_NAMES;

    for (size_t i = 0; i < session->count && by_id; i++) {
        by_id = !session->members[i].wanted || !proto_uuid_is_zero(session->members[i].topic_id);
    }
    if (by_id != session->by_id) {
        begin_anew(session);
        session->by_id = by_id;
    }
    *ret = by_id || version <= FETCH_VERSION_NAMES ? version : FETCH_VERSION_NAMES;
}

static bool same_topic(const struct lc_session *session,
                       const struct lc_member *member,
                       struct lt_slice name,
                       struct proto_uuid id)
{
    return session->by_id ? proto_uuid_equal(id, member->topic_id)
                          : lt_slice_is(name, member->part->topic);
}

/* Not above the share of one request, so that what waits stays within its bound also at brokers that look at nothing else. */
static int32_t part_size_max(const struct leat_consumer *c)
{
    int64_t most = lc_conf_number(c->conf, LC_CONF_PARTITION_FETCH_BYTES);
    int64_t half = (int64_t)c->queue_size_max / 2;

    return (int32_t)(half < most ? half : most);
}

static void name_member(struct lc_session *session, struct making *making, struct lc_member *member)
{
    struct proto_fetch_request *request = &making->request;
    struct proto_fetch_request_topic *topic =
        request->topics_count == 0 ? NULL : &request->topics[request->topics_count - 1];
    struct proto_fetch_request_partition *row = &making->rows[making->row_count++];

    if (topic == NULL || !same_topic(session, member, topic->topic, topic->topic_id)) {
        topic = &request->topics[request->topics_count++];
        proto_fetch_request_topic_init(topic);
        topic->topic = lt_slice_text(member->part->topic);
        topic->topic_id = member->topic_id;
        topic->partitions = row;
    }
    topic->partitions_count++;
    proto_fetch_request_partition_init(row);
    row->partition = member->part->partition;
    row->current_leader_epoch = member->epoch;
    row->fetch_offset = member->offset;
    row->partition_max_bytes = part_size_max(session->c);
    member->asked = true;
}

static void
forget_member(struct lc_session *session, struct making *making, const struct lc_member *member)
{
    struct proto_fetch_request *request = &making->request;
    struct proto_fetch_request_forgotten_topic *topic =
        request->forgotten_topics_data_count == 0
            ? NULL
            : &request->forgotten_topics_data[request->forgotten_topics_data_count - 1];

    making->forgotten[making->forgotten_count] = member->part->partition;
    if (topic == NULL || !same_topic(session, member, topic->topic, topic->topic_id)) {
        topic = &request->forgotten_topics_data[request->forgotten_topics_data_count++];
        proto_fetch_request_forgotten_topic_init(topic);
        topic->topic = lt_slice_text(member->part->topic);
        topic->topic_id = member->topic_id;
        topic->partitions = &making->forgotten[making->forgotten_count];
    }
    topic->partitions_count++;
    making->forgotten_count++;
}

/* Name what is new, forget what is not wanted; the names go by arena until the request is sent, so members are dropped later. */
static int fill_request(struct lc_session *session, struct making *making)
{
    struct proto_fetch_request *request = &making->request;
    size_t first = session->epoch == 0 ? session->rotor++ % session->count : 0;
    size_t count = session->count;

    making->rows = lt_arena_alloc(&making->arena, count * sizeof(making->rows[0]));
    making->forgotten = lt_arena_alloc(&making->arena, count * sizeof(making->forgotten[0]));
    request->topics = lt_arena_alloc(&making->arena, count * sizeof(request->topics[0]));
    request->forgotten_topics_data =
        lt_arena_alloc(&making->arena, count * sizeof(request->forgotten_topics_data[0]));
    if (making->rows == NULL || making->forgotten == NULL || request->topics == NULL ||
        request->forgotten_topics_data == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct lc_member *member = &session->members[(first + i) % count];

        if (member->wanted && !member->asked) {
            name_member(session, making, member);
        } else if (!member->wanted && member->asked) {
            forget_member(session, making, member);
        }
    }
    return 0;
}

/* Members that are not wanted leave; the others wait for the answer. */
static void keep_wanted(struct lc_session *session)
{
    size_t kept = 0;

    for (size_t i = 0; i < session->count; i++) {
        struct lc_member *member = &session->members[i];

        if (!member->wanted) {
            drop_member(session, i);
            continue;
        }
        member->wanted = false; /* for the next time */
        if (member->part->session == session && member->part->slot == i) {
            member->part->slot = kept;
        }
        session->members[kept++] = *member;
    }
    session->count = kept;
    session->left_count = 0;
}

/* The request did not get an answer that counts. Members that still count get the error. Lock held. */
static void fail_members(struct lc_session *session, int err)
{
    for (size_t i = 0; i < session->count; i++) {
        struct lc_member *member = &session->members[i];

        if (member->part->session == session && member->part->seq == member->seq) {
            lc_fetcher_take_error(session->c, member->part, err);
        }
    }
}

static int try_send(struct lc_session *session, struct lc_broker *broker, struct making *making)
{
    struct leat_consumer *c = session->c;
    int64_t wait_ms = lc_conf_number(c->conf, LC_CONF_FETCH_MAX_WAIT_MS);
    int64_t timeout_ms = lc_conf_number(c->client->conf, LC_CONF_REQUEST_TIMEOUT_MS) + wait_ms;
    int64_t most = lc_conf_number(c->conf, LC_CONF_FETCH_MAX_BYTES);

    choose_version(session, broker, &making->version);
    if (making->version < 0) {
        return LEAT_EUNSUPPORTED;
    }
    proto_fetch_request_init(&making->request);
    if (fill_request(session, making) < 0) {
        return LEAT_ENOMEM;
    }
    making->request.replica_id = -1;
    making->request.max_wait_ms = (int32_t)wait_ms;
    making->request.min_bytes = (int32_t)lc_conf_number(c->conf, LC_CONF_FETCH_MIN_BYTES);
    making->request.max_bytes =
        (int32_t)(session->size_asked < (size_t)most ? (int64_t)session->size_asked : most);
    making->request.isolation_level = c->committed;
    making->request.session_id = session->id;
    making->request.session_epoch = session->epoch;
    return lc_broker_send(broker, PROTO_API_FETCH, making->version, &making->request, timeout_ms, 0,
                          on_fetch, session);
}

void lc_session_send(struct lc_session *session, struct lc_broker *broker)
{
    struct leat_consumer *c = session->c;
    struct making making = {0};
    unsigned assignments;
    int err;

    LT_ASSERT(!session->in_flight);
    session->due = false;
    (void)pthread_mutex_lock(&c->lock);
    assignments = c->assignments;
    (void)pthread_mutex_unlock(&c->lock);
    if (session->assignments != assignments) {
        begin_anew(session);
        session->assignments = assignments;
    }
    lt_arena_init(&making.arena, 0);
    err = try_send(session, broker, &making);
    lt_arena_release(&making.arena);
    keep_wanted(session);
    if (err < 0) {
        begin_anew(session);
        (void)pthread_mutex_lock(&c->lock);
        fail_members(session, err);
        (void)pthread_mutex_unlock(&c->lock);
        return;
    }
    session->in_flight = true;
    (void)atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
}

/* ---- answers ---- */

/* Offset behind the whole batches in `records`, -1 if there is none, and the leader epoch of the last. Only headers are looked at. */
static int64_t next_offset(struct lt_slice records, int32_t *ret_epoch)
{
    struct proto_batch_header header;
    int64_t next = -1;

    while (proto_batch_header_read(records.data, records.size, &header) == 0) {
        size_t size = proto_batch_header_total(&header);

        if (size < PROTO_BATCH_HEADER_SIZE || size > records.size) {
            break;
        }
        next = proto_batch_header_last_offset(&header) + 1;
        *ret_epoch = header.leader_epoch;
        records.data += size;
        records.size -= size;
    }
    return next;
}

static int copy_aborted(struct lc_chunk *chunk,
                        const struct proto_fetch_response_partition_data *from)
{
    size_t count =
        from->aborted_transactions_count > 0 ? (size_t)from->aborted_transactions_count : 0;

    if (count == 0) {
        return 0;
    }
    chunk->aborted = lt_calloc(count, sizeof(chunk->aborted[0]));
    chunk->bad_producers = lt_calloc(count, sizeof(chunk->bad_producers[0]));
    if (chunk->aborted == NULL || chunk->bad_producers == NULL) {
        return LEAT_ENOMEM;
    }
    /* Few, and nearly always sorted: insertion. */
    for (size_t i = 0; i < count; i++) {
        struct lc_aborted fresh = {.producer_id = from->aborted_transactions[i].producer_id,
                                   .first_offset = from->aborted_transactions[i].first_offset};
        size_t at = i;

        while (at > 0 && chunk->aborted[at - 1].first_offset > fresh.first_offset) {
            chunk->aborted[at] = chunk->aborted[at - 1];
            at--;
        }
        chunk->aborted[at] = fresh;
    }
    chunk->aborted_count = count;
    return 0;
}

static struct lc_chunk *make_chunk(const struct lc_member *member,
                                   const struct proto_fetch_response_partition_data *from,
                                   struct lc_bytes *frame)
{
    struct lc_chunk *chunk = lt_calloc(1, sizeof(*chunk));

    if (chunk == NULL) {
        return NULL;
    }
    (void)atomic_fetch_add_explicit(&member->part->refs, 1, memory_order_relaxed);
    chunk->part = member->part;
    chunk->seq = member->seq;
    chunk->frame = lc_bytes_ref(frame);
    chunk->rest = lt_slice(from->records.data, from->records.size);
    chunk->from = member->offset;
    chunk->high_watermark = from->high_watermark;
    chunk->last_stable = from->last_stable_offset;
    chunk->log_start = from->log_start_offset;
    chunk->size = from->records.size;
    if (copy_aborted(chunk, from) < 0) {
        lc_chunk_free(chunk);
        return NULL;
    }
    return chunk;
}

/* Records of one partition: a chunk for poll. Lock held. */
static void take_records(struct leat_consumer *c,
                         const struct lc_member *member,
                         const struct proto_fetch_response_partition_data *from,
                         struct lc_bytes *frame)
{
    struct lc_part *part = member->part;
    int32_t epoch = -1;
    int64_t next = next_offset(lt_slice(from->records.data, from->records.size), &epoch);
    struct lc_chunk *chunk;

    if (next <= member->offset) {
        /* Nothing whole, or nothing new: asking again would bring the same. */
        part->state = LC_PART_STOPPED;
        part->told_code = 0;
        lc_fetcher_tell(c, part, LEAT_ECORRUPT,
                        "the broker's answer holds no batch that can be read");
        return;
    }
    chunk = make_chunk(member, from, frame);
    if (chunk == NULL) {
        lc_fetcher_take_error(c, part, LEAT_ENOMEM);
        return;
    }
    part->fetch_offset = next;
    part->fetched_epoch = epoch;
    part->chunk_count++;
    c->queued += chunk->size;
    if (part->paused) {
        lc_consumer_park(c, chunk);
        return;
    }
    STAILQ_INSERT_TAIL(&c->queue, chunk, link);
    lc_consumer_notify(c);
}

static void take_partition(struct leat_consumer *c,
                           const struct lc_member *member,
                           const struct proto_fetch_response_partition_data *from,
                           struct lc_bytes *frame)
{
    struct lc_part *part = member->part;

    if (part->seq != member->seq || part->state != LC_PART_FETCH) {
        return;
    }
    if (from->error_code != 0) {
        lc_fetcher_take_error(c, part, LEAT_BROKER_ERROR(from->error_code));
        return;
    }
    lc_fetcher_succeeded(c, part);
    part->high_watermark = from->high_watermark;
    part->last_stable = from->last_stable_offset;
    part->log_start = from->log_start_offset;
    if (from->records.size > 0) {
        take_records(c, member, from, frame);
    }
}

/* The answered partition among the members; count if it is not there. Answers usually keep the order. */
static size_t find_member(const struct lc_session *session,
                          const struct proto_fetch_response_fetchable_topic_response *topic,
                          int32_t partition,
                          size_t hint)
{
    for (size_t i = 0; i < session->count; i++) {
        size_t at = hint + i < session->count ? hint + i : hint + i - session->count;
        const struct lc_member *member = &session->members[at];

        if (member->part->partition == partition &&
            same_topic(session, member, topic->topic, topic->topic_id)) {
            return at;
        }
    }
    return session->count;
}

/* Lock held. */
static void take_answer(struct lc_session *session,
                        const struct proto_fetch_response *response,
                        struct lc_bytes *frame)
{
    size_t hint = 0;

    for (int32_t i = 0; i < response->responses_count; i++) {
        const struct proto_fetch_response_fetchable_topic_response *topic = &response->responses[i];

        for (int32_t k = 0; k < topic->partitions_count; k++) {
            size_t at = find_member(session, topic, topic->partitions[k].partition_index, hint);

            if (at < session->count) {
                take_partition(session->c, &session->members[at], &topic->partitions[k], frame);
                hint = at + 1 < session->count ? at + 1 : 0;
            }
        }
    }
}

/* What the answer says of the session itself. Returns 0, LEAT_EAGAIN (begin anew, at once) or the error for all members. */
static int take_session(struct lc_session *session, const struct proto_fetch_response *response)
{
    int16_t code = response->error_code;

    if (code == 0) {
        session->refused_count = 0;
        session->id = response->session_id;
        if (session->id == 0) {
            begin_anew(session); /* none is kept for us: the next request names all again */
        } else {
            session->epoch = session->epoch == INT32_MAX ? 1 : session->epoch + 1;
        }
        return 0;
    }
    begin_anew(session);
    if (code == PROTO_ERROR_FETCH_SESSION_ID_NOT_FOUND) {
        session->id = 0; /* there is nothing to close */
    }
    if ((code == PROTO_ERROR_FETCH_SESSION_ID_NOT_FOUND ||
         code == PROTO_ERROR_INVALID_FETCH_SESSION_EPOCH ||
         code == PROTO_ERROR_FETCH_SESSION_TOPIC_ID_ERROR) &&
        session->refused_count++ < REFUSED_MAX) {
        return LEAT_EAGAIN;
    }
    return LEAT_BROKER_ERROR(code);
}

static void on_fetch(struct leat_client *client, const struct lc_answer *answer, void *arg)
{
    struct lc_session *session = arg;
    struct leat_consumer *c = session->c;
    struct proto_fetch_response response;
    struct lt_arena arena;
    int err = answer->err;

    session->in_flight = false;
    lt_arena_init(&arena, 0);
    if (err == 0) {
        err = proto_fetch_response_decode(answer->reader, answer->version, &arena, &response);
    }
    if (err == 0) {
        err = take_session(session, &response);
    } else {
        begin_anew(session);
    }
    (void)pthread_mutex_lock(&c->lock);
    if (err == 0) {
        take_answer(session, &response, answer->frame);
    } else if (err != LEAT_EAGAIN) {
        fail_members(session, err);
    }
    (void)pthread_mutex_unlock(&c->lock);
    lt_arena_release(&arena);
    lc_client_again(client);
    lc_consumer_unref(c);
}
