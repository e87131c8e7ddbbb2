/* SPDX-License-Identifier: Apache-2.0 */
/* KVCachingTransformerLM.from_uncached: what becomes of the body, its masks and side inputs. */
#include "nn/nn.h"
#include "support/golden.h"
#include "support/tiny.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <string.h>

enum { CACHE = 11 };

static pencl_kv_lm *make(pencl_lm *uncached, int n_batch_axes)
{
    const pencl_axis batch = {"batch", 2};
    pencl_kv_lm *kv = NULL;
    ok(pencl_kv_lm_from_uncached(&kv, uncached, CACHE, &batch, n_batch_axes, PAD));
    return kv;
}

static pencl_array *row_of(const int32_t *ids, int64_t n)
{
    const pencl_axis axis = {"seq", n};
    pencl_array *a = NULL;
    ok(pencl_array_wrap(&a, device, PENCL_I32, &axis, 1, ids));
    return a;
}

/* Row `row` of the logits is the golden row of token `token`. */
static void expect_row(const pencl_array *logits, int row, int token)
{
    float got[N_TOKENS * VOCABULARY];
    ok(pencl_array_download_f32(logits, got, pencl_array_count(logits)));
    for (int i = 0; i < VOCABULARY; i++) {
        float a = got[row * VOCABULARY + i];
        float b = want[token * VOCABULARY + i];
        ck_assert_msg(fabsf(a - b) <= 1e-4F, "row %d, token %d: %g, not %g", row, token, (double)a,
                      (double)b);
    }
}

/* ---- the body ---- */

static pencl_selection *all_of(pencl_layer *body, const char *type)
{
    return pencl_selection_at_instances_of(pencl_layer_select(ctx, body), type, PENCL_OUTERMOST);
}

static void expect_axis(const pencl_variable *v, int i, const char *name, int64_t size)
{
    ck_assert_str_eq(pencl_variable_axis(v, i)->name, name);
    ck_assert_int_eq(pencl_variable_axis(v, i)->size, size);
}

/* Keys or values of every slot, for each entry of the batch and each group of heads. */
static void expect_cache(const pencl_variable *v, const char *label)
{
    ck_assert_str_eq(pencl_variable_label(v), label);
    ck_assert_str_eq(pencl_variable_type_name(v), "StateVariable");
    ck_assert_int_eq(pencl_variable_dtype(v), PENCL_F32);
    ck_assert_int_eq(pencl_variable_n_axes(v), 4);
    expect_axis(v, 0, "batch", 2);
    expect_axis(v, 1, "kv_seq", 16); /* CACHE, rounded up */
    expect_axis(v, 2, "head_groups", 2);
    expect_axis(v, 3, "projection", 16);
}

START_TEST(attention_layers_become_caching_ones)
{
    static const char *const labels[][2] = {{"sampler/cache_0.key", "sampler/cache_0.value"},
                                            {"sampler/cache_1.key", "sampler/cache_1.value"}};
    pencl_kv_lm *kv = make(lm, 1);
    pencl_selection *plain = all_of(pencl_lm_body(lm), "Attention");
    pencl_selection *cached = all_of(pencl_kv_lm_body(kv), "KVCachingAttention");
    json_t *golden = golden_json("penzai/reflection.json");
    json_t *reflection = json_object_get(golden, "KVCachingAttention");
    ck_assert_int_eq(pencl_selection_count(cached), 2);
    for (int i = 0; i < 2; i++) {
        pencl_layer *attention = pencl_selection_point(cached, i).node.layer;
        ck_assert_str_eq(pencl_selection_path(cached, i), pencl_selection_path(plain, i));
        expect_cache(pencl_layer_variable(attention, "key_cache"), labels[i][0]);
        expect_cache(pencl_layer_variable(attention, "value_cache"), labels[i][1]);
        for (int k = 0; k < 5; k++) { /* penzai's five sublayers; then the caches */
            int n = 0;
            ck_assert_str_eq(pencl_layer_attributes(attention, &n)[k].name,
                             json_string_value(
                                 json_array_get(json_object_get(reflection, "fields"), (size_t)k)));
        }
        ck_assert_str_eq(pencl_layer_color(attention).border,
                         json_string_value(json_object_get(reflection, "color")));
    }
    json_decref(golden);
    pencl_selection_free(cached);
    pencl_selection_free(plain);
    pencl_kv_lm_free(kv);
}
END_TEST

START_TEST(parameters_are_shared)
{
    pencl_kv_lm *kv = make(lm, 0);
    pencl_selection *plain = all_of(pencl_lm_body(lm), "Parameter");
    pencl_selection *cached = all_of(pencl_kv_lm_body(kv), "Parameter");
    int n = pencl_selection_count(plain);
    ck_assert_int_gt(n, 2 * 9);
    ck_assert_int_eq(pencl_selection_count(cached), n);
    for (int i = 0; i < n; i++) {
        ck_assert_ptr_eq(pencl_selection_point(cached, i).node.variable,
                         pencl_selection_point(plain, i).node.variable);
    }
    pencl_selection_free(cached);
    pencl_selection_free(plain);
    pencl_kv_lm_free(kv);
}
END_TEST

