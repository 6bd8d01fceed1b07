/* result.h: what one run measured, and how runs are told: for people, as JSON, as ratios against a peer.
 *
 * Threads: filled by the run's own thread after its workers have ended. */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include "bench/histogram.h"
#include "bench/options.h"

struct bench_result {
    const char *what; /* "produce", "consume", "fetch" */
    int64_t records;  /* answered (produce) or received (consume) in the counted time */
    int64_t bytes;    /* of values and keys; raw: of batches */
    int64_t requests; /* raw: requests; produce: batches as far as known, else 0 */
    int64_t errors;
    char error_text[160]; /* the first error */
    int64_t start_wall_ms, end_wall_ms;
    double seconds; /* counted time */
    struct bench_histogram
        latency;        /* answer minus due (open loop) or sent (closed loop); fetch: per request */
    double cpu_seconds; /* of the server, -1 = not measured */
    int64_t rss_bytes;
    int64_t written_bytes; /* to the device */
    int64_t hiccup_p999_ns, hiccup_max_ns;
    double stolen_seconds;
};

int bench_result_init(struct bench_result *result, const char *what);
void bench_result_release(struct bench_result *result);

/* The lines for one run: first the line of Kafka's own tool, then ours. */
void bench_report_run(const struct bench_options *options,
                      const struct bench_result *result,
                      const char *target);

/* Median and range over the runs of one broker, and with a peer the ratios run by run.
 * `peer` has as many results as `own`, or is NULL. */
void bench_report_summary(const struct bench_options *options,
                          const struct bench_result *own,
                          const struct bench_result *peer,
                          size_t count);

/* All runs as one JSON object on stdout; field names of OpenMessaging Benchmark where it has them. 0 or LEAT_ENOMEM. */
int bench_report_json(const struct bench_options *options,
                      const struct bench_result *own,
                      const struct bench_result *peer,
                      size_t count);

#endif
