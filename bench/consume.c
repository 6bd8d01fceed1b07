/* consume.c: see load.h. */
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "bench/crew.h"
#include "bench/load.h"
#include "bench/measure.h"
#include "bench/reader.h"
#include "bench/tally.h"

struct worker {
    struct bench_measure *measure;
    struct bench_reader *readers;
    struct bench_counter *counter;
    int reader_count;
};

static int open_workers(struct worker *workers,
                        int count,
                        struct bench_measure *measure,
                        const char *address,
                        const struct bench_topic *topic,
                        struct leat_error **reterr);
static void *work(void *arg);

static void tally(const struct worker *workers, int count, int sign, struct bench_result *ret)
{
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < workers[i].reader_count; k++) {
            bench_tally(workers[i].readers[k].client, sign, ret);
        }
    }
}

int bench_consume(const struct bench_options *options,
                  const char *address,
                  const struct bench_topic *topic,
                  int server_pid,
                  struct bench_result *ret,
                  struct leat_error **reterr)
{
    int count = bench_crew_size(options->clients);
    struct bench_measure measure;
    int err = bench_measure_open(&measure, options, server_pid, count, true, reterr);
    struct worker *workers = lt_calloc((size_t)count, sizeof(*workers));
    if (err == 0) {
        err = workers == NULL ? LEAT_ENOMEM
                              : open_workers(workers, count, &measure, address, topic, reterr);
    }
    if (err == 0) {
        struct bench_crew crew;
        ret->reads = true;
        if (options->warmup_ms > 0) {
            bench_measure_reset(&measure);
            bench_crew_start(&crew, &measure, work, workers, sizeof(*workers), count);
            bench_measure_warm(&measure);
            atomic_store(&measure.stop, true);
            bench_crew_join(&crew);
        }
        tally(workers, count, -1, ret);
        bench_measure_begin(&measure, ret);
        bench_crew_start(&crew, &measure, work, workers, sizeof(*workers), count);
        bench_measure_wait(&measure, options->record_count, 0, ret);
        bench_crew_join(&crew);
        bench_measure_end(&measure, ret);
        tally(workers, count, 1, ret);
    }
    for (int i = 0; workers != NULL && i < count; i++) {
        for (int k = 0; workers[i].readers != NULL && k < workers[i].reader_count; k++) {
            bench_reader_close(&workers[i].readers[k]);
        }
        lt_free(workers[i].readers);
    }
    lt_free(workers);
    bench_measure_close(&measure);
    return err;
}

static int open_workers(struct worker *workers,
                        int count,
                        struct bench_measure *measure,
                        const char *address,
                        const struct bench_topic *topic,
                        struct leat_error **reterr)
{
    int clients = measure->options->clients;
    int number = 0;
    int err = 0;
    for (int i = 0; i < count && err == 0; i++) {
        struct worker *w = &workers[i];
        w->measure = measure;
        w->counter = &measure->counters[i];
        w->reader_count = clients / count + (i < clients % count ? 1 : 0);
        w->readers = lt_calloc((size_t)w->reader_count, sizeof(*w->readers));
        err = w->readers == NULL ? LEAT_ENOMEM : 0;
        for (int k = 0; k < w->reader_count && err == 0; k++) {
            err = bench_reader_open(&w->readers[k], measure, address, topic, number++, clients,
                                    BENCH_FROM_START, reterr);
        }
    }
    return err;
}

/* False: as many as were asked for have come. */
static bool take(struct worker *w, const struct leat_batch *batch)
{
    int64_t count = (int64_t)leat_batch_count(batch);
    if (!bench_measure_counts(w->measure)) {
        return true;
    }
    int64_t wanted = bench_measure_claim(w->measure, count);
    int64_t bytes = 0;
    for (int64_t i = 0; i < wanted; i++) {
        size_t key_size = 0;
        size_t value_size = 0;
        const struct leat_record *rec = leat_batch_at(batch, (size_t)i);
        (void)leat_record_key(rec, &key_size); /* their sizes are wanted, not they */
        (void)leat_record_value(rec, &value_size);
        bytes += (int64_t)(key_size + value_size);
    }
    bench_count(w->counter, wanted, bytes);
    return wanted == count;
}

static void fail_quiet(struct worker *w, int64_t left)
{
    char text[120];
    (void)snprintf(text, sizeof(text),
                   "no record came for %" PRId64 " ms; at least %" PRId64 " are missing",
                   w->measure->options->timeout_ms, left);
    bench_measure_fail(w->measure, LEAT_ETIMEDOUT, text);
}

/* Without a number of records to wait for, the end of what was there is the end. */
static void *work(void *arg)
{
    struct worker *w = arg;
    bool waits = w->measure->options->record_count > 0;
    int64_t last_ns = lt_clock_mono_ns(lt_clock_real());
    bool more = true;
    while (more && !bench_measure_over(w->measure)) {
        int64_t total = 0;
        int64_t left = 0;
        bool done = true;
        for (int k = 0; k < w->reader_count && more; k++) {
            struct leat_batch *batch;
            struct bench_reader *reader = &w->readers[k];
            int got = bench_reader_poll(reader, w->reader_count == 1 ? 100 : 1, &batch);
            if (got > 0) {
                more = take(w, batch);
                leat_batch_unref(batch);
                total += got;
            }
            left += reader->left > 0 ? reader->left : 0;
            done = done && (got > 0 ? reader->left <= 0 : got == 0 && bench_reader_done(reader));
        }
        int64_t now_ns = lt_clock_mono_ns(lt_clock_real());
        last_ns = total > 0 ? now_ns : last_ns;
        if (done && !waits) {
            bench_measure_leave_at(w->measure, last_ns);
            return NULL;
        }
        if (total == 0 && bench_reader_quiet(w->measure, last_ns)) {
            fail_quiet(w, waits ? atomic_load(&w->measure->claim) : left);
        }
    }
    bench_measure_leave(w->measure);
    return NULL;
}
