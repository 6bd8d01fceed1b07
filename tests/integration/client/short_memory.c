/* short_memory.c: a whole life of client, producer and consumer while memory runs out at every possible place.   short_memory ADDRESS
 *
 * In round n the n-th allocation and all later ones fail, on both threads, until the round's work has failed or succeeded; then memory is back, and
 * what exists must still work and be freed. It must not crash, hang or leak, and what was lent comes back exactly once. Ends when a round needed no failed allocation. */
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <leat/leat.h>

#include "base/alloc.h"

#define ROUNDS_MAX 4000
#define STEP_BY_ONE 150 /* making is over by then; behind it every eleventh place is tried */
#define SHORT_MS 25
#define LONG_MS 20000

struct life {
    struct leat_conf *conf;
    struct leat_client *client;
    struct leat_producer *producer;
    struct leat_producer *plain; /* without compression: it borrows */
    struct leat_consumer *consumer;
    struct leat_conf *plain_conf;
    struct leat_record *rec;
    struct leat_record *loan;
    int lent;
    _Atomic int released;
    struct leat_offsets *parts;
};

static int begin(struct life *life)
{
    if (leat_client_new(life->conf, &life->client, NULL) < 0 ||
        leat_producer_new(life->client, NULL, &life->producer, NULL) < 0 ||
        leat_producer_new(life->client, life->plain_conf, &life->plain, NULL) < 0 ||
        leat_consumer_new(life->client, NULL, &life->consumer, NULL) < 0) {
        return -1;
    }
    return leat_consumer_assign(life->consumer, life->parts, NULL);
}

static void on_release(const void *value, size_t size, void *arg)
{
    struct life *life = arg;

    (void)value;
    (void)size;
    life->released++;
}

static int lend(struct life *life, int timeout_ms)
{
    int err;

    life->lent++;
    err = leat_send_borrowed(life->plain, life->loan, on_release, NULL, life);
    if (err == 0) {
        err = leat_producer_flush(life->plain, timeout_ms);
    }
    return err > 0 ? LEAT_ETIMEDOUT : err;
}

static int pause_and_resume(struct life *life)
{
    struct leat_offsets *paused = NULL;
    int err = leat_consumer_pause(life->consumer, NULL);

    if (err == 0) {
        err = leat_consumer_paused(life->consumer, &paused);
    }
    leat_offsets_free(paused);
    return err < 0 ? err : leat_consumer_resume(life->consumer, life->parts);
}

/* Send one record, lend one, and read one. */
static int work(struct life *life, int timeout_ms)
{
    struct leat_batch *batch = NULL;
    struct leat_offsets *ends = NULL;
    struct leat_stats *stats = NULL;
    struct leat_result *dirs = NULL;
    int err = leat_send_sync(life->producer, life->rec, timeout_ms, NULL);

    if (err == 0) {
        err = lend(life, timeout_ms);
    }
    if (err == 0) {
        err = leat_client_stats(life->client, &stats);
        leat_stats_free(stats);
    }
    if (err == 0) {
        err = leat_consumer_seek(life->consumer, life->parts, NULL);
    }
    if (err == 0) {
        err = leat_consumer_poll(life->consumer, timeout_ms, &batch, NULL);
        err = err > 0 ? 0 : err == 0 ? LEAT_ETIMEDOUT : err;
    }
    leat_batch_unref(batch);
    if (err == 0) {
        err = pause_and_resume(life);
    }
    if (err == 0) {
        err = leat_list_offsets(life->client, life->parts, timeout_ms, &ends, NULL);
    }
    leat_offsets_free(ends);
    if (err == 0) {
        err = leat_describe_log_dirs(life->client, NULL, timeout_ms, &dirs, NULL);
    }
    leat_result_free(dirs);
    return err;
}

/* Returns false if something lent does not come back, or came twice. */
static bool end(struct life *life)
{
    int waited_ms = 0;

    leat_producer_free(life->producer);
    leat_producer_free(life->plain);
    leat_client_unref(life->client);
    leat_consumer_free(life->consumer);
    life->client = NULL;
    life->producer = NULL;
    life->consumer = NULL;
    life->plain = NULL;
    while (life->released < life->lent && waited_ms++ < LONG_MS) {
        (void)poll(NULL, 0, 1);
    }
    return life->released == life->lent;
}

/* Returns 1 if memory was short, 0 if it was not, -1 if something is wrong. */
static int round_of(struct life *life, int64_t n)
{
    int err;
    int tries = 0;
    bool failed;

    lt_alloc_fail_after(n);
    err = begin(life);
    err = err < 0 ? err : work(life, SHORT_MS);
    /* Slowness alone is no end: memory was enough only when the work was done. */
    failed = lt_alloc_failed() || err < 0;
    lt_alloc_fail_never();
    if (life->consumer != NULL && life->plain != NULL) {
        /* Memory is back: now it must work, also where the first attempt was given up; on a slow machine max.block.ms, which is
         * short here, passes many times before. */
        do {
            err = leat_consumer_assign(life->consumer, life->parts, NULL);
            err = err < 0 ? err : work(life, LONG_MS);
        } while (err < 0 && ++tries < (err == LEAT_ETIMEDOUT ? 400 : 5));
        if (err < 0) {
            fprintf(stderr, "short_memory: round %lld: %s\n", (long long)n, leat_errname(err));
            return -1;
        }
    }
    if (!end(life)) {
        fprintf(stderr, "short_memory: round %lld: %d lent, %d released\n", (long long)n,
                life->lent, (int)life->released);
        return -1;
    }
    return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    static char value[8192];
    struct life life = {0};
    int result = 1;
    int64_t n = 0;

    if (argc != 2) {
        return 2;
    }
    life.conf = leat_conf_new();
    life.rec = leat_record_new();
    life.loan = leat_record_new();
    life.parts = leat_offsets_new();
    if (leat_conf_set(life.conf, "bootstrap.servers", argv[1], NULL) < 0 ||
        leat_conf_set(life.conf, "max.block.ms", "25", NULL) < 0 ||
        leat_conf_set(life.conf, "retry.backoff.ms", "5", NULL) < 0 ||
        leat_conf_set(life.conf, "reconnect.backoff.ms", "5", NULL) < 0 ||
        leat_conf_set(life.conf, "fetch.max.wait.ms", "20", NULL) < 0 ||
        (life.plain_conf = leat_conf_copy(life.conf)) == NULL ||
        leat_conf_set(life.conf, "compression.type", "lz4", NULL) < 0 ||
        leat_record_set_topic(life.loan, "short-memory", 0) < 0 ||
        leat_record_borrow_value(life.loan, value, sizeof(value)) < 0 ||
        leat_record_set_topic(life.rec, "short-memory", 0) < 0 ||
        leat_record_set_value(life.rec, "value", 5) < 0 ||
        leat_record_add_header(life.rec, "name", "value", 5) < 0 ||
        leat_offsets_add(life.parts, "short-memory", 0, LEAT_OFFSET_START) < 0) {
        return 2;
    }
    while (result == 1 && n < ROUNDS_MAX) {
        result = round_of(&life, n);
        n += n < STEP_BY_ONE ? 1 : 11;
    }
    printf("up to allocation %lld\n", (long long)n);
    leat_offsets_free(life.parts);
    leat_record_free(life.rec);
    leat_record_free(life.loan);
    leat_conf_free(life.plain_conf);
    leat_conf_free(life.conf);
    while (poll(NULL, 0, 100) > 0) { /* let the last I/O thread go before leaks are counted */
    }
    return result == 0 ? 0 : 1;
}
