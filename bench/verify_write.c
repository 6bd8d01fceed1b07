/* verify_write.c: see verify.h. A partition is written by one client alone, so that there is one order to keep. The records of
 * a partition are acknowledged in their order too; where one was refused, what follows counts as not acknowledged. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/os.h"
#include "bench/crew.h"
#include "bench/keys.h"
#include "bench/measure.h"
#include "bench/pace.h"
#include "bench/sender.h"
#include "bench/stamp.h"
#include "bench/tally.h"
#include "bench/verify.h"

struct client;

struct partition {
    struct client *client;
    struct bench_chain_writer chain;
    int64_t acknowledged; /* the I/O thread's, as is the next */
    bool refused;
};

struct client {
    struct bench_sender sender;
    struct bench_counter *counter;
    struct bench_histogram latency;
};

struct load;

struct worker {
    struct load *load;
    int number;
    struct leat_record *record;
    uint8_t *value;
};

struct load {
    struct bench_measure measure;
    struct client *clients;
    struct partition *partitions;
    struct worker *workers;
    int client_count, partition_count, worker_count;
};

static int open_load(struct load *load,
                     const struct bench_options *options,
                     const char *address,
                     int server_pid,
                     struct leat_error **reterr);
static void close_load(struct load *load);
static void *work(void *arg);
static int make_state(const struct load *load, struct bench_verify_state *ret);

int bench_verify_write(const struct bench_options *options,
                       const char *address,
                       const struct bench_topic *topic,
                       int server_pid,
                       struct bench_result *ret,
                       struct bench_verify_state *ret_state,
                       struct leat_error **reterr)
{
    int partitions = topic->partition_count;
    int clients = options->clients < partitions ? options->clients : partitions;
    struct load load = {
        .client_count = clients,
        .partition_count = partitions,
        .worker_count = bench_crew_size(clients),
    };
    int err = open_load(&load, options, address, server_pid, reterr);
    if (err == 0) {
        struct bench_crew crew;
        bench_measure_begin(&load.measure, ret);
        bench_crew_start(&crew, &load.measure, work, load.workers, sizeof(*load.workers),
                         load.worker_count);
        bench_measure_wait(&load.measure, 0, 0, ret);
        bench_crew_join(&crew);
        bench_measure_end(&load.measure, ret);
        for (int i = 0; i < clients; i++) {
            bench_tally(load.clients[i].sender.client, 1, ret); /* nothing was sent before */
            bench_sender_close(&load.clients[i].sender);        /* from here on no callback comes */
            load.clients[i].sender = (struct bench_sender){0};
            bench_histogram_merge(&ret->latency, &load.clients[i].latency);
        }
        err = make_state(&load, ret_state);
    }
    close_load(&load);
    return err;
}

static int make_state(const struct load *load, struct bench_verify_state *ret)
{
    struct bench_chain_state *states = lt_calloc((size_t)load->partition_count, sizeof(*states));
    if (states == NULL) {
        return LEAT_ENOMEM;
    }
    for (int p = 0; p < load->partition_count; p++) {
        const struct partition *partition = &load->partitions[p];
        states[p] = (struct bench_chain_state){partition->chain.run, partition->chain.next,
                                               partition->acknowledged};
    }
    bench_verify_state_release(ret);
    *ret = (struct bench_verify_state){states, load->partition_count};
    return 0;
}

/* ---- set-up ---- */

static int open_worker(struct load *load, struct worker *w, int number)
{
    const struct bench_options *o = load->measure.options;
    w->load = load;
    w->number = number;
    w->record = leat_record_new();
    w->value = lt_malloc((size_t)o->record_size);
    if (w->record == NULL || w->value == NULL) {
        return LEAT_ENOMEM;
    }
    int err = lt_os_random(w->value, (size_t)o->record_size);
    for (int64_t i = 0; i < o->record_size; i++) {
        w->value[i] = (uint8_t)('a' + w->value[i] % 26);
    }
    return err;
}

