/* tally.c: see tally.h. */
#include "contrib/demo/tally.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void tally_init(struct tally *tally, int32_t part_count)
{
    memset(tally, 0, sizeof(*tally));
    tally->part_count = part_count < TALLY_PARTITIONS_MAX ? part_count : TALLY_PARTITIONS_MAX;
    for (int32_t i = 0; i < tally->part_count; i++) {
        tally->parts[i].first_offset = -1;
        tally->parts[i].checksum = 14695981039346656037u;
    }
}

static uint64_t mix(uint64_t sum, const void *data, size_t size)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < size; i++) {
        sum = (sum ^ bytes[i]) * 1099511628211u;
    }
    return sum;
}

void tally_add(struct tally *tally, const struct leat_record *rec)
{
    const int64_t numbers[2] = {leat_record_offset(rec), leat_record_timestamp(rec)};
    struct tally_part *part;
    int32_t partition;
    size_t size;
    const void *data;

    (void)leat_record_topic(rec, &partition);
    if (partition < 0 || partition >= tally->part_count) {
        return;
    }
    part = &tally->parts[partition];
    if (part->first_offset < 0) {
        part->first_offset = numbers[0];
    } else {
        part->gaps += numbers[0] != part->next_offset;
    }
    part->next_offset = numbers[0] + 1;
    part->count++;
    part->checksum = mix(part->checksum, numbers, sizeof(numbers));
    data = leat_record_key(rec, &size);
    part->checksum = mix(part->checksum, data, size);
    data = leat_record_value(rec, &size);
    part->checksum = mix(part->checksum, data, size);
}

int64_t tally_total(const struct tally *tally)
{
    int64_t total = 0;

    for (int32_t i = 0; i < tally->part_count; i++) {
        total += tally->parts[i].count;
    }
    return total;
}

void tally_print(const struct tally *tally)
{
    printf("%-10s %8s %8s %8s  %s\n", "PARTITION", "RECORDS", "FIRST", "NEXT", "CHECKSUM");
    for (int32_t i = 0; i < tally->part_count; i++) {
        const struct tally_part *part = &tally->parts[i];

        printf("%-10d %8lld %8lld %8lld  %016llx%s\n", (int)i, (long long)part->count,
               (long long)part->first_offset, (long long)part->next_offset,
               (unsigned long long)part->checksum, part->gaps > 0 ? "  GAPS" : "");
    }
}

int64_t tally_time_parse(const char *text)
{
    struct tm tm;

    memset(&tm, 0, sizeof(tm));
    if (strptime(text, "%Y-%m-%d %H:%M:%S", &tm) == NULL) {
        return -1;
    }
    tm.tm_isdst = -1;
    return (int64_t)mktime(&tm) * 1000;
}

const char *tally_time_format(int64_t ms, char *buf, size_t size)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    if (localtime_r(&seconds, &tm) == NULL || strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm) == 0) {
        return "?";
    }
    return buf;
}
