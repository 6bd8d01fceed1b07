/* diag.c: one line per event, escaped, rate limited, written with one write(2).
 *
 *   1. drop the line if its level is too low
 *   2. find the slot of (component, event); count, and stop if its second is used up
 *   3. say what other slots suppressed in seconds that are over
 *   4. format into a buffer on the stack (no allocation: "out of memory" must come out too), write
 * it
 *
 * A field that does not fit the buffer any more is left out; the line itself stays well-formed. */
#include "base/diag.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/os.h"

#define LINE_MAX_BYTES 16384U
#define FIELD_TEXT_MAX 1024U
#define SLOT_COUNT 64U
#define SLOT_NAME_MAX 64U
#define WINDOW_MS 1000

/* What one kind of event did in its current second. */
struct slot {
    char component[SLOT_NAME_MAX];
    char event[SLOT_NAME_MAX];
    int64_t since_ms; /* monotonic start of the second */
    int64_t suppressed;
    unsigned written;
    enum lt_diag_level level;
};

/* A line under construction. Once something did not fit, nothing more is added until line_rollback.
 */
struct line {
    char text[LINE_MAX_BYTES];
    size_t size;
    bool overflow;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int level_wanted = LT_INFO;
/* Guarded by mutex: */
static enum lt_diag_format format_wanted = LT_DIAG_AUTO;
static int fd_out = STDERR_FILENO;
static bool resolved; /* format_now, coloured and journal are valid */
static enum lt_diag_format format_now;
static bool coloured;
static bool journal;
static const struct lt_clock *clock_now;
static struct slot slots[SLOT_COUNT];
static int64_t suppressed_total; /* sum over slots */

static bool
admit(enum lt_diag_level level, const char *component, const char *event, int64_t now_ms);
static void say_suppressed(int64_t now_ms, bool all);
static void write_line(enum lt_diag_level level,
                       const char *component,
                       const char *event,
                       const struct lt_diag_field *items,
                       unsigned count);
static void resolve_format(void);

void lt_diag_setup(enum lt_diag_level level_min, enum lt_diag_format format, int fd)
{
    (void)pthread_mutex_lock(&mutex); /* a default mutex, never destroyed: cannot fail */
    atomic_store(&level_wanted, (int)level_min);
    format_wanted = format;
    fd_out = fd;
    resolved = false;
    (void)pthread_mutex_unlock(&mutex);
}

void lt_diag_set_clock(const struct lt_clock *clock)
{
    (void)pthread_mutex_lock(&mutex);
    clock_now = clock;
    memset(slots, 0, sizeof(slots));
    suppressed_total = 0;
    (void)pthread_mutex_unlock(&mutex);
}

bool lt_diag_enabled(enum lt_diag_level level)
{
    return (int)level >= atomic_load_explicit(&level_wanted, memory_order_relaxed);
}

void lt_diag_line(enum lt_diag_level level,
                  const char *component,
                  const char *event,
                  const struct lt_diag_field *items,
                  unsigned count)
{
    if (!lt_diag_enabled(level)) {
        return;
    }
    (void)pthread_mutex_lock(&mutex);
    resolve_format();
    int64_t now_ms = lt_clock_mono_ms(clock_now);
    if (suppressed_total > 0) {
        say_suppressed(now_ms, false);
    }
    if (admit(level, component, event, now_ms)) {
        write_line(level, component, event, items, count);
    }
    (void)pthread_mutex_unlock(&mutex);
}

void lt_diag_flush(void)
{
    (void)pthread_mutex_lock(&mutex);
    resolve_format();
    say_suppressed(lt_clock_mono_ms(clock_now), true);
    (void)pthread_mutex_unlock(&mutex);
}

/* Late, so that lines before lt_diag_setup look right as well. */
static void resolve_format(void)
{
    if (clock_now == NULL) {
        clock_now = lt_clock_real();
    }
    if (resolved) {
        return;
    }
    bool automatic = format_wanted == LT_DIAG_AUTO;
    bool terminal = isatty(fd_out) == 1;
    format_now = format_wanted;
    if (automatic) {
        format_now = terminal ? LT_DIAG_TEXT : LT_DIAG_LOGFMT;
    }
    coloured = automatic && terminal;
    journal = automatic && !terminal && getenv("JOURNAL_STREAM") != NULL;
    resolved = true;
}

static bool slot_is(const struct slot *slot, const char *component, const char *event)
{
    return strncmp(slot->component, component, SLOT_NAME_MAX - 1) == 0 &&
           strncmp(slot->event, event, SLOT_NAME_MAX - 1) == 0;
}

static void write_suppressed(struct slot *slot)
{
    char sentence[64];
    (void)snprintf(sentence, sizeof(sentence), "suppressed %" PRId64 " similar", slot->suppressed);
    const struct lt_diag_field items[] = {{NULL, 0, sentence},
                                          {"suppressed", slot->suppressed, NULL}};
    write_line(slot->level, slot->component, slot->event, items, 2);
    suppressed_total -= slot->suppressed;
    slot->suppressed = 0;
}

static void say_suppressed(int64_t now_ms, bool all)
{
    for (unsigned i = 0; i < SLOT_COUNT && suppressed_total > 0; i++) {
        if (slots[i].suppressed > 0 && (all || now_ms - slots[i].since_ms >= WINDOW_MS)) {
            write_suppressed(&slots[i]);
        }
    }
}

/* May this line be written? Counts it either way. */
static bool
admit(enum lt_diag_level level, const char *component, const char *event, int64_t now_ms)
{
    struct slot *slot = NULL;
    struct slot *oldest = &slots[0];
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        if (slot_is(&slots[i], component, event)) {
            slot = &slots[i];
            break;
        }
        if (slots[i].since_ms < oldest->since_ms) {
            oldest = &slots[i];
        }
    }
    if (slot == NULL) {
        if (oldest->suppressed > 0) {
            write_suppressed(oldest);
        }
        slot = oldest;
        *slot = (struct slot){.since_ms = now_ms};
        (void)snprintf(slot->component, sizeof(slot->component), "%s", component);
        (void)snprintf(slot->event, sizeof(slot->event), "%s", event);
    }
    if (now_ms - slot->since_ms >= WINDOW_MS) {
        slot->since_ms = now_ms;
        slot->written = 0;
    }
    slot->level = level;
    if (slot->written < LT_DIAG_BURST) {
        slot->written++;
        return true;
    }
    slot->suppressed++;
    suppressed_total++;
    return false;
}

