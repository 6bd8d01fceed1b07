/* repair.c: see repair.h. Find the place, take the data directory's lock, keep what goes, then change the log.
 *
 * Truncate, in an order in which a crash at any point leaves a log that a start takes or a second repair finishes:
 *   1. recovery point down to the new end, clean marker away        from now on the next start looks at the log itself
 *   2. later segments from the last one down: indexes away, .log renamed to .0.cut
 *   3. the bytes behind the cut copied to .P.cut, then the file cut
 *   4. leader epochs that begin behind the new end taken out
 * Skip: the damaged bytes copied to .P.cut, the new .log written beside and renamed over, indexes away: they are made again. */
#include "storage/tools/repair.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "proto/batch_builder.h"
#include "proto/varint.h"
#include "storage/checkpoint.h"
#include "storage/data_dir.h"
#include "storage/epoch_cache.h"
#include "storage/tools/repair_plan.h"

#define COPY_SIZE ((size_t)256 << 10)

struct repair {
    const struct lt_file_ops *ops;
    const struct log_repair_options *options;
    struct log_repair_plan plan;
    char *dir;      /* of the partition, absolute */
    char *data_dir; /* that holds it */
    char topic[LOG_TOPIC_NAME_MAX + 1];
    int32_t partition;
    int lock_fd; /* -1: this is no data directory, only a copy of a partition */
};

static void keep_logs(struct log_files *files);
static int open_repair(const char *dir, struct repair *repair, struct leat_error **reterr);
static void close_repair(struct repair *repair);
static void tell(const struct repair *repair, struct log_out *out);
static int truncate_log(struct repair *repair, struct leat_error **reterr);
static int skip_damage(struct repair *repair, struct leat_error **reterr);

int log_repair(const char *dir,
               const struct log_repair_options *options,
               struct log_out *out,
               struct leat_error **reterr)
{
    struct repair repair = {.ops = options->ops, .options = options, .lock_fd = -1};
    struct log_files files = {0};
    int err = open_repair(dir, &repair, reterr);
    if (err == 0) {
        err = log_files_add(&files, repair.dir, reterr);
    }
    keep_logs(&files);
    if (err == 0) {
        err = log_repair_find(&files, options, &repair.plan, reterr);
    }
    if (err == 0 && !options->dry_run) {
        err = options->kind == LOG_REPAIR_TRUNCATE ? truncate_log(&repair, reterr)
                                                   : skip_damage(&repair, reterr);
    }
    if (err == 0) {
        tell(&repair, out);
    }
    log_files_release(&files);
    close_repair(&repair);
    return err;
}

/* ---- where ---- */

/* Only the .log files stay, in order. */
static void keep_logs(struct log_files *files)
{
    size_t kept = 0;
    for (size_t i = 0; i < files->count; i++) {
        if (files->items[i].kind == LOG_FILE_LOG) {
            files->items[kept++] = files->items[i];
        } else {
            lt_free(files->items[i].path);
        }
    }
    files->count = kept;
}

static int open_repair(const char *dir, struct repair *repair, struct leat_error **reterr)
{
    char real[PATH_MAX];
    if (realpath(dir, real) == NULL) {
        return lt_error_set_errno(reterr, lt_err_from_errno(errno), errno, "%s", dir);
    }
    char *slash = strrchr(real, '/');
    if (slash == NULL || !log_dir_name_parse(slash + 1, repair->topic, &repair->partition)) {
        return lt_error_set(reterr, LEAT_ENAME,
                            "%s: not a partition directory (<topic>-<partition>)", dir);
    }
    repair->dir = lt_strdup(real);
    *slash = '\0';
    repair->data_dir = lt_strdup(*real == '\0' ? "/" : real);
    char *properties = lt_asprintf("%s/meta.properties", real);
    if (repair->dir == NULL || repair->data_dir == NULL || properties == NULL) {
        lt_free(properties);
        return lt_error_set(reterr, LEAT_ENOMEM, "%s: %s", dir, lt_err_text(LEAT_ENOMEM));
    }
    bool in_use = access(properties, F_OK) == 0;
    lt_free(properties);
    return in_use ? log_data_dir_lock(repair->ops, repair->data_dir, &repair->lock_fd, reterr) : 0;
}

