/* offsets.c: see offsets.h and the lists of offsets in leat.h. */
#include "client/offsets.h"

#include <string.h>

#include "base/alloc.h"
#include "client/record.h"

#define ENTRIES_FIRST 8

struct leat_offsets *leat_offsets_new(void)
{
    return lt_calloc(1, sizeof(struct leat_offsets));
}

struct lc_offset *
lc_offsets_find(const struct leat_offsets *list, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < list->count; i++) {
        struct lc_offset *entry = &list->entries[i];

        if (entry->partition == partition && strcmp(entry->topic, topic) == 0) {
            return entry;
        }
    }
    return NULL;
}

int leat_offsets_add(struct leat_offsets *list,
                     const char *topic,
                     int32_t partition,
                     int64_t offset)
{
    struct lc_offset *entry;
    char *name;

    if (list == NULL || !lc_topic_ok(topic) || partition < 0) {
        return LEAT_EINVAL;
    }
    entry = lc_offsets_find(list, topic, partition);
    if (entry != NULL) {
        entry->offset = offset;
        return 0;
    }
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? ENTRIES_FIRST : list->capacity * 2;
        void *entries = lt_reallocarray(list->entries, capacity, sizeof(list->entries[0]));

        if (entries == NULL) {
            return LEAT_ENOMEM;
        }
        list->entries = entries;
        list->capacity = capacity;
    }
    name = lt_strdup(topic);
    if (name == NULL) {
        return LEAT_ENOMEM;
    }
    list->entries[list->count++] =
        (struct lc_offset){.topic = name, .offset = offset, .partition = partition};
    return 0;
}

struct leat_offsets *lc_offsets_copy(const struct leat_offsets *list)
{
    size_t count = leat_offsets_count(list);
    struct leat_offsets *copy = leat_offsets_new();
    struct lc_offset *entries = lt_calloc(count + 1, sizeof(entries[0]));

    if (copy == NULL || entries == NULL) {
        lt_free(copy);
        lt_free(entries);
        return NULL;
    }
    copy->entries = entries;
    copy->capacity = count + 1;
    for (size_t i = 0; i < count; i++) { /* no partition comes twice: no need to look */
        char *name = lt_strdup(list->entries[i].topic);

        if (name == NULL) {
            leat_offsets_free(copy);
            return NULL;
        }
        copy->entries[i] = list->entries[i];
        copy->entries[i].topic = name;
        copy->count++;
    }
    return copy;
}

size_t leat_offsets_count(const struct leat_offsets *list)
{
    return list == NULL ? 0 : list->count;
}

const char *leat_offsets_at(const struct leat_offsets *list,
                            size_t i,
                            int32_t *ret_partition,
                            int64_t *ret_offset,
                            int *ret_code)
{
    const struct lc_offset *entry = i < leat_offsets_count(list) ? &list->entries[i] : NULL;

    if (ret_partition != NULL) {
        *ret_partition = entry == NULL ? -1 : entry->partition;
    }
    if (ret_offset != NULL) {
        *ret_offset = entry == NULL ? -1 : entry->offset;
    }
    if (ret_code != NULL) {
        *ret_code = entry == NULL ? 0 : entry->code;
    }
    return entry == NULL ? NULL : entry->topic;
}

void leat_offsets_free(struct leat_offsets *list)
{
    if (list == NULL) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        lt_free(list->entries[i].topic);
    }
    lt_free(list->entries);
    lt_free(list);
}
