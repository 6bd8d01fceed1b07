#include "proto/compress_snappy.h"

#include "base/error.h"
#include "proto/varint.h"

#ifdef LEAT_HAVE_SNAPPY

#include <snappy-c.h>

#define XERIAL_MAGIC_SIZE 8
#define XERIAL_HEADER_SIZE 16
#define XERIAL_BLOCK_SIZE ((size_t)32 << 10)

static const uint8_t xerial_header[XERIAL_HEADER_SIZE] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0,
                                                          0,    0,   0,   1,   0,   0,   0,   1};

static bool is_xerial(const uint8_t *data, size_t size);
static int decompress_block(struct lt_slice in, size_t size_max, struct lt_buf *out);

int proto_snappy_compress(struct lt_slice in, struct lt_buf *out)
{
    size_t start = out->size;
    size_t blocks = (in.size + XERIAL_BLOCK_SIZE - 1) / XERIAL_BLOCK_SIZE;
    int err = lt_buf_reserve(
        out, XERIAL_HEADER_SIZE + blocks * (4 + snappy_max_compressed_length(XERIAL_BLOCK_SIZE)));
    if (err != 0) {
        return err;
    }
    memcpy(out->data + out->size, xerial_header, XERIAL_HEADER_SIZE);
    out->size += XERIAL_HEADER_SIZE;
    for (size_t done = 0; done < in.size;) {
        size_t size = in.size - done < XERIAL_BLOCK_SIZE ? in.size - done : XERIAL_BLOCK_SIZE;
        size_t packed = out->capacity - out->size - 4;
        if (snappy_compress((const char *)in.data + done, size, (char *)out->data + out->size + 4,
                            &packed) != SNAPPY_OK) {
            out->size = start;
            return LEAT_ENOMEM; /* the room is enough: only memory can be short */
        }
        proto_store_u32(out->data + out->size, (uint32_t)packed);
        out->size += 4 + packed;
        done += size;
    }
    return 0;
}

int proto_snappy_decompress(struct lt_slice in, size_t size_max, struct lt_buf *out)
{
    if (!is_xerial(in.data, in.size)) {
        return decompress_block(in, size_max, out);
    }
    size_t start = out->size;
    size_t at = 0;
    int err = in.size < XERIAL_HEADER_SIZE ? LEAT_ECORRUPT : 0;
    while (err == 0 && at < in.size) {
        if (is_xerial(in.data + at, in.size - at)) {
            if (in.size - at < XERIAL_HEADER_SIZE) {
                err = LEAT_ECORRUPT;
                break;
            }
            at += XERIAL_HEADER_SIZE;
            continue;
        }
        if (in.size - at < 4) {
            err = LEAT_ECORRUPT;
            break;
        }
        size_t packed = proto_load_u32(in.data + at);
        at += 4;
        if (packed > in.size - at) {
            err = LEAT_ECORRUPT;
            break;
        }
        size_t done = out->size - start;
        err = decompress_block(lt_slice(in.data + at, packed), size_max - done, out);
        at += packed;
    }
    if (err != 0) {
        out->size = start;
    }
    return err;
}

static bool is_xerial(const uint8_t *data, size_t size)
{
    return size >= XERIAL_MAGIC_SIZE && memcmp(data, xerial_header, XERIAL_MAGIC_SIZE) == 0;
}

static int decompress_block(struct lt_slice in, size_t size_max, struct lt_buf *out)
{
    size_t size = 0;
    if (snappy_uncompressed_length((const char *)in.data, in.size, &size) != SNAPPY_OK) {
        return LEAT_ECORRUPT;
    }
    if (size > size_max) {
        return LEAT_E2BIG;
    }
    /* A block that claims more than snappy can reach (a 3-byte copy makes 64 bytes) is a lie: do
     * not allocate for it. */
    if (size / 64 > in.size) {
        return LEAT_ECORRUPT;
    }
    /* One byte more: an empty block must not leave out without memory. */
    int err = lt_buf_reserve(out, size + 1);
    if (err != 0) {
        return err;
    }
    if (snappy_uncompress((const char *)in.data, in.size, (char *)out->data + out->size, &size) !=
        SNAPPY_OK) {
        return LEAT_ECORRUPT;
    }
    out->size += size;
    return 0;
}

#else

int proto_snappy_compress(struct lt_slice in, struct lt_buf *out)
{
    (void)in;
    (void)out;
    return LEAT_ECODEC;
}

int proto_snappy_decompress(struct lt_slice in, size_t size_max, struct lt_buf *out)
{
    (void)in;
    (void)size_max;
    (void)out;
    return LEAT_ECODEC;
}

#endif
