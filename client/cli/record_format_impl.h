/* record_format_impl.h: a parsed format, shared by record_format.c (parses it), record_write.c (record to text) and
 * record_read.c (text to record) alone.
 *
 * Threads: constant once parsed. */
#ifndef CLI_RECORD_FORMAT_IMPL_H
#define CLI_RECORD_FORMAT_IMPL_H

#include "client/cli/record_format.h"

enum part_kind { PART_LITERAL, PART_TEXT, PART_NUMBER, PART_TIME, PART_HEADERS, PART_ATTRIBUTE };
enum text_mode { MODE_PLAIN, MODE_HEX, MODE_BASE64, MODE_JSON, MODE_UNPACK };
enum number_mode {
    NUMBER_DECIMAL = 0,
    NUMBER_BIG,    /* number_bytes bytes, the high one first */
    NUMBER_LITTLE, /* the low one first */
    NUMBER_HEX,    /* 2 * number_bytes hex digits; number_bytes 0: one digit */
    NUMBER_FIXED,  /* reading: %K{3}, nothing is there, the number is 3 */
};

struct part {
    enum part_kind kind;
    char verb; /* which text or number */
    enum text_mode mode;
    enum number_mode number_mode;
    int number_bytes;
    int64_t fixed; /* NUMBER_FIXED */
    char *literal; /* PART_LITERAL; time format; unpack pattern; attribute name */
    size_t literal_size;
    struct cli_record_format *inner; /* PART_HEADERS */
};

struct cli_record_format {
    struct part *parts;
    size_t count;
};

#endif
