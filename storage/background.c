/* background.c: the background thread of one data directory.
 *
 * A round, in this order, each part only when due:
 *   space       give the reserve back or take it again
 *   checkpoint  bring partitions to a recovery point, then recovery-point-offset-checkpoint; close idle segments
 *   retention   plan (raise log starts), log-start-offset-checkpoint, apply (rename files), reap (unlink them)
 *   deletions   directories of deleted topics
 * Failure: a checkpoint file that cannot be written takes the directory offline (a full disk does not: next round). */
#include "storage/background.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/os.h"
#include "storage/store_impl.h"
#include "storage/wait.h"

#define SPACE_RETRY_MS 500 /* service is back within a second of space returning */
#define REAP_RETRY_MS 1000
#define DELETE_RETRY_MS 60000
#define WALL_DRIFT_MAX_MS 3600000
#define MAPS_MAX_UNKNOWN 32765 /* half of the kernel's default */
#define MAPS_IDLE_MS 300000    /* sealed segments that nobody read for so long are closed */

struct deletion {
    char *path; /* owned; NULL: only `gone` is due */
    int64_t due_ms;
    void (*gone)(void *arg);
    void *arg;
    TAILQ_ENTRY(deletion) link;
};

struct log_background {
    struct log_dir *dir;
    struct log_wait wait; /* guards wanted, ticks, deletions, stop */
    int wanted;           /* enum log_background_work */
    uint64_t tick_wanted;
    uint64_t tick_done;
    TAILQ_HEAD(, deletion) deletions;
    bool stop;
    bool running;
    pthread_t thread;
    /* the thread's own */
    int64_t next_checkpoint_ms;
    int64_t next_retention_ms;
    int64_t next_reap_ms;
    int64_t next_space_ms;
    int64_t wall_start_ms; /* both clocks when the store was opened */
    int64_t mono_start_ms;
};

/* What one round does. */
struct round {
    int64_t now_ms;
    uint64_t tick; /* value of tick_wanted that this round answers */
    bool settle;
    bool space;
    bool checkpoint;
    bool retention;
    bool reap;
};

static void *run(void *arg);
static bool plan_round(struct log_background *background, struct round *ret);
static int64_t next_due(const struct log_background *background);
static void do_round(struct log_background *background, const struct round *round);
static void tend_space(struct log_background *background);
static void checkpoint(struct log_background *background);
static void close_idle(struct log_slot *const *slots, size_t count, size_t maps_max);
static void retention(struct log_background *background);
static void reap(struct log_background *background);
static struct deletion *take_deletion(struct log_background *background, int64_t now_ms);
static void
delete_directory(struct log_background *background, struct deletion *deletion, int64_t now_ms);

int log_background_new(struct log_dir *dir, struct log_background **ret_background)
{
    struct log_background *background = lt_calloc(1, sizeof(*background));
    if (background == NULL) {
        return LEAT_ENOMEM;
    }
    if (log_wait_init(&background->wait) < 0) {
        lt_free(background);
        return LEAT_ENOMEM;
    }
    const struct log_store_options *options = &dir->store->options;
    TAILQ_INIT(&background->deletions);
    background->dir = dir;
    background->wall_start_ms = lt_clock_wall_ms(options->clock);
    background->mono_start_ms = lt_clock_mono_ms(options->clock);
    background->next_checkpoint_ms = background->mono_start_ms + options->checkpoint_interval_ms;
    background->next_retention_ms =
        background->mono_start_ms + options->retention_check_interval_ms;
    background->next_reap_ms = INT64_MAX;
    background->next_space_ms = INT64_MAX;
    *ret_background = background;
    return 0;
}

int log_background_start(struct log_background *background)
{
    LT_ASSERT(!background->running);
    if (pthread_create(&background->thread, NULL, run, background) != 0) {
        return LEAT_ENOMEM;
    }
    (void)pthread_setname_np(background->thread, "leat-store"); /* for ps only */
    background->running = true;
    return 0;
}

void log_background_stop(struct log_background *background)
{
    log_wait_lock(&background->wait);
    background->stop = true;
    log_wait_signal(&background->wait);
    log_wait_unlock(&background->wait);
    if (background->running) {
        int failed = pthread_join(background->thread, NULL);
        LT_ASSERT(failed == 0);
        background->running = false;
    }
}

void log_background_free(struct log_background *background)
{
    if (background == NULL) {
        return;
    }
    LT_ASSERT(!background->running);
    struct deletion *deletion;
    while ((deletion = TAILQ_FIRST(&background->deletions)) != NULL) {
        TAILQ_REMOVE(&background->deletions, deletion, link);
        lt_free(deletion->path);
        lt_free(deletion);
    }
    log_wait_release(&background->wait);
    lt_free(background);
}

