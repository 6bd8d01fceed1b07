/* profile.c: see profile.h. */
#include "client/cli/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"

#define FILE_SIZE_MAX ((size_t)1 << 20)

char *cli_profile_path(void)
{
    const char *named = getenv("LEAT_CONFIG");
    const char *base = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    if (named != NULL && *named != '\0') {
        return lt_strdup(named);
    }
    if (base != NULL && *base != '\0') {
        return lt_asprintf("%s/leat/config", base);
    }
    return lt_asprintf("%s/.config/leat/config", home == NULL ? "" : home);
}

int cli_profile_load(const char *path, struct lt_properties **ret_props, struct leat_error **reterr)
{
    *ret_props = NULL;
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        return 0;
    }
    return lt_properties_load(path, LT_PROPERTIES_SECTIONS, ret_props, reterr);
}

bool cli_profile_exists(const struct lt_properties *props, const char *name)
{
    size_t count = props == NULL ? 0 : lt_properties_section_count(props);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(lt_properties_section_at(props, i), name) == 0) {
            return true;
        }
    }
    return false;
}

const char *cli_profile_get(const struct lt_properties *props, const char *section, const char *key)
{
    return props == NULL ? NULL : lt_properties_get(props, section, key);
}

const char *cli_profile_in_use(const struct lt_properties *props)
{
    const char *variable = getenv("LEAT_PROFILE");
    return variable != NULL && *variable != '\0' ? variable : cli_profile_get(props, "", "current");
}

void cli_profile_each(void (*cb)(const char *name, void *arg), void *arg)
{
    struct lt_properties *props = NULL;
    char *path = cli_profile_path();
    if (path != NULL && cli_profile_load(path, &props, NULL) == 0 && props != NULL) {
        for (size_t i = 0; i < lt_properties_section_count(props); i++) {
            cb(lt_properties_section_at(props, i), arg);
        }
    }
    lt_properties_free(props);
    lt_free(path);
}

int cli_profile_read(const char *path, struct lt_buf *ret_text, struct leat_error **reterr)
{
    int err = lt_os_read_file(path, FILE_SIZE_MAX, ret_text);
    if (err == LEAT_ENOENT) {
        return 0;
    }
    return err == 0 ? 0 : lt_error_set_errno(reterr, err, errno, "%s", path);
}

/* All directories above the file. */
static int make_parents(const char *path, struct leat_error **reterr)
{
    char *copy = lt_strdup(path);
    int err = copy == NULL ? LEAT_ENOMEM : 0;
    for (char *slash = copy; err == 0 && (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        err = lt_os_mkdir(copy, 0700);
        err = err == LEAT_EEXISTS ? 0 : err;
        if (err != 0) {
            err = lt_error_set_errno(reterr, err, errno, "cannot make %s", copy);
        }
        *slash = '/';
    }
    lt_free(copy);
    return err;
}

static int write_fresh(const char *path, const struct lt_buf *text)
{
    int fd;
    int err = lt_os_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600, &fd);
    if (err != 0) {
        return err;
    }
    err = lt_os_write(fd, text->data, text->size);
    if (err == 0) {
        err = lt_os_fsync(fd);
    }
    int close_err = lt_os_close(fd);
    return err != 0 ? err : close_err;
}

int cli_profile_store(const char *path, const struct lt_buf *text, struct leat_error **reterr)
{
    char real[PATH_MAX];
    int err = make_parents(path, reterr);
    if (err != 0) {
        return err;
    }
    const char *target = realpath(path, real) == NULL ? path : real;
    char *fresh = lt_asprintf("%s.new", target);
    if (fresh == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "%s: out of memory", path);
    }
    err = write_fresh(fresh, text);
    if (err == 0) {
        err = lt_os_rename(fresh, target);
    }
    if (err != 0) {
        (void)lt_error_set_errno(reterr, err, errno, "cannot write %s", target); /* err is told */
        (void)lt_os_unlink(fresh); /* perhaps it is not there */
    }
    lt_free(fresh);
    return err;
}
