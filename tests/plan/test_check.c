/* SPDX-License-Identifier: Apache-2.0 */
/* PENCL_CHECK=1: nothing to say of sound kernels; a wrong one is named. */
#include "support/devices.h"
#include "support/folder.h"

#include "pencl/pencl.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int32_t TOKENS[] = {1, 72, 263, 8, 200};

/* Feeds a tiny model; the status, with the error's text. */
static pencl_status feed(char *text, size_t room, int *is_ref)
{
    pencl_ctx *ctx = pencl_ctx_new();
    pencl_device *device = test_device(ctx);
    pencl_model *model = NULL;
    pencl_session *session = NULL;
    *is_ref = pencl_device_describe(device)->type == PENCL_DEVICE_REF;
    ck_assert_int_eq(pencl_model_open(&model, device, PENCL_TEST_DATA "/tiny/tiny_mix.gguf", NULL),
                     PENCL_OK);
    ck_assert_int_eq(pencl_session_new(&session, pencl_model_lm(model), NULL), PENCL_OK);
    pencl_status st = pencl_session_feed(NULL, session, TOKENS, 5, PENCL_LOGITS_LAST);
    snprintf(text, room, "%s", pencl_error_text(ctx));
    pencl_session_free(session);
    pencl_model_close(model);
    pencl_device_close(device);
    pencl_ctx_free(ctx);
    return st;
}

START_TEST(sound_kernels_pass)
{
    char text[512];
    int is_ref = 0;
    setenv("PENCL_CHECK", "1", 1);
    ck_assert_msg(feed(text, sizeof text, &is_ref) == PENCL_OK, "%s", text);
}
END_TEST

/* The kernels of the norms, with one operation left out, from a folder of their own. */
START_TEST(a_wrong_kernel_is_named)
{
    char folder[TEST_PATH];
    char text[4096];
    char command[1024];
    int is_ref = 0;
    test_folder_make(folder);
    snprintf(command, sizeof command,
             "cp -r %s/cl %s && sed -i 's/squares += d \\* d/squares += d/' "
             "%s/cl/lib/norm_rows.clh %s/cl/*.cl",
             PENCL_SOURCE_DIR, folder, folder, folder);
    ck_assert_int_eq(system(command), 0);
    setenv("PENCL_CL_DIR", test_path(folder, "cl"), 1);
    setenv("PENCL_CHECK", "1", 1);
    pencl_status st = feed(text, sizeof text, &is_ref);
    test_folder_remove(folder);
    if (is_ref) {
        ck_assert_int_eq(st, PENCL_OK); /* there are no kernels to be wrong */
        return;
    }
    ck_assert_int_eq(st, PENCL_E_DEVICE);
    ck_assert_msg(strstr(text, "PENCL_CHECK: task ") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "rms_norm by rms_norm_") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "its reference says") != NULL, "%s", text);
}
END_TEST

Suite *suite_plan_check(void);
Suite *suite_plan_check(void)
{
    Suite *suite = suite_create("plan_check");
    TCase *tc = tcase_create("check");
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, sound_kernels_pass);
    tcase_add_test(tc, a_wrong_kernel_is_named);
    suite_add_tcase(suite, tc);
    return suite;
}
