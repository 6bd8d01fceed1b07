/* meta_records.h: the keys and values that the server keeps in the metadata store.
 *
 *   cluster                       ClusterMeta
 *   topic/<name>                  TopicMeta
 *   config/topic/<name>           ConfigMeta, the topic's overrides
 *   config/broker/<number or "">  ConfigMeta; "" = cluster-wide
 *   epoch/<topic id>/<partition>  EpochMeta; absent = 0
 *   deleted/<topic id>            DeletedTopicMeta: directories still to be removed
 *   producer_ids                  ProducerIdsMeta: ids below next_id may be in use
 *
 * A value is an int16, its version, and the record of proto/schema/meta_records.schema. Topic ids are Kafka's 22
 * characters of base64url.
 * Threads: any; no state. */
#ifndef META_RECORDS_H
#define META_RECORDS_H

#include "base/arena.h"
#include "proto/msg_meta_records.h"
#include "server/config.h"
#include "server/meta_store.h"

#define META_KEY_PRODUCER_IDS "producer_ids"

/* Keys and values in the arena; data NULL when memory is short. */
struct lt_slice meta_key_topic(struct lt_arena *arena, const char *name);
struct lt_slice
meta_key_config(struct lt_arena *arena, enum srv_resource resource, const char *name);
struct lt_slice
meta_key_epoch(struct lt_arena *arena, const struct proto_uuid *id, int32_t partition);
struct lt_slice meta_key_deleted(struct lt_arena *arena, const struct proto_uuid *id);

struct lt_slice meta_value_cluster(struct lt_arena *arena, const struct proto_cluster_meta *in);
struct lt_slice meta_value_topic(struct lt_arena *arena, const struct proto_topic_meta *in);
struct lt_slice
meta_value_config(struct lt_arena *arena, const struct srv_config_pair *pairs, size_t count);
struct lt_slice meta_value_epoch(struct lt_arena *arena, int32_t leader_epoch);
struct lt_slice meta_value_deleted(struct lt_arena *arena,
                                   const struct proto_deleted_topic_meta *in);

struct lt_slice meta_value_producer_ids(struct lt_arena *arena, int64_t next_id);

/* Read a value back; slices are borrowed from it. LEAT_ECORRUPT: not such a record; LEAT_EUNSUPPORTED: written by a
 * newer server; LEAT_ENOMEM. */
int meta_read_cluster(struct lt_slice value,
                      struct lt_arena *arena,
                      struct proto_cluster_meta *ret);
int meta_read_topic(struct lt_slice value, struct lt_arena *arena, struct proto_topic_meta *ret);
int meta_read_config(struct lt_slice value,
                     struct lt_arena *arena,
                     struct srv_config_pair **ret_pairs,
                     size_t *ret_count);
int meta_read_epoch(struct lt_slice value, struct lt_arena *arena, int32_t *ret_leader_epoch);
int meta_read_producer_ids(struct lt_slice value, int64_t *ret_next_id);
int meta_read_deleted(struct lt_slice value,
                      struct lt_arena *arena,
                      struct proto_deleted_topic_meta *ret);

#endif
