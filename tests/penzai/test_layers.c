/* SPDX-License-Identifier: Apache-2.0 */
/* Layers of penzai that no model of ours is made of, against what penzai itself gives. */
#include "nn/nn.h"
#include "support/apply.h"
#include "support/devices.h"
#include "support/golden.h"
#include "support/tree.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pencl_ctx *ctx;
static pencl_device *device;
static json_t *golden;

static void setup(void)
{
    ctx = pencl_ctx_new();
    ck_assert_ptr_nonnull(ctx);
    device = test_device(ctx);
    golden = golden_json("penzai/layers.json");
}

static void teardown(void)
{
    json_decref(golden);
    pencl_device_close(device);
    pencl_ctx_free(ctx);
    ck_assert_int_eq(pn_alloc_live(), 0);
}

static void ok(pencl_status status)
{
    ck_assert_msg(status == PENCL_OK, "%s", pencl_error_text(ctx));
}

/* ---- golden parts ---- */

static const json_t *part_of(const char *name, const char *part)
{
    const json_t *found = json_object_get(json_object_get(golden, name), part);
    ck_assert_msg(found != NULL, "%s has no %s", name, part);
    return found;
}

static pn_spec spec_of(const json_t *part)
{
    pn_spec spec = {.dtype = PENCL_F32};
    const char *axis;
    json_t *size;
    json_object_foreach(json_object_get(part, "axes"), axis, size)
    {
        pn_spec_push(&spec, axis, json_integer_value(size));
    }
    return spec;
}

static float *values_of(const json_t *part)
{
    const json_t *values = json_object_get(part, "values");
    float *all = calloc(json_array_size(values) + 1, sizeof *all);
    for (size_t i = 0; i < json_array_size(values); i++) {
        all[i] = (float)json_number_value(json_array_get(values, i));
    }
    return all;
}

static pencl_array *array_of(const char *name, const char *part)
{
    pn_spec spec = spec_of(part_of(name, part));
    float *values = values_of(part_of(name, part));
    pencl_array *array = NULL;
    ok(pencl_array_new(&array, device, PENCL_F32, spec.axes, spec.n_axes));
    ok(pencl_array_upload(array, values, (size_t)pn_spec_count(&spec) * sizeof *values));
    free(values);
    return array;
}

static pencl_array *ids_of(const char *name, const char *part)
{
    pn_spec spec = spec_of(part_of(name, part));
    const json_t *values = json_object_get(part_of(name, part), "values");
    int32_t ids[64];
    pencl_array *array = NULL;
    ck_assert_uint_le(json_array_size(values), PN_COUNT(ids));
    for (size_t i = 0; i < json_array_size(values); i++) {
        ids[i] = (int32_t)json_integer_value(json_array_get(values, i));
    }
    ok(pencl_array_new(&array, device, PENCL_I32, spec.axes, spec.n_axes));
    ok(pencl_array_upload(array, ids, (size_t)pn_spec_count(&spec) * sizeof *ids));
    return array;
}

/* A parameter of a case with its axes in this order, the first n_row_axes as rows. */
static pencl_variable *
variable_of(const char *name, const char *label, const char *const *axes, int n, int n_row_axes)
{
    pencl_array *array = array_of(name, label);
    pencl_array *ordered = NULL;
    pencl_variable *v = NULL;
    ok(pencl_array_order(&ordered, array, axes, n));
    ok(pencl_variable_new(&v, PENCL_PARAMETER, label, ordered, n_row_axes));
    pencl_array_free(ordered);
    pencl_array_free(array);
    return v;
}
#define VARIABLE(name, label, n_row_axes, ...)                                                     \
    variable_of(name, label, (const char *const[]){__VA_ARGS__},                                   \
                (int)PN_COUNT(((const char *const[]){__VA_ARGS__})), n_row_axes)

/* The call gives the case's y. Frees the layer. */
static void expect_y(const char *name, const apply_call *call)
{
    pn_text axes = {0};
    pn_spec spec = spec_of(part_of(name, "y"));
    float *want = values_of(part_of(name, "y"));
    for (int i = 0; i < spec.n_axes; i++) {
        pn_text_add(&axes, "%s=%lld ", spec.axes[i].name, (long long)spec.axes[i].size);
    }
    apply_expect(device, call, pn_text_get(&axes), want);
    pn_text_free(&axes);
    free(want);
}