void log_background_wake(struct log_background *background, int work)
{
    log_wait_lock(&background->wait);
    background->wanted |= work;
    log_wait_signal(&background->wait);
    log_wait_unlock(&background->wait);
}

void log_background_tick(struct log_background *background)
{
    log_wait_lock(&background->wait);
    uint64_t wanted = ++background->tick_wanted;
    log_wait_signal(&background->wait);
    while (background->running && !background->stop && background->tick_done < wanted) {
        log_wait_until(&background->wait, background->dir->store->options.clock, INT64_MAX);
    }
    log_wait_unlock(&background->wait);
}

int log_background_delete(struct log_background *background,
                          char *path,
                          int64_t delay_ms,
                          void (*gone)(void *arg),
                          void *arg)
{
    struct deletion *deletion = lt_malloc(sizeof(*deletion));
    if (deletion == NULL) {
        return LEAT_ENOMEM;
    }
    int64_t now_ms = lt_clock_mono_ms(background->dir->store->options.clock);
    int64_t due_ms = delay_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + delay_ms;
    *deletion = (struct deletion){.path = path, .due_ms = due_ms, .gone = gone, .arg = arg};
    log_wait_lock(&background->wait);
    TAILQ_INSERT_TAIL(&background->deletions, deletion, link);
    log_wait_signal(&background->wait);
    log_wait_unlock(&background->wait);
    return 0;
}

static void *run(void *arg)
{
    struct log_background *background = arg;
    const struct lt_clock *clock = background->dir->store->options.clock;
    log_wait_lock(&background->wait);
    while (!background->stop) {
        struct round round;
        bool any = plan_round(background, &round);
        struct deletion *deletion = take_deletion(background, round.now_ms);
        if (!any && deletion == NULL) {
            log_wait_until(&background->wait, clock, next_due(background));
            continue;
        }
        log_wait_unlock(&background->wait);
        do_round(background, &round);
        if (deletion != NULL) {
            delete_directory(background, deletion, round.now_ms);
        }
        log_wait_lock(&background->wait);
        /* A tick is done when no directory that was due at its start is left. */
        if (deletion == NULL) {
            background->tick_done = round.tick;
            log_wait_signal(&background->wait);
        }
    }
    log_wait_signal(&background->wait);
    log_wait_unlock(&background->wait);
    return NULL;
}

/* Decide what is due; with the lock held. */
static bool plan_round(struct log_background *background, struct round *ret)
{
    int64_t now_ms = lt_clock_mono_ms(background->dir->store->options.clock);
    bool tick = background->tick_wanted != background->tick_done;
    int wanted = background->wanted;
    background->wanted = 0;
    *ret = (struct round){
        .now_ms = now_ms,
        .tick = background->tick_wanted,
        .settle = tick,
        .space = tick || (wanted & LOG_WORK_SPACE) != 0 || now_ms >= background->next_space_ms,
        .checkpoint =
            tick || (wanted & LOG_WORK_CHECKPOINT) != 0 || now_ms >= background->next_checkpoint_ms,
        .retention =
            tick || (wanted & LOG_WORK_RETENTION) != 0 || now_ms >= background->next_retention_ms,
        .reap = tick || now_ms >= background->next_reap_ms,
    };
    return ret->space || ret->checkpoint || ret->retention || ret->reap;
}

static int64_t next_due(const struct log_background *background)
{
    int64_t due = background->next_checkpoint_ms;
    due = background->next_retention_ms < due ? background->next_retention_ms : due;
    due = background->next_reap_ms < due ? background->next_reap_ms : due;
    due = background->next_space_ms < due ? background->next_space_ms : due;
    const struct deletion *deletion;
    TAILQ_FOREACH (deletion, &background->deletions, link) {
        due = deletion->due_ms < due ? deletion->due_ms : due;
    }
    return due;
}

