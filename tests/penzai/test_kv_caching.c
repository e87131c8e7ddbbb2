/* SPDX-License-Identifier: Apache-2.0 */
/* KVCachingTransformerLM: prompts in pieces, padding, batches, full caches, forks. */
#include "support/tiny.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const pencl_axis BATCH[] = {{"batch", 2}};

static pencl_kv_lm *make(int64_t cache_len, int n_batch_axes)
{
    pencl_kv_lm *kv = NULL;
    ok(pencl_kv_lm_from_uncached(&kv, lm, cache_len, BATCH, n_batch_axes, PAD));
    return kv;
}

static pencl_array *ids_array(const int32_t *ids, const pencl_axis *axes, int n)
{
    pencl_array *a = NULL;
    ok(pencl_array_new(&a, device, PENCL_I32, axes, n));
    ok(pencl_array_upload(a, ids, (size_t)pencl_array_count(a) * sizeof *ids));
    return a;
}

/* Feeds [rows, n] ids (rows 0: no batch axis); the logits, which the caller frees. */
static float *feed(pencl_kv_lm *kv, const int32_t *ids, int64_t rows, int64_t n)
{
    const pencl_axis axes[] = {{"batch", rows}, {"seq", n}};
    pencl_array *a = ids_array(ids, axes + (rows == 0), rows == 0 ? 1 : 2);
    pencl_array *logits = NULL;
    ok(pencl_kv_lm_call(&logits, kv, a, NULL, 0));
    int64_t count = pencl_array_count(logits);
    float *out = calloc((size_t)count + 1, sizeof *out);
    ok(pencl_array_download_f32(logits, out, count));
    pencl_array_free(logits);
    pencl_array_free(a);
    return out;
}

/* Rows of logits against those of tokens first .. first + n - 1. */
static void expect(const float *got, int64_t first, int64_t n)
{
    double worst = 0;
    for (int64_t i = 0; i < n * VOCABULARY; i++) {
        double d = fabs((double)got[i] - (double)want[first * VOCABULARY + i]);
        worst = d > worst || isnan(d) ? d : worst;
    }
    ck_assert_msg(worst <= 1e-4, "tokens %lld to %lld differ by %g", (long long)first,
                  (long long)(first + n - 1), worst);
}

static void feed_and_expect(pencl_kv_lm *kv, int64_t first, int64_t n)
{
    float *got = feed(kv, tokens + first, 0, n);
    expect(got, first, n);
    free(got);
}

START_TEST(prompts_may_be_cut_anywhere)
{
    for (int64_t cache_len = N_TOKENS; cache_len <= 16; cache_len += 4) {
        for (int64_t cut = 1; cut < N_TOKENS; cut++) {
            pencl_kv_lm *kv = make(cache_len, 0);
            feed_and_expect(kv, 0, cut);
            feed_and_expect(kv, cut, N_TOKENS - cut);
            ck_assert_int_eq(pencl_kv_lm_cache_end_index(kv), N_TOKENS);
            pencl_kv_lm_free(kv);
        }
    }
}
END_TEST

START_TEST(one_token_after_another)
{
    pencl_kv_lm *kv = make(N_TOKENS, 0);
    for (int64_t i = 0; i < N_TOKENS; i++) {
        feed_and_expect(kv, i, 1);
    }
    pencl_kv_lm_free(kv);
}
END_TEST

/* Row 0: three pads, then 5 tokens; row 1: 6 tokens, then two pads. Then both go on. */
START_TEST(padding_left_and_right_in_one_batch)
{
    int32_t first[2][8];
    int32_t second[2][3];
    for (int i = 0; i < 8; i++) {
        first[0][i] = first[1][i] = PAD;
    }
    memcpy(&first[0][3], tokens, 5 * sizeof *tokens);
    memcpy(first[1], tokens, 6 * sizeof *tokens);
    memcpy(second[0], tokens + 5, sizeof second[0]);
    memcpy(second[1], tokens + 6, sizeof second[1]);
    pencl_kv_lm *kv = make(11, 1);
    float *got = feed(kv, first[0], 2, 8);
    expect(got + 3 * VOCABULARY, 0, 5);
    expect(got + 8 * VOCABULARY, 0, 6);
    free(got);
    got = feed(kv, second[0], 2, 3);
    expect(got, 5, 3);
    expect(got + 3 * VOCABULARY, 6, 3);
    free(got);
    pencl_kv_lm_free(kv);
}
END_TEST

