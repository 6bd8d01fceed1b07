/* Whole-file replace and read, over real and failing file calls. */
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file_faults.h"
#include "base/file_ops.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_main.h"

static struct test_dir dir;
static struct lt_buf buf;
static char path[600];

static void setup(void)
{
    test_dir_init(&dir);
    lt_buf_init(&buf);
    (void)snprintf(path, sizeof(path), "%s/checkpoint", dir.path);
}

static void teardown(void)
{
    lt_alloc_fail_never();
    lt_buf_release(&buf);
    test_dir_release(&dir);
}

static bool content_is(const char *text)
{
    buf.size = 0;
    test_file_read(path, &buf);
    return lt_slice_is(lt_buf_slice(&buf), text);
}

/* The new content is there under the name, and nothing is left beside it. */
START_TEST(replace_writes_the_whole)
{
    const struct lt_file_ops *ops = lt_file_ops_real();
    ck_assert_int_eq(lt_file_replace(ops, path, lt_slice_text("old content")), 0);
    ck_assert_int_eq(lt_file_replace(ops, path, lt_slice_text("new")), 0);
    ck_assert(content_is("new"));
    ck_assert_int_eq(lt_file_replace(ops, path, lt_slice("", 0)), 0);
    ck_assert(content_is(""));
    ck_assert_int_eq(test_file_size(test_dir_path(&dir, "checkpoint.tmp")), -1);
}
END_TEST

/* A name without a directory is in the working directory. */
START_TEST(replace_takes_a_bare_name)
{
    char before[512];
    ck_assert_ptr_nonnull(getcwd(before, sizeof(before)));
    ck_assert_int_eq(chdir(dir.path), 0);
    ck_assert_int_eq(lt_file_replace(lt_file_ops_real(), "checkpoint", lt_slice_text("x")), 0);
    ck_assert_int_eq(chdir(before), 0);
    ck_assert(content_is("x"));
}
END_TEST

/* Reading has a limit, appends, and tells a missing file from an empty one. */
START_TEST(read_has_a_limit)
{
    const struct lt_file_ops *ops = lt_file_ops_real();
    ck_assert_int_eq(lt_file_read(ops, path, 100, &buf), LEAT_ENOENT);
    test_file_write(path, "0123456789", 10);
    ck_assert_int_eq(lt_file_read(ops, path, 9, &buf), LEAT_E2BIG);
    ck_assert_uint_eq(buf.size, 0);
    ck_assert_int_eq(lt_file_read(ops, path, 10, &buf), 0);
    ck_assert(lt_slice_is(lt_buf_slice(&buf), "0123456789"));
}
END_TEST

/* Whichever file call fails, a reader sees the old or the new content, whole, and the error is
 * reported. */
START_TEST(failing_replace_leaves_old_or_new)
{
    struct lt_file_faults *faults = NULL;
    ck_assert_int_eq(lt_file_faults_new(&faults), 0);
    const struct lt_file_ops *ops = lt_file_faults_ops(faults);
    bool fired = true;
    int64_t n = 0;
    for (; fired; n++) {
        test_file_write(path, "old", 3);
        struct lt_fault_plan plan = {.kind = LT_FAULT_FAIL, .at = n, .errnum = EIO};
        lt_file_faults_plan(faults, &plan);
        int err = lt_file_replace(ops, path, lt_slice_text("newer"));
        fired = lt_file_faults_fired(faults);
        ck_assert_int_eq(err, fired ? LEAT_EIO : 0);
        ck_assert(content_is("newer") || (fired && content_is("old")));
    }
    ck_assert_int_eq(n - 1, 5); /* open, pwrite, fsync, rename, fsync_dir */
    lt_file_faults_free(faults);
}
END_TEST

/* A power cut at any call leaves the old or the new content, whole: this is what the order of the
 * calls is for. */
START_TEST(cut_replace_leaves_old_or_new)
{
    bool fired = true;
    for (int64_t n = 0; fired; n++) {
        test_file_write(path, "old", 3);
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            struct lt_file_faults *faults = NULL;
            struct lt_fault_plan plan = {.kind = LT_FAULT_CUT, .at = n};
            if (lt_file_faults_new(&faults) < 0) {
                _exit(1);
            }
            lt_file_faults_plan(faults, &plan);
            int err = lt_file_replace(lt_file_faults_ops(faults), path, lt_slice_text("newer"));
            _exit(err == 0 ? 0 : 1);
        }
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert(WIFEXITED(status));
        fired = WEXITSTATUS(status) == LT_FAULT_EXIT;
        ck_assert(fired || WEXITSTATUS(status) == 0);
        ck_assert(content_is("newer") || (fired && content_is("old")));
    }
}
END_TEST

/* Without memory nothing is changed. */
START_TEST(replace_without_memory_changes_nothing)
{
    test_file_write(path, "old", 3);
    int err = LEAT_ENOMEM;
    for (int64_t n = 0; err != 0; n++) {
        lt_alloc_fail_after(n);
        err = lt_file_replace(lt_file_ops_real(), path, lt_slice_text("newer"));
        lt_alloc_fail_never();
        ck_assert(err == 0 || err == LEAT_ENOMEM);
        ck_assert(content_is(err == 0 ? "newer" : "old"));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("file_ops");
    TCase *tcase = tcase_create("file_ops");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, replace_writes_the_whole);
    tcase_add_test(tcase, replace_takes_a_bare_name);
    tcase_add_test(tcase, read_has_a_limit);
    tcase_add_test(tcase, failing_replace_leaves_old_or_new);
    tcase_add_test(tcase, cut_replace_leaves_old_or_new);
    tcase_add_test(tcase, replace_without_memory_changes_nothing);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
