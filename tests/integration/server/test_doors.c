/* test_doors.c: what comes in by the socket and is not a well-behaved Kafka client: garbage, other protocols, slow, silent
 * and greedy peers. Each costs itself, nobody else, and the operator reads why. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/errors.h"
#include "proto/wire.h"
#include "server/config.h"
#include "tests/support/server/server_fixture.h"
#include "tests/support/test_main.h"

static struct test_server server;
static struct test_client client; /* the innocent one */
static struct lt_clock_fake fake;

static void setup_with(const char *const *settings)
{
    test_server_start(&server, settings);
    test_client_open(&client, &server);
    test_create_topic(&client, "t", 2, NULL);
}

static void setup(void)
{
    setup_with(NULL);
}

static void setup_small(void)
{
    static const char *const settings[] = {"socket.request.max.bytes=200000",
                                           "queued.max.request.bytes=150000", "leat.io.threads=1",
                                           NULL};
    setup_with(settings);
}

static void setup_few(void)
{
    static const char *const settings[] = {"max.connections=3", NULL};
    setup_with(settings);
}

static void setup_two_each(void)
{
    static const char *const settings[] = {"max.connections.per.ip=2", NULL};
    setup_with(settings);
}

static void setup_fake_clock(void)
{
    static const char *const settings[] = {"leat.io.threads=1", NULL};
    lt_clock_fake_init(&fake, lt_clock_wall_ms(lt_clock_real()));
    server.clock = &fake.clock;
    test_server_start(&server, settings);
    test_client_open(&client, &server);
}

static void setup_impatient(void)
{
    static const char *const settings[] = {"leat.io.threads=1", "connections.max.idle.ms=300",
                                           NULL};
    lt_clock_fake_init(&fake, lt_clock_wall_ms(lt_clock_real()));
    server.clock = &fake.clock;
    test_server_start(&server, settings);
    test_client_open(&client, &server);
}

static void teardown(void)
{
    test_client_close(&client);
    test_server_stop(&server);
    server.clock = NULL;
}

static void still_works(void)
{
    ck_assert_int_eq(test_produce(&client, "t", 0, -1, test_batch(&client, "v", 1))->error_code, 0);
}

/* What comes, and what the operator is told. */
static const struct {
    const char *name;
    const char *bytes;
    size_t size;
    const char *said;
} strangers[] = {
    {"http", "GET / HTTP/1.1\r\n\r\n", 18, "HTTP"},
    {"http post", "POST /v1/topics HTTP/1.1\r\nHost: x\r\n\r\n", 37, "HTTP"},
    {"tls", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11, "TLS"},
    {"ssh", "SSH-2.0-OpenSSH_9.2\r\n", 21, "SSH"},
    {"negative size", "\xff\xff\xff\xff\x00\x12\x00\x00", 8, "frame_malformed"},
    {"no room for a header", "\x00\x00\x00\x01\x00", 5, "malformed"},
    {"too large", "\x7f\xff\xff\xff\x00\x00\x00\x09", 8, "frame_too_large"},
    {"unknown api", "\x00\x00\x00\x0a\x03\xe7\x00\x00\x00\x00\x00\x01\xff\xff", 14,
     "request_unsupported"},
    {"produce 2", "\x00\x00\x00\x0a\x00\x00\x00\x02\x00\x00\x00\x01\xff\xff", 14,
     "request_unsupported"},
    {"api without handler", "\x00\x00\x00\x0a\x00\x1d\x00\x01\x00\x00\x00\x01\xff\xff", 14,
     "request_unsupported"},
    {"array larger than the frame",
     "\x00\x00\x00\x0e\x00\x03\x00\x01\x00\x00\x00\x01\xff\xff\x7f\xff\xff\xff", 18,
     "request_malformed"},
};

/* One clear line, the connection closed, everybody else untouched. */
START_TEST(a_stranger_is_named_and_shown_out)
{
    struct test_client stranger;

    test_client_open(&stranger, &server);
    test_client_send_raw(&stranger, strangers[_i].bytes, strangers[_i].size);
    ck_assert_msg(test_client_is_closed(&stranger), "%s", strangers[_i].name);
    ck_assert_msg(test_server_said(&server, strangers[_i].said), "%s", strangers[_i].name);
    test_client_close(&stranger);
    still_works();
}
END_TEST

