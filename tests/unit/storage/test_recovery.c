/* Recovery: torn tails are cut, rotten middles are not, pages out of order are moved away, indexes come back from the log. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "tests/support/test_main.h"
#include "tests/unit/storage/log_fixture.h"

static struct log_fixture fx;

static void setup(void)
{
    log_fixture_init(&fx);
}

static void teardown(void)
{
    log_fixture_release(&fx);
}

/* A log of `batches` batches of 5 records, as a killed process leaves it; returns the end of its last batch. */
static uint64_t killed_log(int batches)
{
    log_fixture_open(&fx, true, 0);
    log_fixture_append_many(&fx, batches, 5);
    uint64_t size = log_partition_size(fx.part);
    log_fixture_close(&fx, false);
    return size;
}

static void zero(const char *path, uint64_t position, size_t size)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    uint8_t *zeros = lt_calloc(1, size);
    ck_assert_ptr_nonnull(zeros);
    ck_assert_int_eq(pwrite(fd, zeros, size, (off_t)position), (ssize_t)size);
    lt_free(zeros);
    ck_assert_int_eq(close(fd), 0);
}

static void expect_offline(int64_t recovery_point, const char *names)
{
    ck_assert_int_eq(log_fixture_try_open(&fx, false, recovery_point), LEAT_ECORRUPT);
    const char *why = log_partition_failure(fx.part);
    ck_assert_ptr_nonnull(why);
    ck_assert_msg(strstr(why, names) != NULL, "%s", why);
    struct log_offsets offsets;
    ck_assert_int_eq(log_partition_offsets(fx.part, &offsets), LEAT_ECORRUPT);
    struct fixture_batch what = {1, FIXTURE_NOW, 0};
    ck_assert_int_eq(log_fixture_try_append(&fx, 0, &what), LEAT_ECORRUPT);
    log_partition_unref(fx.part);
    fx.part = NULL;
}

/* The control of all others: an undamaged log is recovered whole, without a word. */
START_TEST(killed_log_is_whole)
{
    uint64_t size = killed_log(100);
    log_fixture_open(&fx, false, 0);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_end, 500);
    ck_assert_int_eq(fx.event_count, 0);
    ck_assert_int_eq(test_file_size(log_fixture_file(&fx, 0, ".log")), (int64_t)size);
    log_fixture_check(&fx, 0, 500, 10000);
}
END_TEST

/* Wherever the last batch was torn, the log ends before it and goes on from there. */
START_TEST(torn_tail_is_cut)
{
    uint64_t size = killed_log(3);
    const char *path = log_fixture_file(&fx, 0, ".log");
    uint64_t batch = size / 3;
    uint64_t torn_at = size - batch + 16 + (uint64_t)_i * (batch - 17) / 9;
    ck_assert_int_eq(truncate(path, (off_t)torn_at), 0);
    log_fixture_open(&fx, false, 0);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_end, 10);
    ck_assert_int_eq(test_file_size(log_fixture_file(&fx, 0, ".log")), (int64_t)(size - batch));
    ck_assert_int_eq(fx.event_count, 1);
    ck_assert(log_partition_was_cut(fx.part));
    ck_assert_int_eq(log_fixture_append(&fx, 5, FIXTURE_NOW), 10);
    log_fixture_check(&fx, 0, 15, 10000);
}
END_TEST

/* A tail torn below the recovery point was promised: it is damage. */
START_TEST(torn_below_the_recovery_point_is_damage)
{
    uint64_t size = killed_log(3);
    ck_assert_int_eq(truncate(log_fixture_file(&fx, 0, ".log"), (off_t)(size - 1)), 0);
    expect_offline(11, "offsets from 10 on");
    expect_offline(15, "offsets from 10 on");
    ck_assert_int_eq(test_file_size(log_fixture_file(&fx, 0, ".log")), (int64_t)(size - 1));
    log_fixture_open(&fx, false, 10);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_end, 10);
}
END_TEST

/* A bit flipped in the middle takes the partition offline, names the offsets and keeps every byte. */
START_TEST(rotten_middle_is_not_cut)
{
    uint64_t size = killed_log(3);
    uint64_t batch = size / 3;
    static const uint64_t places[] = {4, 9, 17, 30, 100};
    int64_t before = test_file_size(log_fixture_file(&fx, 0, ".log"));
    log_fixture_flip(log_fixture_file(&fx, 0, ".log"), batch + places[_i]);
    expect_offline(0, _i == 0 ? "where 5 must come" : "offsets 5 to 9 cannot be read");
    ck_assert_int_eq(test_file_size(log_fixture_file(&fx, 0, ".log")), before);
    ck_assert_int_eq(fx.event_count, 0);
    log_fixture_flip(log_fixture_file(&fx, 0, ".log"), batch + places[_i]);
    log_fixture_open(&fx, false, 0);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_end, 15);
}
END_TEST

