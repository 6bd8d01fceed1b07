/* consumer.c: the calls of applications on a consumer, and its life. Fetching is fetcher.c, decoding batch.c. */
#include "client/consumer.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "client/consumer_impl.h"
#include "client/fetch_session.h"
#include "proto/errors.h"

#define NS_PER_MS 1000000

static void on_start(struct leat_client *client, struct lc_command *command);
static void on_stop(struct leat_client *client, struct lc_command *command);
static void drop_chunks(struct leat_consumer *c);
static void settle_signal(struct leat_client *client);

/* ---- making and freeing ---- */

static struct leat_consumer *make_consumer(struct leat_client *client, const struct leat_conf *conf)
{
    struct leat_consumer *c = lt_calloc(1, sizeof(*c));

    if (c == NULL) {
        return NULL;
    }
    c->conf = leat_conf_copy(conf == NULL ? client->conf : conf);
    if (c->conf == NULL) {
        lt_free(c);
        return NULL;
    }
    atomic_init(&c->refs, 2); /* the handle and the loop */
    c->client = client;
    c->pool = client->pool;
    c->queue_size_max = (size_t)lc_conf_number(c->conf, LC_CONF_QUEUED_KBYTES) * 1024;
    c->poll_max = (size_t)lc_conf_number(c->conf, LC_CONF_MAX_POLL_RECORDS);
    c->check_crcs = lc_conf_number(c->conf, LC_CONF_CHECK_CRCS) != 0;
    c->control_records = lc_conf_number(c->conf, LC_CONF_CONTROL_RECORDS) != 0;
    c->committed = lc_conf_number(c->conf, LC_CONF_ISOLATION) != 0;
    (void)pthread_mutex_init(&c->lock, NULL);
    STAILQ_INIT(&c->queue);
    STAILQ_INIT(&c->parked);
    LIST_INIT(&c->sessions);
    STAILQ_INIT(&c->errors);
    c->start.run = on_start;
    c->stop.run = on_stop;
    c->start.owner = c;
    c->stop.owner = c;
    return c;
}

int leat_consumer_new(struct leat_client *client,
                      const struct leat_conf *conf,
                      struct leat_consumer **ret_consumer,
                      struct leat_error **reterr)
{
    struct leat_consumer *c;

    if (client == NULL || ret_consumer == NULL || (conf != NULL && conf->is_topic)) {
        return lt_error_set(reterr, LEAT_EINVAL, "leat_consumer_new: bad argument");
    }
    if (lc_client_forked(client)) {
        return lt_error_set(reterr, LEAT_EFORKED, "%s", leat_strerror(LEAT_EFORKED));
    }
    c = make_consumer(client, conf);
    if (c == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "consumer: out of memory");
    }
    c->wait_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (c->wait_fd < 0) {
        int errnum = errno;

        leat_conf_free(c->conf);
        (void)pthread_mutex_destroy(&c->lock);
        lt_free(c);
        return lt_error_set_errno(reterr, LEAT_EIO, errnum, "no descriptor for the consumer");
    }
    lc_client_hold(client);
    lc_client_submit(client, &c->start);
    *ret_consumer = c;
    return 0;
}

static void on_start(struct leat_client *client, struct lc_command *command)
{
    struct leat_consumer *c = command->owner;

    TAILQ_INSERT_TAIL(&client->consumers, c, link);
}

void lc_part_unref(struct lc_part *part)
{
    if (part != NULL && atomic_fetch_sub_explicit(&part->refs, 1, memory_order_acq_rel) == 1) {
        lt_free(part->topic);
        lt_free(part);
    }
}

static void free_errors(struct leat_consumer *c)
{
    struct lc_part_error *error;

    while ((error = STAILQ_FIRST(&c->errors)) != NULL) {
        STAILQ_REMOVE_HEAD(&c->errors, link);
        lc_part_unref(error->part);
        lt_free(error->message);
        lt_free(error);
    }
}

