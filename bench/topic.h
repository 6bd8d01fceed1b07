/* topic.h: the topic that a run works on: made if asked, its partitions and their leaders looked up, removed afterwards.
 *
 * Threads: the run's main thread. */
#ifndef BENCH_TOPIC_H
#define BENCH_TOPIC_H

#include "base/error.h"
#include "bench/options.h"

struct bench_partition {
    char leader[280]; /* "host:port" */
    int64_t log_start;
    int64_t high_watermark;
};

struct bench_topic {
    struct bench_partition *partitions; /* by number */
    int partition_count;
};

/* Make the topic with --create if it is missing (waits until every partition has a leader), then look it up at `address`.
 * LEAT_ENOENT: no such topic and no --create. Release with bench_topic_release. */
int bench_topic_open(const char *address,
                     const struct bench_options *options,
                     struct bench_topic *ret,
                     struct leat_error **reterr);
void bench_topic_release(struct bench_topic *topic);

int bench_topic_delete(const char *address, const char *topic, struct leat_error **reterr);

#endif
