/* metrics.h: counters of the I/O loops, and everything the server counts as Prometheus text.
 *
 * Each loop has its own counters, written by its thread alone and read by the HTTP thread without a lock, so a scrape
 * never slows a request. What other parts count (topics, storage, disks) is read from them when the text is made.
 * Names: base units, prefix leat_ (process_ for what every exporter has). docs/metrics.md lists them.
 * Threads: per function. */
#ifndef SRV_METRICS_H
#define SRV_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct srv_metrics;
struct srv_server;

/* LEAT_ENOMEM. Free when the loops and the HTTP thread have ended; NULL is accepted. */
int srv_metrics_new(size_t loop_count, struct srv_metrics **ret_metrics);
void srv_metrics_free(struct srv_metrics *metrics);

/* A request was answered (or, with acks=0, is done). `wire_error`: the first error in the response, 0 = none. The
 * loop's thread. `metrics` may be NULL. */
void srv_metrics_request(struct srv_metrics *metrics,
                         size_t loop_index,
                         int16_t api_key,
                         int16_t wire_error,
                         int64_t duration_ns,
                         uint64_t bytes_in,
                         uint64_t bytes_out);

/* A connection was accepted; one was closed for bytes that are not the protocol. Any thread. */
void srv_metrics_accepted(struct srv_metrics *metrics);
void srv_metrics_malformed(struct srv_metrics *metrics);

/* What of it a scrape wants. */
struct srv_metrics_filter {
    const char *topic;        /* NULL: all */
    const char *const *names; /* metric families; NULL-terminated; NULL: all */
};

/* Append everything in text format 0.0.4. LEAT_ENOMEM. The HTTP thread. Blocks: may load partitions that nothing has used yet. */
int srv_metrics_text(struct srv_server *server,
                     const struct srv_metrics_filter *filter,
                     struct lt_buf *buf);

#endif
