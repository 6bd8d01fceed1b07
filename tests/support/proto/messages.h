/* messages.h: every message of the protocol as tests see it: by name, printable, and filled with random values.
 *
 * The table is made from proto/schema/ by gen_testing.py.
 * Threads: one at a time. Out of memory ends the test. */
#ifndef TEST_PROTO_MESSAGES_H
#define TEST_PROTO_MESSAGES_H

#include "base/arena.h"
#include "base/buf.h"
#include "proto/api.h"

/* Source of random values; the same seed gives the same message. */
struct test_filler {
    uint64_t state;
    struct lt_arena *arena; /* what the filled struct points to */
};

struct test_message {
    const char *name; /* Kafka's, "FetchRequest", "OffsetCommitKey" */
    bool golden;      /* Kafka has a class for it, so there are golden bytes */
    int16_t version_min;
    int16_t version_max;
    struct proto_message codec;

    /* Append the fields that the version has, as the JSON that Kafka's converters read, in the order of the schema. */
    void (*dump)(struct lt_buf *out, const void *in, int16_t version);

    /* Random values in the fields that the version has, defaults in the others. */
    void (*fill)(struct test_filler *filler, void *ret, int16_t version);
};

extern const struct test_message test_messages[];
extern const size_t test_message_count;

const struct test_message *test_message_find(const char *name); /* NULL: no such message */

/* ---- what the generated functions use */

void test_dump_open(struct lt_buf *out, char bracket);
void test_dump_close(struct lt_buf *out,
                     char bracket); /* takes back the comma behind the last member */
void test_dump_name(struct lt_buf *out, const char *name);
void test_dump_null(struct lt_buf *out);
void test_dump_bool(struct lt_buf *out, bool value);
void test_dump_int(struct lt_buf *out, int64_t value);
void test_dump_float64(struct lt_buf *out, double value);
void test_dump_uuid(struct lt_buf *out, struct proto_uuid id);
void test_dump_string(struct lt_buf *out, struct lt_slice text);
void test_dump_bytes(struct lt_buf *out, struct lt_slice bytes);
void test_dump_records(struct lt_buf *out, struct proto_records records);

uint64_t test_fill_bits(struct test_filler *filler);
bool test_fill_bool(struct test_filler *filler);
int64_t test_fill_int(struct test_filler *filler,
                      unsigned bits,
                      bool is_signed); /* often at the limits of the type */
double test_fill_float64(struct test_filler *filler);
struct proto_uuid test_fill_uuid(struct test_filler *filler);
struct lt_slice test_fill_string(struct test_filler *filler, bool nullable);
struct lt_slice test_fill_bytes(struct test_filler *filler, bool nullable);
struct proto_records test_fill_records(struct test_filler *filler, bool nullable);
int32_t test_fill_count(struct test_filler *filler, bool nullable);
void *test_fill_memory(struct test_filler *filler,
                       int32_t count,
                       size_t element_size); /* NULL for count <= 0 */

#endif
