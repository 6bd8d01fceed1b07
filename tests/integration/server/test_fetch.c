/* test_fetch.c: Fetch: limits, waiting, errors and their shape, sessions over the wire. */
#include <check.h>
#include <malloc.h>
#include <poll.h>
#include <string.h>

#include "proto/errors.h"
#include "proto/record_batch.h"
#include "tests/support/server/server_fixture.h"
#include "tests/support/test_main.h"

static struct test_server server;
static struct test_client client;

static void setup(void)
{
    test_server_start(&server, NULL);
    test_client_open(&client, &server);
    test_create_topic(&client, "t", 4, NULL);
}

static void teardown(void)
{
    test_client_close(&client);
    test_server_stop(&server);
}

static void fill(int32_t partition, int batches, size_t record_size)
{
    for (int i = 0; i < batches; i++) {
        ck_assert_int_eq(
            test_produce(&client, "t", partition, -1, test_batch_of_size(&client, record_size))
                ->error_code,
            0);
    }
}

static int64_t now_ms(void)
{
    return lt_clock_mono_ms(lt_clock_real());
}

/* A request for several partitions of "t", all at offset 0. */
static struct proto_fetch_request *
request_for(const int32_t *partitions, int count, int32_t max_bytes, int32_t partition_max_bytes)
{
    struct proto_fetch_request *request = test_fetch_request(&client, "t", 0, 0, 1, 0);
    struct proto_fetch_request_partition *rows =
        lt_arena_calloc(&client.arena, (size_t)count, sizeof(*rows));

    for (int i = 0; i < count; i++) {
        proto_fetch_request_partition_init(&rows[i]);
        rows[i].partition = partitions[i];
        rows[i].partition_max_bytes = partition_max_bytes;
    }
    request->max_bytes = max_bytes;
    request->topics[0].partitions = rows;
    request->topics[0].partitions_count = count;
    return request;
}

/* ---- limits ---- */

/* KIP-74: the first partition with data gives one batch whatever the limits are; then limits hold, in request order. */
START_TEST(the_first_batch_always_comes)
{
    static const int32_t partitions[] = {2, 0, 1};

    fill(0, 3, 5000);
    fill(1, 3, 5000);
    struct proto_fetch_response *response =
        test_client_call(&client, PROTO_API_FETCH, 12, request_for(partitions, 3, 100, 100));
    ck_assert_int_eq(response->responses_count, 1);
    const struct proto_fetch_response_partition_data *rows = response->responses[0].partitions;
    ck_assert_int_eq(response->responses[0].partitions_count, 3);
    ck_assert_int_eq(rows[0].partition_index, 2);
    ck_assert_int_eq(test_count_records(rows[0].records), 0);
    ck_assert_int_eq(test_count_records(rows[1].records), 1);
    ck_assert_int_eq(test_count_records(rows[2].records), 0);
    ck_assert_int_eq(rows[2].high_watermark, 3);
}
END_TEST

/* Whole batches only, within partition_max_bytes and what max_bytes leaves. */
START_TEST(limits_cut_between_batches)
{
    static const int32_t partitions[] = {0, 1};

    fill(0, 5, 5000);
    fill(1, 5, 5000);
    struct proto_fetch_response *response =
        test_client_call(&client, PROTO_API_FETCH, 12, request_for(partitions, 2, 1 << 20, 11000));
    ck_assert_int_eq(test_count_records(response->responses[0].partitions[0].records), 2);
    ck_assert_int_eq(test_count_records(response->responses[0].partitions[1].records), 2);
    response =
        test_client_call(&client, PROTO_API_FETCH, 12, request_for(partitions, 2, 16000, 11000));
    ck_assert_int_eq(test_count_records(response->responses[0].partitions[0].records), 2);
    ck_assert_int_eq(test_count_records(response->responses[0].partitions[1].records), 1);
}
END_TEST

