/* topics.c: the registry of topics: two hash tables under one read-write lock, partitions in arrays that readers use
 * without a lock, waiters in a list per partition. See topics.h. */
#include "server/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/assert.h"
#include "base/hash.h"
#include "server/config.h"
#include "server/request.h"
#include "server/server.h"

/* An array of partitions that a longer one replaced: readers may still hold it, so it goes with the topic. */
struct old_array {
    struct old_array *older;
    struct srv_partition **partitions;
};

struct srv_topic_internal {
    struct srv_topic *topic;
    char *squashed; /* the name with '.' as '_': the key of by_squashed */
    int64_t rev;    /* of topic/<name> */
    struct old_array *old;
    UT_hash_handle hh; /* by_name */
    UT_hash_handle by_id_handle;
    UT_hash_handle squashed_handle;
};

/* A name that is being created. */
struct reservation {
    char *name;
    char *squashed;
    UT_hash_handle hh; /* by squashed */
};

struct srv_topics {
    struct srv_server *server;
    pthread_rwlock_t lock; /* guards all below but catalog */
    struct srv_topic_internal *by_name;
    struct srv_topic_internal *by_id;
    struct srv_topic_internal *by_squashed;
    struct reservation *reserved;
    int64_t partitions;          /* in the registry */
    int64_t partitions_reserved; /* on their way */
    struct srv_catalog *catalog;
};

int srv_topics_new(struct srv_server *server, struct srv_topics **ret_topics)
{
    struct srv_topics *topics = lt_calloc(1, sizeof(*topics));
    if (topics == NULL) {
        return LEAT_ENOMEM;
    }
    topics->server = server;
    (void)pthread_rwlock_init(&topics->lock, NULL); /* default attributes: cannot fail */
    *ret_topics = topics;
    return 0;
}

struct srv_catalog *srv_topics_catalog(struct srv_topics *topics)
{
    return topics->catalog;
}

void srv_topics_set_catalog(struct srv_topics *topics, struct srv_catalog *catalog)
{
    topics->catalog = catalog;
}

/* ---- names ---- */

const char *srv_topic_name_wrong(struct lt_slice name, char *text, size_t text_size)
{
    if (name.size == 0) {
        return "the empty string is not allowed";
    }
    if (lt_slice_is(name, ".")) {
        return "'.' is not allowed";
    }
    if (lt_slice_is(name, "..")) {
        return "'..' is not allowed";
    }
    const char *shown = (const char *)name.data;
    int size = (int)(name.size < 300 ? name.size : 300);
    if (name.size > SRV_TOPIC_NAME_MAX) {
        (void)snprintf(text, text_size,
                       "the length of '%.*s' is longer than the max allowed length %d", size, shown,
                       SRV_TOPIC_NAME_MAX);
        return text;
    }
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '_' || c == '-';
        if (!fine) {
            (void)snprintf(text, text_size,
                           "'%.*s' contains one or more characters other than ASCII alphanumerics, "
                           "'.', '_' and '-'",
                           size, shown);
            return text;
        }
    }
    return NULL;
}

bool srv_topic_name_internal(struct lt_slice name)
{
    return lt_slice_is(name, "__consumer_offsets") || lt_slice_is(name, "__transaction_state");
}

static char *squash(struct lt_slice name)
{
    char *squashed = lt_strndup((const char *)name.data, name.size);
    for (char *at = squashed; at != NULL && *at != '\0'; at++) {
        *at = *at == '.' ? '_' : *at;
    }
    return squashed;
}

/* ---- lookups ---- */

static struct srv_topic *take_ref(struct srv_topic_internal *found)
{
    if (found == NULL) {
        return NULL;
    }
    return srv_topic_ref(found->topic);
}

struct srv_topic *srv_topic_ref(struct srv_topic *topic)
{
    (void)atomic_fetch_add_explicit(&topic->refs, 1, memory_order_relaxed);
    return topic;
}

struct srv_topic *srv_topics_by_name(struct srv_topics *topics, struct lt_slice name)
{
    if (name.data == NULL || name.size == 0 || name.size > SRV_TOPIC_NAME_MAX) {
        return NULL;
    }
    struct srv_topic_internal *found;
    (void)pthread_rwlock_rdlock(&topics->lock);
    HASH_FIND(hh, topics->by_name, name.data, name.size, found);
    struct srv_topic *topic = take_ref(found);
    (void)pthread_rwlock_unlock(&topics->lock);
    return topic;
}

