/* SPDX-License-Identifier: Apache-2.0 */
/* KVCachingTransformerLM as a layer: its tree, its steps, and its states as values. */
#include "nn/nn.h"
#include "support/golden.h"
#include "support/tiny.h"
#include "support/tree.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 16 };

static const pencl_axis BATCH[] = {{"batch", 2}};

static pencl_kv_lm *make(int64_t cache_len, int n_batch_axes)
{
    pencl_kv_lm *kv = NULL;
    ok(pencl_kv_lm_from_uncached(&kv, lm, cache_len, BATCH, n_batch_axes, PAD));
    return kv;
}

static pencl_layer *layer_of(pencl_kv_lm *kv)
{
    pencl_layer *layer = NULL;
    ok(pencl_kv_lm_layer(&layer, kv));
    return layer;
}

/* Logits of rows as floats; the array is freed. */
static float *floats(pencl_array *array)
{
    int64_t n = pencl_array_count(array);
    float *out = calloc((size_t)n + 1, sizeof *out);
    ok(pencl_array_download_f32(array, out, n));
    pencl_array_free(array);
    return out;
}

static double distance(const float *a, const float *b, int64_t n)
{
    double worst = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        worst = d > worst || isnan(d) ? d : worst;
    }
    return worst;
}

/* Rows of logits against those of tokens first .. first + n - 1. */
static void expect(const float *got, int64_t first, int64_t n)
{
    double worst = distance(got, want + first * VOCABULARY, n * VOCABULARY);
    ck_assert_msg(worst <= 1e-4, "tokens %lld to %lld differ by %g", (long long)first,
                  (long long)(first + n - 1), worst);
}

/* ---- a graph that appends whenever it runs ---- */

typedef struct step {
    pencl_graph *graph;
    pencl_array *x;
    pencl_value *y;
} step;

static step step_of(const pencl_layer *layer, const char *spec, const int32_t *ids)
{
    step s;
    s.x = tree_ids(device, spec, ids);
    ok(pencl_graph_new(&s.graph, device));
    s.y = pencl_layer_call(layer, pencl_graph_array(s.graph, s.x), NULL);
    return s;
}

static void free_step(step *s)
{
    pencl_graph_free(s->graph);
    pencl_array_free(s->x);
}

static pencl_status run(float **out, step *s)
{
    pencl_array *y = NULL;
    pencl_status st = pencl_eval(s->graph, &s->y, 1, &y);
    *out = st == PENCL_OK ? floats(y) : NULL;
    return st;
}

static void expect_ints(const pencl_layer *layer, const char *field, const int32_t *ids, int n)
{
    float *got = tree_values(pencl_layer_variable(layer, field));
    for (int i = 0; i < n; i++) {
        ck_assert_int_eq((int32_t)got[i], ids[i]);
    }
    free(got);
}

START_TEST(each_run_appends_its_tokens)
{
    pencl_kv_lm *kv = make(N_TOKENS, 0);
    pencl_layer *layer = layer_of(kv);
    step s = step_of(layer, "seq=3", tokens);
    float *got = NULL;
    for (int i = 0; i < N_TOKENS; i += 3) {
        const int32_t end = i + 3;
        ok(pencl_array_upload(s.x, tokens + i, 3 * sizeof *tokens));
        ok(run(&got, &s));
        expect(got, i, 3);
        expect_ints(layer, "cache_end_index", &end, 1);
        expect_ints(layer, "previous_tokens", tokens, i + 3);
        free(got);
    }
    ck_assert_int_eq(pencl_kv_lm_cache_end_index(kv), 0); /* the wrapper has its own */
    free_step(&s);
    pencl_layer_free(layer);
    pencl_kv_lm_free(kv);
}
END_TEST

