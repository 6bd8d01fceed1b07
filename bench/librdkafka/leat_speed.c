/* leat_speed.c: libleat's side of speed.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <leat/leat.h>

#include "bench/librdkafka/speed.h"

static struct leat_conf *conf;
static struct leat_client *client;
static struct leat_error *err;

static void need(int code)
{
    if (code < 0) {
        speed_die(err != NULL ? leat_error_message(err) : leat_strerror(code));
    }
}

/* Runs on the I/O thread; main reads the counts after the flush. */
static void on_delivery(const struct leat_delivery *d, void *arg)
{
    long *counts = arg; /* stored, failed */

    counts[leat_delivery_code(d) < 0]++;
}

static struct leat_producer *make_producer(const struct speed_options *options)
{
    struct leat_producer *producer = NULL;

    need(leat_conf_set(conf, "batch.size", "1000000", &err));
    need(leat_conf_set(conf, "linger.ms", "5", &err));
    need(leat_conf_set(conf, "compression.type", options->codec, &err));
    need(leat_conf_set(conf, "buffer.memory",
                       strcmp(options->work, "queue") == 0 ? "1GiB" : "64MiB", &err));
    need(leat_client_new(conf, &client, &err));
    need(leat_producer_new(client, NULL, &producer, &err));
    return producer;
}

static void
send_all(const struct speed_options *options, struct leat_producer *producer, long *counts)
{
    struct leat_record *rec = leat_record_new();

    need(leat_record_set_topic(rec, options->topic, 0));
    for (long i = 0; i < options->count; i++) {
        need(leat_record_set_value(rec, speed_value(options, i), options->size));
        need(leat_send(producer, rec, on_delivery, counts));
    }
    leat_record_free(rec);
}

static void produce(const struct speed_options *options)
{
    struct speed_options first = *options;
    struct leat_producer *producer = make_producer(options);
    long counts[2] = {0, 0};

    first.count = 1; /* the connection is made, the topic known */
    need(leat_client_connect(client, 10000, &err));
    send_all(&first, producer, counts);
    need(leat_producer_flush(producer, 10000));
    counts[0] = 0;
    if (strcmp(options->work, "queue") == 0) {
        speed_pause();
        speed_begin();
        send_all(options, producer, counts);
        speed_end(options->count, 0);
        exit(0);
    }
    speed_begin();
    send_all(options, producer, counts);
    need(leat_producer_flush(producer, 60000));
    speed_end(counts[0], 0);
    if (counts[0] != options->count) {
        speed_die("not every record was stored");
    }
    leat_producer_free(producer);
}

static void consume(const struct speed_options *options)
{
    struct leat_consumer *consumer = NULL;
    struct leat_offsets *parts = leat_offsets_new();
    unsigned long check = 0;
    long count = 0;

    need(leat_conf_set(conf, "max.poll.records", "1000", &err));
    need(leat_client_new(conf, &client, &err));
    need(leat_client_connect(client, 10000, &err));
    need(leat_consumer_new(client, NULL, &consumer, &err));
    need(leat_offsets_add(parts, options->topic, 0, LEAT_OFFSET_START));
    speed_begin();
    need(leat_consumer_assign(consumer, parts, &err));
    while (count < options->count) {
        struct leat_batch *batch = NULL;
        int got = leat_consumer_poll(consumer, 10000, &batch, &err);

        if (got == 0) {
            speed_die("no more records");
        }
        need(got);
        for (size_t i = 0; i < (size_t)got; i++) {
            size_t size;
            const unsigned char *value = leat_record_value(leat_batch_at(batch, i), &size);

            check += value[size - 1] + size;
        }
        count += got;
        leat_batch_unref(batch);
    }
    speed_end(count, check);
    leat_offsets_free(parts);
    leat_consumer_free(consumer);
}

int main(int argc, char **argv)
{
    struct speed_options options = speed_parse(argc, argv);

    conf = leat_conf_new();
    need(leat_conf_set(conf, "bootstrap.servers", options.address, &err));
    if (strcmp(options.work, "consume") == 0) {
        consume(&options);
    } else {
        produce(&options);
    }
    leat_client_unref(client);
    leat_conf_free(conf);
    return 0;
}
