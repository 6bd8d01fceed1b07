/* file_faults.c: counting, failing, crashing, and the undo records of a power cut.
 *
 * Every counted call takes the mutex and asks `refused` first. What changes content keeps the mutex
 * over the change, so that the order of the undo records is the order of the changes; undone newest
 * first they lead back to what was last flushed. A record holds the bytes that a change covers and
 * the file's size before it.
 *
 * A flush runs without the mutex: it drops what was recorded before it started, no more, since
 * writes that overlap it in time are not covered. It answers under the mutex, so after a cut no
 * flush can still say that it succeeded. */
#include "base/file_faults.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"

#define CHUNK_BYTES 65536U

/* One change that is not flushed. `data` are the `size` bytes at `position` before it; NULL =
 * zeros. */
struct undo {
    STAILQ_ENTRY(undo) link;
    uint64_t number; /* order of changes over all files */
    uint64_t file_size;
    uint64_t position;
    size_t size;
    uint8_t *data;
};

STAILQ_HEAD(undo_list, undo);

/* A file with undo records. Our own descriptor keeps the inode from being used again, and outlives
 * its owner's. */
struct dirty_file {
    LIST_ENTRY(dirty_file) link;
    dev_t device;
    ino_t inode;
    int fd;
    struct undo_list undos; /* newest first */
};

struct lt_file_faults {
    struct lt_file_ops ops; /* first member: ops and faults are the same address */
    pthread_mutex_t mutex;  /* guards all below */
    struct lt_fault_plan plan;
    int64_t count;           /* counted calls since the plan */
    int64_t points;          /* passings of the plan's crash point */
    const char *sticky_call; /* name of the call that keeps failing */
    bool fired;
    bool cut; /* the power is off */
    uint64_t undo_number;
    LIST_HEAD(dirty_list, dirty_file) files;
};

static struct lt_file_faults *faults_of(const struct lt_file_ops *ops)
{
    return (struct lt_file_faults *)(uintptr_t)ops;
}

static void lock(struct lt_file_faults *faults)
{
    int failed = pthread_mutex_lock(&faults->mutex);
    LT_ASSERT(failed == 0);
}

static void unlock(struct lt_file_faults *faults)
{
    int errnum = errno;
    int failed = pthread_mutex_unlock(&faults->mutex);
    LT_ASSERT(failed == 0);
    errno = errnum;
}

/* ---- undo records; all under the mutex ---- */

static void undo_free(struct undo *undo)
{
    if (undo != NULL) {
        lt_free(undo->data);
        lt_free(undo);
    }
}

static void dirty_file_free(struct dirty_file *file)
{
    while (!STAILQ_EMPTY(&file->undos)) {
        struct undo *undo = STAILQ_FIRST(&file->undos);
        STAILQ_REMOVE_HEAD(&file->undos, link);
        undo_free(undo);
    }
    (void)lt_os_close(file->fd); /* a second descriptor; the owner's one reports errors */
    LIST_REMOVE(file, link);
    lt_free(file);
}

static struct dirty_file *dirty_file_find(struct lt_file_faults *faults, const struct stat *st)
{
    struct dirty_file *file;
    LIST_FOREACH (file, &faults->files, link) {
        if (file->device == st->st_dev && file->inode == st->st_ino) {
            return file;
        }
    }
    return NULL;
}

/* The entry of `fd`, made if it has none. Its own descriptor is readable even where the owner's
 * only writes. */
static int dirty_file_get(struct lt_file_faults *faults,
                          int fd,
                          struct dirty_file **ret_file,
                          uint64_t *ret_size)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return lt_err_from_errno(errno);
    }
    *ret_size = (uint64_t)st.st_size;
    struct dirty_file *file = dirty_file_find(faults, &st);
    if (file != NULL) {
        *ret_file = file;
        return 0;
    }
    file = lt_calloc(1, sizeof(*file));
    if (file == NULL) {
        errno = ENOMEM;
        return LEAT_ENOMEM;
    }
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* an int always fits */
    int err = lt_os_open(path, O_RDWR, 0, &file->fd);
    if (err < 0) {
        lt_free(file);
        return err;
    }
    file->device = st.st_dev;
    file->inode = st.st_ino;
    STAILQ_INIT(&file->undos);
    LIST_INSERT_HEAD(&faults->files, file, link);
    *ret_file = file;
    return 0;
}

