/* admin_walk.c: every admin call, and the ways a consumer can be pointed, against a broker that really runs.   admin_walk ADDRESS
 *
 * Prints what failed first and exits with 1; works against leatd and against Apache Kafka. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <leat/leat.h>

#define WAIT_MS 15000

static struct leat_client *client;
static char topic[64];

#define EXPECT(cond)                                                       \
    do {                                                                   \
        if (!(cond)) {                                                     \
            fprintf(stderr, "admin_walk: line %d: %s\n", __LINE__, #cond); \
            exit(1);                                                       \
        }                                                                  \
    } while (0)

static void good_at(int err, struct leat_error **why, int line)
{
    if (err < 0) {
        fprintf(stderr, "admin_walk: line %d: %s: %s\n", line, leat_errname(err),
                leat_error_message(*why));
        exit(1);
    }
}
#define GOOD(call) good_at((call), &why, __LINE__)

/* Fails with this code, and the message names the thing. */
static void bad_at(int err, int expected, struct leat_error **why, const char *words, int line)
{
    if (err != expected || strstr(leat_error_message(*why), words) == NULL) {
        fprintf(stderr, "admin_walk: line %d: %s (%s), expected %s with '%s'\n", line,
                leat_errname(err), leat_error_message(*why), leat_errname(expected), words);
        exit(1);
    }
    leat_error_free(*why);
    *why = NULL;
}

/* What the broker would use if nobody had said anything. */
static void expect_default(const char *resource, const char *name, const char *expected)
{
    struct leat_error *why = NULL;
    struct leat_result *rows = NULL;

    GOOD(leat_get_configs(client, resource, WAIT_MS, &rows, &why));
    for (size_t i = 0; i < leat_result_count(rows); i++) {
        if (strcmp(leat_result_str(rows, i, "name"), name) == 0) {
            const char *value = leat_result_str(rows, i, "default_value");

            EXPECT(value != NULL && strcmp(value, expected) == 0);
        }
    }
    leat_result_free(rows);
}

static const char *config_of(const char *resource, const char *name, const char **ret_source)
{
    static char value[64];
    static char source[64];
    struct leat_error *why = NULL;
    struct leat_result *rows = NULL;

    GOOD(leat_get_configs(client, resource, WAIT_MS, &rows, &why));
    snprintf(value, sizeof(value), "none");
    for (size_t i = 0; i < leat_result_count(rows); i++) {
        if (strcmp(leat_result_str(rows, i, "name"), name) == 0) {
            snprintf(value, sizeof(value), "%s", leat_result_str(rows, i, "value"));
            snprintf(source, sizeof(source), "%s", leat_result_str(rows, i, "source"));
        }
    }
    leat_result_free(rows);
    *ret_source = source;
    return value;
}

static void walk_cluster(void)
{
    struct leat_error *why = NULL;
    struct leat_result *rows = NULL;
    char resource[32];
    const char *source;
    int used = 0;

    GOOD(leat_describe_cluster(client, WAIT_MS, &rows, &why));
    EXPECT(leat_result_count(rows) == 1 && leat_result_int(rows, 0, "port") > 0);
    EXPECT(strlen(leat_result_str(rows, 0, "cluster")) == 22 &&
           leat_result_int(rows, 0, "controller") == 1);
    snprintf(resource, sizeof(resource), "broker:%s", leat_result_str(rows, 0, "id"));
    leat_result_free(rows);
    EXPECT(strcmp(config_of(resource, "num.partitions", &source), "1") == 0);
    GOOD(leat_describe_apis(client, WAIT_MS, &rows, &why));
    for (size_t i = 0; i < leat_result_count(rows); i++) {
        EXPECT(leat_result_int(rows, i, "used") <= leat_result_int(rows, i, "max"));
        used += leat_result_int(rows, i, "used") >= 0;
    }
    EXPECT(used == 13);
    leat_result_free(rows);
    bad_at(leat_get_configs(client, "broker:4711", WAIT_MS, &rows, &why), LEAT_ENOENT, &why, "4711",
           __LINE__);
}

