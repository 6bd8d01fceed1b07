/* trouble.h: a broker that went away while a command goes on: told once, so that nobody waits before a silent terminal.
 *
 * The library connects again by itself, and one lost connection is nothing to tell (a broker closes those that are idle).
 * Several within seconds are. Silent with -q; with -v every line is told anyway.
 * Threads: the callback runs on the library's thread, the rest on the main thread. */
#ifndef CLI_TROUBLE_H
#define CLI_TROUBLE_H

#include "client/cli/context.h"

/* Take the library's warnings. Before the client is made. */
void cli_trouble_watch(struct cli *cli);

/* The broker was reached: from here on trouble is told, in the name of this command. */
void cli_trouble_begin(const struct cli *cli);

/* Something came: the next trouble is a new one. */
void cli_trouble_over(void);

#endif
