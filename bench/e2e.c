/* e2e.c: see load.h. Senders write the due time and a sequence into each record, receivers compare with their clock.
 *
 *   senders    --clients producers on as many threads as fit the cores; open loop, or closed: --inflight records per client are
 *              on their way and a new one goes when one has come
 *   receivers  consumers that share the partitions out, each with a thread that waits in poll: as an application does, and
 *              with nothing between the arrival and the look at the clock. They begin at the ends that were looked up before
 *              the first record is sent
 *
 * Warm-up and counted time are two stretches with nothing under way in between. A stretch has ended when everything that was
 * sent has come; what does not come within --timeout is an error, never left out. */
#include <errno.h>
#include <inttypes.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/os.h"
#include "bench/crew.h"
#include "bench/keys.h"
#include "bench/load.h"
#include "bench/measure.h"
#include "bench/pace.h"
#include "bench/reader.h"
#include "bench/sender.h"
#include "bench/stamp.h"
#include "bench/tally.h"

#define STRETCH_BASE ((int64_t)1 << 40) /* sequences of the counted time begin here */

struct load;

struct sending {
    struct load *load;
    struct bench_sender *clients;
    int client_count;
    int number;             /* of the sending threads */
    sem_t credit;           /* closed loop: records that may go */
    _Atomic int64_t issued; /* sequences of this thread are below it */
    _Atomic int64_t sent;   /* in this stretch */
    struct leat_record *record;
    uint8_t *value;
};

struct receiving {
    struct load *load;
    struct bench_reader reader;
    struct bench_counter *counter;
    struct bench_histogram latency;
    int64_t unreadable;
    _Atomic int64_t received; /* in this stretch, of this run */
};

struct load {
    struct bench_measure measure;
    const struct bench_options *options;
    struct sending *senders;
    struct receiving *receivers;
    int sender_count, receiver_count;
    int64_t base;       /* first sequence of this stretch */
    int64_t limit;      /* records; 0 = no bound */
    atomic_int sending; /* threads that still send */
};

static int open_load(struct load *load,
                     const char *address,
                     const struct bench_topic *topic,
                     int server_pid,
                     struct leat_error **reterr);
static void close_load(struct load *load);
static void run_stretch(struct load *load, bool counts, struct bench_result *ret);
static void *send_run(void *arg);
static void *receive_run(void *arg);

int bench_e2e(const struct bench_options *options,
              const char *address,
              const struct bench_topic *topic,
              int server_pid,
              struct bench_result *ret,
              struct leat_error **reterr)
{
    int receivers =
        options->clients < topic->partition_count ? options->clients : topic->partition_count;
    struct load load = {
        .options = options,
        .sender_count = bench_crew_size(options->clients),
        .receiver_count = bench_crew_size(receivers),
    };
    int err = open_load(&load, address, topic, server_pid, reterr);
    if (err == 0) {
        if (options->warmup_ms > 0) {
            run_stretch(&load, false, ret);
        }
        run_stretch(&load, true, ret);
        for (int i = 0; i < load.receiver_count; i++) {
            bench_histogram_merge(&ret->latency, &load.receivers[i].latency);
            ret->unreadable += load.receivers[i].unreadable;
        }
    }
    close_load(&load);
    return err;
}

/* Of the sending side. */
static void tally(struct load *load, int sign, struct bench_result *ret)
{
    for (int i = 0; i < load->sender_count; i++) {
        for (int k = 0; k < load->senders[i].client_count; k++) {
            bench_tally(load->senders[i].clients[k].client, sign, ret);
        }
    }
}

static void run_stretch(struct load *load, bool counts, struct bench_result *ret)
{
    struct bench_measure *measure = &load->measure;
    load->base = counts ? STRETCH_BASE : 0;
    load->limit = counts ? load->options->record_count : 0;
    for (int i = 0; i < load->sender_count; i++) {
        atomic_store(&load->senders[i].sent, 0);
        atomic_store(&load->senders[i].issued, load->base);
    }
    for (int i = 0; i < load->receiver_count; i++) {
        atomic_store(&load->receivers[i].received, 0);
    }
    atomic_store(&load->sending, load->sender_count);
    if (counts) {
        tally(load, -1, ret);
        bench_measure_begin(measure, ret);
    } else {
        bench_measure_reset(measure);
    }
    struct bench_crew receiving;
    struct bench_crew sending;
    bench_crew_start(&receiving, measure, receive_run, load->receivers, sizeof(*load->receivers),
                     load->receiver_count);
    bench_crew_start(&sending, measure, send_run, load->senders, sizeof(*load->senders),
                     load->sender_count);
    if (counts) {
        bench_measure_wait(measure, 0, 0, ret);
    } else {
        bench_measure_warm(measure);
        atomic_store(&measure->stop, true);
    }
    bench_crew_join(&sending);
    bench_crew_join(&receiving);
    if (counts) {
        bench_measure_end(measure, ret);
        tally(load, 1, ret);
    }
}

