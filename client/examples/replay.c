/* replay.c: count what a topic has stored since a point in time.   replay TOPIC SECONDS
 *
 * Seeks every partition to the first record that is at most SECONDS old and reads up to the ends as they were at the start. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <leat/leat.h>

static void die(struct leat_error *err)
{
    fprintf(stderr, "replay: %s\n", leat_error_message(err));
    leat_error_free(err);
    exit(1); /* what is open ends with the process */
}

/* Has the consumer passed all these ends? */
static int is_done(struct leat_consumer *consumer, const struct leat_offsets *ends)
{
    for (size_t i = 0; i < leat_offsets_count(ends); i++) {
        int32_t partition;
        int64_t end;
        const char *topic = leat_offsets_at(ends, i, &partition, &end, NULL);
        int64_t position = leat_consumer_position(consumer, topic, partition);

        if (position < end) { /* negative: not looked up yet */
            return 0;
        }
    }
    return 1;
}

int main(int argc, char **argv)
{
    struct leat_error *err = NULL;
    struct leat_client *client = NULL;
    struct leat_consumer *consumer = NULL;
    struct leat_offsets *parts = leat_offsets_new();
    struct leat_offsets *ends = NULL;
    struct leat_batch *batch = NULL;
    const char *topic = argc > 1 ? argv[1] : "greetings";
    int64_t since = ((int64_t)time(NULL) - (argc > 2 ? strtol(argv[2], NULL, 10) : 3600)) * 1000;
    long count = 0;

    struct leat_conf *conf = leat_conf_new();
    if (leat_conf_load_profile(conf, NULL, &err) < 0 || leat_client_new(conf, &client, &err) < 0 ||
        leat_client_connect(client, 5000, &err) < 0 ||
        leat_consumer_new(client, NULL, &consumer, &err) < 0) {
        die(err);
    }
    for (int32_t i = 0; i < leat_client_partition_count(client, topic, 5000); i++) {
        leat_offsets_add(parts, topic, i, LEAT_OFFSET_END);
    }
    if (leat_list_offsets(client, parts, 5000, &ends, &err) < 0 ||
        leat_consumer_assign(consumer, parts, &err) < 0 ||
        leat_consumer_seek_time(consumer, since, 5000, &err) < 0) {
        die(err);
    }
    while (!is_done(consumer, ends)) {
        if (leat_consumer_poll(consumer, 1000, &batch, &err) < 0) {
            die(err);
        }
        count += (long)leat_batch_count(batch);
        leat_batch_unref(batch);
    }
    printf("%ld records since %lld\n", count, (long long)since);
    leat_offsets_free(ends);
    leat_offsets_free(parts);
    leat_consumer_free(consumer);
    leat_client_unref(client);
    leat_conf_free(conf);
    return 0;
}
