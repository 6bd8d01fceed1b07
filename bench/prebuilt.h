/* prebuilt.h: a batch that is made once and sent many times: --record-size, --batch and --compression-type say what is in it.
 *
 * Threads: any; no state. */
#ifndef BENCH_PREBUILT_H
#define BENCH_PREBUILT_H

#include <stddef.h>
#include <stdint.h>

#include "bench/options.h"
#include "proto/batch_builder.h"

/* At least one record, and as many as fit --batch before compression. The bytes live in the builder, which the caller has
 * initialised and releases. LEAT_ENOMEM, LEAT_ECODEC, LEAT_E2BIG. */
int bench_prebuilt(const struct bench_options *options,
                   struct proto_batch_builder *builder,
                   uint8_t **ret_batch,
                   size_t *ret_size);

#endif
