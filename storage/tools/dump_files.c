#include "storage/tools/dump_files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "proto/varint.h"

#define INDEX_ENTRY_SIZE 8
#define TIME_INDEX_ENTRY_SIZE 12
#define TXN_INDEX_ENTRY_SIZE 34
#define SNAPSHOT_HEAD_SIZE 10
#define SNAPSHOT_ENTRY_SIZE 46
#define TEXT_SIZE_MAX ((uint64_t)64 << 20)

static int cannot_read(const struct log_file *file, int err, struct leat_error **reterr);
static bool all_zero(const uint8_t *data, size_t size);
static int64_t entry_offset(const struct log_file *file, const uint8_t *entry);
static void print_entry(const struct log_file *file, const uint8_t *entry, struct log_out *out);
static void print_producer(const uint8_t *entry, struct log_out *out);

/* A text file while it is read. */
struct text_state {
    int64_t count;        /* entries that line 2 of a checkpoint promises */
    int64_t epoch;        /* of the line before */
    int64_t start_offset; /* of the line before */
    int line;             /* from 1 */
};

static int
print_line(const struct log_file *file, char *line, struct text_state *state, struct log_out *out);
static bool take_number(char **at, int64_t *ret);
static int print_epoch(char *line, struct text_state *state, struct log_out *out);
static int print_checkpoint(char *line, struct log_out *out);
static int print_property(char *line, struct log_out *out);

int log_dump_index(const struct log_file *file,
                   const struct log_dump_options *options,
                   struct log_view *view,
                   struct log_out *out,
                   struct leat_error **reterr)
{
    size_t entry_size = file->kind == LOG_FILE_INDEX        ? INDEX_ENTRY_SIZE
                        : file->kind == LOG_FILE_TIME_INDEX ? TIME_INDEX_ENTRY_SIZE
                                                            : TXN_INDEX_ENTRY_SIZE;
    uint64_t at = 0;
    for (; view->size - at >= entry_size; at += entry_size) {
        const uint8_t *entry = NULL;
        int err = log_view_get(view, at, entry_size, &entry);
        if (err != 0) {
            return cannot_read(file, err, reterr);
        }
        /* Space reserved ahead: no entry of any index is all zero. */
        if (all_zero(entry, entry_size)) {
            break;
        }
        int64_t offset = entry_offset(file, entry);
        if (offset >= options->offset_from && offset < options->offset_end) {
            print_entry(file, entry, out);
        }
    }
    if (at == 0 && !out->json) {
        log_out_print(out, "%s is empty.\n", file->path);
    }
    if (view->size % entry_size != 0) {
        return lt_error_set(reterr, LEAT_ECORRUPT,
                            "%s: %" PRIu64 " bytes are no whole number of entries of %zu bytes",
                            file->path, view->size, entry_size);
    }
    return 0;
}

static int cannot_read(const struct log_file *file, int err, struct leat_error **reterr)
{
    return lt_error_set(reterr, err, "%s: cannot be read: %s", file->path, lt_err_text(err));
}

static bool all_zero(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] != 0) {
            return false;
        }
    }
    return true;
}

static int64_t entry_offset(const struct log_file *file, const uint8_t *entry)
{
    if (file->kind == LOG_FILE_TXN_INDEX) {
        return proto_load_i64(entry + 18); /* the marker's */
    }
    return file->base_offset + proto_load_i32(file->kind == LOG_FILE_INDEX ? entry : entry + 8);
}

static void print_entry(const struct log_file *file, const uint8_t *entry, struct log_out *out)
{
    int64_t offset = entry_offset(file, entry);
    if (file->kind == LOG_FILE_INDEX) {
        if (out->json) {
            log_out_begin(out, "index_entry");
            log_out_int(out, "offset", offset);
            log_out_int(out, "position", proto_load_i32(entry + 4));
            log_out_end(out);
        } else {
            log_out_print(out, "offset: %" PRId64 " position: %" PRId32 "\n", offset,
                          proto_load_i32(entry + 4));
        }
        return;
    }
    if (file->kind == LOG_FILE_TIME_INDEX) {
        if (out->json) {
            log_out_begin(out, "time_index_entry");
            log_out_int(out, "timestamp", proto_load_i64(entry));
            log_out_int(out, "offset", offset);
            log_out_end(out);
        } else {
            log_out_print(out, "timestamp: %" PRId64 " offset: %" PRId64 "\n",
                          proto_load_i64(entry), offset);
        }
        return;
    }
    if (out->json) {
        log_out_begin(out, "aborted_transaction");
        log_out_int(out, "version", proto_load_i16(entry));
        log_out_int(out, "producer_id", proto_load_i64(entry + 2));
        log_out_int(out, "first_offset", proto_load_i64(entry + 10));
        log_out_int(out, "last_offset", offset);
        log_out_int(out, "last_stable_offset", proto_load_i64(entry + 26));
        log_out_end(out);
        return;
    }
    log_out_print(out,
                  "version: %d producerId: %" PRId64 " firstOffset: %" PRId64
                  " lastOffset: %" PRId64 " lastStableOffset: %" PRId64 "\n",
                  proto_load_i16(entry), proto_load_i64(entry + 2), proto_load_i64(entry + 10),
                  offset, proto_load_i64(entry + 26));
}

