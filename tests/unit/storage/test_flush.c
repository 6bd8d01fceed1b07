/* Group commit, with partitions that only count: who is flushed, when, how often, and what a failure touches. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "storage/flush.h"
#include "storage/partition_impl.h"
#include "tests/support/test_main.h"

/* A partition that is flushed by adding up. Its gate lets a test hold a flush open. */
struct log_partition {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int64_t end;     /* appended */
    int64_t durable; /* flushed */
    int flushes;
    int moved;
    int inside; /* flushes under way */
    bool gate_closed;
    bool memory; /* due only at due_ms */
    int64_t due_ms;
    int err;
};

static struct log_flusher *flusher;
static struct lt_clock_fake fake;
static atomic_int rounds;
static _Atomic uint64_t round_bytes;

static void part_init(struct log_partition *part)
{
    memset(part, 0, sizeof(*part));
    part->due_ms = INT64_MAX;
    ck_assert_int_eq(pthread_mutex_init(&part->mutex, NULL), 0);
    ck_assert_int_eq(pthread_cond_init(&part->changed, NULL), 0);
}

int log_partition_flush(struct log_partition *part, uint64_t *ret_bytes)
{
    (void)pthread_mutex_lock(&part->mutex);
    int64_t end = part->end;
    part->inside++;
    ck_assert_int_eq(part->inside, 1); /* one flusher per partition at a time */
    (void)pthread_cond_broadcast(&part->changed);
    while (part->gate_closed) {
        (void)pthread_cond_wait(&part->changed, &part->mutex);
    }
    part->inside--;
    part->flushes++;
    int err = part->err;
    if (err == 0) {
        *ret_bytes = (uint64_t)(end - part->durable);
        part->durable = end;
    }
    (void)pthread_cond_broadcast(&part->changed);
    (void)pthread_mutex_unlock(&part->mutex);
    return err;
}

bool log_partition_flush_due(struct log_partition *part, int64_t now_mono_ms, int64_t *ret_due_ms)
{
    (void)pthread_mutex_lock(&part->mutex);
    bool due = part->end > part->durable && (!part->memory || now_mono_ms >= part->due_ms);
    *ret_due_ms = part->due_ms;
    (void)pthread_mutex_unlock(&part->mutex);
    return due;
}

static void append(struct log_partition *part, struct log_flush_item *item)
{
    (void)pthread_mutex_lock(&part->mutex);
    part->end++;
    log_flusher_queue(flusher, item);
    (void)pthread_mutex_unlock(&part->mutex);
}

static void set_gate(struct log_partition *part, bool closed)
{
    (void)pthread_mutex_lock(&part->mutex);
    part->gate_closed = closed;
    (void)pthread_cond_broadcast(&part->changed);
    (void)pthread_mutex_unlock(&part->mutex);
}

static void wait_inside(struct log_partition *part)
{
    (void)pthread_mutex_lock(&part->mutex);
    while (part->inside == 0) {
        (void)pthread_cond_wait(&part->changed, &part->mutex);
    }
    (void)pthread_mutex_unlock(&part->mutex);
}

static void on_moved(struct log_partition *part, void *arg)
{
    (void)arg;
    (void)pthread_mutex_lock(&part->mutex);
    part->moved++;
    (void)pthread_mutex_unlock(&part->mutex);
}

static void on_round(uint64_t bytes, void *arg)
{
    (void)arg;
    atomic_fetch_add(&rounds, 1);
    atomic_fetch_add(&round_bytes, bytes);
}

static void start(int threads)
{
    lt_clock_fake_init(&fake, 0);
    atomic_store(&rounds, 0);
    atomic_store(&round_bytes, 0);
    struct log_flusher_options options = {&fake.clock, threads, on_moved, on_round, NULL};
    ck_assert_int_eq(log_flusher_new(&options, &flusher), 0);
    ck_assert_int_eq(log_flusher_start(flusher), 0);
}

static void stop(void)
{
    log_flusher_stop(flusher);
    log_flusher_free(flusher);
}

/* What is appended while a flush runs is covered by one more flush, however much it is. */
START_TEST(one_flush_covers_many_appends)
{
    struct log_partition part;
    struct log_flush_item item = {.part = &part};
    part_init(&part);
    start(1);
    set_gate(&part, true);
    append(&part, &item);
    wait_inside(&part);
    for (int i = 0; i < 100; i++) {
        append(&part, &item);
    }
    set_gate(&part, false);
    log_flusher_settle(flusher);
    ck_assert_int_eq(part.flushes, 2);
    ck_assert_int_eq(part.durable, 101);
    ck_assert_int_eq(part.moved, 2);
    ck_assert_int_eq(atomic_load(&rounds), 2);
    ck_assert_uint_eq(atomic_load(&round_bytes), 101);
    stop();
}
END_TEST

/* `moved` for each partition of a round, then `round` once. */
START_TEST(one_round_for_many_partitions)
{
    struct log_partition parts[8];
    struct log_flush_item items[8];
    memset(items, 0, sizeof(items));
    start(1);
    for (int i = 0; i < 8; i++) {
        part_init(&parts[i]);
        items[i].part = &parts[i];
    }
    set_gate(&parts[0], true);
    append(&parts[0], &items[0]);
    wait_inside(&parts[0]);
    for (int i = 0; i < 8; i++) {
        append(&parts[i], &items[i]);
    }
    set_gate(&parts[0], false);
    log_flusher_settle(flusher);
    ck_assert_int_eq(atomic_load(&rounds), 2);
    for (int i = 1; i < 8; i++) {
        ck_assert_int_eq(parts[i].flushes, 1);
        ck_assert_int_eq(parts[i].moved, 1);
    }
    stop();
}
END_TEST

