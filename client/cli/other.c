/* other.c: leat version and help, and the commands that are programs of their own: segment and bench.
 *
 * Those are looked for beside this program first, then on the PATH: the client's code never contains the server's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "client/cli/command.h"

static const char help_format[] =
    "-f FORMAT prints a record by verbs:\n"
    "  %t topic      %T its length      %p partition   %o offset   %e leader epoch\n"
    "  %k key        %K its length      %v value       %V its length (-1 = null)\n"
    "  %d timestamp in ms; %d{iso}; %d{strftime[%F %T]}\n"
    "  %h{%k=%v }    once for each header, %k and %v are its name and value      %H header count\n"
    "  %x producer id   %y producer epoch   %i running number\n"
    "  %a{compression} %a{timestamp-type} %a{transactional}\n"
    "  %[ log start   %| last stable offset   %] high watermark\n"
    "  %s %S as %v %V and %R as %V{big32}, as in kcat; %T is the topic's length here, the "
    "timestamp in kcat\n"
    "Texts take {hex} {base64} {json} {unpack[>I$]}, numbers {big16} {big32} {big64} {little16} "
    "{little32} {little64}.\n"
    "Escapes: \\t \\n \\r \\\\ \\xNN %% %{ %}\n\n"
    "Example: -f '%d{iso} %t/%p@%o %k %v\\n'\n";

static const char help_offsets[] =
    "-o OFFSETS says where reading begins, and after a ':' where it ends:\n"
    "  start end         also earliest beginning oldest, latest newest\n"
    "  100               this offset          100:200  up to and not including 200          :200  "
    "from the start\n"
    "  +10 -10           ten after the start, ten before the end\n"
    "  @-1h @2h30m       so long ago          @now\n"
    "  @2026-02-14       a day (UTC; --local for local time)\n"
    "  @2026-02-14T10:12:03Z  @2026-02-14T10:12+02:00   a moment\n"
    "  @1771063923 @1771063923101                       seconds, ms (16 digits us, 19 ns)\n"
    "  @2026-02-14:1h    an hour from that day's beginning: a second time may be a duration\n"
    "A time means the first record that is not older.\n";

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

static void list_commands(void)
{
    printf("leat: the command line of leat and of every broker that speaks the Kafka "
           "protocol\n\nCommands:\n");
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        printf("  leat %-16s %s\n", command->name, command->summary);
    }
    printf("\n'leat COMMAND --help' shows a command's flags; 'leat help format', 'offsets' and "
           "'config' explain.\n\n"
           "Examples:\n"
           "  leat topic create orders -p 3\n"
           "  echo hello | leat produce orders\n"
           "  leat cat orders -f '%%p %%o %%v\\n'\n");
}

int cli_help(struct cli *cli, int argc, char **argv)
{
    if (argc < 2) {
        list_commands();
        return CLI_DONE;
    }
    for (size_t i = 0; help_topics[i].name != NULL; i++) {
        if (strcmp(argv[1], help_topics[i].name) == 0) {
            (void)fputs(help_topics[i].text, stdout); /* shows in cli_finish */
            return CLI_DONE;
        }
    }
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "%s%s%s", argv[1], argc > 2 ? " " : "",
                       argc > 2 ? argv[2] : "");
        if (strcmp(command->name, name) == 0) {
            char *args[] = {argv[0], (char[]){"--help"}, NULL};
            return command->run(cli, 2, args);
        }
    }
    fprintf(stderr, "leat: no help on '%s'; there are format, offsets, config and every command\n",
            argv[1]);
    return CLI_USAGE;
}

int cli_version(struct cli *cli, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf(cli->format == CLI_JSON
               ? "{\"_command\":\"version\",\"_version\":1,\"version\":\"%s\"}\n"
               : "leat %s\n",
           leat_version());
    return CLI_DONE;
}

static int run_program(const char *name, int argc, char **argv)
{
    char self[4096];
    ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char **args = lt_calloc((size_t)argc + 1, sizeof(*args));
    if (args == NULL) {
        return CLI_FAILED;
    }
    memcpy(args, argv, (size_t)argc * sizeof(*args));
    char *program = NULL;
    if (size > 0) {
        self[size] = '\0';
        char *slash = strrchr(self, '/');
        *slash = '\0';
        program = lt_asprintf("%s/%s", self, name);
    }
    if (program != NULL && access(program, X_OK) == 0) {
        (void)execv(program, args); /* returns only when it failed */
    } else {
        (void)execvp(name, args);
    }
    fprintf(stderr, "leat: cannot run %s: %s\n", name, strerrordesc_np(errno));
    lt_free(program);
    lt_free(args);
    return CLI_FAILED;
}

int cli_segment(struct cli *cli, int argc, char **argv)
{
    (void)cli;
    return run_program("leat-segment", argc, argv);
}

int cli_bench(struct cli *cli, int argc, char **argv)
{
    (void)cli;
    return run_program("leat-bench", argc, argv);
}
