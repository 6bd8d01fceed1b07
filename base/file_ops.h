/* file_ops.h: every file call of storage/ and of the server's own files, behind one table.
 *
 * lt_file_ops_real() goes to os.h. Tests put their own in front: fail the n-th call, crash at the
 * n-th call, or lose what was not flushed (file_faults.h). A path is absolute or relative to the
 * working directory. All return 0 or a negative code and leave errno set; none keeps its arguments.
 * Threads: any. Blocks: as the system call does. */
#ifndef LT_FILE_OPS_H
#define LT_FILE_OPS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/os.h"

struct lt_file_ops {
    int (*open)(
        const struct lt_file_ops *ops, const char *path, int flags, mode_t mode, int *ret_fd);
    int (*close)(const struct lt_file_ops *ops, int fd);
    int (*pread)(const struct lt_file_ops *ops,
                 int fd,
                 void *buf,
                 size_t size,
                 uint64_t position,
                 size_t *ret_size);
    int (*pwrite)(
        const struct lt_file_ops *ops, int fd, const void *data, size_t size, uint64_t position);
    int (*fallocate)(const struct lt_file_ops *ops, int fd, uint64_t position, uint64_t size);
    int (*ftruncate)(const struct lt_file_ops *ops, int fd, uint64_t size);
    int (*fdatasync)(const struct lt_file_ops *ops, int fd);
    int (*fsync)(const struct lt_file_ops *ops, int fd);
    int (*fsync_dir)(const struct lt_file_ops *ops, const char *path);
    int (*rename)(const struct lt_file_ops *ops, const char *from, const char *to);
    int (*unlink)(const struct lt_file_ops *ops, const char *path);
    int (*mkdir)(const struct lt_file_ops *ops, const char *path, mode_t mode);
    int (*rmdir)(const struct lt_file_ops *ops, const char *path);
    int (*file_size)(const struct lt_file_ops *ops, int fd, uint64_t *ret_size);
    int (*mmap)(const struct lt_file_ops *ops, int fd, size_t size, const uint8_t **ret_map);
    void (*crash_point)(const struct lt_file_ops *ops,
                        const char *name); /* named places; real: nothing */
};

const struct lt_file_ops *lt_file_ops_real(void);

/* Write a whole file so that a reader sees the old or the new content, never a part: <path>.tmp,
 * fsync, rename, fsync of the directory. */
int lt_file_replace(const struct lt_file_ops *ops, const char *path, struct lt_slice content);

/* Read a whole file of at most size_max bytes through ops; appended to buf. */
int lt_file_read(const struct lt_file_ops *ops,
                 const char *path,
                 size_t size_max,
                 struct lt_buf *buf);

#endif
