/* A whole store on real files: start and stop, group commit, what a failure touches, deletion, hints, the disk reserve. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "storage/partition_impl.h"
#include "tests/support/ops_gate.h"
#include "tests/support/store_fixture.h"
#include "tests/support/test_main.h"

#define BYTES_MIB ((uint64_t)1 << 20)

static struct test_store ts;
static struct test_ops_gate gate;

static atomic_int gone_count; /* calls of on_gone */
static atomic_int jobs_done;

static void setup(void)
{
    atomic_store(&gone_count, 0);
    atomic_store(&jobs_done, 0);
    test_store_init(&ts);
    test_ops_gate_init(&gate, ts.options.ops);
}

static void teardown(void)
{
    test_store_release(&ts);
    test_ops_gate_release(&gate);
}

static const char *in_data(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "data/%s", name);
    return test_dir_path(&ts.dir, path);
}

static bool exists(const char *name)
{
    struct stat info;
    return stat(in_data(name), &info) == 0;
}

/* How many entries of the data directory end in `suffix`. */
static int count_names(const char *suffix)
{
    DIR *handle = opendir(ts.data);
    ck_assert_ptr_nonnull(handle);
    int count = 0;
    const struct dirent *entry;
    while ((entry = readdir(handle)) != NULL) {
        size_t size = strlen(entry->d_name);
        size_t tail = strlen(suffix);
        count += size >= tail && strcmp(entry->d_name + size - tail, suffix) == 0;
    }
    ck_assert_int_eq(closedir(handle), 0);
    return count;
}

static void append(int part, const char *value, int count)
{
    int err = test_append(ts.parts[part], value, count, NULL);
    ck_assert_msg(err == 0, "append: %s", lt_err_text(err));
}

/* ---- start and stop ---- */

/* The identity of the first start is that of all later ones. */
START_TEST(identity_stays)
{
    test_store_up(&ts, 0);
    char cluster_id[32];
    char directory_id[32];
    (void)snprintf(cluster_id, sizeof(cluster_id), "%s", log_store_cluster_id(ts.store));
    (void)snprintf(directory_id, sizeof(directory_id), "%s", log_store_directory_id(ts.store, 0));
    ck_assert_uint_eq(strlen(cluster_id), 22);
    ck_assert_uint_eq(strlen(directory_id), 22);
    ck_assert_int_eq(test_store_down(&ts, true), 0);
    test_store_up(&ts, 0);
    ck_assert_str_eq(log_store_cluster_id(ts.store), cluster_id);
    ck_assert_str_eq(log_store_directory_id(ts.store, 0), directory_id);
}
END_TEST

/* After a clean stop: the marker, no new epoch, the same records. */
START_TEST(clean_stop_and_start)
{
    test_store_up(&ts, 2);
    append(0, "a", 3);
    append(1, "b", 1);
    append(0, "c", 1);
    ck_assert_int_eq(test_store_down(&ts, true), 0);
    ck_assert(exists(".kafka_cleanshutdown"));
    test_store_up(&ts, 2);
    ck_assert(!exists(".kafka_cleanshutdown"));
    ck_assert(log_store_clean(ts.store));
    test_assert_values(ts.parts[0], LOG_READ_COMMITTED, "a0 a1 a2 c0 ");
    test_assert_values(ts.parts[1], LOG_READ_COMMITTED, "b0 ");
    ck_assert(!log_partition_needs_epoch(ts.parts[0]));
    append(0, "d", 1);
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 5));
    test_assert_values(ts.parts[0], LOG_READ_COMMITTED, "a0 a1 a2 c0 d0 ");
}
END_TEST

/* After a stop without the marker: recovered, and a new epoch is due. */
START_TEST(unclean_stop_and_start)
{
    test_store_up(&ts, 1);
    append(0, "a", 3);
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 3));
    ck_assert_int_eq(test_store_down(&ts, false), 0);
    ck_assert(!exists(".kafka_cleanshutdown"));
    test_store_up(&ts, 1);
    ck_assert(!log_store_clean(ts.store));
    ck_assert(log_partition_needs_epoch(ts.parts[0]));
    test_assert_values(ts.parts[0], LOG_READ_COMMITTED, "a0 a1 a2 ");
}
END_TEST

/* A partition that cannot be read keeps the marker away: the next start must not trust its files. */
START_TEST(damaged_partition_is_no_clean_stop)
{
    test_store_up(&ts, 2);
    append(0, "a", 3);
    append(0, "b", 3);
    append(1, "c", 1);
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 6));
    ck_assert_int_eq(test_store_down(&ts, false), 0);
    int fd = open(in_data("t-0/00000000000000000000.log"), O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, "x", 1, 70), 1);
    ck_assert_int_eq(close(fd), 0);
    test_store_up(&ts, 2);
    ck_assert_ptr_nonnull(log_partition_failure(ts.parts[0]));
    ck_assert_int_eq(test_store_down(&ts, true), LEAT_EFAILED);
    ck_assert(!exists(".kafka_cleanshutdown"));
    test_store_up(&ts, 2);
    ck_assert_ptr_nonnull(log_partition_failure(ts.parts[0]));
    test_assert_values(ts.parts[1], LOG_READ_COMMITTED, "c0 ");
}
END_TEST