static void walk_topic(void)
{
    struct leat_error *why = NULL;
    struct leat_result *rows = NULL;
    struct leat_conf *conf = leat_conf_new_topic();
    bool listed = false;
    int found = 0;

    GOOD(leat_conf_set(conf, "retention.ms", "123456", &why));
    GOOD(leat_conf_set(conf, "validate.only", "true", &why));
    GOOD(leat_create_topic(client, topic, 3, conf, WAIT_MS, &why));
    EXPECT(leat_client_partition_count(client, topic, WAIT_MS) == LEAT_BROKER_ERROR(3));
    GOOD(leat_conf_set(conf, "validate.only", "false", &why));
    GOOD(leat_conf_set(conf, "replication.factor", "1", &why));
    GOOD(leat_create_topic(client, topic, 3, conf, WAIT_MS, &why));
    bad_at(leat_create_topic(client, topic, 3, conf, WAIT_MS, &why), LEAT_BROKER_ERROR(36), &why,
           topic, __LINE__);
    GOOD(leat_conf_set(conf, "no.such.setting", "1", &why));
    bad_at(leat_create_topic(client, "other-topic", 3, conf, WAIT_MS, &why), LEAT_BROKER_ERROR(40),
           &why, "no.such.setting", __LINE__);
    bad_at(leat_create_topic(client, "a b", 1, NULL, WAIT_MS, &why), LEAT_BROKER_ERROR(17), &why,
           "a b", __LINE__);
    GOOD(leat_add_partitions(client, topic, 4, WAIT_MS, &why));
    bad_at(leat_add_partitions(client, topic, 2, WAIT_MS, &why), LEAT_BROKER_ERROR(37), &why, topic,
           __LINE__);
    for (int i = 0; i < 100 && leat_client_partition_count(client, topic, WAIT_MS) < 4; i++) {
        (void)poll(NULL, 0, 50); /* Kafka's brokers learn of it a moment later */
    }
    GOOD(leat_describe_topic(client, topic, WAIT_MS, &rows, &why));
    EXPECT(leat_result_count(rows) == 4 && leat_result_int(rows, 3, "partition") == 3);
    EXPECT(leat_result_int(rows, 0, "leader") >= 0 && strlen(leat_result_str(rows, 0, "id")) == 22);
    EXPECT(strcmp(leat_result_str(rows, 0, "replicas"), leat_result_str(rows, 0, "isr")) == 0);
    leat_result_free(rows);
    GOOD(leat_describe_topics(client, WAIT_MS, &rows, &why));
    for (size_t i = 0; i < leat_result_count(rows); i++) {
        if (strcmp(leat_result_str(rows, i, "topic"), topic) == 0) {
            EXPECT(leat_result_int(rows, i, "partition") == found++ &&
                   leat_result_int(rows, i, "code") == 0);
        }
        EXPECT(i == 0 || strcmp(leat_result_str(rows, i - 1, "topic"),
                                leat_result_str(rows, i, "topic")) <= 0);
    }
    EXPECT(found == 4);
    leat_result_free(rows);
    GOOD(leat_list_topics(client, WAIT_MS, &rows, &why));
    for (size_t i = 0; i < leat_result_count(rows); i++) {
        listed = listed || (strcmp(leat_result_str(rows, i, "name"), topic) == 0 &&
                            leat_result_int(rows, i, "partitions") == 4);
    }
    EXPECT(listed);
    leat_result_free(rows);
    leat_conf_free(conf);
}

