/* Sizes and durations: every unit, no unit, nonsense and overflow. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/units.h"
#include "leat/err.h"

static const struct {
    const char *text;
    int64_t value;
    int err;
} sizes[] = {
    {"0", 0, 0},
    {"12", 12, 0},
    {"12B", 12, 0},
    {"64KiB", 65536, 0},
    {"64K", 65536, 0},
    {"64 KiB", 65536, 0},
    {"1GB", 1000000000, 0},
    {"8GiB", 8589934592, 0},
    {"9223372036854775807", INT64_MAX, 0},
    {"9223372036854775808", 0, LEAT_E2BIG},
    {"9000000TiB", 0, LEAT_E2BIG},
    {"", 0, LEAT_EINVAL},
    {"-1", 0, LEAT_EINVAL},
    {"KiB", 0, LEAT_EINVAL},
    {"1.5GiB", 0, LEAT_EINVAL},
    {"1kb", 0, LEAT_EINVAL},
    {"1KiBx", 0, LEAT_EINVAL},
};

/* Each spelling gives its value, or its error and an untouched output. */
START_TEST(parse_size_knows_every_unit)
{
    int64_t got = -77;
    ck_assert_int_eq(lt_parse_size(sizes[_i].text, &got), sizes[_i].err);
    ck_assert_int_eq(got, sizes[_i].err == 0 ? sizes[_i].value : -77);
}
END_TEST

static const struct {
    const char *text;
    int64_t plain;
    int64_t value;
    int err;
} durations[] = {
    {"250ms", 1, 250, 0},      {"10s", 1, 10000, 0},
    {"5m", 1, 300000, 0},      {"2h", 1, 7200000, 0},
    {"7d", 1, 604800000, 0},   {"1w", 1, 604800000, 0},
    {"1h30m", 1, 5400000, 0},  {"-1h", 1, -3600000, 0},
    {"+1s", 1, 1000, 0},       {"15", 1, 15, 0},
    {"15", 1000, 15000, 0},    {"1h30", 1, 3600030, 0},
    {"", 1, 0, LEAT_EINVAL},   {"s", 1, 0, LEAT_EINVAL},
    {"5y", 1, 0, LEAT_EINVAL}, {"9223372036854775807w", 1, 0, LEAT_E2BIG},
};

/* Each spelling gives its value, or its error and an untouched output; a trailing plain number
 * counts the plain unit. */
START_TEST(parse_duration_knows_every_unit)
{
    int64_t got = -77;
    ck_assert_int_eq(lt_parse_duration_ms(durations[_i].text, durations[_i].plain, &got),
                     durations[_i].err);
    ck_assert_int_eq(got, durations[_i].err == 0 ? durations[_i].value : -77);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("units");
    TCase *tc = tcase_create("parse");
    tcase_add_loop_test(tc, parse_size_knows_every_unit, 0, sizeof(sizes) / sizeof(sizes[0]));
    tcase_add_loop_test(tc, parse_duration_knows_every_unit, 0,
                        sizeof(durations) / sizeof(durations[0]));
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
