/* checkpoint.c: parse with checks, write as a whole. */
#include "storage/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"

/* 250 bytes a line, a million partitions: far beyond leat.partitions.max, far below what memory stands. */
#define CHECKPOINT_SIZE_MAX ((size_t)256 << 20)

struct line_reader {
    const char *next;
    const char *end;
    int line; /* of the last line returned, from 1 */
};

static bool next_line(struct line_reader *reader, const char **ret_line, size_t *ret_size);
static bool parse_number(const char *text, size_t size, int64_t max, int64_t *ret);
static int parse_entry(const char *line, size_t size, struct log_checkpoint *ret);
static int compare_entries(const void *left, const void *right);

void log_checkpoint_init(struct log_checkpoint *checkpoint)
{
    *checkpoint = (struct log_checkpoint){NULL, 0, 0};
}

void log_checkpoint_release(struct log_checkpoint *checkpoint)
{
    for (size_t i = 0; i < checkpoint->count; i++) {
        lt_free(checkpoint->entries[i].topic);
    }
    lt_free(checkpoint->entries);
    log_checkpoint_init(checkpoint);
}

static int add_sized(struct log_checkpoint *checkpoint,
                     const char *topic,
                     size_t topic_size,
                     int32_t partition,
                     int64_t offset)
{
    if (checkpoint->count == checkpoint->capacity) {
        size_t capacity = checkpoint->capacity == 0 ? 16 : checkpoint->capacity * 2;
        void *grown =
            lt_reallocarray(checkpoint->entries, capacity, sizeof(checkpoint->entries[0]));
        if (grown == NULL) {
            return LEAT_ENOMEM;
        }
        checkpoint->entries = grown;
        checkpoint->capacity = capacity;
    }
    char *copy = lt_strndup(topic, topic_size);
    if (copy == NULL) {
        return LEAT_ENOMEM;
    }
    checkpoint->entries[checkpoint->count++] =
        (struct log_checkpoint_entry){copy, partition, offset};
    return 0;
}

int log_checkpoint_add(struct log_checkpoint *checkpoint,
                       const char *topic,
                       int32_t partition,
                       int64_t offset)
{
    LT_ASSERT(partition >= 0);
    LT_ASSERT(offset >= 0);
    return add_sized(checkpoint, topic, strlen(topic), partition, offset);
}

int log_checkpoint_read(const struct lt_file_ops *ops,
                        const char *path,
                        struct log_checkpoint *ret,
                        struct leat_error **reterr)
{
    struct lt_buf text;
    lt_buf_init(&text);
    int err = lt_file_read(ops, path, CHECKPOINT_SIZE_MAX, &text);
    if (err < 0) {
        err = lt_error_set_errno(reterr, err, errno, "%s", path);
    } else {
        err = log_checkpoint_parse((const char *)text.data, text.size, path, ret, reterr);
    }
    lt_buf_release(&text);
    return err;
}

int log_checkpoint_parse(const char *text,
                         size_t size,
                         const char *name,
                         struct log_checkpoint *ret,
                         struct leat_error **reterr)
{
    LT_ASSERT(ret->count == 0);
    struct line_reader reader = {text, text == NULL ? text : text + size, 0};
    const char *line;
    size_t line_size;
    int64_t version;
    int64_t count;
    if (!next_line(&reader, &line, &line_size) ||
        !parse_number(line, line_size, INT32_MAX, &version) || version != 0) {
        return lt_error_set(reterr, LT_CORRUPT(), "%s: line 1 is not the version 0", name);
    }
    if (!next_line(&reader, &line, &line_size) ||
        !parse_number(line, line_size, INT32_MAX, &count)) {
        return lt_error_set(reterr, LT_CORRUPT(), "%s: line 2 is not a count", name);
    }
    int err = 0;
    while (err == 0 && next_line(&reader, &line, &line_size)) {
        err = parse_entry(line, line_size, ret);
    }
    if (err == LEAT_ECORRUPT) {
        (void)lt_error_set(reterr, err, "%s: line %d is not \"topic partition offset\"", name,
                           reader.line);
    } else if (err == 0 && ret->count != (size_t)count) {
        err = lt_error_set(reterr, LT_CORRUPT(), "%s: %zu entries where line 2 says %" PRId64, name,
                           ret->count, count);
    }
    if (err == 0 && ret->count > 0) {
        qsort(ret->entries, ret->count, sizeof(ret->entries[0]), compare_entries);
        for (size_t i = 1; err == 0 && i < ret->count; i++) {
            if (compare_entries(&ret->entries[i - 1], &ret->entries[i]) == 0) {
                err = lt_error_set(reterr, LT_CORRUPT(), "%s: %s-%" PRId32 " stands there twice",
                                   name, ret->entries[i].topic, ret->entries[i].partition);
            }
        }
    }
    if (err < 0) {
        log_checkpoint_release(ret);
    }
    return err;
}