static bool all_zero(const uint8_t *data, size_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

/* Keep the bytes [position, position + size) as they are now, as far as the file reaches, and its
 * size. */
static int undo_push(struct lt_file_faults *faults,
                     struct dirty_file *file,
                     uint64_t file_size,
                     uint64_t position,
                     uint64_t size)
{
    struct undo *undo = lt_calloc(1, sizeof(*undo));
    if (undo == NULL) {
        errno = ENOMEM;
        return LEAT_ENOMEM;
    }
    uint64_t covered = position >= file_size ? 0 : file_size - position;
    covered = covered > size ? size : covered;
    undo->number = ++faults->undo_number;
    undo->file_size = file_size;
    undo->position = position;
    undo->size = (size_t)covered;
    if (covered > 0) {
        undo->data = lt_malloc(undo->size);
        if (undo->data == NULL) {
            undo_free(undo);
            errno = ENOMEM;
            return LEAT_ENOMEM;
        }
        size_t got;
        int err = lt_os_pread(file->fd, undo->data, undo->size, position, &got);
        if (err < 0) {
            undo_free(undo);
            return err;
        }
        undo->size = got;
        if (all_zero(undo->data, undo->size)) { /* reserved space: most of what a log overwrites */
            lt_free(undo->data);
            undo->data = NULL;
        }
    }
    STAILQ_INSERT_HEAD(&file->undos, undo, link);
    return 0;
}

/* As undo_push for the whole rest of the file, in chunks, so that reserved zeros cost nothing. */
static int undo_push_rest(struct lt_file_faults *faults,
                          struct dirty_file *file,
                          uint64_t file_size,
                          uint64_t position)
{
    int err = undo_push(faults, file, file_size, file_size, 0);
    for (uint64_t at = position; err == 0 && at < file_size; at += CHUNK_BYTES) {
        err = undo_push(faults, file, file_size, at, CHUNK_BYTES);
    }
    return err;
}

static void undo_apply(const struct dirty_file *file, const struct undo *undo)
{
    static const uint8_t zeros[4096];
    int err = 0;
    if (undo->data != NULL) {
        err = lt_os_pwrite(file->fd, undo->data, undo->size, undo->position);
    }
    for (size_t done = 0; undo->data == NULL && done < undo->size && err == 0;
         done += sizeof(zeros)) {
        size_t left = undo->size - done;
        size_t part = left < sizeof(zeros) ? left : sizeof(zeros);
        err = lt_os_pwrite(file->fd, zeros, part, undo->position + done);
    }
    if (err == 0) {
        err = lt_os_ftruncate(file->fd, undo->file_size);
    }
    LT_ASSERT(err == 0); /* a cut that cannot be made would let a broken test pass */
}

static void cut_power(struct lt_file_faults *faults)
{
    while (!LIST_EMPTY(&faults->files)) {
        struct dirty_file *file = LIST_FIRST(&faults->files);
        const struct undo *undo;
        STAILQ_FOREACH (undo, &file->undos, link) {
            undo_apply(file, undo);
        }
        dirty_file_free(file);
    }
    faults->cut = true;
}

/* The flush of `fd` that started when change `number` was the last one has succeeded. */
static void undo_drop(struct lt_file_faults *faults, const struct stat *st, uint64_t number)
{
    struct dirty_file *file = dirty_file_find(faults, st);
    if (file == NULL) {
        return;
    }
    struct undo_list kept = STAILQ_HEAD_INITIALIZER(kept);
    while (!STAILQ_EMPTY(&file->undos)) {
        struct undo *undo = STAILQ_FIRST(&file->undos);
        STAILQ_REMOVE_HEAD(&file->undos, link);
        if (undo->number > number) {
            STAILQ_INSERT_TAIL(&kept, undo, link);
        } else {
            undo_free(undo);
        }
    }
    STAILQ_CONCAT(&file->undos, &kept);
    if (STAILQ_EMPTY(&file->undos)) {
        dirty_file_free(file);
    }
}

/* ---- the plan; under the mutex ---- */

static int fail_with(int errnum)
{
    errno = errnum;
    return lt_err_from_errno(errnum);
}

static void wait_for_exit(int number)
{
    (void)number;
    for (;;) {
        (void)pause();
    }
}

/* Other threads run on while a cut shortens files that they have mapped. Where the power is gone none of them would get
 * to see that, so one that does waits for the end. */
_Noreturn static void crash(struct lt_file_faults *faults)
{
    if (faults->plan.kind == LT_FAULT_CUT) {
        (void)signal(SIGBUS, wait_for_exit);
        cut_power(faults);
    }
    _exit(LT_FAULT_EXIT);
}

/* Count a call named `call`: 0 = go on, else the error to return. May not return at all. */
static int refused(struct lt_file_faults *faults, const char *call)
{
    if (faults->cut) {
        return fail_with(EIO);
    }
    const struct lt_fault_plan *plan = &faults->plan;
    if (plan->only_call != NULL && strcmp(plan->only_call, call) != 0) {
        return 0;
    }
    int64_t number = faults->count++;
    if (faults->sticky_call != NULL && strcmp(faults->sticky_call, call) == 0) {
        return fail_with(plan->errnum);
    }
    if (plan->kind == LT_FAULT_NONE || plan->crash_point != NULL || number != plan->at) {
        return 0;
    }
    faults->fired = true;
    if (plan->kind != LT_FAULT_FAIL) {
        crash(faults);
    }
    if (plan->sticky) {
        faults->sticky_call = call;
    }
    return fail_with(plan->errnum);
}

static void faults_crash_point(const struct lt_file_ops *ops, const char *name)
{
    struct lt_file_faults *faults = faults_of(ops);
    const struct lt_fault_plan *plan = &faults->plan;
    lock(faults);
    bool kills = plan->kind == LT_FAULT_CRASH || plan->kind == LT_FAULT_CUT;
    if (kills && plan->crash_point != NULL && strcmp(plan->crash_point, name) == 0 &&
        faults->points++ == plan->at) {
        crash(faults);
    }
    unlock(faults);
}

/* ---- the table ---- */

static int faults_ftruncate_locked(struct lt_file_faults *faults, int fd, uint64_t size)
{
    struct dirty_file *file;
    uint64_t file_size;
    int err = dirty_file_get(faults, fd, &file, &file_size);
    if (err == 0) {
        err = undo_push_rest(faults, file, file_size, size);
    }
    return err < 0 ? err : lt_os_ftruncate(fd, size);
}

static int
faults_open(const struct lt_file_ops *ops, const char *path, int flags, mode_t mode, int *ret_fd)
{
    bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) != 0;
    if (!writes) {
        return lt_os_open(path, flags, mode, ret_fd);
    }
    struct lt_file_faults *faults = faults_of(ops);
    lock(faults);
    int fd;
    int err = refused(faults, "open");
    if (err == 0) {
        err = lt_os_open(path, flags & ~O_TRUNC, mode, &fd);
    }
    if (err == 0 && (flags & O_TRUNC) != 0) { /* separately, so that the old content can be kept */
        err = faults_ftruncate_locked(faults, fd, 0);
        if (err < 0) {
            int errnum = errno;
            (void)lt_os_close(fd); /* the first error is the one to report */
            errno = errnum;
        }
    }
    unlock(faults);
    if (err == 0) {
        *ret_fd = fd;
    }
    return err;
}

