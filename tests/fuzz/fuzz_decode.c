/* fuzz_decode.c: every decoder of the protocol, fed with anything.
 *
 * The first byte chooses the message (key and direction, records too), the second its version; the rest are its bytes.
 * What a decoder accepts is encoded, decoded and encoded again: both encodings must be the same. The input as a whole also
 * goes through framing and the request header. */
#include <stdlib.h>

#include "proto/frame.h"
#include "proto/header.h"
#include "tests/support/proto/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

/* Encode into memory of exactly the announced size, for the sanitizer to watch. */
static uint8_t *
encode(const struct proto_message *codec, const void *in, int16_t version, size_t *ret_size)
{
    struct proto_writer w;
    size_t size = codec->size(in, version);
    uint8_t *bytes = malloc(size == 0 ? 1 : size);

    check(bytes != NULL);
    proto_writer_init(&w, bytes, size, NULL);
    codec->encode(in, version, &w);
    check(proto_writer_size(&w) == size);
    *ret_size = size;
    return bytes;
}

static void message(const struct test_message *row, int16_t version, struct lt_slice bytes)
{
    struct lt_arena arena;
    struct proto_reader r;
    void *first = malloc(row->codec.struct_size);
    void *second = malloc(row->codec.struct_size);

    check(first != NULL && second != NULL);
    lt_arena_init(&arena, 256U << 20);
    proto_reader_init(&r, bytes);
    if (row->codec.decode(&r, version, &arena, first) == 0) {
        size_t once_size;
        size_t twice_size;
        uint8_t *once = encode(&row->codec, first, version, &once_size);

        proto_reader_init(&r, lt_slice(once, once_size));
        check(row->codec.decode(&r, version, &arena, second) == 0);
        check(proto_reader_remaining(&r) == 0);
        uint8_t *twice = encode(&row->codec, second, version, &twice_size);
        check(lt_slice_equal(lt_slice(once, once_size), lt_slice(twice, twice_size)));
        free(once);
        free(twice);
    }
    free(first);
    free(second);
    lt_arena_release(&arena);
}

static void stream(struct lt_slice bytes)
{
    struct lt_slice frame;
    size_t need;

    (void)proto_frame_guess(bytes);
    while (proto_frame_next(bytes, 1U << 20, &frame, &need) == 0) {
        struct proto_request_header header;
        struct proto_reader r;
        const struct proto_api *api;

        proto_reader_init(&r, frame);
        if (proto_request_header_decode(&r, &header, &api) == 0) {
            check(api->key == header.api_key);
        }
        bytes = lt_slice(bytes.data + need, bytes.size - need);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    stream(lt_slice(data, size));
    if (size < 2) {
        return 0;
    }
    const struct test_message *row = &test_messages[data[0] % test_message_count];
    int version_count = row->version_max - row->version_min + 1;
    int16_t version = (int16_t)(row->version_min + data[1] % version_count);
    message(row, version, lt_slice(data + 2, size - 2));
    return 0;
}
