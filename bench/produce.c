/* produce.c: see load.h. Due times wait in slots for the delivery callbacks; warm-up and counted time are two runs of the same
 * workers, with nothing under way in between, so that every counted record was sent and answered in the counted time. */
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "bench/crew.h"
#include "bench/keys.h"
#include "bench/load.h"
#include "bench/measure.h"
#include "bench/pace.h"
#include "bench/payload.h"
#include "bench/sender.h"
#include "bench/slots.h"
#include "bench/tally.h"

#define SLOTS_MAX ((size_t)1 << 20) /* records under way, all clients together */
#define SLOTS_MIN ((size_t)1 << 10) /* of one client */

struct client {
    struct bench_sender sender;
    struct bench_slots slots;
    struct bench_counter *counter; /* written by the I/O thread, as is the next */
    struct bench_histogram latency;
};

struct worker {
    struct bench_measure *measure;
    const struct bench_payload *payload;
    struct client *clients;
    int client_count;
    int number, count; /* of the workers */
    int64_t limit;     /* records of all workers in this stretch; 0 = no bound */
    struct leat_record *record;
};

struct load {
    struct bench_measure measure;
    struct bench_payload payload;
    struct worker *workers;
    int worker_count;
};

static int open_load(struct load *load,
                     const struct bench_options *options,
                     const char *address,
                     int server_pid,
                     struct leat_error **reterr);
static void close_load(struct load *load);
static void run_stretch(struct load *load, bool counts, struct bench_result *ret);
static void *work(void *arg);

int bench_produce(const struct bench_options *options,
                  const char *address,
                  const struct bench_topic *topic,
                  int server_pid,
                  struct bench_result *ret,
                  struct leat_error **reterr)
{
    (void)topic; /* that it is there was looked up */
    struct load load = {.worker_count = bench_crew_size(options->clients)};
    int err = open_load(&load, options, address, server_pid, reterr);
    if (err == 0) {
        if (options->warmup_ms > 0) {
            run_stretch(&load, false, ret);
        }
        run_stretch(&load, true, ret);
        for (int i = 0; i < load.worker_count; i++) {
            for (int k = 0; k < load.workers[i].client_count; k++) {
                struct client *c = &load.workers[i].clients[k];
                bench_sender_close(&c->sender); /* after a failure callbacks may still come */
                c->sender = (struct bench_sender){0};
                bench_histogram_merge(&ret->latency, &c->latency);
            }
        }
    }
    close_load(&load);
    return err;
}

static void tally(struct load *load, int sign, struct bench_result *ret)
{
    for (int i = 0; i < load->worker_count; i++) {
        for (int k = 0; k < load->workers[i].client_count; k++) {
            bench_tally(load->workers[i].clients[k].sender.client, sign, ret);
        }
    }
}

static void run_stretch(struct load *load, bool counts, struct bench_result *ret)
{
    struct bench_measure *measure = &load->measure;
    struct bench_crew crew;
    if (counts) {
        tally(load, -1, ret);
        bench_measure_begin(measure, ret);
    } else {
        bench_measure_reset(measure);
    }
    for (int i = 0; i < load->worker_count; i++) {
        load->workers[i].limit = counts ? measure->options->record_count : 0;
    }
    bench_crew_start(&crew, measure, work, load->workers, sizeof(*load->workers),
                     load->worker_count);
    if (counts) {
        bench_measure_wait(measure, 0, 0, ret);
    } else {
        bench_measure_warm(measure);
        atomic_store(&measure->stop, true);
    }
    bench_crew_join(&crew);
    if (counts) {
        bench_measure_end(measure, ret);
        tally(load, 1, ret);
    }
}

/* ---- set-up ---- */

static size_t slot_count(int clients)
{
    size_t count = SLOTS_MAX;
    while (count > SLOTS_MIN && count * (size_t)clients > SLOTS_MAX) {
        count /= 2;
    }
    return count;
}

