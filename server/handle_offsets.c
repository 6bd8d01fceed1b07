/* handle_offsets.c: ListOffsets and OffsetForLeaderEpoch: from a time, a special name or a leader epoch to an offset.
 *
 * ListOffsets answers what is known in memory at once; lookups by time go to a reader thread and the request comes back
 * with their results.
 * Source: KIP-79, KIP-320, KIP-734, KIP-1005, KIP-1023, Kafka KafkaApis.handleListOffsetRequest. */
#include <stdlib.h>
#include <string.h>

#include "proto/errors.h"
#include "server/error_map.h"
#include "server/handlers.h"
#include "server/server.h"
#include "server/topics.h"

#define LATEST (-1)
#define EARLIEST (-2)
#define MAX_TIMESTAMP (-3)
#define EARLIEST_LOCAL (-4)
#define LATEST_TIERED (-5)
#define EARLIEST_PENDING_UPLOAD (-6)

#define OLD_STYLE_MAX 1000 /* segment starts in one answer of version 0 */

/* One lookup by time that a reader thread makes. */
struct lookup {
    struct srv_topic *topic; /* referenced */
    struct log_partition *log;
    int64_t timestamp;
    int64_t max_count; /* > 0: segment starts, for version 0 */
    struct proto_list_offsets_response_partition_response *ret;
};

struct lookups {
    struct lookup *items;
    size_t count;
    enum log_isolation isolation;
    struct lt_arena *arena;
    int err; /* of the reader thread: 0 or LEAT_ENOMEM */
};

#define in_partition struct proto_list_offsets_request_partition
#define out_partition struct proto_list_offsets_response_partition_response

static int list_topic(struct srv_request *req,
                      const struct proto_list_offsets_request_topic *in,
                      struct lookups *lookups,
                      struct proto_list_offsets_response_topic_response *ret);
static void look_up(struct srv_request *req);

/* What a client hears when the log itself cannot answer. */
static int16_t log_error(int err)
{
    bool damaged = err == LEAT_ECORRUPT || err == LEAT_EIO || err == LEAT_EFAILED;
    return damaged ? (int16_t)PROTO_ERROR_KAFKA_STORAGE_ERROR : srv_wire_error(err);
}

static int16_t check_epoch(const struct srv_partition *part, int32_t asked)
{
    int32_t current = atomic_load_explicit(&part->leader_epoch, memory_order_relaxed);
    if (asked == -1 || asked == current) {
        return PROTO_ERROR_NONE;
    }
    return asked < current ? PROTO_ERROR_FENCED_LEADER_EPOCH : PROTO_ERROR_UNKNOWN_LEADER_EPOCH;
}

/* ---- ListOffsets ---- */

static void unref_lookups(void *arg)
{
    struct lookups *lookups = arg;
    for (size_t i = 0; i < lookups->count; i++) {
        srv_topic_unref(lookups->items[i].topic);
    }
}

static int lookups_new(struct srv_request *req,
                       const struct proto_list_offsets_request *in,
                       struct lookups **ret)
{
    size_t count = 0;
    for (int32_t i = 0; i < in->topics_count; i++) {
        count += in->topics[i].partitions_count < 0 ? 0 : (size_t)in->topics[i].partitions_count;
    }
    struct lookups *lookups = lt_arena_calloc(&req->arena, 1, sizeof(*lookups));
    if (lookups == NULL) {
        return LEAT_ENOMEM;
    }
    lookups->items = lt_arena_calloc(&req->arena, count + 1, sizeof(*lookups->items));
    lookups->isolation = in->isolation_level == 1 ? LOG_READ_COMMITTED : LOG_READ_UNCOMMITTED;
    lookups->arena = &req->arena;
    if (lookups->items == NULL || lt_arena_hook(&req->arena, unref_lookups, lookups) != 0) {
        return LEAT_ENOMEM;
    }
    *ret = lookups;
    return 0;
}

int srv_handle_list_offsets(struct srv_request *req,
                            const struct proto_list_offsets_request *in,
                            struct proto_list_offsets_response *ret)
{
    struct lookups *lookups = req->state;
    if (lookups != NULL || req->canceled) { /* the reader thread has been there */
        return lookups == NULL ? 0 : lookups->err;
    }
    size_t count = in->topics_count < 0 ? 0 : (size_t)in->topics_count;
    ret->topics = lt_arena_calloc(&req->arena, count + 1, sizeof(*ret->topics));
    int err = ret->topics == NULL ? LEAT_ENOMEM : lookups_new(req, in, &lookups);
    for (size_t i = 0; err == 0 && i < count; i++) {
        proto_list_offsets_response_topic_response_init(&ret->topics[i]);
        err = list_topic(req, &in->topics[i], lookups, &ret->topics[i]);
    }
    if (err != 0) {
        return err;
    }
    ret->topics_count = (int32_t)count;
    req->state = lookups;
    return lookups->count == 0 ? 0 : srv_offload(req, look_up);
}

