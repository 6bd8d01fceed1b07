/* warm.h: memory that the machine already has before a run begins.
 *
 * A virtual machine hands free memory back to its host, and the first touch of each page afterwards costs a fault there:
 * seconds of CPU per GB of new page cache, booked to whichever server writes. Touching as much memory and giving it back just
 * before the run leaves these pages with the guest, so that a run shows what the server costs and not what the host does.
 *
 * Threads: the caller's. */
#ifndef BENCH_WARM_H
#define BENCH_WARM_H

#include <stdint.h>

#include "base/error.h"

/* Write to `size` bytes and free them. 0 = nothing to do. LEAT_ENOMEM with the size in the message. */
int bench_warm_memory(int64_t size, struct leat_error **reterr);

#endif
