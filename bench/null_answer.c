/* null_answer.c: see null.h. */
#include <string.h>

#include "base/alloc.h"
#include "bench/null.h"
#include "bench/prebuilt.h"
#include "proto/errors.h"
#include "proto/messages.h"
#include "proto/record_batch.h"

#define NODE 1
#define END_DEFAULT ((int64_t)1 << 40) /* a log without end, as far as any run is concerned */

/* Versions that are not flexible, so that answers are short; libleat, leat-bench and librdkafka take them. */
static const struct proto_api_versions_response_api_version versions[] = {
    {PROTO_API_PRODUCE, 3, 8},       {PROTO_API_FETCH, 4, 11},
    {PROTO_API_LIST_OFFSETS, 1, 5},  {PROTO_API_METADATA, 0, 8},
    {PROTO_API_API_VERSIONS, 0, 3},  {PROTO_API_CREATE_TOPICS, 2, 4},
    {PROTO_API_DELETE_TOPICS, 1, 3},
};
#define VERSION_COUNT ((int32_t)(sizeof(versions) / sizeof(versions[0])))

struct call {
    struct bench_null *null;
    struct proto_request_header header;
    const struct proto_api *api;
    struct lt_arena *arena;
    struct lt_buf *out;
    int pause_ms;
};

static int answer(struct call *call, const void *request);

int bench_null_init(struct bench_null *null, const struct bench_options *options)
{
    struct proto_batch_builder builder;
    proto_batch_builder_init(&builder);
    uint8_t *batch = NULL;
    *null = (struct bench_null){.options = options, .partitions = options->create_partitions};
    null->partitions = null->partitions > 0 ? null->partitions : 1;
    int err = bench_prebuilt(options, &builder, &batch, &null->batch_size);
    if (err == 0) {
        size_t fit = (size_t)options->fetch_size / null->batch_size;
        null->batches = fit > 0 ? fit : 1;
        null->batch_records = builder.record_count;
        int64_t wanted = options->record_count > 0 ? options->record_count : END_DEFAULT;
        null->end = (wanted + null->batch_records - 1) / null->batch_records * null->batch_records;
    }
    for (size_t i = 0; err == 0 && i < null->batches; i++) {
        err = lt_buf_append(&null->log, batch, null->batch_size);
    }
    proto_batch_builder_release(&builder);
    return err;
}

void bench_null_release(struct bench_null *null)
{
    lt_buf_release(&null->log);
}

int bench_null_answer(struct bench_null *null,
                      struct lt_slice frame,
                      struct lt_buf *out,
                      int *ret_pause_ms)
{
    struct lt_arena arena;
    lt_arena_init(&arena, 0);
    struct call call = {.null = null, .arena = &arena, .out = out};
    struct proto_reader r;
    proto_reader_init(&r, frame);
    int err = proto_request_header_decode(&r, &call.header, &call.api);
    void *request = NULL;
    bool decodes = err == 0 && (call.api->key != PROTO_API_API_VERSIONS ||
                                proto_api_serves(call.api, call.header.api_version));
    if (decodes) {
        request = lt_arena_calloc(&arena, 1, call.api->request.struct_size);
        err = request == NULL
                  ? LEAT_ENOMEM
                  : call.api->request.decode(&r, call.header.api_version, &arena, request);
    }
    if (err == 0) {
        err = answer(&call, request);
    }
    lt_arena_release(&arena);
    *ret_pause_ms = call.pause_ms;
    return err;
}

static int reply(struct call *call, int16_t version, const void *response)
{
    size_t size = proto_response_header_size(call->api, version) +
                  call->api->response.size(response, version);
    int err = lt_buf_reserve(call->out, 4 + size);
    if (err != 0) {
        return err;
    }
    struct proto_writer w;
    proto_writer_init(&w, call->out->data + call->out->size, 4 + size, NULL);
    proto_write_int32(&w, (int32_t)size);
    proto_response_header_encode(call->api, version, call->header.correlation_id, &w);
    call->api->response.encode(response, version, &w);
    call->out->size += 4 + size;
    return 0;
}

