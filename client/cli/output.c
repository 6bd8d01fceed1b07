/* output.c: see output.h. Rows are kept as jansson values; libsmartcols lays the text out. */
#include "client/cli/output.h"

#include <ctype.h>
#include <jansson.h>
#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define COLUMNS_MAX 32

struct column {
    const char *title;
    char name[64]; /* in JSON */
    bool right, wide, bytes, rare;
};

struct cli_table {
    const struct cli *cli;
    const char *rows_name;
    struct column columns[COLUMNS_MAX];
    size_t column_count;
    json_t *rows; /* array of arrays */
    json_t *fields;
    json_t *row; /* borrowed: the last of rows */
    bool failed;
};

static void add_cell(struct cli_table *table, json_t *cell);
static int print_json(const struct cli_table *table);
static int print_csv(const struct cli_table *table);
static int print_text(const struct cli_table *table);

struct cli_table *cli_table_new(const struct cli *cli, const char *rows, const char *const *columns)
{
    struct cli_table *table = lt_calloc(1, sizeof(*table));
    if (table == NULL) {
        return NULL;
    }
    table->cli = cli;
    table->rows_name = rows;
    table->rows = json_array();
    table->fields = json_object();
    for (size_t i = 0; i < COLUMNS_MAX && columns[i] != NULL; i++) {
        struct column *column = &table->columns[table->column_count++];
        const char *title = columns[i];
        for (; *title != '\0' && strchr(">+#?", *title) != NULL; title++) {
            column->right = column->right || *title == '>' || *title == '#';
            column->wide = column->wide || *title == '+';
            column->bytes = column->bytes || *title == '#';
            column->rare = column->rare || *title == '?';
        }
        column->title = title;
        for (size_t k = 0; title[k] != '\0' && k + 1 < sizeof(column->name); k++) {
            column->name[k] = title[k] == '-' ? '_' : (char)tolower((unsigned char)title[k]);
        }
    }
    return table;
}

void cli_table_free(struct cli_table *table)
{
    if (table != NULL) {
        json_decref(table->rows);
        json_decref(table->fields);
        lt_free(table);
    }
}

void cli_table_row(struct cli_table *table)
{
    table->row = json_array();
    if (json_array_append_new(table->rows, table->row) != 0) {
        table->row = NULL;
        table->failed = true;
    }
}

void cli_table_text(struct cli_table *table, const char *text)
{
    add_cell(table, text == NULL ? json_null() : json_string(text));
}

void cli_table_number(struct cli_table *table, int64_t number)
{
    add_cell(table, json_integer(number));
}

void cli_table_count(struct cli_table *table, int64_t number)
{
    add_cell(table, number < 0 ? json_null() : json_integer(number));
}

void cli_table_bool(struct cli_table *table, bool value)
{
    add_cell(table, json_boolean(value));
}

void cli_table_printf(struct cli_table *table, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add_cell(table, json_vsprintf(fmt, args));
    va_end(args);
}

static void add_field(struct cli_table *table, const char *name, json_t *value)
{
    if (json_object_set_new(table->fields, name, value) != 0) {
        table->failed = true;
    }
}

void cli_table_field(struct cli_table *table, const char *name, const char *text)
{
    add_field(table, name, text == NULL ? json_null() : json_string(text));
}

void cli_table_field_number(struct cli_table *table, const char *name, int64_t number)
{
    add_field(table, name, json_integer(number));
}

void cli_table_field_bool(struct cli_table *table, const char *name, bool value)
{
    add_field(table, name, json_boolean(value));
}

int cli_table_print(struct cli_table *table)
{
    if (table->failed) {
        return LEAT_ENOMEM;
    }
    switch (table->cli->format) {
    case CLI_JSON:
        return print_json(table);
    case CLI_CSV:
        return print_csv(table);
    case CLI_TEXT:
    case CLI_WIDE:
        break;
    }
    return print_text(table);
}

int cli_table_end(struct cli_table *table, const struct cli *cli, int status)
{
    int code = table == NULL ? LEAT_ENOMEM : cli_table_print(table);
    cli_table_free(table);
    return code == 0 ? status : cli_fail(cli, code, NULL, "%s", cli->command);
}

const char *cli_bytes_format(int64_t bytes, char *buf, size_t size)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes / 1024;
    size_t i = 0;
    for (; value >= 1023.95 && i + 1 < sizeof(units) / sizeof(units[0]); i++) {
        value /= 1024; /* what would round to 1024.0 takes the next unit */
    }
    (void)(bytes < 1024 ? snprintf(buf, size, "%d B", (int)bytes)
                        : snprintf(buf, size, "%.1f %s", value, units[i]));
    return buf;
}

static void add_cell(struct cli_table *table, json_t *cell)
{
    if (table->row == NULL || json_array_append_new(table->row, cell) != 0) {
        table->failed = true; /* append_new has dropped the cell */
    }
}

