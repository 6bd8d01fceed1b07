/* store_partitions.c: the table of partitions: add, load, remove; what partitions ask of their store.
 *
 * A partition is in the table from log_store_add to log_store_remove. Its record (struct log_slot) lives as long as the
 * partition: the hook `freed` is the last to be called and frees it. */
#include "storage/store_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "storage/background.h"
#include "storage/parallel.h"

/* Directories made, epochs written at a time: each waits for the journal of the file system. */
#define SYNC_THREADS 32

static int place(struct log_store *store,
                 const struct log_partition_options *options,
                 struct log_slot *slot,
                 struct log_open_options *open,
                 struct leat_error **reterr);
static int find_dir(struct log_store *store,
                    const struct log_partition_options *options,
                    struct log_slot *slot,
                    bool *ret_found,
                    struct leat_error **reterr);
static int check_topic_id(struct log_dir *dir,
                          const char *name,
                          const uint8_t topic_id[16],
                          bool *ret_missing,
                          struct leat_error **reterr);
static int bring_up(struct log_slot *slot, struct leat_error **reterr);
static void drop(struct log_slot *slot);

/* ---- hooks of the partitions ---- */

static struct log_slot *slot_of(struct log_env *env)
{
    return (struct log_slot *)(void *)env; /* its first member */
}

static void on_dirty(struct log_env *env, struct log_partition *part)
{
    struct log_slot *slot = slot_of(env);
    LT_ASSERT(slot->part == part);
    log_flusher_queue(slot->dir->flusher, &slot->flush);
}

static void on_moved(struct log_env *env, struct log_partition *part)
{
    LT_ASSERT(slot_of(env)->part == part);
    log_slot_moved(slot_of(env));
}

void log_slot_moved(struct log_slot *slot)
{
    const struct log_listener *listener = &slot->store->options.listener;
    const char *failure = log_partition_failure(slot->part);
    if (failure != NULL && !atomic_exchange(&slot->failure_told, true)) {
        log_store_event(slot->store, LT_ERROR, "partition_offline", "%s", failure);
    }
    (void)pthread_mutex_lock(&slot->listener_mutex);
    if (!slot->removed) {
        listener->moved(slot->part, listener->arg);
    }
    (void)pthread_mutex_unlock(&slot->listener_mutex);
}

struct log_slot *log_slot_of(const struct log_partition *part)
{
    return slot_of(log_partition_env(part));
}

static void
on_event(struct log_env *env, enum lt_diag_level level, const char *event, const char *text)
{
    log_store_event(slot_of(env)->store, level, event, "%s", text);
}

static void slot_free(struct log_slot *slot)
{
    (void)pthread_mutex_destroy(&slot->listener_mutex); /* nobody holds it */
    lt_free(slot);
}

static void on_freed(struct log_env *env)
{
    struct log_slot *slot = slot_of(env);
    struct log_store *store = slot->store;
    (void)pthread_mutex_lock(&store->mutex);
    store->retired_appends += atomic_load(&env->appends);
    store->retired_append_bytes += atomic_load(&env->append_bytes);
    store->retired_cold_reads += atomic_load(&env->cold_reads);
    store->slot_count--;
    (void)pthread_mutex_unlock(&store->mutex);
    slot_free(slot);
}

/* ---- add ---- */

static struct log_slot *slot_new(struct log_store *store,
                                 const struct log_partition_options *options)
{
    size_t name_size = strlen(options->topic) + sizeof("-2147483647");
    struct log_slot *slot = lt_calloc(1, sizeof(*slot) + name_size);
    if (slot == NULL) {
        return NULL;
    }
    (void)snprintf(slot->name, name_size, "%s-%" PRId32, options->topic,
                   options->partition);                    /* sized above */
    (void)pthread_mutex_init(&slot->listener_mutex, NULL); /* a default mutex cannot fail here */
    slot->store = store;
    slot->env.clock = store->options.clock;
    slot->env.unsynced_bytes_max = store->options.unsynced_bytes_max;
    slot->env.producers_max = store->options.producers_max;
    slot->env.dirty = on_dirty;
    slot->env.moved = on_moved;
    slot->env.event = on_event;
    slot->env.freed = on_freed;
    return slot;
}

