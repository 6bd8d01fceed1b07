/* file_view.h: any part of a file of any size, through one window of memory.
 *
 * For the offline tools: they read files that a running server may cut at the same moment, where a mapping would end in
 * SIGBUS. Here a part that is gone is an error. Nothing is ever written.
 * Threads: one at a time. Blocks: for the disk. */
#ifndef LOG_TOOLS_FILE_VIEW_H
#define LOG_TOOLS_FILE_VIEW_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file_ops.h"

struct log_view {
    const struct lt_file_ops *ops;
    struct lt_buf window;
    uint64_t window_at; /* position of the window's first byte */
    uint64_t size;      /* of the file, when it was opened */
    int fd;             /* -1: not open */
};

/* LEAT_ENOENT, LEAT_EREADONLY (no permission), LEAT_EIO, LEAT_EINVAL (not a regular file). The view can be closed in any case. */
int log_view_open(struct log_view *view,
                  const struct lt_file_ops *ops,
                  const char *path,
                  struct leat_error **reterr);
void log_view_close(struct log_view *view);

/* `size` bytes at `position`, valid until the next call. LEAT_ERANGE: the file does not have them (any more);
 * LEAT_ENOMEM, LEAT_EIO. */
int log_view_get(struct log_view *view, uint64_t position, size_t size, const uint8_t **ret_data);

#endif
