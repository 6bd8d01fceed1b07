/* rdkafka_consume.c: count the records of a topic since a point in time, up to its end.   rdkafka_consume ADDRESS TOPIC MS */
#include <stdio.h>
#include <stdlib.h>

#include <librdkafka/rdkafka.h>

static void need(rd_kafka_resp_err_t err)
{
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fprintf(stderr, "%s\n", rd_kafka_err2str(err));
        exit(1);
    }
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char error[512];

    if (rd_kafka_conf_set(conf, key, value, error, sizeof(error)) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
}

/* All partitions of the topic, each with the time in place of an offset. */
static rd_kafka_topic_partition_list_t *
partitions_of(rd_kafka_t *rk, const char *name, int64_t since)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_partition_list_t *parts;

    need(rd_kafka_metadata(rk, 0, topic, &metadata, 5000));
    need(metadata->topics[0].err);
    parts = rd_kafka_topic_partition_list_new(metadata->topics[0].partition_cnt);
    for (int i = 0; i < metadata->topics[0].partition_cnt; i++) {
        rd_kafka_topic_partition_list_add(parts, name, metadata->topics[0].partitions[i].id)
            ->offset = since;
    }
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
    return parts;
}

int main(int argc, char **argv)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char error[512];
    long count = 0;
    int ended = 0;

    if (argc != 4) {
        return 2;
    }
    set(conf, "bootstrap.servers", argv[1]);
    set(conf, "group.id", "none"); /* needed, though no group is joined */
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.partition.eof", "true");
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_t *parts = partitions_of(rk, argv[2], strtoll(argv[3], NULL, 10));
    need(rd_kafka_offsets_for_times(rk, parts, 5000));
    for (int i = 0; i < parts->cnt; i++) {
        need(parts->elems[i].err);
    }
    need(rd_kafka_assign(rk, parts));
    while (ended < parts->cnt) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 1000);

        if (message == NULL) {
            continue;
        }
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            ended++;
        } else {
            need(message->err);
            count++;
        }
        rd_kafka_message_destroy(message);
    }
    printf("%ld records\n", count);
    rd_kafka_topic_partition_list_destroy(parts);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return 0;
}