/* A layer of one input against the case of that name. */
static void expect_case(const char *name, pencl_layer *layer)
{
    pencl_array *x = array_of(name, "x");
    expect_y(name, &(apply_call){.layer = layer, .x = x});
    pencl_array_free(x);
}

/* ---- making layers ---- */

static pencl_attribute text(const char *name, const char *value)
{
    return (pencl_attribute){.name = name, .kind = PENCL_FIELD_TEXT, .text = value};
}

static pencl_attribute number(const char *name, double value)
{
    return (pencl_attribute){.name = name, .kind = PENCL_FIELD_NUMBER, .number = value};
}

static pencl_layer *make(const char *type, const pencl_attribute *given, int n)
{
    pencl_layer *layer = NULL;
    ok(pencl_layer_from_attributes(&layer, ctx, pencl_layer_type_named(type), given, n));
    return layer;
}

/* Over the axes seq and embedding, with penzai's field for them. */
static pencl_layer *over_two(const char *type, const char *field, double epsilon)
{
    const pencl_axis axes[] = {{"seq", 0}, {"embedding", 0}};
    const pencl_attribute given[] = {
        {.name = field, .kind = PENCL_FIELD_AXES, .axes = axes, .n = 2},
        number("epsilon", epsilon)};
    return make(type, given, epsilon > 0 ? 2 : 1);
}

static pencl_layer *explicit_mask(double masked)
{
    const pencl_attribute given[] = {text("mask_input_name", "mask"),
                                     number("masked_out_value", masked)};
    return make("ApplyExplicitAttentionMask", given, 2);
}

static pencl_layer *einsum(const char *inputs, const char *output)
{
    const pencl_attribute given[] = {text("input_axes", inputs), text("output_axes", output)};
    return make("NamedEinsum", given, 2);
}

static pencl_layer *knock_out(pencl_variable *mask)
{
    const pencl_attribute given[] = {
        {.name = "head_mask", .kind = PENCL_FIELD_VARIABLE, .variable = mask}};
    pencl_layer *layer = make("KnockOutAttentionHeads", given, 1);
    pencl_variable_free(mask);
    return layer;
}

/* ---- attention ---- */

START_TEST(explicit_attention_mask)
{
    static const char *const cases[] = {"explicit_mask", "explicit_mask_of_keys"};
    for (size_t i = 0; i < PN_COUNT(cases); i++) {
        pencl_array *x = array_of(cases[i], "x");
        pencl_array *mask = ids_of(cases[i], "mask");
        apply_call call = {.layer = explicit_mask(-2.3819763e38), .x = x, .side = {{"mask", mask}}};
        expect_y(cases[i], &call);
        call.side[0].name = "token_positions";
        call.layer = explicit_mask(-2.3819763e38);
        apply_refuse(device, &call, PENCL_E_SIDE_INPUT, "side input 'mask' is missing");
        call.side[0].name = "mask";
        call.layer = explicit_mask(-1e9);
        apply_refuse(device, &call, PENCL_E_UNSUPPORTED, "masked_out_value -1e+09");
        pencl_array_free(mask);
        pencl_array_free(x);
    }
}
END_TEST

