/* config_value.c: from the text of a value to its canonical form, to a field, and what is wrong with it.
 *
 * Sentences are Kafka's ConfigException messages, since command-line tools print them. */
#include "server/config_value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/config_table.h"

#include "base/properties.h"
#include "base/units.h"
#include "storage/log_config.h"

#define MINUTE_MS ((int64_t)60 * 1000)
#define HOUR_MS ((int64_t)60 * MINUTE_MS)

int srv_check_gzip_level(const struct srv_config_row *row,
                         const char *text,
                         struct leat_error **reterr)
{
    if (strcmp(text, "0") != 0) {
        return 0;
    }
    return lt_error_set(
        reterr, LEAT_ECONFIG,
        "Invalid value 0 for configuration %s: Value must be between 1 and 9 or equal to -1",
        row->name);
}

/* partition:broker,partition:broker,... */
static bool is_replica_list(const char *text)
{
    for (const char *at = text;; at++) {
        size_t partition = strspn(at, "0123456789");
        size_t broker = at[partition] == ':' ? strspn(at + partition + 1, "0123456789") : 0;
        if (partition == 0 || broker == 0) {
            return false;
        }
        at += partition + 1 + broker;
        if (*at != ',') {
            return *at == '\0';
        }
    }
}

int srv_check_replicas(const struct srv_config_row *row,
                       const char *text,
                       struct leat_error **reterr)
{
    if (*text == '\0' || strcmp(text, "*") == 0 || is_replica_list(text)) {
        return 0;
    }
    return lt_error_set(reterr, LEAT_ECONFIG,
                        "Invalid value [%s] for configuration %s: %s must be the literal '*' or a "
                        "list of replicas in the "
                        "following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
                        text, row->name, row->name);
}

int srv_check_no_remote(const struct srv_config_row *row,
                        const char *text,
                        struct leat_error **reterr)
{
    (void)row;
    if (strcmp(text, "true") != 0) {
        return 0;
    }
    return lt_error_set(reterr, LEAT_ECONFIG,
                        "Tiered Storage functionality is disabled in the broker. Topic cannot be "
                        "configured with remote log "
                        "storage.");
}

static const char *type_name(enum srv_config_type type)
{
    static const char *const names[] = {"",     "BOOLEAN", "STRING", "INT",   "SHORT",
                                        "LONG", "DOUBLE",  "LIST",   "CLASS", "PASSWORD"};
    return names[type];
}

static int64_t unit_ms(enum srv_config_unit unit)
{
    return unit == SRV_HOURS ? HOUR_MS : unit == SRV_MINUTES ? MINUTE_MS : 1;
}

/* A plain decimal number of 64 bits, as Java's parseLong takes it. */
static int parse_plain(const char *text, int64_t *ret)
{
    char *end;
    if (!isdigit((unsigned char)text[strspn(text, "+-")]) || strspn(text, "+-") > 1) {
        return LEAT_EINVAL;
    }
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0') {
        return LEAT_EINVAL;
    }
    *ret = number;
    return 0;
}

static int
parse_number(const struct srv_config_row *row, const char *text, bool units, int64_t *ret)
{
    int err = parse_plain(text, ret);
    if (err == 0 || !units || row->unit == SRV_PLAIN) {
        return err;
    }
    if (row->unit == SRV_BYTES) {
        return lt_parse_size(text, ret);
    }
    int64_t ms;
    err = lt_parse_duration_ms(text, unit_ms(row->unit), &ms);
    if (err != 0 || ms % unit_ms(row->unit) != 0) {
        return LEAT_EINVAL;
    }
    *ret = ms / unit_ms(row->unit);
    return 0;
}

static int take_number(const struct srv_config_row *row,
                       const char *text,
                       bool units,
                       struct lt_arena *arena,
                       const char **ret_text,
                       struct leat_error **reterr)
{
    int64_t number;
    int err = parse_number(row, text, units, &number);
    if (err != 0 || (row->type == SRV_INT && (number < INT32_MIN || number > INT32_MAX))) {
        return lt_error_set(reterr, LEAT_ECONFIG,
                            "Invalid value %s for configuration %s: Not a number of type %s", text,
                            row->name, type_name(row->type));
    }
    if (number < row->min || number > row->max) {
        bool below = number < row->min;
        return lt_error_set(reterr, LEAT_ECONFIG,
                            "Invalid value %lld for configuration %s: Value must be %s %lld",
                            (long long)number, row->name, below ? "at least" : "no more than",
                            (long long)(below ? row->min : row->max));
    }
    *ret_text = lt_arena_printf(arena, "%lld", (long long)number);
    return *ret_text == NULL ? LEAT_ENOMEM : 0;
}

