/* Edits of properties files: what is changed is read back, all else stays byte for byte. */
#include <check.h>
#include <string.h>

#include "base/alloc.h"
#include "base/properties.h"
#include "base/properties_edit.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_main.h"

static const char before[] = "# my brokers\n"
                             "current = local\n"
                             "\n"
                             "! at home\n"
                             "[local]\n"
                             "bootstrap.servers: localhost:9092 \n"
                             "  # last\n"
                             "\n"
                             "[prod]\n"
                             "list = a,\\\n"
                             "   b\n"
                             "x = 1";

static struct lt_buf text;

static void setup(void)
{
    ck_assert_int_eq(lt_buf_append_text(&text, before), 0);
}

static void teardown(void)
{
    lt_buf_release(&text);
}

static void check_text(const char *wanted)
{
    ck_assert_str_eq(lt_buf_text(&text), wanted);
}

/* A value changes where it stands, with all its lines. */
START_TEST(set_changes_in_place)
{
    ck_assert_int_eq(lt_properties_set(&text, "", "current", "prod"), 0);
    ck_assert_int_eq(lt_properties_set(&text, "local", "bootstrap.servers", "b:1"), 0);
    ck_assert_int_eq(lt_properties_set(&text, "prod", "list", "c"), 0);
    check_text("# my brokers\ncurrent = prod\n\n! at home\n[local]\nbootstrap.servers = b:1\n  # "
               "last\n\n[prod]\n"
               "list = c\nx = 1");
}
END_TEST

/* A new key comes behind the section's last entry; a new section at the end, which gets its newline. */
START_TEST(set_adds)
{
    ck_assert_int_eq(lt_properties_set(&text, "", "previous", "prod"), 0);
    ck_assert_int_eq(lt_properties_set(&text, "local", "client.id", "me"), 0);
    ck_assert_int_eq(lt_properties_set(&text, "prod", "y", "2"), 0);
    ck_assert_int_eq(lt_properties_set(&text, "test", "z", "3"), 0);
    check_text("# my brokers\ncurrent = local\nprevious = prod\n\n! at home\n[local]\n"
               "bootstrap.servers: localhost:9092 \nclient.id = me\n  # last\n\n[prod]\nlist = "
               "a,\\\n   b\nx = 1\n"
               "y = 2\n\n[test]\nz = 3\n");
}
END_TEST

START_TEST(unset_takes_away)
{
    ck_assert_int_eq(lt_properties_unset(&text, "prod", "list"), 0);
    ck_assert_int_eq(lt_properties_unset(&text, "", "x"), 0); /* another section's */
    ck_assert_int_eq(lt_properties_unset(&text, "gone", "x"), 0);
    ck_assert_ptr_nonnull(strstr(lt_buf_text(&text), "[prod]\nx = 1"));
}
END_TEST

START_TEST(sections_come_and_go)
{
    ck_assert_int_eq(lt_properties_add_section(&text, "prod"), 0);
    ck_assert_int_eq(lt_properties_add_section(&text, "new"), 0);
    ck_assert_int_eq(lt_properties_remove_section(&text, "local"), 0);
    ck_assert_int_eq(lt_properties_remove_section(&text, "gone"), 0);
    check_text(
        "# my brokers\ncurrent = local\n\n! at home\n[prod]\nlist = a,\\\n   b\nx = 1\n\n[new]\n");
}
END_TEST

/* Whatever the value, the parser reads it back. */
START_TEST(values_are_escaped)
{
    static const char *const values[] = {"",       " edge ",  "a\\b",   "tab\there", "two\nlines",
                                         "# hash", "a = b:c", "ends\\", "\xc3\xa9",  " "};
    struct test_dir dir;
    test_dir_init(&dir);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct lt_properties *props = NULL;
        ck_assert_int_eq(lt_properties_set(&text, "prod", "x", values[i]), 0);
        const char *path = test_dir_path(&dir, "file");
        test_file_write(path, (const char *)text.data, text.size);
        ck_assert_int_eq(lt_properties_load(path, LT_PROPERTIES_SECTIONS, &props, NULL), 0);
        ck_assert_str_eq(lt_properties_get(props, "prod", "x"), values[i]);
        lt_properties_free(props);
    }
    test_dir_release(&dir);
}
END_TEST

/* An empty file is a good start. */
START_TEST(from_nothing)
{
    struct lt_buf empty = {0};
    ck_assert_int_eq(lt_properties_set(&empty, "", "current", "a"), 0);
    ck_assert_int_eq(lt_properties_set(&empty, "a", "k", "v"), 0);
    ck_assert_str_eq(lt_buf_text(&empty), "current = a\n\n[a]\nk = v\n");
    ck_assert_int_eq(lt_properties_unset(&empty, "", "current"), 0);
    ck_assert_int_eq(lt_properties_remove_section(&empty, "a"), 0);
    ck_assert_int_eq(lt_properties_add_section(&empty, "b"), 0);
    ck_assert_int_eq(lt_properties_set(&empty, "", "current", "b"), 0);
    ck_assert_str_eq(lt_buf_text(&empty), "current = b\n\n\n[b]\n");
    lt_buf_release(&empty);
}
END_TEST

/* Short memory at any allocation leaves the text as it was. */
START_TEST(every_allocation_may_fail)
{
    int err = LEAT_ENOMEM;
    for (int64_t n = 0; err != 0; n++) {
        lt_alloc_fail_after(n);
        err = lt_properties_set(&text, "test", "key",
                                "some value that is rather long, so that the buffers grow");
        lt_alloc_fail_never();
        if (err != 0) {
            ck_assert_int_eq(err, LEAT_ENOMEM);
            check_text(before);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("properties_edit");
    TCase *tcase = tcase_create("edit");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, set_changes_in_place);
    tcase_add_test(tcase, set_adds);
    tcase_add_test(tcase, unset_takes_away);
    tcase_add_test(tcase, sections_come_and_go);
    tcase_add_test(tcase, values_are_escaped);
    tcase_add_test(tcase, from_nothing);
    tcase_add_test(tcase, every_allocation_may_fail);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
