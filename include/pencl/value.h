/* SPDX-License-Identifier: Apache-2.0 */
/* Values: nodes of a graph, with a dtype and named axes and no data. Layers are functions from
 * values to values, written with the verbs below, which are penzai's.
 *
 *     pencl_value *log_softmax(pencl_value *x)
 *     {
 *         const char *const axis[] = {"vocabulary"};
 *         pencl_value *y = pencl_value_sub(x, pencl_value_max(x, axis, 1));
 *         pencl_value *sum = pencl_value_sum(pencl_value_exp(y), axis, 1);
 *         return pencl_value_sub(y, pencl_value_log(sum));
 *     }
 *
 * A verb returns a value that its graph owns. NULL in gives NULL out; the first error stays on the
 * graph until pencl_eval or pencl_graph_finish moves it to the context, so that a body reads like
 * its formula. Errors name the axis and print the shape of every argument.
 *
 * Verbs of several values work over the union of their axis names: axes of one name pair up and
 * must have one size (E_SHAPE), others broadcast. An axis of size 1 does not broadcast. Positional
 * axes pair up from the last on and broadcast as NumPy's do.
 *
 * Types are joined as in JAX: float16 with bfloat16, or either with float32, gives float32; int32
 * with a floating point type gives that type. int32 is exact and wraps around. Truth is int32, 1 or
 * 0. Values of a block type are weights, for matmul and lookup alone (E_DTYPE).
 */
#ifndef PENCL_VALUE_H
#define PENCL_VALUE_H

#include "pencl/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

PENCL_API pencl_graph *pencl_value_graph(const pencl_value *x);
PENCL_API pencl_dtype pencl_value_dtype(const pencl_value *x);
PENCL_API int pencl_value_n_axes(const pencl_value *x);
PENCL_API const pencl_axis *pencl_value_axis(const pencl_value *x, int i);
PENCL_API int64_t pencl_value_size(const pencl_value *x, const char *axis); /* 1 when absent */

/* Several values as one: what penzai's layers take as a tuple (queries and keys, ...). */
PENCL_API pencl_value *pencl_value_tuple(pencl_value *const items[], int n);
PENCL_API pencl_value *pencl_value_item(pencl_value *tuple, int i);

/* ---- views: no data moves; each as its namesake on arrays (array.h) ---- */

PENCL_API pencl_value *pencl_value_tag(pencl_value *x, const char *const names[], int n);
PENCL_API pencl_value *pencl_value_tag_prefix(pencl_value *x, const char *const names[], int n);
PENCL_API pencl_value *pencl_value_untag(pencl_value *x, const char *const names[], int n);
PENCL_API pencl_value *pencl_value_untag_prefix(pencl_value *x, const char *const names[], int n);
PENCL_API pencl_value *pencl_value_rename(pencl_value *x, const char *from, const char *to);
PENCL_API pencl_value *pencl_value_order(pencl_value *x, const char *const names[], int n);
PENCL_API pencl_value *pencl_value_order_like(pencl_value *x, const pencl_value *other);
PENCL_API pencl_value *pencl_value_canonicalize(pencl_value *x);
PENCL_API pencl_value *pencl_value_slice(pencl_value *x, const char *axis, int64_t from, int64_t n);
PENCL_API pencl_value *
pencl_value_slice_steps(pencl_value *x, const char *axis, int64_t from, int64_t n, int64_t step);
PENCL_API pencl_value *pencl_value_index(pencl_value *x, const char *axis, int64_t at);
PENCL_API pencl_value *pencl_value_insert_axis(pencl_value *x, const char *name);
PENCL_API pencl_value *pencl_value_broadcast_to(pencl_value *x, const pencl_axis *axes, int n);
PENCL_API pencl_value *pencl_value_broadcast_like(pencl_value *x, const pencl_value *other);
PENCL_API pencl_value *
pencl_value_split(pencl_value *x, const char *axis, const pencl_axis *into, int n);
/* Axes that are apart in storage are copied first. */
PENCL_API pencl_value *
pencl_value_merge(pencl_value *x, const char *const axes[], int n, const char *into);

/* ---- constants: computed on the device, where they are read ---- */

/* A number in any shape, no axes being one number. E_ARG: not an int32, where that is asked for. */
PENCL_API pencl_value *pencl_value_full(
    pencl_graph *graph, pencl_dtype dtype, double value, const pencl_axis *axes, int n);
/* n numbers along an axis: start, start + step, ... */
PENCL_API pencl_value *pencl_value_arange(
    pencl_graph *graph, pencl_dtype dtype, const char *axis, double start, int64_t n, double step);

/* ---- elementwise ---- */

PENCL_API pencl_value *pencl_value_add(pencl_value *a, pencl_value *b);
PENCL_API pencl_value *pencl_value_sub(pencl_value *a, pencl_value *b);
PENCL_API pencl_value *pencl_value_mul(pencl_value *a, pencl_value *b);
PENCL_API pencl_value *pencl_value_div(pencl_value *a, pencl_value *b); /* int32 as float32 */
PENCL_API pencl_value *pencl_value_pow(pencl_value *a, pencl_value *b);
PENCL_API pencl_value *pencl_value_minimum(pencl_value *a, pencl_value *b); /* NaN wins */
PENCL_API pencl_value *pencl_value_maximum(pencl_value *a, pencl_value *b);

