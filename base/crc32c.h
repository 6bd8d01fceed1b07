/* crc32c.h: CRC-32C (Castagnoli), as record batches and leat's own files carry it.
 *
 * ISA-L where the CPU has SSE4.2, a table otherwise; chosen at the first call.
 * Threads: any. Blocks: no. */
#ifndef LT_CRC32C_H
#define LT_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* crc32c("123456789") = 0xe3069283. */
uint32_t lt_crc32c(const void *data, size_t size);

/* Continue: lt_crc32c_extend(lt_crc32c(a), b) = crc of a followed by b. lt_crc32c(x) =
 * lt_crc32c_extend(0, x). */
uint32_t lt_crc32c_extend(uint32_t crc, const void *data, size_t size);

/* The portable table version, for machines without the instruction and for the test that compares
 * both. */
uint32_t lt_crc32c_portable(uint32_t crc, const void *data, size_t size);

#endif
