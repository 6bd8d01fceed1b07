/* Codes, names and sentences. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "tests/support/test_main.h"

static struct leat_error *error;

static void setup(void)
{
    error = NULL;
}

static void teardown(void)
{
    lt_alloc_fail_never();
    lt_error_free(error);
}

/* The code comes back, so that a caller can return it at once; the sentence is formatted. */
START_TEST(set_returns_the_code)
{
    ck_assert_int_eq(lt_error_set(&error, LEAT_ECORRUPT, "batch at %d", 4096), LEAT_ECORRUPT);
    ck_assert_int_eq(lt_error_code(error), LEAT_ECORRUPT);
    ck_assert_str_eq(lt_error_message(error), "batch at 4096");
}
END_TEST

/* A caller who wants no sentence passes NULL. */
START_TEST(null_is_accepted)
{
    ck_assert_int_eq(lt_error_set(NULL, LEAT_EIO, "x"), LEAT_EIO);
    ck_assert_int_eq(lt_error_set_errno(NULL, LEAT_EIO, EIO, "x"), LEAT_EIO);
    ck_assert_int_eq(lt_error_prefix(NULL, "x"), 0);
    ck_assert_int_eq(lt_error_prefix(&error, "x"), 0);
    ck_assert_int_eq(lt_error_code(NULL), 0);
    ck_assert_str_eq(lt_error_message(NULL), "");
    lt_error_free(NULL);
}
END_TEST

/* Setting again replaces, also when the old sentence is part of the new one. */
START_TEST(set_replaces)
{
    (void)lt_error_set(&error, LEAT_EIO, "first");
    (void)lt_error_set(&error, LEAT_ECORRUPT, "second after %s", lt_error_message(error));
    ck_assert_int_eq(lt_error_code(error), LEAT_ECORRUPT);
    ck_assert_str_eq(lt_error_message(error), "second after first");
}
END_TEST

/* Context goes in front, in the order of the way up. */
START_TEST(prefix_puts_context_in_front)
{
    (void)lt_error_set(&error, LEAT_ECORRUPT, "CRC mismatch");
    ck_assert_int_eq(lt_error_prefix(&error, "batch at %d", 7), LEAT_ECORRUPT);
    ck_assert_int_eq(lt_error_prefix(&error, "orders-0"), LEAT_ECORRUPT);
    ck_assert_str_eq(lt_error_message(error), "orders-0: batch at 7: CRC mismatch");
}
END_TEST

/* The text of an errno value stands behind the sentence. */
START_TEST(errno_text_is_appended)
{
    ck_assert_int_eq(lt_error_set_errno(&error, LEAT_ENOSPACE, ENOSPC, "%s", "a.log"),
                     LEAT_ENOSPACE);
    ck_assert_str_eq(lt_error_message(error), "a.log: No space left on device");
}
END_TEST

/* Without memory the code survives, and a sentence that is there keeps its text. */
START_TEST(no_memory_keeps_the_code)
{
    lt_alloc_fail_after(0);
    ck_assert_int_eq(lt_error_set(&error, LEAT_EIO, "x"), LEAT_EIO);
    ck_assert_ptr_null(error);
    lt_alloc_fail_never();
    (void)lt_error_set(&error, LEAT_EIO, "text");
    lt_alloc_fail_after(0);
    ck_assert_int_eq(lt_error_prefix(&error, "context"), LEAT_EIO);
    lt_alloc_fail_never();
    ck_assert_str_eq(lt_error_message(error), "text");
}
END_TEST

/* Every code of the table has its own name and text, and numbers follow each other without a gap.
 */
START_TEST(table_is_complete)
{
    int last = 0;
#define XX(name, number, text)                                   \
    ck_assert_int_eq(LEAT_E##name, number);                      \
    ck_assert_int_eq(LEAT_E##name, last - 1);                    \
    ck_assert_str_eq(lt_err_name(LEAT_E##name), "LEAT_E" #name); \
    ck_assert_str_eq(lt_err_text(LEAT_E##name), text);           \
    last = LEAT_E##name;
    LEAT_ERR_MAP(XX)
#undef XX
    ck_assert_str_eq(lt_err_name(0), "OK");
    ck_assert_str_eq(lt_err_text(-900), "unknown error");
    ck_assert_str_eq(lt_err_name(5), "LEAT_E?");
}
END_TEST

/* A broker's code goes through unchanged, -1 and 0 included, and is not taken for one of leat's
 * own. */
START_TEST(broker_codes_round_trip)
{
    for (int wire = -1; wire < 200; wire++) {
        int code = LEAT_BROKER_ERROR(wire);
        ck_assert_int_eq(LEAT_WIRE_CODE(code), wire);
        ck_assert_int_lt(code, -900);
        if (wire != 0) {
            ck_assert(LEAT_IS_BROKER_ERROR(code));
            ck_assert_str_eq(lt_err_name(code), "LEAT_BROKER_ERROR");
        }
    }
    ck_assert(!LEAT_IS_BROKER_ERROR(LEAT_EREPLICAS));
}
END_TEST

/* errno values map as the header says. */
START_TEST(errno_maps_to_codes)
{
    ck_assert_int_eq(lt_err_from_errno(ENOSPC), LEAT_ENOSPACE);
    ck_assert_int_eq(lt_err_from_errno(EDQUOT), LEAT_ENOSPACE);
    ck_assert_int_eq(lt_err_from_errno(ENOMEM), LEAT_ENOMEM);
    ck_assert_int_eq(lt_err_from_errno(ENOENT), LEAT_ENOENT);
    ck_assert_int_eq(lt_err_from_errno(EEXIST), LEAT_EEXISTS);
    ck_assert_int_eq(lt_err_from_errno(EROFS), LEAT_EREADONLY);
    ck_assert_int_eq(lt_err_from_errno(EACCES), LEAT_EREADONLY);
    ck_assert_int_eq(lt_err_from_errno(EPERM), LEAT_EREADONLY);
    ck_assert_int_eq(lt_err_from_errno(EIO), LEAT_EIO);
    ck_assert_int_eq(lt_err_from_errno(EBADF), LEAT_EIO);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("error");
    TCase *tcase = tcase_create("error");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, set_returns_the_code);
    tcase_add_test(tcase, null_is_accepted);
    tcase_add_test(tcase, set_replaces);
    tcase_add_test(tcase, prefix_puts_context_in_front);
    tcase_add_test(tcase, errno_text_is_appended);
    tcase_add_test(tcase, no_memory_keeps_the_code);
    tcase_add_test(tcase, table_is_complete);
    tcase_add_test(tcase, broker_codes_round_trip);
    tcase_add_test(tcase, errno_maps_to_codes);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