/* ---- formatting ---- */

static void line_add(struct line *line, const char *text, size_t size)
{
    if (line->overflow ||
        size > sizeof(line->text) - 1 - line->size) { /* one byte stays for the newline */
        line->overflow = true;
        return;
    }
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void line_text(struct line *line, const char *text)
{
    line_add(line, text, strlen(text));
}

static void line_printf(struct line *line, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void line_printf(struct line *line, const char *fmt, ...)
{
    char text[64];
    va_list args;
    va_start(args, fmt);
    int size = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (size > 0) {
        line_add(line, text, (size_t)size < sizeof(text) ? (size_t)size : sizeof(text) - 1);
    }
}

/* Size of the valid UTF-8 sequence at `text` (1 to 4), or 0. Control characters do not count as
 * valid. */
static size_t utf8_size(const uint8_t *text, size_t left)
{
    uint8_t first = text[0];
    if (first < 0x80) {
        return first >= 0x20 && first != 0x7f ? 1 : 0;
    }
    size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || size > left) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xc0U) != 0x80U) {
            return 0;
        }
    }
    if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f) ||
        (first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f)) {
        return 0; /* too long a form, a surrogate, or beyond U+10FFFF */
    }
    if (first == 0xc2 && text[1] < 0xa0) {
        return 0; /* C1 control characters drive terminals too */
    }
    return size;
}

/* At most `size_max` bytes of `text`; what could break the line or drive a terminal is escaped. */
static void line_escaped(struct line *line, const char *text, size_t size_max, bool quoted)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t left = strnlen(text, size_max);
    while (left > 0) {
        size_t size = utf8_size(bytes, left);
        if (quoted && (bytes[0] == '"' || bytes[0] == '\\')) {
            line_printf(line, "\\%c", bytes[0]);
        } else if (size > 0) {
            line_add(line, (const char *)bytes, size);
        } else if (bytes[0] == '\n') {
            line_text(line, "\\n");
        } else if (bytes[0] == '\t') {
            line_text(line, "\\t");
        } else {
            line_printf(line, "\\u%04x",
                        bytes[0]); /* JSON knows this form; an invalid byte shows as its value */
        }
        size = size == 0 ? 1 : size;
        bytes += size;
        left -= size;
    }
}

