/* SPDX-License-Identifier: Apache-2.0 */
/* Values: reading them, tuples, and what the verbs share. */
#include "graph/graph.h"

#include "array/view.h"

#include <string.h>

/* ---- reading ---- */

pencl_graph *pencl_value_graph(const pencl_value *x)
{
    return x == NULL ? NULL : x->graph;
}

pencl_dtype pencl_value_dtype(const pencl_value *x)
{
    return x->view.spec.dtype;
}

int pencl_value_n_axes(const pencl_value *x)
{
    return x->view.spec.n_axes;
}

const pencl_axis *pencl_value_axis(const pencl_value *x, int i)
{
    return i >= 0 && i < x->view.spec.n_axes ? &x->view.spec.axes[i] : NULL;
}

int64_t pencl_value_size(const pencl_value *x, const char *axis)
{
    return x == NULL ? 1 : pn_spec_size(&x->view.spec, axis);
}

/* ---- tuples ---- */

pencl_value *pencl_value_tuple(pencl_value *const items[], int n)
{
    for (int i = 0; i < n; i++) {
        if (items[i] == NULL) {
            return NULL;
        }
    }
    if (n < 1) {
        return NULL;
    }
    pencl_graph *g = items[0]->graph;
    pencl_value *v = pn_arena_alloc(g->arena, 1, sizeof *v);
    pencl_value **copy = pn_arena_alloc(g->arena, (size_t)n, sizeof *copy);
    if (v == NULL || copy == NULL) {
        return pn_graph_fail(g, PENCL_E_NOMEM, "out of host memory");
    }
    memcpy(copy, items, (size_t)n * sizeof *copy);
    v->graph = g;
    v->node = items[0]->node;
    v->view = items[0]->view;
    v->items = copy;
    v->n_items = n;
    return v;
}

pencl_value *pencl_value_item(pencl_value *tuple, int i)
{
    if (tuple == NULL) {
        return NULL;
    }
    if (tuple->items == NULL || i < 0 || i >= tuple->n_items) {
        return pn_graph_fail(tuple->graph, PENCL_E_ARITY, "a tuple with item %d is needed", i);
    }
    return tuple->items[i];
}

/* ---- other views and copies ---- */

pencl_value *pn_value_with_view(pencl_value *x, const pn_view *view)
{
    pencl_value *v = pn_arena_alloc(x->graph->arena, 1, sizeof *v);
    if (v == NULL) {
        return pn_graph_fail(x->graph, PENCL_E_NOMEM, "out of host memory");
    }
    *v = *x;
    v->view = *view;
    return v;
}

pencl_value *pn_value_copy(pencl_value *x)
{
    const pn_spec *spec = &x->view.spec;
    const pn_piece all = {.region = pn_view_contiguous(spec), .from = x};
    return pn_graph_join(x->graph, spec, &all, 1, false);
}

/* ---- positional axes ---- */

/* The size of an axis in those of the values that have it: not 1 where one of them is not. */
static int64_t common_size(const pn_view *views, int n, const char *axis)
{
    for (int i = 0; i < n; i++) {
        int64_t size = pn_spec_size(&views[i].spec, axis);
        if (size != 1) {
            return size;
        }
    }
    return 1;
}

bool pn_values_hide(pencl_value *values[], int n, int from)
{
    pn_view views[PN_MAX_IN];
    for (int i = 0; i < n; i++) {
        views[i] = values[i]->view;
        pn_spec_hide(&views[i].spec, from);
    }
    for (int i = 0; i < n; i++) {
        pn_view shown = views[i];
        for (int k = 0; k < shown.spec.n_axes; k++) {
            const pencl_axis *axis = &shown.spec.axes[k];
            if (pn_axis_is_positional(axis) && axis->size == 1 &&
                common_size(views, n, axis->name) != 1) {
                pn_view_drop(&shown, k--); /* broadcast by absence */
            }
        }
        values[i] = pn_value_with_view(values[i], &shown);
        if (values[i] == NULL) {
            return false;
        }
    }
    return true;
}

pencl_value *pn_value_unhide(pencl_value *x)
{
    if (x == NULL) {
        return NULL;
    }
    pn_view view = x->view;
    pn_view_unhide(&view);
    return pn_value_with_view(x, &view);
}
