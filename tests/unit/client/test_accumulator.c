/* Gathering records into batches: sizes, growth, memory, and every allocation failing. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "client/accumulator.h"
#include "client/producer_impl.h"
#include "tests/support/test_main.h"

static struct leat_conf *conf;
static struct leat_client *client; /* reaches nobody */
static struct leat_producer *producer;
static struct leat_record *rec;

static void set(const char *key, const char *value)
{
    ck_assert_int_eq(leat_conf_set(conf, key, value, NULL), 0);
}

static void setup(void)
{
    conf = leat_conf_new();
    set("bootstrap.servers", "127.0.0.1:1");
    set("max.block.ms", "0");
    set("linger.ms", "1h");
    rec = leat_record_new();
    client = NULL;
    producer = NULL;
}

static void teardown(void)
{
    leat_record_free(rec);
    leat_producer_free(producer);
    leat_client_unref(client);
    leat_conf_free(conf);
}

/* A producer that believes to know topic "t" with four partitions. */
static void start(void)
{
    ck_assert_int_eq(leat_client_new(conf, &client, NULL), 0);
    ck_assert_int_eq(leat_producer_new(client, NULL, &producer, NULL), 0);
    ck_assert_int_eq(leat_record_set_topic(rec, "t", 0), 0);
    ck_assert_int_eq(leat_send(producer, rec, NULL, NULL), LEAT_ETIMEDOUT);
    (void)pthread_mutex_lock(&producer->lock);
    ck_assert_int_eq(lc_topic_grow(producer->last_topic, 4), 0);
    (void)pthread_mutex_unlock(&producer->lock);
}

static struct lc_send_partition *part(int i)
{
    return producer->last_topic->partitions[i];
}

static int append(size_t size)
{
    static char zeros[1 << 20];

    ck_assert_int_eq(leat_record_set_value(rec, zeros, size), 0);
    return leat_send(producer, rec, NULL, NULL);
}

/* A batch is closed before it passes batch.size. */
START_TEST(batch_ends_at_its_size)
{
    set("batch.size", "1000");
    start();
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(append(100), 0);
    }
    (void)pthread_mutex_lock(&producer->lock);
    ck_assert_ptr_nonnull(part(0)->open);
    ck_assert_uint_le(part(0)->open->builder.size, 1000);
    ck_assert(STAILQ_EMPTY(&part(0)->queue));
    (void)pthread_mutex_unlock(&producer->lock);
    ck_assert_int_eq(append(100), 0);
    ck_assert_int_eq(append(100), 0);
    (void)pthread_mutex_lock(&producer->lock);
    ck_assert_int_eq(STAILQ_FIRST(&part(0)->queue)->builder.record_count, 8);
    ck_assert_int_eq(part(0)->open->builder.record_count, 2);
    ck_assert_uint_eq(producer->pending, 10);
    (void)pthread_mutex_unlock(&producer->lock);
}
END_TEST

/* While an earlier batch waits the next one grows beyond batch.size, up to max.request.size, and pays for it. */
START_TEST(batch_grows_while_another_waits)
{
    set("batch.size", "1000");
    set("max.request.size", "20000");
    start();
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(append(100), 0);
    }
    (void)pthread_mutex_lock(&producer->lock);
    ck_assert_uint_gt(part(0)->open->builder.size, 9000);
    ck_assert_uint_ge(part(0)->open->charged, part(0)->open->builder.size);
    ck_assert_uint_le(producer->memory_used, producer->memory_max);
    (void)pthread_mutex_unlock(&producer->lock);
}
END_TEST

/* A record larger than batch.size has a batch of its own size. */
START_TEST(large_record_travels_alone)
{
    const struct lc_batch *batch;

    set("batch.size", "1000");
    start();
    ck_assert_int_eq(append(5000), 0);
    (void)pthread_mutex_lock(&producer->lock);
    batch = part(0)->open != NULL ? part(0)->open : STAILQ_FIRST(&part(0)->queue);
    ck_assert_int_eq(batch->builder.record_count, 1); /* the loop may have closed it already */
    ck_assert_uint_gt(producer->memory_used, 5000);
    (void)pthread_mutex_unlock(&producer->lock);
}
END_TEST

/* buffer.memory is never passed. */
START_TEST(memory_ends)
{
    int err = 0;

    set("batch.size", "1000");
    set("buffer.memory", "10000");
    start();
    for (int32_t i = 0; err == 0; i++) {
        ck_assert_int_eq(leat_record_set_topic(rec, "t", i % 4), 0);
        err = append(100);
        (void)pthread_mutex_lock(&producer->lock);
        ck_assert_uint_le(producer->memory_used, 10000);
        (void)pthread_mutex_unlock(&producer->lock);
        ck_assert_int_lt(i, 1000);
    }
    ck_assert_int_eq(err, LEAT_ETIMEDOUT);
}
END_TEST

static void nobody(const struct leat_delivery *d, void *arg)
{
    (void)d;
    (void)arg;
}

/* Wherever memory ends, a record is in its batch or was refused. The loop stands still meanwhile: its lock is held. */
START_TEST(append_survives_every_failed_allocation)
{
    const struct lc_send how = {.sink = {nobody, NULL}};
    bool wake = false;
    int err = LEAT_ENOMEM;

    start();
    ck_assert_int_eq(leat_record_set_topic(rec, "t", 1), 0);
    (void)pthread_mutex_lock(&producer->lock);
    for (int64_t n = 0; err == LEAT_ENOMEM; n++) {
        size_t pending = producer->pending;

        lt_alloc_fail_after(n);
        err = lc_accumulator_append(producer, rec, &how, &wake);
        lt_alloc_fail_never();
        ck_assert_uint_eq(producer->pending, pending + (err == 0));
        ck_assert_int_lt((int)n, 100);
    }
    ck_assert_int_eq(err, 0);
    ck_assert_int_eq(part(1)->open->builder.record_count, 1);
    (void)pthread_mutex_unlock(&producer->lock);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("accumulator");
    TCase *tc = tcase_create("batches");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, batch_ends_at_its_size);
    tcase_add_test(tc, batch_grows_while_another_waits);
    tcase_add_test(tc, large_record_travels_alone);
    tcase_add_test(tc, memory_ends);
    tcase_add_test(tc, append_survives_every_failed_allocation);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
