/* doctor.h: the report of leat doctor, and the checks that look at this machine.
 *
 * Threads: the main thread. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "client/cli/context.h"
#include "client/cli/output.h"

enum cli_verdict { CLI_OK = 0, CLI_WARN = 1, CLI_BAD = 2 };

struct cli_report {
    struct cli *cli;
    struct cli_table *table; /* the rows, for --json and csv */
    size_t counts[3];        /* by verdict */
};

/* One line: "ok  CHECK  sentence", and what to do about it (NULL: nothing). */
void cli_report_add(struct cli_report *report,
                    enum cli_verdict verdict,
                    const char *check,
                    const char *fix,
                    const char *fmt,
                    ...) __attribute__((format(printf, 5, 6)));

/* The process that listens on this port of this machine: its limit of files, seccomp, and the kernel's io_uring. */
void cli_doctor_host(struct cli_report *report, int port);

#endif