/* ---- one function per API ---- */

static int answer_versions(struct call *call)
{
    struct proto_api_versions_response_api_version list[VERSION_COUNT];
    struct proto_api_versions_response response;
    memcpy(list, versions, sizeof(list));
    proto_api_versions_response_init(&response);
    response.api_keys = list;
    response.api_keys_count = VERSION_COUNT;
    bool served = call->header.api_version <= 3;
    response.error_code = served ? 0 : PROTO_ERROR_UNSUPPORTED_VERSION;
    return reply(call, served ? call->header.api_version : 0, &response);
}

static struct proto_metadata_response_partition *make_partitions(struct call *call)
{
    static int32_t node = NODE;
    size_t count = (size_t)call->null->partitions;
    struct proto_metadata_response_partition *partitions =
        lt_arena_calloc(call->arena, count, sizeof(*partitions));
    for (size_t i = 0; partitions != NULL && i < count; i++) {
        proto_metadata_response_partition_init(&partitions[i]);
        partitions[i].partition_index = (int32_t)i;
        partitions[i].leader_id = NODE;
        partitions[i].leader_epoch = 0;
        partitions[i].replica_nodes = partitions[i].isr_nodes = &node;
        partitions[i].replica_nodes_count = partitions[i].isr_nodes_count = 1;
    }
    return partitions;
}

static int answer_metadata(struct call *call, const struct proto_metadata_request *request)
{
    struct proto_metadata_response_broker broker;
    struct proto_metadata_response response;
    proto_metadata_response_broker_init(&broker);
    broker.node_id = NODE;
    broker.host = lt_slice_text(call->null->host);
    broker.port = call->null->port;
    proto_metadata_response_init(&response);
    response.brokers = &broker;
    response.brokers_count = 1;
    response.cluster_id = lt_slice_text("leat-bench-null");
    response.controller_id = NODE;
    size_t count = request->topics_count > 0 ? (size_t)request->topics_count : 0;
    response.topics = lt_arena_calloc(call->arena, count + 1, sizeof(*response.topics));
    struct proto_metadata_response_partition *partitions = make_partitions(call);
    if (response.topics == NULL || partitions == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        proto_metadata_response_topic_init(&response.topics[i]);
        response.topics[i].name = request->topics[i].name;
        response.topics[i].partitions = partitions;
        response.topics[i].partitions_count = call->null->partitions;
    }
    response.topics_count = (int32_t)count;
    return reply(call, call->header.api_version, &response);
}

static int answer_produce(struct call *call, const struct proto_produce_request *request)
{
    struct proto_produce_response response;
    proto_produce_response_init(&response);
    size_t topics = (size_t)request->topic_data_count;
    response.responses = lt_arena_calloc(call->arena, topics + 1, sizeof(*response.responses));
    response.responses_count = request->topic_data_count;
    for (size_t t = 0; response.responses != NULL && t < topics; t++) {
        const struct proto_produce_request_topic_produce_data *in = &request->topic_data[t];
        size_t count = (size_t)in->partition_data_count;
        struct proto_produce_response_partition_produce_response *parts =
            lt_arena_calloc(call->arena, count + 1, sizeof(*parts));
        if (parts == NULL) {
            return LEAT_ENOMEM;
        }
        for (size_t p = 0; p < count; p++) {
            struct proto_batch_header header = {0};
            (void)proto_batch_header_read(in->partition_data[p].records.data,
                                          in->partition_data[p].records.size,
                                          &header); /* too short: nothing to count */
            proto_produce_response_partition_produce_response_init(&parts[p]);
            parts[p].index = in->partition_data[p].index;
            parts[p].base_offset = call->null->produced;
            parts[p].log_append_time_ms = -1;
            parts[p].log_start_offset = 0;
            call->null->produced += header.record_count;
        }
        proto_produce_response_topic_produce_response_init(&response.responses[t]);
        response.responses[t].name = in->name;
        response.responses[t].partition_responses = parts;
        response.responses[t].partition_responses_count = in->partition_data_count;
    }
    if (response.responses == NULL) {
        return LEAT_ENOMEM;
    }
    return request->acks == 0 ? 0 : reply(call, call->header.api_version, &response);
}

