/* Every file call fails once, crashes once, loses the power once: what was promised stays.
 *
 * One round does the same work each time (appends over several segments, flushes, a checkpoint, retention, a clean
 * close) with a fault at the n-th changing file call, n = 0, 1, 2 ... until the work passes. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "tests/support/test_main.h"
#include "tests/unit/storage/log_fixture.h"

static struct log_fixture fx;
static struct lt_file_faults *faults;

/* What the work was promised; shared with the child that dies. */
struct promises {
    _Atomic int64_t high_watermark;
    _Atomic int64_t log_start;
    _Atomic int64_t recovery_point;
    _Atomic int64_t log_end;
    _Atomic bool clean;
};
static struct promises *promises;

static void setup(void)
{
    log_fixture_init(&fx);
    fx.config.segment_bytes = 8192;
    fx.config.segment_index_bytes = 4096;
    fx.config.index_interval_bytes = 512;
    ck_assert_int_eq(lt_file_faults_new(&faults), 0);
    promises =
        mmap(NULL, sizeof(*promises), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(promises, MAP_FAILED);
}

static void teardown(void)
{
    log_fixture_release(&fx);
    lt_file_faults_free(faults);
    (void)munmap(promises, sizeof(*promises));
}

static void fresh(void)
{
    log_fixture_release(&fx);
    struct log_config config = fx.config;
    log_fixture_init(&fx);
    fx.config = config;
    memset((void *)promises, 0, sizeof(*promises));
}

static void note(void)
{
    struct log_offsets offsets;
    if (log_partition_offsets(fx.part, &offsets) == 0) {
        promises->log_end = offsets.log_end;
        promises->high_watermark = offsets.high_watermark;
        promises->log_start = offsets.log_start;
    }
    promises->recovery_point = log_partition_recovery_point(fx.part);
}

static int flush(void)
{
    uint64_t bytes;
    int err = log_partition_flush(fx.part, &bytes);
    note();
    return err;
}

static int append_some(int64_t *offset, int batches)
{
    int err = 0;
    for (int i = 0; err == 0 && i < batches; i++) {
        struct fixture_batch what = {5, FIXTURE_NOW + *offset, 1};
        err = log_fixture_try_append(&fx, *offset, &what);
        *offset += err == 0 ? 5 : 0;
        note();
    }
    return err;
}

static int work(void)
{
    int64_t offset = 0;
    int64_t point;
    int err = log_fixture_try_open(&fx, false, 0);
    err = err == 0 ? append_some(&offset, 10) : err;
    err = err == 0 ? flush() : err;
    err = err == 0 ? append_some(&offset, 20) : err;
    err = err == 0 ? flush() : err;
    err = err == 0 ? log_partition_checkpoint(fx.part, &point) : err;
    if (err == 0) {
        note();
        err = log_partition_raise_log_start(fx.part, 30, &point);
        note();
    }
    if (err == 0 && log_partition_retention_plan(fx.part, true)) {
        note();
        err = log_partition_retention_apply(fx.part);
    }
    if (err == 0) {
        (void)log_partition_reap(fx.part, true); /* what cannot be unlinked waits */
    }
    err = err == 0 ? log_partition_set_leader_epoch(fx.part, 2) : err;
    err = err == 0 ? append_some(&offset, 10) : err;
    err = err == 0 ? log_partition_close(fx.part, true) : err;
    note();
    promises->clean = err == 0;
    return err;
}

/* Open what is left as a restart would, and hold it against the promises. */
static void check_restart(const char *what, int64_t n)
{
    log_partition_unref(fx.part);
    fx.part = NULL;
    fx.env.ops = lt_file_ops_real();
    fx.open_log_start = promises->log_start;
    int err = log_fixture_try_open(&fx, promises->clean, promises->recovery_point);
    ck_assert_msg(err == 0, "%s at call %d: %s", what, (int)n, log_partition_failure(fx.part));
    struct log_offsets offsets = log_fixture_offsets(&fx);
    ck_assert_msg(offsets.log_end >= promises->high_watermark,
                  "%s at call %d: log end %d, high watermark was %d", what, (int)n,
                  (int)offsets.log_end, (int)promises->high_watermark);
    ck_assert_int_ge(offsets.log_start, promises->log_start);
    log_fixture_check(&fx, offsets.log_start, offsets.log_end, 3000);
    ck_assert_int_eq(offsets.log_end % 5, 0);
    int64_t end = offsets.log_end;
    log_fixture_append_many(&fx, 5, 5);
    log_fixture_check(&fx, offsets.log_start, end + 25, 3000);
}

/* A failed call leaves the partition unchanged or poisoned, and a restart shows everything acknowledged. */
static void fail_loop(int errnum, bool sticky)
{
    for (int64_t n = 0;; n++) {
        fresh();
        fx.env.ops = lt_file_faults_ops(faults);
        struct lt_fault_plan plan = {
            .kind = LT_FAULT_FAIL, .at = n, .errnum = errnum, .sticky = sticky};
        lt_file_faults_plan(faults, &plan);
        int err = work();
        bool fired = lt_file_faults_fired(faults);
        lt_file_faults_plan(faults, &(struct lt_fault_plan){.kind = LT_FAULT_NONE, .at = -1});
        ck_assert(fired || err == 0);
        if (fx.part != NULL && err == LEAT_EIO && log_partition_failure(fx.part) != NULL) {
            struct fixture_batch what = {1, FIXTURE_NOW, 0};
            int again = log_fixture_try_append(&fx, promises->log_end, &what);
            ck_assert_msg(again < 0, "poisoned partition took an append after call %d", (int)n);
        }
        check_restart("failed", n);
        if (!fired) {
            ck_assert_int_gt(n, 50);
            return;
        }
    }
}

START_TEST(io_errors_lose_nothing_promised)
{
    fail_loop(EIO, _i == 1);
}
END_TEST

/* A full disk is no failure: the same append passes when there is space again. */
START_TEST(full_disk_is_not_final)
{
    fx.env.ops = lt_file_faults_ops(faults);
    log_fixture_open(&fx, true, 0);
    for (int i = 0; i < 40; i++) {
        int64_t end = log_fixture_offsets(&fx).log_end;
        struct fixture_batch what = {5, FIXTURE_NOW, 1};
        lt_file_faults_plan(
            faults, &(struct lt_fault_plan){.kind = LT_FAULT_FAIL,
                                            .errnum = ENOSPC,
                                            .sticky = true,
                                            .only_call = i % 2 == 0 ? "fallocate" : "open"});
        int err = log_fixture_try_append(&fx, end, &what);
        bool fired = lt_file_faults_fired(faults);
        ck_assert_int_eq(err, fired ? LEAT_ENOSPACE : 0);
        ck_assert_int_eq(log_fixture_offsets(&fx).log_end, fired ? end : end + 5);
        lt_file_faults_plan(faults, &(struct lt_fault_plan){.kind = LT_FAULT_NONE, .at = -1});
        if (fired) {
            log_fixture_append_many(&fx, 1, 5);
        }
    }
    ck_assert_ptr_null(log_partition_failure(fx.part));
    log_fixture_check(&fx, 0, 200, 5000);
}
END_TEST

/* A disk that is full when a segment has to be sealed is no failure either: the indexes are written later. */
START_TEST(full_disk_while_rolling_is_not_final)
{
    fx.env.ops = lt_file_faults_ops(faults);
    log_fixture_open(&fx, true, 0);
    log_fixture_append_many(&fx, 20, 5);
    int64_t later = FIXTURE_NOW + fx.config.segment_ms + 1000;
    struct fixture_batch what = {5, later, 1};
    for (int i = 0; i < 2; i++) {
        lt_file_faults_plan(
            faults, &(struct lt_fault_plan){
                        .kind = LT_FAULT_FAIL, .at = i, .errnum = ENOSPC, .only_call = "pwrite"});
        ck_assert_int_eq(log_fixture_try_append(&fx, 100, &what), LEAT_ENOSPACE);
        ck_assert(lt_file_faults_fired(faults));
    }
    lt_file_faults_plan(faults, &(struct lt_fault_plan){.kind = LT_FAULT_NONE, .at = -1});
    ck_assert_ptr_null(log_partition_failure(fx.part));
    ck_assert_int_eq(log_fixture_append(&fx, 5, later), 100);
    log_fixture_flush(&fx);
    log_fixture_check(&fx, 0, 105, 5000);
    log_fixture_close(&fx, true);
    log_fixture_open(&fx, true, 105);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_end, 105);
    log_fixture_check(&fx, 0, 105, 5000);
}
END_TEST

