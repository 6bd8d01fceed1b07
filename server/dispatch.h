/* dispatch.h: from a request's key to its handler, and the list of APIs that this server serves.
 *
 * SRV_HANDLERS is the one place where an API is switched on: a row here, a handler in handle_<family>.c. ApiVersions
 * answers exactly these rows, with the version ranges of the schemas (proto/schema).
 * Threads: srv_dispatch runs on the request's loop. */
#ifndef SRV_DISPATCH_H
#define SRV_DISPATCH_H

#include "server/request.h"

/* XX(ENUM of proto_api, message name): the handler is srv_handle_<name>. */
#define SRV_HANDLERS(XX)                                     \
    XX(PRODUCE, produce)                                     \
    XX(FETCH, fetch)                                         \
    XX(LIST_OFFSETS, list_offsets)                           \
    XX(METADATA, metadata)                                   \
    XX(API_VERSIONS, api_versions)                           \
    XX(CREATE_TOPICS, create_topics)                         \
    XX(DELETE_TOPICS, delete_topics)                         \
    XX(DELETE_RECORDS, delete_records)                       \
    XX(INIT_PRODUCER_ID, init_producer_id)                   \
    XX(OFFSET_FOR_LEADER_EPOCH, offset_for_leader_epoch)     \
    XX(DESCRIBE_CONFIGS, describe_configs)                   \
    XX(ALTER_CONFIGS, alter_configs)                         \
    XX(INCREMENTAL_ALTER_CONFIGS, incremental_alter_configs) \
    XX(DESCRIBE_LOG_DIRS, describe_log_dirs)                 \
    XX(CREATE_PARTITIONS, create_partitions)                 \
    XX(DESCRIBE_CLUSTER, describe_cluster)                   \
    XX(DESCRIBE_PRODUCERS, describe_producers)               \
    XX(DESCRIBE_TOPIC_PARTITIONS, describe_topic_partitions)

/* Each handler: int srv_handle_x(struct srv_request *req, const struct proto_x_request *in, struct proto_x_response *ret),
 * declared in handlers.h from the list above. */

/* Decode header and body of req->frame; body and response are made in the arena. Anything but 0: close the connection (the
 * line for the operator is written here). Malformed bytes, a key or a version that is not served end a connection, as
 * in Kafka; ApiVersions alone is answered in that case, with UNSUPPORTED_VERSION. */
int srv_dispatch_decode(struct srv_request *req);

/* Call the handler: first call and re-entry. Returns what it returned. */
int srv_dispatch_call(struct srv_request *req);

/* The answer is on its way (`size` bytes, 0: none was due): count it, and say so if it was slow. */
void srv_dispatch_done(struct srv_request *req, size_t size);

/* Is there a handler for this API? What ApiVersions tells is the rows of proto_apis for which there is. */
bool srv_dispatch_serves(int16_t key);

#endif
