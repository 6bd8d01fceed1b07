/* test_meta_store.c: what every driver of the metadata seam promises, run against the embedded driver and the fake, and
 * what only the embedded one can show: that it is all there after the store was opened again, also after a kill. */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/meta_local.h"
#include "server/meta_store.h"
#include "tests/support/meta_fake.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_main.h"

/* ---- a store of either kind, and calls that wait ---- */

enum driver { LOCAL = 0, FAKE = 1, DRIVER_COUNT = 2 };

static struct test_dir dir;
static struct meta_store *store;
static struct meta_fake *fake;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void open_store(int driver)
{
    if (driver == FAKE) {
        ck_assert_int_eq(meta_fake_open(&fake, &store), 0);
        return;
    }
    fake = NULL;
    ck_assert_int_eq(meta_local_open(test_dir_path(&dir, "meta"), lt_clock_real(), &store, NULL),
                     0);
}

static void setup(void)
{
    test_dir_init(&dir);
}

static void teardown(void)
{
    meta_store_close(store);
    store = NULL;
    test_dir_release(&dir);
}

struct outcome {
    bool done;
    int err;
    int64_t rev;
    size_t count;
    int64_t created[8], modified[8];
    char values[8][64];
};

static void wait_for(bool *done)
{
    if (fake != NULL) {
        (void)meta_fake_run(fake);
        ck_assert(*done);
        return;
    }
    (void)pthread_mutex_lock(&mutex);
    while (!*done) {
        (void)pthread_cond_wait(&changed, &mutex);
    }
    (void)pthread_mutex_unlock(&mutex);
}

static void on_outcome(int err, int64_t rev, const struct meta_kv *current, size_t count, void *arg)
{
    struct outcome *out = arg;
    (void)pthread_mutex_lock(&mutex);
    out->err = err;
    out->rev = rev;
    out->count = count;
    for (size_t i = 0; i < count && i < 8; i++) {
        out->created[i] = current[i].created_rev;
        out->modified[i] = current[i].modified_rev;
        (void)snprintf(out->values[i], sizeof(out->values[i]), "%.*s", (int)current[i].value.size,
                       (const char *)current[i].value.data);
    }
    out->done = true;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&mutex);
}

static struct outcome commit(const struct meta_txn *txn)
{
    struct outcome out = {0};
    ck_assert_int_eq(meta_store_commit(store, txn, 10000, on_outcome, &out), 0);
    wait_for(&out.done);
    return out;
}

/* PUT key = value if the key is at `rev` (0: absent). */
static struct outcome put(const char *key, const char *value, int64_t rev, uint64_t session)
{
    struct meta_compare compare = {.kind = META_MODIFIED_AT, .key = lt_slice_text(key), .rev = rev};
    struct meta_write write = {.kind = META_PUT,
                               .key = lt_slice_text(key),
                               .value = lt_slice_text(value),
                               .session = session};
    struct meta_txn txn = {&compare, 1, &write, 1};
    return commit(&txn);
}

static struct outcome erase(const char *key, int64_t rev)
{
    struct meta_compare compare = {.kind = META_MODIFIED_AT, .key = lt_slice_text(key), .rev = rev};
    struct meta_write write = {.kind = META_DELETE, .key = lt_slice_text(key)};
    struct meta_txn txn = {&compare, 1, &write, 1};
    return commit(&txn);
}

static struct outcome get(const char *key)
{
    struct outcome out = {0};
    struct lt_slice keys[1] = {lt_slice_text(key)};
    ck_assert_int_eq(meta_store_read(store, keys, 1, 10000, on_outcome, &out), 0);
    wait_for(&out.done);
    return out;
}

struct opened {
    bool done;
    uint64_t session;
};

static void on_opened(int err, uint64_t session, void *arg)
{
    struct opened *out = arg;
    (void)pthread_mutex_lock(&mutex);
    ck_assert_int_eq(err, 0);
    out->session = session;
    out->done = true;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&mutex);
}

static uint64_t open_session(void)
{
    struct opened out = {0};
    ck_assert_int_eq(meta_session_open(store, 1000, on_opened, NULL, &out), 0);
    wait_for(&out.done);
    return out.session;
}

/* ---- a feed that writes down what it hears ---- */

