/* SPDX-License-Identifier: Apache-2.0 */
/* Several values as one along an axis, and back: concatenate, stack, unstack. */
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

/* The values of one join, from the graph's arena. */
typedef struct parts {
    pencl_graph *graph;
    pencl_value **values; /* in their common type, positional axes hidden */
    const pn_spec **specs;
    pn_piece *pieces;
    pn_specs all; /* for messages */
    int n;
    bool hidden;
} parts;

static bool check(parts *p, const char *verb, pencl_value *const values[], int n)
{
    for (int i = 0; i < n; i++) {
        if (values[i] == NULL) {
            return false;
        }
    }
    if (n < 1 || values[0]->graph->error.status != PENCL_OK) {
        return false;
    }
    p->graph = values[0]->graph;
    for (int i = 0; i < n; i++) {
        if (values[i]->graph != p->graph || values[i]->items != NULL) {
            pn_graph_fail(p->graph, PENCL_E_ARG, "%s: value %d is a tuple or of another graph",
                          verb, i);
            return false;
        }
    }
    return true;
}

/* The type in which all of them fit. */
static pencl_dtype common_type(pencl_value *const values[], int n)
{
    pencl_dtype dtype = values[0]->view.spec.dtype;
    for (int i = 1; i < n; i++) {
        dtype = pn_promote(dtype, values[i]->view.spec.dtype);
    }
    return dtype;
}

static bool collect(parts *p, const char *verb, pencl_value *const values[], int n)
{
    if (!check(p, verb, values, n)) {
        return false;
    }
    pn_arena *arena = p->graph->arena;
    p->values = pn_arena_alloc(arena, (size_t)n, sizeof(pencl_value *));
    p->specs = pn_arena_alloc(arena, (size_t)n, sizeof(pn_spec *));
    p->pieces = pn_arena_alloc(arena, (size_t)n, sizeof *p->pieces);
    if (p->values == NULL || p->specs == NULL || p->pieces == NULL) {
        pn_graph_fail(p->graph, PENCL_E_NOMEM, "out of host memory");
        return false;
    }
    pencl_dtype dtype = common_type(values, n);
    for (p->n = 0; p->n < n; p->n++) {
        pencl_value *v = pencl_value_cast(values[p->n], dtype);
        if (v == NULL || !pn_values_hide(&v, 1, 0)) {
            return false;
        }
        p->hidden = p->hidden || pn_spec_count_positional(&v->view.spec) > 0;
        p->values[p->n] = v;
        p->specs[p->n] = &v->view.spec;
    }
    p->all = (pn_specs){.what = verb, .specs = p->specs, .n = n};
    return true;
}

/* The axes that the values have but for those of `except`: they agree, or are absent. */
static pencl_status union_of(pn_spec *out, const parts *p, const pn_spec *except)
{
    pencl_ctx *ctx = p->graph->ctx;
    *out = (pn_spec){.dtype = p->specs[0]->dtype};
    for (int i = 0; i < p->n; i++) {
        if (pn_spec_count_positional(p->specs[i]) != pn_spec_count_positional(p->specs[0])) {
            return pn_specs_fail(ctx, PENCL_E_AXIS, &p->all,
                                 "all must have the same number of positional axes");
        }
        PENCL_TRY(pn_specs_join(out, ctx, &p->all, i, except));
    }
    return PENCL_OK;
}

/* Puts `size` elements along a new axis in place `at`. */
static pencl_status
insert_axis(pn_spec *out, const parts *p, int at, const char *axis, int64_t size)
{
    pencl_ctx *ctx = p->graph->ctx;
    if (out->n_axes == PENCL_MAX_AXES) {
        return pn_specs_fail(ctx, PENCL_E_LIMIT, &p->all, "too many axes together");
    }
    memmove(&out->axes[at + 1], &out->axes[at], (size_t)(out->n_axes - at) * sizeof *out->axes);
    out->n_axes++;
    pn_copy(out->axes[at].name, sizeof out->axes[at].name, axis);
    out->axes[at].size = size;
    return pn_spec_check_extent(ctx, out, p->all.what);
}

