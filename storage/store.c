/* store.c: the life of a store: open, start, close; its numbers.
 *
 * Open, for each entry of log.dirs: lock, listing, identity; then, when all are known to belong together: identity of
 * new ones, clean markers away, checkpoints, reserve. Nothing is changed in a directory before all of them were accepted.
 * Close: threads end, partitions flush and close, checkpoint files, then the clean marker, then the locks. */
#include "storage/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "storage/background.h"
#include "storage/parallel.h"
#include "storage/store_impl.h"

#define RECOVERY_POINT_NAME "recovery-point-offset-checkpoint"
#define LOG_START_NAME "log-start-offset-checkpoint"
#define CHECKPOINT_FLUSHED_BYTES ((uint64_t)256 << 20)

static int open_dirs(struct log_store *store,
                     const struct log_store_options *options,
                     struct leat_error **reterr);
static int check_together(struct log_store *store,
                          char cluster_id[PROTO_UUID_TEXT_SIZE],
                          struct leat_error **reterr);
static int prepare_dir(struct log_dir *dir, const char *cluster_id, struct leat_error **reterr);
static int read_checkpoint(struct log_dir *dir,
                           const char *name,
                           struct log_checkpoint *ret,
                           struct leat_error **reterr);
static void free_store(struct log_store *store);

static void no_moved(struct log_partition *part, void *arg)
{
    (void)part;
    (void)arg;
}

static void no_round(void *arg)
{
    (void)arg;
}

static void no_event(enum lt_diag_level level, const char *event, const char *text, void *arg)
{
    (void)level;
    (void)event;
    (void)text;
    (void)arg;
}

void log_store_options_init(struct log_store_options *options)
{
    *options = (struct log_store_options){
        .node_id = 1,
        .ops = lt_file_ops_real(),
        .clock = lt_clock_real(),
        .flush_threads = 1,
        .reader_threads = 2,
        .recovery_threads = 16, /* they wait for the disk more than they work */
        .unsynced_bytes_max = (uint64_t)64 << 20,
        .producers_max = 100000,
        .reserve_bytes = (uint64_t)16 << 20,
        .maps_max = 0,
        .checkpoint_interval_ms = 60000,
        .retention_check_interval_ms = 300000,
        .listener = {no_moved, no_round, NULL},
        .event = no_event,
    };
}

void log_store_event(
    struct log_store *store, enum lt_diag_level level, const char *event, const char *fmt, ...)
{
    char short_text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(short_text, sizeof(short_text), fmt,
                    args); /* cut where it is longer: a line for people */
    va_end(args);
    store->options.event(level, event, short_text, store->options.event_arg);
}

/* ---- open ---- */

int log_store_open(const struct log_store_options *options,
                   struct log_store **ret_store,
                   struct leat_error **reterr)
{
    LT_ASSERT(options->dir_count >= 1);
    LT_ASSERT(options->flush_threads >= 1 && options->reader_threads >= 1 &&
              options->recovery_threads >= 1);
    struct log_store *store = lt_calloc(1, sizeof(*store));
    struct log_dir *dirs = lt_calloc(options->dir_count, sizeof(*dirs));
    if (store == NULL || dirs == NULL || pthread_mutex_init(&store->mutex, NULL) != 0) {
        lt_free(dirs);
        lt_free(store);
        return lt_error_set(reterr, LEAT_ENOMEM, "store: %s", lt_err_text(LEAT_ENOMEM));
    }
    store->options = *options;
    store->options.dirs = NULL;
    store->dirs = dirs;
    char cluster_id[PROTO_UUID_TEXT_SIZE];
    int err = open_dirs(store, options, reterr);
    if (err == 0) {
        err = check_together(store, cluster_id, reterr);
    }
    for (size_t i = 0; err == 0 && i < store->dir_count; i++) {
        err = prepare_dir(&store->dirs[i], cluster_id, reterr);
    }
    if (err < 0) {
        free_store(store);
        return err;
    }
    *ret_store = store;
    return 0;
}

static void on_flush_moved(struct log_partition *part, void *arg)
{
    (void)arg;
    log_slot_moved(log_slot_of(part));
}