static void line_quoted(struct line *line, const char *text, size_t size_max)
{
    line_text(line, "\"");
    line_escaped(line, text, size_max, true);
    line_text(line, "\"");
}

/* logfmt and text: quotes only where a reader would need them. */
static void line_value(struct line *line, const char *text, size_t size_max)
{
    bool plain = text[0] != '\0';
    for (const char *c = text; *c != '\0' && plain; c++) {
        plain = *c > ' ' && *c != '"' && *c != '=' && *c != '\\' && *c != 0x7f;
    }
    if (plain) {
        line_escaped(line, text, size_max, true);
    } else {
        line_quoted(line, text, size_max);
    }
}

static void line_time(struct line *line)
{
    int64_t now_ms = lt_clock_wall_ms(clock_now);
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL) {
        memset(&tm, 0, sizeof(tm)); /* a year beyond int; the line matters more */
    }
    line_printf(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(now_ms % 1000));
}

static void line_field(struct line *line, const struct lt_diag_field *field)
{
    size_t before = line->size;
    if (format_now == LT_DIAG_JSON) {
        line_text(line, ",");
        line_quoted(line, field->name, SLOT_NAME_MAX);
        line_text(line, ":");
    } else {
        line_printf(line, " %s=", field->name);
    }
    if (field->text == NULL) {
        line_printf(line, "%" PRId64, field->number);
    } else if (format_now == LT_DIAG_JSON) {
        line_quoted(line, field->text, FIELD_TEXT_MAX);
    } else {
        line_value(line, field->text, FIELD_TEXT_MAX);
    }
    if (line->overflow || line->size > sizeof(line->text) - 2) { /* room for "}" and the newline */
        line->size = before;
        line->overflow = false;
    }
}

static const char *level_name(enum lt_diag_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    return names[level];
}

static void line_head(struct line *line,
                      enum lt_diag_level level,
                      const char *component,
                      const char *event,
                      const char *sentence)
{
    static const int priority[] = {7, 6, 4, 3}; /* syslog(3) */
    static const char *const colour[] = {"\033[2m", "\033[32m", "\033[33m", "\033[31m"};
    if (journal) {
        line_printf(line, "<%d>", priority[level]);
    }
    switch (format_now) {
    case LT_DIAG_JSON:
        line_text(line, "{\"ts\":\"");
        line_time(line);
        line_printf(line, "\",\"level\":\"%s\",\"component\":", level_name(level));
        line_quoted(line, component, SLOT_NAME_MAX);
        line_text(line, ",\"event\":");
        line_quoted(line, event, SLOT_NAME_MAX);
        line_text(line, ",\"msg\":");
        line_quoted(line, sentence, LT_DIAG_SENTENCE);
        break;
    case LT_DIAG_TEXT:
        line_time(line);
        line_printf(line, " %s%-5s%s ", coloured ? colour[level] : "", level_name(level),
                    coloured ? "\033[0m" : "");
        line_printf(line, "%s: ", component);
        line_escaped(line, sentence, LT_DIAG_SENTENCE, false);
        line_printf(line, " (%s)", event);
        break;
    case LT_DIAG_LOGFMT:
    case LT_DIAG_AUTO:
        line_text(line, "ts=");
        line_time(line);
        line_printf(line, " level=%s", level_name(level));
        line_printf(line, " component=%s", component);
        line_printf(line, " event=%s msg=", event);
        line_quoted(line, sentence, LT_DIAG_SENTENCE);
        break;
    }
}

static void write_line(enum lt_diag_level level,
                       const char *component,
                       const char *event,
                       const struct lt_diag_field *items,
                       unsigned count)
{
    struct line line;
    line.size = 0;
    line.overflow = false;
    line_head(&line, level, component, event, items[0].text == NULL ? "" : items[0].text);
    for (unsigned i = 1; i < count; i++) {
        line_field(&line, &items[i]);
    }
    if (format_now == LT_DIAG_JSON) {
        line_text(&line, "}");
    }
    line.text[line.size++] = '\n'; /* line_add keeps a byte for it */
    (void)lt_os_write(fd_out, line.text,
                      line.size); /* nowhere left to report that the report is lost */
}
