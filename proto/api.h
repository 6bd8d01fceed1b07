/* api.h: every client-facing API of Kafka, one row each, for code that dispatches by number.
 *
 * The rows are made from proto/schema/ (see proto/schema/README.md); the typed functions behind
 * them are declared in proto/messages.h. A row says what the codec can do and what Kafka 4.3.1
 * advertises, not what this server offers: that list is the server's. Threads: any; constant. */
#ifndef PROTO_API_H
#define PROTO_API_H

#include <stddef.h>
#include <stdint.h>

#include "proto/api_list.h"
#include "proto/wire.h"

/* One direction of one API, type-erased. The pointers take the struct of that message, struct_size
 * bytes, e.g. struct proto_produce_request; what they do stands in proto/schema/README.md. */
struct proto_message {
    size_t struct_size;
    void (*init)(void *ret);
    int (*decode)(struct proto_reader *r, int16_t version, struct lt_arena *arena, void *ret);
    size_t (*size)(const void *in, int16_t version);
    void (*encode)(const void *in, int16_t version, struct proto_writer *w);
};

struct proto_api {
    int16_t key;
    const char *name;       /* Kafka's, "OffsetCommit" */
    int16_t advertised_min; /* as in Kafka 4.3.1's ApiVersions; min > max: not advertised */
    int16_t advertised_max;
    int16_t served_min; /* versions the codec knows; others close the connection (but see
                           ApiVersions) */
    int16_t served_max;
    int16_t flexible_min; /* first flexible version; INT16_MAX: never */
    struct proto_message request;
    struct proto_message response;
};

/* PROTO_API_PRODUCE = 0, PROTO_API_FETCH = 1, ...: the API keys. */
enum proto_api_key {
#define XX(NAME, name, key, ...) PROTO_API_##NAME = key,
    PROTO_API_LIST(XX)
#undef XX
};

/* All rows, ascending key. */
extern const struct proto_api proto_apis[];
extern const size_t proto_api_count;

/* The row of an API key, NULL if there is none. Constant time. */
const struct proto_api *proto_api_find(int16_t key);

#endif
