/* Numbers as they stand in batches. */
#include "proto/varint.h"

#include "tests/support/hex.h"
#include "tests/support/test_main.h"

static const struct {
    int32_t value;
    const char *hex;
} signed_cases[] = {
    {0, "00"},
    {-1, "01"},
    {1, "02"},
    {-2, "03"},
    {63, "7e"},
    {-64, "7f"},
    {64, "8001"},
    {300, "d804"},
    {-301, "d904"},
    {INT32_MAX, "feffffff0f"},
    {INT32_MIN, "ffffffff0f"},
};

/* A signed varint is written and read as Kafka's ByteUtils does. */
START_TEST(signed_values_match_kafkas_vectors)
{
    struct lt_buf want = {0};
    test_hex_append(&want, signed_cases[_i].hex);
    uint8_t bytes[PROTO_VARLONG_MAX];
    int32_t value = signed_cases[_i].value;
    uint8_t *end = proto_varint_put(bytes, value);
    test_hex_assert_equal(lt_slice(bytes, (size_t)(end - bytes)), lt_buf_slice(&want));
    ck_assert_uint_eq(proto_varint_size(value), want.size);
    ck_assert_uint_eq(proto_varlong_size(value), want.size);
    int32_t got = 0;
    ck_assert_ptr_eq(proto_varint_get(bytes, end, &got), end);
    ck_assert_int_eq(got, value);
    int64_t got_long = 0;
    ck_assert_ptr_eq(proto_varlong_get(bytes, end, &got_long), end);
    ck_assert_int_eq(got_long, value);
    lt_buf_release(&want);
}
END_TEST

static const struct {
    uint32_t value;
    const char *hex;
} unsigned_cases[] = {
    {127, "7f"}, {128, "8001"}, {300, "ac02"}, {16383, "ff7f"}, {16384, "808001"}};

/* An unsigned varint is plain base 128. */
START_TEST(unsigned_values_match_kafkas_vectors)
{
    struct lt_buf want = {0};
    test_hex_append(&want, unsigned_cases[_i].hex);
    uint8_t bytes[PROTO_VARLONG_MAX];
    uint8_t *end = proto_uvarint_put(bytes, unsigned_cases[_i].value);
    test_hex_assert_equal(lt_slice(bytes, (size_t)(end - bytes)), lt_buf_slice(&want));
    ck_assert_uint_eq(proto_uvarint_size(unsigned_cases[_i].value), want.size);
    uint32_t got = 0;
    ck_assert_ptr_eq(proto_uvarint_get(bytes, end, &got), end);
    ck_assert_uint_eq(got, unsigned_cases[_i].value);
    lt_buf_release(&want);
}
END_TEST

/* Every power of two and its neighbours survive a round trip in both widths. */
START_TEST(all_magnitudes_round_trip)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        for (int add = -1; add <= 1; add++) {
            int64_t value = (int64_t)(((uint64_t)1 << bit) + (uint64_t)(int64_t)add);
            for (int sign = 0; sign < 2; sign++) {
                int64_t signed_value = sign == 0 ? value : (int64_t)(0 - (uint64_t)value);
                uint8_t bytes[PROTO_VARLONG_MAX];
                uint8_t *end = proto_varlong_put(bytes, signed_value);
                ck_assert_uint_eq((size_t)(end - bytes), proto_varlong_size(signed_value));
                int64_t got = 0;
                ck_assert_ptr_eq(proto_varlong_get(bytes, end, &got), end);
                ck_assert_int_eq(got, signed_value);
                for (const uint8_t *cut = bytes; cut < end; cut++) {
                    ck_assert_ptr_null(proto_varlong_get(bytes, cut, &got));
                }
            }
        }
    }
}
END_TEST

/* A number longer than its type allows is refused, whatever it would be. */
START_TEST(too_long_numbers_are_refused)
{
    uint8_t bytes[11];
    memset(bytes, 0x80, sizeof(bytes));
    bytes[10] = 0;
    uint32_t small = 0;
    uint64_t large = 0;
    int32_t signed_small = 0;
    ck_assert_ptr_null(proto_uvarint_get(bytes, bytes + 11, &small));
    ck_assert_ptr_null(proto_varint_get(bytes, bytes + 11, &signed_small));
    ck_assert_ptr_null(proto_uvarlong_get(bytes, bytes + 11, &large));
    bytes[4] = 1;
    ck_assert_ptr_eq(proto_uvarint_get(bytes, bytes + 11, &small), bytes + 5);
    ck_assert_uint_eq(small, 1U << 28);
    /* Bits beyond the type are dropped, as Java does. */
    bytes[4] = 0x7f;
    ck_assert_ptr_eq(proto_uvarint_get(bytes, bytes + 11, &small), bytes + 5);
    ck_assert_uint_eq(small, 0xf0000000U);
}
END_TEST

/* Fixed-width numbers are big-endian and need no alignment. */
START_TEST(fixed_width_numbers_are_big_endian)
{
    uint8_t bytes[9] = {0};
    proto_store_i64(bytes + 1, INT64_C(0x0102030405060708));
    for (unsigned i = 0; i < 8; i++) {
        ck_assert_uint_eq(bytes[1 + i], i + 1);
    }
    ck_assert_int_eq(proto_load_i64(bytes + 1), INT64_C(0x0102030405060708));
    ck_assert_int_eq(proto_load_i32(bytes + 1), 0x01020304);
    ck_assert_int_eq(proto_load_i16(bytes + 1), 0x0102);
    proto_store_i32(bytes + 1, -2);
    ck_assert_int_eq(proto_load_i32(bytes + 1), -2);
    proto_store_i16(bytes + 1, -3);
    ck_assert_int_eq(proto_load_i16(bytes + 1), -3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("varint");
    TCase *tc = tcase_create("varint");
    tcase_add_loop_test(tc, signed_values_match_kafkas_vectors, 0,
                        (int)(sizeof(signed_cases) / sizeof(signed_cases[0])));
    tcase_add_loop_test(tc, unsigned_values_match_kafkas_vectors, 0,
                        (int)(sizeof(unsigned_cases) / sizeof(unsigned_cases[0])));
    tcase_add_test(tc, all_magnitudes_round_trip);
    tcase_add_test(tc, too_long_numbers_are_refused);
    tcase_add_test(tc, fixed_width_numbers_are_big_endian);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
