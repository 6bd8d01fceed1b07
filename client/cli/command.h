/* command.h: the commands of `leat`: what each is called, takes and does, and how it is found and parsed.
 *
 * To add a command: in the file of its noun define `const struct cli_command cli_topic_rename = {...}` with its option table
 * at file scope, and name it in CLI_COMMAND_MAP below. That is all: parsing, -h, --help, --help-json, the completions, the
 * man page and docs/cli.md are made from the same row. Its run function begins with cli_parse(cli, argc, argv, &input).
 *
 * In option tables the value's name says how it is completed: TOPIC, PROFILE, FILE, DIR, PROPERTY=VALUE (a client setting); "a|b|c" are the choices, and ".."
 * at the end means that the value may be a list.
 * Threads: the main thread. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "client/cli/context.h"

struct cli_command {
    const char *name;     /* "topic create" */
    const char *alias;    /* "topic new", or NULL */
    const char *summary;  /* one line for lists, small first letter, no full stop */
    const char *args;     /* "TOPIC [FILE..]", or NULL: no names */
    const char *doc;      /* full sentences on top of the help text; NULL: the summary */
    const char *examples; /* at least two lines, each a command that works; the best first */
    const char *more;     /* further text at the end of --help and of the man page, or NULL */
    const struct argp_option
        *options;        /* its own flags, or NULL; the global ones come by themselves */
    argp_parser_t parse; /* gets them and the names; NULL: names are refused */
    const char *program; /* another program that does it ("leat-bench"), or NULL */
    int (*run)(struct cli *cli, int argc, char **argv); /* argv[0] is "leat topic create" */
};

/* In the order of the lists that people see. */
/* clang-format off */
#define CLI_COMMAND_MAP(XX) \
    XX(cli_produce) \
    XX(cli_consume) \
    XX(cli_cat) \
    XX(cli_tail) \
    XX(cli_topic_list) \
    XX(cli_topic_create) \
    XX(cli_topic_describe) \
    XX(cli_topic_delete) \
    XX(cli_topic_alter) \
    XX(cli_topic_add_partitions) \
    XX(cli_topic_trim) \
    XX(cli_topic_offsets) \
    XX(cli_config_list) \
    XX(cli_config_get) \
    XX(cli_config_set) \
    XX(cli_config_unset) \
    XX(cli_config_diff) \
    XX(cli_cluster_info) \
    XX(cli_cluster_health) \
    XX(cli_cluster_brokers) \
    XX(cli_cluster_logdirs) \
    XX(cli_cluster_api_versions) \
    XX(cli_ping) \
    XX(cli_doctor) \
    XX(cli_profile_list) \
    XX(cli_profile_create) \
    XX(cli_profile_use) \
    XX(cli_profile_show) \
    XX(cli_profile_edit) \
    XX(cli_profile_delete) \
    XX(cli_profile_current) \
    XX(cli_profile_test) \
    XX(cli_dev) \
    XX(cli_segment) \
    XX(cli_bench) \
    XX(cli_completion) \
    XX(cli_version) \
    XX(cli_cheat) \
    XX(cli_help)
/* clang-format on */

#define XX(command) extern const struct cli_command command;
CLI_COMMAND_MAP(XX)
#undef XX

extern const struct cli_command *const cli_commands[]; /* ends with NULL */

/* The command of one or two words, by name or alias; *ret_words is how many were used. NULL: there is none. */
const struct cli_command *cli_command_find(const char *first, const char *second, int *ret_words);

/* Positions of the first two arguments that are neither flags nor values of global flags; 0 = none. */
void cli_command_words(int argc, char **argv, int ret_words[2]);

/* The option that an argument means ("-p", "--json", "--at=@-1h", the last of "-qp"), among the command's (NULL: none) and
 * the global ones. *ret_inside: its value is in the argument already. NULL: it is none of them. */
const struct argp_option *
cli_option_find(const struct cli_command *command, const char *arg, bool *ret_inside);

/* Say on stderr that there is no such command, with the nearest one or those that there are. `second` may be NULL.
 * Returns CLI_USAGE. */
int cli_command_unknown(const char *first, const char *second);

/* Parse the arguments of cli->self: its own flags and names go to its `parse` with state->input = input, the global flags
 * into `cli`. Ends the process for -h, --help, --help-json and wrong usage. */
void cli_parse(struct cli *cli, int argc, char **argv, void *input);

/* Words that a parser collects: borrowed, in order. */
#define CLI_WORDS_MAX 1024
struct cli_words {
    const char *words[CLI_WORDS_MAX];
    size_t count;
};
void cli_words_add(struct cli_words *words, struct argp_state *state, const char *word);

#endif