void lc_consumer_unref(struct leat_consumer *c)
{
    if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (size_t i = 0; i < c->part_count; i++) {
        lc_part_renew(c->parts[i]);
    }
    drop_chunks(c);
    free_errors(c);
    for (size_t i = 0; i < c->part_count; i++) {
        lc_part_unref(c->parts[i]);
    }
    lt_free(c->parts);
    leat_offsets_free(c->assigned);
    lt_free(c->dropped);
    leat_conf_free(c->conf);
    (void)close(c->wait_fd);
    (void)pthread_mutex_destroy(&c->lock);
    lt_free(c);
}

/* Nothing of the loop looks at it any more. */
static void leave_loop(struct leat_client *client, struct leat_consumer *c)
{
    struct lc_broker *broker;

    for (size_t i = 0; i < c->part_count; i++) {
        lc_metadata_drop(client, c->parts[i]->metadata);
        c->parts[i]->metadata = NULL;
    }
    for (size_t i = 0; i < c->dropped_count; i++) {
        lc_metadata_drop(client, c->dropped[i]);
    }
    c->dropped_count = 0;
    TAILQ_FOREACH (broker, &client->brokers, link) {
        if (broker->owner == c) {
            broker->owner = broker; /* an owner that nobody is */
            broker->forgotten = true;
            lc_broker_close(broker, LEAT_ECANCELED, "the consumer is gone");
        }
    }
    lc_sessions_free(c); /* their requests have ended with the connections */
    TAILQ_REMOVE(&client->consumers, c, link);
    settle_signal(client);
    lc_consumer_unref(c);
}

static void on_stop(struct leat_client *client, struct lc_command *command)
{
    leave_loop(client, command->owner);
}

int leat_consumer_close(struct leat_consumer *c, int timeout_ms, struct leat_error **reterr)
{
    (void)timeout_ms;
    if (c == NULL) {
        return lt_error_set(reterr, LEAT_EINVAL, "leat_consumer_close: no consumer");
    }
    if (lc_client_forked(c->client)) {
        return lt_error_set(reterr, LEAT_EFORKED, "%s", leat_strerror(LEAT_EFORKED));
    }
    (void)pthread_mutex_lock(&c->lock);
    c->closed = true;
    for (size_t i = 0; i < c->part_count; i++) {
        lc_part_renew(c->parts[i]);
        c->parts[i]->state = LC_PART_STOPPED;
    }
    drop_chunks(c);
    (void)pthread_mutex_unlock(&c->lock);
    return 0;
}

void leat_consumer_free(struct leat_consumer *c)
{
    struct leat_client *client;

    if (c == NULL || lc_client_forked(c->client)) {
        return;
    }
    client = c->client;
    (void)leat_consumer_close(c, 0, NULL); /* cannot fail here */
    lc_client_submit(client, &c->stop);
    lc_consumer_unref(c);
    lc_client_drop(client);
}

/* ---- what is read, and from where ---- */

void lc_part_renew(struct lc_part *part)
{
    part->seq++;
    part->chunk_count = 0;
}

/* Of one list; *parked_size NULL: it is not the list of those parked. */
static void drop_stale_of(struct leat_consumer *c, struct lc_chunk_list *list, size_t *parked_size)
{
    struct lc_chunk_list kept = STAILQ_HEAD_INITIALIZER(kept);
    struct lc_chunk *chunk;

    while ((chunk = STAILQ_FIRST(list)) != NULL) {
        STAILQ_REMOVE_HEAD(list, link);
        if (chunk->seq == chunk->part->seq) {
            STAILQ_INSERT_TAIL(&kept, chunk, link);
            continue;
        }
        c->queued -= chunk->size;
        if (parked_size != NULL) {
            *parked_size -= chunk->size;
        }
        lc_chunk_free(chunk);
    }
    STAILQ_CONCAT(list, &kept);
}

void lc_consumer_drop_stale(struct leat_consumer *c)
{
    drop_stale_of(c, &c->queue, NULL);
    drop_stale_of(c, &c->parked, &c->parked_size);
}

