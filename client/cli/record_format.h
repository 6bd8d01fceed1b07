/* record_format.h: one record as text, by the verbs of -f; and text as a record, by the same verbs.
 *
 *   %t topic  %T its length      %p partition  %o offset  %e leader epoch  %i running number  %% percent
 *   %k key    %K length (-1)     %v value  %V length (-1)      %s %S kcat's names for them     %R = %V{big32}
 *   %d timestamp ms, %d{iso}, %d{strftime[%F %T]}     %x producer id  %y producer epoch
 *   %h{ ... } repeated for each header, with %k and %v inside     %H header count
 *   %a{compression} %a{timestamp-type} %a{transactional} %a{control}
 *   %[ log start  %| last stable  %] high watermark
 *   texts take {hex} {base64} {json} {unpack[>I$]}, numbers {ascii} {byte} {big16} {big32} {big64} {little16} {little32}
 *   {little64} {hex4} {hex8} {hex16} {hex32} {hex64}
 *   \t \n \r \\ \xNN     %{ %} braces
 *
 * Reading, a text goes as far as the literal behind it, or as its length says when that came before it (%K%k; -1 = null;
 * %K{3} = always 3, nothing to read), or to the end of all input. %h needs %H before it. %t %o %e %x %y are read and not
 * used, %i %a %[ %| %] are refused.
 *
 * A format is parsed once and refused whole, with the place named, if anything in it is not known.
 * Threads: a parsed format is constant. */
#ifndef CLI_RECORD_FORMAT_H
#define CLI_RECORD_FORMAT_H

#include "base/buf.h"
#include "base/error.h"
#include "leat/leat.h"

struct cli_record_format;

/* LEAT_EINVAL: the message shows the verb and its column. */
int cli_record_format_parse(const char *text,
                            struct cli_record_format **ret,
                            struct leat_error **reterr);
int cli_record_format_parse_input(const char *text,
                                  struct cli_record_format **ret,
                                  struct leat_error **reterr);
void cli_record_format_free(struct cli_record_format *format); /* NULL is accepted */

/* Append the record to `out`; `number` is %i. LEAT_ENOMEM. */
int cli_record_format_write(const struct cli_record_format *format,
                            const struct leat_record *rec,
                            int64_t number,
                            struct lt_buf *out);

/* The record at the front of `data`, into `rec` (cleared before): topic `topic`, partition as %p says, or `partition` where
 * that is not -1. `last`: no more bytes will come; then the end of the input may stand for the format's last literal.
 * *ret_used = 0: more bytes are needed. LEAT_EINVAL: the message says what was wanted and what was found. */
int cli_record_format_read(const struct cli_record_format *format,
                           struct lt_slice data,
                           bool last,
                           const char *topic,
                           int32_t partition,
                           struct leat_record *rec,
                           size_t *ret_used,
                           struct leat_error **reterr);

#endif
