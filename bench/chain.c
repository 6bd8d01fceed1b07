/* chain.c: see chain.h. */
#include "bench/chain.h"

#include <xxhash.h>

#include "base/alloc.h"
#include "bench/stamp.h"
#include "leat/err.h"
#include "proto/varint.h"

struct link {
    uint64_t run;
    int64_t timestamp_ms;
    uint64_t previous;
    uint64_t hash;
};

static int end_run(struct bench_chain_reader *reader);
static int take_in_order(struct bench_chain_reader *reader, int64_t sequence, struct link link);
static void take_late(struct bench_chain_reader *reader, int64_t sequence);
static int begin_run(struct bench_chain_reader *reader, int64_t sequence, struct link link);

bool bench_damage_any(const struct bench_damage *damage)
{
    return damage->lost > 0 || damage->doubled > 0 || damage->reordered > 0 || damage->changed > 0;
}

void bench_damage_add(struct bench_damage *into, const struct bench_damage *from)
{
    into->records += from->records;
    into->lost += from->lost;
    into->doubled += from->doubled;
    into->reordered += from->reordered;
    into->changed += from->changed;
    into->foreign += from->foreign;
    into->trimmed += from->trimmed;
    into->unacknowledged += from->unacknowledged;
}

static uint64_t
hash_of(uint64_t previous, struct lt_slice key, struct lt_slice value, int64_t timestamp_ms)
{
    uint8_t time[8];
    proto_store_u64(time, (uint64_t)timestamp_ms);
    uint64_t hash = XXH3_64bits_withSeed(value.data, value.size, previous);
    if (key.data != NULL) { /* no key and an empty one are different things */
        hash = XXH3_64bits_withSeed(key.data, key.size, hash + 1);
    }
    return XXH3_64bits_withSeed(time, sizeof(time), hash);
}

/* ---- writing ---- */

void bench_chain_writer_init(struct bench_chain_writer *writer, uint64_t run)
{
    *writer = (struct bench_chain_writer){.run = run, .last = run};
}

void bench_chain_write(struct bench_chain_writer *writer,
                       struct lt_slice key,
                       struct lt_slice value,
                       int64_t timestamp_ms,
                       uint8_t ret_header[BENCH_CHAIN_SIZE])
{
    uint64_t hash = hash_of(writer->last, key, value, timestamp_ms);
    proto_store_u64(ret_header, writer->run);
    proto_store_u64(ret_header + 8, (uint64_t)timestamp_ms);
    proto_store_u64(ret_header + 16, writer->last);
    proto_store_u64(ret_header + 24, hash);
    writer->last = hash;
    writer->next++;
}

/* ---- reading ---- */

void bench_chain_reader_init(struct bench_chain_reader *reader,
                             bool cut,
                             const struct bench_chain_state *state)
{
    *reader = (struct bench_chain_reader){.cut = cut, .has_state = state != NULL};
    if (state != NULL) {
        reader->state = *state;
    }
}

void bench_chain_reader_release(struct bench_chain_reader *reader)
{
    lt_free(reader->gaps);
    reader->gaps = NULL;
}

int bench_chain_read(struct bench_chain_reader *reader,
                     struct lt_slice key,
                     struct lt_slice value,
                     int64_t timestamp_ms,
                     struct lt_slice header)
{
    struct bench_stamp stamp;
    if (header.data == NULL || header.size != BENCH_CHAIN_SIZE ||
        !bench_stamp_read(value, &stamp)) {
        reader->damage.foreign++;
        return 0;
    }
    struct link link = {
        .run = proto_load_u64(header.data),
        .timestamp_ms = (int64_t)proto_load_u64(header.data + 8),
        .previous = proto_load_u64(header.data + 16),
        .hash = proto_load_u64(header.data + 24),
    };
    reader->damage.records++;
    if (hash_of(link.previous, key, value, link.timestamp_ms) != link.hash ||
        (timestamp_ms >= 0 && timestamp_ms != link.timestamp_ms)) {
        /* Nothing in it can be relied on: it stands for the one that was expected here. */
        reader->damage.changed++;
        reader->last = link.hash;
        reader->expected++;
        return 0;
    }
    if (!reader->begun || link.run != reader->run) {
        return begin_run(reader, stamp.sequence, link);
    }
    if (stamp.sequence >= reader->expected) {
        return take_in_order(reader, stamp.sequence, link);
    }
    take_late(reader, stamp.sequence);
    return 0;
}