struct heard {
    char text[4096]; /* "reset entry:a ready put:b=2 del:b ..." */
    bool ready;
    int64_t rev;
};

static void note(struct heard *heard, const char *word, struct lt_slice key)
{
    size_t used = strlen(heard->text);
    (void)snprintf(heard->text + used, sizeof(heard->text) - used, "%s%.*s ", word, (int)key.size,
                   (const char *)key.data);
}

static void on_reset(int64_t rev, int why, void *arg)
{
    (void)rev;
    (void)why;
    note(arg, "reset", lt_slice_text(""));
}

static void on_entry(const struct meta_kv *kv, void *arg)
{
    note(arg, "entry:", kv->key);
}

static void on_ready(int64_t rev, void *arg)
{
    struct heard *heard = arg;
    (void)pthread_mutex_lock(&mutex);
    note(heard, "ready", lt_slice_text(""));
    heard->ready = true;
    heard->rev = rev;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&mutex);
}

static void on_change(int64_t rev,
                      const struct meta_kv *puts,
                      size_t put_count,
                      const struct lt_slice *deletes,
                      size_t delete_count,
                      void *arg)
{
    struct heard *heard = arg;
    (void)pthread_mutex_lock(&mutex);
    ck_assert_int_eq(rev, heard->rev + 1); /* nothing skipped, repeated or reordered */
    heard->rev = rev;
    note(heard, "[", lt_slice_text(""));
    for (size_t i = 0; i < put_count; i++) {
        ck_assert_int_eq(puts[i].modified_rev, rev);
        note(heard, "put:", puts[i].key);
    }
    for (size_t i = 0; i < delete_count; i++) {
        note(heard, "del:", deletes[i]);
    }
    note(heard, "]", lt_slice_text(""));
    (void)pthread_mutex_unlock(&mutex);
}

static const struct meta_feed_ops feed_ops = {
    .reset = on_reset, .entry = on_entry, .ready = on_ready, .change = on_change};

/* ---- the contract ---- */

/* A key that is there keeps its creation and gets a new modification; revisions only rise. */
START_TEST(put_keeps_creation_and_raises_revision)
{
    open_store(_i);
    struct outcome first = put("a", "1", 0, 0);
    struct outcome second = put("a", "2", first.rev, 0);
    ck_assert_int_eq(first.err, 0);
    ck_assert_int_eq(second.err, 0);
    ck_assert_int_gt(second.rev, first.rev);
    struct outcome now = get("a");
    ck_assert_int_eq(now.created[0], first.rev);
    ck_assert_int_eq(now.modified[0], second.rev);
    ck_assert_str_eq(now.values[0], "2");
}
END_TEST

/* A false compare changes nothing, and tells what every compared key is worth at that revision. */
START_TEST(conflict_tells_what_is_there)
{
    open_store(_i);
    struct outcome first = put("a", "1", 0, 0);
    struct meta_compare compares[2] = {
        {.kind = META_MODIFIED_AT, .key = lt_slice_text("a"), .rev = first.rev + 7},
        {.kind = META_CREATED_AT, .key = lt_slice_text("b"), .rev = 0},
    };
    struct meta_write writes[2] = {
        {.kind = META_PUT, .key = lt_slice_text("a"), .value = lt_slice_text("x")},
        {.kind = META_PUT, .key = lt_slice_text("b"), .value = lt_slice_text("y")},
    };
    struct meta_txn txn = {compares, 2, writes, 2};
    struct outcome out = commit(&txn);
    ck_assert_int_eq(out.err, LEAT_ECONFLICT);
    ck_assert_uint_eq(out.count, 2);
    ck_assert_int_eq(out.modified[0], first.rev);
    ck_assert_str_eq(out.values[0], "1");
    ck_assert_int_eq(out.created[1], 0);
    ck_assert_str_eq(get("a").values[0], "1");
    ck_assert_int_eq(get("b").created[0], 0);
}
END_TEST

