/* test_order.c: in which order requests run and answers leave; who waits for whom. */
#include <check.h>

#include "proto/errors.h"
#include "tests/support/server/server_fixture.h"
#include "tests/support/test_main.h"

static struct test_server server;
static struct test_client client;

static void setup(void)
{
    test_server_start(&server, NULL);
    test_client_open(&client, &server);
    test_create_topic(&client, "t", 2, NULL);
}

static void teardown(void)
{
    test_client_close(&client);
    test_server_stop(&server);
}

/* Many requests sent at once are answered one by one, in the order in which they were sent. */
START_TEST(pipelined_requests_are_answered_in_order)
{
    struct proto_api_versions_request versions;
    struct proto_metadata_request metadata;
    int32_t first = client.correlation_id;

    proto_api_versions_request_init(&versions);
    proto_metadata_request_init(&metadata);
    for (int i = 0; i < 50; i++) {
        (void)test_client_send(&client, PROTO_API_API_VERSIONS, 0, &versions);
        (void)test_client_send(&client, PROTO_API_METADATA, 1, &metadata);
    }
    for (int i = 0; i < 50; i++) {
        (void)test_client_receive(&client, PROTO_API_API_VERSIONS, 0, first + 2 * i + 1);
        (void)test_client_receive(&client, PROTO_API_METADATA, 1, first + 2 * i + 2);
    }
}
END_TEST

/* Produces of one connection do not wait for each other's flush; their offsets follow each other. */
START_TEST(pipelined_produces_are_answered_in_order_with_offsets_in_order)
{
    int32_t first = client.correlation_id;

    for (int i = 0; i < 100; i++) {
        (void)test_client_send(
            &client, PROTO_API_PRODUCE, 9,
            test_produce_request(&client, "t", 0, -1, test_batch(&client, "v", 3)));
    }
    for (int i = 0; i < 100; i++) {
        struct proto_produce_response *response =
            test_client_receive(&client, PROTO_API_PRODUCE, 9, first + i + 1);
        ck_assert_int_eq(response->responses[0].partition_responses[0].error_code, 0);
        ck_assert_int_eq(response->responses[0].partition_responses[0].base_offset, 3 * i);
    }
}
END_TEST

/* What is pipelined behind a produce sees its records only when they are durable, and is answered after it. */
START_TEST(a_fetch_behind_a_produce_is_answered_behind_it)
{
    int32_t produce =
        test_client_send(&client, PROTO_API_PRODUCE, 9,
                         test_produce_request(&client, "t", 0, -1, test_batch(&client, "v", 3)));
    int32_t fetch = test_client_send(&client, PROTO_API_FETCH, 12,
                                     test_fetch_request(&client, "t", 0, 0, 1, 10000));

    (void)test_client_receive(&client, PROTO_API_PRODUCE, 9, produce);
    struct proto_fetch_response *response =
        test_client_receive(&client, PROTO_API_FETCH, 12, fetch);
    ck_assert_int_eq(test_count_records(response->responses[0].partitions[0].records), 3);
}
END_TEST

/* A parked fetch holds back everything that follows it on its connection, as in Kafka, and nothing elsewhere. */
START_TEST(a_parked_fetch_holds_back_what_follows)
{
    struct proto_api_versions_request versions;
    struct test_client other;

    proto_api_versions_request_init(&versions);
    int32_t fetch = test_client_send(&client, PROTO_API_FETCH, 12,
                                     test_fetch_request(&client, "t", 0, 0, 1, 20000));
    int32_t after = test_client_send(&client, PROTO_API_API_VERSIONS, 0, &versions);
    ck_assert(test_client_is_quiet(&client, 100));
    test_client_open(&other, &server);
    ck_assert_int_eq(test_produce(&other, "t", 0, -1, test_batch(&other, "v", 1))->error_code, 0);
    test_client_close(&other);
    (void)test_client_receive(&client, PROTO_API_FETCH, 12, fetch);
    (void)test_client_receive(&client, PROTO_API_API_VERSIONS, 0, after);
}
END_TEST

/* Produce with acks=0 is not answered: the next answer is the next request's. */
START_TEST(acks_0_is_not_answered)
{
    struct proto_api_versions_request versions;

    proto_api_versions_request_init(&versions);
    (void)test_client_send(&client, PROTO_API_PRODUCE, 9,
                           test_produce_request(&client, "t", 0, 0, test_batch(&client, "v", 1)));
    int32_t next = test_client_send(&client, PROTO_API_API_VERSIONS, 0, &versions);
    (void)test_client_receive(&client, PROTO_API_API_VERSIONS, 0, next);
    ck_assert_int_eq(test_count_records(test_fetch(&client, "t", 0, 0, 1, 5000)->records), 1);
}
END_TEST

/* A producer that does not wait for answers learns of a failure by losing its connection. */
START_TEST(failed_acks_0_closes_the_connection)
{
    (void)test_client_send(
        &client, PROTO_API_PRODUCE, 9,
        test_produce_request(&client, "no_such_topic", 0, 0, test_batch(&client, "v", 1)));
    ck_assert(test_client_is_closed(&client));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("order");
    TCase *tcase = tcase_create("order");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, pipelined_requests_are_answered_in_order);
    tcase_add_test(tcase, pipelined_produces_are_answered_in_order_with_offsets_in_order);
    tcase_add_test(tcase, a_fetch_behind_a_produce_is_answered_behind_it);
    tcase_add_test(tcase, a_parked_fetch_holds_back_what_follows);
    tcase_add_test(tcase, acks_0_is_not_answered);
    tcase_add_test(tcase, failed_acks_0_closes_the_connection);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
