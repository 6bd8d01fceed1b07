/* CRC-32C against its published values, and the two versions against each other. */
#include "base/crc32c.h"
#include "tests/support/test_main.h"

/* The check value of the catalogue of CRC algorithms, and the four of RFC 3720 B.4. */
START_TEST(published_values)
{
    uint8_t bytes[32];
    ck_assert_uint_eq(lt_crc32c("123456789", 9), 0xe3069283U);
    for (unsigned i = 0; i < 32; i++) {
        bytes[i] = 0;
    }
    ck_assert_uint_eq(lt_crc32c(bytes, 32), 0x8a9136aaU);
    for (unsigned i = 0; i < 32; i++) {
        bytes[i] = 0xff;
    }
    ck_assert_uint_eq(lt_crc32c(bytes, 32), 0x62a8ab43U);
    for (unsigned i = 0; i < 32; i++) {
        bytes[i] = (uint8_t)i;
    }
    ck_assert_uint_eq(lt_crc32c(bytes, 32), 0x46dd794eU);
    for (unsigned i = 0; i < 32; i++) {
        bytes[i] = (uint8_t)(31 - i);
    }
    ck_assert_uint_eq(lt_crc32c(bytes, 32), 0x113fdb5cU);
    ck_assert_uint_eq(lt_crc32c(bytes, 0), 0);
}
END_TEST

/* Both versions agree for every length and start within a few cache lines. */
START_TEST(versions_agree)
{
    uint8_t bytes[300];
    uint32_t state = 1;
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        state = state * 1664525U + 1013904223U;
        bytes[i] = (uint8_t)(state >> 24);
    }
    for (unsigned start = 0; start < 16; start++) {
        for (unsigned size = 0; size + start <= sizeof(bytes); size++) {
            ck_assert_uint_eq(lt_crc32c(bytes + start, size),
                              lt_crc32c_portable(0, bytes + start, size));
        }
    }
}
END_TEST

/* The CRC of two parts in turn is that of the whole, wherever it is cut. */
START_TEST(extend_continues)
{
    const char *text = "an append-only partitioned log";
    uint32_t whole = lt_crc32c(text, 30);
    for (unsigned cut = 0; cut <= 30; cut++) {
        ck_assert_uint_eq(lt_crc32c_extend(lt_crc32c(text, cut), text + cut, 30 - cut), whole);
        ck_assert_uint_eq(lt_crc32c_portable(lt_crc32c(text, cut), text + cut, 30 - cut), whole);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crc32c");
    TCase *tcase = tcase_create("crc32c");
    tcase_add_test(tcase, published_values);
    tcase_add_test(tcase, versions_agree);
    tcase_add_test(tcase, extend_continues);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
