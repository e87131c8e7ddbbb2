/* SPDX-License-Identifier: Apache-2.0 */
/* pencl_eval: values over arrays, kept plans, and operations that the host computes. */
#include "plan/plan.h"
#include "support/fixture.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>

enum { SEQ = 3, SIZE = 4 };

static pencl_graph *graph;

static void setup(void)
{
    fixture_device();
    ck_assert_int_eq(pencl_graph_new(&graph, device), PENCL_OK);
}

static void teardown(void)
{
    pencl_graph_free(graph);
    fixture_close();
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

/* ---- outputs and inputs that are views ---- */

/* x_data seen otherwise: by the strides of its axes, from an offset on. */
static void expect_view(pencl_value *value, int rows, int cols, int row, int col, int from)
{
    float got[2 * SEQ * SIZE];
    const float *all = x_data[0];
    eval(value, got, rows * cols);
    for (int i = 0; i < rows * cols; i++) {
        ck_assert_float_eq(got[i], all[from + i / cols * row + i % cols * col]);
    }
}

START_TEST(views_are_written_in_the_order_of_their_axes)
{
    const char *const turned[] = {"projection", "seq"};
    const char *const both[] = {"seq", "projection"};
    const pencl_axis wide[] = {{"batch", 2}};
    pencl_array *array = array_of(PENCL_F32, x_axes, 2, x_data, sizeof x_data);
    pencl_value *x = pencl_graph_array(graph, array);
    expect_view(pencl_value_order(x, turned, 2), SIZE, SEQ, 1, SIZE, 0);
    expect_view(pencl_value_untag(x, turned, 2), SIZE, SEQ, 1, SIZE, 0); /* positional ones too */
    expect_view(pencl_value_untag(x, both, 2), SEQ, SIZE, SIZE, 1, 0);
    expect_view(pencl_value_slice_steps(x, "projection", 1, 2, 2), SEQ, 2, SIZE, 2, 1);
    expect_view(pencl_value_index(x, "projection", -1), SEQ, 1, SIZE, 0, SIZE - 1);
    expect_view(pencl_value_broadcast_to(x, wide, 1), 2, SEQ * SIZE, 0, 1, 0);
    pencl_array_free(array);
}
END_TEST

START_TEST(arrays_may_be_views)
{
    const char *const turned[] = {"projection", "seq"};
    float got[6];
    pencl_array *x = array_of(PENCL_F32, x_axes, 2, x_data, sizeof x_data);
    pencl_array *ordered = NULL;
    pencl_array *part = NULL;
    pencl_array *rows = NULL;
    ck_assert_int_eq(pencl_array_order(&ordered, x, turned, 2), PENCL_OK);
    ck_assert_int_eq(pencl_array_slice(&part, ordered, "seq", 1, 2), PENCL_OK);
    ck_assert_int_eq(pencl_array_slice_steps(&rows, part, "projection", 0, 2, 2), PENCL_OK);
    /* columns 0 and 2 of rows 1 and 2, next to their double */
    pencl_value *v = pencl_graph_array(graph, rows);
    eval(pencl_value_sub(pencl_value_scale(v, 2), v), got, 4);
    ck_assert_float_eq(got[0], 5);
    ck_assert_float_eq(got[1], -1);
    ck_assert_float_eq(got[2], 7);
    ck_assert_float_eq(got[3], 2);
    eval(pencl_value_softmax(v, "projection"), got, 4);
    ck_assert_double_eq_tol(got[0], 1 / (1 + exp(2)), 1e-6);
    pencl_array_free(rows);
    pencl_array_free(part);
    pencl_array_free(ordered);
    pencl_array_free(x);
}
END_TEST

/* ---- fusing ---- */

START_TEST(a_turned_square_is_not_the_square)
{
    const pencl_axis axes[] = {{"a", 2}, {"b", 2}};
    const float data[] = {1, 2, 3, 4};
    const float want[] = {1 + 2, 2 + 6, 3 + 4, 4 + 8}; /* x + 2 x with a and b exchanged */
    float got[4];
    pencl_array *array = array_of(PENCL_F32, axes, 2, data, sizeof data);
    pencl_value *x = pencl_graph_array(graph, array);
    pencl_value *twice = pencl_value_scale(x, 2);
    pencl_value *turned = pencl_value_rename(
        pencl_value_rename(pencl_value_rename(twice, "a", "c"), "b", "a"), "c", "b");
    eval(pencl_value_add(x, turned), got, 4);
    for (int i = 0; i < 4; i++) {
        ck_assert_float_eq(got[i], want[i]);
    }
    pencl_array_free(array);
}
END_TEST

/* The launches of a plan; the reference has none. */
static void expect_launches(pencl_value *value, size_t launches)
{
    pn_plan *plan = NULL;
    ck_assert_int_eq(pn_plan_new(&plan, graph, &value, 1, NULL), PENCL_OK);
    if (!pn_device_caps(device)->is_ref) {
        ck_assert_uint_eq(pn_plan_launches(plan), launches);
    }
    pn_plan_free(plan);
}

START_TEST(launches_are_few)
{
    pencl_array *array = array_of(PENCL_F32, x_axes, 2, x_data, sizeof x_data);
    pencl_value *x = pencl_graph_array(graph, array);
    pencl_value *three = pencl_value_full(graph, PENCL_F32, 3, NULL, 0);
    pencl_value *y = pencl_value_exp(pencl_value_mul(pencl_value_add(x, three), three));
    expect_launches(y, 1); /* a number is part of who reads it */
    const pencl_at at[] = {PENCL_AT_RANGE("seq", 0, 2)};
    pencl_value *parts[] = {y, pencl_value_neg(x), pencl_value_scale(x, 2)};
    expect_launches(pencl_value_concatenate(parts, 3, "seq"), 1); /* written where they belong */
    expect_launches(pencl_value_stack(parts, 3, "new"), 1);
    expect_launches(pencl_value_at_set(y, at, 1, three), 2); /* y, and over it the number */
    expect_launches(pencl_value_where(pencl_value_less(x, three), x, three), 1);
    expect_launches(pencl_value_order(x, (const char *const[]){"projection", "seq"}, 2), 1);
    expect_launches(x, 0);
    pencl_array_free(array);
}
END_TEST

START_TEST(a_program_rounds_as_its_steps_do)
{
    const pencl_axis axes[] = {{"a", 2}};
    const float data[] = {2049, 1}; /* float16 has 2048 and 2050 */
    const int32_t large[] = {16777217, -2147483647};
    float got[2];
    int32_t whole[2];
    pencl_array *x = array_of(PENCL_F32, axes, 1, data, sizeof data);
    pencl_array *y = array_of(PENCL_I32, axes, 1, large, sizeof large);
    pencl_value *v = pencl_graph_array(graph, x);
    pencl_value *half = pencl_value_cast(v, PENCL_F16);
    eval(pencl_value_sub(pencl_value_cast(half, PENCL_F32), v), got, 2);
    ck_assert_float_eq(got[0], -1);
    ck_assert_float_eq(got[1], 0);
    pencl_value *w = pencl_graph_array(graph, y);
    pencl_value *sum = pencl_value_sub(pencl_value_add(w, w), pencl_value_neg(w));
    pencl_array *out = NULL;
    ck_assert_int_eq(pencl_eval(graph, &sum, 1, &out), PENCL_OK);
    ck_assert_int_eq(pencl_array_download(out, whole, sizeof whole), PENCL_OK);
    ck_assert_int_eq(whole[0], 3 * 16777217);
    ck_assert_int_eq(whole[1], -2147483645); /* wrapped around */
    pencl_array_free(out);
    pencl_array_free(y);
    pencl_array_free(x);
}
END_TEST

START_TEST(updates_of_one_place_come_in_order)
{
    const pencl_axis axes[] = {{"a", 5}};
    const pencl_axis count[] = {{"", 6}};
    const float data[] = {0, 1, 2, 3, 4};
    const int32_t places[] = {1, 1, -1, 7, -9, 1}; /* the last but 5th; two beyond the axis */
    const float updates[] = {10, 20, 30, 40, 50, 60};
    const float set[] = {0, 60, 2, 3, 30};
    const float added[] = {0, 91, 2, 3, 34};
    float got[5];
    pencl_array *x = array_of(PENCL_F32, axes, 1, data, sizeof data);
    pencl_array *ids = array_of(PENCL_I32, count, 1, places, sizeof places);
    pencl_array *by = array_of(PENCL_F32, count, 1, updates, sizeof updates);
    const pencl_at at[] = {PENCL_AT_IDS("a", pencl_graph_array(graph, ids))};
    pencl_value *v = pencl_graph_array(graph, x);
    pencl_value *u = pencl_graph_array(graph, by);
    eval(pencl_value_at_set(v, at, 1, u), got, 5);
    ck_assert_mem_eq(got, set, sizeof set);
    eval(pencl_value_at_add(v, at, 1, u), got, 5);
    ck_assert_mem_eq(got, added, sizeof added);
    eval(v, got, 5);
    ck_assert_mem_eq(got, data, sizeof data); /* x is as it was */
    pencl_array_free(by);
    pencl_array_free(ids);
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
    tcase_add_test(tc, views_are_written_in_the_order_of_their_axes);
    tcase_add_test(tc, arrays_may_be_views);
    tcase_add_test(tc, a_turned_square_is_not_the_square);
    tcase_add_test(tc, launches_are_few);
    tcase_add_test(tc, a_program_rounds_as_its_steps_do);
    tcase_add_test(tc, updates_of_one_place_come_in_order);
    tcase_add_test(tc, the_first_error_of_a_graph_is_told);
    suite_add_tcase(suite, tc);
    return suite;
}