/* META_VALUE_IS holds for the same bytes only, and never for an absent key. */
START_TEST(value_compare_is_exact)
{
    open_store(_i);
    struct outcome first = put("a", "1", 0, 0);
    struct meta_compare compares[2] = {
        {.kind = META_MODIFIED_AT, .key = lt_slice_text("b"), .rev = 0},
        {.kind = META_VALUE_IS, .key = lt_slice_text("a"), .value = lt_slice_text("1")},
    };
    struct meta_write write = {
        .kind = META_PUT, .key = lt_slice_text("b"), .value = lt_slice_text("2")};
    struct meta_txn txn = {compares, 2, &write, 1};
    ck_assert_int_eq(commit(&txn).err, 0);
    (void)put("a", "11", first.rev, 0);
    compares[0].rev = get("b").modified[0];
    ck_assert_int_eq(commit(&txn).err, LEAT_ECONFLICT);
    compares[1].key = lt_slice_text("absent");
    compares[1].value = lt_slice_text("");
    ck_assert_int_eq(commit(&txn).err, LEAT_ECONFLICT);
}
END_TEST

/* A key made again after its deletion was created at a revision above all before. */
START_TEST(created_again_is_a_new_key)
{
    open_store(_i);
    struct outcome first = put("a", "1", 0, 0);
    struct outcome gone = erase("a", first.rev);
    ck_assert_int_eq(gone.err, 0);
    ck_assert_int_eq(get("a").created[0], 0);
    struct outcome again = put("a", "1", 0, 0);
    ck_assert_int_gt(again.rev, gone.rev);
    ck_assert_int_eq(get("a").created[0], again.rev);
}
END_TEST

/* The feed begins with a snapshot in key order and then hears each transaction whole, exactly once. */
START_TEST(feed_is_snapshot_then_every_change)
{
    open_store(_i);
    struct outcome b = put("b", "1", 0, 0);
    (void)put("a", "1", 0, 0);
    struct heard heard = {0};
    ck_assert_int_eq(meta_feed_start(store, lt_slice_text(""), 0, &feed_ops, &heard), 0);
    wait_for(&heard.ready);
    ck_assert_str_eq(heard.text, "reset entry:a entry:b ready ");
    struct meta_compare compare = {
        .kind = META_MODIFIED_AT, .key = lt_slice_text("b"), .rev = b.rev};
    struct meta_write writes[3] = {
        {.kind = META_DELETE, .key = lt_slice_text("b")},
        {.kind = META_PUT, .key = lt_slice_text("c"), .value = lt_slice_text("3")},
        {.kind = META_DELETE, .key = lt_slice_text("never")},
    };
    struct meta_txn txn = {&compare, 1, writes, 3};
    struct outcome out = commit(&txn);
    ck_assert_int_eq(out.err, 0);
    (void)get("c"); /* the feed has been told by now */
    ck_assert_str_eq(heard.text, "reset entry:a entry:b ready [ put:c del:b ] ");
    ck_assert_int_eq(heard.rev, out.rev);
}
END_TEST

/* A feed with a prefix hears of other keys' revisions, but not of their keys. */
START_TEST(feed_with_prefix_sees_every_revision)
{
    open_store(_i);
    (void)put("x/1", "1", 0, 0);
    (void)put("y/1", "1", 0, 0);
    struct heard heard = {0};
    ck_assert_int_eq(meta_feed_start(store, lt_slice_text("y/"), 0, &feed_ops, &heard), 0);
    wait_for(&heard.ready);
    (void)put("x/2", "1", 0, 0);
    (void)put("y/2", "1", 0, 0);
    (void)get("y/2");
    ck_assert_str_eq(heard.text, "reset entry:y/1 ready [ ] [ put:y/2 ] ");
}
END_TEST

/* What belongs to a session goes with it, at one revision; nothing naming it is applied afterwards. */
START_TEST(keys_die_with_their_session)
{
    open_store(_i);
    uint64_t session = open_session();
    ck_assert_int_ge(meta_session_age_ms(store, session), 0);
    ck_assert_int_eq(put("s/1", "1", 0, session).err, 0);
    ck_assert_int_eq(put("s/2", "1", 0, session).err, 0);
    ck_assert_int_eq(put("durable", "1", 0, 0).err, 0);
    struct heard heard = {0};
    ck_assert_int_eq(meta_feed_start(store, lt_slice_text("s/"), 0, &feed_ops, &heard), 0);
    wait_for(&heard.ready);
    ck_assert_int_eq(meta_session_close(store, session), 0);
    ck_assert_int_eq(get("s/1").created[0], 0);
    ck_assert_int_eq(get("s/2").created[0], 0);
    ck_assert_int_gt(get("durable").created[0], 0);
    ck_assert_str_eq(heard.text, "reset entry:s/1 entry:s/2 ready [ del:s/1 del:s/2 ] ");
    ck_assert_int_eq(put("s/3", "1", 0, session).err, LEAT_ESESSION);
    ck_assert_int_eq(get("s/3").created[0], 0);
    ck_assert_int_eq(meta_session_age_ms(store, session), -1);
}
END_TEST

