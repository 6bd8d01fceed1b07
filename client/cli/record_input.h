/* record_input.h: bytes of the input as records: lines, lines with a key, JSON lines, or a format of -f.
 *
 * Threads: the main thread. */
#ifndef CLI_RECORD_INPUT_H
#define CLI_RECORD_INPUT_H

#include "client/cli/command.h"
#include "client/cli/record_format.h"

/* How the input is to be read; texts are borrowed. */
struct cli_record_input {
    const char *topic;
    int32_t partition; /* CLI_PARTITION_OF_RECORD: as the input says, else by key */
    const char *key;   /* of every record, NULL = none */
    struct lt_slice delimiter;
    struct lt_slice key_delimiter;    /* null: no key in the text */
    const struct cli_words *headers;  /* NAME=VALUE, added to every record */
    struct cli_record_format *format; /* owned; NULL: delimiters */
    bool json;
    bool tombstone; /* an empty value is null */
    int64_t number; /* records so far */
    size_t scanned; /* bytes at the front that hold no delimiter */
};

void cli_record_input_release(struct cli_record_input *input);

/* The record at the front of `data` into `rec`. *ret_used: its bytes, delimiter included; 0: more are needed (never with
 * `last`). *ret_empty: nothing to send (an empty line between JSON objects). LEAT_EINVAL: the message says what is wrong. */
int cli_record_input_next(struct cli_record_input *input,
                          struct lt_slice data,
                          bool last,
                          struct leat_record *rec,
                          size_t *ret_used,
                          bool *ret_empty,
                          struct leat_error **reterr);

/* A record from a text of its own, as --value gives one. */
int cli_record_input_text(struct cli_record_input *input,
                          struct lt_slice text,
                          struct leat_record *rec,
                          struct leat_error **reterr);

#endif