START_TEST(the_order_of_axes_does_not_matter)
{
    int32_t ids[4][2];
    for (int i = 0; i < 4; i++) {
        ids[i][0] = ids[i][1] = tokens[i];
    }
    const pencl_axis axes[] = {{"seq", 4}, {"batch", 2}};
    pencl_array *a = ids_array(ids[0], axes, 2);
    pencl_array *logits = NULL;
    pencl_kv_lm *kv = make(8, 1);
    ok(pencl_kv_lm_call(&logits, kv, a, NULL, 0));
    float *got = calloc((size_t)(8 * VOCABULARY), sizeof *got);
    ok(pencl_array_download_f32(logits, got, 8 * VOCABULARY));
    ck_assert_str_eq(pencl_array_axis(logits, 0)->name, "batch");
    expect(got, 0, 4);
    expect(got + 4 * VOCABULARY, 0, 4);
    free(got);
    pencl_array_free(logits);
    pencl_array_free(a);
    pencl_kv_lm_free(kv);
}
END_TEST

START_TEST(a_full_cache_is_an_error_before_any_write)
{
    pencl_kv_lm *kv = make(8, 0);
    const pencl_axis axes[] = {{"seq", 3}};
    pencl_array *a = ids_array(tokens, axes, 1);
    pencl_array *logits = NULL;
    feed_and_expect(kv, 0, 6);
    ck_assert_int_eq(pencl_kv_lm_call(&logits, kv, a, NULL, 0), PENCL_E_CACHE_FULL);
    ck_assert_ptr_null(logits);
    ck_assert_int_eq(pencl_kv_lm_cache_end_index(kv), 6);
    feed_and_expect(kv, 6, 2);
    pencl_array_free(a);
    pencl_kv_lm_free(kv);
}
END_TEST

static void expect_previous(const pencl_kv_lm *kv, const int32_t *ids, int64_t n)
{
    pencl_array *a = NULL;
    float got[32];
    ok(pencl_kv_lm_previous_tokens(&a, kv));
    ck_assert_int_le(pencl_array_count(a), 32);
    ok(pencl_array_download_f32(a, got, pencl_array_count(a)));
    for (int64_t i = 0; i < pencl_array_count(a); i++) {
        ck_assert_int_eq((int32_t)got[i], i < n ? ids[i] : 0);
    }
    pencl_array_free(a);
}

START_TEST(truncate_and_reset_forget_tokens)
{
    pencl_kv_lm *kv = make(N_TOKENS, 0);
    feed_and_expect(kv, 0, 10);
    expect_previous(kv, tokens, 10);
    ok(pencl_kv_lm_truncate(kv, 4));
    expect_previous(kv, tokens, 4);
    feed_and_expect(kv, 4, 5);
    ck_assert_int_eq(pencl_kv_lm_truncate(kv, 10), PENCL_E_ARG);
    ck_assert_int_eq(pencl_kv_lm_truncate(kv, -1), PENCL_E_ARG);
    ok(pencl_kv_lm_reset(kv));
    expect_previous(kv, NULL, 0);
    feed_and_expect(kv, 0, N_TOKENS);
    pencl_kv_lm_free(kv);
}
END_TEST

/* Pads make positions smaller than slots: forgotten slots must not be seen again. */
START_TEST(forgotten_slots_stay_hidden)
{
    int32_t padded[8] = {PAD, PAD, PAD, PAD};
    memcpy(padded + 4, tokens, 4 * sizeof *tokens);
    setenv("PENCL_PASSES", "none", 1);
    pencl_kv_lm *kv = make(16, 0);
    free(feed(kv, padded, 0, 8));
    feed_and_expect(kv, 4, 4);
    ok(pencl_kv_lm_truncate(kv, 8));
    feed_and_expect(kv, 4, 6);
    /* the old slots 4 and on have positions 0 and on: nearer than the new ones' */
    ok(pencl_kv_lm_reset(kv));
    feed_and_expect(kv, 0, 4);
    feed_and_expect(kv, 4, 1);
    pencl_kv_lm_free(kv);
    unsetenv("PENCL_PASSES");
}
END_TEST