/* Segments wholly below log start are on their way out: damage there, or one that went already, hurts nobody. */
START_TEST(what_was_deleted_may_be_damaged)
{
    fx.config.segment_bytes = 4096;
    (void)killed_log(30);
    int64_t second = 0;
    int64_t third = 0;
    for (int64_t base = 1; third == 0; base++) {
        if (access(log_fixture_file(&fx, base, ".log"), F_OK) == 0) {
            third = second == 0 ? 0 : base;
            second = second == 0 ? base : second;
        }
    }
    log_fixture_flip(log_fixture_file(&fx, 0, ".log"), 100);
    expect_offline(0, "damaged at byte 0");
    fx.open_log_start = third;
    log_fixture_open(&fx, false, 0);
    log_fixture_check(&fx, third, 150, 10000);
    log_fixture_close(&fx, false);
    ck_assert_int_eq(unlink(log_fixture_file(&fx, second, ".log")), 0);
    log_fixture_open(&fx, false, 0);
    log_fixture_check(&fx, third, 150, 10000);
    log_fixture_close(&fx, false);
    ck_assert_int_eq(unlink(test_dir_path(&fx.dir, "orders-0/leader-epoch-checkpoint")), 0);
    log_fixture_open(&fx, false, 0);
    log_fixture_check(&fx, third, 150, 10000);
}
END_TEST

static int dir_syncs; /* of the partition's directory */

static int count_fsync_dir(const struct lt_file_ops *ops, const char *path)
{
    size_t size = strlen(path);
    dir_syncs += size > 9 && strcmp(path + size - 9, "/orders-0") == 0;
    return lt_file_ops_real()->fsync_dir(ops, path);
}

/* The killed process may have made a segment whose name is not on disk: it gets there before the log is served. */
START_TEST(names_are_on_disk_before_the_log_is_served)
{
    fx.config.segment_bytes = 4096;
    (void)killed_log(30);
    log_fixture_open(&fx, false,
                     0); /* cuts the reserved space, so that the next one has nothing to cut */
    log_fixture_close(&fx, false);
    struct lt_file_ops counting = *lt_file_ops_real();
    counting.fsync_dir = count_fsync_dir;
    fx.env.ops = &counting;
    struct log_open_options options = {.env = &fx.env,
                                       .root = fx.dir.path,
                                       .topic = "orders",
                                       .topic_id = {1, 2, 3},
                                       .log_start = -1,
                                       .config = &fx.config};
    ck_assert_int_eq(log_partition_new(&options, &fx.part), 0);
    dir_syncs = 0;
    ck_assert_int_eq(log_partition_load(fx.part, NULL), 0);
    ck_assert_int_eq(log_fixture_offsets(&fx).high_watermark, 150);
    ck_assert_int_ge(dir_syncs, 1);
    log_partition_unref(fx.part);
    fx.part = NULL;
}
END_TEST

/* A directory that belongs to another topic is not served, whatever the marker says. */
START_TEST(directory_of_another_topic_is_refused)
{
    (void)killed_log(3);
    struct log_open_options options = {.env = &fx.env,
                                       .root = fx.dir.path,
                                       .topic = "orders",
                                       .topic_id = {9, 9, 9},
                                       .clean = _i == 1,
                                       .log_start = -1,
                                       .config = &fx.config};
    ck_assert_int_eq(log_partition_new(&options, &fx.part), 0);
    ck_assert_int_eq(log_partition_load(fx.part, NULL), LEAT_EMISMATCH);
    ck_assert_ptr_nonnull(log_partition_failure(fx.part));
}
END_TEST

/* A partition that could not be loaded was not closed cleanly: the next start has to look at it again. */
START_TEST(unreadable_partition_is_no_clean_stop)
{
    uint64_t size = killed_log(3);
    log_fixture_flip(log_fixture_file(&fx, 0, ".log"), size / 3 + 100);
    ck_assert_int_eq(log_fixture_try_open(&fx, false, 0), LEAT_ECORRUPT);
    ck_assert_int_eq(log_partition_close(fx.part, true), LEAT_EFAILED);
}
END_TEST

