/* uuid.h: the 16 bytes that name a topic, a directory or a cluster.
 *
 * On the wire 16 raw bytes; for people Kafka's form, base64url without padding, 22 characters. All
 * zero means none. Threads: any; no state. */
#ifndef PROTO_UUID_H
#define PROTO_UUID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"

#define PROTO_UUID_TEXT_SIZE 23 /* 22 characters and the NUL */

struct proto_uuid {
    uint8_t bytes[16];
};

#define PROTO_UUID_ZERO ((struct proto_uuid){{0}})

static inline bool proto_uuid_is_zero(struct proto_uuid id)
{
    static const struct proto_uuid zero = {{0}};
    return memcmp(&id, &zero, sizeof(id)) == 0;
}

static inline bool proto_uuid_equal(struct proto_uuid a, struct proto_uuid b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

/* Write the 22 characters and a NUL into `text` (PROTO_UUID_TEXT_SIZE bytes); returns text. */
char *proto_uuid_format(struct proto_uuid id, char *text);

/* The reverse, for text from outside: exactly 22 base64url characters, as Kafka's Uuid.fromString
 * reads them (the four spare bits of the last character are ignored). LEAT_EINVAL otherwise. */
int proto_uuid_parse(struct lt_slice text, struct proto_uuid *ret_id);

/* A random version 4 UUID (RFC 9562) whose text does not begin with '-', so that it can stand on a
 * command line; never one of the two that Kafka reserves (0 and 1). LEAT_EIO on systems without
 * random bytes. Source: org.apache.kafka.common.Uuid.randomUuid. */
int proto_uuid_random(struct proto_uuid *ret_id);

#endif
