/* verify_read.c: see verify.h. */
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "bench/crew.h"
#include "bench/measure.h"
#include "bench/reader.h"
#include "bench/verify.h"

struct worker {
    struct bench_measure *measure;
    struct bench_reader reader;
    struct bench_counter *counter;
    struct bench_chain_reader *chains; /* of all partitions; each is touched by one worker */
};

struct load {
    struct bench_measure measure;
    struct worker *workers;
    struct bench_chain_reader *chains;
    int worker_count;
};

static int open_load(struct load *load,
                     const struct bench_options *options,
                     const char *address,
                     const struct bench_topic *topic,
                     int server_pid,
                     struct leat_error **reterr);
static void *work(void *arg);
static void judge(struct load *load,
                  int partitions,
                  const struct bench_verify_state *state,
                  struct bench_result *ret);

int bench_verify_read(const struct bench_options *options,
                      const char *address,
                      const struct bench_topic *topic,
                      const struct bench_verify_state *state,
                      int server_pid,
                      struct bench_result *ret,
                      struct leat_error **reterr)
{
    int partitions = topic->partition_count;
    int clients = options->clients < partitions ? options->clients : partitions;
    struct load load = {.worker_count = bench_crew_size(clients)};
    ret->reads = true;
    int err = open_load(&load, options, address, topic, server_pid, reterr);
    if (err == 0) {
        for (int p = 0; p < partitions; p++) {
            bool known = state->partitions != NULL && p < state->partition_count;
            bench_chain_reader_init(&load.chains[p], topic->partitions[p].log_start > 0,
                                    known ? &state->partitions[p] : NULL);
        }
        struct bench_crew crew;
        bench_measure_begin(&load.measure, ret);
        bench_crew_start(&crew, &load.measure, work, load.workers, sizeof(*load.workers),
                         load.worker_count);
        bench_measure_wait(&load.measure, 0, 0, ret);
        bench_crew_join(&crew);
        bench_measure_end(&load.measure, ret);
        judge(&load, partitions, state, ret);
    }
    for (int i = 0; load.workers != NULL && i < load.worker_count; i++) {
        bench_reader_close(&load.workers[i].reader);
    }
    for (int p = 0; load.chains != NULL && p < partitions; p++) {
        bench_chain_reader_release(&load.chains[p]);
    }
    lt_free(load.workers);
    lt_free(load.chains);
    bench_measure_close(&load.measure);
    return err;
}

/* Where the reading itself failed, what did not come is not known to be lost. */
static void judge(struct load *load,
                  int partitions,
                  const struct bench_verify_state *state,
                  struct bench_result *ret)
{
    bool whole = ret->errors == 0;
    for (int p = partitions; state->partitions != NULL && p < state->partition_count; p++) {
        ret->damage.lost += state->partitions[p].acknowledged; /* the partition itself is gone */
    }
    for (int p = 0; p < partitions; p++) {
        if (whole) {
            bench_chain_end(&load->chains[p]);
        }
        bench_damage_add(&ret->damage, &load->chains[p].damage);
    }
    ret->verified = true;
    if (whole && bench_damage_any(&ret->damage)) {
        const struct bench_damage *d = &ret->damage;
        ret->errors = d->lost + d->doubled + d->reordered + d->changed;
        ret->error_code = LEAT_ECORRUPT;
        (void)snprintf(ret->error_text, sizeof(ret->error_text),
                       "%s: the topic does not hold what was written: %" PRId64 " lost, %" PRId64
                       " doubled, %" PRId64 " reordered, %" PRId64 " changed",
                       leat_errname(LEAT_ECORRUPT), d->lost, d->doubled, d->reordered, d->changed);
    }
}

static int open_load(struct load *load,
                     const struct bench_options *options,
                     const char *address,
                     const struct bench_topic *topic,
                     int server_pid,
                     struct leat_error **reterr)
{
    int err =
        bench_measure_open(&load->measure, options, server_pid, load->worker_count, true, reterr);
    load->workers = lt_calloc((size_t)load->worker_count, sizeof(*load->workers));
    load->chains = lt_calloc((size_t)topic->partition_count, sizeof(*load->chains));
    if (err == 0 && (load->workers == NULL || load->chains == NULL)) {
        err = LEAT_ENOMEM;
    }
    for (int i = 0; i < load->worker_count && err == 0; i++) {
        struct worker *w = &load->workers[i];
        w->measure = &load->measure;
        w->counter = &load->measure.counters[i];
        w->chains = load->chains;
        err = bench_reader_open(&w->reader, &load->measure, address, topic, i, load->worker_count,
                                BENCH_FROM_START, reterr);
    }
    return err;
}

static int take(struct worker *w, const struct leat_batch *batch)
{
    int64_t bytes = 0;
    int err = 0;
    for (size_t i = 0; i < leat_batch_count(batch) && err == 0; i++) {
        const struct leat_record *rec = leat_batch_at(batch, i);
        int32_t partition;
        size_t key_size = 0;
        size_t value_size = 0;
        size_t header_size = 0;
        (void)leat_record_topic(rec, &partition); /* the only one that is read */
        const void *key = leat_record_key(rec, &key_size);
        const void *value = leat_record_value(rec, &value_size);
        const void *header = leat_record_header(rec, BENCH_CHAIN_HEADER, &header_size);
        bool appended = leat_record_info(rec, LEAT_RECORD_TIMESTAMP_TYPE) == 1;
        err = bench_chain_read(
            &w->chains[partition], lt_slice(key, key_size), lt_slice(value, value_size),
            appended ? -1 : leat_record_timestamp(rec), lt_slice(header, header_size));
        bytes += (int64_t)(key_size + value_size);
    }
    bench_count(w->counter, (int64_t)leat_batch_count(batch), bytes);
    return err;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    int64_t last_ns = lt_clock_mono_ns(lt_clock_real());
    bool done = bench_reader_done(&w->reader);
    while (!done && !bench_measure_over(w->measure)) {
        struct leat_batch *batch;
        int got = bench_reader_poll(&w->reader, 100, &batch);
        int64_t now_ns = lt_clock_mono_ns(lt_clock_real());
        if (got > 0) {
            int err = take(w, batch);
            leat_batch_unref(batch);
            last_ns = now_ns;
            if (err != 0) {
                bench_measure_fail(w->measure, err, leat_strerror(err));
            }
        } else if (got == 0 && bench_reader_quiet(w->measure, last_ns)) {
            bench_measure_fail(w->measure, LEAT_ETIMEDOUT,
                               "no record came within --timeout, and more are there");
        }
        done = got >= 0 && (w->reader.left <= 0 || (got == 0 && bench_reader_done(&w->reader)));
    }
    bench_measure_leave(w->measure);
    return NULL;
}
