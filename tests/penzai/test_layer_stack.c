/* SPDX-License-Identifier: Apache-2.0 */
/* LayerStack: one prototype traced for each index of the stack axis, against penzai's values. */
#include "nn/nn.h"
#include "support/attributes.h"
#include "support/fixture.h"
#include "support/layer_cases.h"
#include "support/tree.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { B = 3, S = 5, E = 4 }; /* blocks, seq, embedding */

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

static pencl_layer *stack_of(pencl_layer *sublayer, int n)
{
    const pencl_attribute given[] = {
        {.name = "stacked_sublayers", .kind = PENCL_FIELD_LAYER, .layers = &sublayer, .n = 1},
        given_text("stack_axis", "blocks"),
        given_number("stack_axis_size", n)};
    pencl_layer *layer = make_layer("LayerStack", given, 3);
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
        given_number("epsilon", 1e-6)};
    pencl_variable *up =
        layer_case_variable(&cases, name, "up.weights", "blocks neurons embedding", 2);
    pencl_variable *down =
        layer_case_variable(&cases, name, "down.weights", "blocks embedding neurons", 2);
    pencl_layer *delta = PN_NN_LIST(
        ctx, "Sequential", make_layer("RMSStandardize", norm, 2),
        pn_nn_linear(ctx, up, "embedding", "neurons"), pn_nn_elementwise(ctx, "silu"),
        pn_nn_linear(ctx, down, "neurons", "embedding"),
        pn_nn_add_bias(ctx, layer_case_variable(&cases, name, "b.bias", "blocks embedding", 0)));
    return stack_of(PN_NN_LIST(ctx, "Sequential", pn_nn_residual(ctx, delta),
                               pn_nn_add_bias(ctx, layer_case_variable(&cases, name, "shared.bias",
                                                                       "embedding", 0))),
                    3);
}

START_TEST(layer_stack)
{
    layer_case_expect_of(&cases, "layer_stack", golden_stack());
}
END_TEST

/* Where a block's rows lie by themselves, kernels get a matrix: a slice of one has slow ones only.
 */
START_TEST(layer_stack_gives_each_block_a_store_of_its_own)
{
    pencl_graph *graph = NULL;
    pencl_layer *layer = golden_stack();
    pencl_array *x = layer_case_array(&cases, "layer_stack", "x");
    int blocks = 0;
    ck_assert_int_eq(pencl_graph_new(&graph, device), PENCL_OK);
    ck_assert_ptr_nonnull(pencl_layer_call(layer, pencl_graph_array(graph, x), NULL));
    for (int i = 0; i < graph->n_nodes; i++) {
        const pn_node *node = graph->nodes[i];
        if (node->kind == PN_NODE_VARIABLE && strcmp(node->name, "up.weights") == 0) {
            ck_assert_int_eq(pn_spec_find(&node->store->spec, "blocks"), -1);
            blocks++;
        }
    }
    ck_assert_int_eq(blocks, B);
    pencl_graph_free(graph);
    pencl_array_free(x);
    pencl_layer_free(layer);
}
END_TEST

/* The parts of a plan that see a variable's slice are kept apart, fused or not. */
START_TEST(layer_stack_without_passes)
{
    setenv("PENCL_PASSES", "none", 1);
    layer_case_expect_of(&cases, "layer_stack", golden_stack());
    unsetenv("PENCL_PASSES");
}
END_TEST

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
        given_number("epsilon", 1e-6)};
    branches[0] = PN_NN_LIST(ctx, "Sequential", make_layer("RMSStandardize", norm, 2), branches[0]);
    char spec[32];
    snprintf(spec, sizeof spec, "seq=%d embedding=4", n_tokens);
    float *y = layer_case_values(&cases, "layer_stack", "x");
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
    pencl_array *x = layer_case_array(&cases, "layer_stack", "x");
    float *same = layer_case_values(&cases, "layer_stack", "x");
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

/* Behind a stack, and in what it is in, variables are whole again. */
START_TEST(layer_stack_ends)
{
    float *x = layer_case_values(&cases, "layer_stack", "x");
    float *bias = layer_case_values(&cases, "layer_stack", "b.bias");
    float want[S * B * E];
    for (int i = 0; i < S * B * E; i++) {
        want[i] = x[i / (B * E) * E + i % E] + bias[i % (B * E)];
    }
    pencl_array *array = layer_case_array(&cases, "layer_stack", "x");
    pencl_variable *v = layer_case_variable(&cases, "layer_stack", "b.bias", "blocks embedding", 0);
    pencl_layer *layer =
        PN_NN_LIST(ctx, "Sequential", stack_of(pn_nn_rescale(ctx, 1), 2), pn_nn_add_bias(ctx, v));
    apply_expect(device, &(apply_call){.layer = layer, .x = array}, "seq=5 blocks=3 embedding=4",
                 want);
    free(x);
    free(bias);
    pencl_array_free(array);
}
END_TEST

START_TEST(layer_stack_longer_than_its_variables)
{
    pencl_array *x = layer_case_array(&cases, "layer_stack", "x");
    pencl_layer *bias = pn_nn_add_bias(
        ctx, layer_case_variable(&cases, "layer_stack", "b.bias", "blocks embedding", 0));
    apply_refuse(device, &(apply_call){.layer = stack_of(bias, 4), .x = x}, PENCL_E_SHAPE,
                 ".stacked_sublayers: float32(| blocks:3, embedding:4): axis \"blocks\" has no "
                 "element 3");
    pencl_array_free(x);
}
END_TEST

/* A state [blocks, embedding] or [embedding] with that metadata, in a stack of three. */
static pencl_layer *stack_with_state(const char *part, const char *metadata)
{
    pencl_array *array = layer_case_array(&cases, "layer_stack", part);
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
    float *want = layer_case_values(&cases, "layer_stack", "x");
    float *bias = layer_case_values(&cases, "layer_stack", "b.bias");
    float *shared = layer_case_values(&cases, "layer_stack", "shared.bias");
    float want_shared[5 * 4];
    for (int i = 0; i < 5 * 4; i++) {
        want_shared[i] = want[i] + 3 * shared[i % 4];
        want[i] += bias[i % 4] + bias[4 + i % 4] + bias[8 + i % 4];
    }
    pencl_array *x = layer_case_array(&cases, "layer_stack", "x");
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

Suite *suite_penzai_layer_stack(void);
Suite *suite_penzai_layer_stack(void)
{
    Suite *suite = suite_create("penzai_layer_stack");
    TCase *tc = tcase_create("stacks");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120); /* the first build of kernels */
    tcase_add_test(tc, layer_stack);
    tcase_add_test(tc, layer_stack_gives_each_block_a_store_of_its_own);
    tcase_add_test(tc, layer_stack_without_passes);
    tcase_add_loop_test(tc, layer_stack_of_branches, 0, 2);
    tcase_add_test(tc, layer_stack_of_none_changes_nothing);
    tcase_add_test(tc, layer_stack_ends);
    tcase_add_test(tc, layer_stack_longer_than_its_variables);
    tcase_add_test(tc, layer_stack_states_say_how_they_are_shared);
    suite_add_tcase(suite, tc);
    return suite;
}
