/* other.c: leat version and help. */
#include <stdio.h>
#include <string.h>

#include "client/cli/command.h"
#include "client/cli/help.h"

static const char help_format[] =
    "-f FORMAT prints a record by verbs:\n"
    "  %t topic      %T its length      %p partition   %o offset   %e leader epoch\n"
    "  %k key        %K its length      %v value       %V its length (-1 = null)\n"
    "  %d timestamp in ms; %d{iso}; %d{strftime[%F %T]}\n"
    "  %h{%k=%v }    once for each header, %k and %v are its name and value      %H header count\n"
    "  %x producer id   %y producer epoch   %i running number\n"
    "  %a{compression} %a{timestamp-type} %a{transactional} %a{control}\n"
    "  %[ log start   %| last stable offset   %] high watermark\n"
    "  %s %S as %v %V and %R as %V{big32}, as in kcat; %T is the topic's length here, the "
    "timestamp in kcat\n"
    "Texts take {hex} {base64} {json} {unpack[>I$]}, numbers {ascii} {byte} {big16} {big32} "
    "{big64}\n{little16} {little32} {little64} {hex4} {hex8} {hex16} {hex32} {hex64}.\n"
    "Escapes: \\t \\n \\r \\\\ \\xNN %% %{ %}\n\n"
    "leat produce -f FORMAT reads records by the same verbs. A text ends where the format's next "
    "characters\n"
    "stand, or at its length where %K, %V or %T came before it (-1 = null, %K{3} = always 3); %h{ "
    "} "
    "needs %H\n"
    "before it. Without '\\n' at its end the format takes lines as part of the value.\n\n"
    "Examples: leat cat orders -f '%d{iso} %t/%p@%o %k %v\\n'\n"
    "          leat produce orders -f '%k\\t%v\\n'\n"
    "          leat cat a -f '%K{big32}%k%V{big32}%v' | leat produce b -f "
    "'%K{big32}%k%V{big32}%v'\n";

static const char help_offsets[] =
    "-o OFFSETS says where reading begins, and after a ':' where it ends:\n"
    "  start end         also earliest beginning oldest, latest newest; s@MS e@MS as in kcat\n"
    "  100               this offset          100:200  up to and not including 200          :200  "
    "from the start\n"
    "  +10 -10           ten after the start, ten before the end\n"
    "  @-1h @2h30m       so long ago          @now\n"
    "  @2026-02-14       a day (UTC; --local for local time)\n"
    "  @2026-02-14T10:12:03Z  @2026-02-14T10:12+02:00   a moment\n"
    "  @1771063923 @1771063923101                       seconds, ms (16 digits us, 19 ns)\n"
    "  @2026-02-14:1h    an hour from that day's beginning: a second time may be a duration\n"
    "  @-2h:-1h          from two hours ago to one hour ago\n"
    "A time means the first record that is not older. 'committed' needs a consumer group, which is "
    "not built yet.\n";

static const char help_config[] =
    "Settings come from, strongest first: flags, -X key=value, LEAT_* variables, --command-config "
    "FILE, the profile\n"
    "(-P NAME, LEAT_PROFILE, or 'current' in the file), the top level of ~/.config/leat/config, "
    "the default.\n"
    "Names are those of Kafka's Java client; 'leat -X list ping' prints them all.\n\n"
    "  # ~/.config/leat/config\n"
    "  current = local\n"
    "  [local]\n"
    "  bootstrap.servers = localhost:9092\n";

static const struct {
    const char *name, *text;
} help_topics[] = {
    {"format", help_format}, {"offsets", help_offsets}, {"config", help_config}, {NULL, NULL}};

static error_t parse_help(int key, char *arg, struct argp_state *state)
{
    if (key == ARGP_KEY_ARG) {
        cli_words_add(state->input, state, arg);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static int run_help(struct cli *cli, int argc, char **argv)
{
    static struct cli_words topic;
    cli_parse(cli, argc, argv, &topic);
    if (topic.count == 0) {
        printf("leat: the command line of leat and of every broker that speaks the Kafka "
               "protocol\n\n");
        (void)cli_help_list(NULL);
        printf("\n'leat COMMAND --help' shows a command's flags; 'leat help format', 'offsets' and "
               "'config' explain.\n\n"
               "Examples:\n"
               "  leat topic create orders -p 3\n"
               "  echo hello | leat produce orders\n"
               "  leat cat orders -f '%%p %%o %%v\\n'\n");
        return CLI_DONE;
    }
    for (size_t i = 0; help_topics[i].name != NULL; i++) {
        if (strcmp(topic.words[0], help_topics[i].name) == 0) {
            (void)fputs(help_topics[i].text, stdout); /* shows in cli_finish */
            return CLI_DONE;
        }
    }
    int words;
    const struct cli_command *command = cli_command_find(topic.words[0], topic.words[1], &words);
    if (command != NULL) {
        cli_help_full(command);
        return CLI_DONE;
    }
    if (cli_help_list(topic.words[0])) {
        return CLI_DONE;
    }
    fprintf(stderr, "leat: no help on '%s'; there are format, offsets, config and every command\n",
            topic.words[0]);
    return CLI_USAGE;
}

const struct cli_command cli_help = {
    .name = "help",
    .summary = "this list, or help on format, offsets, config",
    .args = "[TOPIC]",
    .examples = "leat help topic create\nleat help offsets\n",
    .parse = parse_help,
    .run = run_help,
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
