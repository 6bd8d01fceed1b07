/* A fault in a guarded map is an error code; elsewhere it is what it was before. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "leat/err.h"
#include "storage/map_guard.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_main.h"

static struct test_dir dir;
static const uint8_t *map;
static struct log_guard_range range;

/* A map of two pages over a file of one. */
static void setup(void)
{
    test_dir_init(&dir);
    int fd = open(test_dir_path(&dir, "file"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, 4096), 0);
    void *address = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(address, MAP_FAILED);
    map = address;
    range = (struct log_guard_range){map, 8192};
    ck_assert_int_eq(close(fd), 0);
}

static void teardown(void)
{
    (void)munmap((void *)(uintptr_t)map, 8192);
    test_dir_release(&dir);
}

static int load(void *arg)
{
    size_t at = *(size_t *)arg;
    return ((const volatile uint8_t *)map)[at] == 0 ? 0 : 1;
}

/* What is there is read, what is not is LEAT_EIO, again and again. */
START_TEST(fault_becomes_an_error)
{
    for (int i = 0; i < 100; i++) {
        size_t there = 100;
        size_t behind = 5000;
        ck_assert_int_eq(log_map_guard(&range, 1, load, &there), 0);
        ck_assert_int_eq(log_map_guard(&range, 1, load, &behind), LEAT_EIO);
    }
}
END_TEST

static int nested(void *arg)
{
    struct log_guard_range other = {(const uint8_t *)&range, 8};
    int inner = log_map_guard(&other, 1, load,
                              arg); /* does not name the map: the outer guard must get the fault */
    return inner + 1000;
}

/* The guard that names the map gets the fault, not the one that happens to be innermost. */
START_TEST(outer_guard_gets_its_own_fault)
{
    size_t behind = 5000;
    ck_assert_int_eq(log_map_guard(&range, 1, nested, &behind), LEAT_EIO);
    size_t there = 0;
    ck_assert_int_eq(log_map_guard(&range, 1, nested, &there), 1000);
}
END_TEST

static void *load_often(void *arg)
{
    (void)arg;
    size_t behind = 5000;
    for (int i = 0; i < 2000; i++) {
        if (log_map_guard(&range, 1, load, &behind) != LEAT_EIO) {
            return &range;
        }
    }
    return NULL;
}

/* Threads do not see each other's guards. */
START_TEST(threads_have_their_own_guards)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, load_often, NULL), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *result;
        ck_assert_int_eq(pthread_join(threads[i], &result), 0);
        ck_assert_ptr_null(result);
    }
}
END_TEST

/* The control: without a guard the same load ends the process. */
START_TEST(unguarded_fault_still_kills)
{
    size_t there = 0;
    (void)log_map_guard(&range, 1, load, &there); /* the handler is installed */
    size_t behind = 5000;
    (void)load(&behind);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("map_guard");
    TCase *tc = tcase_create("guard");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, fault_becomes_an_error);
    tcase_add_test(tc, outer_guard_gets_its_own_fault);
    tcase_add_test(tc, threads_have_their_own_guards);
    const char *fork_mode = getenv("CK_FORK");
    if (fork_mode == NULL || fork_mode[0] != 'n') {
        tcase_add_test_raise_signal(tc, unguarded_fault_still_kills, SIGBUS);
    }
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
