/* record_json.c: see record_json.h. */
#include "client/cli/record_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "client/cli/encode.h"
#include "client/cli/offset_expr.h"

#define NAME_SIZE 64

static int add_text(struct lt_buf *out, int err, const char *text)
{
    return err == 0 ? lt_buf_append_text(out, text) : err;
}

static int add_number(struct lt_buf *out, int err, const char *name, int64_t number)
{
    err = add_text(out, err, name);
    return err == 0 ? cli_encode_decimal(number, out) : err;
}

/* "name":"text", or "name_base64":"..." where the bytes are no UTF-8. `name` begins with the comma, if there is one. */
static int add_bytes(struct lt_buf *out, int err, const char *name, struct lt_slice bytes)
{
    bool text = bytes.data == NULL || cli_utf8_check(bytes);
    err = add_text(out, err, name);
    err = add_text(out, err, text ? "\":" : "_base64\":");
    return err == 0 ? cli_encode_json(bytes, out) : err;
}

static int add_headers(struct lt_buf *out, int err, const struct leat_record *rec)
{
    err = add_text(out, err, ",\"headers\":[");
    for (size_t i = 0; err == 0 && i < leat_record_header_count(rec); i++) {
        const char *name;
        size_t size;
        const void *value = leat_record_header_at(rec, i, &name, &size);
        err = add_bytes(out, err, i == 0 ? "{\"name" : ",{\"name", lt_slice_text(name));
        err = add_bytes(out, err, ",\"value", lt_slice(value, size));
        err = add_text(out, err, "}");
    }
    return add_text(out, err, "]");
}

static int add_contents(struct lt_buf *out, int err, const struct leat_record *rec, bool meta_only)
{
    size_t key_size;
    size_t value_size;
    const void *key = leat_record_key(rec, &key_size);
    const void *value = leat_record_value(rec, &value_size);
    if (meta_only) {
        err = add_number(out, err, ",\"key_size\":", key == NULL ? -1 : (int64_t)key_size);
        err = add_number(out, err, ",\"value_size\":", value == NULL ? -1 : (int64_t)value_size);
        return add_number(out, err, ",\"header_count\":", (int64_t)leat_record_header_count(rec));
    }
    err = add_bytes(out, err, ",\"key", lt_slice(key, key_size));
    err = add_bytes(out, err, ",\"value", lt_slice(value, value_size));
    return add_headers(out, err, rec);
}

static int write_compact(const struct leat_record *rec, bool meta_only, struct lt_buf *out)
{
    int32_t partition;
    char iso[32];
    const char *topic = leat_record_topic(rec, &partition);
    int64_t timestamp_ms = leat_record_timestamp(rec);
    int64_t control = leat_record_info(rec, LEAT_RECORD_CONTROL);
    int err = add_bytes(out, 0, "{\"topic", lt_slice_text(topic));
    err = add_number(out, err, ",\"partition\":", partition);
    err = add_number(out, err, ",\"offset\":", leat_record_offset(rec));
    err = add_number(out, err, ",\"timestamp\":", timestamp_ms);
    err = add_text(out, err, ",\"timestamp_iso\":");
    if (timestamp_ms < 0) {
        err = add_text(out, err, "null");
    } else {
        err = add_text(out, err, "\"");
        err = add_text(out, err, cli_time_format(timestamp_ms, iso, sizeof(iso)));
        err = add_text(out, err, "\"");
    }
    if (control >= 0) {
        err = add_text(out, err,
                       control == 0   ? ",\"control\":\"abort\""
                       : control == 1 ? ",\"control\":\"commit\""
                                      : ",\"control\":\"other\"");
    }
    err = add_contents(out, err, rec, meta_only);
    return add_text(out, err, "}");
}

/* Over several lines: jansson does that; speed does not matter for what people read. */
static int indent(struct lt_buf *out, size_t from)
{
    json_t *object =
        json_loadb((const char *)out->data + from, out->size - from, JSON_ALLOW_NUL, NULL);
    char *text = object == NULL ? NULL : json_dumps(object, JSON_INDENT(2));
    out->size = from;
    int err = text == NULL ? LEAT_ENOMEM : lt_buf_append_text(out, text);
    lt_free(text); /* main gives jansson our allocator */
    json_decref(object);
    return err;
}

int cli_record_json_write(const struct leat_record *rec,
                          bool meta_only,
                          bool pretty,
                          struct lt_buf *out)
{
    size_t from = out->size;
    int err = write_compact(rec, meta_only, out);
    return err == 0 && pretty ? indent(out, from) : err;
}

/* ---- read ---- */

