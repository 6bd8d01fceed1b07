/* help.h: help texts from the tables of the commands: short (-h), full (--help), as JSON (--help-json), and by topic.
 *
 * Threads: the main thread. Writes to stdout; failures show in cli_finish. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdbool.h>
#include <stdio.h>

#include "client/cli/command.h"

/* -h: two examples, the usage line and the command's own flags. */
void cli_help_short(const struct cli_command *command);

/* --help: all of it, with the global flags. */
void cli_help_full(const struct cli_command *command);

/* "usage: leat topic create TOPIC.. [FLAG..]" */
void cli_help_usage(const struct cli_command *command);

/* --help-json: the tree of all commands, NULL, or one command. Returns an exit code. Format: help_json.c. */
int cli_help_json(const struct cli_command *command);

/* --format help: the shape of the command's --json. Returns an exit code. */
int cli_help_shape(const struct cli_command *command);

/* All commands, or those of a noun ("topic"); NULL = all. False: there is no such noun. */
bool cli_help_list(const char *noun);

/* Is it a row with a flag in it (no heading, not hidden)? */
bool cli_option_shown(const struct argp_option *option);

/* Its letter, 0 if it has none. */
#define CLI_OPTION_LETTER(option) \
    ((option)->key > ' ' && (option)->key < 0x7f ? (char)(option)->key : '\0')

#endif
