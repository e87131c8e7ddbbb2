/* SPDX-License-Identifier: Apache-2.0 */
/* Has a rate changed: the arithmetic against numpy and scipy, and how often it is wrong. */
#include "pencl/history.h"
#include "support/golden.h"
#include "support/noise.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { MOST = 128 };

/* ---- the arithmetic ---- */

static size_t numbers(double *to, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        to[i] = json_number_value(json_array_get(list, i));
    }
    return json_array_size(list);
}

static size_t runs_of(pencl_run *to, const json_t *side)
{
    double samples[MOST];
    for (size_t i = 0; i < json_array_size(side); i++) {
        size_t n = numbers(samples, json_array_get(side, i));
        to[i] = pencl_run_of(samples, n);
    }
    return json_array_size(side);
}

static double field(const json_t *o, const char *name)
{
    return json_number_value(json_object_get(o, name));
}

static void near(double got, double expected, size_t i, const char *what)
{
    ck_assert_msg(fabs(got - expected) <= 1e-9 + 1e-7 * fabs(expected),
                  "case %zu: %s %.12g not %.12g", i, what, got, expected);
}

static void check_case(const json_t *o, size_t i)
{
    pencl_run runs[MOST];
    double past[MOST];
    pencl_comparison c;
    const json_t *expected = json_object_get(o, "runs");
    size_t n_was = runs_of(runs, json_object_get(o, "was"));
    size_t n_is = runs_of(runs + n_was, json_object_get(o, "is"));
    for (size_t k = 0; k < n_was + n_is; k++) {
        const json_t *run = json_array_get(expected, k);
        near(runs[k].rate, json_number_value(json_array_get(run, 0)), i, "rate");
        near(runs[k].error, json_number_value(json_array_get(run, 1)), i, "error");
    }
    const pencl_compare_options how = {
        .confidence = field(o, "confidence"),
        .alternating = json_is_true(json_object_get(o, "alternating")),
        .past = past,
        .n_past = numbers(past, json_object_get(o, "past")),
    };
    pencl_compare_runs(&c, runs, n_was, runs + n_was, n_is, &how);
    near(c.is / c.was, field(o, "ratio"), i, "rates");
    near(c.ratio, field(o, "ratio"), i, "ratio");
    near(c.low, field(o, "low"), i, "low");
    near(c.high, field(o, "high"), i, "high");
    near(c.noise, field(o, "noise"), i, "noise");
    ck_assert_int_eq(c.freedom, (int)field(o, "freedom"));
    ck_assert_int_eq(c.found, json_is_true(json_object_get(o, "found")));
}

START_TEST(changes_are_those_of_numpy_and_scipy)
{
    json_t *cases = golden_json("study/comparisons.json");
    size_t found = 0;
    ck_assert_uint_ge(json_array_size(cases), 40);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        check_case(json_array_get(cases, i), i);
        found += json_is_true(json_object_get(json_array_get(cases, i), "found"));
    }
    ck_assert_uint_gt(found, 3);
    ck_assert_uint_lt(found, json_array_size(cases) - 3);
    json_decref(cases);
}
END_TEST

START_TEST(few_samples_are_enough)
{
    const pencl_run one = {100, 0};
    const pencl_run fast = {112, 0};
    pencl_comparison c;
    pencl_compare_runs(&c, &one, 1, &one, 1, NULL);
    ck_assert(!c.found && c.ratio == 1.0 && c.low < 1 && c.high > 1);
    pencl_compare_runs(&c, &one, 1, &fast, 1, NULL);
    ck_assert(c.found);
    const double same[] = {7, 7, 7, 7};
    const pencl_run flat = pencl_run_of(same, 4);
    ck_assert(fabs(flat.rate - 7) < 1e-12 && flat.error == 0);
}
END_TEST

/* ---- how often it is wrong ---- */

/* Normal by twelve uniform ones. */
static double normal(noise *n)
{
    double sum = 0;
    for (int i = 0; i < 12; i++) {
        sum += (double)noise_float(n) / 2;
    }
    return sum;
}

/* What a machine does to a run: a shift of its own, and samples that resemble their neighbours. */
typedef struct machine {
    double between; /* standard deviations, as shares */
    double inside;
    double correlation;
    size_t samples;
} machine;

