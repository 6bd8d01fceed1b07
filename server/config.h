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
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "storage/log_config.h"

struct srv_config;
struct srv_config_row;

/* What the server's own code reads, parsed. Kafka's key in the comment. */
struct srv_settings {
    int32_t node_id;                     /* node.id */
    int io_threads;                      /* leat.io.threads */
    int reader_threads;                  /* leat.reader.threads */
    int flush_threads;                   /* leat.flush.threads */
    int64_t socket_request_max_bytes;    /* socket.request.max.bytes */
    int64_t queued_max_request_bytes;    /* queued.max.request.bytes */
    int64_t connection_max_bytes;        /* leat.connection.max.bytes */
    int64_t fetch_staged_max_bytes;      /* leat.fetch.staged.max.bytes */
    int64_t fetch_max_bytes;             /* fetch.max.bytes */
    int32_t fetch_session_slots;         /* max.incremental.fetch.session.cache.slots */
    int64_t max_connections;             /* max.connections */
    int64_t max_connections_per_ip;      /* max.connections.per.ip */
    int64_t max_connection_rate;         /* max.connection.creation.rate */
    int64_t connections_max_idle_ms;     /* connections.max.idle.ms */
    int32_t socket_send_buffer_bytes;    /* socket.send.buffer.bytes, -1 = the kernel's */
    int32_t socket_receive_buffer_bytes; /* socket.receive.buffer.bytes */
    bool auto_create_topics;             /* auto.create.topics.enable */
    bool delete_topic_enable;            /* delete.topic.enable */
    int32_t num_partitions;              /* num.partitions */
    int32_t partitions_max;              /* leat.partitions.max */
    int64_t unsynced_max_bytes;          /* leat.flush.unsynced.max.bytes */
    int64_t producers_max;               /* leat.producers.max */
    int64_t producer_expiration_ms;      /* producer.id.expiration.ms */
    int64_t disk_reserve_bytes;          /* leat.disk.reserve.bytes */
    int64_t maps_max;                    /* leat.maps.max */
    int64_t checkpoint_interval_ms;      /* log.flush.offset.checkpoint.interval.ms */
    int64_t retention_check_interval_ms; /* log.retention.check.interval.ms */
    int64_t slow_request_ms;             /* slow.request.ms */
    int64_t shutdown_timeout_ms;         /* shutdown.timeout.ms */
    int32_t metrics_partition_limit;     /* metrics.partition.limit */
    int log_level;                       /* log.level: enum lt_diag_level */
    int log_format;                      /* log.format: enum lt_diag_format */
    const char *listeners;               /* listeners */
    const char *advertised_listeners;    /* advertised.listeners, "" = the address dialled */
    const char *listener_protocols;      /* listener.security.protocol.map */
    const char *http_listeners;          /* http.listeners */
    const char *log_dirs;                /* log.dirs */
};

/* ---- loading ---- */

struct srv_config_note {
    bool error;       /* false: a warning */
    const char *file; /* a path, "environment", "--set", "" */
    int line;         /* from 1; 0: no line */
    const char *text;
};

struct srv_config_options {
    const char *path;        /* the file; NULL: none */
    const char *const *sets; /* --set KEY=VALUE, in order */
    size_t set_count;
    char *const *environ_list; /* LEAT_..., NULL-terminated; NULL: none */
    const char *data_dir;      /* --data: stands for --set log.dirs; NULL: not given */
    bool dev;                  /* --dev: its defaults */
    bool strict;               /* warnings are errors */
    bool lenient;              /* unknown keys are warnings */
};

/* Read file, environment and --set; check types, ranges and what settings say about each other. The options are
 * borrowed until srv_config_free, since a reload reads them again.
 * LEAT_ECONFIG: the first problem, as "file:line: text"; LEAT_ENOMEM. Blocks: reads files. */
int srv_config_load(const struct srv_config_options *options,
                    struct srv_config **ret_config,
                    struct leat_error **reterr);
void srv_config_free(struct srv_config *config); /* NULL is accepted */

/* What loading had to say short of an error. Borrowed. */
const struct srv_config_note *srv_config_notes(const struct srv_config *config, size_t *ret_count);

/* --check-config: as srv_config_load, and a look at data directories; prints every problem as
 * `file:line: error|warning: text`, or as one JSON object. Returns the exit code: 0 without errors, else 1. */
int srv_config_check(const struct srv_config_options *options, bool json, FILE *out);

/* Did anybody (file, environment, --set, --data) give the broker key a value? Any thread. */
bool srv_config_is_given(const struct srv_config *config, const char *key);

