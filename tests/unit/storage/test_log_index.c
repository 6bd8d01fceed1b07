/* Index files and leader epochs: Kafka's bytes, growth, lookups, damage. */
#include <string.h>

#include "base/file_ops.h"
#include "storage/epoch_cache.h"
#include "storage/offset_index.h"
#include "storage/time_index.h"
#include "tests/support/hex.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_main.h"
#include "tests/unit/storage/log_fixture.h"

static struct test_dir dir;
static struct log_index index_;
static struct log_epoch_cache epochs;

static void setup(void)
{
    test_dir_init(&dir);
    log_index_init(&index_, LOG_OFFSET_ENTRY_SIZE);
    log_epoch_cache_init(&epochs);
}

static void teardown(void)
{
    log_index_release(&index_);
    log_epoch_cache_release(&epochs);
    test_dir_release(&dir);
}

static void push(int64_t offset, uint64_t position)
{
    ck_assert_int_eq(log_index_reserve(&index_), 0);
    log_offset_index_push(&index_, 1000, (struct log_offset_entry){offset, position});
}

/* Three batches with an interval that is passed once give the entries that Kafka wrote for them. */
START_TEST(entries_are_kafkas)
{
    struct log_fixture fx;
    log_fixture_init(&fx);
    fx.config.index_interval_bytes = 1000;
    fx.value_size = 388; /* batches of 883 bytes, as in the log that the vector was taken from */
    log_fixture_open(&fx, true, 0);
    for (int i = 0; i < 3; i++) {
        (void)log_fixture_append(&fx, 2, INT64_C(0x1a1fcff5338) - 3 + i);
    }
    ck_assert_uint_eq(log_partition_size(fx.part), 3 * 883);
    log_fixture_close(&fx, true);
    struct lt_buf got;
    struct lt_buf want;
    lt_buf_init(&got);
    lt_buf_init(&want);
    test_file_read(log_fixture_file(&fx, 0, ".index"), &got);
    test_hex_append(&want, "00000005 000006e6");
    test_hex_assert_equal(lt_buf_slice(&got), lt_buf_slice(&want));
    got.size = 0;
    want.size = 0;
    test_file_read(log_fixture_file(&fx, 0, ".timeindex"), &got);
    test_hex_append(&want, "000001a1fcff5338 00000005");
    test_hex_assert_equal(lt_buf_slice(&got), lt_buf_slice(&want));
    lt_buf_release(&got);
    lt_buf_release(&want);
    log_fixture_release(&fx);
}
END_TEST

/* Entries over many chunks are found by offset and by position, in memory and after a reopen, mapped or copied. */
START_TEST(lookups_find_the_entry_below)
{
    const char *path = test_dir_path(&dir, "x.index");
    for (int i = 0; i < 5000; i++) {
        push(1000 + i * 10 + 9, (uint64_t)i * 100 + 50);
        if (i == 2500) {
            ck_assert_int_eq(log_index_persist(&index_, lt_file_ops_real(), path), 0);
        }
    }
    ck_assert_int_eq(log_index_persist(&index_, lt_file_ops_real(), path), 0);
    ck_assert_int_eq(test_file_size(path), 5000 * 8);
    for (int round = 0; round < 3; round++) {
        struct log_offset_entry entry;
        ck_assert(!log_offset_index_find(&index_, 1000, 1008, UINT64_MAX, &entry));
        ck_assert(!log_offset_index_find_position(&index_, 1000, 49, &entry));
        for (int i = 0; i < 5000; i += 7) {
            ck_assert(log_offset_index_find(&index_, 1000, 1000 + i * 10 + 9 + i % 10, UINT64_MAX,
                                            &entry));
            ck_assert_int_eq(entry.offset, 1000 + i * 10 + 9);
            ck_assert_uint_eq(entry.position, (uint64_t)i * 100 + 50);
            ck_assert(log_offset_index_find_position(
                &index_, 1000, (uint64_t)i * 100 + 50 + (unsigned)i % 100, &entry));
            ck_assert_uint_eq(entry.position, (uint64_t)i * 100 + 50);
            ck_assert_uint_eq(
                log_offset_index_count_below(&index_, 1000, 1000 + i * 10 + 9, UINT64_MAX),
                (unsigned)i);
        }
        log_index_release(&index_);
        int err = round == 0 ? log_index_open(&index_, lt_file_ops_real(), path)
                             : log_index_read(&index_, lt_file_ops_real(), path);
        ck_assert_int_eq(err, 0);
        ck_assert_uint_eq(log_index_count(&index_), 5000);
    }
}
END_TEST