static pencl_run run_on(const machine *m, noise *n, double rate)
{
    double samples[MOST];
    double shift = m->between * normal(n);
    double x = normal(n);
    for (size_t i = 0; i < m->samples; i++) {
        samples[i] = rate * exp(shift + m->inside * x);
        x = m->correlation * x + sqrt(1 - m->correlation * m->correlation) * normal(n);
    }
    return pencl_run_of(samples, m->samples);
}

/* The share of 1000 comparisons of so many runs a side that report a change; two rows are compared
 * at a time, as a bench has them, so that each has half of the twentieth. */
static double reported(const machine *m, size_t runs, double rate)
{
    noise n = {7};
    int found = 0;
    for (int i = 0; i < 1000; i++) {
        pencl_run was[4];
        pencl_run is[4];
        pencl_comparison c;
        for (size_t k = 0; k < runs; k++) {
            was[k] = run_on(m, &n, 200);
            is[k] = run_on(m, &n, 200 * rate);
        }
        pencl_compare_runs(&c, was, runs, is, runs, &(pencl_compare_options){.confidence = 0.975});
        found += c.found;
    }
    return found / 1000.0;
}

static const machine machines[] = {
    {0.005, 0.005, 0, 5},
    {0.010, 0.010, 0.5, 6},
    {0.012, 0.02, 0.5, 20},
    {0.012, 0.012, 0.7, 8},
};

START_TEST(equal_runs_are_called_equal)
{
    const machine *m = &machines[_i];
    for (size_t runs = 1; runs <= 4; runs++) {
        ck_assert_double_le(reported(m, runs, 1), 0.025);
    }
}
END_TEST

/* A bench has two rounds; the single run is that of other programs. */
START_TEST(a_tenth_less_is_found)
{
    const machine *m = &machines[_i];
    ck_assert_double_ge(reported(m, 1, 0.9), 0.85);
    ck_assert_double_ge(reported(m, 2, 0.9), 0.99);
}
END_TEST

/* A machine whose speed wanders far more than the change: only taking turns can show it. */
START_TEST(alternating_runs_show_a_twentieth)
{
    noise n = {11};
    int found = 0;
    int alarms = 0;
    for (int i = 0; i < 500; i++) {
        pencl_run was[7];
        pencl_run is[7];
        pencl_run same[7];
        pencl_comparison c;
        const pencl_compare_options how = {.confidence = 0.975, .alternating = 1};
        const machine m = {0.008, 0.01, 0.3, 6};
        for (size_t k = 0; k < 7; k++) {
            double now = 200 * exp(0.05 * normal(&n));
            was[k] = run_on(&m, &n, now);
            is[k] = run_on(&m, &n, now * 0.95);
            same[k] = run_on(&m, &n, now);
        }
        pencl_compare_runs(&c, was, 7, is, 7, &how);
        found += c.found;
        pencl_compare_runs(&c, was, 7, same, 7, &how);
        alarms += c.found;
    }
    ck_assert_int_ge(found, 475);
    ck_assert_int_le(alarms, 13);
}
END_TEST

START_TEST(a_restless_past_widens_the_interval)
{
    const pencl_run was = {200, 0.002};
    const pencl_run is = {186, 0.002};
    double past[40];
    pencl_comparison c;
    pencl_compare_runs(&c, &was, 1, &is, 1, NULL);
    ck_assert(c.found);
    for (int i = 0; i < 40; i++) {
        past[i] = i % 2 == 0 ? 200 : 184;
    }
    pencl_compare_runs(&c, &was, 1, &is, 1, &(pencl_compare_options){.past = past, .n_past = 40});
    ck_assert(!c.found);
}
END_TEST

Suite *suite_study_compare(void);
Suite *suite_study_compare(void)
{
    Suite *s = suite_create("study_compare");
    TCase *c = tcase_create("compare");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, changes_are_those_of_numpy_and_scipy);
    tcase_add_test(c, few_samples_are_enough);
    tcase_add_loop_test(c, equal_runs_are_called_equal, 0, 4);
    tcase_add_loop_test(c, a_tenth_less_is_found, 0, 4);
    tcase_add_test(c, alternating_runs_show_a_twentieth);
    tcase_add_test(c, a_restless_past_widens_the_interval);
    suite_add_tcase(s, c);
    return s;
}