/* A store that was opened and given up before it loaded puts the marker back. */
START_TEST(start_given_up_leaves_the_marker)
{
    test_store_up(&ts, 1);
    append(0, "a", 1);
    ck_assert_int_eq(test_store_down(&ts, true), 0);
    ck_assert_int_eq(test_store_open(&ts), 0);
    ck_assert_int_eq(test_store_down(&ts, true), 0);
    ck_assert(exists(".kafka_cleanshutdown"));
}
END_TEST

/* Opening fails at any file call: a clear error, and the next start works. */
START_TEST(open_survives_every_failed_call)
{
    int err = LEAT_EIO;
    for (int64_t n = 0; err < 0; n++) {
        ck_assert_int_lt(n, 60);
        test_store_plan(&ts, (struct lt_fault_plan){.kind = LT_FAULT_FAIL, .at = n, .errnum = EIO});
        lt_error_free(ts.error);
        ts.error = NULL;
        err = test_store_open(&ts);
        bool fired = lt_file_faults_fired(ts.faults);
        test_store_plan(&ts, (struct lt_fault_plan){.kind = LT_FAULT_NONE});
        if (err < 0) {
            ck_assert_ptr_nonnull(ts.error);
            ck_assert_ptr_nonnull(strstr(lt_error_message(ts.error), ts.dir.path));
            ck_assert_ptr_null(ts.store);
        } else if (fired) {
            err = LEAT_EIO; /* a call that does not matter failed (the reserve): go on */
            ck_assert_int_eq(test_store_down(&ts, true), 0);
        }
    }
    ck_assert_int_eq(test_store_down(&ts, true), 0);
    test_store_up(&ts, 1);
    append(0, "a", 1);
}
END_TEST

/* Opening fails at any allocation: LEAT_ENOMEM, nothing leaks. */
START_TEST(open_survives_every_failed_allocation)
{
    int err = LEAT_ENOMEM;
    for (int64_t n = 0; err < 0; n++) {
        ck_assert_int_lt(n, 200);
        lt_error_free(ts.error);
        ts.error = NULL;
        lt_alloc_fail_after(n);
        err = test_store_open(&ts);
        lt_alloc_fail_never();
        ck_assert(err == 0 || err == LEAT_ENOMEM);
    }
}
END_TEST

/* ---- several directories ---- */

static void two_dirs(void)
{
    static char second[600];
    (void)snprintf(second, sizeof(second), "%s/data2", ts.dir.path);
    ts.dirs[1] = second;
    ts.options.dir_count = 2;
}

/* A new partition goes where the fewest are. */
START_TEST(partitions_are_spread)
{
    two_dirs();
    test_store_up(&ts, 6);
    struct log_dir_info info[2];
    ck_assert_uint_eq(log_store_dir_count(ts.store), 2);
    for (size_t i = 0; i < 2; i++) {
        log_store_dir_info(ts.store, i, &info[i]);
        ck_assert_uint_eq(info[i].partition_count, 3);
        ck_assert_uint_gt(info[i].total_bytes, info[i].usable_bytes);
        ck_assert(!info[i].offline);
    }
    ck_assert_str_ne(log_store_directory_id(ts.store, 0), log_store_directory_id(ts.store, 1));
}
END_TEST

/* One partition in two entries, and an entry that is a copy of the other, are refused with both paths. */
START_TEST(twins_are_refused)
{
    test_store_up(&ts, 1);
    ck_assert_int_eq(test_store_down(&ts, true), 0);
    two_dirs();
    test_store_up(&ts, 1);
    ck_assert_int_eq(test_store_down(&ts, true), 0);
    ck_assert_int_eq(mkdir(test_dir_path(&ts.dir, "data2/t-0"), 0755), 0);
    ck_assert_int_eq(test_store_open(&ts), LEAT_EMISMATCH);
    ck_assert_ptr_nonnull(strstr(lt_error_message(ts.error), "t-0"));
    ck_assert_ptr_nonnull(strstr(lt_error_message(ts.error), "data2"));
    ck_assert_int_eq(rmdir(test_dir_path(&ts.dir, "data2/t-0")), 0);
    struct lt_buf meta;
    lt_buf_init(&meta);
    test_file_read(in_data("meta.properties"), &meta);
    test_file_write(test_dir_path(&ts.dir, "data2/meta.properties"), meta.data, meta.size);
    lt_buf_release(&meta);
    ck_assert_int_eq(test_store_open(&ts), LEAT_EMISMATCH);
    ck_assert_ptr_nonnull(strstr(lt_error_message(ts.error), "directory.id"));
}
END_TEST

/* ---- group commit ---- */

/* Nothing is visible before its flush has returned; one flush covers everything that was appended before it began. */
START_TEST(one_fdatasync_covers_many_appends)
{
    ts.options.ops = &gate.ops;
    test_store_up(&ts, 1);
    test_ops_gate_close(&gate);
    append(0, "a", 1);
    test_ops_gate_wait(&gate);
    int before = atomic_load(&gate.syncs);
    for (int i = 0; i < 50; i++) {
        append(0, "b", 1);
    }
    struct log_offsets offsets;
    ck_assert_int_eq(log_partition_offsets(ts.parts[0], &offsets), 0);
    ck_assert_int_eq(offsets.high_watermark, 0);
    ck_assert_int_eq(offsets.log_end, 51);
    test_assert_values(ts.parts[0], LOG_READ_COMMITTED, "");
    test_ops_gate_open(&gate);
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 51));
    ck_assert_int_eq(atomic_load(&gate.syncs) - before, 2);
    log_store_tick(ts.store); /* a round counts when it has ended */
    struct log_store_stats stats;
    log_store_stats(ts.store, &stats);
    ck_assert_uint_eq(stats.flushes, 2);
    ck_assert_uint_eq(stats.appends, 51);
    ck_assert_uint_eq(stats.flush_bytes, stats.append_bytes);
}
END_TEST

