/* SPDX-License-Identifier: Apache-2.0 */
/* The logit lens on the real model: transformers' hidden states through norm and unembedding. */
#include "support/fixture.h"
#include "support/golden.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

enum { TOP = 5, MOST_TOKENS = 64 };

static int slow(void)
{
    const pencl_device_info *info = pencl_device_describe(device);
    return info->type == PENCL_DEVICE_REF || info->software;
}

/* The five likeliest tokens after the last one, layer by layer; near ties in either order. */
START_TEST(lens_equals_transformers)
{
    const char *path = golden_model();
    int32_t ids[MOST_TOKENS];
    if (path == NULL || (slow() && getenv("PENCL_TEST_LONG") == NULL)) {
        return;
    }
    json_t *tokens = golden_json("smollm2_look/tokens.json");
    json_t *layers = golden_json("smollm2_look/lens.json");
    size_t n = json_array_size(tokens);
    ck_assert_uint_le(n, MOST_TOKENS);
    for (size_t i = 0; i < n; i++) {
        ids[i] = (int32_t)json_integer_value(json_array_get(tokens, i));
    }
    pencl_model *model = NULL;
    pencl_lens *lens = NULL;
    ck_assert_int_eq(pencl_model_open(&model, device, path, NULL), PENCL_OK);
    pencl_status st = pencl_lens_new(&lens, pencl_model_lm(model), ids, n, NULL);
    ck_assert_msg(st == PENCL_OK, "%s", pencl_error_text(ctx));
    ck_assert_int_eq(pencl_lens_n_layers(lens), (int)json_array_size(layers));
    double worst = 0;
    for (int layer = 0; layer < pencl_lens_n_layers(lens); layer++) {
        json_t *row = json_array_get(layers, (size_t)layer);
        for (int i = 0; i < TOP; i++) {
            const pencl_lens_entry *e = pencl_lens_top(lens, layer, n - 1, i);
            json_t *token = json_array_get(json_object_get(row, "tokens"), (size_t)i);
            json_t *logit = json_array_get(json_object_get(row, "logits"), (size_t)i);
            double d = fabs((double)e->logit - json_real_value(logit));
            worst = fmax(worst, d);
            ck_assert_msg(d <= 1e-3, "layer %d, place %d: logits differ by %g", layer, i, d);
            if (e->token != json_integer_value(token)) {
                printf("layer %d, place %d: a near tie\n", layer, i);
            }
        }
    }
    printf("largest difference of logits %.2e\n", worst);
    pencl_lens_free(lens);
    pencl_model_close(model);
    json_decref(layers);
    json_decref(tokens);
}
END_TEST

/* The last layer is the model itself. */
START_TEST(the_last_layer_is_the_model)
{
    const int32_t ids[] = {1, 72, 263, 8, 200};
    pencl_model *model = NULL;
    pencl_lens *lens = NULL;
    pencl_session *session = NULL;
    const float *logits = NULL;
    ck_assert_int_eq(pencl_model_open(&model, device, PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf", NULL),
                     PENCL_OK);
    const pencl_lens_options how = {.top = 3};
    ck_assert_int_eq(pencl_lens_new(&lens, pencl_model_lm(model), ids, 5, &how), PENCL_OK);
    ck_assert_int_eq(pencl_session_new(&session, pencl_model_lm(model), NULL), PENCL_OK);
    ck_assert_int_eq(pencl_session_feed(&logits, session, ids, 5, PENCL_LOGITS_LAST), PENCL_OK);
    ck_assert_int_eq(pencl_lens_n_layers(lens), 3);
    ck_assert_int_eq(pencl_lens_n_top(lens), 3);
    double total = 0;
    for (int i = 0; i < 300; i++) {
        total += exp((double)logits[i]);
    }
    for (int i = 0; i < 3; i++) {
        const pencl_lens_entry *e = pencl_lens_top(lens, 2, 4, i);
        ck_assert_float_eq_tol(e->logit, logits[e->token], 1e-4F);
        ck_assert_double_eq_tol(e->log_prob, (double)logits[e->token] - log(total), 1e-4);
    }
    ck_assert_ptr_null(pencl_lens_top(lens, 3, 0, 0));
    ck_assert_ptr_null(pencl_lens_top(lens, 0, 5, 0));
    ck_assert_ptr_null(pencl_lens_top(lens, 0, 0, 3));
    pencl_lens *none = NULL;
    ck_assert_int_eq(pencl_lens_new(&none, pencl_model_lm(model), ids, 0, NULL), PENCL_E_ARG);
    pencl_session_free(session);
    pencl_lens_free(lens);
    pencl_model_close(model);
}
END_TEST

Suite *suite_study_lens(void);
Suite *suite_study_lens(void)
{
    Suite *suite = suite_create("study_lens");
    TCase *tc = tcase_create("lens");
    tcase_set_timeout(tc, 600);
    tcase_add_checked_fixture(tc, fixture_device, fixture_close);
    tcase_add_test(tc, lens_equals_transformers);
    tcase_add_test(tc, the_last_layer_is_the_model);
    suite_add_tcase(suite, tc);
    return suite;
}