/* A last line without a newline is a line too: Kafka's reader takes it. */
static bool next_line(struct line_reader *reader, const char **ret_line, size_t *ret_size)
{
    if (reader->next == reader->end) {
        return false;
    }
    const char *start = reader->next;
    size_t left = (size_t)(reader->end - start);
    const char *newline = memchr(start, '\n', left);
    *ret_line = start;
    *ret_size = newline == NULL ? left : (size_t)(newline - start);
    reader->next = newline == NULL ? reader->end : newline + 1;
    reader->line++;
    return true;
}

static bool parse_number(const char *text, size_t size, int64_t max, int64_t *ret)
{
    if (size == 0 || size > 19) {
        return false;
    }
    uint64_t value = 0; /* 19 digits fit */
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    if (value > (uint64_t)max) {
        return false;
    }
    *ret = (int64_t)value;
    return true;
}

static int parse_entry(const char *line, size_t size, struct log_checkpoint *ret)
{
    const char *first = memchr(line, ' ', size);
    if (first == NULL || first == line || memchr(line, '\0', size) != NULL) {
        return LT_CORRUPT();
    }
    const char *rest = first + 1;
    size_t rest_size = size - (size_t)(rest - line);
    const char *second = memchr(rest, ' ', rest_size);
    if (second == NULL) {
        return LT_CORRUPT();
    }
    int64_t partition;
    int64_t offset;
    if (!parse_number(rest, (size_t)(second - rest), INT32_MAX, &partition) ||
        !parse_number(second + 1, rest_size - (size_t)(second + 1 - rest), INT64_MAX, &offset)) {
        return LT_CORRUPT();
    }
    return add_sized(ret, line, (size_t)(first - line), (int32_t)partition, offset);
}

static int compare_entries(const void *left, const void *right)
{
    const struct log_checkpoint_entry *a = left;
    const struct log_checkpoint_entry *b = right;
    int order = strcmp(a->topic, b->topic);
    if (order != 0) {
        return order;
    }
    return (a->partition > b->partition) - (a->partition < b->partition);
}

int64_t log_checkpoint_find(const struct log_checkpoint *checkpoint,
                            const char *topic,
                            int32_t partition,
                            int64_t missing)
{
    size_t low = 0;
    size_t high = checkpoint->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct log_checkpoint_entry *entry = &checkpoint->entries[middle];
        int order = strcmp(entry->topic, topic);
        if (order == 0) {
            order = (entry->partition > partition) - (entry->partition < partition);
        }
        if (order == 0) {
            return entry->offset;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return missing;
}

int log_checkpoint_write(const struct lt_file_ops *ops,
                         const char *path,
                         const struct log_checkpoint *checkpoint,
                         struct leat_error **reterr)
{
    struct lt_buf text;
    lt_buf_init(&text);
    int err = lt_buf_printf(&text, "0\n%zu\n", checkpoint->count);
    for (size_t i = 0; err == 0 && i < checkpoint->count; i++) {
        const struct log_checkpoint_entry *entry = &checkpoint->entries[i];
        err = lt_buf_printf(&text, "%s %" PRId32 " %" PRId64 "\n", entry->topic, entry->partition,
                            entry->offset);
    }
    if (err < 0) {
        (void)lt_error_set(reterr, err, "%s: %s", path, lt_err_text(err));
    } else {
        err = lt_file_replace(ops, path, lt_buf_slice(&text));
        if (err < 0) {
            (void)lt_error_set_errno(reterr, err, errno, "%s", path);
        }
    }
    lt_buf_release(&text);
    return err;
}
