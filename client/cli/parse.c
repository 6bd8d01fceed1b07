/* parse.c: how a command's own flags and the global ones are parsed together (command.h). */
#include <stdlib.h>

#include "client/cli/command.h"

struct input {
    void *input; /* the command's */
    struct cli *cli;
};

/* The command's parser sees its own input; the child sees the struct cli. */
static error_t parse_both(int key, char *arg, struct argp_state *state)
{
    struct input *both = state->input;
    argp_parser_t parse = both->cli->self->parse;
    if (key == ARGP_KEY_INIT) {
        state->child_inputs[0] = both->cli;
    }
    if (parse == NULL && key == ARGP_KEY_ARG) {
        argp_error(state, "'%s': no names here", arg);
    }
    if (parse == NULL) {
        return ARGP_ERR_UNKNOWN;
    }
    state->input = both->input;
    error_t err = parse(key, arg, state);
    state->input = both;
    return err;
}

void cli_parse(struct cli *cli, int argc, char **argv, void *input)
{
    const struct argp_child children[] = {{&cli_global_argp, 0, NULL, 0}, {NULL, 0, NULL, 0}};
    const struct argp argp = {
        cli->self->options, parse_both, cli->self->args, NULL, children, NULL, NULL};
    struct input both = {input, cli};
    argp_err_exit_status = CLI_USAGE;
    if (argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &both) != 0) {
        exit(CLI_USAGE);
    }
}

void cli_words_add(struct cli_words *words, struct argp_state *state, const char *word)
{
    if (words->count == CLI_WORDS_MAX) {
        argp_error(state, "more than %d names", CLI_WORDS_MAX);
    }
    words->words[words->count++] = word;
}
