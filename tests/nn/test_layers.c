/* SPDX-License-Identifier: Apache-2.0 */
/* Every layer but those of attention: its values against the formula, computed here. */
#include "nn/nn.h"
#include "support/apply.h"
#include "support/fixture.h"
#include "support/noise.h"
#include "support/tree.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { S = 3, E = 5, N = 4, V = 7 }; /* seq, embedding, neurons, vocabulary */

static float x[S * E]; /* [seq, embedding], noise */
static pencl_array *input;

static void setup(void)
{
    fixture_device();
    noise seed = {42};
    for (int i = 0; i < S * E; i++) {
        x[i] = 3 * noise_float(&seed);
    }
    input = tree_array(device, "seq=3 embedding=5", x);
}

static void teardown(void)
{
    pencl_array_free(input);
    fixture_close();
}

static void expect(pencl_layer *layer, const char *spec, const float *want)
{
    apply_expect(device, &(apply_call){.layer = layer, .x = input}, spec, want);
}

static void refuse(pencl_layer *layer, pencl_status status, const char *words)
{
    apply_refuse(device, &(apply_call){.layer = layer, .x = input}, status, words);
}

/* A layer that works element by element, against f. */
static void expect_map(pencl_layer *layer, double (*f)(double))
{
    float want[S * E];
    for (int i = 0; i < S * E; i++) {
        want[i] = (float)f((double)x[i]);
    }
    expect(layer, "seq=3 embedding=5", want);
}

/* ---- combinators ---- */

static double times_two(double v)
{
    return 2 * v;
}

static double times_six(double v)
{
    return 6 * v;
}

static double times_three(double v)
{
    return 3 * v;
}

static double times_four(double v)
{
    return 4 * v;
}

static double square_times_six(double v)
{
    return 2 * v * 3 * v;
}

static double same(double v)
{
    return v;
}

static pencl_layer *by(double factor)
{
    return pn_nn_rescale(ctx, factor);
}

START_TEST(sequential_and_named_group_run_in_order)
{
    expect_map(PN_NN_LIST(ctx, "Sequential", by(2), by(3)), times_six);
    expect_map(PN_NN_NAMED_GROUP(ctx, "group", by(2), by(3)), times_six);
    expect_map(pn_nn_list(ctx, "Sequential", NULL, 0), same);
    expect_map(pn_nn_identity(ctx), same);
}
END_TEST

START_TEST(residual_adds_and_branches_join)
{
    expect_map(pn_nn_residual(ctx, by(2)), times_three);
    expect_map(PN_NN_LIST(ctx, "BranchAndAddTogether", by(2), pn_nn_identity(ctx), by(1)),
               times_four);
    expect_map(PN_NN_LIST(ctx, "BranchAndMultiplyTogether", by(2), by(3)), square_times_six);
    refuse(pn_nn_list(ctx, "BranchAndAddTogether", NULL, 0), PENCL_E_ARITY,
           "BranchAndAddTogether requires at least one branch");
    refuse(pn_nn_list(ctx, "BranchAndMultiplyTogether", NULL, 0), PENCL_E_ARITY,
           "BranchAndMultiplyTogether requires at least one branch");
}
END_TEST

START_TEST(errors_are_led_by_the_path)
{
    pencl_layer *bad = pn_nn_elementwise(ctx, "swish");
    pencl_layer *tree = PN_NN_LIST(ctx, "TransformerBlock", by(1),
                                   pn_nn_residual(ctx, PN_NN_LIST(ctx, "Sequential", bad)));
    refuse(tree, PENCL_E_UNSUPPORTED, ".sublayers[1].delta.sublayers[0]: no function is named");
}
END_TEST

START_TEST(a_table_cannot_be_called)
{
    pencl_variable *v = tree_variable(device, "e.embeddings", "vocabulary=7 embedding=5", 1);
    refuse(pn_nn_embedding_table(ctx, v), PENCL_E_UNSUPPORTED, "EmbeddingTable cannot be called");
}
END_TEST

START_TEST(capture_passes_on_and_keeps_under_a_name)
{
    expect_map(pn_nn_capture(ctx, "double", by(2)), times_two);
    pencl_layer *twice = PN_NN_LIST(ctx, "Sequential", pn_nn_capture(ctx, "same", by(1)),
                                    pn_nn_capture(ctx, "same", by(1)));
    refuse(twice, PENCL_E_ARG, "two captures are named 'same'");
}
END_TEST

