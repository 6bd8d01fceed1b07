/* test_produce.c: Produce: what is refused and with which code, when it is answered, what the disk can do to it.
 * The codes are those that Kafka 4.3.1 gave for the same bytes. */
#include <check.h>
#include <string.h>

#include "base/file_faults.h"
#include "proto/batch_builder.h"
#include "proto/errors.h"
#include "tests/support/ops_gate.h"
#include "tests/support/server/server_fixture.h"
#include "tests/support/test_main.h"

static struct test_server server;
static struct test_client client;
static struct test_ops_gate gate;
static struct lt_file_faults *faults;

static void open_client(void)
{
    test_client_open(&client, &server);
    test_create_topic(&client, "t", 2, NULL);
}

static void setup(void)
{
    server.ops = NULL;
    test_server_start(&server, NULL);
    open_client();
}

static void teardown(void)
{
    test_client_close(&client);
    test_server_stop(&server);
}

static void setup_gate(void)
{
    static const char *const settings[] = {"leat.flush.unsynced.max.bytes=1MiB", NULL};

    test_ops_gate_init(&gate, lt_file_ops_real());
    server.ops = &gate.ops;
    test_server_start(&server, settings);
    open_client();
}

static void teardown_gate(void)
{
    test_ops_gate_open(&gate);
    teardown();
    test_ops_gate_release(&gate);
}

static void setup_faults(void)
{
    ck_assert_int_eq(lt_file_faults_new(&faults), 0);
    server.ops = lt_file_faults_ops(faults);
    test_server_start(&server, NULL);
    open_client();
}

static void teardown_faults(void)
{
    teardown();
    lt_file_faults_free(faults);
}

/* ---- bytes ---- */

static struct lt_slice with_option(int count, void (*change)(struct proto_batch_options *options))
{
    struct proto_batch_builder builder = {0};
    struct proto_batch_options options;
    uint8_t *batch = NULL;
    size_t size = 0;

    for (int i = 0; i < count; i++) {
        struct proto_new_record record = {.timestamp = lt_clock_wall_ms(lt_clock_real()),
                                          .value = lt_slice_text("value")};
        ck_assert_int_eq(proto_batch_builder_add(&builder, &record), 0);
    }
    proto_batch_options_init(&options);
    change(&options);
    ck_assert_int_eq(proto_batch_builder_finish(&builder, &options, &batch, &size), 0);
    void *copy = lt_arena_memdup(&client.arena, batch, size);
    ck_assert_ptr_nonnull(copy);
    proto_batch_builder_release(&builder);
    return lt_slice(copy, size);
}

static void no_change(struct proto_batch_options *options)
{
    (void)options;
}

static void at_offset_5(struct proto_batch_options *options)
{
    options->base_offset = 5;
}

static void control(struct proto_batch_options *options)
{
    options->attributes = PROTO_BATCH_CONTROL;
}

static void transactional(struct proto_batch_options *options)
{
    options->attributes = PROTO_BATCH_TRANSACTIONAL;
    options->producer_id = 42;
    options->producer_epoch = 0;
    options->base_sequence = 0;
}

static void idempotent(struct proto_batch_options *options)
{
    options->producer_id = 42;
    options->producer_epoch = 0;
    options->base_sequence = 0;
}

static void without_sequence(struct proto_batch_options *options)
{
    options->producer_id = 42;
    options->producer_epoch = 0;
    options->base_sequence = -1;
}

/* A change of single bytes behind the builder's back; `seal`: the CRC is made right again. */
struct patch {
    const char *name;
    int at;
    uint8_t byte;
    bool seal;
    int16_t error;
};

static const struct patch patches[] = {
    {"crc", PROTO_BATCH_CRC_AT, 0x55, false, PROTO_ERROR_CORRUPT_MESSAGE},
    {"magic 0", PROTO_BATCH_MAGIC_AT, 0, false, PROTO_ERROR_INVALID_RECORD},
    {"magic 1", PROTO_BATCH_MAGIC_AT, 1, false, PROTO_ERROR_INVALID_RECORD},
    {"magic 3", PROTO_BATCH_MAGIC_AT, 3, false, PROTO_ERROR_CORRUPT_MESSAGE},
    {"length 10", PROTO_BATCH_LENGTH_AT + 3, 10, false, PROTO_ERROR_CORRUPT_MESSAGE},
    {"cut short", PROTO_BATCH_LENGTH_AT + 2, 9, false, PROTO_ERROR_INVALID_RECORD},
    {"record count", PROTO_BATCH_RECORD_COUNT_AT + 3, 7, true, PROTO_ERROR_INVALID_RECORD},
    {"last offset delta", PROTO_BATCH_LAST_OFFSET_DELTA_AT + 3, 9, true,
     PROTO_ERROR_INVALID_RECORD},
    {"codec 5", PROTO_BATCH_ATTRIBUTES_AT + 1, 5, true, PROTO_ERROR_UNSUPPORTED_COMPRESSION_TYPE},
};

