/* test_no_memory.c: the n-th allocation fails, for every n of a produce and a fetch: the server answers, or closes that
 * connection, and goes on. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "tests/support/server/server_fixture.h"
#include "tests/support/test_main.h"

static struct test_server server;
static struct test_client client;

static void setup(void)
{
    static const char *const settings[] = {"leat.io.threads=1", NULL};
    static const char *const configs[] = {"leat.durability=memory", NULL};

    test_server_start(&server, settings);
    test_client_open(&client, &server);
    test_create_topic(&client, "t", 1, configs);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(
            test_produce(&client, "t", 0, 1, test_batch_of_size(&client, 20000))->error_code, 0);
    }
}

static void teardown(void)
{
    test_client_close(&client);
    test_server_stop(&server);
}

/* One exchange while the allocations behind the n-th fail. True when the server answered, false when it closed. */
static bool exchange(struct lt_slice frame, int64_t n)
{
    struct test_client other;
    uint8_t bytes[65536];
    size_t have = 0;
    bool answered = false;

    test_client_open(&other, &server);
    /* The connection is there when it has been used once. */
    (void)test_fetch(&other, "t", 0, 0, 1, 0);
    lt_alloc_fail_after(n);
    test_client_send_raw(&other, frame.data, frame.size);
    for (;;) {
        ssize_t got = recv(other.fd, bytes + have, sizeof(bytes) - have, 0);
        if (got <= 0) {
            break;
        }
        have += (size_t)got;
        if (have >= 4 && have == 4 + (size_t)proto_load_u32(bytes)) {
            answered = true;
            break;
        }
        ck_assert_uint_lt(have, sizeof(bytes));
    }
    lt_alloc_fail_never();
    test_client_close(&other);
    return answered;
}

static void check_all(struct lt_slice frame)
{
    int64_t n = 0;
    int refused = 0;

    while (!exchange(frame, n)) {
        refused++;
        n++;
        ck_assert_int_lt(n, 1000);
        ck_assert_int_ge(test_count_records(test_fetch(&client, "t", 0, 0, 1, 0)->records), 3);
    }
    ck_assert_int_gt(refused, 0);
}

START_TEST(produce_survives)
{
    check_all(test_client_frame(
        &client, PROTO_API_PRODUCE, 9,
        test_produce_request(&client, "t", 0, 1, test_batch_of_size(&client, 5000))));
}
END_TEST

/* Long runs: file segments. */
START_TEST(fetch_by_sendfile_survives)
{
    struct proto_fetch_request *request = test_fetch_request(&client, "t", 0, 0, 1, 0);

    request->topics[0].partitions[0].partition_max_bytes = 45000;
    check_all(test_client_frame(&client, PROTO_API_FETCH, 12, request));
}
END_TEST

/* Short ones: copies. */
START_TEST(fetch_by_copy_survives)
{
    ck_assert_int_eq(test_produce(&client, "t", 0, 1, test_batch(&client, "v", 2))->error_code, 0);
    check_all(test_client_frame(&client, PROTO_API_FETCH, 12,
                                test_fetch_request(&client, "t", 0, 3, 1, 0)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("no_memory");
    TCase *tcase = tcase_create("no_memory");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, produce_survives);
    tcase_add_test(tcase, fetch_by_sendfile_survives);
    tcase_add_test(tcase, fetch_by_copy_survives);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
