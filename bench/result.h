/* result.h: what one run measured, and the figures that are made of it.
 *
 * Threads: filled by the run's own thread after its workers have ended. */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/chain.h"
#include "bench/histogram.h"
#include "bench/series.h"

#define BENCH_ERROR_SIZE 240

struct bench_result {
    const char *what;    /* "produce", "consume", "e2e", "fetch", "write", "verify" */
    bool reads;          /* told in the words of Kafka's consumer tool, not of its producer tool */
    bool packed;         /* a codec is at work: bytes on the disk are fewer than bytes told */
    int64_t records;     /* answered (produce) or received (consume) in the counted time */
    int64_t bytes;       /* of values and keys; raw: of batches */
    int64_t requests;    /* produce and fetch requests; 0 = not known */
    int64_t batches;     /* produced; 0 = not known */
    int64_t batch_bytes; /* in them, as sent */
    int64_t retries;     /* batches that were sent again */
    int64_t unreadable;  /* e2e: records that came and are none of this run's */
    int64_t errors;
    int error_code;                    /* of the first */
    char error_text[BENCH_ERROR_SIZE]; /* its name and words */
    int64_t start_wall_ms, end_wall_ms;
    double seconds;                 /* counted time */
    struct bench_histogram latency; /* produce: answer minus due (open loop) or sent; e2e: receipt
                                       minus due or sent; raw: answer minus request */
    struct bench_series series;
    double cpu_seconds; /* of the server, -1 = not measured */
    int64_t rss_bytes;
    int64_t written_bytes; /* for the device; -1 = not measured */
    int64_t switches;      /* of context in the server */
    int64_t hiccup_p999_ns, hiccup_max_ns;
    double stolen_seconds;
    int cold_percent;           /* of the files' pages dropped before; -1 = not asked for */
    struct bench_damage damage; /* verify */
    bool verified;              /* damage is set */
};

/* One kind of work, measured some times against one or two brokers. */
struct bench_load {
    const char *what;
    struct bench_result *own;   /* `runs` of them */
    struct bench_result *peer;  /* likewise, or NULL */
    size_t runs;                /* asked for */
    size_t own_done, peer_done; /* begun: the last of them may have failed */
};

int bench_result_init(struct bench_result *result, const char *what); /* LEAT_ENOMEM */
void bench_result_release(struct bench_result *result);

double bench_result_per_second(double amount, const struct bench_result *r);

/* Was more written than the page cache may hold back (three times the dirty limit)? Where it is not known, it was not. */
bool bench_result_sustained(const struct bench_result *r, int64_t dirty_limit);

/* The figures that a summary tells. */
struct bench_figure {
    const char *name;
    const char *json_name;
    double (*get)(const struct bench_result *r); /* negative: not measured */
};
#define BENCH_FIGURES 9
extern const struct bench_figure bench_figures[BENCH_FIGURES];

struct bench_spread {
    double median, min, max;
};

/* A figure over `count` runs; with `other` its ratio run by run, own to other. False where a run did not measure it. */
bool bench_spread(const struct bench_figure *figure,
                  const struct bench_result *own,
                  const struct bench_result *other,
                  size_t count,
                  struct bench_spread *ret);

#endif