struct srv_topic *srv_topics_by_id(struct srv_topics *topics, const struct proto_uuid *id)
{
    struct srv_topic_internal *found;
    (void)pthread_rwlock_rdlock(&topics->lock);
    HASH_FIND(by_id_handle, topics->by_id, id, sizeof(*id), found);
    struct srv_topic *topic = take_ref(found);
    (void)pthread_rwlock_unlock(&topics->lock);
    return topic;
}

static int compare_topics(const void *a, const void *b)
{
    const struct srv_topic *const *left = a;
    const struct srv_topic *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

int srv_topics_list(struct srv_topics *topics,
                    struct lt_arena *arena,
                    struct srv_topic ***ret_topics,
                    size_t *ret_count)
{
    (void)pthread_rwlock_rdlock(&topics->lock);
    size_t count = 0;
    struct srv_topic **list =
        lt_arena_calloc(arena, HASH_CNT(hh, topics->by_name) + 1, sizeof(struct srv_topic *));
    if (list != NULL) {
        for (struct srv_topic_internal *at = topics->by_name; at != NULL; at = at->hh.next) {
            list[count++] = srv_topic_ref(at->topic);
        }
    }
    (void)pthread_rwlock_unlock(&topics->lock);
    if (list == NULL) {
        return LEAT_ENOMEM;
    }
    if (count > 1) {
        qsort(list, count, sizeof(struct srv_topic *), compare_topics);
    }
    *ret_topics = list;
    *ret_count = count;
    return 0;
}

int64_t srv_topics_partition_count(struct srv_topics *topics)
{
    (void)pthread_rwlock_rdlock(&topics->lock);
    int64_t count = topics->partitions;
    (void)pthread_rwlock_unlock(&topics->lock);
    return count;
}

struct srv_partition *srv_topic_partition(struct srv_topic *topic, int32_t number)
{
    /* The count is published after the array, so the array read here is at least as long. */
    if (number < 0 || number >= srv_topic_partition_count(topic)) {
        return NULL;
    }
    return atomic_load_explicit(&topic->partitions, memory_order_acquire)[number];
}

/* ---- waiting ---- */

void srv_partition_wait(struct srv_partition *part, struct srv_waiter *waiter)
{
    (void)pthread_mutex_lock(&part->waiters_mutex);
    LT_ASSERT(waiter->at == NULL);
    waiter->at = part;
    LIST_INSERT_HEAD(&part->waiters, waiter, link);
    (void)pthread_mutex_unlock(&part->waiters_mutex);
}

void srv_waiter_unlink(struct srv_waiter *waiter)
{
    struct srv_partition *part = waiter->at; /* changed only by this thread, the request's loop */
    if (part == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&part->waiters_mutex);
    LIST_REMOVE(waiter, link);
    waiter->at = NULL;
    (void)pthread_mutex_unlock(&part->waiters_mutex);
}

void srv_partition_moved(struct srv_partition *part)
{
    if (part == NULL) {
        return;
    }
    struct log_offsets offsets = {0};
    bool broken = atomic_load_explicit(&part->topic->deleted, memory_order_acquire) ||
                  log_partition_failure(part->log) != NULL ||
                  log_partition_offsets(part->log, &offsets) != 0;
    (void)pthread_mutex_lock(&part->waiters_mutex);
    struct srv_waiter *waiter;
    LIST_FOREACH (waiter, &part->waiters, link) {
        if (broken || offsets.high_watermark >= waiter->offset ||
            offsets.log_start > waiter->offset) {
            srv_wake(waiter->req);
        }
    }
    (void)pthread_mutex_unlock(&part->waiters_mutex);
}

/* ---- making and freeing ---- */

static void partition_free(struct srv_partition *part)
{
    if (part != NULL) {
        LT_ASSERT(LIST_EMPTY(&part->waiters));
        log_partition_set_owner(part->log, NULL);
        log_partition_unref(part->log);
        (void)pthread_mutex_destroy(&part->waiters_mutex);
        lt_free(part);
    }
}

static void topic_free(struct srv_topic *topic)
{
    struct srv_topic_internal *own = topic->internal_state;
    struct srv_partition **partitions =
        atomic_load_explicit(&topic->partitions, memory_order_relaxed);
    int32_t count = atomic_load_explicit(&topic->partition_count, memory_order_relaxed);
    for (int32_t i = 0; i < count; i++) {
        partition_free(partitions[i]);
    }
    lt_free(partitions);
    while (own != NULL && own->old != NULL) {
        struct old_array *older = own->old->older;
        lt_free(own->old->partitions);
        lt_free(own->old);
        own->old = older;
    }
    if (own != NULL) {
        lt_free(own->squashed);
        lt_free(own);
    }
    lt_free(topic->name);
    lt_free(topic);
}

void srv_topic_unref(struct srv_topic *topic)
{
    if (topic != NULL && atomic_fetch_sub_explicit(&topic->refs, 1, memory_order_acq_rel) == 1) {
        topic_free(topic);
    }
}

/* Fill partitions[first...] from logs; on failure none of them is left and no log reference was taken. */
static int make_partitions(struct srv_topic *topic,
                           struct srv_partition **partitions,
                           int32_t first,
                           const struct srv_new_log *logs,
                           int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        struct srv_partition *part = lt_calloc(1, sizeof(*part));
        if (part == NULL) {
            while (i-- > 0) {
                (void)pthread_mutex_destroy(&partitions[first + i]->waiters_mutex);
                lt_free(partitions[first + i]);
            }
            return LEAT_ENOMEM;
        }
        part->topic = topic;
        part->log = logs[i].log;
        atomic_store_explicit(&part->leader_epoch, logs[i].leader_epoch, memory_order_relaxed);
        part->number = first + i;
        (void)pthread_mutex_init(&part->waiters_mutex, NULL); /* default attributes: cannot fail */
        LIST_INIT(&part->waiters);
        partitions[first + i] = part;
    }
    for (int32_t i = 0; i < count; i++) {
        log_partition_set_owner(logs[i].log, partitions[first + i]);
    }
    return 0;
}

