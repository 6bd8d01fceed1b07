/* consumer.c: print what comes into all partitions of a topic, from the start.   consumer TOPIC [COUNT]
 * Ends after COUNT records, or at Ctrl-C. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <leat/leat.h>

static struct leat_consumer *consumer;
static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
    /* NOLINTNEXTLINE(bugprone-signal-handler): the one call that is made for signal handlers */
    leat_consumer_wakeup(consumer);
}

static void die(struct leat_error *err)
{
    fprintf(stderr, "consumer: %s\n", leat_error_message(err));
    leat_error_free(err);
    exit(1); /* what is open ends with the process */
}

/* Keys and values are bytes, not text: there is no NUL at the end, and a null one has none at all. */
static void print(const struct leat_record *rec)
{
    int32_t partition;
    size_t key_size;
    size_t value_size;
    const char *topic = leat_record_topic(rec, &partition);
    const void *key = leat_record_key(rec, &key_size);
    const void *value = leat_record_value(rec, &value_size);
    printf("%s-%d@%lld ", topic, (int)partition, (long long)leat_record_offset(rec));
    fwrite(key == NULL ? "" : key, 1, key_size, stdout);
    putchar('\t');
    fwrite(value == NULL ? "" : value, 1, value_size, stdout);
    putchar('\n');
}

int main(int argc, char **argv)
{
    struct leat_error *err = NULL;
    struct leat_client *client = NULL;
    struct leat_batch *batch = NULL;
    const char *topic = argc > 1 ? argv[1] : "greetings";
    long left = argc > 2 ? strtol(argv[2], NULL, 10) : -1;
    struct leat_conf *conf = leat_conf_new();
    if (leat_conf_load_profile(conf, NULL, &err) < 0 || leat_client_new(conf, &client, &err) < 0 ||
        leat_client_connect(client, 5000, &err) < 0 ||
        leat_consumer_new(client, NULL, &consumer, &err) < 0) {
        die(err);
    }
    struct leat_offsets *parts = leat_offsets_new();
    int count = leat_client_partition_count(client, topic, 5000);
    for (int32_t i = 0; i < count; i++) {
        leat_offsets_add(parts, topic, i, LEAT_OFFSET_START);
    }
    if (count < 0 || leat_consumer_assign(consumer, parts, &err) < 0) {
        fprintf(stderr, "consumer: %s: %s\n", topic, leat_strerror(count));
        die(err);
    }
    leat_offsets_free(parts);
    signal(SIGINT, on_signal);
    while (!stop && left != 0) {
        if (leat_consumer_poll(consumer, 1000, &batch, &err) < 0) {
            die(err);
        }
        for (size_t i = 0; i < leat_batch_count(batch) && left != 0; i++, left -= left > 0) {
            print(leat_batch_at(batch, i));
        }
        leat_batch_unref(batch); /* its records go with it */
    }
    leat_consumer_free(consumer);
    leat_client_unref(client);
    leat_conf_free(conf);
    return 0;
}
