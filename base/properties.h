/* properties.h: reads "key = value" files: the server's configuration, --command-config files, profile files.
 *
 *   key = value      or "key: value"; blanks around both are dropped
 *   # or !           comment line
 *   \ at line end    continues on the next line, whose leading blanks are dropped
 *   \t \n \r \f \uXXXX, \ and any other character: as in Java's properties
 *   [name]           section, only where the caller allows it
 *   include = GLOB   reads other files at this place; relative to this file; at most 8 deep
 *   ${env:NAME}      value of a variable; ${file:PATH} contents of a file without its last newline
 *
 * A key that comes twice in one section is an error that names both places. Files are UTF-8 and at most 1 MiB.
 * Meaning of the keys: the caller's. Threads: any; no state. Blocks: reads files. Source: Java's Properties and Kafka's
 * config providers (KIP-297, KIP-421), with sections and units added. */
#ifndef LT_PROPERTIES_H
#define LT_PROPERTIES_H

#include <stddef.h>

#include "base/error.h"

#define LT_PROPERTIES_SECTIONS 0x01 /* "[name]" lines are allowed */

struct lt_property {
    const char *section; /* "" before the first section */
    const char *key;
    const char *value;
    const char *file; /* where it stands */
    int line;         /* first line of the entry, from 1 */
};

struct lt_properties;

/* Read `path` and what it includes. Returns 0, LEAT_ENOENT, LEAT_EIO and others of lt_err_from_errno, LEAT_ECONFIG (malformed; the message begins with
 * file:line), LEAT_E2BIG, LEAT_ENOMEM. */
int lt_properties_load(const char *path,
                       unsigned flags,
                       struct lt_properties **ret_props,
                       struct leat_error **reterr);
void lt_properties_free(struct lt_properties *props);

size_t lt_properties_count(const struct lt_properties *props);
const struct lt_property *lt_properties_at(const struct lt_properties *props,
                                           size_t i); /* file order */

/* Names of the sections in file order, each once, also of those without entries. Borrowed. */
size_t lt_properties_section_count(const struct lt_properties *props);
const char *lt_properties_section_at(const struct lt_properties *props, size_t i);

/* Value of a key in a section, NULL if it is not there. */
const char *
lt_properties_get(const struct lt_properties *props, const char *section, const char *key);

/* Edit distance of two names, counting neighbours that changed places as one; for "did you mean". */
size_t lt_text_distance(const char *a, const char *b);

#endif
