/* offset_expr.h: where to begin and where to end, as people write it.
 *
 *   range    = point | [point] ":" [point]       ":x" = until x    "a:" = from a
 *   point    = "start" | "end" | NUMBER | "+" N (from start) | "-" N (before end) | "@" time
 *   time     = "now" | ["-"] duration (before now) | DATE | DATETIME[zone] | 10|13|16|19 digits (s|ms|us|ns)
 *   duration = 1*(NUMBER ("ms"|"s"|"m"|"h"|"d"|"w"))
 *   aliases  : earliest beginning oldest = start . latest newest = end . s@MS = @MS: . e@MS = :@MS
 *
 * The end of a range is exclusive. A second time may be a duration, then it counts from the first. No zone means UTC, or
 * local time with `local`.
 * Threads: any; no state. */
#ifndef CLI_OFFSET_EXPR_H
#define CLI_OFFSET_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum cli_point_kind {
    CLI_POINT_NONE = 0,  /* not given */
    CLI_POINT_START = 1, /* log start + value */
    CLI_POINT_END = 2,   /* end - value */
    CLI_POINT_OFFSET = 3,
    CLI_POINT_TIME = 4, /* first record with timestamp >= value (ms) */
};

struct cli_point {
    enum cli_point_kind kind;
    int64_t value;
};

struct cli_range {
    struct cli_point from; /* none: the command's own default */
    struct cli_point to;   /* none: no end */
};

/* LEAT_EINVAL with a message that shows where the text stopped making sense. `now_ms` is the wall clock. */
int cli_range_parse(const char *text,
                    int64_t now_ms,
                    bool local,
                    struct cli_range *ret,
                    struct leat_error **reterr);

/* One point alone, no ':'. */
int cli_point_parse(const char *text,
                    int64_t now_ms,
                    bool local,
                    struct cli_point *ret,
                    struct leat_error **reterr);

/* Milliseconds as "2026-02-14T10:12:03.101Z"; returns buf (32 bytes are enough). */
const char *cli_time_format(int64_t timestamp_ms, char *buf, size_t size);

#endif