START_TEST(masks_read_the_positions_of_cached_tokens)
{
    pencl_kv_lm *kv = make(lm, 0);
    pencl_selection *masks = all_of(pencl_kv_lm_body(kv), "ApplyCausalAttentionMask");
    ck_assert_int_eq(pencl_selection_count(masks), 2);
    for (int i = 0; i < 2; i++) {
        const pencl_layer *mask = pencl_selection_point(masks, i).node.layer;
        ck_assert_str_eq(pencl_layer_text(mask, "query_positions_input_name"), "token_positions");
        ck_assert_str_eq(pencl_layer_text(mask, "kv_positions_input_name"), "kv_token_positions");
    }
    pencl_selection_free(masks);
    pencl_kv_lm_free(kv);
}
END_TEST

/* ---- side inputs ---- */

/* The lm with another mask in every attention, which reads the side input "mask". */
static pencl_lm *with_explicit_masks(void)
{
    const pencl_attribute given[] = {
        {.name = "mask_input_name", .kind = PENCL_FIELD_TEXT, .text = "mask"},
        {.name = "masked_out_value", .kind = PENCL_FIELD_NUMBER, .number = -1e30}};
    pencl_layer *mask = NULL;
    pencl_layer *body = NULL;
    pencl_lm *other = NULL;
    const pencl_layer_type *type = pencl_layer_type_named("ApplyExplicitAttentionMask");
    ok(pencl_layer_from_attributes(&mask, ctx, type, given, 2));
    pencl_selection *s = all_of(pencl_lm_body(lm), "ApplyCausalAttentionMask");
    ok(pencl_selection_set(&body, s, pencl_layer_node(mask)));
    ok(pencl_lm_new(&other, device, body, pencl_lm_metadata(lm)));
    pencl_selection_free(s);
    pencl_layer_free(body);
    pencl_layer_free(mask);
    return other;
}

/* Tokens first .. first + n - 1, each seeing the slots up to its own, given as a mask. */
static void feed_with_mask(pencl_kv_lm *kv, int first, int n)
{
    const pencl_axis axes[] = {{"seq", n}, {"kv_seq", CACHE}};
    int32_t seen[CACHE * CACHE];
    for (int i = 0; i < n * CACHE; i++) {
        seen[i] = i % CACHE <= first + i / CACHE;
    }
    pencl_array *mask = NULL;
    pencl_array *logits = NULL;
    pencl_array *ids = row_of(tokens + first, n);
    ok(pencl_array_wrap(&mask, device, PENCL_I32, axes, 2, seen));
    const pencl_side_array side = {"mask", mask};
    ok(pencl_kv_lm_call(&logits, kv, ids, &side, 1));
    for (int i = 0; i < n; i++) {
        expect_row(logits, i, first + i);
    }
    pencl_array_free(logits);
    pencl_array_free(ids);
    pencl_array_free(mask);
}

/* As in penzai they are left alone: the caller's mask is over all slots. */
START_TEST(explicit_masks_are_over_all_slots)
{
    pencl_lm *other = with_explicit_masks();
    pencl_kv_lm *kv = make(other, 0);
    feed_with_mask(kv, 0, 4);
    feed_with_mask(kv, 4, 1);
    feed_with_mask(kv, 5, 3);
    pencl_array *ids = row_of(tokens + 8, 1);
    pencl_array *logits = NULL;
    ck_assert_int_eq(pencl_kv_lm_call(&logits, kv, ids, NULL, 0), PENCL_E_SIDE_INPUT);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "side input 'mask' is missing"));
    ck_assert_int_eq(pencl_kv_lm_cache_end_index(kv), 8);
    pencl_array_free(ids);
    pencl_kv_lm_free(kv);
    pencl_lm_free(other);
}
END_TEST

START_TEST(what_the_wrapper_makes_cannot_be_given)
{
    static const char *const names[] = {"token_positions", "kv_token_positions", "cache_end_index"};
    pencl_kv_lm *kv = make(lm, 0);
    pencl_array *ids = row_of(tokens, 2);
    pencl_array *logits = NULL;
    for (int i = 0; i < 3; i++) {
        const pencl_side_array side = {names[i], ids};
        ck_assert_int_eq(pencl_kv_lm_call(&logits, kv, ids, &side, 1), PENCL_E_SIDE_INPUT);
        ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), names[i]));
        ck_assert_ptr_null(logits);
    }
    pencl_array_free(ids);
    pencl_kv_lm_free(kv);
}
END_TEST

/* ---- pads as content ---- */

