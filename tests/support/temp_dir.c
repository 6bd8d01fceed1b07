/* temp_dir.c: directories and files for tests. */
#include "tests/support/temp_dir.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/os.h"

void test_dir_init(struct test_dir *dir)
{
    const char *base = getenv("TMPDIR");
    memset(dir, 0, sizeof(*dir));
    int size = snprintf(dir->path, sizeof(dir->path), "%s/leat-test-XXXXXX",
                        base == NULL || base[0] == '\0' ? "/tmp" : base);
    ck_assert_int_lt(size, (int)sizeof(dir->path));
    ck_assert_ptr_nonnull(mkdtemp(dir->path));
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void test_dir_release(struct test_dir *dir)
{
    ck_assert_int_eq(nftw(dir->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

const char *test_dir_path(struct test_dir *dir, const char *name)
{
    char *path = dir->joined[dir->next++ % 8];
    size_t dir_size = strlen(dir->path);
    size_t name_size = strlen(name);
    ck_assert_uint_lt(dir_size + 1 + name_size, sizeof(dir->joined[0]));
    memcpy(path, dir->path, dir_size);
    path[dir_size] = '/';
    memcpy(path + dir_size + 1, name, name_size + 1);
    return path;
}

void test_file_write(const char *path, const void *data, size_t size)
{
    int fd;
    ck_assert_int_eq(lt_os_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644, &fd), 0);
    ck_assert_int_eq(lt_os_pwrite(fd, data, size, 0), 0);
    ck_assert_int_eq(lt_os_close(fd), 0);
}

void test_file_read(const char *path, struct lt_buf *buf)
{
    ck_assert_int_eq(lt_os_read_file(path, SIZE_MAX, buf), 0);
}

int64_t test_file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) < 0 ? -1 : (int64_t)st.st_size;
}
