/* Headers in both generations, and the table of APIs that tells them apart. */
#include "leat/err.h"
#include "proto/header.h"
#include "tests/support/hex.h"
#include "tests/support/test_main.h"

static struct lt_buf input;
static struct proto_reader r;
static uint8_t memory[64];

static void setup(void)
{
    lt_buf_init(&input);
}

static void teardown(void)
{
    lt_buf_release(&input);
}

static void given(const char *hex)
{
    input.size = 0;
    test_hex_append(&input, hex);
    proto_reader_init(&r, lt_buf_slice(&input));
}

static int read_request(const char *hex,
                        struct proto_request_header *ret_header,
                        const struct proto_api **ret_api)
{
    given(hex);
    return proto_request_header_decode(&r, ret_header, ret_api);
}

/* Version 1 ends with the client id, version 2 with tags; the client id keeps its old form in both. */
START_TEST(request_headers_of_both_generations)
{
    struct proto_request_header header;
    const struct proto_api *api;

    ck_assert_int_eq(read_request("0003 0004 00000007 0002 6364 ee", &header, &api), 0);
    ck_assert_int_eq(api->key, PROTO_API_METADATA);
    ck_assert_int_eq(header.api_version, 4);
    ck_assert_int_eq(header.correlation_id, 7);
    ck_assert(lt_slice_is(header.client_id, "cd"));
    ck_assert_uint_eq(proto_reader_remaining(&r), 1);

    ck_assert_int_eq(read_request("0003 0009 00000008 ffff 01 63 02 0000 ee", &header, &api), 0);
    ck_assert_ptr_null(header.client_id.data);
    ck_assert_uint_eq(proto_reader_remaining(&r), 1);
}
END_TEST

/* An ApiVersions request that is too new has a readable header; other unknown versions and keys have not. */
START_TEST(unknown_versions_and_keys)
{
    struct proto_request_header header;
    const struct proto_api *api;

    ck_assert_int_eq(read_request("0012 0063 00000009 0001 61 00", &header, &api), 0);
    ck_assert(!proto_api_serves(api, header.api_version));
    ck_assert_int_eq(read_request("0000 0002 00000001 ffff", &header, &api), LEAT_EUNSUPPORTED);
    ck_assert_int_eq(header.api_version, 2);
    ck_assert_int_eq(read_request("0004 0000 00000001 ffff", &header, &api), LEAT_EUNSUPPORTED);
    ck_assert_int_eq(read_request("7fff 0000 00000001 ffff", &header, &api), LEAT_EUNSUPPORTED);
    ck_assert_int_eq(read_request("ffff ffff 00000001 ffff", &header, &api), LEAT_EUNSUPPORTED);
    ck_assert_int_eq(header.api_key, -1);
}
END_TEST

/* A frame that ends inside the header is malformed. */
START_TEST(short_headers_are_malformed)
{
    static const char whole[] = "0003000900000008000161010500";
    struct proto_request_header header;
    const struct proto_api *api;

    ck_assert_int_eq(read_request(whole, &header, &api), 0);
    for (size_t size = 0; size < sizeof(whole) - 1; size += 2) {
        char cut[sizeof(whole)];
        memcpy(cut, whole, size);
        cut[size] = '\0';
        ck_assert_int_eq(read_request(cut, &header, &api), LEAT_EPROTOCOL);
    }
}
END_TEST

/* What the client writes, the server reads, in both generations. */
START_TEST(written_request_headers_are_read_back)
{
    for (int16_t version = 8; version <= 9; version++) {
        struct proto_request_header in = {PROTO_API_METADATA, version, -5, lt_slice_text("client")};
        struct proto_request_header out;
        const struct proto_api *api;
        struct proto_writer w;
        size_t size = proto_request_header_size(&in);

        proto_writer_init(&w, memory, size, NULL);
        proto_request_header_encode(&in, &w);
        ck_assert_uint_eq(proto_writer_size(&w), size);
        proto_reader_init(&r, lt_slice(memory, size));
        ck_assert_int_eq(proto_request_header_decode(&r, &out, &api), 0);
        ck_assert_uint_eq(proto_reader_remaining(&r), 0);
        ck_assert_int_eq(out.correlation_id, -5);
        ck_assert(lt_slice_is(out.client_id, "client"));
    }
}
END_TEST