/* Damage in a sealed segment is found behind later segments too. */
START_TEST(rotten_sealed_segment_is_not_cut)
{
    fx.config.segment_bytes = 16384;
    (void)killed_log(100);
    log_fixture_flip(log_fixture_file(&fx, 0, ".log"), 8000);
    expect_offline(0, "cannot be read, valid again at byte");
}
END_TEST

/* A whole block of zeros before later batches: the kernel wrote later pages first. What follows is kept aside. */
START_TEST(pages_out_of_order_are_moved_away)
{
    uint64_t size = killed_log(10);
    uint64_t batch = size / 10;
    const char *path = log_fixture_file(&fx, 0, ".log");
    uint64_t position = 3 * batch;
    uint64_t block = (position + 511) / 512 * 512;
    zero(path, block, 1024);
    uint64_t whole = block / batch * batch; /* the batch that lost the block */
    log_fixture_open(&fx, false, 0);
    int64_t end = (int64_t)(whole / batch) * 5;
    ck_assert_int_eq(log_fixture_offsets(&fx).log_end, end);
    ck_assert_int_eq(test_file_size(log_fixture_file(&fx, 0, ".log")), (int64_t)whole);
    char suffix[32];
    (void)snprintf(suffix, sizeof(suffix), ".%llu.cut", (unsigned long long)whole);
    ck_assert_int_ge(test_file_size(log_fixture_file(&fx, 0, suffix)), (int64_t)(size - whole));
    ck_assert_int_eq(fx.event_count, 1);
    log_fixture_check(&fx, 0, end, 10000);
}
END_TEST

/* The same with more behind it than can ever have been unsynced: that was promised, so it is damage; with durability memory
 * any amount may be. */
START_TEST(much_behind_zeros_is_damage)
{
    uint64_t size = killed_log(10);
    zero(log_fixture_file(&fx, 0, ".log"), size / 10 * 3 / 512 * 512 + 512, 1024);
    fx.env.unsynced_bytes_max = size / 2;
    expect_offline(0, "cannot be read, valid again");
    fx.config.durability = LOG_DURABILITY_MEMORY;
    log_fixture_open(&fx, false, 0);
    ck_assert_int_lt(log_fixture_offsets(&fx).log_end, 50);
}
END_TEST

/* Pages out of order over a segment boundary: later segments go aside too. */
START_TEST(later_segments_are_moved_away)
{
    fx.config.segment_bytes = 16384;
    (void)killed_log(60);
    zero(log_fixture_file(&fx, 0, ".log"), 8192, 1024);
    log_fixture_open(&fx, false, 0);
    size_t segments;
    size_t maps;
    log_partition_count(fx.part, &segments, &maps);
    ck_assert_uint_eq(segments, 1);
    int64_t end = log_fixture_offsets(&fx).log_end;
    ck_assert_int_gt(end, 0);
    log_fixture_check(&fx, 0, end, 10000);
    log_fixture_append_many(&fx, 60, 5);
    log_fixture_check(&fx, 0, end + 300, 10000);
}
END_TEST

/* Space reserved ahead behind a sealed segment, whose cut was lost, is no damage. */
START_TEST(lost_trim_of_a_sealed_segment_is_made_good)
{
    fx.config.segment_bytes = 16384;
    (void)killed_log(60);
    const char *path = log_fixture_file(&fx, 0, ".log");
    int64_t size = test_file_size(path);
    ck_assert_int_eq(truncate(path, 65536), 0);
    log_fixture_open(&fx, false, 0);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_end, 300);
    ck_assert_int_eq(test_file_size(log_fixture_file(&fx, 0, ".log")), size);
    ck_assert_int_eq(fx.event_count, 0);
}
END_TEST

/* A segment that is missing in the middle is damage. */
START_TEST(missing_segment_is_damage)
{
    fx.config.segment_bytes = 16384;
    log_fixture_open(&fx, true, 0);
    log_fixture_append_many(&fx, 100, 5);
    log_fixture_flush(&fx);
    int64_t second = 0;
    int64_t starts[16];
    size_t count;
    ck_assert_int_eq(log_partition_segments_before(fx.part, INT64_MAX, starts, 16, &count), 0);
    ck_assert_uint_gt(count, 3);
    second = starts[count - 2];
    log_fixture_close(&fx, false);
    ck_assert_int_eq(unlink(log_fixture_file(&fx, second, ".log")), 0);
    expect_offline(0, "cannot be read");
}
END_TEST