/* One wrong byte: refused with Kafka's code, the log unchanged. */
START_TEST(a_wrong_byte_is_refused)
{
    const struct patch *patch = &patches[_i];
    struct lt_slice batch = with_option(3, no_change);
    uint8_t *bytes = lt_arena_memdup(&client.arena, batch.data, batch.size);

    bytes[patch->at] = patch->byte;
    if (patch->seal) {
        proto_batch_seal(bytes, batch.size);
    }
    struct proto_produce_response_partition_produce_response *answer =
        test_produce(&client, "t", 0, -1, lt_slice(bytes, batch.size));
    ck_assert_msg(answer->error_code == patch->error, "%s: %d", patch->name, answer->error_code);
    ck_assert_int_eq(answer->base_offset, -1);
    ck_assert_int_eq(test_produce(&client, "t", 0, -1, batch)->base_offset, 0);
}
END_TEST

static const struct {
    const char *name;
    void (*change)(struct proto_batch_options *options);
    int16_t error;
} headers[] = {
    {"base offset", at_offset_5, PROTO_ERROR_INVALID_RECORD},
    {"control", control, PROTO_ERROR_INVALID_RECORD},
    {"no sequence", without_sequence, PROTO_ERROR_INVALID_RECORD},
    {"transaction", transactional, PROTO_ERROR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED},
    {"idempotent", idempotent, 0},
};

/* A header that a producer may not send; that of an idempotent producer it may. */
START_TEST(a_header_that_is_not_for_producers_is_refused)
{
    struct proto_produce_response_partition_produce_response *answer =
        test_produce(&client, "t", 0, -1, with_option(1, headers[_i].change));

    ck_assert_msg(answer->error_code == headers[_i].error, "%s: %d", headers[_i].name,
                  answer->error_code);
}
END_TEST

/* Nothing, two batches, an empty batch. */
START_TEST(exactly_one_batch_per_partition)
{
    struct lt_slice batch = with_option(1, no_change);
    uint8_t *two = lt_arena_alloc(&client.arena, 2 * batch.size);

    memcpy(two, batch.data, batch.size);
    memcpy(two + batch.size, batch.data, batch.size);
    ck_assert_int_eq(test_produce(&client, "t", 0, -1, lt_slice(two, 2 * batch.size))->error_code,
                     PROTO_ERROR_INVALID_RECORD);
    ck_assert_int_eq(test_produce(&client, "t", 0, -1, LT_SLICE_NULL)->error_code,
                     PROTO_ERROR_INVALID_RECORD);
    ck_assert_int_eq(test_produce(&client, "t", 0, -1, lt_slice("", 0))->error_code,
                     PROTO_ERROR_INVALID_RECORD);
    ck_assert_int_eq(test_produce(&client, "t", 0, -1, with_option(0, no_change))->error_code,
                     PROTO_ERROR_INVALID_RECORD);
    /* Bytes behind the batch that make no batch are ignored. */
    ck_assert_int_eq(test_produce(&client, "t", 0, -1, lt_slice(two, batch.size + 7))->error_code,
                     0);
    ck_assert_int_eq(test_count_records(test_fetch(&client, "t", 0, 0, 1, 0)->records), 1);
}
END_TEST

/* max.message.bytes is Kafka's 1048588. */
START_TEST(a_batch_above_the_limit_is_refused)
{
    ck_assert_int_eq(
        test_produce(&client, "t", 0, -1, test_batch_of_size(&client, 1048588))->error_code,
        PROTO_ERROR_MESSAGE_TOO_LARGE);
    ck_assert_int_eq(
        test_produce(&client, "t", 0, -1, test_batch_of_size(&client, 1048000))->error_code, 0);
}
END_TEST

