/* test_topics.c: the registry of topics behind the metadata store: what is created, grown and deleted shows there when its
 * directories do; what the store or the disk refuses leaves nothing behind. With the fake store, whose outcomes can be
 * ordered, and a real data directory whose calls can fail. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/file_faults.h"
#include "server/config.h"
#include "server/meta_records.h"
#include "server/server.h"
#include "server/topic_change.h"
#include "server/topics.h"
#include "storage/partition.h"
#include "storage/store.h"
#include "tests/support/meta_fake.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_main.h"

static struct test_dir dir;
static struct lt_arena arena;
static struct lt_file_faults *faults;
static struct meta_fake *fake;
static struct srv_server *server;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void visit_moved(void *owner)
{
    srv_partition_moved(owner);
}

static void on_moved(struct log_partition *part, void *arg)
{
    (void)arg;
    log_partition_visit_owner(part, visit_moved);
}

static void on_round(void *arg)
{
    (void)arg;
}

static void on_event(enum lt_diag_level level, const char *event, const char *text, void *arg)
{
    (void)level;
    (void)event;
    (void)text;
    (void)arg;
}

/* The parts of a server that topics need: settings, data directory, metadata. */
static void open_server(void)
{
    const char *path = test_dir_path(&dir, "data");
    const char *const dirs[] = {path};
    struct log_store_options options;
    struct leat_error *err = NULL;
    log_store_options_init(&options);
    options.dirs = dirs;
    options.dir_count = 1;
    options.node_id = 1;
    options.ops = lt_file_faults_ops(faults);
    options.clock = server->options.clock;
    options.reserve_bytes = 0;
    options.listener = (struct log_listener){on_moved, on_round, NULL};
    options.event = on_event;
    ck_assert_msg(log_store_open(&options, &server->store, &err) == 0, "%s", lt_error_message(err));
    ck_assert_msg(srv_topics_open(server, &err) == 0, "%s", lt_error_message(err));
    ck_assert_msg(log_store_load(server->store, &err) == 0, "%s", lt_error_message(err));
    ck_assert_msg(srv_topics_start(server, &err) == 0, "%s", lt_error_message(err));
    ck_assert_msg(log_store_start(server->store, &err) == 0, "%s", lt_error_message(err));
}

static void close_server(bool clean)
{
    srv_topics_close(server);
    ck_assert_int_eq(log_store_close(server->store, clean, NULL), 0);
    server->store = NULL;
    srv_topics_free(server);
}

static void setup(void)
{
    static const char *const sets[] = {"leat.partitions.max=10", "log.segment.delete.delay.ms=0"};
    struct srv_config_options options = {.sets = sets, .set_count = 2};
    lt_diag_setup(LT_ERROR, LT_DIAG_LOGFMT, 2);
    test_dir_init(&dir);
    lt_arena_init(&arena, 0);
    ck_assert_int_eq(lt_file_faults_new(&faults), 0);
    server = calloc(1, sizeof(*server));
    ck_assert_int_eq(srv_config_load(&options, &server->config, NULL), 0);
    server->options.clock = lt_clock_real();
    server->options.config = server->config;
    ck_assert_int_eq(meta_fake_open(&fake, &server->meta), 0);
    meta_fake_start(fake);
    open_server();
}

static void teardown(void)
{
    close_server(true);
    srv_config_free(server->config);
    free(server);
    lt_file_faults_free(faults);
    lt_arena_release(&arena);
    test_dir_release(&dir);
}

/* ---- changes that wait ---- */

struct waiting {
    bool done;
    int err;
    char why[256];
};

static void on_done(int err, const struct leat_error *why, void *arg)
{
    struct waiting *out = arg;
    (void)pthread_mutex_lock(&mutex);
    out->err = err;
    (void)snprintf(out->why, sizeof(out->why), "%s", lt_error_message(why));
    out->done = true;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&mutex);
}

static int wait_for(int started, struct waiting *out)
{
    if (started != 0) {
        return started;
    }
    (void)pthread_mutex_lock(&mutex);
    while (!out->done) {
        (void)pthread_cond_wait(&changed, &mutex);
    }
    (void)pthread_mutex_unlock(&mutex);
    return out->err;
}

