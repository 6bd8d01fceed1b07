/* load.h: the kinds of work that go through libleat, as an application does them.
 *
 * A client is one libleat client with its own connection and I/O thread; worker threads (one per core at most) share them
 * out. Each function is one run against one broker: a failure in the middle ends it, then ret->errors is not 0 and the counts
 * so far stand in ret; a code is returned only when the run could not begin.
 * Threads: each runs its own workers and returns when they have ended. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "base/error.h"
#include "bench/options.h"
#include "bench/result.h"
#include "bench/topic.h"

/* produce.c: latency = answer minus due time. */
int bench_produce(const struct bench_options *options,
                  const char *address,
                  const struct bench_topic *topic,
                  int server_pid,
                  struct bench_result *ret,
                  struct leat_error **reterr);

/* consume.c: from the start of the topic to its end as it was, or as many records as asked for. */
int bench_consume(const struct bench_options *options,
                  const char *address,
                  const struct bench_topic *topic,
                  int server_pid,
                  struct bench_result *ret,
                  struct leat_error **reterr);

/* e2e.c: latency = receipt minus due time. */
int bench_e2e(const struct bench_options *options,
              const char *address,
              const struct bench_topic *topic,
              int server_pid,
              struct bench_result *ret,
              struct leat_error **reterr);

#endif
