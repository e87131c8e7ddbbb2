/* SPDX-License-Identifier: Apache-2.0 */
/* pencl_eval: values computed through a plan that stays with the graph. */
#include "plan/plan.h"

#include <string.h>

static void free_plan(void *plan)
{
    pn_plan_free(plan);
}

static pencl_status check(const pencl_graph *g, pencl_value *const values[], int n)
{
    for (int i = 0; i < n; i++) {
        if (values[i] == NULL || values[i]->items != NULL) {
            return PN_FAIL(g->ctx, PENCL_E_ARG, "value %d is missing or a tuple", i);
        }
    }
    return PENCL_OK;
}

/* The graph's plan is for these values: they never change once they are made. */
static bool is_planned(const pencl_graph *g, pencl_value *const values[], int n)
{
    return g->plan != NULL && g->n_planned == n &&
           memcmp(g->planned, values, (size_t)n * sizeof(pencl_value *)) == 0;
}

static pencl_status make_plan(pencl_graph *g, pencl_value *const values[], int n)
{
    pn_plan *plan = NULL;
    pencl_value **copy = pn_arena_alloc(g->arena, (size_t)n + 1, sizeof(pencl_value *));
    if (copy == NULL) {
        return PN_NOMEM(g->ctx);
    }
    memcpy(copy, values, (size_t)n * sizeof(pencl_value *));
    PENCL_TRY(pn_plan_new(&plan, g, values, n, NULL));
    if (g->plan_free != NULL) {
        g->plan_free(g->plan);
    }
    g->plan = plan;
    g->plan_free = free_plan;
    g->planned = copy;
    g->n_planned = n;
    return PENCL_OK;
}

pencl_status pencl_eval(pencl_graph *g, pencl_value *const values[], int n, pencl_array **arrays)
{
    pn_error_clear(g->ctx);
    for (int i = 0; i < n; i++) {
        arrays[i] = NULL;
    }
    PENCL_TRY(pencl_graph_finish(g));
    PENCL_TRY(check(g, values, n));
    if (!is_planned(g, values, n) || !pn_plan_fits(g->plan)) {
        PENCL_TRY(make_plan(g, values, n));
    }
    PENCL_TRY(pn_plan_run(g->plan));
    pencl_status st = PENCL_OK;
    for (int i = 0; st == PENCL_OK && i < n; i++) {
        st = pn_plan_array(&arrays[i], g->plan, i);
    }
    for (int i = 0; st != PENCL_OK && i < n; i++) {
        pencl_array_free(arrays[i]);
        arrays[i] = NULL;
    }
    return st;
}
