/* test_timer_heap.c: timers come out in the order of their deadlines, whatever was moved or taken out before. */
#include "server/timer_heap.h"

#include <check.h>
#include <stdlib.h>

#include "tests/support/test_main.h"

#define COUNT 500

static struct srv_timer_heap heap;
static struct srv_timer timers[COUNT];

static void setup(void)
{
    srv_timer_heap_init(&heap);
    for (int i = 0; i < COUNT; i++) {
        srv_timer_init(&timers[i], NULL);
    }
}

static void teardown(void)
{
    srv_timer_heap_release(&heap);
}

START_TEST(an_empty_heap_has_no_deadline)
{
    ck_assert_int_eq(srv_timer_heap_next(&heap), INT64_MAX);
    ck_assert_ptr_null(srv_timer_heap_pop(&heap, INT64_MAX));
    srv_timer_unset(&heap, &timers[0]);
}
END_TEST

START_TEST(nothing_comes_out_before_its_time)
{
    ck_assert_int_eq(srv_timer_set(&heap, &timers[0], 100), 0);
    ck_assert_ptr_null(srv_timer_heap_pop(&heap, 99));
    ck_assert_ptr_eq(srv_timer_heap_pop(&heap, 100), &timers[0]);
    ck_assert(!srv_timer_is_set(&timers[0]));
}
END_TEST

/* Random sets, moves and removals: what comes out is sorted, and is exactly what is set. */
START_TEST(timers_come_out_in_order)
{
    int expected = 0;
    int64_t last = INT64_MIN;
    struct srv_timer *timer;

    srand(7);
    for (int i = 0; i < 20 * COUNT; i++) {
        struct srv_timer *one = &timers[rand() % COUNT];
        if (rand() % 4 == 0) {
            srv_timer_unset(&heap, one);
        } else {
            ck_assert_int_eq(srv_timer_set(&heap, one, rand() % 1000), 0);
        }
    }
    for (int i = 0; i < COUNT; i++) {
        expected += srv_timer_is_set(&timers[i]) ? 1 : 0;
    }
    ck_assert_int_gt(expected, 0);
    while ((timer = srv_timer_heap_pop(&heap, INT64_MAX)) != NULL) {
        ck_assert_int_ge(timer->deadline_ns, last);
        last = timer->deadline_ns;
        expected--;
    }
    ck_assert_int_eq(expected, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timer_heap");
    TCase *tcase = tcase_create("timer_heap");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_empty_heap_has_no_deadline);
    tcase_add_test(tcase, nothing_comes_out_before_its_time);
    tcase_add_test(tcase, timers_come_out_in_order);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