/* Power is cut; true if all that was promised (below the high watermark) is there after it. */
static bool promise_is_kept(void)
{
    ts.options.ops = &gate.ops;
    test_store_up(&ts, 1);
    for (int i = 0; i < 20; i++) {
        append(0, "a", 5);
    }
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 100));
    struct lt_buf before;
    struct lt_buf after;
    lt_buf_init(&before);
    lt_buf_init(&after);
    ck_assert_int_eq(test_read_all(ts.parts[0], LOG_READ_COMMITTED, &before), 0);
    lt_file_faults_cut(ts.faults);
    ck_assert_int_eq(test_store_down(&ts, false), 0);
    ts.options.ops = lt_file_ops_real();
    test_store_up(&ts, 1);
    ck_assert_int_eq(test_read_all(ts.parts[0], LOG_READ_COMMITTED, &after), 0);
    bool kept = lt_slice_equal(lt_buf_slice(&before), lt_buf_slice(&after));
    lt_buf_release(&before);
    lt_buf_release(&after);
    return kept;
}

/* What is below the high watermark survives a power cut. */
START_TEST(high_watermark_survives_a_power_cut)
{
    ck_assert(promise_is_kept());
}
END_TEST

/* Control: with a disk that lies about its flushes the same steps must notice the loss. */
START_TEST(control_skipped_fdatasync_is_noticed)
{
    atomic_store(&gate.skip_sync, true);
    ck_assert(!promise_is_kept());
}
END_TEST

/* A memory partition with flush.ms reaches the disk when that is due. */
START_TEST(memory_partition_is_flushed_when_due)
{
    ts.options.ops = &gate.ops;
    ts.options.clock = &ts.clock.clock;
    ts.config.durability = LOG_DURABILITY_MEMORY;
    ts.config.flush_ms = 1000;
    test_store_up(&ts, 1);
    append(0, "a", 2);
    test_assert_values(ts.parts[0], LOG_READ_COMMITTED, "a0 a1 ");
    struct log_store_stats stats;
    log_store_stats(ts.store, &stats);
    ck_assert_uint_eq(stats.flushes, 0);
    lt_clock_fake_advance(&ts.clock, 1000);
    log_store_tick(ts.store);
    log_store_stats(ts.store, &stats);
    ck_assert_uint_eq(stats.flushes, 1);
}
END_TEST

/* ---- failures ---- */

/* A failed flush is final for its partition, and only for it. */
START_TEST(failed_flush_stays_with_its_partition)
{
    test_store_up(&ts, 2);
    append(0, "a", 1);
    append(1, "a", 1);
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 1));
    ck_assert(test_store_wait_durable(&ts, ts.parts[1], 1));
    test_store_plan(&ts,
                    (struct lt_fault_plan){
                        .kind = LT_FAULT_FAIL, .at = 0, .errnum = EIO, .only_call = "fdatasync"});
    append(0, "b", 1);
    ck_assert(!test_store_wait_durable(&ts, ts.parts[0], 2));
    append(1, "b", 1);
    ck_assert(test_store_wait_durable(&ts, ts.parts[1], 2));
    ck_assert_int_eq(test_append(ts.parts[0], "c", 1, NULL), LEAT_EFAILED);
    test_assert_values(ts.parts[0], LOG_READ_COMMITTED, "a0 ");
    test_assert_values(ts.parts[1], LOG_READ_COMMITTED, "a0 b0 ");
    log_store_tick(ts.store);
    ck_assert(test_store_told(&ts, "partition_offline: t-0"));
    struct log_store_stats stats;
    log_store_stats(ts.store, &stats);
    ck_assert_uint_eq(stats.flush_failures, 1);
    ck_assert_uint_eq(stats.partitions_offline, 1);
    ck_assert_int_lt(test_store_down(&ts, true), 0);
    ck_assert(!exists(".kafka_cleanshutdown"));
    test_store_up(&ts, 2);
    append(0, "d", 1);
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 2));
}
END_TEST

/* The directory's own files fail: all of it is offline, the other directory serves. */
START_TEST(directory_goes_offline_alone)
{
    two_dirs();
    test_store_up(&ts, 2);
    append(0, "a", 1);
    append(1, "a", 1);
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 1));
    ck_assert(test_store_wait_durable(&ts, ts.parts[1], 1));
    test_store_plan(&ts, (struct lt_fault_plan){
                             .kind = LT_FAULT_FAIL, .at = 0, .errnum = EIO, .only_call = "rename"});
    log_store_tick(ts.store);
    test_store_plan(&ts, (struct lt_fault_plan){.kind = LT_FAULT_NONE});
    ck_assert(test_store_told(&ts, "directory_offline: "));
    int offline = 0;
    for (int i = 0; i < 2; i++) {
        struct log_dir_info info;
        log_store_dir_info(ts.store, (size_t)i, &info);
        bool here = strcmp(info.path, log_partition_dir(ts.parts[0])) == 0;
        ck_assert_int_eq(test_append(ts.parts[here ? 0 : 1], "b", 1, NULL),
                         info.offline ? LEAT_EFAILED : 0);
        offline += info.offline;
    }
    ck_assert_int_eq(offline, 1);
    struct log_partition *extra;
    for (int i = 2; i < 5; i++) {
        ck_assert_int_eq(test_store_add(&ts, "t", i, &extra), 0);
        ck_assert_int_eq(test_append(extra, "c", 1, NULL), 0);
        log_partition_unref(extra);
    }
    ck_assert_int_lt(test_store_down(&ts, true), 0);
}
END_TEST

