/* SPDX-License-Identifier: Apache-2.0 */
/* CLBlast as a second opinion: the matmuls over stored weights, and a whole model. One process runs
 * them all, since each pays seconds for CLBlast's programs. */
#include "plan/trial.h"
#include "support/devices.h"
#include "support/golden.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every case with stored weights whose columns are contracted, in both layouts. */
static int run_cases(pencl_ctx *ctx, pencl_device *device)
{
    int n_runs = 0;
    for (const pn_op_case *row = pn_op_matmul.cases; row->name != NULL; row++) {
        pn_case c;
        ck_assert_msg(pn_case_make(&c, ctx, &pn_op_matmul, row) == PENCL_OK, "%s",
                      pencl_error_text(ctx));
        for (int storage = PN_ALL_PLAIN; storage < PN_STORAGES; storage++) {
            if (pn_case_can_be_stored(&c, device, (pn_storage)storage)) {
                pn_trial trial;
                pencl_status st =
                    pn_trial_run(&trial, device, &c, (pn_storage)storage, "matmul_clblast");
                ck_assert_msg(st == PENCL_OK && trial.fault.size == 0, "%s, stored %s: %s%s",
                              row->name, pn_storage_name((pn_storage)storage),
                              pencl_error_text(ctx), pn_text_get(&trial.fault));
                n_runs += trial.taken;
            }
        }
        pn_case_free(&c);
    }
    return n_runs;
}

/* A prompt of a tiny model through CLBlast, as transformers computes it. */
static void run_model(pencl_ctx *ctx, pencl_device *device)
{
    size_t count = 0;
    json_t *json = golden_json("tiny/tiny.json");
    json_t *ids = json_object_get(json, "tokens");
    float *want = golden_npy("tiny/tiny_mix.logits.npy", &count);
    pencl_model *model = NULL;
    pencl_session *session = NULL;
    const float *got = NULL;
    int32_t tokens[64];
    size_t n = json_array_size(ids);
    ck_assert_uint_le(n, sizeof tokens / sizeof *tokens);
    for (size_t i = 0; i < n; i++) {
        tokens[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    }
    const pencl_session_options options = {.matmul = "clblast"};
    ck_assert_int_eq(pencl_model_open(&model, device, PENCL_TEST_DATA "/tiny/tiny_mix.gguf", NULL),
                     PENCL_OK);
    ck_assert_int_eq(pencl_session_new(&session, pencl_model_lm(model), &options), PENCL_OK);
    ck_assert_msg(pencl_session_feed(&got, session, tokens, n, PENCL_LOGITS_ALL) == PENCL_OK, "%s",
                  pencl_error_text(ctx));
    for (size_t i = 0; i < count; i++) {
        ck_assert_float_eq_tol(got[i], want[i], 1e-4F);
    }
    char *plan = NULL;
    ck_assert_int_eq(pencl_session_plan_text(&plan, session, 1), PENCL_OK);
    ck_assert_ptr_nonnull(strstr(plan, "matmul_clblast"));
    pencl_text_free(plan);
    pencl_session_free(session);
    pencl_model_close(model);
    free(want);
    json_decref(json);
}

START_TEST(clblast_agrees)
{
    pencl_ctx *ctx = pencl_ctx_new();
    pencl_device *device = test_device(ctx);
    ck_assert_int_ge(run_cases(ctx, device), 20);
    run_model(ctx, device);
    pencl_device_close(device);
    pencl_ctx_free(ctx);
}
END_TEST

Suite *suite_op_blas(void);
Suite *suite_op_blas(void)
{
    Suite *suite = suite_create("op_blas");
    TCase *tc = tcase_create("clblast");
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, clblast_agrees);
    suite_add_tcase(suite, tc);
    return suite;
}
