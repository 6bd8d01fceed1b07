/* Names, texts and dispositions of codes, leat's own and a broker's. */
#include <check.h>
#include <limits.h>
#include <string.h>

#include <leat/leat.h>

#include "base/error.h"
#include "tests/support/test_main.h"

/* A code of either range has its own name and text. */
START_TEST(codes_have_names)
{
    ck_assert_str_eq(leat_errname(LEAT_ETIMEDOUT), "LEAT_ETIMEDOUT");
    ck_assert_str_eq(leat_strerror(LEAT_ETIMEDOUT), "timed out");
    ck_assert_str_eq(leat_errname(LEAT_BROKER_ERROR(3)), "UNKNOWN_TOPIC_OR_PARTITION");
    ck_assert_str_eq(leat_errname(LEAT_BROKER_ERROR(-1)), "UNKNOWN_SERVER_ERROR");
    ck_assert_str_eq(leat_errname(0), "NONE");
    ck_assert_str_eq(leat_strerror(7), "no error");
}
END_TEST

/* Numbers that are no code at all still give texts. */
START_TEST(nonsense_has_a_text)
{
    const int codes[] = {-998, -1000, -900, -50000, INT_MIN, INT_MAX, LEAT_BROKER_ERROR(32767)};

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        ck_assert_ptr_nonnull(leat_errname(codes[i]));
        ck_assert_uint_gt(strlen(leat_strerror(codes[i])), 0);
        (void)leat_error_is_retriable(codes[i]);
        ck_assert(!leat_error_is_fatal(codes[i]));
    }
}
END_TEST

/* What may pass is retriable, what the caller must mend is not. */
START_TEST(dispositions)
{
    ck_assert(leat_error_is_retriable(LEAT_EUNREACHABLE));
    ck_assert(leat_error_is_retriable(LEAT_BROKER_ERROR(6)));
    ck_assert(!leat_error_is_retriable(LEAT_EINVAL));
    ck_assert(!leat_error_is_retriable(LEAT_BROKER_ERROR(10)));
    ck_assert(!leat_error_is_retriable(0));
    ck_assert(leat_error_is_fatal(LEAT_EFORKED));
}
END_TEST

/* NULL is an error object without error. */
START_TEST(null_error_is_none)
{
    ck_assert_int_eq(leat_error_code(NULL), 0);
    ck_assert_str_eq(leat_error_message(NULL), "");
    leat_error_free(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("error");
    TCase *tc = tcase_create("codes");

    tcase_add_test(tc, codes_have_names);
    tcase_add_test(tc, nonsense_has_a_text);
    tcase_add_test(tc, dispositions);
    tcase_add_test(tc, null_error_is_none);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
