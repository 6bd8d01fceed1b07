/* os.c: system calls with their EINTR, short-transfer and errno rules applied once. */
#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"

static int from_errno(void)
{
    return lt_err_from_errno(errno);
}

static int invalid(void)
{
    errno = EINVAL;
    return LEAT_EINVAL;
}

/* Positions and sizes beyond off_t are refused, not wrapped. */
static bool fits_off_t(uint64_t position, uint64_t size)
{
    return position <= INT64_MAX && size <= (uint64_t)INT64_MAX - position;
}

void lt_os_guard_standard_fds(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY}; /* the wrong way round */
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            (void)open("/dev/null", modes[fd]); /* takes the lowest that is free: this one */
        }
    }
}

int lt_os_open(const char *path, int flags, mode_t mode, int *ret_fd)
{
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return from_errno();
    }
    *ret_fd = fd;
    return 0;
}

int lt_os_close(int fd)
{
    /* Linux frees the descriptor even when it says EINTR; a second close could hit another thread's
     * file. */
    if (close(fd) < 0 && errno != EINTR) {
        return from_errno();
    }
    return 0;
}

int lt_os_pread(int fd, void *buf, size_t size, uint64_t position, size_t *ret_size)
{
    if (!fits_off_t(position, size)) {
        return invalid();
    }
    size_t done = 0;
    while (done < size) {
        ssize_t part = pread(fd, (uint8_t *)buf + done, size - done, (off_t)(position + done));
        if (part < 0) {
            if (errno == EINTR) {
                continue;
            }
            return from_errno();
        }
        if (part == 0) {
            break;
        }
        done += (size_t)part;
    }
    *ret_size = done;
    return 0;
}

int lt_os_pwrite(int fd, const void *data, size_t size, uint64_t position)
{
    if (!fits_off_t(position, size)) {
        return invalid();
    }
    size_t done = 0;
    while (done < size) {
        ssize_t part =
            pwrite(fd, (const uint8_t *)data + done, size - done, (off_t)(position + done));
        if (part < 0) {
            if (errno == EINTR) {
                continue;
            }
            return from_errno();
        }
        if (part == 0) { /* no regular file answers so; without this a strange one would spin */
            errno = EIO;
            return LEAT_EIO;
        }
        done += (size_t)part;
    }
    return 0;
}

int lt_os_write(int fd, const void *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t part = write(fd, (const uint8_t *)data + done, size - done);
        if (part < 0) {
            if (errno == EINTR) {
                continue;
            }
            return from_errno();
        }
        done += (size_t)part;
    }
    return 0;
}

int lt_os_fallocate(int fd, uint64_t position, uint64_t size)
{
    if (!fits_off_t(position, size)) {
        return invalid();
    }
    int failed;
    do {
        failed = fallocate(fd, 0, (off_t)position, (off_t)size);
    } while (failed < 0 && errno == EINTR);
    if (failed == 0) {
        return 0;
    }
    if (errno != EOPNOTSUPP) {
        return from_errno();
    }
    /* The file system cannot reserve blocks. The file still gets its size; a full disk then shows
     * at the write. */
    uint64_t now;
    int err = lt_os_file_size(fd, &now);
    if (err < 0) {
        return err;
    }
    return now >= position + size ? 0 : lt_os_ftruncate(fd, position + size);
}

int lt_os_ftruncate(int fd, uint64_t size)
{
    if (!fits_off_t(size, 0)) {
        return invalid();
    }
    int failed;
    do {
        failed = ftruncate(fd, (off_t)size);
    } while (failed < 0 && errno == EINTR);
    return failed < 0 ? from_errno() : 0;
}

int lt_os_fdatasync(int fd)
{
    /* EINTR means that it did not run to its end; every other failure is final and must not be
     * tried again. */
    int failed;
    do {
        failed = fdatasync(fd);
    } while (failed < 0 && errno == EINTR);
    return failed < 0 ? from_errno() : 0;
}

int lt_os_fsync(int fd)
{
    int failed;
    do {
        failed = fsync(fd);
    } while (failed < 0 && errno == EINTR);
    return failed < 0 ? from_errno() : 0;
}

int lt_os_fsync_dir(const char *path)
{
    int fd = -1;
    int err = lt_os_open(path, O_RDONLY | O_DIRECTORY, 0, &fd);
    if (err < 0) {
        return err;
    }
    err = lt_os_fsync(fd);
    int errnum = errno;
    (void)lt_os_close(fd); /* nothing was written through it */
    errno = errnum;
    return err;
}

int lt_os_rename(const char *from, const char *to)
{
    return rename(from, to) < 0 ? from_errno() : 0;
}

int lt_os_unlink(const char *path)
{
    return unlink(path) < 0 ? from_errno() : 0;
}

int lt_os_mkdir(const char *path, mode_t mode)
{
    return mkdir(path, mode) < 0 ? from_errno() : 0;
}

int lt_os_rmdir(const char *path)
{
    return rmdir(path) < 0 ? from_errno() : 0;
}

int lt_os_file_size(int fd, uint64_t *ret_size)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return from_errno();
    }
    LT_ASSERT(st.st_size >= 0);
    *ret_size = (uint64_t)st.st_size;
    return 0;
}

int lt_os_mmap(int fd, size_t size, const uint8_t **ret_map)
{
    if (size == 0) {
        return invalid();
    }
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        return from_errno();
    }
    *ret_map = map;
    return 0;
}

void lt_os_munmap(const uint8_t *map, size_t size)
{
    if (map == NULL) {
        return;
    }
    int failed = munmap((void *)(uintptr_t)map, size);
    LT_ASSERT(failed == 0); /* only fails for a range that is not a mapping of ours */
}

int lt_os_read_file(const char *path, size_t size_max, struct lt_buf *buf)
{
    int fd = -1;
    int err = lt_os_open(path, O_RDONLY, 0, &fd);
    if (err < 0) {
        return err;
    }
    size_t before = buf->size;
    for (;;) {
        err = lt_buf_reserve(buf, 4096);
        if (err < 0) {
            break;
        }
        /* read, not pread and fstat: files in /proc have no size. */
        ssize_t part = read(fd, buf->data + buf->size, buf->capacity - buf->size);
        if (part < 0 && errno == EINTR) {
            continue;
        }
        if (part < 0) {
            err = from_errno();
            break;
        }
        if (part == 0) {
            break;
        }
        buf->size += (size_t)part;
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
    (void)lt_os_close(fd); /* nothing was written through it */
    errno = errnum;
    return err;
}

int lt_os_random(void *buf, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t part = getrandom((uint8_t *)buf + done, size - done, 0);
        if (part < 0) {
            if (errno == EINTR) {
                continue;
            }
            return from_errno();
        }
        done += (size_t)part;
    }
    return 0;
}
