/* The null server's answers: decodable, of the right size, and no harm from frames that are none. */
#include <check.h>
#include <stdio.h>

#include "base/alloc.h"
#include "bench/link.h"
#include "bench/null.h"
#include "proto/errors.h"
#include "proto/messages.h"
#include "proto/record_batch.h"
#include "tests/support/test_main.h"

static struct bench_options options;
static struct bench_null null;
static struct lt_buf request;
static struct lt_buf answer;
static struct lt_arena arena;

static void setup(void)
{
    options = (struct bench_options){.record_size = 100,
                                     .batch_size = 1000,
                                     .fetch_size = 10000,
                                     .record_count = 50,
                                     .create_partitions = 2,
                                     .codec = "none"};
    ck_assert_int_eq(bench_null_init(&null, &options), 0);
    (void)snprintf(null.host, sizeof(null.host), "localhost");
    null.port = 9092;
    lt_arena_init(&arena, 0);
}

static void teardown(void)
{
    bench_null_release(&null);
    lt_buf_release(&request);
    lt_buf_release(&answer);
    lt_arena_release(&arena);
}

static int ask(int *ret_pause_ms)
{
    answer.size = 0;
    return bench_null_answer(&null, lt_slice(request.data + 4, request.size - 4), &answer,
                             ret_pause_ms);
}

static void decode(int16_t api_key, int16_t version, void *ret)
{
    struct proto_reader r;
    ck_assert_uint_eq(proto_load_u32(answer.data), answer.size - 4);
    proto_reader_init(&r, lt_slice(answer.data + 8, answer.size - 8));
    ck_assert_int_eq(proto_api_find(api_key)->response.decode(&r, version, &arena, ret), 0);
}

static int fetch(int64_t offset, struct proto_fetch_response *ret, int *ret_pause_ms)
{
    struct proto_fetch_request_partition partition;
    struct proto_fetch_request_topic topic;
    struct proto_fetch_request in;
    proto_fetch_request_partition_init(&partition);
    partition.fetch_offset = offset;
    partition.partition_max_bytes = 5000;
    proto_fetch_request_topic_init(&topic);
    topic.topic = lt_slice_text("any");
    topic.partitions = &partition;
    topic.partitions_count = 1;
    proto_fetch_request_init(&in);
    in.max_wait_ms = 123;
    in.topics = &topic;
    in.topics_count = 1;
    request.size = 0;
    ck_assert_int_eq(bench_link_encode(PROTO_API_FETCH, BENCH_FETCH_VERSION, &in, &request), 0);
    int err = ask(ret_pause_ms);
    if (err == 0) {
        decode(PROTO_API_FETCH, BENCH_FETCH_VERSION, ret);
    }
    return err;
}

/* From any offset on whole, sound batches come that hold it, up to the end; there the answer waits. */
START_TEST(fetches_walk_the_log)
{
    int64_t offset = 3;
    int pause_ms = 0;
    while (offset < null.end) {
        struct proto_fetch_response out;
        ck_assert_int_eq(fetch(offset, &out, &pause_ms), 0);
        ck_assert_int_eq(pause_ms, 0);
        struct proto_records records = out.responses[0].partitions[0].records;
        ck_assert_uint_gt(records.size, 0);
        ck_assert_uint_le(records.size, 5000);
        for (size_t at = 0; at < records.size;) {
            struct proto_batch_header header;
            ck_assert_int_eq(proto_batch_read(records.data + at, records.size - at, &header), 0);
            ck_assert_int_le(header.base_offset, offset);
            offset = proto_batch_header_last_offset(&header) + 1;
            at += proto_batch_header_total(&header);
        }
    }
    ck_assert_int_ge(null.end, 50);
    ck_assert_int_eq(offset, null.end);
    struct proto_fetch_response out;
    ck_assert_int_eq(fetch(offset, &out, &pause_ms), 0);
    ck_assert_int_eq(pause_ms, 123);
    ck_assert_int_eq(out.responses[0].partitions[0].error_code, 0);
    ck_assert_int_eq(fetch(offset + 1, &out, &pause_ms), 0);
    ck_assert_int_eq(out.responses[0].partitions[0].error_code, PROTO_ERROR_OFFSET_OUT_OF_RANGE);
}
END_TEST

/* A version of ApiVersions that nobody knows is answered in version 0, as by every broker. */
START_TEST(unknown_version_of_versions_is_answered)
{
    struct proto_api_versions_request in;
    struct proto_api_versions_response out;
    int pause_ms;
    proto_api_versions_request_init(&in);
    ck_assert_int_eq(bench_link_encode(PROTO_API_API_VERSIONS, 0, &in, &request), 0);
    proto_store_u16(request.data + 6, 99);
    ck_assert_int_eq(lt_buf_append(&request, "", 1), 0); /* its header has tagged fields: none */
    ck_assert_int_eq(ask(&pause_ms), 0);
    decode(PROTO_API_API_VERSIONS, 0, &out);
    ck_assert_int_eq(out.error_code, PROTO_ERROR_UNSUPPORTED_VERSION);
    ck_assert_int_gt(out.api_keys_count, 5);
}
END_TEST

/* What is no request, or none that is served, closes the connection. */
START_TEST(other_frames_are_refused)
{
    int pause_ms;
    struct proto_fetch_response out;
    ck_assert_int_eq(fetch(0, &out, &pause_ms), 0);
    struct lt_slice frame = lt_slice(request.data + 4, request.size - 4);
    for (size_t size = 0; size < frame.size; size++) {
        ck_assert_int_lt(bench_null_answer(&null, lt_slice(frame.data, size), &answer, &pause_ms),
                         0);
    }
    proto_store_u16(request.data + 6, 12); /* a version that is not advertised */
    ck_assert_int_lt(ask(&pause_ms), 0);
    proto_store_u16(request.data + 4, 9999);
    ck_assert_int_lt(ask(&pause_ms), 0);
}
END_TEST

/* Each allocation may fail: an error, and the same request is answered afterwards. */
START_TEST(short_memory_is_an_error)
{
    struct bench_null other;
    int err = LEAT_ENOMEM;
    for (int64_t n = 0; err != 0; n++) {
        lt_alloc_fail_after(n);
        err = bench_null_init(&other, &options);
        lt_alloc_fail_never();
        bench_null_release(&other);
        ck_assert(err == 0 || err == LEAT_ENOMEM);
    }
    struct proto_fetch_response out;
    int pause_ms;
    ck_assert_int_eq(fetch(0, &out, &pause_ms), 0);
    err = LEAT_ENOMEM;
    for (int64_t n = 0; err != 0; n++) {
        lt_buf_release(&answer);
        lt_alloc_fail_after(n);
        err = ask(&pause_ms);
        lt_alloc_fail_never();
        ck_assert(err == 0 || err == LEAT_ENOMEM);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("null");
    TCase *tc = tcase_create("answers");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, fetches_walk_the_log);
    tcase_add_test(tc, unknown_version_of_versions_is_answered);
    tcase_add_test(tc, other_frames_are_refused);
    tcase_add_test(tc, short_memory_is_an_error);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
