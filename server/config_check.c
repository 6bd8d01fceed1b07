/* config_check.c: cross checks and --check-config. See config_check.h. */
#include "server/config_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "server/config_impl.h"

#define TMPFS_MAGIC_NUMBER 0x01021994

static const struct layer_value *place_of(const struct srv_config *config, const char *key)
{
    size_t i = (size_t)(srv_broker_row(key) - srv_broker_rows);
    enum srv_layer layer;
    (void)srv_config_layered(config, i, &layer);
    return &config->layers[layer][i];
}

/* "<key>: <text>", noted at the place where the key was set. */
__attribute__((format(printf, 4, 5))) static void
note_key(struct srv_config *config, bool error, const char *key, const char *fmt, ...)
{
    const struct layer_value *at = place_of(config, key);
    char text[1024];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args); /* cut: what is left says enough */
    va_end(args);
    srv_config_note(config, error, at->file == NULL ? "default" : at->file, at->line, "%s: %s", key,
                    text);
}

/* ---- addresses ---- */

static int take_port(const char *text, size_t size, int *ret)
{
    long port = 0;
    if (size == 0 || size > 5) {
        return LEAT_EINVAL;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return LEAT_EINVAL;
        }
        port = port * 10 + (text[i] - '0');
    }
    *ret = (int)port;
    return port <= 65535 ? 0 : LEAT_EINVAL;
}

int srv_endpoint_next(const char **at, struct srv_endpoint *ret)
{
    const char *text = *at;
    if (*text == '\0') {
        return 0;
    }
    size_t size = strcspn(text, ",");
    *at = text[size] == ',' ? text + size + 1 : text + size;
    const char *slashes = memmem(text, size, "://", 3);
    if (slashes == NULL || slashes == text || (size_t)(slashes - text) >= sizeof(ret->name)) {
        return LEAT_EINVAL;
    }
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->name, text, (size_t)(slashes - text));
    const char *host = slashes + 3;
    const char *end = text + size;
    const char *colon = memrchr(host, ':', (size_t)(end - host));
    const char *host_end = colon;
    if (colon == NULL) {
        return LEAT_EINVAL;
    }
    if (host < end && *host == '[') {
        host++;
        if (colon == host || colon[-1] != ']') {
            return LEAT_EINVAL;
        }
        host_end = colon - 1;
    } else if (memchr(host, ':', (size_t)(colon - host)) != NULL) {
        return LEAT_EINVAL; /* an IPv6 address needs brackets */
    }
    if ((size_t)(host_end - host) >= sizeof(ret->host)) {
        return LEAT_EINVAL;
    }
    memcpy(ret->host, host, (size_t)(host_end - host));
    return take_port(colon + 1, (size_t)(end - colon - 1), &ret->port) == 0 ? 1 : LEAT_EINVAL;
}

/* Does the protocol map name this listener, and with which protocol? False: not named. */
static bool mapped(const char *map, const char *name, bool *ret_plaintext)
{
    size_t size = strlen(name);
    for (const char *at = map; *at != '\0';) {
        size_t item = strcspn(at, ",");
        if (item > size && strncasecmp(at, name, size) == 0 && at[size] == ':') {
            *ret_plaintext =
                item - size - 1 == 9 && strncasecmp(at + size + 1, "PLAINTEXT", 9) == 0;
            return true;
        }
        at += item + (at[item] == ',');
    }
    return false;
}

static void check_listener(struct srv_config *config, const struct srv_endpoint *endpoint)
{
    bool plaintext = false;
    if (!mapped(srv_config_settings(config)->listener_protocols, endpoint->name, &plaintext)) {
        plaintext = strcasecmp(endpoint->name, "PLAINTEXT") == 0;
        if (!plaintext) {
            note_key(config, true, "listeners",
                     "listener %s has no protocol: name it in listener.security.protocol.map (only "
                     "PLAINTEXT exists yet)",
                     endpoint->name);
            return;
        }
    }
    if (!plaintext) {
        note_key(config, true, "listeners", "listener %s: only the protocol PLAINTEXT exists yet",
                 endpoint->name);
    }
}

