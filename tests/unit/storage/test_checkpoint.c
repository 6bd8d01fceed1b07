/* Checkpoint files: what is written is read, and nothing else passes for one. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file_faults.h"
#include "storage/checkpoint.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_main.h"

static struct test_dir dir;
static struct log_checkpoint checkpoint;

static void setup(void)
{
    test_dir_init(&dir);
    log_checkpoint_init(&checkpoint);
}

static void teardown(void)
{
    log_checkpoint_release(&checkpoint);
    test_dir_release(&dir);
}

static int parse(const char *text, struct leat_error **reterr)
{
    return log_checkpoint_parse(text, strlen(text), "file", &checkpoint, reterr);
}

/* The bytes are Kafka's. */
START_TEST(written_file_has_kafkas_form)
{
    const char *path = test_dir_path(&dir, "points");
    ck_assert_int_eq(log_checkpoint_add(&checkpoint, "orders", 1, 4711), 0);
    ck_assert_int_eq(log_checkpoint_add(&checkpoint, "a.b_c-d", 0, 0), 0);
    ck_assert_int_eq(log_checkpoint_write(lt_file_ops_real(), path, &checkpoint, NULL), 0);
    struct lt_buf text;
    lt_buf_init(&text);
    test_file_read(path, &text);
    ck_assert_str_eq(lt_buf_text(&text), "0\n2\norders 1 4711\na.b_c-d 0 0\n");
    lt_buf_release(&text);
}
END_TEST

/* Each entry is found again, whatever the order in the file; what is not there gives the caller's value. */
START_TEST(entries_are_found)
{
    ck_assert_int_eq(parse("0\n4\nb 10 5\nb 2 6\na 0 9223372036854775807\nb-1 0 7\n", NULL), 0);
    ck_assert_int_eq(log_checkpoint_find(&checkpoint, "b", 10, -1), 5);
    ck_assert_int_eq(log_checkpoint_find(&checkpoint, "b", 2, -1), 6);
    ck_assert_int_eq(log_checkpoint_find(&checkpoint, "a", 0, -1), INT64_MAX);
    ck_assert_int_eq(log_checkpoint_find(&checkpoint, "b-1", 0, -1), 7);
    ck_assert_int_eq(log_checkpoint_find(&checkpoint, "b", 3, -1), -1);
    ck_assert_int_eq(log_checkpoint_find(&checkpoint, "", 0, -2), -2);
}
END_TEST

static const char *const damaged[] = {
    "",
    "\n",
    "1\n0\n",
    "0\n",
    "0\nx\n",
    "0\n1\n",
    "0\n0\na 0 0\n",
    "0\n2\na 0 0\n",
    "0\n1\na 0\n",
    "0\n1\n 0 0\n",
    "0\n1\na  0\n",
    "0\n1\na 0 \n",
    "0\n1\na 0 -1\n",
    "0\n1\na -1 0\n",
    "0\n1\na 0 0 0\n",
    "0\n1\na 2147483648 0\n",
    "0\n1\na 0 9223372036854775808\n",
    "0\n1\na 0 99999999999999999999\n",
    "0\n2\na 0 0\na 0 1\n",
    "0\n1\na 0 0\n\n",
    "0\n1\r\na 0 0\r\n",
};

/* A damaged file is refused with its name, and leaves nothing behind. */
START_TEST(damaged_files_are_refused)
{
    struct leat_error *error = NULL;
    ck_assert_int_eq(parse(damaged[_i], &error), LEAT_ECORRUPT);
    ck_assert_int_eq(strncmp(lt_error_message(error), "file: ", 6), 0);
    ck_assert_uint_eq(checkpoint.count, 0);
    lt_error_free(error);
}
END_TEST

/* Cut anywhere, a file is never taken for a shorter one. (Without its last newline it is whole.) */
START_TEST(truncated_files_are_refused)
{
    const char *text = "0\n2\norders 0 4711\norders 1 4711\n";
    for (size_t size = 0; size + 1 < strlen(text); size++) {
        int err = log_checkpoint_parse(text, size, "file", &checkpoint, NULL);
        if (err == 0) {
            /* Digits were cut off the last number: a smaller recovery point only reads more of the log. */
            ck_assert_uint_gt(size, strlen("0\n2\norders 0 4711\norders 1 "));
            ck_assert_int_le(log_checkpoint_find(&checkpoint, "orders", 1, -1), 4711);
            log_checkpoint_release(&checkpoint);
        } else {
            ck_assert_int_eq(err, LEAT_ECORRUPT);
        }
    }
}
END_TEST

/* Whichever file call fails, the old file or the new one stands there, whole. */
START_TEST(failing_write_leaves_a_whole_file)
{
    const char *path = test_dir_path(&dir, "points");
    ck_assert_int_eq(log_checkpoint_add(&checkpoint, "t", 0, 1), 0);
    ck_assert_int_eq(log_checkpoint_write(lt_file_ops_real(), path, &checkpoint, NULL), 0);
    checkpoint.entries[0].offset = 2;
    struct lt_file_faults *faults;
    ck_assert_int_eq(lt_file_faults_new(&faults), 0);
    int err = LEAT_EIO;
    for (int64_t n = 0; err < 0; n++) {
        ck_assert_int_lt(n, 20);
        lt_file_faults_plan(faults,
                            &(struct lt_fault_plan){.kind = LT_FAULT_FAIL, .at = n, .errnum = EIO});
        struct leat_error *error = NULL;
        err = log_checkpoint_write(lt_file_faults_ops(faults), path, &checkpoint, &error);
        ck_assert_int_eq(err < 0, error != NULL);
        lt_error_free(error);
        struct log_checkpoint seen;
        log_checkpoint_init(&seen);
        ck_assert_int_eq(log_checkpoint_read(lt_file_ops_real(), path, &seen, NULL), 0);
        int64_t offset = log_checkpoint_find(&seen, "t", 0, -1);
        ck_assert(offset == 2 || (offset == 1 && err < 0));
        log_checkpoint_release(&seen);
    }
    lt_file_faults_free(faults);
}
END_TEST

/* Short of memory at any place: an error, nothing leaks, a retry works. */
START_TEST(parse_survives_every_failed_allocation)
{
    int err = LEAT_ENOMEM;
    for (int64_t n = 0; err < 0; n++) {
        ck_assert_int_lt(n, 50);
        lt_alloc_fail_after(n);
        err = parse("0\n2\na 0 1\nb 1 2\n", NULL);
        lt_alloc_fail_never();
        ck_assert(err == 0 || err == LEAT_ENOMEM);
        ck_assert_uint_eq(checkpoint.count, err == 0 ? 2 : 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpoint");
    TCase *tcase = tcase_create("checkpoint");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, written_file_has_kafkas_form);
    tcase_add_test(tcase, entries_are_found);
    tcase_add_loop_test(tcase, damaged_files_are_refused, 0,
                        (int)(sizeof(damaged) / sizeof(damaged[0])));
    tcase_add_test(tcase, truncated_files_are_refused);
    tcase_add_test(tcase, failing_write_leaves_a_whole_file);
    tcase_add_test(tcase, parse_survives_every_failed_allocation);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
