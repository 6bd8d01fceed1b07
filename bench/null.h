/* null.h: a server that does nothing: it swallows what is produced and serves one prebuilt batch again and again. What a load
 * reaches against it is what the client can do at all; a figure near that says more of the client than of the broker.
 *
 * Any topic exists, with --create's partitions (1), and holds --num-records records. Nothing is checked or kept.
 *
 * Threads: the server runs on the caller's thread; bench_null_spawn starts a process of its own. */
#ifndef BENCH_NULL_H
#define BENCH_NULL_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "bench/options.h"
#include "proto/header.h"

struct bench_null {
    const struct bench_options *options;
    char host[256]; /* as told to clients */
    int port;
    int partitions;
    int64_t end;       /* offset behind the last record of each partition */
    struct lt_buf log; /* `batches` copies of one batch */
    size_t batches;
    size_t batch_size;
    int64_t batch_records;
    int64_t produced; /* records; offsets of answers come from it */
    size_t turn;      /* which partition of a fetch is served next */
};

/* Serve until Ctrl-C; the address is the first line on stdout. */
int bench_null_run(const struct bench_options *options, struct leat_error **reterr);

/* A process that runs `null` with what `options` say of records and batches, for `partitions` partitions.
 *
 *   ret_address  room for 300 bytes: where it listens
 *
 * LEAT_EIO. End it with bench_null_end; it also ends with this process. */
int bench_null_spawn(const struct bench_options *options,
                     int partitions,
                     char *ret_address,
                     pid_t *ret_pid,
                     struct leat_error **reterr);
void bench_null_end(pid_t pid);

/* ---- null_answer.c ---- */

/* LEAT_ENOMEM and what bench_prebuilt returns; release also after an error. */
int bench_null_init(struct bench_null *null, const struct bench_options *options);
void bench_null_release(struct bench_null *null);

/* Answer one request.
 *
 *   frame         the request without its size
 *   out           the framed answer is appended; nothing for acks=0
 *   ret_pause_ms  > 0: there was nothing to fetch; a real server would have waited so long with the answer
 *
 * Returns 0, LEAT_EPROTOCOL or LEAT_EUNSUPPORTED (close the connection), LEAT_ENOMEM. */
int bench_null_answer(struct bench_null *null,
                      struct lt_slice frame,
                      struct lt_buf *out,
                      int *ret_pause_ms);

#endif
