/* Every message of the protocol, in every version: against the bytes that Kafka's own classes write, there and back with
 * random values, and cut short or damaged at every byte.
 *
 * The golden files are in tests/golden/messages/. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "leat/err.h"
#include "proto/messages.h"
#include "tests/support/hex.h"
#include "tests/support/proto/messages.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_main.h"

#define GOLDEN_FILES_MIN 180 /* so that an empty folder is no success */

/* ck_assert writes a line to a pipe each time it is passed; the loops below pass millions. */
#define EXPECT(cond) ((cond) ? (void)0 : ck_abort_msg("line %d: %s", __LINE__, #cond))

struct golden {
    const struct test_message *message;
    int16_t version;
    const char *variant;
    struct lt_buf bytes;
    const char *json;
};

/* Encode into memory of exactly the announced size, so that a sanitizer sees one byte too many. */
static uint8_t *
encode(const struct test_message *message, const void *in, int16_t version, size_t *ret_size)
{
    struct proto_writer w;
    size_t size = message->codec.size(in, version);
    uint8_t *bytes = malloc(size + 1);

    EXPECT(bytes != NULL);
    bytes[size] = 0xa5;
    proto_writer_init(&w, bytes, size, NULL);
    message->codec.encode(in, version, &w);
    EXPECT(proto_writer_size(&w) == size);
    EXPECT(bytes[size] == 0xa5);
    *ret_size = size;
    return bytes;
}

/* Decode from a copy of exactly the right size; the copy is freed by the caller, after the struct was looked at. */
static int decode(const struct test_message *message,
                  struct lt_slice bytes,
                  int16_t version,
                  struct lt_arena *arena,
                  void **ret_struct,
                  uint8_t **ret_copy,
                  size_t *ret_left)
{
    struct proto_reader r;

    *ret_copy = malloc(bytes.size == 0 ? 1 : bytes.size);
    *ret_struct = malloc(message->codec.struct_size);
    EXPECT(*ret_copy != NULL && *ret_struct != NULL);
    if (bytes.size > 0) {
        memcpy(*ret_copy, bytes.data, bytes.size);
    }
    memset(*ret_struct, 0x5a,
           message->codec.struct_size); /* nothing may depend on what was there */
    proto_reader_init(&r, lt_slice(*ret_copy, bytes.size));
    int err = message->codec.decode(&r, version, arena, *ret_struct);
    *ret_left = proto_reader_remaining(&r);
    return err;
}

static void
dump(const struct test_message *message, const void *in, int16_t version, struct lt_buf *text)
{
    text->size = 0;
    message->dump(text, in, version);
    EXPECT(text->size > 0 && text->data[text->size - 1] == ',');
    text->size--;
    EXPECT(lt_buf_text(text) != NULL);
}

/* Call check(golden) for every line of every file of one folder; returns the number of files. */
static int for_each_golden(const char *folder, void (*check)(const struct golden *golden))
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int files = 0;

    ck_assert_msg(dir != NULL, "cannot open %s", folder);
    while ((entry = readdir(dir)) != NULL) {
        char path[1024];
        char name[256];
        struct lt_buf text = {0};
        char *rest = NULL;

        if (sscanf(entry->d_name, "%255[A-Za-z].txt", name) != 1 ||
            strstr(entry->d_name, ".txt") == NULL) {
            continue;
        }
        ck_assert_int_lt(snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name),
                         (int)sizeof(path));
        test_file_read(path, &text);
        ck_assert_ptr_nonnull(lt_buf_text(&text));
        struct golden golden = {.message = test_message_find(name)};
        ck_assert_msg(golden.message != NULL, "no message of the name %s", name);
        for (char *line = strtok_r((char *)text.data, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest)) {
            char *words = line;
            golden.version = (int16_t)strtol(strsep(&words, " "), NULL, 10);
            golden.variant = strsep(&words, " ");
            golden.bytes.size = 0;
            test_hex_append(&golden.bytes, strsep(&words, " "));
            golden.json = words;
            check(&golden);
        }
        lt_buf_release(&golden.bytes);
        lt_buf_release(&text);
        files++;
    }
    ck_assert_int_eq(closedir(dir), 0);
    return files;
}

