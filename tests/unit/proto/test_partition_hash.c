/* Where a key goes, as other clients compute it. */
#include "proto/partition_hash.h"

#include "tests/support/test_main.h"

/* Recomputed with Kafka 4.3.1's Utils.murmur2 and with zlib. */
static const struct {
    const char *key;
    size_t size;
    uint32_t murmur2;
    int murmur2_3, murmur2_12;
    uint32_t crc32;
    int crc32_3, crc32_12;
} cases[] = {
    {"", 0, 0x106e08d9, 0, 9, 0x00000000, 0, 0},
    {"0", 1, 0x39e0b3c4, 2, 8, 0xf4dbdf21, 2, 5},
    {"1", 1, 0x892e6f8f, 0, 3, 0x83dcefb7, 2, 11},
    {"a", 1, 0xa2d0b27c, 1, 4, 0xe8b7be43, 0, 3},
    {"21", 2, 0xc5f2f8ec, 0, 0, 0xfd7746b4, 1, 4},
    {"abc", 3, 0x1c94221b, 0, 3, 0x352441c2, 0, 6},
    {"key", 3, 0xbfa176a9, 1, 1, 0x8a90aba9, 1, 1},
    {"kafka", 5, 0xd067cf64, 1, 4, 0x5bbc7517, 2, 11},
    {"foobar", 6, 0xd0e47bbe, 0, 6, 0x9ef61f95, 2, 5},
    {"giberish123456789", 17, 0x8f552b0c, 2, 8, 0x7b3a8e3f, 2, 11},
    {"user-42", 7, 0x5700682c, 1, 4, 0x7d06b873, 1, 7},
    {"a-little-bit-long-string", 24, 0xc53b1da0, 2, 8, 0xee71cd62, 0, 6},
    {"a-little-bit-longer-string", 26, 0xa768c9c3, 2, 11, 0x87bfb12a, 2, 2},
    {"\x00\x00\x00\x01", 4, 0xf5ae7e30, 0, 0, 0x5643ef8a, 2, 2},
    {"\xc5\xbc\xc3\xb3\xc5\x82\x77", 7, 0x3bef7498, 2, 8, 0x9f8385de, 0, 6},
};

/* Each hash and each partition is what the other clients get. */
START_TEST(keys_go_where_other_clients_send_them)
{
    struct lt_slice key = lt_slice(cases[_i].key, cases[_i].size);
    ck_assert_uint_eq(proto_murmur2(key), cases[_i].murmur2);
    ck_assert_uint_eq(proto_crc32(key), cases[_i].crc32);
    ck_assert_int_eq(proto_partition_for_key(PROTO_PARTITION_MURMUR2, key, 3), cases[_i].murmur2_3);
    ck_assert_int_eq(proto_partition_for_key(PROTO_PARTITION_MURMUR2, key, 12),
                     cases[_i].murmur2_12);
    ck_assert_int_eq(proto_partition_for_key(PROTO_PARTITION_CRC32, key, 3), cases[_i].crc32_3);
    ck_assert_int_eq(proto_partition_for_key(PROTO_PARTITION_CRC32, key, 12), cases[_i].crc32_12);
}
END_TEST

/* The long vector that Kafka's own tests assert. */
START_TEST(murmur2_of_a_long_key_matches_kafkas_test)
{
    struct lt_slice key = lt_slice_text("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8");
    ck_assert_int_eq((int32_t)proto_murmur2(key), -58897971);
}
END_TEST

/* XXH3 of nothing is the published constant; null and empty are the same key. */
START_TEST(xxhash_is_xxh3)
{
    ck_assert_uint_eq(proto_xxh3(lt_slice("", 0)), UINT64_C(0x2d06800538d394c2));
    ck_assert_uint_eq(proto_xxh3(LT_SLICE_NULL), UINT64_C(0x2d06800538d394c2));
    ck_assert_int_eq(proto_partition_for_key(PROTO_PARTITION_XXHASH, lt_slice("", 0), 1000),
                     (int)(UINT64_C(0x2d06800538d394c2) % 1000));
}
END_TEST

/* Whatever the hash, a partition is inside the topic. */
START_TEST(partitions_are_always_in_range)
{
    for (uint32_t i = 0; i < 2000; i++) {
        struct lt_slice key = lt_slice(&i, sizeof(i));
        for (int kind = PROTO_PARTITION_MURMUR2; kind <= PROTO_PARTITION_XXHASH; kind++) {
            int32_t got = proto_partition_for_key((enum proto_partition_kind)kind, key, 7);
            ck_assert_int_ge(got, 0);
            ck_assert_int_lt(got, 7);
            ck_assert_int_eq(proto_partition_for_key((enum proto_partition_kind)kind, key, 1), 0);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("partition_hash");
    TCase *tc = tcase_create("hash");
    tcase_add_loop_test(tc, keys_go_where_other_clients_send_them, 0,
                        (int)(sizeof(cases) / sizeof(cases[0])));
    tcase_add_test(tc, murmur2_of_a_long_key_matches_kafkas_test);
    tcase_add_test(tc, xxhash_is_xxh3);
    tcase_add_test(tc, partitions_are_always_in_range);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
