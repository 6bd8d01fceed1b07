/* offsets.c: see offsets.h and the lists of offsets in leat.h. */
#include "client/offsets.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "client/record.h"

#define ENTRIES_FIRST 8

struct leat_offsets *leat_offsets_new(void)
{
    return lt_calloc(1, sizeof(struct leat_offsets));
}

/* Bytes that name a partition, for a place's key: its number and its topic with the NUL behind. */
#define KEY_SIZE_MAX (sizeof(int32_t) + LC_TOPIC_SIZE_MAX + 1)

struct lc_offset_place {
    UT_hash_handle hh;
    size_t at; /* of the entry */
    char key[];
};

static size_t make_key(char *key, const char *topic, int32_t partition)
{
    size_t size = strlen(topic) + 1;

    memcpy(key, &partition, sizeof(partition));
    memcpy(key + sizeof(partition), topic, size);
    return sizeof(partition) + size;
}

struct lc_offset *
lc_offsets_find(const struct leat_offsets *list, const char *topic, int32_t partition)
{
    struct lc_offset_place *place = NULL;
    char key[KEY_SIZE_MAX];
    size_t size;

    if (list == NULL || !lc_topic_ok(topic)) {
        return NULL;
    }
    size = make_key(key, topic, partition);
    HASH_FIND(hh, list->places, key, size, place);
    return place == NULL ? NULL : &list->entries[place->at];
}

/* Add an entry that is not there. */
static int append(struct leat_offsets *list, const struct lc_offset *entry)
{
    struct lc_offset_place *place;
    size_t size;

    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? ENTRIES_FIRST : list->capacity * 2;
        void *entries = lt_reallocarray(list->entries, capacity, sizeof(list->entries[0]));

        if (entries == NULL) {
            return LEAT_ENOMEM;
        }
        list->entries = entries;
        list->capacity = capacity;
    }
    place = lt_malloc(sizeof(*place) + sizeof(int32_t) + strlen(entry->topic) + 1);
    if (place == NULL) {
        return LEAT_ENOMEM;
    }
    size = make_key(place->key, entry->topic, entry->partition);
    place->at = list->count;
    HASH_ADD(hh, list->places, key, size, place);
    if (!lt_hash_added(place)) {
        lt_free(place);
        return LEAT_ENOMEM;
    }
    list->entries[list->count] = *entry;
    list->entries[list->count++].topic = place->key + sizeof(int32_t);
    return 0;
}

int leat_offsets_add(struct leat_offsets *list,
                     const char *topic,
                     int32_t partition,
                     int64_t offset)
{
    struct lc_offset fresh = {.offset = offset, .partition = partition};
    struct lc_offset *entry;

    if (list == NULL || !lc_topic_ok(topic) || partition < 0) {
        return LEAT_EINVAL;
    }
    entry = lc_offsets_find(list, topic, partition);
    if (entry != NULL) {
        entry->offset = offset;
        return 0;
    }
    fresh.topic = topic;
    return append(list, &fresh);
}

struct leat_offsets *lc_offsets_copy(const struct leat_offsets *list)
{
    struct leat_offsets *copy = leat_offsets_new();
    int err = copy == NULL ? LEAT_ENOMEM : 0;

    for (size_t i = 0; i < leat_offsets_count(list) && err == 0; i++) {
        err = append(copy, &list->entries[i]); /* no partition comes twice: no need to look */
    }
    if (err < 0) {
        leat_offsets_free(copy);
        return NULL;
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
    struct lc_offset_place *place;
    struct lc_offset_place *following;

    if (list == NULL) {
        return;
    }
    HASH_ITER (hh, list->places, place, following) {
        HASH_DEL(list->places, place);
        lt_free(place);
    }
    lt_free(list->entries);
    lt_free(list);
}
