/* leat-segment: looks into log files on disk, without a server, and repairs them.
 *
 * `dump` prints what the files hold, `verify` checks it, both only read; `repair` takes damage out. Messages go to stderr,
 * data to stdout. Exit codes: 0 done, 1 something failed or was found, 2 wrong usage. */
#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "storage/tools/dump.h"
#include "storage/tools/repair.h"
#include "storage/tools/verify.h"

#define EXIT_FOUND 1
#define EXIT_USAGE 2

enum option_key {
    OPT_RECORDS = 0x100,
    OPT_JSON,
    OPT_RANGE,
    OPT_DEEP,
    OPT_TRUNCATE,
    OPT_SKIP,
    OPT_DRY_RUN,
};

struct arguments {
    char **paths; /* of argv */
    int path_count;
    struct log_dump_options dump;
    bool json;
    bool deep;
    struct log_repair_options repair; /* kind 0: not said yet */
    bool yes;
};

static int run_dump(const struct arguments *args);
static int run_verify(const struct arguments *args);
static int run_repair(const struct arguments *args);

static void say(const char *text)
{
    (void)fprintf(stderr, "leat-segment: %s\n", text);
}

/* "FROM:TO", either may be left out; TO is the first offset that is not wanted. One number: that offset alone. */
static bool parse_range(const char *text, int64_t *ret_from, int64_t *ret_end)
{
    char *end = NULL;
    int64_t from = 0;
    errno = 0;
    if (*text != ':') {
        from = strtoll(text, &end, 10);
        if (errno != 0 || end == text || from < 0 || (*end != ':' && *end != '\0')) {
            return false;
        }
        if (*end == '\0') {
            *ret_from = from;
            *ret_end = from + 1;
            return true;
        }
        text = end;
    }
    text++;
    int64_t until = INT64_MAX;
    if (*text != '\0') {
        until = strtoll(text, &end, 10);
        if (errno != 0 || *end != '\0' || until < from) {
            return false;
        }
    }
    *ret_from = from;
    *ret_end = until;
    return true;
}

/* argp may print and exit: there is one thread. NOLINTBEGIN(concurrency-mt-unsafe) */
static void parse_repair(int key, const char *arg, struct argp_state *state)
{
    struct arguments *args = state->input;
    const char *name = key == OPT_TRUNCATE ? "--truncate-at" : "--skip-batch";
    char *end = NULL;
    errno = 0;
    long long offset = strtoll(arg, &end, 10);
    if (errno != 0 || end == arg || *end != '\0' || offset < 0) {
        argp_error(state, "%s: \"%s\" is not an offset", name, arg);
    }
    if (args->repair.kind != 0) {
        argp_error(state, "one repair at a time: --truncate-at or --skip-batch, once");
    }
    args->repair.kind = key == OPT_TRUNCATE ? LOG_REPAIR_TRUNCATE : LOG_REPAIR_SKIP;
    args->repair.offset = offset;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct arguments *args = state->input;
    switch (key) {
    case OPT_RECORDS:
        args->dump.records = true;
        return 0;
    case OPT_JSON:
        args->json = true;
        return 0;
    case OPT_DEEP:
        args->deep = true;
        return 0;
    case OPT_TRUNCATE:
    case OPT_SKIP:
        parse_repair(key, arg, state);
        return 0;
    case OPT_DRY_RUN:
        args->repair.dry_run = true;
        return 0;
    case 'y':
        args->yes = true;
        return 0;
    case OPT_RANGE:
        if (!parse_range(arg, &args->dump.offset_from, &args->dump.offset_end)) {
            argp_error(state, "--offset-range: \"%s\" is not FROM:TO", arg);
        }
        return 0;
    case 'h':
        argp_state_help(state, stdout,
                        ARGP_HELP_SHORT_USAGE | ARGP_HELP_PRE_DOC | ARGP_HELP_SEE |
                            ARGP_HELP_EXIT_OK);
        return 0;
    case ARGP_KEY_ARGS:
        args->paths = state->argv + state->next;
        args->path_count = state->argc - state->next;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "no file or directory given");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}
/* NOLINTEND(concurrency-mt-unsafe) */

#define DUMP_DOC                                                                                  \
    "Print what log files hold: batches, index entries, checkpoints.\n\n"                         \
    "  leat-segment dump data/orders-0\n"                                                         \
    "  leat-segment dump --records --offset-range 100:200 data/orders-0/00000000000000000000.log" \
    "\vPATH is a file of a log directory, a partition directory or a data directory, of leat or " \
    "of a stopped Kafka. The text is that of Kafka's dump tool. Nothing is ever written."