static int
create(const char *name, int32_t partitions, const struct srv_config_pair *pairs, size_t count)
{
    struct waiting out = {0};
    struct srv_topic_plan plan = {
        .name = name, .partition_count = partitions, .configs = pairs, .config_count = count};
    ck_assert_int_eq(proto_uuid_random(&plan.id), 0);
    return wait_for(srv_topic_create(server, &plan, on_done, &out, NULL), &out);
}

static struct srv_topic *find(const char *name)
{
    return srv_topics_by_name(server->topics, lt_slice_text(name));
}

static bool exists(const char *name)
{
    struct srv_topic *topic = find(name);
    srv_topic_unref(topic);
    return topic != NULL;
}

static int delete (const char *name)
{
    struct waiting out = {0};
    struct srv_topic *topic = find(name);
    ck_assert_ptr_nonnull(topic);
    int err = wait_for(srv_topic_delete(server, topic, on_done, &out), &out);
    srv_topic_unref(topic);
    return err;
}

static int grow(const char *name, int32_t count)
{
    struct waiting out = {0};
    struct srv_topic *topic = find(name);
    ck_assert_ptr_nonnull(topic);
    int err = wait_for(srv_topic_add_partitions(server, topic, count, on_done, &out), &out);
    srv_topic_unref(topic);
    return err;
}

static bool directory_there(const char *name)
{
    return test_file_size(test_dir_path(
               &dir, lt_arena_printf(&arena, "data/%s/partition.metadata", name))) >= 0;
}

/* Keeps the metadata thread until it is told to go on. */
static void on_gate(int err, const struct leat_error *why, void *arg)
{
    const bool *open = arg;
    (void)err;
    (void)why;
    (void)pthread_mutex_lock(&mutex);
    while (!*open) {
        (void)pthread_cond_wait(&changed, &mutex);
    }
    (void)pthread_mutex_unlock(&mutex);
}

/* ---- tests ---- */

/* When the caller hears of it, the topic is found by name and by id, with its directories and settings. */
START_TEST(created_topic_is_there)
{
    struct srv_config_pair pair = {"retention.ms", "77"};
    ck_assert_int_eq(create("t", 2, &pair, 1), 0);
    struct srv_topic *topic = find("t");
    ck_assert_ptr_nonnull(topic);
    ck_assert_int_eq(srv_topic_partition_count(topic), 2);
    ck_assert(directory_there("t-0") && directory_there("t-1"));
    struct srv_topic *same = srv_topics_by_id(server->topics, &topic->id);
    ck_assert_ptr_eq(same, topic);
    ck_assert_ptr_null(srv_topic_partition(topic, 2));
    ck_assert_ptr_null(srv_topic_partition(topic, -1));
    struct log_config config;
    log_partition_config(srv_topic_partition(topic, 1)->log, &config);
    ck_assert_int_eq(config.retention_ms, 77);
    srv_topic_unref(same);
    srv_topic_unref(topic);
}
END_TEST

/* The same name, or one that differs in '.' and '_' only, is refused. */
START_TEST(names_are_taken_once)
{
    ck_assert_int_eq(create("a.b", 1, NULL, 0), 0);
    ck_assert_int_eq(create("a.b", 1, NULL, 0), LEAT_EEXISTS);
    struct leat_error *err = NULL;
    struct srv_topic_plan plan = {.name = "a_b", .partition_count = 1};
    ck_assert_int_eq(srv_topic_create(server, &plan, on_done, NULL, &err), LEAT_ENAME);
    ck_assert_str_eq(lt_error_message(err), "Topic 'a_b' collides with existing topic: a.b");
    lt_error_free(err);
    ck_assert_int_eq(delete ("a.b"), 0);
    ck_assert_int_eq(create("a_b", 1, NULL, 0), 0);
}
END_TEST