static int add_no_memory(const struct log_partition_options *options, struct leat_error **reterr)
{
    return lt_error_set(reterr, LEAT_ENOMEM, "%s-%" PRId32 ": %s", options->topic,
                        options->partition, lt_err_text(LEAT_ENOMEM));
}

/* Reserve the name and choose the directory; with the store mutex, so that two of one name cannot both pass. */
static int enter(struct log_slot *slot, bool found, struct leat_error **reterr)
{
    struct log_store *store = slot->store;
    struct log_slot *other = NULL;
    int err = 0;
    (void)pthread_mutex_lock(&store->mutex);
    HASH_FIND_STR(store->slots, slot->name, other);
    if (other != NULL) {
        err = lt_error_set(reterr, LEAT_EEXISTS, "%s: there already", slot->name);
    }
    for (size_t i = 0; err == 0 && !found && i < store->dir_count; i++) {
        struct log_dir *dir = &store->dirs[i];
        if (!atomic_load(&dir->offline) &&
            (slot->dir == NULL || dir->partition_count < slot->dir->partition_count)) {
            slot->dir = dir;
        }
    }
    if (err == 0 && slot->dir == NULL) {
        err = lt_error_set(reterr, LEAT_EFAILED, "%s: no data directory is online", slot->name);
    }
    if (err == 0) {
        size_t before = HASH_COUNT(store->slots);
        HASH_ADD_STR(store->slots, name, slot);
        if (HASH_COUNT(store->slots) == before) {
            err = lt_error_set(reterr, LEAT_ENOMEM, "%s: %s", slot->name, lt_err_text(LEAT_ENOMEM));
        } else {
            slot->dir->partition_count++;
        }
    }
    (void)pthread_mutex_unlock(&store->mutex);
    return err;
}

static void leave(struct log_slot *slot)
{
    struct log_store *store = slot->store;
    (void)pthread_mutex_lock(&store->mutex);
    HASH_DEL(store->slots, slot);
    slot->dir->partition_count--;
    (void)pthread_mutex_unlock(&store->mutex);
}

/* A partition in the table, not yet brought up. */
static int add_slot(struct log_store *store,
                    const struct log_partition_options *options,
                    struct log_slot **ret_slot,
                    struct leat_error **reterr)
{
    LT_ASSERT(options->partition >= 0);
    LT_ASSERT(options->config != NULL);
    char topic[LOG_TOPIC_NAME_MAX + 1];
    int32_t number;
    struct log_slot *slot = slot_new(store, options);
    if (slot == NULL) {
        return add_no_memory(options, reterr);
    }
    if (!log_dir_name_parse(slot->name, topic, &number)) {
        int err = lt_error_set(reterr, LEAT_ENAME, "%s: not a name for a partition", slot->name);
        slot_free(slot);
        return err;
    }
    struct log_open_options open = {.create = true, .log_start = -1};
    int err = place(store, options, slot, &open, reterr);
    if (err < 0) {
        slot_free(slot);
        return err;
    }
    struct log_partition *part;
    err = log_partition_new(&open, &part);
    if (err < 0) {
        leave(slot);
        slot_free(slot);
        return add_no_memory(options, reterr);
    }
    slot->flush.part = part;
    (void)pthread_mutex_lock(&store->mutex);
    slot->part = part; /* from here on others find it in the table */
    store->slot_count++;
    (void)pthread_mutex_unlock(&store->mutex);
    *ret_slot = slot;
    return 0;
}

int log_store_add(struct log_store *store,
                  const struct log_partition_options *options,
                  struct log_partition **ret_part,
                  struct leat_error **reterr)
{
    struct log_partition *part = NULL;
    int err = log_store_add_all(store, options, 1, &part, reterr);
    if (err == 0) {
        *ret_part = part;
    }
    return err;
}

/* What log_store_add_all works on. */
struct adding {
    struct log_slot *slot; /* NULL: not in the table */
    struct leat_error *error;
    int err;
};

static int bring_up_one(size_t i, void *arg)
{
    struct adding *adding = &((struct adding *)arg)[i];
    adding->err = bring_up(adding->slot, &adding->error);
    return adding->err;
}