/* A request that arrives byte by byte is one request. */
START_TEST(bytes_one_at_a_time_make_a_request)
{
    struct lt_slice frame =
        test_client_frame(&client, PROTO_API_PRODUCE, 9,
                          test_produce_request(&client, "t", 1, -1, test_batch(&client, "v", 2)));

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < frame.size; i++) {
            test_client_send_raw(&client, frame.data + i, 1);
        }
        struct proto_produce_response *response =
            test_client_receive(&client, PROTO_API_PRODUCE, 9, client.correlation_id);
        ck_assert_int_eq(response->responses[0].partition_responses[0].error_code, 0);
        ck_assert_int_eq(response->responses[0].partition_responses[0].base_offset, 2 * round);
    }
}
END_TEST

/* Frames cut anywhere are the same frames: three requests, sent in two pieces, for every place of the cut. */
START_TEST(frames_may_be_cut_anywhere)
{
    struct proto_api_versions_request versions;
    uint8_t bytes[256];
    size_t size = 0;
    int32_t first = client.correlation_id + 1;

    proto_api_versions_request_init(&versions);
    for (int i = 0; i < 3; i++) {
        struct lt_slice frame = test_client_frame(&client, PROTO_API_API_VERSIONS, 0, &versions);
        memcpy(bytes + size, frame.data, frame.size);
        size += frame.size;
    }
    for (size_t cut = 1; cut < size; cut++) {
        test_client_send_raw(&client, bytes, cut);
        test_client_send_raw(&client, bytes + cut, size - cut);
        for (int i = 0; i < 3; i++) {
            (void)test_client_receive(&client, PROTO_API_API_VERSIONS, 0, first + i);
        }
    }
}
END_TEST

/* A peer that leaves in the middle of a request, or while a fetch of its waits, leaves nothing behind. */
START_TEST(a_peer_that_leaves_takes_everything_along)
{
    for (int i = 0; i < 20; i++) {
        struct test_client other;
        test_client_open(&other, &server);
        (void)test_client_send(&other, PROTO_API_FETCH, 12,
                               test_fetch_request(&other, "t", 0, 0, 1, 60000));
        struct lt_slice frame =
            test_client_frame(&other, PROTO_API_PRODUCE, 9,
                              test_produce_request(&other, "t", 1, -1, test_batch(&other, "v", 2)));
        test_client_send_raw(&other, frame.data, frame.size / 2);
        test_client_close(&other);
    }
    still_works();
}
END_TEST

/* Half of the peer is gone: it sends no more, but still reads. What it had asked before is answered. */
START_TEST(a_half_closed_peer_gets_what_was_answered)
{
    struct test_client other;
    struct proto_api_versions_request versions;

    proto_api_versions_request_init(&versions);
    test_client_open(&other, &server);
    int32_t id = test_client_send(&other, PROTO_API_API_VERSIONS, 0, &versions);
    ck_assert_int_eq(shutdown(other.fd, SHUT_WR), 0);
    (void)test_client_receive(&other, PROTO_API_API_VERSIONS, 0, id);
    ck_assert(test_client_is_closed(&other));
    test_client_close(&other);
}
END_TEST

static bool no_bytes_used(void *arg)
{
    struct test_server *with = arg;
    return atomic_load(&with->server->request_budget.used) == 0;
}

/* A frame that is larger than the whole budget is let in when nothing else is; small ones wait for it and then run. */
START_TEST(one_frame_is_always_let_in)
{
    struct test_client greedy[4];
    struct lt_slice batch = test_batch_of_size(&client, 170000);
    struct lt_slice frames[4];

    for (int i = 0; i < 4; i++) {
        test_client_open(&greedy[i], &server);
        frames[i] = test_client_frame(&greedy[i], PROTO_API_PRODUCE, 9,
                                      test_produce_request(&greedy[i], "t", 0, -1, batch));
        test_client_send_raw(&greedy[i], frames[i].data, 100000);
    }
    for (int i = 0; i < 4; i++) {
        test_client_send_raw(&greedy[i], frames[i].data + 100000, frames[i].size - 100000);
    }
    for (int i = 0; i < 4; i++) {
        struct proto_produce_response *response =
            test_client_receive(&greedy[i], PROTO_API_PRODUCE, 9, greedy[i].correlation_id);
        ck_assert_int_eq(response->responses[0].partition_responses[0].error_code, 0);
        test_client_close(&greedy[i]);
    }
    ck_assert(test_until(no_bytes_used, &server));
    still_works();
}
END_TEST