static int open_load(struct load *load,
                     const struct bench_options *options,
                     const char *address,
                     int server_pid,
                     struct leat_error **reterr)
{
    int err =
        bench_measure_open(&load->measure, options, server_pid, load->client_count, true, reterr);
    uint64_t run = 0;
    load->clients = lt_calloc((size_t)load->client_count, sizeof(*load->clients));
    load->partitions = lt_calloc((size_t)load->partition_count, sizeof(*load->partitions));
    load->workers = lt_calloc((size_t)load->worker_count, sizeof(*load->workers));
    if (err == 0 && (load->clients == NULL || load->partitions == NULL || load->workers == NULL)) {
        err = LEAT_ENOMEM;
    }
    if (err == 0) {
        err = lt_os_random(&run, sizeof(run));
    }
    for (int p = 0; p < load->partition_count && err == 0; p++) {
        load->partitions[p].client = &load->clients[p % load->client_count];
        bench_chain_writer_init(&load->partitions[p].chain, run);
    }
    for (int i = 0; i < load->client_count && err == 0; i++) {
        struct client *c = &load->clients[i];
        c->counter = &load->measure.counters[i];
        err = bench_histogram_init(&c->latency);
        if (err == 0) {
            err = bench_sender_open(&c->sender, &load->measure, address, reterr);
        }
    }
    for (int i = 0; i < load->worker_count && err == 0; i++) {
        err = open_worker(load, &load->workers[i], i);
    }
    return err;
}

static void close_load(struct load *load)
{
    for (int i = 0; load->clients != NULL && i < load->client_count; i++) {
        bench_sender_close(&load->clients[i].sender);
        bench_histogram_release(&load->clients[i].latency);
    }
    for (int i = 0; load->workers != NULL && i < load->worker_count; i++) {
        leat_record_free(load->workers[i].record);
        lt_free(load->workers[i].value);
    }
    lt_free(load->clients);
    lt_free(load->partitions);
    lt_free(load->workers);
    bench_measure_close(&load->measure);
}

/* ---- load ---- */

static void on_delivery(const struct leat_delivery *d, void *arg)
{
    struct partition *partition = arg;
    struct client *c = partition->client;
    partition->refused = partition->refused || leat_delivery_code(d) != 0;
    if (!partition->refused) {
        size_t size = 0;
        struct bench_stamp stamp;
        const struct leat_record *rec = leat_delivery_record(d);
        const void *value = rec == NULL ? NULL : leat_record_value(rec, &size);
        if (bench_stamp_read(lt_slice(value, size), &stamp)) {
            bench_histogram_add(&c->latency, lt_clock_mono_ns(lt_clock_real()) - stamp.due_ns);
        }
        partition->acknowledged++;
        bench_count(c->counter, 1, (int64_t)size);
    }
    bench_sender_answer(&c->sender, d);
}

static int send_one(struct worker *w, int p, int64_t number, int64_t due_ns)
{
    struct load *load = w->load;
    struct partition *partition = &load->partitions[p];
    const struct bench_options *o = load->measure.options;
    struct lt_slice value = lt_slice(w->value, (size_t)o->record_size);
    char text[BENCH_KEY_SIZE];
    uint8_t header[BENCH_CHAIN_SIZE];
    struct lt_slice key = bench_key(o, number, text);
    int64_t timestamp_ms = lt_clock_wall_ms(lt_clock_real());
    bench_stamp_write(w->value, (struct bench_stamp){due_ns, partition->chain.next});
    bench_chain_write(&partition->chain, key, value, timestamp_ms, header);
    leat_record_clear(w->record);
    leat_record_set_timestamp(w->record, timestamp_ms);
    int err = leat_record_set_topic(w->record, o->topic, p);
    if (err == 0 && key.data != NULL) {
        err = leat_record_set_key(w->record, key.data, key.size);
    }
    if (err == 0) {
        err = leat_record_borrow_value(w->record, value.data, value.size);
    }
    if (err == 0) {
        err = leat_record_add_header(w->record, BENCH_CHAIN_HEADER, header, sizeof(header));
    }
    if (err != 0) {
        bench_measure_fail(&load->measure, err, leat_strerror(err));
        return err;
    }
    return bench_sender_send(&partition->client->sender, w->record, on_delivery, partition);
}

/* Clients are the threads' by number, partitions the clients'. */
static void *work(void *arg)
{
    struct worker *w = arg;
    struct load *load = w->load;
    struct bench_pace pace;
    int64_t number;
    int64_t due_ns;
    int p = -1;
    bench_pace_init(&pace, &load->measure, load->measure.options->record_count, w->number,
                    load->worker_count);
    while (bench_pace_next(&pace, &number, &due_ns)) {
        do {
            p = (p + 1) % load->partition_count;
        } while (p % load->client_count % load->worker_count != w->number);
        if (send_one(w, p, number, due_ns) != 0) {
            break;
        }
    }
    for (int i = w->number; i < load->client_count; i += load->worker_count) {
        bench_sender_drain(&load->clients[i].sender);
    }
    bench_measure_leave(&load->measure);
    return NULL;
}