/* The first error; the partitions that came up. */
static int take_added(struct adding *adding,
                      size_t count,
                      struct log_partition **ret_parts,
                      struct leat_error **reterr)
{
    int err = 0;
    for (size_t i = 0; i < count; i++) {
        if (adding[i].err == 0) {
            ret_parts[i] = log_partition_ref(adding[i].slot->part);
            continue;
        }
        if (adding[i].slot != NULL) {
            drop(adding[i].slot);
        }
        if (err == 0) {
            err = lt_error_set(reterr, adding[i].err, "%s", lt_error_message(adding[i].error));
        }
        lt_error_free(adding[i].error);
    }
    return err;
}

int log_store_add_all(struct log_store *store,
                      const struct log_partition_options *options,
                      size_t count,
                      struct log_partition **ret_parts,
                      struct leat_error **reterr)
{
    for (size_t i = 0; i < count; i++) {
        ret_parts[i] = NULL;
    }
    struct adding *adding = lt_calloc(count + 1, sizeof(*adding));
    if (adding == NULL) {
        return add_no_memory(options, reterr);
    }
    size_t entered = 0;
    int err = 0;
    while (err == 0 && entered < count) {
        err = add_slot(store, &options[entered], &adding[entered].slot, &adding[entered].error);
        adding[entered].err = err;
        entered++;
    }
    if (store->loaded) {
        size_t ready =
            err < 0 ? entered - 1 : entered; /* those before the first that was refused */
        (void)log_parallel(ready, SYNC_THREADS, bring_up_one, adding); /* each has its own err */
    }
    err = take_added(adding, entered, ret_parts, reterr);
    lt_free(adding);
    return err;
}

/* Fill the slot's directory and what the partition must know of it; puts the slot into the table. */
static int place(struct log_store *store,
                 const struct log_partition_options *options,
                 struct log_slot *slot,
                 struct log_open_options *open,
                 struct leat_error **reterr)
{
    bool found = false;
    int err = find_dir(store, options, slot, &found, reterr);
    if (err == 0) {
        err = enter(slot, found, reterr);
    }
    if (err < 0) {
        return err;
    }
    struct log_dir *dir = slot->dir;
    bool internal = strncmp(options->topic, "__", 2) == 0;
    slot->env.ops = log_disk_space_ops(dir->space, internal);
    slot->make_dir = slot->make_dir || !found;
    open->env = &slot->env;
    open->root = dir->disk.path;
    open->topic = options->topic;
    open->partition = options->partition;
    memcpy(open->topic_id, options->topic_id, sizeof(open->topic_id));
    open->leader_epoch = options->leader_epoch;
    open->config = options->config;
    open->create = !found;
    open->clean = found && dir->disk.clean;
    int64_t point =
        log_checkpoint_find(&dir->recovery_points, options->topic, options->partition, 0);
    int64_t start = log_checkpoint_find(&dir->log_starts, options->topic, options->partition, -1);
    if (found && !slot->make_dir) {
        open->recovery_point = point;
        open->log_start = start;
    } else if (!store->loaded && (point > 0 || start > 0)) {
        atomic_store(&dir->stale, true); /* the files speak of a log that is not there */
    }
    return 0;
}

/* A directory of that name: from the listing while the store starts, from the disk later. */
static int find_dir(struct log_store *store,
                    const struct log_partition_options *options,
                    struct log_slot *slot,
                    bool *ret_found,
                    struct leat_error **reterr)
{
    for (size_t i = 0; i < store->dir_count; i++) {
        struct log_dir *dir = &store->dirs[i];
        struct log_dir_entry *entry = log_data_dir_find(&dir->disk, slot->name);
        if (store->loaded) {
            bool missing = false;
            int err = check_topic_id(dir, slot->name, options->topic_id, &missing, reterr);
            if (err == LEAT_ENOENT) {
                continue;
            }
            if (err < 0) {
                return err;
            }
            slot->make_dir = missing;
        } else if (entry == NULL) {
            continue;
        } else if (!dir->disk.clean) {
            /* After a clean stop nothing of a partition is read now: it checks its own id when it is first used. */
            int err = check_topic_id(dir, slot->name, options->topic_id, &slot->make_dir, reterr);
            if (err < 0) {
                return err;
            }
        }
        if (entry != NULL) {
            entry->claimed = true;
        }
        slot->dir = dir;
        *ret_found = true;
        return 0;
    }
    return 0;
}