/* Long runs leave by sendfile, short ones are copied: several of both in one answer come out whole and in order. */
START_TEST(long_and_short_runs_in_one_answer)
{
    static const int32_t partitions[] = {0, 1, 2, 3};

    fill(0, 20, 9000);
    fill(1, 1, 100);
    fill(2, 3, 60000);
    for (int round = 0; round < 20; round++) {
        (void)test_client_send(&client, PROTO_API_FETCH, 12,
                               request_for(partitions, 4, 50 << 20, 1 << 20));
    }
    for (int round = 19; round >= 0; round--) {
        struct proto_fetch_response *response =
            test_client_receive(&client, PROTO_API_FETCH, 12, client.correlation_id - round);
        const struct proto_fetch_response_partition_data *rows = response->responses[0].partitions;
        ck_assert_int_eq(test_count_records(rows[0].records), 20);
        ck_assert_int_eq(test_count_records(rows[1].records), 1);
        ck_assert_int_eq(test_count_records(rows[2].records), 3);
        ck_assert_int_eq(test_count_records(rows[3].records), 0);
        ck_assert_ptr_nonnull(rows[3].records.data); /* empty, never null */
    }
}
END_TEST

/* ---- waiting ---- */

START_TEST(a_fetch_waits_for_its_time_when_nothing_comes)
{
    int64_t before = now_ms();
    struct proto_fetch_response_partition_data *row = test_fetch(&client, "t", 0, 0, 1, 150);

    ck_assert_int_ge(now_ms() - before, 145);
    ck_assert_int_eq(row->error_code, 0);
    ck_assert_int_eq(row->high_watermark, 0);
    ck_assert_uint_eq(row->records.size, 0);
    before = now_ms();
    (void)test_fetch(&client, "t", 0, 0, 1, 0);
    ck_assert_int_le(now_ms() - before, 140);
}
END_TEST

/* min_bytes counts over all partitions; what is there when it is reached comes along. */
START_TEST(a_fetch_waits_for_enough_bytes)
{
    static const int32_t partitions[] = {0, 1};
    struct proto_fetch_request *request = request_for(partitions, 2, 50 << 20, 1 << 20);
    struct test_client producer;

    request->min_bytes = 10000;
    request->max_wait_ms = 20000;
    int32_t id = test_client_send(&client, PROTO_API_FETCH, 12, request);
    test_client_open(&producer, &server);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(
            test_produce(&producer, "t", i, -1, test_batch_of_size(&producer, 4000))->error_code,
            0);
        ck_assert(test_client_is_quiet(&client, 30));
    }
    ck_assert_int_eq(
        test_produce(&producer, "t", 1, -1, test_batch_of_size(&producer, 4000))->error_code, 0);
    struct proto_fetch_response *response = test_client_receive(&client, PROTO_API_FETCH, 12, id);
    ck_assert_int_eq(test_count_records(response->responses[0].partitions[0].records), 1);
    ck_assert_int_eq(test_count_records(response->responses[0].partitions[1].records), 2);
    test_client_close(&producer);
}
END_TEST

/* min_bytes that partition_max_bytes cannot give: Kafka waits in vain, here the answer comes at once. */
START_TEST(waiting_in_vain_is_spared)
{
    struct proto_fetch_request *request = test_fetch_request(&client, "t", 0, 0, 20000, 20000);
    int64_t before = now_ms();

    fill(0, 5, 5000);
    request->topics[0].partitions[0].partition_max_bytes = 6000;
    struct proto_fetch_response *response = test_client_call(&client, PROTO_API_FETCH, 12, request);
    ck_assert_int_eq(test_count_records(response->responses[0].partitions[0].records), 1);
    ck_assert_int_le(now_ms() - before, 10000);
}
END_TEST

/* An append wakes the fetches of all connections that wait for it, on every loop; also with durability memory. */
START_TEST(an_append_wakes_all_who_wait)
{
    static const char *const configs[] = {"leat.durability=memory", NULL};
    const char *topic = _i == 0 ? "t" : "m";
    struct test_client waiting[8];

    test_create_topic(&client, "m", 1, configs);
    for (int i = 0; i < 8; i++) {
        test_client_open(&waiting[i], &server);
        (void)test_client_send(&waiting[i], PROTO_API_FETCH, 12,
                               test_fetch_request(&waiting[i], topic, 0, 0, 1, 20000));
    }
    ck_assert(test_client_is_quiet(&waiting[7], 50));
    ck_assert_int_eq(test_produce(&client, topic, 0, -1, test_batch(&client, "v", 2))->error_code,
                     0);
    for (int i = 0; i < 8; i++) {
        struct proto_fetch_response *response =
            test_client_receive(&waiting[i], PROTO_API_FETCH, 12, 1);
        ck_assert_int_eq(test_count_records(response->responses[0].partitions[0].records), 2);
        test_client_close(&waiting[i]);
    }
}
END_TEST

