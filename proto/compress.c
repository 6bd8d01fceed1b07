#include "proto/compress.h"

#include <lz4frame.h>
#include <lz4hc.h>
#include <pthread.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "proto/compress_snappy.h"

/* What one thread keeps between calls. */
struct contexts {
    ZSTD_CCtx *zstd_compress;
    ZSTD_DCtx *zstd_decompress;
    LZ4F_dctx *lz4_decompress;
    z_stream deflate;
    z_stream inflate;
    int deflate_level;
    bool has_deflate;
    bool has_inflate;
};

struct codec {
    const char *name;
    int level_min, level_max, level_default;
    bool has_levels;
    bool available;
    int (*compress)(int level, struct lt_slice in, struct lt_buf *out);
    int (*decompress)(struct lt_slice in, size_t size_max, struct lt_buf *out);
};

static int none_compress(int level, struct lt_slice in, struct lt_buf *out);
static int none_decompress(struct lt_slice in, size_t size_max, struct lt_buf *out);
static int gzip_compress(int level, struct lt_slice in, struct lt_buf *out);
static int gzip_decompress(struct lt_slice in, size_t size_max, struct lt_buf *out);
static int snappy_stream_compress(int level, struct lt_slice in, struct lt_buf *out);
static int lz4_compress(int level, struct lt_slice in, struct lt_buf *out);
static int lz4_decompress(struct lt_slice in, size_t size_max, struct lt_buf *out);
static int zstd_compress(int level, struct lt_slice in, struct lt_buf *out);
static int zstd_decompress(struct lt_slice in, size_t size_max, struct lt_buf *out);
static struct contexts *contexts_get(void);
static int grow(struct lt_buf *out, size_t start, size_t size_max, size_t first, size_t *ret_room);

#ifdef LEAT_HAVE_SNAPPY
#define SNAPPY_AVAILABLE true
#else
#define SNAPPY_AVAILABLE false
#endif

#define LZ4_LEVEL_FAST 9 /* Kafka's default level: means the fast compressor */

/* Levels: Kafka CompressionType. */
static const struct codec codecs[PROTO_CODEC_COUNT] = {
    {"none", 0, 0, 0, false, true, none_compress, none_decompress},
    {"gzip", 1, 9, -1, true, true, gzip_compress, gzip_decompress},
    {"snappy", 0, 0, 0, false, SNAPPY_AVAILABLE, snappy_stream_compress, proto_snappy_decompress},
    {"lz4", 1, 17, LZ4_LEVEL_FAST, true, true, lz4_compress, lz4_decompress},
    {"zstd", -131072, 22, 3, true, true, zstd_compress, zstd_decompress},
};

const char *proto_codec_name(int codec)
{
    return codec >= 0 && codec < PROTO_CODEC_COUNT ? codecs[codec].name : "unknown";
}

int proto_codec_from_name(struct lt_slice name, int *ret_codec)
{
    if (lt_slice_is(name, "producer")) {
        *ret_codec = PROTO_CODEC_PRODUCER;
        return 0;
    }
    if (lt_slice_is(name, "uncompressed")) {
        *ret_codec = PROTO_CODEC_NONE;
        return 0;
    }
    for (int codec = 0; codec < PROTO_CODEC_COUNT; codec++) {
        if (lt_slice_is(name, codecs[codec].name)) {
            *ret_codec = codec;
            return 0;
        }
    }
    return LEAT_ENOENT;
}

bool proto_codec_available(int codec)
{
    return codec >= 0 && codec < PROTO_CODEC_COUNT && codecs[codec].available;
}

int proto_codec_levels(int codec, int *ret_min, int *ret_max, int *ret_default)
{
    if (codec < 0 || codec >= PROTO_CODEC_COUNT || !codecs[codec].has_levels) {
        return LEAT_ECODEC;
    }
    *ret_min = codecs[codec].level_min;
    *ret_max = codecs[codec].level_max;
    *ret_default = codecs[codec].level_default;
    return 0;
}

