/* leat-segment repair, interrupted at every call: a second repair finishes the work, and nothing else is lost. */
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/tools/repair.h"
#include "tests/support/test_main.h"
#include "tests/unit/storage/log_fixture.h"

#define BATCHES 30
#define DAMAGED 60 /* first offset of the damaged batch, five records each */

static struct log_fixture fx;
static struct lt_file_faults *faults;

static void setup(void)
{
    ck_assert_int_eq(lt_file_faults_new(&faults), 0);
}

static void teardown(void)
{
    lt_file_faults_free(faults);
}

/* A log of several segments with one bad batch. */
static void make_damaged(void)
{
    log_fixture_init(&fx);
    fx.config.segment_bytes = 8000;
    log_fixture_open(&fx, true, 0);
    uint64_t position = 0;
    int64_t base = 0;
    for (int i = 0; i < BATCHES; i++) {
        struct log_extent extent;
        struct log_offsets offsets;
        (void)log_fixture_append(&fx, 5, FIXTURE_NOW + i);
        if (i * 5 == DAMAGED) {
            struct log_read_options options = {.offset = DAMAGED,
                                               .size_max = 1,
                                               .first_batch_always = true,
                                               .isolation = LOG_READ_LOG_END};
            ck_assert_int_eq(log_partition_read(fx.part, &options, &extent, &offsets), 0);
            position = extent.position;
            log_extent_release(&extent);
        }
    }
    log_fixture_close(&fx, true);
    for (base = DAMAGED; test_file_size(log_fixture_file(&fx, base, ".log")) < 0; base--) {
        ck_assert_int_gt(base, 0);
    }
    log_fixture_flip(log_fixture_file(&fx, base, ".log"), position + 100);
}

static int repair(enum log_repair_kind kind)
{
    struct log_repair_options options = {
        .ops = lt_file_faults_ops(faults), .kind = kind, .offset = DAMAGED};
    struct log_out out = {.file = fopen("/dev/null", "we")};
    ck_assert_ptr_nonnull(out.file);
    int err = log_repair(test_dir_path(&fx.dir, "orders-0"), &options, &out, NULL);
    ck_assert_int_eq(fclose(out.file), 0);
    return err;
}

/* What must be there is; what was damaged is not, and its offsets are gone or empty. */
static void check_repaired(enum log_repair_kind kind, int64_t n)
{
    int err = log_fixture_try_open(&fx, false, 0);
    ck_assert_msg(err == 0, "after call %d: %s", (int)n, log_partition_failure(fx.part));
    int64_t log_end = log_fixture_offsets(&fx).log_end;
    log_fixture_check(&fx, 0, DAMAGED, 1); /* batch by batch: up to the empty one */
    if (kind == LOG_REPAIR_SKIP) {
        ck_assert_int_eq(log_end, BATCHES * 5);
        log_fixture_check(&fx, DAMAGED + 5, log_end, 4000);
    } else {
        ck_assert_int_eq(log_end, DAMAGED);
        (void)log_fixture_append(&fx, 5, FIXTURE_NOW);
    }
    log_fixture_release(&fx);
}

/* A call fails: the repair says so, and can be done again. */
START_TEST(a_failed_repair_can_be_done_again)
{
    static const int errnums[] = {EIO, ENOSPC};
    enum log_repair_kind kind = _i % 2 == 0 ? LOG_REPAIR_TRUNCATE : LOG_REPAIR_SKIP;
    for (int64_t n = 0;; n++) {
        make_damaged();
        struct lt_fault_plan plan = {.kind = LT_FAULT_FAIL, .at = n, .errnum = errnums[_i / 2]};
        lt_file_faults_plan(faults, &plan);
        int err = repair(kind);
        bool fired = lt_file_faults_fired(faults);
        lt_file_faults_plan(faults, &(struct lt_fault_plan){.at = -1});
        ck_assert_msg(fired || err == 0, "call %d: %s", (int)n, lt_err_name(err));
        if (err != 0) {
            err = repair(kind);
            ck_assert_msg(err == 0 || err == LEAT_ERANGE, "again after call %d: %s", (int)n,
                          lt_err_name(err)); /* the log may have been whole already */
        }
        check_repaired(kind, n);
        if (!fired) {
            ck_assert_int_gt(n, 5);
            return;
        }
    }
}
END_TEST

/* The process dies at a call: likewise. */
START_TEST(a_repair_that_died_can_be_done_again)
{
    enum log_repair_kind kind = _i == 0 ? LOG_REPAIR_TRUNCATE : LOG_REPAIR_SKIP;
    for (int64_t n = 0;; n++) {
        make_damaged();
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            struct lt_fault_plan plan = {.kind = LT_FAULT_CRASH, .at = n};
            lt_file_faults_plan(faults, &plan);
            _exit(repair(kind) == 0 ? 0 : 1);
        }
        int status = 0;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert(WIFEXITED(status));
        bool died = WEXITSTATUS(status) == LT_FAULT_EXIT;
        ck_assert(died || WEXITSTATUS(status) == 0);
        if (died) {
            int err = repair(kind);
            ck_assert_msg(err == 0 || err == LEAT_ERANGE, "again after call %d: %s", (int)n,
                          lt_err_name(err));
        }
        check_repaired(kind, n);
        if (!died) {
            ck_assert_int_gt(n, 5);
            return;
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("repair");
    TCase *tc = tcase_create("interrupted");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, a_failed_repair_can_be_done_again, 0, 4);
    tcase_add_loop_test(tc, a_repair_that_died_can_be_done_again, 0, 2);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
