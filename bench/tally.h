/* tally.h: what a client of libleat has counted itself: requests, batches and their bytes, retries.
 *
 * Threads: the run's, while no worker runs. */
#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include "bench/result.h"
#include "leat/leat.h"

/* Add the client's counts so far to `ret` (sign 1), or take them away (-1): called before and after the counted time, what came
 * in between is left. A count that is short of memory stays as it is. */
void bench_tally(struct leat_client *client, int sign, struct bench_result *ret);

#endif
