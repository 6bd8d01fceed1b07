/* properties_edit.h: changes to the text of a properties file (properties.h) that leave all other lines as they are:
 * comments, order, blank lines, the way of writing.
 *
 * Sections and keys are compared as written (no escapes in them). A value that goes over several lines is replaced whole.
 * Threads: any; no state. The text is the caller's buffer; on LEAT_ENOMEM it is unchanged. */
#ifndef LT_PROPERTIES_EDIT_H
#define LT_PROPERTIES_EDIT_H

#include "base/buf.h"
#include "base/error.h"

/* Give `key` in `section` ("" = before the first one) a value: where it stands, else behind the section's last entry; a
 * section that is not there is added at the end. The value is escaped so that it is read back as given, but ${...} keeps
 * its meaning. */
int lt_properties_set(struct lt_buf *text, const char *section, const char *key, const char *value);

/* Take the entry away; no error if it is not there. */
int lt_properties_unset(struct lt_buf *text, const char *section, const char *key);

/* Add "[section]" at the end if it is not there; take it away with its entries and comments. */
int lt_properties_add_section(struct lt_buf *text, const char *section);
int lt_properties_remove_section(struct lt_buf *text, const char *section);

#endif
