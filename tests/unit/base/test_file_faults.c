/* The faults do what their header says, so that tests built on them can be believed. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file_faults.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_main.h"

static struct test_dir dir;
static struct lt_file_faults *faults;
static const struct lt_file_ops *ops;
static int fd;

static void setup(void)
{
    test_dir_init(&dir);
    ck_assert_int_eq(lt_file_faults_new(&faults), 0);
    ops = lt_file_faults_ops(faults);
    ck_assert_int_eq(ops->open(ops, test_dir_path(&dir, "f"), O_WRONLY | O_CREAT, 0644, &fd), 0);
}

static void teardown(void)
{
    ck_assert_int_eq(ops->close(ops, fd), 0);
    lt_file_faults_free(faults);
    test_dir_release(&dir);
}

static void put(const char *text, uint64_t position)
{
    ck_assert_int_eq(ops->pwrite(ops, fd, text, strlen(text), position), 0);
}

static void plan(struct lt_fault_plan wanted)
{
    lt_file_faults_plan(faults, &wanted);
}

static bool file_is(const char *name, const char *text)
{
    struct lt_buf buf;
    lt_buf_init(&buf);
    test_file_read(test_dir_path(&dir, name), &buf);
    bool same = lt_slice_is(lt_buf_slice(&buf), text) || (buf.size == 0 && text[0] == '\0');
    lt_buf_release(&buf);
    return same;
}

/* What was flushed stays; what was overwritten after it comes back, in its old size. */
START_TEST(cut_takes_back_overwrites_and_growth)
{
    put("durable", 0);
    ck_assert_int_eq(ops->fdatasync(ops, fd), 0);
    put("XX", 2);
    put("YY", 3);
    put("grown beyond", 7);
    ck_assert(file_is("f", "duXYYlegrown beyond"));
    lt_file_faults_cut(faults);
    ck_assert(file_is("f", "durable"));
}
END_TEST

/* A file that was never flushed exists and is empty. */
START_TEST(cut_empties_what_was_never_flushed)
{
    put("volatile", 0);
    lt_file_faults_cut(faults);
    ck_assert_int_eq(test_file_size(test_dir_path(&dir, "f")), 0);
}
END_TEST

/* Reserved space is growth, and what was written into it becomes zeros again. */
START_TEST(cut_takes_back_reserved_space)
{
    ck_assert_int_eq(ops->fallocate(ops, fd, 0, 65536), 0);
    ck_assert_int_eq(ops->fdatasync(ops, fd), 0);
    put("text", 100);
    ck_assert_int_eq(ops->fallocate(ops, fd, 65536, 65536), 0);
    ck_assert_int_eq(test_file_size(test_dir_path(&dir, "f")), 131072);
    lt_file_faults_cut(faults);
    ck_assert_int_eq(test_file_size(test_dir_path(&dir, "f")), 65536);
    struct lt_buf buf;
    lt_buf_init(&buf);
    test_file_read(test_dir_path(&dir, "f"), &buf);
    for (size_t i = 0; i < buf.size; i++) {
        ck_assert_uint_eq(buf.data[i], 0);
    }
    lt_buf_release(&buf);
}
END_TEST

/* A cut-off tail comes back with its bytes, also when it was written again shorter, and after
 * O_TRUNC. */
START_TEST(cut_brings_back_a_truncated_tail)
{
    char block[200000];
    memset(block, 'x', sizeof(block));
    ck_assert_int_eq(ops->pwrite(ops, fd, block, sizeof(block), 0), 0);
    ck_assert_int_eq(ops->fsync(ops, fd), 0);
    ck_assert_int_eq(ops->ftruncate(ops, fd, 10), 0);
    put("new", 10);
    int other;
    ck_assert_int_eq(ops->open(ops, test_dir_path(&dir, "f"), O_RDWR | O_TRUNC, 0, &other), 0);
    ck_assert_int_eq(ops->close(ops, other), 0);
    ck_assert_int_eq(test_file_size(test_dir_path(&dir, "f")), 0);
    lt_file_faults_cut(faults);
    struct lt_buf buf;
    lt_buf_init(&buf);
    test_file_read(test_dir_path(&dir, "f"), &buf);
    ck_assert_uint_eq(buf.size, sizeof(block));
    ck_assert_mem_eq(buf.data, block, sizeof(block));
    lt_buf_release(&buf);
}
END_TEST

