/* encode.h: bytes as text that survives a terminal or a JSON file, and back.
 *
 * Threads: any; no state. */
#ifndef CLI_ENCODE_H
#define CLI_ENCODE_H

#include <stdbool.h>

#include "base/buf.h"

/* Append the bytes in another form. LEAT_ENOMEM. A null slice is empty (json: null). */
int cli_encode_hex(struct lt_slice bytes, struct lt_buf *out);
int cli_encode_base64(struct lt_slice bytes, struct lt_buf *out);
int cli_encode_json(struct lt_slice bytes,
                    struct lt_buf *out); /* a JSON string; what is not UTF-8: a base64 string */

int cli_encode_json_text(struct lt_slice text, struct lt_buf *out); /* known to be UTF-8 */
bool cli_utf8_check(struct lt_slice bytes);
int cli_encode_decimal(int64_t number, struct lt_buf *out);

/* The inverse of cli_encode_hex; either case. LEAT_EINVAL: no pairs of hex digits. */
int cli_decode_hex(struct lt_slice text, struct lt_buf *out);

/* The byte that an escape at `*text`, behind its backslash, stands for: \t \n \r \\ \xNN; `*text` moves behind it. False: it
 * is none of them. */
bool cli_decode_escape(const char **text, char *ret_byte);

/* LEAT_EINVAL: not base64 (padding is required). */
int cli_decode_base64(const char *text, struct lt_buf *out);

/* Numbers inside bytes: '>' big-endian (default) '<' little-endian, b B 1 byte, h H 2, i I 4, q Q 8 (lower case signed),
 * c one character, s and '.' the rest as text, '$' must be the end. Numbers are separated by a space. Bytes that are too
 * short give "<short>". */
bool cli_unpack_check(const char *pattern);
int cli_unpack(const char *pattern, struct lt_slice bytes, struct lt_buf *out);

#endif
