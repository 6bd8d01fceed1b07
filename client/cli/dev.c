/* dev.c: leat dev: a throw-away broker: leatd --dev as a child that ends when we do, whatever ends us.
 *
 * start leatd, wait for its ready line, create the topics, tell where it is, wait for a signal or the child's end.
 * leatd makes and removes the data directory, so that it goes too when we are killed: the kernel then sends leatd SIGTERM. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/os.h"
#include "client/cli/command.h"
#include "client/cli/program.h"

enum { OPT_PORT = 1, OPT_HTTP_PORT, OPT_READY_FD, OPT_TOPIC, OPT_DATA, OPT_KEEP };

#define READY_SIZE_MAX 4096
#define ARGS_MAX 16

struct dev_input {
    int port, http_port; /* -1: leatd chooses */
    int ready_fd;        /* -1: nobody waits */
    struct cli_words topics;
    const char *data;
    bool keep;
};

struct dev {
    struct cli *cli;
    const struct dev_input *input;
    char *data; /* what leatd shall not remove, or NULL */
    pid_t child;
    int signal_fd; /* SIGINT, SIGTERM, SIGHUP, SIGCHLD */
    sigset_t before;
    char line[READY_SIZE_MAX]; /* leatd's ready line */
    json_t *ready;
};

static int start(struct dev *dev);
static int wait_ready(struct dev *dev, int fd);
static int make_topics(struct dev *dev);
static void tell(const struct dev *dev);
static int wait_end(struct dev *dev);

static int number_or_die(struct argp_state *state, const char *flag, const char *arg, int most)
{
    char *end;
    long number = strtol(arg, &end, 10);
    if (*end != '\0' || end == arg || number < 0 || number > most) {
        argp_error(state, "%s %s: want a number from 0 to %d", flag, arg, most);
    }
    return (int)number;
}