/* leat.partitions.max counts what is there and what is on its way; what was refused or deleted does not count. */
START_TEST(partitions_have_a_limit)
{
    ck_assert_int_eq(create("a", 8, NULL, 0), 0);
    ck_assert_int_eq(create("b", 3, NULL, 0), LEAT_ELIMIT);
    ck_assert_int_eq(grow("a", 11), LEAT_ELIMIT);
    ck_assert_int_eq(create("b", 2, NULL, 0), 0);
    ck_assert_int_eq(delete ("a"), 0);
    ck_assert_int_eq(create("c", 8, NULL, 0), 0);
    ck_assert_int_eq(srv_topics_partition_count(server->topics), 10);
}
END_TEST

/* Growth keeps the old partitions as they are for those who hold them. */
START_TEST(topics_grow)
{
    ck_assert_int_eq(create("t", 1, NULL, 0), 0);
    struct srv_topic *topic = find("t");
    struct srv_partition *first = srv_topic_partition(topic, 0);
    ck_assert_int_eq(grow("t", 3), 0);
    ck_assert_int_eq(grow("t", 5), 0);
    ck_assert_int_eq(srv_topic_partition_count(topic), 5);
    ck_assert_ptr_eq(srv_topic_partition(topic, 0), first);
    ck_assert(directory_there("t-4"));
    srv_topic_unref(topic);
}
END_TEST

/* A deleted topic is gone from the registry and the disk; whoever still holds it may look at it. */
START_TEST(deleted_topic_is_gone)
{
    ck_assert_int_eq(create("t", 2, NULL, 0), 0);
    struct srv_topic *topic = find("t");
    ck_assert_int_eq(delete ("t"), 0);
    ck_assert(!exists("t"));
    ck_assert(!directory_there("t-0"));
    ck_assert(atomic_load(&topic->deleted));
    struct waiting out = {0};
    ck_assert_int_eq(wait_for(srv_topic_delete(server, topic, on_done, &out), &out), LEAT_ENOENT);
    srv_topic_unref(topic);
    ck_assert_int_eq(create("t", 1, NULL, 0), 0);
}
END_TEST

/* Changes that overlap end as if each had been asked for after the one before. */
START_TEST(overlapping_changes_follow_each_other)
{
    bool open = false;
    struct waiting outs[5] = {0};
    struct srv_topic_plan plan = {.name = "gate", .partition_count = 1};
    ck_assert_int_eq(create("t", 1, NULL, 0), 0);
    struct srv_topic *topic = find("t");
    ck_assert_int_eq(proto_uuid_random(&plan.id), 0);
    ck_assert_int_eq(srv_topic_create(server, &plan, on_gate, &open, NULL), 0);
    ck_assert_int_eq(srv_topic_add_partitions(server, topic, 3, on_done, &outs[0]), 0);
    ck_assert_int_eq(srv_topic_add_partitions(server, topic, 3, on_done, &outs[1]), 0);
    ck_assert_int_eq(srv_topic_add_partitions(server, topic, 4, on_done, &outs[2]), 0);
    ck_assert_int_eq(srv_topic_delete(server, topic, on_done, &outs[3]), 0);
    ck_assert_int_eq(srv_topic_delete(server, topic, on_done, &outs[4]), 0);
    (void)pthread_mutex_lock(&mutex);
    open = true;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&mutex);
    ck_assert_int_eq(wait_for(0, &outs[0]), 0);
    ck_assert_int_eq(wait_for(0, &outs[1]), LEAT_ELIMIT);
    ck_assert_str_eq(outs[1].why, "Topic already has 3 partition(s).");
    ck_assert_int_eq(wait_for(0, &outs[2]), 0);
    ck_assert_int_eq(wait_for(0, &outs[3]), 0);
    ck_assert_int_eq(wait_for(0, &outs[4]), LEAT_ENOENT);
    srv_topic_unref(topic);
    ck_assert(!exists("t"));
    /* Nothing stays reserved: nine beside the gate's one. */
    ck_assert_int_eq(create("u", 9, NULL, 0), 0);
}
END_TEST