/* Limits are refused before anything is queued. */
START_TEST(limits_are_refused_at_once)
{
    open_store(_i);
    static char large[META_VALUE_SIZE_MAX + 1];
    struct meta_compare compare = {.kind = META_MODIFIED_AT, .key = lt_slice_text("a"), .rev = 0};
    struct meta_write write = {
        .kind = META_PUT, .key = lt_slice_text("a"), .value = lt_slice(large, sizeof(large))};
    struct meta_txn txn = {&compare, 1, &write, 1};
    ck_assert_int_eq(meta_store_commit(store, &txn, 1000, on_outcome, NULL), LEAT_E2BIG);
    compare.key = write.key = lt_slice(large, META_KEY_SIZE_MAX + 1);
    ck_assert_int_eq(meta_store_commit(store, &txn, 1000, on_outcome, NULL), LEAT_E2BIG);
    struct meta_write many[META_TXN_WRITES_MAX + 1];
    char names[META_TXN_WRITES_MAX + 1][16];
    for (size_t i = 0; i < META_TXN_WRITES_MAX + 1; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "k%zu", i);
        many[i] = (struct meta_write){
            .kind = META_PUT, .key = lt_slice_text(names[i]), .value = lt_slice_text("v")};
    }
    compare.key = many[0].key;
    struct meta_txn too_many = {&compare, 1, many, META_TXN_WRITES_MAX + 1};
    ck_assert_int_eq(meta_store_commit(store, &too_many, 1000, on_outcome, NULL), LEAT_E2BIG);
    too_many.write_count = META_TXN_WRITES_MAX;
    ck_assert_int_eq(commit(&too_many).err, 0);
}
END_TEST

static void chain(int err, int64_t rev, const struct meta_kv *current, size_t count, void *arg)
{
    static struct outcome second;
    second = (struct outcome){0};
    ck_assert_int_eq(err, 0);
    struct meta_compare compare = {
        .kind = META_CREATED_AT, .key = lt_slice_text("second"), .rev = 0};
    struct meta_write write = {
        .kind = META_PUT, .key = lt_slice_text("second"), .value = lt_slice_text("2")};
    struct meta_txn txn = {&compare, 1, &write, 1};
    ck_assert_int_eq(meta_store_commit(store, &txn, 1000, on_outcome, &second), 0);
    ck_assert(!second.done); /* callbacks never run inside the call that started them */
    on_outcome(err, rev, current, count, arg);
}

/* A callback may start the next transaction, which runs after it. */
START_TEST(callback_may_commit)
{
    open_store(_i);
    struct outcome out = {0};
    struct meta_compare compare = {
        .kind = META_CREATED_AT, .key = lt_slice_text("first"), .rev = 0};
    struct meta_write write = {
        .kind = META_PUT, .key = lt_slice_text("first"), .value = lt_slice_text("1")};
    struct meta_txn txn = {&compare, 1, &write, 1};
    ck_assert_int_eq(meta_store_commit(store, &txn, 1000, chain, &out), 0);
    wait_for(&out.done);
    ck_assert_str_eq(get("second").values[0], "2");
}
END_TEST

/* ---- the embedded driver over time ---- */

/* Everything but session keys is there after the store was closed and opened; revisions go on from where they were. */
START_TEST(reopened_store_goes_on)
{
    open_store(LOCAL);
    struct meta_identity before;
    uint64_t session = open_session();
    struct outcome kept = put("kept", "1", 0, 0);
    (void)put("session", "1", 0, session);
    ck_assert_int_eq(meta_store_identity(store, &before), 0);
    meta_store_close(store);
    open_store(LOCAL);
    struct meta_identity after;
    ck_assert_int_eq(meta_store_identity(store, &after), 0);
    ck_assert_str_eq(after.store_id, before.store_id);
    ck_assert_str_eq(after.driver, "local");
    ck_assert_int_ge(after.rev, before.rev);
    ck_assert_int_eq(get("kept").created[0], kept.rev);
    ck_assert_int_eq(get("session").created[0], 0);
    ck_assert_int_gt(put("next", "1", 0, 0).rev, before.rev);
    ck_assert_uint_ne(open_session(), session);
}
END_TEST

