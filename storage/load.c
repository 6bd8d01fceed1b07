/* Opening a partition: what is in its directory, where the log ends.
 *
 * After a clean stop sizes are trusted: the directory is listed, the last index entry of the last segment is read and the
 * few batches behind it are walked. Otherwise recovery.c walks everything above the recovery point. Other segments are
 * known by name and size alone and open when somebody reads them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "proto/uuid.h"
#include "storage/meta_properties.h"
#include "storage/partition_private.h"

#define NAME_DIGITS 20
#define METADATA_SIZE_MAX 4096
#define PRODUCER_FILES_MAX 8 /* there is one, or two after a crash; others are left alone */

struct listed {
    int64_t base_offset;
    uint64_t size;    /* bytes of the .log file */
    int64_t mtime_ms; /* of the .log file */
};

struct listing {
    struct listed *files; /* sorted by base offset */
    size_t count;
    size_t capacity;
    bool exists;                           /* the directory does */
    int64_t producers[PRODUCER_FILES_MAX]; /* offsets of .producers files, in no order */
    size_t producer_count;
    struct log_config config;
};

static int
list_directory(struct log_partition *part, struct listing *listing, struct leat_error **reterr);
static int load_epochs(struct log_partition *part,
                       bool has_batches,
                       bool *ret_rebuild,
                       struct leat_error **reterr);
static int open_segments(struct log_partition *part,
                         const struct listing *listing,
                         bool rebuild_epochs,
                         struct leat_error **reterr);

/* ---- the directory ---- */

static bool has_topic_id(const struct log_partition *part)
{
    static const uint8_t none[16];
    return memcmp(part->topic_id, none, sizeof(none)) != 0;
}

