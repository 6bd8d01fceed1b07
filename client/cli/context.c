/* context.c: see context.h. */
#include "client/cli/context.h"
#include "client/cli/trouble.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/properties.h"
#include "base/units.h"
#include "client/cli/help.h"
#include "client/cli/profile.h"

#define TIMEOUT_DEFAULT_MS 10000

enum {
    OPT_TIMEOUT = 0x1000,
    OPT_FORMAT,
    OPT_JSON,
    OPT_NO_HEADERS,
    OPT_DRY_RUN,
    OPT_COLOR,
    OPT_HELP,
    OPT_HELP_JSON,
    OPT_USAGE,
};

static const struct argp_option global_options[] = {
    {NULL, 0, NULL, 0, "Shared by all commands:", 100},
    {"bootstrap-server", 'b', "HOST:PORT,..", 0, "Broker to ask first (localhost:9092)", 100},
    {"profile", 'P', "PROFILE", 0, "Section of ~/.config/leat/config (LEAT_PROFILE)", 100},
    {"property", 'X', "PROPERTY=VALUE", 0,
     "Client setting in Kafka's spelling; -X list shows all, -X help explains them", 100},
    {"command-config", 'F', "FILE", 0, "Properties file as used with kafka-*.sh", 100},
    {"format", OPT_FORMAT, "text|wide|json|csv", 0,
     "Form of tables; --format help shows the members of the JSON", 100},
    {"json", OPT_JSON, NULL, 0, "Same as --format json", 100},
    {"no-headers", OPT_NO_HEADERS, NULL, 0, "Tables without their first line", 100},
    {"timeout", OPT_TIMEOUT, "TIME", 0, "Give up after this time (10s)", 100},
    {"yes", 'y', NULL, 0, "Do not ask before a dangerous change", 100},
    {"dry-run", OPT_DRY_RUN, NULL, 0, "Check and say what would change, change nothing", 100},
    {"quiet", 'q', NULL, 0, "No hints and confirmations of success", 100},
    {"verbose", 'v', NULL, 0, "Say more; -vv: every request", 100},
    {"color", OPT_COLOR, "auto|always|never", 0,
     "Colours on stderr and in doctor (auto: on a terminal)", 100},
    {"help-json", OPT_HELP_JSON, NULL, 0, "Commands and flags as JSON", 100},
    {"short-help", 'h', NULL, OPTION_HIDDEN, NULL, 100},
    {"help", OPT_HELP, NULL, 0, "This text; -h: its beginning", 100},
    {"usage", OPT_USAGE, NULL, OPTION_HIDDEN, NULL, 100},
    {NULL, 0, NULL, 0, NULL, 0},
};

static error_t parse_global(int key, char *arg, struct argp_state *state);
static bool profile_confirms(const struct cli *cli);
static bool ask(const struct cli *cli, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

const struct argp cli_global_argp = {global_options, parse_global, NULL, NULL, NULL, NULL, NULL};

static enum cli_format
format_or_die(struct argp_state *state, const struct cli_command *self, const char *name)
{
    static const char *const names[] = {"text", "wide", "json", "csv"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return (enum cli_format)i;
        }
    }
    if (strcmp(name, "help") == 0) {
        exit(cli_finish(cli_help_shape(self)));
    }
    argp_error(state, "--format %s: want text, wide, json, csv or help", name);
    return CLI_TEXT;
}

static void show_property(
    const char *key, const char *type, const char *default_value, const char *text, void *arg)
{
    const bool *explain = arg;
    printf("%s=%s\n", key, default_value);
    if (*explain) {
        printf("    %s  (%s)\n", text, type);
    }
}

static void add_property(struct argp_state *state, struct cli *cli, const char *arg)
{
    if (strcmp(arg, "list") == 0 || strcmp(arg, "help") == 0) {
        bool explain = *arg == 'h';
        leat_conf_visit(show_property, &explain);
        exit(cli_finish(CLI_DONE));
    }
    if (cli->property_count == CLI_PROPERTIES_MAX) {
        argp_error(state, "-X %s: more than %d settings; -F FILE takes any number", arg,
                   CLI_PROPERTIES_MAX);
    }
    if (strchr(arg, '=') == NULL) {
        argp_error(state, "-X %s: want KEY=VALUE; '-X list' shows the keys", arg);
    }
    cli->properties[cli->property_count++] = arg;
}

/* The library takes HOST:PORT and drops kafka:// and leat://; what else a scheme or a user asks for is not there yet. */
static void check_addresses(struct argp_state *state, const char *list)
{
    while (*list != '\0') {
        size_t size = strcspn(list, ",");
        const char *mark = memmem(list, size, "://", 3);
        size_t scheme = mark == NULL ? 0 : (size_t)(mark - list);
        bool plain = mark == NULL || (scheme == 5 && strncmp(list, "kafka", 5) == 0) ||
                     (scheme == 4 && strncmp(list, "leat", 4) == 0);
        if (!plain || memchr(list, '@', size) != NULL) {
            argp_error(state,
                       "-b %.*s: only HOST:PORT, kafka://HOST:PORT and leat://HOST:PORT are in "
                       "this release, "
                       "without TLS and users",
                       (int)size, list);
        }
        list += size + (list[size] == ',');
    }
}