/* A peer that leaves with half a frame gives its bytes back. */
START_TEST(half_frames_give_their_budget_back)
{
    struct lt_slice batch = test_batch_of_size(&client, 170000);

    for (int i = 0; i < 10; i++) {
        struct test_client other;
        test_client_open(&other, &server);
        struct lt_slice frame = test_client_frame(&other, PROTO_API_PRODUCE, 9,
                                                  test_produce_request(&other, "t", 0, -1, batch));
        test_client_send_raw(&other, frame.data, 120000);
        test_client_close(&other);
    }
    still_works();
    ck_assert(test_until(no_bytes_used, &server));
}
END_TEST

/* With max.connections reached others wait outside, and come in when somebody leaves. */
START_TEST(connections_above_the_limit_wait)
{
    struct test_client others[4];
    struct proto_api_versions_request versions;

    proto_api_versions_request_init(&versions);
    for (int i = 0; i < 4; i++) {
        test_client_open(&others[i], &server);
        (void)test_client_send(&others[i], PROTO_API_API_VERSIONS, 0, &versions);
    }
    (void)test_client_receive(&others[0], PROTO_API_API_VERSIONS, 0, 1);
    (void)test_client_receive(&others[1], PROTO_API_API_VERSIONS, 0, 1);
    ck_assert(test_client_is_quiet(&others[3], 150));
    ck_assert(test_server_said(&server, "too_many_connections"));
    test_client_close(&others[0]);
    test_client_close(&others[1]);
    (void)test_client_receive(&others[2], PROTO_API_API_VERSIONS, 0, 1);
    (void)test_client_receive(&others[3], PROTO_API_API_VERSIONS, 0, 1);
    test_client_close(&others[2]);
    test_client_close(&others[3]);
}
END_TEST

/* Who has as many connections as one address may have loses the next one at once. */
START_TEST(connections_of_one_address_are_limited)
{
    struct test_client second, third;

    test_client_open(&second, &server);
    test_client_open(&third, &server);
    ck_assert(test_client_is_closed(&third));
    ck_assert(test_server_said(&server, "too_many_connections_of_address"));
    test_client_close(&third);
    test_client_close(&second);
    still_works();
}
END_TEST

/* A connection on which nothing happens is closed; one that waits for its fetch, or that asks something, is not idle. */
START_TEST(idle_connections_are_closed)
{
    struct test_client waiting, other;

    test_create_topic(&client, "t", 1, NULL);
    test_client_open(&waiting, &server);
    int32_t fetch = test_client_send(&waiting, PROTO_API_FETCH, 12,
                                     test_fetch_request(&waiting, "t", 0, 0, 1, 60000));
    test_client_open(&other, &server);
    test_create_topic(&other, "u", 1, NULL);
    for (int i = 0; i < 3; i++) {
        lt_clock_fake_advance(&fake, 250);
        (void)test_fetch(&other, "t", 0, 0, 1, 0);
    }
    ck_assert(test_client_is_closed(&client));
    ck_assert(test_client_is_quiet(&waiting, 50));
    ck_assert_int_eq(test_produce(&other, "t", 0, -1, test_batch(&other, "v", 1))->error_code, 0);
    (void)test_client_receive(&waiting, PROTO_API_FETCH, 12, fetch);
    lt_clock_fake_advance(&fake, 400);
    (void)test_fetch(&other, "t", 0, 0, 1, 0); /* a request that ends a long silence is served */
    ck_assert(test_client_is_closed(&waiting));
    test_client_close(&waiting);
    test_client_close(&other);
}
END_TEST

/* The time that a fetch waits begins when it comes, however long the loop has slept before. */
START_TEST(waiting_begins_with_the_request)
{
    struct test_client other;

    test_client_open(&other, &server);
    test_create_topic(&client, "t", 1, NULL);
    (void)test_fetch(&other, "t", 0, 0, 1, 0);
    lt_clock_fake_advance(&fake, 29000);
    int32_t id = test_client_send(&client, PROTO_API_FETCH, 12,
                                  test_fetch_request(&client, "t", 0, 0, 1, 20000));
    ck_assert(test_client_is_quiet(&client, 50));
    lt_clock_fake_advance(&fake, 19000);
    (void)test_fetch(&other, "t", 0, 0, 1, 0);
    ck_assert(test_client_is_quiet(&client, 50));
    lt_clock_fake_advance(&fake, 2000);
    (void)test_fetch(&other, "t", 0, 0, 1, 0);
    (void)test_client_receive(&client, PROTO_API_FETCH, 12, id);
    test_client_close(&other);
}
END_TEST

