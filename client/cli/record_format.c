/* record_format.c: see record_format.h. A parsed format is a list of parts; %h{...} holds a list of its own. */
#include "client/cli/record_format.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "client/cli/encode.h"
#include "client/cli/record_format_impl.h"

#define FIXED_DIGITS_MAX 9 /* of %K{123} */

struct parser {
    const char *whole; /* the text as given, for messages */
    const char *next;
    bool in_headers;
    bool input; /* the format reads records */
};

static int parse_list(struct parser *p, struct cli_record_format **ret, struct leat_error **reterr);
static int check_input(const struct parser *p,
                       const struct cli_record_format *format,
                       bool inner,
                       struct leat_error **reterr);

int cli_record_format_parse(const char *text,
                            struct cli_record_format **ret,
                            struct leat_error **reterr)
{
    struct parser p = {text, text, false, false};
    return parse_list(&p, ret, reterr);
}

int cli_record_format_parse_input(const char *text,
                                  struct cli_record_format **ret,
                                  struct leat_error **reterr)
{
    struct parser p = {text, text, false, true};
    struct cli_record_format *format = NULL;
    int err = parse_list(&p, &format, reterr);
    if (err == 0) {
        err = check_input(&p, format, false, reterr);
    }
    if (err != 0) {
        cli_record_format_free(format);
        return err;
    }
    *ret = format;
    return 0;
}

void cli_record_format_free(struct cli_record_format *format)
{
    if (format == NULL) {
        return;
    }
    for (size_t i = 0; i < format->count; i++) {
        lt_free(format->parts[i].literal);
        cli_record_format_free(format->parts[i].inner);
    }
    lt_free(format->parts);
    lt_free(format);
}

/* ---- parse ---- */

static int
refuse(const struct parser *p, const char *at, struct leat_error **reterr, const char *what)
{
    return lt_error_set(reterr, LEAT_EINVAL,
                        "format, column %d, at '%.12s': %s; see 'leat help format'",
                        (int)(at - p->whole) + 1, at, what);
}

static struct part *add_part(struct cli_record_format *format)
{
    struct part *parts = lt_reallocarray(format->parts, format->count + 1, sizeof(*parts));
    if (parts == NULL) {
        return NULL;
    }
    format->parts = parts;
    parts[format->count] = (struct part){.kind = PART_LITERAL};
    return &parts[format->count++];
}

static int add_literal(struct cli_record_format *format, char byte)
{
    struct part *part = format->count > 0 ? &format->parts[format->count - 1] : NULL;
    if (part == NULL || part->kind != PART_LITERAL) {
        part = add_part(format);
    }
    char *literal = part == NULL ? NULL : lt_realloc(part->literal, part->literal_size + 1);
    if (literal == NULL) {
        return LEAT_ENOMEM;
    }
    part->literal = literal;
    literal[part->literal_size++] = byte;
    return 0;
}

static int parse_escape(struct parser *p, char *ret_byte, struct leat_error **reterr)
{
    const char *at = p->next++;
    return cli_decode_escape(&p->next, ret_byte)
               ? 0
               : refuse(p, at, reterr, "escapes are \\t \\n \\r \\\\ \\xNN");
}

/* The text between '{' and its '}' ("strftime[...]" and "unpack[...]" may hold braces inside the brackets). */
static int take_braces(struct parser *p, char **ret_text, struct leat_error **reterr)
{
    const char *start = p->next + 1;
    const char *end = start;
    bool brackets = false;
    for (; *end != '\0' && (*end != '}' || brackets); end++) {
        brackets = *end == '[' ? true : *end == ']' ? false : brackets;
    }
    if (*end == '\0') {
        return refuse(p, p->next, reterr, "the brace is not closed");
    }
    *ret_text = lt_strndup(start, (size_t)(end - start));
    p->next = end + 1;
    return *ret_text == NULL ? LEAT_ENOMEM : 0;
}

/* "name[argument]": cut to the argument in place. */
static bool take_argument(char *text, const char *name)
{
    size_t size = strlen(name);
    size_t whole = strlen(text);
    if (strncmp(text, name, size) != 0 || text[size] != '[' || text[whole - 1] != ']') {
        return false;
    }
    memmove(text, text + size + 1, whole - size - 2);
    text[whole - size - 2] = '\0';
    return true;
}