/* "orders" or "orders:3". */
static void check_topic(struct argp_state *state, const char *arg)
{
    const char *colon = strchr(arg, ':');
    char *end;
    long count = colon == NULL ? 1 : strtol(colon + 1, &end, 10);
    if (colon == arg || *arg == '\0' ||
        (colon != NULL && (*end != '\0' || count < 1 || count > 10000))) {
        argp_error(state, "--topic %s: want NAME or NAME:PARTITIONS", arg);
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct dev_input *input = state->input;
    switch (key) {
    case OPT_PORT:
        input->port = number_or_die(state, "--port", arg, 65535);
        return 0;
    case OPT_HTTP_PORT:
        input->http_port = number_or_die(state, "--http-port", arg, 65535);
        return 0;
    case OPT_READY_FD:
        input->ready_fd = number_or_die(state, "--ready-fd", arg, 1 << 20);
        /* Not leatd's: whoever reads until the end would wait for it. */
        if (fcntl(input->ready_fd, F_SETFD, FD_CLOEXEC) < 0) {
            argp_error(state, "--ready-fd %s: no open descriptor", arg);
        }
        return 0;
    case OPT_TOPIC:
        check_topic(state, arg);
        cli_words_add(&input->topics, state, arg);
        return 0;
    case OPT_DATA:
        input->data = arg;
        return 0;
    case OPT_KEEP:
        input->keep = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s': no names here; --topic NAME:PARTITIONS makes topics", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"port", OPT_PORT, "N", 0, "Port for clients (9092 if free, else any); 0 = any", 0},
    {"http-port", OPT_HTTP_PORT, "N", 0,
     "Port for metrics and health (9640 if free, else any); 0 = any", 0},
    {"topic", OPT_TOPIC, "NAME:PARTITIONS", 0,
     "Make this topic before telling ready; may be repeated", 0},
    {"data", OPT_DATA, "DIR", 0, "Keep the data here, instead of a temporary directory", 0},
    {"keep", OPT_KEEP, NULL, 0, "Do not delete the temporary directory", 0},
    {"ready-fd", OPT_READY_FD, "N", 0,
     "Write one line of JSON with the addresses to descriptor N when everything answers", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

/* The exit code of a start that failed: the child must not outlive it. */
static int give_up(struct dev *dev, int status)
{
    if (dev->child > 0) {
        (void)kill(dev->child, SIGTERM); /* ours until waited for */
        (void)waitpid(dev->child, NULL, 0);
        dev->child = 0;
    }
    return status;
}

static int run(struct cli *cli, int argc, char **argv)
{
    static struct dev_input input = {.port = -1, .http_port = -1, .ready_fd = -1};
    cli_parse(cli, argc, argv, &input);
    struct dev dev = {.cli = cli, .input = &input, .signal_fd = -1};
    if (input.data != NULL) {
        dev.data = lt_strdup(input.data);
    } else if (input.keep) {
        const char *parent = getenv("TMPDIR");
        dev.data =
            lt_asprintf("%s/leat-XXXXXX", parent == NULL || *parent == '\0' ? "/tmp" : parent);
        if (dev.data == NULL || mkdtemp(dev.data) == NULL) {
            fprintf(stderr, "leat: dev: cannot make a directory in TMPDIR: %s\n",
                    strerrordesc_np(errno));
            lt_free(dev.data);
            return CLI_FAILED;
        }
    }
    int status = start(&dev);
    if (status == 0) {
        status = make_topics(&dev);
    }
    if (status == 0) {
        tell(&dev);
        status = wait_end(&dev);
    }
    status = give_up(&dev, status);
    json_decref(dev.ready);
    lt_free(dev.data);
    return status;
}

/* ---- start ---- */

/* In the child: become leatd. Only what is safe after fork, and it does not return. */
static void become_leatd(const struct dev *dev, const char *path, char **argv, pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* a valid signal */
    if (getppid() != parent) {
        _exit(CLI_FAILED); /* it went before the kernel knew */
    }
    (void)sigprocmask(SIG_SETMASK, &dev->before, NULL);
    (void)execvp(path, argv);
    fprintf(stderr, "leat: cannot run %s: %s\n", path, strerrordesc_np(errno));
    _exit(CLI_FAILED);
}

static void catch_signals(struct dev *dev)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, &dev->before);
    dev->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
}

static int start(struct dev *dev)
{
    const struct dev_input *input = dev->input;
    static char name[] = "leatd", dev_flag[] = "--dev", ready_flag[] = "--ready-fd";
    static char data_flag[] = "--data", set_flag[] = "--set", calm[] = "log.level=warn";
    char ready[32], listeners[64], http[64];
    char *argv[ARGS_MAX] = {name, dev_flag, ready_flag, ready};
    size_t count = 4;
    int ends[2];
    char *path = cli_program_path("leatd");
    if (path == NULL || pipe(ends) != 0) {
        lt_free(path);
        return cli_fail(dev->cli, LEAT_ENOMEM, NULL, "dev");
    }
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC); /* a fresh descriptor */
    (void)snprintf(ready, sizeof(ready), "%d", ends[1]);
    if (dev->data != NULL) {
        argv[count++] = data_flag;
        argv[count++] = dev->data;
    }
    if (input->port >= 0) {
        (void)snprintf(listeners, sizeof(listeners), "listeners=PLAINTEXT://127.0.0.1:%d",
                       input->port);
        argv[count++] = set_flag;
        argv[count++] = listeners;
    }
    if (input->http_port >= 0) {
        (void)snprintf(http, sizeof(http), "http.listeners=http://127.0.0.1:%d", input->http_port);
        argv[count++] = set_flag;
        argv[count++] = http;
    }
    if (dev->cli->verbosity == 0) {
        argv[count++] = set_flag;
        argv[count++] = calm;
    }
    catch_signals(dev);
    (void)unsetenv(
        "LEAT_BOOTSTRAP_SERVERS"); /* the client's: to leatd it is a setting that there is not */
    pid_t parent = getpid();
    dev->child = fork();
    if (dev->child == 0) {
        become_leatd(dev, path, argv, parent);
    }
    (void)close(ends[1]); /* leatd's now */
    int status = dev->child < 0 || dev->signal_fd < 0 ? cli_fail(dev->cli, LEAT_ENOMEM, NULL, "dev")
                                                      : wait_ready(dev, ends[0]);
    (void)close(ends[0]); /* only read */
    lt_free(path);
    return status;
}

/* Which signal came. */
static int next_signal(const struct dev *dev)
{
    struct signalfd_siginfo info;
    ssize_t size = read(dev->signal_fd, &info, sizeof(info));
    return size == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}

/* leatd's line, or why there is none. */
static int wait_ready(struct dev *dev, int fd)
{
    size_t size = 0;
    bool ended = false;
    while (!ended && memchr(dev->line, '\n', size) == NULL && size + 1 < sizeof(dev->line)) {
        struct pollfd fds[] = {{fd, POLLIN, 0}, {dev->signal_fd, POLLIN, 0}};
        int found = poll(fds, 2, dev->cli->timeout_ms);
        if (found == 0) {
            fprintf(stderr,
                    "leat: dev: leatd is not ready after %d ms; --timeout TIME waits longer\n",
                    dev->cli->timeout_ms);
            return CLI_FAILED;
        }
        if (found > 0 && fds[0].revents != 0) {
            ssize_t more = read(fd, dev->line + size, sizeof(dev->line) - 1 - size);
            ended = more <= 0;
            size += more > 0 ? (size_t)more : 0;
        } else if (found > 0) {
            int number = next_signal(dev);
            if (number == SIGINT || number == SIGTERM || number == SIGHUP) {
                return number == SIGINT ? CLI_INTERRUPTED : CLI_FAILED;
            }
            /* SIGCHLD: the end of the pipe comes too */
        }
    }
    dev->ready = json_loadb(dev->line, size, 0, NULL);
    if (json_array_size(json_object_get(dev->ready, "kafka")) == 0) {
        fprintf(stderr, "leat: dev: leatd did not start; its reason stands above\n");
        return CLI_FAILED;
    }
    return 0;
}

static const char *first(const struct dev *dev, const char *name)
{
    return json_string_value(json_array_get(json_object_get(dev->ready, name), 0));
}

static int make_topics(struct dev *dev)
{
    /* Settings of our own: a profile speaks of another broker. */
    struct leat_error *err = NULL;
    struct leat_client *client = NULL;
    struct leat_conf *conf = leat_conf_new();
    const struct cli_words *topics = &dev->input->topics;
    int code = topics->count == 0 ? 0 : conf == NULL ? LEAT_ENOMEM : 1;
    if (code == 1) {
        code = leat_conf_set(conf, "bootstrap.servers", first(dev, "kafka"), &err);
        code = code != 0 ? code : leat_client_new(conf, &client, &err);
    }
    for (size_t i = 0; code == 0 && i < topics->count; i++) {
        const char *colon = strchr(topics->words[i], ':');
        char *name = colon == NULL
                         ? lt_strdup(topics->words[i])
                         : lt_strndup(topics->words[i], (size_t)(colon - topics->words[i]));
        int partitions = colon == NULL ? 1 : (int)strtol(colon + 1, NULL, 10);
        code = name == NULL
                   ? LEAT_ENOMEM
                   : leat_create_topic(client, name, partitions, NULL, dev->cli->timeout_ms, &err);
        bool exists =
            LEAT_IS_BROKER_ERROR(code) && strcmp(leat_errname(code), "TOPIC_ALREADY_EXISTS") == 0;
        if (exists && dev->data != NULL) { /* from an earlier life of the directory */
            leat_error_free(err);
            err = NULL;
            code = 0;
        }
        lt_free(name);
    }
    leat_client_unref(client);
    leat_conf_free(conf);
    return code == 0 ? 0 : cli_fail(dev->cli, code, err, "dev: --topic");
}

/* ---- ready ---- */

static void tell(const struct dev *dev)
{
    const char *http = first(dev, "http");
    const char *data = json_string_value(json_object_get(dev->ready, "data"));
    if (dev->cli->format == CLI_JSON) {
        json_t *root = json_pack("{s:s,s:i,s:s,s:s?,s:s,s:b,s:O}", "_command", "dev", "_version", 1,
                                 "broker", first(dev, "kafka"), "http", http, "data", data, "kept",
                                 dev->data != NULL, "pid", json_object_get(dev->ready, "pid"));
        (void)json_dumpf(root, stdout, JSON_COMPACT); /* shows in cli_finish */
        json_decref(root);
        printf("\n");
    } else if (!dev->cli->quiet) {
        printf("leat %s  broker %s  http %s%s  data %s (%s)\n", leat_version(), first(dev, "kafka"),
               http == NULL ? "" : "http://", http == NULL ? "off" : http, data,
               dev->data == NULL ? "deleted on exit" : "kept");
    }
    (void)fflush(stdout); /* as above */
    if (dev->input->ready_fd >= 0) {
        /* Nobody reads it: then nobody waits for it either. */
        (void)lt_os_write(dev->input->ready_fd, dev->line, strlen(dev->line));
        if (dev->input->ready_fd > STDERR_FILENO) {
            (void)close(dev->input->ready_fd); /* its reader sees the end of the file */
        }
    }
}

static int wait_end(struct dev *dev)
{
    for (;;) {
        int number = next_signal(dev);
        if (number == SIGCHLD) {
            int how = 0;
            if (waitpid(dev->child, &how, WNOHANG) == dev->child) {
                dev->child = 0;
                fprintf(stderr, "leat: dev: leatd has ended by itself (%s %d)\n",
                        WIFSIGNALED(how) ? "signal" : "exit code",
                        WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how));
                return CLI_FAILED;
            }
        } else if (number == SIGINT) {
            return CLI_INTERRUPTED;
        } else if (number == SIGTERM || number == SIGHUP) {
            return CLI_DONE;
        }
    }
}

const struct cli_command cli_dev = {
    .name = "dev",
    .summary = "throw-away broker for development and tests",
    .doc = "Start a broker (leatd --dev) whose data goes when it ends, with Ctrl-C or when this "
           "program is gone. It listens on 127.0.0.1 only and answers within milliseconds.",
    .examples = "leat dev\n"
                "leat dev --port 0 --http-port 0 --topic orders:3 --json\n"
                "leat dev --data ./leat-data\n",
    .more = "The first line on stdout tells the addresses once everything answers; with --json it "
            "is an object with broker, http, data, kept and pid. Exit code 0 after SIGTERM, 130 "
            "after Ctrl-C, 1 when leatd could not start or ended by itself.",
    .options = options,
    .parse = parse,
    .run = run,
};
