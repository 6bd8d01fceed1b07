/* encode.c: see encode.h. */
#include "client/cli/encode.h"

#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/alloc.h"
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

int cli_encode_json(struct lt_slice bytes, struct lt_buf *out)
{
    if (bytes.data == NULL) {
        return lt_buf_append_text(out, "null");
    }
    json_t *text = json_stringn((const char *)bytes.data, bytes.size);
    if (text == NULL) {
        int err = lt_buf_append_text(out, "\"");
        err = err == 0 ? cli_encode_base64(bytes, out) : err;
        return err == 0 ? lt_buf_append_text(out, "\"") : err;
    }
    char *dump = json_dumps(text, JSON_ENCODE_ANY);
    int err = dump == NULL ? LEAT_ENOMEM : lt_buf_append_text(out, dump);
    lt_free(dump); /* main gives jansson our allocator */
    json_decref(text);
    return err;
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
