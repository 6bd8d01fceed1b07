/* disk_space.c: the reserve file and the table that watches for ENOSPC.
 *
 * States: normal (reserve held) -> low at the first ENOSPC (flag set by whoever sees it) -> reserve given back by
 * log_disk_space_tend -> taken again by a later tend once twice its size is free -> normal. */
#include "storage/disk_space.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/statvfs.h>

#include "base/alloc.h"
#include "base/assert.h"

#define RESERVE_NAME ".leat_reserve"

struct watched_ops {
    struct lt_file_ops ops; /* first: callers hand it back */
    struct log_disk_space *space;
    bool internal;
};

struct log_disk_space {
    struct watched_ops client;
    struct watched_ops internal;
    const struct lt_file_ops *real;
    const char *dir;
    char *path; /* of the reserve file */
    uint64_t reserve_bytes;
    void (*on_low)(void *arg);
    void *arg;
    atomic_bool low;
    atomic_bool given_back; /* no reserve file */
};

static const struct lt_file_ops watch_table;
static uint64_t free_bytes(const struct log_disk_space *space);

int log_disk_space_new(const struct lt_file_ops *ops,
                       const char *dir,
                       uint64_t reserve_bytes,
                       void (*low)(void *arg),
                       void *arg,
                       struct log_disk_space **ret_space)
{
    struct log_disk_space *space = lt_calloc(1, sizeof(*space));
    if (space == NULL) {
        return LEAT_ENOMEM;
    }
    space->path = lt_asprintf("%s/" RESERVE_NAME, dir);
    if (space->path == NULL) {
        lt_free(space);
        return LEAT_ENOMEM;
    }
    space->client = (struct watched_ops){watch_table, space, false};
    space->internal = (struct watched_ops){watch_table, space, true};
    space->real = ops;
    space->dir = dir;
    space->reserve_bytes = reserve_bytes;
    space->on_low = low;
    space->arg = arg;
    atomic_init(&space->low, false);
    atomic_init(&space->given_back, true);
    *ret_space = space;
    return 0;
}

void log_disk_space_free(struct log_disk_space *space)
{
    if (space == NULL) {
        return;
    }
    lt_free(space->path);
    lt_free(space);
}

const struct lt_file_ops *log_disk_space_ops(struct log_disk_space *space, bool internal)
{
    return internal ? &space->internal.ops : &space->client.ops;
}

bool log_disk_space_low(const struct log_disk_space *space)
{
    return atomic_load(&space->low);
}

void log_disk_space_note_low(struct log_disk_space *space)
{
    if (!atomic_exchange(&space->low, true)) {
        space->on_low(space->arg);
    }
}

int log_disk_space_reserve(struct log_disk_space *space, struct leat_error **reterr)
{
    if (space->reserve_bytes == 0) {
        return 0;
    }
    const struct lt_file_ops *ops = space->real;
    int fd;
    int err = ops->open(ops, space->path, O_RDWR | O_CREAT, 0644, &fd);
    if (err < 0) {
        return lt_error_set_errno(reterr, err, errno, "%s", space->path);
    }
    uint64_t size = 0;
    err = ops->file_size(ops, fd, &size);
    if (err == 0 && size > space->reserve_bytes) {
        err = ops->ftruncate(ops, fd, space->reserve_bytes);
    } else if (err == 0 && size < space->reserve_bytes) {
        err = ops->fallocate(ops, fd, 0, space->reserve_bytes);
    }
    int errnum = errno;
    (void)ops->close(ops, fd); /* nothing was written to it */
    if (err == LEAT_ENOSPACE) {
        (void)ops->unlink(ops, space->path); /* a part of a reserve helps nobody */
        atomic_store(&space->given_back, true);
        atomic_store(&space->low, true);
    }
    if (err < 0) {
        return lt_error_set_errno(reterr, err, errnum, "%s", space->path);
    }
    atomic_store(&space->given_back, false);
    atomic_store(&space->low, false);
    return 0;
}

int log_disk_space_tend(struct log_disk_space *space, bool *ret_changed, struct leat_error **reterr)
{
    *ret_changed = false;
    if (!atomic_load(&space->low)) {
        return 0;
    }
    const struct lt_file_ops *ops = space->real;
    if (!atomic_exchange(&space->given_back, true)) {
        *ret_changed = true;
        int err = ops->unlink(ops, space->path);
        if (err < 0 && err != LEAT_ENOENT) {
            return lt_error_set_errno(reterr, err, errno, "%s", space->path);
        }
        return 0;
    }
    if (free_bytes(space) < 2 * space->reserve_bytes) {
        return 0;
    }
    int err = log_disk_space_reserve(space, reterr);
    if (err == LEAT_ENOSPACE) {
        return 0; /* somebody was faster: again later */
    }
    if (err == 0) {
        atomic_store(&space->low, false); /* also without a reserve to take */
        *ret_changed = true;
    }
    return err;
}

static uint64_t free_bytes(const struct log_disk_space *space)
{
    struct statvfs info;
    if (statvfs(space->dir, &info) != 0) {
        return UINT64_MAX; /* not known: let the call itself find out */
    }
    return (uint64_t)info.f_bavail * info.f_frsize;
}

/* The result of a call that may need space, looked at on its way back to the caller. */
static int watched(const struct watched_ops *self, int err)
{
    if (err == LEAT_ENOSPACE) {
        int errnum = errno;
        log_disk_space_note_low(self->space);
        errno = errnum;
    }
    return err;
}

