/* System calls that finish what they started. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_main.h"

static struct test_dir dir;
static int fd;

static void setup(void)
{
    test_dir_init(&dir);
    ck_assert_int_eq(lt_os_open(test_dir_path(&dir, "f"), O_RDWR | O_CREAT, 0644, &fd), 0);
}

static void teardown(void)
{
    ck_assert_int_eq(lt_os_close(fd), 0);
    test_dir_release(&dir);
}

/* What is written at a position is read there; a read past the end is short, not an error. */
START_TEST(pread_reads_what_pwrite_wrote)
{
    char text[16] = "";
    size_t got = 99;
    uint64_t size = 0;
    ck_assert_int_eq(lt_os_pwrite(fd, "hello", 5, 10), 0);
    ck_assert_int_eq(lt_os_pread(fd, text, sizeof(text), 10, &got), 0);
    ck_assert_uint_eq(got, 5);
    ck_assert_mem_eq(text, "hello", 5);
    ck_assert_int_eq(lt_os_pread(fd, text, sizeof(text), 1000, &got), 0);
    ck_assert_uint_eq(got, 0);
    ck_assert_int_eq(lt_os_file_size(fd, &size), 0);
    ck_assert_uint_eq(size, 15);
}
END_TEST

/* A file grows to what was reserved, and shrinks to what was asked. */
START_TEST(fallocate_and_ftruncate_set_the_size)
{
    uint64_t size = 0;
    ck_assert_int_eq(lt_os_fallocate(fd, 0, 65536), 0);
    ck_assert_int_eq(lt_os_file_size(fd, &size), 0);
    ck_assert_uint_eq(size, 65536);
    ck_assert_int_eq(lt_os_ftruncate(fd, 100), 0);
    ck_assert_int_eq(lt_os_file_size(fd, &size), 0);
    ck_assert_uint_eq(size, 100);
    ck_assert_int_eq(lt_os_fdatasync(fd), 0);
    ck_assert_int_eq(lt_os_fsync(fd), 0);
}
END_TEST

/* Positions beyond what the kernel can name are refused before the call. */
START_TEST(positions_beyond_off_t_are_refused)
{
    char byte = 0;
    size_t got;
    ck_assert_int_eq(lt_os_pwrite(fd, &byte, 1, UINT64_MAX), LEAT_EINVAL);
    ck_assert_int_eq(lt_os_pwrite(fd, &byte, 1, INT64_MAX), LEAT_EINVAL);
    ck_assert_int_eq(lt_os_pread(fd, &byte, 1, UINT64_MAX, &got), LEAT_EINVAL);
    ck_assert_int_eq(lt_os_fallocate(fd, 1, INT64_MAX), LEAT_EINVAL);
    ck_assert_int_eq(lt_os_ftruncate(fd, UINT64_MAX), LEAT_EINVAL);
}
END_TEST

/* Errors carry the code and leave errno for the sentence. */
START_TEST(errors_keep_errno)
{
    int other = -7;
    ck_assert_int_eq(lt_os_open(test_dir_path(&dir, "no/such"), O_RDONLY, 0, &other), LEAT_ENOENT);
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_int_eq(other, -7);
    ck_assert_int_eq(lt_os_unlink(test_dir_path(&dir, "none")), LEAT_ENOENT);
    ck_assert_int_eq(lt_os_mkdir(dir.path, 0755), LEAT_EEXISTS);
    ck_assert_int_eq(lt_os_fsync_dir(test_dir_path(&dir, "none")), LEAT_ENOENT);
    ck_assert_int_eq(lt_os_rename(test_dir_path(&dir, "none"), test_dir_path(&dir, "b")),
                     LEAT_ENOENT);
    ck_assert_int_eq(lt_os_close(-1), LEAT_EIO);
    ck_assert_int_eq(errno, EBADF);
}
END_TEST

