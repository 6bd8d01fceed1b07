/* The chain of verify: what was written reads clean, and each kind of damage is told by its name and its count. */
#include <check.h>
#include <string.h>

#include "base/alloc.h"
#include "bench/chain.h"
#include "bench/stamp.h"
#include "leat/err.h"
#include "tests/support/test_main.h"

#define RECORDS 100
#define VALUE_SIZE 24
#define RUN 7777
#define TIME 1000000

struct record {
    uint8_t value[VALUE_SIZE];
    uint8_t header[BENCH_CHAIN_SIZE];
    int64_t timestamp_ms;
};

static struct record records[RECORDS];
static struct bench_chain_reader reader;

static void write_records(struct record *to, int count, uint64_t run)
{
    struct bench_chain_writer writer;
    bench_chain_writer_init(&writer, run);
    for (int i = 0; i < count; i++) {
        memset(to[i].value, 'a' + i % 26, VALUE_SIZE);
        to[i].timestamp_ms = TIME + i;
        bench_stamp_write(to[i].value, (struct bench_stamp){5, writer.next});
        bench_chain_write(&writer, LT_SLICE_NULL, lt_slice(to[i].value, VALUE_SIZE),
                          to[i].timestamp_ms, to[i].header);
    }
}

static void setup(void)
{
    write_records(records, RECORDS, RUN);
    bench_chain_reader_init(&reader, false, NULL);
}

static void teardown(void)
{
    bench_chain_reader_release(&reader);
}

static void read_one(const struct record *r)
{
    ck_assert_int_eq(bench_chain_read(&reader, LT_SLICE_NULL, lt_slice(r->value, VALUE_SIZE),
                                      r->timestamp_ms, lt_slice(r->header, BENCH_CHAIN_SIZE)),
                     0);
}

static void read_range(int from, int to)
{
    for (int i = from; i < to; i++) {
        read_one(&records[i]);
    }
}

static void expect(int64_t count, int64_t lost, int64_t doubled, int64_t reordered, int64_t changed)
{
    bench_chain_end(&reader);
    const struct bench_damage *d = &reader.damage;
    ck_assert_int_eq(d->records, count);
    ck_assert_int_eq(d->lost, lost);
    ck_assert_int_eq(d->doubled, doubled);
    ck_assert_int_eq(d->reordered, reordered);
    ck_assert_int_eq(d->changed, changed);
    ck_assert_int_eq(bench_damage_any(d), lost + doubled + reordered + changed > 0);
}

/* What was written, in its order, is sound. */
START_TEST(whole_is_clean)
{
    read_range(0, RECORDS);
    expect(RECORDS, 0, 0, 0, 0);
}
END_TEST

/* A run of records that is missing in the middle is lost, each of them. */
START_TEST(missing_records_are_lost)
{
    read_range(0, 20);
    read_range(30, RECORDS);
    expect(RECORDS - 10, 10, 0, 0, 0);
}
END_TEST

/* The same at the start of a partition that begins at offset 0. */
START_TEST(missing_start_is_lost)
{
    read_range(5, RECORDS);
    expect(RECORDS - 5, 5, 0, 0, 0);
}
END_TEST

/* Where the partition says that it was cut, its first record may have any sequence. */
START_TEST(cut_start_is_not_lost)
{
    bench_chain_reader_init(&reader, true, NULL);
    read_range(5, RECORDS);
    expect(RECORDS - 5, 0, 0, 0, 0);
}
END_TEST

/* Records that come a second time are doubled. */
START_TEST(repeated_records_are_doubled)
{
    read_range(0, 20);
    read_range(10, 20);
    read_range(20, RECORDS);
    expect(RECORDS + 10, 0, 10, 0, 0);
}
END_TEST

/* Two neighbouring groups swapped: the earlier one comes late, and nothing is lost. */
START_TEST(swapped_groups_are_reordered)
{
    read_range(0, 10);
    read_range(20, 30);
    read_range(10, 20);
    read_range(30, RECORDS);
    expect(RECORDS, 0, 0, 10, 0);
}
END_TEST

/* Single records out of the middle of a gap fill it from both sides. */
START_TEST(gap_is_filled_in_any_order)
{
    static const int order[] = {12, 10, 14, 13, 11};
    read_range(0, 10);
    read_range(15, RECORDS);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        read_one(&records[order[i]]);
    }
    expect(RECORDS, 0, 0, 5, 0);
}
END_TEST

/* Any byte of a value, its stamp included, of the timestamp or of the hash: changed, and nothing else. */
START_TEST(changed_byte_is_changed)
{
    records[40].value[_i % VALUE_SIZE] ^= 1;
    read_range(0, RECORDS);
    expect(RECORDS, 0, 0, 0, 1);
}
END_TEST

START_TEST(changed_timestamp_is_changed)
{
    records[40].timestamp_ms++;
    read_range(0, RECORDS);
    expect(RECORDS, 0, 0, 0, 1);
}
END_TEST

