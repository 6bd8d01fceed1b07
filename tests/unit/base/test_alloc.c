/* Allocation and its failing counter. */
#include <string.h>

#include "base/alloc.h"
#include "tests/support/test_main.h"

/* Size 0 is a valid request everywhere. */
START_TEST(size_zero_gives_a_pointer)
{
    void *a = lt_malloc(0);
    void *b = lt_calloc(0, 8);
    void *c = lt_memdup(NULL, 0);
    a = lt_realloc(a, 0);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_nonnull(b);
    ck_assert_ptr_nonnull(c);
    lt_free(a);
    lt_free(b);
    lt_free(c);
    lt_free(NULL);
}
END_TEST

/* A product that does not fit size_t is refused, not wrapped. */
START_TEST(overflow_is_refused)
{
    ck_assert_ptr_null(lt_calloc(SIZE_MAX / 2, 3));
    ck_assert_ptr_null(lt_reallocarray(NULL, SIZE_MAX / 2, 3));
}
END_TEST

/* Copies are exact and terminated. */
START_TEST(copies_are_exact)
{
    char *a = lt_strdup("stream");
    char *b = lt_strndup("stream", 3);
    char *c = lt_strndup("st", 30);
    char *d = lt_asprintf("%s-%d", "orders", 7);
    uint8_t *e = lt_memdup("\0x", 2);
    ck_assert_str_eq(a, "stream");
    ck_assert_str_eq(b, "str");
    ck_assert_str_eq(c, "st");
    ck_assert_str_eq(d, "orders-7");
    ck_assert_mem_eq(e, "\0x", 2);
    lt_free(a);
    lt_free(b);
    lt_free(c);
    lt_free(d);
    lt_free(e);
}
END_TEST

/* After n allocations every later one fails, until told otherwise. */
START_TEST(fails_after_the_nth)
{
    lt_alloc_fail_after(2);
    void *a = lt_malloc(1);
    void *b = lt_calloc(1, 1);
    ck_assert(!lt_alloc_failed());
    void *c = lt_malloc(1);
    char *d = lt_strdup("x");
    char *e = lt_asprintf("x");
    void *f = lt_reallocarray(NULL, 1, 1);
    bool failed = lt_alloc_failed();
    lt_alloc_fail_never();
    void *g = lt_malloc(1);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_nonnull(b);
    ck_assert_ptr_null(c);
    ck_assert_ptr_null(d);
    ck_assert_ptr_null(e);
    ck_assert_ptr_null(f);
    ck_assert_ptr_nonnull(g);
    ck_assert(failed);
    lt_free(a);
    lt_free(b);
    lt_free(g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("alloc");
    TCase *tcase = tcase_create("alloc");
    tcase_add_test(tcase, size_zero_gives_a_pointer);
    tcase_add_test(tcase, overflow_is_refused);
    tcase_add_test(tcase, copies_are_exact);
    tcase_add_test(tcase, fails_after_the_nth);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
