#include "proto/frame.h"

#include "leat/err.h"
#include "proto/varint.h"

int proto_frame_next(struct lt_slice bytes,
                     size_t size_max,
                     struct lt_slice *ret_frame,
                     size_t *ret_need)
{
    if (bytes.size < PROTO_FRAME_PREFIX) {
        *ret_need = PROTO_FRAME_PREFIX;
        return LEAT_EAGAIN;
    }
    int32_t size = proto_load_i32(bytes.data);
    if (size < PROTO_FRAME_SIZE_MIN) {
        return LEAT_EPROTOCOL;
    }
    if ((size_t)size > size_max) {
        return LEAT_E2BIG;
    }
    *ret_need = PROTO_FRAME_PREFIX + (size_t)size;
    if (bytes.size < *ret_need) {
        return LEAT_EAGAIN;
    }
    *ret_frame = lt_slice(bytes.data + PROTO_FRAME_PREFIX, (size_t)size);
    return 0;
}

const char *proto_frame_guess(struct lt_slice first)
{
    static const char *const http_starts[] = {"GET ",   "PUT ",     "POST ",    "HEAD ",  "DELETE ",
                                              "PATCH ", "OPTIONS ", "CONNECT ", "TRACE ", "PRI * "};

    for (size_t i = 0; i < sizeof(http_starts) / sizeof(http_starts[0]); i++) {
        size_t size = strlen(http_starts[i]);
        if (first.size >= size && memcmp(first.data, http_starts[i], size) == 0) {
            return "HTTP request";
        }
    }
    /* A TLS record of type handshake, version 3.x, whose sixth byte says client hello. */
    if (first.size >= 6 && first.data[0] == 0x16 && first.data[1] == 0x03 &&
        first.data[5] == 0x01) {
        return "TLS client hello";
    }
    if (first.size >= 4 && memcmp(first.data, "SSH-", 4) == 0) {
        return "SSH client";
    }
    return NULL;
}

const char *proto_frame_guess_answer(struct lt_slice first)
{
    if (first.size >= 5 && memcmp(first.data, "HTTP/", 5) == 0) {
        return "an HTTP server listens there";
    }
    /* A TLS record of type alert, version 3.x: what we sent is no client hello. */
    if (first.size >= 2 && first.data[0] == 0x15 && first.data[1] == 0x03) {
        return "the port wants TLS";
    }
    if (first.size >= 4 && memcmp(first.data, "SSH-", 4) == 0) {
        return "an SSH server listens there";
    }
    return NULL;
}
