/* Lists of offsets: order, replacement, copies, and every allocation failing. */
#include <check.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "client/offsets.h"
#include "tests/support/test_main.h"

#define MANY 100000

/* Entries come back in the order of adding; a second entry of a partition replaces the first. */
START_TEST(entries_keep_order_and_replace)
{
    struct leat_offsets *list = leat_offsets_new();
    int32_t partition;
    int64_t offset;
    int code;

    for (int32_t i = 0; i < 100; i++) {
        ck_assert_int_eq(leat_offsets_add(list, i % 2 == 0 ? "a" : "b", i / 2, i), 0);
    }
    ck_assert_int_eq(leat_offsets_add(list, "b", 3, LEAT_OFFSET_END), 0);
    ck_assert_uint_eq(leat_offsets_count(list), 100);
    ck_assert_str_eq(leat_offsets_at(list, 7, &partition, &offset, &code), "b");
    ck_assert_int_eq(partition, 3);
    ck_assert_int_eq(offset, LEAT_OFFSET_END);
    ck_assert_int_eq(code, 0);
    ck_assert_ptr_null(leat_offsets_at(list, 100, &partition, &offset, &code));
    leat_offsets_free(list);
}
END_TEST

/* What is no partition is refused, NULL is empty. */
START_TEST(nonsense_is_refused)
{
    struct leat_offsets *list = leat_offsets_new();

    ck_assert_int_eq(leat_offsets_add(NULL, "t", 0, 0), LEAT_EINVAL);
    ck_assert_int_eq(leat_offsets_add(list, NULL, 0, 0), LEAT_EINVAL);
    ck_assert_int_eq(leat_offsets_add(list, "", 0, 0), LEAT_EINVAL);
    ck_assert_int_eq(leat_offsets_add(list, "t", -1, 0), LEAT_EINVAL);
    ck_assert_uint_eq(leat_offsets_count(list), 0);
    ck_assert_uint_eq(leat_offsets_count(NULL), 0);
    ck_assert_ptr_null(leat_offsets_at(NULL, 0, NULL, NULL, NULL));
    leat_offsets_free(list);
    leat_offsets_free(NULL);
}
END_TEST

/* A copy is whole or not made, wherever memory ends. */
START_TEST(copy_survives_every_failed_allocation)
{
    struct leat_offsets *list = leat_offsets_new();
    struct leat_offsets *copy = NULL;

    for (int32_t i = 0; i < 20; i++) {
        ck_assert_int_eq(leat_offsets_add(list, "t", i, i), 0);
    }
    list->entries[5].code = LEAT_ERANGE;
    for (int64_t n = 0; copy == NULL; n++) {
        lt_alloc_fail_after(n);
        copy = lc_offsets_copy(list);
        lt_alloc_fail_never();
        ck_assert_int_lt((int)n, 100);
    }
    ck_assert_uint_eq(leat_offsets_count(copy), 20);
    ck_assert_int_eq(copy->entries[5].code, LEAT_ERANGE);
    leat_offsets_free(copy);
    leat_offsets_free(list);
}
END_TEST

/* A list of all partitions of a large cluster: an entry is found without a look at the others. Comparing all would take minutes. */
START_TEST(many_topics_are_found_quickly)
{
    struct leat_offsets *list = leat_offsets_new();
    int64_t begin = lt_clock_mono_ns(lt_clock_real());
    char topic[32];
    int wrong = 0; /* an assertion for each would take longer than the rest */

    for (int i = 0; i < 2 * MANY; i++) {
        (void)snprintf(topic, sizeof(topic), "a-topic-of-many-%d", i % MANY / 2);
        wrong += leat_offsets_add(list, topic, i % 2, i) != 0;
    }
    ck_assert_uint_eq(leat_offsets_count(list), MANY);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(topic, sizeof(topic), "a-topic-of-many-%d", i / 2);
        wrong += lc_offsets_find(list, topic, i % 2) != &list->entries[i];
        wrong += list->entries[i].offset != MANY + i;
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_ptr_null(lc_offsets_find(list, topic, 2));
    ck_assert_int_lt(lt_clock_mono_ns(lt_clock_real()) - begin, INT64_C(10000000000));
    leat_offsets_free(list);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("offsets");
    TCase *tc = tcase_create("list");

    tcase_add_test(tc, entries_keep_order_and_replace);
    tcase_add_test(tc, nonsense_is_refused);
    tcase_add_test(tc, many_topics_are_found_quickly);
    tcase_add_test(tc, copy_survives_every_failed_allocation);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
