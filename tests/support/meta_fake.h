/* meta_fake.h: a driver of the metadata seam in memory that runs only when told, for tests.
 *
 * Nothing happens inside a call: jobs wait until meta_fake_run, which runs their callbacks on the caller's thread (the
 * metadata thread, as far as the code above can tell). Outcomes that a real store has once in a year can be ordered.
 * Threads: one, or the fake's own beside the test's after meta_fake_start. */
#ifndef META_FAKE_H
#define META_FAKE_H

#include <stdbool.h>

#include "server/meta_store.h"

struct meta_fake;

/* A new, empty store; ends with meta_store_close, which runs what waits. */
int meta_fake_open(struct meta_fake **ret_fake, struct meta_store **ret_store);

/* Run waiting jobs, also those that callbacks add, until none is left; returns how many ran. */
size_t meta_fake_run(struct meta_fake *fake);

/* The next transaction ends so: LEAT_EUNKNOWN with `applied` true or false, LEAT_EUNAVAIL (not applied). */
void meta_fake_fail_next(struct meta_fake *fake, int err, bool applied);

/* From now on a thread of the fake's own runs jobs as they come; meta_fake_run is then not to be called. For code that
 * waits for an outcome. Ends with meta_store_close. */
void meta_fake_start(struct meta_fake *fake);

/* Every feed begins again with a snapshot, as after a lost connection: queued like any other job. */
void meta_fake_reset_feeds(struct meta_fake *fake);

#endif
