/* flush.c: the flusher threads.
 *
 * Happy path of a thread:
 *   1. wait for the dirty list (or for the first timed item to become due)
 *   2. take its share of the list; the items are RUNNING
 *   3. flush each, tell `moved`; then `round`
 *   4. items that were queued meanwhile (AGAIN) go back to the list, the others become IDLE
 * Failure: log_partition_flush has failed the partition by itself; the item becomes IDLE, the others go on.
 *
 * Who queues -> state: IDLE, TIMED -> QUEUED; RUNNING -> AGAIN; QUEUED, AGAIN stay. */
#include "storage/flush.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "storage/partition_impl.h"
#include "storage/wait.h"

TAILQ_HEAD(item_list, log_flush_item);

struct log_flusher {
    struct log_wait wait; /* guards all below, and the items' fields */
    struct item_list dirty;
    size_t dirty_count;
    struct item_list timed;
    struct log_flush_stats stats;
    uint64_t running; /* items that threads have */
    uint64_t rounds_begun;
    bool stop;
    int thread_count; /* running */
    struct log_flusher_options options;
    pthread_t threads[];
};

static void *run(void *arg);
static void queue_due(struct log_flusher *flusher, int64_t now_ms);
static int64_t first_due(const struct log_flusher *flusher);
static size_t take_share(struct log_flusher *flusher, struct item_list *ret_items);
static void flush_items(struct log_flusher *flusher,
                        struct item_list *items,
                        struct log_flush_stats *ret_stats);
static void
flush_item(struct log_flusher *flusher, struct log_flush_item *item, struct log_flush_stats *stats);
static void return_items(struct log_flusher *flusher, struct item_list *items);

int log_flusher_new(const struct log_flusher_options *options, struct log_flusher **ret_flusher)
{
    LT_ASSERT(options->threads >= 1);
    size_t threads_size = (size_t)options->threads * sizeof(pthread_t);
    struct log_flusher *flusher = lt_calloc(1, sizeof(*flusher) + threads_size);
    if (flusher == NULL) {
        return LEAT_ENOMEM;
    }
    if (log_wait_init(&flusher->wait) < 0) {
        lt_free(flusher);
        return LEAT_ENOMEM;
    }
    TAILQ_INIT(&flusher->dirty);
    TAILQ_INIT(&flusher->timed);
    flusher->options = *options;
    *ret_flusher = flusher;
    return 0;
}

int log_flusher_start(struct log_flusher *flusher)
{
    LT_ASSERT(flusher->thread_count == 0);
    for (int i = 0; i < flusher->options.threads; i++) {
        if (pthread_create(&flusher->threads[i], NULL, run, flusher) != 0) {
            log_flusher_stop(flusher);
            return LEAT_ENOMEM;
        }
        (void)pthread_setname_np(flusher->threads[i], "leat-flush"); /* for ps only */
        flusher->thread_count++;
    }
    return 0;
}

void log_flusher_stop(struct log_flusher *flusher)
{
    log_wait_lock(&flusher->wait);
    flusher->stop = true;
    log_wait_signal(&flusher->wait);
    log_wait_unlock(&flusher->wait);
    for (int i = 0; i < flusher->thread_count; i++) {
        int failed = pthread_join(flusher->threads[i], NULL);
        LT_ASSERT(failed == 0);
    }
    flusher->thread_count = 0;
}

void log_flusher_free(struct log_flusher *flusher)
{
    if (flusher == NULL) {
        return;
    }
    LT_ASSERT(flusher->thread_count == 0);
    log_wait_release(&flusher->wait);
    lt_free(flusher);
}

void log_flusher_queue(struct log_flusher *flusher, struct log_flush_item *item)
{
    log_wait_lock(&flusher->wait);
    switch (item->state) {
    case LOG_FLUSH_TIMED:
        TAILQ_REMOVE(&flusher->timed, item, link);
        /* fallthrough */
    case LOG_FLUSH_IDLE:
        item->state = LOG_FLUSH_QUEUED;
        TAILQ_INSERT_TAIL(&flusher->dirty, item, link);
        flusher->dirty_count++;
        log_wait_signal(&flusher->wait);
        break;
    case LOG_FLUSH_RUNNING:
        item->state = LOG_FLUSH_AGAIN;
        break;
    case LOG_FLUSH_QUEUED:
    case LOG_FLUSH_AGAIN:
        break;
    }
    log_wait_unlock(&flusher->wait);
}

void log_flusher_forget(struct log_flusher *flusher, struct log_flush_item *item)
{
    log_wait_lock(&flusher->wait);
    while (item->state == LOG_FLUSH_RUNNING || item->state == LOG_FLUSH_AGAIN) {
        log_wait_until(&flusher->wait, flusher->options.clock, INT64_MAX);
    }
    if (item->state == LOG_FLUSH_QUEUED) {
        TAILQ_REMOVE(&flusher->dirty, item, link);
        flusher->dirty_count--;
    } else if (item->state == LOG_FLUSH_TIMED) {
        TAILQ_REMOVE(&flusher->timed, item, link);
    }
    item->state = LOG_FLUSH_IDLE;
    log_wait_unlock(&flusher->wait);
}

/* Under load the list never becomes empty: then two whole rounds that began after this call have covered everything. */
void log_flusher_settle(struct log_flusher *flusher)
{
    log_wait_lock(&flusher->wait);
    queue_due(flusher, lt_clock_mono_ms(flusher->options.clock));
    log_wait_signal(&flusher->wait);
    uint64_t enough = flusher->rounds_begun + 2 * (uint64_t)flusher->options.threads + 1;
    while (flusher->thread_count > 0 && !flusher->stop && flusher->rounds_begun < enough &&
           (flusher->running > 0 || !TAILQ_EMPTY(&flusher->dirty))) {
        log_wait_until(&flusher->wait, flusher->options.clock, INT64_MAX);
    }
    log_wait_unlock(&flusher->wait);
}

