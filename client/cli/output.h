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

/* `columns` ends with NULL; names are UPPER-CASE-WITH-HYPHENS. Marks in front of a name:
 *
 *   >   aligned right
 *   #   bytes: "1.5 KiB" as text, a number in JSON and CSV; aligned right
 *   +   in text with --format wide only; always in JSON and CSV
 *   ?   in text only when a row has something to say there (neither null nor "OK"); always in JSON and CSV
 *
 * `rows` is the name of the array in JSON. NULL when memory is short. */
struct cli_table *
cli_table_new(const struct cli *cli, const char *rows, const char *const *columns);
void cli_table_free(struct cli_table *table); /* NULL is accepted */

/* Begin a row, then give its cells in the order of the columns. Failures (short memory) show when the table is printed. */
void cli_table_row(struct cli_table *table);
void cli_table_text(struct cli_table *table, const char *text); /* NULL: "-", null in JSON */
void cli_table_number(struct cli_table *table, int64_t number);
void cli_table_count(struct cli_table *table, int64_t number); /* negative: as NULL text */
void cli_table_bool(struct cli_table *table, bool value);
void cli_table_printf(struct cli_table *table, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A field beside the rows, JSON only: {"cluster":"..."}. */
void cli_table_field(struct cli_table *table, const char *name, const char *text);
void cli_table_field_number(struct cli_table *table, const char *name, int64_t number);
void cli_table_field_bool(struct cli_table *table, const char *name, bool value);

/* Print to stdout. LEAT_ENOMEM when something could not be kept. */
int cli_table_print(struct cli_table *table);

/* Print it and free it; NULL tells LEAT_ENOMEM, as above. The exit code: `status`, or CLI_FAILED and a message when the
 * table could not be printed. */
int cli_table_end(struct cli_table *table, const struct cli *cli, int status);

/* Bytes for people: "109 B", "1.5 KiB"; returns buf (16 bytes are enough). */
const char *cli_bytes_format(int64_t bytes, char *buf, size_t size);

#endif
