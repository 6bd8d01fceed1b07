/* Fetch sessions: what goes over the wire with many partitions at rest, what ends a session, and brokers that have none or name topics otherwise. */
#include <check.h>
#include <string.h>

#include "proto/api.h"
#include "proto/errors.h"
#include "tests/support/client/consumer_fixture.h"
#include "tests/support/test_main.h"

#define MANY 1000

static void setup_many(void)
{
    con_setup_many(MANY);
    con_set("fetch.max.wait.ms", "5");
}

/* Wait until the consumer has said what it has to say: a request that names nothing, behind one that was sent from now on. */
static struct fake_fetch settle(void)
{
    struct fake_fetch fetch;

    do {
        fake_broker_await(con.broker, PROTO_API_FETCH,
                          fake_broker_count(con.broker, PROTO_API_FETCH) + 2);
        fake_broker_last_fetch(con.broker, &fetch);
    } while (fetch.named > 0 || fetch.forgotten > 0);
    return fetch;
}

/* "With 1,000 partitions assigned an idle consumer burns a core": an idle fetch is as large as one of a single partition, and a record costs the
 * naming of its own partition. */
START_TEST(idle_fetch_names_no_partition)
{
    struct fake_fetch fetch;
    int polls = 0;

    con_start(LEAT_OFFSET_START);
    fetch = settle();
    ck_assert_int_gt(fetch.session_id, 0);
    ck_assert_int_gt(fetch.session_epoch, 0);
    ck_assert_uint_lt(fetch.size, 100);
    con_append(500, 0, 3, NULL);
    con_read_part(500, 0, 3);
    do {
        fake_broker_await(con.broker, PROTO_API_FETCH,
                          fake_broker_count(con.broker, PROTO_API_FETCH) + 1);
        fake_broker_last_fetch(con.broker, &fetch);
        ck_assert_int_le(fetch.named, 1);
        ck_assert_int_eq(fetch.forgotten, 0);
        ck_assert_uint_lt(fetch.size, 200);
        ck_assert_int_lt(polls++, 1000);
    } while (fetch.named > 0 || polls < 5);
    ck_assert_int_eq(leat_consumer_position(con.consumer, "t", 500), 3);
}
END_TEST

/* A session that the broker no longer has, or has another picture of, begins anew; no record is lost or comes twice, and nobody is told. */
START_TEST(refused_session_begins_anew)
{
    static const int16_t codes[] = {PROTO_ERROR_FETCH_SESSION_ID_NOT_FOUND,
                                    PROTO_ERROR_INVALID_FETCH_SESSION_EPOCH,
                                    PROTO_ERROR_FETCH_SESSION_TOPIC_ID_ERROR};
    struct fake_fetch fetch;

    con_set("max.partition.fetch.bytes", "2000");
    con_rule(PROTO_API_FETCH, 2, 1, FAKE_ERROR_TOP, codes[_i]);
    con_rule(PROTO_API_FETCH, 5, 3, FAKE_ERROR_TOP, codes[_i]);
    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    con_read_up_to(0, CON_RECORDS);
    fetch = settle();
    ck_assert_int_gt(fetch.session_epoch, 0);
}
END_TEST

/* A broker that forgets all sessions (its cache is full, or it was started again) costs one full fetch. */
START_TEST(forgotten_session_begins_anew)
{
    struct fake_fetch before;
    struct fake_fetch after;

    con_start(LEAT_OFFSET_START);
    before = settle();
    fake_broker_sessions(con.broker, true);
    con_append_all(0);
    con_read_up_to(0, CON_RECORDS);
    after = settle();
    ck_assert_int_ne(after.session_id, 0);
    ck_assert_int_ne(after.session_id, before.session_id);
}
END_TEST

