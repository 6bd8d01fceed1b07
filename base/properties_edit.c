/* properties_edit.c: see properties_edit.h. The text is walked by entries; an edit replaces one stretch of bytes. */
#include "base/properties_edit.h"

#include <stdbool.h>
#include <string.h>

/* One logical line: bytes [from, to) with its newline. */
struct entry {
    size_t from, to;
    const char *key; /* in the text; NULL: blank, comment or section */
    size_t key_size;
    const char *section; /* in the text when the line is "[section]", else NULL */
    size_t section_size;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\f' || c == '\r';
}

/* The line at `at` without blanks around it. */
static struct lt_slice line_at(const struct lt_buf *text, size_t at, size_t *ret_next)
{
    const char *data = (const char *)text->data;
    const char *end = memchr(data + at, '\n', text->size - at);
    size_t stop = end == NULL ? text->size : (size_t)(end - data);
    *ret_next = stop + (end != NULL);
    while (at < stop && is_blank(data[at])) {
        at++;
    }
    while (stop > at && data[stop - 1] == '\r') {
        stop--;
    }
    return lt_slice(data + at, stop - at);
}

static bool continues(struct lt_slice line)
{
    size_t count = 0;
    while (count < line.size && line.data[line.size - 1 - count] == '\\') {
        count++;
    }
    return count % 2 == 1;
}

/* The entry at `at`; false at the end of the text. */
static bool next_entry(const struct lt_buf *text, size_t at, struct entry *ret)
{
    if (at >= text->size) {
        return false;
    }
    *ret = (struct entry){.from = at};
    struct lt_slice line = line_at(text, at, &ret->to);
    const char *data = (const char *)line.data;
    if (line.size == 0 || *data == '#' || *data == '!') {
        return true;
    }
    if (*data == '[') {
        const char *end = memchr(data, ']', line.size);
        ret->section = data + 1;
        ret->section_size = end == NULL ? line.size - 1 : (size_t)(end - data - 1);
        return true;
    }
    ret->key = data;
    while (ret->key_size < line.size && data[ret->key_size] != '=' && data[ret->key_size] != ':') {
        ret->key_size++;
    }
    while (ret->key_size > 0 && is_blank(data[ret->key_size - 1])) {
        ret->key_size--;
    }
    while (continues(line) && ret->to < text->size) {
        line = line_at(text, ret->to, &ret->to);
    }
    return true;
}

static bool same(const char *text, size_t size, const char *name)
{
    return text != NULL && strlen(name) == size && memcmp(text, name, size) == 0;
}

struct place {
    bool found;         /* the entry */
    bool section_found; /* always for "" */
    size_t from, to;    /* of the entry; if not found: where it goes */
};

static struct place find(const struct lt_buf *text, const char *section, const char *key)
{
    struct place place = {.section_found = *section == '\0'};
    bool inside = *section == '\0';
    struct entry entry;
    for (size_t at = 0; next_entry(text, at, &entry); at = entry.to) {
        if (entry.section != NULL) {
            inside = same(entry.section, entry.section_size, section);
            place.section_found = place.section_found || inside;
        }
        if (inside && (entry.key != NULL || entry.section != NULL)) {
            place.from = place.to = entry.to;
        }
        if (inside && key != NULL && same(entry.key, entry.key_size, key)) {
            return (struct place){true, true, entry.from, entry.to};
        }
    }
    return place;
}

/* Bytes [from, to) become `fresh`. */
static int replace(struct lt_buf *text, size_t from, size_t to, const struct lt_buf *fresh)
{
    size_t size = text->size - (to - from) + fresh->size;
    int err = size > text->size ? lt_buf_reserve(text, size - text->size) : 0;
    if (err != 0) {
        return err;
    }
    if (text->size > to) {
        memmove(text->data + from + fresh->size, text->data + to, text->size - to);
    }
    if (fresh->size > 0) {
        memcpy(text->data + from, fresh->data, fresh->size);
    }
    text->size = size;
    return 0;
}

static int append_value(struct lt_buf *line, const char *value)
{
    int err = 0;
    size_t size = strlen(value);
    for (size_t i = 0; err == 0 && i < size; i++) {
        char c = value[i];
        bool edge = c == ' ' && (i == 0 || i + 1 == size);
        if (c == '\n' || c == '\r' || c == '\t') {
            err = lt_buf_printf(line, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        } else if (c == '\\' || edge) {
            err = lt_buf_printf(line, "\\%c", c);
        } else {
            err = lt_buf_append(line, &c, 1);
        }
    }
    return err;
}

/* Does the text before `at` lack its newline? */
static bool open_line(const struct lt_buf *text, size_t at)
{
    return at > 0 && text->data[at - 1] != '\n';
}

int lt_properties_set(struct lt_buf *text, const char *section, const char *key, const char *value)
{
    struct lt_buf line = {0};
    struct place place = find(text, section, key);
    int err = 0;
    if (!place.section_found) {
        place.from = place.to = text->size;
        err = lt_buf_printf(&line, "%s%s[%s]\n", open_line(text, text->size) ? "\n" : "",
                            text->size > 0 ? "\n" : "", section);
    } else if (open_line(text, place.from)) {
        err = lt_buf_append_text(&line, "\n");
    }
    if (err == 0) {
        err = lt_buf_printf(&line, "%s = ", key);
    }
    if (err == 0) {
        err = append_value(&line, value);
    }
    if (err == 0) {
        /* The first entry of the top level is kept apart from the section below it. */
        bool apart = !place.found && place.to == 0 && text->size > 0 && text->data[0] == '[';
        err = lt_buf_append_text(&line, apart ? "\n\n" : "\n");
    }
    if (err == 0) {
        err = replace(text, place.from, place.to, &line);
    }
    lt_buf_release(&line);
    return err;
}

int lt_properties_unset(struct lt_buf *text, const char *section, const char *key)
{
    const struct lt_buf nothing = {0};
    struct place place = find(text, section, key);
    return place.found ? replace(text, place.from, place.to, &nothing) : 0;
}

int lt_properties_add_section(struct lt_buf *text, const char *section)
{
    struct lt_buf line = {0};
    if (find(text, section, NULL).section_found) {
        return 0;
    }
    int err = lt_buf_printf(&line, "%s%s[%s]\n", open_line(text, text->size) ? "\n" : "",
                            text->size > 0 ? "\n" : "", section);
    if (err == 0) {
        err = replace(text, text->size, text->size, &line);
    }
    lt_buf_release(&line);
    return err;
}

int lt_properties_remove_section(struct lt_buf *text, const char *section)
{
    const struct lt_buf nothing = {0};
    struct entry entry;
    size_t at = 0;
    while (next_entry(text, at, &entry)) {
        if (!same(entry.section, entry.section_size, section)) {
            at = entry.to;
            continue;
        }
        size_t end = entry.to;
        while (next_entry(text, end, &entry) && entry.section == NULL) {
            end = entry.to;
        }
        int err = replace(text, at, end, &nothing);
        if (err != 0) {
            return err;
        }
        while (at == text->size && at > 1 && text->data[at - 1] == '\n' &&
               text->data[at - 2] == '\n') {
            text->size = --at; /* the blank line in front of it */
        }
    }
    return 0;
}
