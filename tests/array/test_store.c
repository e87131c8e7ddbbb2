/* SPDX-License-Identifier: Apache-2.0 */
/* Stores: what goes in comes out, in one part and in many, from memory and from sources. */
#include "array/store.h"

#include "support/devices.h"
#include "support/noise.h"

#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static pencl_ctx *ctx;
static pencl_device *device;

static void open_device(void)
{
    ctx = pencl_ctx_new();
    ck_assert_ptr_nonnull(ctx);
    device = test_device(ctx);
}

static void setup(void)
{
    unsetenv("PENCL_LIMIT");
    open_device();
}

static void setup_small(void)
{
    setenv("PENCL_LIMIT", "alloc:1M", 1);
    open_device();
}

/* Weights go through the staging buffer. */
static void setup_apart(void)
{
    unsetenv("PENCL_LIMIT");
    setenv("PENCL_HIDE", "unified", 1);
    open_device();
    ck_assert(!pn_device_caps(device)->unified || pn_device_caps(device)->is_ref);
}

static void teardown(void)
{
    pencl_device_close(device);
    pencl_ctx_free(ctx);
    ck_assert_int_eq(pn_alloc_live(), 0);
}

static pn_store *store_of(const char *spec_text, int n_row_axes, const char *layout)
{
    pn_spec spec;
    pn_store *store = NULL;
    ck_assert_int_eq(pn_spec_parse(&spec, ctx, spec_text), PENCL_OK);
    pencl_status st = pn_store_new(&store, device, &spec, n_row_axes, pn_layout_by_name(layout));
    ck_assert_msg(st == PENCL_OK, "%s", pencl_error_text(ctx));
    return store;
}

static uint8_t *random_plain(const pn_store *store, uint64_t seed)
{
    noise n = {seed};
    size_t bytes = pn_spec_bytes(&store->spec);
    uint8_t *plain = malloc(bytes + 1);
    ck_assert_ptr_nonnull(plain);
    for (size_t i = 0; i < bytes; i++) {
        plain[i] = (uint8_t)noise_next(&n);
    }
    return plain;
}

static void expect_content(pn_store *store, const uint8_t *plain)
{
    size_t bytes = pn_spec_bytes(&store->spec);
    uint8_t *back = malloc(bytes + 1);
    ck_assert_ptr_nonnull(back);
    memset(back, 0xEE, bytes + 1);
    ck_assert_int_eq(pn_store_download(store, ctx, back), PENCL_OK);
    ck_assert_mem_eq(back, plain, bytes);
    ck_assert_uint_eq(back[bytes], 0xEE);
    free(back);
}

/* Parts cover the rows in order, begin at steps of the layout and respect the device's limit. */
static void expect_parts(const pn_store *store)
{
    int64_t next = 0;
    for (int i = 0; i < store->n_parts; i++) {
        const pn_part *part = &store->parts[i];
        ck_assert_int_eq(part->first, next);
        ck_assert_int_eq(part->first % store->layout->row_step, 0);
        ck_assert_uint_le(part->bytes, pn_device_caps(device)->max_alloc);
        next += part->rows;
    }
    ck_assert_int_eq(next, store->matrix.rows);
}

static const struct {
    const char *spec;
    int n_row_axes;
} shapes[] = {
    {"neurons=700 embedding=256", 1},
    {"heads=3 projection=50 embedding=32", 2},
    {"f16:vocabulary=2000 embedding=96", 1},
    {"bf16:a=17 b=5", 1},
    {"i32:a=5", 0},
    {"i32:a=5", 1},
    {"q4_0:neurons=1000 embedding=416", 1},
    {"q4_1:blocks=2 neurons=70 embedding=64", 2},
    {"q8_0:vocabulary=2000 embedding=576", 1},
    {"q8_0:vocabulary=1 embedding=32", 1},
    {"a=0 b=5", 1},
    {"", 0},
};

static void upload_and_download(int i, const char *layout)
{
    pn_store *store = store_of(shapes[i].spec, shapes[i].n_row_axes, layout);
    uint8_t *plain = random_plain(store, (uint64_t)i + 1);
    ck_assert_int_eq(pn_store_upload(store, ctx, plain), PENCL_OK);
    expect_parts(store);
    expect_content(store, plain);
    free(plain);
    pn_store_free(store);
}

START_TEST(download_undoes_upload)
{
    upload_and_download(_i, "plain");
    upload_and_download(_i, "rows16");
}
END_TEST

