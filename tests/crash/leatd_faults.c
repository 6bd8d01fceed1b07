/* leatd_faults.c: a leatd whose power or whose disk fails, and which may be told to break its promise first.
 *
 *   leatd_faults --data DIR --ready-fd N --set KEY=VALUE ...
 *
 * FAULT_CUT_AT=N in the environment: at the N-th file call that changes something, counted from the moment it answers,
 * all that no fdatasync has covered is taken back and the process ends (exit code LT_FAULT_EXIT).
 * FAULT_CALL=NAME, FAULT_ERRNO=N: on SIGUSR1 every call of that name (base/file_faults.h) begins to fail; on SIGUSR2 that
 * ends. FAULT_ONCE=1: only the first one fails.
 * FAULT_EARLY_ACKS=1: acks=all is answered at append instead of after the flush. Tests only. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/file_faults.h"
#include "server/config.h"
#include "server/server.h"

#define SETS_MAX 64

struct arguments {
    struct srv_config_options config;
    const char *sets[SETS_MAX];
    int ready_fd;
};

static bool parse(int argc, char **argv, struct arguments *ret)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--data") == 0) {
            ret->config.data_dir = argv[i + 1];
        } else if (strcmp(argv[i], "--ready-fd") == 0) {
            ret->ready_fd = (int)strtol(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--set") == 0 && ret->config.set_count < SETS_MAX) {
            ret->sets[ret->config.set_count++] = argv[i + 1];
        } else {
            return false;
        }
    }
    ret->config.sets = ret->sets;
    return argc % 2 == 1 && ret->config.data_dir != NULL;
}

static bool say_ready(const struct srv_server *server, int fd)
{
    const char *address = NULL;
    char line[256];
    if (srv_server_addresses(server, &address, 1) == 0) {
        return false;
    }
    int size = snprintf(line, sizeof(line), "{\"kafka\":[\"%s\"]}\n", address);
    bool said = size > 0 && write(fd, line, (size_t)size) == (ssize_t)size;
    return close(fd) == 0 && said;
}

static void stop_by_signal(void)
{
    (void)kill(getpid(), SIGTERM); /* to ourselves: cannot fail */
}

/* Until SIGTERM: faults on and off. */
static bool wait_for_end(struct lt_file_faults *faults, const sigset_t *signals)
{
    struct lt_fault_plan plan = {.kind = LT_FAULT_FAIL,
                                 .sticky = getenv("FAULT_ONCE") == NULL,
                                 .only_call = getenv("FAULT_CALL")};
    const char *errnum = getenv("FAULT_ERRNO");
    plan.errnum = errnum == NULL ? 0 : (int)strtol(errnum, NULL, 10);
    for (;;) {
        int number = 0;
        if (sigwait(signals, &number) != 0) {
            return false;
        }
        if (number == SIGTERM) {
            return true;
        }
        lt_file_faults_plan(
            faults, number == SIGUSR1 ? &plan : &(struct lt_fault_plan){.kind = LT_FAULT_NONE});
    }
}

static int serve(struct arguments *arguments, const sigset_t *signals)
{
    const char *cut_at = getenv("FAULT_CUT_AT");
    struct leat_error *error = NULL;
    struct srv_config *config = NULL;
    struct srv_server *server = NULL;
    struct lt_file_faults *faults = NULL;
    int err = srv_config_load(&arguments->config, &config, &error);
    if (err == 0) {
        err = lt_file_faults_new(&faults);
    }
    if (err == 0) {
        struct srv_server_options options = {.config = config,
                                             .ops = lt_file_faults_ops(faults),
                                             .clock = lt_clock_real(),
                                             .data_gone = stop_by_signal,
                                             .ack_before_flush =
                                                 getenv("FAULT_EARLY_ACKS") != NULL};
        err = srv_server_start(&options, &server, &error);
    }
    if (err != 0) {
        fprintf(stderr, "leatd_faults: %s\n", lt_error_message(error));
        return 1;
    }
    if (cut_at != NULL) {
        lt_file_faults_plan(
            faults, &(struct lt_fault_plan){.kind = LT_FAULT_CUT, .at = strtoll(cut_at, NULL, 10)});
    }
    if (!say_ready(server, arguments->ready_fd) || !wait_for_end(faults, signals)) {
        return 1;
    }
    err = srv_server_stop(server, &error);
    lt_error_free(error); /* a log that tells it is not what these tests read */
    srv_config_free(config);
    lt_file_faults_free(faults);
    return err == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct arguments arguments = {.ready_fd = -1};
    sigset_t signals;
    if (!parse(argc, argv, &arguments)) {
        fprintf(stderr, "usage: leatd_faults --data DIR --ready-fd N [--set KEY=VALUE ...]\n");
        return 2;
    }
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGUSR1);
    (void)sigaddset(&signals, SIGUSR2);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL); /* inherited by all threads */
    (void)signal(SIGPIPE, SIG_IGN);
    lt_diag_setup(LT_ERROR, LT_DIAG_AUTO, 2);
    return serve(&arguments, &signals);
}