/* penzai's slot 0 is the key at position 0. */
START_TEST(knock_out_attention_heads)
{
    const int32_t at[] = {0, 1, 2, 3};
    pencl_array *x = array_of("knock_out", "x");
    pencl_array *positions = tree_ids(device, "seq=4", at);
    apply_call call = {.layer = knock_out(VARIABLE("knock_out", "head_mask", 0, "heads")),
                       .x = x,
                       .side = {{PN_SIDE_TOKEN_POSITIONS, positions}}};
    expect_y("knock_out", &call);
    call.side[0].name = "positions";
    call.layer = knock_out(VARIABLE("knock_out", "head_mask", 0, "heads"));
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

/* ---- several axes together ---- */

START_TEST(norms_and_softmax_over_several_axes)
{
    expect_case("softmax_of_two", over_two("Softmax", "axes", 0));
    expect_case("standardize_two", over_two("Standardize", "across", 1e-3));
    expect_case("rms_standardize_two", over_two("RMSStandardize", "across", 1e-3));
}
END_TEST

/* ---- einsums and names ---- */

START_TEST(named_einsum_of_one_and_of_three)
{
    expect_case("einsum_of_one", einsum("seq:a embedding:b", "embedding:a seq:b"));
    pencl_array *x = array_of("einsum_of_three", "x");
    pencl_array *x1 = array_of("einsum_of_three", "x1");
    pencl_array *x2 = array_of("einsum_of_three", "x2");
    apply_call call = {
        .layer =
            einsum("seq:t embedding:e, embedding:e neurons:n, neurons:n heads:h", "seq:t heads:h"),
        .x = x,
        .second = x1,
        .third = x2};
    expect_y("einsum_of_three", &call);
    pencl_array_free(x);
    pencl_array_free(x1);
    pencl_array_free(x2);
    x = array_of("einsum_with_taken_names", "x");
    x1 = array_of("einsum_with_taken_names", "x1");
    call = (apply_call){
        .layer = einsum("seq:t kv_seq:p, seq:s kv_seq:p", "seq:t kv_seq:s"), .x = x, .second = x1};
    expect_y("einsum_with_taken_names", &call);
    pencl_array_free(x);
    pencl_array_free(x1);
}
END_TEST

START_TEST(rename_axes_at_once)
{
    expect_case("rename_swaps", pn_nn_rename_axes(ctx, "seq embedding", "embedding seq"));
}
END_TEST

START_TEST(linear_in_place)
{
    pencl_variable *w =
        VARIABLE("linear_in_place", "in_place.weights", 1, "embedding_out", "embedding");
    pencl_layer *linear = pn_nn_linear(ctx, w, "embedding", "embedding_out");
    expect_case("linear_in_place",
                PN_NN_LIST(ctx, "LinearInPlace", linear,
                           pn_nn_rename_axes(ctx, "embedding_out", "embedding")));
}
END_TEST

/* ---- low-rank adapters ---- */

/* The case's linear and its adapter, at a scale. */
static pencl_layer *adapter(double scale)
{
    pencl_variable *w =
        VARIABLE("low_rank_adapter", "lin.weights", 2, "heads", "neurons", "embedding");
    pencl_variable *a =
        VARIABLE("low_rank_adapter", "lin/LoRA_A.weights", 2, "heads", "lowrank", "embedding");
    pencl_variable *b =
        VARIABLE("low_rank_adapter", "lin/LoRA_B.weights", 2, "heads", "neurons", "lowrank");
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
    expect_case("low_rank_adapter", layer);
}
END_TEST

/* PEFT's alpha / rank: the update counts so often. */
START_TEST(low_rank_adapter_with_a_scale)
{
    float *full = values_of(part_of("low_rank_adapter", "y"));
    pencl_array *x = array_of("low_rank_adapter", "x");
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
    pn_spec spec = spec_of(part_of("low_rank_adapter", "y"));
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

/* ---- layer stacks ---- */

static pencl_layer *stack_of(pencl_layer *sublayer, int n)
{
    const pencl_attribute given[] = {
        {.name = "stacked_sublayers", .kind = PENCL_FIELD_LAYER, .layers = &sublayer, .n = 1},
        text("stack_axis", "blocks"),
        number("stack_axis_size", n)};
    pencl_layer *layer = make("LayerStack", given, 3);
    pencl_layer_free(sublayer);
    return layer;
}

/* The case's stack. The rows of `up` make tiles of their own for each block, those of `down` do
 * not; `bias` is a plain vector a block, `shared` has no blocks. */
static pencl_layer *golden_stack(void)
{
    const char *name = "layer_stack";
    const pencl_axis across[] = {{"embedding", 0}};
    const pencl_attribute norm[] = {
        {.name = "across", .kind = PENCL_FIELD_AXES, .axes = across, .n = 1},
        number("epsilon", 1e-6)};
    pencl_variable *up = VARIABLE(name, "up.weights", 2, "blocks", "neurons", "embedding");
    pencl_variable *down = VARIABLE(name, "down.weights", 2, "blocks", "embedding", "neurons");
    pencl_layer *delta =
        PN_NN_LIST(ctx, "Sequential", make("RMSStandardize", norm, 2),
                   pn_nn_linear(ctx, up, "embedding", "neurons"), pn_nn_elementwise(ctx, "silu"),
                   pn_nn_linear(ctx, down, "neurons", "embedding"),
                   pn_nn_add_bias(ctx, VARIABLE(name, "b.bias", 0, "blocks", "embedding")));
    return stack_of(PN_NN_LIST(ctx, "Sequential", pn_nn_residual(ctx, delta),
                               pn_nn_add_bias(ctx, VARIABLE(name, "shared.bias", 0, "embedding"))),
                    3);
}

START_TEST(layer_stack)
{
    expect_case("layer_stack", golden_stack());
}
END_TEST

/* The parts of a plan that see a variable's slice are kept apart, fused or not. */
START_TEST(layer_stack_without_passes)
{
    setenv("PENCL_PASSES", "none", 1);
    expect_case("layer_stack", golden_stack());
    unsetenv("PENCL_PASSES");
}
END_TEST

enum { B = 3, S = 5, E = 4 }; /* blocks, seq, embedding of the next test */

/* y = A . norm(x) + B . x of one token, for one block's weights. */
static void branch(float *x, const float *a, const float *b)
{
    double squares = 0;
    double y[E] = {0};
    for (int e = 0; e < E; e++) {
        squares += (double)x[e] * (double)x[e] / E;
    }
    for (int i = 0; i < E * E; i++) {
        double scaled = (double)x[i % E] / sqrt(squares + 1e-6);
        y[i / E] += (double)a[i] * scaled + (double)b[i] * (double)x[i % E];
    }
    for (int e = 0; e < E; e++) {
        x[e] = (float)y[e];
    }
}

/* Two maps of one input whose rows are no whole tiles: plans may not take them for matrices, nor
 * put the norm into one. */
START_TEST(layer_stack_of_branches)
{
    int n_tokens = _i == 0 ? S : 1;
    pencl_layer *branches[2];
    float w[2][B * E * E];
    for (int i = 0; i < 2; i++) {
        pencl_variable *v = NULL;
        for (int k = 0; k < B * E * E; k++) {
            w[i][k] = (float)((k * 7 + i * 3) % 11) / 11 - 0.5F;
        }
        pencl_array *weights = tree_array(device, "blocks=3 embedding_out=4 embedding=4", w[i]);
        ok(pencl_variable_new(&v, PENCL_PARAMETER, i == 0 ? "a" : "b", weights, 2));
        pencl_array_free(weights);
        branches[i] =
            PN_NN_LIST(ctx, "LinearInPlace", pn_nn_linear(ctx, v, "embedding", "embedding_out"),
                       pn_nn_rename_axes(ctx, "embedding_out", "embedding"));
    }
    const pencl_axis across = {"embedding", 0};
    const pencl_attribute norm[] = {
        {.name = "across", .kind = PENCL_FIELD_AXES, .axes = &across, .n = 1},
        number("epsilon", 1e-6)};
    branches[0] = PN_NN_LIST(ctx, "Sequential", make("RMSStandardize", norm, 2), branches[0]);
    char spec[32];
    snprintf(spec, sizeof spec, "seq=%d embedding=4", n_tokens);
    float *y = values_of(part_of("layer_stack", "x"));
    pencl_array *x = tree_array(device, spec, y);
    for (int i = 0; i < B * n_tokens; i++) {
        int at = i / n_tokens * E * E;
        branch(&y[(size_t)(i % n_tokens) * E], &w[0][at], &w[1][at]);
    }
    pencl_layer *layer =
        stack_of(PN_NN_LIST(ctx, "BranchAndAddTogether", branches[0], branches[1]), B);
    apply_expect(device, &(apply_call){.layer = layer, .x = x}, spec, y);
    pencl_array_free(x);
    free(y);
}
END_TEST

START_TEST(layer_stack_of_none_changes_nothing)
{
    pencl_array *x = array_of("layer_stack", "x");
    float *same = values_of(part_of("layer_stack", "x"));
    apply_expect(device, &(apply_call){.layer = stack_of(pn_nn_rescale(ctx, 2), 0), .x = x},
                 "seq=5 embedding=4", same);
    for (int i = 0; i < 5 * 4; i++) {
        same[i] *= 8;
    }
    apply_expect(device, &(apply_call){.layer = stack_of(pn_nn_rescale(ctx, 2), 3), .x = x},
                 "seq=5 embedding=4", same);
    free(same);
    pencl_array_free(x);
}
END_TEST

START_TEST(layer_stack_longer_than_its_variables)
{
    pencl_array *x = array_of("layer_stack", "x");
    pencl_layer *bias =
        pn_nn_add_bias(ctx, VARIABLE("layer_stack", "b.bias", 0, "blocks", "embedding"));
    apply_refuse(
        device, &(apply_call){.layer = stack_of(bias, 4), .x = x}, PENCL_E_SHAPE,
        ".stacked_sublayers: float32(| blocks:3, embedding:4): 1 elements from 3 on are not "
        "within axis \"blocks\"");
    pencl_array_free(x);
}
END_TEST

/* A state [blocks, embedding] or [embedding] with that metadata, in a stack of three. */
static pencl_layer *stack_with_state(const char *part, const char *metadata)
{
    pencl_array *array = array_of("layer_stack", part);
    pencl_variable *v = NULL;
    ok(pencl_variable_new(&v, PENCL_STATE, "s", array, 0));
    pencl_array_free(array);
    if (metadata != NULL) {
        ok(pencl_variable_set_metadata(v, "layerstack_axes", metadata));
    }
    return stack_of(PN_NN_LIST(ctx, "Sequential", pn_nn_add_bias(ctx, v)), 3);
}

START_TEST(layer_stack_states_say_how_they_are_shared)
{
    float *want = values_of(part_of("layer_stack", "x"));
    float *bias = values_of(part_of("layer_stack", "b.bias"));
    float *shared = values_of(part_of("layer_stack", "shared.bias"));
    float want_shared[5 * 4];
    for (int i = 0; i < 5 * 4; i++) {
        want_shared[i] = want[i] + 3 * shared[i % 4];
        want[i] += bias[i % 4] + bias[4 + i % 4] + bias[8 + i % 4];
    }
    pencl_array *x = array_of("layer_stack", "x");
    apply_call call = {.layer = stack_with_state("b.bias", "worlds=SHARED blocks=PER_LAYER"),
                       .x = x};
    apply_expect(device, &call, "seq=5 embedding=4", want);
    call.layer = stack_with_state("shared.bias", "blocks=SHARED");
    apply_expect(device, &call, "seq=5 embedding=4", want_shared);
    call.layer = stack_with_state("b.bias", NULL);
    apply_refuse(device, &call, PENCL_E_ARG,
                 "state \"s\": all states in a layer stack need metadata 'layerstack_axes'");
    call.layer = stack_with_state("b.bias", "worlds=PER_LAYER");
    apply_refuse(device, &call, PENCL_E_ARG, "all states in a layer stack need");
    call.layer = stack_with_state("b.bias", "blocks=SOMETIMES");
    apply_refuse(device, &call, PENCL_E_ARG, "unknown layer stack behavior SOMETIMES");
    call.layer = stack_with_state("b.bias", "blocks=SHARED");
    apply_refuse(device, &call, PENCL_E_ARG, "has shared behavior for layer stack axis 'blocks'");
    call.layer = stack_with_state("shared.bias", "blocks=PER_LAYER");
    apply_refuse(device, &call, PENCL_E_ARG, "but the axis is not one of its value's");
    free(want);
    free(bias);
    free(shared);
    pencl_array_free(x);
}
END_TEST

/* ---- dropout ---- */

START_TEST(dropout_is_the_identity)
{
    static const char *const types[] = {"StochasticDropout", "DisabledDropout"};
    const pencl_attribute given[] = {number("drop_rate", 0.5),
                                     {.name = "share_across_axes", .kind = PENCL_FIELD_AXES},
                                     text("random_stream_input_name", "random_stream")};
    pencl_array *x = array_of("layer_stack", "x");
    float *same = values_of(part_of("layer_stack", "x"));
    for (size_t i = 0; i < PN_COUNT(types); i++) {
        pencl_layer *layer = make(types[i], given, 3);
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
    tcase_add_test(tc, knock_out_attention_heads);
    tcase_add_test(tc, knock_out_finds_the_first_real_token);
    tcase_add_test(tc, norms_and_softmax_over_several_axes);
    tcase_add_test(tc, named_einsum_of_one_and_of_three);
    tcase_add_test(tc, rename_axes_at_once);
    tcase_add_test(tc, linear_in_place);
    tcase_add_test(tc, low_rank_adapter);
    tcase_add_test(tc, low_rank_adapter_with_a_scale);
    tcase_add_test(tc, low_rank_adapter_needs_fitting_parts);
    tcase_add_test(tc, layer_stack);
    tcase_add_test(tc, layer_stack_without_passes);
    tcase_add_loop_test(tc, layer_stack_of_branches, 0, 2);
    tcase_add_test(tc, layer_stack_of_none_changes_nothing);
    tcase_add_test(tc, layer_stack_longer_than_its_variables);
    tcase_add_test(tc, layer_stack_states_say_how_they_are_shared);
    tcase_add_test(tc, dropout_is_the_identity);
    suite_add_tcase(suite, tc);
    return suite;
}
