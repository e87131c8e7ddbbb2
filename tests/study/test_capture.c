/* SPDX-License-Identifier: Apache-2.0 */
/* Values where they flow: on the real model against transformers, on a tiny one their names, rows
 * and files. */
#include "support/fixture.h"
#include "support/folder.h"
#include "support/golden.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 6, MOST_TOKENS = 64, WIDTH = 64 };

static const int32_t ids[N] = {1, 72, 263, 8, 200, 299};
static const char tiny[] = PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf";

static pencl_model *model;
static pencl_points *points;
static pencl_captures *captures;
static char folder[TEST_PATH];

static void setup(void)
{
    fixture_device();
    test_folder_make(folder);
}

static void teardown(void)
{
    pencl_captures_free(captures);
    pencl_points_free(points);
    pencl_model_close(model);
    fixture_close();
    test_folder_remove(folder);
}

static void capture(const char *path,
                    const char *select,
                    const int32_t *tokens,
                    size_t n,
                    const int64_t *at,
                    size_t n_at)
{
    if (model == NULL) {
        ck_assert_msg(pencl_model_open(&model, device, path, NULL) == PENCL_OK, "%s",
                      pencl_error_text(ctx));
    }
    pencl_captures_free(captures);
    pencl_points_free(points);
    captures = NULL;
    points = NULL;
    pencl_status st = pencl_points_new(&points, pencl_model_lm(model), &select, 1, (int64_t)n);
    if (st == PENCL_OK) {
        st = pencl_points_capture(&captures, points, tokens, n, at, n_at);
    }
    ck_assert_msg(st == PENCL_OK, "%s: %s", select, pencl_error_text(ctx));
}

static float *values_of(const pencl_array *array)
{
    int64_t count = pencl_array_count(array);
    float *values = calloc((size_t)count, sizeof *values);
    ck_assert_ptr_nonnull(values);
    ck_assert_msg(pencl_array_download_f32(array, values, count) == PENCL_OK, "%s",
                  pencl_error_text(ctx));
    return values;
}

/* ---- the real model ---- */

/* The elements at the places that the data has, axes in its order, relative to its largest. */
static double difference(const char *name, const json_t *want)
{
    char axes[256];
    const char *order[8];
    int n = 0;
    double worst = 0;
    const pencl_array *array = pencl_captures_find(captures, name);
    ck_assert_msg(array != NULL, "%s was not captured", name);
    snprintf(axes, sizeof axes, "%s", json_string_value(json_object_get(want, "axes")));
    for (char *axis = strtok(axes, " "); axis != NULL && n < 8; axis = strtok(NULL, " ")) {
        order[n++] = axis;
    }
    pencl_array *ordered = NULL;
    ck_assert_msg(pencl_array_order(&ordered, array, order, n) == PENCL_OK, "%s: %s", name,
                  pencl_error_text(ctx));
    for (int i = 0; i < n; i++) {
        json_t *size = json_array_get(json_object_get(want, "shape"), (size_t)i);
        ck_assert_int_eq(pencl_array_axis(ordered, i)->size, json_integer_value(size));
    }
    float *got = values_of(ordered);
    json_t *at = json_object_get(want, "at");
    for (size_t i = 0; i < json_array_size(at); i++) {
        double x = json_number_value(json_array_get(json_object_get(want, "values"), i));
        double d = fabs((double)got[json_integer_value(json_array_get(at, i))] - x);
        worst = d > worst || isnan(d) ? d : worst;
    }
    free(got);
    pencl_array_free(ordered);
    return worst / json_number_value(json_object_get(want, "largest"));
}