/* Only what lies above the recovery point is walked: damage below it is not even seen at start, and found by the read. */
START_TEST(recovery_begins_at_the_recovery_point)
{
    log_fixture_open(&fx, true, 0);
    log_fixture_append_many(&fx, 50, 5);
    int64_t point;
    ck_assert_int_eq(log_partition_checkpoint(fx.part, &point), 0);
    ck_assert_int_eq(point, 250);
    log_fixture_append_many(&fx, 50, 5);
    log_fixture_close(&fx, false);
    log_fixture_flip(log_fixture_file(&fx, 0, ".log"), 100);
    expect_offline(0, "offsets 0 to 4 cannot be read");
    log_fixture_open(&fx, false, point);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_end, 500);
    log_fixture_check(&fx, 300, 500, 10000);
}
END_TEST

static void checkpointed_log(void)
{
    fx.config.segment_bytes = 65536;
    log_fixture_open(&fx, true, 0);
    log_fixture_append_many(&fx, 300, 5);
    int64_t point;
    ck_assert_int_eq(log_partition_checkpoint(fx.part, &point), 0);
    log_fixture_close(&fx, true);
}

static const char *const index_suffixes[] = {".index", ".timeindex", ".log"};

/* Indexes that are missing are rebuilt, after a clean stop as after a kill. The control (a missing .log) must fail. */
START_TEST(missing_indexes_are_rebuilt)
{
    checkpointed_log();
    const char *suffix = index_suffixes[_i % 3];
    bool clean = _i / 3 == 0;
    ck_assert_int_eq(unlink(log_fixture_file(&fx, 0, suffix)), 0);
    if (_i % 3 == 2) {
        int err = log_fixture_try_open(&fx, clean, 0);
        struct log_read_options options = {0, 1000, true, LOG_READ_LOG_END};
        struct log_extent extent;
        struct log_offsets offsets;
        ck_assert(err != 0 ||
                  log_partition_read(fx.part, &options, &extent, &offsets) == LEAT_ERANGE);
        return;
    }
    log_fixture_open(&fx, clean, clean ? 1500 : 0);
    log_fixture_check(&fx, 0, 1500, 20000);
    struct log_time_hit hit;
    ck_assert_int_eq(log_partition_find_time(fx.part, FIXTURE_NOW + 10, LOG_READ_LOG_END, &hit), 0);
    ck_assert_int_eq(hit.timestamp_ms, FIXTURE_NOW + 10);
}
END_TEST

/* An index with entries of another log, or none, or half an entry, never leads a read astray. */
START_TEST(wrong_indexes_are_rebuilt)
{
    checkpointed_log();
    uint8_t entries[64 * 8];
    for (uint8_t i = 0; i < 64; i++) {
        memset(entries + i * 8, 0, 8);
        entries[i * 8 + 3] = (uint8_t)(i + 1);
        entries[i * 8 + 6] = (uint8_t)(i * 2);
        entries[i * 8 + 7] = 7;
    }
    static const size_t sizes[] = {sizeof(entries), 8, 13, 0};
    test_file_write(log_fixture_file(&fx, 0, ".index"), entries, sizes[_i % 4]);
    bool clean = _i / 4 == 0;
    log_fixture_open(&fx, clean, 1500);
    log_fixture_check(&fx, 0, 1500, 20000);
    for (int64_t offset = 0; offset < 1500; offset += 7) {
        log_fixture_check(&fx, offset, offset + 1, 1);
    }
}
END_TEST

/* An index older than the log (a checkpoint, then appends, then a kill) is brought up to date. */
START_TEST(old_index_is_completed)
{
    fx.config.segment_bytes = 65536;
    log_fixture_open(&fx, true, 0);
    log_fixture_append_many(&fx, 20, 5);
    int64_t point;
    ck_assert_int_eq(log_partition_checkpoint(fx.part, &point), 0);
    int64_t index_size = test_file_size(log_fixture_file(&fx, 0, ".index"));
    log_fixture_append_many(&fx, 60, 5);
    log_fixture_close(&fx, false);
    ck_assert_int_eq(test_file_size(log_fixture_file(&fx, 0, ".index")), index_size);
    log_fixture_open(&fx, false, point);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_end, 400);
    log_fixture_check(&fx, 0, 400, 1);
    log_fixture_close(&fx, true);
    struct lt_buf first;
    lt_buf_init(&first);
    test_file_read(log_fixture_file(&fx, 0, ".index"), &first);
    ck_assert_uint_gt(first.size, (size_t)index_size);
    /* The completed index is the one that a walk over the whole log makes. */
    ck_assert_int_eq(unlink(log_fixture_file(&fx, 0, ".index")), 0);
    log_fixture_open(&fx, false, 0);
    log_fixture_close(&fx, true);
    struct lt_buf second;
    lt_buf_init(&second);
    test_file_read(log_fixture_file(&fx, 0, ".index"), &second);
    ck_assert(lt_slice_equal(lt_buf_slice(&first), lt_buf_slice(&second)));
    lt_buf_release(&first);
    lt_buf_release(&second);
}
END_TEST

