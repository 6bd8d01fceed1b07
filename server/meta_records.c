/* meta_records.c: keys and values of the metadata store. See meta_records.h. */
#include "server/meta_records.h"

#include <string.h>

#define VERSION_SIZE 2

static struct lt_slice text_or_null(const char *text)
{
    return text == NULL ? LT_SLICE_NULL : lt_slice_text(text);
}

struct lt_slice meta_key_topic(struct lt_arena *arena, const char *name)
{
    return text_or_null(lt_arena_printf(arena, "topic/%s", name));
}

struct lt_slice
meta_key_config(struct lt_arena *arena, enum srv_resource resource, const char *name)
{
    const char *kind = resource == SRV_RESOURCE_TOPIC ? "topic" : "broker";
    return text_or_null(lt_arena_printf(arena, "config/%s/%s", kind, name));
}

struct lt_slice
meta_key_epoch(struct lt_arena *arena, const struct proto_uuid *id, int32_t partition)
{
    char text[PROTO_UUID_TEXT_SIZE];
    return text_or_null(
        lt_arena_printf(arena, "epoch/%s/%d", proto_uuid_format(*id, text), partition));
}

struct lt_slice meta_key_deleted(struct lt_arena *arena, const struct proto_uuid *id)
{
    char text[PROTO_UUID_TEXT_SIZE];
    return text_or_null(lt_arena_printf(arena, "deleted/%s", proto_uuid_format(*id, text)));
}

/* Room for the version and `size` bytes; the version is written. NULL without memory. */
static uint8_t *value_begin(struct lt_arena *arena, size_t size, struct proto_writer *w)
{
    uint8_t *memory = lt_arena_alloc(arena, VERSION_SIZE + size);
    if (memory != NULL) {
        proto_writer_init(w, memory, VERSION_SIZE + size, NULL);
        proto_write_int16(w, 0);
    }
    return memory;
}

/* One pair of functions per record: both directions differ only in the type. */
#define VALUE(record)                                                                              \
    static struct lt_slice value_##record(struct lt_arena *arena, const struct proto_##record *in) \
    {                                                                                              \
        struct proto_writer w;                                                                     \
        size_t size = proto_##record##_size(in, 0);                                                \
        uint8_t *memory = value_begin(arena, size, &w);                                            \
        if (memory == NULL) {                                                                      \
            return LT_SLICE_NULL;                                                                  \
        }                                                                                          \
        proto_##record##_encode(in, 0, &w);                                                        \
        return lt_slice(memory, proto_writer_size(&w));                                            \
    }                                                                                              \
    static int read_##record(struct lt_slice value, struct lt_arena *arena,                        \
                             struct proto_##record *ret)                                           \
    {                                                                                              \
        struct proto_reader r;                                                                     \
        proto_reader_init(&r, value);                                                              \
        int16_t version = proto_read_int16(&r);                                                    \
        if (r.err != 0) {                                                                          \
            return LEAT_ECORRUPT;                                                                  \
        }                                                                                          \
        if (version != 0) {                                                                        \
            return LEAT_EUNSUPPORTED;                                                              \
        }                                                                                          \
        int err = proto_##record##_decode(&r, version, arena, ret);                                \
        return err == LEAT_EPROTOCOL ? LEAT_ECORRUPT : err;                                        \
    }

VALUE(cluster_meta)
VALUE(topic_meta)
VALUE(config_meta)
VALUE(epoch_meta)
VALUE(deleted_topic_meta)
VALUE(producer_ids_meta)

struct lt_slice meta_value_cluster(struct lt_arena *arena, const struct proto_cluster_meta *in)
{
    return value_cluster_meta(arena, in);
}

struct lt_slice meta_value_topic(struct lt_arena *arena, const struct proto_topic_meta *in)
{
    return value_topic_meta(arena, in);
}

struct lt_slice
meta_value_config(struct lt_arena *arena, const struct srv_config_pair *pairs, size_t count)
{
    struct proto_config_meta_entry *entries = lt_arena_calloc(arena, count + 1, sizeof(*entries));
    if (entries == NULL) {
        return LT_SLICE_NULL;
    }
    for (size_t i = 0; i < count; i++) {
        entries[i] = (struct proto_config_meta_entry){lt_slice_text(pairs[i].name),
                                                      lt_slice_text(pairs[i].value)};
    }
    struct proto_config_meta config = {.entries = entries, .entries_count = (int32_t)count};
    return value_config_meta(arena, &config);
}

struct lt_slice meta_value_epoch(struct lt_arena *arena, int32_t leader_epoch)
{
    struct proto_epoch_meta epoch = {.leader_epoch = leader_epoch};
    return value_epoch_meta(arena, &epoch);
}

struct lt_slice meta_value_deleted(struct lt_arena *arena,
                                   const struct proto_deleted_topic_meta *in)
{
    return value_deleted_topic_meta(arena, in);
}

int meta_read_cluster(struct lt_slice value, struct lt_arena *arena, struct proto_cluster_meta *ret)
{
    return read_cluster_meta(value, arena, ret);
}

int meta_read_topic(struct lt_slice value, struct lt_arena *arena, struct proto_topic_meta *ret)
{
    int err = read_topic_meta(value, arena, ret);
    bool sound = err != 0 || (ret->partition_count > 0 && !proto_uuid_is_zero(ret->topic_id));
    return sound ? err : LEAT_ECORRUPT;
}

int meta_read_config(struct lt_slice value,
                     struct lt_arena *arena,
                     struct srv_config_pair **ret_pairs,
                     size_t *ret_count)
{
    struct proto_config_meta config;
    int err = read_config_meta(value, arena, &config);
    if (err != 0) {
        return err;
    }
    size_t count = config.entries_count < 0 ? 0 : (size_t)config.entries_count;
    struct srv_config_pair *pairs = lt_arena_calloc(arena, count + 1, sizeof(*pairs));
    for (size_t i = 0; pairs != NULL && i < count; i++) {
        pairs[i].name = lt_arena_text(arena, config.entries[i].name);
        pairs[i].value = lt_arena_text(arena, config.entries[i].value);
        if (pairs[i].name == NULL || pairs[i].value == NULL) {
            return LEAT_ENOMEM;
        }
    }
    if (pairs == NULL) {
        return LEAT_ENOMEM;
    }
    *ret_pairs = pairs;
    *ret_count = count;
    return 0;
}

int meta_read_epoch(struct lt_slice value, struct lt_arena *arena, int32_t *ret_leader_epoch)
{
    struct proto_epoch_meta epoch;
    int err = read_epoch_meta(value, arena, &epoch);
    if (err == 0) {
        *ret_leader_epoch = epoch.leader_epoch;
    }
    return err;
}

int meta_read_deleted(struct lt_slice value,
                      struct lt_arena *arena,
                      struct proto_deleted_topic_meta *ret)
{
    return read_deleted_topic_meta(value, arena, ret);
}

struct lt_slice meta_value_producer_ids(struct lt_arena *arena, int64_t next_id)
{
    struct proto_producer_ids_meta ids = {.next_id = next_id};
    return value_producer_ids_meta(arena, &ids);
}

int meta_read_producer_ids(struct lt_slice value, int64_t *ret_next_id)
{
    struct proto_producer_ids_meta ids;
    struct lt_arena arena;
    lt_arena_init(&arena, 0);
    int err = read_producer_ids_meta(value, &arena, &ids);
    lt_arena_release(&arena);
    if (err == 0 && ids.next_id < 0) {
        err = LEAT_ECORRUPT;
    }
    if (err == 0) {
        *ret_next_id = ids.next_id;
    }
    return err;
}
