/* load.c: see load.h. */
#include "bench/load.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "bench/measure.h"
#include "bench/payload.h"
#include "bench/slots.h"
#include "leat/leat.h"

#define SLOTS_MAX ((size_t)1 << 20) /* records under way, all clients together */
#define SLOTS_MIN ((size_t)1 << 10) /* of one client */
#define FLUSH_MS 30000
#define CONNECT_MS 10000

struct load_worker;

struct load_client {
    struct load_worker *worker;
    struct leat_client *client;
    struct leat_producer *producer;
    struct leat_consumer *consumer;
    struct bench_slots slots;
    struct bench_result
        result; /* written by the client's I/O thread (produce) or the worker (consume) */
};

struct load_worker {
    const struct bench_options *options;
    const struct bench_payload *payload;
    const struct bench_topic *topic;
    struct bench_measure *measure;
    struct load_client *clients;
    int client_count;
    int first_number;   /* of its clients, over all workers */
    double interval_ns; /* open loop: between two records of this worker; 0 = closed loop */
    struct leat_record *record;
    pthread_t thread;
};

static int client_open(struct load_worker *worker,
                       struct load_client *c,
                       const char *address,
                       int number,
                       struct leat_error **reterr);
static void client_close(struct load_client *c);
static void *produce_run(void *arg);
static void *consume_run(void *arg);
static int run_workers(struct load_worker *workers,
                       int count,
                       struct bench_measure *measure,
                       struct bench_result *ret);

int bench_load_run(const struct bench_options *options,
                   const char *address,
                   const struct bench_topic *topic,
                   int server_pid,
                   struct bench_result *ret,
                   struct leat_error **reterr)
{
    struct bench_payload payload;
    int err = bench_payload_open(options, &payload, reterr);
    if (err != 0) {
        return err;
    }
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int count = options->clients < cores ? options->clients : (int)cores;
    struct bench_measure measure;
    bench_measure_init(&measure, server_pid);
    struct load_worker *workers = lt_calloc((size_t)count, sizeof(*workers));
    err = workers == NULL ? LEAT_ENOMEM : 0;
    int number = 0;
    for (int i = 0; i < count && err == 0; i++) {
        struct load_worker *w = &workers[i];
        *w = (struct load_worker){
            .options = options, .payload = &payload, .topic = topic, .measure = &measure};
        w->interval_ns = options->throughput > 0 ? 1e9 * count / (double)options->throughput : 0.0;
        w->record = leat_record_new();
        w->client_count = options->clients / count + (i < options->clients % count ? 1 : 0);
        w->first_number = number;
        w->clients = lt_calloc((size_t)w->client_count, sizeof(*w->clients));
        err = w->clients == NULL || w->record == NULL ? LEAT_ENOMEM : 0;
        for (int k = 0; k < w->client_count && err == 0; k++) {
            err = client_open(w, &w->clients[k], address, number++, reterr);
        }
    }
    if (err == 0) {
        err = run_workers(workers, count, &measure, ret);
    }
    for (int i = 0; workers != NULL && i < count; i++) {
        for (int k = 0; workers[i].clients != NULL && k < workers[i].client_count; k++) {
            client_close(&workers[i].clients[k]);
        }
        leat_record_free(workers[i].record);
        lt_free(workers[i].clients);
    }
    lt_free(workers);
    bench_payload_release(&payload);
    return err;
}

static void add_up(struct bench_result *ret, const struct bench_result *part)
{
    bench_histogram_merge(&ret->latency, &part->latency);
    ret->records += part->records;
    ret->bytes += part->bytes;
    ret->errors += part->errors;
    if (ret->error_text[0] == '\0') {
        memcpy(ret->error_text, part->error_text, sizeof(ret->error_text));
    }
}

