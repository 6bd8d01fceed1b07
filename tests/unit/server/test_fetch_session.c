/* test_fetch_session.c: the rules of KIP-227, one by one, on a clock that stands still. */
#include "server/fetch_session.h"

#include <check.h>
#include <stdio.h>

#include "base/alloc.h"
#include "proto/errors.h"
#include "tests/support/test_main.h"

#define VERSION 12
#define SLOTS 3

static struct lt_clock_fake fake;
static struct srv_fetch_sessions *sessions;
static struct lt_arena arena;

static void setup(void)
{
    lt_clock_fake_init(&fake, 1700000000000);
    ck_assert_int_eq(srv_fetch_sessions_new(&fake.clock, &sessions), 0);
    lt_arena_init(&arena, 0);
}

static void teardown(void)
{
    srv_fetch_sessions_free(sessions);
    lt_arena_release(&arena);
}

/* A request for partitions `first` to `first + count - 1` of "t", each at offset = its number. */
static struct proto_fetch_request *request(int32_t id, int32_t epoch, int32_t first, int count)
{
    struct proto_fetch_request *in = lt_arena_calloc(&arena, 1, sizeof(*in));

    proto_fetch_request_init(in);
    in->session_id = id;
    in->session_epoch = epoch;
    in->topics_count = count == 0 ? 0 : 1;
    in->topics = lt_arena_calloc(&arena, 1, sizeof(*in->topics));
    in->topics[0].topic = lt_slice_text("t");
    in->topics[0].partitions =
        lt_arena_calloc(&arena, (size_t)count, sizeof(*in->topics[0].partitions));
    in->topics[0].partitions_count = count;
    for (int i = 0; i < count; i++) {
        proto_fetch_request_partition_init(&in->topics[0].partitions[i]);
        in->topics[0].partitions[i].partition = first + i;
        in->topics[0].partitions[i].fetch_offset = first + i;
    }
    return in;
}

static struct srv_fetch_view resolve(const struct proto_fetch_request *in)
{
    struct srv_fetch_view view;

    ck_assert_int_eq(srv_fetch_sessions_resolve(sessions, in, VERSION, &arena, &view), 0);
    return view;
}

static int32_t begin(int count)
{
    struct srv_fetch_view view = resolve(request(0, 0, 0, count));

    ck_assert(view.wants_session);
    return srv_fetch_sessions_begin(sessions, SLOTS, &view);
}

START_TEST(a_sessionless_fetch_makes_none)
{
    struct srv_fetch_view view = resolve(request(0, -1, 0, 2));

    ck_assert(!view.wants_session);
    ck_assert_ptr_null(view.session);
    ck_assert_uint_eq(view.count, 2);
    ck_assert_uint_eq(srv_fetch_sessions_count(sessions), 0);
}
END_TEST

START_TEST(epochs_count_from_1)
{
    int32_t id = begin(2);

    ck_assert_int_gt(id, 0);
    for (int32_t epoch = 1; epoch <= 3; epoch++) {
        struct srv_fetch_view view = resolve(request(id, epoch, 0, 0));
        ck_assert_int_eq(view.error, 0);
        ck_assert_int_eq(view.session_id, id);
        ck_assert_uint_eq(view.count, 2);
        srv_fetch_session_unref(view.session);
    }
    ck_assert_int_eq(resolve(request(id, 3, 0, 0)).error, PROTO_ERROR_INVALID_FETCH_SESSION_EPOCH);
    /* A wrong epoch changes nothing: the right one still works. */
    struct srv_fetch_view view = resolve(request(id, 4, 0, 0));
    ck_assert_int_eq(view.error, 0);
    srv_fetch_session_unref(view.session);
}
END_TEST

START_TEST(listed_partitions_are_added_or_updated)
{
    int32_t id = begin(2);
    struct proto_fetch_request *in = request(id, 1, 1, 2); /* 1 again, 2 new */

    in->topics[0].partitions[0].fetch_offset = 77;
    in->topics[0].partitions[0].current_leader_epoch = 5;
    struct srv_fetch_view view = resolve(in);
    ck_assert_uint_eq(view.count, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(view.partitions[i].number, i);
    }
    ck_assert_int_eq(view.partitions[1].offset, 77);
    ck_assert_int_eq(view.partitions[1].leader_epoch, 5);
    srv_fetch_session_unref(view.session);
}
END_TEST

START_TEST(forgotten_partitions_leave)
{
    int32_t id = begin(3);
    struct proto_fetch_request *in = request(id, 1, 0, 0);
    struct proto_fetch_request_forgotten_topic forgotten;
    int32_t gone[] = {0, 2, 9};

    proto_fetch_request_forgotten_topic_init(&forgotten);
    forgotten.topic = lt_slice_text("t");
    forgotten.partitions = gone;
    forgotten.partitions_count = 3;
    in->forgotten_topics_data = &forgotten;
    in->forgotten_topics_data_count = 1;
    struct srv_fetch_view view = resolve(in);
    ck_assert_uint_eq(view.count, 1);
    ck_assert_int_eq(view.partitions[0].number, 1);
    srv_fetch_session_unref(view.session);

    /* The last one leaves: the session ends, and the answer says session id 0. */
    in->session_epoch = 2;
    gone[0] = 1;
    view = resolve(in);
    ck_assert_uint_eq(view.count, 0);
    ck_assert_int_eq(view.error, 0);
    ck_assert_int_eq(view.session_id, 0);
    ck_assert_uint_eq(srv_fetch_sessions_count(sessions), 0);
}
END_TEST

