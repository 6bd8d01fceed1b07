/* config_load.c: file, environment and --set into the layers of a configuration, and what is wrong with them.
 *
 *   file         lt_properties_load
 *   environment  LEAT_ and the key with . -> _, _ -> __, - -> ___; ..._FILE names a file with the value
 *   --set        KEY=VALUE
 * Every problem becomes a note with the place it came from; the caller decides whether warnings count. */
#include "server/config_check.h"
#include "server/config_impl.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/os.h"
#include "base/properties.h"

#define ENVIRONMENT "environment"

static int load_file(struct srv_config *config);
static int load_environment(struct srv_config *config);
static int load_sets(struct srv_config *config);
static int load_defaults(struct srv_config *config);

void srv_config_note(
    struct srv_config *config, bool error, const char *file, int line, const char *fmt, ...)
{
    if (config->note_count == config->note_capacity) {
        size_t capacity = config->note_capacity == 0 ? 16 : config->note_capacity * 2;
        struct srv_config_note *more = lt_arena_calloc(&config->arena, capacity, sizeof(*more));
        if (more == NULL) {
            return; /* the last note says enough: loading fails for want of memory anyway */
        }
        if (config->note_count > 0) {
            memcpy(more, config->notes, config->note_count * sizeof(*more));
        }
        config->notes = more;
        config->note_capacity = capacity;
    }
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args); /* a longer sentence is cut */
    va_end(args);
    const char *copy = lt_arena_strdup(&config->arena, text);
    const char *place = lt_arena_strdup(&config->arena, file);
    if (copy != NULL && place != NULL) {
        config->notes[config->note_count++] =
            (struct srv_config_note){error || config->options.strict, place, line, copy};
    }
}

int srv_config_read(const struct srv_config_options *options, struct srv_config **ret_config)
{
    struct srv_config *config = lt_calloc(1, sizeof(*config));
    if (config == NULL) {
        return LEAT_ENOMEM;
    }
    LT_ASSERT(srv_broker_row_count <= SRV_ROWS_MAX);
    config->options = *options;
    lt_arena_init(&config->arena, 0);
    (void)pthread_rwlock_init(&config->lock, NULL); /* default attributes: cannot fail */
    int err = load_defaults(config);
    if (err == 0 && options->path != NULL) {
        err = load_file(config);
    }
    if (err == 0) {
        err = load_environment(config);
    }
    if (err == 0) {
        err = load_sets(config);
    }
    if (err == 0) {
        err = srv_config_publish(config);
    }
    if (err == 0) {
        (void)snprintf(config->node_name, sizeof(config->node_name), "%d",
                       srv_config_settings(config)->node_id);
        srv_config_cross_check(config);
    }
    if (err != 0) {
        srv_config_free(config);
        return err;
    }
    *ret_config = config;
    return 0;
}

int srv_config_load(const struct srv_config_options *options,
                    struct srv_config **ret_config,
                    struct leat_error **reterr)
{
    struct srv_config *config;
    int err = srv_config_read(options, &config);
    if (err != 0) {
        return lt_error_set(reterr, err, "configuration: %s", lt_err_text(err));
    }
    for (size_t i = 0; i < config->note_count; i++) {
        const struct srv_config_note *note = &config->notes[i];
        if (!note->error) {
            continue;
        }
        err = note->line > 0 ? lt_error_set(reterr, LEAT_ECONFIG, "%s:%d: %s", note->file,
                                            note->line, note->text)
                             : lt_error_set(reterr, LEAT_ECONFIG, "%s: %s", note->file, note->text);
        srv_config_free(config);
        return err;
    }
    *ret_config = config;
    return 0;
}

const struct srv_config_note *srv_config_notes(const struct srv_config *config, size_t *ret_count)
{
    *ret_count = config->note_count;
    return config->notes;
}

/* ---- one value ---- */

