/* fetch_session.c: a table of sessions by id; in each a table and a list of its partitions.
 *
 * Locks: the table's mutex, then a session's. A session that left the table lives until its last fetch is answered. */
#include "server/fetch_session.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/os.h"
#include "leat/err.h"
#include "proto/errors.h"

#define EPOCH_FINAL (-1)
#define EPOCH_FIRST 0
#define KEY_SIZE_MAX (sizeof(int32_t) + PROTO_STRING_SIZE_MAX)

/* A partition of a session. Key: its number, then its topic's name or id. */
struct member {
    UT_hash_handle hh;
    TAILQ_ENTRY(member) link;
    struct srv_fetch_partition now; /* `name` points into key */
    size_t key_size;
    uint8_t key[];
};

struct srv_fetch_session {
    UT_hash_handle hh; /* in the table, by id */
    int32_t id;        /* > 0 */
    int32_t epoch;     /* that the next request must have */
    bool by_id;
    _Atomic int32_t refs;
    int64_t created_ns;    /* guarded by the table's mutex */
    int64_t used_ns;       /* same */
    size_t size;           /* partitions, as of the last request; same */
    pthread_mutex_t mutex; /* guards the members, epoch */
    struct member *members;
    TAILQ_HEAD(, member) order;
};

struct srv_fetch_sessions {
    const struct lt_clock *clock;
    pthread_mutex_t mutex; /* guards the table */
    struct srv_fetch_session *table;
};

static int
full(const struct proto_fetch_request *in, struct lt_arena *arena, struct srv_fetch_view *ret);
static void fill(const struct proto_fetch_request_topic *topic,
                 const struct proto_fetch_request_partition *from,
                 struct srv_fetch_partition *to);
static int incremental(struct srv_fetch_sessions *sessions,
                       const struct proto_fetch_request *in,
                       bool by_id,
                       struct lt_arena *arena,
                       struct srv_fetch_view *ret);
static int16_t
advance(struct srv_fetch_session *session, const struct proto_fetch_request *in, bool by_id);
static int
change(struct srv_fetch_session *session, const struct proto_fetch_request *in, bool by_id);
static int
list(struct srv_fetch_session *session, struct lt_arena *arena, struct srv_fetch_view *ret);
static int
put(struct srv_fetch_session *session, const struct srv_fetch_partition *partition, bool by_id);
static struct member *
find(struct srv_fetch_session *session, const struct srv_fetch_partition *partition, bool by_id);
static size_t make_key(const struct srv_fetch_partition *partition, bool by_id, uint8_t *key);
static struct srv_fetch_session *session_new(void);
static void take_out(struct srv_fetch_sessions *sessions, struct srv_fetch_session *session);
static bool
make_room(struct srv_fetch_sessions *sessions, size_t slots, size_t size, int64_t now_ns);
static struct srv_fetch_session *table_find(struct srv_fetch_sessions *sessions, int32_t id);

int srv_fetch_sessions_new(const struct lt_clock *clock, struct srv_fetch_sessions **ret_sessions)
{
    struct srv_fetch_sessions *sessions = lt_calloc(1, sizeof(*sessions));

    if (sessions == NULL) {
        return LEAT_ENOMEM;
    }
    sessions->clock = clock;
    LT_ASSERT(pthread_mutex_init(&sessions->mutex, NULL) == 0);
    *ret_sessions = sessions;
    return 0;
}

void srv_fetch_sessions_free(struct srv_fetch_sessions *sessions)
{
    struct srv_fetch_session *session, *next;

    if (sessions == NULL) {
        return;
    }
    HASH_ITER (hh, sessions->table, session, next) {
        take_out(sessions, session);
    }
    (void)pthread_mutex_destroy(&sessions->mutex); /* nobody holds it any more */
    lt_free(sessions);
}

size_t srv_fetch_sessions_count(struct srv_fetch_sessions *sessions)
{
    (void)pthread_mutex_lock(&sessions->mutex);
    size_t count = HASH_COUNT(sessions->table);
    (void)pthread_mutex_unlock(&sessions->mutex);
    return count;
}

int srv_fetch_sessions_resolve(struct srv_fetch_sessions *sessions,
                               const struct proto_fetch_request *in,
                               int16_t version,
                               struct lt_arena *arena,
                               struct srv_fetch_view *ret)
{
    bool by_id = version >= 13;

