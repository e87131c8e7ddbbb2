/* SPDX-License-Identifier: Apache-2.0 */
/* The layers of attention: rotary positions, masks, einsums and the whole, against the formulas. */
#include "nn/nn.h"
#include "support/apply.h"
#include "support/fixture.h"
#include "support/noise.h"
#include "support/tree.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float masked = -2.3819763e38F;

static void fill_noise(float *values, int n, uint64_t seed)
{
    noise state = {seed};
    for (int i = 0; i < n; i++) {
        values[i] = noise_float(&state);
    }
}

/* ---- rotary positions ---- */

START_TEST(rope_of_one_vector_is_penzais)
{
    const float values[] = {1, 2, 3, 4, 1, 2, 3, 4};
    const int32_t at[] = {3, 0};
    /* penzai's own figures for position 3 and wavelength 1e4; position 0 turns nothing */
    const float want[] = {-1.4133525F, 1.8791181F, -2.8288574F, 4.0581913F, 1, 2, 3, 4};
    pencl_array *x = tree_array(device, "seq=2 projection=4", values);
    pencl_array *positions = tree_ids(device, "seq=2", at);
    apply_call call = {.layer = pn_nn_rope(ctx, 1e4, 1, 0),
                       .x = x,
                       .side = {{PN_SIDE_TOKEN_POSITIONS, positions}}};
    apply_expect(device, &call, "seq=2 projection=4", want);
    pencl_array_free(positions);
    /* scaled by 8, position 24 is position 3 */
    const int32_t far[] = {24, 0};
    positions = tree_ids(device, "seq=2", far);
    call.layer = pn_nn_rope(ctx, 1e4, 8, 0);
    call.side[0].array = positions;
    apply_expect(device, &call, "seq=2 projection=4", want);
    pencl_array_free(positions);
    pencl_array_free(x);
}
END_TEST

START_TEST(rope_of_a_subset_leaves_the_rest)
{
    enum { SEQ = 3, HEADS = 2, D = 6, R = 4 };
    float values[SEQ * HEADS * D];
    float want[SEQ * HEADS * D];
    const int32_t at[] = {-1, 5, 1000};
    fill_noise(values, SEQ * HEADS * D, 5);
    memcpy(want, values, sizeof want);
    for (int row = 0; row < SEQ * HEADS; row++) {
        float *y = &want[(size_t)row * D];
        for (int i = 0; i < R / 2; i++) {
            int position = at[row / HEADS];
            double angle = position / pow(500, 2.0 * i / R) / 8;
            double a = (double)values[row * D + i];
            double b = (double)values[row * D + i + R / 2];
            y[i] = (float)(a * cos(angle) - b * sin(angle));
            y[i + R / 2] = (float)(b * cos(angle) + a * sin(angle));
        }
    }
    pencl_array *x = tree_array(device, "seq=3 heads=2 projection=6", values);
    pencl_array *positions = tree_ids(device, "seq=3", at);
    apply_call call = {.layer = pn_nn_rope(ctx, 500, 8, R),
                       .x = x,
                       .side = {{PN_SIDE_TOKEN_POSITIONS, positions}}};
    apply_expect(device, &call, "seq=3 heads=2 projection=6", want);
    pencl_array_free(positions);
    pencl_array_free(x);
}
END_TEST

START_TEST(rope_refuses_unfit_positions)
{
    const float values[8] = {0};
    const int32_t at[4] = {0};
    pencl_array *x = tree_array(device, "seq=2 projection=4", values);
    pencl_array *wide = tree_ids(device, "seq=2 batch=2", at);
    pencl_array *along = tree_ids(device, "projection=4", at);
    pencl_array *fine = tree_ids(device, "seq=2", at);
    apply_call call = {.layer = pn_nn_rope(ctx, 1e4, 1, 0), .x = x};
    apply_refuse(device, &call, PENCL_E_SIDE_INPUT, "side input 'token_positions' is missing");
    call.layer = pn_nn_rope(ctx, 1e4, 1, 0);
    call.side[0] = (apply_side){PN_SIDE_TOKEN_POSITIONS, wide};
    apply_refuse(device, &call, PENCL_E_AXIS, "the input needs axis 'batch'");
    call.layer = pn_nn_rope(ctx, 1e4, 1, 0);
    call.side[0].array = along;
    apply_refuse(device, &call, PENCL_E_AXIS, "'projection' must not be one of the positions'");
    call.layer = pn_nn_rope(ctx, 1e4, 0.5, 0);
    call.side[0].array = fine;
    apply_refuse(device, &call, PENCL_E_ARG, "scale_factor must be >= 1, got 0.5");
    pencl_array_free(fine);
    pencl_array_free(along);
    pencl_array_free(wide);
    pencl_array_free(x);
}
END_TEST

