/* verify.h: write records with sequence and hash chain (chain.h), read them back, tell what became of them.
 *
 * The two halves can be far apart: what was acknowledged is kept in a state, in memory or in a file, so that a broker can be
 * killed in between. The file is text:
 *
 *   leat-bench verify 1
 *   topic NAME
 *   run 0123456789abcdef
 *   partition 0 sent 1000 acknowledged 998
 *
 * Threads: each runs its own workers and returns when they have ended. */
#ifndef BENCH_VERIFY_H
#define BENCH_VERIFY_H

#include "base/error.h"
#include "bench/chain.h"
#include "bench/options.h"
#include "bench/result.h"
#include "bench/topic.h"

struct bench_verify_state {
    struct bench_chain_state *partitions; /* by number; NULL = nothing is known */
    int partition_count;
};

void bench_verify_state_release(struct bench_verify_state *state);

/* LEAT_EIO and its like, LEAT_EINVAL (not such a file, or of another topic): the message names the file. */
int bench_verify_state_save(const struct bench_verify_state *state,
                            const char *path,
                            const char *topic,
                            struct leat_error **reterr);
int bench_verify_state_load(const char *path,
                            const char *topic,
                            struct bench_verify_state *ret,
                            struct leat_error **reterr);

/* One writing run: ret_state is set whenever the run began, also where it failed. As the functions of load.h. */
int bench_verify_write(const struct bench_options *options,
                       const char *address,
                       const struct bench_topic *topic,
                       int server_pid,
                       struct bench_result *ret,
                       struct bench_verify_state *ret_state,
                       struct leat_error **reterr);

/* Read everything that is there. Damage is an error of the run: ret->errors is its count. */
int bench_verify_read(const struct bench_options *options,
                      const char *address,
                      const struct bench_topic *topic,
                      const struct bench_verify_state *state,
                      int server_pid,
                      struct bench_result *ret,
                      struct leat_error **reterr);

#endif