/* The current chunk goes if it counts no more. Polling thread, lock held. */
static void drop_current(struct leat_consumer *c)
{
    if (c->current != NULL && c->current->seq != c->current->part->seq) {
        c->queued -= c->current->size;
        lc_chunk_free(c->current);
        c->current = NULL;
    }
}

/* All chunks from before an assign or seek. Polling thread, lock held. */
static void drop_chunks(struct leat_consumer *c)
{
    drop_current(c);
    lc_consumer_drop_stale(c);
}

/* Point a partition at an offset or a special one. */
static int
point(const struct leat_consumer *c, struct lc_part *part, int64_t offset, bool may_reset)
{
    int64_t reset = lc_conf_number(c->conf, LC_CONF_OFFSET_RESET);

    if (offset == LEAT_OFFSET_RESET && may_reset && reset != LC_RESET_NONE) {
        offset = reset == LC_RESET_EARLIEST ? LEAT_OFFSET_START : LEAT_OFFSET_END;
    }
    if (offset < 0 && offset != LEAT_OFFSET_START && offset != LEAT_OFFSET_END) {
        return LEAT_EINVAL;
    }
    part->state = offset < 0 ? LC_PART_LOOKUP : LC_PART_FETCH;
    part->lookup = offset;
    part->fetch_offset = offset;
    part->position = offset < 0 ? LEAT_EAGAIN : offset;
    part->fetched_epoch = -1;
    part->leader_epoch = -1;
    part->high_watermark = -1;
    part->retry_at = 0;
    part->told_code = 0;
    part->backoff_ms = lc_conf_number(c->client->conf, LC_CONF_RETRY_BACKOFF_MS);
    return 0;
}

static struct lc_part *new_part(const struct leat_consumer *c, const struct lc_offset *entry)
{
    struct lc_part *part = lt_calloc(1, sizeof(*part));

    if (part == NULL) {
        return NULL;
    }
    atomic_init(&part->refs, 1);
    part->topic = lt_strdup(entry->topic);
    part->partition = entry->partition;
    if (part->topic == NULL || point(c, part, entry->offset, true) < 0) {
        lc_part_unref(part);
        return NULL;
    }
    return part;
}

static void free_parts(struct lc_part **parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        lc_part_unref(parts[i]);
    }
    lt_free(parts);
}

/* The old assignment goes, the new one comes. Lock held; LEAT_ENOMEM changes nothing. */
static int replace_parts(struct leat_consumer *c, struct lc_part **parts, struct leat_offsets *list)
{
    struct lc_part **old = c->parts;
    size_t old_count = c->part_count;
    void *dropped =
        lt_reallocarray(c->dropped, c->dropped_count + old_count + 1, sizeof(c->dropped[0]));

    if (dropped == NULL) {
        return LEAT_ENOMEM;
    }
    c->dropped = dropped;
    for (size_t i = 0; i < old_count; i++) {
        lc_part_renew(old[i]);
        if (old[i]->metadata != NULL) {
            c->dropped[c->dropped_count++] = old[i]->metadata;
            old[i]->metadata = NULL;
        }
    }
    c->parts = parts;
    c->part_count = list->count;
    leat_offsets_free(c->assigned);
    c->assigned = list;
    c->assignments++;
    drop_chunks(c);
    free_parts(old, old_count);
    return 0;
}

static int check_offsets(const struct leat_consumer *c,
                         const struct leat_offsets *offsets,
                         bool may_reset,
                         struct leat_error **reterr)
{
    struct lc_part scratch = {0};

    for (size_t i = 0; i < leat_offsets_count(offsets); i++) {
        const struct lc_offset *entry = &offsets->entries[i];

        if (point(c, &scratch, entry->offset, may_reset) < 0) {
            return lt_error_set(
                reterr, LEAT_EINVAL, "%s-%d: %lld is no offset%s", entry->topic,
                (int)entry->partition, (long long)entry->offset,
                entry->offset == LEAT_OFFSET_RESET ? " while auto.offset.reset is none" : "");
        }
    }
    return 0;
}

