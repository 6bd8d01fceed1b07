/* diag.h: what the server tells its operator, line by line, on stderr ("log" means the data here).
 *
 * A line has a level, a component, an event (a stable identifier, listed in docs/events.md), a
 * sentence and typed fields. Formats: text for people, logfmt and json for machines; auto = text on
 * a terminal, logfmt otherwise. A repeated event is limited to LT_DIAG_BURST lines per second and
 * then followed by one "suppressed N similar" line. No record contents and no secrets go in here.
 * Library code (base, proto, storage, client) never prints: it returns errors, the outermost caller
 * prints once. The state (level, format, what was suppressed) is global, behind one mutex. Threads:
 * any; one line is one write(2). */
#ifndef LT_DIAG_H
#define LT_DIAG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

enum lt_diag_level { LT_DEBUG_LINE = 0, LT_INFO = 1, LT_WARN = 2, LT_ERROR = 3 };
enum lt_diag_format { LT_DIAG_AUTO = 0, LT_DIAG_TEXT = 1, LT_DIAG_LOGFMT = 2, LT_DIAG_JSON = 3 };

#define LT_DIAG_BURST 10
#define LT_DIAG_SENTENCE 1024 /* bytes */

struct lt_diag_field {
    const char *name;
    int64_t number;
    const char *text; /* NULL: the number counts. Last member: lt_diag relies on it */
};

#define LT_FIELD_TEXT(field_name, value) ((struct lt_diag_field){(field_name), 0, (value)})
#define LT_FIELD_INT(field_name, value) \
    ((struct lt_diag_field){(field_name), (int64_t)(value), NULL})

/* Where lines go and which are wanted. Before the first call: LT_INFO, LT_DIAG_AUTO, descriptor 2.
 * With LT_DIAG_AUTO a line starts with a "<N>" priority where $JOURNAL_STREAM says that journald
 * reads it, and levels are coloured on a terminal. Threads: any; lines written meanwhile go the old
 * or the new way. */
void lt_diag_setup(enum lt_diag_level level_min, enum lt_diag_format format, int fd);

/* Tests: take time from `clock`, which must outlive the use; NULL = the real one. Forgets what was
 * suppressed. */
void lt_diag_set_clock(const struct lt_clock *clock);

/* Whether a line of this level would be written: for callers that compute costly fields first. */
bool lt_diag_enabled(enum lt_diag_level level);

/* Say now what was suppressed and not yet said. Once at the end of the process; otherwise the next
 * line does it. */
void lt_diag_flush(void);

/* lt_diag(LT_WARN, "conn", "frame_too_large", "frame of 2 GB refused", LT_FIELD_TEXT("peer",
 * peer));
 *
 * The fields are optional. The sentence is final text, at most LT_DIAG_SENTENCE bytes of it are
 * written: use lt_asprintf or lt_error_message to build one. Bytes that are not printable text are
 * escaped, so that a peer cannot forge a line. (The first array element carries the sentence in its
 * last member, so what follows it starts the next element: that makes the list of fields optional
 * without a GNU extension.) */
#define lt_diag(level, component, event, ...)                                                \
    lt_diag_line((level), (component), (event),                                              \
                 (const struct lt_diag_field[]){[0].text = __VA_ARGS__},                     \
                 (unsigned)(sizeof((const struct lt_diag_field[]){[0].text = __VA_ARGS__}) / \
                            sizeof(struct lt_diag_field)))

/* items[0].text is the sentence, items[1] to items[count - 1] are the fields. Call lt_diag instead.
 * Never fails: a line that cannot be written is lost. */
void lt_diag_line(enum lt_diag_level level,
                  const char *component,
                  const char *event,
                  const struct lt_diag_field *items,
                  unsigned count);

#endif