/* The shortest text that reads back as the same number, with a point in it as Java writes doubles. */
static const char *double_text(double number, struct lt_arena *arena)
{
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, number); /* 17 digits fit */
        if (strtod(text, NULL) == number) {
            break;
        }
    }
    return lt_arena_printf(arena, "%s%s", text, strpbrk(text, ".en") == NULL ? ".0" : "");
}

static int take_double(const struct srv_config_row *row,
                       const char *text,
                       struct lt_arena *arena,
                       const char **ret_text,
                       struct leat_error **reterr)
{
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || isnan(number)) {
        return lt_error_set(reterr, LEAT_ECONFIG,
                            "Invalid value %s for configuration %s: Not a number of type DOUBLE",
                            text, row->name);
    }
    if (number < (double)row->min || number > (double)row->max) {
        bool below = number < (double)row->min;
        return lt_error_set(reterr, LEAT_ECONFIG,
                            "Invalid value %s for configuration %s: Value must be %s %lld", text,
                            row->name, below ? "at least" : "no more than",
                            (long long)(below ? row->min : row->max));
    }
    *ret_text = double_text(number, arena);
    return *ret_text == NULL ? LEAT_ENOMEM : 0;
}

static int choice_of(const struct srv_config_row *row, const char *text, size_t size)
{
    for (int i = 0; i < SRV_CHOICES_MAX && row->choices[i] != NULL; i++) {
        if (strlen(row->choices[i]) == size && memcmp(row->choices[i], text, size) == 0) {
            return i;
        }
    }
    return -1;
}

static int
refuse_choice(const struct srv_config_row *row, const char *text, struct leat_error **reterr)
{
    char list[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < SRV_CHOICES_MAX && row->choices[i] != NULL && used < sizeof(list); i++) {
        int more =
            snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ", ", row->choices[i]);
        used += (size_t)more;
    }
    return lt_error_set(reterr, LEAT_ECONFIG,
                        "Invalid value %s for configuration %s: String must be one of: %s", text,
                        row->name, list);
}

static bool has_item(const char *list, const char *item, size_t size)
{
    for (const char *at = list; *at != '\0';) {
        size_t item_size = strcspn(at, ",");
        if (item_size == size && memcmp(at, item, size) == 0) {
            return true;
        }
        at += item_size + (at[item_size] == ',');
    }
    return false;
}

/* Items are trimmed and joined by commas; one that stands there already is left out, an empty one refused. */
static int take_list(const struct srv_config_row *row,
                     const char *text,
                     struct lt_arena *arena,
                     const char **ret_text,
                     struct leat_error **reterr)
{
    char *joined = lt_arena_calloc(arena, strlen(text) + 1, 1);
    if (joined == NULL) {
        return LEAT_ENOMEM;
    }
    size_t used = 0;
    for (const char *at = text; *text != '\0';) {
        size_t size = strcspn(at, ",");
        const char *next = at[size] == ',' ? at + size + 1 : NULL;
        while (size > 0 && isspace((unsigned char)*at)) {
            at++;
            size--;
        }
        while (size > 0 && isspace((unsigned char)at[size - 1])) {
            size--;
        }
        if (size == 0) {
            return lt_error_set(reterr, LEAT_ECONFIG,
                                "Configuration '%s' values must not be empty.", row->name);
        }
        if (row->choices[0] != NULL && choice_of(row, at, size) < 0) {
            char item[128];
            (void)snprintf(item, sizeof(item), "%.*s", (int)(size < 100 ? size : 100),
                           at); /* cut: only for people */
            return refuse_choice(row, item, reterr);
        }
        if (!has_item(joined, at, size)) {
            if (used > 0) {
                joined[used++] = ',';
            }
            memcpy(joined + used, at, size);
            used += size;
        }
        if (next == NULL) {
            break;
        }
        at = next;
    }
    *ret_text = joined;
    return 0;
}

