/* record_read.c: text as a record, by a parsed format (record_format.h).
 *
 * One pass over the parts, each taking its bytes from the front: a literal must be there, a number says how long a later text
 * is, a text goes up to the literal behind it or as far as its number said. When the bytes end too early nothing is kept:
 * the caller comes again from the record's beginning with more of them. */
#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "client/cli/encode.h"
#include "client/cli/offset_expr.h"
#include "client/cli/record_format_impl.h"
#include "client/cli/record_json.h"

#define SIZE_NOT_GIVEN (-2)
#define DIGITS_MAX 20

/* One record while it is read. Inside %h{...} key and value are those of the header. */
struct reader {
    const uint8_t *data;
    size_t size, at;
    bool last; /* no more bytes will come */
    const struct part *part;
    int64_t topic_size, key_size, value_size; /* SIZE_NOT_GIVEN, -1 = null */
    int64_t header_count, partition, timestamp;
    struct lt_buf key, value;
    bool has_key, has_value;
    struct leat_record *rec;
    struct leat_error **reterr;
};

static int read_list(struct reader *r, const struct cli_record_format *format);

/* ---- what is there ---- */

static int wrong(const struct reader *r, const char *wanted)
{
    char found[24];
    size_t size = r->size - r->at < sizeof(found) - 1 ? r->size - r->at : sizeof(found) - 1;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = r->data[r->at + i];
        found[i] = c >= 0x20 && c < 0x7f ? (char)c : '.';
    }
    found[size] = '\0';
    return lt_error_set(r->reterr, LEAT_EINVAL, "byte %zu: want %s, found '%s'", r->at, wanted,
                        found);
}

/* LEAT_EAGAIN: more bytes are needed; with none to come the record is cut short. */
static int too_short(const struct reader *r, const char *wanted)
{
    return r->last ? lt_error_set(r->reterr, LEAT_EINVAL,
                                  "the input ends after %zu bytes of the record, inside %s",
                                  r->size, wanted)
                   : LEAT_EAGAIN;
}

static int read_literal(struct reader *r, const struct part *part, bool final)
{
    size_t left = r->size - r->at;
    size_t size = left < part->literal_size ? left : part->literal_size;
    if (memcmp(r->data + r->at, part->literal, size) != 0) {
        char wanted[48];
        (void)snprintf(wanted, sizeof(wanted), "'%.*s' of the format", /* cut is fine */
                       part->literal_size > 16 ? 16 : (int)part->literal_size, part->literal);
        return wrong(r, wanted);
    }
    if (size < part->literal_size && !(final && r->last)) {
        return too_short(r, "a delimiter");
    }
    r->at += size;
    return 0;
}

/* The bytes up to the literal behind `part`, or all that is left when none follows. */
static int
up_to_literal(struct reader *r, const struct part *part, bool final, struct lt_slice *ret)
{
    const uint8_t *from = r->data + r->at;
    size_t left = r->size - r->at;
    if (final) {
        *ret = lt_slice(from, left);
        r->at = r->size;
        return r->last ? 0 : LEAT_EAGAIN;
    }
    const uint8_t *end = memmem(from, left, part[1].literal, part[1].literal_size);
    if (end == NULL) {
        if (!r->last || r->part != &part[1]) {
            return too_short(r, "a text without its delimiter");
        }
        end = from + left; /* the last line without its newline */
    }
    *ret = lt_slice(from, (size_t)(end - from));
    r->at += ret->size;
    return 0;
}

static int sized_text(
    struct reader *r, const struct part *part, bool final, int64_t size, struct lt_slice *ret)
{
    if (size == SIZE_NOT_GIVEN) {
        return up_to_literal(r, part, final, ret);
    }
    if (size < 0) {
        *ret = LT_SLICE_NULL;
        return 0;
    }
    if ((uint64_t)size > r->size - r->at) {
        return too_short(r, "a text of the length that was given");
    }
    *ret = lt_slice(r->data + r->at, (size_t)size);
    r->at += (size_t)size;
    return 0;
}

/* ---- numbers and times ---- */

static int read_digits(struct reader *r, int64_t *ret)
{
    size_t at = r->at;
    bool minus = at < r->size && r->data[at] == '-';
    int64_t value = 0;
    at += minus ? 1 : 0;
    size_t first = at;
    for (; at < r->size && isdigit(r->data[at]) != 0 && at - first < DIGITS_MAX; at++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, r->data[at] - '0', &value)) {
            return wrong(r, "a smaller number");
        }
    }
    if (at == r->size && !r->last) {
        return LEAT_EAGAIN;
    }
    if (at == first) {
        return wrong(r, "a number");
    }
    r->at = at;
    *ret = minus ? -value : value;
    return 0;
}

/* -1 is null in every width. */
static int64_t sign_extend(uint64_t value, size_t bits)
{
    bool negative = bits > 0 && bits < 64 && (value >> (bits - 1) & 1) != 0;
    return (int64_t)(negative ? value | UINT64_MAX << bits : value);
}