int log_dump_snapshot(const struct log_file *file,
                      struct log_view *view,
                      struct log_out *out,
                      struct leat_error **reterr)
{
    /* version i16 = 1, CRC-32C of all that follows, count i32, entries */
    const uint8_t *data = NULL;
    if (view->size < SNAPSHOT_HEAD_SIZE || view->size > TEXT_SIZE_MAX) {
        return lt_error_set(reterr, LEAT_ECORRUPT, "%s: not the size of a producer snapshot",
                            file->path);
    }
    int err = log_view_get(view, 0, (size_t)view->size, &data);
    if (err != 0) {
        return cannot_read(file, err, reterr);
    }
    if (proto_load_i16(data) != 1) {
        return lt_error_set(reterr, LEAT_ECORRUPT,
                            "%s: version %d of a producer snapshot is not known", file->path,
                            proto_load_i16(data));
    }
    uint64_t entries = proto_load_u32(data + 6);
    if (lt_crc32c(data + 6, (size_t)view->size - 6) != proto_load_u32(data + 2) ||
        entries * SNAPSHOT_ENTRY_SIZE != view->size - SNAPSHOT_HEAD_SIZE) {
        return lt_error_set(reterr, LEAT_ECORRUPT, "%s: the CRC or the number of entries is wrong",
                            file->path);
    }
    for (uint64_t i = 0; i < entries; i++) {
        print_producer(data + SNAPSHOT_HEAD_SIZE + i * SNAPSHOT_ENTRY_SIZE, out);
    }
    return 0;
}

/*  0 producer id i64      8 epoch i16             10 last sequence i32       14 last offset i64
 * 22 offset delta i32    26 timestamp i64         34 coordinator epoch i32   38 first offset of the open transaction i64 */
static void print_producer(const uint8_t *entry, struct log_out *out)
{
    int32_t last_sequence = proto_load_i32(entry + 10);
    int64_t last_offset = proto_load_i64(entry + 14);
    int32_t delta = proto_load_i32(entry + 22);
    int64_t timestamp = proto_load_i64(entry + 26);
    int64_t txn_first = proto_load_i64(entry + 38);
    if (out->json) {
        log_out_begin(out, "producer");
        log_out_int(out, "producer_id", proto_load_i64(entry));
        log_out_int(out, "producer_epoch", proto_load_i16(entry + 8));
        log_out_int(out, "last_sequence", last_sequence);
        log_out_int(out, "last_offset", last_offset);
        log_out_int(out, "offset_delta", delta);
        log_out_int(out, "timestamp", timestamp);
        log_out_int(out, "coordinator_epoch", proto_load_i32(entry + 34));
        log_out_int(out, "transaction_first_offset", txn_first);
        log_out_end(out);
        return;
    }
    log_out_print(out,
                  "producerId: %" PRId64 " producerEpoch: %d coordinatorEpoch: %" PRId32
                  " currentTxnFirstOffset: ",
                  proto_load_i64(entry), proto_load_i16(entry + 8), proto_load_i32(entry + 34));
    if (txn_first < 0) {
        log_out_puts(out, "OptionalLong.empty");
    } else {
        log_out_print(out, "OptionalLong[%" PRId64 "]", txn_first);
    }
    log_out_print(out, " lastTimestamp: %" PRId64, timestamp);
    /* No batch, only a marker: Kafka prints nothing more. */
    if (last_sequence >= 0) {
        int32_t first = (int32_t)(((int64_t)last_sequence - delta) & INT32_MAX);
        log_out_print(out,
                      " firstSequence: %" PRId32 " lastSequence: %" PRId32 " lastOffset: %" PRId64
                      " offsetDelta: %" PRId32 " timestamp: %" PRId64,
                      first, last_sequence, last_offset, delta, timestamp);
    }
    log_out_puts(out, "\n");
}

