/* parallel.h: the same for many items, several at a time: where each of them waits for the disk.
 *
 * A journalling file system commits the waiting fsyncs of many threads together, so many threads are faster than the
 * cores would suggest.
 * Threads: the caller works too, and has to wait for the others. */
#ifndef LOG_PARALLEL_H
#define LOG_PARALLEL_H

#include <stddef.h>

#define LOG_PARALLEL_MAX 64

/* Call each(i, arg) for i = 0 .. count-1 in no certain order, at most `threads` (and LOG_PARALLEL_MAX) at a time; returns
 * how many of the calls returned a negative code. Where threads cannot be made it only takes longer. Blocks. */
size_t log_parallel(size_t count, int threads, int (*each)(size_t i, void *arg), void *arg);

#endif
