/* main.c: leatd: the command line, signals, and the line that says that it answers.
 *
 * The main thread starts the server and then only waits for signals; all other threads block them. Exit codes: 0 stopped
 * as asked, 1 could not start or stop cleanly, 2 wrong command line. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/os.h"
#include "server/config.h"
#include "server/http.h"
#include "server/server.h"
#include "server/state.h"
#include "server/topics.h"

#define SETS_MAX 256
#define ADDRESSES_MAX 16

enum option_key {
    OPTION_SET = 256,
    OPTION_READY_FD,
    OPTION_CHECK,
    OPTION_PRINT,
    OPTION_JSON,
    OPTION_DEV,
    OPTION_DATA,
    OPTION_STRICT,
    OPTION_LENIENT,
};

struct arguments {
    struct srv_config_options config;
    const char *sets[SETS_MAX];
    int ready_fd; /* -1: nobody waits */
    bool check;
    bool json;
    bool print;
    enum srv_config_print format;
};

static bool hold_standard_descriptors(void);
static error_t parse(int key, char *arg, struct argp_state *state);
static int run(const struct arguments *arguments);
static int start_and_serve(const struct arguments *arguments, struct srv_config *config);
static int
serve(struct srv_server *server, struct srv_config *config, int ready_fd, const sigset_t *signals);
static char *data_for_dev(void);
static void remove_tree(const char *path);
static void stop_by_signal(void);
static void say_ready(const struct srv_server *server, const struct srv_config *config, int fd);
static void hold_questions(void);
static void setup_process(sigset_t *ret_signals);
static void tell_notes(const struct srv_config *config);
static void reload(struct srv_server *server, struct srv_config *config);

/* Argp's own name for it; found only if the dynamic linker sees it. */
__attribute__((visibility("default"))) const char *argp_program_version = "leatd " LEAT_VERSION;

static const struct argp_option options[] = {
    {"config", 'c', "FILE", 0, "settings, as key = value", 0},
    {"set", OPTION_SET, "KEY=VALUE", 0, "a setting; wins over file and environment; repeatable", 0},
    {"data", OPTION_DATA, "DIR", 0, "where the data lies (log.dirs)", 0},
    {"dev", OPTION_DEV, 0, 0,
     "throw-away server: data in a temporary directory that goes at the end, unless --data; "
     "nothing waits "
     "for the disk; another port if 9092 or 9640 is taken",
     0},
    {"ready-fd", OPTION_READY_FD, "N", 0, "write one line of JSON to descriptor N when answering",
     0},
    {"check-config", OPTION_CHECK, 0, 0, "say what is wrong with the settings, and exit", 0},
    {"print-config", OPTION_PRINT, "json|md", OPTION_ARG_OPTIONAL,
     "print the settings in force, and exit", 0},
    {"json", OPTION_JSON, 0, 0, "with --check-config: JSON", 0},
    {"strict", OPTION_STRICT, 0, 0, "warnings about settings are errors", 0},
    {"lenient", OPTION_LENIENT, 0, 0, "unknown settings are warnings", 0},
    {0},
};

/* argp prints and ends the process; there is one thread yet. NOLINTBEGIN(concurrency-mt-unsafe) */
int main(int argc, char **argv)
{
    static struct arguments arguments = {.ready_fd = -1};
    static const struct argp argp = {options,
                                     parse,
                                     NULL,
                                     "leatd: a log server that speaks the Kafka protocol.\v"
                                     "Signals: TERM and INT answer what is in flight, flush and "
                                     "end with 0; HUP reads the settings "
                                     "again; USR2 tells the state in the log.",
                                     NULL,
                                     NULL,
                                     NULL};

    if (!hold_standard_descriptors()) {
        return 1;
    }
    arguments.config.sets = arguments.sets;
    arguments.config.environ_list = environ;
    argp_err_exit_status = 2;
    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0) {
        return 2;
    }
    if (arguments.check) {
        return srv_config_check(&arguments.config, arguments.json, stdout);
    }
    if (arguments.print && arguments.format == SRV_PRINT_MD) {
        return srv_config_print(NULL, SRV_PRINT_MD, stdout) == 0 ? 0 : 1;
    }
    return run(&arguments);
}

/* Whoever starts us with stdin, stdout or stderr closed must not find our log lines in a data file that got the number. */
static bool hold_standard_descriptors(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        (void)lt_os_close(fd); /* one too many; nothing was written */
    }
    return fd >= 0;
}