static int open_worker(
    struct load *load, struct worker *w, const char *address, int first, struct leat_error **reterr)
{
    const struct bench_options *o = load->measure.options;
    w->record = leat_record_new();
    w->clients = lt_calloc((size_t)w->client_count, sizeof(*w->clients));
    int err = w->clients == NULL || w->record == NULL ? LEAT_ENOMEM : 0;
    if (err == 0) {
        err = leat_record_set_topic(w->record, o->topic, -1);
    }
    for (int k = 0; k < w->client_count && err == 0; k++) {
        struct client *c = &w->clients[k];
        c->counter = &load->measure.counters[first + k];
        err = bench_histogram_init(&c->latency);
        if (err == 0) {
            err = bench_slots_init(&c->slots, slot_count(o->clients), c);
        }
        if (err == 0) {
            err = bench_sender_open(&c->sender, &load->measure, address, reterr);
        }
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
        bench_measure_open(&load->measure, options, server_pid, options->clients, true, reterr);
    if (err == 0) {
        err = bench_payload_open(options, &load->payload, reterr);
    }
    if (err == 0) {
        load->workers = lt_calloc((size_t)load->worker_count, sizeof(*load->workers));
        err = load->workers == NULL ? LEAT_ENOMEM : 0;
    }
    int first = 0;
    for (int i = 0; i < load->worker_count && err == 0; i++) {
        struct worker *w = &load->workers[i];
        w->measure = &load->measure;
        w->payload = &load->payload;
        w->number = i;
        w->count = load->worker_count;
        w->client_count = options->clients / load->worker_count +
                          (i < options->clients % load->worker_count ? 1 : 0);
        err = open_worker(load, w, address, first, reterr);
        first += w->client_count;
    }
    return err;
}

static void close_load(struct load *load)
{
    for (int i = 0; load->workers != NULL && i < load->worker_count; i++) {
        struct worker *w = &load->workers[i];
        for (int k = 0; w->clients != NULL && k < w->client_count; k++) {
            bench_sender_close(&w->clients[k].sender);
            bench_slots_release(&w->clients[k].slots);
            bench_histogram_release(&w->clients[k].latency);
        }
        leat_record_free(w->record);
        lt_free(w->clients);
    }
    lt_free(load->workers);
    bench_payload_release(&load->payload);
    bench_measure_close(&load->measure);
}

/* ---- load ---- */

static void on_delivery(const struct leat_delivery *d, void *arg)
{
    struct bench_slot *slot = arg;
    struct client *c = slot->owner;
    if (leat_delivery_code(d) == 0 && bench_measure_counts(c->sender.measure)) {
        bench_histogram_add(&c->latency, lt_clock_mono_ns(lt_clock_real()) - slot->due_ns);
        bench_count(c->counter, 1, slot->size);
    }
    bench_slots_give(&c->slots, slot);
    bench_sender_answer(&c->sender, d);
}

static struct bench_slot *wait_slot(struct client *c)
{
    struct bench_slot *slot = bench_slots_take(&c->slots);
    while (slot == NULL && !atomic_load(&c->sender.measure->failed)) {
        (void)nanosleep(&(struct timespec){0, 100000},
                        NULL); /* a million records are under way: no hurry */
        slot = bench_slots_take(&c->slots);
    }
    return slot;
}

/* A slot that is not given back after an error is lost, and the run with it. */
static void send_one(struct worker *w, struct client *c, int64_t number, int64_t due_ns)
{
    char text[BENCH_KEY_SIZE];
    struct lt_slice key = bench_key(w->measure->options, number, text);
    struct lt_slice value = bench_payload_at(w->payload, number);
    struct bench_slot *slot = wait_slot(c);
    if (slot == NULL) {
        return;
    }
    slot->due_ns = due_ns;
    slot->size = (int64_t)(key.size + value.size);
    int err = key.data == NULL ? 0 : leat_record_set_key(w->record, key.data, key.size);
    if (err == 0) {
        err = leat_record_borrow_value(w->record, value.data, value.size);
    }
    if (err != 0) {
        bench_measure_fail(w->measure, err, leat_strerror(err));
        return;
    }
    (void)bench_sender_send(&c->sender, w->record, on_delivery, slot); /* fails the run itself */
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct bench_pace pace;
    int64_t number;
    int64_t due_ns;
    int next = 0;
    bench_pace_init(&pace, w->measure, w->limit, w->number, w->count);
    while (bench_pace_next(&pace, &number, &due_ns)) {
        send_one(w, &w->clients[next], number, due_ns);
        next = next + 1 == w->client_count ? 0 : next + 1;
    }
    for (int k = 0; k < w->client_count; k++) {
        bench_sender_drain(&w->clients[k].sender);
    }
    bench_measure_leave(w->measure);
    return NULL;
}