int proto_compress(int codec, int level, struct lt_slice in, struct lt_buf *out)
{
    if (!proto_codec_available(codec)) {
        return LEAT_ECODEC;
    }
    if (in.size > INT32_MAX) {
        return LEAT_E2BIG;
    }
    const struct codec *row = &codecs[codec];
    if (level == PROTO_LEVEL_DEFAULT || level == row->level_default) {
        level = row->level_default;
    } else if (level < row->level_min) {
        level = row->level_min;
    } else if (level > row->level_max) {
        level = row->level_max;
    }
    size_t start = out->size;
    int err = row->compress(level, in, out);
    if (err != 0) {
        out->size = start;
    }
    return err;
}

int proto_decompress(int codec, struct lt_slice in, size_t size_max, struct lt_buf *out)
{
    if (!proto_codec_available(codec)) {
        return LEAT_ECODEC;
    }
    if (in.size > INT32_MAX) {
        return LEAT_E2BIG;
    }
    if (in.size == 0 && codec != PROTO_CODEC_NONE) {
        return LEAT_ECORRUPT; /* even nothing has a frame around it */
    }
    size_t start = out->size;
    int err = codecs[codec].decompress(in, size_max, out);
    if (err != 0) {
        out->size = start;
    }
    LT_ASSERT(out->size - start <= size_max);
    return err;
}

size_t proto_decompress_max(size_t size)
{
    const size_t floor = (size_t)1 << 20;
    if (size > PROTO_DECOMPRESS_MAX / 1000) {
        return PROTO_DECOMPRESS_MAX;
    }
    return size * 1000 > floor ? size * 1000 : floor;
}

/* ---- contexts ---- */

static pthread_once_t contexts_once = PTHREAD_ONCE_INIT;
static pthread_key_t contexts_key;
static bool contexts_key_made;

static void contexts_free(void *arg)
{
    struct contexts *ctx = arg;
    if (ctx == NULL) {
        return;
    }
    (void)ZSTD_freeCCtx(ctx->zstd_compress); /* freeing cannot fail, and NULL is accepted */
    (void)ZSTD_freeDCtx(ctx->zstd_decompress);
    (void)LZ4F_freeDecompressionContext(ctx->lz4_decompress);
    if (ctx->has_deflate) {
        (void)deflateEnd(&ctx->deflate); /* complains only of unfinished streams */
    }
    if (ctx->has_inflate) {
        (void)inflateEnd(&ctx->inflate);
    }
    lt_free(ctx);
}

static void contexts_make_key(void)
{
    contexts_key_made = pthread_key_create(&contexts_key, contexts_free) == 0;
}

/* NULL when memory (or thread keys) are short. */
static struct contexts *contexts_get(void)
{
    if (pthread_once(&contexts_once, contexts_make_key) != 0 || !contexts_key_made) {
        return NULL;
    }
    struct contexts *ctx = pthread_getspecific(contexts_key);
    if (ctx != NULL) {
        return ctx;
    }
    ctx = lt_calloc(1, sizeof(*ctx));
    if (ctx != NULL && pthread_setspecific(contexts_key, ctx) != 0) {
        lt_free(ctx);
        ctx = NULL;
    }
    return ctx;
}

void proto_compress_thread_release(void)
{
    if (pthread_once(&contexts_once, contexts_make_key) != 0 || !contexts_key_made) {
        return;
    }
    contexts_free(pthread_getspecific(contexts_key));
    (void)pthread_setspecific(contexts_key, NULL); /* storing NULL needs no memory */
}

/* Room for more output, at least one byte. One byte above size_max may be used, so that a stream
 * that is too long shows itself: that is LEAT_E2BIG. The first call makes room for `first` bytes,
 * later ones double what is there. */
