/* reader.h: threads for whatever may wait for a disk and must not do so on an I/O loop.
 *
 * A queue of jobs in order of arrival, run by a fixed number of threads. How many jobs there are is bounded by who posts
 * them: a request has at most one.
 * Threads: any may post. */
#ifndef LOG_READER_H
#define LOG_READER_H

#include "base/error.h"

struct log_reader;

/* Start `threads` (at least 1) threads. LEAT_ENOMEM, also when no thread can be made. */
int log_reader_new(int threads, struct log_reader **ret_reader);

/* Runs what was posted, then ends the threads. NULL is accepted. Blocks. */
void log_reader_free(struct log_reader *reader);

/* Have fn(arg) called on one of the threads. LEAT_ENOMEM: it will not be. Never waits for a job. */
int log_reader_post(struct log_reader *reader, void (*fn)(void *arg), void *arg);

#endif
