/* server_fixture.c: starts srv_server with test settings; a blocking client on the generated codec. */
#include "tests/support/server/server_fixture.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "proto/batch_builder.h"
#include "proto/header.h"
#include "proto/record_batch.h"
#include "server/config.h"

#define CLIENT_ID "test"
#define WAIT_SECONDS 10

static void add_set(struct test_server *server, const char *text)
{
    server->sets = lt_reallocarray(server->sets, server->set_count + 1, sizeof(char *));
    ck_assert_ptr_nonnull(server->sets);
    server->sets[server->set_count] = lt_strdup(text);
    ck_assert_ptr_nonnull(server->sets[server->set_count]);
    server->set_count++;
}

static void start(struct test_server *server)
{
    struct leat_error *error = NULL;
    struct srv_config_options config_options = {.data_dir = server->dir.path,
                                                .sets = (const char *const *)server->sets,
                                                .set_count = server->set_count};
    ck_assert_msg(srv_config_load(&config_options, &server->config, &error) == 0, "%s",
                  lt_error_message(error));
    struct srv_server_options options = {
        .config = server->config,
        .ops = server->ops == NULL ? lt_file_ops_real() : server->ops,
        .clock = server->clock == NULL ? lt_clock_real() : server->clock,
    };
    ck_assert_msg(srv_server_start(&options, &server->server, &error) == 0, "%s",
                  lt_error_message(error));
    const char *address = NULL;
    ck_assert_uint_ge(srv_server_addresses(server->server, &address, 1), 1);
    const char *port = strrchr(address, ':');
    ck_assert_ptr_nonnull(port);
    server->port = (int)strtol(port + 1, NULL, 10);
}

static void stop(struct test_server *server)
{
    struct leat_error *error = NULL;

    int err = srv_server_stop(server->server, &error);
    ck_assert_msg(err == 0 || server->may_fail, "%s", lt_error_message(error));
    lt_error_free(error);
    srv_config_free(server->config);
    server->server = NULL;
    server->config = NULL;
}

void test_server_start(struct test_server *server, const char *const *settings)
{
    const struct lt_file_ops *ops = server->ops;
    const struct lt_clock *clock = server->clock;

    memset(server, 0, sizeof(*server));
    server->ops = ops;
    server->clock = clock;
    test_dir_init(&server->dir);
    server->log_fd = memfd_create("operator", MFD_CLOEXEC);
    ck_assert_int_ge(server->log_fd, 0);
    lt_diag_setup(LT_DEBUG_LINE, LT_DIAG_LOGFMT, server->log_fd);
    add_set(server, "listeners=PLAINTEXT://127.0.0.1:0");
    add_set(server, "http.listeners=");
    add_set(server, "leat.disk.reserve.bytes=0");
    bool threads = false;
    for (size_t i = 0; settings != NULL && settings[i] != NULL; i++) {
        add_set(server, settings[i]);
        threads = threads || strncmp(settings[i], "leat.io.threads=", 16) == 0;
    }
    if (!threads) {
        add_set(server, "leat.io.threads=2");
    }
    start(server);
}

void test_server_stop(struct test_server *server)
{
    stop(server);
    for (size_t i = 0; i < server->set_count; i++) {
        lt_free(server->sets[i]);
    }
    lt_free(server->sets);
    lt_diag_setup(LT_INFO, LT_DIAG_AUTO, 2);
    (void)close(server->log_fd);
    test_dir_release(&server->dir);
}

void test_server_restart(struct test_server *server)
{
    stop(server);
    start(server);
}

/* ---- waiting ---- */

bool test_until(bool (*holds)(void *arg), void *arg)
{
    int64_t until = lt_clock_mono_ms(lt_clock_real()) + WAIT_SECONDS * 1000;

    while (!holds(arg)) {
        if (lt_clock_mono_ms(lt_clock_real()) > until) {
            return false;
        }
        (void)poll(NULL, 0, 2); /* for what has no event to wait for */
    }
    return true;
}

