/* test_stop.c: an orderly stop: what is in flight is answered, what waits for ever is not waited for. */
#include <check.h>
#include <pthread.h>

#include "proto/errors.h"
#include "tests/support/ops_gate.h"
#include "tests/support/server/server_fixture.h"
#include "tests/support/test_main.h"

static struct test_server server;
static struct test_client client;
static struct test_ops_gate gate;

static void setup_with(const char *const *settings)
{
    test_ops_gate_init(&gate, lt_file_ops_real());
    server.ops = &gate.ops;
    test_server_start(&server, settings);
    test_client_open(&client, &server);
    test_create_topic(&client, "t", 1, NULL);
}

static void setup(void)
{
    setup_with(NULL);
}

static void setup_hasty(void)
{
    static const char *const settings[] = {"shutdown.timeout.ms=200", NULL};
    setup_with(settings);
}

static void teardown(void)
{
    test_client_close(&client);
    test_ops_gate_release(&gate);
}

static void *stop(void *arg)
{
    test_server_stop(arg);
    return NULL;
}

static bool is_stopping(void *arg)
{
    struct test_server *with = arg;
    return atomic_load(&with->server->stopping);
}

/* A fetch that waits is answered at once; an idle connection and half a request are closed. */
START_TEST(long_polls_end_and_idle_connections_close)
{
    struct test_client waiting, half;
    pthread_t thread;

    test_client_open(&waiting, &server);
    test_client_open(&half, &server);
    int32_t fetch = test_client_send(&waiting, PROTO_API_FETCH, 12,
                                     test_fetch_request(&waiting, "t", 0, 0, 1, 60000));
    test_client_send_raw(&half, "\0\0\0\x50\0\0", 6);
    ck_assert(test_client_is_quiet(&waiting, 50));
    ck_assert_int_eq(pthread_create(&thread, NULL, stop, &server), 0);
    struct proto_fetch_response *response =
        test_client_receive(&waiting, PROTO_API_FETCH, 12, fetch);
    ck_assert_int_eq(response->responses[0].partitions[0].error_code, 0);
    ck_assert(test_client_is_closed(&waiting));
    ck_assert(test_client_is_closed(&half));
    ck_assert(test_client_is_closed(&client));
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    test_client_close(&half);
    test_client_close(&waiting);
}
END_TEST

/* A produce that waits for the disk is answered when the disk is done. */
START_TEST(produces_in_flight_are_answered)
{
    pthread_t thread;

    test_ops_gate_close(&gate);
    int32_t first = client.correlation_id + 1;
    for (int i = 0; i < 10; i++) {
        (void)test_client_send(
            &client, PROTO_API_PRODUCE, 9,
            test_produce_request(&client, "t", 0, -1, test_batch(&client, "v", 1)));
    }
    test_ops_gate_wait(&gate);
    ck_assert(test_client_is_quiet(&client, 50)); /* all ten have been read by now */
    ck_assert_int_eq(pthread_create(&thread, NULL, stop, &server), 0);
    ck_assert(test_until(is_stopping, &server));
    test_ops_gate_open(&gate);
    for (int i = 0; i < 10; i++) {
        struct proto_produce_response *response =
            test_client_receive(&client, PROTO_API_PRODUCE, 9, first + i);
        ck_assert_int_eq(response->responses[0].partition_responses[0].error_code, 0);
    }
    ck_assert(test_client_is_closed(&client));
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

/* A disk that does not answer holds the stop up for shutdown.timeout.ms; then connections are closed. */
START_TEST(the_stop_does_not_wait_for_ever)
{
    pthread_t thread;

    test_ops_gate_close(&gate);
    (void)test_client_send(&client, PROTO_API_PRODUCE, 9,
                           test_produce_request(&client, "t", 0, -1, test_batch(&client, "v", 1)));
    test_ops_gate_wait(&gate);
    ck_assert_int_eq(pthread_create(&thread, NULL, stop, &server), 0);
    ck_assert(test_client_is_closed(&client));
    test_ops_gate_open(&gate);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stop");
    TCase *tcase = tcase_create("patient");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, long_polls_end_and_idle_connections_close);
    tcase_add_test(tcase, produces_in_flight_are_answered);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("hasty");
    tcase_add_checked_fixture(tcase, setup_hasty, teardown);
    tcase_add_test(tcase, the_stop_does_not_wait_for_ever);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
