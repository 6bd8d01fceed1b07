/* test_error_map.c: every code of ours has a code on the wire, and a broker's own code crosses unchanged. */
#include "server/error_map.h"

#include <check.h>

#include "leat/err.h"
#include "proto/errors.h"
#include "tests/support/test_main.h"

START_TEST(success_is_success)
{
    ck_assert_int_eq(srv_wire_error(0), 0);
}
END_TEST

/* No error of ours becomes success on the wire. */
START_TEST(no_error_becomes_success)
{
    static const int codes[] = {
#define XX(name, number, text) LEAT_E##name,
        LEAT_ERR_MAP(XX)
#undef XX
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        ck_assert_int_ne(srv_wire_error(codes[i]), 0);
    }
}
END_TEST

START_TEST(wire_codes_cross_unchanged)
{
    for (int16_t code = -1; code < 140; code++) {
        if (code != 0) {
            ck_assert_int_eq(srv_wire_error(LEAT_BROKER_ERROR(code)), code);
        }
    }
}
END_TEST

/* What the disk does is told as the disk's doing, in a code after which clients try again. */
START_TEST(disk_trouble_is_a_storage_error)
{
    ck_assert_int_eq(srv_wire_error(LEAT_EIO), PROTO_ERROR_KAFKA_STORAGE_ERROR);
    ck_assert_int_eq(srv_wire_error(LEAT_ENOSPACE), PROTO_ERROR_KAFKA_STORAGE_ERROR);
    ck_assert_int_eq(srv_wire_error(LEAT_EFAILED), PROTO_ERROR_KAFKA_STORAGE_ERROR);
    ck_assert(proto_error_is_retriable(PROTO_ERROR_KAFKA_STORAGE_ERROR));
}
END_TEST

START_TEST(a_code_that_nobody_foresaw_is_an_unknown_error)
{
    ck_assert_int_eq(srv_wire_error(LEAT_EFORKED), PROTO_ERROR_UNKNOWN_SERVER_ERROR);
    ck_assert_int_eq(srv_wire_error(-500), PROTO_ERROR_UNKNOWN_SERVER_ERROR);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("error_map");
    TCase *tcase = tcase_create("error_map");

    tcase_add_test(tcase, success_is_success);
    tcase_add_test(tcase, no_error_becomes_success);
    tcase_add_test(tcase, wire_codes_cross_unchanged);
    tcase_add_test(tcase, disk_trouble_is_a_storage_error);
    tcase_add_test(tcase, a_code_that_nobody_foresaw_is_an_unknown_error);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
