#include "storage/tools/dump.h"

#include <inttypes.h>

#include "storage/tools/batch_walk.h"
#include "storage/tools/dump_files.h"

/* One .log file while it is printed. */
struct dump {
    const struct log_file *file;
    const struct log_dump_options *options;
    struct log_out *out;
    struct lt_buf scratch; /* decompressed records */
    bool damaged;
};

static int dump_log(struct dump *dump, struct log_view *view, struct leat_error **reterr);
static void dump_batch(struct dump *dump, const struct log_walk_item *item);
static void batch_text(struct dump *dump, const struct log_walk_item *item);
static void batch_json(struct dump *dump, const struct log_walk_item *item);
static int dump_records(struct dump *dump, const struct log_walk_item *item);
static void record_text(struct dump *dump,
                        const struct proto_batch_header *header,
                        const struct proto_record *record);
static void record_json(struct dump *dump,
                        const struct proto_batch_header *header,
                        const struct proto_record *record);
static void dump_gap(struct dump *dump, const struct log_walk_item *item);
static int32_t sequence_of(const struct proto_batch_header *header, int32_t delta);

int log_dump_file(const struct log_file *file,
                  const struct log_dump_options *options,
                  struct log_out *out,
                  struct leat_error **reterr)
{
    struct log_view view;
    int err = log_view_open(&view, options->ops, file->path, reterr);
    if (err != 0) {
        goto out;
    }
    if (out->json) {
        log_out_begin(out, "file");
        log_out_text(out, "path", file->path);
        log_out_int(out, "size", (int64_t)view.size);
        log_out_end(out);
    } else {
        log_out_print(out, "Dumping %s\n", file->path);
    }
    switch (file->kind) {
    case LOG_FILE_LOG: {
        struct dump dump = {.file = file, .options = options, .out = out};
        err = dump_log(&dump, &view, reterr);
        lt_buf_release(&dump.scratch);
        break;
    }
    case LOG_FILE_INDEX:
    case LOG_FILE_TIME_INDEX:
    case LOG_FILE_TXN_INDEX:
        err = log_dump_index(file, options, &view, out, reterr);
        break;
    case LOG_FILE_SNAPSHOT:
        err = log_dump_snapshot(file, &view, out, reterr);
        break;
    case LOG_FILE_PRODUCERS:
        err = log_dump_producers(file, &view, out, reterr);
        break;
    case LOG_FILE_PROPERTIES:
    case LOG_FILE_OFFSET_CHECKPOINT:
    case LOG_FILE_PARTITION:
    case LOG_FILE_EPOCHS:
        err = log_dump_text(file, &view, out, reterr);
        break;
    case LOG_FILE_UNKNOWN:
    default:
        err = lt_error_set(reterr, LEAT_ENAME, "%s: not a log file", file->path);
        break;
    }
out:
    log_view_close(&view);
    return err;
}

static int dump_log(struct dump *dump, struct log_view *view, struct leat_error **reterr)
{
    struct log_walk walk;
    struct log_walk_item item;
    if (!dump->out->json) {
        log_out_print(dump->out, "Log starting offset: %" PRId64 "\n", dump->file->base_offset);
    }
    log_walk_init(&walk, view);
    do {
        int err = log_walk_next(&walk, &item);
        if (err != 0) {
            return lt_error_set(reterr, err, "%s: cannot be read at position %" PRIu64 "%s",
                                dump->file->path, walk.position,
                                err == LEAT_ERANGE ? ": it became shorter meanwhile" : "");
        }
        if (item.kind == LOG_WALK_BATCH) {
            dump_batch(dump, &item);
        } else if (item.kind != LOG_WALK_END) {
            dump_gap(dump, &item);
        }
    } while (item.kind != LOG_WALK_END);
    if (dump->damaged) {
        return lt_error_set(reterr, LEAT_ECORRUPT, "%s: damaged, see above", dump->file->path);
    }
    return 0;
}

static void dump_batch(struct dump *dump, const struct log_walk_item *item)
{
    const struct proto_batch_header *header = &item->header;
    if (!item->crc_ok) {
        dump->damaged = true; /* counts also where it is not shown */
    }
    if (proto_batch_header_last_offset(header) < dump->options->offset_from ||
        header->base_offset >= dump->options->offset_end) {
        return;
    }
    if (dump->out->json) {
        batch_json(dump, item);
    } else {
        batch_text(dump, item);
    }
    if (!dump->options->records) {
        return;
    }
    int err = dump_records(dump, item);
    if (err == 0) {
        return;
    }
    dump->damaged = true;
    if (dump->out->json) {
        log_out_begin(dump->out, "bad_records");
        log_out_int(dump->out, "position", (int64_t)item->position);
        log_out_text(dump->out, "error", lt_err_text(err));
        log_out_end(dump->out);
    } else {
        log_out_print(dump->out, "| the records cannot be read: %s\n", lt_err_text(err));
    }
}