void log_flusher_stats(struct log_flusher *flusher, struct log_flush_stats *ret)
{
    log_wait_lock(&flusher->wait);
    *ret = flusher->stats;
    log_wait_unlock(&flusher->wait);
}

static void *run(void *arg)
{
    struct log_flusher *flusher = arg;
    log_wait_lock(&flusher->wait);
    for (;;) {
        queue_due(flusher, lt_clock_mono_ms(flusher->options.clock));
        if (flusher->stop) {
            break;
        }
        if (TAILQ_EMPTY(&flusher->dirty)) {
            log_wait_until(&flusher->wait, flusher->options.clock, first_due(flusher));
            continue;
        }
        struct item_list items;
        struct log_flush_stats stats;
        size_t count = take_share(flusher, &items);
        flusher->running += count;
        flusher->rounds_begun++;
        log_wait_unlock(&flusher->wait);
        flush_items(flusher, &items, &stats);
        log_wait_lock(&flusher->wait);
        flusher->running -= count;
        flusher->stats.flushes += stats.flushes;
        flusher->stats.failures += stats.failures;
        flusher->stats.bytes += stats.bytes;
        flusher->stats.ns += stats.ns;
        flusher->stats.rounds++;
        for (size_t i = 0; i < LOG_FLUSH_BUCKETS; i++) {
            flusher->stats.bucket[i] += stats.bucket[i];
        }
        return_items(flusher, &items);
    }
    log_wait_unlock(&flusher->wait);
    return NULL;
}

/* Timed items whose time has come. They are few: memory partitions with flush.ms. */
static void queue_due(struct log_flusher *flusher, int64_t now_ms)
{
    struct log_flush_item *item = TAILQ_FIRST(&flusher->timed);
    while (item != NULL) {
        struct log_flush_item *next = TAILQ_NEXT(item, link);
        if (item->due_ms <= now_ms) {
            TAILQ_REMOVE(&flusher->timed, item, link);
            item->state = LOG_FLUSH_QUEUED;
            TAILQ_INSERT_TAIL(&flusher->dirty, item, link);
            flusher->dirty_count++;
        }
        item = next;
    }
}

static int64_t first_due(const struct log_flusher *flusher)
{
    int64_t due = INT64_MAX;
    const struct log_flush_item *item;
    TAILQ_FOREACH (item, &flusher->timed, link) {
        due = item->due_ms < due ? item->due_ms : due;
    }
    return due;
}

/* The whole list for one thread; with several each takes its part, so that they work side by side. */
static size_t take_share(struct log_flusher *flusher, struct item_list *ret_items)
{
    TAILQ_INIT(ret_items);
    size_t threads = (size_t)flusher->options.threads;
    size_t share = (flusher->dirty_count + threads - 1) / threads;
    for (size_t i = 0; i < share; i++) {
        struct log_flush_item *item = TAILQ_FIRST(&flusher->dirty);
        TAILQ_REMOVE(&flusher->dirty, item, link);
        LT_ASSERT(item->state == LOG_FLUSH_QUEUED);
        item->state = LOG_FLUSH_RUNNING;
        TAILQ_INSERT_TAIL(ret_items, item, link);
    }
    flusher->dirty_count -= share;
    return share;
}

static void
flush_items(struct log_flusher *flusher, struct item_list *items, struct log_flush_stats *ret_stats)
{
    memset(ret_stats, 0, sizeof(*ret_stats));
    struct log_flush_item *item;
    TAILQ_FOREACH (item, items, link) {
        flush_item(flusher, item, ret_stats);
    }
    flusher->options.round(ret_stats->bytes, flusher->options.arg);
}

static void
flush_item(struct log_flusher *flusher, struct log_flush_item *item, struct log_flush_stats *stats)
{
    const struct lt_clock *clock = flusher->options.clock;
    item->due_ms = INT64_MAX; /* a RUNNING item's own fields belong to its thread */
    if (!log_partition_flush_due(item->part, lt_clock_mono_ms(clock), &item->due_ms)) {
        return;
    }
    item->due_ms = INT64_MAX;
    uint64_t bytes = 0;
    int64_t began = lt_clock_mono_ns(clock);
    int err = log_partition_flush(item->part, &bytes);
    int64_t took = lt_clock_mono_ns(clock) - began;
    LT_ASSERT(took >= 0);
    stats->flushes++;
    stats->failures += err < 0;
    stats->bytes += err < 0 ? 0 : bytes;
    stats->ns += (uint64_t)took;
    size_t bucket = 0;
    while (bucket < LOG_FLUSH_BUCKETS - 1 && took / 1000 >= (int64_t)1 << bucket) {
        bucket++;
    }
    stats->bucket[bucket]++;
    flusher->options.moved(item->part, flusher->options.arg);
}

static void return_items(struct log_flusher *flusher, struct item_list *items)
{
    struct log_flush_item *item;
    while ((item = TAILQ_FIRST(items)) != NULL) {
        TAILQ_REMOVE(items, item, link);
        if (item->state == LOG_FLUSH_AGAIN) {
            item->state = LOG_FLUSH_QUEUED;
            TAILQ_INSERT_TAIL(&flusher->dirty, item, link);
            flusher->dirty_count++;
        } else if (item->due_ms != INT64_MAX) {
            item->state = LOG_FLUSH_TIMED;
            TAILQ_INSERT_TAIL(&flusher->timed, item, link);
        } else {
            item->state = LOG_FLUSH_IDLE;
        }
    }
    log_wait_signal(&flusher->wait); /* other flushers, and whoever waits in forget or settle */
}
