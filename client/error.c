/* error.c: names, texts and dispositions of error codes: leat's own and, from -999 down, a broker's. */
#include <leat/leat.h>

#include "base/error.h"
#include "proto/errors.h"

/* Wire codes are int16; anything below what they can be is not a code. */
static bool is_broker_code(int code)
{
    return LEAT_IS_BROKER_ERROR(code) && LEAT_WIRE_CODE(code) <= INT16_MAX;
}

const char *leat_strerror(int code)
{
    if (code >= 0) {
        return "no error";
    }
    return is_broker_code(code) ? proto_error_text((int16_t)LEAT_WIRE_CODE(code))
                                : lt_err_text(code);
}

const char *leat_errname(int code)
{
    if (code >= 0) {
        return "NONE";
    }
    return is_broker_code(code) ? proto_error_name((int16_t)LEAT_WIRE_CODE(code))
                                : lt_err_name(code);
}

int leat_error_code(const struct leat_error *err)
{
    return lt_error_code(err);
}

const char *leat_error_message(const struct leat_error *err)
{
    return lt_error_message(err);
}

bool leat_error_is_retriable(int code)
{
    if (is_broker_code(code)) {
        return proto_error_is_retriable((int16_t)LEAT_WIRE_CODE(code));
    }
    return code == LEAT_EAGAIN || code == LEAT_ETIMEDOUT || code == LEAT_EUNREACHABLE ||
           code == LEAT_EUNAVAIL || code == LEAT_ENOTLEADER || code == LEAT_EREPLICAS ||
           code == LEAT_ENOMEM || code == LEAT_EINTR;
}

bool leat_error_is_fatal(int code)
{
    return code == LEAT_EFORKED || code == LEAT_ECLOSED || code == LEAT_EFAILED;
}

void leat_error_free(struct leat_error *err)
{
    lt_error_free(err);
}