static void walk_configs(void)
{
    struct leat_error *why = NULL;
    struct leat_conf *changes = leat_conf_new_topic();
    char resource[80];
    const char *source;

    snprintf(resource, sizeof(resource), "topic:%s", topic);
    EXPECT(strcmp(config_of(resource, "retention.ms", &source), "123456") == 0);
    EXPECT(strcmp(source, "topic") == 0);
    GOOD(leat_conf_set(changes, "max.message.bytes", "2000000", &why));
    GOOD(leat_conf_set(changes, "retention.ms", NULL, &why));
    GOOD(leat_alter_configs(client, resource, changes, WAIT_MS, &why));
    EXPECT(strcmp(config_of(resource, "max.message.bytes", &source), "2000000") == 0);
    expect_default(resource, "max.message.bytes", "1048588");
    EXPECT(strcmp(config_of(resource, "retention.ms", &source), "604800000") == 0);
    EXPECT(strcmp(source, "default") == 0);
    GOOD(leat_conf_set(changes, "max.message.bytes", "-5", &why));
    bad_at(leat_alter_configs(client, resource, changes, WAIT_MS, &why), LEAT_BROKER_ERROR(40),
           &why, topic, __LINE__);
    leat_conf_free(changes);
}

/* 100 records per partition, timestamps 1,000 ms apart from `begin` on. */
static void fill(int64_t begin)
{
    struct leat_error *why = NULL;
    struct leat_producer *producer = NULL;
    struct leat_record *rec = leat_record_new();

    GOOD(leat_producer_new(client, NULL, &producer, &why));
    for (int i = 0; i < 400; i++) {
        char text[16];

        snprintf(text, sizeof(text), "%d", i / 4);
        GOOD(leat_record_set_topic(rec, topic, i % 4));
        GOOD(leat_record_set_value(rec, text, strlen(text)));
        leat_record_set_timestamp(rec, begin + 1000 * (i / 4));
        GOOD(leat_send(producer, rec, NULL, NULL));
    }
    EXPECT(leat_producer_flush(producer, WAIT_MS) == 0);
    leat_record_free(rec);
    leat_producer_free(producer);
}

/* Sizes of the four partitions that fill() made, and the directory's own. */
static void walk_log_dirs(void)
{
    struct leat_error *why = NULL;
    struct leat_result *rows = NULL;
    bool listed = false;

    GOOD(leat_describe_log_dirs(client, topic, WAIT_MS, &rows, &why));
    EXPECT(leat_result_count(rows) == 4);
    for (size_t i = 0; i < 4; i++) {
        EXPECT(leat_result_int(rows, i, "partition") == (int64_t)i);
        EXPECT(strcmp(leat_result_str(rows, i, "topic"), topic) == 0);
        EXPECT(leat_result_int(rows, i, "size") > 100 && leat_result_int(rows, i, "code") == 0);
        EXPECT(leat_result_int(rows, i, "lag") == 0 && leat_result_int(rows, i, "future") == 0);
        EXPECT(leat_result_int(rows, i, "total") > leat_result_int(rows, i, "usable"));
        EXPECT(leat_result_int(rows, i, "usable") > 0 &&
               leat_result_str(rows, i, "dir")[0] == '/' &&
               leat_result_int(rows, i, "broker") >= 0);
    }
    leat_result_free(rows);
    GOOD(leat_describe_log_dirs(client, NULL, WAIT_MS, &rows, &why));
    for (size_t i = 0; i < leat_result_count(rows); i++) {
        const char *name = leat_result_str(rows, i, "topic");

        listed = listed || (name != NULL && strcmp(name, topic) == 0);
    }
    EXPECT(listed);
    leat_result_free(rows);
    bad_at(leat_describe_log_dirs(client, "no-such", WAIT_MS, &rows, &why), LEAT_BROKER_ERROR(3),
           &why, "no-such", __LINE__);
}

static void expect_offset(int64_t at, int64_t expected)
{
    struct leat_error *why = NULL;
    struct leat_offsets *list = leat_offsets_new();
    struct leat_offsets *found = NULL;
    int64_t offset;
    int code;

    for (int32_t i = 0; i < 4; i++) {
        GOOD(leat_offsets_add(list, topic, i, at));
    }
    GOOD(leat_offsets_add(list, topic, 9,
                          at)); /* there is none: its own code, the others' answers */
    GOOD(leat_list_offsets(client, list, WAIT_MS, &found, &why));
    for (size_t i = 0; i < 4; i++) {
        EXPECT(leat_offsets_at(found, i, NULL, &offset, &code) != NULL && code == 0);
        EXPECT(offset == expected);
    }
    EXPECT(leat_offsets_at(found, 4, NULL, &offset, &code) != NULL && code == LEAT_BROKER_ERROR(3));
    leat_offsets_free(found);
    leat_offsets_free(list);
}