/* ---- linear maps ---- */

START_TEST(linear_contracts_the_in_axes)
{
    pencl_variable *v = tree_variable(device, "l.weights", "neurons=4 embedding=5", 1);
    float *w = tree_values(v);
    float want[S * N] = {0};
    for (int s = 0; s < S; s++) {
        for (int n = 0; n < N; n++) {
            double sum = 0;
            for (int e = 0; e < E; e++) {
                sum += (double)x[s * E + e] * (double)w[n * E + e];
            }
            want[s * N + n] = (float)sum;
        }
    }
    expect(pn_nn_linear(ctx, v, "embedding", "neurons"), "seq=3 neurons=4", want);
    free(w);
}
END_TEST

START_TEST(affine_adds_its_bias)
{
    pencl_variable *weights = tree_variable(device, "a/Linear.weights", "neurons=4 embedding=5", 1);
    pencl_variable *bias = tree_variable(device, "a/AddBias.bias", "neurons=4", 0);
    float *w = tree_values(weights);
    float *b = tree_values(bias);
    float want[S * N] = {0};
    for (int i = 0; i < S * N; i++) {
        double sum = (double)b[i % N];
        for (int e = 0; e < E; e++) {
            sum += (double)x[i / N * E + e] * (double)w[i % N * E + e];
        }
        want[i] = (float)sum;
    }
    expect(pn_nn_affine(ctx, weights, bias, "embedding", "neurons"), "seq=3 neurons=4", want);
    free(w);
    free(b);
}
END_TEST

START_TEST(parallel_axes_pair_up)
{
    pencl_variable *scale = tree_variable(device, "s.weights", "embedding=5", 0);
    float *w = tree_values(scale);
    float want[S * E];
    for (int i = 0; i < S * E; i++) {
        want[i] = x[i] * w[i % E];
    }
    expect(pn_nn_linear(ctx, scale, "", ""), "seq=3 embedding=5", want);
    free(w);
    /* One matrix for each element of seq: parallel and contracted axes together. */
    pencl_variable *v = tree_variable(device, "p.weights", "seq=3 neurons=4 embedding=5", 2);
    w = tree_values(v);
    float each[S * N];
    for (int i = 0; i < S * N; i++) {
        double sum = 0;
        for (int e = 0; e < E; e++) {
            sum += (double)x[i / N * E + e] * (double)w[i * E + e];
        }
        each[i] = (float)sum;
    }
    expect(pn_nn_linear(ctx, v, "embedding", "neurons"), "seq=3 neurons=4", each);
    free(w);
}
END_TEST

START_TEST(linear_refuses_what_does_not_fit)
{
    const char *embedding = "embedding";
    pencl_variable *v = tree_variable(device, "a/b.weights", "neurons=4 embedding=6", 1);
    refuse(pn_nn_linear(ctx, v, embedding, "neurons"), PENCL_E_SHAPE,
           "(a/b) mismatch while checking structures: at root: named shape mismatch between value "
           "float32(| seq:3, embedding:5) and pattern {**B, embedding:6}: axis 'embedding': actual "
           "size 5 does not match expected 6");
    v = tree_variable(device, "a/b.weights", "neurons=4 vocabulary=7", 1);
    refuse(pn_nn_linear(ctx, v, "vocabulary", "neurons"), PENCL_E_AXIS,
           "axis 'vocabulary': expected to be present but was missing");
    v = tree_variable(device, "a/b.weights", "seq=3 embedding=5", 1);
    refuse(pn_nn_linear(ctx, v, embedding, "seq"), PENCL_E_AXIS,
           "(a/b) the input already has the output axis 'seq'");
    v = tree_variable(device, "a/b", "neurons=4 embedding=5", 1); /* another label: no prefix */
    const int32_t ids[5] = {0};
    pencl_array *whole = tree_ids(device, "embedding=5", ids);
    apply_refuse(device,
                 &(apply_call){.layer = pn_nn_linear(ctx, v, embedding, "neurons"), .x = whole},
                 PENCL_E_DTYPE,
                 "mismatch while checking structures: at root: value has the wrong dtype: expected "
                 "floating but got int32");
    pencl_array_free(whole);
}
END_TEST

/* ---- embeddings ---- */

