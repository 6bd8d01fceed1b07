/* profile.h: the profile file of the command line: where it is, reading it, changing it.
 *
 * The file is the library's (leat_conf_load_profile): LEAT_CONFIG, else $XDG_CONFIG_HOME/leat/config, else
 * ~/.config/leat/config. Top-level keys of ours: current, previous; in sections: description, confirm.
 * Threads: the main thread. Blocks: files. */
#ifndef CLI_PROFILE_H
#define CLI_PROFILE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/properties.h"
#include "client/cli/context.h"

/* Its path in fresh memory (lt_free); NULL: no memory. */
char *cli_profile_path(void);

/* Read it. A file that is not there is an empty one: *ret_props NULL, 0. */
int cli_profile_load(const char *path,
                     struct lt_properties **ret_props,
                     struct leat_error **reterr);

/* Is there a section of that name? NULL props: no. */
bool cli_profile_exists(const struct lt_properties *props, const char *name);

/* The profile that commands use without -P: LEAT_PROFILE or `current`; NULL: none. Borrowed from props. */
const char *cli_profile_in_use(const struct lt_properties *props);

/* A section's or ("") top level's value; NULL props: NULL. Borrowed. */
const char *
cli_profile_get(const struct lt_properties *props, const char *section, const char *key);

/* Call for each profile's name, in file order. Silent when the file cannot be read. */
void cli_profile_each(void (*cb)(const char *name, void *arg), void *arg);

/* The file's text (empty if it is not there), to be changed and stored. */
int cli_profile_read(const char *path, struct lt_buf *ret_text, struct leat_error **reterr);

/* Replace the file at once (a fresh file, flushed, renamed over it), mode 0600; makes its directories, 0700. A link stays a
 * link: what it points to is replaced. */
int cli_profile_store(const char *path, const struct lt_buf *text, struct leat_error **reterr);

#endif
