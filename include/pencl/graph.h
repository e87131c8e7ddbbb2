/* SPDX-License-Identifier: Apache-2.0 */
/* Values: nodes of a graph, with a dtype and named axes and no data. Layers are functions from
 * values to values, written with the verbs below.
 *
 *     pencl_value *half_norm(pencl_value *x)
 *     {
 *         pencl_value *n = pencl_value_rms_norm(x, "embedding", 1e-6);
 *         return pencl_value_scale(n, 0.5);
 *     }
 *
 * A builder returns a value that its graph owns. NULL in gives NULL out; the first error stays on
 * the graph until pencl_eval or the caller's trace ends, so that a body reads like its formula.
 * Elementwise verbs broadcast over the union of axis names, by absence only.
 */
#ifndef PENCL_GRAPH_H
#define PENCL_GRAPH_H

#include "pencl/array.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pencl_graph pencl_graph;
typedef struct pencl_value pencl_value;

/* A graph for values on one device. Free it after its last value is used. */
PENCL_API PENCL_NODISCARD pencl_status pencl_graph_new(pencl_graph **out, pencl_device *device);
PENCL_API void pencl_graph_free(pencl_graph *graph);
/* Moves the graph's first error to the context: PENCL_OK when there is none. */
PENCL_API PENCL_NODISCARD pencl_status pencl_graph_finish(pencl_graph *graph);

/* An array as a value; the array must stay alive while the graph lives. */
PENCL_API pencl_value *pencl_graph_array(pencl_graph *graph, const pencl_array *array);
/* Computes values; arrays[i] is yours. The plan is kept with the graph. */
PENCL_API PENCL_NODISCARD pencl_status pencl_eval(pencl_graph *graph,
                                                  pencl_value *const values[],
                                                  int n,
                                                  pencl_array **arrays);

PENCL_API pencl_graph *pencl_value_graph(const pencl_value *x);
PENCL_API pencl_dtype pencl_value_dtype(const pencl_value *x);
PENCL_API int pencl_value_n_axes(const pencl_value *x);
PENCL_API const pencl_axis *pencl_value_axis(const pencl_value *x, int i);
PENCL_API int64_t pencl_value_size(const pencl_value *x, const char *axis); /* 1 when absent */

/* Several values as one: what penzai's layers take as a tuple (queries and keys, ...). */
PENCL_API pencl_value *pencl_value_tuple(pencl_value *const items[], int n);
PENCL_API pencl_value *pencl_value_item(pencl_value *tuple, int i);

/* Metadata only: no data moves. */
PENCL_API pencl_value *pencl_value_rename(pencl_value *x, const char *from, const char *to);
PENCL_API pencl_value *pencl_value_slice(pencl_value *x, const char *axis, int64_t from, int64_t n);
PENCL_API pencl_value *pencl_value_order(pencl_value *x, const char *const names[], int n);
PENCL_API pencl_value *
pencl_value_split(pencl_value *x, const char *axis, const pencl_axis *into, int n);
PENCL_API pencl_value *
pencl_value_merge(pencl_value *x, const char *const axes[], int n, const char *into);

/* Elementwise. */
PENCL_API pencl_value *pencl_value_add(pencl_value *a, pencl_value *b);
PENCL_API pencl_value *pencl_value_mul(pencl_value *a, pencl_value *b);
PENCL_API pencl_value *pencl_value_scale(pencl_value *x, double by);
PENCL_API pencl_value *pencl_value_soft_cap(pencl_value *x, double cap); /* tanh(x / cap) * cap */
PENCL_API pencl_value *pencl_value_silu(pencl_value *x);                 /* x * sigmoid(x) */
PENCL_API pencl_value *pencl_value_gelu_tanh(pencl_value *x);
PENCL_API pencl_value *pencl_value_gelu_exact(pencl_value *x);
PENCL_API pencl_value *pencl_value_cast(pencl_value *x, pencl_dtype dtype);
/* A copy in C order of its axes. */
PENCL_API pencl_value *pencl_value_reorder(pencl_value *x, const char *const names[], int n);

/* Sums over the named axes, which both have; other shared names pair up (penzai's contract). */
PENCL_API pencl_value *
pencl_value_matmul(pencl_value *x, pencl_value *w, const char *const axes[], int n);
/* x / sqrt(mean(x^2) + eps), the mean over `axis`. */
PENCL_API pencl_value *pencl_value_rms_norm(pencl_value *x, const char *axis, double eps);
/* (x - mean) / sqrt(max(mean(x^2) - mean^2, 0) + eps) over `axis`. */
PENCL_API pencl_value *pencl_value_layer_norm(pencl_value *x, const char *axis, double eps);
PENCL_API pencl_value *pencl_value_softmax(pencl_value *x, const char *axis);
/* Half-split rotary embedding over `axis`: angle i of d/2 is position / wavelength^(2i/d) / scale;
 * `subset` > 0 rotates the first `subset` entries only. positions: int32 with "seq". */
PENCL_API pencl_value *pencl_value_rope(pencl_value *x,
                                        pencl_value *positions,
                                        const char *axis,
                                        double wavelength,
                                        double scale,
                                        int64_t subset);
/* Rows of a table [vocabulary, ...] at the ids. */
PENCL_API pencl_value *pencl_value_lookup(pencl_value *table, const char *axis, pencl_value *ids);
/* x at the ids along `axis`; the ids' axes replace it. */
PENCL_API pencl_value *pencl_value_take(pencl_value *x, const char *axis, pencl_value *ids);
/* Scores where the query [seq] may see the key [kv_seq]: key position >= 0, <= the query's, nearer
 * than window (0: any), equal sequence ids where both are given; `masked` elsewhere. */
PENCL_API pencl_value *pencl_value_mask(pencl_value *scores,
                                        pencl_value *positions,
                                        pencl_value *kv_positions,
                                        pencl_value *token_sequence,
                                        pencl_value *kv_sequence,
                                        int64_t window);
/* Index of the largest element along `axis` (ties: the lowest), int32. */
PENCL_API pencl_value *pencl_value_argmax(pencl_value *x, const char *axis);
/* Indices of the k largest, best first, along a new axis `into`, int32. */
PENCL_API pencl_value *
pencl_value_top_k(pencl_value *x, const char *axis, int64_t k, const char *into);

#ifdef __cplusplus
}
#endif

#endif