/* A broker that keeps no sessions is asked in full each time, and every partition has its turn. */
START_TEST(broker_without_sessions_is_asked_in_full)
{
    struct fake_fetch fetch;

    fake_broker_sessions(con.broker, false);
    con_set("max.partition.fetch.bytes", "2000");
    con_set("fetch.max.bytes", "1000");
    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    con_read_up_to(0, CON_RECORDS);
    fake_broker_await(con.broker, PROTO_API_FETCH,
                      fake_broker_count(con.broker, PROTO_API_FETCH) + 2);
    fake_broker_last_fetch(con.broker, &fetch);
    ck_assert_int_eq(fetch.session_id, 0);
    ck_assert_int_eq(fetch.session_epoch, 0);
    ck_assert_int_eq(fetch.named, 3);
}
END_TEST

static const struct {
    int16_t api_key;
    int16_t most;
    int16_t fetch_version; /* that is to be seen */
} versions[] = {
    {PROTO_API_FETCH, 4, 4},      {PROTO_API_FETCH, 6, 6},   {PROTO_API_FETCH, 7, 7},
    {PROTO_API_FETCH, 11, 11},    {PROTO_API_FETCH, 12, 12}, {PROTO_API_FETCH, 13, 13},
    {PROTO_API_FETCH, 16, 16},    {PROTO_API_FETCH, 0, 18}, /* 0 = as the codec has it */
    {PROTO_API_METADATA, 9, 12},                            /* ids are not known: names */
    {PROTO_API_METADATA, 10, 18},
};

/* Each version of Fetch reads the same records: without session fields, with them, topics by name or by id. */
START_TEST(every_version_reads_the_same)
{
    struct fake_fetch fetch;

    fake_broker_version(con.broker, versions[_i].api_key, versions[_i].most);
    con_set("max.partition.fetch.bytes", "2000");
    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    con_read_up_to(0, CON_RECORDS);
    fake_broker_last_fetch(con.broker, &fetch);
    ck_assert_int_eq(fetch.version, versions[_i].fetch_version);
    ck_assert_int_eq(proto_uuid_is_zero(fetch.topic_id), fetch.version < 13);
}
END_TEST

/* A new assignment begins a new session: what is no longer assigned is not asked for, what is begins where it was told. */
START_TEST(new_assignment_begins_a_new_session)
{
    struct leat_offsets *one = con_list(1, 100);
    struct fake_fetch fetch;

    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    con_read_up_to(0, CON_RECORDS);
    (void)settle();
    ck_assert_int_eq(leat_consumer_assign(con.consumer, one, NULL), 0);
    con_read_part(1, 100, CON_RECORDS - 100);
    (void)settle();
    con_append(0, CON_RECORDS, 5, NULL);
    con_append(1, CON_RECORDS, 5, NULL);
    con_read_part(1, CON_RECORDS, 5);
    fetch = settle();
    ck_assert_int_gt(fetch.session_epoch, 0);
    leat_offsets_free(one);
}
END_TEST

/* Seek names the partition again, also if it comes back to the offset that the session has. */
START_TEST(seek_is_named)
{
    struct leat_offsets *back = con_list(2, 990);

    con_append_all(0);
    con_start(LEAT_OFFSET_START);
    con_read_up_to(0, CON_RECORDS);
    for (int i = 0; i < 3; i++) {
        (void)settle();
        ck_assert_int_eq(leat_consumer_seek(con.consumer, back, NULL), 0);
        con_read_part(2, 990, CON_RECORDS - 990);
    }
    leat_offsets_free(back);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fetch_session");
    TCase *tc = tcase_create("many partitions");

    tcase_add_checked_fixture(tc, setup_many, con_teardown);
    tcase_add_test(tc, idle_fetch_names_no_partition);
    suite_add_tcase(suite, tc);
    tc = tcase_create("sessions");
    tcase_add_checked_fixture(tc, con_setup, con_teardown);
    tcase_add_loop_test(tc, refused_session_begins_anew, 0, 3);
    tcase_add_test(tc, forgotten_session_begins_anew);
    tcase_add_test(tc, broker_without_sessions_is_asked_in_full);
    tcase_add_loop_test(tc, every_version_reads_the_same, 0,
                        (int)(sizeof(versions) / sizeof(versions[0])));
    tcase_add_test(tc, new_assignment_begins_a_new_session);
    tcase_add_test(tc, seek_is_named);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