/* Kafka's line, word for word. */
static void batch_text(struct dump *dump, const struct log_walk_item *item)
{
    const struct proto_batch_header *header = &item->header;
    bool append_time = proto_batch_header_is(header, PROTO_BATCH_LOG_APPEND_TIME);
    log_out_print(dump->out,
                  "baseOffset: %" PRId64 " lastOffset: %" PRId64 " count: %" PRId32
                  " baseSequence: %" PRId32 " lastSequence: %" PRId32 " producerId: %" PRId64
                  " producerEpoch: %" PRId16 " partitionLeaderEpoch: %" PRId32
                  " isTransactional: %s"
                  " isControl: %s",
                  header->base_offset, proto_batch_header_last_offset(header), header->record_count,
                  header->base_sequence, sequence_of(header, header->last_offset_delta),
                  header->producer_id, header->producer_epoch, header->leader_epoch,
                  proto_batch_header_is(header, PROTO_BATCH_TRANSACTIONAL) ? "true" : "false",
                  proto_batch_header_is(header, PROTO_BATCH_CONTROL) ? "true" : "false");
    if (proto_batch_header_is(header, PROTO_BATCH_DELETE_HORIZON)) {
        log_out_print(dump->out, " deleteHorizonMs: OptionalLong[%" PRId64 "]",
                      header->base_timestamp);
    } else {
        log_out_puts(dump->out, " deleteHorizonMs: OptionalLong.empty");
    }
    log_out_print(dump->out,
                  " position: %" PRIu64 " %s: %" PRId64 " size: %" PRIu64
                  " magic: %d compresscodec: %s crc: %" PRIu32 " isvalid: %s\n",
                  item->position, append_time ? "LogAppendTime" : "CreateTime",
                  header->max_timestamp, item->size, header->magic,
                  proto_codec_name(proto_batch_header_codec(header)), header->crc,
                  item->crc_ok ? "true" : "false");
}

static void batch_json(struct dump *dump, const struct log_walk_item *item)
{
    const struct proto_batch_header *header = &item->header;
    struct log_out *out = dump->out;
    log_out_begin(out, "batch");
    log_out_int(out, "position", (int64_t)item->position);
    log_out_int(out, "size", (int64_t)item->size);
    log_out_int(out, "base_offset", header->base_offset);
    log_out_int(out, "last_offset", proto_batch_header_last_offset(header));
    log_out_int(out, "record_count", header->record_count);
    log_out_int(out, "leader_epoch", header->leader_epoch);
    log_out_int(out, "magic", header->magic);
    log_out_text(out, "codec", proto_codec_name(proto_batch_header_codec(header)));
    log_out_text(out, "timestamp_type",
                 proto_batch_header_is(header, PROTO_BATCH_LOG_APPEND_TIME) ? "append" : "create");
    log_out_int(out, "base_timestamp", header->base_timestamp);
    log_out_int(out, "max_timestamp", header->max_timestamp);
    log_out_bool(out, "transactional", proto_batch_header_is(header, PROTO_BATCH_TRANSACTIONAL));
    log_out_bool(out, "control", proto_batch_header_is(header, PROTO_BATCH_CONTROL));
    log_out_bool(out, "delete_horizon", proto_batch_header_is(header, PROTO_BATCH_DELETE_HORIZON));
    log_out_int(out, "producer_id", header->producer_id);
    log_out_int(out, "producer_epoch", header->producer_epoch);
    log_out_int(out, "base_sequence", header->base_sequence);
    log_out_int(out, "crc", header->crc);
    log_out_bool(out, "crc_ok", item->crc_ok);
    log_out_end(out);
}

static int dump_records(struct dump *dump, const struct log_walk_item *item)
{
    struct proto_record_iter iter;
    struct proto_record record;
    int got = proto_batch_records_open(lt_slice(item->batch, (size_t)item->size), 0, &dump->scratch,
                                       &iter);
    if (got != 0) {
        return got;
    }
    while ((got = proto_record_next(&iter, &record)) == 1) {
        if (record.offset < dump->options->offset_from ||
            record.offset >= dump->options->offset_end) {
            continue;
        }
        if (dump->out->json) {
            record_json(dump, &item->header, &record);
        } else {
            record_text(dump, &item->header, &record);
        }
    }
    return got;
}

