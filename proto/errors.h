/* errors.h: the error codes that travel on the wire, one row each.
 *
 * XX(NAME, code, retriable, metadata, text): `retriable` = the same request may succeed later (the
 * Java client's exception is a RetriableException); `metadata` = first fetch the metadata anew (an
 * InvalidMetadataException); `text` is what Kafka says, for clients print it. Codes, names, flags
 * and texts up to 133 are those of Kafka 4.3.1. leat's own codes are in leat/err.h; a server
 * crosses from one to the other in server/error_map.c and nowhere else. Threads: any; constant.
 * Source: org.apache.kafka.common.protocol.Errors. */
#ifndef PROTO_ERRORS_H
#define PROTO_ERRORS_H

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
#define PROTO_ERROR_MAP(XX) \
    XX(UNKNOWN_SERVER_ERROR, -1, false, false, \
       "The server experienced an unexpected error when processing the request.") \
    XX(NONE, 0, false, false, \
       "no error") \
    XX(OFFSET_OUT_OF_RANGE, 1, false, false, \
       "The requested offset is not within the range of offsets maintained by the server.") \
    XX(CORRUPT_MESSAGE, 2, true, false, \
       "This message has failed its CRC checksum, exceeds the valid size, has a null key " \
       "for a compacted topic, or is otherwise corrupt.") \
    XX(UNKNOWN_TOPIC_OR_PARTITION, 3, true, true, \
       "This server does not host this topic-partition.") \
    XX(INVALID_FETCH_SIZE, 4, false, false, \
       "The requested fetch size is invalid.") \
    XX(LEADER_NOT_AVAILABLE, 5, true, true, \
       "There is no leader for this topic-partition as we are in the middle of a leadership " \
       "election.") \
    XX(NOT_LEADER_OR_FOLLOWER, 6, true, true, \
       "For requests intended only for the leader, this error indicates that the broker is " \
       "not the current leader. For requests intended for any replica, this error indicates " \
       "that the broker is not a replica of the topic partition.") \
    XX(REQUEST_TIMED_OUT, 7, true, false, \
       "The request timed out.") \
    XX(BROKER_NOT_AVAILABLE, 8, false, false, \
       "The broker is not available.") \
    XX(REPLICA_NOT_AVAILABLE, 9, true, true, \
       "The replica is not available for the requested topic-partition. Produce/Fetch " \
       "requests and other requests intended only for the leader or follower return " \
       "NOT_LEADER_OR_FOLLOWER if the broker is not a replica of the topic-partition.") \
    XX(MESSAGE_TOO_LARGE, 10, false, false, \
       "The request included a message larger than the max message size the server will " \
       "accept.") \
    XX(STALE_CONTROLLER_EPOCH, 11, false, false, \
       "The controller moved to another broker.") \
    XX(OFFSET_METADATA_TOO_LARGE, 12, false, false, \
       "The metadata field of the offset request was too large.") \
    XX(NETWORK_EXCEPTION, 13, true, true, \
       "The server disconnected before a response was received.") \
    XX(COORDINATOR_LOAD_IN_PROGRESS, 14, true, false, \
       "The coordinator is loading and hence can't process requests.") \
    XX(COORDINATOR_NOT_AVAILABLE, 15, true, false, \
       "The coordinator is not available.") \
    XX(NOT_COORDINATOR, 16, true, false, \
       "This is not the correct coordinator.") \
    XX(INVALID_TOPIC_EXCEPTION, 17, false, false, \
       "The request attempted to perform an operation on an invalid topic.") \
    XX(RECORD_LIST_TOO_LARGE, 18, false, false, \
       "The request included message batch larger than the configured segment size on the " \
       "server.") \
    XX(NOT_ENOUGH_REPLICAS, 19, true, false, \
       "Messages are rejected since there are fewer in-sync replicas than required.") \
    XX(NOT_ENOUGH_REPLICAS_AFTER_APPEND, 20, true, false, \
       "Messages are written to the log, but to fewer in-sync replicas than required.") \
    XX(INVALID_REQUIRED_ACKS, 21, false, false, \
       "Produce request specified an invalid value for required acks.") \
    XX(ILLEGAL_GENERATION, 22, false, false, \
       "Specified group generation id is not valid.") \
    XX(INCONSISTENT_GROUP_PROTOCOL, 23, false, false, \
       "The group member's supported protocols are incompatible with those of existing " \
       "members or first group member tried to join with empty protocol type or empty " \
       "protocol list.") \
    XX(INVALID_GROUP_ID, 24, false, false, \
       "The group id is invalid.") \
    XX(UNKNOWN_MEMBER_ID, 25, false, false, \
       "The coordinator is not aware of this member.") \
    XX(INVALID_SESSION_TIMEOUT, 26, false, false, \
       "The session timeout is not within the range allowed by the broker (as configured by " \
       "group.min.session.timeout.ms and group.max.session.timeout.ms).") \
    XX(REBALANCE_IN_PROGRESS, 27, false, false, \
       "The group is rebalancing, so a rejoin is needed.") \
    XX(INVALID_COMMIT_OFFSET_SIZE, 28, false, false, \
       "The committing offset data size is not valid.") \
    XX(TOPIC_AUTHORIZATION_FAILED, 29, false, false, \
       "Topic authorization failed.") \
    XX(GROUP_AUTHORIZATION_FAILED, 30, false, false, \
       "Group authorization failed.") \
    XX(CLUSTER_AUTHORIZATION_FAILED, 31, false, false, \
       "Cluster authorization failed.") \
    XX(INVALID_TIMESTAMP, 32, false, false, \
       "The timestamp of the message is out of acceptable range.") \
    XX(UNSUPPORTED_SASL_MECHANISM, 33, false, false, \
       "The broker does not support the requested SASL mechanism.") \
    XX(ILLEGAL_SASL_STATE, 34, false, false, \
       "Request is not valid given the current SASL state.") \
    XX(UNSUPPORTED_VERSION, 35, false, false, \
       "The version of API is not supported.") \
    XX(TOPIC_ALREADY_EXISTS, 36, false, false, \
       "Topic with this name already exists.") \
    XX(INVALID_PARTITIONS, 37, false, false, \
       "Number of partitions is below 1.") \
    XX(INVALID_REPLICATION_FACTOR, 38, false, false, \
       "Replication factor is below 1 or larger than the number of available brokers.") \
    XX(INVALID_REPLICA_ASSIGNMENT, 39, false, false, \
       "Replica assignment is invalid.") \
    XX(INVALID_CONFIG, 40, false, false, \
       "Configuration is invalid.") \
    XX(NOT_CONTROLLER, 41, true, false, \
       "This is not the correct controller for this cluster.") \
    XX(INVALID_REQUEST, 42, false, false, \
       "This most likely occurs because of a request being malformed by the client library " \
       "or the message was sent to an incompatible broker. See the broker logs for more " \
       "details.") \
    XX(UNSUPPORTED_FOR_MESSAGE_FORMAT, 43, false, false, \
       "The message format version on the broker does not support the request.") \
    XX(POLICY_VIOLATION, 44, false, false, \
       "Request parameters do not satisfy the configured policy.") \
    XX(OUT_OF_ORDER_SEQUENCE_NUMBER, 45, false, false, \
       "The broker received an out of order sequence number.") \
    XX(DUPLICATE_SEQUENCE_NUMBER, 46, false, false, \
       "The broker received a duplicate sequence number.") \
    XX(INVALID_PRODUCER_EPOCH, 47, false, false, \
       "Producer attempted to produce with an old epoch.") \
    XX(INVALID_TXN_STATE, 48, false, false, \
       "The producer attempted a transactional operation in an invalid state.") \
    XX(INVALID_PRODUCER_ID_MAPPING, 49, false, false, \
       "The producer attempted to use a producer id which is not currently assigned to its " \
       "transactional id.") \
    XX(INVALID_TRANSACTION_TIMEOUT, 50, false, false, \
       "The transaction timeout is larger than the maximum value allowed by the broker (as " \
       "configured by transaction.max.timeout.ms).") \
    XX(CONCURRENT_TRANSACTIONS, 51, true, false, \
       "The producer attempted to update a transaction while another concurrent operation " \
       "on the same transaction was ongoing.") \
    XX(TRANSACTION_COORDINATOR_FENCED, 52, false, false, \
       "Indicates that the transaction coordinator sending a WriteTxnMarker is no longer " \
       "the current coordinator for a given producer.") \
    XX(TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 53, false, false, \
       "Transactional Id authorization failed.") \
    XX(SECURITY_DISABLED, 54, false, false, \
       "Security features are disabled.") \
    XX(OPERATION_NOT_ATTEMPTED, 55, false, false, \
       "The broker did not attempt to execute this operation. This may happen for batched " \
       "RPCs where some operations in the batch failed, causing the broker to respond " \
       "without trying the rest.") \
    XX(KAFKA_STORAGE_ERROR, 56, true, true, \
       "Disk error when trying to access log file on the disk.") \
    XX(LOG_DIR_NOT_FOUND, 57, false, false, \
       "The user-specified log directory is not found in the broker config.") \
    XX(SASL_AUTHENTICATION_FAILED, 58, false, false, \
       "SASL Authentication failed.") \
    XX(UNKNOWN_PRODUCER_ID, 59, false, false, \
       "This exception is raised by the broker if it could not locate the producer metadata " \
       "associated with the producerId in question. This could happen if, for instance, the " \
       "producer's records were deleted because their retention time had elapsed. Once the " \
       "last records of the producerId are removed, the producer's metadata is removed from " \
       "the broker, and future appends by the producer will return this exception.") \
    XX(REASSIGNMENT_IN_PROGRESS, 60, false, false, \
       "A partition reassignment is in progress.") \
    XX(DELEGATION_TOKEN_AUTH_DISABLED, 61, false, false, \
       "Delegation Token feature is not enabled.") \
    XX(DELEGATION_TOKEN_NOT_FOUND, 62, false, false, \
       "Delegation Token is not found on server.") \
    XX(DELEGATION_TOKEN_OWNER_MISMATCH, 63, false, false, \
       "Specified Principal is not valid Owner/Renewer.") \
    XX(DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, 64, false, false, \
       "Delegation Token requests are not allowed on PLAINTEXT/1-way SSL channels and on " \
       "delegation token authenticated channels.") \
    XX(DELEGATION_TOKEN_AUTHORIZATION_FAILED, 65, false, false, \
       "Delegation Token authorization failed.") \
    XX(DELEGATION_TOKEN_EXPIRED, 66, false, false, \
       "Delegation Token is expired.") \
    XX(INVALID_PRINCIPAL_TYPE, 67, false, false, \
       "Supplied principalType is not supported.") \
    XX(NON_EMPTY_GROUP, 68, false, false, \
       "The group is not empty.") \
    XX(GROUP_ID_NOT_FOUND, 69, false, false, \
       "The group id does not exist.") \
    XX(FETCH_SESSION_ID_NOT_FOUND, 70, true, false, \
       "The fetch session ID was not found.") \
    XX(INVALID_FETCH_SESSION_EPOCH, 71, true, false, \
       "The fetch session epoch is invalid.") \
    XX(LISTENER_NOT_FOUND, 72, true, true, \
       "There is no listener on the leader broker that matches the listener on which " \
       "metadata request was processed.") \
    XX(TOPIC_DELETION_DISABLED, 73, false, false, \
       "Topic deletion is disabled.") \
    XX(FENCED_LEADER_EPOCH, 74, true, true, \
       "The leader epoch in the request is older than the epoch on the broker.") \
    XX(UNKNOWN_LEADER_EPOCH, 75, true, false, \
       "The leader epoch in the request is newer than the epoch on the broker.") \
    XX(UNSUPPORTED_COMPRESSION_TYPE, 76, false, false, \
       "The requesting client does not support the compression type of given partition.") \
    XX(STALE_BROKER_EPOCH, 77, false, false, \
       "Broker epoch has changed.") \
    XX(OFFSET_NOT_AVAILABLE, 78, true, false, \
       "The leader high watermark has not caught up from a recent leader election so the " \
       "offsets cannot be guaranteed to be monotonically increasing.") \
    XX(MEMBER_ID_REQUIRED, 79, false, false, \
       "The group member needs to have a valid member id before actually entering a " \
       "consumer group.") \
    XX(PREFERRED_LEADER_NOT_AVAILABLE, 80, true, true, \
       "The preferred leader was not available.") \
    XX(GROUP_MAX_SIZE_REACHED, 81, false, false, \
       "The group has reached its maximum size.") \
    XX(FENCED_INSTANCE_ID, 82, false, false, \
       "The broker rejected this static consumer since another consumer with the same " \
       "group.instance.id has registered with a different member.id.") \
    XX(ELIGIBLE_LEADERS_NOT_AVAILABLE, 83, true, true, \
       "Eligible topic partition leaders are not available.") \
    XX(ELECTION_NOT_NEEDED, 84, true, true, \
       "Leader election not needed for topic partition.") \
    XX(NO_REASSIGNMENT_IN_PROGRESS, 85, false, false, \
       "No partition reassignment is in progress.") \
    XX(GROUP_SUBSCRIBED_TO_TOPIC, 86, false, false, \
       "Deleting offsets of a topic is forbidden while the consumer group is actively " \
       "subscribed to it.") \
    XX(INVALID_RECORD, 87, false, false, \
       "This record has failed the validation on broker and hence will be rejected.") \
    XX(UNSTABLE_OFFSET_COMMIT, 88, true, false, \
       "There are unstable offsets that need to be cleared.") \
    XX(THROTTLING_QUOTA_EXCEEDED, 89, true, false, \
       "The throttling quota has been exceeded.") \
    XX(PRODUCER_FENCED, 90, false, false, \
       "There is a newer producer with the same transactionalId which fences the current " \
       "one.") \
    XX(RESOURCE_NOT_FOUND, 91, false, false, \
       "A request illegally referred to a resource that does not exist.") \
    XX(DUPLICATE_RESOURCE, 92, false, false, \
       "A request illegally referred to the same resource twice.") \
    XX(UNACCEPTABLE_CREDENTIAL, 93, false, false, \
       "Requested credential would not meet criteria for acceptability.") \
    XX(INCONSISTENT_VOTER_SET, 94, false, false, \
       "Indicates that the either the sender or recipient of a voter-only request is not " \
       "one of the expected voters.") \
    XX(INVALID_UPDATE_VERSION, 95, false, false, \
       "The given update version was invalid.") \
    XX(FEATURE_UPDATE_FAILED, 96, false, false, \
       "Unable to update finalized features due to an unexpected server error.") \
    XX(PRINCIPAL_DESERIALIZATION_FAILURE, 97, false, false, \
       "Request principal deserialization failed during forwarding. This indicates an " \
       "internal error on the broker cluster security setup.") \
    XX(SNAPSHOT_NOT_FOUND, 98, false, false, \
       "Requested snapshot was not found.") \
    XX(POSITION_OUT_OF_RANGE, 99, false, false, \
       "Requested position is not greater than or equal to zero, and less than the size of " \
       "the snapshot.") \
    XX(UNKNOWN_TOPIC_ID, 100, true, true, \
       "This server does not host this topic ID.") \
    XX(DUPLICATE_BROKER_REGISTRATION, 101, false, false, \
       "This broker ID is already in use.") \
    XX(BROKER_ID_NOT_REGISTERED, 102, false, false, \
       "The given broker ID was not registered.") \
    XX(INCONSISTENT_TOPIC_ID, 103, true, true, \
       "The log's topic ID did not match the topic ID in the request.") \
    XX(INCONSISTENT_CLUSTER_ID, 104, false, false, \
       "The clusterId in the request does not match that found on the server.") \
    XX(TRANSACTIONAL_ID_NOT_FOUND, 105, false, false, \
       "The transactionalId could not be found.") \
    XX(FETCH_SESSION_TOPIC_ID_ERROR, 106, true, false, \
       "The fetch session encountered inconsistent topic ID usage.") \
    XX(INELIGIBLE_REPLICA, 107, false, false, \
       "The new ISR contains at least one ineligible replica.") \
    XX(NEW_LEADER_ELECTED, 108, false, false, \
       "The AlterPartition request successfully updated the partition state but the leader " \
       "has changed.") \
    XX(OFFSET_MOVED_TO_TIERED_STORAGE, 109, false, false, \
       "The requested offset is moved to tiered storage.") \
    XX(FENCED_MEMBER_EPOCH, 110, false, false, \
       "The member epoch is fenced by the group coordinator. The member must abandon all " \
       "its partitions and rejoin.") \
    XX(UNRELEASED_INSTANCE_ID, 111, false, false, \
       "The instance ID is still used by another member in the consumer group. That member " \
       "must leave first.") \
    XX(UNSUPPORTED_ASSIGNOR, 112, false, false, \
       "The assignor or its version range is not supported by the consumer group.") \
    XX(STALE_MEMBER_EPOCH, 113, false, false, \
       "The member epoch is stale. The member must retry after receiving its updated member " \
       "epoch via the ConsumerGroupHeartbeat API.") \
    XX(MISMATCHED_ENDPOINT_TYPE, 114, false, false, \
       "The request was sent to an endpoint of the wrong type.") \
    XX(UNSUPPORTED_ENDPOINT_TYPE, 115, false, false, \
       "This endpoint type is not supported yet.") \
    XX(UNKNOWN_CONTROLLER_ID, 116, false, false, \
       "This controller ID is not known.") \
    XX(UNKNOWN_SUBSCRIPTION_ID, 117, false, false, \
       "Client sent a push telemetry request with an invalid or outdated subscription ID.") \
    XX(TELEMETRY_TOO_LARGE, 118, false, false, \
       "Client sent a push telemetry request larger than the maximum size the broker will " \
       "accept.") \
    XX(INVALID_REGISTRATION, 119, false, false, \
       "The controller has considered the broker registration to be invalid.") \
    XX(TRANSACTION_ABORTABLE, 120, false, false, \
       "The server encountered an error with the transaction. The client can abort the " \
       "transaction to continue using this transactional ID.") \
    XX(INVALID_RECORD_STATE, 121, false, false, \
       "The record state is invalid. The acknowledgement of delivery could not be " \
       "completed.") \
    XX(SHARE_SESSION_NOT_FOUND, 122, true, false, \
       "The share session was not found.") \
    XX(INVALID_SHARE_SESSION_EPOCH, 123, true, false, \
       "The share session epoch is invalid.") \
    XX(FENCED_STATE_EPOCH, 124, false, false, \
       "The share coordinator rejected the request because the share-group state epoch did " \
       "not match.") \
    XX(INVALID_VOTER_KEY, 125, false, false, \
       "The voter key doesn't match the receiving replica's key.") \
    XX(DUPLICATE_VOTER, 126, false, false, \
       "The voter is already part of the set of voters.") \
    XX(VOTER_NOT_FOUND, 127, false, false, \
       "The voter is not part of the set of voters.") \
    XX(INVALID_REGULAR_EXPRESSION, 128, false, false, \
       "The regular expression is not valid.") \
    XX(REBOOTSTRAP_REQUIRED, 129, false, false, \
       "Client metadata is stale. The client should rebootstrap to obtain new metadata.") \
    XX(STREAMS_INVALID_TOPOLOGY, 130, false, false, \
       "The supplied topology is invalid.") \
    XX(STREAMS_INVALID_TOPOLOGY_EPOCH, 131, false, false, \
       "The supplied topology epoch is invalid.") \
    XX(STREAMS_TOPOLOGY_FENCED, 132, false, false, \
       "The supplied topology epoch is outdated.") \
    XX(SHARE_SESSION_LIMIT_REACHED, 133, true, false, \
       "The limit of share sessions has been reached.") \
    XX(GROUP_DELETION_FAILED, 134, false, false, \
       "The group could not be deleted.") \
    XX(STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED, 135, false, false, \
       "The description of the topology could not be updated.") \
    XX(CONTROLLER_ID_NOT_REGISTERED, 136, false, false, \
       "The controller id is not registered.")
/* clang-format on */

/* PROTO_ERROR_NONE = 0, PROTO_ERROR_OFFSET_OUT_OF_RANGE = 1, ... */
enum proto_error {
#define XX(name, code, retriable, metadata, text) PROTO_ERROR_##name = code,
    PROTO_ERROR_MAP(XX)
#undef XX
};

/* Kafka's name ("OFFSET_OUT_OF_RANGE") and sentence; for a code that is not in the table
 * "UNKNOWN_CODE" and a sentence that says so. Constant strings, never NULL. */
const char *proto_error_name(int16_t code);
const char *proto_error_text(int16_t code);

/* false for codes that are not in the table: librdkafka and Java treat those as permanent too. */
bool proto_error_is_retriable(int16_t code);
bool proto_error_needs_metadata(int16_t code);

/* The code of a name, for tools; LEAT_ENOENT if there is none. */
int proto_error_parse(const char *name, int16_t *ret_code);

#endif
