/* handle_fetch.c: Fetch: runs of whole batches from partitions, now or when there are enough.
 *
 *   begin     what is asked for (fetch_session.h), look the partitions up
 *   collect   read each partition in order, within the size limits (KIP-74)
 *   enough?   else register at the partitions, look once more, park
 *   load      what is not in memory is read by a reader thread first
 *   answer    runs of 16 KiB and more stay extents, which the connection sends from the file; shorter ones are copied
 *
 * A parked fetch holds no extents, so it keeps no file alive; each re-entry collects anew.
 * Source: KIP-74, KIP-227, KIP-320, KIP-392, KIP-516; Kafka ReplicaManager.fetchMessages, DelayedFetch. */
#include <string.h>

#include "proto/errors.h"
#include "server/config.h"
#include "server/conn_output.h"
#include "server/error_map.h"
#include "server/fetch_session.h"
#include "server/handlers.h"
#include "server/server.h"
#include "server/topics.h"
#include "storage/map_guard.h"
#include "storage/partition.h"

#define SENDFILE_BYTES_MIN 16384

/* One partition of the fetch. */
struct item {
    struct srv_fetch_partition *asked;
    struct srv_topic
        *topic; /* referenced if owns_topic; the items behind with the same topic borrow it */
    struct srv_partition *part; /* NULL: lookup_error says why */
    struct log_extent extent;   /* of the last collect; empty while parked */
    struct log_offsets offsets; /* as of the last collect */
    int64_t diverging_end;
    int32_t diverging_epoch; /* -1: the client's log agrees with ours */
    int16_t lookup_error;
    int16_t error; /* of the last collect */
    bool owns_topic;
    struct srv_waiter waiter;
};

struct fetch {
    struct srv_fetch_view view;
    struct item *items; /* view.count */
    int64_t bytes_max;  /* whole answer */
    int64_t bytes_min;
    enum log_isolation isolation;
    size_t bytes;   /* collected */
    bool has_error; /* some item has one: answer now */
    bool cut;       /* there would be more, but a limit cut it: waiting does not help */
    bool registered;
    bool loaded; /* a reader thread has read the extents in */
};

static int
begin(struct srv_request *req, const struct proto_fetch_request *in, struct fetch **ret_state);
static int look_up(struct srv_request *req, struct fetch *state, bool is_replica);
static void collect(struct fetch *state);
static void collect_item(struct fetch *state, struct item *item);
static int check_epochs(struct item *item);
static bool could_be_enough(const struct fetch *state);
static bool
is_enough(const struct srv_request *req, const struct fetch *state, int32_t max_wait_ms);
static void register_waiters(struct fetch *state);
static bool all_resident(const struct fetch *state);
static void load(struct srv_request *req);
static int answer(struct srv_request *req, struct fetch *state, struct proto_fetch_response *ret);
static void
tell_session(struct srv_request *req, struct fetch *state, struct proto_fetch_response *ret);
static int fill_partition(struct srv_request *req,
                          struct fetch *state,
                          struct item *item,
                          struct proto_fetch_response_partition_data *to);
static int fill_records(struct srv_request *req, struct item *item, struct proto_records *to);
static void drop_extents(struct fetch *state);
static void release(void *arg);

int srv_handle_fetch(struct srv_request *req,
                     const struct proto_fetch_request *in,
                     struct proto_fetch_response *ret)
{
    struct fetch *state = req->state;

    if (req->canceled) {
        return 0;
    }
    if (state == NULL) {
        req->interruptible = true;
        int err = begin(req, in, &state);
        if (err != 0) {
            return err;
        }
        req->state = state;
        if (state->view.error != 0) {
            ret->error_code = state->view.error;
            return 0;
        }
    } else if (state->loaded) {
        return answer(req, state, ret);
    } else if (!req->timed_out && !could_be_enough(state)) {
        return srv_park(req, in->max_wait_ms);
    }
    collect(state);
    if (!is_enough(req, state, in->max_wait_ms) && !state->registered) {
        register_waiters(state);
        drop_extents(state);
        collect(state); /* something may have come before we were registered */
    }
    if (!is_enough(req, state, in->max_wait_ms)) {
        drop_extents(state);
        return srv_park(req, in->max_wait_ms);
    }
    if (!all_resident(state)) {
        state->loaded = true;
        return srv_offload(req, load);
    }
    return answer(req, state, ret);
}

/* ---- what is asked for ---- */