#define VERIFY_DOC                                                                               \
    "Check log files: checksums, order of offsets, indexes.\n\n"                                 \
    "  leat-segment verify data/orders-0\n"                                                      \
    "  leat-segment verify --deep --json data"                                                   \
    "\vExit code 1 if there is a problem. Notes (missing indexes, reserved space, gaps left by " \
    "compaction) are none. Use it while no server writes to the files. Nothing is ever written."

#define REPAIR_DOC                                                                                 \
    "Take damage out of a partition's log.\n\n"                                                    \
    "  leat-segment repair data/orders-0 --skip-batch 4711 --dry-run\n"                            \
    "  leat-segment repair data/orders-0 --truncate-at 4711 --yes"                                 \
    "\vPARTITION-DIR is <topic>-<partition> in a data directory that no server uses. "             \
    "`leat-segment "                                                                               \
    "verify` and the server's log name the offsets. What is taken out is kept beside the log, in " \
    ".cut files. With a truncation the next start looks at all logs, as after a crash."

static const struct argp_option dump_options[] = {
    {"records", OPT_RECORDS, NULL, 0, "Print each record, with its key and value", 0},
    {"print-data-log", OPT_RECORDS, NULL, OPTION_ALIAS, NULL, 0},
    {"offset-range", OPT_RANGE, "FROM:TO", 0,
     "Only offsets from FROM (0) up to, not including, TO (the end)", 0},
    {"json", OPT_JSON, NULL, 0, "One JSON object per line", 0},
    {NULL, 'h', NULL, 0, "Short help", 0},
    {0},
};

static const struct argp_option verify_options[] = {
    {"deep", OPT_DEEP, NULL, 0, "Decode the records of every batch too", 0},
    {"json", OPT_JSON, NULL, 0, "One JSON object per line", 0},
    {NULL, 'h', NULL, 0, "Short help", 0},
    {0},
};

static const struct argp_option repair_options[] = {
    {"truncate-at", OPT_TRUNCATE, "OFFSET", 0,
     "End the log before the batch that holds OFFSET; that batch and all behind it go", 0},
    {"skip-batch", OPT_SKIP, "OFFSET", 0,
     "Take out the damaged bytes at OFFSET; all other offsets stay", 0},
    {"dry-run", OPT_DRY_RUN, NULL, 0, "Say what would be done, change nothing", 0},
    {"yes", 'y', NULL, 0, "Do not ask", 0},
    {"json", OPT_JSON, NULL, 0, "One JSON object per line", 0},
    {NULL, 'h', NULL, 0, "Short help", 0},
    {0},
};

static const struct command {
    const char *name;
    struct argp argp;
    int (*run)(const struct arguments *args);
} commands[] = {
    {"dump", {dump_options, parse_option, "PATH..", DUMP_DOC, NULL, NULL, NULL}, run_dump},
    {"verify", {verify_options, parse_option, "PATH..", VERIFY_DOC, NULL, NULL, NULL}, run_verify},
    {"repair",
     {repair_options, parse_option, "PARTITION-DIR", REPAIR_DOC, NULL, NULL, NULL},
     run_repair},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *file)
{
    (void)fputs("Usage: leat-segment dump|verify|repair [OPTION..] PATH..\n"
                "Look into log files on disk, offline.\n\n"
                "  leat-segment dump --records data/orders-0     what stands in a partition\n"
                "  leat-segment verify data                      is everything sound?\n\n"
                "  dump      print batches, records, index entries, checkpoints\n"
                "  verify    check checksums, order of offsets, indexes\n"
                "  repair    take damage out of a partition's log; the others change nothing\n"
                "  help      this text; leat-segment COMMAND --help for a command's options\n"
                "  --version\n",
                file);
}

/* What was printed must have arrived: a full disk behind a pipe is a failure. */
static int close_stdout(int code)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fprintf(stderr, "leat-segment: standard output: %s\n",
                      strerror(errno)); /* NOLINT(concurrency-mt-unsafe) */
        return EXIT_FOUND;
    }
    return code;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    argp_err_exit_status = EXIT_USAGE;
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        usage(stdout);
        return close_stdout(0);
    }
    if (strcmp(name, "--version") == 0) {
        puts("leat-segment " LEAT_VERSION_TEXT);
        return close_stdout(0);
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(name, commands[i].name) != 0) {
            continue;
        }
        char title[64];
        struct arguments args = {
            .dump = {.ops = lt_file_ops_real(), .offset_from = 0, .offset_end = INT64_MAX}};
        (void)snprintf(title, sizeof(title), "leat-segment %s", name); /* the names are short */
        argv[1] = title;
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
        if (argp_parse(&commands[i].argp, argc - 1, argv + 1, 0, NULL, &args) != 0) {
            return EXIT_USAGE;
        }
        return close_stdout(commands[i].run(&args));
    }
    (void)fprintf(stderr,
                  *name == '\0' ? "leat-segment: no command given%s\n"
                                : "leat-segment: there is no command \"%s\"\n",
                  name);
    usage(stderr);
    return EXIT_USAGE;
}

