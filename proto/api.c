#include "proto/api.h"

#include "proto/messages.h"

/* One function per message and operation whose only work is to give the pointers of struct
 * proto_message their type. */
#define ERASE(message)                                                                        \
    static void message##_init_any(void *ret)                                                 \
    {                                                                                         \
        proto_##message##_init(ret);                                                          \
    }                                                                                         \
    static int message##_decode_any(struct proto_reader *r, int16_t version,                  \
                                    struct lt_arena *arena, void *ret)                        \
    {                                                                                         \
        return proto_##message##_decode(r, version, arena, ret);                              \
    }                                                                                         \
    static size_t message##_size_any(const void *in, int16_t version)                         \
    {                                                                                         \
        return proto_##message##_size(in, version);                                           \
    }                                                                                         \
    static void message##_encode_any(const void *in, int16_t version, struct proto_writer *w) \
    {                                                                                         \
        proto_##message##_encode(in, version, w);                                             \
    }

#define XX(NAME, name, ...) ERASE(name##_request) ERASE(name##_response)
PROTO_API_LIST(XX)
#undef XX

#define MESSAGE(message)                                                          \
    {                                                                             \
        sizeof(struct proto_##message), message##_init_any, message##_decode_any, \
            message##_size_any, message##_encode_any                              \
    }

const struct proto_api proto_apis[] = {
#define XX(NAME, name, key, text, adv_min, adv_max, served_min, served_max, flexible_min) \
    {key,                                                                                 \
     text,                                                                                \
     adv_min,                                                                             \
     adv_max,                                                                             \
     served_min,                                                                          \
     served_max,                                                                          \
     flexible_min,                                                                        \
     MESSAGE(name##_request),                                                             \
     MESSAGE(name##_response)},
    PROTO_API_LIST(XX)
#undef XX
};

const size_t proto_api_count = sizeof(proto_apis) / sizeof(proto_apis[0]);

/* Places in proto_apis, in the order of the list. */
enum {
#define XX(NAME, ...) PLACE_##NAME,
    PROTO_API_LIST(XX)
#undef XX
};

/* By key: place + 1; 0 = no such API. */
static const uint8_t place_by_key[] = {
#define XX(NAME, name, key, ...) [key] = PLACE_##NAME + 1,
    PROTO_API_LIST(XX)
#undef XX
};

const struct proto_api *proto_api_find(int16_t key)
{
    if (key < 0 || (size_t)key >= sizeof(place_by_key) || place_by_key[key] == 0) {
        return NULL;
    }
    return &proto_apis[place_by_key[key] - 1];
}
