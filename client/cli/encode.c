/* encode.c: see encode.h. */
#include "client/cli/encode.h"

#include <inttypes.h>
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

#include "leat/err.h"

int cli_encode_hex(struct lt_slice bytes, struct lt_buf *out)
{
    static const char digits[] = "0123456789abcdef";
    int err = lt_buf_reserve(out, bytes.size * 2);
    for (size_t i = 0; err == 0 && i < bytes.size; i++) {
        out->data[out->size++] = (uint8_t)digits[bytes.data[i] >> 4];
        out->data[out->size++] = (uint8_t)digits[bytes.data[i] & 15];
    }
    return err;
}

int cli_encode_base64(struct lt_slice bytes, struct lt_buf *out)
{
    /* EVP_EncodeBlock takes an int and ends its text with a NUL. */
    int err =
        bytes.size > INT_MAX / 2 ? LEAT_E2BIG : lt_buf_reserve(out, (bytes.size + 2) / 3 * 4 + 1);
    if (err == 0) {
        out->size += (size_t)EVP_EncodeBlock(out->data + out->size, bytes.data, (int)bytes.size);
    }
    return err;
}

int cli_decode_base64(const char *text, struct lt_buf *out)
{
    size_t size = strlen(text);
    if (size % 4 != 0 || size > INT_MAX) {
        return LEAT_EINVAL;
    }
    int err = lt_buf_reserve(out, size / 4 * 3 + 1);
    int decoded = err != 0 || size == 0
                      ? 0
                      : EVP_DecodeBlock(out->data + out->size, (const uint8_t *)text, (int)size);
    if (err != 0 || decoded < 0) {
        return err != 0 ? err : LEAT_EINVAL;
    }
    /* The padding was decoded as zero bytes. */
    size_t padding =
        size > 0 && text[size - 1] == '=' ? 1U + (text[size - 2] == '=' ? 1U : 0U) : 0U;
    out->size += (size_t)decoded - padding;
    return 0;
}

int cli_encode_decimal(int64_t number, struct lt_buf *out)
{
    char digits[24];
    char *at = digits + sizeof(digits);
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (number < 0) {
        *--at = '-';
    }
    return lt_buf_append(out, at, (size_t)(digits + sizeof(digits) - at));
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

int cli_decode_hex(struct lt_slice text, struct lt_buf *out)
{
    int err = lt_buf_reserve(out, text.size / 2 + 1);
    for (size_t i = 0; err == 0 && i < text.size; i += 2) {
        int high = hex_digit(text.data[i]);
        int low = i + 1 < text.size ? hex_digit(text.data[i + 1]) : -1;
        if (high < 0 || low < 0) {
            return LEAT_EINVAL;
        }
        out->data[out->size++] = (uint8_t)(high << 4 | low);
    }
    return err;
}

bool cli_decode_escape(const char **text, char *ret_byte)
{
    static const char letters[] = "tnr\\", bytes[] = "\t\n\r\\";
    const char *at = *text;
    const char *letter = *at == '\0' ? NULL : strchr(letters, *at);
    if (letter != NULL) {
        *ret_byte = bytes[letter - letters];
        *text = at + 1;
        return true;
    }
    int high = *at == 'x' ? hex_digit((uint8_t)at[1]) : -1;
    int low = high < 0 ? -1 : hex_digit((uint8_t)at[2]);
    if (low < 0) {
        return false;
    }
    *ret_byte = (char)(high << 4 | low);
    *text = at + 3;
    return true;
}

/* Bytes of the character at `at`: 1 to 4, or 0 where it is no UTF-8 (too long, a surrogate, beyond U+10FFFF). */
static size_t utf8_size(const uint8_t *at, size_t left)
{
    uint8_t c = at[0];
    if (c < 0x80) {
        return 1;
    }
    size_t size = c >= 0xc2 && c < 0xe0   ? 2
                  : c >= 0xe0 && c < 0xf0 ? 3
                  : c >= 0xf0 && c < 0xf5 ? 4
                                          : 0;
    if (size == 0 || size > left) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool bad = (c == 0xe0 && at[1] < 0xa0) || (c == 0xed && at[1] >= 0xa0) ||
               (c == 0xf0 && at[1] < 0x90) || (c == 0xf4 && at[1] >= 0x90);
    return bad ? 0 : size;
}

bool cli_utf8_check(struct lt_slice bytes)
{
    size_t at = 0;
    while (at < bytes.size) {
        uint64_t eight;
        if (bytes.size - at >= sizeof(eight)) {
            memcpy(&eight, bytes.data + at, sizeof(eight));
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof(eight);
                continue;
            }
        }
        size_t size = utf8_size(bytes.data + at, bytes.size - at);
        if (size == 0) {
            return false;
        }
        at += size;
    }
    return true;
}