static int run_workers(struct load_worker *workers,
                       int count,
                       struct bench_measure *measure,
                       struct bench_result *ret)
{
    const struct bench_options *options = workers[0].options;
    int started = 0;
    for (; started < count; started++) {
        atomic_fetch_add(&measure->running, 1);
        if (pthread_create(&workers[started].thread, NULL,
                           options->command == BENCH_PRODUCE ? produce_run : consume_run,
                           &workers[started]) != 0) {
            atomic_fetch_sub(&measure->running, 1);
            atomic_store(&measure->failed, true);
            break;
        }
    }
    bench_measure_run(measure, options, options->record_count, 0, ret);
    for (int i = 0; i < started; i++) {
        (void)pthread_join(workers[i].thread, NULL); /* cannot fail for a thread that we made */
        for (int k = 0; k < workers[i].client_count; k++) {
            add_up(ret, &workers[i].clients[k].result);
        }
    }
    return started < count ? LEAT_ENOMEM : 0;
}

/* ---- set-up ---- */

static int make_conf(const struct bench_options *o,
                     const char *address,
                     struct leat_conf **ret,
                     struct leat_error **reterr)
{
    struct leat_conf *conf = leat_conf_new();
    int err = conf == NULL ? LEAT_ENOMEM : leat_conf_load_profile(conf, o->profile, reterr);
    if (err == 0 && o->config_file != NULL) {
        err = leat_conf_load_file(conf, o->config_file, reterr);
    }
    if (err == 0) {
        err = leat_conf_set(conf, "client.id", "leat-bench", reterr);
    }
    for (size_t i = 0; err == 0 && i < o->property_count; i++) {
        char key[128];
        const char *equals = strchr(o->properties[i], '=');
        (void)snprintf(key, sizeof(key), "%.*s", (int)(equals - o->properties[i]),
                       o->properties[i]);
        err = leat_conf_set(conf, key, equals + 1, reterr);
    }
    if (err == 0) {
        err = leat_conf_set(conf, "bootstrap.servers", address, reterr);
    }
    if (err != 0) {
        leat_conf_free(conf);
        return err;
    }
    *ret = conf;
    return 0;
}

/* Clients share the partitions out; where there are more clients than partitions, several read the same one. */
static bool reads(const struct load_worker *worker, int number, int partition)
{
    int partitions = worker->topic->partition_count;
    int clients = worker->options->clients;
    return clients <= partitions ? partition % clients == number : number % partitions == partition;
}

static int
assign(struct load_worker *worker, struct load_client *c, int number, struct leat_error **reterr)
{
    struct leat_offsets *parts = leat_offsets_new();
    int err = parts == NULL ? LEAT_ENOMEM : 0;
    for (int p = 0; err == 0 && p < worker->topic->partition_count; p++) {
        if (reads(worker, number, p)) {
            err = leat_offsets_add(parts, worker->options->topic, p, LEAT_OFFSET_START);
        }
    }
    if (err == 0) {
        err = leat_consumer_assign(c->consumer, parts, reterr);
    }
    leat_offsets_free(parts);
    return err;
}

static size_t slot_count(int clients)
{
    size_t count = SLOTS_MAX;
    while (count > SLOTS_MIN && count * (size_t)clients > SLOTS_MAX) {
        count /= 2;
    }
    return count;
}

static int client_open(struct load_worker *worker,
                       struct load_client *c,
                       const char *address,
                       int number,
                       struct leat_error **reterr)
{
    c->worker = worker;
    struct leat_conf *conf = NULL;
    int err = bench_result_init(&c->result, "client");
    if (err == 0) {
        err = make_conf(worker->options, address, &conf, reterr);
    }
    if (err == 0) {
        err = leat_client_new(conf, &c->client, reterr);
    }
    if (err == 0) {
        err = leat_client_connect(c->client, CONNECT_MS, reterr);
    }
    if (err == 0 && worker->options->command == BENCH_PRODUCE) {
        err = bench_slots_init(&c->slots, slot_count(worker->options->clients), c);
        if (err == 0) {
            err = leat_producer_new(c->client, NULL, &c->producer, reterr);
        }
    } else if (err == 0) {
        err = leat_consumer_new(c->client, NULL, &c->consumer, reterr);
        if (err == 0) {
            err = assign(worker, c, number, reterr);
        }
    }
    leat_conf_free(conf);
    return err;
}

