/* SPDX-License-Identifier: Apache-2.0 */
/* Weights that get new values while plans that read them are kept. */
#include "nn/nn.h"
#include "support/fixture.h"
#include "support/noise.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_TOKENS = 6 };

static const int32_t tokens[N_TOKENS] = {5, 17, 42, 8, 100, 3};

static pencl_model *open_model(void)
{
    pencl_model *model = NULL;
    ok(pencl_model_open(&model, device, PENCL_TEST_DATA "/tiny/tiny_mix.gguf", NULL));
    return model;
}

/* Borrowed from the model. */
static pencl_variable *weight(pencl_model *model, const char *selector)
{
    pencl_node node;
    pencl_selection *s = pencl_select_text(ctx, pencl_lm_body(pencl_model_lm(model)), selector);
    ok(pencl_selection_get(&node, s));
    pencl_selection_free(s);
    return node.variable;
}

/* Noise of the weight's axes. */
static void set_noise(pencl_variable *v, uint64_t seed)
{
    noise random = {seed};
    pencl_axis axes[8];
    int n = pencl_variable_n_axes(v);
    for (int i = 0; i < n; i++) {
        axes[i] = *pencl_variable_axis(v, i);
    }
    pencl_array *array = NULL;
    ok(pencl_array_new(&array, device, PENCL_F32, axes, n));
    int64_t count = pencl_array_count(array);
    float *values = calloc((size_t)count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        values[i] = 0.2F * noise_float(&random);
    }
    ok(pencl_array_upload(array, values, (size_t)count * sizeof *values));
    ok(pencl_variable_set_value(v, array));
    pencl_array_free(array);
    free(values);
}

/* Logits of all tokens, fed one after another; the same plan runs each time. */
static float *feed(pencl_session *s, int64_t vocabulary)
{
    float *out = calloc((size_t)(N_TOKENS * vocabulary), sizeof *out);
    pencl_session_reset(s);
    for (int i = 0; i < N_TOKENS; i++) {
        const float *row = NULL;
        ok(pencl_session_feed(&row, s, &tokens[i], 1, PENCL_LOGITS_LAST));
        memcpy(out + i * vocabulary, row, (size_t)vocabulary * sizeof *row);
    }
    return out;
}

/* What a model gives whose weight was set before anything was fed. */
static float *fresh(const char *selector, uint64_t seed)
{
    pencl_model *model = open_model();
    pencl_session *s = NULL;
    set_noise(weight(model, selector), seed);
    ok(pencl_session_new(&s, pencl_model_lm(model), NULL));
    float *out = feed(s, pencl_lm_metadata(pencl_model_lm(model))->vocab_size);
    pencl_session_free(s);
    pencl_model_close(model);
    return out;
}

static double difference(const float *a, const float *b, int64_t vocabulary)
{
    double worst = 0;
    for (int64_t i = 0; i < N_TOKENS * vocabulary; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        worst = d > worst || isnan(d) ? d : worst;
    }
    return worst;
}

/* Twice, a snapshot in between: the first value may be written in place, the second may not. */
static void check(const char *selector)
{
    pencl_model *model = open_model();
    pencl_session *s = NULL;
    pencl_variable *v = weight(model, selector);
    pencl_variable *snapshot = NULL;
    int64_t vocabulary = pencl_lm_metadata(pencl_model_lm(model))->vocab_size;
    ok(pencl_session_new(&s, pencl_model_lm(model), NULL));
    float *before = feed(s, vocabulary);
    ok(pencl_variable_freeze(&snapshot, v));
    for (uint64_t seed = 1; seed <= 2; seed++) {
        set_noise(v, seed);
        float *got = feed(s, vocabulary);
        float *want = fresh(selector, seed);
        ck_assert_double_gt(difference(before, want, vocabulary), 1e-2);
        ck_assert_msg(difference(got, want, vocabulary) <= 1e-5, "%s: off by %g", selector,
                      difference(got, want, vocabulary));
        free(want);
        free(got);
    }
    ok(pencl_variable_update(v, snapshot));
    float *got = feed(s, vocabulary);
    ck_assert_msg(difference(got, before, vocabulary) == 0, "%s: not what it was", selector);
    free(got);
    free(before);
    pencl_variable_free(snapshot);
    pencl_session_free(s);
    pencl_model_close(model);
}

/* float32 before and after: the kept plan moves to the new memory. */
START_TEST(a_norm_gets_new_memory)
{
    check("//Parameter{label=transformer/final_norm/scale.weights}");
}
END_TEST

/* Quantised before and float32 after, merged with its neighbours into one kernel: the kept plan
 * cannot serve any more. */
START_TEST(a_matrix_gets_another_type)
{
    check("//Parameter{label=transformer/block_0/attention/key.weights}");
    check("//Parameter{label=transformer/block_1/mlp/out_linear.weights}");
}
END_TEST

Suite *suite_lm_new_values(void);
Suite *suite_lm_new_values(void)
{
    Suite *suite = suite_create("lm_new_values");
    TCase *tc = tcase_create("new_values");
    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, fixture_device, fixture_close);
    tcase_add_test(tc, a_norm_gets_new_memory);
    tcase_add_test(tc, a_matrix_gets_another_type);
    suite_add_tcase(suite, tc);
    return suite;
}
