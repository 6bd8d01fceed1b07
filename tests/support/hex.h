/* hex.h: bytes written as hexadecimal text, for golden vectors.
 *
 * Threads: any. Failures end the test. */
#ifndef TEST_HEX_H
#define TEST_HEX_H

#include "base/buf.h"

/* Append the bytes of `text` ("00 1f 2a"; white space is ignored) to buf. */
void test_hex_append(struct lt_buf *buf, const char *text);

/* Fail the test with both sides in hex unless they are equal. */
void test_hex_assert_equal(struct lt_slice got, struct lt_slice want);

#endif
