/* config.h: every setting of the server in one table.
 *
 * The table (config_table.c) drives the file parser, the environment, --set, --check-config, --print-config,
 * DescribeConfigs, AlterConfigs and docs/configuration.md. Names, defaults and units are Kafka's; leat's own are leat.*.
 *
 * Hot paths do not look names up: they read struct srv_settings, made from the table whenever something changes and
 * swapped as a whole.
 * Threads: srv_config_settings from any; changes on the metadata thread. */
#ifndef SRV_CONFIG_H
#define SRV_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "storage/log_config.h"

struct srv_config;

/* What the server's own code reads, parsed. Kafka's key in the comment. */
struct srv_settings {
    int32_t node_id;                   /* node.id */
    int io_threads;                    /* leat.io.threads */
    int reader_threads;                /* leat.reader.threads */
    int flush_threads;                 /* leat.flush.threads */
    int64_t socket_request_max_bytes;  /* socket.request.max.bytes */
    int64_t queued_max_request_bytes;  /* queued.max.request.bytes */
    int64_t connection_max_bytes;      /* leat.connection.max.bytes */
    int64_t fetch_staged_max_bytes;    /* leat.fetch.staged.max.bytes */
    int64_t fetch_max_bytes;           /* fetch.max.bytes */
    int32_t fetch_session_slots;       /* max.incremental.fetch.session.cache.slots */
    int64_t max_connections;           /* max.connections */
    int64_t max_connections_per_ip;    /* max.connections.per.ip */
    int64_t connections_max_idle_ms;   /* connections.max.idle.ms */
    int32_t socket_send_buffer_bytes;  /* socket.send.buffer.bytes, -1 = the kernel's */
    int32_t socket_receive_buffer_bytes; /* socket.receive.buffer.bytes */
    bool auto_create_topics;           /* auto.create.topics.enable */
    bool delete_topic_enable;          /* delete.topic.enable */
    int32_t num_partitions;            /* num.partitions */
    int32_t partitions_max;            /* leat.partitions.max */
    int64_t unsynced_max_bytes;        /* leat.flush.unsynced.max.bytes */
    int64_t disk_reserve_bytes;        /* leat.disk.reserve.bytes */
    int64_t maps_max;                  /* leat.maps.max */
    int64_t checkpoint_interval_ms;    /* log.flush.offset.checkpoint.interval.ms */
    int64_t retention_check_interval_ms; /* log.retention.check.interval.ms */
    int64_t slow_request_ms;           /* slow.request.ms */
    int64_t shutdown_timeout_ms;       /* shutdown.timeout.ms */
    int32_t metrics_partition_limit;   /* metrics.partition.limit */
    const char *listeners;             /* listeners */
    const char *advertised_listeners;  /* advertised.listeners, "" = the address dialled */
    const char *http_listeners;        /* http.listeners */
    const char *log_dirs;              /* log.dirs */
};

/* The settings as of now. Borrowed: old versions are kept until srv_config_free, since they are few. */
const struct srv_settings *srv_config_settings(const struct srv_config *config);

/* The log settings of a topic: its overrides over the broker's values over the defaults. */
int srv_config_topic(const struct srv_config *config, const char *topic, struct log_config *ret);

#endif
