/* test_main.h: the main function of every unit test program.
 *
 * Threads: call from main only. */
#ifndef TEST_MAIN_H
#define TEST_MAIN_H

#include <check.h>

/* Run the suite, print what failed, free it. Returns the exit code for main: 0 only if every test
 * passed and there was at least one. */
int test_main(Suite *suite);

#endif
