/* The codecs, with honest and with hostile input. */
#include "proto/compress.h"

#include <lz4frame.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "proto/varint.h"
#include "tests/support/hex.h"
#include "tests/support/test_main.h"

#define MIB ((size_t)1 << 20)

static struct lt_buf plain;
static struct lt_buf packed;
static struct lt_buf out;

static void setup(void)
{
    lt_buf_init(&plain);
    lt_buf_init(&packed);
    lt_buf_init(&out);
}

static void teardown(void)
{
    lt_alloc_fail_never();
    lt_buf_release(&plain);
    lt_buf_release(&packed);
    lt_buf_release(&out);
    proto_compress_thread_release();
}

/* Text that compresses, with noise in it; the same for the same seed. */
static void fill(size_t size, unsigned noise_percent)
{
    uint32_t state = 12345;
    plain.size = 0;
    ck_assert_int_eq(lt_buf_reserve(&plain, size + 1), 0);
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525 + 1013904223;
        bool noise = (state >> 8) % 100 < noise_percent;
        plain.data[i] = noise ? (uint8_t)(state >> 24) : (uint8_t)("abcdefgh"[i % 8]);
    }
    plain.size = size;
}

static void assert_round_trip(int codec, int level)
{
    packed.size = 0;
    out.size = 0;
    ck_assert_int_eq(lt_buf_append_text(&packed, "x"), 0);
    ck_assert_int_eq(lt_buf_append_text(&out, "y"), 0);
    ck_assert_int_eq(proto_compress(codec, level, lt_buf_slice(&plain), &packed), 0);
    struct lt_slice in = lt_slice(packed.data + 1, packed.size - 1);
    ck_assert_int_eq(proto_decompress(codec, in, plain.size, &out), 0); /* exactly at the bound */
    ck_assert_uint_eq(out.size, plain.size + 1);
    ck_assert_int_eq(out.data[0], 'y');
    ck_assert(memcmp(out.data + 1, plain.data, plain.size) == 0);
    if (plain.size > 0) {
        ck_assert_int_eq(proto_decompress(codec, in, plain.size - 1, &out), LEAT_E2BIG);
        ck_assert_uint_eq(out.size, plain.size + 1);
    }
}

/* All sizes around the codecs' own block sizes come back, at the bound and not one byte below it. */
START_TEST(all_sizes_round_trip)
{
    static const size_t sizes[] = {0,     1,     2,     60,    4095,  4096,   32767,
                                   32768, 32769, 65535, 65536, 65537, 200000, 1500000};
    if (!proto_codec_available(_i)) {
        return;
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (unsigned noise = 0; noise <= 100; noise += 50) {
            fill(sizes[i], noise);
            assert_round_trip(_i, PROTO_LEVEL_DEFAULT);
        }
    }
}
END_TEST

/* Every level that Kafka's settings accept works; levels outside are moved into the range. */
START_TEST(all_levels_round_trip)
{
    int low = 0;
    int high = 0;
    int middle = 0;
    fill(100000, 20);
    if (proto_codec_levels(_i, &low, &high, &middle) != 0) {
        ck_assert(_i == PROTO_CODEC_NONE || _i == PROTO_CODEC_SNAPPY);
        return;
    }
    for (int level = low < -7 ? -7 : low; level <= high; level++) {
        assert_round_trip(_i, level);
    }
    assert_round_trip(_i, low);
    assert_round_trip(_i, middle);
    assert_round_trip(_i, INT_MAX);
    assert_round_trip(_i, INT_MIN + 1);
}
END_TEST

/* A stream that is cut anywhere is refused, and nothing is appended. */
START_TEST(truncation_at_every_byte_is_refused)
{
    if (!proto_codec_available(_i) || _i == PROTO_CODEC_NONE) {
        return;
    }
    fill(300, 50);
    ck_assert_int_eq(proto_compress(_i, PROTO_LEVEL_DEFAULT, lt_buf_slice(&plain), &packed), 0);
    for (size_t size = 0; size < packed.size; size++) {
        /* A xerial stream may end between two blocks: behind its header it is a whole stream of nothing. */
        if (_i == PROTO_CODEC_SNAPPY && size == 16) {
            continue;
        }
        struct lt_buf cut = {0}; /* of exact size, so that a sanitizer sees a byte too many */
        ck_assert_int_eq(lt_buf_append(&cut, packed.data, size), 0);
        ck_assert_int_eq(proto_decompress(_i, lt_buf_slice(&cut), MIB, &out), LEAT_ECORRUPT);
        ck_assert_uint_eq(out.size, 0);
        lt_buf_release(&cut);
    }
    /* Bytes behind the stream are not ignored either. */
    ck_assert_int_eq(lt_buf_append(&packed, "\1\2\3\4\5\6\7", 7), 0);
    ck_assert_int_eq(proto_decompress(_i, lt_buf_slice(&packed), MIB, &out), LEAT_ECORRUPT);
}
END_TEST

