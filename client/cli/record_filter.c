/* record_filter.c: see record_filter.h. */
#include "client/cli/record_filter.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"

int cli_record_filter_open(struct cli_record_filter *filter, struct leat_error **reterr)
{
    if (filter->grep == NULL) {
        return 0;
    }
    int status = regcomp(&filter->pattern, filter->grep, REG_EXTENDED);
    filter->has_pattern = status == 0;
    if (status != 0) {
        char text[256];
        (void)regerror(status, &filter->pattern, text, sizeof(text)); /* cut is fine */
        return lt_error_set(reterr, LEAT_EINVAL, "--grep '%s': %s", filter->grep, text);
    }
    return 0;
}

void cli_record_filter_release(struct cli_record_filter *filter)
{
    if (filter->has_pattern) {
        regfree(&filter->pattern);
        filter->has_pattern = false;
    }
}

static bool header_matches(const struct leat_record *rec, const char *header)
{
    const char *equals = strchr(header, '=');
    size_t name_size = (size_t)(equals - header);
    for (size_t i = 0; i < leat_record_header_count(rec); i++) {
        const char *name;
        size_t size;
        const void *value = leat_record_header_at(rec, i, &name, &size);
        if (strlen(name) == name_size && memcmp(name, header, name_size) == 0 &&
            lt_slice_equal(lt_slice(value, size), lt_slice_text(equals + 1))) {
            return true;
        }
    }
    return false;
}

bool cli_record_filter_matches(const struct cli_record_filter *filter,
                               const struct leat_record *rec)
{
    size_t size;
    if (filter->key != NULL) {
        const void *key = leat_record_key(rec, &size);
        if (!lt_slice_equal(lt_slice(key, size), lt_slice_text(filter->key))) {
            return false;
        }
    }
    if (filter->has_pattern) {
        const char *value = leat_record_value(rec, &size);
        regmatch_t bounds = {.rm_so = 0, .rm_eo = (regoff_t)size};
        if (value == NULL || regexec(&filter->pattern, value, 1, &bounds, REG_STARTEND) != 0) {
            return false;
        }
    }
    return filter->header == NULL || header_matches(rec, filter->header);
}
