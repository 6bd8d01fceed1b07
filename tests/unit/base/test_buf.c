/* Slices and growing buffers. */
#include "base/alloc.h"
#include "base/buf.h"
#include "leat/err.h"
#include "tests/support/test_main.h"

static struct lt_buf buf;

static void setup(void)
{
    lt_buf_init(&buf);
}

static void teardown(void)
{
    lt_alloc_fail_never();
    lt_buf_release(&buf);
}

/* Null and empty are different values. */
START_TEST(null_is_not_empty)
{
    ck_assert(lt_slice_equal(LT_SLICE_NULL, lt_slice_text(NULL)));
    ck_assert(!lt_slice_equal(LT_SLICE_NULL, lt_slice("", 0)));
    ck_assert(lt_slice_is(lt_slice("key", 3), "key"));
    ck_assert(!lt_slice_is(lt_slice("key", 3), "kez"));
    ck_assert(!lt_slice_is(lt_slice("key", 3), "keys"));
}
END_TEST

/* What was appended is there, across many growth steps. */
START_TEST(appends_keep_the_bytes)
{
    for (unsigned i = 0; i < 5000; i++) {
        uint8_t byte = (uint8_t)(i * 31);
        ck_assert_int_eq(lt_buf_append(&buf, &byte, 1), 0);
    }
    ck_assert_uint_eq(buf.size, 5000);
    for (unsigned i = 0; i < 5000; i++) {
        ck_assert_uint_eq(buf.data[i], (uint8_t)(i * 31));
    }
    ck_assert_uint_le(buf.capacity, 8192);
}
END_TEST

/* Texts and formats follow each other; the NUL is not counted. */
START_TEST(texts_are_appended)
{
    ck_assert_int_eq(lt_buf_append_text(&buf, "topic "), 0);
    ck_assert_int_eq(lt_buf_printf(&buf, "%s-%d", "orders", 12), 0);
    ck_assert_int_eq(lt_buf_printf(&buf, "%200s", "x"), 0);
    ck_assert_uint_eq(buf.size, 15 + 200);
    buf.size = 15;
    ck_assert_str_eq(lt_buf_text(&buf), "topic orders-12");
    ck_assert_uint_eq(buf.size, 15);
}
END_TEST

/* The text of a buffer that never held anything is "". */
START_TEST(empty_text)
{
    ck_assert_str_eq(lt_buf_text(&buf), "");
    ck_assert_int_eq(lt_buf_append(&buf, NULL, 0), 0);
}
END_TEST

/* Dropping from the front keeps the rest. */
START_TEST(consume_keeps_the_rest)
{
    ck_assert_int_eq(lt_buf_append_text(&buf, "abcdef"), 0);
    lt_buf_consume(&buf, 0);
    lt_buf_consume(&buf, 2);
    ck_assert(lt_slice_is(lt_buf_slice(&buf), "cdef"));
    lt_buf_consume(&buf, 4);
    ck_assert_uint_eq(buf.size, 0);
}
END_TEST

/* Without memory, or for a size beyond size_t, the buffer stays as it is. */
START_TEST(failure_changes_nothing)
{
    ck_assert_int_eq(lt_buf_append_text(&buf, "abc"), 0);
    ck_assert_int_eq(lt_buf_reserve(&buf, SIZE_MAX), LEAT_ENOMEM);
    lt_alloc_fail_after(0);
    ck_assert_int_eq(lt_buf_reserve(&buf, 1000), LEAT_ENOMEM);
    ck_assert_int_eq(lt_buf_printf(&buf, "%1000d", 1), LEAT_ENOMEM);
    lt_alloc_fail_never();
    ck_assert(lt_slice_is(lt_buf_slice(&buf), "abc"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buf");
    TCase *tcase = tcase_create("buf");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, null_is_not_empty);
    tcase_add_test(tcase, appends_keep_the_bytes);
    tcase_add_test(tcase, texts_are_appended);
    tcase_add_test(tcase, empty_text);
    tcase_add_test(tcase, consume_keeps_the_rest);
    tcase_add_test(tcase, failure_changes_nothing);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