START_TEST(large_matrices_come_in_parts)
{
    pn_store *store = store_of("q8_0:vocabulary=10000 embedding=576", 1, "rows16");
    ck_assert_int_eq(store->n_parts, 6); /* 9792 bytes a tile, 107 tiles in 1 MiB, 625 in all */
    ck_assert_int_eq(store->parts[1].first, 107 * 16);
    size_t total = 0;
    for (int i = 0; i < store->n_parts; i++) {
        pn_matrix part = pn_store_part(store, i);
        ck_assert_uint_eq(store->layout->bytes(&part), store->parts[i].bytes);
        total += store->parts[i].bytes;
    }
    ck_assert_uint_eq(pn_store_bytes(store), total);
    uint8_t *plain = random_plain(store, 3);
    ck_assert_int_eq(pn_store_upload(store, ctx, plain), PENCL_OK);
    expect_parts(store);
    expect_content(store, plain);
    free(plain);
    pn_store_free(store);
}
END_TEST

START_TEST(large_matrices_go_in_pieces)
{
    static const struct {
        const char *spec;
        const char *layout;
    } large[] = {{"q4_1:vocabulary=16003 embedding=576", "rows16"}, /* 5.8 MB */
                 {"vocabulary=9001 embedding=150", "rows16"},
                 {"f16:vocabulary=9001 embedding=300", "plain"}};
    pn_store *store = store_of(large[_i].spec, 1, large[_i].layout);
    uint8_t *plain = random_plain(store, 4);
    ck_assert_int_eq(store->n_parts, 1);
    ck_assert_uint_gt(pn_store_bytes(store), 5000000);
    ck_assert_int_eq(pn_store_upload(store, ctx, plain), PENCL_OK);
    expect_content(store, plain);
    free(plain);
    pn_store_free(store);
}
END_TEST

/* A source that puts rows together in scratch, counts them and may fail at one. */
typedef struct counting {
    const uint8_t *plain;
    size_t row;
    int64_t fail_at; /* -1: never */
    atomic_long asked;
    atomic_long done;
} counting;

static const void *count_rows(void *user, int64_t first, int64_t n, void *scratch)
{
    counting *c = user;
    atomic_fetch_add(&c->asked, (long)n);
    if (c->fail_at >= first && c->fail_at < first + n) {
        return NULL;
    }
    memcpy(scratch, c->plain + (size_t)first * c->row, (size_t)n * c->row);
    return scratch;
}

static void count_done(void *user, int64_t first, int64_t n)
{
    counting *c = user;
    (void)first;
    atomic_fetch_add(&c->done, (long)n);
}

START_TEST(fill_asks_for_every_row_once)
{
    const char *layout = _i == 0 ? "plain" : "rows16";
    pn_store *store = store_of("q4_1:neurons=2055 embedding=576", 1, layout);
    uint8_t *plain = random_plain(store, 4);
    counting c = {.plain = plain, .row = pn_matrix_row_bytes(&store->matrix), .fail_at = -1};
    const pn_row_source source = {count_rows, count_done, &c, 1};
    ck_assert_int_eq(pn_store_fill(store, ctx, &source), PENCL_OK);
    ck_assert_int_eq(c.asked, 2055);
    ck_assert_int_eq(c.done, 2055);
    expect_content(store, plain);
    free(plain);
    pn_store_free(store);
}
END_TEST

START_TEST(fill_reports_rows_that_cannot_be_read)
{
    pn_store *store = store_of("neurons=2000 embedding=64", 1, "rows16");
    uint8_t *plain = random_plain(store, 5);
    counting c = {.plain = plain, .row = pn_matrix_row_bytes(&store->matrix), .fail_at = 1999};
    const pn_row_source source = {count_rows, NULL, &c, 1};
    ck_assert_int_eq(pn_store_fill(store, ctx, &source), PENCL_E_IO);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "float32(| neurons:2000, embedding:64)"));
    free(plain);
    pn_store_free(store);
}
END_TEST

START_TEST(zero_is_zero_in_every_type)
{
    static const char *const specs[] = {"a=20 b=32", "f16:a=20 b=32", "q4_1:a=20 b=32",
                                        "q8_0:a=20 b=32"};
    for (size_t i = 0; i < PN_COUNT(specs); i++) {
        pn_store *store = store_of(specs[i], 1, "rows16");
        uint8_t *plain = random_plain(store, 6);
        ck_assert_int_eq(pn_store_upload(store, ctx, plain), PENCL_OK);
        ck_assert_int_eq(pn_store_zero(store, ctx), PENCL_OK);
        memset(plain, 0, pn_spec_bytes(&store->spec));
        expect_content(store, plain);
        free(plain);
        pn_store_free(store);
    }
}
END_TEST

