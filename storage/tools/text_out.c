#include "storage/tools/text_out.h"

#include <inttypes.h>
#include <stdarg.h>

static size_t utf8_size(struct lt_slice text, size_t at);
static bool utf8_ok(struct lt_slice text);
static void json_string(struct log_out *out, struct lt_slice text);
static void base64(struct log_out *out, struct lt_slice bytes);
static void name_of(struct log_out *out, const char *name, const char *suffix);

/* The one place that does not look: an error stays in the FILE until the end. */
void log_out_print(struct log_out *out, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vfprintf(out->file, fmt, args);
    va_end(args);
}

void log_out_puts(struct log_out *out, const char *text)
{
    (void)fputs(text, out->file);
}

void log_out_begin(struct log_out *out, const char *type)
{
    log_out_puts(out, "{");
    out->first = true;
    log_out_text(out, "type", type);
}

void log_out_end(struct log_out *out)
{
    log_out_puts(out, "}\n");
}

void log_out_int(struct log_out *out, const char *name, int64_t value)
{
    name_of(out, name, "");
    log_out_print(out, "%" PRId64, value);
}

void log_out_bool(struct log_out *out, const char *name, bool value)
{
    name_of(out, name, "");
    log_out_puts(out, value ? "true" : "false");
}

void log_out_null(struct log_out *out, const char *name)
{
    name_of(out, name, "");
    log_out_puts(out, "null");
}

void log_out_text(struct log_out *out, const char *name, const char *value)
{
    log_out_bytes(out, name, lt_slice_text(value));
}

void log_out_bytes(struct log_out *out, const char *name, struct lt_slice value)
{
    if (value.data == NULL) {
        log_out_null(out, name);
        return;
    }
    if (utf8_ok(value)) {
        name_of(out, name, "");
        json_string(out, value);
        return;
    }
    name_of(out, name, "_base64");
    base64(out, value);
}

void log_out_array_open(struct log_out *out, const char *name)
{
    name_of(out, name, "");
    log_out_puts(out, "[");
    out->first = true;
}

void log_out_item_begin(struct log_out *out)
{
    log_out_puts(out, out->first ? "{" : ",{");
    out->first = true;
}

void log_out_item_end(struct log_out *out)
{
    log_out_puts(out, "}");
    out->first = false;
}

void log_out_array_close(struct log_out *out)
{
    log_out_puts(out, "]");
    out->first = false;
}

void log_out_escaped(struct log_out *out, struct lt_slice value)
{
    for (size_t at = 0; at < value.size;) {
        size_t size = utf8_size(value, at);
        uint8_t byte = value.data[at];
        /* C1 controls (U+0080 to U+009F) drive terminals too. */
        bool control =
            byte < 0x20 || byte == 0x7f || (size == 2 && byte == 0xc2 && value.data[at + 1] < 0xa0);
        if (byte == '\\') {
            log_out_puts(out, "\\\\");
        } else if (size > 0 && !control) {
            (void)fwrite(value.data + at, 1, size, out->file);
        } else {
            size = size > 0 ? size : 1;
            for (size_t i = 0; i < size; i++) {
                log_out_print(out, "\\x%02x", value.data[at + i]);
            }
        }
        at += size;
    }
}

static void name_of(struct log_out *out, const char *name, const char *suffix)
{
    log_out_print(out, "%s\"%s%s\":", out->first ? "" : ",", name, suffix);
    out->first = false;
}

/* Bytes of the UTF-8 character at `at`: 1 to 4, 0 if it is none (also surrogates and overlong forms). */
static size_t utf8_size(struct lt_slice text, size_t at)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t lead = text.data[at];
    if (lead < 0x80) {
        return 1;
    }
    size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || size > text.size - at) {
        return 0;
    }
    uint32_t code = lead & (0xffU >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if ((text.data[at + i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (text.data[at + i] & 0x3fU);
    }
    bool surrogate = code >= 0xd800 && code < 0xe000;
    return code < least[size] || code > 0x10ffff || surrogate ? 0 : size;
}

static bool utf8_ok(struct lt_slice text)
{
    for (size_t at = 0; at < text.size;) {
        size_t size = utf8_size(text, at);
        if (size == 0) {
            return false;
        }
        at += size;
    }
    return true;
}

static void json_string(struct log_out *out, struct lt_slice text)
{
    log_out_puts(out, "\"");
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte == '"' || byte == '\\') {
            log_out_print(out, "\\%c", byte);
        } else if (byte < 0x20 || byte == 0x7f) {
            log_out_print(out, "\\u%04x", byte);
        } else {
            (void)fputc(byte, out->file);
        }
    }
    log_out_puts(out, "\"");
}

static void base64(struct log_out *out, struct lt_slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    log_out_puts(out, "\"");
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        group |= left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0;
        group |= left > 2 ? bytes.data[i + 2] : 0;
        char text[5] = {digits[group >> 18 & 63], digits[group >> 12 & 63],
                        left > 1 ? digits[group >> 6 & 63] : '=',
                        left > 2 ? digits[group & 63] : '=', '\0'};
        log_out_puts(out, text);
    }
    log_out_puts(out, "\"");
}
