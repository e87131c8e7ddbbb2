/* SPDX-License-Identifier: Apache-2.0 */
/* Computing verbs: each adds a node, or a few. */
#include "graph/graph.h"

#include <string.h>

static bool is_int(const pencl_value *x)
{
    return x->view.spec.dtype == PENCL_I32;
}

/* ---- elementwise, of one ---- */

static pencl_value *unary(const pn_op_def *def, pencl_value *x, double n0)
{
    if (x == NULL) {
        return NULL;
    }
    pn_op_args args = {.in = {x}, .n_in = 1, .num = {n0}};
    return pn_graph_op(x->graph, def, &args);
}

pencl_value *pencl_value_cast(pencl_value *x, pencl_dtype dtype)
{
    return x != NULL && x->items == NULL && x->view.spec.dtype == dtype
               ? x
               : unary(&pn_op_cast, x, (double)dtype);
}

/* Functions of real numbers take integers as float32. */
static pencl_value *real(const pn_op_def *def, pencl_value *x, double n0)
{
    return unary(def, x != NULL && is_int(x) ? pencl_value_cast(x, PENCL_F32) : x, n0);
}

pencl_value *pencl_value_neg(pencl_value *x)
{
    return unary(&pn_op_neg, x, 0);
}

pencl_value *pencl_value_abs(pencl_value *x)
{
    return unary(&pn_op_abs, x, 0);
}

pencl_value *pencl_value_relu(pencl_value *x)
{
    return unary(&pn_op_relu, x, 0);
}

pencl_value *pencl_value_exp(pencl_value *x)
{
    return real(&pn_op_exp, x, 0);
}

pencl_value *pencl_value_log(pencl_value *x)
{
    return real(&pn_op_log, x, 0);
}

pencl_value *pencl_value_sqrt(pencl_value *x)
{
    return real(&pn_op_sqrt, x, 0);
}

pencl_value *pencl_value_tanh(pencl_value *x)
{
    return real(&pn_op_tanh, x, 0);
}

pencl_value *pencl_value_scale(pencl_value *x, double by)
{
    return real(&pn_op_scale, x, by);
}

pencl_value *pencl_value_soft_cap(pencl_value *x, double cap)
{
    return real(&pn_op_soft_cap, x, cap);
}

pencl_value *pencl_value_silu(pencl_value *x)
{
    return real(&pn_op_silu, x, 0);
}

pencl_value *pencl_value_gelu_tanh(pencl_value *x)
{
    return real(&pn_op_gelu_tanh, x, 0);
}

pencl_value *pencl_value_gelu_exact(pencl_value *x)
{
    return real(&pn_op_gelu_exact, x, 0);
}

pencl_value *pencl_value_logical_not(pencl_value *x)
{
    return unary(&pn_op_logical_not, x, 0);
}

/* ---- elementwise, of several ---- */

/* Integers beside floating point numbers become those. */
static void join_types(pencl_value **a, pencl_value **b)
{
    if (*a == NULL || *b == NULL || is_int(*a) == is_int(*b)) {
        return;
    }
    pencl_value **integers = is_int(*a) ? a : b;
    pencl_dtype other = (is_int(*a) ? *b : *a)->view.spec.dtype;
    *integers = pencl_value_cast(*integers, pn_promote(PENCL_I32, other));
}

static pencl_value *pair(const pn_op_def *def, pencl_value *a, pencl_value *b)
{
    if (a == NULL || b == NULL) {
        return NULL;
    }
    pn_op_args args = {.in = {a, b}, .n_in = 2};
    return pn_graph_op(a->graph, def, &args);
}

static pencl_value *binary(const pn_op_def *def, pencl_value *a, pencl_value *b)
{
    join_types(&a, &b);
    return pair(def, a, b);
}

pencl_value *pencl_value_add(pencl_value *a, pencl_value *b)
{
    return binary(&pn_op_add, a, b);
}

pencl_value *pencl_value_sub(pencl_value *a, pencl_value *b)
{
    return binary(&pn_op_sub, a, b);
}

pencl_value *pencl_value_mul(pencl_value *a, pencl_value *b)
{
    return binary(&pn_op_mul, a, b);
}

pencl_value *pencl_value_div(pencl_value *a, pencl_value *b)
{
    if (a != NULL && b != NULL && is_int(a) && is_int(b)) {
        a = pencl_value_cast(a, PENCL_F32);
    }
    return binary(&pn_op_div, a, b);
}

pencl_value *pencl_value_pow(pencl_value *a, pencl_value *b)
{
    return binary(&pn_op_pow, a, b);
}

pencl_value *pencl_value_minimum(pencl_value *a, pencl_value *b)
{
    return binary(&pn_op_minimum, a, b);
}

pencl_value *pencl_value_maximum(pencl_value *a, pencl_value *b)
{
    return binary(&pn_op_maximum, a, b);
}

pencl_value *pencl_value_equal(pencl_value *a, pencl_value *b)
{
    return binary(&pn_op_equal, a, b);
}

pencl_value *pencl_value_not_equal(pencl_value *a, pencl_value *b)
{
    return binary(&pn_op_not_equal, a, b);
}

pencl_value *pencl_value_less(pencl_value *a, pencl_value *b)
{
    return binary(&pn_op_less, a, b);
}

pencl_value *pencl_value_less_equal(pencl_value *a, pencl_value *b)
{
    return binary(&pn_op_less_equal, a, b);
}

