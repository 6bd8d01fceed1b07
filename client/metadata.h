/* metadata.h: what the client knows of the cluster: brokers, topics, leaders; and when it asks again.
 *
 * Parts that need a topic say so with lc_metadata_topic and look at it in their turn; a refresh is asked for when the topic is
 * new, a leader is missing or somebody reports that the picture is wrong, and after metadata.max.age.ms. One request is in
 * flight at a time; failures pause.
 * Threads: loop. Source: Kafka Metadata, KIP-320 (leader epochs never go backwards). */
#ifndef LC_METADATA_H
#define LC_METADATA_H

#include "base/hash.h"
#include "client/broker_conn.h"
#include "client/client.h"
#include "proto/messages.h"
#include "proto/uuid.h"

struct lc_topic_partition {
    int32_t leader; /* broker id, -1 = none */
    int32_t epoch;  /* of the leader, -1 = not known */
};

struct lc_topic {
    TAILQ_ENTRY(lc_topic) link;
    UT_hash_handle hh; /* by name */
    char *name;
    int users; /* parts that want it refreshed; freed at 0 */
    struct proto_uuid id;
    int code;        /* 0, or the broker's error for the whole topic */
    bool known;      /* an answer has come since it was asked for */
    bool asked;      /* the question that is out names it, and no answer has yet */
    bool may_create; /* a producer wants it: the request may create it */
    int32_t partition_count;
    struct lc_topic_partition *partitions;
    unsigned answers; /* counts answers that named it */
};

/* A broker of the cluster, as the last metadata named it. */
struct lc_node {
    int32_t id;
    int32_t port;
    char *host;
};

struct lc_metadata;

int lc_metadata_new(struct leat_client *client, struct lc_metadata **ret);
void lc_metadata_free(struct lc_metadata *metadata);

/* Want a topic: made if it is not there, and then asked for soon. NULL when memory is short. Each call is undone by lc_metadata_drop. */
struct lc_topic *lc_metadata_topic(struct leat_client *client, const char *name, bool may_create);
void lc_metadata_drop(struct leat_client *client, struct lc_topic *topic);

/* Ask again soon: something was not as the metadata says. */
void lc_metadata_refresh(struct leat_client *client);

/* Has any answer come yet? */
bool lc_metadata_ready(const struct leat_client *client);

/* Id of the controller, -1 = not known. */
int32_t lc_metadata_controller(const struct leat_client *client);

/* The broker of the cluster with this id; NULL = not known (any more). */
const struct lc_node *lc_metadata_node(const struct leat_client *client, int32_t id);

/* The brokers of the cluster, in no order: i below the count. They stay until the next answer. */
size_t lc_metadata_node_count(const struct leat_client *client);
const struct lc_node *lc_metadata_node_at(const struct leat_client *client, size_t i);

/* The connection of `owner` to a partition's leader; NULL while it has none (a refresh is asked for) or memory is short. The connection may not be UP:
 * lc_broker_connect. */
struct lc_broker *lc_metadata_leader(struct leat_client *client,
                                     const struct lc_topic *topic,
                                     int32_t partition,
                                     const void *owner);

/* A main connection that is UP, the one with least in flight; if there is none, begins to connect to one and returns NULL. */
struct lc_broker *lc_metadata_any(struct leat_client *client);

/* The main connection to a broker of the cluster if it is UP; else begins to connect and returns NULL. Unknown id: LEAT_ENOENT in *ret_err. */
struct lc_broker *lc_metadata_broker(struct leat_client *client, int32_t id, int *ret_err);

/* Why nothing can be reached, into `text`: the last reason of each address; false if no attempt has failed. */
bool lc_metadata_reasons(const struct leat_client *client, struct lt_buf *text);

/* Has every bootstrap address failed at `since` (ns) or later, and is none being tried? */
bool lc_metadata_all_failed(const struct leat_client *client, int64_t since);

/* An answer to a Metadata request that another part made for purposes of its own: take its brokers. */
void lc_metadata_learn(struct leat_client *client, const struct proto_metadata_response *answer);

int64_t lc_metadata_turn(struct leat_client *client, int64_t now);

#endif
