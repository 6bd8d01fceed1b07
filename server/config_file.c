/* config_file.c: reading .properties files. See config_file.h.
 *
 *   bytes -> physical lines -> logical lines (comments dropped, continuations joined) -> key and value (escapes) ->
 *   include, or an entry after ${...} was replaced */
#include "server/config_file.h"

#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"

#define FILE_SIZE_MAX ((size_t)16 << 20)
#define INCLUDE_DEPTH_MAX 8

struct reading {
    struct srv_config_notes *notes;
    struct srv_config_file *file;
    char *const *environ_list;
    int depth;
};

static int read_file(struct reading *r, const char *path, const char *asked_by, int asked_line);
static int read_lines(struct reading *r, const char *path, const char *text, size_t size);
static int take_line(struct reading *r, const char *path, int line, const char *text, size_t size);
static int include(struct reading *r, const char *path, int line, const char *pattern);
static int add_entry(struct reading *r, const struct srv_config_entry *entry);

int srv_config_file_read(const char *path,
                         char *const *environ_list,
                         struct srv_config_notes *notes,
                         struct srv_config_file *ret)
{
    struct reading reading = {.notes = notes, .file = ret, .environ_list = environ_list};
    return read_file(&reading, path, "", 0);
}

void srv_config_note_add(struct srv_config_notes *notes, bool error, const char *file, int line, const char *fmt, ...)
{
    if (notes->count == notes->capacity) {
        size_t capacity = notes->capacity == 0 ? 16 : notes->capacity * 2;
        struct srv_config_note *more = lt_arena_calloc(notes->arena, capacity, sizeof(*more));
        if (more == NULL) {
            notes->out_of_memory = true;
            return;
        }
        if (notes->count > 0) {
            memcpy(more, notes->notes, notes->count * sizeof(*more));
        }
        notes->notes = more;
        notes->capacity = capacity;
    }
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args); /* a longer sentence is cut */
    va_end(args);
    const char *copy = lt_arena_strdup(notes->arena, text);
    if (copy == NULL) {
        notes->out_of_memory = true;
        return;
    }
    notes->notes[notes->count++] = (struct srv_config_note){error, file, line, copy};
}

const char *srv_environ_get(char *const *environ_list, const char *name)
{
    size_t size = strlen(name);
    for (; environ_list != NULL && *environ_list != NULL; environ_list++) {
        if (strncmp(*environ_list, name, size) == 0 && (*environ_list)[size] == '=') {
            return *environ_list + size + 1;
        }
    }
    return NULL;
}

/* ---- ${...} ---- */

/* The text that ${kind:name} stands for; NULL with a note. */
static const char *reference(const char *kind,
                             const char *name,
                             char *const *environ_list,
                             struct srv_config_notes *notes,
                             const char *file,
                             int line)
{
    if (strcmp(kind, "env") == 0) {
        const char *value = srv_environ_get(environ_list, name);
        if (value == NULL) {
            srv_config_note_add(notes, true, file, line, "${env:%s}: no such environment variable", name);
        }
        return value;
    }
    struct lt_buf buf = {0};
    const char *text = NULL;
    int err = lt_os_read_file(name, 1 << 20, &buf);
    if (err != 0) {
        srv_config_note_add(notes, true, file, line, "${file:%s}: %s", name, strerror(errno));
    } else {
        while (buf.size > 0 && (buf.data[buf.size - 1] == '\n' || buf.data[buf.size - 1] == '\r')) {
            buf.size--;
        }
        text = lt_arena_strndup(notes->arena, buf.data == NULL ? "" : (const char *)buf.data, buf.size);
    }
    lt_buf_release(&buf);
    return text;
}

const char *srv_config_expand(const char *value,
                              char *const *environ_list,
                              struct srv_config_notes *notes,
                              const char *file,
                              int line)
{
    const char *result = "";
    for (;;) {
        const char *open = strstr(value, "${");
        const char *close = open == NULL ? NULL : strchr(open, '}');
        bool is_file = open != NULL && strncmp(open, "${file:", 7) == 0;
        bool is_env = open != NULL && strncmp(open, "${env:", 6) == 0;
        if (close == NULL) {
            return *result == '\0' ? value : lt_arena_printf(notes->arena, "%s%s", result, value);
        }
        if (!is_file && !is_env) { /* not ours: stays as it is */
            result = lt_arena_printf(notes->arena, "%s%.*s", result, (int)(close + 1 - value), value);
        } else {
            const char *from = open + (is_file ? 7 : 6);
            const char *name = lt_arena_strndup(notes->arena, from, (size_t)(close - from));
            const char *text =
                name == NULL ? NULL : reference(is_file ? "file" : "env", name, environ_list, notes, file, line);
            if (text == NULL) {
                return NULL;
            }
            result = lt_arena_printf(notes->arena, "%s%.*s%s", result, (int)(open - value), value, text);
        }
        if (result == NULL) {
            notes->out_of_memory = true;
            return NULL;
        }
        value = close + 1;
    }
}

