/* compress_snappy.h: snappy as Kafka's clients write it: raw blocks and xerial streams. Used by
 * compress.c only.
 *
 * A xerial stream: 82 53 4E 41 50 50 59 00, version i32 = 1, lowest compatible version i32 = 1,
 * then per block a length i32 and a raw snappy block of at most 32 KiB of input. The versions are
 * not judged: some writers had them little-endian. Streams may follow each other. Both functions
 * answer LEAT_ECODEC in a build without libsnappy. Threads: any. Blocks: no. Source: xerial
 * snappy-java SnappyOutputStream, SnappyInputStream. */
#ifndef PROTO_COMPRESS_SNAPPY_H
#define PROTO_COMPRESS_SNAPPY_H

#include <stddef.h>

#include "base/buf.h"

/* As proto_compress and proto_decompress. */
int proto_snappy_compress(struct lt_slice in, struct lt_buf *out);
int proto_snappy_decompress(struct lt_slice in, size_t size_max, struct lt_buf *out);

#endif