PENCL_API pencl_value *pencl_value_neg(pencl_value *x);
PENCL_API pencl_value *pencl_value_abs(pencl_value *x);
PENCL_API pencl_value *pencl_value_relu(pencl_value *x); /* 0 where x is below 0 */
/* Of int32 as float32. */
PENCL_API pencl_value *pencl_value_exp(pencl_value *x);
PENCL_API pencl_value *pencl_value_log(pencl_value *x);
PENCL_API pencl_value *pencl_value_sqrt(pencl_value *x);
PENCL_API pencl_value *pencl_value_tanh(pencl_value *x);
PENCL_API pencl_value *pencl_value_scale(pencl_value *x, double by);
PENCL_API pencl_value *pencl_value_soft_cap(pencl_value *x, double cap); /* tanh(x / cap) * cap */
PENCL_API pencl_value *pencl_value_silu(pencl_value *x);                 /* x * sigmoid(x) */
PENCL_API pencl_value *pencl_value_gelu_tanh(pencl_value *x);
PENCL_API pencl_value *pencl_value_gelu_exact(pencl_value *x);
/* The numbers as another type; to int32 towards zero, saturated, NaN as 0. */
PENCL_API pencl_value *pencl_value_cast(pencl_value *x, pencl_dtype dtype);

/* Truth, int32. NaN is not equal, less or greater. */
PENCL_API pencl_value *pencl_value_equal(pencl_value *a, pencl_value *b);
PENCL_API pencl_value *pencl_value_not_equal(pencl_value *a, pencl_value *b);
PENCL_API pencl_value *pencl_value_less(pencl_value *a, pencl_value *b);
PENCL_API pencl_value *pencl_value_less_equal(pencl_value *a, pencl_value *b);
PENCL_API pencl_value *pencl_value_greater(pencl_value *a, pencl_value *b);
PENCL_API pencl_value *pencl_value_greater_equal(pencl_value *a, pencl_value *b);
/* Of int32, any number but 0 being true; else E_DTYPE. */
PENCL_API pencl_value *pencl_value_logical_and(pencl_value *a, pencl_value *b);
PENCL_API pencl_value *pencl_value_logical_or(pencl_value *a, pencl_value *b);
PENCL_API pencl_value *pencl_value_logical_not(pencl_value *x);
/* a where the condition, int32, is not 0, else b. */
PENCL_API pencl_value *pencl_value_where(pencl_value *condition, pencl_value *a, pencl_value *b);

/* ---- along axes: the named ones go. E_AXIS: missing or given twice ---- */

PENCL_API pencl_value *pencl_value_sum(pencl_value *x, const char *const axes[], int n);
PENCL_API pencl_value *pencl_value_mean(pencl_value *x, const char *const axes[], int n);
/* E_SHAPE of no elements. NaN wins. */
PENCL_API pencl_value *pencl_value_max(pencl_value *x, const char *const axes[], int n);
PENCL_API pencl_value *pencl_value_min(pencl_value *x, const char *const axes[], int n);
/* Truth of x being not 0. */
PENCL_API pencl_value *pencl_value_all(pencl_value *x, const char *const axes[], int n);
PENCL_API pencl_value *pencl_value_any(pencl_value *x, const char *const axes[], int n);
/* Index of the largest or smallest element (ties: the lowest; NaN never), int32; along several axes
 * it counts through all of them, the last given fastest. E_SHAPE of no elements. */
PENCL_API pencl_value *pencl_value_argmax(pencl_value *x, const char *const axes[], int n);
PENCL_API pencl_value *pencl_value_argmin(pencl_value *x, const char *const axes[], int n);
/* Indices of the k largest, best first, along a new axis `into`, int32. */
PENCL_API pencl_value *
pencl_value_top_k(pencl_value *x, const char *axis, int64_t k, const char *into);
/* Sums up to and with each element; the axis stays. */
PENCL_API pencl_value *pencl_value_cumsum(pencl_value *x, const char *axis);
/* x / sqrt(mean(x^2) + eps), the mean over `axis`. */
PENCL_API pencl_value *pencl_value_rms_norm(pencl_value *x, const char *axis, double eps);
/* (x - mean) / sqrt(max(mean(x^2) - mean^2, 0) + eps) over `axis`. */
PENCL_API pencl_value *pencl_value_layer_norm(pencl_value *x, const char *axis, double eps);
PENCL_API pencl_value *pencl_value_softmax(pencl_value *x, const char *axis);

/* ---- products ---- */

/* Sums of products over the named axes, which both have; other shared names pair up. The result has
 * the joined type, as penzai's contract. */