static void close_repair(struct repair *repair)
{
    if (repair->lock_fd >= 0) {
        (void)repair->ops->close(repair->ops, repair->lock_fd); /* gives the lock up */
    }
    lt_free(repair->dir);
    lt_free(repair->data_dir);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static void tell(const struct repair *repair, struct log_out *out)
{
    const struct log_repair_plan *plan = &repair->plan;
    bool truncate = repair->options->kind == LOG_REPAIR_TRUNCATE;
    bool dry = repair->options->dry_run;
    uint64_t bytes = truncate ? plan->file_size - plan->position : plan->end - plan->position;
    if (out->json) {
        log_out_begin(out, "repair");
        log_out_text(out, "action", truncate ? "truncate" : "skip");
        log_out_bool(out, "dry_run", dry);
        log_out_text(out, "topic", repair->topic);
        log_out_int(out, "partition", repair->partition);
        log_out_text(out, "segment", base_name(plan->logs[0].path));
        log_out_int(out, "position", (int64_t)plan->position);
        log_out_int(out, "size", (int64_t)bytes);
        log_out_int(out, "first_offset", plan->first_offset);
        if (!truncate) {
            log_out_int(out, "last_offset", plan->last_offset);
        }
        log_out_int(out, "segments_removed", truncate ? (int64_t)plan->log_count - 1 : 0);
        log_out_end(out);
        return;
    }
    log_out_print(out, "%s-%" PRId32 ": %s: ", repair->topic, repair->partition,
                  base_name(plan->logs[0].path));
    if (truncate) {
        log_out_print(out,
                      "%s at byte %" PRIu64 " (%" PRIu64 " bytes go, and %zu later segments); the "
                      "log %s at offset %" PRId64 "\n",
                      dry ? "would be cut" : "cut", plan->position, bytes, plan->log_count - 1,
                      dry ? "would end" : "ends", plan->first_offset);
    } else {
        log_out_print(out,
                      "%" PRIu64 " bytes at byte %" PRIu64 " %s: offsets %" PRId64 " to %" PRId64
                      " %s; all others stay\n",
                      bytes, plan->position, dry ? "would be taken out" : "taken out",
                      plan->first_offset, plan->last_offset, dry ? "would be empty" : "are empty");
    }
    if (!dry) {
        log_out_puts(out, "what was taken out is kept beside the log, in .cut files\n");
    }
}

/* ---- files ---- */

static int failed(int err, const char *path, struct leat_error **reterr)
{
    return err == 0 ? 0 : lt_error_set_errno(reterr, err, errno, "%s", path);
}

/* Copy [from, to) of one file behind `at` of another. */
static int
copy_bytes(const struct lt_file_ops *ops, int in, uint64_t from, uint64_t to, int out, uint64_t at)
{
    uint8_t *bytes = lt_malloc(COPY_SIZE);
    int err = bytes == NULL ? LEAT_ENOMEM : 0;
    while (err == 0 && from < to) {
        size_t want = to - from < COPY_SIZE ? (size_t)(to - from) : COPY_SIZE;
        size_t got = 0;
        err = ops->pread(ops, in, bytes, want, from, &got);
        if (err == 0 && got < want) {
            err = LEAT_EIO;
        }
        if (err == 0) {
            err = ops->pwrite(ops, out, bytes, got, at);
        }
        from += got;
        at += got;
    }
    lt_free(bytes);
    return err;
}

/* "<path of the segment without .log><suffix>" */
static char *segment_path(const struct log_file *log, const char *suffix)
{
    size_t size = strlen(log->path) - strlen(".log");
    return lt_asprintf("%.*s%s", (int)size, log->path, suffix);
}

/* Keep the bytes [position, end) of the first segment, on disk when this returns. */
static int keep_bytes(const struct repair *repair, int in, uint64_t end, struct leat_error **reterr)
{
    const struct lt_file_ops *ops = repair->ops;
    char suffix[40];
    int out;
    (void)snprintf(suffix, sizeof(suffix), ".%" PRIu64 ".cut", repair->plan.position);
    char *path = segment_path(&repair->plan.logs[0], suffix);
    if (path == NULL) {
        return LEAT_ENOMEM;
    }
    int err = ops->open(ops, path, O_WRONLY | O_CREAT | O_TRUNC, 0644, &out);
    if (err == 0) {
        err = copy_bytes(ops, in, repair->plan.position, end, out, 0);
        err = err == 0 ? ops->fsync(ops, out) : err;
        (void)ops->close(ops, out); /* fsync told */
    }
    err = failed(err, path, reterr);
    lt_free(path);
    return err;
}

static int
remove_beside(const struct repair *repair, const struct log_file *log, const char *suffix)
{
    char *path = segment_path(log, suffix);
    int err = path == NULL ? LEAT_ENOMEM : repair->ops->unlink(repair->ops, path);
    lt_free(path);
    return err == LEAT_ENOENT ? 0 : err;
}

static int remove_indexes(const struct repair *repair, const struct log_file *log)
{
    int err = remove_beside(repair, log, ".index");
    return err == 0 ? remove_beside(repair, log, ".timeindex") : err;
}

/* ---- truncate ---- */

/* No start may believe that more of this partition is on the disk than there will be. */
static int lower_recovery_point(const struct repair *repair, struct leat_error **reterr)
{
    struct log_checkpoint points;
    char *path = lt_asprintf("%s/recovery-point-offset-checkpoint", repair->data_dir);
    log_checkpoint_init(&points);
    int err = path == NULL ? LEAT_ENOMEM : log_checkpoint_read(repair->ops, path, &points, reterr);
    for (size_t i = 0; err == 0 && i < points.count; i++) {
        struct log_checkpoint_entry *entry = &points.entries[i];
        if (strcmp(entry->topic, repair->topic) == 0 && entry->partition == repair->partition &&
            entry->offset > repair->plan.first_offset) {
            entry->offset = repair->plan.first_offset;
        }
    }
    if (err == 0) {
        err = log_checkpoint_write(repair->ops, path, &points, reterr);
    } else if (err == LEAT_ENOENT || err == LEAT_ECORRUPT) {
        lt_error_free(reterr == NULL ? NULL : *reterr); /* without it every log is read whole */
        if (reterr != NULL) {
            *reterr = NULL;
        }
        err = 0;
    }
    log_checkpoint_release(&points);
    lt_free(path);
    return err;
}

static int remove_marker(const struct repair *repair, struct leat_error **reterr)
{
    const struct lt_file_ops *ops = repair->ops;
    char *path = lt_asprintf("%s/.kafka_cleanshutdown", repair->data_dir);
    int err = path == NULL ? LEAT_ENOMEM : ops->unlink(ops, path);
    err = err == LEAT_ENOENT ? 0 : err;
    if (err == 0) {
        err = ops->fsync_dir(ops, repair->data_dir);
    }
    err = failed(err, path, reterr);
    lt_free(path);
    return err;
}

/* Below log start nothing is readable, and a log that ends there would be taken for a damaged one. */
static int check_log_start(const struct repair *repair, struct leat_error **reterr)
{
    struct log_checkpoint starts;
    char *path = lt_asprintf("%s/log-start-offset-checkpoint", repair->data_dir);
    log_checkpoint_init(&starts);
    int err = path == NULL ? LEAT_ENOMEM : log_checkpoint_read(repair->ops, path, &starts, NULL);
    int64_t start =
        err == 0 ? log_checkpoint_find(&starts, repair->topic, repair->partition, 0) : 0;
    log_checkpoint_release(&starts);
    lt_free(path);
    if (start > repair->plan.first_offset) {
        return lt_error_set(reterr, LEAT_ERANGE,
                            "the log would end at offset %" PRId64 ", below its start %" PRId64
                            " (records before it were deleted)",
                            repair->plan.first_offset, start);
    }
    return 0;
}

static int drop_later(const struct repair *repair, struct leat_error **reterr)
{
    const struct lt_file_ops *ops = repair->ops;
    int err = 0;
    for (size_t i = repair->plan.log_count; err == 0 && i > 1; i--) {
        const struct log_file *log = &repair->plan.logs[i - 1];
        char *kept = segment_path(log, ".0.cut");
        err = kept == NULL ? LEAT_ENOMEM : remove_indexes(repair, log);
        err = err == 0 ? remove_beside(repair, log, ".txnindex") : err;
        err = err == 0 ? ops->rename(ops, log->path, kept) : err;
        err = failed(err, log->path, reterr);
        lt_free(kept);
        ops->crash_point(ops, "repair_dropped");
    }
    return err;
}

static int cut_first(const struct repair *repair, struct leat_error **reterr)
{
    const struct lt_file_ops *ops = repair->ops;
    const struct log_file *log = &repair->plan.logs[0];
    int fd;
    int err = failed(ops->open(ops, log->path, O_RDWR, 0, &fd), log->path, reterr);
    if (err != 0) {
        return err;
    }
    err = keep_bytes(repair, fd, repair->plan.file_size, reterr);
    if (err == 0) {
        ops->crash_point(ops, "repair_kept");
        err = ops->ftruncate(ops, fd, repair->plan.position);
        err = err == 0 ? ops->fdatasync(ops, fd) : err;
        err = err == 0 ? remove_indexes(repair, log) : err;
        err = err == 0 ? ops->fsync_dir(ops, repair->dir) : err;
        err = failed(err, log->path, reterr);
    }
    (void)ops->close(ops, fd); /* fdatasync told */
    return err;
}

static int cut_epochs(const struct repair *repair, struct leat_error **reterr)
{
    struct log_epoch_cache epochs;
    log_epoch_cache_init(&epochs);
    int err = log_epoch_cache_load(&epochs, repair->ops, repair->dir);
    if (err == 0) {
        log_epoch_cache_cut_end(&epochs, repair->plan.first_offset);
        err = log_epoch_cache_save(&epochs, repair->ops, repair->dir);
    }
    log_epoch_cache_release(&epochs);
    /* Missing or damaged: rebuilt from the log. */
    return err == LEAT_ENOENT || err == LEAT_ECORRUPT
               ? 0
               : failed(err, "leader-epoch-checkpoint", reterr);
}

static int truncate_log(struct repair *repair, struct leat_error **reterr)
{
    int err = check_log_start(repair, reterr);
    if (err == 0 && repair->lock_fd >= 0) {
        err = lower_recovery_point(repair, reterr);
        err = err == 0 ? remove_marker(repair, reterr) : err;
    }
    if (err == 0) {
        err = drop_later(repair, reterr);
    }
    if (err == 0) {
        err = cut_first(repair, reterr);
    }
    return err == 0 ? cut_epochs(repair, reterr) : err;
}

/* ---- skip ---- */

/* A batch without records that has the missing offsets, as compaction leaves them. */
static int write_empty(const struct repair *repair, int fd, uint64_t *ret_size)
{
    const struct log_repair_plan *plan = &repair->plan;
    struct proto_batch_builder builder;
    struct proto_batch_options options;
    uint8_t *batch;
    size_t size;
    proto_batch_builder_init(&builder);
    proto_batch_options_init(&options);
    options.base_offset = plan->first_offset;
    options.leader_epoch = plan->leader_epoch;
    int err = proto_batch_builder_finish(&builder, &options, &batch, &size);
    if (err == 0) {
        int32_t delta = (int32_t)(plan->last_offset - plan->first_offset); /* checked by the plan */
        proto_store_i32(batch + PROTO_BATCH_LAST_OFFSET_DELTA_AT, delta);
        proto_store_u64(batch + PROTO_BATCH_BASE_TIMESTAMP_AT, (uint64_t)PROTO_NO_TIMESTAMP);
        proto_store_u64(batch + PROTO_BATCH_MAX_TIMESTAMP_AT, (uint64_t)PROTO_NO_TIMESTAMP);
        proto_store_u32(batch + PROTO_BATCH_CRC_AT,
                        lt_crc32c(batch + PROTO_BATCH_CRC_FROM, size - PROTO_BATCH_CRC_FROM));
        err = repair->ops->pwrite(repair->ops, fd, batch, size, plan->position);
        *ret_size = size;
    }
    proto_batch_builder_release(&builder);
    return err;
}

/* The segment without the damaged bytes. */
static int write_new(const struct repair *repair, int in, int out)
{
    const struct log_repair_plan *plan = &repair->plan;
    const struct lt_file_ops *ops = repair->ops;
    uint64_t size = 0;
    int err = copy_bytes(ops, in, 0, plan->position, out, 0);
    if (err == 0) {
        err = write_empty(repair, out, &size);
    }
    if (err == 0) {
        err = copy_bytes(ops, in, plan->end, plan->file_size, out, plan->position + size);
    }
    return err == 0 ? ops->fsync(ops, out) : err;
}

static int replace(const struct repair *repair, int in, const char *path)
{
    const struct lt_file_ops *ops = repair->ops;
    const struct log_file *log = &repair->plan.logs[0];
    int out;
    int err = ops->open(ops, path, O_WRONLY | O_CREAT | O_TRUNC, 0644, &out);
    if (err != 0) {
        return err;
    }
    err = write_new(repair, in, out);
    (void)ops->close(ops, out); /* fsync told */
    err = err == 0 ? remove_indexes(repair, log) : err;
    if (err == 0) {
        ops->crash_point(ops, "repair_written");
        err = ops->rename(ops, path, log->path);
    }
    if (err != 0) {
        (void)ops->unlink(ops, path); /* a left-over is harmless: the next repair truncates it */
        return err;
    }
    return ops->fsync_dir(ops, repair->dir);
}

static int skip_damage(struct repair *repair, struct leat_error **reterr)
{
    const struct lt_file_ops *ops = repair->ops;
    const struct log_file *log = &repair->plan.logs[0];
    int in;
    int err = failed(ops->open(ops, log->path, O_RDONLY, 0, &in), log->path, reterr);
    if (err != 0) {
        return err;
    }
    char *path = segment_path(log, ".log.tmp");
    err = path == NULL ? LEAT_ENOMEM : keep_bytes(repair, in, repair->plan.end, reterr);
    if (err == 0) {
        err = failed(replace(repair, in, path), log->path, reterr);
    }
    (void)ops->close(ops, in); /* only read */
    lt_free(path);
    return err;
}