static int faults_close(const struct lt_file_ops *ops, int fd)
{
    (void)ops;
    return lt_os_close(fd);
}

static int faults_pread(const struct lt_file_ops *ops,
                        int fd,
                        void *buf,
                        size_t size,
                        uint64_t position,
                        size_t *ret_size)
{
    (void)ops;
    return lt_os_pread(fd, buf, size, position, ret_size);
}

static int faults_pwrite(
    const struct lt_file_ops *ops, int fd, const void *data, size_t size, uint64_t position)
{
    struct lt_file_faults *faults = faults_of(ops);
    struct dirty_file *file;
    uint64_t file_size;
    lock(faults);
    int err = refused(faults, "pwrite");
    if (err == 0) {
        err = dirty_file_get(faults, fd, &file, &file_size);
    }
    if (err == 0) {
        err = undo_push(faults, file, file_size, position, size);
    }
    if (err == 0) {
        err = lt_os_pwrite(fd, data, size, position);
    }
    unlock(faults);
    return err;
}

static int faults_fallocate(const struct lt_file_ops *ops, int fd, uint64_t position, uint64_t size)
{
    struct lt_file_faults *faults = faults_of(ops);
    struct dirty_file *file;
    uint64_t file_size;
    lock(faults);
    int err = refused(faults, "fallocate");
    if (err == 0) {
        err = dirty_file_get(faults, fd, &file, &file_size);
    }
    if (err == 0) {
        err = undo_push(faults, file, file_size, file_size, 0); /* only the size changes */
    }
    if (err == 0) {
        err = lt_os_fallocate(fd, position, size);
    }
    unlock(faults);
    return err;
}

static int faults_ftruncate(const struct lt_file_ops *ops, int fd, uint64_t size)
{
    struct lt_file_faults *faults = faults_of(ops);
    lock(faults);
    int err = refused(faults, "ftruncate");
    if (err == 0) {
        err = faults_ftruncate_locked(faults, fd, size);
    }
    unlock(faults);
    return err;
}

static int flush(struct lt_file_faults *faults, const char *call, int fd, int (*flush_file)(int fd))
{
    struct stat st;
    lock(faults);
    int err = refused(faults, call);
    uint64_t number = faults->undo_number;
    unlock(faults);
    if (err < 0) {
        return err;
    }
    if (fstat(fd, &st) < 0) {
        return lt_err_from_errno(errno);
    }
    err = flush_file(fd);
    if (err < 0) {
        return err;
    }
    lock(faults);
    if (faults->cut) { /* while it ran: what it covers is gone */
        err = fail_with(EIO);
    } else {
        undo_drop(faults, &st, number);
    }
    unlock(faults);
    return err;
}

