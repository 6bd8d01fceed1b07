/* help.c: see help.h. Options come from the argp tables that parse, so that the texts cannot say something else. */
#include "client/cli/help.h"

#include <string.h>

#define WIDTH 80
#define FLAG_COLUMN 30
#define LETTERLESS "    "

bool cli_option_shown(const struct argp_option *option)
{
    return option->name != NULL && (option->flags & (OPTION_HIDDEN | OPTION_ALIAS)) == 0;
}

/* Words of `text` from column `at` on, at most WIDTH wide, further lines indented by `indent`; a line break stays one. */
static void print_wrapped(const char *text, size_t at, size_t indent)
{
    bool first = true;
    while (*text != '\0') {
        size_t size = strcspn(text, " \n");
        if (!first && at + 1 + size > WIDTH) {
            printf("\n%*s", (int)indent, "");
            at = indent;
        } else if (!first) {
            printf(" ");
            at++;
        }
        printf("%.*s", (int)size, text);
        at += size;
        first = false;
        text += size;
        if (*text == '\n') {
            printf("\n%*s", (int)indent, "");
            at = indent;
            first = true;
        }
        text += *text != '\0';
    }
    printf("\n");
}

static void print_examples(const struct cli_command *command, int count_max)
{
    const char *line = command->examples;
    printf("Examples:\n");
    for (int i = 0; i < count_max && line != NULL && *line != '\0'; i++) {
        size_t size = strcspn(line, "\n");
        printf("  %.*s\n", (int)size, line);
        line += size + (line[size] == '\n');
    }
}

static void print_flag(const struct argp_option *option)
{
    char flag[128];
    char letter[8] = LETTERLESS;
    bool optional = (option->flags & OPTION_ARG_OPTIONAL) != 0;
    if (CLI_OPTION_LETTER(option) != '\0') {
        (void)snprintf(letter, sizeof(letter), "-%c, ", CLI_OPTION_LETTER(option)); /* fits */
    }
    int size = snprintf(flag, sizeof(flag), "  %s--%s%s%s%s", letter, option->name,
                        option->arg == NULL ? ""
                        : optional          ? "[="
                                            : " ",
                        option->arg == NULL ? "" : option->arg, optional ? "]" : "");
    printf("%-*s", FLAG_COLUMN - 1, flag);
    if (size >= FLAG_COLUMN) {
        printf("\n%*s", FLAG_COLUMN, "");
    } else {
        printf(" ");
    }
    print_wrapped(option->doc == NULL ? "" : option->doc, FLAG_COLUMN, FLAG_COLUMN);
}

/* A table with its headings; `heading` stands above the flags before the first one. */
static void print_flags(const struct argp_option *options, const char *heading)
{
    bool begun = false;
    for (const struct argp_option *option = options;
         option != NULL && (option->name != NULL || option->key != 0 || option->doc != NULL);
         option++) {
        if (option->name == NULL && option->key == 0) {
            printf("\n%s\n", option->doc);
            begun = true;
        } else if (cli_option_shown(option)) {
            if (!begun) {
                printf("\n%s\n", heading);
            }
            begun = true;
            print_flag(option);
        }
    }
}

void cli_help_usage(const struct cli_command *command)
{
    printf("usage: leat %s%s%s [FLAG..]\n", command->name, command->args == NULL ? "" : " ",
           command->args == NULL ? "" : command->args);
}

void cli_help_short(const struct cli_command *command)
{
    print_examples(command, 2);
    printf("\n");
    cli_help_usage(command);
    print_flags(command->options, "Flags:");
    printf("\n'leat %s --help' says more and shows the flags that all commands share.\n",
           command->name);
}

void cli_help_full(const struct cli_command *command)
{
    printf("leat %s: %s\n\n", command->name, command->summary);
    cli_help_usage(command);
    if (command->alias != NULL) {
        printf("also:  leat %s\n", command->alias);
    }
    if (command->doc != NULL) {
        printf("\n");
        print_wrapped(command->doc, 0, 0);
    }
    printf("\n");
    print_examples(command, WIDTH);
    print_flags(command->options, "Flags:");
    print_flags(cli_global_argp.options, "Shared by all commands:");
    if (command->more != NULL) {
        printf("\n");
        print_wrapped(command->more, 0, 0);
    }
}

bool cli_help_list(const char *noun)
{
    size_t size = noun == NULL ? 0 : strlen(noun);
    size_t count = 0;
    for (const struct cli_command *const *at = cli_commands; *at != NULL; at++) {
        const char *name = (*at)->name;
        if (noun == NULL || (strncmp(name, noun, size) == 0 && name[size] == ' ')) {
            if (count++ == 0) {
                printf("Commands:\n");
            }
            printf("  leat %-18s %s\n", name, (*at)->summary);
        }
    }
    return count > 0;
}
