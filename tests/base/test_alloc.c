/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: counting, fault injection, arenas. */
#include "base/base.h"
#include "base/store.h"

#include <check.h>
#include <stdint.h>
#include <string.h>

START_TEST(blocks_alive_are_counted)
{
    const long before = pn_alloc_live();
    void *a = pn_alloc(0);
    void *b = pn_calloc(0, 8);
    void *c = pn_realloc(NULL, 3, 5);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_nonnull(b);
    ck_assert_ptr_nonnull(c);
    ck_assert_int_eq(pn_alloc_live() - before, 3);
    c = pn_realloc(c, 100, 5);
    ck_assert_int_eq(pn_alloc_live() - before, 3);
    pn_free(a);
    pn_free(b);
    pn_free(c);
    pn_free(NULL);
    ck_assert_int_eq(pn_alloc_live(), before);
}
END_TEST

START_TEST(products_that_overflow_are_refused)
{
    ck_assert_ptr_null(pn_calloc(SIZE_MAX, 2));
    ck_assert_ptr_null(pn_realloc(NULL, SIZE_MAX / 2, 3));
    pn_arena *arena = pn_arena_new();
    ck_assert_ptr_null(pn_arena_alloc(arena, SIZE_MAX, 2));
    ck_assert_ptr_null(pn_arena_alloc(arena, SIZE_MAX - 3, 1));
    pn_arena_free(arena);
}
END_TEST

START_TEST(the_chosen_allocation_fails_once)
{
    pn_alloc_fail_at(2);
    void *a = pn_alloc(1);
    void *b = pn_alloc(1);
    void *c = pn_alloc(1);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_null(b);
    ck_assert_ptr_nonnull(c);
    pn_alloc_fail_at(1);
    pn_alloc_fail_at(0);
    void *d = pn_alloc(1);
    ck_assert_ptr_nonnull(d);
    pn_free(a);
    pn_free(c);
    pn_free(d);
}
END_TEST

START_TEST(a_failed_realloc_keeps_the_block)
{
    char *a = pn_strdup("kept");
    pn_alloc_fail_at(1);
    ck_assert_ptr_null(pn_realloc(a, 100, 1));
    ck_assert_str_eq(a, "kept");
    pn_free(a);
}
END_TEST

static bool filled_with(const unsigned char *block, size_t size, unsigned char value)
{
    for (size_t i = 0; i < size; i++) {
        if (block[i] != value) {
            return false;
        }
    }
    return true;
}

START_TEST(arena_blocks_are_zeroed_aligned_and_apart)
{
    const long before = pn_alloc_live();
    pn_arena *arena = pn_arena_new();
    static const size_t sizes[] = {0, 1, 15, 16, 17, 4000, 5000, 3, 100000, 1, 3000000, 8};
    unsigned char *blocks[PN_COUNT(sizes)];
    for (size_t i = 0; i < PN_COUNT(sizes); i++) {
        blocks[i] = pn_arena_alloc(arena, sizes[i], 1);
        ck_assert_ptr_nonnull(blocks[i]);
        ck_assert_uint_eq((uintptr_t)blocks[i] % 16, 0);
        ck_assert(filled_with(blocks[i], sizes[i], 0));
        memset(blocks[i], (int)i + 1, sizes[i]);
    }
    for (size_t i = 0; i < PN_COUNT(sizes); i++) {
        ck_assert(filled_with(blocks[i], sizes[i], (unsigned char)(i + 1)));
    }
    ck_assert_str_eq(pn_arena_print(arena, "%s_%d", "block", 3), "block_3");
    pn_arena_free(arena);
    pn_arena_free(NULL);
    ck_assert_int_eq(pn_alloc_live(), before);
}
END_TEST

/* Walks a use of several parts through the failure of each of its allocations. */
static bool build_things(void)
{
    bool done = false;
    pn_text text = {0};
    pn_arena *arena = pn_arena_new();
    pn_store_db *db = pn_store_db_open(NULL, NULL);
    pencl_ctx *ctx = pencl_ctx_new();
    for (int i = 0; i < 50; i++) {
        pn_text_add(&text, "line %d\n", i);
    }
    pn_store_db_put(db, "t", "key", "value", 5);
    void *bytes = NULL;
    size_t size = 0;
    const bool kept = pn_store_db_get(db, "t", "key", &bytes, &size);
    if (arena != NULL && db != NULL && ctx != NULL && !text.failed && kept) {
        done = pn_arena_alloc(arena, 10000, 1) != NULL;
    }
    pn_free(bytes);
    pencl_ctx_free(ctx);
    pn_store_db_close(db);
    pn_arena_free(arena);
    pn_text_free(&text);
    return done;
}

START_TEST(every_failing_allocation_is_survived_without_a_leak)
{
    const long before = pn_alloc_live();
    const long made = pn_alloc_count();
    ck_assert(build_things());
    const long n = pn_alloc_count() - made;
    ck_assert_int_gt(n, 5);
    for (long i = 1; i <= n; i++) {
        pn_alloc_fail_at(i);
        ck_assert_msg(!build_things(), "allocation %ld of %ld failed unseen", i, n);
        pn_alloc_fail_at(0);
        ck_assert_int_eq(pn_alloc_live(), before);
    }
}
END_TEST

Suite *suite_base_alloc(void);
Suite *suite_base_alloc(void)
{
    Suite *s = suite_create("base_alloc");
    TCase *c = tcase_create("alloc");
    tcase_add_test(c, blocks_alive_are_counted);
    tcase_add_test(c, products_that_overflow_are_refused);
    tcase_add_test(c, the_chosen_allocation_fails_once);
    tcase_add_test(c, a_failed_realloc_keeps_the_block);
    tcase_add_test(c, arena_blocks_are_zeroed_aligned_and_apart);
    tcase_add_test(c, every_failing_allocation_is_survived_without_a_leak);
    suite_add_tcase(s, c);
    return s;
}
