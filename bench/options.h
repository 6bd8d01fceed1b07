/* options.h: what leat-bench was asked to do.
 *
 * Threads: filled by main before any thread starts, constant from then on. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bench_command {
    BENCH_PRODUCE = 1,
    BENCH_CONSUME = 2,
    BENCH_RAW = 3,
    BENCH_E2E = 4,
    BENCH_VERIFY = 5,
    BENCH_NULL = 6,
};
enum bench_keys { BENCH_KEYS_NONE = 0, BENCH_KEYS_SEQUENCE = 1, BENCH_KEYS_RANDOM = 2 };
enum bench_work { BENCH_WORK_PRODUCE = 1, BENCH_WORK_FETCH = 2 }; /* bits */

#define BENCH_PROPERTIES_MAX 64

struct bench_options {
    enum bench_command command;
    const char *bootstrap;                        /* -b; NULL: as the settings say */
    const char *peer;                             /* --peer, NULL = none */
    bool peer_null;                               /* --peer null: a null server of our own */
    const char *properties[BENCH_PROPERTIES_MAX]; /* -X key=value and the short forms, in order */
    size_t property_count;
    uint64_t properties_made; /* a bit for each that is ours to free */
    const char *config_file;  /* --command-config */
    const char *profile;
    const char *topic;
    const char *payload_file; /* NULL: record_size random bytes */
    int64_t record_count;     /* --num-records, 0 = no bound by count */
    int64_t record_size;      /* bytes of a value */
    int64_t throughput;       /* records per second over all clients, -1 = closed loop */
    int64_t duration_ms;      /* 0 = no bound by time */
    int64_t timeout_ms;       /* without a record: what is missing does not come any more */
    int64_t warmup_ms;        /* not counted */
    int64_t warm_memory;      /* bytes touched and freed before each run */
    int clients;
    int repeat;
    int server_pid; /* 0 = not told */
    int peer_pid;
    enum bench_keys keys;
    int64_t key_range;          /* of random:N */
    int create_partitions;      /* 0 = the topic is there */
    const char *create_configs; /* "k=v,k=v" or NULL */
    bool delete_after;
    bool json;
    bool quiet; /* no progress on stderr */
    bool cold;  /* drop the page cache of the topic's files before reading */
    const char *hgrm_file;
    const char *plot_file;
    const char *state_file; /* verify: what was acknowledged */
    const char *listen;     /* null: HOST:PORT */
    /* raw, and what the others share with it */
    int64_t batch_size;  /* bytes of record data per batch */
    int64_t total_bytes; /* of batches per direction */
    int64_t fetch_size;  /* bytes asked for per fetch */
    int inflight;        /* raw: requests per connection; e2e, closed loop: records per client */
    int acks;            /* -1, 0, 1 */
    const char *codec;   /* compression.type by name */
    unsigned work;       /* enum bench_work bits */
};

/* Parse the command line; errors and --help end the process with 2 and 0. */
void bench_options_parse(int argc, char **argv, struct bench_options *ret);
void bench_options_release(struct bench_options *options);

#endif
