/* Format verbs on a record built by hand; JSON lines there and back. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "client/cli/record_format.h"
#include "client/cli/record_json.h"
#include "tests/support/test_main.h"

static struct leat_record *rec;
static struct lt_buf out;

static void setup(void)
{
    lt_buf_init(&out);
    rec = leat_record_new();
    ck_assert_ptr_nonnull(rec);
    ck_assert_int_eq(leat_record_set_topic(rec, "orders", 3), 0);
    ck_assert_int_eq(leat_record_set_key(rec, "k1", 2), 0);
    ck_assert_int_eq(leat_record_set_value(rec, "\x00\x00\x00\x2a", 4), 0);
    ck_assert_int_eq(leat_record_add_header(rec, "a", "1", 1), 0);
    ck_assert_int_eq(leat_record_add_header(rec, "b", NULL, 0), 0);
    leat_record_set_timestamp(rec, 1771063923101);
}

static void teardown(void)
{
    leat_record_free(rec);
    lt_buf_release(&out);
}

static const struct {
    const char *format, *text;
} good[] = {
    {"%t/%p %k", "orders/3 k1"},
    {"%T %K %V %H %i", "6 2 4 2 7"},
    {"%o %e", "-1 -1"},
    {"%v{hex} %v{base64} %v{unpack[>I$]}", "0000002a AAAAKg== 42"},
    {"%d %d{iso}", "1771063923101 2026-02-14T10:12:03.101Z"},
    {"%d{strftime[%F %T]}", "2026-02-14 10:12:03"},
    {"%h{[%k=%v]}", "[a=1][b=]"},
    {"%h{%K%V,}", "11,1-1,"},
    {"%%%{%}", "%{}"},
    {"a\\tb\\n\\\\\\x41", "a\tb\n\\A"},
    {"%k{json}", "\"k1\""},
    {"%S %s{hex}", "4 0000002a"},
    {"%p{big16}", NULL},
    {"%R", NULL},
};

/* Each verb prints what the help says. */
START_TEST(verbs_print)
{
    struct cli_record_format *format;
    struct leat_error *err = NULL;
    ck_assert_msg(cli_record_format_parse(good[_i].format, &format, &err) == 0, "%s",
                  lt_error_message(err));
    ck_assert_int_eq(cli_record_format_write(format, rec, 7, &out), 0);
    if (good[_i].text != NULL) {
        ck_assert_str_eq(lt_buf_text(&out), good[_i].text);
    } else if (strcmp(good[_i].format, "%R") == 0) {
        ck_assert_uint_eq(out.size, 4);
        ck_assert_mem_eq(out.data, "\x00\x00\x00\x04", 4);
    } else {
        ck_assert_uint_eq(out.size, 2);
        ck_assert_mem_eq(out.data, "\x00\x03", 2);
    }
    cli_record_format_free(format);
}
END_TEST

static const char *const bad[] = {"%z",       "%",     "%v{",       "%v{rot13}",    "%p{hex}",
                                  "%h",       "%h{%k", "%h{%h{}}",  "\\q",          "\\x4",
                                  "%d{soon}", "%a",    "%a{color}", "%v{unpack[z]}"};

/* What is not known is refused whole, with its column. */
START_TEST(unknown_verbs_are_refused)
{
    struct cli_record_format *format;
    struct leat_error *err = NULL;
    ck_assert_msg(cli_record_format_parse(bad[_i], &format, &err) == LEAT_EINVAL, "%s", bad[_i]);
    ck_assert_ptr_nonnull(strstr(lt_error_message(err), "column"));
    lt_error_free(err);
}
END_TEST

/* A record printed as JSON and read again is the same record: key, binary value, headers with null, timestamp. */
START_TEST(json_there_and_back)
{
    struct leat_record *copy = leat_record_new();
    size_t size;
    const char *name;
    ck_assert_int_eq(leat_record_set_value(rec, "\xff\x00", 2), 0);
    ck_assert_int_eq(cli_record_json_write(rec, false, false, &out), 0);
    ck_assert_int_eq(cli_record_json_read((char *)out.data, out.size, NULL, true, copy, NULL), 0);
    int32_t partition;
    ck_assert_str_eq(leat_record_topic(copy, &partition), "orders");
    ck_assert_int_eq(partition, 3);
    ck_assert_int_eq(leat_record_timestamp(copy), 1771063923101);
    ck_assert_mem_eq(leat_record_key(copy, &size), "k1", 2);
    ck_assert_uint_eq(size, 2);
    ck_assert_mem_eq(leat_record_value(copy, &size), "\xff\x00", 2);
    ck_assert_uint_eq(size, 2);
    ck_assert_uint_eq(leat_record_header_count(copy), 2);
    ck_assert_mem_eq(leat_record_header_at(copy, 0, &name, &size), "1", 1);
    ck_assert_str_eq(name, "a");
    ck_assert_ptr_null(leat_record_header_at(copy, 1, &name, &size));
    ck_assert_str_eq(name, "b");
    leat_record_free(copy);
}
END_TEST

static const char *const bad_json[] = {"",
                                       "[]",
                                       "{",
                                       "{\"topic\":1}",
                                       "{\"topic\":\"t\",\"key\":5}",
                                       "{\"topic\":\"t\",\"value_base64\":\"!\"}",
                                       "{\"topic\":\"t\",\"headers\":{}}",
                                       "{\"topic\":\"t\",\"headers\":[{}]}",
                                       "{\"topic\":\"t\",\"topic\":\"u\"}"};

/* A line that is no record is refused with a reason. */
START_TEST(bad_json_is_refused)
{
    struct leat_record *copy = leat_record_new();
    struct leat_error *err = NULL;
    ck_assert_msg(cli_record_json_read(bad_json[_i], strlen(bad_json[_i]), NULL, false, copy,
                                       &err) == LEAT_EINVAL,
                  "%s", bad_json[_i]);
    ck_assert_str_ne(lt_error_message(err), "");
    lt_error_free(err);
    leat_record_free(copy);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("record_format");
    TCase *tc = tcase_create("verbs");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, verbs_print, 0, sizeof(good) / sizeof(good[0]));
    tcase_add_loop_test(tc, unknown_verbs_are_refused, 0, sizeof(bad) / sizeof(bad[0]));
    tcase_add_test(tc, json_there_and_back);
    tcase_add_loop_test(tc, bad_json_is_refused, 0, sizeof(bad_json) / sizeof(bad_json[0]));
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
