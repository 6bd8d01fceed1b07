/* Bytes as text and back. */
#include <check.h>
#include <stdlib.h>

#include "client/cli/encode.h"
#include "leat/err.h"
#include "tests/support/test_main.h"

static struct lt_buf buf;

static void setup(void)
{
    lt_buf_init(&buf);
}

static void teardown(void)
{
    lt_buf_release(&buf);
}

static const struct {
    const char *plain, *base64;
} pairs[] = {{"", ""},
             {"f", "Zg=="},
             {"fo", "Zm8="},
             {"foo", "Zm9v"},
             {"foob", "Zm9vYg=="},
             {"fooba", "Zm9vYmE="},
             {"foobar", "Zm9vYmFy"}};

/* The vectors of RFC 4648, both ways. */
START_TEST(base64_goes_both_ways)
{
    ck_assert_int_eq(cli_encode_base64(lt_slice_text(pairs[_i].plain), &buf), 0);
    ck_assert_str_eq(lt_buf_text(&buf), pairs[_i].base64);
    buf.size = 0;
    ck_assert_int_eq(cli_decode_base64(pairs[_i].base64, &buf), 0);
    ck_assert_str_eq(lt_buf_text(&buf), pairs[_i].plain);
}
END_TEST

/* What is not base64 is refused and adds nothing. */
START_TEST(base64_refuses_nonsense)
{
    static const char *const bad[] = {"Z", "Zg=", "Zg==Zg=", "Z!==", "Zm9vY"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(cli_decode_base64(bad[i], &buf) == LEAT_EINVAL, "%s", bad[i]);
        ck_assert_uint_eq(buf.size, 0);
    }
}
END_TEST

static const struct {
    const char *pattern;
    const char *bytes;
    size_t size;
    const char *text;
} unpacked[] = {
    {">I$", "\x00\x00\x01\x02", 4, "258"},
    {"<I$", "\x02\x01\x00\x00", 4, "258"},
    {"b", "\xff", 1, "-1"},
    {"B", "\xff", 1, "255"},
    {">hH", "\xff\xfe\xff\xfe", 4, "-2 65534"},
    {">q", "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "-1"},
    {"Bs", "\x05hello", 6, "5 hello"},
    {">I$", "\x00\x00\x01", 3, "<short>"},
    {"B$", "\x01\x02", 2, "1<more>"},
    {"cc", "ab", 2, "a b"},
};

/* Numbers come out of bytes in either order, and a wrong size says so. */
START_TEST(unpack_reads_numbers)
{
    ck_assert(cli_unpack_check(unpacked[_i].pattern));
    ck_assert_int_eq(
        cli_unpack(unpacked[_i].pattern, lt_slice(unpacked[_i].bytes, unpacked[_i].size), &buf), 0);
    ck_assert_str_eq(lt_buf_text(&buf), unpacked[_i].text);
}
END_TEST

/* Hex, and JSON with its base64 way out for what is not UTF-8. */
START_TEST(hex_and_json)
{
    ck_assert_int_eq(cli_encode_hex(lt_slice("\x00\xaf", 2), &buf), 0);
    ck_assert_int_eq(cli_encode_json(lt_slice("a\"\n", 3), &buf), 0);
    ck_assert_int_eq(cli_encode_json(lt_slice("\xff", 1), &buf), 0);
    ck_assert_int_eq(cli_encode_json(LT_SLICE_NULL, &buf), 0);
    ck_assert_str_eq(lt_buf_text(&buf), "00af\"a\\\"\\n\"\"/w==\"null");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("encode");
    TCase *tc = tcase_create("forms");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, base64_goes_both_ways, 0, sizeof(pairs) / sizeof(pairs[0]));
    tcase_add_test(tc, base64_refuses_nonsense);
    tcase_add_loop_test(tc, unpack_reads_numbers, 0, sizeof(unpacked) / sizeof(unpacked[0]));
    tcase_add_test(tc, hex_and_json);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
