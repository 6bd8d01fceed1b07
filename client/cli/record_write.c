/* record_write.c: a record as text, by a parsed format (record_format.h). Runs for every record that is printed, so numbers
 * are put together here and not by printf, and nothing is allocated but the room in `out`. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/cli/encode.h"
#include "client/cli/offset_expr.h"
#include "client/cli/record_format_impl.h"

/* What the verbs read. In %h{...} the key and value are the header's. */
struct source {
    const struct leat_record *rec;
    int64_t number;
    struct lt_slice key, value;
};

static int
write_list(const struct cli_record_format *format, const struct source *source, struct lt_buf *out);

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
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[16];
    int count = part->number_bytes;
    switch (part->number_mode) {
    case NUMBER_BIG:
    case NUMBER_LITTLE:
        for (int i = 0; i < count; i++) {
            int place = part->number_mode == NUMBER_LITTLE ? i : count - 1 - i;
            bytes[place] = (uint8_t)((uint64_t)value >> (8 * i));
        }
        return lt_buf_append(out, bytes, (size_t)count);
    case NUMBER_HEX:
        count = count == 0 ? 1 : 2 * count;
        for (int i = 0; i < count; i++) {
            bytes[count - 1 - i] = (uint8_t)digits[(uint64_t)value >> (4 * i) & 15];
        }
        return lt_buf_append(out, bytes, (size_t)count);
    case NUMBER_DECIMAL:
    case NUMBER_FIXED:
        break;
    }
    return cli_encode_decimal(value, out);
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
        return cli_encode_decimal(timestamp_ms, out);
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

static const char *control_name(const struct leat_record *rec)
{
    static const char *const names[] = {"", "abort", "commit"};
    int64_t type = leat_record_info(rec, LEAT_RECORD_CONTROL);
    return type >= 0 && type < 2 ? names[type + 1] : type < 0 ? "" : "other";
}

static int
write_attribute(const struct part *part, const struct leat_record *rec, struct lt_buf *out)
{
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    if (strcmp(part->literal, "control") == 0) {
        return lt_buf_append_text(out, control_name(rec));
    }
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
