/* sender.c: see sender.h. */
#include "bench/sender.h"

#include <time.h>

#include "bench/client.h"

#define FLUSH_MS 100 /* between two looks whether the run has failed */

int bench_sender_open(struct bench_sender *sender,
                      struct bench_measure *measure,
                      const char *address,
                      struct leat_error **reterr)
{
    sender->measure = measure;
    int err = bench_client_open(measure->options, address, false, &sender->client, reterr);
    return err == 0 ? leat_producer_new(sender->client, NULL, &sender->producer, reterr) : err;
}

void bench_sender_close(struct bench_sender *sender)
{
    leat_producer_free(sender->producer);
    leat_client_unref(sender->client);
    while (atomic_load(&sender->answered) < sender->accepted) {
        (void)nanosleep(&(struct timespec){0, 1000000}, NULL); /* cut short: one look more */
    }
}

int bench_sender_send(struct bench_sender *sender,
                      const struct leat_record *rec,
                      leat_delivery_cb cb,
                      void *arg)
{
    int err = leat_send(sender->producer, rec, cb, arg);
    if (err != 0) {
        bench_measure_fail(sender->measure, err, leat_strerror(err));
        return err;
    }
    sender->accepted++;
    return 0;
}

void bench_sender_answer(struct bench_sender *sender, const struct leat_delivery *d)
{
    int code = leat_delivery_code(d);
    if (code != 0) {
        bench_measure_fail(sender->measure, code, leat_delivery_message(d));
    }
    atomic_store_explicit(&sender->answered,
                          atomic_load_explicit(&sender->answered, memory_order_relaxed) + 1,
                          memory_order_release);
}

void bench_sender_drain(struct bench_sender *sender)
{
    while (!atomic_load(&sender->measure->failed) &&
           leat_producer_flush(sender->producer, FLUSH_MS) > 0) {
    }
}
