/* report.h: results told for people (report.c) and as JSON (report_json.c), on stdout.
 *
 * Threads: the main thread. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench/options.h"
#include "bench/result.h"

/* The lines for one run: first the line of Kafka's own tool, so that what reads that can read this, then ours. A run that
 * failed tells its counts and why, and no figure. Says nothing with --json. */
void bench_report_run(const struct bench_options *options,
                      const struct bench_result *result,
                      const char *target,
                      int number);

/* Median and range over the runs, with a peer beside its own and the ratios run by run. Only for a load whose runs are all
 * complete. Says nothing with --json. */
void bench_report_summary(const struct bench_options *options, const struct bench_load *load);

/* All loads as one JSON object; field names of OpenMessaging Benchmark where it has them. 0 or LEAT_ENOMEM. */
int bench_report_json(const struct bench_options *options,
                      const struct bench_load *loads,
                      size_t count,
                      int partitions);

#endif
