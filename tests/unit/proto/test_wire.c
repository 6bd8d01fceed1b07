/* The cursors: what is accepted and refused at the level of bytes, and that lengths on the wire are always true. */
#include "leat/err.h"
#include "proto/messages.h"
#include "tests/support/hex.h"
#include "tests/support/test_main.h"

static struct lt_arena arena;
static struct lt_buf input;
static struct proto_reader r;
static struct proto_writer w;
static uint8_t memory[70000];

static void setup(void)
{
    lt_arena_init(&arena, 0);
    lt_buf_init(&input);
}

static void teardown(void)
{
    lt_arena_release(&arena);
    lt_buf_release(&input);
}

static void given(const char *hex)
{
    input.size = 0;
    test_hex_append(&input, hex);
    proto_reader_init(&r, lt_buf_slice(&input));
}

static void written(const char *hex)
{
    struct lt_buf want = {0};

    test_hex_append(&want, hex);
    test_hex_assert_equal(lt_slice(memory, proto_writer_size(&w)), lt_buf_slice(&want));
    lt_buf_release(&want);
}

static int read_metadata(int16_t version, const char *hex, struct proto_metadata_request *ret)
{
    given(hex);
    return proto_metadata_request_decode(&r, version, &arena, ret);
}

/* Integers are big-endian and keep their sign. */
START_TEST(integers_are_big_endian)
{
    given("80 ff 7ffe fffe 80000000 fffffffe 8000000000000001 3ff8000000000000");
    ck_assert_int_eq(proto_read_int8(&r), INT8_MIN);
    ck_assert(proto_read_bool(&r));
    ck_assert_int_eq(proto_read_int16(&r), 0x7ffe);
    ck_assert_uint_eq(proto_read_uint16(&r), 0xfffe);
    ck_assert_int_eq(proto_read_int32(&r), INT32_MIN);
    ck_assert_uint_eq(proto_read_uint32(&r), 0xfffffffeU);
    ck_assert_int_eq(proto_read_int64(&r), INT64_MIN + 1);
    ck_assert(proto_read_float64(&r) == 1.5);
    ck_assert_int_eq(r.err, 0);
    ck_assert_uint_eq(proto_reader_remaining(&r), 0);
}
END_TEST

/* After the first failure everything reads as zero and the cursor stays at the end. */
START_TEST(first_failure_sticks)
{
    given("000102");
    ck_assert_int_eq(proto_read_int32(&r), 0);
    ck_assert_int_eq(r.err, LEAT_EPROTOCOL);
    ck_assert_int_eq(proto_read_int8(&r), 0);
    proto_reader_fail(&r, LEAT_ENOMEM);
    ck_assert_int_eq(r.err, LEAT_EPROTOCOL);
    ck_assert_uint_eq(proto_read_string(&r, false, false).size, 0);
}
END_TEST

/* Reading nothing from nothing is possible. */
START_TEST(empty_input_is_readable)
{
    proto_reader_init(&r, LT_SLICE_NULL);
    ck_assert_ptr_nonnull(proto_read_raw(&r, 0));
    ck_assert_int_eq(r.err, 0);
    ck_assert_uint_eq(proto_read_uvarint(&r), 0);
    ck_assert_int_eq(r.err, LEAT_EPROTOCOL);
}
END_TEST

/* Five bytes make a uvarint, six do not; superfluous bits are dropped. */
START_TEST(uvarints_have_at_most_five_bytes)
{
    given("00 7f 8001 ffffffff0f ffffffff7f");
    ck_assert_uint_eq(proto_read_uvarint(&r), 0);
    ck_assert_uint_eq(proto_read_uvarint(&r), 127);
    ck_assert_uint_eq(proto_read_uvarint(&r), 128);
    ck_assert_uint_eq(proto_read_uvarint(&r), UINT32_MAX);
    ck_assert_uint_eq(proto_read_uvarint(&r), UINT32_MAX);
    ck_assert_int_eq(r.err, 0);
    given("ffffffffff01");
    (void)proto_read_uvarint(&r);
    ck_assert_int_eq(r.err, LEAT_EPROTOCOL);
}
END_TEST

