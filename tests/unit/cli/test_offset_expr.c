/* Offset expressions: every form of the grammar, its aliases, and what is refused. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "client/cli/offset_expr.h"
#include "tests/support/test_main.h"

#define NOW 1771063923101LL /* 2026-02-14T10:12:03.101Z */
#define DAY 1771027200000LL /* 2026-02-14T00:00:00Z */
#define HOUR 3600000LL

static const struct {
    const char *text;
    struct cli_range range;
} good[] = {
    {"start", {{CLI_POINT_START, 0}, {CLI_POINT_NONE, 0}}},
    {"earliest", {{CLI_POINT_START, 0}, {CLI_POINT_NONE, 0}}},
    {"beginning", {{CLI_POINT_START, 0}, {CLI_POINT_NONE, 0}}},
    {"oldest", {{CLI_POINT_START, 0}, {CLI_POINT_NONE, 0}}},
    {"end", {{CLI_POINT_END, 0}, {CLI_POINT_NONE, 0}}},
    {"latest", {{CLI_POINT_END, 0}, {CLI_POINT_NONE, 0}}},
    {"newest", {{CLI_POINT_END, 0}, {CLI_POINT_NONE, 0}}},
    {"100", {{CLI_POINT_OFFSET, 100}, {CLI_POINT_NONE, 0}}},
    {"100:200", {{CLI_POINT_OFFSET, 100}, {CLI_POINT_OFFSET, 200}}},
    {":200", {{CLI_POINT_NONE, 0}, {CLI_POINT_OFFSET, 200}}},
    {"100:", {{CLI_POINT_OFFSET, 100}, {CLI_POINT_NONE, 0}}},
    {"start:end", {{CLI_POINT_START, 0}, {CLI_POINT_END, 0}}},
    {"+10", {{CLI_POINT_START, 10}, {CLI_POINT_NONE, 0}}},
    {"-10", {{CLI_POINT_END, 10}, {CLI_POINT_NONE, 0}}},
    {"-10:-5", {{CLI_POINT_END, 10}, {CLI_POINT_END, 5}}},
    {"@now", {{CLI_POINT_TIME, NOW}, {CLI_POINT_NONE, 0}}},
    {"@-1h", {{CLI_POINT_TIME, NOW - HOUR}, {CLI_POINT_NONE, 0}}},
    {"@1h30m", {{CLI_POINT_TIME, NOW - HOUR - HOUR / 2}, {CLI_POINT_NONE, 0}}},
    {"@1771063923", {{CLI_POINT_TIME, 1771063923000}, {CLI_POINT_NONE, 0}}},
    {"@1771063923101", {{CLI_POINT_TIME, 1771063923101}, {CLI_POINT_NONE, 0}}},
    {"@1771063923101999", {{CLI_POINT_TIME, 1771063923101}, {CLI_POINT_NONE, 0}}},
    {"@1771063923101999999", {{CLI_POINT_TIME, 1771063923101}, {CLI_POINT_NONE, 0}}},
    {"@2026-02-14", {{CLI_POINT_TIME, DAY}, {CLI_POINT_NONE, 0}}},
    {"@2026-02-14T10:12:03.101Z", {{CLI_POINT_TIME, NOW}, {CLI_POINT_NONE, 0}}},
    {"@2026-02-14T10:12:03.101", {{CLI_POINT_TIME, NOW}, {CLI_POINT_NONE, 0}}},
    {"@2026-02-14 10:12", {{CLI_POINT_TIME, DAY + 10 * HOUR + 12 * 60000}, {CLI_POINT_NONE, 0}}},
    {"@2026-02-14T12:12:03.101+02:00", {{CLI_POINT_TIME, NOW}, {CLI_POINT_NONE, 0}}},
    {"@2026-02-14T04:42:03.101-0530", {{CLI_POINT_TIME, NOW}, {CLI_POINT_NONE, 0}}},
    {"@2026-02-14:@2026-02-15", {{CLI_POINT_TIME, DAY}, {CLI_POINT_TIME, DAY + 24 * HOUR}}},
    {"@2026-02-14:1h", {{CLI_POINT_TIME, DAY}, {CLI_POINT_TIME, DAY + HOUR}}},
    {"@2026-02-14T10:00:00Z:30m",
     {{CLI_POINT_TIME, DAY + 10 * HOUR}, {CLI_POINT_TIME, DAY + 10 * HOUR + HOUR / 2}}},
    {"@-2h:@-1h", {{CLI_POINT_TIME, NOW - 2 * HOUR}, {CLI_POINT_TIME, NOW - HOUR}}},
    {"@-2h:-1h", {{CLI_POINT_TIME, NOW - 2 * HOUR}, {CLI_POINT_TIME, NOW - HOUR}}},
    {"@1w2d", {{CLI_POINT_TIME, NOW - 9 * 24 * HOUR}, {CLI_POINT_NONE, 0}}},
    {"+5:-5", {{CLI_POINT_START, 5}, {CLI_POINT_END, 5}}},
    {":@now", {{CLI_POINT_NONE, 0}, {CLI_POINT_TIME, NOW}}},
    {"s@1771063923101", {{CLI_POINT_TIME, NOW}, {CLI_POINT_NONE, 0}}},
    {"e@1771063923101", {{CLI_POINT_NONE, 0}, {CLI_POINT_TIME, NOW}}},
};

