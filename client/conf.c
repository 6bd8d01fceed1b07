/* conf.c: see conf.h. Values are checked when they are set, so that reading them later cannot fail. */
#include "client/conf.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/properties.h"
#include "base/units.h"
#include "proto/compress.h"

#define NEAREST_DISTANCE_MAX 3
#define PAIRS_FIRST 8

struct row {
    const char *key;
    enum lc_conf_type type;
    const char *value; /* the default */
    int64_t least;
    int64_t most;
    const char *choices; /* "a|b|c" */
    const char *text;
};

static const struct row rows[LC_CONF_COUNT] = {
#define XX(id, key, type, value, least, most, choices, text) \
    {key, type, value, least, most, choices, text},
    LC_CONF_MAP(XX)
#undef XX
};

static int find_row(const char *key);
static int unknown_key(const char *key, struct leat_error **reterr);
static int check_value(const struct row *row,
                       const char *text,
                       int64_t *ret_number,
                       struct leat_error **reterr);
static int put_pair(struct leat_conf *conf, const char *key, const char *value);

struct leat_conf *leat_conf_new(void)
{
    struct leat_conf *conf = lt_calloc(1, sizeof(*conf));

    for (size_t i = 0; conf != NULL && i < LC_CONF_COUNT; i++) {
        int err = check_value(&rows[i], rows[i].value, &conf->values[i].number, NULL);

        LT_ASSERT(err == 0);
    }
    return conf;
}

struct leat_conf *leat_conf_new_topic(void)
{
    struct leat_conf *conf = lt_calloc(1, sizeof(*conf));

    if (conf != NULL) {
        conf->is_topic = true;
    }
    return conf;
}

void leat_conf_free(struct leat_conf *conf)
{
    if (conf == NULL) {
        return;
    }
    for (size_t i = 0; i < LC_CONF_COUNT; i++) {
        lt_free(conf->values[i].text);
    }
    for (size_t i = 0; i < conf->pair_count; i++) {
        lt_free(conf->pairs[i].key);
        lt_free(conf->pairs[i].value);
    }
    lt_free(conf->pairs);
    lt_free(conf);
}

struct leat_conf *leat_conf_copy(const struct leat_conf *conf)
{
    struct leat_conf *copy;
    int err = 0;

    if (conf == NULL) {
        return NULL;
    }
    copy = conf->is_topic ? leat_conf_new_topic() : leat_conf_new();
    if (copy == NULL) {
        return NULL;
    }
    copy->log_level = conf->log_level;
    copy->log_cb = conf->log_cb;
    copy->log_arg = conf->log_arg;
    for (size_t i = 0; i < LC_CONF_COUNT && err == 0; i++) {
        if (conf->values[i].text != NULL) {
            copy->values[i] = conf->values[i];
            copy->values[i].text = lt_strdup(conf->values[i].text);
            err = copy->values[i].text == NULL ? LEAT_ENOMEM : 0;
        }
    }
    for (size_t i = 0; i < conf->pair_count && err == 0; i++) {
        err = put_pair(copy, conf->pairs[i].key, conf->pairs[i].value);
    }
    if (err < 0) {
        leat_conf_free(copy);
        return NULL;
    }
    return copy;
}

int leat_conf_set(struct leat_conf *conf,
                  const char *key,
                  const char *value,
                  struct leat_error **reterr)
{
    if (conf == NULL || key == NULL || key[0] == '\0') {
        return lt_error_set(reterr, LEAT_EINVAL, "leat_conf_set: conf or key is missing");
    }
    if (conf->is_topic) {
        int err = put_pair(conf, key, value);

        return err < 0 ? lt_error_set(reterr, err, "%s: out of memory", key) : 0;
    }
    return lc_conf_put(conf, key, value, LC_FROM_SET, reterr);
}

int lc_conf_put(struct leat_conf *conf,
                const char *key,
                const char *value,
                enum lc_conf_source source,
                struct leat_error **reterr)
{
    int id = find_row(key);
    int64_t number = 0;
    char *text = NULL;
    int err;

    if (id < 0) {
        return unknown_key(key, reterr);
    }
    err = check_value(&rows[id], value == NULL ? rows[id].value : value, &number, reterr);
    if (err < 0) {
        return err;
    }
    if (source < conf->values[id].source) {
        return 0;
    }
    if (value != NULL) {
        text = lt_strdup(value);
        if (text == NULL) {
            return lt_error_set(reterr, LEAT_ENOMEM, "%s: out of memory", key);
        }
    }
    lt_free(conf->values[id].text);
    conf->values[id] = (struct lc_conf_value){.text = text, .number = number, .source = source};
    return 0;
}