/* A full disk refuses appends, gives the reserve back, and is over as soon as there is space. */
START_TEST(full_disk_is_not_final)
{
    ts.options.reserve_bytes = BYTES_MIB;
    ts.options.clock = &ts.clock.clock;
    test_store_up(&ts, 1);
    ck_assert_int_eq(test_file_size(in_data(".leat_reserve")), (int64_t)BYTES_MIB);
    test_store_plan(&ts, (struct lt_fault_plan){.kind = LT_FAULT_FAIL,
                                                .at = 0,
                                                .errnum = ENOSPC,
                                                .sticky = true,
                                                .only_call = "fallocate"});
    ck_assert_int_eq(test_append(ts.parts[0], "a", 1, NULL), LEAT_ENOSPACE);
    log_store_tick(ts.store);
    ck_assert(test_store_told(&ts, "disk_full: "));
    ck_assert_int_eq(test_file_size(in_data(".leat_reserve")), -1);
    ck_assert_int_eq(test_append(ts.parts[0], "b", 1, NULL), LEAT_ENOSPACE);
    ck_assert_ptr_null(log_partition_failure(ts.parts[0]));
    test_store_plan(&ts, (struct lt_fault_plan){.kind = LT_FAULT_NONE});
    append(0, "c", 1);
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 1));
    test_assert_values(ts.parts[0], LOG_READ_COMMITTED, "c0 ");
    lt_clock_fake_advance(&ts.clock, 1000);
    log_store_tick(ts.store);
    ck_assert_int_eq(test_file_size(in_data(".leat_reserve")), (int64_t)BYTES_MIB);
    ck_assert(test_store_told(&ts, "disk_space_back: "));
}
END_TEST

/* ---- hints ---- */

static void remove_hints(void)
{
    static const char *const names[] = {"recovery-point-offset-checkpoint",
                                        "log-start-offset-checkpoint"};
    for (size_t i = 0; i < 2; i++) {
        ck_assert(unlink(in_data(names[i])) == 0 || errno == ENOENT);
    }
    DIR *handle = opendir(in_data("t-0"));
    ck_assert_ptr_nonnull(handle);
    const struct dirent *entry;
    while ((entry = readdir(handle)) != NULL) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot != NULL && (strcmp(dot, ".index") == 0 || strcmp(dot, ".timeindex") == 0)) {
            char name[300];
            (void)snprintf(name, sizeof(name), "t-0/%s", entry->d_name);
            ck_assert_int_eq(unlink(in_data(name)), 0);
        }
    }
    ck_assert_int_eq(closedir(handle), 0);
}

/* Checkpoints and indexes are hints: without them the log rebuilds the same state. */
START_TEST(hints_can_be_deleted)
{
    ts.config.segment_bytes = 2048;
    ts.config.index_interval_bytes = 200;
    test_store_up(&ts, 1);
    for (int i = 0; i < 100; i++) {
        append(0, "a", 3);
    }
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 300));
    log_store_tick(ts.store);
    append(0, "b", 1);
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 301));
    struct lt_buf before;
    struct lt_buf after;
    lt_buf_init(&before);
    lt_buf_init(&after);
    ck_assert_int_eq(test_read_all(ts.parts[0], LOG_READ_COMMITTED, &before), 0);
    ck_assert_int_eq(test_store_down(&ts, _i == 0), 0);
    remove_hints();
    test_store_up(&ts, 1);
    ck_assert_int_eq(test_read_all(ts.parts[0], LOG_READ_COMMITTED, &after), 0);
    ck_assert(lt_slice_equal(lt_buf_slice(&before), lt_buf_slice(&after)));
    lt_buf_release(&before);
    lt_buf_release(&after);
    append(0, "c", 1);
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 302));
}
END_TEST

/* A damaged checkpoint is told and ignored. */
START_TEST(damaged_checkpoint_is_told)
{
    test_store_up(&ts, 1);
    append(0, "a", 3);
    ck_assert_int_eq(test_store_down(&ts, true), 0);
    ck_assert_int_eq(unlink(in_data(".kafka_cleanshutdown")), 0);
    test_file_write(in_data("recovery-point-offset-checkpoint"), "0\n7\ngarbage", 11);
    test_store_up(&ts, 1);
    ck_assert(test_store_told(&ts, "checkpoint_damaged: "));
    test_assert_values(ts.parts[0], LOG_READ_COMMITTED, "a0 a1 a2 ");
}
END_TEST