static int
begin(struct srv_request *req, const struct proto_fetch_request *in, struct fetch **ret_state)
{
    const struct srv_settings *settings = srv_config_settings(req->server->config);
    struct fetch *state = lt_arena_calloc(&req->arena, 1, sizeof(*state));

    if (state == NULL || lt_arena_hook(&req->arena, release, state) != 0) {
        return LEAT_ENOMEM;
    }
    state->isolation = in->isolation_level == 1 ? LOG_READ_COMMITTED : LOG_READ_UNCOMMITTED;
    state->bytes_max = in->max_bytes < 0 ? 0 : in->max_bytes;
    if (state->bytes_max > settings->fetch_max_bytes) {
        state->bytes_max = settings->fetch_max_bytes;
    }
    state->bytes_min = in->min_bytes < state->bytes_max ? in->min_bytes : state->bytes_max;
    int err = srv_fetch_sessions_resolve(req->server->fetch_sessions, in, req->header.api_version,
                                         &req->arena, &state->view);
    if (err != 0) {
        return err;
    }
    *ret_state = state;
    if (state->view.error != 0) {
        return 0;
    }
    int32_t replica = req->header.api_version >= 15 ? in->replica_state.replica_id : in->replica_id;
    return look_up(req, state, replica >= 0);
}

static int look_up(struct srv_request *req, struct fetch *state, bool is_replica)
{
    struct srv_topics *topics = req->server->topics;
    struct item *before = NULL;

    state->items = lt_arena_calloc(&req->arena, state->view.count, sizeof(state->items[0]));
    if (state->items == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < state->view.count; i++) {
        struct item *item = &state->items[i];
        struct srv_fetch_partition *asked = &state->view.partitions[i];
        item->asked = asked;
        item->waiter.req = req;
        if (before != NULL && lt_slice_equal(before->asked->name, asked->name) &&
            memcmp(&before->asked->id, &asked->id, sizeof(asked->id)) == 0) {
            item->topic = before->topic;
        } else {
            item->topic = state->view.by_id ? srv_topics_by_id(topics, &asked->id)
                                            : srv_topics_by_name(topics, asked->name);
            item->owns_topic = item->topic != NULL;
            before = item;
        }
        if (item->topic == NULL) {
            item->lookup_error = state->view.by_id ? PROTO_ERROR_UNKNOWN_TOPIC_ID
                                                   : PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
            continue;
        }
        item->part = srv_topic_partition(item->topic, asked->number);
        if (item->part == NULL) {
            item->lookup_error = PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        } else if (is_replica) {
            item->lookup_error =
                PROTO_ERROR_NOT_LEADER_OR_FOLLOWER; /* there are no followers here */
        }
    }
    return 0;
}

/* ---- reading ---- */

static void collect(struct fetch *state)
{
    state->bytes = 0;
    state->has_error = false;
    state->cut = false;
    for (size_t i = 0; i < state->view.count; i++) {
        struct item *item = &state->items[i];
        item->error = item->lookup_error;
        item->diverging_epoch = -1;
        if (item->error == 0) {
            collect_item(state, item);
        }
        if (item->error != 0 || item->diverging_epoch >= 0) {
            state->has_error = true;
        }
    }
}

static void collect_item(struct fetch *state, struct item *item)
{
    const struct srv_fetch_partition *asked = item->asked;
    struct log_partition *log = item->part->log;
    int64_t left = state->bytes_max - (int64_t)state->bytes;
    int err = log_partition_offsets(log, &item->offsets);

    if (err == 0) {
        err = check_epochs(item);
    }
    if (err == 0 &&
        (asked->offset < item->offsets.log_start || asked->offset > item->offsets.log_end)) {
        err = LEAT_ERANGE;
    }
    if (err == 0 && item->diverging_epoch < 0) {
        /* The first partition with data gives at least one batch, whatever the limits say. */
        int64_t most = asked->max_bytes < left ? asked->max_bytes : left;
        struct log_read_options options = {
            .offset = asked->offset,
            .size_max = most < 0 ? 0 : (size_t)most,
            .first_batch_always = state->bytes == 0,
            .isolation = state->isolation,
        };
        if (options.size_max > 0 || options.first_batch_always) {
            err = log_partition_read(log, &options, &item->extent, &item->offsets);
        }
    }
    if (err == LEAT_ECORRUPT) {
        item->error = PROTO_ERROR_KAFKA_STORAGE_ERROR; /* our disk's doing, not the producer's */
    } else if (err == LEAT_EDELETED && state->view.by_id) {
        item->error = PROTO_ERROR_UNKNOWN_TOPIC_ID;
    } else {
        item->error = srv_wire_error(err);
    }
    state->bytes += item->extent.size;
    if (err == 0 && item->extent.size > 0 && (int64_t)state->bytes < state->bytes_min &&
        log_partition_readable(log, asked->offset, state->isolation) > item->extent.size) {
        state->cut = true;
    }
}