/* ---- masks ---- */

enum { T = 4 }; /* tokens */

/* Calls a mask on T x T scores of 1 and expects 1 where `seen` has 'x'. */
static void
expect_mask(int64_t window, const int32_t *positions, const int32_t *sequence, const char *seen)
{
    float scores[T * T];
    float want[T * T];
    for (int i = 0; i < T * T; i++) {
        scores[i] = 1;
        want[i] = seen[i] == 'x' ? 1 : masked;
    }
    pencl_array *x = tree_array(device, "seq=4 kv_seq=4", scores);
    pencl_array *p = tree_ids(device, "seq=4", positions);
    pencl_array *s = sequence != NULL ? tree_ids(device, "seq=4", sequence) : NULL;
    apply_call call = {
        .layer = pn_nn_causal_mask(ctx, window), .x = x, .side = {{PN_SIDE_TOKEN_POSITIONS, p}}};
    if (s != NULL) {
        call.side[1] = (apply_side){PN_SIDE_TOKEN_SEQUENCE, s};
    }
    apply_expect(device, &call, "seq=4 kv_seq=4", want);
    pencl_array_free(s);
    pencl_array_free(p);
    pencl_array_free(x);
}

START_TEST(a_query_sees_keys_at_and_before_it)
{
    const int32_t plain[] = {0, 1, 2, 3};
    const int32_t padded[] = {-1, 0, 1, 2};
    const int32_t two[] = {0, 0, 1, 1};
    expect_mask(0, plain, NULL, "x---xx--xxx-xxxx");
    expect_mask(0, padded, NULL, "-----x---xx--xxx");
    expect_mask(2, plain, NULL, "x---xx---xx---xx");
    expect_mask(1, plain, NULL, "x----x----x----x");
    expect_mask(0, plain, two, "x---xx----x---xx");
}
END_TEST

/* A mask whose keys have positions of their own, as with a cache. */
static pencl_layer *cached_mask(void)
{
    pencl_layer *plain = pn_nn_causal_mask(ctx, 0);
    const pencl_attribute keys = {.name = "kv_positions_input_name",
                                  .kind = PENCL_FIELD_TEXT,
                                  .text = PN_SIDE_KV_TOKEN_POSITIONS};
    pencl_layer *layer = NULL;
    ck_assert_int_eq(pencl_layer_replace(&layer, ctx, plain, &keys, 1), PENCL_OK);
    pencl_layer_free(plain);
    return layer;
}

START_TEST(cached_keys_have_positions_of_their_own)
{
    const float scores[] = {1, 2, 3, 4, 5};
    const float want[] = {1, 2, masked, 4, masked};
    const int32_t at[] = {3};
    const int32_t kv_at[] = {0, 1, -1, 3, 4};
    pencl_array *x = tree_array(device, "seq=1 kv_seq=5", scores);
    pencl_array *positions = tree_ids(device, "seq=1", at);
    static const char *const specs[] = {"seq=5", "kv_seq=5"}; /* penzai's way, and the cache's */
    for (size_t i = 0; i < PN_COUNT(specs); i++) {
        pencl_array *kv = tree_ids(device, specs[i], kv_at);
        apply_call call = {
            .layer = cached_mask(),
            .x = x,
            .side = {{PN_SIDE_TOKEN_POSITIONS, positions}, {PN_SIDE_KV_TOKEN_POSITIONS, kv}}};
        apply_expect(device, &call, "seq=1 kv_seq=5", want);
        call.layer = cached_mask();
        call.side[2] = (apply_side){PN_SIDE_TOKEN_SEQUENCE, positions};
        apply_refuse(device, &call, PENCL_E_SIDE_INPUT, "'kv_sequence' is missing");
        pencl_array_free(kv);
    }
    pencl_array_free(positions);
    pencl_array_free(x);
}
END_TEST

/* ---- einsums ---- */

