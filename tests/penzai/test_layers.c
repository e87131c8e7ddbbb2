/* SPDX-License-Identifier: Apache-2.0 */
/* Layers of penzai that no model of ours is made of, against what penzai itself gives. */
#include "nn/nn.h"
#include "support/attributes.h"
#include "support/fixture.h"
#include "support/layer_cases.h"
#include "support/tree.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static layer_cases cases;

static void setup(void)
{
    fixture_device();
    cases = layer_cases_open(device);
}

static void teardown(void)
{
    json_decref(cases.golden);
    fixture_close();
}

/* ---- making layers ---- */

/* Over the axes seq and embedding, with penzai's field for them. */
static pencl_layer *over_two(const char *type, const char *field, double epsilon)
{
    const pencl_axis axes[] = {{"seq", 0}, {"embedding", 0}};
    const pencl_attribute given[] = {
        {.name = field, .kind = PENCL_FIELD_AXES, .axes = axes, .n = 2},
        given_number("epsilon", epsilon)};
    return make_layer(type, given, epsilon > 0 ? 2 : 1);
}

static pencl_layer *explicit_mask(double masked)
{
    const pencl_attribute given[] = {given_text("mask_input_name", "mask"),
                                     given_number("masked_out_value", masked)};
    return make_layer("ApplyExplicitAttentionMask", given, 2);
}

static pencl_layer *einsum(const char *inputs, const char *output)
{
    const pencl_attribute given[] = {given_text("input_axes", inputs),
                                     given_text("output_axes", output)};
    return make_layer("NamedEinsum", given, 2);
}

static pencl_layer *knock_out(pencl_variable *mask)
{
    const pencl_attribute given[] = {
        {.name = "head_mask", .kind = PENCL_FIELD_VARIABLE, .variable = mask}};
    pencl_layer *layer = make_layer("KnockOutAttentionHeads", given, 1);
    pencl_variable_free(mask);
    return layer;
}

/* ---- attention ---- */

START_TEST(explicit_attention_mask)
{
    static const struct {
        const char *name;
        double masked;
    } rows[] = {{"explicit_mask", -2.3819763e38},
                {"explicit_mask_of_keys", -2.3819763e38},
                {"explicit_mask_of_another_value", -1e4}};
    for (size_t i = 0; i < PN_COUNT(rows); i++) {
        pencl_array *x = layer_case_array(&cases, rows[i].name, "x");
        pencl_array *mask = layer_case_ids(&cases, rows[i].name, "mask");
        apply_call call = {
            .layer = explicit_mask(rows[i].masked), .x = x, .side = {{"mask", mask}}};
        layer_case_expect(&cases, rows[i].name, &call);
        call.side[0].name = "token_positions";
        call.layer = explicit_mask(rows[i].masked);
        apply_refuse(device, &call, PENCL_E_SIDE_INPUT, "side input 'mask' is missing");
        pencl_array_free(mask);
        pencl_array_free(x);
    }
}
END_TEST

/* The number that penzai's models have is in tests/nn; here any other. */
START_TEST(causal_masks_write_any_number)
{
    static const char *const names[] = {"causal_mask_of_another_value",
                                        "window_mask_of_another_value"};
    for (int i = 0; i < 2; i++) {
        const pencl_attribute masked = given_number("masked_out_value", -1e4);
        pencl_layer *usual = pn_nn_causal_mask(ctx, 2 * i);
        pencl_array *x = layer_case_array(&cases, names[i], "x");
        pencl_array *positions = layer_case_ids(&cases, names[i], "token_positions");
        apply_call call = {.x = x, .side = {{PN_SIDE_TOKEN_POSITIONS, positions}}};
        ok(pencl_layer_replace(&call.layer, ctx, usual, &masked, 1));
        layer_case_expect(&cases, names[i], &call);
        pencl_layer_free(usual);
        pencl_array_free(positions);
        pencl_array_free(x);
    }
}
END_TEST

