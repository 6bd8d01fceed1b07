/* config_describe.c: settings for those who read them: DescribeConfigs, --print-config, docs/configuration.md. */
#include "server/config_impl.h"

#include <string.h>

/* ---- DescribeConfigs ---- */

static enum srv_config_source source_of(enum srv_layer layer)
{
    switch (layer) {
    case SRV_LAYER_DYNAMIC_BROKER:
        return SRV_SOURCE_DYNAMIC_BROKER;
    case SRV_LAYER_DYNAMIC_DEFAULT:
        return SRV_SOURCE_DYNAMIC_DEFAULT;
    case SRV_LAYER_SET:
    case SRV_LAYER_ENVIRONMENT:
    case SRV_LAYER_FILE:
        return SRV_SOURCE_STATIC;
    case SRV_LAYER_DEV:
    case SRV_LAYER_DEFAULT:
        break;
    }
    return SRV_SOURCE_DEFAULT;
}

struct chain {
    struct srv_config_synonym *items;
    size_t count;
};

/* Add what every layer says about the keys, strongest layer first; keys in order within a layer. */
static int add_layers(const struct srv_config *config,
                      const char *const *names,
                      size_t name_count,
                      struct lt_arena *arena,
                      struct chain *chain)
{
    for (int layer = 0; layer < SRV_LAYER_COUNT; layer++) {
        for (size_t i = 0; i < name_count && names[i] != NULL; i++) {
            const struct srv_config_row *row = srv_broker_row(names[i]);
            const char *text =
                row == NULL ? NULL : config->layers[layer][row - srv_broker_rows].text;
            if (text == NULL) {
                continue;
            }
            text = lt_arena_strdup(arena, text);
            if (text == NULL) {
                return LEAT_ENOMEM;
            }
            chain->items[chain->count++] =
                (struct srv_config_synonym){row->name, text, source_of((enum srv_layer)layer)};
        }
    }
    return 0;
}

static const struct overrides *find_overrides(const struct srv_config *config, const char *topic)
{
    struct overrides *found;
    HASH_FIND_STR(config->topics, topic, found);
    return found;
}

static const char *find_pair(const struct overrides *overrides, const char *name)
{
    for (size_t i = 0; overrides != NULL && i < overrides->count; i++) {
        if (strcmp(overrides->pairs[i].name, name) == 0) {
            return overrides->pairs[i].value;
        }
    }
    return NULL;
}

/* Kafka lists synonyms from the first one of this name on: what stands before belongs to other keys. */
static void drop_before(struct chain *chain, size_t from, const char *name)
{
    size_t first = from;
    while (first < chain->count && strcmp(chain->items[first].name, name) != 0) {
        first++;
    }
    memmove(&chain->items[from], &chain->items[first],
            (chain->count - first) * sizeof(chain->items[0]));
    chain->count -= first - from;
}

static int describe_topic(const struct srv_config *config,
                          const char *topic,
                          const struct srv_config_row *row,
                          struct lt_arena *arena,
                          struct chain *chain,
                          struct srv_config_value *ret)
{
    char scratch[32];
    const char *text = find_pair(find_overrides(config, topic), row->name);
    bool overridden = text != NULL;
    text = overridden ? text : srv_config_inherited(config, row, scratch, sizeof(scratch));
    ret->value = lt_arena_strdup(arena, text);
    if (text != NULL && ret->value == NULL) {
        return LEAT_ENOMEM;
    }
    if (overridden) {
        chain->items[chain->count++] =
            (struct srv_config_synonym){row->name, ret->value, SRV_SOURCE_TOPIC};
    }
    if (row->synonyms[0] == NULL) {
        return 0;
    }
    size_t own = chain->count;
    int err = add_layers(config, row->synonyms, SRV_SYNONYMS_MAX, arena, chain);
    if (err == 0 &&
        srv_broker_row(row->synonyms[0]) == NULL) { /* a key of Kafka that has no row here */
        chain->items[chain->count++] =
            (struct srv_config_synonym){row->synonyms[0], row->value_default, SRV_SOURCE_DEFAULT};
    }
    drop_before(chain, own, row->synonyms[0]);
    return err;
}

/* The keys that say the same thing in other units, strongest first. */
static const char *const *same_thing(const char *name)
{
    static const char *const groups[][SRV_SYNONYMS_MAX] = {
        {"log.roll.ms", "log.roll.hours"},
        {"log.roll.jitter.ms", "log.roll.jitter.hours"},
        {"log.retention.ms", "log.retention.minutes", "log.retention.hours"},
    };
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        for (size_t k = 0; k < SRV_SYNONYMS_MAX && groups[i][k] != NULL; k++) {
            if (strcmp(groups[i][k], name) == 0) {
                return groups[i];
            }
        }
    }
    return NULL;
}

