/* Shared bytes and their pool: memory comes back, with a bound, and outlives the pool's owner. */
#include <check.h>

#include "client/bytes.h"
#include "tests/support/test_main.h"

#define LARGE ((size_t)1 << 20)

/* What the last holder lets go is what the next one gets; not if it is far too large, or small. */
START_TEST(memory_comes_back)
{
    struct lc_pool *pool = lc_pool_new();
    struct lc_bytes *bytes = lc_pool_bytes(pool, LARGE);
    const uint8_t *data = bytes->buf.data;

    ck_assert_int_eq(lt_buf_append(&bytes->buf, "x", 1), 0);
    ck_assert_ptr_eq(lc_bytes_ref(bytes), bytes);
    lc_bytes_unref(bytes);
    lc_bytes_unref(bytes);
#if !defined(__SANITIZE_ADDRESS__)
    bytes = lc_pool_bytes(pool, LARGE / 8); /* it would waste seven eighths */
    ck_assert_ptr_ne(bytes->buf.data, data);
    lc_bytes_unref(bytes);
    bytes = lc_pool_bytes(pool, LARGE - 1000);
    ck_assert_ptr_eq(bytes->buf.data, data);
    ck_assert_uint_eq(bytes->buf.size, 0);
    ck_assert_uint_ge(bytes->buf.capacity, LARGE - 1000);
    lc_bytes_unref(bytes);
    bytes = lc_pool_bytes(pool, LARGE * 2 - 1000); /* and some bytes more fit as well */
    data = bytes->buf.data;
    lc_bytes_unref(bytes);
    bytes = lc_pool_bytes(pool, LARGE * 2);
    ck_assert_ptr_eq(bytes->buf.data, data);
    lc_bytes_unref(bytes);
#else
    (void)data;
#endif
    lc_pool_close(pool);
}
END_TEST

/* The bytes of a batch may outlive the client; the pool goes with the last of them. */
START_TEST(bytes_outlive_the_pool)
{
    struct lc_pool *pool = lc_pool_new();
    struct lc_bytes *held[40];

    for (int i = 0; i < 40; i++) {
        held[i] = lc_pool_bytes(pool, LARGE);
        ck_assert_ptr_nonnull(held[i]);
    }
    for (int i = 0; i < 20; i++) {
        lc_bytes_unref(held[i]); /* more than it keeps */
    }
    lc_pool_close(pool);
    for (int i = 20; i < 40; i++) {
        ck_assert_int_eq(lt_buf_append(&held[i]->buf, "x", 1), 0);
        lc_bytes_unref(held[i]);
    }
    lc_bytes_unref(NULL);
    lc_pool_close(NULL);
}
END_TEST

/* Small ones and those without a pool are made and freed. */
START_TEST(small_bytes_are_not_kept)
{
    struct lc_pool *pool = lc_pool_new();
    struct lc_bytes *small = lc_pool_bytes(pool, 100);
    struct lc_bytes *single = lc_pool_bytes(NULL, LARGE);

    ck_assert_ptr_null(small->pool);
    ck_assert_ptr_null(single->pool);
    lc_bytes_unref(small);
    lc_bytes_unref(single);
    lc_pool_close(pool);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bytes");
    TCase *tc = tcase_create("pool");

    tcase_add_test(tc, memory_comes_back);
    tcase_add_test(tc, bytes_outlive_the_pool);
    tcase_add_test(tc, small_bytes_are_not_kept);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
