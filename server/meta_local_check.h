/* meta_local_check.h: looks over an LMDB file before LMDB maps it.
 *
 * LMDB trusts its file: a page number beyond the end is a SIGBUS, a wrong offset a wild read. So every page that can be
 * reached is read here with pread first: its number, kind and bounds, its nodes, what they point to. It is not a checksum: a
 * changed byte inside a value passes (records have their own checks).
 *
 * Format (LMDB 0.9, 64 bits, this machine's byte order):
 *   page   number u64, pad u16, flags u16, lower u16 and upper u16 (overflow: pages u32); then u16 offsets of nodes
 *   node   low u16, high u16, flags u16, key size u16, key, data; branch: page number in low, high, flags; leaf: data size
 *   meta   pages 0 and 1: magic, version, address, map size, two databases of 48 bytes, last page u64, transaction u64
 * Threads: any; no state. Blocks: reads the file. */
#ifndef META_LOCAL_CHECK_H
#define META_LOCAL_CHECK_H

#include "base/error.h"

/* 0: no such file, empty, or sound. LEAT_ECORRUPT names the page; LEAT_EIO, LEAT_ENOMEM. */
int meta_local_check(const char *path, struct leat_error **reterr);

#endif