    *ret = (struct srv_fetch_view){.by_id = by_id};
    if (in->session_epoch != EPOCH_FINAL && in->session_epoch != EPOCH_FIRST) {
        return incremental(sessions, in, by_id, arena, ret);
    }
    if (in->session_id != 0) { /* a full fetch ends the session it names, if there is one */
        (void)pthread_mutex_lock(&sessions->mutex);
        struct srv_fetch_session *old = table_find(sessions, in->session_id);
        if (old != NULL) {
            take_out(sessions, old);
        }
        (void)pthread_mutex_unlock(&sessions->mutex);
    }
    ret->wants_session = in->session_epoch == EPOCH_FIRST;
    return full(in, arena, ret);
}

/* ---- full ---- */

static int
full(const struct proto_fetch_request *in, struct lt_arena *arena, struct srv_fetch_view *ret)
{
    size_t count = 0;

    for (int32_t i = 0; i < in->topics_count; i++) {
        count += in->topics[i].partitions_count < 0 ? 0 : (size_t)in->topics[i].partitions_count;
    }
    ret->partitions = lt_arena_alloc(arena, count * sizeof(ret->partitions[0]));
    if (ret->partitions == NULL) {
        return LEAT_ENOMEM;
    }
    for (int32_t i = 0; i < in->topics_count; i++) {
        for (int32_t k = 0; k < in->topics[i].partitions_count; k++) {
            fill(&in->topics[i], &in->topics[i].partitions[k], &ret->partitions[ret->count++]);
        }
    }
    return 0;
}

static void fill(const struct proto_fetch_request_topic *topic,
                 const struct proto_fetch_request_partition *from,
                 struct srv_fetch_partition *to)
{
    *to = (struct srv_fetch_partition){
        .name = topic->topic,
        .id = topic->topic_id,
        .number = from->partition,
        .offset = from->fetch_offset,
        .max_bytes = from->partition_max_bytes,
        .leader_epoch = from->current_leader_epoch,
        .last_fetched_epoch = from->last_fetched_epoch,
        .sent_high_watermark = -1,
        .sent_log_start = -1,
    };
}

/* ---- incremental ---- */

static int incremental(struct srv_fetch_sessions *sessions,
                       const struct proto_fetch_request *in,
                       bool by_id,
                       struct lt_arena *arena,
                       struct srv_fetch_view *ret)
{
    (void)pthread_mutex_lock(&sessions->mutex);
    struct srv_fetch_session *session = table_find(sessions, in->session_id);
    if (session == NULL) {
        ret->error = PROTO_ERROR_FETCH_SESSION_ID_NOT_FOUND;
        (void)pthread_mutex_unlock(&sessions->mutex);
        return 0;
    }
    (void)pthread_mutex_lock(&session->mutex);
    int err = 0;
    ret->error = advance(session, in, by_id);
    if (ret->error == 0) {
        session->used_ns = lt_clock_mono_ns(sessions->clock);
        err = change(session, in, by_id);
        session->size = HASH_COUNT(session->members);
        err = err == 0 ? list(session, arena, ret) : err;
    }
    bool empty = session->members == NULL;
    (void)pthread_mutex_unlock(&session->mutex);
    if (err != 0 || (ret->error == 0 && empty)) {
        take_out(sessions,
                 session); /* nothing left to ask for, or half changed: the client begins anew */
    } else if (ret->error == 0) {
        atomic_fetch_add(&session->refs, 1);
        ret->session = session;
        ret->session_id = session->id;
    }
    (void)pthread_mutex_unlock(&sessions->mutex);
    return err;
}

/* Check the request's place in the session and move the session on. */
static int16_t
advance(struct srv_fetch_session *session, const struct proto_fetch_request *in, bool by_id)
{
    if (in->session_epoch != session->epoch) {
        return PROTO_ERROR_INVALID_FETCH_SESSION_EPOCH;
    }
    if (session->by_id != by_id) {
        return PROTO_ERROR_FETCH_SESSION_TOPIC_ID_ERROR;
    }
    session->epoch = session->epoch == INT32_MAX ? 1 : session->epoch + 1;
    return 0;
}