/* Both forms of a string, empty and null told apart; null only where it may be. */
START_TEST(strings_in_both_forms)
{
    given("0002 6869 0000 ffff 03 6869 01 00");
    ck_assert(lt_slice_is(proto_read_string(&r, false, false), "hi"));
    ck_assert(lt_slice_is(proto_read_string(&r, false, true), ""));
    ck_assert_ptr_null(proto_read_string(&r, false, true).data);
    ck_assert(lt_slice_is(proto_read_string(&r, true, false), "hi"));
    ck_assert(lt_slice_is(proto_read_string(&r, true, true), ""));
    ck_assert_ptr_null(proto_read_string(&r, true, true).data);
    ck_assert_int_eq(r.err, 0);
    given("ffff");
    (void)proto_read_string(&r, false, false);
    ck_assert_int_eq(r.err, LEAT_EPROTOCOL);
    given("00");
    (void)proto_read_string(&r, true, false);
    ck_assert_int_eq(r.err, LEAT_EPROTOCOL);
}
END_TEST

/* A compact string of 32768 bytes is refused although the bytes are there, as Kafka does; bytes may be that long. */
START_TEST(compact_strings_end_at_32767)
{
    given("818002");
    ck_assert_int_eq(lt_buf_reserve(&input, 32768), 0);
    memset(input.data + input.size, 'x', 32768);
    input.size += 32768;
    proto_reader_init(&r, lt_buf_slice(&input));
    ck_assert_uint_eq(proto_read_bytes(&r, true, false).size, 32768);
    proto_reader_init(&r, lt_buf_slice(&input));
    (void)proto_read_string(&r, true, false);
    ck_assert_int_eq(r.err, LEAT_EPROTOCOL);
}
END_TEST

/* A count that the rest of the frame cannot hold is refused before anything is allocated. */
START_TEST(counts_are_checked_before_memory)
{
    struct proto_metadata_request request;

    ck_assert_int_eq(read_metadata(4, "7fffffff 0001 61 01", &request), LEAT_EPROTOCOL);
    ck_assert_int_eq(read_metadata(4, "00000003 0001 61 01", &request), LEAT_EPROTOCOL);
    ck_assert_int_eq(read_metadata(9, "ffffffff07 02 61 00 01 00 00 00", &request), LEAT_EPROTOCOL);
    ck_assert_uint_eq(arena.allocated, 0);
}
END_TEST

/* Any negative length is null where null is allowed, and only there. */
START_TEST(negative_lengths_are_null)
{
    struct proto_metadata_request request;

    ck_assert_int_eq(read_metadata(4, "ffffffff 01", &request), 0);
    ck_assert_int_eq(request.topics_count, -1);
    ck_assert_ptr_null(request.topics);
    ck_assert_int_eq(read_metadata(4, "80000001 01", &request), 0);
    ck_assert_int_eq(request.topics_count, -1);
    ck_assert_int_eq(read_metadata(9, "ffffffff0f 01 00 00 00", &request), 0);
    ck_assert_int_eq(request.topics_count, -1);
    ck_assert_int_eq(read_metadata(0, "ffffffff", &request), LEAT_EPROTOCOL);
    ck_assert_int_eq(read_metadata(4, "00000001 ffff 01", &request), LEAT_EPROTOCOL);
}
END_TEST

/* Tags nobody knows, also the same twice, bytes behind the message, text that is not UTF-8, odd bools: Kafka reads on. */
START_TEST(what_kafka_tolerates)
{
    struct proto_metadata_request request;

    ck_assert_int_eq(read_metadata(9, "00 01 00 00 02 05 01 aa 05 02 bbbb", &request), 0);
    ck_assert_uint_eq(proto_reader_remaining(&r), 0);
    ck_assert_int_eq(read_metadata(4, "00000000 01 c0ffee", &request), 0);
    ck_assert_uint_eq(proto_reader_remaining(&r), 3);
    ck_assert_int_eq(read_metadata(4, "00000001 0002 c328 02", &request), 0);
    ck_assert_uint_eq(request.topics[0].name.size, 2);
    ck_assert(request.allow_auto_topic_creation);
}
END_TEST

/* A known tag is as long as its type says, whatever size it claims, and must not come before its version. */
START_TEST(known_tags)
{
    static const char prefix[] = "00000001 00000002 00000003 00 00000004 00000005 01 01 01";
    struct proto_fetch_request request;
    struct lt_buf text = {0};

    ck_assert_int_eq(lt_buf_printf(&text, "%s 01 00 7f 03 6162", prefix), 0);
    given(lt_buf_text(&text));
    ck_assert_int_eq(proto_fetch_request_decode(&r, 15, &arena, &request), 0);
    ck_assert(lt_slice_is(request.cluster_id, "ab"));
    text.size = 0;
    ck_assert_int_eq(lt_buf_printf(&text, "%s 01 01 0d 00000006 0000000000000007 00", prefix), 0);
    given(lt_buf_text(&text));
    ck_assert_int_eq(proto_fetch_request_decode(&r, 15, &arena, &request), 0);
    ck_assert_int_eq(request.replica_state.replica_epoch, 7);
    lt_buf_release(&text);
    /* Version 12 still has the plain replica_id; its tag comes with 15. */
    given("ffffffff 00000001 00000002 00000003 00 00000004 00000005 01 01 01 01 01 0d 00000006 "
          "0000000000000007 00");
    ck_assert_int_eq(proto_fetch_request_decode(&r, 12, &arena, &request), LEAT_EPROTOCOL);
}
END_TEST