START_TEST(forks_go_their_own_way)
{
    pencl_kv_lm *kv = make(N_TOKENS, 0);
    pencl_kv_lm *fork = NULL;
    const int32_t other[] = {7, 7, 7};
    feed_and_expect(kv, 0, 5);
    ok(pencl_kv_lm_fork(&fork, kv));
    free(feed(fork, other, 0, 3));
    feed_and_expect(kv, 5, 4);
    ok(pencl_kv_lm_truncate(fork, 5)); /* to slots that the first one has written since */
    free(feed(fork, other, 0, 3));
    feed_and_expect(kv, 9, 3);
    ok(pencl_kv_lm_truncate(fork, 5));
    pencl_kv_lm_free(kv);
    feed_and_expect(fork, 5, 7);
    pencl_kv_lm_free(fork);
}
END_TEST

/* A fork counts the pads of its origin as pads. */
START_TEST(forks_remember_tokens_and_pads)
{
    int32_t padded[8] = {PAD, PAD, PAD};
    memcpy(padded + 3, tokens, 5 * sizeof *tokens);
    pencl_kv_lm *kv = make(16, 0);
    pencl_kv_lm *fork = NULL;
    free(feed(kv, padded, 0, 8));
    ok(pencl_kv_lm_fork(&fork, kv));
    pencl_kv_lm_free(kv);
    expect_previous(fork, padded, 8);
    feed_and_expect(fork, 5, 4);
    ck_assert_int_eq(pencl_kv_lm_cache_end_index(fork), 12);
    ck_assert_int_eq(pencl_kv_lm_cache_len(fork), 16);
    pencl_kv_lm_free(fork);
}
END_TEST

/* ---- bad input ---- */

typedef struct bad_row {
    const char *what;
    pencl_axis axes[3];
    int n_axes;
    pencl_dtype dtype;
    int32_t value;
    pencl_status status;
    const char *words;
} bad_row;

static const bad_row bad[] = {
    {"no seq", {{"batch", 2}}, 1, PENCL_I32, 1, PENCL_E_AXIS, "seq"},
    {"no batch", {{"seq", 2}}, 1, PENCL_I32, 1, PENCL_E_AXIS, "batch:2"},
    {"an axis too many",
     {{"batch", 2}, {"more", 1}, {"seq", 2}},
     3,
     PENCL_I32,
     1,
     PENCL_E_AXIS,
     "more"},
    {"another batch size", {{"batch", 3}, {"seq", 2}}, 2, PENCL_I32, 1, PENCL_E_SHAPE, "batch:3"},
    {"a positional axis", {{"", 2}, {"seq", 2}}, 2, PENCL_I32, 1, PENCL_E_AXIS, "positional"},
    {"floats", {{"batch", 2}, {"seq", 2}}, 2, PENCL_F32, 0, PENCL_E_DTYPE, "int32"},
    {"an id too large", {{"batch", 2}, {"seq", 2}}, 2, PENCL_I32, 300, PENCL_E_TOKEN_RANGE, "300"},
    {"an id below 0", {{"batch", 2}, {"seq", 2}}, 2, PENCL_I32, -1, PENCL_E_TOKEN_RANGE, "-1"},
};

