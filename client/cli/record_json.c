/* record_json.c: see record_json.h. */
#include "client/cli/record_json.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "client/cli/encode.h"
#include "client/cli/offset_expr.h"

#define NAME_SIZE 64

/* Set `name`, or `name`_base64 where the bytes are no UTF-8. Returns non-zero when memory is short, as jansson does. */
static int set_bytes(json_t *object, const char *name, struct lt_slice bytes)
{
    if (bytes.data == NULL) {
        return json_object_set_new(object, name, json_null());
    }
    json_t *text = json_stringn((const char *)bytes.data, bytes.size);
    if (text != NULL) {
        return json_object_set_new(object, name, text);
    }
    char base64_name[NAME_SIZE];
    struct lt_buf buf = {0};
    (void)snprintf(base64_name, sizeof(base64_name), "%s_base64", name);
    int failed = cli_encode_base64(bytes, &buf);
    failed = failed != 0 ? failed
                         : json_object_set_new(object, base64_name,
                                               json_stringn((char *)buf.data, buf.size));
    lt_buf_release(&buf);
    return failed;
}

static json_t *headers_json(const struct leat_record *rec)
{
    json_t *headers = json_array();
    for (size_t i = 0; i < leat_record_header_count(rec); i++) {
        const char *name;
        size_t size;
        const void *value = leat_record_header_at(rec, i, &name, &size);
        json_t *header = json_object();
        if (set_bytes(header, "name", lt_slice_text(name)) != 0 ||
            set_bytes(header, "value", lt_slice(value, size)) != 0 ||
            json_array_append_new(headers, header) != 0) {
            json_decref(headers);
            return NULL;
        }
    }
    return headers;
}

static int set_contents(json_t *object, const struct leat_record *rec, bool meta_only)
{
    size_t key_size;
    size_t value_size;
    const void *key = leat_record_key(rec, &key_size);
    const void *value = leat_record_value(rec, &value_size);
    if (meta_only) {
        return json_object_set_new(object, "key_size",
                                   json_integer(key == NULL ? -1 : (json_int_t)key_size)) |
               json_object_set_new(object, "value_size",
                                   json_integer(value == NULL ? -1 : (json_int_t)value_size)) |
               json_object_set_new(object, "header_count",
                                   json_integer((json_int_t)leat_record_header_count(rec)));
    }
    return set_bytes(object, "key", lt_slice(key, key_size)) |
           set_bytes(object, "value", lt_slice(value, value_size)) |
           json_object_set_new(object, "headers", headers_json(rec));
}

int cli_record_json_write(const struct leat_record *rec,
                          bool meta_only,
                          bool pretty,
                          struct lt_buf *out)
{
    int32_t partition;
    char iso[32];
    const char *topic = leat_record_topic(rec, &partition);
    int64_t timestamp_ms = leat_record_timestamp(rec);
    json_t *object = json_pack(
        "{s:s,s:i,s:I,s:I,s:s?}", "topic", topic, "partition", (int)partition, "offset",
        (json_int_t)leat_record_offset(rec), "timestamp", (json_int_t)timestamp_ms, "timestamp_iso",
        timestamp_ms < 0 ? NULL : cli_time_format(timestamp_ms, iso, sizeof(iso)));
    char *text = NULL;
    if (object != NULL && set_contents(object, rec, meta_only) == 0) {
        text = json_dumps(object, pretty ? JSON_INDENT(2) : JSON_COMPACT);
    }
    int err = text == NULL ? LEAT_ENOMEM : lt_buf_append_text(out, text);
    lt_free(text); /* main gives jansson our allocator */
    json_decref(object);
    return err;
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
        const char *name = json_string_value(json_object_get(header, "name"));
        if (name == NULL) {
            return lt_error_set(reterr, LEAT_EINVAL, "header %zu has no \"name\"", i);
        }
        err = get_bytes(header, "value", buf, reterr);
        err = err == LEAT_ENOENT ? leat_record_add_header(rec, name, NULL, 0)
              : err == 0         ? leat_record_add_header(rec, name, buf->data, buf->size)
                                 : err;
    }
    return err;
}

static int read_contents(const json_t *object, struct leat_record *rec, struct leat_error **reterr)
{
    struct lt_buf buf = {0};
    int err = lt_buf_reserve(&buf, 1); /* so that an empty value is not null */
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
        err = read_headers(object, rec, &buf, reterr);
    }
    lt_buf_release(&buf);
    return err;
}

int cli_record_json_read(const char *line,
                         size_t size,
                         const char *topic,
                         bool keep_partition,
                         struct leat_record *rec,
                         struct leat_error **reterr)
{
    json_error_t where;
    json_t *object = json_loadb(line, size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(object)) {
        json_decref(object);
        return lt_error_set(reterr, LEAT_EINVAL, "not a JSON object: %s (column %d)", where.text,
                            where.column);
    }
    leat_record_clear(rec);
    const char *name = topic != NULL ? topic : json_string_value(json_object_get(object, "topic"));
    const json_t *partition = json_object_get(object, "partition");
    const json_t *timestamp = json_object_get(object, "timestamp");
    int32_t number =
        keep_partition && json_is_integer(partition) ? (int32_t)json_integer_value(partition) : -1;
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