/* ---- set-up ---- */

static int open_sending(struct load *load,
                        struct sending *s,
                        int number,
                        const char *address,
                        struct leat_error **reterr)
{
    const struct bench_options *o = load->options;
    s->load = load;
    s->number = number;
    int share =
        o->clients / load->sender_count + (number < o->clients % load->sender_count ? 1 : 0);
    (void)sem_init(&s->credit, 0, (unsigned)(o->inflight * share)); /* cannot fail so small */
    s->record = leat_record_new();
    s->value = lt_malloc((size_t)o->record_size);
    s->clients = lt_calloc((size_t)share, sizeof(*s->clients));
    int err = s->record == NULL || s->value == NULL || s->clients == NULL
                  ? LEAT_ENOMEM
                  : lt_os_random(s->value, (size_t)o->record_size);
    for (int64_t i = 0; err == 0 && i < o->record_size; i++) {
        s->value[i] = (uint8_t)('a' + s->value[i] % 26);
    }
    if (err == 0) {
        err = leat_record_set_topic(s->record, o->topic, -1);
    }
    while (err == 0 && s->client_count < share) {
        err = bench_sender_open(&s->clients[s->client_count++], &load->measure, address, reterr);
    }
    return err;
}

static int open_load(struct load *load,
                     const char *address,
                     const struct bench_topic *topic,
                     int server_pid,
                     struct leat_error **reterr)
{
    int err = bench_measure_open(&load->measure, load->options, server_pid, load->receiver_count,
                                 true, reterr);
    load->senders = lt_calloc((size_t)load->sender_count, sizeof(*load->senders));
    load->receivers = lt_calloc((size_t)load->receiver_count, sizeof(*load->receivers));
    if (err == 0 && (load->senders == NULL || load->receivers == NULL)) {
        err = LEAT_ENOMEM;
    }
    for (int i = 0; i < load->receiver_count && err == 0; i++) {
        struct receiving *r = &load->receivers[i];
        r->load = load;
        r->counter = &load->measure.counters[i];
        err = bench_histogram_init(&r->latency);
        if (err == 0) {
            err = bench_reader_open(&r->reader, &load->measure, address, topic, i,
                                    load->receiver_count, BENCH_FROM_END, reterr);
        }
    }
    for (int i = 0; i < load->sender_count && err == 0; i++) {
        err = open_sending(load, &load->senders[i], i, address, reterr);
    }
    return err;
}

static void close_load(struct load *load)
{
    for (int i = 0; load->senders != NULL && i < load->sender_count; i++) {
        struct sending *s = &load->senders[i];
        for (int k = 0; k < s->client_count; k++) {
            bench_sender_close(&s->clients[k]);
        }
        leat_record_free(s->record);
        lt_free(s->value);
        lt_free(s->clients);
        (void)sem_destroy(&s->credit); /* nobody waits for it */
    }
    for (int i = 0; load->receivers != NULL && i < load->receiver_count; i++) {
        bench_reader_close(&load->receivers[i].reader);
        bench_histogram_release(&load->receivers[i].latency);
    }
    lt_free(load->senders);
    lt_free(load->receivers);
    bench_measure_close(&load->measure);
}

/* ---- sending ---- */

static void on_delivery(const struct leat_delivery *d, void *arg)
{
    bench_sender_answer(arg, d);
}

static int send_one(struct sending *s, int64_t number, int64_t due_ns)
{
    char text[BENCH_KEY_SIZE];
    const struct bench_options *o = s->load->options;
    struct bench_sender *client = &s->clients[number / s->load->sender_count % s->client_count];
    struct lt_slice key = bench_key(o, number, text);
    bench_stamp_write(s->value, (struct bench_stamp){due_ns, s->load->base + number});
    int err = key.data == NULL ? 0 : leat_record_set_key(s->record, key.data, key.size);
    if (err == 0) {
        err = leat_record_borrow_value(s->record, s->value, (size_t)o->record_size);
    }
    if (err != 0) {
        bench_measure_fail(&s->load->measure, err, leat_strerror(err));
        return err;
    }
    /* Both before the record can come back. */
    atomic_store(&s->issued, s->load->base + number + 1);
    atomic_fetch_add(&s->sent, 1);
    return bench_sender_send(client, s->record, on_delivery, client); /* fails the run itself */
}