/* Whole batches from the one that holds `offset`; their offsets are written into the one log that there is. */
static struct proto_records serve(struct bench_null *null, int64_t offset, int32_t bytes_max)
{
    size_t count = bytes_max > 0 ? (size_t)bytes_max / null->batch_size : 0;
    int64_t base = offset / null->batch_records * null->batch_records;
    int64_t left = (null->end - base) / null->batch_records;
    count = count == 0 ? 1 : count < null->batches ? count : null->batches;
    count = (int64_t)count > left ? (size_t)left : count;
    for (size_t i = 0; i < count; i++) {
        proto_batch_set_base_offset(null->log.data + i * null->batch_size,
                                    base + (int64_t)i * null->batch_records);
    }
    return (struct proto_records){null->log.data, count * null->batch_size, NULL};
}

static bool has_more(const struct bench_null *null,
                     const struct proto_fetch_request_partition *part)
{
    return part->fetch_offset >= 0 && part->fetch_offset < null->end;
}

/* Partitions of a request that have something to read; each answer carries one of them, in turn. */
static size_t count_ready(const struct bench_null *null, const struct proto_fetch_request *request)
{
    size_t ready = 0;
    for (int32_t t = 0; t < request->topics_count; t++) {
        for (int32_t p = 0; p < request->topics[t].partitions_count; p++) {
            ready += has_more(null, &request->topics[t].partitions[p]) ? 1 : 0;
        }
    }
    return ready;
}

static void fill_partition(struct bench_null *null,
                           const struct proto_fetch_request_partition *in,
                           bool chosen,
                           struct proto_fetch_response_partition_data *ret)
{
    static const uint8_t nothing[1];
    proto_fetch_response_partition_data_init(ret);
    ret->partition_index = in->partition;
    ret->high_watermark = ret->last_stable_offset = null->end;
    ret->log_start_offset = 0;
    ret->preferred_read_replica = -1;
    ret->error_code =
        in->fetch_offset < 0 || in->fetch_offset > null->end ? PROTO_ERROR_OFFSET_OUT_OF_RANGE : 0;
    ret->records = chosen ? serve(null, in->fetch_offset, in->partition_max_bytes)
                          : (struct proto_records){nothing, 0, NULL};
}

static int answer_fetch(struct call *call, const struct proto_fetch_request *request)
{
    struct bench_null *null = call->null;
    size_t ready = count_ready(null, request);
    size_t chosen = ready > 0 ? null->turn++ % ready : 0;
    size_t seen = 0;
    struct proto_fetch_response response;
    proto_fetch_response_init(&response);
    size_t topics = (size_t)request->topics_count;
    response.responses = lt_arena_calloc(call->arena, topics + 1, sizeof(*response.responses));
    response.responses_count = request->topics_count;
    for (size_t t = 0; response.responses != NULL && t < topics; t++) {
        const struct proto_fetch_request_topic *in = &request->topics[t];
        size_t count = (size_t)in->partitions_count;
        struct proto_fetch_response_partition_data *parts =
            lt_arena_calloc(call->arena, count + 1, sizeof(*parts));
        if (parts == NULL) {
            return LEAT_ENOMEM;
        }
        for (size_t p = 0; p < count; p++) {
            bool more = has_more(null, &in->partitions[p]);
            fill_partition(null, &in->partitions[p], more && seen == chosen, &parts[p]);
            seen += more ? 1 : 0;
        }
        proto_fetch_response_fetchable_topic_response_init(&response.responses[t]);
        response.responses[t].topic = in->topic;
        response.responses[t].partitions = parts;
        response.responses[t].partitions_count = in->partitions_count;
    }
    if (response.responses == NULL) {
        return LEAT_ENOMEM;
    }
    call->pause_ms = ready == 0 ? request->max_wait_ms : 0;
    return reply(call, call->header.api_version, &response);
}