static const struct watched_ops *self_of(const struct lt_file_ops *ops)
{
    return (const struct watched_ops *)(const void *)ops;
}

/* While the disk is full, what is free belongs to the server itself, up to the size of the reserve. */
static int watch_fallocate(const struct lt_file_ops *ops, int fd, uint64_t position, uint64_t size)
{
    const struct watched_ops *self = self_of(ops);
    struct log_disk_space *space = self->space;
    if (!self->internal && atomic_load(&space->low)) {
        uint64_t room = free_bytes(space);
        if (room < space->reserve_bytes || room - space->reserve_bytes < size) {
            errno = ENOSPC;
            return LEAT_ENOSPACE;
        }
    }
    return watched(self, space->real->fallocate(space->real, fd, position, size));
}

static int
watch_open(const struct lt_file_ops *ops, const char *path, int flags, mode_t mode, int *ret_fd)
{
    const struct watched_ops *self = self_of(ops);
    const struct lt_file_ops *real = self->space->real;
    return watched(self, real->open(real, path, flags, mode, ret_fd));
}

static int watch_close(const struct lt_file_ops *ops, int fd)
{
    const struct watched_ops *self = self_of(ops);
    const struct lt_file_ops *real = self->space->real;
    return real->close(real, fd);
}

static int watch_pread(const struct lt_file_ops *ops,
                       int fd,
                       void *buf,
                       size_t size,
                       uint64_t position,
                       size_t *ret_size)
{
    const struct watched_ops *self = self_of(ops);
    const struct lt_file_ops *real = self->space->real;
    return real->pread(real, fd, buf, size, position, ret_size);
}

static int watch_pwrite(
    const struct lt_file_ops *ops, int fd, const void *data, size_t size, uint64_t position)
{
    const struct watched_ops *self = self_of(ops);
    const struct lt_file_ops *real = self->space->real;
    return watched(self, real->pwrite(real, fd, data, size, position));
}

static int watch_ftruncate(const struct lt_file_ops *ops, int fd, uint64_t size)
{
    const struct watched_ops *self = self_of(ops);
    const struct lt_file_ops *real = self->space->real;
    return watched(self, real->ftruncate(real, fd, size));
}

static int watch_fdatasync(const struct lt_file_ops *ops, int fd)
{
    const struct watched_ops *self = self_of(ops);
    const struct lt_file_ops *real = self->space->real;
    return watched(self, real->fdatasync(real, fd));
}

static int watch_fsync(const struct lt_file_ops *ops, int fd)
{
    const struct watched_ops *self = self_of(ops);
    const struct lt_file_ops *real = self->space->real;
    return watched(self, real->fsync(real, fd));
}

static int watch_fsync_dir(const struct lt_file_ops *ops, const char *path)
{
    const struct watched_ops *self = self_of(ops);
    const struct lt_file_ops *real = self->space->real;
    return watched(self, real->fsync_dir(real, path));
}

static int watch_rename(const struct lt_file_ops *ops, const char *from, const char *to)
{
    const struct watched_ops *self = self_of(ops);
    const struct lt_file_ops *real = self->space->real;
    return watched(self, real->rename(real, from, to));
}

static int watch_unlink(const struct lt_file_ops *ops, const char *path)
{
    const struct watched_ops *self = self_of(ops);
    const struct lt_file_ops *real = self->space->real;
    return real->unlink(real, path);
}

static int watch_mkdir(const struct lt_file_ops *ops, const char *path, mode_t mode)
{
    const struct watched_ops *self = self_of(ops);
    const struct lt_file_ops *real = self->space->real;
    return watched(self, real->mkdir(real, path, mode));
}

static int watch_rmdir(const struct lt_file_ops *ops, const char *path)
{
    const struct watched_ops *self = self_of(ops);
    const struct lt_file_ops *real = self->space->real;
    return real->rmdir(real, path);
}

static int watch_file_size(const struct lt_file_ops *ops, int fd, uint64_t *ret_size)
{
    const struct watched_ops *self = self_of(ops);
    const struct lt_file_ops *real = self->space->real;
    return real->file_size(real, fd, ret_size);
}

static int watch_mmap(const struct lt_file_ops *ops, int fd, size_t size, const uint8_t **ret_map)
{
    const struct watched_ops *self = self_of(ops);
    const struct lt_file_ops *real = self->space->real;
    return real->mmap(real, fd, size, ret_map);
}

static void watch_crash_point(const struct lt_file_ops *ops, const char *name)
{
    const struct lt_file_ops *real = self_of(ops)->space->real;
    real->crash_point(real, name);
}

static const struct lt_file_ops watch_table = {
    .open = watch_open,
    .close = watch_close,
    .pread = watch_pread,
    .pwrite = watch_pwrite,
    .fallocate = watch_fallocate,
    .ftruncate = watch_ftruncate,
    .fdatasync = watch_fdatasync,
    .fsync = watch_fsync,
    .fsync_dir = watch_fsync_dir,
    .rename = watch_rename,
    .unlink = watch_unlink,
    .mkdir = watch_mkdir,
    .rmdir = watch_rmdir,
    .file_size = watch_file_size,
    .mmap = watch_mmap,
    .crash_point = watch_crash_point,
};
