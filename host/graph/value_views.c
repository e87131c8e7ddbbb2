/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata verbs: the same node seen otherwise. Nothing is computed, but for merge, which copies
 * axes that are apart in storage. */
#include "graph/graph.h"

#include "array/view.h"

/* A verb under way: the view that it changes. */
typedef struct edit {
    pencl_value *x;
    pencl_ctx *ctx;
    pn_view view;
    pn_guard guard;
} edit;

/* False when there is nothing to change. */
static bool begin(edit *e, pencl_value *x)
{
    if (x == NULL || x->graph->error.status != PENCL_OK) {
        return false;
    }
    if (x->items != NULL) {
        pn_graph_fail(x->graph, PENCL_E_ARG, "a tuple has no axes of its own");
        return false;
    }
    e->x = x;
    e->ctx = x->graph->ctx;
    e->view = x->view;
    e->guard = pn_guard_begin(x->graph);
    return true;
}

static pencl_value *finish(const edit *e, pencl_status status)
{
    return pn_guard_end(&e->guard, status) ? pn_value_with_view(e->x, &e->view) : NULL;
}

/* ---- names and order ---- */

pencl_value *pencl_value_tag(pencl_value *x, const char *const names[], int n)
{
    edit e;
    return begin(&e, x) ? finish(&e, pn_view_tag(&e.view, e.ctx, names, n)) : NULL;
}

pencl_value *pencl_value_tag_prefix(pencl_value *x, const char *const names[], int n)
{
    edit e;
    return begin(&e, x) ? finish(&e, pn_view_tag_prefix(&e.view, e.ctx, names, n)) : NULL;
}

pencl_value *pencl_value_untag(pencl_value *x, const char *const names[], int n)
{
    edit e;
    return begin(&e, x) ? finish(&e, pn_view_untag(&e.view, e.ctx, names, n)) : NULL;
}

pencl_value *pencl_value_untag_prefix(pencl_value *x, const char *const names[], int n)
{
    edit e;
    return begin(&e, x) ? finish(&e, pn_view_untag_prefix(&e.view, e.ctx, names, n)) : NULL;
}

pencl_value *pencl_value_rename(pencl_value *x, const char *from, const char *to)
{
    edit e;
    return begin(&e, x) ? finish(&e, pn_view_rename(&e.view, e.ctx, from, to)) : NULL;
}

pencl_value *pencl_value_order(pencl_value *x, const char *const names[], int n)
{
    edit e;
    return begin(&e, x) ? finish(&e, pn_view_order(&e.view, e.ctx, names, n)) : NULL;
}

pencl_value *pencl_value_order_like(pencl_value *x, const pencl_value *other)
{
    edit e;
    return other != NULL && begin(&e, x)
               ? finish(&e, pn_view_order_like(&e.view, e.ctx, &other->view.spec))
               : NULL;
}

pencl_value *pencl_value_canonicalize(pencl_value *x)
{
    edit e;
    return begin(&e, x) ? finish(&e, pn_view_canonicalize(&e.view, e.ctx)) : NULL;
}

/* ---- axes ---- */

pencl_value *pencl_value_slice(pencl_value *x, const char *axis, int64_t from, int64_t n)
{
    return pencl_value_slice_steps(x, axis, from, n, 1);
}

pencl_value *
pencl_value_slice_steps(pencl_value *x, const char *axis, int64_t from, int64_t n, int64_t step)
{
    edit e;
    return begin(&e, x) ? finish(&e, pn_view_slice(&e.view, e.ctx, axis, from, n, step)) : NULL;
}

pencl_value *pencl_value_index(pencl_value *x, const char *axis, int64_t at)
{
    edit e;
    return begin(&e, x) ? finish(&e, pn_view_index(&e.view, e.ctx, axis, at)) : NULL;
}

pencl_value *pencl_value_insert_axis(pencl_value *x, const char *name)
{
    edit e;
    return begin(&e, x) ? finish(&e, pn_view_insert_axis(&e.view, e.ctx, name)) : NULL;
}

pencl_value *pencl_value_broadcast_to(pencl_value *x, const pencl_axis *axes, int n)
{
    edit e;
    return begin(&e, x) ? finish(&e, pn_view_broadcast_to(&e.view, e.ctx, axes, n)) : NULL;
}

pencl_value *pencl_value_broadcast_like(pencl_value *x, const pencl_value *other)
{
    if (other == NULL) {
        return NULL;
    }
    return pencl_value_broadcast_to(x, other->view.spec.axes, other->view.spec.n_axes);
}

pencl_value *pencl_value_split(pencl_value *x, const char *axis, const pencl_axis *into, int n)
{
    edit e;
    return begin(&e, x) ? finish(&e, pn_view_split(&e.view, e.ctx, axis, into, n)) : NULL;
}

/* The view with these axes, which it has, side by side in the place of the first. */
static pn_view side_by_side(const pn_view *v, const char *const axes[], int n)
{
    pn_view parts = pn_view_bare(v);
    pn_view out = pn_view_bare(v);
    int first = pn_spec_find(&v->spec, axes[0]);
    for (int k = 0; k < n; k++) {
        int i = pn_spec_find(&v->spec, axes[k]);
        pn_view_push(&parts, &v->spec.axes[i], v->strides[i]);
    }
    for (int i = 0; i < v->spec.n_axes; i++) {
        for (int k = 0; i == first && k < n; k++) {
            pn_view_push(&out, &parts.spec.axes[k], parts.strides[k]);
        }
        if (pn_spec_find(&parts.spec, v->spec.axes[i].name) < 0) {
            pn_view_push(&out, &v->spec.axes[i], v->strides[i]);
        }
    }
    return out;
}

pencl_value *pencl_value_merge(pencl_value *x, const char *const axes[], int n, const char *into)
{
    edit e;
    if (!begin(&e, x)) {
        return NULL;
    }
    pencl_status status = pn_view_merge(&e.view, e.ctx, axes, n, into);
    if (status != PENCL_E_UNSUPPORTED) {
        return finish(&e, status);
    }
    e.view = side_by_side(&x->view, axes, n);
    pencl_value *apart = finish(&e, PENCL_OK);
    return apart == NULL ? NULL : pencl_value_merge(pn_value_copy(apart), axes, n, into);
}