static int
set_text_mode(const struct parser *p, const char *at, struct part *part, struct leat_error **reterr)
{
    if (strcmp(part->literal, "hex") == 0) {
        part->mode = MODE_HEX;
    } else if (strcmp(part->literal, "base64") == 0) {
        part->mode = MODE_BASE64;
    } else if (strcmp(part->literal, "json") == 0) {
        part->mode = MODE_JSON;
    } else if (take_argument(part->literal, "unpack")) {
        part->mode = MODE_UNPACK;
        return cli_unpack_check(part->literal)
                   ? 0
                   : refuse(p, at, reterr, "unpack knows > < b B h H i I q Q s c . $");
    } else {
        return refuse(p, at, reterr, "texts take hex, base64, json or unpack[...]");
    }
    return 0;
}

static int set_number_mode(const struct parser *p,
                           const char *at,
                           struct part *part,
                           struct leat_error **reterr)
{
    static const struct {
        const char *name;
        int bytes;
        enum number_mode mode;
    } modes[] = {{"ascii", 0, NUMBER_DECIMAL},   {"number", 0, NUMBER_DECIMAL},
                 {"byte", 1, NUMBER_BIG},        {"big8", 1, NUMBER_BIG},
                 {"big16", 2, NUMBER_BIG},       {"big32", 4, NUMBER_BIG},
                 {"big64", 8, NUMBER_BIG},       {"little8", 1, NUMBER_LITTLE},
                 {"little16", 2, NUMBER_LITTLE}, {"little32", 4, NUMBER_LITTLE},
                 {"little64", 8, NUMBER_LITTLE}, {"hex4", 0, NUMBER_HEX},
                 {"hex8", 1, NUMBER_HEX},        {"hex16", 2, NUMBER_HEX},
                 {"hex32", 4, NUMBER_HEX},       {"hex64", 8, NUMBER_HEX}};
    const char *text = part->literal;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(text, modes[i].name) == 0) {
            part->number_bytes = modes[i].bytes;
            part->number_mode = modes[i].mode;
            return 0;
        }
    }
    if (p->input && *text != '\0' && strspn(text, "0123456789") == strlen(text) &&
        strlen(text) <= FIXED_DIGITS_MAX) {
        part->number_mode = NUMBER_FIXED;
        part->fixed = strtoll(text, NULL, 10);
        return 0;
    }
    return refuse(p, at, reterr,
                  "numbers take ascii, byte, big16, big32, big64, little16, little32, little64 or "
                  "hex4 to hex64");
}

static int
set_time_mode(const struct parser *p, const char *at, struct part *part, struct leat_error **reterr)
{
    if (strcmp(part->literal, "iso") == 0 || strcmp(part->literal, "ms") == 0) {
        return 0;
    }
    if (take_argument(part->literal, "strftime")) {
        part->mode = MODE_UNPACK; /* the literal is a pattern */
        return 0;
    }
    return refuse(p, at, reterr, "%d takes iso or strftime[...]");
}

static int
parse_attribute(struct parser *p, const char *at, struct part *part, struct leat_error **reterr)
{
    static const char *const names[] = {"compression", "timestamp-type", "transactional",
                                        "control"};
    if (*p->next != '{') {
        return refuse(p, at, reterr, "%a needs a name: %a{compression}");
    }
    int err = take_braces(p, &part->literal, reterr);
    for (size_t i = 0; err == 0 && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(part->literal, names[i]) == 0) {
            return 0;
        }
    }
    return err != 0
               ? err
               : refuse(p, at, reterr,
                        "attributes are compression, timestamp-type, transactional and control");
}

static int
parse_headers(struct parser *p, const char *at, struct part *part, struct leat_error **reterr)
{
    if (p->in_headers || *p->next != '{') {
        return refuse(p, at, reterr, "%h needs { ... } and cannot stand inside another");
    }
    p->next++;
    p->in_headers = true;
    int err = parse_list(p, &part->inner, reterr);
    p->in_headers = false;
    if (err == 0 && *p->next != '}') {
        return refuse(p, at, reterr, "the brace is not closed");
    }
    p->next += err == 0 ? 1 : 0;
    return err;
}