/* A tagged section that ends behind the frame, and one that never ends. */
START_TEST(what_kafka_refuses)
{
    struct proto_metadata_request request;

    ck_assert_int_eq(read_metadata(9, "00 01 00 00 01 05 02 aa", &request), LEAT_EPROTOCOL);
    ck_assert_int_eq(read_metadata(9, "00 01 00 00 ffffffff07 05 00", &request), LEAT_EPROTOCOL);
    ck_assert_int_eq(read_metadata(9, "ffffffffff01 01 00 00 00", &request), LEAT_EPROTOCOL);
}
END_TEST

/* Fields that a version does not have come out as Kafka's defaults, and are left out when written. */
START_TEST(absent_fields_have_defaults)
{
    struct proto_fetch_request request;
    struct proto_metadata_request old;

    ck_assert_int_eq(read_metadata(0, "00000000", &old), 0);
    ck_assert(old.allow_auto_topic_creation);

    proto_fetch_request_init(&request);
    ck_assert_int_eq(request.max_bytes, INT32_MAX);
    ck_assert_int_eq(request.session_epoch, -1);
    ck_assert_ptr_null(request.cluster_id.data);
    ck_assert(lt_slice_is(request.rack_id, ""));
    request.session_id = 77;
    request.rack_id = lt_slice_text("rack");
    request.max_wait_ms = 1;
    request.min_bytes = 2;
    proto_writer_init(&w, memory, proto_fetch_request_size(&request, 4), NULL);
    proto_fetch_request_encode(&request, 4, &w);
    written("ffffffff 00000001 00000002 7fffffff 00 00000000");
}
END_TEST

/* Null where the version does not allow it is written as empty: no handler can make a client's parser fail. */
START_TEST(forbidden_null_is_written_as_empty)
{
    proto_writer_init(&w, memory, sizeof(memory), NULL);
    proto_write_string(&w, LT_SLICE_NULL, false, false);
    proto_write_string(&w, LT_SLICE_NULL, true, false);
    proto_write_bytes(&w, LT_SLICE_NULL, false, false);
    ck_assert_int_eq(proto_write_count(&w, -1, false, false), 0);
    ck_assert_int_eq(proto_write_count(&w, -1, true, false), 0);
    proto_write_string(&w, LT_SLICE_NULL, false, true);
    proto_write_string(&w, LT_SLICE_NULL, true, true);
    ck_assert_int_eq(proto_write_count(&w, -1, true, true), 0);
    written("0000 01 00000000 00000000 01 ffff 00 00");
}
END_TEST

/* Text longer than an int16 can tell is cut to 32767 bytes, so that its length stays true. */
START_TEST(long_text_is_cut)
{
    struct lt_slice text = lt_slice(memory, 40000);

    ck_assert_uint_eq(proto_size_string(text, false, false), 2 + 32767);
    ck_assert_uint_eq(proto_size_string(text, true, false), 3 + 32767);
    uint8_t *out = lt_arena_alloc(&arena, 2 + 32767);
    ck_assert_ptr_nonnull(out);
    proto_writer_init(&w, out, 2 + 32767, NULL);
    proto_write_string(&w, text, false, false);
    ck_assert_uint_eq(proto_writer_size(&w), 2 + 32767);
    ck_assert_uint_eq(proto_load_u16(out), 32767);
}
END_TEST

static void
fetch_with_external_records(struct proto_fetch_response *response, unsigned count, void *external)
{
    proto_fetch_response_init(response);
    response->responses = lt_arena_alloc(&arena, sizeof(*response->responses));
    ck_assert_ptr_nonnull(response->responses);
    response->responses_count = 1;
    struct proto_fetch_response_fetchable_topic_response *topic = response->responses;
    proto_fetch_response_fetchable_topic_response_init(topic);
    topic->topic = lt_slice_text("t");
    topic->partitions = lt_arena_calloc(&arena, count, sizeof(*topic->partitions));
    ck_assert_ptr_nonnull(topic->partitions);
    topic->partitions_count = (int32_t)count;
    for (unsigned i = 0; i < count; i++) {
        proto_fetch_response_partition_data_init(&topic->partitions[i]);
        topic->partitions[i].records = (struct proto_records){NULL, 200 + i, external};
    }
}