/* A memory partition whose log start was raised above what was on disk opens after a power cut. */
START_TEST(log_start_is_never_ahead_of_the_disk)
{
    fx.env.ops = lt_file_faults_ops(faults);
    fx.config.durability = LOG_DURABILITY_MEMORY;
    log_fixture_open(&fx, true, 0);
    log_fixture_append_many(&fx, 10, 5);
    int64_t log_start;
    ck_assert_int_eq(log_partition_raise_log_start(fx.part, 30, &log_start), 0);
    lt_file_faults_cut(faults);
    log_fixture_close(&fx, false);
    fx.env.ops = lt_file_ops_real();
    fx.open_log_start = log_start;
    log_fixture_open(&fx, false, 0);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_start, 30);
    ck_assert_int_ge(log_fixture_offsets(&fx).log_end, 30);
}
END_TEST

/* The same for retention: what is not on disk is not old enough to go. */
START_TEST(retention_stays_below_the_disk)
{
    fx.env.ops = lt_file_faults_ops(faults);
    fx.config.durability = LOG_DURABILITY_MEMORY;
    fx.config.segment_bytes = 4096;
    fx.config.retention_bytes = 4096;
    log_fixture_open(&fx, true, 0);
    log_fixture_append_many(&fx, 20, 5);
    bool some = log_partition_retention_plan(fx.part, true);
    int64_t log_start = log_fixture_offsets(&fx).log_start;
    lt_file_faults_cut(faults);
    log_fixture_close(&fx, false);
    fx.env.ops = lt_file_ops_real();
    fx.open_log_start = some ? log_start : -1;
    log_fixture_open(&fx, false, 0);
    log_fixture_append_many(&fx, 20, 5);
    log_fixture_flush(&fx);
    ck_assert(log_partition_retention_plan(fx.part, true));
}
END_TEST

