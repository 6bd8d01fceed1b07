/* interrupt.h: Ctrl-C ends a run in order: what was counted so far is told, exit code 130. A second one ends the process on the spot.
 *
 * Threads: the handler runs anywhere; the flag is the program's only global state, since a signal has no other way in. */
#ifndef BENCH_INTERRUPT_H
#define BENCH_INTERRUPT_H

#include <stdbool.h>

/* Catch SIGINT and SIGTERM, and ignore SIGPIPE. */
void bench_interrupt_catch(void);
bool bench_interrupted(void);

#endif
