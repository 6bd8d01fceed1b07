/* main.c: leat-bench: run each repetition against the broker and its peer in turn, tell what came out. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "bench/client.h"
#include "bench/cold.h"
#include "bench/interrupt.h"
#include "bench/load.h"
#include "bench/null.h"
#include "bench/options.h"
#include "bench/plot.h"
#include "bench/raw.h"
#include "bench/report.h"
#include "bench/topic.h"
#include "bench/verify.h"
#include "bench/warm.h"
#include "leat/leat.h"

#define TARGETS_MAX 2
#define LOADS_MAX 2

struct target {
    const char *address;
    int pid;
    struct bench_verify_state state; /* verify: of the last writing run */
};

struct bench {
    struct bench_options options;
    struct target targets[TARGETS_MAX];
    size_t target_count;
    struct bench_load loads[LOADS_MAX];
    enum bench_work works[LOADS_MAX];
    size_t load_count;
    int partitions;
    char *own_address;
    char null_address[300];
    pid_t null_pid; /* 0 = none */
};

static int prepare(struct bench *bench, struct leat_error **reterr);
static int run_all(struct bench *bench, struct leat_error **reterr);
static int tell(struct bench *bench, bool complete, struct leat_error **reterr);
static void release(struct bench *bench);

static int delete_topics(const struct bench *bench, struct leat_error **reterr)
{
    int err = 0;
    for (size_t i = 0; i < bench->target_count && err == 0; i++) {
        err = bench_topic_delete(bench->targets[i].address, bench->options.topic, reterr);
    }
    return err;
}

int main(int argc, char **argv)
{
    struct bench bench = {.null_pid = 0};
    struct leat_error *error = NULL;
    lt_os_guard_standard_fds();
    bench_options_parse(argc, argv, &bench.options);
    bench_interrupt_catch();
    int err;
    if (bench.options.command == BENCH_NULL) {
        err = bench_null_run(&bench.options, &error);
    } else {
        err = prepare(&bench, &error);
        if (err == 0) {
            err = run_all(&bench, &error);
            struct leat_error *second = NULL;
            int told = tell(&bench, err == 0, &second);
            if (err == 0) {
                err = told;
                error = second;
            } else {
                lt_error_free(second); /* the run's own error is the one to report */
            }
            if (bench.options.delete_after && (err == 0 || bench_interrupted())) {
                int deleted = delete_topics(&bench, err == 0 ? &error : NULL);
                err = err == 0 ? deleted : err;
            }
        }
        release(&bench);
    }
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && err == 0) {
        err = lt_error_set_errno(&error, LEAT_EIO, errno, "cannot write to stdout");
    }
    if (err == LEAT_EUNREACHABLE && bench.loads[0].own_done > 1) {
        err = LEAT_ECLOSED; /* it was there before: not a matter of a wrong address */
    }
    bool interrupted = bench_interrupted() && bench.options.command != BENCH_NULL;
    if (err != 0) {
        fprintf(stderr, "leat-bench: %s\n",
                error == NULL ? lt_err_text(err) : lt_error_message(error));
    }
    lt_error_free(error);
    bench_options_release(&bench.options);
    if (interrupted) {
        return 130;
    }
    return err == 0 ? EXIT_SUCCESS : err == LEAT_EUNREACHABLE ? 3 : EXIT_FAILURE;
}

/* ---- what is to be run ---- */

static int add_load(struct bench *bench, enum bench_work work, const char *what)
{
    struct bench_load *load = &bench->loads[bench->load_count];
    size_t runs = (size_t)bench->options.repeat;
    load->what = what;
    load->runs = runs;
    load->own = lt_calloc(runs, sizeof(*load->own));
    load->peer = bench->target_count > 1 ? lt_calloc(runs, sizeof(*load->peer)) : NULL;
    bench->works[bench->load_count++] = work;
    if (load->own == NULL || (bench->target_count > 1 && load->peer == NULL)) {
        return LEAT_ENOMEM;
    }
    int err = 0;
    for (size_t i = 0; i < runs && err == 0; i++) {
        err = bench_result_init(&load->own[i], what);
        if (err == 0 && load->peer != NULL) {
            err = bench_result_init(&load->peer[i], what);
        }
    }
    return err;
}

static int start_null(struct bench *bench, struct leat_error **reterr)
{
    struct bench_topic topic;
    int err = bench_topic_open(bench->options.bootstrap, &bench->options, &topic, reterr);
    if (err != 0) {
        return err;
    }
    err = bench_null_spawn(&bench->options, topic.partition_count, bench->null_address,
                           &bench->null_pid, reterr);
    bench_topic_release(&topic);
    bench->options.peer = bench->null_address;
    bench->options.peer_pid = (int)bench->null_pid;
    return err;
}

