/* The request arena: lifetime, limits, hooks. */
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "leat/err.h"
#include "tests/support/test_main.h"

static struct lt_arena arena;

static void setup(void)
{
    lt_arena_init(&arena, 0);
}

static void teardown(void)
{
    lt_alloc_fail_never();
    lt_arena_release(&arena);
}

/* An arena that nobody used costs nothing. */
START_TEST(empty_arena_allocates_nothing)
{
    ck_assert_uint_eq(arena.allocated, 0);
    ck_assert_ptr_null(arena.blocks);
}
END_TEST

/* Every pointer fits any type, and no two pieces overlap, small and large ones mixed. */
START_TEST(pieces_are_aligned_and_apart)
{
    enum { COUNT = 400 };
    uint8_t *pieces[COUNT];
    size_t sizes[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        sizes[i] = i % 37 == 0 ? 50000 + i : i * 7 % 301;
        pieces[i] = lt_arena_alloc(&arena, sizes[i]);
        ck_assert_ptr_nonnull(pieces[i]);
        ck_assert_uint_eq((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], (int)(i % 251), sizes[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        size_t changed = 0;
        for (size_t k = 0; k < sizes[i]; k++) {
            changed += pieces[i][k] != i % 251;
        }
        ck_assert_uint_eq(changed, 0);
    }
}
END_TEST

/* A large piece does not waste the rest of the block that small ones come from. */
START_TEST(large_piece_keeps_the_small_block)
{
    uint8_t *first = lt_arena_alloc(&arena, 16);
    ck_assert_ptr_nonnull(lt_arena_alloc(&arena, 1000000));
    uint8_t *second = lt_arena_alloc(&arena, 16);
    ck_assert_ptr_eq(second, first + 16);
}
END_TEST

/* The bound holds for many small pieces and for one large, and what was given before stays. */
START_TEST(limit_is_kept)
{
    lt_arena_init(&arena, 4096);
    ck_assert_ptr_null(lt_arena_alloc(&arena, 4096));
    ck_assert_ptr_null(lt_arena_alloc(&arena, SIZE_MAX));
    ck_assert_ptr_null(lt_arena_alloc(&arena, SIZE_MAX - 40));
    unsigned count = 0;
    while (lt_arena_alloc(&arena, 100) != NULL) {
        count++;
        ck_assert_uint_le(arena.allocated, 4096);
    }
    ck_assert_uint_gt(count, 25);
}
END_TEST

/* count * size that overflows is refused. */
START_TEST(calloc_zeroes_and_checks)
{
    uint8_t *piece = lt_arena_calloc(&arena, 3, 5);
    static const uint8_t zeros[15];
    ck_assert_mem_eq(piece, zeros, 15);
    ck_assert_ptr_null(lt_arena_calloc(&arena, SIZE_MAX / 2, 3));
}
END_TEST

/* Texts are copied and terminated; a null slice stays null. */
START_TEST(texts_are_copied)
{
    ck_assert_str_eq(lt_arena_strdup(&arena, "key"), "key");
    ck_assert_str_eq(lt_arena_strndup(&arena, "keyboard", 3), "key");
    ck_assert_str_eq(lt_arena_printf(&arena, "%s-%d", "orders", 3), "orders-3");
    ck_assert_str_eq(lt_arena_text(&arena, lt_slice("value", 3)), "val");
    ck_assert_str_eq(lt_arena_text(&arena, lt_slice("", 0)), "");
    ck_assert_ptr_null(lt_arena_text(&arena, LT_SLICE_NULL));
    ck_assert_mem_eq(lt_arena_memdup(&arena, "\0\1", 2), "\0\1", 2);
}
END_TEST

static char released[8];

static void note(void *arg)
{
    const char *name = arg;
    released[strlen(released)] = *name;
}

/* Hooks run last first, once, and the arena can be used again. */
START_TEST(hooks_run_last_first)
{
    static char names[] = "abc";
    memset(released, 0, sizeof(released));
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(lt_arena_hook(&arena, note, &names[i]), 0);
    }
    lt_arena_release(&arena);
    ck_assert_str_eq(released, "cba");
    ck_assert_uint_eq(arena.allocated, 0);
    ck_assert_ptr_nonnull(lt_arena_alloc(&arena, 1));
    lt_arena_release(&arena);
    ck_assert_str_eq(released, "cba");
}
END_TEST

/* Without memory a hook is not attached, so it will not run for something that was given back
 * otherwise. */
START_TEST(hook_without_memory_is_not_attached)
{
    static char name = 'x';
    memset(released, 0, sizeof(released));
    lt_alloc_fail_after(0);
    ck_assert_int_eq(lt_arena_hook(&arena, note, &name), LEAT_ENOMEM);
    ck_assert_ptr_null(lt_arena_alloc(&arena, 1));
    lt_alloc_fail_never();
    lt_arena_release(&arena);
    ck_assert_str_eq(released, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arena");
    TCase *tcase = tcase_create("arena");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, empty_arena_allocates_nothing);
    tcase_add_test(tcase, pieces_are_aligned_and_apart);
    tcase_add_test(tcase, large_piece_keeps_the_small_block);
    tcase_add_test(tcase, limit_is_kept);
    tcase_add_test(tcase, calloc_zeroes_and_checks);
    tcase_add_test(tcase, texts_are_copied);
    tcase_add_test(tcase, hooks_run_last_first);
    tcase_add_test(tcase, hook_without_memory_is_not_attached);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