/* Files that are not ours are left alone; what was marked as deleted goes. */
START_TEST(foreign_files_stay)
{
    (void)killed_log(3);
    static const char *const names[] = {"orders-0/notes.txt",
                                        "orders-0/0.log",
                                        "orders-0/00000000000000000abc.log",
                                        "orders-0/99999999999999999999.log",
                                        "orders-0/00000000000000000000.log.bak",
                                        "orders-0/00000000000000000000.17.cut"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        test_file_write(test_dir_path(&fx.dir, names[i]), "mine", 4);
    }
    ck_assert_int_eq(mkdir(log_fixture_file(&fx, 77, ".log"), 0755), 0);
    test_file_write(log_fixture_file(&fx, 5, ".log.deleted"), "old", 3);
    log_fixture_open(&fx, false, 0);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_end, 15);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ck_assert_int_eq(test_file_size(test_dir_path(&fx.dir, names[i])), 4);
    }
    ck_assert_int_eq(test_file_size(log_fixture_file(&fx, 5, ".log.deleted")), -1);
}
END_TEST

/* Leader epochs come back from the log when their file is gone or nonsense. */
START_TEST(epochs_come_back_from_the_log)
{
    log_fixture_open(&fx, true, 0);
    log_fixture_append_many(&fx, 3, 5);
    ck_assert_int_eq(log_partition_set_leader_epoch(fx.part, 4), 0);
    log_fixture_append_many(&fx, 3, 5);
    log_fixture_close(&fx, true);
    const char *path = test_dir_path(&fx.dir, "orders-0/leader-epoch-checkpoint");
    if (_i == 0) {
        ck_assert_int_eq(unlink(path), 0);
    } else {
        test_file_write(path, "0\n1\nx y\n", 8);
    }
    log_fixture_open(&fx, true, 30);
    int32_t epoch;
    int64_t end;
    log_partition_epoch_end(fx.part, 0, &epoch, &end);
    ck_assert_int_eq(epoch, 0);
    ck_assert_int_eq(end, 15);
    log_partition_epoch_end(fx.part, 4, &epoch, &end);
    ck_assert_int_eq(epoch, 4);
    ck_assert_int_eq(end, 30);
    ck_assert_int_eq(log_partition_epoch_at(fx.part, 14), 0);
    ck_assert_int_eq(log_partition_epoch_at(fx.part, 15), 4);
    ck_assert_int_eq(log_fixture_offsets(&fx).leader_epoch, 4);
}
END_TEST

/* A bad batch that an earlier process wrote is found by the first read of its region and never handed out; lower offsets are
 * served. */
START_TEST(bad_batch_is_never_served)
{
    log_fixture_open(&fx, true, 0);
    log_fixture_append_many(&fx, 40, 5);
    uint64_t batch = log_partition_size(fx.part) / 40;
    log_fixture_close(&fx, true);
    log_fixture_flip(log_fixture_file(&fx, 0, ".log"), batch * 20 + 80);
    log_fixture_open(&fx, true, 200);
    struct log_read_options options = {0, 1 << 20, true, LOG_READ_UNCOMMITTED};
    struct log_extent extent;
    struct log_offsets offsets;
    int err = log_partition_read(fx.part, &options, &extent, &offsets);
    if (err == 0 && !log_extent_resident(&extent)) {
        ck_assert_int_eq(log_extent_load(&extent), LEAT_ECORRUPT);
        log_extent_release(&extent);
        err = log_partition_read(fx.part, &options, &extent, &offsets);
    }
    ck_assert_int_eq(err, 0);
    ck_assert(log_extent_resident(&extent));
    ck_assert_int_eq(extent.next_offset, 100);
    log_fixture_check_extent(&extent);
    options.offset = extent.next_offset;
    log_extent_release(&extent);
    ck_assert_int_eq(log_partition_read(fx.part, &options, &extent, &offsets), LEAT_ECORRUPT);
    ck_assert_ptr_nonnull(log_partition_damage(fx.part));
    ck_assert_ptr_null(log_partition_failure(fx.part));
    (void)log_fixture_append(&fx, 5, FIXTURE_NOW);
    log_fixture_flush(&fx);
    ck_assert_int_eq(fx.event_count, 1);
    options.offset = 150;
    ck_assert_int_eq(log_partition_read(fx.part, &options, &extent, &offsets), LEAT_ECORRUPT);
    log_fixture_check(&fx, 0, 100, 1);
}
END_TEST