/* A request whose bytes do not come within 30 s and 1 s per MiB ends its connection, not one that came in time. */
START_TEST(a_request_has_its_time_to_arrive)
{
    struct test_client slow, large;
    struct proto_api_versions_request versions;

    proto_api_versions_request_init(&versions);
    test_client_open(&slow, &server);
    test_client_open(&large, &server);
    test_client_send_raw(&slow, "\0\0\0\x50\0", 5);
    test_client_send_raw(&large, "\x00\xa0\x00\x00\0", 5); /* 10 MiB */
    (void)test_client_call(&client, PROTO_API_API_VERSIONS, 0, &versions);
    lt_clock_fake_advance(&fake, 29900);
    (void)test_client_call(&client, PROTO_API_API_VERSIONS, 0, &versions);
    ck_assert(test_client_is_quiet(&slow, 50));
    lt_clock_fake_advance(&fake, 200);
    (void)test_client_call(&client, PROTO_API_API_VERSIONS, 0,
                           &versions); /* one loop: it looks at its timers now */
    ck_assert(test_client_is_closed(&slow));
    ck_assert(test_client_is_quiet(&large, 50));
    lt_clock_fake_advance(&fake, 10000);
    (void)test_client_call(&client, PROTO_API_API_VERSIONS, 0, &versions);
    ck_assert(test_client_is_closed(&large));
    ck_assert(test_server_said(&server, "conn_expired"));
    test_client_close(&slow);
    test_client_close(&large);
}
END_TEST

/* A peer that asks and never reads keeps its answers to itself: others are served, memory stays bounded. */
START_TEST(a_peer_that_does_not_read_stops_only_itself)
{
    struct test_client deaf;
    struct lt_slice batch = test_batch_of_size(&client, 900000);

    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(test_produce(&client, "t", 0, -1, batch)->error_code, 0);
    }
    test_client_open(&deaf, &server);
    struct proto_fetch_request *request = test_fetch_request(&deaf, "t", 0, 0, 1, 1000);
    request->topics[0].partitions[0].partition_max_bytes = 8 << 20;
    for (int i = 0; i < 20; i++) {
        (void)test_client_send(&deaf, PROTO_API_FETCH, 12, request);
    }
    still_works();
    for (int i = 0; i < 20; i++) {
        struct proto_fetch_response *response =
            test_client_receive(&deaf, PROTO_API_FETCH, 12, i + 1);
        ck_assert_int_ge(test_count_records(response->responses[0].partitions[0].records), 9);
        lt_arena_release(&deaf.arena);
    }
    test_client_close(&deaf);
}
END_TEST

static TCase *add(Suite *suite, const char *name, void (*with)(void))
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, with, teardown);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("doors");
    TCase *tcase = add(suite, "usual", setup);

    tcase_add_loop_test(tcase, a_stranger_is_named_and_shown_out, 0,
                        (int)(sizeof(strangers) / sizeof(strangers[0])));
    tcase_add_test(tcase, bytes_one_at_a_time_make_a_request);
    tcase_add_test(tcase, frames_may_be_cut_anywhere);
    tcase_add_test(tcase, a_peer_that_leaves_takes_everything_along);
    tcase_add_test(tcase, a_half_closed_peer_gets_what_was_answered);
    tcase_add_test(tcase, a_peer_that_does_not_read_stops_only_itself);
    tcase = add(suite, "small budgets", setup_small);
    tcase_add_test(tcase, one_frame_is_always_let_in);
    tcase_add_test(tcase, half_frames_give_their_budget_back);
    tcase = add(suite, "few connections", setup_few);
    tcase_add_test(tcase, connections_above_the_limit_wait);
    tcase = add(suite, "few of one address", setup_two_each);
    tcase_add_test(tcase, connections_of_one_address_are_limited);
    tcase = add(suite, "fake clock", setup_fake_clock);
    tcase_add_test(tcase, a_request_has_its_time_to_arrive);
    tcase_add_test(tcase, waiting_begins_with_the_request);
    tcase = add(suite, "short idle time", setup_impatient);
    tcase_add_test(tcase, idle_connections_are_closed);
    return test_main(suite);
}
