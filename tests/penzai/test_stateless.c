/* SPDX-License-Identifier: Apache-2.0 */
/* Layer.stateless_call: values outside of the layer, which never change. */
#include "support/fixture.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 7, FIRST = 4, CACHE = 7, VOCABULARY = 300, MOST = 64 };

static const int32_t tokens[N] = {1, 72, 263, 8, 200, 299, 0};

static pencl_model *model;
static pencl_variable *values[MOST]; /* frozen */
static int n_values;
static pencl_layer *empty; /* with slots in their place */

static void setup(void)
{
    fixture_device();
    ck_assert_int_eq(pencl_model_open(&model, device, PENCL_TEST_DATA "/tiny/tiny_mix.gguf", NULL),
                     PENCL_OK);
}

static void teardown(void)
{
    for (int i = 0; i < n_values; i++) {
        pencl_variable_free(values[i]);
    }
    pencl_layer_free(empty);
    pencl_model_close(model);
    fixture_close();
}

#define CHECK_OK(expr) ck_assert_msg((expr) == PENCL_OK, "%s", pencl_error_text(ctx))

/* Takes the variables out of a layer; `values` are their snapshots. */
static void take_out(pencl_layer *layer, pencl_variable_test *test)
{
    pencl_variable **variables = NULL;
    CHECK_OK(pencl_layer_unbind_variables(&empty, &variables, &n_values, ctx, layer, test, NULL));
    ck_assert_int_le(n_values, MOST);
    for (int i = 0; i < n_values; i++) {
        CHECK_OK(pencl_variable_freeze(&values[i], variables[i]));
    }
    pencl_variables_free(variables, n_values);
}

static pencl_array *ints(const char *axis, const int32_t *ids, int64_t n)
{
    const pencl_axis axes[] = {{"", n}};
    pencl_axis named = axes[0];
    pencl_array *a = NULL;
    snprintf(named.name, sizeof named.name, "%s", axis);
    CHECK_OK(pencl_array_wrap(&a, device, PENCL_I32, &named, 1, ids));
    return a;
}

static float *floats(pencl_array *array)
{
    int64_t n = pencl_array_count(array);
    float *out = calloc((size_t)n + 1, sizeof *out);
    CHECK_OK(pencl_array_download_f32(array, out, n));
    pencl_array_free(array);
    return out;
}

static void free_all(pencl_variable **variables)
{
    for (int i = 0; i < n_values; i++) {
        pencl_variable_free(variables[i]);
    }
}

static double distance(const float *a, const float *b, int64_t n)
{
    double worst = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        worst = d > worst || isnan(d) ? d : worst;
    }
    return worst;
}

/* ---- parameters ---- */

START_TEST(parameters_from_outside)
{
    pencl_lm *lm = pencl_model_lm(model);
    pencl_array *x = ints("seq", tokens, N);
    pencl_array *y = NULL;
    pencl_variable *after[MOST];
    CHECK_OK(pencl_lm_call(&y, lm, x, NULL));
    float *want = floats(y);
    take_out(pencl_lm_body(lm), NULL);
    ck_assert_int_gt(n_values, 10);
    CHECK_OK(pencl_layer_stateless_call(&y, after, empty, values, n_values, x, NULL));
    float *got = floats(y);
    ck_assert_double_le(distance(got, want, N * VOCABULARY), 1e-5);
    for (int i = 0; i < n_values; i++) {
        ck_assert_str_eq(pencl_variable_label(after[i]), pencl_variable_label(values[i]));
        ck_assert(pencl_variable_equal(after[i], values[i])); /* nobody wrote it */
    }
    free_all(after);
    free(got);
    free(want);
    pencl_array_free(x);
}
END_TEST

/* ---- states ---- */

/* Tokens first .. first + n - 1 into caches that have the values; the logits. */
static float *step(pencl_variable **after, pencl_variable *const *before, int first, int n)
{
    int32_t at[CACHE];
    int32_t slots[CACHE];
    const int32_t counts[4] = {first, n, first + n, 0};
    for (int i = 0; i < CACHE; i++) {
        at[i] = first + i;
        slots[i] = i < first + n ? i : -1;
    }
    pencl_array *x = ints("seq", tokens + first, n);
    pencl_array *positions = ints("seq", at, n);
    pencl_array *kv = ints("kv_seq", slots, CACHE);
    pencl_array *end = ints("counts", counts, 4);
    pencl_array *y = NULL;
    const pencl_side_array side[] = {{"kv_token_positions", kv}, {"cache_end_index", end}};
    const pencl_lm_call_options o = {.token_positions = positions, .side = side, .n_side = 2};
    CHECK_OK(pencl_layer_stateless_call(&y, after, empty, before, n_values, x, &o));
    pencl_array_free(end);
    pencl_array_free(kv);
    pencl_array_free(positions);
    pencl_array_free(x);
    return floats(y);
}