/* Add or update what the request lists, remove what it forgets. */
static int
change(struct srv_fetch_session *session, const struct proto_fetch_request *in, bool by_id)
{
    for (int32_t i = 0; i < in->topics_count; i++) {
        for (int32_t k = 0; k < in->topics[i].partitions_count; k++) {
            struct srv_fetch_partition partition;
            fill(&in->topics[i], &in->topics[i].partitions[k], &partition);
            int err = put(session, &partition, by_id);
            if (err != 0) {
                return err;
            }
        }
    }
    for (int32_t i = 0; i < in->forgotten_topics_data_count; i++) {
        const struct proto_fetch_request_forgotten_topic *topic = &in->forgotten_topics_data[i];
        for (int32_t k = 0; k < topic->partitions_count; k++) {
            struct srv_fetch_partition partition = {
                .name = topic->topic, .id = topic->topic_id, .number = topic->partitions[k]};
            struct member *member = find(session, &partition, by_id);
            if (member != NULL) {
                HASH_DEL(session->members, member);
                TAILQ_REMOVE(&session->order, member, link);
                lt_free(member);
            }
        }
    }
    return 0;
}

/* All partitions, in order. Names are copied: a member may leave while the fetch waits. */
static int
list(struct srv_fetch_session *session, struct lt_arena *arena, struct srv_fetch_view *ret)
{
    struct member *member;
    struct lt_slice last = LT_SLICE_NULL, last_copy = LT_SLICE_NULL;

    ret->partitions =
        lt_arena_alloc(arena, HASH_COUNT(session->members) * sizeof(ret->partitions[0]));
    if (ret->partitions == NULL) {
        return LEAT_ENOMEM;
    }
    TAILQ_FOREACH (member, &session->order, link) {
        struct srv_fetch_partition *to = &ret->partitions[ret->count++];
        *to = member->now;
        if (session->by_id) {
            continue;
        }
        if (last.data == NULL || !lt_slice_equal(last, member->now.name)) {
            void *copy = lt_arena_memdup(arena, member->now.name.data, member->now.name.size);
            if (copy == NULL) {
                return LEAT_ENOMEM;
            }
            last = member->now.name;
            last_copy = lt_slice(copy, last.size);
        }
        to->name = last_copy;
    }
    return 0;
}

static int
put(struct srv_fetch_session *session, const struct srv_fetch_partition *partition, bool by_id)
{
    struct member *member = find(session, partition, by_id);

    if (member != NULL) {
        struct lt_slice name = member->now.name;
        int64_t sent_high_watermark = member->now.sent_high_watermark;
        int64_t sent_log_start = member->now.sent_log_start;
        member->now = *partition;
        member->now.name = name;
        member->now.sent_high_watermark = sent_high_watermark;
        member->now.sent_log_start = sent_log_start;
        return 0;
    }
    if (HASH_COUNT(session->members) >= SRV_FETCH_SESSION_PARTITIONS_MAX) {
        return LEAT_ENOMEM;
    }
    uint8_t key[KEY_SIZE_MAX];
    size_t key_size = make_key(partition, by_id, key);
    member = lt_calloc(1, sizeof(*member) + key_size);
    if (member == NULL) {
        return LEAT_ENOMEM;
    }
    member->now = *partition;
    memcpy(member->key, key, key_size);
    member->key_size = key_size;
    member->now.name =
        by_id ? LT_SLICE_NULL : lt_slice(member->key + sizeof(int32_t), key_size - sizeof(int32_t));
    HASH_ADD_KEYPTR(hh, session->members, member->key, key_size, member);
    if (!lt_hash_added(member)) {
        lt_free(member);
        return LEAT_ENOMEM;
    }
    TAILQ_INSERT_TAIL(&session->order, member, link);
    return 0;
}

static struct member *
find(struct srv_fetch_session *session, const struct srv_fetch_partition *partition, bool by_id)
{
    uint8_t key[KEY_SIZE_MAX];
    size_t key_size = make_key(partition, by_id, key);
    struct member *member = NULL;

    HASH_FIND(hh, session->members, key, key_size, member);
    return member;
}

static size_t make_key(const struct srv_fetch_partition *partition, bool by_id, uint8_t *key)
{
    const void *topic = by_id ? (const void *)&partition->id : partition->name.data;
    size_t size = by_id ? sizeof(partition->id) : partition->name.size;

    LT_ASSERT(size <= PROTO_STRING_SIZE_MAX);
    memcpy(key, &partition->number, sizeof(partition->number));
    if (size > 0) {
        memcpy(key + sizeof(partition->number), topic, size);
    }
    return sizeof(partition->number) + size;
}

/* ---- the table ---- */

