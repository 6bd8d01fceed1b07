/* The C API with NULL and nonsense everywhere: an error code, no crash, outputs untouched. */
#include <check.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <leat/leat.h>

#include "base/alloc.h"
#include "tests/support/test_main.h"

/* No client, no place for the result. */
START_TEST(client_calls_refuse_null)
{
    struct leat_client *client = NULL;
    struct leat_error *err = NULL;
    struct leat_conf *topic = leat_conf_new_topic();

    ck_assert_int_eq(leat_client_new(NULL, NULL, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_client_new(topic, &client, &err), LEAT_EINVAL);
    ck_assert_int_eq(leat_client_new_on_base(NULL, NULL, &client, &err), LEAT_EINVAL);
    ck_assert_int_eq(leat_error_code(err), LEAT_EINVAL);
    leat_error_free(err);
    ck_assert_ptr_null(client);
    ck_assert_int_eq(leat_client_connect(NULL, 1, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_client_event_fd(NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_client_dispatch(NULL, 0), LEAT_EINVAL);
    ck_assert_int_eq(leat_client_partition_count(NULL, "t", 0), LEAT_EINVAL);
    ck_assert_ptr_null(leat_client_ref(NULL));
    leat_client_unref(NULL);
    leat_conf_free(topic);
}
END_TEST

/* Addresses that are none. */
START_TEST(bad_addresses_are_refused)
{
    static const char *const bad[] = {":9092",  "host:", "host:0", "host:70000",
                                      "host:x", "[::1",  "a:1,b:y"};
    struct leat_client *client = NULL;
    struct leat_conf *conf = leat_conf_new();
    struct leat_error *err = NULL;

    ck_assert_int_eq(leat_conf_set(conf, "bootstrap.servers", bad[_i], NULL), 0);
    ck_assert_int_eq(leat_client_new(conf, &client, &err), LEAT_ECONFIG);
    ck_assert_ptr_null(client);
    leat_error_free(err);
    leat_conf_free(conf);
}
END_TEST

/* Addresses in every form that is written somewhere. */
START_TEST(good_addresses_are_taken)
{
    static const char *const good[] = {"host",        "host:1",          "[::1]:9092",  "::1",
                                       "kafka://h:1", "PLAINTEXT://h:1", " a:1 , b:2 ", "a:1,"};
    struct leat_client *client = NULL;
    struct leat_conf *conf = leat_conf_new();

    ck_assert_int_eq(leat_conf_set(conf, "bootstrap.servers", good[_i], NULL), 0);
    ck_assert_int_eq(leat_client_new(conf, &client, NULL), 0);
    leat_client_unref(client);
    leat_conf_free(conf);
}
END_TEST

/* Producer and consumer calls without their object. */
START_TEST(producer_and_consumer_calls_refuse_null)
{
    struct leat_record *rec = leat_record_new();
    struct leat_batch *batch = NULL;

    ck_assert_int_eq(leat_producer_new(NULL, NULL, NULL, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_send(NULL, rec, NULL, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_send_sync(NULL, rec, 0, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_producer_flush(NULL, 0), LEAT_EINVAL);
    ck_assert_uint_eq(leat_producer_pending(NULL), 0);
    leat_producer_free(NULL);
    ck_assert_int_eq(leat_delivery_code(NULL), LEAT_EINVAL);
    ck_assert_str_eq(leat_delivery_message(NULL), "");
    ck_assert_ptr_null(leat_delivery_record(NULL));
    ck_assert_int_eq(leat_consumer_new(NULL, NULL, NULL, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_consumer_assign(NULL, NULL, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_consumer_poll(NULL, 0, &batch, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_consumer_seek(NULL, NULL, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_consumer_seek_time(NULL, 0, 0, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_consumer_position(NULL, "t", 0), LEAT_EINVAL);
    ck_assert_int_eq(leat_consumer_lag(NULL, "t", 0), LEAT_EINVAL);
    ck_assert_int_eq(leat_consumer_close(NULL, 0, NULL), LEAT_EINVAL);
    leat_consumer_wakeup(NULL);
    leat_consumer_free(NULL);
    ck_assert_uint_eq(leat_batch_count(NULL), 0);
    ck_assert_ptr_null(leat_batch_at(NULL, 0));
    ck_assert_ptr_null(leat_batch_ref(NULL));
    leat_batch_unref(NULL);
    leat_record_free(rec);
}
END_TEST

/* Arguments out of their ranges, on objects that exist but reach nobody. */
START_TEST(nonsense_is_refused)
{
    struct leat_conf *conf = leat_conf_new();
    struct leat_conf *topic = leat_conf_new_topic();
    struct leat_client *client = NULL;
    struct leat_producer *producer = NULL;
    struct leat_consumer *consumer = NULL;
    struct leat_offsets *list = leat_offsets_new();
    struct leat_offsets *answer = NULL;
    struct leat_record *rec = leat_record_new();
    struct leat_result *rows = NULL;
    struct leat_batch *batch = NULL;

    ck_assert_int_eq(leat_conf_set(conf, "bootstrap.servers", "127.0.0.1:1", NULL), 0);
    ck_assert_int_eq(leat_client_new(conf, &client, NULL), 0);
    ck_assert_int_eq(leat_producer_new(client, topic, &producer, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_producer_new(client, NULL, &producer, NULL), 0);
    ck_assert_int_eq(leat_consumer_new(client, topic, &consumer, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_consumer_new(client, NULL, &consumer, NULL), 0);
    ck_assert_int_eq(leat_client_event_fd(client), LEAT_EUNSUPPORTED);
    ck_assert_int_eq(leat_client_dispatch(client, 0), LEAT_EUNSUPPORTED);
    ck_assert_int_eq(leat_send(producer, rec, NULL, NULL), LEAT_EINVAL); /* no topic */
    ck_assert_int_eq(leat_consumer_poll(consumer, 0, NULL, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_consumer_poll(consumer, 0, &batch, NULL), 0);
    ck_assert_int_eq(leat_consumer_seek_time(consumer, -5, 0, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_consumer_position(consumer, NULL, 0), LEAT_EINVAL);
    ck_assert_int_eq(leat_offsets_add(list, "t", 0, -77), 0);
    ck_assert_int_eq(leat_consumer_assign(consumer, list, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_list_offsets(client, list, 0, &answer, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_delete_records(client, list, 0, &answer, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_list_offsets(client, NULL, 0, &answer, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_create_topic(client, "", 1, NULL, 0, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_create_topic(client, "t", 0, NULL, 0, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_create_topic(client, "t", 1, conf, 0, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_conf_set(topic, "replication.factor", "many", NULL), 0);
    ck_assert_int_eq(leat_create_topic(client, "t", 1, topic, 0, NULL), LEAT_ECONFIG);
    ck_assert_int_eq(leat_add_partitions(client, "t", 0, 0, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_delete_topic(client, NULL, 0, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_describe_topic(client, "t", 0, NULL, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_get_configs(client, "orders", 0, &rows, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_get_configs(client, "broker:x", 0, &rows, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_get_configs(client, "topic:", 0, &rows, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_alter_configs(client, "topic:t", conf, 0, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_alter_configs(client, "topic:t", NULL, 0, NULL), LEAT_EINVAL);
    ck_assert_ptr_null(rows);
    ck_assert_ptr_null(answer);
    /* In this order nothing hangs either. */
    leat_client_unref(client);
    leat_consumer_free(consumer);
    leat_producer_free(producer);
    leat_record_free(rec);
    leat_offsets_free(list);
    leat_conf_free(topic);
    leat_conf_free(conf);
}
END_TEST

/* Admin calls that reach nobody end in time and say why. */
START_TEST(admin_calls_end_in_time)
{
    struct leat_conf *conf = leat_conf_new();
    struct leat_client *client = NULL;
    struct leat_offsets *list = leat_offsets_new();
    struct leat_offsets *answer = NULL;
    struct leat_result *rows = NULL;
    struct leat_error *err = NULL;

    ck_assert_int_eq(leat_conf_set(conf, "bootstrap.servers", "no-such-host.invalid:1", NULL), 0);
    ck_assert_int_eq(leat_client_new(conf, &client, NULL), 0);
    ck_assert_int_lt(leat_list_topics(client, 100, &rows, &err), 0);
    leat_error_free(err);
    ck_assert_int_eq(leat_offsets_add(list, "t", 0, LEAT_OFFSET_END), 0);
    err = NULL;
    ck_assert_int_lt(leat_list_offsets(client, list, 100, &answer, &err), 0);
    leat_error_free(err);
    ck_assert_int_lt(leat_list_topics(client, 0, &rows, NULL), 0);
    ck_assert_ptr_null(rows);
    leat_offsets_free(list);
    leat_client_unref(client);
    leat_conf_free(conf);
}
END_TEST

/* Version text and number agree. */
START_TEST(version_is_consistent)
{
    char text[32];

    snprintf(text, sizeof(text), "%d.%d.%d", LEAT_VERSION_MAJOR, LEAT_VERSION_MINOR,
             LEAT_VERSION_PATCH);
    ck_assert_str_eq(leat_version(), text);
    ck_assert_int_eq(leat_version_number(),
                     LEAT_VERSION_MAJOR * 10000 + LEAT_VERSION_MINOR * 100 + LEAT_VERSION_PATCH);
}
END_TEST

/* Objects are whole or not made, wherever memory ends. (The thread allocates too, so only the making is counted.) */
START_TEST(making_survives_every_failed_allocation)
{
    struct leat_conf *conf = NULL;
    struct leat_offsets *list = NULL;

    for (int64_t n = 0; conf == NULL || list == NULL; n++) {
        lt_alloc_fail_after(n);
        leat_conf_free(conf);
        leat_offsets_free(list);
        conf = leat_conf_new();
        list = leat_offsets_new();
        lt_alloc_fail_never();
        ck_assert_int_lt((int)n, 10);
    }
    leat_conf_free(conf);
    leat_offsets_free(list);
}
END_TEST

/* The client's thread closes its descriptors in its own time. */
static void wait_for_descriptor(int lowest)
{
    for (int waited_ms = 0; waited_ms < 10000; waited_ms++) {
        int fd = dup(0);
        ck_assert_int_ge(fd, 0);
        (void)close(fd);
        if (fd == lowest) {
            return;
        }
        (void)poll(NULL, 0, 1);
    }
    ck_abort_msg("descriptor %d is not free again", lowest);
}

/* With so few descriptors left the client is refused with the reason, or made; the process goes on and nothing is left open. First
 * of all tests, while no other client's thread closes descriptors. */
START_TEST(missing_descriptors_are_told)
{
    struct rlimit limit;
    rlim_t before;
    struct leat_client *client = NULL;
    struct leat_error *err = NULL;
    int next = dup(0);
    int code;

    ck_assert_int_ge(next, 0);
    (void)close(next);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    before = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)next + (rlim_t)_i;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    code = leat_client_new(NULL, &client, &err);
    if (_i < 5) {
        ck_assert_int_eq(code, LEAT_EIO);
        ck_assert_ptr_nonnull(strstr(leat_error_message(err), "no descriptor for the client"));
        ck_assert_int_eq(dup(0), _i == 0 ? -1 : next);
        (void)close(next); /* _i == 0: it is not open */
    } else {
        ck_assert_int_eq(code, 0);
    }
    leat_error_free(err);
    leat_client_unref(client);
    limit.rlim_cur = before; /* the address sanitizer needs some to look for leaks */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    wait_for_descriptor(next);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api");
    TCase *tc = tcase_create("nonsense");

    tcase_add_loop_test(tc, missing_descriptors_are_told, 0, 7);
    tcase_add_test(tc, client_calls_refuse_null);
    tcase_add_loop_test(tc, bad_addresses_are_refused, 0, 7);
    tcase_add_loop_test(tc, good_addresses_are_taken, 0, 8);
    tcase_add_test(tc, producer_and_consumer_calls_refuse_null);
    tcase_add_test(tc, nonsense_is_refused);
    tcase_add_test(tc, admin_calls_end_in_time);
    tcase_add_test(tc, version_is_consistent);
    tcase_add_test(tc, making_survives_every_failed_allocation);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