START_TEST(scores_have_keys_last)
{
    enum { G = 2, Q = 3, P = 4, K = 5, W = 2 }; /* groups, queries, projection, keys, tokens */
    float q[W * G * Q * P];
    float k[K * G * P];
    float want[W * G * Q * K];
    fill_noise(q, W * G * Q * P, 11);
    fill_noise(k, K * G * P, 12);
    for (int row = 0; row < W * G * Q; row++) {
        for (int j = 0; j < K; j++) {
            double sum = 0;
            for (int p = 0; p < P; p++) {
                sum += (double)q[row * P + p] * (double)k[(j * G + row / Q % G) * P + p];
            }
            want[row * K + j] = (float)sum;
        }
    }
    pencl_array *query = tree_array(device, "seq=2 head_groups=2 query_heads=3 projection=4", q);
    pencl_array *key = tree_array(device, "seq=5 head_groups=2 projection=4", k);
    pencl_layer *einsum = pn_nn_query_key_einsum(ctx, "head_groups", "query_heads");
    apply_call call = {.layer = einsum, .x = query, .second = key};
    pencl_array *scores = NULL;
    ck_assert_int_eq(apply_layer(&scores, device, &call), PENCL_OK);
    ck_assert_str_eq(pencl_array_axis(scores, 0)->name, "seq");
    ck_assert_str_eq(pencl_array_axis(scores, 3)->name, "kv_seq");
    pencl_array_free(scores);
    apply_expect(device, &call, "seq=2 head_groups=2 query_heads=3 kv_seq=5", want);
    pencl_array_free(key);
    pencl_array_free(query);
}
END_TEST

START_TEST(an_einsum_of_other_shapes_is_refused)
{
    const float values[6] = {0};
    pencl_array *a = tree_array(device, "seq=2 projection=3", values);
    pencl_array *b = tree_array(device, "seq=2 neurons=3", values);
    pencl_layer *einsum = pn_nn_query_key_einsum(ctx, "", "");
    apply_refuse(device, &(apply_call){.layer = einsum, .x = a, .second = b}, PENCL_E_AXIS,
                 "at root[1]: named shape mismatch between value float32(| seq:2, neurons:3) and "
                 "pattern {**B, seq:tkv, projection:projection}: axis 'projection': expected to be "
                 "present but was missing");
    einsum = pn_nn_query_key_einsum(ctx, "", "");
    apply_refuse(device, &(apply_call){.layer = einsum, .x = a}, PENCL_E_ARITY,
                 "a tuple of 2 values");
    static const char *const bad[][3] = {
        {"seq projection", "projection", "seq kv_seq"}, /* kv_seq comes from nowhere */
        {"seq:", "seq", "seq"},
        {"seq seq:s", "s", "s"},     /* an axis twice */
        {"seq:s batch:s", "s", "s"}, /* an index twice */
    };
    for (size_t i = 0; i < PN_COUNT(bad); i++) {
        einsum = pn_nn_einsum(ctx, bad[i][0], bad[i][1], bad[i][2]);
        apply_refuse(device, &(apply_call){.layer = einsum, .x = a, .second = b},
                     PENCL_E_UNSUPPORTED, "no contraction of inputs");
    }
    pencl_array_free(b);
    pencl_array_free(a);
}
END_TEST

START_TEST(an_einsum_over_no_index_multiplies)
{
    const float one[] = {1, 2, 3, 4, 5, 6};
    const float two[] = {10, 20, 30};
    const float want[] = {10, 40, 90, 40, 100, 180};
    pencl_array *a = tree_array(device, "seq=2 projection=3", one);
    pencl_array *b = tree_array(device, "neurons=3", two);
    pencl_layer *einsum = pn_nn_einsum(ctx, "seq projection:i", "neurons:i", "seq neurons:i");
    apply_expect(device, &(apply_call){.layer = einsum, .x = a, .second = b}, "seq=2 neurons=3",
                 want);
    pencl_array_free(b);
    pencl_array_free(a);
}
END_TEST

/* ---- the whole ---- */

enum { EMB = 8, HEADS = 2, PROJ = 4 };

typedef struct attention_weights {
    float *query; /* [heads, projection, embedding] */
    float *key;
    float *value;
    float *output; /* [embedding, heads, projection] */
} attention_weights;

/* x[token] times a row of [heads, projection, embedding] */
static double project(const float *w, int row, const float *x, int token)
{
    double sum = 0;
    for (int e = 0; e < EMB; e++) {
        sum += (double)w[row * EMB + e] * (double)x[token * EMB + e];
    }
    return sum;
}