/* The start that DeleteRecords set is there after a stop of either kind. */
START_TEST(deleted_records_stay_deleted)
{
    test_store_up(&ts, 1);
    append(0, "a", 5);
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 5));
    int64_t log_start;
    ck_assert_int_eq(log_partition_delete_records(ts.parts[0], 3, &log_start), 0);
    ck_assert_int_eq(log_start, 3);
    ck_assert_int_eq(log_partition_delete_records(ts.parts[0], 6, &log_start), LEAT_ERANGE);
    ck_assert_int_eq(test_store_down(&ts, _i == 0), 0);
    test_store_up(&ts, 1);
    test_assert_values(ts.parts[0], LOG_READ_COMMITTED, "a3 a4 ");
}
END_TEST

/* Records of many partitions go with one write of the checkpoint; each has an outcome of its own. */
START_TEST(many_deletions_are_one_write)
{
    test_store_up(&ts, 2);
    append(0, "a", 5);
    append(1, "b", 5);
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 5));
    ck_assert(test_store_wait_durable(&ts, ts.parts[1], 5));
    struct log_deletion deletions[] = {
        {.part = ts.parts[0], .offset = 2},  {.part = ts.parts[1], .offset = 6},
        {.part = ts.parts[1], .offset = -1}, {.part = ts.parts[0], .offset = 1},
        {.part = ts.parts[0], .offset = 4},
    };
    struct lt_fault_plan renames = {.kind = LT_FAULT_NONE, .only_call = "rename"};
    lt_file_faults_plan(ts.faults, &renames);
    log_store_delete_records(ts.store, deletions, 5);
    /* One, and what the background thread may write at the same time; each for itself would be four. */
    ck_assert_int_lt(lt_file_faults_count(ts.faults), 4);
    static const int64_t starts[] = {2, 0, 5, 2, 4};
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(deletions[i].err, i == 1 ? LEAT_ERANGE : 0);
        ck_assert_int_eq(deletions[i].log_start, starts[i]);
    }
    ck_assert_int_eq(test_store_down(&ts, false), 0);
    test_store_up(&ts, 2);
    test_assert_values(ts.parts[0], LOG_READ_COMMITTED, "a4 ");
}
END_TEST

/* ---- retention and clocks ---- */

static void fill_segments(void)
{
    ts.options.clock = &ts.clock.clock;
    ts.config.segment_bytes = 2048;
    ts.config.retention_ms = 86400000;
    test_store_up(&ts, 1);
    for (int i = 0; i < 100; i++) {
        append(0, "a", 3);
    }
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 300));
}

/* What is older than retention.ms goes, the files a while later. */
START_TEST(old_segments_go)
{
    fill_segments();
    log_store_tick(ts.store);
    struct log_offsets offsets;
    ck_assert_int_eq(log_partition_offsets(ts.parts[0], &offsets), 0);
    ck_assert_int_eq(offsets.log_start, 0);
    lt_clock_fake_advance(&ts.clock, 86400000 + 60000);
    log_store_tick(ts.store);
    ck_assert_int_eq(log_partition_offsets(ts.parts[0], &offsets), 0);
    ck_assert_int_eq(offsets.log_start, 300);
    lt_clock_fake_advance(&ts.clock, 60000);
    log_store_tick(ts.store);
    ck_assert_uint_eq(log_partition_size(ts.parts[0]), 0);
    ck_assert_int_eq(test_store_down(&ts, false), 0);
    test_store_up(&ts, 1);
    ck_assert_int_eq(log_partition_offsets(ts.parts[0], &offsets), 0);
    ck_assert_int_eq(offsets.log_start, 300);
    ck_assert_int_eq(offsets.log_end, 300);
}
END_TEST

/* A wall clock that jumps deletes nothing; one warning says so. */
START_TEST(clock_jump_deletes_nothing)
{
    fill_segments();
    lt_clock_fake_step_wall(&ts.clock, 400 * INT64_C(86400000));
    log_store_tick(ts.store);
    struct log_offsets offsets;
    ck_assert_int_eq(log_partition_offsets(ts.parts[0], &offsets), 0);
    ck_assert_int_eq(offsets.log_start, 0);
    ck_assert(test_store_told(&ts, "clock_jumped: "));
    lt_clock_fake_step_wall(&ts.clock, -400 * INT64_C(86400000));
    lt_clock_fake_advance(&ts.clock, 2 * 86400000);
    append(0, "b", 1); /* a new checkpoint follows: the old one was written in the future */
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 301));
    log_store_tick(ts.store);
    ck_assert_int_eq(log_partition_offsets(ts.parts[0], &offsets), 0);
    ck_assert_int_eq(offsets.log_start, 301);
}
END_TEST

/* ---- deletion and strays ---- */

static void on_gone(void *arg)
{
    (void)arg;
    atomic_fetch_add(&gone_count, 1);
}