static int find_row(const char *key)
{
    for (int i = 0; i < LC_CONF_COUNT; i++) {
        if (strcmp(rows[i].key, key) == 0) {
            return i;
        }
    }
    return -1;
}

/* Is it a key of a later release? Then why it cannot be set. */
static const char *refused_because(const char *key)
{
    static const struct {
        const char *key;
        const char *why;
    } later[] = {
#define XX(name, why) {name, why},
        LC_CONF_LATER(XX)
#undef XX
    };

    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        size_t size = strlen(later[i].key);
        bool family = later[i].key[size - 1] == '.';

        if (family ? strncmp(later[i].key, key, size) == 0 : strcmp(later[i].key, key) == 0) {
            return later[i].why;
        }
    }
    return NULL;
}

static int unknown_key(const char *key, struct leat_error **reterr)
{
    const char *why = refused_because(key);
    size_t least = NEAREST_DISTANCE_MAX + 1;
    const char *nearest = NULL;

    if (why != NULL) {
        return lt_error_set(reterr, LEAT_ECONFIG, "%s: %s", key, why);
    }
    for (size_t i = 0; i < LC_CONF_COUNT; i++) {
        size_t distance = lt_text_distance(key, rows[i].key);

        if (distance < least) {
            least = distance;
            nearest = rows[i].key;
        }
    }
    if (nearest == NULL) {
        return lt_error_set(reterr, LEAT_ECONFIG, "unknown setting '%s'", key);
    }
    return lt_error_set(reterr, LEAT_ECONFIG, "unknown setting '%s'. Did you mean '%s'?", key,
                        nearest);
}

static int bad_value(const struct row *row, const char *text, struct leat_error **reterr)
{
    if (row->type == LC_CHOICE || row->type == LC_BOOL) {
        return lt_error_set(reterr, LEAT_ECONFIG, "%s: '%s' is not one of %s%s%s", row->key, text,
                            row->type == LC_BOOL ? "true|false" : row->choices,
                            strchr(row->choices == NULL ? "|" : row->choices, '|') ? "" : ". ",
                            strchr(row->choices == NULL ? "|" : row->choices, '|') ? ""
                                                                                   : row->text);
    }
    return lt_error_set(reterr, LEAT_ECONFIG, "%s: '%s' is not a %s from %" PRId64 " to %" PRId64,
                        row->key, text,
                        row->type == LC_SIZE       ? "size"
                        : row->type == LC_DURATION ? "duration in ms"
                                                   : "number",
                        row->least, row->most);
}

/* Place of `text` in "a|b|c", ignoring case, or -1. */
static int choice_of(const char *choices, const char *text)
{
    size_t size = strlen(text);

    for (int place = 0; choices != NULL; place++) {
        const char *end = strchr(choices, '|');
        size_t word = end == NULL ? strlen(choices) : (size_t)(end - choices);

        if (word == size && strncasecmp(choices, text, size) == 0) {
            return place;
        }
        choices = end == NULL ? NULL : end + 1;
    }
    return -1;
}

static int parse_int(const char *text, int64_t *ret)
{
    char *end;
    long long number;

    errno = 0;
    number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || isspace((unsigned char)text[0])) {
        return LEAT_EINVAL;
    }
    *ret = number;
    return 0;
}

static int check_value(const struct row *row,
                       const char *text,
                       int64_t *ret_number,
                       struct leat_error **reterr)
{
    int64_t number = 0;
    int err = 0;

    switch (row->type) {
    case LC_STRING:
        return 0;
    case LC_LIST:
        return text[strspn(text, " ,")] == '\0'
                   ? lt_error_set(reterr, LEAT_ECONFIG, "%s: the list is empty", row->key)
                   : 0;
    case LC_BOOL:
        number = choice_of("false|true", text);
        break;
    case LC_CHOICE:
        number = choice_of(row->choices, text);
        break;
    case LC_INT:
        err = parse_int(text, &number);
        break;
    case LC_SIZE:
        err = lt_parse_size(text, &number);
        break;
    case LC_DURATION:
        err = lt_parse_duration_ms(text, 1, &number);
        break;
    default:
        err = LEAT_EINVAL;
        break;
    }
    if (row->type == LC_BOOL || row->type == LC_CHOICE) {
        err = number < 0 ? LEAT_EINVAL : 0;
    } else if (err == 0 && (number < row->least || number > row->most)) {
        err = LEAT_EINVAL;
    }
    if (err < 0) {
        return bad_value(row, text, reterr);
    }
    if (strcmp(row->key, "compression.type") == 0 && !proto_codec_available((int)number)) {
        return lt_error_set(reterr, LEAT_ECONFIG, "%s: this library was built without %s", row->key,
                            text);
    }
    *ret_number = number;
    return 0;
}