/* The first version that knows a special timestamp; INT16_MAX: none does. */
static int16_t version_of(int64_t timestamp)
{
    switch (timestamp) {
    case LATEST:
    case EARLIEST:
        return 0;
    case MAX_TIMESTAMP:
        return 7;
    case EARLIEST_LOCAL:
        return 8;
    case LATEST_TIERED:
        return 9;
    case EARLIEST_PENDING_UPLOAD:
        return 11;
    default:
        return timestamp >= 0 ? 0 : INT16_MAX;
    }
}

/* Answer with one offset, in the form of the version. */
static int
set_offset(struct lt_arena *arena, out_partition *ret, int64_t offset, int32_t leader_epoch)
{
    ret->offset = offset;
    ret->leader_epoch = leader_epoch;
    ret->old_style_offsets = lt_arena_alloc(arena, sizeof(*ret->old_style_offsets));
    if (ret->old_style_offsets == NULL) {
        return LEAT_ENOMEM;
    }
    ret->old_style_offsets[0] = offset;
    ret->old_style_offsets_count = 1;
    return 0;
}

static void queue_lookup(struct lookups *lookups,
                         struct srv_topic *topic,
                         struct srv_partition *part,
                         const in_partition *in,
                         int16_t version,
                         out_partition *ret)
{
    int64_t max_count = in->max_num_offsets < OLD_STYLE_MAX ? in->max_num_offsets : OLD_STYLE_MAX;
    lookups->items[lookups->count++] = (struct lookup){
        .topic = srv_topic_ref(topic),
        .log = part->log,
        .timestamp = in->timestamp,
        .max_count = version == 0 ? (max_count < 0 ? 0 : max_count) : -1,
        .ret = ret,
    };
}

static int list_partition(struct srv_request *req,
                          struct srv_topic *topic,
                          const in_partition *in,
                          struct lookups *lookups,
                          out_partition *ret)
{
    struct srv_partition *part =
        topic == NULL ? NULL : srv_topic_partition(topic, in->partition_index);
    if (part == NULL) {
        ret->error_code = PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        return 0;
    }
    if (req->header.api_version < version_of(in->timestamp)) {
        ret->error_code = PROTO_ERROR_UNSUPPORTED_VERSION;
        return 0;
    }
    ret->error_code = check_epoch(part, in->current_leader_epoch);
    if (ret->error_code != PROTO_ERROR_NONE) {
        return 0;
    }
    if (in->timestamp == LATEST_TIERED || in->timestamp == EARLIEST_PENDING_UPLOAD) {
        return 0; /* nothing is tiered: -1, the default */
    }
    if (in->timestamp >= 0 || in->timestamp == MAX_TIMESTAMP) {
        queue_lookup(lookups, topic, part, in, req->header.api_version, ret);
        return 0;
    }
    struct log_offsets offsets;
    int err = log_partition_offsets(part->log, &offsets);
    if (err != 0) {
        ret->error_code = log_error(err);
        return 0;
    }
    if (in->timestamp == LATEST) {
        int64_t end =
            lookups->isolation == LOG_READ_COMMITTED ? offsets.last_stable : offsets.high_watermark;
        return set_offset(&req->arena, ret, end, offsets.leader_epoch);
    }
    return set_offset(&req->arena, ret, offsets.log_start,
                      log_partition_epoch_at(part->log, offsets.log_start));
}

/* Partitions listed more than once; a bitmap would be as large as the number that a client names. */
static int compare_numbers(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a;
    int32_t right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

static int32_t *
sorted_numbers(struct srv_request *req, const in_partition *partitions, size_t count)
{
    int32_t *numbers = lt_arena_calloc(&req->arena, count + 1, sizeof(*numbers));
    for (size_t i = 0; numbers != NULL && i < count; i++) {
        numbers[i] = partitions[i].partition_index;
    }
    if (numbers != NULL && count > 1) {
        qsort(numbers, count, sizeof(*numbers), compare_numbers);
    }
    return numbers;
}

/* Place of the first entry of this number. */
static size_t first_place(const int32_t *sorted, size_t count, int32_t number)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle] < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int list_topic(struct srv_request *req,
                      const struct proto_list_offsets_request_topic *in,
                      struct lookups *lookups,
                      struct proto_list_offsets_response_topic_response *ret)
{
    size_t count = in->partitions_count < 0 ? 0 : (size_t)in->partitions_count;
    ret->name = in->name;
    ret->partitions = lt_arena_calloc(&req->arena, count + 1, sizeof(*ret->partitions));
    int32_t *sorted = sorted_numbers(req, in->partitions, count);
    bool *told = lt_arena_calloc(&req->arena, count + 1, sizeof(*told));
    if (ret->partitions == NULL || sorted == NULL || told == NULL) {
        return LEAT_ENOMEM;
    }
    struct srv_topic *topic = srv_topics_by_name(req->server->topics, in->name);
    int err = 0;
    for (size_t i = 0; err == 0 && i < count; i++) {
        int32_t number = in->partitions[i].partition_index;
        size_t place = first_place(sorted, count, number);
        bool twice = place + 1 < count && sorted[place + 1] == number;
        if (twice && told[place]) {
            continue; /* Kafka answers it once */
        }
        told[place] = true;
        out_partition *part = &ret->partitions[ret->partitions_count++];
        proto_list_offsets_response_partition_response_init(part);
        part->partition_index = number;
        if (twice) {
            part->error_code = PROTO_ERROR_INVALID_REQUEST;
        } else {
            err = list_partition(req, topic, &in->partitions[i], lookups, part);
        }
    }
    srv_topic_unref(topic);
    return err;
}

