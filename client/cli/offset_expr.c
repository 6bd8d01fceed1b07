/* offset_expr.c: see offset_expr.h. */
#include "client/cli/offset_expr.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/units.h"

#define TEXT_MAX 128
#define DAY_MS INT64_C(86400000)
#define TIME_MIN_MS INT64_C(-62135596800000) /* 0001-01-01 */
#define TIME_MAX_MS INT64_C(253402300799999) /* the end of 9999 */

struct context {
    const char *whole; /* the expression, for messages */
    int64_t now_ms;
    bool local;
};

static int parse_point(const struct context *c,
                       const char *text,
                       const struct cli_point *first,
                       struct cli_point *ret,
                       struct leat_error **reterr);
static int parse_time(const struct context *c,
                      const char *text,
                      const struct cli_point *first,
                      int64_t *ret_ms,
                      struct leat_error **reterr);
static const char *split_at(const char *text);
static int refuse(const struct context *c, const char *part, struct leat_error **reterr);

int cli_range_parse(
    const char *text, int64_t now_ms, bool local, struct cli_range *ret, struct leat_error **reterr)
{
    const struct context c = {text, now_ms, local};
    struct cli_range range = {{CLI_POINT_NONE, 0}, {CLI_POINT_NONE, 0}};
    char from[TEXT_MAX] = "";
    if (strlen(text) >= TEXT_MAX) {
        return refuse(&c, text, reterr);
    }
    /* kcat's spellings: s@MS is where to start, e@MS where to end. */
    if (strncmp(text, "s@", 2) == 0 || strncmp(text, "e@", 2) == 0) {
        int err = parse_point(&c, text + 1, NULL, text[0] == 's' ? &range.from : &range.to, reterr);
        if (err == 0) {
            *ret = range;
        }
        return err;
    }
    const char *colon = split_at(text);
    size_t size = colon == NULL ? strlen(text) : (size_t)(colon - text);
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): shorter than TEXT_MAX, and `from` is zeros */
    memcpy(from, text, size);
    int err = size == 0 && colon != NULL ? 0 : parse_point(&c, from, NULL, &range.from, reterr);
    if (err == 0 && colon != NULL && colon[1] != '\0') {
        err = parse_point(&c, colon + 1, &range.from, &range.to, reterr);
    }
    if (err == 0) {
        *ret = range;
    }
    return err;
}

int cli_point_parse(
    const char *text, int64_t now_ms, bool local, struct cli_point *ret, struct leat_error **reterr)
{
    const struct context c = {text, now_ms, local};
    return strlen(text) >= TEXT_MAX ? refuse(&c, text, reterr)
                                    : parse_point(&c, text, NULL, ret, reterr);
}

/* Days since 1970 as a date; Howard Hinnant's civil_from_days. strftime costs more than all the rest of a printed record. */
static void civil_date(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
    days += 719468; /* 0000-03-01: a year that begins in March has its leap day at its end */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    *ret_day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    *ret_month = (int)(month < 10 ? month + 3 : month - 9);
    *ret_year = (int)(year + era * 400 + (*ret_month <= 2 ? 1 : 0));
}

static void two_digits(char *at, int number)
{
    at[0] = (char)('0' + number / 10 % 10);
    at[1] = (char)('0' + number % 10);
}

const char *cli_time_format(int64_t timestamp_ms, char *buf, size_t size)
{
    static const char shape[] = "0000-00-00T00:00:00.000Z";
    if (timestamp_ms < TIME_MIN_MS || timestamp_ms > TIME_MAX_MS || size < sizeof(shape)) {
        (void)snprintf(buf, size, "%lld",
                       (long long)timestamp_ms); /* four digits of a year cannot say it */
        return buf;
    }
    int64_t days = timestamp_ms / DAY_MS - (timestamp_ms % DAY_MS < 0 ? 1 : 0);
    int ms = (int)(timestamp_ms - days * DAY_MS);
    int year;
    int month;
    int day;
    civil_date(days, &year, &month, &day);
    memcpy(buf, shape, sizeof(shape));
    two_digits(buf, year / 100);
    two_digits(buf + 2, year);
    two_digits(buf + 5, month);
    two_digits(buf + 8, day);
    two_digits(buf + 11, ms / 3600000);
    two_digits(buf + 14, ms / 60000 % 60);
    two_digits(buf + 17, ms / 1000 % 60);
    two_digits(buf + 20, ms / 10 % 100);
    buf[22] = (char)('0' + ms % 10);
    return buf;
}

