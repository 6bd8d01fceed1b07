/* Format verbs on a record built by hand, and the same verbs reading; JSON lines there and back. */
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
    {"%V{hex16} %p{hex4}", "0004 3"},
    {"%a{control}", ""},
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

static const char *const bad[] = {"%z",       "%",     "%v{",       "%v{rot13}",     "%p{hex}",
                                  "%h",       "%h{%k", "%h{%h{}}",  "\\q",           "\\x4",
                                  "%d{soon}", "%a",    "%a{color}", "%v{unpack[z]}", "%K{3}"};

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
    ck_assert_int_eq(
        cli_record_json_read((char *)out.data, out.size, NULL, CLI_PARTITION_OF_RECORD, copy, NULL),
        0);
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
    ck_assert_msg(cli_record_json_read(bad_json[_i], strlen(bad_json[_i]), NULL, -1, copy, &err) ==
                      LEAT_EINVAL,
                  "%s", bad_json[_i]);
    ck_assert_str_ne(lt_error_message(err), "");
    lt_error_free(err);
    leat_record_free(copy);
}
END_TEST

/* ---- formats that read ---- */

/* key, value: "-" stands for null */
static const struct {
    const char *format, *input, *key, *value;
    int size; /* of the input, -1 = strlen */
    int used;
} readable[] = {
    {"%v\\n", "one\ntwo\n", "-", "one", -1, 4},
    {"%k:%v\\n", "a:b\n", "a", "b", -1, 4},
    {"%k:%v\\n", ":\n", "", "", -1, 2},
    {"%v\\n", "last", "-", "last", -1, 4},
    {"%v", "all\nof it\n", "-", "all\nof it\n", -1, 10},
    {"%K{big32}%k%V{big32}%v", "\0\0\0\1k\0\0\0\2vvrest", "k", "vv", 15, 11},
    {"%K{big16}%k%v\\n", "\xff\xffv\n", "-", "v", 4, 4},
    {"%K{3}%k%v;", "keyvalue;", "key", "value", -1, 9},
    {"%K %k%V %v", "2 kk1 v", "kk", "v", -1, 7},
    {"%V{little16}%v", "\1\0vX", "-", "v", 4, 3},
    {"%V{hex8}%v", "02vvX", "-", "vv", -1, 4},
    {"%v{hex},", "6f6b,", "-", "ok", -1, 5},
    {"%v{base64},", "b2s=,", "-", "ok", -1, 5},
    {"%v{json}\\n", "\"a\\nb\"\n", "-", "a\nb", -1, 7},
    {"%v{json}\\n", "null\n", "-", "-", -1, 5},
    {"%R%s", "\0\0\0\2ok", "-", "ok", 6, 6},
    {"%t %o %e %v\\n", "other 5 6 v\n", "-", "v", -1, 12},
};

static void check_text(const void *data, size_t size, const char *want)
{
    if (strcmp(want, "-") == 0) {
        ck_assert_ptr_null(data);
        return;
    }
    ck_assert_ptr_nonnull(data);
    ck_assert_uint_eq(size, strlen(want));
    ck_assert_mem_eq(data, want, size);
}

static int read_text(const char *text, struct lt_slice data, bool last, size_t *ret_used)
{
    struct cli_record_format *format;
    struct leat_error *err = NULL;
    ck_assert_msg(cli_record_format_parse_input(text, &format, &err) == 0, "%s: %s", text,
                  lt_error_message(err));
    int code = cli_record_format_read(format, data, last, "orders", CLI_PARTITION_OF_RECORD, rec,
                                      ret_used, &err);
    ck_assert_msg(code == 0 || code == LEAT_EINVAL, "%s: %d", text, code);
    lt_error_free(err);
    cli_record_format_free(format);
    return code;
}

