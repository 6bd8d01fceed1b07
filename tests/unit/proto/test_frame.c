/* Framing, and words for what is not Kafka. */
#include "leat/err.h"
#include "proto/frame.h"
#include "tests/support/test_main.h"

static struct lt_slice frame;
static size_t need;

static int next(const char *bytes, size_t size, size_t size_max)
{
    frame = LT_SLICE_NULL;
    need = 0;
    return proto_frame_next(lt_slice(bytes, size), size_max, &frame, &need);
}

/* Byte by byte: first the size is missing, then the rest; what follows the frame is left alone. */
START_TEST(frames_arrive_in_pieces)
{
    static const char bytes[] = "\0\0\0\5abcdeNEXT";

    for (size_t size = 0; size < 4; size++) {
        ck_assert_int_eq(next(bytes, size, 100), LEAT_EAGAIN);
        ck_assert_uint_eq(need, 4);
    }
    for (size_t size = 4; size < 9; size++) {
        ck_assert_int_eq(next(bytes, size, 100), LEAT_EAGAIN);
        ck_assert_uint_eq(need, 9);
    }
    for (size_t size = 9; size < 13; size++) {
        ck_assert_int_eq(next(bytes, size, 100), 0);
        ck_assert_uint_eq(need, 9);
        ck_assert(lt_slice_is(frame, "abcde"));
        ck_assert_ptr_eq(frame.data, bytes + 4);
    }
}
END_TEST

/* Sizes that cannot be are refused as soon as they are known. */
START_TEST(impossible_sizes_are_refused)
{
    ck_assert_int_eq(next("\xff\xff\xff\xff", 4, 100), LEAT_EPROTOCOL);
    ck_assert_int_eq(next("\x80\0\0\0", 4, 100), LEAT_EPROTOCOL);
    ck_assert_int_eq(next("\0\0\0\0", 4, 100), LEAT_EPROTOCOL);
    ck_assert_int_eq(next("\0\0\0\3", 4, 100), LEAT_EPROTOCOL);
    ck_assert_int_eq(next("\0\0\0\x65", 4, 100), LEAT_E2BIG);
    ck_assert_int_eq(next("\x7f\xff\xff\xff", 4, SIZE_MAX), LEAT_EAGAIN);
    ck_assert_int_eq(next("\0\0\0\x64", 4, 100), LEAT_EAGAIN);
}
END_TEST

static const char *guess(const char *bytes, size_t size)
{
    return proto_frame_guess(lt_slice(bytes, size));
}

/* Browsers, TLS clients and ssh are called by their names; a Kafka frame is none of them. */
START_TEST(foreign_protocols_are_named)
{
    static const char *const methods[] = {"GET / HTTP/1.1", "POST /x",       "PUT /x",
                                          "HEAD /",         "DELETE /x",     "OPTIONS *",
                                          "PATCH /x",       "PRI * HTTP/2.0"};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        ck_assert_str_eq(guess(methods[i], strlen(methods[i])), "HTTP request");
    }
    ck_assert_str_eq(guess("\x16\x03\x01\x02\x00\x01\x00\x01", 8), "TLS client hello");
    ck_assert_str_eq(guess("SSH-2.0-x", 9), "SSH client");
    ck_assert_ptr_null(guess("\0\0\0\x16\0\x12\0\4", 8));
    ck_assert_ptr_null(guess("\x16\x03\x01\x02\x00", 5));
    ck_assert_ptr_null(guess("GETX", 4));
    ck_assert_str_eq(proto_frame_guess_answer(lt_slice("HTTP/1.1 400", 12)),
                     "an HTTP server listens there");
    ck_assert_str_eq(proto_frame_guess_answer(lt_slice("\x15\x03\x01\0\x02\x02\x46", 7)),
                     "the port wants TLS");
    ck_assert_str_eq(proto_frame_guess_answer(lt_slice("SSH-2.0-x", 9)),
                     "an SSH server listens there");
    ck_assert_ptr_null(proto_frame_guess_answer(lt_slice("\0\0\x15\x03\0\0", 6)));
    ck_assert_ptr_null(guess("", 0));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("frame");
    TCase *tc = tcase_create("frame");

    tcase_add_test(tc, frames_arrive_in_pieces);
    tcase_add_test(tc, impossible_sizes_are_refused);
    tcase_add_test(tc, foreign_protocols_are_named);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return test_main(suite());
}
