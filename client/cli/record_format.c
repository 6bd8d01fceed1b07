/* record_format.c: see record_format.h. A parsed format is a list of parts; %h{...} holds a list of its own. */
#include "client/cli/record_format.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "client/cli/encode.h"
#include "client/cli/offset_expr.h"

enum part_kind { PART_LITERAL, PART_TEXT, PART_NUMBER, PART_TIME, PART_HEADERS, PART_ATTRIBUTE };
enum text_mode { MODE_PLAIN, MODE_HEX, MODE_BASE64, MODE_JSON, MODE_UNPACK };

struct part {
    enum part_kind kind;
    char verb; /* which text or number */
    enum text_mode mode;
    int number_bytes; /* 0: decimal */
    bool little;
    char *literal; /* PART_LITERAL; time format; unpack pattern; attribute name */
    size_t literal_size;
    struct cli_record_format *inner; /* PART_HEADERS */
};

struct cli_record_format {
    struct part *parts;
    size_t count;
};

struct parser {
    const char *whole; /* the text as given, for messages */
    const char *next;
    bool in_headers;
};

/* What the verbs read. In %h{...} the key and value are the header's. */
struct source {
    const struct leat_record *rec;
    int64_t number;
    struct lt_slice key, value;
};

static int parse_list(struct parser *p, struct cli_record_format **ret, struct leat_error **reterr);
static int
write_list(const struct cli_record_format *format, const struct source *source, struct lt_buf *out);

