/* rdkafka_admin.c: make a topic, change a setting, read it back, delete the topic.   rdkafka_admin ADDRESS TOPIC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

static void die(const char *text)
{
    fprintf(stderr, "%s\n", text);
    exit(1);
}

static void need(rd_kafka_resp_err_t err, const char *text)
{
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        die(text != NULL ? text : rd_kafka_err2str(err));
    }
}

/* The event that answers a request; the caller destroys it. */
static rd_kafka_event_t *await(rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 15000);

    if (event == NULL) {
        die("no answer");
    }
    need(rd_kafka_event_error(event), rd_kafka_event_error_string(event));
    return event;
}

static void need_topic(const rd_kafka_topic_result_t *result)
{
    need(rd_kafka_topic_result_error(result), rd_kafka_topic_result_error_string(result));
}

static void need_resource(const rd_kafka_ConfigResource_t *resource)
{
    need(rd_kafka_ConfigResource_error(resource), rd_kafka_ConfigResource_error_string(resource));
}

static void create(rd_kafka_t *rk,
                   rd_kafka_queue_t *queue,
                   const rd_kafka_AdminOptions_t *options,
                   const char *name)
{
    char error[512];
    size_t count;
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, 3, -1, error, sizeof(error));

    if (topic == NULL) {
        die(error);
    }
    need(rd_kafka_NewTopic_set_config(topic, "retention.ms", "3600000"), NULL);
    rd_kafka_CreateTopics(rk, &topic, 1, options, queue);
    rd_kafka_event_t *event = await(queue);
    need_topic(
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)[0]);
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(topic);
}

static void alter(rd_kafka_t *rk,
                  rd_kafka_queue_t *queue,
                  const rd_kafka_AdminOptions_t *options,
                  const char *name)
{
    size_t count;
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name);

    need(rd_kafka_ConfigResource_set_config(resource, "retention.ms", "7200000"), NULL);
    rd_kafka_AlterConfigs(rk, &resource, 1, options, queue);
    rd_kafka_event_t *event = await(queue);
    need_resource(rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event),
                                                         &count)[0]);
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(resource);
}

static void describe(rd_kafka_t *rk,
                     rd_kafka_queue_t *queue,
                     const rd_kafka_AdminOptions_t *options,
                     const char *name)
{
    size_t count;
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name);

    rd_kafka_DescribeConfigs(rk, &resource, 1, options, queue);
    rd_kafka_event_t *event = await(queue);
    const rd_kafka_ConfigResource_t *found = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count)[0];
    need_resource(found);
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(found, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), "retention.ms") == 0) {
            printf("retention.ms=%s\n", rd_kafka_ConfigEntry_value(entries[i]));
        }
    }
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(resource);
}

static void delete_topic(rd_kafka_t *rk,
                         rd_kafka_queue_t *queue,
                         const rd_kafka_AdminOptions_t *options,
                         const char *name)
{
    size_t count;
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);

    rd_kafka_DeleteTopics(rk, &topic, 1, options, queue);
    rd_kafka_event_t *event = await(queue);
    need_topic(
        rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count)[0]);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteTopic_destroy(topic);
}

int main(int argc, char **argv)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char error[512];

    if (argc != 3) {
        return 2;
    }
    if (rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], error, sizeof(error)) !=
        RD_KAFKA_CONF_OK) {
        die(error);
    }
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    if (rk == NULL) {
        die(error);
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_ANY);
    need(rd_kafka_AdminOptions_set_request_timeout(options, 10000, error, sizeof(error)), error);
    create(rk, queue, options, argv[2]);
    alter(rk, queue, options, argv[2]);
    describe(rk, queue, options, argv[2]);
    delete_topic(rk, queue, options, argv[2]);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return 0;
}
