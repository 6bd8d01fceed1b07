/* chain.h: what verify writes into each record, and how a partition is held against it.
 *
 * Beside the stamp in its value (stamp.h: the sequence counts from 0 in each partition) a record has one header, "chain":
 *
 *    0  8  run          random, one per writing run
 *    8  8  timestamp    of the record, ms
 *   16  8  previous     hash of the record before it; the first: the run
 *   24  8  hash         XXH3 over value, key and timestamp, seeded with the previous one
 *
 * All big-endian. A record whose hash is wrong was changed; a sequence that is missing was lost; one that comes again was
 * doubled; one that comes after a later one was reordered; and where the sequence is right and `previous` is not, the record
 * before was replaced by another that looks sound.
 * A partition may hold the chains of several runs, one after the other.
 *
 * Threads: one at a time per writer and reader. Source: the hash chain of s2's bench. */
#ifndef BENCH_CHAIN_H
#define BENCH_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define BENCH_CHAIN_HEADER "chain"
#define BENCH_CHAIN_SIZE 32
#define BENCH_CHAIN_RUNS 16        /* ended runs of a partition that are remembered */
#define BENCH_CHAIN_GAPS_MAX 65536 /* gaps of a partition that may still be filled */

struct bench_damage {
    int64_t records; /* of verify that were read */
    int64_t lost;
    int64_t doubled;
    int64_t reordered; /* came after a later one */
    int64_t changed;
    int64_t foreign; /* records that verify did not write: no damage */
    int64_t
        trimmed; /* before the start of a partition that does not begin at 0: deleted by somebody, or lost */
    int64_t unacknowledged; /* sent, never acknowledged, and not there: no damage either */
};

bool bench_damage_any(const struct bench_damage *damage);
void bench_damage_add(struct bench_damage *into, const struct bench_damage *from);

/* ---- writing ---- */

struct bench_chain_writer {
    uint64_t run;
    uint64_t last; /* hash of the record before */
    int64_t next;  /* sequence of the next record */
};

void bench_chain_writer_init(struct bench_chain_writer *writer, uint64_t run);

/* The header of the record with sequence writer->next, whose value carries that stamp already. */
void bench_chain_write(struct bench_chain_writer *writer,
                       struct lt_slice key,
                       struct lt_slice value,
                       int64_t timestamp_ms,
                       uint8_t ret_header[BENCH_CHAIN_SIZE]);

/* ---- reading ---- */

/* What a writing run knows of a partition. */
struct bench_chain_state {
    uint64_t run;
    int64_t sent;
    int64_t acknowledged; /* all sequences below it were */
};

struct bench_chain_gap {
    int64_t from, to; /* sequences [from, to) have not come yet */
};

struct bench_chain_reader {
    struct bench_damage damage;
    bool begun;
    bool cut; /* the partition does not begin at offset 0: what was before may be gone */
    uint64_t run;
    uint64_t last;
    int64_t expected; /* sequence */
    struct bench_chain_gap *gaps;
    size_t gap_count, gap_capacity;
    uint64_t runs[BENCH_CHAIN_RUNS]; /* ended ones, a ring */
    size_t run_count;
    struct bench_chain_state state; /* of the run that is told apart */
    bool has_state;
    bool state_seen;
};

/* state NULL: nothing is known but what the partition holds; then records that are missing at its end do not show. */
void bench_chain_reader_init(struct bench_chain_reader *reader,
                             bool cut,
                             const struct bench_chain_state *state);
void bench_chain_reader_release(struct bench_chain_reader *reader);

/* The next record of the partition. timestamp_ms -1: set by the broker, not looked at. header: of "chain", or null. */
int bench_chain_read(struct bench_chain_reader *reader,
                     struct lt_slice key,
                     struct lt_slice value,
                     int64_t timestamp_ms,
                     struct lt_slice header); /* LEAT_ENOMEM */

/* The partition is at its end: reader->damage is complete. */
void bench_chain_end(struct bench_chain_reader *reader);

#endif