int lc_consumer_usable(const struct leat_consumer *c, struct leat_error **reterr)
{
    if (c == NULL) {
        return lt_error_set(reterr, LEAT_EINVAL, "no consumer");
    }
    if (lc_client_forked(c->client)) {
        return lt_error_set(reterr, LEAT_EFORKED, "%s", leat_strerror(LEAT_EFORKED));
    }
    return 0;
}

int leat_consumer_assign(struct leat_consumer *c,
                         const struct leat_offsets *parts,
                         struct leat_error **reterr)
{
    size_t count = leat_offsets_count(parts);
    struct lc_part **fresh;
    struct leat_offsets *list;
    int err = lc_consumer_usable(c, reterr);

    if (err == 0) {
        err = check_offsets(c, parts, true, reterr);
    }
    if (err < 0) {
        return err;
    }
    list = lc_offsets_copy(parts);
    fresh = lt_calloc(count + 1, sizeof(*fresh));
    for (size_t i = 0; fresh != NULL && i < count && err == 0; i++) {
        fresh[i] = new_part(c, &parts->entries[i]);
        err = fresh[i] == NULL ? LEAT_ENOMEM : 0;
    }
    if (list == NULL || fresh == NULL || err < 0) {
        leat_offsets_free(list);
        free_parts(fresh, fresh == NULL ? 0 : count);
        return lt_error_set(reterr, LEAT_ENOMEM, "assign: out of memory");
    }
    (void)pthread_mutex_lock(&c->lock);
    err = c->closed ? LEAT_ECLOSED : replace_parts(c, fresh, list);
    (void)pthread_mutex_unlock(&c->lock);
    if (err < 0) {
        leat_offsets_free(list);
        free_parts(fresh, count);
        return lt_error_set(reterr, err, "assign: %s", leat_strerror(err));
    }
    lc_client_wake(c->client);
    return 0;
}

struct lc_part *
lc_consumer_part(const struct leat_consumer *c, const char *topic, int32_t partition)
{
    const struct lc_offset *entry = lc_offsets_find(c->assigned, topic, partition);

    return entry == NULL ? NULL : c->parts[entry - c->assigned->entries];
}

/* Lock held. */
static int
seek_all(struct leat_consumer *c, const struct leat_offsets *offsets, struct leat_error **reterr)
{
    for (size_t i = 0; i < leat_offsets_count(offsets); i++) {
        const struct lc_offset *entry = &offsets->entries[i];

        if (lc_consumer_part(c, entry->topic, entry->partition) == NULL) {
            return lt_error_set(reterr, LEAT_ENOENT, "%s-%d is not assigned", entry->topic,
                                (int)entry->partition);
        }
    }
    for (size_t i = 0; i < leat_offsets_count(offsets); i++) {
        const struct lc_offset *entry = &offsets->entries[i];
        struct lc_part *part = lc_consumer_part(c, entry->topic, entry->partition);

        LT_ASSERT(part != NULL); /* the loop above found every one */
        lc_part_renew(part);
        (void)point(c, part, entry->offset, false); /* checked before */
    }
    drop_chunks(c);
    return 0;
}

int leat_consumer_seek(struct leat_consumer *c,
                       const struct leat_offsets *offsets,
                       struct leat_error **reterr)
{
    int err = lc_consumer_usable(c, reterr);

    if (err == 0) {
        err = check_offsets(c, offsets, false, reterr);
    }
    if (err < 0) {
        return err;
    }
    (void)pthread_mutex_lock(&c->lock);
    err = c->closed ? lt_error_set(reterr, LEAT_ECLOSED, "the consumer is closed")
                    : seek_all(c, offsets, reterr);
    (void)pthread_mutex_unlock(&c->lock);
    if (err == 0) {
        lc_client_wake(c->client);
    }
    return err;
}