START_TEST(a_copy_has_the_content_and_its_own_memory)
{
    static const char *const specs[] = {"neurons=700 embedding=256", "q4_1:a=70 b=64", "a=0 b=5"};
    for (size_t i = 0; i < PN_COUNT(specs); i++) {
        pn_store *store = store_of(specs[i], 1, "rows16");
        pn_store *copy = NULL;
        uint8_t *plain = random_plain(store, 7);
        ck_assert_int_eq(pn_store_upload(store, ctx, plain), PENCL_OK);
        ck_assert_int_eq(pn_store_copy(&copy, store), PENCL_OK);
        ck_assert(!pn_store_same(copy, store) || pn_store_bytes(store) == 0);
        ck_assert_int_eq(pn_store_zero(store, ctx), PENCL_OK);
        expect_content(copy, plain);
        free(plain);
        pn_store_free(copy);
        pn_store_free(store);
    }
}
END_TEST

START_TEST(an_index_of_the_outermost_axis_shares_memory)
{
    static const struct {
        const char *spec;
        int n_row_axes;
        const char *layout;
        int64_t size;
    } kept[] = {
        {"blocks=3 neurons=32 embedding=5", 2, "rows16", 3},
        {"bf16:blocks=3 heads=2 projection=8 embedding=6", 3, "rows16", 3},
        {"blocks=3 neurons=7 embedding=5", 2, "plain", 3},
        {"q8_0:blocks=2 neurons=7 embedding=32", 2, "plain", 2},
        {"blocks=4 embedding=5", 1, "plain", 4},
        {"f16:blocks=4 embedding=5", 0, "plain", 4},
    };
    for (size_t i = 0; i < PN_COUNT(kept); i++) {
        pn_store *store = store_of(kept[i].spec, kept[i].n_row_axes, kept[i].layout);
        uint8_t *plain = random_plain(store, 8);
        size_t bytes = pn_spec_bytes(&store->spec) / (size_t)kept[i].size;
        ck_assert_int_eq(pn_store_upload(store, ctx, plain), PENCL_OK);
        for (int64_t at = 0; at < kept[i].size; at++) {
            pn_store *one = NULL;
            pn_store *again = NULL;
            ck_assert_int_eq(pn_store_index(&one, store, at), PENCL_OK);
            ck_assert_int_eq(pn_store_index(&again, store, at), PENCL_OK);
            ck_assert_msg(one != NULL, "%s", kept[i].spec);
            ck_assert_int_eq(pn_spec_find(&one->spec, "blocks"), -1);
            ck_assert(pn_store_same(one, again));
            ck_assert(!pn_store_same(one, store));
            expect_content(one, plain + (size_t)at * bytes);
            if (at == 1) { /* through the index into the whole */
                memset(plain + bytes, 0, bytes);
                ck_assert_int_eq(pn_store_zero(one, ctx), PENCL_OK);
                expect_content(store, plain);
            }
            pn_store_free(one);
            pn_store_free(again);
        }
        free(plain);
        pn_store_free(store);
    }
}
END_TEST

/* 24576 bytes a tile: an index has 30 tiles, a part 42. */
START_TEST(an_index_may_lie_in_two_parts)
{
    pn_store *store = store_of("blocks=5 neurons=480 embedding=384", 2, "rows16");
    ck_assert_int_gt(store->n_parts, 1);
    uint8_t *plain = random_plain(store, 9);
    const size_t bytes = pn_spec_bytes(&store->spec) / 5;
    int most = 0;
    ck_assert_int_eq(pn_store_upload(store, ctx, plain), PENCL_OK);
    for (int64_t at = 0; at < 5; at++) {
        pn_store *one = NULL;
        ck_assert_int_eq(pn_store_index(&one, store, at), PENCL_OK);
        ck_assert_ptr_nonnull(one);
        most = one->n_parts > most ? one->n_parts : most;
        expect_parts(one);
        expect_content(one, plain + (size_t)at * bytes);
        pn_store_free(one);
    }
    ck_assert_int_eq(most, 2);
    free(plain);
    pn_store_free(store);
}
END_TEST

START_TEST(rows_that_lie_among_others_have_no_index)
{
    static const struct {
        const char *spec;
        int n_row_axes;
        const char *layout;
        int64_t at;
    } torn[] = {
        {"blocks=3 neurons=24 embedding=5", 2, "rows16", 1},       /* half a tile */
        {"q4_0:blocks=3 neurons=32 embedding=32", 2, "rows16", 1}, /* scales are apart */
        {"blocks=3 embedding=5", 0, "rows16", 1},                  /* in the columns */
        {"blocks=3 embedding=5", 1, "plain", 3},
        {"", 0, "plain", 0},
    };
    for (size_t i = 0; i < PN_COUNT(torn); i++) {
        pn_store *store = store_of(torn[i].spec, torn[i].n_row_axes, torn[i].layout);
        pn_store *one = store;
        ck_assert_int_eq(pn_store_index(&one, store, torn[i].at), PENCL_OK);
        ck_assert_ptr_null(one);
        pn_store_free(store);
    }
}
END_TEST