/* One head's vector of a token, rotated by its position (rotate = 0: as it is). */
static void
head_vector(double *out, const float *w, int head, const float *x, int token, int rotate)
{
    for (int i = 0; i < PROJ / 2; i++) {
        double a = project(w, head * PROJ + i, x, token);
        double b = project(w, head * PROJ + i + PROJ / 2, x, token);
        double angle = rotate * token / pow(1e4, 2.0 * i / PROJ);
        out[i] = a * cos(angle) - b * sin(angle);
        out[i + PROJ / 2] = b * cos(angle) + a * sin(angle);
    }
}

/* What one head makes of one token: softmax(q k^T / 2, causal) v. */
static void attend(double *out, const attention_weights *w, int head, const float *x, int token)
{
    double q[PROJ];
    double k[PROJ];
    double v[PROJ];
    double total = 0;
    head_vector(q, w->query, head, x, token, 1);
    memset(out, 0, PROJ * sizeof *out);
    for (int t = 0; t <= token; t++) {
        double score = 0;
        head_vector(k, w->key, head, x, t, 1);
        head_vector(v, w->value, head, x, t, 0);
        for (int p = 0; p < PROJ; p++) {
            score += q[p] * k[p] * 0.5;
        }
        total += exp(score);
        for (int p = 0; p < PROJ; p++) {
            out[p] += exp(score) * v[p];
        }
    }
    for (int p = 0; p < PROJ; p++) {
        out[p] /= total;
    }
}

/* The values of the weights of the Linear at the end or the start of a sublayer. */
static float *weights_of(const pencl_layer *attention, const char *field, int index)
{
    pencl_layer *linear =
        pencl_layer_child(pencl_layer_child(attention, field, 0), "sublayers", index);
    return tree_values(pencl_layer_variable(linear, "weights"));
}

START_TEST(attention_follows_its_formula)
{
    pencl_layer *body = tree_decoder(device, 1);
    pencl_selection *s = pencl_select_text(ctx, body, "//Attention");
    pencl_node found;
    ck_assert_int_eq(pencl_selection_get(&found, s), PENCL_OK);
    pencl_layer *attention = found.layer;
    attention_weights w = {.query = weights_of(attention, "input_to_query", 0),
                           .key = weights_of(attention, "input_to_key", 0),
                           .value = weights_of(attention, "input_to_value", 0),
                           .output = weights_of(attention, "attn_value_to_output", 1)};
    float values[T * EMB];
    float want[T * EMB];
    fill_noise(values, T * EMB, 3);
    for (int token = 0; token < T; token++) {
        double heads[HEADS * PROJ];
        for (int h = 0; h < HEADS; h++) {
            attend(&heads[(size_t)h * PROJ], &w, h, values, token);
        }
        for (int e = 0; e < EMB; e++) {
            double sum = 0;
            for (int i = 0; i < HEADS * PROJ; i++) {
                sum += (double)w.output[e * HEADS * PROJ + i] * heads[i];
            }
            want[token * EMB + e] = (float)sum;
        }
    }
    const int32_t at[] = {0, 1, 2, 3};
    pencl_array *x = tree_array(device, "seq=4 embedding=8", values);
    pencl_array *positions = tree_ids(device, "seq=4", at);
    apply_call call = {.layer = pencl_layer_ref(attention),
                       .x = x,
                       .side = {{PN_SIDE_TOKEN_POSITIONS, positions}}};
    apply_expect(device, &call, "seq=4 embedding=8", want);
    pencl_array_free(positions);
    pencl_array_free(x);
    free(w.query);
    free(w.key);
    free(w.value);
    free(w.output);
    pencl_selection_free(s);
    pencl_layer_free(body);
}
END_TEST

Suite *suite_nn_attention(void);
Suite *suite_nn_attention(void)
{
    Suite *suite = suite_create("nn_attention");
    TCase *tc = tcase_create("formulas");
    tcase_add_checked_fixture(tc, fixture_device, fixture_close);
    tcase_set_timeout(tc, 120); /* the first build of kernels */
    tcase_add_test(tc, rope_of_one_vector_is_penzais);
    tcase_add_test(tc, rope_of_a_subset_leaves_the_rest);
    tcase_add_test(tc, rope_refuses_unfit_positions);
    tcase_add_test(tc, a_query_sees_keys_at_and_before_it);
    tcase_add_test(tc, cached_keys_have_positions_of_their_own);
    tcase_add_test(tc, scores_have_keys_last);
    tcase_add_test(tc, an_einsum_of_other_shapes_is_refused);
    tcase_add_test(tc, an_einsum_over_no_index_multiplies);
    tcase_add_test(tc, attention_follows_its_formula);
    suite_add_tcase(suite, tc);
    return suite;
}
