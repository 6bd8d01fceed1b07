#include "storage/tools/verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/alloc.h"
#include "storage/tools/batch_walk.h"
#include "storage/tools/dump.h"
#include "storage/tools/verify_index.h"

/* One partition while it is verified. */
struct verify {
    const struct log_verify_options *options;
    struct log_out *out;
    struct lt_buf scratch; /* decompressed records */
    uint64_t problems;
    uint64_t segments;
    uint64_t batches;
    uint64_t records;
    int64_t first_offset; /* -1: no batch yet */
    int64_t next_offset;  /* one past the last record seen */
    int64_t last_offset;  /* of the last batch, -1: none */
    int32_t leader_epoch; /* of the last batch */
    bool last_segment;    /* the segment in hand is the partition's last */
    bool after_damage;    /* offsets are missing for a reason that was told already */
};

static int verify_partition(const struct log_file *files,
                            size_t count,
                            struct verify *verify,
                            struct leat_error **reterr);
static int
verify_segment(const struct log_file *log, struct verify *verify, struct leat_error **reterr);
static int walk_segment(const struct log_file *log,
                        struct log_view *view,
                        struct log_index_check *checks,
                        struct verify *verify,
                        struct leat_error **reterr);
static int check_item(const struct log_file *log,
                      const struct log_walk_item *item,
                      struct log_walk *walk,
                      struct verify *verify);
static void
check_batch(const struct log_file *log, const struct log_walk_item *item, struct verify *verify);
static void
check_records(const struct log_file *log, const struct log_walk_item *item, struct verify *verify);
static int describe_damage(const struct log_file *log,
                           const struct log_walk_item *item,
                           const struct log_walk *walk,
                           struct verify *verify);
