/* SPDX-License-Identifier: Apache-2.0 */
/* pencl_eval: values computed through a plan that stays with the graph. */
#include "plan/plan.h"

#include <string.h>

/* Host ops read step inputs only: arrays given to the graph are copied there. */
static void free_plan(void *plan)
{
    pn_plan_free(plan);
}

pencl_status pencl_eval(pencl_graph *g, pencl_value *const values[], int n, pencl_array **arrays)
{
    pn_error_clear(g->ctx);
    PENCL_TRY(pencl_graph_finish(g));
    for (int i = 0; i < n; i++) {
        arrays[i] = NULL;
        if (values[i] == NULL || values[i]->items != NULL) {
            return PN_FAIL(g->ctx, PENCL_E_ARG, "value %d is missing or a tuple", i);
        }
    }
    if (g->plan_free != NULL) {
        g->plan_free(g->plan);
        g->plan_free = NULL;
    }
    pn_plan *plan = NULL;
    PENCL_TRY(pn_plan_new(&plan, g, values, n, NULL));
    g->plan = plan;
    g->plan_free = free_plan;
    PENCL_TRY(pn_plan_run(plan));
    pencl_status st = PENCL_OK;
    for (int i = 0; st == PENCL_OK && i < n; i++) {
        st = pn_plan_array(&arrays[i], plan, i);
    }
    for (int i = 0; st != PENCL_OK && i < n; i++) {
        pencl_array_free(arrays[i]);
        arrays[i] = NULL;
    }
    return st;
}