/* Zeros at the end (space that Kafka preallocates) and half an entry do not count, and are cut off by the next persist. */
START_TEST(unused_space_does_not_count)
{
    const char *path = test_dir_path(&dir, "x.index");
    for (int entries = 0; entries < 20; entries++) {
        uint8_t bytes[200] = {0};
        for (int i = 0; i < entries; i++) {
            bytes[i * 8 + 3] = (uint8_t)(i + 1);
            bytes[i * 8 + 7] = (uint8_t)(i + 1);
        }
        test_file_write(path, bytes, 197);
        log_index_release(&index_);
        ck_assert_int_eq(log_index_read(&index_, lt_file_ops_real(), path), 0);
        ck_assert_uint_eq(log_index_count(&index_), (unsigned)entries);
        ck_assert_int_eq(log_index_persist(&index_, lt_file_ops_real(), path), 0);
        ck_assert_int_eq(test_file_size(path), entries * 8);
    }
    log_index_release(&index_);
    ck_assert_int_eq(log_index_open(&index_, lt_file_ops_real(), test_dir_path(&dir, "none")),
                     LEAT_ENOENT);
    ck_assert_uint_eq(log_index_count(&index_), 0);
}
END_TEST

/* A stale file of the same name is overwritten, not appended to. */
START_TEST(stale_file_is_replaced)
{
    const char *path = test_dir_path(&dir, "x.index");
    test_file_write(path, "0123456789abcdef0123456789abcdef", 32);
    push(1001, 77);
    ck_assert_int_eq(log_index_persist(&index_, lt_file_ops_real(), path), 0);
    ck_assert_int_eq(test_file_size(path), 8);
}
END_TEST

/* The time index skips what is surely older, and takes only growing timestamps. */
START_TEST(time_index_gives_a_lower_bound)
{
    log_index_release(&index_);
    log_index_init(&index_, LOG_TIME_ENTRY_SIZE);
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(log_index_reserve(&index_), 0);
        ck_assert(log_time_index_grows(&index_, 1000 + i * 2));
        log_time_index_push(&index_, 50, (struct log_time_entry){1000 + i * 2, 50 + i * 3});
        ck_assert(!log_time_index_grows(&index_, 1000 + i * 2));
    }
    struct log_time_entry entry;
    ck_assert(!log_time_index_find_below(&index_, 50, 1000, &entry));
    ck_assert(log_time_index_find_below(&index_, 50, 1001, &entry));
    ck_assert_int_eq(entry.offset, 50);
    ck_assert(log_time_index_find_below(&index_, 50, 1100, &entry));
    ck_assert_int_eq(entry.timestamp, 1098);
    ck_assert_int_eq(entry.offset, 50 + 49 * 3);
    ck_assert(log_time_index_last(&index_, 50, &entry));
    ck_assert_int_eq(entry.timestamp, 1398);
    ck_assert_uint_eq(log_time_index_count_below(&index_, 50, 56), 2);
}
END_TEST

static const struct {
    int32_t asked;
    int32_t epoch;
    int64_t end;
} epoch_rows[] = {{-1, -1, -1}, {0, 0, 10}, {1, 1, 10}, {2, 2, 20},
                  {4, 2, 20},   {5, 5, 30}, {7, 7, 99}, {8, -1, -1}};

