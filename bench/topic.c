/* topic.c: see topic.h. */
#include "bench/topic.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/os.h"
#include "bench/link.h"
#include "proto/api.h"
#include "proto/errors.h"
#include "proto/messages.h"

#define LOOKUPS_MAX 100 /* of 50 ms: a new topic has its leaders within seconds */
#define LOOKUPS_OLD 10  /* one that was there before is known sooner */
#define CONFIGS_MAX 32

static int create(int fd, const struct bench_options *options, struct leat_error **reterr);
static int lookup(int fd,
                  const struct bench_options *options,
                  struct bench_topic *topic,
                  struct leat_error **reterr);
static int fill(const struct proto_metadata_response *metadata, struct bench_topic *topic);
static int list_offsets(const struct bench_options *options,
                        struct bench_topic *topic,
                        struct leat_error **reterr);

static void pause_briefly(void)
{
    (void)nanosleep(&(struct timespec){0, 50000000}, NULL); /* cut short: one look more */
}

int bench_topic_open(const char *address,
                     const struct bench_options *options,
                     struct bench_topic *ret,
                     struct leat_error **reterr)
{
    int fd;
    int err = bench_link_connect(address, &fd, reterr);
    if (err != 0) {
        return err;
    }
    struct bench_topic topic = {NULL, 0};
    if (options->create_partitions > 0) {
        err = create(fd, options, reterr);
    }
    if (err == 0) {
        err = lookup(fd, options, &topic, reterr);
    }
    (void)lt_os_close(fd); /* everything was read */
    if (err == 0) {
        err = list_offsets(options, &topic, reterr);
    }
    if (err != 0) {
        bench_topic_release(&topic);
        return err;
    }
    *ret = topic;
    return 0;
}

void bench_topic_release(struct bench_topic *topic)
{
    lt_free(topic->partitions);
    *topic = (struct bench_topic){NULL, 0};
}

int bench_topic_delete(const char *address, const char *topic, struct leat_error **reterr)
{
    int fd;
    int err = bench_link_connect(address, &fd, reterr);
    if (err != 0) {
        return err;
    }
    struct lt_arena arena;
    lt_arena_init(&arena, 0);
    struct lt_slice name = lt_slice_text(topic);
    struct proto_delete_topics_request request;
    struct proto_delete_topics_response response;
    proto_delete_topics_request_init(&request);
    request.topic_names = &name;
    request.topic_names_count = 1;
    request.timeout_ms = 30000;
    err = bench_link_call(fd, PROTO_API_DELETE_TOPICS, BENCH_DELETE_TOPICS_VERSION, &request,
                          &arena, &response, reterr);
    if (err == 0 && response.responses_count == 1 && response.responses[0].error_code != 0) {
        err = lt_error_set(reterr, LEAT_BROKER_ERROR(response.responses[0].error_code),
                           "delete %s: %s", topic,
                           proto_error_name(response.responses[0].error_code));
    }
    lt_arena_release(&arena);
    (void)lt_os_close(fd); /* everything was read */
    return err;
}

static int split_configs(const char *text,
                         struct lt_arena *arena,
                         struct proto_create_topics_request_creatable_topic_config *configs)
{
    int count = 0;
    char *copy = text == NULL ? NULL : lt_arena_strdup(arena, text);
    char *state = NULL;
    for (char *pair = copy == NULL ? NULL : strtok_r(copy, ",", &state);
         pair != NULL && count < CONFIGS_MAX; pair = strtok_r(NULL, ",", &state)) {
        char *equals = strchr(pair, '=');
        proto_create_topics_request_creatable_topic_config_init(&configs[count]);
        configs[count].name =
            equals == NULL ? lt_slice_text(pair) : lt_slice(pair, (size_t)(equals - pair));
        configs[count].value = lt_slice_text(equals == NULL ? "" : equals + 1);
        count++;
    }
    return count;
}

static int create(int fd, const struct bench_options *options, struct leat_error **reterr)
{
    struct lt_arena arena;
    lt_arena_init(&arena, 0);
    struct proto_create_topics_request_creatable_topic_config configs[CONFIGS_MAX];
    struct proto_create_topics_request_creatable_topic topic;
    struct proto_create_topics_request request;
    struct proto_create_topics_response response;
    proto_create_topics_request_creatable_topic_init(&topic);
    topic.name = lt_slice_text(options->topic);
    topic.num_partitions = options->create_partitions;
    topic.replication_factor = -1;
    topic.configs = configs;
    topic.configs_count = split_configs(options->create_configs, &arena, configs);
    proto_create_topics_request_init(&request);
    request.topics = &topic;
    request.topics_count = 1;
    request.timeout_ms = 30000;
    int err = bench_link_call(fd, PROTO_API_CREATE_TOPICS, BENCH_CREATE_TOPICS_VERSION, &request,
                              &arena, &response, reterr);
    if (err == 0 && response.topics_count == 1) {
        int16_t code = response.topics[0].error_code;
        if (code != 0 && code != PROTO_ERROR_TOPIC_ALREADY_EXISTS) {
            struct lt_slice why = response.topics[0].error_message;
            err = lt_error_set(reterr, LEAT_BROKER_ERROR(code), "create %s: %s: %.*s",
                               options->topic, proto_error_name(code), (int)why.size,
                               why.data == NULL ? "" : (const char *)why.data);
        }
    }
    lt_arena_release(&arena);
    return err;
}