static int answer_list_offsets(struct call *call, const struct proto_list_offsets_request *request)
{
    struct proto_list_offsets_response response;
    proto_list_offsets_response_init(&response);
    size_t topics = (size_t)request->topics_count;
    response.topics = lt_arena_calloc(call->arena, topics + 1, sizeof(*response.topics));
    response.topics_count = request->topics_count;
    for (size_t t = 0; response.topics != NULL && t < topics; t++) {
        const struct proto_list_offsets_request_topic *in = &request->topics[t];
        size_t count = (size_t)in->partitions_count;
        struct proto_list_offsets_response_partition_response *parts =
            lt_arena_calloc(call->arena, count + 1, sizeof(*parts));
        if (parts == NULL) {
            return LEAT_ENOMEM;
        }
        for (size_t p = 0; p < count; p++) {
            proto_list_offsets_response_partition_response_init(&parts[p]);
            parts[p].partition_index = in->partitions[p].partition_index;
            parts[p].offset = in->partitions[p].timestamp == -1 ? call->null->end : 0;
        }
        proto_list_offsets_response_topic_response_init(&response.topics[t]);
        response.topics[t].name = in->name;
        response.topics[t].partitions = parts;
        response.topics[t].partitions_count = in->partitions_count;
    }
    return response.topics == NULL ? LEAT_ENOMEM : reply(call, call->header.api_version, &response);
}

static int answer_create(struct call *call, const struct proto_create_topics_request *request)
{
    struct proto_create_topics_response response;
    proto_create_topics_response_init(&response);
    size_t count = (size_t)request->topics_count;
    response.topics = lt_arena_calloc(call->arena, count + 1, sizeof(*response.topics));
    response.topics_count = request->topics_count;
    for (size_t i = 0; response.topics != NULL && i < count; i++) {
        proto_create_topics_response_creatable_topic_result_init(&response.topics[i]);
        response.topics[i].name = request->topics[i].name;
    }
    return response.topics == NULL ? LEAT_ENOMEM : reply(call, call->header.api_version, &response);
}

static int answer_delete(struct call *call, const struct proto_delete_topics_request *request)
{
    struct proto_delete_topics_response response;
    proto_delete_topics_response_init(&response);
    size_t count = (size_t)request->topic_names_count;
    response.responses = lt_arena_calloc(call->arena, count + 1, sizeof(*response.responses));
    response.responses_count = request->topic_names_count;
    for (size_t i = 0; response.responses != NULL && i < count; i++) {
        proto_delete_topics_response_deletable_topic_result_init(&response.responses[i]);
        response.responses[i].name = request->topic_names[i];
    }
    return response.responses == NULL ? LEAT_ENOMEM
                                      : reply(call, call->header.api_version, &response);
}

static int answer(struct call *call, const void *request)
{
    int16_t version = call->header.api_version;
    if (call->api->key == PROTO_API_API_VERSIONS) {
        return answer_versions(call);
    }
    bool served = false;
    for (int32_t i = 0; i < VERSION_COUNT; i++) {
        served =
            served || (versions[i].api_key == call->api->key &&
                       version >= versions[i].min_version && version <= versions[i].max_version);
    }
    if (!served) {
        return LEAT_EUNSUPPORTED;
    }
    switch (call->api->key) {
    case PROTO_API_PRODUCE:
        return answer_produce(call, request);
    case PROTO_API_FETCH:
        return answer_fetch(call, request);
    case PROTO_API_LIST_OFFSETS:
        return answer_list_offsets(call, request);
    case PROTO_API_METADATA:
        return answer_metadata(call, request);
    case PROTO_API_CREATE_TOPICS:
        return answer_create(call, request);
    default:
        return answer_delete(call, request);
    }
}