int cli_record_format_parse(const char *text,
                            struct cli_record_format **ret,
                            struct leat_error **reterr)
{
    struct parser p = {text, text, false};
    return parse_list(&p, ret, reterr);
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

int cli_record_format_write(const struct cli_record_format *format,
                            const struct leat_record *rec,
                            int64_t number,
                            struct lt_buf *out)
{
    struct source source = {.rec = rec, .number = number};
    size_t size;
    const void *data = leat_record_key(rec, &size);
    source.key = lt_slice(data, size);
    data = leat_record_value(rec, &size);
    source.value = lt_slice(data, size);
    return write_list(format, &source, out);
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
    char c = *p->next;
    unsigned value;
    switch (c) {
    case 't':
        *ret_byte = '\t';
        break;
    case 'n':
        *ret_byte = '\n';
        break;
    case 'r':
        *ret_byte = '\r';
        break;
    case '\\':
        *ret_byte = '\\';
        break;
    case 'x':
        if (!isxdigit((unsigned char)p->next[1]) || !isxdigit((unsigned char)p->next[2]) ||
            sscanf(p->next + 1, "%2x", &value) != 1) {
            return refuse(p, at, reterr, "want two hex digits after \\x");
        }
        *ret_byte = (char)(unsigned char)value;
        p->next += 2;
        break;
    default:
        return refuse(p, at, reterr, "escapes are \\t \\n \\r \\\\ \\xNN");
    }
    p->next++;
    return 0;
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
        bool little;
    } modes[] = {{"big8", 1, false},    {"big16", 2, false},   {"big32", 4, false},
                 {"big64", 8, false},   {"ascii", 0, false},   {"byte", 1, false},
                 {"little16", 2, true}, {"little32", 4, true}, {"little64", 8, true}};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(part->literal, modes[i].name) == 0) {
            part->number_bytes = modes[i].bytes;
            part->little = modes[i].little;
            return 0;
        }
    }
    return refuse(p, at, reterr,
                  "numbers take big16, big32, big64, little16, little32 or little64");
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
    static const char *const names[] = {"compression", "timestamp-type", "transactional"};
    if (*p->next != '{') {
        return refuse(p, at, reterr, "%a needs a name: %a{compression}");
    }
    int err = take_braces(p, &part->literal, reterr);
    for (size_t i = 0; err == 0 && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(part->literal, names[i]) == 0) {
            return 0;
        }
    }
    return err != 0 ? err
                    : refuse(p, at, reterr,
                             "attributes are compression, timestamp-type and transactional");
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
        *part = (struct part){.kind = PART_NUMBER, .verb = 'V', .number_bytes = 4};
        return 0;
    }
    if (verb == 'a') {
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

/* ---- write ---- */

static int64_t length(struct lt_slice bytes)
{
    return bytes.data == NULL ? -1 : (int64_t)bytes.size;
}

static int64_t number_of(const struct source *s, char verb)
{
    int32_t partition;
    const char *topic = leat_record_topic(s->rec, &partition);
    switch (verb) {
    case 'T':
        return (int64_t)strlen(topic);
    case 'K':
        return length(s->key);
    case 'V':
        return length(s->value);
    case 'p':
        return partition;
    case 'o':
        return leat_record_offset(s->rec);
    case 'e':
        return leat_record_info(s->rec, LEAT_RECORD_LEADER_EPOCH);
    case 'i':
        return s->number;
    case 'x':
        return leat_record_info(s->rec, LEAT_RECORD_PRODUCER_ID);
    case 'y':
        return leat_record_info(s->rec, LEAT_RECORD_PRODUCER_EPOCH);
    case 'H':
        return (int64_t)leat_record_header_count(s->rec);
    case '[':
        return leat_record_info(s->rec, LEAT_RECORD_LOG_START);
    case '|':
        return leat_record_info(s->rec, LEAT_RECORD_LAST_STABLE);
    default:
        return leat_record_info(s->rec, LEAT_RECORD_HIGH_WATERMARK);
    }
}

static int write_number(const struct part *part, int64_t value, struct lt_buf *out)
{
    if (part->number_bytes == 0) {
        return lt_buf_printf(out, "%" PRId64, value);
    }
    uint8_t bytes[8];
    for (int i = 0; i < part->number_bytes; i++) {
        int place = part->little ? i : part->number_bytes - 1 - i;
        bytes[place] = (uint8_t)((uint64_t)value >> (8 * i));
    }
    return lt_buf_append(out, bytes, (size_t)part->number_bytes);
}

static int write_text(const struct part *part, struct lt_slice text, struct lt_buf *out)
{
    switch (part->mode) {
    case MODE_HEX:
        return cli_encode_hex(text, out);
    case MODE_BASE64:
        return cli_encode_base64(text, out);
    case MODE_JSON:
        return cli_encode_json(text, out);
    case MODE_UNPACK:
        return cli_unpack(part->literal, text, out);
    case MODE_PLAIN:
        break;
    }
    return lt_buf_append(out, text.data, text.size);
}

static int write_time(const struct part *part, int64_t timestamp_ms, struct lt_buf *out)
{
    char text[256];
    if (part->literal == NULL || strcmp(part->literal, "ms") == 0) {
        return lt_buf_printf(out, "%" PRId64, timestamp_ms);
    }
    if (part->mode != MODE_UNPACK) {
        return lt_buf_append_text(out, cli_time_format(timestamp_ms, text, sizeof(text)));
    }
    time_t seconds = (time_t)(timestamp_ms / 1000);
    struct tm tm;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
    "-Wformat-nonliteral" /* the pattern is the user's; the size bounds it */
    size_t size =
        gmtime_r(&seconds, &tm) == NULL ? 0 : strftime(text, sizeof(text), part->literal, &tm);
#pragma GCC diagnostic pop
    return lt_buf_append(out, text, size);
}

static int
write_attribute(const struct part *part, const struct leat_record *rec, struct lt_buf *out)
{
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    if (part->literal[0] == 'c') {
        int64_t codec = leat_record_info(rec, LEAT_RECORD_CODEC);
        return lt_buf_append_text(out, codec >= 0 && codec < 5 ? codecs[codec] : "unknown");
    }
    if (strcmp(part->literal, "transactional") == 0) {
        return lt_buf_append_text(
            out, leat_record_info(rec, LEAT_RECORD_TRANSACTIONAL) == 1 ? "true" : "false");
    }
    return lt_buf_append_text(out, leat_record_info(rec, LEAT_RECORD_TIMESTAMP_TYPE) == 1
                                       ? "LogAppendTime"
                                       : "CreateTime");
}

static int write_headers(const struct part *part, const struct source *source, struct lt_buf *out)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < leat_record_header_count(source->rec); i++) {
        struct source header = *source;
        const char *name;
        size_t size;
        const void *value = leat_record_header_at(source->rec, i, &name, &size);
        header.key = lt_slice_text(name);
        header.value = lt_slice(value, size);
        err = write_list(part->inner, &header, out);
    }
    return err;
}

static int write_part(const struct part *part, const struct source *s, struct lt_buf *out)
{
    switch (part->kind) {
    case PART_LITERAL:
        return lt_buf_append(out, part->literal, part->literal_size);
    case PART_NUMBER:
        return write_number(part, number_of(s, part->verb), out);
    case PART_TIME:
        return write_time(part, leat_record_timestamp(s->rec), out);
    case PART_ATTRIBUTE:
        return write_attribute(part, s->rec, out);
    case PART_HEADERS:
        return write_headers(part, s, out);
    case PART_TEXT:
        break;
    }
    struct lt_slice text = part->verb == 'k'   ? s->key
                           : part->verb == 'v' ? s->value
                                               : lt_slice_text(leat_record_topic(s->rec, NULL));
    return write_text(part, text, out);
}

static int
write_list(const struct cli_record_format *format, const struct source *source, struct lt_buf *out)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < format->count; i++) {
        err = write_part(&format->parts[i], source, out);
    }
    return err;
}
