/* Rows with named fields. */
#include <check.h>

#include "base/alloc.h"
#include "client/result.h"
#include "tests/support/test_main.h"

static const char *const fields[] = {"name", "count", "list", NULL};

static int make(struct leat_result **ret)
{
    static const int32_t numbers[] = {3, 1, 2};
    struct leat_result *rows = lc_result_new(fields);

    if (rows == NULL) {
        return LEAT_ENOMEM;
    }
    for (int i = 0; i < 40; i++) {
        lc_result_row(rows);
        lc_result_slice(rows, 0, lt_slice(i % 2 == 0 ? "zebra" : "ant", i % 2 == 0 ? 5 : 3));
        lc_result_number(rows, 1, i);
        lc_result_list(rows, 2, numbers, i % 4);
    }
    lc_result_sort(rows, 0);
    return lc_result_finish(rows, ret);
}

/* Fields are found by name; null and missing ones are NULL and -1. */
START_TEST(fields_have_names)
{
    struct leat_result *rows = NULL;

    ck_assert_int_eq(make(&rows), 0);
    ck_assert_uint_eq(leat_result_count(rows), 40);
    ck_assert_str_eq(leat_result_str(rows, 0, "name"), "ant");
    ck_assert_str_eq(leat_result_str(rows, 39, "name"), "zebra");
    ck_assert_int_eq(leat_result_int(rows, 0, "count") % 2, 1);
    ck_assert_int_eq(leat_result_int(rows, 0, "name"), -1);
    ck_assert_int_eq(leat_result_int(rows, 40, "count"), -1);
    ck_assert_ptr_null(leat_result_str(rows, 0, "nothing"));
    ck_assert_ptr_null(leat_result_str(rows, 0, NULL));
    ck_assert_str_eq(leat_result_field(rows, 2), "list");
    ck_assert_ptr_null(leat_result_field(rows, 3));
    leat_result_free(rows);
    ck_assert_uint_eq(leat_result_count(NULL), 0);
    ck_assert_ptr_null(leat_result_field(NULL, 0));
    leat_result_free(NULL);
}
END_TEST

/* A list of numbers is joined; an empty one is empty, not null. */
START_TEST(lists_are_joined)
{
    static const int32_t numbers[] = {3, 1, 2};
    struct leat_result *rows = lc_result_new(fields);

    lc_result_row(rows);
    lc_result_list(rows, 2, numbers, 3);
    ck_assert_str_eq(leat_result_str(rows, 0, "list"), "3,1,2");
    lc_result_row(rows);
    lc_result_list(rows, 2, numbers, 0);
    ck_assert_str_eq(leat_result_str(rows, 1, "list"), "");
    ck_assert_ptr_null(leat_result_str(rows, 1, "name"));
    leat_result_free(rows);
}
END_TEST

/* A result is whole or not made, wherever memory ends. */
START_TEST(result_survives_every_failed_allocation)
{
    struct leat_result *rows = NULL;

    for (int64_t n = 0; rows == NULL; n++) {
        lt_alloc_fail_after(n);
        ck_assert_int_eq(make(&rows), rows == NULL ? LEAT_ENOMEM : 0);
        lt_alloc_fail_never();
        ck_assert_int_lt((int)n, 1000);
    }
    ck_assert_uint_eq(leat_result_count(rows), 40);
    leat_result_free(rows);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("result");
    TCase *tc = tcase_create("rows");

    tcase_add_test(tc, fields_have_names);
    tcase_add_test(tc, lists_are_joined);
    tcase_add_test(tc, result_survives_every_failed_allocation);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
