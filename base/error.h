/* error.h: error values with a sentence, for functions whose failure has more than one cause.
 *
 * A function with `struct leat_error **reterr` sets *reterr only when it fails; reterr may be NULL,
 * then the sentence is not made. Callers on the way up put their context in front: "orders-0:
 * 00000000000000000000.log: CRC mismatch". Threads: no shared state; an error belongs to one thread
 * at a time. */
#ifndef LT_ERROR_H
#define LT_ERROR_H

#include <errno.h>

#include "leat/err.h"

/* Set *reterr to a new error and return `code`, so that callers can write `return
 * lt_error_set(reterr, ...)`. An error that *reterr already holds is freed. Out of memory leaves
 * *reterr NULL: the code is never lost. */
int lt_error_set(struct leat_error **reterr, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As lt_error_set, with ": " and the text of `errnum` (an errno value) appended. */
int lt_error_set_errno(struct leat_error **reterr, int code, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Put "<context>: " in front of the message of *reterr; returns its code (0 if reterr or *reterr is
 * NULL). */
int lt_error_prefix(struct leat_error **reterr, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Accept NULL: code 0, text "". The text lives as long as the error. */
int lt_error_code(const struct leat_error *err);
const char *lt_error_message(const struct leat_error *err);
void lt_error_free(struct leat_error *err);

/* Name ("LEAT_EIO") and text of one of leat's own codes; never NULL. Constant strings. */
const char *lt_err_name(int code);
const char *lt_err_text(int code);

/* The code for an errno value: ENOSPC and EDQUOT are LEAT_ENOSPACE, ENOMEM is LEAT_ENOMEM, ENOENT is LEAT_ENOENT,
 * EEXIST is LEAT_EEXISTS, EROFS and EACCES and EPERM are LEAT_EREADONLY, all others (0 too) LEAT_EIO.
 * Inline, so that the compiler sees that the result is never 0. */
static inline int lt_err_from_errno(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
        return LEAT_ENOSPACE;
    case ENOMEM:
        return LEAT_ENOMEM;
    case ENOENT:
        return LEAT_ENOENT;
    case EEXIST:
        return LEAT_EEXISTS;
    case EROFS:
    case EACCES:
    case EPERM:
        return LEAT_EREADONLY;
    default:
        return LEAT_EIO;
    }
}

#ifdef __clang_analyzer__
/* The analyzer sees one file at a time. It has to know that these results are errors, not 0; otherwise it finds outputs
 * that are "not set on success" all over the tree. */
#define lt_error_set(reterr, code, ...) ((void)lt_error_set(reterr, code, __VA_ARGS__), (code))
#define lt_error_set_errno(reterr, code, errnum, ...) \
    ((void)lt_error_set_errno(reterr, code, errnum, __VA_ARGS__), (code))
#endif

#endif