/* Before anything runs: a run of an hour is not for a file that cannot be written. */
static int check_writable(const char *path, struct leat_error **reterr)
{
    bool is_new = path != NULL && access(path, F_OK) != 0;
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (path != NULL && fd < 0) {
        return lt_error_set_errno(reterr, LEAT_EIO, errno, "cannot write %s", path);
    }
    if (fd >= 0) {
        (void)close(fd); /* nothing was written */
    }
    if (is_new) {
        (void)lt_os_unlink(path); /* made again when there is something to write */
    }
    return 0;
}

static int prepare(struct bench *bench, struct leat_error **reterr)
{
    const struct bench_options *o = &bench->options;
    if (o->plot_file != NULL && !bench_plot_possible()) {
        return lt_error_set(reterr, LEAT_ENOENT,
                            "--plot needs gnuplot, which is not on the PATH (Debian: gnuplot-nox)");
    }
    int err = check_writable(o->hgrm_file, reterr);
    err = err == 0 ? check_writable(o->plot_file, reterr) : err;
    err = err == 0 ? bench_client_address(o, &bench->own_address, reterr) : err;
    if (err == 0) {
        bench->options.bootstrap = bench->own_address;
        err = o->peer_null ? start_null(bench, reterr) : 0;
    }
    if (err != 0) {
        return err;
    }
    bench->targets[0] = (struct target){.address = o->bootstrap, .pid = o->server_pid};
    bench->targets[1] = (struct target){.address = o->peer, .pid = o->peer_pid};
    bench->target_count = o->peer == NULL ? 1 : 2;
    switch (o->command) {
    case BENCH_PRODUCE:
        return add_load(bench, BENCH_WORK_PRODUCE, "produce");
    case BENCH_CONSUME:
        return add_load(bench, BENCH_WORK_FETCH, "consume");
    case BENCH_E2E:
        return add_load(bench, BENCH_WORK_PRODUCE, "e2e");
    case BENCH_RAW:
    case BENCH_VERIFY:
    case BENCH_NULL:
        break;
    }
    bool raw = o->command == BENCH_RAW;
    if ((o->work & BENCH_WORK_PRODUCE) != 0) {
        err = add_load(bench, BENCH_WORK_PRODUCE, raw ? "produce" : "write");
    }
    if (err == 0 && (o->work & BENCH_WORK_FETCH) != 0) {
        err = add_load(bench, BENCH_WORK_FETCH, raw ? "fetch" : "verify");
    }
    if (err == 0 && o->state_file != NULL && (o->work & BENCH_WORK_PRODUCE) == 0) {
        err = bench_verify_state_load(o->state_file, o->topic, &bench->targets[0].state, reterr);
    }
    return err;
}

static void release(struct bench *bench)
{
    for (size_t i = 0; i < bench->load_count; i++) {
        struct bench_load *load = &bench->loads[i];
        for (size_t k = 0; k < load->runs; k++) {
            if (load->own != NULL) {
                bench_result_release(&load->own[k]);
            }
            if (load->peer != NULL) {
                bench_result_release(&load->peer[k]);
            }
        }
        lt_free(load->own);
        lt_free(load->peer);
    }
    for (size_t i = 0; i < TARGETS_MAX; i++) {
        bench_verify_state_release(&bench->targets[i].state);
    }
    lt_free(bench->own_address);
    if (bench->null_pid > 0) {
        bench_null_end(bench->null_pid);
    }
}

/* ---- runs ---- */

static int run_verify(const struct bench_options *o,
                      enum bench_work work,
                      struct target *target,
                      const struct bench_topic *topic,
                      struct bench_result *result,
                      struct leat_error **reterr)
{
    if (work == BENCH_WORK_FETCH) {
        return bench_verify_read(o, target->address, topic, &target->state, target->pid, result,
                                 reterr);
    }
    int err =
        bench_verify_write(o, target->address, topic, target->pid, result, &target->state, reterr);
    if (err == 0 && o->state_file != NULL) {
        err = bench_verify_state_save(&target->state, o->state_file, o->topic, reterr);
    }
    return err;
}

static int run_work(const struct bench_options *o,
                    enum bench_work work,
                    struct target *target,
                    const struct bench_topic *topic,
                    struct bench_result *result,
                    struct leat_error **reterr)
{
    result->packed = strcmp(o->codec, "none") != 0;
    switch (o->command) {
    case BENCH_PRODUCE:
        return bench_produce(o, target->address, topic, target->pid, result, reterr);
    case BENCH_CONSUME:
        return bench_consume(o, target->address, topic, target->pid, result, reterr);
    case BENCH_E2E:
        return bench_e2e(o, target->address, topic, target->pid, result, reterr);
    case BENCH_VERIFY:
        return run_verify(o, work, target, topic, result, reterr);
    case BENCH_RAW:
    case BENCH_NULL:
        break;
    }
    return bench_raw_run(o, work, topic, target->pid, result, reterr);
}