/* A topic that is deleted ends the fetches that wait for it. */
START_TEST(deletion_wakes_who_waits)
{
    struct proto_delete_topics_request request;
    struct lt_slice name = lt_slice_text("t");
    struct test_client admin;

    int32_t id = test_client_send(&client, PROTO_API_FETCH, 12,
                                  test_fetch_request(&client, "t", 0, 0, 1, 20000));
    ck_assert(test_client_is_quiet(&client, 50));
    test_client_open(&admin, &server);
    proto_delete_topics_request_init(&request);
    request.topic_names = &name;
    request.topic_names_count = 1;
    request.timeout_ms = 5000;
    (void)test_client_call(&admin, PROTO_API_DELETE_TOPICS, 5, &request);
    struct proto_fetch_response *response = test_client_receive(&client, PROTO_API_FETCH, 12, id);
    ck_assert_int_eq(response->responses[0].partitions[0].error_code,
                     PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    test_client_close(&admin);
}
END_TEST

/* ---- errors ---- */

static void check_error(const struct proto_fetch_response_partition_data *row, int16_t error)
{
    ck_assert_int_eq(row->error_code, error);
    ck_assert_int_eq(row->high_watermark, -1);
    ck_assert_int_eq(row->last_stable_offset, -1);
    ck_assert_int_eq(row->log_start_offset, -1);
    ck_assert_uint_eq(row->records.size, 0);
    ck_assert_ptr_nonnull(row->records.data);
}

/* Answered at once, however long the request would wait. */
START_TEST(offsets_out_of_range_are_told_at_once)
{
    fill(0, 3, 10);
    check_error(test_fetch(&client, "t", 0, 4, 1, 20000), PROTO_ERROR_OFFSET_OUT_OF_RANGE);
    check_error(test_fetch(&client, "t", 0, -1, 1, 20000), PROTO_ERROR_OFFSET_OUT_OF_RANGE);
    ck_assert_int_eq(test_fetch(&client, "t", 0, 3, 1, 0)->error_code, 0);
}
END_TEST

START_TEST(unknown_places_are_told_at_once)
{
    check_error(test_fetch(&client, "nope", 0, 0, 1, 20000),
                PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    check_error(test_fetch(&client, "t", 4, 0, 1, 20000), PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    struct proto_fetch_request *request = test_fetch_request(&client, "t", 0, 0, 1, 20000);
    struct proto_fetch_response *response = test_client_call(&client, PROTO_API_FETCH, 13, request);
    check_error(&response->responses[0].partitions[0], PROTO_ERROR_UNKNOWN_TOPIC_ID);
}
END_TEST

/* KIP-320: the client's leader epoch must be ours; one that it leaves out is not checked. */
START_TEST(leader_epochs_are_compared)
{
    struct proto_fetch_request *request = test_fetch_request(&client, "t", 0, 0, 1, 0);
    struct proto_fetch_request_partition *row = &request->topics[0].partitions[0];
    struct proto_fetch_response *response;

    fill(0, 1, 10);
    row->current_leader_epoch = 0;
    response = test_client_call(&client, PROTO_API_FETCH, 12, request);
    ck_assert_int_eq(test_count_records(response->responses[0].partitions[0].records), 1);
    row->current_leader_epoch = 7;
    response = test_client_call(&client, PROTO_API_FETCH, 12, request);
    check_error(&response->responses[0].partitions[0], PROTO_ERROR_UNKNOWN_LEADER_EPOCH);
}
END_TEST

/* There are no followers. */
START_TEST(followers_are_sent_away)
{
    struct proto_fetch_request *request = test_fetch_request(&client, "t", 0, 0, 1, 20000);

    request->replica_id = 2;
    struct proto_fetch_response *response = test_client_call(&client, PROTO_API_FETCH, 12, request);
    check_error(&response->responses[0].partitions[0], PROTO_ERROR_NOT_LEADER_OR_FOLLOWER);
}
END_TEST

/* read_committed: an array of aborted transactions, empty; read_uncommitted: null. */
START_TEST(isolation_levels_have_their_shape)
{
    struct proto_fetch_request *request = test_fetch_request(&client, "t", 0, 0, 1, 0);

    fill(0, 2, 10);
    for (int8_t level = 0; level <= 1; level++) {
        request->isolation_level = level;
        struct proto_fetch_response *response =
            test_client_call(&client, PROTO_API_FETCH, 12, request);
        const struct proto_fetch_response_partition_data *row =
            &response->responses[0].partitions[0];
        ck_assert_int_eq(row->aborted_transactions_count, level == 1 ? 0 : -1);
        ck_assert_int_eq(row->last_stable_offset, 2);
        ck_assert_int_eq(row->preferred_read_replica, -1);
        ck_assert_int_eq(test_count_records(row->records), 2);
    }
}
END_TEST

/* A fetch in the middle of a batch gets the whole batch. */
START_TEST(a_fetch_begins_with_the_batch_that_holds_the_offset)
{
    struct proto_batch_header header;

    ck_assert_int_eq(test_produce(&client, "t", 0, -1, test_batch(&client, "a", 5))->base_offset,
                     0);
    ck_assert_int_eq(test_produce(&client, "t", 0, -1, test_batch(&client, "b", 5))->base_offset,
                     5);
    struct proto_fetch_response_partition_data *row = test_fetch(&client, "t", 0, 7, 1, 0);
    ck_assert_int_eq(test_count_records(row->records), 5);
    ck_assert_int_eq(proto_batch_header_read(row->records.data, row->records.size, &header), 0);
    ck_assert_int_eq(header.base_offset, 5);
}
END_TEST

START_TEST(every_version_works)
{
    fill(0, 3, 10);
    for (int16_t version = 4; version <= 12; version++) {
        struct proto_fetch_response *response = test_client_call(
            &client, PROTO_API_FETCH, version, test_fetch_request(&client, "t", 0, 0, 1, 0));
        ck_assert_int_eq(test_count_records(response->responses[0].partitions[0].records), 3);
    }
}
END_TEST

/* ---- sessions ---- */

static struct proto_fetch_response *
in_session(struct proto_fetch_request *request, int32_t id, int32_t epoch)
{
    request->session_id = id;
    request->session_epoch = epoch;
    return test_client_call(&client, PROTO_API_FETCH, 12, request);
}

/* Full, then only what changed; partitions added, forgotten, errors told again when they end. */
START_TEST(a_session_tells_only_what_changed)
{
    static const int32_t all[] = {0, 1, 2, 3};
    struct proto_fetch_request *empty = test_fetch_request(&client, "t", 0, 0, 1, 0);

    fill(0, 1, 10);
    struct proto_fetch_response *response = in_session(request_for(all, 4, 1 << 20, 1 << 20), 0, 0);
    int32_t id = response->session_id;
    ck_assert_int_gt(id, 0);
    ck_assert_int_eq(response->responses[0].partitions_count, 4);

    /* The client has read partition 0 up to 1 and names only that. */
    struct proto_fetch_request *moved = test_fetch_request(&client, "t", 0, 1, 1, 0);
    response = in_session(moved, id, 1);
    ck_assert_int_eq(response->session_id, id);
    ck_assert_int_eq(response->responses_count, 0);

    empty->topics_count = 0;
    fill(2, 1, 10);
    response = in_session(empty, id, 2);
    ck_assert_int_eq(response->responses_count, 1);
    ck_assert_int_eq(response->responses[0].partitions_count, 1);
    ck_assert_int_eq(response->responses[0].partitions[0].partition_index, 2);
    ck_assert_int_eq(test_count_records(response->responses[0].partitions[0].records), 1);

    /* Forget 2: its data does not come again. */
    struct proto_fetch_request_forgotten_topic forgotten;
    int32_t two = 2;
    proto_fetch_request_forgotten_topic_init(&forgotten);
    forgotten.topic = lt_slice_text("t");
    forgotten.partitions = &two;
    forgotten.partitions_count = 1;
    empty->forgotten_topics_data = &forgotten;
    empty->forgotten_topics_data_count = 1;
    response = in_session(empty, id, 3);
    ck_assert_int_eq(response->responses_count, 0);
    ck_assert_int_eq(response->error_code, 0);
}
END_TEST

/* An incremental fetch that names nothing still waits for the partitions of its session. */
START_TEST(an_empty_incremental_fetch_waits)
{
    static const int32_t all[] = {0, 1};
    struct proto_fetch_request *empty = test_fetch_request(&client, "t", 0, 0, 1, 20000);
    struct test_client producer;

    int32_t session = in_session(request_for(all, 2, 1 << 20, 1 << 20), 0, 0)->session_id;
    empty->topics_count = 0;
    empty->session_id = session;
    empty->session_epoch = 1;
    int32_t id = test_client_send(&client, PROTO_API_FETCH, 12, empty);
    ck_assert(test_client_is_quiet(&client, 100));
    test_client_open(&producer, &server);
    ck_assert_int_eq(test_produce(&producer, "t", 1, -1, test_batch(&producer, "v", 1))->error_code,
                     0);
    struct proto_fetch_response *response = test_client_receive(&client, PROTO_API_FETCH, 12, id);
    ck_assert_int_eq(response->session_id, session);
    ck_assert_int_eq(response->responses[0].partitions_count, 1);
    ck_assert_int_eq(response->responses[0].partitions[0].partition_index, 1);
    test_client_close(&producer);
}
END_TEST

/* What is wrong with a session is told for the whole request, with session id 0. */
START_TEST(wrong_sessions_are_told)
{
    static const int32_t one[] = {0};
    struct proto_fetch_request *request = request_for(one, 1, 1 << 20, 1 << 20);
    struct proto_fetch_response *response = in_session(request, 12345, 1);

    ck_assert_int_eq(response->error_code, PROTO_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    ck_assert_int_eq(response->session_id, 0);
    ck_assert_int_eq(response->responses_count, 0);
    int32_t id = in_session(request, 0, 0)->session_id;
    ck_assert_int_eq(in_session(request, id, 5)->error_code,
                     PROTO_ERROR_INVALID_FETCH_SESSION_EPOCH);
    request->session_id = id;
    request->session_epoch = 1;
    response = test_client_call(&client, PROTO_API_FETCH, 13, request);
    ck_assert_int_eq(response->error_code, PROTO_ERROR_FETCH_SESSION_TOPIC_ID_ERROR);
    /* Unknown, but a full fetch: served. */
    ck_assert_int_eq(in_session(request, 999, -1)->error_code, 0);
}
END_TEST

/* Records that leave by sendfile take no memory, wherever in their file they stand. (Sanitizers count no memory.) */
START_TEST(an_answer_from_a_file_takes_no_memory_of_its_size)
{
    fill(0, 24, 1000000);
    struct proto_fetch_request *request = test_fetch_request(&client, "t", 0, 0, 1, 0);
    request->max_bytes = 50 << 20;
    request->topics[0].partitions[0].partition_max_bytes = 50 << 20;
    size_t before = mallinfo2().hblkhd + mallinfo2().arena;
    int32_t fetch = test_client_send(&client, PROTO_API_FETCH, 12, request);
    struct pollfd comes = {.fd = client.fd, .events = POLLIN};
    ck_assert_int_eq(poll(&comes, 1, 10000), 1);
    /* More is on its way than sockets hold: the rest waits in the server. */
    size_t after = mallinfo2().hblkhd + mallinfo2().arena;
    ck_assert_uint_lt(after, before + (8 << 20));
    struct proto_fetch_response *response =
        test_client_receive(&client, PROTO_API_FETCH, 12, fetch);
    ck_assert_int_eq(test_count_records(response->responses[0].partitions[0].records), 24);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fetch");
    TCase *tcase = tcase_create("fetch");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_first_batch_always_comes);
    tcase_add_test(tcase, limits_cut_between_batches);
    tcase_add_test(tcase, long_and_short_runs_in_one_answer);
    tcase_add_test(tcase, a_fetch_waits_for_its_time_when_nothing_comes);
    tcase_add_test(tcase, a_fetch_waits_for_enough_bytes);
    tcase_add_test(tcase, waiting_in_vain_is_spared);
    tcase_add_loop_test(tcase, an_append_wakes_all_who_wait, 0, 2);
    tcase_add_test(tcase, deletion_wakes_who_waits);
    tcase_add_test(tcase, offsets_out_of_range_are_told_at_once);
    tcase_add_test(tcase, unknown_places_are_told_at_once);
    tcase_add_test(tcase, leader_epochs_are_compared);
    tcase_add_test(tcase, followers_are_sent_away);
    tcase_add_test(tcase, isolation_levels_have_their_shape);
    tcase_add_test(tcase, a_fetch_begins_with_the_batch_that_holds_the_offset);
    tcase_add_test(tcase, every_version_works);
    tcase_add_test(tcase, a_session_tells_only_what_changed);
    tcase_add_test(tcase, an_empty_incremental_fetch_waits);
    tcase_add_test(tcase, wrong_sessions_are_told);
    tcase_add_test(tcase, an_answer_from_a_file_takes_no_memory_of_its_size);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
