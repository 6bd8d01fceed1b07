/* Properties files: every form of a line, includes, expansions, and what is refused with its place. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/properties.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_main.h"

static struct test_dir dir;

static void setup(void)
{
    test_dir_init(&dir);
}

static void teardown(void)
{
    test_dir_release(&dir);
}

static const char *write_file(const char *name, const char *text)
{
    const char *path = test_dir_path(&dir, name);

    test_file_write(path, text, strlen(text));
    return path;
}

/* Separators, comments, continuation and escapes are those of Java's properties. */
START_TEST(lines_are_read_as_java_reads_them)
{
    struct lt_properties *props = NULL;
    const char *path =
        write_file("a", "# comment \\\n! another\n\n  a = 1\nb:2\r\nc=  x\\ty\\u00e9\\\\ \n"
                        "list = one,\\\n   two\nurl = PLAINTEXT://h:9\nempty =\nd\\=e = f");

    ck_assert_int_eq(lt_properties_load(path, 0, &props, NULL), 0);
    ck_assert_str_eq(lt_properties_get(props, "", "a"), "1");
    ck_assert_str_eq(lt_properties_get(props, "", "b"), "2");
    ck_assert_str_eq(lt_properties_get(props, "", "c"), "x\ty\xc3\xa9\\");
    ck_assert_str_eq(lt_properties_get(props, "", "list"), "one,two");
    ck_assert_str_eq(lt_properties_get(props, "", "url"), "PLAINTEXT://h:9");
    ck_assert_str_eq(lt_properties_get(props, "", "empty"), "");
    ck_assert_str_eq(lt_properties_get(props, "", "d=e"), "f");
    ck_assert_uint_eq(lt_properties_count(props), 7);
    ck_assert_int_eq(lt_properties_at(props, 4)->line, 9);
    ck_assert_ptr_null(lt_properties_at(props, 7));
    lt_properties_free(props);
}
END_TEST

/* Included files stand where the include line stands; a pattern without match is nothing. */
START_TEST(include_reads_other_files)
{
    struct lt_properties *props = NULL;

    (void)write_file("one.inc", "x = 1\n");
    (void)write_file("two.inc", "y = 2\n");
    ck_assert_int_eq(
        lt_properties_load(write_file("a", "include = *.inc\ninclude = no-*.inc\nz = 3\n"), 0,
                           &props, NULL),
        0);
    ck_assert_uint_eq(lt_properties_count(props), 3);
    ck_assert_str_eq(lt_properties_get(props, "", "y"), "2");
    lt_properties_free(props);
}
END_TEST

/* ${env:} and ${file:} give their contents; a file loses its last newline only. */
START_TEST(values_come_from_variables_and_files)
{
    struct lt_properties *props = NULL;
    char text[600];
    char secret[512];

    snprintf(secret, sizeof(secret), "%s", write_file("secret", "pass word\n"));
    snprintf(text, sizeof(text), "a = <${env:LT_TEST_VALUE}>\nb = ${file:%s}\n", secret);
    ck_assert_int_eq(setenv("LT_TEST_VALUE", "v", 1), 0);
    ck_assert_int_eq(lt_properties_load(write_file("a", text), 0, &props, NULL), 0);
    ck_assert_str_eq(lt_properties_get(props, "", "a"), "<v>");
    ck_assert_str_eq(lt_properties_get(props, "", "b"), "pass word");
    lt_properties_free(props);
}
END_TEST

/* Keys of a section are apart from those of the top and of other sections. */
START_TEST(sections_hold_keys_of_their_own)
{
    struct lt_properties *props = NULL;

    ck_assert_int_eq(lt_properties_load(write_file("a", "a = 1\n[p]\na = 2\n[q]\na = 3\n"),
                                        LT_PROPERTIES_SECTIONS, &props, NULL),
                     0);
    ck_assert_str_eq(lt_properties_get(props, "", "a"), "1");
    ck_assert_str_eq(lt_properties_get(props, "p", "a"), "2");
    ck_assert_str_eq(lt_properties_get(props, "q", "a"), "3");
    ck_assert_ptr_null(lt_properties_get(props, "r", "a"));
    lt_properties_free(props);
}
END_TEST

