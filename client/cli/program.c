/* program.c: see program.h; and the commands that are only that: segment and bench. */
#include "client/cli/program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "client/cli/command.h"

char *cli_program_path(const char *name)
{
    char self[4096];
    ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash = size <= 0 ? NULL : memrchr(self, '/', (size_t)size);
    char *path = slash == NULL ? NULL : lt_asprintf("%.*s/%s", (int)(slash - self), self, name);
    if (path != NULL && access(path, X_OK) != 0) {
        lt_free(path);
        path = NULL;
    }
    if (path == NULL) {
        path = lt_asprintf("%s/%s", LEAT_LIBEXEC_DIR, name);
    }
    if (path != NULL && access(path, X_OK) != 0) {
        lt_free(path);
        path = lt_strdup(name);
    }
    return path;
}

int cli_program_run(const char *name, char **argv)
{
    char *path = cli_program_path(name);
    if (path != NULL) {
        (void)execvp(path, argv); /* returns only when it failed */
        fprintf(stderr, "leat: cannot run %s: %s\n", path, strerrordesc_np(errno));
        lt_free(path);
    }
    return CLI_FAILED;
}

static int run_other(struct cli *cli, int argc, char **argv)
{
    (void)argc;
    return cli_program_run(cli->self->program, argv);
}

const struct cli_command cli_segment = {
    .name = "segment",
    .summary = "dump, verify and repair log files without a server (leat-segment)",
    .args = "COMMAND..",
    .doc = "Runs leat-segment, which works on files while no server uses them.",
    .examples = "leat segment verify DIR\nleat segment dump FILE.log\n"
                "leat segment repair DIR/orders-0 --skip-batch 4711 --dry-run\n",
    .program = "leat-segment",
    .run = run_other,
};

const struct cli_command cli_bench = {
    .name = "bench",
    .summary = "measure a broker (leat-bench)",
    .args = "COMMAND..",
    .doc = "Runs leat-bench.",
    .examples = "leat bench produce -t loads --create 3 --num-records 1000000 --record-size 100\n"
                "leat bench --help\n",
    .program = "leat-bench",
    .run = run_other,
};