/* A flush through one descriptor covers writes through another one of the same file, and no other
 * file. */
START_TEST(flush_covers_the_file_not_the_descriptor)
{
    int second;
    int other;
    ck_assert_int_eq(ops->open(ops, test_dir_path(&dir, "f"), O_RDWR, 0, &second), 0);
    ck_assert_int_eq(ops->open(ops, test_dir_path(&dir, "g"), O_RDWR | O_CREAT, 0644, &other), 0);
    put("kept", 0);
    ck_assert_int_eq(ops->pwrite(ops, other, "lost", 4, 0), 0);
    ck_assert_int_eq(ops->fsync(ops, second), 0);
    ck_assert_int_eq(ops->close(ops, second), 0);
    ck_assert_int_eq(ops->close(ops, other), 0);
    lt_file_faults_cut(faults);
    ck_assert(file_is("f", "kept"));
    ck_assert(file_is("g", ""));
}
END_TEST

/* A rename is kept though the content it carries is not: the classic bug of a replace without fsync
 * shows. */
START_TEST(cut_keeps_renames_without_their_content)
{
    test_file_write(test_dir_path(&dir, "target"), "old", 3);
    put("new", 0);
    ck_assert_int_eq(ops->rename(ops, test_dir_path(&dir, "f"), test_dir_path(&dir, "target")), 0);
    lt_file_faults_cut(faults);
    ck_assert(file_is("target", ""));
}
END_TEST

/* A flush that was made to fail covers nothing. */
START_TEST(failed_flush_covers_nothing)
{
    put("text", 0);
    plan((struct lt_fault_plan){
        .kind = LT_FAULT_FAIL, .at = 0, .errnum = EIO, .only_call = "fdatasync"});
    ck_assert_int_eq(ops->fdatasync(ops, fd), LEAT_EIO);
    lt_file_faults_cut(faults);
    ck_assert(file_is("f", ""));
}
END_TEST

/* With the power off everything that changes fails, until a new plan. */
START_TEST(nothing_changes_after_a_cut)
{
    lt_file_faults_cut(faults);
    ck_assert_int_eq(ops->pwrite(ops, fd, "x", 1, 0), LEAT_EIO);
    ck_assert_int_eq(ops->fdatasync(ops, fd), LEAT_EIO);
    ck_assert_int_eq(ops->unlink(ops, test_dir_path(&dir, "f")), LEAT_EIO);
    ck_assert(file_is("f", ""));
    plan((struct lt_fault_plan){.kind = LT_FAULT_NONE});
    put("x", 0);
    ck_assert(file_is("f", "x"));
}
END_TEST

/* Exactly the n-th counted call fails, with its errno; reads are not counted. */
START_TEST(nth_call_fails_once)
{
    size_t got;
    char byte;
    int reader;
    plan((struct lt_fault_plan){.kind = LT_FAULT_FAIL, .at = 2, .errnum = ENOSPC});
    put("a", 0);
    ck_assert_int_eq(ops->open(ops, test_dir_path(&dir, "f"), O_RDONLY, 0, &reader), 0);
    ck_assert_int_eq(ops->pread(ops, reader, &byte, 1, 0, &got), 0);
    ck_assert_int_eq(ops->close(ops, reader), 0);
    ck_assert_int_eq(ops->fsync(ops, fd), 0);
    ck_assert(!lt_file_faults_fired(faults));
    errno = 0;
    ck_assert_int_eq(ops->fallocate(ops, fd, 0, 10), LEAT_ENOSPACE);
    ck_assert_int_eq(errno, ENOSPC);
    ck_assert(lt_file_faults_fired(faults));
    ck_assert_int_eq(test_file_size(test_dir_path(&dir, "f")), 1);
    ck_assert_int_eq(ops->fallocate(ops, fd, 0, 10), 0);
    ck_assert_int_eq(lt_file_faults_count(faults), 4);
}
END_TEST