static void note_unknown(struct srv_config *config, const char *key, const char *file, int line)
{
    if (srv_config_is_meaningless(key)) {
        srv_config_note(config, false, file, line,
                        "%s is a setting of Kafka that has no effect here", key);
        return;
    }
    const char *nearest = srv_config_nearest(key);
    srv_config_note(config, !config->options.lenient, file, line, "unknown setting %s%s%s%s", key,
                    nearest == NULL ? "" : "; did you mean ", nearest == NULL ? "" : nearest,
                    nearest == NULL ? "" : "?");
}

/* Put one value into a layer, or note why not. */
static int set_value(struct srv_config *config,
                     enum srv_layer layer,
                     const char *key,
                     const char *value,
                     const char *file,
                     int line)
{
    const struct srv_config_row *row = srv_broker_row(key);
    if (row == NULL) {
        note_unknown(config, key, file, line);
        return 0;
    }
    struct layer_value *slot = &config->layers[layer][row - srv_broker_rows];
    if (slot->text != NULL && layer == SRV_LAYER_FILE) {
        srv_config_note(config, true, file, line,
                        "%s and its other name are both set: first at %s:%d", key, slot->file,
                        slot->line);
        return 0;
    }
    const char *canonical;
    struct leat_error *why = NULL;
    int err = srv_config_parse(row, value, true, &config->arena, &canonical, &why);
    if (err == LEAT_ECONFIG) {
        srv_config_note(config, true, file, line, "%s", lt_error_message(why));
        err = 0;
    } else if (err == 0) {
        const char *place = lt_arena_strdup(&config->arena, file);
        *slot = (struct layer_value){canonical, place, line};
        err = place == NULL ? LEAT_ENOMEM : 0;
    }
    lt_error_free(why);
    return err;
}

/* ---- the file ---- */

/* "path:12: text" -> a note of that place. */
static void note_place(struct srv_config *config, const char *message)
{
    const char *path = config->options.path;
    for (const char *colon = strchr(message, ':'); colon != NULL; colon = strchr(colon + 1, ':')) {
        char *end;
        long line = strtol(colon + 1, &end, 10);
        if (end != colon + 1 && end[0] == ':' && end[1] == ' ') {
            char file[512];
            (void)snprintf(file, sizeof(file), "%.*s", (int)(colon - message), message);
            srv_config_note(config, true, file, (int)line, "%s", end + 2);
            return;
        }
    }
    size_t prefix = strlen(path);
    bool named = strncmp(message, path, prefix) == 0 && strncmp(message + prefix, ": ", 2) == 0;
    srv_config_note(config, true, path, 0, "%s", named ? message + prefix + 2 : message);
}

static int load_file(struct srv_config *config)
{
    struct lt_properties *props;
    struct leat_error *why = NULL;
    int err = lt_properties_load(config->options.path, 0, &props, &why);
    if (err != 0) {
        note_place(config, lt_error_message(why));
        lt_error_free(why);
        return err == LEAT_ENOMEM ? err : 0;
    }
    for (size_t i = 0; err == 0 && i < lt_properties_count(props); i++) {
        const struct lt_property *prop = lt_properties_at(props, i);
        err = set_value(config, SRV_LAYER_FILE, prop->key, prop->value, prop->file, prop->line);
    }
    lt_properties_free(props);
    return err;
}

/* ---- the environment ---- */

/* LOG_RETENTION_HOURS -> log.retention.hours; "__" is "_", "___" is "-". */
static void key_of_variable(const char *name, size_t size, char *ret, size_t ret_size)
{
    size_t used = 0;
    for (size_t i = 0; i < size && used + 1 < ret_size;) {
        size_t bars = 0;
        while (i + bars < size && name[i + bars] == '_' && bars < 3) {
            bars++;
        }
        if (bars > 0) {
            ret[used++] = bars == 1 ? '.' : bars == 2 ? '_' : '-';
            i += bars;
        } else {
            ret[used++] = (char)tolower((unsigned char)name[i++]);
        }
    }
    ret[used] = '\0';
}