/* ... and sequence ids hide as they do with the usual one. */
START_TEST(causal_masks_of_any_number_keep_sequences_apart)
{
    const float ones[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    const float want[9] = {1, 0, 0, 0, 1, 0, 0, 1, 1};
    const int32_t at[] = {0, 0, 1};
    const int32_t sequence[] = {7, 8, 8};
    const pencl_attribute masked = given_number("masked_out_value", 0);
    pencl_layer *usual = pn_nn_causal_mask(ctx, 0);
    pencl_array *x = tree_array(device, "seq=3 kv_seq=3", ones);
    pencl_array *positions = tree_ids(device, "seq=3", at);
    pencl_array *ids = tree_ids(device, "seq=3", sequence);
    apply_call call = {
        .x = x, .side = {{PN_SIDE_TOKEN_POSITIONS, positions}, {PN_SIDE_TOKEN_SEQUENCE, ids}}};
    ok(pencl_layer_replace(&call.layer, ctx, usual, &masked, 1));
    apply_expect(device, &call, "seq=3 kv_seq=3", want);
    pencl_layer_free(usual);
    pencl_array_free(ids);
    pencl_array_free(positions);
    pencl_array_free(x);
}
END_TEST

/* penzai's slot 0 is the key at position 0. */
START_TEST(knock_out_attention_heads)
{
    const int32_t at[] = {0, 1, 2, 3};
    pencl_array *x = layer_case_array(&cases, "knock_out", "x");
    pencl_array *positions = tree_ids(device, "seq=4", at);
    apply_call call = {
        .layer = knock_out(layer_case_variable(&cases, "knock_out", "head_mask", "heads", 0)),
        .x = x,
        .side = {{PN_SIDE_TOKEN_POSITIONS, positions}}};
    layer_case_expect(&cases, "knock_out", &call);
    call.side[0].name = "positions";
    call.layer = knock_out(layer_case_variable(&cases, "knock_out", "head_mask", "heads", 0));
    apply_refuse(device, &call, PENCL_E_SIDE_INPUT, "side input 'token_positions' is missing");
    pencl_array_free(positions);
    pencl_array_free(x);
}
END_TEST

/* pencl's own rule: with padding on the left, the first real token is not in slot 0. */
START_TEST(knock_out_finds_the_first_real_token)
{
    const float weights[] = {0.1F, 0.2F, 0.7F, 0.3F, 0.3F, 0.4F}; /* seq=2 kv_seq=3 */
    const float want[] = {0, 1, 0, 0.15F, 0.65F, 0.2F};
    const int32_t at[] = {0, 1};
    const int32_t kv_at[] = {-1, 0, 1};
    const float keep[] = {0, 0.5F};
    pencl_array *x = tree_array(device, "seq=2 kv_seq=3", weights);
    pencl_array *positions = tree_ids(device, "seq=2", at);
    pencl_array *kv = tree_ids(device, "seq=3", kv_at);
    pencl_array *mask = tree_array(device, "seq=2", keep);
    pencl_variable *v = NULL;
    ok(pencl_variable_new(&v, PENCL_PARAMETER, "keep", mask, 0));
    apply_call call = {
        .layer = knock_out(v),
        .x = x,
        .side = {{PN_SIDE_TOKEN_POSITIONS, positions}, {PN_SIDE_KV_TOKEN_POSITIONS, kv}}};
    apply_expect(device, &call, "seq=2 kv_seq=3", want);
    pencl_array_free(mask);
    pencl_array_free(kv);
    pencl_array_free(positions);
    pencl_array_free(x);
}
END_TEST

/* Each query's own sequence has a first token. */
START_TEST(knock_out_finds_the_first_token_of_each_sequence)
{
    const float weights[] = {1, 0, 0, 0, 0.5F, 0.5F, 0, 0.25F, 0.75F}; /* seq=3 kv_seq=3 */
    const float want[] = {1, 0, 0, 0, 1, 0, 0, 1, 0};
    const int32_t at[] = {0, 0, 1};
    const int32_t sequence[] = {7, 8, 8};
    const float keep[] = {0, 0, 0};
    pencl_array *x = tree_array(device, "seq=3 kv_seq=3", weights);
    pencl_array *positions = tree_ids(device, "seq=3", at);
    pencl_array *ids = tree_ids(device, "seq=3", sequence);
    pencl_array *mask = tree_array(device, "seq=3", keep);
    pencl_variable *v = NULL;
    ok(pencl_variable_new(&v, PENCL_PARAMETER, "keep", mask, 0));
    apply_call call = {
        .layer = knock_out(v),
        .x = x,
        .side = {{PN_SIDE_TOKEN_POSITIONS, positions}, {PN_SIDE_TOKEN_SEQUENCE, ids}}};
    apply_expect(device, &call, "seq=3 kv_seq=3", want);
    pencl_array_free(mask);
    pencl_array_free(ids);
    pencl_array_free(positions);
    pencl_array_free(x);
}
END_TEST

/* ---- several axes together ---- */

START_TEST(norms_and_softmax_over_several_axes)
{
    layer_case_expect_of(&cases, "softmax_of_two", over_two("Softmax", "axes", 0));
    layer_case_expect_of(&cases, "standardize_two", over_two("Standardize", "across", 1e-3));
    layer_case_expect_of(&cases, "rms_standardize_two", over_two("RMSStandardize", "across", 1e-3));
}
END_TEST

/* ---- einsums and names ---- */

START_TEST(named_einsum_of_one_and_of_three)
{
    layer_case_expect_of(&cases, "einsum_of_one", einsum("seq:a embedding:b", "embedding:a seq:b"));
    layer_case_expect_of(&cases, "einsum_that_sums_one", einsum("seq:t embedding:e", "seq:t"));
    pencl_array *x = layer_case_array(&cases, "einsum_of_three", "x");
    pencl_array *x1 = layer_case_array(&cases, "einsum_of_three", "x1");
    pencl_array *x2 = layer_case_array(&cases, "einsum_of_three", "x2");
    apply_call call = {
        .layer =
            einsum("seq:t embedding:e, embedding:e neurons:n, neurons:n heads:h", "seq:t heads:h"),
        .x = x,
        .second = x1,
        .third = x2};
    layer_case_expect(&cases, "einsum_of_three", &call);
    pencl_array_free(x);
    pencl_array_free(x1);
    pencl_array_free(x2);
    x = layer_case_array(&cases, "einsum_with_taken_names", "x");
    x1 = layer_case_array(&cases, "einsum_with_taken_names", "x1");
    call = (apply_call){
        .layer = einsum("seq:t kv_seq:p, seq:s kv_seq:p", "seq:t kv_seq:s"), .x = x, .second = x1};
    layer_case_expect(&cases, "einsum_with_taken_names", &call);
    pencl_array_free(x);
    pencl_array_free(x1);
    x = layer_case_array(&cases, "einsum_that_sums_both", "x");
    x1 = layer_case_array(&cases, "einsum_that_sums_both", "x1");
    call = (apply_call){.layer = einsum("seq:t embedding:e, neurons:n heads:h", "seq:t heads:h"),
                        .x = x,
                        .second = x1};
    layer_case_expect(&cases, "einsum_that_sums_both", &call);
    pencl_array_free(x);
    pencl_array_free(x1);
    x = layer_case_array(&cases, "einsum_with_one_name_twice", "x");
    x1 = layer_case_array(&cases, "einsum_with_one_name_twice", "x1");
    x2 = layer_case_array(&cases, "einsum_with_one_name_twice", "x2");
    call = (apply_call){
        .layer = einsum("seq:i kv_seq:k, seq:j kv_seq:k, heads:h neurons:i embedding:j", "heads:h"),
        .x = x,
        .second = x1,
        .third = x2};
    layer_case_expect(&cases, "einsum_with_one_name_twice", &call);
    pencl_array_free(x);
    pencl_array_free(x1);
    pencl_array_free(x2);
}
END_TEST

START_TEST(rename_axes_at_once)
{
    layer_case_expect_of(&cases, "rename_swaps",
                         pn_nn_rename_axes(ctx, "seq embedding", "embedding seq"));
}
END_TEST

START_TEST(linear_in_place)
{
    pencl_variable *w = layer_case_variable(&cases, "linear_in_place", "in_place.weights",
                                            "embedding_out embedding", 1);
    pencl_layer *linear = pn_nn_linear(ctx, w, "embedding", "embedding_out");
    layer_case_expect_of(&cases, "linear_in_place",
                         PN_NN_LIST(ctx, "LinearInPlace", linear,
                                    pn_nn_rename_axes(ctx, "embedding_out", "embedding")));
}
END_TEST

/* ---- low-rank adapters ---- */

/* The case's linear and its adapter, at a scale. */
static pencl_layer *adapter(double scale)
{
    pencl_variable *w = layer_case_variable(&cases, "low_rank_adapter", "lin.weights",
                                            "heads neurons embedding", 2);
    pencl_variable *a = layer_case_variable(&cases, "low_rank_adapter", "lin/LoRA_A.weights",
                                            "heads lowrank embedding", 2);
    pencl_variable *b = layer_case_variable(&cases, "low_rank_adapter", "lin/LoRA_B.weights",
                                            "heads neurons lowrank", 2);
    pencl_layer *linear = pn_nn_linear(ctx, w, "embedding", "neurons");
    pencl_layer *layer = NULL;
    ok(pencl_layer_low_rank_adapter(&layer, ctx, linear, a, b, scale));
    pencl_layer_free(linear);
    pencl_variable_free(a);
    pencl_variable_free(b);
    return layer;
}

START_TEST(low_rank_adapter)
{
    pencl_layer *layer = adapter(1);
    ck_assert_str_eq(pencl_layer_type_of(layer)->name, "LowRankAdapter");
    pencl_selection *s = pencl_select_text(ctx, layer, "//NamedGroup{name=Update}/sublayers");
    ck_assert_int_eq(pencl_selection_count(s), 2); /* as penzai builds it */
    pencl_selection_free(s);
    layer_case_expect_of(&cases, "low_rank_adapter", layer);
}
END_TEST

/* PEFT's alpha / rank: the update counts so often. */
START_TEST(low_rank_adapter_with_a_scale)
{
    float *full = layer_case_values(&cases, "low_rank_adapter", "y");
    pencl_array *x = layer_case_array(&cases, "low_rank_adapter", "x");
    pencl_layer *layer = adapter(0.5);
    pencl_array *plain = NULL;
    pencl_selection *s = pencl_select_text(ctx, layer, "//NamedGroup{name=Pretrained}");
    pencl_node pretrained;
    ok(pencl_selection_get(&pretrained, s));
    ok(apply_layer(&plain, device, &(apply_call){.layer = pretrained.layer, .x = x}));
    const char *const order[] = {"seq", "heads", "neurons"};
    pencl_array *ordered = NULL;
    float base[3 * 2 * 5];
    ok(pencl_array_order(&ordered, plain, order, 3));
    ok(pencl_array_download_f32(ordered, base, 3 * 2 * 5));
    pn_spec spec = layer_case_spec(&cases, "low_rank_adapter", "y");
    ck_assert_str_eq(spec.axes[0].name, "seq");
    ck_assert_str_eq(spec.axes[1].name, "heads");
    for (int i = 0; i < 3 * 2 * 5; i++) {
        full[i] = base[i] + 0.5F * (full[i] - base[i]);
    }
    apply_expect(device, &(apply_call){.layer = layer, .x = x}, "seq=3 heads=2 neurons=5", full);
    free(full);
    pencl_selection_free(s);
    pencl_array_free(ordered);
    pencl_array_free(plain);
    pencl_array_free(x);
}
END_TEST

START_TEST(low_rank_adapter_needs_fitting_parts)
{
    static const struct {
        const char *a;
        const char *b;
        pencl_status status;
        const char *words;
    } rows[] = {
        {"rank=3 embedding=6", "neurons=4 rank=3", PENCL_E_SHAPE,
         "A of a low-rank adapter needs axis 'embedding' of size 5"},
        {"rank=3 seq=5", "neurons=4 rank=3", PENCL_E_AXIS, "A of a low-rank adapter needs axis"},
        {"embedding=5", "neurons=4 rank=3", PENCL_E_AXIS, "of its side and the rank"},
        {"rank=3 embedding=5", "rank=3", PENCL_E_AXIS,
         "B of a low-rank adapter needs axis 'neurons'"},
        {"rank=3 embedding=5", "neurons=4 rank=2", PENCL_E_SHAPE,
         "the rank is rank:3 in A and rank:2 in B"},
        {"rank=3 embedding=5 neurons=4", "neurons=4 rank=3", PENCL_E_AXIS, "A of a low-rank"},
    };
    pencl_layer *linear = pn_nn_linear(ctx, tree_variable(device, "w", "neurons=4 embedding=5", 1),
                                       "embedding", "neurons");
    pencl_layer *out = NULL;
    for (size_t i = 0; i < PN_COUNT(rows); i++) {
        pencl_variable *a = tree_variable(device, "a", rows[i].a, 0);
        pencl_variable *b = tree_variable(device, "b", rows[i].b, 0);
        ck_assert_int_eq(pencl_layer_low_rank_adapter(&out, ctx, linear, a, b, 1), rows[i].status);
        ck_assert_msg(strstr(pencl_error_text(ctx), rows[i].words) != NULL, "%s",
                      pencl_error_text(ctx));
        ck_assert_ptr_null(out);
        pencl_variable_free(a);
        pencl_variable_free(b);
    }
    pencl_layer *softmax = pn_nn_softmax(ctx, "seq");
    pencl_variable *w = pencl_layer_variable(linear, "weights");
    ck_assert_int_eq(pencl_layer_low_rank_adapter(&out, ctx, softmax, w, w, 1), PENCL_E_ARG);
    pencl_layer_free(softmax);
    pencl_layer_free(linear);
}
END_TEST

/* ---- dropout ---- */

START_TEST(dropout_is_the_identity)
{
    static const char *const types[] = {"StochasticDropout", "DisabledDropout"};
    const pencl_attribute given[] = {given_number("drop_rate", 0.5),
                                     {.name = "share_across_axes", .kind = PENCL_FIELD_AXES},
                                     given_text("random_stream_input_name", "random_stream")};
    pencl_array *x = layer_case_array(&cases, "layer_stack", "x");
    float *same = layer_case_values(&cases, "layer_stack", "x");
    for (size_t i = 0; i < PN_COUNT(types); i++) {
        pencl_layer *layer = make_layer(types[i], given, 3);
        ck_assert_int_eq(pn_layer_is(layer, "Identity"), i == 1); /* penzai's subclass */
        apply_expect(
            device,
            &(apply_call){.layer = PN_NN_LIST(ctx, "Sequential", layer, pn_nn_rescale(ctx, 1)),
                          .x = x},
            "seq=5 embedding=4", same);
    }
    free(same);
    pencl_array_free(x);
}
END_TEST

Suite *suite_penzai_layers(void);
Suite *suite_penzai_layers(void)
{
    Suite *suite = suite_create("penzai_layers");
    TCase *tc = tcase_create("golden");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120); /* the first build of kernels */
    tcase_add_test(tc, explicit_attention_mask);
    tcase_add_test(tc, causal_masks_write_any_number);
    tcase_add_test(tc, causal_masks_of_any_number_keep_sequences_apart);
    tcase_add_test(tc, knock_out_attention_heads);
    tcase_add_test(tc, knock_out_finds_the_first_real_token);
    tcase_add_test(tc, knock_out_finds_the_first_token_of_each_sequence);
    tcase_add_test(tc, norms_and_softmax_over_several_axes);
    tcase_add_test(tc, named_einsum_of_one_and_of_three);
    tcase_add_test(tc, rename_axes_at_once);
    tcase_add_test(tc, linear_in_place);
    tcase_add_test(tc, low_rank_adapter);
    tcase_add_test(tc, low_rank_adapter_with_a_scale);
    tcase_add_test(tc, low_rank_adapter_needs_fitting_parts);
    tcase_add_test(tc, dropout_is_the_identity);
    suite_add_tcase(suite, tc);
    return suite;
}