/* ---- files and lines ---- */

/* The first byte that is not part of well-formed UTF-8 (or is NUL), or size. */
static size_t utf8_bad(const uint8_t *text, size_t size)
{
    size_t i = 0;
    while (i < size) {
        uint8_t c = text[i];
        size_t more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : 9;
        if (c == 0 || more == 9 || more >= size - i) {
            return i;
        }
        for (size_t k = 1; k <= more; k++) {
            if ((text[i + k] & 0xc0) != 0x80) {
                return i;
            }
        }
        i += more + 1;
    }
    return size;
}

static int line_at(const char *text, size_t position)
{
    int line = 1;
    for (size_t i = 0; i < position; i++) {
        line += text[i] == '\n';
    }
    return line;
}

static int read_file(struct reading *r, const char *path, const char *asked_by, int asked_line)
{
    const char *name = lt_arena_strdup(r->notes->arena, path);
    if (name == NULL) {
        return LEAT_ENOMEM;
    }
    struct lt_buf buf = {0};
    int err = lt_os_read_file(path, FILE_SIZE_MAX, &buf);
    if (err != 0) {
        const char *why = err == LEAT_E2BIG ? "larger than 16 MiB" : strerror(errno);
        lt_buf_release(&buf);
        srv_config_note_add(r->notes, true, *asked_by == '\0' ? name : asked_by, asked_line, "cannot read %s: %s", path, why);
        return err == LEAT_ENOMEM ? err : 0;
    }
    const char *text = buf.data == NULL ? "" : (const char *)buf.data;
    size_t bad = utf8_bad((const uint8_t *)text, buf.size);
    if (bad < buf.size) {
        srv_config_note_add(r->notes, true, name, line_at(text, bad), "not UTF-8 text (byte 0x%02x)", (uint8_t)text[bad]);
        err = 0;
    } else {
        err = read_lines(r, name, text, buf.size);
    }
    lt_buf_release(&buf);
    return err;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

/* Join continued lines and hand each logical line on. */
static int read_lines(struct reading *r, const char *path, const char *text, size_t size)
{
    struct lt_buf line = {0};
    int number = 0;
    int first = 0;
    bool continued = false;
    int err = 0;
    for (size_t at = 0; err == 0 && at < size;) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t next = end == NULL ? size : (size_t)(end - text) + 1;
        size_t stop = end == NULL ? size : (size_t)(end - text);
        stop -= stop > at && text[stop - 1] == '\r';
        number++;
        while (at < stop && is_blank(text[at])) {
            at++;
        }
        if (!continued) {
            first = number;
            line.size = 0;
            if (at == stop || text[at] == '#' || text[at] == '!') {
                at = next;
                continue;
            }
        }
        size_t slashes = 0;
        while (slashes < stop - at && text[stop - 1 - slashes] == '\\') {
            slashes++;
        }
        continued = slashes % 2 == 1;
        err = lt_buf_append(&line, text + at, stop - at - (continued ? 1 : 0));
        if (err == 0 && !continued) {
            err = take_line(r, path, first, line.data == NULL ? "" : (const char *)line.data, line.size);
        }
        at = next;
    }
    if (err == 0 && continued) { /* the file ends with a backslash */
        err = take_line(r, path, first, (const char *)line.data, line.size);
    }
    lt_buf_release(&line);
    return err;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* \uXXXX at `text` (behind the u) as UTF-8; the size written, 0 when it is not four hexadecimal digits. Surrogate pairs
 * are left to people who write UTF-8. */
static size_t unescape_unicode(const char *text, size_t size, char *ret)
{
    unsigned code = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = i < size ? hex_digit(text[i]) : -1;
        if (digit < 0) {
            return 0;
        }
        code = code * 16 + (unsigned)digit;
    }
    if (code == 0 || (code >= 0xd800 && code < 0xe000)) {
        return 0;
    }
    if (code < 0x80) {
        ret[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        ret[0] = (char)(0xc0 | (code >> 6));
        ret[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    ret[0] = (char)(0xe0 | (code >> 12));
    ret[1] = (char)(0x80 | ((code >> 6) & 0x3f));
    ret[2] = (char)(0x80 | (code & 0x3f));
    return 3;
}

/* Copy with escapes resolved; NULL with a note for a bad \u, or without memory. */
static const char *unescape(struct reading *r, const char *path, int line, const char *text, size_t size)
{
    char *copy = lt_arena_alloc(r->notes->arena, size + 1);
    if (copy == NULL) {
        r->notes->out_of_memory = true;
        return NULL;
    }
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] != '\\' || i + 1 == size) {
            copy[used++] = text[i];
            continue;
        }
        i++;
        switch (text[i]) {
        case 't':
            copy[used++] = '\t';
            break;
        case 'n':
            copy[used++] = '\n';
            break;
        case 'r':
            copy[used++] = '\r';
            break;
        case 'f':
            copy[used++] = '\f';
            break;
        case 'u': {
            size_t written = unescape_unicode(text + i + 1, size - i - 1, copy + used);
            if (written == 0) {
                srv_config_note_add(r->notes, true, path, line, "\\u needs four hexadecimal digits of a character");
                return NULL;
            }
            used += written;
            i += 4;
            break;
        }
        default:
            copy[used++] = text[i];
        }
    }
    copy[used] = '\0';
    return copy;
}

