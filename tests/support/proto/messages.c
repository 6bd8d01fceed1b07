/* messages.c: how values are printed and made up; which fields a message has stands in the generated table. */
#include "tests/support/proto/messages.h"

#include <check.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static void append(struct lt_buf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void append(struct lt_buf *out, const char *fmt, ...)
{
    char text[128];
    va_list args;

    va_start(args, fmt);
    int size = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (size >= (int)sizeof(text) || lt_buf_append(out, text, (size_t)size) != 0) {
        ck_abort_msg("cannot append"); /* not ck_assert, which costs a write to a pipe */
    }
}

const struct test_message *test_message_find(const char *name)
{
    for (size_t i = 0; i < test_message_count; i++) {
        if (strcmp(test_messages[i].name, name) == 0) {
            return &test_messages[i];
        }
    }
    return NULL;
}

void test_dump_open(struct lt_buf *out, char bracket)
{
    append(out, "%c", bracket);
}

void test_dump_close(struct lt_buf *out, char bracket)
{
    if (out->data[out->size - 1] == ',') {
        out->size--;
    }
    append(out, "%c,", bracket);
}

void test_dump_name(struct lt_buf *out, const char *name)
{
    append(out, "\"%s\":", name);
}

void test_dump_null(struct lt_buf *out)
{
    append(out, "null,");
}

void test_dump_bool(struct lt_buf *out, bool value)
{
    append(out, "%s,", value ? "true" : "false");
}

void test_dump_int(struct lt_buf *out, int64_t value)
{
    append(out, "%" PRId64 ",", value);
}

void test_dump_float64(struct lt_buf *out, double value)
{
    append(out, "%.1f,", value); /* tests use halves */
}

void test_dump_uuid(struct lt_buf *out, struct proto_uuid id)
{
    char text[PROTO_UUID_TEXT_SIZE];
    append(out, "\"%s\",", proto_uuid_format(id, text));
}

void test_dump_string(struct lt_buf *out, struct lt_slice text)
{
    if (text.data == NULL) {
        test_dump_null(out);
        return;
    }
    append(out, "\"");
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        append(out, byte < 0x20 || byte == '"' || byte == '\\' ? "\\u%04x" : "%c", byte);
    }
    append(out, "\",");
}

void test_dump_bytes(struct lt_buf *out, struct lt_slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    if (bytes.data == NULL) {
        test_dump_null(out);
        return;
    }
    append(out, "\"");
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t bits = (uint32_t)bytes.data[i] << 16 |
                        (left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0) |
                        (left > 2 ? bytes.data[i + 2] : 0);
        append(out, "%c%c%c%c", digits[bits >> 18], digits[bits >> 12 & 63],
               left > 1 ? digits[bits >> 6 & 63] : '=', left > 2 ? digits[bits & 63] : '=');
    }
    append(out, "\",");
}

void test_dump_records(struct lt_buf *out, struct proto_records records)
{
    test_dump_bytes(out, lt_slice(records.data, records.size));
}

/* splitmix64: every seed is a good one. */
uint64_t test_fill_bits(struct test_filler *filler)
{
    uint64_t z = filler->state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

bool test_fill_bool(struct test_filler *filler)
{
    return (test_fill_bits(filler) & 1) != 0;
}

int64_t test_fill_int(struct test_filler *filler, unsigned bits, bool is_signed)
{
    uint64_t max = (UINT64_C(1) << (is_signed ? bits - 1 : bits)) - 1;

    switch (test_fill_bits(filler) % 8) {
    case 0:
        return 0;
    case 1:
        return is_signed ? -1 : 1;
    case 2:
        return (int64_t)max;
    case 3:
        return is_signed ? -(int64_t)max - 1 : 0;
    default:
        return (int64_t)(test_fill_bits(filler) & max);
    }
}

double test_fill_float64(struct test_filler *filler)
{
    return (double)(test_fill_bits(filler) % 100000) / 2;
}

void *test_fill_memory(struct test_filler *filler, int32_t count, size_t element_size)
{
    if (count <= 0) {
        return NULL;
    }
    void *memory = lt_arena_calloc(filler->arena, (size_t)count, element_size);
    if (memory == NULL) {
        ck_abort_msg("out of memory");
    }
    return memory;
}

struct proto_uuid test_fill_uuid(struct test_filler *filler)
{
    struct proto_uuid id = PROTO_UUID_ZERO;

    if (test_fill_bits(filler) % 4 != 0) {
        uint64_t halves[2] = {test_fill_bits(filler), test_fill_bits(filler)};
        memcpy(&id, halves, sizeof(id));
    }
    return id;
}

/* Sizes around the places where a uvarint grows, and 0. */
static struct lt_slice fill_octets(struct test_filler *filler, bool nullable, size_t longest)
{
    static const size_t sizes[] = {0, 1, 5, 20, 126, 127, 128, 300};
    size_t size = sizes[test_fill_bits(filler) % (sizeof(sizes) / sizeof(sizes[0]))];

    if (nullable && test_fill_bits(filler) % 4 == 0) {
        return LT_SLICE_NULL;
    }
    if (longest > 300 && test_fill_bits(filler) % 64 == 0) {
        size = longest;
    }
    uint8_t *bytes = test_fill_memory(filler, (int32_t)size + 1, 1);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)test_fill_bits(filler);
    }
    return lt_slice(bytes, size);
}

struct lt_slice test_fill_string(struct test_filler *filler, bool nullable)
{
    return fill_octets(filler, nullable, PROTO_STRING_SIZE_MAX);
}

struct lt_slice test_fill_bytes(struct test_filler *filler, bool nullable)
{
    return fill_octets(filler, nullable, 40000);
}

struct proto_records test_fill_records(struct test_filler *filler, bool nullable)
{
    struct lt_slice bytes = test_fill_bytes(filler, nullable);
    return (struct proto_records){bytes.data, bytes.size, NULL};
}

int32_t test_fill_count(struct test_filler *filler, bool nullable)
{
    if (nullable && test_fill_bits(filler) % 4 == 0) {
        return -1;
    }
    return (int32_t)(test_fill_bits(filler) % 4);
}
