/* diag.h: what the server tells its operator, line by line, on stderr ("log" means the data here).
 *
 * A line has a level, a component, an event (a stable identifier, listed in docs/events.md), a sentence and typed
 * fields. Formats: text for people, logfmt and json for machines; auto = text on a terminal, logfmt otherwise.
 * A repeated event is limited to LT_DIAG_BURST lines per second and then followed by one "suppressed N similar" line.
 * No record contents and no secrets go in here. Library code (base, proto, storage, client) never prints: it returns
 * errors, the outermost caller prints once.
 * Threads: any; one line is one write(2). */
#ifndef LT_DIAG_H
#define LT_DIAG_H

#include <stdint.h>

enum lt_diag_level { LT_DEBUG_LINE = 0, LT_INFO = 1, LT_WARN = 2, LT_ERROR = 3 };
enum lt_diag_format { LT_DIAG_AUTO = 0, LT_DIAG_TEXT = 1, LT_DIAG_LOGFMT = 2, LT_DIAG_JSON = 3 };

#define LT_DIAG_BURST 10

struct lt_diag_field {
    const char *name;
    const char *text; /* NULL: the number counts */
    int64_t number;
};

#define LT_FIELD_TEXT(field_name, value) ((struct lt_diag_field){(field_name), (value), 0})
#define LT_FIELD_INT(field_name, value) ((struct lt_diag_field){(field_name), NULL, (int64_t)(value)})

void lt_diag_setup(enum lt_diag_level level_min, enum lt_diag_format format, int fd);

/* lt_diag(LT_WARN, "conn", "frame_too_large", "frame of 2 GB refused", LT_FIELD_TEXT("peer", peer)); fields optional.
 * The sentence is final text: use lt_asprintf or lt_error_message to build one. */
#define lt_diag(level, component, event, sentence, ...)                                            \
    lt_diag_line((level),                                                                          \
                 (component),                                                                      \
                 (event),                                                                          \
                 (sentence),                                                                       \
                 (const struct lt_diag_field[]){{NULL, NULL, 0}, ##__VA_ARGS__},                   \
                 sizeof((const struct lt_diag_field[]){{NULL, NULL, 0}, ##__VA_ARGS__}) /          \
                         sizeof(struct lt_diag_field) -                                            \
                     1)

/* `fields` has one unused entry in front, so that the list may be empty. */
void lt_diag_line(enum lt_diag_level level,
                  const char *component,
                  const char *event,
                  const char *sentence,
                  const struct lt_diag_field *fields,
                  unsigned field_count);

#endif
