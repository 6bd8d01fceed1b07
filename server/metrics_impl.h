/* metrics_impl.h: the counters themselves, for metrics.c and metrics_text.c only.
 *
 * Threads: metrics.h. */
#ifndef SRV_METRICS_IMPL_H
#define SRV_METRICS_IMPL_H

#include <stdatomic.h>

#include "leat/err.h"
#include "server/metrics.h"

#define SRV_METRICS_APIS 96
#define SRV_METRICS_ERRORS 140 /* wire code + 1 */
#define SRV_METRICS_BUCKETS 17 /* and one above the last bound */

extern const double srv_metrics_bounds[SRV_METRICS_BUCKETS]; /* seconds, inclusive */

struct srv_api_counters {
    _Atomic uint64_t requests[SRV_METRICS_ERRORS];
    _Atomic uint64_t bytes_in, bytes_out;
    _Atomic uint64_t duration_ns;
    _Atomic uint64_t buckets[SRV_METRICS_BUCKETS + 1];
};

struct srv_loop_counters {
    struct srv_api_counters apis[SRV_METRICS_APIS];
};

struct srv_metrics {
    struct srv_loop_counters *loops;
    size_t loop_count;
    int64_t started_ms; /* wall clock */
    _Atomic uint64_t accepted, malformed;
};

#endif