/* The name is free at once, the directory goes after file.delete.delay.ms. */
START_TEST(removed_partition_goes_in_two_steps)
{
    ts.options.clock = &ts.clock.clock;
    test_store_up(&ts, 1);
    append(0, "a", 3);
    ck_assert_int_eq(log_store_remove(ts.store, ts.parts[0], on_gone, NULL), 0);
    ck_assert_int_eq(test_append(ts.parts[0], "b", 1, NULL), LEAT_EDELETED);
    ck_assert(!exists("t-0"));
    ck_assert_int_eq(count_names("-delete"), 1);
    log_partition_unref(ts.parts[0]);
    ts.topic_id[0] = 99;
    ck_assert_int_eq(test_store_add(&ts, "t", 0, &ts.parts[0]), 0);
    append(0, "c", 1);
    log_store_tick(ts.store);
    ck_assert_int_eq(atomic_load(&gone_count), 0);
    lt_clock_fake_advance(&ts.clock, 60000);
    log_store_tick(ts.store);
    ck_assert_int_eq(atomic_load(&gone_count), 1);
    ck_assert_int_eq(count_names("-delete"), 0);
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 1));
    test_assert_values(ts.parts[0], LOG_READ_COMMITTED, "c0 ");
}
END_TEST

/* Also a topic with the longest name that Kafka allows. */
START_TEST(longest_name_can_be_removed)
{
    test_store_up(&ts, 0);
    ts.config.file_delete_delay_ms = 0;
    char topic[250];
    memset(topic, 't', 249);
    topic[249] = '\0';
    struct log_partition *part;
    ck_assert_int_eq(test_store_add(&ts, topic, 7, &part), 0);
    ck_assert_int_eq(test_append(part, "a", 1, NULL), 0);
    ck_assert_int_eq(log_store_remove(ts.store, part, on_gone, NULL), 0);
    log_partition_unref(part);
    ck_assert_int_eq(count_names("-7"), 0);
    log_store_tick(ts.store);
    ck_assert_int_eq(atomic_load(&gone_count), 1);
    ck_assert_int_eq(count_names("-delete"), 0);
}
END_TEST

static void *add_and_remove(void *arg)
{
    atomic_bool *stop = arg;
    while (!atomic_load(stop)) {
        struct log_partition *part;
        ck_assert_int_eq(test_store_add(&ts, "u", 0, &part), 0);
        ck_assert_int_eq(log_store_remove(ts.store, part, NULL, NULL), 0);
        log_partition_unref(part);
    }
    return NULL;
}

/* Checkpoints are written while partitions come and go. */
START_TEST(checkpoints_beside_changes)
{
    test_store_up(&ts, 1);
    append(0, "a", 100);
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 100));
    atomic_bool stop = false;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, add_and_remove, &stop), 0);
    for (int i = 1; i <= 60; i++) {
        int64_t log_start;
        ck_assert_int_eq(log_partition_delete_records(ts.parts[0], i, &log_start), 0);
        ck_assert_int_eq(log_start, i);
    }
    atomic_store(&stop, true);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

/* A topic of the same name is not measured by the checkpoint of the old one, even after a crash. */
START_TEST(new_topic_of_the_same_name_recovers)
{
    test_store_up(&ts, 1);
    append(0, "a", 100);
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 100));
    log_store_tick(ts.store);
    ck_assert_int_eq(log_store_remove(ts.store, ts.parts[0], NULL, NULL), 0);
    log_partition_unref(ts.parts[0]);
    ts.topic_id[0] = 99;
    ck_assert_int_eq(test_store_add(&ts, "t", 0, &ts.parts[0]), 0);
    append(0, "b", 2);
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 2));
    ck_assert_int_eq(test_store_down(&ts, false), 0);
    test_store_up(&ts, 1);
    ck_assert_ptr_null(log_partition_failure(ts.parts[0]));
    test_assert_values(ts.parts[0], LOG_READ_COMMITTED, "b0 b1 ");
}
END_TEST

static int moved_count(void)
{
    (void)pthread_mutex_lock(&ts.mutex);
    int moved = ts.moved;
    (void)pthread_mutex_unlock(&ts.mutex);
    return moved;
}

/* Whoever owns the listener may free what it looks at: after the removal nothing calls it for this partition. */
START_TEST(listener_hears_nothing_after_removal)
{
    test_store_up(&ts, 1);
    int before = moved_count();
    log_partition_fail(ts.parts[0], "failed by the test");
    ck_assert_int_eq(moved_count(), before + 1);
    ck_assert_int_eq(log_store_remove(ts.store, ts.parts[0], NULL, NULL), 0);
    int removed = moved_count();
    ck_assert_int_gt(removed, before + 1); /* the removal itself is heard */
    log_partition_fail(ts.parts[0], "again");
    ck_assert_int_eq(moved_count(), removed);
}
END_TEST

/* The same for all partitions once the threads have been halted; the clean close still comes after it. */
START_TEST(listener_hears_nothing_after_halt)
{
    test_store_up(&ts, 1);
    append(0, "a", 1);
    ck_assert(test_store_wait_durable(&ts, ts.parts[0], 1));
    log_store_halt(ts.store);
    int before = moved_count();
    append(0, "b", 1);
    log_store_tick(ts.store);
    ck_assert_int_eq(moved_count(), before);
    log_store_halt(ts.store);
    ck_assert_int_eq(test_store_down(&ts, true), 0);
    test_store_up(&ts, 1);
    ck_assert(log_store_clean(ts.store));
    test_assert_values(ts.parts[0], LOG_READ_COMMITTED, "a0 b0 ");
}
END_TEST

static const char *const delete_points[] = {"remove_begin", "remove_renamed", "delete_begin",
                                            "delete_files_gone", "delete_end"};

