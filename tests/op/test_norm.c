/* SPDX-License-Identifier: Apache-2.0 */
/* Norms with a learned scale and a sum after them: one launch, whichever kernel takes it. */
#include "op/op.h"
#include "plan/internal.h"
#include "support/fixture.h"
#include "support/noise.h"

#include <check.h>
#include <math.h>
#include <string.h>

enum { ROWS = 5, COLS = 48 };

static const double eps = 1e-5;

typedef struct data {
    float x[ROWS][COLS];
    float scale[COLS];
    float rest[ROWS][COLS];
    float y[ROWS][COLS];
} data;

static void fill(data *d)
{
    noise n = {.state = 12345};
    for (int i = 0; i < COLS; i++) {
        d->scale[i] = noise_float(&n);
        for (int r = 0; r < ROWS; r++) {
            d->x[r][i] = noise_float(&n) + 0.5f;
            d->rest[r][i] = noise_float(&n);
        }
    }
}

static double expected(const data *d, bool centred, int row, int col)
{
    double mean = 0;
    double squares = 0;
    for (int i = 0; i < COLS && centred; i++) {
        mean += d->x[row][i] / (double)COLS;
    }
    for (int i = 0; i < COLS; i++) {
        squares += pow(d->x[row][i] - mean, 2) / COLS;
    }
    return (d->x[row][col] - mean) / sqrt(squares + eps) * d->scale[col] + d->rest[row][col];
}

/* norm(x) * scale + rest, planned with a candidate asked for by name. */
static pn_plan *plan_for(pencl_graph *g, const pn_op_def *norm, const char *kernel)
{
    const pencl_axis axes[] = {{"seq", ROWS}, {"embedding", COLS}};
    pn_spec wide = pn_spec_make(PENCL_F32, 2, axes);
    pn_spec narrow = pn_spec_make(PENCL_F32, 1, axes + 1);
    pn_op_args args = {.in = {pn_graph_input(g, "x", &wide)},
                       .n_in = 1,
                       .num = {eps},
                       .names = {"embedding"},
                       .n_names = 1};
    pencl_value *y = pn_graph_op(g, norm, &args);
    y = pencl_value_mul(y, pn_graph_input(g, "scale", &narrow));
    y = pencl_value_add(y, pn_graph_input(g, "rest", &wide));
    ck_assert_msg(pencl_graph_finish(g) == PENCL_OK, "%s", pencl_error_text(ctx));
    pn_plan *plan = NULL;
    const pn_plan_options options = {.passes = "all", .kernel = kernel};
    pencl_status st = pn_plan_new(&plan, g, &y, 1, &options);
    ck_assert_msg(st == PENCL_OK, "%s", pencl_error_text(ctx));
    return plan;
}

static void run(pn_plan *plan, data *d)
{
    memcpy(pn_plan_input(plan, "x", NULL), d->x, sizeof d->x);
    memcpy(pn_plan_input(plan, "scale", NULL), d->scale, sizeof d->scale);
    memcpy(pn_plan_input(plan, "rest", NULL), d->rest, sizeof d->rest);
    ck_assert_int_eq(pn_plan_run(plan), PENCL_OK);
    ck_assert_int_eq(pn_plan_read(plan, 0, 0, d->y, sizeof d->y), PENCL_OK);
}

static void check_kernel(const pn_op_def *norm, const char *kernel)
{
    static data d;
    fill(&d);
    pencl_graph *g = NULL;
    ck_assert_int_eq(pencl_graph_new(&g, device), PENCL_OK);
    pn_plan *plan = plan_for(g, norm, kernel);
    if (!pn_device_caps(device)->is_ref) {
        ck_assert_uint_eq(pn_plan_launches(plan), 1);
        ck_assert_str_eq(plan->ir->tasks[0]->chosen->name, kernel);
    }
    run(plan, &d);
    for (int r = 0; r < ROWS; r++) {
        for (int i = 0; i < COLS; i++) {
            double want = expected(&d, norm == &pn_op_layer_norm, r, i);
            ck_assert_msg(fabs(d.y[r][i] - want) < 2e-6, "%s [%d, %d]: %.9g, expected %.9g", kernel,
                          r, i, d.y[r][i], want);
        }
    }
    pn_plan_free(plan);
    pencl_graph_free(g);
}

START_TEST(scale_and_sum_are_part_of_the_launch)
{
    const pn_op_def *norm = _i == 0 ? &pn_op_rms_norm : &pn_op_layer_norm;
    const pn_caps *caps = pn_device_caps(device);
    for (const pn_candidate *k = norm->kernels; k->name != NULL; k++) {
        if (caps->is_ref || (k->needs & caps->has) == k->needs) {
            check_kernel(norm, k->name);
        }
    }
}
END_TEST

Suite *suite_op_norm(void);
Suite *suite_op_norm(void)
{
    Suite *suite = suite_create("op_norm");
    TCase *tcase = tcase_create("fused");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, fixture_device, fixture_close);
    tcase_add_loop_test(tcase, scale_and_sum_are_part_of_the_launch, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
