/* config_table.h: the rows of the two tables of settings, the broker's and the topics', and how a row reads a value.
 *
 * A row drives everything: file, environment, --set, DescribeConfigs, AlterConfigs, documentation, and the field of
 * struct srv_settings or struct log_config that the code reads. A new setting is a row here and a field there.
 *
 * A value is kept as text in its canonical form: a plain number in the row's own unit, "true" or "false", a list joined
 * by commas.
 * Threads: any; constant. */
#ifndef SRV_CONFIG_TABLE_H
#define SRV_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* Kafka's numbers (DescribeConfigs v3). */
enum srv_config_type {
    SRV_BOOLEAN = 1,
    SRV_STRING = 2,
    SRV_INT = 3,
    SRV_SHORT = 4,
    SRV_LONG = 5,
    SRV_DOUBLE = 6,
    SRV_LIST = 7,
    SRV_CLASS = 8,
    SRV_PASSWORD = 9,
};

enum srv_config_unit { SRV_PLAIN = 0, SRV_BYTES = 1, SRV_MS = 2, SRV_MINUTES = 3, SRV_HOURS = 4 };

/* May clients change it while the server runs? */
enum srv_config_mode { SRV_READ_ONLY = 0, SRV_PER_BROKER = 1, SRV_CLUSTER_WIDE = 2 };

/* How the field behind `offset` is stored. CHOICE: an int, the index in `choices`. */
enum srv_config_field {
    SRV_FIELD_NONE = 0,
    SRV_FIELD_I64 = 1,
    SRV_FIELD_I32 = 2,
    SRV_FIELD_BOOL = 3,
    SRV_FIELD_DOUBLE = 4,
    SRV_FIELD_TEXT = 5,
    SRV_FIELD_CHOICE = 6,
    SRV_FIELD_POLICY = 7, /* cleanup.policy: two bools */
    SRV_FIELD_CODEC = 8,  /* compression.type: the codec number, -1 = producer */
};

#define SRV_SYNONYMS_MAX 3
#define SRV_CHOICES_MAX 8

struct srv_config_row {
    const char *name;
    const char *alias; /* another name for the same; NULL = none */
    enum srv_config_type type;
    enum srv_config_unit unit;
    enum srv_config_mode mode;
    const char *value_default; /* NULL: null */
    const char
        *default_note; /* computed at start: how; then value_default is only the last resort */
    bool differs;      /* the default or the mode is not Kafka's */
    bool hidden;       /* taken, not described */
    int64_t min, max;  /* numbers, inclusive */
    const char *choices[SRV_CHOICES_MAX]; /* texts and lists; empty: any */
    enum srv_config_field field;
    size_t offset;
    const char *synonyms[SRV_SYNONYMS_MAX]; /* topic rows: the broker's keys, strongest first */
    /* Beyond type, range and choices: 0, or LEAT_ECONFIG with Kafka's sentence. */
    int (*check)(const struct srv_config_row *row, const char *text, struct leat_error **reterr);
    const char *doc; /* one or two sentences */
};

extern const struct srv_config_row srv_broker_rows[];
extern const size_t srv_broker_row_count;
extern const struct srv_config_row srv_topic_rows[];
extern const size_t srv_topic_row_count;

/* Keys of a Kafka 4.3.1 broker that have no row here. */
extern const char *const srv_config_meaningless[];
extern const size_t srv_config_meaningless_count;

/* By name or alias; NULL: unknown. */
const struct srv_config_row *srv_broker_row(const char *name);
const struct srv_config_row *srv_topic_row(const char *name);
bool srv_config_is_meaningless(const char *name);

/* The known broker key most like `name` (Levenshtein), NULL when none is near. */
const char *srv_config_nearest(const char *name);

/* Check `text` and bring it into canonical form, in `arena`. `units`: "64MiB" and "7d" are understood (files and command
 * line; clients send plain numbers). LEAT_ECONFIG with Kafka's sentence in *reterr; LEAT_ENOMEM. */
int srv_config_parse(const struct srv_config_row *row,
                     const char *text,
                     bool units,
                     struct lt_arena *arena,
                     const char **ret_text,
                     struct leat_error **reterr);

/* Store a canonical value into the struct that the row's offset belongs to. TEXT fields borrow `text`. */
void srv_config_store(const struct srv_config_row *row, const char *text, void *base);

/* A canonical duration of any unit in milliseconds (log.retention.hours stands for retention.ms). */
int64_t srv_config_row_ms(const struct srv_config_row *row, const char *text);

#endif