static void on_flush_round(uint64_t bytes, void *arg)
{
    struct log_dir *dir = arg;
    dir->store->options.listener.round(dir->store->options.listener.arg);
    uint64_t before = atomic_fetch_add(&dir->flushed_bytes, bytes);
    if (before < CHECKPOINT_FLUSHED_BYTES && before + bytes >= CHECKPOINT_FLUSHED_BYTES) {
        log_background_wake(dir->background, LOG_WORK_CHECKPOINT);
    }
}

static void on_space_low(void *arg)
{
    struct log_dir *dir = arg;
    log_background_wake(dir->background, LOG_WORK_SPACE);
}

static int open_dirs(struct log_store *store,
                     const struct log_store_options *options,
                     struct leat_error **reterr)
{
    for (size_t i = 0; i < options->dir_count; i++) {
        struct log_dir *dir = &store->dirs[i];
        int err =
            log_data_dir_open(options->ops, options->dirs[i], options->node_id, &dir->disk, reterr);
        if (err < 0) {
            return err;
        }
        store->dir_count++;
        dir->store = store;
        int failed = pthread_mutex_init(&dir->checkpoint_mutex, NULL);
        LT_ASSERT(failed == 0);
        struct log_flusher_options flusher = {options->clock, options->flush_threads,
                                              on_flush_moved, on_flush_round, dir};
        err = log_flusher_new(&flusher, &dir->flusher);
        if (err == 0) {
            err = log_background_new(dir, &dir->background);
        }
        if (err == 0) {
            err = log_disk_space_new(options->ops, dir->disk.path, options->reserve_bytes,
                                     on_space_low, dir, &dir->space);
        }
        if (err < 0) {
            return lt_error_set(reterr, err, "%s: %s", options->dirs[i], lt_err_text(err));
        }
    }
    return 0;
}

/* One partition must not lie in two entries: nobody could tell which one is right. */
static int check_no_twins(struct log_store *store, struct leat_error **reterr)
{
    for (size_t i = 0; i < store->dir_count; i++) {
        struct log_data_dir *disk = &store->dirs[i].disk;
        for (size_t j = 0; j < disk->entry_count; j++) {
            for (size_t k = i + 1; !disk->entries[j].deleting && k < store->dir_count; k++) {
                if (log_data_dir_find(&store->dirs[k].disk, disk->entries[j].name) != NULL) {
                    return lt_error_set(
                        reterr, LEAT_EMISMATCH, "%s lies in %s and in %s: take one of them away",
                        disk->entries[j].name, disk->path, store->dirs[k].disk.path);
                }
            }
        }
    }
    return 0;
}

static int check_together(struct log_store *store,
                          char cluster_id[PROTO_UUID_TEXT_SIZE],
                          struct leat_error **reterr)
{
    const struct log_data_dir *first = NULL;
    for (size_t i = 0; i < store->dir_count; i++) {
        const struct log_data_dir *disk = &store->dirs[i].disk;
        if (disk->fresh) {
            continue;
        }
        first = first == NULL ? disk : first;
        if (strcmp(disk->cluster_id, first->cluster_id) != 0) {
            return lt_error_set(reterr, LEAT_EMISMATCH,
                                "%s belongs to cluster %s, %s to cluster %s", first->path,
                                first->cluster_id, disk->path, disk->cluster_id);
        }
        if (disk != first && disk->directory_id[0] != '\0' &&
            strcmp(disk->directory_id, first->directory_id) == 0) {
            return lt_error_set(reterr, LEAT_EMISMATCH,
                                "%s and %s have one directory.id: is one a copy of the other?",
                                first->path, disk->path);
        }
    }
    if (first != NULL) {
        memcpy(cluster_id, first->cluster_id, PROTO_UUID_TEXT_SIZE);
    } else {
        struct proto_uuid id;
        int err = proto_uuid_random(&id);
        if (err < 0) {
            return lt_error_set(reterr, err, "no random bytes for the cluster's id");
        }
        (void)proto_uuid_format(id, cluster_id);
    }
    return check_no_twins(store, reterr);
}

