/* meta_fake.c: the metadata store as a sorted array. See meta_fake.h. */
#include "tests/support/meta_fake.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum fake_kind {
    FAKE_COMMIT,
    FAKE_READ,
    FAKE_OPEN_SESSION,
    FAKE_CLOSE_SESSION,
    FAKE_FEED,
    FAKE_RESET,
};

struct fake_key {
    char *key;
    size_t key_size;
    char *value;
    size_t value_size;
    int64_t created_rev, modified_rev;
    uint64_t session;
};

struct fake_job {
    STAILQ_ENTRY(fake_job) next;
    enum fake_kind kind;
    struct meta_compare *compares;
    size_t compare_count;
    struct meta_write *writes;
    size_t write_count;
    struct lt_slice *keys;
    size_t key_count;
    meta_txn_cb cb;
    void (*opened)(int err, uint64_t session, void *arg);
    uint64_t session;
    struct lt_slice prefix;
    const struct meta_feed_ops *ops;
    void *arg;
};

struct fake_feed {
    struct fake_feed *next;
    struct lt_slice prefix;
    const struct meta_feed_ops *ops;
    void *arg;
};

struct meta_fake {
    struct meta_store store; /* first */
    STAILQ_HEAD(, fake_job) jobs;
    struct fake_key *keys; /* in order */
    size_t count;
    int64_t rev;
    uint64_t sessions[64];
    size_t session_count;
    struct fake_feed *feeds;
    int fail_err;
    bool fail_applied;
    bool closing;
    pthread_mutex_t mutex; /* guards jobs, closing, fail_... */
    pthread_cond_t wake;
    pthread_t thread;
    bool threaded;
};

