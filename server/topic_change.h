/* topic_change.h: creating, growing and deleting topics, and changing settings: one transaction each in the metadata
 * store, then the feed makes it so (catalog.h).
 *
 * Every call is asynchronous. If it returns an error, `done` is never called; otherwise `done` runs once, on the metadata
 * thread, after the registry shows the change: err 0; or why not, with `why` (borrowed, may be NULL) in words that may
 * go to the client:
 *   LEAT_EEXISTS, LEAT_ENAME (collides), LEAT_ELIMIT, LEAT_ENOENT (no such topic, or no longer), LEAT_ECONFLICT
 *   (changed by somebody else meanwhile), LEAT_EIO, LEAT_ENOSPACE (directories cannot be made; undone),
 *   LEAT_EUNAVAIL, LEAT_EUNKNOWN (the metadata store).
 * Arguments are copied. `reterr` names the topic that a name collides with; it may stay unset with other codes. Threads: any. Source: KIP-4, Kafka ReplicationControlManager. */
#ifndef SRV_TOPIC_CHANGE_H
#define SRV_TOPIC_CHANGE_H

#include "server/config.h"
#include "server/topics.h"

typedef void (*srv_change_cb)(int err, const struct leat_error *why, void *arg);

struct srv_topic_plan {
    const char *name; /* a valid name */
    struct proto_uuid id;
    int32_t partition_count; /* > 0 */
    bool internal;
    const struct srv_config_pair *configs; /* checked, canonical */
    size_t config_count;
};

int srv_topic_create(struct srv_server *server,
                     const struct srv_topic_plan *plan,
                     srv_change_cb done,
                     void *arg,
                     struct leat_error **reterr);

/* Grow to `count` partitions in all, more than now. */
int srv_topic_add_partitions(struct srv_server *server,
                             struct srv_topic *topic,
                             int32_t count,
                             srv_change_cb done,
                             void *arg);

int srv_topic_delete(struct srv_server *server,
                     struct srv_topic *topic,
                     srv_change_cb done,
                     void *arg);

/* Replace a resource's overrides, if they are still those of `rev` (srv_config_get_overrides). */
int srv_config_replace(struct srv_server *server,
                       enum srv_resource resource,
                       const char *name,
                       const struct srv_config_pair *pairs,
                       size_t count,
                       int64_t rev,
                       srv_change_cb done,
                       void *arg);

#endif