static int grow(struct lt_buf *out, size_t start, size_t size_max, size_t first, size_t *ret_room)
{
    size_t used = out->size - start;
    if (used > size_max) {
        return LEAT_E2BIG;
    }
    size_t limit = size_max < SIZE_MAX ? size_max + 1 - used : size_max - used;
    size_t room = out->capacity - out->size;
    if (room == 0 || used == 0) {
        size_t want = used > first ? used : first;
        want = want < limit ? want : limit;
        if (room < want) {
            int err = lt_buf_reserve(out, want);
            if (err != 0) {
                return err;
            }
            room = out->capacity - out->size;
        }
    }
    *ret_room = room < limit ? room : limit;
    return 0;
}

/* After a stream ended: one byte too many is too many. */
static int within(const struct lt_buf *out, size_t start, size_t size_max)
{
    return out->size - start > size_max ? LEAT_E2BIG : 0;
}

/* ---- none ---- */

static int none_compress(int level, struct lt_slice in, struct lt_buf *out)
{
    (void)level;
    return lt_buf_append(out, in.data, in.size);
}

static int none_decompress(struct lt_slice in, size_t size_max, struct lt_buf *out)
{
    return in.size > size_max ? LEAT_E2BIG : lt_buf_append(out, in.data, in.size);
}

/* ---- snappy ---- */

static int snappy_stream_compress(int level, struct lt_slice in, struct lt_buf *out)
{
    (void)level;
    return proto_snappy_compress(in, out);
}

/* ---- gzip ---- */

#define GZIP_WINDOW_BITS (15 + 16) /* 16: gzip framing */

static voidpf zlib_alloc(voidpf opaque, uInt items, uInt size)
{
    (void)opaque;
    return lt_reallocarray(NULL, items, size);
}

static void zlib_free(voidpf opaque, voidpf ptr)
{
    (void)opaque;
    lt_free(ptr);
}

