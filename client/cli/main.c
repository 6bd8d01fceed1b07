/* main.c: `leat`: find the command among the words, hand it the rest.
 *
 * Flags may stand anywhere, so the command's words are looked for between them: `leat -b host:9092 topic list` and
 * `leat topic -b host:9092 list` are the same. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/properties.h"
#include "client/cli/command.h"

const struct cli_command cli_commands[] = {
    {"produce", "pub", "records from stdin, files or --value literals", cli_produce},
    {"consume", "sub", "from the start, then follow", cli_consume},
    {"cat", NULL, "everything up to the current end, then exit", cli_cat},
    {"topic list", "topic ls", "topics with their partitions and records", cli_topic_list},
    {"topic create", NULL, "make topics", cli_topic_create},
    {"topic describe", NULL, "partitions, offsets and settings of topics", cli_topic_describe},
    {"topic delete", "topic rm", "delete topics and all their records", cli_topic_delete},
    {"topic offsets", NULL, "first and next offset of each partition, or the offset at a time",
     cli_topic_offsets},
    {"config get", "config list", "settings of a topic or broker", cli_config_get},
    {"config set", NULL, "change settings of a topic or broker", cli_config_set},
    {"cluster info", NULL, "cluster id and brokers", cli_cluster_info},
    {"ping", NULL, "one round trip to a broker: exit 0, or 3 if there is none", cli_ping},
    {"segment", NULL, "dump and verify log files without a server (leat-segment)", cli_segment},
    {"bench", NULL, "measure a broker (leat-bench)", cli_bench},
    {"version", NULL, "version of this program", cli_version},
    {"help", NULL, "this list, or help on format, offsets, config", cli_help},
    {NULL, NULL, NULL, NULL},
};

static const struct cli_command *
find_command(const char *first, const char *second, int *ret_words);
static int unknown_command(const char *first, const char *second);

/* Does this global flag take its value from the next argument? */
static bool takes_next(const char *arg)
{
    static const char *const flags[] = {"-b",
                                        "-P",
                                        "-X",
                                        "-F",
                                        "--bootstrap-server",
                                        "--profile",
                                        "--property",
                                        "--command-config",
                                        "--format",
                                        "--timeout"};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (strcmp(arg, flags[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Positions of the first two words that are no flags; 0 = none. */
static void find_words(int argc, char **argv, int ret_words[2])
{
    int found = 0;
    ret_words[0] = 0;
    ret_words[1] = 0;
    for (int i = 1; i < argc && found < 2 && strcmp(argv[i], "--") != 0; i++) {
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            i += takes_next(argv[i]) ? 1 : 0;
        } else {
            ret_words[found++] = i;
        }
    }
}

int main(int argc, char **argv)
{
    int words[2];
    json_set_alloc_funcs(lt_malloc, lt_free);
    find_words(argc, argv, words);
    if (words[0] == 0) {
        struct cli cli = {.command = "help"};
        if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
            return cli_finish(cli_version(&cli, 1, argv));
        }
        int status = cli_finish(cli_help(&cli, 1, argv));
        return argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
                   ? status
                   : CLI_USAGE;
    }
    int used;
    const char *second = words[1] == 0 ? NULL : argv[words[1]];
    const struct cli_command *command = find_command(argv[words[0]], second, &used);
    if (command == NULL) {
        return unknown_command(argv[words[0]], second);
    }
    /* What is left goes to the command under its full name; the tail of argv is long enough for it. */
    char *name = lt_asprintf("leat %s", command->name);
    char **rest = lt_calloc((size_t)argc + 1, sizeof(*rest));
    if (name == NULL || rest == NULL) {
        return CLI_FAILED;
    }
    int count = 0;
    rest[count++] = name;
    for (int i = 1; i < argc; i++) {
        if (i != words[0] && (used < 2 || i != words[1])) {
            rest[count++] = argv[i];
        }
    }
    struct cli cli = {.command = command->name};
    int status = command->run(&cli, count, rest);
    cli_release(&cli);
    lt_free(rest);
    lt_free(name);
    return cli_finish(status);
}

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

static const struct cli_command *find_command(const char *first, const char *second, int *ret_words)
{
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        if (name_is(command->name, first, second, ret_words) ||
            name_is(command->alias, first, second, ret_words)) {
            return command;
        }
    }
    return NULL;
}

static int unknown_command(const char *first, const char *second)
{
    size_t noun = strlen(first);
    bool is_noun = false;
    const char *nearest = NULL;
    size_t least = 4; /* further away is no typing mistake */
    char given[128];
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        is_noun =
            is_noun || (strncmp(command->name, first, noun) == 0 && command->name[noun] == ' ');
        (void)snprintf(given, sizeof(given), "%s%s%s", first,
                       second != NULL && strchr(command->name, ' ') != NULL ? " " : "",
                       second != NULL && strchr(command->name, ' ') != NULL ? second : "");
        size_t distance = lt_text_distance(given, command->name);
        if (distance < least) {
            least = distance;
            nearest = command->name;
        }
    }
    (void)snprintf(given, sizeof(given), "%s%s%s", first, is_noun && second != NULL ? " " : "",
                   is_noun && second != NULL ? second : "");
    fprintf(stderr, "leat: %s '%s'.",
            is_noun && second == NULL ? "what to do with" : "unknown command", given);
    if (nearest != NULL && !(is_noun && second == NULL)) {
        fprintf(stderr, " Did you mean '%s'?\n", nearest);
        return CLI_USAGE;
    }
    fprintf(stderr, " There are:");
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        if (!is_noun || (strncmp(command->name, first, noun) == 0 && command->name[noun] == ' ')) {
            fprintf(stderr, "\n  leat %s", command->name);
        }
    }
    fprintf(stderr, "\n");
    return CLI_USAGE;
}