START_TEST(a_layer_begins_where_its_wrapper_is)
{
    pencl_kv_lm *kv = make(N_TOKENS, 0);
    pencl_array *first = tree_ids(device, "seq=5", tokens);
    pencl_array *rest = tree_ids(device, "seq=7", tokens + 5);
    pencl_array *y = NULL;
    float *got = NULL;
    ok(pencl_kv_lm_call(&y, kv, first, NULL, 0));
    pencl_array_free(y);
    pencl_layer *layer = layer_of(kv);
    step s = step_of(layer, "seq=7", tokens + 5);
    ok(pencl_kv_lm_call(&y, kv, rest, NULL, 0)); /* the two go their own ways */
    pencl_array_free(y);
    ok(run(&got, &s));
    expect(got, 5, 7);
    free(got);
    free_step(&s);
    pencl_array_free(first);
    pencl_array_free(rest);
    pencl_layer_free(layer);
    pencl_kv_lm_free(kv);
}
END_TEST

/* Row 0: three pads, then 5 tokens; row 1: 6 tokens, then two pads. Then both go on. */
START_TEST(padding_left_and_right_in_one_batch)
{
    int32_t first[2][8];
    int32_t second[2][3];
    float *got = NULL;
    for (int i = 0; i < 8; i++) {
        first[0][i] = first[1][i] = PAD;
    }
    memcpy(&first[0][3], tokens, 5 * sizeof *tokens);
    memcpy(first[1], tokens, 6 * sizeof *tokens);
    memcpy(second[0], tokens + 5, sizeof second[0]);
    memcpy(second[1], tokens + 6, sizeof second[1]);
    pencl_kv_lm *kv = make(11, 1);
    pencl_layer *layer = layer_of(kv);
    step a = step_of(layer, "batch=2 seq=8", first[0]);
    step b = step_of(layer, "batch=2 seq=3", second[0]);
    ok(run(&got, &a));
    expect(got + 3 * VOCABULARY, 0, 5);
    expect(got + 8 * VOCABULARY, 0, 6);
    free(got);
    ok(run(&got, &b));
    expect(got, 5, 3);
    expect(got + 3 * VOCABULARY, 6, 3);
    free(got);
    free_step(&a);
    free_step(&b);
    pencl_layer_free(layer);
    pencl_kv_lm_free(kv);
}
END_TEST

START_TEST(a_full_cache_is_an_error_before_any_write)
{
    const int32_t end = 6;
    pencl_kv_lm *kv = make(8, 0);
    pencl_layer *layer = layer_of(kv);
    step a = step_of(layer, "seq=6", tokens);
    step b = step_of(layer, "seq=3", tokens + 6);
    step c = step_of(layer, "seq=2", tokens + 6);
    float *got = NULL;
    ok(run(&got, &a));
    free(got);
    ck_assert_int_eq(run(&got, &b), PENCL_E_CACHE_FULL);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "3 tokens more exceed the cache of 8"));
    ck_assert_int_eq(run(&got, &a), PENCL_E_CACHE_FULL); /* a kept plan as well */
    expect_ints(layer, "cache_end_index", &end, 1);
    expect_ints(layer, "previous_tokens", tokens, 6);
    ok(run(&got, &c));
    expect(got, 6, 2);
    free(got);
    free_step(&a);
    free_step(&b);
    free_step(&c);
    pencl_layer_free(layer);
    pencl_kv_lm_free(kv);
}
END_TEST

START_TEST(tokens_need_exactly_the_batch_axes)
{
    static const char *const specs[] = {"seq=2", "batch=3 seq=2", "batch=2",
                                        "batch=2 more=1 seq=2"};
    const int32_t ids[6] = {1, 2, 3, 4, 5, 6};
    pencl_kv_lm *kv = make(8, 1);
    pencl_layer *layer = layer_of(kv);
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        step s = step_of(layer, specs[i], ids);
        ck_assert_ptr_null(s.y);
        ck_assert_int_eq(pencl_graph_finish(s.graph), PENCL_E_AXIS);
        ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "batch:2"));
        free_step(&s);
    }
    pencl_layer_free(layer);
    pencl_kv_lm_free(kv);
}
END_TEST

