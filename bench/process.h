/* process.h: what a server process cost, and how quiet the machine was meanwhile; all from /proc.
 *
 * Threads: bench_hiccup runs one thread of its own; the rest is stateless. */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/histogram.h"

struct bench_process {
    double cpu_seconds; /* user + system since the process began */
    int64_t rss_bytes;
    int64_t written_bytes; /* for the device (write_bytes of /proc/PID/io); -1: not readable */
    int64_t switches;      /* of context, wanted and forced, over all threads that live */
};

/* LEAT_ENOENT: no such process. */
int bench_process_read(int pid, struct bench_process *ret);

/* Seconds that the hypervisor took from this machine since boot, over all CPUs. */
double bench_stolen_seconds(void);

/* Bytes that may be dirty in the page cache before writers have to wait for the device; 0: not told. */
int64_t bench_dirty_limit(void);

/* How late sleeps of 1 ms wake up while something is measured: the machine's own noise. */
struct bench_hiccup;
int bench_hiccup_start(struct bench_hiccup **ret);
void bench_hiccup_stop(struct bench_hiccup *hiccup, int64_t *ret_p999_ns, int64_t *ret_max_ns);

#endif
