/* config_file.h: a .properties file as a list of entries, each with the place it came from.
 *
 * Lines are `key = value` or `key: value`; `#` and `!` begin comment lines; a backslash at the end continues a line (the
 * next line's indentation is dropped); \t \n \r \f \uXXXX and \<character> are escapes as in Java. Text is UTF-8 and may
 * have any length. `include = <glob>` reads more files, relative to the file that says it, in the order of their names.
 * `${file:/path}` and `${env:NAME}` inside a value are replaced.
 *
 * It knows no keys: config.h does. Problems do not stop the reading: they are noted, so that --check-config can show
 * all of them.
 * Threads: one at a time. Blocks: reads files. */
#ifndef SRV_CONFIG_FILE_H
#define SRV_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct srv_config_note {
    bool error;       /* false: a warning */
    const char *file; /* "", "environment", "--set" or a path */
    int line;         /* 1...; 0: no line */
    const char *text;
};

/* Notes grow in the arena that also holds their texts. All zero but `arena` is empty. */
struct srv_config_notes {
    struct lt_arena *arena;
    struct srv_config_note *notes;
    size_t count;
    size_t capacity;
    bool out_of_memory; /* a note could not be kept */
};

/* Add a note; `file` must live as long as the arena. */
void srv_config_note_add(struct srv_config_notes *notes, bool error, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

struct srv_config_entry {
    const char *key;
    const char *value;
    const char *file;
    int line;
};

struct srv_config_file {
    struct srv_config_entry *entries; /* in order of reading; a key at most once */
    size_t count;
    size_t capacity;
};

/* Read `path` and what it includes into *ret (all zero at first; memory from the notes' arena). `environ` serves
 * ${env:}; may be NULL. What is wrong becomes an error note; what could be read is in *ret all the same.
 * Returns 0 or LEAT_ENOMEM. */
int srv_config_file_read(const char *path,
                         char *const *environ_list,
                         struct srv_config_notes *notes,
                         struct srv_config_file *ret);

/* The value of a variable in an environment list, NULL if it is not there. Borrowed. */
const char *srv_environ_get(char *const *environ_list, const char *name);

/* Replace ${file:} and ${env:} in `value`; NULL (with a note) when one cannot be had. In the notes' arena. */
const char *srv_config_expand(const char *value,
                              char *const *environ_list,
                              struct srv_config_notes *notes,
                              const char *file,
                              int line);

#endif