/* Collect the files of all paths; what cannot be used is reported and makes *ret_code a failure. */
static void collect(const struct arguments *args, struct log_files *files, int *ret_code)
{
    for (int i = 0; i < args->path_count; i++) {
        struct leat_error *error = NULL;
        int err = log_files_add(files, args->paths[i], &error);
        if (err != 0) {
            say(error != NULL ? lt_error_message(error) : lt_err_text(err));
            lt_error_free(error);
            *ret_code = EXIT_FOUND;
        }
    }
}

static int run_dump(const struct arguments *args)
{
    struct log_files files = {0};
    struct log_out out = {.file = stdout, .json = args->json};
    int code = 0;
    collect(args, &files, &code);
    for (size_t i = 0; i < files.count; i++) {
        struct leat_error *error = NULL;
        int err = log_dump_file(&files.items[i], &args->dump, &out, &error);
        if (err != 0) {
            (void)fflush(stdout); /* so that both streams read in order; errors show at the end */
            say(error != NULL ? lt_error_message(error) : lt_err_text(err));
            lt_error_free(error);
            code = EXIT_FOUND;
        }
    }
    log_files_release(&files);
    return code;
}

/* An index alone says nothing: verify its segment. */
static int add_log_of(const char *path, struct log_files *files, struct leat_error **reterr)
{
    enum log_file_kind kind = log_file_classify(path, NULL);
    if (kind != LOG_FILE_INDEX && kind != LOG_FILE_TIME_INDEX && kind != LOG_FILE_TXN_INDEX) {
        return log_files_add(files, path, reterr);
    }
    char *log = log_file_beside(path, ".log");
    if (log == NULL) {
        return LEAT_ENOMEM;
    }
    int err = log_files_add(files, log, reterr);
    lt_free(log);
    return err;
}

static int run_verify(const struct arguments *args)
{
    struct log_out out = {.file = stdout, .json = args->json};
    struct log_verify_options options = {.ops = args->dump.ops, .deep = args->deep};
    int code = 0;
    for (int i = 0; i < args->path_count; i++) {
        struct log_files files = {0};
        struct leat_error *error = NULL;
        uint64_t problems = 0;
        int err = add_log_of(args->paths[i], &files, &error);
        if (err == 0) {
            err = log_verify(&files, &options, &out, &problems, &error);
        }
        if (err != 0) {
            (void)fflush(stdout); /* so that both streams read in order; errors show at the end */
            say(error != NULL ? lt_error_message(error) : lt_err_text(err));
            lt_error_free(error);
        }
        if (err != 0 || problems > 0) {
            code = EXIT_FOUND;
        }
        log_files_release(&files);
    }
    return code;
}

/* Changing a log is asked for on a terminal; without one --yes has to say it. */
static int confirm(const struct arguments *args)
{
    char answer[16];
    if (args->yes || args->repair.dry_run) {
        return 0;
    }
    if (isatty(STDIN_FILENO) == 0) {
        say("repair changes files: say --yes, or look first with --dry-run");
        return EXIT_USAGE;
    }
    (void)fprintf(stderr, "leat-segment: %s in %s at offset %lld? [y/N] ",
                  args->repair.kind == LOG_REPAIR_TRUNCATE ? "cut the log" : "take damage out",
                  args->paths[0], (long long)args->repair.offset);
    bool yes = fgets(answer, sizeof(answer), stdin) != NULL && (*answer == 'y' || *answer == 'Y');
    return yes ? 0 : EXIT_FOUND;
}

static int run_repair(const struct arguments *args)
{
    struct log_out out = {.file = stdout, .json = args->json};
    struct log_repair_options options = args->repair;
    struct leat_error *error = NULL;
    if (options.kind == 0 || args->path_count != 1) {
        say(options.kind == 0 ? "say --truncate-at OFFSET or --skip-batch OFFSET"
                              : "one partition at a time");
        return EXIT_USAGE;
    }
    int code = confirm(args);
    if (code != 0) {
        return code;
    }
    options.ops = args->dump.ops;
    int err = log_repair(args->paths[0], &options, &out, &error);
    if (err != 0) {
        say(error != NULL ? lt_error_message(error) : lt_err_text(err));
        lt_error_free(error);
        code = EXIT_FOUND;
    }
    return code;
}
