/* The text form of uuids, against what Kafka prints. */
#include "leat/err.h"
#include "proto/uuid.h"
#include "tests/support/test_main.h"

/* Bytes and text as Kafka's Uuid pairs them (the second is what its golden messages use). */
START_TEST(text_is_kafkas)
{
    static const struct {
        struct proto_uuid id;
        const char *text;
    } cases[] = {
        {{{0}}, "AAAAAAAAAAAAAAAAAAAAAA"},
        {{{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xf1, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32,
           0x0e}},
         "ASNFZ4mrzfH-3LqYdlQyDg"},
        {{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
           0xff}},
         "_____________________w"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[PROTO_UUID_TEXT_SIZE];
        struct proto_uuid back;

        ck_assert_str_eq(proto_uuid_format(cases[i].id, text), cases[i].text);
        ck_assert_int_eq(proto_uuid_parse(lt_slice_text(cases[i].text), &back), 0);
        ck_assert(proto_uuid_equal(back, cases[i].id));
    }
}
END_TEST

/* Wrong length, padding, the other base64 alphabet, blanks: refused, and the result untouched. */
START_TEST(other_text_is_refused)
{
    static const char *const wrong[] = {"",
                                        "AAAAAAAAAAAAAAAAAAAAA",
                                        "AAAAAAAAAAAAAAAAAAAAAAA",
                                        "AAAAAAAAAAAAAAAAAAAA==",
                                        "AAAAAAAAAA+AAAAAAAAAAA",
                                        "AAAAAAAAAA/AAAAAAAAAAA",
                                        "AAAAAAAAAA AAAAAAAAAAA",
                                        "00000000-0000-0000-0000-000000000000"};
    struct proto_uuid id = {{9}};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_int_eq(proto_uuid_parse(lt_slice_text(wrong[i]), &id), LEAT_EINVAL);
    }
    ck_assert_int_eq(proto_uuid_parse(LT_SLICE_NULL, &id), LEAT_EINVAL);
    ck_assert_uint_eq(id.bytes[0], 9);
}
END_TEST

/* Random ones are version 4, never none, never the same, and never look like an option. */
START_TEST(random_ids_are_usable)
{
    struct proto_uuid last = PROTO_UUID_ZERO;

    for (int i = 0; i < 1000; i++) {
        struct proto_uuid id;
        char text[PROTO_UUID_TEXT_SIZE];

        ck_assert_int_eq(proto_uuid_random(&id), 0);
        ck_assert(!proto_uuid_is_zero(id));
        ck_assert(!proto_uuid_equal(id, last));
        ck_assert_uint_eq(id.bytes[6] >> 4, 4);
        ck_assert_uint_eq(id.bytes[8] >> 6, 2);
        ck_assert(proto_uuid_format(id, text)[0] != '-');
        last = id;
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("uuid");
    TCase *tc = tcase_create("uuid");

    tcase_add_test(tc, text_is_kafkas);
    tcase_add_test(tc, other_text_is_refused);
    tcase_add_test(tc, random_ids_are_usable);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return test_main(suite());
}
