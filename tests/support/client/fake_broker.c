/* fake_broker.c: see fake_broker.h. Plain threads and blocking sockets: the thing under test is the client. check's assertions
 * are for one thread, so that LT_ASSERT stands here. */
#include "tests/support/client/fake_broker_impl.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/assert.h"
#include "proto/api.h"
#include "proto/errors.h"
#include "proto/header.h"
#include "proto/messages.h"
#include "proto/record_batch.h"
#include "proto/varint.h"

static void *accept_all(void *arg);
static void *serve(void *arg);

static int listen_at(int port, int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    LT_ASSERT(fd >= 0);
    LT_ASSERT((setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on))) == 0);
    LT_ASSERT((bind(fd, (struct sockaddr *)&address, sizeof(address))) == 0);
    LT_ASSERT((listen(fd, 64)) == 0);
    LT_ASSERT((getsockname(fd, (struct sockaddr *)&address, &size)) == 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* No lock is held. */
static void start_node(struct fake_node *node)
{
    node->listener = listen_at(node->port, &node->port);
    LT_ASSERT((pthread_create(&node->acceptor, NULL, accept_all, node)) == 0);
}

int32_t fake_broker_add_node(struct fake_broker *broker)
{
    struct fake_node *node = &broker->nodes[broker->node_count];

    LT_ASSERT(broker->node_count < FAKE_NODES_MAX);
    node->broker = broker;
    node->id = broker->node_count + 1;
    start_node(node);
    pthread_mutex_lock(&broker->lock);
    broker->node_count++;
    pthread_mutex_unlock(&broker->lock);
    return node->id;
}

struct fake_broker *fake_broker_new(int32_t partition_count)
{
    struct fake_broker *broker = lt_calloc(1, sizeof(*broker));

    LT_ASSERT(broker != NULL && partition_count <= FAKE_PARTITIONS_MAX);
    broker->part_count = partition_count;
    broker->topic_id.bytes[0] = 1;
    for (int32_t i = 0; i < partition_count; i++) {
        broker->parts[i].leader = 1;
        broker->parts[i].epoch = FAKE_FIRST_EPOCH;
    }
    for (size_t i = 0; i < FAKE_CONNECTIONS_MAX; i++) {
        broker->connections[i].fd = -1;
    }
    LT_ASSERT((pthread_mutex_init(&broker->lock, NULL)) == 0);
    LT_ASSERT((pthread_cond_init(&broker->cond, NULL)) == 0);
    (void)fake_broker_add_node(broker); /* its id is 1 */
    snprintf(broker->address, sizeof(broker->address), "127.0.0.1:%d", broker->nodes[0].port);
    return broker;
}

void fake_broker_node_down(struct fake_broker *broker, int32_t id)
{
    struct fake_node *node = &broker->nodes[id - 1];

    pthread_mutex_lock(&broker->lock);
    shutdown(node->listener, SHUT_RDWR);
    pthread_cond_broadcast(&broker->cond);
    pthread_mutex_unlock(&broker->lock);
    pthread_join(node->acceptor, NULL);
    for (size_t i = 0; i < FAKE_CONNECTIONS_MAX; i++) {
        struct fake_connection *own = &broker->connections[i];
        bool ours;

        pthread_mutex_lock(&broker->lock);
        ours = own->fd >= 0 && own->node == node;
        pthread_mutex_unlock(&broker->lock);
        if (ours) {
            shutdown(own->fd, SHUT_RDWR);
            pthread_join(own->thread, NULL);
            close(own->fd);
            lt_buf_release(&own->held);
            pthread_mutex_lock(&broker->lock);
            own->fd = -1;
            pthread_mutex_unlock(&broker->lock);
        }
    }
    close(node->listener);
    node->listener = -1;
    node->session.id = 0; /* what starts again remembers nothing */
}

void fake_broker_node_up(struct fake_broker *broker, int32_t id)
{
    start_node(&broker->nodes[id - 1]);
}

void fake_broker_down(struct fake_broker *broker)
{
    for (int32_t i = 0; i < broker->node_count; i++) {
        if (broker->nodes[i].listener >= 0) {
            fake_broker_node_down(broker, i + 1);
        }
    }
}

void fake_broker_up(struct fake_broker *broker)
{
    for (int32_t i = 0; i < broker->node_count; i++) {
        if (broker->nodes[i].listener < 0) {
            fake_broker_node_up(broker, i + 1);
        }
    }
}

void fake_broker_free(struct fake_broker *broker)
{
    pthread_mutex_lock(&broker->lock);
    broker->ending = true;
    pthread_mutex_unlock(&broker->lock);
    fake_broker_down(broker);
    for (int32_t i = 0; i < broker->part_count; i++) {
        lt_buf_release(&broker->parts[i].bytes);
    }
    for (int32_t i = 0; i < broker->node_count; i++) {
        lt_free(broker->nodes[i].session.members);
    }
    pthread_cond_destroy(&broker->cond);
    pthread_mutex_destroy(&broker->lock);
    lt_free(broker);
}

void fake_broker_move(struct fake_broker *broker, int32_t partition, int32_t node)
{
    pthread_mutex_lock(&broker->lock);
    broker->parts[partition].leader = node;
    broker->parts[partition].epoch++;
    pthread_cond_broadcast(&broker->cond);
    pthread_mutex_unlock(&broker->lock);
}

void fake_broker_topic(struct fake_broker *broker, bool exists)
{
    pthread_mutex_lock(&broker->lock);
    broker->topic_gone = !exists;
    pthread_cond_broadcast(&broker->cond);
    pthread_mutex_unlock(&broker->lock);
}

const char *fake_broker_address(const struct fake_broker *broker)
{
    return broker->address;
}

void fake_broker_rule(struct fake_broker *broker, const struct fake_rule *rule)
{
    size_t at = 0;

    pthread_mutex_lock(&broker->lock);
    while (at < broker->rule_count && broker->rules[at].count != 0) {
        at++; /* one that is used up makes room */
    }
    LT_ASSERT(at < FAKE_RULES_MAX);
    broker->rules[at] = *rule;
    broker->rule_count += at == broker->rule_count;
    pthread_mutex_unlock(&broker->lock);
}

void fake_broker_batch_max(struct fake_broker *broker, size_t size)
{
    pthread_mutex_lock(&broker->lock);
    broker->batch_max = size;
    pthread_mutex_unlock(&broker->lock);
}

int64_t fake_broker_log(struct fake_broker *broker, int32_t partition, struct lt_buf *buf)
{
    int64_t end;

    pthread_mutex_lock(&broker->lock);
    LT_ASSERT((lt_buf_append(buf, broker->parts[partition].bytes.data,
                             broker->parts[partition].bytes.size)) == 0);
    end = broker->parts[partition].end;
    pthread_mutex_unlock(&broker->lock);
    return end;
}

/* Lock held. */
static void append_raw(struct fake_part *part, const void *batches, size_t size)
{
    struct lt_slice rest = lt_slice(batches, size);
    struct proto_batch_header header;

    size_t at = part->bytes.size;

    LT_ASSERT((lt_buf_append(&part->bytes, batches, size)) == 0);
    while (proto_batch_header_read(rest.data, rest.size, &header) == 0) {
        part->end = proto_batch_header_last_offset(&header) + 1;
        if (header.leader_epoch < 0) {
            proto_batch_set_leader_epoch(part->bytes.data + at, part->epoch);
        }
        at += proto_batch_header_total(&header);
        rest.data += proto_batch_header_total(&header);
        rest.size -= proto_batch_header_total(&header);
    }
}

void fake_broker_append(struct fake_broker *broker,
                        int32_t partition,
                        const void *batches,
                        size_t size)
{
    pthread_mutex_lock(&broker->lock);
    append_raw(&broker->parts[partition], batches, size);
    pthread_cond_broadcast(&broker->cond);
    pthread_mutex_unlock(&broker->lock);
}

void fake_broker_trim(struct fake_broker *broker, int32_t partition, int64_t start)
{
    pthread_mutex_lock(&broker->lock);
    broker->parts[partition].start = start;
    pthread_mutex_unlock(&broker->lock);
}

void fake_broker_cut(struct fake_broker *broker, int32_t partition, int64_t end)
{
    struct fake_part *part = &broker->parts[partition];
    struct proto_batch_header header;
    size_t at = 0;

    pthread_mutex_lock(&broker->lock);
    while (proto_batch_header_read(part->bytes.data + at, part->bytes.size - at, &header) == 0 &&
           proto_batch_header_last_offset(&header) < end) {
        at += proto_batch_header_total(&header);
    }
    part->bytes.size = at;
    part->end = end;
    pthread_mutex_unlock(&broker->lock);
}

void fake_broker_recreate(struct fake_broker *broker)
{
    pthread_mutex_lock(&broker->lock);
    for (int32_t i = 0; i < broker->part_count; i++) {
        broker->parts[i].bytes.size = 0;
        broker->parts[i].start = 0;
        broker->parts[i].end = 0;
        broker->parts[i].epoch = 0;
    }
    broker->topic_id.bytes[0]++;
    broker->topic_gone = false;
    pthread_cond_broadcast(&broker->cond);
    pthread_mutex_unlock(&broker->lock);
}

void fake_broker_version(struct fake_broker *broker, int16_t api_key, int16_t version_max)
{
    pthread_mutex_lock(&broker->lock);
    broker->version_max[api_key] = version_max;
    pthread_mutex_unlock(&broker->lock);
}

void fake_broker_sessions(struct fake_broker *broker, bool kept)
{
    pthread_mutex_lock(&broker->lock);
    broker->no_sessions = !kept;
    for (int32_t i = 0; i < broker->node_count; i++) {
        broker->nodes[i].session.id = 0;
    }
    pthread_mutex_unlock(&broker->lock);
}

void fake_broker_last_fetch(struct fake_broker *broker, struct fake_fetch *ret)
{
    pthread_mutex_lock(&broker->lock);
    *ret = broker->last_fetch;
    pthread_mutex_unlock(&broker->lock);
}

void fake_broker_await(struct fake_broker *broker, int16_t api_key, int count)
{
    pthread_mutex_lock(&broker->lock);
    while (broker->counts[api_key] < count) {
        pthread_cond_wait(&broker->cond, &broker->lock);
    }
    pthread_mutex_unlock(&broker->lock);
}

int fake_broker_count(struct fake_broker *broker, int16_t api_key)
{
    int count;

    pthread_mutex_lock(&broker->lock);
    count = broker->counts[api_key];
    pthread_mutex_unlock(&broker->lock);
    return count;
}

/* ---- handlers ---- */

bool fake_has_action(const struct exchange *x, enum fake_action action)
{
    return x->has_rule && x->rule.action == action;
}

int16_t fake_rule_code(const struct exchange *x)
{
    return x->has_rule && x->rule.action == FAKE_ERROR ? x->rule.code : 0;
}

void *fake_room(struct exchange *x, size_t count, size_t size)
{
    void *memory = lt_arena_calloc(&x->arena, count + 1, size);

    LT_ASSERT(memory != NULL);
    return memory;
}

static void handle_api_versions(struct exchange *x)
{
    struct proto_api_versions_response *response = x->response;

    response->error_code = fake_rule_code(x);
    response->api_keys = fake_room(x, proto_api_count, sizeof(response->api_keys[0]));
    for (size_t i = 0; i < proto_api_count; i++) {
        int16_t key = proto_apis[i].key;

        if (key == PROTO_API_PRODUCE || key == PROTO_API_FETCH || key == PROTO_API_LIST_OFFSETS ||
            key == PROTO_API_METADATA || key == PROTO_API_API_VERSIONS ||
            key == PROTO_API_OFFSET_FOR_LEADER_EPOCH) {
            int16_t most = x->broker->version_max[key];

            if (most >= 0) {
                response->api_keys[response->api_keys_count++] =
                    (struct proto_api_versions_response_api_version){
                        .api_key = key,
                        .min_version = proto_apis[i].served_min,
                        .max_version = most > 0 ? most : proto_apis[i].served_max};
            }
        }
    }
}

static void handle_metadata(struct exchange *x)
{
    struct proto_metadata_request request;
    struct proto_metadata_response *response = x->response;
    struct proto_metadata_response_topic *topic;
    int32_t lacking = fake_has_action(x, FAKE_LACKING) ? 1 : 0;

    LT_ASSERT((proto_metadata_request_decode(&x->reader, x->header.api_version, &x->arena,
                                             &request)) == 0);
    response->brokers = fake_room(x, (size_t)x->broker->node_count, sizeof(response->brokers[0]));
    for (int32_t i = 0; i < x->broker->node_count; i++) {
        proto_metadata_response_broker_init(&response->brokers[i]);
        response->brokers[i].node_id = x->broker->nodes[i].id;
        response->brokers[i].host = lt_slice_text("127.0.0.1");
        response->brokers[i].port = x->broker->nodes[i].port;
    }
    response->brokers_count = x->broker->node_count;
    response->controller_id = 1;
    response->topics = fake_room(x, (size_t)(request.topics_count < 0 ? 0 : request.topics_count),
                                 sizeof(response->topics[0]));
    for (int32_t i = 0; i < request.topics_count - lacking; i++) {
        topic = &response->topics[response->topics_count++];
        proto_metadata_response_topic_init(topic);
        topic->name = request.topics[i].name;
        topic->error_code = fake_rule_code(x);
        if (!lt_slice_is(topic->name, "t") || x->broker->topic_gone) {
            topic->error_code = PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        }
        if (fake_has_action(x, FAKE_WRONG_TOPIC)) {
            topic->name = lt_slice_text("another");
        }
        if (topic->error_code != 0) {
            continue;
        }
        topic->topic_id = x->broker->topic_id;
        topic->partitions =
            fake_room(x, (size_t)x->broker->part_count, sizeof(topic->partitions[0]));
        for (int32_t k = 0; k < x->broker->part_count; k++) {
            proto_metadata_response_partition_init(&topic->partitions[k]);
            topic->partitions[k].partition_index =
                fake_has_action(x, FAKE_WRONG_PARTITION) ? k + 1000 : k;
            topic->partitions[k].leader_id = x->broker->parts[k].leader;
            topic->partitions[k].leader_epoch = x->broker->parts[k].epoch;
        }
        topic->partitions_count = x->broker->part_count;
    }
}

/* Lock held. */
static void store(struct exchange *x,
                  const struct proto_produce_request_partition_produce_data *data,
                  struct proto_produce_response_partition_produce_response *answer)
{
    struct fake_part *part = &x->broker->parts[data->index];
    struct proto_batch_header header;
    uint8_t *copy = lt_arena_memdup(&x->arena, data->records.data, data->records.size);

    LT_ASSERT(copy != NULL);
    LT_ASSERT((proto_batch_read(copy, data->records.size, &header)) == 0);
    if (x->broker->topic_gone || part->leader != x->node->id) {
        answer->error_code = x->broker->topic_gone ? PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION
                                                   : PROTO_ERROR_NOT_LEADER_OR_FOLLOWER;
        return;
    }
    if (x->broker->batch_max > 0 && data->records.size > x->broker->batch_max) {
        answer->error_code = PROTO_ERROR_MESSAGE_TOO_LARGE;
        return;
    }
    answer->base_offset = part->end;
    proto_batch_set_base_offset(copy, part->end);
    proto_batch_set_leader_epoch(copy, part->epoch);
    append_raw(part, copy, data->records.size);
    pthread_cond_broadcast(&x->broker->cond);
}

/* The answer is right so far; rules may want it wrong. */
static void spoil_produce(struct exchange *x, struct proto_produce_response *response)
{
    struct proto_produce_response_topic_produce_response *topic = &response->responses[0];

    if (fake_has_action(x, FAKE_WRONG_TOPIC)) {
        topic->name = lt_slice_text("another");
    } else if (fake_has_action(x, FAKE_WRONG_PARTITION)) {
        topic->partition_responses[0].index += 1000;
    } else if (fake_has_action(x, FAKE_LACKING)) {
        topic->partition_responses_count--;
    }
}

static void handle_produce(struct exchange *x)
{
    struct proto_produce_request request;
    struct proto_produce_response *response = x->response;

    LT_ASSERT((proto_produce_request_decode(&x->reader, x->header.api_version, &x->arena,
                                            &request)) == 0);
    x->no_answer = request.acks == 0;
    response->responses =
        fake_room(x, (size_t)request.topic_data_count, sizeof(response->responses[0]));
    for (int32_t i = 0; i < request.topic_data_count; i++) {
        struct proto_produce_response_topic_produce_response *topic = &response->responses[i];

        proto_produce_response_topic_produce_response_init(topic);
        topic->name = request.topic_data[i].name;
        topic->partition_responses_count = request.topic_data[i].partition_data_count;
        topic->partition_responses = fake_room(x, (size_t)topic->partition_responses_count,
                                               sizeof(topic->partition_responses[0]));
        for (int32_t k = 0; k < topic->partition_responses_count; k++) {
            struct proto_produce_response_partition_produce_response *answer =
                &topic->partition_responses[k];

            proto_produce_response_partition_produce_response_init(answer);
            answer->index = request.topic_data[i].partition_data[k].index;
            answer->base_offset = -1;
            answer->log_append_time_ms = -1;
            answer->error_code = fake_rule_code(x);
            if (answer->error_code == 0) {
                store(x, &request.topic_data[i].partition_data[k], answer);
            }
        }
    }
    response->responses_count = request.topic_data_count;
    spoil_produce(x, response);
}

static void handle(struct exchange *x)
{
    switch (x->api->key) {
    case PROTO_API_API_VERSIONS:
        handle_api_versions(x);
        break;
    case PROTO_API_METADATA:
        handle_metadata(x);
        break;
    case PROTO_API_PRODUCE:
        handle_produce(x);
        break;
    case PROTO_API_FETCH:
        fake_handle_fetch(x);
        break;
    case PROTO_API_LIST_OFFSETS:
        fake_handle_list_offsets(x);
        break;
    case PROTO_API_OFFSET_FOR_LEADER_EPOCH:
        fake_handle_epochs(x);
        break;
    default:
        LT_ASSERT(x->api == NULL); /* a request that was not expected */
        break;
    }
}

/* ---- connections ---- */

static bool read_all(int fd, void *data, size_t size)
{
    uint8_t *at = data;

    while (size > 0) {
        ssize_t got = recv(fd, at, size, 0);

        if (got <= 0) {
            return false;
        }
        at += got;
        size -= (size_t)got;
    }
    return true;
}

static bool write_all(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;

    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);

        if (sent <= 0) {
            return false;
        }
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* Lock held. */
static void find_rule(struct exchange *x)
{
    for (size_t i = 0; i < x->broker->rule_count && !x->has_rule; i++) {
        struct fake_rule *rule = &x->broker->rules[i];

        if (rule->api_key != x->api->key || rule->count == 0) {
            continue;
        }
        if (rule->skip > 0) {
            rule->skip--;
            continue;
        }
        rule->count -= rule->count > 0;
        x->has_rule = true;
        x->rule = *rule;
    }
}

/* Write an answer, or keep it until the next one is written. */
static bool deliver(struct exchange *x, struct fake_connection *own, struct lt_slice bytes)
{
    bool written;

    if (fake_has_action(x, FAKE_REORDER) && own->held.size == 0) {
        LT_ASSERT(lt_buf_append(&own->held, bytes.data, bytes.size) == 0);
        return true;
    }
    written = write_all(own->fd, bytes.data, bytes.size) &&
              write_all(own->fd, own->held.data, own->held.size);
    own->held.size = 0;
    return written;
}

static bool send_answer(struct exchange *x, struct fake_connection *own)
{
    size_t size = 4 + proto_response_header_size(x->api, x->header.api_version) +
                  x->api->response.size(x->response, x->header.api_version);
    uint8_t *bytes = lt_arena_alloc(&x->arena, size);
    struct proto_writer writer;
    int32_t id = x->header.correlation_id + (fake_has_action(x, FAKE_WRONG_ID) ? 7 : 0);

    LT_ASSERT(bytes != NULL);
    proto_writer_init(&writer, bytes, size, &x->arena);
    proto_write_int32(&writer, (int32_t)(size - 4));
    proto_response_header_encode(x->api, x->header.api_version, id, &writer);
    x->api->response.encode(x->response, x->header.api_version, &writer);
    if (fake_has_action(x, FAKE_GARBAGE)) {
        memset(bytes + 8, 0xff, size - 8);
    }
    if (fake_has_action(x, FAKE_HALF)) {
        (void)write_all(own->fd, bytes, size / 2); /* it is closed in any case */
        return false;
    }
    if (fake_has_action(x, FAKE_DELAY)) {
        (void)poll(NULL, 0, x->rule.code); /* a slow broker: the delay is what is tested */
    }
    return deliver(x, own, lt_slice(bytes, size));
}

/* Answer one frame. Returns false when the connection is to be closed. */
static bool answer(struct exchange *x, struct fake_connection *own, struct lt_slice frame)
{
    bool silent;

    proto_reader_init(&x->reader, frame);
    LT_ASSERT((proto_request_header_decode(&x->reader, &x->header, &x->api)) == 0);
    pthread_mutex_lock(&x->broker->lock);
    x->broker->counts[x->api->key]++;
    pthread_cond_broadcast(&x->broker->cond);
    find_rule(x);
    silent = x->has_rule && (x->rule.action == FAKE_HANG_UP || x->rule.action == FAKE_SILENCE);
    x->response = fake_room(x, 1, x->api->response.struct_size);
    x->api->response.init(x->response);
    if (!silent) {
        handle(x);
    }
    pthread_mutex_unlock(&x->broker->lock);
    if (silent) {
        return x->rule.action == FAKE_SILENCE;
    }
    if (x->has_rule && x->rule.action == FAKE_DO_HANG_UP) {
        return false;
    }
    return x->no_answer || send_answer(x, own);
}

static void *serve(void *arg)
{
    struct fake_connection *own = arg;
    uint8_t prefix[4];
    bool more = true;
    bool mute = false;

    while (more && read_all(own->fd, prefix, sizeof(prefix))) {
        size_t size = proto_load_u32(prefix);
        struct exchange x = {.broker = own->node->broker, .node = own->node, .size = size};
        uint8_t *frame;

        lt_arena_init(&x.arena, 0);
        frame = fake_room(&x, size, 1);
        more = read_all(own->fd, frame, size) && (mute || answer(&x, own, lt_slice(frame, size)));
        mute = mute || (x.has_rule && x.rule.action == FAKE_SILENCE);
        lt_arena_release(&x.arena);
    }
    shutdown(own->fd, SHUT_RDWR);
    return NULL;
}

/* Lock held. */
static struct fake_connection *free_slot(struct fake_broker *broker)
{
    for (size_t i = 0; i < FAKE_CONNECTIONS_MAX; i++) {
        if (broker->connections[i].fd < 0) {
            return &broker->connections[i];
        }
    }
    return NULL;
}

static void *accept_all(void *arg)
{
    struct fake_node *node = arg;

    for (;;) {
        int fd = accept4(node->listener, NULL, NULL, SOCK_CLOEXEC);
        struct fake_connection *own;

        if (fd < 0) {
            return NULL;
        }
        pthread_mutex_lock(&node->broker->lock);
        own = free_slot(node->broker);
        LT_ASSERT(own != NULL);
        *own = (struct fake_connection){.node = node, .fd = fd};
        LT_ASSERT((pthread_create(&own->thread, NULL, serve, own)) == 0);
        pthread_mutex_unlock(&node->broker->lock);
    }
}