static int describe_broker(const struct srv_config *config,
                           bool cluster_wide,
                           const struct srv_config_row *row,
                           struct lt_arena *arena,
                           struct chain *chain,
                           struct srv_config_value *ret)
{
    const char *alone[SRV_SYNONYMS_MAX] = {row->name};
    const char *const *names = same_thing(row->name);
    int err = add_layers(config, names == NULL ? alone : names, SRV_SYNONYMS_MAX, arena, chain);
    if (err != 0) {
        return err;
    }
    drop_before(chain, 0, row->name);
    ret->read_only = row->mode == SRV_READ_ONLY;
    ret->value = chain->count == 0 ? NULL : chain->items[0].value;
    for (size_t i = 0; cluster_wide && i < chain->count; i++) {
        if (chain->items[i].source == SRV_SOURCE_DYNAMIC_DEFAULT &&
            strcmp(chain->items[i].name, row->name) == 0) {
            chain->items[0] = chain->items[i];
            chain->count = 1;
            ret->value = chain->items[0].value;
            return 0;
        }
    }
    return cluster_wide ? LEAT_ENOENT : 0;
}

int srv_config_describe(const struct srv_config *config,
                        enum srv_resource resource,
                        const char *name,
                        const struct srv_config_row *row,
                        struct lt_arena *arena,
                        struct srv_config_value *ret)
{
    struct chain chain = {.items =
                              lt_arena_calloc(arena, 2 + (size_t)SRV_LAYER_COUNT * SRV_SYNONYMS_MAX,
                                              sizeof(struct srv_config_synonym))};
    if (chain.items == NULL) {
        return LEAT_ENOMEM;
    }
    struct srv_config_value value = {.row = row};
    pthread_rwlock_t *lock = srv_config_lock(config);
    (void)pthread_rwlock_rdlock(lock);
    int err = resource == SRV_RESOURCE_TOPIC
                  ? describe_topic(config, name, row, arena, &chain, &value)
                  : describe_broker(config, *name == '\0', row, arena, &chain, &value);
    (void)pthread_rwlock_unlock(lock);
    if (err != 0) {
        return err;
    }
    value.synonyms = chain.items;
    value.synonym_count = chain.count;
    value.source = chain.count == 0 ? SRV_SOURCE_DEFAULT : chain.items[0].source;
    *ret = value;
    return 0;
}

/* ---- --print-config ---- */

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

/* A value as a properties file needs it: a backslash is escaped, a leading blank too. */
static void print_property(FILE *out, const char *name, const char *text)
{
    (void)fprintf(out, "%s=%s", name, *text == ' ' ? "\\" : "");
    for (; *text != '\0'; text++) {
        if (*text == '\\') {
            (void)fputs("\\\\", out);
        } else if (*text == '\n') {
            (void)fputs("\\n", out);
        } else {
            (void)fputc(*text, out);
        }
    }
    (void)fputc('\n', out);
}

static void print_properties(const struct srv_config *config, FILE *out)
{
    for (size_t i = 0; i < srv_broker_row_count; i++) {
        enum srv_layer layer;
        const char *text = srv_config_layered(config, i, &layer);
        if (text != NULL) {
            print_property(out, srv_broker_rows[i].name, text);
        }
    }
}

static const char *layer_name(enum srv_layer layer)
{
    static const char *const names[] = {"set",  "environment", "dynamic broker", "dynamic default",
                                        "file", "dev",         "default"};
    return names[layer];
}

static void print_json(const struct srv_config *config, FILE *out)
{
    (void)fputs("{\"settings\":[", out);
    for (size_t i = 0; i < srv_broker_row_count; i++) {
        enum srv_layer layer;
        const char *text = srv_config_layered(config, i, &layer);
        (void)fprintf(out, "%s\n{\"name\":", i == 0 ? "" : ",");
        print_json_text(out, srv_broker_rows[i].name);
        (void)fputs(",\"value\":", out);
        if (text == NULL) {
            (void)fputs("null", out);
        } else {
            print_json_text(out, text);
        }
        (void)fprintf(out, ",\"source\":\"%s\"", layer_name(layer));
        const struct layer_value *at = &config->layers[layer][i];
        if (at->file != NULL) {
            (void)fputs(",\"file\":", out);
            print_json_text(out, at->file);
            (void)fprintf(out, ",\"line\":%d", at->line);
        }
        (void)fprintf(out, ",\"read_only\":%s}",
                      srv_broker_rows[i].mode == SRV_READ_ONLY ? "true" : "false");
    }
    (void)fputs("\n]}\n", out);
}

