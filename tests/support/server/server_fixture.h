/* server_fixture.h: a whole server in this process, and a client that sends exactly what a test says.
 *
 *   static struct test_server server;
 *   static void setup(void) { test_server_start(&server, NULL); }
 *   static void teardown(void) { test_server_stop(&server); }
 *
 * The server listens on a port of 127.0.0.1 that the kernel chose, in a fresh directory, without HTTP. What it says to
 * its operator goes to a file that tests can search. The client blocks, for at most ten seconds. Failures end the test.
 * Threads: one test thread per server and client. */
#ifndef TEST_SERVER_FIXTURE_H
#define TEST_SERVER_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "proto/api.h"
#include "proto/messages.h"
#include "server/server.h"
#include "tests/support/temp_dir.h"

struct test_server {
    struct test_dir dir;
    struct srv_config *config;
    struct srv_server *server;
    const struct lt_file_ops *ops; /* NULL: the real ones; set before start */
    const struct lt_clock *clock;  /* the same */
    bool may_fail;                 /* the stop need not be clean: a test has broken a partition */
    int port;
    int log_fd; /* the operator's lines */
    char **sets;
    size_t set_count;
};

/* `settings`: "key=value" texts, NULL at the end; NULL: none. `io_threads` is 2 unless a setting says otherwise. */
void test_server_start(struct test_server *server, const char *const *settings);
void test_server_stop(struct test_server *server);    /* clean; removes the directory */
void test_server_restart(struct test_server *server); /* clean stop and start on the same data */

/* Wait until the operator was told a line with this text in it; false after ten seconds. */
bool test_server_said(struct test_server *server, const char *text);

/* Wait until the condition holds; false after ten seconds. */
bool test_until(bool (*holds)(void *arg), void *arg);

struct test_client {
    struct lt_arena arena; /* of responses; released by close */
    int fd;
    int32_t correlation_id; /* of the last request sent */
};

void test_client_open(struct test_client *client, const struct test_server *server);
void test_client_close(struct test_client *client);

/* Send a request with client id "test"; returns its correlation id. */
int32_t
test_client_send(struct test_client *client, int16_t key, int16_t version, const void *request);

/* Bytes as they are. */
void test_client_send_raw(struct test_client *client, const void *bytes, size_t size);

/* The whole frame of that request, size included, in the client's arena. */
struct lt_slice
test_client_frame(struct test_client *client, int16_t key, int16_t version, const void *request);

/* Read the next response, which must be the one to `correlation_id`; returns its struct. */
void *test_client_receive(struct test_client *client,
                          int16_t key,
                          int16_t version,
                          int32_t correlation_id);

/* Both. */
void *
test_client_call(struct test_client *client, int16_t key, int16_t version, const void *request);

/* The server closes the connection without sending anything before. */
bool test_client_is_closed(struct test_client *client);

/* Nothing has come within this time. */
bool test_client_is_quiet(struct test_client *client, int ms);

/* ---- the usual requests ---- */

/* Through CreateTopics; configs: "key=value" texts, NULL at the end; NULL: none. */
void test_create_topic(struct test_client *client,
                       const char *name,
                       int32_t partitions,
                       const char *const *configs);

/* One batch of `count` records; values "<prefix><number>". In the client's arena. */
struct lt_slice test_batch(struct test_client *client, const char *prefix, int count);

/* One record whose value has `size` bytes. */
struct lt_slice test_batch_of_size(struct test_client *client, size_t size);

/* A Produce request (version 9) for one partition; in the client's arena. */
struct proto_produce_request *test_produce_request(struct test_client *client,
                                                   const char *topic,
                                                   int32_t partition,
                                                   int16_t acks,
                                                   struct lt_slice batch);

/* Send it, wait, return the answer for the partition. */
struct proto_produce_response_partition_produce_response *test_produce(struct test_client *client,
                                                                       const char *topic,
                                                                       int32_t partition,
                                                                       int16_t acks,
                                                                       struct lt_slice batch);

/* A sessionless Fetch request (version 12) for one partition. */
struct proto_fetch_request *test_fetch_request(struct test_client *client,
                                               const char *topic,
                                               int32_t partition,
                                               int64_t offset,
                                               int32_t min_bytes,
                                               int32_t max_wait_ms);

/* Send it, wait, return the answer for the partition. */
struct proto_fetch_response_partition_data *test_fetch(struct test_client *client,
                                                       const char *topic,
                                                       int32_t partition,
                                                       int64_t offset,
                                                       int32_t min_bytes,
                                                       int32_t max_wait_ms);

/* Records in a run of batches, each checked (CRC, structure). */
int64_t test_count_records(struct proto_records records);

#endif
