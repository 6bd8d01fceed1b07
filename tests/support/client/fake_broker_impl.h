/* fake_broker_impl.h: shared by fake_broker.c (connections, metadata, produce) and fake_fetch.c (what consumers ask) alone.
 *
 * Threads: broker->lock guards everything that changes. */
#ifndef TEST_FAKE_BROKER_IMPL_H
#define TEST_FAKE_BROKER_IMPL_H

#include <pthread.h>

#include "base/arena.h"
#include "proto/api.h"
#include "proto/header.h"
#include "proto/messages.h"
#include "tests/support/client/fake_broker.h"

#define FAKE_RULES_MAX 16
#define FAKE_CONNECTIONS_MAX 256
#define FAKE_PARTITIONS_MAX 1024
#define FAKE_NODES_MAX 4
#define FAKE_FIRST_EPOCH 5
#define FAKE_API_KEYS 128

struct fake_part {
    struct lt_buf bytes; /* whole batches */
    int64_t start;
    int64_t end;
    int32_t leader;
    int32_t epoch;
};

/* A partition in a fetch session. */
struct fake_member {
    struct proto_fetch_request_partition ask; /* as named last */
    int64_t told_end;                         /* high watermark that was answered last */
    bool in;
};

/* The newest fetch session of a node. */
struct fake_session {
    int32_t id; /* 0 = none */
    int32_t epoch;
    bool by_id;
    struct fake_member *members; /* by partition number */
};

struct fake_node {
    struct fake_broker *broker;
    int32_t id;
    int listener; /* -1 = down */
    int port;
    pthread_t acceptor;
    struct fake_session session;
};

struct fake_connection {
    struct fake_node *node;
    int fd; /* -1 = the slot is free */
    pthread_t thread;
    struct lt_buf held; /* FAKE_REORDER: an answer that waits for the next one; of the thread */
};

struct fake_broker {
    pthread_mutex_t lock;
    pthread_cond_t cond; /* something was appended or asked, or everything ends */
    struct fake_part parts[FAKE_PARTITIONS_MAX];
    int32_t part_count;
    struct proto_uuid topic_id;
    bool topic_gone;
    struct fake_rule rules[FAKE_RULES_MAX];
    size_t rule_count;
    int counts[FAKE_API_KEYS];
    int16_t version_max[FAKE_API_KEYS]; /* 0 = as the codec has it; -1 = not served */
    size_t batch_max;
    bool no_sessions;
    int32_t sessions_made;
    struct fake_fetch last_fetch;
    char address[32]; /* of the first node */
    bool ending;
    struct fake_node nodes[FAKE_NODES_MAX];
    int32_t node_count;
    struct fake_connection connections[FAKE_CONNECTIONS_MAX];
};

/* One request being answered. */
struct exchange {
    struct fake_broker *broker;
    struct fake_node *node; /* that was asked */
    size_t size;            /* of the request's frame */
    struct lt_arena arena;
    struct proto_request_header header;
    const struct proto_api *api;
    struct proto_reader reader;
    bool has_rule;
    struct fake_rule rule;
    bool no_answer; /* acks=0 */
    void *response;
};

/* Zeroed memory that lives as long as the exchange. */
void *fake_room(struct exchange *x, size_t count, size_t size);

bool fake_has_action(const struct exchange *x, enum fake_action action);

/* The code that a rule wants for every partition, or 0. */
int16_t fake_rule_code(const struct exchange *x);

/* fake_fetch.c; lock held. */
void fake_handle_fetch(struct exchange *x);
void fake_handle_list_offsets(struct exchange *x);
void fake_handle_epochs(struct exchange *x);

#endif
