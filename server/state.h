/* state.h: what the server is doing right now, as lines in its log: for an operator who has only a signal (SIGUSR2).
 *
 * The metrics endpoint tells more; this works where nothing listens on HTTP, and in a log that is sent with a report.
 * Threads: main. Blocks: no disk, short locks. */
#ifndef SRV_STATE_H
#define SRV_STATE_H

struct srv_server;

/* One line on the server, one on each loop, on storage and on each data directory. */
void srv_state_tell(struct srv_server *server);

#endif