static int add_gap(struct bench_chain_reader *reader, int64_t from, int64_t to)
{
    if (reader->gap_count == BENCH_CHAIN_GAPS_MAX) {
        reader->damage.lost += to - from; /* too many to see one of them filled */
        return 0;
    }
    if (reader->gap_count == reader->gap_capacity) {
        size_t capacity = reader->gap_capacity == 0 ? 16 : reader->gap_capacity * 2;
        struct bench_chain_gap *gaps =
            lt_reallocarray(reader->gaps, capacity, sizeof(*reader->gaps));
        if (gaps == NULL) {
            return LEAT_ENOMEM;
        }
        reader->gaps = gaps;
        reader->gap_capacity = capacity;
    }
    reader->gaps[reader->gap_count++] = (struct bench_chain_gap){from, to};
    return 0;
}

static int take_in_order(struct bench_chain_reader *reader, int64_t sequence, struct link link)
{
    int err = 0;
    if (sequence > reader->expected) {
        err = add_gap(reader, reader->expected, sequence);
    } else if (link.previous != reader->last) {
        reader->damage.changed++;
    }
    reader->last = link.hash;
    reader->expected = sequence + 1;
    return err;
}

static void take_late(struct bench_chain_reader *reader, int64_t sequence)
{
    for (size_t i = 0; i < reader->gap_count; i++) {
        struct bench_chain_gap *gap = &reader->gaps[i];
        if (sequence < gap->from || sequence >= gap->to) {
            continue;
        }
        struct bench_chain_gap rest = {sequence + 1, gap->to};
        gap->to = sequence;
        if (gap->from == gap->to) {
            *gap = rest;
        } else if (rest.from < rest.to) {
            int err = add_gap(reader, rest.from, rest.to);
            if (err != 0) {
                reader->damage.lost += rest.to - rest.from; /* cannot be told apart any more */
            }
        }
        reader->damage.reordered++;
        return;
    }
    reader->damage.doubled++;
}

static bool has_ended(const struct bench_chain_reader *reader, uint64_t run)
{
    size_t count = reader->run_count < BENCH_CHAIN_RUNS ? reader->run_count : BENCH_CHAIN_RUNS;
    for (size_t i = 0; i < count; i++) {
        if (reader->runs[i] == run) {
            return true;
        }
    }
    return false;
}

static int begin_run(struct bench_chain_reader *reader, int64_t sequence, struct link link)
{
    if (has_ended(reader, link.run)) {
        reader->damage.doubled++; /* a later run has begun: its writer wrote nothing since */
        return 0;
    }
    bool first = !reader->begun;
    int err = first ? 0 : end_run(reader);
    reader->begun = true;
    reader->run = link.run;
    reader->state_seen = reader->state_seen || (reader->has_state && link.run == reader->state.run);
    /* Records that are gone from the start of a partition were deleted, if it says so. */
    reader->expected = first && reader->cut ? sequence : 0;
    reader->damage.trimmed += reader->expected;
    reader->last = link.previous;
    if (sequence == 0 && link.previous != link.run) {
        reader->damage.changed++;
    }
    return err == 0 ? take_in_order(reader, sequence, link) : err;
}

/* What is still missing of the run that is read. */
static int end_run(struct bench_chain_reader *reader)
{
    bool known = reader->has_state && reader->run == reader->state.run;
    int64_t acknowledged = known ? reader->state.acknowledged : INT64_MAX;
    if (known && reader->state.sent > reader->expected) {
        int err = add_gap(reader, reader->expected, reader->state.sent);
        if (err != 0) {
            return err;
        }
    }
    for (size_t i = 0; i < reader->gap_count; i++) {
        struct bench_chain_gap gap = reader->gaps[i];
        int64_t border = acknowledged < gap.from ? gap.from
                         : acknowledged > gap.to ? gap.to
                                                 : acknowledged;
        reader->damage.lost += border - gap.from;
        reader->damage.unacknowledged += gap.to - border;
    }
    reader->gap_count = 0;
    reader->runs[reader->run_count++ % BENCH_CHAIN_RUNS] = reader->run;
    return 0;
}

void bench_chain_end(struct bench_chain_reader *reader)
{
    if (reader->begun && end_run(reader) != 0) {
        int64_t tail = reader->state.acknowledged - reader->expected;
        reader->damage.lost += tail > 0 ? tail : 0; /* no memory for the gap: count it at once */
    }
    if (reader->has_state && !reader->state_seen) {
        reader->damage.lost += reader->state.acknowledged;
        reader->damage.unacknowledged += reader->state.sent - reader->state.acknowledged;
    }
    reader->begun = false;
}