static int write_metadata(struct log_partition *part)
{
    char path[LOG_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/partition.metadata", part->dir);
    struct stat st;
    if (!has_topic_id(part) || (stat(path, &st) == 0 && st.st_size > 0)) {
        return 0;
    }
    struct proto_uuid id;
    memcpy(id.bytes, part->topic_id, sizeof(id.bytes));
    struct lt_buf text;
    lt_buf_init(&text);
    int err = log_partition_metadata_format(id, &text);
    if (err == 0) {
        err = lt_file_replace(part->env->ops, path, lt_buf_slice(&text));
    }
    lt_buf_release(&text);
    return err;
}

/* The directory may be that of an older topic of this name, whose removal failed. */
static int check_metadata(struct log_partition *part, struct leat_error **reterr)
{
    char path[LOG_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/partition.metadata", part->dir);
    struct lt_buf text;
    struct proto_uuid id;
    lt_buf_init(&text);
    int err = lt_file_read(part->env->ops, path, METADATA_SIZE_MAX, &text);
    if (err == LEAT_ENOENT) {
        err = 0; /* a crash while it was made */
    } else if (err != 0) {
        (void)lt_error_set_errno(reterr, err, errno, "%s", path);
    } else {
        err = log_partition_metadata_parse(lt_buf_slice(&text), path, &id, reterr);
        if (err == 0 && memcmp(id.bytes, part->topic_id, sizeof(id.bytes)) != 0) {
            char uuid[PROTO_UUID_TEXT_SIZE];
            err = lt_error_set(reterr, LEAT_EMISMATCH, "%s: belongs to another topic (id %s)",
                               part->dir, proto_uuid_format(id, uuid));
        }
    }
    lt_buf_release(&text);
    return err;
}

int log_partition_make_dir(struct log_partition *part, struct leat_error **reterr)
{
    const struct lt_file_ops *ops = part->env->ops;
    struct stat st;
    int err = 0;
    if (stat(part->dir, &st) != 0) {
        err = ops->mkdir(ops, part->dir, 0755);
        err = err == LEAT_EEXISTS ? 0 : err;
    }
    if (err == 0) {
        err = write_metadata(part);
    }
    if (err == 0) {
        err = ops->fsync_dir(ops, part->dir);
    }
    if (err == 0) {
        err = ops->fsync_dir(ops, part->root);
    }
    return err == 0 ? 0 : lt_error_set_errno(reterr, err, errno, "%s", part->dir);
}

/* "<20 digits><suffix>"? */
static bool parse_name(const char *name, const char *suffix, int64_t *ret_base_offset)
{
    if (strspn(name, "0123456789") != NAME_DIGITS || strcmp(name + NAME_DIGITS, suffix) != 0) {
        return false;
    }
    errno = 0;
    long long value = strtoll(name, NULL, 10);
    *ret_base_offset = value;
    return errno == 0;
}

static int add_file(struct listing *listing, int64_t base_offset, const struct stat *st)
{
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity == 0 ? 8 : listing->capacity * 2;
        struct listed *files = lt_reallocarray(listing->files, capacity, sizeof(*files));
        if (files == NULL) {
            return LEAT_ENOMEM;
        }
        listing->files = files;
        listing->capacity = capacity;
    }
    int64_t mtime_ms = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
    listing->files[listing->count++] =
        (struct listed){base_offset, (uint64_t)st->st_size, mtime_ms};
    return 0;
}

static int compare_files(const void *a, const void *b)
{
    const struct listed *left = a;
    const struct listed *right = b;
    return left->base_offset < right->base_offset ? -1 : left->base_offset > right->base_offset;
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t size = strlen(name);
    size_t suffix_size = strlen(suffix);
    return size > suffix_size && strcmp(name + size - suffix_size, suffix) == 0;
}

/* One directory entry. Files that are not ours are left alone; what an earlier process meant to delete is deleted. */
static int
take_entry(struct log_partition *part, struct listing *listing, int dir_fd, const char *name)
{
    const struct lt_file_ops *ops = part->env->ops;
    int64_t base_offset;
    struct stat st;
    if (strspn(name, "0123456789") == NAME_DIGITS && has_suffix(name, ".deleted")) {
        char path[LOG_PATH_MAX];
        (void)snprintf(path, sizeof(path), "%s/%s", part->dir, name);
        (void)ops->unlink(ops, path); /* tried again at the next start */
        return 0;
    }
    if (parse_name(name, ".producers", &base_offset) &&
        listing->producer_count < PRODUCER_FILES_MAX) {
        listing->producers[listing->producer_count++] = base_offset;
    }
    if (!parse_name(name, ".log", &base_offset)) {
        return 0;
    }
    if (fstatat(dir_fd, name, &st, 0) != 0) {
        return LEAT_EIO;
    }
    return S_ISREG(st.st_mode) ? add_file(listing, base_offset, &st) : 0;
}

static int
list_directory(struct log_partition *part, struct listing *listing, struct leat_error **reterr)
{
    DIR *dir = opendir(part->dir);
    if (dir == NULL) {
        return errno == ENOENT ? 0 : lt_error_set_errno(reterr, LEAT_EIO, errno, "%s", part->dir);
    }
    listing->exists = true;
    int err = 0;
    while (err == 0) {
        errno = 0;
        const struct dirent *entry = readdir(dir); /* this stream is ours alone */
        if (entry == NULL) {
            err = errno == 0 ? 0 : LEAT_EIO;
            break;
        }
        err = take_entry(part, listing, dirfd(dir), entry->d_name);
    }
    (void)closedir(dir); /* only read from */
    if (err != 0) {
        return lt_error_set(reterr, err, "%s: %s", part->dir, lt_err_text(err));
    }
    if (listing->count > 1) {
        qsort(listing->files, listing->count, sizeof(*listing->files), compare_files);
    }
    return 0;
}

/* ---- loading ---- */

static int load_locked(struct log_partition *part, struct leat_error **reterr)
{
    struct listing listing = {.files = NULL};
    log_partition_config(part, &listing.config);
    bool rebuild_epochs = false;
    int err = list_directory(part, &listing, reterr);
    if (err == 0 && listing.exists && has_topic_id(part)) {
        err = check_metadata(part, reterr);
    }
    if (err == 0) {
        err = load_epochs(part, listing.count > 0, &rebuild_epochs, reterr);
    }
    if (err == 0) {
        err = open_segments(part, &listing, rebuild_epochs, reterr);
    }
    lt_free(listing.files);
    if (err == 0 && listing.exists && !part->clean &&
        part->env->ops->fsync_dir(part->env->ops, part->dir) != 0) {
        /* Names of segments that the killed process made: the high watermark passes them now. */
        err = lt_error_set_errno(reterr, LEAT_EIO, errno, "%s", part->dir);
    }
    if (err != 0) {
        return err;
    }
    int32_t known = log_epoch_cache_latest(&part->epochs);
    int32_t given = atomic_load_explicit(&part->leader_epoch, memory_order_relaxed);
    atomic_store_explicit(&part->leader_epoch, known > given ? known : given, memory_order_release);
    if (known < 0) {
        err = log_epoch_cache_assign(&part->epochs, given, atomic_load(&part->log_start));
    }
    if (err == 0 && listing.exists && (known < 0 || rebuild_epochs)) {
        err = log_epoch_cache_save(&part->epochs, part->env->ops, part->dir);
    }
    part->was_cut = part->was_cut || (!part->clean && !part->create);
    return err == 0 ? 0
                    : lt_error_set(reterr, err, "%s/leader-epoch-checkpoint: %s", part->dir,
                                   lt_err_text(err));
}

int log_partition_load(struct log_partition *part, struct leat_error **reterr)
{
    (void)pthread_mutex_lock(&part->load_lock);
    int err = 0;
    int state = atomic_load_explicit(&part->state, memory_order_relaxed);
    if (state == LOG_OFFLINE) {
        err = lt_error_set(reterr, atomic_load(&part->offline_code), "%s",
                           log_partition_failure(part));
    } else if (state == LOG_NEW) {
        struct leat_error *why = NULL;
        err = load_locked(part, &why);
        if (err == 0) {
            atomic_store_explicit(&part->state, LOG_READY, memory_order_release);
        } else {
            log_partition_note_failure(part, "%s", lt_error_message(why));
            atomic_store(&part->offline_code, err);
            atomic_store_explicit(&part->state, LOG_OFFLINE, memory_order_release);
            (void)lt_error_set(reterr, err, "%s", lt_error_message(why));
        }
        lt_error_free(why);
    }
    (void)pthread_mutex_unlock(&part->load_lock);
    return err;
}

static int load_epochs(struct log_partition *part,
                       bool has_batches,
                       bool *ret_rebuild,
                       struct leat_error **reterr)
{
    int err = log_epoch_cache_load(&part->epochs, part->env->ops, part->dir);
    if (err == LEAT_ENOENT || err == LEAT_ECORRUPT || err == LEAT_E2BIG) {
        *ret_rebuild = has_batches;
        return 0;
    }
    return err == 0 ? 0
                    : lt_error_set(reterr, err, "%s/leader-epoch-checkpoint: %s", part->dir,
                                   lt_err_text(err));
}

static int new_segment(struct log_partition *part,
                       const struct listing *listing,
                       size_t i,
                       bool sealed,
                       struct log_segment **ret_seg)
{
    const struct listed *file = &listing->files[i];
    uint64_t limit = (uint64_t)listing->config.segment_bytes;
    struct log_segment_options options = {
        .ops = part->env->ops,
        .dir = part->dir,
        .base_offset = file->base_offset,
        .size = file->size,
        .next_offset =
            i + 1 < listing->count ? listing->files[i + 1].base_offset : file->base_offset,
        .map_limit = sealed || file->size > limit ? file->size : limit,
        .index_interval = (uint64_t)listing->config.index_interval_bytes,
        .trusted_from = file->size,
        .sealed = sealed};
    int err = log_segment_new(&options, ret_seg);
    if (err == 0) {
        (*ret_seg)->created_ms = file->mtime_ms;
    }
    return err;
}

/* The first segment to be walked: the one with the recovery point, or the last one after a clean stop. Segments wholly
 * below log start are on their way out: nobody reads them. */
static size_t
first_to_walk(const struct log_partition *part, const struct listing *listing, bool all)
{
    int64_t from = part->open_log_start;
    if (!all && part->open_recovery_point > from) {
        from = part->open_recovery_point;
    }
    size_t i = listing->count - 1;
    while ((all || !part->clean) && i > 0 && listing->files[i].base_offset > from) {
        i--;
    }
    return i;
}

static int run_recovery(struct log_partition *part,
                        const struct listing *listing,
                        struct log_recovery *recovery,
                        struct leat_error **reterr)
{
    for (size_t i = 0; i < listing->count; i++) {
        int err = new_segment(part, listing, i, i < recovery->first, &recovery->segs[i]);
        if (err != 0) {
            return lt_error_set(reterr, err, "%s", part->dir);
        }
        recovery->count = i + 1;
    }
    int err = log_recovery_run(part, recovery, reterr);
    int64_t log_start = part->open_log_start;
    int64_t base_offset = recovery->segs[0]->base_offset;
    log_start = log_start < base_offset ? base_offset : log_start;
    if (err == 0 && log_start > recovery->log_end) {
        err = lt_error_set(reterr, LT_CORRUPT(),
                           "%s-%" PRId32 ": the log ends at offset %" PRId64
                           ", below its start %" PRId64,
                           part->topic, part->number, recovery->log_end, log_start);
    }
    if (err == 0) {
        struct log_offset_move move = {log_start, recovery->log_end, recovery->log_end};
        log_partition_move_offsets(part, &move);
        atomic_store(&part->durable_end, recovery->log_end);
        atomic_store(&part->recovery_point,
                     part->clean ? recovery->log_end : part->open_recovery_point);
        part->was_cut = recovery->cut;
    }
    return err;
}

static int open_empty(struct log_partition *part, struct leat_error **reterr)
{
    int64_t start = part->open_log_start < 0 ? 0 : part->open_log_start;
    if (part->open_recovery_point > start) {
        return lt_error_set(reterr, LT_CORRUPT(),
                            "%s-%" PRId32 ": no segments, but offsets below %" PRId64
                            " were on disk",
                            part->topic, part->number, part->open_recovery_point);
    }
    struct log_offset_move move = {start, start, start};
    log_partition_move_offsets(part, &move);
    atomic_store(&part->durable_end, start);
    atomic_store(&part->recovery_point, start);
    return 0;
}

static int open_segments(struct log_partition *part,
                         const struct listing *listing,
                         bool rebuild_epochs,
                         struct leat_error **reterr)
{
    if (listing->count == 0) {
        return open_empty(part, reterr);
    }
    struct log_segment_list *list = log_segment_list_new(listing->count);
    if (list == NULL) {
        return LEAT_ENOMEM;
    }
    struct log_recovery recovery = {
        .segs = list->segs,
        .first = first_to_walk(part, listing, rebuild_epochs),
        .recovery_point = part->open_recovery_point,
        .resume_below = part->clean ? INT64_MAX : part->open_recovery_point,
        .ignore_indexes = rebuild_epochs,
        .sync = !part->clean,
        .compacted = listing->config.cleanup_compact,
        .any_amount = listing->config.durability == LOG_DURABILITY_MEMORY};
    int err = run_recovery(part, listing, &recovery, reterr);
    list->count = recovery.count;
    if (err != 0) {
        log_segment_list_unref(list);
        return err;
    }
    part->active = list->segs[list->count - 1];
    log_partition_swap_list(part, list);
    err = log_partition_load_producers(part, listing->producers, listing->producer_count);
    return err == 0 ? 0 : lt_error_set(reterr, err, "%s: producers", part->dir);
}