static void delete_and_crash(const char *point)
{
    ts.config.file_delete_delay_ms = 0;
    test_store_up(&ts, 2);
    append(0, "a", 3);
    append(1, "keep", 1);
    test_store_plan(&ts,
                    (struct lt_fault_plan){.kind = LT_FAULT_CRASH, .at = 0, .crash_point = point});
    (void)log_store_remove(ts.store, ts.parts[0], NULL, NULL);
    log_store_tick(ts.store);
    _exit(1); /* the point was not passed */
}

/* A crash between the steps of a deletion, at each of them: the next start finishes it, and touches nothing else. */
START_TEST(deletion_survives_a_crash)
{
    pid_t child = fork();
    if (child == 0) {
        delete_and_crash(delete_points[_i]);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), LT_FAULT_EXIT);
    /* The metadata store has forgotten the partition and remembers the id as deleted. */
    ck_assert_int_eq(test_store_open(&ts), 0);
    uint8_t kept_id[16];
    memcpy(kept_id, ts.topic_id, sizeof(kept_id));
    ck_assert_int_eq(test_store_add(&ts, "t", 1, &ts.parts[0]), 0);
    ts.part_count = 1;
    int left = log_store_remove_topic_id(ts.store, ts.topic_id, "t", on_gone, NULL);
    ck_assert_int_ge(left, 0);
    ck_assert_int_eq(log_store_load(ts.store, NULL), 0);
    ck_assert_int_eq(log_store_start(ts.store, NULL), 0);
    log_store_tick(ts.store);
    ck_assert_int_eq(atomic_load(&gone_count), left);
    ck_assert_uint_eq(log_store_stray_count(ts.store), 0);
    ck_assert(!exists("t-0"));
    ck_assert_int_eq(count_names("-delete"), 0);
    test_assert_values(ts.parts[0], LOG_READ_COMMITTED, "keep0 ");
}
END_TEST

/* A directory of a topic that nobody knows is told and left alone; its name is refused to others. */
START_TEST(strays_are_left_alone)
{
    test_store_up(&ts, 2);
    append(0, "a", 3);
    append(1, "b", 1);
    ck_assert_int_eq(test_store_down(&ts, true), 0);
    test_store_up(&ts, 1);
    ck_assert_uint_eq(log_store_stray_count(ts.store), 1);
    ck_assert(test_store_told(&ts, "t-1: belongs to no topic"));
    ts.topic_id[0] = 99;
    struct log_partition *other;
    ck_assert_int_eq(test_store_add(&ts, "t", 1, &other), LEAT_EMISMATCH);
    ck_assert(exists("t-1/00000000000000000000.log"));
    ck_assert_int_eq(test_store_down(&ts, true), 0);
    ts.topic_id[0] = ts.topic_id[1];
    test_store_up(&ts, 2);
    test_assert_values(ts.parts[1], LOG_READ_COMMITTED, "b0 ");
}
END_TEST

/* A name twice is refused, and so is one that no directory could have. */
START_TEST(names_are_checked)
{
    test_store_up(&ts, 1);
    struct log_partition *other;
    ck_assert_int_eq(test_store_add(&ts, "t", 0, &other), LEAT_EEXISTS);
    ck_assert_int_eq(test_store_add(&ts, "../t", 0, &other), LEAT_ENAME);
    ck_assert_int_eq(test_store_add(&ts, "", 0, &other), LEAT_ENAME);
}
END_TEST

/* ---- many partitions ---- */

/* Those of a group that can be made are made, and the first error is told. */
START_TEST(one_bad_name_does_not_undo_the_others)
{
    test_store_up(&ts, 1);
    struct log_partition_options options[4];
    struct log_partition *parts[4];
    for (int i = 0; i < 4; i++) {
        options[i] =
            (struct log_partition_options){.topic = "t", .partition = 3 - i, .config = &ts.config};
        memcpy(options[i].topic_id, ts.topic_id, sizeof(options[i].topic_id));
    }
    ck_assert_int_eq(log_store_add_all(ts.store, options, 4, parts, &ts.error), LEAT_EEXISTS);
    ck_assert_ptr_nonnull(strstr(lt_error_message(ts.error), "t-0"));
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_nonnull(parts[i]);
        ck_assert_int_eq(log_partition_number(parts[i]), 3 - i);
        ck_assert_int_eq(test_append(parts[i], "a", 1, NULL), 0);
        log_partition_unref(parts[i]);
    }
    ck_assert_ptr_null(parts[3]);
    ck_assert_int_eq(test_store_add(&ts, "t", 3, &parts[0]), LEAT_EEXISTS);
}
END_TEST

/* The disk fails while a group is made: what could not be made is not there, and can be made later. */
START_TEST(group_survives_every_failed_call)
{
    test_store_up(&ts, 0);
    int err = LEAT_EIO;
    for (int64_t n = 0; err < 0; n++) {
        ck_assert_int_lt(n, 100);
        char topic[32];
        (void)snprintf(topic, sizeof(topic), "group%d", (int)n);
        struct log_partition_options options[3];
        struct log_partition *parts[3];
        for (int i = 0; i < 3; i++) {
            options[i] = (struct log_partition_options){
                .topic = topic, .partition = i, .config = &ts.config};
            memcpy(options[i].topic_id, ts.topic_id, sizeof(options[i].topic_id));
        }
        test_store_plan(&ts, (struct lt_fault_plan){.kind = LT_FAULT_FAIL, .at = n, .errnum = EIO});
        err = log_store_add_all(ts.store, options, 3, parts, &ts.error);
        test_store_plan(&ts, (struct lt_fault_plan){.kind = LT_FAULT_NONE});
        int made = 0;
        for (int i = 0; i < 3; i++) {
            made += parts[i] != NULL;
            if (parts[i] == NULL) {
                ck_assert_int_eq(log_store_add(ts.store, &options[i], &parts[i], &ts.error), 0);
            }
            ck_assert_int_eq(test_append(parts[i], "a", 1, NULL), 0);
            log_partition_unref(parts[i]);
        }
        ck_assert_int_eq(err == 0, made == 3);
    }
}
END_TEST

