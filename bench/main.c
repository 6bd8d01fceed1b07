/* main.c: leat-bench: open the topic, run each repetition against the broker and its peer in turn, tell what came out. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "bench/load.h"
#include "bench/options.h"
#include "bench/raw.h"
#include "bench/result.h"
#include "bench/topic.h"
#include "bench/warm.h"

#define TARGETS_MAX 2

struct target {
    const char *address;
    int pid;
    struct bench_result *results; /* --repeat of them */
};

static int run_once(const struct bench_options *options,
                    enum bench_work work,
                    struct target *target,
                    int run,
                    struct leat_error **reterr);
static int run_all(const struct bench_options *options,
                   enum bench_work work,
                   const char *what,
                   struct target *targets,
                   size_t count,
                   struct leat_error **reterr);
static int write_hgrm(const char *path,
                      const struct bench_result *results,
                      int count,
                      struct leat_error **reterr);

static int delete_topics(const struct bench_options *options,
                         const struct target *targets,
                         size_t count,
                         struct leat_error **reterr)
{
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++) {
        err = bench_topic_delete(targets[i].address, options->topic, reterr);
    }
    return err;
}

int main(int argc, char **argv)
{
    struct bench_options options;
    bench_options_parse(argc, argv, &options);
    struct target targets[TARGETS_MAX] = {
        {options.bootstrap, options.server_pid, NULL},
        {options.peer, options.peer_pid, NULL},
    };
    size_t count = options.peer == NULL ? 1 : 2;
    struct leat_error *error = NULL;
    int err = 0;
    if (options.command == BENCH_PRODUCE) {
        err = run_all(&options, BENCH_WORK_PRODUCE, "produce", targets, count, &error);
    } else if (options.command == BENCH_CONSUME) {
        err = run_all(&options, BENCH_WORK_FETCH, "consume", targets, count, &error);
    } else {
        if ((options.work & BENCH_WORK_PRODUCE) != 0) {
            err = run_all(&options, BENCH_WORK_PRODUCE, "produce", targets, count, &error);
        }
        if (err == 0 && (options.work & BENCH_WORK_FETCH) != 0) {
            err = run_all(&options, BENCH_WORK_FETCH, "fetch", targets, count, &error);
        }
    }
    if (err == 0 && options.delete_after) {
        err = delete_topics(&options, targets, count, &error);
    }
    if (err != 0) {
        fprintf(stderr, "leat-bench: %s\n",
                error == NULL ? lt_err_text(err) : lt_error_message(error));
    }
    lt_error_free(error);
    if (err == 0) {
        return EXIT_SUCCESS;
    }
    return err == LEAT_EUNREACHABLE ? 3 : EXIT_FAILURE;
}

/* One kind of work, --repeat times against each target in turn. The first failed run ends it, after what it measured is told. */
static int run_all(const struct bench_options *options,
                   enum bench_work work,
                   const char *what,
                   struct target *targets,
                   size_t count,
                   struct leat_error **reterr)
{
    int runs = options->repeat;
    int err = 0;
    for (size_t i = 0; i < count; i++) {
        targets[i].results = lt_calloc((size_t)runs, sizeof(struct bench_result));
        err = targets[i].results == NULL ? LEAT_ENOMEM : err;
        for (int k = 0; k < runs && err == 0; k++) {
            err = bench_result_init(&targets[i].results[k], what);
        }
    }
    for (int k = 0; k < runs && err == 0; k++) {
        for (size_t i = 0; i < count && err == 0; i++) {
            err = run_once(options, work, &targets[i], k, reterr);
        }
    }
    if (err == 0) {
        const struct bench_result *peer = count > 1 ? targets[1].results : NULL;
        bench_report_summary(options, targets[0].results, peer, (size_t)runs);
        err =
            options->json ? bench_report_json(options, targets[0].results, peer, (size_t)runs) : 0;
    }
    if (err == 0 && options->hgrm_file != NULL) {
        err = write_hgrm(options->hgrm_file, targets[0].results, runs, reterr);
    }
    for (size_t i = 0; i < count; i++) {
        for (int k = 0; targets[i].results != NULL && k < runs; k++) {
            bench_result_release(&targets[i].results[k]);
        }
        lt_free(targets[i].results);
        targets[i].results = NULL;
    }
    return err;
}

static int run_once(const struct bench_options *options,
                    enum bench_work work,
                    struct target *target,
                    int run,
                    struct leat_error **reterr)
{
    struct bench_topic topic;
    int err = bench_warm_memory(options->warm_memory, reterr);
    if (err == 0) {
        err = bench_topic_open(target->address, options, &topic, reterr);
    }
    if (err != 0) {
        return err;
    }
    struct bench_result *result = &target->results[run];
    if (options->command == BENCH_RAW) {
        err = bench_raw_run(options, work, &topic, target->pid, result, reterr);
    } else {
        err = bench_load_run(options, target->address, &topic, target->pid, result, reterr);
    }
    if (err == 0) {
        bench_report_run(options, result, target->address);
    }
    if (err == 0 && result->errors > 0) {
        err = lt_error_set(reterr, LEAT_EIO, "%s: %s; the run ended after %lld records",
                           target->address, result->error_text, (long long)result->records);
    }
    bench_topic_release(&topic);
    return err;
}

static int write_hgrm(const char *path,
                      const struct bench_result *results,
                      int count,
                      struct leat_error **reterr)
{
    FILE *out = fopen(path, "we");
    if (out == NULL) {
        return lt_error_set_errno(reterr, LEAT_EIO, errno, "%s", path);
    }
    struct bench_histogram all;
    int err = bench_histogram_init(&all);
    for (int i = 0; i < count && err == 0; i++) {
        bench_histogram_merge(&all, &results[i].latency);
    }
    if (err == 0) {
        bench_histogram_print_hgrm(&all, out);
    }
    bench_histogram_release(&all);
    if (fclose(out) != 0 && err == 0) {
        err = lt_error_set_errno(reterr, LEAT_EIO, errno, "%s", path);
    }
    return err;
}