/* The assignment with the same time for each partition; NULL when memory is short. */
static struct leat_offsets *times_of_parts(struct leat_consumer *c, int64_t timestamp_ms)
{
    struct leat_offsets *list = leat_offsets_new();
    int err = list == NULL ? LEAT_ENOMEM : 0;

    (void)pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->part_count && err == 0; i++) {
        err = leat_offsets_add(list, c->parts[i]->topic, c->parts[i]->partition, timestamp_ms);
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (err < 0) {
        leat_offsets_free(list);
        return NULL;
    }
    return list;
}

int leat_consumer_seek_time(struct leat_consumer *c,
                            int64_t timestamp_ms,
                            int timeout_ms,
                            struct leat_error **reterr)
{
    struct leat_offsets *times;
    struct leat_offsets *found = NULL;
    int err = lc_consumer_usable(c, reterr);

    if (err < 0) {
        return err;
    }
    if (timestamp_ms < 0) {
        return lt_error_set(reterr, LEAT_EINVAL, "seek_time: the time is negative");
    }
    times = times_of_parts(c, timestamp_ms);
    if (times == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "seek_time: out of memory");
    }
    err = leat_list_offsets(c->client, times, timeout_ms, &found, reterr);
    for (size_t i = 0; err == 0 && i < found->count; i++) {
        struct lc_offset *entry = &found->entries[i];

        if (entry->code < 0) {
            err = lt_error_set(reterr, entry->code, "%s-%d: %s", entry->topic,
                               (int)entry->partition, leat_strerror(entry->code));
        } else if (entry->offset < 0) {
            entry->offset = LEAT_OFFSET_END; /* no record is that late */
        }
    }
    if (err == 0) {
        err = leat_consumer_seek(c, found, reterr);
    }
    leat_offsets_free(found);
    leat_offsets_free(times);
    return err;
}

int64_t leat_consumer_position(struct leat_consumer *c, const char *topic, int32_t partition)
{
    const struct lc_part *part;
    int64_t position = lc_consumer_usable(c, NULL);

    if (position < 0 || topic == NULL) {
        return position < 0 ? position : LEAT_EINVAL;
    }
    (void)pthread_mutex_lock(&c->lock);
    part = lc_consumer_part(c, topic, partition);
    position = part == NULL ? LEAT_ENOENT : part->position;
    (void)pthread_mutex_unlock(&c->lock);
    return position;
}

int64_t leat_consumer_lag(struct leat_consumer *c, const char *topic, int32_t partition)
{
    const struct lc_part *part;
    int64_t lag = lc_consumer_usable(c, NULL);

    if (lag < 0 || topic == NULL) {
        return lag < 0 ? lag : LEAT_EINVAL;
    }
    (void)pthread_mutex_lock(&c->lock);
    part = lc_consumer_part(c, topic, partition);
    if (part == NULL) {
        lag = LEAT_ENOENT;
    } else if (part->position < 0 || part->high_watermark < 0) {
        lag = LEAT_EAGAIN;
    } else {
        int64_t end =
            c->committed && part->last_stable >= 0 ? part->last_stable : part->high_watermark;

        lag = end > part->position ? end - part->position : 0;
    }
    (void)pthread_mutex_unlock(&c->lock);
    return lag;
}

/* ---- poll ---- */

void lc_consumer_notify(struct leat_consumer *c)
{
    const uint64_t one = 1;

    if (c->waiting) {
        c->waiting = false;
        (void)!write(c->wait_fd, &one, sizeof(one)); /* full = it is readable anyway */
    }
    lc_client_signal(c->client);
}

void leat_consumer_wakeup(struct leat_consumer *c)
{
    const uint64_t one = 1;
    int errnum = errno; /* a signal handler must not change it */

    if (c != NULL && !lc_client_forked(c->client)) {
        atomic_store(&c->woken, true);
        (void)!write(c->wait_fd, &one, sizeof(one)); /* full = it is readable anyway */
        if (!c->client->has_thread) {
            lc_client_wake(c->client); /* there poll turns the loop */
        }
    }
    errno = errnum;
}