/* A store that certainly did nothing: an error, and the name is free. */
START_TEST(unavailable_store_leaves_nothing)
{
    meta_fake_fail_next(fake, LEAT_EUNAVAIL, false);
    ck_assert_int_eq(create("t", 10, NULL, 0), LEAT_EUNAVAIL);
    ck_assert(!exists("t"));
    ck_assert_int_eq(create("t", 10, NULL, 0), 0);
}
END_TEST

/* An unknown outcome is told as such; what was applied shows all the same, and the next attempt finds it. */
START_TEST(unknown_outcome_is_not_guessed)
{
    meta_fake_fail_next(fake, LEAT_EUNKNOWN, true);
    ck_assert_int_eq(create("t", 1, NULL, 0), LEAT_EUNKNOWN);
    ck_assert_int_eq(create("t", 1, NULL, 0), LEAT_EEXISTS);
    meta_fake_fail_next(fake, LEAT_EUNKNOWN, false);
    ck_assert_int_eq(create("u", 1, NULL, 0), LEAT_EUNKNOWN);
    ck_assert_int_eq(create("u", 1, NULL, 0), 0);
}
END_TEST

/* File call n of a creation fails, n = 0, 1, 2, ... until one passes: each time an error, and nothing is left. */
START_TEST(failed_directories_are_taken_back)
{
    int err = -1;
    int64_t refused = 0;
    for (int64_t n = 0; err != 0; n++) {
        struct lt_fault_plan plan = {
            .kind = LT_FAULT_FAIL, .at = n, .errnum = EIO, .only_call = "mkdir"};
        lt_file_faults_plan(faults, &plan);
        err = create("t", 3, NULL, 0);
        bool fired = lt_file_faults_fired(faults);
        struct lt_fault_plan none = {.kind = LT_FAULT_NONE};
        lt_file_faults_plan(faults, &none);
        ck_assert(fired == (err != 0));
        ck_assert_int_lt(n, 100);
        refused += err != 0;
        ck_assert(exists("t") == (err == 0));
    }
    ck_assert_int_gt(refused, 0);
    ck_assert(directory_there("t-2"));
    lt_file_faults_plan(faults,
                        &(struct lt_fault_plan){
                            .kind = LT_FAULT_FAIL, .at = 0, .errnum = EIO, .only_call = "mkdir"});
    ck_assert_int_ne(grow("t", 5), 0);
    lt_file_faults_plan(faults, &(struct lt_fault_plan){.kind = LT_FAULT_NONE});
    struct srv_topic *topic = find("t");
    ck_assert_int_eq(srv_topic_partition_count(topic), 3);
    srv_topic_unref(topic);
    ck_assert_int_eq(grow("t", 5), 0);
}
END_TEST

/* A feed that begins again changes nothing that is still true. */
START_TEST(feed_may_begin_again)
{
    struct srv_config_pair pair = {"retention.ms", "77"};
    ck_assert_int_eq(create("t", 2, &pair, 1), 0);
    struct srv_topic *before = find("t");
    meta_fake_reset_feeds(fake);
    ck_assert_int_eq(create("u", 1, NULL, 0), 0); /* behind the snapshot */
    struct srv_topic *after = find("t");
    ck_assert_ptr_eq(before, after);
    struct log_config config;
    (void)srv_config_topic(server->config, "t", &config);
    ck_assert_int_eq(config.retention_ms, 77);
    srv_topic_unref(before);
    srv_topic_unref(after);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topics");
    TCase *registry = tcase_create("registry");
    tcase_add_checked_fixture(registry, setup, teardown);
    tcase_add_test(registry, created_topic_is_there);
    tcase_add_test(registry, names_are_taken_once);
    tcase_add_test(registry, partitions_have_a_limit);
    tcase_add_test(registry, topics_grow);
    tcase_add_test(registry, deleted_topic_is_gone);
    tcase_add_test(registry, overlapping_changes_follow_each_other);
    tcase_add_test(registry, unavailable_store_leaves_nothing);
    tcase_add_test(registry, unknown_outcome_is_not_guessed);
    tcase_add_test(registry, failed_directories_are_taken_back);
    tcase_add_test(registry, feed_may_begin_again);
    suite_add_tcase(suite, registry);
    return test_main(suite);
}