static void expect_refusal(const char *text, int n_row_axes, pencl_status status, const char *words)
{
    pn_spec spec;
    pn_store *store = NULL;
    ck_assert_int_eq(pn_spec_parse(&spec, ctx, text), PENCL_OK);
    pencl_status got = pn_store_new(&store, device, &spec, n_row_axes, pn_layout_by_name("rows16"));
    ck_assert_str_eq(pencl_status_name(got), pencl_status_name(status));
    ck_assert_msg(strstr(pencl_error_text(ctx), words) != NULL, "%s", pencl_error_text(ctx));
    ck_assert_ptr_null(store);
    pn_error_clear(ctx);
}

START_TEST(new_refuses_what_cannot_be_held)
{
    expect_refusal("a=16 b=100000", 1, PENCL_E_LIMIT, "float32(| a:16, b:100000): 16 rows in");
    expect_refusal("q4_0:a=16 b=32", 2, PENCL_E_UNSUPPORTED, "rows16 cannot hold");
    expect_refusal("a=16 b=32", 3, PENCL_E_ARG, "3 row axes");
}
END_TEST

START_TEST(references_are_counted)
{
    pn_store *store = store_of("a=2 b=2", 1, "plain");
    ck_assert_ptr_eq(pn_store_ref(store), store);
    pn_store_free(store);
    ck_assert_int_eq(store->matrix.rows, 2); /* still there */
    pn_store_free(store);
    pn_store_free(NULL);
}
END_TEST

/* Each allocation of new and fill fails once. */
START_TEST(running_out_of_memory_leaks_nothing)
{
    pn_spec spec;
    const uint8_t plain[2 * 2 * 4] = {0};
    ck_assert_int_eq(pn_spec_parse(&spec, ctx, "a=2 b=2"), PENCL_OK);
    long live = pn_alloc_live();
    pencl_status st = PENCL_E_NOMEM;
    for (long n = 1; st != PENCL_OK; n++) {
        ck_assert_int_lt(n, 20);
        pn_store *store = NULL;
        counting c = {.plain = plain, .row = 8, .fail_at = -1};
        const pn_row_source source = {count_rows, NULL, &c, 1};
        pn_error_clear(ctx);
        pn_alloc_fail_at(n);
        st = pn_store_new(&store, device, &spec, 1, &pn_layout_plain);
        st = st == PENCL_OK ? pn_store_fill(store, ctx, &source) : st;
        pn_alloc_fail_at(0);
        ck_assert(st == PENCL_OK || st == PENCL_E_NOMEM);
        pn_store_free(store);
        ck_assert_int_eq(pn_alloc_live(), live);
    }
}
END_TEST

Suite *suite_array_store(void);
Suite *suite_array_store(void)
{
    Suite *suite = suite_create("array_store");
    TCase *whole = tcase_create("whole");
    tcase_add_checked_fixture(whole, setup, teardown);
    tcase_add_loop_test(whole, download_undoes_upload, 0, (int)PN_COUNT(shapes));
    tcase_add_loop_test(whole, fill_asks_for_every_row_once, 0, 2);
    tcase_add_test(whole, zero_is_zero_in_every_type);
    tcase_add_test(whole, a_copy_has_the_content_and_its_own_memory);
    tcase_add_test(whole, an_index_of_the_outermost_axis_shares_memory);
    tcase_add_test(whole, rows_that_lie_among_others_have_no_index);
    tcase_add_test(whole, references_are_counted);
    tcase_add_test(whole, running_out_of_memory_leaks_nothing);
    suite_add_tcase(suite, whole);
    TCase *parts = tcase_create("parts");
    tcase_set_timeout(parts, 60); /* seconds: a few megabytes, under sanitizers */
    tcase_add_checked_fixture(parts, setup_small, teardown);
    tcase_add_test(parts, large_matrices_come_in_parts);
    tcase_add_test(parts, an_index_may_lie_in_two_parts);
    tcase_add_loop_test(parts, fill_asks_for_every_row_once, 0, 2);
    tcase_add_test(parts, fill_reports_rows_that_cannot_be_read);
    tcase_add_test(parts, new_refuses_what_cannot_be_held);
    suite_add_tcase(suite, parts);
    TCase *apart = tcase_create("apart");
    tcase_set_timeout(apart, 60);
    tcase_add_checked_fixture(apart, setup_apart, teardown);
    tcase_add_loop_test(apart, download_undoes_upload, 0, (int)PN_COUNT(shapes));
    tcase_add_loop_test(apart, large_matrices_go_in_pieces, 0, 3);
    tcase_add_loop_test(apart, fill_asks_for_every_row_once, 0, 2);
    tcase_add_test(apart, fill_reports_rows_that_cannot_be_read);
    tcase_add_test(apart, running_out_of_memory_leaks_nothing);
    suite_add_tcase(suite, apart);
    return suite;
}
