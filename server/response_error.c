/* response_error.c: where each answer keeps its errors. See response_error.h. */
#include "server/response_error.h"

#include "proto/api.h"
#include "proto/messages.h"

/* The first non-zero error_code of an array. */
#define FIRST_OF(list, list_count)                      \
    do {                                                \
        for (int32_t i_ = 0; i_ < (list_count); i_++) { \
            if ((list)[i_].error_code != 0) {           \
                return (list)[i_].error_code;           \
            }                                           \
        }                                               \
    } while (0)

static int16_t of_topics(const struct proto_metadata_response *in)
{
    FIRST_OF(in->topics, in->topics_count);
    return in->error_code;
}

static int16_t of_produce(const struct proto_produce_response *in)
{
    for (int32_t i = 0; i < in->responses_count; i++) {
        FIRST_OF(in->responses[i].partition_responses, in->responses[i].partition_responses_count);
    }
    return 0;
}

static int16_t of_fetch(const struct proto_fetch_response *in)
{
    for (int32_t i = 0; i < in->responses_count; i++) {
        FIRST_OF(in->responses[i].partitions, in->responses[i].partitions_count);
    }
    return in->error_code;
}

static int16_t of_list_offsets(const struct proto_list_offsets_response *in)
{
    for (int32_t i = 0; i < in->topics_count; i++) {
        FIRST_OF(in->topics[i].partitions, in->topics[i].partitions_count);
    }
    return 0;
}

static int16_t of_epochs(const struct proto_offset_for_leader_epoch_response *in)
{
    for (int32_t i = 0; i < in->topics_count; i++) {
        FIRST_OF(in->topics[i].partitions, in->topics[i].partitions_count);
    }
    return 0;
}

static int16_t of_delete_records(const struct proto_delete_records_response *in)
{
    for (int32_t i = 0; i < in->topics_count; i++) {
        FIRST_OF(in->topics[i].partitions, in->topics[i].partitions_count);
    }
    return 0;
}

/* Answers that are one list of results. */
#define LIST_OF(name, list)                                            \
    static int16_t of_##name(const struct proto_##name##_response *in) \
    {                                                                  \
        FIRST_OF(in->list, in->list##_count);                          \
        return 0;                                                      \
    }

LIST_OF(create_topics, topics)
LIST_OF(delete_topics, responses)
LIST_OF(create_partitions, results)
LIST_OF(describe_configs, results)
LIST_OF(alter_configs, responses)
LIST_OF(incremental_alter_configs, responses)
LIST_OF(describe_log_dirs, results)
LIST_OF(describe_topic_partitions, topics)

int16_t srv_response_error(int16_t api_key, const void *response)
{
    switch (api_key) {
    case PROTO_API_PRODUCE:
        return of_produce(response);
    case PROTO_API_FETCH:
        return of_fetch(response);
    case PROTO_API_LIST_OFFSETS:
        return of_list_offsets(response);
    case PROTO_API_METADATA:
        return of_topics(response);
    case PROTO_API_API_VERSIONS:
        return ((const struct proto_api_versions_response *)response)->error_code;
    case PROTO_API_CREATE_TOPICS:
        return of_create_topics(response);
    case PROTO_API_DELETE_TOPICS:
        return of_delete_topics(response);
    case PROTO_API_DELETE_RECORDS:
        return of_delete_records(response);
    case PROTO_API_OFFSET_FOR_LEADER_EPOCH:
        return of_epochs(response);
    case PROTO_API_DESCRIBE_CONFIGS:
        return of_describe_configs(response);
    case PROTO_API_ALTER_CONFIGS:
        return of_alter_configs(response);
    case PROTO_API_INCREMENTAL_ALTER_CONFIGS:
        return of_incremental_alter_configs(response);
    case PROTO_API_DESCRIBE_LOG_DIRS:
        return of_describe_log_dirs(response);
    case PROTO_API_CREATE_PARTITIONS:
        return of_create_partitions(response);
    case PROTO_API_DESCRIBE_CLUSTER:
        return ((const struct proto_describe_cluster_response *)response)->error_code;
    case PROTO_API_DESCRIBE_TOPIC_PARTITIONS:
        return of_describe_topic_partitions(response);
    default:
        return 0;
    }
}
