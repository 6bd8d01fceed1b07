/* context.h: what every command of `leat` shares: the global flags, the client, how errors and changes are told.
 *
 * stdout is data, stderr is talk. Exit codes: 0 done, 1 something failed, 2 wrong usage,
 * 3 broker not reachable, 4 a checked limit exceeded, 130 Ctrl-C.
 * Threads: the main thread; the library's own thread never calls in here. */
#ifndef CLI_CONTEXT_H
#define CLI_CONTEXT_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "leat/leat.h"

enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_UNREACHABLE = 3,
    CLI_LIMIT = 4,
    CLI_INTERRUPTED = 130
};
enum cli_format { CLI_TEXT = 0, CLI_WIDE = 1, CLI_JSON = 2, CLI_CSV = 3 };

enum cli_color { CLI_COLOR_AUTO = 0, CLI_COLOR_ALWAYS = 1, CLI_COLOR_NEVER = 2 };

#define CLI_PROPERTIES_MAX 64

struct cli_command;

struct cli {
    const struct cli_command *self;             /* what was asked for (command.h) */
    const char *command;                        /* "topic create", for messages */
    const char *bootstrap;                      /* -b, NULL = from the configuration */
    const char *profile;                        /* -P */
    const char *config_file;                    /* --command-config */
    const char *properties[CLI_PROPERTIES_MAX]; /* -X key=value */
    size_t property_count;
    enum cli_format format;
    enum cli_color color; /* --color */
    int timeout_ms;       /* --timeout, 10 s */
    int verbosity;        /* -v */
    bool no_headers;
    bool yes; /* -y */
    bool dry_run;
    bool quiet; /* -q */
    bool
        confirm_always; /* the profile says confirm = always: ask before any change, even with -y */
    struct leat_conf *conf; /* made by cli_connect */
    struct leat_client *client;
};

/* The global flags, as a child parser of every command's own (argp_child); its input is the struct cli. cli_parse joins
 * them. */
extern const struct argp cli_global_argp;

/* Settings from all sources in their order, then a client that has reached a broker. On failure the reason is told and
 * the exit code returned; 0 otherwise. */
int cli_connect(struct cli *cli);
int cli_configure(struct cli *cli); /* the settings alone */
void cli_release(struct cli *cli);

/* "leat: <what>: <message of err>" and, on a terminal, a hint where there is one. Frees err. Returns the exit code that
 * fits `code`. */
int cli_fail(const struct cli *cli, int code, struct leat_error *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* "leat: <sentence>", with a broker error's name and number. Returns the exit code that fits `code`. */
int cli_fail_sentence(const struct cli *cli, int code, const char *sentence);

/* May escape sequences for colours go there? --color, else a terminal without NO_COLOR and TERM=dumb. */
bool cli_colored(const struct cli *cli, FILE *stream);

/* "hint: ..." on stderr, only on a terminal and without -q. */
void cli_hint(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Dangerous change: true when it may go on. Asks on a terminal; without one --yes is needed, and its lack is told. With
 * confirm = always in the profile only an answer on a terminal counts. --dry-run needs no answer. */
bool cli_confirm(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Any other change: true when it may go on. Asks only with confirm = always. */
bool cli_change(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Flush stdout; a full disk or closed pipe becomes exit code 1. */
int cli_finish(int code);

#endif
