/* log_fixture.h: one partition in a temporary directory, with a fake clock and hooks that count.
 *
 * Record n (its offset) always has the same contents (value "<n>:" and then filler), so that any read can be checked
 * against nothing but its offsets. Failures end the test. Threads: reads may run beside one appending thread. */
#ifndef TEST_LOG_FIXTURE_H
#define TEST_LOG_FIXTURE_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/file_faults.h"
#include "proto/batch_builder.h"
#include "storage/partition_impl.h"
#include "tests/support/temp_dir.h"

#define FIXTURE_NOW INT64_C(1700000000000)

struct log_fixture {
    struct log_env env; /* first member: hooks find the fixture */
    struct test_dir dir;
    struct lt_clock_fake clock;
    struct log_config config;
    struct log_partition *part; /* NULL while closed */
    _Atomic int dirty_count;
    _Atomic int moved_count;
    _Atomic int event_count;
    char event_text[512];   /* of the last event */
    int codec;              /* of the batches appended; PROTO_CODEC_NONE */
    size_t value_size;      /* filler per record */
    int64_t open_log_start; /* for the next open; -1 */
};

/* What fixture_try_append puts into a batch. */
struct fixture_batch {
    int count;              /* records */
    int64_t timestamp;      /* of the first record, ms */
    int64_t timestamp_step; /* per record */
};

void log_fixture_init(struct log_fixture *fx);
void log_fixture_release(struct log_fixture *fx);

/* Open and load; `recovery_point` as the checkpoint file would have it. Returns the code of load. */
int log_fixture_try_open(struct log_fixture *fx, bool clean, int64_t recovery_point);
void log_fixture_open(struct log_fixture *fx, bool clean, int64_t recovery_point);
void log_fixture_close(struct log_fixture *fx, bool clean);

/* Append one batch whose first record has offset `base_offset` (it must be log end for the contents to be right). */
int log_fixture_try_append(struct log_fixture *fx,
                           int64_t base_offset,
                           const struct fixture_batch *what);
/* The same at log end, which must work; returns the base offset. */
int64_t log_fixture_append(struct log_fixture *fx, int count, int64_t timestamp);
void log_fixture_append_many(struct log_fixture *fx, int batches, int count);

void log_fixture_flush(struct log_fixture *fx);
struct log_offsets log_fixture_offsets(struct log_fixture *fx);

/* Read [from, to) in pieces of size_max and check every record. */
void log_fixture_check(struct log_fixture *fx, int64_t from, int64_t to, size_t size_max);
/* Check the batches of an extent: CRCs, contents, offsets from extent->base_offset to next_offset. */
void log_fixture_check_extent(const struct log_extent *extent);

/* "<partition dir>/<base offset><suffix>"; valid for the next seven calls. */
const char *log_fixture_file(struct log_fixture *fx, int64_t base_offset, const char *suffix);

/* Change one byte of a file. */
void log_fixture_flip(const char *path, uint64_t position);

#endif
