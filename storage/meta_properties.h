/* meta_properties.h: the two small text files that say whom a directory belongs to.
 *
 *   meta.properties      of a data directory: version=1, cluster.id=, node.id=, directory.id= (a Java properties file)
 *   partition.metadata   of a partition:      "version: 0\ntopic_id: <22 characters>\n"
 *
 * Text only, no files. Threads: any; no state.
 * Source: Kafka MetaProperties, PartitionMetadataFile. */
#ifndef LOG_META_PROPERTIES_H
#define LOG_META_PROPERTIES_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "proto/uuid.h"

struct log_meta_properties {
    int32_t node_id;
    char cluster_id[PROTO_UUID_TEXT_SIZE];
    char directory_id[PROTO_UUID_TEXT_SIZE]; /* "" when the file has none (Kafka before 3.7) */
};

/* `name` is for the messages. LEAT_ECORRUPT: not such a file, an id or a number that is none, a key twice or missing;
 * LEAT_EUNSUPPORTED: another version. Keys that are not ours are skipped. */
int log_meta_properties_parse(struct lt_slice text,
                              const char *name,
                              struct log_meta_properties *ret,
                              struct leat_error **reterr);

/* Appended to buf. LEAT_ENOMEM. */
int log_meta_properties_format(const struct log_meta_properties *meta, struct lt_buf *buf);

/* As above; a topic id of zero is LEAT_ECORRUPT. */
int log_partition_metadata_parse(struct lt_slice text,
                                 const char *name,
                                 struct proto_uuid *ret_topic_id,
                                 struct leat_error **reterr);
int log_partition_metadata_format(struct proto_uuid topic_id, struct lt_buf *buf);

#endif