/* LEAT_ENOENT: no such directory. *ret_missing: it has no partition.metadata (a crash while it was made). */
static int check_topic_id(struct log_dir *dir,
                          const char *name,
                          const uint8_t topic_id[16],
                          bool *ret_missing,
                          struct leat_error **reterr)
{
    struct proto_uuid id;
    struct leat_error *error = NULL;
    int err = log_data_dir_topic_id(&dir->disk, name, &id, &error);
    if (err == LEAT_ENOENT) {
        lt_error_free(error);
        char *path = lt_asprintf("%s/%s", dir->disk.path, name);
        struct stat info;
        bool there = path != NULL && stat(path, &info) == 0;
        lt_free(path);
        *ret_missing = there;
        return there ? 0 : LEAT_ENOENT;
    }
    if (err < 0) {
        (void)lt_error_set(reterr, err, "%s", lt_error_message(error));
        lt_error_free(error);
        return err;
    }
    if (memcmp(id.bytes, topic_id, sizeof(id.bytes)) != 0) {
        char text[PROTO_UUID_TEXT_SIZE];
        return lt_error_set(reterr, LEAT_EMISMATCH, "%s/%s: belongs to another topic (id %s)",
                            dir->disk.path, name, proto_uuid_format(id, text));
    }
    *ret_missing = false;
    return 0;
}

/* Make its directory, recover it, let background work see it. */
static int bring_up(struct log_slot *slot, struct leat_error **reterr)
{
    int err = 0;
    if (slot->make_dir) {
        /* A checkpoint that names an older partition of this name must be gone before there is a new one: its recovery
         * point would promise bytes that the new log does not have. */
        if (slot->store->loaded && atomic_load(&slot->dir->stale)) {
            err = log_dir_write_recovery_points(slot->dir, reterr);
            err = err < 0 ? err : log_dir_write_log_starts(slot->dir, reterr);
        }
        err = err < 0 ? err : log_partition_make_dir(slot->part, reterr);
    }
    if (err == 0 && (slot->make_dir || slot->store->loaded || !slot->dir->disk.clean)) {
        err = log_partition_load(slot->part, reterr);
    }
    if (err == 0) {
        atomic_store(&slot->ready, true);
    }
    return err;
}

/* Take a partition that did not come up out of the table; the partition and the slot go with their last reference. */
static void drop(struct log_slot *slot)
{
    leave(slot);
    log_flusher_forget(slot->dir->flusher, &slot->flush);
    log_partition_unref(slot->part);
}

/* ---- load ---- */

static int load_slot(size_t i, void *arg)
{
    struct log_slot *slot = ((struct log_slot **)arg)[i];
    struct leat_error *error = NULL;
    int err = bring_up(slot, &error);
    if (err < 0) {
        log_partition_fail(
            slot->part,
            lt_error_message(error)); /* offline, with its reason; the first one stays */
        atomic_store(&slot->ready, true);
    }
    lt_error_free(error);
    return err;
}

/* All slots that have something to do; while the store loads nobody adds. */
static size_t collect_unloaded(struct log_store *store, struct log_slot **slots)
{
    size_t count = 0;
    for (struct log_slot *slot = store->slots; slot != NULL; slot = slot->hh.next) {
        if (slot->make_dir || !slot->dir->disk.clean) {
            slots[count++] = slot;
        } else {
            atomic_store(&slot->ready, true);
        }
    }
    return count;
}

/* Directories that nobody claimed: told, counted, left alone. A -delete directory that is empty had lost its name file
 * to a crash in the middle of its removal: nothing is in it, it goes. */
static void report_strays(struct log_store *store)
{
    for (size_t i = 0; i < store->dir_count; i++) {
        struct log_data_dir *disk = &store->dirs[i].disk;
        for (size_t j = 0; j < disk->entry_count; j++) {
            const struct log_dir_entry *entry = &disk->entries[j];
            if (entry->claimed) {
                continue;
            }
            if (entry->deleting) {
                char *path = lt_asprintf("%s/%s", disk->path, entry->name);
                bool gone = path != NULL && disk->ops->rmdir(disk->ops, path) == 0;
                lt_free(path);
                if (gone) {
                    continue;
                }
            }
            store->stray_count++;
            store->dirs[i].stray_count++;
            log_store_event(
                store, LT_WARN, "stray_directory",
                "%s/%s: belongs to no topic of this server; it is left alone and not served",
                disk->path, entry->name);
        }
    }
}

