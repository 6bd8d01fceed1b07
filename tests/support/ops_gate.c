/* ops_gate.c: a table that forwards everything, some of it later or never. */
#include "tests/support/ops_gate.h"

#include <check.h>
#include <stddef.h>
#include <string.h>

static struct test_ops_gate *gate_of(const struct lt_file_ops *ops)
{
    return (struct test_ops_gate *)(uintptr_t)ops;
}

static const struct lt_file_ops *use(const struct lt_file_ops *ops, const char *path)
{
    struct test_ops_gate *gate = gate_of(ops);
    if (path != NULL && gate->watched != NULL && strstr(path, gate->watched) != NULL) {
        atomic_fetch_add(&gate->watched_uses, 1);
    }
    return gate->real;
}

static int gate_fdatasync(const struct lt_file_ops *ops, int fd)
{
    struct test_ops_gate *gate = gate_of(ops);
    (void)pthread_mutex_lock(&gate->mutex);
    gate->waiting++;
    (void)pthread_cond_broadcast(&gate->changed);
    while (gate->closed) {
        (void)pthread_cond_wait(&gate->changed, &gate->mutex);
    }
    gate->waiting--;
    (void)pthread_mutex_unlock(&gate->mutex);
    int err = atomic_load(&gate->skip_sync) ? 0 : gate->real->fdatasync(gate->real, fd);
    atomic_fetch_add(&gate->syncs, 1);
    return err;
}

static int
gate_open(const struct lt_file_ops *ops, const char *path, int flags, mode_t mode, int *ret_fd)
{
    const struct lt_file_ops *real = use(ops, path);
    return real->open(real, path, flags, mode, ret_fd);
}

static int gate_close(const struct lt_file_ops *ops, int fd)
{
    const struct lt_file_ops *real = use(ops, NULL);
    return real->close(real, fd);
}

static int gate_pread(const struct lt_file_ops *ops,
                      int fd,
                      void *buf,
                      size_t size,
                      uint64_t position,
                      size_t *ret_size)
{
    const struct lt_file_ops *real = use(ops, NULL);
    return real->pread(real, fd, buf, size, position, ret_size);
}

static int
gate_pwrite(const struct lt_file_ops *ops, int fd, const void *data, size_t size, uint64_t position)
{
    const struct lt_file_ops *real = use(ops, NULL);
    return real->pwrite(real, fd, data, size, position);
}

static int gate_fallocate(const struct lt_file_ops *ops, int fd, uint64_t position, uint64_t size)
{
    const struct lt_file_ops *real = use(ops, NULL);
    return real->fallocate(real, fd, position, size);
}

static int gate_ftruncate(const struct lt_file_ops *ops, int fd, uint64_t size)
{
    const struct lt_file_ops *real = use(ops, NULL);
    return real->ftruncate(real, fd, size);
}

static int gate_fsync(const struct lt_file_ops *ops, int fd)
{
    const struct lt_file_ops *real = use(ops, NULL);
    return real->fsync(real, fd);
}

static int gate_fsync_dir(const struct lt_file_ops *ops, const char *path)
{
    const struct lt_file_ops *real = use(ops, path);
    return real->fsync_dir(real, path);
}

static int gate_rename(const struct lt_file_ops *ops, const char *from, const char *to)
{
    const struct lt_file_ops *real = use(ops, from);
    return real->rename(real, from, to);
}

static int gate_unlink(const struct lt_file_ops *ops, const char *path)
{
    const struct lt_file_ops *real = use(ops, path);
    return real->unlink(real, path);
}

static int gate_mkdir(const struct lt_file_ops *ops, const char *path, mode_t mode)
{
    const struct lt_file_ops *real = use(ops, path);
    return real->mkdir(real, path, mode);
}

static int gate_rmdir(const struct lt_file_ops *ops, const char *path)
{
    const struct lt_file_ops *real = use(ops, path);
    return real->rmdir(real, path);
}

static int gate_file_size(const struct lt_file_ops *ops, int fd, uint64_t *ret_size)
{
    const struct lt_file_ops *real = use(ops, NULL);
    return real->file_size(real, fd, ret_size);
}

static int gate_mmap(const struct lt_file_ops *ops, int fd, size_t size, const uint8_t **ret_map)
{
    const struct lt_file_ops *real = use(ops, NULL);
    return real->mmap(real, fd, size, ret_map);
}

static void gate_crash_point(const struct lt_file_ops *ops, const char *name)
{
    const struct lt_file_ops *real = use(ops, NULL);
    real->crash_point(real, name);
}

void test_ops_gate_init(struct test_ops_gate *gate, const struct lt_file_ops *real)
{
    memset(gate, 0, sizeof(*gate));
    gate->real = real;
    gate->ops = (struct lt_file_ops){
        .open = gate_open,
        .close = gate_close,
        .pread = gate_pread,
        .pwrite = gate_pwrite,
        .fallocate = gate_fallocate,
        .ftruncate = gate_ftruncate,
        .fdatasync = gate_fdatasync,
        .fsync = gate_fsync,
        .fsync_dir = gate_fsync_dir,
        .rename = gate_rename,
        .unlink = gate_unlink,
        .mkdir = gate_mkdir,
        .rmdir = gate_rmdir,
        .file_size = gate_file_size,
        .mmap = gate_mmap,
        .crash_point = gate_crash_point,
    };
    ck_assert_int_eq(pthread_mutex_init(&gate->mutex, NULL), 0);
    ck_assert_int_eq(pthread_cond_init(&gate->changed, NULL), 0);
}

void test_ops_gate_release(struct test_ops_gate *gate)
{
    (void)pthread_mutex_destroy(&gate->mutex);
    (void)pthread_cond_destroy(&gate->changed);
}

void test_ops_gate_close(struct test_ops_gate *gate)
{
    (void)pthread_mutex_lock(&gate->mutex);
    gate->closed = true;
    (void)pthread_mutex_unlock(&gate->mutex);
}

void test_ops_gate_open(struct test_ops_gate *gate)
{
    (void)pthread_mutex_lock(&gate->mutex);
    gate->closed = false;
    (void)pthread_cond_broadcast(&gate->changed);
    (void)pthread_mutex_unlock(&gate->mutex);
}

void test_ops_gate_wait(struct test_ops_gate *gate)
{
    (void)pthread_mutex_lock(&gate->mutex);
    while (gate->waiting == 0) {
        (void)pthread_cond_wait(&gate->changed, &gate->mutex);
    }
    (void)pthread_mutex_unlock(&gate->mutex);
}