/* Does it still count? Not after a seek, nor when the topic is there again. Lock held. */
static bool lasts(const struct lc_part_error *error)
{
    return error->seq == error->part->seq &&
           (error->code != LEAT_BROKER_ERROR(PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION) ||
            error->part->told_code == error->code);
}

/* The next error that still counts, if any. Lock held. */
static int take_error(struct leat_consumer *c, struct leat_error **reterr)
{
    struct lc_part_error *error;
    int code = 0;

    while (code == 0 && (error = STAILQ_FIRST(&c->errors)) != NULL) {
        STAILQ_REMOVE_HEAD(&c->errors, link);
        if (lasts(error)) {
            code = lt_error_set(
                reterr, error->code, "%s-%d: %s", error->part->topic, (int)error->part->partition,
                error->message != NULL ? error->message : leat_strerror(error->code));
        }
        lc_part_unref(error->part);
        lt_free(error->message);
        lt_free(error);
    }
    return code;
}

/* Make the next chunk current. Lock held. */
static bool take_chunk(struct leat_consumer *c)
{
    drop_current(c);
    if (c->current == NULL && !STAILQ_EMPTY(&c->queue)) {
        c->current = STAILQ_FIRST(&c->queue);
        STAILQ_REMOVE_HEAD(&c->queue, link);
    }
    return c->current != NULL;
}

/* The current chunk is read up. Lock held. */
static void finish_chunk(struct leat_consumer *c)
{
    struct lc_chunk *chunk = c->current;
    struct lc_part *part = chunk->part;

    c->current = NULL;
    c->queued -= chunk->size;
    if (--part->chunk_count == 0 && part->state == LC_PART_FETCH) {
        part->position = part->fetch_offset; /* also where a reset has moved it meanwhile */
    }
    lc_chunk_free(chunk);
    if (c->throttled && !lc_consumer_full(c)) {
        c->throttled = false;
        lc_client_wake(c->client);
    }
}

/* Fill a batch from chunks; the lock is held and released while decoding. Returns 0 or the error of the place where it stopped. */
static int fill(struct leat_consumer *c, struct leat_batch *batch, struct leat_error **reterr)
{
    int err = 0;

    while (err == 0 && batch->count < batch->count_max && take_chunk(c)) {
        struct lc_chunk *chunk = c->current;
        struct lc_part *part = chunk->part;
        int64_t position = part->position;
        size_t count = batch->count;

        (void)pthread_mutex_unlock(&c->lock);
        err = lc_batch_fill(batch, c, chunk, &position);
        (void)pthread_mutex_lock(&c->lock);
        if (chunk->seq != part->seq) {
            batch->count = count; /* the loop has found that the log is another one */
            err = 0;
            continue;
        }
        part->position = position;
        if (err == 0 && !chunk->open && chunk->rest.size == 0) {
            finish_chunk(c);
        } else if (err < 0 && batch->count == 0) {
            (void)lt_error_set(reterr, err, "%s-%d at offset %lld: %s", part->topic,
                               (int)part->partition, (long long)position, leat_strerror(err));
            if (err != LEAT_ENOMEM) {
                part->state = LC_PART_STOPPED;
                lc_part_renew(part); /* what was fetched behind it goes too */
                drop_chunks(c);
            }
        }
    }
    return err;
}

/* Sleep until there is something, or the deadline. Lock held, released meanwhile. Returns false when the time is over. */
static bool wait_for_more(struct leat_consumer *c, int64_t deadline)
{
    struct leat_client *client = c->client;
    struct pollfd wait = {.fd = c->wait_fd, .events = POLLIN};
    int64_t left = deadline == LC_NEVER ? LC_NEVER : deadline - lt_clock_mono_ns(client->clock);
    uint64_t count;

    if (left <= 0) {
        return false;
    }
    if (!client->has_thread) {
        return lc_client_wait(client, NULL, &c->lock, deadline);
    }
    c->waiting = true;
    (void)pthread_mutex_unlock(&c->lock);
    left = left / NS_PER_MS + 1; /* rather a little late than in circles */
    (void)poll(&wait, 1,
               deadline == LC_NEVER || left > INT32_MAX ? -1 : (int)left); /* EINTR: looks again */
    (void)!read(c->wait_fd, &count, sizeof(count)); /* empty = the time is over */
    (void)pthread_mutex_lock(&c->lock);
    c->waiting = false;
    return true;
}