/* Space found missing by pwrite is final: nothing more is written, and what was durable stays readable. */
START_TEST(failed_write_is_final)
{
    fx.env.ops = lt_file_faults_ops(faults);
    log_fixture_open(&fx, true, 0);
    log_fixture_append_many(&fx, 3, 5);
    log_fixture_flush(&fx);
    log_fixture_append_many(&fx, 1, 5);
    lt_file_faults_plan(
        faults,
        &(struct lt_fault_plan){.kind = LT_FAULT_FAIL, .errnum = ENOSPC, .only_call = "pwrite"});
    struct fixture_batch what = {5, FIXTURE_NOW, 1};
    ck_assert_int_eq(log_fixture_try_append(&fx, 20, &what), LEAT_EIO);
    ck_assert_int_eq(fx.moved_count, 1);
    ck_assert_int_eq(log_fixture_try_append(&fx, 20, &what), LEAT_EFAILED);
    uint64_t bytes;
    ck_assert_int_eq(log_partition_flush(fx.part, &bytes), LEAT_EFAILED);
    ck_assert_int_eq(log_fixture_offsets(&fx).high_watermark, 15);
    struct log_read_options options = {0, 100000, true, LOG_READ_UNCOMMITTED};
    struct log_extent extent;
    struct log_offsets offsets;
    ck_assert_int_eq(log_partition_read(fx.part, &options, &extent, &offsets), 0);
    ck_assert_int_eq(extent.next_offset, 15);
    log_extent_release(&extent);
}
END_TEST

/* Run the work in a child that dies at call n; returns whether it died. */
static bool die_at(enum lt_fault_kind kind, int64_t n)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        fx.env.ops = lt_file_faults_ops(faults);
        lt_file_faults_plan(faults, &(struct lt_fault_plan){.kind = kind, .at = n});
        (void)work();
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == LT_FAULT_EXIT);
    return WEXITSTATUS(status) == LT_FAULT_EXIT;
}

static const enum lt_fault_kind deaths[] = {LT_FAULT_CRASH, LT_FAULT_CUT};

/* Killed, or cut off the power, at any call: everything below a high watermark that was shown is there. */
START_TEST(death_loses_nothing_promised)
{
    for (int64_t n = 0;; n++) {
        fresh();
        bool died = die_at(deaths[_i], n);
        check_restart(_i == 0 ? "killed" : "cut off", n);
        if (!died) {
            ck_assert_int_gt(n, 50);
            break;
        }
    }
}
END_TEST

/* The control: a high watermark that runs ahead of the flush is caught by the same check. */
START_TEST(check_catches_a_broken_promise)
{
    fx.config.durability = LOG_DURABILITY_MEMORY;
    bool caught = false;
    for (int64_t n = 20; !caught && n < 200; n++) {
        fresh();
        bool died = die_at(LT_FAULT_CUT, n);
        fx.open_log_start = promises->log_start;
        int err = log_fixture_try_open(&fx, promises->clean, promises->recovery_point);
        caught = died && (err != 0 || log_fixture_offsets(&fx).log_end < promises->high_watermark);
    }
    ck_assert(caught);
}
END_TEST