/* External records leave holes: fill them with any bytes of the promised size and the message reads as if they had been
 * there. */
START_TEST(external_records_leave_holes)
{
    static const uint8_t filling[400] = {7};
    static const int16_t versions[] = {4, 11, 12, 18};
    int external;

    for (size_t v = 0; v < sizeof(versions) / sizeof(versions[0]); v++) {
        struct proto_fetch_response response;
        struct lt_buf whole = {0};

        fetch_with_external_records(&response, 20, &external);
        size_t size = proto_fetch_response_size(&response, versions[v]);
        proto_writer_init(&w, memory, size, &arena);
        proto_fetch_response_encode(&response, versions[v], &w);
        ck_assert_int_eq(w.err, 0);
        ck_assert_uint_eq(proto_writer_size(&w), size);
        ck_assert_uint_eq(w.hole_count, 20);
        ck_assert_uint_eq(w.hole_size, 20 * 200 + 190);
        size_t from = 0;
        for (size_t i = 0; i < w.hole_count; i++) {
            ck_assert_ptr_eq(w.holes[i].external, &external);
            ck_assert_int_eq(lt_buf_append(&whole, memory + from, w.holes[i].position - from), 0);
            ck_assert_int_eq(lt_buf_append(&whole, filling, w.holes[i].size), 0);
            from = w.holes[i].position;
        }
        ck_assert_int_eq(lt_buf_append(&whole, memory + from, size - from), 0);
        proto_reader_init(&r, lt_buf_slice(&whole));
        ck_assert_int_eq(proto_fetch_response_decode(&r, versions[v], &arena, &response), 0);
        ck_assert_uint_eq(proto_reader_remaining(&r), 0);
        ck_assert_uint_eq(response.responses[0].partitions[19].records.size, 219);
        ck_assert_uint_eq(response.responses[0].partitions[19].records.data[0], 7);
        ck_assert_ptr_null(response.responses[0].partitions[19].records.external);
        lt_buf_release(&whole);
    }
}
END_TEST

/* No memory for the list of holes: the writer says so at the end. */
START_TEST(holes_without_memory_are_an_error)
{
    struct proto_fetch_response response;
    struct lt_arena tiny;
    int external;

    lt_arena_init(&tiny, 1);
    fetch_with_external_records(&response, 1, &external);
    proto_writer_init(&w, memory, proto_fetch_response_size(&response, 12), &tiny);
    proto_fetch_response_encode(&response, 12, &w);
    ck_assert_int_eq(w.err, LEAT_ENOMEM);
    lt_arena_release(&tiny);
}
END_TEST

/* AbortedTxn, for which there are no golden bytes: four int64, as the transaction index has them behind its version. */
START_TEST(aborted_txn_layout)
{
    struct proto_aborted_txn txn = {1, 2, 3, 4};

    ck_assert_uint_eq(proto_aborted_txn_size(&txn, 0), 32);
    proto_writer_init(&w, memory, 32, NULL);
    proto_aborted_txn_encode(&txn, 0, &w);
    written("0000000000000001 0000000000000002 0000000000000003 0000000000000004");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("wire");
    TCase *reading = tcase_create("reading");
    TCase *writing = tcase_create("writing");

    tcase_add_checked_fixture(reading, setup, teardown);
    tcase_add_test(reading, integers_are_big_endian);
    tcase_add_test(reading, first_failure_sticks);
    tcase_add_test(reading, empty_input_is_readable);
    tcase_add_test(reading, uvarints_have_at_most_five_bytes);
    tcase_add_test(reading, strings_in_both_forms);
    tcase_add_test(reading, compact_strings_end_at_32767);
    tcase_add_test(reading, counts_are_checked_before_memory);
    tcase_add_test(reading, negative_lengths_are_null);
    tcase_add_test(reading, what_kafka_tolerates);
    tcase_add_test(reading, known_tags);
    tcase_add_test(reading, what_kafka_refuses);
    suite_add_tcase(s, reading);
    tcase_add_checked_fixture(writing, setup, teardown);
    tcase_add_test(writing, absent_fields_have_defaults);
    tcase_add_test(writing, forbidden_null_is_written_as_empty);
    tcase_add_test(writing, long_text_is_cut);
    tcase_add_test(writing, external_records_leave_holes);
    tcase_add_test(writing, holes_without_memory_are_an_error);
    tcase_add_test(writing, aborted_txn_layout);
    suite_add_tcase(s, writing);
    return s;
}

int main(void)
{
    return test_main(suite());
}