/* Piece i is value i, wherever its region is; axes that it lacks are broadcast. */
static pencl_value *join(const parts *p, const pn_spec *out)
{
    for (int i = 0; i < p->n; i++) {
        pn_view view = p->values[i]->view;
        const pn_spec *to = &p->pieces[i].region.spec;
        pn_view_spread(&view, to);
        p->pieces[i].from = pn_value_with_view(p->values[i], &view);
        if (p->pieces[i].from == NULL) {
            return NULL;
        }
    }
    pencl_value *v = pn_graph_join(p->graph, out, p->pieces, p->n, false);
    return p->hidden ? pn_value_unhide(v) : v;
}

static pencl_status fail_axis(const parts *p, const char *axis, const char *why)
{
    char problem[PENCL_AXIS_NAME_MAX + 64];
    snprintf(problem, sizeof problem, "axis \"%.31s\" is %s", axis, why);
    return pn_specs_fail(p->graph->ctx, PENCL_E_AXIS, &p->all, problem);
}

/* ---- concatenate ---- */

static pencl_status concatenated(pn_spec *out, const parts *p, const char *axis)
{
    pencl_ctx *ctx = p->graph->ctx;
    pn_spec along = {.n_axes = 0};
    size_t total = 0;
    pn_spec_push(&along, axis, 0);
    for (int i = 0; i < p->n; i++) {
        if (pn_spec_find(p->specs[i], axis) < 0) {
            return fail_axis(p, axis, "missing");
        }
        if (!pn_add(total, (size_t)pn_spec_size(p->specs[i], axis), &total) || total > INT64_MAX) {
            return pn_specs_fail(ctx, PENCL_E_LIMIT, &p->all, "too many elements together");
        }
    }
    PENCL_TRY(union_of(out, p, &along));
    int at = pn_spec_find(p->specs[0], axis);
    PENCL_TRY(insert_axis(out, p, at, axis, (int64_t)total));
    int64_t from = 0;
    for (int i = 0; i < p->n; i++) {
        int64_t size = pn_spec_size(p->specs[i], axis);
        p->pieces[i].region = pn_view_contiguous(out);
        PENCL_TRY(pn_view_slice(&p->pieces[i].region, ctx, axis, from, size, 1));
        from += size;
    }
    return PENCL_OK;
}

pencl_value *pencl_value_concatenate(pencl_value *const values[], int n, const char *axis)
{
    parts p = {0};
    pn_spec out;
    if (!collect(&p, "concatenate", values, n)) {
        return NULL;
    }
    pn_guard guard = pn_guard_begin(p.graph);
    return pn_guard_end(&guard, concatenated(&out, &p, axis)) ? join(&p, &out) : NULL;
}

/* ---- stack and unstack ---- */

static pencl_status stacked(pn_spec *out, const parts *p, const char *axis)
{
    pencl_ctx *ctx = p->graph->ctx;
    PENCL_TRY(union_of(out, p, NULL));
    if (pn_spec_find(out, axis) >= 0) {
        return fail_axis(p, axis, "there already");
    }
    PENCL_TRY(insert_axis(out, p, 0, axis, p->n));
    for (int i = 0; i < p->n; i++) {
        p->pieces[i].region = pn_view_contiguous(out);
        PENCL_TRY(pn_view_index(&p->pieces[i].region, ctx, axis, i));
    }
    return PENCL_OK;
}

pencl_value *pencl_value_stack(pencl_value *const values[], int n, const char *axis)
{
    parts p = {0};
    pn_spec out;
    if (!collect(&p, "stack", values, n) || !pn_graph_new_name(p.graph, "stack", axis)) {
        return NULL;
    }
    pn_guard guard = pn_guard_begin(p.graph);
    return pn_guard_end(&guard, stacked(&out, &p, axis)) ? join(&p, &out) : NULL;
}

pencl_value *pencl_value_unstack(pencl_value *x, const char *axis)
{
    if (x == NULL || pencl_value_index(x, axis, 0) == NULL) { /* which says what is wrong */
        return NULL;
    }
    int64_t n = pencl_value_size(x, axis);
    if (n > INT32_MAX) {
        return pn_graph_fail(x->graph, PENCL_E_LIMIT, "unstack: %lld values", (long long)n);
    }
    pencl_value **items = pn_arena_alloc(x->graph->arena, (size_t)n, sizeof(pencl_value *));
    if (items == NULL) {
        return pn_graph_fail(x->graph, PENCL_E_NOMEM, "out of host memory");
    }
    for (int i = 0; i < (int)n; i++) {
        items[i] = pencl_value_index(x, axis, i);
    }
    return pencl_value_tuple(items, (int)n);
}
