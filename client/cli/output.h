/* output.h: tables: the same rows as aligned text, as JSON, as CSV.
 *
 * JSON: {"_command":"topic list","_version":1,"<rows>":[{...}]}; column names there are lower case with _ for -. Numbers are
 * numbers, null is null.
 * Threads: one at a time per table. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "client/cli/context.h"

struct cli_table;

/* `columns` ends with NULL; names are UPPER-CASE-WITH-HYPHENS; '>' in front aligns right, '+' shows it with
 * --format wide (and json, csv) only. `rows` is the name of the array in JSON. NULL when memory is short. */
struct cli_table *
cli_table_new(const struct cli *cli, const char *rows, const char *const *columns);
void cli_table_free(struct cli_table *table); /* NULL is accepted */

/* Begin a row, then give its cells in the order of the columns. Failures (short memory) show when the table is printed. */
void cli_table_row(struct cli_table *table);
void cli_table_text(struct cli_table *table, const char *text); /* NULL: "-", null in JSON */
void cli_table_number(struct cli_table *table, int64_t number);
void cli_table_bool(struct cli_table *table, bool value);
void cli_table_printf(struct cli_table *table, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A field beside the rows, JSON only: {"cluster":"..."}. */
void cli_table_field(struct cli_table *table, const char *name, const char *text);

/* Print to stdout. LEAT_ENOMEM when something could not be kept. */
int cli_table_print(struct cli_table *table);

#endif