static int take_text(const struct srv_config_row *row,
                     const char *text,
                     bool units,
                     struct lt_arena *arena,
                     const char **ret_text,
                     struct leat_error **reterr)
{
    switch (row->type) {
    case SRV_BOOLEAN:
        if (strcasecmp(text, "true") != 0 && strcasecmp(text, "false") != 0) {
            return lt_error_set(
                reterr, LEAT_ECONFIG,
                "Invalid value %s for configuration %s: Expected value to be either true or false",
                text, row->name);
        }
        *ret_text = strcasecmp(text, "true") == 0 ? "true" : "false";
        return 0;
    case SRV_INT:
    case SRV_SHORT:
    case SRV_LONG:
        return take_number(row, text, units, arena, ret_text, reterr);
    case SRV_DOUBLE:
        return take_double(row, text, arena, ret_text, reterr);
    case SRV_LIST:
        return take_list(row, text, arena, ret_text, reterr);
    case SRV_STRING:
    case SRV_CLASS:
    case SRV_PASSWORD:
        break;
    }
    if (row->choices[0] != NULL && choice_of(row, text, strlen(text)) < 0) {
        return refuse_choice(row, text, reterr);
    }
    *ret_text = text;
    return 0;
}

int srv_config_parse(const struct srv_config_row *row,
                     const char *text,
                     bool units,
                     struct lt_arena *arena,
                     const char **ret_text,
                     struct leat_error **reterr)
{
    while (isspace((unsigned char)*text)) {
        text++;
    }
    size_t size = strlen(text);
    while (size > 0 && isspace((unsigned char)text[size - 1])) {
        size--;
    }
    const char *trimmed = lt_arena_strndup(arena, text, size);
    if (trimmed == NULL) {
        return LEAT_ENOMEM;
    }
    const char *taken = NULL;
    int err = take_text(row, trimmed, units, arena, &taken, reterr);
    if (err != 0) {
        return err;
    }
    err = row->check == NULL ? 0 : row->check(row, taken, reterr);
    if (err == 0) {
        *ret_text = taken;
    }
    return err;
}

void srv_config_store(const struct srv_config_row *row, const char *text, void *base)
{
    void *field = (uint8_t *)base + row->offset;
    switch (row->field) {
    case SRV_FIELD_NONE:
        return;
    case SRV_FIELD_I64: {
        int64_t number = strtoll(text, NULL, 10);
        memcpy(field, &number, sizeof(number));
        return;
    }
    case SRV_FIELD_I32: {
        int32_t number = (int32_t)strtol(text, NULL, 10); /* canonical: in range */
        memcpy(field, &number, sizeof(number));
        return;
    }
    case SRV_FIELD_BOOL: {
        bool yes = strcmp(text, "true") == 0;
        memcpy(field, &yes, sizeof(yes));
        return;
    }
    case SRV_FIELD_DOUBLE: {
        double number = strtod(text, NULL);
        memcpy(field, &number, sizeof(number));
        return;
    }
    case SRV_FIELD_TEXT:
        memcpy(field, &text, sizeof(text));
        return;
    case SRV_FIELD_CHOICE: {
        int choice = choice_of(row, text, strlen(text));
        memcpy(field, &choice, sizeof(choice));
        return;
    }
    case SRV_FIELD_CODEC: {
        /* Codec numbers (records: attributes) of the choices, in the order that Kafka lists them. */
        static const int codecs[] = {0, 4, 3, 2, 1, -1};
        int choice = choice_of(row, text, strlen(text));
        memcpy(field, &codecs[choice < 0 ? 5 : choice], sizeof(int));
        return;
    }
    case SRV_FIELD_POLICY: {
        struct log_config *config = base;
        config->cleanup_delete = strstr(text, "delete") != NULL;
        config->cleanup_compact = strstr(text, "compact") != NULL;
        return;
    }
    }
}

int64_t srv_config_row_ms(const struct srv_config_row *row, const char *text)
{
    int64_t number = strtoll(text, NULL, 10);
    return number < 0 ? number : number * unit_ms(row->unit); /* hours are 32 bits: no overflow */
}

/* ---- the nearest name ---- */

const char *srv_config_nearest(const char *name)
{
    size_t bound = strlen(name) / 4 + 2;
    const char *nearest = NULL;
    for (size_t i = 0; i < srv_broker_row_count; i++) {
        size_t away = lt_text_distance(name, srv_broker_rows[i].name);
        if (away < bound) {
            nearest = srv_broker_rows[i].name;
            bound = away;
        }
    }
    return nearest;
}