int32_t srv_fetch_sessions_begin(struct srv_fetch_sessions *sessions,
                                 size_t slots,
                                 const struct srv_fetch_view *view)
{
    struct srv_fetch_session *session;
    int32_t id = 0;

    if (view->count == 0 || slots == 0) {
        return 0;
    }
    session = session_new();
    if (session == NULL) {
        return 0;
    }
    session->by_id = view->by_id;
    for (size_t i = 0; i < view->count; i++) {
        if (put(session, &view->partitions[i], view->by_id) != 0) {
            srv_fetch_session_unref(session);
            return 0;
        }
    }
    session->size = HASH_COUNT(session->members);
    (void)pthread_mutex_lock(&sessions->mutex);
    int64_t now_ns = lt_clock_mono_ns(sessions->clock);
    session->created_ns = session->used_ns = now_ns;
    if (make_room(sessions, slots, session->size, now_ns)) {
        do {
            if (lt_os_random(&session->id, sizeof(session->id)) != 0) {
                break;
            }
            session->id &= INT32_MAX;
        } while (session->id == 0 || table_find(sessions, session->id) != NULL);
        HASH_ADD(hh, sessions->table, id, sizeof(session->id), session);
        id = lt_hash_added(session) ? session->id : 0;
    }
    (void)pthread_mutex_unlock(&sessions->mutex);
    if (id == 0) {
        srv_fetch_session_unref(session);
    }
    return id;
}

/* Is there a slot, or one that somebody has to give up? */
static bool
make_room(struct srv_fetch_sessions *sessions, size_t slots, size_t size, int64_t now_ns)
{
    const int64_t idle_ns = SRV_FETCH_SESSION_IDLE_MS * 1000000LL;
    struct srv_fetch_session *session, *next, *oldest = NULL, *smallest = NULL;

    if (HASH_COUNT(sessions->table) < slots) {
        return true;
    }
    HASH_ITER (hh, sessions->table, session, next) {
        if (oldest == NULL || session->used_ns < oldest->used_ns) {
            oldest = session;
        }
        if (now_ns - session->created_ns > idle_ns &&
            (smallest == NULL || session->size < smallest->size)) {
            smallest = session;
        }
    }
    if (oldest != NULL && now_ns - oldest->used_ns > idle_ns) {
        take_out(sessions, oldest);
        return true;
    }
    if (smallest != NULL && smallest->size < size) {
        take_out(sessions, smallest);
        return true;
    }
    return false;
}

static struct srv_fetch_session *table_find(struct srv_fetch_sessions *sessions, int32_t id)
{
    struct srv_fetch_session *session = NULL;

    HASH_FIND(hh, sessions->table, &id, sizeof(id), session);
    return session;
}

static void take_out(struct srv_fetch_sessions *sessions, struct srv_fetch_session *session)
{
    HASH_DEL(sessions->table, session);
    srv_fetch_session_unref(session);
}

static struct srv_fetch_session *session_new(void)
{
    struct srv_fetch_session *session = lt_calloc(1, sizeof(*session));

    if (session == NULL) {
        return NULL;
    }
    session->epoch = 1;
    atomic_init(&session->refs, 1);
    LT_ASSERT(pthread_mutex_init(&session->mutex, NULL) == 0);
    TAILQ_INIT(&session->order);
    return session;
}

void srv_fetch_session_told(struct srv_fetch_session *session,
                            const struct srv_fetch_partition *partition,
                            bool to_end)
{
    (void)pthread_mutex_lock(&session->mutex);
    struct member *member = find(session, partition, session->by_id);
    if (member != NULL) {
        member->now.sent_high_watermark = partition->sent_high_watermark;
        member->now.sent_log_start = partition->sent_log_start;
        if (to_end) {
            TAILQ_REMOVE(&session->order, member, link);
            TAILQ_INSERT_TAIL(&session->order, member, link);
        }
    }
    (void)pthread_mutex_unlock(&session->mutex);
}

void srv_fetch_session_unref(struct srv_fetch_session *session)
{
    struct member *member;

    if (session == NULL || atomic_fetch_sub(&session->refs, 1) > 1) {
        return;
    }
    while ((member = TAILQ_FIRST(&session->order)) != NULL) {
        LT_ASSERT(session->members != NULL);
        HASH_DEL(session->members, member);
        TAILQ_REMOVE(&session->order, member, link);
        lt_free(member);
    }
    (void)pthread_mutex_destroy(&session->mutex); /* the last holder is gone */
    lt_free(session);
}
