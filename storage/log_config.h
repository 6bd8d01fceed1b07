/* log_config.h: the settings of one partition log, already parsed.
 *
 * One struct for all partitions of a topic; names follow the topic configs (kafka-style name in the comment). Values are
 * resolved by the server (topic override, broker default, built-in default) and handed down with log_partition_set_config.
 * Threads: plain data; the partition copies it. */
#ifndef LOG_CONFIG_H
#define LOG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

enum log_durability { LOG_DURABILITY_DISK = 0, LOG_DURABILITY_MEMORY = 1 };
enum log_validation { LOG_VALIDATE_HEADER = 0, LOG_VALIDATE_WALK = 1, LOG_VALIDATE_FULL = 2 };
enum log_timestamp_type { LOG_CREATE_TIME = 0, LOG_APPEND_TIME = 1 };

struct log_config {
    int64_t segment_bytes;                  /* segment.bytes */
    int64_t segment_ms;                     /* segment.ms */
    int64_t segment_jitter_ms;              /* segment.jitter.ms */
    int64_t segment_index_bytes;            /* segment.index.bytes */
    int64_t index_interval_bytes;           /* index.interval.bytes */
    int64_t retention_ms;                   /* retention.ms, -1 = forever */
    int64_t retention_bytes;                /* retention.bytes, -1 = no bound */
    int64_t file_delete_delay_ms;           /* file.delete.delay.ms */
    int64_t max_message_bytes;              /* max.message.bytes: one whole batch */
    int64_t timestamp_before_max_ms;        /* message.timestamp.before.max.ms */
    int64_t timestamp_after_max_ms;         /* message.timestamp.after.max.ms */
    int64_t flush_messages;                 /* flush.messages, INT64_MAX = never */
    int64_t flush_ms;                       /* flush.ms, INT64_MAX = never */
    int64_t delete_retention_ms;            /* delete.retention.ms */
    int64_t min_compaction_lag_ms;          /* min.compaction.lag.ms */
    int64_t max_compaction_lag_ms;          /* max.compaction.lag.ms */
    int64_t producer_expiration_ms;         /* producer.id.expiration.ms, the broker's */
    double min_cleanable_dirty_ratio;       /* min.cleanable.dirty.ratio */
    int32_t min_insync_replicas;            /* min.insync.replicas */
    enum log_timestamp_type timestamp_type; /* message.timestamp.type */
    bool cleanup_delete;                    /* cleanup.policy has delete */
    bool cleanup_compact;                   /* cleanup.policy has compact */
    int compression;                /* compression.type: -1 producer, else the codec number 0-4 */
    int compression_level;          /* of that codec */
    enum log_durability durability; /* leat.durability */
    enum log_validation validation; /* leat.record.validation */
};

/* Kafka's defaults, and leat's own (disk, walk). */
void log_config_init(struct log_config *config);

#endif