static void set_color(struct argp_state *state, struct cli *cli, const char *name)
{
    static const char *const names[] = {"auto", "always", "never"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            cli->color = (enum cli_color)i;
            return;
        }
    }
    argp_error(state, "--color %s: want auto, always or never", name);
}

static error_t parse_global(int key, char *arg, struct argp_state *state)
{
    struct cli *cli = state->input;
    int64_t timeout_ms;
    switch (key) {
    case 'b':
        check_addresses(state, arg);
        cli->bootstrap = arg;
        return 0;
    case 'P':
        cli->profile = arg;
        return 0;
    case 'X':
        add_property(state, cli, arg);
        return 0;
    case 'F':
        cli->config_file = arg;
        return 0;
    case OPT_FORMAT:
        cli->format = format_or_die(state, cli->self, arg);
        return 0;
    case OPT_JSON:
        cli->format = CLI_JSON;
        return 0;
    case OPT_NO_HEADERS:
        cli->no_headers = true;
        return 0;
    case OPT_TIMEOUT:
        if (lt_parse_duration_ms(arg, 1000, &timeout_ms) != 0 || timeout_ms < 1 ||
            timeout_ms > 86400000) {
            argp_error(state, "--timeout %s: want a time such as 10s or 500ms", arg);
        }
        cli->timeout_ms = (int)timeout_ms;
        return 0;
    case 'y':
        cli->yes = true;
        return 0;
    case OPT_DRY_RUN:
        cli->dry_run = true;
        return 0;
    case 'q':
        cli->quiet = true;
        return 0;
    case 'v':
        cli->verbosity++;
        return 0;
    case OPT_COLOR:
        set_color(state, cli, arg);
        return 0;
    case OPT_HELP_JSON:
        exit(cli_finish(cli_help_json(cli->self)));
    case 'h':
        cli_help_short(cli->self);
        exit(cli_finish(CLI_DONE));
    case OPT_HELP:
        cli_help_full(cli->self);
        exit(cli_finish(CLI_DONE));
    case OPT_USAGE:
        cli_help_usage(cli->self);
        exit(cli_finish(CLI_DONE));
    case ARGP_KEY_INIT:
        cli->timeout_ms = TIMEOUT_DEFAULT_MS;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_line(int level, const char *line, void *arg)
{
    (void)level;
    (void)arg;
    fprintf(stderr, "leat: %s\n", line);
}

int cli_configure(struct cli *cli)
{
    struct leat_error *err = NULL;
    cli->conf = leat_conf_new();
    if (cli->conf == NULL) {
        return cli_fail(cli, LEAT_ENOMEM, NULL, "%s", cli->command);
    }
    int code = leat_conf_load_profile(cli->conf, cli->profile, &err);
    if (code == 0 && cli->config_file != NULL) {
        code = leat_conf_load_file(cli->conf, cli->config_file, &err);
    }
    for (size_t i = 0; code == 0 && i < cli->property_count; i++) {
        const char *equals = strchr(cli->properties[i], '=');
        char *key = lt_strndup(cli->properties[i], (size_t)(equals - cli->properties[i]));
        code = key == NULL ? LEAT_ENOMEM : leat_conf_set(cli->conf, key, equals + 1, &err);
        lt_free(key);
    }
    if (code == 0 && cli->bootstrap != NULL) {
        code = leat_conf_set(cli->conf, "bootstrap.servers", cli->bootstrap, &err);
    }
    if (code != 0) {
        bool lost = strstr(leat_error_message(err), "unknown setting") != NULL &&
                    strstr(leat_error_message(err), "Did you mean") == NULL;
        (void)cli_fail(cli, code, err, "%s",
                       cli->command); /* a setting that is refused is wrong usage */
        if (lost) {
            cli_hint(cli, "'leat -X list' shows all settings, 'leat -X help' explains them");
        }
        return CLI_USAGE;
    }
    cli->confirm_always = profile_confirms(cli);
    if (cli->verbosity > 0) {
        leat_conf_set_log(cli->conf, cli->verbosity > 1 ? LEAT_LOG_DEBUG : LEAT_LOG_INFO,
                          print_line, NULL);
    } else if (!cli->quiet) {
        cli_trouble_watch(cli);
    }
    return 0;
}

/* Does the profile in force, or the top level of its file, say confirm = always? The library has read the file without
 * complaint by now; one that is not there says nothing. */
static bool profile_confirms(const struct cli *cli)
{
    const char *section = cli->profile != NULL ? cli->profile : getenv("LEAT_PROFILE");
    const char *value = NULL;
    struct lt_properties *props = NULL;
    char *path = cli_profile_path();
    if (path != NULL && lt_properties_load(path, LT_PROPERTIES_SECTIONS, &props, NULL) == 0) {
        section =
            section != NULL && *section != '\0' ? section : lt_properties_get(props, "", "current");
        value = section == NULL ? NULL : lt_properties_get(props, section, "confirm");
        value = value == NULL ? lt_properties_get(props, "", "confirm") : value;
    }
    bool always = value != NULL && strcmp(value, "always") == 0;
    lt_properties_free(props);
    lt_free(path);
    return always;
}

int cli_connect(struct cli *cli)
{
    struct leat_error *err = NULL;
    int status = cli_configure(cli);
    if (status != 0) {
        return status;
    }
    int code = leat_client_new(cli->conf, &cli->client, &err);
    if (code == LEAT_ECONFIG) {
        (void)cli_fail(cli, code, err, "%s", cli->command); /* as any other setting */
        return CLI_USAGE;
    }
    if (code == 0) {
        code = leat_client_connect(cli->client, cli->timeout_ms, &err);
    }
    if (code == LEAT_ETIMEDOUT) {
        char servers[256] = "";
        (void)leat_conf_get(cli->conf, "bootstrap.servers", servers,
                            sizeof(servers)); /* cut is fine */
        (void)lt_error_set(
            &err, code,
            "%s did not answer within %d ms: something accepts connections there and says nothing",
            servers, cli->timeout_ms); /* the code stays */
    }
    if (code != 0) {
        char said[128];
        (void)snprintf(said, sizeof(said), "%s", leat_error_message(err)); /* cut is fine */
        (void)cli_fail(cli, code, err, "%s",
                       cli->command); /* whatever the reason, the broker is not there for us */
        cli_hint(
            cli,
            strstr(said, "refused") != NULL
                ? "is a broker running? 'leat dev' starts a throw-away one, -b HOST:PORT names "
                  "another"
                : "-b HOST:PORT names the broker; where nothing else was set its port is 9092");
        return CLI_UNREACHABLE;
    }
    return 0;
}

void cli_release(struct cli *cli)
{
    leat_client_unref(cli->client);
    leat_conf_free(cli->conf);
    cli->client = NULL;
    cli->conf = NULL;
}

bool cli_colored(const struct cli *cli, FILE *stream)
{
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (cli->color != CLI_COLOR_AUTO) {
        return cli->color == CLI_COLOR_ALWAYS;
    }
    return isatty(fileno(stream)) && (no == NULL || *no == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

static void begin_message(const struct cli *cli)
{
    bool colored = cli_colored(cli, stderr);
    fprintf(stderr, "%sleat:%s ", colored ? "\033[1;31m" : "", colored ? "\033[0m" : "");
}

static int exit_code(int code)
{
    switch (code) {
    case LEAT_EUNREACHABLE:
        return CLI_UNREACHABLE;
    case LEAT_EINTR:
        return CLI_INTERRUPTED;
    default:
        return CLI_FAILED;
    }
}

/* The end of a message's line: a broker's error has a name and a number that can be looked up. */
static void tell_code(int code)
{
    if (LEAT_IS_BROKER_ERROR(code)) {
        fprintf(stderr, " (%s, %d)", leat_errname(code), LEAT_WIRE_CODE(code));
    }
    fprintf(stderr, "\n");
}

int cli_fail(const struct cli *cli, int code, struct leat_error *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    begin_message(cli);
    vfprintf(stderr, fmt, args);
    va_end(args);
    const char *message = leat_error_message(err);
    fprintf(stderr, ": %s", *message != '\0' ? message : leat_strerror(code));
    tell_code(code);
    leat_error_free(err);
    return exit_code(code);
}

int cli_fail_sentence(const struct cli *cli, int code, const char *sentence)
{
    (void)cli; /* as above */
    begin_message(cli);
    fprintf(stderr, "%s", sentence);
    tell_code(code);
    return exit_code(code);
}

void cli_hint(const struct cli *cli, const char *fmt, ...)
{
    if (cli->quiet || !isatty(STDERR_FILENO)) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "hint: ");
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    va_end(args);
}

/* Ask, or say why that is not possible. */
static bool ask(const struct cli *cli, const char *fmt, va_list args)
{
    bool terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
    fprintf(stderr, terminal ? "leat: " : "leat: not done: ");
    vfprintf(stderr, fmt, args);
    if (!terminal) {
        fprintf(stderr, cli->confirm_always
                            ? ": the profile says confirm = always, which needs a terminal\n"
                            : ": needs --yes without a terminal\n");
        return false;
    }
    fprintf(stderr, "? [y/N] ");
    char answer[16] = "";
    return fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

bool cli_confirm(const struct cli *cli, const char *fmt, ...)
{
    if (cli->dry_run || (cli->yes && !cli->confirm_always)) {
        return true;
    }
    va_list args;
    va_start(args, fmt);
    bool yes = ask(cli, fmt, args);
    va_end(args);
    return yes;
}

bool cli_change(const struct cli *cli, const char *fmt, ...)
{
    if (cli->dry_run || !cli->confirm_always) {
        return true;
    }
    va_list args;
    va_start(args, fmt);
    bool yes = ask(cli, fmt, args);
    va_end(args);
    return yes;
}

int cli_finish(int code)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        if (errno != EPIPE) {
            fprintf(stderr, "leat: cannot write to stdout: %s\n", strerrordesc_np(errno));
        }
        return code == CLI_DONE ? CLI_FAILED : code;
    }
    return code;
}
