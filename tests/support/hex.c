/* hex.c: hexadecimal text to bytes. */
#include "tests/support/hex.h"

#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned digit(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    ck_assert(c >= 'a' && c <= 'f');
    return (unsigned)(c - 'a') + 10;
}

void test_hex_append(struct lt_buf *buf, const char *text)
{
    while (*text != '\0') {
        if (isspace((unsigned char)*text)) {
            text++;
            continue;
        }
        uint8_t byte = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
        ck_assert_int_eq(lt_buf_append(buf, &byte, 1), 0);
        text += 2;
    }
}

static char *to_text(struct lt_slice bytes)
{
    char *text = calloc(bytes.size * 2 + 1, 1);
    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < bytes.size; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", bytes.data[i]);
    }
    return text;
}

void test_hex_assert_equal(struct lt_slice got, struct lt_slice want)
{
    if (got.size == want.size && (got.size == 0 || memcmp(got.data, want.data, got.size) == 0)) {
        return;
    }
    char *got_text = to_text(got);
    char *want_text = to_text(want);
    ck_assert_str_eq(got_text, want_text);
    free(got_text);
    free(want_text);
}
