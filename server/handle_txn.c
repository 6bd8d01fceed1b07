/* handle_txn.c: InitProducerId, for idempotent producers, and DescribeProducers. Transactions are not built yet: whoever asks for
 * one is told so for good.
 *
 * Source: KIP-98, KIP-360, KIP-664, Kafka TransactionCoordinator.handleInitProducerId. */
#include "base/alloc.h"
#include "base/error.h"
#include "proto/errors.h"
#include "server/error_map.h"
#include "server/handlers.h"
#include "server/producer_ids.h"
#include "server/server.h"
#include "server/topics.h"
#include "storage/partition.h"

#define WAIT_MS 5000

/* Without a transactional id nothing of the request counts; but id and epoch come together or not at all. */
static int16_t request_error(const struct proto_init_producer_id_request *in)
{
    if ((in->producer_id == -1) != (in->producer_epoch == -1)) {
        return PROTO_ERROR_INVALID_REQUEST;
    }
    if (in->transactional_id.data == NULL) {
        return 0;
    }
    /* Clients end with this one: no transaction will be possible however often they ask. */
    return in->transactional_id.size == 0 ? PROTO_ERROR_INVALID_REQUEST
                                          : PROTO_ERROR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
}

static void leave(void *arg)
{
    struct srv_id_waiter *waiter = arg;
    srv_producer_ids_leave(waiter->req->server->producer_ids, waiter);
}

int srv_handle_init_producer_id(struct srv_request *req,
                                const struct proto_init_producer_id_request *in,
                                struct proto_init_producer_id_response *ret)
{
    struct srv_id_waiter *waiter = req->state;
    if (req->canceled) {
        return 0; /* the hook takes the waiter out */
    }
    ret->error_code = request_error(in);
    if (ret->error_code != 0) {
        return 0;
    }
    if (waiter == NULL) {
        waiter = lt_arena_calloc(&req->arena, 1, sizeof(*waiter));
        if (waiter == NULL) {
            return LEAT_ENOMEM;
        }
        waiter->req = req;
        int err = lt_arena_hook(&req->arena, leave, waiter);
        if (err != 0) {
            return err;
        }
        req->state = waiter;
    }
    int64_t id = -1;
    int err = srv_producer_ids_take(req->server->producer_ids, waiter, &id);
    if (err == LEAT_EAGAIN && !req->timed_out) {
        return srv_park(req, WAIT_MS);
    }
    if (err != 0) {
        ret->error_code = PROTO_ERROR_COORDINATOR_LOAD_IN_PROGRESS; /* as Kafka: ask again */
        return 0;
    }
    ret->producer_id = id;
    ret->producer_epoch = 0;
    return 0;
}

/* ---- DescribeProducers ---- */

static int describe_partition(struct srv_request *req,
                              struct srv_topic *topic,
                              struct proto_describe_producers_response_partition_response *ret)
{
    struct srv_partition *part =
        topic == NULL ? NULL : srv_topic_partition(topic, ret->partition_index);
    struct log_producer_info *infos = NULL;
    size_t count = 0;
    int err = part == NULL ? LEAT_ENOENT : log_partition_producers(part->log, &infos, &count);
    ret->error_code = srv_wire_error(err);
    if (err != 0) {
        ret->error_message = lt_slice_text(proto_error_text(ret->error_code));
        return 0;
    }
    ret->active_producers = lt_arena_calloc(&req->arena, count, sizeof(ret->active_producers[0]));
    if (ret->active_producers == NULL) {
        lt_free(infos);
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct proto_describe_producers_response_producer_state *state = &ret->active_producers[i];
        proto_describe_producers_response_producer_state_init(state);
        state->producer_id = infos[i].id;
        state->producer_epoch = infos[i].epoch;
        state->last_sequence = infos[i].last_sequence;
        state->last_timestamp = infos[i].last_timestamp_ms;
        state->coordinator_epoch = -1; /* no transaction was ever ended */
    }
    ret->active_producers_count = (int32_t)count;
    lt_free(infos);
    return 0;
}

static int describe_topic(struct srv_request *req,
                          const struct proto_describe_producers_request_topic_request *in,
                          struct proto_describe_producers_response_topic_response *ret)
{
    int32_t count = in->partition_indexes_count < 0 ? 0 : in->partition_indexes_count;
    struct srv_topic *topic = srv_topics_by_name(req->server->topics, in->name);
    int err = 0;
    proto_describe_producers_response_topic_response_init(ret);
    ret->name = in->name;
    ret->partitions = lt_arena_calloc(&req->arena, (size_t)count, sizeof(ret->partitions[0]));
    if (ret->partitions == NULL) {
        err = LEAT_ENOMEM;
    }
    for (int32_t i = 0; err == 0 && i < count; i++) {
        proto_describe_producers_response_partition_response_init(&ret->partitions[i]);
        ret->partitions[i].partition_index = in->partition_indexes[i];
        ret->partitions_count = i + 1;
        err = describe_partition(req, topic, &ret->partitions[i]);
    }
    if (topic != NULL) {
        srv_topic_unref(topic);
    }
    return err;
}

struct describing {
    int err;
};

/* On a reader thread: a partition that nothing has used yet is loaded. */
static void describe_all(struct srv_request *req)
{
    const struct proto_describe_producers_request *in = req->body;
    struct proto_describe_producers_response *ret = req->response;
    struct describing *describing = req->state;
    int32_t count = in->topics_count < 0 ? 0 : in->topics_count;
    ret->topics = lt_arena_calloc(&req->arena, (size_t)count, sizeof(ret->topics[0]));
    describing->err = ret->topics == NULL ? LEAT_ENOMEM : 0;
    for (int32_t i = 0; describing->err == 0 && i < count; i++) {
        describing->err = describe_topic(req, &in->topics[i], &ret->topics[i]);
        ret->topics_count = i + 1;
    }
}

int srv_handle_describe_producers(struct srv_request *req,
                                  const struct proto_describe_producers_request *in,
                                  struct proto_describe_producers_response *ret)
{
    struct describing *describing = req->state;
    (void)in;
    (void)ret;
    if (describing != NULL) {
        return describing->err;
    }
    req->state = lt_arena_calloc(&req->arena, 1, sizeof(*describing));
    return req->state == NULL ? LEAT_ENOMEM : srv_offload(req, describe_all);
}
