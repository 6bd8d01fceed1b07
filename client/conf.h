/* conf.h: settings: the values behind struct leat_conf and how the library reads them.
 *
 * Two kinds share the struct: settings of the library (rows of conf_table.h) and lists of topic or broker settings whose keys are the
 * broker's business. Public calls: leat.h.
 * Threads: one at a time per conf; objects copy what they need when they are made. */
#ifndef LC_CONF_H
#define LC_CONF_H

#include <leat/leat.h>

#include "client/conf_table.h"

/* Where a value came from; a stronger source is never overridden by a weaker one. */
enum lc_conf_source {
    LC_FROM_DEFAULT = 0,
    LC_FROM_TOP = 1,     /* top level of the profile file */
    LC_FROM_PROFILE = 2, /* section of the profile file */
    LC_FROM_FILE = 3,    /* leat_conf_load_file */
    LC_FROM_ENV = 4,     /* LEAT_... */
    LC_FROM_SET = 5,     /* leat_conf_set */
};

struct lc_conf_value {
    char *text;     /* NULL = default */
    int64_t number; /* of BOOL, INT, SIZE, DURATION, CHOICE */
    enum lc_conf_source source;
};

struct lc_conf_pair {
    char *key;
    char *value; /* NULL = back to the broker's default */
};

struct leat_conf {
    struct lc_conf_value values[LC_CONF_COUNT];
    bool is_topic; /* then only pairs count */
    struct lc_conf_pair *pairs;
    size_t pair_count;
    size_t pair_capacity;
    int log_level;
    leat_log_cb log_cb; /* NULL = no lines */
    void *log_arg;
};

/* As leat_conf_set, from a source. A weaker source than the one that set the value before changes nothing; the value is checked all the same. */
int lc_conf_put(struct leat_conf *conf,
                const char *key,
                const char *value,
                enum lc_conf_source source,
                struct leat_error **reterr);

/* Values in effect. conf must not be NULL or a topic conf. */
int64_t lc_conf_number(const struct leat_conf *conf, enum lc_conf_id id);
const char *lc_conf_text(const struct leat_conf *conf, enum lc_conf_id id);

/* Value of a key of a topic conf; false if it is not set (or conf is NULL). */
bool lc_conf_pair(const struct leat_conf *conf, const char *key, const char **ret_value);

/* Is LEAT_<NAME> the variable of a key ('.' is '_', '_' is "__", '-' is "___")? Writes the variable's name, cut to size. */
void lc_conf_env_name(const char *key, char *ret_name, size_t size);

#endif