/* A number that names an open descriptor: any other would be given to one of our files. */
static bool parse_descriptor(const char *arg, int *ret_fd)
{
    char *end;

    errno = 0;
    long fd = strtol(arg, &end, 10);
    if (errno != 0 || *arg == '\0' || *end != '\0' || fd < 0 || fd > INT_MAX ||
        fcntl((int)fd, F_GETFD) < 0) {
        return false;
    }
    *ret_fd = (int)fd;
    return true;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct srv_config_options *config = &arguments->config;

    switch (key) {
    case 'c':
        config->path = arg;
        return 0;
    case OPTION_SET:
        if (config->set_count == SETS_MAX) {
            argp_error(state, "more than %d times --set", SETS_MAX);
        }
        arguments->sets[config->set_count++] = arg;
        return 0;
    case OPTION_READY_FD:
        if (!parse_descriptor(arg, &arguments->ready_fd)) {
            argp_error(state, "--ready-fd: '%s' is no open descriptor", arg);
        }
        return 0;
    case OPTION_CHECK:
        arguments->check = true;
        return 0;
    case OPTION_PRINT:
        arguments->print = true;
        arguments->format = SRV_PRINT_PROPERTIES;
        if (arg != NULL && strcmp(arg, "json") == 0) {
            arguments->format = SRV_PRINT_JSON;
        } else if (arg != NULL && strcmp(arg, "md") == 0) {
            arguments->format = SRV_PRINT_MD;
        } else if (arg != NULL) {
            argp_error(state, "--print-config: '%s' is neither json nor md", arg);
        }
        return 0;
    case OPTION_JSON:
        arguments->json = true;
        return 0;
    case OPTION_DEV:
        config->dev = true;
        return 0;
    case OPTION_DATA:
        config->data_dir = arg;
        return 0;
    case OPTION_STRICT:
        config->strict = true;
        return 0;
    case OPTION_LENIENT:
        config->lenient = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}
/* NOLINTEND(concurrency-mt-unsafe) */

/* Settings are in force or said to be wrong. */
static struct srv_config *load(const struct srv_config_options *how)
{
    struct srv_config *config = NULL;
    struct leat_error *error = NULL;

    if (srv_config_load(how, &config, &error) != 0) {
        (void)fprintf(stderr, "leatd: %s\n", lt_error_message(error));
        lt_error_free(error);
        return NULL;
    }
    return config;
}

static int run(const struct arguments *arguments)
{
    hold_questions();
    struct srv_config_options how = arguments->config; /* lives as long as config */
    struct srv_config *config = load(&how);
    char *temporary = NULL; /* our own data directory, removed at the end */
    int status = 1;

    if (config != NULL && arguments->print) {
        status = srv_config_print(config, arguments->format, stdout) == 0 ? 0 : 1;
    } else if (config != NULL) {
        if (how.dev && !srv_config_is_given(config, "log.dirs")) {
            temporary = data_for_dev();
            how.data_dir = temporary;
            srv_config_free(config);
            config = temporary == NULL ? NULL : load(&how);
        }
        if (config != NULL) {
            status = start_and_serve(arguments, config);
        }
    }
    srv_config_free(config);
    if (temporary != NULL) {
        remove_tree(temporary);
    }
    lt_free(temporary);
    return status;
}

/* A fresh directory under TMPDIR. NULL: it could not be made, and that is said. */
static char *data_for_dev(void)
{
    const char *parent = getenv("TMPDIR"); /* one thread yet */
    char *path = lt_asprintf("%s/leat-XXXXXX", parent == NULL || *parent == '\0' ? "/tmp" : parent);

    if (path == NULL || mkdtemp(path) == NULL) {
        (void)fprintf(stderr, "leatd: cannot make a directory %s: %s\n", path == NULL ? "" : path,
                      strerrordesc_np(errno));
        lt_free(path);
        return NULL;
    }
    return path;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)where;
    /* What cannot be removed stays; there is nobody to tell at the end. */
    (void)(kind == FTW_DP ? lt_os_rmdir(path) : lt_os_unlink(path));
    return 0;
}

static void remove_tree(const char *path)
{
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT); /* as above */
}

static int start_and_serve(const struct arguments *arguments, struct srv_config *config)
{
    struct srv_server *server = NULL;
    struct leat_error *error = NULL;
    int status = 1;
    const struct srv_settings *settings = srv_config_settings(config);
    lt_diag_setup((enum lt_diag_level)settings->log_level,
                  (enum lt_diag_format)settings->log_format, 2);
    tell_notes(config);

    sigset_t signals;
    setup_process(&signals);
    struct srv_server_options server_options = {.config = config,
                                                .ops = lt_file_ops_real(),
                                                .clock = lt_clock_real(),
                                                .data_gone = stop_by_signal};
    if (srv_server_start(&server_options, &server, &error) != 0) {
        lt_diag(LT_ERROR, "server", "start_failed", lt_error_message(error));
    } else {
        status = serve(server, config, arguments->ready_fd, &signals);
    }
    lt_error_free(error);
    lt_diag_flush();
    return status;
}

/* The clean stop will not succeed then, and so the exit code is 1. */
static void stop_by_signal(void)
{
    (void)kill(getpid(), SIGTERM); /* to ourselves: cannot fail */
}

