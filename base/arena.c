/* arena.c: bump allocation in blocks that double from 1 KiB to 32 KiB.
 *
 * A request larger than the next block gets a block of its own, put behind the newest one so that
 * the room left there stays in use. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "leat/err.h"

#define ARENA_BLOCK_MIN 1024U
#define ARENA_BLOCK_MAX 32768U
#define ARENA_ALIGN alignof(max_align_t)

struct lt_arena_block {
    struct lt_arena_block *older;
    alignas(max_align_t) uint8_t data[];
};

struct lt_arena_hook {
    struct lt_arena_hook *older;
    void (*release)(void *arg);
    void *arg;
};

static struct lt_arena_block *block_new(struct lt_arena *arena, size_t size);
static size_t block_size_next(const struct lt_arena *arena, size_t need);

void lt_arena_init(struct lt_arena *arena, size_t allocated_max)
{
    *arena = (struct lt_arena){.allocated_max = allocated_max};
}

void lt_arena_release(struct lt_arena *arena)
{
    /* A hook may use memory of the arena, but not attach another one. */
    for (struct lt_arena_hook *hook = arena->hooks; hook != NULL; hook = hook->older) {
        hook->release(hook->arg);
    }
    struct lt_arena_block *block = arena->blocks;
    while (block != NULL) {
        struct lt_arena_block *older = block->older;
        lt_free(block);
        block = older;
    }
    lt_arena_init(arena, arena->allocated_max);
}

void *lt_arena_alloc(struct lt_arena *arena, size_t size)
{
    size_t need = size == 0 ? 1 : size;
    if (need > SIZE_MAX - sizeof(struct lt_arena_block) - ARENA_ALIGN) {
        return NULL;
    }
    need = (need + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (arena->blocks != NULL && need <= (size_t)(arena->end - arena->next)) {
        uint8_t *memory = arena->next;
        arena->next += need;
        return memory;
    }
    size_t block_size = block_size_next(arena, need);
    struct lt_arena_block *block = block_new(arena, block_size);
    if (block == NULL) {
        return NULL;
    }
    bool keeps_newest = arena->blocks != NULL && block_size == need;
    if (keeps_newest) {
        block->older = arena->blocks->older;
        arena->blocks->older = block;
        return block->data;
    }
    block->older = arena->blocks;
    arena->blocks = block;
    arena->next = block->data + need;
    arena->end = block->data + block_size;
    return block->data;
}

/* Double what the newest block had, but take only what is needed when that is more, or when the
 * limit is near. */
static size_t block_size_next(const struct lt_arena *arena, size_t need)
{
    size_t size = ARENA_BLOCK_MIN;
    while (size < ARENA_BLOCK_MAX && size < arena->allocated) {
        size *= 2;
    }
    if (size < need) {
        return need;
    }
    if (arena->allocated_max != 0 &&
        arena->allocated + sizeof(struct lt_arena_block) + size > arena->allocated_max) {
        return need;
    }
    return size;
}

static struct lt_arena_block *block_new(struct lt_arena *arena, size_t size)
{
    size_t bytes = sizeof(struct lt_arena_block) + size;
    LT_ASSERT(bytes > size);
    if (arena->allocated_max != 0 && (arena->allocated > arena->allocated_max ||
                                      bytes > arena->allocated_max - arena->allocated)) {
        return NULL;
    }
    struct lt_arena_block *block = lt_malloc(bytes);
    if (block == NULL) {
        return NULL;
    }
    arena->allocated += bytes;
    return block;
}

void *lt_arena_calloc(struct lt_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    void *memory = lt_arena_alloc(arena, bytes);
    if (memory != NULL) {
        memset(memory, 0, bytes);
    }
    return memory;
}

void *lt_arena_memdup(struct lt_arena *arena, const void *data, size_t size)
{
    void *copy = lt_arena_alloc(arena, size);
    if (copy != NULL && size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

char *lt_arena_strdup(struct lt_arena *arena, const char *text)
{
    return lt_arena_memdup(arena, text, strlen(text) + 1);
}

char *lt_arena_strndup(struct lt_arena *arena, const char *text, size_t size)
{
    return lt_arena_text(arena, lt_slice(text, strnlen(text, size)));
}

char *lt_arena_printf(struct lt_arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int size = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (size < 0) {
        return NULL;
    }
    char *text = lt_arena_alloc(arena, (size_t)size + 1);
    if (text == NULL) {
        return NULL;
    }
    va_start(args, fmt);
    (void)vsnprintf(text, (size_t)size + 1, fmt, args); /* measured above with the same arguments */
    va_end(args);
    return text;
}

char *lt_arena_text(struct lt_arena *arena, struct lt_slice text)
{
    if (text.data == NULL || text.size == SIZE_MAX) {
        return NULL;
    }
    char *copy = lt_arena_alloc(arena, text.size + 1);
    if (copy == NULL) {
        return NULL;
    }
    if (text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    copy[text.size] = '\0';
    return copy;
}

int lt_arena_hook(struct lt_arena *arena, void (*release)(void *arg), void *arg)
{
    struct lt_arena_hook *hook = lt_arena_alloc(arena, sizeof(*hook));
    if (hook == NULL) {
        return LEAT_ENOMEM;
    }
    *hook = (struct lt_arena_hook){arena->hooks, release, arg};
    arena->hooks = hook;
    return 0;
}
