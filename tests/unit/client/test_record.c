/* Records that an application builds: copies, nulls, headers, and every allocation failing. */
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <leat/leat.h>

#include "base/alloc.h"
#include "tests/support/test_main.h"

static struct leat_record *rec;

static void setup(void)
{
    rec = leat_record_new();
    ck_assert_ptr_nonnull(rec);
}

static void teardown(void)
{
    leat_record_free(rec);
}

/* A new record has nothing. */
START_TEST(new_record_is_empty)
{
    int32_t partition = 7;
    size_t size = 7;

    ck_assert_ptr_null(leat_record_topic(rec, &partition));
    ck_assert_int_eq(partition, -1);
    ck_assert_ptr_null(leat_record_key(rec, &size));
    ck_assert_uint_eq(size, 0);
    ck_assert_int_eq(leat_record_offset(rec), -1);
    ck_assert_int_eq(leat_record_timestamp(rec), -1);
    ck_assert_int_eq(leat_record_info(rec, LEAT_RECORD_LEADER_EPOCH), -1);
}
END_TEST

/* What is set is copied: the caller's memory may change. */
START_TEST(setters_copy)
{
    char key[] = "key";
    char topic[] = "topic";
    size_t size;

    ck_assert_int_eq(leat_record_set_topic(rec, topic, 3), 0);
    ck_assert_int_eq(leat_record_set_key(rec, key, 3), 0);
    memset(key, 'x', sizeof(key));
    memset(topic, 'x', sizeof(topic));
    ck_assert_str_eq(leat_record_topic(rec, NULL), "topic");
    ck_assert_mem_eq(leat_record_key(rec, &size), "key", 3);
    ck_assert_uint_eq(size, 3);
}
END_TEST

/* Null is not empty. */
START_TEST(null_and_empty_differ)
{
    ck_assert_int_eq(leat_record_set_value(rec, "", 0), 0);
    ck_assert_ptr_nonnull(leat_record_value(rec, NULL));
    ck_assert_int_eq(leat_record_set_value(rec, NULL, 0), 0);
    ck_assert_ptr_null(leat_record_value(rec, NULL));
    ck_assert_int_eq(leat_record_set_value(rec, NULL, 1), LEAT_EINVAL);
}
END_TEST

/* A part of the old value may become the new one. */
START_TEST(value_may_come_from_itself)
{
    char big[1000];
    const char *value;

    memset(big, 'a', sizeof(big));
    big[999] = 'z';
    ck_assert_int_eq(leat_record_set_value(rec, big, sizeof(big)), 0);
    value = leat_record_value(rec, NULL);
    ck_assert_int_eq(leat_record_set_value(rec, value + 900, 100), 0);
    value = leat_record_value(rec, NULL);
    ck_assert_int_eq(value[99], 'z');
}
END_TEST

/* Headers keep their order through growth; the last of a name wins; names end in NUL. */
START_TEST(headers_keep_their_order)
{
    const char *name;
    size_t size;

    for (int i = 0; i < 100; i++) {
        char text[32];

        snprintf(text, sizeof(text), "name-%d", i % 50);
        ck_assert_int_eq(
            leat_record_add_header(rec, text, i % 7 == 0 ? NULL : &i, i % 7 == 0 ? 0 : sizeof(i)),
            0);
    }
    ck_assert_uint_eq(leat_record_header_count(rec), 100);
    for (int i = 0; i < 100; i++) {
        const void *value = leat_record_header_at(rec, (size_t)i, &name, &size);
        char text[32];

        snprintf(text, sizeof(text), "name-%d", i % 50);
        ck_assert_str_eq(name, text);
        if (i % 7 == 0) {
            ck_assert_ptr_null(value);
        } else {
            ck_assert_mem_eq(value, &i, sizeof(i));
        }
    }
    ck_assert_int_eq(*(const unsigned char *)leat_record_header(rec, "name-2", &size), 52);
    ck_assert_ptr_null(leat_record_header(rec, "no such", &size));
    ck_assert_ptr_null(leat_record_header_at(rec, 100, &name, &size));
    ck_assert_ptr_null(name);
}
END_TEST

/* Clear makes it as new. */
START_TEST(clear_takes_everything_back)
{
    ck_assert_int_eq(leat_record_set_topic(rec, "t", 1), 0);
    ck_assert_int_eq(leat_record_set_value(rec, "v", 1), 0);
    ck_assert_int_eq(leat_record_add_header(rec, "h", "v", 1), 0);
    leat_record_set_timestamp(rec, 5);
    leat_record_clear(rec);
    ck_assert_ptr_null(leat_record_topic(rec, NULL));
    ck_assert_ptr_null(leat_record_value(rec, NULL));
    ck_assert_uint_eq(leat_record_header_count(rec), 0);
    ck_assert_int_eq(leat_record_timestamp(rec), -1);
}
END_TEST