static int lookup(int fd,
                  const struct bench_options *options,
                  struct bench_topic *topic,
                  struct leat_error **reterr)
{
    int err = LEAT_EAGAIN;
    int lookups = options->create_partitions > 0 ? LOOKUPS_MAX : LOOKUPS_OLD;
    for (int i = 0; i < lookups && err == LEAT_EAGAIN; i++) {
        struct lt_arena arena;
        lt_arena_init(&arena, 0);
        struct proto_metadata_request_topic name;
        struct proto_metadata_request request;
        struct proto_metadata_response response;
        proto_metadata_request_topic_init(&name);
        name.name = lt_slice_text(options->topic);
        proto_metadata_request_init(&request);
        request.topics = &name;
        request.topics_count = 1;
        request.allow_auto_topic_creation = false;
        err = bench_link_call(fd, PROTO_API_METADATA, BENCH_METADATA_VERSION, &request, &arena,
                              &response, reterr);
        if (err == 0) {
            err = fill(&response, topic);
        }
        lt_arena_release(&arena);
        if (err == LEAT_EAGAIN) {
            pause_briefly(); /* a broker that is making the topic */
        }
    }
    if (err == LEAT_EAGAIN || err == LEAT_ENOENT) {
        return lt_error_set(reterr, LEAT_ENOENT,
                            "UNKNOWN_TOPIC_OR_PARTITION: no topic '%s' with leaders for all "
                            "partitions; --create P makes one",
                            options->topic);
    }
    return err;
}

/* LEAT_EAGAIN: not there yet, or a partition without a leader. */
static int fill(const struct proto_metadata_response *metadata, struct bench_topic *topic)
{
    if (metadata->topics_count != 1 || metadata->topics[0].error_code != 0) {
        return LEAT_EAGAIN;
    }
    int32_t count = metadata->topics[0].partitions_count;
    struct bench_partition *partitions = lt_calloc((size_t)count, sizeof(*partitions));
    int found = 0;
    for (int32_t i = 0; partitions != NULL && i < count; i++) {
        const struct proto_metadata_response_partition *p = &metadata->topics[0].partitions[i];
        for (int32_t b = 0;
             p->partition_index >= 0 && p->partition_index < count && b < metadata->brokers_count;
             b++) {
            const struct proto_metadata_response_broker *broker = &metadata->brokers[b];
            if (broker->node_id == p->leader_id) {
                (void)snprintf(partitions[p->partition_index].leader, sizeof(partitions[0].leader),
                               "%.*s:%d", (int)broker->host.size, (const char *)broker->host.data,
                               broker->port);
                found++;
            }
        }
    }
    if (partitions == NULL || found < count) {
        lt_free(partitions);
        return partitions == NULL ? LEAT_ENOMEM : LEAT_EAGAIN;
    }
    *topic = (struct bench_topic){partitions, count};
    return 0;
}

static int offset_of(int fd,
                     const char *topic,
                     int32_t partition,
                     int64_t timestamp,
                     int64_t *ret_offset,
                     struct leat_error **reterr)
{
    struct lt_arena arena;
    lt_arena_init(&arena, 0);
    struct proto_list_offsets_request_partition p;
    struct proto_list_offsets_request_topic t;
    struct proto_list_offsets_request request;
    struct proto_list_offsets_response response;
    proto_list_offsets_request_partition_init(&p);
    p.partition_index = partition;
    p.timestamp = timestamp;
    proto_list_offsets_request_topic_init(&t);
    t.name = lt_slice_text(topic);
    t.partitions = &p;
    t.partitions_count = 1;
    proto_list_offsets_request_init(&request);
    request.replica_id = -1;
    request.topics = &t;
    request.topics_count = 1;
    int err = bench_link_call(fd, PROTO_API_LIST_OFFSETS, BENCH_LIST_OFFSETS_VERSION, &request,
                              &arena, &response, reterr);
    if (err == 0 && (response.topics_count != 1 || response.topics[0].partitions_count != 1)) {
        err = lt_error_set(reterr, LEAT_EPROTOCOL, "ListOffsets: the answer misses the partition");
    }
    if (err == 0 && response.topics[0].partitions[0].error_code != 0) {
        int16_t code = response.topics[0].partitions[0].error_code;
        err = lt_error_set(reterr, LEAT_BROKER_ERROR(code), "ListOffsets: %s",
                           proto_error_name(code));
    }
    if (err == 0) {
        *ret_offset = response.topics[0].partitions[0].offset;
    }
    lt_arena_release(&arena);
    return err;
}

/* A leader that was named a moment ago may not know of it yet. */
static int offset_when_ready(int fd,
                             const char *topic,
                             int32_t partition,
                             int64_t timestamp,
                             int64_t *ret_offset,
                             struct leat_error **reterr)
{
    int err = LEAT_EAGAIN;
    for (int i = 0; i < LOOKUPS_MAX; i++) {
        err = offset_of(fd, topic, partition, timestamp, ret_offset, reterr);
        if (err == 0 || !LEAT_IS_BROKER_ERROR(err) ||
            !proto_error_is_retriable((int16_t)LEAT_WIRE_CODE(err))) {
            break;
        }
        pause_briefly();
    }
    if (err == 0 && reterr != NULL) {
        lt_error_free(*reterr); /* of an earlier attempt */
        *reterr = NULL;
    }
    return err;
}

static int list_offsets(const struct bench_options *options,
                        struct bench_topic *topic,
                        struct leat_error **reterr)
{
    int err = 0;
    for (int i = 0; i < topic->partition_count && err == 0; i++) {
        struct bench_partition *p = &topic->partitions[i];
        int fd;
        err = bench_link_connect(p->leader, &fd, reterr);
        if (err != 0) {
            return err;
        }
        err = offset_when_ready(fd, options->topic, i, -2, &p->log_start, reterr);
        if (err == 0) {
            err = offset_when_ready(fd, options->topic, i, -1, &p->high_watermark, reterr);
        }
        (void)lt_os_close(fd); /* everything was read */
    }
    return err;
}