int log_store_load(struct log_store *store, struct leat_error **reterr)
{
    LT_ASSERT(!store->loaded);
    size_t total = HASH_COUNT(store->slots);
    struct log_slot **slots = lt_reallocarray(NULL, total + 1, sizeof(slots[0]));
    if (slots == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "loading: %s", lt_err_text(LEAT_ENOMEM));
    }
    int err = 0;
    for (size_t i = 0; err == 0 && i < store->dir_count; i++) {
        if (atomic_load(&store->dirs[i].stale)) {
            err = log_dir_write_recovery_points(&store->dirs[i], reterr);
            err = err < 0 ? err : log_dir_write_log_starts(&store->dirs[i], reterr);
        }
    }
    for (size_t i = 0; err == 0 && i < store->dir_count; i++) {
        struct log_data_dir *disk = &store->dirs[i].disk;
        if (!disk->clean && disk->ops->fsync_dir(disk->ops, disk->path) != 0) {
            /* Directories that the killed process made: what is in them may be promised from now on. */
            err = lt_error_set_errno(reterr, LEAT_EIO, errno, "%s", disk->path);
        }
    }
    if (err == 0) {
        size_t count = collect_unloaded(store, slots);
        (void)log_parallel(count, store->options.recovery_threads, load_slot,
                           slots); /* each tells its own failure */
        report_strays(store);
        store->loaded = true;
    }
    lt_free(slots);
    return err;
}

bool log_partition_needs_epoch(const struct log_partition *part)
{
    return log_partition_was_cut(part);
}

size_t log_store_stray_count(const struct log_store *store)
{
    return store->stray_count;
}

static int raise_one(size_t i, void *arg)
{
    struct log_epoch_raise *raise = &((struct log_epoch_raise *)arg)[i];
    raise->err = log_partition_set_leader_epoch(raise->part, raise->leader_epoch);
    return raise->err;
}

void log_store_raise_epochs(struct log_epoch_raise *raises, size_t count)
{
    (void)log_parallel(count, SYNC_THREADS, raise_one, raises); /* each has its own err */
}

/* ---- remove ---- */

int log_store_remove(struct log_store *store,
                     struct log_partition *part,
                     void (*gone)(void *arg),
                     void *arg)
{
    struct log_slot *slot = log_slot_of(part);
    LT_ASSERT(slot->store == store && slot->part == part);
    struct log_dir *dir = slot->dir;
    struct log_config config;
    log_partition_config(part, &config);
    char *path = NULL;
    store->options.ops->crash_point(store->options.ops, "remove_begin");
    int err = log_partition_mark_deleted(part, &path);
    store->options.ops->crash_point(store->options.ops, "remove_renamed");
    log_flusher_forget(dir->flusher, &slot->flush);
    leave(slot);
    atomic_store(&dir->stale,
                 true); /* after it left the table: a writer of checkpoints clears it first */
    if (err == 0) {
        int64_t delay_ms = path != NULL ? config.file_delete_delay_ms : 0;
        err = log_background_delete(dir->background, path, delay_ms, gone, arg);
        path = err == 0 ? NULL : path;
    } else {
        /* The directory keeps its name; the next start removes it (log_store_remove_topic_id). */
        log_store_event(store, LT_WARN, "delete_failed", "%s: %s", slot->name, lt_err_text(err));
    }
    lt_free(path);
    log_slot_moved(slot);
    (void)pthread_mutex_lock(&slot->listener_mutex);
    slot->removed = true; /* background work may still have a reference */
    (void)pthread_mutex_unlock(&slot->listener_mutex);
    store->options.listener.round(store->options.listener.arg);
    log_partition_unref(slot->part);
    return err;
}

/* Out of the way at once, so that a new topic may have the name. */
static int rename_deleted(struct log_dir *dir, struct log_dir_entry *entry, char **ret_path)
{
    const struct lt_file_ops *ops = dir->disk.ops;
    char *from = lt_asprintf("%s/%s", dir->disk.path, entry->name);
    if (from == NULL) {
        return LEAT_ENOMEM;
    }
    if (entry->deleting) {
        *ret_path = from;
        return 0;
    }
    char *to = NULL;
    int err = log_dir_delete_path(dir->disk.path, entry->name, &to);
    if (err == 0) {
        err = ops->rename(ops, from, to);
    }
    lt_free(from);
    if (err != 0) {
        lt_free(to);
        return err;
    }
    *ret_path = to;
    return 0;
}