static void do_round(struct log_background *background, const struct round *round)
{
    const struct log_store_options *options = &background->dir->store->options;
    if (round->settle) {
        log_flusher_settle(background->dir->flusher);
    }
    if (round->space) {
        tend_space(background);
        bool low = log_disk_space_low(background->dir->space);
        background->next_space_ms = low ? round->now_ms + SPACE_RETRY_MS : INT64_MAX;
    }
    if (atomic_load(&background->dir->offline)) {
        background->next_checkpoint_ms = INT64_MAX; /* nothing of it is touched any more */
        background->next_retention_ms = INT64_MAX;
        background->next_reap_ms = INT64_MAX;
        return;
    }
    if (round->checkpoint) {
        checkpoint(background);
        background->next_checkpoint_ms = round->now_ms + options->checkpoint_interval_ms;
    }
    if (round->retention) {
        retention(background);
        background->next_retention_ms = round->now_ms + options->retention_check_interval_ms;
    }
    if (round->reap || round->retention) {
        reap(background);
    }
}

static void tend_space(struct log_background *background)
{
    struct log_dir *dir = background->dir;
    struct leat_error *error = NULL;
    bool changed = false;
    int err = log_disk_space_tend(dir->space, &changed, &error);
    if (err < 0) {
        log_store_event(dir->store, LT_WARN, "disk_reserve", "%s", lt_error_message(error));
    } else if (changed && log_disk_space_low(dir->space)) {
        log_store_event(
            dir->store, LT_ERROR, "disk_full",
            "%s: no space left; appends are refused until there is, the reserve is given back",
            dir->disk.path);
    } else if (changed) {
        log_store_event(dir->store, LT_INFO, "disk_space_back", "%s: space is back, appends go on",
                        dir->disk.path);
    }
    lt_error_free(error);
}

/* ---- maps ---- */

/* This directory's part of leat.maps.max. */
static size_t maps_share(const struct log_dir *dir)
{
    size_t maps_max = dir->store->options.maps_max;
    if (maps_max == 0) {
        struct lt_buf text;
        lt_buf_init(&text);
        int err = lt_os_read_file("/proc/sys/vm/max_map_count", 64, &text);
        const char *number = err == 0 ? lt_buf_text(&text) : NULL;
        long count = number == NULL ? 0 : strtol(number, NULL, 10);
        lt_buf_release(&text);
        maps_max = count > 0 ? (size_t)count / 2 : MAPS_MAX_UNKNOWN;
    }
    return maps_max / dir->store->options.dir_count;
}

static void close_idle(struct log_slot *const *slots, size_t count, size_t maps_max)
{
    size_t maps = 0;
    for (size_t i = 0; i < count; i++) {
        size_t segments;
        size_t of_this;
        (void)log_partition_trim(slots[i]->part, MAPS_IDLE_MS);
        log_partition_count(slots[i]->part, &segments, &of_this);
        maps += of_this;
    }
    for (size_t i = 0; maps > maps_max && i < count; i++) {
        (void)log_partition_trim(slots[i]->part,
                                 0); /* open again when read; nobody loses what he holds */
    }
}

/* ---- checkpoint ---- */

static void checkpoint(struct log_background *background)
{
    struct log_dir *dir = background->dir;
    struct log_slot **slots;
    size_t count;
    if (log_dir_slots(dir, true, &slots, &count) < 0) {
        return; /* short of memory: a later round does it, recovery would only read more */
    }
    uint64_t covered = atomic_load(&dir->flushed_bytes);
    bool moved = atomic_load(&dir->stale);
    for (size_t i = 0; i < count; i++) {
        struct log_partition *part = slots[i]->part;
        struct log_offsets offsets;
        if (!log_partition_loaded(part)) {
            continue;
        }
        log_partition_expire_producers(part); /* also where nothing is written any more */
        if (log_partition_offsets(part, &offsets) < 0 ||
            offsets.log_end == log_partition_recovery_point(part)) {
            continue;
        }
        int64_t point;
        if (log_partition_checkpoint(part, &point) == 0) {
            moved = true; /* a failure shows at the partition itself; its old point stays */
        }
    }
    close_idle(slots, count, maps_share(dir));
    log_slots_release(slots, count);
    if (!moved) {
        return;
    }
    struct leat_error *error = NULL;
    if (log_dir_write_recovery_points(dir, &error) == 0) {
        atomic_fetch_sub(&dir->flushed_bytes, covered);
    } else if (!atomic_load(&dir->offline)) {
        log_store_event(dir->store, LT_WARN, "checkpoint_failed", "%s", lt_error_message(error));
    }
    lt_error_free(error);
}

/* ---- retention ---- */