static bool is_reserved(const char *name, size_t size)
{
    static const char *const reserved[] = {"LEAT_PROFILE", "LEAT_CONFIG", "LEAT_CRASH_AT",
                                           "LEAT_SEED"};
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (strlen(reserved[i]) == size && memcmp(reserved[i], name, size) == 0) {
            return true;
        }
    }
    return false;
}

/* The content of the file that a ..._FILE variable names, without its last newline; NULL with a note. */
static const char *secret(struct srv_config *config, const char *name, const char *path)
{
    struct lt_buf buf = {0};
    const char *text = NULL;
    if (lt_os_read_file(path, 1 << 20, &buf) != 0) {
        srv_config_note(config, true, ENVIRONMENT, 0, "%s: cannot read %s", name, path);
    } else {
        while (buf.size > 0 && (buf.data[buf.size - 1] == '\n' || buf.data[buf.size - 1] == '\r')) {
            buf.size--;
        }
        text = lt_arena_strndup(&config->arena, buf.data == NULL ? "" : (const char *)buf.data,
                                buf.size);
    }
    lt_buf_release(&buf);
    return text;
}

static int load_variable(struct srv_config *config, const char *variable)
{
    const char *equals = strchr(variable, '=');
    if (equals == NULL || strncmp(variable, "LEAT_", 5) != 0 ||
        is_reserved(variable, (size_t)(equals - variable))) {
        return 0;
    }
    char name[256];
    char key[256];
    (void)snprintf(name, sizeof(name), "%.*s", (int)(equals - variable),
                   variable); /* cut: no key is so long */
    key_of_variable(name + 5, strlen(name + 5), key, sizeof(key));
    if (srv_broker_row(key) != NULL) {
        return set_value(config, SRV_LAYER_ENVIRONMENT, key, equals + 1, ENVIRONMENT, 0);
    }
    size_t size = strlen(key);
    if (size > 5 && strcmp(key + size - 5, ".file") == 0) {
        key[size - 5] = '\0';
        if (srv_broker_row(key) != NULL) {
            const char *text = secret(config, name, equals + 1);
            return text == NULL
                       ? 0
                       : set_value(config, SRV_LAYER_ENVIRONMENT, key, text, ENVIRONMENT, 0);
        }
    }
    srv_config_note(config, false, ENVIRONMENT, 0, "%s is no setting", name);
    return 0;
}

static int load_environment(struct srv_config *config)
{
    int err = 0;
    for (char *const *at = config->options.environ_list; err == 0 && at != NULL && *at != NULL;
         at++) {
        err = load_variable(config, *at);
    }
    return err;
}

/* ---- the command line ---- */

static int load_sets(struct srv_config *config)
{
    const struct srv_config_options *options = &config->options;
    int err = 0;
    if (options->data_dir != NULL) {
        err = set_value(config, SRV_LAYER_SET, "log.dirs", options->data_dir, "--data", 0);
    }
    for (size_t i = 0; err == 0 && i < options->set_count; i++) {
        const char *equals = strchr(options->sets[i], '=');
        if (equals == NULL || equals == options->sets[i]) {
            srv_config_note(config, true, "--set", 0, "%s is not KEY=VALUE", options->sets[i]);
            continue;
        }
        char key[256];
        (void)snprintf(key, sizeof(key), "%.*s", (int)(equals - options->sets[i]),
                       options->sets[i]);
        err = set_value(config, SRV_LAYER_SET, key, equals + 1, "--set", 0);
    }
    return err;
}

/* ---- defaults ---- */

static int64_t memory_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);
    int64_t bytes = pages > 0 && page > 0 ? (int64_t)pages * page : (int64_t)1 << 30;
    struct lt_buf buf = {0};
    if (lt_os_read_file("/sys/fs/cgroup/memory.max", 64, &buf) == 0) {
        const char *text = lt_buf_text(&buf);
        long long limit = text == NULL ? 0 : strtoll(text, NULL, 10);
        bytes = limit > 0 && limit < bytes ? limit : bytes;
    }
    lt_buf_release(&buf);
    return bytes;
}

