/* SPDX-License-Identifier: Apache-2.0 */
/* The opened model gives what transformers gives with the same hooks. */
#include "api/open.h"
#include "support/devices.h"
#include "support/golden.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static double worst_at(const float *got, const char *ids_file, const char *file)
{
    size_t n = 0;
    int32_t *ids = ids_file == NULL ? NULL : golden_npy(ids_file, &n);
    float *want = golden_npy(file, &n);
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)got[ids == NULL ? i : (size_t)ids[i]] - (double)want[i]);
        worst = d > worst || isnan(d) ? d : worst;
    }
    free(ids);
    free(want);
    return worst;
}

START_TEST(changed_model_equals_transformers_with_hooks)
{
    const char *path = golden_model();
    if (path == NULL) {
        return;
    }
    static const int32_t prompt[] = {504, 3575, 282, 4649, 314};
    pencl_ctx *ctx = pencl_ctx_new();
    pencl_device *device = test_device(ctx);
    pencl_model *model = NULL;
    pencl_session *s = NULL;
    pencl_array *block = NULL;
    const float *logits = NULL;
    ck_assert_int_eq(pencl_model_open(&model, device, path, NULL), PENCL_OK);
    ck_assert_msg(open_up(model, ctx) == PENCL_OK, "%s", pencl_error_text(ctx));
    ck_assert_int_eq(pencl_session_new(&s, pencl_model_lm(model), NULL), PENCL_OK);
    ck_assert_msg(pencl_session_feed(&logits, s, prompt, 5, PENCL_LOGITS_LAST) == PENCL_OK, "%s",
                  pencl_error_text(ctx));
    double worst = worst_at(logits, "smollm2/hooks_both.ids.npy", "smollm2/hooks_both.logits.npy");
    ck_assert_msg(worst <= 0.01, "logits differ by %g", worst);
    ck_assert_int_eq(pencl_session_captured(&block, s, "block 7"), PENCL_OK);
    float *values = calloc((size_t)pencl_array_count(block), sizeof *values);
    ck_assert_int_eq(pencl_array_download_f32(block, values, pencl_array_count(block)), PENCL_OK);
    worst = worst_at(values, NULL, "smollm2/hooks_both.block_7.npy");
    ck_assert_msg(worst <= 0.01, "block 7 differs by %g", worst);
    free(values);
    pencl_array_free(block);
    pencl_session_free(s);
    pencl_model_close(model);
    pencl_device_close(device);
    pencl_ctx_free(ctx);
}
END_TEST

Suite *suite_api_open(void);
Suite *suite_api_open(void)
{
    Suite *suite = suite_create("api_open");
    TCase *tc = tcase_create("hooks");
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, changed_model_equals_transformers_with_hooks);
    suite_add_tcase(suite, tc);
    return suite;
}
