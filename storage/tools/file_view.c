#include "storage/tools/file_view.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define WINDOW_SIZE ((size_t)1 << 20)

int log_view_open(struct log_view *view,
                  const struct lt_file_ops *ops,
                  const char *path,
                  struct leat_error **reterr)
{
    *view = (struct log_view){.ops = ops, .fd = -1};
    /* Not blocking: a pipe in the place of a file must not hang us. */
    int err = ops->open(ops, path, O_RDONLY | O_NONBLOCK, 0, &view->fd);
    if (err != 0) {
        view->fd = -1;
        return lt_error_set_errno(reterr, err, errno, "%s", path);
    }
    struct stat st;
    if (fstat(view->fd, &st) != 0) {
        return lt_error_set_errno(reterr, LEAT_EIO, errno, "%s", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return lt_error_set(reterr, LEAT_EINVAL, "%s: not a regular file", path);
    }
    view->size = (uint64_t)st.st_size;
    return 0;
}

void log_view_close(struct log_view *view)
{
    if (view->fd >= 0) {
        (void)view->ops->close(view->ops, view->fd); /* read-only: nothing can be lost */
        view->fd = -1;
    }
    lt_buf_release(&view->window);
}

int log_view_get(struct log_view *view, uint64_t position, size_t size, const uint8_t **ret_data)
{
    struct lt_buf *window = &view->window;
    uint64_t into = position - view->window_at;
    if (position >= view->window_at && into <= window->size && size <= window->size - into) {
        *ret_data = window->data + into;
        return 0;
    }
    if (position > view->size || size > view->size - position) {
        return LEAT_ERANGE;
    }
    size_t want = size > WINDOW_SIZE ? size : WINDOW_SIZE;
    if (want > view->size - position) {
        want = (size_t)(view->size - position);
    }
    window->size = 0;
    int err = lt_buf_reserve(window, want);
    if (err != 0) {
        return err;
    }
    size_t got = 0;
    err = view->ops->pread(view->ops, view->fd, window->data, want, position, &got);
    if (err != 0) {
        return err;
    }
    view->window_at = position;
    window->size = got;
    if (got < size) {
        return LEAT_ERANGE;
    }
    *ret_data = window->data;
    return 0;
}