/* Every node of PENZAI.md 4.7 at once. */
START_TEST(captures_equal_transformers)
{
    const char *path = golden_model();
    const pencl_device_info *info = pencl_device_describe(device);
    bool slow = info->type == PENCL_DEVICE_REF || info->software;
    int32_t tokens[MOST_TOKENS];
    if (path == NULL || (slow && getenv("PENCL_TEST_LONG") == NULL)) {
        return;
    }
    json_t *list = golden_json("smollm2_look/tokens.json");
    json_t *all = golden_json("smollm2_look/captures.json");
    size_t n = json_array_size(list);
    ck_assert_uint_le(n, MOST_TOKENS);
    for (size_t i = 0; i < n; i++) {
        tokens[i] = (int32_t)json_integer_value(json_array_get(list, i));
    }
    capture(path, PENCL_EVERY_POINT, tokens, n, NULL, 0);
    double worst = 0;
    const char *name;
    json_t *want;
    json_object_foreach(all, name, want)
    {
        double d = difference(name, want);
        ck_assert_msg(d <= 1e-3, "%s differs by %g of its largest value", name, d);
        worst = fmax(worst, d);
    }
    printf("%zu of %d values compared, largest relative difference %.2e\n", json_object_size(all),
           pencl_captures_count(captures), worst);
    json_decref(all);
    json_decref(list);
}
END_TEST

/* ---- a tiny model ---- */

/* What a point says beforehand is what is captured; and a value has the same numbers whether it is
 * captured alone or with all others. */
START_TEST(points_say_what_comes)
{
    capture(tiny, "//Softmax", ids, N, NULL, 0);
    ck_assert_int_eq(pencl_points_count(points), 2);
    float *alone = values_of(pencl_captures_at(captures, 1)->array);
    char *name = strdup(pencl_captures_at(captures, 1)->name);
    capture(tiny, PENCL_EVERY_POINT, ids, N, NULL, 0);
    ck_assert_int_eq(pencl_captures_count(captures), pencl_points_count(points));
    ck_assert_int_gt(pencl_points_count(points), 40);
    for (int i = 0; i < pencl_points_count(points); i++) {
        const pencl_point_info info = pencl_points_info(points, i);
        const pencl_array *array = pencl_captures_find(captures, info.name);
        ck_assert_msg(array != NULL, "%s is missing", info.name);
        ck_assert_int_eq(pencl_array_n_axes(array), info.n_axes);
        for (int k = 0; k < info.n_axes; k++) {
            ck_assert_str_eq(pencl_array_axis(array, k)->name, info.axes[k].name);
            ck_assert_int_eq(pencl_array_axis(array, k)->size, info.axes[k].size);
        }
    }
    const pencl_array *again = pencl_captures_find(captures, name);
    float *with_all = values_of(again);
    for (int64_t i = 0; i < pencl_array_count(again); i++) {
        ck_assert_float_eq_tol(alone[i], with_all[i], 1e-5F);
    }
    ck_assert_ptr_null(pencl_points_info(points, -1).name);
    ck_assert_ptr_null(pencl_points_info(points, pencl_points_count(points)).name);
    free(with_all);
    free(alone);
    free(name);
}
END_TEST

/* Rows -1 and 2 of the residual stream are those of all rows; values without "seq" stay whole. */
START_TEST(rows_are_chosen)
{
    static const char *const order[] = {"seq", "embedding"};
    const int64_t at[] = {-1, 2};
    float *all[2];
    for (int i = 0; i < 2; i++) {
        pencl_array *ordered = NULL;
        capture(tiny, "blocks.1.hook_resid_pre", ids, N, at, i == 0 ? 0 : 2);
        ck_assert_int_eq(
            pencl_array_order(&ordered, pencl_captures_at(captures, 0)->array, order, 2), PENCL_OK);
        ck_assert_int_eq(pencl_array_axis(ordered, 0)->size, i == 0 ? N : 2);
        all[i] = values_of(ordered);
        pencl_array_free(ordered);
    }
    ck_assert_mem_eq(all[1], all[0] + (N - 1) * WIDTH, WIDTH * sizeof(float));
    ck_assert_mem_eq(all[1] + WIDTH, all[0] + 2 * WIDTH, WIDTH * sizeof(float));
    free(all[0]);
    free(all[1]);
}
END_TEST

/* The input of a node is the output of the one before it. */
START_TEST(before_is_what_comes_in)
{
    capture(tiny, ".sublayers[1]@before", ids, N, NULL, 0);
    float *in = values_of(pencl_captures_at(captures, 0)->array);
    capture(tiny, ".sublayers[0]", ids, N, NULL, 0);
    float *out = values_of(pencl_captures_at(captures, 0)->array);
    ck_assert_mem_eq(in, out, N * WIDTH * sizeof(float));
    free(in);
    free(out);
}
END_TEST

