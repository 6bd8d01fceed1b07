/* units.c: see units.h. */
#include "base/units.h"

#include <stdbool.h>
#include <string.h>

#include "leat/err.h"

struct unit {
    const char *name;
    int64_t factor;
};

static int take_number(const char **text, int64_t *ret_number);
static int multiply(int64_t a, int64_t b, int64_t *ret);
static const struct unit *find_unit(const struct unit *units, const char *text, size_t size);

static const struct unit size_units[] = {
    {"B", 1},
    {"KB", 1000},
    {"MB", 1000000},
    {"GB", 1000000000},
    {"TB", 1000000000000},
    {"KiB", 1LL << 10},
    {"MiB", 1LL << 20},
    {"GiB", 1LL << 30},
    {"TiB", 1LL << 40},
    {"K", 1LL << 10},
    {"M", 1LL << 20},
    {"G", 1LL << 30},
    {"T", 1LL << 40},
    {NULL, 0},
};

static const struct unit duration_units[] = {
    {"ms", 1},       {"s", 1000},      {"m", 60000}, {"h", 3600000},
    {"d", 86400000}, {"w", 604800000}, {NULL, 0},
};

int lt_parse_size(const char *text, int64_t *ret_bytes)
{
    int64_t number;
    int err = take_number(&text, &number);
    if (err != 0) {
        return err;
    }
    while (*text == ' ') {
        text++;
    }
    if (*text == '\0') {
        *ret_bytes = number;
        return 0;
    }
    const struct unit *unit = find_unit(size_units, text, strlen(text));
    return unit == NULL ? LEAT_EINVAL : multiply(number, unit->factor, ret_bytes);
}

int lt_parse_duration_ms(const char *text, int64_t plain_unit_ms, int64_t *ret_ms)
{
    bool negative = *text == '-';
    if (*text == '-' || *text == '+') {
        text++;
    }
    int64_t total = 0;
    do {
        int64_t number;
        int err = take_number(&text, &number);
        if (err != 0) {
            return err;
        }
        size_t size = strspn(text, "msdhw");
        const struct unit plain = {"", plain_unit_ms};
        const struct unit *unit = size == 0 ? &plain : find_unit(duration_units, text, size);
        if (unit == NULL || (size == 0 && *text != '\0')) {
            return LEAT_EINVAL;
        }
        err = multiply(number, unit->factor, &number);
        if (err != 0 || __builtin_add_overflow(total, number, &total)) {
            return LEAT_E2BIG;
        }
        text += size;
    } while (*text != '\0');
    *ret_ms = negative ? -total : total;
    return 0;
}

static int take_number(const char **text, int64_t *ret_number)
{
    const char *p = *text;
    int64_t number = 0;
    if (*p < '0' || *p > '9') {
        return LEAT_EINVAL;
    }
    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *p - '0', &number)) {
            return LEAT_E2BIG;
        }
    }
    *text = p;
    *ret_number = number;
    return 0;
}

static int multiply(int64_t a, int64_t b, int64_t *ret)
{
    int64_t product;
    if (__builtin_mul_overflow(a, b, &product)) {
        return LEAT_E2BIG;
    }
    *ret = product;
    return 0;
}

static const struct unit *find_unit(const struct unit *units, const char *text, size_t size)
{
    for (const struct unit *unit = units; unit->name != NULL; unit++) {
        if (strlen(unit->name) == size && strncmp(unit->name, text, size) == 0) {
            return unit;
        }
    }
    return NULL;
}
