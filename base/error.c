/* error.c: codes, names and sentences. An error and its text are one allocation. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* What error.h tells the analyzer about callers does not hold for the definitions. */
#undef lt_error_set
#undef lt_error_set_errno

struct leat_error {
    int code;
    char message[];
};

static struct leat_error *error_new(int code, const char *tail, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

/* "<formatted>: <tail>". NULL when memory is short: the caller then carries only the code. */
static struct leat_error *error_new(int code, const char *tail, const char *fmt, va_list args)
{
    va_list measure;
    va_copy(measure, args);
    int head = vsnprintf(NULL, 0, fmt, measure);
    va_end(measure);
    if (head < 0) {
        return NULL;
    }
    size_t head_size = (size_t)head;
    size_t tail_size = tail == NULL ? 0 : strlen(": ") + strlen(tail);
    struct leat_error *err = lt_malloc(sizeof(*err) + head_size + tail_size + 1);
    if (err == NULL) {
        return NULL;
    }
    err->code = code;
    (void)vsnprintf(err->message, head_size + 1, fmt,
                    args); /* measured above with the same arguments */
    if (tail != NULL) {
        memcpy(err->message + head_size, ": ", 2);
        memcpy(err->message + head_size + 2, tail, strlen(tail) + 1);
    }
    return err;
}

int lt_error_set(struct leat_error **reterr, int code, const char *fmt, ...)
{
    if (reterr == NULL) {
        return code;
    }
    va_list args;
    va_start(args, fmt);
    struct leat_error *err = error_new(code, NULL, fmt, args);
    va_end(args);
    /* The old error goes last: its text may be one of the arguments. */
    lt_error_free(*reterr);
    *reterr = err;
    return code;
}

int lt_error_set_errno(struct leat_error **reterr, int code, int errnum, const char *fmt, ...)
{
    if (reterr == NULL) {
        return code;
    }
    char text[128];
    va_list args;
    va_start(args, fmt);
    struct leat_error *err = error_new(code, strerror_r(errnum, text, sizeof(text)), fmt, args);
    va_end(args);
    lt_error_free(*reterr);
    *reterr = err;
    return code;
}

int lt_error_prefix(struct leat_error **reterr, const char *fmt, ...)
{
    if (reterr == NULL || *reterr == NULL) {
        return 0;
    }
    struct leat_error *old = *reterr;
    int code = old->code;
    va_list args;
    va_start(args, fmt);
    struct leat_error *err = error_new(code, old->message, fmt, args);
    va_end(args);
    if (err != NULL) { /* else: the sentence without its context is better than none */
        lt_error_free(old);
        *reterr = err;
    }
    return code;
}

int lt_error_code(const struct leat_error *err)
{
    return err == NULL ? 0 : err->code;
}

const char *lt_error_message(const struct leat_error *err)
{
    return err == NULL ? "" : err->message;
}

void lt_error_free(struct leat_error *err)
{
    lt_free(err);
}

const char *lt_err_name(int code)
{
    switch (code) {
    case 0:
        return "OK";
#define XX(name, number, text) \
    case number:               \
        return "LEAT_E" #name;
        LEAT_ERR_MAP(XX)
#undef XX
    default:
        return LEAT_IS_BROKER_ERROR(code) ? "LEAT_BROKER_ERROR" : "LEAT_E?";
    }
}

const char *lt_err_text(int code)
{
    switch (code) {
    case 0:
        return "success";
#define XX(name, number, text) \
    case number:               \
        return text;
        LEAT_ERR_MAP(XX)
#undef XX
    default:
        return LEAT_IS_BROKER_ERROR(code) ? "the broker answered with an error" : "unknown error";
    }
}