static void client_close(struct load_client *c)
{
    leat_producer_free(c->producer);
    leat_consumer_free(c->consumer);
    leat_client_unref(c->client);
    bench_slots_release(&c->slots);
    bench_result_release(&c->result);
}

static void fail(struct load_client *c, int code, const char *message)
{
    c->result.errors++;
    if (c->result.error_text[0] == '\0') {
        (void)snprintf(c->result.error_text, sizeof(c->result.error_text), "%s: %s",
                       leat_errname(code), message);
    }
    atomic_store(&c->worker->measure->failed, true);
}

/* ---- produce ---- */

static void on_delivery(const struct leat_delivery *d, void *arg)
{
    struct bench_slot *slot = arg;
    struct load_client *c = slot->owner;
    struct bench_measure *measure = c->worker->measure;
    int code = leat_delivery_code(d);
    if (code != 0) {
        if (!atomic_load_explicit(&measure->stop, memory_order_relaxed)) {
            fail(c, code, leat_delivery_message(d));
        }
    } else if (atomic_load_explicit(&measure->counting, memory_order_relaxed)) {
        size_t key_size = 0;
        size_t value_size = 0;
        const struct leat_record *rec = leat_delivery_record(d);
        (void)leat_record_key(rec, &key_size);
        (void)leat_record_value(rec, &value_size);
        bench_histogram_add(&c->result.latency, lt_clock_mono_ns(lt_clock_real()) - slot->due_ns);
        c->result.records++;
        c->result.bytes += (int64_t)(key_size + value_size);
        atomic_fetch_add_explicit(&measure->records, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&measure->bytes, (int64_t)(key_size + value_size),
                                  memory_order_relaxed);
    }
    bench_slots_give(&c->slots, slot);
}

static int set_key(struct load_worker *worker, int64_t i)
{
    char key[24];
    if (worker->options->keys == BENCH_KEYS_NONE) {
        return 0;
    }
    int64_t number = i;
    if (worker->options->keys == BENCH_KEYS_RANDOM) {
        /* Any fixed scrambling will do: the spread over the range is what matters. */
        number =
            (int64_t)((uint64_t)i * 0x9e3779b97f4a7c15U % (uint64_t)worker->options->key_range);
    }
    int size = snprintf(key, sizeof(key), "%lld", (long long)number);
    return leat_record_set_key(worker->record, key, (size_t)size);
}

static struct bench_slot *wait_slot(struct load_client *c)
{
    struct bench_slot *slot = bench_slots_take(&c->slots);
    while (slot == NULL && !atomic_load(&c->worker->measure->stop)) {
        (void)nanosleep(&(struct timespec){0, 100000},
                        NULL); /* a million records are under way: no hurry */
        slot = bench_slots_take(&c->slots);
    }
    return slot;
}

static void send_one(struct load_worker *worker, int64_t i, int64_t due_ns)
{
    struct load_client *c = &worker->clients[i % worker->client_count];
    struct lt_slice value = bench_payload_at(worker->payload, i);
    struct bench_slot *slot = wait_slot(c);
    if (slot == NULL) {
        return;
    }
    slot->due_ns = due_ns;
    int err = set_key(worker, i);
    if (err == 0) {
        err = leat_record_set_value(worker->record, value.data, value.size);
    }
    if (err == 0) {
        err = leat_send(c->producer, worker->record, on_delivery, slot);
    }
    if (err != 0) {
        fail(c, err, leat_strerror(err)); /* the slot is lost, and the run with it */
    }
}

static void sleep_until(int64_t mono_ns)
{
    int64_t left = mono_ns - lt_clock_mono_ns(lt_clock_real());
    if (left > 0) {
        (void)nanosleep(&(struct timespec){left / 1000000000, left % 1000000000},
                        NULL); /* early: the loop comes again */
    }
}

