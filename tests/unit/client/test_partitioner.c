/* Placement of records: keys as Kafka's clients place them, records without key in batches. */
#include <check.h>

#include "client/partitioner.h"
#include "tests/support/test_main.h"

static const struct {
    const char *key;
    int32_t murmur2[2]; /* of 3 and of 12 partitions */
    int32_t crc32[2];
} vectors[] = {
    {"0", {2, 8}, {2, 5}},      {"1", {0, 3}, {2, 11}},      {"a", {1, 4}, {0, 3}},
    {"21", {0, 0}, {1, 4}},     {"abc", {0, 3}, {0, 6}},     {"key", {1, 1}, {1, 1}},
    {"kafka", {1, 4}, {2, 11}}, {"user-42", {1, 4}, {1, 7}}, {"foobar", {0, 6}, {2, 5}},
};

/* The vectors of Kafka 4.3.1 and librdkafka. */
START_TEST(keys_go_where_other_clients_put_them)
{
    struct lt_slice key = lt_slice_text(vectors[_i].key);
    struct lc_sticky sticky = {.partition = -1};
    uint64_t random = 1;

    for (int n = 0; n < 2; n++) {
        int32_t count = n == 0 ? 3 : 12;

        ck_assert_int_eq(lc_partition_for(0, key, count, 10, 100, &sticky, &random),
                         vectors[_i].murmur2[n]);
        ck_assert_int_eq(lc_partition_for(1, key, count, 10, 100, &sticky, &random),
                         vectors[_i].crc32[n]);
    }
    ck_assert_int_eq(sticky.partition, -1);
}
END_TEST

/* An empty key is a key. */
START_TEST(empty_key_is_hashed)
{
    struct lc_sticky sticky = {.partition = -1};
    uint64_t random = 1;

    ck_assert_int_eq(lc_partition_for(0, lt_slice("", 0), 12, 10, 100, &sticky, &random), 9);
}
END_TEST

/* Records without key stay until a batch is full, and over time reach every partition. */
START_TEST(no_key_sticks_for_a_batch)
{
    struct lc_sticky sticky = {.partition = -1};
    uint64_t random = 88172645463325252u;
    int seen[5] = {0};

    for (int i = 0; i < 1000; i++) {
        int32_t first = lc_partition_for(0, LT_SLICE_NULL, 5, 10, 100, &sticky, &random);

        ck_assert(first >= 0 && first < 5);
        seen[first]++;
        for (int k = 1; k < 10; k++) {
            ck_assert_int_eq(lc_partition_for(0, LT_SLICE_NULL, 5, 10, 100, &sticky, &random),
                             first);
        }
    }
    for (int i = 0; i < 5; i++) {
        ck_assert_int_gt(seen[i], 100);
    }
}
END_TEST

/* partitioner=random does not look at keys; fewer partitions than before do no harm. */
START_TEST(random_ignores_keys)
{
    struct lc_sticky sticky = {.partition = 9};
    uint64_t random = 5;
    int32_t first =
        lc_partition_for(LC_PARTITIONER_RANDOM, lt_slice("k", 1), 3, 10, 100, &sticky, &random);

    ck_assert(first >= 0 && first < 3);
    ck_assert_int_eq(sticky.partition, first);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("partitioner");
    TCase *tc = tcase_create("placement");

    tcase_add_loop_test(tc, keys_go_where_other_clients_put_them, 0,
                        (int)(sizeof(vectors) / sizeof(vectors[0])));
    tcase_add_test(tc, empty_key_is_hashed);
    tcase_add_test(tc, no_key_sticks_for_a_batch);
    tcase_add_test(tc, random_ignores_keys);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
