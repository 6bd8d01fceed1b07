/* record_filter.h: which records a reading command shows: by key, value, header.
 *
 * Threads: constant once opened. */
#ifndef CLI_RECORD_FILTER_H
#define CLI_RECORD_FILTER_H

#include <regex.h>
#include <stdbool.h>

#include "leat/leat.h"

struct cli_record_filter {
    const char *key;    /* --key; NULL = any. The texts are borrowed. */
    const char *header; /* --header NAME=VALUE */
    const char *grep;   /* --grep, an extended regular expression for the value */
    regex_t pattern;
    bool has_pattern;
};

/* LEAT_EINVAL: the pattern is none. */
int cli_record_filter_open(struct cli_record_filter *filter, struct leat_error **reterr);
void cli_record_filter_release(struct cli_record_filter *filter);

bool cli_record_filter_matches(const struct cli_record_filter *filter,
                               const struct leat_record *rec);

#endif
