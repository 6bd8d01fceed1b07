/* fake_fetch.c: what consumers ask of the scripted broker: Fetch with sessions, ListOffsets, OffsetForLeaderEpoch. See fake_broker.h. */
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "proto/errors.h"
#include "proto/record_batch.h"
#include "tests/support/client/fake_broker_impl.h"

#define VERSION_IDS 13 /* the first Fetch that names topics by id */

/* What is wrong with a question about a partition: is it here, and does the asker know who leads it? */
static int16_t partition_code(const struct exchange *x, int32_t partition, int32_t epoch)
{
    const struct fake_broker *broker = x->broker;

    if (fake_rule_code(x) != 0) {
        return fake_rule_code(x);
    }
    if (partition < 0 || partition >= broker->part_count || broker->topic_gone) {
        return PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (epoch >= 0 && epoch < broker->parts[partition].epoch) {
        return PROTO_ERROR_FENCED_LEADER_EPOCH;
    }
    if (epoch > broker->parts[partition].epoch) {
        return PROTO_ERROR_UNKNOWN_LEADER_EPOCH;
    }
    return broker->parts[partition].leader == x->node->id ? 0 : PROTO_ERROR_NOT_LEADER_OR_FOLLOWER;
}

/* ---- fetch ---- */

/* Batches from `offset` on, at most size_max bytes but at least one. Lock held. */
static struct proto_records
read_part(struct exchange *x, const struct fake_part *part, int64_t offset, size_t size_max)
{
    struct lt_slice rest = lt_buf_slice(&part->bytes);
    struct proto_batch_header header;
    struct proto_records found = {(const uint8_t *)"", 0, NULL};

    while (proto_batch_header_read(rest.data, rest.size, &header) == 0) {
        size_t size = proto_batch_header_total(&header);

        if (proto_batch_header_last_offset(&header) >= offset) {
            if (found.size > 0 && found.size + size > size_max) {
                break;
            }
            found.data = found.size == 0 ? rest.data : found.data;
            found.size += size;
        }
        rest.data += size;
        rest.size -= size;
    }
    if (found.size > 0) {
        uint8_t *copy = lt_arena_memdup(&x->arena, found.data, found.size);

        LT_ASSERT(copy != NULL);
        copy[found.size - 1] ^= fake_has_action(x, FAKE_DAMAGE) ? 0x10 : 0;
        found.data = copy;
    }
    return found;
}

/* The answer for one partition. Returns true if it belongs into an incremental answer: it has records, an error or a new end. */
static bool read_member(struct exchange *x,
                        struct fake_member *member,
                        size_t size_max,
                        struct proto_fetch_response_partition_data *answer)
{
    const struct proto_fetch_request_partition *ask = &member->ask;
    const struct fake_part *part = NULL;

    proto_fetch_response_partition_data_init(answer);
    answer->partition_index = ask->partition;
    answer->high_watermark = -1;
    answer->records = (struct proto_records){(const uint8_t *)"", 0, NULL};
    answer->error_code = partition_code(x, ask->partition, ask->current_leader_epoch);
    if (answer->error_code != 0) {
        return true;
    }
    part = &x->broker->parts[ask->partition];
    answer->high_watermark = part->end;
    answer->last_stable_offset = part->end;
    answer->log_start_offset = part->start;
    if (ask->fetch_offset < part->start || ask->fetch_offset > part->end) {
        answer->error_code = PROTO_ERROR_OFFSET_OUT_OF_RANGE;
        return true;
    }
    if (size_max > (size_t)ask->partition_max_bytes) {
        size_max = (size_t)ask->partition_max_bytes;
    }
    answer->records = read_part(x, part, ask->fetch_offset, size_max);
    return answer->records.size > 0 || part->end != member->told_end;
}

static int16_t topic_code(const struct exchange *x, struct lt_slice name, struct proto_uuid id)
{
    if (x->header.api_version >= VERSION_IDS) {
        return proto_uuid_equal(id, x->broker->topic_id) && !x->broker->topic_gone
                   ? 0
                   : PROTO_ERROR_UNKNOWN_TOPIC_ID;
    }
    return lt_slice_is(name, "t") ? 0 : PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
}

/* What the request says of its session: a top-level code, and which members it goes on with (memory of the exchange without a session). */
static int16_t find_session(struct exchange *x,
                            const struct proto_fetch_request *request,
                            struct fake_session **ret)
{
    struct fake_session *session = &x->node->session;
    bool by_id = x->header.api_version >= VERSION_IDS;

    if (request->session_epoch > 0) {
        if (session->id == 0 || session->id != request->session_id) {
            return PROTO_ERROR_FETCH_SESSION_ID_NOT_FOUND;
        }
        if (session->by_id != by_id) {
            return PROTO_ERROR_FETCH_SESSION_TOPIC_ID_ERROR;
        }
        if (session->epoch != request->session_epoch) {
            return PROTO_ERROR_INVALID_FETCH_SESSION_EPOCH;
        }
        session->epoch++;
        *ret = session;
        return 0;
    }
    if (request->session_epoch == 0 && !x->broker->no_sessions) {
        lt_free(session->members);
        session->members = lt_calloc((size_t)x->broker->part_count, sizeof(session->members[0]));
        LT_ASSERT(session->members != NULL);
        session->id = 100 * ++x->broker->sessions_made + x->node->id;
        session->epoch = 1;
        session->by_id = by_id;
        *ret = session;
        return 0;
    }
    *ret = fake_room(x, 1, sizeof(**ret));
    (*ret)->members = fake_room(x, (size_t)x->broker->part_count, sizeof((*ret)->members[0]));
    return 0;
}

/* Take what the request names and forgets. Topics and partitions that do not exist are answered by `odd`. */
static void update_session(struct exchange *x,
                           const struct proto_fetch_request *request,
                           struct fake_session *session)
{
    struct fake_fetch *seen = &x->broker->last_fetch;

    for (int32_t i = 0; i < request->topics_count; i++) {
        for (int32_t k = 0; k < request->topics[i].partitions_count; k++) {
            const struct proto_fetch_request_partition *ask = &request->topics[i].partitions[k];

            seen->named++;
            if (topic_code(x, request->topics[i].topic, request->topics[i].topic_id) == 0 &&
                ask->partition < x->broker->part_count) {
                session->members[ask->partition] =
                    (struct fake_member){.ask = *ask, .told_end = -1, .in = true};
            }
        }
    }
    for (int32_t i = 0; i < request->forgotten_topics_data_count; i++) {
        const struct proto_fetch_request_forgotten_topic *topic =
            &request->forgotten_topics_data[i];

        for (int32_t k = 0; k < topic->partitions_count; k++) {
            seen->forgotten++;
            session->members[topic->partitions[k]].in = false;
        }
    }
}

/* One look at all members. Returns bytes found, or 1 for something else to say. */
static size_t look(struct exchange *x,
                   struct fake_session *session,
                   bool full,
                   const struct proto_fetch_request *request)
{
    struct proto_fetch_response *response = x->response;
    struct proto_fetch_response_fetchable_topic_response *topic = &response->responses[0];
    int16_t gone =
        x->broker->topic_gone || (x->header.api_version >= VERSION_IDS &&
                                  !proto_uuid_equal(topic->topic_id, x->broker->topic_id))
            ? PROTO_ERROR_UNKNOWN_TOPIC_ID
            : 0;
    size_t found = 0;

    topic->partitions_count = 0;
    for (int32_t i = 0; i < x->broker->part_count; i++) {
        struct proto_fetch_response_partition_data *answer =
            &topic->partitions[topic->partitions_count];

        if (!session->members[i].in) {
            continue;
        }
        if (read_member(x, &session->members[i], (size_t)request->max_bytes - found, answer) ||
            gone != 0 || full) {
            answer->error_code = gone != 0 ? gone : answer->error_code;
            topic->partitions_count++;
            found += answer->records.size + (answer->error_code != 0);
            if (found >= (size_t)request->max_bytes) {
                break; /* the others have their turn later */
            }
        }
    }
    response->responses_count = topic->partitions_count > 0;
    return found;
}

/* Topics that are not there: an error for each of their partitions. Returns how many. */
static size_t answer_odd(struct exchange *x, const struct proto_fetch_request *request)
{
    struct proto_fetch_response *response = x->response;
    size_t count = 0;

    for (int32_t i = 0; i < request->topics_count; i++) {
        const struct proto_fetch_request_topic *ask = &request->topics[i];
        struct proto_fetch_response_fetchable_topic_response *topic;
        int16_t code = topic_code(x, ask->topic, ask->topic_id);

        if (code == 0) {
            continue;
        }
        topic = &response->responses[response->responses_count++];
        proto_fetch_response_fetchable_topic_response_init(topic);
        topic->topic = ask->topic;
        topic->topic_id = ask->topic_id;
        topic->partitions_count = ask->partitions_count;
        topic->partitions =
            fake_room(x, (size_t)ask->partitions_count, sizeof(topic->partitions[0]));
        for (int32_t k = 0; k < ask->partitions_count; k++) {
            proto_fetch_response_partition_data_init(&topic->partitions[k]);
            topic->partitions[k].partition_index = ask->partitions[k].partition;
            topic->partitions[k].error_code = code;
            topic->partitions[k].records = (struct proto_records){(const uint8_t *)"", 0, NULL};
            count++;
        }
    }
    return count;
}

/* Which topic the answer is about: in a session by id the one that was named when it began. */
static struct proto_uuid answered_id(struct exchange *x, const struct proto_fetch_request *request)
{
    struct fake_broker *broker = x->broker;

    if (request->topics_count > 0) {
        broker->last_fetch.topic_id = request->topics[0].topic_id;
    }
    return broker->last_fetch.topic_id;
}

static void remember_ends(struct exchange *x, struct fake_session *session)
{
    const struct proto_fetch_response *response = x->response;

    for (int32_t i = 0; i < response->responses[0].partitions_count; i++) {
        const struct proto_fetch_response_partition_data *answer =
            &response->responses[0].partitions[i];

        session->members[answer->partition_index].told_end = answer->high_watermark;
    }
}

static void answer_session(struct exchange *x,
                           const struct proto_fetch_request *request,
                           struct fake_session *session)
{
    struct proto_fetch_response *response = x->response;
    struct fake_session *kept = &x->node->session;
    struct proto_fetch_response_fetchable_topic_response *topic = &response->responses[0];
    bool full = request->session_epoch <= 0;
    struct timespec until;
    int32_t id = session->id;

    proto_fetch_response_fetchable_topic_response_init(topic);
    topic->topic = lt_slice_text("t");
    topic->topic_id = answered_id(x, request);
    topic->partitions = fake_room(x, (size_t)x->broker->part_count, sizeof(topic->partitions[0]));
    LT_ASSERT(clock_gettime(CLOCK_REALTIME, &until) == 0);
    until.tv_nsec += (long)request->max_wait_ms % 1000 * 1000000;
    until.tv_sec += request->max_wait_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (look(x, session, full, request) + answer_odd(x, request) < (size_t)request->min_bytes &&
           !x->broker->ending && (id == 0 || kept->id == id) &&
           pthread_cond_timedwait(&x->broker->cond, &x->broker->lock, &until) == 0) {
        response->responses_count = 0;
    }
    if (response->responses_count > 0 && topic->partitions_count > 0) {
        remember_ends(x, session);
    }
    response->session_id = id;
}

void fake_handle_fetch(struct exchange *x)
{
    struct proto_fetch_request request;
    struct proto_fetch_response *response = x->response;
    struct fake_session *session = NULL;
    struct proto_uuid id = x->broker->last_fetch.topic_id;

    LT_ASSERT(
        (proto_fetch_request_decode(&x->reader, x->header.api_version, &x->arena, &request)) == 0);
    x->broker->last_fetch = (struct fake_fetch){.session_id = request.session_id,
                                                .session_epoch = request.session_epoch,
                                                .version = x->header.api_version,
                                                .max_bytes = request.max_bytes,
                                                .topic_id = id,
                                                .size = x->size};
    response->responses =
        fake_room(x, (size_t)request.topics_count + 1, sizeof(response->responses[0]));
    response->error_code = fake_has_action(x, FAKE_ERROR_TOP) ? x->rule.code : 0;
    if (response->error_code == 0) {
        response->error_code = find_session(x, &request, &session);
    }
    if (response->error_code == 0) {
        update_session(x, &request, session);
        answer_session(x, &request, session);
    }
}

/* ---- offsets ---- */

void fake_handle_list_offsets(struct exchange *x)
{
    struct proto_list_offsets_request request;
    struct proto_list_offsets_response *response = x->response;

    LT_ASSERT((proto_list_offsets_request_decode(&x->reader, x->header.api_version, &x->arena,
                                                 &request)) == 0);
    response->topics = fake_room(x, (size_t)request.topics_count, sizeof(response->topics[0]));
    response->topics_count = request.topics_count;
    for (int32_t i = 0; i < request.topics_count; i++) {
        struct proto_list_offsets_response_topic_response *topic = &response->topics[i];

        proto_list_offsets_response_topic_response_init(topic);
        topic->name = request.topics[i].name;
        topic->partitions_count = request.topics[i].partitions_count;
        topic->partitions =
            fake_room(x, (size_t)topic->partitions_count, sizeof(topic->partitions[0]));
        for (int32_t k = 0; k < topic->partitions_count; k++) {
            const struct proto_list_offsets_request_partition *ask =
                &request.topics[i].partitions[k];

            proto_list_offsets_response_partition_response_init(&topic->partitions[k]);
            topic->partitions[k].partition_index = ask->partition_index;
            topic->partitions[k].error_code =
                partition_code(x, ask->partition_index, ask->current_leader_epoch);
            if (topic->partitions[k].error_code != 0) {
                continue;
            }
            topic->partitions[k].offset = ask->timestamp == -2
                                              ? x->broker->parts[ask->partition_index].start
                                              : x->broker->parts[ask->partition_index].end;
        }
    }
}

/* End of an epoch: where the first batch of a later one begins, or the log's end. */
static int64_t epoch_end(const struct fake_part *part, int32_t epoch, int32_t *ret_epoch)
{
    struct lt_slice rest = lt_buf_slice(&part->bytes);
    struct proto_batch_header header;

    *ret_epoch = -1;
    while (proto_batch_header_read(rest.data, rest.size, &header) == 0) {
        if (header.leader_epoch > epoch) {
            return *ret_epoch < 0 ? -1 : header.base_offset;
        }
        *ret_epoch = header.leader_epoch;
        rest.data += proto_batch_header_total(&header);
        rest.size -= proto_batch_header_total(&header);
    }
    return *ret_epoch < 0 ? -1 : part->end;
}

void fake_handle_epochs(struct exchange *x)
{
    struct proto_offset_for_leader_epoch_request request;
    struct proto_offset_for_leader_epoch_response *response = x->response;

    LT_ASSERT((proto_offset_for_leader_epoch_request_decode(&x->reader, x->header.api_version,
                                                            &x->arena, &request)) == 0);
    response->topics = fake_room(x, (size_t)request.topics_count, sizeof(response->topics[0]));
    response->topics_count = request.topics_count;
    for (int32_t i = 0; i < request.topics_count; i++) {
        struct proto_offset_for_leader_epoch_response_offset_for_leader_topic_result *topic =
            &response->topics[i];

        proto_offset_for_leader_epoch_response_offset_for_leader_topic_result_init(topic);
        topic->topic = request.topics[i].topic;
        topic->partitions_count = request.topics[i].partitions_count;
        topic->partitions =
            fake_room(x, (size_t)topic->partitions_count, sizeof(topic->partitions[0]));
        for (int32_t k = 0; k < topic->partitions_count; k++) {
            const struct proto_offset_for_leader_epoch_request_offset_for_leader_partition *ask =
                &request.topics[i].partitions[k];
            struct proto_offset_for_leader_epoch_response_epoch_end_offset *answer =
                &topic->partitions[k];

            proto_offset_for_leader_epoch_response_epoch_end_offset_init(answer);
            answer->partition = ask->partition;
            answer->error_code = partition_code(x, ask->partition, ask->current_leader_epoch);
            if (answer->error_code == 0) {
                answer->end_offset = epoch_end(&x->broker->parts[ask->partition], ask->leader_epoch,
                                               &answer->leader_epoch);
            }
        }
    }
}