static int read_bytes_number(struct reader *r, const struct part *part, int64_t *ret)
{
    size_t size = (size_t)part->number_bytes;
    uint64_t value = 0;
    if (size > r->size - r->at) {
        return too_short(r, "a number");
    }
    for (size_t i = 0; i < size; i++) {
        size_t place = part->number_mode == NUMBER_LITTLE ? size - 1 - i : i;
        value = value << 8 | r->data[r->at + place];
    }
    r->at += size;
    *ret = sign_extend(value, 8 * size);
    return 0;
}

static int read_hex_number(struct reader *r, const struct part *part, int64_t *ret)
{
    size_t digits = part->number_bytes == 0 ? 1 : 2 * (size_t)part->number_bytes;
    uint64_t value = 0;
    if (digits > r->size - r->at) {
        return too_short(r, "a number");
    }
    for (size_t i = 0; i < digits; i++) {
        uint8_t c = (uint8_t)tolower(r->data[r->at + i]);
        if (isxdigit(c) == 0) {
            return wrong(r, "hex digits");
        }
        value = value << 4 | (uint64_t)(isdigit(c) != 0 ? c - '0' : c - 'a' + 10);
    }
    r->at += digits;
    *ret = sign_extend(value, 4 * digits);
    return 0;
}

static int read_number(struct reader *r, const struct part *part)
{
    int64_t value = part->fixed;
    int err = part->number_mode == NUMBER_DECIMAL ? read_digits(r, &value)
              : part->number_mode == NUMBER_HEX   ? read_hex_number(r, part, &value)
              : part->number_mode == NUMBER_FIXED ? 0
                                                  : read_bytes_number(r, part, &value);
    if (err != 0) {
        return err;
    }
    switch (part->verb) {
    case 'T':
        r->topic_size = value;
        break;
    case 'K':
        r->key_size = value;
        break;
    case 'V':
        r->value_size = value;
        break;
    case 'H':
        r->header_count = value;
        break;
    case 'p':
        r->partition = value;
        break;
    default: /* offset, epochs, producer: a new record gets its own */
        return 0;
    }
    bool length = part->verb != 'p';
    return value < -1 || (length && value > INT32_MAX) ? wrong(r, "a length behind the last number")
                                                       : 0;
}

static int read_time(struct reader *r, const struct part *part, bool final)
{
    struct lt_slice text;
    struct cli_point point;
    char copy[64] = "@";
    if (part->literal == NULL || strcmp(part->literal, "ms") == 0) {
        return read_digits(r, &r->timestamp);
    }
    int err = up_to_literal(r, part, final, &text);
    if (err != 0) {
        return err;
    }
    if (text.size == 0 || text.size > sizeof(copy) - 2) {
        return wrong(r, "a time");
    }
    memcpy(copy + 1, text.data, text.size);
    copy[text.size + 1] = '\0';
    if (part->mode != MODE_UNPACK) {
        err = cli_point_parse(copy, 0, false, &point, r->reterr);
        r->timestamp = point.value;
        return err;
    }
    struct tm tm = {.tm_mday = 1};
    const char *end = strptime(copy + 1, part->literal, &tm);
    if (end == NULL || *end != '\0') {
        return wrong(r, "a time as strftime says");
    }
    r->timestamp = (int64_t)timegm(&tm) * 1000;
    return 0;
}

/* ---- texts and headers ---- */

