/* Assertions and the place where corrupt data was seen. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "leat/err.h"
#include "tests/support/test_main.h"

/* A true condition is evaluated once and changes nothing. */
START_TEST(true_condition_passes)
{
    int evaluated = 0;
    LT_ASSERT(++evaluated == 1);
    ck_assert_int_eq(evaluated, 1);
}
END_TEST

/* A false one names itself and its place, and ends the process by SIGABRT, in release builds too.
 */
START_TEST(false_condition_aborts)
{
    int pipe_fds[2];
    ck_assert_int_eq(pipe(pipe_fds), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        (void)dup2(pipe_fds[1], STDERR_FILENO);
        LT_ASSERT(1 + 1 == 3);
        _exit(0);
    }
    (void)close(pipe_fds[1]);
    char text[512] = "";
    size_t size = 0;
    ssize_t part;
    while (size < sizeof(text) - 1 &&
           (part = read(pipe_fds[0], text + size, sizeof(text) - 1 - size)) > 0) {
        size += (size_t)part;
    }
    (void)close(pipe_fds[0]);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGABRT);
    ck_assert_ptr_nonnull(strstr(text, "1 + 1 == 3"));
    ck_assert_ptr_nonnull(strstr(text, "test_assert.c:"));
}
END_TEST

/* LT_CORRUPT is the code, and remembers the place of the newest one. */
START_TEST(corrupt_remembers_the_place)
{
    ck_assert_str_eq(lt_corrupt_last(), "");
    lt_corrupt_at("segment.c", 12);
    ck_assert_str_eq(lt_corrupt_last(), "segment.c:12");
    ck_assert_int_eq(LT_CORRUPT(), LEAT_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(lt_corrupt_last(), "test_assert.c:"));
}
END_TEST

static void *read_place(void *arg)
{
    char *copy = arg;
    (void)snprintf(copy, 64, "%s", lt_corrupt_last());
    return NULL;
}

/* One thread does not see another one's place. */
START_TEST(place_belongs_to_the_thread)
{
    char copy[64] = "unset";
    pthread_t thread;
    (void)LT_CORRUPT();
    ck_assert_int_eq(pthread_create(&thread, NULL, read_place, copy), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_str_eq(copy, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("assert");
    TCase *tcase = tcase_create("assert");
    tcase_add_test(tcase, true_condition_passes);
    tcase_add_test(tcase, false_condition_aborts);
    tcase_add_test(tcase, corrupt_remembers_the_place);
    tcase_add_test(tcase, place_belongs_to_the_thread);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