/* Who had records goes to the end of the line; what was told is remembered. */
START_TEST(what_was_told_is_remembered)
{
    int32_t id = begin(3);
    struct srv_fetch_view view = resolve(request(id, 1, 0, 0));

    view.partitions[0].sent_high_watermark = 10;
    view.partitions[0].sent_log_start = 3;
    srv_fetch_session_told(view.session, &view.partitions[0], true);
    srv_fetch_session_unref(view.session);
    view = resolve(request(id, 2, 0, 0));
    ck_assert_int_eq(view.partitions[0].number, 1);
    ck_assert_int_eq(view.partitions[2].number, 0);
    ck_assert_int_eq(view.partitions[2].sent_high_watermark, 10);
    ck_assert_int_eq(view.partitions[2].sent_log_start, 3);
    ck_assert_int_eq(view.partitions[0].sent_high_watermark, -1);
    srv_fetch_session_unref(view.session);
}
END_TEST

/* A full fetch ends the session that it names; one that is not known does no harm. */
START_TEST(a_full_fetch_ends_its_session)
{
    int32_t id = begin(1);

    ck_assert_int_eq(resolve(request(id, -1, 0, 1)).error, 0);
    ck_assert_uint_eq(srv_fetch_sessions_count(sessions), 0);
    ck_assert_int_eq(resolve(request(id, 0, 0, 1)).error, 0);
    ck_assert_int_eq(resolve(request(id, 1, 0, 1)).error, PROTO_ERROR_FETCH_SESSION_ID_NOT_FOUND);
}
END_TEST

START_TEST(names_and_ids_do_not_mix)
{
    int32_t id = begin(1);
    struct srv_fetch_view view;

    ck_assert_int_eq(srv_fetch_sessions_resolve(sessions, request(id, 1, 0, 1), 13, &arena, &view),
                     0);
    ck_assert_int_eq(view.error, PROTO_ERROR_FETCH_SESSION_TOPIC_ID_ERROR);
}
END_TEST

/* With all slots taken nobody is thrown out who was there in the last two minutes, unless for a larger session. */
START_TEST(slots_are_given_up_by_the_idle_and_the_small)
{
    int32_t ids[SLOTS];

    for (int i = 0; i < SLOTS; i++) {
        ids[i] = begin(i + 1);
        ck_assert_int_gt(ids[i], 0);
    }
    ck_assert_int_eq(begin(50), 0);
    lt_clock_fake_advance(&fake, SRV_FETCH_SESSION_IDLE_MS + 1);
    for (int i = 0; i < SLOTS; i++) {
        if (i != 1) {
            srv_fetch_session_unref(resolve(request(ids[i], 1, 0, 0)).session);
        }
    }
    ck_assert_int_gt(begin(1), 0); /* takes the idle one's place */
    ck_assert_int_eq(resolve(request(ids[1], 1, 0, 0)).error,
                     PROTO_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    ck_assert_int_eq(begin(1), 0); /* the smallest old one is as small */
    ck_assert_int_gt(begin(2), 0); /* takes the place of that one */
    ck_assert_int_eq(resolve(request(ids[0], 2, 0, 0)).error,
                     PROTO_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    ck_assert_uint_eq(srv_fetch_sessions_count(sessions), SLOTS);
}
END_TEST

/* No memory at any place: an error or no session, and nothing is lost. */
START_TEST(every_allocation_may_fail)
{
    bool failed = true;

    for (int64_t n = 0; failed; n++) {
        struct srv_fetch_view view;
        struct proto_fetch_request *full = request(0, 0, 0, 3);
        struct proto_fetch_request *more = request(0, 1, 3, 2);
        lt_alloc_fail_after(n);
        int err = srv_fetch_sessions_resolve(sessions, full, VERSION, &arena, &view);
        int32_t id = err == 0 ? srv_fetch_sessions_begin(sessions, SLOTS, &view) : 0;
        more->session_id = id;
        if (id != 0 && srv_fetch_sessions_resolve(sessions, more, VERSION, &arena, &view) == 0) {
            srv_fetch_session_unref(view.session);
        }
        failed = lt_alloc_failed();
        lt_alloc_fail_never();
        (void)resolve(request(id, -1, 0, 1)); /* ends it if it is there */
        ck_assert_uint_eq(srv_fetch_sessions_count(sessions), 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fetch_session");
    TCase *tcase = tcase_create("fetch_session");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_sessionless_fetch_makes_none);
    tcase_add_test(tcase, epochs_count_from_1);
    tcase_add_test(tcase, listed_partitions_are_added_or_updated);
    tcase_add_test(tcase, forgotten_partitions_leave);
    tcase_add_test(tcase, what_was_told_is_remembered);
    tcase_add_test(tcase, a_full_fetch_ends_its_session);
    tcase_add_test(tcase, names_and_ids_do_not_mix);
    tcase_add_test(tcase, slots_are_given_up_by_the_idle_and_the_small);
    tcase_add_test(tcase, every_allocation_may_fail);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