static pencl_kv_lm *caching(void)
{
    pencl_kv_lm *kv = NULL;
    CHECK_OK(pencl_kv_lm_from_uncached(&kv, pencl_model_lm(model), CACHE, NULL, 0, 298));
    return kv;
}

static float *feed(pencl_kv_lm *kv, int first, int n)
{
    pencl_array *x = ints("seq", tokens + first, n);
    pencl_array *y = NULL;
    CHECK_OK(pencl_kv_lm_call(&y, kv, x, NULL, 0));
    pencl_array_free(x);
    return floats(y);
}

/* All that the values hold, end to end. */
static float *contents(pencl_variable *const *variables, size_t *n)
{
    float *all = NULL;
    *n = 0;
    for (int i = 0; i < n_values; i++) {
        pencl_array *array = NULL;
        CHECK_OK(pencl_variable_value(&array, variables[i]));
        size_t count = (size_t)pencl_array_count(array);
        float *one = floats(array);
        all = realloc(all, (*n + count) * sizeof *all);
        memcpy(all + *n, one, count * sizeof *all);
        *n += count;
        free(one);
    }
    return all;
}

/* Twice from one snapshot is the same twice; from snapshot to snapshot is one session; and the
 * wrapper that they were taken from goes its own way. */
START_TEST(states_from_outside)
{
    pencl_kv_lm *kv = caching();
    pencl_variable *first[MOST];
    pencl_variable *again[MOST];
    pencl_variable *second[MOST];
    size_t n = 0;
    take_out(pencl_kv_lm_body(kv), pencl_variable_is_state);
    ck_assert_int_eq(n_values, 2 * 2); /* keys and values of two blocks */
    float *before = contents(values, &n);
    float *a = step(first, values, 0, FIRST);
    float *b = step(again, values, 0, FIRST);
    float *c = step(second, first, FIRST, N - FIRST);
    float *after = contents(values, &n);
    ck_assert_mem_eq(before, after, n * sizeof *before);
    ck_assert_mem_eq(a, b, FIRST * VOCABULARY * sizeof *a);
    ck_assert(!pencl_variable_equal(first[0], values[0]));
    float *whole = feed(kv, 0, FIRST);
    float *rest = feed(kv, FIRST, N - FIRST);
    ck_assert_double_le(distance(a, whole, FIRST * VOCABULARY), 1e-4);
    ck_assert_double_le(distance(c, rest, (N - FIRST) * VOCABULARY), 1e-4);
    free(after);
    after = contents(values, &n); /* the wrapper has written its own memory by now */
    ck_assert_mem_eq(before, after, n * sizeof *before);
    free_all(first);
    free_all(again);
    free_all(second);
    free(before);
    free(after);
    free(whole);
    free(rest);
    free(a);
    free(b);
    free(c);
    pencl_kv_lm_free(kv);
}
END_TEST

/* ---- refusals ---- */

/* The status of a call on the first tokens. */
static pencl_status call(pencl_layer *layer, pencl_variable *const *given, int n)
{
    pencl_variable *after[MOST];
    pencl_array *x = ints("seq", tokens, FIRST);
    const int32_t slots[CACHE] = {0, 1, 2, 3, -1, -1, -1};
    const int32_t counts[4] = {0, FIRST, FIRST, 0};
    pencl_array *kv = ints("kv_seq", slots, CACHE);
    pencl_array *end = ints("counts", counts, 4);
    const pencl_side_array side[] = {{"kv_token_positions", kv}, {"cache_end_index", end}};
    const pencl_lm_call_options o = {.side = side, .n_side = 2};
    pencl_array *y = NULL;
    pencl_status st = pencl_layer_stateless_call(&y, after, layer, given, n, x, &o);
    ck_assert_int_ne(st, PENCL_OK);
    ck_assert_ptr_null(y);
    for (int i = 0; i < n; i++) {
        ck_assert_ptr_null(after[i]);
    }
    pencl_array_free(end);
    pencl_array_free(kv);
    pencl_array_free(x);
    return st;
}

static void expect_words(const char *part)
{
    const char *text = pencl_error_text(ctx);
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in \"%s\"", part, text);
}