/* A key that appears or changes is a change too; none and an empty one are different. */
START_TEST(changed_key_is_changed)
{
    read_range(0, 40);
    ck_assert_int_eq(
        bench_chain_read(&reader, lt_slice("", 0), lt_slice(records[40].value, VALUE_SIZE),
                         records[40].timestamp_ms, lt_slice(records[40].header, BENCH_CHAIN_SIZE)),
        0);
    read_range(41, RECORDS);
    expect(RECORDS, 0, 0, 0, 1);
}
END_TEST

/* A sound record of the right sequence that does not follow from the one before: somebody wrote another chain. */
START_TEST(forged_record_is_changed)
{
    struct record forged[50];
    struct bench_chain_writer writer;
    bench_chain_writer_init(&writer, RUN);
    writer.last = 1; /* another beginning, and so other hashes */
    for (int i = 0; i < 50; i++) {
        forged[i] = records[i];
        bench_chain_write(&writer, LT_SLICE_NULL, lt_slice(forged[i].value, VALUE_SIZE),
                          forged[i].timestamp_ms, forged[i].header);
    }
    read_range(0, 40);
    read_one(&forged[40]);
    read_range(41, RECORDS);
    expect(RECORDS, 0, 0, 0, 2); /* it does not fit, and what follows does not fit it */
}
END_TEST

/* With the broker's own timestamps the record's is not looked at. */
START_TEST(append_time_is_not_a_change)
{
    for (int i = 0; i < RECORDS; i++) {
        ck_assert_int_eq(bench_chain_read(&reader, LT_SLICE_NULL,
                                          lt_slice(records[i].value, VALUE_SIZE), -1,
                                          lt_slice(records[i].header, BENCH_CHAIN_SIZE)),
                         0);
    }
    expect(RECORDS, 0, 0, 0, 0);
}
END_TEST

/* Records of others are counted and are no damage. */
START_TEST(foreign_records_are_told)
{
    read_range(0, 50);
    ck_assert_int_eq(
        bench_chain_read(&reader, LT_SLICE_NULL, lt_slice("hello", 5), 1, LT_SLICE_NULL), 0);
    read_range(50, RECORDS);
    ck_assert_int_eq(reader.damage.foreign, 1);
    expect(RECORDS, 0, 0, 0, 0);
}
END_TEST

/* A second run begins anew; a batch of the first that comes after it is doubled. */
START_TEST(runs_follow_each_other)
{
    struct record second[10];
    write_records(second, 10, RUN + 1);
    read_range(0, RECORDS);
    for (int i = 0; i < 10; i++) {
        read_one(&second[i]);
    }
    read_range(90, RECORDS);
    expect(RECORDS + 20, 0, 10, 0, 0);
}
END_TEST

/* With a state, what was acknowledged and is not there is lost; what was only sent is not. */
START_TEST(state_tells_a_missing_tail)
{
    struct bench_chain_state state = {RUN, RECORDS, 95};
    bench_chain_reader_init(&reader, false, &state);
    read_range(0, 90);
    expect(90, 5, 0, 0, 0);
    ck_assert_int_eq(reader.damage.unacknowledged, 5);
}
END_TEST

/* A partition that lost everything of the run. */
START_TEST(state_tells_an_empty_partition)
{
    struct bench_chain_state state = {RUN, RECORDS, 95};
    bench_chain_reader_init(&reader, false, &state);
    expect(0, 95, 0, 0, 0);
    ck_assert_int_eq(reader.damage.unacknowledged, 5);
}
END_TEST

/* No memory for a gap: the call says so. */
START_TEST(short_memory_is_an_error)
{
    read_range(0, 10);
    lt_alloc_fail_after(0);
    int err =
        bench_chain_read(&reader, LT_SLICE_NULL, lt_slice(records[20].value, VALUE_SIZE),
                         records[20].timestamp_ms, lt_slice(records[20].header, BENCH_CHAIN_SIZE));
    lt_alloc_fail_never();
    ck_assert_int_eq(err, LEAT_ENOMEM);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chain");
    TCase *tc = tcase_create("damage");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, whole_is_clean);
    tcase_add_test(tc, missing_records_are_lost);
    tcase_add_test(tc, missing_start_is_lost);
    tcase_add_test(tc, cut_start_is_not_lost);
    tcase_add_test(tc, repeated_records_are_doubled);
    tcase_add_test(tc, swapped_groups_are_reordered);
    tcase_add_test(tc, gap_is_filled_in_any_order);
    tcase_add_loop_test(tc, changed_byte_is_changed, 0, VALUE_SIZE);
    tcase_add_test(tc, changed_timestamp_is_changed);
    tcase_add_test(tc, changed_key_is_changed);
    tcase_add_test(tc, forged_record_is_changed);
    tcase_add_test(tc, append_time_is_not_a_change);
    tcase_add_test(tc, foreign_records_are_told);
    tcase_add_test(tc, runs_follow_each_other);
    tcase_add_test(tc, state_tells_a_missing_tail);
    tcase_add_test(tc, state_tells_an_empty_partition);
    tcase_add_test(tc, short_memory_is_an_error);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