/* Damaged streams end in an error or in bytes within the bound, never in a crash. */
START_TEST(mutations_never_crash)
{
    if (!proto_codec_available(_i)) {
        return;
    }
    fill(5000, 30);
    ck_assert_int_eq(proto_compress(_i, PROTO_LEVEL_DEFAULT, lt_buf_slice(&plain), &packed), 0);
    uint32_t state = 99;
    for (int round = 0; round < 3000; round++) {
        struct lt_buf copy = {0};
        ck_assert_int_eq(lt_buf_append(&copy, packed.data, packed.size), 0);
        for (int change = 0; change < 1 + round % 4; change++) {
            state = state * 1664525 + 1013904223;
            /* The first bytes hold sizes and flags: hit them more often. */
            size_t range = round % 2 == 0 ? copy.size : 40;
            copy.data[(state >> 4) % range] ^= (uint8_t)(1U << (state >> 28 & 7));
        }
        out.size = 0;
        int err = proto_decompress(_i, lt_buf_slice(&copy), 20000, &out);
        ck_assert(err == 0 || err == LEAT_ECORRUPT || err == LEAT_E2BIG);
        ck_assert_uint_le(out.size, 20000);
        lt_buf_release(&copy);
    }
}
END_TEST

/* A bomb is stopped at the bound and costs no more memory than twice that. */
START_TEST(bombs_are_bounded)
{
    if (!proto_codec_available(_i) || _i == PROTO_CODEC_NONE) {
        return;
    }
    plain.size = 0;
    ck_assert_int_eq(lt_buf_reserve(&plain, 80 * MIB), 0);
    memset(plain.data, 0, 80 * MIB);
    plain.size = 80 * MIB;
    ck_assert_int_eq(proto_compress(_i, PROTO_LEVEL_DEFAULT, lt_buf_slice(&plain), &packed), 0);
    size_t bound = proto_decompress_max(packed.size);
    ck_assert_uint_le(bound, PROTO_DECOMPRESS_MAX);
    ck_assert_int_eq(proto_decompress(_i, lt_buf_slice(&packed), bound, &out), LEAT_E2BIG);
    ck_assert_uint_eq(out.size, 0);
    ck_assert_uint_le(out.capacity, 2 * bound + 64);
    ck_assert_int_eq(proto_decompress(_i, lt_buf_slice(&packed), MIB, &out), LEAT_E2BIG);
}
END_TEST

/* Whichever allocation fails, the call says so or passes, and the next one works. */
START_TEST(failed_allocations_are_reported)
{
    if (!proto_codec_available(_i)) {
        return;
    }
    fill(100000, 10);
    for (int64_t allowed = 0;; allowed++) {
        ck_assert_int_lt(allowed, 200);
        lt_buf_release(&packed);
        lt_buf_release(&out);
        proto_compress_thread_release();
        lt_alloc_fail_after(allowed);
        int err = proto_compress(_i, PROTO_LEVEL_DEFAULT, lt_buf_slice(&plain), &packed);
        if (err == 0) {
            err = proto_decompress(_i, lt_buf_slice(&packed), MIB, &out);
        }
        bool failed = lt_alloc_failed();
        lt_alloc_fail_never();
        ck_assert_int_eq(err, failed ? LEAT_ENOMEM : 0);
        if (!failed) {
            break;
        }
        ck_assert_uint_eq(out.size, 0);
        assert_round_trip(_i, PROTO_LEVEL_DEFAULT);
    }
}
END_TEST

