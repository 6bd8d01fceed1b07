/* readback.c: reads a topic back in four ways, and checks what it gets.
 *
 *   readback ADDRESS TOPIC all                   counts and a checksum per partition
 *   readback ADDRESS TOPIC key KEY               the history of one key, oldest first
 *   readback ADDRESS TOPIC offset PARTITION N    from offset N of one partition
 *   readback ADDRESS TOPIC time "DATE TIME"      from a point in time, compared with what reading everything finds
 *
 * Reads up to the ends as they are at the start. Exit code 1 if anything is not as it must be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contrib/demo/tally.h"

#define SHOWN_MAX 5

struct readback {
    struct leat_client *client;
    struct leat_consumer *consumer;
    const char *topic;
    int32_t part_count;
    struct leat_offsets *starts; /* LEAT_OFFSET_START of each partition */
    struct leat_offsets *ends;
};

typedef void (*record_cb)(const struct leat_record *rec, void *arg);

static int die(struct leat_error *err)
{
    fprintf(stderr, "readback: %s\n", leat_error_message(err));
    leat_error_free(err);
    return -1;
}

static int is_done(const struct readback *rb, const struct leat_offsets *parts)
{
    for (size_t i = 0; i < leat_offsets_count(parts); i++) {
        int32_t partition;
        int64_t end;

        (void)leat_offsets_at(parts, i, &partition, NULL, NULL);
        (void)leat_offsets_at(rb->ends, (size_t)partition, NULL, &end, NULL);
        if (leat_consumer_position(rb->consumer, rb->topic, partition) < end) {
            return 0;
        }
    }
    return 1;
}

/* Read what the consumer is assigned to up to the ends. Returns 0 or -1. */
static int read_all(struct readback *rb, const struct leat_offsets *parts, record_cb cb, void *arg)
{
    struct leat_error *err = NULL;
    struct leat_batch *batch = NULL;

    while (!is_done(rb, parts)) {
        int count = leat_consumer_poll(rb->consumer, 10000, &batch, &err);

        if (count < 0) {
            return die(err);
        }
        if (count == 0) {
            fprintf(stderr, "readback: nothing came for ten seconds\n");
            return -1;
        }
        for (size_t i = 0; i < leat_batch_count(batch); i++) {
            cb(leat_batch_at(batch, i), arg);
        }
        leat_batch_unref(batch);
    }
    return 0;
}

static void show(const struct leat_record *rec)
{
    char time[32];
    int32_t partition;
    size_t size;
    const char *topic = leat_record_topic(rec, &partition);
    const char *value = leat_record_value(rec, &size);

    printf("%s-%d@%-6lld %s  %.*s\n", topic, (int)partition, (long long)leat_record_offset(rec),
           tally_time_format(leat_record_timestamp(rec), time, sizeof(time)),
           (int)(size > 60 ? 60 : size), value);
}

/* ---- all ---- */

static void add_to_tally(const struct leat_record *rec, void *arg)
{
    tally_add(arg, rec);
}

static int run_all(struct readback *rb, char **args)
{
    struct leat_error *err = NULL;
    struct tally tally;

    (void)args;
    tally_init(&tally, rb->part_count);
    if (leat_consumer_assign(rb->consumer, rb->starts, &err) < 0) {
        return die(err);
    }
    if (read_all(rb, rb->starts, add_to_tally, &tally) < 0) {
        return -1;
    }
    tally_print(&tally);
    return 0;
}

/* ---- one key ---- */

struct history {
    const char *key;
    long count;
    int32_t partition; /* where the key lives */
    int64_t last;      /* offset */
    int wrong;         /* seen in another partition, or not in the order of sending */
};

static void add_to_history(const struct leat_record *rec, void *arg)
{
    struct history *history = arg;
    int32_t partition;
    size_t size;
    const void *key = leat_record_key(rec, &size);

    if (size != strlen(history->key) || memcmp(key, history->key, size) != 0) {
        return;
    }
    (void)leat_record_topic(rec, &partition);
    history->wrong |= history->count > 0 &&
                      (partition != history->partition || leat_record_offset(rec) <= history->last);
    history->partition = partition;
    history->last = leat_record_offset(rec);
    if (history->count++ < SHOWN_MAX) {
        show(rec);
    }
}

static int run_key(struct readback *rb, char **args)
{
    struct history history = {.key = args[0]};
    struct leat_error *err = NULL;

    if (leat_consumer_assign(rb->consumer, rb->starts, &err) < 0) {
        return die(err);
    }
    if (read_all(rb, rb->starts, add_to_history, &history) < 0) {
        return -1;
    }
    printf("%ld events of '%s', all in partition %d%s\n", history.count, history.key,
           (int)history.partition, history.wrong ? ": NO" : ", in order");
    return history.count > 0 && !history.wrong ? 0 : -1;
}

/* ---- from an offset ---- */

struct from_offset {
    int64_t next; /* offset that must come next */
    long count;
    int wrong;
};

static void check_offset(const struct leat_record *rec, void *arg)
{
    struct from_offset *from = arg;

    from->wrong |= leat_record_offset(rec) != from->next;
    from->next = leat_record_offset(rec) + 1;
    if (from->count++ < SHOWN_MAX) {
        show(rec);
    }
}