static int prepare_dir(struct log_dir *dir, const char *cluster_id, struct leat_error **reterr)
{
    int err = 0;
    if (dir->disk.fresh || dir->disk.directory_id[0] == '\0') {
        err = log_data_dir_identify(&dir->disk, cluster_id, dir->store->options.node_id, reterr);
    }
    if (err == 0) {
        err = read_checkpoint(dir, RECOVERY_POINT_NAME, &dir->recovery_points, reterr);
    }
    if (err == 0) {
        err = read_checkpoint(dir, LOG_START_NAME, &dir->log_starts, reterr);
    }
    if (err == 0) {
        err = log_data_dir_remove_marker(&dir->disk, reterr);
    }
    if (err == 0 && dir->disk.fresh) {
        dir->disk.clean = true; /* nothing is in it that could be torn */
    }
    if (err < 0) {
        return err;
    }
    struct leat_error *error = NULL;
    err = log_disk_space_reserve(dir->space, &error);
    if (err < 0) {
        log_store_event(dir->store, LT_WARN, "disk_reserve", "%s: goes on without",
                        lt_error_message(error));
        log_background_wake(dir->background, LOG_WORK_SPACE);
    }
    lt_error_free(error);
    return 0;
}

/* A damaged file is told and then ignored: the log itself is read instead. */
static int read_checkpoint(struct log_dir *dir,
                           const char *name,
                           struct log_checkpoint *ret,
                           struct leat_error **reterr)
{
    char *path = lt_asprintf("%s/%s", dir->disk.path, name);
    if (path == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "%s: %s", dir->disk.path,
                            lt_err_text(LEAT_ENOMEM));
    }
    struct stat info;
    if (stat(path, &info) == 0) {
        int64_t written_ms = (int64_t)info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000;
        if (written_ms > atomic_load(&dir->checkpoint_wall_ms)) {
            atomic_store(&dir->checkpoint_wall_ms, written_ms);
        }
    }
    struct leat_error *error = NULL;
    int err = log_checkpoint_read(dir->disk.ops, path, ret, &error);
    if (err == LEAT_ECORRUPT) {
        log_store_event(dir->store, LT_WARN, "checkpoint_damaged", "%s: rebuilt from the log",
                        lt_error_message(error));
    }
    if (err == LEAT_ENOENT || err == LEAT_ECORRUPT) {
        err = 0;
    } else if (err < 0) {
        (void)lt_error_set(reterr, err, "%s", lt_error_message(error));
    }
    lt_error_free(error);
    lt_free(path);
    return err;
}

/* ---- start ---- */

int log_store_start(struct log_store *store, struct leat_error **reterr)
{
    LT_ASSERT(store->loaded && !store->started);
    int err = log_reader_new(store->options.reader_threads, &store->reader);
    for (size_t i = 0; err == 0 && i < store->dir_count; i++) {
        struct log_dir *dir = &store->dirs[i];
        err = log_flusher_start(dir->flusher);
        if (err == 0) {
            err = log_background_start(dir->background);
        }
        if (err == 0 && !dir->disk.clean) {
            log_background_wake(dir->background,
                                LOG_WORK_CHECKPOINT); /* what was recovered is not read twice */
        }
    }
    if (err < 0) {
        return lt_error_set(reterr, err, "storage threads cannot be started");
    }
    store->started = true;
    return 0;
}

int log_store_run(struct log_store *store, void (*fn)(void *arg), void *arg)
{
    LT_ASSERT(store->started);
    return log_reader_post(store->reader, fn, arg);
}

void log_store_tick(struct log_store *store)
{
    for (size_t i = 0; i < store->dir_count; i++) {
        log_background_tick(store->dirs[i].background);
    }
}

/* ---- checkpoint files ---- */