/* A JSON string stands for its characters, null for null, other values for their own text. */
static int decode_json(struct reader *r, struct lt_slice text, struct lt_buf *out, bool *ret_null)
{
    json_t *json =
        json_loadb((const char *)text.data, text.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    int err;
    if (json == NULL) {
        return wrong(r, "JSON before this");
    }
    *ret_null = json_is_null(json);
    err = json_is_string(json)
              ? lt_buf_append(out, json_string_value(json), json_string_length(json))
              : lt_buf_append(out, text.data, text.size);
    json_decref(json);
    return err;
}

static int decode(struct reader *r,
                  const struct part *part,
                  struct lt_slice text,
                  struct lt_buf *out,
                  bool *ret_has)
{
    bool null = text.data == NULL;
    int err = lt_buf_reserve(out, 1); /* so that an empty text is not null */
    out->size = 0;
    if (err == 0 && !null) {
        struct lt_buf base64 = {0};
        switch (part->mode) {
        case MODE_HEX:
            err = cli_decode_hex(text, out);
            break;
        case MODE_BASE64:
            err = lt_buf_append(&base64, text.data, text.size);
            err = err == 0 && lt_buf_text(&base64) == NULL ? LEAT_ENOMEM : err;
            err = err == 0 ? cli_decode_base64((const char *)base64.data, out) : err;
            lt_buf_release(&base64);
            break;
        case MODE_JSON:
            err = decode_json(r, text, out, &null);
            break;
        case MODE_PLAIN:
        case MODE_UNPACK: /* refused when the format was parsed */
            err = lt_buf_append(out, text.data, text.size);
            break;
        }
        if (err == LEAT_EINVAL && part->mode != MODE_JSON) {
            return wrong(r,
                         part->mode == MODE_HEX ? "hex digits before this" : "base64 before this");
        }
    }
    *ret_has = !null;
    return err;
}

static int read_text(struct reader *r, const struct part *part, bool final)
{
    struct lt_slice text = LT_SLICE_NULL;
    int64_t size = part->verb == 'k'   ? r->key_size
                   : part->verb == 'v' ? r->value_size
                                       : r->topic_size;
    int err = sized_text(r, part, final, size, &text);
    if (err != 0 || part->verb == 't') {
        return err; /* the topic is the command line's */
    }
    return part->verb == 'k' ? decode(r, part, text, &r->key, &r->has_key)
                             : decode(r, part, text, &r->value, &r->has_value);
}

static int read_header(struct reader *r, const struct part *part)
{
    r->key_size = SIZE_NOT_GIVEN;
    r->value_size = SIZE_NOT_GIVEN;
    r->has_key = false;
    r->has_value = false;
    int err = read_list(r, part->inner);
    const char *name = err == 0 && r->has_key ? lt_buf_text(&r->key) : NULL;
    if (err == 0 && (name == NULL || strlen(name) != r->key.size)) {
        return wrong(r, "a header with a name before this");
    }
    return err != 0       ? err
           : r->has_value ? leat_record_add_header(r->rec, name, r->value.data, r->value.size)
                          : leat_record_add_header(r->rec, name, NULL, 0);
}

/* The record's own key and value may stand before or behind its headers: they are kept aside meanwhile. */
static int read_headers(struct reader *r, const struct part *part)
{
    struct reader own = *r;
    int err = 0;
    r->key = (struct lt_buf){0};
    r->value = (struct lt_buf){0};
    for (int64_t i = 0; err == 0 && i < own.header_count; i++) {
        err = read_header(r, part);
    }
    lt_buf_release(&r->key);
    lt_buf_release(&r->value);
    own.at = r->at;
    own.timestamp = r->timestamp;
    *r = own;
    return err;
}

static int read_list(struct reader *r, const struct cli_record_format *format)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < format->count; i++) {
        const struct part *part = &format->parts[i];
        bool final = i + 1 == format->count;
        switch (part->kind) {
        case PART_LITERAL:
            err = read_literal(r, part, part == r->part);
            break;
        case PART_NUMBER:
            err = read_number(r, part);
            break;
        case PART_TIME:
            err = read_time(r, part, final);
            break;
        case PART_HEADERS:
            err = read_headers(r, part);
            break;
        case PART_TEXT:
            err = read_text(r, part, final);
            break;
        case PART_ATTRIBUTE: /* refused when the format was parsed */
            break;
        }
    }
    return err;
}

static int fill(const struct reader *r, const char *topic, int32_t partition)
{
    int32_t own = r->partition > INT32_MAX ? -2 : (int32_t)r->partition;
    int err = leat_record_set_topic(r->rec, topic,
                                    partition == CLI_PARTITION_OF_RECORD ? own : partition);
    if (err == LEAT_EINVAL) {
        return lt_error_set(r->reterr, err, "'%s' is no topic name, or %" PRId64 " no partition",
                            topic, r->partition);
    }
    if (err == 0 && r->has_key) {
        err = leat_record_set_key(r->rec, r->key.data, r->key.size);
    }
    if (err == 0 && r->has_value) {
        err = leat_record_set_value(r->rec, r->value.data, r->value.size);
    }
    leat_record_set_timestamp(r->rec, r->timestamp);
    return err;
}

int cli_record_format_read(const struct cli_record_format *format,
                           struct lt_slice data,
                           bool last,
                           const char *topic,
                           int32_t partition,
                           struct leat_record *rec,
                           size_t *ret_used,
                           struct leat_error **reterr)
{
    struct reader r = {.data = data.data,
                       .size = data.size,
                       .last = last,
                       .part = &format->parts[format->count - 1],
                       .topic_size = SIZE_NOT_GIVEN,
                       .key_size = SIZE_NOT_GIVEN,
                       .value_size = SIZE_NOT_GIVEN,
                       .partition = -1,
                       .timestamp = -1,
                       .rec = rec,
                       .reterr = reterr};
    leat_record_clear(rec);
    int err = read_list(&r, format);
    err = err == 0 ? fill(&r, topic, partition) : err;
    lt_buf_release(&r.key);
    lt_buf_release(&r.value);
    if (err == LEAT_EAGAIN) {
        *ret_used = 0;
        return 0;
    }
    if (err == 0 && r.at == 0) {
        return lt_error_set(reterr, LEAT_EINVAL, "the format takes nothing from the input");
    }
    *ret_used = err == 0 ? r.at : 0;
    return err;
}