/* In a child: commit keys one after the other, telling each through the pipe once it is acknowledged. Never returns. */
static void commit_until_killed(int fd)
{
    open_store(LOCAL);
    uint64_t session = open_session();
    (void)put("session", "1", 0, session);
    for (int i = 0;; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "key/%06d", i);
        if (put(key, "v", 0, 0).err != 0 || write(fd, &i, sizeof(i)) != (ssize_t)sizeof(i)) {
            _exit(1);
        }
    }
}

/* kill -9 while commits run: everything that was acknowledged is there, session keys are not. */
START_TEST(killed_store_keeps_what_it_acknowledged)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)close(fds[0]);
        commit_until_killed(fds[1]);
    }
    (void)close(fds[1]);
    int last = -1;
    while (last < 20) {
        ck_assert_int_eq(read(fds[0], &last, sizeof(last)), (ssize_t)sizeof(last));
    }
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    int more;
    while (read(fds[0], &more, sizeof(more)) == (ssize_t)sizeof(more)) {
        last = more;
    }
    (void)close(fds[0]);
    open_store(LOCAL);
    for (int i = 0; i <= last; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "key/%06d", i);
        ck_assert_int_gt(get(key).created[0], 0);
    }
    ck_assert_int_eq(get("session").created[0], 0);
    ck_assert_int_eq(put("after", "1", 0, 0).err, 0);
}
END_TEST

/* A directory that holds something else is refused with a sentence that names it. */
START_TEST(foreign_file_is_refused)
{
    store = NULL;
    struct leat_error *err = NULL;
    (void)mkdir(test_dir_path(&dir, "meta"), 0755);
    static char junk[8192];
    memset(junk, 'x', sizeof(junk));
    test_file_write(test_dir_path(&dir, "meta/data.mdb"), junk, sizeof(junk));
    ck_assert_int_eq(meta_local_open(test_dir_path(&dir, "meta"), lt_clock_real(), &store, &err),
                     LEAT_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(lt_error_message(err), "metadata store: "));
    lt_error_free(err);
}
END_TEST

static int open_damaged(struct leat_error **err)
{
    int rc = meta_local_open(test_dir_path(&dir, "meta"), lt_clock_real(), &store, err);
    if (rc != 0) {
        store = NULL;
    }
    return rc;
}

/* A store with enough in it for branches, leaves, large values and a free list; its file's bytes. */
static void make_large_store(struct lt_buf *bytes)
{
    static char large[20000];
    memset(large, 'v', sizeof(large) - 1);
    open_store(LOCAL);
    for (int i = 0; i < 300; i++) {
        char key[40];
        (void)snprintf(key, sizeof(key), "topic/a-rather-long-name-%04d", i);
        struct outcome made =
            put(key, i % 50 == 0 ? large : "value of no great size, but some", 0, 0);
        ck_assert_int_eq(made.err, 0);
        if (i % 7 == 0) {
            ck_assert_int_eq(erase(key, made.rev).err, 0);
        }
    }
    meta_store_close(store);
    store = NULL;
    test_file_read(test_dir_path(&dir, "meta/data.mdb"), bytes);
}

/* A file that was cut at any page is refused, or is still whole in all that can be reached; it never crashes. */
START_TEST(truncated_file_is_refused)
{
    struct lt_buf bytes = {0};
    size_t refused = 0;
    make_large_store(&bytes);
    ck_assert_uint_gt(bytes.size, 16 * 4096);
    for (size_t size = 4096; size < bytes.size; size += 4096) {
        test_file_write(test_dir_path(&dir, "meta/data.mdb"), bytes.data, size);
        struct leat_error *err = NULL;
        int rc = open_damaged(&err);
        ck_assert(rc == 0 || rc == LEAT_ECORRUPT);
        refused += rc != 0;
        if (rc == 0) {
            ck_assert_int_eq(put("after", "1", 0, 0).err, 0);
            meta_store_close(store);
            store = NULL;
        } else {
            ck_assert_ptr_nonnull(strstr(lt_error_message(err), "data.mdb: page "));
        }
        lt_error_free(err);
    }
    ck_assert_uint_gt(refused, 10);
    lt_buf_release(&bytes);
}
END_TEST