/* Entries of directories that are not served: they stay for whoever serves them one day. */
static int
carry_over(struct log_dir *dir, const struct log_checkpoint *old, struct log_checkpoint *ret)
{
    for (size_t i = 0; i < old->count; i++) {
        char name[LOG_DIR_NAME_SIZE];
        int size = snprintf(name, sizeof(name), "%s-%d", old->entries[i].topic,
                            (int)old->entries[i].partition);
        if (size < 0 || (size_t)size >= sizeof(name)) {
            continue; /* no directory can have that name */
        }
        const struct log_dir_entry *entry = log_data_dir_find(&dir->disk, name);
        if (entry == NULL || entry->claimed) {
            continue;
        }
        int err = log_checkpoint_add(ret, old->entries[i].topic, old->entries[i].partition,
                                     old->entries[i].offset);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

static int write_checkpoint(struct log_dir *dir,
                            const char *name,
                            const struct log_checkpoint *old,
                            int64_t (*value_of)(const struct log_partition *part),
                            struct leat_error **reterr)
{
    struct log_checkpoint checkpoint;
    log_checkpoint_init(&checkpoint);
    struct log_slot **slots = NULL;
    size_t count = 0;
    char *path = lt_asprintf("%s/%s", dir->disk.path, name);
    int err = path == NULL ? LEAT_ENOMEM : log_dir_slots(dir, false, &slots, &count);
    for (size_t i = 0; err == 0 && i < count; i++) {
        int64_t value = value_of(slots[i]->part);
        if (value > 0) { /* 0 is what a missing entry means */
            const struct log_partition *part = slots[i]->part;
            err = log_checkpoint_add(&checkpoint, log_partition_topic(part),
                                     log_partition_number(part), value);
        }
    }
    log_slots_release(slots, count);
    if (err == 0) {
        err = carry_over(dir, old, &checkpoint);
    }
    if (err < 0) {
        (void)lt_error_set(reterr, err, "%s: %s", dir->disk.path, lt_err_text(err));
    } else {
        err = log_checkpoint_write(dir->store->options.ops, path, &checkpoint, reterr);
    }
    log_checkpoint_release(&checkpoint);
    lt_free(path);
    return err;
}

/* With the checkpoint mutex given back: a full disk passes, short memory too, anything else is the directory's end. */
static int
judge_write(struct log_dir *dir, int err, struct leat_error *error, struct leat_error **reterr)
{
    if (err == 0) {
        atomic_store(&dir->checkpoint_wall_ms, lt_clock_wall_ms(dir->store->options.clock));
        return 0;
    }
    if (err == LEAT_ENOSPACE) {
        log_disk_space_note_low(dir->space);
    } else if (err != LEAT_ENOMEM) {
        log_dir_fail(dir, lt_error_message(error));
    }
    (void)lt_error_set(reterr, err, "%s", lt_error_message(error));
    lt_error_free(error);
    return err;
}

int log_dir_write_recovery_points(struct log_dir *dir, struct leat_error **reterr)
{
    struct leat_error *error = NULL;
    (void)pthread_mutex_lock(&dir->checkpoint_mutex);
    atomic_store(&dir->stale,
                 false); /* whoever makes it stale from now on does so after what is read here */
    int err = write_checkpoint(dir, RECOVERY_POINT_NAME, &dir->recovery_points,
                               log_partition_recovery_point, &error);
    if (err < 0) {
        atomic_store(&dir->stale, true);
    }
    (void)pthread_mutex_unlock(&dir->checkpoint_mutex);
    return judge_write(dir, err, error, reterr);
}

int log_dir_write_log_starts(struct log_dir *dir, struct leat_error **reterr)
{
    struct leat_error *error = NULL;
    (void)pthread_mutex_lock(&dir->checkpoint_mutex);
    int err =
        write_checkpoint(dir, LOG_START_NAME, &dir->log_starts, log_partition_log_start, &error);
    (void)pthread_mutex_unlock(&dir->checkpoint_mutex);
    return judge_write(dir, err, error, reterr);
}

void log_dir_fail(struct log_dir *dir, const char *why)
{
    if (atomic_exchange(&dir->offline, true)) {
        return;
    }
    log_store_event(dir->store, LT_ERROR, "directory_offline", "%s is offline: %s", dir->disk.path,
                    why);
    struct log_slot **slots;
    size_t count;
    if (log_dir_slots(dir, false, &slots, &count) < 0) {
        return; /* their next write or flush fails by itself */
    }
    for (size_t i = 0; i < count; i++) {
        log_partition_fail(slots[i]->part, why);
    }
    log_slots_release(slots, count);
    dir->store->options.listener.round(dir->store->options.listener.arg);
}

/* ---- what others ask ---- */

const char *log_store_cluster_id(const struct log_store *store)
{
    return store->dirs[0].disk.cluster_id;
}

const char *log_store_directory_id(const struct log_store *store, size_t dir)
{
    LT_ASSERT(dir < store->dir_count);
    return store->dirs[dir].disk.directory_id;
}

bool log_store_clean(const struct log_store *store)
{
    for (size_t i = 0; i < store->dir_count; i++) {
        if (!store->dirs[i].disk.clean) {
            return false;
        }
    }
    return true;
}

size_t log_store_dir_count(const struct log_store *store)
{
    return store->dir_count;
}

void log_store_dir_info(struct log_store *store, size_t index, struct log_dir_info *ret)
{
    LT_ASSERT(index < store->dir_count);
    struct log_dir *dir = &store->dirs[index];
    *ret = (struct log_dir_info){.path = dir->disk.path,
                                 .offline = atomic_load(&dir->offline),
                                 .full = log_disk_space_low(dir->space),
                                 .time_paused = atomic_load(&dir->wall_doubted)};
    struct statvfs info;
    if (statvfs(dir->disk.path, &info) == 0) {
        ret->total_bytes = (uint64_t)info.f_blocks * info.f_frsize;
        ret->usable_bytes = (uint64_t)info.f_bavail * info.f_frsize;
    }
    (void)pthread_mutex_lock(&store->mutex);
    ret->partition_count = dir->partition_count;
    (void)pthread_mutex_unlock(&store->mutex);
}

static void add_flush_stats(struct log_store *store, struct log_store_stats *ret)
{
    _Static_assert(sizeof(ret->flush_bucket) / sizeof(ret->flush_bucket[0]) == LOG_FLUSH_BUCKETS,
                   "same buckets");
    for (size_t i = 0; i < store->dir_count; i++) {
        struct log_flush_stats flush;
        log_flusher_stats(store->dirs[i].flusher, &flush);
        ret->flushes += flush.flushes;
        ret->flush_failures += flush.failures;
        ret->flush_bytes += flush.bytes;
        ret->flush_ns += flush.ns;
        for (size_t j = 0; j < LOG_FLUSH_BUCKETS; j++) {
            ret->flush_bucket[j] += flush.bucket[j];
        }
    }
}

void log_store_stats(struct log_store *store, struct log_store_stats *ret)
{
    memset(ret, 0, sizeof(*ret));
    add_flush_stats(store, ret);
    (void)pthread_mutex_lock(&store->mutex);
    ret->appends = store->retired_appends;
    ret->append_bytes = store->retired_append_bytes;
    ret->cold_reads = store->retired_cold_reads;
    for (struct log_slot *slot = store->slots; slot != NULL; slot = slot->hh.next) {
        if (!atomic_load(&slot->ready)) {
            continue;
        }
        size_t segments = 0;
        size_t maps = 0;
        log_partition_count(slot->part, &segments, &maps);
        ret->segments += segments;
        ret->maps += maps;
        ret->partitions++;
        ret->partitions_offline += log_partition_failure(slot->part) != NULL;
        ret->appends += atomic_load_explicit(&slot->env.appends, memory_order_relaxed);
        ret->append_bytes += atomic_load_explicit(&slot->env.append_bytes, memory_order_relaxed);
        ret->cold_reads += atomic_load_explicit(&slot->env.cold_reads, memory_order_relaxed);
    }
    (void)pthread_mutex_unlock(&store->mutex);
}

/* ---- close ---- */

static int close_clean(size_t i, void *arg)
{
    struct log_slot *slot = ((struct log_slot **)arg)[i];
    int err = log_partition_close(slot->part, true);
    if (err < 0) {
        atomic_store(&slot->dir->close_failed, true);
    }
    return err;
}

static int close_unclean(size_t i, void *arg)
{
    struct log_slot *slot = ((struct log_slot **)arg)[i];
    return log_partition_close(slot->part, false);
}

void log_store_halt(struct log_store *store)
{
    for (size_t i = 0; i < store->dir_count; i++) {
        struct log_dir *dir = &store->dirs[i];
        if (dir->background != NULL) {
            log_background_stop(dir->background);
        }
        if (dir->flusher != NULL) {
            log_flusher_stop(dir->flusher);
        }
    }
    log_reader_free(store->reader);
    store->reader = NULL;
}

/* Checkpoints and the marker of one directory whose partitions are closed. */
static int finish_dir(struct log_dir *dir, struct leat_error **reterr)
{
    if (atomic_load(&dir->offline)) {
        return lt_error_set(reterr, LEAT_EFAILED, "%s: was offline, so this was no clean stop",
                            dir->disk.path);
    }
    if (!dir->store->loaded) {
        return dir->disk.clean ? log_data_dir_write_marker(&dir->disk, reterr) : 0;
    }
    int err = log_dir_write_recovery_points(dir, reterr);
    if (err == 0) {
        err = log_dir_write_log_starts(dir, reterr);
    }
    if (err < 0) {
        return err;
    }
    if (atomic_load(&dir->close_failed)) {
        return lt_error_set(reterr, LEAT_EFAILED, "%s: not all partitions could be closed",
                            dir->disk.path);
    }
    if (!dir->disk.clean && dir->stray_count > 0) {
        return 0; /* the marker would also vouch for strays, which nobody has recovered */
    }
    return log_data_dir_write_marker(&dir->disk, reterr);
}

/* Slots of all directories into one list; returns how many. The caller is the only thread left. */
static size_t collect_all(struct log_store *store, struct log_slot **slots)
{
    size_t count = 0;
    for (struct log_slot *slot = store->slots; slot != NULL; slot = slot->hh.next) {
        slots[count++] = slot;
    }
    return count;
}

int log_store_close(struct log_store *store, bool clean, struct leat_error **reterr)
{
    if (store == NULL) {
        return 0;
    }
    log_store_halt(store);
    int result = 0;
    struct log_slot **slots = lt_reallocarray(NULL, HASH_COUNT(store->slots) + 1, sizeof(slots[0]));
    if (slots == NULL) {
        clean = false;
        result = lt_error_set(reterr, LEAT_ENOMEM, "close: %s", lt_err_text(LEAT_ENOMEM));
    } else if (store->loaded) {
        size_t count = collect_all(store, slots);
        int threads = clean ? store->options.recovery_threads : 1;
        (void)log_parallel(count, threads, clean ? close_clean : close_unclean,
                           slots); /* close_failed tells */
    }
    lt_free(slots);
    for (size_t i = 0; clean && i < store->dir_count; i++) {
        struct leat_error *error = NULL;
        int err = finish_dir(&store->dirs[i], &error);
        if (err < 0 && result == 0) {
            result = lt_error_set(reterr, err, "%s", lt_error_message(error));
        }
        lt_error_free(error);
    }
    free_store(store);
    return result;
}

static void free_store(struct log_store *store)
{
    struct log_slot *slot = store->slots;
    while (slot != NULL) {
        struct log_slot *next = slot->hh.next;
        struct log_partition *part = slot->part;
        HASH_DEL(store->slots, slot);
        log_flusher_forget(slot->dir->flusher, &slot->flush);
        log_partition_unref(part); /* the last reference: its `freed` hook frees the slot */
        slot = next;
    }
    LT_ASSERT(store->slot_count == 0); /* all references were returned */
    for (size_t i = 0; i < store->dir_count; i++) {
        struct log_dir *dir = &store->dirs[i];
        log_flusher_free(dir->flusher);
        log_background_free(dir->background);
        log_disk_space_free(dir->space);
        log_checkpoint_release(&dir->recovery_points);
        log_checkpoint_release(&dir->log_starts);
        (void)pthread_mutex_destroy(&dir->checkpoint_mutex); /* nobody holds it */
        log_data_dir_release(&dir->disk);
    }
    (void)pthread_mutex_destroy(&store->mutex); /* nobody holds it */
    lt_free(store->dirs);
    lt_free(store);
}