/* One character that cannot stand in a JSON string as it is. */
static int escape(uint8_t c, struct lt_buf *out)
{
    static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (const char *pair = letters; *pair != '\0'; pair += 2) {
        if ((uint8_t)*pair == c) {
            const char text[] = {'\\', pair[1]};
            return lt_buf_append(out, text, sizeof(text));
        }
    }
    return lt_buf_printf(out, "\\u%04x", c);
}

int cli_encode_json_text(struct lt_slice text, struct lt_buf *out)
{
    size_t from = 0;
    int err = lt_buf_reserve(out, text.size + 2);
    err = err == 0 ? lt_buf_append(out, "\"", 1) : err;
    for (size_t i = 0; err == 0 && i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        err = lt_buf_append(out, text.data + from, i - from);
        err = err == 0 ? escape(c, out) : err;
        from = i + 1;
    }
    err =
        err == 0 && from < text.size ? lt_buf_append(out, text.data + from, text.size - from) : err;
    return err == 0 ? lt_buf_append(out, "\"", 1) : err;
}

int cli_encode_json(struct lt_slice bytes, struct lt_buf *out)
{
    if (bytes.data == NULL) {
        return lt_buf_append_text(out, "null");
    }
    if (cli_utf8_check(bytes)) {
        return cli_encode_json_text(bytes, out);
    }
    int err = lt_buf_append(out, "\"", 1);
    err = err == 0 ? cli_encode_base64(bytes, out) : err;
    return err == 0 ? lt_buf_append(out, "\"", 1) : err;
}

bool cli_unpack_check(const char *pattern)
{
    return *pattern != '\0' && strspn(pattern, "><bBhHiIqQcs.$ ") == strlen(pattern);
}

static size_t width(char letter)
{
    switch (letter) {
    case 'b':
    case 'B':
    case 'c':
        return 1;
    case 'h':
    case 'H':
        return 2;
    case 'i':
    case 'I':
        return 4;
    case 'q':
    case 'Q':
        return 8;
    default:
        return 0;
    }
}

static int
unpack_number(char letter, bool little, const uint8_t *bytes, size_t size, struct lt_buf *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes[little ? size - 1 - i : i];
    }
    if (letter == 'c') {
        return lt_buf_append(out, bytes, 1);
    }
    if (letter >= 'a') {
        unsigned shift = (unsigned)(64 - 8 * size);
        return lt_buf_printf(out, "%" PRId64, (int64_t)(value << shift) >> shift);
    }
    return lt_buf_printf(out, "%" PRIu64, value);
}

int cli_unpack(const char *pattern, struct lt_slice bytes, struct lt_buf *out)
{
    bool little = false;
    size_t at = 0;
    int err = 0;
    bool first = true;
    for (; *pattern != '\0' && err == 0; pattern++) {
        size_t size = width(*pattern);
        if (*pattern == '>' || *pattern == '<') {
            little = *pattern == '<';
            continue;
        }
        if (*pattern == ' ') {
            continue;
        }
        if (*pattern == '$') {
            return at == bytes.size ? 0 : lt_buf_append_text(out, "<more>");
        }
        if (size > bytes.size - at) {
            return lt_buf_append_text(out, "<short>");
        }
        err = first ? 0 : lt_buf_append_text(out, " ");
        first = false;
        if (err == 0 && size == 0) {
            err = lt_buf_append(out, bytes.data + at, bytes.size - at);
            at = bytes.size;
        } else if (err == 0) {
            err = unpack_number(*pattern, little, bytes.data + at, size, out);
            at += size;
        }
    }
    return err;
}
