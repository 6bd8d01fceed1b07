/* rdkafka_speed.c: librdkafka's side of speed.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "bench/librdkafka/speed.h"

#define BATCH 1000 /* messages handed over by one call */

static rd_kafka_conf_t *conf;
static char text[512];

static void set(const char *key, const char *value)
{
    if (rd_kafka_conf_set(conf, key, value, text, sizeof(text)) != RD_KAFKA_CONF_OK) {
        speed_die(text);
    }
}

/* Runs inside rd_kafka_poll. */
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *arg)
{
    long *counts = arg; /* stored, failed */

    (void)rk;
    counts[message->err != RD_KAFKA_RESP_ERR_NO_ERROR]++;
}

static rd_kafka_t *make_producer(const struct speed_options *options, long *counts)
{
    rd_kafka_t *rk;

    set("batch.size", "1000000");
    set("batch.num.messages", "1000000");
    set("linger.ms", "5");
    set("compression.codec", options->codec);
    set("queue.buffering.max.messages", "2000000");
    set("queue.buffering.max.kbytes", strcmp(options->work, "queue") == 0 ? "1048576" : "65536");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, counts);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (rk == NULL) {
        speed_die(text);
    }
    return rk;
}

/* rd_kafka_produce_batch is its quickest way in; the payload is copied, as by leat_send. */
static void send_all(const struct speed_options *options, rd_kafka_t *rk, rd_kafka_topic_t *topic)
{
    static rd_kafka_message_t messages[BATCH];
    long at = 0;

    while (at < options->count) {
        int count = options->count - at < BATCH ? (int)(options->count - at) : BATCH;
        int done = 0;

        for (int i = 0; i < count; i++) {
            messages[i] =
                (rd_kafka_message_t){.payload = speed_value(options, at + i), .len = options->size};
        }
        while (done < count) {
            int taken = rd_kafka_produce_batch(topic, 0, RD_KAFKA_MSG_F_COPY, messages + done,
                                               count - done);

            /* A full queue refuses the rest. */
            done += taken;
            rd_kafka_poll(rk, done < count ? 10 : 0);
        }
        at += count;
    }
}

static void produce(const struct speed_options *options)
{
    long counts[2] = {0, 0};
    rd_kafka_t *rk = make_producer(options, counts);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, options->topic, NULL);
    struct speed_options first = *options;

    first.count = 1; /* the connection is made, the topic known */
    send_all(&first, rk, topic);
    if (rd_kafka_flush(rk, 10000) != RD_KAFKA_RESP_ERR_NO_ERROR || counts[0] != 1) {
        speed_die("the first record was not stored");
    }
    counts[0] = 0;
    if (strcmp(options->work, "queue") == 0) {
        speed_pause();
        speed_begin();
        send_all(options, rk, topic);
        speed_end(options->count, 0);
        exit(0);
    }
    speed_begin();
    send_all(options, rk, topic);
    if (rd_kafka_flush(rk, 60000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        speed_die("not everything was answered");
    }
    speed_end(counts[0], 0);
    if (counts[0] != options->count) {
        speed_die("not every record was stored");
    }
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
}

/* rd_kafka_consume_batch_queue on the consumer's queue: one call for many messages. */
static void consume(const struct speed_options *options)
{
    static rd_kafka_message_t *messages[BATCH];
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(1);
    unsigned long check = 0;
    long count = 0;

    set("group.id", "speed");
    set("enable.auto.commit", "false");
    set("fetch.message.max.bytes", "1048576");
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (rk == NULL) {
        speed_die(text);
    }
    rd_kafka_poll_set_consumer(rk);
    queue = rd_kafka_queue_get_consumer(rk);
    rd_kafka_topic_partition_list_add(parts, options->topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    speed_begin();
    rd_kafka_assign(rk, parts);
    while (count < options->count) {
        ssize_t got = rd_kafka_consume_batch_queue(queue, 10000, messages, BATCH);

        if (got <= 0) {
            speed_die("no more records");
        }
        for (ssize_t i = 0; i < got; i++) {
            const rd_kafka_message_t *message = messages[i];

            if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                check += ((const unsigned char *)message->payload)[message->len - 1] + message->len;
                count++;
            }
            rd_kafka_message_destroy(messages[i]);
        }
    }
    speed_end(count, check);
    rd_kafka_topic_partition_list_destroy(parts);
    rd_kafka_queue_destroy(queue);
    exit(0); /* closing a consumer of groups asks for a coordinator */
}

int main(int argc, char **argv)
{
    struct speed_options options = speed_parse(argc, argv);

    conf = rd_kafka_conf_new();
    set("bootstrap.servers", options.address);
    if (strcmp(options.work, "consume") == 0) {
        consume(&options);
    } else {
        produce(&options);
    }
    return 0;
}
