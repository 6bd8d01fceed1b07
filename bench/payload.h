/* payload.h: the values that produce sends: random letters of one size, or the lines of a file in turn.
 *
 * Threads: read-only after open. */
#ifndef BENCH_PAYLOAD_H
#define BENCH_PAYLOAD_H

#include "base/buf.h"
#include "base/error.h"
#include "bench/options.h"

struct bench_payload {
    struct lt_buf bytes;
    struct lt_slice *values;
    size_t count;
};

/* LEAT_ENOENT, LEAT_EIO, LEAT_EINVAL (no line in the file): the message names the file. */
int bench_payload_open(const struct bench_options *options,
                       struct bench_payload *ret,
                       struct leat_error **reterr);
void bench_payload_release(struct bench_payload *payload);

static inline struct lt_slice bench_payload_at(const struct bench_payload *payload, int64_t i)
{
    return payload->values[(uint64_t)i % payload->count];
}

#endif