/* gzip members may follow each other; they are one stream. */
START_TEST(gzip_members_are_concatenated)
{
    fill(70000, 20);
    struct lt_slice first = lt_slice(plain.data, 30000);
    struct lt_slice second = lt_slice(plain.data + 30000, 40000);
    ck_assert_int_eq(proto_compress(PROTO_CODEC_GZIP, 1, first, &packed), 0);
    ck_assert_int_eq(proto_compress(PROTO_CODEC_GZIP, 9, second, &packed), 0);
    ck_assert_int_eq(proto_compress(PROTO_CODEC_GZIP, 9, lt_slice("", 0), &packed), 0);
    ck_assert_int_eq(proto_decompress(PROTO_CODEC_GZIP, lt_buf_slice(&packed), plain.size, &out),
                     0);
    test_hex_assert_equal(lt_buf_slice(&out), lt_buf_slice(&plain));
}
END_TEST

/* zstd and lz4 frames may follow each other too. */
START_TEST(frames_are_concatenated)
{
    static const int framed[] = {PROTO_CODEC_LZ4, PROTO_CODEC_ZSTD};
    fill(70000, 20);
    ck_assert_int_eq(proto_compress(framed[_i], 3, lt_slice(plain.data, 30000), &packed), 0);
    ck_assert_int_eq(proto_compress(framed[_i], 3, lt_slice(plain.data + 30000, 40000), &packed),
                     0);
    ck_assert_int_eq(proto_decompress(framed[_i], lt_buf_slice(&packed), plain.size, &out), 0);
    test_hex_assert_equal(lt_buf_slice(&out), lt_buf_slice(&plain));
}
END_TEST

/* The frame has what Java insists on: version 1, independent blocks of 64 KiB, nothing else. */
START_TEST(lz4_frames_are_as_java_writes_them)
{
    fill(200000, 20);
    static const int levels[] = {PROTO_LEVEL_DEFAULT, 1, 9, 17};
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        packed.size = 0;
        ck_assert_int_eq(proto_compress(PROTO_CODEC_LZ4, levels[i], lt_buf_slice(&plain), &packed),
                         0);
        struct lt_buf want = {0};
        test_hex_append(&want, "04224d18 60 40 82");
        test_hex_assert_equal(lt_slice(packed.data, 7), lt_buf_slice(&want));
        lt_buf_release(&want);
    }
}
END_TEST

/* The checksum of the frame descriptor is checked. */
START_TEST(lz4_header_checksum_is_checked)
{
    fill(1000, 20);
    ck_assert_int_eq(
        proto_compress(PROTO_CODEC_LZ4, PROTO_LEVEL_DEFAULT, lt_buf_slice(&plain), &packed), 0);
    packed.data[6] ^= 1;
    ck_assert_int_eq(proto_decompress(PROTO_CODEC_LZ4, lt_buf_slice(&packed), MIB, &out),
                     LEAT_ECORRUPT);
}
END_TEST

/* Frames with content size, checksums, linked and large blocks are read as well. */
START_TEST(lz4_frames_of_other_writers_are_read)
{
    fill(600000, 30);
    LZ4F_preferences_t prefs = LZ4F_INIT_PREFERENCES;
    prefs.frameInfo.blockSizeID = LZ4F_max4MB;
    prefs.frameInfo.blockMode = LZ4F_blockLinked;
    prefs.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
    prefs.frameInfo.blockChecksumFlag = LZ4F_blockChecksumEnabled;
    prefs.frameInfo.contentSize = plain.size;
    size_t bound = LZ4F_compressFrameBound(plain.size, &prefs);
    ck_assert_int_eq(lt_buf_reserve(&packed, bound), 0);
    packed.size = LZ4F_compressFrame(packed.data, bound, plain.data, plain.size, &prefs);
    ck_assert(!LZ4F_isError(packed.size));
    ck_assert_int_eq(proto_decompress(PROTO_CODEC_LZ4, lt_buf_slice(&packed), plain.size, &out), 0);
    test_hex_assert_equal(lt_buf_slice(&out), lt_buf_slice(&plain));
}
END_TEST

