/* load.h: produce and consume through libleat, as an application does.
 *
 * A client here is one libleat client with its own connection and I/O thread; worker threads (one per core at most) share
 * them out.
 * Threads: runs its own workers; returns when they have ended. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "base/error.h"
#include "bench/options.h"
#include "bench/result.h"
#include "bench/topic.h"

/* One run against one broker. A failed send or poll ends the run: counts so far stand in ret, ret->errors is not 0. A code
 * is returned only when the run could not begin. */
int bench_load_run(const struct bench_options *options,
                   const char *address,
                   const struct bench_topic *topic,
                   int server_pid,
                   struct bench_result *ret,
                   struct leat_error **reterr);

#endif