pencl_value *pencl_value_greater(pencl_value *a, pencl_value *b)
{
    return binary(&pn_op_greater, a, b);
}

pencl_value *pencl_value_greater_equal(pencl_value *a, pencl_value *b)
{
    return binary(&pn_op_greater_equal, a, b);
}

pencl_value *pencl_value_logical_and(pencl_value *a, pencl_value *b)
{
    return pair(&pn_op_logical_and, a, b);
}

pencl_value *pencl_value_logical_or(pencl_value *a, pencl_value *b)
{
    return pair(&pn_op_logical_or, a, b);
}

pencl_value *pencl_value_where(pencl_value *condition, pencl_value *a, pencl_value *b)
{
    join_types(&a, &b);
    if (condition == NULL || a == NULL || b == NULL) {
        return NULL;
    }
    pn_op_args args = {.in = {condition, a, b}, .n_in = 3};
    return pn_graph_op(condition->graph, &pn_op_where, &args);
}

/* ---- constants ---- */

pencl_value *
pencl_value_full(pencl_graph *graph, pencl_dtype dtype, double value, const pencl_axis *axes, int n)
{
    pn_op_args args = {.num = {value, (double)dtype}};
    return pencl_value_broadcast_to(pn_graph_op(graph, &pn_op_full, &args), axes, n);
}

pencl_value *pencl_value_arange(
    pencl_graph *graph, pencl_dtype dtype, const char *axis, double start, int64_t n, double step)
{
    if (!pn_graph_new_name(graph, "arange", axis)) {
        return NULL;
    }
    pn_op_args args = {
        .num = {start, step, (double)n, (double)dtype}, .names = {axis}, .n_names = 1};
    return pn_graph_op(graph, &pn_op_arange, &args);
}

/* ---- with axis names ---- */

static bool
fit_names(pencl_graph *g, const pn_op_def *def, pn_op_args *args, const char *const names[], int n)
{
    if (n < 0 || n > PN_MAX_NAMES) {
        pn_graph_fail(g, PENCL_E_LIMIT, "%s: %d axes, at most %d are possible", def->name, n,
                      PN_MAX_NAMES);
        return false;
    }
    for (int i = 0; i < n; i++) {
        args->names[i] = names[i];
    }
    args->n_names = n;
    return true;
}

static pencl_value *
named(const pn_op_def *def, pencl_value *x, const char *const names[], int n, double n0)
{
    pn_op_args args = {.in = {x}, .n_in = 1, .num = {n0}};
    if (x == NULL || !fit_names(x->graph, def, &args, names, n)) {
        return NULL;
    }
    return pn_graph_op(x->graph, def, &args);
}

pencl_value *pencl_value_sum(pencl_value *x, const char *const axes[], int n)
{
    return named(&pn_op_sum, x, axes, n, 0);
}

pencl_value *pencl_value_mean(pencl_value *x, const char *const axes[], int n)
{
    return named(&pn_op_mean, x, axes, n, 0);
}

pencl_value *pencl_value_max(pencl_value *x, const char *const axes[], int n)
{
    return named(&pn_op_max, x, axes, n, 0);
}

pencl_value *pencl_value_min(pencl_value *x, const char *const axes[], int n)
{
    return named(&pn_op_min, x, axes, n, 0);
}

pencl_value *pencl_value_all(pencl_value *x, const char *const axes[], int n)
{
    return named(&pn_op_all_true, x, axes, n, 0);
}

pencl_value *pencl_value_any(pencl_value *x, const char *const axes[], int n)
{
    return named(&pn_op_any_true, x, axes, n, 0);
}

pencl_value *pencl_value_argmax(pencl_value *x, const char *const axes[], int n)
{
    return named(&pn_op_argmax, x, axes, n, 0);
}

pencl_value *pencl_value_argmin(pencl_value *x, const char *const axes[], int n)
{
    return named(&pn_op_argmin, x, axes, n, 0);
}

pencl_value *pencl_value_cumsum(pencl_value *x, const char *axis)
{
    return named(&pn_op_cumsum, x, &axis, 1, 0);
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

pencl_value *pencl_value_top_k(pencl_value *x, const char *axis, int64_t k, const char *into)
{
    const char *names[] = {axis, into};
    if (x == NULL || !pn_graph_new_name(x->graph, "top_k", into)) {
        return NULL;
    }
    return named(&pn_op_top_k, x, names, 2, (double)k);
}

/* ---- products ---- */

pencl_value *pencl_value_matmul(pencl_value *x, pencl_value *w, const char *const axes[], int n)
{
    pn_op_args args = {.in = {x, w}, .n_in = 2};
    if (x == NULL || w == NULL || !fit_names(x->graph, &pn_op_matmul, &args, axes, n)) {
        return NULL;
    }
    return pn_graph_op(x->graph, &pn_op_matmul, &args);
}

pencl_value *pencl_value_contract(pencl_value *a, pencl_value *b, const char *const axes[], int n)
{
    join_types(&a, &b);
    if (a == NULL || b == NULL) {
        return NULL;
    }
    pencl_dtype dtype = pn_promote(a->view.spec.dtype, b->view.spec.dtype);
    return pencl_value_cast(pencl_value_matmul(a, b, axes, n), dtype);
}

/* ---- what transformers need besides ---- */

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