/* Does the client's idea of the leader epoch agree with ours (KIP-320), and its log with our epochs (KIP-595)? */
static int check_epochs(struct item *item)
{
    const struct srv_fetch_partition *asked = item->asked;
    int32_t epoch = -1;
    int64_t end = -1;

    if (asked->leader_epoch >= 0 && asked->leader_epoch != item->offsets.leader_epoch) {
        return asked->leader_epoch < item->offsets.leader_epoch ? LEAT_EFENCED : LEAT_EEPOCH;
    }
    if (asked->last_fetched_epoch < 0) {
        return 0;
    }
    log_partition_epoch_end(item->part->log, asked->last_fetched_epoch, &epoch, &end);
    if (epoch < 0 || end < 0) {
        return LEAT_ERANGE;
    }
    if (epoch < asked->last_fetched_epoch || end < asked->offset) {
        item->diverging_epoch = epoch;
        item->diverging_end = end;
    }
    return 0;
}

/* After a wake-up: may there be enough by now? An estimate that never says no wrongly. */
static bool could_be_enough(const struct fetch *state)
{
    int64_t bytes = 0;

    for (size_t i = 0; i < state->view.count && bytes < state->bytes_min; i++) {
        const struct item *item = &state->items[i];
        struct log_offsets offsets;
        if (item->part == NULL || log_partition_offsets(item->part->log, &offsets) != 0 ||
            item->asked->offset < offsets.log_start ||
            offsets.leader_epoch != item->offsets.leader_epoch) {
            return true; /* an error, which is answered at once */
        }
        uint64_t readable =
            log_partition_readable(item->part->log, item->asked->offset, state->isolation);
        if (readable > (uint64_t)(item->asked->max_bytes < 0 ? 0 : item->asked->max_bytes)) {
            return true;
        }
        bytes += (int64_t)readable;
    }
    return bytes >= state->bytes_min;
}

static bool is_enough(const struct srv_request *req, const struct fetch *state, int32_t max_wait_ms)
{
    return req->timed_out || max_wait_ms <= 0 || state->view.count == 0 || state->has_error ||
           state->cut || (int64_t)state->bytes >= state->bytes_min ||
           atomic_load_explicit(&req->server->stopping, memory_order_relaxed);
}

static void register_waiters(struct fetch *state)
{
    for (size_t i = 0; i < state->view.count; i++) {
        struct item *item = &state->items[i];
        if (item->part != NULL) {
            item->waiter.offset = item->asked->offset + 1;
            srv_partition_wait(item->part, &item->waiter);
        }
    }
    state->registered = true;
}

static bool all_resident(const struct fetch *state)
{
    for (size_t i = 0; i < state->view.count; i++) {
        if (state->items[i].extent.size > 0 && !log_extent_resident(&state->items[i].extent)) {
            return false;
        }
    }
    return true;
}

/* On a reader thread. */
static void load(struct srv_request *req)
{
    struct fetch *state = req->state;

    for (size_t i = 0; i < state->view.count; i++) {
        struct item *item = &state->items[i];
        if (item->extent.size > 0 && log_extent_load(&item->extent) != 0) {
            item->error = PROTO_ERROR_KAFKA_STORAGE_ERROR;
        }
    }
}

/* ---- the answer ---- */

static int answer(struct srv_request *req, struct fetch *state, struct proto_fetch_response *ret)
{
    struct proto_fetch_response_fetchable_topic_response *topic = NULL;
    struct proto_fetch_response_partition_data *rows =
        lt_arena_alloc(&req->arena, state->view.count * sizeof(*rows));
    const struct item *before = NULL;
    size_t used = 0;

    ret->responses = lt_arena_calloc(&req->arena, state->view.count, sizeof(ret->responses[0]));
    if (rows == NULL || ret->responses == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < state->view.count; i++) {
        struct item *item = &state->items[i];
        struct proto_fetch_response_partition_data *to = &rows[used];
        int err = fill_partition(req, state, item, to);
        if (err != 0) {
            return err;
        }
        /* An incremental answer leaves out what has not changed. */
        if (state->view.session != NULL && item->error == 0 && to->records.size == 0 &&
            to->diverging_epoch.epoch < 0 &&
            to->high_watermark == item->asked->sent_high_watermark &&
            to->log_start_offset == item->asked->sent_log_start) {
            continue;
        }
        used++;
        item->asked->sent_high_watermark =
            to->high_watermark; /* -1 after an error: its end is told */
        item->asked->sent_log_start = to->log_start_offset;
        if (state->view.session != NULL) {
            srv_fetch_session_told(state->view.session, item->asked, to->records.size > 0);
        }
        if (before == NULL || !lt_slice_equal(before->asked->name, item->asked->name) ||
            memcmp(&before->asked->id, &item->asked->id, sizeof(item->asked->id)) != 0) {
            topic = &ret->responses[ret->responses_count++];
            proto_fetch_response_fetchable_topic_response_init(topic);
            topic->topic = item->asked->name;
            topic->topic_id = item->asked->id;
            topic->partitions = to;
        }
        topic->partitions_count++;
        before = item;
    }
    tell_session(req, state, ret);
    return 0;
}

