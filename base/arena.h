/* arena.h: memory that lives exactly as long as one request.
 *
 * Blocks are taken from lt_malloc and freed together. Other resources (a segment reference, a file)
 * attach as hooks and are released, last first, before the memory goes. Threads: one at a time. */
#ifndef LT_ARENA_H
#define LT_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct lt_arena_block;
struct lt_arena_hook;

struct lt_arena {
    struct lt_arena_block *blocks; /* newest first */
    struct lt_arena_hook *hooks;   /* newest first */
    uint8_t *next;                 /* first free byte of the newest block */
    uint8_t *end;                  /* one past its last byte */
    size_t allocated;              /* bytes taken from lt_malloc */
    size_t allocated_max;          /* 0 = no limit; above it lt_arena_alloc returns NULL */
};

/* An empty arena allocates nothing. `allocated_max` bounds what a hostile frame can make it take; 0
 * = no bound. */
void lt_arena_init(struct lt_arena *arena, size_t allocated_max);
void lt_arena_release(
    struct lt_arena *arena); /* runs the hooks, frees all; the arena may be used again */

/* Memory aligned for any type, valid until release; NULL when memory is short. Not zeroed / zeroed.
 */
void *lt_arena_alloc(struct lt_arena *arena, size_t size);
void *lt_arena_calloc(struct lt_arena *arena, size_t count, size_t size);
void *lt_arena_memdup(struct lt_arena *arena, const void *data, size_t size);
char *lt_arena_strdup(struct lt_arena *arena, const char *text);
char *lt_arena_strndup(struct lt_arena *arena, const char *text, size_t size);
char *lt_arena_printf(struct lt_arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* NUL-terminated copy of a slice; NULL for a null slice or when memory is short. */
char *lt_arena_text(struct lt_arena *arena, struct lt_slice text);

/* Call release(arg) when the arena is released. On LEAT_ENOMEM nothing was attached. */
int lt_arena_hook(struct lt_arena *arena, void (*release)(void *arg), void *arg);

#endif
