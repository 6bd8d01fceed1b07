/* metrics_text.c: Prometheus text from the counters of all parts. See metrics.h.
 *
 * One function per group of families; each family is begun with `family` (which also applies the name filter) and has
 * its lines written by `line`. */
#include "server/metrics_impl.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/os.h"
#include "proto/api.h"
#include "proto/errors.h"
#include "server/commit_text.h"
#include "server/config.h"
#include "server/listener.h"
#include "server/loop.h"
#include "server/meta_store.h"
#include "server/server.h"
#include "server/topics.h"
#include "storage/store.h"

/* The text being made. After the first failure nothing more is written. */
struct text {
    struct srv_server *server;
    const struct srv_metrics_filter *filter;
    struct lt_buf *buf;
    int err;
    const char *name; /* of the present family; NULL: filtered out */
};

/* ---- writing ---- */

static bool wanted(const struct text *text, const char *name)
{
    if (text->filter == NULL || text->filter->names == NULL) {
        return true;
    }
    for (const char *const *at = text->filter->names; *at != NULL; at++) {
        if (strcmp(*at, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool family(struct text *text, const char *name, const char *type, const char *help)
{
    text->name = wanted(text, name) ? name : NULL;
    if (text->name == NULL || text->err != 0) {
        return false;
    }
    text->err = lt_buf_printf(text->buf, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
    return text->err == 0;
}

/* A label's value: only backslash, quote and newline need care. */
static const char *escaped(const char *value, char *scratch, size_t size)
{
    size_t used = 0;
    for (; *value != '\0' && used + 3 < size; value++) {
        if (*value == '\\' || *value == '"') {
            scratch[used++] = '\\';
        }
        scratch[used++] = *value == '\n' ? ' ' : *value;
    }
    scratch[used] = '\0';
    return scratch;
}

static void line(struct text *text, const char *suffix, const char *labels, double value)
{
    if (text->name == NULL || text->err != 0) {
        return;
    }
    bool braces = labels != NULL && *labels != '\0';
    bool whole = value == (double)(int64_t)value && value < 1e15 && value > -1e15;
    text->err =
        whole ? lt_buf_printf(text->buf, "%s%s%s%s%s %" PRId64 "\n", text->name, suffix,
                              braces ? "{" : "", braces ? labels : "", braces ? "}" : "",
                              (int64_t)value)
              : lt_buf_printf(text->buf, "%s%s%s%s%s %.15g\n", text->name, suffix,
                              braces ? "{" : "", braces ? labels : "", braces ? "}" : "", value);
}

static void
single(struct text *text, const char *name, const char *type, const char *help, double value)
{
    if (family(text, name, type, help)) {
        line(text, "", NULL, value);
    }
}

/* ---- the process ---- */

static double resident_bytes(void)
{
    struct lt_buf buf = {0};
    double bytes = 0;
    if (lt_os_read_file("/proc/self/statm", 256, &buf) == 0) {
        const char *content = lt_buf_text(&buf);
        const char *second = content == NULL ? NULL : strchr(content, ' ');
        bytes =
            second == NULL ? 0 : (double)strtoll(second, NULL, 10) * (double)sysconf(_SC_PAGESIZE);
    }
    lt_buf_release(&buf);
    return bytes;
}

static double open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    double count = 0;
    if (dir == NULL) {
        return 0;
    }
    while (readdir(dir) != NULL) {
        count++;
    }
    (void)closedir(dir); /* only read */
    return count - 3;    /* ".", ".." and the directory itself */
}

static void process(struct text *text)
{
    struct rusage usage = {0};
    struct rlimit files = {0};
    (void)getrusage(RUSAGE_SELF, &usage); /* cannot fail with these arguments */
    (void)getrlimit(RLIMIT_NOFILE, &files);
    double cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    single(text, "process_cpu_seconds_total", "counter", "Processor time used, user and system.",
           cpu);
    single(text, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    single(text, "process_open_fds", "gauge", "Open file descriptors.", open_fds());
    single(text, "process_max_fds", "gauge", "File descriptors that may be open.",
           (double)files.rlim_cur);
    single(text, "process_start_time_seconds", "gauge", "Start of the server, seconds since 1970.",
           (double)text->server->metrics->started_ms / 1000);
    if (family(text, "leat_build_info", "gauge", "Version of the server; always 1.")) {
        line(text, "", "version=\"" LEAT_VERSION_TEXT "\",commit=\"" LEAT_COMMIT_TEXT "\"", 1);
    }
}

/* ---- requests ---- */

struct api_sums {
    uint64_t requests[SRV_METRICS_ERRORS];
    uint64_t bytes_in, bytes_out, duration_ns, count;
    uint64_t buckets[SRV_METRICS_BUCKETS + 1];
};

static void sum_api(const struct srv_metrics *metrics, int16_t key, struct api_sums *sums)
{
    memset(sums, 0, sizeof(*sums));
    for (size_t i = 0; i < metrics->loop_count; i++) {
        const struct srv_api_counters *api = &metrics->loops[i].apis[key];
        for (size_t k = 0; k < SRV_METRICS_ERRORS; k++) {
            sums->requests[k] += atomic_load_explicit(&api->requests[k], memory_order_relaxed);
        }
        for (size_t k = 0; k <= SRV_METRICS_BUCKETS; k++) {
            uint64_t bucket = atomic_load_explicit(&api->buckets[k], memory_order_relaxed);
            sums->buckets[k] += bucket;
            sums->count += bucket;
        }
        sums->bytes_in += atomic_load_explicit(&api->bytes_in, memory_order_relaxed);
        sums->bytes_out += atomic_load_explicit(&api->bytes_out, memory_order_relaxed);
        sums->duration_ns += atomic_load_explicit(&api->duration_ns, memory_order_relaxed);
    }
}

enum api_family { API_REQUESTS, API_DURATION, API_BYTES_IN, API_BYTES_OUT };

static void api_histogram(struct text *text, const char *name, const struct api_sums *sums)
{
    char labels[128];
    uint64_t below = 0;
    for (size_t k = 0; k < SRV_METRICS_BUCKETS; k++) {
        below += sums->buckets[k];
        (void)snprintf(labels, sizeof(labels), "api=\"%s\",le=\"%g\"", name, srv_metrics_bounds[k]);
        line(text, "_bucket", labels, (double)below);
    }
    (void)snprintf(labels, sizeof(labels), "api=\"%s\",le=\"+Inf\"", name);
    line(text, "_bucket", labels, (double)sums->count);
    (void)snprintf(labels, sizeof(labels), "api=\"%s\"", name);
    line(text, "_sum", labels, (double)sums->duration_ns / 1e9);
    line(text, "_count", labels, (double)sums->count);
}

static void api_lines(struct text *text, enum api_family which)
{
    char labels[128];
    for (size_t i = 0; i < proto_api_count; i++) {
        struct api_sums sums;
        const char *name = proto_apis[i].name;
        if (proto_apis[i].key >= SRV_METRICS_APIS) {
            continue;
        }
        sum_api(text->server->metrics, proto_apis[i].key, &sums);
        if (sums.count == 0) {
            continue;
        }
        (void)snprintf(labels, sizeof(labels), "api=\"%s\"", name);
        if (which == API_DURATION) {
            api_histogram(text, name, &sums);
        } else if (which != API_REQUESTS) {
            line(text, "", labels,
                 (double)(which == API_BYTES_IN ? sums.bytes_in : sums.bytes_out));
        }
        for (int k = 0; which == API_REQUESTS && k < SRV_METRICS_ERRORS; k++) {
            if (sums.requests[k] > 0) {
                (void)snprintf(labels, sizeof(labels), "api=\"%s\",error=\"%s\"", name,
                               proto_error_name((int16_t)(k - 1)));
                line(text, "", labels, (double)sums.requests[k]);
            }
        }
    }
}

static void requests(struct text *text)
{
    if (family(text, "leat_requests_total", "counter",
               "Requests answered, by API and first error in the answer.")) {
        api_lines(text, API_REQUESTS);
    }
    if (family(text, "leat_request_duration_seconds", "histogram",
               "Time from the request's last byte to its answer.")) {
        api_lines(text, API_DURATION);
    }
    if (family(text, "leat_request_bytes_total", "counter", "Bytes of requests.")) {
        api_lines(text, API_BYTES_IN);
    }
    if (family(text, "leat_response_bytes_total", "counter", "Bytes of answers.")) {
        api_lines(text, API_BYTES_OUT);
    }
}

/* ---- connections and loops ---- */

/* Open connections by listener name; IPv4 and IPv6 may share one. */
static void connections(struct text *text)
{
    struct srv_server *server = text->server;
    char labels[128];
    if (!family(text, "leat_connections", "gauge", "Open connections.")) {
        return;
    }
    for (size_t i = 0; i < server->listener_count; i++) {
        const char *name = srv_listener_name(server->listeners[i]);
        int64_t sum = 0;
        bool told = false;
        for (size_t k = 0; k < server->listener_count; k++) {
            bool same = strcasecmp(srv_listener_name(server->listeners[k]), name) == 0;
            told = told || (same && k < i);
            sum += same ? srv_listener_connections(server->listeners[k]) : 0;
        }
        if (!told) {
            (void)snprintf(labels, sizeof(labels), "listener=\"%s\"", name);
            line(text, "", labels, (double)sum);
        }
    }
}

static void loops(struct text *text)
{
    struct srv_server *server = text->server;
    char labels[64];
    connections(text);
    single(text, "leat_connections_total", "counter", "Connections accepted.",
           (double)atomic_load(&server->metrics->accepted));
    single(text, "leat_malformed_total", "counter",
           "Connections closed for bytes that are not the protocol.",
           (double)atomic_load(&server->metrics->malformed));
    if (family(text, "leat_loop_connections", "gauge", "Open connections of each I/O thread.")) {
        for (size_t i = 0; i < server->loop_count; i++) {
            (void)snprintf(labels, sizeof(labels), "loop=\"%zu\"", i);
            line(text, "", labels, (double)atomic_load(&server->loops[i]->conn_count));
        }
    }
    if (family(text, "leat_loop_busy_seconds_total", "counter",
               "Processor time of each I/O thread.")) {
        for (size_t i = 0; i < server->loop_count; i++) {
            (void)snprintf(labels, sizeof(labels), "loop=\"%zu\"", i);
            line(text, "", labels, (double)lt_clock_thread_ns(server->loops[i]->thread) / 1e9);
        }
    }
    single(text, "leat_staged_response_bytes", "gauge", "Copied answer bytes that wait to be sent.",
           (double)atomic_load(&server->staged_bytes));
}

/* ---- storage ---- */

static void flushes(struct text *text, const struct log_store_stats *stats)
{
    if (family(text, "leat_fsync_duration_seconds", "histogram",
               "Time of one flush of a log file.")) {
        char labels[64];
        uint64_t below = 0;
        for (size_t i = 0; i < 32; i++) {
            below += stats->flush_bucket[i];
            if (i >= 4 && i <= 24) { /* 16 microseconds to 17 seconds */
                (void)snprintf(labels, sizeof(labels), "le=\"%g\"", (double)(1ULL << i) / 1e6);
                line(text, "_bucket", labels, (double)below);
            }
        }
        line(text, "_bucket", "le=\"+Inf\"", (double)below);
        line(text, "_sum", NULL, (double)stats->flush_ns / 1e9);
        line(text, "_count", NULL, (double)below);
    }
    single(text, "leat_flushed_bytes_total", "counter", "Log bytes brought to the disk by flushes.",
           (double)stats->flush_bytes);
    single(text, "leat_fsync_failures_total", "counter",
           "Flushes that failed; each takes its partition offline.", (double)stats->flush_failures);
}

static void disks(struct text *text)
{
    struct log_store *store = text->server->store;
    const char *const names[] = {"leat_disk_free_bytes", "leat_disk_total_bytes",
                                 "leat_disk_offline", "leat_disk_full",
                                 "leat_retention_by_time_paused"};
    const char *const helps[] = {
        "Free bytes on the file system of a data directory.",
        "Size of the file system of a data directory.",
        "1 when a data directory failed.",
        "1 while appends are refused because the disk is full.",
        "1 while nothing is deleted by time because the wall clock jumped.",
    };
    for (size_t k = 0; k < 5; k++) {
        if (!family(text, names[k], "gauge", helps[k])) {
            continue;
        }
        for (size_t i = 0; i < log_store_dir_count(store); i++) {
            struct log_dir_info info;
            char path[512];
            char labels[600];
            log_store_dir_info(store, i, &info);
            (void)snprintf(labels, sizeof(labels), "dir=\"%s\"",
                           escaped(info.path, path, sizeof(path)));
            line(text, "", labels,
                 k == 0   ? (double)info.usable_bytes
                 : k == 1 ? (double)info.total_bytes
                 : k == 2 ? (double)info.offline
                 : k == 3 ? (double)info.full
                          : (double)info.time_paused);
        }
    }
}

static void storage(struct text *text)
{
    struct log_store_stats stats;
    struct meta_identity identity;
    log_store_stats(text->server->store, &stats);
    single(text, "leat_partitions", "gauge", "Partitions.",
           (double)srv_topics_partition_count(text->server->topics));
    single(text, "leat_partitions_offline", "gauge",
           "Partitions that failed and wait for a restart or repair.",
           (double)stats.partitions_offline);
    single(text, "leat_partitions_under_replicated", "gauge",
           "Always 0 on one machine; for alerts.", 0);
    single(text, "leat_active_controller", "gauge", "Always 1 on one machine; for alerts.", 1);
    single(text, "leat_segments", "gauge", "Log files.", (double)stats.segments);
    single(text, "leat_segment_maps", "gauge", "Log files that are mapped.", (double)stats.maps);
    single(text, "leat_appends_total", "counter", "Batches appended.", (double)stats.appends);
    single(text, "leat_appended_bytes_total", "counter", "Bytes of batches appended.",
           (double)stats.append_bytes);
    single(text, "leat_cold_reads_total", "counter",
           "Reads that a reader thread fetched from the disk.", (double)stats.cold_reads);
    flushes(text, &stats);
    disks(text);
    if (meta_store_identity(text->server->meta, &identity) == 0) {
        single(text, "leat_metadata_revision", "gauge", "Revision of the metadata store.",
               (double)identity.rev);
    }
}

/* ---- topics ---- */

struct topic_list {
    struct srv_topic **topics;
    size_t count;
};

static void topic_counter(struct text *text,
                          const struct topic_list *list,
                          const char *name,
                          const char *help,
                          size_t which)
{
    if (!family(text, name, "counter", help)) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct srv_topic *topic = list->topics[i];
        char labels[300];
        uint64_t value = which == 0 ? atomic_load_explicit(&topic->records_in, memory_order_relaxed)
                         : which == 1
                             ? atomic_load_explicit(&topic->bytes_in, memory_order_relaxed)
                             : atomic_load_explicit(&topic->bytes_out, memory_order_relaxed);
        (void)snprintf(labels, sizeof(labels), "topic=\"%s\"", topic->name);
        line(text, "", labels, (double)value);
    }
}

/* What one partition family shows; false: the partition cannot say. */
static bool partition_value(struct srv_partition *part, size_t which, double *ret)
{
    struct log_offsets offsets;
    if (which == 2) {
        *ret = (double)log_partition_size(part->log);
        return true;
    }
    if (log_partition_offsets(part->log, &offsets) != 0) {
        return false;
    }
    *ret = (double)(which == 0 ? offsets.log_start : offsets.high_watermark);
    return true;
}

static void partition_family(struct text *text,
                             const struct topic_list *list,
                             const char *name,
                             const char *help,
                             size_t which,
                             bool each)
{
    if (!family(text, name, "gauge", help)) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        struct srv_topic *topic = list->topics[i];
        double sum = 0;
        char labels[320];
        for (int32_t k = 0; k < srv_topic_partition_count(topic); k++) {
            double value = 0;
            bool known = partition_value(srv_topic_partition(topic, k), which, &value);
            sum += value;
            if (each && known) {
                (void)snprintf(labels, sizeof(labels), "topic=\"%s\",partition=\"%d\"", topic->name,
                               k);
                line(text, "", labels, value);
            }
        }
        if (!each) {
            (void)snprintf(labels, sizeof(labels), "topic=\"%s\"", topic->name);
            line(text, "", labels, sum);
        }
    }
}

static void topics(struct text *text)
{
    struct lt_arena arena;
    struct topic_list list = {0};
    lt_arena_init(&arena, 0);
    if (srv_topics_list(text->server->topics, &arena, &list.topics, &list.count) != 0) {
        text->err = LEAT_ENOMEM;
        lt_arena_release(&arena);
        return;
    }
    single(text, "leat_topics", "gauge", "Topics.", (double)list.count);
    size_t kept = 0;
    for (size_t i = 0; i < list.count; i++) {
        const char *only = text->filter == NULL ? NULL : text->filter->topic;
        if (only == NULL || strcmp(only, list.topics[i]->name) == 0) {
            list.topics[kept++] = list.topics[i];
        } else {
            srv_topic_unref(list.topics[i]);
        }
    }
    list.count = kept;
    topic_counter(text, &list, "leat_records_in_total", "Records produced.", 0);
    topic_counter(text, &list, "leat_bytes_in_total", "Bytes of record batches produced.", 1);
    topic_counter(text, &list, "leat_bytes_out_total", "Bytes of record batches fetched.", 2);
    /* Above the limit a scrape would be too large: sums per topic instead. */
    bool each = srv_topics_partition_count(text->server->topics) <=
                srv_config_settings(text->server->config)->metrics_partition_limit;
    partition_family(text, &list, "leat_log_start_offset", "First offset that can be read.", 0,
                     each);
    partition_family(text, &list, "leat_log_end_offset",
                     "First offset that consumers do not see yet.", 1, each);
    partition_family(text, &list, "leat_log_size_bytes", "Bytes of log files.", 2, each);
    for (size_t i = 0; i < list.count; i++) {
        srv_topic_unref(list.topics[i]);
    }
    lt_arena_release(&arena);
}

int srv_metrics_text(struct srv_server *server,
                     const struct srv_metrics_filter *filter,
                     struct lt_buf *buf)
{
    struct text text = {.server = server, .filter = filter, .buf = buf};
    process(&text);
    requests(&text);
    loops(&text);
    storage(&text);
    topics(&text);
    return text.err;
}
