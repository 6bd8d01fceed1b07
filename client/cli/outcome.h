/* outcome.h: what became of one item of many: a row's STATUS and MESSAGE, the message on stderr, the hint.
 *
 * STATUS is OK, a word for what a dry run would do, or the error's name; MESSAGE is null or one sentence.
 * Threads: the main thread. */
#ifndef CLI_OUTCOME_H
#define CLI_OUTCOME_H

#include "client/cli/output.h"

/* The sentence for what went wrong with a topic: "topic 'orders' already exists", or else the broker's words, which `message`
 * holds (NULL or "" = none). Returns buf. */
const char *
cli_outcome_sentence(const char *topic, int code, const char *message, char *buf, size_t size);

/* The cells STATUS and MESSAGE of the row: `done` with code 0, else the error. */
void cli_outcome_cells(
    struct cli_table *table, const char *topic, int code, const char *message, const char *done);

/* On stderr what went wrong with a topic, with a hint on a terminal. Returns the exit code. */
int cli_outcome_tell(const struct cli *cli, const char *topic, int code, const char *message);

/* The hint alone, where there is one. */
void cli_outcome_hint(const struct cli *cli, const char *topic, int code);

/* Print the rows and free the table. One item that failed has been told and needs no row, except in JSON and CSV, where the
 * row is the answer. Returns the exit code. */
int cli_outcome_end(struct cli_table *table, const struct cli *cli, size_t count, int status);

/* The exit code of many: the first that is not 0 stays. */
int cli_outcome_worse(int status, int other);

#endif