/* Recovery itself may die at any call and be started again. */
START_TEST(recovery_can_be_started_again)
{
    for (int64_t n = 0;; n++) {
        fresh();
        log_fixture_open(&fx, true, 0);
        log_fixture_append_many(&fx, 40, 5);
        log_fixture_close(&fx, false);
        /* Pages out of order in the second segment: recovery moves, removes and cuts. */
        uint8_t zeros[1024] = {0};
        struct lt_buf bytes;
        lt_buf_init(&bytes);
        const char *path = log_fixture_file(&fx, 60, ".log");
        ck_assert_int_gt(test_file_size(path), 4096);
        test_file_read(path, &bytes);
        memcpy(bytes.data + 2048, zeros, sizeof(zeros));
        test_file_write(path, bytes.data, bytes.size);
        lt_buf_release(&bytes);
        pid_t pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
            fx.env.ops = lt_file_faults_ops(faults);
            lt_file_faults_plan(faults, &(struct lt_fault_plan){.kind = LT_FAULT_CRASH, .at = n});
            (void)log_fixture_try_open(&fx, false, 0);
            _exit(0);
        }
        int status;
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        int err = log_fixture_try_open(&fx, false, 0);
        ck_assert_msg(err == 0, "died at %d: %s", (int)n, log_partition_failure(fx.part));
        int64_t end = log_fixture_offsets(&fx).log_end;
        ck_assert_int_ge(end, 60);
        ck_assert_int_lt(end, 80);
        log_fixture_check(&fx, 0, end, 5000);
        if (WEXITSTATUS(status) == 0) {
            ck_assert_int_gt(n, 8);
            break;
        }
    }
}
END_TEST

/* Without memory nothing is half done. */
START_TEST(no_memory_changes_nothing)
{
    log_fixture_open(&fx, true, 0);
    int64_t end = 0;
    for (int i = 0; i < 60; i++) {
        for (int64_t n = 0;; n++) {
            struct fixture_batch what = {5, FIXTURE_NOW, 1};
            lt_alloc_fail_after(n);
            int err = log_fixture_try_append(&fx, end, &what);
            lt_alloc_fail_never();
            if (err == 0) {
                break;
            }
            ck_assert_int_eq(err, LEAT_ENOMEM);
            ck_assert_int_eq(log_fixture_offsets(&fx).log_end, end);
            ck_assert_ptr_null(log_partition_failure(fx.part));
        }
        end += 5;
    }
    log_fixture_check(&fx, 0, end, 5000);
    log_fixture_close(&fx, true);
    for (int64_t n = 0;; n++) {
        lt_alloc_fail_after(n);
        struct log_open_options options = {.env = &fx.env,
                                           .root = fx.dir.path,
                                           .topic = "orders",
                                           .topic_id = {1, 2, 3},
                                           .clean = n % 2 == 0,
                                           .log_start = -1,
                                           .config = &fx.config};
        int err = log_partition_new(&options, &fx.part);
        if (err == 0) {
            err = log_partition_load(fx.part, NULL);
        }
        struct log_time_hit hit;
        if (err == 0) {
            err = log_partition_find_time(fx.part, FIXTURE_NOW + 3, LOG_READ_LOG_END, &hit);
        }
        lt_alloc_fail_never();
        log_partition_unref(fx.part);
        fx.part = NULL;
        if (err == 0) {
            break;
        }
        ck_assert_int_eq(err, LEAT_ENOMEM);
    }
    log_fixture_open(&fx, true, 0);
    log_fixture_check(&fx, 0, end, 5000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log_faults");
    TCase *tc = tcase_create("faults");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 100);
    tcase_add_loop_test(tc, io_errors_lose_nothing_promised, 0, 2);
    tcase_add_test(tc, full_disk_is_not_final);
    tcase_add_test(tc, failed_write_is_final);
    tcase_add_test(tc, full_disk_while_rolling_is_not_final);
    tcase_add_test(tc, log_start_is_never_ahead_of_the_disk);
    tcase_add_test(tc, retention_stays_below_the_disk);
    tcase_add_loop_test(tc, death_loses_nothing_promised, 0, 2);
    tcase_add_test(tc, check_catches_a_broken_promise);
    tcase_add_test(tc, recovery_can_be_started_again);
    tcase_add_test(tc, no_memory_changes_nothing);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