/* May something be deleted because of its age? A wall clock that jumped must not delete what a steady one would keep. */
static bool wall_trusted(struct log_background *background)
{
    struct log_dir *dir = background->dir;
    const struct lt_clock *clock = dir->store->options.clock;
    int64_t wall_ms = lt_clock_wall_ms(clock);
    int64_t drift_ms = (wall_ms - background->wall_start_ms) -
                       (lt_clock_mono_ms(clock) - background->mono_start_ms);
    bool jumped = drift_ms > WALL_DRIFT_MAX_MS || drift_ms < -WALL_DRIFT_MAX_MS;
    bool behind = wall_ms < atomic_load(&dir->checkpoint_wall_ms);
    bool doubted = jumped || behind;
    if (doubted && !atomic_exchange(&dir->wall_doubted, true)) {
        log_store_event(dir->store, LT_WARN, "clock_jumped",
                        "%s: the wall clock %s; nothing is deleted by time until that ends or the "
                        "server is restarted",
                        dir->disk.path,
                        jumped ? "moved more than an hour against the monotonic clock"
                               : "stands before the time of the last checkpoint");
    }
    atomic_store(&dir->wall_doubted, doubted);
    return !doubted;
}

static void retention(struct log_background *background)
{
    struct log_dir *dir = background->dir;
    struct log_store *store = dir->store;
    struct log_slot **slots;
    size_t count;
    if (log_dir_slots(dir, true, &slots, &count) < 0) {
        return; /* the next round does it */
    }
    bool trusted = wall_trusted(background);
    size_t planned = 0;
    for (size_t i = 0; i < count; i++) {
        if (log_partition_retention_plan(slots[i]->part, trusted)) {
            struct log_slot *kept =
                slots[planned]; /* those with something to do come to the front */
            slots[planned++] = slots[i];
            slots[i] = kept;
        }
    }
    struct leat_error *error = NULL;
    if (planned > 0 && log_dir_write_log_starts(dir, &error) == 0) {
        for (size_t i = 0; i < planned; i++) {
            int err = log_partition_retention_apply(slots[i]->part);
            slots[i]->reap_waiting = 1;            /* at least one to look at */
            if (err < 0 && err != LEAT_EDELETED) { /* else the whole topic went meanwhile */
                log_store_event(store, LT_WARN, "retention_failed",
                                "%s: old segments could not be removed: %s", slots[i]->name,
                                lt_err_text(err));
            }
            log_slot_moved(slots[i]);
        }
        store->options.listener.round(store->options.listener.arg);
    } else if (planned > 0 && !atomic_load(&dir->offline)) {
        log_store_event(store, LT_WARN, "checkpoint_failed", "%s", lt_error_message(error));
    }
    lt_error_free(error);
    log_slots_release(slots, count);
}

static void reap(struct log_background *background)
{
    struct log_slot **slots;
    size_t count;
    int64_t now_ms = lt_clock_mono_ms(background->dir->store->options.clock);
    bool waiting = false;
    if (log_dir_slots(background->dir, true, &slots, &count) < 0) {
        background->next_reap_ms = now_ms + REAP_RETRY_MS;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (slots[i]->reap_waiting > 0) {
            slots[i]->reap_waiting = log_partition_reap(slots[i]->part, false);
            waiting = waiting || slots[i]->reap_waiting > 0;
        }
    }
    log_slots_release(slots, count);
    background->next_reap_ms = waiting ? now_ms + REAP_RETRY_MS : INT64_MAX;
}

/* ---- deleted topics ---- */

static struct deletion *take_deletion(struct log_background *background, int64_t now_ms)
{
    struct deletion *deletion;
    TAILQ_FOREACH (deletion, &background->deletions, link) {
        if (deletion->due_ms <= now_ms) {
            TAILQ_REMOVE(&background->deletions, deletion, link);
            return deletion;
        }
    }
    return NULL;
}

static void
delete_directory(struct log_background *background, struct deletion *deletion, int64_t now_ms)
{
    struct log_dir *dir = background->dir;
    const struct lt_file_ops *ops = dir->store->options.ops;
    struct leat_error *error = NULL;
    int err = 0;
    if (deletion->path != NULL) {
        ops->crash_point(ops, "delete_begin");
        err = log_data_dir_remove_tree(ops, dir->disk.path, deletion->path, &error);
        ops->crash_point(ops, "delete_end");
    }
    if (err == 0) {
        if (deletion->gone != NULL) {
            deletion->gone(deletion->arg);
        }
        lt_free(deletion->path);
        lt_free(deletion);
        return;
    }
    log_store_event(dir->store, LT_WARN, "delete_failed", "%s", lt_error_message(error));
    lt_error_free(error);
    deletion->due_ms = now_ms + DELETE_RETRY_MS;
    log_wait_lock(&background->wait);
    TAILQ_INSERT_TAIL(&background->deletions, deletion, link);
    log_wait_unlock(&background->wait);
}
