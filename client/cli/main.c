/* main.c: `leat`: find the command among the words, hand it the rest.
 *
 * Flags may stand anywhere, so the command's words are looked for between them: `leat -b host:9092 topic list` and
 * `leat topic -b host:9092 list` are the same. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/os.h"
#include "client/cli/command.h"
#include "client/cli/help.h"

/* A flag before the command that is none of the shared ones takes the next word for itself in the user's mind, and here it is
 * taken for the command. */
static int stray_flag(const char *flag)
{
    fprintf(
        stderr,
        "leat: %s stands before the command, where only the flags that all commands share may be. "
        "Write: leat COMMAND %s ..\n",
        flag, flag);
    return CLI_USAGE;
}

static bool has_flag(int argc, char **argv, const char *a, const char *b)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], a) == 0 || strcmp(argv[i], b) == 0) {
            return true;
        }
    }
    return false;
}

/* No command: the flags that mean one, else the list of commands and the exit code of wrong usage. */
static int without_command(int argc, char **argv)
{
    struct cli cli = {.self = &cli_help, .command = "help"};
    char *none[] = {argv[0], NULL};
    if (has_flag(argc, argv, "--version", "-V")) {
        cli.self = &cli_version;
        return cli_version.run(&cli, 1, none);
    }
    if (has_flag(argc, argv, "--help-json", "")) {
        return cli_help_json(NULL);
    }
    if (has_flag(argc, argv, "--help", "-h")) {
        return cli_help.run(&cli, 1, none);
    }
    (void)cli_help.run(&cli, argc, argv); /* ends the process for flags such as '-X list' */
    return CLI_USAGE;
}

static int
run_command(const struct cli_command *command, int argc, char **argv, const int words[2], int used)
{
    /* What is left goes to the command under its full name; the tail of argv is long enough for it. */
    char *name = lt_asprintf("leat %s", command->name);
    char **rest = lt_calloc((size_t)argc + 1, sizeof(*rest));
    if (name == NULL || rest == NULL) {
        lt_free(rest);
        lt_free(name);
        return CLI_FAILED;
    }
    int count = 0;
    rest[count++] = name;
    for (int i = 1; i < argc; i++) {
        if (i != words[0] && (used < 2 || i != words[1])) {
            rest[count++] = argv[i];
        }
    }
    struct cli cli = {.self = command, .command = command->name};
    int status = command->run(&cli, count, rest);
    cli_release(&cli);
    lt_free(rest);
    lt_free(name);
    return status;
}

int main(int argc, char **argv)
{
    int words[2];
    lt_os_guard_standard_fds();
    json_set_alloc_funcs(lt_malloc, lt_free);
    cli_command_words(argc, argv, words);
    if (words[0] == 0) {
        return cli_finish(without_command(argc, argv));
    }
    int used;
    const char *second = words[1] == 0 ? NULL : argv[words[1]];
    const struct cli_command *command = cli_command_find(argv[words[0]], second, &used);
    if (command == NULL && second == NULL && has_flag(argc, argv, "--help", "-h") &&
        cli_help_list(argv[words[0]])) {
        return cli_finish(CLI_DONE);
    }
    if (command == NULL) {
        const char *before = argv[words[0] - 1];
        bool inside;
        return words[0] > 1 && before[0] == '-' && cli_option_find(NULL, before, &inside) == NULL
                   ? stray_flag(before)
                   : cli_command_unknown(argv[words[0]], second);
    }
    return cli_finish(run_command(command, argc, argv, words, used));
}