static struct srv_topic *
topic_new(struct lt_slice name, const struct proto_uuid *id, bool internal, int32_t count)
{
    struct srv_topic *topic = lt_calloc(1, sizeof(*topic));
    if (topic == NULL) {
        return NULL;
    }
    topic->internal_state = lt_calloc(1, sizeof(*topic->internal_state));
    topic->name = lt_strndup((const char *)name.data, name.size);
    struct srv_partition **partitions =
        lt_calloc((size_t)count + 1, sizeof(struct srv_partition *));
    atomic_store_explicit(&topic->partitions, partitions, memory_order_relaxed);
    atomic_store_explicit(&topic->refs, 1, memory_order_relaxed);
    topic->id = *id;
    topic->internal = internal;
    if (topic->internal_state != NULL) {
        topic->internal_state->topic = topic;
        topic->internal_state->squashed = squash(name);
    }
    if (topic->internal_state == NULL || topic->internal_state->squashed == NULL ||
        topic->name == NULL || partitions == NULL) {
        topic_free(topic);
        return NULL;
    }
    return topic;
}

/* Under the write lock. LEAT_ENOMEM: in none of the tables. */
static int tables_add(struct srv_topics *topics, struct srv_topic *topic)
{
    struct srv_topic_internal *own = topic->internal_state;
    HASH_ADD_KEYPTR(hh, topics->by_name, topic->name, strlen(topic->name), own);
    if (own->hh.tbl == NULL) {
        return LEAT_ENOMEM;
    }
    HASH_ADD_KEYPTR(by_id_handle, topics->by_id, &topic->id, sizeof(topic->id), own);
    if (own->by_id_handle.tbl == NULL) {
        HASH_DELETE(hh, topics->by_name, own);
        return LEAT_ENOMEM;
    }
    HASH_ADD_KEYPTR(squashed_handle, topics->by_squashed, own->squashed, strlen(own->squashed),
                    own);
    if (own->squashed_handle.tbl == NULL) {
        HASH_DELETE(hh, topics->by_name, own);
        HASH_DELETE(by_id_handle, topics->by_id, own);
        return LEAT_ENOMEM;
    }
    return 0;
}

