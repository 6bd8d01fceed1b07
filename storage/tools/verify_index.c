#include "storage/tools/verify_index.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "proto/varint.h"

/* One entry of any of the three indexes. */
struct entry {
    int64_t offset;
    int64_t timestamp; /* time index */
    int64_t position;  /* offset index */
    int64_t first;     /* transaction index: first offset */
    int version;       /* transaction index */
};

static size_t entry_size(enum log_file_kind kind);
static int peek(struct log_index_check *check, bool *ret_there, struct entry *ret);
static void order(struct log_index_check *check, const struct entry *entry);
static void step(struct log_index_check *check, const struct entry *entry);
static void found(struct log_index_check *check, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static int check_positions(struct log_index_check *check, const struct log_walk_item *item);
static int check_times(struct log_index_check *check, const struct log_walk_item *item);

int log_index_check_open(struct log_index_check *check,
                         const struct log_file *log,
                         enum log_file_kind kind,
                         const struct lt_file_ops *ops,
                         struct leat_error **reterr)
{
    *check = (struct log_index_check){
        .kind = kind,
        .base_offset = log->base_offset,
        .last_offset = -1,
        .last_timestamp = -1,
        .max_timestamp = -1,
    };
    check->view.fd = -1;
    check->path = log_file_beside(log->path, kind == LOG_FILE_INDEX        ? ".index"
                                             : kind == LOG_FILE_TIME_INDEX ? ".timeindex"
                                                                           : ".txnindex");
    if (check->path == NULL) {
        return LEAT_ENOMEM;
    }
    struct leat_error *error = NULL;
    int err = log_view_open(&check->view, ops, check->path, &error);
    if (err == LEAT_ENOENT) {
        lt_error_free(error);
        return 0;
    }
    if (err != 0) {
        if (reterr != NULL) {
            *reterr = error;
        } else {
            lt_error_free(error);
        }
        return err;
    }
    check->present = true;
    return 0;
}

void log_index_check_close(struct log_index_check *check)
{
    if (check->path == NULL) {
        return;
    }
    log_view_close(&check->view);
    lt_free(check->path);
    check->path = NULL;
    check->present = false;
}

int log_index_check_batch(struct log_index_check *check, const struct log_walk_item *item)
{
    if (!check->present) {
        return 0;
    }
    if (check->kind == LOG_FILE_INDEX) {
        return check_positions(check, item);
    }
    if (check->kind == LOG_FILE_TIME_INDEX) {
        return check_times(check, item);
    }
    return 0; /* transactions are compared with the segment, at its end */
}

/* Entries are in the order of positions: those before this batch have missed their own. */
static int check_positions(struct log_index_check *check, const struct log_walk_item *item)
{
    for (;;) {
        struct entry entry;
        bool there = false;
        int err = peek(check, &there, &entry);
        if (err != 0 || !there || entry.position > (int64_t)item->position) {
            return err;
        }
        order(check, &entry);
        int64_t last = proto_batch_header_last_offset(&item->header);
        if (entry.position != (int64_t)item->position) {
            found(check, "offset %" PRId64 " points at position %" PRId64 ", where no batch begins",
                  entry.offset, entry.position);
        } else if (entry.offset < item->header.base_offset || entry.offset > last) {
            found(check,
                  "offset %" PRId64 " points at a batch with offsets %" PRId64 " to %" PRId64,
                  entry.offset, item->header.base_offset, last);
        }
        step(check, &entry);
    }
}

/* An entry says: up to this offset nothing is younger than this. It was the largest time when its batch came. */
static int check_times(struct log_index_check *check, const struct log_walk_item *item)
{
    int64_t before = check->max_timestamp;
    if (item->header.max_timestamp > check->max_timestamp) {
        check->max_timestamp = item->header.max_timestamp;
    }
    for (;;) {
        struct entry entry;
        bool there = false;
        int err = peek(check, &there, &entry);
        if (err != 0 || !there || entry.offset > proto_batch_header_last_offset(&item->header)) {
            return err;
        }
        order(check, &entry);
        int64_t due = entry.offset < item->header.base_offset ? before : check->max_timestamp;
        if (entry.timestamp != due) {
            found(check, "timestamp %" PRId64 " at offset %" PRId64 ", where the log has %" PRId64,
                  entry.timestamp, entry.offset, due);
        }
        step(check, &entry);
    }
}

int log_index_check_end(struct log_index_check *check, int64_t next_offset)
{
    if (!check->present) {
        return 0;
    }
    for (;;) {
        struct entry entry;
        bool there = false;
        int err = peek(check, &there, &entry);
        if (err != 0) {
            return err;
        }
        if (!there) {
            break;
        }
        order(check, &entry);
        if (check->kind != LOG_FILE_TXN_INDEX) {
            found(check, "offset %" PRId64 " points behind the end of the log", entry.offset);
        } else if (entry.version != 0) {
            found(check, "version %d of an aborted transaction is not known", entry.version);
        } else if (entry.first > entry.offset || entry.offset < check->base_offset ||
                   entry.offset >= next_offset) {
            found(check,
                  "the aborted transaction of offsets %" PRId64 " to %" PRId64
                  " does not end in this segment",
                  entry.first, entry.offset);
        }
        step(check, &entry);
    }
    if (check->view.size % entry_size(check->kind) != 0) {
        found(check, "%" PRIu64 " bytes are no whole number of entries", check->view.size);
    }
    return 0;
}

static size_t entry_size(enum log_file_kind kind)
{
    return kind == LOG_FILE_INDEX ? 8 : kind == LOG_FILE_TIME_INDEX ? 12 : 34;
}

/* The entry at check->at; none at the end and where reserved zeros begin. */
static int peek(struct log_index_check *check, bool *ret_there, struct entry *ret)
{
    size_t size = entry_size(check->kind);
    const uint8_t *data = NULL;
    *ret_there = false;
    if (check->view.size - check->at < size) {
        return 0;
    }
    int err = log_view_get(&check->view, check->at, size, &data);
    if (err != 0) {
        return err;
    }
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++) {
        any |= data[i];
    }
    if (any == 0) {
        return 0;
    }
    *ret = (struct entry){0};
    if (check->kind == LOG_FILE_INDEX) {
        ret->offset = check->base_offset + proto_load_i32(data);
        ret->position = proto_load_i32(data + 4);
    } else if (check->kind == LOG_FILE_TIME_INDEX) {
        ret->timestamp = proto_load_i64(data);
        ret->offset = check->base_offset + proto_load_i32(data + 8);
    } else {
        ret->version = proto_load_i16(data);
        ret->first = proto_load_i64(data + 10);
        ret->offset = proto_load_i64(data + 18);
    }
    *ret_there = true;
    return 0;
}

static void order(struct log_index_check *check, const struct entry *entry)
{
    bool rises = check->kind == LOG_FILE_TIME_INDEX ? entry->offset >= check->last_offset
                                                    : entry->offset > check->last_offset;
    if (!rises || (check->kind == LOG_FILE_TIME_INDEX && check->last_offset >= 0 &&
                   entry->timestamp < check->last_timestamp)) {
        found(check, "offset %" PRId64 " does not rise over the entry before", entry->offset);
    }
}

static void step(struct log_index_check *check, const struct entry *entry)
{
    check->at += entry_size(check->kind);
    check->last_offset = entry->offset;
    check->last_timestamp = entry->timestamp;
}

static void found(struct log_index_check *check, const char *fmt, ...)
{
    char text[200];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args); /* three numbers fit */
    va_end(args);
    check->report(check->report_arg, check->path, check->at, text);
}