/* A pad id in the middle takes a slot and no position, wherever a call ends. */
START_TEST(a_pad_among_tokens_vanishes)
{
    const int32_t ids[] = {tokens[0], tokens[1], PAD, tokens[2], PAD, PAD, tokens[3]};
    const int at[] = {0, 1, -1, 2, -1, -1, 3};
    for (int cut = 1; cut <= 7; cut++) {
        pencl_kv_lm *kv = make(lm, 0);
        for (int first = 0; first < 7; first = first < cut ? cut : 7) {
            int n = first < cut ? cut : 7 - cut;
            pencl_array *piece = row_of(ids + first, n);
            pencl_array *logits = NULL;
            ok(pencl_kv_lm_call(&logits, kv, piece, NULL, 0));
            for (int i = 0; i < n; i++) {
                if (at[first + i] >= 0) {
                    expect_row(logits, i, at[first + i]);
                }
            }
            pencl_array_free(logits);
            pencl_array_free(piece);
        }
        ck_assert_int_eq(pencl_kv_lm_cache_end_index(kv), 7);
        pencl_kv_lm_free(kv);
    }
}
END_TEST

/* ---- several batch axes ---- */

/* Tokens come with their axes in any order; logits have that of the wrapper's. */
START_TEST(batch_axes_may_be_several)
{
    enum { USERS = 2, SAMPLES = 3, N = 4 };
    const pencl_axis batch[] = {{"users", USERS}, {"samples", SAMPLES}};
    const pencl_axis axes[] = {{"samples", SAMPLES}, {"seq", N}, {"users", USERS}};
    static const char *const names[] = {"users", "samples", "seq", "vocabulary"};
    int32_t ids[SAMPLES][N][USERS];
    for (int i = 0; i < SAMPLES * N * USERS; i++) {
        ids[i / (N * USERS)][i / USERS % N][i % USERS] = 7; /* all but the row below */
    }
    for (int i = 0; i < N; i++) {
        ids[2][i][1] = tokens[i];
    }
    pencl_kv_lm *kv = NULL;
    pencl_array *all = NULL;
    pencl_array *logits = NULL;
    pencl_array *one = NULL;
    pencl_array *row = NULL;
    ok(pencl_kv_lm_from_uncached(&kv, lm, CACHE, batch, 2, PAD));
    ok(pencl_array_wrap(&all, device, PENCL_I32, axes, 3, ids));
    ok(pencl_kv_lm_call(&logits, kv, all, NULL, 0));
    for (int i = 0; i < 4; i++) {
        ck_assert_str_eq(pencl_array_axis(logits, i)->name, names[i]);
    }
    ok(pencl_array_index(&one, logits, "users", 1));
    ok(pencl_array_index(&row, one, "samples", 2));
    for (int i = 0; i < N; i++) {
        expect_row(row, i, i);
    }
    pencl_array_free(row);
    pencl_array_free(one);
    pencl_array_free(logits);
    pencl_array_free(all);
    pencl_kv_lm_free(kv);
}
END_TEST

/* ---- what cannot be cached ---- */

START_TEST(an_unbound_lm_names_its_slot)
{
    pencl_layer *empty = NULL;
    pencl_variable **variables = NULL;
    pencl_lm *unbound = NULL;
    pencl_array *logits = NULL;
    int n = 0;
    ok(pencl_layer_unbind_variables(&empty, &variables, &n, ctx, pencl_lm_body(lm), NULL, NULL));
    ok(pencl_lm_new(&unbound, device, empty, pencl_lm_metadata(lm)));
    pencl_kv_lm *kv = make(unbound, 0);
    pencl_array *ids = row_of(tokens, 2);
    ck_assert_int_eq(pencl_kv_lm_call(&logits, kv, ids, NULL, 0), PENCL_E_UNBOUND);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "transformer/embedder.embeddings"));
    ck_assert_int_eq(pencl_kv_lm_cache_end_index(kv), 0);
    pencl_array_free(ids);
    pencl_kv_lm_free(kv);
    pencl_lm_free(unbound);
    pencl_variables_free(variables, n);
    pencl_layer_free(empty);
}
END_TEST

Suite *suite_penzai_kv_body(void);
Suite *suite_penzai_kv_body(void)
{
    Suite *suite = suite_create("penzai_kv_body");
    TCase *tc = tcase_create("kv_body");
    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, fixture_tiny, fixture_tiny_close);
    tcase_add_test(tc, attention_layers_become_caching_ones);
    tcase_add_test(tc, parameters_are_shared);
    tcase_add_test(tc, masks_read_the_positions_of_cached_tokens);
    tcase_add_test(tc, explicit_masks_are_over_all_slots);
    tcase_add_test(tc, what_the_wrapper_makes_cannot_be_given);
    tcase_add_test(tc, a_pad_among_tokens_vanishes);
    tcase_add_test(tc, batch_axes_may_be_several);
    tcase_add_test(tc, an_unbound_lm_names_its_slot);
    suite_add_tcase(suite, tc);
    return suite;
}