/* A page that cannot be loaded (here: behind the end of a file that somebody cut) is an error of that read, not the end of
 * the process; the partition goes on. */
START_TEST(unreadable_page_is_an_error)
{
    fx.config.segment_bytes = 65536;
    log_fixture_open(&fx, true, 0);
    log_fixture_append_many(&fx, 300, 5);
    log_fixture_close(&fx, true);
    log_fixture_open(&fx, true, 1500);
    log_fixture_check(&fx, 0, 5, 1);
    ck_assert_int_eq(truncate(log_fixture_file(&fx, 0, ".log"), 0), 0);
    struct log_read_options options = {0, 100000, true, LOG_READ_LOG_END};
    struct log_extent extent;
    struct log_offsets offsets;
    ck_assert_int_eq(log_partition_read(fx.part, &options, &extent, &offsets), LEAT_EIO);
    struct log_time_hit hit;
    ck_assert_int_eq(log_partition_find_time(fx.part, FIXTURE_NOW, LOG_READ_LOG_END, &hit),
                     LEAT_EIO);
    int64_t next = log_fixture_append(&fx, 5, FIXTURE_NOW);
    log_fixture_check(&fx, next, next + 5, 1000);
    /* Under a reader that holds the bytes already. */
    options.offset = next;
    ck_assert_int_eq(log_partition_read(fx.part, &options, &extent, &offsets), 0);
    char *bytes = lt_malloc(extent.size);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_int_eq(log_extent_copy(&extent, 0, bytes, extent.size), 0);
    ck_assert_int_eq(memcmp(bytes, extent.data, extent.size), 0);
    ck_assert_int_eq(ftruncate(extent.fd, 0), 0);
    ck_assert_int_eq(log_extent_copy(&extent, 0, bytes, extent.size), LEAT_EIO);
    ck_assert_int_eq(log_extent_load(&extent), LEAT_EIO);
    lt_free(bytes);
    log_extent_release(&extent);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recovery");
    TCase *tc = tcase_create("log");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, killed_log_is_whole);
    tcase_add_loop_test(tc, torn_tail_is_cut, 0, 10);
    tcase_add_test(tc, torn_below_the_recovery_point_is_damage);
    tcase_add_loop_test(tc, rotten_middle_is_not_cut, 0, 5);
    tcase_add_test(tc, what_was_deleted_may_be_damaged);
    tcase_add_test(tc, names_are_on_disk_before_the_log_is_served);
    tcase_add_loop_test(tc, directory_of_another_topic_is_refused, 0, 2);
    tcase_add_test(tc, unreadable_partition_is_no_clean_stop);
    tcase_add_test(tc, rotten_sealed_segment_is_not_cut);
    tcase_add_test(tc, pages_out_of_order_are_moved_away);
    tcase_add_test(tc, much_behind_zeros_is_damage);
    tcase_add_test(tc, later_segments_are_moved_away);
    tcase_add_test(tc, lost_trim_of_a_sealed_segment_is_made_good);
    tcase_add_test(tc, missing_segment_is_damage);
    tcase_add_test(tc, recovery_begins_at_the_recovery_point);
    tcase_add_test(tc, foreign_files_stay);
    tcase_add_test(tc, bad_batch_is_never_served);
    tcase_add_test(tc, unreadable_page_is_an_error);
    suite_add_tcase(suite, tc);
    tc = tcase_create("hints");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, missing_indexes_are_rebuilt, 0, 6);
    tcase_add_loop_test(tc, wrong_indexes_are_rebuilt, 0, 8);
    tcase_add_test(tc, old_index_is_completed);
    tcase_add_loop_test(tc, epochs_come_back_from_the_log, 0, 2);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