/* Each form of input gives its key and value and takes its bytes; cut anywhere, it asks for more or has read enough. */
START_TEST(formats_read)
{
    const char *input = readable[_i].input;
    size_t size = readable[_i].size < 0 ? strlen(input) : (size_t)readable[_i].size;
    size_t used;
    ck_assert_int_eq(read_text(readable[_i].format, lt_slice(input, size), true, &used), 0);
    ck_assert_int_eq((int)used, readable[_i].used);
    const void *key = leat_record_key(rec, &size);
    check_text(key, size, readable[_i].key);
    const void *value = leat_record_value(rec, &size);
    check_text(value, size, readable[_i].value);
    ck_assert_str_eq(leat_record_topic(rec, NULL), "orders");
    for (size_t cut = 0; cut < used; cut++) {
        size_t part;
        ck_assert_int_eq(read_text(readable[_i].format, lt_slice(input, cut), false, &part), 0);
        ck_assert_uint_eq(part, 0);
    }
}
END_TEST

/* Partition, time and headers come from the input too; a null header value is a length of -1. */
START_TEST(everything_is_read)
{
    static const char text[] = "2 1771063923101 2 a=1|b=-1|k:v\n";
    size_t used;
    int32_t partition;
    size_t size;
    const char *name;
    ck_assert_int_eq(read_text("%p %d %H %h{%k=%V|}%k:%v\\n", lt_slice_text(text), true, &used), 0);
    (void)leat_record_topic(rec, &partition);
    ck_assert_int_eq(partition, 2);
    ck_assert_int_eq(leat_record_timestamp(rec), 1771063923101);
    ck_assert_uint_eq(leat_record_header_count(rec), 2);
    ck_assert_ptr_null(leat_record_header_at(rec, 1, &name, &size));
    ck_assert_str_eq(name, "b");
    ck_assert_int_eq(read_text("%d{iso} %H%h{%k=%v,}%v\\n",
                               lt_slice_text("2026-02-14T10:12:03.101Z 1n=v,x\n"), true, &used),
                     0);
    ck_assert_int_eq(leat_record_timestamp(rec), 1771063923101);
    ck_assert_mem_eq(leat_record_header_at(rec, 0, &name, &size), "v", 1);
    ck_assert_int_eq(read_text("%d{strftime[%F %T]},%v\\n",
                               lt_slice_text("2026-02-14 10:12:03,x\n"), true, &used),
                     0);
    ck_assert_int_eq(leat_record_timestamp(rec), 1771063923000);
}
END_TEST

static const char *const bad_input_formats[] = {
    "%k%v\\n", "\\n", "%h{%k=%v,}", "%H%h{%k=%v}", "%v{unpack[i]}", "%i", "%a{compression}", "%["};

/* A format that cannot tell where a text ends, or what cannot be read, is refused before any input is. */
START_TEST(formats_that_cannot_read_are_refused)
{
    struct cli_record_format *format;
    struct leat_error *err = NULL;
    ck_assert_msg(cli_record_format_parse_input(bad_input_formats[_i], &format, &err) ==
                      LEAT_EINVAL,
                  "%s", bad_input_formats[_i]);
    ck_assert_str_ne(lt_error_message(err), "");
    lt_error_free(err);
}
END_TEST

static const struct {
    const char *format, *input;
} unreadable[] = {
    {"%k:%v\\n", "nothing\n"}, {"%K %k\\n", "x y\n"},  {"%V{big32}%v", "\x7f"},
    {"%v{hex}\\n", "abc\n"},   {"%v{json}\\n", "{\n"}, {"%v{base64}\\n", "!\n"},
    {"%K %k,", "-5 x,"},       {"%p %v\\n", "-7 v\n"}, {"%d{iso} %v", "soon x"},
};

/* Input that does not have the form is refused with a reason, also at its end. */
START_TEST(bad_input_is_refused)
{
    size_t used;
    ck_assert_int_eq(
        read_text(unreadable[_i].format, lt_slice_text(unreadable[_i].input), true, &used),
        LEAT_EINVAL);
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
    tc = tcase_create("reading");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, formats_read, 0, sizeof(readable) / sizeof(readable[0]));
    tcase_add_test(tc, everything_is_read);
    tcase_add_loop_test(tc, formats_that_cannot_read_are_refused, 0,
                        sizeof(bad_input_formats) / sizeof(bad_input_formats[0]));
    tcase_add_loop_test(tc, bad_input_is_refused, 0, sizeof(unreadable) / sizeof(unreadable[0]));
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
