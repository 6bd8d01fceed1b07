/* command.h: the commands of `leat`, one row each, and how a command is found.
 *
 * A command parses its own arguments (with cli_global_argp as a child), does its work and returns an exit code.
 * Threads: the main thread. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "client/cli/context.h"

struct cli_command {
    const char *name;                                   /* "topic create" */
    const char *alias;                                  /* "topic new", or NULL */
    const char *summary;                                /* one line */
    int (*run)(struct cli *cli, int argc, char **argv); /* argv[0] is "leat topic create" */
};

extern const struct cli_command cli_commands[]; /* ends with a NULL name */

/* Parse a command's arguments: `options` may be NULL, `args_doc` is "TOPIC.." or NULL, `parse` gets the command's own keys
 * with state->input = input, whose first member must be a struct cli pointer. Ends the process for --help and errors. */
void cli_parse(struct cli *cli,
               int argc,
               char **argv,
               const struct argp_option *options,
               argp_parser_t parse,
               const char *args_doc,
               const char *doc,
               void *input);

/* Words that a parser collects: borrowed, in order. */
#define CLI_WORDS_MAX 1024
struct cli_words {
    const char *words[CLI_WORDS_MAX];
    size_t count;
};
void cli_words_add(struct cli_words *words, struct argp_state *state, const char *word);

int cli_produce(struct cli *cli, int argc, char **argv);
int cli_consume(struct cli *cli, int argc, char **argv);
int cli_cat(struct cli *cli, int argc, char **argv);
int cli_topic_list(struct cli *cli, int argc, char **argv);
int cli_topic_create(struct cli *cli, int argc, char **argv);
int cli_topic_describe(struct cli *cli, int argc, char **argv);
int cli_topic_delete(struct cli *cli, int argc, char **argv);
int cli_topic_offsets(struct cli *cli, int argc, char **argv);
int cli_config_get(struct cli *cli, int argc, char **argv);
int cli_config_set(struct cli *cli, int argc, char **argv);
int cli_cluster_info(struct cli *cli, int argc, char **argv);
int cli_ping(struct cli *cli, int argc, char **argv);
int cli_segment(struct cli *cli, int argc, char **argv);
int cli_bench(struct cli *cli, int argc, char **argv);
int cli_version(struct cli *cli, int argc, char **argv);
int cli_help(struct cli *cli, int argc, char **argv);

#endif