START_TEST(files_keep_names_and_axes)
{
    static const char *const files[] = {"all.npz", "all.safetensors"};
    capture(tiny, PENCL_EVERY_POINT, ids, N, NULL, 0);
    for (size_t f = 0; f < 2; f++) {
        pencl_captures *back = NULL;
        const char *path = test_path(folder, files[f]);
        ck_assert_msg(pencl_captures_save(captures, ctx, path) == PENCL_OK, "%s",
                      pencl_error_text(ctx));
        ck_assert_msg(pencl_captures_load(&back, device, path) == PENCL_OK, "%s",
                      pencl_error_text(ctx));
        ck_assert_int_eq(pencl_captures_count(back), pencl_captures_count(captures));
        for (int i = 0; i < pencl_captures_count(captures); i++) {
            const pencl_capture *a = pencl_captures_at(captures, i);
            const pencl_array *b = pencl_captures_find(back, a->name);
            ck_assert_msg(b != NULL, "%s is missing", a->name);
            ck_assert_int_eq(pencl_array_n_axes(a->array), pencl_array_n_axes(b));
            for (int k = 0; k < pencl_array_n_axes(b); k++) {
                ck_assert_str_eq(pencl_array_axis(a->array, k)->name, pencl_array_axis(b, k)->name);
            }
            float *x = values_of(a->array);
            float *y = values_of(b);
            ck_assert_mem_eq(x, y, (size_t)pencl_array_count(b) * sizeof *x);
            free(x);
            free(y);
        }
        pencl_captures_free(back);
    }
}
END_TEST

START_TEST(bad_captures_are_refused)
{
    const int64_t far[] = {N};
    const int32_t bad[] = {300};
    pencl_points *none = NULL;
    pencl_captures *nothing = NULL;
    capture(tiny, "//Softmax", ids, N, NULL, 0);
    pencl_lm *lm = pencl_model_lm(model);
    const char *parameter[] = {"//Parameter"};
    const char *unknown[] = {"//Sofmax"};
    const char *nowhere[] = {".sublayers[9]"};
    ck_assert_int_eq(pencl_points_new(&none, lm, parameter, 1, N), PENCL_E_ARG);
    ck_assert_int_ne(pencl_points_new(&none, lm, unknown, 1, N), PENCL_OK);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "Softmax")); /* the nearest name */
    ck_assert_int_ne(pencl_points_new(&none, lm, nowhere, 1, N), PENCL_OK);
    ck_assert_ptr_null(none);
    ck_assert_int_eq(pencl_points_capture(&nothing, points, ids, N, far, 1), PENCL_E_ARG);
    ck_assert_int_eq(pencl_points_capture(&nothing, points, ids, 0, NULL, 0), PENCL_E_ARG);
    ck_assert_int_eq(pencl_points_capture(&nothing, points, bad, 1, NULL, 0), PENCL_E_TOKEN_RANGE);
    ck_assert_ptr_null(nothing);
    ck_assert_int_eq(pencl_captures_save(captures, ctx, test_path(folder, "x.txt")), PENCL_E_ARG);
    ck_assert_int_ne(pencl_captures_save(captures, ctx, test_path(folder, "no/x.npz")), PENCL_OK);
    ck_assert_int_ne(pencl_captures_load(&nothing, device, test_path(folder, "no.npz")), PENCL_OK);
    ck_assert_ptr_null(nothing);
}
END_TEST

Suite *suite_study_capture(void);
Suite *suite_study_capture(void)
{
    Suite *suite = suite_create("study_capture");
    TCase *tc = tcase_create("capture");
    tcase_set_timeout(tc, 600);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, captures_equal_transformers);
    tcase_add_test(tc, points_say_what_comes);
    tcase_add_test(tc, rows_are_chosen);
    tcase_add_test(tc, before_is_what_comes_in);
    tcase_add_test(tc, files_keep_names_and_axes);
    tcase_add_test(tc, bad_captures_are_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