static int refuse(const struct context *c, const char *part, struct leat_error **reterr)
{
    return lt_error_set(
        reterr, LEAT_EINVAL,
        "offset '%s': '%s' is no offset, start, end, -N or @time; see 'leat help offsets'",
        c->whole, part);
}

/* The ':' between two points: one that is not inside a time of day (12:30:00 or +02:00). A ':' between digits is a time's
 * when what stands before it, back to the point's beginning, is an '@' date with a 'T' or ' '. */
static const char *split_at(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p != ':') {
            continue;
        }
        const char *clock = text[0] == '@' ? strpbrk(text, "T ") : NULL;
        bool in_time = clock != NULL && clock < p && isdigit((unsigned char)p[-1]) &&
                       isdigit((unsigned char)p[1]) && isdigit((unsigned char)p[2]) &&
                       (p[3] == '\0' || !isdigit((unsigned char)p[3])) &&
                       (p - clock == 3 || p - clock == 6 || p[-3] == '+' || p[-3] == '-');
        if (!in_time) {
            return p;
        }
    }
    return NULL;
}

static int parse_digits(const char *text, int64_t *ret)
{
    int64_t value = 0;
    if (*text == '\0') {
        return LEAT_EINVAL;
    }
    for (; *text != '\0'; text++) {
        if (!isdigit((unsigned char)*text) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *text - '0', &value)) {
            return LEAT_EINVAL;
        }
    }
    *ret = value;
    return 0;
}

static int parse_point(const struct context *c,
                       const char *text,
                       const struct cli_point *first,
                       struct cli_point *ret,
                       struct leat_error **reterr)
{
    static const struct {
        const char *name;
        enum cli_point_kind kind;
    } names[] = {
        {"start", CLI_POINT_START},  {"earliest", CLI_POINT_START}, {"beginning", CLI_POINT_START},
        {"oldest", CLI_POINT_START}, {"end", CLI_POINT_END},        {"latest", CLI_POINT_END},
        {"newest", CLI_POINT_END},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i].name) == 0) {
            *ret = (struct cli_point){names[i].kind, 0};
            return 0;
        }
    }
    if (strcmp(text, "committed") == 0 || strcmp(text, "stored") == 0) {
        return lt_error_set(
            reterr, LEAT_EINVAL,
            "offset '%s': '%s' is the place of a consumer group, and groups are not built "
            "yet; see 'leat help offsets'",
            c->whole, text);
    }
    struct cli_point point = {CLI_POINT_OFFSET, 0};
    int err;
    switch (text[0]) {
    case '@':
        point.kind = CLI_POINT_TIME;
        err = parse_time(c, text + 1, first, &point.value, reterr);
        break;
    case '+':
        point.kind = CLI_POINT_START;
        err = parse_digits(text + 1, &point.value);
        break;
    case '-':
        point.kind = CLI_POINT_END;
        err = parse_digits(text + 1, &point.value);
        if (err != 0 && first != NULL && first->kind == CLI_POINT_TIME) {
            point.kind = CLI_POINT_TIME; /* "@-2h:-1h" */
            err = parse_time(c, text, first, &point.value, reterr);
        }
        break;
    default:
        /* "@a:1h": the second time without its '@', counted from the first. */
        err = parse_digits(text, &point.value);
        if (err != 0 && first != NULL && first->kind == CLI_POINT_TIME) {
            point.kind = CLI_POINT_TIME;
            err = parse_time(c, text, first, &point.value, reterr);
        }
    }
    if (err != 0) {
        return reterr != NULL && *reterr != NULL ? err : refuse(c, text, reterr);
    }
    *ret = point;
    return 0;
}

