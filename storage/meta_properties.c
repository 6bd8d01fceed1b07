/* meta_properties.c: lines of key and value, each checked. */
#include "storage/meta_properties.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/assert.h"

struct line {
    struct lt_slice key;
    struct lt_slice value;
};

/* Cut the next line off *text. False at its end. */
static bool next_line(struct lt_slice *text, struct lt_slice *ret_line)
{
    if (text->size == 0) {
        return false;
    }
    const uint8_t *newline = memchr(text->data, '\n', text->size);
    size_t size = newline == NULL ? text->size : (size_t)(newline - text->data);
    *ret_line = lt_slice(text->data, size);
    size_t taken = newline == NULL ? size : size + 1;
    *text = lt_slice(text->data + taken, text->size - taken);
    return true;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f';
}

static struct lt_slice trimmed(struct lt_slice text)
{
    while (text.size > 0 && is_space(text.data[0])) {
        text = lt_slice(text.data + 1, text.size - 1);
    }
    while (text.size > 0 && is_space(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

/* key, separator, value. False: no separator. */
static bool split(struct lt_slice text, const char *separators, struct line *ret)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '\0' && strchr(separators, text.data[i]) != NULL) {
            ret->key = trimmed(lt_slice(text.data, i));
            ret->value = trimmed(lt_slice(text.data + i + 1, text.size - i - 1));
            return true;
        }
    }
    return false;
}

static bool parse_number(struct lt_slice text, int32_t *ret)
{
    int64_t value = 0;
    if (text.size == 0 || text.size > 10) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    if (value > INT32_MAX) {
        return false;
    }
    *ret = (int32_t)value;
    return true;
}

/* An id in its text form; checked, then kept as text. */
static bool take_id(struct lt_slice value, char ret[PROTO_UUID_TEXT_SIZE])
{
    struct proto_uuid id;
    if (ret[0] != '\0' || proto_uuid_parse(value, &id) < 0) {
        return false;
    }
    LT_ASSERT(value.size == PROTO_UUID_TEXT_SIZE - 1);
    memcpy(ret, value.data, value.size);
    ret[value.size] = '\0';
    return true;
}

/* False: the value of a key that is ours is none, or the key stood there before. */
static bool take_line(const struct line *line, struct log_meta_properties *meta, int32_t *version)
{
    if (lt_slice_is(line->key, "version")) {
        return *version < 0 && parse_number(line->value, version);
    }
    if (lt_slice_is(line->key, "node.id")) {
        return meta->node_id < 0 && parse_number(line->value, &meta->node_id);
    }
    if (lt_slice_is(line->key, "cluster.id")) {
        return take_id(line->value, meta->cluster_id);
    }
    if (lt_slice_is(line->key, "directory.id")) {
        return take_id(line->value, meta->directory_id);
    }
    return true;
}

int log_meta_properties_parse(struct lt_slice text,
                              const char *name,
                              struct log_meta_properties *ret,
                              struct leat_error **reterr)
{
    struct log_meta_properties meta = {.node_id = -1, .cluster_id = "", .directory_id = ""};
    int32_t version = -1;
    struct lt_slice raw;
    for (int number = 1; next_line(&text, &raw); number++) {
        raw = trimmed(raw);
        if (raw.size == 0 || raw.data[0] == '#' || raw.data[0] == '!') {
            continue;
        }
        struct line line;
        if (!split(raw, "=:", &line) || !take_line(&line, &meta, &version)) {
            return lt_error_set(reterr, LT_CORRUPT(), "%s: line %d is not a setting of such a file",
                                name, number);
        }
    }
    if (version >= 0 && version != 1) {
        return lt_error_set(reterr, LEAT_EUNSUPPORTED,
                            "%s: version=%" PRId32 ", this server knows version=1", name, version);
    }
    if (version < 0 || meta.node_id < 0 || meta.cluster_id[0] == '\0') {
        const char *missing = version < 0 ? "version" : meta.node_id < 0 ? "node.id" : "cluster.id";
        return lt_error_set(reterr, LT_CORRUPT(), "%s: has no %s", name, missing);
    }
    *ret = meta;
    return 0;
}

int log_meta_properties_format(const struct log_meta_properties *meta, struct lt_buf *buf)
{
    return lt_buf_printf(buf, "version=1\ncluster.id=%s\nnode.id=%" PRId32 "\ndirectory.id=%s\n",
                         meta->cluster_id, meta->node_id, meta->directory_id);
}

int log_partition_metadata_parse(struct lt_slice text,
                                 const char *name,
                                 struct proto_uuid *ret_topic_id,
                                 struct leat_error **reterr)
{
    struct lt_slice raw;
    struct line line;
    int32_t version;
    if (!next_line(&text, &raw) || !split(raw, ":", &line) || !lt_slice_is(line.key, "version") ||
        !parse_number(line.value, &version)) {
        return lt_error_set(reterr, LT_CORRUPT(), "%s: line 1 is not \"version: 0\"", name);
    }
    if (version != 0) {
        return lt_error_set(reterr, LEAT_EUNSUPPORTED,
                            "%s: version %" PRId32 ", this server knows version 0", name, version);
    }
    struct proto_uuid id;
    if (!next_line(&text, &raw) || !split(raw, ":", &line) || !lt_slice_is(line.key, "topic_id") ||
        proto_uuid_parse(line.value, &id) < 0 || proto_uuid_is_zero(id)) {
        return lt_error_set(reterr, LT_CORRUPT(), "%s: line 2 is not \"topic_id: <id>\"", name);
    }
    *ret_topic_id = id;
    return 0;
}

int log_partition_metadata_format(struct proto_uuid topic_id, struct lt_buf *buf)
{
    char text[PROTO_UUID_TEXT_SIZE];
    return lt_buf_printf(buf, "version: 0\ntopic_id: %s\n", proto_uuid_format(topic_id, text));
}