/* Names that no broker takes are refused. */
START_TEST(topic_has_a_size)
{
    char name[251];

    memset(name, 'a', sizeof(name));
    name[250] = '\0';
    ck_assert_int_eq(leat_record_set_topic(rec, name, 0), LEAT_EINVAL);
    name[249] = '\0';
    ck_assert_int_eq(leat_record_set_topic(rec, name, 0), 0);
    ck_assert_int_eq(leat_record_set_topic(rec, "", 0), LEAT_EINVAL);
    ck_assert_int_eq(leat_record_set_topic(rec, "t", -2), LEAT_EINVAL);
}
END_TEST

/* A copy is whole or not made, wherever memory ends. */
START_TEST(copy_survives_every_failed_allocation)
{
    struct leat_record *copy = NULL;

    ck_assert_int_eq(leat_record_set_topic(rec, "t", 1), 0);
    ck_assert_int_eq(leat_record_set_key(rec, "k", 1), 0);
    ck_assert_int_eq(leat_record_set_value(rec, "v", 1), 0);
    ck_assert_int_eq(leat_record_add_header(rec, "h", "w", 1), 0);
    for (int64_t n = 0; copy == NULL; n++) {
        lt_alloc_fail_after(n);
        copy = leat_record_copy(rec);
        lt_alloc_fail_never();
        ck_assert_int_lt((int)n, 100);
    }
    ck_assert_mem_eq(leat_record_header(copy, "h", NULL), "w", 1);
    ck_assert_mem_eq(leat_record_key(copy, NULL), "k", 1);
    leat_record_free(copy);
}
END_TEST

/* NULL everywhere. */
START_TEST(null_is_refused_or_empty)
{
    ck_assert_int_eq(leat_record_set_topic(NULL, "t", 0), LEAT_EINVAL);
    ck_assert_int_eq(leat_record_set_topic(rec, NULL, 0), LEAT_EINVAL);
    ck_assert_int_eq(leat_record_set_key(NULL, "k", 1), LEAT_EINVAL);
    ck_assert_int_eq(leat_record_add_header(rec, NULL, "v", 1), LEAT_EINVAL);
    ck_assert_int_eq(leat_record_add_header(NULL, "h", "v", 1), LEAT_EINVAL);
    leat_record_set_timestamp(NULL, 1);
    leat_record_clear(NULL);
    leat_record_free(NULL);
    ck_assert_ptr_null(leat_record_copy(NULL));
    ck_assert_ptr_null(leat_record_topic(NULL, NULL));
    ck_assert_ptr_null(leat_record_header(NULL, NULL, NULL));
    ck_assert_int_eq(leat_record_offset(NULL), -1);
    ck_assert_int_eq(leat_record_info(NULL, LEAT_RECORD_CODEC), -1);
}
END_TEST

/* A negative number that became a size must not be read as so many bytes. */
START_TEST(sizes_that_nothing_has_are_refused)
{
    const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 32, (size_t)PTRDIFF_MAX + 1};
    const size_t size = sizes[_i];

    ck_assert_int_eq(leat_record_set_value(rec, "v", 1), 0);
    ck_assert_int_eq(leat_record_set_key(rec, "k", size), LEAT_EINVAL);
    ck_assert_int_eq(leat_record_set_value(rec, "v", size), LEAT_EINVAL);
    ck_assert_int_eq(leat_record_borrow_value(rec, "v", size), LEAT_EINVAL);
    ck_assert_int_eq(leat_record_add_header(rec, "h", "v", size), LEAT_EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("record");
    TCase *tc = tcase_create("built");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, new_record_is_empty);
    tcase_add_test(tc, setters_copy);
    tcase_add_test(tc, null_and_empty_differ);
    tcase_add_test(tc, value_may_come_from_itself);
    tcase_add_test(tc, headers_keep_their_order);
    tcase_add_test(tc, clear_takes_everything_back);
    tcase_add_test(tc, topic_has_a_size);
    tcase_add_test(tc, copy_survives_every_failed_allocation);
    tcase_add_loop_test(tc, sizes_that_nothing_has_are_refused, 0, 4);
    tcase_add_test(tc, null_is_refused_or_empty);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