/* OffsetForLeaderEpoch's table: unknown, older than all, known, between two, the current one. */
START_TEST(epoch_ends_are_kafkas)
{
    ck_assert_int_eq(log_epoch_cache_assign(&epochs, 2, 10), 0);
    ck_assert_int_eq(log_epoch_cache_assign(&epochs, 5, 20), 0);
    ck_assert_int_eq(log_epoch_cache_assign(&epochs, 5, 25), 0);
    ck_assert_int_eq(log_epoch_cache_assign(&epochs, 7, 30), 0);
    ck_assert_int_eq(log_epoch_cache_assign(&epochs, 6, 40), 0);
    int32_t epoch;
    int64_t end;
    log_epoch_cache_end(&epochs, epoch_rows[_i].asked, 99, &epoch, &end);
    ck_assert_int_eq(epoch, epoch_rows[_i].epoch);
    ck_assert_int_eq(end, epoch_rows[_i].end);
}
END_TEST

/* Cutting the end forgets later epochs, cutting the start keeps the one that log start is in. */
START_TEST(epochs_follow_the_log)
{
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(log_epoch_cache_assign(&epochs, i, i * 10), 0);
    }
    log_epoch_cache_cut_end(&epochs, 55);
    ck_assert_int_eq(log_epoch_cache_latest(&epochs), 5);
    log_epoch_cache_cut_start(&epochs, 25);
    ck_assert_int_eq(log_epoch_cache_at(&epochs, 24), -1);
    ck_assert_int_eq(log_epoch_cache_at(&epochs, 25), 2);
    ck_assert_int_eq(log_epoch_cache_at(&epochs, 30), 3);
    /* An epoch without records gives way to the next one at the same offset. */
    ck_assert_int_eq(log_epoch_cache_assign(&epochs, 6, 50), 0);
    ck_assert_int_eq(log_epoch_cache_at(&epochs, 50), 6);
    ck_assert_int_eq(log_epoch_cache_save(&epochs, lt_file_ops_real(), dir.path), 0);
    struct lt_buf text;
    lt_buf_init(&text);
    test_file_read(test_dir_path(&dir, "leader-epoch-checkpoint"), &text);
    ck_assert_str_eq(lt_buf_text(&text), "0\n4\n2 25\n3 30\n4 40\n6 50\n");
    lt_buf_release(&text);
}
END_TEST

static const char *const bad_epochs[] = {"",
                                         "0",
                                         "1\n0\n",
                                         "0\n-1\n",
                                         "0\n2\n0 0\n",
                                         "0\n1\n0 0\nx",
                                         "0\n2\n1 0\n1 5\n",
                                         "0\n2\n1 5\n2 4\n",
                                         "0\n1\n0  0\n",
                                         "0\n1\n0 99999999999999999999\n"};

/* What is not the format is refused, so that the log is asked instead. */
START_TEST(bad_epoch_files_are_refused)
{
    test_file_write(test_dir_path(&dir, "leader-epoch-checkpoint"), bad_epochs[_i],
                    strlen(bad_epochs[_i]));
    ck_assert_int_eq(log_epoch_cache_load(&epochs, lt_file_ops_real(), dir.path), LEAT_ECORRUPT);
    ck_assert_int_eq(log_epoch_cache_latest(&epochs), -1);
    test_file_write(test_dir_path(&dir, "leader-epoch-checkpoint"), "0\n2\n0 0\n3 17\n", 13);
    ck_assert_int_eq(log_epoch_cache_load(&epochs, lt_file_ops_real(), dir.path), 0);
    ck_assert_int_eq(log_epoch_cache_latest(&epochs), 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log_index");
    TCase *tc = tcase_create("indexes");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, entries_are_kafkas);
    tcase_add_test(tc, lookups_find_the_entry_below);
    tcase_add_test(tc, unused_space_does_not_count);
    tcase_add_test(tc, stale_file_is_replaced);
    tcase_add_test(tc, time_index_gives_a_lower_bound);
    suite_add_tcase(suite, tc);
    tc = tcase_create("epochs");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, epoch_ends_are_kafkas, 0, sizeof(epoch_rows) / sizeof(epoch_rows[0]));
    tcase_add_test(tc, epochs_follow_the_log);
    tcase_add_loop_test(tc, bad_epoch_files_are_refused, 0,
                        sizeof(bad_epochs) / sizeof(bad_epochs[0]));
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
