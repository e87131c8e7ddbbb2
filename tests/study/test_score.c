/* SPDX-License-Identifier: Apache-2.0 */
/* Scores of tokens against the logits that transformers computes. */
#include "support/devices.h"
#include "support/golden.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

enum { N_TOKENS = 12, VOCABULARY = 300 };

START_TEST(scores_are_log_softmax_of_the_golden_logits)
{
    size_t count = 0;
    int32_t tokens[N_TOKENS];
    pencl_token_score got[N_TOKENS];
    json_t *json = golden_json("tiny/tiny.json");
    for (size_t i = 0; i < N_TOKENS; i++) {
        json_t *id = json_array_get(json_object_get(json, "tokens"), i);
        tokens[i] = (int32_t)json_integer_value(id);
    }
    json_decref(json);
    float *logits = golden_npy("tiny/tiny_mix.logits.npy", &count);
    pencl_ctx *ctx = pencl_ctx_new();
    pencl_device *device = test_device(ctx);
    pencl_model *model = NULL;
    ck_assert_int_eq(pencl_model_open(&model, device, PENCL_TEST_DATA "/tiny/tiny_mix.gguf", NULL),
                     PENCL_OK);
    pencl_lm *lm = pencl_model_lm(model);
    ck_assert_int_eq(pencl_score(got, lm, tokens, N_TOKENS, NULL), PENCL_OK);
    ck_assert(isnan(got[0].log_prob) && got[0].rank == -1 && got[0].best == -1);
    for (int i = 1; i < N_TOKENS; i++) {
        const float *row = logits + (i - 1) * VOCABULARY;
        double sum = 0;
        int best = 0;
        int rank = 0;
        for (int k = 0; k < VOCABULARY; k++) {
            sum += exp((double)row[k]);
            best = row[k] > row[best] ? k : best;
            rank += row[k] > row[tokens[i]];
        }
        ck_assert_int_eq(got[i].token, tokens[i]);
        ck_assert_double_eq_tol(got[i].log_prob, (double)row[tokens[i]] - log(sum), 1e-4);
        ck_assert_double_eq_tol(got[i].best_log_prob, (double)row[best] - log(sum), 1e-4);
        ck_assert_int_eq(got[i].best, best);
        ck_assert_int_eq(got[i].rank, rank);
    }
    const pencl_score_options small = {.context = 8};
    ck_assert_int_eq(pencl_score(got, lm, tokens, N_TOKENS, &small), PENCL_E_LIMIT);
    ck_assert_int_eq(pencl_score(got, lm, tokens, 0, NULL), PENCL_E_ARG);
    tokens[3] = VOCABULARY;
    ck_assert_int_eq(pencl_score(got, lm, tokens, N_TOKENS, NULL), PENCL_E_TOKEN_RANGE);
    pencl_model_close(model);
    pencl_device_close(device);
    pencl_ctx_free(ctx);
    free(logits);
}
END_TEST

Suite *suite_study_score(void);
Suite *suite_study_score(void)
{
    Suite *suite = suite_create("study_score");
    TCase *tc = tcase_create("score");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, scores_are_log_softmax_of_the_golden_logits);
    suite_add_tcase(suite, tc);
    return suite;
}
