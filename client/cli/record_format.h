/* record_format.h: one record as text, by the verbs of -f.
 *
 *   %t topic  %T its length      %p partition  %o offset  %e leader epoch  %i running number  %% percent
 *   %k key    %K length (-1)     %v value  %V length (-1)      %s %S kcat's names for them     %R = %V{big32}
 *   %d timestamp ms, %d{iso}, %d{strftime[%F %T]}     %x producer id  %y producer epoch
 *   %h{ ... } repeated for each header, with %k and %v inside     %H header count
 *   %a{compression} %a{timestamp-type} %a{transactional}
 *   %[ log start  %| last stable  %] high watermark
 *   texts take {hex} {base64} {json} {unpack[>I$]}, numbers {big16} {big32} {big64} {little16} {little32} {little64}
 *   \t \n \r \\ \xNN     %{ %} braces
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
void cli_record_format_free(struct cli_record_format *format); /* NULL is accepted */

/* Append the record to `out`; `number` is %i. LEAT_ENOMEM. */
int cli_record_format_write(const struct cli_record_format *format,
                            const struct leat_record *rec,
                            int64_t number,
                            struct lt_buf *out);

#endif