PENCL_API pencl_value *
pencl_value_contract(pencl_value *a, pencl_value *b, const char *const axes[], int n);
/* ... what layers use: float32 whatever the types (int32 of two int32), w of a block type if need
 * be. */
PENCL_API pencl_value *
pencl_value_matmul(pencl_value *x, pencl_value *w, const char *const axes[], int n);

/* ---- several values along an axis ---- */

/* One after another along an axis that all have, or along a new one. Other axes agree or are
 * absent. */
PENCL_API pencl_value *
pencl_value_concatenate(pencl_value *const values[], int n, const char *axis);
PENCL_API pencl_value *pencl_value_stack(pencl_value *const values[], int n, const char *axis);
/* A tuple of the elements along an axis, as views. E_SHAPE when there are none. */
PENCL_API pencl_value *pencl_value_unstack(pencl_value *x, const char *axis);
/* A copy in C order of its axes. */
PENCL_API pencl_value *pencl_value_reorder(pencl_value *x, const char *const names[], int n);

/* ---- at indices, as penzai's x[{...}] and x.at[{...}] ---- */

typedef enum pencl_at_kind {
    PENCL_AT_KIND_INDEX,
    PENCL_AT_KIND_RANGE,
    PENCL_AT_KIND_IDS,
    PENCL_AT_KIND_NEW
} pencl_at_kind;

/* What an index says of one axis; made by the macros below. */
typedef struct pencl_at {
    const char *axis;
    pencl_at_kind kind;
    int64_t from;
    int64_t n;
    int64_t step;
    pencl_value *ids;
} pencl_at;

/* One element, -1 being the last: the axis goes. */
#define PENCL_AT_INDEX(axis, at)                                                                   \
    {                                                                                              \
        axis, PENCL_AT_KIND_INDEX, at, 1, 1, NULL                                                  \
    }
/* n elements, `step` apart: the axis stays. */
#define PENCL_AT_RANGE(axis, from, n)                                                              \
    {                                                                                              \
        axis, PENCL_AT_KIND_RANGE, from, n, 1, NULL                                                \
    }
#define PENCL_AT_STEPS(axis, from, n, step)                                                        \
    {                                                                                              \
        axis, PENCL_AT_KIND_RANGE, from, n, step, NULL                                             \
    }
/* An index array, int32, of which -1 is the last element: its axes come instead. Named ones pair up
 * with those of the same name, of x or of other index arrays; positional ones come first. */
#define PENCL_AT_IDS(axis, ids)                                                                    \
    {                                                                                              \
        axis, PENCL_AT_KIND_IDS, 0, 0, 1, ids                                                      \
    }
/* A new axis of size 1. */
#define PENCL_AT_NEW(axis)                                                                         \
    {                                                                                              \
        axis, PENCL_AT_KIND_NEW, 0, 1, 1, NULL                                                     \
    }

/* The part of x. No copy without index arrays. An integer or range beyond its axis is E_SHAPE; an
 * index array's element is then the nearest, as in JAX. */
PENCL_API pencl_value *pencl_value_at(pencl_value *x, const pencl_at *at, int n);
/* x with `by` written over that part, or added to it. `by` has axes of the part, of which those
 * that it lacks broadcast; those that x lacks are new ones of the result. Positional axes of index
 * arrays count updates of one x: the last of several at one place wins, added ones add up; named
 * axes that x lacks give an x each. What lies beyond an axis is left out. The result has x's type:
 * E_DTYPE of floating point numbers into int32. */
PENCL_API pencl_value *
pencl_value_at_set(pencl_value *x, const pencl_at *at, int n, pencl_value *by);
PENCL_API pencl_value *
pencl_value_at_add(pencl_value *x, const pencl_at *at, int n, pencl_value *by);
/* x at one index array: PENCL_AT_IDS(axis, ids). */
PENCL_API pencl_value *pencl_value_take(pencl_value *x, const char *axis, pencl_value *ids);

/* ---- what transformers need besides ---- */

/* Half-split rotary embedding over `axis`: angle i of d/2 is position / wavelength^(2i/d) / scale;
 * `subset` > 0 rotates the first `subset` entries only. positions: int32 with "seq". */
PENCL_API pencl_value *pencl_value_rope(pencl_value *x,
                                        pencl_value *positions,
                                        const char *axis,
                                        double wavelength,
                                        double scale,
                                        int64_t subset);
/* Rows of a table [vocabulary, ...] at the ids, as float32; an id outside of it gives zeros. */
PENCL_API pencl_value *pencl_value_lookup(pencl_value *table, const char *axis, pencl_value *ids);
/* Scores where the query [seq] may see the key [kv_seq]: key position >= 0, <= the query's, nearer
 * than window (0: any), equal sequence ids where both are given; `masked` elsewhere. */
PENCL_API pencl_value *pencl_value_mask(pencl_value *scores,
                                        pencl_value *positions,
                                        pencl_value *kv_positions,
                                        pencl_value *token_sequence,
                                        pencl_value *kv_sequence,
                                        int64_t window);

#ifdef __cplusplus
}
#endif

#endif
