/* catalog.h: the metadata store's feed, applied: settings to config.h, topics to storage and then to topics.h.
 *
 *   change of the store -> feed -> settings | partitions made, added, removed -> registry -> waiting changes go on
 *
 * So a topic is in the registry exactly when its partitions are on the disk, and whoever made the change sees it there
 * when its callback runs. srv_topics_open, _start, _close and _free of topics.h are implemented here.
 * Threads: everything runs on the metadata thread, but for open, start and close (main thread). */
#ifndef SRV_CATALOG_H
#define SRV_CATALOG_H

#include <stdint.h>

#include "server/meta_store.h"
#include "server/server.h"

struct srv_catalog;

/* Run fn(arg) once the feed has reached `rev`: at once if it has. For a transaction's callback. Metadata thread. */
struct srv_catalog_wait {
    int64_t rev;
    void (*fn)(struct srv_catalog_wait *wait);
    struct srv_catalog_wait *next;
};
void srv_catalog_wait(struct srv_catalog *catalog, struct srv_catalog_wait *wait);

/* Why partitions of a topic could not be made when the feed brought it; consumed by the one who asks. NULL: they could,
 * or nobody knows. Freed with lt_error_free. Metadata thread. */
struct leat_error *srv_catalog_take_failure(struct srv_catalog *catalog, const char *topic);

#endif