static z_stream *gzip_deflate(int level)
{
    struct contexts *ctx = contexts_get();
    if (ctx == NULL) {
        return NULL;
    }
    if (ctx->has_deflate && ctx->deflate_level == level && deflateReset(&ctx->deflate) == Z_OK) {
        return &ctx->deflate;
    }
    if (ctx->has_deflate) {
        (void)deflateEnd(&ctx->deflate); /* complains only of unfinished streams */
        ctx->has_deflate = false;
    }
    ctx->deflate = (z_stream){.zalloc = zlib_alloc, .zfree = zlib_free};
    if (deflateInit2(&ctx->deflate, level, Z_DEFLATED, GZIP_WINDOW_BITS, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        return NULL;
    }
    ctx->has_deflate = true;
    ctx->deflate_level = level;
    return &ctx->deflate;
}

static z_stream *gzip_inflate(void)
{
    struct contexts *ctx = contexts_get();
    if (ctx == NULL) {
        return NULL;
    }
    if (ctx->has_inflate) {
        return inflateReset(&ctx->inflate) == Z_OK ? &ctx->inflate : NULL;
    }
    ctx->inflate = (z_stream){.zalloc = zlib_alloc, .zfree = zlib_free};
    if (inflateInit2(&ctx->inflate, GZIP_WINDOW_BITS) != Z_OK) {
        return NULL;
    }
    ctx->has_inflate = true;
    return &ctx->inflate;
}

static int gzip_compress(int level, struct lt_slice in, struct lt_buf *out)
{
    z_stream *stream = gzip_deflate(level);
    if (stream == NULL) {
        return LEAT_ENOMEM;
    }
    size_t bound = deflateBound(stream, in.size);
    int err = lt_buf_reserve(out, bound);
    if (err != 0) {
        return err;
    }
    stream->next_in = (z_const Bytef *)(uintptr_t)in.data; /* zlib does not write there */
    stream->avail_in = (uInt)in.size;
    stream->next_out = out->data + out->size;
    stream->avail_out = (uInt)bound;
    int got = deflate(stream, Z_FINISH);
    LT_ASSERT(got == Z_STREAM_END); /* deflateBound promises that one call is enough */
    out->size += bound - stream->avail_out;
    return 0;
}

static int gzip_decompress(struct lt_slice in, size_t size_max, struct lt_buf *out)
{
    z_stream *stream = gzip_inflate();
    if (stream == NULL) {
        return LEAT_ENOMEM;
    }
    size_t start = out->size;
    stream->next_in = (z_const Bytef *)(uintptr_t)in.data;
    stream->avail_in = (uInt)in.size;
    for (;;) {
        size_t room = 0;
        int err = grow(out, start, size_max, in.size * 4, &room);
        if (err != 0) {
            return err;
        }
        room = room < INT32_MAX ? room : INT32_MAX;
        stream->next_out = out->data + out->size;
        stream->avail_out = (uInt)room;
        int got = inflate(stream, Z_NO_FLUSH);
        out->size += room - stream->avail_out;
        if (got == Z_STREAM_END) {
            if (stream->avail_in == 0) {
                return within(out, start, size_max);
            }
            /* The next member. */
            if (inflateReset(stream) != Z_OK) {
                return LEAT_ECORRUPT;
            }
            continue;
        }
        if (got == Z_MEM_ERROR) {
            return LEAT_ENOMEM;
        }
        if (got != Z_OK || (stream->avail_in == 0 && stream->avail_out > 0)) {
            return LEAT_ECORRUPT; /* damaged, or it ends too early */
        }
    }
}

/* ---- lz4 ---- */

#define LZ4_BLOCK_SIZE ((size_t)64 << 10)

static int lz4_compress(int level, struct lt_slice in, struct lt_buf *out)
{
    /* Java's consumer refuses linked blocks; 64 KiB is what Java writes. */
    LZ4F_preferences_t prefs = LZ4F_INIT_PREFERENCES;
    prefs.frameInfo.blockSizeID = LZ4F_max64KB;
    prefs.frameInfo.blockMode = LZ4F_blockIndependent;
    if (level != LZ4_LEVEL_FAST) {
        prefs.compressionLevel = level < LZ4HC_CLEVEL_MIN   ? LZ4HC_CLEVEL_MIN
                                 : level > LZ4HC_CLEVEL_MAX ? LZ4HC_CLEVEL_MAX
                                                            : level;
    }
    size_t bound = LZ4F_compressFrameBound(in.size, &prefs);
    int err = lt_buf_reserve(out, bound);
    if (err != 0) {
        return err;
    }
    size_t size = LZ4F_compressFrame(out->data + out->size, bound, in.data, in.size, &prefs);
    if (LZ4F_isError(size)) {
        return LEAT_ENOMEM; /* the room is enough: only memory can be short */
    }
    out->size += size;
    return 0;
}

static int lz4_decompress(struct lt_slice in, size_t size_max, struct lt_buf *out)
{
    struct contexts *ctx = contexts_get();
    if (ctx == NULL) {
        return LEAT_ENOMEM;
    }
    if (ctx->lz4_decompress == NULL &&
        LZ4F_isError(LZ4F_createDecompressionContext(&ctx->lz4_decompress, LZ4F_VERSION))) {
        ctx->lz4_decompress = NULL;
        return LEAT_ENOMEM;
    }
    LZ4F_resetDecompressionContext(ctx->lz4_decompress);
    size_t start = out->size;
    size_t at = 0;
    /* With room for a whole block the library decodes in place. */
    size_t first = in.size * 4 > LZ4_BLOCK_SIZE ? in.size * 4 : LZ4_BLOCK_SIZE;
    for (;;) {
        size_t room = 0;
        int err = grow(out, start, size_max, first, &room);
        if (err != 0) {
            return err;
        }
        size_t taken = in.size - at;
        size_t made = room;
        size_t more = LZ4F_decompress(ctx->lz4_decompress, out->data + out->size, &made,
                                      in.data + at, &taken, NULL);
        if (LZ4F_isError(more)) {
            return LEAT_ECORRUPT;
        }
        at += taken;
        out->size += made;
        if (more == 0 && at == in.size) {
            return within(out, start, size_max);
        }
        if (taken == 0 && made == 0) {
            return LEAT_ECORRUPT; /* it ends too early */
        }
    }
}

/* ---- zstd ---- */

static int zstd_compress(int level, struct lt_slice in, struct lt_buf *out)
{
    struct contexts *ctx = contexts_get();
    if (ctx == NULL) {
        return LEAT_ENOMEM;
    }
    if (ctx->zstd_compress == NULL) {
        ctx->zstd_compress = ZSTD_createCCtx();
        if (ctx->zstd_compress == NULL) {
            return LEAT_ENOMEM;
        }
    }
    /* The highest levels would take a larger window than readers allow (ours included). */
    int window_log = in.size >> PROTO_ZSTD_WINDOW_LOG_MAX != 0 ? PROTO_ZSTD_WINDOW_LOG_MAX : 0;
    size_t bound = ZSTD_compressBound(in.size);
    int err = lt_buf_reserve(out, bound);
    if (err != 0) {
        return err;
    }
    (void)ZSTD_CCtx_reset(ctx->zstd_compress,
                          ZSTD_reset_session_only); /* cannot fail for sessions */
    if (ZSTD_isError(ZSTD_CCtx_setParameter(ctx->zstd_compress, ZSTD_c_compressionLevel, level)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(ctx->zstd_compress, ZSTD_c_windowLog, window_log))) {
        return LEAT_EINVAL;
    }
    size_t size =
        ZSTD_compress2(ctx->zstd_compress, out->data + out->size, bound, in.data, in.size);
    if (ZSTD_isError(size)) {
        return LEAT_ENOMEM; /* the room is enough: only memory can be short */
    }
    out->size += size;
    return 0;
}

static int zstd_error(size_t code)
{
    /* Only three of zstd's many errors are told apart. */
    ZSTD_ErrorCode error = ZSTD_getErrorCode(code);
    if (error == ZSTD_error_memory_allocation) {
        return LEAT_ENOMEM;
    }
    return error == ZSTD_error_frameParameter_windowTooLarge ? LEAT_E2BIG : LEAT_ECORRUPT;
}

static int zstd_decompress(struct lt_slice in, size_t size_max, struct lt_buf *out)
{
    struct contexts *ctx = contexts_get();
    if (ctx == NULL) {
        return LEAT_ENOMEM;
    }
    if (ctx->zstd_decompress == NULL) {
        ctx->zstd_decompress = ZSTD_createDCtx();
        if (ctx->zstd_decompress == NULL) {
            return LEAT_ENOMEM;
        }
    }
    (void)ZSTD_DCtx_reset(ctx->zstd_decompress, ZSTD_reset_session_only);
    if (ZSTD_isError(ZSTD_DCtx_setParameter(ctx->zstd_decompress, ZSTD_d_windowLogMax,
                                            PROTO_ZSTD_WINDOW_LOG_MAX))) {
        return LEAT_EINVAL;
    }
    /* The frame may tell its size; with that much room it is decoded in one pass. It is only a
     * hint. */
    unsigned long long told = ZSTD_getFrameContentSize(in.data, in.size);
    size_t first =
        told == ZSTD_CONTENTSIZE_UNKNOWN || told == ZSTD_CONTENTSIZE_ERROR || told > in.size * 64
            ? in.size * 4
            : (size_t)told + 1;
    size_t start = out->size;
    ZSTD_inBuffer input = {in.data, in.size, 0};
    for (;;) {
        size_t room = 0;
        int err = grow(out, start, size_max, first, &room);
        if (err != 0) {
            return err;
        }
        ZSTD_outBuffer output = {out->data + out->size, room, 0};
        size_t before = input.pos;
        size_t more = ZSTD_decompressStream(ctx->zstd_decompress, &output, &input);
        if (ZSTD_isError(more)) {
            return zstd_error(more);
        }
        out->size += output.pos;
        if (more == 0 && input.pos == input.size) {
            return within(out, start, size_max);
        }
        if (output.pos == 0 && input.pos == before) {
            return LEAT_ECORRUPT; /* it ends too early */
        }
    }
}
