/* The table of wire errors. */
#include "leat/err.h"
#include "proto/errors.h"
#include "tests/support/test_main.h"

/* Names, texts and flags of a few codes that clients act on, as in Kafka 4.3.1. */
START_TEST(codes_have_names_texts_and_flags)
{
    ck_assert_str_eq(proto_error_name(PROTO_ERROR_UNKNOWN_SERVER_ERROR), "UNKNOWN_SERVER_ERROR");
    ck_assert_str_eq(proto_error_name(0), "NONE");
    ck_assert_str_eq(proto_error_text(PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION),
                     "This server does not host this topic-partition.");
    ck_assert(proto_error_is_retriable(PROTO_ERROR_NOT_LEADER_OR_FOLLOWER));
    ck_assert(proto_error_needs_metadata(PROTO_ERROR_NOT_LEADER_OR_FOLLOWER));
    ck_assert(proto_error_is_retriable(PROTO_ERROR_REQUEST_TIMED_OUT));
    ck_assert(!proto_error_needs_metadata(PROTO_ERROR_REQUEST_TIMED_OUT));
    ck_assert(!proto_error_is_retriable(PROTO_ERROR_OFFSET_OUT_OF_RANGE));
    ck_assert_int_eq(PROTO_ERROR_REBOOTSTRAP_REQUIRED, 129);
}
END_TEST

/* Every code from -1 to 136 is there, once; whatever asks for metadata is retriable. */
START_TEST(table_is_complete)
{
    for (int16_t code = -1; code <= 136; code++) {
        int16_t found;

        ck_assert_str_ne(proto_error_name(code), "UNKNOWN_CODE");
        ck_assert_uint_gt(strlen(proto_error_text(code)), 0);
        ck_assert_int_eq(proto_error_parse(proto_error_name(code), &found), 0);
        ck_assert_int_eq(found, code);
        ck_assert(!proto_error_needs_metadata(code) || proto_error_is_retriable(code));
    }
}
END_TEST

/* Codes of the future are permanent errors without a name. */
START_TEST(unknown_codes_are_permanent)
{
    static const int16_t codes[] = {-2, 137, 1000, INT16_MIN, INT16_MAX};
    int16_t untouched = 7;

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        ck_assert_str_eq(proto_error_name(codes[i]), "UNKNOWN_CODE");
        ck_assert(!proto_error_is_retriable(codes[i]));
        ck_assert(!proto_error_needs_metadata(codes[i]));
    }
    ck_assert_int_eq(proto_error_parse("NO_SUCH_ERROR", &untouched), LEAT_ENOENT);
    ck_assert_int_eq(untouched, 7);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("errors");
    TCase *tc = tcase_create("errors");

    tcase_add_test(tc, codes_have_names_texts_and_flags);
    tcase_add_test(tc, table_is_complete);
    tcase_add_test(tc, unknown_codes_are_permanent);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return test_main(suite());
}