static void walk_offsets(int64_t begin)
{
    struct leat_error *why = NULL;
    struct leat_offsets *before = leat_offsets_new();
    struct leat_offsets *starts = NULL;
    int64_t offset;
    int code;

    expect_offset(LEAT_OFFSET_START, 0);
    expect_offset(LEAT_OFFSET_END, 100);
    expect_offset(LEAT_OFFSET_MAX_TIMESTAMP, 99);
    expect_offset(0, 0);
    expect_offset(begin + 50000, 50);
    expect_offset(begin + 49001, 50);
    expect_offset(begin + 100000, -1);
    GOOD(leat_offsets_add(before, topic, 1, 30));
    GOOD(leat_offsets_add(before, topic, 2, 1000));
    GOOD(leat_delete_records(client, before, WAIT_MS, &starts, &why));
    EXPECT(leat_offsets_at(starts, 0, NULL, &offset, &code) != NULL && code == 0 && offset == 30);
    EXPECT(leat_offsets_at(starts, 1, NULL, &offset, &code) != NULL &&
           code == LEAT_BROKER_ERROR(1));
    leat_offsets_free(starts);
    leat_offsets_free(before);
}

static void walk_consumer(int64_t begin)
{
    struct leat_error *why = NULL;
    struct leat_consumer *consumer = NULL;
    struct leat_offsets *parts = leat_offsets_new();
    struct leat_batch *batch = NULL;
    int64_t lowest[4] = {1000, 1000, 1000, 1000};
    int count = 0;

    GOOD(leat_consumer_new(client, NULL, &consumer, &why));
    for (int32_t i = 0; i < 4; i++) {
        GOOD(leat_offsets_add(parts, topic, i, LEAT_OFFSET_START));
    }
    GOOD(leat_consumer_assign(consumer, parts, &why));
    GOOD(leat_consumer_seek_time(consumer, begin + 90000, WAIT_MS, &why));
    while (count < 40) {
        int got = leat_consumer_poll(consumer, WAIT_MS, &batch, &why);

        EXPECT(got > 0);
        count += got;
        for (size_t i = 0; i < leat_batch_count(batch); i++) {
            const struct leat_record *rec = leat_batch_at(batch, i);
            int32_t part;

            (void)leat_record_topic(rec, &part);
            if (leat_record_offset(rec) < lowest[part]) {
                lowest[part] = leat_record_offset(rec);
            }
            EXPECT(leat_record_info(rec, LEAT_RECORD_LOG_START) == (part == 1 ? 30 : 0));
            EXPECT(leat_record_info(rec, LEAT_RECORD_HIGH_WATERMARK) == 100);
        }
        leat_batch_unref(batch);
    }
    for (int32_t i = 0; i < 4; i++) {
        EXPECT(lowest[i] == 90 && leat_consumer_position(consumer, topic, i) == 100);
    }
    leat_consumer_free(consumer);
    leat_offsets_free(parts);
}

int main(int argc, char **argv)
{
    struct leat_error *why = NULL;
    struct leat_conf *conf = leat_conf_new();
    int64_t begin = ((int64_t)time(NULL) - 86400) * 1000;

    EXPECT(argc == 2);
    snprintf(topic, sizeof(topic), "walk-%lld", (long long)begin);
    GOOD(leat_conf_set(conf, "bootstrap.servers", argv[1], &why));
    GOOD(leat_client_new(conf, &client, &why));
    walk_cluster();
    walk_topic();
    walk_configs();
    fill(begin);
    walk_log_dirs();
    walk_offsets(begin);
    walk_consumer(begin);
    GOOD(leat_delete_topic(client, topic, WAIT_MS, &why));
    bad_at(leat_delete_topic(client, topic, WAIT_MS, &why), LEAT_BROKER_ERROR(3), &why, topic,
           __LINE__);
    leat_client_unref(client);
    leat_conf_free(conf);
    return 0;
}