int log_dump_text(const struct log_file *file,
                  struct log_view *view,
                  struct log_out *out,
                  struct leat_error **reterr)
{
    if (view->size > TEXT_SIZE_MAX) {
        return lt_error_set(reterr, LEAT_E2BIG, "%s: too large for a text file", file->path);
    }
    const uint8_t *data = NULL;
    int err = view->size == 0 ? 0 : log_view_get(view, 0, (size_t)view->size, &data);
    if (err != 0) {
        return cannot_read(file, err, reterr);
    }
    char *text = lt_strndup(view->size == 0 ? "" : (const char *)data, (size_t)view->size);
    if (text == NULL) {
        return LEAT_ENOMEM;
    }
    struct text_state state = {.epoch = -1, .start_offset = -1};
    char *rest = text;
    while (err == 0 && rest != NULL && *rest != '\0') {
        char *line = strsep(&rest, "\n");
        state.line++;
        err = print_line(file, line, &state, out);
    }
    bool checkpoint = file->kind == LOG_FILE_EPOCHS || file->kind == LOG_FILE_OFFSET_CHECKPOINT;
    if (err != 0) {
        (void)lt_error_set(reterr, err, "%s: line %d is not what it should be", file->path,
                           state.line);
    } else if (checkpoint && state.line >= 2 && state.count != state.line - 2) {
        err = lt_error_set(reterr, LEAT_ECORRUPT, "%s: %" PRId64 " entries promised, %d there",
                           file->path, state.count, state.line - 2);
    }
    lt_free(text);
    return err;
}

static int
print_line(const struct log_file *file, char *line, struct text_state *state, struct log_out *out)
{
    if (file->kind != LOG_FILE_EPOCHS && file->kind != LOG_FILE_OFFSET_CHECKPOINT) {
        return print_property(line, out);
    }
    if (state->line == 1) {
        int64_t version = -1;
        return take_number(&line, &version) && line == NULL && version == 0 ? 0 : LEAT_ECORRUPT;
    }
    if (state->line == 2) {
        return take_number(&line, &state->count) && line == NULL ? 0 : LEAT_ECORRUPT;
    }
    return file->kind == LOG_FILE_EPOCHS ? print_epoch(line, state, out)
                                         : print_checkpoint(line, out);
}

/* The next word as a number; *at moves behind the blank that ends it, NULL at the end of the line. */
static bool take_number(char **at, int64_t *ret)
{
    char *word = strsep(at, " ");
    if (word == NULL || *word == '\0') {
        return false;
    }
    char *end = NULL;
    errno = 0;
    *ret = strtoll(word, &end, 10);
    return errno == 0 && *end == '\0';
}

/* "epoch start_offset"; both rise. */
static int print_epoch(char *line, struct text_state *state, struct log_out *out)
{
    int64_t epoch = 0;
    int64_t start = 0;
    if (!take_number(&line, &epoch) || !take_number(&line, &start) || line != NULL ||
        epoch <= state->epoch || start < state->start_offset) {
        return LEAT_ECORRUPT;
    }
    state->epoch = epoch;
    state->start_offset = start;
    if (out->json) {
        log_out_begin(out, "epoch");
        log_out_int(out, "leader_epoch", epoch);
        log_out_int(out, "start_offset", start);
        log_out_end(out);
    } else {
        log_out_print(out, "leaderEpoch: %" PRId64 " startOffset: %" PRId64 "\n", epoch, start);
    }
    return 0;
}

/* "topic partition offset" */
static int print_checkpoint(char *line, struct log_out *out)
{
    int64_t partition = 0;
    int64_t offset = 0;
    const char *topic = strsep(&line, " ");
    if (*topic == '\0' || !take_number(&line, &partition) || !take_number(&line, &offset) ||
        line != NULL) {
        return LEAT_ECORRUPT;
    }
    if (out->json) {
        log_out_begin(out, "checkpoint");
        log_out_text(out, "topic", topic);
        log_out_int(out, "partition", partition);
        log_out_int(out, "offset", offset);
        log_out_end(out);
    } else {
        log_out_escaped(out, lt_slice_text(topic));
        log_out_print(out, "-%" PRId64 " offset: %" PRId64 "\n", partition, offset);
    }
    return 0;
}

/* "name: value" or "name=value" */
static int print_property(char *line, struct log_out *out)
{
    if (line[0] == '#' || line[0] == '\0') {
        return 0;
    }
    size_t name = strcspn(line, ":=");
    if (line[name] == '\0') {
        return LEAT_ECORRUPT;
    }
    line[name] = '\0';
    const char *value = line + name + 1 + strspn(line + name + 1, " ");
    if (out->json) {
        log_out_begin(out, "property");
        log_out_text(out, "name", line);
        log_out_text(out, "value", value);
        log_out_end(out);
        return 0;
    }
    log_out_escaped(out, lt_slice_text(line));
    log_out_puts(out, ": ");
    log_out_escaped(out, lt_slice_text(value));
    log_out_puts(out, "\n");
    return 0;
}