static int run_offset(struct readback *rb, char **args)
{
    int32_t partition = (int32_t)strtol(args[0], NULL, 10);
    struct from_offset from = {.next = strtoll(args[1], NULL, 10)};
    struct leat_offsets *one = leat_offsets_new();
    struct leat_error *err = NULL;
    int64_t end = -1;
    int64_t first = from.next;
    int result = -1;

    (void)leat_offsets_at(rb->ends, (size_t)partition, NULL, &end, NULL);
    if (leat_offsets_add(one, rb->topic, partition, from.next) < 0 ||
        leat_consumer_assign(rb->consumer, one, &err) < 0) {
        result = die(err);
    } else if (read_all(rb, one, check_offset, &from) == 0) {
        printf("%ld records from offset %lld of partition %d%s\n", from.count, (long long)first,
               (int)partition, from.wrong ? ": NOT without a gap" : ", none missing");
        result = !from.wrong && from.count == end - first ? 0 : -1;
    }
    leat_offsets_free(one);
    return result;
}

/* ---- from a point in time ---- */

struct from_time {
    int64_t time;
    int64_t expected[TALLY_PARTITIONS_MAX]; /* first offset with that time or later; -1 = none */
    int64_t found[TALLY_PARTITIONS_MAX];    /* first offset that came after the seek */
    long count;
};

static void find_first(const struct leat_record *rec, void *arg)
{
    struct from_time *from = arg;
    int32_t partition;

    (void)leat_record_topic(rec, &partition);
    if (leat_record_timestamp(rec) >= from->time && from->expected[partition] < 0) {
        from->expected[partition] = leat_record_offset(rec);
    }
}

static void note_first(const struct leat_record *rec, void *arg)
{
    struct from_time *from = arg;
    int32_t partition;

    (void)leat_record_topic(rec, &partition);
    if (from->found[partition] < 0) {
        from->found[partition] = leat_record_offset(rec);
        show(rec);
    }
    from->count++;
}

static int run_time(struct readback *rb, char **args)
{
    struct from_time from = {.time = tally_time_parse(args[0])};
    struct leat_error *err = NULL;
    int wrong = from.time < 0;

    for (int32_t i = 0; i < TALLY_PARTITIONS_MAX; i++) {
        from.expected[i] = -1;
        from.found[i] = -1;
    }
    if (leat_consumer_assign(rb->consumer, rb->starts, &err) < 0 ||
        read_all(rb, rb->starts, find_first, &from) < 0 ||
        leat_consumer_seek_time(rb->consumer, from.time, 10000, &err) < 0 ||
        read_all(rb, rb->starts, note_first, &from) < 0) {
        return die(err);
    }
    for (int32_t i = 0; i < rb->part_count; i++) {
        wrong |= from.expected[i] != from.found[i];
    }
    printf("%ld records from %s on%s\n", from.count, args[0],
           wrong ? ": NOT where they should begin" : ", each partition from its first one");
    return wrong ? -1 : 0;
}

/* ---- main ---- */

static int open_topic(struct readback *rb, const char *address)
{
    struct leat_error *err = NULL;
    struct leat_conf *conf = leat_conf_new();
    struct leat_offsets *at = leat_offsets_new();
    int result = 0;

    rb->starts = leat_offsets_new();
    if (leat_conf_set(conf, "bootstrap.servers", address, &err) < 0 ||
        leat_client_new(conf, &rb->client, &err) < 0 ||
        leat_client_connect(rb->client, 5000, &err) < 0 ||
        leat_consumer_new(rb->client, NULL, &rb->consumer, &err) < 0) {
        result = die(err);
    } else {
        rb->part_count = leat_client_partition_count(rb->client, rb->topic, 5000);
        if (rb->part_count > TALLY_PARTITIONS_MAX) {
            rb->part_count = TALLY_PARTITIONS_MAX;
        }
        for (int32_t i = 0; i < rb->part_count; i++) {
            leat_offsets_add(rb->starts, rb->topic, i, LEAT_OFFSET_START);
            leat_offsets_add(at, rb->topic, i, LEAT_OFFSET_END);
        }
        if (rb->part_count <= 0) {
            fprintf(stderr, "readback: %s: %s\n", rb->topic, leat_strerror(rb->part_count));
            result = -1;
        } else if (leat_list_offsets(rb->client, at, 5000, &rb->ends, &err) < 0) {
            result = die(err);
        }
    }
    leat_offsets_free(at);
    leat_conf_free(conf);
    return result;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int args;
        int (*run)(struct readback *rb, char **args);
    } modes[] = {
        {"all", 0, run_all}, {"key", 1, run_key}, {"offset", 2, run_offset}, {"time", 1, run_time}};
    struct readback rb = {0};
    int result = 2;

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (argc == 4 + modes[i].args && strcmp(argv[3], modes[i].name) == 0) {
            rb.topic = argv[2];
            result = open_topic(&rb, argv[1]) < 0 || modes[i].run(&rb, argv + 4) < 0;
        }
    }
    if (result == 2) {
        fprintf(
            stderr,
            "usage: readback ADDRESS TOPIC all|key KEY|offset PARTITION N|time \"DATE TIME\"\n");
    }
    leat_offsets_free(rb.ends);
    leat_offsets_free(rb.starts);
    leat_consumer_free(rb.consumer);
    leat_client_unref(rb.client);
    return result;
}