static void tables_remove(struct srv_topics *topics, struct srv_topic *topic)
{
    struct srv_topic_internal *own = topic->internal_state;
    LT_ASSERT(topics->by_name != NULL && topics->by_id != NULL && topics->by_squashed != NULL);
    HASH_DELETE(hh, topics->by_name, own);
    HASH_DELETE(by_id_handle, topics->by_id, own);
    HASH_DELETE(squashed_handle, topics->by_squashed, own);
    topics->partitions -= srv_topic_partition_count(topic);
}

int srv_topics_insert(struct srv_topics *topics,
                      struct lt_slice name,
                      const struct proto_uuid *id,
                      bool internal,
                      const struct srv_new_log *logs,
                      int32_t count,
                      int64_t rev)
{
    struct srv_topic *topic = topic_new(name, id, internal, count);
    if (topic == NULL) {
        return LEAT_ENOMEM;
    }
    topic->internal_state->rev = rev;
    (void)pthread_rwlock_wrlock(&topics->lock);
    struct srv_topic_internal *found;
    HASH_FIND(hh, topics->by_name, name.data, name.size, found);
    int err = found != NULL ? LEAT_EEXISTS : tables_add(topics, topic);
    if (err == 0) {
        err = make_partitions(topic, atomic_load_explicit(&topic->partitions, memory_order_relaxed),
                              0, logs, count);
        if (err != 0) {
            tables_remove(topics, topic);
        }
    }
    if (err == 0) {
        atomic_store_explicit(&topic->partition_count, count, memory_order_release);
        topics->partitions += count;
    }
    (void)pthread_rwlock_unlock(&topics->lock);
    if (err != 0) {
        topic_free(topic);
    }
    return err;
}

int srv_topic_grow(struct srv_topics *topics,
                   struct srv_topic *topic,
                   const struct srv_new_log *logs,
                   int32_t count)
{
    struct srv_topic_internal *own = topic->internal_state;
    int32_t before = srv_topic_partition_count(topic);
    struct srv_partition **old_partitions =
        atomic_load_explicit(&topic->partitions, memory_order_relaxed);
    struct srv_partition **partitions =
        lt_calloc((size_t)before + (size_t)count + 1, sizeof(struct srv_partition *));
    struct old_array *old = lt_calloc(1, sizeof(*old));
    int err = partitions == NULL || old == NULL ? LEAT_ENOMEM : 0;
    if (err == 0) {
        memcpy(partitions, old_partitions, (size_t)before * sizeof(struct srv_partition *));
        err = make_partitions(topic, partitions, before, logs, count);
    }
    if (err != 0) {
        lt_free(partitions);
        lt_free(old);
        return err;
    }
    *old = (struct old_array){own->old, old_partitions};
    own->old = old;
    (void)pthread_rwlock_wrlock(&topics->lock);
    atomic_store_explicit(&topic->partitions, partitions, memory_order_release);
    atomic_store_explicit(&topic->partition_count, before + count, memory_order_release);
    topics->partitions += count;
    (void)pthread_rwlock_unlock(&topics->lock);
    return 0;
}

struct srv_topic *srv_topics_remove(struct srv_topics *topics, struct lt_slice name)
{
    struct srv_topic_internal *found;
    (void)pthread_rwlock_wrlock(&topics->lock);
    HASH_FIND(hh, topics->by_name, name.data, name.size, found);
    struct srv_topic *topic = found == NULL ? NULL : found->topic;
    if (topic != NULL) {
        tables_remove(topics, topic);
        atomic_store_explicit(&topic->deleted, true, memory_order_release);
    }
    (void)pthread_rwlock_unlock(&topics->lock);
    return topic;
}

int64_t srv_topic_rev(struct srv_topics *topics, const struct srv_topic *topic)
{
    (void)pthread_rwlock_rdlock(&topics->lock);
    int64_t rev = topic->internal_state->rev;
    (void)pthread_rwlock_unlock(&topics->lock);
    return rev;
}

void srv_topic_set_rev(struct srv_topics *topics, struct srv_topic *topic, int64_t rev)
{
    (void)pthread_rwlock_wrlock(&topics->lock);
    topic->internal_state->rev = rev;
    (void)pthread_rwlock_unlock(&topics->lock);
}