int log_store_remove_topic_id(struct log_store *store,
                              const uint8_t topic_id[16],
                              const char *topic,
                              void (*gone)(void *arg),
                              void *arg)
{
    int left = 0;
    for (size_t i = 0; i < store->dir_count; i++) {
        struct log_dir *dir = &store->dirs[i];
        for (size_t j = 0; j < dir->disk.entry_count; j++) {
            struct log_dir_entry *entry = &dir->disk.entries[j];
            struct proto_uuid id;
            if (entry->claimed || (!entry->deleting && strcmp(entry->topic, topic) != 0) ||
                log_data_dir_topic_id(&dir->disk, entry->name, &id, NULL) < 0 ||
                memcmp(id.bytes, topic_id, sizeof(id.bytes)) != 0) {
                continue;
            }
            char *path = NULL;
            int err = rename_deleted(dir, entry, &path);
            if (err == 0) {
                err = log_background_delete(dir->background, path, 0, gone, arg);
            }
            if (err < 0) {
                lt_free(path);
                return err;
            }
            entry->claimed = true;
            atomic_store(&dir->stale, true);
            left++;
        }
    }
    return left;
}

/* ---- DeleteRecords ---- */

/* Make the new starts durable, directory by directory. */
static void write_log_starts(struct log_store *store, struct log_deletion *deletions, size_t count)
{
    for (size_t d = 0; d < store->dir_count; d++) {
        struct log_dir *dir = &store->dirs[d];
        int err = 1; /* not written yet */
        for (size_t i = 0; i < count; i++) {
            struct log_deletion *deletion = &deletions[i];
            if (deletion->err != 0 || log_slot_of(deletion->part)->dir != dir) {
                continue;
            }
            if (err > 0) {
                err = log_dir_write_log_starts(dir, NULL);
            }
            deletion->err = err;
        }
        if (err == 0) {
            log_background_wake(dir->background, LOG_WORK_RETENTION);
        }
    }
}

void log_store_delete_records(struct log_store *store, struct log_deletion *deletions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        deletions[i].err = log_partition_raise_log_start(deletions[i].part, deletions[i].offset,
                                                         &deletions[i].log_start);
    }
    write_log_starts(store, deletions, count);
    for (size_t i = 0; i < count; i++) {
        if (deletions[i].err == 0) {
            log_slot_moved(log_slot_of(deletions[i].part));
        }
    }
    store->options.listener.round(store->options.listener.arg);
}

int log_partition_delete_records(struct log_partition *part, int64_t offset, int64_t *ret_log_start)
{
    struct log_deletion deletion = {.part = part, .offset = offset};
    log_store_delete_records(log_slot_of(part)->store, &deletion, 1);
    if (deletion.err == 0) {
        *ret_log_start = deletion.log_start;
    }
    return deletion.err;
}

/* ---- for the background thread ---- */

int log_dir_slots(struct log_dir *dir,
                  bool ready_only,
                  struct log_slot ***ret_slots,
                  size_t *ret_count)
{
    struct log_store *store = dir->store;
    (void)pthread_mutex_lock(&store->mutex);
    struct log_slot **slots = lt_reallocarray(NULL, dir->partition_count + 1, sizeof(slots[0]));
    size_t count = 0;
    if (slots != NULL) {
        for (struct log_slot *slot = store->slots; slot != NULL; slot = slot->hh.next) {
            if (slot->dir == dir && slot->part != NULL &&
                (!ready_only || atomic_load(&slot->ready))) {
                (void)log_partition_ref(slot->part); /* returned by log_slots_release */
                slots[count++] = slot;
            }
        }
    }
    (void)pthread_mutex_unlock(&store->mutex);
    if (slots == NULL) {
        return LEAT_ENOMEM;
    }
    *ret_slots = slots;
    *ret_count = count;
    return 0;
}

void log_slots_release(struct log_slot **slots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        log_partition_unref(slots[i]->part);
    }
    lt_free(slots);
}
