/* SPDX-License-Identifier: Apache-2.0 */
/* A device that is lost in the middle (tests/layer/faults.c): what fails says which device and what
 * to do, nothing is left, and the context opens another one. */
#include "pencl/pencl.h"

#include "support/folder.h"
#include "support/report.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[TEST_PATH];

static void setup(void)
{
    test_folder_make(folder);
    setenv("PENCL_CACHE", test_path(folder, "cache"), 1);
    setenv("OPENCL_LAYERS", PENCL_TEST_FAULTS, 1);
    setenv("PENCL_FAULT_REPORT", test_path(folder, "report"), 1);
}

static void teardown(void)
{
    test_folder_remove(folder);
}

static int64_t report(int i)
{
    return test_report(test_path(folder, "report"), 2, i);
}

/* {1, 2} plus itself. */
static pencl_status twice(pencl_ctx *ctx, pencl_device *device, float out[2])
{
    static const float numbers[2] = {1, 2};
    const pencl_axis axis = {"neurons", 2};
    pencl_array *x = NULL;
    pencl_array *y = NULL;
    pencl_graph *g = NULL;
    pencl_status st = pencl_array_new(&x, device, PENCL_F32, &axis, 1);
    st = st == PENCL_OK ? pencl_array_upload(x, numbers, sizeof numbers) : st;
    st = st == PENCL_OK ? pencl_graph_new(&g, device) : st;
    if (st == PENCL_OK) {
        pencl_value *v = pencl_graph_array(g, x);
        pencl_value *sum = pencl_value_add(v, v);
        st = pencl_eval(g, &sum, 1, &y);
    }
    st = st == PENCL_OK ? pencl_array_download(y, out, 2 * sizeof *out) : st;
    ck_assert(st == PENCL_OK || *pencl_error_text(ctx) != '\0');
    pencl_array_free(y);
    pencl_array_free(x);
    pencl_graph_free(g);
    return st;
}

static void expect_twice(const float out[2])
{
    ck_assert_float_eq(out[0], 2);
    ck_assert_float_eq(out[1], 4);
}

/* Says which device, and what can be done. */
static void expect_clear(pencl_ctx *ctx, const char *device)
{
    const char *text = pencl_error_text(ctx);
    ck_assert_msg(strstr(text, device) != NULL, "\"%s\" does not name %s", text, device);
    ck_assert_msg(strstr(text, "try again") != NULL || strstr(text, "less memory") != NULL,
                  "\"%s\" does not say what to do", text);
}

/* All calls from the 1st, the 4th, .. on fail: the first third while devices are looked for and
 * opened. A healthy run makes 92 with either driver. */
enum { STEP = 3, TIMES = 34 };

START_TEST(a_lost_device_is_named_and_another_opens)
{
    char fault[32];
    char id[64] = "";
    float out[2] = {0};
    pencl_device *device = NULL;
    pencl_device *ref = NULL;
    pencl_ctx *ctx = pencl_ctx_new();
    snprintf(fault, sizeof fault, "%d+", 1 + STEP * _i);
    setenv("PENCL_FAULT", fault, 1);
    if (pencl_device_open(&device, ctx, getenv("PENCL_TEST_DEVICE")) == PENCL_OK) {
        snprintf(id, sizeof id, "%s", pencl_device_describe(device)->id);
        if (twice(ctx, device, out) == PENCL_OK) {
            expect_twice(out);
        } else {
            expect_clear(ctx, id);
        }
        pencl_device_close(device);
    } else {
        ck_assert_str_ne(pencl_error_text(ctx), "");
    }
    ck_assert_int_eq(report(1), 0);
    ck_assert_int_eq(pencl_device_open(&ref, ctx, "ref"), PENCL_OK);
    ck_assert_int_eq(twice(ctx, ref, out), PENCL_OK);
    expect_twice(out);
    pencl_device_close(ref);
    pencl_ctx_free(ctx);
}
END_TEST

Suite *suite_device_lost(void);
Suite *suite_device_lost(void)
{
    Suite *suite = suite_create("device_lost");
    TCase *tc = tcase_create("lost");
    tcase_set_timeout(tc, 240);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, a_lost_device_is_named_and_another_opens, 0, TIMES);
    suite_add_tcase(suite, tc);
    return suite;
}
