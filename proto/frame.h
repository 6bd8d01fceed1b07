/* frame.h: where one request or response ends in a stream of bytes.
 *
 * A frame is an int32 size, which does not count itself, and that many bytes: a header and a
 * message. Not here: reading from sockets, buffers. Threads: any; no state. */
#ifndef PROTO_FRAME_H
#define PROTO_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define PROTO_FRAME_PREFIX 4     /* bytes of the size */
#define PROTO_FRAME_GUESS_SIZE 8 /* bytes that proto_frame_guess wants to see */
#define PROTO_FRAME_SIZE_MIN \
    4 /* a response's correlation id; a request is longer, which its header finds */

/* Look for a frame at the start of `bytes`.
 *
 *   size_max   most bytes that the frame may have behind the size (socket.request.max.bytes)
 *   ret_frame  set for 0: the bytes behind the size, borrowed; the next frame begins where it ends
 *   ret_need   set for 0 and LEAT_EAGAIN: bytes from the start of `bytes` to the end of this frame,
 *              its size included; 4 while the size itself is incomplete
 *
 * Returns 0, LEAT_EAGAIN (read until there are *ret_need bytes, then ask again), LEAT_EPROTOCOL
 * (negative or too short to be anything) or LEAT_E2BIG; after the last two the stream cannot be read
 * any further: close it. */
int proto_frame_next(struct lt_slice bytes,
                     size_t size_max,
                     struct lt_slice *ret_frame,
                     size_t *ret_need);

/* What somebody speaks who does not speak Kafka, from the first bytes of a connection (8 are
 * enough): "HTTP request", "TLS client hello", "SSH client", or NULL for none of them. To be asked
 * when a frame is refused. Constant strings. */
const char *proto_frame_guess(struct lt_slice first);

/* The same for the first bytes of an answer, as a clause: "the port wants TLS". No frame begins like that: it would be
 * larger than 300 MB. */
const char *proto_frame_guess_answer(struct lt_slice first);

#endif