static void check_golden(const struct golden *golden)
{
    const struct test_message *message = golden->message;
    struct lt_arena arena;
    struct lt_buf text = {0};
    uint8_t *copy;
    void *decoded;
    size_t left;

    lt_arena_init(&arena, 0);
    int err = decode(message, lt_buf_slice(&golden->bytes), golden->version, &arena, &decoded,
                     &copy, &left);
    ck_assert_msg(err == 0 && left == 0, "%s %d %s: error %d, %zu bytes left", message->name,
                  golden->version, golden->variant, err, left);
    dump(message, decoded, golden->version, &text);
    ck_assert_msg(strcmp((const char *)text.data, golden->json) == 0,
                  "%s %d %s:\nread  %s\nwrote %s", message->name, golden->version, golden->variant,
                  (const char *)text.data, golden->json);

    size_t size;
    uint8_t *encoded = encode(message, decoded, golden->version, &size);
    test_hex_assert_equal(lt_slice(encoded, size), lt_buf_slice(&golden->bytes));
    free(encoded);
    free(decoded);
    free(copy);
    lt_buf_release(&text);
    lt_arena_release(&arena);
}

/* What Kafka's classes wrote is read field by field as Kafka meant it, and written back as the same bytes. */
START_TEST(golden_bytes_are_read_and_written_as_kafka_does)
{
    ck_assert_int_ge(for_each_golden(GOLDEN_DIR, check_golden), GOLDEN_FILES_MIN);
}
END_TEST

/* ListOffsets 0, which Kafka 4 no longer has, as 3.9 wrote it. */
START_TEST(golden_bytes_of_older_versions)
{
    ck_assert_int_eq(for_each_golden(GOLDEN_DIR "/kafka-3.9", check_golden), 2);
}
END_TEST

static unsigned golden_versions[256]; /* by index in test_messages: bit n = version n was seen */

static void note_version(const struct golden *golden)
{
    golden_versions[golden->message - test_messages] |= 1U << golden->version;
}

/* No message that Kafka has a class for is without golden bytes in any version. */
START_TEST(golden_bytes_cover_every_version)
{
    ck_assert_uint_le(test_message_count, sizeof(golden_versions) / sizeof(golden_versions[0]));
    (void)for_each_golden(GOLDEN_DIR, note_version);
    (void)for_each_golden(GOLDEN_DIR "/kafka-3.9", note_version);
    for (size_t i = 0; i < test_message_count; i++) {
        for (int16_t v = test_messages[i].version_min; v <= test_messages[i].version_max; v++) {
            ck_assert_msg(!test_messages[i].golden || (golden_versions[i] & 1U << v) != 0, "%s %d",
                          test_messages[i].name, v);
        }
    }
}
END_TEST

static void check_truncated(const struct golden *golden)
{
    for (size_t size = 0; size < golden->bytes.size; size++) {
        struct lt_arena arena;
        uint8_t *copy;
        void *decoded;
        size_t left;

        lt_arena_init(&arena, 0);
        int err = decode(golden->message, lt_slice(golden->bytes.data, size), golden->version,
                         &arena, &decoded, &copy, &left);
        if (err != LEAT_EPROTOCOL) {
            ck_abort_msg("%s %d %s cut at %zu: %d", golden->message->name, golden->version,
                         golden->variant, size, err);
        }
        free(decoded);
        free(copy);
        lt_arena_release(&arena);
    }
}

/* A message that ends early is malformed wherever it ends. */
START_TEST(truncation_at_every_byte_is_malformed)
{
    (void)for_each_golden(GOLDEN_DIR, check_truncated);
    (void)for_each_golden(GOLDEN_DIR "/kafka-3.9", check_truncated);
}
END_TEST

