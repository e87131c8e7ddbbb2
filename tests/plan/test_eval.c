/* SPDX-License-Identifier: Apache-2.0 */
/* pencl_eval: values over arrays, kept plans, and operations that the host computes. */
#include "support/devices.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>

enum { SEQ = 3, SIZE = 4 };

static pencl_ctx *ctx;
static pencl_device *device;
static pencl_graph *graph;

static void setup(void)
{
    ctx = pencl_ctx_new();
    device = test_device(ctx);
    ck_assert_int_eq(pencl_graph_new(&graph, device), PENCL_OK);
}

static void teardown(void)
{
    pencl_graph_free(graph);
    pencl_device_close(device);
    pencl_ctx_free(ctx);
}

static pencl_array *
array_of(pencl_dtype dtype, const pencl_axis *axes, int n, const void *data, size_t bytes)
{
    pencl_array *a = NULL;
    ck_assert_int_eq(pencl_array_new(&a, device, dtype, axes, n), PENCL_OK);
    ck_assert_int_eq(pencl_array_upload(a, data, bytes), PENCL_OK);
    return a;
}

static void eval(pencl_value *value, float *out, int64_t n)
{
    pencl_array *y = NULL;
    ck_assert_msg(pencl_eval(graph, &value, 1, &y) == PENCL_OK, "%s", pencl_error_text(ctx));
    ck_assert_int_eq(pencl_array_download_f32(y, out, n), PENCL_OK);
    pencl_array_free(y);
}

static const pencl_axis x_axes[] = {{"seq", SEQ}, {"projection", SIZE}};
static const float x_data[SEQ][SIZE] = {{1, 2, 3, 4}, {5, 6, 7, 8}, {-1, 0, 2, 1}};

/* Rotary embedding of x_data at these positions, wavelength 100: half-split, as penzai does. */
static void check_rope(const float *got, const int32_t *positions)
{
    for (int s = 0; s < SEQ; s++) {
        for (int i = 0; i < SIZE / 2; i++) {
            double angle = positions[s] / pow(100, i / (SIZE / 2.0));
            double a = (double)x_data[s][i];
            double b = (double)x_data[s][i + SIZE / 2];
            double first = a * cos(angle) - b * sin(angle);
            double second = b * cos(angle) + a * sin(angle);
            ck_assert_double_eq_tol(got[s * SIZE + i], first, 1e-5);
            ck_assert_double_eq_tol(got[s * SIZE + i + SIZE / 2], second, 1e-5);
        }
    }
}

START_TEST(positions_may_be_an_array)
{
    const int32_t at[SEQ] = {4, 0, 17};
    float got[SEQ * SIZE];
    pencl_array *x = array_of(PENCL_F32, x_axes, 2, x_data, sizeof x_data);
    pencl_array *positions = array_of(PENCL_I32, x_axes, 1, at, sizeof at);
    eval(pencl_value_rope(pencl_graph_array(graph, x), pencl_graph_array(graph, positions),
                          "projection", 100, 1, 0),
         got, SEQ * SIZE);
    check_rope(got, at);
    pencl_array_free(positions);
    pencl_array_free(x);
}
END_TEST

START_TEST(positions_may_be_computed)
{
    const pencl_axis axes[] = {{"seq", SEQ}, {"choice", 3}};
    const float scores[SEQ][3] = {{0, 1, 0}, {0, 1, 2}, {3, 1, 2}};
    const int32_t best[SEQ] = {1, 2, 0};
    const char *const along = "choice";
    float got[SEQ * SIZE];
    pencl_array *x = array_of(PENCL_F32, x_axes, 2, x_data, sizeof x_data);
    pencl_array *s = array_of(PENCL_F32, axes, 2, scores, sizeof scores);
    pencl_value *positions = pencl_value_argmax(pencl_graph_array(graph, s), &along, 1);
    eval(pencl_value_rope(pencl_graph_array(graph, x), positions, "projection", 100, 1, 0), got,
         SEQ * SIZE);
    check_rope(got, best);
    pencl_array_free(s);
    pencl_array_free(x);
}
END_TEST

START_TEST(a_second_eval_sees_new_content)
{
    float got[SEQ * SIZE];
    const float other[SEQ][SIZE] = {{9, 8, 7, 6}, {5, 4, 3, 2}, {1, 0, -1, -2}};
    pencl_array *x = array_of(PENCL_F32, x_axes, 2, x_data, sizeof x_data);
    pencl_value *y = pencl_value_scale(pencl_graph_array(graph, x), 2);
    eval(y, got, SEQ * SIZE);
    ck_assert_float_eq(got[5], 12);
    ck_assert_int_eq(pencl_array_upload(x, other, sizeof other), PENCL_OK);
    eval(y, got, SEQ * SIZE);
    ck_assert_float_eq(got[5], 8);
    eval(pencl_value_scale(y, -1), got, SEQ * SIZE);
    ck_assert_float_eq(got[0], -18);
    pencl_array_free(x);
}
END_TEST

START_TEST(the_first_error_of_a_graph_is_told)
{
    pencl_array *x = array_of(PENCL_F32, x_axes, 2, x_data, sizeof x_data);
    pencl_value *y = pencl_value_softmax(pencl_graph_array(graph, x), "neurons");
    pencl_array *out = NULL;
    ck_assert_ptr_null(y);
    ck_assert_int_eq(pencl_eval(graph, &y, 1, &out), PENCL_E_AXIS);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "neurons"));
    ck_assert_ptr_null(out);
    pencl_array_free(x);
}
END_TEST

Suite *suite_plan_eval(void);
Suite *suite_plan_eval(void)
{
    Suite *suite = suite_create("plan_eval");
    TCase *tc = tcase_create("eval");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, positions_may_be_an_array);
    tcase_add_test(tc, positions_may_be_computed);
    tcase_add_test(tc, a_second_eval_sees_new_content);
    tcase_add_test(tc, the_first_error_of_a_graph_is_told);
    suite_add_tcase(suite, tc);
    return suite;
}