static int64_t at_most(int64_t number, int64_t most)
{
    return number < most ? number : most;
}

/* A partition needs up to three descriptors while it is written, and 16 KiB; a quarter of the memory is for that. */
static int64_t partitions_default(void)
{
    struct rlimit files = {.rlim_cur = 1024};
    (void)getrlimit(RLIMIT_NOFILE, &files); /* a failure leaves the guess */
    int64_t by_files = files.rlim_cur == RLIM_INFINITY
                           ? INT32_MAX
                           : (int64_t)at_most((int64_t)files.rlim_cur, INT32_MAX);
    int64_t by_memory = memory_bytes() / 4 / (16 << 10);
    int64_t count = at_most(by_files * 9 / 10 / 3, by_memory);
    return count < 100 ? 100 : count;
}

static int default_number(struct srv_config *config, const char *name, int64_t number)
{
    size_t i = (size_t)(srv_broker_row(name) - srv_broker_rows);
    const char *text = lt_arena_printf(&config->arena, "%lld", (long long)number);
    config->layers[SRV_LAYER_DEFAULT][i].text = text;
    return text == NULL ? LEAT_ENOMEM : 0;
}

static int load_defaults(struct srv_config *config)
{
    for (size_t i = 0; i < srv_broker_row_count; i++) {
        config->layers[SRV_LAYER_DEFAULT][i].text = srv_broker_rows[i].value_default;
    }
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int err = default_number(config, "leat.io.threads", cores < 1 ? 1 : at_most(cores, 8));
    if (err == 0) {
        err = default_number(config, "leat.partitions.max", partitions_default());
    }
    if (err == 0) {
        err = default_number(config, "queued.max.request.bytes",
                             at_most(268435456, memory_bytes() / 4));
    }
    if (err == 0 && config->options.dev) {
        err = set_value(config, SRV_LAYER_DEV, "leat.durability", "memory", "--dev", 0);
    }
    return err;
}

/* ---- reload ---- */

/* Compare one row of the static layers; take it over if it may change. */
static void take_over(struct srv_config *config,
                      const struct srv_config *fresh,
                      size_t i,
                      size_t *changed,
                      size_t *pending)
{
    static const enum srv_layer layers[] = {SRV_LAYER_FILE};
    for (size_t k = 0; k < sizeof(layers) / sizeof(layers[0]); k++) {
        struct layer_value *old = &config->layers[layers[k]][i];
        const struct layer_value *now = &fresh->layers[layers[k]][i];
        if ((old->text == NULL) == (now->text == NULL) &&
            (old->text == NULL || strcmp(old->text, now->text) == 0)) {
            continue;
        }
        if (srv_broker_rows[i].mode == SRV_READ_ONLY) {
            ++*pending;
            continue;
        }
        struct layer_value copy = {NULL, NULL, now->line};
        if (now->text != NULL) {
            copy.text = lt_arena_strdup(&config->arena, now->text);
            copy.file = lt_arena_strdup(&config->arena, now->file);
            if (copy.text == NULL || copy.file == NULL) {
                continue;
            }
        }
        *old = copy;
        ++*changed;
    }
}

int srv_config_reload(struct srv_config *config,
                      size_t *ret_changed,
                      size_t *ret_pending,
                      struct leat_error **reterr)
{
    struct srv_config *fresh;
    int err = srv_config_load(&config->options, &fresh, reterr);
    if (err != 0) {
        return err;
    }
    size_t changed = 0;
    size_t pending = 0;
    (void)pthread_rwlock_wrlock(&config->lock);
    for (size_t i = 0; i < srv_broker_row_count; i++) {
        take_over(config, fresh, i, &changed, &pending);
    }
    err = srv_config_publish(config);
    (void)pthread_rwlock_unlock(&config->lock);
    srv_config_free(fresh);
    if (err != 0) {
        return lt_error_set(reterr, err, "configuration: %s", lt_err_text(err));
    }
    *ret_changed = changed;
    *ret_pending = pending;
    return 0;
}