static int take_line(struct reading *r, const char *path, int line, const char *text, size_t size)
{
    size_t key_end = 0;
    while (key_end < size && text[key_end] != '=' && text[key_end] != ':') {
        key_end += text[key_end] == '\\' && key_end + 1 < size ? 2 : 1;
    }
    if (key_end >= size) {
        srv_config_note_add(r->notes, true, path, line, text[0] == '[' ? "sections are not allowed here" : "not `key = value`");
        return 0;
    }
    size_t value_at = key_end + 1;
    while (value_at < size && is_blank(text[value_at])) {
        value_at++;
    }
    size_t value_end = size; /* Java keeps blanks at the end; nobody means them */
    while (value_end > value_at && is_blank(text[value_end - 1])) {
        value_end--;
    }
    while (key_end > 0 && is_blank(text[key_end - 1])) {
        key_end--;
    }
    if (key_end == 0) {
        srv_config_note_add(r->notes, true, path, line, "no key in front of `%c`", text[value_at - 1]);
        return 0;
    }
    struct srv_config_entry entry = {.file = path, .line = line};
    entry.key = unescape(r, path, line, text, key_end);
    entry.value = entry.key == NULL ? NULL : unescape(r, path, line, text + value_at, value_end - value_at);
    if (entry.value == NULL) {
        return r->notes->out_of_memory ? LEAT_ENOMEM : 0;
    }
    entry.value = srv_config_expand(entry.value, r->environ_list, r->notes, path, line);
    if (entry.value == NULL) {
        return r->notes->out_of_memory ? LEAT_ENOMEM : 0;
    }
    return strcmp(entry.key, "include") == 0 ? include(r, path, line, entry.value) : add_entry(r, &entry);
}

static int include(struct reading *r, const char *path, int line, const char *pattern)
{
    if (r->depth == INCLUDE_DEPTH_MAX) {
        srv_config_note_add(r->notes, true, path, line, "include: more than %d files deep", INCLUDE_DEPTH_MAX);
        return 0;
    }
    const char *slash = strrchr(path, '/');
    if (pattern[0] != '/' && slash != NULL) {
        pattern = lt_arena_printf(r->notes->arena, "%.*s/%s", (int)(slash - path), path, pattern);
    }
    if (pattern == NULL) {
        return LEAT_ENOMEM;
    }
    glob_t found;
    int rc = glob(pattern, 0, NULL, &found);
    if (rc != 0) {
        if (rc == GLOB_NOMATCH && strpbrk(pattern, "*?[") != NULL) {
            return 0; /* an empty conf.d */
        }
        srv_config_note_add(r->notes, true, path, line, "include: cannot read %s", pattern);
        return rc == GLOB_NOSPACE ? LEAT_ENOMEM : 0;
    }
    int err = 0;
    r->depth++;
    for (size_t i = 0; err == 0 && i < found.gl_pathc; i++) {
        err = read_file(r, found.gl_pathv[i], path, line);
    }
    r->depth--;
    globfree(&found);
    return err;
}

static int add_entry(struct reading *r, const struct srv_config_entry *entry)
{
    struct srv_config_file *file = r->file;
    for (size_t i = 0; i < file->count; i++) {
        if (strcmp(file->entries[i].key, entry->key) == 0) {
            srv_config_note_add(r->notes,
                                true,
                                entry->file,
                                entry->line,
                                "%s is set twice: first at %s:%d",
                                entry->key,
                                file->entries[i].file,
                                file->entries[i].line);
            return 0;
        }
    }
    if (file->count == file->capacity) {
        size_t capacity = file->capacity == 0 ? 32 : file->capacity * 2;
        struct srv_config_entry *more = lt_arena_calloc(r->notes->arena, capacity, sizeof(*more));
        if (more == NULL) {
            return LEAT_ENOMEM;
        }
        if (file->count > 0) {
            memcpy(more, file->entries, file->count * sizeof(*more));
        }
        file->entries = more;
        file->capacity = capacity;
    }
    file->entries[file->count++] = *entry;
    return 0;
}
