/* reader.h: a consumer of libleat with a connection of its own, that reads its share of a topic's partitions.
 *
 * Threads: one per reader. */
#ifndef BENCH_READER_H
#define BENCH_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "bench/measure.h"
#include "bench/topic.h"
#include "leat/leat.h"

struct bench_reader {
    struct bench_measure *measure;
    const struct bench_topic *topic;
    struct leat_client *client;
    struct leat_consumer *consumer;
    int number, count; /* of the readers */
    int64_t left;      /* records up to the ends as they were looked up */
    int64_t last_ns;   /* when records came last */
};

enum bench_reader_from { BENCH_FROM_START = 0, BENCH_FROM_END = 1 };

/* Readers share the partitions out; where there are more readers than partitions, several read the same one. The end is that
 * of `topic`, not what it is by now. On an error the reader is to be closed all the same. */
int bench_reader_open(struct bench_reader *reader,
                      struct bench_measure *measure,
                      const char *address,
                      const struct bench_topic *topic,
                      int number,
                      int count,
                      enum bench_reader_from from,
                      struct leat_error **reterr);
void bench_reader_close(struct bench_reader *reader);

bool bench_reader_reads(const struct bench_reader *reader, int partition);

/* Records that came within timeout_ms, 0 for none (then *ret_batch is NULL), or -1: the measurement has failed. */
int bench_reader_poll(struct bench_reader *reader, int timeout_ms, struct leat_batch **ret_batch);

/* Is it longer than --timeout since last_ns? */
bool bench_reader_quiet(const struct bench_measure *measure, int64_t last_ns);

/* Has everything been read that was there when the topic was looked up? Deleted and compacted records count as read. */
bool bench_reader_done(struct bench_reader *reader);

#endif
