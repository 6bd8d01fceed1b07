/* What a full disk does to whom: the reserve, clients that are held back, the server itself that is not. */
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>

#include "base/file_faults.h"
#include "storage/disk_space.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_main.h"

#define BYTES_MIB ((uint64_t)1 << 20)

static struct test_dir dir;
static struct lt_file_faults *faults;
static struct log_disk_space *space;
static int low_calls;

static void on_low(void *arg)
{
    (void)arg;
    low_calls++;
}

static void setup(void)
{
    test_dir_init(&dir);
    low_calls = 0;
    space = NULL;
    ck_assert_int_eq(lt_file_faults_new(&faults), 0);
}

static void teardown(void)
{
    log_disk_space_free(space);
    lt_file_faults_free(faults);
    test_dir_release(&dir);
}

static void make(uint64_t reserve_bytes)
{
    ck_assert_int_eq(log_disk_space_new(lt_file_faults_ops(faults), dir.path, reserve_bytes, on_low,
                                        NULL, &space),
                     0);
}

static void fail_next(const char *call, int errnum)
{
    lt_file_faults_plan(faults,
                        &(struct lt_fault_plan){
                            .kind = LT_FAULT_FAIL, .at = 0, .errnum = errnum, .only_call = call});
}

static int allocate(bool internal, uint64_t size)
{
    const struct lt_file_ops *ops = log_disk_space_ops(space, internal);
    int fd;
    ck_assert_int_eq(ops->open(ops, test_dir_path(&dir, "file"), O_RDWR | O_CREAT, 0644, &fd), 0);
    int err = ops->fallocate(ops, fd, 0, size);
    int errnum = errno;
    ck_assert_int_eq(ops->close(ops, fd), 0);
    errno = errnum;
    return err;
}

/* Taken once, found again, cut when the setting has become smaller. */
START_TEST(reserve_is_taken_and_found)
{
    make(BYTES_MIB);
    ck_assert_int_eq(log_disk_space_reserve(space, NULL), 0);
    ck_assert_int_eq(test_file_size(test_dir_path(&dir, ".leat_reserve")), (int64_t)BYTES_MIB);
    ck_assert_int_eq(log_disk_space_reserve(space, NULL), 0);
    log_disk_space_free(space);
    make(BYTES_MIB / 2);
    ck_assert_int_eq(log_disk_space_reserve(space, NULL), 0);
    ck_assert_int_eq(test_file_size(test_dir_path(&dir, ".leat_reserve")), (int64_t)BYTES_MIB / 2);
    ck_assert(!log_disk_space_low(space));
}
END_TEST

/* The first ENOSPC is told once, gives the reserve back, and ends when there is room again. */
START_TEST(low_state_begins_and_ends)
{
    static const int errnums[] = {ENOSPC, EDQUOT};
    make(BYTES_MIB);
    ck_assert_int_eq(log_disk_space_reserve(space, NULL), 0);
    fail_next("fallocate", errnums[_i]);
    ck_assert_int_eq(allocate(false, 4096), LEAT_ENOSPACE);
    ck_assert_int_eq(errno, errnums[_i]);
    ck_assert(log_disk_space_low(space));
    ck_assert_int_eq(low_calls, 1);
    log_disk_space_note_low(space);
    ck_assert_int_eq(low_calls, 1);
    bool changed;
    ck_assert_int_eq(log_disk_space_tend(space, &changed, NULL), 0);
    ck_assert(changed);
    ck_assert_int_eq(test_file_size(test_dir_path(&dir, ".leat_reserve")), -1);
    ck_assert_int_eq(log_disk_space_tend(space, &changed, NULL), 0);
    ck_assert(changed);
    ck_assert(!log_disk_space_low(space));
    ck_assert_int_eq(test_file_size(test_dir_path(&dir, ".leat_reserve")), (int64_t)BYTES_MIB);
    ck_assert_int_eq(log_disk_space_tend(space, &changed, NULL), 0);
    ck_assert(!changed);
}
END_TEST

/* Every call that may need space is watched. */
START_TEST(any_call_may_find_the_disk_full)
{
    static const char *const calls[] = {"open",      "fallocate", "pwrite", "ftruncate",
                                        "fdatasync", "mkdir",     "rename"};
    make(0);
    const struct lt_file_ops *ops = log_disk_space_ops(space, false);
    int fd;
    ck_assert_int_eq(ops->open(ops, test_dir_path(&dir, "file"), O_RDWR | O_CREAT, 0644, &fd), 0);
    int other;
    fail_next(calls[_i], ENOSPC);
    (void)ops->fallocate(ops, fd, 0, 4096);
    (void)ops->pwrite(ops, fd, "x", 1, 0);
    (void)ops->ftruncate(ops, fd, 1);
    (void)ops->fdatasync(ops, fd);
    (void)ops->mkdir(ops, test_dir_path(&dir, "new"), 0755);
    (void)ops->rename(ops, test_dir_path(&dir, "new"), test_dir_path(&dir, "newer"));
    if (ops->open(ops, test_dir_path(&dir, "other"), O_RDWR | O_CREAT, 0644, &other) == 0) {
        ck_assert_int_eq(ops->close(ops, other), 0);
    }
    ck_assert_int_eq(ops->close(ops, fd), 0);
    ck_assert(lt_file_faults_fired(faults));
    ck_assert(log_disk_space_low(space));
    ck_assert_int_eq(low_calls, 1);
}
END_TEST

/* Without more room than the reserve, clients wait and the server itself goes on. */
START_TEST(clients_do_not_eat_the_reserve)
{
    struct statvfs info;
    ck_assert_int_eq(statvfs(dir.path, &info), 0);
    /* Never taken for real: more than what is free must be free for clients to go on. */
    make((uint64_t)info.f_blocks * info.f_frsize + BYTES_MIB);
    fail_next("fallocate", ENOSPC);
    ck_assert_int_eq(log_disk_space_reserve(space, NULL), LEAT_ENOSPACE);
    ck_assert(log_disk_space_low(space));
    ck_assert_int_eq(allocate(false, 4096), LEAT_ENOSPACE);
    ck_assert_int_eq(errno, ENOSPC);
    ck_assert_int_eq(allocate(true, 4096), 0);
    bool changed;
    ck_assert_int_eq(log_disk_space_tend(space, &changed, NULL), 0);
    ck_assert(!changed);
    ck_assert(log_disk_space_low(space));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("disk_space");
    TCase *tcase = tcase_create("disk_space");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, reserve_is_taken_and_found);
    tcase_add_loop_test(tcase, low_state_begins_and_ends, 0, 2);
    tcase_add_loop_test(tcase, any_call_may_find_the_disk_full, 0, 7);
    tcase_add_test(tcase, clients_do_not_eat_the_reserve);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
