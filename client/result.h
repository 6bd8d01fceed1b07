/* result.h: rows with named fields, the answer of admin calls (struct leat_result).
 *
 * Cells are text; numbers are printed into them. The public getters are in leat.h.
 * Threads: one at a time per result. */
#ifndef LC_RESULT_H
#define LC_RESULT_H

#include <leat/leat.h>

#include "base/arena.h"

struct leat_result {
    struct lt_arena arena;     /* the texts */
    const char *const *fields; /* NULL-terminated, constant */
    size_t field_count;
    const char **cells; /* row by row; NULL = null */
    size_t row_count;
    size_t row_capacity;
    int err; /* LEAT_ENOMEM once something could not be added; lc_result_finish reports it */
};

/* `fields`: NULL-terminated constant names. NULL when memory is short. */
struct leat_result *lc_result_new(const char *const *fields);

/* Begin a row whose cells are all null, then fill it by field number. A failure sticks in `err`. */
void lc_result_row(struct leat_result *rows);
void lc_result_text(struct leat_result *rows, size_t field, const char *text);
void lc_result_slice(struct leat_result *rows, size_t field, struct lt_slice text);
void lc_result_number(struct leat_result *rows, size_t field, int64_t number);

/* "1,2,3" */
void lc_result_list(struct leat_result *rows, size_t field, const int32_t *numbers, int32_t count);

/* Sort rows by the text of a field, and hand the result over: 0 and *ret, or LEAT_ENOMEM and the rows are freed. */
void lc_result_sort(struct leat_result *rows, size_t field);
int lc_result_finish(struct leat_result *rows, struct leat_result **ret);

#endif
