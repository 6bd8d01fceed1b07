/* file_ops.c: the table of real calls, and the two whole-file operations that are built on any
 * table. */
#include "base/file_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"

static int
real_open(const struct lt_file_ops *ops, const char *path, int flags, mode_t mode, int *ret_fd)
{
    (void)ops;
    return lt_os_open(path, flags, mode, ret_fd);
}

static int real_close(const struct lt_file_ops *ops, int fd)
{
    (void)ops;
    return lt_os_close(fd);
}

static int real_pread(const struct lt_file_ops *ops,
                      int fd,
                      void *buf,
                      size_t size,
                      uint64_t position,
                      size_t *ret_size)
{
    (void)ops;
    return lt_os_pread(fd, buf, size, position, ret_size);
}

static int
real_pwrite(const struct lt_file_ops *ops, int fd, const void *data, size_t size, uint64_t position)
{
    (void)ops;
    return lt_os_pwrite(fd, data, size, position);
}

static int real_fallocate(const struct lt_file_ops *ops, int fd, uint64_t position, uint64_t size)
{
    (void)ops;
    return lt_os_fallocate(fd, position, size);
}

static int real_ftruncate(const struct lt_file_ops *ops, int fd, uint64_t size)
{
    (void)ops;
    return lt_os_ftruncate(fd, size);
}

static int real_fdatasync(const struct lt_file_ops *ops, int fd)
{
    (void)ops;
    return lt_os_fdatasync(fd);
}

static int real_fsync(const struct lt_file_ops *ops, int fd)
{
    (void)ops;
    return lt_os_fsync(fd);
}

static int real_fsync_dir(const struct lt_file_ops *ops, const char *path)
{
    (void)ops;
    return lt_os_fsync_dir(path);
}

static int real_rename(const struct lt_file_ops *ops, const char *from, const char *to)
{
    (void)ops;
    return lt_os_rename(from, to);
}

static int real_unlink(const struct lt_file_ops *ops, const char *path)
{
    (void)ops;
    return lt_os_unlink(path);
}

static int real_mkdir(const struct lt_file_ops *ops, const char *path, mode_t mode)
{
    (void)ops;
    return lt_os_mkdir(path, mode);
}

static int real_rmdir(const struct lt_file_ops *ops, const char *path)
{
    (void)ops;
    return lt_os_rmdir(path);
}

static int real_file_size(const struct lt_file_ops *ops, int fd, uint64_t *ret_size)
{
    (void)ops;
    return lt_os_file_size(fd, ret_size);
}

static int real_mmap(const struct lt_file_ops *ops, int fd, size_t size, const uint8_t **ret_map)
{
    (void)ops;
    return lt_os_mmap(fd, size, ret_map);
}

static void real_crash_point(const struct lt_file_ops *ops, const char *name)
{
    (void)ops;
    (void)name;
}

static const struct lt_file_ops real_ops = {
    .open = real_open,
    .close = real_close,
    .pread = real_pread,
    .pwrite = real_pwrite,
    .fallocate = real_fallocate,
    .ftruncate = real_ftruncate,
    .fdatasync = real_fdatasync,
    .fsync = real_fsync,
    .fsync_dir = real_fsync_dir,
    .rename = real_rename,
    .unlink = real_unlink,
    .mkdir = real_mkdir,
    .rmdir = real_rmdir,
    .file_size = real_file_size,
    .mmap = real_mmap,
    .crash_point = real_crash_point,
};

const struct lt_file_ops *lt_file_ops_real(void)
{
    return &real_ops;
}

/* The directory that holds `path`, freed with lt_free. */
static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return lt_strdup(".");
    }
    return slash == path ? lt_strdup("/") : lt_strndup(path, (size_t)(slash - path));
}

static int write_and_sync(const struct lt_file_ops *ops, const char *path, struct lt_slice content)
{
    int fd;
    int err = ops->open(ops, path, O_WRONLY | O_CREAT | O_TRUNC, 0644, &fd);
    if (err < 0) {
        return err;
    }
    err = ops->pwrite(ops, fd, content.data, content.size, 0);
    if (err == 0) {
        err = ops->fsync(ops, fd);
    }
    int errnum = errno;
    int close_err = ops->close(ops, fd);
    if (err < 0) {
        errno = errnum; /* the first error is the one to report */
        return err;
    }
    return close_err;
}

int lt_file_replace(const struct lt_file_ops *ops, const char *path, struct lt_slice content)
{
    char *parent = parent_of(path);
    char *temporary = lt_asprintf("%s.tmp", path);
    int err = LEAT_ENOMEM;
    errno = ENOMEM;
    if (parent == NULL || temporary == NULL) {
        goto out;
    }
    err = write_and_sync(ops, temporary, content);
    if (err == 0) {
        err = ops->rename(ops, temporary, path);
    }
    if (err < 0) {
        int errnum = errno;
        (void)ops->unlink(ops,
                          temporary); /* a left-over is harmless: the next replace truncates it */
        errno = errnum;
        goto out;
    }
    err = ops->fsync_dir(ops, parent);
out:
    lt_free(temporary);
    lt_free(parent);
    return err;
}

int lt_file_read(const struct lt_file_ops *ops,
                 const char *path,
                 size_t size_max,
                 struct lt_buf *buf)
{
    int fd;
    int err = ops->open(ops, path, O_RDONLY, 0, &fd);
    if (err < 0) {
        return err;
    }
    size_t before = buf->size;
    uint64_t position = 0;
    for (;;) {
        err = lt_buf_reserve(buf, 4096);
        if (err < 0) {
            errno = ENOMEM;
            break;
        }
        size_t part;
        err =
            ops->pread(ops, fd, buf->data + buf->size, buf->capacity - buf->size, position, &part);
        if (err < 0 || part == 0) {
            break;
        }
        buf->size += part;
        position += part;
        if (buf->size - before > size_max) {
            errno = EFBIG;
            err = LEAT_E2BIG;
            break;
        }
    }
    if (err < 0) {
        buf->size = before;
    }
    int errnum = errno;
    (void)ops->close(ops, fd); /* nothing was written through it */
    errno = errnum;
    return err;
}
