/* record_input.c: see record_input.h. */
#include "client/cli/record_input.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "client/cli/record_json.h"

void cli_record_input_release(struct cli_record_input *input)
{
    cli_record_format_free(input->format);
    input->format = NULL;
}

static int add_headers(const struct cli_record_input *input, struct leat_record *rec)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < input->headers->count; i++) {
        const char *pair = input->headers->words[i];
        const char *equals = strchr(pair, '=');
        char *name = lt_strndup(pair, (size_t)(equals - pair));
        code = name == NULL ? LEAT_ENOMEM
                            : leat_record_add_header(rec, name, equals + 1, strlen(equals + 1));
        lt_free(name);
    }
    return code;
}

static int split(const struct cli_record_input *input,
                 struct lt_slice *text,
                 struct lt_slice *key,
                 struct leat_error **reterr)
{
    size_t size = input->key_delimiter.size;
    const uint8_t *at =
        text->size == 0 ? NULL : memmem(text->data, text->size, input->key_delimiter.data, size);
    if (at == NULL) {
        return lt_error_set(
            reterr, LEAT_EINVAL,
            "no key delimiter '%.*s' in '%.*s%s'; -K names it, -k gives one key to all", (int)size,
            (const char *)input->key_delimiter.data, text->size > 40 ? 40 : (int)text->size,
            (const char *)text->data, text->size > 40 ? ".." : "");
    }
    *key = lt_slice(text->data, (size_t)(at - text->data));
    *text = lt_slice(at + size, text->size - key->size - size);
    return 0;
}

int cli_record_input_text(struct cli_record_input *input,
                          struct lt_slice text,
                          struct leat_record *rec,
                          struct leat_error **reterr)
{
    struct lt_slice key = lt_slice_text(input->key);
    int code = input->key_delimiter.data == NULL ? 0 : split(input, &text, &key, reterr);
    if (code != 0) {
        return code;
    }
    leat_record_clear(rec);
    code = leat_record_set_topic(
        rec, input->topic, input->partition == CLI_PARTITION_OF_RECORD ? -1 : input->partition);
    if (code == LEAT_EINVAL) {
        return lt_error_set(reterr, code, "'%s' is no topic name: 1 to 249 of a-z A-Z 0-9 . _ -",
                            input->topic);
    }
    if (code == 0 && key.data != NULL) {
        code = leat_record_set_key(rec, key.data, key.size);
    }
    if (code == 0 && !(input->tombstone && text.size == 0)) {
        code = leat_record_set_value(rec, text.data, text.size);
    }
    return code == 0 ? add_headers(input, rec) : code;
}

/* Up to the delimiter; the last record may lack it. */
static bool find_piece(struct cli_record_input *input,
                       struct lt_slice data,
                       bool last,
                       struct lt_slice *ret_piece,
                       size_t *ret_used)
{
    struct lt_slice delimiter = input->json ? lt_slice("\n", 1) : input->delimiter;
    size_t size = delimiter.size;
    const uint8_t *from = data.data + input->scanned;
    size_t left = data.size - input->scanned;
    const uint8_t *end = size == 1 ? memchr(from, delimiter.data[0], left)
                                   : memmem(from, left, delimiter.data, size);
    if (end == NULL) {
        /* A delimiter may have begun at the end. */
        input->scanned = data.size >= size ? data.size - size + 1 : 0;
        *ret_piece = data;
        *ret_used = data.size;
        return last;
    }
    *ret_piece = lt_slice(data.data, (size_t)(end - data.data));
    *ret_used = ret_piece->size + size;
    return true;
}

int cli_record_input_next(struct cli_record_input *input,
                          struct lt_slice data,
                          bool last,
                          struct leat_record *rec,
                          size_t *ret_used,
                          bool *ret_empty,
                          struct leat_error **reterr)
{
    struct lt_slice piece;
    int code;
    *ret_used = 0;
    *ret_empty = false;
    if (input->format != NULL) {
        code = cli_record_format_read(input->format, data, last, input->topic, input->partition,
                                      rec, ret_used, reterr);
        input->number += code != 0 || *ret_used > 0 ? 1 : 0;
        return code == 0 && *ret_used > 0 ? add_headers(input, rec) : code;
    }
    if (!find_piece(input, data, last, &piece, ret_used)) {
        *ret_used = 0;
        return 0;
    }
    input->scanned = 0;
    input->number++;
    if (!input->json) {
        return cli_record_input_text(input, piece, rec, reterr);
    }
    if (piece.size == 0 || (piece.size == 1 && piece.data[0] == '\r')) {
        *ret_empty = true;
        return 0;
    }
    code = cli_record_json_read((const char *)piece.data, piece.size, input->topic,
                                input->partition, rec, reterr);
    return code == 0 ? add_headers(input, rec) : code;
}
