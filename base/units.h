/* units.h: sizes and durations as people write them: "64KiB", "1GB", "250ms", "7d".
 *
 * Used by the configuration file, the command line and the bench, so that one spelling works
 * everywhere. Threads: any; no state. */
#ifndef LT_UNITS_H
#define LT_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* A whole number with an optional unit: none or B (bytes), KB MB GB TB (powers of 1000), KiB MiB
 * GiB TiB or K M G T (powers of 1024). LEAT_EINVAL: not that; LEAT_E2BIG: does not fit. */
int lt_parse_size(const char *text, int64_t *ret_bytes);

/* A whole number with an optional unit: ms, s, m, h, d, w; a plain number counts `plain_unit_ms`
 * each (1: milliseconds, 1000: seconds). Several parts may follow each other: "1h30m". A sign in
 * front is allowed. Errors as above. */
int lt_parse_duration_ms(const char *text, int64_t plain_unit_ms, int64_t *ret_ms);

#endif