/* A zstd frame that does not tell its size is read; one that wants a window above 8 MiB is not. */
START_TEST(zstd_streams_are_read_within_the_window)
{
    for (int window_log = 20; window_log <= 27; window_log += 7) {
        fill(300000, 20);
        ZSTD_CCtx *ctx = ZSTD_createCCtx();
        ck_assert_ptr_nonnull(ctx);
        ck_assert(!ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_contentSizeFlag, 0)));
        ck_assert(!ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_windowLog, window_log)));
        size_t bound = ZSTD_compressBound(plain.size);
        ck_assert_int_eq(lt_buf_reserve(&packed, bound), 0);
        ZSTD_inBuffer input = {plain.data, plain.size, 0};
        ZSTD_outBuffer output = {packed.data, bound, 0};
        /* Two calls, so that the library cannot know the size when it writes the header. */
        input.size = 1000;
        ck_assert(!ZSTD_isError(ZSTD_compressStream2(ctx, &output, &input, ZSTD_e_flush)));
        input.size = plain.size;
        ck_assert_uint_eq(ZSTD_compressStream2(ctx, &output, &input, ZSTD_e_end), 0);
        packed.size = output.pos;
        ZSTD_freeCCtx(ctx);
        int err = proto_decompress(PROTO_CODEC_ZSTD, lt_buf_slice(&packed), MIB, &out);
        ck_assert_int_eq(err, window_log <= PROTO_ZSTD_WINDOW_LOG_MAX ? 0 : LEAT_E2BIG);
        if (err == 0) {
            test_hex_assert_equal(lt_buf_slice(&out), lt_buf_slice(&plain));
        }
    }
}
END_TEST

/* Snappy is written as Java writes it and read in both framings. */
START_TEST(snappy_is_read_in_both_framings)
{
    if (!proto_codec_available(PROTO_CODEC_SNAPPY)) {
        return;
    }
    /* "hello hello hello hello " as a raw block: length 24, literal of 6, copy of 18 from 6 back. */
    struct lt_buf raw = {0};
    test_hex_append(&raw, "18 14 68656c6c6f20 46 0600");
    ck_assert_int_eq(proto_decompress(PROTO_CODEC_SNAPPY, lt_buf_slice(&raw), 24, &out), 0);
    ck_assert(lt_slice_is(lt_buf_slice(&out), "hello hello hello hello "));
    ck_assert_int_eq(proto_decompress(PROTO_CODEC_SNAPPY, lt_buf_slice(&raw), 23, &out),
                     LEAT_E2BIG);
    /* Two xerial blocks, and a second stream behind the first; versions little-endian in it. */
    struct lt_buf xerial = {0};
    test_hex_append(&xerial, "82534e4150505900 00000001 00000001");
    test_hex_append(&xerial, "0000000b 18 14 68656c6c6f20 46 0600");
    test_hex_append(&xerial, "00000004 02 04 6f6b");
    test_hex_append(&xerial, "82534e4150505900 01000000 01000000");
    test_hex_append(&xerial, "00000003 01 00 21");
    out.size = 0;
    ck_assert_int_eq(proto_decompress(PROTO_CODEC_SNAPPY, lt_buf_slice(&xerial), 27, &out), 0);
    ck_assert(lt_slice_is(lt_buf_slice(&out), "hello hello hello hello ok!"));
    out.size = 0;
    ck_assert_int_eq(proto_decompress(PROTO_CODEC_SNAPPY, lt_buf_slice(&xerial), 26, &out),
                     LEAT_E2BIG);
    /* Ours: blocks of 32 KiB. */
    fill(70000, 50);
    ck_assert_int_eq(
        proto_compress(PROTO_CODEC_SNAPPY, PROTO_LEVEL_DEFAULT, lt_buf_slice(&plain), &packed), 0);
    struct lt_buf head = {0};
    test_hex_append(&head, "82534e4150505900 00000001 00000001");
    test_hex_assert_equal(lt_slice(packed.data, 16), lt_buf_slice(&head));
    size_t blocks = 0;
    for (size_t at = 16; at < packed.size; at += 4 + proto_load_u32(packed.data + at)) {
        blocks++;
    }
    ck_assert_uint_eq(blocks, 3);
    lt_buf_release(&raw);
    lt_buf_release(&xerial);
    lt_buf_release(&head);
}
END_TEST

