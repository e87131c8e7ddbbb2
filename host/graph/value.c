/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs on values: metadata verbs change the view, computing verbs add a node. */
#include "graph/graph.h"

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

/* ---- metadata verbs ---- */

/* A copy of the value to change, or NULL. */
static pencl_value *copy_value(pencl_value *x)
{
    if (x == NULL || x->graph->error.status != PENCL_OK) {
        return NULL;
    }
    pencl_value *v = pn_arena_alloc(x->graph->arena, 1, sizeof *v);
    if (v == NULL) {
        return pn_graph_fail(x->graph, PENCL_E_NOMEM, "out of host memory");
    }
    *v = *x;
    return v;
}

/* The changed copy, or NULL with the view's error moved to the graph. */
static pencl_value *settle(pencl_value *v, pencl_status status)
{
    if (status == PENCL_OK) {
        return v;
    }
    pencl_ctx *ctx = v->graph->ctx;
    pn_graph_fail(v->graph, status, "%s", ctx->error.text);
    pn_error_clear(ctx);
    return NULL;
}

pencl_value *pencl_value_rename(pencl_value *x, const char *from, const char *to)
{
    pencl_value *v = copy_value(x);
    return v == NULL ? NULL : settle(v, pn_view_rename(&v->view, v->graph->ctx, from, to));
}

pencl_value *pencl_value_slice(pencl_value *x, const char *axis, int64_t from, int64_t n)
{
    pencl_value *v = copy_value(x);
    return v == NULL ? NULL : settle(v, pn_view_slice(&v->view, v->graph->ctx, axis, from, n));
}

pencl_value *pn_value_at(pencl_value *x, const char *axis, int64_t index)
{
    pencl_value *v = copy_value(x);
    return v == NULL ? NULL : settle(v, pn_view_index(&v->view, v->graph->ctx, axis, index));
}

pencl_value *pencl_value_order(pencl_value *x, const char *const names[], int n)
{
    pencl_value *v = copy_value(x);
    return v == NULL ? NULL : settle(v, pn_view_order(&v->view, v->graph->ctx, names, n));
}

pencl_value *pencl_value_split(pencl_value *x, const char *axis, const pencl_axis *into, int n)
{
    pencl_value *v = copy_value(x);
    return v == NULL ? NULL : settle(v, pn_view_split(&v->view, v->graph->ctx, axis, into, n));
}

pencl_value *pencl_value_merge(pencl_value *x, const char *const axes[], int n, const char *into)
{
    pencl_value *v = copy_value(x);
    return v == NULL ? NULL : settle(v, pn_view_merge(&v->view, v->graph->ctx, axes, n, into));
}

/* ---- elementwise ---- */

static pencl_value *unary(const pn_op_def *def, pencl_value *x, double n0)
{
    if (x == NULL) {
        return NULL;
    }
    pn_op_args args = {.in = {x}, .n_in = 1, .num = {n0}};
    return pn_graph_op(x->graph, def, &args);
}

static pencl_value *binary(const pn_op_def *def, pencl_value *a, pencl_value *b)
{
    if (a == NULL || b == NULL) {
        return NULL;
    }
    pn_op_args args = {.in = {a, b}, .n_in = 2};
    return pn_graph_op(a->graph, def, &args);
}

pencl_value *pencl_value_add(pencl_value *a, pencl_value *b)
{
    return binary(&pn_op_add, a, b);
}

pencl_value *pencl_value_mul(pencl_value *a, pencl_value *b)
{
    return binary(&pn_op_mul, a, b);
}

pencl_value *pencl_value_scale(pencl_value *x, double by)
{
    return unary(&pn_op_scale, x, by);
}

pencl_value *pencl_value_soft_cap(pencl_value *x, double cap)
{
    return unary(&pn_op_soft_cap, x, cap);
}

pencl_value *pencl_value_silu(pencl_value *x)
{
    return unary(&pn_op_silu, x, 0);
}

pencl_value *pencl_value_gelu_tanh(pencl_value *x)
{
    return unary(&pn_op_gelu_tanh, x, 0);
}

pencl_value *pencl_value_gelu_exact(pencl_value *x)
{
    return unary(&pn_op_gelu_exact, x, 0);
}

pencl_value *pencl_value_cast(pencl_value *x, pencl_dtype dtype)
{
    return unary(&pn_op_cast, x, (double)dtype);
}

/* ---- with axis names ---- */

static pencl_value *
named(const pn_op_def *def, pencl_value *x, const char *const names[], int n, double n0)
{
    if (x == NULL) {
        return NULL;
    }
    if (n > PN_MAX_NAMES) {
        return pn_graph_fail(x->graph, PENCL_E_LIMIT, "%s: more than %d axes", def->name,
                             PN_MAX_NAMES);
    }
    pn_op_args args = {.in = {x}, .n_in = 1, .num = {n0}, .n_names = n};
    memcpy(args.names, names, (size_t)n * sizeof *names);
    return pn_graph_op(x->graph, def, &args);
}