/* A sticky fault stays for calls of that name, and only for those. */
START_TEST(sticky_fault_stays)
{
    plan((struct lt_fault_plan){.kind = LT_FAULT_FAIL, .at = 1, .errnum = EIO, .sticky = true});
    put("a", 0);
    ck_assert_int_eq(ops->fdatasync(ops, fd), LEAT_EIO);
    put("b", 0);
    ck_assert_int_eq(ops->fdatasync(ops, fd), LEAT_EIO);
    ck_assert_int_eq(ops->fsync(ops, fd), 0);
}
END_TEST

/* A filter by name counts only those calls. */
START_TEST(only_call_counts_by_name)
{
    plan((struct lt_fault_plan){
        .kind = LT_FAULT_FAIL, .at = 1, .errnum = EIO, .only_call = "mkdir"});
    put("a", 0);
    put("b", 0);
    ck_assert_int_eq(ops->mkdir(ops, test_dir_path(&dir, "m"), 0755), 0);
    ck_assert_int_eq(ops->rmdir(ops, test_dir_path(&dir, "m")), 0);
    ck_assert_int_eq(ops->mkdir(ops, test_dir_path(&dir, "m"), 0755), LEAT_EIO);
    ck_assert_int_eq(ops->fsync_dir(ops, dir.path), 0);
    ck_assert_int_eq(lt_file_faults_count(faults), 2);
}
END_TEST

/* Runs in a child: two flushed bytes, two that are not, then `last`. */
static int run_child(struct lt_fault_plan wanted, const char *point)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        int failed = ops->pwrite(ops, fd, "ab", 2, 0);
        failed |= ops->fsync(ops, fd);
        failed |= ops->pwrite(ops, fd, "cd", 2, 2);
        lt_file_faults_plan(faults, &wanted);
        ops->crash_point(ops, point);
        failed |= ops->pwrite(ops, fd, "ef", 2, 4);
        _exit(failed != 0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A crash loses nothing that was written, and does not make the call. */
START_TEST(crash_keeps_what_was_written)
{
    ck_assert_int_eq(run_child((struct lt_fault_plan){.kind = LT_FAULT_CRASH, .at = 0}, "roll"),
                     LT_FAULT_EXIT);
    ck_assert(file_is("f", "abcd"));
}
END_TEST

/* A cut loses what was not flushed. */
START_TEST(cut_ends_the_process)
{
    ck_assert_int_eq(run_child((struct lt_fault_plan){.kind = LT_FAULT_CUT, .at = 0}, "roll"),
                     LT_FAULT_EXIT);
    ck_assert(file_is("f", "ab"));
}
END_TEST

static void *read_for_ever(void *page)
{
    const volatile uint8_t *byte = page;
    while (*byte == 'b') {
    }
    return NULL;
}

/* Runs in a child. The newest change holds the page that is read; many older ones are undone after it. */
static _Noreturn void cut_under_a_reader(void)
{
    enum { OLDER = 2000, PAGE = 4096 };
    int failed = 0;
    for (int i = 0; i < OLDER; i++) {
        failed |= ops->pwrite(ops, fd, "a", 1, 0);
    }
    failed |= ops->pwrite(ops, fd, "b", 1, PAGE);
    int read_fd = open(test_dir_path(&dir, "f"), O_RDONLY | O_CLOEXEC);
    void *page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, read_fd, PAGE);
    pthread_t reader;
    if (failed != 0 || page == MAP_FAILED ||
        pthread_create(&reader, NULL, read_for_ever, page) != 0) {
        _exit(1);
    }
    lt_file_faults_plan(faults, &(struct lt_fault_plan){.kind = LT_FAULT_CUT, .at = 0});
    (void)ops->pwrite(ops, fd, "c", 1, 0);
    _exit(1);
}