static const char *md_default(const struct srv_config_row *row)
{
    if (row->default_note != NULL) {
        return row->default_note;
    }
    if (row->value_default == NULL) {
        return "none";
    }
    if (strcmp(row->value_default, "9223372036854775807") == 0) {
        return "none (2^63-1)";
    }
    return *row->value_default == '\0' ? "empty" : row->value_default;
}

static const char *md_type(const struct srv_config_row *row)
{
    static const char *const names[] = {"",     "boolean", "string", "int",   "short",
                                        "long", "double",  "list",   "class", "password"};
    static const char *const units[] = {"", ", bytes", ", ms", ", minutes", ", hours"};
    static _Thread_local char text[32];
    (void)snprintf(text, sizeof(text), "%s%s", names[row->type], units[row->unit]);
    return text;
}

static void md_allowed(const struct srv_config_row *row, FILE *out)
{
    for (size_t i = 0; i < SRV_CHOICES_MAX && row->choices[i] != NULL; i++) {
        (void)fprintf(out, "%s%s", i == 0 ? "" : ", ", row->choices[i]);
    }
    if (row->type == SRV_INT || row->type == SRV_LONG || row->type == SRV_DOUBLE) {
        bool least = row->min > INT64_MIN;
        bool most = row->max < INT32_MAX || (row->max < INT64_MAX && row->max != INT32_MAX);
        if (least && most) {
            (void)fprintf(out, "%lld to %lld", (long long)row->min, (long long)row->max);
        } else if (least) {
            (void)fprintf(out, "%lld or more", (long long)row->min);
        }
    }
}

static void print_md_row(const struct srv_config_row *row, bool topic, FILE *out)
{
    static const char *const modes[] = {"restart", "broker", "cluster"};
    (void)fprintf(out, "| `%s`", row->name);
    if (row->alias != NULL) {
        (void)fprintf(out, " (or `%s`)", row->alias);
    }
    (void)fprintf(out, " | %s | %s%s | ", md_type(row), md_default(row), row->differs ? " ≠" : "");
    md_allowed(row, out);
    if (topic) {
        (void)fputs(" | ", out);
        for (size_t i = 0; i < SRV_SYNONYMS_MAX && row->synonyms[i] != NULL; i++) {
            if (srv_broker_row(row->synonyms[i]) != NULL) {
                (void)fprintf(out, "%s`%s`", i == 0 ? "" : ", ", row->synonyms[i]);
            }
        }
    } else {
        (void)fprintf(out, " | %s", modes[row->mode]);
    }
    (void)fprintf(out, " | %s |\n", row->doc);
}

static void print_md(FILE *out)
{
    (void)fputs("# Settings\n\n"
                "Written by `leatd --print-config=md`; do not edit.\n\n"
                "The file is one of `key = value` lines with Kafka's names. Sizes and durations "
                "may have a unit (`64MiB`, `7d`); a plain\n"
                "number counts in the unit named below. Order, strongest first: `--set KEY=VALUE`, "
                "the environment (`LEAT_` and the key with\n"
                "`.` as `_`, `_` as `__`, `-` as `___`), what clients changed while the server ran "
                "(for this broker, then cluster-wide), the file, the\n"
                "default. An unknown key stops the start; a key that only means something to Kafka "
                "gives a warning.\n\n"
                "≠ : default or changeability differ from Kafka 4.3.1.\n\n"
                "## Server\n\n"
                "Changes: `restart` = read at start only, `cluster` = while running too, for one "
                "broker or cluster-wide.\n\n"
                "| key | type | default | allowed | changes | meaning |\n"
                "|---|---|---|---|---|---|\n",
                out);
    for (size_t i = 0; i < srv_broker_row_count; i++) {
        print_md_row(&srv_broker_rows[i], false, out);
    }
    (void)fputs(
        "\n## Topics\n\n"
        "Set when a topic is created or while it lives; without it the server's setting holds.\n\n"
        "| key | type | default | allowed | server's setting | meaning |\n"
        "|---|---|---|---|---|---|\n",
        out);
    for (size_t i = 0; i < srv_topic_row_count; i++) {
        if (!srv_topic_rows[i].hidden) {
            print_md_row(&srv_topic_rows[i], true, out);
        }
    }
}

int srv_config_print(const struct srv_config *config, enum srv_config_print format, FILE *out)
{
    switch (format) {
    case SRV_PRINT_PROPERTIES:
        print_properties(config, out);
        break;
    case SRV_PRINT_JSON:
        print_json(config, out);
        break;
    case SRV_PRINT_MD:
        print_md(out);
        break;
    }
    return ferror(out) != 0 ? LEAT_EIO : 0;
}