static int run_begun(struct bench *bench,
                     enum bench_work work,
                     struct target *target,
                     int number,
                     struct bench_result *result,
                     struct leat_error **reterr)
{
    const struct bench_options *options = &bench->options;
    struct bench_topic topic;
    int err = bench_warm_memory(options->warm_memory, reterr);
    if (err == 0) {
        err = bench_topic_open(target->address, options, &topic, reterr);
    }
    if (err != 0) {
        return err;
    }
    bench->partitions = topic.partition_count;
    bool is_null = options->peer_null && target->address == options->peer;
    if (options->cold && work == BENCH_WORK_FETCH && !is_null) {
        err = bench_cold(options, target->address, topic.partition_count, &result->cold_percent,
                         reterr);
    }
    if (err == 0) {
        err = run_work(options, work, target, &topic, result, reterr);
    }
    if (err == 0) {
        bench_report_run(options, result, target->address, number);
    }
    if (err == 0 && result->errors > 0) {
        err = lt_error_set(reterr, LEAT_EIO, "%s: %s (after %lld records)", target->address,
                           result->error_text, (long long)result->records);
    }
    bench_topic_release(&topic);
    return err;
}

/* A run that could not begin is no run with zero records. */
static int run_once(struct bench *bench,
                    enum bench_work work,
                    struct target *target,
                    int number,
                    struct bench_result *result,
                    struct leat_error **reterr)
{
    int err = run_begun(bench, work, target, number, result, reterr);
    if (err != 0 && result->errors == 0) {
        result->errors = 1;
        result->error_code = err;
        (void)snprintf(result->error_text, sizeof(result->error_text), "%s: %s", leat_errname(err),
                       reterr == NULL || *reterr == NULL ? lt_err_text(err)
                                                         : lt_error_message(*reterr));
    }
    return err;
}

/* One repetition of one load: A, then B. */
static int run_pair(struct bench *bench, size_t load, int number, struct leat_error **reterr)
{
    int err = 0;
    for (size_t i = 0; i < bench->target_count && err == 0; i++) {
        struct bench_load *l = &bench->loads[load];
        struct bench_result *results = i == 0 ? l->own : l->peer;
        *(i == 0 ? &l->own_done : &l->peer_done) += 1;
        err = run_once(bench, bench->works[load], &bench->targets[i], number + 1, &results[number],
                       reterr);
    }
    return err;
}

/* A failed run ends it all. What verify writes is read before the next is written; raw writes everything first, so that reads
 * find the same log each time. */
static int run_all(struct bench *bench, struct leat_error **reterr)
{
    int runs = bench->options.repeat;
    int err = 0;
    if (bench->options.command == BENCH_VERIFY) {
        for (int k = 0; k < runs && err == 0; k++) {
            for (size_t load = 0; load < bench->load_count && err == 0; load++) {
                err = run_pair(bench, load, k, reterr);
            }
        }
    } else {
        for (size_t load = 0; load < bench->load_count && err == 0; load++) {
            for (int k = 0; k < runs && err == 0; k++) {
                err = run_pair(bench, load, k, reterr);
            }
            if (err == 0) {
                bench_report_summary(&bench->options, &bench->loads[load]);
            }
        }
    }
    return err;
}

/* ---- output ---- */

static int write_hgrm(const char *path,
                      const struct bench_result *results,
                      size_t count,
                      struct leat_error **reterr)
{
    FILE *out = path == NULL ? NULL : fopen(path, "we");
    if (out == NULL) {
        return lt_error_set_errno(reterr, LEAT_EIO, errno, "%s", path == NULL ? "--hgrm" : path);
    }
    struct bench_histogram all;
    int err = bench_histogram_init(&all);
    for (size_t i = 0; i < count && err == 0; i++) {
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

/* FILE, and for a second load and for the peer FILE.fetch, FILE.peer, FILE.fetch.peer. */
static int write_hgrms(const struct bench *bench, struct leat_error **reterr)
{
    int err = 0;
    for (size_t i = 0; i < bench->load_count && err == 0; i++) {
        const struct bench_load *load = &bench->loads[i];
        char *path = lt_asprintf("%s%s%s", bench->options.hgrm_file, i == 0 ? "" : ".",
                                 i == 0 ? "" : load->what);
        err = write_hgrm(path, load->own, load->runs, reterr);
        if (err == 0 && load->peer != NULL) {
            char *peer = lt_asprintf("%s.peer", path);
            err = write_hgrm(peer, load->peer, load->runs, reterr);
            lt_free(peer);
        }
        lt_free(path);
    }
    return err;
}

static int tell(struct bench *bench, bool complete, struct leat_error **reterr)
{
    const struct bench_options *o = &bench->options;
    int err = 0;
    if (o->json) {
        err = bench_report_json(o, bench->loads, bench->load_count, bench->partitions);
    }
    if (err == 0 && complete && o->hgrm_file != NULL) {
        err = write_hgrms(bench, reterr);
    }
    if (err == 0 && complete && o->plot_file != NULL) {
        err = bench_plot(o->plot_file, bench->loads, bench->load_count, reterr);
    }
    return err;
}