/* Test code: memory never runs out here. */
static void *must(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static struct lt_slice copy(struct lt_slice from)
{
    char *data = must(malloc(from.size + 1));
    if (from.size > 0) {
        memcpy(data, from.data, from.size);
    }
    return lt_slice(data, from.size);
}

static void drop(struct lt_slice slice)
{
    free((void *)(uintptr_t)slice.data);
}

static int compare_keys(struct lt_slice a, const char *b, size_t b_size)
{
    size_t size = a.size < b_size ? a.size : b_size;
    int order = size == 0 ? 0 : memcmp(a.data, b, size);
    return order != 0 ? order : (a.size > b_size) - (a.size < b_size);
}

static size_t place_of(const struct meta_fake *fake, struct lt_slice key, bool *ret_found)
{
    size_t i = 0;
    while (i < fake->count && compare_keys(key, fake->keys[i].key, fake->keys[i].key_size) > 0) {
        i++;
    }
    *ret_found =
        i < fake->count && compare_keys(key, fake->keys[i].key, fake->keys[i].key_size) == 0;
    return i;
}

static struct meta_kv kv_of(const struct fake_key *key)
{
    return (struct meta_kv){lt_slice(key->key, key->key_size),
                            lt_slice(key->value, key->value_size), key->created_rev,
                            key->modified_rev, key->session};
}

static struct meta_kv kv_get(const struct meta_fake *fake, struct lt_slice key)
{
    bool found;
    size_t i = place_of(fake, key, &found);
    return found ? kv_of(&fake->keys[i]) : (struct meta_kv){.key = key};
}

static void put(struct meta_fake *fake, const struct meta_write *write, int64_t rev)
{
    bool found;
    size_t i = place_of(fake, write->key, &found);
    if (!found) {
        fake->keys = must(realloc(fake->keys, (fake->count + 1) * sizeof(*fake->keys)));
        memmove(&fake->keys[i + 1], &fake->keys[i], (fake->count - i) * sizeof(*fake->keys));
        struct lt_slice key = copy(write->key);
        fake->keys[i] = (struct fake_key){
            .key = (char *)(uintptr_t)key.data, .key_size = key.size, .created_rev = rev};
        fake->count++;
    }
    struct lt_slice value = copy(write->value);
    free(fake->keys[i].value);
    fake->keys[i].value = (char *)(uintptr_t)value.data;
    fake->keys[i].value_size = value.size;
    fake->keys[i].modified_rev = rev;
    fake->keys[i].session = write->session;
}

static void erase_at(struct meta_fake *fake, size_t i)
{
    free(fake->keys[i].key);
    free(fake->keys[i].value);
    memmove(&fake->keys[i], &fake->keys[i + 1], (fake->count - i - 1) * sizeof(*fake->keys));
    fake->count--;
}

static bool begins(struct lt_slice key, struct lt_slice prefix)
{
    return key.size >= prefix.size &&
           (prefix.size == 0 || memcmp(key.data, prefix.data, prefix.size) == 0);
}

static bool alive(const struct meta_fake *fake, uint64_t session)
{
    for (size_t i = 0; i < fake->session_count; i++) {
        if (fake->sessions[i] == session) {
            return true;
        }
    }
    return false;
}

/* ---- the calls: copy and queue ---- */

static struct meta_fake *fake_of(struct meta_store *store)
{
    return (struct meta_fake *)store;
}

static struct fake_job *job_new(enum fake_kind kind, void *arg)
{
    struct fake_job *job = must(calloc(1, sizeof(*job)));
    job->kind = kind;
    job->arg = arg;
    return job;
}

static void queue(struct meta_fake *fake, struct fake_job *job)
{
    (void)pthread_mutex_lock(&fake->mutex);
    STAILQ_INSERT_TAIL(&fake->jobs, job, next);
    (void)pthread_cond_signal(&fake->wake);
    (void)pthread_mutex_unlock(&fake->mutex);
}

static int fake_commit(
    struct meta_store *store, const struct meta_txn *txn, int timeout_ms, meta_txn_cb cb, void *arg)
{
    (void)timeout_ms;
    struct meta_fake *fake = fake_of(store);
    (void)pthread_mutex_lock(&fake->mutex);
    bool closing = fake->closing;
    (void)pthread_mutex_unlock(&fake->mutex);
    if (closing) {
        return LEAT_ECLOSED;
    }
    struct fake_job *job = job_new(FAKE_COMMIT, arg);
    job->cb = cb;
    job->compare_count = txn->compare_count;
    job->write_count = txn->write_count;
    job->compares = must(calloc(txn->compare_count + 1, sizeof(*job->compares)));
    job->writes = must(calloc(txn->write_count + 1, sizeof(*job->writes)));
    for (size_t i = 0; i < txn->compare_count; i++) {
        job->compares[i] = txn->compares[i];
        job->compares[i].key = copy(txn->compares[i].key);
        job->compares[i].value = copy(txn->compares[i].value);
    }
    for (size_t i = 0; i < txn->write_count; i++) {
        job->writes[i] = txn->writes[i];
        job->writes[i].key = copy(txn->writes[i].key);
        job->writes[i].value = copy(txn->writes[i].value);
    }
    queue(fake_of(store), job);
    return 0;
}

static int fake_read(struct meta_store *store,
                     const struct lt_slice *keys,
                     size_t count,
                     int timeout_ms,
                     meta_txn_cb cb,
                     void *arg)
{
    (void)timeout_ms;
    struct fake_job *job = job_new(FAKE_READ, arg);
    job->cb = cb;
    job->key_count = count;
    job->keys = must(calloc(count + 1, sizeof(*job->keys)));
    for (size_t i = 0; i < count; i++) {
        job->keys[i] = copy(keys[i]);
    }
    queue(fake_of(store), job);
    return 0;
}

static int fake_session_open(struct meta_store *store,
                             int ttl_ms,
                             void (*opened)(int err, uint64_t session, void *arg),
                             void (*lost)(uint64_t session, void *arg),
                             void *arg)
{
    (void)ttl_ms;
    (void)lost;
    struct fake_job *job = job_new(FAKE_OPEN_SESSION, arg);
    job->opened = opened;
    queue(fake_of(store), job);
    return 0;
}

static int fake_session_close(struct meta_store *store, uint64_t session)
{
    struct fake_job *job = job_new(FAKE_CLOSE_SESSION, NULL);
    job->session = session;
    queue(fake_of(store), job);
    return 0;
}

static int64_t fake_session_age_ms(struct meta_store *store, uint64_t session)
{
    return alive(fake_of(store), session) ? 0 : -1;
}

static int fake_feed_start(struct meta_store *store,
                           struct lt_slice prefix,
                           int64_t resume_rev,
                           const struct meta_feed_ops *ops,
                           void *arg)
{
    (void)resume_rev;
    struct fake_job *job = job_new(FAKE_FEED, arg);
    job->prefix = copy(prefix);
    job->ops = ops;
    queue(fake_of(store), job);
    return 0;
}

static int fake_identity(struct meta_store *store, struct meta_identity *ret_identity)
{
    *ret_identity = (struct meta_identity){.driver = "fake",
                                           .store_id = "0123456789abcdef0123456789abcdef",
                                           .rev = fake_of(store)->rev};
    return 0;
}

/* ---- running ---- */

static void tell_feeds(struct meta_fake *fake,
                       const struct meta_kv *puts,
                       size_t put_count,
                       const struct lt_slice *deletes,
                       size_t delete_count)
{
    for (struct fake_feed *feed = fake->feeds; feed != NULL; feed = feed->next) {
        struct meta_kv *some_puts = must(calloc(put_count + 1, sizeof(*some_puts)));
        struct lt_slice *some_deletes = must(calloc(delete_count + 1, sizeof(*some_deletes)));
        size_t p = 0;
        size_t d = 0;
        for (size_t i = 0; i < put_count; i++) {
            if (begins(puts[i].key, feed->prefix)) {
                some_puts[p++] = puts[i];
            }
        }
        for (size_t i = 0; i < delete_count; i++) {
            if (begins(deletes[i], feed->prefix)) {
                some_deletes[d++] = deletes[i];
            }
        }
        feed->ops->change(fake->rev, some_puts, p, some_deletes, d, feed->arg);
        free(some_puts);
        free(some_deletes);
    }
}

static bool holds(const struct meta_compare *compare, const struct meta_kv *kv)
{
    switch (compare->kind) {
    case META_CREATED_AT:
        return kv->created_rev == compare->rev;
    case META_MODIFIED_AT:
        return kv->modified_rev == compare->rev;
    case META_VALUE_IS:
        return kv->created_rev != 0 && kv->value.size == compare->value.size &&
               memcmp(kv->value.data, compare->value.data, kv->value.size) == 0;
    }
    return false;
}

static void apply(struct meta_fake *fake, const struct fake_job *job)
{
    struct meta_kv *puts = must(calloc(job->write_count + 1, sizeof(*puts)));
    struct lt_slice *deletes = must(calloc(job->write_count + 1, sizeof(*deletes)));
    size_t p = 0;
    size_t d = 0;
    fake->rev++;
    for (size_t i = 0; i < job->write_count; i++) {
        bool found;
        size_t at = place_of(fake, job->writes[i].key, &found);
        if (job->writes[i].kind == META_PUT) {
            put(fake, &job->writes[i], fake->rev);
        } else if (found) {
            erase_at(fake, at);
            deletes[d++] = job->writes[i].key;
        }
    }
    for (size_t i = 0; i < job->write_count; i++) {
        if (job->writes[i].kind == META_PUT) {
            puts[p++] = kv_get(fake, job->writes[i].key);
        }
    }
    tell_feeds(fake, puts, p, deletes, d);
    free(puts);
    free(deletes);
}

static void run_commit(struct meta_fake *fake, struct fake_job *job)
{
    struct meta_kv *current = must(calloc(job->compare_count + 1, sizeof(*current)));
    bool all = true;
    for (size_t i = 0; i < job->compare_count; i++) {
        current[i] = kv_get(fake, job->compares[i].key);
        all = all && holds(&job->compares[i], &current[i]);
    }
    int err = 0;
    for (size_t i = 0; i < job->write_count; i++) {
        if (job->writes[i].session != 0 && !alive(fake, job->writes[i].session)) {
            err = LEAT_ESESSION;
        }
    }
    err = all ? err : LEAT_ECONFLICT;
    (void)pthread_mutex_lock(&fake->mutex);
    int ordered = fake->fail_err;
    bool applied = fake->fail_applied;
    fake->fail_err = 0;
    (void)pthread_mutex_unlock(&fake->mutex);
    if (err == 0 && (ordered == 0 || applied)) {
        apply(fake, job);
    }
    err = ordered != 0 ? ordered : err;
    if (job->cb != NULL) {
        bool conflict = err == LEAT_ECONFLICT;
        job->cb(err, fake->rev, conflict ? current : NULL, conflict ? job->compare_count : 0,
                job->arg);
    }
    free(current);
}

static void run_read(struct meta_fake *fake, struct fake_job *job)
{
    struct meta_kv *current = must(calloc(job->key_count + 1, sizeof(*current)));
    for (size_t i = 0; i < job->key_count; i++) {
        current[i] = kv_get(fake, job->keys[i]);
    }
    job->cb(0, fake->rev, current, job->key_count, job->arg);
    free(current);
}

static void end_session(struct meta_fake *fake, uint64_t session)
{
    struct lt_slice *deletes = must(calloc(fake->count + 1, sizeof(*deletes)));
    size_t d = 0;
    for (size_t i = 0; i < fake->session_count; i++) {
        if (fake->sessions[i] == session) {
            fake->sessions[i] = fake->sessions[--fake->session_count];
        }
    }
    for (size_t i = 0; i < fake->count;) {
        if (fake->keys[i].session == session) {
            deletes[d++] = copy(lt_slice(fake->keys[i].key, fake->keys[i].key_size));
            erase_at(fake, i);
        } else {
            i++;
        }
    }
    if (d > 0) {
        fake->rev++;
        tell_feeds(fake, NULL, 0, deletes, d);
    }
    for (size_t i = 0; i < d; i++) {
        drop(deletes[i]);
    }
    free(deletes);
}

static void snapshot(struct meta_fake *fake, struct fake_feed *feed)
{
    feed->ops->reset(fake->rev, META_FEED_START, feed->arg);
    for (size_t i = 0; i < fake->count; i++) {
        struct meta_kv kv = kv_of(&fake->keys[i]);
        if (begins(kv.key, feed->prefix)) {
            feed->ops->entry(&kv, feed->arg);
        }
    }
    feed->ops->ready(fake->rev, feed->arg);
}

static void run_feed(struct meta_fake *fake, struct fake_job *job)
{
    struct fake_feed *feed = must(calloc(1, sizeof(*feed)));
    *feed = (struct fake_feed){fake->feeds, copy(job->prefix), job->ops, job->arg};
    fake->feeds = feed;
    snapshot(fake, feed);
}

static void reset_feeds(struct meta_fake *fake)
{
    for (struct fake_feed *feed = fake->feeds; feed != NULL; feed = feed->next) {
        feed->ops->reset(fake->rev, META_FEED_COMPACTED, feed->arg);
        for (size_t i = 0; i < fake->count; i++) {
            struct meta_kv kv = kv_of(&fake->keys[i]);
            if (begins(kv.key, feed->prefix)) {
                feed->ops->entry(&kv, feed->arg);
            }
        }
        feed->ops->ready(fake->rev, feed->arg);
    }
}

static void run_job(struct meta_fake *fake, struct fake_job *job)
{
    switch (job->kind) {
    case FAKE_COMMIT:
        run_commit(fake, job);
        break;
    case FAKE_READ:
        run_read(fake, job);
        break;
    case FAKE_OPEN_SESSION:
        fake->rev++;
        fake->sessions[fake->session_count++] = (uint64_t)fake->rev;
        tell_feeds(fake, NULL, 0, NULL, 0);
        job->opened(0, (uint64_t)fake->rev, job->arg);
        break;
    case FAKE_CLOSE_SESSION:
        end_session(fake, job->session);
        break;
    case FAKE_FEED:
        run_feed(fake, job);
        break;
    case FAKE_RESET:
        reset_feeds(fake);
        break;
    }
    for (size_t i = 0; i < job->compare_count; i++) {
        drop(job->compares[i].key);
        drop(job->compares[i].value);
    }
    for (size_t i = 0; i < job->write_count; i++) {
        drop(job->writes[i].key);
        drop(job->writes[i].value);
    }
    for (size_t i = 0; i < job->key_count; i++) {
        drop(job->keys[i]);
    }
    drop(job->prefix);
    free(job->compares);
    free(job->writes);
    free(job->keys);
    free(job);
}

static struct fake_job *take(struct meta_fake *fake, bool wait)
{
    (void)pthread_mutex_lock(&fake->mutex);
    while (wait && STAILQ_EMPTY(&fake->jobs) && !fake->closing) {
        (void)pthread_cond_wait(&fake->wake, &fake->mutex);
    }
    struct fake_job *job = STAILQ_FIRST(&fake->jobs);
    if (job != NULL) {
        STAILQ_REMOVE_HEAD(&fake->jobs, next);
    }
    (void)pthread_mutex_unlock(&fake->mutex);
    return job;
}

size_t meta_fake_run(struct meta_fake *fake)
{
    size_t ran = 0;
    struct fake_job *job;
    while ((job = take(fake, false)) != NULL) {
        run_job(fake, job);
        ran++;
    }
    return ran;
}

static void *run_all(void *arg)
{
    struct meta_fake *fake = arg;
    struct fake_job *job;
    while ((job = take(fake, true)) != NULL) {
        run_job(fake, job);
    }
    return NULL;
}

void meta_fake_start(struct meta_fake *fake)
{
    fake->threaded = true;
    if (pthread_create(&fake->thread, NULL, run_all, fake) != 0) {
        abort();
    }
}

void meta_fake_fail_next(struct meta_fake *fake, int err, bool applied)
{
    (void)pthread_mutex_lock(&fake->mutex);
    fake->fail_err = err;
    fake->fail_applied = applied;
    (void)pthread_mutex_unlock(&fake->mutex);
}

void meta_fake_reset_feeds(struct meta_fake *fake)
{
    queue(fake, job_new(FAKE_RESET, NULL));
}

static void fake_close(struct meta_store *store)
{
    struct meta_fake *fake = fake_of(store);
    if (fake->threaded) {
        (void)pthread_mutex_lock(&fake->mutex);
        fake->closing = true;
        (void)pthread_cond_signal(&fake->wake);
        (void)pthread_mutex_unlock(&fake->mutex);
        (void)pthread_join(fake->thread, NULL);
    }
    (void)meta_fake_run(fake);
    fake->closing = true;
    while (fake->session_count > 0) {
        end_session(fake, fake->sessions[0]);
    }
    while (fake->feeds != NULL) {
        struct fake_feed *next = fake->feeds->next;
        drop(fake->feeds->prefix);
        free(fake->feeds);
        fake->feeds = next;
    }
    while (fake->count > 0) {
        erase_at(fake, fake->count - 1);
    }
    free(fake->keys);
    (void)pthread_cond_destroy(&fake->wake);
    (void)pthread_mutex_destroy(&fake->mutex);
    free(fake);
}

int meta_fake_open(struct meta_fake **ret_fake, struct meta_store **ret_store)
{
    static const struct meta_store_ops ops = {
        .commit = fake_commit,
        .read = fake_read,
        .session_open = fake_session_open,
        .session_close = fake_session_close,
        .session_age_ms = fake_session_age_ms,
        .feed_start = fake_feed_start,
        .identity = fake_identity,
        .close = fake_close,
    };
    struct meta_fake *fake = must(calloc(1, sizeof(*fake)));
    fake->store.ops = &ops;
    STAILQ_INIT(&fake->jobs);
    (void)pthread_mutex_init(&fake->mutex, NULL);
    (void)pthread_cond_init(&fake->wake, NULL);
    *ret_fake = fake;
    *ret_store = &fake->store;
    return 0;
}