/* After a clean stop a thousand partitions are served without touching one of their files. */
START_TEST(clean_start_touches_no_partition_files)
{
    ts.options.ops = &gate.ops;
    ts.options.recovery_threads = 4;
    test_store_up(&ts, 1000);
    append(500, "a", 2);
    ck_assert_int_eq(test_store_down(&ts, true), 0);
    gate.watched = "/t-";
    int64_t began = lt_clock_mono_ns(lt_clock_real());
    test_store_up(&ts, 1000);
    int64_t took = lt_clock_mono_ns(lt_clock_real()) - began;
    printf("clean start with 1000 partitions: %.1f ms\n", (double)took / 1e6);
    ck_assert_int_eq(atomic_load(&gate.watched_uses), 0);
    test_assert_values(ts.parts[500], LOG_READ_COMMITTED, "a0 a1 ");
    ck_assert_int_gt(atomic_load(&gate.watched_uses), 0);
    ck_assert_int_eq(test_store_down(&ts, false), 0);
    began = lt_clock_mono_ns(lt_clock_real());
    test_store_up(&ts, 1000);
    took = lt_clock_mono_ns(lt_clock_real()) - began;
    printf("start without the clean marker, 1000 partitions: %.1f ms\n", (double)took / 1e6);
}
END_TEST

/* ---- reader jobs ---- */

static void count_job(void *arg)
{
    (void)arg;
    atomic_fetch_add(&jobs_done, 1);
}

/* Every job that was taken runs, at the latest before the store is closed. */
START_TEST(posted_jobs_all_run)
{
    test_store_up(&ts, 0);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(log_store_run(ts.store, count_job, NULL), 0);
    }
    ck_assert_int_eq(test_store_down(&ts, true), 0);
    ck_assert_int_eq(atomic_load(&jobs_done), 1000);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, setup, teardown);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *tcase = add_case(suite, "start and stop");
    tcase_add_test(tcase, identity_stays);
    tcase_add_test(tcase, clean_stop_and_start);
    tcase_add_test(tcase, unclean_stop_and_start);
    tcase_add_test(tcase, damaged_partition_is_no_clean_stop);
    tcase_add_test(tcase, start_given_up_leaves_the_marker);
    tcase_add_test(tcase, open_survives_every_failed_call);
    tcase_add_test(tcase, open_survives_every_failed_allocation);
    tcase_add_test(tcase, partitions_are_spread);
    tcase_add_test(tcase, twins_are_refused);
    tcase = add_case(suite, "group commit");
    tcase_add_test(tcase, one_fdatasync_covers_many_appends);
    tcase_add_test(tcase, high_watermark_survives_a_power_cut);
    tcase_add_test(tcase, control_skipped_fdatasync_is_noticed);
    tcase_add_test(tcase, memory_partition_is_flushed_when_due);
    tcase = add_case(suite, "failures");
    tcase_add_test(tcase, failed_flush_stays_with_its_partition);
    tcase_add_test(tcase, directory_goes_offline_alone);
    tcase_add_test(tcase, full_disk_is_not_final);
    tcase = add_case(suite, "hints and retention");
    tcase_add_loop_test(tcase, hints_can_be_deleted, 0, 2);
    tcase_add_test(tcase, damaged_checkpoint_is_told);
    tcase_add_loop_test(tcase, deleted_records_stay_deleted, 0, 2);
    tcase_add_test(tcase, many_deletions_are_one_write);
    tcase_add_test(tcase, old_segments_go);
    tcase_add_test(tcase, clock_jump_deletes_nothing);
    tcase = add_case(suite, "deletion");
    tcase_add_test(tcase, removed_partition_goes_in_two_steps);
    tcase_add_test(tcase, longest_name_can_be_removed);
    tcase_add_test(tcase, checkpoints_beside_changes);
    tcase_add_test(tcase, new_topic_of_the_same_name_recovers);
    tcase_add_loop_test(tcase, deletion_survives_a_crash, 0,
                        (int)(sizeof(delete_points) / sizeof(delete_points[0])));
    tcase_add_test(tcase, listener_hears_nothing_after_removal);
    tcase_add_test(tcase, listener_hears_nothing_after_halt);
    tcase_add_test(tcase, strays_are_left_alone);
    tcase_add_test(tcase, names_are_checked);
    tcase = add_case(suite, "many");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, one_bad_name_does_not_undo_the_others);
    tcase_add_test(tcase, group_survives_every_failed_call);
    tcase_add_test(tcase, clean_start_touches_no_partition_files);
    tcase_add_test(tcase, posted_jobs_all_run);
    return test_main(suite);
}