static void
tell_session(struct srv_request *req, struct fetch *state, struct proto_fetch_response *ret)
{
    ret->session_id = state->view.session_id;
    if (state->view.wants_session) {
        int32_t slots = srv_config_settings(req->server->config)->fetch_session_slots;
        ret->session_id = srv_fetch_sessions_begin(req->server->fetch_sessions,
                                                   slots < 0 ? 0 : (size_t)slots, &state->view);
    }
}

static int fill_partition(struct srv_request *req,
                          struct fetch *state,
                          struct item *item,
                          struct proto_fetch_response_partition_data *to)
{
    int err = 0;

    proto_fetch_response_partition_data_init(to);
    to->partition_index = item->asked->number;
    to->preferred_read_replica = -1;
    to->aborted_transactions_count = state->isolation == LOG_READ_COMMITTED ? 0 : -1;
    to->records.data = (const uint8_t *)""; /* never null: old librdkafka cannot read that */
    if (item->error == 0) {
        err = fill_records(req, item, &to->records);
        if (err == LEAT_EIO) {
            item->error = PROTO_ERROR_KAFKA_STORAGE_ERROR;
            err = 0;
        }
    }
    if (item->error != 0) {
        bool old = req->header.api_version <= 5 && item->error == PROTO_ERROR_KAFKA_STORAGE_ERROR;
        to->error_code = old ? PROTO_ERROR_NOT_LEADER_OR_FOLLOWER : item->error;
        to->high_watermark = -1;
        to->last_stable_offset = -1;
        to->log_start_offset = -1;
        return err;
    }
    to->high_watermark = item->offsets.high_watermark;
    to->last_stable_offset = item->offsets.last_stable;
    to->log_start_offset = item->offsets.log_start;
    if (item->diverging_epoch >= 0) {
        to->diverging_epoch.epoch = item->diverging_epoch;
        to->diverging_epoch.end_offset = item->diverging_end;
    }
    return err;
}

struct copying {
    uint8_t *to;
    const struct log_extent *from;
};

static int copy(void *arg)
{
    const struct copying *copying = arg;

    memcpy(copying->to, copying->from->data, copying->from->size);
    return 0;
}

/* Short runs are copied, unless too many copied bytes wait for slow readers already. LEAT_EIO: they cannot be read. */
static int fill_records(struct srv_request *req, struct item *item, struct proto_records *to)
{
    struct log_extent *extent = &item->extent;
    int64_t staged = atomic_load_explicit(&req->server->staged_bytes, memory_order_relaxed);

    if (extent->size == 0) {
        return 0;
    }
    atomic_fetch_add_explicit(&item->topic->bytes_out, extent->size, memory_order_relaxed);
    if (extent->size >= SENDFILE_BYTES_MIN ||
        (extent->size >= SRV_EXTENT_COST &&
         staged > srv_config_settings(req->server->config)->fetch_staged_max_bytes)) {
        *to = (struct proto_records){.size = extent->size, .external = extent};
        req->internal.has_extents = true;
        return 0;
    }
    struct copying copying = {.to = lt_arena_alloc(&req->arena, extent->size), .from = extent};
    struct log_guard_range range = {.map = extent->data, .size = extent->size};
    if (copying.to == NULL) {
        return LEAT_ENOMEM;
    }
    int err = log_map_guard(&range, 1, copy, &copying);
    if (err == 0) {
        *to = (struct proto_records){.data = copying.to, .size = extent->size};
    }
    log_extent_release(extent);
    return err;
}

static void drop_extents(struct fetch *state)
{
    for (size_t i = 0; i < state->view.count; i++) {
        log_extent_release(&state->items[i].extent);
        memset(&state->items[i].extent, 0, sizeof(state->items[i].extent));
    }
}

static void release(void *arg)
{
    struct fetch *state = arg;

    if (state->items != NULL) {
        drop_extents(state);
        for (size_t i = 0; i < state->view.count; i++) {
            srv_waiter_unlink(&state->items[i].waiter);
        }
        for (size_t i = 0; i < state->view.count; i++) {
            if (state->items[i].owns_topic) {
                srv_topic_unref(state->items[i].topic);
            }
        }
    }
    srv_fetch_session_unref(state->view.session);
}
