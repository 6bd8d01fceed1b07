/* raw.h: prebuilt batches straight onto sockets, and raw fetches: the server is measured, not the client.
 *
 * Worker threads (one per core at most) each drive their share of the connections with epoll. A produce request is encoded
 * once per connection and sent again and again; a fetch answer is walked by batch headers only.
 * Threads: runs its own workers; returns when they have ended. */
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#include "base/error.h"
#include "bench/options.h"
#include "bench/result.h"
#include "bench/topic.h"

/* One run of one kind of work against one broker. On an error of the load itself the counts so far stand in ret and
 * ret->errors is not 0; a code is returned only when the run could not begin. */
int bench_raw_run(const struct bench_options *options,
                  enum bench_work work,
                  const struct bench_topic *topic,
                  int server_pid,
                  struct bench_result *ret,
                  struct leat_error **reterr);

#endif
