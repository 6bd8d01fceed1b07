/* warm.c: see warm.h. */
#include "bench/warm.h"

#include "base/alloc.h"

#define PAGE_SIZE 4096

int bench_warm_memory(int64_t size, struct leat_error **reterr)
{
    if (size <= 0) {
        return 0;
    }
    volatile unsigned char *memory = lt_malloc((size_t)size);
    if (memory == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "--warm-memory: %lld bytes are not to be had",
                            (long long)size);
    }
    for (int64_t at = 0; at < size; at += PAGE_SIZE) {
        memory[at] = 1; /* volatile: the compiler must not see that nobody reads it */
    }
    lt_free((void *)(uintptr_t)memory);
    return 0;
}