static int
parse_verb(struct parser *p, struct cli_record_format *format, struct leat_error **reterr)
{
    const char *at = p->next++;
    char verb = *p->next;
    if (verb == '%' || verb == '{' || verb == '}') {
        p->next++;
        return add_literal(format, verb);
    }
    struct part *part = add_part(format);
    if (part == NULL) {
        return LEAT_ENOMEM;
    }
    part->verb = verb == 's' ? 'v' : verb == 'S' ? 'V' : verb;
    p->next += verb == '\0' ? 0 : 1;
    if (verb == 'R') {
        *part = (struct part){
            .kind = PART_NUMBER, .verb = 'V', .number_bytes = 4, .number_mode = NUMBER_BIG};
        return 0;
    }
    if (verb == 'a' && !p->input) {
        part->kind = PART_ATTRIBUTE;
        return parse_attribute(p, at, part, reterr);
    }
    if (verb == 'h') {
        part->kind = PART_HEADERS;
        return parse_headers(p, at, part, reterr);
    }
    part->kind = verb == 'd' ? PART_TIME : strchr("tkvs", verb) != NULL ? PART_TEXT : PART_NUMBER;
    if (verb == '\0' || strchr("tTkKvVsSpoedixyH[|]", verb) == NULL) {
        return refuse(p, at, reterr, "no such verb");
    }
    if (p->input && strchr("i[|]", verb) != NULL) {
        return refuse(p, at, reterr, "this verb cannot be read, only printed");
    }
    if (*p->next != '{') {
        return 0;
    }
    int err = take_braces(p, &part->literal, reterr);
    if (err != 0) {
        return err;
    }
    return part->kind == PART_TIME   ? set_time_mode(p, at, part, reterr)
           : part->kind == PART_TEXT ? set_text_mode(p, at, part, reterr)
                                     : set_number_mode(p, at, part, reterr);
}

static int parse_list(struct parser *p, struct cli_record_format **ret, struct leat_error **reterr)
{
    struct cli_record_format *format = lt_calloc(1, sizeof(*format));
    int err = format == NULL ? LEAT_ENOMEM : 0;
    while (err == 0 && *p->next != '\0' && !(p->in_headers && *p->next == '}')) {
        char byte = *p->next;
        if (byte == '%') {
            err = parse_verb(p, format, reterr);
            continue;
        }
        if (byte == '\\') {
            err = parse_escape(p, &byte, reterr);
        } else {
            p->next++;
        }
        err = err == 0 ? add_literal(format, byte) : err;
    }
    if (err != 0) {
        cli_record_format_free(format);
        return err;
    }
    *ret = format;
    return 0;
}

/* ---- formats that read ---- */

static int refuse_whole(const struct parser *p, struct leat_error **reterr, const char *what)
{
    return lt_error_set(reterr, LEAT_EINVAL, "format '%s': %s; see 'leat help format'", p->whole,
                        what);
}

/* What a reader needs: every text ends at a literal, at a length that came before it, or at the end of all. */
static int check_input(const struct parser *p,
                       const struct cli_record_format *format,
                       bool inner,
                       struct leat_error **reterr)
{
    bool sized[128] = {false};
    bool any = false;
    for (size_t i = 0; i < format->count; i++) {
        const struct part *part = &format->parts[i];
        bool last = i + 1 == format->count;
        bool ends = last ? !inner : part[1].kind == PART_LITERAL;
        any = any || part->kind != PART_LITERAL;
        if (part->kind == PART_NUMBER) {
            sized[(unsigned char)part->verb] = true;
        }
        if (part->kind == PART_TEXT && part->mode == MODE_UNPACK) {
            return refuse_whole(p, reterr, "unpack cannot be read, only printed");
        }
        if (part->kind == PART_TEXT && !ends && !sized[toupper((unsigned char)part->verb)]) {
            return refuse_whole(p, reterr,
                                "a text needs what ends it: a delimiter behind it, or its length "
                                "before it (%K for %k, %V for %v, %T for %t)");
        }
        if (part->kind == PART_TIME && part->literal != NULL && !ends) {
            return refuse_whole(p, reterr, "a time needs a delimiter behind it");
        }
        if (part->kind == PART_HEADERS) {
            if (!sized['H']) {
                return refuse_whole(p, reterr, "%h needs the number of headers, %H, before it");
            }
            int err = check_input(p, part->inner, true, reterr);
            if (err != 0) {
                return err;
            }
        }
    }
    return any ? 0 : refuse_whole(p, reterr, "there is no verb in it");
}
