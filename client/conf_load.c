/* conf_load.c: settings from files, profiles and the environment. Each load is made on a copy, so that a mistake changes nothing. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/properties.h"
#include "client/conf.h"

/* Keys of a profile file that speak to the command line, not to the library. */
static bool is_profile_word(const char *key)
{
    return strcmp(key, "description") == 0 || strcmp(key, "confirm") == 0 ||
           strcmp(key, "current") == 0 || strcmp(key, "previous") == 0;
}

static void swap_confs(struct leat_conf *a, struct leat_conf *b)
{
    struct leat_conf held = *a;

    *a = *b;
    *b = held;
}

static int put_at(struct leat_conf *conf,
                  const struct lt_property *entry,
                  enum lc_conf_source source,
                  struct leat_error **reterr)
{
    int err = lc_conf_put(conf, entry->key, entry->value, source, reterr);

    if (err < 0) {
        (void)lt_error_prefix(reterr, "%s:%d", entry->file, entry->line); /* err is returned */
    }
    return err;
}

int leat_conf_load_file(struct leat_conf *conf, const char *path, struct leat_error **reterr)
{
    struct lt_properties *props = NULL;
    struct leat_conf *copy;
    int err;

    if (conf == NULL || conf->is_topic || path == NULL) {
        return lt_error_set(reterr, LEAT_EINVAL, "leat_conf_load_file: conf or path is missing");
    }
    copy = leat_conf_copy(conf);
    if (copy == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "%s: out of memory", path);
    }
    err = lt_properties_load(path, 0, &props, reterr);
    for (size_t i = 0; err == 0 && i < lt_properties_count(props); i++) {
        err = put_at(copy, lt_properties_at(props, i), LC_FROM_FILE, reterr);
    }
    if (err == 0) {
        swap_confs(conf, copy);
    }
    lt_properties_free(props);
    leat_conf_free(copy);
    return err;
}

void lc_conf_env_name(const char *key, char *ret_name, size_t size)
{
    size_t at = 0;
    const char *prefix = "LEAT_";

    while (*prefix != '\0' && at + 1 < size) {
        ret_name[at++] = *prefix++;
    }
    for (; *key != '\0' && at + 1 < size; key++) {
        int repeat = *key == '-' ? 3 : *key == '_' ? 2 : 1;
        char c = *key == '.' || *key == '_' || *key == '-' ? '_' : (char)toupper(*key);

        while (repeat-- > 0 && at + 1 < size) {
            ret_name[at++] = c;
        }
    }
    ret_name[at] = '\0';
}

struct env_load {
    struct leat_conf *conf;
    struct leat_error **reterr;
    int err;
};

static void
put_variable(const char *key, const char *type, const char *value, const char *text, void *arg)
{
    struct env_load *load = arg;
    char name[128];
    const char *found;

    (void)type;
    (void)value;
    (void)text;
    lc_conf_env_name(key, name, sizeof(name));
    found = getenv(name);
    /* leat.dispatch would be LEAT_LEAT_DISPATCH: it belongs to the program, not to its surroundings. */
    if (found == NULL || load->err < 0 || strncmp(key, "leat.", 5) == 0) {
        return;
    }
    load->err = lc_conf_put(load->conf, key, found, LC_FROM_ENV, load->reterr);
    if (load->err < 0) {
        (void)lt_error_prefix(load->reterr, "%s", name); /* load->err is returned */
    }
}

/* Path of the profile file in fresh memory; *ret_named tells whether LEAT_CONFIG says so. NULL: no home. */
static char *profile_path(bool *ret_named)
{
    const char *path = getenv("LEAT_CONFIG");
    const char *home = getenv("XDG_CONFIG_HOME");

    *ret_named = path != NULL && path[0] != '\0';
    if (*ret_named) {
        return lt_strdup(path);
    }
    if (home != NULL && home[0] != '\0') {
        return lt_asprintf("%s/leat/config", home);
    }
    home = getenv("HOME");
    return lt_asprintf("%s/.config/leat/config", home == NULL ? "" : home);
}

static bool has_section(const struct lt_properties *props, const char *name)
{
    for (size_t i = 0; i < lt_properties_section_count(props); i++) {
        if (strcmp(lt_properties_section_at(props, i), name) == 0) {
            return true;
        }
    }
    return false;
}

/* Top level and the section `name` (NULL: what the file calls current). */
static int put_profile(struct leat_conf *conf,
                       const struct lt_properties *props,
                       const char *path,
                       const char *name,
                       struct leat_error **reterr)
{
    int err = 0;

    if (name == NULL) {
        name = lt_properties_get(props, "", "current");
    }
    if (name != NULL && !has_section(props, name)) {
        return lt_error_set(reterr, LEAT_ENOENT, "%s has no profile '%s'", path, name);
    }
    for (size_t i = 0; err == 0 && i < lt_properties_count(props); i++) {
        const struct lt_property *entry = lt_properties_at(props, i);

        if (is_profile_word(entry->key)) {
            continue;
        }
        if (entry->section[0] == '\0') {
            err = put_at(conf, entry, LC_FROM_TOP, reterr);
        } else if (name != NULL && strcmp(entry->section, name) == 0) {
            err = put_at(conf, entry, LC_FROM_PROFILE, reterr);
        }
    }
    return err;
}

static int load_profile_file(struct leat_conf *conf, const char *name, struct leat_error **reterr)
{
    struct lt_properties *props = NULL;
    struct leat_error *why = NULL;
    bool named;
    char *path = profile_path(&named);
    int err;

    if (path == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "profile: out of memory");
    }
    err = lt_properties_load(path, LT_PROPERTIES_SECTIONS, &props, &why);
    if (err == 0) {
        err = put_profile(conf, props, path, name, reterr);
    } else if (err == LEAT_ENOENT && !named && name == NULL) {
        err = 0;
    } else if (err == LEAT_ENOENT) {
        err = lt_error_set(reterr, LEAT_ENOENT, "no profile file %s", path);
    } else {
        err = lt_error_set(reterr, err, "%s", lt_error_message(why));
    }
    lt_error_free(why);
    lt_properties_free(props);
    lt_free(path);
    return err;
}

int leat_conf_load_profile(struct leat_conf *conf, const char *name, struct leat_error **reterr)
{
    struct env_load load = {.reterr = reterr};
    struct leat_conf *copy;
    const char *variable = getenv("LEAT_PROFILE");

    if (conf == NULL || conf->is_topic) {
        return lt_error_set(reterr, LEAT_EINVAL, "leat_conf_load_profile: conf is missing");
    }
    copy = leat_conf_copy(conf);
    if (copy == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "profile: out of memory");
    }
    if (name == NULL && variable != NULL && variable[0] != '\0') {
        name = variable;
    }
    load.conf = copy;
    load.err = load_profile_file(copy, name, reterr);
    if (load.err == 0) {
        leat_conf_visit(put_variable, &load);
    }
    if (load.err == 0) {
        swap_confs(conf, copy);
    }
    leat_conf_free(copy);
    return load.err;
}
