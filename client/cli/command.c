/* command.c: the list of commands and how one is found in it (command.h). */
#include "client/cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/properties.h"

#define DISTANCE_MAX 3 /* further away is no typing mistake */

const struct cli_command *const cli_commands[] = {
#define XX(command) &command,
    CLI_COMMAND_MAP(XX)
#undef XX
        NULL,
};

static bool name_is(const char *name, const char *first, const char *second, int *ret_words)
{
    if (name == NULL) {
        return false;
    }
    const char *space = strchr(name, ' ');
    size_t size = space == NULL ? strlen(name) : (size_t)(space - name);
    *ret_words = space == NULL ? 1 : 2;
    return strlen(first) == size && strncmp(name, first, size) == 0 &&
           (space == NULL || (second != NULL && strcmp(space + 1, second) == 0));
}

const struct cli_command *cli_command_find(const char *first, const char *second, int *ret_words)
{
    for (const struct cli_command *const *at = cli_commands; *at != NULL; at++) {
        if (name_is((*at)->name, first, second, ret_words) ||
            name_is((*at)->alias, first, second, ret_words)) {
            return *at;
        }
    }
    return NULL;
}

static bool ends(const struct argp_option *option)
{
    return option->name == NULL && option->key == 0 && option->doc == NULL;
}

static const struct argp_option *
find_in(const struct argp_option *options, char letter, const char *name, size_t size)
{
    for (; options != NULL && !ends(options); options++) {
        if (name == NULL ? options->key == letter
                         : options->name != NULL && strlen(options->name) == size &&
                               strncmp(options->name, name, size) == 0) {
            return options;
        }
    }
    return NULL;
}

const struct argp_option *
cli_option_find(const struct cli_command *command, const char *arg, bool *ret_inside)
{
    const struct argp_option *own = command == NULL ? NULL : command->options;
    const char *name = strncmp(arg, "--", 2) == 0 ? arg + 2 : NULL;
    size_t size = name == NULL ? 0 : strcspn(name, "=");
    *ret_inside = name != NULL && name[size] == '=';
    for (const char *letter = arg + 1; name != NULL || *letter != '\0'; letter++) {
        const struct argp_option *option = find_in(own, *letter, name, size);
        option = option != NULL ? option : find_in(cli_global_argp.options, *letter, name, size);
        if (option == NULL || name != NULL) {
            return option;
        }
        if (option->arg != NULL || letter[1] == '\0') {
            *ret_inside = letter[1] != '\0';
            return option;
        }
    }
    return NULL;
}

void cli_command_words(int argc, char **argv, int ret_words[2])
{
    int found = 0;
    ret_words[0] = 0;
    ret_words[1] = 0;
    for (int i = 1; i < argc && found < 2 && strcmp(argv[i], "--") != 0; i++) {
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            bool inside;
            const struct argp_option *option = cli_option_find(NULL, argv[i], &inside);
            i += option != NULL && option->arg != NULL && !inside ? 1 : 0;
        } else {
            ret_words[found++] = i;
        }
    }
}

/* Is `first` the noun of the command's name? */
static bool has_noun(const struct cli_command *command, const char *first)
{
    size_t size = strlen(first);
    LT_ASSERT(command->name != NULL);
    return strncmp(command->name, first, size) == 0 && command->name[size] == ' ';
}

static const char *nearest(const char *first, const char *second)
{
    const char *found = NULL;
    size_t least = DISTANCE_MAX + 1;
    char given[128];
    for (const struct cli_command *const *at = cli_commands; *at != NULL; at++) {
        bool two = second != NULL && strchr((*at)->name, ' ') != NULL;
        (void)snprintf(given, sizeof(given), "%s%s%s", first, two ? " " : "", two ? second : "");
        size_t distance = lt_text_distance(given, (*at)->name);
        if (distance < least && distance <= strlen(given) / 2) {
            least = distance;
            found = (*at)->name;
        }
    }
    return found;
}

int cli_command_unknown(const char *first, const char *second)
{
    bool is_noun = false;
    for (const struct cli_command *const *at = cli_commands; *at != NULL; at++) {
        is_noun = is_noun || has_noun(*at, first);
    }
    bool two = is_noun && second != NULL;
    fprintf(stderr, "leat: %s '%s%s%s'.",
            is_noun && second == NULL ? "what to do with" : "unknown command", first,
            two ? " " : "", two ? second : "");
    const char *name = is_noun && second == NULL ? NULL : nearest(first, second);
    if (name != NULL) {
        fprintf(stderr, " Did you mean '%s'?\n", name);
        return CLI_USAGE;
    }
    fprintf(stderr, " There are:");
    for (const struct cli_command *const *at = cli_commands; *at != NULL; at++) {
        if (!is_noun || has_noun(*at, first)) {
            fprintf(stderr, "\n  leat %s", (*at)->name);
        }
    }
    fprintf(stderr, "\n");
    return CLI_USAGE;
}
