/* other.c: leat version, help and cheat. */
#include <stdio.h>
#include <string.h>

#include "client/cli/command.h"
#include "client/cli/help.h"
#include "client/cli/help_topics.h"

static error_t parse_help(int key, char *arg, struct argp_state *state)
{
    if (key == ARGP_KEY_ARG) {
        cli_words_add(state->input, state, arg);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static void print_list(void)
{
    printf("leat: " CLI_SUMMARY "\n\n");
    (void)cli_help_list(NULL);
    printf(
        "\n'leat COMMAND -h' shows examples and flags, --help all of it; 'leat cheat' is a page of "
        "commands to copy.\n'leat help TOPIC' explains:");
    for (const struct cli_help_topic *topic = cli_help_topics; topic->name != NULL; topic++) {
        printf(" %s", topic->name);
    }
    printf("\n\nExamples:\n"
           "  leat dev --topic orders:3\n"
           "  echo hello | leat produce orders\n"
           "  leat cat orders -f '%%p %%o %%v\\n'\n");
}

/* The text of that name on stdout; false: there is none. */
static bool print_topic(const struct cli_help_topic *topics, const char *name)
{
    for (; topics->name != NULL; topics++) {
        if (strcmp(topics->name, name) == 0) {
            (void)fputs(topics->text, stdout); /* shows in cli_finish */
            return true;
        }
    }
    return false;
}

static int run_help(struct cli *cli, int argc, char **argv)
{
    static struct cli_words topic;
    int words;
    cli_parse(cli, argc, argv, &topic);
    if (topic.count == 0) {
        print_list();
        return CLI_DONE;
    }
    const struct cli_command *command = cli_command_find(topic.words[0], topic.words[1], &words);
    if (command != NULL) {
        cli_help_full(command);
        return CLI_DONE;
    }
    if (print_topic(cli_help_topics, topic.words[0]) || cli_help_list(topic.words[0])) {
        return CLI_DONE;
    }
    fprintf(stderr,
            "leat: no help on '%s'; there are format, offsets, config, auth and every command\n",
            topic.words[0]);
    return CLI_USAGE;
}

const struct cli_command cli_help = {
    .name = "help",
    .summary = "this list, or help on format, offsets, config, auth or a command",
    .args = "[format|offsets|config|auth|COMMAND..]",
    .examples = "leat help topic create\nleat help offsets\n",
    .parse = parse_help,
    .run = run_help,
};

static int run_cheat(struct cli *cli, int argc, char **argv)
{
    static struct cli_words topic;
    cli_parse(cli, argc, argv, &topic);
    for (size_t i = 0; i < topic.count; i++) {
        if (!print_topic(cli_cheats, topic.words[i])) {
            fprintf(stderr, "leat: no cheat sheet '%s'; there are topics, records, broker\n",
                    topic.words[i]);
            return CLI_USAGE;
        }
    }
    for (const struct cli_help_topic *at = cli_cheats; topic.count == 0 && at->name != NULL; at++) {
        printf("%s%s\n%s", at == cli_cheats ? "" : "\n", at->name, at->text);
    }
    return CLI_DONE;
}

const struct cli_command cli_cheat = {
    .name = "cheat",
    .summary = "commands to copy",
    .args = "[topics|records|broker]",
    .examples = "leat cheat\nleat cheat records\n",
    .parse = parse_help,
    .run = run_cheat,
};

static int run_version(struct cli *cli, int argc, char **argv)
{
    cli_parse(cli, argc, argv, NULL);
    printf(cli->format == CLI_JSON
               ? "{\"_command\":\"version\",\"_version\":1,\"version\":\"%s\"}\n"
               : "leat %s\n",
           leat_version());
    return CLI_DONE;
}

const struct cli_command cli_version = {
    .name = "version",
    .summary = "version of this program",
    .examples = "leat version\nleat version --json\n",
    .run = run_version,
};
