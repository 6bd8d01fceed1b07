/* catalog_impl.h: what catalog.c (the feed, applied) and catalog_start.c (open, start, close) share.
 *
 * Threads: as struct srv_catalog says. */
#ifndef SRV_CATALOG_IMPL_H
#define SRV_CATALOG_IMPL_H

#include <pthread.h>
#include <stdbool.h>

#include "base/hash.h"
#include "server/catalog.h"
#include "server/topics.h"

#define CATALOG_COMMIT_TIMEOUT_MS 30000

/* A leader epoch above 0. */
struct epoch {
    struct {
        struct proto_uuid id;
        int32_t partition;
    } key;
    int32_t leader_epoch;
    int64_t rev;
    UT_hash_handle hh;
};

/* A deleted topic whose directories are still there. */
struct deletion {
    struct srv_catalog *catalog;
    struct proto_uuid id;
    int64_t rev;  /* of deleted/<id> */
    int32_t left; /* directories to go; under the mutex */
    bool named;   /* in the present snapshot */
    struct deletion *next;
};

struct failure {
    char *topic;
    struct leat_error *why;
    struct failure *next;
};

struct srv_catalog {
    struct srv_server *server;
    pthread_mutex_t mutex; /* guards ready, closing, err, why, epochs, and the deletions */
    pthread_cond_t changed;
    pthread_mutex_t
        push_mutex; /* settings are read and handed on by one thread at a time: the last push is the newest */
    bool ready;
    bool closing;
    bool loading; /* in a snapshot */
    int err;      /* why opening failed */
    struct leat_error *why;
    int64_t rev; /* of the feed; metadata thread */
    struct epoch *epochs;
    struct deletion *deletions;
    struct failure *failures;
    struct srv_catalog_wait *waits;
    char **seen; /* topics of the present snapshot */
    size_t seen_count, seen_capacity;
};

extern const struct meta_feed_ops srv_catalog_feed_ops;

/* The epoch above 0 of a partition, NULL: none. The metadata thread alone changes the table: it may look without the
 * mutex, others hold it. */
struct epoch *
srv_catalog_epoch(struct srv_catalog *catalog, const struct proto_uuid *id, int32_t partition);

/* Erase the epochs of the topic, then deleted/<id>. Under the mutex. */
void srv_catalog_erase(struct srv_catalog *catalog, const struct deletion *deletion);

#endif
