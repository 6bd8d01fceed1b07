/* log_config.c: the defaults, Kafka's but for the last two. */
#include "storage/log_config.h"

void log_config_init(struct log_config *config)
{
    *config = (struct log_config){
        .segment_bytes = 1073741824,
        .segment_ms = 604800000,
        .segment_jitter_ms = 0,
        .segment_index_bytes = 10485760,
        .index_interval_bytes = 4096,
        .retention_ms = 604800000,
        .retention_bytes = -1,
        .file_delete_delay_ms = 60000,
        .max_message_bytes = 1048588,
        .timestamp_before_max_ms = INT64_MAX,
        .timestamp_after_max_ms = 3600000,
        .flush_messages = INT64_MAX,
        .flush_ms = INT64_MAX,
        .delete_retention_ms = 86400000,
        .min_compaction_lag_ms = 0,
        .max_compaction_lag_ms = INT64_MAX,
        .producer_expiration_ms = 86400000,
        .min_cleanable_dirty_ratio = 0.5,
        .min_insync_replicas = 1,
        .timestamp_type = LOG_CREATE_TIME,
        .cleanup_delete = true,
        .cleanup_compact = false,
        .compression = -1,
        .compression_level = 0,
        .durability = LOG_DURABILITY_DISK,
        .validation = LOG_VALIDATE_WALK,
    };
}