/* ---- on a reader thread ---- */

static int old_style(struct lookups *lookups, const struct lookup *lookup)
{
    size_t count_max = (size_t)lookup->max_count;
    int64_t *offsets = lt_arena_calloc(lookups->arena, count_max + 1, sizeof(*offsets));
    size_t count = 0;
    if (offsets == NULL) {
        return LEAT_ENOMEM;
    }
    int err = count_max == 0 ? 0
                             : log_partition_segments_before(lookup->log, lookup->timestamp,
                                                             offsets, count_max, &count);
    lookup->ret->error_code = log_error(err);
    lookup->ret->old_style_offsets = offsets;
    lookup->ret->old_style_offsets_count = (int32_t)count;
    return 0;
}

static void find(struct lookups *lookups, const struct lookup *lookup)
{
    struct log_time_hit hit;
    int err =
        lookup->timestamp == MAX_TIMESTAMP
            ? log_partition_find_max_time(lookup->log, lookups->isolation, &hit)
            : log_partition_find_time(lookup->log, lookup->timestamp, lookups->isolation, &hit);
    if (err != 0) {
        lookup->ret->error_code = log_error(err);
        return;
    }
    bool found = hit.offset >= 0; /* not found: offset and timestamp are both -1 */
    lookup->ret->offset = found ? hit.offset : -1;
    lookup->ret->timestamp = found ? hit.timestamp_ms : -1;
    lookup->ret->leader_epoch = found ? hit.leader_epoch : -1;
}

static void look_up(struct srv_request *req)
{
    struct lookups *lookups = req->state;
    for (size_t i = 0; lookups->err == 0 && i < lookups->count; i++) {
        if (lookups->items[i].max_count >= 0) {
            lookups->err = old_style(lookups, &lookups->items[i]);
        } else {
            find(lookups, &lookups->items[i]);
        }
    }
}

/* ---- OffsetForLeaderEpoch ---- */

static int
epoch_ends(struct srv_request *req,
           const struct proto_offset_for_leader_epoch_request_offset_for_leader_topic *in,
           struct proto_offset_for_leader_epoch_response_offset_for_leader_topic_result *ret)
{
    size_t count = in->partitions_count < 0 ? 0 : (size_t)in->partitions_count;
    ret->topic = in->topic;
    ret->partitions = lt_arena_calloc(&req->arena, count + 1, sizeof(*ret->partitions));
    if (ret->partitions == NULL) {
        return LEAT_ENOMEM;
    }
    struct srv_topic *topic = srv_topics_by_name(req->server->topics, in->topic);
    for (size_t i = 0; i < count; i++) {
        struct proto_offset_for_leader_epoch_response_epoch_end_offset *result =
            &ret->partitions[i];
        proto_offset_for_leader_epoch_response_epoch_end_offset_init(result);
        result->partition = in->partitions[i].partition;
        struct srv_partition *part =
            topic == NULL ? NULL : srv_topic_partition(topic, result->partition);
        struct log_offsets offsets;
        if (part == NULL) {
            result->error_code = PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
            continue;
        }
        result->error_code = check_epoch(part, in->partitions[i].current_leader_epoch);
        if (result->error_code == PROTO_ERROR_NONE) {
            result->error_code =
                log_error(log_partition_offsets(part->log, &offsets)); /* loads it, if need be */
        }
        if (result->error_code == PROTO_ERROR_NONE) {
            log_partition_epoch_end(part->log, in->partitions[i].leader_epoch,
                                    &result->leader_epoch, &result->end_offset);
        }
    }
    ret->partitions_count = (int32_t)count;
    srv_topic_unref(topic);
    return 0;
}

int srv_handle_offset_for_leader_epoch(struct srv_request *req,
                                       const struct proto_offset_for_leader_epoch_request *in,
                                       struct proto_offset_for_leader_epoch_response *ret)
{
    size_t count = in->topics_count < 0 ? 0 : (size_t)in->topics_count;
    ret->topics = lt_arena_calloc(&req->arena, count + 1, sizeof(*ret->topics));
    if (ret->topics == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        proto_offset_for_leader_epoch_response_offset_for_leader_topic_result_init(&ret->topics[i]);
        int err = epoch_ends(req, &in->topics[i], &ret->topics[i]);
        if (err != 0) {
            return err;
        }
    }
    ret->topics_count = (int32_t)count;
    return 0;
}
