/* os.h: system calls that finish what they started: EINTR is retried, short reads and writes are
 * continued.
 *
 * All return 0 or a code of lt_err_from_errno; errno is left as the call set it, for
 * lt_error_set_errno. storage/ does not call these: it goes through file_ops.h, where tests let
 * them fail. Threads: any. Blocks: as the system call does. */
#ifndef LT_OS_H
#define LT_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

/* For the start of a program that prints data: where stdin, stdout or stderr is closed, the next descriptor would take its
 * place, and what is printed would go to a socket or a file. One that cannot be used that way stands in: the attempt fails. */
void lt_os_guard_standard_fds(void);

int lt_os_open(const char *path, int flags, mode_t mode, int *ret_fd); /* O_CLOEXEC always */
int lt_os_close(int fd);
int lt_os_pread(int fd,
                void *buf,
                size_t size,
                uint64_t position,
                size_t *ret_size); /* less only at end of file */
int lt_os_pwrite(int fd, const void *data, size_t size, uint64_t position);
int lt_os_write(int fd,
                const void *data,
                size_t size); /* all of it, at the file's own place; sockets and pipes too */
int lt_os_fallocate(int fd, uint64_t position, uint64_t size); /* mode 0: the file grows */
int lt_os_ftruncate(int fd, uint64_t size);
int lt_os_fdatasync(int fd);
int lt_os_fsync(int fd);
int lt_os_fsync_dir(const char *path);
int lt_os_rename(const char *from, const char *to);
int lt_os_unlink(const char *path);
int lt_os_mkdir(const char *path, mode_t mode);
int lt_os_rmdir(const char *path);
int lt_os_file_size(int fd, uint64_t *ret_size);

/* Read-only shared map of the first `size` bytes (size may pass the end of the file; do not touch
 * that part). */
int lt_os_mmap(int fd, size_t size, const uint8_t **ret_map);
void lt_os_munmap(const uint8_t *map, size_t size);

/* A whole small file; LEAT_E2BIG above size_max. The buffer is appended to. */
int lt_os_read_file(const char *path, size_t size_max, struct lt_buf *buf);

/* Random bytes from the kernel; only fails on systems without getrandom. */
int lt_os_random(void *buf, size_t size);

#endif
