/* rdkafka_produce.c: 1000 records with keys.   rdkafka_produce ADDRESS TOPIC */
#include <stdio.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *arg)
{
    long *counts = arg; /* stored, failed */

    (void)rk;
    counts[message->err != RD_KAFKA_RESP_ERR_NO_ERROR]++;
}

int main(int argc, char **argv)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    long counts[2] = {0, 0};
    char error[512];
    char key[32];
    char value[32];

    if (argc != 3) {
        return 2;
    }
    /* Keys go to the partitions where Java's clients put them. */
    if (rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], error, sizeof(error)) !=
            RD_KAFKA_CONF_OK ||
        rd_kafka_conf_set(conf, "partitioner", "murmur2_random", error, sizeof(error)) !=
            RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, counts);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    for (int i = 0; i < 1000; i++) {
        rd_kafka_resp_err_t err;

        (void)snprintf(key, sizeof(key), "user-%d", i % 10);
        (void)snprintf(value, sizeof(value), "event %d", i);
        do {
            err = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(argv[2]), RD_KAFKA_V_KEY(key, strlen(key)),
                                    RD_KAFKA_V_VALUE(value, strlen(value)),
                                    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
            /* Delivery reports come only inside this call; a full queue needs it to become less. */
            rd_kafka_poll(rk, err == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 100 : 0);
        } while (err == RD_KAFKA_RESP_ERR__QUEUE_FULL);
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            fprintf(stderr, "%s\n", rd_kafka_err2str(err));
            counts[1]++;
        }
    }
    rd_kafka_flush(rk, 10000);
    int left = rd_kafka_outq_len(rk);
    printf("%ld stored, %ld failed, %d unanswered\n", counts[0], counts[1], left);
    if (left > 0) {
        rd_kafka_purge(rk,
                       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT); /* else destroy waits */
    }
    rd_kafka_destroy(rk);
    return counts[1] == 0 && left == 0 ? 0 : 1;
}