/* A flush that fails is told, counted and not tried again; the others go on. */
START_TEST(failure_stays_with_its_partition)
{
    struct log_partition parts[2];
    struct log_flush_item items[2];
    memset(items, 0, sizeof(items));
    start(1);
    for (int i = 0; i < 2; i++) {
        part_init(&parts[i]);
        items[i].part = &parts[i];
    }
    parts[0].err = LEAT_EIO;
    append(&parts[0], &items[0]);
    append(&parts[1], &items[1]);
    log_flusher_settle(flusher);
    ck_assert_int_eq(parts[0].flushes, 1);
    ck_assert_int_eq(parts[0].durable, 0);
    ck_assert_int_eq(parts[0].moved, 1);
    ck_assert_int_eq(parts[1].durable, 1);
    struct log_flush_stats stats;
    log_flusher_stats(flusher, &stats);
    ck_assert_uint_eq(stats.failures, 1);
    ck_assert_uint_eq(stats.flushes, 2);
    ck_assert_uint_eq(stats.bytes, 1);
    stop();
}
END_TEST

/* A memory partition with flush.ms waits for its time, and then is flushed once. */
START_TEST(memory_partition_waits_until_due)
{
    struct log_partition part;
    struct log_flush_item item = {.part = &part};
    part_init(&part);
    start(1);
    part.memory = true;
    part.due_ms = lt_clock_mono_ms(&fake.clock) + 100;
    append(&part, &item);
    log_flusher_settle(flusher);
    ck_assert_int_eq(part.flushes, 0);
    lt_clock_fake_advance(&fake, 99);
    log_flusher_settle(flusher);
    ck_assert_int_eq(part.flushes, 0);
    lt_clock_fake_advance(&fake, 1);
    log_flusher_settle(flusher);
    ck_assert_int_eq(part.flushes, 1);
    ck_assert_int_eq(part.durable, 1);
    stop();
}
END_TEST

static void *forget(void *arg)
{
    struct log_flush_item *item = arg;
    log_flusher_forget(flusher, item);
    return NULL;
}

/* Whoever takes a partition away waits for the flush that is under way. */
START_TEST(forget_waits_for_a_running_flush)
{
    struct log_partition part;
    struct log_flush_item item = {.part = &part};
    part_init(&part);
    start(1);
    set_gate(&part, true);
    append(&part, &item);
    wait_inside(&part);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, forget, &item), 0);
    set_gate(&part, false);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(part.inside, 0);
    ck_assert_int_eq(part.flushes, 1);
    ck_assert_int_eq((int)item.state, LOG_FLUSH_IDLE);
    stop();
}
END_TEST

/* A partition taken away before its turn is not flushed. */
START_TEST(forget_takes_out_what_is_queued)
{
    struct log_partition parts[2];
    struct log_flush_item items[2];
    memset(items, 0, sizeof(items));
    start(1);
    for (int i = 0; i < 2; i++) {
        part_init(&parts[i]);
        items[i].part = &parts[i];
    }
    set_gate(&parts[0], true);
    append(&parts[0], &items[0]);
    wait_inside(&parts[0]);
    append(&parts[1], &items[1]);
    log_flusher_forget(flusher, &items[1]);
    set_gate(&parts[0], false);
    log_flusher_settle(flusher);
    ck_assert_int_eq(parts[1].flushes, 0);
    stop();
}
END_TEST

struct appender {
    struct log_partition *parts;
    struct log_flush_item *items;
    int count;
};

static void *append_many(void *arg)
{
    const struct appender *appender = arg;
    for (int i = 0; i < 5000; i++) {
        int n = i % appender->count;
        append(&appender->parts[n], &appender->items[n]);
    }
    return NULL;
}

/* Several flushers and several writers: nothing is left behind, and no partition is flushed twice at a time. */
START_TEST(many_threads_lose_nothing)
{
    struct log_partition parts[5];
    struct log_flush_item items[5];
    memset(items, 0, sizeof(items));
    start(3);
    for (int i = 0; i < 5; i++) {
        part_init(&parts[i]);
        items[i].part = &parts[i];
    }
    struct appender appender = {parts, items, 5};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, append_many, &appender), 0);
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    log_flusher_settle(flusher);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(parts[i].end, 3000);
        ck_assert_int_eq(parts[i].durable, 3000);
    }
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flush");
    TCase *tcase = tcase_create("flush");
    tcase_add_test(tcase, one_flush_covers_many_appends);
    tcase_add_test(tcase, one_round_for_many_partitions);
    tcase_add_test(tcase, failure_stays_with_its_partition);
    tcase_add_test(tcase, memory_partition_waits_until_due);
    tcase_add_test(tcase, forget_waits_for_a_running_flush);
    tcase_add_test(tcase, forget_takes_out_what_is_queued);
    tcase_add_test(tcase, many_threads_lose_nothing);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