START_TEST(lookup_and_decode_share_a_table)
{
    pencl_variable *v = tree_variable(device, "e.embeddings", "vocabulary=7 embedding=5", 1);
    float *table = tree_values(v);
    pencl_layer *holder = pn_nn_embedding_table(ctx, v);
    const int32_t tokens[S] = {6, 0, 3};
    pencl_array *ids = tree_ids(device, "seq=3", tokens);
    float want[S * E];
    float scores[S * V];
    for (int s = 0; s < S; s++) {
        memcpy(&want[(size_t)s * E], &table[(size_t)tokens[s] * E], E * sizeof *want);
        for (int t = 0; t < V; t++) {
            double sum = 0;
            for (int e = 0; e < E; e++) {
                sum += (double)x[s * E + e] * (double)table[t * E + e];
            }
            scores[s * V + t] = (float)sum;
        }
    }
    pencl_layer *lookup = pn_nn_embedding_lookup(ctx, pencl_layer_ref(holder));
    apply_expect(device, &(apply_call){.layer = lookup, .x = ids}, "seq=3 embedding=5", want);
    expect(pn_nn_embedding_decode(ctx, holder), "seq=3 vocabulary=7", scores);
    pencl_array_free(ids);
    free(table);
}
END_TEST

/* All axes of the table but the vocabulary are summed over. */
START_TEST(decode_sums_over_every_other_axis)
{
    enum { HEADS = 2, D = 3, WORDS = 4 };
    pencl_variable *v =
        tree_variable(device, "e.embeddings", "vocabulary=4 heads=2 embedding=3", 1);
    float *table = tree_values(v);
    float values[HEADS * D];
    float want[WORDS] = {0};
    noise seed = {7};
    for (int i = 0; i < HEADS * D; i++) {
        values[i] = noise_float(&seed);
        for (int t = 0; t < WORDS; t++) {
            want[t] += values[i] * table[t * HEADS * D + i];
        }
    }
    pencl_array *y = tree_array(device, "heads=2 embedding=3", values);
    pencl_layer *decode = pn_nn_embedding_decode(ctx, pn_nn_embedding_table(ctx, v));
    apply_expect(device, &(apply_call){.layer = decode, .x = y}, "vocabulary=4", want);
    pencl_array_free(y);
    free(table);
}
END_TEST

/* ---- norms ---- */

START_TEST(rms_layer_norm_follows_its_formula)
{
    pencl_variable *scale = tree_variable(device, "n/scale.weights", "embedding=5", 0);
    float *w = tree_values(scale);
    float want[S * E];
    for (int s = 0; s < S; s++) {
        double sum = 0;
        for (int e = 0; e < E; e++) {
            sum += (double)x[s * E + e] * (double)x[s * E + e];
        }
        for (int e = 0; e < E; e++) {
            want[s * E + e] = (float)((double)x[s * E + e] / sqrt(sum / E + 1e-2) * (double)w[e]);
        }
    }
    expect(pn_nn_rms_layer_norm(ctx, scale, "embedding", 1e-2), "seq=3 embedding=5", want);
    free(w);
}
END_TEST

START_TEST(layer_norm_follows_its_formula)
{
    pencl_variable *scale = tree_variable(device, "n/scale.weights", "embedding=5", 0);
    pencl_variable *shift = tree_variable(device, "n/shift.bias", "embedding=5", 0);
    float *w = tree_values(scale);
    float *b = tree_values(shift);
    float want[S * E];
    for (int s = 0; s < S; s++) {
        double mean = 0;
        double squares = 0;
        for (int e = 0; e < E; e++) {
            mean += (double)x[s * E + e] / E;
            squares += (double)x[s * E + e] * (double)x[s * E + e] / E;
        }
        double root = sqrt(fmax(squares - mean * mean, 0) + 1e-2);
        for (int e = 0; e < E; e++) {
            want[s * E + e] =
                (float)(((double)x[s * E + e] - mean) / root * (double)w[e] + (double)b[e]);
        }
    }
    expect(pn_nn_layer_norm(ctx, scale, shift, "embedding", 1e-2), "seq=3 embedding=5", want);
    free(w);
    free(b);
}
END_TEST

