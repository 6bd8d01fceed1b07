/* keys.h: the key of each record, as --keys says.
 *
 * Threads: any; no state. */
#ifndef BENCH_KEYS_H
#define BENCH_KEYS_H

#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "bench/options.h"

#define BENCH_KEY_SIZE 24

/* The key of record `number`, in `text`, which it borrows; null for none. */
static inline struct lt_slice
bench_key(const struct bench_options *options, int64_t number, char text[BENCH_KEY_SIZE])
{
    if (options->keys == BENCH_KEYS_NONE) {
        return LT_SLICE_NULL;
    }
    if (options->keys == BENCH_KEYS_RANDOM) {
        /* Any fixed scrambling will do: the spread over the range is what matters. */
        number = (int64_t)((uint64_t)number * 0x9e3779b97f4a7c15U % (uint64_t)options->key_range);
    }
    int size = snprintf(text, BENCH_KEY_SIZE, "%lld", (long long)number);
    return lt_slice(text, (size_t)size);
}

#endif