START_TEST(tokens_are_integers)
{
    const float values[4] = {0};
    pencl_kv_lm *kv = make(8, 1);
    pencl_layer *layer = layer_of(kv);
    pencl_array *x = tree_array(device, "batch=2 seq=2", values);
    pencl_graph *graph = NULL;
    ok(pencl_graph_new(&graph, device));
    ck_assert_ptr_null(pencl_layer_call(layer, pencl_graph_array(graph, x), NULL));
    ck_assert_int_eq(pencl_graph_finish(graph), PENCL_E_DTYPE);
    ck_assert_ptr_nonnull(
        strstr(pencl_error_text(ctx), "tokens: int32(| batch:2, seq:2) is needed"));
    pencl_graph_free(graph);
    pencl_array_free(x);
    pencl_layer_free(layer);
    pencl_kv_lm_free(kv);
}
END_TEST

/* ---- states as values ---- */

typedef struct values {
    pencl_variable *items[MOST];
    int n;
} values;

static void free_values(values *v)
{
    for (int i = 0; i < v->n; i++) {
        pencl_variable_free(v->items[i]);
    }
}

/* The layer without its states, and what they hold. */
static pencl_layer *take_out(values *out, pencl_layer *layer)
{
    pencl_layer *empty = NULL;
    pencl_variable **states = NULL;
    ok(pencl_layer_unbind_variables(&empty, &states, &out->n, ctx, layer, pencl_variable_is_state,
                                    NULL));
    ck_assert_int_eq(out->n, 2 * 2 + 2); /* keys and values of two blocks */
    for (int i = 0; i < out->n; i++) {
        ok(pencl_variable_freeze(&out->items[i], states[i]));
    }
    pencl_variables_free(states, out->n);
    return empty;
}

static float *call(values *after, pencl_layer *empty, const values *before, int first, int n)
{
    char spec[16];
    pencl_array *y = NULL;
    snprintf(spec, sizeof spec, "seq=%d", n);
    pencl_array *x = tree_ids(device, spec, tokens + first);
    after->n = before->n;
    ok(pencl_layer_stateless_call(&y, after->items, empty, before->items, before->n, x, NULL));
    pencl_array_free(x);
    return floats(y);
}

START_TEST(states_are_values)
{
    values begin;
    values once;
    values again;
    values end;
    pencl_kv_lm *kv = make(N_TOKENS, 0);
    pencl_layer *layer = layer_of(kv);
    pencl_layer *empty = take_out(&begin, layer);
    float *a = call(&once, empty, &begin, 0, 5);
    float *b = call(&again, empty, &begin, 0, 5);
    float *c = call(&end, empty, &once, 5, 7);
    expect(a, 0, 5);
    ck_assert_mem_eq(a, b, 5 * VOCABULARY * sizeof *a);
    expect(c, 5, 7);
    for (int i = 0; i < begin.n; i++) {
        ck_assert_str_eq(pencl_variable_label(once.items[i]), pencl_variable_label(begin.items[i]));
        ck_assert(!pencl_variable_equal(once.items[i], begin.items[i]));
        if (strcmp(pencl_variable_label(begin.items[i]), "sampler/cache_end_index") == 0) {
            float *first = tree_values(begin.items[i]);
            float *last = tree_values(end.items[i]);
            ck_assert_float_eq(first[0], 0);
            ck_assert_float_eq(last[0], N_TOKENS);
            free(first);
            free(last);
        }
    }
    free_values(&again);
    pencl_array *y = NULL;
    pencl_array *x = tree_ids(device, "seq=1", tokens);
    ck_assert_int_eq(pencl_layer_stateless_call(&y, again.items, empty, end.items, end.n, x, NULL),
                     PENCL_E_CACHE_FULL);
    pencl_array_free(x);
    free_values(&begin);
    free_values(&once);
    free_values(&end);
    free(a);
    free(b);
    free(c);
    pencl_layer_free(empty);
    pencl_layer_free(layer);
    pencl_kv_lm_free(kv);
}
END_TEST