struct said {
    int fd;
    const char *text;
};

static bool is_said(void *arg)
{
    const struct said *said = arg;
    char bytes[65536];
    ssize_t size = pread(said->fd, bytes, sizeof(bytes) - 1, 0);

    if (size < 0) {
        return false;
    }
    bytes[size] = '\0';
    return strstr(bytes, said->text) != NULL;
}

bool test_server_said(struct test_server *server, const char *text)
{
    struct said said = {server->log_fd, text};

    return test_until(is_said, &said);
}

/* ---- the client ---- */

void test_client_open(struct test_client *client, const struct test_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server->port)};
    struct timeval patience = {.tv_sec = WAIT_SECONDS};
    int on = 1;

    memset(client, 0, sizeof(*client));
    lt_arena_init(&client->arena, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(client->fd, 0);
    ck_assert_int_eq(setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)),
                     0);
    ck_assert_int_eq(setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)),
                     0);
    ck_assert_int_eq(setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    ck_assert_int_eq(connect(client->fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

void test_client_close(struct test_client *client)
{
    (void)close(client->fd);
    client->fd = -1;
    lt_arena_release(&client->arena);
}

struct lt_slice
test_client_frame(struct test_client *client, int16_t key, int16_t version, const void *request)
{
    const struct proto_api *api = proto_api_find(key);
    ck_assert_ptr_nonnull(api);
    struct proto_request_header header = {.api_key = key,
                                          .api_version = version,
                                          .correlation_id = ++client->correlation_id,
                                          .client_id = lt_slice_text(CLIENT_ID)};
    size_t size = proto_request_header_size(&header) + api->request.size(request, version);
    uint8_t *frame = lt_arena_alloc(&client->arena, size + 4);
    ck_assert_ptr_nonnull(frame);
    struct proto_writer w;
    proto_writer_init(&w, frame, size + 4, &client->arena);
    proto_write_int32(&w, (int32_t)size);
    proto_request_header_encode(&header, &w);
    api->request.encode(request, version, &w);
    ck_assert_uint_eq(proto_writer_size(&w), size + 4);
    return lt_slice(frame, size + 4);
}

void test_client_send_raw(struct test_client *client, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    while (size > 0) {
        ssize_t sent = send(client->fd, at, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        ck_assert_msg(sent > 0, "send: %s", strerror(errno));
        at += sent;
        size -= (size_t)sent;
    }
}

int32_t
test_client_send(struct test_client *client, int16_t key, int16_t version, const void *request)
{
    struct lt_slice frame = test_client_frame(client, key, version, request);

    test_client_send_raw(client, frame.data, frame.size);
    return client->correlation_id;
}

static void read_all(struct test_client *client, void *to, size_t size)
{
    uint8_t *at = to;

    while (size > 0) {
        ssize_t got = recv(client->fd, at, size, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        ck_assert_msg(got != 0, "the server closed the connection");
        ck_assert_msg(got > 0, "recv: %s", strerror(errno));
        at += got;
        size -= (size_t)got;
    }
}

void *test_client_receive(struct test_client *client,
                          int16_t key,
                          int16_t version,
                          int32_t correlation_id)
{
    const struct proto_api *api = proto_api_find(key);
    uint8_t prefix[4];
    int32_t answered = 0;

    ck_assert_ptr_nonnull(api);
    read_all(client, prefix, sizeof(prefix));
    size_t size = proto_load_u32(prefix);
    ck_assert_uint_lt(size, 1U << 30);
    uint8_t *frame = lt_arena_alloc(&client->arena, size);
    ck_assert_ptr_nonnull(frame);
    read_all(client, frame, size);
    struct proto_reader r;
    proto_reader_init(&r, lt_slice(frame, size));
    ck_assert_int_eq(proto_response_header_decode(&r, api, version, &answered), 0);
    ck_assert_int_eq(answered, correlation_id);
    void *response = lt_arena_alloc(&client->arena, api->response.struct_size);
    ck_assert_ptr_nonnull(response);
    ck_assert_int_eq(api->response.decode(&r, version, &client->arena, response), 0);
    ck_assert_uint_eq(proto_reader_remaining(&r), 0);
    return response;
}

void *
test_client_call(struct test_client *client, int16_t key, int16_t version, const void *request)
{
    return test_client_receive(client, key, version,
                               test_client_send(client, key, version, request));
}

bool test_client_is_closed(struct test_client *client)
{
    uint8_t byte;
    ssize_t got;

    do {
        got = recv(client->fd, &byte, 1, 0);
    } while (got < 0 && errno == EINTR);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}

bool test_client_is_quiet(struct test_client *client, int ms)
{
    struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};

    return poll(&poll_fd, 1, ms) == 0;
}

/* ---- the usual requests ---- */

static void *in_arena(struct test_client *client, size_t size)
{
    void *memory = lt_arena_calloc(&client->arena, 1, size);

    ck_assert_ptr_nonnull(memory);
    return memory;
}

void test_create_topic(struct test_client *client,
                       const char *name,
                       int32_t partitions,
                       const char *const *configs)
{
    struct proto_create_topics_request request;
    struct proto_create_topics_request_creatable_topic topic;
    struct proto_create_topics_request_creatable_topic_config rows[16];

    proto_create_topics_request_init(&request);
    proto_create_topics_request_creatable_topic_init(&topic);
    topic.name = lt_slice_text(name);
    topic.num_partitions = partitions;
    topic.replication_factor = -1;
    topic.configs = rows;
    for (size_t i = 0; configs != NULL && configs[i] != NULL; i++) {
        const char *equals = strchr(configs[i], '=');
        ck_assert_ptr_nonnull(equals);
        ck_assert_uint_lt(i, 16);
        rows[i].name = lt_slice(configs[i], (size_t)(equals - configs[i]));
        rows[i].value = lt_slice_text(equals + 1);
        topic.configs_count++;
    }
    request.topics = &topic;
    request.topics_count = 1;
    request.timeout_ms = 10000;
    struct proto_create_topics_response *response =
        test_client_call(client, PROTO_API_CREATE_TOPICS, 7, &request);
    ck_assert_int_eq(response->topics_count, 1);
    ck_assert_int_eq(response->topics[0].error_code, 0);
}

struct lt_slice test_batch(struct test_client *client, const char *prefix, int count)
{
    struct proto_batch_builder builder = {0};
    struct proto_batch_options options;
    uint8_t *batch = NULL;
    size_t size = 0;

    for (int i = 0; i < count; i++) {
        char value[64];
        (void)snprintf(value, sizeof(value), "%s%d", prefix, i);
        struct proto_new_record record = {.timestamp = lt_clock_wall_ms(lt_clock_real()),
                                          .key = lt_slice_text("k"),
                                          .value = lt_slice_text(value)};
        ck_assert_int_eq(proto_batch_builder_add(&builder, &record), 0);
    }
    proto_batch_options_init(&options);
    ck_assert_int_eq(proto_batch_builder_finish(&builder, &options, &batch, &size), 0);
    void *copy = lt_arena_memdup(&client->arena, batch, size);
    ck_assert_ptr_nonnull(copy);
    proto_batch_builder_release(&builder);
    return lt_slice(copy, size);
}

struct lt_slice test_batch_of_size(struct test_client *client, size_t size)
{
    struct proto_batch_builder builder = {0};
    struct proto_batch_options options;
    uint8_t *batch = NULL;
    size_t batch_size = 0;
    void *value = in_arena(client, size);

    memset(value, 'v', size);
    struct proto_new_record record = {.timestamp = lt_clock_wall_ms(lt_clock_real()),
                                      .value = lt_slice(value, size)};
    ck_assert_int_eq(proto_batch_builder_add(&builder, &record), 0);
    proto_batch_options_init(&options);
    ck_assert_int_eq(proto_batch_builder_finish(&builder, &options, &batch, &batch_size), 0);
    void *copy = lt_arena_memdup(&client->arena, batch, batch_size);
    ck_assert_ptr_nonnull(copy);
    proto_batch_builder_release(&builder);
    return lt_slice(copy, batch_size);
}

struct proto_produce_request *test_produce_request(struct test_client *client,
                                                   const char *topic,
                                                   int32_t partition,
                                                   int16_t acks,
                                                   struct lt_slice batch)
{
    struct proto_produce_request *request = in_arena(client, sizeof(*request));

    proto_produce_request_init(request);
    request->acks = acks;
    request->timeout_ms = 10000;
    request->topic_data = in_arena(client, sizeof(*request->topic_data));
    request->topic_data_count = 1;
    proto_produce_request_topic_produce_data_init(request->topic_data);
    request->topic_data[0].name = lt_slice_text(topic);
    request->topic_data[0].partition_data =
        in_arena(client, sizeof(*request->topic_data[0].partition_data));
    request->topic_data[0].partition_data_count = 1;
    request->topic_data[0].partition_data[0].index = partition;
    request->topic_data[0].partition_data[0].records =
        (struct proto_records){.data = batch.data, .size = batch.size};
    return request;
}

struct proto_produce_response_partition_produce_response *test_produce(struct test_client *client,
                                                                       const char *topic,
                                                                       int32_t partition,
                                                                       int16_t acks,
                                                                       struct lt_slice batch)
{
    struct proto_produce_response *response = test_client_call(
        client, PROTO_API_PRODUCE, 9, test_produce_request(client, topic, partition, acks, batch));

    ck_assert_int_eq(response->responses_count, 1);
    ck_assert_int_eq(response->responses[0].partition_responses_count, 1);
    return &response->responses[0].partition_responses[0];
}

struct proto_fetch_request *test_fetch_request(struct test_client *client,
                                               const char *topic,
                                               int32_t partition,
                                               int64_t offset,
                                               int32_t min_bytes,
                                               int32_t max_wait_ms)
{
    struct proto_fetch_request *request = in_arena(client, sizeof(*request));

    proto_fetch_request_init(request);
    request->max_wait_ms = max_wait_ms;
    request->min_bytes = min_bytes;
    request->topics = in_arena(client, sizeof(*request->topics));
    request->topics_count = 1;
    proto_fetch_request_topic_init(request->topics);
    request->topics[0].topic = lt_slice_text(topic);
    request->topics[0].partitions = in_arena(client, sizeof(*request->topics[0].partitions));
    request->topics[0].partitions_count = 1;
    proto_fetch_request_partition_init(request->topics[0].partitions);
    request->topics[0].partitions[0].partition = partition;
    request->topics[0].partitions[0].fetch_offset = offset;
    request->topics[0].partitions[0].partition_max_bytes = 1 << 20;
    return request;
}

struct proto_fetch_response_partition_data *test_fetch(struct test_client *client,
                                                       const char *topic,
                                                       int32_t partition,
                                                       int64_t offset,
                                                       int32_t min_bytes,
                                                       int32_t max_wait_ms)
{
    struct proto_fetch_response *response = test_client_call(
        client, PROTO_API_FETCH, 12,
        test_fetch_request(client, topic, partition, offset, min_bytes, max_wait_ms));

    ck_assert_int_eq(response->error_code, 0);
    ck_assert_int_eq(response->responses_count, 1);
    ck_assert_int_eq(response->responses[0].partitions_count, 1);
    return &response->responses[0].partitions[0];
}

int64_t test_count_records(struct proto_records records)
{
    const uint8_t *at = records.data;
    size_t left = records.size;
    int64_t count = 0;

    while (left > 0) {
        size_t size = 0;
        struct proto_batch_header header;
        ck_assert_int_eq(proto_batch_size_read(at, left, &size), 0);
        ck_assert_uint_le(size, left);
        ck_assert(proto_batch_crc_ok(at, size));
        ck_assert_int_eq(proto_batch_header_read(at, left, &header), 0);
        count += header.record_count;
        at += size;
        left -= size;
    }
    return count;
}
