/* batch_check.h: may this batch be stored? The rules for what producers send, and what the broker writes into it.
 *
 * Three steps, from cheap to dear, and one function that runs what the rules ask for:
 *
 *   proto_batch_check_header   the 61 bytes, the size limits, the CRC: always
 *   proto_batch_check_records  the records, decompressed if needed: structure, count, offsets, times, keys
 *   proto_batch_prepare        both, then timestamp type, max timestamp and codec as the topic wants them
 *
 * Base offset and leader epoch are not touched here: the log sets them when it knows them.
 *
 * Codes, and the wire codes that they stand for:
 *
 *   LEAT_ECORRUPT    CORRUPT_MESSAGE
 *   LEAT_E2BIG       MESSAGE_TOO_LARGE
 *   LEAT_EFULL       RECORD_LIST_TOO_LARGE
 *   LEAT_ERECORD     INVALID_RECORD
 *   LEAT_ETIMESTAMP  INVALID_TIMESTAMP
 *   LEAT_ECODEC      UNSUPPORTED_COMPRESSION_TYPE
 *
 * Where leat is stricter than Kafka: odd offset deltas are refused in uncompressed batches too when they are walked.
 * Threads: any; the functions keep no state. Blocks: no.
 * Source: Kafka LogValidator, UnifiedLog.analyzeAndValidateRecords, ProduceRequest.validateRecords. */
#ifndef PROTO_BATCH_CHECK_H
#define PROTO_BATCH_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "proto/record_batch.h"

/* Topic config leat.record.validation; the numbers are those of enum log_validation. */
enum proto_batch_validation {
    PROTO_VALIDATE_HEADER = 0, /* the header rows only */
    PROTO_VALIDATE_WALK = 1,   /* and the structure of uncompressed records */
    PROTO_VALIDATE_FULL = 2,   /* and of compressed ones */
};

struct proto_batch_rules {
    size_t batch_bytes_max;   /* max.message.bytes, whole batch */
    size_t segment_bytes_max; /* segment.bytes */
    int64_t before_max_ms;    /* message.timestamp.before.max.ms */
    int64_t after_max_ms;     /* message.timestamp.after.max.ms */
    const char *partition;    /* "orders-0", for messages; NULL is accepted */
    enum proto_batch_validation validation;
    int codec;               /* compression.type: enum proto_codec or PROTO_CODEC_PRODUCER */
    int level;               /* of that codec, or PROTO_LEVEL_DEFAULT */
    int16_t produce_version; /* version of the Produce request: zstd needs 7 */
    bool append_time;        /* message.timestamp.type=LogAppendTime */
    bool compacted;          /* cleanup.policy has compact: every record needs a key */
    bool internal; /* the server's own records: control batches are allowed, times and keys not
                      judged */
};

/* Kafka's defaults: 1048588 bytes, 1 GiB segments, no bound before, one hour after, walk,
 * producer's codec. */
void proto_batch_rules_init(struct proto_batch_rules *rules);

enum proto_record_fault {
    PROTO_RECORD_NO_KEY = 0,     /* compacted topic */
    PROTO_RECORD_TIME_RANGE = 1, /* outside the allowed window */
    PROTO_RECORD_TIME_TYPE = 2,  /* log append time set by the producer */
};

struct proto_bad_record {
    int32_t index; /* in the batch, from 0: Produce's batch_index */
    enum proto_record_fault fault;
    int64_t timestamp; /* ms, of the record */
};

/* Bad records remembered per batch; bad_total counts all of them. */
#define PROTO_BAD_RECORDS_MAX 1000

/* What was found. Init before the first use, release after the last; prepare may be called again on
 * the same one. */
struct proto_batch_verdict {
    struct proto_batch_header header; /* of the batch to store: as read, with what was changed */
    uint8_t *batch;        /* the batch to store: the caller's bytes, or those of rebuilt */
    size_t size;           /* its size; bytes behind it in the request are ignored */
    struct lt_buf rebuilt; /* the recompressed batch, if there is one; owned */
    int64_t append_time;   /* ms; -1 with CreateTime. Produce's log_append_time_ms */
    int64_t time_min;      /* ms: the window that was asked for */
    int64_t time_max;
    const char *message;          /* why it was refused; constant text, NULL while nothing was */
    struct proto_bad_record *bad; /* with LEAT_ERECORD and LEAT_ETIMESTAMP, may be NULL; owned */
    uint32_t bad_count;           /* entries in bad */
    uint32_t bad_total;           /* bad records found */
    bool walked;                  /* the records were looked at */
};

void proto_batch_verdict_init(struct proto_batch_verdict *verdict);
void proto_batch_verdict_release(struct proto_batch_verdict *verdict);

/* Kafka's sentence for bad record i (Produce's record_errors[i].batch_index_error_message),
 * appended to out. `partition` as in the rules. LEAT_ENOMEM. */
int proto_bad_record_text(const struct proto_batch_verdict *verdict,
                          uint32_t i,
                          const char *partition,
                          struct lt_buf *out);

/* The header rows: whole batch there, exactly one, magic, size limit, CRC, counts, sequence, codec,
 * timestamp type.
 *
 *   bytes  the `records` field of one partition; null and empty are refused
 *
 * Fills header, size and message. Returns 0 or a code of the head of this file. */
int proto_batch_check_header(struct lt_slice bytes,
                             const struct proto_batch_rules *rules,
                             struct proto_batch_verdict *verdict);

/* The record rows, on encoded, uncompressed records.
 *
 *   header            as check_header read it
 *   ret_max_timestamp largest timestamp of the records, written on success
 *
 * Fills bad and message. Returns 0, LEAT_ERECORD or LEAT_ETIMESTAMP. */
int proto_batch_check_records(const struct proto_batch_header *header,
                              struct lt_slice records,
                              const struct proto_batch_rules *rules,
                              int64_t now_ms,
                              struct proto_batch_verdict *verdict,
                              int64_t *ret_max_timestamp);

/* Do the records have to be decoded for this batch, by the rules and by what its header says? After
 * check_header. Cases: compacted topic, another codec wanted, a header that contradicts itself,
 * header times outside the window, validation walk (uncompressed) or full. */
bool proto_batch_needs_records(const struct proto_batch_header *header,
                               const struct proto_batch_rules *rules,
                               int64_t now_ms);

/* All checks that the rules ask for, then make the batch what the topic wants: timestamp type bit,
 * max timestamp (now with LogAppendTime; the largest of the records where they were walked), codec.
 * CRC only where something changed.
 *
 *   bytes, size  the `records` field; patched in place, not kept
 *   verdict      initialised; on success batch, size and header are what is to be stored
 *
 * Returns 0 or a code of the head of this file, or LEAT_ENOMEM. On error the bytes are unchanged.
 */
int proto_batch_prepare(uint8_t *bytes,
                        size_t size,
                        const struct proto_batch_rules *rules,
                        int64_t now_ms,
                        struct proto_batch_verdict *verdict);

#endif