static struct lc_conf_pair *find_pair(const struct leat_conf *conf, const char *key)
{
    for (size_t i = 0; i < conf->pair_count; i++) {
        if (strcmp(conf->pairs[i].key, key) == 0) {
            return &conf->pairs[i];
        }
    }
    return NULL;
}

static int put_pair(struct leat_conf *conf, const char *key, const char *value)
{
    struct lc_conf_pair *pair = find_pair(conf, key);
    struct lc_conf_pair fresh = {0};

    if (value != NULL) {
        fresh.value = lt_strdup(value);
        if (fresh.value == NULL) {
            return LEAT_ENOMEM;
        }
    }
    if (pair != NULL) {
        lt_free(pair->value);
        pair->value = fresh.value;
        return 0;
    }
    if (conf->pair_count == conf->pair_capacity) {
        size_t capacity = conf->pair_capacity == 0 ? PAIRS_FIRST : conf->pair_capacity * 2;
        void *pairs = lt_reallocarray(conf->pairs, capacity, sizeof(conf->pairs[0]));

        if (pairs == NULL) {
            lt_free(fresh.value);
            return LEAT_ENOMEM;
        }
        conf->pairs = pairs;
        conf->pair_capacity = capacity;
    }
    fresh.key = lt_strdup(key);
    if (fresh.key == NULL) {
        lt_free(fresh.value);
        return LEAT_ENOMEM;
    }
    conf->pairs[conf->pair_count++] = fresh;
    return 0;
}

bool lc_conf_pair(const struct leat_conf *conf, const char *key, const char **ret_value)
{
    const struct lc_conf_pair *pair = conf == NULL ? NULL : find_pair(conf, key);

    if (pair == NULL) {
        return false;
    }
    *ret_value = pair->value;
    return true;
}

int64_t lc_conf_number(const struct leat_conf *conf, enum lc_conf_id id)
{
    return conf->values[id].number;
}

const char *lc_conf_text(const struct leat_conf *conf, enum lc_conf_id id)
{
    return conf->values[id].text == NULL ? rows[id].value : conf->values[id].text;
}

int leat_conf_get(const struct leat_conf *conf, const char *key, char *ret_buf, size_t size)
{
    const char *text = NULL;
    size_t full;

    if (conf == NULL || key == NULL || (ret_buf == NULL && size > 0)) {
        return LEAT_EINVAL;
    }
    if (conf->is_topic) {
        if (!lc_conf_pair(conf, key, &text)) {
            return LEAT_ENOENT;
        }
        text = text == NULL ? "" : text;
    } else {
        int id = find_row(key);

        if (id < 0) {
            return LEAT_ENOENT;
        }
        text = lc_conf_text(conf, (enum lc_conf_id)id);
    }
    full = strlen(text);
    if (full > INT32_MAX) {
        return LEAT_EINVAL;
    }
    if (size > 0) {
        size_t part = full < size ? full : size - 1;

        memcpy(ret_buf, text, part);
        ret_buf[part] = '\0';
    }
    return (int)full;
}

void leat_conf_set_log(struct leat_conf *conf, int level, leat_log_cb cb, void *arg)
{
    if (conf != NULL) {
        conf->log_level = level;
        conf->log_cb = cb;
        conf->log_arg = arg;
    }
}

static const char *type_text(const struct row *row)
{
    switch (row->type) {
    case LC_STRING:
        return "string";
    case LC_LIST:
        return "list";
    case LC_BOOL:
        return "bool";
    case LC_INT:
        return "int";
    case LC_SIZE:
        return "size";
    case LC_DURATION:
        return "duration";
    case LC_CHOICE:
        return row->choices;
    default:
        return "";
    }
}

void leat_conf_visit(leat_visit_cb cb, void *arg)
{
    for (size_t i = 0; cb != NULL && i < LC_CONF_COUNT; i++) {
        cb(rows[i].key, type_text(&rows[i]), rows[i].value, rows[i].text, arg);
    }
}