/* ---- the tree ---- */

START_TEST(fields_and_colour_are_penzais)
{
    json_t *all = golden_json("penzai/reflection.json");
    const json_t *penzai = json_object_get(all, "KVCachingTransformerLM");
    const json_t *fields = json_object_get(penzai, "fields");
    pencl_kv_lm *kv = make(N_TOKENS, 1);
    pencl_layer *layer = layer_of(kv);
    int n = 0;
    const pencl_attribute *a = pencl_layer_attributes(layer, &n);
    ck_assert_str_eq(pencl_layer_type_of(layer)->name, "KVCachingTransformerLM");
    ck_assert_uint_eq(json_array_size(fields), (size_t)n);
    for (int i = 0; i < n; i++) {
        ck_assert_str_eq(a[i].name, json_string_value(json_array_get(fields, (size_t)i)));
    }
    ck_assert_str_eq(pencl_layer_color(layer).border,
                     json_string_value(json_object_get(penzai, "color")));
    ck_assert_ptr_nonnull(strstr(pencl_layer_text(layer, "metadata"), "vocab_size=300"));
    ck_assert_double_eq(pencl_layer_number(layer, "cache_len"), N_TOKENS);
    ck_assert_double_eq(pencl_layer_number(layer, "pad_id"), PAD);
    ck_assert_str_eq(pencl_layer_axes(layer, "batch_axes", &n)->name, "batch");
    ck_assert_int_eq(n, 1);
    json_decref(all);
    pencl_layer_free(layer);
    pencl_kv_lm_free(kv);
}
END_TEST

START_TEST(the_tree_is_printed_selected_and_put_together_again)
{
    pencl_kv_lm *kv = make(N_TOKENS, 0);
    pencl_layer *layer = layer_of(kv);
    pencl_layer *again = NULL;
    pencl_node children[4];
    char *text = NULL;
    ok(pencl_layer_print(&text, ctx, layer));
    ck_assert_ptr_nonnull(strstr(text, "KVCachingTransformerLM"));
    ck_assert_ptr_nonnull(strstr(text, "StateVariable \"sampler/cache_end_index\" int32"));
    pencl_text_free(text);
    pencl_selection *s = pencl_select_text(ctx, layer, "//KVCachingAttention//StateVariable");
    ck_assert_int_eq(pencl_selection_count(s), 4);
    pencl_selection_free(s);
    ck_assert_int_eq(pencl_layer_flatten(layer, children, 4), 3);
    ck_assert_ptr_eq(children[0].layer, pencl_layer_child(layer, "body", 0));
    ok(pencl_layer_unflatten(&again, ctx, layer, children, 3));
    ck_assert(pencl_layer_equal(again, layer));
    pencl_layer_free(again);
    pencl_layer_free(layer);
    pencl_kv_lm_free(kv);
}
END_TEST

Suite *suite_penzai_kv_layer(void);
Suite *suite_penzai_kv_layer(void)
{
    Suite *suite = suite_create("penzai_kv_layer");
    TCase *tc = tcase_create("kv_layer");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, fixture_tiny, fixture_tiny_close);
    tcase_add_test(tc, each_run_appends_its_tokens);
    tcase_add_test(tc, a_layer_begins_where_its_wrapper_is);
    tcase_add_test(tc, padding_left_and_right_in_one_batch);
    tcase_add_test(tc, a_full_cache_is_an_error_before_any_write);
    tcase_add_test(tc, tokens_need_exactly_the_batch_axes);
    tcase_add_test(tc, tokens_are_integers);
    tcase_add_test(tc, states_are_values);
    tcase_add_test(tc, fields_and_colour_are_penzais);
    tcase_add_test(tc, the_tree_is_printed_selected_and_put_together_again);
    suite_add_tcase(suite, tc);
    return suite;
}
