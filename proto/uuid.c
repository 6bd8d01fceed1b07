#include "proto/uuid.h"

#include "base/os.h"
#include "leat/err.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *proto_uuid_format(struct proto_uuid id, char *text)
{
    char *out = text;
    uint32_t bits = 0;
    unsigned bit_count = 0;

    for (size_t i = 0; i < sizeof(id.bytes); i++) {
        bits = bits << 8 | id.bytes[i];
        bit_count += 8;
        while (bit_count >= 6) {
            bit_count -= 6;
            *out++ = digits[bits >> bit_count & 0x3f];
        }
    }
    *out++ = digits[bits << (6 - bit_count) & 0x3f]; /* the last two bits, four zero bits behind */
    *out = '\0';
    return text;
}

int proto_uuid_parse(struct lt_slice text, struct proto_uuid *ret_id)
{
    struct proto_uuid id = PROTO_UUID_ZERO;
    size_t size = 0;
    uint32_t bits = 0;
    unsigned bit_count = 0;

    if (text.size != PROTO_UUID_TEXT_SIZE - 1) {
        return LEAT_EINVAL;
    }
    for (size_t i = 0; i < text.size; i++) {
        const char *digit = memchr(digits, text.data[i], sizeof(digits) - 1);
        if (digit == NULL) {
            return LEAT_EINVAL;
        }
        bits = bits << 6 | (uint32_t)(digit - digits);
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            id.bytes[size++] = (uint8_t)(bits >> bit_count);
        }
    }
    *ret_id = id;
    return 0;
}

int proto_uuid_random(struct proto_uuid *ret_id)
{
    struct proto_uuid id;
    char text[PROTO_UUID_TEXT_SIZE];

    do {
        int err = lt_os_random(&id, sizeof(id));
        if (err != 0) {
            return err;
        }
        /* The version and variant bits also keep it clear of Kafka's reserved values 0 and 1. */
        id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x40);
        id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    } while (proto_uuid_format(id, text)[0] == '-');
    *ret_id = id;
    return 0;
}
