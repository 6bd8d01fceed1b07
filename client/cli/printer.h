/* printer.h: records to stdout, in one of their forms, many per write.
 *
 * stdio is left out: one buffer is filled and written as a whole. A reader that has gone ends this program as SIGPIPE would.
 * Threads: the main thread. */
#ifndef CLI_PRINTER_H
#define CLI_PRINTER_H

#include "base/buf.h"
#include "client/cli/record_format.h"

enum cli_print_form {
    CLI_PRINT_FORMAT = 0, /* by `format` */
    CLI_PRINT_JSON = 1,   /* one object per line */
    CLI_PRINT_LINE = 2,   /* time, place, key, value, headers: leat tail */
};

struct cli_printer {
    enum cli_print_form form;
    struct cli_record_format *format; /* owned */
    bool pretty, meta_only, unbuffered;
    int64_t count; /* records so far */
    struct lt_buf out;
};

void cli_printer_release(struct cli_printer *printer);

/* Add a record; writes when enough is there. LEAT_ENOMEM, LEAT_EIO. */
int cli_printer_add(struct cli_printer *printer, const struct leat_record *rec);

/* Write what there is. LEAT_EIO: errno says why; LEAT_EINTR: Ctrl-C while nobody read. */
int cli_printer_flush(struct cli_printer *printer);

/* Has the reader of stdout gone? Then this does not return. */
void cli_printer_check_reader(void);

#endif
