/* tally.h: counts and checksums per partition, so that what was sent, what is read and what is read after a crash can be compared.
 *
 * The checksum (FNV-1a, 64 bits) goes over offset, timestamp, key and value of every record in the order of the offsets; a missing, doubled,
 * swapped or changed record gives another one. Threads: one at a time. */
#ifndef DEMO_TALLY_H
#define DEMO_TALLY_H

#include <leat/leat.h>

#define TALLY_PARTITIONS_MAX 64

struct tally_part {
    int64_t count;
    int64_t first_offset; /* -1 = no record yet */
    int64_t next_offset;
    int64_t gaps; /* places where the next offset was not the last one + 1 */
    uint64_t checksum;
};

struct tally {
    struct tally_part parts[TALLY_PARTITIONS_MAX];
    int32_t part_count;
};

void tally_init(struct tally *tally, int32_t part_count);
void tally_add(struct tally *tally, const struct leat_record *rec);
int64_t tally_total(const struct tally *tally);
void tally_print(const struct tally *tally); /* a table on stdout */

/* "2025-06-24 14:36:25" (local time) to milliseconds and back. tally_time_parse: -1 if it is not that. */
int64_t tally_time_parse(const char *text);
const char *tally_time_format(int64_t ms, char *buf, size_t size);

#endif