/* With --dev, and no listener's address given: a port that is taken may be any other. */
bool srv_config_any_port(const struct srv_config *config, const char *key);

enum srv_config_print { SRV_PRINT_PROPERTIES = 0, SRV_PRINT_JSON = 1, SRV_PRINT_MD = 2 };

/* --print-config: the settings in force (properties, json), or the table for docs/configuration.md (md; config may be NULL,
 * nothing in it depends on the machine). */
int srv_config_print(const struct srv_config *config, enum srv_config_print format, FILE *out);

/* SIGHUP: read everything again; all settings that may change take effect, or nothing does. *ret_changed counts them;
 * *ret_pending those that wait for a restart. Errors as srv_config_load. Metadata or main thread. */
int srv_config_reload(struct srv_config *config,
                      size_t *ret_changed,
                      size_t *ret_pending,
                      struct leat_error **reterr);

/* ---- changes while running ---- */

/* Kafka's resource types. */
enum srv_resource { SRV_RESOURCE_TOPIC = 2, SRV_RESOURCE_BROKER = 4 };

struct srv_config_pair {
    const char *name;
    const char *value; /* canonical */
};

/* What the metadata store says about one resource: replaces its overrides; count 0 removes them. Values that do not
 * fit the table (a newer server wrote them) are left out. `name` of a broker: its number, "" = cluster-wide.
 * LEAT_ENOMEM: unchanged. Metadata thread. */
int srv_config_set_overrides(struct srv_config *config,
                             enum srv_resource resource,
                             const char *name,
                             const struct srv_config_pair *pairs,
                             size_t count,
                             int64_t rev);

/* The overrides, copied into the arena, and the revision that wrote them (0: none). Any thread. */
int srv_config_get_overrides(const struct srv_config *config,
                             enum srv_resource resource,
                             const char *name,
                             struct lt_arena *arena,
                             struct srv_config_pair **ret_pairs,
                             size_t *ret_count,
                             int64_t *ret_rev);

/* Forget every override (the feed begins again). Metadata thread. */
void srv_config_clear_overrides(struct srv_config *config);

/* Is the broker key set by --set or the environment, so that a dynamic value would have no effect? Any thread. */
bool srv_config_pinned(const struct srv_config *config, const struct srv_config_row *row);

/* Check a whole set of topic overrides together (lags that contradict each other). LEAT_ECONFIG with Kafka's words. */
int srv_config_check_topic(const struct srv_config_pair *pairs,
                           size_t count,
                           struct leat_error **reterr);

/* ---- describing ---- */

/* Kafka's config sources. */
enum srv_config_source {
    SRV_SOURCE_TOPIC = 1,
    SRV_SOURCE_DYNAMIC_BROKER = 2,
    SRV_SOURCE_DYNAMIC_DEFAULT = 3,
    SRV_SOURCE_STATIC = 4,
    SRV_SOURCE_DEFAULT = 5,
};

struct srv_config_synonym {
    const char *name;
    const char *value;
    enum srv_config_source source;
};

struct srv_config_value {
    const struct srv_config_row *row;
    const char *value; /* NULL: null */
    bool read_only;
    enum srv_config_source source;
    const struct srv_config_synonym *synonyms; /* strongest first */
    size_t synonym_count;
};

/* One setting of a topic, of this broker, or ("" as name) of the cluster-wide defaults, with where its value comes from.
 * Memory of the arena. LEAT_ENOENT: a cluster-wide default that is not set. Any thread. */
int srv_config_describe(const struct srv_config *config,
                        enum srv_resource resource,
                        const char *name,
                        const struct srv_config_row *row,
                        struct lt_arena *arena,
                        struct srv_config_value *ret);

/* The settings as of now. Borrowed: old versions are kept until srv_config_free, since they are few. */
const struct srv_settings *srv_config_settings(const struct srv_config *config);

/* The log settings of a topic: its overrides over the broker's values over the defaults. Any thread. */
int srv_config_topic(const struct srv_config *config, const char *topic, struct log_config *ret);

/* ---- addresses ---- */

struct srv_endpoint {
    char name[64];  /* "PLAINTEXT", "http" */
    char host[256]; /* without brackets; "" = all addresses */
    int port;       /* 0 = chosen by the kernel */
};

/* Take the next NAME://HOST:PORT off a comma-separated list; *at moves on. Returns 1, 0 at the end, LEAT_EINVAL. */
int srv_endpoint_next(const char **at, struct srv_endpoint *ret);

#endif