static const struct {
    const char *text;
    const char *place; /* how the message ends the file's name and goes on */
} refused[] = {
    {"a = 1\nb = 2\na = 3\n", ":3: a was set before, at "},
    {"nonsense\n", ":1: expected"},
    {"= 1\n", ":1: the key is missing"},
    {"[p]\na = 1\n", ":1: sections are"},
    {"a = ${env:LT_TEST_NOT_SET}\n", ":1: variable LT_TEST_NOT_SET"},
    {"\n\na = ${vault:x}\n", ":3: ${vault:x}"},
    {"a = ${file:/proc/nonexistent/x}\n", ":1: /proc/nonexistent/x"},
};

/* What cannot be meant is refused with file and line. */
START_TEST(mistakes_are_named_with_their_place)
{
    struct lt_properties *props = NULL;
    struct leat_error *err = NULL;

    ck_assert_int_eq(lt_properties_load(write_file("a", refused[_i].text), 0, &props, &err),
                     LEAT_ECONFIG);
    ck_assert_msg(strstr(lt_error_message(err), refused[_i].place) != NULL, "message: %s",
                  lt_error_message(err));
    ck_assert_ptr_null(props);
    lt_error_free(err);
}
END_TEST

/* A file that includes itself ends with an error, not with the stack. */
START_TEST(include_has_a_depth)
{
    struct lt_properties *props = NULL;

    ck_assert_int_eq(lt_properties_load(write_file("a", "include = a\n"), 0, &props, NULL),
                     LEAT_ECONFIG);
    ck_assert_int_eq(lt_properties_load("/proc/nonexistent/file", 0, &props, NULL), LEAT_ENOENT);
}
END_TEST

/* Each allocation may fail; nothing leaks and nothing is returned. */
START_TEST(every_allocation_may_fail)
{
    char path[512];
    int err = LEAT_ENOMEM;

    snprintf(path, sizeof(path), "%s", write_file("a", "a = 1\n[s]\nb = \\\n 2\\t\n"));
    for (int64_t n = 0; err == LEAT_ENOMEM; n++) {
        struct lt_properties *props = NULL;

        lt_alloc_fail_after(n);
        err = lt_properties_load(path, LT_PROPERTIES_SECTIONS, &props, NULL);
        lt_alloc_fail_never();
        ck_assert_int_eq(err == 0, props != NULL);
        lt_properties_free(props);
    }
    ck_assert_int_eq(err, 0);
}
END_TEST

/* A section without entries is there, too; one that comes twice is one. */
START_TEST(sections_are_listed)
{
    struct lt_properties *props = NULL;
    const char *path = write_file("a", "x = 1\n[b]\n[a]\ny = 2\n[b]\nz = 3\n");

    ck_assert_int_eq(lt_properties_load(path, LT_PROPERTIES_SECTIONS, &props, NULL), 0);
    ck_assert_uint_eq(lt_properties_section_count(props), 2);
    ck_assert_str_eq(lt_properties_section_at(props, 0), "b");
    ck_assert_str_eq(lt_properties_section_at(props, 1), "a");
    ck_assert_ptr_null(lt_properties_section_at(props, 2));
    lt_properties_free(props);
}
END_TEST

/* The distance counts inserted, removed, changed and swapped letters. */
START_TEST(distance_counts_edits)
{
    ck_assert_uint_eq(lt_text_distance("linger.ms", "linger.ms"), 0);
    ck_assert_uint_eq(lt_text_distance("liger.ms", "linger.ms"), 1);
    ck_assert_uint_eq(lt_text_distance("ilnger.ms", "linger.ms"), 1);
    ck_assert_uint_eq(lt_text_distance("", "abc"), 3);
    ck_assert_uint_eq(lt_text_distance("kitten", "sitting"), 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("properties");
    TCase *tc = tcase_create("files");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, lines_are_read_as_java_reads_them);
    tcase_add_test(tc, include_reads_other_files);
    tcase_add_test(tc, values_come_from_variables_and_files);
    tcase_add_test(tc, sections_hold_keys_of_their_own);
    tcase_add_loop_test(tc, mistakes_are_named_with_their_place, 0,
                        (int)(sizeof(refused) / sizeof(refused[0])));
    tcase_add_test(tc, sections_are_listed);
    tcase_add_test(tc, include_has_a_depth);
    tcase_add_test(tc, every_allocation_may_fail);
    tcase_add_test(tc, distance_counts_edits);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