static int verify_other(const struct log_file *file, struct verify *verify);
static void
problem(struct verify *verify, const char *path, uint64_t position, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void note(struct verify *verify, const char *path, uint64_t position, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void index_problem(void *arg, const char *path, uint64_t position, const char *text);
static void summary(const struct log_file *files, struct verify *verify);

#define INDEX_COUNT 3
static const enum log_file_kind index_kinds[INDEX_COUNT] = {LOG_FILE_INDEX, LOG_FILE_TIME_INDEX,
                                                            LOG_FILE_TXN_INDEX};

int log_verify(const struct log_files *files,
               const struct log_verify_options *options,
               struct log_out *out,
               uint64_t *ret_problems,
               struct leat_error **reterr)
{
    uint64_t problems = 0;
    int err = 0;
    for (size_t i = 0; i < files->count && err == 0;) {
        const char *path = files->items[i].path;
        size_t dir = log_file_dir_size(path);
        size_t end = i + 1;
        while (end < files->count && log_file_dir_size(files->items[end].path) == dir &&
               strncmp(files->items[end].path, path, dir) == 0) {
            end++;
        }
        struct verify verify = {
            .options = options, .out = out, .first_offset = -1, .last_offset = -1};
        err = verify_partition(&files->items[i], end - i, &verify, reterr);
        problems += verify.problems;
        lt_buf_release(&verify.scratch);
        i = end;
    }
    *ret_problems = problems;
    return err;
}

static int verify_partition(const struct log_file *files,
                            size_t count,
                            struct verify *verify,
                            struct leat_error **reterr)
{
    size_t logs_left = 0;
    for (size_t i = 0; i < count; i++) {
        logs_left += files[i].kind == LOG_FILE_LOG ? 1 : 0;
    }
    bool has_logs = logs_left > 0;
    for (size_t i = 0; i < count; i++) {
        int err = 0;
        switch (files[i].kind) {
        case LOG_FILE_LOG:
            logs_left--;
            verify->last_segment = logs_left == 0;
            err = verify_segment(&files[i], verify, reterr);
            break;
        case LOG_FILE_INDEX:
        case LOG_FILE_TIME_INDEX:
        case LOG_FILE_TXN_INDEX:
            if (!has_logs) {
                problem(verify, files[i].path, 0, "there is no .log file beside this index");
            }
            break; /* compared with their .log */
        case LOG_FILE_UNKNOWN:
        case LOG_FILE_PROPERTIES:
        case LOG_FILE_OFFSET_CHECKPOINT:
        case LOG_FILE_PARTITION:
        case LOG_FILE_EPOCHS:
        case LOG_FILE_SNAPSHOT:
        case LOG_FILE_PRODUCERS:
        default:
            err = verify_other(&files[i], verify);
            break;
        }
        if (err != 0) {
            return err;
        }
    }
    if (has_logs) {
        summary(files, verify);
    }
    return 0;
}

static int
verify_segment(const struct log_file *log, struct verify *verify, struct leat_error **reterr)
{
    struct log_view view;
    struct log_index_check checks[INDEX_COUNT];
    memset(checks, 0, sizeof(checks));
    int err = log_view_open(&view, verify->options->ops, log->path, reterr);
    for (int i = 0; i < INDEX_COUNT && err == 0; i++) {
        err = log_index_check_open(&checks[i], log, index_kinds[i], verify->options->ops, reterr);
        checks[i].report = index_problem;
        checks[i].report_arg = verify;
    }
    if (err == 0) {
        verify->segments++;
        err = walk_segment(log, &view, checks, verify, reterr);
    }
    for (int i = 0; i < INDEX_COUNT; i++) {
        log_index_check_close(&checks[i]);
    }
    log_view_close(&view);
    return err;
}

static int walk_segment(const struct log_file *log,
                        struct log_view *view,
                        struct log_index_check *checks,
                        struct verify *verify,
                        struct leat_error **reterr)
{
    struct log_walk walk;
    struct log_walk_item item;
    log_walk_init(&walk, view);
    if (verify->last_offset >= log->base_offset) {
        problem(verify, log->path, 0, "the segment before it ends with offset %" PRId64,
                verify->last_offset);
    }
    if (verify->next_offset < log->base_offset) {
        verify->next_offset = log->base_offset;
    }
    int err = 0;
    do {
        err = log_walk_next(&walk, &item);
        if (err != 0 || item.kind == LOG_WALK_END) {
            break;
        }
        err = check_item(log, &item, &walk, verify);
        for (int i = 0; i < INDEX_COUNT && err == 0 && item.kind == LOG_WALK_BATCH; i++) {
            err = log_index_check_batch(&checks[i], &item);
        }
    } while (err == 0);
    for (int i = 0; i < INDEX_COUNT && err == 0; i++) {
        err = log_index_check_end(&checks[i], verify->next_offset);
        if (!checks[i].present && index_kinds[i] != LOG_FILE_TXN_INDEX) {
            note(verify, checks[i].path, 0, "is missing: it is made again at the next start");
        }
    }
    if (err != 0) {
        return lt_error_set(reterr, err, "%s: it or one of its indexes cannot be read: %s",
                            log->path,
                            err == LEAT_ERANGE ? "it became shorter meanwhile" : lt_err_text(err));
    }
    return 0;
}

static int check_item(const struct log_file *log,
                      const struct log_walk_item *item,
                      struct log_walk *walk,
                      struct verify *verify)
{
    switch (item->kind) {
    case LOG_WALK_BATCH:
        check_batch(log, item, verify);
        return 0;
    case LOG_WALK_DAMAGE:
        verify->after_damage = true;
        return describe_damage(log, item, walk, verify);
    case LOG_WALK_ZEROS:
        if (verify->last_segment) {
            note(verify, log->path, item->position,
                 "%" PRIu64 " zeros up to the end: space reserved ahead of the writer", item->size);
        } else {
            problem(verify, log->path, item->position,
                    "%" PRIu64 " zeros at the end of a segment that is not the last", item->size);
        }
        return 0;
    case LOG_WALK_END:
    default:
        return 0;
    }
}

static void
check_batch(const struct log_file *log, const struct log_walk_item *item, struct verify *verify)
{
    const struct proto_batch_header *header = &item->header;
    int64_t last = proto_batch_header_last_offset(header);
    if (!item->crc_ok) {
        problem(verify, log->path, item->position,
                "CRC mismatch in a batch that says offsets %" PRId64 " to %" PRId64,
                header->base_offset, last);
        return; /* nothing else that it says can be believed */
    }
    if (header->base_offset < verify->next_offset) {
        problem(verify, log->path, item->position,
                "base offset %" PRId64 " where %" PRId64 " or more is due", header->base_offset,
                verify->next_offset);
    } else if (header->base_offset > verify->next_offset && verify->first_offset >= 0 &&
               !verify->after_damage) {
        note(verify, log->path, item->position,
             "offsets %" PRId64 " to %" PRId64 " are not there: normal where compaction was",
             verify->next_offset, header->base_offset - 1);
    }
    if (header->last_offset_delta < 0 || header->record_count < 0 ||
        header->record_count - 1 > header->last_offset_delta) {
        problem(verify, log->path, item->position, "%" PRId32 " records in %" PRId64 " offsets",
                header->record_count, (int64_t)header->last_offset_delta + 1);
    }
    if (last - log->base_offset > INT32_MAX) {
        problem(verify, log->path, item->position, "offset too far from the segment's first");
    }
    if (verify->batches > 0 && header->leader_epoch < verify->leader_epoch) {
        problem(verify, log->path, item->position, "leader epoch %" PRId32 " after %" PRId32,
                header->leader_epoch, verify->leader_epoch);
    }
    if (verify->options->deep) {
        check_records(log, item, verify);
    }
    verify->after_damage = false;
    verify->leader_epoch = header->leader_epoch;
    verify->batches++;
    verify->records += header->record_count > 0 ? (uint64_t)header->record_count : 0;
    if (verify->first_offset < 0) {
        verify->first_offset = header->base_offset;
    }
    if (last >= verify->next_offset) {
        verify->next_offset = last + 1;
        verify->last_offset = last;
    }
}

static void
check_records(const struct log_file *log, const struct log_walk_item *item, struct verify *verify)
{
    struct proto_record_iter iter;
    struct proto_record record;
    int64_t before = -1;
    int got = proto_batch_records_open(lt_slice(item->batch, (size_t)item->size), 0,
                                       &verify->scratch, &iter);
    while (got == 0 && (got = proto_record_next(&iter, &record)) == 1) {
        if (record.offset_delta <= before || record.offset_delta > item->header.last_offset_delta) {
            problem(verify, log->path, item->position,
                    "record offset %" PRId64 " is not in order in its batch", record.offset);
        }
        before = record.offset_delta;
        got = 0;
    }
    int codec = proto_batch_header_codec(&item->header);
    if (got == LEAT_ECODEC && codec < PROTO_CODEC_COUNT) {
        note(verify, log->path, item->position,
             "the records are not looked at: no %s in this build", proto_codec_name(codec));
    } else if (got < 0) {
        problem(verify, log->path, item->position, "the records of the batch cannot be read: %s",
                lt_err_text(got));
    }
}

/* Torn tail or rotten middle? The item behind the damage tells. */
static int describe_damage(const struct log_file *log,
                           const struct log_walk_item *item,
                           const struct log_walk *walk,
                           struct verify *verify)
{
    struct log_walk ahead = *walk;
    struct log_walk_item next;
    int err = log_walk_next(&ahead, &next);
    if (err != 0) {
        return err;
    }
    if (next.kind == LOG_WALK_BATCH) {
        problem(verify, log->path, item->position,
                "%" PRIu64 " bytes are no batch (%s), but a whole one with offset %" PRId64
                " follows: offsets %" PRId64 " to %" PRId64 " are lost",
                item->size, item->why, next.header.base_offset, verify->next_offset,
                next.header.base_offset - 1);
    } else {
        problem(verify, log->path, item->position,
                "%" PRIu64 " bytes are no batch (%s) and none follows: a torn tail%s", item->size,
                item->why,
                verify->last_segment ? ", cut at the next start" : " before another segment");
    }
    return 0;
}

/* Files that are not compared with the log: what can be printed is well. */
static int verify_other(const struct log_file *file, struct verify *verify)
{
    struct log_out nowhere = {.file = fopen("/dev/null", "w")};
    if (nowhere.file == NULL) {
        return LEAT_EIO;
    }
    struct log_dump_options options = {
        .ops = verify->options->ops, .offset_from = INT64_MIN, .offset_end = INT64_MAX};
    struct leat_error *error = NULL;
    int err = log_dump_file(file, &options, &nowhere, &error);
    (void)fclose(nowhere.file); /* nothing was to be kept */
    if (err == LEAT_ENOMEM) {
        lt_error_free(error);
        return err;
    }
    if (err != 0) {
        const char *text = lt_error_message(error);
        size_t size = strlen(file->path);
        bool prefixed = strncmp(text, file->path, size) == 0 && strncmp(text + size, ": ", 2) == 0;
        problem(verify, file->path, 0, "%s", prefixed ? text + size + 2 : text);
        lt_error_free(error);
    }
    return 0;
}

static void finding(
    struct verify *verify, const char *type, const char *path, uint64_t position, const char *text)
{
    if (verify->out->json) {
        log_out_begin(verify->out, type);
        log_out_text(verify->out, "path", path);
        log_out_int(verify->out, "position", (int64_t)position);
        log_out_text(verify->out, "message", text);
        log_out_end(verify->out);
        return;
    }
    log_out_print(verify->out, "%s: %s at position %" PRIu64 ": %s\n", path, type, position, text);
}

static void
problem(struct verify *verify, const char *path, uint64_t position, const char *fmt, ...)
{
    char text[600];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args); /* a longer sentence is cut */
    va_end(args);
    verify->problems++;
    finding(verify, "problem", path, position, text);
}

static void note(struct verify *verify, const char *path, uint64_t position, const char *fmt, ...)
{
    char text[300];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args); /* a longer sentence is cut */
    va_end(args);
    finding(verify, "note", path, position, text);
}

