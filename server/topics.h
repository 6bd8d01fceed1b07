/* topics.h: the topics and partitions that this server serves, in memory.
 *
 * Made from the metadata store at start; every change goes to the metadata store first, then to storage's directories,
 * then here (catalog.h does that, from the store's feed). Lookups are by name and by topic id.
 *
 * Threads: lookups from any thread (a read lock, no waiting for a disk); changes on the metadata thread, asked for with
 * the asynchronous calls of topic_change.h. A srv_topic is counted and owns its partitions. */
#ifndef SRV_TOPICS_H
#define SRV_TOPICS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/error.h"
#include "proto/wire.h"
#include "storage/partition.h"

#define SRV_TOPIC_NAME_MAX 249

struct srv_server;
struct srv_topics;
struct srv_topic;
struct srv_request;

/* A parked request's place at one partition. Lives in the request's arena; linked while it waits. */
struct srv_waiter {
    struct srv_request *req;
    int64_t
        offset; /* woken when the high watermark is >= offset, and at any failure, deletion or rise of the log start beyond it */
    LIST_ENTRY(srv_waiter) link;
    struct srv_partition *at; /* NULL while not linked */
};

struct srv_partition {
    struct srv_topic *topic; /* borrowed: the topic owns its partitions */
    struct log_partition *log;
    int32_t number;
    _Atomic int32_t leader_epoch;  /* as the metadata store has it: known without loading the log */
    pthread_mutex_t waiters_mutex; /* guards `waiters` and each waiter's link */
    LIST_HEAD(, srv_waiter) waiters;
};

struct srv_topic {
    char *name;
    struct proto_uuid id;
    bool internal;                             /* __consumer_offsets, __transaction_state */
    _Atomic bool deleted;                      /* no longer in the registry */
    _Atomic int32_t partition_count;           /* grows only: read with srv_topic_partition_count */
    struct srv_partition **_Atomic partitions; /* read with srv_topic_partition */
    _Atomic int32_t refs;
    /* counters for metrics; relaxed adds by whoever serves the records */
    _Atomic uint64_t records_in, bytes_in, bytes_out;
    struct srv_topic_internal *internal_state; /* topics.c's own */
};

/* Borrowed until srv_topic_unref. NULL: no such topic. */
struct srv_topic *srv_topics_by_name(struct srv_topics *topics, struct lt_slice name);
struct srv_topic *srv_topics_by_id(struct srv_topics *topics, const struct proto_uuid *id);
struct srv_topic *srv_topic_ref(struct srv_topic *topic);
void srv_topic_unref(struct srv_topic *topic); /* NULL is accepted */

/* All topics in order of their names, each referenced, in `arena`; the caller unrefs each. LEAT_ENOMEM. Any thread. */
int srv_topics_list(struct srv_topics *topics,
                    struct lt_arena *arena,
                    struct srv_topic ***ret_topics,
                    size_t *ret_count);

/* Partitions of all topics now. Any thread. */
int64_t srv_topics_partition_count(struct srv_topics *topics);

static inline int32_t srv_topic_partition_count(const struct srv_topic *topic)
{
    return atomic_load_explicit(&topic->partition_count, memory_order_acquire);
}

/* NULL when there is no such partition. Valid while the topic is referenced. */
struct srv_partition *srv_topic_partition(struct srv_topic *topic, int32_t number);

/* Waiting. Register first, then look at the offsets again, then park: no wake-up is lost. Unlink is idempotent and must
 * happen before the request ends (an arena hook does it). */
void srv_partition_wait(struct srv_partition *part, struct srv_waiter *waiter);
void srv_waiter_unlink(struct srv_waiter *waiter);

/* log_listener.moved ends here: wakes the waiters that the new offsets satisfy. NULL is accepted. Any thread. */
void srv_partition_moved(struct srv_partition *part);

/* ---- names ---- */

/* NULL, or why this cannot be a topic's name, in Kafka's words (after "Topic name is invalid: "). Into `text`. */
const char *srv_topic_name_wrong(struct lt_slice name, char *text, size_t text_size);

/* Is this the name of a topic that the server writes itself? */
bool srv_topic_name_internal(struct lt_slice name);

/* ---- life, called by server.c in this order: between log_store_open and log_store_load, after it, at the end ---- */

/* Read the metadata store: settings, and a log_store_add for each partition. */
int srv_topics_open(struct srv_server *server, struct leat_error **reterr);

/* Raise leader epochs where log_partition_needs_epoch, finish deletions. */
int srv_topics_start(struct srv_server *server, struct leat_error **reterr);

/* The broker's settings have changed: bring them to every partition and to the server's own lines. Any thread. */
void srv_topics_settings_changed(struct srv_server *server);

/* After the loops have ended, before log_store_close: close the metadata store (server->meta becomes NULL), return every
 * partition. Harmless when srv_topics_open never ran. */
void srv_topics_close(struct srv_server *server);

/* After log_store_close, whose background thread may call back until then: free (server->topics becomes NULL). */
void srv_topics_free(struct srv_server *server);

/* ---- changes to the registry: catalog.c, metadata thread ---- */

/* A log on its way into the registry. */
struct srv_new_log {
    struct log_partition *log;
    int32_t leader_epoch;
};

int srv_topics_new(struct srv_server *server, struct srv_topics **ret_topics);
void srv_topics_release_all(struct srv_topics *topics); /* every topic leaves the registry */
void srv_topics_delete(struct srv_topics *topics);      /* the empty registry itself */

/* Add a topic with its partitions (log references are taken over on success). LEAT_ENOMEM, LEAT_EEXISTS. */
int srv_topics_insert(struct srv_topics *topics,
                      struct lt_slice name,
                      const struct proto_uuid *id,
                      bool internal,
                      const struct srv_new_log *logs,
                      int32_t count,
                      int64_t rev);

/* Add partitions at the end (log references are taken over on success). */
int srv_topic_grow(struct srv_topics *topics,
                   struct srv_topic *topic,
                   const struct srv_new_log *logs,
                   int32_t count);

/* Take a topic out; the caller gets the registry's reference. NULL: not there. */
struct srv_topic *srv_topics_remove(struct srv_topics *topics, struct lt_slice name);

/* The revision that last wrote topic/<name>. */
int64_t srv_topic_rev(struct srv_topics *topics, const struct srv_topic *topic);
void srv_topic_set_rev(struct srv_topics *topics, struct srv_topic *topic, int64_t rev);

/* ---- reservations: topic_change.c ---- */

/* Reserve a name and room for partitions while a creation or growth is on its way. `existing`: growth, the name is there.
 * LEAT_EEXISTS: exists, or is being made; LEAT_ENAME: '.' and '_' collide with *ret_other (SRV_TOPIC_NAME_MAX + 1 bytes);
 * LEAT_ELIMIT: leat.partitions.max; LEAT_ENOMEM. */
int srv_topics_reserve(struct srv_topics *topics,
                       const char *name,
                       int32_t partitions,
                       char *ret_other);
int srv_topics_reserve_room(struct srv_topics *topics, int32_t partitions);
void srv_topics_unreserve(struct srv_topics *topics,
                          const char *name,
                          int32_t partitions); /* name NULL: only the room */

/* What catalog.c hangs here. */
struct srv_catalog *srv_topics_catalog(struct srv_topics *topics);
void srv_topics_set_catalog(struct srv_topics *topics, struct srv_catalog *catalog);

#endif