static bool has_listener(const struct srv_config *config, const char *name)
{
    struct srv_endpoint endpoint;
    const char *at = srv_config_settings(config)->listeners;
    int found;
    while ((found = srv_endpoint_next(&at, &endpoint)) != 0) {
        if (found > 0 && strcasecmp(endpoint.name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void check_advertised(struct srv_config *config, const struct srv_endpoint *endpoint)
{
    if (!has_listener(config, endpoint->name)) {
        note_key(config, true, "advertised.listeners", "%s is no listener", endpoint->name);
    }
    if (endpoint->host[0] == '\0' || strcmp(endpoint->host, "0.0.0.0") == 0 ||
        strcmp(endpoint->host, "::") == 0) {
        note_key(config, true, "advertised.listeners",
                 "no client can connect to %s: name the address that clients reach",
                 endpoint->host[0] == '\0' ? "an empty host" : endpoint->host);
    }
}

static void check_http(struct srv_config *config, const struct srv_endpoint *endpoint)
{
    if (strcmp(endpoint->name, "http") != 0) {
        note_key(config, true, "http.listeners", "%s:// is not known, only http://",
                 endpoint->name);
    }
}

static void check_addresses(struct srv_config *config,
                            const char *key,
                            const char *list,
                            void (*check)(struct srv_config *config,
                                          const struct srv_endpoint *endpoint))
{
    struct srv_endpoint endpoint;
    const char *at = list;
    for (;;) {
        const char *item = at;
        int found = srv_endpoint_next(&at, &endpoint);
        if (found == 0) {
            return;
        }
        if (found < 0) {
            note_key(config, true, key, "%.*s is not NAME://HOST:PORT", (int)strcspn(item, ","),
                     item);
            continue;
        }
        check(config, &endpoint);
    }
}

/* A listener name must be unique, unless it is the same name for IPv4 and IPv6 (as Kafka). */
static void check_names(struct srv_config *config)
{
    struct srv_endpoint one;
    struct srv_endpoint two = {0};
    const char *at = srv_config_settings(config)->listeners;
    while (*at != '\0') {
        if (srv_endpoint_next(&at, &one) < 0) {
            continue;
        }
        const char *rest = at;
        while (*rest != '\0') {
            if (srv_endpoint_next(&rest, &two) < 0) {
                continue;
            }
            if (strcasecmp(one.name, two.name) == 0 &&
                (strchr(one.host, ':') == NULL) == (strchr(two.host, ':') == NULL)) {
                note_key(config, true, "listeners", "two listeners are named %s", one.name);
            }
            if (one.port != 0 && one.port == two.port && strcmp(one.host, two.host) == 0) {
                note_key(config, true, "listeners", "two listeners have port %d", one.port);
            }
        }
    }
}

/* ---- the rest ---- */

static void check_log(struct srv_config *config)
{
    struct log_config log;
    (void)srv_config_topic(config, "", &log); /* no topic has this name: the broker's values */
    bool rolls = srv_config_broker_text(config, "log.roll.ms") != NULL;
    if (log.retention_ms >= 0 && log.retention_ms < log.segment_ms &&
        (log.retention_ms != (int64_t)604800000 || rolls)) {
        note_key(config, false, "log.retention.ms",
                 "retention (%lld ms) is shorter than a log file's time (%lld ms, log.roll.ms): "
                 "records stay longer",
                 (long long)log.retention_ms, (long long)log.segment_ms);
    }
    if (log.min_compaction_lag_ms > log.max_compaction_lag_ms) {
        note_key(config, true, "log.cleaner.min.compaction.lag.ms",
                 "larger than log.cleaner.max.compaction.lag.ms");
    }
    if (log.min_insync_replicas > 1) {
        note_key(config, false, "min.insync.replicas",
                 "one machine has one replica: acks=all will be refused");
    }
}

void srv_config_cross_check(struct srv_config *config)
{
    const struct srv_settings *settings = srv_config_settings(config);
    if (*settings->listeners == '\0') {
        note_key(config, true, "listeners", "empty: nothing to listen on");
    }
    if (*settings->log_dirs == '\0') {
        note_key(config, true, "log.dirs", "empty: no place for data");
    }
    check_addresses(config, "listeners", settings->listeners, check_listener);
    check_names(config);
    check_addresses(config, "advertised.listeners", settings->advertised_listeners,
                    check_advertised);
    check_addresses(config, "http.listeners", settings->http_listeners, check_http);
    check_log(config);
    if (settings->queued_max_request_bytes > 0 &&
        settings->queued_max_request_bytes < settings->socket_request_max_bytes) {
        note_key(config, false, "queued.max.request.bytes",
                 "smaller than one request of socket.request.max.bytes");
    }
}

/* The nearest directory that exists: where a data directory would be made. */
static void existing_parent(const char *path, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%s", path);
    while (access(ret, F_OK) != 0) {
        char *slash = strrchr(ret, '/');
        if (slash == NULL) {
            (void)snprintf(ret, size, ".");
            return;
        }
        slash[slash == ret] = '\0';
    }
}

static void check_directory(struct srv_config *config, const char *path)
{
    char parent[1024];
    struct statfs fs;
    existing_parent(path, parent, sizeof(parent));
    if (access(parent, W_OK | X_OK) != 0) {
        char text[128];
        note_key(config, true, "log.dirs", "%s: cannot write: %s", path,
                 strerror_r(errno, text, sizeof(text)));
    } else if (statfs(parent, &fs) == 0 && fs.f_type == TMPFS_MAGIC_NUMBER) {
        note_key(config, false, "log.dirs",
                 "%s is on tmpfs: data does not survive a restart of the machine", path);
    }
}

static void check_directories(struct srv_config *config)
{
    char path[1024];
    for (const char *at = srv_config_settings(config)->log_dirs; *at != '\0';) {
        size_t size = strcspn(at, ",");
        (void)snprintf(path, sizeof(path), "%.*s", (int)size, at);
        check_directory(config, path);
        at += size + (at[size] == ',');
    }
}

static void print_json_text(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            (void)fprintf(out, "\\%c", *text);
        } else if ((unsigned char)*text < 0x20) {
            (void)fprintf(out, "\\u%04x", (unsigned)*text);
        } else {
            (void)fputc(*text, out);
        }
    }
    (void)fputc('"', out);
}

static void print_note(const struct srv_config_note *note, bool json, bool first, FILE *out)
{
    const char *kind = note->error ? "error" : "warning";
    if (!json) {
        (void)fprintf(out, "%s", note->file);
        if (note->line > 0) { /* else the command line, the environment, the file as a whole */
            (void)fprintf(out, ":%d", note->line);
        }
        (void)fprintf(out, ": %s: %s\n", kind, note->text);
        return;
    }
    (void)fprintf(out, "%s{\"file\":", first ? "" : ",");
    print_json_text(out, note->file);
    (void)fprintf(out, ",\"line\":%d,\"level\":\"%s\",\"text\":", note->line, kind);
    print_json_text(out, note->text);
    (void)fputc('}', out);
}

int srv_config_check(const struct srv_config_options *options, bool json, FILE *out)
{
    struct srv_config *config;
    if (srv_config_read(options, &config) != 0) {
        (void)fputs("error: out of memory\n", out);
        return 1;
    }
    check_directories(config);
    size_t errors = 0;
    if (json) {
        (void)fputs("{\"problems\":[", out);
    }
    for (size_t i = 0; i < config->note_count; i++) {
        print_note(&config->notes[i], json, i == 0, out);
        errors += config->notes[i].error;
    }
    if (json) {
        (void)fprintf(out, "],\"ok\":%s}\n", errors == 0 ? "true" : "false");
    }
    srv_config_free(config);
    return errors == 0 ? 0 : 1;
}
