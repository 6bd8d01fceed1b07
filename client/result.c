/* result.c: see result.h and leat_result in leat.h. */
#include "client/result.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

#define ROWS_FIRST 16

struct leat_result *lc_result_new(const char *const *fields)
{
    struct leat_result *rows = lt_calloc(1, sizeof(*rows));

    if (rows == NULL) {
        return NULL;
    }
    lt_arena_init(&rows->arena, 0);
    rows->fields = fields;
    while (fields[rows->field_count] != NULL) {
        rows->field_count++;
    }
    return rows;
}

void leat_result_free(struct leat_result *rows)
{
    if (rows == NULL) {
        return;
    }
    lt_arena_release(&rows->arena);
    lt_free(rows->cells);
    lt_free(rows);
}

void lc_result_row(struct leat_result *rows)
{
    if (rows->err < 0) {
        return;
    }
    if (rows->row_count == rows->row_capacity) {
        size_t capacity = rows->row_capacity == 0 ? ROWS_FIRST : rows->row_capacity * 2;
        void *cells =
            lt_reallocarray(rows->cells, capacity * rows->field_count, sizeof(rows->cells[0]));

        if (cells == NULL) {
            rows->err = LEAT_ENOMEM;
            return;
        }
        rows->cells = cells;
        rows->row_capacity = capacity;
    }
    for (size_t i = 0; i < rows->field_count; i++) {
        rows->cells[rows->row_count * rows->field_count + i] = NULL;
    }
    rows->row_count++;
}

static void set_cell(struct leat_result *rows, size_t field, const char *text)
{
    if (text == NULL) {
        rows->err = LEAT_ENOMEM;
        return;
    }
    LT_ASSERT(rows->row_count > 0 && field < rows->field_count);
    rows->cells[(rows->row_count - 1) * rows->field_count + field] = text;
}

void lc_result_slice(struct leat_result *rows, size_t field, struct lt_slice text)
{
    if (rows->err == 0 && text.data != NULL) {
        set_cell(rows, field, lt_arena_text(&rows->arena, text));
    }
}

void lc_result_text(struct leat_result *rows, size_t field, const char *text)
{
    lc_result_slice(rows, field, lt_slice_text(text));
}

void lc_result_number(struct leat_result *rows, size_t field, int64_t number)
{
    if (rows->err == 0) {
        set_cell(rows, field, lt_arena_printf(&rows->arena, "%" PRId64, number));
    }
}

void lc_result_list(struct leat_result *rows, size_t field, const int32_t *numbers, int32_t count)
{
    struct lt_buf text = {0};
    int err = lt_buf_append_text(&text, "");

    for (int32_t i = 0; i < count && err == 0; i++) {
        err = lt_buf_printf(&text, i == 0 ? "%" PRId32 : ",%" PRId32, numbers[i]);
    }
    if (rows->err == 0 && err == 0) {
        lc_result_slice(rows, field,
                        lt_slice(text.size == 0 ? (const void *)"" : text.data, text.size));
    } else {
        rows->err = LEAT_ENOMEM;
    }
    lt_buf_release(&text);
}

static int compare_rows(const void *a, const void *b, void *arg)
{
    const char *const *row_a = a;
    const char *const *row_b = b;
    size_t field = *(const size_t *)arg;

    return strcmp(row_a[field] == NULL ? "" : row_a[field],
                  row_b[field] == NULL ? "" : row_b[field]);
}

void lc_result_sort(struct leat_result *rows, size_t field)
{
    if (rows->row_count > 1) {
        qsort_r(rows->cells, rows->row_count, rows->field_count * sizeof(rows->cells[0]),
                compare_rows, &field);
    }
}

int lc_result_finish(struct leat_result *rows, struct leat_result **ret)
{
    if (rows->err < 0) {
        int err = rows->err;

        leat_result_free(rows);
        return err;
    }
    *ret = rows;
    return 0;
}

size_t leat_result_count(const struct leat_result *rows)
{
    return rows == NULL ? 0 : rows->row_count;
}

const char *leat_result_str(const struct leat_result *rows, size_t i, const char *field)
{
    if (i >= leat_result_count(rows) || field == NULL) {
        return NULL;
    }
    for (size_t k = 0; k < rows->field_count; k++) {
        if (strcmp(rows->fields[k], field) == 0) {
            return rows->cells[i * rows->field_count + k];
        }
    }
    return NULL;
}

int64_t leat_result_int(const struct leat_result *rows, size_t i, const char *field)
{
    const char *text = leat_result_str(rows, i, field);
    char *end;
    long long number;

    if (text == NULL || text[0] == '\0') {
        return -1;
    }
    number = strtoll(text, &end, 10);
    return *end == '\0' ? number : -1;
}

const char *leat_result_field(const struct leat_result *rows, size_t i)
{
    return rows == NULL || i >= rows->field_count ? NULL : rows->fields[i];
}