START_TEST(softmax_sums_to_one_over_its_axis)
{
    float want[S * E];
    for (int e = 0; e < E; e++) {
        double sum = 0;
        for (int s = 0; s < S; s++) {
            sum += exp((double)x[s * E + e]);
        }
        for (int s = 0; s < S; s++) {
            want[s * E + e] = (float)(exp((double)x[s * E + e]) / sum);
        }
    }
    expect(pn_nn_softmax(ctx, "seq"), "seq=3 embedding=5", want);
    refuse(pn_nn_softmax(ctx, ""), PENCL_E_ARITY, "Softmax.axes names no axis");
    refuse(pn_nn_softmax(ctx, "seq heads"), PENCL_E_AXIS, "the input needs axis 'heads'");
}
END_TEST

/* ---- element by element ---- */

static double silu(double v)
{
    return v / (1 + exp(-v));
}

static double gelu_approx(double v)
{
    return 0.5 * v * (1 + tanh(sqrt(2 / acos(-1)) * (v + 0.044715 * v * v * v)));
}

static double gelu_exact(double v)
{
    return 0.5 * v * erfc(-v * sqrt(0.5));
}

static double relu(double v)
{
    return v > 0 ? v : 0;
}

static double capped(double v)
{
    return tanh(v / 2) * 2;
}

static double rounded(double v)
{
    return (double)pn_f16_to_f32(pn_f32_to_f16((float)v));
}

START_TEST(elementwise_layers_follow_their_formulas)
{
    expect_map(pn_nn_elementwise(ctx, "silu"), silu);
    expect_map(pn_nn_elementwise(ctx, "gelu_approx"), gelu_approx);
    expect_map(pn_nn_elementwise(ctx, "gelu_tanh"), gelu_approx);
    expect_map(pn_nn_elementwise(ctx, "gelu_exact"), gelu_exact);
    expect_map(pn_nn_elementwise(ctx, "relu"), relu);
    expect_map(pn_nn_soft_cap(ctx, 2), capped);
    expect_map(by(4), times_four);
}
END_TEST

START_TEST(cast_changes_the_dtype)
{
    expect_map(
        PN_NN_LIST(ctx, "Sequential", pn_nn_cast(ctx, PENCL_F16), pn_nn_cast(ctx, PENCL_F32)),
        rounded);
    pencl_attribute dtype = {.name = "dtype", .kind = PENCL_FIELD_TEXT, .text = "float"};
    pencl_layer *layer = NULL;
    ck_assert_int_eq(
        pencl_layer_from_attributes(&layer, ctx, pencl_layer_type_named("CastToDType"), &dtype, 1),
        PENCL_OK);
    refuse(layer, PENCL_E_DTYPE, "no element type is named 'float'");
}
END_TEST

START_TEST(rename_axes_moves_no_data)
{
    expect(pn_nn_rename_axes(ctx, "seq embedding", "batch neurons"), "batch=3 neurons=5", x);
    expect(pn_nn_rename_axes(ctx, "seq embedding", "embedding seq"), "embedding=3 seq=5", x);
    refuse(pn_nn_rename_axes(ctx, "seq embedding", "batch"), PENCL_E_ARITY, "2 old names");
}
END_TEST

Suite *suite_nn_layers(void);
Suite *suite_nn_layers(void)
{
    Suite *suite = suite_create("nn_layers");
    TCase *tc = tcase_create("formulas");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120); /* the first build of kernels */
    tcase_add_test(tc, sequential_and_named_group_run_in_order);
    tcase_add_test(tc, residual_adds_and_branches_join);
    tcase_add_test(tc, errors_are_led_by_the_path);
    tcase_add_test(tc, a_table_cannot_be_called);
    tcase_add_test(tc, capture_passes_on_and_keeps_under_a_name);
    tcase_add_test(tc, linear_contracts_the_in_axes);
    tcase_add_test(tc, affine_adds_its_bias);
    tcase_add_test(tc, parallel_axes_pair_up);
    tcase_add_test(tc, linear_refuses_what_does_not_fit);
    tcase_add_test(tc, lookup_and_decode_share_a_table);
    tcase_add_test(tc, decode_sums_over_every_other_axis);
    tcase_add_test(tc, rms_layer_norm_follows_its_formula);
    tcase_add_test(tc, layer_norm_follows_its_formula);
    tcase_add_test(tc, softmax_sums_to_one_over_its_axis);
    tcase_add_test(tc, elementwise_layers_follow_their_formulas);
    tcase_add_test(tc, cast_changes_the_dtype);
    tcase_add_test(tc, rename_axes_moves_no_data);
    suite_add_tcase(suite, tc);
    return suite;
}
