/* crc32c.c: CRC-32C by ISA-L, or by eight tables ("slicing by 8") where the CPU or the build lacks
 * it.
 *
 * The tables are made once, at the first call of the portable version. */
#include "base/crc32c.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>

#ifdef LT_HAVE_ISAL
#include <isa-l/crc.h>
#endif

#define CRC32C_POLYNOMIAL 0x82f63b78U /* reflected 0x1edc6f41 */

static uint32_t tables[8][256]; /* written once by tables_make, under tables_once */
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

#ifdef LT_HAVE_ISAL

/* ISA-L's own fallback takes a byte per step; ours is several times faster. */
static int cpu_has_crc32c(void)
{
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_cpu_supports("sse4.2");
#else
    return 1;
#endif
}

static uint32_t extend_isal(uint32_t crc, const uint8_t *data, size_t size)
{
    while (size > 0) {
        /* The library takes an int for the size, and a pointer that is not const though it only
         * reads. */
        size_t part = size > (size_t)INT_MAX ? (size_t)INT_MAX : size;
        crc = ~crc32_iscsi((unsigned char *)(uintptr_t)data, (int)part, ~crc);
        data += part;
        size -= part;
    }
    return crc;
}

#endif

uint32_t lt_crc32c(const void *data, size_t size)
{
    return lt_crc32c_extend(0, data, size);
}

uint32_t lt_crc32c_extend(uint32_t crc, const void *data, size_t size)
{
#ifdef LT_HAVE_ISAL
    if (cpu_has_crc32c()) {
        return extend_isal(crc, data, size);
    }
#endif
    return lt_crc32c_portable(crc, data, size);
}

static void tables_make(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1U) != 0 ? CRC32C_POLYNOMIAL : 0U);
        }
        tables[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (int table = 1; table < 8; table++) {
            uint32_t before = tables[table - 1][byte];
            tables[table][byte] = (before >> 8) ^ tables[0][before & 0xffU];
        }
    }
}

static uint32_t load_le32(const uint8_t *data)
{
    return (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
           (uint32_t)data[3] << 24;
}

uint32_t lt_crc32c_portable(uint32_t crc, const void *data, size_t size)
{
    (void)pthread_once(&tables_once, tables_make); /* cannot fail with a valid control variable */
    const uint8_t *next = data;
    crc = ~crc;
    while (size >= 8) {
        uint32_t low = crc ^ load_le32(next);
        uint32_t high = load_le32(next + 4);
        crc = tables[7][low & 0xffU] ^ tables[6][(low >> 8) & 0xffU] ^
              tables[5][(low >> 16) & 0xffU] ^ tables[4][low >> 24] ^ tables[3][high & 0xffU] ^
              tables[2][(high >> 8) & 0xffU] ^ tables[1][(high >> 16) & 0xffU] ^
              tables[0][high >> 24];
        next += 8;
        size -= 8;
    }
    while (size > 0) {
        crc = (crc >> 8) ^ tables[0][(crc ^ *next) & 0xffU];
        next++;
        size--;
    }
    return ~crc;
}