/* Responses of flexible versions carry tags behind the correlation id, those of ApiVersions never. */
START_TEST(response_headers)
{
    static const struct {
        int16_t key;
        int16_t version;
        size_t size;
    } cases[] = {{PROTO_API_METADATA, 8, 4},        {PROTO_API_METADATA, 9, 5},
                 {PROTO_API_API_VERSIONS, 2, 4},    {PROTO_API_API_VERSIONS, 4, 4},
                 {PROTO_API_SASL_HANDSHAKE, 1, 4},  {PROTO_API_OFFSET_DELETE, 0, 4},
                 {PROTO_API_DESCRIBE_CLUSTER, 0, 5}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct proto_api *api = proto_api_find(cases[i].key);
        struct proto_writer w;
        int32_t correlation_id;

        ck_assert_uint_eq(proto_response_header_size(api, cases[i].version), cases[i].size);
        proto_writer_init(&w, memory, cases[i].size, NULL);
        proto_response_header_encode(api, cases[i].version, 0x01020304, &w);
        ck_assert_uint_eq(proto_writer_size(&w), cases[i].size);
        proto_reader_init(&r, lt_slice(memory, cases[i].size));
        ck_assert_int_eq(proto_response_header_decode(&r, api, cases[i].version, &correlation_id),
                         0);
        ck_assert_int_eq(correlation_id, 0x01020304);
        ck_assert_uint_eq(proto_reader_remaining(&r), 0);
    }
    given("0000");
    int32_t untouched = 5;
    ck_assert_int_eq(proto_response_header_decode(&r, proto_api_find(3), 0, &untouched),
                     LEAT_EPROTOCOL);
    ck_assert_int_eq(untouched, 5);
}
END_TEST

/* The rows are in the order of their keys and found by them; what is advertised is what Kafka 4.3.1 advertises. */
START_TEST(table_of_apis)
{
    int16_t last = -1;

    ck_assert_uint_eq(proto_api_count, 70);
    for (size_t i = 0; i < proto_api_count; i++) {
        ck_assert_int_gt(proto_apis[i].key, last);
        last = proto_apis[i].key;
        ck_assert_ptr_eq(proto_api_find(last), &proto_apis[i]);
        ck_assert_int_le(proto_apis[i].served_min, proto_apis[i].served_max);
    }
    const struct proto_api *produce = proto_api_find(PROTO_API_PRODUCE);
    ck_assert_int_eq(produce->advertised_min, 0);
    ck_assert_int_eq(produce->served_min, 3);
    ck_assert_int_eq(produce->served_max, 13);
    const struct proto_api *telemetry = proto_api_find(PROTO_API_PUSH_TELEMETRY);
    ck_assert_int_gt(telemetry->advertised_min, telemetry->advertised_max);
    ck_assert_int_eq(proto_api_find(PROTO_API_LIST_OFFSETS)->advertised_min, 0);
    ck_assert_int_eq(proto_api_find(PROTO_API_INIT_PRODUCER_ID)->advertised_max, 5);
    ck_assert_int_eq(proto_api_find(PROTO_API_SASL_HANDSHAKE)->flexible_min, INT16_MAX);
    ck_assert_str_eq(proto_api_find(PROTO_API_OFFSET_FOR_LEADER_EPOCH)->name,
                     "OffsetForLeaderEpoch");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("header");
    TCase *tc = tcase_create("header");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, request_headers_of_both_generations);
    tcase_add_test(tc, unknown_versions_and_keys);
    tcase_add_test(tc, short_headers_are_malformed);
    tcase_add_test(tc, written_request_headers_are_read_back);
    tcase_add_test(tc, response_headers);
    tcase_add_test(tc, table_of_apis);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return test_main(suite());
}
