/* interrupt.h: Ctrl-C ends a command at once and in order: what is under way is finished, the summary printed, exit 130.
 *
 * A second Ctrl-C ends the process on the spot.
 * Threads: the handler runs anywhere; the rest on the main thread. The flag and its descriptor are the program's only global
 * state, since a signal has no other way in. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

struct leat_consumer;

/* Catch SIGINT and SIGTERM; `consumer` (or NULL) is woken from its poll. */
void cli_interrupt_catch(struct leat_consumer *consumer);
bool cli_interrupted(void);

/* A descriptor that becomes readable with the signal, so that no wait for input can miss it; -1 before
 * cli_interrupt_catch, or when there was none to have. */
int cli_interrupt_fd(void);

#endif