static int print_json(const struct cli_table *table)
{
    json_t *root = json_pack("{s:s,s:i}", "_command", table->cli->command, "_version", 1);
    json_t *rows = json_array();
    int failed = json_object_update(root, table->fields);
    size_t i;
    json_t *row;
    json_array_foreach(table->rows, i, row)
    {
        json_t *object = json_object();
        for (size_t k = 0; k < table->column_count; k++) {
            failed |= json_object_set(object, table->columns[k].name, json_array_get(row, k));
        }
        failed |= json_array_append_new(rows, object);
    }
    failed |= json_object_set_new(root, table->rows_name, rows);
    failed |= json_dumpf(root, stdout, JSON_COMPACT);
    json_decref(root);
    printf("\n");
    return failed != 0 ? LEAT_ENOMEM : 0;
}

/* A cell as people read it; `buf` is used for numbers. */
static const char *cell_text(const json_t *cell, char *buf, size_t size)
{
    if (json_is_string(cell)) {
        return json_string_value(cell);
    }
    if (json_is_integer(cell)) {
        (void)snprintf(buf, size, "%" JSON_INTEGER_FORMAT, json_integer_value(cell));
        return buf;
    }
    if (json_is_boolean(cell)) {
        return json_is_true(cell) ? "true" : "false";
    }
    return NULL;
}

static void print_csv_cell(const char *text)
{
    if (strpbrk(text, ",\"\n\r") == NULL) {
        (void)fputs(text, stdout); /* errors of stdout show in cli_finish */
        return;
    }
    (void)putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            (void)putchar('"');
        }
        (void)putchar(*text);
    }
    (void)putchar('"');
}

static int print_csv(const struct cli_table *table)
{
    for (size_t k = 0; k < table->column_count && !table->cli->no_headers; k++) {
        printf("%s%s", k == 0 ? "" : ",", table->columns[k].title);
    }
    if (!table->cli->no_headers) {
        printf("\n");
    }
    size_t i;
    json_t *row;
    json_array_foreach(table->rows, i, row)
    {
        for (size_t k = 0; k < table->column_count; k++) {
            char buf[32];
            const char *text = cell_text(json_array_get(row, k), buf, sizeof(buf));
            printf("%s", k == 0 ? "" : ",");
            print_csv_cell(text == NULL ? "" : text);
        }
        printf("\n");
    }
    return 0;
}

/* Does a column show as text? Rare ones only where a row has something to say. */
static bool is_shown(const struct cli_table *table, size_t k)
{
    const struct column *column = &table->columns[k];
    bool shown = table->cli->format == CLI_WIDE || (!column->wide && !column->rare);
    size_t i;
    json_t *row;
    json_array_foreach(table->rows, i, row)
    {
        const json_t *cell = json_array_get(row, k);
        shown = shown || (column->rare && !json_is_null(cell) &&
                          !(json_is_string(cell) && strcmp(json_string_value(cell), "OK") == 0));
    }
    return shown;
}

static int fill_line(struct libscols_table *out,
                     const struct cli_table *table,
                     const bool *shown,
                     const json_t *row)
{
    struct libscols_line *line = scols_table_new_line(out, NULL);
    int failed = line == NULL;
    size_t at = 0;
    for (size_t k = 0; k < table->column_count && !failed; k++) {
        char buf[32];
        const json_t *cell = json_array_get(row, k);
        const char *text = table->columns[k].bytes && json_is_integer(cell)
                               ? cli_bytes_format(json_integer_value(cell), buf, sizeof(buf))
                               : cell_text(cell, buf, sizeof(buf));
        failed = shown[k] && scols_line_set_data(line, at++, text == NULL ? "-" : text) != 0;
    }
    return failed ? LEAT_ENOMEM : 0;
}

static int print_text(const struct cli_table *table)
{
    struct libscols_table *out = scols_new_table();
    bool shown[COLUMNS_MAX] = {false};
    if (out == NULL) {
        return LEAT_ENOMEM;
    }
    int err = 0;
    scols_table_enable_noheadings(out, table->cli->no_headers);
    scols_table_set_column_separator(out, "  ");
    for (size_t k = 0; k < table->column_count && err == 0; k++) {
        const struct column *column = &table->columns[k];
        shown[k] = is_shown(table, k);
        if (shown[k]) {
            int flags = SCOLS_FL_NOEXTREMES | (column->right ? SCOLS_FL_RIGHT : 0);
            err = scols_table_new_column(out, column->title, 0, flags) == NULL ? LEAT_ENOMEM : 0;
        }
    }
    size_t i;
    json_t *row;
    json_array_foreach(table->rows, i, row)
    {
        err = err != 0 ? err : fill_line(out, table, shown, row);
    }
    if (err == 0 && scols_print_table(out) != 0) {
        err = LEAT_ENOMEM;
    }
    scols_unref_table(out);
    return err;
}
