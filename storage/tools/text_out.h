/* text_out.h: lines for people, or JSON objects, one per line.
 *
 * JSON: log_out_begin(out, "batch"), members, log_out_end. Text: log_out_print and log_out_puts; log_out_escaped is for bytes that
 * somebody else chose: they must not drive a terminal.
 * Bytes in JSON are a string where they are UTF-8, else a base64 text under the member's name + "_base64"; null is null.
 * Threads: one at a time. Blocks: as the FILE does. Write errors show in ferror at the end. */
#ifndef LOG_TOOLS_TEXT_OUT_H
#define LOG_TOOLS_TEXT_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"

struct log_out {
    FILE *file;
    bool json;
    bool first; /* no member of the current object or array was written yet */
};

/* Text as it is; the end of a line is the caller's. */
void log_out_print(struct log_out *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_out_puts(struct log_out *out, const char *text);

void log_out_begin(struct log_out *out, const char *type); /* {"type":"batch" */
void log_out_end(struct log_out *out);                     /* } and the end of the line */
void log_out_int(struct log_out *out, const char *name, int64_t value);
void log_out_bool(struct log_out *out, const char *name, bool value);
void log_out_null(struct log_out *out, const char *name);
void log_out_text(struct log_out *out, const char *name, const char *value);
void log_out_bytes(struct log_out *out, const char *name, struct lt_slice value);

/* An array of objects: open, then per object item_begin, members, item_end; close. */
void log_out_array_open(struct log_out *out, const char *name);
void log_out_item_begin(struct log_out *out);
void log_out_item_end(struct log_out *out);
void log_out_array_close(struct log_out *out);

/* Bytes as text: UTF-8 as it is, control characters and all else as \xNN, the backslash as \\. */
void log_out_escaped(struct log_out *out, struct lt_slice value);

#endif