static void ignore_entry(const struct meta_kv *kv, void *arg)
{
    (void)kv;
    (void)arg;
}

static void on_down(int err, void *arg)
{
    (void)err;
    on_ready(0, arg);
}

/* Bytes that flipped anywhere: refused, or readable to the end; it never crashes. */
START_TEST(damaged_bytes_do_no_harm)
{
    static const struct meta_feed_ops reading = {.reset = on_reset,
                                                 .entry = ignore_entry,
                                                 .ready = on_ready,
                                                 .change = on_change,
                                                 .down = on_down};
    struct lt_buf bytes = {0};
    uint64_t random = 88172645463325252U;
    make_large_store(&bytes);
    for (int round = 0; round < 400; round++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        size_t at = (size_t)(random % bytes.size);
        uint8_t before = bytes.data[at];
        bytes.data[at] ^= (uint8_t)(1U << (random >> 60));
        test_file_write(test_dir_path(&dir, "meta/data.mdb"), bytes.data, bytes.size);
        if (open_damaged(NULL) == 0) {
            struct heard heard = {0};
            ck_assert_int_eq(meta_feed_start(store, lt_slice_text(""), 0, &reading, &heard), 0);
            wait_for(&heard.ready);
            meta_store_close(store);
            store = NULL;
        }
        bytes.data[at] = before;
    }
    lt_buf_release(&bytes);
}
END_TEST

/* ---- the fake's own powers ---- */

/* An unknown outcome may or may not be applied; the next transaction on the key settles it. */
START_TEST(fake_can_lose_an_outcome)
{
    open_store(FAKE);
    meta_fake_fail_next(fake, LEAT_EUNKNOWN, true);
    ck_assert_int_eq(put("a", "1", 0, 0).err, LEAT_EUNKNOWN);
    ck_assert_int_eq(put("a", "2", 0, 0).err, LEAT_ECONFLICT);
    meta_fake_fail_next(fake, LEAT_EUNAVAIL, false);
    ck_assert_int_eq(put("b", "1", 0, 0).err, LEAT_EUNAVAIL);
    ck_assert_int_eq(put("b", "2", 0, 0).err, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("meta_store");
    TCase *contract = tcase_create("contract");
    tcase_add_checked_fixture(contract, setup, teardown);
    tcase_add_loop_test(contract, put_keeps_creation_and_raises_revision, 0, DRIVER_COUNT);
    tcase_add_loop_test(contract, conflict_tells_what_is_there, 0, DRIVER_COUNT);
    tcase_add_loop_test(contract, value_compare_is_exact, 0, DRIVER_COUNT);
    tcase_add_loop_test(contract, created_again_is_a_new_key, 0, DRIVER_COUNT);
    tcase_add_loop_test(contract, feed_is_snapshot_then_every_change, 0, DRIVER_COUNT);
    tcase_add_loop_test(contract, feed_with_prefix_sees_every_revision, 0, DRIVER_COUNT);
    tcase_add_loop_test(contract, keys_die_with_their_session, 0, DRIVER_COUNT);
    tcase_add_loop_test(contract, limits_are_refused_at_once, 0, DRIVER_COUNT);
    tcase_add_loop_test(contract, callback_may_commit, 0, DRIVER_COUNT);
    suite_add_tcase(suite, contract);
    TCase *local = tcase_create("local");
    tcase_add_checked_fixture(local, setup, teardown);
    tcase_add_test(local, reopened_store_goes_on);
    tcase_add_test(local, killed_store_keeps_what_it_acknowledged);
    tcase_add_test(local, foreign_file_is_refused);
    tcase_add_test(local, truncated_file_is_refused);
    tcase_add_test(local, damaged_bytes_do_no_harm);
    tcase_set_timeout(local, 60);
    suite_add_tcase(suite, local);
    TCase *faked = tcase_create("fake");
    tcase_add_checked_fixture(faked, setup, teardown);
    tcase_add_test(faked, fake_can_lose_an_outcome);
    suite_add_tcase(suite, faked);
    return test_main(suite);
}