static void check_damaged(const struct golden *golden)
{
    static const uint8_t damage[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    struct lt_buf bytes = {0};

    ck_assert_int_eq(lt_buf_append(&bytes, golden->bytes.data, golden->bytes.size), 0);
    for (size_t at = 0; at < bytes.size; at++) {
        uint8_t original = bytes.data[at];
        struct lt_arena arena;
        uint8_t *copy;
        void *decoded;
        size_t left;

        bytes.data[at] = damage[at % sizeof(damage)];
        lt_arena_init(&arena, 0);
        int err = decode(golden->message, lt_buf_slice(&bytes), golden->version, &arena, &decoded,
                         &copy, &left);
        EXPECT(err == 0 || err == LEAT_EPROTOCOL);
        if (err == 0) {
            /* What was read is sound enough to be written and read again. */
            size_t size;
            uint8_t *encoded = encode(golden->message, decoded, golden->version, &size);
            free(encoded);
        }
        free(decoded);
        free(copy);
        lt_arena_release(&arena);
        bytes.data[at] = original;
    }
    lt_buf_release(&bytes);
}

/* A wrong byte anywhere is an error or another value, never a crash. */
START_TEST(damage_at_every_byte_is_survived)
{
    (void)for_each_golden(GOLDEN_DIR, check_damaged);
}
END_TEST

static void round_trip(const struct test_message *message, int16_t version, uint64_t seed)
{
    struct lt_arena arena;
    struct lt_buf before = {0};
    struct lt_buf after = {0};
    void *filled = malloc(message->codec.struct_size);
    void *decoded;
    uint8_t *copy;
    size_t size;
    size_t left;

    lt_arena_init(&arena, 0);
    ck_assert_ptr_nonnull(filled);
    struct test_filler filler = {seed, &arena};
    message->fill(&filler, filled, version);
    uint8_t *encoded = encode(message, filled, version, &size);
    ck_assert_int_eq(
        decode(message, lt_slice(encoded, size), version, &arena, &decoded, &copy, &left), 0);
    ck_assert_uint_eq(left, 0);
    dump(message, filled, version, &before);
    dump(message, decoded, version, &after);
    ck_assert_msg(lt_slice_equal(lt_buf_slice(&before), lt_buf_slice(&after)), "%s %d:\n%s\n%s",
                  message->name, version, (const char *)before.data, (const char *)after.data);
    size_t again_size;
    uint8_t *again = encode(message, decoded, version, &again_size);
    test_hex_assert_equal(lt_slice(again, again_size), lt_slice(encoded, size));

    free(again);
    free(copy);
    free(decoded);
    free(encoded);
    free(filled);
    lt_buf_release(&before);
    lt_buf_release(&after);
    lt_arena_release(&arena);
}

/* Random values of every message in every version come back as they were. */
START_TEST(random_values_make_the_round_trip)
{
    for (size_t i = 0; i < test_message_count; i++) {
        for (int16_t v = test_messages[i].version_min; v <= test_messages[i].version_max; v++) {
            for (uint64_t seed = 0; seed < 12; seed++) {
                round_trip(&test_messages[i], v, seed * 1000 + i);
            }
        }
    }
}
END_TEST

/* When memory is short, decoding says so, whichever allocation it was, and leaves nothing behind. */
START_TEST(decoding_survives_failing_allocations)
{
    for (size_t i = 0; i < test_message_count; i++) {
        const struct test_message *message = &test_messages[i];
        struct lt_arena values;
        void *filled = malloc(message->codec.struct_size);
        size_t size;

        lt_arena_init(&values, 0);
        ck_assert_ptr_nonnull(filled);
        struct test_filler filler = {i, &values};
        message->fill(&filler, filled, message->version_max);
        uint8_t *encoded = encode(message, filled, message->version_max, &size);
        int err = LEAT_ENOMEM;
        for (int64_t n = 0; err != 0; n++) {
            struct lt_arena arena;
            uint8_t *copy;
            void *decoded;
            size_t left;

            lt_arena_init(&arena, 0);
            lt_alloc_fail_after(n);
            err = decode(message, lt_slice(encoded, size), message->version_max, &arena, &decoded,
                         &copy, &left);
            lt_alloc_fail_never();
            EXPECT(err == 0 || err == LEAT_ENOMEM);
            free(decoded);
            free(copy);
            lt_arena_release(&arena);
        }
        free(encoded);
        free(filled);
        lt_arena_release(&values);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("messages");
    TCase *golden = tcase_create("golden");
    TCase *random = tcase_create("random");

    tcase_set_timeout(golden, 120);
    tcase_add_test(golden, golden_bytes_are_read_and_written_as_kafka_does);
    tcase_add_test(golden, golden_bytes_of_older_versions);
    tcase_add_test(golden, golden_bytes_cover_every_version);
    tcase_add_test(golden, truncation_at_every_byte_is_malformed);
    tcase_add_test(golden, damage_at_every_byte_is_survived);
    suite_add_tcase(s, golden);
    tcase_set_timeout(random, 120);
    tcase_add_test(random, random_values_make_the_round_trip);
    tcase_add_test(random, decoding_survives_failing_allocations);
    suite_add_tcase(s, random);
    return s;
}

int main(void)
{
    return test_main(suite());
}