/* Bytes of member `name` or its base64 form. LEAT_ENOENT: neither is there, or null. */
static int
get_bytes(const json_t *object, const char *name, struct lt_buf *out, struct leat_error **reterr)
{
    char base64_name[NAME_SIZE];
    (void)snprintf(base64_name, sizeof(base64_name), "%s_base64", name);
    const json_t *text = json_object_get(object, name);
    const json_t *base64 = json_object_get(object, base64_name);
    out->size = 0;
    if (json_is_string(text)) {
        return lt_buf_append(out, json_string_value(text), json_string_length(text));
    }
    if (json_is_string(base64)) {
        int err = cli_decode_base64(json_string_value(base64), out);
        return err == LEAT_EINVAL ? lt_error_set(reterr, err, "\"%s\" is not base64", base64_name)
                                  : err;
    }
    if ((text != NULL && !json_is_null(text)) || (base64 != NULL && !json_is_null(base64))) {
        return lt_error_set(reterr, LEAT_EINVAL, "\"%s\" must be a string or null", name);
    }
    return LEAT_ENOENT;
}

static int read_headers(const json_t *object,
                        struct leat_record *rec,
                        struct lt_buf *name,
                        struct lt_buf *buf,
                        struct leat_error **reterr)
{
    const json_t *headers = json_object_get(object, "headers");
    if (headers == NULL || json_is_null(headers)) {
        return 0;
    }
    if (!json_is_array(headers)) {
        return lt_error_set(reterr, LEAT_EINVAL, "\"headers\" must be an array");
    }
    int err = 0;
    size_t i;
    const json_t *header;
    for (i = 0; err == 0 && i < json_array_size(headers); i++) {
        header = json_array_get(headers, i);
        err = get_bytes(header, "name", name, reterr);
        if (err == LEAT_ENOENT || (err == 0 && memchr(name->data, '\0', name->size) != NULL)) {
            return lt_error_set(reterr, LEAT_EINVAL, "header %zu has no usable \"name\"", i + 1);
        }
        const char *text = err == 0 ? lt_buf_text(name) : NULL;
        err = err == 0 && text == NULL ? LEAT_ENOMEM : err;
        err = err == 0 ? get_bytes(header, "value", buf, reterr) : err;
        err = err == LEAT_ENOENT ? leat_record_add_header(rec, text, NULL, 0)
              : err == 0         ? leat_record_add_header(rec, text, buf->data, buf->size)
                                 : err;
    }
    return err;
}

static int read_contents(const json_t *object, struct leat_record *rec, struct leat_error **reterr)
{
    struct lt_buf buf = {0};
    struct lt_buf name = {0};
    int err = lt_buf_reserve(&buf, 1); /* so that an empty value is not null */
    err = err == 0 ? lt_buf_reserve(&name, 1) : err;
    if (err == 0) {
        err = get_bytes(object, "key", &buf, reterr);
        err = err == 0             ? leat_record_set_key(rec, buf.data, buf.size)
              : err == LEAT_ENOENT ? 0
                                   : err;
    }
    if (err == 0) {
        err = get_bytes(object, "value", &buf, reterr);
        err = err == 0             ? leat_record_set_value(rec, buf.data, buf.size)
              : err == LEAT_ENOENT ? 0
                                   : err;
    }
    if (err == 0) {
        err = read_headers(object, rec, &name, &buf, reterr);
    }
    lt_buf_release(&name);
    lt_buf_release(&buf);
    return err;
}

int cli_record_json_read(const char *line,
                         size_t size,
                         const char *topic,
                         int32_t partition,
                         struct leat_record *rec,
                         struct leat_error **reterr)
{
    json_error_t where;
    json_t *object = json_loadb(line, size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(object)) {
        json_decref(object);
        return lt_error_set(
            reterr, LEAT_EINVAL,
            "not a JSON object as 'leat consume --json' prints one per line: %s (column %d)",
            where.text, where.column);
    }
    leat_record_clear(rec);
    const char *name = topic != NULL ? topic : json_string_value(json_object_get(object, "topic"));
    const json_t *own_partition = json_object_get(object, "partition");
    const json_t *timestamp = json_object_get(object, "timestamp");
    int32_t number = partition;
    if (partition == CLI_PARTITION_OF_RECORD) {
        json_int_t own = json_is_integer(own_partition) ? json_integer_value(own_partition) : -1;
        number = own < -1 || own > INT32_MAX ? -2 : (int32_t)own;
    }
    int err = leat_record_set_topic(rec, name, number);
    if (err == LEAT_EINVAL) {
        err = lt_error_set(reterr, err, "no usable \"topic\" or \"partition\"");
    }
    if (err == 0 && json_is_integer(timestamp)) {
        leat_record_set_timestamp(rec, json_integer_value(timestamp));
    }
    if (err == 0) {
        err = read_contents(object, rec, reterr);
    }
    json_decref(object);
    return err;
}
