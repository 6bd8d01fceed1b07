/* alloc.h: the only caller of malloc, so that tests can fail the n-th allocation.
 *
 * All functions return NULL when memory is short; callers return LEAT_ENOMEM.
 * Threads: any. The failing counter is global and meant for tests with one active thread. */
#ifndef LT_ALLOC_H
#define LT_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *lt_malloc(size_t size);
void *lt_calloc(size_t count, size_t size); /* overflow of count * size is NULL */
void *lt_realloc(void *ptr, size_t size);
void *lt_reallocarray(void *ptr, size_t count, size_t size);
void lt_free(void *ptr); /* NULL is accepted */
char *lt_strdup(const char *text);
char *lt_strndup(const char *text, size_t size);
void *lt_memdup(const void *data, size_t size); /* size 0 gives a valid pointer */

/* printf into fresh memory, freed with lt_free; NULL when memory is short. */
char *lt_asprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Tests: let `count` more allocations pass, then fail every later one until lt_alloc_fail_never.
 * lt_alloc_failed tells whether one was refused since. */
void lt_alloc_fail_after(int64_t count);
void lt_alloc_fail_never(void);
bool lt_alloc_failed(void);

/* Tests: allocations asked for since lt_alloc_fail_after. */
int64_t lt_alloc_count(void);

#endif