/* Directories come and go, names change. */
START_TEST(names_change)
{
    const char *sub = test_dir_path(&dir, "sub");
    ck_assert_int_eq(lt_os_mkdir(sub, 0755), 0);
    ck_assert_int_eq(lt_os_fsync_dir(sub), 0);
    ck_assert_int_eq(lt_os_rename(test_dir_path(&dir, "f"), test_dir_path(&dir, "sub/g")), 0);
    ck_assert_int_lt(lt_os_rmdir(sub), 0);
    ck_assert_int_eq(lt_os_unlink(test_dir_path(&dir, "sub/g")), 0);
    ck_assert_int_eq(lt_os_rmdir(sub), 0);
}
END_TEST

/* A descriptor does not leak into programs that are started. */
START_TEST(open_sets_close_on_exec)
{
    ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
}
END_TEST

/* A map shows what is written to the file later. */
START_TEST(map_follows_the_file)
{
    const uint8_t *map = NULL;
    ck_assert_int_eq(lt_os_mmap(fd, 0, &map), LEAT_EINVAL);
    ck_assert_int_eq(lt_os_fallocate(fd, 0, 8192), 0);
    ck_assert_int_eq(lt_os_mmap(fd, 1 << 20, &map), 0);
    ck_assert_int_eq(lt_os_pwrite(fd, "later", 5, 4094), 0);
    ck_assert_mem_eq(map + 4094, "later", 5);
    lt_os_munmap(map, 1 << 20);
    lt_os_munmap(NULL, 0);
}
END_TEST

/* A whole file up to the limit; beyond it an error and an unchanged buffer. */
START_TEST(read_file_has_a_limit)
{
    struct lt_buf buf;
    lt_buf_init(&buf);
    char block[5000];
    memset(block, 'x', sizeof(block));
    ck_assert_int_eq(lt_os_pwrite(fd, block, sizeof(block), 0), 0);
    ck_assert_int_eq(lt_buf_append_text(&buf, "head"), 0);
    ck_assert_int_eq(lt_os_read_file(test_dir_path(&dir, "f"), 4999, &buf), LEAT_E2BIG);
    ck_assert(lt_slice_is(lt_buf_slice(&buf), "head"));
    ck_assert_int_eq(lt_os_read_file(test_dir_path(&dir, "f"), 5000, &buf), 0);
    ck_assert_uint_eq(buf.size, 5004);
    ck_assert_mem_eq(buf.data, "headxxx", 7);
    buf.size = 0;
    ck_assert_int_eq(lt_os_read_file("/proc/self/stat", 100000, &buf), 0);
    ck_assert_uint_gt(buf.size, 0);
    lt_buf_release(&buf);
}
END_TEST

/* All bytes go through a pipe that takes only a part at a time. */
START_TEST(write_continues)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(lt_os_write(ends[1], "abc", 3), 0);
    char text[4] = "";
    ck_assert_int_eq((int)read(ends[0], text, 3), 3);
    ck_assert_str_eq(text, "abc");
    ck_assert_int_eq(lt_os_close(ends[0]), 0);
    ck_assert_int_eq(lt_os_close(ends[1]), 0);
    ck_assert_int_eq(lt_os_write(ends[1], "abc", 3), LEAT_EIO);
}
END_TEST

/* Two draws of 32 bytes differ. */
START_TEST(random_differs)
{
    uint8_t a[32] = {0};
    uint8_t b[32] = {0};
    ck_assert_int_eq(lt_os_random(a, sizeof(a)), 0);
    ck_assert_int_eq(lt_os_random(b, sizeof(b)), 0);
    ck_assert_mem_ne(a, b, sizeof(a));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("os");
    TCase *tcase = tcase_create("os");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, pread_reads_what_pwrite_wrote);
    tcase_add_test(tcase, fallocate_and_ftruncate_set_the_size);
    tcase_add_test(tcase, positions_beyond_off_t_are_refused);
    tcase_add_test(tcase, errors_keep_errno);
    tcase_add_test(tcase, names_change);
    tcase_add_test(tcase, open_sets_close_on_exec);
    tcase_add_test(tcase, map_follows_the_file);
    tcase_add_test(tcase, read_file_has_a_limit);
    tcase_add_test(tcase, write_continues);
    tcase_add_test(tcase, random_differs);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
