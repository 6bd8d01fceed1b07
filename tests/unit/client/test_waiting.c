/* Calls that wait: they end when they said, and waiting costs nothing. */
#include <check.h>
#include <stdatomic.h>
#include <sys/epoll.h>

#include "proto/api.h"
#include "tests/support/client/producer_fixture.h"
#include "tests/support/test_main.h"

#define TURNS_MAX 300 /* of the loop, while METADATA_COUNT answers come and nothing else */
#define METADATA_COUNT 8

static _Atomic int turns; /* how often a loop of this process looked for events */
static struct leat_consumer *consumer;

/* Instead of libc's, for libevent. */
LEAT_API int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)
{
    turns++;
    return epoll_pwait(epfd, events, maxevents, timeout, NULL);
}

static void rule(int16_t api_key, int skip, int count, enum fake_action action, int16_t code)
{
    const struct fake_rule fresh = {api_key, skip, count, action, code};

    fake_broker_rule(fix.broker, &fresh);
}

static void assign(const char *topic, int32_t partition)
{
    struct leat_offsets *parts = leat_offsets_new();

    ck_assert_int_eq(leat_offsets_add(parts, topic, partition, 0), 0);
    ck_assert_int_eq(leat_consumer_new(fix.client, NULL, &consumer, NULL), 0);
    ck_assert_int_eq(leat_consumer_assign(consumer, parts, NULL), 0);
    leat_offsets_free(parts);
}

/* A topic or partition that is not there is asked for with pauses between, and the loop sleeps in them. */
START_TEST(unknown_partition_costs_nothing)
{
    fix_start();
    assign(_i == 0 ? "unknown" : "t", 99);
    fake_broker_await(fix.broker, PROTO_API_METADATA, METADATA_COUNT);
    ck_assert_int_gt(turns, 0);
    ck_assert_int_lt(turns, TURNS_MAX);
    leat_consumer_free(consumer);
}
END_TEST

/* A broker that says hello and nothing more. */
START_TEST(silent_broker_costs_nothing)
{
    rule(PROTO_API_METADATA, 0, -1, FAKE_SILENCE, 0);
    fix_start();
    ck_assert_int_eq(leat_client_connect(fix.client, 300, NULL), LEAT_ETIMEDOUT);
    ck_assert_int_lt(turns, TURNS_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("waiting");
    TCase *tc = tcase_create("waiting");

    tcase_add_checked_fixture(tc, fix_setup, fix_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, unknown_partition_costs_nothing, 0, 2);
    tcase_add_test(tc, silent_broker_costs_nothing);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
