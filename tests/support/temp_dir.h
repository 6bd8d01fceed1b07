/* temp_dir.h: a fresh directory per test, removed with all that is in it.
 *
 * Made under $TMPDIR, or /tmp. Use as a checked fixture:
 *
 *   static struct test_dir dir;
 *   static void setup(void) { test_dir_init(&dir); }
 *   static void teardown(void) { test_dir_release(&dir); }
 *
 * Threads: one at a time per directory. Failures end the test. */
#ifndef TEST_TEMP_DIR_H
#define TEST_TEMP_DIR_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct test_dir {
    char path[512];
    char joined[8][1024]; /* ring behind test_dir_path */
    unsigned next;        /* slot that test_dir_path uses next */
};

void test_dir_init(struct test_dir *dir);
void test_dir_release(struct test_dir *dir);

/* "<dir>/<name>"; valid for the next seven calls. */
const char *test_dir_path(struct test_dir *dir, const char *name);

/* Whole files, around file_ops, so that a fault plan does not see them. The buffer is appended to.
 */
void test_file_write(const char *path, const void *data, size_t size);
void test_file_read(const char *path, struct lt_buf *buf);

/* Size in bytes, or -1 if there is no such file. */
int64_t test_file_size(const char *path);

#endif
