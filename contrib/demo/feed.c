/* feed.c: streams event lines into a topic of 4 partitions.   feed ADDRESS TOPIC FILE...
 *
 * A line is "DATE TIME ACTION NAME ...", as in /var/log/dpkg.log ("DATE TIME status STATE NAME ..." there too). One line is one record: key = NAME
 * (the package, without ":amd64"), timestamp = the event's own time, value = the line. FILE may be gzipped; "-" is standard input.
 * Prints what the broker acknowledged, per partition, as readback.c prints what it reads. */
#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "contrib/demo/tally.h"

#define PARTITIONS 4
#define LINE_SIZE_MAX 8192

struct feed {
    struct leat_producer *producer;
    struct leat_record *rec;
    const char *topic;
    struct tally
        tally; /* of what was acknowledged; written on the I/O thread, read after the flush */
    long failed;
    long skipped;
};

static int die(const char *what, struct leat_error *err)
{
    fprintf(stderr, "feed: %s: %s\n", what, leat_error_message(err));
    leat_error_free(err);
    return 1;
}

/* Records of one partition are acknowledged in the order of their offsets. */
static void on_delivery(const struct leat_delivery *d, void *arg)
{
    struct feed *feed = arg;

    if (leat_delivery_code(d) < 0) {
        feed->failed++;
        fprintf(stderr, "feed: not stored: %s\n", leat_delivery_message(d));
        return;
    }
    tally_add(&feed->tally, leat_delivery_record(d));
}

/* Word `number` (from 0) of the line. */
static const char *word(const char *line, int number, size_t *ret_size)
{
    const char *at = line;

    for (int i = 0; i < number; i++) {
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    *ret_size = strcspn(at, " ");
    return at;
}

static void send_line(struct feed *feed, const char *line)
{
    int64_t time = tally_time_parse(line);
    size_t action_size;
    size_t name_size;
    const char *action = word(line, 2, &action_size);
    const char *name =
        word(line, action_size == 6 && strncmp(action, "status", 6) == 0 ? 4 : 3, &name_size);
    const char *colon = memchr(name, ':', name_size);
    int err;

    if (time < 0 || name_size == 0) {
        feed->skipped++;
        return;
    }
    name_size = colon == NULL ? name_size : (size_t)(colon - name);
    leat_record_clear(feed->rec);
    leat_record_set_topic(feed->rec, feed->topic, -1);
    leat_record_set_key(feed->rec, name, name_size);
    leat_record_set_value(feed->rec, line, strlen(line));
    leat_record_set_timestamp(feed->rec, time);
    err = leat_send(feed->producer, feed->rec, on_delivery, feed);
    if (err < 0) {
        feed->failed++;
        fprintf(stderr, "feed: not sent: %s\n", leat_strerror(err));
    }
}

static int send_file(struct feed *feed, const char *path)
{
    gzFile file = strcmp(path, "-") == 0 ? gzdopen(0, "rb") : gzopen(path, "rb");
    char line[LINE_SIZE_MAX];

    if (file == NULL) {
        fprintf(stderr, "feed: cannot read %s\n", path);
        return 1;
    }
    while (gzgets(file, line, sizeof(line)) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        send_line(feed, line);
    }
    return gzclose(file) == Z_OK ? 0 : 1;
}

static int make_topic(struct leat_client *client, const char *topic, struct leat_error **reterr)
{
    struct leat_conf *conf = leat_conf_new_topic();
    int err = leat_conf_set(conf, "retention.ms", "-1", reterr); /* old events shall stay */

    if (err == 0) {
        err = leat_create_topic(client, topic, PARTITIONS, conf, 10000, reterr);
    }
    leat_conf_free(conf);
    return err;
}

int main(int argc, char **argv)
{
    struct leat_error *err = NULL;
    struct leat_client *client = NULL;
    struct feed feed = {0};
    int failed = 0;

    if (argc < 4) {
        fprintf(stderr, "usage: feed ADDRESS TOPIC FILE...\n");
        return 2;
    }
    feed.topic = argv[2];
    tally_init(&feed.tally, PARTITIONS);
    struct leat_conf *conf = leat_conf_new();
    if (leat_conf_set(conf, "bootstrap.servers", argv[1], &err) < 0 ||
        leat_conf_set(conf, "compression.type", "lz4", &err) < 0 ||
        leat_client_new(conf, &client, &err) < 0 || leat_client_connect(client, 5000, &err) < 0 ||
        make_topic(client, feed.topic, &err) < 0 ||
        leat_producer_new(client, NULL, &feed.producer, &err) < 0) {
        return die(argv[1], err);
    }
    feed.rec = leat_record_new();
    for (int i = 3; i < argc; i++) {
        failed |= send_file(&feed, argv[i]);
    }
    failed |= leat_producer_flush(feed.producer, 30000) != 0;
    tally_print(&feed.tally);
    fprintf(stderr, "%lld events acknowledged, %ld lines skipped\n",
            (long long)tally_total(&feed.tally), feed.skipped);
    leat_record_free(feed.rec);
    leat_producer_free(feed.producer);
    leat_client_unref(client);
    leat_conf_free(conf);
    return failed != 0 || feed.failed > 0 || tally_total(&feed.tally) == 0;
}