START_TEST(bad_tokens_are_refused)
{
    pencl_kv_lm *kv = make(8, 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pencl_array *a = NULL;
        pencl_array *logits = NULL;
        int32_t ids[12];
        for (int k = 0; k < 12; k++) {
            ids[k] = bad[i].value;
        }
        ok(pencl_array_new(&a, device, bad[i].dtype, bad[i].axes, bad[i].n_axes));
        ok(pencl_array_upload(a, ids, (size_t)pencl_array_count(a) * sizeof *ids));
        pencl_status st = pencl_kv_lm_call(&logits, kv, a, NULL, 0);
        ck_assert_msg(st == bad[i].status, "%s: %s, %s", bad[i].what, pencl_status_name(st),
                      pencl_error_text(ctx));
        ck_assert_msg(strstr(pencl_error_text(ctx), bad[i].words) != NULL, "%s: %s", bad[i].what,
                      pencl_error_text(ctx));
        ck_assert_ptr_null(logits);
        pencl_array_free(a);
    }
    ck_assert_int_eq(pencl_kv_lm_cache_end_index(kv), 0);
    pencl_kv_lm_free(kv);
}
END_TEST

START_TEST(positions_are_the_wrappers_own)
{
    const pencl_axis axes[] = {{"seq", 2}};
    pencl_array *a = ids_array(tokens, axes, 1);
    pencl_array *logits = NULL;
    pencl_kv_lm *kv = make(8, 0);
    const pencl_side_array side = {"token_positions", a};
    ck_assert_int_eq(pencl_kv_lm_call(&logits, kv, a, &side, 1), PENCL_E_SIDE_INPUT);
    const pencl_side_array ignored = {"something_else", a}; /* as penzai does */
    ok(pencl_kv_lm_call(&logits, kv, a, &ignored, 1));
    pencl_array_free(logits);
    pencl_array_free(a);
    pencl_kv_lm_free(kv);
}
END_TEST

START_TEST(bad_caches_are_refused)
{
    pencl_kv_lm *kv = NULL;
    const pencl_axis reserved = {"heads", 2};
    const pencl_axis seq = {"seq", 2};
    ck_assert_int_eq(pencl_kv_lm_from_uncached(&kv, lm, 0, NULL, 0, PAD), PENCL_E_ARG);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "a cache of 0 tokens"));
    ck_assert_int_eq(pencl_kv_lm_from_uncached(&kv, lm, 8, &reserved, 1, PAD), PENCL_E_AXIS);
    ck_assert_int_eq(pencl_kv_lm_from_uncached(&kv, lm, 8, &seq, 1, PAD), PENCL_E_AXIS);
    const pencl_axis twice[] = {{"batch", 2}, {"batch", 2}};
    ck_assert_int_eq(pencl_kv_lm_from_uncached(&kv, lm, 8, twice, 2, PAD), PENCL_E_AXIS);
    const pencl_axis many[] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1},
                               {"e", 1}, {"f", 1}, {"g", 1}, {"h", 1}};
    ck_assert_int_eq(pencl_kv_lm_from_uncached(&kv, lm, 8, many, 8, PAD), PENCL_E_LIMIT);
    ck_assert_int_eq(pencl_kv_lm_from_uncached(&kv, lm, 8, many, 6, PAD), PENCL_E_LIMIT);
    ck_assert_ptr_null(kv);
}
END_TEST

Suite *suite_penzai_kv_caching(void);
Suite *suite_penzai_kv_caching(void)
{
    Suite *suite = suite_create("penzai_kv_caching");
    TCase *tc = tcase_create("kv_caching");
    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, fixture_tiny, fixture_tiny_close);
    tcase_add_test(tc, prompts_may_be_cut_anywhere);
    tcase_add_test(tc, one_token_after_another);
    tcase_add_test(tc, padding_left_and_right_in_one_batch);
    tcase_add_test(tc, the_order_of_axes_does_not_matter);
    tcase_add_test(tc, a_full_cache_is_an_error_before_any_write);
    tcase_add_test(tc, truncate_and_reset_forget_tokens);
    tcase_add_test(tc, forgotten_slots_stay_hidden);
    tcase_add_test(tc, forks_go_their_own_way);
    tcase_add_test(tc, forks_remember_tokens_and_pads);
    tcase_add_test(tc, bad_tokens_are_refused);
    tcase_add_test(tc, positions_are_the_wrappers_own);
    tcase_add_test(tc, bad_caches_are_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