/* Lock held. */
static int poll_locked(struct leat_consumer *c,
                       int64_t deadline,
                       struct leat_batch *batch,
                       struct leat_error **reterr)
{
    bool may_wait = lc_client_may_wait(c->client);

    for (;;) {
        int err = c->closed ? lt_error_set(reterr, LEAT_ECLOSED, "the consumer is closed")
                            : take_error(c, reterr);

        if (err < 0 || atomic_exchange(&c->woken, false)) {
            return err;
        }
        err = fill(c, batch, reterr);
        if (batch->count > 0 || err < 0) {
            return batch->count > 0 ? (int)batch->count : err;
        }
        if (!may_wait && deadline > lt_clock_mono_ns(c->client->clock)) {
            return lt_error_set(reterr, LEAT_EAGAIN,
                                "this call waits, which is not possible inside a callback");
        }
        if (!wait_for_more(c, deadline)) {
            return 0;
        }
    }
}

/* Is there something for poll? Lock held. */
static bool has_more(const struct leat_consumer *c)
{
    return c->current != NULL || !STAILQ_EMPTY(&c->queue) || !STAILQ_EMPTY(&c->errors);
}

/* On a base no dispatch takes the signal back: it ends when no consumer has something. One thread, so no locks. */
static void settle_signal(struct leat_client *client)
{
    const struct leat_consumer *c;

    if (client->has_thread) {
        return;
    }
    TAILQ_FOREACH (c, &client->consumers, link) {
        if (has_more(c)) {
            return;
        }
    }
    lc_client_unsignal(client);
}

int leat_consumer_poll(struct leat_consumer *c,
                       int timeout_ms,
                       struct leat_batch **ret_batch,
                       struct leat_error **reterr)
{
    struct leat_batch *batch;
    int err = lc_consumer_usable(c, reterr);

    if (err < 0) {
        return err;
    }
    if (ret_batch == NULL) {
        return lt_error_set(reterr, LEAT_EINVAL, "leat_consumer_poll: ret_batch is missing");
    }
    batch = lc_leat_batch_new(c->poll_max);
    if (batch == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "leat_consumer_poll: out of memory");
    }
    (void)pthread_mutex_lock(&c->lock);
    err = poll_locked(c, lc_deadline(c->client->clock, timeout_ms), batch, reterr);
    if (has_more(c)) {
        lc_client_signal(c->client); /* more is there than was taken */
    }
    (void)pthread_mutex_unlock(&c->lock);
    settle_signal(c->client);
    if (err > 0) {
        *ret_batch = batch;
    } else {
        leat_batch_unref(batch);
        if (err == 0) {
            *ret_batch = NULL;
        }
    }
    return err;
}

/* ---- the loop's side ---- */

int64_t lc_consumers_turn(struct leat_client *client, int64_t now)
{
    struct leat_consumer *c;
    int64_t next = LC_NEVER;

    TAILQ_FOREACH (c, &client->consumers, link) {
        int64_t at = lc_fetcher_turn(c, now);

        next = at < next ? at : next;
    }
    return next;
}

void lc_consumers_end(struct leat_client *client)
{
    struct leat_consumer *c;

    TAILQ_FOREACH (c, &client->consumers, link) {
        (void)pthread_mutex_lock(&c->lock);
        c->closed = true;
        lc_consumer_notify(c);
        (void)pthread_mutex_unlock(&c->lock);
    }
}

void lc_consumers_release(struct leat_client *client)
{
    struct leat_consumer *c;

    while ((c = TAILQ_FIRST(&client->consumers)) != NULL) {
        leave_loop(client, c);
    }
}
