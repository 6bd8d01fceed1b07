/* client.h: a client of libleat with the settings that were asked for.
 *
 * Threads: any; no state. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdbool.h>

#include "base/error.h"
#include "bench/options.h"
#include "leat/leat.h"

/* The broker to measure: -b, else what -X, LEAT_BOOTSTRAP_SERVERS, --command-config or the profile say, of a list the first.
 * The caller frees *ret_address. Errors as leat_conf_set, LEAT_ENOMEM. */
int bench_client_address(const struct bench_options *options,
                         char **ret_address,
                         struct leat_error **reterr);

/* Connected. `strict`: an offset that is gone is an error (auto.offset.reset=none), not a jump; -X still decides.
 * Errors as leat_conf_set, leat_client_new, leat_client_connect. */
int bench_client_open(const struct bench_options *options,
                      const char *address,
                      bool strict,
                      struct leat_client **ret_client,
                      struct leat_error **reterr);

#endif
