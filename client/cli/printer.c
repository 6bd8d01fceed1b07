/* printer.c: see printer.h. */
#include "client/cli/printer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/cli/encode.h"
#include "client/cli/interrupt.h"
#include "client/cli/offset_expr.h"
#include "client/cli/record_json.h"

#define FLUSH_BYTES (1 << 16)
#define EXIT_SIGPIPE 141 /* what a shell shows for a program that SIGPIPE ended */

void cli_printer_release(struct cli_printer *printer)
{
    cli_record_format_free(printer->format);
    printer->format = NULL;
    lt_buf_release(&printer->out);
}

/* As if SIGPIPE had not been ignored by whoever started this program. */
static void end_by_pipe(void)
{
    (void)signal(SIGPIPE, SIG_DFL); /* a valid signal */
    (void)raise(SIGPIPE);
    _exit(EXIT_SIGPIPE); /* it was blocked */
}

void cli_printer_check_reader(void)
{
    struct pollfd fd = {.fd = STDOUT_FILENO};
    if (poll(&fd, 1, 0) == 1 && (fd.revents & POLLERR) != 0) {
        end_by_pipe();
    }
}

int cli_printer_flush(struct cli_printer *printer)
{
    size_t written = 0;
    while (written < printer->out.size) {
        ssize_t got =
            write(STDOUT_FILENO, printer->out.data + written, printer->out.size - written);
        if (got < 0 && errno == EINTR) {
            got = 0;
        }
        if (got < 0 && errno == EPIPE) {
            end_by_pipe();
        }
        if (got < 0) {
            printer->out.size = 0;
            return LEAT_EIO;
        }
        written += (size_t)got;
        if (written < printer->out.size && cli_interrupted()) {
            printer->out.size = 0; /* nobody reads, and the user wants to stop */
            return LEAT_EINTR;
        }
    }
    printer->out.size = 0;
    return 0;
}

static int add_field(struct lt_buf *out, int err, struct lt_slice text)
{
    err = err == 0 ? lt_buf_append(out, "  ", 2) : err;
    if (err != 0) {
        return err;
    }
    return text.data == NULL ? lt_buf_append(out, "-", 1)
                             : lt_buf_append(out, text.data, text.size);
}

/* 2026-11-20T10:12:03.101Z  orders/1@0  ord-42  {"id":42}  source=web; what is null is "-". */
static int add_line(struct lt_buf *out, const struct leat_record *rec, bool meta_only)
{
    char time[32];
    int32_t partition;
    size_t key_size;
    size_t value_size;
    const char *topic = leat_record_topic(rec, &partition);
    const void *key = leat_record_key(rec, &key_size);
    const void *value = leat_record_value(rec, &value_size);
    int err =
        lt_buf_append_text(out, cli_time_format(leat_record_timestamp(rec), time, sizeof(time)));
    err = add_field(out, err, lt_slice_text(topic));
    err = err == 0 ? lt_buf_append(out, "/", 1) : err;
    err = err == 0 ? cli_encode_decimal(partition, out) : err;
    err = err == 0 ? lt_buf_append(out, "@", 1) : err;
    err = err == 0 ? cli_encode_decimal(leat_record_offset(rec), out) : err;
    if (meta_only) {
        err = err == 0 ? lt_buf_printf(out, "  key %lld B  value %lld B  %zu headers\n",
                                       key == NULL ? -1LL : (long long)key_size,
                                       value == NULL ? -1LL : (long long)value_size,
                                       leat_record_header_count(rec))
                       : err;
        return err;
    }
    err = add_field(out, err, lt_slice(key, key_size));
    err = add_field(out, err, lt_slice(value, value_size));
    for (size_t i = 0; err == 0 && i < leat_record_header_count(rec); i++) {
        const char *name;
        size_t size;
        const void *text = leat_record_header_at(rec, i, &name, &size);
        err = add_field(out, err, lt_slice_text(name));
        err = err == 0 ? lt_buf_append(out, "=", 1) : err;
        err = err == 0 && text != NULL ? lt_buf_append(out, text, size) : err;
    }
    return err == 0 ? lt_buf_append(out, "\n", 1) : err;
}

int cli_printer_add(struct cli_printer *printer, const struct leat_record *rec)
{
    int err;
    switch (printer->form) {
    case CLI_PRINT_JSON:
        err = cli_record_json_write(rec, printer->meta_only, printer->pretty, &printer->out);
        err = err == 0 ? lt_buf_append(&printer->out, "\n", 1) : err;
        break;
    case CLI_PRINT_LINE:
        err = add_line(&printer->out, rec, printer->meta_only);
        break;
    case CLI_PRINT_FORMAT:
    default:
        err = cli_record_format_write(printer->format, rec, printer->count, &printer->out);
    }
    printer->count++;
    return err == 0 && (printer->unbuffered || printer->out.size >= FLUSH_BYTES)
               ? cli_printer_flush(printer)
               : err;
}