pencl_value *pencl_value_reorder(pencl_value *x, const char *const names[], int n)
{
    return named(&pn_op_reorder, x, names, n, 0);
}

pencl_value *pencl_value_rms_norm(pencl_value *x, const char *axis, double eps)
{
    return named(&pn_op_rms_norm, x, &axis, 1, eps);
}

pencl_value *pencl_value_layer_norm(pencl_value *x, const char *axis, double eps)
{
    return named(&pn_op_layer_norm, x, &axis, 1, eps);
}

pencl_value *pencl_value_softmax(pencl_value *x, const char *axis)
{
    return named(&pn_op_softmax, x, &axis, 1, 0);
}

pencl_value *pencl_value_argmax(pencl_value *x, const char *axis)
{
    return named(&pn_op_argmax, x, &axis, 1, 0);
}

pencl_value *pencl_value_top_k(pencl_value *x, const char *axis, int64_t k, const char *into)
{
    const char *names[] = {axis, into};
    return named(&pn_op_top_k, x, names, 2, (double)k);
}

pencl_value *pencl_value_matmul(pencl_value *x, pencl_value *w, const char *const axes[], int n)
{
    if (x == NULL || w == NULL) {
        return NULL;
    }
    if (n > PN_MAX_NAMES) {
        return pn_graph_fail(x->graph, PENCL_E_LIMIT, "matmul: more than %d axes", PN_MAX_NAMES);
    }
    pn_op_args args = {.in = {x, w}, .n_in = 2, .n_names = n};
    memcpy(args.names, axes, (size_t)n * sizeof *axes);
    return pn_graph_op(x->graph, &pn_op_matmul, &args);
}

pencl_value *pencl_value_rope(pencl_value *x,
                              pencl_value *positions,
                              const char *axis,
                              double wavelength,
                              double scale,
                              int64_t subset)
{
    if (x == NULL || positions == NULL) {
        return NULL;
    }
    double d = (double)(subset > 0 ? subset : pencl_value_size(x, axis));
    pn_op_args angles = {
        .in = {positions}, .n_in = 1, .num = {wavelength, scale, d}, .names = {axis}, .n_names = 1};
    pencl_value *a = pn_graph_op(x->graph, &pn_op_rope_angles, &angles);
    pn_op_args rope = {.in = {x, a}, .n_in = 2, .num = {d}, .names = {axis}, .n_names = 1};
    return pn_graph_op(x->graph, &pn_op_rope, &rope);
}

pencl_value *pencl_value_lookup(pencl_value *table, const char *axis, pencl_value *ids)
{
    if (table == NULL || ids == NULL) {
        return NULL;
    }
    pn_op_args args = {.in = {table, ids}, .n_in = 2, .names = {axis}, .n_names = 1};
    return pn_graph_op(table->graph, &pn_op_lookup, &args);
}

pencl_value *pencl_value_take(pencl_value *x, const char *axis, pencl_value *ids)
{
    if (x == NULL || ids == NULL) {
        return NULL;
    }
    pn_op_args args = {.in = {x, ids}, .n_in = 2, .names = {axis}, .n_names = 1};
    return pn_graph_op(x->graph, &pn_op_take, &args);
}

pencl_value *pencl_value_mask(pencl_value *scores,
                              pencl_value *positions,
                              pencl_value *kv_positions,
                              pencl_value *token_sequence,
                              pencl_value *kv_sequence,
                              int64_t window)
{
    if (scores == NULL || positions == NULL || kv_positions == NULL) {
        return NULL;
    }
    pn_op_args args = {.in = {scores, positions, kv_positions, token_sequence, kv_sequence},
                       .n_in = token_sequence != NULL && kv_sequence != NULL ? 5 : 3,
                       .num = {(double)window},
                       .names = {PENCL_AXIS_SEQ, PENCL_AXIS_KV_SEQ},
                       .n_names = 2};
    return pn_graph_op(scores->graph, &pn_op_mask, &args);
}

pencl_value *pn_value_cache_write(pencl_value *cache, pencl_value *x, pencl_value *counts)
{
    if (cache == NULL || x == NULL || counts == NULL) {
        return NULL;
    }
    pn_op_args args = {.in = {cache, x, counts},
                       .n_in = 3,
                       .names = {PENCL_AXIS_KV_SEQ, PENCL_AXIS_SEQ},
                       .n_names = 2};
    return pn_graph_op(cache->graph, &pn_op_cache_write, &args);
}
