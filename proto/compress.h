/* compress.h: the four codecs of record batches behind one table.
 *
 *   1 gzip    RFC 1952 members, one after the other; one is written
 *   2 snappy  read: a raw block, or a xerial stream (8 magic bytes, two versions, then length and block);
 *             written: xerial with 32 KiB blocks, as Java does
 *   3 lz4     LZ4 frames; written with independent 64 KiB blocks and no checksums, as Java does
 *   4 zstd    Zstandard frames, window at most 8 MiB
 *
 * It knows nothing of batches: bytes in, bytes out. Snappy needs libsnappy (meson option `snappy`); without it that codec
 * answers LEAT_ECODEC.
 * Threads: any. Each thread keeps its codec contexts (up to a few MB when zstd or gzip were used) until it ends or calls
 * proto_compress_thread_release. Blocks: no. Source: Kafka org.apache.kafka.common.compress. */
#ifndef PROTO_COMPRESS_H
#define PROTO_COMPRESS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum proto_codec {
    PROTO_CODEC_NONE = 0,
    PROTO_CODEC_GZIP = 1,
    PROTO_CODEC_SNAPPY = 2,
    PROTO_CODEC_LZ4 = 3,
    PROTO_CODEC_ZSTD = 4,
};

#define PROTO_CODEC_COUNT \
    5 /* codec numbers below this are known; 5 to 7 can stand in a batch and are not */
#define PROTO_CODEC_PRODUCER (-1) /* compression.type=producer: keep what arrived */

/* "The codec's own default"; outside every codec's range of levels. */
#define PROTO_LEVEL_DEFAULT INT_MIN

/* Hard bound on what one batch may become. */
#define PROTO_DECOMPRESS_MAX ((size_t)64 << 20)
#define PROTO_ZSTD_WINDOW_LOG_MAX 23 /* 8 MiB */

/* "none", "gzip", "snappy", "lz4", "zstd"; "unknown" for any other number. Constant strings. */
const char *proto_codec_name(int codec);

/* Number for a name of Kafka's compression.type: the names above, "uncompressed" = none, "producer"
 * = PROTO_CODEC_PRODUCER. LEAT_ENOENT for any other. */
int proto_codec_from_name(struct lt_slice name, int *ret_codec);

/* Can this build compress and decompress it? false for unknown numbers. */
bool proto_codec_available(int codec);

/* Range of levels as Kafka's topic configs accept it: gzip 1-9 (and -1), lz4 1-17, zstd -131072-22;
 * LEAT_ECODEC for codecs without a level. */
int proto_codec_levels(int codec, int *ret_min, int *ret_max, int *ret_default);

/* Append the compressed form of `in` to `out`. Empty input gives a valid empty stream.
 *
 *   level  in the codec's range, or PROTO_LEVEL_DEFAULT; others are moved into the range. gzip -1
 * is its default, lz4 9 (Kafka's default) is the fast compressor, all other lz4 levels the slow
 * one, as in Java
 *
 * Codec none copies. Returns 0, LEAT_ENOMEM, LEAT_ECODEC (unknown, or not built in). On error out
 * is unchanged. */
int proto_compress(int codec, int level, struct lt_slice in, struct lt_buf *out);

/* Append what `in` decompresses to to `out`, at most size_max bytes of it.
 *
 * Returns 0, LEAT_ECORRUPT (not a whole stream of that codec, also bytes left over behind it),
 * LEAT_E2BIG (more than size_max, or a zstd window above 8 MiB), LEAT_ENOMEM, LEAT_ECODEC. On error
 * out->size is unchanged. Never takes more memory than about twice what it returns and the codec's
 * window, however the input lies about its size. */
int proto_decompress(int codec, struct lt_slice in, size_t size_max, struct lt_buf *out);

/* The bound for one batch of this compressed size: the smaller of 64 MiB and 1000 times the input,
 * where small inputs may always become 1 MiB. */
size_t proto_decompress_max(size_t size);

/* Give back this thread's contexts now; they come again when needed. Happens by itself when a
 * thread ends. */
void proto_compress_thread_release(void);

#endif