START_TEST(bad_values_are_refused)
{
    float zeros[3] = {0};
    pencl_array *small = NULL;
    pencl_variable *mutable_one = NULL;
    pencl_variable *other[MOST];
    const pencl_axis axis = {"kv_seq", 3};
    pencl_kv_lm *kv = caching();
    take_out(pencl_kv_lm_body(kv), pencl_variable_is_state);
    memcpy(other, values, sizeof other);

    ck_assert_int_eq(call(empty, values, n_values - 1), PENCL_E_UNBOUND);
    expect_words(pencl_variable_label(values[n_values - 1]));
    ck_assert_int_eq(call(pencl_kv_lm_body(kv), values, n_values), PENCL_E_ARG); /* no slots */
    expect_words("did not find any matching slots for some variables: {StateVariableSlot");
    expect_words(pencl_variable_label(values[0]));
    other[1] = NULL;
    ck_assert_int_eq(call(empty, other, n_values), PENCL_E_ARG);
    expect_words("value 1 is missing");
    other[1] = values[1];

    CHECK_OK(pencl_variable_unfreeze_as_copy(&mutable_one, values[0]));
    other[0] = mutable_one;
    ck_assert_int_eq(call(empty, other, n_values), PENCL_E_ARG);
    pencl_variable_free(mutable_one);

    CHECK_OK(pencl_array_wrap(&small, device, PENCL_F32, &axis, 1, zeros));
    CHECK_OK(
        pencl_variable_new(&mutable_one, PENCL_STATE, pencl_variable_label(values[0]), small, 1));
    CHECK_OK(pencl_variable_freeze(&other[0], mutable_one));
    ck_assert_int_eq(call(empty, other, n_values), PENCL_E_SHAPE);
    pencl_variable_free(other[0]);
    pencl_variable_free(mutable_one);
    pencl_array_free(small);
    pencl_kv_lm_free(kv);
}
END_TEST

/* A model that still has its states: they cannot be written, and stay as they are. */
START_TEST(states_inside_are_not_written)
{
    size_t n = 0;
    pencl_kv_lm *kv = caching();
    free(feed(kv, 0, FIRST));
    take_out(pencl_kv_lm_body(kv), pencl_variable_is_state);
    float *before = contents(values, &n);
    ck_assert_int_eq(call(pencl_kv_lm_body(kv), NULL, 0), PENCL_E_ARG);
    expect_words("cannot be written");
    float *after = contents(values, &n);
    ck_assert_mem_eq(before, after, n * sizeof *before);
    free(before);
    free(after);
    pencl_kv_lm_free(kv);
}
END_TEST

/* ---- new values ---- */

/* A session reads what a parameter holds now: written in place, in new memory, and after an update,
 * which is what a model that had the value from the beginning reads. */
START_TEST(sessions_read_new_values)
{
    float want[3][VOCABULARY];
    pencl_lm *lm = pencl_model_lm(model);
    pencl_session *s = NULL;
    const float *logits = NULL;
    pencl_layer *norm = pencl_layer_child(
        pencl_layer_child(pencl_lm_body(lm), "sublayers",
                          pencl_layer_n_children(pencl_lm_body(lm), "sublayers") - 2),
        "sublayers", 1);
    pencl_variable *weights = pencl_layer_variable(norm, "weights");
    pencl_variable *saved = NULL;
    pencl_array *old = NULL;
    pencl_array *fresh = NULL;
    float x[64];
    ck_assert_ptr_nonnull(weights);
    CHECK_OK(pencl_session_new(&s, lm, NULL));
    for (int i = 0; i < 4; i++) {
        pencl_session_reset(s);
        CHECK_OK(pencl_session_feed(&logits, s, tokens, 3, PENCL_LOGITS_LAST));
        if (i < 3) {
            memcpy(want[i], logits, sizeof want[i]);
        }
        if (i == 0) { /* in place: the first value is not kept by anybody */
            CHECK_OK(pencl_variable_value(&old, weights));
            ck_assert_int_le(pencl_array_count(old), 64);
            CHECK_OK(pencl_array_download_f32(old, x, pencl_array_count(old)));
            for (int k = 0; k < pencl_array_count(old); k++) {
                x[k] *= -2;
            }
            CHECK_OK(pencl_array_wrap(&fresh, device, PENCL_F32, pencl_array_axis(old, 0), 1, x));
            CHECK_OK(pencl_variable_set_value(weights, fresh));
        } else if (i == 1) { /* elsewhere: a snapshot keeps the memory */
            CHECK_OK(pencl_variable_freeze(&saved, weights));
            CHECK_OK(pencl_variable_set_value(weights, old));
        } else if (i == 2) {
            CHECK_OK(pencl_variable_update(weights, saved));
        } else {
            ck_assert_double_le(distance(logits, want[1], VOCABULARY), 1e-5);
        }
    }
    ck_assert_double_le(distance(want[0], want[2], VOCABULARY), 1e-5);
    for (int i = 0; i < VOCABULARY; i++) { /* the final norm's scale times -2 */
        ck_assert_double_eq_tol((double)want[1][i], -2 * (double)want[0][i], 1e-3);
    }
    pencl_session_free(s);
    pencl_variable_free(saved);
    pencl_array_free(old);
    pencl_array_free(fresh);
}
END_TEST

Suite *suite_penzai_stateless(void);
Suite *suite_penzai_stateless(void)
{
    Suite *suite = suite_create("penzai_stateless");
    TCase *tc = tcase_create("stateless");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, parameters_from_outside);
    tcase_add_test(tc, states_from_outside);
    tcase_add_test(tc, bad_values_are_refused);
    tcase_add_test(tc, states_inside_are_not_written);
    tcase_add_test(tc, sessions_read_new_values);
    suite_add_tcase(suite, tc);
    return suite;
}