static void index_problem(void *arg, const char *path, uint64_t position, const char *text)
{
    problem(arg, path, position, "%s", text);
}

static void summary(const struct log_file *files, struct verify *verify)
{
    size_t dir = log_file_dir_size(files[0].path);
    struct lt_slice path = dir > 0 ? lt_slice(files[0].path, dir) : lt_slice_text(".");
    if (verify->out->json) {
        log_out_begin(verify->out, "partition");
        log_out_bytes(verify->out, "path", path);
        log_out_int(verify->out, "segments", (int64_t)verify->segments);
        log_out_int(verify->out, "batches", (int64_t)verify->batches);
        log_out_int(verify->out, "records", (int64_t)verify->records);
        log_out_int(verify->out, "first_offset", verify->first_offset);
        log_out_int(verify->out, "next_offset", verify->next_offset);
        log_out_int(verify->out, "problems", (int64_t)verify->problems);
        log_out_end(verify->out);
        return;
    }
    struct log_out *out = verify->out;
    log_out_escaped(verify->out, path);
    log_out_print(out, ": segments: %" PRIu64 " batches: %" PRIu64 " records: %" PRIu64,
                  verify->segments, verify->batches, verify->records);
    if (verify->first_offset >= 0) {
        log_out_print(out, " offsets: %" PRId64 "-%" PRId64, verify->first_offset,
                      verify->next_offset - 1);
    }
    if (verify->problems == 0) {
        log_out_puts(out, ": ok\n");
    } else {
        log_out_print(out, ": %" PRIu64 " problems\n", verify->problems);
    }
}