/* A thread that still reads a map of what the cut takes away does not end the process in its own way. */
START_TEST(cut_ends_the_process_under_readers_of_maps)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        cut_under_a_reader();
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), LT_FAULT_EXIT);
    ck_assert(file_is("f", ""));
}
END_TEST

/* A named point crashes where it is passed, and another name does not. */
START_TEST(crash_point_crashes_by_name)
{
    struct lt_fault_plan at_roll = {.kind = LT_FAULT_CRASH, .at = 0, .crash_point = "roll"};
    ck_assert_int_eq(run_child(at_roll, "seal"), 0);
    ck_assert(file_is("f", "abcdef"));
    ck_assert_int_eq(ops->ftruncate(ops, fd, 0), 0);
    ck_assert_int_eq(run_child(at_roll, "roll"), LT_FAULT_EXIT);
    ck_assert(file_is("f", "abcd"));
    at_roll.at = 1;
    ck_assert_int_eq(run_child(at_roll, "roll"), 0);
}
END_TEST

enum { WRITERS = 4, WRITES = 200 };

static const char *shared_path; /* set before the threads start */

static void *write_counters(void *arg)
{
    const uint64_t *number = arg;
    int mine;
    char name[16] = {(char)('0' + *number), '\0'};
    if (ops->open(ops, shared_path, O_WRONLY | O_CREAT, 0644, &mine) < 0) {
        return NULL;
    }
    for (int i = 0; i < WRITES; i++) {
        if (ops->pwrite(ops, mine, name, 1, *number) < 0 ||
            (i % 50 == 0 && ops->fdatasync(ops, mine) < 0)) {
            break;
        }
    }
    (void)ops->fsync(ops, mine);
    (void)ops->close(ops, mine);
    return NULL;
}

/* Many threads on one file: every call is counted, and what they flushed last is there after a cut.
 */
START_TEST(threads_share_the_records)
{
    pthread_t threads[WRITERS];
    uint64_t numbers[WRITERS];
    shared_path = test_dir_path(&dir, "shared");
    plan((struct lt_fault_plan){.kind = LT_FAULT_NONE});
    for (unsigned i = 0; i < WRITERS; i++) {
        numbers[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_counters, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    ck_assert_int_eq(lt_file_faults_count(faults),
                     (int64_t)WRITERS * (1 + WRITES + WRITES / 50 + 1));
    lt_file_faults_cut(faults);
    ck_assert(file_is("shared", "0123"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("file_faults");
    TCase *cut = tcase_create("cut");
    tcase_add_checked_fixture(cut, setup, teardown);
    tcase_add_test(cut, cut_takes_back_overwrites_and_growth);
    tcase_add_test(cut, cut_empties_what_was_never_flushed);
    tcase_add_test(cut, cut_takes_back_reserved_space);
    tcase_add_test(cut, cut_brings_back_a_truncated_tail);
    tcase_add_test(cut, flush_covers_the_file_not_the_descriptor);
    tcase_add_test(cut, cut_keeps_renames_without_their_content);
    tcase_add_test(cut, failed_flush_covers_nothing);
    tcase_add_test(cut, nothing_changes_after_a_cut);
    suite_add_tcase(suite, cut);
    TCase *plans = tcase_create("plans");
    tcase_add_checked_fixture(plans, setup, teardown);
    tcase_add_test(plans, nth_call_fails_once);
    tcase_add_test(plans, sticky_fault_stays);
    tcase_add_test(plans, only_call_counts_by_name);
    tcase_add_test(plans, crash_keeps_what_was_written);
    tcase_add_test(plans, cut_ends_the_process);
    tcase_add_test(plans, cut_ends_the_process_under_readers_of_maps);
    tcase_add_test(plans, crash_point_crashes_by_name);
    tcase_add_test(plans, threads_share_the_records);
    suite_add_tcase(suite, plans);
    return test_main(suite);
}