static void *produce_run(void *arg)
{
    struct load_worker *worker = arg;
    struct bench_measure *measure = worker->measure;
    int64_t begin_ns = lt_clock_mono_ns(lt_clock_real());
    int err = leat_record_set_topic(worker->record, worker->options->topic, -1);
    for (int64_t i = 0; err == 0 && !atomic_load_explicit(&measure->stop, memory_order_relaxed) &&
                        !atomic_load_explicit(&measure->failed, memory_order_relaxed);
         i++) {
        int64_t now_ns = lt_clock_mono_ns(lt_clock_real());
        int64_t due_ns = now_ns;
        if (worker->interval_ns > 0.0) {
            due_ns = begin_ns + (int64_t)((double)i * worker->interval_ns);
            while (due_ns > now_ns && !atomic_load(&measure->stop)) {
                sleep_until(due_ns);
                now_ns = lt_clock_mono_ns(lt_clock_real());
            }
        }
        send_one(worker, i, due_ns);
    }
    for (int k = 0; k < worker->client_count; k++) {
        (void)leat_producer_flush(worker->clients[k].producer,
                                  FLUSH_MS); /* what is late is no longer counted */
    }
    atomic_fetch_sub(&measure->running, 1);
    return NULL;
}

/* ---- consume ---- */

static int64_t take_batch(struct load_client *c, const struct leat_batch *batch)
{
    struct bench_measure *measure = c->worker->measure;
    int64_t count = (int64_t)leat_batch_count(batch);
    if (!atomic_load_explicit(&measure->counting, memory_order_relaxed)) {
        return count;
    }
    int64_t bytes = 0;
    for (int64_t i = 0; i < count; i++) {
        size_t key_size = 0;
        size_t value_size = 0;
        const struct leat_record *rec = leat_batch_at(batch, (size_t)i);
        (void)leat_record_key(rec, &key_size);
        (void)leat_record_value(rec, &value_size);
        bytes += (int64_t)(key_size + value_size);
    }
    c->result.records += count;
    c->result.bytes += bytes;
    atomic_fetch_add_explicit(&measure->records, count, memory_order_relaxed);
    atomic_fetch_add_explicit(&measure->bytes, bytes, memory_order_relaxed);
    return count;
}

/* Records that were there when the run began and that this worker's clients read. */
static int64_t records_to_read(const struct load_worker *worker)
{
    int64_t total = 0;
    for (int k = 0; k < worker->client_count; k++) {
        for (int p = 0; p < worker->topic->partition_count; p++) {
            const struct bench_partition *partition = &worker->topic->partitions[p];
            total += reads(worker, worker->first_number + k, p)
                         ? partition->high_watermark - partition->log_start
                         : 0;
        }
    }
    return total;
}

static void *consume_run(void *arg)
{
    struct load_worker *worker = arg;
    struct bench_measure *measure = worker->measure;
    int64_t left = records_to_read(worker);
    int64_t last_ns = lt_clock_mono_ns(lt_clock_real());
    bool failed = false;
    while (!failed && !atomic_load(&measure->stop) && left > 0) {
        int64_t got = 0;
        for (int k = 0; k < worker->client_count && !failed; k++) {
            struct leat_batch *batch = NULL;
            struct leat_error *err = NULL;
            int code = leat_consumer_poll(worker->clients[k].consumer,
                                          worker->client_count == 1 ? 100 : 1, &batch, &err);
            if (code < 0) {
                fail(&worker->clients[k], code, leat_error_message(err));
                failed = true;
            }
            got += take_batch(&worker->clients[k], batch);
            leat_batch_unref(batch);
            leat_error_free(err);
        }
        int64_t now_ns = lt_clock_mono_ns(lt_clock_real());
        last_ns = got > 0 ? now_ns : last_ns;
        left -= got;
        if (now_ns - last_ns > 10000000000LL) {
            break; /* ten quiet seconds: the rest was deleted or compacted meanwhile */
        }
    }
    atomic_fetch_sub(&measure->running, 1);
    return NULL;
}
