/* SPDX-License-Identifier: Apache-2.0 */
/* Layers called on arrays, for tests. */
#include "support/apply.h"

#include "plan/plan.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Side inputs are inputs of the step, as the models give them. */
static pencl_status trace(pencl_value **y, pencl_graph *graph, const apply_call *call)
{
    pencl_side_inputs side = {0};
    for (const apply_side *s = call->side; s->name != NULL; s++) {
        pencl_value *value = pn_graph_input(graph, s->name, &s->array->view.spec);
        PENCL_TRY(pn_side_set(&side, graph->ctx, s->name, value));
    }
    pencl_value *x = pencl_graph_array(graph, call->x);
    if (call->second != NULL) {
        pencl_value *items[3] = {x, pencl_graph_array(graph, call->second)};
        items[2] = call->third != NULL ? pencl_graph_array(graph, call->third) : NULL;
        x = pencl_value_tuple(items, call->third != NULL ? 3 : 2);
    }
    *y = pencl_layer_call(call->layer, x, &side);
    return pencl_graph_finish(graph);
}

static pencl_status fill(pn_plan *plan, const apply_call *call)
{
    for (const apply_side *s = call->side; s->name != NULL; s++) {
        void *to = pn_plan_input(plan, s->name, NULL);
        if (to != NULL) { /* an input that nothing reads has no room */
            PENCL_TRY(pencl_array_download(s->array, to, pn_spec_bytes(&s->array->view.spec)));
        }
    }
    return PENCL_OK;
}

pencl_status apply_layer(pencl_array **out, pencl_device *device, const apply_call *call)
{
    pencl_graph *graph = NULL;
    pencl_value *y = NULL;
    pn_plan *plan = NULL;
    *out = NULL;
    PENCL_TRY(pencl_graph_new(&graph, device));
    pencl_status status = trace(&y, graph, call);
    if (status == PENCL_OK) {
        status = pn_plan_new(&plan, graph, &y, 1, NULL);
    }
    if (status == PENCL_OK) {
        status = fill(plan, call);
    }
    if (status == PENCL_OK) {
        status = pn_plan_run(plan);
    }
    if (status == PENCL_OK) {
        status = pn_plan_array(out, plan, 0);
    }
    pn_plan_free(plan);
    pencl_graph_free(graph);
    return status;
}

void apply_expect(pencl_device *device, const apply_call *call, const char *spec, const float *want)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    pn_spec axes;
    pencl_array *y = NULL;
    pencl_array *ordered = NULL;
    const char *names[PENCL_MAX_AXES] = {0};
    ck_assert_msg(call->layer != NULL, "%s", pencl_error_text(ctx));
    ck_assert_int_eq(pn_spec_parse(&axes, ctx, spec), PENCL_OK);
    for (int i = 0; i < axes.n_axes; i++) {
        names[i] = axes.axes[i].name;
    }
    pencl_status status = apply_layer(&y, device, call);
    ck_assert_msg(status == PENCL_OK, "%s", pencl_error_text(ctx));
    status = pencl_array_order(&ordered, y, names, axes.n_axes);
    ck_assert_msg(status == PENCL_OK, "%s", pencl_error_text(ctx));
    ck_assert(pn_spec_same_axes(&ordered->view.spec, &axes));
    int64_t n = pencl_array_count(ordered);
    float *got = calloc((size_t)n, sizeof *got);
    ck_assert_int_eq(pencl_array_download_f32(ordered, got, n), PENCL_OK);
    for (int64_t i = 0; i < n; i++) {
        ck_assert_msg(fabsf(got[i] - want[i]) <= 1e-5F * (1 + fabsf(want[i])),
                      "element %lld of %s is %.9g, not %.9g", (long long)i, spec, (double)got[i],
                      (double)want[i]);
    }
    free(got);
    pencl_array_free(ordered);
    pencl_array_free(y);
    pencl_layer_free(call->layer);
}

void apply_refuse(pencl_device *device,
                  const apply_call *call,
                  pencl_status status,
                  const char *words)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    pencl_array *y = NULL;
    ck_assert_msg(call->layer != NULL, "%s", pencl_error_text(ctx));
    pencl_status got = apply_layer(&y, device, call);
    ck_assert_str_eq(pencl_status_name(got), pencl_status_name(status));
    ck_assert_msg(strstr(pencl_error_text(ctx), words) != NULL, "\"%s\" lacks \"%s\"",
                  pencl_error_text(ctx), words);
    pencl_layer_free(call->layer);
}