/* ---- reservations ---- */

static int reserve_room(struct srv_topics *topics, int32_t partitions)
{
    int64_t max = srv_config_settings(topics->server->config)->partitions_max;
    if (topics->partitions + topics->partitions_reserved + partitions > max) {
        return LEAT_ELIMIT;
    }
    topics->partitions_reserved += partitions;
    return 0;
}

int srv_topics_reserve_room(struct srv_topics *topics, int32_t partitions)
{
    (void)pthread_rwlock_wrlock(&topics->lock);
    int err = reserve_room(topics, partitions);
    (void)pthread_rwlock_unlock(&topics->lock);
    return err;
}

/* Under the lock: does the name, or one that squashes to the same, exist or come into being? */
static int
name_taken(struct srv_topics *topics, const char *name, const char *squashed, char *ret_other)
{
    struct srv_topic_internal *found;
    struct reservation *pending;
    HASH_FIND(squashed_handle, topics->by_squashed, squashed, strlen(squashed), found);
    HASH_FIND_STR(topics->reserved, squashed, pending);
    const char *other = found != NULL ? found->topic->name : pending != NULL ? pending->name : NULL;
    if (other == NULL) {
        return 0;
    }
    (void)snprintf(ret_other, SRV_TOPIC_NAME_MAX + 1, "%s", other);
    return strcmp(other, name) == 0 ? LEAT_EEXISTS : LEAT_ENAME;
}

int srv_topics_reserve(struct srv_topics *topics,
                       const char *name,
                       int32_t partitions,
                       char *ret_other)
{
    struct reservation *made = lt_calloc(1, sizeof(*made));
    char *copy = lt_strdup(name);
    char *squashed = squash(lt_slice_text(name));
    int err = made == NULL || copy == NULL || squashed == NULL ? LEAT_ENOMEM : 0;
    if (err == 0) {
        made->name = copy;
        made->squashed = squashed;
        (void)pthread_rwlock_wrlock(&topics->lock);
        err = name_taken(topics, name, squashed, ret_other);
        if (err == 0) {
            err = reserve_room(topics, partitions);
        }
        if (err == 0) {
            HASH_ADD_KEYPTR(hh, topics->reserved, made->squashed, strlen(made->squashed), made);
            if (!lt_hash_added(made)) {
                topics->partitions_reserved -= partitions;
                err = LEAT_ENOMEM;
            }
        }
        (void)pthread_rwlock_unlock(&topics->lock);
    }
    if (err != 0) {
        lt_free(made);
        lt_free(copy);
        lt_free(squashed);
    }
    return err;
}

void srv_topics_unreserve(struct srv_topics *topics, const char *name, int32_t partitions)
{
    struct reservation *found = NULL;
    (void)pthread_rwlock_wrlock(&topics->lock);
    topics->partitions_reserved -= partitions;
    for (struct reservation *at = topics->reserved; name != NULL && at != NULL; at = at->hh.next) {
        if (strcmp(at->name, name) == 0) {
            found = at;
            break;
        }
    }
    if (found != NULL) {
        HASH_DEL(topics->reserved, found);
    }
    (void)pthread_rwlock_unlock(&topics->lock);
    if (found != NULL) {
        lt_free(found->name);
        lt_free(found->squashed);
        lt_free(found);
    }
}

/* ---- end ---- */

void srv_topics_release_all(struct srv_topics *topics)
{
    struct srv_topic_internal *own;
    struct srv_topic_internal *next;
    HASH_ITER (hh, topics->by_name, own, next) {
        struct srv_topic *topic = own->topic;
        tables_remove(topics, topic);
        srv_topic_unref(topic);
    }
    struct reservation *reservation;
    struct reservation *next_reservation;
    HASH_ITER (hh, topics->reserved, reservation, next_reservation) {
        HASH_DEL(topics->reserved, reservation);
        lt_free(reservation->name);
        lt_free(reservation->squashed);
        lt_free(reservation);
    }
}

void srv_topics_delete(struct srv_topics *topics)
{
    (void)pthread_rwlock_destroy(&topics->lock);
    lt_free(topics);
}
