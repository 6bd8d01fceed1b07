/* The file that keeps what verify's writing run had acknowledged. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "bench/verify.h"
#include "tests/support/test_main.h"

static char path[64];

static void setup(void)
{
    (void)snprintf(path, sizeof(path), "/tmp/leat-verify-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
}

static void teardown(void)
{
    (void)unlink(path);
}

static void put(const char *text)
{
    FILE *out = fopen(path, "we");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_ge(fputs(text, out), 0);
    ck_assert_int_eq(fclose(out), 0);
}

/* What was saved is loaded. */
START_TEST(round_trip)
{
    struct bench_chain_state states[] = {{0xfedcba9876543210U, 10, 7}, {0xfedcba9876543210U, 3, 3}};
    struct bench_verify_state in = {states, 2};
    struct bench_verify_state out = {NULL, 0};
    ck_assert_int_eq(bench_verify_state_save(&in, path, "orders", NULL), 0);
    ck_assert_int_eq(bench_verify_state_load(path, "orders", &out, NULL), 0);
    ck_assert_int_eq(out.partition_count, 2);
    ck_assert_mem_eq(out.partitions, states, sizeof(states));
    bench_verify_state_release(&out);
}
END_TEST

/* Everything else is refused with the file's name in the sentence. */
START_TEST(other_files_are_refused)
{
    static const char *const texts[] = {
        "",
        "hello\n",
        "leat-bench verify 1\n",
        "leat-bench verify 1\ntopic others\nrun 1\npartition 0 sent 1 acknowledged 1\n",
        "leat-bench verify 1\ntopic orders\nrun 1\n",
        "leat-bench verify 1\ntopic orders\nrun x\npartition 0 sent 1 acknowledged 1\n",
        "leat-bench verify 1\ntopic orders\nrun 1\npartition 1 sent 1 acknowledged 1\n",
        "leat-bench verify 1\ntopic orders\nrun 1\npartition 0 sent 1 acknowledged 2\n",
        "leat-bench verify 1\ntopic orders\nrun 1\npartition 0 sent 1\n",
    };
    struct bench_verify_state out = {NULL, 0};
    struct leat_error *error = NULL;
    put(texts[_i]);
    ck_assert_int_eq(bench_verify_state_load(path, "orders", &out, &error), LEAT_EINVAL);
    ck_assert_ptr_nonnull(strstr(lt_error_message(error), path));
    ck_assert_ptr_null(out.partitions);
    lt_error_free(error);
}
END_TEST

/* A file that is not there. */
START_TEST(missing_file_is_told)
{
    struct bench_verify_state out = {NULL, 0};
    struct leat_error *error = NULL;
    ck_assert_int_eq(bench_verify_state_load("/proc/nonexistent/state", "orders", &out, &error),
                     LEAT_ENOENT);
    ck_assert_ptr_nonnull(strstr(lt_error_message(error), "/proc/nonexistent/state"));
    lt_error_free(error);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verify_state");
    TCase *tc = tcase_create("file");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, round_trip);
    tcase_add_loop_test(tc, other_files_are_refused, 0, 9);
    tcase_add_test(tc, missing_file_is_told);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
