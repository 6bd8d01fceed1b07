/* gather.h: a request that waits for several asynchronous changes and needs the outcome of each.
 *
 *   srv_gather_new            the handler's first call
 *   srv_gather_slot(i)        one per change: the `arg` of srv_gather_done, which is its callback
 *   srv_gather_drop(slot)     the change could not be started after all
 *   srv_gather_wait           parks unless all is done
 *   srv_gather_result(i)      when the handler is called again
 *
 * The request may end first (deadline, lost connection): outcomes that come later go nowhere.
 * Threads: slots are filled on any thread; all else on the request's loop. */
#ifndef SRV_GATHER_H
#define SRV_GATHER_H

#include "server/request.h"

struct leat_error;
struct srv_gather;

/* `count` results, all LEAT_EPENDING. Lives until the request's arena is released. LEAT_ENOMEM. */
int srv_gather_new(struct srv_request *req, size_t count, struct srv_gather **ret_gather);

/* Hold the result's place for a change that is about to be started. */
void *srv_gather_slot(struct srv_gather *gather, size_t i);

/* The change's outcome; a srv_change_cb. `why` is copied. */
void srv_gather_done(int err, const struct leat_error *why, void *slot);

/* Instead of srv_gather_done, by the loop's thread: the result is `err` at once. */
void srv_gather_drop(void *slot, int err);

/* All places are taken: 0 when everything is done, else srv_park's LEAT_EPENDING. Call once; afterwards ask _complete. */
int srv_gather_wait(struct srv_gather *gather, int64_t timeout_ms);

bool srv_gather_complete(struct srv_gather *gather);

/* 0, an error, or LEAT_EPENDING; *ret_why may be NULL, and lives as long as the request. */
int srv_gather_result(struct srv_gather *gather, size_t i, const char **ret_why);

#endif
