/* properties.c: see properties.h.
 *
 * A file is cut into logical lines (continuations joined, still escaped), each line into key and value, then escapes and
 * ${...} are resolved. Entries and their texts live in one arena. */
#include "base/properties.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/os.h"

#define FILE_SIZE_MAX ((size_t)1 << 20)
#define INCLUDE_DEPTH_MAX 8
#define DISTANCE_SIZE_MAX 64

struct lt_properties {
    struct lt_arena arena;
    struct lt_property *entries;
    size_t count;
    size_t capacity;
    const char **sections;
    size_t section_count;
    size_t section_capacity;
};

struct parser {
    struct lt_properties *props;
    struct leat_error **reterr;
    const char *file;    /* in the arena */
    const char *section; /* in the arena */
    unsigned flags;
    int depth;
    int line; /* of the logical line that is worked on */
};

static int parse_file(struct parser *p, const char *path);
static int parse_text(struct parser *p, const char *text, size_t size);
static int parse_line(struct parser *p, const char *line, size_t size);
static int add_entry(struct parser *p, const char *key, const char *value);
static int include_files(struct parser *p, const char *pattern);

int lt_properties_load(const char *path,
                       unsigned flags,
                       struct lt_properties **ret_props,
                       struct leat_error **reterr)
{
    struct lt_properties *props = lt_calloc(1, sizeof(*props));
    struct parser parser = {.props = props, .reterr = reterr, .section = "", .flags = flags};
    int err;

    if (props == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "%s: out of memory", path);
    }
    lt_arena_init(&props->arena, 0);
    err = parse_file(&parser, path);
    if (err < 0) {
        lt_properties_free(props);
        return err;
    }
    *ret_props = props;
    return 0;
}

void lt_properties_free(struct lt_properties *props)
{
    if (props == NULL) {
        return;
    }
    lt_arena_release(&props->arena);
    lt_free(props->entries);
    lt_free(props->sections);
    lt_free(props);
}

size_t lt_properties_count(const struct lt_properties *props)
{
    return props->count;
}

const struct lt_property *lt_properties_at(const struct lt_properties *props, size_t i)
{
    return i < props->count ? &props->entries[i] : NULL;
}

size_t lt_properties_section_count(const struct lt_properties *props)
{
    return props->section_count;
}

const char *lt_properties_section_at(const struct lt_properties *props, size_t i)
{
    return i < props->section_count ? props->sections[i] : NULL;
}

static const struct lt_property *
find(const struct lt_properties *props, const char *section, const char *key)
{
    for (size_t i = 0; i < props->count; i++) {
        const struct lt_property *entry = &props->entries[i];

        if (strcmp(entry->section, section) == 0 && strcmp(entry->key, key) == 0) {
            return entry;
        }
    }
    return NULL;
}

const char *
lt_properties_get(const struct lt_properties *props, const char *section, const char *key)
{
    const struct lt_property *entry = find(props, section, key);

    return entry == NULL ? NULL : entry->value;
}

static int no_memory(struct parser *p)
{
    return lt_error_set(p->reterr, LEAT_ENOMEM, "%s:%d: out of memory", p->file, p->line);
}

static int parse_file(struct parser *p, const char *path)
{
    struct lt_buf text = {0};
    const char *outer_file = p->file;
    int outer_line = p->line;
    int err;

    p->file = lt_arena_strdup(&p->props->arena, path);
    if (p->file == NULL) {
        return lt_error_set(p->reterr, LEAT_ENOMEM, "%s: out of memory", path);
    }
    err = lt_os_read_file(path, FILE_SIZE_MAX, &text);
    if (err == LEAT_ENOENT || err == LEAT_EIO) {
        (void)lt_error_set_errno(p->reterr, err, errno, "%s: cannot read", path);
    } else if (err < 0) {
        (void)lt_error_set(p->reterr, err, "%s: %s", path, lt_err_text(err));
    } else {
        err = parse_text(p, (const char *)text.data, text.size);
    }
    lt_buf_release(&text);
    p->file = outer_file;
    p->line = outer_line;
    return err;
}

