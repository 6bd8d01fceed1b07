#include "proto/errors.h"

#include <stddef.h>
#include <string.h>

#include "leat/err.h"

#define CODE_MIN (-1)

struct row {
    const char *name; /* NULL: no such code */
    const char *text;
    bool retriable;
    bool metadata;
};

static const struct row rows[] = {
#define XX(name, code, retriable, metadata, text) \
    [code - CODE_MIN] = {#name, text, retriable, metadata},
    PROTO_ERROR_MAP(XX)
#undef XX
};

static const struct row unknown = {
    "UNKNOWN_CODE", "The server answered with an error code that this program does not know.",
    false, false};

static const struct row *find(int16_t code)
{
    int index = code - CODE_MIN;

    if (index < 0 || (size_t)index >= sizeof(rows) / sizeof(rows[0]) || rows[index].name == NULL) {
        return &unknown;
    }
    return &rows[index];
}

const char *proto_error_name(int16_t code)
{
    return find(code)->name;
}

const char *proto_error_text(int16_t code)
{
    return find(code)->text;
}

bool proto_error_is_retriable(int16_t code)
{
    return find(code)->retriable;
}

bool proto_error_needs_metadata(int16_t code)
{
    return find(code)->metadata;
}

int proto_error_parse(const char *name, int16_t *ret_code)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].name != NULL && strcmp(rows[i].name, name) == 0) {
            *ret_code = (int16_t)((int)i + CODE_MIN);
            return 0;
        }
    }
    return LEAT_ENOENT;
}