/* A raw block may claim any size: nothing is allocated for a claim that its bytes cannot reach. */
START_TEST(snappy_sizes_are_not_believed)
{
    if (!proto_codec_available(PROTO_CODEC_SNAPPY)) {
        return;
    }
    struct lt_buf lie = {0};
    test_hex_append(&lie, "80808010 00 21"); /* 32 MiB in two bytes */
    ck_assert_int_eq(
        proto_decompress(PROTO_CODEC_SNAPPY, lt_buf_slice(&lie), PROTO_DECOMPRESS_MAX, &out),
        LEAT_ECORRUPT);
    ck_assert_uint_eq(out.capacity, 0);
    lt_buf_release(&lie);
}
END_TEST

/* Names as in Kafka's compression.type, both ways. */
START_TEST(codecs_have_kafkas_names)
{
    int codec = 99;
    for (int i = 0; i < PROTO_CODEC_COUNT; i++) {
        ck_assert_int_eq(proto_codec_from_name(lt_slice_text(proto_codec_name(i)), &codec), 0);
        ck_assert_int_eq(codec, i);
    }
    ck_assert_int_eq(proto_codec_from_name(lt_slice_text("producer"), &codec), 0);
    ck_assert_int_eq(codec, PROTO_CODEC_PRODUCER);
    ck_assert_int_eq(proto_codec_from_name(lt_slice_text("uncompressed"), &codec), 0);
    ck_assert_int_eq(codec, PROTO_CODEC_NONE);
    ck_assert_int_eq(proto_codec_from_name(lt_slice_text("brotli"), &codec), LEAT_ENOENT);
    ck_assert_str_eq(proto_codec_name(5), "unknown");
    ck_assert_str_eq(proto_codec_name(-1), "unknown");
    ck_assert(!proto_codec_available(5));
    ck_assert_int_eq(proto_compress(5, 1, lt_slice("", 0), &out), LEAT_ECODEC);
    ck_assert_int_eq(proto_decompress(-1, lt_slice("", 0), 1, &out), LEAT_ECODEC);
}
END_TEST

/* Small inputs may become a megabyte, larger ones a thousand times their size, none more than 64 MiB. */
START_TEST(the_bound_grows_with_the_input)
{
    ck_assert_uint_eq(proto_decompress_max(0), MIB);
    ck_assert_uint_eq(proto_decompress_max(1000), MIB);
    ck_assert_uint_eq(proto_decompress_max(2000), 2000000);
    ck_assert_uint_eq(proto_decompress_max(67108), 67108000);
    ck_assert_uint_eq(proto_decompress_max(100000), PROTO_DECOMPRESS_MAX);
    ck_assert_uint_eq(proto_decompress_max(SIZE_MAX), PROTO_DECOMPRESS_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compress");
    TCase *all = tcase_create("all codecs");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_loop_test(all, all_sizes_round_trip, 0, PROTO_CODEC_COUNT);
    tcase_add_loop_test(all, all_levels_round_trip, 0, PROTO_CODEC_COUNT);
    tcase_add_loop_test(all, truncation_at_every_byte_is_refused, 0, PROTO_CODEC_COUNT);
    tcase_add_loop_test(all, mutations_never_crash, 0, PROTO_CODEC_COUNT);
    tcase_add_loop_test(all, bombs_are_bounded, 0, PROTO_CODEC_COUNT);
    tcase_add_loop_test(all, failed_allocations_are_reported, 0, PROTO_CODEC_COUNT);
    tcase_add_test(all, codecs_have_kafkas_names);
    tcase_add_test(all, the_bound_grows_with_the_input);
    suite_add_tcase(suite, all);
    TCase *one = tcase_create("framings");
    tcase_add_checked_fixture(one, setup, teardown);
    tcase_add_test(one, gzip_members_are_concatenated);
    tcase_add_loop_test(one, frames_are_concatenated, 0, 2);
    tcase_add_test(one, lz4_frames_are_as_java_writes_them);
    tcase_add_test(one, lz4_header_checksum_is_checked);
    tcase_add_test(one, lz4_frames_of_other_writers_are_read);
    tcase_add_test(one, zstd_streams_are_read_within_the_window);
    tcase_add_test(one, snappy_is_read_in_both_framings);
    tcase_add_test(one, snappy_sizes_are_not_believed);
    suite_add_tcase(suite, one);
    return test_main(suite);
}
