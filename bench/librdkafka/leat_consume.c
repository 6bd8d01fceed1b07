/* leat_consume.c: count the records of a topic since a point in time, up to its end.   leat_consume ADDRESS TOPIC MS */
#include <stdio.h>
#include <stdlib.h>

#include <leat/leat.h>

static struct leat_error *err;

static void need(int code)
{
    if (code < 0) {
        fprintf(stderr, "%s\n", err != NULL ? leat_error_message(err) : leat_strerror(code));
        exit(1);
    }
}

static int at_end(struct leat_consumer *consumer, const struct leat_offsets *ends)
{
    for (size_t i = 0; i < leat_offsets_count(ends); i++) {
        int32_t partition;
        int64_t end;
        const char *topic = leat_offsets_at(ends, i, &partition, &end, NULL);

        if (leat_consumer_position(consumer, topic, partition) < end) {
            return 0;
        }
    }
    return 1;
}

int main(int argc, char **argv)
{
    struct leat_client *client = NULL;
    struct leat_consumer *consumer = NULL;
    struct leat_batch *batch = NULL;
    struct leat_conf *conf = leat_conf_new();
    struct leat_offsets *parts = leat_offsets_new();
    struct leat_offsets *ends = NULL;
    long count = 0;

    if (argc != 4) {
        return 2;
    }
    need(leat_conf_set(conf, "bootstrap.servers", argv[1], &err));
    need(leat_client_new(conf, &client, &err));
    need(leat_consumer_new(client, NULL, &consumer, &err));
    int partitions = leat_client_partition_count(client, argv[2], 5000);
    need(partitions);
    for (int32_t i = 0; i < partitions; i++) {
        need(leat_offsets_add(parts, argv[2], i, LEAT_OFFSET_END));
    }
    need(leat_list_offsets(client, parts, 5000, &ends, &err));
    need(leat_consumer_assign(consumer, parts, &err));
    need(leat_consumer_seek_time(consumer, strtoll(argv[3], NULL, 10), 5000, &err));
    while (!at_end(consumer, ends)) {
        need(leat_consumer_poll(consumer, 1000, &batch, &err));
        count += (long)leat_batch_count(batch);
        leat_batch_unref(batch);
    }
    printf("%ld records\n", count);
    leat_offsets_free(ends);
    leat_offsets_free(parts);
    leat_consumer_free(consumer);
    leat_client_unref(client);
    leat_conf_free(conf);
    return 0;
}