/* Closed loop: wait until a record of this thread has come. False: the run is over. */
static bool wait_credit(struct sending *s)
{
    while (!bench_measure_over(&s->load->measure)) {
        struct timespec until;
        int64_t wall_ms = lt_clock_wall_ms(lt_clock_real()) + 50;
        until.tv_sec = (time_t)(wall_ms / 1000);
        until.tv_nsec = (long)(wall_ms % 1000) * 1000000;
        if (sem_timedwait(&s->credit, &until) == 0) {
            return true;
        }
    }
    return false;
}

static void *send_run(void *arg)
{
    struct sending *s = arg;
    struct load *load = s->load;
    bool closed = load->options->throughput <= 0;
    struct bench_pace pace;
    int64_t number;
    int64_t due_ns;
    bench_pace_init(&pace, &load->measure, load->limit, s->number, load->sender_count);
    bool more = true;
    while (more && (!closed || wait_credit(s))) {
        more = bench_pace_next(&pace, &number, &due_ns);
        if (more) {
            more = send_one(s, number, due_ns) == 0;
        } else if (closed) {
            (void)sem_post(&s->credit); /* not used: the next stretch needs it */
        }
    }
    for (int k = 0; k < s->client_count; k++) {
        bench_sender_drain(&s->clients[k]);
    }
    atomic_fetch_sub(&load->sending, 1);
    bench_measure_leave_at(&load->measure, 0);
    return NULL;
}

/* ---- receiving ---- */

/* One record. A stamp of which this run knows nothing is somebody else's record, or a broken one. */
static void take(struct receiving *r, const struct leat_record *rec, int64_t now_ns)
{
    struct load *load = r->load;
    struct bench_stamp stamp;
    size_t key_size = 0;
    size_t size = 0;
    const void *value = leat_record_value(rec, &size);
    (void)leat_record_key(rec, &key_size); /* its size is wanted */
    struct sending *s = NULL;
    if (bench_stamp_read(lt_slice(value, size), &stamp) && stamp.sequence >= load->base) {
        s = &load->senders[(stamp.sequence - load->base) % load->sender_count];
    }
    if (s == NULL || stamp.sequence >= atomic_load(&s->issued)) {
        r->unreadable += bench_measure_counts(&load->measure) ? 1 : 0;
        return;
    }
    atomic_fetch_add_explicit(&r->received, 1, memory_order_relaxed);
    if (bench_measure_counts(&load->measure)) {
        bench_histogram_add(&r->latency, now_ns - stamp.due_ns);
        bench_count(r->counter, 1, (int64_t)(key_size + size));
    }
    if (load->options->throughput <= 0) {
        (void)sem_post(&s->credit); /* far from its greatest value */
    }
}

static void sum(struct load *load, int64_t *ret_sent, int64_t *ret_received)
{
    *ret_sent = 0;
    *ret_received = 0;
    for (int i = 0; i < load->sender_count; i++) {
        *ret_sent += atomic_load(&load->senders[i].sent);
    }
    for (int i = 0; i < load->receiver_count; i++) {
        *ret_received += atomic_load(&load->receivers[i].received);
    }
}

/* True: everything that was sent has come. More than that is an error: a record came twice. */
static bool all_came(struct load *load, int64_t last_ns)
{
    int64_t sent;
    int64_t received;
    char text[120];
    if (atomic_load(&load->sending) > 0) {
        return false;
    }
    sum(load, &sent, &received);
    bool quiet = bench_reader_quiet(&load->measure, last_ns);
    if (received > sent || (received < sent && quiet)) {
        (void)snprintf(text, sizeof(text), "%" PRId64 " records were sent, %" PRId64 " came", sent,
                       received);
        bench_measure_fail(&load->measure, received > sent ? LEAT_EPROTOCOL : LEAT_ETIMEDOUT, text);
    }
    return received >= sent;
}

static void *receive_run(void *arg)
{
    struct receiving *r = arg;
    struct bench_measure *measure = &r->load->measure;
    int64_t last_ns = lt_clock_mono_ns(lt_clock_real());
    int64_t end_ns = 0;
    while (!atomic_load(&measure->failed)) {
        struct leat_batch *batch;
        int got = bench_reader_poll(&r->reader, 10, &batch);
        if (got > 0) {
            end_ns = last_ns = r->reader.last_ns;
            for (size_t i = 0; i < leat_batch_count(batch); i++) {
                take(r, leat_batch_at(batch, i), r->reader.last_ns);
            }
            leat_batch_unref(batch);
        } else if (atomic_load(&r->load->sending) > 0) {
            last_ns =
                lt_clock_mono_ns(lt_clock_real()); /* the quiet counts from the last sender's end */
        }
        if (got <= 0 && all_came(r->load, last_ns)) {
            break;
        }
    }
    bench_measure_leave_at(measure, end_ns);
    return NULL;
}