/* As Kafka prints them, but for bytes that are not text: those are escaped. */
static void record_text(struct dump *dump,
                        const struct proto_batch_header *header,
                        const struct proto_record *record)
{
    struct log_out *out = dump->out;
    bool append_time = proto_batch_header_is(header, PROTO_BATCH_LOG_APPEND_TIME);
    log_out_print(out,
                  "| offset: %" PRId64 " %s: %" PRId64 " keySize: %" PRId64 " valueSize: %" PRId64
                  " sequence: %" PRId32 " headerKeys: [",
                  record->offset, append_time ? "LogAppendTime" : "CreateTime", record->timestamp,
                  record->key.data == NULL ? -1 : (int64_t)record->key.size,
                  record->value.data == NULL ? -1 : (int64_t)record->value.size,
                  sequence_of(header, record->offset_delta));
    struct proto_record_header_iter headers;
    struct proto_record_header one;
    proto_record_headers_open(record, &headers);
    for (int i = 0; proto_record_header_next(&headers, &one) == 1; i++) {
        log_out_puts(out, i == 0 ? "" : ",");
        log_out_escaped(out, one.key);
    }
    log_out_puts(out, "]");
    if (proto_batch_header_is(header, PROTO_BATCH_CONTROL)) {
        int type = 0;
        int32_t epoch = 0;
        if (proto_control_read(record, &type, &epoch) != 0) {
            log_out_puts(out, " controlType: UNREADABLE");
        } else if (type == PROTO_CONTROL_ABORT || type == PROTO_CONTROL_COMMIT) {
            log_out_print(out, " endTxnMarker: %s coordinatorEpoch: %" PRId32,
                          type == PROTO_CONTROL_COMMIT ? "COMMIT" : "ABORT", epoch);
        } else {
            log_out_print(out, " controlType: %d", type);
        }
        log_out_puts(out, "\n");
        return;
    }
    if (record->key.data != NULL) {
        log_out_puts(out, " key: ");
        log_out_escaped(out, record->key);
    }
    if (record->value.data != NULL) {
        log_out_puts(out, " payload: ");
        log_out_escaped(out, record->value);
    }
    log_out_puts(out, "\n");
}

static void record_json(struct dump *dump,
                        const struct proto_batch_header *header,
                        const struct proto_record *record)
{
    struct log_out *out = dump->out;
    log_out_begin(out, "record");
    log_out_int(out, "offset", record->offset);
    log_out_int(out, "timestamp", record->timestamp);
    log_out_int(out, "sequence", sequence_of(header, record->offset_delta));
    int type = 0;
    int32_t epoch = 0;
    if (proto_batch_header_is(header, PROTO_BATCH_CONTROL) &&
        proto_control_read(record, &type, &epoch) == 0) {
        log_out_int(out, "control_type", type);
        log_out_int(out, "coordinator_epoch", epoch);
    }
    log_out_bytes(out, "key", record->key);
    log_out_bytes(out, "value", record->value);
    log_out_array_open(out, "headers");
    struct proto_record_header_iter headers;
    struct proto_record_header one;
    proto_record_headers_open(record, &headers);
    while (proto_record_header_next(&headers, &one) == 1) {
        log_out_item_begin(out);
        log_out_bytes(out, "key", one.key);
        log_out_bytes(out, "value", one.value);
        log_out_item_end(out);
    }
    log_out_array_close(out);
    log_out_end(out);
}

/* Zeros or damage. */
static void dump_gap(struct dump *dump, const struct log_walk_item *item)
{
    bool zeros = item->kind == LOG_WALK_ZEROS;
    if (!zeros) {
        dump->damaged = true;
    }
    if (dump->out->json) {
        log_out_begin(dump->out, zeros ? "zeros" : "damage");
        log_out_int(dump->out, "position", (int64_t)item->position);
        log_out_int(dump->out, "size", (int64_t)item->size);
        if (!zeros) {
            log_out_text(dump->out, "error", item->why);
        }
        log_out_end(dump->out);
        return;
    }
    if (zeros) {
        log_out_print(dump->out,
                      "zeros up to the end: position: %" PRIu64 " size: %" PRIu64
                      " (space reserved ahead of the writer)\n",
                      item->position, item->size);
    } else {
        log_out_print(dump->out, "no batch: position: %" PRIu64 " size: %" PRIu64 " (%s)\n",
                      item->position, item->size, item->why);
    }
}

/* Sequences of a producer wrap from the largest int32 to 0; -1 stays -1. */
static int32_t sequence_of(const struct proto_batch_header *header, int32_t delta)
{
    if (header->base_sequence < 0) {
        return -1;
    }
    return (int32_t)(((int64_t)header->base_sequence + delta) & INT32_MAX);
}
