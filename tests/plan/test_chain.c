/* SPDX-License-Identifier: Apache-2.0 */
/* Chains: launches that follow each other, as one. */
#include "plan/internal.h"
#include "support/fixture.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 1000, RUNS = 2000, CHAINED = 4 };

static pencl_graph *graph;
static pencl_array *x;
static float values[N];

static void setup(void)
{
    const pencl_axis axis = {"neurons", N};
    fixture_device();
    for (int i = 0; i < N; i++) {
        values[i] = sinf((float)i) * 3;
    }
    ok(pencl_graph_new(&graph, device));
    ok(pencl_array_new(&x, device, PENCL_F32, &axis, 1));
    ok(pencl_array_upload(x, values, sizeof values));
}

static void teardown(void)
{
    pencl_array_free(x);
    pencl_graph_free(graph);
    fixture_close();
}

/* A launch for each op, since nothing is fused. Each reads what the one before wrote; the first
 * four make a chain. */
static pn_plan *new_plan(const char *passes)
{
    const pn_plan_options options = {.passes = passes};
    pencl_value *in = pencl_graph_array(graph, x);
    pencl_value *y = pencl_value_scale(in, 0.5);
    y = pencl_value_silu(y);
    y = pencl_value_add(y, in);
    y = pencl_value_mul(y, y);
    y = pencl_value_softmax(y, "neurons");
    y = pencl_value_scale(y, N);
    pn_plan *plan = NULL;
    ok(pn_plan_new(&plan, graph, &y, 1, &options));
    return plan;
}

static double expected(int i)
{
    double sum = 0;
    double own = 0;
    double top = 0;
    double square[N];
    for (int k = 0; k < N; k++) {
        const double half = (double)values[k] * 0.5;
        square[k] = pow(half / (1 + exp(-half)) + (double)values[k], 2);
        top = fmax(top, square[k]);
    }
    for (int k = 0; k < N; k++) {
        sum += exp(square[k] - top);
        own = k == i ? exp(square[k] - top) : own;
    }
    return own / sum * N;
}

static void check_run(pn_plan *plan)
{
    float got[N];
    ok(pn_plan_run(plan));
    ok(pn_plan_read(plan, 0, 0, got, sizeof got));
    for (int i = 0; i < N; i += 111) {
        const double want = expected(i);
        ck_assert_double_eq_tol(got[i], want, 1e-5 + 1e-5 * want);
    }
}

static int chained_launches(const pn_plan *plan)
{
    int n = 0;
    for (size_t i = 0; i < plan->emit.n_launches; i++) {
        n += plan->emit.launches[i].chain != NULL ? plan->emit.launches[i].chained : 0;
    }
    return n;
}

START_TEST(chains_do_what_the_launches_do)
{
    pn_plan *plan = new_plan("chain");
    for (int run = 0; run < RUNS; run++) {
        if (run < 45 || run % 200 == 0) {
            check_run(plan);
        } else {
            ok(pn_plan_run(plan));
        }
        if (run > 40) { /* more than enough */
            ck_assert_int_eq(chained_launches(plan), pn_device_chains(device) ? CHAINED : 0);
        }
    }
    pn_plan_free(plan);
}
END_TEST

START_TEST(without_the_pass_there_are_none)
{
    pn_plan *plan = new_plan("none");
    for (int run = 0; run < 3; run++) {
        check_run(plan);
    }
    ck_assert_int_eq(chained_launches(plan), 0);
    pn_plan_free(plan);
}
END_TEST

Suite *suite_plan_chain(void);
Suite *suite_plan_chain(void)
{
    Suite *s = suite_create("plan_chain");
    TCase *tc = tcase_create("chains");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, chains_do_what_the_launches_do);
    tcase_add_test(tc, without_the_pass_there_are_none);
    suite_add_tcase(s, tc);
    return s;
}