/* Does the line end with an odd number of backslashes? */
static bool continues(const char *line, size_t size)
{
    size_t count = 0;

    while (count < size && line[size - 1 - count] == '\\') {
        count++;
    }
    return count % 2 == 1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

static int parse_text(struct parser *p, const char *text, size_t size)
{
    struct lt_buf joined = {0};
    size_t at = 0;
    int line_number = 0;
    int err = 0;

    if (size > 0 && memchr(text, '\0', size) != NULL) {
        return lt_error_set(p->reterr, LEAT_ECONFIG, "%s:1: not a text file", p->file);
    }
    while (at < size && err == 0) {
        bool more = true;

        joined.size = 0;
        p->line = line_number + 1;
        while (more && at < size && err == 0) {
            const char *line = text + at;
            const char *newline = memchr(line, '\n', size - at);
            size_t line_size = newline == NULL ? size - at : (size_t)(newline - line);

            at += line_size + (newline != NULL);
            line_number++;
            if (line_size > 0 && line[line_size - 1] == '\r') {
                line_size--;
            }
            while (line_size > 0 && is_blank(*line)) {
                line++;
                line_size--;
            }
            /* A comment never continues, as in Java. */
            more = !(joined.size == 0 && line_size > 0 && (*line == '#' || *line == '!')) &&
                   continues(line, line_size);
            err = lt_buf_append(&joined, line, line_size - more);
        }
        if (err < 0) {
            err = no_memory(p);
        } else {
            err = parse_line(p, (const char *)joined.data, joined.size);
        }
    }
    lt_buf_release(&joined);
    return err;
}

static int note_section(struct parser *p)
{
    struct lt_properties *props = p->props;

    for (size_t i = 0; i < props->section_count; i++) {
        if (strcmp(props->sections[i], p->section) == 0) {
            return 0;
        }
    }
    if (props->section_count == props->section_capacity) {
        size_t capacity = props->section_capacity == 0 ? 8 : props->section_capacity * 2;
        void *sections = lt_reallocarray(props->sections, capacity, sizeof(props->sections[0]));

        if (sections == NULL) {
            return no_memory(p);
        }
        props->sections = sections;
        props->section_capacity = capacity;
    }
    props->sections[props->section_count++] = p->section;
    return 0;
}

static int begin_section(struct parser *p, const char *line, size_t size)
{
    if ((p->flags & LT_PROPERTIES_SECTIONS) == 0) {
        return lt_error_set(p->reterr, LEAT_ECONFIG, "%s:%d: sections are for profile files only",
                            p->file, p->line);
    }
    while (size > 0 && is_blank(line[size - 1])) {
        size--;
    }
    if (size < 3 || line[size - 1] != ']') {
        return lt_error_set(p->reterr, LEAT_ECONFIG, "%s:%d: a section looks like [name]", p->file,
                            p->line);
    }
    p->section = lt_arena_strndup(&p->props->arena, line + 1, size - 2);
    return p->section == NULL ? no_memory(p) : note_section(p);
}

static int append_utf8(struct lt_buf *out, unsigned code)
{
    char bytes[3];
    size_t size = 0;

    if (code < 0x80) {
        bytes[size++] = (char)code;
    } else if (code < 0x800) {
        bytes[size++] = (char)(0xc0 | code >> 6);
        bytes[size++] = (char)(0x80 | (code & 0x3f));
    } else {
        bytes[size++] = (char)(0xe0 | code >> 12);
        bytes[size++] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[size++] = (char)(0x80 | (code & 0x3f));
    }
    return lt_buf_append(out, bytes, size);
}

/* One escape at text[0] == '\\'; *ret_used is what it took. */
static int unescape(const char *text, size_t size, struct lt_buf *out, size_t *ret_used)
{
    static const char from[] = "tnrf";
    static const char to[] = "\t\n\r\f";
    const char *known;

    *ret_used = 2;
    if (size < 2) {
        *ret_used = 1;
        return 0;
    }
    if (text[1] == 'u' && size >= 6 && isxdigit((unsigned char)text[2]) &&
        isxdigit((unsigned char)text[3]) && isxdigit((unsigned char)text[4]) &&
        isxdigit((unsigned char)text[5])) {
        char digits[5] = {text[2], text[3], text[4], text[5], '\0'};

        *ret_used = 6;
        return append_utf8(out, (unsigned)strtoul(digits, NULL, 16));
    }
    known = strchr(from, text[1]);
    return lt_buf_append(out, known == NULL ? text + 1 : to + (known - from), 1);
}

/* ${env:NAME} or ${file:PATH}; text begins behind the "${". */
static int resolve(struct parser *p, const char *text, size_t size, struct lt_buf *out)
{
    char *name = lt_strndup(text, size);
    int err = 0;

    if (name == NULL) {
        return no_memory(p);
    }
    if (strncmp(name, "env:", 4) == 0) {
        const char *value = getenv(name + 4);

        if (value == NULL) {
            err = lt_error_set(p->reterr, LEAT_ECONFIG, "%s:%d: variable %s is not set", p->file,
                               p->line, name + 4);
        } else if (lt_buf_append_text(out, value) < 0) {
            err = no_memory(p);
        }
    } else if (strncmp(name, "file:", 5) == 0) {
        err = lt_os_read_file(name + 5, FILE_SIZE_MAX, out);
        if (err < 0) {
            err = lt_error_set(p->reterr, LEAT_ECONFIG, "%s:%d: %s: %s", p->file, p->line, name + 5,
                               lt_err_text(err));
        } else if (out->size > 0 && out->data[out->size - 1] == '\n') {
            out->size--;
        }
    } else {
        err = lt_error_set(p->reterr, LEAT_ECONFIG,
                           "%s:%d: ${%s} is neither ${env:NAME} nor ${file:PATH}", p->file, p->line,
                           name);
    }
    lt_free(name);
    return err;
}

/* Escapes and ${...} of a key or value into fresh text in the arena. */
static int expand(struct parser *p, const char *text, size_t size, const char **ret)
{
    struct lt_buf out = {0};
    size_t at = 0;
    int err = 0;

    while (at < size && err == 0) {
        const char *end;

        if (text[at] == '\\') {
            size_t used;

            err = unescape(text + at, size - at, &out, &used) < 0 ? no_memory(p) : 0;
            at += used;
        } else if (size - at > 2 && text[at] == '$' && text[at + 1] == '{' &&
                   (end = memchr(text + at, '}', size - at)) != NULL) {
            err = resolve(p, text + at + 2, (size_t)(end - text) - at - 2, &out);
            at = (size_t)(end - text) + 1;
        } else {
            err = lt_buf_append(&out, text + at, 1) < 0 ? no_memory(p) : 0;
            at++;
        }
    }
    if (err == 0) {
        *ret = lt_arena_strndup(&p->props->arena, out.size == 0 ? "" : (char *)out.data, out.size);
        err = *ret == NULL ? no_memory(p) : 0;
    }
    lt_buf_release(&out);
    return err;
}

static int parse_line(struct parser *p, const char *line, size_t size)
{
    const char *key = NULL;
    const char *value = NULL;
    size_t key_size = 0;
    size_t at;
    int err;

    while (size > 0 && is_blank(line[size - 1]) && !continues(line, size - 1)) {
        size--;
    }
    if (size == 0 || line[0] == '#' || line[0] == '!') {
        return 0;
    }
    if (line[0] == '[') {
        return begin_section(p, line, size);
    }
    while (key_size < size && line[key_size] != '=' && line[key_size] != ':') {
        key_size += line[key_size] == '\\' && key_size + 1 < size ? 2 : 1;
    }
    at = key_size + 1;
    if (key_size >= size) {
        return lt_error_set(p->reterr, LEAT_ECONFIG, "%s:%d: expected \"key = value\"", p->file,
                            p->line);
    }
    while (key_size > 0 && is_blank(line[key_size - 1])) {
        key_size--;
    }
    while (at < size && is_blank(line[at])) {
        at++;
    }
    if (key_size == 0) {
        return lt_error_set(p->reterr, LEAT_ECONFIG, "%s:%d: the key is missing", p->file, p->line);
    }
    err = expand(p, line, key_size, &key);
    if (err == 0) {
        err = expand(p, line + at, size - at, &value);
    }
    if (err < 0) {
        return err;
    }
    LT_ASSERT(key != NULL && value != NULL);
    return strcmp(key, "include") == 0 ? include_files(p, value) : add_entry(p, key, value);
}

static int add_entry(struct parser *p, const char *key, const char *value)
{
    struct lt_properties *props = p->props;
    const struct lt_property *earlier = find(props, p->section, key);

    if (earlier != NULL) {
        return lt_error_set(p->reterr, LEAT_ECONFIG, "%s:%d: %s was set before, at %s:%d", p->file,
                            p->line, key, earlier->file, earlier->line);
    }
    if (props->count == props->capacity) {
        size_t capacity = props->capacity == 0 ? 32 : props->capacity * 2;
        void *entries = lt_reallocarray(props->entries, capacity, sizeof(props->entries[0]));

        if (entries == NULL) {
            return no_memory(p);
        }
        props->entries = entries;
        props->capacity = capacity;
    }
    props->entries[props->count++] = (struct lt_property){
        .section = p->section, .key = key, .value = value, .file = p->file, .line = p->line};
    return 0;
}

static int include_files(struct parser *p, const char *pattern)
{
    const char *slash = strrchr(p->file, '/');
    char *path;
    glob_t found;
    int err = 0;

    if (p->depth == INCLUDE_DEPTH_MAX) {
        return lt_error_set(p->reterr, LEAT_ECONFIG, "%s:%d: more than %d levels of include",
                            p->file, p->line, INCLUDE_DEPTH_MAX);
    }
    if (pattern[0] == '/' || slash == NULL) {
        path = lt_strdup(pattern);
    } else {
        path = lt_asprintf("%.*s/%s", (int)(slash - p->file), p->file, pattern);
    }
    if (path == NULL) {
        return no_memory(p);
    }
    /* No match is no error only for patterns: conf.d may be empty, a named file must exist. */
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): without ~ it reads neither the environment nor the users */
    if (glob(path, GLOB_NOCHECK, NULL, &found) != 0) {
        err = lt_error_set(p->reterr, LEAT_EIO, "%s:%d: cannot search %s", p->file, p->line, path);
        lt_free(path);
        return err;
    }
    p->depth++;
    for (size_t i = 0; i < found.gl_pathc && err == 0; i++) {
        if (strpbrk(pattern, "*?[") == NULL || strcmp(found.gl_pathv[i], path) != 0) {
            err = parse_file(p, found.gl_pathv[i]);
        }
    }
    p->depth--;
    globfree(&found);
    lt_free(path);
    return err;
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

size_t lt_text_distance(const char *a, const char *b)
{
    /* Three rows of the table of distances between beginnings: before the last, last, this. */
    size_t rows[3][DISTANCE_SIZE_MAX + 1];
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);

    if (a_size > DISTANCE_SIZE_MAX || b_size > DISTANCE_SIZE_MAX) {
        return a_size > b_size ? a_size : b_size;
    }
    for (size_t j = 0; j <= b_size; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            row[j] = smallest(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                rows[(i + 1) % 3][j - 2] + 1 < row[j]) {
                row[j] = rows[(i + 1) % 3][j - 2] + 1;
            }
        }
    }
    return rows[a_size % 3][b_size];
}