/* Each expression gives its two points. */
START_TEST(range_is_understood)
{
    struct cli_range range;
    struct leat_error *err = NULL;
    ck_assert_msg(cli_range_parse(good[_i].text, NOW, false, &range, &err) == 0, "%s: %s",
                  good[_i].text, lt_error_message(err));
    ck_assert_msg(range.from.kind == good[_i].range.from.kind &&
                      range.from.value == good[_i].range.from.value,
                  "%s: from %d %lld", good[_i].text, range.from.kind, (long long)range.from.value);
    ck_assert_msg(range.to.kind == good[_i].range.to.kind &&
                      range.to.value == good[_i].range.to.value,
                  "%s: to %d %lld", good[_i].text, range.to.kind, (long long)range.to.value);
}
END_TEST

static const char *const bad[] = {
    "@9999999999:9223372036854775807ms",
    "@2026-02-14:106751991167d",
    "",
    "x",
    "1x",
    "--1",
    "+",
    "-",
    "@",
    "@x",
    "@2026-13-01",
    "@2026-02-14T25:00",
    "@12345",
    "100:x",
    "9223372036854775808",
    "@2026-02-14T10:00:00+99:00",
    "committed",
    "stored",
    "start:committed",
};

/* Nonsense is refused with a message that repeats the expression. */
START_TEST(nonsense_is_refused)
{
    struct cli_range range;
    struct leat_error *err = NULL;
    ck_assert_msg(cli_range_parse(bad[_i], NOW, false, &range, &err) == LEAT_EINVAL, "%s", bad[_i]);
    ck_assert_msg(strstr(lt_error_message(err), bad[_i]) != NULL, "%s", lt_error_message(err));
    lt_error_free(err);
}
END_TEST

/* An expression of any length is refused or read, never written past a buffer. */
START_TEST(very_long_text_is_refused)
{
    char text[5000];
    struct cli_range range;
    memset(text, '1', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ck_assert_int_eq(cli_range_parse(text, NOW, false, &range, NULL), LEAT_EINVAL);
}
END_TEST

/* Times print as ISO-8601 in UTC with milliseconds, before 1970 too. */
START_TEST(times_print_as_iso)
{
    char buf[32];
    ck_assert_str_eq(cli_time_format(NOW, buf, sizeof(buf)), "2026-02-14T10:12:03.101Z");
    ck_assert_str_eq(cli_time_format(0, buf, sizeof(buf)), "1970-01-01T00:00:00.000Z");
    ck_assert_str_eq(cli_time_format(-1, buf, sizeof(buf)), "1969-12-31T23:59:59.999Z");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("offset_expr");
    TCase *tc = tcase_create("grammar");
    tcase_add_loop_test(tc, range_is_understood, 0, sizeof(good) / sizeof(good[0]));
    tcase_add_loop_test(tc, nonsense_is_refused, 0, sizeof(bad) / sizeof(bad[0]));
    tcase_add_test(tc, very_long_text_is_refused);
    tcase_add_test(tc, times_print_as_iso);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