/* 10, 13, 16 or 19 digits: seconds, ms, us, ns since 1970. */
static bool parse_epoch(const char *text, int64_t *ret_ms)
{
    int64_t value;
    if (parse_digits(text, &value) != 0) {
        return false;
    }
    switch (strlen(text)) {
    case 10:
        *ret_ms = value * 1000;
        return true;
    case 13:
        *ret_ms = value;
        return true;
    case 16:
        *ret_ms = value / 1000;
        return true;
    case 19:
        *ret_ms = value / 1000000;
        return true;
    default:
        return false;
    }
}

/* "Z", "+02:00", "-0530" or nothing, at the end of a date and time. */
static bool parse_zone(const char *text, int64_t *ret_offset_ms, bool *ret_given)
{
    unsigned hours;
    unsigned minutes;
    int used = 0;
    *ret_offset_ms = 0;
    *ret_given = *text != '\0';
    if (*text == '\0' || strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
        return true;
    }
    if ((*text != '+' && *text != '-') ||
        (sscanf(text + 1, "%2u:%2u%n", &hours, &minutes, &used) != 2 &&
         sscanf(text + 1, "%2u%2u%n", &hours, &minutes, &used) != 2)) {
        return false;
    }
    *ret_offset_ms = ((int64_t)hours * 60 + minutes) * 60000 * (*text == '-' ? -1 : 1);
    return text[1 + used] == '\0' && hours < 24 && minutes < 60;
}

static bool parse_date(const char *text, bool local, int64_t *ret_ms)
{
    struct tm tm = {.tm_isdst = -1};
    const char *rest = strptime(text, "%Y-%m-%d", &tm);
    int64_t fraction_ms = 0;
    if (rest != NULL && (*rest == 'T' || *rest == ' ')) {
        const char *clock = rest + 1;
        rest = strptime(clock, "%H:%M:%S", &tm);
        rest = rest == NULL ? strptime(clock, "%H:%M", &tm) : rest;
        if (rest != NULL && *rest == '.') {
            int64_t scale = 100;
            for (rest++; isdigit((unsigned char)*rest); rest++, scale /= 10) {
                fraction_ms += (*rest - '0') * scale;
            }
        }
    }
    int64_t zone_ms;
    bool zone_given;
    if (rest == NULL || !parse_zone(rest, &zone_ms, &zone_given)) {
        return false;
    }
    time_t seconds = local && !zone_given ? mktime(&tm) : timegm(&tm);
    *ret_ms = (int64_t)seconds * 1000 + fraction_ms - zone_ms;
    return true;
}

static int parse_time(const struct context *c,
                      const char *text,
                      const struct cli_point *first,
                      int64_t *ret_ms,
                      struct leat_error **reterr)
{
    int64_t duration_ms;
    if (strcmp(text, "now") == 0) {
        *ret_ms = c->now_ms;
        return 0;
    }
    if (parse_epoch(text, ret_ms) || parse_date(text, c->local, ret_ms)) {
        return 0;
    }
    bool has_unit = text[0] != '\0' && isalpha((unsigned char)text[strlen(text) - 1]);
    if (has_unit && lt_parse_duration_ms(text, 1, &duration_ms) == 0) {
        bool onward = first != NULL && first->kind == CLI_POINT_TIME && duration_ms >= 0;
        int64_t base_ms = onward ? first->value : c->now_ms;
        duration_ms = !onward && duration_ms > 0 ? -duration_ms : duration_ms;
        if (!__builtin_add_overflow(base_ms, duration_ms, ret_ms)) {
            return 0;
        }
    }
    return lt_error_set(reterr, LEAT_EINVAL,
                        "offset '%s': '%s' is no time; want now, -1h, 2026-02-14, "
                        "2026-02-14T10:00:00Z or a number of "
                        "10, 13, 16 or 19 digits",
                        c->whole, text);
}