START_TEST(unknown_places_are_told)
{
    struct lt_slice batch = with_option(1, no_change);
    struct proto_produce_request *request = test_produce_request(&client, NULL, 0, -1, batch);

    ck_assert_int_eq(test_produce(&client, "no_such", 0, -1, batch)->error_code,
                     PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    ck_assert_int_eq(test_produce(&client, "..", 0, -1, batch)->error_code,
                     PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    ck_assert_int_eq(test_produce(&client, "t", 2, -1, batch)->error_code,
                     PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    ck_assert_int_eq(test_produce(&client, "t", -1, -1, batch)->error_code,
                     PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    request->topic_data[0].topic_id.bytes[3] = 9;
    struct proto_produce_response *response =
        test_client_call(&client, PROTO_API_PRODUCE, 13, request);
    ck_assert_int_eq(response->responses[0].partition_responses[0].error_code,
                     PROTO_ERROR_UNKNOWN_TOPIC_ID);
    ck_assert_int_eq(response->responses[0].topic_id.bytes[3], 9);
}
END_TEST

START_TEST(acks_are_minus_1_to_1)
{
    struct lt_slice batch = with_option(1, no_change);

    ck_assert_int_eq(test_produce(&client, "t", 0, 2, batch)->error_code,
                     PROTO_ERROR_INVALID_REQUIRED_ACKS);
    ck_assert_int_eq(test_produce(&client, "t", 0, -2, batch)->error_code,
                     PROTO_ERROR_INVALID_REQUIRED_ACKS);
    ck_assert_int_eq(test_produce(&client, "t", 0, 1, batch)->error_code, 0);
}
END_TEST

/* A transactional id with a transactional batch: no transaction was begun, and trying again will not help. */
START_TEST(transactions_are_refused_for_good)
{
    struct proto_produce_request *request =
        test_produce_request(&client, "t", 0, -1, with_option(1, transactional));

    request->transactional_id = lt_slice_text("tx");
    struct proto_produce_response *response =
        test_client_call(&client, PROTO_API_PRODUCE, 9, request);
    int16_t error = response->responses[0].partition_responses[0].error_code;
    ck_assert_int_eq(error, PROTO_ERROR_INVALID_PRODUCER_ID_MAPPING);
    ck_assert(!proto_error_is_retriable(error));
}
END_TEST

/* There is one replica: who wants two in sync gets none with acks=all, and is served otherwise. */
START_TEST(min_insync_replicas_of_2_cannot_be_met)
{
    static const char *const configs[] = {"min.insync.replicas=2", NULL};
    struct lt_slice batch = with_option(1, no_change);

    test_create_topic(&client, "two", 1, configs);
    ck_assert_int_eq(test_produce(&client, "two", 0, -1, batch)->error_code,
                     PROTO_ERROR_NOT_ENOUGH_REPLICAS);
    ck_assert_int_eq(test_produce(&client, "two", 0, 1, batch)->base_offset, 0);
}
END_TEST

/* A request about several partitions: each for itself; one that is named twice counts once, the last time. */
START_TEST(partitions_of_a_request_are_independent)
{
    struct proto_produce_request *request =
        test_produce_request(&client, "t", 0, -1, with_option(1, no_change));
    struct proto_produce_request_partition_produce_data rows[5];

    for (int i = 0; i < 5; i++) {
        proto_produce_request_partition_produce_data_init(&rows[i]);
        rows[i].index = i < 3 ? i : 0; /* 0 1 2 0 0; 2 does not exist */
        struct lt_slice batch = with_option(i + 1, no_change);
        rows[i].records = (struct proto_records){.data = batch.data, .size = batch.size};
    }
    request->topic_data[0].partition_data = rows;
    request->topic_data[0].partition_data_count = 5;
    struct proto_produce_response *response =
        test_client_call(&client, PROTO_API_PRODUCE, 9, request);
    ck_assert_int_eq(response->responses_count, 1);
    ck_assert_int_eq(response->responses[0].partition_responses_count, 3);
    for (int i = 0; i < 3; i++) {
        const struct proto_produce_response_partition_produce_response *row =
            &response->responses[0].partition_responses[i];
        ck_assert_int_eq(row->error_code,
                         row->index == 2 ? PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION : 0);
        ck_assert_int_eq(row->base_offset, row->index == 2 ? -1 : 0);
    }
    ck_assert_int_eq(test_fetch(&client, "t", 0, 0, 1, 0)->high_watermark, 5);
    ck_assert_int_eq(test_fetch(&client, "t", 1, 0, 1, 0)->high_watermark, 2);
}
END_TEST

/* A compacted topic wants keys; the answer says which records have none. */
START_TEST(records_that_are_refused_are_named)
{
    static const char *const configs[] = {"cleanup.policy=compact", NULL};

    test_create_topic(&client, "compacted", 1, configs);
    struct proto_produce_response_partition_produce_response *answer =
        test_produce(&client, "compacted", 0, -1, with_option(3, no_change));
    ck_assert_int_eq(answer->error_code, PROTO_ERROR_INVALID_RECORD);
    ck_assert_int_eq(answer->record_errors_count, 3);
    ck_assert_int_eq(answer->record_errors[2].batch_index, 2);
    ck_assert_ptr_nonnull(answer->record_errors[2].batch_index_error_message.data);
    ck_assert_ptr_nonnull(answer->error_message.data);
    ck_assert_int_eq(answer->log_start_offset, 0);
    ck_assert_int_eq(
        test_produce(&client, "compacted", 0, -1, test_batch(&client, "v", 2))->error_code, 0);
}
END_TEST

/* The answer has the shape of its version, and every version stores. */
START_TEST(every_version_works)
{
    for (int16_t version = 3; version <= 12; version++) {
        struct proto_produce_response *response =
            test_client_call(&client, PROTO_API_PRODUCE, version,
                             test_produce_request(&client, "t", 0, -1, with_option(2, no_change)));
        ck_assert_int_eq(response->responses[0].partition_responses[0].error_code, 0);
        ck_assert_int_eq(response->responses[0].partition_responses[0].base_offset,
                         2 * (version - 3));
    }
}
END_TEST

/* ---- the disk ---- */

/* With acks=all the answer waits for the flush; what was not flushed in time is told, and stays. */
START_TEST(acks_all_waits_for_the_flush)
{
    struct proto_produce_request *request =
        test_produce_request(&client, "t", 0, -1, with_option(1, no_change));

    test_ops_gate_close(&gate);
    int32_t id = test_client_send(&client, PROTO_API_PRODUCE, 9, request);
    test_ops_gate_wait(&gate);
    ck_assert(test_client_is_quiet(&client, 50));
    test_ops_gate_open(&gate);
    struct proto_produce_response *response =
        test_client_receive(&client, PROTO_API_PRODUCE, 9, id);
    ck_assert_int_eq(response->responses[0].partition_responses[0].error_code, 0);

    test_ops_gate_close(&gate);
    request->timeout_ms = 50;
    response = test_client_call(&client, PROTO_API_PRODUCE, 9, request);
    ck_assert_int_eq(response->responses[0].partition_responses[0].error_code,
                     PROTO_ERROR_REQUEST_TIMED_OUT);
    ck_assert_int_eq(test_produce(&client, "t", 0, 1, with_option(1, no_change))->base_offset, 2);
    ck_assert_int_eq(test_fetch(&client, "t", 0, 0, 1, 0)->high_watermark, 1);
    test_ops_gate_open(&gate);
    ck_assert_int_eq(test_count_records(test_fetch(&client, "t", 0, 1, 100, 5000)->records), 2);
}
END_TEST

/* A produce that waits longer than slow.request.ms is told to the operator, with its client's id. */
START_TEST(slow_requests_are_told)
{
    struct proto_produce_request *request =
        test_produce_request(&client, "t", 0, -1, with_option(1, no_change));

    test_ops_gate_close(&gate);
    request->timeout_ms = 1200;
    (void)test_client_call(&client, PROTO_API_PRODUCE, 9, request);
    test_ops_gate_open(&gate);
    ck_assert(test_server_said(&server, "event=slow_request"));
    ck_assert(test_server_said(&server, "client=test"));
}
END_TEST

/* Produces of one connection ride on one flush: while one flush is under way, all others are appended behind it. */
START_TEST(many_produces_share_a_flush)
{
    int32_t first = client.correlation_id + 1;

    test_ops_gate_close(&gate);
    for (int i = 0; i < 50; i++) {
        (void)test_client_send(
            &client, PROTO_API_PRODUCE, 9,
            test_produce_request(&client, "t", 0, -1, with_option(1, no_change)));
    }
    test_ops_gate_wait(&gate);
    struct test_client other;
    test_client_open(&other, &server);
    while (test_produce(&other, "t", 0, 1, test_batch(&other, "v", 1))->base_offset < 50) {
    }
    int before = atomic_load(&gate.syncs);
    test_ops_gate_open(&gate);
    for (int i = 0; i < 50; i++) {
        struct proto_produce_response *response =
            test_client_receive(&client, PROTO_API_PRODUCE, 9, first + i);
        ck_assert_int_eq(response->responses[0].partition_responses[0].error_code, 0);
    }
    ck_assert_int_le(atomic_load(&gate.syncs) - before, 6);
    test_client_close(&other);
}
END_TEST

/* More unsynced bytes than allowed: producers wait, then go on in order; acks=1 too. */
START_TEST(unsynced_bytes_are_bounded)
{
    int32_t first = client.correlation_id + 1;

    test_ops_gate_close(&gate);
    for (int i = 0; i < 30; i++) {
        (void)test_client_send(
            &client, PROTO_API_PRODUCE, 9,
            test_produce_request(&client, "t", 0, 1, test_batch_of_size(&client, 100000)));
    }
    for (int i = 0; i < 10; i++) {
        (void)test_client_receive(&client, PROTO_API_PRODUCE, 9, first + i);
    }
    ck_assert(test_client_is_quiet(&client, 100));
    test_ops_gate_open(&gate);
    for (int i = 10; i < 30; i++) {
        struct proto_produce_response *response =
            test_client_receive(&client, PROTO_API_PRODUCE, 9, first + i);
        ck_assert_int_eq(response->responses[0].partition_responses[0].base_offset, i);
    }
}
END_TEST

/* A flush that fails is final for its partition: who waits hears of it, others go on. */
START_TEST(a_failed_flush_is_told_and_final)
{
    struct lt_slice batch = with_option(1, no_change);
    struct lt_fault_plan plan = {
        .kind = LT_FAULT_FAIL, .at = 0, .errnum = 5, .only_call = "fdatasync"};

    server.may_fail = true;
    ck_assert_int_eq(test_produce(&client, "t", 0, -1, batch)->error_code, 0);
    ck_assert_int_eq(test_produce(&client, "t", 1, -1, batch)->error_code, 0);
    lt_file_faults_plan(faults, &plan);
    ck_assert_int_eq(test_produce(&client, "t", 0, -1, batch)->error_code,
                     PROTO_ERROR_KAFKA_STORAGE_ERROR);
    lt_file_faults_plan(faults, &(struct lt_fault_plan){.kind = LT_FAULT_NONE, .at = -1});
    ck_assert_int_eq(test_produce(&client, "t", 0, 1, batch)->error_code,
                     PROTO_ERROR_KAFKA_STORAGE_ERROR);
    ck_assert_int_eq(test_produce(&client, "t", 1, -1, batch)->error_code, 0);
    ck_assert_int_eq(test_count_records(test_fetch(&client, "t", 0, 0, 1, 0)->records), 1);
}
END_TEST

/* What was acknowledged is there after a restart. */
START_TEST(records_survive_a_restart)
{
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(
            test_produce(&client, "t", i % 2, -1, with_option(3, no_change))->error_code, 0);
    }
    test_client_close(&client);
    test_server_restart(&server);
    test_client_open(&client, &server);
    ck_assert_int_eq(test_count_records(test_fetch(&client, "t", 0, 0, 1, 0)->records), 30);
    ck_assert_int_eq(test_produce(&client, "t", 1, -1, with_option(1, no_change))->base_offset, 30);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("produce");
    TCase *tcase = tcase_create("answers");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_wrong_byte_is_refused, 0,
                        (int)(sizeof(patches) / sizeof(patches[0])));
    tcase_add_loop_test(tcase, a_header_that_is_not_for_producers_is_refused, 0,
                        (int)(sizeof(headers) / sizeof(headers[0])));
    tcase_add_test(tcase, exactly_one_batch_per_partition);
    tcase_add_test(tcase, a_batch_above_the_limit_is_refused);
    tcase_add_test(tcase, unknown_places_are_told);
    tcase_add_test(tcase, acks_are_minus_1_to_1);
    tcase_add_test(tcase, transactions_are_refused_for_good);
    tcase_add_test(tcase, min_insync_replicas_of_2_cannot_be_met);
    tcase_add_test(tcase, partitions_of_a_request_are_independent);
    tcase_add_test(tcase, records_that_are_refused_are_named);
    tcase_add_test(tcase, every_version_works);
    tcase_add_test(tcase, records_survive_a_restart);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("flush");
    tcase_add_checked_fixture(tcase, setup_gate, teardown_gate);
    tcase_add_test(tcase, acks_all_waits_for_the_flush);
    tcase_add_test(tcase, slow_requests_are_told);
    tcase_add_test(tcase, many_produces_share_a_flush);
    tcase_add_test(tcase, unsynced_bytes_are_bounded);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("failures");
    tcase_add_checked_fixture(tcase, setup_faults, teardown_faults);
    tcase_add_test(tcase, a_failed_flush_is_told_and_final);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