static int faults_fdatasync(const struct lt_file_ops *ops, int fd)
{
    return flush(faults_of(ops), "fdatasync", fd, lt_os_fdatasync);
}

static int faults_fsync(const struct lt_file_ops *ops, int fd)
{
    return flush(faults_of(ops), "fsync", fd, lt_os_fsync);
}

/* For calls on names, which a cut does not take back. */
static int admit_name_call(const struct lt_file_ops *ops, const char *call)
{
    struct lt_file_faults *faults = faults_of(ops);
    lock(faults);
    int err = refused(faults, call);
    unlock(faults);
    return err;
}

static int faults_fsync_dir(const struct lt_file_ops *ops, const char *path)
{
    int err = admit_name_call(ops, "fsync_dir");
    return err < 0 ? err : lt_os_fsync_dir(path);
}

static int faults_rename(const struct lt_file_ops *ops, const char *from, const char *to)
{
    int err = admit_name_call(ops, "rename");
    return err < 0 ? err : lt_os_rename(from, to);
}

static int faults_unlink(const struct lt_file_ops *ops, const char *path)
{
    int err = admit_name_call(ops, "unlink");
    return err < 0 ? err : lt_os_unlink(path);
}

static int faults_mkdir(const struct lt_file_ops *ops, const char *path, mode_t mode)
{
    int err = admit_name_call(ops, "mkdir");
    return err < 0 ? err : lt_os_mkdir(path, mode);
}

static int faults_rmdir(const struct lt_file_ops *ops, const char *path)
{
    int err = admit_name_call(ops, "rmdir");
    return err < 0 ? err : lt_os_rmdir(path);
}

static int faults_file_size(const struct lt_file_ops *ops, int fd, uint64_t *ret_size)
{
    (void)ops;
    return lt_os_file_size(fd, ret_size);
}

static int faults_mmap(const struct lt_file_ops *ops, int fd, size_t size, const uint8_t **ret_map)
{
    (void)ops;
    return lt_os_mmap(fd, size, ret_map);
}

static const struct lt_file_ops faults_ops = {
    .open = faults_open,
    .close = faults_close,
    .pread = faults_pread,
    .pwrite = faults_pwrite,
    .fallocate = faults_fallocate,
    .ftruncate = faults_ftruncate,
    .fdatasync = faults_fdatasync,
    .fsync = faults_fsync,
    .fsync_dir = faults_fsync_dir,
    .rename = faults_rename,
    .unlink = faults_unlink,
    .mkdir = faults_mkdir,
    .rmdir = faults_rmdir,
    .file_size = faults_file_size,
    .mmap = faults_mmap,
    .crash_point = faults_crash_point,
};

int lt_file_faults_new(struct lt_file_faults **ret_faults)
{
    struct lt_file_faults *faults = lt_calloc(1, sizeof(*faults));
    if (faults == NULL) {
        return LEAT_ENOMEM;
    }
    if (pthread_mutex_init(&faults->mutex, NULL) != 0) {
        lt_free(faults);
        return LEAT_ENOMEM;
    }
    faults->ops = faults_ops;
    LIST_INIT(&faults->files);
    *ret_faults = faults;
    return 0;
}

void lt_file_faults_free(struct lt_file_faults *faults)
{
    if (faults == NULL) {
        return;
    }
    while (!LIST_EMPTY(&faults->files)) {
        dirty_file_free(LIST_FIRST(&faults->files));
    }
    (void)pthread_mutex_destroy(&faults->mutex); /* nobody may hold it any more */
    lt_free(faults);
}

const struct lt_file_ops *lt_file_faults_ops(struct lt_file_faults *faults)
{
    return &faults->ops;
}

void lt_file_faults_plan(struct lt_file_faults *faults, const struct lt_fault_plan *plan)
{
    lock(faults);
    faults->plan = *plan;
    faults->count = 0;
    faults->points = 0;
    faults->sticky_call = NULL;
    faults->fired = false;
    faults->cut = false;
    unlock(faults);
}

int64_t lt_file_faults_count(struct lt_file_faults *faults)
{
    lock(faults);
    int64_t count = faults->count;
    unlock(faults);
    return count;
}

bool lt_file_faults_fired(struct lt_file_faults *faults)
{
    lock(faults);
    bool fired = faults->fired;
    unlock(faults);
    return fired;
}

void lt_file_faults_cut(struct lt_file_faults *faults)
{
    lock(faults);
    cut_power(faults);
    unlock(faults);
}