/* Until a signal says stop. */
static int
serve(struct srv_server *server, struct srv_config *config, int ready_fd, const sigset_t *signals)
{
    struct leat_error *error = NULL;
    int status = 0;

    say_ready(server, config, ready_fd);
    for (;;) {
        int number = 0;
        if (sigwait(signals, &number) != 0) {
            continue;
        }
        if (number == SIGHUP) {
            reload(server, config);
        } else if (number == SIGUSR2) {
            srv_state_tell(server);
        } else if (number == SIGTERM || number == SIGINT) {
            lt_diag(LT_INFO, "server", "stopping", "asked to stop");
            break;
        }
    }
    if (srv_server_stop(server, &error) != 0) {
        lt_diag(LT_ERROR, "server", "stop_failed", lt_error_message(error));
        status = 1;
    }
    lt_error_free(error);
    return status;
}

/* {"kafka":["127.0.0.1:9092"],"pid":1,"data":"/var/lib/leat"}, one line. */
static void say_ready(const struct srv_server *server, const struct srv_config *config, int fd)
{
    const char *addresses[ADDRESSES_MAX];
    size_t count = srv_server_addresses(server, addresses, ADDRESSES_MAX);
    struct lt_buf line = {0};

    (void)lt_buf_append_text(&line, "{\"kafka\":[");
    for (size_t i = 0; i < count; i++) {
        (void)lt_buf_printf(&line, "%s\"%s\"", i == 0 ? "" : ",", addresses[i]);
        lt_diag(LT_INFO, "server", "listening", "ready for connections",
                LT_FIELD_TEXT("address", addresses[i]));
    }
    (void)lt_buf_append_text(&line, "],\"http\":[");
    count = srv_http_addresses(server->http, addresses, ADDRESSES_MAX);
    for (size_t i = 0; i < count; i++) {
        (void)lt_buf_printf(&line, "%s\"%s\"", i == 0 ? "" : ",", addresses[i]);
    }
    (void)lt_buf_printf(&line, "],\"pid\":%ld,\"data\":\"", (long)getpid());
    for (const char *c = srv_config_settings(config)->log_dirs; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\' || (unsigned char)*c < 0x20) {
            (void)lt_buf_printf(&line, "\\u%04x", (unsigned char)*c);
        } else {
            (void)lt_buf_append(&line, c, 1);
        }
    }
    int err = lt_buf_append_text(&line, "\"}\n");
    if (fd >= 0 && err == 0 && lt_os_write(fd, line.data, line.size) != 0) {
        lt_diag(LT_WARN, "server", "ready_fd", "nobody reads --ready-fd");
    }
    if (fd > 2) {
        (void)lt_os_close(fd); /* its reader sees the end of the file */
    }
    lt_buf_release(&line);
}

/* Signals that ask and end nothing must not end a server that starts; TERM and INT still do. */
static void hold_questions(void)
{
    sigset_t signals;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigaddset(&signals, SIGUSR1);
    (void)sigaddset(&signals, SIGUSR2);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL); /* served once it answers */
}

/* Signals go to the main thread only; as many descriptors as we may have. */
static void setup_process(sigset_t *ret_signals)
{
    struct rlimit limit;

    (void)sigemptyset(ret_signals);
    (void)sigaddset(ret_signals, SIGTERM);
    (void)sigaddset(ret_signals, SIGINT);
    (void)sigaddset(ret_signals, SIGHUP);
    (void)sigaddset(ret_signals, SIGUSR1);
    (void)sigaddset(ret_signals, SIGUSR2);
    (void)pthread_sigmask(SIG_BLOCK, ret_signals, NULL); /* inherited by all threads */
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that is gone is an error of its socket */
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* then the old limit stays */
    }
}

static void tell_notes(const struct srv_config *config)
{
    size_t count = 0;
    const struct srv_config_note *notes = srv_config_notes(config, &count);

    for (size_t i = 0; i < count; i++) {
        lt_diag(notes[i].error ? LT_ERROR : LT_WARN, "config", "config_note", notes[i].text,
                LT_FIELD_TEXT("file", notes[i].file), LT_FIELD_INT("line", notes[i].line));
    }
}

static void reload(struct srv_server *server, struct srv_config *config)
{
    struct leat_error *error = NULL;
    size_t changed = 0, pending = 0;

    if (srv_config_reload(config, &changed, &pending, &error) != 0) {
        lt_diag(LT_ERROR, "config", "reload_failed", lt_error_message(error));
        lt_error_free(error);
        return;
    }
    srv_topics_settings_changed(server);
    lt_diag(LT_INFO, "config", "reloaded", "settings read again", LT_FIELD_INT("changed", changed),
            LT_FIELD_INT("need_restart", pending));
}
